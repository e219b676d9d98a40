//! What has come to the list since it was read, offered: nothing that somebody reads is moved. Rows are kept up to date
//! meanwhile, also where the connection is down and lists are asked for from time to time.

use leptos::prelude::*;
use leptos::task::spawn_local;
use std::sync::Arc;

use super::walk::bring_to_line;
use super::{View, Walk, known};
use crate::engine::ids::RunId;
use crate::engine::summary::RunSummary;
use crate::engine::time::Timestamp;
use crate::rpc::runs::{RunsView, runs};
use crate::ui::format;
use crate::ui::live::Live;

/// What stands on the page.
#[derive(Clone, Debug, PartialEq)]
struct Shown {
    asked: String,
    runs: Vec<RunId>,
    /// The last of them, if there are older ones: what lies behind it is no news of this page.
    last: Option<(Timestamp, RunId)>,
    is_first_page: bool,
}

impl Shown {
    fn of(asked: &str, view: &RunsView) -> Self {
        let place = |run: &RunSummary| (run.header.created_at, run.header.run_id.clone());
        Self {
            asked: asked.to_owned(),
            runs: view
                .items
                .iter()
                .map(|run| run.header.run_id.clone())
                .collect(),
            last: view
                .items
                .last()
                .filter(|_| view.older.is_some())
                .map(place),
            is_first_page: view.newer.is_none(),
        }
    }

    /// How many of these runs belong on the page and are not on it.
    fn lacks(&self, items: &[RunSummary]) -> usize {
        let lacks = |run: &&RunSummary| {
            let RunSummary { header, .. } = run;
            let is_behind =
                |(at, id): &(Timestamp, RunId)| (header.created_at, &header.run_id) < (*at, id);
            !self.runs.contains(&header.run_id) && !self.last.as_ref().is_some_and(is_behind)
        };
        items.iter().filter(lacks).count()
    }
}

/// Asks for the same page once more whenever lists have changed, one answer after the other.
#[derive(Clone, Copy)]
struct Look {
    live: Live,
    asked: Memo<String>,
    shown: Memo<Option<Shown>>,
    /// Of which page, and how many.
    news: RwSignal<Option<(Shown, usize)>>,
    fresh: RwSignal<u32>,
    is_looking: StoredValue<bool>,
    /// Lists have changed since it was asked.
    again: StoredValue<bool>,
}

impl Look {
    fn look(self) {
        if self.is_looking.get_value() {
            return self.again.set_value(true);
        }
        self.is_looking.set_value(true);
        let asked = self.asked.get_untracked();
        spawn_local(async move {
            let answer = runs(asked.clone()).await;
            // The page may have been left meanwhile.
            if self.is_looking.try_set_value(false).is_some() {
                return;
            }
            if let Ok(view) = answer {
                self.take(&asked, view);
            }
            if self.again.try_update_value(std::mem::take) == Some(true) {
                self.look();
            }
        });
    }

    /// Keeps what the answer says beside what is shown.
    fn take(self, asked: &str, view: RunsView) {
        let Some(Some(shown)) = self.shown.try_get_untracked() else {
            return;
        };
        // Or turned.
        if shown.asked != asked {
            return;
        }
        if shown.runs.is_empty() && !view.items.is_empty() {
            // Nobody reads an empty list.
            self.fresh.update(|fresh| *fresh += 1);
        } else if shown.is_first_page {
            let lacks = shown.lacks(&view.items);
            self.news.set(Some((shown, lacks)));
        }
        self.live.summaries.update(|known| {
            for run in view.items {
                let id = run.header.run_id.clone();
                if known.get(&id).is_none_or(|known| known.seq < run.seq) {
                    known.insert(id, Arc::new(run));
                }
            }
        });
    }
}

#[component]
pub(super) fn News(
    view: View,
    asked: Memo<String>,
    fresh: RwSignal<u32>,
    walk: Walk,
) -> impl IntoView {
    let live = Live::expect();
    let look = Look {
        live,
        asked,
        shown: Memo::new(move |_| known(view, Shown::of)),
        news: RwSignal::new(None),
        fresh,
        is_looking: StoredValue::new(false),
        again: StoredValue::new(false),
    };
    Effect::new(move |before: Option<u32>| {
        let lists = live.lists.get();
        if before.is_some_and(|before| before != lists) {
            look.look();
        }
        lists
    });
    // Of another page they are no news.
    let count = Memo::new(move |_| {
        let shown = look.shown.get()?;
        let news = look.news.get()?;
        (news.0 == shown && news.1 > 0).then_some((news.1, shown.runs.len()))
    });
    let show = move |_| {
        fresh.update(|fresh| *fresh += 1);
        bring_to_line(walk);
    };
    let offered = move || {
        let (count, page) = count.get()?;
        Some(
            view! { <button type="button" class="button button-small runs-news" on:click=show>{says(count, page)}</button> },
        )
    };
    view! { <div role="status">{offered}</div> }
}

/// Of a page that is new from top to bottom nobody knows how many there are behind it.
fn says(count: usize, page: usize) -> String {
    let runs = format::counted(u32::try_from(count).unwrap_or(u32::MAX), "more run");
    match count >= page && page > 1 {
        true => format!("{runs} at least"),
        false => runs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::runs::Count;

    fn run(id: &str, at: i64) -> RunSummary {
        let mut run: RunSummary = serde_json::from_value(serde_json::json!({
            "run_id": id, "workflow_id": "w", "version_id": "v", "workflow_slug": "s", "workflow_name": "S",
            "version": 1, "created_at": "2026-11-23T00:00:00Z", "seq": 1, "status": "running", "percent": 0,
            "steps_total": 1, "steps_done": 0, "steps_failed": 0, "waiting_for_people": 0, "started_by": "local"
        }))
        .expect("a summary");
        run.header.created_at = Timestamp::from_micros(at);
        run
    }

    fn shown(items: Vec<RunSummary>, older: Option<&str>) -> Shown {
        let all = Count {
            runs: 0,
            and_more: true,
        };
        let view = RunsView {
            items,
            newer: None,
            older: older.map(str::to_owned),
            before: Some(0),
            all,
            now: Timestamp::default(),
        };
        Shown::of("", &view)
    }

    #[test]
    fn only_what_belongs_on_the_page_and_is_not_there_is_new() {
        let page = shown(vec![run("d", 4), run("c", 3)], Some("c"));
        assert_eq!(page.lacks(&[run("d", 4), run("c", 3)]), 0);
        assert_eq!(page.lacks(&[run("e", 5), run("d", 4)]), 1);
        // One has gone, and an older one has moved up.
        assert_eq!(page.lacks(&[run("c", 3), run("b", 2)]), 0);
        // An older one that is now what was asked for is new where there are no older ones than these.
        let all = shown(vec![run("d", 4), run("c", 3)], None);
        assert_eq!(all.lacks(&[run("d", 4), run("c", 3), run("b", 2)]), 1);
    }

    #[test]
    fn a_page_of_nothing_else_may_be_more() {
        assert_eq!(says(1, 50), "1 more run");
        assert_eq!(says(3, 50), "3 more runs");
        assert_eq!(says(50, 50), "50 more runs at least");
        assert_eq!(says(1, 1), "1 more run");
    }
}
