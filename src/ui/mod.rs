//! The pages, compiled for the server (which renders them) and for the browser (which brings them to life).

pub mod components;
pub mod format;
mod layout;
pub mod live;
mod pages;
pub mod shell;
pub mod theme;

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::SsrMode;
use leptos_router::components::{Route, Router, Routes};
use leptos_router::path;

use layout::Layout;
use live::Live;
use pages::{
    ApprovalsPage, ArtifactPage, BuilderPage, HomePage, NotFoundPage, RunPage, RunsPage,
    VersionsPage, WorkflowPage, WorkflowsPage,
};

/// The whole application below `<body>`: the same tree on both sides, or hydration fails.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    Live::provide();
    // Pages are complete when they arrive: they have to be readable before, and without, the client.
    view! {
        <Title formatter=|title: String| {
            if title.is_empty() { "Signalbox".to_owned() } else { in_head(format!("{title} · Signalbox")) }
        } />
        <Router>
            <Layout>
                <Routes fallback=NotFoundPage>
                    <Route path=path!("/") view=HomePage ssr=SsrMode::Async />
                    <Route path=path!("/workflows") view=WorkflowsPage ssr=SsrMode::Async />
                    <Route path=path!("/workflows/new") view=BuilderPage ssr=SsrMode::Async />
                    <Route path=path!("/workflows/:slug/edit") view=BuilderPage ssr=SsrMode::Async />
                    <Route path=path!("/workflows/:slug/versions") view=VersionsPage ssr=SsrMode::Async />
                    <Route path=path!("/workflows/:slug") view=WorkflowPage ssr=SsrMode::Async />
                    <Route path=path!("/runs") view=RunsPage ssr=SsrMode::Async />
                    <Route path=path!("/runs/:id") view=RunPage ssr=SsrMode::Async />
                    <Route path=path!("/runs/:id/artifacts/:artifact") view=ArtifactPage ssr=SsrMode::Async />
                    <Route path=path!("/approvals") view=ApprovalsPage ssr=SsrMode::Async />
                </Routes>
            </Layout>
        </Router>
    }
}

/// The library writes a title into the document as it is: a name with `</title>` in it would go on as markup.
#[cfg(feature = "ssr")]
fn in_head(title: String) -> String {
    html_escape::encode_text(&title).into_owned()
}

/// A browser takes a title as text.
#[cfg(not(feature = "ssr"))]
fn in_head(title: String) -> String {
    title
}
