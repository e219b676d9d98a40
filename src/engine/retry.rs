//! When to try again: base × 2^(n−1), capped, with full jitter. The randomness comes in with the command.

use super::failure::StepError;
use super::workflow::RetryPolicy;

/// The longest pause before the try after the `failed`-th failure (from 1), in milliseconds.
pub fn ceiling_ms(policy: &RetryPolicy, failed: u32) -> u64 {
    let doublings = failed.saturating_sub(1).min(63);
    policy
        .base_ms
        .saturating_mul(1u64 << doublings)
        .min(policy.cap_ms)
}

/// The pause before the next try, uniform over 0 to the ceiling (both included).
/// Full jitter after Brooker, "Exponential Backoff And Jitter", 2015.
pub fn delay_ms(policy: &RetryPolicy, failed: u32, entropy: u64) -> u64 {
    let ceiling = ceiling_ms(policy, failed);
    match ceiling.checked_add(1) {
        Some(choices) => entropy % choices,
        None => entropy,
    }
}

/// Is another try allowed after `tries` tries, the last of which failed with this error?
pub fn may_retry(policy: &RetryPolicy, tries: u32, error: &StepError) -> bool {
    tries < policy.max_attempts && !policy.no_retry.contains(&error.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> RetryPolicy {
        RetryPolicy {
            max_attempts: 5,
            base_ms: 500,
            cap_ms: 3_000,
            no_retry: vec!["invalid_input".to_owned()],
        }
    }

    #[test]
    fn the_ceiling_doubles_up_to_the_cap() {
        let curve: Vec<u64> = (1..=6)
            .map(|failed| ceiling_ms(&policy(), failed))
            .collect();
        assert_eq!(curve, [500, 1_000, 2_000, 3_000, 3_000, 3_000]);
        assert_eq!(ceiling_ms(&policy(), u32::MAX), 3_000);
    }

    #[test]
    fn the_delay_covers_the_whole_range_and_stays_in_it() {
        let delays: Vec<u64> = (0..10_000u64)
            .map(|entropy| delay_ms(&policy(), 2, entropy * 7_919))
            .collect();
        assert!(delays.iter().all(|&delay| delay <= 1_000));
        assert!(delays.iter().any(|&delay| delay < 50) && delays.iter().any(|&delay| delay > 950));
    }

    #[test]
    fn max_attempts_counts_total_tries() {
        let timeout = StepError::new("timeout", "too slow");
        assert!(may_retry(&policy(), 4, &timeout));
        assert!(!may_retry(&policy(), 5, &timeout));
        assert!(!may_retry(
            &policy(),
            1,
            &StepError::new("invalid_input", "no")
        ));
    }
}
