//! What an attempt of a step writes: its last lines come with the page; once unfolded they are followed, searched, and read
//! as they were at an earlier moment.

use leptos::html::Div;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::web_sys::Element;
use std::sync::Arc;
use std::time::Duration;

use super::{Forms, Viewer};
use crate::engine::event::Performer;
use crate::engine::logs::{LogCount, LogStream};
use crate::engine::state::StepRun;
use crate::engine::time::Timestamp;
use crate::rpc::pages::step_log;
use crate::rpc::views::{LogRow, LogTail};
use crate::ui::components::is_open;
use crate::ui::format;
use crate::ui::later::Later;

/// So often it is asked for more while the attempt is made.
const ASK_EVERY: Duration = Duration::from_millis(500);
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

    /// Where the log of an attempt is downloaded, if it had one when the page came.
    pub fn download(self, run_id: &str, path: &str, attempt: u32) -> Option<String> {
        self.tail(path, attempt)
            .map(|_| download(run_id, path, attempt))
    }

    /// The attempt of which there is a log, or may be one: it was made after the page.
    fn of(self, path: &str, step: &StepRun) -> Option<u32> {
        let last = step.attempts.last()?;
        if matches!(last.by, Performer::Run { .. }) {
            return None;
        }
        let is_news = last.finished_at.is_none_or(|at| at > self.at);
        let writes = is_news || self.tail(path, last.number).is_some();
        writes.then_some(last.number)
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
    // Kept here: what a reader has opened stays open when the next attempt begins.
    let opened = RwSignal::new(false);
    move || {
        let attempt = attempt.get()?;
        let LogTail { count, rows, .. } = logs
            .tail(&path, attempt)
            .unwrap_or_else(|| nothing(&path, attempt));
        let reading = Reading {
            run_id: forms.run_id,
            path: StoredValue::new(path.clone()),
            attempt,
            until,
            is_made,
            opened,
            find: RwSignal::new(String::new()),
            follows: RwSignal::new(true),
            count: RwSignal::new(count),
            matches: RwSignal::new(0),
            rows: RwSignal::new(rows),
            shown: StoredValue::new(None),
            is_asking: StoredValue::new(false),
            again: Later::after(ASK_EVERY),
            lines: NodeRef::new(),
        };
        Effect::new(move || {
            reading.find.track();
            reading.until.track();
            reading.is_made.track();
            reading.opened.track();
            reading.ask();
        });
        Some(view! { <Log reading name=name.clone() /> })
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

/// What is to be found, and the moment that is looked at.
type Asked = (String, i64);

/// One log as it is read.
#[derive(Clone, Copy)]
struct Reading {
    run_id: StoredValue<String>,
    path: StoredValue<String>,
    attempt: u32,
    until: Memo<Option<Timestamp>>,
    is_made: Memo<bool>,
    opened: RwSignal<bool>,
    find: RwSignal<String>,
    /// New lines are shown as they come.
    follows: RwSignal<bool>,
    count: RwSignal<LogCount>,
    matches: RwSignal<u32>,
    rows: RwSignal<Vec<LogRow>>,
    /// What the rows are the answer to, and the last line there was; none: those that came with the page.
    shown: StoredValue<Option<(Asked, u32)>>,
    is_asking: StoredValue<bool>,
    again: Later,
    lines: NodeRef<Div>,
}

impl Reading {
    fn asked(self) -> Option<Asked> {
        let until = self.until.try_get_untracked()?;
        let until = until.map_or(NEVER, Timestamp::as_micros);
        Some((self.find.try_get_untracked()?, until))
    }

    /// Asks for what is not there yet.
    fn ask(self) {
        let Some(asked) = self.asked() else { return };
        if !self.opened.get_untracked() {
            return;
        }
        if self.is_asking.get_value() {
            return self.again.ask(move || self.ask());
        }
        let shown = self.shown.get_value();
        let after = shown.filter(|(of, _)| *of == asked).map(|(_, last)| last);
        self.is_asking.set_value(true);
        let (run_id, path) = (self.run_id.get_value(), self.path.get_value());
        let (find, until) = asked.clone();
        spawn_local(async move {
            let from = after.unwrap_or(0);
            let found = step_log(run_id, path, self.attempt, from, find, until).await;
            // The page that asked may be gone by now.
            if self.is_asking.try_set_value(false).is_some() {
                return;
            }
            if let Ok(found) = found {
                self.shown.set_value(Some((asked, found.last)));
                self.count.set(found.count);
                self.show(found.rows, found.matches, after.is_none());
            }
            // The past does not grow.
            if self.is_made.get_untracked() && self.until.get_untracked().is_none() {
                self.again.ask(move || {
                    // Whoever has scrolled up meanwhile reads in peace.
                    if self.follows.try_get_untracked() == Some(true) {
                        self.ask();
                    }
                });
            }
        });
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
        });
        if self.follows.get_untracked() {
            self.go_to_end();
        }
    }

    fn go_to_end(self) {
        request_animation_frame(move || {
            if let Some(Some(lines)) = self.lines.try_get_untracked() {
                lines.set_scroll_top(lines.scroll_height());
            }
        });
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
    let Reading {
        run_id,
        path,
        attempt,
        ..
    } = reading;
    let wraps = RwSignal::new(true);
    let toggled = move |event| {
        reading.opened.set(is_open(&event));
        reading.go_to_end();
    };
    let scrolled = move |event| {
        let lines = event_target::<Element>(&event);
        let left = lines.scroll_height() - lines.scroll_top() - lines.client_height();
        reading.follow(left <= END_PX);
    };
    let href = download(&run_id.get_value(), &path.get_value(), attempt);
    let typing = Later::after(Duration::from_millis(200));
    let search = move |event| {
        let text = event_target_value(&event);
        typing.ask(move || reading.find.set(text));
    };
    let label = format!("Log of {name}");
    view! {
        <details class="more step-log" open=reading.opened.get_untracked() on:toggle=toggled>
            <summary>"Log"<span class="visually-hidden">{format!(" of {name}")}</span></summary>
            <div class="log-tools">
                <label class="only-scripted">"Search " <input type="search" on:input=search /></label>
                <label class="only-scripted"><input type="checkbox" checked on:change=move |event| wraps.set(event_target_checked(&event)) />" Wrap lines"</label>
                <Show when=move || reading.is_made.get()>
                    <button type="button" class="button button-small only-scripted" aria-pressed=move || reading.follows.get().to_string()
                        on:click=move |_| {
                            reading.follow(!reading.follows.get_untracked());
                            if reading.follows.get_untracked() {
                                reading.go_to_end();
                            }
                        }>"Follow"</button>
                </Show>
                <a href=href rel="external" download="">"Download"</a>
            </div>
            <p class="muted log-told">{move || told(reading)}</p>
            <div class="log-lines" class:log-wraps=wraps tabindex="0" role="log" aria-live="off" aria-label=label node_ref=reading.lines on:scroll=scrolled>
                <For each=move || then(reading) key=|row| row.seq children=line />
            </div>
            {move || reading.count.get().closing().map(|closing| view! { <p class="log-closing">{closing}</p> })}
        </details>
    }
}

fn download(run_id: &str, path: &str, attempt: u32) -> String {
    format!("/api/v1/runs/{run_id}/steps/{path}/logs.txt?attempt={attempt}")
}

/// The rows that had arrived at the moment that is looked at.
fn then(reading: Reading) -> Vec<LogRow> {
    let mut rows = reading.rows.get();
    if let Some(until) = reading.until.get() {
        rows.retain(|row| row.at <= until);
    }
    rows
}

/// How many lines there are, and which are shown.
fn told(reading: Reading) -> String {
    let (all, shown) = (reading.count.get().lines, reading.rows.with(Vec::len));
    let lines = format::counted(all, "line");
    let is_past = reading.until.with(Option::is_some);
    // The server has no say in what is typed, and nothing has been asked before the log was opened.
    let searches = reading.find.with(|find| !find.trim().is_empty());
    let found = reading.matches.get();
    let beyond = match searches {
        true => found as usize > shown,
        false => all as usize > shown,
    };
    let last = match beyond && !is_past {
        true => format!(" The last {shown} are shown."),
        false => String::new(),
    };
    match (searches, is_past) {
        (true, _) => format!("{found} of {lines} say that.{last}"),
        (false, true) => "As far as it was then.".to_owned(),
        (false, false) if all == 0 => "Nothing has been written yet.".to_owned(),
        (false, false) => format!("{lines}.{last}"),
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
