//! The field of a value: written as it is, picked from what comes before, or worked out by an expression.

use leptos::prelude::*;
use serde_json::Value;

use super::durations::duration_field;
use super::fields::{FieldOf, Frame, Held, choice_field, text_field};
use super::offers::{in_expression, look, of_names};
use super::suggesting::{Shape, Suggesting, suggesting_control, suggesting_field};
use super::words;
use super::written::{Mode, shown, written};
use crate::engine::input::{FieldKind, TextFormat, type_in_words};
use crate::engine::upstream::{Reader, fits};
use crate::engine::workflow::Timeout;

/// Characters of an example that are shown.
const EXAMPLE_CHARS: usize = 60;

/// How a value is given that is neither a reference nor an expression.
#[derive(Clone)]
pub(super) enum Literal {
    Kind(FieldKind),
    /// Milliseconds, in units that people say.
    Duration,
}

impl Literal {
    fn kind(&self) -> FieldKind {
        match self {
            Literal::Kind(kind) => kind.clone(),
            Literal::Duration => FieldKind::Number {
                integer: true,
                minimum: None,
                maximum: None,
            },
        }
    }
}

/// The field. `reader` is who reads there, and decides which names are offered.
pub(super) fn value_field(
    of: FieldOf,
    literal: Literal,
    reader: Reader,
    value: Held<Option<Value>>,
) -> AnyView {
    let (editor, label) = (of.editor, of.label.clone());
    let mode_id = format!("{}-mode", of.id());
    let current = value.memo();
    let begun = current.with_untracked(|value| value.as_ref().map_or(Mode::Literal, Mode::of));
    let mode = RwSignal::new(begun);
    // Taken back, or changed elsewhere.
    Effect::new(move || {
        if let Some(now) = current.with(|value| value.as_ref().map(Mode::of))
            && mode.get_untracked() != now
        {
            mode.set(now);
        }
    });
    let switch = {
        let (kind, value) = (literal.kind(), value.clone());
        move |word: String| {
            let new = Mode::read(&word);
            let text = current.with_untracked(|value| shown(&kind, value.as_ref()));
            mode.set(new);
            editor.apart(|| value.set(written(new, &kind, carried(new, &text))));
        }
    };
    let options: Vec<_> = Mode::ALL
        .into_iter()
        .map(|(of, word, text)| view! { <option value=word prop:selected=move || mode.get() == of>{text}</option> })
        .collect();
    let field = move || {
        let (of, literal, value) = (of.clone(), literal.clone(), value.clone());
        match (mode.get(), literal) {
            (Mode::Literal, Literal::Duration) => duration_field(of, false, in_duration(value)),
            (Mode::Literal, Literal::Kind(kind)) => literal_field(of, kind, value),
            (Mode::Reference, literal) => {
                let wanted = words::wanted(&literal.kind());
                reference_field(of, wanted, reader.clone(), value)
            }
            (Mode::Expression, _) => expression_in_value(of, reader.clone(), value),
        }
    };
    view! {
        <div class="value-of">
            <select class="value-mode" id=mode_id aria-label=format!("How {label} is given") on:change:target=move |event| switch(event.target().value())>{options}</select>
            {field}
        </div>
    }
    .into_any()
}

/// What of a text makes sense when it is given in another way.
fn carried(mode: Mode, text: &str) -> &str {
    let is_path = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
    match mode {
        Mode::Reference if !is_path => "",
        Mode::Reference | Mode::Expression | Mode::Literal => text,
    }
}

fn in_duration(value: Held<Option<Value>>) -> Held<Option<Timeout>> {
    value.shown_as(
        |value| value.as_ref().and_then(Value::as_u64).map(Timeout::Ms),
        |duration| match duration {
            Some(Timeout::Ms(ms)) => Some(ms.into()),
            Some(Timeout::Never) | None => None,
        },
    )
}

/// A value as the text that stands for it.
fn as_text(value: Held<Option<Value>>, mode: Mode, kind: FieldKind) -> Held<String> {
    let (shown_kind, read) = (kind.clone(), value.clone());
    Held::new(
        move || {
            let value = read.get();
            let is_of_mode = value.as_ref().is_none_or(|value| Mode::of(value) == mode);
            if is_of_mode {
                shown(&shown_kind, value.as_ref())
            } else {
                String::new()
            }
        },
        move |text: String| value.set(written(mode, &kind, &text)),
    )
}

