//! Bounds over all runs: a run or a call that has to wait for its turn, and is told when it has come. Who is next is
//! not decided here; what waits, and what it becomes, is.

use serde_json::Value;
use std::borrow::Cow;

use super::Deciding;
use crate::engine::binding::Binding;
use crate::engine::command::{Effect, Rejection, Room, RoomOf};
use crate::engine::event::{Event, Performer};
use crate::engine::failure::StepError;
use crate::engine::ids::{StepPath, content_hash};
use crate::engine::limits::NAME_CHARS_MAX;
use crate::engine::plan::{Plan, Work};
use crate::engine::state::{RunState, StepStatus};

impl Deciding<'_> {
    /// The bounds over all runs that the step's calls come under.
    pub(super) fn rooms(&self, step: usize) -> Result<Vec<Room>, StepError> {
        let mut rooms = Vec::new();
        if let Work::Tool { spec, .. } | Work::Poll { spec, .. } = &self.plan_step(step).work
            && let Some(max) = spec.max_parallel
        {
            rooms.push(Room {
                of: RoomOf::Tool(spec.name.clone()),
                max,
            });
        }
        if let Some(limit) = &self.plan_step(step).limit {
            let of = match self.key_of(step, &limit.key)? {
                None => RoomOf::Step(self.plan.outline.steps[self.shape(step)].id.clone()),
                Some(key) => RoomOf::Key(key),
            };
            rooms.push(Room { of, max: limit.max });
        }
        Ok(rooms)
    }

    /// Whether the log has room for the value does not matter: only its short text goes there. So what could ask once
    /// can ask again, however much the run has come to hold in between.
    fn key_of(&self, step: usize, key: &Binding) -> Result<Option<String>, StepError> {
        let key = key
            .resolve(&self.names(step))
            .map_err(|message| StepError::new("unresolved_binding", message))?;
        Ok(text_of(&key))
    }

    pub(super) fn ask_for_room(&mut self, step: usize, rooms: Vec<Room>) {
        let path = self.path(step);
        let names: Vec<String> = rooms.iter().map(name_of).collect();
        if self.state.steps[step].waits_for.is_some() {
            // It has asked before, and waits for the answer.
            return;
        }
        self.emit(Event::StepQueued {
            step: path.clone(),
            waits_for: Some(names.join(", ")),
        });
        self.effect(Effect::AskForRoom {
            step: Some(path),
            rooms,
        });
    }

    /// There is room for the step now. If nothing comes of it, whoever gave the room takes it back.
    pub(super) fn admit_step(&mut self, path: &StepPath) -> Result<(), Rejection> {
        self.check_open()?;
        let step = self.position(path)?;
        let run = &self.state.steps[step];
        let stopping = self.is_stopping() && !self.is_undo(step);
        let waits = run.status == StepStatus::Queued && run.waits_for.is_some();
        if waits && self.state.paused.is_none() && !stopping {
            self.start_attempt(step);
        }
        Ok(())
    }

    pub(super) fn ask_for_run(&mut self) {
        match run_rooms(self.plan, self.state) {
            Ok(rooms) => self.effect(Effect::AskForRoom { step: None, rooms }),
            Err(message) => {
                self.emit(Event::RunAdmitted);
                self.fail_to_start(message);
            }
        }
    }

    pub(super) fn admit_run(&mut self) -> Result<(), Rejection> {
        self.check_open()?;
        if self.state.queued && !self.is_stopping() {
            self.emit(Event::RunAdmitted);
            self.look_at_everything();
        }
        Ok(())
    }

    /// Steps that had asked for room before the run was paused ask again.
    pub(super) fn ask_again_for_room(&mut self) {
        let asking: Vec<usize> = self
            .state
            .queued_steps()
            .filter(|&step| self.state.steps[step].waits_for.is_some())
            .collect();
        for step in asking {
            if let Ok(rooms) = self.rooms(step) {
                let path = self.path(step);
                self.effect(Effect::AskForRoom {
                    step: Some(path),
                    rooms,
                });
            }
        }
    }
}

/// What has to be set going again when a run is taken into memory: questions for room, and runs that it has started.
/// Tools are another matter: the process that called them is gone.
pub fn effects_under_way(plan: &Plan, state: &RunState) -> Vec<Effect> {
    if state.end.is_some() || state.started_at.is_none() {
        return Vec::new();
    }
    let mut copy = state.clone();
    let moment = crate::engine::time::Moment {
        now: state.started_at.unwrap_or_default(),
        entropy: 0,
    };
    let mut deciding = Deciding {
        plan,
        state: &mut copy,
        moment,
        turn: Default::default(),
        todo: Default::default(),
    };
    if state.queued {
        deciding.ask_for_run();
    }
    deciding.ask_again_for_room();
    let mut effects = deciding.turn.effects;
    for step in state.running() {
        let Some(started) = started_run(plan, state, step) else {
            continue;
        };
        effects.push(started);
        if state.cancelling.is_some() || state.compensating.is_some() {
            // It was told to stop; whether that reached it died with the process.
            let attempt = state.steps[step].made;
            let step = state.path(step);
            effects.push(Effect::Stop { step, attempt });
        }
    }
    effects
}

/// The rooms that the run itself holds, as its log has it. Its calls hold none that outlive the process that made them.
pub fn rooms_held(plan: &Plan, state: &RunState) -> Vec<Room> {
    if state.started_at.is_none() || state.queued || state.end.is_some() {
        return Vec::new();
    }
    // What could not be found out when it asked could not be held either.
    run_rooms(plan, state).unwrap_or_default()
}

/// The run that the step has started, to be watched again; started, if that had not come about.
fn started_run(plan: &Plan, state: &RunState, step: usize) -> Option<Effect> {
    let attempt = state.steps[step].running_attempt()?;
    let Performer::Run { run_id } = &attempt.by else {
        return None;
    };
    let Work::Subworkflow {
        workflow, version, ..
    } = &plan.steps[state.steps[step].shape].work
    else {
        return None;
    };
    Some(Effect::StartRun {
        step: state.path(step),
        attempt: attempt.number,
        run_id: run_id.clone(),
        workflow: workflow.clone(),
        version: *version,
        input: attempt.input.clone(),
        depth: state.depth() + 1,
    })
}

fn run_rooms(plan: &Plan, state: &RunState) -> Result<Vec<Room>, String> {
    let Some(limit) = &plan.concurrency else {
        return Ok(Vec::new());
    };
    let names = super::scope::Names::of_run(plan, state);
    let key = limit.key.resolve(&names)?;
    Ok(vec![Room {
        of: RoomOf::Workflow(text_of(&key)),
        max: limit.max,
    }])
}

/// By what the key is known, none for null. It is logged for each step that waits, and kept in memory as often: of a
/// long one the beginning and its hash tell as well which are the same.
fn text_of(key: &Value) -> Option<String> {
    let text = match key {
        Value::Null => return None,
        Value::String(text) => Cow::Borrowed(text.as_str()),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Cow::Owned(key.to_string())
        }
    };
    let text = match text.char_indices().nth(NAME_CHARS_MAX) {
        Some((cut, _)) => format!("{} … {}", &text[..cut], content_hash(key)),
        None => text.into_owned(),
    };
    Some(text)
}

fn name_of(room: &Room) -> String {
    match &room.of {
        RoomOf::Workflow(_) => "other runs of this workflow".to_owned(),
        RoomOf::Step(id) => format!("other calls of {id}"),
        RoomOf::Key(key) => key.clone(),
        RoomOf::Tool(tool) => tool.clone(),
    }
}
