//! Whether what is shown is live, and the button when it is not.

use leptos::prelude::*;

use crate::ui::live::{Connection, Live};

#[component]
pub fn ConnectionBadge() -> impl IntoView {
    let live = Live::expect();
    let text = move || match live.connection.get() {
        Connection::Starting => "",
        Connection::Live => "Live",
        Connection::Reconnecting => "Reconnecting…",
        Connection::Offline => "Offline",
    };
    let class = move || match live.connection.get() {
        Connection::Starting => "connection",
        Connection::Live => "connection connection-live",
        Connection::Reconnecting => "connection connection-reconnecting",
        Connection::Offline => "connection connection-offline",
    };
    view! {
        <div class=class>
            <span role="status">{text}</span>
            <Show when=move || live.connection.get() == Connection::Offline>
                <button type="button" class="button button-small" on:click=move |_| live.reconnect()>
                    "Reconnect"
                </button>
            </Show>
        </div>
    }
}
