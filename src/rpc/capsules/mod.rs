//! Runs that came in files of their own, on their pages.

#[cfg(feature = "ssr")]
mod server;

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::codec::Told;
use super::error::PageError;
use super::views::RunView;
use crate::engine::layout::Picture;
use crate::engine::summary::CapsuleCard;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CapsulesView {
    /// Opened last first.
    pub capsules: Vec<CapsuleCard>,
    /// Of the key with which this server signs; none before it has signed anything.
    pub own_key: Option<String>,
    /// Why the file that was just sent is not among them.
    pub refused: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CapsuleView {
    pub card: CapsuleCard,
    pub run: RunView,
}

/// What was refused by the request whose answer is the page.
#[derive(Clone, Debug)]
pub struct RefusedCapsule(pub String);

#[server(prefix = "/rpc", endpoint = "capsules", output = Told)]
pub async fn capsules() -> Result<CapsulesView, PageError> {
    super::respond(server::capsules(&super::service()?).await)
}

#[server(prefix = "/rpc", endpoint = "capsule", output = Told)]
pub async fn capsule(id: String) -> Result<CapsuleView, PageError> {
    super::respond(server::capsule(&super::service()?, &id.as_str().into()).await)
}

#[server(prefix = "/rpc", endpoint = "capsule_picture", output = Told)]
pub async fn capsule_picture(id: String) -> Result<Option<Picture>, PageError> {
    super::respond(server::picture(&super::service()?, &id.as_str().into()).await)
}
