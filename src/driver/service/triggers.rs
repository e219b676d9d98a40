//! What can be done with triggers: set them, change them, and try them.

use serde_json::{Value, json};

use super::{Service, ServiceError};
use crate::driver::schemas::check_input;
use crate::driver::triggers::schedule::{Timetable, error};
use crate::driver::triggers::{self, Firing};
use crate::engine::event::EndState;
use crate::engine::ids::{RunId, TriggerId};
use crate::engine::input::{FieldError, with_defaults};
use crate::engine::limits::NAME_CHARS_MAX;
use crate::engine::time::Timestamp;
use crate::engine::trigger::{Missed, Overlap, RunFinished, Source, Trigger};
use crate::engine::workflow::Workflow;
use crate::store::{TriggerRow, TriggerStore, WebhookKey};

/// Triggers of one workflow. More would be a schedule in disguise.
const TRIGGERS_MAX: u32 = 100;
/// How long the key before the new one still counts.
const OLD_KEY_MS: u64 = 86_400_000;

/// A trigger, as asked for.
pub struct NewTrigger {
    /// Slug or id of the workflow that it starts.
    pub workflow: String,
    pub name: String,
    pub enabled: bool,
    /// Where it waits for runs of another workflow, that one may be named by its slug.
    pub source: Source,
}

/// What is to be different; the rest stays as it is.
#[derive(Default)]
pub struct TriggerChange {
    pub name: Option<String>,
    pub enabled: Option<bool>,
    pub cron: Option<String>,
    pub zone: Option<String>,
    pub input: Option<Value>,
    pub missed: Option<Missed>,
    pub overlap: Option<Overlap>,
    pub field: Option<String>,
    pub states: Option<Vec<EndState>>,
}

impl Service {
    /// Oldest first, behind `after`.
    pub async fn triggers(
        &self,
        workflow: &str,
        after: Option<&TriggerId>,
        limit: u32,
    ) -> Result<Vec<TriggerRow>, ServiceError> {
        let (row, _) = self.workflow(workflow).await?;
        Ok(self.store.triggers_of(&row.id, after, limit).await?)
    }

    pub async fn trigger(&self, id: &TriggerId) -> Result<TriggerRow, ServiceError> {
        let row = self.store.trigger(id).await?;
        row.ok_or(ServiceError::NotFound("trigger"))
    }

    /// When a schedule comes next.
    pub fn next_at(&self, row: &TriggerRow) -> Option<Timestamp> {
        triggers::next_at(row, self.now())
    }

    /// Keeps a new trigger. Of a webhook it answers the key too: it is shown this once.
    pub async fn create_trigger(
        &self,
        new: NewTrigger,
    ) -> Result<(TriggerRow, Option<String>), ServiceError> {
        let (workflow, definition) = self.present(&new.workflow).await?;
        let known = self
            .store
            .triggers_of(&workflow.id, None, TRIGGERS_MAX)
            .await?;
        if known.len() >= TRIGGERS_MAX as usize {
            let why = format!("a workflow has at most {TRIGGERS_MAX} triggers; delete one first");
            return Err(ServiceError::InvalidTrigger(vec![error("", why)]));
        }
        let now = self.now();
        let mut trigger = Trigger {
            id: TriggerId::new(self.driver.clock().new_id()),
            workflow_id: workflow.id,
            name: new.name.trim().to_owned(),
            enabled: new.enabled,
            source: new.source,
            since: now,
            created_at: now,
        };
        self.check(&mut trigger, &definition).await?;
        self.store.save_trigger(&trigger).await?;
        let key = match &trigger.source {
            Source::Webhook(_) => Some(self.draw_key(&trigger.id, Vec::new()).await?),
            Source::Schedule(_) | Source::RunFinished(_) => None,
        };
        self.triggers.look_again();
        Ok((self.trigger(&trigger.id).await?, key))
    }

