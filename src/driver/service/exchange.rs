//! Workflows on their way out and in: as files that git can compare, and many at once, all or none.

use std::collections::{BTreeMap, BTreeSet};

use super::versions::TRIES_MAX;
use super::workflows::{Making, checked_note, overrun, subworkflows};
use super::{AuthoringError, Service, ServiceError};
use crate::engine::diagnostic::Diagnostic;
use crate::engine::workflow::{Workflow, slug_of};
use crate::store::{Store, StoreError, WorkflowChange};

/// Which versions of the workflows it runs a document names when it leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pins {
    /// All, as they are stored.
    #[default]
    All,
    /// Those that are not the current ones: whoever takes the document in pins what is current there.
    Moved,
}

/// A workflow that is to be taken in.
#[derive(Clone, Debug)]
pub struct Incoming {
    pub slug: String,
    pub definition: Workflow,
}

/// What has become, or would become, of a workflow that was taken in.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    pub slug: String,
    pub outcome: ImportOutcome,
    /// The version that is current now.
    pub version: u32,
    /// It had been deleted.
    pub brought_back: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportOutcome {
    Created,
    /// It has another version.
    Changed,
    Unchanged,
}

/// What stands in the way of taking one workflow in.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportProblem {
    pub slug: String,
    pub problem: Diagnostic,
}

/// What an import would do.
#[derive(Default)]
struct Intake {
    changes: Vec<WorkflowChange>,
    imported: Vec<Imported>,
    problems: Vec<ImportProblem>,
}

impl Service {
    /// The document of a version, the current one when absent, and the slug of its workflow.
    pub async fn exported(
        &self,
        slug_or_id: &str,
        number: Option<u32>,
        pins: Pins,
    ) -> Result<(String, Workflow), ServiceError> {
        let (row, mut definition) = self.workflow(slug_or_id).await?;
        if let Some(number) = number {
            definition = self.version_of_workflow(row.id.as_str(), number).await?.1;
        }
        definition.slug = Some(row.slug.clone());
        match pins {
            Pins::All => {}
            Pins::Moved => self.unpin(&mut definition).await?,
        }
        Ok((row.slug, definition))
    }

    async fn unpin(&self, definition: &mut Workflow) -> Result<(), ServiceError> {
        for step in subworkflows(&mut definition.steps) {
            let Some(slug) = &step.workflow else { continue };
            let current = self.store.find_version(slug, None).await?;
            let current = current.filter(|current| !current.deleted);
            if step.version.is_some() && current.map(|current| current.number) == step.version {
                step.version = None;
            }
        }
        Ok(())
    }

