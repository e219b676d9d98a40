//! What is large in an event is stored beside it, by the hash of its content: a log is read without its
//! large values where they are not asked for, and a value that goes from step to step is stored once a run.

use serde_json::Value;
use std::collections::BTreeMap;

use super::sql::Sql;
use super::{Database, StoreError, corrupt};
use crate::engine::ids::{RunId, sha256};
use crate::engine::large::large_parts;
use crate::engine::limits::LARGE_VALUE_BYTES;

/// Hashes asked for in one statement.
const HASHES_MAX: usize = 500;

/// The fields of events, and of errors in them, that hold values of people and tools. Only these may grow large, but for
/// what a gate asks: that stays with its event, because lists of open gates show it.
const VALUE_FIELDS: [&str; 5] = ["input", "output", "items", "kept", "data"];

/// A JSON text from which everything large has been taken.
pub(super) struct Text {
    pub text: String,
    /// Where it was, as the column `large` holds it.
    pub large: Option<String>,
}

/// A large value.
pub(super) struct Kept {
    pub sha256: String,
    pub content: String,
}

/// Pointer and hash of what was taken out, as the column `large` holds it.
pub(super) type Places = Vec<(String, String)>;

/// Takes out what is large, and adds it to `values`.
pub(super) fn take_out(text: String, values: &mut Vec<Kept>) -> serde_json::Result<Text> {
    if text.len() < LARGE_VALUE_BYTES {
        let large = None;
        return Ok(Text { text, large });
    }
    let mut whole: Value = serde_json::from_str(&text)?;
    let found = find(&whole);
    if found.is_empty() {
        let large = None;
        return Ok(Text { text, large });
    }
    let mut places = Places::new();
    for at in found {
        let Some(value) = whole.pointer_mut(&at) else {
            continue;
        };
        let content = serde_json::to_string(&value.take())?;
        let sha256 = sha256(content.as_bytes());
        places.push((at, sha256.clone()));
        values.push(Kept { sha256, content });
    }
    Ok(Text {
        text: serde_json::to_string(&whole)?,
        large: Some(serde_json::to_string(&places)?),
    })
}

fn find(event: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut look_at = |at: &str, fields: &Value| {
        for name in VALUE_FIELDS {
            if let Some(value) = fields.get(name) {
                let inside = large_parts(value).into_iter();
                found.extend(inside.map(|(way, _)| format!("{at}/{name}{way}")));
            }
        }
    };
    look_at("", event);
    if let Some(error) = event.get("error") {
        look_at("/error", error);
    }
    found
}

pub(super) fn places(large: &str) -> Result<Places, StoreError> {
    serde_json::from_str(large).map_err(corrupt)
}

/// The JSON with everything at its place again.
pub(super) fn put_back(
    text: &str,
    places: Places,
    contents: &BTreeMap<String, String>,
) -> Result<Value, StoreError> {
    let mut whole: Value = serde_json::from_str(text).map_err(corrupt)?;
    for (at, sha256) in places {
        let content = contents.get(&sha256);
        let content = content.ok_or_else(|| corrupt(format!("the value {sha256} is missing")))?;
        let place = whole.pointer_mut(&at);
        let place = place.ok_or_else(|| corrupt(format!("there is no {at} for a value")))?;
        *place = serde_json::from_str(content).map_err(corrupt)?;
    }
    Ok(whole)
}

impl Database {
    /// The contents of those hashes, as far as the run has them.
    pub(super) async fn values(
        &self,
        run_id: &RunId,
        mut hashes: Vec<String>,
    ) -> Result<BTreeMap<String, String>, StoreError> {
        hashes.sort();
        hashes.dedup();
        let mut contents = BTreeMap::new();
        for some in hashes.chunks(HASHES_MAX) {
            let mut sql = Sql::of("SELECT sha256, content FROM run_values WHERE run_id = ");
            sql.push_bind(run_id.as_str()).push(" AND sha256 IN (");
            for (number, hash) in some.iter().enumerate() {
                if number > 0 {
                    sql.push(", ");
                }
                sql.push_bind(hash.as_str());
            }
            sql.push(")");
            for row in self.all(sql).await? {
                contents.insert(row.text("sha256")?, row.json_text("content")?.to_owned());
            }
        }
        Ok(contents)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn round_trip(whole: &Value) -> (Text, Vec<Kept>) {
        let mut values = Vec::new();
        let text = take_out(whole.to_string(), &mut values).expect("it is JSON");
        let contents = values
            .iter()
            .map(|kept| (kept.sha256.clone(), kept.content.clone()))
            .collect();
        let back = match &text.large {
            Some(large) => {
                let places = places(large).expect("it is JSON");
                put_back(&text.text, places, &contents).expect("it goes back")
            }
            None => serde_json::from_str(&text.text).expect("it is JSON"),
        };
        assert_eq!(back, *whole);
        (text, values)
    }

    #[test]
    fn what_is_large_is_taken_out_and_comes_back() {
        let long = "ü\u{0}\"".repeat(10_000);
        let whole = json!({
            "kind": "step_completed",
            "output": { "body": long, "status": 200, "again": [long] },
            "error": { "data": null },
        });
        let (text, values) = round_trip(&whole);
        assert!(text.text.len() < 200, "{}", text.text);
        assert_eq!(values[0].sha256, values[1].sha256);
    }

    #[test]
    fn a_question_stays_whole() {
        let question = json!({ "action": { "input": "y".repeat(20_000) } });
        let (text, values) = round_trip(&json!({ "kind": "gate_opened", "question": question }));
        assert!(text.large.is_none() && values.is_empty());
    }

    #[test]
    fn a_value_that_is_missing_is_said_so() {
        let whole = json!({ "input": "x".repeat(20_000) }).to_string();
        let text = take_out(whole, &mut Vec::new()).expect("it is JSON");
        let large = text.large.expect("something was taken out");
        let places = places(&large).expect("it is JSON");
        let missing = put_back(&text.text, places, &BTreeMap::new());
        assert!(matches!(missing, Err(StoreError::Corrupt(_))));
    }
}
