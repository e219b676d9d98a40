//! What must hold after every turn, each as a function with a name.

use std::sync::Arc;

use crate::engine::command::{Command, Effect, Turn};
use crate::engine::event::{Decision, EndState, Event, Performer, Recorded, SkipReason};
use crate::engine::plan::{Plan, Work};
use crate::engine::progress;
use crate::engine::state::{EdgeState, RunState, StepStatus};
use crate::engine::time::Timestamp;
use crate::engine::workflow::{EdgeTrigger, JoinRule};

pub(super) fn check_turn(plan: &Plan, before: &RunState, after: &RunState, turn: &Turn) {
    check_change(plan, before, after, &turn.events);
    check_starts(plan, after, &turn.events);
    invariant_effects_belong_to_events_of_the_turn(turn);
    assert_eq!(turn.wake_at, after.wake_at());
}

/// Of what was stored together, whoever decided it.
pub(crate) fn check_change(plan: &Plan, before: &RunState, after: &RunState, events: &[Event]) {
    invariant_ended_things_stay_as_they_ended(before, after, events);
    invariant_what_is_counted_is_what_there_is(after);
    invariant_a_paused_run_starts_nothing(before, events);
    invariant_only_undoing_starts_once_it_has_begun(plan, before, after, events);
    invariant_whoever_waits_waits_for_a_named_thing(after);
    invariant_nothing_starts_after_a_cancel(before, events);
    invariant_no_more_in_flight_than_allowed(plan, after);
    invariant_hundred_percent_means_ended(after);
    invariant_what_took_place_is_undone(plan, after);
}

/// Of what begins with these events; `state` has them applied, and nothing after them.
pub(crate) fn check_starts(plan: &Plan, state: &RunState, events: &[Event]) {
    invariant_last_things_are_undone_first(plan, state, events);
    invariant_steps_start_after_their_predecessors_and_gates(plan, state, events);
}

pub(super) fn check_command(command: &Command, before: &RunState, turn: &Turn, now: Timestamp) {
    invariant_a_timer_that_changes_nothing_is_not_due_again(command, turn, now);
    invariant_effects_in_flight_are_not_called_cancelled(command, before, turn);
}

pub(crate) fn check_log(plan: &Plan, state: &RunState, log: &[Recorded]) {
    invariant_the_log_is_numbered_without_gaps(log);
    invariant_replaying_gives_the_same_state(plan, state, log);
    invariant_each_gate_is_decided_once(log);
    invariant_the_end_is_last(log);
}

/// Unless somebody has a failed run retried.
fn invariant_ended_things_stay_as_they_ended(
    before: &RunState,
    after: &RunState,
    events: &[Event],
) {
    let reopened = |event: &Event| matches!(event, Event::RunReopened { .. });
    if events.iter().any(reopened) {
        for (earlier, later) in before.steps.iter().zip(&after.steps) {
            if earlier.status == StepStatus::Completed {
                assert_eq!(earlier, later, "what was completed stays so");
            }
        }
        return;
    }
    if before.end.is_some() {
        assert_eq!(before, after, "an ended run changes no more");
    }
    for (earlier, later) in before.steps.iter().zip(&after.steps) {
        if earlier.status.is_terminal() {
            assert_eq!(earlier, later, "an ended step changes no more");
        }
    }
}

fn invariant_what_is_counted_is_what_there_is(state: &RunState) {
    state.assert_counted();
}

fn invariant_a_paused_run_starts_nothing(before: &RunState, events: &[Event]) {
    let resumed = |event: &Event| matches!(event, Event::RunResumed { .. });
    if before.paused.is_some() && !events.iter().any(resumed) {
        let started = events.iter().find(|event| {
            matches!(
                event,
                Event::AttemptStarted { .. }
                    | Event::GateOpened { .. }
                    | Event::IterationStarted { .. }
                    | Event::MapStarted { .. }
                    | Event::WaitStarted { .. }
            )
        });
        assert_eq!(started, None, "a paused run starts nothing");
    }
}

fn invariant_only_undoing_starts_once_it_has_begun(
    plan: &Plan,
    before: &RunState,
    after: &RunState,
    events: &[Event],
) {
    for event in events {
        let Event::AttemptStarted { step, .. } = event else {
            continue;
        };
        let at = after.find(step).expect("a known step");
        let undoes = plan.outline.steps[after.steps[at].shape].undoes.is_some();
        assert!(
            !undoes || after.compensating.is_some(),
            "{step} undoes too early"
        );
        assert!(
            undoes || before.compensating.is_none(),
            "{step} starts too late"
        );
    }
}

