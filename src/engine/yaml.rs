//! YAML as people like to read it and git to compare it: block style, one line a value, long texts as blocks. What it
//! writes means the same to readers of YAML 1.1 and 1.2: a text that either would take for something else is quoted.

use serde_json::{Map, Number, Value};

/// A text without line breaks is folded when it is longer than this.
const LINE_CHARS_MAX: usize = 100;
/// A longer key needs a line of its own: readers look no further for the colon.
const KEY_CHARS_MAX: usize = 500;
const INDENT: usize = 2;

/// Words that some reader takes for a truth value or for nothing.
const WORDS: &[&str] = &[
    "null", "true", "false", "yes", "no", "on", "off", "y", "n", "=",
];

/// The value as a YAML document. Fields come in their order.
pub fn write(value: &Value) -> String {
    let mut writer = Writer(String::new());
    match value {
        Value::Object(fields) if !fields.is_empty() => writer.fields(fields, 0, false),
        Value::Array(items) if !items.is_empty() => writer.items(items, 0),
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => writer.scalar(value, INDENT),
    }
    writer.0.trim_start_matches(' ').to_owned()
}

struct Writer(String);

impl Writer {
    fn indent(&mut self, columns: usize) {
        self.0.extend(std::iter::repeat_n(' ', columns));
    }

    /// `goes_on`: the first field stands behind the dash of an item.
    fn fields(&mut self, fields: &Map<String, Value>, columns: usize, goes_on: bool) {
        for (at, (key, value)) in fields.iter().enumerate() {
            if at > 0 || !goes_on {
                self.indent(columns);
            }
            if key.chars().count() > KEY_CHARS_MAX {
                self.0.push_str("? ");
                self.0.push_str(&quoted(key));
                self.0.push('\n');
                self.indent(columns);
            } else if is_plain_key(key) {
                self.0.push_str(key);
            } else {
                self.0.push_str(&quoted(key));
            }
            self.0.push(':');
            self.behind(value, columns + INDENT, false);
        }
    }

    fn items(&mut self, items: &[Value], columns: usize) {
        for item in items {
            self.indent(columns);
            self.0.push('-');
            self.behind(item, columns + INDENT, true);
        }
    }

    /// What stands behind the colon of a field or, `of_item`, the dash of an item.
    fn behind(&mut self, value: &Value, columns: usize, of_item: bool) {
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                self.0.push(if of_item { ' ' } else { '\n' });
                self.fields(fields, columns, of_item);
            }
            Value::Array(items) if !items.is_empty() => {
                self.0.push('\n');
                self.items(items, columns);
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => self.scalar(value, columns),
        }
    }

    /// What fits behind a colon or a dash; the lines of a block begin at that column.
    fn scalar(&mut self, value: &Value, columns: usize) {
        self.0.push(' ');
        match value {
            Value::Null => self.0.push_str("null"),
            Value::Bool(flag) => self.0.push_str(if *flag { "true" } else { "false" }),
            Value::Number(number) => self.0.push_str(&written(number)),
            Value::String(text) => return self.text(text, columns),
            Value::Array(_) => self.0.push_str("[]"),
            Value::Object(_) => self.0.push_str("{}"),
        }
        self.0.push('\n');
    }

    fn text(&mut self, text: &str, columns: usize) {
        if let Some(lines) = literal(text) {
            self.0
                .push_str(if text.ends_with('\n') { "|" } else { "|-" });
            self.block(&lines, columns);
        } else if let Some(lines) = folded(text) {
            self.0.push_str(">-");
            self.block(&lines, columns);
        } else if is_plain(text) {
            self.0.push_str(text);
            self.0.push('\n');
        } else {
            self.0.push_str(&quoted(text));
            self.0.push('\n');
        }
    }

    fn block(&mut self, lines: &[String], columns: usize) {
        self.0.push('\n');
        for line in lines {
            if !line.is_empty() {
                self.indent(columns);
                self.0.push_str(line);
            }
            self.0.push('\n');
        }
    }
}

/// The lines of a text that can stand as they are: nothing that an editor would strip or a reader take for indentation.
fn literal(text: &str) -> Option<Vec<String>> {
    let whole = text.strip_suffix('\n').unwrap_or(text);
    let lines: Vec<String> = whole.split('\n').map(str::to_owned).collect();
    let fits = text.contains('\n')
        && !whole.is_empty()
        && !whole.ends_with('\n')
        && !whole.starts_with(['\n', ' '])
        && lines
            .iter()
            .all(|line| line.chars().all(is_printable) && line.trim_end().len() == line.len());
    fits.then_some(lines)
}

/// The lines of a long text that a reader puts together again with single spaces.
fn folded(text: &str) -> Option<Vec<String>> {
    let fits = text.chars().count() > LINE_CHARS_MAX
        && text.chars().all(is_printable)
        && text
            .split(' ')
            .all(|word| word.trim() == word && !word.is_empty());
    if !fits {
        return None;
    }
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= LINE_CHARS_MAX => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    Some(lines)
}

