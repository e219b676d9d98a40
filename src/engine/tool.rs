//! What a tool says about itself: its name, the shape of what goes in and comes out, and what it does to the
//! world. The engine reads these; running a tool is the business of another room.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

use super::failure::StepError;

/// What happens to the world when a tool is called again after its first answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectClass {
    /// A function of its input.
    Pure,
    /// Looks at the world and leaves it as it was.
    Read,
    /// Changes the world; doing it twice with the same key is doing it once.
    Idempotent,
    /// Changes the world each time. Never repeated unless a person says so.
    Effect,
}

impl EffectClass {
    /// May an attempt whose outcome is unknown be made again without asking?
    pub fn repeatable(self) -> bool {
        match self {
            EffectClass::Pure | EffectClass::Read | EffectClass::Idempotent => true,
            EffectClass::Effect => false,
        }
    }
}

/// One field of the input that decides the class, as the method does for an HTTP request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EffectByField {
    pub field: String,
    /// The class when the field is absent (the schema's default applies then).
    pub absent: EffectClass,
    /// Values that lower the class; any other value keeps the tool's own.
    pub values: BTreeMap<String, EffectClass>,
}

/// Whole numbers, both ends included. Written `204`, or `"200-299"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenRange", into = "WrittenRange")]
pub struct NumberRange {
    pub first: u64,
    pub last: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum WrittenRange {
    One(u64),
    Range(String),
}

impl NumberRange {
    pub fn contains(self, number: u64) -> bool {
        (self.first..=self.last).contains(&number)
    }

    /// A list of ranges in words.
    pub fn in_words(ranges: &[NumberRange]) -> String {
        let ranges: Vec<String> = ranges.iter().map(NumberRange::to_string).collect();
        ranges.join(", ")
    }
}

impl TryFrom<WrittenRange> for NumberRange {
    type Error = &'static str;

    fn try_from(written: WrittenRange) -> Result<Self, Self::Error> {
        let ends = match &written {
            WrittenRange::One(number) => Some((*number, *number)),
            WrittenRange::Range(text) => text
                .split_once('-')
                .and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?))),
        };
        match ends {
            Some((first, last)) if first <= last => Ok(Self { first, last }),
            Some(_) | None => Err("a range is a number such as 204 or two such as 200-299"),
        }
    }
}

impl From<NumberRange> for WrittenRange {
    fn from(range: NumberRange) -> Self {
        match range.first == range.last {
            true => WrittenRange::One(range.first),
            false => WrittenRange::Range(range.to_string()),
        }
    }
}

impl fmt::Display for NumberRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => write!(f, "{}", self.first),
            false => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

/// A number of the output that decides whether a call has succeeded, as the status does for an HTTP request: outside of
/// the ranges that the input lists, the call fails, and what would have been its output is the data of the error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailsOutside {
    /// The field of the output.
    pub number: String,
    /// The field of the input: a list of ranges.
    pub ranges: String,
    /// What holds when that field is absent.
    pub absent: Vec<NumberRange>,
    /// The field of the output that is true where the rest of it is missing: no output is made of an error's data then.
    pub incomplete: String,
    /// The code of the error.
    pub code: String,
}

impl FailsOutside {
    /// What a call with this input accepts; `None` where its list cannot be read.
    pub fn accepted(&self, input: &Value) -> Option<Vec<NumberRange>> {
        match input.get(&self.ranges) {
            None => Some(self.absent.clone()),
            Some(listed) => Vec::deserialize(listed).ok(),
        }
    }

    /// Whether a call with this input takes this output for a success; `None` where nothing can be said of it.
    fn accepts(&self, input: &Value, output: &Value) -> Option<bool> {
        let number = output.get(&self.number)?.as_u64()?;
        let ranges = self.accepted(input)?;
        Some(ranges.iter().any(|range| range.contains(number)))
    }

    fn is_complete(&self, output: &Value) -> bool {
        output.get(&self.incomplete) != Some(&Value::Bool(true))
    }

