//! Puts together what the pages show, from lists and logs.

use super::error::PageError;
use super::markdown;
use super::views::{
    ActiveRunView, ApprovalsView, ArtifactCard, ArtifactView, DoubtCard, GateCard, HomeView, Other,
    PairView, RecordView, RunStats, RunView,
};
use crate::driver::service::{RunRecord, Service, ServiceError};
use crate::engine::contrast::Contrast;
use crate::engine::event::{Event, Origin};
use crate::engine::ids::{ArtifactId, RunId, StepPath};
use crate::engine::large::lean;
use crate::engine::layout::{Graph, Picture, SIZES, layout};
use crate::engine::plan::Outline;
use crate::engine::sources::Source;
use crate::engine::state::RunStatus;
use crate::engine::summary::RunSummary;
use crate::engine::tasks::TaskList;
use crate::store::{OpenGate, RunFilter};
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// Items of the short lists on Home.
const SHORT_LIST: u32 = 8;
/// Workflows on Home that are told of how they do, and how many of their runs count.
const RECORDS: usize = 6;
const RUNS_OF_RECORD: u32 = 30;
/// Questions shown at once.
const GATES_SHOWN: u32 = 100;
/// Steps of a workflow that are drawn: nobody reads a picture of more.
const DRAWN_STEPS_MAX: usize = 1_000;
/// Runs offered to be compared with.
const CHOICES: u32 = 30;

pub(super) async fn home(service: &Service) -> Result<HomeView, PageError> {
    let store = service.store();
    let open = RunFilter {
        ended: Some(false),
        ..RunFilter::default()
    };
    let ended = RunFilter {
        ended: Some(true),
        ..RunFilter::default()
    };
    Ok(HomeView {
        active: store.list_runs(&open, SHORT_LIST).await?,
        waiting: gates(service).await?,
        doubts: doubts(service).await?,
        recent: store.list_runs(&ended, SHORT_LIST).await?,
        records: records(service).await?,
        stats: stats(service).await?,
        now: service.now(),
    })
}

/// How the last runs of the workflows have ended that ran last.
async fn records(service: &Service) -> Result<Vec<RecordView>, PageError> {
    let store = service.store();
    let mut records = Vec::new();
    for (id, slug, name) in store.workflows_that_ran(RECORDS).await? {
        let mut ended = store.last_ends(&id, RUNS_OF_RECORD).await?;
        ended.reverse();
        records.push(RecordView { slug, name, ended });
    }
    Ok(records)
}

async fn stats(service: &Service) -> Result<RunStats, PageError> {
    let mut stats = RunStats::default();
    for count in service.store().stats().await? {
        stats.total += count.runs;
        match count.status {
            RunStatus::Pending
            | RunStatus::Running
            | RunStatus::Waiting
            | RunStatus::Paused
            | RunStatus::Cancelling => stats.active += count.runs,
            RunStatus::Completed => stats.completed += count.runs,
            RunStatus::Failed => stats.failed += count.runs,
            RunStatus::Cancelled => stats.cancelled += count.runs,
        }
    }
    Ok(stats)
}

pub(super) async fn run(service: &Service, run_id: &RunId) -> Result<RunView, PageError> {
    let record = service.run(run_id).await?;
    let mut view = run_view(service, record).await?;
    view.logs = super::logs::tails(service, run_id).await?;
    Ok(view)
}

async fn run_view(service: &Service, record: RunRecord) -> Result<RunView, PageError> {
    let summary = record.summary();
    let run_id = &summary.header.run_id;
    let events = record.events.into_iter();
    Ok(RunView {
        outline: (*record.outline).clone(),
        events: events.map(|event| lean(run_id, event)).collect(),
        artifacts: service.store().artifacts_of(run_id).await?,
        logs: Vec::new(),
        now: service.now(),
        summary,
    })
}

