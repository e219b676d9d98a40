//! What the engine promises, one promise at a time. The random runs of `properties` look for what nobody thought of.

mod attempts;
mod branches;
mod data;
mod elsewhere;
mod ends;
mod gates;
mod iterations;
mod stage;
mod took_place;
mod undo;
mod waits;
