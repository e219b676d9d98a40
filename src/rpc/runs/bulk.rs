//! Several runs cancelled or retried: first what would be done with each, then what came of it. Run by run, through the
//! same commands as one alone.

use serde::Deserialize;
use std::fmt::Write;

use super::{BulkAct, BulkItem, BulkView};
use crate::driver::SubmitError;
use crate::driver::service::{Service, ServiceError};
use crate::engine::ids::RunId;
use crate::engine::limits::BULK_RUNS_MAX;
use crate::engine::listing::{Asked, encoded, pairs};
use crate::engine::state::RunStatus;
use crate::engine::summary::RunSummary;
use crate::rpc::error::PageError;
use crate::rpc::{LOCAL_ACTOR, read_word};

/// What came of one run, as the address says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Came {
    Done,
    Refused,
    /// It had gone on since it was shown.
    Moved,
    Gone,
    /// Nobody knows: the database did not answer, or the server was stopping.
    Failed,
}

impl Came {
    fn word(self) -> &'static str {
        match self {
            Came::Done => "done",
            Came::Refused => "refused",
            Came::Moved => "moved",
            Came::Gone => "gone",
            Came::Failed => "failed",
        }
    }
}

/// What the address of the page says.
struct Chosen {
    act: BulkAct,
    runs: Vec<RunId>,
    came: Vec<Came>,
    back: String,
}

fn chosen(query: &str) -> Result<Chosen, PageError> {
    let (mut act, mut runs, mut came, mut back) =
        (String::new(), Vec::new(), Vec::new(), String::new());
    for (name, text) in pairs(query) {
        match name.as_str() {
            "act" => act = text,
            "run" => {
                let run = RunId::new(text);
                if !runs.contains(&run) {
                    runs.push(run);
                }
            }
            "came" => came.push(read_word(&text, "came", "a word of ours")?),
            "back" => back = Asked::of_query(&text).query(),
            _ => {}
        }
    }
    let act = read_word(&act, "act", "cancel or retry")?;
    // That none is chosen the page says itself, with the way back.
    check_number(runs.len().max(1))?;
    Ok(Chosen {
        act,
        runs,
        came,
        back,
    })
}

fn check_number(runs: usize) -> Result<(), PageError> {
    let refuse = |message: String| Err(PageError::new(422, "bad_request", message));
    match runs {
        0 => refuse("No run is chosen. Go back and choose some.".to_owned()),
        1..=BULK_RUNS_MAX => Ok(()),
        _ => refuse(format!(
            "{runs} runs are chosen. Choose at most {BULK_RUNS_MAX} at once."
        )),
    }
}

