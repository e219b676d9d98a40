//! Two runs of a workflow side by side: step by step what is different, and where it began.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use serde_json::Value;
use std::sync::Arc;

use super::param;
use super::run::{PageLink, Pager, page_of};
use crate::engine::contrast::{Aspect, Changed, Contrast, Row, changed, input};
use crate::engine::state::{RunState, StepRun};
use crate::engine::summary::RunSummary;
use crate::engine::time::Timestamp;
use crate::rpc::pages::run_pair;
use crate::rpc::views::{Other, PairView, RunView};
use crate::ui::components::{Empty, Failure, Moment, RunBadge, StepBadge};
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
            <For each=move || rows.get() key=|at| *at children=move |at| view! { <PairRow both at /> } />
        </ol>
    }
}

#[component]
fn PairRow(both: Both, at: usize) -> impl IntoView {
    let (row, is_first) = both
        .contrast
        .with_value(|contrast| (contrast.rows[at].clone(), contrast.first == Some(at)));
    let side = |state: StoredValue<RunState>, step: Option<usize>| {
        step.map(|step| state.with_value(|state| Arc::clone(&state.steps[step])))
    };
    let (old, new) = (side(both.old, row.old), side(both.new, row.new));
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
    let shown = |run: Option<&Arc<StepRun>>| match run {
        Some(run) => {
            let took = run
                .started_at
                .zip(run.finished_at)
                .filter(|_| !run.attempts.is_empty() || run.gate.is_some());
            let took = took.map(|(from, until)| format::duration(until.ms_since(from)));
            view! { <StepBadge status=run.status /> " " <span class="muted">{took}</span> }
                .into_any()
        }
        None => view! { <span class="muted">"–"</span> }.into_any(),
    };
    let (left, right) = (shown(old.as_ref()), shown(new.as_ref()));
    let more = (!differs.is_empty()).then(|| {
        let body = inside_of(&differs, old.as_deref(), new.as_deref());
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
    view! {
        <li class=class>
            <div class="pair-name"><h2>{name.clone()}</h2> {inside} {mark}</div>
            <div class="pair-side"><span class="visually-hidden">"Earlier: "</span>{left}</div>
            <div class="pair-side"><span class="visually-hidden">"Later: "</span>{right}</div>
            <div class="pair-tags">{tags}</div>
            {more}
        </li>
    }
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

fn inside_of(differs: &[Aspect], old: Option<&StepRun>, new: Option<&StepRun>) -> AnyView {
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

fn only_one() -> AnyView {
    view! { <p class="muted">"Only one of the runs has come to this step."</p> }.into_any()
}

/// Where two values differ; nothing where they are the same.
fn values(label: &'static str, old: Value, new: Value) -> Option<AnyView> {
    let (places, more) = changed(&old, &new);
    if places.is_empty() {
        return None;
    }
    let text = |value: Option<Value>| match value {
        None => "–".to_owned(),
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
