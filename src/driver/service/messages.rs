//! Messages of foreign programs: whose signature counts, and what each starts.

use serde_json::Value;
use thiserror::Error;

use super::triggers::in_field;
use super::{Service, ServiceError};
use crate::driver::launch::LaunchError;
use crate::driver::triggers::{self, Firing, NotAccepted, Signed};
use crate::engine::ids::{RunId, TriggerId, content_hash};
use crate::engine::trigger::Source;
use crate::store::TriggerStore;

/// One message of a webhook: the largest input that a run may have.
const MESSAGE_BYTES_MAX: usize = 1_000_000;

/// A message for a webhook, as it came in.
pub struct Message<'a> {
    pub signed: Signed<'a>,
    /// Whether the sender says that it is JSON.
    pub is_json: bool,
}

/// What a message led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    pub run_id: RunId,
    /// It had come in before: the run is the one of then.
    pub again: bool,
}

/// Why a message led to nothing.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum MessageError {
    #[error(transparent)]
    NotAccepted(#[from] NotAccepted),
    #[error("the message is not sent as JSON")]
    NotSentAsJson,
    #[error("the message is longer than {MESSAGE_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the message is no JSON: {0}")]
    NotJson(String),
    #[error("this message id was used for another message")]
    IdReused,
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl Service {
    /// Takes in a message. The same message again leads to the run of then.
    pub async fn receive(
        &self,
        id: &TriggerId,
        message: &Message<'_>,
    ) -> Result<Received, MessageError> {
        let not_there = ServiceError::NotFound("webhook");
        let row = self.store.trigger(id).await.map_err(ServiceError::from)?;
        let trigger = row
            .map(|row| row.trigger)
            .filter(|trigger| trigger.enabled)
            .ok_or(not_there.clone())?;
        let Source::Webhook(webhook) = &trigger.source else {
            return Err(not_there.into());
        };
        let keys = self
            .store
            .webhook_keys(id)
            .await
            .map_err(ServiceError::from)?;
        let signed = &message.signed;
        triggers::verify(signed, &keys, self.now())?;
        if !message.is_json {
            return Err(MessageError::NotSentAsJson);
        }
        if signed.body.len() > MESSAGE_BYTES_MAX {
            return Err(MessageError::TooLarge);
        }
        let content: Value = serde_json::from_slice(signed.body)
            .map_err(|error| MessageError::NotJson(error.to_string()))?;
        let run_id = RunId::new(self.driver.clock().new_id());
        let firing = Firing {
            key: Some(triggers::key(&trigger, signed.id)),
            fingerprint: content_hash(&content),
            input: in_field(webhook.field.as_deref(), content),
            depth: 0,
            run_id: Some(run_id.clone()),
        };
        match self.triggers.launch(&trigger, firing).await {
            Ok(started) if started != run_id => Ok(Received {
                run_id: started,
                again: true,
            }),
            Err(LaunchError::KeyReused) => Err(MessageError::IdReused),
            started => {
                let noted = self.triggers.note(&trigger, None, started.clone()).await;
                let run_id = started.map_err(ServiceError::from)?;
                // The run is on disk: what is not noted is only the display.
                if let Err(error) = noted {
                    tracing::warn!(trigger.id = %trigger.id, %error, "a message's run could not be noted");
                }
                Ok(Received {
                    run_id,
                    again: false,
                })
            }
        }
    }
}
