//! Keeps the draft on the server as it is written, and publishes it. One save at a time; what is written while one is under
//! way goes with the next. A save that fails for a passing reason is tried again, and nothing is thrown away.

use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::engine::workflow::Workflow;
use crate::rpc::drafts::{Kept, keep_draft};
use crate::ui::pages::builder::editor::{Editor, Saved};

/// How long nothing is typed before it is saved.
const PAUSE_MS: u32 = 600;
/// Before a save that failed is tried again.
const AGAIN_MS: u32 = 4_000;

/// How often it is looked whether something is typed. So much is lost at the most when the page is left meanwhile.
const LOOK_MS: u32 = 100;

/// Saves after each change, for as long as the page is there, and what was written last also when it is left.
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
    // A tab that is closed cannot save any more: its person is asked.
    let unload = window_event_listener(leptos::ev::beforeunload, move |event| {
        if editor.saved.try_get_untracked() != Some(Saved::Yes) {
            event.prevent_default();
        }
    });
    on_cleanup(move || unload.remove());
}

/// A draft as it was at some moment. The page may be gone before it is saved, and everything it kept with it.
struct Written {
    revision: u32,
    document: Workflow,
    kept: Option<Kept>,
}

fn written(editor: Editor) -> Option<Written> {
    Some(Written {
        revision: editor.revision.try_get_untracked()?,
        document: editor.document.try_get_untracked()?,
        kept: editor.kept.try_get_untracked()?,
    })
}

/// Until what is on the server is what is on the page.
async fn save_all(editor: Editor, slug: Option<String>) {
    while let Some(Written {
        revision,
        document,
        kept,
    }) = settled(editor).await
    {
        let _ = editor.saved.try_set(Saved::Saving);
        let is_first = kept.is_none();
        match keep_draft(slug.clone(), kept, document).await {
            Ok(now) => {
                let Some(newest) = editor.revision.try_get_untracked() else {
                    return;
                };
                if is_first && slug.is_none() {
                    name_in_address(now.id.as_str());
                }
                editor.kept.set(Some(now));
                if newest == revision {
                    editor.saved.set(Saved::Yes);
                    return;
                }
            }
            Err(error) => {
                let stale = error.status == 409 || error.status == 404;
                let message = error.message;
                let _ = editor.saved.try_set(Saved::Failed { message, stale });
                if stale {
                    return;
                }
                TimeoutFuture::new(AGAIN_MS).await;
            }
        }
    }
}

/// Waits until nothing has been typed for a while, or the page is gone; answers what was written last.
async fn settled(editor: Editor) -> Option<Written> {
    let mut last = written(editor)?;
    let mut quiet_ms = 0;
    while quiet_ms < PAUSE_MS {
        TimeoutFuture::new(LOOK_MS).await;
        let Some(now) = editor.revision.try_get_untracked() else {
            return Some(last);
        };
        quiet_ms += LOOK_MS;
        if now != last.revision {
            last = written(editor)?;
            quiet_ms = 0;
        }
    }
    Some(last)
}

/// So that loading the page again finds the draft.
fn name_in_address(id: &str) {
    let address = format!("/workflows/new?draft={id}");
    if let Some(history) = web_sys::window().and_then(|window| window.history().ok()) {
        // Without it the draft is still in the list of drafts.
        let _ = history.replace_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some(&address));
    }
}
