//! Server functions for our own pages. Each is a public POST endpoint under `/rpc`; the bodies are thin and call the
//! same service as the API.

pub mod actions;
#[cfg(feature = "ssr")]
mod acts;
#[cfg(feature = "ssr")]
mod assemble;
pub mod callee;
pub mod capsules;
pub mod codec;
pub mod drafts;
pub mod error;
#[cfg(feature = "ssr")]
pub mod forms;
#[cfg(feature = "ssr")]
mod logs;
#[cfg(feature = "ssr")]
mod markdown;
pub mod pages;
pub mod runs;
pub mod triggers;
pub mod versions;
pub mod views;
pub mod workflows;

#[cfg(feature = "ssr")]
mod server {
    use leptos::prelude::use_context;

    use super::error::PageError;
    use crate::driver::SubmitError;
    use crate::driver::service::{AuthoringError, CapsuleError, Service, ServiceError};
    use crate::engine::command::Rejection;
    use crate::engine::input::FieldError;
    use crate::store::StoreError;

    /// Who commands are recorded for until people can sign in.
    pub(super) const LOCAL_ACTOR: &str = "local";

    pub(super) fn service() -> Result<Service, PageError> {
        use_context::<Service>()
            .ok_or_else(|| PageError::new(500, "internal", "Something went wrong on the server."))
    }

    /// Gives the page that is being rendered the status of its error, such as 404.
    pub(super) fn respond<T>(result: Result<T, PageError>) -> Result<T, PageError> {
        if let Err(error) = &result
            && let Some(response) = use_context::<leptos_axum::ResponseOptions>()
            && let Ok(status) = axum::http::StatusCode::from_u16(error.status)
        {
            response.set_status(status);
        }
        result
    }

    /// A word of one of our enums, as it is written in forms.
    pub(super) fn read_word<T: serde::de::DeserializeOwned>(
        word: &str,
        field: &str,
        choices: &str,
    ) -> Result<T, PageError> {
        serde_json::from_value(serde_json::Value::String(word.to_owned())).map_err(|_| {
            PageError::new(422, "bad_request", format!("`{field}` must be {choices}."))
        })
    }

    /// A value that somebody has typed.
    pub(super) fn read_json(text: &str) -> Result<serde_json::Value, PageError> {
        serde_json::from_str(text).map_err(|error| {
            let message = format!("The input is not JSON: {error}.");
            PageError::new(422, "bad_input", message)
        })
    }

    /// What is wrong with each field.
    fn said(errors: &[FieldError]) -> String {
        let said = errors.iter().map(|error| match error.field.as_str() {
            "" => format!("{}.", error.message),
            field => format!("{field}: {}.", error.message),
        });
        said.collect::<Vec<_>>().join(" ")
    }

    impl From<ServiceError> for PageError {
        fn from(error: ServiceError) -> Self {
            match error {
                ServiceError::NotFound(what) => PageError::not_found(what),
                ServiceError::InvalidInput(errors) => {
                    let message = format!("The input does not fit the workflow. {}", said(&errors));
                    PageError::new(422, "invalid_input", message)
                }
                ServiceError::InvalidTrigger(errors) => {
                    PageError::new(422, "invalid_trigger", said(&errors))
                }
                ServiceError::InvalidFilter(errors) => {
                    let said = errors
                        .iter()
                        .map(|error| format!("`{}` {}.", error.field, error.message));
                    let said = said.collect::<Vec<_>>().join(" ");
                    PageError::new(422, "invalid_filter", said)
                }
                error @ (ServiceError::TooManyFilters | ServiceError::FilterNameTaken(_)) => {
                    PageError::new(409, "filter_refused", sentence(&error.to_string()))
                }
                ServiceError::InvalidWorkflow(_) => {
                    PageError::new(422, "invalid_workflow", "The workflow has problems.")
                }
                error @ ServiceError::NotImported(_) => {
                    PageError::new(422, "not_imported", sentence(&error.to_string()))
                }
                ServiceError::Authoring(error) => error.into(),
                ServiceError::Capsule(error) => error.into(),
                ServiceError::KeyReused => {
                    PageError::new(409, "idempotency_key_reused", "This start was made before.")
                }
                error @ ServiceError::LogAhead { .. } => {
                    PageError::new(409, "log_ahead", sentence(&error.to_string()))
                }
                ServiceError::NotForked(error) => PageError::new(
                    422,
                    "not_forked",
                    format!("The run was not forked: {error}."),
                ),
                ServiceError::Submit(SubmitError::NoSuchRun) => PageError::not_found("run"),
                ServiceError::Submit(SubmitError::Stopping) => PageError::new(
                    503,
                    "stopping",
                    "The server is stopping. Try again in a moment.",
                ),
                ServiceError::Submit(SubmitError::InDoubt) => PageError::new(
                    503,
                    "database_in_doubt",
                    "The database does not answer, so nobody knows yet whether this was done. Look again before you repeat it.",
                ),
                ServiceError::Submit(SubmitError::Store(error)) => error.into(),
                ServiceError::Submit(SubmitError::Rejected(rejection)) => rejection.into(),
            }
        }
    }

