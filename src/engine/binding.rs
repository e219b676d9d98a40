//! Values with references in them: the `with` of a tool, the `set` of a transform, the `show` of a gate.
//! Parsed once when the workflow is compiled, resolved against what a run has produced so far. A reference that
//! finds nothing is an error of the step, never the literal text.

use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeSet;

use super::bounds;
use super::expression::Expression;
use super::limits::{EXPRESSION_BYTES_MAX, VALUE_DEPTH_MAX};

/// What references are looked up in.
pub trait Scope {
    /// The value of `input`, `context` or a step id; `None` when there is no such name (yet).
    fn lookup(&self, name: &str) -> Option<Cow<'_, Value>>;
}

#[derive(Clone, Debug)]
pub enum Binding {
    Literal(Value),
    Reference(Reference),
    Expression(Expression),
    List(Vec<Binding>),
    Object(Vec<(String, Binding)>),
}

/// `$root.path.to.0.value`.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    pub root: String,
    pub path: Vec<String>,
}

/// A text of a binding that reads something.
pub(in crate::engine) enum Leaf<'a> {
    Reference(&'a Reference),
    Expression(&'a Expression),
}

/// A text that is no binding, and where it stands in the value.
pub(in crate::engine) struct Misread {
    /// The way to it, from its end: `["0", "deep"]`.
    pub way_back: Vec<String>,
    pub message: String,
}

impl Misread {
    fn here(message: String) -> Self {
        Self {
            way_back: Vec::new(),
            message,
        }
    }

    fn inside(mut self, part: String) -> Self {
        self.way_back.push(part);
        self
    }
}

impl Binding {
    /// Reads a value as written in a workflow. The error is a sentence for the author.
    pub fn parse(value: &Value) -> Result<Self, String> {
        Self::read(value).map_err(|misread| misread.message)
    }

    /// As `parse`; the error says where.
    pub(in crate::engine) fn read(value: &Value) -> Result<Self, Misread> {
        Self::parse_at(value, 0)
    }

    fn parse_at(value: &Value, depth: usize) -> Result<Self, Misread> {
        if depth > VALUE_DEPTH_MAX {
            return Err(Misread::here(format!(
                "the value nests deeper than {VALUE_DEPTH_MAX} levels"
            )));
        }
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(Binding::Literal(value.clone())),
            Value::String(text) => Self::parse_text(text).map_err(Misread::here),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(at, item)| {
                    Self::parse_at(item, depth + 1)
                        .map_err(|misread| misread.inside(at.to_string()))
                })
                .collect::<Result<_, _>>()
                .map(Binding::List),
            Value::Object(fields) => fields
                .iter()
                .map(|(name, value)| {
                    let value = Self::parse_at(value, depth + 1);
                    let value = value.map_err(|misread| misread.inside(name.clone()))?;
                    Ok((name.clone(), value))
                })
                .collect::<Result<_, Misread>>()
                .map(Binding::Object),
        }
    }

    fn parse_text(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("$$") {
            return Ok(Binding::Literal(Value::String(format!("${rest}"))));
        }
        if let Some(rest) = text.strip_prefix("==") {
            return Ok(Binding::Literal(Value::String(format!("={rest}"))));
        }
        if text.starts_with('$') {
            return Reference::parse(text).map(Binding::Reference);
        }
        if let Some(source) = text.strip_prefix('=') {
            return Expression::parse(source).map(Binding::Expression);
        }
        Ok(Binding::Literal(Value::String(text.to_owned())))
    }

    /// The top-level names it reads.
    pub fn roots(&self) -> BTreeSet<String> {
        let mut roots = BTreeSet::new();
        self.each_text(&mut Vec::new(), &mut |_, leaf| match leaf {
            Leaf::Reference(reference) => {
                roots.insert(reference.root.clone());
            }
            Leaf::Expression(expression) => roots.extend(expression.variables().iter().cloned()),
        });
        roots
    }

    /// Visits every text that reads something, with the way to it: `["deep", "0"]`.
    pub(in crate::engine) fn each_text(
        &self,
        way: &mut Vec<String>,
        visit: &mut impl FnMut(&[String], Leaf<'_>),
    ) {
        match self {
            Binding::Literal(_) => {}
            Binding::Reference(reference) => visit(way, Leaf::Reference(reference)),
            Binding::Expression(expression) => visit(way, Leaf::Expression(expression)),
            Binding::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    way.push(at.to_string());
                    item.each_text(way, visit);
                    way.pop();
                }
            }
            Binding::Object(fields) => {
                for (name, field) in fields {
                    way.push(name.clone());
                    field.each_text(way, visit);
                    way.pop();
                }
            }
        }
    }

    /// A thousand references to one large value are a thousand copies of it, so what comes together is counted on the
    /// way: the result is at most one value larger than the log takes.
    pub fn resolve(&self, scope: &impl Scope) -> Result<Value, String> {
        self.resolve_counting(scope, &mut 0)
    }

    fn resolve_counting(&self, scope: &impl Scope, bytes: &mut usize) -> Result<Value, String> {
        let value = match self {
            Binding::Literal(value) => value.clone(),
            Binding::Reference(reference) => reference.resolve(scope)?,
            Binding::Expression(expression) => expression.evaluate(scope)?,
            Binding::List(items) => {
                let items = items.iter();
                return items
                    .map(|item| item.resolve_counting(scope, bytes))
                    .collect::<Result<_, _>>()
                    .map(Value::Array);
            }
            Binding::Object(fields) => {
                let fields = fields.iter();
                return fields
                    .map(|(name, value)| Ok((name.clone(), value.resolve_counting(scope, bytes)?)))
                    .collect::<Result<Map<_, _>, String>>()
                    .map(Value::Object);
            }
        };
        // The first value alone is weighed by whoever asked for it, who has a code for that.
        let first = *bytes == 0;
        *bytes += bounds::json_bytes(&value);
        if !first {
            bounds::check_sum(*bytes).map_err(|why| format!("what is put together here {why}"))?;
        }
        Ok(value)
    }
}

