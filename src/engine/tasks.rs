//! A run as a list of tasks: its own steps around the one that matters now, and how each of them stands. It is small
//! however large the run is; what is inside maps and loops is not in it.

use serde::{Deserialize, Serialize};

use super::progress;
use super::state::{RunState, RunStatus, StepStatus};

/// Steps listed at most, and how many of them before the one that matters now.
const LISTED_MAX: usize = 24;
const LISTED_BEFORE: usize = 4;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskList {
    /// Of the last event in it.
    pub seq: u32,
    pub status: RunStatus,
    /// Somebody has to answer something.
    pub for_people: bool,
    /// 0 to 100.
    pub percent: u8,
    /// Steps before those that are listed.
    pub before: u32,
    pub tasks: Vec<Task>,
    /// Steps behind those that are listed.
    pub behind: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    pub name: String,
    pub status: StepStatus,
}

impl TaskList {
    pub fn of(state: &RunState) -> Self {
        // What only undoes others is no task of its own.
        let is_task = |&step: &usize| {
            state.outline.steps[state.steps[step].shape]
                .undoes
                .is_none()
        };
        let own: Vec<usize> = state.steps_of(0).filter(is_task).collect();
        let current = state.current().map_or(0, |step| {
            own.partition_point(|&own| own < outermost(state, step))
        });
        let last_first = own.len().saturating_sub(LISTED_MAX);
        let first = current.saturating_sub(LISTED_BEFORE).min(last_first);
        let tasks: Vec<Task> = own
            .iter()
            .skip(first)
            .take(LISTED_MAX)
            .map(|&step| Task {
                name: state.name(step).to_owned(),
                status: state.steps[step].status,
            })
            .collect();
        Self {
            seq: state.seq,
            status: state.status(),
            for_people: state.waiting_for_people().next().is_some(),
            percent: progress::percent(state),
            before: count(first),
            behind: count(own.len() - first - tasks.len()),
            tasks,
        }
    }
}

fn count(steps: usize) -> u32 {
    u32::try_from(steps).unwrap_or(u32::MAX)
}

/// The run's own step that is this one, or holds it.
fn outermost(state: &RunState, mut step: usize) -> usize {
    while let Some(owner) = state.frames[state.steps[step].frame].owner {
        step = owner;
    }
    step
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::compile::compile;
    use crate::engine::event::Recorded;
    use crate::engine::plan::Outline;
    use crate::engine::time::Timestamp;
    use crate::engine::tool::{Catalogue, EffectClass, ToolSpec};
    use serde_json::{Value, json};
    use std::sync::Arc;

    const OUTLINE: &str = include_str!("golden/bodies.outline.json");
    const LOG: &str = include_str!("golden/bodies.log.jsonl");

    #[test]
    fn own_steps_are_listed_whatever_is_inside_of_them() {
        let outline: Outline = serde_json::from_str(OUTLINE).expect("an outline");
        let outline = Arc::new(outline);
        let log: Vec<Recorded> = LOG
            .lines()
            .map(|line| serde_json::from_str(line).expect("an event"))
            .collect();
        for events in 0..=log.len() {
            let state = RunState::replay(Arc::clone(&outline), &log[..events]);
            let list = TaskList::of(&state);
            assert_eq!(list.seq as usize, events);
            assert_eq!((list.before, list.behind), (0, 0));
            let own: Vec<_> = state
                .steps_of(0)
                .filter(|&step| {
                    state.outline.steps[state.steps[step].shape]
                        .undoes
                        .is_none()
                })
                .map(|step| (state.name(step), state.steps[step].status))
                .collect();
            let listed = list.tasks.iter().map(|task| (&*task.name, task.status));
            assert_eq!(listed.collect::<Vec<_>>(), own, "after {events} events");
        }
    }

    #[test]
    fn of_many_steps_those_around_the_one_that_matters_are_listed() {
        let name = |number: usize| format!("step_{number}");
        let title = |number: usize| format!("Step {number}");
        let steps: Vec<Value> = (0..60)
            .map(|number| json!({ "id": name(number), "kind": "tool_call", "tool": "t.read" }))
            .collect();
        let edges: Vec<Value> = (1..60)
            .map(|number| json!({ "from": name(number - 1), "to": name(number) }))
            .collect();
        let catalogue = Catalogue::new([ToolSpec::plain("t.read", EffectClass::Read)]);
        let workflow = json!({ "name": "Many", "steps": steps, "edges": edges });
        let workflow = serde_json::from_value(workflow).expect("a workflow");
        let plan = compile(&workflow, &catalogue).expect("it compiles");
        let mut state = RunState::new(Arc::clone(&plan.outline));
        let mut apply = |event: Value| {
            let event = serde_json::from_value(event).expect("an event");
            let (seq, at) = (state.seq + 1, Timestamp::from_micros(0));
            state.apply(&Recorded { seq, at, event });
            let list = TaskList::of(&state);
            let first = list.tasks.first().map(|task| task.name.clone());
            let running = |task: &Task| task.status == StepStatus::InProgress;
            let current = list.tasks.iter().position(running);
            (list.before, first, current, list.tasks.len(), list.behind)
        };
        let begun = apply(json!({ "kind": "run_started", "input": {}, "actor": "tester" }));
        assert_eq!(begun, (0, Some(title(0)), None, 24, 36));
        for number in 0..60 {
            let running = apply(
                json!({ "kind": "attempt_started", "step": name(number), "attempt": 1, "tool": "t.read", "input": {}, "repeatable": true }),
            );
            let before = number.saturating_sub(4).min(36);
            let expected = (
                before as u32,
                Some(title(before)),
                Some(number - before),
                24,
                36 - before as u32,
            );
            assert_eq!(running, expected, "at step {number}");
            let taken: Vec<usize> = (number < 59).then_some(number).into_iter().collect();
            apply(
                json!({ "kind": "step_completed", "step": name(number), "output": {}, "taken": taken }),
            );
        }
    }
}
