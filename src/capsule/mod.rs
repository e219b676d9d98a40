//! A run as one file that proves itself: what the run was, its definition, its log and the files it left, as JSON Lines
//! under a signature. The format is told in `docs/capsules.md`.

mod flaw;
mod key;
mod line;

#[cfg(test)]
mod tests;

pub use flaw::{Flaw, Part};
pub use key::{Fingerprint, KeyError, SigningKey};

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::panic::catch_unwind;
use std::sync::Arc;

use crate::engine::event::Recorded;
use crate::engine::limits::STEP_RUNS_MAX;
use crate::engine::plan::Outline;
use crate::engine::state::RunState;
use crate::engine::summary::{ArtifactCard, RunSummary};
use crate::engine::time::Timestamp;
use crate::engine::workflow::Workflow;
use line::{Line, Seal};

/// Of the format. A reader refuses what it does not know.
const FORMAT: u32 = 1;
/// Edges of all iterations of a run: more than any run of ours has had, and still only some megabytes.
const EDGE_RUNS_MAX: usize = 10_000_000;

/// Everything that is known of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Capsule {
    pub head: Head,
    /// As its author wrote it.
    pub definition: Workflow,
    pub outline: Arc<Outline>,
    /// All of them, from the first.
    pub events: Vec<Recorded>,
    pub files: Vec<File>,
}

/// What the file is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    pub format: u32,
    /// The release that wrote it.
    pub written_by: String,
    pub exported_at: Timestamp,
    /// Who asked for it.
    pub exported_by: String,
    /// As it stood after the last event of the log.
    pub run: RunSummary,
}

impl Head {
    pub fn new(run: RunSummary, exported_by: &str, exported_at: Timestamp) -> Self {
        Self {
            format: FORMAT,
            written_by: env!("CARGO_PKG_VERSION").to_owned(),
            exported_at,
            exported_by: exported_by.to_owned(),
            run,
        }
    }
}

/// A file that the run left.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    pub card: ArtifactCard,
    pub content: Vec<u8>,
}

/// A capsule that has been found whole.
#[derive(Clone, Debug)]
pub struct Opened {
    pub capsule: Capsule,
    /// Of whoever signed it. Anybody can make a key: whether to trust this one is for people to say.
    pub signed_with: Fingerprint,
    /// The run after its last event: the log, folded again.
    pub state: RunState,
}

/// The text of the file.
///
/// # Errors
///
/// When a part cannot be written as JSON, which no run that was recorded has shown yet.
pub fn sealed(capsule: &Capsule, key: &SigningKey) -> Result<String, serde_json::Error> {
    let mut text = String::new();
    let mut digests = Vec::new();
    let mut add = |line: &Line<'_>| {
        let line = serde_json::to_string(line)?;
        digests.push(digest(line.as_bytes()));
        text.push_str(&line);
        text.push('\n');
        Ok::<_, serde_json::Error>(())
    };
    add(&Line::Capsule((&capsule.head).into()))?;
    add(&Line::Definition((&capsule.definition).into()))?;
    add(&Line::Outline(capsule.outline.as_ref().into()))?;
    for event in &capsule.events {
        add(&Line::Event(event.into()))?;
    }
    for file in &capsule.files {
        add(&Line::file(file))?;
    }
    let seal = Line::Seal(Seal::over(digests, key));
    text.push_str(&serde_json::to_string(&seal)?);
    text.push('\n');
    Ok(text)
}

/// Looks whether the file is whole and unchanged, and folds its log.
///
/// # Errors
///
/// The first thing that is wrong with it, which line it is in and what stands there.
pub fn open(file: &[u8]) -> Result<Opened, Flaw> {
    let (lines, seal) = parts_of(file)?;
    match seal.fits(&lines) {
        Ok(()) if is_known_form(&lines) => {}
        // Of another form the seal may be another, too.
        Ok(()) | Err(Flaw::SealChanged) if !is_known_form(&lines) => return Err(Flaw::OtherFormat),
        fits => fits?,
    }
    let signed_with = seal.fingerprint()?;
    let capsule = read(&lines)?;
    let state = folded(&capsule)?;
    Ok(Opened {
        capsule,
        signed_with,
        state,
    })
}

