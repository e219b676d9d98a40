//! What becomes of a draft in each of these ways.

use super::*;
use serde_json::Value;

fn workflow(document: Value) -> Workflow {
    serde_json::from_value(document).expect("a workflow")
}

fn noop(id: &str) -> Value {
    json!({ "id": id, "kind": "tool_call", "tool": "util.noop" })
}

fn chain() -> Workflow {
    workflow(json!({
        "name": "Chain",
        "steps": [noop("a"), noop("b"), noop("c")],
        "edges": [{ "from": "a", "to": "b" }, { "from": "b", "to": "c" }],
    }))
}

fn ids(steps: &[Step]) -> Vec<&str> {
    steps.iter().map(|step| step.id.as_str()).collect()
}

fn ways(edges: &[Edge]) -> Vec<String> {
    let mut ways: Vec<String> = edges
        .iter()
        .map(|edge| format!("{}>{}", edge.from, edge.to))
        .collect();
    ways.sort();
    ways
}

fn tool(name: &str) -> Step {
    new_step(StepKind::ToolCall, Some(name))
}

#[test]
fn a_step_is_put_into_a_chain_or_beside_what_follows() {
    let mut draft = chain();
    let id = add_step(&mut draft, tool("http.request"), &Place::After("a".into()));
    assert_eq!(id.as_str(), "http_request");
    assert_eq!(ids(&draft.steps), ["a", "http_request", "b", "c"]);
    assert_eq!(
        ways(&draft.edges),
        ["a>http_request", "b>c", "http_request>b"]
    );
    let id = add_step(&mut draft, tool("http.request"), &Place::Beside("b".into()));
    assert_eq!(id.as_str(), "http_request_2");
    assert!(ways(&draft.edges).contains(&"b>http_request_2".to_owned()));
    assert!(ways(&draft.edges).contains(&"b>c".to_owned()));
    add_step(
        &mut draft,
        tool("probe.dns"),
        &Place::After("nobody".into()),
    );
    assert_eq!(
        draft.steps.last().map(|step| step.id.as_str()),
        Some("probe_dns")
    );
}

#[test]
fn ways_with_a_condition_stay_where_they_are() {
    let mut draft = chain();
    draft.edges[0].when = Some("true".to_owned());
    add_step(&mut draft, tool("x"), &Place::After("a".into()));
    assert_eq!(ways(&draft.edges), ["a>b", "a>x", "b>c"]);
}

#[test]
fn steps_go_into_maps_and_out_again() {
    let mut draft = chain();
    let each = add_step(
        &mut draft,
        new_step(StepKind::Map, None),
        &Place::Loose(None),
    );
    let inside = Place::Loose(Some(each.clone()));
    let first = add_step(&mut draft, tool("x"), &inside);
    let second = add_step(&mut draft, tool("x"), &Place::After(first.clone()));
    assert_eq!(holder_of(&draft, &second), Some(Some(each.clone())));
    let (steps, edges) = level(&draft, Some(&each)).expect("a body");
    assert_eq!(
        (ids(steps), ways(edges)),
        (vec!["x", "x_2"], vec!["x>x_2".to_owned()])
    );
    let copy = duplicate_step(&mut draft, &each).expect("it is there");
    let (steps, edges) = level(&draft, Some(&copy)).expect("a body");
    assert_eq!(
        (ids(steps), ways(edges)),
        (vec!["x_3", "x_4"], vec!["x_3>x_4".to_owned()])
    );
    assert_eq!(ids(&draft.steps), ["a", "b", "c", "each", "each_2"]);
    remove_step(&mut draft, &each);
    assert_eq!(find(&draft, &first), None);
    // Into a step that holds nothing, it goes beside it.
    let loose = add_step(&mut draft, tool("y"), &Place::Loose(Some("a".into())));
    assert_eq!(holder_of(&draft, &loose), Some(None));
}

#[test]
fn what_led_through_a_removed_step_leads_past_it() {
    let mut draft = chain();
    draft.edges[0].label = Some("well".to_owned());
    remove_step(&mut draft, &"b".into());
    assert_eq!(ways(&draft.edges), ["a>c"]);
    assert_eq!(draft.edges[0].label.as_deref(), Some("well"));
    remove_step(&mut draft, &"nobody".into());
    remove_step(&mut draft, &"a".into());
    assert_eq!((ids(&draft.steps), draft.edges.len()), (vec!["c"], 0));
}

#[test]
fn of_two_steps_of_one_name_one_is_removed() {
    let mut draft = chain();
    draft.steps[2].id = "b".into();
    remove_step(&mut draft, &"b".into());
    assert_eq!((ids(&draft.steps), draft.edges.len()), (vec!["a", "b"], 2));
}

#[test]
fn steps_are_ordered_within_their_place() {
    let mut draft = chain();
    move_step(&mut draft, &"c".into(), -1);
    assert_eq!(ids(&draft.steps), ["a", "c", "b"]);
    move_step(&mut draft, &"c".into(), -9);
    move_step(&mut draft, &"a".into(), i32::MAX);
    assert_eq!(ids(&draft.steps), ["c", "b", "a"]);
}

