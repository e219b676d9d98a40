//! How far a run is, in whole percent: integer arithmetic over the steps of its version.

use super::state::RunState;

/// Weighted mean of the steps, rounded down. A step that has ended counts 100, one that runs what its tool
/// reports. 100 only when the run has ended.
pub fn percent(state: &RunState) -> u8 {
    if state.end.is_some() {
        return 100;
    }
    let (done, weight) = state.progress();
    match done.checked_div(weight) {
        Some(percent) => u8::try_from(percent).unwrap_or(100).min(99),
        None => 0,
    }
}
