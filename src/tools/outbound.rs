//! The one way out of this process for tools: what may be addressed, and the client that holds to it. Names are
//! checked by what they resolve to at the moment of connecting, so that a name cannot change its mind in between.

mod address;
pub mod connection;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, ClientBuilder, Url};
use rustls::ClientConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls_platform_verifier::BuilderVerifierExt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::engine::failure::StepError;

pub use connection::failure_of;

/// How long one connection may take to be made. Longer waits help nobody: the system's own limit is minutes.
const CONNECT_MS_MAX: u64 = 10_000;
/// Connections to one server that wait for the next request, and how long: shorter than servers usually keep theirs, so
/// that a request seldom meets one that is just being closed.
const IDLE_PER_HOST_MAX: usize = 8;
const IDLE_MS_MAX: u64 = 4_000;

/// Which addresses may be called. This machine and its networks are open, because probing them is what a control
/// room is for; an operator's allow list becomes a field of this struct, and every check below then asks it.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Goes along with every HTTP request, as `MARK_HEADER`: by it this server knows what its own workflows ask of it.
    pub mark: Arc<str>,
}

/// Says which server's workflow sent a request.
pub const MARK_HEADER: HeaderName = HeaderName::from_static("x-signalbox-sent-by");

impl Policy {
    fn admits(&self, address: IpAddr) -> bool {
        !address::is_link_local_or_metadata(address)
    }
}

/// Why an address is not called.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("`{text}` is not an address that can be called: {why}.")]
    Malformed { text: String, why: String },
    #[error(
        "{host} is a link-local or cloud metadata address ({address}), which workflows may not call."
    )]
    Blocked { host: String, address: IpAddr },
    #[error("The name {host} could not be resolved ({why}). Is it spelled correctly?")]
    Unresolved { host: String, why: String },
}

impl Refusal {
    pub fn into_error(self) -> StepError {
        (&self).into()
    }
}

impl From<&Refusal> for StepError {
    fn from(refusal: &Refusal) -> Self {
        let code = match refusal {
            Refusal::Malformed { .. } => "invalid_input",
            Refusal::Blocked { .. } => "address_blocked",
            Refusal::Unresolved { .. } => "dns_failed",
        };
        StepError::new(code, refusal.to_string())
    }
}

/// Makes connections that keep to the policy.
pub struct Outbound {
    policy: Policy,
    /// Read at the first use: loading the machine's certificates takes longer than the rest of the start.
    tls: OnceLock<ClientConfig>,
    shared: OnceLock<Client>,
}