pub(super) async fn run_pair(
    service: &Service,
    run_id: &RunId,
    with: &RunId,
) -> Result<PairView, PageError> {
    let this = service.run(run_id).await?;
    let same_workflow = RunFilter {
        workflow_id: Some(this.header.workflow_id.clone()),
        ..RunFilter::default()
    };
    let mut choices = service.store().list_runs(&same_workflow, CHOICES).await?;
    choices.retain(|choice| choice.header.run_id != *run_id);
    let other = match with.as_str() {
        "" => usual_pair(service, &this, &choices).await?,
        _ => Some(service.run(with).await?),
    };
    let Some(other) = other else {
        let run = run_view(service, this).await?;
        return Ok(PairView {
            run,
            other: None,
            choices,
        });
    };
    if other.header.workflow_id != this.header.workflow_id {
        let message = "Only runs of the same workflow can be compared.";
        return Err(PageError::new(422, "another_workflow", message));
    }
    // It can be older than those that are offered.
    if !choices
        .iter()
        .any(|choice| choice.header.run_id == other.header.run_id)
    {
        choices.push(other.summary());
    }
    let is_older = other.header.created_at < this.header.created_at;
    let (this, other, contrast) = side_by_side(this, other, is_older).await?;
    let other = Other {
        run: run_view(service, other).await?,
        is_older,
        contrast,
    };
    Ok(PairView {
        run: run_view(service, this).await?,
        other: Some(Box::new(other)),
        choices,
    })
}

