//! The browser's side of the live connection: connects, notices silence, tries again after 3, 6, 9, 10 and 10
//! seconds, then polls and waits for the person to press the button.

use futures::future::{Either, select};
use futures::{SinkExt, StreamExt};
use gloo_net::http::Request as HttpRequest;
use gloo_net::websocket::Message as Frame;
use gloo_net::websocket::futures::WebSocket;
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;
use serde::de::IgnoredAny;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use super::follower::Follower;
pub use super::notifying::{ask, follow, is_followed, permission, unfollow};
use super::notifying::{catch_up, hear};
use super::{Connection, Live};
use crate::engine::ids::RunId;
use crate::engine::state::RunStatus;
use crate::engine::stream::{Message, RECONNECT_MS, Request, SILENCE_MS_MAX};
use crate::engine::summary::RunSummary;
use crate::engine::time::Timestamp;

/// How often requests that wait are looked for while the connection is quiet.
const OUTBOX_MS: u32 = 200;
/// Pause between two polls while there is no connection.
const POLL_MS: u32 = 5_000;
/// How long changes are gathered before lists are fetched again.
const LISTS_PAUSE_MS: u32 = 250;
/// How long events are gathered by a page that is not seen.
const UNSEEN_PAUSE: Duration = Duration::from_millis(250);

pub(super) fn connect(live: Live) {
    spawn_local(tick(live));
    spawn_local(keep_connected(live));
}

/// The moment in the reader's own zone and manner.
pub fn local_time(rfc3339: &str) -> Option<String> {
    let date = js_sys::Date::new(&rfc3339.into());
    let options = js_sys::Object::new();
    for (name, value) in [("dateStyle", "medium"), ("timeStyle", "medium")] {
        js_sys::Reflect::set(&options, &name.into(), &value.into()).ok()?;
    }
    Some(date.to_locale_string("default", &options).into())
}

async fn tick(live: Live) {
    loop {
        let micros = js_sys::Date::now() * 1_000.0;
        if live
            .clock
            .try_set(Some(Timestamp::from_micros(micros as i64)))
            .is_some()
        {
            // The application is gone.
            return;
        }
        TimeoutFuture::new(1_000).await;
    }
}

async fn keep_connected(live: Live) {
    let mut failures = 0;
    loop {
        if talk(live).await {
            failures = 0;
        }
        let Some(pause) = RECONNECT_MS.get(failures) else {
            live.connection.set(Connection::Offline);
            poll_until_asked(live).await;
            failures = 0;
            live.connection.set(Connection::Reconnecting);
            continue;
        };
        live.connection.set(Connection::Reconnecting);
        failures += 1;
        TimeoutFuture::new(*pause).await;
        poll(live).await;
    }
}

/// One connection, until it is cut or silent. True if it was ever alive.
async fn talk(live: Live) -> bool {
    let Some(address) = address() else {
        return false;
    };
    let Ok(mut socket) = WebSocket::open(&address) else {
        return false;
    };
    live.outbox.set_value(live.subscriptions());
    let mut alive = false;
    let mut silent_ms = 0;
    loop {
        if alive && send_waiting(live, &mut socket).await.is_err() {
            return alive;
        }
        match select(socket.next(), pin!(TimeoutFuture::new(OUTBOX_MS))).await {
            Either::Left((Some(Ok(Frame::Text(text))), _)) => {
                silent_ms = 0;
                if !alive {
                    alive = true;
                    live.connection.set(Connection::Live);
                    // What happened to the lists while nobody listened.
                    live.refresh_lists();
                    spawn_local(catch_up());
                }
                match serde_json::from_str::<Message<IgnoredAny>>(&text) {
                    Ok(message) => live.receive(message, &text),
                    // A server that is newer than this page says something that only it knows.
                    Err(_) => live.refresh_lists(),
                }
            }
            Either::Left((Some(Ok(Frame::Bytes(_))), _)) => {}
            Either::Left((Some(Err(_)) | None, _)) => return alive,
            Either::Right(_) => {
                silent_ms += OUTBOX_MS;
                if silent_ms >= SILENCE_MS_MAX {
                    return alive;
                }
            }
        }
    }
}

async fn send_waiting(live: Live, socket: &mut WebSocket) -> Result<(), ()> {
    let waiting: Vec<Request> = live
        .outbox
        .try_update_value(std::mem::take)
        .unwrap_or_default();
    for request in waiting {
        let text = serde_json::to_string(&request).map_err(|_| ())?;
        socket.send(Frame::Text(text)).await.map_err(|_| ())?;
    }
    Ok(())
}

fn address() -> Option<String> {
    let location = web_sys::window()?.location();
    let scheme = if location.protocol().ok()? == "https:" {
        "wss"
    } else {
        "ws"
    };
    Some(format!("{scheme}://{}/api/v1/live", location.host().ok()?))
}

