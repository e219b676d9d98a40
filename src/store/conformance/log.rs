//! The hot path.

use std::sync::Arc;

use super::{gate, on_every_store, progress, start};
use crate::engine::event::{EndState, Event, Recorded};
use crate::engine::ids::{GateId, RunId, StepPath, VersionId};
use crate::engine::state::RunStatus;
use crate::engine::time::Timestamp;
use crate::store::{Commit, GateRow, GateState, StartKey, Store, StoreError};

on_every_store!(
    what_is_committed_is_loaded_again,
    a_commit_on_a_stale_state_conflicts_and_leaves_nothing,
    a_run_that_does_not_exist_cannot_be_moved_on,
    of_many_commits_on_the_same_state_exactly_one_wins,
    runs_do_not_disturb_each_other_in_one_batch,
    events_are_read_from_any_point,
    open_runs_are_those_that_have_not_ended,
    a_start_key_stands_for_one_run,
    starts_are_counted_by_how_their_keys_begin,
    a_gate_keeps_the_place_of_its_question,
    odd_texts_come_back_byte_for_byte,
    ids_that_cannot_be_are_found_nowhere,
    one_start_key_used_twenty_times_at_once_starts_one_run,
    a_thousand_runs_go_on_side_by_side,
    a_long_turn_is_stored_whole,
);

/// What people, tools and other programs may write into a name or a message.
const ODD_TEXTS: &[&str] = &[
    "",
    "o'brien\n",
    "\"\\ '; DROP TABLE runs; -- ",
    "$1 ? {} $.x %s",
    "a\u{0}b",
    "\u{0}",
    "\u{1a}0\u{1a}",
    // The text of an escape, also of half a surrogate, is not the escape.
    "\\u0000 \\ud800",
    "\u{202e}\u{1f600} N\u{e4}me \u{ffff} \u{10ffff} \u{feff}",
];

async fn what_is_committed_is_loaded_again(store: Arc<dyn Store>) {
    let first = start("r1");
    store.commit(first.clone()).await.expect("it is stored");
    let second = progress(&first, 3);
    store.commit(second.clone()).await.expect("it is stored");
    let stored = store
        .load(&"r1".into())
        .await
        .expect("it answers")
        .expect("the run is there");
    assert_eq!(stored.header, first.summary.header);
    assert_eq!(stored.events, [first.events, second.events].concat());
    assert_eq!(store.load(&"other".into()).await, Ok(None));
}

async fn a_commit_on_a_stale_state_conflicts_and_leaves_nothing(store: Arc<dyn Store>) {
    let first = start("r1");
    store.commit(first.clone()).await.expect("it is stored");
    assert_eq!(store.commit(first.clone()).await, Err(StoreError::Conflict));
    let mut ahead = progress(&first, 1);
    ahead.expected_seq = 7;
    ahead.gates = vec![gate("r1", GateState::Open, 9)];
    assert_eq!(store.commit(ahead).await, Err(StoreError::Conflict));
    let stored = store
        .load(&"r1".into())
        .await
        .expect("it answers")
        .expect("the run is there");
    assert_eq!(*stored.events, *first.events);
    assert_eq!(store.gate(&"g1".into()).await, Ok(None));
}

async fn a_run_that_does_not_exist_cannot_be_moved_on(store: Arc<dyn Store>) {
    let ghost = progress(&start("ghost"), 1);
    assert_eq!(store.commit(ghost).await, Err(StoreError::Conflict));
    assert_eq!(store.load(&"ghost".into()).await, Ok(None));
}

async fn of_many_commits_on_the_same_state_exactly_one_wins(store: Arc<dyn Store>) {
    let first = start("r1");
    store.commit(first.clone()).await.expect("it is stored");
    let tries = (0..20).map(|_| {
        let (store, commit) = (Arc::clone(&store), progress(&first, 2));
        tokio::spawn(async move { store.commit(commit).await })
    });
    let results = futures::future::join_all(tries).await;
    let won = results
        .iter()
        .filter(|result| matches!(result, Ok(Ok(()))))
        .count();
    assert_eq!(won, 1);
    assert_eq!(
        store
            .events(&"r1".into(), 0, 100)
            .await
            .expect("it answers")
            .len(),
        3
    );
}

