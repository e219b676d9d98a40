//! The answers that are ready beforehand, and how far they have been used up.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

use super::answer::{Answer, Answers, Says};
use super::example::example_output;
use crate::engine::ids::StepPath;
use crate::engine::tool::ToolSpec;

/// What a call does for which the script has no answer. Of what people, other runs and somebody outside would say there
/// is no example: they are always waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "tools", rename_all = "snake_case")]
pub enum Unscripted {
    /// It returns an example of what its tool gives.
    Example { after_ms: u64 },
    /// It waits to be told.
    Wait,
}

impl Default for Unscripted {
    fn default() -> Self {
        Unscripted::Example { after_ms: 0 }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Script {
    steps: BTreeMap<StepPath, Answers>,
    /// How many answers of each list have been given.
    used: BTreeMap<StepPath, usize>,
    pub unscripted: Unscripted,
}

impl Script {
    pub fn new(steps: BTreeMap<StepPath, Answers>, unscripted: Unscripted) -> Self {
        Self {
            steps,
            used: BTreeMap::new(),
            unscripted,
        }
    }

    /// What the step says from now on. `step` is a path, or an id for all iterations; no answers take back what was
    /// chosen.
    pub fn choose(&mut self, step: StepPath, answers: Option<Answers>) {
        self.used.remove(&step);
        match answers {
            Some(answers) => self.steps.insert(step, answers),
            None => self.steps.remove(&step),
        };
    }

    pub fn chosen(&self, step: &StepPath) -> Option<&Answers> {
        self.steps.get(step)
    }

    /// The next answer of the step to a question that `fits` tells. One that does not fit is kept for a later question.
    pub(super) fn next(&mut self, path: &StepPath, fits: impl Fn(&Says) -> bool) -> Option<Answer> {
        let by_id = StepPath::new(path.last());
        let key = [path.clone(), by_id]
            .into_iter()
            .find(|key| self.steps.contains_key(key))?;
        let answers = self.steps.get(&key)?.as_slice();
        let used = self.used.entry(key).or_default();
        match answers.get(*used) {
            Some(next) if fits(&next.says) => {
                *used += 1;
                Some(next.clone())
            }
            Some(_) => None,
            None => answers
                .iter()
                .rev()
                .find(|answer| fits(&answer.says))
                .cloned(),
        }
    }

    /// To a call with this input.
    pub(super) fn example(&self, spec: &ToolSpec, input: &Value) -> Option<Answer> {
        match self.unscripted {
            Unscripted::Example { after_ms } => {
                let output = example_output(spec, input);
                Some(Says::Returns(output).after_ms(after_ms))
            }
            Unscripted::Wait => None,
        }
    }
}
