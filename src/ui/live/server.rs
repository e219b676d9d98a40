//! On the server nothing connects: the page leaves with a snapshot.

use std::future::{Ready, ready};

use super::Live;

pub(super) fn connect(_live: Live) {}

pub fn local_time(_rfc3339: &str) -> Option<String> {
    None
}

pub fn permission() -> Option<String> {
    None
}

pub fn ask() -> Ready<Option<String>> {
    ready(None)
}

pub fn is_followed(_run_id: &str) -> bool {
    false
}

pub fn follow(_run_id: &str, _known: String) {}

pub fn unfollow(_run_id: &str) {}
