//! Where what goes into a step comes from, as its workflow says it: a value that was written there, what others have
//! answered, what the run was given.

use serde::{Deserialize, Serialize};

use super::binding::{Binding, Leaf};
use super::plan::{Plan, Work};

/// One field of a step's input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The way to it: `headers.accept`. Empty: all of the input.
    pub field: String,
    /// How the workflow has it read: `$probe.status`, `=probe.status > 3`. None: the value itself stands there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<Read>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    pub written: String,
    /// The top-level names in it: steps by their ids, `input`, `context`, `item` and the like.
    pub names: Vec<String>,
}

/// Of each field of what the step asks its tool, another workflow or somebody outside; nothing of a step that asks nobody. A
/// field in which nothing is read is one, however much is in it.
pub fn sources(plan: &Plan, step: usize) -> Vec<Source> {
    match plan.steps.get(step).map(|step| &step.work) {
        Some(
            Work::Tool { with, .. }
            | Work::Poll { with, .. }
            | Work::Subworkflow { with, .. }
            | Work::External { with, .. },
        ) => of(with),
        Some(
            Work::Gate(_)
            | Work::Condition { .. }
            | Work::Parallel
            | Work::Join { .. }
            | Work::Transform { .. }
            | Work::Map(_)
            | Work::Loop(_)
            | Work::Wait { .. },
        )
        | None => Vec::new(),
    }
}

fn of(with: &Binding) -> Vec<Source> {
    let Binding::Object(fields) = with else {
        return of_field(&mut Vec::new(), with);
    };
    let each = fields.iter();
    each.flat_map(|(name, field)| of_field(&mut vec![name.clone()], field))
        .collect()
}

fn of_field(way: &mut Vec<String>, field: &Binding) -> Vec<Source> {
    let mut found = Vec::new();
    let whole = way.join(".");
    field.each_text(way, &mut |way, leaf| {
        found.push(Source {
            field: way.join("."),
            read: Some(Read::of(&leaf)),
        });
    });
    if found.is_empty() {
        found.push(Source {
            field: whole,
            read: None,
        });
    }
    found
}

impl Read {
    fn of(leaf: &Leaf<'_>) -> Self {
        match leaf {
            Leaf::Reference(reference) => Self {
                written: reference.to_string(),
                names: vec![reference.root.clone()],
            },
            Leaf::Expression(expression) => Self {
                written: format!("={}", expression.source()),
                names: expression.variables().iter().cloned().collect(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(with: serde_json::Value) -> Vec<(String, Option<String>, Vec<String>)> {
        let found = of(&Binding::parse(&with).expect("a binding"));
        let told = |source: Source| match source.read {
            Some(read) => (source.field, Some(read.written), read.names),
            None => (source.field, None, Vec::new()),
        };
        found.into_iter().map(told).collect()
    }

    #[test]
    fn each_field_says_where_it_is_read() {
        let with = json!({
            "url": "$input.host",
            "headers": { "accept": "json", "trace": ["$probe.id", "=probe.count + item.at"] },
            "body": { "fixed": [1, { "a": null }] },
            "price": "$$5",
        });
        let text = |text: &str| text.to_owned();
        assert_eq!(
            told(with),
            [
                (text("url"), Some(text("$input.host")), vec![text("input")]),
                (
                    text("headers.trace.0"),
                    Some(text("$probe.id")),
                    vec![text("probe")]
                ),
                (
                    text("headers.trace.1"),
                    Some(text("=probe.count + item.at")),
                    vec![text("item"), text("probe")]
                ),
                (text("body"), None, vec![]),
                (text("price"), None, vec![]),
            ]
        );
    }

    #[test]
    fn an_input_that_is_read_as_a_whole_is_one_field_without_a_name() {
        let whole = vec!["probe".to_owned()];
        assert_eq!(
            told(json!("$probe")),
            [(String::new(), Some("$probe".to_owned()), whole)]
        );
        assert_eq!(told(json!({})), []);
    }
}
