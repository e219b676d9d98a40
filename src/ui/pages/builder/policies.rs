//! What becomes of a step when it fails, and what has to be so before it begins.

use leptos::prelude::*;

use super::calls::{Input, input_fields, input_schema, tool_options};
use super::durations::{duration_field, in_ms};
use super::fields::{Held, choice_field, number_field, words_field};
use super::form::{Part, StepForm, as_text, at_once, leading, part, wide};
use super::gates::approval_form;
use super::values::{Literal, value_field};
use super::ways::way_after;
use crate::engine::input::{FieldKind, TextFormat};
use crate::engine::limits::{ATTEMPTS_MAX, WEIGHT_MAX};
use crate::engine::upstream::Reader;
use crate::engine::workflow::{
    Compensation, EdgeTrigger, ErrorPolicy, RetryPolicy, Step, StepKind,
};

/// Does something outside do the work, so that it can be tried again and undone?
fn is_done_elsewhere(kind: StepKind) -> bool {
    match kind {
        StepKind::ToolCall | StepKind::Subworkflow | StepKind::External => true,
        StepKind::HumanGate
        | StepKind::Condition
        | StepKind::Parallel
        | StepKind::Join
        | StepKind::Transform
        | StepKind::Map
        | StepKind::Loop
        | StepKind::Wait => false,
    }
}

pub(super) fn policies(form: &StepForm, step: &Step) -> AnyView {
    let elsewhere = is_done_elsewhere(step.kind);
    let fails_open = step.on_error.is_some() || step.retry.is_some() || step.compensate.is_some();
    let before_open =
        step.approval.is_some() || step.concurrency.is_some() || step.weight.is_some();
    let limited = step.kind == StepKind::ToolCall || step.concurrency.is_some();
    let asks = step.kind != StepKind::HumanGate || step.approval.is_some();
    view! {
        <details class="more" open=fails_open>
            <summary>"When it fails"</summary>
            {(elsewhere || step.retry.is_some()).then(|| retry_form(form, "retry", "Tries in all", part!(retry)))}
            {error_policy(form)}
            {way_after(form, EdgeTrigger::Failed, "Instead, go on with", "nothing else")}
            {(elsewhere || step.compensate.is_some()).then(|| compensation_form(form))}
        </details>
        <details class="more" open=before_open>
            <summary>"Before it begins, and its weight"</summary>
            {asks.then(|| approval_form(form))}
            {limited.then(|| concurrency_form(form))}
            {number_field(
                form.field("weight", "Share in the progress of the run", "1 when empty."),
                WEIGHT_MAX.into(),
                wide(form.part("weight", part!(weight))),
            )}
        </details>
    }
    .into_any()
}

fn error_policy(form: &StepForm) -> AnyView {
    let policies = [
        ("fail", "the run fails"),
        ("continue", "the run goes on"),
        ("compensate", "the run fails, and what was done is undone"),
    ];
    let options = policies.map(|(word, text)| (word.to_owned(), text.to_owned()));
    choice_field(
        form.field("on_error", "When it has failed", "After its last try."),
        options.to_vec(),
        form.held(
            "on_error",
            |step| match step.on_error.unwrap_or_default() {
                ErrorPolicy::Fail => "fail".to_owned(),
                ErrorPolicy::Continue => "continue".to_owned(),
                ErrorPolicy::Compensate => "compensate".to_owned(),
            },
            |step, word: String| {
                step.on_error = match word.as_str() {
                    "continue" => Some(ErrorPolicy::Continue),
                    "compensate" => Some(ErrorPolicy::Compensate),
                    _ => None,
                };
            },
        ),
    )
}

