//! Two runs side by side, or one at two moments: step by step what is different, and where it begins. Between two runs it
//! is found where all of their values are; who only watches has stand-ins for the large ones, which are never the same.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::ids::StepPath;
use super::large::StandIn;
use super::state::{RunState, StepRun, StepStatus};
use super::time::Timestamp;
use super::workflow::StepKind;

/// Differences inside of one value that are told one by one.
const PLACES_MAX: usize = 20;

/// Every step of either run once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contrast {
    /// They were started with another input.
    pub other_input: bool,
    /// In the order of the newer run; what only the older one has stands where it stood there.
    pub rows: Vec<Row>,
    /// The row of what was different first, by the time at which it ended.
    pub first: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub path: StepPath,
    pub name: String,
    /// Positions among the steps of each run; none where it has no such step.
    pub old: Option<usize>,
    pub new: Option<usize>,
    pub differs: Vec<Aspect>,
}

/// In what a step differs. How long it took is no difference: that is never the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    /// Only one of the runs has it, or has come to it.
    Path,
    Outcome,
    Decision,
    Input,
    Output,
    Error,
    Attempts,
}

impl Contrast {
    pub fn of(old: &RunState, new: &RunState) -> Self {
        let rows: Vec<Row> = in_one_order(old, new)
            .into_iter()
            .map(|(path, was, is)| Row {
                name: match (is, was) {
                    (Some(step), _) => new.name(step).to_owned(),
                    (None, Some(step)) => old.name(step).to_owned(),
                    (None, None) => path.to_string(),
                },
                differs: differences(
                    was.and_then(|at| old.steps.get(at)).map(AsRef::as_ref),
                    is.and_then(|at| new.steps.get(at)).map(AsRef::as_ref),
                    is_wait(old, was) && is_wait(new, is),
                ),
                path,
                old: was,
                new: is,
            })
            .collect();
        let when = |row: &Row| {
            let ended = |state: &RunState, at: Option<usize>| {
                at.and_then(|at| end_of(&state.steps[at]))
                    .map(|end| end.as_micros() - begin_of(state).as_micros())
            };
            let (old, new) = (ended(old, row.old), ended(new, row.new));
            old.into_iter().chain(new).min().unwrap_or(i64::MAX)
        };
        let differing = rows.iter().enumerate();
        let differing = differing.filter(|(_, row)| !row.differs.is_empty());
        let first = differing.min_by_key(|(at, row)| (when(row), *at));
        let first = first.map(|(at, _)| at);
        let other_input = old.input != new.input;
        Self {
            other_input,
            rows,
            first,
        }
    }

    pub fn differing(&self) -> usize {
        let differing = self.rows.iter().filter(|row| !row.differs.is_empty());
        differing.count()
    }
}

/// What is different in a run since an earlier moment of it: the steps alone that are, in the order of the run. A step
/// keeps its position while its run goes on, and is the same thing in memory where nothing has happened to it.
pub fn since(then: &RunState, now: &RunState) -> Vec<Row> {
    let changed = now.in_order().into_iter().filter_map(|at| {
        let (was, is) = (then.steps.get(at), now.steps.get(at)?);
        let differs = match was {
            Some(was) if Arc::ptr_eq(was, is) => return None,
            Some(was) => aspects(was, is, true, true),
            None if is.status == StepStatus::Pending => return None,
            None => vec![Aspect::Path],
        };
        (!differs.is_empty()).then(|| Row {
            path: now.path(at),
            name: now.name(at).to_owned(),
            old: was.map(|_| at),
            new: Some(at),
            differs,
        })
    });
    changed.collect()
}

fn begin_of(state: &RunState) -> Timestamp {
    state.started_at.unwrap_or_default()
}

fn end_of(run: &StepRun) -> Option<Timestamp> {
    run.finished_at.or(run.started_at)
}

type Placed = (StepPath, Option<usize>, Option<usize>);

/// The paths of both runs, each with its step in the one and in the other.
fn in_one_order(old: &RunState, new: &RunState) -> Vec<Placed> {
    let of_old: BTreeMap<StepPath, usize> = paths(old).collect();
    let of_new: BTreeMap<StepPath, usize> = paths(new).collect();
    // What only the older run has, by the path that it comes behind.
    let mut behind: BTreeMap<Option<StepPath>, Vec<Placed>> = BTreeMap::new();
    let mut last = None;
    for (path, at) in paths(old) {
        match of_new.contains_key(&path) {
            true => last = Some(path),
            false => {
                let list = behind.entry(last.clone()).or_default();
                list.push((path, Some(at), None));
            }
        }
    }
    let mut order = behind.remove(&None).unwrap_or_default();
    for (path, at) in paths(new) {
        let was = of_old.get(&path).copied();
        let followers = behind.remove(&Some(path.clone()));
        order.push((path, was, Some(at)));
        order.extend(followers.unwrap_or_default());
    }
    order
}

