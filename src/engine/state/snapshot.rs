//! A run's state written down, so that a long log need not be folded from its first event. A snapshot is a convenience:
//! the log is the run, and a snapshot that cannot be used is thrown away.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::tally::Tally;
use super::{EdgeState, RunState};
use crate::engine::ids::GateId;
use crate::engine::plan::Outline;
use crate::engine::time::Timestamp;

/// What a snapshot says and means; one of another format is not read. A release may fold differently, so its number is
/// part of it. The number behind it goes up with every change of what is written here.
pub const FORMAT: &str = concat!(env!("CARGO_PKG_VERSION"), "/1");

#[derive(Serialize)]
struct Written<'s> {
    state: &'s RunState,
    beside: Beside,
}

#[derive(Deserialize)]
struct Read {
    state: RunState,
    beside: Beside,
}

/// What the fold knows and the state's own JSON leaves out.
#[derive(Serialize, Deserialize)]
struct Beside {
    /// By step.
    made: Vec<u32>,
    began_again: BTreeMap<usize, Timestamp>,
    /// Steps whose output is `null`, which is not the same as none.
    null_outputs: Vec<usize>,
    /// Also those that have been asked anew since.
    gates: BTreeMap<GateId, usize>,
    value_bytes: u64,
}

impl RunState {
    /// As text, for `from_snapshot`.
    pub fn to_snapshot(&self) -> Result<String, serde_json::Error> {
        let steps = || self.steps.iter().enumerate();
        let beside = Beside {
            made: self.steps.iter().map(|step| step.made).collect(),
            began_again: steps()
                .filter_map(|(at, step)| Some((at, step.began_again?)))
                .collect(),
            null_outputs: steps()
                .filter(|(_, step)| step.output == Some(Value::Null))
                .map(|(at, _)| at)
                .collect(),
            gates: self.tally.gates.clone(),
            value_bytes: self.tally.value_bytes,
        };
        let state = self;
        serde_json::to_string(&Written { state, beside })
    }

    /// The state that `to_snapshot` wrote. The outline is that of the same version. The error says what does not fit:
    /// then the log has to be folded.
    pub fn from_snapshot(outline: Arc<Outline>, snapshot: &str) -> Result<Self, String> {
        let Read { mut state, beside } =
            serde_json::from_str(snapshot).map_err(|error| error.to_string())?;
        state.outline = outline;
        state.find_places()?;
        for step in beside.null_outputs {
            let run = state.steps.get_mut(step).ok_or("a step is missing")?;
            Arc::make_mut(run).output = Some(Value::Null);
        }
        for (step, at) in beside.began_again {
            let run = state.steps.get_mut(step).ok_or("a step is missing")?;
            Arc::make_mut(run).began_again = Some(at);
        }
        if beside.made.len() != state.steps.len() {
            return Err("there are other steps than were counted".to_owned());
        }
        for (run, made) in state.steps.iter_mut().zip(beside.made) {
            Arc::make_mut(run).made = made;
        }
        state.count_anew(beside.gates, beside.value_bytes);
        Ok(state)
    }

    /// Which step of the outline each step is, in which frame, and how many ways to it are open.
    fn find_places(&mut self) -> Result<(), String> {
        let outline = Arc::clone(&self.outline);
        if self.frames.is_empty() {
            // Not written out where there is no other.
            self.frames = RunState::new(Arc::clone(&outline)).frames;
        }
        let (mut steps, mut edges) = (0, 0);
        for (at, frame) in self.frames.iter_mut().enumerate() {
            let body = outline
                .bodies()
                .get(frame.body)
                .ok_or("a body is unknown")?;
            if (frame.first_step, frame.first_edge) != (steps, edges) {
                return Err("a frame does not stand where it should".to_owned());
            }
            for (&shape, slot) in body.steps.iter().zip(steps..) {
                let run = self.steps.get_mut(slot).ok_or("a step is missing")?;
                let run = Arc::make_mut(run);
                (run.shape, run.frame) = (shape, at);
            }
            steps += body.steps.len();
            edges += body.edges;
            let own = &self.steps[frame.first_step..steps];
            let open = own.iter().filter(|run| {
                outline.steps[run.shape].undoes.is_none() && !run.status.is_terminal()
            });
            frame.open = open.count();
        }
        if (steps, edges) != (self.steps.len(), self.edges.len()) {
            return Err("there are steps or edges of no frame".to_owned());
        }
        let to_come = self.steps.iter().map(|run| {
            let open =
                |edge: &&usize| self.edges[self.edge_in(run.frame, **edge)] == EdgeState::Open;
            outline.incoming(run.shape).iter().filter(open).count()
        });
        self.to_come = to_come.collect();
        Ok(())
    }

    fn count_anew(&mut self, gates: BTreeMap<GateId, usize>, value_bytes: u64) {
        let mut tally = Tally::of(&self.outline, &self.steps);
        // Neither can be seen from the steps.
        tally.gates = gates;
        tally.value_bytes = value_bytes;
        self.tally = tally;
    }
}
