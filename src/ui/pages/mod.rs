//! One file a page; what a page alone is made of lies beside it. Which page stands at which address, and in which part of
//! the client it comes, is said here.

mod approvals;
mod artifact;
mod builder;
mod capsules;
mod contrasted;
mod home;
mod not_found;
mod pair;
mod run;
mod runs;
mod versions;
mod workflow;
mod workflows;

pub use not_found::NotFoundPage;

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use crate::ui::parts::{Fetch, Part, apart};

// Few parts: what several of them need is in a file for each set of those that need it, and such sets become many.
apart!(home, HOME: () => |()| view! { <home::HomePage /> }.into_any());
// A run as it goes on, which is looked at far more often than anything below.
apart!(run, RUN: () => |()| view! { <run::RunPage /> }.into_any());
// A run seen in other ways (`run/views.rs` has more of this part), and what it leaves behind.
apart!(views, PAIR: () => |()| view! { <pair::PairPage /> }.into_any());
apart!(views, ARTIFACT: () => |()| view! { <artifact::ArtifactPage /> }.into_any());
apart!(views, CAPSULE: () => |()| view! { <run::CapsulePage /> }.into_any());
apart!(views, CAPSULES: () => |()| view! { <capsules::CapsulesPage /> }.into_any());
// All runs, and what they ask of people.
apart!(lists, RUNS: () => |()| view! { <runs::RunsPage /> }.into_any());
apart!(lists, BULK: () => |()| view! { <runs::BulkPage /> }.into_any());
apart!(lists, APPROVALS: () => |()| view! { <approvals::ApprovalsPage /> }.into_any());
// What there is to start, and how it came to be.
apart!(workflows, WORKFLOWS: () => |()| view! { <workflows::WorkflowsPage /> }.into_any());
apart!(workflows, WORKFLOW: () => |()| view! { <workflow::WorkflowPage /> }.into_any());
apart!(workflows, VERSIONS: () => |()| view! { <versions::VersionsPage /> }.into_any());
// Where workflows are made.
apart!(builder, BUILDER: () => |()| view! { <builder::BuilderPage /> }.into_any());

/// What may stand on a page and comes in a part of its own. The name is in `data-part` where the server has drawn it. Each
/// function is fetched for itself, also where several are in one part.
pub(in crate::ui) const BESIDE: [(&str, Fetch); 5] = [
    (run::VIEWS.name, run::VIEWS.fetch),
    (run::FOUND.name, run::FOUND.fetch),
    (run::LOG.name, run::LOG.fetch),
    (run::GATE.name, run::GATE.fetch),
    (run::OUTCOME.name, run::OUTCOME.fetch),
];

/// The page at the path of an address; `App` has the same in its routes.
pub fn at(path: &str) -> Option<Part<()>> {
    let mut words = path.split('/').filter(|word| !word.is_empty());
    let place = [words.next(), words.next(), words.next(), words.next()];
    if words.next().is_some() {
        return None;
    }
    match place {
        [None, ..] => Some(HOME),
        [Some("workflows"), None, ..] => Some(WORKFLOWS),
        [Some("workflows"), Some("new"), None, _]
        | [Some("workflows"), Some(_), Some("edit"), None] => Some(BUILDER),
        [Some("workflows"), Some(_), Some("versions"), None] => Some(VERSIONS),
        [Some("workflows"), Some(_), None, _] => Some(WORKFLOW),
        [Some("runs"), None, ..] => Some(RUNS),
        [Some("runs"), Some("bulk"), None, _] => Some(BULK),
        [Some("runs"), Some(_), None, _] => Some(RUN),
        [Some("runs"), Some(_), Some("compare"), None] => Some(PAIR),
        [Some("runs"), Some(_), Some("artifacts"), Some(_)] => Some(ARTIFACT),
        [Some("capsules"), None, ..] => Some(CAPSULES),
        [Some("capsules"), Some(_), None, _] => Some(CAPSULE),
        [Some("approvals"), None, ..] => Some(APPROVALS),
        [Some(_), ..] => None,
    }
}

/// A part of the address, such as the id of a run.
fn param(name: &'static str) -> Signal<String> {
    let params = use_params_map();
    Signal::derive(move || params.with(|params| params.get(name)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_a_page_is_known() {
        for (path, part) in [
            ("/", "home"),
            ("/runs", "lists"),
            ("/runs/", "lists"),
            ("/runs/bulk", "lists"),
            ("/runs/0198", "run"),
            ("/runs/0198/compare", "views"),
            ("/runs/0198/artifacts/1", "views"),
            ("/capsules", "views"),
            ("/capsules/3f", "views"),
            ("/approvals", "lists"),
            ("/workflows", "workflows"),
            ("/workflows/new", "builder"),
            ("/workflows/deploy", "workflows"),
            ("/workflows/deploy/edit", "builder"),
            ("/workflows/deploy/versions", "workflows"),
        ] {
            assert_eq!(at(path).map(|page| page.name), Some(part), "{path}");
        }
        for path in [
            "/none",
            "/runs/1/artifacts",
            "/workflows/a/b",
            "/runs/1/artifacts/2/3",
            "/capsules/1/2",
        ] {
            assert!(at(path).is_none(), "{path}");
        }
    }
}
