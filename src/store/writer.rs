//! Group commit: one task gathers what all runs have ready and has it stored in one transaction, so that many runs
//! share one wait for the disk.

use async_trait::async_trait;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::StoreError;
use super::entry::Entry;
use crate::engine::ids::RunId;

/// Turns in one transaction: beyond this the wait of the first outweighs what the last saves.
const BATCH_TURNS_MAX: usize = 512;
/// Turns that may wait for the writer before callers have to.
const QUEUE_TURNS_MAX: usize = 4_096;

/// How long a writing thread looks for the next turn before it goes to sleep. Of a run whose steps are quick the next
/// turn comes within this time, and waking a thread up takes about as long.
const LOOK_AROUND: Duration = Duration::from_micros(60);

type Answer = oneshot::Sender<Verdict>;

/// What became of one turn.
pub(super) type Verdict = Result<(), StoreError>;

/// How a database stores many turns at once.
#[async_trait]
pub(super) trait Ledger: Send + 'static {
    /// Stores the turns whose expectations hold, all in one transaction; the others get their reason and leave
    /// nothing behind. One verdict a turn, in order. No two turns are of the same run. An error is everybody's.
    async fn store(&mut self, turns: &[Entry]) -> Result<Vec<Verdict>, StoreError>;
}

/// The same for a database in this process, which works instead of waiting.
pub(super) trait LocalLedger: Send + 'static {
    /// As `Ledger::store`.
    fn store(&mut self, turns: &[Entry]) -> Result<Vec<Verdict>, StoreError>;
}

pub(super) struct Writer {
    queue: mpsc::Sender<Job>,
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

enum Job {
    Turn(Box<Entry>, Answer),
    /// Nothing is written any more; the answer comes when the ledger has been let go of.
    Close(oneshot::Sender<()>),
}

impl Writer {
    pub(super) fn start(mut ledger: impl Ledger) -> Self {
        let (queue, mut waiting) = mpsc::channel(QUEUE_TURNS_MAX);
        let standing = Arc::new(Standing::default());
        let noted = Arc::clone(&standing);
        tokio::spawn(async move {
            let mut jobs = Vec::new();
            let mut closing = None;
            while closing.is_none() && waiting.recv_many(&mut jobs, BATCH_TURNS_MAX).await > 0 {
                let mut batch = turns_of(&mut jobs, &mut closing);
                while !batch.is_empty() {
                    let (turns, answers) = one_turn_per_run(&mut batch);
                    let verdicts = ledger.store(&turns).await;
                    answer(answers, verdicts, &noted);
                }
            }
            close(waiting, ledger, closing);
        });
        Self { queue, standing }
    }

    /// With a thread of its own, so that nobody else waits for the disk.
    pub(super) fn on_a_thread(mut ledger: impl LocalLedger) -> std::io::Result<Self> {
        let (queue, mut waiting) = mpsc::channel(QUEUE_TURNS_MAX);
        let standing = Arc::new(Standing::default());
        let noted = Arc::clone(&standing);
        let work = move || {
            let mut jobs = Vec::new();
            let mut closing = None;
            while closing.is_none() && next(&mut waiting, &mut jobs) > 0 {
                let mut batch = turns_of(&mut jobs, &mut closing);
                while !batch.is_empty() {
                    let (turns, answers) = one_turn_per_run(&mut batch);
                    let verdicts = ledger.store(&turns);
                    answer(answers, verdicts, &noted);
                }
            }
            close(waiting, ledger, closing);
        };
        std::thread::Builder::new()
            .name("log-writer".to_owned())
            .spawn(work)?;
        Ok(Self { queue, standing })
    }

    /// Nothing can be stored any more, until the next start.
    pub(super) fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    /// The last turns could not be stored.
    pub(super) fn fails(&self) -> bool {
        self.standing.fails.load(Ordering::Relaxed)
    }

    /// Something was stored by another way.
    pub(super) fn note_success(&self) {
        self.standing.note(Ok(()));
    }

    pub(super) async fn commit(&self, entry: Entry) -> Verdict {
        let gone = || StoreError::Unavailable("the writer has stopped".to_owned());
        let (answer, answered) = oneshot::channel();
        self.queue
            .send(Job::Turn(Box::new(entry), answer))
            .await
            .map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    /// Waits for what is being written; later turns are refused.
    pub(super) async fn close(&self) {
        let (closed, answer) = oneshot::channel();
        if self.queue.send(Job::Close(closed)).await.is_ok() {
            // It may have been closed by somebody else meanwhile.
            let _ = answer.await;
        }
    }
}

/// As `blocking_recv_many`, but looks around for a moment before it lies down.
fn next(waiting: &mut mpsc::Receiver<Job>, jobs: &mut Vec<Job>) -> usize {
    let began = Instant::now();
    while began.elapsed() < LOOK_AROUND {
        match waiting.try_recv() {
            Ok(job) => {
                jobs.push(job);
                while jobs.len() < BATCH_TURNS_MAX
                    && let Ok(job) = waiting.try_recv()
                {
                    jobs.push(job);
                }
                return jobs.len();
            }
            Err(TryRecvError::Empty) => std::thread::yield_now(),
            Err(TryRecvError::Disconnected) => return 0,
        }
    }
    waiting.blocking_recv_many(jobs, BATCH_TURNS_MAX)
}

fn turns_of(
    jobs: &mut Vec<Job>,
    closing: &mut Option<oneshot::Sender<()>>,
) -> Vec<(Entry, Answer)> {
    let mut turns = Vec::with_capacity(jobs.len());
    for job in jobs.drain(..) {
        match job {
            Job::Turn(entry, answer) if closing.is_none() => turns.push((*entry, answer)),
            // Whoever asked is told that the writer has stopped.
            Job::Turn(..) => {}
            Job::Close(closed) => *closing = Some(closed),
        }
    }
    turns
}

fn close<L>(waiting: mpsc::Receiver<Job>, ledger: L, closing: Option<oneshot::Sender<()>>) {
    drop(waiting);
    drop(ledger);
    if let Some(closed) = closing {
        let _ = closed.send(());
    }
}

/// Takes the first turn of each run; a second one of the same run needs the first to be stored before it.
fn one_turn_per_run(batch: &mut Vec<(Entry, Answer)>) -> (Vec<Entry>, Vec<Answer>) {
    let mut runs: BTreeSet<RunId> = BTreeSet::new();
    let (round, later): (Vec<_>, Vec<_>) = batch
        .drain(..)
        .partition(|(entry, _)| runs.insert(entry.turn.summary.header.run_id.clone()));
    *batch = later;
    round.into_iter().unzip()
}

fn answer(answers: Vec<Answer>, stored: Result<Vec<Verdict>, StoreError>, standing: &Standing) {
    standing.note(stored.as_ref().map(|_| ()));
    let verdicts = stored.unwrap_or_else(|error| vec![Err(error); answers.len()]);
    for (answer, verdict) in answers.into_iter().zip(verdicts) {
        // A caller who has gone away does not change what is stored.
        let _ = answer.send(verdict);
    }
}

/// The turns that nothing speaks against so far.
pub(super) fn accepted<'c>(
    turns: &'c [Entry],
    verdicts: &'c [Verdict],
) -> impl Iterator<Item = &'c Entry> + 'c {
    turns
        .iter()
        .zip(verdicts)
        .filter(|(_, verdict)| verdict.is_ok())
        .map(|(turn, _)| turn)
}
