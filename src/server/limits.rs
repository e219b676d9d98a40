//! Every bound the process puts on a request, with its unit in its name and its reason beside it.

use std::time::Duration;

use crate::driver::service::CAPSULE_BYTES_MAX;

/// Connections that are there and not yet taken up. The system may allow fewer (`net.core.somaxconn`).
pub const CONNECTIONS_WAITING_MAX: u32 = 1_024;

/// A workflow of the largest permitted size, as JSON, stays well below this.
pub const REQUEST_BODY_BYTES_MAX: usize = 2 * 1024 * 1024;

/// A capsule, with what a form puts around it.
pub const CAPSULE_BODY_BYTES_MAX: usize = CAPSULE_BYTES_MAX + 64 * 1024;

/// Files that are put in at once; others wait before their bodies are read.
pub const FILES_AT_ONCE: usize = 4;

/// Of a body that is refused for its size, this much is read and thrown away so that the refusal can be read.
pub const DISCARD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Of a file that is too large: a disk image that somebody took for a capsule is not read to its end.
pub const CAPSULE_DISCARD_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Time that throwing it away may take.
pub const DISCARD_MS_MAX: u64 = 5_000;

/// Time until an answer must begin: longer than a caller may ask to be held (`?wait=30s`). Streams begin at once and may then last as long as they like.
pub const RESPONSE_START_MS_MAX: u64 = 40_000;

/// As long for whoever puts a file in: 64 MiB by a line of 2 Mbit/s, and its turn to be read.
pub const FILE_MS_MAX: u64 = 300_000;

/// Time that open requests get to end after a stop signal. What they would lose is only an answer:
/// everything that happened is committed before it is reported.
pub const STOP_MS_MAX: u64 = 5_000;

/// An error answer is read once more to add the request id; a longer one is passed on as it is.
pub const PROBLEM_BYTES_MAX: usize = 1024 * 1024;

pub const RESPONSE_START_MAX: Duration = Duration::from_millis(RESPONSE_START_MS_MAX);
pub const FILE_MAX: Duration = Duration::from_millis(FILE_MS_MAX);
pub const DISCARD_MAX: Duration = Duration::from_millis(DISCARD_MS_MAX);
pub const STOP_MAX: Duration = Duration::from_millis(STOP_MS_MAX);
