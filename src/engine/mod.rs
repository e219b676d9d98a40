//! The pure engine.
pub mod failure;
pub mod ids;
pub mod limits;
pub mod time;
pub mod tool;
pub mod workflow;
