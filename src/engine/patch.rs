//! Changes to a workflow as data: the operations `add`, `remove` and `replace` of JSON Patch (RFC 6902) on the
//! workflow's JSON, so that a page, a program or an agent can apply what a diagnostic offers. A patch is applied
//! whole or not at all.
//!
//! The three operations are few lines of our own: what a crate adds is `move`, `copy` and `test`, which no repair
//! needs, and errors that do not say which operation went wrong.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::workflow::Workflow;

/// One operation. Paths are JSON Pointers (RFC 6901), also into bodies: `/steps/2/body/steps/0/id`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum PatchOperation {
    /// Sets a field, whether it is there or not; inserts into a list before that position, or at its end (`-`).
    Add {
        path: String,
        value: Value,
    },
    Remove {
        path: String,
    },
    /// Sets what must be there already.
    Replace {
        path: String,
        value: Value,
    },
}

/// Why a patch does not fit the workflow. `operation` is its position in the patch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    #[error("operation {operation}: `{path}` is not a JSON Pointer")]
    BadPointer { operation: usize, path: String },
    #[error("operation {operation}: there is nothing at `{path}`")]
    NothingThere { operation: usize, path: String },
    #[error("after the patch it is no workflow any more: {reason}")]
    NoWorkflow { reason: String },
}

impl PatchOperation {
    pub fn add(path: impl Into<String>, value: impl Into<Value>) -> Self {
        PatchOperation::Add {
            path: path.into(),
            value: value.into(),
        }
    }

    pub fn remove(path: impl Into<String>) -> Self {
        PatchOperation::Remove { path: path.into() }
    }

    pub fn replace(path: impl Into<String>, value: impl Into<Value>) -> Self {
        PatchOperation::Replace {
            path: path.into(),
            value: value.into(),
        }
    }

    pub fn path(&self) -> &str {
        match self {
            PatchOperation::Add { path, .. }
            | PatchOperation::Remove { path }
            | PatchOperation::Replace { path, .. } => path,
        }
    }
}

/// The workflow after the operations, one after the other. What comes out still has to be compiled.
pub fn apply_patch(workflow: &Workflow, patch: &[PatchOperation]) -> Result<Workflow, PatchError> {
    let no_workflow = |error: serde_json::Error| PatchError::NoWorkflow {
        reason: error.to_string(),
    };
    let mut document = serde_json::to_value(workflow).map_err(no_workflow)?;
    for (at, operation) in patch.iter().enumerate() {
        apply(&mut document, at, operation)?;
    }
    serde_json::from_value(document).map_err(no_workflow)
}

/// The pointer one level further down: `~` and `/` are escaped.
pub(in crate::engine) fn below(pointer: &str, part: &str) -> String {
    format!("{pointer}/{}", part.replace('~', "~0").replace('/', "~1"))
}

