//! When a schedule is due. Pure: the clock's moments come in as arguments, the zones' rules are part of the program.
//!
//! Where a clock is set forward, a fixed time that falls into the gap comes right behind it; where it is set back, a
//! fixed time comes once. What comes every so often comes at each real moment.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::collections::VecDeque;
use std::sync::LazyLock;

use crate::engine::input::FieldError;
use crate::engine::time::Timestamp;
use crate::engine::trigger::Missed;

/// Moments that are made up for after a time away. More were missed by mistake, or are worth nothing any more.
pub const MISSED_MAX: usize = 100;
/// Until then a moment is late and not missed: a server that is started anew, or is busy, has lost nothing.
const LATE_MS_MAX: u64 = 10_000;
/// Characters of an expression. The longest that people write are far shorter.
const CRON_CHARS_MAX: usize = 200;
/// How far back the search for the latest moments looks at first; it doubles until it has found enough.
const WINDOW_MS: u64 = 60_000;

/// The bundled ones, so that a schedule means the same on every machine.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A schedule's expression in its zone, ready to be asked.
pub struct Timetable {
    cron: Cron,
    zone: TimeZone,
}

/// Moments that have come.
#[derive(Debug, PartialEq, Eq)]
pub struct Due {
    /// The latest, oldest first.
    pub moments: Vec<Timestamp>,
    /// There were more before them.
    pub more: bool,
}

impl Timetable {
    /// The errors are sentences that say what to write.
    pub fn parse(cron: &str, zone: &str) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let parsed = read_cron(cron).map_err(|message| errors.push(error("cron", message)));
        let known = ZONES.get(zone).map_err(|_| {
            let message = format!(
                "there is no time zone `{zone}`; write its IANA name, such as Europe/Berlin or UTC"
            );
            errors.push(error("zone", message));
        });
        match (parsed, known) {
            (Ok(cron), Ok(zone)) => Ok(Self { cron, zone }),
            (Err(()), _) | (_, Err(())) => Err(errors),
        }
    }

    /// The first moment after this one; `None` when there is none any more.
    pub fn next_after(&self, moment: Timestamp) -> Option<Timestamp> {
        let from = jiff::Timestamp::from_microsecond(moment.as_micros()).ok()?;
        let from = from.to_zoned(self.zone.clone());
        let found = self.cron.find_next_occurrence(&from, false).ok()?;
        let found = Timestamp::from_micros(found.timestamp().as_microsecond());
        (found > moment && found <= Timestamp::MAX).then_some(found)
    }

    /// The latest moments after `after` up to `until`, at most `most`.
    pub fn due(&self, after: Timestamp, until: Timestamp, most: usize) -> Due {
        let mut window_us = i64::try_from(WINDOW_MS).unwrap_or(i64::MAX) * 1000;
        loop {
            let start = Timestamp::from_micros(until.as_micros().saturating_sub(window_us));
            let start = start.max(after);
            let mut latest = VecDeque::new();
            let mut more = false;
            let mut at = start;
            while let Some(next) = self.next_after(at).filter(|next| *next <= until) {
                latest.push_back(next);
                if latest.len() > most {
                    latest.pop_front();
                    more = true;
                }
                at = next;
            }
            if more || start == after {
                let moments = latest.into();
                return Due { moments, more };
            }
            window_us = window_us.saturating_mul(2);
        }
    }
}

/// Which of the moments that have come start a run.
pub fn chosen(missed: Missed, due: &[Timestamp], now: Timestamp) -> Vec<Timestamp> {
    let is_missed = |moment: &Timestamp| now.ms_since(*moment) > LATE_MS_MAX;
    match missed {
        Missed::Skip => due.iter().filter(|at| !is_missed(at)).copied().collect(),
        Missed::Latest if due.first().is_some_and(is_missed) => {
            due.last().copied().into_iter().collect()
        }
        Missed::Latest | Missed::All => due.to_vec(),
    }
}

