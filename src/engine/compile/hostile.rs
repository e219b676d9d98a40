//! Definitions that somebody made to hurt: too large, too deep, too many, odd letters, expensive expressions. Each is
//! answered with reports that a person can read, without a panic, on a stack as small as a browser's. How long that takes
//! is measured by `make bench`.

use serde_json::json;

#[path = "../../../tests/support/hostile/mod.rs"]
mod families;

use super::compile;
use crate::engine::binding::Binding;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::limits::{MESSAGE_CHARS_MAX, PROBLEMS_MAX};
use crate::engine::reading;
use crate::engine::tool::{Catalogue, EffectClass, ToolSpec};
use crate::engine::workflow::Workflow;
use families::{Hostile, hostile, unreadable};

/// What a page has for everything, optimised; here it has to do for unoptimised code.
const STACK_BYTES: usize = 1024 * 1024;

fn on_a_small_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    let running = thread.spawn(work).expect("a thread");
    running.join().expect("it does not panic")
}

/// Compiles it; answers the codes that were reported, each once.
fn codes(hostile: &Hostile) -> Vec<String> {
    let make = hostile.make;
    let problems = on_a_small_stack(move || {
        let workflow: Workflow = serde_json::from_value(make()).expect("well-formed");
        compile(&workflow, &catalogue()).err().unwrap_or_default()
    });
    assert!(problems.len() <= PROBLEMS_MAX + 1, "{}", hostile.name);
    for problem in &problems {
        check_readable(problem);
    }
    let mut codes: Vec<String> = problems.into_iter().map(|problem| problem.code).collect();
    codes.sort();
    codes.dedup();
    codes
}

fn check_readable(problem: &Diagnostic) {
    for text in [Some(&problem.message), problem.fix.as_ref()]
        .into_iter()
        .flatten()
    {
        assert!(text.chars().count() <= MESSAGE_CHARS_MAX + 20);
        let odd = text
            .chars()
            .find(|c| c.is_control() || matches!(c, '\u{200b}' | '\u{202e}'));
        assert_eq!(odd, None, "{text}");
    }
}

/// The one tool that the definitions call, as the server declares it.
fn catalogue() -> Catalogue {
    Catalogue::new([ToolSpec {
        input_schema: json!({ "type": "object", "additionalProperties": false, "properties": { "value": {} } }),
        ..ToolSpec::plain("util.noop", EffectClass::Idempotent)
    }])
}

#[test]
fn what_is_made_to_hurt_is_answered_in_words() {
    let mut differ = Vec::new();
    for hostile in hostile() {
        let found = codes(&hostile);
        if found != hostile.codes {
            differ.push(format!("{}: {found:?}", hostile.name));
        }
    }
    assert!(differ.is_empty(), "\n{}", differ.join("\n"));
}

#[test]
fn json_that_is_made_to_hurt_is_refused_by_its_reader() {
    for unreadable in unreadable()
        .into_iter()
        .filter(|text| text.media_type == "application/json")
    {
        let refused = on_a_small_stack(move || reading::from_json(unreadable.text.as_bytes()));
        let message = refused.expect_err(unreadable.name);
        assert!(message.chars().count() <= 300, "{message}");
    }
}

#[test]
fn a_maximal_list_of_bindings_is_read_on_a_small_stack() {
    let nested = crate::engine::bounds::tests::nested(64);
    assert!(on_a_small_stack(move || Binding::parse(&nested).is_ok()));
}
