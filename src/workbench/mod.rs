//! The compiler beside the builder: the engine as a worker of the browser, a thread and a module of its own. A page that
//! shows runs never loads it, and a page on which somebody writes never waits for it.
//!
//! Pages and worker exchange `Ask` and `Answer` as JSON. `Bench` is all there is to it, and is the same everywhere; the
//! worker around it is `door`, compiled for the browser alone (feature `workbench`).

mod messages;
mod stage;

#[cfg(feature = "workbench")]
mod door;

pub use messages::{Answer, Ask, Checked, Verdict};
pub use stage::{Move, Scene};

use serde::Deserialize;

use crate::engine::compare::compare;
use crate::engine::compile::{compile, has_too_many_parts, too_long};
use crate::engine::layout::{Graph, Picture, SIZES, layout};
use crate::engine::limits::DEFINITION_BYTES_MAX;
use crate::engine::rehearse::{check_case, impact};
use crate::engine::tool::Catalogue;
use crate::engine::warnings::warnings;
use crate::engine::workflow::Workflow;
use stage::Stage;

/// A longer question is not read: it has a draft in it that is too large, whatever else it has.
const ASK_BYTES_MAX: usize = 2 * DEFINITION_BYTES_MAX;

/// One about past runs has their logs in it as well, which the server has counted.
const IMPACT_BYTES_MAX: usize = 8 * DEFINITION_BYTES_MAX;
/// How such a question begins.
const IMPACT: &str = r#"{"impact":"#;

/// What a question that is too long still has to say.
#[derive(Deserialize)]
struct Heading {
    check: Option<Revision>,
}

#[derive(Deserialize)]
struct Revision {
    revision: u32,
}

/// What the worker knows between two questions.
#[derive(Default)]
pub struct Bench {
    catalogue: Catalogue,
    stage: Stage,
}

impl Bench {
    pub fn answer(&mut self, ask: Ask) -> Answer {
        match ask {
            Ask::Tools { catalogue } => {
                self.catalogue = catalogue;
                Answer::Ready
            }
            Ask::Check { revision, workflow } => {
                Answer::Checked(Box::new(self.check(revision, &workflow)))
            }
            Ask::Rehearse { made, goes_on } => {
                let scene = self.stage.play(made, goes_on, &self.catalogue);
                Answer::Scene(Box::new(scene))
            }
            Ask::Cases { revision, workflow } => Answer::Cases {
                revision,
                verdicts: self.verdicts(&workflow),
            },
            Ask::Compare { revision, old, new } => Answer::Compared {
                revision,
                comparison: Box::new(compare(&old, &new)),
            },
            Ask::Impact {
                revision,
                before,
                draft,
                runs,
            } => Answer::Impact {
                revision,
                outcomes: impact(&before, &draft, &self.catalogue, &runs).ok(),
            },
        }
    }

    /// The same, from and to JSON.
    pub fn answer_json(&mut self, ask: &str) -> String {
        let bytes_max = match ask.starts_with(IMPACT) {
            true => IMPACT_BYTES_MAX,
            false => ASK_BYTES_MAX,
        };
        let answer = if ask.len() > bytes_max {
            refused_unread(ask)
        } else {
            match serde_json::from_str(ask) {
                Ok(ask) => self.answer(ask),
                Err(error) => not_understood(error.to_string()),
            }
        };
        serde_json::to_string(&answer).unwrap_or_default()
    }

    fn check(&self, revision: u32, workflow: &Workflow) -> Checked {
        let (findings, warnings) = match compile(workflow, &self.catalogue) {
            Ok(plan) => (Vec::new(), warnings(workflow, &plan)),
            Err(findings) => (findings, Vec::new()),
        };
        Checked {
            revision,
            findings,
            warnings,
            picture: if has_too_many_parts(workflow) {
                Picture::default()
            } else {
                layout(&Graph::of_workflow(workflow), &SIZES)
            },
        }
    }

    fn verdicts(&self, workflow: &Workflow) -> Vec<Verdict> {
        let cases = workflow.cases.iter();
        let verdicts = cases.map(|case| Verdict {
            name: case.name.clone(),
            wrong: match check_case(workflow, &self.catalogue, case) {
                Ok(mismatches) => mismatches.iter().map(ToString::to_string).collect(),
                Err(error) => vec![error.to_string()],
            },
        });
        verdicts.collect()
    }
}

fn refused_unread(ask: &str) -> Answer {
    match serde_json::from_str::<Heading>(ask) {
        Ok(Heading {
            check: Some(Revision { revision }),
        }) => Answer::Checked(Box::new(Checked {
            revision,
            findings: vec![too_long()],
            warnings: Vec::new(),
            picture: Picture::default(),
        })),
        Ok(Heading { check: None }) => {
            not_understood(format!("a question has at most {ASK_BYTES_MAX} bytes"))
        }
        Err(error) => not_understood(error.to_string()),
    }
}

fn not_understood(message: String) -> Answer {
    Answer::NotUnderstood { message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn ask(bench: &mut Bench, ask: Value) -> Value {
        serde_json::from_str(&bench.answer_json(&ask.to_string())).expect("JSON")
    }

    #[test]
    fn a_draft_is_checked_against_the_tools_there_are() {
        let mut bench = Bench::default();
        let workflow = json!({ "name": "One", "steps": [{ "id": "a", "kind": "tool_call", "tool": "t.read", "with": {} }] });
        let check = json!({ "check": { "revision": 7, "workflow": workflow } });
        let answer = ask(&mut bench, check.clone());
        let checked = &answer["checked"];
        assert_eq!(checked["revision"], 7);
        assert_eq!(checked["findings"][0]["code"], "unknown_tool");
        assert_eq!(checked["picture"]["steps"][0]["step"], "a");
        let spec =
            crate::engine::tool::ToolSpec::plain("t.read", crate::engine::tool::EffectClass::Read);
        let tools = json!({ "tools": { "catalogue": Catalogue::new([spec]) } });
        assert_eq!(ask(&mut bench, tools), "ready");
        assert_eq!(ask(&mut bench, check)["checked"]["findings"], json!([]));
    }

    #[test]
    fn a_draft_that_is_too_large_is_refused_and_not_drawn() {
        let step = |at: usize| json!({ "id": format!("s{at}"), "kind": "human_gate" });
        let many: Vec<Value> = (0..=crate::engine::limits::STEPS_MAX).map(step).collect();
        let long = "x".repeat(ASK_BYTES_MAX);
        for workflow in [
            json!({ "name": "Many", "steps": many }),
            json!({ "name": "Long", "description": long, "steps": [step(0)] }),
        ] {
            let check = json!({ "check": { "revision": 3, "workflow": workflow } });
            let answer = ask(&mut Bench::default(), check);
            let checked = &answer["checked"];
            assert_eq!(checked["revision"], 3);
            assert_eq!(checked["findings"][0]["code"], "too_large");
            assert_eq!(checked["picture"]["steps"], json!([]));
        }
        let odd = json!({ "tools": { "catalogue": long } });
        assert!(ask(&mut Bench::default(), odd)["not_understood"].is_object());
    }

    #[test]
    fn what_is_no_question_is_answered_too() {
        let mut bench = Bench::default();
        for odd in ["", "{", "[]", "{\"fly\":{}}"] {
            let answer: Value = serde_json::from_str(&bench.answer_json(odd)).expect("JSON");
            assert!(answer["not_understood"].is_object(), "{odd}");
        }
    }
}
