//! Points in time, as values. The engine never asks what time it is: the moment comes in with the command.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;

/// Microseconds since 1970-01-01T00:00:00 UTC. RFC 3339 in JSON, BIGINT in tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since 1970, rounded down.
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The last moment that can be written as RFC 3339 and read again in every time zone: 9999-12-30T22:00:00Z.
    pub const MAX: Self = Self(253_402_207_200_000_000);

    /// This moment and `ms` milliseconds, `MAX` at the latest: whatever is computed can be written and read again.
    pub fn plus_ms(self, ms: u64) -> Self {
        let micros = i64::try_from(ms)
            .ok()
            .and_then(|ms| ms.checked_mul(1000))
            .unwrap_or(i64::MAX);
        Self(self.0.saturating_add(micros)).min(Self::MAX)
    }

    /// Milliseconds from `earlier` to this moment; 0 if it lies before.
    pub fn ms_since(self, earlier: Timestamp) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0) / 1000
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(moment) => write!(f, "{moment:.6}"),
            // Beyond year 9999 RFC 3339 has no text; the number is the honest answer.
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let moment: jiff::Timestamp = text.parse().map_err(D::Error::custom)?;
        Ok(Self(moment.as_microsecond()))
    }
}

/// What every command brings along from the world: the time, and randomness for jitter and ids.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub now: Timestamp,
    pub entropy: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_carries_rfc_3339_in_utc_and_comes_back_exact() {
        let moment = Timestamp::from_micros(1_763_683_200_000_001);
        let text = serde_json::to_string(&moment).expect("a timestamp serialises");
        assert_eq!(text, "\"2025-11-21T00:00:00.000001Z\"");
        assert_eq!(
            serde_json::from_str::<Timestamp>(&text).expect("it parses"),
            moment
        );
    }

    #[test]
    fn adding_never_overflows() {
        let last = Timestamp::from_micros(1).plus_ms(u64::MAX);
        assert_eq!(last, Timestamp::MAX);
        let text = serde_json::to_string(&last).expect("it can be written");
        assert_eq!(
            serde_json::from_str::<Timestamp>(&text).expect("and read"),
            last
        );
        assert_eq!(
            Timestamp::from_micros(5).ms_since(Timestamp::from_micros(9)),
            0
        );
    }
}
