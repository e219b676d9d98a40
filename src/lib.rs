//! Signalbox.
pub mod engine;
#[cfg(feature = "ssr")]
pub mod driver;
#[cfg(feature = "ssr")]
pub mod tools;
