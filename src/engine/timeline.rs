//! When what of a run took place: the stretches of time that each step spent running, waiting and being retried, and the
//! steps that everything else waited for. All read from the state, so also of any earlier moment of a run.

use std::collections::BTreeSet;

use super::event::Performer;
use super::state::{Attempt, AttemptOutcome, EdgeState, RunState, StepRun, StepStatus};
use super::time::Timestamp;
use super::workflow::StepKind;

/// What a step spent a stretch of time with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spent {
    /// It could have gone on, but there was no room.
    Queued,
    /// A tool or another run was at work, or a body was gone through.
    Running,
    /// Between two tries.
    Retrying,
    /// For somebody's answer.
    ForPerson,
    /// For a moment, or for the next time something is asked.
    ForTimer,
    /// For somebody outside who reports.
    ForOutside,
}

/// A stretch of time that a step spent with one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub spent: Spent,
    pub from: Timestamp,
    /// None while it goes on.
    pub until: Option<Timestamp>,
    /// The attempt that it is, or that it came after.
    pub attempt: Option<u32>,
    /// What it was spent with failed.
    pub failed: bool,
}

/// What the step spent its time with so far, in order.
pub fn spans(state: &RunState, step: usize) -> Vec<Span> {
    let run = &state.steps[step];
    let mut spans: Vec<Span> = Vec::new();
    if let Some(gate) = &run.gate {
        let answered = gate.decided.as_ref().map(|decided| decided.at);
        let until = answered.or(run.finished_at);
        spans.push(plain(Spent::ForPerson, gate.opened_at, until));
    }
    for (at, attempt) in run.attempts.iter().enumerate() {
        let next = run.attempts.get(at + 1).map(|next| next.started_at);
        of_attempt(run, attempt, next, &mut spans);
    }
    let kind = state.outline.steps[run.shape].kind;
    if spans.is_empty()
        && let (Some(spent), Some(from)) = (without_attempts(kind), run.started_at)
    {
        let failed = run.status == StepStatus::Failed;
        let until = run.finished_at;
        spans.push(Span {
            failed,
            ..plain(spent, from, until)
        });
    }
    let begun = spans.first().map(|span| span.from);
    if let (StepKind::Wait, Some(from), Some(until)) = (kind, run.started_at, begun)
        && from < until
    {
        // Of a question asked again and again only the last time is kept.
        spans.insert(0, plain(Spent::ForTimer, from, Some(until)));
    }
    let begun = spans.first().map(|span| span.from);
    if let Some(queued) = queued(state, step, begun) {
        spans.insert(0, queued);
    }
    spans
}

fn plain(spent: Spent, from: Timestamp, until: Option<Timestamp>) -> Span {
    Span {
        spent,
        from,
        until,
        attempt: None,
        failed: false,
    }
}

/// What a step that makes no attempts spends its time with. What is decided on the spot takes none.
fn without_attempts(kind: StepKind) -> Option<Spent> {
    match kind {
        StepKind::Map | StepKind::Loop => Some(Spent::Running),
        StepKind::Wait => Some(Spent::ForTimer),
        StepKind::HumanGate
        | StepKind::ToolCall
        | StepKind::Subworkflow
        | StepKind::External
        | StepKind::Condition
        | StepKind::Parallel
        | StepKind::Join
        | StepKind::Transform => None,
    }
}

