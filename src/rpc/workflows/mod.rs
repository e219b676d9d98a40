//! Workflows on their pages: the list of all, one with everything about it, and what a person does with them there.

#[cfg(feature = "ssr")]
mod acts;
#[cfg(feature = "ssr")]
mod server;

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::codec::Told;
use super::error::PageError;
use crate::engine::ids::WorkflowId;
use crate::engine::input::Field;
use crate::engine::layout::Picture;
use crate::engine::plan::Outline;
use crate::engine::summary::RunSummary;
use crate::engine::time::Timestamp;

/// Which workflows are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shelf {
    /// Whatever has not been deleted.
    All,
    /// Made by whoever looks; no templates.
    Mine,
    /// Made by others; no templates.
    Shared,
    Templates,
    Deleted,
}

impl Shelf {
    /// As it stands in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Shelf::All => "all",
            Shelf::Mine => "mine",
            Shelf::Shared => "shared",
            Shelf::Templates => "templates",
            Shelf::Deleted => "deleted",
        }
    }
}

/// What the address of the list asks for. Whatever is empty is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// A shelf; all when it is empty.
    pub filter: String,
    pub tag: String,
    /// Words that are all in its name, description, tags, steps or tools.
    pub q: String,
    /// `list`, else cards.
    pub view: String,
    /// The id of the last workflow of the page before.
    pub after: String,
    /// The slug of a workflow that has just been deleted or brought back.
    pub changed: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkflowsView {
    /// By name.
    pub cards: Vec<WorkflowCard>,
    /// Of what fits the words and the tag.
    pub counts: ShelfCounts,
    /// With how many of what is found have them, the most frequent first.
    pub tags: Vec<(String, u32)>,
    /// Pass it as `after` for the next page.
    pub next: Option<WorkflowId>,
    /// The one that has just been deleted or brought back.
    pub changed: Option<Changed>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ShelfCounts {
    pub all: u32,
    pub mine: u32,
    pub shared: u32,
    pub templates: u32,
    pub deleted: u32,
}

impl ShelfCounts {
    pub fn of(&self, shelf: Shelf) -> u32 {
        match shelf {
            Shelf::All => self.all,
            Shelf::Mine => self.mine,
            Shelf::Shared => self.shared,
            Shelf::Templates => self.templates,
            Shelf::Deleted => self.deleted,
        }
    }
}

/// How a workflow stands that somebody has just done something with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    pub slug: String,
    pub name: String,
    pub is_deleted: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkflowCard {
    pub id: WorkflowId,
    pub slug: String,
    pub name: String,
    pub description: String,
    pub tags: Vec<String>,
    /// The current version's number.
    pub version: u32,
    pub is_template: bool,
    /// A template that comes with the product: nobody else changes it.
    pub built_in: bool,
    /// How many workflows began as this template.
    pub uses: u32,
    pub steps: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<RunSummary>,
    /// Its steps drawn small, where there is room for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sketch: Option<Picture>,
}

impl WorkflowCard {
    /// It can get another version, and be deleted.
    pub fn can_change(&self) -> bool {
        !self.built_in && self.deleted_at.is_none()
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkflowView {
    pub card: WorkflowCard,
    pub published: Publishing,
    /// The template that it began as.
    pub began_as: Option<Named>,
    /// Somebody writes the next version.
    pub has_draft: bool,
    pub outline: Outline,
    /// None when there are more steps than a picture on a page can show.
    pub picture: Option<Picture>,
    pub fields: Vec<Field>,
    pub recent: Vec<RunSummary>,
    pub now: Timestamp,
}

/// How the current version came to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Publishing {
    pub at: Timestamp,
    pub by: String,
    /// Why; may be empty.
    pub note: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Named {
    pub slug: String,
    pub name: String,
}

#[server(prefix = "/rpc", endpoint = "workflows", output = Told)]
pub async fn workflows(wanted: Wanted) -> Result<WorkflowsView, PageError> {
    super::respond(server::workflows(&super::service()?, wanted).await)
}

#[server(prefix = "/rpc", endpoint = "workflow", output = Told)]
pub async fn workflow(slug: String) -> Result<WorkflowView, PageError> {
    super::respond(server::workflow(&super::service()?, &slug).await)
}

/// `act`: `use` or `duplicate`, which begin a draft and lead to the builder; `save_as_template`, which leads to the
/// template; `withdraw_template`, `delete` or `restore`. `back`: the address of the list that it was asked from, which
/// then says what was deleted or brought back; empty on other pages.
#[server(prefix = "/rpc", endpoint = "act_on_workflow", output = Told)]
pub async fn act_on_workflow(slug: String, act: String, back: String) -> Result<(), PageError> {
    let choices = "use, duplicate, save_as_template, withdraw_template, delete or restore";
    let act = super::read_word(&act, "act", choices)?;
    acts::act(&super::service()?, &slug, act, &back).await
}

/// Begins a draft with a workflow that is given as text, YAML or JSON, and leads to the builder.
#[server(prefix = "/rpc", endpoint = "import_draft", output = Told)]
pub async fn import_draft(document: String) -> Result<(), PageError> {
    acts::import(&super::service()?, &document).await
}
