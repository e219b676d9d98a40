//! What every answer tells the browser about trust: which scripts may run, who may frame or read
//! the page, and that nothing but named files may be cached.

use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use leptos::nonce::Nonce;
use leptos::prelude::LeptosOptions;
use std::sync::Arc;

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// For everything that is no page: should it ever be opened as one, it may do nothing.
const POLICY_FOR_DATA: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const FIXED: [(HeaderName, &str); 5] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Not `no-referrer`: a form posted without scripting returns to the page it came from, which
    // the server learns from the referrer, and the browser would send `Origin: null` with it.
    (REFERRER_POLICY, "same-origin"),
    (
        PERMISSIONS_POLICY,
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    (CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
    (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
];

/// What the policy of a page depends on besides the nonce.
#[derive(Debug, Clone)]
pub struct PagePolicy {
    connect: Arc<str>,
}

impl PagePolicy {
    /// Under `cargo leptos watch` the page also listens on the port that announces new builds.
    pub fn new(options: &LeptosOptions) -> Self {
        let reload_port = options.reload_port;
        let connect = match std::env::var_os("LEPTOS_WATCH") {
            Some(_) => {
                format!("'self' ws://127.0.0.1:{reload_port} ws://localhost:{reload_port}").into()
            }
            None => "'self'".into(),
        };
        Self { connect }
    }

    /// Sets the headers of an answer. `nonce` is what the page's scripts carry.
    pub fn apply(&self, headers: &mut HeaderMap, nonce: &Nonce) {
        let policy = if is_page(headers) {
            // The nonce is URL-safe base64, so the value is always a valid header.
            HeaderValue::from_str(&self.with_nonce(nonce)).ok()
        } else {
            None
        };
        let policy = policy.unwrap_or(HeaderValue::from_static(POLICY_FOR_DATA));
        // What serves foreign content sets a stricter policy of its own.
        headers.entry(CONTENT_SECURITY_POLICY).or_insert(policy);
        for (name, value) in FIXED {
            headers.insert(name, HeaderValue::from_static(value));
        }
        // Pages and API answers show the state of one moment to one person; only files, which set
        // their own rule, may be kept.
        headers
            .entry(CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
    }

    fn with_nonce(&self, nonce: &str) -> String {
        let connect = &self.connect;
        format!(
            "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; \
             style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src {connect}; \
             manifest-src 'self'; worker-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; \
             frame-ancestors 'none'"
        )
    }
}

/// Draws a nonce for the request, which the scripts of its page must carry.
pub fn draw_nonce(request: &mut Request) -> Nonce {
    let nonce = Nonce::new();
    request.extensions_mut().insert(nonce.clone());
    nonce
}

fn is_page(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("text/html"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_may_run_only_its_own_scripts() {
        let options = LeptosOptions::builder().output_name("signalbox").build();
        let policy = PagePolicy::new(&options).with_nonce("abc");
        assert!(policy.starts_with("default-src 'none'; "));
        assert!(policy.contains("script-src 'self' 'nonce-abc' 'wasm-unsafe-eval';"));
        assert!(policy.contains("connect-src 'self';"));
        assert!(!policy.contains("unsafe-inline"));
        assert!(!policy.contains(" 'unsafe-eval'"));
    }
}
