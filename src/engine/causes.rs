//! Why something happened in a run: for each event the one that it came from. What a person or the clock did comes from
//! what it answered (a decision from its question), a step's first event from what made way for it, all else from what
//! happened to the same step before.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::event::{Event, Recorded, SkipReason};
use super::ids::{StepId, StepPath};
use super::plan::Outline;

/// Grows with the log.
#[derive(Debug)]
pub struct Causes {
    reader: Reader,
    /// By event, the number of the one that it came from; 0 for what came from outside: a start, a cancel, a pause.
    of: Vec<u32>,
}

impl Causes {
    pub fn new(outline: Arc<Outline>) -> Self {
        Self {
            reader: Reader::new(outline),
            of: Vec::new(),
        }
    }

    /// Reads what is new of a log, which is given from its first event on.
    pub fn read(&mut self, log: &[Recorded]) {
        for event in log.iter().skip(self.of.len()) {
            let cause = self.reader.read(event);
            self.of.push(cause);
        }
    }

    /// The event that this one came from.
    pub fn cause(&self, seq: u32) -> Option<u32> {
        let cause = *self.of.get((seq as usize).checked_sub(1)?)?;
        (cause > 0).then_some(cause)
    }

    /// The events that came from this one, in order.
    pub fn consequences(&self, seq: u32) -> impl Iterator<Item = u32> + '_ {
        let later = self.of.iter().zip(1..).skip(seq as usize);
        later.filter_map(move |(cause, number)| (*cause == seq && seq > 0).then_some(number))
    }
}

/// What has been read of a log so far.
#[derive(Debug)]
struct Reader {
    outline: Arc<Outline>,
    /// The last event of the run itself that set things going: its start, or that it goes on after a pause or its end.
    going: u32,
    /// The last thing that ended, or any event before it.
    last: u32,
    /// The last event that cut the run short.
    cut: Option<u32>,
    /// By step: its last event.
    of_step: BTreeMap<StepPath, u32>,
    /// By map or loop and index: when the iteration began, and what last ended inside.
    begun: BTreeMap<(StepPath, u32), u32>,
    ended_inside: BTreeMap<(StepPath, u32), u32>,
    /// By map or loop: what last made room in it.
    room: BTreeMap<StepPath, u32>,
}

impl Reader {
    fn new(outline: Arc<Outline>) -> Self {
        Self {
            outline,
            going: 0,
            last: 0,
            cut: None,
            of_step: BTreeMap::new(),
            begun: BTreeMap::new(),
            ended_inside: BTreeMap::new(),
            room: BTreeMap::new(),
        }
    }

    fn read(&mut self, recorded: &Recorded) -> u32 {
        let cause = self.cause(&recorded.event);
        self.note(recorded);
        cause
    }

    fn cause(&self, event: &Event) -> u32 {
        match event {
            Event::RunStarted { .. }
            | Event::RunPaused { .. }
            | Event::RunResumed { .. }
            | Event::RunReopened { .. }
            | Event::RunCancelling { .. } => 0,
            Event::RunAdmitted => self.going,
            Event::RunCompensating { step, .. } => {
                let failed = step.as_ref().and_then(|step| self.of_step.get(step));
                failed.copied().unwrap_or(self.last)
            }
            Event::RunFinished { .. } => self.last,
            Event::IterationStarted { step, .. } => self
                .room
                .get(step)
                .copied()
                .unwrap_or_else(|| self.before(step)),
            Event::IterationEnded { step, index, .. } => {
                let inside = self.ended_inside.get(&(step.clone(), *index));
                inside.copied().unwrap_or_else(|| self.before(step))
            }
            Event::StepSkipped { step, reason, .. } => self.of_skip(step, reason),
            Event::StepCancelled { step } => self.cut.unwrap_or_else(|| self.before(step)),
            Event::StepQueued { step, .. }
            | Event::MapStarted { step, .. }
            | Event::WaitStarted { step, .. }
            | Event::PollMissed { step, .. }
            | Event::SkipPlanned { step, .. }
            | Event::AttemptStarted { step, .. }
            | Event::AttemptProgressed { step, .. }
            | Event::AttemptFailed { step, .. }
            | Event::AttemptInterrupted { step, .. }
            | Event::OutcomeUnknown { step, .. }
            | Event::OutcomeResolved { step, .. }
            | Event::GateOpened { step, .. }
            | Event::GateDecided { step, .. }
            | Event::GateExpired { step, .. }
            | Event::StepCompleted { step, .. }
            | Event::StepFailed { step, .. } => self.before(step),
        }
    }

