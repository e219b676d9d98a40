//! Signalbox.
#[cfg(feature = "ssr")]
pub mod api;
#[cfg(feature = "ssr")]
pub mod driver;
pub mod engine;
#[cfg(any(feature = "ssr", feature = "hydrate"))]
pub mod rpc;
#[cfg(feature = "ssr")]
pub mod store;
