//! What all tabs are told of all runs. Each tab wants to know of every change of every run; told one by one, a hundred
//! runs and five hundred tabs are tens of thousands of messages a second. So changes are gathered for a moment, only the
//! newest state of each run is kept, and one text is written for all.

use axum::extract::ws::Utf8Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::{Instant, sleep_until};

use crate::driver::Committed;
use crate::engine::ids::RunId;
use crate::engine::stream::Message;
use crate::engine::summary::RunSummary;

/// Between two digests. The first change after a quiet time is told at once.
const GATHERED: Duration = Duration::from_millis(200);
/// Digests that a slow tab may lie behind before it is told to read its lists anew.
const BACKLOG_DIGESTS_MAX: usize = 8;

/// Whoever subscribes gets a message, ready to be sent, whenever runs have changed.
#[derive(Clone)]
pub struct Digest(broadcast::Sender<Utf8Bytes>);

impl Digest {
    /// Gathers until the bus is gone. Has to be called within the runtime.
    pub fn of(commits: broadcast::Receiver<Arc<Committed>>) -> Self {
        let told = broadcast::Sender::new(BACKLOG_DIGESTS_MAX);
        tokio::spawn(gather(commits, told.clone()));
        Self(told)
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<Utf8Bytes> {
        self.0.subscribe()
    }
}

async fn gather(
    mut commits: broadcast::Receiver<Arc<Committed>>,
    told: broadcast::Sender<Utf8Bytes>,
) {
    let mut changed = Changed::default();
    let mut next = Instant::now();
    loop {
        tokio::select! {
            turn = commits.recv() => match turn {
                Ok(turn) => changed.add(&turn.summary),
                Err(RecvError::Lagged(_)) => changed.missed = true,
                Err(RecvError::Closed) => return,
            },
            () = sleep_until(next), if changed.is_any() => {
                next = Instant::now() + GATHERED;
                let news = std::mem::take(&mut changed);
                // Nobody listening is no error, and not worth the writing.
                if told.receiver_count() > 0 {
                    let _ = told.send(written(&news.into_message()));
                }
            }
        }
    }
}

/// Runs that stand otherwise than when the last digest was told.
#[derive(Default)]
struct Changed {
    runs: BTreeMap<RunId, Arc<RunSummary>>,
    /// There were more changes than the bus keeps.
    missed: bool,
}

impl Changed {
    fn add(&mut self, summary: &Arc<RunSummary>) {
        let run_id = summary.header.run_id.clone();
        self.runs.insert(run_id, Arc::clone(summary));
    }

    fn is_any(&self) -> bool {
        self.missed || !self.runs.is_empty()
    }

    fn into_message(self) -> Message {
        if self.missed {
            return Message::RunsMissed;
        }
        Message::Runs {
            summaries: self.runs.into_values().collect(),
        }
    }
}

pub(super) fn written(message: &Message) -> Utf8Bytes {
    serde_json::to_string(message).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::start;

    fn turn(run: &str, seq: u32) -> Arc<Committed> {
        let commit = start(run);
        let mut summary = RunSummary::clone(&commit.summary);
        summary.seq = seq;
        Arc::new(Committed {
            events: commit.events,
            summary: Arc::new(summary),
        })
    }

    /// The runs in a digest, with the number of the last event that it knows of.
    fn told(digest: &Utf8Bytes) -> Vec<(String, u32)> {
        let message: Message = serde_json::from_str(digest).expect("a message");
        let Message::Runs { summaries } = message else {
            panic!("{digest}");
        };
        let told = summaries.iter();
        told.map(|run| (run.header.run_id.to_string(), run.seq))
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_change_is_told_at_once_and_then_only_the_newest_of_each_run() {
        let bus = broadcast::Sender::new(64);
        let digest = Digest::of(bus.subscribe());
        let mut tab = digest.subscribe();
        let began = Instant::now();
        let publish = |run: &str, seq| {
            bus.send(turn(run, seq)).expect("it is gathered");
        };
        publish("a", 1);
        let first = tab.recv().await.expect("a digest");
        assert_eq!(told(&first), [("a".to_owned(), 1)]);
        assert_eq!(began.elapsed(), Duration::ZERO);
        for seq in 2..9 {
            publish("a", seq);
        }
        publish("b", 1);
        let second = tab.recv().await.expect("a digest");
        assert_eq!(told(&second), [("a".to_owned(), 8), ("b".to_owned(), 1)]);
        assert!(began.elapsed() >= GATHERED);
        assert!(tab.try_recv().is_err(), "nothing is told twice");
    }

    #[tokio::test(start_paused = true)]
    async fn changes_that_were_dropped_are_told_as_missed() {
        let bus = broadcast::Sender::new(2);
        let commits = bus.subscribe();
        for seq in 1..9 {
            bus.send(turn("a", seq)).expect("it is kept for a while");
        }
        let mut tab = Digest::of(commits).subscribe();
        let digest = tab.recv().await.expect("a digest");
        assert!(matches!(
            serde_json::from_str(&digest),
            Ok::<Message, _>(Message::RunsMissed)
        ));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_told_and_who_comes_later_hears_of_what_is_new() {
        let bus = broadcast::Sender::new(64);
        let digest = Digest::of(bus.subscribe());
        bus.send(turn("a", 1)).expect("it is gathered");
        tokio::time::sleep(2 * GATHERED).await;
        let mut tab = digest.subscribe();
        bus.send(turn("b", 1)).expect("it is gathered");
        let heard = tab.recv().await.expect("a digest");
        assert_eq!(told(&heard), [("b".to_owned(), 1)]);
        drop(bus);
        tokio::time::sleep(GATHERED).await;
        assert_eq!(digest.0.strong_count(), 1, "it ends with the bus");
    }
}
