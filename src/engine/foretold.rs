//! What an act would do to a run as it stands, told before it is done: what is stopped, what is done again, what would take
//! place a second time, or why it cannot be. Read from the state alone, so that a browser tells it too; the property test
//! holds it against what `decide` then does.

mod told;

use super::event::{Decision, Resolution, SkipReason};
use super::failure::IN_DOUBT;
use super::fork::{kept, takes_over};
use super::limits::CANCEL_GRACE_MS;
use super::state::{
    Attempt, AttemptOutcome, EdgeState, FrameEnd, RunState, RunStatus, StepRun, StepStatus,
};
use super::workflow::{EdgeTrigger, StepKind};
pub use told::{Fate, Foretold};

/// What somebody is about to do. Steps are positions among those of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Pause,
    Resume,
    Cancel,
    /// A failed run goes on from what failed.
    Retry,
    /// A new run of this version, which is the run's own.
    Again {
        version: u32,
    },
    Skip(usize),
    /// A new run that begins at this step.
    Fork(usize),
    Resolve(usize, Resolution),
    Decide(usize, Decision),
}

/// What the act would do now; else why it is not allowed, as the end of a sentence.
///
/// # Errors
/// The act would be refused.
pub fn foretell(state: &RunState, act: Act) -> Result<Foretold, String> {
    match act {
        Act::Pause => pause(state),
        Act::Resume => resume(state),
        Act::Cancel => cancel(state),
        Act::Retry => retry(state, None),
        Act::Again { version } => Ok(Foretold {
            first: format!(
                "A new run of version {version} begins with the same input; people are asked anew."
            ),
            ..Foretold::of(vec![(Fate::Twice, all(state, took_effect))], "")
        }),
        Act::Skip(step) => skip(state, step),
        Act::Fork(step) => fork(state, step),
        Act::Resolve(step, resolution) => resolve(state, step, resolution),
        Act::Decide(step, Decision::Approve) => {
            let way = behind(state, step, None, "");
            Ok(match (has_way(&way), state.steps[step].frame) {
                (true, _) => way,
                (false, 0) => Foretold::of(Vec::new(), "Nothing else waits for this answer."),
                (false, _) => Foretold::of(
                    Vec::new(),
                    "That is the end of the item or round that it is in.",
                ),
            })
        }
        Act::Decide(step, Decision::Reject) => {
            let way = behind(state, step, Some(EdgeTrigger::Rejected), "");
            Ok(match has_way(&way) {
                true => way,
                false => fails(state, step),
            })
        }
    }
}

fn all(state: &RunState, which: impl Fn(&RunState, usize) -> bool) -> Vec<usize> {
    (0..state.steps.len())
        .filter(|&step| which(state, step))
        .collect()
}

fn open(state: &RunState) -> Result<(), String> {
    match (state.started_at, &state.end) {
        (None, _) => Err("the run has not started".to_owned()),
        (Some(_), Some(_)) => Err("the run has ended".to_owned()),
        (Some(_), None) => Ok(()),
    }
}

fn pause(state: &RunState) -> Result<Foretold, String> {
    open(state)?;
    if state.cancelling.is_some() {
        return Err("the run is ending".to_owned());
    }
    if state.paused.is_some() {
        return Err("the run is paused already".to_owned());
    }
    let running = state.running().collect();
    let last = "Nothing else starts until the run is resumed.";
    Ok(Foretold::of(vec![(Fate::RunsOn, running)], last))
}

fn resume(state: &RunState) -> Result<Foretold, String> {
    open(state)?;
    if state.paused.is_none() {
        return Err("the run is not paused".to_owned());
    }
    let held = |state: &RunState, step: usize| match state.steps[step].status {
        StepStatus::Queued | StepStatus::Retrying => true,
        StepStatus::Pending
        | StepStatus::InProgress
        | StepStatus::WaitingForApproval
        | StepStatus::WaitingForTimer
        | StepStatus::WaitingForExternal
        | StepStatus::OutcomeUnknown
        | StepStatus::Completed
        | StepStatus::Failed
        | StepStatus::Skipped
        | StepStatus::Cancelled => false,
    };
    let last = "Whatever may begin by now begins.";
    Ok(Foretold::of(vec![(Fate::TakenUp, all(state, held))], last))
}

