//! Which runs a list shows: what is asked for, as it stands in an address, and what it means. Read and written in one way
//! for the page, its server functions and the API.
//!
//! `Asked` is what somebody has typed, right or wrong; `Listing` is what it means, and bounded. The answer of a list is as
//! it was when it was asked for, so a page of it is named by the run that it lies behind, and never by a number.

use serde::de::IntoDeserializer;
use serde::de::value::{Error as Unreadable, StrDeserializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt::{self, Write};

use super::ids::RunId;
use super::input::FieldError;
use super::limits::{
    LISTING_FIELD_CHARS_MAX, LISTING_QUERY_BYTES_MAX, LISTING_WORDS_MAX, RUN_SEARCH_CHARS_MAX,
};
use super::state::RunStatus;
use super::time::Timestamp;

const DAY_MS: u64 = 86_400_000;
/// Of an id in a cursor: ids that are made are shorter.
const ID_CHARS_MAX: usize = 64;

/// What an address asks for, word for word. Whatever is empty is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Any of these states.
    pub status: Vec<String>,
    /// The slug or id of a workflow.
    pub workflow: String,
    /// The number of a version.
    pub version: String,
    /// Of the workflow, in whatever case.
    pub tag: String,
    /// Who or what has started the run.
    pub started_by: String,
    /// Words that are all in the input, in whatever case.
    pub q: String,
    /// A day of UTC or a moment: started then or later.
    pub from: String,
    /// A day of UTC, which still counts, or a moment, which does not.
    pub until: String,
    /// The page behind this run.
    pub older: String,
    /// The page before this run.
    pub newer: String,
}

impl Asked {
    /// What the query of an address says, without its `?`. Fields of other names are somebody else's.
    pub fn of_query(query: &str) -> Self {
        let mut asked = Self::default();
        for (name, text) in pairs(query) {
            asked.take(&name, text);
        }
        asked
    }

    /// Takes a field of a query in. Of a field that is there twice the last counts; states add up. False when there is no
    /// such field.
    pub fn take(&mut self, name: &str, text: String) -> bool {
        if name == "status" {
            if !text.is_empty() && !self.status.contains(&text) {
                self.status.push(text);
            }
            return true;
        }
        let field = self.fields_mut().into_iter().find(|(of, _)| *of == name);
        let is_known = field.is_some();
        if let Some((_, field)) = field {
            *field = text;
        }
        is_known
    }

    /// The query that asks for this, without a `?`. Empty when nothing is asked for.
    pub fn query(&self) -> String {
        let mut query = String::new();
        let states = self.status.iter().map(|state| ("status", state.as_str()));
        for (name, text) in states.chain(self.fields()) {
            if !text.is_empty() {
                if !query.is_empty() {
                    query.push('&');
                }
                query.push_str(name);
                query.push('=');
                encode(text, &mut query);
            }
        }
        query
    }

    /// The same runs, from the newest on.
    pub fn first_page(mut self) -> Self {
        self.older.clear();
        self.newer.clear();
        self
    }

    /// The newest are shown.
    pub fn is_first_page(&self) -> bool {
        self.older.is_empty() && self.newer.is_empty()
    }

    /// Not all runs are asked for.
    pub fn is_narrowed(&self) -> bool {
        !self.clone().first_page().query().is_empty()
    }

    fn fields(&self) -> [(&'static str, &str); 9] {
        [
            ("workflow", &self.workflow),
            ("version", &self.version),
            ("tag", &self.tag),
            ("started_by", &self.started_by),
            ("q", &self.q),
            ("from", &self.from),
            ("until", &self.until),
            ("older", &self.older),
            ("newer", &self.newer),
        ]
    }

    fn fields_mut(&mut self) -> [(&'static str, &mut String); 9] {
        [
            ("workflow", &mut self.workflow),
            ("version", &mut self.version),
            ("tag", &mut self.tag),
            ("started_by", &mut self.started_by),
            ("q", &mut self.q),
            ("from", &mut self.from),
            ("until", &mut self.until),
            ("older", &mut self.older),
            ("newer", &mut self.newer),
        ]
    }
}

/// Where a run stands in the order of all: by the moment at which it was created, then by its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub created_at: Timestamp,
    pub run_id: RunId,
}

impl fmt::Display for Cursor {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}.{}", self.created_at.as_micros(), self.run_id)
    }
}