    fn failure(&self, tool: &str, input: &Value, output: Value) -> StepError {
        let accepted = self.accepted(input).unwrap_or_default();
        let number = output.get(&self.number).unwrap_or(&Value::Null);
        let message = format!(
            "{tool} gave the {} {number}, expected was {}.",
            self.number,
            NumberRange::in_words(&accepted)
        );
        StepError::new(self.code.as_str(), message).with_data(output)
    }
}

/// A field with the title that its schema gives it.
pub(in crate::engine) fn titled(field: &str, schema: Option<&Value>) -> String {
    let title = schema.and_then(|schema| schema.get("title")?.as_str());
    match title {
        Some(title) => format!("*{title}* (`{field}`)"),
        None => format!("`{field}`"),
    }
}

/// A tool as workflows, forms and the compiler see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// `group.verb`, such as `probe.http`.
    pub name: String,
    pub description: String,
    pub input_schema: Value,
    pub output_schema: Value,
    pub effect: EffectClass,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect_by: Option<EffectByField>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fails_outside: Option<FailsOutside>,
    /// The time one attempt may take when the step does not say.
    pub default_timeout_ms: u64,
    /// Calls that may be made at once over all runs, where whoever runs the server has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallel: Option<u32>,
}

impl ToolSpec {
    /// A tool of the tests: takes any object, gives anything.
    #[cfg(test)]
    pub fn plain(name: &str, effect: EffectClass) -> Self {
        Self {
            name: name.to_owned(),
            description: String::new(),
            input_schema: serde_json::json!({ "type": "object" }),
            output_schema: serde_json::json!({}),
            effect,
            effect_by: None,
            fails_outside: None,
            default_timeout_ms: 5_000,
            max_parallel: None,
        }
    }

    /// One that fails for what it is answered, as a request does for its status.
    #[cfg(test)]
    pub fn web(name: &str) -> Self {
        let success = NumberRange {
            first: 200,
            last: 299,
        };
        Self {
            output_schema: serde_json::json!({ "properties": { "status": { "examples": [200] } } }),
            fails_outside: Some(FailsOutside {
                number: "status".to_owned(),
                ranges: "expect_status".to_owned(),
                absent: vec![success],
                incomplete: "truncated".to_owned(),
                code: "unexpected_status".to_owned(),
            }),
            ..Self::plain(name, EffectClass::Read)
        }
    }

    /// A field of the input as people know it from forms, and as it is called: *Expected status* (`expect_status`).
    pub fn titled(&self, field: &str) -> String {
        let properties = self.input_schema.get("properties");
        titled(
            field,
            properties.and_then(|properties| properties.get(field)),
        )
    }

    /// Whether calls with these two inputs take the same answers for successes.
    pub fn judges_alike(&self, one: &Value, other: &Value) -> bool {
        let rule = self.fails_outside.as_ref();
        rule.is_none_or(|rule| rule.accepted(one) == rule.accepted(other))
    }

    /// The effect class of a call with this input.
    pub fn effect_of(&self, input: &Value) -> EffectClass {
        let Some(by) = &self.effect_by else {
            return self.effect;
        };
        match input.get(&by.field) {
            None => by.absent,
            Some(value) => value
                .as_str()
                .and_then(|text| by.values.get(text).copied())
                .unwrap_or(self.effect),
        }
    }

    /// What the tool makes of an answer that was given to a call with another input, or that somebody thought of: what
    /// this input does not accept is a failure, and what failed only for that and is accepted now is an output, as far as
    /// the error has kept it.
    pub fn judged(
        &self,
        input: &Value,
        answer: Result<Value, StepError>,
    ) -> Result<Value, StepError> {
        let Some(rule) = &self.fails_outside else {
            return answer;
        };
        match answer {
            Ok(output) if rule.accepts(input, &output) == Some(false) => {
                Err(rule.failure(&self.name, input, output))
            }
            Err(StepError {
                code,
                data: Some(data),
                ..
            }) if code == rule.code
                && rule.is_complete(&data)
                && rule.accepts(input, &data) == Some(true) =>
            {
                Ok(data)
            }
            answer => answer,
        }
    }
}

/// The tools a workflow may name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Catalogue(BTreeMap<String, ToolSpec>);

