//! A capsule is a run whole, or it is refused with the place that is wrong.

use serde_json::json;

use super::*;
use crate::engine::event::{EndState, Event};
use crate::engine::ids::{ArtifactId, StepPath};
use crate::engine::plan::{OutlineEdge, OutlineStep};
use crate::engine::state::RunStatus;
use crate::engine::summary::RunHeader;
use crate::engine::workflow::StepKind;

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn step(id: &str) -> OutlineStep {
    OutlineStep {
        id: id.into(),
        name: id.to_owned(),
        kind: StepKind::Transform,
        tool: None,
        weight: 1,
        max_attempts: 1,
        parent: None,
        undoes: None,
        goes_on: false,
    }
}

fn capsule() -> Capsule {
    let events = [
        Event::started(json!({ "greeting": "hello \u{1f600}\n" }), "ann"),
        Event::RunFinished {
            state: EndState::Completed,
            reason: None,
            message: None,
            output: json!(7),
        },
    ];
    let events: Vec<Recorded> = events
        .into_iter()
        .zip(1..)
        .map(|(event, seq)| Recorded {
            seq,
            at: at(i64::from(seq)),
            event,
        })
        .collect();
    let edge = OutlineEdge {
        from: 0,
        to: 1,
        label: None,
        when: None,
        default: false,
        on: None,
    };
    let outline = Arc::new(Outline::new(vec![step("a"), step("b")], vec![edge]));
    let header = RunHeader {
        run_id: "r".into(),
        workflow_id: "w".into(),
        version_id: "v".into(),
        workflow_slug: "w".to_owned(),
        workflow_name: "W".to_owned(),
        version: 1,
        created_at: at(1),
    };
    let state = RunState::replay(Arc::clone(&outline), &events);
    let card = ArtifactCard {
        id: ArtifactId::new("f"),
        step_id: StepPath::new("a"),
        name: "report.md".to_owned(),
        media_type: "text/markdown".to_owned(),
        bytes: 4,
        created_at: at(2),
    };
    Capsule {
        head: Head::new(RunSummary::of(&header, &state), "ann", at(9)),
        definition: Workflow {
            name: "W".to_owned(),
            ..Workflow::default()
        },
        outline,
        events,
        files: vec![File {
            card,
            content: vec![0, 10, 13, 255],
        }],
    }
}

fn key() -> SigningKey {
    SigningKey::generate().expect("a key")
}

/// The file, with what `change` makes of its capsule.
fn file(change: impl FnOnce(&mut Capsule)) -> String {
    let mut capsule = capsule();
    change(&mut capsule);
    sealed(&capsule, &key()).expect("it is written")
}

#[test]
fn a_capsule_comes_out_as_it_went_in() {
    let key = key();
    let text = sealed(&capsule(), &key).expect("it is written");
    let opened = open(text.as_bytes()).expect("it is whole");
    assert_eq!(opened.capsule, capsule());
    assert_eq!(opened.signed_with, key.fingerprint());
    assert_eq!(opened.state.status(), RunStatus::Completed);
}

#[test]
fn a_key_that_was_kept_signs_as_before() {
    let made = key();
    let kept = SigningKey::from_pkcs8(made.pkcs8()).expect("the same key");
    assert_eq!(kept.fingerprint(), made.fingerprint());
    let texts = [&made, &kept].map(|key| sealed(&capsule(), key).expect("it is written"));
    assert_eq!(texts[0], texts[1]);
    assert_eq!(
        SigningKey::from_pkcs8(b"no key").err(),
        Some(KeyError::Unreadable)
    );
}

/// Whichever byte it is, and whatever becomes of it.
#[test]
fn no_byte_can_be_changed() {
    let text = file(|_| {});
    for place in 0..text.len() {
        for flip in [1_u8, 32, 128] {
            let mut changed = text.clone().into_bytes();
            changed[place] ^= flip;
            let found = open(&changed);
            assert!(found.is_err(), "byte {place}, {flip}: {found:?}");
        }
    }
}

