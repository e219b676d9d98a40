//! What surrounds every page: the way to the others, the state of the connection, and the task list of the active run.

mod panel;

use leptos::prelude::*;
use leptos_router::components::A;
use leptos_router::hooks::use_location;

use super::components::ConnectionBadge;
use super::live::Live;
use crate::rpc::pages::waiting_count;
use panel::TaskPanel;

#[component]
pub fn Layout(children: Children) -> impl IntoView {
    view! {
        <a class="skip" href="#main" rel="external">"Skip to the content"</a>
        <div class="frame">
            <header class="bar-side">
                <a class="brand" href="/">
                    <svg class="brand-mark" viewBox="0 0 24 24" aria-hidden="true">
                        <rect x="7" y="1.500" width="10" height="21" rx="5" />
                        <circle class="brand-stop" cx="12" cy="7" r="2.600" />
                        <circle class="brand-go" cx="12" cy="16.500" r="2.600" />
                    </svg>
                    "Signalbox"
                </a>
                <nav aria-label="Main">
                    <ul>
                        <li><A href="/" exact=true>"Home"</A></li>
                        <li><A href="/workflows">"Workflows"</A></li>
                        <li><ToRuns /></li>
                        <li><A href="/approvals">"Approvals" <WaitingCount /></A></li>
                    </ul>
                </nav>
                <ConnectionBadge />
            </header>
            <main id="main" tabindex="-1">
                // Shown by the styles where the client could not take over.
                <p class="notice only-stalled" role="alert" hidden=true>
                    "A part of this page could not be fetched, so it is not live. " <a href="" rel="external">"Load it again"</a>
                </p>
                {children()}
            </main>
            <TaskPanel />
        </div>
    }
}

/// Capsules are runs too, and are found from there.
#[component]
fn ToRuns() -> impl IntoView {
    let path = use_location().pathname;
    let is_here = Memo::new(move |_| {
        path.with(|path| {
            let mut parts = path.split('/');
            matches!(parts.nth(1), Some("runs" | "capsules"))
        })
    });
    view! { <a href="/runs" aria-current=move || is_here.get().then_some("page")>"Runs"</a> }
}

/// How many questions wait, beside the way to them.
#[component]
fn WaitingCount() -> impl IntoView {
    let live = Live::expect();
    let count = Resource::new(move || live.lists.get(), |_| waiting_count());
    view! {
        <Transition>
            {move || Suspend::new(async move {
                let count = count.await.unwrap_or_default();
                (count > 0).then(|| view! {
                    <span class="nav-count">{count}<span class="visually-hidden">" waiting"</span></span>
                })
            })}
        </Transition>
    }
}
