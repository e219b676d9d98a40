//! What a draft would have made of runs that have taken place: each is played again on the draft, with the answers that
//! the world gave then, and compared.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::case::{Deed, Given};
use super::check::difference;
use super::{Rehearsal, Unscripted};
use crate::engine::compile::compile;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::diff::{What, diff};
use crate::engine::event::{EndState, Event, Recorded};
use crate::engine::ids::{RunId, StepPath};
use crate::engine::places::Places;
use crate::engine::plan::Plan;
use crate::engine::time::Timestamp;
use crate::engine::tool::Catalogue;
use crate::engine::workflow::Workflow;

/// Differences told of one run: of a map there may be thousands.
const DIFFERENCES_MAX: usize = 12;

/// A run as it took place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    pub run_id: RunId,
    pub version: u32,
    pub events: Vec<Recorded>,
}

/// What the draft would have made of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub run_id: RunId,
    pub version: u32,
    pub began: Option<Timestamp>,
    pub course: Course,
    /// Sentences, the most telling first; none when it would have gone the same way.
    pub differences: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Course {
    Same,
    /// The same steps would have run, and the run would have given something else.
    OtherResult,
    /// Other steps would have run, or ended otherwise.
    OtherPath,
    /// It would have asked people other questions.
    OtherGate,
    /// The draft does not take this run's input, or never comes to an end with it.
    Impossible,
}

/// Plays the runs on the draft. `before` is the version that they are compared with where steps got other ids.
pub fn impact(
    before: &Workflow,
    draft: &Workflow,
    catalogue: &Catalogue,
    runs: &[Taken],
) -> Result<Vec<Outcome>, Vec<Diagnostic>> {
    let plan = Arc::new(compile(draft, catalogue)?);
    let changed = Changed::between(before, draft);
    let outcomes = runs.iter().map(|run| outcome(&plan, draft, &changed, run));
    Ok(outcomes.collect())
}

/// Which steps are not in both.
struct Changed {
    /// New ids by old.
    renamed: BTreeMap<String, String>,
    /// Only in the draft.
    added: BTreeSet<String>,
    /// Only in the version before.
    removed: BTreeSet<String>,
}

impl Changed {
    fn between(before: &Workflow, draft: &Workflow) -> Self {
        let changes = diff(before, draft);
        let renamed = changes.iter().filter_map(|change| {
            let about = change
                .about
                .as_ref()
                .filter(|_| change.what == What::StepRenamed)?;
            Some((
                about.old.as_ref()?.to_string(),
                about.new.as_ref()?.to_string(),
            ))
        });
        let renamed: BTreeMap<String, String> = renamed.collect();
        let ids = |workflow: &Workflow| -> BTreeSet<String> {
            let places = Places::new(workflow);
            let steps = places.steps().iter();
            steps.map(|placed| placed.step.id.to_string()).collect()
        };
        let (old, new) = (ids(before), ids(draft));
        let old: BTreeSet<String> = old
            .into_iter()
            .map(|id| renamed.get(&id).cloned().unwrap_or(id))
            .collect();
        Self {
            added: new.difference(&old).cloned().collect(),
            removed: old.difference(&new).cloned().collect(),
            renamed,
        }
    }

    /// The path of the same step in the draft.
    fn path(&self, old: &StepPath) -> StepPath {
        old.renamed(|ids, which| self.renamed.get(ids[which]).cloned())
    }

    /// The step itself, without what stands for its approval or undoes it.
    fn is_in(&self, ids: &BTreeSet<String>, path: &StepPath) -> bool {
        let id = path.last();
        let own = id.split_once('.').map_or(id, |(own, _)| own);
        ids.contains(own)
    }
}

fn outcome(plan: &Arc<Plan>, draft: &Workflow, changed: &Changed, run: &Taken) -> Outcome {
    let told = |course, differences| Outcome {
        run_id: run.run_id.clone(),
        version: run.version,
        began: run.events.first().map(|first| first.at),
        course,
        differences,
    };
    let Some(mut given) = Given::of_log(&run.events) else {
        let why = "Its log does not begin with a start.".to_owned();
        return told(Course::Impossible, vec![why]);
    };
    given.steps = given
        .steps
        .into_iter()
        .map(|(path, answers)| (changed.path(&path), answers))
        .collect();
    for act in &mut given.acts {
        if let Deed::Skip(step) = &mut act.deed {
            *step = changed.path(step);
        }
    }
    let inputs = draft.inputs.as_ref();
    let rehearsal = Rehearsal::of_plan(Arc::clone(plan), inputs, &given, Unscripted::default());
    let then = Footprint::of(&run.events, |path| changed.path(path));
    let rehearsal = rehearsal.and_then(|mut rehearsal| {
        rehearsal.called_with = Some(inputs_of(&run.events, changed));
        match then.end {
            Some(_) => rehearsal.run_until_asked()?,
            // One that has not ended is played as far as it has come.
            None => rehearsal.jump_to_ms(elapsed_ms(&run.events))?,
        }
        Ok(rehearsal)
    });
    match rehearsal {
        Err(refusal) => told(Course::Impossible, vec![refusal.sentence()]),
        Ok(rehearsal) => {
            let now = Footprint::of(rehearsal.log(), Clone::clone);
            let comparison = Comparison {
                then: &then,
                now: &now,
                waits_at: rehearsal.open().map(|ask| ask.step.clone()).collect(),
                changed,
                plan,
            };
            let (course, differences) = comparison.tell();
            told(course, differences)
        }
    }
}

