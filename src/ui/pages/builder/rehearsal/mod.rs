//! A rehearsal of the draft: a run under a clock of its own, with nobody but the author to say what tools return and what
//! people decide. The worker plays it; what it shows is the viewer of real runs.

mod answers;
mod begin;
mod cases;
mod clock;
mod sample;

use leptos::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::editor::Editor;
use crate::engine::ids::StepPath;
use crate::engine::rehearse::Ask as Question;
use crate::engine::state::RunState;
use crate::engine::time::Timestamp;
use crate::engine::workflow::Workflow;
use crate::ui::components::prose;
use crate::ui::pages::run::{Asks, Head, Looked, Result, Steps, Viewer, follow};
use crate::workbench::{Ask, Move, Scene, Verdict};
use answers::AnswerPlace;
use begin::BeginForm;
use cases::CasesPanel;
use clock::ClockPanel;

/// A rehearsal that has begun.
#[derive(Clone)]
struct Play {
    /// From 1; another one for each that begins.
    number: u32,
    state: ArcRwSignal<RunState>,
}

/// What the page knows of the rehearsal.
#[derive(Clone, Copy)]
pub struct Stage {
    /// It is rehearsed instead of written.
    pub open: RwSignal<bool>,
    /// What came of the draft's test cases when they were last tried.
    pub verdicts: RwSignal<Vec<Verdict>>,
    play: RwSignal<Option<Play>>,
    /// The last answer of the worker, without what has been put into `play`.
    scene: RwSignal<Scene>,
    /// The draft that is played.
    played: RwSignal<Option<Workflow>>,
    /// The draft with which it was asked to begin.
    sent: RwSignal<Option<Workflow>>,
    /// What stands in the form with which it begins, by the names of the inputs.
    typed: RwSignal<BTreeMap<String, String>>,
    /// Tools answer by themselves from the beginning.
    by_themselves: RwSignal<bool>,
    /// The step that was answered last.
    answered: RwSignal<Option<StepPath>>,
    /// The run goes on by itself until somebody has to say something.
    goes_on: RwSignal<bool>,
}

impl Stage {
    pub fn new() -> Self {
        Self {
            open: RwSignal::new(false),
            verdicts: RwSignal::new(Vec::new()),
            play: RwSignal::new(None),
            scene: RwSignal::new(Scene::default()),
            played: RwSignal::new(None),
            sent: RwSignal::new(None),
            typed: RwSignal::new(BTreeMap::new()),
            by_themselves: RwSignal::new(false),
            answered: RwSignal::new(None),
            goes_on: RwSignal::new(true),
        }
    }

    /// Makes a move; the scene after it arrives later.
    fn make(self, editor: Editor, made: Move) {
        let goes_on = self.goes_on.get_untracked();
        if let Move::Begin { workflow, .. } = &made {
            self.sent.set(Some(workflow.as_ref().clone()));
        }
        editor.ask(Ask::Rehearse { made, goes_on });
    }

    /// What the worker shows.
    #[cfg_attr(
        not(feature = "hydrate"),
        expect(dead_code, reason = "only a browser rehearses")
    )]
    pub fn hear(self, editor: Editor, mut scene: Scene) {
        // The page may be on its way out.
        if self.play.is_disposed() {
            return;
        }
        let events = std::mem::take(&mut scene.events);
        let play = self.play.get_untracked();
        match (scene.begun.take(), play) {
            (Some(outline), play) => {
                if let Some(sent) = self.sent.try_update(Option::take).flatten() {
                    self.played.set(Some(sent));
                }
                let state = RunState::replay(Arc::new(outline), &events);
                let number = play.map_or(0, |play| play.number) + 1;
                let state = ArcRwSignal::new(state);
                self.play.set(Some(Play { number, state }));
            }
            (None, Some(play)) if !events.is_empty() => play.state.update(|state| {
                for event in &events {
                    state.apply(event);
                }
            }),
            (None, Some(_) | None) => {}
        }
        if let Some(case) = scene.case.take() {
            cases::keep(editor, *case);
        }
        if let Some(refused) = &scene.refused {
            editor.said.set(refused.clone());
        }
        self.scene.set(scene);
    }

    /// What the step asks now.
    fn question(self, step: &StepPath) -> Option<Question> {
        self.scene
            .with(|scene| scene.asks.iter().find(|ask| ask.step == *step).cloned())
    }
}

