//! Filters that have a name, as links; and the plain forms that keep, rename and remove them.

use leptos::prelude::*;
use leptos_router::hooks::use_location;

use super::Walk;
use super::asked::Place;
use crate::engine::listing::{Asked, pairs};
use crate::rpc::runs::{SavedFilter, saved_filters};

type Saved = Resource<Vec<SavedFilter>>;

#[component]
pub(super) fn SavedFilters(place: Memo<Place>, walk: Walk) -> impl IntoView {
    let saved: Saved = Resource::new(
        || (),
        |()| async { saved_filters().await.unwrap_or_default() },
    );
    let search = use_location().search;
    let told = Memo::new(move |_| search.with(|search| told(search)));
    let says = move || {
        told.get().map(|(says, is_done)| match is_done {
            true => view! { <p class="notice notice-accepted" role="status">{says}</p> }.into_any(),
            false => view! { <p class="notice notice-failed" role="alert">{says}</p> }.into_any(),
        })
    };
    let query = Memo::new(move |_| place.with(|place| place.asked.clone().first_page().query()));
    view! {
        <div class="saved">
            {says}
            <Transition>
                <Links saved place query walk />
                <Forms saved query />
            </Transition>
        </div>
    }
}

#[component]
fn Links(saved: Saved, place: Memo<Place>, query: Memo<String>, walk: Walk) -> impl IntoView {
    let link = move |filter: SavedFilter| {
        let asked = Asked::of_query(&filter.query);
        let own = filter.query;
        let is_here = Memo::new(move |_| query.with(|query| *query == own));
        let address = move || place.with(|place| place.with(asked.clone()).href());
        let step = move |_| {
            if !is_here.get_untracked() {
                walk.moves();
            }
        };
        view! {
            <li><a href=address aria-current=move || is_here.get().then_some("page") on:click=step>{filter.name}</a></li>
        }
        .into_any()
    };
    let is_none = move || saved.map(Vec::is_empty).unwrap_or(true);
    view! {
        <nav class="filters" aria-label="Saved filters" hidden=is_none>
            <ul><For each=move || saved.get().unwrap_or_default() key=|filter| filter.name.clone() children=link /></ul>
        </nav>
    }
}

#[component]
fn Forms(saved: Saved, query: Memo<String>) -> impl IntoView {
    let is_all = move || query.with(String::is_empty);
    let is_none = move || is_all() && saved.map(Vec::is_empty).unwrap_or(true);
    let change = move |filter: SavedFilter| {
        let whole = |what: &str| format!("{what} “{}”", filter.name);
        let (named, rename, remove) = (whole("Another name for"), whole("Rename"), whole("Remove"));
        view! {
            <form class="saved-form" method="post" action="/rpc/change_filter">
                <input type="hidden" name="name" value=filter.name.clone() />
                <input type="hidden" name="query" value=move || query.get() />
                <input name="to" required maxlength="200" autocomplete="off" value=filter.name.clone() aria-label=named />
                <button class="button button-small" name="act" value="rename" aria-label=rename>"Rename"</button>
                <button class="button button-small" name="act" value="remove" formnovalidate aria-label=remove>"Remove"</button>
            </form>
        }
        .into_any()
    };
    view! {
        <details class="saved-edit" hidden=is_none>
            <summary>"Save this filter, or change saved ones"</summary>
            <form class="saved-form" method="post" action="/rpc/save_filter" hidden=is_all>
                <label for="filter-name">"Save under the name"</label>
                <input id="filter-name" name="name" required maxlength="200" autocomplete="off" />
                <input type="hidden" name="query" value=move || query.get() />
                <button class="button button-small">"Save"</button>
            </form>
            <For each=move || saved.get().unwrap_or_default() key=|filter| filter.name.clone() children=change />
            <p class="hint">"A name that there is already stands for this filter then. Until people can sign in, everybody here has the same ones."</p>
        </details>
    }
}

/// What came of a form, and whether it was done.
fn told(search: &str) -> Option<(&'static str, bool)> {
    let (_, word) = pairs(search).find(|(name, _)| name == "told")?;
    Some(match word.as_str() {
        "saved" => ("The filter is saved.", true),
        "renamed" => ("The filter has its other name.", true),
        "removed" => ("The filter is removed.", true),
        "name" => (
            "A filter takes a name of 1 to 200 characters, in one line.",
            false,
        ),
        "filter" => (
            "Only a list that is narrowed, and can be read, is saved as a filter.",
            false,
        ),
        "full" => (
            "There are as many saved filters as there may be. Remove some first.",
            false,
        ),
        "taken" => ("Another filter has that name. Choose another.", false),
        "gone" => ("There is no such filter any more.", false),
        "failed" => ("Nothing was changed. Try again in a moment.", false),
        _ => return None,
    })
}
