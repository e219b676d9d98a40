//! Signalbox.
pub mod engine;
#[cfg(feature = "ssr")]
pub mod driver;
