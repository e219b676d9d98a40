//! `export` and `import`: a server's workflows as files in a folder, which git can keep. Both talk to a running server by
//! its API, for a database belongs to the server that has it open.

mod files;
mod remote;

use clap::Args;
use serde_json::json;
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

use files::Kept;
use remote::{Remote, Summary};

const SERVER: &str = "http://127.0.0.1:3000";

/// What `export` may be told.
#[derive(Debug, Clone, Args)]
pub struct ExportConfig {
    /// The folder; made when absent
    pub dir: PathBuf,

    #[command(flatten)]
    server: ServerConfig,
}

/// What `import` may be told.
#[derive(Debug, Clone, Args)]
pub struct ImportConfig {
    /// The folder
    pub dir: PathBuf,

    #[command(flatten)]
    server: ServerConfig,

    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,

    /// Why, for people: goes with each version that is made
    #[arg(long, default_value = "")]
    pub note: String,
}

#[derive(Debug, Clone, Args)]
struct ServerConfig {
    /// The running server
    #[arg(
        long = "server",
        env = "SIGNALBOX_SERVER",
        value_name = "URL",
        default_value = SERVER
    )]
    url: String,
}

/// Why files did not go out or in.
#[derive(Debug, Error)]
pub enum ExchangeError {
    #[error("`{0}` is no address of a server; write it like {SERVER}")]
    BadAddress(String),
    #[error(
        "the server at {server} cannot be reached: {why}; start it, or name another with --server"
    )]
    Unreachable { server: String, why: String },
    #[error("the server refuses: {0}")]
    Refused(String),
    #[error("the server's answer is not understood: {0}")]
    NotUnderstood(String),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    /// They have been told one by one.
    #[error("nothing was imported; {0} problem(s) are told above")]
    Problems(usize),
}

/// Writes each workflow that is no template into a file.
pub(super) async fn export(config: &ExportConfig) -> Result<(), ExchangeError> {
    let remote = Remote::new(&config.server.url)?;
    let workflows = remote.workflows().await?;
    files::make_folder(&config.dir)?;
    let mut names = BTreeSet::new();
    let mut changed = 0;
    for slug in &workflows {
        let text = remote.exported(slug).await?;
        let name = format!("{slug}.yaml");
        let kept = files::keep(&config.dir, &name, &text)?;
        match kept {
            Kept::New => println!("{name}: new"),
            Kept::Changed => println!("{name}: changed"),
            Kept::Unchanged => println!("{name}: unchanged"),
        }
        changed += usize::from(kept != Kept::Unchanged);
        names.insert(name);
    }
    for file in files::workflow_files(&config.dir)? {
        let name = files::name(&file);
        if !names.contains(&name) {
            println!("{name}: of no workflow on the server; left as it is");
        }
    }
    println!(
        "{} workflow(s), {changed} file(s) written.",
        workflows.len()
    );
    Ok(())
}

/// Makes the server's workflows what the files say: all of them, or, when anything is wrong with one, none.
pub(super) async fn import(config: &ImportConfig) -> Result<(), ExchangeError> {
    let remote = Remote::new(&config.server.url)?;
    let mut items = Vec::new();
    let mut problems = 0;
    for file in files::workflow_files(&config.dir)? {
        match files::read(&file)? {
            Ok(workflow) => {
                let slug = file.file_stem().unwrap_or_default().to_string_lossy();
                items.push(json!({ "slug": slug, "definition": workflow }));
            }
            Err(why) => {
                eprintln!("{}: {why}", file.display());
                problems += 1;
            }
        }
    }
    if problems > 0 {
        return Err(ExchangeError::Problems(problems));
    }
    let count = items.len();
    let body = json!({ "items": items, "note": config.note, "dry_run": config.dry_run });
    let summaries = match remote.import(body).await? {
        Ok(summaries) => summaries,
        Err(told) => {
            told.iter().for_each(|problem| eprintln!("{problem}"));
            return Err(ExchangeError::Problems(told.len()));
        }
    };
    for summary in &summaries {
        println!("{}", line(summary, config.dry_run));
    }
    let ending = if config.dry_run {
        " Nothing was changed: this was a dry run."
    } else {
        ""
    };
    println!("{count} workflow(s).{ending}");
    Ok(())
}

fn line(summary: &Summary, dry_run: bool) -> String {
    let Summary {
        slug,
        outcome,
        version,
        brought_back,
    } = summary;
    let would = if dry_run { "would be " } else { "" };
    let what = match (outcome.as_str(), *brought_back) {
        ("unchanged", false) => "unchanged".to_owned(),
        ("unchanged", true) => format!("{would}brought back, version {version}"),
        ("created", _) => format!("{would}created"),
        (_, false) => format!("{would}version {version}"),
        (_, true) => format!("{would}brought back as version {version}"),
    };
    format!("{slug}: {what}")
}
