//! How events are read. Each event says by its `kind` which fields it has, and that may come last; what `serde` derives for
//! that keeps all of an event before it reads any of it, and has a reader for each kind. Here the fields of all kinds are
//! read in one pass, and then the kind picks its own: half of the time, and a quarter of what the browser has to fetch.

use serde::de::{DeserializeOwned, Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::fmt;

use super::{Decision, EndState, Event, Origin, Performer, Question, Recorded, Resolution};
use crate::engine::failure::StepError;
use crate::engine::ids::{GateId, StepPath};
use crate::engine::time::Timestamp;

impl<'de> Deserialize<'de> for Recorded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = deserializer.deserialize_map(AllFields)?;
        Ok(Self {
            seq: needed(fields.seq.take(), "seq")?,
            at: needed(fields.at.take(), "at")?,
            event: fields.into_event()?,
        })
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AllFields)?.into_event()
    }
}

/// An event of a kind: with fields that it must have, with some that it may have, and with what has been made of others.
macro_rules! event {
    ($kind:ident of $fields:ident: $($needed:ident),* $(; $($given:ident),* $(; $($made:ident),*)?)?) => {
        Event::$kind {
            $($needed: needed($fields.$needed, stringify!($needed))?,)*
            $($($given: $fields.$given,)* $($($made,)*)?)?
        }
    };
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    RunStarted,
    RunAdmitted,
    RunPaused,
    RunResumed,
    RunCompensating,
    RunReopened,
    StepQueued,
    MapStarted,
    IterationStarted,
    IterationEnded,
    WaitStarted,
    PollMissed,
    SkipPlanned,
    AttemptStarted,
    AttemptProgressed,
    AttemptFailed,
    AttemptInterrupted,
    OutcomeUnknown,
    OutcomeResolved,
    GateOpened,
    GateDecided,
    GateExpired,
    StepCompleted,
    StepFailed,
    StepSkipped,
    StepCancelled,
    RunCancelling,
    RunFinished,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    Seq,
    At,
    Kind,
    Actor,
    AskAgainAt,
    Attempt,
    By,
    Comment,
    Deadline,
    Decision,
    Doing,
    Error,
    Gate,
    Happened,
    Index,
    Input,
    Items,
    Kept,
    Message,
    Origin,
    Output,
    Percent,
    PlanHash,
    Question,
    Queued,
    Reason,
    Repeatable,
    Resolution,
    RetryAt,
    State,
    Step,
    Steps,
    Taken,
    Tool,
    Until,
    WaitsFor,
    /// Of a later release.
    #[serde(other)]
    Unknown,
}

/// What an event of any kind may have.
#[derive(Default)]
struct Fields {
    seq: Option<u32>,
    at: Option<Timestamp>,
    kind: Option<Kind>,
    actor: Option<String>,
    ask_again_at: Option<Timestamp>,
    attempt: Option<u32>,
    by: Performer,
    comment: Option<String>,
    deadline: Option<Timestamp>,
    decision: Option<Decision>,
    doing: Option<String>,
    error: Option<StepError>,
    gate: Option<GateId>,
    happened: bool,
    index: Option<u32>,
    input: Option<Value>,
    items: Option<Vec<Value>>,
    /// Outputs by step, or whether an output is one of those.
    kept: Option<Value>,
    message: Option<String>,
    origin: Option<Origin>,
    output: Option<Value>,
    percent: Option<u8>,
    plan_hash: Option<String>,
    question: Option<Question>,
    queued: bool,
    /// Of an end, or of a skipped step.
    reason: Option<Value>,
    repeatable: Option<bool>,
    resolution: Option<Resolution>,
    retry_at: Option<Timestamp>,
    state: Option<EndState>,
    step: Option<StepPath>,
    steps: Option<Vec<StepPath>>,
    taken: Option<Vec<usize>>,
    tool: Option<String>,
    until: Option<Timestamp>,
    waits_for: Option<String>,
}

struct AllFields;

impl<'de> Visitor<'de> for AllFields {
    type Value = Fields;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::default();
        while let Some(field) = map.next_key()? {
            fields.read(field, &mut map)?;
        }
        Ok(fields)
    }
}

