//! The process: it reads the configuration, opens the socket, puts the guards around the routes and
//! stops in good order. What the routes do lives in the rooms below.

mod assembly;
mod assets;
pub mod config;
mod encoding;
mod exchange;
mod guard;
mod headers;
mod health;
mod limits;
mod middleware;
mod oversize;
mod pages;
mod problem;
mod rpc_status;
mod telemetry;
mod trial;
mod upkeep;

pub use assets::Site;
use guard::Guard;
pub use guard::{OwnHosts, OwnMark};

use crate::api::{self, ApiState};
use crate::driver::clock::{Clock, SystemClock};
use crate::driver::retention::Retention;
use crate::driver::service::Service;
use crate::store::LeaseTerms;
use crate::store::backup::BackupError;
use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use axum::serve::ListenerExt;
use config::{Cli, Command, ServeConfig};
use leptos::prelude::LeptosOptions;
use limits::{
    CAPSULE_BODY_BYTES_MAX, CONNECTIONS_WAITING_MAX, FILES_AT_ONCE, REQUEST_BODY_BYTES_MAX,
    STOP_MAX,
};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::trace::TraceLayer;

/// What every route may reach. Cheap to clone: services join it behind an `Arc`.
#[derive(Clone)]
pub struct AppState {
    leptos: LeptosOptions,
    service: Service,
    own_hosts: OwnHosts,
    own_mark: OwnMark,
    site: Site,
    /// Cancelled when the server is told to stop; streams end then, so that they delay nobody.
    pub stopping: CancellationToken,
}

impl AppState {
    /// `listening` is the address the socket really has, with the port that clients will name. `own_mark` is what
    /// the requests of this server's workflows carry; `site` the client's files.
    pub fn new(listening: SocketAddr, service: Service, own_mark: OwnMark, site: Site) -> Self {
        let leptos = LeptosOptions::builder()
            .output_name("signalbox")
            .site_addr(listening)
            .build();
        Self {
            leptos,
            service,
            own_hosts: OwnHosts::new(listening),
            own_mark,
            site,
            stopping: CancellationToken::new(),
        }
    }
}

impl FromRef<AppState> for LeptosOptions {
    fn from_ref(state: &AppState) -> Self {
        state.leptos.clone()
    }
}

