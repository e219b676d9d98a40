//! The form of a question to a person: a gate, or the permission that another step asks for.

use leptos::prelude::*;
use serde_json::Value;

use super::fields::{Held, check_field, text_field};
use super::form::{Part, StepForm, part};
use super::offers::in_lines;
use super::suggesting::{Shape, Suggesting, suggesting_field};
use super::ways::way_after;
use crate::engine::workflow::{Approval, EdgeTrigger, Step, Timeout};

/// How what is shown is read and written.
type Show = (fn(&Step) -> Vec<String>, fn(&mut Step, Vec<String>));

/// Where the parts of the question are.
struct Question {
    /// Before the names of its fields.
    prefix: &'static str,
    message: Part<String>,
    show: Show,
    approvers: Part<Vec<String>>,
    timeout_ms: Part<Timeout>,
    shown_hint: &'static str,
}

pub(super) fn gate_form(form: &StepForm) -> AnyView {
    let question = Question {
        prefix: "",
        message: part!(message),
        show: (|step| step.show.clone(), |step, show| step.show = show),
        approvers: part!(approvers),
        timeout_ms: part!(timeout_ms),
        shown_hint: "One a line, such as probe.down; an expression begins with =, and one of several lines stands in quotes.",
    };
    view! {
        {question_form(form, &question)}
        {way_after(form, EdgeTrigger::Rejected, "When it is rejected", "the step fails")}
    }
    .into_any()
}

/// Whether a person has to allow the step first, and what they are asked.
pub(super) fn approval_form(form: &StepForm) -> AnyView {
    let asked = Memo::new({
        let read = form.read(|step| step.approval.is_some());
        move |_| read()
    });
    let check = check_field(
        form.field(
            "approval",
            "A person must allow it first",
            "They see exactly what will be done.",
        ),
        form.held(
            "approval",
            |step| step.approval.is_some(),
            |step, on: bool| {
                step.approval = on.then(|| step.approval.clone().unwrap_or_else(Approval::default));
            },
        ),
    );
    let form = form.clone();
    let more = move || {
        let question = Question {
            prefix: "approval.",
            message: part!(approval.message),
            show: (
                |step| {
                    step.approval
                        .as_ref()
                        .map(|asked| asked.show.clone())
                        .unwrap_or_default()
                },
                |step, show| {
                    if let Some(approval) = &mut step.approval {
                        approval.show = show;
                    }
                },
            ),
            approvers: part!(approval.approvers),
            timeout_ms: part!(approval.timeout_ms),
            shown_hint: "Beside what the step will do. One a line, such as probe.down; an expression begins with =. What does not fit into a line stands in quotes.",
        };
        asked
            .get()
            .then(|| view! { <div class="field-inside">{question_form(&form, &question)}</div> })
    };
    view! { {check}{more} }.into_any()
}

fn question_form(form: &StepForm, question: &Question) -> AnyView {
    let name = |field: &str| format!("{}{field}", question.prefix);
    let message = super::form::as_text(form.part(&name("message"), question.message));
    let (read, write) = question.show;
    let show =
        Held::new(form.read(read), form.write(&name("show"), write)).shown_as(as_lines, from_lines);
    let offered = Suggesting {
        text: show,
        offers: in_lines(form.editor, form.reader()),
        shape: Shape::Lines(3),
        wanted: "",
    };
    view! {
        {text_field(form.field(&name("message"), "Question", "What the person is asked."), 3, message)}
        {suggesting_field(form.field(&name("show"), "What is shown", question.shown_hint), offered)}
        {form.words(&name("approvers"), "Who may answer", "Names with commas between them. Everyone who may decide when empty.", question.approvers)}
        {form.timeout(&name("timeout_ms"), "Deadline", "Unanswered by then, the step fails. A month when empty.", true, question.timeout_ms)}
    }
    .into_any()
}

/// One a line: references without their `$`, expressions as they are. What would not come back as it was, such as an
/// expression of several lines, is in quotes, as in JSON.
fn as_lines(show: Vec<String>) -> String {
    let lines: Vec<String> = show.iter().map(|entry| as_line(entry)).collect();
    lines.join("\n")
}

fn as_line(entry: &str) -> String {
    let line = entry.strip_prefix('$').unwrap_or(entry);
    let comes_back = !line.contains(['\n', '\r']) && from_line(line).as_deref() == Some(entry);
    match comes_back {
        true => line.to_owned(),
        false => Value::String(entry.to_owned()).to_string(),
    }
}

fn from_lines(text: String) -> Vec<String> {
    text.split('\n').filter_map(from_line).collect()
}

/// None of an empty line.
fn from_line(line: &str) -> Option<String> {
    let line = line.trim();
    if line.is_empty() {
        return None;
    }
    if line.starts_with('"')
        && let Ok(entry) = serde_json::from_str(line)
    {
        return Some(entry);
    }
    Some(match line.starts_with('=') {
        true => line.to_owned(),
        false => format!("${}", line.trim_start_matches('$')),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_one_a_line_and_comes_back_as_it_was() {
        let show = ["$judge.breaches", "=size(judge.breaches) > 0", "$input"].map(str::to_owned);
        let lines = as_lines(show.to_vec());
        assert_eq!(lines, "judge.breaches\n=size(judge.breaches) > 0\ninput");
        assert_eq!(from_lines(lines), show);
        assert_eq!(from_lines(" $a \n\n =b ".to_owned()), ["$a", "=b"]);
    }

    #[test]
    fn nothing_that_is_shown_is_lost_while_another_line_is_typed() {
        let show = [
            "=size(a) > 0 &&\n  size(b) > 0",
            "$$x",
            "a text",
            "",
            "$",
            "==x",
            "\"quoted\"",
            " $a",
            "$\"a\"",
            "$=a",
            "a\rb",
            "=a\rb",
        ];
        let show = show.map(str::to_owned);
        let lines = as_lines(show.to_vec());
        assert_eq!(lines.split('\n').count(), show.len(), "{lines}");
        assert_eq!(from_lines(lines.clone()), show);
        let typed = from_lines(format!("input\n{lines}\nother"));
        assert_eq!(typed[1..typed.len() - 1], show);
    }
}
