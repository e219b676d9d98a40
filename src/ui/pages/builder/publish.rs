//! Undo, how the draft is kept, and how it is published.

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::{Element, HtmlElement};
use leptos_router::hooks::use_navigate;

use super::editor::{Editor, Saved};
use crate::engine::ids::DraftId;
use crate::rpc::drafts::{Kept, Publication, discard_draft, publish_draft};
use crate::ui::news::News;

#[component]
pub(super) fn PublishBar(editor: Editor, slug: Option<String>) -> impl IntoView {
    let note = RwSignal::new(String::new());
    let publish = Action::new(move |(kept, note, over): &(Kept, String, Option<u32>)| {
        publish_draft(kept.clone(), note.clone(), *over)
    });
    let navigate = use_navigate();
    let news = use_context::<News>();
    Effect::new(move || editor.publishing.set(publish.pending().get()));
    Effect::new(move || match publish.value().get() {
        Some(Ok(Publication::Published { slug, version })) => {
            let page = format!("/workflows/{slug}");
            if let Some(news) = news {
                news.tell(&page, format!("Version {version} is published."));
            }
            navigate(&page, Default::default());
        }
        Some(Ok(Publication::Refused { problems })) => {
            editor.checked.update(|checked| {
                checked.forget_what_is_wrong();
                checked.findings = problems;
            });
        }
        // What it was compared with is no longer what it would replace.
        Some(Ok(Publication::Overtaken { .. })) => editor.study.fetch_again(),
        Some(Err(_)) | None => {}
    });
    let overtaken = move || match publish.value().get() {
        Some(Ok(Publication::Overtaken { current })) => Some(current),
        Some(Ok(Publication::Published { .. } | Publication::Refused { .. }) | Err(_)) | None => {
            None
        }
    };
    let findings = Memo::new(move |_| editor.checked.with(|checked| checked.findings.len()));
    // What is not yet on the server cannot be published from there.
    let ready = move || {
        editor.kept.with(Option::is_some)
            && editor.saved.get() == Saved::Yes
            && findings.get() == 0
            && (editor.heard.get() || editor.blind.get())
            && !publish.pending().get()
    };
    let why_not = move || match (findings.get(), editor.saved.get()) {
        (1.., _) => "First mend what is listed below.",
        (0, Saved::Yes) if editor.kept.with(Option::is_none) => "Nothing has been changed yet.",
        (0, Saved::Yes) => "",
        (0, _) => "It is being saved.",
    };
    let saved = move || match editor.saved.get() {
        Saved::Yes if editor.kept.with(Option::is_none) => String::new(),
        Saved::Yes => "Saved".to_owned(),
        Saved::Soon | Saved::Saving => "Saving…".to_owned(),
        Saved::Failed {
            message,
            stale: false,
        } => format!("Not saved: {message} It is tried again."),
        Saved::Failed {
            message,
            stale: true,
        } => format!("Not saved: {message}"),
    };
    let failed = move || {
        publish
            .value()
            .get()
            .and_then(Result::err)
            .map(|error| error.message)
    };
    let send = move |over: Option<u32>| {
        if let Some(kept) = editor.kept.get_untracked() {
            publish.dispatch((kept, note.get_untracked(), over));
        }
    };
    let discard_to = slug.clone();
    let (next, asks) = match slug.is_some() {
        true => ("Publish as a new version", "What has changed (optional)"),
        false => ("Publish", "A note on the first version (optional)"),
    };
    view! {
        <div class="publish-bar">
            <span class="publish-saved muted" class:publish-failed=move || matches!(editor.saved.get(), Saved::Failed { .. })>{saved}</span>
            <Views editor has_versions={slug.is_some()} />
            <button type="button" class="button button-small" disabled=move || !editor.can_undo() || editor.publishing.get() on:click=move |_| editor.undo()>"Undo"</button>
            <button type="button" class="button button-small" disabled=move || !editor.can_redo() || editor.publishing.get() on:click=move |_| editor.redo()>"Redo"</button>
            <details class="publish-more" on:toggle=move |_| editor.settle() on:keydown=|event| close_at_escape(&event)>
                <summary class="button button-small button-primary">"Publish…"</summary>
                <div class="publish-form">
                    <div class="field">
                        <label for="publish-note">{asks}</label>
                        <input id="publish-note" maxlength="1000" prop:value=move || note.get() on:input:target=move |event| note.set(event.target().value()) />
                        <p class="hint">"For those who read the versions later."</p>
                    </div>
                    {move || failed().map(|message| view! { <p class="notice notice-failed" role="alert">{message}</p> })}
                    <button type="button" class="button button-primary" disabled=move || !ready() on:click=move |_| send(None)>{next}</button>
                    <p class="hint">{why_not}</p>
                    {move || overtaken().map(|current| view! {
                        <div class="notice notice-failed" role="alert">
                            <p>{format!("Version {current} was published while this was written. Compare shows what is different; publishing over it undoes what it brought.")}</p>
                            <button type="button" class="button button-small" disabled=move || !ready() on:click=move |_| send(Some(current))>{format!("Publish over version {current}")}</button>
                        </div>
                    })}
                    <Discard editor slug=discard_to.clone() />
                </div>
            </details>
        </div>
    }
}

