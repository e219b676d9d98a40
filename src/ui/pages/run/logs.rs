//! What an attempt of a step writes: its last lines come with the page; once unfolded they are followed, searched, and read
//! as they were at an earlier moment.

mod reading;

use leptos::html::Details;
use leptos::prelude::*;
use leptos::web_sys::Element;
use std::sync::Arc;
use std::time::Duration;

use super::{Forms, Viewer};
use crate::engine::event::Performer;
use crate::engine::logs::{LogCount, LogStream};
use crate::engine::state::{Attempt, StepRun};
use crate::engine::time::Timestamp;
use crate::rpc::views::{LOGS_MAX, LogRow, LogTail};
use crate::ui::components::is_open;
use crate::ui::format;
use crate::ui::later::Later;
use crate::ui::parts::{Place, apart};
use reading::{ASK_EVERY, Reading};

/// What came with the page.
#[derive(Clone, Copy)]
pub struct Logs {
    tails: StoredValue<Vec<LogTail>>,
    at: Timestamp,
}

/// The log of a step: its path and its name last.
type OfStep = (Viewer, Forms, Memo<Arc<StepRun>>, String, String);

apart!(log, LOG: OfStep => |(viewer, forms, step, path, name)| view! { <StepLog viewer forms step path name /> }.into_any());

impl Logs {
    pub fn new(tails: Vec<LogTail>, at: Timestamp) -> Self {
        Self {
            tails: StoredValue::new(tails),
            at,
        }
    }

    /// The log of the step's last attempt, folded away. Most steps have none.
    pub fn draw(
        self,
        viewer: Viewer,
        forms: Forms,
        step: Memo<Arc<StepRun>>,
        path: String,
        name: String,
    ) -> AnyView {
        let of_step = path.clone();
        // Once there, it stays: what is opened and searched in it is kept when one goes back to before it.
        let is_there = Memo::new(move |was| {
            was == Some(&true) || step.with(|step| self.of(&of_step, step).is_some())
        });
        let log = move || {
            let of_step = (viewer, forms, step, path.clone(), name.clone());
            is_there.get().then(|| LOG.show(of_step, Place::Within))
        };
        log.into_any()
    }

    fn tail(self, path: &str, attempt: u32) -> Option<LogTail> {
        self.tails.with_value(|tails| {
            let is_it = |tail: &&LogTail| tail.step.as_str() == path && tail.attempt == attempt;
            tails.iter().find(is_it).cloned()
        })
    }

    /// There may be logs that did not come with the page.
    fn is_cut(self) -> bool {
        self.tails
            .with_value(|tails| tails.len() >= LOGS_MAX as usize)
    }

    /// Whether there is a log of the attempt, or may be one: it was made after the page, or the page has no room for it.
    fn may_be_of(self, path: &str, made: &Attempt) -> bool {
        if matches!(made.by, Performer::Run { .. }) {
            return false;
        }
        let is_news = made.finished_at.is_none_or(|at| at > self.at);
        is_news || self.is_cut() || self.tail(path, made.number).is_some()
    }

    /// Where the log of an attempt is downloaded.
    pub fn download(self, run_id: &str, path: &str, made: &Attempt) -> Option<String> {
        let may_be = self.may_be_of(path, made);
        may_be.then(|| download(run_id, path, made.number))
    }

    /// The last attempt, if there may be a log of it.
    fn of(self, path: &str, step: &StepRun) -> Option<u32> {
        let last = step.attempts.last()?;
        self.may_be_of(path, last).then_some(last.number)
    }
}

