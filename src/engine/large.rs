//! Large values. A log of ten thousand steps is read in no time as long as its events are small, and nobody reads a
//! megabyte of JSON in a list of steps. So the store keeps large values apart from events, and who watches a run gets a
//! stand-in that says where the value can be had.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bounds::json_bytes;
use super::event::Recorded;
use super::ids::RunId;
use super::limits::LARGE_VALUE_BYTES;
use super::state::value_bytes;

/// Stands where a large value was taken out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandIn {
    #[serde(rename = "$large")]
    pub large: Place,
}

/// Where the value is, and how large.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    pub run: RunId,
    /// The event that holds it, by its sequence number.
    pub event: u32,
    /// The way to it inside the event, as a JSON pointer (RFC 6901).
    pub at: String,
    /// Of its JSON text.
    pub bytes: u32,
}

impl StandIn {
    /// Of a value, if it is one.
    pub fn of(value: &Value) -> Option<Place> {
        value.get("$large")?;
        let stand_in: Self = serde_json::from_value(value.clone()).ok()?;
        Some(stand_in.large)
    }
}

/// The large parts of a value, as JSON pointers with the bytes of their text: as few and as far inside as will leave
/// less than a large value behind. None lies inside another.
pub fn large_parts(value: &Value) -> Vec<(String, u32)> {
    let mut found = Vec::new();
    look_through(value, &mut String::new(), &mut found);
    let sized = found.into_iter().map(|at| {
        let bytes = value.pointer(&at).map_or(0, json_bytes);
        (at, u32::try_from(bytes).unwrap_or(u32::MAX))
    });
    sized.collect()
}

/// About how many bytes of text are left of the value without the parts that were found inside.
fn look_through(value: &Value, at: &mut String, found: &mut Vec<String>) -> usize {
    let before = found.len();
    let mut inside = |token: &str, part: &Value| {
        let length = at.len();
        at.push('/');
        at.push_str(token);
        let left = look_through(part, at, found);
        at.truncate(length);
        left
    };
    let left: usize = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => json_bytes(value),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items
                .map(|(index, item)| 1 + inside(&index.to_string(), item))
                .sum()
        }
        Value::Object(fields) => {
            let fields = fields.iter();
            fields
                .map(|(name, field)| {
                    let token = name.replace('~', "~0").replace('/', "~1");
                    name.len() + 4 + inside(&token, field)
                })
                .sum()
        }
    };
    if left < LARGE_VALUE_BYTES {
        return left;
    }
    found.truncate(before);
    found.push(at.clone());
    0
}

/// The fields of events that hold values of people and tools, and how they are made: the value itself, or a list or
/// object of values. What a gate asks is not among them: who answers has to see all of it.
const VALUE_FIELDS: [(&str, bool); 4] = [
    ("input", false),
    ("output", false),
    ("items", true),
    ("kept", true),
];

/// The event as those who watch the run get it: with stand-ins for large values.
pub fn lean(run: &RunId, recorded: Recorded) -> Recorded {
    if value_bytes(&recorded.event) < LARGE_VALUE_BYTES as u64 {
        return recorded;
    }
    let Ok(mut event) = serde_json::to_value(&recorded.event) else {
        return recorded;
    };
    let mut parts = Vec::new();
    let mut look_at = |at: &str, value: &Value| {
        let inside = large_parts(value).into_iter();
        parts.extend(inside.map(|(way, bytes)| (format!("{at}{way}"), bytes)));
    };
    for (field, is_many) in VALUE_FIELDS {
        match event.get(field) {
            Some(Value::Array(items)) if is_many => {
                for (index, item) in items.iter().enumerate() {
                    look_at(&format!("/{field}/{index}"), item);
                }
            }
            Some(Value::Object(values)) if is_many => {
                for (path, value) in values {
                    // A step's path has nothing that a pointer would have to escape.
                    look_at(&format!("/{field}/{path}"), value);
                }
            }
            Some(value) => look_at(&format!("/{field}"), value),
            None => {}
        }
    }
    if let Some(data) = event.pointer("/error/data") {
        look_at("/error/data", data);
    }
    if parts.is_empty() {
        return recorded;
    }
    for (at, bytes) in parts {
        let Some(value) = event.pointer_mut(&at) else {
            continue;
        };
        let place = Place {
            run: run.clone(),
            event: recorded.seq,
            at,
            bytes,
        };
        *value = serde_json::json!({ "$large": place });
    }
    match serde_json::from_value(event) {
        Ok(event) => Recorded { event, ..recorded },
        Err(_) => recorded,
    }
}

