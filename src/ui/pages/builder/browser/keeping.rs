//! Keeps the draft on the server as it is written, and publishes it. One save at a time; what is written while one is under
//! way goes with the next. A save that fails for a passing reason is tried again, and nothing is thrown away.

use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::engine::workflow::Workflow;
use crate::rpc::drafts::{Kept, keep_draft};
use crate::ui::pages::builder::editor::{Editor, Saved};

/// How long nothing is typed before it is saved.
const PAUSE_MS: u32 = 600;
/// Before a save that failed is tried again.
const AGAIN_MS: u32 = 4_000;

/// How often it is looked whether something is typed.
const LOOK_MS: u32 = 100;
/// How often a save is tried after its page is gone.
const TRIES_AFTER: u32 = 20;

/// The draft as it was written last, and where it is kept. Outlives the page, which may be left while it is saved.
struct Written {
    revision: u32,
    document: Workflow,
    kept: Option<Kept>,
}

type Latest = Rc<RefCell<Written>>;

/// Saves after each change, for as long as the page is there, and what was written last also when it is left.
pub(super) fn keep(editor: Editor, slug: Option<String>) {
    let latest: Latest = Rc::new(RefCell::new(Written {
        revision: 0,
        document: editor.document.get_untracked(),
        kept: editor.kept.get_untracked(),
    }));
    let busy = Rc::new(Cell::new(false));
    Effect::new(move || {
        let revision = editor.revision.get();
        if revision == 0 {
            return;
        }
        {
            let mut latest = latest.borrow_mut();
            latest.revision = revision;
            latest.document = editor.document.get_untracked();
        }
        if editor.saved.with_untracked(|saved| *saved == Saved::Yes) {
            editor.saved.set(Saved::Soon);
        }
        if busy.replace(true) {
            return;
        }
        let (latest, busy, slug) = (Rc::clone(&latest), Rc::clone(&busy), slug.clone());
        spawn_local(async move {
            save_all(editor, &latest, slug).await;
            busy.set(false);
        });
    });
    // A tab that is closed cannot save any more: its person is asked.
    let unload = window_event_listener(leptos::ev::beforeunload, move |event| {
        if editor.saved.try_get_untracked() != Some(Saved::Yes) {
            event.prevent_default();
        }
    });
    on_cleanup(move || unload.remove());
}

/// Until what is on the server is what was written last.
async fn save_all(editor: Editor, latest: &Latest, slug: Option<String>) {
    let mut tries_after = 0;
    loop {
        settled(latest).await;
        let (revision, document, kept) = {
            let latest = latest.borrow();
            (
                latest.revision,
                latest.document.clone(),
                latest.kept.clone(),
            )
        };
        let is_there = editor.saved.try_set(Saved::Saving).is_none();
        let is_first = kept.is_none();
        match keep_draft(slug.clone(), editor.based_on, kept, document).await {
            Ok(now) => {
                let is_there = editor.kept.try_set(Some(now.clone())).is_none();
                if is_there && is_first && slug.is_none() {
                    name_in_address(now.id.as_str());
                }
                latest.borrow_mut().kept = Some(now);
                if latest.borrow().revision == revision {
                    let _ = editor.saved.try_set(Saved::Yes);
                    return;
                }
            }
            Err(error) => {
                let stale = error.status == 409 || error.status == 404;
                let message = error.message;
                let _ = editor.saved.try_set(Saved::Failed { message, stale });
                tries_after += u32::from(!is_there);
                if stale || tries_after > TRIES_AFTER {
                    return;
                }
                TimeoutFuture::new(AGAIN_MS).await;
            }
        }
    }
}

/// Waits until nothing has been typed for a while.
async fn settled(latest: &Latest) {
    let mut last = latest.borrow().revision;
    let mut quiet_ms = 0;
    while quiet_ms < PAUSE_MS {
        TimeoutFuture::new(LOOK_MS).await;
        quiet_ms += LOOK_MS;
        let now = latest.borrow().revision;
        if now != last {
            (last, quiet_ms) = (now, 0);
        }
    }
}

/// So that loading the page again finds the draft.
fn name_in_address(id: &str) {
    let address = format!("/workflows/new?draft={id}");
    if let Some(history) = web_sys::window().and_then(|window| window.history().ok()) {
        // Without it the draft is still in the list of drafts.
        let _ = history.replace_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some(&address));
    }
}
