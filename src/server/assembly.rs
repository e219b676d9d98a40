//! Puts the parts together: store, tools, driver, service. And the templates that come with the product.

use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use thiserror::Error;

use crate::driver::Driver;
use crate::driver::artifacts::StoredArtifacts;
use crate::driver::clock::{Clock, SystemClock};
use crate::driver::service::{NewTrigger, Service, ServiceError};
use crate::driver::tool::Toolbox;
use crate::engine::trigger::{Missed, Overlap, Schedule, Source};
use crate::engine::workflow::Workflow;
use crate::server::config::{DatabaseUrl, ToolLimit};
use crate::store::{Database, LeaseTerms, StoreError};
use crate::tools::toolbox;

/// The template that is made for a schedule, and brings one that somebody has to switch on.
const SCHEDULED: &str = "cron-health-check";

/// The tag of a template whose schedule may not be there yet.
const UNFINISHED: &str = "unfinished";

/// Each is a file in `templates/`.
const TEMPLATES: &[(&str, &str)] = &[
    (
        "system-health-check",
        include_str!("../../templates/system-health-check.yaml"),
    ),
    (
        SCHEDULED,
        include_str!("../../templates/cron-health-check.yaml"),
    ),
    (
        "endpoint-survey",
        include_str!("../../templates/endpoint-survey.yaml"),
    ),
    (
        "wait-until-healthy",
        include_str!("../../templates/wait-until-healthy.yaml"),
    ),
    (
        "deploy-rehearsal",
        include_str!("../../templates/deploy-rehearsal.yaml"),
    ),
];

#[derive(Debug, Error)]
pub enum AssemblyError {
    #[error("the database {url} cannot be used: {source}")]
    Database {
        url: DatabaseUrl,
        source: StoreError,
    },
    #[error("there is no tool {name} to limit; there are {known}")]
    NoSuchTool { name: String, known: String },
    #[error("the template {name} is broken: {reason}")]
    Template { name: &'static str, reason: String },
}

/// Opens the database, makes the tools, bounded by `limits` and with `mark` on their requests, brings templates up to date and takes up the runs
/// that have not ended.
pub async fn assemble(
    url: &DatabaseUrl,
    terms: &LeaseTerms,
    listening: SocketAddr,
    mark: &str,
    limits: &[ToolLimit],
) -> Result<Service, AssemblyError> {
    let database = |source| AssemblyError::Database {
        url: url.clone(),
        source,
    };
    let store = Arc::new(
        Database::open(url.as_str(), terms)
            .await
            .map_err(database)?,
    );
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let artifacts = StoredArtifacts::new(Arc::clone(&store), Arc::clone(&clock));
    let address = format!("http://{listening}");
    let tools = limited(toolbox(Arc::new(artifacts), mark), limits)?;
    let driver = Driver::new(store.clone(), tools, clock, &address);
    let service = Service::new(driver, store);
    service.store().index_workflows().await.map_err(database)?;
    for (name, text) in TEMPLATES {
        seed(&service, name, text).await?;
    }
    let taken_up = service.recover().await.map_err(database)?;
    if taken_up > 0 {
        let runs = if taken_up == 1 { "run" } else { "runs" };
        tracing::info!(
            runs = taken_up,
            "took up {taken_up} {runs} that had not ended"
        );
    }
    Ok(service)
}

fn limited(tools: Toolbox, limits: &[ToolLimit]) -> Result<Toolbox, AssemblyError> {
    let catalogue = tools.catalogue();
    let limits = limits.iter().map(|limit| (limit.tool.clone(), limit.max));
    let known = || catalogue.names().collect::<Vec<_>>().join(", ");
    tools
        .limited(limits.collect())
        .map_err(|name| AssemblyError::NoSuchTool {
            name,
            known: known(),
        })
}

async fn seed(service: &Service, name: &'static str, text: &str) -> Result<(), AssemblyError> {
    let broken = |reason: String| AssemblyError::Template { name, reason };
    let workflow: Workflow =
        serde_saphyr::from_str(text).map_err(|error| broken(error.to_string()))?;
    let refused = |error: ServiceError| match error {
        ServiceError::InvalidWorkflow(problems) => {
            let lines = problems.iter().map(|problem| format!("\n  {problem}"));
            broken(lines.collect())
        }
        other => broken(other.to_string()),
    };
    if name == SCHEDULED {
        bring_schedule(service, name, &workflow)
            .await
            .map_err(refused)?;
    }
    service.seed_template(workflow).await.map_err(refused)
}

/// Makes the schedule with the template itself and not again: somebody may have changed it since, or deleted it. The two
/// are stored one after the other, so the template is stored with a mark at first, and without it once both are there:
/// whoever finds the mark goes on where a process has died.
async fn bring_schedule(
    service: &Service,
    name: &str,
    workflow: &Workflow,
) -> Result<(), ServiceError> {
    let has_mark = match service.workflow(name).await {
        Ok((row, _)) => row.is_template && row.tags.iter().any(|tag| tag == UNFINISHED),
        Err(ServiceError::NotFound(_)) => {
            let mut marked = workflow.clone();
            marked.tags.push(UNFINISHED.to_owned());
            service.seed_template(marked).await?;
            true
        }
        Err(other) => return Err(other),
    };
    if has_mark && service.triggers(name, None, 1).await?.is_empty() {
        service.create_trigger(quarter_hourly(name)).await?;
    }
    Ok(())
}

fn quarter_hourly(workflow: &str) -> NewTrigger {
    NewTrigger {
        workflow: workflow.to_owned(),
        name: "Every quarter of an hour".to_owned(),
        enabled: false,
        source: Source::Schedule(Schedule {
            cron: "*/15 * * * *".to_owned(),
            zone: "UTC".to_owned(),
            input: json!({}),
            missed: Missed::Skip,
            overlap: Overlap::Skip,
        }),
    }
}
