//! The rows, the pages they are on, and how one goes through both by keyboard.

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::{Element, HtmlElement};
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use super::asked::{Choosing, Place};
use super::news::News;
use super::{View, Walk, known};
use crate::engine::listing::Asked;
use crate::engine::summary::RunSummary;
use crate::engine::time::Timestamp;
use crate::rpc::runs::{Count, RunsView};
use crate::ui::components::RunRow;
use crate::ui::format;
use crate::ui::live::Live;

/// The pages before and behind this one, as addresses.
#[derive(Clone, Copy)]
struct Ways {
    newer: Memo<Option<String>>,
    older: Memo<Option<String>>,
}

#[component]
pub(super) fn Rows(
    view: View,
    place: Memo<Place>,
    asked: Memo<String>,
    fresh: RwSignal<u32>,
    walk: Walk,
) -> impl IntoView {
    let live = Live::expect();
    let ways = ways(view, place);
    follow_steps(view, asked, walk);
    // Asked each time: before the first tick of the browser's clock it is the moment of the answer that is shown.
    let now: Signal<Timestamp> = Signal::derive(move || {
        let made_at = || known(view, |_, view| view.now).unwrap_or_default();
        live.clock.get().unwrap_or_else(made_at)
    });
    let choosing = Memo::new(move |_| place.with(|place| place.choosing));
    let items = move || {
        let choosing = choosing.get();
        let items = known(view, |_, view| view.items.clone()).unwrap_or_default();
        let items = items.into_iter().map(|run| (choosing, run));
        items.collect::<Vec<_>>()
    };
    let class = move || match choosing.get() {
        Choosing::No => "run-list",
        Choosing::Some | Choosing::All => "run-list runs-choosing",
    };
    let is_empty = move || known(view, |_, view| view.items.is_empty()).unwrap_or(true);
    let says = Memo::new(move |_| known(view, |_, view| range(view)).unwrap_or_default());
    let keys = use_keys(ways, walk);
    view! {
        <section class="runs-found" aria-label="Runs" on:keydown=keys>
            <div class="found-head">
                <p class="muted runs-count" role="status" tabindex="-1" node_ref=walk.line>{says}</p>
                <News view asked fresh walk />
            </div>
            <form action="/runs/bulk">
                <Choice place walk is_empty=Signal::derive(is_empty) />
                // By run: where the focus is, it stays, whatever happens to the others.
                <ul class=class hidden=is_empty>
                    <For each=items key=|(choosing, run)| (*choosing, run.header.run_id.clone()) let((choosing, run))>
                        <li>{row(run, choosing, now)}</li>
                    </For>
                </ul>
            </form>
            <Pages place ways walk />
        </section>
    }
}

fn ways(view: View, place: Memo<Place>) -> Ways {
    let way = move |read: fn(&RunsView) -> Option<Asked>| {
        Memo::new(move |_| {
            // From what this is the answer to: the address may be another by now.
            let (of, there) = known(view, |asked, view| (Asked::of_query(asked), read(view)))?;
            let there = there?;
            let asked = Asked {
                older: there.older,
                newer: there.newer,
                ..of
            };
            Some(place.with(|place| place.with(asked).href()))
        })
    };
    let newer = way(|view| {
        let newer = view.newer.clone()?;
        Some(Asked {
            newer,
            ..Asked::default()
        })
    });
    let older = way(|view| {
        let older = view.older.clone()?;
        Some(Asked {
            older,
            ..Asked::default()
        })
    });
    Ways { newer, older }
}

fn row(run: RunSummary, choosing: Choosing, now: Signal<Timestamp>) -> AnyView {
    let choice = (choosing != Choosing::No).then(|| {
        let id = run.header.run_id.to_string();
        let says = format!("Choose {}, {}", run.header.workflow_name, format::utc(run.header.created_at));
        view! {
            <label class="run-choice">
                <input type="checkbox" name="run" value=id checked={choosing == Choosing::All} aria-label=says />
            </label>
        }
    });
    view! { {choice} <RunRow run now /> }.into_any()
}

