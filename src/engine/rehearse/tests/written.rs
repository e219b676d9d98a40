//! How cases are written, and what is refused.

use serde_json::{Value, json};

use crate::engine::rehearse::case::Case;

fn read(case: Value) -> Result<Case, String> {
    serde_json::from_value(case).map_err(|error| error.to_string())
}

#[test]
fn a_case_is_written_as_it_was_read() {
    let case = json!({
        "name": "a breach asks before it reports",
        "given": {
            "input": { "endpoints": ["https://a.example"] },
            "at": "2026-01-05T08:00:00.000000Z",
            "seed": 7,
            "steps": {
                "gone": { "never": true },
                "judge": [{ "returns": { "ok": true } }, { "returns": null, "after_ms": 5 }],
                "pay": [{ "lost": "cut off" }, { "resolution": "did_not", "by": "ann", "comment": "asked the bank" }],
                "probe": { "fails": { "code": "unreachable", "message": "no answer", "data": { "a": 1 } }, "after_ms": 2000 },
                "publish": { "decision": "approve", "by": "ann", "after_ms": 60000 },
            },
            "acts": [
                { "do": "crash", "after_ms": 100 },
                { "do": "skip", "step": "each.1.x", "by": "ann" },
                { "do": "pause", "by": "ann", "comment": "look", "after_ms": 200 },
                { "do": "resume", "by": "ann" }, { "do": "retry", "by": "ann" }, { "do": "cancel", "by": "ann" },
            ],
        },
        "expect": {
            "after_ms": 5, "state": "failed", "reason": "rejected", "output": null,
            "steps": { "report": "completed" }, "calls": { "report": 1 },
        },
    });
    let read = read(case.clone()).expect("a well-formed case");
    assert_eq!(
        serde_json::to_value(&read).expect("it can be written"),
        case
    );
    assert_eq!(
        read.expect.output,
        Some(Value::Null),
        "null is an output to expect"
    );
    let least = serde_json::to_value(Case::default()).expect("it can be written");
    assert_eq!(least, json!({ "name": "", "given": {}, "expect": {} }));
}

#[test]
fn what_makes_no_sense_is_refused_with_what_was_expected() {
    let answer = |answer: Value| json!({ "name": "c", "given": { "steps": { "a": answer } } });
    let act = |act: Value| json!({ "name": "c", "given": { "acts": [act] } });
    for (case, expected) in [
        (
            answer(json!({ "returns": 1, "lost": "x" })),
            "exactly one of",
        ),
        (answer(json!({ "after_ms": 1 })), "exactly one of"),
        (answer(json!({ "never": false })), "exactly one of"),
        (answer(json!({ "return": 1 })), "unknown field `return`"),
        (
            answer(json!([{ "returns": 1 }, { "retunrs": 1 }])),
            "unknown field `retunrs`",
        ),
        (
            answer(json!({ "fails": { "code": "x", "mesage": "" } })),
            "unknown field `mesage`",
        ),
        (answer(json!({ "decision": "approve" })), "expected `by`"),
        (
            answer(json!({ "decision": "maybe", "by": "ann" })),
            "unknown variant `maybe`",
        ),
        (
            answer(json!({ "returns": 1, "by": "ann" })),
            "only beside a `decision`",
        ),
        (answer(json!({ "returns": 1, "after_ms": -1 })), "-1"),
        (answer(json!([])), "must not be empty"),
        (answer(json!("approve")), "an answer, or a list of answers"),
        (act(json!({ "do": "explode" })), "unknown variant `explode`"),
        (act(json!({ "do": "pause" })), "expected `by`"),
        (
            act(json!({ "do": "skip", "by": "ann" })),
            "a `step` to skip",
        ),
        (
            act(json!({ "do": "pause", "by": "ann", "step": "a" })),
            "only beside `do: skip`",
        ),
        (act(json!({ "do": "crash", "by": "ann" })), "nobody does"),
        (
            json!({ "name": "c", "expects": {} }),
            "unknown field `expects`",
        ),
        (
            json!({ "name": "c", "expect": { "state": "done" } }),
            "unknown variant `done`",
        ),
        (json!({ "given": {} }), "missing field `name`"),
    ] {
        let error = read(case.clone()).expect_err("it is wrong");
        assert!(error.contains(expected), "{error}\nof {case}");
    }
}