async fn poll_until_asked(live: Live) {
    let asked = live.retries.get_untracked();
    while live.retries.get_untracked() == asked {
        poll(live).await;
        for _ in 0..POLL_MS / OUTBOX_MS {
            if live.retries.get_untracked() != asked {
                return;
            }
            TimeoutFuture::new(OUTBOX_MS).await;
        }
    }
}

/// Fetches what followed runs have to say, and the lists while there is no stream to tell of changes.
async fn poll(live: Live) {
    let answers = pin!(poll_once(live));
    // A server that has gone silent must not hold up the next try.
    select(answers, pin!(TimeoutFuture::new(SILENCE_MS_MAX))).await;
}

async fn poll_once(live: Live) {
    if HttpRequest::get("/api/v1/health").send().await.is_err() {
        return;
    }
    for (run_id, after) in live.followed_runs() {
        let url = format!("/api/v1/runs/{run_id}/events?after={after}");
        let Ok(response) = HttpRequest::get(&url).send().await else {
            return;
        };
        if let Ok(page) = response.text().await {
            live.receive_events(&run_id, &page);
        }
    }
    if live.connection.get_untracked() == Connection::Offline {
        live.refresh_lists();
        catch_up().await;
    }
}

/// Whether lists may hold it otherwise than before. One that waits for people may by now wait for somebody else.
fn has_moved(known: Option<&Arc<RunSummary>>, news: &RunSummary) -> bool {
    news.status != RunStatus::Running
        || news.waiting_for_people > 0
        || known.is_none_or(|known| {
            known.status != news.status || known.waiting_for_people != news.waiting_for_people
        })
}

impl Live {
    /// What a new connection has to ask for.
    fn subscriptions(self) -> Vec<Request> {
        let runs = self.followed_runs().into_iter();
        let runs = runs.map(|(run_id, after)| Request::SubscribeRun { run_id, after });
        std::iter::once(Request::SubscribeRuns)
            .chain(runs)
            .collect()
    }

    /// `text`: what the message was read from.
    fn receive(self, message: Message<IgnoredAny>, text: &str) {
        match message {
            Message::Ping | Message::Refused { .. } => {}
            Message::Runs { summaries } => self.receive_summaries(summaries),
            Message::RunsMissed => {
                self.refresh_lists();
                spawn_local(catch_up());
            }
            Message::Events { run_id, .. } => self.receive_events(&run_id, text),
        }
    }

    fn receive_summaries(self, summaries: Vec<Arc<RunSummary>>) {
        hear(summaries.iter());
        let moved = self.summaries.with_untracked(|known| {
            let mut news = summaries.iter();
            news.any(|news| has_moved(known.get(&news.header.run_id), news))
        });
        self.summaries.update(|known| {
            for summary in summaries {
                // What a list has just been asked for may be newer than what was gathered before.
                let run_id = summary.header.run_id.clone();
                let is_newer = |known: &Arc<RunSummary>| known.seq <= summary.seq;
                if known.get(&run_id).is_none_or(is_newer) {
                    known.insert(run_id, summary);
                }
            }
        });
        if moved {
            self.refresh_lists();
        }
    }

    /// Has the lists fetched again, once for all that happens within a moment.
    fn refresh_lists(self) {
        let already = self
            .lists_due
            .try_update_value(|due| std::mem::replace(due, true));
        if already != Some(false) {
            return;
        }
        spawn_local(async move {
            TimeoutFuture::new(LISTS_PAUSE_MS).await;
            let _ = self.lists_due.try_set_value(false);
            let _ = self
                .lists
                .try_update(|version| *version = version.wrapping_add(1));
        });
    }

    /// What arrives until the next picture is drawn is taken together.
    fn receive_events(self, run_id: &RunId, answer: &str) {
        let is_first = self.arrived.try_update_value(|arrived| {
            arrived.push((run_id.clone(), answer.to_owned()));
            arrived.len() == 1
        });
        if is_first == Some(true) {
            request_animation_frame(move || self.take_arrived());
            // A page that nobody sees draws no pictures.
            set_timeout(move || self.take_arrived(), UNSEEN_PAUSE);
        }
    }

    fn take_arrived(self) {
        let arrived = self.arrived.try_update_value(std::mem::take);
        for (run_id, answer) in arrived.unwrap_or_default() {
            self.take_events(&run_id, &answer);
        }
    }

    /// What is missing is asked for again.
    fn take_events(self, run_id: &RunId, answer: &str) {
        let followers = self
            .followed
            .with_value(|followed| followed.get(run_id).cloned().unwrap_or_default());
        for after in followers
            .iter()
            .filter_map(|follower| follower.take(answer))
        {
            self.request(Request::SubscribeRun {
                run_id: run_id.clone(),
                after,
            });
        }
    }

    /// Runs that are followed, with the last event that all who follow have seen.
    fn followed_runs(self) -> Vec<(RunId, u32)> {
        self.followed.with_value(|followed| {
            followed
                .iter()
                .map(|(id, followers)| {
                    (
                        id.clone(),
                        followers.iter().map(Follower::seq).min().unwrap_or(0),
                    )
                })
                .collect()
        })
    }
}
