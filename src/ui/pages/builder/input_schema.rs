//! JSON Schema as the small editor of inputs reads and writes it: kinds of fields, their choices, bounds and defaults.

use serde_json::{Map, Value, json};

use super::fields::read_lines;

/// The kinds of fields that have controls: a word, what people read, and the schema.
pub(super) const KINDS: [(&str, &str, &str); 12] = [
    ("text", "Text", r#"{"type":"string"}"#),
    (
        "long",
        "Long text",
        r#"{"type":"string","format":"textarea"}"#,
    ),
    ("integer", "Whole number", r#"{"type":"integer"}"#),
    ("number", "Number", r#"{"type":"number"}"#),
    ("boolean", "Yes or no", r#"{"type":"boolean"}"#),
    ("choice", "One of several", r#"{"type":"string","enum":[]}"#),
    ("date", "Date", r#"{"type":"string","format":"date"}"#),
    (
        "url",
        "Address (URL)",
        r#"{"type":"string","format":"uri"}"#,
    ),
    (
        "hostname",
        "Name of a host",
        r#"{"type":"string","format":"hostname"}"#,
    ),
    ("email", "Email", r#"{"type":"string","format":"email"}"#),
    (
        "list",
        "List of texts",
        r#"{"type":"array","items":{"type":"string"}}"#,
    ),
    (
        "urls",
        "List of addresses",
        r#"{"type":"array","items":{"type":"string","format":"uri"}}"#,
    ),
];

/// Anything else.
pub(super) const OTHER: &str = "other";

/// The keys that the kind decides, and what depends on it.
const KIND_KEYS: [&str; 14] = [
    "type",
    "format",
    "items",
    "enum",
    "const",
    "$ref",
    "default",
    "minimum",
    "maximum",
    "properties",
    "required",
    "anyOf",
    "oneOf",
    "allOf",
];

pub(super) fn names_of(schema: Option<&Value>) -> Vec<String> {
    let fields = schema.and_then(|schema| schema.get("properties")?.as_object());
    fields.into_iter().flat_map(Map::keys).cloned().collect()
}

pub(super) fn is_required(schema: Option<&Value>, name: &str) -> bool {
    let required = schema.and_then(|schema| schema.get("required")?.as_array());
    required.is_some_and(|names| names.iter().any(|of| of == name))
}

pub(super) fn text_of(schema: &Value, key: &str) -> String {
    let text = schema.get(key).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

pub(super) fn choices_of(schema: &Value) -> Vec<String> {
    let choices = schema.get("enum").and_then(Value::as_array);
    let choices = choices.into_iter().flatten().filter_map(Value::as_str);
    choices.map(str::to_owned).collect()
}

pub(super) fn bound_of(schema: &Value, key: &str) -> String {
    match schema.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

/// A number; what is none stays as it was typed, and the findings say so.
pub(super) fn put_bound(field: &mut Map<String, Value>, key: &str, text: &str) {
    match serde_json::from_str::<serde_json::Number>(text.trim()) {
        _ if text.trim().is_empty() => {
            field.shift_remove(key);
        }
        Ok(number) => {
            field.insert(key.to_owned(), Value::Number(number));
        }
        Err(_) => put(field, key, text),
    }
}

/// As `put_default` reads it: a list one item a line, where the lines say nothing else.
pub(super) fn default_of(schema: &Value) -> String {
    let Some(default) = schema.get("default") else {
        return String::new();
    };
    let text = match default {
        Value::Array(items) => {
            let lines: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            lines.map(|lines| lines.join("\n"))
        }
        Value::String(text) => Some(text.clone()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    };
    // An empty list is none to look at, and its brackets would be the first line of what is written behind them.
    let is_empty = default.as_array().is_some_and(Vec::is_empty);
    let comes_back = |text: &String| {
        is_empty || read_default(schema.get("type"), text).as_ref() == Some(default)
    };
    text.filter(comes_back)
        .unwrap_or_else(|| default.to_string())
}

/// The kind whose keys are those of the schema; another one where it has another shape than any of them. What only narrows
/// a kind, such as `pattern` or `minItems`, stays as it is and is not shown.
pub(super) fn kind_of(schema: &Value) -> String {
    let of = |key: &str| schema.get(key).cloned().unwrap_or_default();
    if schema.get("enum").is_some_and(|choices| {
        let choices = choices.as_array();
        choices.is_some_and(|choices| choices.iter().all(is_line))
    }) && matches!(text_of(schema, "type").as_str(), "string" | "")
    {
        return "choice".to_owned();
    }
    let is_it = |(_, _, kind): &&(&str, &str, &str)| {
        let Ok(kind) = serde_json::from_str::<Value>(kind) else {
            return false;
        };
        let shape = ["type", "format", "items", "enum"];
        shape
            .iter()
            .all(|key| of(key) == kind.get(*key).cloned().unwrap_or_default())
    };
    let has_more = ["properties", "anyOf", "oneOf", "allOf", "const", "$ref"];
    let has_more = has_more.iter().any(|key| schema.get(*key).is_some());
    let found = KINDS.iter().find(is_it).filter(|_| !has_more);
    found.map_or(OTHER, |(word, _, _)| word).to_owned()
}

/// A choice that is written as a line and read as what it was.
fn is_line(choice: &Value) -> bool {
    let choice = choice.as_str();
    choice.is_some_and(|text| read_lines(text) == [text])
}

/// Makes it one of `KINDS`. What it says besides stays.
pub(super) fn put_kind(field: &mut Map<String, Value>, word: String) {
    let kind = KINDS.iter().find(|(kind, _, _)| *kind == word);
    let kind =
        kind.and_then(|(_, _, schema)| serde_json::from_str::<Map<String, Value>>(schema).ok());
    let Some(kind) = kind else { return };
    for key in KIND_KEYS {
        field.shift_remove(key);
    }
    field.extend(kind);
}

pub(super) fn put(field: &mut Map<String, Value>, key: &str, text: &str) {
    if text.is_empty() {
        field.shift_remove(key);
    } else {
        field.insert(key.to_owned(), json!(text));
    }
}

/// As the kind of the field wants it; a text when it cannot be read so.
pub(super) fn put_default(field: &mut Map<String, Value>, text: &str) {
    match read_default(field.get("type"), text) {
        Some(value) => {
            field.insert("default".to_owned(), value);
        }
        None => {
            field.shift_remove("default");
        }
    }
}

/// `of` is the type of the schema. None when nothing is typed.
fn read_default(of: Option<&Value>, text: &str) -> Option<Value> {
    if text.is_empty() {
        return None;
    }
    let of = of.and_then(Value::as_str).unwrap_or_default();
    let is_list = of == "array";
    match serde_json::from_str::<Value>(text) {
        Ok(value) if of != "string" && (!is_list || value.is_array()) => Some(value),
        Ok(_) | Err(_) if is_list => {
            let lines = read_lines(text);
            (!lines.is_empty()).then(|| json!(lines))
        }
        Ok(_) | Err(_) => Some(json!(text)),
    }
}

/// The error is a sentence.
pub(super) fn read_schema(text: &str) -> Result<Value, String> {
    let why = match serde_json::from_str::<Value>(text) {
        Ok(schema) if schema.is_object() || schema.is_boolean() => return Ok(schema),
        Ok(_) => "it has to be in braces, or true or false".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(format!(
        "This is no JSON Schema: {why}. The one before it is kept."
    ))
}

/// The keys of a schema; `true`, which allows everything, is one without any, and `false` one that nothing fits.
pub(super) fn opened(schema: &mut Value) -> Option<&mut Map<String, Value>> {
    if !schema.is_object() {
        *schema = match schema {
            Value::Bool(false) => json!({ "not": {} }),
            _ => json!({}),
        };
    }
    schema.as_object_mut()
}

pub(super) fn part<'a>(schema: &'a mut Value, key: &str, empty: fn() -> Value) -> &'a mut Value {
    if !schema.is_object() {
        *schema = json!({ "type": "object" });
    }
    let part = &mut schema[key];
    if part.is_null() {
        *part = empty();
    }
    part
}

pub(super) fn set_required(schema: &mut Value, name: &str, on: bool) {
    let Some(names) = part(schema, "required", || json!([])).as_array_mut() else {
        return;
    };
    names.retain(|of| of != name);
    if on {
        names.push(json!(name));
    }
    if names.is_empty()
        && let Some(schema) = schema.as_object_mut()
    {
        schema.shift_remove("required");
    }
}

pub(super) fn move_field(schema: &mut Value, name: &str, places: i32) {
    let Some(fields) = part(schema, "properties", || json!({})).as_object_mut() else {
        return;
    };
    let mut all: Vec<(String, Value)> = std::mem::take(fields).into_iter().collect();
    if let Some(at) = all.iter().position(|(of, _)| of == name) {
        let to = match places {
            ..0 => at.saturating_sub(1),
            0.. => (at + 1).min(all.len() - 1),
        };
        let field = all.remove(at);
        all.insert(to, field);
    }
    fields.extend(all);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_known_again_and_anything_else_stays_as_it_is() {
        for (word, _, schema) in KINDS {
            let schema: Value = serde_json::from_str(schema).expect("JSON");
            assert_eq!(kind_of(&schema), word);
        }
        for other in [
            json!({ "type": "object", "properties": {} }),
            json!({ "type": "string", "format": "uuid" }),
            json!({ "type": ["string", "null"] }),
            json!({ "type": "array", "items": { "type": "integer" } }),
            json!({ "type": "string", "anyOf": [{}] }),
            json!({ "type": "string", "enum": ["a\nb"] }),
            json!({ "type": "string", "enum": [" a"] }),
            json!({ "type": "string", "const": "a" }),
            json!({}),
            json!(true),
        ] {
            assert_eq!(kind_of(&other), OTHER, "{other}");
        }
        let described = json!({ "type": "string", "title": "T", "default": "d", "minLength": 3 });
        assert_eq!(kind_of(&described), "text");
    }

    #[test]
    fn another_kind_keeps_what_does_not_depend_on_it() {
        let mut field = json!({ "type": "integer", "title": "T", "minimum": 1, "default": 3 });
        put_kind(field.as_object_mut().expect("an object"), "url".to_owned());
        assert_eq!(
            field,
            json!({ "title": "T", "type": "string", "format": "uri" })
        );
    }

    #[test]
    fn what_is_a_kind_of_its_own_is_left_behind_with_it() {
        for other in [json!({ "const": 1 }), json!({ "$ref": "#/$defs/a" })] {
            let mut field = other.clone();
            put_kind(field.as_object_mut().expect("an object"), "text".to_owned());
            assert_eq!(kind_of(&field), "text", "{other}");
        }
    }

    #[test]
    fn a_schema_that_is_no_record_can_be_given_a_kind() {
        assert_eq!(read_schema("true"), Ok(json!(true)));
        assert!(read_schema("5").is_err() && read_schema("{").is_err());
        let mut schema = json!(true);
        put_kind(opened(&mut schema).expect("keys"), "text".to_owned());
        assert_eq!(schema, json!({ "type": "string" }));
        let mut nothing = json!(false);
        put(opened(&mut nothing).expect("keys"), "title", "Nothing");
        assert_eq!(nothing, json!({ "not": {}, "title": "Nothing" }));
    }

    #[test]
    fn what_a_field_begins_as_is_read_as_it_was_shown() {
        for (of, default, shown) in [
            ("string", json!("5"), "5"),
            ("string", json!("a\nb"), "a\nb"),
            ("integer", json!(5), "5"),
            ("integer", json!("5"), "\"5\""),
            ("integer", json!("five"), "five"),
            ("boolean", json!(true), "true"),
            ("array", json!(["Yes, do it", "No"]), "Yes, do it\nNo"),
            ("array", json!(["[1]"]), "[\"[1]\"]"),
            ("array", json!(["a\nb"]), "[\"a\\nb\"]"),
            ("array", json!([" a"]), "[\" a\"]"),
            ("array", json!([""]), "[\"\"]"),
            ("array", json!(["[]"]), "[\"[]\"]"),
            ("array", json!([1]), "[1]"),
        ] {
            let schema = json!({ "type": of, "default": default });
            assert_eq!(default_of(&schema), shown);
            let mut field = json!({ "type": of });
            let fields = field.as_object_mut().expect("an object");
            put_default(fields, shown);
            assert_eq!(field, schema);
        }
        let mut field = json!({ "type": "array", "default": ["a"] });
        put_default(field.as_object_mut().expect("an object"), " \n");
        assert_eq!(field, json!({ "type": "array" }));
    }

    #[test]
    fn fields_are_moved_and_required() {
        let mut schema = json!({ "type": "object", "properties": { "a": {}, "b": {}, "c": {} } });
        move_field(&mut schema, "c", -1);
        move_field(&mut schema, "a", -1);
        assert_eq!(names_of(Some(&schema)), ["a", "c", "b"]);
        move_field(&mut schema, "a", 1);
        assert_eq!(names_of(Some(&schema)), ["c", "a", "b"]);
        set_required(&mut schema, "b", true);
        assert!(is_required(Some(&schema), "b") && !is_required(Some(&schema), "a"));
        set_required(&mut schema, "b", false);
        assert_eq!(schema.get("required"), None);
    }
}