/// What stands at the place of a stand-in.
pub fn value_at(recorded: &Recorded, at: &str) -> Option<Value> {
    let mut event = serde_json::to_value(&recorded.event).ok()?;
    let value = event.pointer_mut(at)?;
    Some(value.take())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::Event;
    use crate::engine::time::Timestamp;
    use serde_json::json;

    fn text(bytes: usize) -> Value {
        Value::String("x".repeat(bytes - 2))
    }

    fn places(value: &Value) -> Vec<String> {
        let parts = large_parts(value).into_iter();
        parts.map(|(at, _)| at).collect()
    }

    #[test]
    fn what_is_small_stays_where_it_is() {
        for small in [
            json!(null),
            json!({ "a": [1, 2] }),
            text(LARGE_VALUE_BYTES - 1),
        ] {
            assert_eq!(places(&small), [""; 0]);
        }
    }

    #[test]
    fn the_large_part_is_found_as_far_inside_as_it_is() {
        let large = text(LARGE_VALUE_BYTES);
        assert_eq!(places(&large), [""]);
        let page = json!({ "status": 200, "a/b~": [{ "body": large }, text(9_000)] });
        assert_eq!(places(&page), ["/a~1b~0/0/body"]);
        assert_eq!(large_parts(&page)[0].1 as usize, LARGE_VALUE_BYTES);
    }

    #[test]
    fn many_small_values_go_together() {
        let items: Vec<Value> = (0..3_000)
            .map(|_| json!({ "name": "one of many" }))
            .collect();
        let list = Value::Array(items);
        assert_eq!(places(&json!({ "ok": true, "list": list })), ["/list"]);
        // What is large in it is no way on from there.
        let both = json!([list, text(LARGE_VALUE_BYTES), text(9_000), text(9_000)]);
        assert_eq!(places(&both), [""]);
    }

    #[test]
    fn who_watches_gets_a_stand_in() {
        let output = json!({ "status": 200, "body": text(20_000) });
        let recorded = Recorded {
            seq: 7,
            at: Timestamp::from_micros(1),
            event: Event::StepCompleted {
                step: "fetch".into(),
                output,
                taken: vec![0],
                kept: false,
            },
        };
        let whole = recorded.clone();
        let Event::StepCompleted { output, taken, .. } = lean(&"r1".into(), recorded).event else {
            panic!("it is the same event");
        };
        assert_eq!((&output["status"], taken), (&json!(200), vec![0]));
        let place = StandIn::of(&output["body"]).expect("a stand-in");
        let (run, event, at) = ("r1".into(), 7, "/output/body".to_owned());
        let bytes = 20_000;
        assert_eq!(StandIn::of(&output), None);
        assert_eq!(value_at(&whole, &place.at), Some(text(20_000)));
        assert_eq!(
            place,
            Place {
                run,
                event,
                at,
                bytes
            }
        );
    }

    #[test]
    fn lists_of_items_stay_lists() {
        let recorded = Recorded {
            seq: 2,
            at: Timestamp::from_micros(1),
            event: Event::MapStarted {
                step: "each".into(),
                items: (0..20).map(|_| text(1_000)).chain([text(20_000)]).collect(),
            },
        };
        let Event::MapStarted { items, .. } = lean(&"r1".into(), recorded.clone()).event else {
            panic!("it is the same event");
        };
        assert_eq!(items.len(), 21);
        let at = StandIn::of(&items[20]).map(|place| place.at);
        assert_eq!(at.as_deref(), Some("/items/20"));
        assert_eq!(items[..20], {
            let Event::MapStarted { items, .. } = recorded.event else {
                panic!("it was one");
            };
            items[..20].to_vec()
        });
    }
}
