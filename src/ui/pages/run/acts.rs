//! What a person can do to a run: cancel it, or say what became of an outcome that nobody knows.

use leptos::prelude::*;

use serde_json::Value;

use super::Viewer;
use crate::rpc::actions::CancelRun;
use crate::ui::components::{Refusal, ValueView};

#[component]
pub fn CancelForm(viewer: Viewer, cancel: ServerAction<CancelRun>) -> impl IntoView {
    let open = Memo::new(move |_| {
        viewer
            .state
            .with(|state| state.end.is_none() && state.cancelling.is_none())
    });
    let refusal = Signal::derive(move || cancel.value().get().and_then(Result::err));
    view! {
        <Refusal error=refusal />
        <Show when=move || open.get()>
            <details class="cancel">
                <summary class="button button-small">"Cancel run…"</summary>
                <ActionForm action=cancel attr:class="cancel-form">
                    <input type="hidden" name="run_id" value=viewer.run_id.get_value() />
                    <label for="cancel-comment">"Why? (optional)"</label>
                    <input id="cancel-comment" name="comment" maxlength="4000" />
                    <p class="hint">"What is running is told to stop. What has been done stays done."</p>
                    <button class="button button-reject">"Cancel the run"</button>
                </ActionForm>
            </details>
        </Show>
    }
}

#[component]
pub fn OutcomeForm(
    viewer: Viewer,
    #[prop(into)] step_id: String,
    message: String,
    /// The input of the attempt in doubt.
    asked: Option<Value>,
) -> impl IntoView {
    let resolve = viewer.resolve;
    let id = format!("outcome-{step_id}");
    let subject = step_id.clone();
    let refusal = Signal::derive(move || resolve.refusal_of(&subject));
    let ended_in = message.trim_end_matches('.').to_owned();
    view! {
        <div class="gate gate-unknown">
            <p class="gate-message">"It is not known whether this happened: " {ended_in} "."</p>
            {asked.map(|asked| view! { <div class="shown"><p class="shown-label">"What was sent"</p><ValueView value=asked /></div> })}
            <p>"Look at the receiving side, then say what you found. Nothing is repeated unless you say so."</p>
            <ActionForm action=resolve.action attr:class="gate-form">
                <input type="hidden" name="run_id" value=viewer.run_id.get_value() />
                <input type="hidden" name="step_id" value=step_id />
                <label for=id.clone()>"What you found (optional)"</label>
                <input id=id name="comment" maxlength="4000" />
                <Refusal error=refusal />
                <div class="gate-answers">
                    <button class="button" name="resolution" value="happened">"It happened"</button>
                    <button class="button" name="resolution" value="did_not">"It did not"</button>
                    <button class="button" name="resolution" value="retry">"Do it again"</button>
                </div>
                <p class="hint">"It happened: the step counts as completed. It did not: the step fails. Do it again: it is sent once more."</p>
            </ActionForm>
        </div>
    }
}