    fn of_skip(&self, step: &StepPath, reason: &SkipReason) -> u32 {
        let known = match reason {
            SkipReason::BranchNotTaken { at }
            | SkipReason::UpstreamFailed { at }
            | SkipReason::UpstreamSkipped { at } => self.of_step.get(at).copied(),
            SkipReason::RunEnded => self.cut,
            SkipReason::ByHand { .. } | SkipReason::NothingToUndo => None,
        };
        known.unwrap_or_else(|| self.before(step))
    }

    /// The last event of the same step, or what made way for it.
    fn before(&self, step: &StepPath) -> u32 {
        if let Some(same) = self.of_step.get(step) {
            return *same;
        }
        let Some((around, shape)) = place(&self.outline, step) else {
            return self.last;
        };
        if self.outline.steps[shape].undoes.is_some() {
            return self.last;
        }
        let ways = self.outline.incoming(shape).iter();
        let ended = ways.filter_map(|&edge| {
            let id = &self.outline.steps[self.outline.edges[edge].from].id;
            self.of_step.get(&beside(around.as_ref(), id)).copied()
        });
        let ended = ended.max();
        let begun = || self.begun.get(around.as_ref()?).copied();
        ended.or_else(begun).unwrap_or(self.going)
    }

    fn note(&mut self, recorded: &Recorded) {
        let Recorded { seq, event, .. } = recorded;
        let seq = *seq;
        match event {
            Event::RunStarted { .. } | Event::RunAdmitted | Event::RunResumed { .. } => {
                self.going = seq;
            }
            Event::RunReopened { steps, .. } => {
                self.going = seq;
                self.cut = None;
                // They begin again, and because of this.
                for step in steps {
                    self.of_step.insert(step.clone(), seq);
                }
            }
            Event::RunCancelling { .. } | Event::RunCompensating { .. } => self.cut = Some(seq),
            Event::IterationStarted { step, index } => {
                self.begun.insert((step.clone(), *index), seq);
            }
            Event::MapStarted { step, .. } | Event::IterationEnded { step, .. } => {
                self.room.insert(step.clone(), seq);
            }
            Event::StepFailed { step, .. } => {
                self.end_inside(step, seq);
                self.cut = Some(seq);
            }
            Event::StepCompleted { step, .. }
            | Event::StepSkipped { step, .. }
            | Event::StepCancelled { step } => self.end_inside(step, seq),
            Event::RunPaused { .. }
            | Event::RunFinished { .. }
            | Event::StepQueued { .. }
            | Event::WaitStarted { .. }
            | Event::PollMissed { .. }
            | Event::SkipPlanned { .. }
            | Event::AttemptStarted { .. }
            | Event::AttemptProgressed { .. }
            | Event::AttemptFailed { .. }
            | Event::AttemptInterrupted { .. }
            | Event::OutcomeUnknown { .. }
            | Event::OutcomeResolved { .. }
            | Event::GateOpened { .. }
            | Event::GateDecided { .. }
            | Event::GateExpired { .. } => {}
        }
        self.last = seq;
        if let Some(step) = event.step() {
            self.of_step.insert(step.clone(), seq);
        }
    }

    fn end_inside(&mut self, step: &StepPath, seq: u32) {
        if let Some((Some(around), _)) = place(&self.outline, step) {
            self.ended_inside.insert(around, seq);
        }
    }
}

/// The iteration that a step is in, by the map or loop and its index, and which step of the outline it is.
fn place(outline: &Outline, step: &StepPath) -> Option<(Option<(StepPath, u32)>, usize)> {
    let shape = outline.position(step.last())?;
    let way = step.as_str().strip_suffix(step.last())?;
    let Some(way) = way.strip_suffix('.') else {
        return Some((None, shape));
    };
    let (owner, index) = way.rsplit_once('.')?;
    Some((Some((StepPath::new(owner), index.parse().ok()?)), shape))
}