/// Why the server did not start or did not go on.
#[derive(Debug, Error)]
pub enum ServeError {
    #[error("the log filter is not understood: {0}")]
    LogFilter(#[from] tracing_subscriber::filter::ParseError),
    #[error("the folder {} for the database cannot be made: {source}", folder.display())]
    DatabaseFolder { folder: PathBuf, source: io::Error },
    #[error("{address} cannot be listened on: {source}; choose another with --listen")]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("{0}")]
    Database(&'static str),
    #[error("another process has taken over the database, so this one has stopped")]
    LeaseLost,
    #[error(transparent)]
    Assembly(#[from] assembly::AssemblyError),
    #[error("the server stopped: {0}")]
    Stopped(io::Error),
    #[error("only an SQLite file can be copied by this command; for PostgreSQL use pg_dump")]
    NoFile,
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error(transparent)]
    Exchange(#[from] exchange::ExchangeError),
    #[error("{0}")]
    Trial(#[from] trial::TrialError),
}

/// Does what the command line asks, until it is done. `site` is the client that pages are brought to life with.
pub async fn run(cli: Cli, site: Site) -> Result<(), ServeError> {
    match cli.command {
        Command::Serve(config) => serve(config, site).await,
        Command::Backup(config) => upkeep::backup(&config).await,
        Command::Check { file } => upkeep::check(&file).await,
        Command::Export(config) => Ok(exchange::export(&config).await?),
        Command::Import(config) => Ok(exchange::import(&config).await?),
        Command::Schema => {
            print!("{}", api::WORKFLOW_SCHEMA);
            Ok(())
        }
        Command::Simulate { files, case } => trial::simulate(&files, case.as_deref()),
        Command::Validate { files } => trial::validate(&files),
    }
}

/// All routes with all guards around them; what a test drives without a socket.
pub fn router(state: AppState) -> Router {
    let routes = Router::new()
        .nest("/api/v1", api_routes(&state))
        .nest("/hooks", api::hook_routes(state.service.clone()))
        .merge(pages::routes(&state))
        .fallback(pages::file_or_not_found);
    guarded(routes, state)
}

fn guarded(routes: Router<AppState>, state: AppState) -> Router {
    let policy = headers::PagePolicy::new(&state.leptos);
    let guard = Guard::new(state.own_hosts, state.own_mark.clone());
    // The first layer is the outermost one.
    let layers = ServiceBuilder::new()
        .layer(encoding::shrinking())
        .layer(from_fn_with_state(policy, middleware::outermost))
        .layer(TraceLayer::new_for_http().make_span_with(telemetry::request_span))
        .layer(CatchPanicLayer::custom(problem::from_panic))
        .layer(guard::same_origin_writes())
        .layer(from_fn_with_state(guard, middleware::innermost));
    let files = Router::new()
        .nest("/api/v1", api::upload_routes(state.service.clone()))
        .merge(pages::upload_routes())
        .layer(GlobalConcurrencyLimitLayer::new(FILES_AT_ONCE));
    at_most(routes, REQUEST_BODY_BYTES_MAX)
        .merge(at_most(files, CAPSULE_BODY_BYTES_MAX))
        .layer(layers)
        .with_state(state)
}

/// Reads so much of a body and no more.
fn at_most(routes: Router<AppState>, bytes: usize) -> Router<AppState> {
    routes
        .layer(DefaultBodyLimit::max(bytes))
        .layer(RequestBodyLimitLayer::new(bytes))
}

/// The routes for programs. Other rooms' routers are merged here with their services.
fn api_routes(state: &AppState) -> Router<AppState> {
    let api = ApiState {
        service: state.service.clone(),
        digest: api::Digest::of(state.service.subscribe()),
        stopping: state.stopping.clone(),
    };
    api::routes(api)
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .fallback(problem::no_such_endpoint)
}

async fn serve(config: ServeConfig, site: Site) -> Result<(), ServeError> {
    let log = telemetry::start(&config.log, config.log_format)?;
    config.database.check().map_err(ServeError::Database)?;
    if let Some(file) = config.database.file() {
        make_parent_folder(&file)?;
    }
    let address = config.listen;
    let refused = |source| ServeError::Listen { address, source };
    let listener = listen(address).map_err(refused)?;
    let listening = listener.local_addr().map_err(refused)?;
    let mark = OwnMark::new(SystemClock.new_id());
    let terms = lease_terms(&config);
    let service = assembly::assemble(
        &config.database,
        &terms,
        listening,
        mark.as_str(),
        &config.tool_limits,
    )
    .await?;
    let state = AppState::new(listening, service.clone(), mark, site);
    let stopping = state.stopping.clone();

    // Small frames of a live stream must not wait for the acknowledgement of the last one.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps Nagle's algorithm");
        }
    });
    // Else each connection would get a router of its own, a copy of all routes with all that is around them.
    let server = axum::serve(listener, router(state).into_make_service())
        .with_graceful_shutdown(stopping.clone().cancelled_owned());
    tokio::spawn(cancel_on_signal(stopping.clone()));
    tokio::spawn(cancel_when_replaced(service.clone(), stopping.clone()));
    tokio::spawn(service.keep_sweeping(Retention {
        days: config.keep_days,
        runs_of_workflow: config.keep_runs,
        export_to: config.export_dir.clone(),
    }));
    tokio::spawn(service.keep_indexing());
    tokio::spawn(log.tell_of_dropped());
    announce(listening, &config);

    let served = tokio::select! {
        result = server => result.map_err(ServeError::Stopped),
        () = patience_runs_out(stopping) => {
            tracing::warn!("some requests were still open after {STOP_MAX:?} and were dropped");
            Ok(())
        }
    };
    service.stop().await;
    if service.store().is_lost() {
        return Err(ServeError::LeaseLost);
    }
    served
}

/// Of more connections that come at once than the queue holds, the system drops the rest without a word, and each is tried
/// again a second later.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // As the standard library does it: a server that is started again must not wait for the last one's connections to
    // be forgotten. Elsewhere than on Unix it would let two servers share the port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(CONNECTIONS_WAITING_MAX)
}

/// Named so that the operator of the next process finds this one.
fn lease_terms(config: &ServeConfig) -> LeaseTerms {
    let host = sysinfo::System::host_name().unwrap_or_else(|_| "an unnamed host".to_owned());
    LeaseTerms {
        holder: format!("process {} on {host}", std::process::id()),
        ttl: Duration::from_millis(config.lease_ms),
    }
}

/// A process that has been replaced can store nothing any more; what it would still say might be wrong.
async fn cancel_when_replaced(service: Service, stopping: CancellationToken) {
    service.store().lost().await;
    tracing::error!("another process has taken over the database; stopping");
    stopping.cancel();
}

fn make_parent_folder(file: &Path) -> Result<(), ServeError> {
    let Some(folder) = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    else {
        return Ok(());
    };
    std::fs::create_dir_all(folder).map_err(|source| ServeError::DatabaseFolder {
        folder: folder.to_owned(),
        source,
    })
}

/// The one line that a person, and the browser tests, wait for.
fn announce(listening: SocketAddr, config: &ServeConfig) {
    tracing::info!(address = %listening, database = %config.database, "listening");
    // A closed standard output is no reason not to serve.
    let _ = writeln!(io::stdout(), "Signalbox is ready at http://{listening}");
}

/// Ctrl-C in a terminal, SIGTERM from a service manager.
async fn cancel_on_signal(stopping: CancellationToken) {
    let interrupted = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::warn!(%error, "Ctrl-C cannot be noticed");
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = interrupted => {}
        () = terminated() => {}
    }
    tracing::info!("stopping");
    stopping.cancel();
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(error) => {
            tracing::warn!(%error, "SIGTERM cannot be noticed");
            std::future::pending().await
        }
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}

async fn patience_runs_out(stopping: CancellationToken) {
    stopping.cancelled().await;
    tokio::time::sleep(STOP_MAX).await;
}

#[cfg(test)]
mod tests;