/// What can be done with several runs of the page, and which of them are chosen. Plain links and buttons: the choice is
/// in the form, and where it leads is told beforehand on a page of its own.
#[component]
fn Choice(place: Memo<Place>, walk: Walk, is_empty: Signal<bool>) -> impl IntoView {
    let address =
        move |choosing: Choosing| move || place.with(|place| place.choosing(choosing).href());
    let is_choosing = move || place.with(|place| place.choosing != Choosing::No);
    let is = move |choosing: Choosing| place.with(|place| place.choosing == choosing);
    let back = move || place.with(|place| place.asked.query());
    let step = move |_| bring_to_line(walk);
    view! {
        <div class="run-acts" hidden=move || is_empty.get()>
            <a class="button button-small" href=address(Choosing::Some) hidden=is_choosing on:click=step>"Choose several…"</a>
            <a class="button button-small" href=address(Choosing::All) hidden=move || !is(Choosing::Some) on:click=step>"All of this page"</a>
            <a class="button button-small" href=address(Choosing::Some) hidden=move || !is(Choosing::All) on:click=step>"None of this page"</a>
            <button class="button button-small" name="act" value="cancel" hidden=move || !is_choosing()>"Cancel…"</button>
            <button class="button button-small" name="act" value="retry" hidden=move || !is_choosing()>"Retry…"</button>
            <a class="button button-small" href=address(Choosing::No) hidden=move || !is_choosing() on:click=step>"Stop choosing"</a>
            <input type="hidden" name="back" value=back />
        </div>
    }
}

/// Which runs of how many are shown.
fn range(view: &RunsView) -> String {
    let shown = u32::try_from(view.items.len()).unwrap_or(u32::MAX);
    let Count { runs, and_more } = view.all;
    let all = match and_more {
        true => format!("more than {}", thousands(runs)),
        false => thousands(runs),
    };
    match view.before {
        _ if runs == 0 => "No runs".to_owned(),
        Some(0) if shown == runs && !and_more => format::counted(runs, "run"),
        Some(before) if shown > 0 => {
            format!("Runs {}–{} of {all}", before + 1, before + shown)
        }
        Some(_) => format!("None of {all} runs is further back"),
        None => format!(
            "{} beyond the newest {}",
            format::counted(shown, "run"),
            thousands(runs)
        ),
    }
}

/// `1,000`.
fn thousands(number: u32) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", number / 1_000, number % 1_000),
    }
}

/// Brings whoever has taken a step to the line that says where that has led, as soon as its own answer is here: while an
/// answer is on its way, the earlier one is shown under the address of the next.
fn follow_steps(view: View, asked: Memo<String>, walk: Walk) {
    let answered = Memo::new(move |_| view.map(|(asked, _)| asked.clone()));
    Effect::new(move || {
        let answered = answered.get();
        let is_here = asked.with(|asked| answered.as_ref() == Some(asked));
        if !is_here || !walk.moving.get_value() {
            return;
        }
        walk.moving.set_value(false);
        bring_to_line(walk);
    });
}

/// What is not on the page yet takes no focus, and neither does what has gone by then.
pub(super) fn bring_to_line(walk: Walk) {
    request_animation_frame(move || {
        if let Some(line) = walk.line.try_get_untracked().flatten() {
            let _ = line.focus();
        }
    });
}

