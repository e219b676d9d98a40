//! A run that has taken place, as something that can be rehearsed: what the world answered in it, and when.

use serde_json::Value;
use std::collections::BTreeMap;

use super::answer::{Answer, Answers, Failure, Says};
use super::case::{Act, Deed, Given};
use crate::engine::event::{EndReason, EndState, Event, Recorded, SkipReason};
use crate::engine::failure::StepError;
use crate::engine::ids::StepPath;
use crate::engine::time::Timestamp;

/// Who did what the log does not tell of whom.
const SOMEBODY: &str = "somebody";

impl Given {
    /// What the log of a run says of the world: input, answers in the order of their questions, and what was done to
    /// the run. `None` of a log that does not begin with a start. An attempt whose answer was lost with the server is
    /// left out: the one that took its place has the answer. Of what a poll was told before its condition held only
    /// that it did not is known.
    pub fn of_log(log: &[Recorded]) -> Option<Given> {
        let first = log.first()?;
        let Event::RunStarted { input, kept, .. } = &first.event else {
            return None;
        };
        let mut recording = Recording {
            began: first.at,
            answers: BTreeMap::new(),
            open: BTreeMap::new(),
            acts: Vec::new(),
        };
        for (step, output) in kept {
            let said = Says::Returns(output.clone()).after_ms(0);
            recording.answers.insert(step.clone(), vec![said]);
        }
        for recorded in log {
            recording.read(recorded);
        }
        // What is still waited for has no answer to this day.
        for step in recording.open.into_keys() {
            let answers = recording.answers.entry(step).or_default();
            answers.push(Says::Never.after_ms(0));
        }
        let steps = recording.answers.into_iter();
        Some(Given {
            input: Some(input.clone()),
            at: Some(first.at),
            seed: 0,
            steps: steps
                .filter_map(|(step, answers)| Some((step, Answers::new(answers)?)))
                .collect(),
            acts: recording.acts,
        })
    }
}

/// A question that the step has asked and that is not answered yet.
struct Open {
    since: Timestamp,
    deadline: Option<Timestamp>,
}

struct Recording {
    began: Timestamp,
    answers: BTreeMap<StepPath, Vec<Answer>>,
    open: BTreeMap<StepPath, Open>,
    acts: Vec<Act>,
}

impl Recording {
    fn read(&mut self, recorded: &Recorded) {
        let at = recorded.at;
        match &recorded.event {
            Event::AttemptStarted { step, deadline, .. }
            | Event::GateOpened { step, deadline, .. } => self.asked(step, at, *deadline),
            Event::OutcomeUnknown { step, message, .. } => {
                self.said(step, at, Says::Lost(message.clone()));
                self.asked(step, at, None);
            }
            Event::AttemptFailed { step, error, .. } => self.failed(step, at, error),
            Event::PollMissed { step, error, .. } => match error {
                Some(error) => self.failed(step, at, error),
                None => self.failed(step, at, &StepError::new("not_yet", "Not yet.")),
            },
            Event::AttemptInterrupted { step, .. } => {
                self.open.remove(step);
            }
            // Whatever it would have said came too late.
            Event::StepCancelled { step } => self.said(step, at, Says::Never),
            Event::OutcomeResolved {
                step,
                resolution,
                actor,
                comment,
            } => {
                let says = Says::Resolves {
                    resolution: *resolution,
                    by: actor.clone(),
                    comment: comment.clone(),
                };
                self.said(step, at, says);
            }
            Event::GateDecided {
                step,
                decision,
                actor,
                comment,
                ..
            } => {
                let says = Says::Decides {
                    decision: *decision,
                    by: actor.clone(),
                    comment: comment.clone(),
                };
                self.said(step, at, says);
            }
            Event::GateExpired { step, .. } => self.said(step, at, Says::Never),
            Event::StepCompleted { step, output, .. } => {
                self.said(step, at, Says::Returns(output.clone()));
            }
            Event::StepFailed { step, error, .. } => self.failed(step, at, error),
            Event::RunPaused { actor, comment } => self.done(Deed::Pause, actor, comment, at),
            Event::RunResumed { actor, comment } => self.done(Deed::Resume, actor, comment, at),
            Event::RunReopened { actor, comment, .. } => {
                self.done(Deed::Retry, actor, comment, at);
            }
            Event::RunCancelling { actor, comment, .. } => {
                self.done(Deed::Cancel, actor, comment, at);
            }
            Event::SkipPlanned {
                step,
                actor,
                comment,
            } => self.done(Deed::Skip(step.clone()), actor, comment, at),
            Event::StepSkipped { step, reason, .. } => self.skipped(step, reason, at),
            Event::RunFinished { state, reason, .. } => self.finished(*state, *reason, at),
            Event::RunStarted { .. }
            | Event::RunAdmitted
            | Event::RunCompensating { .. }
            | Event::StepQueued { .. }
            | Event::MapStarted { .. }
            | Event::IterationStarted { .. }
            | Event::IterationEnded { .. }
            | Event::WaitStarted { .. }
            | Event::AttemptProgressed { .. } => {}
        }
    }

