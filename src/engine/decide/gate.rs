//! Gates: the question is put, one answer wins, and what happens afterwards is what was shown.

use serde_json::{Value, json};

use super::{Deciding, check_comment};
use crate::engine::bounds;
use crate::engine::command::Rejection;
use crate::engine::event::{Action, Decision, Event, Question, Shown};
use crate::engine::failure::StepError;
use crate::engine::ids::{GateId, content_hash, derive_uuid};
use crate::engine::plan::{GateWork, WaitUntil, Work};
use crate::engine::state::StepStatus;
use crate::engine::workflow::EdgeTrigger;

pub(super) struct Answer {
    pub decision: Decision,
    pub actor: String,
    pub comment: String,
    pub plan_hash: Option<String>,
}

/// The hash that binds a decision to what was shown.
pub fn plan_hash(question: &Question) -> String {
    content_hash(&serde_json::to_value(question).unwrap_or(Value::Null))
}

impl Deciding<'_> {
    pub(super) fn open_gate(&mut self, step: usize, work: &GateWork) {
        let question = match self.question(step, work) {
            Ok(question) => question,
            Err(error) => return self.fail(step, error),
        };
        let path = self.path(step);
        let gate = GateId::new(derive_uuid(
            self.now(),
            self.moment.entropy,
            &format!("gate:{path}"),
        ));
        let deadline = work.timeout_ms.map(|ms| self.now().plus_ms(ms));
        let plan_hash = plan_hash(&question);
        self.emit(Event::GateOpened {
            step: path,
            gate,
            question,
            plan_hash,
            deadline,
        });
    }

    fn question(&self, step: usize, work: &GateWork) -> Result<Question, StepError> {
        let too_large =
            |why: String| StepError::new("question_too_large", format!("what it would show {why}"));
        let mut bytes = 0;
        let shown = work
            .show
            .iter()
            .map(|(label, binding)| {
                let value = self.resolve(step, binding)?;
                // On the way, because there may be thousands of large ones.
                bytes += bounds::json_bytes(&value);
                bounds::check_sum(bytes).map_err(too_large)?;
                let label = label.clone();
                Ok(Shown { label, value })
            })
            .collect::<Result<_, StepError>>()?;
        let action = work
            .guards
            .and_then(|guarded| self.beside(step, guarded))
            .map(|guarded| self.action(guarded))
            .transpose()?;
        let question = Question {
            title: self.state.name(step).to_owned(),
            message: work.message.clone(),
            shown,
            action,
            approvers: work.approvers.clone(),
        };
        let size = serde_json::to_value(&question).map_err(|error| error.to_string());
        size.and_then(|value| bounds::check_size(&value))
            .map_err(too_large)?;
        Ok(question)
    }

    /// Exactly what the guarded step would do now.
    fn action(&self, step: usize) -> Result<Action, StepError> {
        let (tool, input) = match &self.plan_step(step).work {
            Work::Tool { spec, with, .. } | Work::Poll { spec, with, .. } => {
                (Some(spec.name.clone()), self.resolve(step, with)?)
            }
            Work::Subworkflow { workflow, with, .. } => {
                (Some(workflow.clone()), self.resolve(step, with)?)
            }
            Work::External { with, .. } => (None, self.resolve(step, with)?),
            Work::Transform { set } => (None, self.resolve(step, set)?),
            Work::Map(map) => (None, self.resolve(step, &map.over)?),
            Work::Wait {
                until: WaitUntil::For(until) | WaitUntil::At(until),
            } => (None, self.resolve(step, until)?),
            Work::Gate(_)
            | Work::Condition { .. }
            | Work::Parallel
            | Work::Join { .. }
            | Work::Loop(_) => (None, Value::Null),
        };
        Ok(Action {
            step: self.path(step),
            tool,
            input,
        })
    }

    /// The step that this shape of the plan is in the frame of `step`.
    fn beside(&self, step: usize, shape: usize) -> Option<usize> {
        self.state.in_frame(self.state.steps[step].frame, shape)
    }

    /// What the step is about to do must hash to what the person approved.
    pub(super) fn check_approved(&self, step: usize, input: &Value) -> Result<(), StepError> {
        let Some(gate_step) = self.plan_step(step).approved_by else {
            return Ok(());
        };
        let gate_step = self.beside(step, gate_step).unwrap_or(step);
        let approved = self.state.steps[gate_step].gate.as_ref().and_then(|gate| {
            let decided = gate
                .decided
                .as_ref()
                .filter(|decided| decided.decision == Decision::Approve)?;
            Some((gate, decided))
        });
        let Some((gate, decided)) = approved else {
            return Err(StepError::new(
                "not_approved",
                "nobody has approved this step",
            ));
        };
        let mut question = gate.question.clone();
        if let Some(action) = &mut question.action {
            action.input = input.clone();
        }
        if plan_hash(&question) == decided.plan_hash {
            Ok(())
        } else {
            Err(StepError::new(
                "approval_mismatch",
                "what would be done is not what was approved; start again and approve anew",
            ))
        }
    }

    pub(super) fn decide_gate(
        &mut self,
        gate_id: &GateId,
        answer: Answer,
    ) -> Result<(), Rejection> {
        let step = self.check_answer(gate_id, &answer)?;
        let plan_hash = self.state.steps[step]
            .gate
            .as_ref()
            .map(|gate| gate.plan_hash.clone())
            .unwrap_or_default();
        let Answer {
            decision,
            actor,
            comment,
            plan_hash: _,
        } = answer;
        let path = self.path(step);
        self.emit(Event::GateDecided {
            step: path,
            gate: gate_id.clone(),
            decision,
            actor: actor.clone(),
            comment: comment.clone(),
            plan_hash,
        });
        let output =
            json!({ "decision": decision, "by": actor, "comment": comment, "at": self.now() });
        match decision {
            Decision::Approve => self.complete(step, output),
            Decision::Reject if self.has_way_on(step, EdgeTrigger::Rejected) => {
                self.complete_rejected(step, output)
            }
            Decision::Reject => {
                let message = if comment.is_empty() {
                    format!("rejected by {actor}")
                } else {
                    format!("rejected by {actor}: “{comment}”")
                };
                self.fail(step, StepError::new("rejected", message).with_data(output));
            }
        }
        Ok(())
    }

    /// The position of the gate's step, if this answer may be given now.
    fn check_answer(&self, gate_id: &GateId, answer: &Answer) -> Result<usize, Rejection> {
        let (step, gate) = self
            .state
            .gate(gate_id)
            .ok_or_else(|| Rejection::UnknownGate(gate_id.clone()))?;
        if let Some(decided) = &gate.decided {
            return Err(Rejection::GateDecided {
                decision: decided.decision,
                by: decided.actor.clone(),
            });
        }
        if self.state.end.is_some() || self.is_stopping() {
            return Err(Rejection::GateClosed("its run has ended".to_owned()));
        }
        let overdue = gate.deadline.is_some_and(|deadline| deadline <= self.now());
        if overdue || self.state.steps[step].status != StepStatus::WaitingForApproval {
            return Err(Rejection::GateClosed("its time ran out".to_owned()));
        }
        if let Some(approvers) = gate
            .question
            .approvers
            .as_ref()
            .filter(|names| !names.contains(&answer.actor))
        {
            return Err(Rejection::NotAnApprover {
                approvers: approvers.clone(),
            });
        }
        check_comment(&answer.comment)?;
        match (&answer.plan_hash, answer.decision) {
            (Some(hash), _) if *hash != gate.plan_hash => Err(Rejection::PlanChanged),
            (None, Decision::Approve) => Err(Rejection::PlanHashMissing),
            (Some(_), _) | (None, Decision::Reject) => Ok(step),
        }
    }

    pub(super) fn expire_gate(&mut self, step: usize) {
        let Some(gate) = self.state.steps[step]
            .gate
            .as_ref()
            .map(|gate| gate.id.clone())
        else {
            return;
        };
        let path = self.path(step);
        self.emit(Event::GateExpired { step: path, gate });
        self.fail(
            step,
            StepError::new("gate_expired", "nobody answered in time"),
        );
    }
}
