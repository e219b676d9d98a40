//! All runs, newest first, narrowed to those that somebody looks for. What is shown stands in the address; what starts
//! meanwhile is offered, and moves nothing that is being read.

mod asked;
mod bulk;
mod filter;
mod news;
mod saved;
mod walk;

use leptos::html;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_location;

use crate::engine::listing::Asked;
use crate::rpc::error::PageError;
use crate::rpc::runs::{RunsView, runs};
use crate::ui::components::{Empty, Failure};
use asked::{Place, chips};
pub use bulk::BulkPage;
use filter::{Chips, FilterForm};
use saved::SavedFilters;
use walk::Rows;

/// What was asked for, and what the server has answered: one without the other is of no use while both change.
type View = Resource<(String, Result<RunsView, PageError>)>;

/// How one gets on in the list.
#[derive(Clone, Copy)]
struct Walk {
    /// The line that says what is shown. It is where one is after a step.
    line: NodeRef<html::P>,
    /// Somebody has taken a step, and its answer is not here yet.
    moving: StoredValue<bool>,
}

impl Walk {
    fn moves(self) {
        self.moving.set_value(true);
    }
}

#[component]
pub fn RunsPage() -> impl IntoView {
    let search = use_location().search;
    let place = Memo::new(move |_| search.with(|search| Place::of(search)));
    let asked = Memo::new(move |_| place.with(|place| place.asked.query()));
    let fresh = RwSignal::new(0_u32);
    let view: View = Resource::new(
        move || (asked.get(), fresh.get()),
        |(asked, _)| async move {
            let answer = runs(asked.clone()).await;
            (asked, answer)
        },
    );
    let walk = Walk {
        line: NodeRef::new(),
        moving: StoredValue::new(false),
    };
    view! {
        <Title text="Runs" />
        <div class="page-head">
            <h1>"Runs"</h1>
            <a class="button" href="/capsules">"Open a capsule…"</a>
        </div>
        <SavedFilters place walk />
        <FilterForm place walk />
        <Chips place walk />
        <Transition>
            <Rows view place asked fresh walk />
            {move || around(view, place)}
        </Transition>
    }
}

/// What is known of the answer; nothing when there is none, or when it is an error.
fn known<T>(view: View, read: impl FnOnce(&str, &RunsView) -> T) -> Option<T> {
    view.map(|(asked, answer)| answer.as_ref().ok().map(|answer| read(asked, answer)))
        .flatten()
}

/// What stands in place of a list without entries: why, and where to go from there.
fn around(view: View, place: Memo<Place>) -> Option<AnyView> {
    let (asked, answer) = view.get()?;
    match answer {
        Err(error) if error.status == 422 => Some(unreadable(error)),
        Err(error) => Some(view! { <Failure error /> }.into_any()),
        Ok(view) if view.items.is_empty() => {
            let of = place.with(|place| place.with(Asked::of_query(&asked)));
            Some(nothing(&of))
        }
        Ok(_) => None,
    }
}

/// The address asks for something that cannot be; its fields are above, with what stands in them.
fn unreadable(error: PageError) -> AnyView {
    view! {
        <div class="notice notice-failed" role="alert">
            <p>{error.message}</p>
            <p><a href="/runs">"Show all runs"</a></p>
        </div>
    }
    .into_any()
}

fn nothing(place: &Place) -> AnyView {
    if !place.asked.is_first_page() {
        let newest = place.with(place.asked.clone().first_page()).href();
        return view! {
            <Empty title="Nothing further back."><p><a class="button" href=newest>"The newest runs"</a></p></Empty>
        }
        .into_any();
    }
    let chosen = chips(&place.asked);
    if chosen.is_empty() {
        return view! {
            <Empty title="No runs yet.">
                <p><a class="button button-primary" href="/workflows">"Choose a workflow to start"</a></p>
            </Empty>
        }
        .into_any();
    }
    let ways: Vec<_> = chosen
        .into_iter()
        .map(|chip| {
            let address = place.with(chip.without).href();
            view! { <li><a href=address>"Without “" {chip.says} "”"</a></li> }
        })
        .collect();
    view! {
        <Empty title="Nothing fits.">
            <p>"No run is all of this at once. Take one of them away:"</p>
            <ul class="ways-out">{ways}</ul>
            <p><a class="button" href="/runs">"Show all runs"</a></p>
        </Empty>
    }
    .into_any()
}
