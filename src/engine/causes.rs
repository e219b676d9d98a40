//! Why something happened in a run: for each event the one that it came from. What a person or the clock did comes from
//! what it answered (a decision from its question), a step's first event from what made way for it, all else from what
//! happened to the same step before.

use std::collections::BTreeMap;

use super::event::{Event, Recorded, SkipReason};
use super::ids::{StepId, StepPath};
use super::plan::Outline;

/// By event, the number of the one that it came from; 0 for what came from outside: a start, a cancel, a pause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Causes {
    of: Vec<u32>,
}

impl Causes {
    /// For a log from its first event on.
    pub fn of(outline: &Outline, log: &[Recorded]) -> Self {
        let mut reader = Reader::new(outline);
        let of = log.iter().map(|event| reader.read(event)).collect();
        Self { of }
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
struct Reader<'a> {
    outline: &'a Outline,
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

impl<'a> Reader<'a> {
    fn new(outline: &'a Outline) -> Self {
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
        let Some((around, shape)) = place(self.outline, step) else {
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
        if let Some((Some(around), _)) = place(self.outline, step) {
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
