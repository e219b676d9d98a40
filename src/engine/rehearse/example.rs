//! A value that a JSON Schema would accept, made for looking at: the first of what it names itself, else the plainest of
//! its type. It is a guess where a schema says more than this understands (a pattern, a condition).

use serde_json::{Map, Value, json};
use std::cell::Cell;

use crate::engine::tool::ToolSpec;

/// How deep an example goes: schemas may refer to themselves.
const LEVELS_MAX: usize = 16;
/// Items of a list that wants more than one.
const ITEMS_MAX: u64 = 20;
/// Characters of a text that wants to be long.
const CHARS_MAX: u64 = 200;
/// Values in one example: a schema may refer to itself from many fields.
const VALUES_MAX: u32 = 5_000;

/// What a value of this schema may look like. Every field that is described is there, so that whatever reads one finds
/// something.
pub fn example_of(schema: &Value) -> Value {
    let exampling = Exampling {
        root: schema,
        left: Cell::new(VALUES_MAX),
    };
    exampling.value(schema, LEVELS_MAX)
}

/// What a call of the tool with this input may return, without failing for it.
pub fn example_output(tool: &ToolSpec, input: &Value) -> Value {
    let mut output = example_of(&tool.output_schema);
    if let Some(rule) = &tool.fails_outside
        && tool.judged(input, Ok(output.clone())).is_err()
        && let Some(first) = rule
            .accepted(input)
            .and_then(|ranges| ranges.first().copied())
        && let Some(number) = output.get_mut(&rule.number)
    {
        *number = Value::from(first.first);
    }
    output
}

struct Exampling<'a> {
    /// Where `$ref` leads.
    root: &'a Value,
    /// Values that may still be made.
    left: Cell<u32>,
}

impl Exampling<'_> {
    fn value(&self, schema: &Value, levels: usize) -> Value {
        let (Some(levels), Some(left)) = (levels.checked_sub(1), self.left.get().checked_sub(1))
        else {
            return Value::Null;
        };
        self.left.set(left);
        if let Some(named) = named_in(schema) {
            return named;
        }
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            let found = target
                .strip_prefix('#')
                .and_then(|pointer| self.root.pointer(pointer));
            return found.map_or(Value::Null, |found| self.value(found, levels));
        }
        for choice in ["oneOf", "anyOf"] {
            if let Some(first) = schema.get(choice).and_then(Value::as_array) {
                let first = first.iter().find(|way| !is_null(way)).or(first.first());
                return self.together(schema, first.into_iter(), levels);
            }
        }
        match schema.get("allOf").and_then(Value::as_array) {
            Some(parts) => self.together(schema, parts.iter(), levels),
            None => self.typed(schema, levels),
        }
    }

    /// Of a schema that has `parts` beside what it says itself.
    fn together<'v>(
        &self,
        schema: &Value,
        parts: impl Iterator<Item = &'v Value>,
        levels: usize,
    ) -> Value {
        let mut fields = match schema.get("properties") {
            Some(_) => self.object(schema, levels),
            None => Map::new(),
        };
        let mut other = None;
        for part in parts {
            match self.value(part, levels) {
                Value::Object(more) => fields.extend(more),
                value => other = other.or(Some(value)),
            }
        }
        match other {
            Some(value) if fields.is_empty() => value,
            Some(_) | None => Value::Object(fields),
        }
    }

    fn typed(&self, schema: &Value, levels: usize) -> Value {
        let kind = match schema.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            Some(Value::Array(kinds)) => kinds
                .iter()
                .filter_map(Value::as_str)
                .find(|kind| *kind != "null")
                .unwrap_or("null"),
            Some(_) | None if schema.get("items").is_some() => "array",
            Some(_) | None => "object",
        };
        match kind {
            "null" => Value::Null,
            "boolean" => Value::Bool(true),
            "integer" => number(schema, true),
            "number" => number(schema, false),
            "string" => Value::String(text(schema)),
            "array" => self.list(schema, levels),
            _ => Value::Object(self.object(schema, levels)),
        }
    }

    fn object(&self, schema: &Value, levels: usize) -> Map<String, Value> {
        let described = schema.get("properties").and_then(Value::as_object);
        let described = described.into_iter().flatten();
        described
            .filter(|(_, field)| **field != Value::Bool(false))
            .map(|(name, field)| (name.clone(), self.value(field, levels)))
            .collect()
    }

    fn list(&self, schema: &Value, levels: usize) -> Value {
        let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
        let count = bound("minItems").unwrap_or(1).clamp(1, ITEMS_MAX);
        let count = count.min(bound("maxItems").unwrap_or(count));
        let listed = schema.get("prefixItems").and_then(Value::as_array);
        let items = (0..count).map(|at| {
            let own = listed.and_then(|listed| listed.get(usize::try_from(at).ok()?));
            own.or(schema.get("items"))
                .map_or(json!({}), |item| self.value(item, levels))
        });
        Value::Array(items.collect())
    }
}

/// What the schema itself gives as a value.
fn named_in(schema: &Value) -> Option<Value> {
    let first = |name: &str| schema.get(name)?.as_array()?.first();
    let named = first("examples")
        .or_else(|| schema.get("const"))
        .or_else(|| schema.get("default"))
        .or_else(|| {
            let choices = schema.get("enum")?.as_array()?;
            choices
                .iter()
                .find(|choice| !choice.is_null())
                .or(choices.first())
        });
    named.cloned()
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("null")
}

