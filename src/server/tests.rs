//! The guards and the headers, tried on the whole router as a client meets it.

use super::config::DatabaseUrl;
use super::*;
use crate::store::postgres_server::PostgresServer;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, Response, StatusCode};
use axum::routing::post;
use flate2::read::GzDecoder;
use serde_json::Value;
use std::io::Read;
use tower::ServiceExt;

const OWN_HOST: &str = "127.0.0.1:3000";

#[tokio::test]
async fn health_answers_with_the_version() {
    let answer = send(get_request("/api/v1/health")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["status"], "ok");
    assert_eq!(answer.json()["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert!(
        answer
            .header("content-security-policy")
            .starts_with("default-src 'none';")
    );
}

#[tokio::test]
async fn a_server_that_was_replaced_says_so_and_answers_nothing_new() {
    let database = PostgresServer::shared().new_database().into();
    let service = service_on(&database).await;
    service.store().pretend_lost();
    let start = own(Request::post("/api/v1/runs"))
        .header("content-type", "application/json")
        .body(Body::from(r#"{"workflow":"system-health-check"}"#))
        .expect("a request");
    for request in [get_request("/api/v1/health"), start] {
        let answer = send_to(service.clone(), request).await;
        answer.is_problem(StatusCode::SERVICE_UNAVAILABLE, "lease_lost");
    }
}

/// A process may die when it has stored a template, and before it has stored the schedule that comes with it.
#[tokio::test]
async fn the_next_process_brings_the_schedule_that_the_last_one_owed() {
    const TEMPLATE: &str = "cron-health-check";
    let database = PostgresServer::shared().new_database().into();
    let triggers = async |service: &Service| {
        let found = service.triggers(TEMPLATE, None, 10).await;
        found.expect("the template is there")
    };
    let service = service_on(&database).await;
    let brought = triggers(&service).await;
    assert_eq!(brought.len(), 1);
    service
        .delete_trigger(&brought[0].trigger.id)
        .await
        .expect("it is there");
    let (_, mut definition) = service.workflow(TEMPLATE).await.expect("it is there");
    definition.tags.push("unfinished".to_owned());
    service
        .seed_template(definition)
        .await
        .expect("it is stored");
    service.stop().await;

    let next = service_on(&database).await;
    let brought = triggers(&next).await;
    assert_eq!(brought.len(), 1);
    let (row, _) = next.workflow(TEMPLATE).await.expect("it is there");
    assert_eq!(row.tags, ["operations"]);
    next.delete_trigger(&brought[0].trigger.id)
        .await
        .expect("it is there");
    next.stop().await;

    let last = service_on(&database).await;
    assert!(triggers(&last).await.is_empty(), "somebody has deleted it");
}

#[tokio::test]
async fn a_foreign_host_is_refused_everywhere() {
    for path in ["/", "/api/v1/health", "/favicon.svg", "/none"] {
        let request = Request::get(path).header("host", "rebound.example:3000");
        let answer = send(request.body(Body::empty()).expect("a request")).await;
        answer.is_problem(StatusCode::MISDIRECTED_REQUEST, "foreign_host");
    }
}

#[tokio::test]
async fn a_request_without_or_with_two_hosts_is_refused() {
    let none = Request::get("/").body(Body::empty()).expect("a request");
    send(none)
        .await
        .is_problem(StatusCode::MISDIRECTED_REQUEST, "foreign_host");
    let two = Request::get("/")
        .header("host", OWN_HOST)
        .header("host", "example.org");
    let two = two.body(Body::empty()).expect("a request");
    send(two)
        .await
        .is_problem(StatusCode::MISDIRECTED_REQUEST, "foreign_host");
}

#[tokio::test]
async fn a_link_shows_no_refusal_of_its_authors() {
    let link = "/no-such-page?__path=%2Frpc%2Fact_on_run&__err=eyJtZXNzYWdlIjoiUGF5IGhlcmUifQ";
    for (site, status) in [
        (Some("cross-site"), StatusCode::SEE_OTHER),
        (Some("same-site"), StatusCode::SEE_OTHER),
        (Some("none"), StatusCode::SEE_OTHER),
        (Some("same-origin"), StatusCode::NOT_FOUND),
        (None, StatusCode::NOT_FOUND),
    ] {
        let mut request = get_request(link);
        if let Some(site) = site {
            let site = site.parse().expect("a header");
            request.headers_mut().insert("sec-fetch-site", site);
        }
        let answer = send(request).await;
        assert_eq!(answer.status, status, "{site:?}");
        if status == StatusCode::SEE_OTHER {
            assert_eq!(answer.header("location"), "/no-such-page");
        }
    }
}

#[tokio::test]
async fn a_foreign_page_can_neither_write_nor_stream() {
    let foreign_post = own(Request::post("/echo")).header("sec-fetch-site", "cross-site");
    let old_browser = own(Request::post("/echo")).header("origin", "http://example.org");
    let event_stream = own(Request::get("/api/v1/health"))
        .header("accept", "text/event-stream")
        .header("sec-fetch-site", "same-site");
    let web_socket = own(Request::get("/api/v1/health"))
        .header("upgrade", "websocket")
        .header("origin", "http://localhost:8080");
    for request in [foreign_post, old_browser, event_stream, web_socket] {
        let answer = send(request.body(Body::empty()).expect("a request")).await;
        answer.is_problem(StatusCode::FORBIDDEN, "cross_origin");
    }
}

#[tokio::test]
async fn own_pages_programs_and_followed_links_pass() {
    let own_page = own(Request::post("/echo")).header("sec-fetch-site", "same-origin");
    let program = own(Request::post("/echo"));
    let link = own(Request::get("/api/v1/health"))
        .header("sec-fetch-site", "cross-site")
        .header("sec-fetch-mode", "navigate");
    for request in [own_page, program, link] {
        let answer = send(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_panic_becomes_a_problem_that_tells_nothing() {
    let answer = send(get_request("/panic")).await;
    answer.is_problem(StatusCode::INTERNAL_SERVER_ERROR, "internal");
    assert!(!answer.text().contains("secret"));
}

#[tokio::test]
async fn what_takes_too_long_becomes_a_problem() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = format!("sqlite:{}", folder.path().join("test.db").display()).into();
    let service = service_on(&database).await;
    tokio::time::pause();
    let answer = send_to(service, get_request("/slow")).await;
    answer.is_problem(StatusCode::SERVICE_UNAVAILABLE, "timeout");
}

#[tokio::test]
async fn a_workflow_of_this_server_changes_nothing_here() {
    let marked = |request: axum::http::request::Builder| {
        let request = own(request).header(crate::tools::MARK_HEADER, "own");
        request.body(Body::empty()).expect("a request")
    };
    let write = send(marked(Request::post("/api/v1/echo"))).await;
    write.is_problem(StatusCode::FORBIDDEN, "own_workflow");
    let read = send(marked(Request::get("/api/v1/health"))).await;
    assert_eq!(read.status, StatusCode::OK);
}

/// One request that two guards refuse.
#[tokio::test]
async fn another_sites_write_is_told_so_whatever_else_is_wrong_with_it() {
    let request = Request::post("/api/v1/echo")
        .header("host", "rebound.example:3000")
        .header("sec-fetch-site", "cross-site");
    let answer = send(request.body(Body::empty()).expect("a request")).await;
    answer.is_problem(StatusCode::FORBIDDEN, "cross_origin");
}

#[tokio::test]
async fn an_ill_call_of_a_page_is_the_callers_mistake_and_has_all_headers() {
    let call = own(Request::post("/rpc/run")).header("content-type", "application/json");
    let answer = send(call.body(Body::from("{")).expect("a request")).await;
    assert!(answer.status.is_client_error(), "{}", answer.status);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(!answer.header("x-request-id").is_empty());
}

/// Nobody takes them up here: what has no place in the queue is not connected before the test gives up.
#[tokio::test]
async fn hundreds_that_come_at_once_are_let_in() {
    let allowed = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap_or_default();
    if allowed
        .trim()
        .parse()
        .is_ok_and(|allowed: u32| allowed <= 200)
    {
        eprintln!("not tried: this system lets {allowed} wait at the most");
        return;
    }
    let listener = listen("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let address = listener.local_addr().expect("it listens");
    let mut waiting = Vec::new();
    while waiting.len() < 200 {
        let coming = tokio::net::TcpStream::connect(address);
        let came = tokio::time::timeout(Duration::from_secs(5), coming).await;
        let came = came.unwrap_or_else(|_| panic!("only {} are let in", waiting.len()));
        waiting.push(came.expect("somebody listens"));
    }
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused() {
    let body = Body::from(vec![b'x'; REQUEST_BODY_BYTES_MAX + 1]);
    let answer = send(
        own(Request::post("/api/v1/echo"))
            .body(body)
            .expect("a request"),
    )
    .await;
    answer.is_problem(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large");
}

#[tokio::test]
async fn programs_get_problems_from_every_layer() {
    send(get_request("/api/v1/none"))
        .await
        .is_problem(StatusCode::NOT_FOUND, "not_found");
    send(get_request("/api"))
        .await
        .is_problem(StatusCode::NOT_FOUND, "not_found");
    let wrong_method = own(Request::delete("/api/v1/health")).body(Body::empty());
    let answer = send(wrong_method.expect("a request")).await;
    answer.is_problem(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
    let no_text = own(Request::post("/api/v1/echo")).body(Body::from(vec![0xff]));
    let answer = send(no_text.expect("a request")).await;
    answer.is_problem(StatusCode::BAD_REQUEST, "bad_request");
    assert!(
        answer.json()["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("UTF-8"))
    );
}

#[tokio::test]
async fn a_page_carries_the_nonce_of_its_policy() {
    let answer = send(get_request("/")).await;
    assert_eq!(answer.status, StatusCode::OK);
    let policy = answer.header("content-security-policy").to_owned();
    let nonce = policy
        .split("'nonce-")
        .nth(1)
        .and_then(|rest| rest.split('\'').next());
    let nonce = nonce.expect("a nonce in the policy");
    assert!(nonce.len() >= 22, "128 bits in base64");
    let text = answer.text();
    assert!(text.contains(&format!("nonce=\"{nonce}\"")), "{text}");
    assert_eq!(
        text.matches("<script").count(),
        text.matches(&format!("nonce=\"{nonce}\"")).count()
    );
    assert!(
        !text.contains("style=\""),
        "inline styles are blocked by the policy"
    );
}

#[tokio::test]
async fn a_page_is_compressed_for_whoever_takes_that() {
    let asked = |path: &str, accepted: &str| {
        own(Request::get(path))
            .header("accept-encoding", accepted)
            .body(Body::empty())
            .expect("a request")
    };
    let plain = send(asked("/", "identity")).await;
    assert_eq!(plain.header("content-encoding"), "");
    let packed = send(asked("/", "br, gzip")).await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert!(packed.header("vary").contains("accept-encoding"));
    assert!(packed.body.len() * 2 < plain.body.len());
    let mut page = String::new();
    GzDecoder::new(packed.body.as_slice())
        .read_to_string(&mut page)
        .expect("what it says it is");
    // What the page is brought to life with comes last.
    let whole = page.starts_with("<!DOCTYPE html>") && page.ends_with("</script>");
    assert!(whole, "{page}");
    // Nothing to gain.
    let small = send(asked("/api/v1/health", "gzip")).await;
    assert_eq!(small.header("content-encoding"), "");
}

#[tokio::test]
async fn no_two_pages_share_a_nonce() {
    let first = send(get_request("/")).await;
    let second = send(get_request("/")).await;
    let policy = "content-security-policy";
    assert_ne!(first.header(policy), second.header(policy));
}

#[tokio::test]
async fn an_unknown_address_gets_the_page_that_says_so() {
    let answer = send(get_request("/no/such/page")).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.header("content-type").starts_with("text/html"));
    assert!(answer.text().contains("Page not found"));
}

struct Answer {
    status: StatusCode,
    response: Response<()>,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.response
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("a text body")
    }

    fn is_problem(&self, status: StatusCode, code: &str) {
        assert_eq!(self.status, status);
        assert_eq!(self.header("content-type"), api::problem::PROBLEM_JSON);
        assert_eq!(self.header("x-content-type-options"), "nosniff");
        assert!(
            self.header("content-security-policy")
                .starts_with("default-src 'none';")
        );
        let problem = self.json();
        assert_eq!(problem["code"], code);
        assert_eq!(problem["status"], status.as_u16());
        assert_eq!(problem["request_id"], self.header("x-request-id"));
    }
}

async fn send(request: Request<Body>) -> Answer {
    let folder = tempfile::tempdir().expect("a folder");
    let database = format!("sqlite:{}", folder.path().join("test.db").display()).into();
    send_to(service_on(&database).await, request).await
}

async fn service_on(database: &DatabaseUrl) -> Service {
    let terms = LeaseTerms {
        holder: "a test".to_owned(),
        ttl: Duration::from_secs(15),
    };
    let listening = OWN_HOST.parse().expect("an address");
    assembly::assemble(database, &terms, listening, "own", &[])
        .await
        .expect("a service")
}

/// The real routes, and beside them some that misbehave or need nothing.
async fn send_to(service: Service, request: Request<Body>) -> Answer {
    let listening = OWN_HOST.parse().expect("an address");
    let mark = OwnMark::new("own".to_owned());
    let state = AppState::new(listening, service.clone(), mark, Site::new(|_| None));
    let routes = Router::new()
        .nest(
            "/api/v1",
            api_routes(&state).route("/echo", post(async |body: String| body)),
        )
        .merge(pages::routes(&state))
        .route("/echo", post(async |body: String| body))
        .route(
            "/panic",
            get(async || -> &'static str { panic!("a secret") }),
        )
        .route("/slow", get(std::future::pending::<()>))
        .fallback(pages::file_or_not_found);
    let response = guarded(routes, state)
        .oneshot(request)
        .await
        .expect("an answer");
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a body").to_vec();
    Answer {
        status: parts.status,
        response: Response::from_parts(parts, ()),
        body,
    }
}

fn get_request(path: &str) -> Request<Body> {
    own(Request::get(path))
        .method(Method::GET)
        .body(Body::empty())
        .expect("a request")
}

fn own(builder: axum::http::request::Builder) -> axum::http::request::Builder {
    builder.header("host", OWN_HOST)
}