#[component]
fn Pages(place: Memo<Place>, ways: Ways, walk: Walk) -> impl IntoView {
    let newest = move || place.with(|place| place.with(place.asked.clone().first_page()).href());
    let has_newer = move || ways.newer.with(Option::is_some);
    let has_older = move || ways.older.with(Option::is_some);
    let step = move |_| walk.moves();
    view! {
        <nav class="pager" aria-label="Pages of runs" hidden=move || !has_newer() && !has_older()>
            <a class="button button-small" href=newest hidden=move || !has_newer() on:click=step>"Newest"</a>
            <a class="button button-small" rel="prev" href=move || ways.newer.get() hidden=move || !has_newer() on:click=step>"Newer"</a>
            <a class="button button-small" rel="next" href=move || ways.older.get() hidden=move || !has_older() on:click=step>"Older"</a>
            <span class="muted runs-keys">"Keys: arrows for rows, N and P for pages"</span>
        </nav>
    }
}

/// Arrows go from row to row, N and P from page to page. Only where the list has the focus: elsewhere
/// the keys are the browser's.
fn use_keys(ways: Ways, walk: Walk) -> impl Fn(KeyboardEvent) + Copy + 'static {
    let navigate = StoredValue::new(use_navigate());
    let turn = move |to: Memo<Option<String>>| {
        if let Some(to) = to.get_untracked() {
            walk.moves();
            navigate.with_value(|go| go(&to, NavigateOptions::default()));
        }
    };
    move |event: KeyboardEvent| {
        if event.ctrl_key() || event.alt_key() || event.meta_key() || event.shift_key() {
            return;
        }
        match event.key().as_str() {
            "ArrowDown" => to_row(Element::next_element_sibling, Element::first_element_child),
            "ArrowUp" => to_row(
                Element::previous_element_sibling,
                Element::last_element_child,
            ),
            // The page keys are left to the browser: they scroll to what has not been read.
            "n" => turn(ways.older),
            "p" => turn(ways.newer),
            _ => return,
        }
        event.prevent_default();
    }
}

/// Gives the focus to the next row in that direction; to the first one in it when no row has it.
fn to_row(next: fn(&Element) -> Option<Element>, first: fn(&Element) -> Option<Element>) {
    let focused = document().active_element();
    let current = focused.and_then(|element| element.closest(".run-list > li").ok().flatten());
    let there = match current {
        Some(row) => next(&row),
        None => document()
            .query_selector(".runs-found .run-list")
            .ok()
            .flatten()
            .and_then(|list| first(&list)),
    };
    let link = there.and_then(|row| row.query_selector("a").ok().flatten());
    if let Some(link) = link.and_then(|link| link.dyn_into::<HtmlElement>().ok()) {
        let _ = link.focus();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(shown: usize, before: Option<u32>, runs: u32, and_more: bool) -> String {
        let run: RunSummary = serde_json::from_value(serde_json::json!({
            "run_id": "r", "workflow_id": "w", "version_id": "v", "workflow_slug": "s", "workflow_name": "S",
            "version": 1, "created_at": "2026-11-23T00:00:00Z", "seq": 1, "status": "running", "percent": 0,
            "steps_total": 1, "steps_done": 0, "steps_failed": 0, "waiting_for_people": 0, "started_by": "local"
        }))
        .expect("a summary");
        range(&RunsView {
            items: vec![run; shown],
            newer: None,
            older: None,
            before,
            all: Count { runs, and_more },
            now: Timestamp::default(),
        })
    }

    #[test]
    fn the_line_says_which_runs_of_how_many_are_shown() {
        assert_eq!(said(0, Some(0), 0, false), "No runs");
        assert_eq!(said(1, Some(0), 1, false), "1 run");
        assert_eq!(said(3, Some(0), 3, false), "3 runs");
        assert_eq!(said(50, Some(0), 237, false), "Runs 1–50 of 237");
        assert_eq!(said(37, Some(200), 237, false), "Runs 201–237 of 237");
        assert_eq!(
            said(50, Some(50), 1_000, true),
            "Runs 51–100 of more than 1,000"
        );
        assert_eq!(
            said(50, None, 1_000, true),
            "50 runs beyond the newest 1,000"
        );
        assert_eq!(said(0, Some(3), 3, false), "None of 3 runs is further back");
    }
}