fn read_cron(text: &str) -> Result<Cron, String> {
    const EXAMPLE: &str = "write five fields (minute, hour, day, month, weekday), such as `30 6 * * 1-5`, or six with \
                           seconds in front";
    if text.chars().count() > CRON_CHARS_MAX {
        return Err(format!(
            "the expression is longer than {CRON_CHARS_MAX} characters"
        ));
    }
    let parser = CronParser::builder()
        .seconds(Seconds::Optional)
        .year(Year::Disallowed)
        .build();
    parser.parse(text.trim()).map_err(|why| {
        let why = why.to_string();
        let why = why.trim_end_matches('.');
        format!("`{text}` is no schedule ({why}); {EXAMPLE}")
    })
}

pub(in crate::driver) fn error(field: &str, message: impl Into<String>) -> FieldError {
    FieldError {
        field: field.to_owned(),
        message: message.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        serde_json::from_value(serde_json::json!(text)).expect("a moment")
    }

    fn timetable(cron: &str, zone: &str) -> Timetable {
        Timetable::parse(cron, zone).unwrap_or_else(|errors| panic!("{errors:?}"))
    }

    fn check(cron: &str, zone: &str, after: &str, until: &str, expected: &[&str]) {
        let due = timetable(cron, zone).due(at(after), at(until), 1_000);
        let expected: Vec<Timestamp> = expected.iter().map(|text| at(text)).collect();
        assert_eq!(due.moments, expected, "{cron} in {zone}");
        assert!(!due.more);
    }

    #[test]
    fn a_time_in_the_gap_comes_right_behind_it_and_then_as_ever() {
        // 2026-03-29 in Berlin: 02:00 becomes 03:00, from UTC+1 to UTC+2.
        check(
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-27T12:00:00Z",
            "2026-03-30T12:00:00Z",
            &[
                "2026-03-28T01:30:00Z",
                "2026-03-29T01:00:00Z",
                "2026-03-30T00:30:00Z",
            ],
        );
    }

    #[test]
    fn a_time_in_the_fold_comes_once() {
        // 2026-10-25 in Berlin: 03:00 becomes 02:00, from UTC+2 to UTC+1.
        check(
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00:00Z",
            "2026-10-26T12:00:00Z",
            &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        );
        // Asked between the two, the second is not taken for a new one.
        check(
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-25T00:30:00Z",
            "2026-10-25T12:00:00Z",
            &[],
        );
    }

    #[test]
    fn what_comes_every_half_hour_comes_at_each_real_half_hour() {
        let half_hours = ["00:00", "00:30", "01:00", "01:30", "02:00"];
        for day in ["2026-03-29", "2026-10-25"] {
            let expected: Vec<String> = half_hours
                .iter()
                .map(|time| format!("{day}T{time}:00Z"))
                .collect();
            let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
            let (after, until) = (format!("{day}T00:00:00Z"), format!("{day}T02:00:00Z"));
            check(
                "*/30 * * * *",
                "Europe/Berlin",
                &after,
                &until,
                &expected[1..],
            );
        }
    }

    #[test]
    fn rare_days_are_found() {
        check(
            "0 0 29 2 *",
            "UTC",
            "2026-01-01T00:00:00Z",
            "2033-01-01T00:00:00Z",
            &["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"],
        );
        check(
            "0 12 L * *",
            "UTC",
            "2028-01-31T12:00:00Z",
            "2028-04-30T12:00:00Z",
            &[
                "2028-02-29T12:00:00Z",
                "2028-03-31T12:00:00Z",
                "2028-04-30T12:00:00Z",
            ],
        );
        check(
            "0 0 31 * *",
            "UTC",
            "2038-01-01T00:00:00Z",
            "2038-04-01T00:00:00Z",
            &["2038-01-31T00:00:00Z", "2038-03-31T00:00:00Z"],
        );
    }

    #[test]
    fn seconds_and_quarter_hour_zones_are_kept() {
        check(
            "*/20 * * * * *",
            "UTC",
            "2026-01-01T00:00:00.000001Z",
            "2026-01-01T00:01:00Z",
            &[
                "2026-01-01T00:00:20Z",
                "2026-01-01T00:00:40Z",
                "2026-01-01T00:01:00Z",
            ],
        );
        check(
            "0 6 * * *",
            "Asia/Kathmandu",
            "2026-01-01T00:00:00Z",
            "2026-01-02T00:00:00Z",
            &["2026-01-01T00:15:00Z"],
        );
    }

    #[test]
    fn no_moment_is_due_twice_however_often_one_asks_and_none_is_lost() {
        let zones = [
            "Europe/Berlin",
            "America/New_York",
            "Australia/Lord_Howe",
            "Africa/Casablanca",
        ];
        // Around the days on which these zones set their clocks.
        let spans = [
            ("2026-02-10T00:00:00Z", "2026-04-10T00:00:00Z"),
            ("2026-10-01T00:00:00Z", "2026-11-05T00:00:00Z"),
        ];
        for (zone, (first, last)) in zones.iter().flat_map(|zone| spans.map(|span| (zone, span))) {
            for cron in ["30 1,2 * * *", "*/30 * * * *", "0 3 * * 0"] {
                let timetable = timetable(cron, zone);
                let (first, last) = (at(first), at(last));
                let whole = timetable.due(first, last, usize::MAX).moments;
                let mut pieces = Vec::new();
                let mut from = first;
                // A step that is no divisor of anything, so that it ends everywhere in gaps and folds.
                while from < last {
                    let step_ms = 7 * 3_600_000 + 13 * 60_000 + 17_000;
                    let to = from.plus_ms(step_ms).min(last);
                    pieces.extend(timetable.due(from, to, usize::MAX).moments);
                    from = to;
                }
                assert_eq!(pieces, whole, "{cron} in {zone}");
                assert!(whole.is_sorted_by(|a, b| a < b), "{cron} in {zone}");
            }
        }
    }

    #[test]
    fn a_clock_that_went_back_makes_nothing_due() {
        let due = timetable("* * * * *", "UTC").due(
            at("2026-01-01T12:00:00Z"),
            at("2026-01-01T11:00:00Z"),
            10,
        );
        assert_eq!(
            due,
            Due {
                moments: Vec::new(),
                more: false
            }
        );
    }

    #[test]
    fn after_years_away_only_the_latest_are_looked_at() {
        let due = timetable("* * * * * *", "UTC").due(
            at("2016-01-01T00:00:00Z"),
            at("2026-01-01T00:00:00Z"),
            100,
        );
        assert_eq!((due.moments.len(), due.more), (100, true));
        assert_eq!(due.moments[99], at("2026-01-01T00:00:00Z"));
        assert_eq!(due.moments[0], at("2025-12-31T23:58:21Z"));
    }

    #[test]
    fn what_was_missed_is_treated_as_asked() {
        let now = at("2026-01-01T03:00:05Z");
        let due = ["01:00", "02:00", "03:00"].map(|time| at(&format!("2026-01-01T{time}:00Z")));
        assert_eq!(chosen(Missed::Skip, &due, now), due[2..]);
        assert_eq!(chosen(Missed::Latest, &due, now), due[2..]);
        assert_eq!(chosen(Missed::All, &due, now), due);
        // Late is not missed.
        let just_now = [at("2026-01-01T03:00:03Z"), at("2026-01-01T03:00:04Z")];
        for missed in [Missed::Skip, Missed::Latest, Missed::All] {
            assert_eq!(chosen(missed, &just_now, now), just_now);
        }
        let long_ago = &due[..1];
        assert_eq!(chosen(Missed::Skip, long_ago, now), []);
        assert_eq!(chosen(Missed::Latest, long_ago, now), long_ago);
    }

    #[test]
    fn what_is_no_schedule_is_refused_with_what_to_write() {
        for bad in [
            "",
            "* * * *",
            "61 * * * *",
            "0 0 * * * * 2026",
            "every day",
            "* * * * ?x",
            "*/0 * * * *",
        ] {
            let errors = Timetable::parse(bad, "UTC").err().unwrap_or_default();
            assert_eq!(errors.len(), 1, "{bad}");
            assert_eq!(errors[0].field, "cron");
            assert!(
                errors[0].message.contains("such as `30 6 * * 1-5`"),
                "{bad}: {}",
                errors[0].message
            );
        }
        let errors = Timetable::parse("nonsense", "Mars/Olympus")
            .err()
            .unwrap_or_default();
        let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["cron", "zone"]);
        assert!(errors[1].message.contains("Europe/Berlin"));
        assert_eq!(
            timetable("0 0 30 2 *", "UTC").next_after(at("2026-01-01T00:00:00Z")),
            None
        );
    }
}
