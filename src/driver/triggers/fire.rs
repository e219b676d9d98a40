//! Firings: what each starts, under which key, and what is noted of it.

use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{ENDS_READ, Triggers};
use crate::driver::SubmitError;
use crate::driver::launch::{Launch, LaunchError};
use crate::engine::event::Origin;
use crate::engine::ids::RunId;
use crate::engine::limits::RUN_DEPTH_MAX;
use crate::engine::state::RunState;
use crate::engine::time::Timestamp;
use crate::engine::trigger::{Finished, RunFinished, Schedule, Source, Trigger};
use crate::store::{Fired, Progress, RunEnd, StoreError, TriggerRow};

/// A run that a trigger asks for.
pub(in crate::driver) struct Firing {
    pub input: Value,
    /// Of the moment, message or end that it answers; none when somebody fires it by hand.
    pub key: Option<String>,
    /// What makes two firings with one key the same.
    pub fingerprint: String,
    pub depth: u32,
    /// Under which id.
    pub run_id: Option<RunId>,
}

impl Firing {
    /// One that is known by its key alone.
    fn once(input: Value, key: String) -> Self {
        Self {
            input,
            fingerprint: key.clone(),
            key: Some(key),
            depth: 0,
            run_id: None,
        }
    }
}

/// No `Idempotency-Key` can be one of these: a header holds no such character.
pub(in crate::driver) fn key(trigger: &Trigger, what: impl std::fmt::Display) -> String {
    format!("trigger\u{1f}{}\u{1f}{what}", trigger.id)
}

impl Triggers {
    /// Starts a run for that moment and notes it, together with how far the schedule has come.
    pub(super) async fn fire_moment(
        self: &Arc<Self>,
        row: &TriggerRow,
        schedule: &Schedule,
        moment: Timestamp,
        progress: Progress,
    ) -> Result<Option<RunId>, StoreError> {
        let trigger = &row.trigger;
        let firing = Firing::once(schedule.input.clone(), key(trigger, moment.as_micros()));
        let started = self.launch(trigger, firing).await;
        self.note(trigger, Some(progress), started).await
    }

    /// Starts what waits for runs that have ended.
    pub(super) async fn follow_ends(self: &Arc<Self>) -> Result<(), StoreError> {
        loop {
            let ends = self.store.run_ends(ENDS_READ).await?;
            for end in &ends {
                if let Some(row) = self.store.trigger(&end.trigger_id).await? {
                    self.follow(&row.trigger, end).await?;
                }
                self.store.forget_run_end(end).await?;
            }
            if ends.len() < ENDS_READ as usize {
                return Ok(());
            }
        }
    }

    async fn follow(self: &Arc<Self>, trigger: &Trigger, end: &RunEnd) -> Result<(), StoreError> {
        let Source::RunFinished(source) = &trigger.source else {
            return Ok(());
        };
        let started = match self.firing_after(trigger, source, end).await {
            Ok(None) => return Ok(()),
            Ok(Some(firing)) => self.launch(trigger, firing).await,
            Err(error) => Err(error),
        };
        self.note(trigger, None, started).await?;
        Ok(())
    }

    /// What the end of the run leads to; nothing when it is not of the wanted kind.
    async fn firing_after(
        &self,
        trigger: &Trigger,
        source: &RunFinished,
        end: &RunEnd,
    ) -> Result<Option<Firing>, LaunchError> {
        let stored = self.driver.store.load(&end.run_id).await?;
        let stored = stored.ok_or(SubmitError::NoSuchRun)?;
        let outline = self.driver.outline(&stored.header.version_id).await?;
        // As it stood then: it may have been retried since.
        let events = stored
            .events
            .iter()
            .take_while(|event| event.seq <= end.seq);
        let events: Vec<_> = events.cloned().collect();
        let state = RunState::replay(outline, &events);
        let Some(ended) = state
            .end
            .as_ref()
            .filter(|ended| source.states.contains(&ended.state))
        else {
            return Ok(None);
        };
        let depth = state.depth() + 1;
        if depth > RUN_DEPTH_MAX {
            return Err(refused(format!(
                "{RUN_DEPTH_MAX} runs have started one another already; the next one would be without end"
            )));
        }
        let finished = Finished {
            run_id: &end.run_id,
            workflow: &stored.header.workflow_slug,
            state: ended.state,
            output: &ended.output,
        };
        let input = source.input_after(&finished).map_err(refused)?;
        let key = key(trigger, format_args!("{}\u{1f}{}", end.run_id, end.seq));
        Ok(Some(Firing {
            depth,
            ..Firing::once(input, key)
        }))
    }