fn apply(
    document: &mut Value,
    operation: usize,
    change: &PatchOperation,
) -> Result<(), PatchError> {
    let path = change.path();
    let nothing = || PatchError::NothingThere {
        operation,
        path: path.to_owned(),
    };
    let parts = parts(path).ok_or_else(|| PatchError::BadPointer {
        operation,
        path: path.to_owned(),
    })?;
    let Some((last, way)) = parts.split_last() else {
        // The empty pointer is the whole document.
        return match change {
            PatchOperation::Add { value, .. } | PatchOperation::Replace { value, .. } => {
                *document = value.clone();
                Ok(())
            }
            PatchOperation::Remove { .. } => Err(nothing()),
        };
    };
    let mut parent = document;
    for part in way {
        parent = match parent {
            Value::Object(fields) => fields.get_mut(part),
            Value::Array(items) => position(part).and_then(|at| items.get_mut(at)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        }
        .ok_or_else(nothing)?;
    }
    match parent {
        Value::Object(fields) => match change {
            PatchOperation::Add { value, .. } => {
                fields.insert(last.clone(), value.clone());
                Some(())
            }
            // What stays keeps its order.
            PatchOperation::Remove { .. } => fields.shift_remove(last).map(|_| ()),
            PatchOperation::Replace { value, .. } => {
                fields.get_mut(last).map(|field| *field = value.clone())
            }
        },
        Value::Array(items) => match change {
            PatchOperation::Add { value, .. } => {
                let at = if last == "-" {
                    Some(items.len())
                } else {
                    position(last).filter(|&at| at <= items.len())
                };
                at.map(|at| items.insert(at, value.clone()))
            }
            PatchOperation::Remove { .. } => position(last)
                .filter(|&at| at < items.len())
                .map(|at| drop(items.remove(at))),
            PatchOperation::Replace { value, .. } => position(last)
                .and_then(|at| items.get_mut(at))
                .map(|item| *item = value.clone()),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
    .ok_or_else(nothing)
}

/// The unescaped parts of a pointer; none where it is not one.
fn parts(pointer: &str) -> Option<Vec<String>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    pointer
        .strip_prefix('/')?
        .split('/')
        .map(|part| {
            let mut tildes = part.split('~').skip(1);
            tildes
                .all(|rest| rest.starts_with(['0', '1']))
                .then(|| part.replace("~1", "/").replace("~0", "~"))
        })
        .collect()
}

/// A position in a list, as RFC 6901 writes it: digits without leading zeros.
fn position(part: &str) -> Option<usize> {
    let canonical = part == "0" || !part.starts_with('0');
    (canonical && part.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| part.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(document: Value, operation: PatchOperation, expected: Option<Value>) {
        let mut changed = document.clone();
        let done = apply(&mut changed, 0, &operation);
        assert_eq!(
            done.is_ok().then_some(changed),
            expected,
            "{operation:?} on {document}"
        );
    }

    #[test]
    fn operations_do_what_the_standard_says() {
        let add = |path: &str| PatchOperation::add(path, 9);
        let replace = |path: &str| PatchOperation::replace(path, 9);
        let remove = |path: &str| PatchOperation::remove(path);
        check(json!({"a": 1}), add("/b"), Some(json!({"a": 1, "b": 9})));
        check(json!({"a": 1}), add("/a"), Some(json!({"a": 9})));
        check(json!([1, 2]), add("/1"), Some(json!([1, 9, 2])));
        check(json!([1, 2]), add("/2"), Some(json!([1, 2, 9])));
        check(json!([1, 2]), add("/-"), Some(json!([1, 2, 9])));
        check(json!([1, 2]), add("/3"), None);
        check(
            json!({"a": {"b": [1]}}),
            replace("/a/b/0"),
            Some(json!({"a": {"b": [9]}})),
        );
        check(json!({"a": 1}), replace("/b"), None);
        check(json!([1]), replace("/-"), None);
        check(json!([1, 2]), remove("/0"), Some(json!([2])));
        check(
            json!({"a": 1, "b": 2, "c": 3}),
            remove("/a"),
            Some(json!({"b": 2, "c": 3})),
        );
        check(json!({"a": 1}), remove("/a/b"), None);
        check(json!([1]), remove("/00"), None);
        check(json!([1]), remove("/+0"), None);
        check(
            json!({"a/b": 1, "m~n": 2}),
            remove("/a~1b"),
            Some(json!({"m~n": 2})),
        );
        check(
            json!({"a/b": 1, "m~n": 2}),
            remove("/m~0n"),
            Some(json!({"a/b": 1})),
        );
        check(json!({"": 1}), replace("/"), Some(json!({"": 9})));
        check(json!(1), replace(""), Some(json!(9)));
        check(json!(1), remove(""), None);
        check(json!({"a~2": 1}), remove("/a~2"), None);
        check(json!({"a": 1}), remove("a"), None);
    }

    #[test]
    fn a_patch_is_read_and_written_as_the_standard_has_it() {
        let text = r#"[{"op":"add","path":"/a","value":1},{"op":"remove","path":"/b"},{"op":"replace","path":"/c","value":null}]"#;
        let patch: Vec<PatchOperation> = serde_json::from_str(text).expect("three operations");
        assert_eq!(serde_json::to_string(&patch).expect("it serialises"), text);
        let moved = r#"[{"op":"move","from":"/a","path":"/b"}]"#;
        assert!(serde_json::from_str::<Vec<PatchOperation>>(moved).is_err());
    }

    #[test]
    fn what_is_no_workflow_afterwards_is_refused_with_the_reason() {
        let workflow = Workflow {
            name: "W".to_owned(),
            ..Workflow::default()
        };
        let error = apply_patch(&workflow, &[PatchOperation::remove("/name")]);
        let reason = error.expect_err("a workflow has a name").to_string();
        assert!(reason.contains("missing field `name`"), "{reason}");
        let error = apply_patch(&workflow, &[PatchOperation::add("/nmae", "V")]);
        assert!(matches!(error, Err(PatchError::NoWorkflow { .. })));
        let error = apply_patch(
            &workflow,
            &[
                PatchOperation::replace("/name", "V"),
                PatchOperation::remove("/steps/0"),
            ],
        );
        let path = "/steps/0".to_owned();
        assert_eq!(error, Err(PatchError::NothingThere { operation: 1, path }));
    }
}