/// The log of the step's last attempt, folded away.
#[component]
fn StepLog(
    viewer: Viewer,
    forms: Forms,
    step: Memo<Arc<StepRun>>,
    path: String,
    name: String,
) -> impl IntoView {
    let logs = forms.logs;
    let of_step = path.clone();
    let attempt = Memo::new(move |_| step.with(|step| logs.of(&of_step, step)));
    let is_made = Memo::new(move |_| step.with(|step| step.running_attempt().is_some()));
    let until = Memo::new(move |_| viewer.reel.and_then(super::reel::Reel::time));
    let tail = {
        let path = path.clone();
        move |attempt: Option<u32>| {
            let of = attempt.unwrap_or_default();
            logs.tail(&path, of).unwrap_or_else(|| nothing(&path, of))
        }
    };
    let LogTail { count, rows, .. } = tail(attempt.get_untracked());
    // One for all attempts: what is opened, searched and followed stays so when the next one begins.
    let reading = Reading {
        run_id: forms.run_id,
        path: StoredValue::new(path),
        is_cut: logs.is_cut(),
        attempt,
        until,
        is_made,
        opened: RwSignal::new(false),
        find: RwSignal::new(String::new()),
        wraps: RwSignal::new(true),
        follows: RwSignal::new(true),
        count: RwSignal::new(count),
        matches: RwSignal::new(0),
        rows: RwSignal::new(rows),
        shown: RwSignal::new(None),
        failures: RwSignal::new(0),
        is_asking: StoredValue::new(false),
        is_wanted: StoredValue::new(false),
        again: Later::after(ASK_EVERY),
        top: StoredValue::new(0),
        lines: NodeRef::new(),
    };
    Effect::new(move |before: Option<Option<u32>>| {
        let now = attempt.get();
        if before.is_some_and(|before| before != now) {
            reading.turn_to(tail(now));
        }
        now
    });
    Effect::new(move || {
        reading.attempt.track();
        reading.find.track();
        reading.until.track();
        reading.is_made.track();
        reading.opened.track();
        reading.ask();
    });
    let is_there = Memo::new(move |_| attempt.with(Option::is_some));
    move || {
        is_there
            .get()
            .then(|| view! { <Log reading name=name.clone() /> })
    }
}

fn nothing(path: &str, attempt: u32) -> LogTail {
    LogTail {
        step: path.into(),
        attempt,
        count: LogCount::default(),
        rows: Vec::new(),
    }
}

#[component]
fn Log(reading: Reading, name: String) -> impl IntoView {
    let details = NodeRef::<Details>::new();
    // It may have been unfolded before the client took over.
    Effect::new(move || {
        let is_open = details
            .get()
            .is_some_and(|details| details.has_attribute("open"));
        if is_open && !reading.opened.get_untracked() {
            reading.opened.set(true);
            reading.go_to_end();
        }
    });
    let toggled = move |event| {
        reading.opened.set(is_open(&event));
        reading.go_to_end();
    };
    let scrolled = move |event| reading.scrolled(&event_target::<Element>(&event));
    let href = move || {
        let attempt = reading.attempt.get().unwrap_or(1);
        download(
            &reading.run_id.get_value(),
            &reading.path.get_value(),
            attempt,
        )
    };
    let typing = Later::after(Duration::from_millis(200));
    let search = move |event| {
        let text = event_target_value(&event);
        typing.ask(move || reading.find.set(text));
    };
    let wrap = move |event| {
        reading.wraps.set(event_target_checked(&event));
        reading.go_to_end();
    };
    let follow = move |_| {
        reading.follow(!reading.follows.get_untracked());
        reading.go_to_end();
    };
    let label = format!("Log of {name}");
    // Several logs may be open: each field says whose it is.
    let whose = StoredValue::new(format!(" of {name}"));
    let whose = move || view! { <span class="visually-hidden">{whose.get_value()}</span> };
    let found = Memo::new(move |_| found(reading));
    let closing = move || {
        let is_now = reading.until.with(Option::is_none);
        let closing = reading.count.get().closing().filter(|_| is_now);
        closing.map(|closing| view! { <p class="log-closing">{closing}</p> })
    };
    view! {
        <details class="more step-log" data-part=LOG.name open=reading.opened.get_untracked() node_ref=details on:toggle=toggled>
            <summary>"Log"{whose()}</summary>
            <div class="log-tools">
                <label class="only-scripted">"Search"{whose()}" " <input type="search" value=reading.find.get_untracked() on:input=search /></label>
                <label class="only-scripted"><input type="checkbox" checked=reading.wraps.get_untracked() on:change=wrap />" Wrap lines"{whose()}</label>
                <Show when=move || reading.grows()>
                    <button type="button" class="button button-small only-scripted" aria-pressed=move || reading.follows.get().to_string()
                        on:click=follow>"Follow"{whose()}</button>
                </Show>
                <a href=href rel="external" download="">"Download"{whose()}</a>
            </div>
            <p class="muted log-told">{move || told(reading)}</p>
            <p class="visually-hidden" role="status">{found}</p>
            <div class="log-lines" class:log-wraps=reading.wraps tabindex="0" role="log" aria-live="off" aria-label=label node_ref=reading.lines on:scroll=scrolled>
                <For each=move || then(reading) key=|row| (row.at.as_micros(), row.seq) children=line />
            </div>
            {closing}
        </details>
    }
}

