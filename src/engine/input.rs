//! The input of a run: which fields a form shows for a schema, and how what was typed becomes JSON. The browser
//! and the server read forms with the same code, so a form works before and without scripting.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};
use std::collections::BTreeMap;

/// One field of a form, from one property of the input schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    pub name: String,
    pub title: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    pub required: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    pub kind: FieldKind,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FieldKind {
    Text {
        format: TextFormat,
    },
    Number {
        integer: bool,
        minimum: Option<Number>,
        maximum: Option<Number>,
    },
    Boolean,
    Choice {
        options: Vec<String>,
    },
    /// One item a line.
    Lines {
        format: TextFormat,
    },
    /// Short items with commas between them; what is a number to the last digit is one.
    Words,
    /// Anything else, as JSON text.
    Json,
}

impl FieldKind {
    /// How it is typed, where nobody would know and the author's description does not say it.
    pub fn how(&self) -> Option<&'static str> {
        match self {
            FieldKind::Words => Some("Several with commas between them."),
            FieldKind::Lines { .. }
            | FieldKind::Text { .. }
            | FieldKind::Number { .. }
            | FieldKind::Boolean
            | FieldKind::Choice { .. }
            | FieldKind::Json => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextFormat {
    Plain,
    Multiline,
    Url,
    Email,
    Date,
}

/// A type of JSON Schema in words; nothing for one that is not known.
pub fn type_in_words(kind: &str) -> &'static str {
    match kind {
        "string" => "text",
        "integer" => "whole number",
        "number" => "number",
        "boolean" => "yes or no",
        "array" => "list",
        "object" => "object",
        "null" => "nothing",
        _ => "",
    }
}

/// What is wrong with one field, in a sentence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldError {
    pub field: String,
    pub message: String,
}

/// The fields for a schema, in the order in which it names them.
pub fn fields(schema: Option<&Value>) -> Vec<Field> {
    let properties = schema
        .and_then(|schema| schema.get("properties"))
        .and_then(Value::as_object);
    let required: Vec<&str> = schema
        .and_then(|schema| schema.get("required"))
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    properties
        .into_iter()
        .flatten()
        .map(|(name, schema)| field(name, schema, required.contains(&name.as_str())))
        .collect()
}

fn field(name: &str, schema: &Value, required: bool) -> Field {
    let text = |key: &str| schema.get(key).and_then(Value::as_str);
    let number = |key: &str| schema.get(key).and_then(Value::as_number).cloned();
    let kind = match (schema.get("enum").and_then(Value::as_array), text("type")) {
        (Some(options), _) if options.iter().all(Value::is_string) => FieldKind::Choice {
            options: options
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        },
        (_, Some("string")) => FieldKind::Text {
            format: text_format(schema),
        },
        (_, Some(kind @ ("number" | "integer"))) => FieldKind::Number {
            integer: kind == "integer",
            minimum: number("minimum"),
            maximum: number("maximum"),
        },
        (_, Some("boolean")) => FieldKind::Boolean,
        (_, Some("array")) => match schema.get("items") {
            Some(items) if types(items) == ["string"] => FieldKind::Lines {
                format: text_format(items),
            },
            Some(items) if are_words(&types(items)) => FieldKind::Words,
            Some(_) | None => FieldKind::Json,
        },
        _ => FieldKind::Json,
    };
    Field {
        name: name.to_owned(),
        title: text("title").map_or_else(|| name.replace('_', " "), str::to_owned),
        description: text("description").unwrap_or_default().to_owned(),
        required,
        default: schema.get("default").cloned(),
        kind,
    }
}

/// What a value may be; empty where the schema does not say it here.
fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => return vec![one],
        Some(Value::Array(some)) => return some.iter().filter_map(Value::as_str).collect(),
        Some(_) | None => {}
    }
    let choices = ["oneOf", "anyOf"].map(|key| schema.get(key).and_then(Value::as_array));
    let choices = choices.into_iter().flatten().flatten();
    let of_each: Option<Vec<&str>> = choices
        .map(|choice| choice.get("type").and_then(Value::as_str))
        .collect();
    of_each.unwrap_or_default()
}

fn are_words(types: &[&str]) -> bool {
    let is_word = |kind: &&str| matches!(*kind, "string" | "integer" | "number");
    !types.is_empty() && types.iter().all(is_word)
}

fn text_format(schema: &Value) -> TextFormat {
    match schema.get("format").and_then(Value::as_str) {
        Some("uri" | "url") => TextFormat::Url,
        Some("email") => TextFormat::Email,
        Some("date") => TextFormat::Date,
        Some("textarea" | "multiline") => TextFormat::Multiline,
        Some(_) | None => TextFormat::Plain,
    }
}

/// Stands for the address of the server that asks, in the default of a field.
const THIS_SERVER: &str = "{{this_server}}";

/// The schema as this server puts it to people: a default that names `{{this_server}}` names `address`, such as
/// `http://127.0.0.1:3000`. The stored workflow keeps the placeholder, so that it is the same on every server.
pub fn on_server(schema: &Value, address: &str) -> Value {
    let mut schema = schema.clone();
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for field in properties.into_iter().flat_map(Map::values_mut) {
        if let Some(default) = field.get_mut("default") {
            name_server(default, address);
        }
    }
    schema
}

