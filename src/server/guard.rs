//! Who may talk to this server: only requests that name it by a loopback name, and, from a browser,
//! only its own pages. Without sign-in this is all that stands between a foreign web page and the runs.
//!
//! The name check defeats DNS rebinding, where a foreign page makes its own domain resolve to
//! 127.0.0.1. The origin check defeats requests that a foreign page sends to us by our right name.

use super::problem::is_api_path;
use crate::api::problem::Problem;
use crate::rpc::error::tells_refusal;
use crate::tools::MARK_HEADER;
use axum::extract::Request;
use axum::http::header::{ACCEPT, HOST, ORIGIN, UPGRADE};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tower_http::csrf::{CsrfLayer, ProtectionError};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const HTTP_PORT: u16 = 80;

/// The names under which this server answers: its address and the loopback names, with its port.
#[derive(Debug, Clone, Copy)]
pub struct OwnHosts {
    listening: SocketAddr,
}

impl OwnHosts {
    pub fn new(listening: SocketAddr) -> Self {
        Self { listening }
    }

    fn contain(self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else {
            return false;
        };
        // `user@host` is no value that a client sends in Host.
        if host.contains('@') || authority.port_u16().unwrap_or(HTTP_PORT) != self.listening.port()
        {
            return false;
        }
        let name = authority.host();
        let address = name
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>();
        name.eq_ignore_ascii_case("localhost")
            || address.is_ok_and(|address| address.is_loopback() || address == self.listening.ip())
    }
}

/// What the requests of this server's own workflows carry. A new one each time the server starts.
#[derive(Debug, Clone)]
pub struct OwnMark(Arc<str>);

impl OwnMark {
    pub fn new(mark: String) -> Self {
        Self(mark.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is refused for what stands above the body of a request. Writes that another site's page asks for are refused
/// before this, by `same_origin_writes`.
#[derive(Debug, Clone)]
pub struct Guard {
    hosts: OwnHosts,
    mark: OwnMark,
}

impl Guard {
    pub fn new(hosts: OwnHosts, mark: OwnMark) -> Self {
        Self { hosts, mark }
    }

    /// Why a request goes no further; none when it may.
    pub fn refusal(&self, request: &Request) -> Option<Response> {
        let problem = self
            .foreign_host(request)
            .or_else(|| self.write_of_own_workflow(request))
            .or_else(|| cross_origin_read(request));
        match problem {
            Some(problem) => Some(problem.into_response()),
            None => foreign_refusal(request).map(IntoResponse::into_response),
        }
    }

    /// Requests that name another host.
    fn foreign_host(&self, request: &Request) -> Option<Problem> {
        let mut named = request.headers().get_all(HOST).iter();
        let host = named.next().and_then(|value| value.to_str().ok());
        let one_own_host =
            named.next().is_none() && host.is_some_and(|host| self.hosts.contain(host));
        let own_target = request
            .uri()
            .authority()
            .is_none_or(|target| self.hosts.contain(target.as_str()));
        if one_own_host && own_target {
            return None;
        }
        let port = self.hosts.listening.port();
        Some(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "foreign_host",
            format!(
                "This server answers only under its own loopback names. Use http://127.0.0.1:{port} or \
                 http://localhost:{port}; through an SSH tunnel, forward the same port: \
                 ssh -L {port}:127.0.0.1:{port}"
            ),
        ))
    }

    /// Requests that change something when a workflow of this server sent them: else a workflow could clear its own
    /// gates. Reading is allowed; that is how it probes the server it runs on.
    fn write_of_own_workflow(&self, request: &Request) -> Option<Problem> {
        let mut marks = request.headers().get_all(MARK_HEADER).iter();
        if request.method().is_safe() || marks.all(|found| found != self.mark.as_str()) {
            return None;
        }
        Some(Problem::new(
            StatusCode::FORBIDDEN,
            "own_workflow",
            "A workflow may read from the server that runs it, and change nothing there: what its gates ask is for people.",
        ))
    }
}

/// Refuses requests that change something (all methods but GET, HEAD and OPTIONS) when a browser
/// says that another site's page sent them. Programs send neither header and pass.
pub fn same_origin_writes() -> CsrfLayer<fn(ProtectionError) -> Response> {
    CsrfLayer::new().with_rejection_response(|_| cross_origin().into_response())
}

/// Refuses what a foreign page may do with GET: open a WebSocket or an event stream, which the
/// same-origin policy does not stop, and let our API work on its behalf.
fn cross_origin_read(request: &Request) -> Option<Problem> {
    let headers = request.headers();
    let path = request.uri().path();
    let followed_link = header(headers, &SEC_FETCH_MODE) == Some("navigate");
    let guarded =
        is_stream(headers) || ((is_api_path(path) || path.starts_with("/rpc/")) && !followed_link);
    (guarded && is_foreign(headers)).then(cross_origin)
}

/// Takes a refusal out of an address that no page of ours led to: whoever makes a link would have his sentence shown as
/// the server's. A browser says where a visit comes from, also behind the redirect that answers a form; programs, and
/// browsers too old for the client, do not, and are left alone.
fn foreign_refusal(request: &Request) -> Option<Redirect> {
    let from_us =
        header(request.headers(), &SEC_FETCH_SITE).is_none_or(|site| site == "same-origin");
    if from_us || !request.method().is_safe() {
        return None;
    }
    without_refusal(request.uri()).map(|address| Redirect::to(&address))
}

/// The address on this server without a refusal; none when there is none in it.
fn without_refusal(uri: &Uri) -> Option<String> {
    let query = uri.query()?;
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| !tells_refusal(pair))
        .collect();
    if kept.len() == query.split('&').count() {
        return None;
    }
    // One slash: two, of either kind, would begin the name of another server.
    let path = format!("/{}", uri.path().trim_start_matches(['/', '\\']));
    Some(if kept.is_empty() {
        path
    } else {
        format!("{path}?{}", kept.join("&"))
    })
}

fn cross_origin() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "cross_origin",
        "Another site's page may not use this server.",
    )
}

