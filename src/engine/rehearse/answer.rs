//! What the world says when it is asked, as the author of a case writes it: a call returns, fails or is lost, a person
//! decides. Nothing here knows of a run.

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::engine::event::{Decision, Resolution};
use crate::engine::failure::StepError;

/// One answer, and how long it takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(into = "Written")]
pub struct Answer {
    pub says: Says,
    /// Virtual milliseconds from the question.
    pub after_ms: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Says {
    /// The call, the other run or somebody outside succeeds with this output.
    Returns(Value),
    Fails(Failure),
    /// The answer is lost: whether the effect took place is not known.
    Lost(String),
    /// Nothing at all, until the time for it runs out.
    Never,
    /// A person answers a gate.
    Decides {
        decision: Decision,
        by: String,
        comment: String,
    },
    /// A person says what became of an outcome that nobody knows.
    Resolves {
        resolution: Resolution,
        by: String,
        comment: String,
    },
}

/// As a `StepError`, from somebody who may have misspelt a field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    pub code: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

impl Failure {
    pub fn error(&self) -> StepError {
        StepError::new(self.code.as_str(), self.message.as_str())
            .with_data(self.data.clone().unwrap_or_default())
    }
}

impl Says {
    /// The field by which it is written.
    pub fn word(&self) -> &'static str {
        match self {
            Says::Returns(_) => "returns",
            Says::Fails(_) => "fails",
            Says::Lost(_) => "lost",
            Says::Never => "never",
            Says::Decides { .. } => "decision",
            Says::Resolves { .. } => "resolution",
        }
    }

    pub fn after_ms(self, after_ms: u64) -> Answer {
        Answer {
            says: self,
            after_ms,
        }
    }
}

/// Side by side, so that a misspelt field is refused at its place.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// `null` is an output too.
    #[serde(
        default,
        deserialize_with = "there",
        skip_serializing_if = "Option::is_none"
    )]
    returns: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fails: Option<Failure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lost: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    never: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decision: Option<Decision>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resolution: Option<Resolution>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    comment: String,
    #[serde(default, skip_serializing_if = "super::is_zero")]
    after_ms: u64,
}

/// Whatever stands there, also `null`; what does not is the field's default.
pub(super) fn there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl<'de> Deserialize<'de> for Answer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        let after_ms = written.after_ms;
        let says = written
            .says()
            .map_err(|expected| wrong("this answer", expected))?;
        Ok(Answer { says, after_ms })
    }
}

/// The kind of error to which readers add the line.
pub(super) fn wrong<E: serde::de::Error>(what: &str, expected: &str) -> E {
    E::invalid_value(serde::de::Unexpected::Other(what), &expected)
}

impl Written {
    /// The error says what was expected instead.
    fn says(self) -> Result<Says, &'static str> {
        let (by, comment) = (self.by, self.comment);
        let is_person = self.decision.is_some() || self.resolution.is_some();
        if !is_person && (by.is_some() || !comment.is_empty()) {
            return Err("`by` and `comment` only beside a `decision` or a `resolution`");
        }
        let named = by.filter(|name| !name.trim().is_empty());
        let by = || named.ok_or("`by`, as in `{ decision: approve, by: ann }`");
        match (
            self.returns,
            self.fails,
            self.lost,
            self.never,
            self.decision,
            self.resolution,
        ) {
            (Some(output), None, None, false, None, None) => Ok(Says::Returns(output)),
            (None, Some(failure), None, false, None, None) => Ok(Says::Fails(failure)),
            (None, None, Some(message), false, None, None) => Ok(Says::Lost(message)),
            (None, None, None, true, None, None) => Ok(Says::Never),
            (None, None, None, false, Some(decision), None) => Ok(Says::Decides {
                decision,
                by: by()?,
                comment,
            }),
            (None, None, None, false, None, Some(resolution)) => Ok(Says::Resolves {
                resolution,
                by: by()?,
                comment,
            }),
            (..) => Err(
                "exactly one of `returns`, `fails`, `lost`, `never: true`, `decision` and `resolution`",
            ),
        }
    }
}

impl From<Answer> for Written {
    fn from(answer: Answer) -> Self {
        let mut written = Written {
            after_ms: answer.after_ms,
            ..Written::default()
        };
        match answer.says {
            Says::Returns(output) => written.returns = Some(output),
            Says::Fails(failure) => written.fails = Some(failure),
            Says::Lost(message) => written.lost = Some(message),
            Says::Never => written.never = true,
            Says::Decides {
                decision,
                by,
                comment,
            } => {
                written.decision = Some(decision);
                written.by = Some(by);
                written.comment = comment;
            }
            Says::Resolves {
                resolution,
                by,
                comment,
            } => {
                written.resolution = Some(resolution);
                written.by = Some(by);
                written.comment = comment;
            }
        }
        written
    }
}

/// What a step is told, time after time; a single answer is written without a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Answers(Vec<Answer>);

impl Answers {
    /// `None` of no answers: whoever has nothing to say writes `never`.
    pub fn new(answers: Vec<Answer>) -> Option<Self> {
        (!answers.is_empty()).then_some(Self(answers))
    }

    pub fn as_slice(&self) -> &[Answer] {
        &self.0
    }

    /// Without the repetitions at its end, which go without saying.
    pub(super) fn shortened(mut self) -> Self {
        while let [.., before, last] = self.0.as_slice()
            && before == last
        {
            self.0.pop();
        }
        self
    }
}

impl From<Answer> for Answers {
    fn from(answer: Answer) -> Self {
        Self(vec![answer])
    }
}

impl Serialize for Answers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [only] => only.serialize(serializer),
            several => several.serialize(serializer),
        }
    }
}

/// By hand, because an untagged enum would forget which field was wrong, and where.
impl<'de> Deserialize<'de> for Answers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading;
        impl<'de> serde::de::Visitor<'de> for Reading {
            type Value = Answers;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an answer, or a list of answers")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Answers, A::Error> {
                Answer::deserialize(MapAccessDeserializer::new(map)).map(Answers::from)
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, seq: A) -> Result<Answers, A::Error> {
                let answers = Vec::deserialize(SeqAccessDeserializer::new(seq))?;
                Answers::new(answers)
                    .ok_or_else(|| serde::de::Error::custom("a list of answers must not be empty"))
            }
        }
        deserializer.deserialize_any(Reading)
    }
}
