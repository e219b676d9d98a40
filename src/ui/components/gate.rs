//! A question that waits for a person, and the two answers. Works as a plain form before the page is live.

use leptos::prelude::*;

use super::ValueView;
use crate::engine::event::{Action, Question};
use crate::ui::asking::{Answers, Asking, Refusal};
use crate::ui::format;

#[component]
pub fn GateForm(
    question: Question,
    #[prop(into)] run_id: String,
    #[prop(into)] gate_id: String,
    plan_hash: String,
    /// Kept by the page, so that the answer to a refused decision survives the form.
    decide: Answers,
    /// The id of what says where each answer leads.
    #[prop(optional, into)]
    described_by: Option<String>,
) -> impl IntoView {
    let comment_id = format!("comment-{gate_id}");
    let subject = gate_id.clone();
    let refusal = Signal::derive(move || decide.refusal_of(&subject));
    let short_hash: String = plan_hash.chars().take(12).collect();
    view! {
        <div class="gate">
            <GateQuestion question />
            <Asking answers=decide class="gate-form">
                <input type="hidden" name="run_id" value=run_id />
                <input type="hidden" name="gate_id" value=gate_id />
                <input type="hidden" name="plan_hash" value=plan_hash />
                <label for=comment_id.clone()>"Comment (optional)"</label>
                <textarea id=comment_id name="comment" rows="2" maxlength="4000"></textarea>
                <Refusal error=refusal />
                <div class="gate-answers">
                    <button class="button button-approve" name="decision" value="approve" aria-describedby=described_by.clone() disabled=move || decide.busy()>
                        "Approve"
                    </button>
                    <button class="button button-reject" name="decision" value="reject" aria-describedby=described_by disabled=move || decide.busy()>
                        "Reject"
                    </button>
                    <span class="muted hash" title="Your answer is kept together with exactly what is shown here; this is its fingerprint.">
                        "Fingerprint " <code>{short_hash}</code>
                    </span>
                </div>
            </Asking>
        </div>
    }
}

/// What a gate puts before a person.
#[component]
pub fn GateQuestion(question: Question) -> impl IntoView {
    let shown: Vec<_> = question
        .shown
        .into_iter()
        .map(|shown| view! { <div class="shown"><p class="shown-label">{shown.label}</p><ValueView value=shown.value /></div> })
        .collect();
    view! {
        {(!question.message.is_empty()).then(|| view! { <p class="gate-message">{question.message}</p> })}
        {shown}
        {question.action.map(|action| view! { <ActionView action /> })}
    }
}

/// Exactly what will be done.
#[component]
fn ActionView(action: Action) -> impl IntoView {
    let tool = action.tool.unwrap_or_else(|| action.step.to_string());
    view! {
        <div class="shown">
            <p class="shown-label">"What will be done"</p>
            <p><code>{tool}</code></p>
            <pre class="json" tabindex="0">{format::pretty(&action.input)}</pre>
        </div>
    }
}