/// In place of the desk on which it is written.
#[component]
pub(super) fn RehearsalDesk(editor: Editor) -> impl IntoView {
    let stage = editor.stage;
    let number = Memo::new(move |_| {
        stage
            .play
            .with(|play| play.as_ref().map(|play| play.number))
    });
    let begun = Memo::new(move |_| number.get().is_some());
    let refused = move || stage.scene.with(|scene| scene.refused.clone());
    let run = move || {
        match number.get() {
        None => view! {
            <div class="empty">
                <p class="empty-title">"Nothing is played yet."</p>
                <p>"Begin with what a run is given. You then say for each tool what it returns, and for each gate what is decided."</p>
            </div>
        }
        .into_any(),
        Some(number) => view! { <Played editor number /> }.into_any(),
    }
    };
    view! {
        <div class="rehearsal">
            <div class="rehearsal-side">
                <BeginForm editor begun />
                {move || begun.get().then(|| view! { <ClockPanel editor /> })}
                <CasesPanel editor />
            </div>
            <section class="rehearsal-run" aria-labelledby="rehearsal-title">
                <h2 id="rehearsal-title">"The rehearsed run"</h2>
                {move || refused().map(|why| view! { <p class="notice notice-failed" role="alert">{prose(&why)}</p> })}
                {run}
            </section>
        </div>
    }
}

/// The run, in the viewer of runs.
#[component]
fn Played(editor: Editor, number: u32) -> impl IntoView {
    let stage = editor.stage;
    let play = stage
        .play
        .get_untracked()
        .filter(|play| play.number == number)?;
    let state = RwSignal::from(play.state);
    let began = state.with_untracked(|state| state.started_at);
    let began = began.unwrap_or(Timestamp::from_micros(0));
    let sought = RwSignal::new(None);
    let ask = move |path: StepPath| view! { <AnswerPlace editor state path /> }.into_any();
    let viewer = Viewer {
        state,
        now: Signal::derive(move || stage.scene.with(|scene| scene.now.unwrap_or(began))),
        asks: Asks::Rehearser(Callback::new(ask)),
        looked: Looked::by_hand(sought),
        reel: None,
    };
    follow(viewer);
    let changed = Memo::new(move |_| {
        let draft = editor.document.get();
        stage.played.with(|played| {
            played.as_ref().is_some_and(|played| {
                (&played.steps, &played.edges, &played.inputs)
                    != (&draft.steps, &draft.edges, &draft.inputs)
            })
        })
    });
    Some(view! {
        {move || changed.get().then(|| view! { <p class="notice">"The draft has been changed since. Begin again to rehearse it as it is now."</p> })}
        <Head viewer />
        <Result viewer />
        <Asking editor state sought />
        <Steps viewer frame=0 />
    })
}

/// The way to each question that is open.
#[component]
fn Asking(
    editor: Editor,
    state: RwSignal<RunState>,
    sought: RwSignal<Option<StepPath>>,
) -> impl IntoView {
    use crate::engine::rehearse::Intent;
    let open = Memo::new(move |_| {
        editor.stage.scene.with(|scene| {
            let open = scene.asks.iter().filter(|ask| ask.intent == Intent::Open);
            open.map(|ask| (ask.step.clone(), ask.what.waits_for()))
                .collect::<Vec<_>>()
        })
    });
    move || {
        let rows: Vec<_> = open
            .get()
            .into_iter()
            .map(|(step, what)| {
                let name = state.with_untracked(|state| {
                    let at = state.find(&step);
                    at.map_or_else(|| step.to_string(), |at| state.name(at).to_owned())
                });
                let href = format!("#step-{step}");
                let seek = move |_| sought.set(Some(step.clone()));
                view! {
                    <li><a href=href rel="external" on:click=seek>{name}</a> <span class="muted">" waits for " {prose(&what)}</span></li>
                }
            })
            .collect();
        (!rows.is_empty()).then(|| view! { <ul class="rehearsal-asking">{rows}</ul> })
    }
}
