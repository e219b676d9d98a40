//! The words for how a run and a step stand.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    Pending,
    Running,
    /// Nothing moves until somebody does something, or some time has come.
    Waiting,
    /// Nothing starts until somebody resumes it.
    Paused,
    Cancelling,
    Completed,
    Failed,
    Cancelled,
}

impl RunStatus {
    /// In the order in which a run may go through them.
    pub const ALL: [RunStatus; 8] = [
        RunStatus::Pending,
        RunStatus::Running,
        RunStatus::Waiting,
        RunStatus::Paused,
        RunStatus::Cancelling,
        RunStatus::Completed,
        RunStatus::Failed,
        RunStatus::Cancelled,
    ];

    pub fn is_terminal(self) -> bool {
        match self {
            RunStatus::Completed | RunStatus::Failed | RunStatus::Cancelled => true,
            RunStatus::Pending
            | RunStatus::Running
            | RunStatus::Waiting
            | RunStatus::Paused
            | RunStatus::Cancelling => false,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            RunStatus::Pending => "pending",
            RunStatus::Running => "running",
            RunStatus::Waiting => "waiting",
            RunStatus::Paused => "paused",
            RunStatus::Cancelling => "cancelling",
            RunStatus::Completed => "completed",
            RunStatus::Failed => "failed",
            RunStatus::Cancelled => "cancelled",
        }
    }
}

impl std::str::FromStr for RunStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        RunStatus::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not a run state"))
    }
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    #[default]
    Pending,
    Queued,
    InProgress,
    /// A gate is open.
    WaitingForApproval,
    /// Some time has to come.
    WaitingForTimer,
    /// Somebody outside has to report.
    WaitingForExternal,
    /// A person has to say whether the effect happened.
    OutcomeUnknown,
    Retrying,
    Completed,
    Failed,
    Skipped,
    Cancelled,
}

impl StepStatus {
    pub fn is_terminal(self) -> bool {
        match self {
            StepStatus::Completed
            | StepStatus::Failed
            | StepStatus::Skipped
            | StepStatus::Cancelled => true,
            StepStatus::Pending
            | StepStatus::Queued
            | StepStatus::InProgress
            | StepStatus::WaitingForApproval
            | StepStatus::WaitingForTimer
            | StepStatus::WaitingForExternal
            | StepStatus::OutcomeUnknown
            | StepStatus::Retrying => false,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            StepStatus::Pending => "pending",
            StepStatus::Queued => "queued",
            StepStatus::InProgress => "in_progress",
            StepStatus::WaitingForApproval => "waiting_for_approval",
            StepStatus::WaitingForTimer => "waiting_for_timer",
            StepStatus::WaitingForExternal => "waiting_for_external",
            StepStatus::OutcomeUnknown => "outcome_unknown",
            StepStatus::Retrying => "retrying",
            StepStatus::Completed => "completed",
            StepStatus::Failed => "failed",
            StepStatus::Skipped => "skipped",
            StepStatus::Cancelled => "cancelled",
        }
    }
}
