//! The owner of one run: a task with an inbox. Commands that arrive together are decided together and stored in one
//! commit; then listeners hear of them, effects start, and the callers get their answers. In that order, always.

mod doubt;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::alarm::Alarm;
use super::bus::Committed;
use super::children::{Child, has_parent};
use super::loading::{Loaded, load};
use super::perform::Assignment;
use super::{Driver, Own, SubmitError, projection, resting, snapshots};
use crate::engine::command::{Command, Effect, Rejection};
use crate::engine::decide::{advance, effects_under_way, rooms_held};
use crate::engine::event::{Event, Origin as RunOrigin, Performer, Recorded};
use crate::engine::ids::{RunId, StepPath};
use crate::engine::plan::Plan;
use crate::engine::state::{AttemptOutcome, StepStatus};
use crate::engine::summary::{RunHeader, RunSummary};
use crate::engine::time::Timestamp;
use crate::store::{Commit, StartKey, StoreError};
use doubt::Aftermath;

/// Commands that one run may have waiting.
const INBOX_MAX: usize = 1_024;
/// Commands decided together.
const BATCH_MAX: usize = 256;
/// Pause before the database is tried again.
pub(super) const STORE_RETRY_MS: u64 = 500;

pub(super) struct Envelope {
    pub command: Command,
    /// Whoever waits for the answer. Without one the command must not be lost: it comes from a tool.
    pub reply: Option<oneshot::Sender<Result<(), SubmitError>>>,
}

/// How the run gets into memory.
pub(super) enum Origin {
    Stored,
    New {
        header: RunHeader,
        plan: Arc<Plan>,
        start_key: Option<StartKey>,
    },
}

pub(super) fn spawn(driver: &Arc<Driver>, run_id: RunId, origin: Origin) -> mpsc::Sender<Envelope> {
    let (sender, inbox) = mpsc::channel(INBOX_MAX);
    let driver = Arc::clone(driver);
    let own = sender.downgrade();
    tokio::spawn(async move {
        let mut inbox = inbox;
        let (of_roots, root) = (Arc::clone(&driver), run_id.clone());
        match load(&driver, &run_id, origin, &mut inbox).await {
            Some((loaded, first)) => {
                RunTask {
                    driver,
                    run_id,
                    own,
                    inbox,
                    calls: BTreeMap::new(),
                    loaded,
                }
                .run(first)
                .await
            }
            None => {
                let served = driver.rooms().heard_of(&run_id);
                driver.admit(served);
                driver.forget(&run_id, &own, &mut inbox);
            }
        }
        of_roots.families().root_is_gone(&root);
    });
    sender
}

struct RunTask {
    driver: Arc<Driver>,
    run_id: RunId,
    own: Own,
    inbox: mpsc::Receiver<Envelope>,
    /// Attempts under way, to tell them to stop.
    calls: BTreeMap<(StepPath, u32), CancellationToken>,
    loaded: Loaded,
}

/// A decided batch, not yet stored.
#[derive(Default)]
struct Draft {
    events: Arc<[Recorded]>,
    effects: Vec<Effect>,
    verdicts: Vec<Result<(), Rejection>>,
}

/// Whose need of a room a turn may have changed.
enum Touched {
    All,
    Steps(BTreeSet<StepPath>),
}

impl RunTask {
    async fn run(mut self, first: Vec<Envelope>) {
        self.take_up();
        if !first.is_empty() && !self.handle(first).await {
            return self.driver.forget(&self.run_id, &self.own, &mut self.inbox);
        }
        let (mut alarm, mut idle) = (Alarm::default(), Alarm::default());
        let mut last_turn = self.driver.clock.now();
        let mut asked: Option<oneshot::Receiver<bool>> = None;
        loop {
            if self.loaded.state.end.is_some()
                && self
                    .driver
                    .forget_if_idle(&self.run_id, &self.own, &self.inbox)
            {
                return self.say_farewell().await;
            }
            let mut batch = Vec::new();
            let wake_at = self.loaded.state.wake_at();
            alarm.set(&self.driver, wake_at);
            let rests_at = resting::rests_at(&self.loaded.state, last_turn);
            idle.set(&self.driver, rests_at);
            // In a fixed order, so that a simulated run repeats; what has been said counts before what is due.
            tokio::select! {
                biased;
                received = self.inbox.recv_many(&mut batch, BATCH_MAX) => if received == 0 { return },
                () = alarm.rings() => {}
                rests = answered(&mut asked) => {
                    if rests && self.leaves().await {
                        return;
                    }
                    last_turn = self.driver.clock.now();
                    continue;
                }
                () = idle.rings(), if rests_at.is_some() && asked.is_none() => {
                    let now = self.driver.clock.now();
                    if rests_at.is_some_and(|at| at <= now) {
                        asked = self.ask_for_rest(now);
                        last_turn = now;
                    }
                    continue;
                }
            }
            asked = None;
            last_turn = self.driver.clock.now();
            // Asked also after commands, so that a full inbox does not hold up the timers.
            if wake_at.is_some_and(|due| due <= last_turn) {
                batch.push(Envelope {
                    command: Command::Wake,
                    reply: None,
                });
            }
            if !batch.is_empty() && !self.handle(batch).await {
                return self.driver.forget(&self.run_id, &self.own, &mut self.inbox);
            }
        }
    }

