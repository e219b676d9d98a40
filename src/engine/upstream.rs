//! What can be read at some place of a draft: the input, the variables, the item of the map around it, and what comes before
//! it, each with the fields that its schema names and what a value of it may look like. For the lists from which an author
//! picks; what is really there is checked by `compile`.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::ids::StepId;
use super::places::Places;
use super::rehearse::example::example_of;
use super::tool::Catalogue;
use super::workflow::{Edge, Step, StepKind, Workflow};

/// How deep the fields of a schema are listed.
const DEPTH_MAX: usize = 3;
/// Names that are looked at for one list.
const NAMES_MAX: usize = 20_000;
/// How many references are followed to find out what a value is: a reads b, which reads c.
const HOPS_MAX: usize = 8;
/// Values that are looked at for what one name stands for.
const VALUES_MAX: u32 = 5_000;

/// Who reads, which decides what there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reader {
    /// The workflow itself, before any step: the key of its limit, the conditions of no step.
    Workflow,
    /// A step, when it begins.
    Step(StepId),
    /// What comes behind a step and reads it too: an edge that leaves it, or the call that undoes it.
    Behind(StepId),
    /// What a loop or a wait asks after each round or answer.
    Until(StepId),
}

/// Something that can be read at some place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readable {
    /// As it is written, without the `$`: `probe.results`.
    pub path: String,
    /// Where it comes from, for people.
    pub from: String,
    /// The type that the schema names; empty when it names none.
    pub kind: String,
}

/// What is known of the value at a path.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// As in `Readable`.
    pub kind: String,
    /// What it may look like, where the schema says so much.
    pub example: Option<Value>,
}

/// What can be read by one reader.
pub struct Upstream<'a> {
    workflow: &'a Workflow,
    catalogue: &'a Catalogue,
    places: Places<'a>,
    /// The nearest first.
    roots: Vec<Root<'a>>,
    /// Values that may still be looked at for one question: transforms may read each other from many fields.
    left: Cell<u32>,
}

struct Root<'a> {
    name: &'a str,
    origin: Origin,
}

/// Where the value behind a name comes from. Steps by their place.
#[derive(Clone, Copy)]
enum Origin {
    Input,
    Context,
    Step(usize),
    /// Of the map at that place.
    Item(usize),
    /// Of the map or loop at that place.
    Index(usize),
    /// What the round before gave.
    Previous(usize),
    /// What the tool of a wait has answered.
    Result(usize),
}

/// May a value of the type `kind` stand where `wanted` is? Nothing is said against a type that is not known.
pub fn fits(wanted: &str, kind: &str) -> bool {
    wanted.is_empty()
        || kind.is_empty()
        || wanted == kind
        || (wanted == "number" && kind == "integer")
}

/// The type that a schema names; empty when it names none, or several.
pub fn kind_of(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => {
            let kinds = kinds.iter().filter_map(Value::as_str);
            let mut kinds = kinds.filter(|kind| *kind != "null");
            match (kinds.next(), kinds.next()) {
                (Some(kind), None) => kind,
                (Some(_), Some(_)) | (None, _) => "",
            }
        }
        Some(_) | None if schema.get("properties").is_some() => "object",
        Some(_) | None if schema.get("items").is_some() => "array",
        Some(_) | None => "",
    }
}

impl<'a> Upstream<'a> {
    pub fn new(workflow: &'a Workflow, catalogue: &'a Catalogue, reader: &Reader) -> Self {
        let mut upstream = Self {
            workflow,
            catalogue,
            places: Places::new(workflow),
            roots: Vec::new(),
            left: Cell::new(VALUES_MAX),
        };
        match reader {
            Reader::Workflow => {}
            Reader::Step(step) => upstream.add_around(step),
            Reader::Behind(step) => {
                if let Some(at) = upstream.places.find(step.as_str()) {
                    upstream.add_step(at);
                }
                upstream.add_around(step);
            }
            Reader::Until(step) => {
                upstream.add_inside(step);
                upstream.add_around(step);
            }
        }
        upstream.add("input", Origin::Input);
        upstream.add("context", Origin::Context);
        upstream
    }

    /// The names and fields of which `typed` is a part, at most `max`: first those that begin with it, then those of
    /// which a part begins with it. The nearest come first.
    pub fn names(&self, typed: &str, max: usize) -> Vec<Readable> {
        self.left.set(VALUES_MAX);
        let typed = typed.to_lowercase();
        let mut listing = Listing {
            typed: &typed,
            looked_at: 0,
            found: [Vec::new(), Vec::new(), Vec::new()],
        };
        for root in &self.roots {
            let schema = self.schema_of(root.origin, HOPS_MAX);
            let from = self.from(root.origin);
            listing.add(root.name, &schema, &from, DEPTH_MAX);
        }
        let mut found: Vec<Readable> = listing.found.into_iter().flatten().collect();
        found.truncate(max);
        found
    }