impl Cursor {
    /// What `Display` has written.
    fn read(text: &str) -> Option<Self> {
        let (micros, id) = text.split_once('.')?;
        let is_id = !id.is_empty() && id.chars().count() <= ID_CHARS_MAX;
        let micros = micros.parse().ok().filter(|_| is_id)?;
        Some(Self {
            created_at: Timestamp::from_micros(micros),
            run_id: RunId::new(id),
        })
    }
}

/// Which page of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Page {
    /// The newest.
    #[default]
    First,
    /// Those that are next older than this one.
    Older(Cursor),
    /// Those that are next newer than this one.
    Newer(Cursor),
}

/// What is asked for, understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Any of these; none for all.
    pub states: Vec<RunStatus>,
    /// Slug or id.
    pub workflow: Option<String>,
    pub version: Option<u32>,
    pub tag: Option<String>,
    pub started_by: Option<String>,
    /// Each is somewhere in the input, in whatever case.
    pub words: Vec<String>,
    /// Created then or later.
    pub from: Option<Timestamp>,
    /// Created before.
    pub until: Option<Timestamp>,
    pub page: Page,
}

impl Listing {
    /// # Errors
    /// Everything that cannot be read, by its field, each with what the field takes.
    pub fn read(asked: &Asked) -> Result<Self, Vec<FieldError>> {
        let mut wrong = Vec::new();
        let mut refuse = |field: &str, message: String| {
            let field = field.to_owned();
            wrong.push(FieldError { field, message });
        };
        for (name, text) in asked.fields() {
            if text.chars().count() > LISTING_FIELD_CHARS_MAX {
                let message = format!("has at most {LISTING_FIELD_CHARS_MAX} characters");
                refuse(name, message);
            }
        }
        let (states, odd) = states(&asked.status);
        for word in odd {
            refuse("status", state_expected(word));
        }
        let version = given(&asked.version).map(str::parse);
        if let Some(Err(_) | Ok(0)) = version {
            let text = shortened(&asked.version);
            refuse(
                "version",
                format!("is `{text}`; it takes the number of a version, such as 2"),
            );
        }
        let words: Vec<String> = asked.q.split_whitespace().map(lowered).collect();
        if words.len() > LISTING_WORDS_MAX {
            refuse("q", format!("takes at most {LISTING_WORDS_MAX} words"));
        }
        let mut moment = |field: &str, text: &str, days_ms: u64| {
            let text = given(text)?;
            let moment = moment(text, days_ms);
            if moment.is_none() {
                refuse(field, moment_expected(text));
            }
            moment
        };
        let from = moment("from", &asked.from, 0);
        let until = moment("until", &asked.until, DAY_MS);
        if from.zip(until).is_some_and(|(from, until)| from >= until) {
            refuse("until", "lies before `from`; exchange the two".to_owned());
        }
        let page = page(asked).unwrap_or_else(|field| {
            refuse(
                field,
                "is no place in the list; begin with its first page".to_owned(),
            );
            Page::First
        });
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Self {
            states,
            workflow: given(&asked.workflow).map(str::to_owned),
            version: version.and_then(Result::ok),
            tag: given(&asked.tag).map(str::to_owned),
            started_by: given(&asked.started_by).map(str::to_owned),
            words,
            from,
            until,
            page,
        })
    }
}

/// Each state once, in their order; and the words that are none.
fn states(words: &[String]) -> (Vec<RunStatus>, Vec<&str>) {
    let (mut states, mut odd) = (Vec::new(), Vec::new());
    for word in words {
        match word.parse() {
            Ok(state) => states.push(state),
            Err(_) => odd.push(word.as_str()),
        }
    }
    states.sort();
    states.dedup();
    (states, odd)
}