async fn runs_do_not_disturb_each_other_in_one_batch(store: Arc<dyn Store>) {
    let commits = (0..50).map(|number| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let first = start(&format!("r{number:02}"));
            // Every third one is wrong and must not take the others of its batch along.
            let mut wrong = first.clone();
            wrong.expected_seq = 5;
            let chosen = if number % 3 == 0 { wrong } else { first };
            store.commit(chosen).await
        })
    });
    let results = futures::future::join_all(commits).await;
    for (number, result) in results.into_iter().enumerate() {
        let expected = if number % 3 == 0 {
            Err(StoreError::Conflict)
        } else {
            Ok(())
        };
        assert_eq!(result.expect("no panic"), expected, "run {number}");
    }
    assert_eq!(store.awake_runs().await.expect("it answers").len(), 33);
}

async fn events_are_read_from_any_point(store: Arc<dyn Store>) {
    let first = start("r1");
    store.commit(first.clone()).await.expect("it is stored");
    store
        .commit(progress(&first, 9))
        .await
        .expect("it is stored");
    let seqs = |events: Vec<Recorded>| events.iter().map(|event| event.seq).collect::<Vec<_>>();
    assert_eq!(
        seqs(
            store
                .events(&"r1".into(), 7, 100)
                .await
                .expect("it answers")
        ),
        [8, 9, 10]
    );
    assert_eq!(
        seqs(store.events(&"r1".into(), 2, 3).await.expect("it answers")),
        [3, 4, 5]
    );
    assert!(
        store
            .events(&"r1".into(), 10, 100)
            .await
            .expect("it answers")
            .is_empty()
    );
}

async fn open_runs_are_those_that_have_not_ended(store: Arc<dyn Store>) {
    for id in ["r1", "r2", "r3"] {
        store.commit(start(id)).await.expect("it is stored");
    }
    let mut end = progress(&start("r2"), 1);
    Arc::make_mut(&mut end.summary).status = RunStatus::Completed;
    Arc::make_mut(&mut end.summary).finished_at = Some(Timestamp::from_micros(99));
    Arc::make_mut(&mut end.events)[0].event = Event::RunFinished {
        state: EndState::Completed,
        reason: None,
        message: None,
        output: 1.into(),
    };
    store.commit(end).await.expect("it is stored");
    assert_eq!(store.awake_runs().await, Ok(vec!["r1".into(), "r3".into()]));
}

async fn starts_are_counted_by_how_their_keys_begin(store: Arc<dyn Store>) {
    let keys = [
        "f/r1/a", "f/r1/b", "f/r10/c", "f/r1", "f/r1.x/d", "F/r1/e", "f/r2/f",
    ];
    for (key, number) in keys.into_iter().zip(1..) {
        let key = StartKey {
            key: key.to_owned(),
            fingerprint: String::new(),
        };
        let commit = Commit {
            start_key: Some(key),
            ..start(&format!("run{number}"))
        };
        store.commit(commit).await.expect("it is stored");
    }
    for (prefix, runs) in [("f/r1/", 2), ("f/r10/", 1), ("f/r3/", 0), ("f/", 6)] {
        assert_eq!(store.started_under(prefix).await, Ok(runs), "{prefix}");
    }
}

async fn a_start_key_stands_for_one_run(store: Arc<dyn Store>) {
    let keyed = |run: &str, fingerprint: &str| {
        let key = StartKey {
            key: "k".to_owned(),
            fingerprint: fingerprint.to_owned(),
        };
        Commit {
            start_key: Some(key),
            ..start(run)
        }
    };
    store
        .commit(keyed("r1", "same"))
        .await
        .expect("it is stored");
    let again = StoreError::StartedBefore {
        run_id: "r1".into(),
        same_request: true,
    };
    assert_eq!(store.commit(keyed("r2", "same")).await, Err(again));
    let misused = StoreError::StartedBefore {
        run_id: "r1".into(),
        same_request: false,
    };
    assert_eq!(store.commit(keyed("r3", "other")).await, Err(misused));
    assert_eq!(store.awake_runs().await, Ok(vec!["r1".into()]));
}

async fn a_gate_keeps_the_place_of_its_question(store: Arc<dyn Store>) {
    let first = start("r1");
    store
        .commit(Commit {
            gates: vec![gate("r1", GateState::Open, 1)],
            ..first.clone()
        })
        .await
        .expect("it is stored");
    let opened = gate("r1", GateState::Open, 1);
    assert_eq!(store.gate(&"g1".into()).await, Ok(Some(opened)));
    let closing = Commit {
        gates: vec![gate("r1", GateState::Approved, 0)],
        ..progress(&first, 1)
    };
    store.commit(closing).await.expect("it is stored");
    let closed = gate("r1", GateState::Approved, 1);
    assert_eq!(store.gate(&"g1".into()).await, Ok(Some(closed)));
}

