//! The executable: reads the command line and hands over to the server, together with the client that it carries. The
//! client is embedded here and not in the library, so that both can be compiled at the same time.

use clap::Parser;
use rust_embed::RustEmbed;
use signalbox::server::{self, Site, config::Cli};
use std::process::ExitCode;

/// In a release build the folder's content is inside the executable; in a debug build it is read from disk, so that a
/// newly built client shows without a new server.
#[derive(RustEmbed)]
#[folder = "$SIGNALBOX_SITE"]
#[allow_missing = true]
struct Client;

/// Differs for each client, so that cargo sees a new one and embeds it. The Makefile says which it is.
const _: Option<&str> = option_env!("SIGNALBOX_SITE_VERSION");

/// Half the time that the system's allocator takes under many small runs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match server::run(Cli::parse(), Site::new(Client::get)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("signalbox: {error}");
            ExitCode::FAILURE
        }
    }
}