/// The step that is called so in the same iteration.
fn beside(around: Option<&(StepPath, u32)>, id: &StepId) -> StepPath {
    match around {
        None => StepPath::from(id),
        Some((owner, index)) => owner.inside(*index, id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const GOLDEN: [(&str, &str); 4] = [
        (
            include_str!("golden/outline.json"),
            include_str!("golden/log.jsonl"),
        ),
        (
            include_str!("golden/bodies.outline.json"),
            include_str!("golden/bodies.log.jsonl"),
        ),
        (
            include_str!("golden/retried.outline.json"),
            include_str!("golden/retried.log.jsonl"),
        ),
        (
            include_str!("golden/happened.outline.json"),
            include_str!("golden/happened.log.jsonl"),
        ),
    ];

    fn read((outline, log): (&str, &str)) -> (Outline, Vec<Recorded>) {
        let outline = serde_json::from_str(outline).expect("an outline");
        let events = log.lines();
        let events = events.map(|line| serde_json::from_str(line).expect("an event"));
        (outline, events.collect())
    }

    fn causes_of(outline: &Outline, log: &[Recorded]) -> Causes {
        let mut causes = Causes::new(Arc::new(outline.clone()));
        // Bit by bit, as it is told.
        for end in (0..=log.len()).step_by(3).chain([log.len()]) {
            causes.read(&log[..end]);
        }
        causes
    }

    #[test]
    fn everything_comes_from_something_earlier_unless_from_outside() {
        for golden in GOLDEN {
            let (outline, log) = read(golden);
            let causes = causes_of(&outline, &log);
            for event in &log {
                let is_outside = matches!(
                    event.event,
                    Event::RunStarted { .. }
                        | Event::RunPaused { .. }
                        | Event::RunResumed { .. }
                        | Event::RunReopened { .. }
                        | Event::RunCancelling { .. }
                );
                match causes.cause(event.seq) {
                    None => assert!(is_outside, "nothing led to {event:?}"),
                    Some(cause) => {
                        assert!(!is_outside && cause < event.seq, "{cause}: {event:?}");
                        assert!(causes.consequences(cause).any(|seq| seq == event.seq));
                    }
                }
            }
            assert_eq!(causes.cause(0), None);
            assert_eq!(causes.consequences(0).count(), 0);
        }
    }

    /// The kinds of the events that led to the last one, from the first.
    fn thread(outline: &Outline, log: &[Recorded]) -> Vec<String> {
        let causes = causes_of(outline, log);
        let mut thread = Vec::new();
        let mut at = log.last().map(|event| event.seq);
        while let Some(seq) = at {
            let event = &log[seq as usize - 1].event;
            let step = event.step().map_or("", |step| step.as_str());
            thread.push(format!("{} {step}", event.kind()));
            at = causes.cause(seq);
        }
        thread.reverse();
        thread
    }

    fn log(events: &[Value]) -> Vec<Recorded> {
        let mut log = Vec::new();
        for (event, seq) in events.iter().zip(1..) {
            let event = serde_json::from_value(event.clone()).expect("an event");
            let at = crate::engine::time::Timestamp::from_micros(0);
            log.push(Recorded { seq, at, event });
        }
        log
    }

    #[test]
    fn a_thread_leads_over_what_made_way() {
        use serde_json::json;
        let step = |id: &str, kind: &str, parent: Option<usize>| json!({ "id": id, "name": id, "kind": kind, "weight": 1, "max_attempts": 1, "parent": parent });
        let outline = serde_json::from_value(json!({
            "steps": [step("a", "transform", None), step("b", "transform", None), step("each", "map", None), step("one", "tool_call", Some(2)), step("off", "transform", None)],
            "edges": [{ "from": 0, "to": 2 }, { "from": 1, "to": 2 }, { "from": 1, "to": 4 }],
        }));
        let outline: Outline = outline.expect("an outline");
        let done = |step: &str| json!({ "kind": "step_completed", "step": step, "output": {}, "taken": [] });
        let began = |step: &str| json!({ "kind": "attempt_started", "step": step, "attempt": 1, "tool": "t", "input": {}, "repeatable": true });
        let iteration =
            |kind: &str, index: u32| json!({ "kind": kind, "step": "each", "index": index });
        let events = [
            json!({ "kind": "run_started", "input": {}, "actor": "a" }),
            done("b"),
            json!({ "kind": "step_skipped", "step": "off", "reason": { "because": "branch_not_taken", "at": "b" } }),
            done("a"),
            json!({ "kind": "map_started", "step": "each", "items": [1, 2] }),
            iteration("iteration_started", 0),
            began("each.0.one"),
            done("each.0.one"),
            iteration("iteration_ended", 0),
            iteration("iteration_started", 1),
            began("each.1.one"),
            done("each.1.one"),
            iteration("iteration_ended", 1),
            done("each"),
        ];
        let log = log(&events);
        // The second item had to wait for the first, and the map for the later of its two predecessors.
        assert_eq!(
            thread(&outline, &log[..11]),
            [
                "run_started ",
                "step_completed a",
                "map_started each",
                "iteration_started each",
                "attempt_started each.0.one",
                "step_completed each.0.one",
                "iteration_ended each",
                "iteration_started each",
                "attempt_started each.1.one",
            ]
        );
        assert_eq!(
            thread(&outline, &log[..3]),
            ["run_started ", "step_completed b", "step_skipped off"]
        );
        let causes = causes_of(&outline, &log);
        assert_eq!(causes.consequences(1).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(causes.cause(14), Some(13), "a map ends with its last item");
    }
}
