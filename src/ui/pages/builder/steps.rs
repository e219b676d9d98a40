//! The form of one step: what every step has, and what its kind needs.

use leptos::prelude::*;
use serde_json::Value;

use super::editor::{Editor, Selected};
use super::fields::{FieldOf, check_field, choice_field, number_field, text_field};
use super::values::value_field;
use crate::engine::edit;
use crate::engine::ids::StepId;
use crate::engine::input::{Field, FieldKind, TextFormat, fields};
use crate::engine::workflow::{
    Approval, ErrorPolicy, ItemErrorPolicy, JoinRule, RetryPolicy, Step, StepKind, Timeout,
};

/// How a part of a step is read, and how it is changed.
struct Part<T: 'static>(fn(&Step) -> &Option<T>, fn(&mut Step) -> &mut Option<T>);

macro_rules! part {
    ($field:ident) => {
        Part(|step| &step.$field, |step| &mut step.$field)
    };
}

/// A step, and how its form reads and changes it.
#[derive(Clone)]
pub(super) struct StepForm {
    editor: Editor,
    id: StepId,
}

impl StepForm {
    fn field(&self, name: &str, label: &str, hint: &str) -> FieldOf {
        FieldOf {
            editor: self.editor,
            place: Selected::Step(self.id.clone()),
            name: name.to_owned(),
            label: label.to_owned(),
            hint: hint.to_owned(),
        }
    }

    /// Reads from the step as it is in the draft.
    fn read<T: Default + 'static>(
        &self,
        read: impl Fn(&Step) -> T + Send + Sync + 'static,
    ) -> impl Fn() -> T + Send + Sync + Clone + 'static {
        let Self { editor, id } = self.clone();
        let read = std::sync::Arc::new(read);
        move || {
            editor.document.with(|draft| {
                edit::find(draft, &id)
                    .map(|step| read(step))
                    .unwrap_or_default()
            })
        }
    }

    fn write<T>(
        &self,
        field: &'static str,
        write: impl Fn(&mut Step, T) + Send + Sync + Clone + 'static,
    ) -> impl Fn(T) + Send + Sync + Clone + 'static {
        let Self { editor, id } = self.clone();
        move |value| editor.change_step(&id, field, |step| write(step, value))
    }

    /// An optional text.
    fn text(
        &self,
        name: &'static str,
        label: &str,
        hint: &str,
        lines: u32,
        Part(get, part): Part<String>,
    ) -> AnyView {
        let value = self.read(move |step| get(step).clone().unwrap_or_default());
        let change = self.write(name, move |step, text: String| {
            *part(step) = (!text.is_empty()).then_some(text);
        });
        text_field(self.field(name, label, hint), lines, value, change)
    }

    /// Milliseconds, or `never`.
    fn timeout(&self, label: &str, hint: &str) -> AnyView {
        let value = self.read(|step| match step.timeout_ms {
            Some(Timeout::Ms(ms)) => Some(ms),
            Some(Timeout::Never) | None => None,
        });
        let change = self.write("timeout_ms", |step, ms: Option<u64>| {
            step.timeout_ms = ms.map(Timeout::Ms);
        });
        number_field(self.field("timeout_ms", label, hint), value, change)
    }

    fn value(
        &self,
        name: &'static str,
        label: &str,
        hint: &str,
        kind: FieldKind,
        Part(get, part): Part<Value>,
    ) -> AnyView {
        let value = self.read(move |step| get(step).clone());
        let change = self.write(name, move |step, value: Option<Value>| *part(step) = value);
        value_field(
            self.field(name, label, hint),
            kind,
            Some(self.id.clone()),
            value,
            change,
        )
    }
}

/// The form of the step with this id.
#[component]
pub(super) fn StepPanel(editor: Editor, id: StepId) -> impl IntoView {
    let form = StepForm {
        editor,
        id: id.clone(),
    };
    let step = editor
        .document
        .with_untracked(|draft| edit::find(draft, &id).cloned());
    let Some(step) = step else {
        return ().into_any();
    };
    let specific = specific(&form, &step);
    let policies = policies(&form, step.kind);
    view! {
        <div class="form builder-form">
            {form.text("name", "Name", "What people read. Made of the id when empty.", 1, part!(name))}
            {form.text("description", "Description", "", 2, part!(description))}
            {specific}
            {policies}
        </div>
    }
    .into_any()
}