impl Fields {
    /// What may be left out may also be `null`; a value may be `null` and is not left out then.
    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field, map: &mut A) -> Result<(), A::Error> {
        match field {
            Field::Seq => self.seq = Some(map.next_value()?),
            Field::At => self.at = map.next_value()?,
            Field::Kind => self.kind = Some(map.next_value()?),
            Field::Actor => self.actor = map.next_value()?,
            Field::AskAgainAt => self.ask_again_at = map.next_value()?,
            Field::Attempt => self.attempt = Some(map.next_value()?),
            Field::By => self.by = map.next_value()?,
            Field::Comment => self.comment = map.next_value()?,
            Field::Deadline => self.deadline = map.next_value()?,
            Field::Decision => self.decision = Some(map.next_value()?),
            Field::Doing => self.doing = map.next_value()?,
            Field::Error => self.error = map.next_value()?,
            Field::Gate => self.gate = Some(map.next_value()?),
            Field::Happened => self.happened = map.next_value()?,
            Field::Index => self.index = Some(map.next_value()?),
            Field::Input => self.input = Some(map.next_value()?),
            Field::Items => self.items = Some(map.next_value()?),
            Field::Kept => self.kept = Some(map.next_value()?),
            Field::Message => self.message = map.next_value()?,
            Field::Origin => self.origin = map.next_value()?,
            Field::Output => self.output = Some(map.next_value()?),
            Field::Percent => self.percent = Some(map.next_value()?),
            Field::PlanHash => self.plan_hash = map.next_value()?,
            Field::Question => self.question = Some(map.next_value()?),
            Field::Queued => self.queued = map.next_value()?,
            Field::Reason => self.reason = Some(map.next_value()?),
            Field::Repeatable => self.repeatable = Some(map.next_value()?),
            Field::Resolution => self.resolution = Some(map.next_value()?),
            Field::RetryAt => self.retry_at = map.next_value()?,
            Field::State => self.state = Some(map.next_value()?),
            Field::Step => self.step = map.next_value()?,
            Field::Steps => self.steps = Some(map.next_value()?),
            Field::Taken => self.taken = Some(map.next_value()?),
            Field::Tool => self.tool = map.next_value()?,
            Field::Until => self.until = map.next_value()?,
            Field::WaitsFor => self.waits_for = map.next_value()?,
            Field::Unknown => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn into_event<E: Error>(self) -> Result<Event, E> {
        Ok(match needed(self.kind, "kind")? {
            Kind::RunStarted => {
                let kept = self.kept.map(read).transpose()?.unwrap_or_default();
                event!(RunStarted of self: input, actor; deadline, origin, queued; kept)
            }
            Kind::RunAdmitted => Event::RunAdmitted,
            Kind::RunPaused => event!(RunPaused of self: actor, comment),
            Kind::RunResumed => event!(RunResumed of self: actor, comment),
            Kind::RunCompensating => {
                let reason = read(needed(self.reason, "reason")?)?;
                event!(RunCompensating of self: message, deadline; step; reason)
            }
            Kind::RunReopened => {
                event!(RunReopened of self: actor, comment, steps; deadline, queued)
            }
            Kind::StepQueued => event!(StepQueued of self: step; waits_for),
            Kind::MapStarted => event!(MapStarted of self: step, items),
            Kind::IterationStarted => event!(IterationStarted of self: step, index),
            Kind::IterationEnded => event!(IterationEnded of self: step, index; error),
            Kind::WaitStarted => event!(WaitStarted of self: step, until),
            Kind::PollMissed => event!(PollMissed of self: step, attempt, ask_again_at; error),
            Kind::SkipPlanned => event!(SkipPlanned of self: step, actor, comment),
            Kind::AttemptStarted => {
                event!(AttemptStarted of self: step, attempt, tool, input, repeatable; deadline, by)
            }
            Kind::AttemptProgressed => {
                event!(AttemptProgressed of self: step, attempt, percent, doing)
            }
            Kind::AttemptFailed => event!(AttemptFailed of self: step, attempt, error, retry_at),
            Kind::AttemptInterrupted => event!(AttemptInterrupted of self: step, attempt),
            Kind::OutcomeUnknown => event!(OutcomeUnknown of self: step, attempt, message),
            Kind::OutcomeResolved => {
                event!(OutcomeResolved of self: step, resolution, actor, comment)
            }
            Kind::GateOpened => {
                event!(GateOpened of self: step, gate, question, plan_hash; deadline)
            }
            Kind::GateDecided => {
                event!(GateDecided of self: step, gate, decision, actor, comment, plan_hash)
            }
            Kind::GateExpired => event!(GateExpired of self: step, gate),
            Kind::StepCompleted => {
                let kept = self.kept.map(read).transpose()?.unwrap_or_default();
                event!(StepCompleted of self: step, output, taken; ; kept)
            }
            Kind::StepFailed => event!(StepFailed of self: step, error, taken; happened),
            Kind::StepSkipped => {
                let reason = read(needed(self.reason, "reason")?)?;
                let taken = self.taken.unwrap_or_default();
                event!(StepSkipped of self: step; ; reason, taken)
            }
            Kind::StepCancelled => event!(StepCancelled of self: step),
            Kind::RunCancelling => event!(RunCancelling of self: actor, comment, deadline),
            Kind::RunFinished => {
                let reason = read(self.reason.unwrap_or_default())?;
                event!(RunFinished of self: state, output; message; reason)
            }
        })
    }
}

fn needed<T, E: Error>(field: Option<T>, name: &'static str) -> Result<T, E> {
    field.ok_or_else(|| E::missing_field(name))
}

/// What a kind makes of a field that is not the same in all kinds.
fn read<T: DeserializeOwned, E: Error>(value: Value) -> Result<T, E> {
    T::deserialize(value).map_err(E::custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Of each kind: what it must have, and what it may have besides.
    fn samples() -> Vec<(Value, Value)> {
        let at = "2025-11-21T00:00:00.000001Z";
        let error = json!({"code": "refused", "message": "No.", "data": {"a": [1]}});
        let question =
            json!({"title": "May it?", "message": "", "shown": [{"label": "l", "value": null}]});
        vec![
            (
                json!({"kind": "run_started", "input": null, "actor": "ada"}),
                json!({"deadline": at, "queued": true, "kept": {"a": null, "b.1.c": {"x": 1.5}},
                    "origin": {"because": "fork", "run_id": "r", "step": "a"}}),
            ),
            (json!({"kind": "run_admitted"}), json!({})),
            (
                json!({"kind": "run_paused", "actor": "ada", "comment": ""}),
                json!({}),
            ),
            (
                json!({"kind": "run_resumed", "actor": "ada", "comment": ""}),
                json!({}),
            ),
            (
                json!({"kind": "run_compensating", "reason": "timeout", "message": "", "deadline": at}),
                json!({"step": "a"}),
            ),
            (
                json!({"kind": "run_reopened", "actor": "ada", "comment": "", "steps": ["a", "b"]}),
                json!({"deadline": at, "queued": true}),
            ),
            (
                json!({"kind": "step_queued", "step": "a"}),
                json!({"waits_for": "mail"}),
            ),
            (
                json!({"kind": "map_started", "step": "a", "items": [null, 1]}),
                json!({}),
            ),
            (
                json!({"kind": "iteration_started", "step": "a", "index": 0}),
                json!({}),
            ),
            (
                json!({"kind": "iteration_ended", "step": "a", "index": 7}),
                json!({"error": error}),
            ),
            (
                json!({"kind": "wait_started", "step": "a", "until": at}),
                json!({}),
            ),
            (
                json!({"kind": "poll_missed", "step": "a", "attempt": 1, "ask_again_at": at}),
                json!({"error": error}),
            ),
            (
                json!({"kind": "skip_planned", "step": "a", "actor": "ada", "comment": ""}),
                json!({}),
            ),
            (
                json!({"kind": "attempt_started", "step": "a", "attempt": 1, "tool": "t", "input": null, "repeatable": false}),
                json!({"deadline": at, "by": {"performer": "run", "run_id": "r"}}),
            ),
            (
                json!({"kind": "attempt_progressed", "step": "a", "attempt": 1, "percent": 100, "doing": ""}),
                json!({}),
            ),
            (
                json!({"kind": "attempt_failed", "step": "a", "attempt": 1, "error": error, "retry_at": at}),
                json!({}),
            ),
            (
                json!({"kind": "attempt_interrupted", "step": "a", "attempt": 1}),
                json!({}),
            ),
            (
                json!({"kind": "outcome_unknown", "step": "a", "attempt": 1, "message": ""}),
                json!({}),
            ),
            (
                json!({"kind": "outcome_resolved", "step": "a", "resolution": "did_not", "actor": "ada", "comment": ""}),
                json!({}),
            ),
            (
                json!({"kind": "gate_opened", "step": "a", "gate": "g", "question": question, "plan_hash": "h"}),
                json!({"deadline": at}),
            ),
            (
                json!({"kind": "gate_decided", "step": "a", "gate": "g", "decision": "reject", "actor": "ada", "comment": "",
                    "plan_hash": "h"}),
                json!({}),
            ),
            (
                json!({"kind": "gate_expired", "step": "a", "gate": "g"}),
                json!({}),
            ),
            (
                json!({"kind": "step_completed", "step": "a", "output": null, "taken": []}),
                json!({"kept": true}),
            ),
            (
                json!({"kind": "step_failed", "step": "a", "error": error, "taken": [0, 2]}),
                json!({"happened": true}),
            ),
            (
                json!({"kind": "step_skipped", "step": "a", "reason": {"because": "branch_not_taken", "at": "b"}}),
                json!({"taken": [1]}),
            ),
            (json!({"kind": "step_cancelled", "step": "a"}), json!({})),
            (
                json!({"kind": "run_cancelling", "actor": "ada", "comment": "", "deadline": at}),
                json!({}),
            ),
            (
                json!({"kind": "run_finished", "state": "failed", "output": null}),
                json!({"reason": "cancelled_by_user", "message": "No."}),
            ),
        ]
    }

    /// `event` in its place in a log, with more fields.
    fn placed(event: &Value, more: &Value) -> Value {
        let mut placed = json!({"seq": 3, "at": "2025-11-21T00:00:00.000002Z"});
        for fields in [event, more] {
            let fields = fields.as_object().expect("fields").clone();
            placed.as_object_mut().expect("fields").extend(fields);
        }
        placed
    }

    fn recorded(json: &Value) -> Result<Recorded, String> {
        serde_json::from_str(&json.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn every_kind_is_read_as_it_is_written() {
        for (needed, possible) in samples() {
            for json in [placed(&needed, &json!({})), placed(&needed, &possible)] {
                let event = recorded(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
                assert_eq!(serde_json::to_value(&event).expect("JSON"), json);
                let fields = json.as_object().expect("fields").iter().rev();
                let mut reversed: serde_json::Map<String, Value> = fields
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect();
                reversed.insert("of_a_later_release".into(), json!({"a": []}));
                assert_eq!(recorded(&reversed.into()).as_ref(), Ok(&event));
                assert_eq!(serde_json::from_value(json).ok(), Some(event));
            }
        }
        let refused = recorded(&placed(&json!({"kind": "run_exploded"}), &json!({})));
        let known = refused.expect_err("an unknown kind");
        let known: Vec<&str> = known.split('`').skip(3).step_by(2).collect();
        let samples = samples();
        let kinds: Vec<&str> = samples
            .iter()
            .filter_map(|(needed, _)| needed["kind"].as_str())
            .collect();
        assert_eq!(kinds, known);
    }

    #[test]
    fn what_an_event_must_have_is_missed_by_name() {
        for (needed, _) in samples() {
            let whole = placed(&needed, &json!({}));
            for field in whole.as_object().expect("fields").keys() {
                let mut json = whole.clone();
                json.as_object_mut().expect("fields").shift_remove(field);
                let error = recorded(&json).expect_err(field);
                assert!(
                    error.contains(&format!("missing field `{field}`")),
                    "{error}: {json}"
                );
            }
        }
    }

    #[test]
    fn what_may_be_left_out_may_be_null_and_what_may_not_may_not() {
        let finished = json!({"kind": "run_finished", "state": "failed", "output": 1, "message": null, "reason": null});
        let finished = recorded(&placed(&finished, &json!({})));
        let Ok(Event::RunFinished {
            reason: None,
            message: None,
            ..
        }) = finished.map(|is| is.event)
        else {
            panic!("neither a reason nor a message");
        };
        let paused = json!({"kind": "run_paused", "actor": null, "comment": ""});
        let error = recorded(&placed(&paused, &json!({}))).expect_err("nobody paused it");
        assert!(error.contains("missing field `actor`"), "{error}");
        let skipped = json!({"kind": "step_skipped", "step": "a", "reason": "timeout"});
        assert!(recorded(&placed(&skipped, &json!({}))).is_err());
        assert!(serde_json::from_value::<Event>(json!([1])).is_err());
    }
}
