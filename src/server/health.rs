//! Tells monitors and the tests that the server answers.

use super::AppState;
use crate::api::problem::Problem;
use crate::store::StoreError;
use axum::Json;
use axum::extract::State;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub struct Health {
    status: &'static str,
    version: &'static str,
}

/// `GET /api/v1/ready`: whether starts and decisions are taken now. Unlike `health` it fails while nothing can be stored,
/// as on a full disk: to start such a server anew would not help.
pub async fn ready(State(state): State<AppState>) -> Result<Json<Health>, Problem> {
    state.service.store().ready().await?;
    Ok(Json(Health {
        status: "ready",
        version: env!("CARGO_PKG_VERSION"),
    }))
}

/// `GET /api/v1/health`. A server that has been replaced says so, for the moment that it still answers.
pub async fn health(State(state): State<AppState>) -> Result<Json<Health>, Problem> {
    if state.service.store().is_lost() {
        return Err(StoreError::LeaseLost.into());
    }
    Ok(Json(Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
    }))
}
