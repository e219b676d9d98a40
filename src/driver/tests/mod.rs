//! The driver with the real engine on the reference store: a clock that jumps, tools that do as they are told, a store
//! that fails on demand, and processes that die.

mod boards;
mod bounds;
mod crash;
mod every_call;
mod faults;
mod line;
mod logs;
mod replaced;
mod resting;
mod runs;
mod stage;
mod triggers;
mod turns;