impl Reference {
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > EXPRESSION_BYTES_MAX {
            return Err(format!(
                "the reference has {} bytes; {EXPRESSION_BYTES_MAX} are allowed",
                text.len()
            ));
        }
        let path = text.strip_prefix('$').unwrap_or(text);
        let mut parts = path.split('.');
        let root = parts.next().unwrap_or_default();
        let named = root.starts_with(|c: char| c.is_ascii_lowercase())
            && root
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        let path: Vec<String> = parts.map(str::to_owned).collect();
        if !named
            || path
                .iter()
                .any(|part| part.is_empty() || part.contains(char::is_whitespace))
        {
            return Err(format!(
                "`{text}` is not a reference: write `$input.name` or `$step_id.field`, or `${text}` for the text itself"
            ));
        }
        Ok(Self {
            root: root.to_owned(),
            path,
        })
    }

    fn resolve(&self, scope: &impl Scope) -> Result<Value, String> {
        let root = scope.lookup(&self.root).ok_or_else(|| {
            format!(
                "`{self}` has no value: `{}` has not produced one",
                self.root
            )
        })?;
        let mut value = root.as_ref();
        let mut walked = format!("${}", self.root);
        for part in &self.path {
            let found = match value {
                Value::Object(fields) => fields.get(part),
                Value::Array(items) => part
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| items.get(index)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
            };
            value = found.ok_or_else(|| {
                format!(
                    "`{self}` has no value: `{walked}` has no `{part}`{}",
                    known(value)
                )
            })?;
            walked = format!("{walked}.{part}");
        }
        Ok(value.clone())
    }
}

/// What there is instead, so that the author sees the misspelling.
fn known(value: &Value) -> String {
    match value {
        Value::Object(fields) if fields.is_empty() => "; it is empty".to_owned(),
        Value::Object(fields) => {
            let names: Vec<&str> = fields.keys().map(String::as_str).take(12).collect();
            format!("; it has {}", names.join(", "))
        }
        Value::Array(items) => format!("; it is a list of {}", items.len()),
        Value::Null => "; it is null (its step was skipped, or it said nothing)".to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => "; it is a plain value".to_owned(),
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "${}", self.root)?;
        self.path.iter().try_for_each(|part| write!(f, ".{part}"))
    }
}

#[cfg(test)]
impl Scope for std::collections::BTreeMap<String, Value> {
    fn lookup(&self, name: &str) -> Option<Cow<'_, Value>> {
        self.get(name).map(Cow::Borrowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    struct Values(Value);

    impl Scope for Values {
        fn lookup(&self, name: &str) -> Option<Cow<'_, Value>> {
            self.0.get(name).map(Cow::Borrowed)
        }
    }

    fn resolve(template: Value, values: Value) -> Result<Value, String> {
        Binding::parse(&template)?.resolve(&Values(values))
    }

    #[test]
    fn references_expressions_and_escapes_resolve_inside_any_value() {
        let values =
            json!({"input": {"n": 2, "list": ["a", "b"]}, "search": {"hotels": [{"name": "X"}]}});
        let template = json!({
            "whole": "$input", "deep": ["$search.hotels.0.name", "$input.list.1"], "sum": "=input.n * 100",
            "text": "plain $input", "dollar": "$$5", "equals": "==x", "literal": 200
        });
        let expected = json!({
            "whole": {"n": 2, "list": ["a", "b"]}, "deep": ["X", "b"], "sum": 200,
            "text": "plain $input", "dollar": "$5", "equals": "=x", "literal": 200
        });
        assert_eq!(resolve(template, values), Ok(expected));
    }

    #[test]
    fn a_reference_that_finds_nothing_is_an_error_and_says_what_there_is() {
        let error =
            resolve(json!("$probe.diskz"), json!({"probe": {"disks": []}})).expect_err("misspelt");
        assert!(error.contains("has no `diskz`; it has disks"), "{error}");
        let error = resolve(json!("$probe.x"), json!({"probe": null})).expect_err("skipped");
        assert!(error.contains("skipped"), "{error}");
        assert!(resolve(json!("$nobody"), json!({})).is_err());
    }

    #[test]
    fn what_is_not_a_reference_says_how_to_write_the_text() {
        let error = Binding::parse(&json!("$5 off")).expect_err("no name");
        assert!(error.contains("`$$5 off` for the text itself"), "{error}");
        for bad in ["$", "$.a", "$a..b", "$A.b", "$a b"] {
            assert!(Binding::parse(&json!(bad)).is_err(), "{bad}");
        }
    }
}