fn number(schema: &Value, whole: bool) -> Value {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    let least = bound("minimum")
        .or_else(|| bound("exclusiveMinimum").map(|below| below.floor() + 1.0))
        .unwrap_or(f64::NEG_INFINITY);
    let most = bound("maximum")
        .or_else(|| bound("exclusiveMaximum").map(|above| above.ceil() - 1.0))
        .unwrap_or(f64::INFINITY);
    let mut example = 1.0_f64.max(least).min(most);
    if let Some(step) = bound("multipleOf").filter(|step| *step > 0.0) {
        example = (example / step).ceil() * step;
    }
    // Whole numbers of this size are exact.
    if (whole || example.fract() == 0.0) && example.abs() < 9e15 {
        return Value::from(example.ceil() as i64);
    }
    Value::from(example)
}

fn text(schema: &Value) -> String {
    let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
    let plain = match schema.get("format").and_then(Value::as_str) {
        Some("uri" | "url" | "iri" | "uri-reference") => "https://example.com/",
        Some("date-time") => "2026-01-05T08:00:00Z",
        Some("date") => "2026-01-05",
        Some("time") => "08:00:00Z",
        Some("duration") => "PT1M",
        Some("email" | "idn-email") => "ann@example.com",
        Some("hostname" | "idn-hostname") => "host.example.com",
        Some("ipv4") => "192.0.2.1",
        Some("ipv6") => "2001:db8::1",
        Some("uuid") => "01234567-89ab-7cde-8f01-23456789abcd",
        Some(_) | None => "text",
    };
    let least = bound("minLength").unwrap_or(0).min(CHARS_MAX);
    let mut text: String = plain.to_owned();
    while (text.chars().count() as u64) < least {
        text.push('x');
    }
    match bound("maxLength").and_then(|most| usize::try_from(most).ok()) {
        Some(most) => text.chars().take(most).collect(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_schema_names_itself_comes_first() {
        for (schema, expected) in [
            (
                json!({ "type": "string", "examples": ["a", "b"], "default": "c" }),
                json!("a"),
            ),
            (json!({ "const": 7 }), json!(7)),
            (json!({ "type": "integer", "default": 90 }), json!(90)),
            (json!({ "enum": [null, "fast"] }), json!("fast")),
            (json!({ "enum": [null] }), Value::Null),
        ] {
            assert_eq!(example_of(&schema), expected, "{schema}");
        }
    }

    #[test]
    fn the_plainest_value_of_its_type_fits_its_bounds() {
        for (schema, expected) in [
            (json!({}), json!({})),
            (json!(true), json!({})),
            (json!({ "type": ["null", "boolean"] }), json!(true)),
            (json!({ "type": "null" }), Value::Null),
            (json!({ "type": "integer", "minimum": 100 }), json!(100)),
            (
                json!({ "type": "integer", "exclusiveMinimum": 3, "multipleOf": 5 }),
                json!(5),
            ),
            (json!({ "type": "number", "maximum": 0.5 }), json!(0.5)),
            (json!({ "type": "integer", "maximum": -3 }), json!(-3)),
            (
                json!({ "type": "string", "format": "date-time" }),
                json!("2026-01-05T08:00:00Z"),
            ),
            (json!({ "type": "string", "minLength": 6 }), json!("textxx")),
            (json!({ "type": "string", "maxLength": 2 }), json!("te")),
            (
                json!({ "type": "array", "items": { "type": "boolean" }, "minItems": 2 }),
                json!([true, true]),
            ),
            (json!({ "type": "array", "maxItems": 0 }), json!([])),
            (
                json!({ "type": "array", "minItems": 1_000_000_000 }),
                json!(vec![json!({}); 20]),
            ),
        ] {
            assert_eq!(example_of(&schema), expected, "{schema}");
        }
    }

    #[test]
    fn every_described_field_is_there() {
        let schema = json!({
            "type": "object", "required": ["status"],
            "properties": {
                "status": { "type": ["integer", "null"] },
                "body": { "anyOf": [{ "type": "null" }, { "$ref": "#/$defs/body" }] },
                "both": { "allOf": [{ "properties": { "a": { "const": 1 } } }, { "properties": { "b": { "const": 2 } } }] },
                "gone": false,
            },
            "$defs": { "body": { "type": "object", "properties": { "text": { "type": "string" } } } },
        });
        assert_eq!(
            example_of(&schema),
            json!({ "status": 1, "body": { "text": "text" }, "both": { "a": 1, "b": 2 } })
        );
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let tree = json!({ "properties": { "next": { "$ref": "#" } } });
        let text = example_of(&tree).to_string();
        assert!(text.ends_with(&format!("null{}", "}".repeat(8))), "{text}");
        let round = json!({ "$ref": "#" });
        assert_eq!(example_of(&round), Value::Null);
        let fields = (0..50).map(|at| (format!("f{at}"), json!({ "$ref": "#" })));
        let wide = json!({ "properties": Map::from_iter(fields) });
        assert!(example_of(&wide).to_string().len() < 100_000);
    }
}
