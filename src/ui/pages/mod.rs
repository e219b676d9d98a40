//! One file a page; what a page alone is made of lies beside it.

mod approvals;
mod artifact;
mod builder;
mod home;
mod not_found;
mod run;
mod runs;
mod versions;
mod workflow;
mod workflows;

pub use approvals::ApprovalsPage;
pub use artifact::ArtifactPage;
pub use builder::BuilderPage;
pub use home::HomePage;
pub use not_found::NotFoundPage;
pub use run::RunPage;
pub use runs::RunsPage;
pub use versions::VersionsPage;
pub use workflow::WorkflowPage;
pub use workflows::WorkflowsPage;

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

/// A part of the address, such as the id of a run.
fn param(name: &'static str) -> Signal<String> {
    let params = use_params_map();
    Signal::derive(move || params.with(|params| params.get(name)).unwrap_or_default())
}
