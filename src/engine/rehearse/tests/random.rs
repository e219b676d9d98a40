//! Random rehearsals of random workflows: what was done is written down as a case, and the case does the same again.

use serde_json::json;

use crate::engine::event::{Decision, Recorded, Resolution};
use crate::engine::ids::StepPath;
use crate::engine::properties::chance::Chance;
use crate::engine::properties::workflows::{Stock, compiled};
use crate::engine::rehearse::answer::{Answer, Answers, Failure, Says};
use crate::engine::rehearse::asked::key_in;
use crate::engine::rehearse::case::{Act, Case, Deed, Given};
use crate::engine::rehearse::{Asked, Rehearsal, Unscripted, check_case};
use crate::engine::state::RunState;
use crate::engine::time::Timestamp;
use crate::engine::tool::{Catalogue, EffectClass, ToolSpec};
use crate::engine::workflow::Workflow;

const SEEDS: u64 = 1_000;

#[test]
fn what_was_done_in_a_rehearsal_is_a_case_that_holds_and_does_the_same_again() {
    let (mut seen, mut differ) = (Seen::default(), 0);
    for seed in 0..SEEDS {
        let played = std::panic::catch_unwind(|| play(seed));
        match played {
            Ok((rehearsal, case, forgetful)) => {
                seen.count(&rehearsal, &case);
                differ += u32::from(forgetful.log() != rehearsal.log());
            }
            Err(_) => panic!("seed {seed} is another rehearsal the second time"),
        }
    }
    seen.assert_varied();
    // Were a case played without its answers all the same, the comparison would show nothing.
    assert!(differ > 300, "only {differ} depend on what was said");
}

/// The rehearsal, its case, and the case played without its answers.
fn play(seed: u64) -> (Rehearsal, Case, Rehearsal) {
    let mut chance = Chance::new(seed);
    let stock = stock();
    let (workflow, _) = compiled(&mut chance, &stock);
    let given = given(&mut chance, &workflow);
    let unscripted = match chance.below(3) {
        0 => Unscripted::Wait,
        1 => Unscripted::Example { after_ms: 0 },
        _ => Unscripted::Example { after_ms: 120 },
    };
    let mut rehearsal = Rehearsal::begin(&workflow, &stock.catalogue, &given, unscripted)
        .expect("a random workflow starts");
    for _ in 0..chance.below(40) {
        one_thing(&mut rehearsal, &mut chance);
        assert_sound(&rehearsal);
    }
    if chance.percent(60) {
        rehearsal.run_to_the_end().expect("it is short");
        assert_sound(&rehearsal);
    }
    let case = rehearsal.as_case("again").expect("it is short");
    assert_holds(&rehearsal, &workflow, &stock.catalogue, &case);
    let silent = Given {
        steps: Default::default(),
        ..case.given.clone()
    };
    let mut forgetful =
        Rehearsal::begin(&workflow, &stock.catalogue, &silent, unscripted).expect("it starts");
    // It may not end: then it differs, too.
    let _ = forgetful.jump_to_ms(rehearsal.elapsed_ms());
    (rehearsal, case, forgetful)
}

/// As it is written and read again, and event by event.
fn assert_holds(rehearsal: &Rehearsal, workflow: &Workflow, tools: &Catalogue, case: &Case) {
    let text = serde_json::to_string(case).expect("it can be written");
    let read: Case = serde_json::from_str(&text).expect("it can be read");
    assert_eq!(read, *case, "{text}");
    let with_case = Workflow {
        cases: vec![read.clone()],
        ..workflow.clone()
    };
    assert_eq!(
        check_case(&with_case, tools, &read),
        Ok(Vec::new()),
        "{text}"
    );
    let mut settled = rehearsal.clone();
    settled.jump_by(0).expect("it is short");
    let mut again = Rehearsal::begin(&with_case, tools, &read.given, Unscripted::default())
        .expect("it starts again");
    match read.expect.after_ms {
        Some(after_ms) => again.jump_to_ms(after_ms),
        None => again.run_to_the_end(),
    }
    .expect("it is as short");
    assert_eq!(again.log(), settled.log(), "{text}");
}

