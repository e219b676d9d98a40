//! Which HTTP statuses count as success: single numbers and ranges, as authors write them.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::engine::tool::NumberRange;

/// A range of statuses that there are.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "NumberRange")]
pub struct StatusRange(NumberRange);

impl StatusRange {
    pub const fn new(first: u16, last: u16) -> Self {
        Self(NumberRange {
            first: first as u64,
            last: last as u64,
        })
    }
}

impl From<StatusRange> for NumberRange {
    fn from(range: StatusRange) -> Self {
        range.0
    }
}

impl TryFrom<NumberRange> for StatusRange {
    type Error = &'static str;

    fn try_from(range: NumberRange) -> Result<Self, Self::Error> {
        match range {
            NumberRange {
                first: 100..,
                last: ..=599,
            } => Ok(Self(range)),
            _ => Err("an expected status is a number such as 204 or a range such as 200-299"),
        }
    }
}

pub fn is_accepted(ranges: &[StatusRange], status: u16) -> bool {
    ranges.iter().any(|range| range.0.contains(status.into()))
}

/// The ranges in words, for messages.
pub fn in_words(ranges: &[StatusRange]) -> String {
    let ranges: Vec<NumberRange> = ranges.iter().map(|range| range.0).collect();
    NumberRange::in_words(&ranges)
}

/// The schema of an `expect_status` field.
pub fn schema(default: &str, description: &str) -> Value {
    json!({
        "title": "Expected status",
        "description": description,
        "type": "array",
        "minItems": 1,
        "maxItems": 20,
        "items": { "oneOf": [
            { "type": "integer", "minimum": 100, "maximum": 599 },
            { "type": "string", "pattern": "^[1-5][0-9]{2}-[1-5][0-9]{2}$" },
        ] },
        "default": [default],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranges_are_read_and_anything_else_is_refused() {
        let ranges: Vec<StatusRange> = serde_json::from_value(json!([204, "300-399"])).unwrap();
        assert!(is_accepted(&ranges, 204) && is_accepted(&ranges, 399));
        assert!(!is_accepted(&ranges, 200) && !is_accepted(&ranges, 400));
        assert_eq!(in_words(&ranges), "204, 300-399");
        for wrong in [
            json!("2xx"),
            json!("399-300"),
            json!(99),
            json!("100-999"),
            json!(null),
        ] {
            assert!(
                serde_json::from_value::<StatusRange>(wrong.clone()).is_err(),
                "{wrong}"
            );
        }
    }
}