fn cancel(state: &RunState) -> Result<Foretold, String> {
    open(state)?;
    if state.cancelling.is_some() {
        return Err("the run is being cancelled already".to_owned());
    }
    let (mut stopped, mut ended, mut in_doubt) = (Vec::new(), Vec::new(), Vec::new());
    for (at, step) in state.steps.iter().enumerate() {
        let running = step.running_attempt();
        match step.status {
            StepStatus::Completed
            | StepStatus::Failed
            | StepStatus::Skipped
            | StepStatus::Cancelled => {}
            StepStatus::Pending if is_undo(state, at) => {}
            // A map or a loop ends with what it holds.
            StepStatus::InProgress => stopped.extend(running.map(|_| at)),
            StepStatus::Pending
            | StepStatus::Queued
            | StepStatus::WaitingForApproval
            | StepStatus::WaitingForTimer
            | StepStatus::WaitingForExternal
            | StepStatus::OutcomeUnknown
            | StepStatus::Retrying => {
                let unsure = running.is_some_and(|attempt| !attempt.repeatable);
                match unsure || step.unknown.is_some() {
                    true => in_doubt.push(at),
                    false => ended.push(at),
                }
            }
        }
    }
    let grace = match stopped.is_empty() {
        true => String::new(),
        false => format!(
            "What does not stop within {} s is given up. ",
            CANCEL_GRACE_MS / 1_000
        ),
    };
    let done = match state.compensating {
        None => "What has been done stays done.",
        Some(_) => "Nothing more is undone.",
    };
    let steps = vec![
        (Fate::Stopped, stopped),
        (Fate::Ended, ended),
        (Fate::InDoubt, in_doubt),
    ];
    Ok(Foretold::of(steps, &format!("{grace}{done}")))
}

/// `skipped`: a failed step that is skipped instead of being done again.
fn retry(state: &RunState, skipped: Option<usize>) -> Result<Foretold, String> {
    if state.status() != RunStatus::Failed {
        let status = state.status().as_str();
        return Err(format!(
            "only a failed run can be retried; this one is {status}"
        ));
    }
    if state.compensating.is_some() {
        return Err("what this run did has been undone: run it again instead".to_owned());
    }
    let (mut again, mut begun, mut asked) = (Vec::new(), Vec::new(), Vec::new());
    for step in unfinished(state) {
        let run = &state.steps[step];
        match (run.doubt().is_some(), run.status == StepStatus::Skipped) {
            _ if skipped == Some(step) => {}
            (true, _) => asked.push(step),
            (false, true) => begun.push(step),
            (false, false) => again.push(step),
        }
    }
    let completed = |state: &RunState, step: usize| {
        state.steps[step].status == StepStatus::Completed && !is_undo(state, step)
    };
    let last = match all(state, completed).len() {
        0 => String::new(),
        1 => "The one step that is completed stays so.".to_owned(),
        stay => format!("The {stay} steps that are completed stay so."),
    };
    let steps = vec![
        (Fate::Asked, asked),
        (Fate::Again, again),
        (Fate::Begun, begun),
    ];
    Ok(Foretold::of(steps, &last))
}

/// Steps of a failed run that stand in the way of its success.
fn unfinished(state: &RunState) -> Vec<usize> {
    let mut steps = Vec::new();
    let mut frames = vec![0];
    while let Some(frame) = frames.pop() {
        for step in state.steps_of(frame) {
            if is_undo(state, step) || !is_unfinished(state, step) {
                continue;
            }
            steps.push(step);
            let inside = state.steps[step].frames.iter().copied();
            frames.extend(inside.filter(|&frame| state.frames[frame].end != Some(FrameEnd::Done)));
        }
    }
    steps.sort_unstable();
    steps
}

