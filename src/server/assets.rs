//! The client's files, which live inside the executable: found by path, sent in the smallest
//! encoding the browser takes, cached for ever when the name carries a hash.

use super::encoding::{Encoding, preferred};
use crate::ui::shell::ClientFiles;
use axum::body::{Body, Bytes};
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;
use rust_embed::EmbeddedFile;
#[cfg(any(test, debug_assertions))]
use rust_embed::RustEmbed;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::Read;

/// The files of the client, as the executable carries them.
#[derive(Clone, Copy)]
pub struct Site {
    find: fn(&str) -> Option<EmbeddedFile>,
}

/// Written by `scripts/site.mjs`; says which names the hashed files have. Never served.
const MANIFEST: &str = "site.json";

/// Scripts that run as workers. A worker obeys the policy that its own script came with.
const WORKERS: &str = "pkg/workbench.";
/// It compiles the engine and asks for nothing else: it may load its own files.
const POLICY_FOR_WORKERS: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HASH_DIGITS: usize = 16;
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Kept by the browser, but asked for again each time; the answer is usually "not modified".
const REVALIDATE: &str = "no-cache";

#[derive(Deserialize)]
struct Manifest {
    script: String,
    #[serde(default)]
    loader: Option<String>,
    wasm: String,
    #[serde(default)]
    parts: BTreeMap<String, Vec<String>>,
    style: String,
    workbench: String,
}

impl Site {
    /// `find` answers the file at a path such as `pkg/signalbox.js`.
    pub fn new(find: fn(&str) -> Option<EmbeddedFile>) -> Self {
        Self { find }
    }

    /// Where the current client is. Without a manifest these are the names that cargo-leptos gives.
    pub fn client_files(self) -> ClientFiles {
        let manifest =
            (self.find)(MANIFEST).and_then(|file| serde_json::from_slice(&file.data).ok());
        let Manifest {
            script,
            loader,
            wasm,
            parts,
            style,
            workbench,
        } = manifest.unwrap_or_else(|| Manifest {
            script: "pkg/signalbox.js".to_owned(),
            loader: None,
            wasm: "pkg/signalbox.wasm".to_owned(),
            parts: BTreeMap::new(),
            style: "pkg/signalbox.css".to_owned(),
            workbench: "pkg/workbench.js".to_owned(),
        });
        ClientFiles {
            script: format!("/{script}"),
            loader: loader.map(|loader| format!("/{loader}")),
            wasm: format!("/{wasm}"),
            parts: parts
                .into_iter()
                .map(|(part, files)| (part, rooted(files)))
                .collect(),
            style: format!("/{style}"),
            workbench: format!("/{workbench}"),
        }
    }