/// An attempt, and what was waited for after it. `next`: when the one behind it began.
fn of_attempt(run: &StepRun, attempt: &Attempt, next: Option<Timestamp>, spans: &mut Vec<Span>) {
    let spent = match attempt.by {
        Performer::Outside => Spent::ForOutside,
        Performer::Tool | Performer::Run { .. } => Spent::Running,
    };
    let made = |spent, from, until, failed| Span {
        spent,
        from,
        until,
        attempt: Some(attempt.number),
        failed,
    };
    let after = match &attempt.outcome {
        AttemptOutcome::Failed { .. } => Some(Spent::Retrying),
        AttemptOutcome::Missed { .. } => Some(Spent::ForTimer),
        AttemptOutcome::Unknown { .. } => Some(Spent::ForPerson),
        AttemptOutcome::Running
        | AttemptOutcome::Succeeded
        | AttemptOutcome::Interrupted
        | AttemptOutcome::Stopped => None,
    };
    let failed = matches!(attempt.outcome, AttemptOutcome::Failed { .. });
    // An attempt of a step that has ended without a word for it ended with the step.
    let ended = attempt.finished_at.or(run.finished_at);
    spans.push(made(spent, attempt.started_at, ended, failed));
    let (Some(spent), Some(from)) = (after, ended) else {
        return;
    };
    let until = next.or(run.finished_at);
    if until.is_none_or(|until| until > from) && (next.is_some() || !has_ended_with(run, from)) {
        spans.push(made(spent, from, until, false));
    }
}

/// The step's end was the end of its last attempt.
fn has_ended_with(run: &StepRun, attempt_ended: Timestamp) -> bool {
    run.finished_at.is_some_and(|at| at <= attempt_ended)
}

/// The time between the end of what it waited for and its beginning, if it is known and there was any.
fn queued(state: &RunState, step: usize, begun: Option<Timestamp>) -> Option<Span> {
    let run = &state.steps[step];
    let goes_on = run.status == StepStatus::Queued;
    let until = begun.filter(|_| !goes_on || !run.attempts.is_empty());
    let from = ready_at(state, step)?;
    match until {
        Some(until) if until > from => Some(plain(Spent::Queued, from, Some(until))),
        None if goes_on => Some(plain(Spent::Queued, from, None)),
        Some(_) | None => None,
    }
}

/// When the last step that it waits for ended. Not known for the first steps of a map's items: they begin when the map
/// finds room for them.
fn ready_at(state: &RunState, step: usize) -> Option<Timestamp> {
    let run = &state.steps[step];
    let before = led_here(state, step).filter_map(|before| state.steps[before].finished_at);
    before
        .max()
        .or_else(|| match state.frames[run.frame].owner {
            None => state.started_at,
            Some(_) => None,
        })
}

/// The steps from which the run went on to this one.
fn led_here(state: &RunState, step: usize) -> impl Iterator<Item = usize> + '_ {
    let run = &state.steps[step];
    let taken =
        move |edge: &&usize| state.edges[state.edge_in(run.frame, **edge)] == EdgeState::Taken;
    let edges = state.outline.incoming(run.shape).iter().filter(taken);
    edges.filter_map(move |&edge| state.in_frame(run.frame, state.outline.edges[edge].from))
}

/// The steps that the end of the run waited for: from what ended last, or still goes on, back to the first step, each
/// time over the step that was waited for longest; inside of a loop likewise in each round, inside of a map in the item
/// that ended last and in those whose end let it begin.
pub fn critical_path(state: &RunState) -> BTreeSet<usize> {
    let mut path = BTreeSet::new();
    let mut frames = vec![0];
    while let Some(frame) = frames.pop() {
        let mut at = last_of(state, state.steps_of(frame));
        while let Some(step) = at {
            if !path.insert(step) {
                break;
            }
            let run = &state.steps[step];
            match state.outline.steps[run.shape].kind {
                // One round after the other: all of them were waited for.
                StepKind::Loop => frames.extend(&run.frames),
                StepKind::Map => frames.extend(waited_for(state, step)),
                StepKind::ToolCall
                | StepKind::HumanGate
                | StepKind::Condition
                | StepKind::Parallel
                | StepKind::Join
                | StepKind::Transform
                | StepKind::Wait
                | StepKind::Subworkflow
                | StepKind::External => {}
            }
            at = last_of(state, led_here(state, step));
        }
    }
    path
}

/// Of several steps the one that was done last, of those that had a beginning. What has not ended is later than all.
fn last_of(state: &RunState, steps: impl Iterator<Item = usize>) -> Option<usize> {
    let begun = steps.filter(|&step| {
        state.steps[step].started_at.is_some() && state.steps[step].status != StepStatus::Skipped
    });
    begun.max_by_key(|&step| ended(&state.steps[step]))
}

