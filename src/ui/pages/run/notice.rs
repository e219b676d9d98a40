//! The wish to be told on the desktop when this run waits for somebody or ends.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{Forms, Viewer};
use crate::ui::live::{ask, follow, is_followed, permission, standing, unfollow};

#[component]
pub fn TellMe(viewer: Viewer, forms: Forms) -> impl IntoView {
    let goes_on = Memo::new(move |_| viewer.state.with(|state| state.end.is_none()));
    let followed = RwSignal::new(false);
    let told = RwSignal::new("");
    // Only the browser knows. A run that has ended is followed no longer, also when it is retried.
    Effect::new(move || {
        goes_on.track();
        told.set("");
        followed.set(forms.run_id.with_value(|run_id| is_followed(run_id)));
    });
    let press = move |_| {
        if followed.get_untracked() {
            forms.run_id.with_value(|run_id| unfollow(run_id));
            followed.set(false);
            told.set("You will not be told of it.");
            return;
        }
        spawn_local(async move {
            let answer = match permission() {
                Some(answer) if answer == "default" => ask().await,
                answer => answer,
            };
            // The page may be gone by now.
            let Some(known) = viewer.state.try_with_untracked(|state| {
                let waiting = u32::try_from(state.waiting_for_people().count());
                let current = state.current().map(|step| state.name(step));
                standing(state.status(), waiting.unwrap_or(u32::MAX), current)
            }) else {
                return;
            };
            match answer.as_deref() {
                // It has ended meanwhile.
                Some("granted") if goes_on.try_get_untracked() != Some(true) => {}
                Some("granted") => {
                    let is_kept = forms.run_id.with_value(|run_id| {
                        follow(run_id, known);
                        is_followed(run_id)
                    });
                    followed.set(is_kept);
                    told.set(match is_kept {
                        true => "This browser tells you while a page of Signalbox is open.",
                        false => "This browser keeps nothing for this address, so it cannot follow the run.",
                    });
                }
                Some("denied") => told.set("The browser does not allow notifications from here. Allow them in its settings for this site, then press again."),
                Some(_) => told.set("The browser was not told whether it may. Press again to be asked."),
                None => told.set("This browser shows no notifications from this address."),
            }
        });
    };
    view! {
        <Show when=move || goes_on.get()>
            <button type="button" class="button button-small only-scripted" aria-pressed=move || followed.get().to_string() on:click=press>
                "Tell me when this run waits or ends"
            </button>
            <span class="hint only-scripted" role="status">{move || told.get()}</span>
        </Show>
    }
}