fn invariant_last_things_are_undone_first(plan: &Plan, state: &RunState, events: &[Event]) {
    let undo_of = |step: usize| {
        let shape = plan.outline.undone_by(state.steps[step].shape)?;
        state.in_frame(state.steps[step].frame, shape)
    };
    for event in events {
        let Event::AttemptStarted { step, .. } = event else {
            continue;
        };
        let at = state.find(step).expect("a known step");
        let Some(place) = state
            .undoable
            .iter()
            .position(|&done| undo_of(done) == Some(at))
        else {
            let undoes = plan.outline.steps[state.steps[at].shape].undoes;
            assert_eq!(undoes, None, "{step} undoes what was not done");
            continue;
        };
        for &later in &state.undoable[place + 1..] {
            let undo = undo_of(later).expect("it can be undone");
            assert!(
                state.steps[undo].status.is_terminal(),
                "{step} is undone too early"
            );
        }
    }
}

/// Before a run that undoes what it did has failed, somebody has tried to undo each thing.
fn invariant_what_took_place_is_undone(plan: &Plan, state: &RunState) {
    let failed = state.end.as_ref().map(|end| end.state) == Some(EndState::Failed);
    if state.compensating.is_none() || !failed {
        return;
    }
    for step in &state.steps {
        let done = step.status == StepStatus::Completed && !step.kept || step.took_place();
        let undo = plan.outline.undone_by(step.shape).filter(|_| done);
        let undo = undo.and_then(|shape| state.in_frame(step.frame, shape));
        if let Some(undo) = undo {
            assert_eq!(state.steps[undo].skipped, None, "it stays as it was done");
        }
    }
}

fn invariant_whoever_waits_waits_for_a_named_thing(state: &RunState) {
    if state.end.is_some() {
        assert!(
            state.steps.iter().all(|step| step.status.is_terminal()),
            "every step ends before its run"
        );
        return;
    }
    let named = state.steps.iter().any(|step| match step.status {
        StepStatus::InProgress => step.running_attempt().is_some(),
        StepStatus::Retrying => step
            .attempts
            .last()
            .is_some_and(|attempt| attempt.retry_at.is_some()),
        StepStatus::WaitingForApproval => step
            .gate
            .as_ref()
            .is_some_and(|gate| gate.decided.is_none()),
        StepStatus::WaitingForTimer => step.wait_until.is_some(),
        StepStatus::WaitingForExternal => step.running_attempt().is_some(),
        StepStatus::OutcomeUnknown => step.unknown.is_some(),
        StepStatus::Queued => step.waits_for.is_some(),
        StepStatus::Pending
        | StepStatus::Completed
        | StepStatus::Failed
        | StepStatus::Skipped
        | StepStatus::Cancelled => false,
    });
    assert!(
        named || state.queued || state.paused.is_some(),
        "the run waits for nothing that has a name: {state:#?}"
    );
    let queued = state
        .steps
        .iter()
        .any(|step| step.status == StepStatus::Queued);
    assert!(
        !queued || state.in_flight() > 0 || state.paused.is_some(),
        "a queued step waits for one that runs"
    );
}

fn invariant_effects_belong_to_events_of_the_turn(turn: &Turn) {
    for effect in &turn.effects {
        if let Effect::CallTool { step, attempt, .. } = effect {
            let started = turn.events.iter().any(|event| {
                matches!(event, Event::AttemptStarted { step: started, attempt: number, .. } if started == step && number == attempt)
            });
            assert!(
                started,
                "a tool is called only for an attempt that the log will know"
            );
        }
    }
    let started = turn
        .events
        .iter()
        .filter(
            |event| matches!(event, Event::AttemptStarted { by, .. } if *by != Performer::Outside),
        )
        .count();
    let called = turn
        .effects
        .iter()
        .filter(|effect| matches!(effect, Effect::CallTool { .. } | Effect::StartRun { .. }))
        .count();
    assert_eq!(started, called, "every attempt in the log is made");
}

fn invariant_nothing_starts_after_a_cancel(before: &RunState, events: &[Event]) {
    if before.cancelling.is_some() {
        let starts = events.iter().any(|event| {
            matches!(
                event,
                Event::AttemptStarted { .. } | Event::GateOpened { .. } | Event::StepQueued { .. }
            )
        });
        assert!(!starts, "a run that is being cancelled starts nothing");
        let completed = events.iter().any(|event| {
            matches!(event, Event::RunFinished { state, .. } if *state != EndState::Cancelled)
        });
        assert!(!completed, "a cancelled run ends as cancelled");
    }
}

/// Otherwise the owner of the run would wake for ever and never get anywhere.
fn invariant_a_timer_that_changes_nothing_is_not_due_again(
    command: &Command,
    turn: &Turn,
    now: Timestamp,
) {
    if *command == Command::Wake && turn.events.is_empty() {
        assert!(
            turn.wake_at.is_none_or(|due| due > now),
            "due {:?} at {now}",
            turn.wake_at
        );
    }
}

