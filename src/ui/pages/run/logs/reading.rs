//! One log as somebody reads it: what has been asked for, what has come, and how far it has been scrolled.

use leptos::html::Div;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::web_sys::Element;
use std::time::Duration;

use crate::engine::logs::LogCount;
use crate::engine::time::Timestamp;
use crate::rpc::pages::step_log;
use crate::rpc::views::{LogRow, LogTail};
use crate::ui::later::Later;

/// So often it is asked for more while the attempt is made.
pub const ASK_EVERY: Duration = Duration::from_millis(500);
/// After an error the pause is doubled so often at most.
const DOUBLED_MAX: u32 = 5;
/// Lines that are shown at once.
const SHOWN_MAX: usize = 1_000;
/// Who is no further than this from the end is at the end.
const END_PX: i32 = 24;
/// Later than any line.
const NEVER: i64 = i64::MAX;

/// What somebody wants to see.
#[derive(Clone, PartialEq)]
pub struct Asked {
    attempt: u32,
    find: String,
    /// The moment that is looked at.
    until: i64,
}

/// One log as it is read.
#[derive(Clone, Copy)]
pub struct Reading {
    pub run_id: StoredValue<String>,
    pub path: StoredValue<String>,
    /// There may be lines of it of which the page knows nothing.
    pub is_cut: bool,
    pub attempt: Memo<Option<u32>>,
    pub until: Memo<Option<Timestamp>>,
    pub is_made: Memo<bool>,
    pub opened: RwSignal<bool>,
    pub find: RwSignal<String>,
    pub wraps: RwSignal<bool>,
    /// New lines are shown as they come.
    pub follows: RwSignal<bool>,
    pub count: RwSignal<LogCount>,
    pub matches: RwSignal<u32>,
    pub rows: RwSignal<Vec<LogRow>>,
    /// What the rows are the answer to, and the last line there was; none: those that came with the page.
    pub shown: RwSignal<Option<(Asked, u32)>>,
    /// Questions in a row that had no answer.
    pub failures: RwSignal<u32>,
    pub is_asking: StoredValue<bool>,
    /// There is something to ask as soon as the answer is there.
    pub is_wanted: StoredValue<bool>,
    pub again: Later,
    /// How far it was scrolled when it was last looked.
    pub top: StoredValue<i32>,
    pub lines: NodeRef<Div>,
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
    pub fn turn_to(self, tail: LogTail) {
        self.shown.set(None);
        self.failures.set(0);
        self.matches.set(0);
        self.count.set(tail.count);
        self.top.set_value(0);
        self.rows.set(tail.rows);
    }

    /// Asks for what is not there yet.
    pub fn ask(self) {
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
    pub fn grows(self) -> bool {
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
    pub fn go_to_end(self) {
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
    pub fn scrolled(self, lines: &Element) {
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
    pub fn follow(self, follows: bool) {
        if self.follows.get_untracked() != follows {
            self.follows.set(follows);
            if follows {
                self.ask();
            }
        }
    }

    /// Whether something is searched for, and whether the rows are the answer to what is asked.
    pub fn searches(self) -> (bool, bool) {
        let find = self.find.get();
        let searches = !find.trim().is_empty();
        let until = self.until.get().map_or(NEVER, Timestamp::as_micros);
        let attempt = self.attempt.get();
        // The lines of a moment are picked from those that are there; what says something is not.
        let is_it = |of: &Asked| {
            of.find == find && Some(of.attempt) == attempt && (!searches || of.until == until)
        };
        let is_answered = self.shown.with(|shown| match shown {
            Some((of, _)) => is_it(of),
            None => !searches,
        });
        (searches, is_answered)
    }
}
