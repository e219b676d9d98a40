//! How what says itself which of several it is, is read: what a run comes from, why a step was skipped, who makes an attempt.
//! They are small and rare, so their fields are looked up one by one. What `serde` derives for that has a reader for each of
//! them, which together were as large as that of all events.

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::{Origin, Performer, SkipReason};

/// A record, of which each field is taken once.
struct Tagged {
    fields: Map<String, Value>,
}

impl Tagged {
    fn read<'de, D: Deserializer<'de>, T>(
        deserializer: D,
        of: fn(Self) -> Result<T, String>,
    ) -> Result<T, D::Error> {
        let fields = Map::deserialize(deserializer)?;
        of(Self { fields }).map_err(D::Error::custom)
    }

    fn may_have(&mut self, name: &str) -> Option<Value> {
        self.fields
            .get_mut(name)
            .map(Value::take)
            .filter(|value| !value.is_null())
    }

    fn may_say<T: for<'a> From<&'a str>>(&mut self, name: &str) -> Result<Option<T>, String> {
        match self.may_have(name) {
            Some(Value::String(text)) => Ok(Some(text.as_str().into())),
            Some(_) => Err(format!("`{name}` is not a text")),
            None => Ok(None),
        }
    }

    fn says<T: for<'a> From<&'a str>>(&mut self, name: &str) -> Result<T, String> {
        self.may_say(name)?
            .ok_or_else(|| format!("missing field `{name}`"))
    }

    fn may_count(&mut self, name: &str) -> Result<Option<u32>, String> {
        let Some(value) = self.may_have(name) else {
            return Ok(None);
        };
        let number = value.as_u64().and_then(|number| number.try_into().ok());
        number
            .map(Some)
            .ok_or_else(|| format!("`{name}` is not a number that fits"))
    }

    fn counts(&mut self, name: &str) -> Result<u32, String> {
        self.may_count(name)?
            .ok_or_else(|| format!("missing field `{name}`"))
    }
}

fn unknown<T>(variant: &str, known: &str) -> Result<T, String> {
    Err(format!(
        "unknown variant `{variant}`, expected one of {known}"
    ))
}

impl<'de> Deserialize<'de> for SkipReason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Tagged::read(deserializer, |mut it| {
            Ok(match it.says::<String>("because")?.as_str() {
                "branch_not_taken" => Self::BranchNotTaken { at: it.says("at")? },
                "upstream_failed" => Self::UpstreamFailed { at: it.says("at")? },
                "upstream_skipped" => Self::UpstreamSkipped { at: it.says("at")? },
                "run_ended" => Self::RunEnded,
                "by_hand" => Self::ByHand {
                    actor: it.says("actor")?,
                    comment: it.says("comment")?,
                },
                "nothing_to_undo" => Self::NothingToUndo,
                other => {
                    return unknown(
                        other,
                        "`branch_not_taken`, `upstream_failed`, `upstream_skipped`, `run_ended`, `by_hand`, `nothing_to_undo`",
                    );
                }
            })
        })
    }
}

impl<'de> Deserialize<'de> for Performer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Tagged::read(deserializer, |mut it| {
            Ok(match it.says::<String>("performer")?.as_str() {
                "tool" => Self::Tool,
                "run" => Self::Run {
                    run_id: it.says("run_id")?,
                },
                "outside" => Self::Outside,
                other => return unknown(other, "`tool`, `run`, `outside`"),
            })
        })
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Tagged::read(deserializer, |mut it| {
            Ok(match it.says::<String>("because")?.as_str() {
                "again" => Self::Again {
                    run_id: it.says("run_id")?,
                },
                "fork" => Self::Fork {
                    run_id: it.says("run_id")?,
                    step: it.says("step")?,
                },
                "parent" => Self::Parent {
                    run_id: it.says("run_id")?,
                    step: it.says("step")?,
                    depth: it.counts("depth")?,
                    root: it.may_say("root")?,
                },
                "trigger" => Self::Trigger {
                    name: it.says("name")?,
                    trigger_id: it.may_say("trigger_id")?,
                    depth: it.may_count("depth")?.unwrap_or_default(),
                },
                other => return unknown(other, "`again`, `fork`, `parent`, `trigger`"),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;
    use serde::de::DeserializeOwned;
    use serde_json::json;
    use std::fmt::Debug;

    /// It is read as it is written, from a text and from a value; without any field that it has, and with one of another
    /// type, it is not.
    fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(it: &T, optional: &[&str]) {
        let written = serde_json::to_value(it).expect("JSON");
        assert_eq!(
            &serde_json::from_str::<T>(&written.to_string()).expect("as it was written"),
            it
        );
        assert_eq!(
            &serde_json::from_value::<T>(written.clone()).expect("as it was written"),
            it
        );
        let fields = written.as_object().expect("a record");
        for name in fields.keys() {
            let mut other = fields.clone();
            other.insert(name.clone(), json!([]));
            assert!(serde_json::from_value::<T>(other.into()).is_err(), "{name}");
            if !optional.contains(&name.as_str()) {
                let mut less = fields.clone();
                less.remove(name);
                let error = serde_json::from_value::<T>(less.into()).expect_err(name);
                assert_eq!(error.to_string(), format!("missing field `{name}`"));
            }
        }
    }

    #[test]
    fn each_is_read_as_it_is_written() {
        let at = || "a.1.b".into();
        for reason in [
            SkipReason::BranchNotTaken { at: at() },
            SkipReason::UpstreamFailed { at: at() },
            SkipReason::UpstreamSkipped { at: at() },
            SkipReason::RunEnded,
            SkipReason::ByHand {
                actor: "ada".into(),
                comment: String::new(),
            },
            SkipReason::NothingToUndo,
        ] {
            survives(&reason, &[]);
        }
        let run_id = || "r".into();
        for performer in [
            Performer::Tool,
            Performer::Run { run_id: run_id() },
            Performer::Outside,
        ] {
            survives(&performer, &[]);
        }
        for origin in [
            Origin::Again { run_id: run_id() },
            Origin::Fork {
                run_id: run_id(),
                step: at(),
            },
            Origin::Parent {
                run_id: run_id(),
                step: at(),
                depth: 3,
                root: Some("q".into()),
            },
            Origin::Parent {
                run_id: run_id(),
                step: at(),
                depth: 0,
                root: None,
            },
            Origin::Trigger {
                name: "n".into(),
                trigger_id: Some("t".into()),
                depth: 2,
            },
            Origin::Trigger {
                name: "n".into(),
                trigger_id: None,
                depth: 0,
            },
        ] {
            let optional: &[&str] = match origin {
                Origin::Trigger { .. } => &["trigger_id", "depth"],
                Origin::Again { .. } | Origin::Fork { .. } | Origin::Parent { .. } => &["root"],
            };
            survives(&origin, optional);
        }
    }

    #[test]
    fn what_is_none_of_them_is_refused_by_name() {
        let error = serde_json::from_value::<SkipReason>(json!({"because": "whim"}));
        let error = error.expect_err("unknown").to_string();
        assert!(
            error.starts_with("unknown variant `whim`, expected one of `branch_not_taken`"),
            "{error}"
        );
        let depth =
            json!({"because": "parent", "run_id": "r", "step": "a", "depth": 4_294_967_296_u64});
        assert!(serde_json::from_value::<Origin>(depth).is_err());
        assert!(serde_json::from_value::<Performer>(json!("tool")).is_err());
    }
}
