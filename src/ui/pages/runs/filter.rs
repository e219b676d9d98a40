//! What the list is narrowed by: a form that is sent as it is, and in a live page an address that is gone to; and what has
//! been chosen, each to be taken away again.

use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::{FormData, HtmlFormElement, UrlSearchParams};
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use super::Walk;
use super::asked::{Chip, Place, chips};
use crate::engine::listing::{Asked, is_day};
use crate::engine::state::RunStatus;
use crate::rpc::runs::{Choices, run_choices};
use crate::ui::theme;

type Offered = Resource<Option<Choices>>;

#[component]
pub(super) fn FilterForm(place: Memo<Place>, walk: Walk) -> impl IntoView {
    let choices: Offered = Resource::new(|| (), |()| async { run_choices().await.ok() });
    let narrowed = Memo::new(move |_| place.with(|place| place.asked.clone().first_page()));
    let navigate = StoredValue::new(use_navigate());
    let submit = move |event: SubmitEvent| {
        // What cannot be read here is sent by the browser itself.
        let Some(query) = typed(&event) else { return };
        event.prevent_default();
        let there = place.with_untracked(|place| place.with(Asked::of_query(&query)));
        if place.with_untracked(|place| place.asked != there.asked) {
            walk.moves();
        }
        navigate.with_value(|go| go(&there.href(), NavigateOptions::default()));
    };
    // A form for each filter: in one that was typed into, values would not follow the address.
    view! {
        <For each=move || [narrowed.get()] key=Asked::query let(asked)>
            <form class="runs-filter" role="search" aria-label="Narrow the list" action="/runs" on:submit=submit>
                {fields(asked, choices)}
            </form>
        </For>
    }
}

fn fields(asked: Asked, choices: Offered) -> AnyView {
    let states: Vec<_> = RunStatus::ALL
        .into_iter()
        .map(|state| state_box(state, &asked))
        .collect();
    let Asked {
        workflow,
        version,
        tag,
        started_by,
        q,
        from,
        until,
        ..
    } = asked;
    let also = [&workflow, &version, &tag, &started_by, &from, &until];
    let is_open = also.into_iter().any(|text| !text.is_empty());
    view! {
        <fieldset class="states">
            <legend class="visually-hidden">"State"</legend>
            {states}
        </fieldset>
        <div class="search">
            <label class="visually-hidden" for="runs-q">"Words of the input"</label>
            <input id="runs-q" type="search" name="q" maxlength="250" autocomplete="off" placeholder="Words of the input" value=q />
            <button class="button">"Show"</button>
        </div>
        <details class="more-filters" open=is_open>
            <summary>"More to narrow it by"</summary>
            <div class="more-fields">
                <Transition>{move || Suspend::new({
                    let (workflow, tag) = (workflow.clone(), tag.clone());
                    async move { offered(choices.await.unwrap_or_default(), workflow, tag) }
                })}</Transition>
                {field("version", "Version", "text", version)}
                {field("started_by", "Started by", "text", started_by)}
                {field("from", "From", "date", from)}
                {field("until", "Until", "date", until)}
            </div>
            <p class="hint">"Days begin and end at midnight UTC. Who has started a run is written as its page says it, such as " <code>"local"</code> "."</p>
        </details>
    }
    .into_any()
}

fn state_box(state: RunStatus, asked: &Asked) -> AnyView {
    let word = state.as_str();
    let checked = asked.status.iter().any(|chosen| chosen == word);
    view! {
        <label class="state-box">
            <input type="checkbox" name="status" value=word checked=checked />
            {theme::of_run(state, false).word}
        </label>
    }
    .into_any()
}

fn field(name: &'static str, label: &'static str, kind: &'static str, value: String) -> AnyView {
    // A moment is more than a field for days can hold, and what is no day must be seen to be mended.
    let kind = match kind == "date" && !value.is_empty() && !is_day(&value) {
        true => "text",
        false => kind,
    };
    let id = format!("runs-{name}");
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            <input id=id name=name type=kind maxlength="250" autocomplete="off" value=value />
        </div>
    }
    .into_any()
}

/// The fields that there is something to choose from for.
fn offered(choices: Choices, workflow: String, tag: String) -> AnyView {
    let Choices {
        mut workflows,
        tags,
    } = choices;
    // Also one that is not among them.
    if !workflow.is_empty() && !workflows.iter().any(|(slug, _)| *slug == workflow) {
        workflows.insert(0, (workflow.clone(), workflow.clone()));
    }
    let options = workflows.into_iter().map(|(slug, name)| {
        let selected = slug == workflow;
        view! { <option value=slug selected=selected>{name}</option> }
    });
    let options: Vec<_> = options.collect();
    let tags: Vec<_> = tags
        .into_iter()
        .map(|tag| view! { <option value=tag></option> })
        .collect();
    view! {
        <div class="field">
            <label for="runs-workflow">"Workflow"</label>
            <select id="runs-workflow" name="workflow">
                <option value="">"All"</option>
                {options}
            </select>
        </div>
        <div class="field">
            <label for="runs-tag">"Tag of the workflow"</label>
            <input id="runs-tag" name="tag" list="runs-tags" maxlength="250" autocomplete="off" value=tag />
            <datalist id="runs-tags">{tags}</datalist>
        </div>
    }
    .into_any()
}

/// What stands in the form, as a query.
fn typed(event: &SubmitEvent) -> Option<String> {
    let form = event.target()?.dyn_into::<HtmlFormElement>().ok()?;
    let data = FormData::new_with_form(&form).ok()?;
    let query = UrlSearchParams::new_with_str_sequence_sequence(&data).ok()?;
    Some(query.to_string().into())
}

/// What the list is narrowed by.
#[component]
pub(super) fn Chips(place: Memo<Place>, walk: Walk) -> impl IntoView {
    let chosen = Memo::new(move |_| place.with(|place| chips(&place.asked)));
    let chip = move |chip: Chip| {
        let address = move || place.with(|place| place.with(chip.without.clone()).href());
        view! {
            <li>
                <a class="tag" href=address on:click=move |_| walk.moves()>
                    {chip.says}<span aria-hidden="true">" ×"</span><span class="visually-hidden">", take it away"</span>
                </a>
            </li>
        }
        .into_any()
    };
    let all = move || place.with(|place| place.with(Asked::default()).href());
    let is_several = move || chosen.with(|chosen| chosen.len() > 1);
    view! {
        <nav class="tags" aria-label="Narrowed by" hidden=move || chosen.with(Vec::is_empty)>
            <ul>
                <For each=move || chosen.get() key=|chip| (chip.says.clone(), chip.without.query()) children=chip />
                <li hidden=move || !is_several()><a class="tag" href=all on:click=move |_| walk.moves()>"Show all runs"</a></li>
            </ul>
        </nav>
    }
}
