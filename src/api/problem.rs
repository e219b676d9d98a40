//! Errors as programs read them (RFC 9457): one mapping from what went wrong to status, code and sentence.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{StatusCode, header::CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use crate::driver::SubmitError;
use crate::driver::service::{AuthoringError, CapsuleError, ServiceError};
use crate::engine::command::Rejection;
use crate::engine::fork::ForkError;
use crate::engine::input::FieldError;
use crate::store::StoreError;

pub const PROBLEM_JSON: &str = "application/problem+json";

/// An error answer. The server's outermost layer adds the `request_id`.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    pub status: StatusCode,
    /// What a program branches on; stable once released.
    pub code: &'static str,
    /// A sentence for people, with what to do where that is known.
    pub detail: String,
    /// The single problems, where there are several.
    pub errors: Vec<Value>,
}

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    pub fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("There is no such {what}."),
        )
    }

    fn with_errors(mut self, errors: &[impl Serialize]) -> Self {
        self.errors = errors
            .iter()
            .filter_map(|error| serde_json::to_value(error).ok())
            .collect();
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        });
        if !self.errors.is_empty() {
            body["errors"] = Value::Array(self.errors);
        }
        (
            self.status,
            [(CONTENT_TYPE, PROBLEM_JSON)],
            body.to_string(),
        )
            .into_response()
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::NotFound(what) => Problem::not_found(what),
            ServiceError::InvalidInput(errors) => Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid_input",
                "The input does not fit the workflow.",
            )
            .with_errors(&errors),
            ServiceError::InvalidTrigger(errors) => {
                let said = errors.iter().map(|error| match error.field.as_str() {
                    "" => format!("{}.", error.message),
                    field => format!("`{field}`: {}.", error.message),
                });
                let detail = said.collect::<Vec<_>>().join(" ");
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_trigger", detail)
                    .with_errors(&errors)
            }
            ServiceError::InvalidFilter(errors) => unreadable_filter(&errors),
            ServiceError::TooManyFilters => Problem::new(
                StatusCode::CONFLICT,
                "too_many_filters",
                "There are as many saved filters as there may be. Remove some first.",
            ),
            ServiceError::FilterNameTaken(name) => {
                let detail = format!("There is a filter `{name}` already. Choose another name.");
                Problem::new(StatusCode::CONFLICT, "filter_name_taken", detail)
            }
            ServiceError::InvalidWorkflow(errors) => {
                let detail = format!("The workflow has {} problem(s).", errors.len());
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_workflow", detail)
                    .with_errors(&errors)
            }
            ServiceError::NotImported(problems) => {
                let detail = format!(
                    "Nothing was imported, for there are {} problem(s).",
                    problems.len()
                );
                let told = problems.into_iter().map(|told| {
                    let mut problem = json!(told.problem);
                    problem["workflow"] = Value::String(told.slug);
                    problem
                });
                let told: Vec<Value> = told.collect();
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "not_imported", detail)
                    .with_errors(&told)
            }
            ServiceError::Authoring(error) => error.into(),
            ServiceError::Capsule(error) => error.into(),
            ServiceError::KeyReused => {
                let detail = "This Idempotency-Key was used for another start. Use a new key.";
                Problem::new(StatusCode::CONFLICT, "idempotency_key_reused", detail)
            }
            ServiceError::LogAhead { received } => {
                let detail = format!(
                    "Lines are missing before these: {received} have arrived. Send from there, with `offset={received}`."
                );
                Problem::new(StatusCode::CONFLICT, "log_ahead", detail)
                    .with_errors(&[json!({ "received": received })])
            }
            ServiceError::NotForked(error) => {
                let status = match error {
                    ForkError::UnknownStep(_) => StatusCode::NOT_FOUND,
                    ForkError::Undone => StatusCode::CONFLICT,
                    ForkError::TooLarge => StatusCode::UNPROCESSABLE_ENTITY,
                };
                Problem::new(status, "not_forked", capitalised(&format!("{error}.")))
            }
            ServiceError::Submit(error) => error.into(),
        }
    }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::NoSuchRun => Problem::not_found("run"),
            SubmitError::Rejected(rejection) => rejection.into(),
            SubmitError::Store(error) => error.into(),
            SubmitError::InDoubt => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "database_in_doubt",
                "The database does not answer, so it is not known yet whether this was done. Look again when it is \
                 back. A start with an Idempotency-Key may be sent again at any time.",
            ),
            SubmitError::Stopping => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "stopping",
                "The server is stopping. Try again in a moment.",
            ),
        }
    }
}

