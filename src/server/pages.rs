//! Connects the pages to HTTP: their routes, the server functions they call, the files they load,
//! and the page for addresses that do not exist.

use super::{AppState, problem};
use crate::api::LOCAL_ACTOR;
use crate::driver::service::ServiceError;
use crate::rpc::capsules::RefusedCapsule;
use crate::rpc::error::PageError;
use crate::rpc::forms::{self, FormError};
use crate::ui::{App, shell::shell};
use axum::Router;
use axum::body::Body;
use axum::extract::multipart::MultipartError;
use axum::extract::{Form, Multipart, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use leptos::nonce::Nonce;
use leptos::prelude::{AnyView, IntoAny, provide_context, use_context};
use leptos_axum::{LeptosRoutes, generate_route_list, render_app_async_with_context};

/// One route for each page and, under `/rpc`, one for each server function.
pub fn routes(state: &AppState) -> Router<AppState> {
    let paths = generate_route_list(App);
    Router::new()
        .route("/workflows/{slug}", post(start_run))
        .route("/capsules/{id}", post(forget_capsule))
        .leptos_routes_with_context(state, paths, context(state), document(state))
}

/// What a file is put into: that can be larger than other requests.
pub fn upload_routes() -> Router<AppState> {
    Router::new().route("/capsules", post(open_capsule))
}

/// A file of the client, or else the page that says there is nothing here.
pub async fn file_or_not_found(State(state): State<AppState>, request: Request) -> Response {
    let path = request.uri().path();
    if problem::is_api_path(path) {
        return problem::no_such_endpoint().await.into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return StatusCode::NOT_FOUND.into_response();
    }
    if let Some(file) = state.site.respond(path, request.headers()) {
        return file;
    }
    let render = render_app_async_with_context(context(&state), document(&state));
    let mut response = render(request).await;
    if response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}

/// The start form, posted without scripting. A run leads to its page; a refusal shows the form again, with everything
/// that was typed.
async fn start_run(
    State(state): State<AppState>,
    Path(slug): Path<String>,
    parts: Parts,
    Form(form): Form<Vec<(String, String)>>,
) -> Response {
    let refused = match forms::start(&state.service, &slug, form).await {
        Ok(run_id) => return Redirect::to(&format!("/runs/{run_id}")).into_response(),
        Err(FormError::NotFound) => None,
        Err(FormError::Refused(refused)) => Some(refused),
    };
    page_with(&state, parts, move || {
        if let Some(refused) = &refused {
            provide_context(refused.clone());
        }
    })
    .await
}

/// The form that puts in a capsule: a plain form on every page, for a file is no business of the client's. What is
/// whole leads to its page; a refusal shows the list with the reason.
async fn open_capsule(
    State(state): State<AppState>,
    parts: Parts,
    mut form: Multipart,
) -> Response {
    let opened = match uploaded(&mut form).await {
        Ok(file) => {
            let opened = state.service.open_capsule(file, LOCAL_ACTOR).await;
            opened.map_err(|error| PageError::from(error).message)
        }
        Err(why) => Err(why),
    };
    match opened {
        Ok((card, _)) => Redirect::to(&format!("/capsules/{}", card.id)).into_response(),
        Err(why) => {
            let refused = RefusedCapsule(why);
            page_with(&state, parts, move || provide_context(refused.clone())).await
        }
    }
}

/// The button that removes one: leads to the list.
async fn forget_capsule(State(state): State<AppState>, Path(id): Path<String>) -> Redirect {
    match state.service.forget_capsule(&id.as_str().into()).await {
        // The second half of a double click finds it gone.
        Ok(()) | Err(ServiceError::NotFound(_)) => Redirect::to("/capsules"),
        Err(error) => {
            tracing::error!(%error, capsule = id, "a capsule could not be removed");
            Redirect::to("/capsules?not-removed")
        }
    }
}

/// The file in the form, or why there is none.
async fn uploaded(form: &mut Multipart) -> Result<Vec<u8>, String> {
    let unread = |error: MultipartError| format!("The file could not be read: {error}.");
    while let Some(field) = form.next_field().await.map_err(unread)? {
        if field.name() == Some("file") {
            let file = field.bytes().await.map_err(unread)?;
            if file.is_empty() {
                break;
            }
            return Ok(file.into());
        }
    }
    Err("Choose a file first.".to_owned())
}

/// The page at the same address, with something to say: the answer to a form that was refused.
async fn page_with(
    state: &AppState,
    mut parts: Parts,
    with: impl Fn() + Clone + Send + Sync + 'static,
) -> Response {
    let page_context = context(state);
    let all = move || {
        page_context();
        with();
    };
    // The page of the same request, so that it carries the nonce which the policy names.
    parts.method = Method::GET;
    let page = Request::from_parts(parts, Body::empty());
    let mut response = render_app_async_with_context(all, document(state))(page).await;
    if response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    response
}

/// What pages and server functions find in their Leptos context. Services are handed in here, each
/// under its own type, because neither `ui` nor `rpc` may know the server's state.
fn context(state: &AppState) -> impl Fn() + Clone + Send + Sync + 'static {
    let service = state.service.clone();
    move || {
        provide_context(service.clone());
        // Replaces the nonce that Leptos drew: the header already names the request's own.
        let parts = use_context::<Parts>();
        if let Some(nonce) = parts
            .as_ref()
            .and_then(|parts| parts.extensions.get::<Nonce>())
        {
            provide_context(nonce.clone());
        }
    }
}

fn document(state: &AppState) -> impl Fn() -> AnyView + Clone + Send + Sync + 'static {
    let (options, site) = (state.leptos.clone(), state.site);
    move || shell(site.client_files(), options.clone()).into_any()
}