    /// What is known of the value at this path, written without the `$`. None when there is no such name, or its schema
    /// names other fields.
    pub fn look(&self, path: &str) -> Option<Look> {
        let parts: Vec<&str> = path.split('.').collect();
        let schema = self.schema_at(&parts)?;
        Some(Look {
            kind: kind_of(&schema).to_owned(),
            example: says_something(&schema).then(|| example_of(&schema)),
        })
    }

    /// The schema of the value at this path.
    pub(in crate::engine) fn schema_at(&self, parts: &[&str]) -> Option<Value> {
        self.left.set(VALUES_MAX);
        let (first, rest) = parts.split_first()?;
        let root = self.roots.iter().find(|root| root.name == *first)?;
        let schema = self.schema_of(root.origin, HOPS_MAX);
        walked(&schema, rest).map(Cow::into_owned)
    }

    /// What comes before the step, and before each map and loop around it.
    fn add_around(&mut self, step: &StepId) {
        let Some(at) = self.places.find(step.as_str()) else {
            return;
        };
        let mut inner = at;
        loop {
            let owner = self.places.steps()[inner].owner;
            let edges = self.places.edges_of(owner);
            for before in before(edges, self.places.steps()[inner].step) {
                if let Some(at) = self.places.find(before) {
                    self.add_step(at);
                }
            }
            let Some(owner) = owner else {
                return;
            };
            self.add_iteration(owner);
            inner = owner;
        }
    }

    /// What a loop sees of its own round, or a wait of its answer.
    fn add_inside(&mut self, step: &StepId) {
        let Some(at) = self.places.find(step.as_str()) else {
            return;
        };
        if self.places.steps()[at].step.kind == StepKind::Wait {
            self.add("result", Origin::Result(at));
            return;
        }
        let inside = self.places.steps_of(Some(at)).iter().rev();
        for inner in inside
            .filter_map(|step| self.places.find(step.id.as_str()))
            .collect::<Vec<_>>()
        {
            self.add_step(inner);
        }
        self.add("index", Origin::Index(at));
        self.add("previous", Origin::Previous(at));
    }

    fn add_iteration(&mut self, holder: usize) {
        let step = self.places.steps()[holder].step;
        match step.kind {
            StepKind::Map => {
                self.add("item", Origin::Item(holder));
                self.add("index", Origin::Index(holder));
                if let Some(name) = &step.item_name {
                    self.add(name, Origin::Item(holder));
                }
            }
            StepKind::Loop => {
                self.add("index", Origin::Index(holder));
                self.add("previous", Origin::Previous(holder));
            }
            StepKind::ToolCall
            | StepKind::HumanGate
            | StepKind::Condition
            | StepKind::Parallel
            | StepKind::Join
            | StepKind::Transform
            | StepKind::Wait
            | StepKind::Subworkflow
            | StepKind::External => {}
        }
    }

    fn add_step(&mut self, at: usize) {
        let step: &'a Step = self.places.steps()[at].step;
        self.add(step.id.as_str(), Origin::Step(at));
    }

    /// An inner name hides an outer one.
    fn add(&mut self, name: &'a str, origin: Origin) {
        let is_hidden = matches!(
            origin,
            Origin::Item(_) | Origin::Index(_) | Origin::Previous(_)
        ) && self.roots.iter().any(|root| root.name == name);
        if !is_hidden {
            self.roots.push(Root { name, origin });
        }
    }

    fn from(&self, origin: Origin) -> String {
        match origin {
            Origin::Input => "The input".to_owned(),
            Origin::Context => "The input and the variables".to_owned(),
            Origin::Step(at)
            | Origin::Item(at)
            | Origin::Index(at)
            | Origin::Previous(at)
            | Origin::Result(at) => called(self.places.steps()[at].step),
        }
    }

