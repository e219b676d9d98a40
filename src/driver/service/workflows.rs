//! Workflows as a whole: found, made, deleted and brought back, and the templates among them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{AuthoringError, Service, ServiceError};
use crate::driver::SubmitError;
use crate::engine::compile::compile;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::ids::{VersionId, WorkflowId, content_hash};
use crate::engine::input::FieldError;
use crate::engine::limits::{DEFINITION_BYTES_MAX, NAME_CHARS_MAX, NOTE_CHARS_MAX};
use crate::engine::plan::Outline;
use crate::engine::workflow::{Step, StepKind, Workflow, slug_of};
use crate::store::{NewVersion, Store, StoreError, WorkflowFilter, WorkflowRow};

/// What is known of a version beside its document.
pub(super) struct Making<'a> {
    pub workflow_id: WorkflowId,
    /// Of the version that it follows; 0 for a new workflow.
    pub follows: u32,
    pub is_template: bool,
    pub made_from: Option<WorkflowId>,
    pub note: String,
    pub actor: &'a str,
    /// Workflows that are made in the same change, by slug, with the number of their version.
    pub siblings: &'a BTreeMap<String, u32>,
}

impl<'a> Making<'a> {
    /// A workflow that is not there yet.
    pub(super) fn new_workflow(
        workflow_id: WorkflowId,
        note: String,
        actor: &'a str,
        siblings: &'a BTreeMap<String, u32>,
    ) -> Self {
        Self {
            workflow_id,
            follows: 0,
            is_template: false,
            made_from: None,
            note,
            actor,
            siblings,
        }
    }
}

impl Service {
    /// With the document of its current version. Also one that has been deleted: its history can be read.
    pub async fn workflow(
        &self,
        slug_or_id: &str,
    ) -> Result<(WorkflowRow, Workflow), ServiceError> {
        let row = self
            .store
            .workflow(slug_or_id)
            .await?
            .ok_or(ServiceError::NotFound("workflow"))?;
        let definition = self
            .store
            .definition(&row.version_id)
            .await?
            .ok_or(ServiceError::NotFound("version"))?;
        Ok((row, definition))
    }

    /// The same, of one that has not been deleted.
    pub(super) async fn present(
        &self,
        slug_or_id: &str,
    ) -> Result<(WorkflowRow, Workflow), ServiceError> {
        let found = self.workflow(slug_or_id).await?;
        if found.0.deleted_at.is_some() {
            return Err(AuthoringError::Deleted(found.0.slug).into());
        }
        Ok(found)
    }

    /// By name, a page at a time.
    pub async fn find_workflows(
        &self,
        filter: &WorkflowFilter,
        limit: u32,
    ) -> Result<Vec<WorkflowRow>, ServiceError> {
        Ok(self.store.find_workflows(filter, limit).await?)
    }

    /// Everything that is wrong with the document; nothing when it can be saved and run.
    pub fn problems(&self, workflow: &Workflow) -> Vec<Diagnostic> {
        compile(workflow, &self.catalogue())
            .err()
            .unwrap_or_default()
    }

    pub(super) fn compiled(&self, workflow: &Workflow) -> Result<Arc<Outline>, ServiceError> {
        compile(workflow, &self.catalogue())
            .map(|plan| plan.outline)
            .map_err(ServiceError::InvalidWorkflow)
    }

    pub async fn create_workflow(
        &self,
        definition: Workflow,
        actor: &str,
    ) -> Result<WorkflowRow, ServiceError> {
        let none = BTreeMap::new();
        let making = Making::new_workflow(self.new_workflow_id(), String::new(), actor, &none);
        self.make(making, definition).await
    }

    /// A template that is a copy of the workflow as it stands. Unless it is given a name it gets one that is free.
    pub async fn save_as_template(
        &self,
        slug_or_id: &str,
        name: Option<String>,
        slug: Option<String>,
        actor: &str,
    ) -> Result<WorkflowRow, ServiceError> {
        let (row, definition) = self.present(slug_or_id).await?;
        let is_named = name.is_some() || slug.is_some();
        let name = name.unwrap_or_else(|| shortened(&row.name, " template"));
        let mut definition = Workflow {
            slug,
            name,
            ..definition
        };
        if !is_named && self.store.workflow(&slug_of(&definition)).await?.is_some() {
            definition = self.copy(definition).await?;
        }
        let none = BTreeMap::new();
        let new = Making::new_workflow(self.new_workflow_id(), String::new(), actor, &none);
        let making = Making {
            is_template: true,
            ..new
        };
        self.make(making, definition).await
    }

