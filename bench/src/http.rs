//! As little HTTP as there can be between the watch and what is measured: connections that stay open, on both sides.

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::convert::Infallible;
use std::time::Instant;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// One connection to one server.
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Client {
    /// `host` is an address and port. The error says that nobody listens there.
    pub async fn connect(host: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(std::io::Error::other)?;
        tokio::spawn(connection);
        Ok(Self {
            sender,
            host: host.to_owned(),
        })
    }

    pub async fn get(&mut self, path: &str) -> Bytes {
        self.send(Method::GET, path, Bytes::new()).await
    }

    pub async fn get_json(&mut self, path: &str) -> Value {
        json(&self.get(path).await)
    }

    pub async fn post(&mut self, path: &str, body: &Value) -> Value {
        let body = Bytes::from(body.to_string());
        json(&self.send(Method::POST, path, body).await)
    }

    /// What the server thinks of a workflow, whether it takes it or not.
    pub async fn validate(&mut self, media_type: &str, workflow: Bytes) -> StatusCode {
        let path = "/api/v1/workflows/validate";
        let (status, _) = self.answer(Method::POST, path, media_type, workflow).await;
        status
    }

    async fn send(&mut self, method: Method, path: &str, body: Bytes) -> Bytes {
        let (status, body) = self.answer(method, path, "application/json", body).await;
        assert!(
            status.is_success(),
            "{path}: {status} {}",
            String::from_utf8_lossy(&body)
        );
        body
    }

    async fn answer(
        &mut self,
        method: Method,
        path: &str,
        media_type: &str,
        body: Bytes,
    ) -> (StatusCode, Bytes) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.host)
            .header(CONTENT_TYPE, media_type)
            .body(Full::new(body))
            .expect("a request");
        self.sender.ready().await.expect("the connection is open");
        let response = self.sender.send_request(request).await.expect("an answer");
        let status = response.status();
        let body = response.into_body().collect().await.expect("a body");
        (status, body.to_bytes())
    }
}

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("JSON")
}

/// A service that answers every request at once, and tells when it came.
pub struct Service {
    pub host: String,
    pub calls: mpsc::UnboundedReceiver<Instant>,
}

impl Service {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let host = listener.local_addr().expect("it is bound").to_string();
        let (heard, calls) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Without it nothing would be measured but two systems that wait for each other.
                let _ = stream.set_nodelay(true);
                let heard = heard.clone();
                let answering = service_fn(move |request| answer(request, heard.clone()));
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answering);
                tokio::spawn(connection);
            }
        });
        Self { host, calls }
    }
}

async fn answer(
    request: Request<Incoming>,
    heard: mpsc::UnboundedSender<Instant>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    // Nobody listening does not change the answer.
    let _ = heard.send(Instant::now());
    drop(request);
    let body = Full::new(Bytes::from_static(b"{\"ok\":true}"));
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::OK;
    let json = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}
