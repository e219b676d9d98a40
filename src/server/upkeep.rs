//! What an operator does beside serving: copies, and checks of copies.

use std::path::Path;

use super::ServeError;
use super::config::BackupConfig;
use crate::store::backup::{self, Soundness};

pub(super) async fn backup(config: &BackupConfig) -> Result<(), ServeError> {
    if config.database.file().is_none() {
        return Err(ServeError::NoFile);
    }
    let soundness = backup::backup(config.database.as_str(), &config.file).await?;
    println!("{} holds {}.", config.file.display(), told(soundness));
    Ok(())
}

pub(super) async fn check(file: &Path) -> Result<(), ServeError> {
    let soundness = backup::check(file).await?;
    println!("{} is sound: {}.", file.display(), told(soundness));
    Ok(())
}

fn told(soundness: Soundness) -> String {
    let Soundness {
        runs,
        open_runs,
        events,
        bytes,
    } = soundness;
    format!(
        "{runs} runs ({open_runs} of them open) with {events} events in {} kB",
        bytes / 1_000
    )
}