pub(super) async fn view(service: &Service, query: &str) -> Result<BulkView, PageError> {
    let Chosen {
        act,
        runs,
        came,
        back,
    } = chosen(query)?;
    let is_done = !came.is_empty();
    let (mut items, mut gone, mut ready, mut named) = (Vec::new(), 0, 0, String::new());
    for (at, run_id) in runs.iter().enumerate() {
        let run = match service.run_summary(run_id).await {
            Ok(run) => run,
            Err(ServiceError::NotFound(_)) => {
                gone += 1;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let refused = why_not(service, act, &run).await;
        let item = match came.get(at) {
            Some(came) => outcome(act, *came, refused, run),
            None => {
                if refused.is_none() && !is_done {
                    ready += 1;
                    // Writing to a string cannot fail.
                    let _ = write!(named, "{run_id}:{} ", run.seq);
                }
                outlook(act, refused, run)
            }
        };
        items.push(item);
    }
    Ok(BulkView {
        act,
        is_done,
        items,
        gone,
        ready,
        runs: named.trim_end().to_owned(),
        back,
        now: service.now(),
    })
}

fn outlook(act: BulkAct, refused: Option<&'static str>, run: RunSummary) -> BulkItem {
    let says = match (refused, act) {
        (Some(why), _) => format!("Is left alone: {why}."),
        (None, BulkAct::Cancel) => "Is told to stop.".to_owned(),
        (None, BulkAct::Retry) => "Goes on with what has failed.".to_owned(),
    };
    BulkItem {
        run,
        says,
        is_refused: refused.is_some(),
    }
}

fn outcome(act: BulkAct, came: Came, refused: Option<&'static str>, run: RunSummary) -> BulkItem {
    let says = match (came, act) {
        (Came::Done, BulkAct::Cancel) => "Has been told to stop.".to_owned(),
        (Came::Done, BulkAct::Retry) => "Has been retried.".to_owned(),
        (Came::Refused, _) => match refused {
            Some(why) => format!("Was left alone: {why}."),
            None => "Was left alone.".to_owned(),
        },
        (Came::Moved, _) => "Was left alone: it has gone on since it was shown.".to_owned(),
        (Came::Gone, _) => "Was not there.".to_owned(),
        (Came::Failed, _) => {
            "The database did not answer in time. Look at the run before you do it again."
                .to_owned()
        }
    };
    BulkItem {
        run,
        says,
        is_refused: came != Came::Done,
    }
}

/// Why it cannot be done with a run as it stands; none when it can.
async fn why_not(service: &Service, act: BulkAct, run: &RunSummary) -> Option<&'static str> {
    match (act, run.status) {
        (BulkAct::Cancel, RunStatus::Completed | RunStatus::Failed | RunStatus::Cancelled) => {
            Some("it has ended already")
        }
        (BulkAct::Cancel, RunStatus::Cancelling) => Some("it is being cancelled already"),
        (
            BulkAct::Cancel,
            RunStatus::Pending | RunStatus::Running | RunStatus::Waiting | RunStatus::Paused,
        ) => None,
        (BulkAct::Retry, RunStatus::Failed) => {
            // Only its log tells; one that cannot be read is not told apart, and refused when it comes to it.
            let record = service.run(&run.header.run_id).await.ok()?;
            let undone = record.state().compensating.is_some();
            undone.then_some("what it had done was undone, so it can only be run again")
        }
        (BulkAct::Retry, RunStatus::Completed) => Some("it has completed"),
        (BulkAct::Retry, RunStatus::Cancelled) => {
            Some("it was cancelled, and only what has failed can be retried")
        }
        (
            BulkAct::Retry,
            RunStatus::Pending
            | RunStatus::Running
            | RunStatus::Waiting
            | RunStatus::Paused
            | RunStatus::Cancelling,
        ) => Some("it has not ended"),
    }
}

pub(super) async fn act(
    service: &Service,
    act: BulkAct,
    runs: &str,
    comment: &str,
    back: &str,
) -> Result<(), PageError> {
    let mut named = Vec::new();
    for word in runs.split_whitespace() {
        let (run_id, seq) = word.split_once(':').unwrap_or((word, ""));
        let seq: u32 = seq.parse().map_err(|_| {
            let message = "`runs` takes ids, each with a colon and the number of its last event.";
            PageError::new(422, "bad_request", message)
        })?;
        let run_id = RunId::new(run_id);
        if named.iter().all(|(known, _)| *known != run_id) {
            named.push((run_id, seq));
        }
    }
    check_number(named.len())?;
    let word = match act {
        BulkAct::Cancel => "cancel",
        BulkAct::Retry => "retry",
    };
    let mut address = format!("/runs/bulk?act={word}");
    for (run_id, seq) in named {
        let came = act_on(service, act, &run_id, seq, comment).await.word();
        // Writing to a string cannot fail.
        let _ = write!(address, "&run={}&came={came}", encoded(run_id.as_str()));
    }
    let back = Asked::of_query(back).query();
    let _ = write!(address, "&back={}", encoded(&back));
    leptos_axum::redirect(&address);
    Ok(())
}

async fn act_on(service: &Service, act: BulkAct, run_id: &RunId, seq: u32, comment: &str) -> Came {
    let comment = comment.to_owned();
    let done = match act {
        BulkAct::Cancel => service.cancel(run_id, LOCAL_ACTOR, comment).await,
        BulkAct::Retry => match service.run_summary(run_id).await {
            Ok(run) if run.seq != seq => return Came::Moved,
            Ok(_) => service.retry(run_id, LOCAL_ACTOR, comment).await,
            Err(error) => Err(error),
        },
    };
    match done {
        Ok(()) => Came::Done,
        Err(ServiceError::NotFound(_)) => Came::Gone,
        Err(ServiceError::Submit(SubmitError::Rejected(_))) => Came::Refused,
        Err(error) => {
            tracing::error!(run.id = %run_id, %error, "run {run_id} could not be acted on");
            Came::Failed
        }
    }
}
