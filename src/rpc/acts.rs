//! The words of the forms that act on a run or a step.

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RunAct {
    Pause,
    Resume,
    Cancel,
    Retry,
    Again,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StepAct {
    Skip,
    Fork,
}