fn reference_field(
    of: FieldOf,
    wanted: &'static str,
    reader: Reader,
    value: Held<Option<Value>>,
) -> AnyView {
    let editor = of.editor;
    let label = of.label.clone();
    let text = as_text(value, Mode::Reference, FieldKind::Json);
    let path = text.memo();
    let frame = Frame::new(of);
    let offers = of_names(editor, reader.clone(), wanted);
    let suggesting = Suggesting {
        text,
        offers,
        shape: Shape::Line,
        wanted,
    };
    let control = suggesting_control(&frame, &label, suggesting);
    let known = Memo::new(move |_| {
        path.with(|path| look(editor, &reader, path))
            .map(|look| (look.kind, look.example.map(|example| example.to_string())))
    });
    let preview = move || {
        known
            .get()
            .map(|(kind, example)| preview(&kind, example, wanted))
    };
    let control = view! { {control}{preview} };
    frame.around(control.into_any())
}

/// What the value at a path is and may look like, and whether it fits.
fn preview(kind: &str, example: Option<String>, wanted: &str) -> AnyView {
    if !fits(wanted, kind) {
        let sentence = format!(
            "This is of the type {}; {} is wanted here.",
            type_in_words(kind),
            type_in_words(wanted)
        );
        return view! { <p class="preview preview-misfit"><span aria-hidden="true">"⚠ "</span>{sentence}</p> }.into_any();
    }
    let kind = type_in_words(kind);
    match example {
        Some(example) => {
            let mut short: String = example.chars().take(EXAMPLE_CHARS).collect();
            if short.len() < example.len() {
                short.push('…');
            }
            let kind = (!kind.is_empty()).then(|| format!("{kind}, "));
            view! { <p class="preview">{kind}"such as " <code>{short}</code></p> }.into_any()
        }
        None if kind.is_empty() => {
            view! { <p class="preview">"What it is will be known when it runs."</p> }.into_any()
        }
        None => view! { <p class="preview">{kind}</p> }.into_any(),
    }
}

fn expression_in_value(of: FieldOf, reader: Reader, value: Held<Option<Value>>) -> AnyView {
    let text = as_text(value, Mode::Expression, FieldKind::Json);
    expression_field(of, reader, text)
}

/// A CEL expression, with names and functions offered as they are typed.
pub(super) fn expression_field(of: FieldOf, reader: Reader, text: Held<String>) -> AnyView {
    let offers = in_expression(of.editor, reader);
    let suggesting = Suggesting {
        text,
        offers,
        shape: Shape::Lines(2),
        wanted: "",
    };
    suggesting_field(of, suggesting)
}

fn literal_field(of: FieldOf, kind: FieldKind, value: Held<Option<Value>>) -> AnyView {
    let text = as_text(value, Mode::Literal, kind.clone());
    let given = |options: Vec<String>| {
        let none = [(String::new(), "Not given".to_owned())].into_iter();
        let options = options.into_iter().map(|option| (option.clone(), option));
        none.chain(options).collect()
    };
    match kind {
        FieldKind::Choice { options } => choice_field(of, given(options), text),
        FieldKind::Boolean => {
            let words = ["true", "false"].map(str::to_owned);
            choice_field(of, given(words.to_vec()), text)
        }
        FieldKind::Lines { .. } => text_field(of, 4, text),
        FieldKind::Json => text_field(of, 2, text),
        FieldKind::Text {
            format: TextFormat::Multiline,
        } => text_field(of, 3, text),
        FieldKind::Text { .. } | FieldKind::Number { .. } | FieldKind::Words => {
            text_field(of, 1, text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_becomes_a_reference_when_the_way_is_changed() {
        for (mode, text, kept) in [
            (Mode::Reference, "input.host", "input.host"),
            (Mode::Reference, "60000", ""),
            (Mode::Reference, "a b", ""),
            (Mode::Expression, "a + b", "a + b"),
            (Mode::Literal, "input.host", "input.host"),
        ] {
            assert_eq!(carried(mode, text), kept, "{mode:?} {text}");
        }
    }
}