fn paths(state: &RunState) -> impl Iterator<Item = (StepPath, usize)> + '_ {
    let steps = state.in_order().into_iter();
    steps.map(|step| (state.path(step), step))
}

fn differences(old: Option<&StepRun>, new: Option<&StepRun>, both_wait: bool) -> Vec<Aspect> {
    let (old, new) = match (old, new) {
        (Some(old), Some(new)) => (old, new),
        // A step that no run has come to is no difference.
        (Some(one), None) | (None, Some(one)) => {
            let missing = one.status != StepStatus::Pending && one.status != StepStatus::Skipped;
            return missing.then_some(Aspect::Path).into_iter().collect();
        }
        (None, None) => return Vec::new(),
    };
    let came_to = |run: &StepRun| !matches!(run.status, StepStatus::Pending | StepStatus::Skipped);
    if came_to(old) != came_to(new) {
        return vec![Aspect::Path];
    }
    // What was taken over was not asked for again.
    let asked = !old.kept && !new.kept;
    // What a wait gives is when it was over: that is never the same.
    let waits = both_wait && asks_nobody(old) && asks_nobody(new);
    aspects(old, new, asked, !waits)
}

/// In what they differ; whether it is looked at what they were asked, and at what they gave.
fn aspects(old: &StepRun, new: &StepRun, asked: bool, gave: bool) -> Vec<Aspect> {
    let mut found = Vec::new();
    let mut look = |aspect: Aspect, differs: bool| {
        if differs {
            found.push(aspect);
        }
    };
    look(Aspect::Outcome, old.status != new.status);
    look(Aspect::Decision, decided(old) != decided(new));
    look(Aspect::Input, asked && input(old) != input(new));
    look(Aspect::Output, gave && old.output != new.output);
    look(Aspect::Error, old.error != new.error);
    look(Aspect::Attempts, asked && old.made != new.made);
    found
}

fn is_wait(state: &RunState, step: Option<usize>) -> bool {
    step.is_some_and(|at| state.outline.steps[state.steps[at].shape].kind == StepKind::Wait)
}

/// It waited for a moment, and not for the answer of a tool.
fn asks_nobody(run: &StepRun) -> bool {
    run.attempts.is_empty()
}

/// What was answered, and how it was reasoned.
fn decided(run: &StepRun) -> Option<(bool, &str)> {
    let decided = run.gate.as_ref()?.decided.as_ref()?;
    let approved = decided.decision == super::event::Decision::Approve;
    Some((approved, decided.comment.as_str()))
}

/// What its last attempt was made with.
pub fn input(run: &StepRun) -> Option<&Value> {
    run.attempts.last().map(|attempt| &attempt.input)
}

/// A place inside of a value, as a JSON pointer, with what stood there and what stands there.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    pub at: String,
    pub old: Option<Value>,
    pub new: Option<Value>,
}

/// Where two values differ, as deep inside as can be said; at most some of it, and whether there is more.
pub fn changed(old: &Value, new: &Value) -> (Vec<Changed>, bool) {
    let mut found = Vec::new();
    collect("", Some(old), Some(new), &mut found);
    let more = found.len() > PLACES_MAX;
    found.truncate(PLACES_MAX);
    (found, more)
}