impl Catalogue {
    pub fn new(specs: impl IntoIterator<Item = ToolSpec>) -> Self {
        Self(
            specs
                .into_iter()
                .map(|spec| (spec.name.clone(), spec))
                .collect(),
        )
    }

    pub fn get(&self, name: &str) -> Option<&ToolSpec> {
        self.0.get(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub fn iter(&self) -> impl Iterator<Item = &ToolSpec> {
        self.0.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_range_is_written_as_it_is_read_and_nothing_else_is_taken() {
        let written = json!([204, "300-399", 500]);
        let ranges: Vec<NumberRange> = serde_json::from_value(written.clone()).unwrap();
        assert!(ranges[0].contains(204) && ranges[1].contains(399) && !ranges[1].contains(400));
        assert_eq!(NumberRange::in_words(&ranges), "204, 300-399, 500");
        assert_eq!(serde_json::to_value(&ranges).unwrap(), written);
        for wrong in [
            json!("2xx"),
            json!("399-300"),
            json!(-1),
            json!(null),
            json!("1-2-3"),
        ] {
            let read = serde_json::from_value::<NumberRange>(wrong.clone());
            assert!(read.is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_the_input_does_not_accept_fails_with_the_output_as_its_data() {
        let tool = ToolSpec::web("http.request");
        let (any, some) = (json!({}), json!({ "expect_status": [201, "500-503"] }));
        for (input, status, accepted) in [
            (&any, 200, true),
            (&any, 299, true),
            (&any, 300, false),
            (&some, 200, false),
            (&some, 201, true),
            (&some, 503, true),
        ] {
            let output = json!({ "status": status, "body": "b" });
            let judged = tool.judged(input, Ok(output.clone()));
            match judged {
                Ok(kept) => assert!(accepted && kept == output, "{input} {status}"),
                Err(error) => {
                    assert!(!accepted, "{input} {status}");
                    assert_eq!(error.code, "unexpected_status");
                    assert_eq!(error.data, Some(output));
                }
            }
        }
        let Err(error) = tool.judged(&any, Ok(json!({ "status": 503 }))) else {
            panic!("it must fail");
        };
        let said = "http.request gave the status 503, expected was 200-299.";
        assert_eq!(error.message, said);
    }

    #[test]
    fn what_failed_only_for_its_number_is_an_output_where_that_is_accepted() {
        let tool = ToolSpec::web("http.request");
        let data = json!({ "status": 503, "body": "b" });
        let failed = StepError::new("unexpected_status", "503").with_data(data.clone());
        let wide = json!({ "expect_status": ["200-599"] });
        assert_eq!(tool.judged(&wide, Err(failed.clone())), Ok(data));
        assert_eq!(tool.judged(&json!({}), Err(failed.clone())), Err(failed));
        let others = [
            StepError::new("timeout", "late").with_data(json!({ "status": 200 })),
            StepError::new("unexpected_status", "nobody knows which"),
            StepError::new("unexpected_status", "odd").with_data(json!({ "status": "503" })),
            StepError::new("unexpected_status", "half of it")
                .with_data(json!({ "status": 503, "truncated": true })),
        ];
        for other in others {
            assert_eq!(tool.judged(&wide, Err(other.clone())), Err(other));
        }
    }

    #[test]
    fn what_cannot_be_judged_stays_as_it_is() {
        let plain = ToolSpec::plain("util.noop", EffectClass::Pure);
        let output = json!({ "status": 503 });
        assert_eq!(
            plain.judged(&json!({}), Ok(output.clone())),
            Ok(output.clone())
        );
        let unread = json!({ "expect_status": "all" });
        assert_eq!(
            ToolSpec::web("http.request").judged(&unread, Ok(output.clone())),
            Ok(output)
        );
        let failed = StepError::new("unexpected_status", "503").with_data(json!({ "status": 503 }));
        let unread = json!({ "expect_status": ["2xx"] });
        let judged = ToolSpec::web("http.request").judged(&unread, Err(failed.clone()));
        assert_eq!(judged, Err(failed));
        for odd in [json!(null), json!({}), json!({ "status": "fine" })] {
            assert_eq!(
                ToolSpec::web("http.request").judged(&json!({}), Ok(odd.clone())),
                Ok(odd)
            );
        }
    }
}
