//! Samples, what is told of them, and the table that they end in.

use std::fmt::Write;
use std::time::Duration;

/// Durations of one thing done again and again.
#[derive(Default)]
pub struct Samples(Vec<Duration>);

impl Samples {
    pub fn add(&mut self, took: Duration) {
        self.0.push(took);
    }

    pub fn merge(&mut self, other: Samples) {
        self.0.extend(other.0);
    }

    /// The value that so many hundredths of the samples do not exceed (nearest rank).
    pub fn percentile(&self, hundredths: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * hundredths).div_ceil(100).max(1);
        sorted.get(rank - 1).copied().unwrap_or_default()
    }

    pub fn p50(&self) -> Duration {
        self.percentile(50)
    }

    /// Median and 99th percentile.
    pub fn told(&self) -> String {
        format!("{} / {}", time(self.p50()), time(self.percentile(99)))
    }
}

/// The middle one of some rates.
pub fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}

/// In the unit that reads best.
pub fn time(took: Duration) -> String {
    let us = took.as_secs_f64() * 1e6;
    match us {
        us if us < 1_000.0 => format!("{us:.0} µs"),
        us if us < 100_000.0 => format!("{:.2} ms", us / 1e3),
        us if us < 10_000_000.0 => format!("{:.0} ms", us / 1e3),
        us => format!("{:.1} s", us / 1e6),
    }
}

/// `12345.6` as `12,346`.
pub fn count(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// One line of the table.
pub struct Row {
    pub id: &'static str,
    pub work: String,
    pub figure: String,
    /// What we aim at; empty for what is only measured beside.
    pub aim: &'static str,
}

/// As Markdown.
pub fn table(rows: &[Row]) -> String {
    let mut text = String::from("| | Work | p50 / p99, or as said | Aim |\n|---|---|---|---|\n");
    for row in rows {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            row.id, row.work, row.figure, row.aim
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples_that_were_taken() {
        let mut samples = Samples::default();
        for ms in (1..=100).rev() {
            samples.add(Duration::from_millis(ms));
        }
        assert_eq!(samples.p50(), Duration::from_millis(50));
        assert_eq!(samples.percentile(99), Duration::from_millis(99));
        assert_eq!(samples.percentile(100), Duration::from_millis(100));
        assert_eq!(Samples::default().p50(), Duration::ZERO);
    }

    #[test]
    fn figures_read_well_at_every_size() {
        assert_eq!(time(Duration::from_micros(640)), "640 µs");
        assert_eq!(time(Duration::from_micros(1_540)), "1.54 ms");
        assert_eq!(time(Duration::from_millis(640)), "640 ms");
        assert_eq!(time(Duration::from_secs(64)), "64.0 s");
        assert_eq!(count(7.0), "7");
        assert_eq!(count(64_123.7), "64,124");
        assert_eq!(count(1_064_123.0), "1,064,123");
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
    }
}