#[test]
fn what_was_changed_is_named() {
    let text = file(|_| {});
    let changed = |was: &str, is: &str| {
        assert!(text.contains(was), "{was}");
        open(text.replacen(was, is, 1).as_bytes()).expect_err("it was changed")
    };
    let named = |line, part| Flaw::Changed { line, part };
    assert_eq!(
        changed("\"exported_by\":\"ann\"", "\"exported_by\":\"ben\""),
        named(1, Part::Head)
    );
    assert_eq!(
        changed(
            "{\"definition\":{\"name\":\"W\"",
            "{\"definition\":{\"name\":\"V\""
        ),
        named(2, Part::Definition)
    );
    assert_eq!(
        changed("\"id\":\"b\"", "\"id\":\"c\""),
        named(3, Part::Outline)
    );
    assert_eq!(changed("hello", "hallo"), named(4, Part::Event(1)));
    assert_eq!(
        changed("\"output\":7", "\"output\":8"),
        named(5, Part::Event(2))
    );
    assert_eq!(changed("report.md", "repost.md"), named(6, Part::File(1)));
    assert_eq!(changed("\"ed25519\"", "\"none\""), Flaw::SealChanged);
    assert_eq!(changed("{\"capsule\":", "{\"capsula\":"), Flaw::NotACapsule);
}

#[test]
fn lines_that_are_missing_added_or_exchanged_are_named() {
    let text = file(|_| {});
    let lines: Vec<&str> = text.lines().collect();
    let of = |lines: &[&str]| open(lines.join("\n").as_bytes()).expect_err("it was changed");
    let without = [&lines[..4], &lines[5..]].concat();
    assert_eq!(of(&without), Flaw::Missing { after: 4, lines: 1 });
    let with = [&lines[..4], &lines[3..]].concat();
    assert_eq!(of(&with), Flaw::Added { after: 4, lines: 1 });
    let mut turned = lines.clone();
    turned.swap(3, 4);
    let part = Part::Event(1);
    assert_eq!(of(&turned), Flaw::Changed { line: 4, part });
    assert_eq!(of(&lines[..6]), Flaw::NoSeal);
    assert_eq!(of(&[]), Flaw::NotACapsule);
    assert_eq!(of(&["PK\u{3}\u{4}"]), Flaw::NotACapsule);
}

#[test]
fn another_signature_is_another_key() {
    let (one, other) = (file(|_| {}), file(|_| {}));
    let keys = [&one, &other].map(|text| open(text.as_bytes()).expect("it is whole").signed_with);
    assert_ne!(keys[0], keys[1]);
    // The lines of one under the seal of the other: the same lines, so it is whole, and says whose it is.
    let lines: Vec<&str> = one.lines().collect();
    let seal = other.lines().next_back().expect("a seal");
    let mixed = [&lines[..lines.len() - 1], &[seal]].concat().join("\n");
    let opened = open(mixed.as_bytes()).expect("it is whole");
    assert_eq!(opened.signed_with, keys[1]);
}

/// A later release may sign otherwise, and nobody has changed its file.
#[test]
fn another_form_is_told_from_a_changed_file() {
    let other = file(|capsule| capsule.head.format = 2);
    assert_eq!(open(other.as_bytes()).err(), Some(Flaw::OtherFormat));
    let lines: Vec<&str> = other.lines().collect();
    let seal = "{\"seal\":{\"algorithm\":\"ml-dsa\",\"key\":\"\",\"signature\":\"\",\"lines\":[]}}";
    let sealed_otherwise = [&lines[..lines.len() - 1], &[seal]].concat().join("\n");
    let found = open(sealed_otherwise.as_bytes()).err();
    assert_eq!(found, Some(Flaw::OtherFormat));
    // Ours, with another number written over it, was changed.
    let changed = file(|_| {}).replacen("\"format\":1", "\"format\":2", 1);
    let part = Part::Head;
    assert_eq!(
        open(changed.as_bytes()).err(),
        Some(Flaw::Changed { line: 1, part })
    );
}