    fn asked(&mut self, step: &StepPath, since: Timestamp, deadline: Option<Timestamp>) {
        self.open.insert(step.clone(), Open { since, deadline });
    }

    /// Nothing where nobody was asked: what a condition gives is for the draft to say.
    fn said(&mut self, step: &StepPath, at: Timestamp, says: Says) {
        let Some(open) = self.open.remove(step) else {
            return;
        };
        let after_ms = match says {
            Says::Never => 0,
            Says::Returns(_)
            | Says::Fails(_)
            | Says::Lost(_)
            | Says::Decides { .. }
            | Says::Resolves { .. } => at.ms_since(open.since),
        };
        let answers = self.answers.entry(step.clone()).or_default();
        answers.push(says.after_ms(after_ms));
    }

    fn failed(&mut self, step: &StepPath, at: Timestamp, error: &StepError) {
        let deadline = self.open.get(step).and_then(|open| open.deadline);
        let ran_out = error.code == "timeout" && deadline.is_some_and(|deadline| at >= deadline);
        // The run ended while it was asked.
        let was_left = error.code == "outcome_unknown";
        let says = match ran_out || was_left {
            true => Says::Never,
            false => Says::Fails(Failure {
                code: error.code.clone(),
                message: error.message.clone(),
                data: error.data.clone().filter(|data| *data != Value::Null),
            }),
        };
        self.said(step, at, says);
    }

    fn done(&mut self, deed: Deed, by: &str, comment: &str, at: Timestamp) {
        let by = match by.trim() {
            "" => SOMEBODY,
            by => by,
        };
        self.acts.push(Act {
            deed,
            by: by.to_owned(),
            comment: comment.to_owned(),
            after_ms: at.ms_since(self.began),
        });
    }

    fn skipped(&mut self, step: &StepPath, reason: &SkipReason, at: Timestamp) {
        let SkipReason::ByHand { actor, comment } = reason else {
            return;
        };
        // One that was planned is skipped when its turn comes.
        let planned = |act: &Act| act.deed == Deed::Skip(step.clone());
        if !self.acts.iter().any(planned) {
            self.done(Deed::Skip(step.clone()), actor, comment, at);
        }
    }

    /// A run in which nothing was under way is cancelled without an event before its end.
    fn finished(&mut self, state: EndState, reason: Option<EndReason>, at: Timestamp) {
        let by_somebody =
            state == EndState::Cancelled && reason == Some(EndReason::CancelledByUser);
        let told = |act: &Act| act.deed == Deed::Cancel;
        if by_somebody && !self.acts.iter().any(told) {
            self.done(Deed::Cancel, SOMEBODY, "", at);
        }
    }
}
