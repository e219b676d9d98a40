//! Every text of a workflow that reads names: bindings, conditions, what gates show. One list of the places, for
//! whoever changes names or asks who reads them.

use serde_json::Value;

use super::patch::{PatchOperation, below};
use super::places::Places;
use super::workflow::{Edge, Step};

/// How a text reads names.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::engine) enum Language {
    /// `$name.path` or `=expression`; any other text reads nothing.
    Binding,
    /// CEL.
    Expression,
}

/// Whose names a text sees.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::engine) struct Seen {
    /// The step that reads; none for an edge and for the workflow itself.
    pub step: Option<usize>,
    /// The body in which it stands: that of this map or loop, or the workflow's own.
    pub owner: Option<usize>,
    /// A condition of the step that is asked after each round or answer: it sees `result`, and the loop's own body.
    pub is_until: bool,
}

/// A value of the workflow with texts that read names in it.
struct Site<'a> {
    pointer: String,
    language: Language,
    value: Texts<'a>,
}

enum Texts<'a> {
    One(&'a str),
    Nested(&'a Value),
}

/// The operations that put `change(…)` in the place of each text that reads names, where it gives another one.
pub(in crate::engine) fn rewrite(
    places: &Places<'_>,
    run_key: Option<&Value>,
    mut change: impl FnMut(Seen, Language, &str) -> Option<String>,
) -> Vec<PatchOperation> {
    let mut operations = Vec::new();
    each_site(places, run_key, |seen, site| {
        each_text(&site, |inside, text| {
            if let Some(text) = change(seen, site.language, text) {
                let pointer =
                    inside
                        .iter()
                        .fold(site.pointer.clone(), |pointer, part| match part {
                            Part::Item(at) => format!("{pointer}/{at}"),
                            Part::Field(name) => below(&pointer, name),
                        });
                operations.push(PatchOperation::replace(pointer, text));
            }
        });
    });
    operations
}

/// Shows each text that reads names, or might.
pub(in crate::engine) fn each(
    places: &Places<'_>,
    run_key: Option<&Value>,
    mut visit: impl FnMut(Language, &str),
) {
    each_site(places, run_key, |_, site| {
        each_text(&site, |_, text| visit(site.language, text));
    });
}

fn each_site(places: &Places<'_>, run_key: Option<&Value>, mut visit: impl FnMut(Seen, Site<'_>)) {
    let top = Seen {
        step: None,
        owner: None,
        is_until: false,
    };
    if let Some(key) = run_key {
        visit(top, value_site("/concurrency/key".to_owned(), key));
    }
    for edge in edge_sites(places, None) {
        visit(top, edge);
    }
    for (at, placed) in places.steps().iter().enumerate() {
        let seen = Seen {
            step: Some(at),
            owner: placed.owner,
            is_until: false,
        };
        for (is_until, site) in step_sites(placed.step, &places.pointer(at)) {
            visit(Seen { is_until, ..seen }, site);
        }
        if placed.step.body.is_some() {
            let inside = Seen {
                owner: Some(at),
                ..top
            };
            for edge in edge_sites(places, Some(at)) {
                visit(inside, edge);
            }
        }
    }
}

fn edge_sites<'a>(places: &Places<'a>, owner: Option<usize>) -> Vec<Site<'a>> {
    let pointer = places.body_pointer(owner);
    let site = |(at, edge): (usize, &'a Edge)| {
        edge.when.as_deref().map(|text| Site {
            pointer: format!("{pointer}/edges/{at}/when"),
            language: Language::Expression,
            value: Texts::One(text),
        })
    };
    let edges = places.edges_of(owner).iter().enumerate();
    edges.filter_map(site).collect()
}

/// Each with whether it is asked afterwards (`until`).
fn step_sites<'a>(step: &'a Step, pointer: &str) -> Vec<(bool, Site<'a>)> {
    let undo = step.compensate.as_ref();
    let key = step
        .concurrency
        .as_ref()
        .and_then(|limit| limit.key.as_ref());
    let values = [
        ("with", step.with.as_ref()),
        ("over", step.over.as_ref()),
        ("for_ms", step.for_ms.as_ref()),
        ("at", step.at.as_ref()),
        ("compensate/with", undo.and_then(|undo| undo.with.as_ref())),
        ("concurrency/key", key),
    ];
    let values = values
        .into_iter()
        .filter_map(|(field, value)| value.map(|value| (format!("{pointer}/{field}"), value)));
    let set = step.set.iter().flatten();
    let set = set.map(|(name, value)| (below(&format!("{pointer}/set"), name), value));
    let mut sites: Vec<(bool, Site<'a>)> = values
        .chain(set)
        .map(|(pointer, value)| (false, value_site(pointer, value)))
        .collect();
    let expressions = [
        ("expression", false, step.expression.as_deref()),
        ("until", true, step.until.as_deref()),
    ];
    for (field, is_until, text) in expressions {
        sites.extend(text.map(|text| {
            let site = Site {
                pointer: format!("{pointer}/{field}"),
                language: Language::Expression,
                value: Texts::One(text),
            };
            (is_until, site)
        }));
    }
    let approval = step.approval.iter().flat_map(|approval| &approval.show);
    let shown = step.show.iter().enumerate().map(|shown| ("show", shown));
    for (field, (at, text)) in
        shown.chain(approval.enumerate().map(|shown| ("approval/show", shown)))
    {
        let site = Site {
            pointer: format!("{pointer}/{field}/{at}"),
            language: Language::Binding,
            value: Texts::One(text),
        };
        sites.push((false, site));
    }
    sites
}

fn value_site(pointer: String, value: &Value) -> Site<'_> {
    Site {
        pointer,
        language: Language::Binding,
        value: Texts::Nested(value),
    }
}

/// One level of the way to a text inside a value.
enum Part<'a> {
    Item(usize),
    Field(&'a str),
}

fn each_text<'a>(site: &Site<'a>, mut visit: impl FnMut(&[Part<'a>], &'a str)) {
    match site.value {
        Texts::One(text) => visit(&[], text),
        Texts::Nested(value) => nested(value, &mut Vec::new(), &mut visit),
    }
}

fn nested<'a>(
    value: &'a Value,
    inside: &mut Vec<Part<'a>>,
    visit: &mut impl FnMut(&[Part<'a>], &'a str),
) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) => visit(inside, text),
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                inside.push(Part::Item(at));
                nested(item, inside, visit);
                inside.pop();
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                inside.push(Part::Field(name));
                nested(field, inside, visit);
                inside.pop();
            }
        }
    }
}
