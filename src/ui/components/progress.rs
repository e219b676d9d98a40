//! A bar that says in numbers what it shows.

use leptos::prelude::*;

#[component]
pub fn Bar(
    #[prop(into)] percent: Signal<u8>,
    #[prop(into)] label: String,
    #[prop(optional)] class: &'static str,
) -> impl IntoView {
    view! {
        <span class=format!("bar {class}")>
            <progress max="100" value=move || percent.get().to_string() aria-label=label></progress>
            <span class="bar-number">{move || format!("{} %", percent.get())}</span>
        </span>
    }
}