fn name_server(value: &mut Value, address: &str) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) if text.contains(THIS_SERVER) => {
            *text = text.replace(THIS_SERVER, address);
        }
        Value::String(_) => {}
        Value::Array(items) => items.iter_mut().for_each(|item| name_server(item, address)),
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|field| name_server(field, address)),
    }
}

/// The text that a field starts with.
pub fn initial_text(field: &Field) -> String {
    match (&field.kind, &field.default) {
        (_, None) => String::new(),
        (FieldKind::Lines { .. }, Some(Value::Array(items))) => items
            .iter()
            .map(|item| {
                item.as_str()
                    .map_or_else(|| item.to_string(), str::to_owned)
            })
            .collect::<Vec<_>>()
            .join("\n"),
        (FieldKind::Words, Some(Value::Array(items))) => {
            words_shown(items).unwrap_or_else(|| Value::Array(items.clone()).to_string())
        }
        (FieldKind::Boolean, Some(value)) => {
            if value.as_bool() == Some(true) {
                "true".to_owned()
            } else {
                String::new()
            }
        }
        (_, Some(Value::String(text))) => text.clone(),
        (_, Some(value)) => value.to_string(),
    }
}

/// From typed texts to the run's input. Empty optional fields are left out; an unchecked box is false.
pub fn parse(fields: &[Field], typed: &BTreeMap<String, String>) -> Result<Value, Vec<FieldError>> {
    let mut input = Map::new();
    let mut errors = Vec::new();
    for field in fields {
        let text = typed
            .get(&field.name)
            .map(|text| text.trim())
            .unwrap_or_default();
        match parse_field(field, text) {
            Ok(Some(value)) => {
                input.insert(field.name.clone(), value);
            }
            Ok(None) if field.required => {
                errors.push(FieldError {
                    field: field.name.clone(),
                    message: format!("{} is needed.", field.title),
                });
            }
            Ok(None) => {}
            Err(message) => errors.push(FieldError {
                field: field.name.clone(),
                message,
            }),
        }
    }
    if errors.is_empty() {
        Ok(Value::Object(input))
    } else {
        Err(errors)
    }
}

fn parse_field(field: &Field, text: &str) -> Result<Option<Value>, String> {
    if matches!(field.kind, FieldKind::Boolean) {
        return Ok(Some(Value::Bool(matches!(text, "true" | "on" | "1"))));
    }
    if text.is_empty() {
        return Ok(None);
    }
    match &field.kind {
        FieldKind::Boolean => Ok(None),
        FieldKind::Text { .. } => Ok(Some(Value::String(text.to_owned()))),
        FieldKind::Number { integer, .. } => parse_number(&field.title, text, *integer).map(Some),
        FieldKind::Choice { options } if options.iter().any(|option| option == text) => {
            Ok(Some(Value::String(text.to_owned())))
        }
        FieldKind::Choice { options } => Err(format!(
            "{} must be one of {}.",
            field.title,
            options.join(", ")
        )),
        FieldKind::Lines { .. } => {
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            Ok(Some(Value::Array(
                lines.map(|line| Value::String(line.to_owned())).collect(),
            )))
        }
        FieldKind::Words => Ok(Some(Value::Array(words_read(text)))),
        FieldKind::Json => serde_json::from_str(text)
            .map(Some)
            .map_err(|error| format!("{} is not JSON: {error}.", field.title)),
    }
}

/// Items as they are typed into a field of words; none where `words_read` would read something else.
pub fn words_shown(items: &[Value]) -> Option<String> {
    let shown = |item: &Value| match item {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if number_of(text).is_none() => Some(text.clone()),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    };
    let words: Option<Vec<String>> = items.iter().map(shown).collect();
    let text = words?.join(", ");
    (words_read(&text) == items && !text.is_empty()).then_some(text)
}

/// The items that a typed text means. A list in JSON means itself.
pub fn words_read(text: &str) -> Vec<Value> {
    if let Ok(items) = serde_json::from_str(text) {
        return items;
    }
    let words = text.split([',', '\n']).map(str::trim);
    let words = words.filter(|word| !word.is_empty());
    words
        .map(|word| number_of(word).map_or_else(|| Value::from(word), Value::Number))
        .collect()
}

/// Only what is written as the number would be: `1.10` is a text, or a version would lose its last digit.
fn number_of(word: &str) -> Option<Number> {
    let number: Number = serde_json::from_str(word).ok()?;
    (number.to_string() == word).then_some(number)
}

fn parse_number(title: &str, text: &str, integer: bool) -> Result<Value, String> {
    if let Ok(whole) = text.parse::<i64>() {
        return Ok(Value::from(whole));
    }
    match text
        .parse::<f64>()
        .ok()
        .filter(|_| !integer)
        .and_then(Number::from_f64)
    {
        Some(number) => Ok(Value::Number(number)),
        None if integer => Err(format!("{title} must be a whole number.")),
        None => Err(format!("{title} must be a number.")),
    }
}

