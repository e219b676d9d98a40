//! Numbers, times and sentences for people.

use serde_json::Value;

use crate::engine::event::SkipReason;
use crate::engine::ids::StepPath;
use crate::engine::large::StandIn;
use crate::engine::plan::Outline;
use crate::engine::time::Timestamp;

/// `850 ms`, `4.2 s`, `3 min 05 s`, `2 h 07 min`, `3 d 4 h`.
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0 => format!("{ms} ms"),
        1..60 => format!("{seconds}.{} s", ms % 1_000 / 100),
        60..3_600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {:02} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// `2026-11-21 02:36:22 UTC`, as the server prints it; the browser puts its own in place.
pub fn utc(moment: Timestamp) -> String {
    let text = moment.to_string();
    match (text.get(..10), text.get(11..19)) {
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => text,
    }
}

pub fn bytes(count: u32) -> String {
    match count {
        0..1_000 => format!("{count} bytes"),
        1_000..1_000_000 => format!("{}.{} kB", count / 1_000, count % 1_000 / 100),
        _ => format!("{}.{} MB", count / 1_000_000, count % 1_000_000 / 100_000),
    }
}

/// `1 step`, `2 steps`.
pub fn counted(number: u32, one: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {one}{ending}")
}

/// Why a step did not run.
pub fn skip_reason(reason: &SkipReason, outline: &Outline) -> String {
    let name = |path: &StepPath| {
        outline
            .position(path.last())
            .map_or_else(|| path.to_string(), |at| outline.steps[at].name.clone())
    };
    match reason {
        SkipReason::BranchNotTaken { at } => {
            format!("The run took another way after “{}”.", name(at))
        }
        SkipReason::UpstreamFailed { at } => format!("“{}” did not succeed.", name(at)),
        SkipReason::UpstreamSkipped { at } => format!("“{}” was skipped.", name(at)),
        SkipReason::RunEnded => {
            "The run, or the item or round that it belongs to, ended before its turn came."
                .to_owned()
        }
        SkipReason::ByHand { actor, comment } if comment.is_empty() => {
            format!("Skipped by {actor}.")
        }
        SkipReason::ByHand { actor, comment } => format!("Skipped by {actor}: “{comment}”"),
        SkipReason::NothingToUndo => "There was nothing to undo.".to_owned(),
    }
}

/// A text as it is; anything else as JSON.
pub fn text(value: &Value) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None => pretty(value),
    }
}

/// With an ellipsis in place of what is too long.
pub fn shortened(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    text.chars()
        .take(chars.saturating_sub(1))
        .chain(['…'])
        .collect()
}

pub fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// The value in one short line: a text as it stands, anything else as JSON.
pub fn brief(value: &Value) -> String {
    const CHARS: usize = 80;
    if let Some(place) = StandIn::of(value) {
        return bytes(place.bytes);
    }
    let text = match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    };
    match text.char_indices().nth(CHARS) {
        Some((cut, _)) => format!("{} …", &text[..cut]),
        None => text,
    }
}

/// Where a step is inside of maps and loops: `each 4` for `each.3.ask`, counted as people count.
pub fn iterations(path: &StepPath) -> Option<String> {
    let parts: Vec<&str> = path.as_str().split('.').collect();
    let pairs = parts.windows(2).filter_map(|pair| {
        let index: u32 = pair[1].parse().ok()?;
        Some(format!("{} {}", in_words(pair[0]), index + 1))
    });
    let pairs: Vec<String> = pairs.collect();
    (!pairs.is_empty()).then(|| pairs.join(", "))
}

/// `used_percent` → `Used percent`. Such names are of Latin letters: the tables of all others are large.
pub fn in_words(name: &str) -> String {
    let mut text = name.replace('_', " ");
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well_at_every_size() {
        let texts: Vec<String> = [0, 850, 4_230, 185_000, 7_620_000, 273_600_000]
            .into_iter()
            .map(duration)
            .collect();
        assert_eq!(
            texts,
            [
                "0 ms",
                "850 ms",
                "4.2 s",
                "3 min 05 s",
                "2 h 07 min",
                "3 d 4 h"
            ]
        );
    }

    #[test]
    fn times_are_printed_in_utc() {
        assert_eq!(
            utc(Timestamp::from_micros(1_763_683_200_000_001)),
            "2025-11-21 00:00:00 UTC"
        );
    }

    #[test]
    fn a_step_inside_of_others_says_where() {
        let place = |path: &str| iterations(&StepPath::new(path));
        assert_eq!(place("ask"), None);
        assert_eq!(place("publish.approval"), None);
        assert_eq!(place("each_host.3.ask").as_deref(), Some("Each host 4"));
        assert_eq!(
            place("each.0.again.12.ask.approval").as_deref(),
            Some("Each 1, Again 13")
        );
    }
}
