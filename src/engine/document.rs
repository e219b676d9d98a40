//! A workflow as a file: its fields in the order in which they are declared, and nothing that says what would hold anyway.

use serde_json::Value;

use super::workflow::{DEFAULT_BASE_MS, DEFAULT_CAP_MS, Workflow};
use super::yaml;

/// As YAML.
pub fn to_yaml(workflow: &Workflow) -> String {
    yaml::write(&lean(workflow))
}

/// As JSON, indented.
pub fn to_json(workflow: &Workflow) -> String {
    // A JSON value can always be written.
    let mut text = serde_json::to_string_pretty(&lean(workflow)).unwrap_or_default();
    text.push('\n');
    text
}

fn lean(workflow: &Workflow) -> Value {
    // A workflow has no maps with other keys than texts.
    let mut document = serde_json::to_value(workflow).unwrap_or_default();
    lean_steps(document.get_mut("steps"));
    document
}

fn lean_steps(steps: Option<&mut Value>) {
    let steps = steps.and_then(Value::as_array_mut);
    for step in steps.into_iter().flatten() {
        lean_retry(step.get_mut("retry"));
        lean_retry(step.pointer_mut("/compensate/retry"));
        lean_steps(step.pointer_mut("/body/steps"));
    }
}

fn lean_retry(retry: Option<&mut Value>) {
    let Some(Value::Object(fields)) = retry else {
        return;
    };
    for (field, default) in [("base_ms", DEFAULT_BASE_MS), ("cap_ms", DEFAULT_CAP_MS)] {
        if fields.get(field).and_then(Value::as_u64) == Some(default) {
            // Keeps the order of the others.
            fields.shift_remove(field);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_come_as_they_are_declared_and_defaults_are_left_out() {
        let workflow: Workflow = serde_json::from_value(json!({
            "edges": [{ "to": "b", "from": "a", "on": "failed" }],
            "steps": [
                { "kind": "tool_call", "retry": { "cap_ms": 60_000, "base_ms": 1_000, "max_attempts": 3 }, "tool": "t", "id": "a",
                  "compensate": { "tool": "u", "retry": { "max_attempts": 2, "base_ms": 5 } } },
                { "kind": "loop", "id": "b", "until": "true", "body": { "steps": [
                    { "id": "c", "kind": "tool_call", "tool": "t", "retry": { "max_attempts": 1 } }] } },
            ],
            "name": "Order",
        }))
        .expect("it is well-formed");
        let expected = "\
name: Order
steps:
  - id: a
    kind: tool_call
    tool: t
    retry:
      max_attempts: 3
    compensate:
      tool: u
      retry:
        max_attempts: 2
        base_ms: 5
  - id: b
    kind: loop
    body:
      steps:
        - id: c
          kind: tool_call
          tool: t
          retry:
            max_attempts: 1
    until: \"true\"
edges:
  - from: a
    to: b
    \"on\": failed
";
        assert_eq!(to_yaml(&workflow), expected);
        let read: Workflow = serde_json::from_str(&to_json(&workflow)).expect("it is JSON");
        assert_eq!(read, workflow);
    }
}