    /// The file at this URL path, if there is one.
    pub fn respond(self, url_path: &str, request: &HeaderMap) -> Option<Response> {
        let path = url_path.trim_start_matches('/');
        if is_hidden(path) {
            return None;
        }
        let accepted = request
            .get(ACCEPT_ENCODING)
            .and_then(|value| value.to_str().ok());
        let chosen = preferred(accepted.unwrap_or_default())
            .into_iter()
            .find_map(|encoding| Some((Some(encoding), (self.find)(&encoding.variant_of(path))?)));
        let (encoding, file) = match chosen {
            Some(chosen) => chosen,
            None => (None, self.plain(path)?),
        };

        let etag = entity_tag(&file, encoding);
        let caching = if is_hashed(path) {
            FOR_EVER
        } else {
            REVALIDATE
        };
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        // Also on "not modified": the browser takes over what the answer says into what it has kept.
        if path.starts_with(WORKERS) && path.ends_with(".js") {
            headers.insert(
                CONTENT_SECURITY_POLICY,
                HeaderValue::from_static(POLICY_FOR_WORKERS),
            );
        }
        let known = matches_tag(request, &etag);
        if let Ok(etag) = HeaderValue::from_str(&etag) {
            headers.insert(ETAG, etag);
        }
        if known {
            return Some((StatusCode::NOT_MODIFIED, headers).into_response());
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
        if let Some(encoding) = encoding {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
        }
        Some((headers, body(file)).into_response())
    }

    /// As it is. What is large lies here compressed only: hardly anybody asks for it otherwise.
    fn plain(self, path: &str) -> Option<EmbeddedFile> {
        if let Some(file) = (self.find)(path).or_else(|| style_source(path)) {
            return Some(file);
        }
        let mut file = (self.find)(&Encoding::Gzip.variant_of(path))?;
        let mut data = Vec::new();
        GzDecoder::new(file.data.as_ref())
            .read_to_end(&mut data)
            .ok()?;
        file.data = Cow::Owned(data);
        Some(file)
    }
}

fn rooted(files: Vec<String>) -> Vec<String> {
    files.into_iter().map(|file| format!("/{file}")).collect()
}

/// What lies among the files of the client, but is none of them.
fn is_hidden(path: &str) -> bool {
    let variant = Encoding::ALL
        .iter()
        .any(|encoding| path.ends_with(encoding.suffix()));
    let dotted = path.split('/').any(|segment| segment.starts_with('.'));
    path.is_empty() || path == MANIFEST || dotted || variant
}

/// cargo-leptos does not follow `@import`, so during `make watch` the browser asks for each partial.
#[cfg(debug_assertions)]
fn style_source(path: &str) -> Option<EmbeddedFile> {
    #[derive(RustEmbed)]
    #[folder = "style"]
    #[allow_missing = true]
    struct StyleSources;

    StyleSources::get(path.strip_prefix("pkg/")?)
}

#[cfg(not(debug_assertions))]
fn style_source(_path: &str) -> Option<EmbeddedFile> {
    None
}

/// Differs between encodings, because a strong tag promises the same bytes.
fn entity_tag(file: &EmbeddedFile, encoding: Option<Encoding>) -> String {
    let digest = file.metadata.sha256_hash();
    let mut tag = String::from("\"");
    for byte in &digest[..HASH_DIGITS / 2] {
        // Writing to a string cannot fail.
        let _ = write!(tag, "{byte:02x}");
    }
    if let Some(encoding) = encoding {
        tag.push('-');
        tag.push_str(encoding.name());
    }
    tag.push('"');
    tag
}

fn matches_tag(request: &HeaderMap, etag: &str) -> bool {
    let Some(asked) = request
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    asked
        .split(',')
        .map(str::trim)
        .any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

/// `signalbox.0123456789abcdef.wasm` never changes its content.
fn is_hashed(path: &str) -> bool {
    path.split(['.', '/'])
        .any(|part| part.len() == HASH_DIGITS && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "css" => "text/css; charset=utf-8",
        "ico" => "image/x-icon",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "txt" => "text/plain; charset=utf-8",
        "wasm" => "application/wasm",
        "webmanifest" => "application/manifest+json",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

fn body(file: EmbeddedFile) -> Body {
    match file.data {
        Cow::Borrowed(bytes) => Body::from(Bytes::from_static(bytes)),
        Cow::Owned(bytes) => Body::from(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    #[test]
    fn only_hashed_names_are_kept_for_ever() {
        assert!(is_hashed("pkg/signalbox.0123456789abcdef.wasm"));
        assert!(!is_hashed("pkg/signalbox.wasm"));
        assert!(!is_hashed("favicon.svg"));
        assert!(!is_hashed("pkg/signalbox.0123456789abcdeg.wasm"));
    }

    #[test]
    fn the_manifest_hidden_files_and_variants_are_not_served() {
        let anything = Site::new(|_| SomeFiles::get("main.css"));
        assert!(
            anything
                .respond("/favicon.svg", &HeaderMap::new())
                .is_some()
        );
        for path in [
            "/site.json",
            "/.env",
            "/pkg/.keep",
            "/favicon.svg.br",
            "/favicon.svg.gz",
            "/",
        ] {
            assert!(
                anything.respond(path, &HeaderMap::new()).is_none(),
                "{path}"
            );
        }
    }

    #[tokio::test]
    async fn what_lies_here_compressed_is_sent_as_it_was_to_whoever_takes_no_other() {
        let site = Site::new(|path| {
            let mut file = SomeFiles::get("main.css")?;
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            packed.write_all(b"as it was").ok()?;
            file.data = Cow::Owned(packed.finish().ok()?);
            (path == "pkg/large.wasm.gz").then_some(file)
        });
        let asked = |accepted: &'static str| {
            HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(accepted))])
        };
        let mut tags = Vec::new();
        for (accepted, encoding, starts) in [
            ("identity", None, b"as it".as_slice()),
            ("br, gzip", Some("gzip"), b"\x1f\x8b".as_slice()),
        ] {
            let response = site.respond("/pkg/large.wasm", &asked(accepted));
            let response = response.expect("a file");
            let headers = response.headers();
            let found = headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes);
            assert_eq!(found, encoding.map(str::as_bytes));
            tags.push(headers.get(ETAG).cloned());
            let body = axum::body::to_bytes(response.into_body(), 1_000).await;
            assert!(body.expect("a body").starts_with(starts), "{accepted}");
        }
        assert_ne!(tags[0], tags[1]);
        assert!(site.respond("/pkg/other.wasm", &asked("br")).is_none());
    }

    /// A worker obeys the policy that its script came with, and after "not modified" the one that came with that.
    #[test]
    fn a_worker_may_load_its_own_files_and_nothing_else() {
        let site = Site::new(|_| SomeFiles::get("main.css"));
        let policy = |path: &str, request: &HeaderMap| {
            let response = site.respond(path, request).expect("a file");
            let policy = response.headers().get(CONTENT_SECURITY_POLICY);
            let policy = policy.map(|value| value.to_str().expect("text").to_owned());
            (
                response.status(),
                response.headers().get(ETAG).cloned(),
                policy,
            )
        };
        let worker = "/pkg/workbench.0123456789abcdef.js";
        let (status, tag, first) = policy(worker, &HeaderMap::new());
        assert_eq!(
            (status, first.as_deref()),
            (StatusCode::OK, Some(POLICY_FOR_WORKERS))
        );
        let mut again = HeaderMap::new();
        again.insert(IF_NONE_MATCH, tag.expect("a tag"));
        let (status, _, second) = policy(worker, &again);
        assert_eq!((status, second), (StatusCode::NOT_MODIFIED, first));
        // Everything else has the policy that the server gives to all.
        for other in [
            "/pkg/signalbox.0123456789abcdef.js",
            "/pkg/workbench.0123456789abcdef.wasm",
        ] {
            assert_eq!(policy(other, &HeaderMap::new()).2, None, "{other}");
        }
    }

    #[derive(RustEmbed)]
    #[folder = "style"]
    struct SomeFiles;

    #[test]
    fn a_tag_matches_itself_in_any_list() {
        let asked = |value: &'static str| {
            HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static(value))])
        };
        assert!(matches_tag(&asked("\"a\""), "\"a\""));
        assert!(matches_tag(&asked("\"b\", W/\"a\""), "\"a\""));
        assert!(matches_tag(&asked("*"), "\"a\""));
        assert!(!matches_tag(&asked("\"a-br\""), "\"a\""));
        assert!(!matches_tag(&HeaderMap::new(), "\"a\""));
    }
}