    /// Starts the run. With a key that was used before it answers the run of then.
    pub(in crate::driver) async fn launch(
        self: &Arc<Self>,
        trigger: &Trigger,
        firing: Firing,
    ) -> Result<RunId, LaunchError> {
        let workflow = trigger.workflow_id.as_str();
        let version = self.driver.store.find_version(workflow, None).await?;
        let version = version.filter(|version| !version.deleted);
        let version = version.ok_or_else(|| refused("its workflow is gone".to_owned()))?;
        let launch = Launch {
            version,
            input: firing.input,
            actor: format!("trigger {}", trigger.name),
            key: firing.key,
            origin: Some(Origin::Trigger {
                name: trigger.name.clone(),
                trigger_id: Some(trigger.id.clone()),
                depth: firing.depth,
            }),
            kept: BTreeMap::new(),
            run_id: firing.run_id,
        };
        self.driver
            .launch_as(launch, Some(firing.fingerprint))
            .await
    }

    /// Notes what came of a firing. What may succeed later is an error here, and nothing is noted.
    pub(in crate::driver) async fn note(
        &self,
        trigger: &Trigger,
        progress: Option<Progress>,
        started: Result<RunId, LaunchError>,
    ) -> Result<Option<RunId>, StoreError> {
        let outcome = match started {
            Ok(run_id) => Ok(run_id),
            Err(error) => Err(why(error)?),
        };
        if let Err(why) = &outcome {
            tracing::warn!(trigger.id = %trigger.id, why, "trigger {} started nothing: {why}", trigger.name);
        }
        let run_id = outcome.clone().ok();
        let at = self.driver.clock.now();
        let fired = Some(Fired { at, outcome });
        self.store.note_firing(&trigger.id, progress, fired).await?;
        Ok(run_id)
    }

    /// Whether the last run has yet to end.
    pub(super) async fn still_runs(&self, last_run: Option<&RunId>) -> Result<bool, StoreError> {
        let Some(run_id) = last_run else {
            return Ok(false);
        };
        let summary = self.driver.store.run_summary(run_id).await?;
        Ok(summary.is_some_and(|summary| !summary.status.is_terminal()))
    }
}

fn refused(message: String) -> LaunchError {
    LaunchError::InvalidInput(vec![super::schedule::error("", message)])
}

/// Why nothing was started, for people. What may succeed when it is tried again stays an error.
fn why(error: LaunchError) -> Result<String, StoreError> {
    match error {
        LaunchError::InvalidInput(problems) => {
            let sentences = problems.iter().map(|problem| match problem.field.as_str() {
                "" => problem.message.clone(),
                field => format!("`{field}`: {}", problem.message),
            });
            Ok(sentences.collect::<Vec<_>>().join("; "))
        }
        LaunchError::KeyReused => Ok("the message's id was used for another message".to_owned()),
        LaunchError::Submit(SubmitError::Store(StoreError::Corrupt(why))) => {
            Ok(format!("stored data cannot be read: {why}"))
        }
        LaunchError::Submit(SubmitError::Store(error)) => Err(error),
        LaunchError::Submit(SubmitError::Stopping) => {
            Err(StoreError::Unavailable("the server is stopping".to_owned()))
        }
        LaunchError::Submit(error @ SubmitError::InDoubt) => {
            Err(StoreError::Unavailable(error.to_string()))
        }
        LaunchError::Submit(error @ (SubmitError::NoSuchRun | SubmitError::Rejected(_))) => {
            Ok(error.to_string())
        }
    }
}
