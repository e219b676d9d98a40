//! What is typed into a field, and the value of the document that it stands for: as it is, a reference, or an expression. In
//! the document a reference begins with `$`, an expression with `=`; a text that begins with one of them has it twice.

use serde_json::Value;

use crate::engine::input::{FieldKind, words_read, words_shown};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Literal,
    Reference,
    Expression,
}

impl Mode {
    pub const ALL: [(Mode, &'static str, &'static str); 3] = [
        (Mode::Literal, "literal", "A value"),
        (Mode::Reference, "reference", "From before"),
        (Mode::Expression, "expression", "Expression"),
    ];

    pub fn of(value: &Value) -> Mode {
        match value.as_str() {
            Some(text) if text.starts_with("$$") || text.starts_with("==") => Mode::Literal,
            Some(text) if text.starts_with('$') => Mode::Reference,
            Some(text) if text.starts_with('=') => Mode::Expression,
            Some(_) | None => Mode::Literal,
        }
    }

    pub fn read(word: &str) -> Mode {
        let found = Mode::ALL.iter().find(|(_, name, _)| *name == word);
        found.map_or(Mode::Literal, |(mode, _, _)| *mode)
    }
}

/// What is typed, for a value of the document: `written` makes the same value of it again.
pub fn shown(kind: &FieldKind, value: Option<&Value>) -> String {
    match (value, kind) {
        (None, _) => String::new(),
        (Some(Value::String(text)), _) => match Mode::of(&Value::String(text.clone())) {
            Mode::Literal => shown_text(kind, plain(text)),
            Mode::Reference | Mode::Expression => text[1..].to_owned(),
        },
        (Some(Value::Array(items)), FieldKind::Lines { .. }) => {
            in_lines(items).unwrap_or_else(|| as_json(&Value::Array(items.clone())))
        }
        (Some(Value::Array(items)), FieldKind::Words) => {
            in_words(items).unwrap_or_else(|| as_json(&Value::Array(items.clone())))
        }
        (Some(other), _) => as_json(other),
    }
}

fn shown_text(kind: &FieldKind, text: &str) -> String {
    match kind {
        FieldKind::Text { .. } | FieldKind::Choice { .. } => text.to_owned(),
        // A text that looks like something else has its quotes, as in JSON.
        FieldKind::Lines { .. }
        | FieldKind::Words
        | FieldKind::Number { .. }
        | FieldKind::Boolean
        | FieldKind::Json => match serde_json::from_str::<Value>(text) {
            Ok(_) => Value::String(text.to_owned()).to_string(),
            Err(_) => text.to_owned(),
        },
    }
}

fn as_json(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// One item a line, where every item is a plain text and the lines say nothing else.
fn in_lines(items: &[Value]) -> Option<String> {
    let line = |item: &Value| {
        let text = item.as_str()?;
        let is_plain = Mode::of(item) == Mode::Literal && !text.contains('\n');
        is_plain.then(|| plain(text).to_owned())
    };
    let lines: Option<Vec<String>> = items.iter().map(line).collect();
    let text = lines?.join("\n");
    let is_json = serde_json::from_str::<Vec<Value>>(&text).is_ok();
    (!text.is_empty() && !is_json).then_some(text)
}

/// The items with commas between them, where none is a reference or an expression.
fn in_words(items: &[Value]) -> Option<String> {
    let plain = |item: &Value| match item {
        Value::String(text) => (Mode::of(item) == Mode::Literal).then(|| Value::from(plain(text))),
        other => Some(other.clone()),
    };
    let items: Option<Vec<Value>> = items.iter().map(plain).collect();
    words_shown(&items?)
}

/// A literal text without what keeps it from being a reference or an expression.
fn plain(text: &str) -> &str {
    let is_escaped = text.starts_with("$$") || text.starts_with("==");
    if is_escaped { &text[1..] } else { text }
}

/// The value of the document, for what is typed. Nothing typed is no value.
pub fn written(mode: Mode, kind: &FieldKind, text: &str) -> Option<Value> {
    if text.is_empty() {
        return None;
    }
    Some(match mode {
        Mode::Reference => Value::String(format!("${}", text.trim().trim_start_matches('$'))),
        Mode::Expression => {
            let text = text.trim_start().trim_start_matches('=');
            Value::String(format!("={text}"))
        }
        Mode::Literal => match kind {
            FieldKind::Text { .. } | FieldKind::Choice { .. } => literal_text(text),
            FieldKind::Lines { .. } => match serde_json::from_str::<Vec<Value>>(text) {
                Ok(items) => Value::Array(items),
                Err(_) => Value::Array(text.split('\n').map(literal_text).collect()),
            },
            FieldKind::Words => match serde_json::from_str::<Vec<Value>>(text) {
                Ok(items) => Value::Array(items),
                Err(_) => Value::Array(words_read(text).into_iter().map(literal).collect()),
            },
            // What is not yet right stays as it was typed; the findings say what is wrong with it.
            FieldKind::Number { .. } | FieldKind::Boolean | FieldKind::Json => {
                match serde_json::from_str(text) {
                    Ok(Value::String(text)) => literal_text(&text),
                    Ok(value) => value,
                    Err(_) => literal_text(text),
                }
            }
        },
    })
}

/// A value in which nothing is read: a `$` is a `$` there.
pub fn plain_shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => shown_text(&FieldKind::Json, text),
        Some(other) => as_json(other),
    }
}