    /// What a schedule missed under other settings, or while it was off, is none of its business.
    pub async fn change_trigger(
        &self,
        id: &TriggerId,
        change: TriggerChange,
    ) -> Result<TriggerRow, ServiceError> {
        let before = self.trigger(id).await?.trigger;
        let mut trigger = before.clone();
        change
            .apply(&mut trigger)
            .map_err(ServiceError::InvalidTrigger)?;
        let (_, definition) = self.present(trigger.workflow_id.as_str()).await?;
        let is_switch_off = Trigger {
            enabled: before.enabled,
            ..trigger.clone()
        } == before
            && !trigger.enabled;
        // Switching off works whatever has become of the workflow since.
        if !is_switch_off {
            self.check(&mut trigger, &definition).await?;
        }
        if trigger.source != before.source || trigger.enabled && !before.enabled {
            trigger.since = self.now();
        }
        self.store.save_trigger(&trigger).await?;
        self.triggers.look_again();
        self.trigger(id).await
    }

    pub async fn delete_trigger(&self, id: &TriggerId) -> Result<(), ServiceError> {
        if !self.store.delete_trigger(id).await? {
            return Err(ServiceError::NotFound("trigger"));
        }
        self.triggers.look_again();
        Ok(())
    }

    /// Starts a run as if the trigger had fired, to try it. `input`: the message of a webhook, or what a schedule or
    /// the end of a run would give; that of the schedule when absent.
    pub async fn fire_trigger(
        &self,
        id: &TriggerId,
        input: Option<Value>,
    ) -> Result<RunId, ServiceError> {
        let trigger = self.trigger(id).await?.trigger;
        self.present(trigger.workflow_id.as_str()).await?;
        let input = match (&trigger.source, input) {
            (Source::Schedule(schedule), None) => schedule.input.clone(),
            (Source::Schedule(_) | Source::RunFinished(_), Some(input)) => input,
            (Source::RunFinished(_), None) => json!({}),
            (Source::Webhook(webhook), input) => {
                in_field(webhook.field.as_deref(), input.unwrap_or_else(|| json!({})))
            }
        };
        let firing = Firing {
            input,
            key: None,
            fingerprint: String::new(),
            depth: 0,
            run_id: None,
        };
        let started = self.triggers.launch(&trigger, firing).await;
        self.triggers.note(&trigger, None, started.clone()).await?;
        Ok(started?)
    }

    /// A new key for a webhook, shown this once. The one before it counts for a day, so that the sender can be told
    /// in peace; older ones do not count any more. Answers the end of the old one too.
    pub async fn rotate_key(&self, id: &TriggerId) -> Result<(String, Timestamp), ServiceError> {
        let row = self.trigger(id).await?;
        if !matches!(row.trigger.source, Source::Webhook(_)) {
            let why = "only a webhook has a key";
            return Err(ServiceError::InvalidTrigger(vec![error("", why)]));
        }
        let until = self.now().plus_ms(OLD_KEY_MS);
        let newest = self.store.webhook_keys(id).await?.into_iter().next();
        let old = newest.map(|key| WebhookKey {
            until: Some(until),
            ..key
        });
        let key = self.draw_key(id, old.into_iter().collect()).await?;
        Ok((key, until))
    }

    async fn draw_key(&self, id: &TriggerId, old: Vec<WebhookKey>) -> Result<String, ServiceError> {
        let secret = triggers::new_key(self.driver.clock());
        let mut keys = vec![WebhookKey {
            secret: secret.clone(),
            until: None,
        }];
        keys.extend(old);
        self.store.keep_webhook_keys(id, &keys).await?;
        Ok(secret)
    }