/// As a menu does: its button has the focus then.
fn close_at_escape(event: &KeyboardEvent) {
    let opened = event
        .current_target()
        .and_then(|target| target.dyn_into::<Element>().ok());
    let Some(opened) = opened.filter(|_| event.key() == "Escape") else {
        return;
    };
    let _ = opened.remove_attribute("open");
    let button = opened.query_selector("summary").ok().flatten();
    if let Some(button) = button.and_then(|button| button.dyn_into::<HtmlElement>().ok()) {
        let _ = button.focus();
    }
}

/// What the page shows: the draft to be written on, played, or beside the version that it would replace.
#[component]
fn Views(editor: Editor, has_versions: bool) -> impl IntoView {
    let (playing, studying) = (editor.stage.open, editor.study.open);
    let show = move |play: bool, study: bool| {
        editor.settle();
        playing.set(play);
        studying.set(study);
    };
    let pressed = |is: bool| if is { "true" } else { "false" };
    let study = has_versions.then(|| {
        view! {
            <button type="button" class="button button-small" aria-pressed=move || pressed(studying.get()) on:click=move |_| show(false, true)>"Compare"</button>
        }
    });
    view! {
        <div class="views" role="group" aria-label="View of the draft">
            <button type="button" class="button button-small" aria-pressed=move || pressed(!playing.get() && !studying.get()) on:click=move |_| show(false, false)>"Write"</button>
            <button type="button" class="button button-small" aria-pressed=move || pressed(playing.get()) on:click=move |_| show(true, false)>"Rehearse"</button>
            {study}
        </div>
    }
}

/// Throws the draft away, after a second look.
#[component]
fn Discard(editor: Editor, slug: Option<String>) -> impl IntoView {
    let discard = Action::new(|id: &DraftId| discard_draft(id.clone()));
    let navigate = use_navigate();
    let back = match slug {
        Some(slug) => format!("/workflows/{slug}"),
        None => "/workflows".to_owned(),
    };
    Effect::new(move || {
        if let Some(Ok(())) = discard.value().get() {
            navigate(&back, Default::default());
        }
    });
    let failed = move || discard.value().get().and_then(Result::err);
    let throw = move |_| {
        if let Some(kept) = editor.kept.get_untracked() {
            discard.dispatch(kept.id);
        }
    };
    let is_kept = move || editor.kept.with(Option::is_some);
    view! {
        <Show when=is_kept>
            <details class="more publish-discard">
                <summary>"Discard the draft…"</summary>
                <p class="hint">"Everything written since the last version is lost."</p>
                {move || failed().map(|error| view! { <p class="notice notice-failed" role="alert">{error.message}</p> })}
                <button type="button" class="button button-small button-reject" disabled=move || discard.pending().get() on:click=throw>"Discard it"</button>
            </details>
        </Show>
    }
}