    /// What has to be known, asked and watched again before anything is decided.
    fn take_up(&mut self) {
        let Loaded {
            header,
            plan,
            state,
            ..
        } = &self.loaded;
        let held = rooms_held(plan, state);
        let mut rooms = self.driver.rooms();
        if let Some(RunOrigin::Parent { run_id, step, .. }) = &state.origin {
            rooms.link(&self.run_id, run_id, step);
        }
        let served = rooms.take_up(&header.workflow_id, &self.run_id, &held);
        drop(rooms);
        self.driver.admit(served);
        // Whoever had a failed run retried wants it for its own sake.
        if state.end.is_none()
            && state.reopened == 0
            && let Some(origin) = &state.origin
        {
            self.driver.stop_if_unwanted(&self.run_id, origin);
        }
        self.act(effects_under_way(plan, state));
    }

    /// To be put to rest, if the run may be.
    fn ask_for_rest(&self, now: Timestamp) -> Option<oneshot::Receiver<bool>> {
        let Loaded { plan, state, .. } = &self.loaded;
        let asks = !self.driver.rooms().askers_of(&self.run_id).is_empty();
        let may = !asks && self.calls.is_empty() && resting::may_rest_now(plan, state, now);
        may.then(|| self.driver.ask_for_rest(&self.run_id, state))
    }

    /// The run rests. Whether this owner is not needed any more.
    async fn leaves(&mut self) -> bool {
        let idle = self
            .driver
            .forget_if_idle(&self.run_id, &self.own, &self.inbox);
        if idle {
            // What slips in goes to whoever has the run next.
            self.inbox.close();
            while let Some(envelope) = self.inbox.recv().await {
                self.driver.send(&self.run_id, envelope).await;
            }
        }
        idle
    }

    /// Answers what slipped in while the owner was being put away.
    async fn say_farewell(mut self) {
        self.inbox.close();
        let mut late = Vec::new();
        while let Ok(envelope) = self.inbox.try_recv() {
            late.push(envelope);
        }
        self.handle(late).await;
    }

    /// Decides, stores and acts, until the batch is through. False: the run cannot go on here.
    async fn handle(&mut self, mut batch: Vec<Envelope>) -> bool {
        // What tools said while the log could not be read.
        let mut behind = Vec::new();
        loop {
            let expected_seq = self.loaded.state.seq;
            let draft = self.draft(&batch);
            if draft.events.is_empty() {
                // Nothing may have come of a room.
                self.give_back_rooms(touched(&batch, &[]));
                answer(batch, draft.verdicts);
                return true;
            }
            let commit = self.commit(expected_seq, &draft);
            let summary = Arc::clone(&commit.summary);
            let Err(error) = self.driver.store.commit(commit).await else {
                self.conclude(batch, draft, summary);
                return true;
            };
            match &error {
                // Somebody has tried again who did not hear of the first time: nothing is wrong.
                StoreError::StartedBefore { .. } => {
                    tracing::debug!(run.id = %self.run_id, %error, "a start was made again");
                }
                // The store says so itself, once for all runs.
                StoreError::Unavailable(_) | StoreError::Full(_) => {
                    tracing::debug!(run.id = %self.run_id, %error, "a turn could not be stored");
                }
                StoreError::Conflict
                | StoreError::Stale
                | StoreError::SlugTaken(_)
                | StoreError::LeaseLost
                | StoreError::Corrupt(_) => {
                    tracing::warn!(run.id = %self.run_id, %error, "a turn of run {} was not acknowledged", self.run_id);
                }
            }
            match self.after_failure(error, batch, draft, &mut behind).await {
                Aftermath::Concluded => batch = Vec::new(),
                Aftermath::Again(left) => batch = left,
                Aftermath::Over => return false,
            }
            batch.append(&mut behind);
        }
    }

    fn commit(&mut self, expected_seq: u32, draft: &Draft) -> Commit {
        Commit {
            expected_seq,
            gates: projection::gates(&self.run_id, &self.loaded.state, &draft.events),
            events: Arc::clone(&draft.events),
            summary: Arc::new(RunSummary::of(&self.loaded.header, &self.loaded.state)),
            start_key: self.loaded.start_key.take(),
        }
    }

