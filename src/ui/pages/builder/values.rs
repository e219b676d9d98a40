//! A value of a step's input: written as it is, picked from what comes before, or worked out by an expression. In the
//! document a reference begins with `$`, an expression with `=`; a text that begins with one of them has it twice.

use leptos::prelude::*;
use serde_json::Value;

use super::editor::Editor;
use super::fields::{FieldOf, framed};
use crate::engine::ids::StepId;
use crate::engine::input::FieldKind;
use crate::engine::upstream::readable_at;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Literal,
    Reference,
    Expression,
}

impl Mode {
    const ALL: [(Mode, &'static str, &'static str); 3] = [
        (Mode::Literal, "literal", "A value"),
        (Mode::Reference, "reference", "From before"),
        (Mode::Expression, "expression", "Expression"),
    ];

    fn of(value: &Value) -> Mode {
        match value.as_str() {
            Some(text) if text.starts_with("$$") || text.starts_with("==") => Mode::Literal,
            Some(text) if text.starts_with('$') => Mode::Reference,
            Some(text) if text.starts_with('=') => Mode::Expression,
            Some(_) | None => Mode::Literal,
        }
    }

    fn read(word: &str) -> Mode {
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
        (Some(other), _) => as_json(other),
    }
}

fn shown_text(kind: &FieldKind, text: &str) -> String {
    match kind {
        FieldKind::Text { .. } | FieldKind::Choice { .. } => text.to_owned(),
        // A text that looks like something else has its quotes, as in JSON.
        FieldKind::Lines { .. }
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

fn literal_text(text: &str) -> Value {
    let escape = match text.chars().next() {
        Some('$') => "$",
        Some('=') => "=",
        Some(_) | None => "",
    };
    Value::String(format!("{escape}{text}"))
}

/// The field. `reader` is the step whose names are offered.
pub fn value_field(
    of: FieldOf,
    kind: FieldKind,
    reader: Option<StepId>,
    value: impl Fn() -> Option<Value> + Send + Sync + 'static,
    change: impl Fn(Option<Value>) + Send + Sync + Clone + 'static,
) -> AnyView {
    let editor = of.editor;
    let label = of.label.clone();
    let value = Memo::new(move |_| value());
    let begun = value.with_untracked(|value| value.as_ref().map_or(Mode::Literal, Mode::of));
    let mode = RwSignal::new(begun);
    // Taken back, or changed elsewhere.
    Effect::new(move || {
        if let Some(value) = value.get() {
            mode.set(Mode::of(&value));
        }
    });
    let kind = StoredValue::new(kind);
    let typed = {
        let change = change.clone();
        move |text: String| {
            change(kind.with_value(|kind| written(mode.get_untracked(), kind, &text)))
        }
    };
    let switch = move |word: String| {
        let new = Mode::read(&word);
        let text =
            kind.with_value(|kind| value.with_untracked(|value| shown(kind, value.as_ref())));
        mode.set(new);
        change(kind.with_value(|kind| written(new, kind, &text)));
    };
    framed(of, move |id, hint| {
        let names = format!("{id}-names");
        let options: Vec<_> = Mode::ALL
            .into_iter()
            .map(|(of, word, text)| view! { <option value=word selected=move || mode.get() == of>{text}</option> })
            .collect();
        let control = {
            let (id, names) = (id.clone(), names.clone());
            move || {
                control(
                    mode.get(),
                    kind,
                    value,
                    id.clone(),
                    hint.clone(),
                    names.clone(),
                    typed.clone(),
                )
            }
        };
        view! {
            <div class="value-field">
                <select class="value-mode" aria-label=format!("How {label} is given") on:change:target=move |event| switch(event.target().value())>{options}</select>
                {control}
            </div>
            {move || (mode.get() == Mode::Reference).then(|| names_list(editor, names.clone(), reader.clone()))}
        }
        .into_any()
    })
}

fn control(
    mode: Mode,
    kind: StoredValue<FieldKind>,
    value: Memo<Option<Value>>,
    id: String,
    hint: String,
    names: String,
    typed: impl Fn(String) + Send + Sync + Clone + 'static,
) -> AnyView {
    let text = move || kind.with_value(|kind| value.with(|value| shown(kind, value.as_ref())));
    let lines = kind.with_value(|kind| matches!(kind, FieldKind::Lines { .. } | FieldKind::Json));
    let options = kind.with_value(|kind| match kind {
        FieldKind::Choice { options } => Some(options.clone()),
        FieldKind::Boolean => Some(vec!["true".to_owned(), "false".to_owned()]),
        FieldKind::Text { .. }
        | FieldKind::Number { .. }
        | FieldKind::Lines { .. }
        | FieldKind::Json => None,
    });
    match (mode, options) {
        (Mode::Literal, Some(options)) => {
            let options: Vec<_> = options
                .into_iter()
                .map(|option| {
                    let word = option.clone();
                    view! { <option value=option.clone() selected=move || text() == word>{option.clone()}</option> }
                })
                .collect();
            view! {
                <select id=id aria-describedby=hint on:change:target=move |event| typed(event.target().value())>
                    <option value="" selected=move || text().is_empty()>"Not given"</option>
                    {options}
                </select>
            }
            .into_any()
        }
        (Mode::Literal, None) if lines => view! {
            <textarea id=id rows="4" class="code" spellcheck="false" aria-describedby=hint prop:value=text on:input:target=move |event| typed(event.target().value())></textarea>
        }
        .into_any(),
        (Mode::Literal, None) => view! {
            <input id=id autocomplete="off" aria-describedby=hint prop:value=text on:input:target=move |event| typed(event.target().value()) />
        }
        .into_any(),
        (Mode::Reference | Mode::Expression, _) => view! {
            <input id=id class="code" autocomplete="off" autocapitalize="off" spellcheck="false" list=names aria-describedby=hint
                prop:value=text on:input:target=move |event| typed(event.target().value()) />
        }
        .into_any(),
    }
}

/// What can be read there, for the browser to offer.
fn names_list(editor: Editor, id: String, reader: Option<StepId>) -> impl IntoView {
    let options = move || {
        let names = editor.document.with(|draft| {
            editor
                .catalogue
                .with_value(|catalogue| readable_at(draft, catalogue, reader.as_ref(), false))
        });
        let option = |name: crate::engine::upstream::Readable| {
            let says = match name.kind.as_str() {
                "" => name.from,
                kind => format!("{}: {kind}", name.from),
            };
            view! { <option value=name.path>{says}</option> }
        };
        names.into_iter().map(option).collect::<Vec<_>>()
    };
    view! { <datalist id=id>{options}</datalist> }
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
        }
    }
}