/// How often, with which pauses, and after which failures not.
fn retry_form(form: &StepForm, name: &str, label: &str, part: Part<RetryPolicy>) -> AnyView {
    let policy = form.part(name, part);
    let tries = wide(leading(
        policy.clone(),
        |policy| policy.max_attempts,
        |max_attempts, last| RetryPolicy {
            max_attempts,
            ..last.unwrap_or_else(|| RetryPolicy::of(max_attempts))
        },
    ));
    let has = policy.memo();
    let has = Memo::new(move |_| has.with(Option::is_some));
    let hint = "One when empty. The pauses between them grow.";
    let count = form.field(&format!("{name}.max_attempts"), label, hint);
    let (form, name) = (form.clone(), name.to_owned());
    let more = move || {
        has.get().then(|| {
            let field = |part: &str, label: &str, hint: &str| {
                form.field(&format!("{name}.{part}"), label, hint)
            };
            let base = inside(&policy, |policy| Some(policy.base_ms), |policy, ms| {
                policy.base_ms = ms.unwrap_or(RetryPolicy::of(1).base_ms);
            });
            let cap = inside(&policy, |policy| Some(policy.cap_ms), |policy, ms| {
                policy.cap_ms = ms.unwrap_or(RetryPolicy::of(1).cap_ms);
            });
            let never = inside(&policy, |policy| policy.no_retry.clone(), |policy, codes| {
                policy.no_retry = codes;
            });
            view! {
                <div class="field-inside">
                    {duration_field(field("base_ms", "First pause", "Then twice as long each time."), false, in_ms(base))}
                    {duration_field(field("cap_ms", "Longest pause", ""), false, in_ms(cap))}
                    {words_field(field("no_retry", "Not after these failures", "Their codes with commas between them, such as invalid_input."), never)}
                </div>
            }
        })
    };
    view! { {number_field(count, ATTEMPTS_MAX.into(), tries)}{more} }.into_any()
}

/// A part of the policy, which is there.
fn inside<T: Default + 'static>(
    policy: &Held<Option<RetryPolicy>>,
    read: fn(&RetryPolicy) -> T,
    write: fn(&mut RetryPolicy, T),
) -> Held<T> {
    let (from, to) = (policy.clone(), policy.clone());
    Held::new(
        move || from.get().as_ref().map(read).unwrap_or_default(),
        move |value| {
            if let Some(mut policy) = to.peek() {
                write(&mut policy, value);
                to.set(Some(policy));
            }
        },
    )
}

/// The call that undoes the step, should the run fail later.
fn compensation_form(form: &StepForm) -> AnyView {
    let tool = leading(
        form.part("compensate.tool", part!(compensate)),
        |undo| undo.tool,
        |tool, last| Compensation {
            tool,
            ..last.unwrap_or_default()
        },
    );
    let value = as_text(tool);
    let current = value.memo();
    let hint = "Called when the run fails after this step has succeeded.";
    let of = form.field("compensate.tool", "What undoes it", hint);
    let choose = choice_field(of, tool_options(form, Some("Nothing")), value);
    let form = form.clone();
    let more = move || {
        let tool = Some(current.get()).filter(|tool| !tool.is_empty())?;
        let input = Input {
            part: part!(compensate.with),
            name: "compensate.with",
            reader: Reader::Behind(form.id.clone()),
        };
        let schema = input_schema(&form, Some(&tool));
        Some(view! {
            <div class="field-inside">
                <p class="hint">"It may read what this step has given: " <code>{form.id.to_string()}</code> " and its fields."</p>
                {input_fields(&form, &input, schema.as_ref())}
                {retry_form(&form, "compensate.retry", "Tries in all", part!(compensate.retry))}
                {form.timeout("compensate.timeout_ms", "Time for one try", "That of the tool when empty.", false, part!(compensate.timeout_ms))}
            </div>
        })
    };
    view! { {choose}{more} }.into_any()
}

fn concurrency_form(form: &StepForm) -> AnyView {
    let key = Part {
        read: |step: &Step| step.concurrency.as_ref()?.key.clone(),
        place: |step: &mut Step| Some(&mut step.concurrency.as_mut()?.key),
    };
    let max = at_once(form.part("concurrency.max", part!(concurrency)));
    let has = max.memo();
    let has = Memo::new(move |_| has.with(Option::is_some));
    let hint = "Over all runs. Any number when empty.";
    let field = number_field(
        form.field("concurrency.max", "At once", hint),
        u32::MAX.into(),
        max,
    );
    let form = form.clone();
    let more = move || {
        has.get().then(|| {
            let hint =
                "The limit is counted for each key, such as input.host. One for all when empty.";
            let of = form.field("concurrency.key", "For the same key (optional)", hint);
            let text = Literal::Kind(FieldKind::Text {
                format: TextFormat::Plain,
            });
            let value = form.part("concurrency.key", key);
            view! { <div class="field-inside">{value_field(of, text, form.reader(), value)}</div> }
        })
    };
    view! { {field}{more} }.into_any()
}