/// The lines before the seal, and the seal.
fn parts_of(file: &[u8]) -> Result<(Vec<&[u8]>, Seal), Flaw> {
    let mut lines: Vec<&[u8]> = file.split(|byte| *byte == b'\n').collect();
    if lines.last().is_some_and(|last| last.is_empty()) {
        lines.pop();
    }
    let first = lines.first().copied().unwrap_or_default();
    if !first.starts_with(b"{\"capsule\":") {
        // Also where only this line was changed: without its first word nothing says what the file is.
        return Err(Flaw::NotACapsule);
    }
    let last = lines.pop().unwrap_or_default();
    match serde_json::from_slice(last) {
        Ok(Line::Seal(seal)) => Ok((lines, seal)),
        Ok(_) => Err(Flaw::NoSeal),
        Err(_) if last.starts_with(b"{\"seal\":") => Err(match is_known_form(&lines) {
            true => Flaw::SealChanged,
            false => Flaw::OtherFormat,
        }),
        Err(_) => Err(Flaw::NoSeal),
    }
}

/// By the first line, of which nothing else is known yet.
fn is_known_form(lines: &[&[u8]]) -> bool {
    #[derive(Deserialize)]
    struct First {
        capsule: Form,
    }
    #[derive(Deserialize)]
    struct Form {
        format: u32,
    }
    let first = lines.first().map(|first| serde_json::from_slice(first));
    matches!(first, Some(Ok(First { capsule })) if capsule.format == FORMAT)
}

/// What the lines say. They are as they were signed, so whatever is wrong with them was so from the start.
fn read(lines: &[&[u8]]) -> Result<Capsule, Flaw> {
    let (mut head, mut definition, mut outline) = (None, None, None);
    let (mut events, mut files) = (Vec::new(), Vec::new());
    for (line, number) in lines.iter().zip(1..) {
        let unreadable = |why: String| Flaw::Unreadable { line: number, why };
        let read: Line<'static> =
            serde_json::from_slice(line).map_err(|error| unreadable(error.to_string()))?;
        match (number, read) {
            (1, Line::Capsule(is)) => head = Some(is.into_owned()),
            (2, Line::Definition(is)) => definition = Some(is.into_owned()),
            (3, Line::Outline(is)) => outline = Some(is.into_owned()),
            (4.., Line::Event(event)) if files.is_empty() => events.push(event.into_owned()),
            (4.., Line::File(file)) => files.push(file.into_file().map_err(unreadable)?),
            _ => return Err(unreadable("it stands where it does not belong".to_owned())),
        }
    }
    let (Some(head), Some(definition), Some(outline)) = (head, definition, outline) else {
        return Err(Flaw::Incomplete);
    };
    Ok(Capsule {
        head,
        definition,
        outline: Arc::new(outline),
        events,
        files,
    })
}

/// The run as its log says it went. A log that says something else than the head was not written by this engine, or by
/// one that folds otherwise.
fn folded(capsule: &Capsule) -> Result<RunState, Flaw> {
    let mut numbered = capsule.events.iter().zip(1..);
    if let Some((_, seq)) = numbered.find(|(event, seq)| event.seq != *seq) {
        return Err(Flaw::Gap { event: seq });
    }
    if !capsule.outline.is_sound() {
        return Err(Flaw::NoRun);
    }
    // Whoever signs it can write what no engine would: that is no reason to fall over.
    let state = catch_unwind(|| replayed(capsule)).ok().flatten();
    let state = state.ok_or(Flaw::NoRun)?;
    let says = &capsule.head.run;
    if state.status() != says.status {
        return Err(Flaw::OtherOutcome {
            says: says.status,
            leads_to: state.status(),
        });
    }
    let leads_to = RunSummary::of(&says.header, &state);
    if told(&leads_to) != told(says) {
        return Err(Flaw::OtherStory);
    }
    Ok(state)
}

/// None if it grows beyond what a run may be.
fn replayed(capsule: &Capsule) -> Option<RunState> {
    let mut state = RunState::new(Arc::clone(&capsule.outline));
    for event in &capsule.events {
        state.apply(event);
        if state.steps.len() > STEP_RUNS_MAX || state.edges.len() > EDGE_RUNS_MAX {
            return None;
        }
    }
    Some(state)
}

/// What lists tell of a run and its log says. Not what is worked out from that, which another release may do otherwise.
fn told(run: &RunSummary) -> impl PartialEq + use<> {
    (
        (run.seq, run.status),
        (run.reason.clone(), run.message.clone()),
        run.started_by.clone(),
        (run.started_at, run.finished_at),
    )
}

/// As it stands in the seal.
fn digest(line: &[u8]) -> String {
    BASE64.encode(Sha256::digest(line))
}
