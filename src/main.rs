//! The executable: reads the command line and hands over to the server.

use clap::Parser;
use signalbox::server::{self, config::Cli};
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match server::run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("signalbox: {error}");
            ExitCode::FAILURE
        }
    }
}