fn unreadable_filter(errors: &[FieldError]) -> Problem {
    let said = errors
        .iter()
        .map(|error| format!("`{}` {}.", error.field, error.message));
    let detail = said.collect::<Vec<_>>().join(" ");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_filter", detail).with_errors(errors)
}

impl From<CapsuleError> for Problem {
    fn from(error: CapsuleError) -> Self {
        let said = capitalised(&format!("{error}."));
        match error {
            CapsuleError::Refused(flaw) => {
                let what_to_do = match flaw.was_changed() {
                    true => " Ask whoever sent it for the file again.",
                    false => "",
                };
                let detail = format!("{said}{what_to_do}");
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "capsule_refused", detail)
                    .with_errors(&[flaw])
            }
            CapsuleError::TooLarge => {
                let detail = format!("{said} Read its log in pages, and its files one by one.");
                Problem::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "capsule_too_large",
                    detail,
                )
            }
            CapsuleError::TooMany => {
                let detail = format!("{said} Remove some first.");
                Problem::new(StatusCode::CONFLICT, "too_many_capsules", detail)
            }
            CapsuleError::TooFast => {
                let detail = format!("{said} Try again when it is quieter.");
                Problem::new(StatusCode::CONFLICT, "run_busy", detail)
            }
            CapsuleError::Key(_) | CapsuleError::Failed(_) => {
                tracing::error!(%said, "a capsule could not be made or read");
                let detail = "Something went wrong on the server.";
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
            }
        }
    }
}