fn specific(form: &StepForm, step: &Step) -> AnyView {
    match step.kind {
        StepKind::ToolCall => tool_form(form, step),
        StepKind::HumanGate => gate_form(form),
        StepKind::Condition => form.text(
            "expression",
            "Condition",
            "A CEL expression, such as size(judge.breaches) > 0. The ways behind this step look at its result.",
            2,
            part!(expression),
        ),
        StepKind::Parallel => {
            view! { <p class="hint">"Everything this step leads to begins at the same time."</p> }.into_any()
        }
        StepKind::Join => join_form(form),
        StepKind::Transform => set_form(form, step),
        StepKind::Map => map_form(form),
        StepKind::Loop => loop_form(form),
        StepKind::Wait => wait_form(form, step),
        StepKind::Subworkflow => subworkflow_form(form),
        StepKind::External => view! {
            {form.value("with", "What is to be done", "What the one outside finds beside the step, as JSON.", FieldKind::Json, part!(with))}
            {form.timeout("Deadline (ms)", "When nobody has reported by then, the step fails. A month when empty.")}
        }
        .into_any(),
    }
}

/// The tool, and a field for each property of its input.
fn tool_form(form: &StepForm, step: &Step) -> AnyView {
    let tool = step.tool.clone().unwrap_or_default();
    let (tools, inputs, about) = form.editor.catalogue.with_value(|catalogue| {
        let tools: Vec<(String, String)> = catalogue
            .names()
            .map(|name| (name.to_owned(), name.to_owned()))
            .collect();
        let spec = catalogue.get(&tool);
        let inputs = fields(spec.map(|spec| &spec.input_schema));
        let about = spec.map(|spec| spec.description.clone());
        (tools, inputs, about.unwrap_or_default())
    });
    let choose = choice_field(
        form.field("tool", "Tool", &about),
        tools,
        form.read(|step| step.tool.clone().unwrap_or_default()),
        form.write("tool", |step, tool: String| step.tool = Some(tool)),
    );
    let inputs: Vec<_> = inputs
        .into_iter()
        .map(|input| input_field(form, input))
        .collect();
    view! {
        {choose}
        {inputs}
        {form.timeout("Time for one try (ms)", "That of the tool when empty.")}
    }
    .into_any()
}

fn input_field(form: &StepForm, input: Field) -> AnyView {
    let name = input.name.clone();
    let label = if input.required {
        input.title.clone()
    } else {
        format!("{} (optional)", input.title)
    };
    let of = form.field(&format!("with.{name}"), &label, &input.description);
    let value = {
        let name = name.clone();
        form.read(move |step| step.with.as_ref().and_then(|with| with.get(&name)).cloned())
    };
    let StepForm { editor, id } = form.clone();
    let change = move |value: Option<Value>| {
        editor.change_step(&id, &format!("with.{name}"), |step| {
            let with = step
                .with
                .get_or_insert_with(|| Value::Object(Default::default()));
            if !with.is_object() {
                *with = Value::Object(Default::default());
            }
            if let Some(with) = with.as_object_mut() {
                match value {
                    Some(value) => {
                        with.insert(name.clone(), value);
                    }
                    None => {
                        with.shift_remove(&name);
                    }
                }
            }
        });
    };
    value_field(of, input.kind, Some(form.id.clone()), value, change)
}

fn gate_form(form: &StepForm) -> AnyView {
    let show = form.read(|step| {
        let lines = step.show.iter().map(|name| name.trim_start_matches('$'));
        lines.collect::<Vec<_>>().join("\n")
    });
    let change = form.write("show", |step, text: String| {
        step.show = text
            .split('\n')
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(|line| match line.starts_with('=') {
                true => line.to_owned(),
                false => format!("${}", line.trim_start_matches('$')),
            })
            .collect();
    });
    view! {
        {form.text("message", "Question", "What the person is asked.", 3, part!(message))}
        {text_field(form.field("show", "What is shown", "One a line, such as judge.breaches."), 3, show, change)}
        {form.timeout("Deadline (ms)", "Unanswered by then, the gate does not open. A month when empty.")}
    }
    .into_any()
}

fn join_form(form: &StepForm) -> AnyView {
    let rules = [
        (JoinRule::AllSuccess, "all of them have succeeded"),
        (
            JoinRule::NoneFailedMinOneSuccess,
            "none has failed and one has succeeded (after a branch)",
        ),
        (JoinRule::AllDone, "all of them have ended, however"),
        (JoinRule::OneSuccess, "the first one has succeeded"),
    ];
    let options = rules.map(|(rule, text)| (rule.as_str().to_owned(), text.to_owned()));
    choice_field(
        form.field("rule", "Goes on when", "Of the steps that lead here."),
        options.to_vec(),
        form.read(|step| step.rule.unwrap_or_default().as_str().to_owned()),
        form.write("rule", move |step, word: String| {
            let rule = rules.iter().find(|(rule, _)| rule.as_str() == word);
            step.rule = rule.map(|(rule, _)| *rule);
        }),
    )
}

