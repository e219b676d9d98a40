//! Where what went into a step comes from, field by field: asked for when somebody looks.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{Forms, Viewer};
use crate::engine::ids::StepPath;
use crate::engine::sources::{Read, Source};
use crate::engine::state::RunState;
use crate::rpc::pages::step_sources;

#[component]
pub fn Origins(
    viewer: Viewer,
    forms: Forms,
    path: StepPath,
    is_open: Signal<bool>,
) -> impl IntoView {
    let sources = RwSignal::new(None::<Vec<Source>>);
    let of_step = StoredValue::new(path);
    Effect::new(move || {
        if !is_open.get() || sources.with_untracked(Option::is_some) {
            return;
        }
        let (run_id, step) = (forms.run_id.get_value(), of_step.get_value().to_string());
        spawn_local(async move {
            // What cannot be told is left out, and asked for when it is opened again.
            if let Ok(found) = step_sources(run_id, step).await {
                let _ = sources.try_set(Some(found));
            }
        });
    });
    move || {
        let found = sources.get().filter(|found| !found.is_empty())?;
        let rows = found
            .into_iter()
            .map(|source| of_step.with_value(|path| row(viewer, path, source)));
        let rows: Vec<_> = rows.collect();
        Some(view! { <h4>"Where the input comes from"</h4><ul class="origins">{rows}</ul> })
    }
}

fn row(viewer: Viewer, path: &StepPath, source: Source) -> AnyView {
    let field = match source.field.is_empty() {
        true => view! { "All of it" }.into_any(),
        false => view! { <code>{source.field}</code> }.into_any(),
    };
    let from = source.read.map_or_else(
        || view! { " is written in the workflow" }.into_any(),
        |Read { written, names }| {
            let origins: Vec<_> = names
                .into_iter()
                .map(|name| origin(viewer, path, name))
                .collect();
            view! { " from " {origins} <code class="muted">{written}</code> }.into_any()
        },
    );
    view! { <li>{field} {from}</li> }.into_any()
}

/// A step by its name, with the way to it once it has begun; else what the name stands for.
fn origin(viewer: Viewer, path: &StepPath, name: String) -> AnyView {
    let title = viewer.state.with_untracked(|state| {
        let shape = state.outline.position(&name)?;
        Some(state.outline.steps[shape].name.clone())
    });
    let Some(title) = title else {
        let words = match name.as_str() {
            "input" => "the input of the run, ",
            "context" => "the input and the variables, ",
            "index" => "the number of the item or the round, ",
            "previous" => "the round before, ",
            _ => "the item, ",
        };
        return words.into_any();
    };
    let path = path.clone();
    let there = Memo::new(move |_| {
        let is_there =
            |state: &RunState| seen_from(&path, &name).find(|at| state.find(at).is_some());
        viewer.state.with(is_there)
    });
    let step = move || match there.get() {
        Some(there) => {
            let href = viewer.looked.link_to(&there);
            view! { <a href=href data-noscroll="">{title.clone()}</a> }.into_any()
        }
        None => title.clone().into_any(),
    };
    view! { {step} ", " }.into_any()
}

/// Where a step of that id may be, seen from another: beside it, or beside what that is inside of.
fn seen_from(path: &StepPath, id: &str) -> impl Iterator<Item = StepPath> + use<> {
    let around = path.as_str().strip_suffix(path.last()).unwrap_or_default();
    let around: Vec<String> = around.split_terminator('.').map(str::to_owned).collect();
    let id = id.to_owned();
    // A map or a loop, and the number of its round, each time.
    let depths = (0..=around.len()).rev().step_by(2);
    depths.map(move |depth| {
        let mut way = around[..depth].to_vec();
        way.push(id.clone());
        StepPath::new(way.join("."))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_step_reads_is_looked_for_beside_it_and_then_further_out() {
        let seen = |path: &str| {
            let seen = seen_from(&StepPath::new(path), "probe");
            seen.map(|path| path.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(seen("order"), ["probe"]);
        assert_eq!(
            seen("each.3.loop.0.order"),
            ["each.3.loop.0.probe", "each.3.probe", "probe"]
        );
    }
}
