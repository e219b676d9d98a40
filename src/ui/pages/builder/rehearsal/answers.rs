//! What a step of the rehearsed run is told: what its tool returns or how it fails, what a person decides, and after how
//! long. Stands in the row of the step, where a real run has the forms for people.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::HtmlElement;
use serde_json::Value;

use super::super::editor::Editor;
use super::sample::{Sample, written_input};
use crate::engine::event::{Decision, Resolution};
use crate::engine::ids::StepPath;
use crate::engine::rehearse::answer::{Answer, Answers, Failure, Says};
use crate::engine::rehearse::{Ask, Asked, Intent};
use crate::engine::state::{RunState, StepStatus};
use crate::engine::workflow::StepKind;
use crate::ui::components::GateQuestion;
use crate::ui::format;
use crate::workbench::Move;

/// What can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Call,
    /// Another run, or somebody outside.
    Elsewhere,
    Gate,
    Doubt,
}

impl Kind {
    /// What the step of a run asks sooner or later; none of what is decided on the spot.
    fn of_step(kind: StepKind, has_tool: bool) -> Option<Self> {
        match kind {
            StepKind::ToolCall => Some(Kind::Call),
            StepKind::Wait => has_tool.then_some(Kind::Call),
            StepKind::HumanGate => Some(Kind::Gate),
            StepKind::Subworkflow | StepKind::External => Some(Kind::Elsewhere),
            StepKind::Condition
            | StepKind::Parallel
            | StepKind::Join
            | StepKind::Transform
            | StepKind::Map
            | StepKind::Loop => None,
        }
    }

    fn of_question(asked: &Asked) -> Self {
        match asked {
            Asked::Call(_) => Kind::Call,
            Asked::Run { .. } | Asked::Outside { .. } => Kind::Elsewhere,
            Asked::Gate { .. } => Kind::Gate,
            Asked::Doubt { .. } => Kind::Doubt,
        }
    }

    /// Words of the choice, and what people read.
    fn choices(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Kind::Call => &[
                ("returns", "It returns"),
                ("fails", "It fails"),
                ("lost", "Its answer is lost"),
                ("never", "It never answers"),
            ],
            Kind::Elsewhere => &[
                ("returns", "It ends with"),
                ("fails", "It fails"),
                ("never", "It never ends"),
            ],
            Kind::Gate => &[
                ("approve", "Approved"),
                ("reject", "Rejected"),
                ("never", "Nobody answers"),
            ],
            Kind::Doubt => &[
                ("happened", "It happened"),
                ("did_not", "It did not"),
                ("retry", "Do it again"),
            ],
        }
    }
}

/// What is asked here, if anything, and the form that answers it.
#[component]
pub(super) fn AnswerPlace(
    editor: Editor,
    state: RwSignal<RunState>,
    path: StepPath,
) -> impl IntoView {
    let stage = editor.stage;
    let (kind, tool) = state.with_untracked(|state| {
        let shape = state.find(&path).map(|at| state.steps[at].shape);
        let step = shape.map(|shape| &state.outline.steps[shape]);
        let tool = step.and_then(|step| step.tool.clone());
        let kind = step.and_then(|step| Kind::of_step(step.kind, tool.is_some()));
        (kind, tool)
    });
    let question = {
        let path = path.clone();
        Memo::new(move |_| stage.question(&path))
    };
    let is_to_come = {
        let path = path.clone();
        Memo::new(move |_| {
            state.with(|state| {
                let status = state.step(&path).map(|step| step.status);
                status == Some(StepStatus::Pending) && state.end.is_none()
            })
        })
    };
    keep_focus(editor, question, path.clone());
    let called = tool.clone();
    let ahead = Memo::new(move |_| {
        let none = question.with(Option::is_none);
        kind.filter(|_| none && is_to_come.get())
    });
    // Each question has a form of its own: what was chosen for the one before is not said to the next.
    view! {
        <For each=move || question.get() key=|ask| (ask.number, ask.intent == Intent::Open) let(ask)>
            {asked(editor, ask, called.as_deref()).into_any()}
        </For>
        {move || ahead.get().map(|kind| {
            let sample = Sample::of(editor, tool.as_deref(), &written_input(editor, &path));
            let form = form(editor, path.clone(), kind, sample, true);
            view! {
                <details class="more rehearsal-ahead">
                    <summary>"Say beforehand"<span class="visually-hidden">{format!(" what {path} answers")}</span></summary>
                    {form}
                </details>
            }
            .into_any()
        })}
    }
}

/// Whoever has answered stays where the answer is: the form that had the focus is gone.
fn keep_focus(editor: Editor, question: Memo<Option<Ask>>, path: StepPath) {
    Effect::new(move |before: Option<bool>| {
        let asks = question.with(Option::is_some);
        let answered = editor.stage.answered.get_untracked().as_ref() == Some(&path);
        if before == Some(true) && !asks && answered {
            editor.stage.answered.set(None);
            let row = document().get_element_by_id(&format!("step-{path}"));
            if let Some(row) = row.and_then(|row| row.dyn_into::<HtmlElement>().ok()) {
                // It is there, so it can have the focus.
                let _ = row.focus();
            }
        }
        asks
    });
}