/// With what each step was called last.
fn inputs_of(log: &[Recorded], changed: &Changed) -> BTreeMap<StepPath, Value> {
    let mut inputs = BTreeMap::new();
    for recorded in log {
        if let Event::AttemptStarted { step, input, .. } = &recorded.event {
            inputs.insert(changed.path(step), input.clone());
        }
    }
    inputs
}

fn elapsed_ms(log: &[Recorded]) -> u64 {
    let ends = log.first().zip(log.last());
    ends.map_or(0, |(first, last)| last.at.ms_since(first.at))
}

/// What is left of a log when the times are taken out: how each step ended, who was asked, how the run ended.
struct Footprint {
    steps: BTreeMap<StepPath, Ended>,
    /// Gates that were put before a person, and whether they have been answered.
    gates: BTreeMap<StepPath, bool>,
    end: Option<EndState>,
    output: Value,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Completed,
    Failed,
    Skipped,
    Cancelled,
}

impl Ended {
    fn word(self) -> &'static str {
        match self {
            Ended::Completed => "completes",
            Ended::Failed => "fails",
            Ended::Skipped => "is skipped",
            Ended::Cancelled => "is cancelled",
        }
    }

    fn past(self) -> &'static str {
        match self {
            Ended::Completed => "completed",
            Ended::Failed => "failed",
            Ended::Skipped => "was skipped",
            Ended::Cancelled => "was cancelled",
        }
    }
}

impl Footprint {
    fn of(log: &[Recorded], path: impl Fn(&StepPath) -> StepPath) -> Self {
        let mut left = Self {
            steps: BTreeMap::new(),
            gates: BTreeMap::new(),
            end: None,
            output: Value::Null,
        };
        for recorded in log {
            if let Some((step, ended)) = ending(&recorded.event) {
                left.steps.insert(path(step), ended);
            }
            if let Event::GateOpened { step, .. } = &recorded.event {
                left.gates.insert(path(step), false);
            }
            if let Event::GateDecided { step, .. } | Event::GateExpired { step, .. } =
                &recorded.event
            {
                left.gates.insert(path(step), true);
            }
            if let Event::RunReopened { steps, .. } = &recorded.event {
                left.end = None;
                for step in steps {
                    left.steps.remove(&path(step));
                }
            }
            if let Event::RunFinished { state, output, .. } = &recorded.event {
                left.end = Some(*state);
                left.output = output.clone();
            }
        }
        left
    }
}

fn ending(event: &Event) -> Option<(&StepPath, Ended)> {
    if let Event::StepCompleted { step, .. } = event {
        Some((step, Ended::Completed))
    } else if let Event::StepFailed { step, .. } = event {
        Some((step, Ended::Failed))
    } else if let Event::StepSkipped { step, .. } = event {
        Some((step, Ended::Skipped))
    } else if let Event::StepCancelled { step } = event {
        Some((step, Ended::Cancelled))
    } else {
        None
    }
}

struct Comparison<'a> {
    then: &'a Footprint,
    now: &'a Footprint,
    /// Where the draft's run waits for somebody.
    waits_at: Vec<StepPath>,
    changed: &'a Changed,
    plan: &'a Plan,
}

