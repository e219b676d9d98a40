//! Notifications of the desktop: what the browser allows, which runs it follows, and what is shown of them. All tabs of a
//! browser share the list, so what one has told is known to the others; a tag for each piece of news keeps two from standing
//! side by side where both were as quick. With one for each run, what comes second would replace the first without a sound.

use gloo_net::http::Request;
use js_sys::{Array, Function, Object, Promise, Reflect};
use leptos::prelude::window;
use std::sync::Arc;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::notices::{Followed, Notice};
use crate::engine::summary::RunSummary;

/// Where a browser keeps the runs that it follows.
const KEPT_AS: &str = "signalbox.followed";

fn followed() -> Followed {
    let kept = window().local_storage().ok().flatten();
    let text = kept.and_then(|kept| kept.get_item(KEPT_AS).ok().flatten());
    text.map(|text| Followed::read(&text)).unwrap_or_default()
}

fn keep(followed: &Followed) {
    if let Ok(Some(kept)) = window().local_storage() {
        // Full, or not allowed: then nothing is followed.
        let _ = kept.set_item(KEPT_AS, &followed.written());
    }
}

pub fn is_followed(run_id: &str) -> bool {
    followed().holds(run_id)
}

/// `known`: how it stands already.
pub fn follow(run_id: &str, known: String) {
    let mut runs = followed();
    runs.add(run_id, known);
    keep(&runs);
}

pub fn unfollow(run_id: &str) {
    let mut runs = followed();
    runs.remove(run_id);
    keep(&runs);
}

/// What shows notifications; none where the browser has nothing of the kind, or not for this address.
fn notification() -> Option<Function> {
    let found = Reflect::get(&window(), &"Notification".into()).ok()?;
    found.dyn_into().ok()
}

/// `granted`, `denied` or `default`; none where there are no notifications.
pub fn permission() -> Option<String> {
    let notification = notification()?;
    let permission = Reflect::get(&notification, &"permission".into()).ok()?;
    permission.as_string()
}

/// Has the browser ask the person, who may have answered before.
pub async fn ask() -> Option<String> {
    let notification = notification()?;
    let ask = Reflect::get(&notification, &"requestPermission".into()).ok()?;
    let asked = ask.dyn_into::<Function>().ok()?.call0(&notification).ok()?;
    let answer = JsFuture::from(asked.dyn_into::<Promise>().ok()?).await;
    answer.ok()?.as_string()
}

/// Tells of what is news among these.
pub(super) fn hear<'a>(summaries: impl Iterator<Item = &'a Arc<RunSummary>>) {
    let mut runs = followed();
    let was = runs.clone();
    let news: Vec<Notice> = summaries.filter_map(|run| runs.hear(run)).collect();
    if runs != was {
        // Before it is shown, so that another tab does not tell it too.
        keep(&runs);
    }
    for notice in news {
        // Some browsers allow it and then show none; there is nobody to tell now.
        let _ = show(&notice);
    }
}

fn show(notice: &Notice) -> Result<(), JsValue> {
    let Some(notification) = notification() else {
        return Ok(());
    };
    let options = Object::new();
    let tag = format!("{} {}", notice.run_id, notice.body);
    for (name, value) in [("body", &notice.body), ("tag", &tag)] {
        Reflect::set(&options, &name.into(), &value.into())?;
    }
    let with = Array::of2(&notice.title.as_str().into(), &options);
    let shown = Reflect::construct(&notification, &with)?;
    let address = format!("/runs/{}", notice.run_id);
    let look = Closure::once_into_js(move || {
        let is_here = window().location().pathname().is_ok_and(|at| at == address);
        // What is being typed on another page stays there.
        let _ = match is_here {
            true => window().focus(),
            false => window().open_with_url(&address).map(|_| ()),
        };
    });
    Reflect::set(&shown, &"onclick".into(), &look)?;
    Ok(())
}

/// What has become, while nobody listened, of the runs that are followed.
pub(super) async fn catch_up() {
    let runs = followed();
    for run_id in runs.runs() {
        let Ok(answer) = Request::get(&format!("/api/v1/runs/{run_id}")).send().await else {
            return;
        };
        match answer.status() {
            200 => {
                if let Ok(run) = answer.json::<RunSummary>().await {
                    hear([Arc::new(run)].iter());
                }
            }
            // Removed meanwhile.
            404 => unfollow(run_id),
            _ => {}
        }
    }
}