/// A question that is open.
fn asked(editor: Editor, ask: Ask, tool: Option<&str>) -> impl IntoView + use<> {
    let elapsed = move || editor.stage.scene.with(|scene| scene.elapsed_ms);
    let intent = ask.intent.clone();
    let ready = (intent != Intent::Open).then_some(move || match &intent {
        Intent::Open => String::new(),
        Intent::Never => "Nobody answers this. Only its time can run out.".to_owned(),
        Intent::Says { answer, due_ms } => {
            let left = format::duration(due_ms.saturating_sub(elapsed()));
            format!("Its answer comes in {left}: {}.", in_words(&answer.says))
        }
        Intent::Stops { .. } => "It has been told to stop, and does.".to_owned(),
    });
    let kind = Kind::of_question(&ask.what);
    let given = match &ask.what {
        Asked::Call(call) => &call.input,
        Asked::Run { .. } | Asked::Outside { .. } | Asked::Gate { .. } | Asked::Doubt { .. } => {
            &Value::Null
        }
    };
    let sample = Sample::of(editor, tool, given);
    let what = match ask.what {
        Asked::Gate { question, .. } => view! { <GateQuestion question /> }.into_any(),
        Asked::Doubt { message, .. } => {
            let ended_in = message.trim_end_matches('.').to_owned();
            view! { <p class="gate-message">"Only a person can tell what became of this: " {ended_in} "."</p> }.into_any()
        }
        Asked::Call(call) => input(call.input),
        Asked::Run { input: given, .. } | Asked::Outside { input: given, .. } => input(given),
    };
    let form = form(editor, ask.step.clone(), kind, sample, false);
    let form = match ready {
        None => form,
        Some(ready) => view! {
            <p class="muted">{ready}</p>
            <details class="more"><summary>"Say something else"</summary>{form}</details>
        }
        .into_any(),
    };
    view! { <div class="gate rehearsal-ask">{what} {form}</div> }
}

/// What it is asked with.
fn input(given: Value) -> AnyView {
    let tells = given.as_object().is_none_or(|fields| !fields.is_empty()) && !given.is_null();
    tells
        .then(|| view! { <div class="shown"><p class="shown-label">"It is asked with"</p><pre class="json" tabindex="0">{format::pretty(&given)}</pre></div> })
        .into_any()
}

fn in_words(says: &Says) -> String {
    match says {
        Says::Returns(value) => format!("it returns {}", format::brief(value)),
        Says::Fails(failure) => format!("it fails with {}", failure.code),
        Says::Lost(_) => "it is lost".to_owned(),
        Says::Never => "none".to_owned(),
        Says::Decides { decision, by, .. } => format!("{} by {by}", decision.past_tense()),
        Says::Resolves { resolution, by, .. } => match resolution {
            Resolution::Happened => format!("{by} says that it happened"),
            Resolution::DidNot => format!("{by} says that it did not"),
            Resolution::Retry => format!("{by} has it done again"),
        },
    }
}

/// What is being typed into one form.
#[derive(Clone, Copy)]
struct Draft {
    choice: RwSignal<&'static str>,
    value: RwSignal<String>,
    code: RwSignal<String>,
    message: RwSignal<String>,
    by: RwSignal<String>,
    seconds: RwSignal<String>,
    each_time: RwSignal<bool>,
}

impl Draft {
    /// The error is a sentence.
    fn answer(self) -> Result<Answer, String> {
        let seconds = self.seconds.get_untracked();
        let seconds: f64 = seconds
            .trim()
            .parse()
            .ok()
            .filter(|seconds| (0.0..=1e9).contains(seconds))
            .ok_or("After how many seconds? A number, such as 0 or 90.")?;
        let by = self.by.get_untracked().trim().to_owned();
        let named = || match by.as_str() {
            "" => Err("Say who does it.".to_owned()),
            by => Ok(by.to_owned()),
        };
        let comment = self.message.get_untracked();
        let says = match self.choice.get_untracked() {
            "returns" => {
                let text = self.value.get_untracked();
                let output = serde_json::from_str(&text);
                Says::Returns(output.map_err(|error| not_json(&text, &error))?)
            }
            "fails" => Says::Fails(Failure {
                code: self.code.get_untracked().trim().to_owned(),
                message: comment,
                data: None,
            }),
            "lost" => Says::Lost("the connection was lost".to_owned()),
            word @ ("approve" | "reject") => Says::Decides {
                decision: match word {
                    "approve" => Decision::Approve,
                    _ => Decision::Reject,
                },
                by: named()?,
                comment,
            },
            word @ ("happened" | "did_not" | "retry") => Says::Resolves {
                resolution: match word {
                    "happened" => Resolution::Happened,
                    "did_not" => Resolution::DidNot,
                    _ => Resolution::Retry,
                },
                by: named()?,
                comment,
            },
            _ => Says::Never,
        };
        // Whole milliseconds; the bound above keeps it in range.
        Ok(says.after_ms((seconds * 1_000.0).round() as u64))
    }
}

