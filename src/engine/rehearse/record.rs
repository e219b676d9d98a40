//! A rehearsal written down as a test case: all that was said and done, and what came of it.

use std::collections::BTreeMap;

use super::answer::{Answer, Answers, Says};
use super::case::{Case, Expect, Given};
use super::{Refusal, Rehearsal};
use crate::engine::event::Event;
use crate::engine::ids::StepPath;
use crate::engine::state::RunStatus;

impl Rehearsal {
    /// What was done so far, as a case that holds for the same workflow. What is due at this very moment happens first.
    /// The case of a run that has not ended looks at it at this moment.
    pub fn as_case(&self, name: &str) -> Result<Case, Refusal> {
        let mut settled = self.clone();
        settled.jump_by(0)?;
        Ok(Case {
            name: name.to_owned(),
            given: settled.given(),
            expect: settled.expectation(),
        })
    }

    fn given(&self) -> Given {
        Given {
            input: self.input.clone(),
            at: Some(self.begins_at),
            seed: self.seed,
            steps: shared(self.told_by_step()),
            acts: self.done.clone(),
        }
    }

    /// One answer to each question, silence included: without it the next answer would be taken for this question.
    fn told_by_step(&self) -> BTreeMap<StepPath, Answers> {
        let mut steps: BTreeMap<StepPath, Vec<Answer>> = BTreeMap::new();
        for (step, answer) in &self.told {
            let answer = answer.clone().unwrap_or(Says::Never.after_ms(0));
            steps.entry(step.clone()).or_default().push(answer);
        }
        steps
            .into_iter()
            .filter_map(|(step, answers)| Some((step, Answers::new(answers)?.shortened())))
            .collect()
    }

    fn expectation(&self) -> Expect {
        let state = self.state.status();
        let end = self.state.end.as_ref();
        let steps = self.state.steps_of(0).filter(|&step| {
            let run = &self.state.steps[step];
            self.plan.outline.steps[run.shape].undoes.is_none() || run.made > 0
        });
        Expect {
            after_ms: end.is_none().then_some(self.elapsed_ms),
            state: Some(state),
            reason: end.and_then(|end| end.reason),
            output: end
                .filter(|_| state == RunStatus::Completed)
                .map(|end| end.output.clone()),
            steps: steps
                .map(|step| (self.state.path(step), self.state.steps[step].status))
                .collect(),
            calls: self.calls_by_id(),
        }
    }

    fn calls_by_id(&self) -> BTreeMap<StepPath, u32> {
        let mut calls = BTreeMap::new();
        for step in self.attempts() {
            *calls.entry(StepPath::new(step.last())).or_default() += 1;
        }
        calls
    }

    /// The step of each attempt there was.
    pub(super) fn attempts(&self) -> impl Iterator<Item = &StepPath> {
        self.log.iter().filter_map(|recorded| {
            if let Event::AttemptStarted { step, .. } = &recorded.event {
                Some(step)
            } else {
                None
            }
        })
    }
}

/// Where all iterations of a step are always told the same, it is said once, by the step's id.
fn shared(steps: BTreeMap<StepPath, Answers>) -> BTreeMap<StepPath, Answers> {
    let mut by_id: BTreeMap<StepPath, Vec<&Answers>> = BTreeMap::new();
    for (step, answers) in &steps {
        let id = StepPath::new(step.last());
        by_id.entry(id).or_default().push(answers);
    }
    by_id.retain(|_, told| {
        let one = told[0].as_slice().len() == 1;
        one && told.iter().all(|answers| *answers == told[0])
    });
    let mut written: BTreeMap<StepPath, Answers> = by_id
        .into_iter()
        .map(|(id, told)| (id, told[0].clone()))
        .collect();
    for (step, answers) in steps {
        if !written.contains_key(step.last()) {
            written.insert(step, answers);
        }
    }
    written
}
