//! The executable: reads the command line and hands over to the server, together with the client that it carries. The
//! client is embedded here and not in the library, so that both can be compiled at the same time.

use clap::Parser;
use rust_embed::RustEmbed;
use signalbox::server::{self, Site, config::Cli};
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

const LAST_WORDS_MAX: Duration = Duration::from_secs(1);

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
            last_words(format!("signalbox: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

/// On standard error. Where nobody reads that, this process ends all the same.
fn last_words(text: String) {
    let (said, is_said) = mpsc::channel();
    std::thread::spawn(move || {
        // There is nobody left to be told that it failed.
        let _ = io::stderr().write_all(text.as_bytes());
        let _ = said.send(());
    });
    let _ = is_said.recv_timeout(LAST_WORDS_MAX);
}