impl Outbound {
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            tls: OnceLock::new(),
            shared: OnceLock::new(),
        }
    }

    /// Reads a web address. Credentials in it are refused: they would be shown wherever the address is.
    pub fn url(&self, text: &str) -> Result<Url, Refusal> {
        let malformed = |why: String| Refusal::Malformed {
            text: text.to_owned(),
            why,
        };
        let url = Url::parse(text).map_err(|error| {
            malformed(format!("{error}. Write it like https://example.com/path"))
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(malformed(
                "only http and https addresses can be called".to_owned(),
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::Malformed {
                text: url.host_str().unwrap_or_default().to_owned(),
                why: "it contains a user name or password; send an Authorization header instead"
                    .to_owned(),
            });
        }
        Ok(url)
    }

    /// To be set last: nothing that an author writes takes its place.
    pub fn mark(&self, headers: &mut HeaderMap) {
        match HeaderValue::from_str(&self.policy.mark) {
            Ok(mark) => {
                headers.insert(MARK_HEADER, mark);
            }
            // Made by this program from hexadecimal digits.
            Err(error) => tracing::error!(%error, "the mark of this server is no header value"),
        }
    }

    /// Checks an address whose host is written as numbers; names are checked when they are resolved. To be
    /// asked before every hop, because the resolver never sees such a host.
    pub fn admit(&self, url: &Url) -> Result<(), Refusal> {
        let host = url.host_str().unwrap_or_default();
        match host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>()
        {
            Ok(address) if !self.policy.admits(address) => Err(Refusal::Blocked {
                host: host.to_owned(),
                address,
            }),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The admitted addresses behind a host name or number.
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Refusal> {
        resolve(&self.policy, host, port).await
    }

    /// A client for one request: no connection shared with another request. `connected` becomes true once bytes may
    /// have left.
    pub fn client(&self, connected: &Arc<AtomicBool>) -> Result<Client, StepError> {
        let builder = self
            .builder()
            .pool_max_idle_per_host(0)
            .connector_layer(connection::MarkConnected::new(connected));
        built(builder)
    }

    /// The client for requests that may be made twice. Its connections are kept and used again, so it cannot tell
    /// whether a request has left.
    pub fn shared_client(&self) -> Result<Client, StepError> {
        if let Some(client) = self.shared.get() {
            return Ok(client.clone());
        }
        let builder = self
            .builder()
            .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
            .pool_idle_timeout(Duration::from_millis(IDLE_MS_MAX));
        let client = built(builder)?;
        Ok(self.shared.get_or_init(|| client).clone())
    }

    /// No proxy from the environment, no redirects, no repeated tries.
    fn builder(&self) -> ClientBuilder {
        Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(Duration::from_millis(CONNECT_MS_MAX))
            .user_agent(concat!("signalbox/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(self.tls.get_or_init(tls_config).clone())
            .dns_resolver(connection::GuardedResolver::new(self.policy.clone()))
    }
}

fn built(builder: ClientBuilder) -> Result<Client, StepError> {
    builder
        .build()
        .map_err(|error| StepError::new("connect_failed", format!("{error}.")))
}

/// An address as messages show it: without the query, which often carries a token, and without credentials.
pub fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Refused for addresses that cannot hold credentials; those show none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

async fn resolve(policy: &Policy, host: &str, port: u16) -> Result<Vec<SocketAddr>, Refusal> {
    let unresolved = |why: String| Refusal::Unresolved {
        host: host.to_owned(),
        why,
    };
    let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port))
        .await
        .map_err(|error| unresolved(error.to_string()))?
        .collect();
    let first = found
        .first()
        .map(SocketAddr::ip)
        .ok_or_else(|| unresolved("no address".into()))?;
    let admitted: Vec<SocketAddr> = found
        .into_iter()
        .filter(|address| policy.admits(address.ip()))
        .collect();
    if admitted.is_empty() {
        return Err(Refusal::Blocked {
            host: host.to_owned(),
            address: first,
        });
    }
    Ok(admitted)
}

fn tls_config() -> ClientConfig {
    let builder = |provider: Arc<CryptoProvider>| {
        ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring supports the protocol versions that rustls takes for safe")
    };
    let provider = Arc::new(ring::default_provider());
    match builder(Arc::clone(&provider)).with_platform_verifier() {
        Ok(verified) => verified.with_no_client_auth(),
        // A machine without a certificate store can still be probed over plain HTTP; with no trusted
        // authority every https address then fails as `tls_failed`.
        Err(error) => {
            tracing::warn!(%error, "no certificate authorities on this machine: https calls will fail");
            builder(provider)
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbound() -> Outbound {
        Outbound::new(Policy::default())
    }

    #[test]
    fn a_metadata_address_is_refused_however_its_number_is_written() {
        for text in [
            "http://169.254.169.254/latest",
            "http://169.254.169.254./",
            "http://2852039166/",
            "http://0xa9fea9fe/",
            "http://0251.0376.0251.0376/",
            "http://169.16689662/",
            "http://[::ffff:169.254.169.254]/",
            "http://[::ffff:a9fe:a9fe]:80/",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://[fd00:ec2::254]/",
            "https://[fe80::1]/",
        ] {
            let url = outbound().url(text).unwrap();
            let refusal = outbound().admit(&url).unwrap_err();
            assert_eq!(refusal.into_error().code, "address_blocked", "{text}");
        }
    }

    #[test]
    fn only_http_and_https_addresses_without_credentials_are_read() {
        for text in [
            "file:///etc/passwd",
            "gopher://x/",
            "http://me:pw@127.0.0.1/",
            "nonsense",
            "",
        ] {
            let error = outbound().url(text).unwrap_err().into_error();
            assert_eq!(error.code, "invalid_input", "{text}");
            assert!(!error.message.contains("pw@"), "{}", error.message);
        }
        assert!(outbound().url("http://127.0.0.1:3000/health").is_ok());
    }

    #[tokio::test]
    async fn a_host_that_resolves_to_a_forbidden_address_is_refused() {
        for host in ["169.254.169.254", "2852039166", "::ffff:169.254.169.254"] {
            let refusal = outbound().resolve(host, 80).await.unwrap_err();
            assert_eq!(refusal.into_error().code, "address_blocked", "{host}");
        }
        assert!(
            !outbound()
                .resolve("localhost", 80)
                .await
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn a_shown_address_has_lost_its_query() {
        let url = outbound()
            .url("http://example.com/a?token=secret#x")
            .unwrap();
        assert_eq!(shown(&url), "http://example.com/a");
    }
}