fn assert_sound(rehearsal: &Rehearsal) {
    let log: &[Recorded] = rehearsal.log();
    let (state, plan) = (rehearsal.state(), rehearsal.plan());
    let folded = RunState::replay(std::sync::Arc::clone(&plan.outline), log);
    assert_eq!(folded, *state, "the log is the run");
    for step in 0..state.steps.len() {
        let path = state.path(step);
        let asked = rehearsal.asked().find(|ask| ask.step == path);
        assert!(
            asked.map(|ask| ask.what.key()) == key_in(state, step),
            "`{path}` asks {asked:?}"
        );
    }
    let now = rehearsal.now();
    assert!(
        log.iter().all(|recorded| recorded.at <= now),
        "nothing happened in the future"
    );
}

fn one_thing(rehearsal: &mut Rehearsal, chance: &mut Chance) {
    match chance.below(100) {
        0..35 => {
            let asked: Vec<(StepPath, Asked)> = rehearsal
                .asked()
                .map(|ask| (ask.step.clone(), ask.what.clone()))
                .collect();
            let Some((step, what)) = chance.pick(&asked) else {
                return;
            };
            let says = says(chance, Some(what));
            if chance.percent(60) {
                // A gate has its own approvers, and what has been told to stop is not asked.
                let _ = rehearsal.answer(step, says);
            } else {
                let _ = rehearsal.intend(step, says.after_ms(chance.below(4_000) as u64));
            }
        }
        35..50 => {
            rehearsal.jump_to_next().expect("it is short");
        }
        50..60 => rehearsal
            .jump_by(chance.below(1_500) as u64)
            .expect("it is short"),
        60..68 => rehearsal.run_until_asked().expect("it is short"),
        68..78 => {
            rehearsal.step_on().expect("it is short");
        }
        78..83 => rehearsal
            .act(Deed::Crash, "", "")
            .expect("a crash is never refused"),
        83..88 => {
            let steps = &rehearsal.state().steps;
            let step = rehearsal.state().path(chance.below(steps.len()));
            let _ = rehearsal.act(Deed::Skip(step), "ann", "not needed");
        }
        88..93 => {
            let deed = match rehearsal.state().paused {
                Some(_) => Deed::Resume,
                None => Deed::Pause,
            };
            let _ = rehearsal.act(deed, "ann", "");
        }
        93..97 => {
            let _ = rehearsal.act(Deed::Retry, "ann", "once more");
        }
        _ => {
            let _ = rehearsal.act(Deed::Cancel, "ann", "enough");
        }
    }
}

/// Something that can be said to the question; of none, to a call.
fn says(chance: &mut Chance, what: Option<&Asked>) -> Says {
    let returns = |chance: &mut Chance| Says::Returns(json!({ "ok": chance.below(4) }));
    let fails = |chance: &mut Chance| {
        Says::Fails(Failure {
            code: ["busy", "final"][chance.below(2)].to_owned(),
            message: "it failed".to_owned(),
            data: chance.percent(30).then(|| json!({ "half": true })),
        })
    };
    let by = ["ann", "bob"][chance.below(2)].to_owned();
    if chance.percent(10) {
        return Says::Never;
    }
    match what {
        Some(Asked::Gate { .. }) => Says::Decides {
            decision: [Decision::Approve, Decision::Approve, Decision::Reject][chance.below(3)],
            by,
            comment: String::new(),
        },
        Some(Asked::Doubt { .. }) => Says::Resolves {
            resolution: [Resolution::Happened, Resolution::DidNot, Resolution::Retry]
                [chance.below(3)],
            by,
            comment: "looked".to_owned(),
        },
        Some(Asked::Run { .. } | Asked::Outside { .. }) => match chance.below(3) {
            0 => fails(chance),
            _ => returns(chance),
        },
        Some(Asked::Call(_)) | None => match chance.below(6) {
            0 | 1 => fails(chance),
            2 => Says::Lost("cut off".to_owned()),
            _ => returns(chance),
        },
    }
}

