//! The names of things. Each id is its own type, so that a run id can never be passed where a gate id is meant.
//! Ids are made at the edge (or derived from what the edge passed in); nothing here invents one.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

use super::time::Timestamp;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id!(
    /// One execution of a workflow version.
    RunId
);
text_id!(
    /// A workflow, over all its versions.
    WorkflowId
);
text_id!(
    /// One immutable version of a workflow.
    VersionId
);
text_id!(
    /// A workflow that is being written.
    DraftId
);
text_id!(
    /// One question put to people by one run.
    GateId
);
text_id!(
    /// What starts runs of a workflow by itself.
    TriggerId
);
text_id!(
    /// A file that a run left behind.
    ArtifactId
);
text_id!(
    /// A run that came in a file of its own: the SHA-256 of that file, shortened.
    CapsuleId
);
text_id!(
    /// A step's name inside its workflow: `[a-z][a-z0-9_]{0,63}`, or `<step>.approval` for the gate that
    /// `approval:` compiles into, or `<step>.undo` for what `compensate:` does. Wellformedness is checked by `compile`, not here, so that a draft with a
    /// bad name can still be shown and mended.
    StepId
);

text_id!(
    /// A step of a run. Outside of maps and loops it is the step's id; inside, the way to it: `each.3.fetch` is the
    /// step `fetch` of the fourth item of the map `each`. No step id begins with a digit, so the way is unambiguous.
    StepPath
);

impl StepPath {
    /// The step `id` in iteration `index` (from 0) of this map or loop.
    pub fn inside(&self, index: u32, id: &StepId) -> StepPath {
        StepPath(format!("{}.{index}.{id}", self.0))
    }

    /// The same path, with the ids on it called as `called` says: it is given the ids from the outermost step on, and
    /// which of them is meant.
    pub fn renamed(&self, called: impl Fn(&[&str], usize) -> Option<String>) -> StepPath {
        let is_index = |word: &&str| word.bytes().all(|byte| byte.is_ascii_digit());
        let words: Vec<&str> = self.0.split('.').collect();
        // What stands behind an id and is no index belongs to it: `send.approval`.
        let places: Vec<usize> = (0..words.len())
            .filter(|&at| at == 0 || is_index(&words[at - 1]))
            .filter(|&at| !is_index(&words[at]))
            .collect();
        let ids: Vec<&str> = places.iter().map(|&at| words[at]).collect();
        let mut written: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        for (which, &at) in places.iter().enumerate() {
            if let Some(id) = called(&ids, which) {
                written[at] = id;
            }
        }
        StepPath(written.join("."))
    }

    /// The id of the step it leads to.
    pub fn last(&self) -> &str {
        let mut from = 0;
        for (at, _) in self.0.match_indices('.') {
            let rest = &self.0[at + 1..];
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            if digits > 0 && rest[digits..].starts_with('.') {
                from = at + digits + 2;
            }
        }
        &self.0[from..]
    }
}

impl From<&StepId> for StepPath {
    fn from(id: &StepId) -> Self {
        StepPath(id.0.clone())
    }
}

impl StepId {
    /// The gate that guards this step when it carries `approval:`. The dot keeps it apart from every name
    /// a person can write.
    pub fn approval_gate(&self) -> StepId {
        StepId(format!("{}.approval", self.0))
    }

    /// The call that undoes this step.
    pub fn undo(&self) -> StepId {
        StepId(format!("{}.undo", self.0))
    }
}

/// Derives a UUID (version 7 layout) from the moment and the randomness that came in with a command, and from
/// what it is for. The same command on the same log gives the same id on every machine.
pub fn derive_uuid(now: Timestamp, entropy: u64, purpose: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(entropy.to_be_bytes());
    hasher.update(purpose.as_bytes());
    let digest = hasher.finalize();
    let mut bytes = [0u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    let millis = now.as_micros().max(0) as u64 / 1000;
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    bytes[6] = (bytes[6] & 0x0f) | 0x70;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = hex(&bytes);
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

/// SHA-256 of a JSON value in canonical form (object keys sorted, no spaces), as lower-case hex.
pub fn content_hash(value: &serde_json::Value) -> String {
    let mut canonical = value.clone();
    canonical.sort_all_objects();
    sha256(canonical.to_string().as_bytes())
}

/// As lower-case hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)] as char);
        text.push(DIGITS[usize::from(byte & 0x0f)] as char);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_derived_id_is_a_version_7_uuid_and_repeats() {
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let id = derive_uuid(now, 7, "gate:publish");
        assert_eq!(id, derive_uuid(now, 7, "gate:publish"));
        assert_ne!(id, derive_uuid(now, 8, "gate:publish"));
        assert_ne!(id, derive_uuid(now, 7, "gate:other"));
        assert_eq!(id.len(), 36);
        assert_eq!(&id[14..15], "7");
        assert!("89ab".contains(&id[19..20]));
    }

    #[test]
    fn a_path_leads_through_iterations_to_a_step() {
        let each = StepPath::from(&StepId::new("each"));
        let fetch = each.inside(3, &StepId::new("fetch"));
        assert_eq!(fetch.as_str(), "each.3.fetch");
        let deep = fetch.inside(12, &StepId::new("x").approval_gate());
        assert_eq!(deep.as_str(), "each.3.fetch.12.x.approval");
        let last = [&each, &fetch, &deep].map(StepPath::last);
        assert_eq!(last, ["each", "fetch", "x.approval"]);
        assert_eq!(StepPath::new("a.approval").last(), "a.approval");
    }

    #[test]
    fn the_content_hash_ignores_key_order() {
        assert_eq!(
            content_hash(&json!({"a": 1, "b": 2})),
            content_hash(&json!({"b": 2, "a": 1}))
        );
        assert_ne!(
            content_hash(&json!({"a": 1})),
            content_hash(&json!({"a": 2}))
        );
    }
}