    /// The draft is on disk: listeners hear of it, effects start, callers get their answers.
    fn conclude(&mut self, batch: Vec<Envelope>, draft: Draft, summary: Arc<RunSummary>) {
        let boards = &self.driver.boards;
        boards.update(&self.run_id, &self.loaded.state, self.driver.clock());
        let has_ended = self.loaded.state.end.is_some();
        self.driver
            .logs
            .update(&self.run_id, &draft.events, has_ended);
        self.driver.bus.publish(Committed {
            events: Arc::clone(&draft.events),
            summary,
        });
        self.act(draft.effects);
        self.write_down();
        self.give_back_rooms(touched(&batch, &draft.events));
        if self.loaded.state.end.is_some() {
            self.tell_parent();
        }
        answer(batch, draft.verdicts);
    }

    fn write_down(&mut self) {
        let state = &self.loaded.state;
        if state.end.is_none()
            && snapshots::is_due(state.seq, self.loaded.written_down)
            && self.driver.write_down(&self.run_id, state)
        {
            self.loaded.written_down = state.seq;
        }
    }

    /// Rooms, and places in the queue for them, that the run or one of its steps needs no longer.
    fn give_back_rooms(&self, touched: Touched) {
        let mut rooms = self.driver.rooms();
        let askers = match touched {
            _ if self.loaded.state.end.is_some() => {
                let served = rooms.release_run(&self.run_id);
                drop(rooms);
                return self.driver.admit(served);
            }
            Touched::All => rooms.askers_of(&self.run_id),
            Touched::Steps(steps) => {
                let asker = |step: StepPath| (self.run_id.clone(), Some(step));
                steps.into_iter().map(asker).collect()
            }
        };
        let idle = askers
            .into_iter()
            .filter(|(_, step)| !self.needs_room(step));
        let served = idle.flat_map(|asker| rooms.release(&asker)).collect();
        drop(rooms);
        self.driver.admit(served);
    }

    /// Also what has been given a room and has not heard of it yet. A run that is held keeps nobody out with the calls
    /// that it does not make: its steps ask again when it goes on.
    fn needs_room(&self, step: &Option<StepPath>) -> bool {
        let state = &self.loaded.state;
        let Some(step) = step.as_ref().map(|step| state.step(step)) else {
            return true;
        };
        step.is_some_and(|step| {
            let asks = step.status == StepStatus::Queued && step.waits_for.is_some();
            step.running_attempt().is_some() || (asks && state.paused.is_none())
        })
    }

    /// Word of a room that has been given back since, and may be somebody else's by now.
    fn is_stale(&self, command: &Command) -> bool {
        match command {
            Command::Admit { step } => {
                let asker = (self.run_id.clone(), step.clone());
                !self.driver.rooms().holds(&asker)
            }
            Command::Start { .. }
            | Command::Cancel { .. }
            | Command::Pause { .. }
            | Command::Resume { .. }
            | Command::Skip { .. }
            | Command::Retry { .. }
            | Command::Decide { .. }
            | Command::ResolveOutcome { .. }
            | Command::AttemptSucceeded { .. }
            | Command::AttemptFailed { .. }
            | Command::AttemptUnknown { .. }
            | Command::AttemptStopped { .. }
            | Command::AttemptLost { .. }
            | Command::AttemptProgressed { .. }
            | Command::RunEnded { .. }
            | Command::Report { .. }
            | Command::Wake => false,
        }
    }

    fn tell_parent(&self) {
        let state = &self.loaded.state;
        if !has_parent(state.origin.as_ref()) {
            return;
        }
        if let (Some(end), Some(origin)) = (state.end.clone(), state.origin.clone()) {
            let (driver, run_id) = (Arc::clone(&self.driver), self.run_id.clone());
            tokio::spawn(async move { driver.tell_parent(&run_id, &origin, end).await });
        }
    }

    /// Moves the state in memory along; it is only valid once the draft is stored.
    fn draft(&mut self, batch: &[Envelope]) -> Draft {
        let (mut events, mut effects, mut verdicts) = (Vec::new(), Vec::new(), Vec::new());
        for envelope in batch {
            if self.is_stale(&envelope.command) {
                verdicts.push(Ok(()));
                continue;
            }
            let moment = self.driver.clock.moment();
            let Loaded { plan, state, .. } = &mut self.loaded;
            let before = state.seq;
            match advance(plan, state, envelope.command.clone(), moment) {
                Ok(turn) => {
                    let numbered = turn.events.into_iter().zip(before + 1..);
                    events.extend(numbered.map(|(event, seq)| Recorded {
                        seq,
                        at: moment.now,
                        event,
                    }));
                    effects.extend(turn.effects);
                    verdicts.push(Ok(()));
                }
                Err(rejection) => {
                    if envelope.reply.is_none() {
                        tracing::info!(run.id = %self.run_id, %rejection, "refused for run {}", self.run_id);
                    }
                    verdicts.push(Err(rejection));
                }
            }
        }
        Draft {
            events: events.into(),
            effects,
            verdicts,
        }
    }

