//! The engine: what a workflow means and what happens to a run, as pure functions shared by server and browser.
//! Nothing here waits, reads a clock, draws a random number or touches the world: time, ids and chance come in with
//! the command, so the same log gives the same state on every machine.
//!
//! ```text
//! compile(&Workflow, &Catalogue)       -> Result<Plan, Vec<Diagnostic>>
//! decide(&Plan, &RunState, Command, _) -> Result<Turn, Rejection>
//! RunState::apply(&Recorded)              the only way state changes; never refuses
//! ```

pub mod ansi;
pub mod binding;
pub mod bounds;
pub mod caption;
pub mod causes;
pub mod command;
pub mod compare;
pub mod compile;
pub mod completion;
pub mod contrast;
pub mod decide;
pub mod diagnostic;
pub mod diff;
pub mod document;
pub mod edit;
mod effort;
pub mod event;
pub mod expression;
pub mod failure;
pub mod film;
pub mod foretold;
pub mod fork;
#[cfg(test)]
mod golden;
pub mod ids;
pub mod input;
pub mod large;
pub mod layout;
pub mod limits;
pub mod listing;
pub mod logs;
mod names;
pub mod patch;
mod places;
pub mod plan;
pub mod progress;
#[cfg(test)]
pub(crate) mod properties;
pub mod reading;
mod reads;
pub mod rehearse;
pub mod reliability;
pub mod rename;
pub mod retry;
pub mod sources;
mod spelling;
pub mod state;
pub mod stream;
pub mod summary;
pub mod tasks;
pub mod time;
pub mod timeline;
pub mod tool;
pub mod trigger;
pub mod upstream;
pub mod warnings;
pub mod workflow;
pub mod yaml;
