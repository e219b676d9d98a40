//! Triggers: kept by every store alike, and told of the ends that they wait for.

use std::sync::Arc;

use super::{Place, progress, start};
use crate::engine::event::EndState;
use crate::engine::ids::{TriggerId, VersionId, WorkflowId};
use crate::engine::plan::Outline;
use crate::engine::state::RunStatus;
use crate::engine::time::Timestamp;
use crate::engine::trigger::{
    Missed, Overlap, RunFinished, Schedule, Source, Standing, Trigger, Webhook,
};
use crate::engine::workflow::Workflow;
use crate::store::memory::MemoryStore;
use crate::store::{
    Commit, Database, Expired, Fired, NewVersion, Progress, RunEnd, Store, TriggerStore, WebhookKey,
};

/// What both promises are about: the runs whose ends are noted, and the triggers.
trait Both: Store + TriggerStore {}

impl<T: Store + TriggerStore> Both for T {}

macro_rules! on_every_store {
    ($($promise:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test]
            async fn $promise() {
                super::$promise(super::Arc::new(super::MemoryStore::default())).await;
            })*
        }
        mod sqlite {
            $(#[tokio::test]
            async fn $promise() {
                let place = super::Place::sqlite();
                super::$promise(super::open(&place).await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $promise() {
                let place = super::Place::postgres();
                super::$promise(super::open(&place).await).await;
            })*
        }
    };
}

on_every_store!(
    a_trigger_comes_back_as_it_was_set,
    triggers_are_listed_by_age_and_read_when_they_are_on,
    a_firing_is_noted_and_what_is_set_anew_leaves_it_alone,
    keys_are_kept_apart,
    an_end_is_noted_with_the_turn_that_brings_it,
    ends_are_forgotten_with_their_trigger_and_when_it_is_off,
);

async fn open(place: &Place) -> Arc<dyn Both> {
    open_database(place).await
}

/// With the workflows that the triggers belong to.
async fn open_database(place: &Place) -> Arc<Database> {
    let database = place.open().await;
    for id in ["w", "w2"] {
        let version = NewVersion {
            workflow_id: WorkflowId::new(id),
            version_id: VersionId::new(format!("{id}-1")),
            slug: id.to_owned(),
            is_template: false,
            built_in: false,
            made_from: None,
            follows: None,
            note: String::new(),
            definition: Workflow::default(),
            outline: Arc::new(Outline::new(Vec::new(), Vec::new())),
            hash: "h".to_owned(),
            created_by: "local".to_owned(),
            created_at: Timestamp::from_micros(1),
        };
        database.save_version(&version).await.expect("it is stored");
    }
    database
}

fn schedule() -> Source {
    Source::Schedule(Schedule {
        cron: "* * * * *".to_owned(),
        zone: "UTC".to_owned(),
        input: serde_json::json!({ "text": "n\0ul" }),
        missed: Missed::All,
        overlap: Overlap::Queue,
    })
}

fn after_w() -> Source {
    Source::RunFinished(RunFinished {
        workflow_id: WorkflowId::new("w"),
        states: vec![EndState::Failed, EndState::Cancelled],
        input: Some(serde_json::json!("$run.output")),
    })
}

fn trigger(id: &str, workflow: &str, source: Source) -> Trigger {
    Trigger {
        id: TriggerId::new(id),
        workflow_id: WorkflowId::new(workflow),
        name: "N\u{e4}chtlich\0".to_owned(),
        enabled: true,
        source,
        since: Timestamp::from_micros(7),
        created_at: Timestamp::from_micros(5),
    }
}

async fn save(store: &Arc<dyn Both>, trigger: &Trigger) {
    store.save_trigger(trigger).await.expect("it is stored");
}

async fn a_trigger_comes_back_as_it_was_set(store: Arc<dyn Both>) {
    let webhook = Source::Webhook(Webhook {
        field: Some("event".to_owned()),
    });
    for (id, source) in [("t1", schedule()), ("t2", webhook), ("t3", after_w())] {
        let mut set = trigger(id, "w", source);
        save(&store, &set).await;
        let row = store
            .trigger(&set.id)
            .await
            .expect("it answers")
            .expect("it is there");
        assert_eq!((&row.trigger, row.standing), (&set, Standing::default()));
        set.name = "Other".to_owned();
        set.since = Timestamp::from_micros(9);
        save(&store, &set).await;
        let row = store
            .trigger(&set.id)
            .await
            .expect("it answers")
            .expect("it is there");
        assert_eq!(row.trigger, set);
    }
    assert_eq!(store.trigger(&"t9".into()).await, Ok(None));
    assert_eq!(store.delete_trigger(&"t1".into()).await, Ok(true));
    assert_eq!(store.delete_trigger(&"t1".into()).await, Ok(false));
    assert_eq!(store.trigger(&"t1".into()).await, Ok(None));
}

