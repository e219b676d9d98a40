//! How far a run is, in whole percent: integer arithmetic over the steps of its version.

use super::state::RunState;

/// Weighted mean of the steps, rounded down. A step that has ended counts 100, one that runs what its tool
/// reports. 100 only when the run has ended.
pub fn percent(state: &RunState) -> u8 {
    if state.end.is_some() {
        return 100;
    }
    let mut total = 0u64;
    let mut done = 0u64;
    for (step, outline) in state.steps.iter().zip(&state.outline.steps) {
        let weight = u64::from(outline.weight);
        total += weight * 100;
        done += weight
            * if step.status.is_terminal() {
                100
            } else {
                u64::from(step.percent.min(99))
            };
    }
    if total == 0 {
        return 0;
    }
    u8::try_from(done * 100 / total).unwrap_or(100).min(99)
}
