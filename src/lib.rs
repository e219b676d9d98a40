//! Signalbox: a self-hosted control room for workflows in which programs, machines and people take part.
//!
//! The crate is built twice: with the feature `ssr` it is the server, with `hydrate` it is the WASM
//! client of the same pages. The two are never enabled together.

#![recursion_limit = "256"]

#[cfg(feature = "ssr")]
pub mod server;
#[cfg(any(feature = "ssr", feature = "hydrate"))]
pub mod ui;

/// Takes over the server-rendered page in the browser; the script in the page's head calls it.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(ui::App);
}
