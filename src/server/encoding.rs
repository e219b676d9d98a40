//! Content negotiation: which of the prepared copies of a file a client gets, and whether what is made for it is compressed.

use axum::http::header::CONTENT_TYPE;
use axum::http::{Extensions, HeaderMap, StatusCode, Version};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};

/// What is smaller fits into one packet anyway.
const SHRUNK_BYTES_MIN: u64 = 1_024;

/// Compresses pages, and data as JSON, for whoever takes gzip: the page of a run is sent in a quarter of its size. Quickly
/// rather than well, since each is made for one request. No secret of ours stands in a page beside what others have written, so
/// its length tells nothing of one. What flows, such as events and logs, goes out as it comes.
pub fn shrinking() -> CompressionLayer<impl Predicate> {
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(SHRUNK_BYTES_MIN).and(is_page_or_data))
}

fn is_page_or_data(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next());
    matches!(kind, Some("text/html" | "application/json"))
}

/// Encodings that the build prepared beside each file, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Brotli,
    Gzip,
}

impl Encoding {
    pub const ALL: [Self; 2] = [Self::Brotli, Self::Gzip];

    pub fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    pub fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Gzip => ".gz",
        }
    }

    pub fn variant_of(self, path: &str) -> String {
        format!("{path}{}", self.suffix())
    }
}

/// The prepared encodings that an `Accept-Encoding` value admits, the wished one first and the
/// smaller one first among equals. The plain file remains as the last resort.
pub fn preferred(accept_encoding: &str) -> Vec<Encoding> {
    let weight_of = |name: &str| {
        accept_encoding.split(',').find_map(|item| {
            let mut parts = item.split(';').map(str::trim);
            if !parts.next()?.eq_ignore_ascii_case(name) {
                return None;
            }
            let weight = parts.find_map(|part| part.strip_prefix("q="));
            Some(weight.map_or(1.0, |text| text.parse::<f32>().unwrap_or(0.0)))
        })
    };
    let any_other = weight_of("*").unwrap_or(0.0);
    let mut admitted: Vec<(Encoding, f32)> = Encoding::ALL
        .into_iter()
        .map(|encoding| (encoding, weight_of(encoding.name()).unwrap_or(any_other)))
        .filter(|(_, weight)| *weight > 0.0)
        .collect();
    admitted.sort_by(|(_, left), (_, right)| right.total_cmp(left));
    admitted.into_iter().map(|(encoding, _)| encoding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Encoding::{Brotli, Gzip};

    #[test]
    fn the_smallest_admitted_encoding_is_chosen() {
        let check = |accepted: &str, expected: &[Encoding]| {
            assert_eq!(preferred(accepted), expected, "{accepted}");
        };
        check("gzip, deflate, br, zstd", &[Brotli, Gzip]);
        check("gzip", &[Gzip]);
        check("GZIP;q=0.5, Br;q=0.9", &[Brotli, Gzip]);
        check("br;q=0.2, gzip;q=0.8", &[Gzip, Brotli]);
        check("br;q=0, gzip", &[Gzip]);
        check("*", &[Brotli, Gzip]);
        check("*;q=0", &[]);
        check("br;q=0, *", &[Gzip]);
        check("br;q=nonsense", &[]);
        check("identity", &[]);
        check("brotli", &[]);
        check("", &[]);
    }
}
