//! What people do to a run beside answering its questions: hold it, let it go on, skip a step, retry what failed.

use serde_json::Value;

use super::{Deciding, Todo, check_comment};
use crate::engine::command::{Effect, Rejection};
use crate::engine::event::{EndState, Event, SkipReason};
use crate::engine::failure::IN_DOUBT;
use crate::engine::ids::StepPath;
use crate::engine::plan::Work;
use crate::engine::state::{FrameEnd, StepStatus};
use crate::engine::workflow::{EdgeTrigger, ErrorPolicy};

impl Deciding<'_> {
    pub(super) fn pause(&mut self, actor: String, comment: String) -> Result<(), Rejection> {
        self.check_open()?;
        check_comment(&comment)?;
        if self.state.cancelling.is_some() {
            return Err(Rejection::RunEnding);
        }
        if self.state.paused.is_some() {
            return Err(Rejection::AlreadyPaused);
        }
        self.emit(Event::RunPaused { actor, comment });
        Ok(())
    }

    pub(super) fn resume(&mut self, actor: String, comment: String) -> Result<(), Rejection> {
        self.check_open()?;
        check_comment(&comment)?;
        if self.state.paused.is_none() {
            return Err(Rejection::NotPaused);
        }
        self.emit(Event::RunResumed { actor, comment });
        self.look_at_everything();
        self.ask_again_for_room();
        Ok(())
    }

    /// Whatever might go on is looked at: nothing was while the run was held or had ended.
    pub(super) fn look_at_everything(&mut self) {
        for (at, frame) in self.state.frames.iter().enumerate().skip(1) {
            // Its last step ended in the turn in which the run did.
            if frame.end.is_none() && frame.open == 0 {
                self.todo.push_back(Todo::Frame(at));
            }
        }
        for step in 0..self.state.steps.len() {
            match self.state.steps[step].status {
                StepStatus::Pending if !self.is_undo(step) => {
                    self.todo.push_back(Todo::Step(step));
                }
                StepStatus::InProgress => self.todo.push_back(Todo::Next(step)),
                StepStatus::Pending
                | StepStatus::Queued
                | StepStatus::WaitingForApproval
                | StepStatus::WaitingForTimer
                | StepStatus::WaitingForExternal
                | StepStatus::OutcomeUnknown
                | StepStatus::Retrying
                | StepStatus::Completed
                | StepStatus::Failed
                | StepStatus::Skipped
                | StepStatus::Cancelled => {}
            }
        }
    }

    pub(super) fn skip_by_hand(
        &mut self,
        path: &StepPath,
        actor: String,
        comment: String,
    ) -> Result<(), Rejection> {
        check_comment(&comment)?;
        let step = self.position(path)?;
        let refuse = |why: &str| {
            Err(Rejection::NotSkippable {
                step: path.clone(),
                why: why.to_owned(),
            })
        };
        if matches!(self.plan_step(step).work, Work::Gate(_)) {
            return refuse("a gate is decided, not skipped");
        }
        if self.is_undo(step) {
            return refuse("say what became of it instead");
        }
        let failed_here = self.state.steps[step].status == StepStatus::Failed
            && self.unfinished().contains(&step);
        if self.plan.outline.holds_gate(self.shape(step)) {
            return refuse("it holds a gate, and a gate is decided, not skipped");
        }
        if self.state.end.is_some() && failed_here {
            let mut inside = self.state.steps[step].frames.iter();
            if inside.any(|&frame| self.state.frames[frame].end != Some(FrameEnd::Done)) {
                return refuse("skip what has failed inside it");
            }
            if self.state.steps[step].doubt().is_some() {
                return refuse("say first whether it happened: retry the run, and answer");
            }
            // Asked before anything changes: a refusal leaves the run as it was.
            self.taken_edges(step, &Value::Null, None)
                .map_err(|why| Rejection::NotSkippable {
                    step: path.clone(),
                    why,
                })?;
            self.reopen(actor.clone(), comment.clone())?;
            return self.skip_or_refuse(step, path, actor, comment);
        }
        self.check_open()?;
        if self.is_stopping() {
            return refuse("the run is ending");
        }
        match self.state.steps[step].status {
            StepStatus::Pending => {
                self.emit(Event::SkipPlanned {
                    step: path.clone(),
                    actor,
                    comment,
                });
                Ok(())
            }
            StepStatus::Queued
            | StepStatus::Retrying
            | StepStatus::WaitingForTimer
            | StepStatus::WaitingForExternal => self.skip_or_refuse(step, path, actor, comment),
            StepStatus::InProgress => match self.state.steps[step].running_attempt() {
                None => refuse("skip what is inside it"),
                Some(attempt) if !attempt.repeatable => {
                    refuse("it may be taking effect at this moment")
                }
                Some(attempt) => {
                    let attempt = attempt.number;
                    self.skip_or_refuse(step, path, actor, comment)?;
                    self.effect(Effect::Stop {
                        step: path.clone(),
                        attempt,
                    });
                    Ok(())
                }
            },
            StepStatus::OutcomeUnknown => refuse("say first whether it happened"),
            StepStatus::WaitingForApproval => refuse("it waits for an answer"),
            StepStatus::Completed
            | StepStatus::Failed
            | StepStatus::Skipped
            | StepStatus::Cancelled => refuse("it has ended"),
        }
    }

    fn skip_or_refuse(
        &mut self,
        step: usize,
        path: &StepPath,
        actor: String,
        comment: String,
    ) -> Result<(), Rejection> {
        self.skip_now(step, actor, comment)
            .map_err(|why| Rejection::NotSkippable {
                step: path.clone(),
                why,
            })
    }

    /// The run goes on behind the step, which has no value. The error says which way cannot be chosen without one.
    pub(super) fn skip_now(
        &mut self,
        step: usize,
        actor: String,
        comment: String,
    ) -> Result<(), String> {
        let taken = self.taken_edges(step, &Value::Null, None)?;
        let path = self.path(step);
        self.emit(Event::StepSkipped {
            step: path,
            reason: SkipReason::ByHand { actor, comment },
            taken,
        });
        self.step_ended(step);
        Ok(())
    }

    pub(super) fn retry_run(&mut self, actor: String, comment: String) -> Result<(), Rejection> {
        check_comment(&comment)?;
        self.reopen(actor, comment)
    }

    /// The failed run goes on. Whatever was completed stays so; whatever failed, or was cut off, is done again.
    fn reopen(&mut self, actor: String, comment: String) -> Result<(), Rejection> {
        let failed = self.state.end.as_ref().map(|end| end.state) == Some(EndState::Failed);
        if !failed {
            return Err(Rejection::NotFailed(self.state.status().as_str()));
        }
        if self.state.compensating.is_some() {
            return Err(Rejection::Undone);
        }
        let unfinished = self.unfinished();
        let doubts: Vec<(usize, u32, String)> = unfinished
            .iter()
            .filter_map(|&step| {
                let run = &self.state.steps[step];
                Some((step, run.made, run.doubt()?))
            })
            .collect();
        let deadline = self.plan.timeout_ms.map(|ms| self.now().plus_ms(ms));
        let steps = unfinished.iter().map(|&step| self.path(step)).collect();
        self.emit(Event::RunReopened {
            actor,
            comment,
            steps,
            deadline,
            // It gave its room to another run when it ended.
            queued: self.plan.concurrency.is_some(),
        });
        for (step, attempt, message) in doubts {
            self.outcome_unknown(step, attempt, message);
        }
        if self.state.queued {
            self.ask_for_run();
        } else {
            self.look_at_everything();
        }
        Ok(())
    }

    /// Steps of a failed run that stand in the way of its success.
    fn unfinished(&self) -> Vec<usize> {
        let mut steps = Vec::new();
        let mut frames = vec![0];
        while let Some(frame) = frames.pop() {
            for step in self.state.steps_of(frame) {
                if self.is_undo(step) || !self.is_unfinished(step) {
                    continue;
                }
                steps.push(step);
                let inside = self.state.steps[step].frames.iter().copied();
                frames.extend(
                    inside.filter(|&frame| self.state.frames[frame].end != Some(FrameEnd::Done)),
                );
            }
        }
        steps.sort_unstable();
        steps
    }

    fn is_unfinished(&self, step: usize) -> bool {
        let run = &self.state.steps[step];
        match run.status {
            StepStatus::Cancelled => true,
            StepStatus::Skipped => run.skipped == Some(SkipReason::RunEnded),
            StepStatus::Failed => {
                let in_doubt = run
                    .error
                    .as_ref()
                    .is_some_and(|error| error.code == IN_DOUBT);
                in_doubt
                    || (self.plan_step(step).on_error != ErrorPolicy::Continue
                        && !self.fell_back(step))
            }
            StepStatus::Pending
            | StepStatus::Queued
            | StepStatus::InProgress
            | StepStatus::WaitingForApproval
            | StepStatus::WaitingForTimer
            | StepStatus::WaitingForExternal
            | StepStatus::OutcomeUnknown
            | StepStatus::Retrying
            | StepStatus::Completed => false,
        }
    }

    /// Has the rejected or failed step a way of its own?
    pub(super) fn has_way_on(&self, step: usize, trigger: EdgeTrigger) -> bool {
        let outline = &self.plan.outline;
        outline
            .outgoing(self.shape(step))
            .iter()
            .any(|&edge| outline.edges[edge].on == Some(trigger))
    }
}
