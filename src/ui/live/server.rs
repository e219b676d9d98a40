//! On the server nothing connects: the page leaves with a snapshot.

use super::Live;

pub(super) fn connect(_live: Live) {}

pub fn local_time(_rfc3339: &str) -> Option<String> {
    None
}
