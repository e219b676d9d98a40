//! Several runs, cancelled or retried at once: what would be done with each, a plain form that has it done, and what came
//! of each.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_location;
use leptos_router::location::Location;

use super::asked::Place;
use crate::engine::time::Timestamp;
use crate::rpc::runs::{BulkAct, BulkItem, BulkView, bulk};
use crate::ui::components::{Failure, RunRow};
use crate::ui::format;
use crate::ui::live::Live;

#[component]
pub fn BulkPage() -> impl IntoView {
    let Location {
        pathname, search, ..
    } = use_location();
    // Whoever goes on to another page asks nothing more here.
    let query = Memo::new(move |before: Option<&String>| match before {
        Some(before) if pathname.with(|path| path != "/runs/bulk") => before.clone(),
        Some(_) | None => search.get(),
    });
    let view = Resource::new(move || query.get(), bulk);
    view! {
        <p class="crumb"><a href="/runs">"Runs"</a></p>
        <Transition>
            {move || Suspend::new(async move {
                match view.await {
                    Ok(view) => show(view),
                    Err(error) => view! {
                        <Title text="Several runs" />
                        <h1>"Several runs"</h1>
                        <Failure error />
                    }
                    .into_any(),
                }
            })}
        </Transition>
    }
}

fn show(view: BulkView) -> AnyView {
    let BulkView {
        act,
        is_done,
        items,
        gone,
        ready,
        runs,
        back,
        now,
    } = view;
    let title = match (act, is_done) {
        (BulkAct::Cancel, false) => "Cancel runs?",
        (BulkAct::Cancel, true) => "Runs cancelled",
        (BulkAct::Retry, false) => "Retry runs?",
        (BulkAct::Retry, true) => "Runs retried",
    };
    let back = Place::of(&back).href();
    let done = items.iter().filter(|item| !item.is_refused).count();
    let all = items.len();
    let summary = match is_done {
        _ if all == 0 && gone == 0 => "No run is chosen. Go back and choose some.".to_owned(),
        true => format!("Done with {done} of {}.", runs_of(all)),
        false => format!("It would be done with {done} of {}.", runs_of(all)),
    };
    let gone = (gone > 0)
        .then(|| view! { <p>{format!("No longer there: {}.", format::counted(gone, "run"))}</p> });
    let now = Live::expect().now(now);
    let rows: Vec<_> = items.into_iter().map(|item| row(item, now)).collect();
    let form = (!is_done && ready > 0).then(|| ask(act, ready, runs, &back));
    view! {
        <Title text=title />
        <h1>{title}</h1>
        <p role="status">{summary}</p>
        {gone}
        {form}
        <ul class="run-list">{rows}</ul>
        <p><a class="button" href=back>"Back to the list"</a></p>
    }
    .into_any()
}

fn runs_of(number: usize) -> String {
    format::counted(u32::try_from(number).unwrap_or(u32::MAX), "run")
}

fn row(item: BulkItem, now: Signal<Timestamp>) -> AnyView {
    let BulkItem {
        run,
        says,
        is_refused,
    } = item;
    view! {
        <li>
            <RunRow run now />
            <p class="bulk-says" class:muted=is_refused>{says}</p>
        </li>
    }
    .into_any()
}

fn ask(act: BulkAct, ready: u32, runs: String, back: &str) -> AnyView {
    let count = format::counted(ready, "run");
    let (word, label, hint) = match act {
        BulkAct::Cancel => (
            "cancel",
            format!("Cancel {count}"),
            "What is running is told to stop. What has been done stays done.",
        ),
        BulkAct::Retry => (
            "retry",
            format!("Retry {count}"),
            "What has been completed stays so; what has failed is done again.",
        ),
    };
    let class = match act {
        BulkAct::Cancel => "button button-reject",
        BulkAct::Retry => "button button-primary",
    };
    let back = back.strip_prefix("/runs?").unwrap_or_default().to_owned();
    view! {
        <form class="act-form" method="post" action="/rpc/act_on_runs">
            <input type="hidden" name="act" value=word />
            <input type="hidden" name="runs" value=runs />
            <input type="hidden" name="back" value=back />
            <label for="bulk-comment">"Why? (optional)"</label>
            <input id="bulk-comment" name="comment" maxlength="4000" autocomplete="off" />
            <p class="hint">{hint}</p>
            <button class=class>{label}</button>
        </form>
    }
    .into_any()
}
