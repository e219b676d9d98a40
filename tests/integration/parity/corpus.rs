//! The definitions of `tests/corpus`: good ones as they stand, and what is made of them by small changes.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

use signalbox::engine::patch::PatchOperation;

/// One definition, and what has to be said of it.
pub struct Definition {
    /// Where it comes from: `good/map`, `bad/shape: a circle`, `map without /steps/0/over`.
    pub name: String,
    pub document: Value,
    /// The text of its file, where it is one.
    pub text: Option<String>,
    pub expected: Expected,
}

#[derive(Clone, PartialEq)]
pub enum Expected {
    /// The codes of everything that is wrong, in the order in which it is reported; none for a good one.
    Codes(Vec<String>),
    /// It is no workflow.
    Unreadable,
    /// Whatever it is: what counts is that both builds say the same.
    Anything,
}

/// Those that a person has written, good ones first.
pub fn written() -> Vec<Definition> {
    let good = good();
    let bad = bad(&good);
    good.into_iter().chain(bad).collect()
}

/// `good/` and the templates of the product.
pub fn good() -> Vec<Definition> {
    let own = files("tests/corpus/good")
        .into_iter()
        .map(|file| ("good", file));
    let templates = files("templates")
        .into_iter()
        .map(|file| ("template", file));
    let read = |(kind, file): (&str, PathBuf)| {
        let text = fs::read_to_string(&file).expect("a readable file");
        Definition {
            name: format!("{kind}/{}", stem(&file)),
            document: parsed(&file, &text),
            text: Some(text),
            expected: Expected::Codes(Vec::new()),
        }
    };
    own.chain(templates).map(read).collect()
}

/// What stands in a file of `bad/`: a list of these.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    name: String,
    /// The good one that is changed.
    of: String,
    #[serde(default)]
    codes: Vec<String>,
    #[serde(default)]
    unreadable: bool,
    change: Vec<PatchOperation>,
}

fn bad(good: &[Definition]) -> Vec<Definition> {
    let mut all = Vec::new();
    for file in files("tests/corpus/bad") {
        let text = fs::read_to_string(&file).expect("a readable file");
        let changes = serde_json::from_value(parsed(&file, &text));
        let changes: Vec<Change> =
            changes.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for change in changes {
            let name = format!("bad/{}: {}", stem(&file), change.name);
            let of = format!("good/{}", change.of);
            let base = good.iter().find(|good| good.name == of);
            let mut document = base
                .unwrap_or_else(|| panic!("{name}: no {of}"))
                .document
                .clone();
            for operation in &change.change {
                apply(&mut document, operation).unwrap_or_else(|| panic!("{name}: {operation:?}"));
            }
            all.push(Definition {
                name,
                document,
                text: None,
                expected: if change.unreadable {
                    Expected::Unreadable
                } else {
                    Expected::Codes(change.codes)
                },
            });
        }
    }
    all
}

/// Each of these with any one of its parts left out: every field and every item, also deep inside.
pub fn with_something_missing(of: &[Definition]) -> Vec<Definition> {
    let mut all = Vec::new();
    for whole in of {
        let mut pointers = Vec::new();
        collect_pointers(&whole.document, "", &mut pointers);
        for pointer in pointers {
            let mut document = whole.document.clone();
            let without = PatchOperation::remove(&pointer);
            apply(&mut document, &without).expect("it is there");
            all.push(Definition {
                name: format!("{} without {pointer}", whole.name),
                document,
                text: None,
                expected: Expected::Anything,
            });
        }
    }
    all
}

fn collect_pointers(value: &Value, pointer: &str, all: &mut Vec<String>) {
    let inside: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.replace('~', "~0").replace('/', "~1"), value))
            .collect(),
        Value::Array(items) => (0..)
            .zip(items)
            .map(|(at, item): (usize, _)| (at.to_string(), item))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return,
    };
    for (part, value) in inside {
        let pointer = format!("{pointer}/{part}");
        collect_pointers(value, &pointer, all);
        all.push(pointer);
    }
}

/// The operation on any document, also one that is no workflow afterwards.
fn apply(document: &mut Value, operation: &PatchOperation) -> Option<()> {
    let path = operation.path();
    let Some((parent, last)) = path.rsplit_once('/') else {
        let (PatchOperation::Add { value, .. } | PatchOperation::Replace { value, .. }) = operation
        else {
            return None;
        };
        *document = value.clone();
        return Some(());
    };
    let last = last.replace("~1", "/").replace("~0", "~");
    match (document.pointer_mut(parent)?, operation) {
        (Value::Object(fields), PatchOperation::Remove { .. }) => {
            fields.shift_remove(&last).map(drop)
        }
        (Value::Object(fields), PatchOperation::Add { value, .. }) => {
            fields.insert(last, value.clone());
            Some(())
        }
        (Value::Object(fields), PatchOperation::Replace { value, .. }) => {
            *fields.get_mut(&last)? = value.clone();
            Some(())
        }
        (Value::Array(items), PatchOperation::Add { value, .. }) if last == "-" => {
            items.push(value.clone());
            Some(())
        }
        (Value::Array(items), operation) => {
            let at = last.parse().ok().filter(|at| *at < items.len())?;
            match operation {
                PatchOperation::Remove { .. } => drop(items.remove(at)),
                PatchOperation::Add { value, .. } => items.insert(at, value.clone()),
                PatchOperation::Replace { value, .. } => items[at] = value.clone(),
            }
            Some(())
        }
        (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_), _) => None,
    }
}

fn parsed(file: &Path, text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn stem(file: &Path) -> String {
    file.file_stem()
        .expect("a name")
        .to_string_lossy()
        .into_owned()
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(folder).expect("a folder");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    files
}