/// A sentence, without the parser's own words for the end of the text.
fn not_json(text: &str, error: &serde_json::Error) -> String {
    if text.trim().is_empty() {
        return "Nothing is written here. Without any output, write null.".to_owned();
    }
    if error.is_eof() {
        return "That is not JSON: it ends before it is complete. Is a bracket or a quote missing?"
            .to_owned();
    }
    format!("That is not JSON: {error}.")
}

/// `ahead`: it has not been asked yet.
fn form(editor: Editor, path: StepPath, kind: Kind, sample: Sample, ahead: bool) -> AnyView {
    let draft = Draft {
        choice: RwSignal::new(kind.choices()[0].0),
        value: RwSignal::new(format::pretty(&sample.value)),
        code: RwSignal::new("failed".to_owned()),
        message: RwSignal::new(String::new()),
        by: RwSignal::new("author".to_owned()),
        seconds: RwSignal::new("0".to_owned()),
        each_time: RwSignal::new(false),
    };
    let wrong = RwSignal::new(None::<String>);
    let id = format!("answer-{path}").replace('.', "-");
    let say = {
        let path = path.clone();
        move |_| match draft.answer() {
            Err(why) => wrong.set(Some(why)),
            Ok(answer) => {
                wrong.set(None);
                let step = path.clone();
                let made = match ahead || draft.each_time.get_untracked() {
                    true => Move::Choose {
                        step,
                        answers: Answers::new(vec![answer]),
                    },
                    false => Move::Say { step, answer },
                };
                editor.stage.answered.set(Some(path.clone()));
                editor.stage.make(editor, made);
                if ahead {
                    editor.said.set(format!("Kept for when {path} is asked."));
                }
            }
        }
    };
    let label = if ahead {
        "Say this when it is asked"
    } else {
        "Say it"
    };
    let each = (!ahead && matches!(kind, Kind::Call | Kind::Elsewhere)).then(|| {
        let id = format!("{id}-each");
        view! {
            <div class="field field-check">
                <input id=id.clone() type="checkbox" on:change:target=move |event| draft.each_time.set(event.target().checked()) />
                <label for=id>"Each time this step is asked"</label>
            </div>
        }
    });
    view! {
        <div class="rehearsal-answer">
            {choice_of(kind, draft, &id)}
            {details_of(draft, &id, sample.only)}
            {text_of("After how many seconds", format!("{id}-after"), draft.seconds)}
            {each}
            {move || wrong.get().map(|why| view! { <p class="field-error" role="alert">{why}</p> })}
            <button type="button" class="button button-small button-primary" on:click=say>{label}</button>
        </div>
    }
    .into_any()
}

fn choice_of(kind: Kind, draft: Draft, id: &str) -> AnyView {
    let choices = kind.choices();
    let options: Vec<_> = choices
        .iter()
        .map(|(word, text)| view! { <option value=*word>{*text}</option> })
        .collect();
    let chosen = move |word: String| {
        if let Some((word, _)) = choices.iter().find(|(known, _)| *known == word) {
            draft.choice.set(word);
        }
    };
    let id = format!("{id}-choice");
    view! {
        <div class="field">
            <label for=id.clone()>"What happens"</label>
            <select id=id on:change:target=move |event| chosen(event.target().value())>{options}</select>
        </div>
    }
    .into_any()
}

/// The fields that the choice needs.
fn details_of(draft: Draft, id: &str, only: Option<String>) -> impl IntoView + use<> {
    let id = id.to_owned();
    move || match draft.choice.get() {
        "returns" => {
            let id = format!("{id}-value");
            let hint = only.clone().map(|only| {
                let id = format!("{id}-hint");
                view! { <p class="hint" id=id>{only}</p> }
            });
            let described = only.is_some().then(|| format!("{id}-hint"));
            view! {
                <div class="field">
                    <label for=id.clone()>"Output (JSON)"</label>
                    {hint}
                    <textarea id=id class="rehearsal-json" rows="4" spellcheck="false" aria-describedby=described prop:value=move || draft.value.get()
                        on:input:target=move |event| draft.value.set(event.target().value())></textarea>
                </div>
            }
            .into_any()
        }
        "fails" => (
            text_of("Error code", format!("{id}-code"), draft.code),
            text_of("Message (optional)", format!("{id}-message"), draft.message),
        )
            .into_any(),
        "lost" | "never" => ().into_any(),
        _ => (
            text_of("By", format!("{id}-by"), draft.by),
            text_of("Comment (optional)", format!("{id}-comment"), draft.message),
        )
            .into_any(),
    }
}

fn text_of(label: &'static str, id: String, text: RwSignal<String>) -> AnyView {
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            <input id=id autocomplete="off" prop:value=move || text.get() on:input:target=move |event| text.set(event.target().value()) />
        </div>
    }
    .into_any()
}
