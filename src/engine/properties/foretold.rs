//! What was foretold of an act is what is then decided: the same refusals, and the same steps.

use crate::engine::command::{Command, Effect, Rejection, Turn};
use crate::engine::event::{Event, Resolution};
use crate::engine::foretold::{Act, Fate, Foretold, foretell};
use crate::engine::ids::StepPath;
use crate::engine::state::{RunState, StepStatus};

/// The act that the command is, if it is one of a person.
fn act_of(before: &RunState, command: &Command) -> Option<Act> {
    Some(match command {
        Command::Pause { .. } => Act::Pause,
        Command::Resume { .. } => Act::Resume,
        Command::Cancel { .. } => Act::Cancel,
        Command::Retry { .. } => Act::Retry,
        Command::Skip { step, .. } => Act::Skip(before.find(step)?),
        Command::ResolveOutcome {
            step, resolution, ..
        } => Act::Resolve(before.find(step)?, *resolution),
        Command::Decide { gate, decision, .. } => Act::Decide(before.gate(gate)?.0, *decision),
        Command::Start { .. }
        | Command::Admit { .. }
        | Command::AttemptSucceeded { .. }
        | Command::AttemptFailed { .. }
        | Command::AttemptUnknown { .. }
        | Command::AttemptStopped { .. }
        | Command::AttemptLost { .. }
        | Command::AttemptProgressed { .. }
        | Command::RunEnded { .. }
        | Command::Report { .. }
        | Command::Wake => return None,
    })
}

/// Holds what was foretold of the command against what it has led to.
pub(super) fn check_foretold(
    before: &RunState,
    command: &Command,
    moved: &Result<Turn, Rejection>,
) {
    let Some(act) = act_of(before, command) else {
        return;
    };
    match (foretell(before, act), moved) {
        (Ok(foretold), Ok(turn)) => check_turn(before, act, &foretold, turn),
        (Err(why), Err(rejection)) => {
            let rejection = rejection.to_string();
            assert!(rejection.ends_with(&why), "{act:?}: {why}; {rejection}");
        }
        // Asked for twice, it is cancelled once.
        (Err(_), Ok(turn)) => {
            assert_eq!((act, turn.events.len()), (Act::Cancel, 0), "{turn:?}");
        }
        // Whether a way can be chosen without a value, only its condition says; whose answer counts, only the gate.
        (Ok(foretold), Err(rejection)) => {
            let depends = match act {
                Act::Skip(_) => !foretold.of_fate(Fate::Perhaps).is_empty(),
                Act::Decide(..) => true,
                Act::Pause
                | Act::Resume
                | Act::Cancel
                | Act::Retry
                | Act::Again { .. }
                | Act::Fork(_)
                | Act::Resolve(..) => false,
            };
            assert!(depends, "{act:?}: {foretold:?}, but {rejection}");
        }
    }
}

fn check_turn(before: &RunState, act: Act, foretold: &Foretold, turn: &Turn) {
    match act {
        Act::Pause => {
            assert!(matches!(turn.events[..], [Event::RunPaused { .. }]));
            let running: Vec<usize> = before.running().collect();
            assert_eq!(foretold.of_fate(Fate::RunsOn), running);
        }
        Act::Resume => check_resumed(before, foretold, turn),
        Act::Cancel => check_cancelled(before, foretold, turn),
        Act::Retry => check_retried(before, foretold, turn, None),
        Act::Skip(step) => check_skipped(before, step, foretold, turn),
        Act::Resolve(step, Resolution::Happened) => check_ways(before, step, foretold, turn),
        Act::Resolve(step, Resolution::DidNot) => check_failed(before, step, foretold, turn),
        Act::Decide(step, _) => {
            let failed = |event: &Event| matches!(event, Event::StepFailed { step: of, .. } if *of == before.path(step));
            match turn.events.iter().any(failed) {
                true => check_failed(before, step, foretold, turn),
                false => check_ways(before, step, foretold, turn),
            }
        }
        Act::Resolve(_, Resolution::Retry) | Act::Again { .. } | Act::Fork(_) => {}
    }
}

/// Of what was there before, only what was held or had not begun begins.
fn check_resumed(before: &RunState, foretold: &Foretold, turn: &Turn) {
    for step in steps(before, turn, "attempt_started") {
        let held = foretold.of_fate(Fate::TakenUp).contains(&step);
        let pending = before.steps[step].status == StepStatus::Pending;
        assert!(held || pending, "{} was not foretold", before.path(step));
    }
}

