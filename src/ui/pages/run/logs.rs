//! What an attempt of a step writes: its last lines come with the page; once unfolded they are followed, searched, and read
//! as they were at an earlier moment.

use leptos::html::{Details, Div};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::web_sys::Element;
use std::sync::Arc;
use std::time::Duration;

use super::{Forms, Viewer};
use crate::engine::event::Performer;
use crate::engine::logs::{LogCount, LogStream};
use crate::engine::state::{Attempt, StepRun};
use crate::engine::time::Timestamp;
use crate::rpc::pages::step_log;
use crate::rpc::views::{LOGS_MAX, LogRow, LogTail};
use crate::ui::components::is_open;
use crate::ui::format;
use crate::ui::later::Later;

/// So often it is asked for more while the attempt is made.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// After an error the pause is doubled so often at most.
const DOUBLED_MAX: u32 = 5;
/// Lines that are shown at once.
const SHOWN_MAX: usize = 1_000;
/// Who is no further than this from the end is at the end.
const END_PX: i32 = 24;
/// Later than any line.
const NEVER: i64 = i64::MAX;

/// What came with the page.
#[derive(Clone, Copy)]
pub struct Logs {
    tails: StoredValue<Vec<LogTail>>,
    at: Timestamp,
}

impl Logs {
    pub fn new(tails: Vec<LogTail>, at: Timestamp) -> Self {
        Self {
            tails: StoredValue::new(tails),
            at,
        }
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
pub fn StepLog(
    viewer: Viewer,
    forms: Forms,
    step: Memo<Arc<StepRun>>,
    path: String,
    #[prop(into)] name: String,
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

/// What somebody wants to see.
#[derive(Clone, PartialEq)]
struct Asked {
    attempt: u32,
    find: String,
    /// The moment that is looked at.
    until: i64,
}

/// One log as it is read.
#[derive(Clone, Copy)]
struct Reading {
    run_id: StoredValue<String>,
    path: StoredValue<String>,
    /// There may be lines of it of which the page knows nothing.
    is_cut: bool,
    attempt: Memo<Option<u32>>,
    until: Memo<Option<Timestamp>>,
    is_made: Memo<bool>,
    opened: RwSignal<bool>,
    find: RwSignal<String>,
    wraps: RwSignal<bool>,
    /// New lines are shown as they come.
    follows: RwSignal<bool>,
    count: RwSignal<LogCount>,
    matches: RwSignal<u32>,
    rows: RwSignal<Vec<LogRow>>,
    /// What the rows are the answer to, and the last line there was; none: those that came with the page.
    shown: RwSignal<Option<(Asked, u32)>>,
    /// Questions in a row that had no answer.
    failures: RwSignal<u32>,
    is_asking: StoredValue<bool>,
    /// There is something to ask as soon as the answer is there.
    is_wanted: StoredValue<bool>,
    again: Later,
    /// How far it was scrolled when it was last looked.
    top: StoredValue<i32>,
    lines: NodeRef<Div>,
}

impl Reading {
    fn asked(self) -> Option<Asked> {
        let until = self.until.try_get_untracked()?;
        Some(Asked {
            attempt: self.attempt.try_get_untracked()??,
            find: self.find.try_get_untracked()?,
            until: until.map_or(NEVER, Timestamp::as_micros),
        })
    }

    /// Begins with the lines that came with the page, of another attempt.
    fn turn_to(self, tail: LogTail) {
        self.shown.set(None);
        self.failures.set(0);
        self.matches.set(0);
        self.count.set(tail.count);
        self.top.set_value(0);
        self.rows.set(tail.rows);
    }

    /// Asks for what is not there yet.
    fn ask(self) {
        let Some(asked) = self.asked() else { return };
        if !self.opened.get_untracked() {
            return;
        }
        if self.is_asking.get_value() {
            return self.is_wanted.set_value(true);
        }
        self.again.forget();
        let shown = self.shown.get_untracked();
        let after = shown.filter(|(of, _)| *of == asked).map(|(_, last)| last);
        self.is_asking.set_value(true);
        let (run_id, path) = (self.run_id.get_value(), self.path.get_value());
        spawn_local(async move {
            let Asked {
                attempt,
                find,
                until,
            } = asked.clone();
            let from = after.unwrap_or(0);
            let found = step_log(run_id, path, attempt, from, find, until).await;
            // The page that asked may be gone by now.
            if self.is_asking.try_set_value(false).is_some() {
                return;
            }
            let is_of_now = self.attempt.get_untracked() == Some(attempt);
            let is_answered = found.is_ok();
            match found {
                Ok(found) if is_of_now => {
                    self.failures.set(0);
                    self.count.set(found.count);
                    self.show(found.rows, found.matches, after.is_none());
                    self.shown.set(Some((asked, found.last)));
                }
                // It has been turned to another attempt, which has been asked for.
                Ok(_) => {}
                Err(_) => self.failures.update(|failures| *failures += 1),
            }
            self.go_on(is_answered);
        });
    }

    /// Asks for what has changed meanwhile, or for more in a while.
    fn go_on(self, is_answered: bool) {
        let is_wanted = self.is_wanted.get_value();
        self.is_wanted.set_value(false);
        if is_wanted {
            return self.ask();
        }
        if !is_answered {
            let doubled = self.failures.get_untracked().min(DOUBLED_MAX);
            let pause = ASK_EVERY * 2_u32.pow(doubled);
            return self.again.ask_after(pause, move || self.ask());
        }
        if self.grows_untracked() {
            self.again.ask(move || {
                // Whoever has scrolled up meanwhile reads in peace.
                if self.follows.try_get_untracked() == Some(true) {
                    self.ask();
                }
            });
        }
    }

    /// The past does not grow.
    fn grows(self) -> bool {
        self.is_made.get() && self.until.with(Option::is_none)
    }

    fn grows_untracked(self) -> bool {
        self.is_made.get_untracked() && self.until.get_untracked().is_none()
    }

    fn show(self, news: Vec<LogRow>, matches: u32, anew: bool) {
        self.matches
            .update(|before| *before = matches + if anew { 0 } else { *before });
        if !anew && news.is_empty() {
            return;
        }
        self.rows.update(|rows| {
            if anew {
                rows.clear();
            }
            // An answer that crosses another one repeats nothing.
            let last = rows.last().map_or(0, |row| row.seq);
            rows.extend(news.into_iter().filter(|row| row.seq > last));
            let beyond = rows.len().saturating_sub(SHOWN_MAX);
            rows.drain(..beyond);
            if anew || beyond > 0 {
                // Where lines are taken away the browser scrolls up, and not the reader.
                self.top.set_value(0);
            }
        });
        self.go_to_end();
    }

    /// Unless somebody has scrolled up; once the lines have been put in and have their heights.
    fn go_to_end(self) {
        let go = move || {
            if self.follows.try_get_untracked() != Some(true) {
                return;
            }
            if let Some(Some(lines)) = self.lines.try_get_untracked() {
                lines.set_scroll_top(lines.scroll_height());
                self.top.set_value(lines.scroll_top());
            }
        };
        request_animation_frame(move || request_animation_frame(go));
    }

    /// Only a reader scrolls up. Further from the end than before is also who has stayed where the end was.
    fn scrolled(self, lines: &Element) {
        let top = lines.scroll_top();
        let left = lines.scroll_height() - top - lines.client_height();
        if left <= END_PX {
            self.follow(true);
        } else if top < self.top.get_value() {
            self.follow(false);
        }
        self.top.set_value(top);
    }

    /// Goes on with the log, or stands still.
    fn follow(self, follows: bool) {
        if self.follows.get_untracked() != follows {
            self.follows.set(follows);
            if follows {
                self.ask();
            }
        }
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
        <details class="more step-log" open=reading.opened.get_untracked() node_ref=details on:toggle=toggled>
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

/// Whether something is searched for, and whether the rows are the answer to what is asked.
fn search(reading: Reading) -> (bool, bool) {
    let find = reading.find.get();
    let searches = !find.trim().is_empty();
    let until = reading.until.get().map_or(NEVER, Timestamp::as_micros);
    let attempt = reading.attempt.get();
    // The lines of a moment are picked from those that are there; what says something is not.
    let is_it = |of: &Asked| {
        of.find == find && Some(of.attempt) == attempt && (!searches || of.until == until)
    };
    let is_answered = reading.shown.with(|shown| match shown {
        Some((of, _)) => is_it(of),
        None => !searches,
    });
    (searches, is_answered)
}

/// What is told to whoever does not see the rows change.
fn found(reading: Reading) -> String {
    match search(reading) {
        (true, true) => format!("{} found.", format::counted(reading.matches.get(), "line")),
        (true, false) | (false, _) => String::new(),
    }
}

/// How many lines there are, and which are shown.
fn told(reading: Reading) -> String {
    let (searches, is_answered) = search(reading);
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