async fn odd_texts_come_back_byte_for_byte(store: Arc<dyn Store>) {
    for (at, odd) in ODD_TEXTS.iter().enumerate() {
        let id = format!("r{at}");
        let mut first = start(&id);
        let input = serde_json::json!({ "text": odd, *odd: 0.1, "big": 9007199254740993i64 });
        Arc::make_mut(&mut first.events)[0].event = Event::started(input, odd);
        Arc::make_mut(&mut first.summary).header.workflow_name = (*odd).to_owned();
        Arc::make_mut(&mut first.summary).header.workflow_slug = (*odd).to_owned();
        Arc::make_mut(&mut first.summary).reason = Some((*odd).to_owned());
        Arc::make_mut(&mut first.summary).message = Some((*odd).to_owned());
        Arc::make_mut(&mut first.summary).current = Some((*odd).to_owned());
        Arc::make_mut(&mut first.summary).started_by = (*odd).to_owned();
        first.start_key = Some(StartKey {
            key: format!("{at}{odd}"),
            fingerprint: (*odd).to_owned(),
        });
        first.gates = vec![GateRow {
            id: GateId::new(format!("g{at}{odd}")),
            step_id: StepPath::new(*odd),
            ..gate(&id, GateState::Open, 1)
        }];
        store.commit(first.clone()).await.expect("it is stored");
        let stored = store
            .load(&id.as_str().into())
            .await
            .expect("it answers")
            .expect("the run is there");
        assert_eq!(*stored.events, *first.events, "{odd:?}");
        assert_eq!(stored.header, first.summary.header, "{odd:?}");
        let gate = store.gate(&first.gates[0].id).await;
        assert_eq!(gate, Ok(Some(first.gates[0].clone())), "{odd:?}");
        let again = Commit {
            start_key: first.start_key.clone(),
            ..start("again")
        };
        let before = StoreError::StartedBefore {
            run_id: id.as_str().into(),
            same_request: true,
        };
        assert_eq!(store.commit(again).await, Err(before), "{odd:?}");
    }
}

async fn ids_that_cannot_be_are_found_nowhere(store: Arc<dyn Store>) {
    for odd in ODD_TEXTS {
        assert_eq!(store.load(&RunId::new(*odd)).await, Ok(None));
        assert_eq!(store.gate(&GateId::new(*odd)).await, Ok(None));
        assert_eq!(store.definition(&VersionId::new(*odd)).await, Ok(None));
    }
}

async fn one_start_key_used_twenty_times_at_once_starts_one_run(store: Arc<dyn Store>) {
    let starts = (0..20).map(|number| {
        let store = Arc::clone(&store);
        let key = StartKey {
            key: "k".to_owned(),
            fingerprint: "f".to_owned(),
        };
        let commit = Commit {
            start_key: Some(key),
            ..start(&format!("r{number:02}"))
        };
        tokio::spawn(async move { store.commit(commit).await })
    });
    let results = futures::future::join_all(starts).await;
    let open = store.awake_runs().await.expect("it answers");
    assert_eq!(open.len(), 1, "{open:?}");
    let before = StoreError::StartedBefore {
        run_id: open[0].clone(),
        same_request: true,
    };
    let turned_away = results
        .into_iter()
        .filter(|result| *result.as_ref().expect("no panic") == Err(before.clone()))
        .count();
    assert_eq!(turned_away, 19);
}

async fn a_thousand_runs_go_on_side_by_side(store: Arc<dyn Store>) {
    let runs = (0..1_000).map(|number| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let first = start(&format!("r{number:04}"));
            store.commit(first.clone()).await?;
            store.commit(progress(&first, 3)).await
        })
    });
    for result in futures::future::join_all(runs).await {
        assert_eq!(result.expect("no panic"), Ok(()));
    }
    for number in [0, 511, 999] {
        let run_id = RunId::new(format!("r{number:04}"));
        let events = store.events(&run_id, 0, 100).await.expect("it answers");
        assert_eq!(events.len(), 4);
    }
}

async fn a_long_turn_is_stored_whole(store: Arc<dyn Store>) {
    let first = start("r1");
    store.commit(first.clone()).await.expect("it is stored");
    let long = progress(&first, 20_000);
    store.commit(long.clone()).await.expect("it is stored");
    let stored = store.load(&"r1".into()).await.expect("it answers");
    let events = stored.expect("the run is there").events;
    assert_eq!(events.len(), 20_001);
    assert_eq!(events[1..], *long.events);
}
