//! The start form, as a browser without scripting posts it. What is refused comes back with what was typed.

use std::collections::BTreeMap;

use super::server::LOCAL_ACTOR;
use super::views::RefusedStart;
use crate::driver::service::{NewRun, Service, ServiceError};
use crate::engine::ids::RunId;
use crate::engine::input::{self, Field, FieldError};

/// Fields of the input are named `input.<name>` in the form.
const PREFIX: &str = "input.";

/// Why a start form led to no run.
#[derive(Debug)]
pub enum FormError {
    NotFound,
    /// Show the form again with this.
    Refused(RefusedStart),
}

/// Starts the run that the form asks for.
pub async fn start(
    service: &Service,
    slug: &str,
    form: Vec<(String, String)>,
) -> Result<RunId, FormError> {
    let (row, definition) = match service.workflow(slug).await {
        Ok(found) => found,
        Err(ServiceError::NotFound(_)) => return Err(FormError::NotFound),
        Err(error) => return Err(failed(BTreeMap::new(), &error)),
    };
    // A form ends its lines as mails do, whatever was typed.
    let typed: BTreeMap<String, String> = form
        .into_iter()
        .filter_map(|(name, text)| {
            let name = name.strip_prefix(PREFIX)?.to_owned();
            Some((name, text.replace("\r\n", "\n")))
        })
        .collect();
    let fields = input::fields(service.inputs(&definition).as_ref());
    let input = match input::parse(&fields, &typed) {
        Ok(input) => input,
        Err(errors) => {
            return Err(FormError::Refused(RefusedStart {
                typed,
                errors,
                message: None,
            }));
        }
    };
    let new = NewRun {
        workflow: row.slug,
        version: None,
        input,
        actor: LOCAL_ACTOR.to_owned(),
        key: None,
    };
    match service.start(new, None).await {
        Ok(card) => Ok(card.summary.header.run_id),
        Err(ServiceError::InvalidInput(errors)) => {
            Err(FormError::Refused(refused(typed, errors, &fields)))
        }
        Err(error) => Err(failed(typed, &error)),
    }
}

/// Each problem beside its field: `endpoints.0` belongs to `endpoints`. What belongs to no field of the form is said
/// above it.
fn refused(
    typed: BTreeMap<String, String>,
    errors: Vec<FieldError>,
    fields: &[Field],
) -> RefusedStart {
    let (errors, of_the_whole): (Vec<_>, Vec<_>) = errors
        .into_iter()
        .map(|error| FieldError {
            field: error.field.split('.').next().unwrap_or_default().to_owned(),
            message: error.message,
        })
        .partition(|error| fields.iter().any(|field| field.name == error.field));
    let sentences: Vec<String> = of_the_whole
        .into_iter()
        .map(|error| format!("{}.", error.message))
        .collect();
    RefusedStart {
        typed,
        errors,
        message: (!sentences.is_empty()).then(|| sentences.join(" ")),
    }
}

fn failed(typed: BTreeMap<String, String>, error: &ServiceError) -> FormError {
    tracing::error!(%error, "a start form could not be served");
    let message =
        Some("The run could not be started. Nothing was lost: try again in a moment.".to_owned());
    FormError::Refused(RefusedStart {
        typed,
        errors: Vec::new(),
        message,
    })
}