/// The fields of the output: a name and a value each.
fn set_form(form: &StepForm, step: &Step) -> AnyView {
    let json = FieldKind::Json;
    let names: Vec<String> = step
        .set
        .iter()
        .flat_map(|set| set.keys().cloned())
        .collect();
    let rows: Vec<_> = names
        .into_iter()
        .map(|name| {
            let value = {
                let name = name.clone();
                form.read(move |step| step.set.as_ref().and_then(|set| set.get(&name)).cloned())
            };
            let StepForm { editor, id } = form.clone();
            let of = form.field(&format!("set.{name}"), &name, "");
            let (key, gone) = (name.clone(), name.clone());
            let change = move |value: Option<Value>| {
                editor.change_step(&id, &format!("set.{key}"), |step| {
                    let set = step.set.get_or_insert_default();
                    set.insert(key.clone(), value.unwrap_or_default());
                });
            };
            let id = form.id.clone();
            let remove = move |_| {
                editor.change_step(&id, "", |step| {
                    if let Some(set) = &mut step.set {
                        set.remove(&gone);
                    }
                });
                editor.said.set("Removed.".to_owned());
            };
            view! {
                <div class="set-row">
                    {value_field(of, json.clone(), Some(form.id.clone()), value, change)}
                    <button type="button" class="button button-small" aria-label=format!("Remove {name}") on:click=remove>"Remove"</button>
                </div>
            }
        })
        .collect();
    let new = RwSignal::new(String::new());
    let StepForm { editor, id } = form.clone();
    let add = move |_| {
        let name = new.get_untracked().trim().to_owned();
        if !name.is_empty() {
            editor.change_step(&id, "", |step| {
                step.set.get_or_insert_default().entry(name).or_default();
            });
            new.set(String::new());
        }
    };
    view! {
        <fieldset class="set-fields">
            <legend>"Fields of the output"</legend>
            {rows}
            <div class="set-add">
                <label class="visually-hidden" for="set-new">"Name of a new field"</label>
                <input id="set-new" placeholder="name of a new field" prop:value=move || new.get() on:input:target=move |event| new.set(event.target().value()) />
                <button type="button" class="button button-small" on:click=add>"Add a field"</button>
            </div>
        </fieldset>
    }
    .into_any()
}

fn map_form(form: &StepForm) -> AnyView {
    let lines = FieldKind::Lines {
        format: TextFormat::Plain,
    };
    let goes_on = form.read(|step| step.on_item_error == Some(ItemErrorPolicy::Continue));
    view! {
        {form.value("over", "List", "Each item is done by the steps inside, which read it as item.", lines, part!(over))}
        {form.text("as", "Another name for the item (optional)", "By which inner lists can read it too.", 1, part!(item_name))}
        {number_field(
            form.field("max_parallel", "Items at once", "All that the run allows when empty."),
            form.read(|step| step.max_parallel.map(u64::from)),
            form.write("max_parallel", |step, max: Option<u64>| step.max_parallel = max.and_then(|max| u32::try_from(max).ok())),
        )}
        {check_field(
            form.field("on_item_error", "Go on when an item fails", "Its failure is listed in the output."),
            goes_on,
            form.write("on_item_error", |step, on: bool| step.on_item_error = on.then_some(ItemErrorPolicy::Continue)),
        )}
        {number_field(
            form.field("max_failed", "Items that may fail", "One more fails the step. Any number when empty."),
            form.read(|step| step.max_failed.map(u64::from)),
            form.write("max_failed", |step, max: Option<u64>| step.max_failed = max.and_then(|max| u32::try_from(max).ok())),
        )}
    }
    .into_any()
}

fn loop_form(form: &StepForm) -> AnyView {
    view! {
        {form.text("until", "Until", "A CEL expression over the steps inside, such as ask.status == 200.", 2, part!(until))}
        {number_field(
            form.field("max_iterations", "Rounds at the most", "Then the step fails."),
            form.read(|step| step.max_iterations.map(u64::from)),
            form.write("max_iterations", |step, max: Option<u64>| step.max_iterations = max.and_then(|max| u32::try_from(max).ok())),
        )}
        {number_field(
            form.field("every_ms", "Pause between two rounds (ms)", ""),
            form.read(|step| step.every_ms),
            form.write("every_ms", |step, ms| step.every_ms = ms),
        )}
    }
    .into_any()
}

