//! What a status looks like: symbol, shape, colour and word, in one place. At least three of them tell it everywhere,
//! so that nobody has to see colours.

use crate::engine::state::{RunStatus, StepStatus};

/// How something stands, as people read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Class that carries the colour, and names the symbol in `components/icon`.
    pub class: &'static str,
    pub word: &'static str,
}

const fn look(class: &'static str, word: &'static str) -> Look {
    Look { class, word }
}

pub fn of_step(status: StepStatus) -> Look {
    match status {
        StepStatus::Pending => look("pending", "Pending"),
        StepStatus::Queued => look("queued", "Queued"),
        StepStatus::InProgress => look("running", "In progress"),
        StepStatus::WaitingForApproval => look("waiting", "Waiting for approval"),
        StepStatus::WaitingForTimer => look("timer", "Waiting for its time"),
        StepStatus::WaitingForExternal => look("timer", "Waiting for a report"),
        StepStatus::OutcomeUnknown => look("unknown", "Outcome unknown"),
        StepStatus::Retrying => look("retrying", "Retrying"),
        StepStatus::Completed => look("completed", "Completed"),
        StepStatus::Failed => look("failed", "Failed"),
        StepStatus::Skipped => look("skipped", "Skipped"),
        StepStatus::Cancelled => look("cancelled", "Cancelled"),
    }
}

/// `for_people`: somebody has to answer something. That is the loudest.
pub fn of_run(status: RunStatus, for_people: bool) -> Look {
    match status {
        RunStatus::Pending => look("pending", "Pending"),
        RunStatus::Running => look("running", "Running"),
        RunStatus::Waiting if for_people => look("waiting", "Waiting for you"),
        RunStatus::Waiting => look("timer", "Waiting"),
        RunStatus::Paused => look("paused", "Paused"),
        RunStatus::Cancelling => look("cancelled", "Cancelling"),
        RunStatus::Completed => look("completed", "Completed"),
        RunStatus::Failed => look("failed", "Failed"),
        RunStatus::Cancelled => look("cancelled", "Cancelled"),
    }
}

/// The symbol of a status: SVG path data in a 16 × 16 box, drawn with a stroke unless `solid`.
pub fn symbol(class: &str) -> Symbol {
    let (path, solid) = match class {
        "queued" => (
            "M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 0 1 0-11M8 6a2 2 0 1 1 0 4a2 2 0 0 1 0-4",
            false,
        ),
        "timer" => (
            "M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 0 1 0-11M8 5v3.200l2.200 1.300",
            false,
        ),
        "paused" => (
            "M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 0 1 0-11M6.500 6v4M9.500 6v4",
            false,
        ),
        "running" => ("M8 2.5A5.5 5.5 0 1 1 2.5 8", false),
        "waiting" => (
            "M4.2 8.6V5a.9.9 0 0 1 1.8 0v2V3.2a.9.9 0 0 1 1.8 0V7V2.6a.9.9 0 0 1 1.8 0V7V4a.9.9 0 0 1 1.8 0v5.8A4.7 4.7 0 0 1 6.9 14.5C5 14.5 4.3 13.600 3.400 12L1.800 9.400a.9.9 0 0 1 1.500-1z",
            true,
        ),
        "retrying" => ("M8 2L14.500 13.500H1.500zM8 6.500v3M8 11.300v.4", false),
        "completed" => ("M2.800 8.500l3.400 3.400l7-7.600", false),
        "failed" => (
            "M5 1.800h6L14.200 5v6L11 14.200H5L1.800 11V5zM5.700 5.700l4.600 4.600M10.300 5.700l-4.600 4.600",
            false,
        ),
        "skipped" => ("M3 8h10", false),
        "cancelled" => (
            "M8 2.500a5.500 5.500 0 1 1 0 11a5.500 5.500 0 0 1 0-11M4.200 11.800l7.600-7.600",
            false,
        ),
        "unknown" => (
            "M5.500 5.800a2.500 2.500 0 1 1 3.600 2.300c-.8.4-1.100.9-1.100 1.700M8 12.300v.4",
            false,
        ),
        _ => (
            "M8 2.500a5.500 5.500 0 1 1 0 11a5.500 5.500 0 0 1 0-11",
            false,
        ),
    };
    Symbol { path, solid }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol {
    pub path: &'static str,
    pub solid: bool,
}
