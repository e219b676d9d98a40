//! Ways to what matters in a run, wherever in it that is.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::{Element, HtmlElement};

use super::Viewer;
use super::iterations::iteration_of;
use super::place::{Looked, View};
use crate::engine::ids::StepPath;
use crate::engine::state::{RunState, StepStatus};
use crate::ui::components::StatusIcon;
use crate::ui::later::once_there;
use crate::ui::theme;

/// Of what waits for a person so much is named at the top; the way to the rest is above the steps.
const WAITING_SHOWN: usize = 5;

/// A link to a step that can be followed again.
#[component]
pub fn ToStep(
    looked: Looked,
    #[prop(into)] path: Signal<StepPath>,
    class: &'static str,
    children: Children,
) -> impl IntoView {
    let href = move || path.with(|path| looked.link_to(path));
    view! { <a class=class href=href data-noscroll="" on:click=move |_| looked.ask()>{children()}</a> }
}

/// Gives the focus to the row of the step that is looked for, once it is there. Not to somebody who has turned to something
/// else meanwhile.
pub fn follow(viewer: Viewer) {
    let rests = |asked: &Option<Element>| {
        let focus = document().active_element();
        let is_nowhere = focus
            .as_ref()
            .is_none_or(|focus| focus.tag_name() == "BODY");
        is_nowhere || focus == *asked
    };
    Effect::new(move |before: Option<()>| {
        let Some(path) = viewer.looked.step() else {
            return;
        };
        // Where steps are chosen in a list or a picture, whoever chooses stays there.
        if viewer.looked.view.get_untracked() != View::Steps {
            return;
        }
        // Nobody has asked for it from here when the page has only just come to life.
        let asked = before.and_then(|()| document().active_element());
        once_there(format!("step-{path}"), move |row| {
            if let Some(row) = row.dyn_ref::<HtmlElement>()
                && rests(&asked)
            {
                row.scroll_into_view();
                let _ = row.focus();
            }
        });
    });
}

/// The way to what waits for a person, which may be far down the page.
#[component]
pub fn WaitingHere(viewer: Viewer) -> impl IntoView {
    let waiting = Memo::new(move |_| {
        if viewer.moment().is_some() {
            return (Vec::new(), 0);
        }
        viewer.state.with(|state| {
            let shown = state.waiting_for_people().take(WAITING_SHOWN);
            let rows: Vec<_> = shown
                .map(|at| {
                    let name = match iteration_of(state, at) {
                        Some(which) => format!("{} ({which})", state.name(at)),
                        None => state.name(at).to_owned(),
                    };
                    (state.path(at), name, state.steps[at].status)
                })
                .collect();
            let more = state.waiting_for_people().count() - rows.len();
            (rows, more)
        })
    });
    move || {
        let (rows, more) = waiting.get();
        let rows: Vec<_> = rows
            .into_iter()
            .map(|(path, name, status)| {
                view! {
                    <ToStep looked=viewer.looked path class="waiting-row">
                        <StatusIcon look=theme::of_step(status) />
                        <span class="waiting-title">{name}</span>
                        <span>"Look and answer"</span>
                    </ToStep>
                }
            })
            .collect();
        let more = (more > 0).then(|| view! { <p class="muted">{format!("And {more} more.")}</p> });
        (!rows.is_empty()).then(|| view! { <div class="waiting-for-you">{rows}{more}</div> })
    }
}

/// Ways to what has failed and to what waits for a person, one after the other, wherever in the run they are.
#[component]
pub fn Jumps(viewer: Viewer) -> impl IntoView {
    let failed = jump(viewer, "Next that failed", has_failed);
    let waiting = jump(viewer, "Next that waits for somebody", waits_for_somebody);
    view! { <p class="jumps">{failed}{waiting}</p> }
}

fn jump(
    viewer: Viewer,
    label: &'static str,
    is_one: fn(&RunState, usize) -> bool,
) -> impl Fn() -> Option<AnyView> {
    let next = Memo::new(move |_| {
        let at = viewer.looked.chosen().get();
        viewer.state.with(|state| {
            let here = at.and_then(|path| state.find(&path));
            let (mut first, mut next, mut count) = (None, None, 0);
            for step in (0..state.steps.len()).filter(|&step| is_one(state, step)) {
                count += 1;
                first = first.or(Some(step));
                if next.is_none() && here.is_none_or(|here| step > here) {
                    next = Some(step);
                }
            }
            Some((state.path(next.or(first)?), count))
        })
    });
    // One link while there is any, so that it keeps the focus.
    let path = Memo::new(move |last: Option<&StepPath>| {
        let next = next.with(|next| next.as_ref().map(|(path, _)| path.clone()));
        next.or(last.cloned()).unwrap_or_else(|| StepPath::new(""))
    });
    let is_any = Memo::new(move |_| next.with(Option::is_some));
    let count = move || next.with(|next| next.as_ref().map_or(0, |(_, count)| *count));
    move || {
        is_any.get().then(|| {
            view! {
                <ToStep looked=viewer.looked path=path class="button button-small">
                    {move || format!("{label} ({})", count())}
                </ToStep>
            }
            .into_any()
        })
    }
}

/// It has failed, and no step inside has failed before it.
fn has_failed(state: &RunState, step: usize) -> bool {
    let failed = |step: usize| state.steps[step].status == StepStatus::Failed;
    let mut inside = state.steps[step]
        .frames
        .iter()
        .flat_map(|&frame| state.steps_of(frame));
    failed(step) && !inside.any(failed)
}

fn waits_for_somebody(state: &RunState, step: usize) -> bool {
    matches!(
        state.steps[step].status,
        StepStatus::WaitingForApproval | StepStatus::OutcomeUnknown
    )
}
