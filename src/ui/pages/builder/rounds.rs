//! The forms of what goes on: a map over a list, a loop, a wait.

use leptos::prelude::*;
use serde_json::{Value, json};

use super::calls::tool_form;
use super::fields::{check_field, choice_field};
use super::form::{StepForm, part};
use super::values::Literal;
use crate::engine::input::{FieldKind, TextFormat};
use crate::engine::upstream::Reader;
use crate::engine::workflow::{ItemErrorPolicy, Step};

pub(super) fn map_form(form: &StepForm) -> AnyView {
    let lines = Literal::Kind(FieldKind::Lines {
        format: TextFormat::Plain,
    });
    view! {
        {form.value("over", "List", "Each item is done by the steps inside, which read it as item.", lines, part!(over))}
        {form.text("as", "Another name for the item (optional)", "By which inner lists can read it too.", 1, part!(item_name))}
        {form.number("max_parallel", "Items at once", "32 when empty.", part!(max_parallel))}
        {check_field(
            form.field("on_item_error", "Go on when an item fails", "Its failure is listed in the output."),
            form.held(
                "on_item_error",
                |step| step.on_item_error == Some(ItemErrorPolicy::Continue),
                |step, on: bool| step.on_item_error = on.then_some(ItemErrorPolicy::Continue),
            ),
        )}
        {form.number("max_failed", "Items that may fail", "One more fails the step. Any number when empty.", part!(max_failed))}
        <p class="hint">"What is done for each item is put inside with “Add inside”, below the list of steps."</p>
    }
    .into_any()
}

pub(super) fn loop_form(form: &StepForm) -> AnyView {
    let reader = Reader::Until(form.id.clone());
    view! {
        {form.expression("until", "Until", "A CEL expression over the steps inside, such as ask.status == 200.", reader, part!(until))}
        {form.number("max_iterations", "Rounds at the most", "Then the step fails. 100 when empty.", part!(max_iterations))}
        {form.pause("every_ms", "Pause between two rounds", "None when empty.", part!(every_ms))}
        <p class="hint">"What is done in each round is put inside with “Add inside”, below the list of steps."</p>
    }
    .into_any()
}

/// What a wait waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Time,
    Moment,
    Answer,
}

impl Awaited {
    const ALL: [(Awaited, &'static str, &'static str); 3] = [
        (Awaited::Time, "time", "Some time to pass"),
        (Awaited::Moment, "moment", "A moment to come"),
        (Awaited::Answer, "answer", "A tool to answer so"),
    ];

    fn of(step: &Step) -> Awaited {
        match (&step.tool, &step.at) {
            (Some(_), _) => Awaited::Answer,
            (None, Some(_)) => Awaited::Moment,
            (None, None) => Awaited::Time,
        }
    }

    fn word(self) -> String {
        let found = Awaited::ALL.iter().find(|(of, _, _)| *of == self);
        found.map_or_else(String::new, |(_, word, _)| (*word).to_owned())
    }

    /// Takes the parts of the other forms away: they would contradict it.
    fn put(step: &mut Step, word: &str) {
        let found = Awaited::ALL.iter().find(|(_, of, _)| *of == word);
        let Some((awaited, _, _)) = found else {
            return;
        };
        (step.for_ms, step.at) = (None, None);
        if *awaited != Awaited::Answer {
            (step.tool, step.with, step.until) = (None, None, None);
            (step.every_ms, step.timeout_ms) = (None, None);
        }
        match awaited {
            Awaited::Time => step.for_ms = Some(json!(60_000)),
            Awaited::Moment => step.at = Some(Value::String(String::new())),
            Awaited::Answer => {
                step.tool = Some("http.request".to_owned());
                step.with = Some(json!({}));
                step.until = Some(String::new());
            }
        }
    }
}

pub(super) fn wait_form(form: &StepForm) -> AnyView {
    let options = Awaited::ALL.map(|(_, word, text)| (word.to_owned(), text.to_owned()));
    let choose = choice_field(
        form.field("wait", "Waits for", ""),
        options.to_vec(),
        form.held(
            "wait",
            |step| Awaited::of(step).word(),
            |step, word: String| Awaited::put(step, &word),
        ),
    );
    let awaited = form.read(|step| Some(Awaited::of(step)));
    let awaited = Memo::new(move |_| awaited());
    let form = form.clone();
    let fields = move || match awaited.get() {
        Some(Awaited::Time) => form.value(
            "for_ms",
            "How long",
            "From before: a number of milliseconds.",
            Literal::Duration,
            part!(for_ms),
        ),
        Some(Awaited::Moment) => {
            let text = Literal::Kind(FieldKind::Text {
                format: TextFormat::Plain,
            });
            let hint = "As a date and a time with its zone, such as 2026-12-24T18:00:00Z.";
            form.value("at", "Until", hint, text, part!(at))
        }
        Some(Awaited::Answer) => answer_form(&form),
        None => ().into_any(),
    };
    view! { {choose}{fields} }.into_any()
}

fn answer_form(form: &StepForm) -> AnyView {
    let step = form.step().unwrap_or_default();
    let reader = Reader::Until(form.id.clone());
    view! {
        {tool_form(form, &step)}
        {form.expression("until", "Until", "A CEL expression over result, such as result.status == 200.", reader, part!(until))}
        {form.pause("every_ms", "Asks again every", "Ten seconds when empty.", part!(every_ms))}
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_for_one_thing_at_a_time() {
        let mut step = Step::default();
        for (_, word, _) in Awaited::ALL.iter().chain(Awaited::ALL.iter().rev()) {
            Awaited::put(&mut step, word);
            assert_eq!(Awaited::of(&step).word(), *word);
            let ways = [
                step.for_ms.is_some(),
                step.at.is_some(),
                step.tool.is_some(),
            ];
            assert_eq!(ways.iter().filter(|given| **given).count(), 1, "{word}");
        }
        Awaited::put(&mut step, "time");
        assert!(step.until.is_none() && step.with.is_none(), "{step:?}");
    }
}
