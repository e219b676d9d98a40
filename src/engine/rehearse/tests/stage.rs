//! What the tests of rehearsals are made of.

use serde_json::{Value, json};

use crate::engine::event::{Decision, Resolution};
use crate::engine::ids::StepPath;
use crate::engine::rehearse::answer::{Failure, Says};
use crate::engine::rehearse::case::Given;
use crate::engine::rehearse::{Asked, Refusal, Rehearsal, Unscripted};
use crate::engine::state::{RunStatus, StepRun, StepStatus};
use crate::engine::tool::{Catalogue, EffectClass, ToolSpec};
use crate::engine::workflow::Workflow;

pub(super) fn workflow(
    steps: impl IntoIterator<Item = Value>,
    edges: impl IntoIterator<Item = (&'static str, &'static str)>,
) -> Workflow {
    let edges: Vec<Value> = edges
        .into_iter()
        .map(|(from, to)| json!({ "from": from, "to": to }))
        .collect();
    parsed(json!({ "name": "W", "steps": Vec::from_iter(steps), "edges": edges }))
}

/// Steps that are done at the same time.
pub(super) fn side_by_side(steps: impl IntoIterator<Item = Value>) -> Workflow {
    let mut steps = Vec::from_iter(steps);
    let edges: Vec<Value> = steps
        .iter()
        .map(|step| json!({ "from": "fork", "to": step["id"] }))
        .collect();
    steps.insert(0, json!({ "id": "fork", "kind": "parallel" }));
    parsed(json!({ "name": "W", "steps": steps, "edges": edges }))
}

pub(super) fn parsed(document: Value) -> Workflow {
    serde_json::from_value(document).expect("a well-formed workflow")
}

pub(super) fn call(id: &str, tool: &str) -> Value {
    json!({ "id": id, "kind": "tool_call", "tool": tool })
}

pub(super) fn gate(id: &str) -> Value {
    json!({ "id": id, "kind": "human_gate" })
}

/// The step with more fields.
pub(super) fn with(mut step: Value, more: Value) -> Value {
    for (name, value) in more.as_object().expect("fields") {
        step[name] = value.clone();
    }
    step
}

pub(super) fn catalogue() -> Catalogue {
    let gives_ok = |spec: ToolSpec| ToolSpec {
        output_schema: json!({ "properties": { "ok": { "type": "boolean" } } }),
        ..spec
    };
    Catalogue::new([
        gives_ok(ToolSpec::plain("t.read", EffectClass::Read)),
        gives_ok(ToolSpec::plain("t.effect", EffectClass::Effect)),
        ToolSpec::web("t.web"),
    ])
}

/// Nothing is answered unless somebody says so.
pub(super) fn by_hand(workflow: &Workflow) -> Rehearsal {
    let given = Given::default();
    Rehearsal::begin(workflow, &catalogue(), &given, Unscripted::Wait).expect("it starts")
}

/// Written as in a case, and what is not there is answered by example.
pub(super) fn scripted(workflow: &Workflow, given: Value) -> Rehearsal {
    let given: Given = serde_json::from_value(given).expect("a well-formed `given`");
    Rehearsal::begin(workflow, &catalogue(), &given, Unscripted::default()).expect("it starts")
}

pub(super) fn fails(code: &str) -> Says {
    Says::Fails(Failure {
        code: code.to_owned(),
        message: "it failed".to_owned(),
        data: None,
    })
}

pub(super) fn returns(output: Value) -> Says {
    Says::Returns(output)
}

pub(super) fn decides(decision: Decision, by: &str) -> Says {
    Says::Decides {
        decision,
        by: by.to_owned(),
        comment: String::new(),
    }
}

pub(super) fn resolves(resolution: Resolution) -> Says {
    Says::Resolves {
        resolution,
        by: "ann".to_owned(),
        comment: String::new(),
    }
}

impl Rehearsal {
    pub(super) fn say(&mut self, step: &str, says: Says) -> Result<(), Refusal> {
        self.answer(&StepPath::new(step), says)
    }

    pub(super) fn question(&self, step: &str) -> Option<Asked> {
        let mut asked = self.asked();
        asked
            .find(|ask| ask.step.as_str() == step)
            .map(|ask| ask.what.clone())
    }

    /// The steps that ask, in their order.
    pub(super) fn askers(&self) -> Vec<&str> {
        self.asked().map(|ask| ask.step.as_str()).collect()
    }

    pub(super) fn step(&self, step: &str) -> &StepRun {
        self.state()
            .step(&StepPath::new(step))
            .expect("there is such a step")
    }

    pub(super) fn status(&self, step: &str) -> StepStatus {
        self.step(step).status
    }

    pub(super) fn run(&self) -> RunStatus {
        self.state().status()
    }

    pub(super) fn output(&self) -> Value {
        self.state().end.clone().expect("it has ended").output
    }
}