    fn schema_of(&self, origin: Origin, hops: usize) -> Cow<'a, Value> {
        let step = |at: usize| self.places.steps()[at].step;
        match origin {
            Origin::Input => match &self.workflow.inputs {
                Some(schema) => Cow::Borrowed(schema),
                None => Cow::Owned(json!({ "type": "object" })),
            },
            Origin::Context => Cow::Owned(self.context()),
            Origin::Step(at) => self.output(at, hops),
            Origin::Index(_) => Cow::Owned(json!({ "type": "integer", "examples": [0] })),
            Origin::Previous(_) => Cow::Owned(json!({ "type": "object" })),
            Origin::Result(at) => self.tool_output(step(at)),
            Origin::Item(at) => {
                let list = step(at).over.as_ref();
                let list = list.map(|list| self.value_schema(list, Some(at), hops));
                Cow::Owned(
                    list.and_then(|list| list.get("items").cloned())
                        .unwrap_or_default(),
                )
            }
        }
    }

    fn tool_output(&self, step: &Step) -> Cow<'a, Value> {
        let spec = step
            .tool
            .as_deref()
            .and_then(|tool| self.catalogue.get(tool));
        spec.map_or(Cow::Owned(Value::Null), |spec| {
            Cow::Borrowed(&spec.output_schema)
        })
    }

    /// The variables, and behind them what the input has.
    fn context(&self) -> Value {
        let inputs = self.workflow.inputs.as_ref();
        let mut fields = inputs
            .and_then(|schema| schema.get("properties")?.as_object().cloned())
            .unwrap_or_default();
        for (name, value) in &self.workflow.variables {
            fields.insert(name.clone(), constant(value));
        }
        json!({ "type": "object", "properties": fields })
    }

    fn output(&self, at: usize, hops: usize) -> Cow<'a, Value> {
        let step = self.places.steps()[at].step;
        let object = |fields: Value| Cow::Owned(json!({ "type": "object", "properties": fields }));
        match step.kind {
            StepKind::ToolCall | StepKind::Wait => self.tool_output(step),
            StepKind::Condition => object(json!({ "result": { "type": "boolean" } })),
            StepKind::HumanGate => object(json!({
                "decision": { "type": "string", "enum": ["approve", "reject"] },
                "by": { "type": "string", "examples": ["ann"] },
                "comment": { "type": "string" },
            })),
            StepKind::Map => object(json!({
                "results": { "type": "array" },
                "errors": { "type": "array" },
                "succeeded": { "type": "integer" },
                "failed": { "type": "integer", "examples": [0] },
            })),
            StepKind::Loop => object(json!({
                "result": {},
                "iterations": { "type": "integer" },
            })),
            StepKind::Transform => {
                let set = step.set.iter().flatten();
                let fields = set
                    .map(|(name, value)| (name.clone(), self.value_schema(value, Some(at), hops)));
                object(Value::Object(fields.collect()))
            }
            StepKind::Parallel | StepKind::Join | StepKind::Subworkflow | StepKind::External => {
                Cow::Owned(Value::Null)
            }
        }
    }

    /// Of a value as it is written in the step at that place: a literal is its own example, a reference is what it leads
    /// to, and what an expression gives is not known.
    fn value_schema(&self, value: &Value, at: Option<usize>, hops: usize) -> Value {
        let (Some(hops), Some(left)) = (hops.checked_sub(1), self.left.get().checked_sub(1)) else {
            return Value::Null;
        };
        self.left.set(left);
        match value {
            Value::String(text) if text.starts_with("$$") || text.starts_with("==") => {
                constant(&Value::String(text[1..].to_owned()))
            }
            Value::String(text) if text.starts_with('=') => Value::Null,
            Value::String(text) if text.starts_with('$') => {
                self.referred(&text[1..], at, hops).unwrap_or_default()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => constant(value),
            Value::Array(items) => {
                let first = items.first().map(|item| self.value_schema(item, at, hops));
                json!({ "type": "array", "items": first.unwrap_or_default() })
            }
            Value::Object(fields) => {
                let fields = fields.iter();
                let fields: Map<String, Value> = fields
                    .map(|(name, field)| (name.clone(), self.value_schema(field, at, hops)))
                    .collect();
                json!({ "type": "object", "properties": fields })
            }
        }
    }

    /// What a reference of the step at that place leads to, whether or not a way leads there too.
    fn referred(&self, path: &str, at: Option<usize>, hops: usize) -> Option<Value> {
        let parts: Vec<&str> = path.split('.').collect();
        let (first, rest) = parts.split_first()?;
        let mut outer = at.and_then(|at| self.places.steps()[at].owner);
        let mut holders = std::iter::from_fn(|| {
            let holder = outer?;
            outer = self.places.steps()[holder].owner;
            Some(holder)
        });
        let origin = match *first {
            "input" => Origin::Input,
            "context" => Origin::Context,
            "index" => Origin::Index(holders.next()?),
            "previous" => Origin::Previous(holders.next()?),
            name => {
                let item = holders.find(|holder| {
                    let step = self.places.steps()[*holder].step;
                    step.kind == StepKind::Map
                        && (name == "item" || step.item_name.as_deref() == Some(name))
                });
                match item {
                    Some(holder) => Origin::Item(holder),
                    None => Origin::Step(self.places.find(name)?),
                }
            }
        };
        let schema = self.schema_of(origin, hops);
        walked(&schema, rest).map(Cow::into_owned)
    }
}

