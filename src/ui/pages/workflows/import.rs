//! A workflow that somebody has as text becomes a draft in the builder.

use leptos::prelude::*;

use crate::rpc::workflows::ImportDraft;
use crate::ui::asking::{Answers, Asking, Refusal};

#[component]
pub(super) fn ImportForm() -> impl IntoView {
    let import = Answers::of::<ImportDraft>("document");
    let refusal = Signal::derive(move || import.refusal());
    // What was refused is said where it was typed.
    let open = import.refused();
    view! {
        <details class="import" open=move || open.get()>
            <summary class="button">"Import…"</summary>
            <Asking answers=import class="form">
                <Refusal error=refusal />
                <div class="field">
                    <label for="import-document">"The workflow, as YAML or JSON"</label>
                    <textarea id="import-document" name="document" rows="10" class="code" required spellcheck="false" aria-describedby="import-hint"></textarea>
                    <p class="hint" id="import-hint">"It opens in the builder as a draft, and is there for others when you publish it. Whole folders: " <code>"signalbox import"</code> "."</p>
                </div>
                <button class="button button-primary" disabled=move || import.busy()>"Open in the builder"</button>
            </Asking>
        </details>
    }
}