/// Anybody can sign, so no signature keeps a log from growing beyond all bounds while it is folded.
#[test]
fn what_no_run_could_be_is_refused_before_it_hurts() {
    let of = |change: &dyn Fn(&mut Capsule)| {
        let mut capsule = capsule();
        change(&mut capsule);
        let text = sealed(&capsule, &key()).expect("it is written");
        open(text.as_bytes()).err()
    };
    let loop_of = |inside: usize| {
        let mut steps = vec![step("rounds")];
        steps[0].kind = StepKind::Loop;
        steps.extend((0..inside).map(|at| OutlineStep {
            parent: Some(0),
            ..step(&format!("s{at}"))
        }));
        Arc::new(Outline::new(steps, Vec::new()))
    };
    let rounds = |count: u32| -> Vec<Recorded> {
        let started = Event::started(json!({}), "ann");
        let rounds = (0..count).map(|index| Event::IterationStarted {
            step: StepPath::new("rounds"),
            index,
        });
        let all = std::iter::once(started).chain(rounds);
        all.zip(1..)
            .map(|(event, seq)| Recorded {
                seq,
                at: at(1),
                event,
            })
            .collect()
    };
    let many = of(&|capsule| {
        capsule.outline = loop_of(9_000);
        capsule.events = rounds(100_000);
    });
    assert_eq!(many, Some(Flaw::NoRun));
    let large = of(&|capsule| capsule.outline = loop_of(10_000));
    assert_eq!(large, Some(Flaw::NoRun));
    let deep = of(&|capsule| {
        let mut steps: Vec<_> = (0..6).map(|at| step(&format!("s{at}"))).collect();
        for at in 0..5 {
            steps[at].kind = StepKind::Loop;
            steps[at + 1].parent = Some(at);
        }
        capsule.outline = Arc::new(Outline::new(steps, Vec::new()));
    });
    assert_eq!(deep, Some(Flaw::NoRun));
    let inside_of_nothing = of(&|capsule| {
        let mut outline = (*capsule.outline).clone();
        outline.steps[1].parent = Some(0);
        outline.edges.clear();
        capsule.outline = Arc::new(outline);
    });
    assert_eq!(inside_of_nothing, Some(Flaw::NoRun));
}

#[test]
fn what_was_wrong_from_the_start_is_refused_too() {
    let of = |change: fn(&mut Capsule)| open(file(change).as_bytes()).expect_err("it is wrong");
    assert_eq!(
        of(|capsule| capsule.head.run.started_by = "ben".to_owned()),
        Flaw::OtherStory
    );
    assert_eq!(of(|capsule| capsule.head.run.seq = 9), Flaw::OtherStory);
    assert_eq!(
        of(|capsule| capsule.files[0].card.bytes = 5),
        Flaw::Unreadable {
            line: 6,
            why: "its content is not as long as it says".to_owned(),
        }
    );
    assert_eq!(
        of(|capsule| drop(capsule.events.remove(0))),
        Flaw::Gap { event: 1 }
    );
    assert_eq!(
        of(|capsule| capsule.head.run.status = RunStatus::Failed),
        Flaw::OtherOutcome {
            says: RunStatus::Failed,
            leads_to: RunStatus::Completed,
        }
    );
    let broken = |parent: Option<usize>, to: usize| {
        move |capsule: &mut Capsule| {
            let mut outline = (*capsule.outline).clone();
            outline.steps[0].parent = parent;
            outline.edges[0].to = to;
            capsule.outline = Arc::new(outline);
        }
    };
    for (parent, to) in [(Some(9), 1), (Some(0), 1), (None, 9)] {
        let text = file(broken(parent, to));
        assert_eq!(
            open(text.as_bytes()).err(),
            Some(Flaw::NoRun),
            "{parent:?} {to}"
        );
    }
}
