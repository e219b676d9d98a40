//! How the runs of a workflow have ended lately: how many succeeded, and how long they took.

use serde::{Deserialize, Serialize};

use super::state::RunStatus;

/// A run that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Completed, failed or cancelled.
    pub status: RunStatus,
    /// From its start to its end, with all that it waited for.
    pub took_ms: u64,
}

/// What some runs have in common. One that was cancelled tells nothing of its workflow: it counts neither way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reliability {
    pub completed: u32,
    pub failed: u32,
    pub cancelled: u32,
    /// Half of those that completed took no longer (p50), nearest rank. None where none has.
    pub p50_ms: Option<u64>,
    /// 95 of 100 that completed took no longer (p95), nearest rank.
    pub p95_ms: Option<u64>,
}

impl Reliability {
    pub fn of(ended: &[Ended]) -> Self {
        let mut all = Self::default();
        let mut took = Vec::new();
        for run in ended {
            match run.status {
                RunStatus::Completed => {
                    all.completed += 1;
                    took.push(run.took_ms);
                }
                RunStatus::Failed => all.failed += 1,
                RunStatus::Cancelled => all.cancelled += 1,
                // It goes on, so it has not ended in any way.
                RunStatus::Pending
                | RunStatus::Running
                | RunStatus::Waiting
                | RunStatus::Paused
                | RunStatus::Cancelling => {}
            }
        }
        took.sort_unstable();
        all.p50_ms = percentile(&took, 50);
        all.p95_ms = percentile(&took, 95);
        all
    }

    /// Of those that completed or failed, in whole percent, rounded down: 100 only where none failed. None where there
    /// are none.
    pub fn success_percent(&self) -> Option<u32> {
        (self.completed * 100).checked_div(self.completed + self.failed)
    }
}

/// The nearest rank: the smallest of the values that so many percent of all do not exceed.
fn percentile(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(status: RunStatus, took_ms: u64) -> Ended {
        Ended { status, took_ms }
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!(percentile(&hundred, 50), Some(50));
        assert_eq!(percentile(&hundred, 95), Some(95));
        assert_eq!(percentile(&[7], 50), Some(7));
        assert_eq!(percentile(&[7], 95), Some(7));
        assert_eq!(percentile(&[1, 2, 3], 50), Some(2));
        assert_eq!(percentile(&[1, 2, 3], 95), Some(3));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn what_failed_or_was_cancelled_says_nothing_of_how_long_it_takes() {
        let all = Reliability::of(&[
            ended(RunStatus::Completed, 400),
            ended(RunStatus::Failed, 1),
            ended(RunStatus::Cancelled, 90_000),
            ended(RunStatus::Completed, 200),
        ]);
        assert_eq!((all.completed, all.failed, all.cancelled), (2, 1, 1));
        assert_eq!((all.p50_ms, all.p95_ms), (Some(200), Some(400)));
        assert_eq!(all.success_percent(), Some(66));
    }

    #[test]
    fn all_have_succeeded_only_where_none_failed() {
        let mut runs = vec![ended(RunStatus::Completed, 1); 999];
        runs.push(ended(RunStatus::Failed, 1));
        assert_eq!(Reliability::of(&runs).success_percent(), Some(99));
        assert_eq!(Reliability::of(&runs[..999]).success_percent(), Some(100));
        assert_eq!(Reliability::of(&[]).success_percent(), None);
        let cancelled = [ended(RunStatus::Cancelled, 1)];
        assert_eq!(Reliability::of(&cancelled).success_percent(), None);
    }
}
