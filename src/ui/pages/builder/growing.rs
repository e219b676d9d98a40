//! Lists that may be long: their beginning at once, the rest frame by frame, so that nothing holds the page up.

use leptos::prelude::*;

/// Rows that are made in one frame.
const ROWS_AT_ONCE: usize = 100;

/// The rows of the list that are there by now.
pub(super) fn growing<T: Clone + PartialEq + Send + Sync + 'static>(
    all: Memo<Vec<T>>,
) -> impl Fn() -> Vec<T> + Send + Sync + Copy + 'static {
    let shown = RwSignal::new(ROWS_AT_ONCE);
    Effect::new(move || {
        if all.with(Vec::len) > shown.get() {
            request_animation_frame(move || {
                // The list may be gone by then.
                let _ = shown.try_update(|shown| *shown += ROWS_AT_ONCE);
            });
        }
    });
    move || {
        let count = shown.get();
        all.with(|all| all.iter().take(count).cloned().collect())
    }
}

/// The options of a choice among steps: id and name.
pub(super) fn options(all: Memo<Vec<(String, String)>>) -> AnyView {
    let shown = growing(all);
    view! {
        <For each=shown key=|option| option.clone() let((id, name))><option value=id>{name}</option></For>
    }
    .into_any()
}
