//! Signalbox: a self-hosted control room for workflows in which programs, machines and people take part.
//!
//! The crate is built twice: with the feature `ssr` it is the server, with `hydrate` it is the WASM
//! client of the same pages. The two are never enabled together.
//!
//! The rooms, in reading order; a room may use only rooms that stand before it here (and not all of those: the table
//! is in `tests/integration/house.rs`, which fails on an arrow against it):
//!
//! - [`engine`]: what a workflow means and what happens to a run. Pure.
//! - [`workbench`]: the engine as a worker of the browser, for whoever writes a workflow.
//! - `capsule`: a run as one file that proves itself.
//! - `store`: remembers. Rows, not rules.
//! - `driver`: makes things happen: decides, stores, acts.
//! - `tools`: what a step does to the world.
//! - `api`: `/api/v1`, for programs. `rpc`: server functions for our own pages.
//! - `ui`: the pages.
//! - `server`: the process.

#![recursion_limit = "256"]

pub mod engine;

pub mod workbench;

#[cfg(feature = "ssr")]
pub mod capsule;

#[cfg(feature = "ssr")]
pub mod store;

#[cfg(feature = "ssr")]
pub mod driver;

#[cfg(feature = "ssr")]
pub mod tools;

#[cfg(feature = "ssr")]
pub mod api;

#[cfg(any(feature = "ssr", feature = "hydrate"))]
pub mod rpc;

#[cfg(any(feature = "ssr", feature = "hydrate"))]
pub mod ui;

#[cfg(feature = "ssr")]
pub mod server;

/// Takes over the server-rendered page in the browser; the script in the page's head calls it. False: a part of the client
/// that this page needs could not be fetched, and the page stays as the server has sent it.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub async fn hydrate() -> bool {
    console_error_panic_hook::set_once();
    if ui::fetch_parts().await.is_err() {
        return false;
    }
    leptos::mount::hydrate_body(ui::App);
    true
}