/// Some answers and acts beforehand, by id.
pub(super) fn given(chance: &mut Chance, workflow: &Workflow) -> Given {
    let mut given = Given {
        input: Some(json!({ "yes": chance.percent(50) })),
        at: Some(Timestamp::from_micros(
            1_790_000_000_000_000 + chance.below(5_000_000) as i64,
        )),
        seed: u32::try_from(chance.below(1_000)).expect("small"),
        ..Given::default()
    };
    for step in &workflow.steps {
        if !chance.percent(40) {
            continue;
        }
        let answers: Vec<Answer> = (0..1 + chance.below(3))
            .map(|_| {
                let says = says(chance, None);
                says.after_ms(chance.below(3_000) as u64)
            })
            .collect();
        if let Some(answers) = Answers::new(answers) {
            given.steps.insert(StepPath::from(&step.id), answers);
        }
    }
    for deed in [Deed::Crash, Deed::Pause, Deed::Resume, Deed::Retry] {
        if chance.percent(15) {
            given.acts.push(Act {
                by: if deed == Deed::Crash { "" } else { "cy" }.to_owned(),
                deed,
                comment: String::new(),
                after_ms: chance.below(4_000) as u64,
            });
        }
    }
    given
}

pub(super) fn stock() -> Stock {
    let tool = |name: &str, effect: EffectClass| ToolSpec {
        output_schema: json!({ "properties": { "ok": { "type": "integer", "minimum": 2 } } }),
        ..ToolSpec::plain(name, effect)
    };
    Stock {
        catalogue: Catalogue::new([
            tool("t.read", EffectClass::Read),
            tool("t.effect", EffectClass::Effect),
        ]),
        tools: vec!["t.read", "t.effect"],
        undo_tools: vec!["t.effect"],
        asked: "t.read",
        workflows: vec!["other".to_owned()],
    }
}

/// What the rehearsals came across, so that a test that has gone dull is noticed.
#[derive(Default)]
struct Seen(std::collections::BTreeMap<String, u32>);

impl Seen {
    fn count(&mut self, rehearsal: &Rehearsal, case: &Case) {
        let kinds = rehearsal.log().iter().map(|recorded| recorded.event.kind());
        let mut seen: std::collections::BTreeSet<String> = kinds.map(str::to_owned).collect();
        seen.insert(rehearsal.state().status().as_str().to_owned());
        seen.extend(
            case.given
                .acts
                .iter()
                .map(|act| act.deed.as_str().to_owned()),
        );
        let said = case.given.steps.values().flat_map(Answers::as_slice);
        seen.extend(said.map(|answer| answer.says.word().to_owned()));
        for kind in seen {
            *self.0.entry(kind).or_default() += 1;
        }
    }

    fn assert_varied(&self) {
        for kind in [
            "attempt_failed",
            "attempt_interrupted",
            "outcome_unknown",
            "outcome_resolved",
            "gate_decided",
            "gate_expired",
            "step_skipped",
            "step_cancelled",
            "step_queued",
            "run_cancelling",
            "run_admitted",
            "run_compensating",
            "run_reopened",
            "iteration_ended",
            "wait_started",
            "poll_missed",
            "completed",
            "failed",
            "cancelled",
            "waiting",
            "running",
            "crash",
            "skip",
            "pause",
            "resume",
            "retry",
            "cancel",
            "returns",
            "fails",
            "lost",
            "never",
            "decision",
            "resolution",
        ] {
            assert!(
                self.0.get(kind).copied().unwrap_or(0) >= 5,
                "hardly any rehearsal came to {kind}: {:?}",
                self.0
            );
        }
    }
}
