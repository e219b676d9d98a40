//! The versions of a workflow, and two of them side by side.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use super::param;
use crate::rpc::versions::{RestoreVersion, VersionCard, VersionPair, VersionsView, versions};
use crate::ui::asking::{Answers, Asking, Refusal};
use crate::ui::components::{Changes, Failure, Moment, SideBySide};

#[component]
pub fn VersionsPage() -> impl IntoView {
    let slug = param("slug");
    let query = use_query_map();
    let number = move |name: &'static str| {
        query.with(|query| {
            query
                .get(name)
                .and_then(|number| number.parse::<u32>().ok())
        })
    };
    let restore = Answers::of::<RestoreVersion>("slug");
    let view = Resource::new(
        move || (slug.get(), number("old"), number("new"), restore.count()),
        |(slug, old, new, _)| versions(slug, old, new),
    );
    view! {
        <Transition fallback=|| view! { <p class="muted">"Loading…"</p> }>
            {move || Suspend::new(async move {
                match view.await {
                    Ok(view) => show(view, restore),
                    Err(error) => view! { <Title text="Versions" /><h1>"Versions"</h1><Failure error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

fn show(view: VersionsView, restore: Answers) -> AnyView {
    let VersionsView {
        slug,
        name,
        versions,
        pair,
        can_change,
    } = view;
    let latest = versions.first().map_or(1, |version| version.number);
    let chosen = pair.as_ref().map(|pair| (pair.old, pair.new));
    let chosen = chosen.or((versions.len() > 1).then_some((latest - 1, latest)));
    let rows: Vec<_> = versions
        .iter()
        .map(|version| row(&slug, version, can_change, restore))
        .collect();
    let numbers: Vec<u32> = versions.iter().map(|version| version.number).collect();
    let refused = Signal::derive(move || restore.refusal());
    let compared = match pair {
        None if versions.len() > 1 => {
            view! { <p class="muted">"Nothing comes before this version."</p> }.into_any()
        }
        None => {
            view! { <p class="muted">"There is only one version, so nothing to compare yet."</p> }
                .into_any()
        }
        Some(pair) => pair_view(pair),
    };
    view! {
        <Title text=format!("Versions of {name}") />
        <p class="crumb"><a href=format!("/workflows/{slug}")>{name}</a></p>
        <h1>"Versions"</h1>
        <Refusal error=refused />
        <ol class="versions">{rows}</ol>
        <section aria-labelledby="compare-title">
            <h2 id="compare-title">"Side by side"</h2>
            {chosen.map(|chosen| pair_form(&slug, &numbers, chosen))}
            {compared}
        </section>
    }
    .into_any()
}

fn row(slug: &str, version: &VersionCard, can_change: bool, restore: Answers) -> AnyView {
    let VersionCard {
        number,
        note,
        created_by,
        created_at,
        is_current,
        open_runs,
    } = version.clone();
    let note = match note.is_empty() {
        true => view! { <span class="muted">"No note."</span> }.into_any(),
        false => view! { <span>{note}</span> }.into_any(),
    };
    let open = match open_runs {
        0 => None,
        1 => Some("1 run under way".to_owned()),
        many => Some(format!("{many} runs under way")),
    };
    let open = open.map(|open| view! { <span class="tag">{open}</span> });
    let with_last = (number > 1).then(|| {
        let href = format!("/workflows/{slug}/versions?old={}&new={number}", number - 1);
        view! { <a href=href>"What it changed"</a> }
    });
    let back = (can_change && !is_current).then(|| {
        let slug = slug.to_owned();
        view! {
            <Asking answers=restore class="version-restore">
                <input type="hidden" name="slug" value=slug />
                <input type="hidden" name="number" value=number.to_string() />
                <button class="button button-small" disabled=move || restore.busy() aria-label=format!("Restore version {number}")>"Restore"</button>
            </Asking>
        }
    });
    view! {
        <li class="version">
            <strong>{format!("Version {number}")}</strong>
            {is_current.then(|| view! { <span class="tag">"current"</span> })}
            {open}
            <span class="version-note">{note}</span>
            <span class="muted">"by " {created_by} " · " <Moment at=created_at /></span>
            <span class="version-acts">{with_last} {back}</span>
        </li>
    }
    .into_any()
}

/// A form, so that it works without scripting.
fn pair_form(slug: &str, numbers: &[u32], chosen: (u32, u32)) -> AnyView {
    let options = |chosen: u32| {
        let options = numbers.iter().map(|&number| {
            view! { <option value=number.to_string() selected={number == chosen}>{format!("Version {number}")}</option> }
        });
        options.collect::<Vec<_>>()
    };
    view! {
        <form class="version-pair" method="get" action=format!("/workflows/{slug}/versions")>
            <label for="pair-old">"From"</label>
            <select id="pair-old" name="old">{options(chosen.0)}</select>
            <label for="pair-new">"to"</label>
            <select id="pair-new" name="new">{options(chosen.1)}</select>
            <button class="button button-small">"Compare"</button>
        </form>
    }
    .into_any()
}

fn pair_view(pair: VersionPair) -> AnyView {
    let VersionPair {
        old,
        new,
        comparison,
    } = pair;
    if comparison.changes.is_empty() {
        return view! { <p>{format!("Versions {old} and {new} are the same.")}</p> }.into_any();
    }
    let labels = (format!("Version {old}"), format!("Version {new}"));
    view! {
        <Changes changes=comparison.changes />
        <SideBySide old=comparison.old new=comparison.new labels />
    }
    .into_any()
}
