//! The run in a capsule: the viewer as ever, of a run that nobody can do anything to any more.

use leptos::prelude::*;
use leptos_meta::Title;
use std::sync::Arc;

use super::files::files;
use super::reel::Reel;
use super::scrubber::Scrubber;
use super::views::{Tabs, Views};
use super::{Asks, Head, Looked, Result as Outcome, Viewer, follow, input};
use crate::engine::summary::CapsuleCard;
use crate::rpc::capsules::{CapsuleView, capsule};
use crate::rpc::error::PageError;
use crate::rpc::views::RunView;
use crate::ui::components::{Failure, Moment, ValuesAt};
use crate::ui::pages::capsules::forget;
use crate::ui::pages::param;

#[component]
pub fn CapsulePage() -> impl IntoView {
    let id = param("id");
    let view = Resource::new(move || id.get(), capsule);
    view! {
        <Transition fallback=|| view! { <p class="muted">"Loading…"</p> }>
            {move || Suspend::new(async move { show(view.await) })}
        </Transition>
    }
}

fn show(view: Result<CapsuleView, PageError>) -> AnyView {
    let CapsuleView { card, run } = match view {
        Ok(view) => view,
        Err(error) => {
            return view! {
                <Title text="Capsule" />
                <h1>"Capsule"</h1>
                <Failure error />
                <p><a class="button" href="/capsules">"All capsules"</a></p>
            }
            .into_any();
        }
    };
    let RunView {
        summary,
        outline,
        events,
        artifacts,
        now,
        logs: _,
    } = run;
    let base = format!("/api/v1/capsules/{}", card.id);
    provide_context(ValuesAt(base.clone()));
    let looked = Looked::by_address();
    let reel = Reel::new(Arc::new(outline), events, looked.at.get_untracked());
    let viewer = Viewer {
        state: reel.shown(),
        now: Signal::derive(move || reel.time().unwrap_or(now)),
        asks: Asks::Nobody(StoredValue::new(card.id.to_string())),
        looked,
        reel: Some(reel),
    };
    Effect::new(move || reel.go(looked.at.get()));
    follow(viewer);
    let header = summary.header;
    let left = files(artifacts, Some("external"), |file| {
        format!("{base}/files/{}", file.id)
    });
    view! {
        <Title text=format!("{} (capsule)", header.workflow_name) />
        <div class="run-head">
            <p class="crumb"><a href="/capsules">"Capsules"</a> {format!(" · version {}", header.version)}</p>
            <h1>{header.workflow_name}</h1>
            <Head viewer />
        </div>
        {origin(card)}
        <Outcome viewer />
        {left}
        <Tabs viewer />
        <Scrubber viewer reel />
        <Views viewer reel />
        {input(viewer)}
        <p class="muted">
            <a href=format!("{base}/events") rel="external">"The log as JSON"</a> " · "
            <a href=format!("{base}/definition") rel="external">"its definition"</a> " · "
            <a href=format!("{base}/file") rel="external">"the file itself"</a>
        </p>
    }
    .into_any()
}

/// Where it comes from, and what speaks for that.
fn origin(card: CapsuleCard) -> impl IntoView {
    let signed = match card.is_own_key {
        true => view! { "The file was signed by this server and is unchanged." }.into_any(),
        false => view! { "The file is unchanged since it was signed with " <code class="fingerprint">{card.signed_with}</code> ". That is not this server's key: ask the sender whether it is theirs." }.into_any(),
    };
    view! {
        <div class="notice capsule-origin">
            <p>"A run from a file, exported " <Moment at=card.exported_at /> {format!(" by {}. Nothing here goes on, and nothing can be done to it.", card.exported_by)}</p>
            <p>{signed} {format!(" Its {} events, folded again, lead to what it says.", card.run.seq)}</p>
            {forget(&card.id, &card.run.header.workflow_name)}
        </div>
    }
}
