//! The search: a form that is sent as it is, and in a live page a list that follows what is typed.

use leptos::ev::SubmitEvent;
use leptos::html;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;
use std::time::Duration;

use super::address::{first_page, href};
use crate::rpc::workflows::Wanted;

/// How long nothing is typed before it is looked for.
const PAUSE: Duration = Duration::from_millis(250);

#[component]
pub(super) fn SearchForm(wanted: Memo<Wanted>) -> impl IntoView {
    let field = NodeRef::<html::Input>::new();
    let first = wanted.with_untracked(|wanted| wanted.q.clone());
    // What was last looked for from here. An address that says something else came from elsewhere.
    let sent = StoredValue::new(first.clone());
    let navigate = use_navigate();
    let look = move |q: String| {
        // The page may have been left meanwhile.
        let Some(there) = wanted.try_get_untracked().filter(|there| there.q != q) else {
            return;
        };
        sent.set_value(q.clone());
        let address = href(&Wanted {
            q,
            ..first_page(there)
        });
        let options = NavigateOptions {
            replace: true,
            scroll: false,
            ..NavigateOptions::default()
        };
        navigate(&address, options);
    };
    Effect::new({
        let look = look.clone();
        move |earlier: Option<()>| {
            let q = wanted.with(|wanted| wanted.q.clone());
            let Some(field) = field.get() else { return };
            if earlier.is_none() {
                // Whoever was faster than the client has typed already.
                look(field.value());
            } else if sent.with_value(|sent| *sent != q) {
                field.set_value(&q);
                sent.set_value(q);
            }
        }
    });
    let mut look_later = debounce(PAUSE, look.clone());
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if let Some(field) = field.get_untracked() {
            look(field.value());
        }
    };
    let kept = move || {
        let Wanted {
            filter, tag, view, ..
        } = wanted.get();
        [("filter", filter), ("tag", tag), ("view", view)]
            .into_iter()
            .filter(|(_, word)| !word.is_empty())
            .map(|(name, word)| view! { <input type="hidden" name=name value=word /> })
            .collect::<Vec<_>>()
    };
    view! {
        <form class="search" role="search" action="/workflows" on:submit=submit>
            <label class="visually-hidden" for="search">"Search in names, descriptions, tags, steps and tools"</label>
            <input id="search" type="search" name="q" maxlength="200" autocomplete="off" placeholder="Name, tag, step or tool"
                value=first node_ref=field on:input:target=move |event| look_later(event.target().value()) />
            {kept}
            <button class="button">"Search"</button>
        </form>
    }
}
