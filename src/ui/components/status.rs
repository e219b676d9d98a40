//! Status, told by symbol, shape, colour and word.

use leptos::prelude::*;

use crate::engine::state::{RunStatus, StepStatus};
use crate::ui::theme::{self, Look};

/// The symbol alone, for a place where the word stands beside it.
#[component]
pub fn StatusIcon(look: Look) -> impl IntoView {
    let symbol = theme::symbol(look.class);
    view! {
        <svg class=format!("icon status-{}", look.class) class:solid=symbol.solid viewBox="0 0 16 16" aria-hidden="true">
            <path d=symbol.path />
        </svg>
    }
}

#[component]
pub fn RunBadge(
    status: RunStatus,
    /// Somebody has to answer something.
    for_people: bool,
) -> impl IntoView {
    view! { <Badge look=theme::of_run(status, for_people) /> }
}

/// `note` follows the word: `attempt 2 of 5`.
#[component]
pub fn StepBadge(
    status: StepStatus,
    #[prop(optional, into)] note: Option<String>,
) -> impl IntoView {
    view! { <Badge look=theme::of_step(status) note /> }
}

#[component]
fn Badge(look: Look, #[prop(optional_no_strip)] note: Option<String>) -> impl IntoView {
    view! {
        <span class=format!("badge status-{}", look.class)>
            <StatusIcon look />
            <span>{look.word}{note.filter(|note| !note.is_empty()).map(|note| format!(", {note}"))}</span>
        </span>
    }
}