    /// Undoes `save_as_template`: the template is a workflow like any other from now on. What began as it stays.
    pub async fn withdraw_template(&self, slug_or_id: &str) -> Result<(), ServiceError> {
        let (row, _) = self.changeable(slug_or_id).await?;
        self.store.withdraw_template(&row.id).await?;
        Ok(())
    }

    /// Takes it off the lists. Nothing starts it any more; its runs go on, and it may come back.
    pub async fn delete_workflow(&self, slug_or_id: &str) -> Result<(), ServiceError> {
        let (row, _) = self.workflow(slug_or_id).await?;
        if row.built_in {
            return Err(AuthoringError::BuiltIn(row.slug).into());
        }
        self.store.delete_workflow(&row.id, self.now()).await?;
        self.triggers.look_again();
        Ok(())
    }

    /// Undoes `delete_workflow`.
    pub async fn undelete_workflow(&self, slug_or_id: &str) -> Result<WorkflowRow, ServiceError> {
        let (row, _) = self.workflow(slug_or_id).await?;
        self.store.undelete_workflow(&row.id, self.now()).await?;
        self.triggers.look_again();
        Ok(self.workflow(row.id.as_str()).await?.0)
    }

    pub(super) fn new_workflow_id(&self) -> WorkflowId {
        WorkflowId::new(self.driver.clock().new_id())
    }

    async fn make(
        &self,
        making: Making<'_>,
        definition: Workflow,
    ) -> Result<WorkflowRow, ServiceError> {
        let new = self.prepared(making, definition).await?;
        if let Err(error) = self.store.save_version(&new).await {
            return Err(self.told(error).await);
        }
        Ok(self.workflow(new.workflow_id.as_str()).await?.0)
    }

    /// Of a short name that is taken, whether a deleted workflow keeps it.
    pub(super) async fn told(&self, error: StoreError) -> ServiceError {
        if let StoreError::SlugTaken(slug) = &error
            && let Ok(Some(row)) = self.store.workflow(slug).await
            && row.deleted_at.is_some()
        {
            return AuthoringError::SlugOfDeleted(row.slug).into();
        }
        error.into()
    }

    /// The version as it is stored: compiled, and with the workflows that it runs pinned.
    pub(super) async fn prepared(
        &self,
        making: Making<'_>,
        mut definition: Workflow,
    ) -> Result<NewVersion, ServiceError> {
        definition.slug = Some(slug_of(&definition));
        bounded(&definition)?;
        self.compiled(&definition)?;
        self.pin_versions(&mut definition, making.follows + 1, making.siblings)
            .await?;
        let outline = self.compiled(&definition)?;
        Ok(self.version(making, definition, outline))
    }

