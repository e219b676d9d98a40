//! Keeps the draft on the server as it is written, and publishes it. One save at a time; what is written while one is under
//! way goes with the next. A save that fails for a passing reason is tried again, and nothing is thrown away.

use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::rpc::drafts::keep_draft;
use crate::ui::pages::builder::editor::{Editor, Saved};

/// How long nothing is typed before it is saved.
const PAUSE_MS: u32 = 600;
/// Before a save that failed is tried again.
const AGAIN_MS: u32 = 4_000;

/// Saves after each change, for as long as the page is there.
pub(super) fn keep(editor: Editor, slug: Option<String>) {
    let busy = StoredValue::new(false);
    Effect::new(move || {
        if editor.revision.get() == 0 {
            return;
        }
        if editor.saved.with_untracked(|saved| *saved == Saved::Yes) {
            editor.saved.set(Saved::Soon);
        }
        if busy.get_value() {
            return;
        }
        busy.set_value(true);
        let slug = slug.clone();
        spawn_local(async move {
            save_all(editor, slug).await;
            let _ = busy.try_set_value(false);
        });
    });
}

/// Until what is on the server is what is on the page.
async fn save_all(editor: Editor, slug: Option<String>) {
    loop {
        let revision = settled(editor).await;
        let Some(document) = editor.document.try_get_untracked() else {
            return;
        };
        editor.saved.set(Saved::Saving);
        let kept = editor.kept.get_untracked();
        match keep_draft(slug.clone(), kept.clone(), document).await {
            Ok(now) => {
                if kept.is_none() && slug.is_none() {
                    name_in_address(now.id.as_str());
                }
                editor.kept.set(Some(now));
                if editor.revision.get_untracked() == revision {
                    editor.saved.set(Saved::Yes);
                    return;
                }
            }
            Err(error) => {
                let stale = error.status == 409 || error.status == 404;
                let message = error.message;
                editor.saved.set(Saved::Failed { message, stale });
                if stale {
                    return;
                }
                TimeoutFuture::new(AGAIN_MS).await;
            }
        }
    }
}

/// Waits until nothing has been typed for a while, and answers the last change.
async fn settled(editor: Editor) -> u32 {
    loop {
        let before = editor.revision.get_untracked();
        TimeoutFuture::new(PAUSE_MS).await;
        if editor.revision.get_untracked() == before {
            return before;
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
