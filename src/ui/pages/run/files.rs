//! The files that a run has left.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{Forms, Viewer};
use crate::engine::state::RunState;
use crate::rpc::pages::run_files;
use crate::rpc::views::ArtifactCard;
use crate::ui::format;

#[component]
pub fn Artifacts(viewer: Viewer, forms: Forms, artifacts: Vec<ArtifactCard>) -> impl IntoView {
    let files = RwSignal::new(artifacts);
    let run_id = forms.run_id.get_value();
    fetch_when_they_matter(viewer, forms, files);
    move || {
        files.with(|files| {
            self::files(files.clone(), None, |file| {
                format!("/runs/{run_id}/artifacts/{}", file.id)
            })
        })
    }
}

/// The list of them, each with its address; nothing where there are none. `rel`: `external` where that is no page of ours.
pub(super) fn files(
    files: Vec<ArtifactCard>,
    rel: Option<&'static str>,
    href: impl Fn(&ArtifactCard) -> String,
) -> Option<AnyView> {
    if files.is_empty() {
        return None;
    }
    let rows: Vec<_> = files
        .into_iter()
        .map(|file| {
            let href = href(&file);
            view! { <li><a href=href rel=rel>{file.name}</a> " " <span class="muted">{format::bytes(file.bytes)}</span></li> }
        })
        .collect();
    Some(
        view! {
            <section class="artifacts" aria-labelledby="files-title">
                <h2 id="files-title">"Files"</h2>
                <ul>{rows}</ul>
            </section>
        }
        .into_any(),
    )
}

/// Files are not told of in the log. They matter when a person is asked something and when the run ends, so a page
/// that is open then asks for them.
fn fetch_when_they_matter(viewer: Viewer, forms: Forms, files: RwSignal<Vec<ArtifactCard>>) {
    let moment = Memo::new(move |_| {
        let moment = |state: &RunState| (state.end.is_some(), state.waiting_for_people().count());
        // Of the run as it is, at whichever moment one looks at it.
        match viewer.reel {
            Some(reel) => reel.with(|film| moment(film.newest())),
            None => viewer.state.with(moment),
        }
    });
    Effect::new(move |earlier: Option<(bool, usize)>| {
        let now = moment.get();
        if earlier.is_some_and(|earlier| earlier != now) {
            let run_id = forms.run_id.get_value();
            spawn_local(async move {
                if let Ok(found) = run_files(run_id).await {
                    let _ = files.try_set(found);
                }
            });
        }
        now
    });
}