fn is_stream(headers: &HeaderMap) -> bool {
    header(headers, &UPGRADE).is_some()
        || header(headers, &ACCEPT).is_some_and(|accept| accept.contains("text/event-stream"))
}

/// Either header suffices to betray a foreign page; browsers let no page forge them.
fn is_foreign(headers: &HeaderMap) -> bool {
    let foreign_site = headers
        .get(SEC_FETCH_SITE)
        .is_some_and(|site| !matches!(site.to_str(), Ok("same-origin" | "none")));
    let foreign_origin = headers.get(ORIGIN).is_some_and(|origin| {
        let authority = origin.to_str().ok().and_then(|origin| {
            origin
                .strip_prefix("http://")
                .or_else(|| origin.strip_prefix("https://"))
        });
        authority.is_none() || authority != header(headers, &HOST)
    });
    foreign_site || foreign_origin
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn own_names_with_the_own_port_are_ours() {
        for host in [
            "127.0.0.1:3000",
            "localhost:3000",
            "LocalHost:3000",
            "[::1]:3000",
        ] {
            assert!(hosts("127.0.0.1:3000").contain(host), "{host}");
        }
        assert!(hosts("127.0.0.1:80").contain("localhost"));
        assert!(hosts("[::1]:3000").contain("127.0.0.1:3000"));
    }

    #[test]
    fn other_names_and_ports_are_foreign() {
        for host in [
            "",
            "localhost",
            "localhost:3001",
            "localhost.:3000",
            "localhost.example.org:3000",
            "example.org:3000",
            "127.0.0.1.example.org:3000",
            "user@localhost:3000",
            "192.168.1.5:3000",
            "0.0.0.0:3000",
            "localhost:3000:3000",
            "localhost:3000/path",
        ] {
            assert!(!hosts("127.0.0.1:3000").contain(host), "{host}");
        }
    }

    #[test]
    fn programs_and_own_pages_are_not_foreign() {
        check_foreign(&[], false);
        check_foreign(&[("sec-fetch-site", "same-origin")], false);
        check_foreign(&[("sec-fetch-site", "none")], false);
        check_foreign(&[("origin", "http://localhost:3000")], false);
    }

    #[test]
    fn other_pages_are_foreign_even_on_another_port_of_this_machine() {
        check_foreign(&[("sec-fetch-site", "cross-site")], true);
        check_foreign(&[("sec-fetch-site", "same-site")], true);
        check_foreign(&[("origin", "http://localhost:8080")], true);
        check_foreign(&[("origin", "http://127.0.0.1:3000")], true);
        check_foreign(&[("origin", "null")], true);
        check_foreign(&[("origin", "")], true);
        check_foreign(
            &[
                ("sec-fetch-site", "same-origin"),
                ("origin", "http://example.org"),
            ],
            true,
        );
    }

    #[test]
    fn websockets_and_event_streams_are_streams() {
        assert!(is_stream(&headers(&[("upgrade", "websocket")])));
        assert!(is_stream(&headers(&[("accept", "text/event-stream")])));
        assert!(!is_stream(&headers(&[("accept", "text/html")])));
    }

    #[test]
    fn a_refusal_is_taken_out_of_an_address() {
        for (address, expected) in [
            ("/runs", None),
            ("/runs?status=failed&page=2", None),
            ("/runs?status=__err", None),
            ("/runs?__path=%2Frpc%2Fact&__err=eyJ9", Some("/runs")),
            ("/runs?page=2&__err=eyJ9", Some("/runs?page=2")),
            ("/runs?%5f_err=eyJ9&page=2&__path=a", Some("/runs?page=2")),
            ("//example.org/?__err=eyJ9", Some("/example.org/")),
        ] {
            let uri: Uri = address.parse().expect("an address");
            assert_eq!(without_refusal(&uri).as_deref(), expected, "{address}");
        }
    }

    fn hosts(listening: &str) -> OwnHosts {
        OwnHosts::new(listening.parse().expect("an address"))
    }

    fn check_foreign(pairs: &[(&'static str, &'static str)], expected: bool) {
        let mut headers = headers(pairs);
        headers.insert(HOST, HeaderValue::from_static("localhost:3000"));
        assert_eq!(is_foreign(&headers), expected, "{pairs:?}");
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let one = |&(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        pairs.iter().map(one).collect()
    }
}