/// What was found, in the order in which it is shown.
struct Listing<'t> {
    typed: &'t str,
    looked_at: usize,
    /// What begins with it, what has a part that begins with it, what merely holds it.
    found: [Vec<Readable>; 3],
}

impl Listing<'_> {
    /// The value at the path, and its fields, each under its path.
    fn add(&mut self, path: &str, schema: &Value, from: &str, depth: usize) {
        self.looked_at += 1;
        if self.looked_at > NAMES_MAX {
            return;
        }
        let lower = path.to_lowercase();
        let rank = match lower.find(self.typed) {
            Some(0) => Some(0),
            Some(_) if lower.split('.').any(|part| part.starts_with(self.typed)) => Some(1),
            Some(_) => Some(2),
            None => None,
        };
        if let Some(rank) = rank {
            self.found[rank].push(Readable {
                path: path.to_owned(),
                from: from.to_owned(),
                kind: kind_of(schema).to_owned(),
            });
        }
        if let Some(depth) = depth.checked_sub(1) {
            for (name, schema) in fields_of(schema) {
                self.add(&format!("{path}.{name}"), schema, from, depth);
            }
        }
    }
}

/// The fields of a schema that a path can name without quotes.
pub(in crate::engine) fn fields_of(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let fields = schema.get("properties").and_then(Value::as_object);
    fields
        .into_iter()
        .flatten()
        .filter(|(name, _)| is_word(name))
}

/// The schema of what a path leads to inside a value of this schema; none when it names other fields and allows no more.
fn walked<'s>(schema: &'s Value, parts: &[&str]) -> Option<Cow<'s, Value>> {
    let mut schema = schema;
    for part in parts {
        let field = schema.get("properties").and_then(|fields| fields.get(part));
        let item = schema
            .get("items")
            .filter(|_| part.bytes().all(|byte| byte.is_ascii_digit()));
        let more = schema
            .get("additionalProperties")
            .filter(|more| more.is_object());
        schema = match field.or(item).or(more) {
            Some(inner) => inner,
            // What no schema describes may be there.
            None if may_hold_more(schema) => return Some(Cow::Owned(Value::Null)),
            None => return None,
        };
    }
    Some(Cow::Borrowed(schema))
}

fn may_hold_more(schema: &Value) -> bool {
    match kind_of(schema) {
        "" => true,
        "object" => {
            schema.get("properties").is_none()
                || schema.get("additionalProperties") == Some(&Value::Bool(true))
        }
        "array" => schema.get("items").is_none(),
        _ => false,
    }
}

/// The schema of a value that stays as it is, which is its own example.
fn constant(value: &Value) -> Value {
    let kind = match value {
        Value::Null => return Value::Null,
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    json!({ "type": kind, "examples": [value] })
}

/// Does it say anything of which an example could be made?
fn says_something(schema: &Value) -> bool {
    let words = [
        "examples",
        "const",
        "default",
        "enum",
        "properties",
        "items",
    ];
    let words = words.iter().chain(&["anyOf", "oneOf", "allOf"]);
    let is_plain = matches!(kind_of(schema), "string" | "integer" | "number" | "boolean");
    is_plain || words.into_iter().any(|word| schema.get(word).is_some())
}

/// Whether a path can name it without quotes.
fn is_word(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn called(step: &Step) -> String {
    step.name.clone().unwrap_or_else(|| step.id.to_string())
}

/// The steps from which a way leads to this one, the nearest first.
fn before<'a>(edges: &'a [Edge], step: &Step) -> Vec<&'a str> {
    let mut into: BTreeMap<&str, Vec<&'a str>> = BTreeMap::new();
    for edge in edges {
        into.entry(edge.to.as_str())
            .or_default()
            .push(edge.from.as_str());
    }
    let mut seen = BTreeSet::from([step.id.as_str()]);
    let mut open = VecDeque::from([step.id.as_str()]);
    let mut found = Vec::new();
    while let Some(at) = open.pop_front() {
        for from in into.get(at).into_iter().flatten() {
            if seen.insert(from) {
                found.push(*from);
                open.push_back(from);
            }
        }
    }
    found
}
