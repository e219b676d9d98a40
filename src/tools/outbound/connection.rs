//! The parts of a client that the policy needs: the guarded resolver, the note that a connection was made, and the
//! reading of what went wrong. Nothing here decides what may be called.

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tower::{Layer, Service};

use super::{Policy, Refusal, resolve, shown};
use crate::engine::failure::StepError;

/// The code of a connection that ended before the answer had come.
pub const LOST: &str = "connection_lost";

/// Resolves names through the system and keeps back what the policy does not admit.
pub struct GuardedResolver {
    policy: Policy,
}

impl GuardedResolver {
    pub fn new(policy: Policy) -> Self {
        Self { policy }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.policy.clone();
        Box::pin(async move {
            // Port 0 stands for the port of the address that is being called.
            let admitted = resolve(&policy, name.as_str(), 0).await?;
            Ok(Box::new(admitted.into_iter()) as Addrs)
        })
    }
}

/// Sets a flag when a connection, TLS included, stands. Before that moment no byte of a request has left, and
/// that is what separates a definite failure from an unknown outcome.
#[derive(Clone)]
pub struct MarkConnected<S> {
    inner: S,
    connected: Arc<AtomicBool>,
}

impl MarkConnected<()> {
    pub fn new(connected: &Arc<AtomicBool>) -> Self {
        Self {
            inner: (),
            connected: Arc::clone(connected),
        }
    }
}

impl<S> Layer<S> for MarkConnected<()> {
    type Service = MarkConnected<S>;

    fn layer(&self, inner: S) -> Self::Service {
        MarkConnected {
            inner,
            connected: Arc::clone(&self.connected),
        }
    }
}

impl<S, R> Service<R> for MarkConnected<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let connecting = self.inner.call(request);
        let connected = Arc::clone(&self.connected);
        Box::pin(async move {
            let connection = connecting.await?;
            connected.store(true, Ordering::SeqCst);
            Ok(connection)
        })
    }
}

/// What a failed exchange means to the author of a workflow. Whether anything was sent is for the caller to say.
pub fn failure_of(error: &reqwest::Error, url: &Url) -> StepError {
    let (at, host) = (shown(url), url.host_str().unwrap_or_default());
    if let Some(refusal) = find::<Refusal>(error) {
        return refusal.into();
    }
    let cause = innermost(error);
    if let Some(tls) = find::<rustls::Error>(error) {
        return StepError::new(
            "tls_failed",
            format!(
                "No secure connection to {host} ({tls}). Does the certificate fit the name, \
                 is it still valid, and does the port speak https?"
            ),
        );
    }
    if error.is_timeout() && error.is_connect() {
        return StepError::new(
            "connect_failed",
            format!(
                "{at} did not accept a connection within {} ms. Is a firewall in between?",
                super::CONNECT_MS_MAX
            ),
        );
    }
    if error.is_connect() {
        return StepError::new(
            "connect_failed",
            format!(
                "No connection to {at} ({cause}). Is the server running, and is the port right?"
            ),
        );
    }
    if error.is_builder() {
        return StepError::new(
            "invalid_input",
            format!("The request cannot be made: {cause}."),
        );
    }
    StepError::new(
        LOST,
        format!("The connection to {at} broke before the answer was complete ({cause})."),
    )
}

/// Looks for an error of one type among the causes. An `io::Error` hides its cause from `source`, so it is opened.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = match error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
        {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    let text = deepest.to_string();
    // The system's number says nothing more to people.
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_lowercase(),
        None => text,
    }
}