fn is_unfinished(state: &RunState, step: usize) -> bool {
    let run = &state.steps[step];
    match run.status {
        StepStatus::Cancelled => true,
        StepStatus::Skipped => run.skipped == Some(SkipReason::RunEnded),
        StepStatus::Failed => {
            let error = run.error.as_ref();
            let in_doubt = error.is_some_and(|error| error.code == IN_DOUBT);
            in_doubt || !(state.outline.steps[run.shape].goes_on || fell_back(state, run))
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

/// Did the failed step lead to its fallback?
fn fell_back(state: &RunState, run: &StepRun) -> bool {
    let mut ways = state.outline.outgoing(run.shape).iter();
    ways.any(|&edge| {
        state.outline.edges[edge].on == Some(EdgeTrigger::Failed)
            && state.edges[state.edge_in(run.frame, edge)] == EdgeState::Taken
    })
}

fn is_undo(state: &RunState, step: usize) -> bool {
    state.outline.steps[state.steps[step].shape]
        .undoes
        .is_some()
}

fn skip(state: &RunState, step: usize) -> Result<Foretold, String> {
    let run = &state.steps[step];
    if state.outline.steps[run.shape].kind == StepKind::HumanGate {
        return Err("a gate is decided, not skipped".to_owned());
    }
    if is_undo(state, step) {
        return Err("say what became of it instead".to_owned());
    }
    if state.outline.holds_gate(run.shape) {
        return Err("it holds a gate, and a gate is decided, not skipped".to_owned());
    }
    if state.end.is_some() && run.status == StepStatus::Failed && unfinished(state).contains(&step)
    {
        return skip_failed(state, step);
    }
    open(state)?;
    if state.cancelling.is_some() || state.compensating.is_some() {
        return Err("the run is ending".to_owned());
    }
    let mut foretold = behind(state, step, None, "It has no output then.");
    match run.status {
        StepStatus::Pending => {
            "When its turn comes it is not done.".clone_into(&mut foretold.first)
        }
        StepStatus::Queued
        | StepStatus::Retrying
        | StepStatus::WaitingForTimer
        | StepStatus::WaitingForExternal => {}
        StepStatus::InProgress => match run.running_attempt() {
            None => return Err("skip what is inside it".to_owned()),
            Some(attempt) if !attempt.repeatable => {
                return Err("it may be taking effect at this moment".to_owned());
            }
            Some(_) => foretold.steps.insert(0, (Fate::Stopped, vec![step])),
        },
        StepStatus::OutcomeUnknown => return Err("say first whether it happened".to_owned()),
        StepStatus::WaitingForApproval => return Err("it waits for an answer".to_owned()),
        StepStatus::Completed
        | StepStatus::Failed
        | StepStatus::Skipped
        | StepStatus::Cancelled => return Err("it has ended".to_owned()),
    }
    Ok(foretold)
}

/// The run goes on behind a step that has failed and is not to be done again.
fn skip_failed(state: &RunState, step: usize) -> Result<Foretold, String> {
    let mut inside = state.steps[step].frames.iter();
    if inside.any(|&frame| state.frames[frame].end != Some(FrameEnd::Done)) {
        return Err("skip what has failed inside it".to_owned());
    }
    if state.steps[step].doubt().is_some() {
        return Err("say first whether it happened: retry the run, and answer".to_owned());
    }
    let others = retry(state, Some(step))?;
    let way = behind(state, step, None, "");
    let steps = way.steps.into_iter().chain(others.steps).collect();
    Ok(Foretold::of(steps, &others.last))
}

fn fork(state: &RunState, step: usize) -> Result<Foretold, String> {
    let kept = kept(state, &state.path(step)).map_err(|error| error.to_string())?;
    let first = match kept.len() {
        0 => "Nothing has to be taken over.".to_owned(),
        1 => "What 1 step gave is taken over.".to_owned(),
        count => format!("What {count} steps gave is taken over."),
    };
    let is_kept = |step: usize| {
        let around = |&at: &usize| state.frames[state.steps[at].frame].owner;
        std::iter::successors(Some(step), around).any(|at| kept.contains_key(&state.path(at)))
    };
    let was_done = |state: &RunState, step: usize| {
        let run = &state.steps[step];
        let is_work = takes_over(state.outline.steps[run.shape].kind) && !is_undo(state, step);
        is_work && (run.made > 0 || run.kept || !run.frames.is_empty())
    };
    let mut again = all(state, was_done);
    again.retain(|&step| !is_kept(step));
    let twice = again.iter().copied();
    let twice = twice.filter(|&step| took_effect(state, step)).collect();
    Ok(Foretold {
        first,
        ..Foretold::of(
            vec![(Fate::Again, again), (Fate::Twice, twice)],
            "What comes after this step follows, and people are asked anew.",
        )
    })
}

/// It has changed something outside, as far as the run knows, and that has not been undone. What a tool may repeat without
/// harm does not count.
fn took_effect(state: &RunState, step: usize) -> bool {
    let run = &state.steps[step];
    let counts = |attempt: &Attempt| {
        attempt.outcome == AttemptOutcome::Succeeded
            && !(attempt.repeatable && attempt.by.is_tool())
    };
    let undo = state.outline.undone_by(run.shape);
    let undo = undo.and_then(|undo| state.in_frame(run.frame, undo));
    let is_undone = undo.is_some_and(|undo| state.steps[undo].status == StepStatus::Completed);
    !is_undone && !is_undo(state, step) && run.attempts.iter().any(counts)
}

fn resolve(state: &RunState, step: usize, resolution: Resolution) -> Result<Foretold, String> {
    open(state)?;
    let run = &state.steps[step];
    if run.status != StepStatus::OutcomeUnknown {
        return Err("it does not wait for anyone to say what happened".to_owned());
    }
    let undoing = state.compensating.is_some() && !is_undo(state, step);
    let can_be_undone = state.outline.undone_by(run.shape).is_some();
    let says = |text: &str| Ok(Foretold::of(Vec::new(), text));
    match resolution {
        Resolution::Retry if undoing => {
            Err("the run undoes what it did: say whether this happened".to_owned())
        }
        Resolution::Retry => says("It is sent once more."),
        Resolution::Happened if undoing && can_be_undone => {
            says("The step counts as completed, and is undone.")
        }
        Resolution::Happened if state.compensating.is_some() => {
            says("The step counts as completed.")
        }
        Resolution::Happened => Ok(Foretold {
            first: "The step counts as completed.".to_owned(),
            ..behind(state, step, None, "")
        }),
        Resolution::DidNot if is_undo(state, step) => says("It stays as it is."),
        Resolution::DidNot if undoing => says("The step fails, and there is nothing to undo."),
        Resolution::DidNot => Ok(fails(state, step)),
    }
}

/// Where the run goes on when the step has ended, on ways of that kind.
fn behind(state: &RunState, step: usize, on: Option<EdgeTrigger>, last: &str) -> Foretold {
    let (run, outline) = (&state.steps[step], &state.outline);
    let ways = outline.outgoing(run.shape).iter();
    let ways: Vec<_> = ways.map(|&edge| &outline.edges[edge]).collect();
    let ways = || ways.iter().filter(|way| way.on == on);
    let chooses = ways().any(|way| way.when.is_some());
    let sure = |sure: bool| {
        let ways = ways().filter(|way| (way.when.is_none() && !(way.default && chooses)) == sure);
        let steps = ways.filter_map(|way| state.in_frame(run.frame, way.to));
        steps.collect::<Vec<_>>()
    };
    let steps = vec![(Fate::Next, sure(true)), (Fate::Perhaps, sure(false))];
    Foretold::of(steps, last)
}

fn has_way(foretold: &Foretold) -> bool {
    foretold.steps.iter().any(|(_, steps)| !steps.is_empty())
}

/// What follows when the step has failed for good.
fn fails(state: &RunState, step: usize) -> Foretold {
    let run = &state.steps[step];
    let fallback = behind(state, step, Some(EdgeTrigger::Failed), "");
    let way = match (has_way(&fallback), state.outline.steps[run.shape].goes_on) {
        (true, _) => fallback,
        (false, true) => behind(state, step, None, "The run goes on with what is known."),
        (false, false) => {
            let undone = all(state, can_be_undone);
            return Foretold {
                first: match run.frame {
                    0 => "The step fails, and the run with it.",
                    _ => "The step fails, and with it the item or round that it is in.",
                }
                .to_owned(),
                ..Foretold::of(vec![(Fate::PerhapsUndone, undone)], "")
            };
        }
    };
    Foretold {
        first: "The step fails.".to_owned(),
        ..way
    }
}

/// It is completed, and has a step that undoes it. Whether a run that fails undoes what it did, its workflow says, and not
/// its outline.
fn can_be_undone(state: &RunState, step: usize) -> bool {
    let run = &state.steps[step];
    run.status == StepStatus::Completed && state.outline.undone_by(run.shape).is_some()
}

#[cfg(test)]
mod tests;