#[test]
fn only_ways_that_can_be_gone_are_drawn() {
    let mut draft = chain();
    let each = add_step(
        &mut draft,
        new_step(StepKind::Map, None),
        &Place::Loose(None),
    );
    let inner = add_step(&mut draft, tool("x"), &Place::Loose(Some(each)));
    let mut to = |from: &str, to: &str| connect(&mut draft, &from.into(), &to.into());
    assert_eq!(to("a", "c"), Ok(()));
    assert!(matches!(to("a", "b"), Err(CannotConnect::There { .. })));
    assert!(matches!(to("c", "a"), Err(CannotConnect::Circle { .. })));
    assert_eq!(to("a", "a"), Err(CannotConnect::Itself));
    assert!(matches!(to("a", "z"), Err(CannotConnect::NoSuchStep(_))));
    assert!(matches!(
        to("a", inner.as_str()),
        Err(CannotConnect::Apart { .. })
    ));
}

#[test]
fn ids_are_made_of_words() {
    let draft = chain();
    for (words, id) in [
        ("Ask the boss!", "ask_the_boss"),
        ("a", "a_2"),
        ("7 up", "up"),
        ("…", "step"),
        ("Größe", "gr_e"),
    ] {
        assert_eq!(free_id(&draft, words).as_str(), id, "{words}");
    }
    let draft = workflow(json!({ "name": "W", "steps": [
        { "id": "each", "kind": "map", "over": "$input.l", "as": "host", "body": { "steps": [] } },
    ] }));
    assert_eq!(free_id(&draft, "Host").as_str(), "host_2");
}

#[test]
fn what_a_copied_step_holds_reads_the_copy() {
    let mut draft = workflow(json!({
        "name": "W",
        "steps": [noop("before"), { "id": "again", "kind": "loop", "until": "ask.value == before.value && has(each.results)", "body": {
            "steps": [
                noop("ask"),
                { "id": "each", "kind": "map", "over": "$ask.value", "body": { "steps": [
                    { "id": "set", "kind": "transform", "set": { "all": "=[ask.value, item, before.value, previous]" } },
                    { "id": "undo", "kind": "tool_call", "tool": "util.noop", "with": { "value": "$set.all" },
                      "compensate": { "tool": "util.noop", "with": { "value": "$undo.value" } } }],
                  "edges": [{ "from": "set", "to": "undo", "when": "set.all == ask.value" }] } }],
            "edges": [{ "from": "ask", "to": "each", "label": "ask" }] } }],
        "edges": [{ "from": "before", "to": "again" }],
    }));
    let original = draft.clone();
    let copy = duplicate_step(&mut draft, &"again".into()).expect("it is there");
    assert_eq!(copy.as_str(), "again_2");
    let expected: Value = json!({ "id": "again_2", "kind": "loop", "until": "ask_2.value == before.value && has(each_2.results)", "body": {
        "steps": [
            noop("ask_2"),
            { "id": "each_2", "kind": "map", "over": "$ask_2.value", "body": { "steps": [
                { "id": "set_2", "kind": "transform", "set": { "all": "=[ask_2.value, item, before.value, previous]" } },
                { "id": "undo_2", "kind": "tool_call", "tool": "util.noop", "with": { "value": "$set_2.all" },
                  "compensate": { "tool": "util.noop", "with": { "value": "$undo_2.value" } } }],
              "edges": [{ "from": "set_2", "to": "undo_2", "when": "set_2.all == ask_2.value" }] } }],
        "edges": [{ "from": "ask_2", "to": "each_2", "label": "ask" }] } });
    let expected: Step = serde_json::from_value(expected).expect("a step");
    assert_eq!(draft.steps[2], expected);
    assert_eq!(draft.steps[..2], original.steps[..]);
    assert_eq!(draft.edges, original.edges);
}

#[test]
fn the_possible_ends_are_those_that_can_be_connected() {
    let mut draft = chain();
    draft.steps.push(tool("util.noop"));
    draft.steps[3].id = "free".into();
    draft.steps.push(new_step(StepKind::Map, None));
    for step in draft.steps.clone() {
        let id = &step.id;
        let of = |steps: Vec<&Step>| -> Vec<StepId> {
            steps.into_iter().map(|step| step.id.clone()).collect()
        };
        let can = |from: &StepId, to: &StepId| can_connect(&draft, from, to).is_ok();
        let all = || draft.steps.iter().map(|step| step.id.clone());
        let ends: Vec<StepId> = all().filter(|to| can(id, to)).collect();
        let beginnings: Vec<StepId> = all().filter(|from| can(from, id)).collect();
        assert_eq!(of(possible_ends(&draft, id)), ends, "{id}");
        assert_eq!(of(possible_beginnings(&draft, id)), beginnings, "{id}");
    }
    assert!(possible_ends(&draft, &"nobody".into()).is_empty());
}

#[test]
fn of_two_steps_with_one_id_the_first_is_found_and_its_holder_is_named() {
    let each = |id: &str| json!({ "id": id, "kind": "map", "body": { "steps": [noop("twice")] } });
    for (steps, holder) in [
        (json!([noop("twice"), each("each")]), None),
        (json!([each("each"), noop("twice")]), Some("each")),
        (json!([each("first"), each("second")]), Some("first")),
    ] {
        let draft = workflow(json!({ "name": "Twice", "steps": steps }));
        let found = find(&draft, &"twice".into()).expect("a step");
        let held = holder_of(&draft, &"twice".into()).expect("a holder");
        assert_eq!(held.as_ref().map(StepId::as_str), holder);
        let (beside, _) = level(&draft, held.as_ref()).expect("a level");
        assert!(beside.iter().any(|step| std::ptr::eq(step, found)));
    }
}
