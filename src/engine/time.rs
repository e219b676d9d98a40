//! Points in time, as values. The engine never asks what time it is: the moment comes in with the command.

use serde::de::{self, Unexpected, Visitor};
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
        Written(text.as_bytes())
            .read()
            .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

/// A moment as [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339#section-5.6) has it, what is left of it to be read.
///
/// The library's parser reads far more than that. Its errors alone were a tenth of what every page has the browser fetch, and
/// it took a quarter of the time in which one reads a log, where each event has a moment. A test sets the two side by side.
struct Written<'a>(&'a [u8]);

impl Written<'_> {
    /// Digits beyond microseconds are dropped, and a leap second is the second before it.
    fn read(mut self) -> Option<Timestamp> {
        let days = self.days()?;
        self.one_of(b"Tt ")?;
        let mut seconds = self.minutes()? * 60;
        self.one_of(b":")?;
        seconds += self.number(2, 60)?.min(59);
        let micros = match self.one_of(b".") {
            Some(_) => self.millionths()?,
            None => 0,
        };
        match self.one_of(b"Zz+-")? {
            b'+' => seconds -= self.minutes()? * 60,
            b'-' => seconds += self.minutes()? * 60,
            _ => {}
        }
        let moment = Timestamp((days * 86_400 + seconds) * 1_000_000 + micros);
        (self.0.is_empty() && moment <= Timestamp::MAX).then_some(moment)
    }

    /// The days from 1970-01-01 to a date, `2025-11-21`.
    fn days(&mut self) -> Option<i64> {
        let year = self.number(4, 9_999)?;
        self.one_of(b"-")?;
        let month = self.number(2, 12)?;
        self.one_of(b"-")?;
        let is_leap_year = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if is_leap_year => 29,
            2 => 28,
            _ => return None,
        };
        let day = self.number(2, length).filter(|day| *day > 0)?;
        // With years that begin in March: a leap day is the last of its year. From the length of the months in the
        // Gregorian calendar; 719,468 days lie between 0000-03-01 and 1970-01-01.
        let (year, month) = if month > 2 {
            (year, month - 3)
        } else {
            (year - 1, month + 9)
        };
        let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        Some(year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468)
    }

    /// `23:59`, the time of day or how far a clock is ahead of UTC.
    fn minutes(&mut self) -> Option<i64> {
        let hours = self.number(2, 23)?;
        self.one_of(b":")?;
        Some(hours * 60 + self.number(2, 59)?)
    }

    /// The digits behind the point, of which there must be one.
    fn millionths(&mut self) -> Option<i64> {
        let (mut micros, mut worth) = (self.number(1, 9)? * 100_000, 10_000);
        while let Some(digit) = self.number(1, 9) {
            micros += digit * worth;
            worth /= 10;
        }
        Some(micros)
    }

    /// A number of so many digits, `max` at the most.
    fn number(&mut self, digits: usize, max: i64) -> Option<i64> {
        let (read, rest) = self.0.split_at_checked(digits)?;
        let number = read.iter().try_fold(0_i64, |number, digit| {
            let digit = char::from(*digit).to_digit(10)?;
            Some(number * 10 + i64::from(digit))
        })?;
        self.0 = rest;
        (number <= max).then_some(number)
    }

    fn one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        if !bytes.contains(first) {
            return None;
        }
        self.0 = rest;
        Some(*first)
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

    fn read(text: &str) -> Option<i64> {
        let moment = serde_json::from_value::<Timestamp>(text.into());
        moment.ok().map(Timestamp::as_micros)
    }

    fn read_by_the_library(text: &str) -> Option<i64> {
        let moment = text.parse::<jiff::Timestamp>();
        moment.ok().map(jiff::Timestamp::as_microsecond)
    }

    #[test]
    fn whatever_is_written_is_read_again() {
        // Four hundred years and a bit, which is how long it takes for the calendar to repeat itself; every hour of the day.
        let hour: i64 = 3_600_000_000;
        let moments = (-200 * 8_766..250 * 8_766)
            .step_by(7)
            .map(|hours| hours * hour + 1)
            .chain([Timestamp::MAX.as_micros(), -62_167_219_200_000_000]);
        for at in moments {
            let text = Timestamp(at).to_string();
            assert_eq!(read(&text), Some(at), "{text}");
        }
    }

    #[test]
    fn a_moment_is_read_as_the_library_reads_it() {
        for text in [
            "0000-01-01T00:00:00.000000Z",
            "9999-12-28T23:59:59.999999Z",
            "9999-12-30T22:00:00Z",
            "9999-12-31T23:59:59Z",
            "2024-02-29T12:00:00.000000Z",
            "2023-02-29T12:00:00.000000Z",
            "2100-02-29T12:00:00.000000Z",
            "2000-02-29T12:00:00.000000Z",
            "2023-04-31T12:00:00.000000Z",
            "2023-12-31T12:00:00.000000Z",
            "2023-00-01T12:00:00.000000Z",
            "2023-13-01T12:00:00.000000Z",
            "2023-01-00T12:00:00.000000Z",
            "2023-01-01T24:00:00.000000Z",
            "2023-01-01T23:60:00.000000Z",
            "2016-12-31T23:59:60.000000Z",
            "2016-12-31T23:59:61.000000Z",
            "2023-01-01T12:00:00.00000\u{e9}",
            "2023-01-01T12:00:00.0000000Z",
            "2023-01-01T12:00:00.123456789Z",
            "2023-01-01T12:00:00.5Z",
            "2023-01-01T12:00:00.Z",
            "2023-01-01T12:00:00+02:00",
            "2023-01-01T00:30:00.25+14:00",
            "2023-12-31T23:30:00-09:30",
            "2023-01-01T12:00:00-00:00",
            "2023-01-01T12:00:00+02:60",
            "2023-01-01 12:00:00Z",
            "2023-01-01t12:00:00z",
            "2023-01-01T12:00:00",
            "2023-01-01T12:00:00Z ",
            "2023-01-01",
            "+23-01-01T12:00:00Z",
            "",
        ] {
            assert_eq!(read(text), read_by_the_library(text), "{text}");
        }
    }

    /// What RFC 3339 does not have, though the library takes it.
    #[test]
    fn what_rfc_3339_does_not_have_is_refused_with_what_it_has() {
        for text in [
            "20230101T120000Z",
            "2023-01-01T12Z",
            "2023-01-01T12:00:00,5Z",
            "2023-01-01T12:00:00+02",
            "2023-01-01T12:00:00+00:00[Europe/Berlin]",
            "-000001-01-01T12:00:00Z",
        ] {
            assert!(read_by_the_library(text).is_some(), "{text}");
            let refused = serde_json::from_value::<Timestamp>(text.into());
            assert_eq!(
                refused.expect_err(text).to_string(),
                format!(
                    "invalid value: string \"{text}\", expected a moment as RFC 3339 has it, such as 2025-11-21T00:00:00Z"
                )
            );
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