/// Letter by letter: where a letter stands makes no difference, for a word may be looked for in the middle of others.
fn lowered(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// Without what stands around it by mistake.
fn given(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

fn page(asked: &Asked) -> Result<Page, &'static str> {
    match (given(&asked.older), given(&asked.newer)) {
        (None, None) => Ok(Page::First),
        (Some(older), None) => Cursor::read(older).map(Page::Older).ok_or("older"),
        (None, Some(newer)) => Cursor::read(newer).map(Page::Newer).ok_or("newer"),
        (Some(_), Some(_)) => Err("newer"),
    }
}

/// A day means its first moment and `days_ms` milliseconds; a moment means itself.
fn moment(text: &str, days_ms: u64) -> Option<Timestamp> {
    let read = |text: &str| {
        let text: StrDeserializer<'_, Unreadable> = text.into_deserializer();
        Timestamp::deserialize(text).ok()
    };
    if is_day(text) {
        return read(&format!("{text}T00:00:00Z")).map(|day| day.plus_ms(days_ms));
    }
    read(text)
}

/// Written as a day is, such as `2026-11-23`, whether there is such a day or not.
pub fn is_day(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

fn moment_expected(text: &str) -> String {
    let text = shortened(text);
    format!(
        "is `{text}`; it takes a day such as 2026-11-23, or a moment such as 2026-11-23T08:00:00Z"
    )
}

fn state_expected(word: &str) -> String {
    let states: Vec<&str> = RunStatus::ALL.iter().map(|state| state.as_str()).collect();
    format!(
        "is `{}`; it takes any of {}",
        shortened(word),
        states.join(", ")
    )
}

/// Of a text that is told back: whoever typed it knows it by its beginning.
fn shortened(text: &str) -> String {
    const CHARS: usize = 40;
    match text.char_indices().nth(CHARS) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

/// The fields of a query and what they say, as far as a query is read.
pub fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    let mut end = query.len().min(LISTING_QUERY_BYTES_MAX);
    while !query.is_char_boundary(end) {
        end -= 1;
    }
    let pairs = query[..end].split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| {
        let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(text))
    })
}

/// As a form has written it: a plus is a space. A `%` that begins nothing stands for itself.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let digit = |at: usize| {
        let digit = char::from(*bytes.get(at)?).to_digit(16)?;
        u8::try_from(digit).ok()
    };
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escaped = digit(at + 1).zip(digit(at + 2)).filter(|_| *byte == b'%');
        match (byte, escaped) {
            (_, Some((high, low))) => {
                decoded.push(high * 16 + low);
                at += 2;
            }
            (b'+', None) => decoded.push(b' '),
            (byte, None) => decoded.push(*byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// As a field of a query has it.
pub fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    encode(text, &mut encoded);
    encoded
}

/// With escapes in place of all that does not stand for itself everywhere.
fn encode(text: &str, to: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            to.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(to, "%{byte:02X}");
        }
    }
}

/// What a run is found by: the values of its input in lower case, each on a line, as far as there is room.
pub fn searched(input: &Value) -> String {
    let mut text = String::new();
    let mut left = RUN_SEARCH_CHARS_MAX;
    let mut open = vec![input];
    while let Some(value) = open.pop()
        && left > 0
    {
        let line = match value {
            Value::Null => continue,
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) => number.to_string(),
            // As much as there is room for is read of it, however long it is.
            Value::String(text) => text.chars().take(left).collect(),
            Value::Array(items) => {
                open.extend(items.iter().rev());
                continue;
            }
            Value::Object(fields) => {
                let mut values: Vec<&Value> = fields.values().collect();
                values.reverse();
                open.extend(values);
                continue;
            }
        };
        if !text.is_empty() {
            text.push('\n');
            left -= 1;
        }
        for character in line.chars().flat_map(char::to_lowercase).take(left) {
            text.push(character);
            left -= 1;
        }
    }
    text
}

#[cfg(test)]
mod tests;
