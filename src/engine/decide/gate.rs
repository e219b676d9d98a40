//! Gates: the question is put, one answer wins, and what happens afterwards is what was shown.

use serde_json::{Value, json};

use super::{Deciding, check_comment};
use crate::engine::bounds;
use crate::engine::command::Rejection;
use crate::engine::event::{Action, Decision, Event, Question, Shown};
use crate::engine::failure::StepError;
use crate::engine::ids::{GateId, content_hash, derive_uuid};
use crate::engine::plan::{GateWork, Work};
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
        let id = self.id_of(step);
        let gate = GateId::new(derive_uuid(
            self.now(),
            self.moment.entropy,
            &format!("gate:{id}"),
        ));
        let deadline = work.timeout_ms.map(|ms| self.now().plus_ms(ms));
        let plan_hash = plan_hash(&question);
        self.emit(Event::GateOpened {
            step: id,
            gate,
            question,
            plan_hash,
            deadline,
        });
    }

    fn question(&self, step: usize, work: &GateWork) -> Result<Question, StepError> {
        let shown = work
            .show
            .iter()
            .map(|(label, binding)| {
                Ok(Shown {
                    label: label.clone(),
                    value: self.resolve(binding)?,
                })
            })
            .collect::<Result<_, StepError>>()?;
        let action = work
            .guards
            .map(|guarded| self.action(guarded))
            .transpose()?;
        let question = Question {
            title: self.name_of(step).to_owned(),
            message: work.message.clone(),
            shown,
            action,
            approvers: work.approvers.clone(),
        };
        let size = serde_json::to_value(&question).map_err(|error| error.to_string());
        size.and_then(|value| bounds::check_size(&value))
            .map_err(|why| {
                StepError::new("question_too_large", format!("what it would show {why}"))
            })?;
        Ok(question)
    }

    /// Exactly what the guarded step would do now.
    fn action(&self, step: usize) -> Result<Action, StepError> {
        let (tool, input) = match &self.plan.steps[step].work {
            Work::Tool { spec, with, .. } => (Some(spec.name.clone()), self.resolve(with)?),
            Work::Transform { set } => (None, self.resolve(set)?),
            Work::Gate(_) | Work::Condition { .. } | Work::Parallel | Work::Join { .. } => {
                (None, Value::Null)
            }
        };
        Ok(Action {
            step: self.id_of(step),
            tool,
            input,
        })
    }

    /// What the step is about to do must hash to what the person approved.
    pub(super) fn check_approved(&self, step: usize, input: &Value) -> Result<(), StepError> {
        let Some(gate_step) = self.plan.steps[step].approved_by else {
            return Ok(());
        };
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
        let id = self.id_of(step);
        self.emit(Event::GateDecided {
            step: id,
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
            Decision::Reject if self.has_way_after_rejection(step) => {
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
        if self.state.end.is_some() || self.state.cancelling.is_some() {
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

    fn has_way_after_rejection(&self, step: usize) -> bool {
        let outline = &self.plan.outline;
        outline
            .outgoing(step)
            .iter()
            .any(|&edge| outline.edges[edge].on == Some(EdgeTrigger::Rejected))
    }

    pub(super) fn expire_gate(&mut self, step: usize) {
        let Some(gate) = self.state.steps[step]
            .gate
            .as_ref()
            .map(|gate| gate.id.clone())
        else {
            return;
        };
        let id = self.id_of(step);
        self.emit(Event::GateExpired { step: id, gate });
        self.fail(
            step,
            StepError::new("gate_expired", "nobody answered in time"),
        );
    }
}
