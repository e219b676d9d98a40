//! A file that a run left behind, to read.

use leptos::prelude::*;
use leptos_meta::Title;

use super::param;
use crate::rpc::pages::artifact;
use crate::rpc::views::ArtifactView;
use crate::ui::components::{Failure, Moment};
use crate::ui::format;

#[component]
pub fn ArtifactPage() -> impl IntoView {
    let (run_id, artifact_id) = (param("id"), param("artifact"));
    let view = Resource::new(
        move || (run_id.get(), artifact_id.get()),
        |(run_id, id)| artifact(run_id, id),
    );
    view! {
        <Suspense fallback=|| view! { <p class="muted">"Loading…"</p> }>
            {move || Suspend::new(async move {
                match view.await {
                    Ok(view) => show(view).into_any(),
                    Err(error) => view! { <Title text="File" /><h1>"File"</h1><Failure error /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

fn show(view: ArtifactView) -> impl IntoView {
    let ArtifactView {
        card,
        run,
        html,
        text,
    } = view;
    let run_id = run.header.run_id;
    let content = match (html, text) {
        // The server has made this HTML from Markdown and shows markup in it as text.
        (Some(html), _) => view! { <div class="report" tabindex="0" role="group" aria-label="Content of the file" inner_html=html></div> }.into_any(),
        (None, Some(text)) => view! { <pre class="json" tabindex="0">{text}</pre> }.into_any(),
        (None, None) => {
            view! { <p class="muted">"This file is not text. Download it to look at it."</p> }
                .into_any()
        }
    };
    view! {
        <Title text=card.name.clone() />
        <h1>{card.name}</h1>
        <p class="muted">
            "Left by " <a href=format!("/runs/{run_id}")>{run.header.workflow_name}</a> " · " <Moment at=card.created_at />
            " · " {format::bytes(card.bytes)} " · "
            <a href=format!("/api/v1/runs/{run_id}/artifacts/{}", card.id) rel="external" download>"Download"</a>
        </p>
        {content}
    }
}