    /// Workflows that it runs as steps stay at the version they have now. `number` is the version being saved: it may
    /// call itself.
    pub(super) async fn pin_versions(
        &self,
        definition: &mut Workflow,
        number: u32,
        siblings: &BTreeMap<String, u32>,
    ) -> Result<(), ServiceError> {
        let own = slug_of(definition);
        let mut wrong = Vec::new();
        for step in subworkflows(&mut definition.steps) {
            let Some(slug) = step.workflow.clone() else {
                continue;
            };
            let fits = |number: u32| step.version.is_none_or(|version| version == number);
            if slug == own && fits(number) {
                step.version = Some(number);
                continue;
            }
            if let Some(number) = siblings.get(&slug).filter(|number| fits(**number)) {
                step.version = Some(*number);
                continue;
            }
            let (code, message) = match self.store.find_version(&slug, step.version).await? {
                // A version that is named still runs.
                Some(found) if found.deleted && step.version.is_none() => (
                    "deleted_workflow",
                    format!("The workflow `{slug}` has been deleted."),
                ),
                Some(found) => {
                    step.version = Some(found.number);
                    continue;
                }
                None => ("unknown_workflow", unknown(&slug, step.version)),
            };
            let problem = Diagnostic::new(code, message);
            wrong.push(problem.step(&step.id).field("workflow"));
        }
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(ServiceError::InvalidWorkflow(wrong))
        }
    }

    /// Puts a template that comes with the product in place: new, or as its next version when it has changed since.
    pub async fn seed_template(&self, mut definition: Workflow) -> Result<(), ServiceError> {
        let existing = self.store.workflow(&slug_of(&definition)).await?;
        let follows = existing.as_ref().map_or(0, |row| row.version);
        let none = BTreeMap::new();
        self.pin_versions(&mut definition, follows + 1, &none)
            .await?;
        let outline = self.compiled(&definition)?;
        let workflow_id = match &existing {
            Some(row) if !row.built_in => return Ok(()),
            Some(row) => row.id.clone(),
            None => self.new_workflow_id(),
        };
        let making = Making {
            is_template: true,
            follows,
            ..Making::new_workflow(workflow_id, String::new(), "signalbox", &none)
        };
        let new = NewVersion {
            built_in: true,
            ..self.version(making, definition, outline)
        };
        if let Some(row) = existing
            && self.store.version_hash(&row.version_id).await?.as_ref() == Some(&new.hash)
        {
            return Ok(());
        }
        self.store.save_version(&new).await?;
        Ok(())
    }

    fn version(
        &self,
        making: Making<'_>,
        definition: Workflow,
        outline: Arc<Outline>,
    ) -> NewVersion {
        let document = serde_json::to_value(&definition).unwrap_or_default();
        NewVersion {
            workflow_id: making.workflow_id,
            version_id: VersionId::new(self.driver.clock().new_id()),
            slug: slug_of(&definition),
            is_template: making.is_template,
            built_in: false,
            made_from: making.made_from,
            follows: Some(making.follows),
            note: making.note,
            hash: content_hash(&document),
            definition,
            outline,
            created_by: making.actor.to_owned(),
            created_at: self.now(),
        }
    }
}

/// A document is refused when its text is longer than a workflow may be.
pub(super) fn bounded(definition: &Workflow) -> Result<(), ServiceError> {
    let text = serde_json::to_string(definition).unwrap_or_default();
    if text.len() > DEFINITION_BYTES_MAX {
        return Err(AuthoringError::WorkflowTooLarge.into());
    }
    Ok(())
}

pub(super) fn checked_note(note: &str) -> Result<String, ServiceError> {
    let note = note.trim();
    if note.chars().count() > NOTE_CHARS_MAX {
        let too_long = FieldError {
            field: "note".to_owned(),
            message: format!("the note is longer than {NOTE_CHARS_MAX} characters"),
        };
        return Err(AuthoringError::InvalidField(too_long).into());
    }
    Ok(note.to_owned())
}

/// The name with that behind it, within the bounds of names and of what a slug takes of them.
pub(super) fn shortened(name: &str, ending: &str) -> String {
    const SLUG_CHARS: usize = 64;
    let room = SLUG_CHARS.min(NAME_CHARS_MAX) - ending.chars().count();
    let mut short: String = name.chars().take(room).collect();
    short.truncate(short.trim_end().len());
    short + ending
}

fn unknown(slug: &str, version: Option<u32>) -> String {
    match version {
        Some(version) => format!("There is no version {version} of `{slug}`."),
        None => format!("There is no workflow `{slug}`."),
    }
}

/// The steps that run other workflows, over all bodies.
pub(super) fn subworkflows(steps: &mut [Step]) -> Vec<&mut Step> {
    let mut found = Vec::new();
    let mut open: Vec<&mut Step> = steps.iter_mut().collect();
    while let Some(step) = open.pop() {
        match step.kind {
            StepKind::Subworkflow => found.push(step),
            StepKind::Map | StepKind::Loop => {
                open.extend(step.body.iter_mut().flat_map(|body| &mut body.steps));
            }
            StepKind::ToolCall
            | StepKind::HumanGate
            | StepKind::Condition
            | StepKind::Parallel
            | StepKind::Join
            | StepKind::Transform
            | StepKind::Wait
            | StepKind::External => {}
        }
    }
    found
}

/// Somebody else was faster again and again.
pub(super) fn overrun() -> ServiceError {
    ServiceError::Submit(SubmitError::Store(StoreError::Stale))
}