async fn triggers_are_listed_by_age_and_read_when_they_are_on(store: Arc<dyn Both>) {
    for (id, workflow) in [("t3", "w"), ("t1", "w"), ("t2", "w2"), ("t4", "w")] {
        let enabled = id != "t3";
        save(
            &store,
            &Trigger {
                enabled,
                ..trigger(id, workflow, schedule())
            },
        )
        .await;
    }
    for (workflow, after, limit, expected) in [
        ("w", None, 10, &["t1", "t3", "t4"][..]),
        ("w", None, 2, &["t1", "t3"]),
        ("w", Some("t1"), 10, &["t3", "t4"]),
        ("w2", None, 10, &["t2"]),
        ("w3", None, 10, &[]),
    ] {
        let after = after.map(TriggerId::new);
        let listed = store
            .triggers_of(&workflow.into(), after.as_ref(), limit)
            .await;
        let listed = listed.expect("it answers");
        let ids: Vec<&str> = listed.iter().map(|row| row.trigger.id.as_str()).collect();
        assert_eq!(ids, expected);
    }
    let on = store.enabled_triggers().await.expect("it answers");
    let ids: Vec<&str> = on.iter().map(|row| row.trigger.id.as_str()).collect();
    assert_eq!(ids, ["t1", "t2", "t4"]);
}

async fn a_firing_is_noted_and_what_is_set_anew_leaves_it_alone(store: Arc<dyn Both>) {
    let set = trigger("t1", "w", schedule());
    save(&store, &set).await;
    let (at, later) = (Timestamp::from_micros(20), Timestamp::from_micros(30));
    let progress = Progress {
        done_until: Some(at),
        queued: Some(at),
    };
    let failed = Fired {
        at,
        outcome: Err("no\0".to_owned()),
    };
    let noted = store
        .note_firing(&set.id, Some(progress), Some(failed))
        .await;
    assert_eq!(noted, Ok(()));
    let mut expected = Standing {
        done_until: Some(at),
        queued: Some(at),
        error: Some("no\0".to_owned()),
        error_at: Some(at),
        ..Standing::default()
    };
    let standing = async || {
        store
            .trigger(&set.id)
            .await
            .map(|row| row.map(|row| row.standing))
    };
    assert_eq!(standing().await, Ok(Some(expected.clone())));
    save(
        &store,
        &Trigger {
            enabled: false,
            ..set.clone()
        },
    )
    .await;
    assert_eq!(standing().await, Ok(Some(expected.clone())));
    let ran = Fired {
        at: later,
        outcome: Ok("r1".into()),
    };
    assert_eq!(store.note_firing(&set.id, None, Some(ran)).await, Ok(()));
    expected = Standing {
        fired_at: Some(later),
        last_run: Some("r1".into()),
        error: None,
        error_at: None,
        ..expected
    };
    assert_eq!(standing().await, Ok(Some(expected)));
    let of_none = store.note_firing(&"t9".into(), Some(progress), None).await;
    assert_eq!(of_none, Ok(()), "it was deleted meanwhile");
}

async fn keys_are_kept_apart(store: Arc<dyn Both>) {
    let set = trigger("t1", "w", Source::Webhook(Webhook::default()));
    save(&store, &set).await;
    assert_eq!(store.webhook_keys(&set.id).await, Ok(Vec::new()));
    let key = |secret: &str, until| WebhookKey {
        secret: secret.to_owned(),
        until,
    };
    let keys = [
        key("whsec_a", None),
        key("whsec_b", Some(Timestamp::from_micros(3))),
    ];
    assert_eq!(store.keep_webhook_keys(&set.id, &keys).await, Ok(()));
    save(&store, &set).await;
    assert_eq!(store.webhook_keys(&set.id).await, Ok(keys.to_vec()));
    assert_eq!(store.webhook_keys(&"t9".into()).await, Ok(Vec::new()));
}

