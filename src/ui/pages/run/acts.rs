//! What a person can do to a run: cancel it, or say what became of an outcome that nobody knows.

use leptos::prelude::*;

use super::Viewer;
use crate::rpc::actions::{CancelRun, ResolveOutcome};

#[component]
pub fn CancelForm(viewer: Viewer, cancel: ServerAction<CancelRun>) -> impl IntoView {
    let open = Memo::new(move |_| {
        viewer
            .state
            .with(|state| state.end.is_none() && state.cancelling.is_none())
    });
    let refusal =
        move || {
            cancel.value().get().and_then(Result::err).map(
                |error| view! { <p class="notice notice-failed" role="alert">{error.message}</p> },
            )
        };
    view! {
        {refusal}
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
) -> impl IntoView {
    let resolve: ServerAction<ResolveOutcome> = viewer.resolve;
    let id = format!("outcome-{step_id}");
    let refusal =
        move || {
            resolve.value().get().and_then(Result::err).map(
                |error| view! { <p class="notice notice-failed" role="alert">{error.message}</p> },
            )
        };
    view! {
        <div class="gate gate-unknown">
            <p class="gate-message">"It is not known whether this happened: " {message} "."</p>
            <p>"Look at the receiving side, then say what you found. Nothing is repeated unless you say so."</p>
            <ActionForm action=resolve attr:class="gate-form">
                <input type="hidden" name="run_id" value=viewer.run_id.get_value() />
                <input type="hidden" name="step_id" value=step_id />
                <label for=id.clone()>"What you found (optional)"</label>
                <input id=id name="comment" maxlength="4000" />
                {refusal}
                <div class="gate-answers">
                    <button class="button" name="resolution" value="happened">"It happened"</button>
                    <button class="button" name="resolution" value="did_not">"It did not"</button>
                    <button class="button" name="resolution" value="retry">"Do it again"</button>
                </div>
            </ActionForm>
        </div>
    }
}
