//! Why a workflow or a draft is not changed, or not started.

use thiserror::Error;

use crate::engine::input::FieldError;
use crate::engine::limits::DEFINITION_BYTES_MAX;
use crate::store::DraftRow;

#[derive(Clone, Debug, PartialEq, Error)]
pub enum AuthoringError {
    #[error("{}", .0.message)]
    InvalidField(FieldError),
    #[error("the workflow is longer than {DEFINITION_BYTES_MAX} bytes")]
    WorkflowTooLarge,
    /// The workflow with this slug may be read and brought back, and nothing else.
    #[error("the workflow `{0}` has been deleted")]
    Deleted(String),
    #[error("the deleted workflow `{0}` keeps its short name")]
    SlugOfDeleted(String),
    /// The template with this slug is kept up to date by the product.
    #[error("the template `{0}` comes with the product")]
    BuiltIn(String),
    #[error("version {current} of `{slug}` is current, and not version {expected}")]
    Overtaken {
        slug: String,
        expected: u32,
        current: u32,
    },
    /// Somebody else has changed it; this is how it stands.
    #[error("the draft was changed at {} by {}: it has revision {} now", .0.updated_at, .0.updated_by, .0.revision)]
    DraftStale(Box<DraftRow>),
    #[error("the draft was published as version {number} of `{slug}`")]
    DraftPublished { slug: String, number: u32 },
    #[error("there are {max} drafts already")]
    TooManyDrafts { max: u32 },
}