fn is_plain_key(key: &str) -> bool {
    let begins = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins
        && !is_word(key)
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

fn is_plain(text: &str) -> bool {
    let begins = text.starts_with(|c: char| {
        c.is_ascii_alphabetic()
            || matches!(c, '_' | '$' | '=' | '/')
            || (!c.is_ascii() && !c.is_whitespace())
    });
    begins
        && !is_word(text)
        && text.chars().all(is_printable)
        && !text.ends_with(':')
        && !text.ends_with(char::is_whitespace)
        && !text.contains(": ")
        && !text.contains(" #")
}

fn is_word(text: &str) -> bool {
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}

/// In double quotes, with escapes that every reader knows.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if is_printable(c) => quoted.push(c),
            // All of these have at most four digits.
            c => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

/// With the point and the sign that older readers ask of a power of ten.
fn written(number: &Number) -> String {
    let text = number.to_string();
    let Some((digits, power)) = text.split_once('e') else {
        return text;
    };
    let point = if digits.contains('.') { "" } else { ".0" };
    let sign = if power.starts_with(['+', '-']) {
        ""
    } else {
        "+"
    };
    format!("{digits}{point}e{sign}{power}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(value: Value, expected: &str) {
        assert_eq!(write(&value), expected);
    }

    #[test]
    fn lists_and_objects_are_written_in_blocks_and_in_their_order() {
        check(
            json!({ "z": 1, "a": { "list": [1, [2, [3]], { "x": true, "w": null }, [], {}] }, "none": {} }),
            "z: 1\na:\n  list:\n    - 1\n    -\n      - 2\n      -\n        - 3\n    - x: true\n      w: null\n    - []\n    - {}\nnone: {}\n",
        );
        check(json!([1]), "- 1\n");
        check(json!({}), "{}\n");
        check(json!("a"), "a\n");
    }

    #[test]
    fn a_text_that_looks_like_something_else_is_quoted() {
        for plain in [
            "a b",
            "$input.x",
            "=size(a) > 0",
            "http://a/b",
            "\u{e4}\u{1f600}",
            "a,b [c]",
        ] {
            check(json!(plain), &format!("{plain}\n"));
        }
        for text in [
            "",
            "true",
            "No",
            "ON",
            "y",
            "~",
            "null",
            "1",
            "1.5",
            "0x1f",
            "1e3",
            "2026-01-01",
            "12:30",
            "-",
            "- a",
            "a: b",
            "a:",
            "a #b",
            "#a",
            "[a]",
            "{a}",
            "*a",
            "&a",
            "!a",
            "|",
            ">",
            "%a",
            "@a",
            "`a",
            "'a",
            "?",
            " a",
            "a ",
            "=",
            "<<",
            ".inf",
            "---",
        ] {
            check(json!(text), &format!("\"{text}\"\n"));
        }
        check(
            json!("\u{0}\t\r\u{85}\u{feff}\"\\"),
            "\"\\u0000\\t\\r\\u0085\\ufeff\\\"\\\\\"\n",
        );
    }

    #[test]
    fn keys_are_quoted_where_a_reader_might_stumble() {
        check(
            json!({ "on": 1, "a b": 2, "a.b-c": 3, "1": 4, "": 5 }),
            "\"on\": 1\n\"a b\": 2\na.b-c: 3\n\"1\": 4\n\"\": 5\n",
        );
        let long = "k".repeat(KEY_CHARS_MAX + 1);
        check(
            json!([{ (long.clone()): { "a": 1 } }]),
            &format!("- ? \"{long}\"\n  :\n    a: 1\n"),
        );
    }

    #[test]
    fn texts_of_several_lines_are_blocks_unless_something_would_be_lost() {
        check(json!({ "a": "one\n\n  two" }), "a: |-\n  one\n\n    two\n");
        check(json!(["one\ntwo\n"]), "- |\n  one\n  two\n");
        for lost in [
            "one \ntwo",
            "\none",
            " one\ntwo",
            "one\n\n",
            "one\n\ttwo",
            "\n",
        ] {
            assert!(write(&json!(lost)).starts_with('"'), "{lost:?}");
        }
    }

    #[test]
    fn long_texts_are_folded_at_single_spaces() {
        let text = "word ".repeat(30).trim_end().to_owned();
        let written = write(&json!({ "a": text }));
        assert!(written.starts_with("a: >-\n  word word"), "{written}");
        assert!(
            written
                .lines()
                .all(|line| line.chars().count() <= LINE_CHARS_MAX + 2)
        );
        let two_spaces = text.replacen(' ', "  ", 1);
        assert_eq!(write(&json!(two_spaces)), format!("{two_spaces}\n"));
    }

    #[test]
    fn numbers_keep_their_kind() {
        check(
            json!(18_446_744_073_709_551_615_u64),
            "18446744073709551615\n",
        );
        check(json!(2.0), "2.0\n");
        check(json!(1e300), "1.0e+300\n");
        check(json!(-1.5e-9), "-1.5e-9\n");
    }
}