fn download(run_id: &str, path: &str, attempt: u32) -> String {
    format!("/api/v1/runs/{run_id}/steps/{path}/logs.txt?attempt={attempt}")
}

/// The rows that had arrived at the moment that is looked at. They are told apart by their times too: each attempt has a
/// first line.
fn then(reading: Reading) -> Vec<LogRow> {
    let mut rows = reading.rows.get();
    if let Some(until) = reading.until.get() {
        rows.retain(|row| row.at <= until);
    }
    rows
}

/// What is told to whoever does not see the rows change.
fn found(reading: Reading) -> String {
    match reading.searches() {
        (true, true) => format!("{} found.", format::counted(reading.matches.get(), "line")),
        (true, false) | (false, _) => String::new(),
    }
}

/// How many lines there are, and which are shown.
fn told(reading: Reading) -> String {
    let (searches, is_answered) = reading.searches();
    if reading.failures.get() > 0 {
        return "The log cannot be read now. It is asked for again soon.".to_owned();
    }
    if !is_answered {
        return if searches {
            "Searching…"
        } else {
            "Reading…"
        }
        .to_owned();
    }
    let (all, shown) = (reading.count.get().lines, reading.rows.with(Vec::len));
    let lines = format::counted(all, "line");
    let is_past = reading.until.with(Option::is_some);
    // Without scripting nothing is ever asked: there is what came with the page.
    let is_of_page = reading.shown.with(Option::is_none);
    if searches {
        let found = reading.matches.get();
        let last = the_last(shown, found as usize > shown && !is_past);
        return format!("{found} of {lines} say that.{last}");
    }
    if is_of_page && reading.is_cut && all == 0 {
        return "It did not come with the page. Download it to read it.".to_owned();
    }
    let is_more = all as usize > shown;
    match is_past {
        true if is_of_page && is_more => format!(
            "As far as it was then, of the last {}. Download it to read all of it.",
            format::counted(u32::try_from(shown).unwrap_or(u32::MAX), "line")
        ),
        true => "As far as it was then.".to_owned(),
        false if all == 0 && reading.is_made.get() => "Nothing has been written yet.".to_owned(),
        false if all == 0 => "Nothing was written.".to_owned(),
        false if shown == 0 => format!("{lines}. Download it to read all of it."),
        false => format!("{lines}.{}", the_last(shown, is_more)),
    }
}

fn the_last(shown: usize, is_more: bool) -> String {
    match is_more {
        true => format!(" The last {shown} are shown."),
        false => String::new(),
    }
}

fn line(row: LogRow) -> impl IntoView {
    let class = match row.stream {
        LogStream::Stdout => "log-line",
        LogStream::Stderr => "log-line log-stderr",
        LogStream::Note => "log-line log-note",
    };
    let from = match row.stream {
        LogStream::Stdout | LogStream::Note => None,
        LogStream::Stderr => Some(view! { <span class="visually-hidden">"Error output: "</span> }),
    };
    let spans = row.spans.into_iter();
    let text: Vec<_> = spans
        .map(|span| view! { <span class=span.look>{span.text}</span> })
        .collect();
    view! { <div class=class title=row.at.to_string()><span class="log-number">{row.seq}</span><span class="log-text">{from}{text}</span></div> }
}
