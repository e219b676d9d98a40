//! Tests through the public surface: the real server as a process of its own, its API, its database, its death. And
//! the walls of the house, checked on the sources.

mod api;
mod authoring;
mod backup;
mod bounds;
mod capsules;
mod crash;
mod crash_kinds;
mod cycles;
mod deadlines;
mod disk_full;
mod drafts;
mod exchange;
mod failures;
mod hostile;
#[path = "../support/hostile/mod.rs"]
mod hostile_definitions;
mod house;
mod interventions;
mod kinds;
mod large;
mod listing;
mod logs;
mod parity;
mod postgres;
#[path = "../support/postgres.rs"]
mod postgres_server;
mod retention;
mod run_pages;
mod schedules;
mod server;
mod simulate;
mod sse;
mod streams;
mod stub;
mod triggers;
mod turns;
mod workflow_pages;