    impl From<CapsuleError> for PageError {
        fn from(error: CapsuleError) -> Self {
            let said = sentence(&error.to_string());
            match error {
                CapsuleError::Refused(flaw) => {
                    let what_to_do = match flaw.was_changed() {
                        true => " Ask whoever sent it for the file again.",
                        false => "",
                    };
                    PageError::new(422, "capsule_refused", format!("{said}{what_to_do}"))
                }
                CapsuleError::TooLarge => PageError::new(422, "capsule_too_large", said),
                CapsuleError::TooMany => {
                    let said = format!("{said} Remove some first.");
                    PageError::new(409, "too_many_capsules", said)
                }
                CapsuleError::TooFast => PageError::new(409, "run_busy", said),
                CapsuleError::Key(_) | CapsuleError::Failed(_) => {
                    tracing::error!(%said, "a capsule could not be made or read");
                    PageError::new(500, "internal", "Something went wrong on the server.")
                }
            }
        }
    }

    impl From<AuthoringError> for PageError {
        fn from(error: AuthoringError) -> Self {
            let (status, code) = match &error {
                AuthoringError::InvalidField(_) => (422, "invalid_field"),
                AuthoringError::WorkflowTooLarge => (413, "workflow_too_large"),
                AuthoringError::Deleted(_) => (410, "workflow_deleted"),
                AuthoringError::SlugOfDeleted(_) => (409, "slug_taken"),
                AuthoringError::BuiltIn(_) => (409, "built_in_template"),
                AuthoringError::Overtaken { .. } => (409, "version_conflict"),
                AuthoringError::DraftStale(_) => (409, "draft_stale"),
                AuthoringError::DraftPublished { .. } => (409, "draft_published"),
                AuthoringError::TooManyDrafts { .. } => (409, "too_many_drafts"),
            };
            PageError::new(status, code, sentence(&error.to_string()))
        }
    }

    fn sentence(text: &str) -> String {
        let mut text = format!("{text}.");
        if let Some(first) = text.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        text
    }

    impl From<StoreError> for PageError {
        fn from(error: StoreError) -> Self {
            if let StoreError::SlugTaken(slug) = &error {
                let message =
                    format!("There is a workflow `{slug}` already. Give this one another name.");
                return PageError::new(409, "slug_taken", message);
            }
            tracing::error!(%error, "a page could not be served");
            if matches!(error, StoreError::Full(_)) {
                return PageError::new(
                    507,
                    "storage_full",
                    "The disk that holds the database is full. Nothing was changed; make room and try again.",
                );
            }
            PageError::new(
                503,
                "database_unavailable",
                "The database does not answer as it should. Try again in a moment.",
            )
        }
    }

    impl From<Rejection> for PageError {
        fn from(rejection: Rejection) -> Self {
            let text = sentence(&rejection.to_string());
            let status = match rejection {
                Rejection::UnknownStep(_) | Rejection::UnknownGate(_) => 404,
                Rejection::NotAnApprover { .. } => 403,
                Rejection::InputTooLarge(_)
                | Rejection::PlanHashMissing
                | Rejection::InvalidErrorCode { .. }
                | Rejection::CommentTooLong { .. } => 422,
                Rejection::AlreadyStarted
                | Rejection::NotStarted
                | Rejection::RunEnded
                | Rejection::RunEnding
                | Rejection::BeingUndone
                | Rejection::AlreadyPaused
                | Rejection::NotPaused
                | Rejection::NotFailed(_)
                | Rejection::Undone
                | Rejection::NotSkippable { .. }
                | Rejection::NotExternal(_)
                | Rejection::GateDecided { .. }
                | Rejection::GateClosed(_)
                | Rejection::PlanChanged
                | Rejection::LateResult { .. }
                | Rejection::OutcomeKnown(_) => 409,
            };
            PageError::new(status, "refused", text)
        }
    }
}

#[cfg(feature = "ssr")]
use server::{LOCAL_ACTOR, read_json, read_word, respond, service};
