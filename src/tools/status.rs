//! Which HTTP statuses count as success: single numbers and ranges, as authors write them.

use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt;

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Written")]
pub struct StatusRange {
    first: u16,
    last: u16,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    One(u16),
    Range(String),
}

impl StatusRange {
    pub const fn new(first: u16, last: u16) -> Self {
        Self { first, last }
    }
}

pub fn is_accepted(ranges: &[StatusRange], status: u16) -> bool {
    ranges
        .iter()
        .any(|range| (range.first..=range.last).contains(&status))
}

/// The ranges in words, for messages.
pub fn in_words(ranges: &[StatusRange]) -> String {
    ranges
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
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

impl TryFrom<Written> for StatusRange {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let (first, last) = match &written {
            Written::One(status) => (Some(*status), Some(*status)),
            Written::Range(text) => match text.split_once('-') {
                Some((first, last)) => (first.parse().ok(), last.parse().ok()),
                None => (None, None),
            },
        };
        match (first, last) {
            (Some(first), Some(last)) if 100 <= first && first <= last && last <= 599 => {
                Ok(Self { first, last })
            }
            _ => {
                Err("an expected status is a number such as 204 or a range such as 200-299".into())
            }
        }
    }
}

impl fmt::Display for StatusRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
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