impl From<AuthoringError> for Problem {
    fn from(error: AuthoringError) -> Self {
        let (status, code, what_to_do) = match &error {
            AuthoringError::InvalidField(_) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid_field",
                String::new(),
            ),
            AuthoringError::WorkflowTooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "workflow_too_large",
                "Split it into several workflows.".to_owned(),
            ),
            AuthoringError::Deleted(slug) => (
                StatusCode::GONE,
                "workflow_deleted",
                format!("`POST /api/v1/workflows/{slug}/undelete` brings it back."),
            ),
            AuthoringError::SlugOfDeleted(slug) => (
                StatusCode::CONFLICT,
                "slug_taken",
                format!(
                    "Give this one another `slug`, or bring the other back with `POST /api/v1/workflows/{slug}/undelete`."
                ),
            ),
            AuthoringError::BuiltIn(_) => (
                StatusCode::CONFLICT,
                "built_in_template",
                "It can be neither changed nor deleted; begin a workflow of your own as it."
                    .to_owned(),
            ),
            AuthoringError::Overtaken { expected, .. } => (
                StatusCode::CONFLICT,
                "version_conflict",
                format!("Look at what was published since version {expected}, then save again."),
            ),
            AuthoringError::DraftStale(_) => (
                StatusCode::CONFLICT,
                "draft_stale",
                "Read it, and save again with that revision.".to_owned(),
            ),
            AuthoringError::DraftPublished { .. } => (
                StatusCode::CONFLICT,
                "draft_published",
                "Begin another draft to go on.".to_owned(),
            ),
            AuthoringError::TooManyDrafts { .. } => (
                StatusCode::CONFLICT,
                "too_many_drafts",
                "Publish or delete some first.".to_owned(),
            ),
        };
        let detail = capitalised(format!("{error}. {what_to_do}").trim_end());
        let problem = Problem::new(status, code, detail);
        match &error {
            AuthoringError::InvalidField(field) => problem.with_errors(&[field]),
            AuthoringError::DraftStale(draft) => {
                problem.with_errors(&[json!({ "revision": draft.revision })])
            }
            AuthoringError::Overtaken { current, .. } => {
                problem.with_errors(&[json!({ "current": current })])
            }
            AuthoringError::WorkflowTooLarge
            | AuthoringError::Deleted(_)
            | AuthoringError::SlugOfDeleted(_)
            | AuthoringError::BuiltIn(_)
            | AuthoringError::DraftPublished { .. }
            | AuthoringError::TooManyDrafts { .. } => problem,
        }
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let detail = format!("{rejection}.");
        let (status, code) = match rejection {
            Rejection::AlreadyStarted => (StatusCode::CONFLICT, "already_started"),
            Rejection::InputTooLarge(_) => (StatusCode::UNPROCESSABLE_ENTITY, "input_too_large"),
            Rejection::NotStarted => (StatusCode::CONFLICT, "not_started"),
            Rejection::RunEnded => (StatusCode::CONFLICT, "run_ended"),
            Rejection::RunEnding => (StatusCode::CONFLICT, "run_ending"),
            Rejection::BeingUndone => (StatusCode::CONFLICT, "being_undone"),
            Rejection::AlreadyPaused => (StatusCode::CONFLICT, "already_paused"),
            Rejection::NotPaused => (StatusCode::CONFLICT, "not_paused"),
            Rejection::NotFailed(_) => (StatusCode::CONFLICT, "not_failed"),
            Rejection::Undone => (StatusCode::CONFLICT, "undone"),
            Rejection::NotSkippable { .. } => (StatusCode::CONFLICT, "not_skippable"),
            Rejection::NotExternal(_) => (StatusCode::CONFLICT, "not_external"),
            Rejection::UnknownStep(_) => (StatusCode::NOT_FOUND, "not_found"),
            Rejection::UnknownGate(_) => (StatusCode::NOT_FOUND, "not_found"),
            Rejection::GateDecided { .. } => (StatusCode::CONFLICT, "gate_decided"),
            Rejection::GateClosed(_) => (StatusCode::CONFLICT, "gate_closed"),
            Rejection::PlanChanged => (StatusCode::CONFLICT, "plan_changed"),
            Rejection::PlanHashMissing => (StatusCode::UNPROCESSABLE_ENTITY, "plan_hash_missing"),
            Rejection::NotAnApprover { .. } => (StatusCode::FORBIDDEN, "not_an_approver"),
            Rejection::LateResult { .. } => (StatusCode::CONFLICT, "late_result"),
            Rejection::OutcomeKnown(_) => (StatusCode::CONFLICT, "outcome_known"),
            Rejection::InvalidErrorCode { .. } => {
                (StatusCode::UNPROCESSABLE_ENTITY, "invalid_error_code")
            }
            Rejection::CommentTooLong { .. } => {
                (StatusCode::UNPROCESSABLE_ENTITY, "comment_too_long")
            }
        };
        Problem::new(status, code, capitalised(&detail))
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::SlugTaken(slug) => {
                let detail =
                    format!("There is a workflow `{slug}` already. Give this one another `slug`.");
                Problem::new(StatusCode::CONFLICT, "slug_taken", detail)
            }
            StoreError::Conflict | StoreError::Stale | StoreError::StartedBefore { .. } => {
                Problem::new(
                    StatusCode::CONFLICT,
                    "conflict",
                    "Somebody else was faster. Reload and try again.",
                )
            }
            StoreError::Unavailable(cause) => {
                tracing::error!(cause, "the database does not answer");
                let detail =
                    "The database does not answer as it should. Nothing was changed; try again.";
                Problem::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "database_unavailable",
                    detail,
                )
            }
            StoreError::Full(_) => Problem::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "storage_full",
                "The disk that holds the database is full. Nothing was changed; make room and try again.",
            ),
            StoreError::LeaseLost => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "lease_lost",
                "Another server has taken over. Nothing was changed; try again there.",
            ),
            StoreError::Corrupt(cause) => {
                tracing::error!(cause, "stored data cannot be read");
                Problem::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "internal",
                    "Stored data cannot be read. The log says more.",
                )
            }
        }
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        match rejection {
            JsonRejection::MissingJsonContentType(_) => {
                let detail = "Send JSON, with `Content-Type: application/json`.";
                Problem::new(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "unsupported_media_type",
                    detail,
                )
            }
            JsonRejection::JsonDataError(_) | JsonRejection::JsonSyntaxError(_) => {
                Problem::bad_request(rejection.body_text())
            }
            // Such as a body beyond the limit: the extractor knows the status.
            other => Problem::new(other.status(), "body_unreadable", other.body_text()),
        }
    }
}

impl From<PathRejection> for Problem {
    fn from(_: PathRejection) -> Self {
        Problem::not_found("address")
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Problem::bad_request(rejection.body_text())
    }
}

pub(super) fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}
