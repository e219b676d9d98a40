//! Forking a run: what a new run takes over from an old one when it begins at a given step. Everything that had been
//! completed and does not come after that step; gates never, so that an approval is given for one run only.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

use super::ids::StepPath;
use super::limits::KEPT_BYTES_MAX;
use super::plan::Outline;
use super::state::{RunState, StepStatus};
use super::workflow::StepKind;

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ForkError {
    #[error("there is no step `{0}` in this run")]
    UnknownStep(StepPath),
    #[error(
        "what was done before that step is larger than {KEPT_BYTES_MAX} bytes; run it again from the start"
    )]
    TooLarge,
    #[error("what this run did has been undone: run it again instead")]
    Undone,
}

/// The outputs of the steps that a run forked from `from` need not do again.
pub fn kept(state: &RunState, from: &StepPath) -> Result<BTreeMap<StepPath, Value>, ForkError> {
    let step = state
        .find(from)
        .ok_or_else(|| ForkError::UnknownStep(from.clone()))?;
    if state.compensating.is_some() {
        return Err(ForkError::Undone);
    }
    let done_again = done_again(state, step);
    let mut kept = BTreeMap::new();
    let mut bytes = 0;
    let mut frames = vec![0];
    while let Some(frame) = frames.pop() {
        for step in state.steps_of(frame) {
            let run = &state.steps[step];
            if done_again.after.contains(&step) {
                continue;
            }
            let around = done_again.around.get(&step);
            if let (StepStatus::Completed, None, Some(output)) = (run.status, around, &run.output) {
                if takes_over(state.outline.steps[run.shape].kind) {
                    bytes += output.to_string().len();
                    kept.insert(state.path(step), output.clone());
                }
                continue;
            }
            // Of a loop only the rounds before the one in question: each builds on the one before it.
            let is_loop = state.outline.steps[run.shape].kind == StepKind::Loop;
            let rounds = match around {
                Some(&index) if is_loop => index as usize + 1,
                Some(_) | None => run.frames.len(),
            };
            frames.extend(run.frames.iter().take(rounds));
        }
    }
    if bytes > KEPT_BYTES_MAX {
        return Err(ForkError::TooLarge);
    }
    Ok(kept)
}

struct DoneAgain {
    /// The step itself and whatever comes after it, or after a map or loop around it.
    after: BTreeSet<usize>,
    /// Maps and loops around the step, each with the iteration in question.
    around: BTreeMap<usize, u32>,
}

fn done_again(state: &RunState, step: usize) -> DoneAgain {
    let mut after = BTreeSet::from([step]);
    let mut around = BTreeMap::new();
    let mut at = step;
    loop {
        let frame = state.steps[at].frame;
        add_followers(state, at, &mut after);
        let Some(owner) = state.frames[frame].owner else {
            return DoneAgain { after, around };
        };
        around.insert(owner, state.frames[frame].index);
        at = owner;
    }
}

/// Adds the steps of the same frame to which a way leads from here.
fn add_followers(state: &RunState, step: usize, after: &mut BTreeSet<usize>) {
    let frame = state.steps[step].frame;
    let outline = &state.outline;
    let mut open = vec![step];
    while let Some(at) = open.pop() {
        for &edge in outline.outgoing(state.steps[at].shape) {
            let next = state.in_frame(frame, outline.edges[edge].to);
            if let Some(next) = next.filter(|&next| after.insert(next)) {
                open.push(next);
            }
        }
    }
}

/// Leaves what another run can rely on: steps that are the same kind of work in its version; and with another input
/// nothing inside maps and loops, because what is the fourth item now may have been another one.
pub fn fitting(
    mut kept: BTreeMap<StepPath, Value>,
    was: &Outline,
    becomes: &Outline,
    same_input: bool,
) -> BTreeMap<StepPath, Value> {
    let work = |outline: &Outline, path: &StepPath| {
        let step = &outline.steps[outline.position(path.last())?];
        Some((step.kind, step.tool.clone()))
    };
    kept.retain(|path, _| {
        let same_work = work(was, path).is_some() && work(was, path) == work(becomes, path);
        same_work && (same_input || path.last() == path.as_str())
    });
    kept
}

/// Is its output worth anything to another run? What is worked out from other values is worked out anew, so that the
/// ways a run takes always follow from its own input; and an approval is given for one run.
pub fn takes_over(kind: StepKind) -> bool {
    match kind {
        StepKind::ToolCall
        | StepKind::Map
        | StepKind::Loop
        | StepKind::Wait
        | StepKind::Subworkflow
        | StepKind::External => true,
        StepKind::HumanGate
        | StepKind::Condition
        | StepKind::Transform
        | StepKind::Parallel
        | StepKind::Join => false,
    }
}
