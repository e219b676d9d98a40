//! The running server, as a program meets it.

use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

use super::ExchangeError;

/// Workflows on one page: as many as the server gives at most.
const PAGE_ITEMS: &str = "200";
const CONNECT_MAX: Duration = Duration::from_secs(10);
const ANSWER_MAX: Duration = Duration::from_secs(60);

pub(super) struct Remote {
    base: Url,
    client: Client,
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Listed {
    slug: String,
}

/// What has become of a workflow.
#[derive(Deserialize)]
pub(super) struct Summary {
    pub slug: String,
    pub outcome: String,
    pub version: u32,
    pub brought_back: bool,
}

/// An answer in `application/problem+json`.
#[derive(Deserialize)]
struct Told {
    code: String,
    detail: String,
    #[serde(default)]
    errors: Vec<Value>,
}

impl Remote {
    pub(super) fn new(server: &str) -> Result<Self, ExchangeError> {
        let bad = || ExchangeError::BadAddress(server.to_owned());
        let base = Url::parse(server).map_err(|_| bad())?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(bad());
        }
        // Another part of the process may have chosen already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT_MAX)
            .timeout(ANSWER_MAX)
            .build()
            .map_err(|error| ExchangeError::Unreachable {
                server: server.to_owned(),
                why: chain(&error),
            })?;
        Ok(Self { base, client })
    }

    /// The slugs of those that are no templates.
    pub(super) async fn workflows(&self) -> Result<Vec<String>, ExchangeError> {
        let mut slugs = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut query = vec![("filter", "mine"), ("limit", PAGE_ITEMS)];
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let url = self.url(&["workflows"], &query)?;
            let page: Page<Listed> = self.json(self.client.get(url)).await?;
            slugs.extend(page.items.into_iter().map(|listed| listed.slug));
            cursor = page.next;
            if cursor.is_none() {
                slugs.sort();
                return slugs.into_iter().map(file_name).collect();
            }
        }
    }

    pub(super) async fn exported(&self, slug: &str) -> Result<String, ExchangeError> {
        let query = [("format", "yaml"), ("pins", "moved")];
        let url = self.url(&["workflows", slug, "export"], &query)?;
        let (status, text) = self.answer(self.client.get(url)).await?;
        if status.is_success() {
            Ok(text)
        } else {
            Err(refused(status, &text))
        }
    }

    /// What has become of each workflow; or the problems, a line each.
    pub(super) async fn import(
        &self,
        body: Value,
    ) -> Result<Result<Vec<Summary>, Vec<String>>, ExchangeError> {
        let url = self.url(&["workflows", "import"], &[])?;
        let request = self
            .client
            .request(Method::POST, url)
            .header("content-type", "application/json")
            .body(body.to_string());
        let (status, text) = self.answer(request).await?;
        if status.is_success() {
            let page: Page<Summary> = understood(&text)?;
            return Ok(Ok(page.items));
        }
        match serde_json::from_str::<Told>(&text) {
            Ok(told) if told.code == "not_imported" => {
                Ok(Err(told.errors.iter().map(problem).collect()))
            }
            Ok(_) | Err(_) => Err(refused(status, &text)),
        }
    }

    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Url, ExchangeError> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| ExchangeError::BadAddress(self.base.to_string()))?
            .pop_if_empty()
            .extend(["api", "v1"])
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ExchangeError> {
        let (status, text) = self.answer(request).await?;
        if !status.is_success() {
            return Err(refused(status, &text));
        }
        understood(&text)
    }

    async fn answer(&self, request: RequestBuilder) -> Result<(StatusCode, String), ExchangeError> {
        let unreachable = |error: reqwest::Error| ExchangeError::Unreachable {
            server: self.base.to_string().trim_end_matches('/').to_owned(),
            why: chain(&error),
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let text = response.text().await.map_err(unreachable)?;
        Ok((status, text))
    }
}

/// A slug becomes the name of a file: whatever the server says, it leads nowhere else.
fn file_name(slug: String) -> Result<String, ExchangeError> {
    let is_slug = !slug.is_empty()
        && slug
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if is_slug {
        Ok(slug)
    } else {
        Err(ExchangeError::NotUnderstood(format!("`{slug}` is no slug")))
    }
}

fn understood<T: DeserializeOwned>(text: &str) -> Result<T, ExchangeError> {
    serde_json::from_str(text).map_err(|error| ExchangeError::NotUnderstood(error.to_string()))
}

fn refused(status: StatusCode, text: &str) -> ExchangeError {
    match serde_json::from_str::<Told>(text) {
        Ok(told) => ExchangeError::Refused(told.detail),
        Err(_) => ExchangeError::Refused(status.to_string()),
    }
}

/// Such as `greet, step ask: There is no tool \`x\`. Name one of …`.
fn problem(error: &Value) -> String {
    let text = |field: &str| error[field].as_str().unwrap_or_default();
    let mut told = text("workflow").to_owned();
    for (field, word) in [("step", "step"), ("field", "field")] {
        if !text(field).is_empty() {
            told.push_str(&format!(", {word} {}", text(field)));
        }
    }
    let sentences = format!("{told}: {} {}", text("message"), text("fix"));
    sentences.trim_end().to_owned()
}

/// With its causes: the outermost says only that a request failed.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    text
}
