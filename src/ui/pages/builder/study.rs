//! What a publication would change: the draft beside the current version, and the last runs played on the draft.

use leptos::prelude::*;

use super::editor::Editor;
use crate::engine::compare::Comparison;
use crate::engine::rehearse::{Course, Outcome};
use crate::rpc::versions::{PastRunsView, past_runs};
use crate::ui::components::{Changes, Moment, SideBySide, prose};
use crate::workbench::Ask;

/// What became of playing the last runs.
#[derive(Clone)]
enum Played {
    NotYet,
    DoesNotCompile,
    Outcomes(Vec<Outcome>),
}

/// What is known of the draft against the version that it would replace.
#[derive(Clone, Copy)]
pub struct Study {
    /// It is looked at instead of written.
    pub open: RwSignal<bool>,
    comparison: RwSignal<Option<Comparison>>,
    played: RwSignal<Played>,
    /// Grows when another version has become current meanwhile.
    overtaken: RwSignal<u32>,
    /// The revision of the draft that was sent last: answers about an older one come too late.
    asked: RwSignal<Option<u32>>,
}

impl Study {
    pub fn new() -> Self {
        Self {
            open: RwSignal::new(false),
            comparison: RwSignal::new(None),
            played: RwSignal::new(Played::NotYet),
            overtaken: RwSignal::new(0),
            asked: RwSignal::new(None),
        }
    }

    /// What is compared with is fetched anew.
    pub fn fetch_again(self) {
        self.overtaken.update(|times| *times += 1);
    }

    #[cfg_attr(
        not(feature = "hydrate"),
        expect(dead_code, reason = "only a browser compares")
    )]
    pub fn compared(self, revision: u32, comparison: Comparison) {
        if self.asked.try_get_untracked().flatten() == Some(revision) {
            self.comparison.set(Some(comparison));
        }
    }

    #[cfg_attr(
        not(feature = "hydrate"),
        expect(dead_code, reason = "only a browser plays runs")
    )]
    pub fn played(self, revision: u32, outcomes: Option<Vec<Outcome>>) {
        if self.asked.try_get_untracked().flatten() == Some(revision) {
            self.played.set(match outcomes {
                Some(outcomes) => Played::Outcomes(outcomes),
                None => Played::DoesNotCompile,
            });
        }
    }
}

#[component]
pub(super) fn StudyDesk(editor: Editor, slug: String) -> impl IntoView {
    let study = editor.study;
    let past = LocalResource::new(move || {
        study.overtaken.track();
        past_runs(slug.clone())
    });
    // Asked for whenever the draft changes while somebody looks.
    Effect::new(move || {
        let revision = editor.revision.get();
        let Some(Ok(past)) = past.get() else { return };
        study.asked.set(Some(revision));
        study.played.set(Played::NotYet);
        let draft = Box::new(editor.document.get_untracked());
        let before = Box::new(past.current.clone());
        editor.ask(Ask::Compare {
            revision,
            old: before.clone(),
            new: draft.clone(),
        });
        editor.ask(Ask::Impact {
            revision,
            before,
            draft,
            runs: past.runs,
        });
    });
    let told = move || match past.get() {
        None => view! { <p class="muted">"Fetching what has run…"</p> }.into_any(),
        Some(Err(error)) => {
            view! { <p class="notice notice-failed" role="alert">{error.message}</p> }.into_any()
        }
        Some(Ok(past)) => impact(study, &past),
    };
    let changes = move || match study.comparison.get() {
        None => view! { <p class="muted">"Comparing…"</p> }.into_any(),
        Some(comparison) if comparison.changes.is_empty() => {
            view! { <p>"Nothing: the draft is the same as the current version."</p> }.into_any()
        }
        Some(comparison) => {
            let Comparison { changes, old, new } = comparison;
            let labels = ("Current version".to_owned(), "This draft".to_owned());
            view! { <Changes changes /> <SideBySide old new labels /> }.into_any()
        }
    };
    view! {
        <div class="study">
            <section aria-labelledby="impact-title">
                <h2 id="impact-title">"What it would have meant"</h2>
                {told}
            </section>
            <section aria-labelledby="changes-title">
                <h2 id="changes-title">"What has changed"</h2>
                {changes}
            </section>
        </div>
    }
}