    fn act(&mut self, effects: Vec<Effect>) {
        self.calls.retain(|(step, number), _| {
            let running = self
                .loaded
                .state
                .step(step)
                .and_then(|step| step.running_attempt());
            running.is_some_and(|attempt| attempt.number == *number)
                || effects.iter().any(|effect| stops(effect, step, *number))
        });
        for effect in effects {
            match effect {
                Effect::CallTool {
                    step,
                    attempt,
                    tool,
                    input,
                    deadline: _,
                } => {
                    let cancel = self.cancellation(&step, attempt);
                    let was_interrupted = self.was_interrupted(&step);
                    self.driver.perform(Assignment {
                        run_id: self.run_id.clone(),
                        step,
                        attempt,
                        was_interrupted,
                        tool,
                        input,
                        cancel,
                    });
                }
                Effect::StartRun {
                    step,
                    attempt,
                    run_id,
                    workflow,
                    version,
                    input,
                    depth,
                } => {
                    let cancel = self.cancellation(&step, attempt);
                    let root = self.loaded.state.root().unwrap_or(&self.run_id);
                    self.driver.begin_child(Child {
                        root: root.clone(),
                        parent: self.run_id.clone(),
                        step,
                        attempt,
                        run_id,
                        workflow,
                        version,
                        input,
                        depth,
                        cancel,
                    });
                }
                Effect::Stop { step, attempt } => self.stop(step, attempt),
                Effect::AskForRoom { step, rooms } => {
                    let asker = (self.run_id.clone(), step);
                    let workflow = &self.loaded.header.workflow_id;
                    let served = self.driver.rooms().ask(workflow, asker, &rooms);
                    self.driver.admit(served);
                }
            }
        }
    }

    fn was_interrupted(&self, step: &StepPath) -> bool {
        let step = self.loaded.state.step(step);
        step.is_some_and(|step| {
            let mut made = step.attempts.iter();
            made.any(|attempt| attempt.outcome == AttemptOutcome::Interrupted)
        })
    }

    fn cancellation(&mut self, step: &StepPath, attempt: u32) -> CancellationToken {
        let cancel = CancellationToken::new();
        self.calls.insert((step.clone(), attempt), cancel.clone());
        cancel
    }

    fn stop(&mut self, step: StepPath, attempt: u32) {
        let started = self.loaded.state.step(&step).and_then(|step| {
            let made = step.attempts.iter();
            made.rev().find(|made| made.number == attempt)
        });
        if let Some(Performer::Run { run_id }) = started.map(|attempt| &attempt.by) {
            let (driver, child) = (Arc::clone(&self.driver), run_id.clone());
            let parent = self.run_id.clone();
            tokio::spawn(async move { driver.cancel_child(&child, &parent).await });
        }
        if let Some(cancel) = self.calls.remove(&(step, attempt)) {
            cancel.cancel();
        }
    }
}

/// The steps that the turn speaks of, and those that were told of a room: not all that hold one, of which a run may
/// have thousands.
fn touched(batch: &[Envelope], events: &[Recorded]) -> Touched {
    let is_pause = |recorded: &Recorded| matches!(recorded.event, Event::RunPaused { .. });
    if events.iter().any(is_pause) {
        return Touched::All;
    }
    let spoken_of = events.iter().filter_map(|recorded| recorded.event.step());
    let told = batch.iter().filter_map(|envelope| {
        if let Command::Admit { step } = &envelope.command {
            step.as_ref()
        } else {
            None
        }
    });
    Touched::Steps(spoken_of.chain(told).cloned().collect())
}

fn stops(effect: &Effect, step: &StepPath, number: u32) -> bool {
    match effect {
        Effect::Stop {
            step: stopped,
            attempt,
        } => stopped == step && *attempt == number,
        Effect::CallTool { .. } | Effect::StartRun { .. } | Effect::AskForRoom { .. } => false,
    }
}

async fn answered(asked: &mut Option<oneshot::Receiver<bool>>) -> bool {
    let Some(answer) = asked else {
        return std::future::pending().await;
    };
    let answer = answer.await.unwrap_or(false);
    *asked = None;
    answer
}

fn answer(batch: Vec<Envelope>, verdicts: Vec<Result<(), Rejection>>) {
    for (envelope, verdict) in batch.into_iter().zip(verdicts) {
        if let Some(reply) = envelope.reply {
            // A caller who has gone away does not change what happened.
            let _ = reply.send(verdict.map_err(SubmitError::Rejected));
        }
    }
}
