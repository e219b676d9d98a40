//! Moments and durations. The server prints UTC; the browser then puts the reader's own time in its place.

use leptos::prelude::*;

use crate::engine::time::Timestamp;
use crate::ui::format;
use crate::ui::live::local_time;

#[component]
pub fn Moment(at: Timestamp) -> impl IntoView {
    let text = RwSignal::new(format::utc(at));
    let exact = at.to_string();
    let machine = exact.clone();
    Effect::new(move || {
        if let Some(local) = local_time(&exact) {
            text.set(local);
        }
    });
    view! { <time datetime=machine>{move || text.get()}</time> }
}

/// How long it took, or has been taking until `now`.
#[component]
pub fn Elapsed(
    #[prop(into)] since: Signal<Option<Timestamp>>,
    #[prop(into)] until: Signal<Option<Timestamp>>,
    now: Signal<Timestamp>,
) -> impl IntoView {
    let text = move || {
        // The row may be gone before the clock's next tick reaches it.
        let start = since.try_get()??;
        let end = match until.try_get()? {
            Some(until) => until,
            None => now.try_get()?,
        };
        Some(format::duration(end.ms_since(start)))
    };
    view! { <span class="elapsed">{text}</span> }
}