/// Fills in the defaults that the schema gives for absent properties.
pub fn with_defaults(schema: Option<&Value>, input: Value) -> Value {
    let Value::Object(mut given) = input else {
        return input;
    };
    for field in fields(schema) {
        if let (false, Some(default)) = (given.contains_key(&field.name), field.default) {
            given.insert(field.name, default);
        }
    }
    Value::Object(given)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Value {
        json!({
            "type": "object",
            "required": ["endpoints", "mode"],
            "properties": {
                "mode": {"enum": ["fast", "deep"], "default": "fast"},
                "endpoints": {"type": "array", "items": {"type": "string", "format": "uri"}, "title": "Endpoints"},
                "limit": {"type": "integer", "default": 90, "minimum": 1},
                "strict": {"type": "boolean"}
            }
        })
    }

    #[test]
    fn a_default_may_name_the_server_that_asks() {
        let schema = json!({ "type": "object", "properties": {
            "endpoints": { "type": "array", "default": ["{{this_server}}/health"] },
            "note": { "type": "string", "description": "{{this_server}} stays as it is here" }
        } });
        let here = on_server(&schema, "http://127.0.0.1:4000");
        assert_eq!(
            here.pointer("/properties/endpoints/default"),
            Some(&json!(["http://127.0.0.1:4000/health"]))
        );
        assert_eq!(
            here.pointer("/properties/note"),
            schema.pointer("/properties/note")
        );
    }

    fn typed(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect()
    }

    #[test]
    fn typed_texts_become_json_by_the_schema() {
        let fields = fields(Some(&schema()));
        assert_eq!(
            fields
                .iter()
                .map(|field| field.name.as_str())
                .collect::<Vec<_>>(),
            ["mode", "endpoints", "limit", "strict"]
        );
        let input = parse(
            &fields,
            &typed(&[
                ("endpoints", "http://a\n\n http://b "),
                ("mode", "deep"),
                ("limit", "80"),
                ("strict", "on"),
            ]),
        );
        assert_eq!(
            input,
            Ok(
                json!({"endpoints": ["http://a", "http://b"], "mode": "deep", "limit": 80, "strict": true})
            )
        );
    }

    #[test]
    fn every_wrong_field_gets_its_own_sentence() {
        let fields = fields(Some(&schema()));
        let errors = parse(&fields, &typed(&[("mode", "odd"), ("limit", "ten")]))
            .expect_err("three are wrong");
        let messages: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "mode must be one of fast, deep.",
                "Endpoints is needed.",
                "limit must be a whole number."
            ]
        );
    }

    #[test]
    fn defaults_fill_what_is_absent_and_nothing_else() {
        let filled = with_defaults(Some(&schema()), json!({"limit": 5}));
        assert_eq!(filled, json!({"limit": 5, "mode": "fast"}));
    }

    #[test]
    fn words_are_read_back_as_they_were_shown() {
        for (items, shown) in [
            (json!(["200-299", 404]), Some("200-299, 404")),
            (json!([1.5, -2, "a b"]), Some("1.5, -2, a b")),
            (json!([]), None),
            (json!(["404"]), None),
            (json!(["a,b"]), None),
            (json!([" a"]), None),
            (json!([""]), None),
            (json!(["[1]"]), None),
            (json!(["[1]", 2]), Some("[1], 2")),
            (json!([true]), None),
            (json!([["a"]]), None),
        ] {
            let items = items.as_array().expect("a list");
            let text = words_shown(items);
            assert_eq!(text.as_deref(), shown);
            if let Some(text) = text {
                assert_eq!(&words_read(&text), items, "{text}");
            }
        }
        assert_eq!(
            words_read("200 ,, 201-204\n 7,"),
            [json!(200), json!("201-204"), json!(7)]
        );
        assert_eq!(words_read(r#"["404"]"#), [json!("404")]);
        let exact = ["1.10", "1e5", "123456789012345678901"];
        assert_eq!(words_read(&exact.join(", ")), exact.map(Value::from));
        assert!(words_read(" , ").is_empty());
    }

    #[test]
    fn a_list_is_typed_as_its_items_allow() {
        let kind = |items: Value| {
            let schema = json!({ "properties": { "list": { "type": "array", "items": items } } });
            fields(Some(&schema)).remove(0).kind
        };
        let whole = json!({ "type": "integer" });
        let text = json!({ "type": "string" });
        for words in [
            whole.clone(),
            json!({ "type": ["number", "string"] }),
            json!({ "oneOf": [whole, text] }),
            json!({ "anyOf": [text, { "type": "number" }] }),
        ] {
            assert_eq!(kind(words.clone()), FieldKind::Words, "{words}");
        }
        assert!(matches!(kind(text.clone()), FieldKind::Lines { .. }));
        for other in [
            json!({}),
            json!(true),
            json!({ "type": "object" }),
            json!({ "type": ["string", "null"] }),
            json!({ "oneOf": [text, { "enum": [1] }] }),
        ] {
            assert_eq!(kind(other.clone()), FieldKind::Json, "{other}");
        }
    }
}
