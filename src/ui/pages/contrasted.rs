//! One step twice: in two runs, or at two moments of one. How it stood and stands, and what is different in it.

use leptos::prelude::*;
use serde_json::Value;
use std::sync::Arc;

use crate::engine::contrast::{Aspect, Changed, Row, changed, input};
use crate::engine::state::StepRun;
use crate::ui::components::StepBadge;
use crate::ui::format;

pub struct Contrasted {
    pub row: Row,
    /// None where there was, or is, no such step.
    pub old: Option<Arc<StepRun>>,
    pub new: Option<Arc<StepRun>>,
    /// What is different began here.
    pub is_first: bool,
    /// Where everything about the step is told.
    pub href: Option<String>,
    /// The sentence for a step that only one of the two has come to.
    pub alone: &'static str,
}

pub fn row(contrasted: Contrasted) -> AnyView {
    let Contrasted {
        row,
        old,
        new,
        is_first,
        href,
        alone,
    } = contrasted;
    let Row {
        path,
        name,
        differs,
        ..
    } = row;
    let tags: Vec<_> = differs
        .iter()
        .map(|aspect| view! { <span class="tag">{word(*aspect)}</span> })
        .collect();
    let inside =
        format::iterations(&path).map(|inside| view! { <span class="muted">{inside}</span> });
    let mark = is_first.then(|| view! { <span class="pair-first">"first difference"</span> });
    let (left, right) = (shown(old.as_deref()), shown(new.as_deref()));
    let more = (!differs.is_empty()).then(|| {
        let body = inside_of(&differs, old.as_deref(), new.as_deref(), alone);
        view! {
            <details class="more" open=is_first>
                <summary>"What differs"<span class="visually-hidden">{format!(" in {name}")}</span></summary>
                {body}
            </details>
        }
    });
    let class = if differs.is_empty() {
        "pair-row"
    } else {
        "pair-row pair-differs"
    };
    let title = match href {
        Some(href) => view! { <a href=href>{name}</a> }.into_any(),
        None => name.into_any(),
    };
    view! {
        <li class=class>
            <div class="pair-name"><h2>{title}</h2> {inside} {mark}</div>
            <div class="pair-side"><span class="visually-hidden">"Earlier: "</span>{left}</div>
            <div class="pair-side"><span class="visually-hidden">"Later: "</span>{right}</div>
            <div class="pair-tags">{tags}</div>
            {more}
        </li>
    }
    .into_any()
}

fn shown(run: Option<&StepRun>) -> AnyView {
    let Some(run) = run else {
        return view! { <span class="muted">"–"</span> }.into_any();
    };
    let took = run
        .started_at
        .zip(run.finished_at)
        .filter(|_| !run.attempts.is_empty() || run.gate.is_some());
    let took = took.map(|(from, until)| format::duration(until.ms_since(from)));
    view! { <StepBadge status=run.status /> " " <span class="muted">{took}</span> }.into_any()
}

fn word(aspect: Aspect) -> &'static str {
    match aspect {
        Aspect::Path => "path",
        Aspect::Outcome => "outcome",
        Aspect::Decision => "decision",
        Aspect::Input => "input",
        Aspect::Output => "output",
        Aspect::Error => "error",
        Aspect::Attempts => "attempts",
    }
}

fn inside_of(
    differs: &[Aspect],
    old: Option<&StepRun>,
    new: Option<&StepRun>,
    alone: &'static str,
) -> AnyView {
    let only_one = || view! { <p class="muted">{alone}</p> }.into_any();
    let (Some(old), Some(new)) = (old, new) else {
        return only_one();
    };
    let value = |value: Option<&Value>| value.cloned().unwrap_or_default();
    let error = |run: &StepRun| match &run.error {
        Some(error) => Value::from(error.message.clone()),
        None => Value::Null,
    };
    let decision = |run: &StepRun| {
        let decided = run.gate.as_ref().and_then(|gate| gate.decided.as_ref());
        let said = decided.map(|decided| {
            let word = decided.decision.past_tense();
            format!("{word} by {}: {}", decided.actor, decided.comment)
        });
        said.map_or(Value::Null, Value::from)
    };
    let told = differs.iter().filter_map(|aspect| match aspect {
        Aspect::Path => Some(only_one()),
        // The badges say it.
        Aspect::Outcome => None,
        Aspect::Decision => values("Decision", decision(old), decision(new)),
        Aspect::Input => values("Input", value(input(old)), value(input(new))),
        Aspect::Output => values(
            "Output",
            value(old.output.as_ref()),
            value(new.output.as_ref()),
        ),
        Aspect::Error => values("Error", error(old), error(new)),
        Aspect::Attempts => values("Attempts", old.made.into(), new.made.into()),
    });
    told.collect::<Vec<_>>().into_any()
}

/// Where two values differ; nothing where they are the same.
pub fn values(label: &'static str, old: Value, new: Value) -> Option<AnyView> {
    let (places, more) = changed(&old, &new);
    if places.is_empty() {
        return None;
    }
    let text = |value: Option<Value>| match value {
        None | Some(Value::Null) => "–".to_owned(),
        Some(value) => format::brief(&value),
    };
    let rows: Vec<_> = places
        .into_iter()
        .map(|Changed { at, old, new }| {
            let at = if at.is_empty() { "all of it".to_owned() } else { at };
            view! { <tr><th scope="row"><code>{at}</code></th><td data-label="Earlier">{text(old)}</td><td data-label="Later">{text(new)}</td></tr> }
        })
        .collect();
    let more = more.then(|| view! { <p class="muted">"There is more."</p> });
    Some(
        view! {
            <div class="pair-values">
                <p class="pair-label">{label}</p>
                <div class="table-scroll" tabindex="0" role="group" aria-label=label>
                    <table class="records"><thead><tr><th scope="col">"Where"</th><th scope="col">"Earlier"</th><th scope="col">"Later"</th></tr></thead><tbody>{rows}</tbody></table>
                </div>
                {more}
            </div>
        }
        .into_any(),
    )
}
