//! Group commit: one task gathers what all runs have ready and has it stored in one transaction, so that many runs
//! share one wait for the disk.

use async_trait::async_trait;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{mpsc, oneshot};

use super::{Commit, StoreError};
use crate::engine::ids::RunId;

/// Turns in one transaction: beyond this the wait of the first outweighs what the last saves.
const BATCH_TURNS_MAX: usize = 512;
/// Turns that may wait for the writer before callers have to.
const QUEUE_TURNS_MAX: usize = 4_096;

type Answer = oneshot::Sender<Verdict>;

/// What became of one turn.
pub(super) type Verdict = Result<(), StoreError>;

/// How a database stores many turns at once.
#[async_trait]
pub(super) trait Ledger: Send + 'static {
    /// Stores the turns whose expectations hold, all in one transaction; the others get their reason and leave
    /// nothing behind. One verdict a turn, in order. No two turns are of the same run. An error is everybody's.
    async fn store(&mut self, turns: &[Commit]) -> Result<Vec<Verdict>, StoreError>;
}

pub(super) struct Writer {
    queue: mpsc::Sender<(Commit, Answer)>,
    standing: Arc<Standing>,
}

/// Whether what was tried last could be stored. Said in the log when it changes, and not each time: while the disk is
/// full every run tries again and again.
#[derive(Default)]
struct Standing {
    fails: AtomicBool,
}

impl Standing {
    fn note(&self, tried: Result<(), &StoreError>) {
        let passing = tried.is_err_and(StoreError::may_pass);
        let failed_before = self.fails.swap(passing, Ordering::Relaxed);
        match tried {
            Err(error) if !passing => tracing::error!(%error, "turns could not be stored"),
            Err(error) if !failed_before => tracing::error!(
                %error,
                "nothing can be stored: {error}. Runs wait, and go on when it is possible again"
            ),
            Ok(()) if failed_before => tracing::info!("turns can be stored again"),
            Ok(()) | Err(_) => {}
        }
    }
}

impl Writer {
    pub(super) fn start(mut ledger: impl Ledger) -> Self {
        let (queue, mut waiting) = mpsc::channel::<(Commit, Answer)>(QUEUE_TURNS_MAX);
        let standing = Arc::new(Standing::default());
        let noted = Arc::clone(&standing);
        tokio::spawn(async move {
            let mut batch = Vec::new();
            while waiting.recv_many(&mut batch, BATCH_TURNS_MAX).await > 0 {
                while !batch.is_empty() {
                    let round = one_turn_per_run(&mut batch);
                    store(&mut ledger, round, &noted).await;
                }
            }
        });
        Self { queue, standing }
    }

    /// The last turns could not be stored.
    pub(super) fn fails(&self) -> bool {
        self.standing.fails.load(Ordering::Relaxed)
    }

    /// Something was stored by another way.
    pub(super) fn note_success(&self) {
        self.standing.note(Ok(()));
    }

    pub(super) async fn commit(&self, commit: Commit) -> Verdict {
        let gone = || StoreError::Unavailable("the writer has stopped".to_owned());
        let (answer, answered) = oneshot::channel();
        self.queue
            .send((commit, answer))
            .await
            .map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

/// Takes the first turn of each run; a second one of the same run needs the first to be stored before it.
fn one_turn_per_run(batch: &mut Vec<(Commit, Answer)>) -> Vec<(Commit, Answer)> {
    let mut runs: BTreeSet<RunId> = BTreeSet::new();
    let (round, later) = batch
        .drain(..)
        .partition(|(commit, _)| runs.insert(commit.summary.header.run_id.clone()));
    *batch = later;
    round
}

async fn store(ledger: &mut impl Ledger, round: Vec<(Commit, Answer)>, standing: &Standing) {
    let (turns, answers): (Vec<Commit>, Vec<Answer>) = round.into_iter().unzip();
    let stored = ledger.store(&turns).await;
    standing.note(stored.as_ref().map(|_| ()));
    let verdicts = match stored {
        Ok(verdicts) => verdicts,
        Err(error) => vec![Err(error); turns.len()],
    };
    for (answer, verdict) in answers.into_iter().zip(verdicts) {
        // A caller who has gone away does not change what is stored.
        let _ = answer.send(verdict);
    }
}

/// The turns that nothing speaks against so far.
pub(super) fn accepted<'c>(
    turns: &'c [Commit],
    verdicts: &'c [Verdict],
) -> impl Iterator<Item = &'c Commit> + 'c {
    turns
        .iter()
        .zip(verdicts)
        .filter(|(_, verdict)| verdict.is_ok())
        .map(|(turn, _)| turn)
}