impl Comparison<'_> {
    fn tell(&self) -> (Course, Vec<String>) {
        let (gates, path) = (self.gates(), self.path());
        let goes_alike = gates.is_empty() && path.is_empty();
        let result = goes_alike.then(|| self.result()).flatten();
        let course = match (gates.is_empty(), path.is_empty(), &result) {
            (false, _, _) => Course::OtherGate,
            (true, false, _) => Course::OtherPath,
            (true, true, Some(_)) => Course::OtherResult,
            (true, true, None) => Course::Same,
        };
        let mut told: Vec<String> = gates.into_iter().chain(path).chain(result).collect();
        let more = told.len().saturating_sub(DIFFERENCES_MAX);
        if more > 0 {
            told.truncate(DIFFERENCES_MAX);
            told.push(format!("And {more} more."));
        }
        (course, told)
    }

    fn gates(&self) -> Vec<String> {
        let (then, now) = (&self.then.gates, &self.now.gates);
        let asked = now.iter().filter(|(path, _)| !then.contains_key(*path));
        let asked = asked.map(|(path, answered)| match answered {
            true => format!("It asks at {}, which it did not.", self.name(path)),
            false => format!(
                "It stops at {} for an answer that nobody gave then.",
                self.name(path)
            ),
        });
        let spared = then.keys().filter(|path| !now.contains_key(*path));
        let spared = spared.map(|path| format!("It does not ask at {} any more.", self.name(path)));
        asked.chain(spared).collect()
    }

    /// What the run gives now, where it gave something else.
    fn result(&self) -> Option<String> {
        if self.then.end != Some(EndState::Completed) || self.now.end.is_none() {
            return None;
        }
        let (then, now) = (timeless(&self.then.output), timeless(&self.now.output));
        let (at, was, is) = difference(&then, &now, String::new())?;
        let what = match at.as_str() {
            "" => "The result".to_owned(),
            at => format!("`{at}` of the result"),
        };
        Some(format!("{what} was `{was}`; now: {is}."))
    }

    fn path(&self) -> Vec<String> {
        let mut told = Vec::new();
        if let (Some(then), Some(now)) = (self.then.end, self.now.end)
            && then != now
        {
            let (then, now) = (end_word(then), end_word(now));
            told.push(format!("The run ends {now}; it ended {then}."));
        }
        if self.then.end.is_some() && self.now.end.is_none() {
            // Gates are told of by themselves.
            let gates = &self.now.gates;
            let others = self
                .waits_at
                .iter()
                .filter(|path| !gates.contains_key(*path));
            told.extend(others.map(|path| {
                format!(
                    "It waits at {} for an answer that nobody gave then.",
                    self.name(path)
                )
            }));
            if told.is_empty() && gates.values().all(|answered| *answered) {
                told.push("The run does not come to its end.".to_owned());
            }
        }
        for (path, now) in &self.now.steps {
            let name = self.name(path);
            match self.then.steps.get(path) {
                Some(then) if then == now => {}
                Some(then) => {
                    let (now, then) = (now.word(), then.past());
                    told.push(format!("{name} {now}; it {then}."));
                }
                // One that did not run, and was not there, is no other path.
                None if *now == Ended::Skipped => {}
                None if self.changed.is_in(&self.changed.added, path) => {
                    told.push(format!("{name}, which is new, {}.", now.word()));
                }
                // What had not been reached then.
                None if self.then.end.is_none() => {}
                None => told.push(format!("{name} {}; there was none then.", now.word())),
            }
        }
        for (path, then) in &self.then.steps {
            let is_gone = !self.now.steps.contains_key(path) && *then != Ended::Skipped;
            if is_gone && self.changed.is_in(&self.changed.removed, path) {
                told.push(format!(
                    "{} {}; it is not there any more.",
                    self.name(path),
                    then.past()
                ));
            } else if is_gone && self.now.end.is_some() {
                told.push(format!(
                    "{} {}; now it does not come to that.",
                    self.name(path),
                    then.past()
                ));
            }
        }
        told
    }

    /// As people read it.
    fn name(&self, path: &StepPath) -> String {
        let mut steps = self.plan.outline.steps.iter();
        let found = steps.find(|step| step.id.as_str() == path.last());
        let name = found.map_or(path.last(), |step| step.name.as_str());
        match path.last() == path.as_str() {
            true => format!("*{name}*"),
            false => format!("*{name}* (`{path}`)"),
        }
    }
}

/// The value with its moments alike: a run that is played again is answered to the millisecond, and not to the microsecond.
fn timeless(value: &Value) -> Value {
    match value {
        Value::String(text) if text.parse::<jiff::Timestamp>().is_ok() => json!("a moment"),
        Value::Array(items) => items.iter().map(timeless).collect(),
        Value::Object(fields) => {
            let fields = fields.iter();
            let fields = fields.map(|(name, value)| (name.clone(), timeless(value)));
            Value::Object(fields.collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn end_word(end: EndState) -> &'static str {
    match end {
        EndState::Completed => "completed",
        EndState::Failed => "failed",
        EndState::Cancelled => "cancelled",
    }
}