fn check_cancelled(before: &RunState, foretold: &Foretold, turn: &Turn) {
    let mut stopped: Vec<usize> = turn
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Stop { step, .. } => before.find(step),
            Effect::CallTool { .. } | Effect::StartRun { .. } | Effect::AskForRoom { .. } => None,
        })
        .collect();
    stopped.sort_unstable();
    assert_eq!(foretold.of_fate(Fate::Stopped), stopped);
    let is_owner = |step: usize| {
        let run = &before.steps[step];
        run.status == StepStatus::InProgress && run.running_attempt().is_none()
    };
    let mut ended = steps(before, turn, "step_cancelled");
    ended.retain(|&step| !is_owner(step));
    assert_eq!(foretold.of_fate(Fate::Ended), ended);
    let in_doubt = steps(before, turn, "step_failed");
    assert_eq!(foretold.of_fate(Fate::InDoubt), in_doubt);
}

/// `skipped`: the step that is not done again.
fn check_retried(before: &RunState, foretold: &Foretold, turn: &Turn, skipped: Option<usize>) {
    let Some(Event::RunReopened { steps: again, .. }) = turn.events.first() else {
        panic!("it is not reopened: {turn:?}");
    };
    let fates = [Fate::Again, Fate::Begun, Fate::Asked];
    let mut told: Vec<usize> = fates
        .iter()
        .flat_map(|fate| foretold.of_fate(*fate).iter().copied())
        .chain(skipped)
        .collect();
    told.sort_unstable();
    let told: Vec<StepPath> = told.into_iter().map(|step| before.path(step)).collect();
    assert_eq!(&told, again);
    let asked = steps(before, turn, "outcome_unknown");
    assert_eq!(foretold.of_fate(Fate::Asked), asked);
}

fn check_skipped(before: &RunState, step: usize, foretold: &Foretold, turn: &Turn) {
    if before.end.is_some() {
        check_retried(before, foretold, turn, Some(step));
    }
    if before.steps[step].status == StepStatus::Pending {
        assert!(matches!(turn.events[..], [Event::SkipPlanned { .. }]));
    } else {
        check_ways(before, step, foretold, turn);
    }
    let stops = |effect: &&Effect| matches!(effect, Effect::Stop { step: of, .. } if *of == before.path(step));
    let stopped = turn.effects.iter().filter(stops).count();
    assert_eq!(foretold.of_fate(Fate::Stopped).len(), stopped);
}

/// The ways that are taken when the step ends are those that were told, and some of those that depend on a condition.
fn check_ways(before: &RunState, step: usize, foretold: &Foretold, turn: &Turn) {
    let (path, frame) = (before.path(step), before.steps[step].frame);
    let taken = turn.events.iter().find_map(|event| {
        if let Event::StepCompleted { taken, .. } | Event::StepSkipped { taken, .. } = event
            && event.step() == Some(&path)
        {
            return Some(taken);
        }
        None
    });
    // A condition that cannot be worked out fails the step instead, and a run that undoes what it did takes no way.
    let Some(taken) = taken.filter(|_| before.compensating.is_none()) else {
        return;
    };
    let to = |&edge: &usize| before.in_frame(frame, before.outline.edges[edge].to);
    let taken: Vec<usize> = taken.iter().filter_map(to).collect();
    let sure = foretold.of_fate(Fate::Next);
    let perhaps = foretold.of_fate(Fate::Perhaps);
    assert!(sure.iter().all(|next| taken.contains(next)), "{foretold:?}");
    assert!(
        taken
            .iter()
            .all(|next| sure.contains(next) || perhaps.contains(next)),
        "{foretold:?}: {taken:?}"
    );
}

fn check_failed(before: &RunState, step: usize, foretold: &Foretold, turn: &Turn) {
    let path = before.path(step);
    let failed = |event: &Event| matches!(event, Event::StepFailed { step: of, .. } if *of == path);
    assert!(turn.events.iter().any(failed), "{foretold:?}: {turn:?}");
    if foretold.first.contains("and the run with it") {
        let ends = |event: &Event| {
            matches!(
                event,
                Event::RunFinished { .. } | Event::RunCompensating { .. }
            )
        };
        assert!(turn.events.iter().any(ends), "{foretold:?}: {turn:?}");
    }
    let told = foretold.of_fate(Fate::PerhapsUndone);
    let undone = before.outline.steps.iter().filter_map(|shape| shape.undoes);
    let undone: Vec<usize> = undone.collect();
    let is_undone = |step: usize| {
        let run = &before.steps[step];
        run.status == StepStatus::Completed && undone.contains(&run.shape)
    };
    let compensates = |event: &Event| matches!(event, Event::RunCompensating { .. });
    if turn.events.iter().any(compensates) {
        let done: Vec<usize> = (0..before.steps.len())
            .filter(|&at| is_undone(at))
            .collect();
        assert_eq!(told, done, "{foretold:?}: {turn:?}");
    }
}

/// The steps that were there before, of the events of that kind.
fn steps(before: &RunState, turn: &Turn, kind: &str) -> Vec<usize> {
    let events = turn.events.iter().filter(|event| event.kind() == kind);
    let mut steps: Vec<usize> = events
        .filter_map(|event| before.find(event.step()?))
        .collect();
    steps.sort_unstable();
    steps
}
