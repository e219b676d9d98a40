//! The ways of looking at a run, and how one goes from one to another. They share one selection and one moment.

use leptos::prelude::*;

use super::Viewer;
use super::changes::ChangesView;
use super::events::EventsView;
use super::graph::GraphView;
use super::list::StepsView;
use super::place::View;
use super::reel::Reel;
use super::step::{Stands, StepRow};
use super::timeline::TimelineView;
use crate::ui::later::a_moment_later;
use crate::ui::parts::{Place, apart};

// All but the list of steps, which everybody sees first.
apart!(views, VIEWS: (View, Viewer, Reel) => |(view, viewer, reel)| seen_as(view, viewer, reel));

/// The links from one view to another.
#[component]
pub fn Tabs(viewer: Viewer) -> impl IntoView {
    let current = viewer.looked.view;
    let tabs: Vec<_> = View::ALL
        .into_iter()
        .map(|view| {
            let href = move || {
                viewer.looked.link(|place| {
                    place.view = view;
                    (place.from, place.only) = (None, None);
                    place.find.clear();
                })
            };
            let is_current = move || (current.get() == view).then_some("page");
            view! { <li><a href=href data-noscroll="" aria-current=is_current>{view.title()}</a></li> }
        })
        .collect();
    view! { <nav class="tabs" aria-label="Ways to look at the run"><ul>{tabs}</ul></nav> }
}

#[component]
pub fn Views(viewer: Viewer, reel: Reel) -> impl IntoView {
    let current = a_moment_later(viewer.looked.view);
    move || match current.get() {
        View::Steps => view! { <StepsView viewer /> }.into_any(),
        other => VIEWS.show((other, viewer, reel), Place::Beside),
    }
}

fn seen_as(view: View, viewer: Viewer, reel: Reel) -> AnyView {
    let view = match view {
        View::Steps => view! { <StepsView viewer /> }.into_any(),
        View::Graph => view! { <GraphView viewer reel /> }.into_any(),
        View::Timeline => view! { <TimelineView viewer /> }.into_any(),
        View::Events => view! { <EventsView viewer reel /> }.into_any(),
        View::Changes => view! { <ChangesView viewer reel /> }.into_any(),
    };
    // The server says so that what is here has been drawn with the views' part of the client.
    view! { <div class="run-view" data-part=VIEWS.name>{view}</div> }.into_any()
}

/// The step that is looked for, with everything there is to say of it.
#[component]
pub fn Chosen(viewer: Viewer, hint: &'static str) -> impl IntoView {
    // Chosen or not, and there or not.
    let step = a_moment_later(Memo::new(move |_| {
        let path = viewer.looked.chosen().get()?;
        Some(viewer.state.with(|state| state.find(&path)))
    }));
    move || match step.get() {
        Some(Some(at)) => {
            view! { <ol class="steps chosen"><StepRow viewer at stands=Stands::Alone /></ol> }
                .into_any()
        }
        Some(None) => {
            view! { <p class="muted chosen">"This step has not begun at that moment."</p> }
                .into_any()
        }
        None => view! { <p class="muted chosen">{hint}</p> }.into_any(),
    }
}