fn ended(commit: Commit) -> Commit {
    let mut commit = commit;
    Arc::make_mut(&mut commit.summary).status = RunStatus::Completed;
    Arc::make_mut(&mut commit.summary).finished_at = Some(Timestamp::from_micros(9));
    commit
}

fn end(trigger: &str, run: &str, seq: u32) -> RunEnd {
    RunEnd {
        trigger_id: trigger.into(),
        run_id: run.into(),
        seq,
    }
}

async fn an_end_is_noted_with_the_turn_that_brings_it(store: Arc<dyn Both>) {
    save(&store, &trigger("t1", "w2", after_w())).await;
    save(&store, &trigger("t2", "w", schedule())).await;
    store.commit(start("r1")).await.expect("it is stored");
    assert_eq!(store.run_ends(10).await, Ok(Vec::new()));
    store
        .commit(ended(progress(&start("r1"), 2)))
        .await
        .expect("it is stored");
    // In its first turn, too; and of another workflow, which nobody waits for.
    store
        .commit(ended(start("r2")))
        .await
        .expect("it is stored");
    let mut elsewhere = ended(start("r3"));
    Arc::make_mut(&mut elsewhere.summary).header.workflow_id = WorkflowId::new("w2");
    store.commit(elsewhere).await.expect("it is stored");
    let both = vec![end("t1", "r1", 3), end("t1", "r2", 1)];
    assert_eq!(store.run_ends(10).await, Ok(both.clone()));
    assert_eq!(store.run_ends(1).await, Ok(both[..1].to_vec()));
    // What comes behind the end is no second one; a run that goes on and ends again has one.
    let turn = |seq: u32, is_end: bool| {
        let mut turn = progress(&start("r1"), 1);
        turn.expected_seq = seq - 1;
        Arc::make_mut(&mut turn.events)[0].seq = seq;
        Arc::make_mut(&mut turn.summary).seq = seq;
        if is_end { ended(turn) } else { turn }
    };
    store.commit(turn(4, true)).await.expect("it is stored");
    assert_eq!(store.run_ends(10).await, Ok(both.clone()));
    store.commit(turn(5, false)).await.expect("it is stored");
    store.commit(turn(6, true)).await.expect("it is stored");
    // Retried, and ended again, in one turn.
    let mut again = turn(7, true);
    Arc::make_mut(&mut again.summary).finished_at = Some(Timestamp::from_micros(10));
    store.commit(again).await.expect("it is stored");
    for known in &both {
        assert_eq!(store.forget_run_end(known).await, Ok(()));
    }
    let later = vec![end("t1", "r1", 6), end("t1", "r1", 7)];
    assert_eq!(store.run_ends(10).await, Ok(later));
}

async fn ends_are_forgotten_with_their_trigger_and_when_it_is_off(store: Arc<dyn Both>) {
    let (kept, off, gone) = ("t1", "t2", "t3");
    for id in [kept, off, gone] {
        save(&store, &trigger(id, "w2", after_w())).await;
    }
    store
        .commit(ended(start("r1")))
        .await
        .expect("it is stored");
    let set_off = Trigger {
        enabled: false,
        ..trigger(off, "w2", after_w())
    };
    save(&store, &set_off).await;
    assert_eq!(store.delete_trigger(&gone.into()).await, Ok(true));
    store
        .commit(ended(start("r2")))
        .await
        .expect("it is stored");
    let left = vec![end(kept, "r1", 1), end(kept, "r2", 1)];
    assert_eq!(store.run_ends(10).await, Ok(left));
}

/// Only the databases let runs go.
mod with_retention {
    use super::super::on_both_databases;
    use super::*;

    on_both_databases!(a_run_stays_while_its_end_is_to_be_followed);

    async fn a_run_stays_while_its_end_is_to_be_followed(place: Place) {
        let database = open_database(&place).await;
        let waiting = trigger("t1", "w2", after_w());
        database.save_trigger(&waiting).await.expect("it is stored");
        database.commit(ended(start("r1"))).await.expect("stored");
        let expired = Expired {
            ended_before: Some(Timestamp::from_micros(100)),
            ..Expired::default()
        };
        assert_eq!(
            database.expired_runs(&expired, None, 9).await,
            Ok(Vec::new())
        );
        let followed = database.forget_run_end(&end("t1", "r1", 1)).await;
        assert_eq!(followed, Ok(()));
        let may_go = database.expired_runs(&expired, None, 9).await;
        assert_eq!(may_go, Ok(vec!["r1".into()]));
    }
}
