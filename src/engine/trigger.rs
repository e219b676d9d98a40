//! What starts runs by itself: a schedule, a message from outside, the end of another run. Plain data; when a schedule
//! is due and whose messages count is found out by the driver.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::borrow::Cow;

use super::binding::{Binding, Scope};
use super::event::EndState;
use super::ids::{RunId, TriggerId, WorkflowId};
use super::time::Timestamp;

/// What somebody has set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trigger {
    pub id: TriggerId,
    /// The workflow whose runs it starts, in the version that is current then.
    pub workflow_id: WorkflowId,
    pub name: String,
    pub enabled: bool,
    pub source: Source,
    /// Moments of a schedule up to this one are none of its business: it was set, or switched on, only then.
    pub since: Timestamp,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Source {
    Schedule(Schedule),
    Webhook(Webhook),
    RunFinished(RunFinished),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Five fields, or six with seconds in front.
    pub cron: String,
    /// Of the IANA database, such as `Europe/Berlin`.
    pub zone: String,
    pub input: Value,
    pub missed: Missed,
    pub overlap: Overlap,
}

/// What becomes of moments that passed while nobody was there to start a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// Nothing: the next moment is the next run.
    Skip,
    /// One run for all of them.
    #[default]
    Latest,
    /// One run for each, up to a bound.
    All,
}

/// What becomes of a moment at which the schedule's last run has not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// Another run beside it.
    Allow,
    /// No run.
    #[default]
    Skip,
    /// A run when the last one has ended. At most one waits.
    Queue,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Webhook {
    /// The field of the input that holds the message; it is the whole input when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunFinished {
    /// The workflow whose runs they are.
    #[serde(rename = "after")]
    pub workflow_id: WorkflowId,
    /// Only ends of these kinds.
    pub states: Vec<EndState>,
    /// The input, with references and expressions over `run`; all that is known of the run when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
}

/// What has become of it so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Moments of a schedule up to this one have been dealt with.
    pub done_until: Option<Timestamp>,
    /// The moment of a schedule that waits for the last run to end.
    pub queued: Option<Timestamp>,
    pub fired_at: Option<Timestamp>,
    pub last_run: Option<RunId>,
    /// Why the last firing started nothing. Gone when one succeeds.
    pub error: Option<String>,
    pub error_at: Option<Timestamp>,
}

/// A run that has ended, as a trigger tells of it.
pub struct Finished<'a> {
    pub run_id: &'a RunId,
    /// The slug of its workflow.
    pub workflow: &'a str,
    pub state: EndState,
    pub output: &'a Value,
}

impl Finished<'_> {
    fn told(&self) -> Value {
        json!({
            "run_id": self.run_id,
            "workflow": self.workflow,
            "state": self.state,
            "output": self.output,
        })
    }
}

/// `run` is what is known of the run that has ended; there is nothing else.
struct OfRun(Value);

impl Scope for OfRun {
    fn lookup(&self, name: &str) -> Option<Cow<'_, Value>> {
        (name == "run").then_some(Cow::Borrowed(&self.0))
    }
}

impl RunFinished {
    /// What is wrong with the input as written; the error is a sentence for its author.
    pub fn check_input(input: &Value) -> Result<(), String> {
        let roots = Binding::parse(input)?.roots();
        match roots.iter().find(|root| *root != "run") {
            None => Ok(()),
            Some(other) => Err(format!(
                "`{other}` is not known here; write `$run.output`, `$run.state`, `$run.run_id` or `$run.workflow`"
            )),
        }
    }

    /// The input of the run that is started after this one.
    pub fn input_after(&self, finished: &Finished<'_>) -> Result<Value, String> {
        match &self.input {
            None => Ok(finished.told()),
            Some(input) => Binding::parse(input)?.resolve(&OfRun(finished.told())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(input: Option<Value>) -> Result<Value, String> {
        let trigger = RunFinished {
            workflow_id: "w".into(),
            states: vec![EndState::Completed],
            input,
        };
        trigger.input_after(&Finished {
            run_id: &"r1".into(),
            workflow: "deploy",
            state: EndState::Completed,
            output: &json!({ "url": "http://a/" }),
        })
    }

    #[test]
    fn the_next_run_is_told_of_the_last_or_of_what_was_asked_for() {
        let told = json!({ "run_id": "r1", "workflow": "deploy", "state": "completed", "output": { "url": "http://a/" } });
        assert_eq!(after(None), Ok(told));
        let mapped = json!({ "endpoints": ["$run.output.url"], "ok": "=run.state == 'completed'" });
        let expected = json!({ "endpoints": ["http://a/"], "ok": true });
        assert_eq!(after(Some(mapped)), Ok(expected));
        assert!(after(Some(json!("$run.output.none"))).is_err());
    }

    #[test]
    fn an_input_that_names_what_there_is_not_is_refused() {
        assert_eq!(
            RunFinished::check_input(&json!({ "a": "$run.state", "b": 1 })),
            Ok(())
        );
        let refusal = RunFinished::check_input(&json!("$input.x"));
        assert!(refusal.is_err_and(|why| why.contains("`input` is not known here")));
        assert!(RunFinished::check_input(&json!("=1 +")).is_err());
    }
}
