//! Rehearsals as a person makes them, and as cases that hold.

mod calls;
mod cases;
mod impact;
mod random;
mod runs;
mod stage;
mod written;
