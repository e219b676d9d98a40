//! Parts that several pages are made of.

mod changes;
mod connection;
mod drawing;
mod gate;
mod graph;
mod progress;
mod prose;
mod run_list;
mod status;
mod time;
mod value;

pub use changes::{Changes, SideBySide};
pub use connection::ConnectionBadge;
pub use drawing::{Drawing, DrawnEdges, Sketch, edge_label, path, tip};
pub use gate::{GateForm, GateQuestion};
pub use graph::branch_labels;
pub use progress::Bar;
pub use prose::{prose, with_code};
pub use run_list::{RunList, RunRow};
pub use status::{RunBadge, StatusIcon, StepBadge};
pub use time::{Elapsed, Moment};
pub use value::{ValueView, ValuesAt};

use leptos::prelude::*;

use crate::rpc::error::PageError;

/// Whether what has been folded or unfolded is open now.
pub fn is_open(toggled: &leptos::ev::Event) -> bool {
    let details = event_target::<leptos::web_sys::Element>(toggled);
    details.has_attribute("open")
}

/// A failure, in place of what could not be shown, and the way on from it.
#[component]
pub fn Failure(error: PageError) -> impl IntoView {
    let way_on = if error.status == 404 {
        view! { <a href="/">"Go to Home"</a> }.into_any()
    } else {
        // An empty address is this page; loaded by the browser itself, so that everything is fetched anew.
        view! { <a href="" rel="external">"Try again"</a> }.into_any()
    };
    view! {
        <div class="notice notice-failed" role="alert">
            <p>{error.message}</p>
            <p>{way_on}</p>
        </div>
    }
}

/// What stands where there is nothing yet.
#[component]
pub fn Empty(title: &'static str, children: Children) -> impl IntoView {
    view! {
        <div class="empty">
            <p class="empty-title">{title}</p>
            {children()}
        </div>
    }
}
