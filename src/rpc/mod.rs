//! Server functions for our own pages. Each is a public POST endpoint under `/rpc`; the bodies are thin and call the
//! same services as the API.

pub mod actions;
pub mod error;
pub mod pages;
pub mod views;
