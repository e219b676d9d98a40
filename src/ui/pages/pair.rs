//! Two runs of a workflow side by side: step by step what is different, and where it began.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use serde_json::Value;
use std::sync::Arc;

use super::contrasted::{self, Contrasted, values};
use super::param;
use super::run::{PageLink, Pager, page_of};
use crate::engine::contrast::Contrast;
use crate::engine::state::RunState;
use crate::engine::summary::RunSummary;
use crate::engine::time::Timestamp;
use crate::rpc::pages::run_pair;
use crate::rpc::views::{Other, PairView, RunView};
use crate::ui::components::{Empty, Failure, Moment, RunBadge};
use crate::ui::format;

/// Steps shown at once.
const PAGE: usize = 50;

#[component]
pub fn PairPage() -> impl IntoView {
    let id = param("id");
    let query = use_query_map();
    let with = Memo::new(move |_| query.with(|query| query.get("with")).unwrap_or_default());
    let pair = Resource::new(
        move || (id.get(), with.get()),
        |(id, with)| run_pair(id, with),
    );
    view! {
        <Transition fallback=|| view! { <p class="muted">"Loading…"</p> }>
            {move || Suspend::new(async move {
                match pair.await {
                    Ok(pair) => show(pair),
                    Err(error) => view! { <Title text="Compare runs" /><h1>"Compare runs"</h1><Failure error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

fn show(pair: PairView) -> AnyView {
    let PairView {
        run,
        other,
        choices,
    } = pair;
    let id = run.summary.header.run_id.to_string();
    let name = run.summary.header.workflow_name.clone();
    let chosen = other
        .as_ref()
        .map(|other| other.run.summary.header.run_id.to_string());
    let page = format!("/runs/{id}");
    let back = page.clone();
    let body = match other {
        None => view! {
            <Empty title="There is no other run to compare with yet.">
                <p><a class="button" href=back>"Back to the run"</a></p>
            </Empty>
        }
        .into_any(),
        Some(other) => contrasted(run, *other),
    };
    view! {
        <Title text=format!("{name}: two runs") />
        <p class="crumb"><a href=page>"Run"</a></p>
        <h1>{format!("{name}: two runs")}</h1>
        {choice(&id, &choices, chosen.as_deref())}
        {body}
    }
    .into_any()
}

/// A form, so that it works without scripting.
fn choice(id: &str, choices: &[RunSummary], chosen: Option<&str>) -> Option<AnyView> {
    if choices.is_empty() {
        return None;
    }
    let options: Vec<_> = choices
        .iter()
        .map(|run| {
            let id = run.header.run_id.to_string();
            let selected = chosen == Some(id.as_str());
            let status = crate::ui::theme::of_run(run.status, run.waiting_for_people > 0);
            let text = format!(
                "{}, version {}: {}",
                format::utc(run.header.created_at),
                run.header.version,
                status.word
            );
            view! { <option value=id selected=selected>{text}</option> }
        })
        .collect();
    Some(
        view! {
            <form class="version-pair pair-choice" method="get" action=format!("/runs/{id}/compare")>
                <label for="pair-with">"Compare with the run of"</label>
                <select id="pair-with" name="with">{options}</select>
                <button class="button button-small">"Compare"</button>
            </form>
        }
        .into_any(),
    )
}

/// Two runs, and what is different. The older one is on the left.
#[derive(Clone, Copy)]
struct Both {
    old: StoredValue<RunState>,
    new: StoredValue<RunState>,
    contrast: StoredValue<Contrast>,
}

fn contrasted(one: RunView, other: Other) -> AnyView {
    let Other {
        run: two,
        is_older,
        contrast,
    } = other;
    let (old, new) = if is_older { (two, one) } else { (one, two) };
    let folded = |run: &RunView| RunState::replay(Arc::new(run.outline.clone()), &run.events);
    let (was, is) = (folded(&old), folded(&new));
    let other_input = contrast.other_input;
    let (total, differing, first) = (contrast.rows.len(), contrast.differing(), contrast.first);
    let first = first.map(|at| contrast.rows[at].name.clone());
    let both = Both {
        old: StoredValue::new(was),
        new: StoredValue::new(is),
        contrast: StoredValue::new(contrast),
    };
    let input = |run: StoredValue<RunState>| run.with_value(|run| Value::clone(&run.input));
    let inputs = other_input.then(|| values("Input of the run", input(both.old), input(both.new)));
    let sentence = match first {
        None => "Both runs went the same way.".to_owned(),
        Some(first) => format!("{differing} of {total} steps differ, first “{first}”."),
    };
    view! {
        <div class="pair-heads">{head("Earlier", &old.summary, old.now)} {head("Later", &new.summary, new.now)}</div>
        <p class="pair-told">{sentence}</p>
        {inputs}
        <Rows both />
    }
    .into_any()
}

fn head(label: &'static str, run: &RunSummary, now: Timestamp) -> impl IntoView + use<> {
    let href = format!("/runs/{}", run.header.run_id);
    let took = run
        .started_at
        .map(|from| format::duration(run.finished_at.unwrap_or(now).ms_since(from)));
    view! {
        <section class="pair-head" aria-label=label>
            <p><strong>{label}</strong> " " <RunBadge status=run.status for_people={run.waiting_for_people > 0} /></p>
            <p class="muted"><a href=href><Moment at=run.header.created_at /></a> {format!(" · version {} · by {}", run.header.version, run.started_by)} {took.map(|took| format!(" · {took}"))}</p>
        </section>
    }
}

#[component]
fn Rows(both: Both) -> impl IntoView {
    let query = use_query_map();
    let any = both
        .contrast
        .with_value(|contrast| contrast.first.is_some());
    let all = Memo::new(move |_| !any || query.with(|query| query.get("all").is_some()));
    let with = Memo::new(move |_| query.with(|query| query.get("with")).unwrap_or_default());
    let listed = Memo::new(move |_| {
        both.contrast.with_value(|contrast| {
            let rows = contrast.rows.iter().enumerate();
            let rows = rows.filter(|(_, row)| all.get() || !row.differs.is_empty());
            rows.map(|(at, _)| at).collect::<Vec<_>>()
        })
    });
    let total = Signal::derive(move || listed.with(Vec::len));
    let first = Signal::derive(move || {
        let from = query.with(|query| query.get("from")?.parse::<u32>().ok());
        page_of(
            (from.unwrap_or(0) as usize).min(total.get().saturating_sub(1)),
            PAGE,
        )
    });
    let rows = Memo::new(move |_| {
        listed.with(|listed| {
            listed
                .iter()
                .skip(first.get())
                .take(PAGE)
                .copied()
                .collect::<Vec<_>>()
        })
    });
    let address = move |all: bool, from: usize| {
        let all = if all { "&all=1" } else { "" };
        let from = if from > 0 {
            format!("&from={from}")
        } else {
            String::new()
        };
        format!("?with={}{all}{from}", with.get())
    };
    let link: PageLink = Callback::new(move |from| address(all.get(), from));
    let switch = any.then(|| {
        let way = move |to: bool, word: &'static str| view! { <li><a href=move || address(to, 0) aria-current=move || (all.get() == to).then_some("page")>{word}</a></li> };
        view! { <nav class="filters filters-small" aria-label="Which steps"><ul>{way(false, "What differs")}{way(true, "All steps")}</ul></nav> }
    });
    view! {
        {switch}
        <Pager first page=PAGE total what="steps" link=Some(link) />
        <ol class="pair-rows">
            <For each=move || rows.get() key=|at| *at children=move |at| pair_row(both, at) />
        </ol>
    }
}

fn pair_row(both: Both, at: usize) -> AnyView {
    let (row, is_first) = both
        .contrast
        .with_value(|contrast| (contrast.rows[at].clone(), contrast.first == Some(at)));
    let side = |state: StoredValue<RunState>, step: Option<usize>| {
        step.map(|step| state.with_value(|state| Arc::clone(&state.steps[step])))
    };
    let (old, new) = (side(both.old, row.old), side(both.new, row.new));
    contrasted::row(Contrasted {
        row,
        old,
        new,
        is_first,
        href: None,
        alone: "Only one of the runs has come to this step.",
    })
}