    /// Everything that is wrong with it, at once.
    async fn check(
        &self,
        trigger: &mut Trigger,
        definition: &Workflow,
    ) -> Result<(), ServiceError> {
        let mut errors = Vec::new();
        let name_chars = trigger.name.chars().count();
        if name_chars == 0 || name_chars > NAME_CHARS_MAX {
            errors.push(error(
                "name",
                format!("give it a name of 1 to {NAME_CHARS_MAX} characters"),
            ));
        }
        match &mut trigger.source {
            Source::Schedule(schedule) => {
                match Timetable::parse(&schedule.cron, &schedule.zone) {
                    Err(wrong) => errors.extend(wrong),
                    Ok(timetable) if timetable.next_after(self.now()).is_none() => {
                        let why = "there is no such day; the schedule would never come";
                        errors.push(error("cron", why));
                    }
                    Ok(_) => {}
                }
                let schema = self.inputs(definition);
                let input = with_defaults(schema.as_ref(), schedule.input.clone());
                let wrong = schema
                    .map(|schema| check_input(&schema, &input))
                    .unwrap_or_default();
                errors.extend(wrong.into_iter().map(|wrong| {
                    FieldError {
                        field: format!("input.{}", wrong.field)
                            .trim_end_matches('.')
                            .to_owned(),
                        message: wrong.message,
                    }
                }));
            }
            Source::Webhook(webhook) => {
                if webhook
                    .field
                    .as_ref()
                    .is_some_and(|field| field.is_empty() || field.len() > NAME_CHARS_MAX)
                {
                    errors.push(error("field", "name a field of the input, or leave it out"));
                }
            }
            Source::RunFinished(finished) => {
                match self.store.workflow(finished.workflow_id.as_str()).await? {
                    Some(known) => finished.workflow_id = known.id,
                    None => {
                        let why = format!(
                            "there is no workflow `{}`; name one by its slug or id",
                            finished.workflow_id
                        );
                        errors.push(error("after", why));
                    }
                }
                errors.extend(wrong_end(finished));
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(ServiceError::InvalidTrigger(errors))
        }
    }
}

fn wrong_end(finished: &RunFinished) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if finished.states.is_empty() {
        let why = "name at least one of `completed`, `failed` and `cancelled`";
        errors.push(error("states", why));
    }
    if let Some(Err(why)) = finished.input.as_ref().map(RunFinished::check_input) {
        errors.push(error("input", why));
    }
    errors
}

/// The message as the input, or as that field of it.
pub(super) fn in_field(field: Option<&str>, message: Value) -> Value {
    match field {
        None => message,
        Some(field) => json!({ field: message }),
    }
}

impl TriggerChange {
    /// Changes what it names. What this kind of trigger does not have is an error, so that nothing is lost silently.
    fn apply(self, trigger: &mut Trigger) -> Result<(), Vec<FieldError>> {
        if let Some(name) = self.name {
            trigger.name = name.trim().to_owned();
        }
        trigger.enabled = self.enabled.unwrap_or(trigger.enabled);
        let of_schedules = [
            ("cron", self.cron.is_some()),
            ("zone", self.zone.is_some()),
            ("missed", self.missed.is_some()),
            ("overlap", self.overlap.is_some()),
        ];
        let input = ("input", self.input.is_some());
        let field = ("field", self.field.is_some());
        let states = ("states", self.states.is_some());
        let foreign = match &mut trigger.source {
            Source::Schedule(schedule) => {
                schedule.cron = self.cron.unwrap_or_else(|| schedule.cron.clone());
                schedule.zone = self.zone.unwrap_or_else(|| schedule.zone.clone());
                schedule.input = self.input.unwrap_or_else(|| schedule.input.clone());
                schedule.missed = self.missed.unwrap_or(schedule.missed);
                schedule.overlap = self.overlap.unwrap_or(schedule.overlap);
                vec![field, states]
            }
            Source::Webhook(webhook) => {
                // An empty name: the message is the whole input again.
                if let Some(field) = self.field {
                    webhook.field = Some(field).filter(|field| !field.is_empty());
                }
                of_schedules.into_iter().chain([input, states]).collect()
            }
            Source::RunFinished(finished) => {
                finished.states = self.states.unwrap_or_else(|| finished.states.clone());
                finished.input = self.input.or(finished.input.take());
                of_schedules.into_iter().chain([field]).collect()
            }
        };
        let foreign = foreign.into_iter().filter(|(_, given)| *given);
        let errors: Vec<FieldError> = foreign
            .map(|(name, _)| error(name, "this kind of trigger has no such field; leave it out"))
            .collect();
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }
}