fn collect(at: &str, old: Option<&Value>, new: Option<&Value>, found: &mut Vec<Changed>) {
    if old == new || found.len() > PLACES_MAX {
        return;
    }
    let is_large = |value: Option<&Value>| value.is_some_and(|value| StandIn::of(value).is_some());
    match (old, new) {
        // One thing, of which the inside is not here.
        (old, new) if is_large(old) || is_large(new) => found.push(Changed {
            at: at.to_owned(),
            old: old.cloned(),
            new: new.cloned(),
        }),
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let added = new.keys().filter(|name| !old.contains_key(*name));
            for name in old.keys().chain(added) {
                let token = name.replace('~', "~0").replace('/', "~1");
                collect(
                    &format!("{at}/{token}"),
                    old.get(name),
                    new.get(name),
                    found,
                );
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for index in 0..old.len().max(new.len()) {
                collect(
                    &format!("{at}/{index}"),
                    old.get(index),
                    new.get(index),
                    found,
                );
            }
        }
        (old, new) => found.push(Changed {
            at: at.to_owned(),
            old: old.cloned(),
            new: new.cloned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::compile::compile;
    use crate::engine::event::Recorded;
    use crate::engine::plan::Outline;
    use crate::engine::tool::Catalogue;
    use serde_json::json;

    fn outline(more: Option<Value>) -> Arc<Outline> {
        let step = |id: &str| json!({ "id": id, "kind": "transform", "set": { "a": 1 } });
        let mut steps = vec![
            step("first"),
            json!({ "id": "ask", "kind": "human_gate" }),
            step("last"),
        ];
        let mut edges = vec![
            json!({ "from": "first", "to": "ask" }),
            json!({ "from": "ask", "to": "last" }),
        ];
        if let Some(more) = more {
            edges.push(json!({ "from": "first", "to": more["id"] }));
            steps.insert(1, more);
        }
        let workflow = json!({ "name": "Some", "steps": steps, "edges": edges });
        let workflow = serde_json::from_value(workflow).expect("a workflow");
        let plan = compile(&workflow, &Catalogue::new([])).expect("it compiles");
        Arc::clone(&plan.outline)
    }

    /// After these events, one a second.
    fn run(outline: &Arc<Outline>, begun: i64, events: &[Value]) -> RunState {
        let start = json!({ "kind": "run_started", "input": {}, "actor": "a" });
        let log: Vec<Recorded> = std::iter::once(&start)
            .chain(events)
            .zip(1..)
            .map(|(event, seq)| Recorded {
                seq,
                at: Timestamp::from_micros((begun + i64::from(seq)) * 1_000_000),
                event: serde_json::from_value(event.clone()).expect("an event"),
            })
            .collect();
        RunState::replay(Arc::clone(outline), &log)
    }

    fn done(step: &str, output: Value, taken: &[usize]) -> Value {
        json!({ "kind": "step_completed", "step": step, "output": output, "taken": taken })
    }

    fn told(contrast: &Contrast) -> Vec<String> {
        let rows = contrast.rows.iter();
        rows.map(|row| format!("{} {:?}", row.path, row.differs))
            .collect()
    }

    #[test]
    fn the_same_run_at_another_time_is_no_difference() {
        let outline = outline(None);
        let events = [done("first", json!({ "a": 1 }), &[0])];
        let contrast = Contrast::of(&run(&outline, 0, &events), &run(&outline, 9_000, &events));
        assert_eq!(told(&contrast), ["first []", "ask []", "last []"]);
        assert_eq!((contrast.first, contrast.differing()), (None, 0));
    }

    #[test]
    fn what_differs_first_is_told_by_time_and_not_by_place() {
        let outline = outline(None);
        let gate = json!({ "kind": "gate_opened", "step": "ask", "gate": "g", "plan_hash": "h", "question": { "title": "?", "message": "", "shown": [] } });
        let decided = |comment: &str| json!({ "kind": "gate_decided", "step": "ask", "gate": "g", "decision": "approve", "actor": "a", "comment": comment, "plan_hash": "h" });
        let end = |first: i64, comment: &str, last: i64| {
            vec![
                gate.clone(),
                decided(comment),
                done("ask", json!({}), &[1]),
                done("last", json!({ "a": last }), &[]),
                done("first", json!({ "a": first }), &[0]),
            ]
        };
        let (old, new) = (
            run(&outline, 0, &end(1, "", 5)),
            run(&outline, 50, &end(2, "well", 5)),
        );
        let contrast = Contrast::of(&old, &new);
        assert_eq!(
            told(&contrast),
            ["first [Output]", "ask [Decision]", "last []"]
        );
        assert_eq!(
            contrast.first,
            Some(1),
            "it was answered before the first step ended"
        );
    }

    #[test]
    fn what_only_one_run_has_or_has_come_to_is_another_path() {
        let more = json!({ "id": "more", "kind": "transform", "set": { "a": 3 } });
        let (with, without) = (outline(Some(more)), outline(None));
        let first = done("first", json!({ "a": 1 }), &[0, 1, 2]);
        let old = run(
            &with,
            0,
            &[first.clone(), done("more", json!({ "a": 3 }), &[])],
        );
        let new = run(&without, 0, std::slice::from_ref(&first));
        assert_eq!(
            told(&Contrast::of(&old, &new)),
            ["first []", "more [Path]", "ask []", "last []"]
        );
        let not_yet = run(&with, 0, &[first]);
        let contrast = Contrast::of(&not_yet, &new);
        assert_eq!(
            contrast.differing(),
            0,
            "what has not been done is missed by nobody"
        );
        assert_eq!(
            told(&Contrast::of(&not_yet, &old)),
            ["first []", "more [Path]", "ask []", "last []"]
        );
    }

    #[test]
    fn what_was_taken_over_from_the_other_run_is_the_same() {
        let outline = outline(None);
        let began = json!({ "kind": "attempt_started", "step": "first", "attempt": 1, "tool": "t", "input": { "a": 1 }, "repeatable": true });
        let mut kept = done("first", json!({ "a": 1 }), &[0]);
        let made = run(&outline, 0, &[began, kept.clone()]);
        kept["kept"] = true.into();
        let contrast = Contrast::of(&made, &run(&outline, 9, &[kept.clone()]));
        assert_eq!(contrast.differing(), 0, "{:?}", contrast.rows);
        kept["output"] = json!({ "a": 2 });
        let contrast = Contrast::of(&made, &run(&outline, 9, &[kept]));
        assert_eq!(told(&contrast)[0], "first [Output]");
    }

    #[test]
    fn values_differ_where_they_differ() {
        let old = json!({ "a": [1, { "b": 2, "c/d": true }], "same": "x", "gone": null });
        let new = json!({ "a": [1, { "b": 3, "c/d": false }, 4], "same": "x", "new": {} });
        let (places, more) = changed(&old, &new);
        let told: Vec<(String, Option<Value>, Option<Value>)> = places
            .into_iter()
            .map(|place| (place.at, place.old, place.new))
            .collect();
        assert_eq!(
            told,
            [
                ("/a/1/b".to_owned(), Some(json!(2)), Some(json!(3))),
                (
                    "/a/1/c~1d".to_owned(),
                    Some(json!(true)),
                    Some(json!(false))
                ),
                ("/a/2".to_owned(), None, Some(json!(4))),
                ("/gone".to_owned(), Some(json!(null)), None),
                ("/new".to_owned(), None, Some(json!({}))),
            ]
        );
        assert!(!more);
        let long = |sign: i64| Value::from((1..=30).map(|n| n * sign).collect::<Vec<i64>>());
        let (places, more) = changed(&long(1), &long(-1));
        assert_eq!((places.len(), more), (PLACES_MAX, true));
        assert_eq!(changed(&old, &old), (Vec::new(), false));
    }

    #[test]
    fn when_a_wait_was_over_is_no_difference_and_what_another_kind_gave_is() {
        let wait = json!({ "id": "more", "kind": "wait", "for_ms": 5 });
        let transform = json!({ "id": "more", "kind": "transform", "set": { "a": 3 } });
        let (waits, computes) = (outline(Some(wait)), outline(Some(transform)));
        let ended = |outline: &Arc<Outline>, output: i64| {
            let first = done("first", json!({ "a": 1 }), &[0, 1, 2]);
            run(
                outline,
                0,
                &[first, done("more", json!({ "at": output }), &[])],
            )
        };
        let told = |old: &RunState, new: &RunState| told(&Contrast::of(old, new))[1].clone();
        assert_eq!(told(&ended(&waits, 1), &ended(&waits, 2)), "more []");
        for (old, new) in [
            (&computes, &waits),
            (&waits, &computes),
            (&computes, &computes),
        ] {
            assert_eq!(told(&ended(old, 1), &ended(new, 2)), "more [Output]");
        }
    }

    #[test]
    fn between_two_moments_of_a_run_the_steps_are_told_to_which_something_happened() {
        let outline = outline(None);
        let opened = json!({
            "kind": "gate_opened", "step": "ask", "gate": "g", "plan_hash": "h",
            "question": { "title": "Go on?", "message": "", "shown": [] }
        });
        let log = [done("first", json!({ "a": 1 }), &[0]), opened];
        let (begun, asked) = (run(&outline, 0, &[]), run(&outline, 0, &log));
        let told = |then, now| -> Vec<(String, Vec<Aspect>)> {
            let rows = since(then, now).into_iter();
            rows.map(|row| (row.path.to_string(), row.differs))
                .collect()
        };
        let first = ("first".to_owned(), vec![Aspect::Outcome, Aspect::Output]);
        let ask = ("ask".to_owned(), vec![Aspect::Outcome]);
        assert_eq!(told(&begun, &asked), [first, ask.clone()]);
        let between = run(&outline, 0, &log[..1]);
        assert_eq!(told(&between, &asked), [ask]);
        assert_eq!(told(&asked, &asked), []);
    }
}
