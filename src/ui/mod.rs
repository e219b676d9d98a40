//! The pages, compiled for the server (which renders them) and for the browser (which brings them to life).

mod asking;
pub mod components;
mod folding;
pub mod format;
mod later;
mod layout;
pub mod live;
mod markup;
pub mod news;
mod pages;
mod parts;
pub mod shell;
pub mod theme;

use futures::future::try_join_all;
use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::SsrMode;
use leptos_router::components::{FlatRoutes, Route, Router};
use leptos_router::path;

use layout::Layout;
use live::Live;
use news::News;
use pages::NotFoundPage;
use parts::{NotFetched, Place};

/// The whole application below `<body>`: the same tree on both sides, or hydration fails.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    Live::provide();
    News::provide();
    // Pages are complete when they arrive: they have to be readable before, and without, the client.
    view! {
        <Title formatter=|title: String| {
            if title.is_empty() { "Signalbox".to_owned() } else { in_head(format!("{title} · Signalbox")) }
        } />
        <Router>
            <Layout>
                <FlatRoutes fallback=NotFoundPage>
                    <Route path=path!("/") view=|| pages::HOME.show((), Place::Page) ssr=SsrMode::Async />
                    <Route path=path!("/workflows") view=|| pages::WORKFLOWS.show((), Place::Page) ssr=SsrMode::Async />
                    <Route path=path!("/workflows/new") view=|| pages::BUILDER.show((), Place::Page) ssr=SsrMode::Async />
                    <Route path=path!("/workflows/:slug/edit") view=|| pages::BUILDER.show((), Place::Page) ssr=SsrMode::Async />
                    <Route path=path!("/workflows/:slug/versions") view=|| pages::VERSIONS.show((), Place::Page) ssr=SsrMode::Async />
                    <Route path=path!("/workflows/:slug") view=|| pages::WORKFLOW.show((), Place::Page) ssr=SsrMode::Async />
                    <Route path=path!("/runs") view=|| pages::RUNS.show((), Place::Page) ssr=SsrMode::Async />
                    <Route path=path!("/runs/bulk") view=|| pages::BULK.show((), Place::Page) ssr=SsrMode::Async />
                    <Route path=path!("/runs/:id") view=|| pages::RUN.show((), Place::Page) ssr=SsrMode::Async />
                    <Route path=path!("/runs/:id/compare") view=|| pages::PAIR.show((), Place::Page) ssr=SsrMode::Async />
                    <Route path=path!("/runs/:id/artifacts/:artifact") view=|| pages::ARTIFACT.show((), Place::Page) ssr=SsrMode::Async />
                    <Route path=path!("/capsules") view=|| pages::CAPSULES.show((), Place::Page) ssr=SsrMode::Async />
                    <Route path=path!("/capsules/:id") view=|| pages::CAPSULE.show((), Place::Page) ssr=SsrMode::Async />
                    <Route path=path!("/approvals") view=|| pages::APPROVALS.show((), Place::Page) ssr=SsrMode::Async />
                </FlatRoutes>
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

/// Fetches, in a browser, what the server has drawn this page with: it has to be here before the page comes to life.
///
/// # Errors
/// It is not to be had, tried twice.
pub async fn fetch_parts() -> Result<(), NotFetched> {
    let path = window().location().pathname().unwrap_or_default();
    let page = pages::at(&path).map(|page| page.fetch);
    let is_drawn = |part: &&(&str, _)| {
        let drawn = document().query_selector(&format!("[data-part={}]", part.0));
        drawn.is_ok_and(|drawn| drawn.is_some())
    };
    let beside = pages::BESIDE.iter().filter(is_drawn).map(|part| part.1);
    let needed: Vec<_> = page.into_iter().chain(beside).collect();
    let all = || try_join_all(needed.iter().map(|fetch| fetch()));
    if all().await.is_err() {
        all().await?;
    }
    Ok(())
}
