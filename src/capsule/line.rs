//! The lines of the file, one JSON object each, and the seal that the last one is.

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::borrow::Cow;

use super::flaw::Part;
use super::key::has_signed;
use super::{File, Fingerprint, Flaw, Head, SigningKey, digest};
use crate::engine::event::Recorded;
use crate::engine::plan::Outline;
use crate::engine::summary::ArtifactCard;
use crate::engine::workflow::Workflow;

/// What the signature is over begins with it, so that it means nothing elsewhere.
const SIGNED_AS: &str = "signalbox capsule 1";

/// In the order in which they stand.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line<'a> {
    Capsule(Written<'a, Head>),
    Definition(Written<'a, Workflow>),
    Outline(Written<'a, Outline>),
    Event(Written<'a, Recorded>),
    File(FileLine<'a>),
    Seal(Seal),
}

/// Borrowed where it is written, owned where it is read.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Written<'a, T: Clone>(Box<Cow<'a, T>>);

impl<'a, T: Clone> From<&'a T> for Written<'a, T> {
    fn from(part: &'a T) -> Self {
        Self(Box::new(Cow::Borrowed(part)))
    }
}

impl<T: Clone> Written<'_, T> {
    pub(super) fn into_owned(self) -> T {
        self.0.into_owned()
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct FileLine<'a> {
    #[serde(flatten)]
    card: Cow<'a, ArtifactCard>,
    /// Of the content, in hexadecimal: for whoever has the file from elsewhere.
    sha256: String,
    /// Base64.
    content: String,
}

impl<'a> Line<'a> {
    pub(super) fn file(file: &'a File) -> Self {
        Line::File(FileLine {
            card: Cow::Borrowed(&file.card),
            sha256: hex_digest(&file.content),
            content: BASE64.encode(&file.content),
        })
    }
}

impl FileLine<'_> {
    /// Or why there is none.
    pub(super) fn into_file(self) -> Result<File, String> {
        let content = BASE64.decode(&self.content);
        let content = content.map_err(|error| error.to_string())?;
        if hex_digest(&content) != self.sha256 {
            return Err("its content is not what its `sha256` says".to_owned());
        }
        if content.len() != self.card.bytes as usize {
            return Err("its content is not as long as it says".to_owned());
        }
        Ok(File {
            content,
            card: self.card.into_owned(),
        })
    }
}

fn hex_digest(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What makes the file prove itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Seal {
    /// Always `ed25519`.
    algorithm: String,
    /// The public key; base64, like everything here.
    key: String,
    signature: String,
    /// The SHA-256 of each line before the seal, without its end: so a change can be named.
    lines: Vec<String>,
}

impl Seal {
    pub(super) fn over(lines: Vec<String>, key: &SigningKey) -> Self {
        Self {
            algorithm: "ed25519".to_owned(),
            key: BASE64.encode(key.public()),
            signature: BASE64.encode(key.sign(signed(&lines).as_bytes())),
            lines,
        }
    }

    pub(super) fn fingerprint(&self) -> Result<Fingerprint, Flaw> {
        let key = BASE64.decode(&self.key).map_err(|_| Flaw::SealChanged)?;
        Ok(Fingerprint::of(&key))
    }

    /// Whether these are the lines that were signed.
    pub(super) fn fits(&self, lines: &[&[u8]]) -> Result<(), Flaw> {
        let bytes = |text: &str| BASE64.decode(text).map_err(|_| Flaw::SealChanged);
        let (key, signature) = (bytes(&self.key)?, bytes(&self.signature)?);
        let is_known = self.algorithm == "ed25519";
        if !is_known || !has_signed(&key, signed(&self.lines).as_bytes(), &signature) {
            return Err(Flaw::SealChanged);
        }
        let found: Vec<String> = lines.iter().map(|line| digest(line)).collect();
        match difference(&self.lines, &found) {
            None => Ok(()),
            Some(Difference::Changed(at)) => {
                let line = at + 1;
                let part = Part::at(line, events(lines));
                Err(Flaw::Changed { line, part })
            }
            Some(Difference::Missing { after, lines }) => Err(Flaw::Missing { after, lines }),
            Some(Difference::Added { after, lines }) => Err(Flaw::Added { after, lines }),
        }
    }
}

/// How many there are, by the first line. Only asked when that is as it was signed, or is what was changed.
fn events(lines: &[&[u8]]) -> usize {
    let first = lines.first().map(|first| serde_json::from_slice(first));
    match first {
        Some(Ok(Line::Capsule(head))) => head.into_owned().run.seq as usize,
        Some(_) | None => 0,
    }
}

/// What the signature is over: a text, so that anybody can make it again with a few lines of any language.
fn signed(lines: &[String]) -> String {
    format!("{SIGNED_AS}\n{}\n", lines.join("\n"))
}

enum Difference {
    /// The line with this index.
    Changed(usize),
    /// So many lines after the first `after`.
    Missing {
        after: usize,
        lines: usize,
    },
    Added {
        after: usize,
        lines: usize,
    },
}

/// The first place where the lines are not those that were signed.
fn difference(signed: &[String], found: &[String]) -> Option<Difference> {
    let same = signed.iter().zip(found);
    let after = same.take_while(|(signed, found)| signed == found).count();
    match signed.len().cmp(&found.len()) {
        std::cmp::Ordering::Equal => (after < signed.len()).then_some(Difference::Changed(after)),
        std::cmp::Ordering::Greater => Some(Difference::Missing {
            after,
            lines: signed.len() - found.len(),
        }),
        std::cmp::Ordering::Less => Some(Difference::Added {
            after,
            lines: found.len() - signed.len(),
        }),
    }
}