/// The run that this one goes back to, unless it has been forgotten; else the one before it.
async fn usual_pair(
    service: &Service,
    this: &RunRecord,
    choices: &[RunSummary],
) -> Result<Option<RunRecord>, PageError> {
    let first = this.events.first().map(|first| &first.event);
    if let Some(Event::RunStarted {
        origin: Some(Origin::Fork { run_id, .. } | Origin::Again { run_id }),
        ..
    }) = first
    {
        match service.run(run_id).await {
            Ok(found) => return Ok(Some(found)),
            Err(ServiceError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let earlier = |choice: &&RunSummary| choice.header.created_at < this.header.created_at;
    let nearest = choices.iter().find(earlier).or(choices.last());
    match nearest {
        Some(nearest) => Ok(Some(service.run(&nearest.header.run_id).await?)),
        None => Ok(None),
    }
}

/// Beside the runtime: two large ones take a while.
async fn side_by_side(
    this: RunRecord,
    other: RunRecord,
    other_is_older: bool,
) -> Result<(RunRecord, RunRecord, Contrast), PageError> {
    let found = spawn_blocking(move || {
        let (one, two) = (this.state(), other.state());
        let contrast = match other_is_older {
            true => Contrast::of(&two, &one),
            false => Contrast::of(&one, &two),
        };
        (this, other, contrast)
    });
    let found = found.await;
    found.map_err(|error| PageError::new(500, "internal", error.to_string()))
}

pub(super) async fn run_picture(
    service: &Service,
    run_id: &RunId,
) -> Result<Option<Picture>, PageError> {
    let run = service.run_summary(run_id).await?;
    let outline = service.outline(&run.header.version_id).await?;
    drawn(outline).await
}

pub(super) async fn step_sources(
    service: &Service,
    run_id: &RunId,
    step: &StepPath,
) -> Result<Vec<Source>, PageError> {
    let run = service.run_summary(run_id).await?;
    Ok(service.sources(&run.header.version_id, step).await?)
}

/// None where there are too many steps. Beside the runtime: a large one takes a while.
pub(super) async fn drawn(outline: Arc<Outline>) -> Result<Option<Picture>, PageError> {
    if outline.steps.len() > DRAWN_STEPS_MAX {
        return Ok(None);
    }
    let drawn = spawn_blocking(move || layout(&Graph::of_outline(&outline), &SIZES)).await;
    drawn
        .map(Some)
        .map_err(|error| PageError::new(500, "internal", error.to_string()))
}

pub(super) async fn run_files(
    service: &Service,
    run_id: &RunId,
) -> Result<Vec<ArtifactCard>, PageError> {
    service.run_summary(run_id).await?;
    Ok(service.store().artifacts_of(run_id).await?)
}

pub(super) async fn active_run(service: &Service) -> Result<Option<ActiveRunView>, PageError> {
    let open = RunFilter {
        ended: Some(false),
        ..RunFilter::default()
    };
    let active = service.store().list_runs(&open, SHORT_LIST).await?;
    let waiting = active.iter().find(|run| run.waiting_for_people > 0);
    let Some(shown) = waiting.or(active.first()) else {
        return Ok(None);
    };
    let list = service.task_list(shown).await?;
    Ok(Some(ActiveRunView {
        id: shown.header.run_id.clone(),
        workflow_name: shown.header.workflow_name.clone(),
        list: TaskList::clone(&list),
    }))
}

pub(super) async fn waiting_count(service: &Service) -> Result<u32, PageError> {
    Ok(service.store().waiting_for_people().await?)
}

pub(super) async fn approvals(service: &Service) -> Result<ApprovalsView, PageError> {
    Ok(ApprovalsView {
        waiting: gates(service).await?,
        doubts: doubts(service).await?,
        now: service.now(),
    })
}

async fn gates(service: &Service) -> Result<Vec<GateCard>, PageError> {
    let gates = service.store().open_gates(None, GATES_SHOWN).await?;
    Ok(gates.into_iter().map(gate_card).collect())
}

/// Steps of which nobody knows whether they happened. Runs with such a step are few, so their logs tell. One that
/// cannot be read is left out, so that it does not hide the others.
async fn doubts(service: &Service) -> Result<Vec<DoubtCard>, PageError> {
    let in_doubt = RunFilter {
        ended: Some(false),
        in_doubt: true,
        ..RunFilter::default()
    };
    let mut doubts = Vec::new();
    for summary in service.store().list_runs(&in_doubt, GATES_SHOWN).await? {
        let run_id = &summary.header.run_id;
        let state = match service.run(run_id).await {
            Ok(record) => record.state(),
            Err(error) => {
                tracing::error!(run.id = %run_id, %error, "run {run_id} cannot be read");
                continue;
            }
        };
        doubts.extend(state.waiting_for_people().filter_map(|at| {
            let step = &state.steps[at];
            Some(DoubtCard {
                run_id: summary.header.run_id.clone(),
                step_id: state.path(at),
                step_name: state.name(at).to_owned(),
                workflow_name: summary.header.workflow_name.clone(),
                message: step.unknown.clone()?,
                since: step.attempts.last().and_then(|attempt| attempt.finished_at),
            })
        }));
    }
    Ok(doubts)
}

fn gate_card(gate: OpenGate) -> GateCard {
    GateCard {
        gate_id: gate.id,
        run_id: gate.run_id,
        step_id: gate.step_id,
        workflow_name: gate.workflow_name,
        question: gate.question,
        plan_hash: gate.plan_hash,
        opened_at: gate.opened_at,
        deadline: gate.deadline,
    }
}

pub(super) async fn artifact(
    service: &Service,
    run_id: &RunId,
    id: &ArtifactId,
) -> Result<ArtifactView, PageError> {
    let run = service.run_summary(run_id).await?;
    let file = service
        .store()
        .artifact(run_id, id)
        .await?
        .ok_or_else(|| PageError::not_found("file"))?;
    let text = String::from_utf8(file.content).ok();
    let html = match (&text, file.card.media_type.as_str()) {
        (Some(text), media_type) if media_type.starts_with("text/markdown") => {
            Some(markdown::to_html(text))
        }
        (Some(_) | None, _) => None,
    };
    Ok(ArtifactView {
        card: file.card,
        run,
        html,
        text,
    })
}