    /// Takes workflows in: makes those that are new, adds a version to those that are different, brings back those that
    /// were deleted. All of it is stored, or, when anything is wrong with one of them, nothing. Answers in the order of
    /// the slugs.
    pub async fn import(
        &self,
        incoming: Vec<Incoming>,
        note: &str,
        dry_run: bool,
        actor: &str,
    ) -> Result<Vec<Imported>, ServiceError> {
        let note = checked_note(note)?;
        let incoming = called_first(incoming);
        for _ in 0..TRIES_MAX {
            let mut intake = self.intake(&incoming, &note, actor).await?;
            if !intake.problems.is_empty() {
                return Err(ServiceError::NotImported(intake.problems));
            }
            intake.imported.sort_by(|a, b| a.slug.cmp(&b.slug));
            if dry_run || intake.changes.is_empty() {
                return Ok(intake.imported);
            }
            let stored = self
                .store
                .change_workflows(&intake.changes, self.now())
                .await;
            match stored {
                Ok(()) => {
                    self.triggers.look_again();
                    return Ok(intake.imported);
                }
                // Somebody has saved one of them meanwhile, or made one of that name.
                Err(StoreError::Stale | StoreError::SlugTaken(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(overrun())
    }

    async fn intake(
        &self,
        incoming: &[Incoming],
        note: &str,
        actor: &str,
    ) -> Result<Intake, ServiceError> {
        let mut intake = Intake::default();
        let mut siblings = BTreeMap::new();
        for one in incoming {
            let slug = &one.slug;
            let refused = match wrong_slug(one) {
                Some(problem) => vec![problem],
                None if siblings.contains_key(slug) => {
                    let message = format!("`{slug}` is there twice.");
                    vec![Diagnostic::new("slug_twice", message).field("slug")]
                }
                None => match self.take_in(one, note, actor, &siblings, &mut intake).await {
                    Ok(version) => {
                        siblings.insert(slug.clone(), version);
                        continue;
                    }
                    Err(error) => diagnostics(error)?,
                },
            };
            let told = refused.into_iter().map(|problem| ImportProblem {
                slug: slug.clone(),
                problem,
            });
            intake.problems.extend(told);
        }
        Ok(intake)
    }

    /// Answers the number of the version that will be current.
    async fn take_in(
        &self,
        incoming: &Incoming,
        note: &str,
        actor: &str,
        siblings: &BTreeMap<String, u32>,
        intake: &mut Intake,
    ) -> Result<u32, ServiceError> {
        let Incoming { slug, definition } = incoming;
        let note = note.to_owned();
        let definition = Workflow {
            slug: Some(slug.clone()),
            ..definition.clone()
        };
        let mut imported = Imported {
            slug: slug.clone(),
            outcome: ImportOutcome::Created,
            version: 1,
            brought_back: false,
        };
        if self.store.workflow(slug).await?.is_none() {
            let making = Making::new_workflow(self.new_workflow_id(), note, actor, siblings);
            let new = self.prepared(making, definition).await?;
            intake.changes.push(WorkflowChange::Version(Box::new(new)));
        } else {
            let (row, current) = self.workflow(slug).await?;
            let making = Making {
                follows: row.version,
                is_template: row.is_template,
                ..Making::new_workflow(row.id.clone(), note, actor, siblings)
            };
            let next = self
                .next_version_as(&row, &current, definition, making)
                .await?;
            if row.built_in && next.is_some() {
                return Err(AuthoringError::BuiltIn(row.slug).into());
            }
            imported.brought_back = row.deleted_at.is_some();
            imported.version = row.version + u32::from(next.is_some());
            imported.outcome = match &next {
                Some(_) => ImportOutcome::Changed,
                None => ImportOutcome::Unchanged,
            };
            if imported.brought_back {
                intake.changes.push(WorkflowChange::BringBack(row.id));
            }
            intake
                .changes
                .extend(next.map(Box::new).map(WorkflowChange::Version));
        }
        let version = imported.version;
        intake.imported.push(imported);
        Ok(version)
    }
}

/// What its author can mend, in sentences; anything else stays an error.
fn diagnostics(error: ServiceError) -> Result<Vec<Diagnostic>, ServiceError> {
    match error {
        ServiceError::InvalidWorkflow(problems) => Ok(problems),
        ServiceError::Authoring(AuthoringError::BuiltIn(slug)) => {
            let message = format!("The template `{slug}` comes with the product.");
            let problem = Diagnostic::new("built_in_template", message);
            Ok(vec![problem.fix("Give this one another `slug`.")])
        }
        ServiceError::Authoring(error @ AuthoringError::WorkflowTooLarge) => {
            let message = format!("Too long: {error}.");
            Ok(vec![Diagnostic::new("workflow_too_large", message)])
        }
        other => Err(other),
    }
}

fn wrong_slug(incoming: &Incoming) -> Option<Diagnostic> {
    let Incoming { slug, definition } = incoming;
    let as_written = |slug: &str| {
        slug_of(&Workflow {
            slug: Some(slug.to_owned()),
            ..Workflow::default()
        })
    };
    if as_written(slug) != *slug {
        let message = format!("`{slug}` cannot be the slug of a workflow.");
        let fix = format!("Call it `{}`.", as_written(slug));
        return Some(Diagnostic::new("bad_slug", message).field("slug").fix(fix));
    }
    match &definition.slug {
        Some(own) if as_written(own) != *slug => {
            let message = format!("It says that its slug is `{own}`, and is sent as `{slug}`.");
            Some(Diagnostic::new("bad_slug", message).field("slug"))
        }
        Some(_) | None => None,
    }
}

/// Workflows that others run as steps come before those, so that these find the version they will have.
fn called_first(incoming: Vec<Incoming>) -> Vec<Incoming> {
    let mut waiting: Vec<(Incoming, BTreeSet<String>)> = incoming
        .into_iter()
        .map(|mut one| {
            let called = subworkflows(&mut one.definition.steps);
            let called = called.into_iter().filter_map(|step| step.workflow.clone());
            let called = called.filter(|slug| *slug != one.slug).collect();
            (one, called)
        })
        .collect();
    let mut sorted = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let names: BTreeSet<String> = waiting.iter().map(|(one, _)| one.slug.clone()).collect();
        let (ready, rest): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|(_, called)| called.is_disjoint(&names));
        if ready.is_empty() {
            // They run one another: whichever is first may find the other missing, and says so.
            sorted.extend(rest.into_iter().map(|(one, _)| one));
            return sorted;
        }
        sorted.extend(ready.into_iter().map(|(one, _)| one));
        waiting = rest;
    }
    sorted
}