/// Only the tool itself can say that nothing happened.
fn invariant_effects_in_flight_are_not_called_cancelled(
    command: &Command,
    before: &RunState,
    turn: &Turn,
) {
    for event in &turn.events {
        let Event::StepCancelled { step } = event else {
            continue;
        };
        let said_so = match command {
            Command::AttemptStopped { step: stopped, .. }
            | Command::AttemptFailed { step: stopped, .. } => stopped == step,
            Command::Start { .. }
            | Command::Admit { .. }
            | Command::Pause { .. }
            | Command::Resume { .. }
            | Command::Skip { .. }
            | Command::Retry { .. }
            | Command::RunEnded { .. }
            | Command::Report { .. }
            | Command::Cancel { .. }
            | Command::Decide { .. }
            | Command::ResolveOutcome { .. }
            | Command::AttemptSucceeded { .. }
            | Command::AttemptUnknown { .. }
            | Command::AttemptLost { .. }
            | Command::AttemptProgressed { .. }
            | Command::Wake => false,
        };
        let in_doubt = before.step(step).is_some_and(|step| {
            step.unknown.is_some()
                || step
                    .running_attempt()
                    .is_some_and(|attempt| !attempt.repeatable)
        });
        assert!(said_so || !in_doubt, "`{step}` may have taken effect");
    }
}

fn invariant_no_more_in_flight_than_allowed(plan: &Plan, state: &RunState) {
    assert!(state.in_flight() <= plan.max_in_flight as usize);
}

fn invariant_steps_start_after_their_predecessors_and_gates(
    plan: &Plan,
    state: &RunState,
    events: &[Event],
) {
    for event in events {
        let (Event::AttemptStarted { step, .. } | Event::GateOpened { step, .. }) = event else {
            continue;
        };
        let at = state.find(step).expect("a known step");
        let (shape, frame) = (state.steps[at].shape, state.steps[at].frame);
        for &edge in plan.outline.incoming(shape) {
            let way = &plan.outline.edges[edge];
            let from = state.in_frame(frame, way.from).expect("the same frame");
            assert_eq!(
                state.edges[state.edge_in(frame, edge)],
                EdgeState::Taken,
                "only the way that was taken leads on"
            );
            let status = state.steps[from].status;
            let skipped_by_hand =
                matches!(state.steps[from].skipped, Some(SkipReason::ByHand { .. }));
            let fallback = way.on == Some(EdgeTrigger::Failed) && status == StepStatus::Failed;
            assert!(
                status == StepStatus::Completed || skipped_by_hand || fallback,
                "a step with `all_success` follows successes"
            );
        }
        if let Some(gate) = plan.steps[shape].approved_by {
            let gate = state.in_frame(frame, gate).expect("the same frame");
            let decided = state.steps[gate]
                .gate
                .as_ref()
                .and_then(|gate| gate.decided.as_ref());
            assert!(
                decided.is_some_and(|decided| decided.decision == Decision::Approve),
                "nobody approved {step}"
            );
        }
    }
    for (at, step) in state.steps.iter().enumerate() {
        let incoming = plan.outline.incoming(step.shape);
        let to_come = incoming
            .iter()
            .filter(|&&edge| state.edges[state.edge_in(step.frame, edge)] == EdgeState::Open);
        let counted = to_come.count();
        assert_eq!(state.to_come[at], counted, "edges to {at} are miscounted");
    }
    for (at, step) in state.steps.iter().enumerate() {
        let Work::Join {
            rule: JoinRule::AllDone | JoinRule::NoneFailedMinOneSuccess | JoinRule::AllSuccess,
        } = plan.steps[step.shape].work
        else {
            continue;
        };
        let open = plan
            .outline
            .incoming(step.shape)
            .iter()
            .any(|&edge| state.edges[state.edge_in(step.frame, edge)] == EdgeState::Open);
        assert!(
            !open || state.steps[at].status != StepStatus::Completed,
            "a join that waits for all went on early"
        );
    }
}

fn invariant_hundred_percent_means_ended(state: &RunState) {
    assert_eq!(progress::percent(state) == 100, state.end.is_some());
}

fn invariant_the_log_is_numbered_without_gaps(log: &[Recorded]) {
    assert!(
        log.iter()
            .zip(1u32..)
            .all(|(recorded, seq)| recorded.seq == seq)
    );
}

fn invariant_replaying_gives_the_same_state(plan: &Plan, state: &RunState, log: &[Recorded]) {
    let replayed = RunState::replay(Arc::clone(&plan.outline), log);
    assert_eq!(&replayed, state);
}

fn invariant_each_gate_is_decided_once(log: &[Recorded]) {
    let mut decided = std::collections::BTreeSet::new();
    for recorded in log {
        if let Event::GateDecided { gate, .. } = &recorded.event {
            assert!(decided.insert(gate), "a gate was decided twice");
        }
    }
}

/// Nothing follows it but somebody's wish to have the run retried.
fn invariant_the_end_is_last(log: &[Recorded]) {
    for pair in log.windows(2) {
        if matches!(pair[0].event, Event::RunFinished { .. }) {
            assert!(matches!(pair[1].event, Event::RunReopened { .. }));
        }
    }
}

/// A state that is written down reads back as it was, to the last count.
pub(crate) fn check_snapshot(state: &RunState) {
    let snapshot = state.to_snapshot().expect("it can be written");
    let back = RunState::from_snapshot(state.outline.clone(), &snapshot);
    assert_eq!(back.as_ref(), Ok(state));
}
