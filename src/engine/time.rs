//! Points in time, as values. The engine never asks what time it is: the moment comes in with the command.

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
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
        deserializer.deserialize_str(Text)
    }
}

struct Text;

impl Visitor<'_> for Text {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a moment as RFC 3339 has it, such as 2025-11-21T00:00:00Z")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
        if let Some(moment) = as_we_write(text.as_bytes()) {
            return Ok(moment);
        }
        let moment: jiff::Timestamp = text.parse().map_err(E::custom)?;
        Ok(Timestamp(moment.as_microsecond()))
    }
}

/// Reads what `Display` writes, `2025-11-21T00:00:00.000001Z`; none of anything else. A log has a moment in each event,
/// and a parser of all that RFC 3339 allows takes a quarter of the time in which a browser reads one.
fn as_we_write(text: &[u8]) -> Option<Timestamp> {
    const FORM: &[u8; 27] = b"0000-00-00T00:00:00.000000Z";
    let is_form = text.len() == FORM.len()
        && text.iter().zip(FORM).all(|(is, form)| match form {
            b'0' => is.is_ascii_digit(),
            _ => is == form,
        });
    if !is_form {
        return None;
    }
    let number = |from: usize, until: usize| {
        let digits = text[from..until].iter();
        digits.fold(0_i64, |number, digit| number * 10 + i64::from(digit - b'0'))
    };
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let (hour, minute, second) = (number(11, 13), number(14, 16), number(17, 19));
    // The few days at a month's end that not every month has, and leap seconds, are for the parser.
    if !(1..=12).contains(&month)
        || !(1..=28).contains(&day)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    // Days since 1970-01-01, with years that begin in March: a leap day is the last of its year. From the length of the
    // months in the Gregorian calendar; 719,468 days lie between 0000-03-01 and 1970-01-01.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    Some(Timestamp(seconds * 1_000_000 + number(20, 26)))
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

    /// Whatever we write is read as the library reads it, and what it refuses is refused.
    #[test]
    fn the_quick_way_reads_as_the_library_does() {
        let by_library = |text: &str| {
            text.parse::<jiff::Timestamp>()
                .map(|at| at.as_microsecond())
        };
        let read = |text: &str| serde_json::from_value::<Timestamp>(text.into());
        // Four hundred years and a bit, which is how long it takes for the calendar to repeat itself; every hour of the day.
        let hour: i64 = 3_600_000_000;
        let mut quick = 0;
        for at in (-200 * 8_766..250 * 8_766)
            .step_by(7)
            .map(|hours| hours * hour + 1)
        {
            let text = Timestamp(at).to_string();
            let found = as_we_write(text.as_bytes());
            quick += u32::from(found.is_some());
            assert_eq!(found.unwrap_or(Timestamp(at)), Timestamp(at), "{text}");
        }
        assert!(quick > 500_000, "{quick}");
        for text in [
            "0000-01-01T00:00:00.000000Z",
            "9999-12-28T23:59:59.999999Z",
            "2024-02-29T12:00:00.000000Z",
            "2023-02-29T12:00:00.000000Z",
            "2023-00-01T12:00:00.000000Z",
            "2023-13-01T12:00:00.000000Z",
            "2023-01-00T12:00:00.000000Z",
            "2023-01-01T24:00:00.000000Z",
            "2023-01-01T23:60:00.000000Z",
            "2016-12-31T23:59:60.000000Z",
            "2023-01-01T12:00:00.00000\u{e9}",
            "2023-01-01T12:00:00.0000000Z",
            "2023-01-01T12:00:00+02:00",
            "2023-01-01 12:00:00Z",
            "2023-01-01",
            "",
        ] {
            let known = by_library(text).ok();
            assert_eq!(read(text).ok().map(Timestamp::as_micros), known, "{text}");
        }
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