/// JSON, or else a text.
pub fn plain_written(text: &str) -> Value {
    if text.is_empty() {
        return Value::Null;
    }
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

fn literal(value: Value) -> Value {
    match value {
        Value::String(text) => literal_text(&text),
        other => other,
    }
}

fn literal_text(text: &str) -> Value {
    let escape = match text.chars().next() {
        Some('$') => "$",
        Some('=') => "=",
        Some(_) | None => "",
    };
    Value::String(format!("{escape}{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::input::TextFormat;
    use serde_json::json;

    fn text() -> FieldKind {
        FieldKind::Text {
            format: TextFormat::Plain,
        }
    }

    fn lines() -> FieldKind {
        FieldKind::Lines {
            format: TextFormat::Plain,
        }
    }

    #[test]
    fn what_is_typed_becomes_the_value_and_back() {
        for (mode, kind, typed, value) in [
            (Mode::Literal, text(), "plain", json!("plain")),
            (Mode::Literal, text(), "$5", json!("$$5")),
            (Mode::Literal, text(), "=1", json!("==1")),
            (Mode::Literal, text(), "7", json!("7")),
            (Mode::Literal, FieldKind::Json, "7", json!(7)),
            (Mode::Literal, FieldKind::Json, "{", json!("{")),
            (Mode::Literal, FieldKind::Json, "\"7\"", json!("7")),
            (Mode::Literal, FieldKind::Boolean, "true", json!(true)),
            (Mode::Literal, lines(), "a\n$b", json!(["a", "$$b"])),
            (
                Mode::Literal,
                FieldKind::Words,
                "200-299, 404, $x",
                json!(["200-299", 404, "$$x"]),
            ),
            (Mode::Reference, text(), "input.x", json!("$input.x")),
            (
                Mode::Expression,
                text(),
                "input.x + 1",
                json!("=input.x + 1"),
            ),
        ] {
            assert_eq!(written(mode, &kind, typed), Some(value.clone()));
            assert_eq!(Mode::of(&value), mode, "{value}");
            assert_eq!(shown(&kind, Some(&value)), typed);
        }
        let pasted = written(Mode::Expression, &text(), " =size(a)");
        assert_eq!(pasted, Some(json!("=size(a)")));
        assert_eq!(written(Mode::Reference, &text(), ""), None);
    }

    #[test]
    fn what_is_shown_is_written_back_as_it_was() {
        let texts = ["a", "$$a", "==a", "$input.a", "=a + 1"].map(|text| json!(text));
        let lists = [
            json!(["a", "b"]),
            json!(["$input.host", "a.example"]),
            json!(["$$x", "y"]),
            json!(["[1]"]),
            json!([""]),
            json!([]),
            json!(["a\nb"]),
            json!([1, { "x": "$input.y" }]),
        ];
        let others = [
            json!(5),
            json!("5"),
            json!("true"),
            json!({ "a": ["$b"] }),
            json!(null),
            json!("{"),
        ];
        let check = |kind: &FieldKind, value: &Value| {
            let typed = shown(kind, Some(value));
            let again = written(Mode::of(value), kind, &typed);
            assert_eq!(again.as_ref(), Some(value), "{kind:?}: {typed}");
        };
        for value in &texts {
            check(&text(), value);
        }
        for value in texts.iter().chain(&lists).chain(&others) {
            check(&FieldKind::Json, value);
        }
        for value in &lists {
            check(&lines(), value);
            check(&FieldKind::Words, value);
        }
    }

    #[test]
    fn a_plain_value_is_written_back_as_it_was() {
        let values = [
            json!("eu"),
            json!("$5"),
            json!("=1"),
            json!("5"),
            json!("{"),
            json!(5),
            json!([1, "$a"]),
            json!(true),
            json!({ "a": null }),
            json!(null),
        ];
        for value in values {
            assert_eq!(plain_written(&plain_shown(Some(&value))), value);
        }
    }
}