fn ended(run: &StepRun) -> Timestamp {
    match run.status.is_terminal() {
        true => run.finished_at.unwrap_or_default(),
        false => Timestamp::MAX,
    }
}

/// The items of a map that its end waited for: the one that ended last, before it the one that ended last before that one
/// began, and so on to one that began with the map. Where as many items as there may be are under way, each of the others
/// begins when one ends.
fn waited_for(state: &RunState, map: usize) -> Vec<usize> {
    let frames = &state.steps[map].frames;
    let stretches: Vec<_> = frames.iter().map(|&frame| stretch(state, frame)).collect();
    let mut by_end: Vec<usize> = (0..frames.len()).collect();
    by_end.sort_by_key(|&item| stretches[item].map(|(_, ended)| ended));
    let begun = state.steps[map].started_at;
    let mut path = Vec::new();
    let mut last = by_end.last().copied();
    while let Some(item) = last {
        path.push(frames[item]);
        let began = stretches[item].map(|(began, _)| began);
        if began <= begun {
            break;
        }
        let earlier =
            by_end.partition_point(|&other| stretches[other].map(|(_, ended)| ended) <= began);
        // Items begin in their order, so it is one that stands before.
        last = by_end[..earlier]
            .iter()
            .rev()
            .copied()
            .find(|&other| other < item && stretches[other].is_some());
    }
    path
}