fn impact(study: Study, past: &PastRunsView) -> AnyView {
    let waiting: u32 = past.open.iter().map(|open| open.runs).sum();
    let stay = match waiting {
        0 => "No run is under way.".to_owned(),
        1 => "One run is under way. It stays on its version.".to_owned(),
        many => format!("{many} runs are under way. They stay on their versions."),
    };
    let versions: Vec<_> = past
        .open
        .iter()
        .map(|open| view! { <li>{format!("version {}: {}", open.version, open.runs)}</li> })
        .collect();
    let left_out = match past.left_out {
        0 => None,
        1 => Some("One more run is too large to be played here.".to_owned()),
        many => Some(format!("{many} more runs are too large to be played here.")),
    };
    let left_out = left_out.map(|text| view! { <p class="muted">{text}</p> });
    let all_left_out = past.runs.is_empty() && past.left_out > 0;
    let outcomes = move || {
        match study.played.get() {
        Played::NotYet => view! { <p class="muted">"Playing the last runs on the draft…"</p> }.into_any(),
        Played::DoesNotCompile => {
            view! { <p class="muted">"The draft does not compile, so nothing can be played on it. Mend it first."</p> }.into_any()
        }
        Played::Outcomes(outcomes) if outcomes.is_empty() && all_left_out => ().into_any(),
        Played::Outcomes(outcomes) if outcomes.is_empty() => {
            view! { <p>"It has not run yet, so there is nothing to compare with."</p> }.into_any()
        }
        Played::Outcomes(outcomes) => outcomes_view(outcomes),
    }
    };
    view! {
        <p>{stay}</p>
        {(versions.len() > 1).then(|| view! { <ul>{versions}</ul> })}
        {outcomes}
        {left_out}
    }
    .into_any()
}

fn outcomes_view(outcomes: Vec<Outcome>) -> AnyView {
    let count = |course: Course| {
        let same = outcomes.iter().filter(|outcome| outcome.course == course);
        same.count()
    };
    let total = outcomes.len();
    let summary = [
        (count(Course::Same), "would go the same way"),
        (count(Course::OtherResult), "would give another result"),
        (count(Course::OtherPath), "would take another path"),
        (count(Course::OtherGate), "would ask people other questions"),
        (count(Course::Impossible), "could not be run any more"),
    ];
    let summary: Vec<_> = summary
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let last = match total {
        1 => "Of the last run: ".to_owned(),
        many => format!("Of the last {many} runs: "),
    };
    let rows: Vec<_> = outcomes.into_iter().map(outcome_view).collect();
    view! {
        <p class="study-summary">{last} {summary.join(", ")} "."</p>
        <ul class="outcomes">{rows}</ul>
    }
    .into_any()
}

fn outcome_view(outcome: Outcome) -> impl IntoView {
    let (class, word) = match outcome.course {
        Course::Same => ("same", "the same way"),
        Course::OtherResult => ("other", "another result"),
        Course::OtherPath => ("other", "another path"),
        Course::OtherGate => ("other", "other questions"),
        Course::Impossible => ("impossible", "not possible"),
    };
    let differences: Vec<_> = outcome
        .differences
        .into_iter()
        .map(|difference| view! { <li>{prose(&difference)}</li> })
        .collect();
    view! {
        <li class=format!("outcome outcome-{class}")>
            <a href=format!("/runs/{}", outcome.run_id) target="_blank">"Run of " {outcome.began.map(|at| view! { <Moment at /> })}</a>
            " " <span class="muted">{format!("version {}", outcome.version)}</span>
            " " <strong>{word}</strong>
            {(!differences.is_empty()).then(|| view! { <ul>{differences}</ul> })}
        </li>
    }
}