fn wait_form(form: &StepForm, step: &Step) -> AnyView {
    let number = FieldKind::Number {
        integer: true,
        minimum: None,
        maximum: None,
    };
    let text = FieldKind::Text {
        format: TextFormat::Plain,
    };
    if step.tool.is_some() {
        let asked = tool_form(form, step);
        return view! {
            {asked}
            {form.text("until", "Until", "A CEL expression over result, such as result.status == 200.", 2, part!(until))}
            {number_field(
                form.field("every_ms", "Asks again every (ms)", ""),
                form.read(|step| step.every_ms),
                form.write("every_ms", |step, ms| step.every_ms = ms),
            )}
        }
        .into_any();
    }
    view! {
        {form.value("for_ms", "For (ms)", "Give this or a moment.", number, part!(for_ms))}
        {form.value("at", "Until the moment", "Such as 2026-12-24T18:00:00Z.", text, part!(at))}
    }
    .into_any()
}

fn subworkflow_form(form: &StepForm) -> AnyView {
    let mut options = vec![(String::new(), "Choose a workflow".to_owned())];
    options.extend(form.editor.workflows.get_value());
    view! {
        {choice_field(
            form.field("workflow", "Workflow", "The version that is current when this one is published is kept."),
            options,
            form.read(|step| step.workflow.clone().unwrap_or_default()),
            form.write("workflow", |step, slug: String| {
                step.workflow = (!slug.is_empty()).then_some(slug);
                step.version = None;
            }),
        )}
        {form.value("with", "Its input", "As JSON.", FieldKind::Json, part!(with))}
        {form.timeout("Time (ms)", "A month when empty.")}
    }
    .into_any()
}

/// What becomes of the step when it fails, and who has to allow it.
fn policies(form: &StepForm, kind: StepKind) -> AnyView {
    let works = match kind {
        StepKind::ToolCall | StepKind::Wait | StepKind::Subworkflow | StepKind::External => true,
        StepKind::Map | StepKind::Loop | StepKind::Transform | StepKind::Condition => true,
        StepKind::HumanGate | StepKind::Parallel | StepKind::Join => false,
    };
    if !works {
        return ().into_any();
    }
    let retries = matches!(kind, StepKind::ToolCall);
    let policies = [
        (ErrorPolicy::Fail, "fail", "the run fails"),
        (ErrorPolicy::Continue, "continue", "the run goes on"),
        (
            ErrorPolicy::Compensate,
            "compensate",
            "what was done is undone",
        ),
    ];
    let options = policies.map(|(_, word, text)| (word.to_owned(), text.to_owned()));
    view! {
        <details class="more">
            <summary>"When it fails, and who allows it"</summary>
            {choice_field(
                form.field("on_error", "When it fails", ""),
                options.to_vec(),
                form.read(move |step| {
                    let policy = step.on_error.unwrap_or_default();
                    let found = policies.iter().find(|(of, _, _)| *of == policy);
                    found.map_or_else(String::new, |(_, word, _)| (*word).to_owned())
                }),
                form.write("on_error", move |step, word: String| {
                    let policy = policies.iter().find(|(_, of, _)| *of == word);
                    step.on_error = policy.map(|(policy, _, _)| *policy).filter(|policy| *policy != ErrorPolicy::Fail);
                }),
            )}
            {retries.then(|| number_field(
                form.field("retry.max_attempts", "Tries in all", "With growing pauses between them. One when empty."),
                form.read(|step| step.retry.as_ref().map(|retry| u64::from(retry.max_attempts))),
                form.write("retry", |step, tries: Option<u64>| {
                    step.retry = tries.and_then(|tries| u32::try_from(tries).ok()).map(|max_attempts| RetryPolicy {
                        max_attempts,
                        ..step.retry.clone().unwrap_or_else(|| RetryPolicy::of(max_attempts))
                    });
                }),
            ))}
            {check_field(
                form.field("approval", "A person must allow it first", "They see exactly what will be done."),
                form.read(|step| step.approval.is_some()),
                form.write("approval", |step, on: bool| step.approval = on.then(|| step.approval.clone().unwrap_or_else(Approval::default))),
            )}
        </details>
    }
    .into_any()
}