/// When the first step of an iteration began and the last one ended; none where none has begun.
fn stretch(state: &RunState, frame: usize) -> Option<(Timestamp, Timestamp)> {
    let mut begun = state.steps_of(frame).filter_map(|step| {
        let run = &state.steps[step];
        Some((run.started_at?, ended(run)))
    });
    let first = begun.next()?;
    Some(begun.fold(first, |(from, until), (began, ended)| {
        (from.min(began), until.max(ended))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::compile::compile;
    use crate::engine::event::Recorded;
    use crate::engine::ids::StepPath;
    use crate::engine::tool::{Catalogue, EffectClass, ToolSpec};
    use serde_json::{Value, json};
    use std::sync::Arc;

    /// The run after these events, each with its millisecond.
    fn run(steps: Value, edges: Value, events: &[(i64, Value)]) -> RunState {
        let catalogue = Catalogue::new([ToolSpec::plain("t.read", EffectClass::Read)]);
        let workflow = json!({ "name": "Some time", "steps": steps, "edges": edges });
        let workflow = serde_json::from_value(workflow).expect("a workflow");
        let plan = compile(&workflow, &catalogue).expect("it compiles");
        let start = (
            0,
            json!({ "kind": "run_started", "input": {}, "actor": "tester" }),
        );
        let log: Vec<Recorded> = std::iter::once(&start)
            .chain(events)
            .zip(1..)
            .map(|((ms, event), seq)| Recorded {
                seq,
                at: Timestamp::from_micros(ms * 1000),
                event: serde_json::from_value(event.clone()).expect("an event"),
            })
            .collect();
        RunState::replay(Arc::clone(&plan.outline), &log)
    }

    fn started(step: &str, attempt: u32) -> Value {
        json!({ "kind": "attempt_started", "step": step, "attempt": attempt, "tool": "t.read", "input": {}, "repeatable": true })
    }

    fn completed(step: &str, taken: &[usize]) -> Value {
        json!({ "kind": "step_completed", "step": step, "output": {}, "taken": taken })
    }

    fn error() -> Value {
        json!({ "code": "unreachable", "message": "Nobody answers.", "retryable": true })
    }

    /// `what from..until` in milliseconds, with the attempt, and `!` where it failed.
    fn told(state: &RunState, step: &str) -> Vec<String> {
        let at = state.find(&StepPath::new(step)).expect("the step");
        let ms = |at: Timestamp| at.as_millis().to_string();
        spans(state, at)
            .into_iter()
            .map(|span| {
                let attempt = span
                    .attempt
                    .map_or(String::new(), |number| format!(" #{number}"));
                let failed = if span.failed { "!" } else { "" };
                let until = span.until.map_or(String::new(), ms);
                format!(
                    "{:?} {}..{until}{attempt}{failed}",
                    span.spent,
                    ms(span.from)
                )
            })
            .collect()
    }

    fn path(state: &RunState) -> Vec<String> {
        let steps = critical_path(state).into_iter();
        steps.map(|step| state.path(step).to_string()).collect()
    }

    #[test]
    fn tries_and_the_pauses_between_them_are_told_apart() {
        let steps = json!([{ "id": "ask", "kind": "tool_call", "tool": "t.read", "retry": { "max_attempts": 3 } }]);
        let failed = json!({ "kind": "attempt_failed", "step": "ask", "attempt": 1, "error": error(), "retry_at": "1970-01-01T00:00:00.5Z" });
        let mut log = vec![(10, started("ask", 1)), (100, failed)];
        let waits = run(steps.clone(), json!([]), &log);
        assert_eq!(
            told(&waits, "ask"),
            ["Queued 0..10", "Running 10..100 #1!", "Retrying 100.. #1"]
        );
        log.push((500, started("ask", 2)));
        let again = run(steps.clone(), json!([]), &log);
        assert_eq!(
            told(&again, "ask")[2..],
            ["Retrying 100..500 #1", "Running 500.. #2"]
        );
        log.push((600, completed("ask", &[])));
        let done = run(steps.clone(), json!([]), &log);
        assert_eq!(told(&done, "ask")[3..], ["Running 500..600 #2"]);
        log.pop();
        log.push((
            600,
            json!({ "kind": "step_failed", "step": "ask", "error": error(), "taken": [] }),
        ));
        let failed = run(steps, json!([]), &log);
        assert_eq!(told(&failed, "ask")[3..], ["Running 500..600 #2!"]);
    }

    #[test]
    fn what_waits_says_for_whom() {
        let steps = json!([
            { "id": "first", "kind": "wait", "for_ms": 300 },
            { "id": "agree", "kind": "human_gate" },
            { "id": "report", "kind": "external" },
        ]);
        let edges =
            json!([{ "from": "first", "to": "agree" }, { "from": "agree", "to": "report" }]);
        let question = json!({ "title": "?", "message": "", "shown": [] });
        let log = [
            (
                0,
                json!({ "kind": "wait_started", "step": "first", "until": "1970-01-01T00:00:00.3Z" }),
            ),
            (300, completed("first", &[0])),
            (
                300,
                json!({ "kind": "gate_opened", "step": "agree", "gate": "g", "question": question, "plan_hash": "h" }),
            ),
            (
                900,
                json!({ "kind": "gate_decided", "step": "agree", "gate": "g", "decision": "approve", "actor": "a", "comment": "", "plan_hash": "h" }),
            ),
            (900, completed("agree", &[1])),
            (
                950,
                json!({ "kind": "attempt_started", "step": "report", "attempt": 1, "tool": "", "input": {}, "repeatable": false, "by": { "performer": "outside" } }),
            ),
        ];
        let asked = run(steps.clone(), edges.clone(), &log[..3]);
        assert_eq!(told(&asked, "agree"), ["ForPerson 300.."]);
        assert_eq!(told(&asked, "report"), [""; 0]);
        let state = run(steps, edges, &log);
        assert_eq!(told(&state, "first"), ["ForTimer 0..300"]);
        assert_eq!(told(&state, "agree"), ["ForPerson 300..900"]);
        assert_eq!(
            told(&state, "report"),
            ["Queued 900..950", "ForOutside 950.. #1"]
        );
    }

    #[test]
    fn the_critical_path_goes_back_over_what_was_waited_for_longest() {
        let tool = |id: &str| json!({ "id": id, "kind": "tool_call", "tool": "t.read" });
        let steps = json!([tool("slow"), tool("fast"), { "id": "both", "kind": "join" }, {
            "id": "each", "kind": "map", "over": [1, 2], "body": { "steps": [tool("one")] } }]);
        let edges = json!([
            { "from": "slow", "to": "both" }, { "from": "fast", "to": "both" }, { "from": "both", "to": "each" },
        ]);
        let log = [
            (0, started("slow", 1)),
            (0, started("fast", 1)),
            (10, completed("fast", &[1])),
            (80, completed("slow", &[0])),
            (80, completed("both", &[2])),
            (
                80,
                json!({ "kind": "map_started", "step": "each", "items": [1, 2] }),
            ),
            (
                80,
                json!({ "kind": "iteration_started", "step": "each", "index": 0 }),
            ),
            (
                80,
                json!({ "kind": "iteration_started", "step": "each", "index": 1 }),
            ),
            (80, started("each.0.one", 1)),
            (80, started("each.1.one", 1)),
            (90, completed("each.1.one", &[])),
            (
                90,
                json!({ "kind": "iteration_ended", "step": "each", "index": 1 }),
            ),
        ];
        let goes_on = run(steps.clone(), edges.clone(), &log);
        assert_eq!(path(&goes_on), ["slow", "both", "each", "each.0.one"]);
        let before = run(steps, edges, &log[..3]);
        assert_eq!(
            path(&before),
            ["slow"],
            "what goes on is what is waited for"
        );
        assert_eq!(told(&goes_on, "each"), ["Running 80.."]);
        assert_eq!(told(&goes_on, "each.1.one"), ["Running 80..90 #1"]);
        assert_eq!(
            told(&goes_on, "both"),
            [""; 0],
            "what is decided at once takes no time"
        );
    }

    #[test]
    fn a_map_waited_for_the_items_that_made_room_for_its_last_one() {
        let body = json!({ "steps": [{ "id": "one", "kind": "tool_call", "tool": "t.read" }] });
        let steps = json!([{ "id": "each", "kind": "map", "over": [1, 2, 3, 4], "max_parallel": 2, "body": body }]);
        let item = |kind: &str, index: u32| json!({ "kind": kind, "step": "each", "index": index });
        let one = |index: u32| format!("each.{index}.one");
        let begins = |ms: i64, index: u32| {
            [
                (ms, item("iteration_started", index)),
                (ms, started(&one(index), 1)),
            ]
        };
        let ends = |ms: i64, index: u32| {
            [
                (ms, completed(&one(index), &[])),
                (ms, item("iteration_ended", index)),
            ]
        };
        let begun = json!({ "kind": "map_started", "step": "each", "items": [1, 2, 3, 4] });
        // The second is slow; the third and the fourth go through the place of the first.
        let log: Vec<(i64, Value)> = std::iter::once((0, begun))
            .chain(begins(0, 0))
            .chain(begins(0, 1))
            .chain(ends(10, 0))
            .chain(begins(10, 2))
            .chain(ends(30, 2))
            .chain(begins(30, 3))
            .chain(ends(40, 1))
            .chain(ends(90, 3))
            .collect();
        let state = run(steps.clone(), json!([]), &log);
        assert_eq!(
            path(&state),
            ["each", "each.0.one", "each.2.one", "each.3.one"]
        );
        let before = run(steps.clone(), json!([]), &log[..9]);
        assert_eq!(path(&before), ["each", "each.0.one", "each.2.one"]);
        let slow = run(steps, json!([]), &log[..5]);
        assert_eq!(path(&slow), ["each", "each.1.one"]);
    }

    #[test]
    fn all_rounds_of_a_loop_were_waited_for() {
        let body = json!({ "steps": [{ "id": "one", "kind": "tool_call", "tool": "t.read" }] });
        let steps = json!([{ "id": "again", "kind": "loop", "until": "one.done == true", "max_iterations": 5, "body": body }]);
        let round =
            |kind: &str, index: u32| json!({ "kind": kind, "step": "again", "index": index });
        let log = [
            (0, round("iteration_started", 0)),
            (0, started("again.0.one", 1)),
            (10, completed("again.0.one", &[])),
            (10, round("iteration_ended", 0)),
            (20, round("iteration_started", 1)),
            (20, started("again.1.one", 1)),
        ];
        let state = run(steps, json!([]), &log);
        assert_eq!(path(&state), ["again", "again.0.one", "again.1.one"]);
    }
}
