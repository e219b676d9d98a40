//! Rendering within bounds. A template lays out and does not compute: no arithmetic, no variables, no macros and no
//! other files, so that neither its time nor its memory can grow beyond what its data already is.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior};
use std::io;

use super::markdown;
use crate::engine::failure::StepError;

/// The text of a template: a very long report is long by its data.
pub const TEMPLATE_BYTES_MAX: usize = 64 * 1024;
/// A finished report.
pub const REPORT_BYTES_MAX: usize = 1_000_000;
/// Instructions that one rendering may execute, some ten for each value shown.
const FUEL_MAX: u64 = 500_000;
/// Between two joined items.
const SEPARATOR_CHARS_MAX: usize = 16;
const NAME: &str = "the template";
const STATEMENTS: [&str; 6] = ["for", "endfor", "if", "elif", "else", "endif"];

/// Refuses what a template of an author's own may not hold. Repeating and joining texts is how a few characters
/// become gigabytes, and variables are how that is done again and again.
pub fn check(source: &str) -> Result<(), StepError> {
    if source.len() > TEMPLATE_BYTES_MAX {
        return Err(refused(format!(
            "it is longer than {TEMPLATE_BYTES_MAX} bytes"
        )));
    }
    let mut rest = source;
    while let Some(start) = rest
        .find("{{")
        .into_iter()
        .chain(rest.find("{%"))
        .chain(rest.find("{#"))
        .min()
    {
        let (mark, inside) = rest[start..].split_at(2);
        rest = match mark {
            "{#" => inside.find("#}").map_or("", |end| &inside[end + 2..]),
            "{%" => after_tag(check_statement(inside)?, "%}")?,
            _ => after_tag(inside, "}}")?,
        };
    }
    Ok(())
}

/// Answers what follows the white-space mark, so that `{%+ if %}` is not taken for a sum.
fn check_statement(inside: &str) -> Result<&str, StepError> {
    let inside = inside.strip_prefix(['-', '+']).unwrap_or(inside);
    let word: String = inside
        .trim_start()
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    if STATEMENTS.contains(&word.as_str()) {
        return Ok(inside);
    }
    Err(refused(format!(
        "`{{% {word} %}}` is not available; there are only `for` and `if`"
    )))
}

fn after_tag<'a>(inside: &'a str, close: &str) -> Result<&'a str, StepError> {
    let mut quote = None;
    let mut characters = inside.char_indices();
    while let Some((at, character)) = characters.next() {
        match (quote, character) {
            (Some(_), '\\') => {
                characters.next();
            }
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, _) if inside[at..].starts_with(close) => return Ok(&inside[at + close.len()..]),
            (None, '+') if inside[at + 1..].starts_with(close) => {}
            (None, '*' | '+' | '~' | '%' | '{') => {
                return Err(refused(format!(
                    "`{character}` is not available; compute the value in a transform step before"
                )));
            }
            (None, _) => {}
        }
    }
    // An unfinished tag is the renderer's to report: it knows the line.
    Ok("")
}

fn refused(why: String) -> StepError {
    super::invalid_input(format!("The template cannot be used: {why}."))
}

/// Renders the template. Everything it shows is escaped for Markdown; a variable that is not there is an error
/// which names it.
pub fn render(source: &str, context: &serde_json::Value) -> Result<String, StepError> {
    let mut environment = environment().map_err(|error| failure(&error))?;
    environment
        .add_template(NAME, source)
        .map_err(|error| failure(&error))?;
    let template = environment
        .get_template(NAME)
        .map_err(|error| failure(&error))?;
    let mut written = Capped(Vec::new());
    let rendered = template.render_captured_to(Value::from(Serde(context)), &mut written);
    match rendered {
        Ok(_) => String::from_utf8(written.0)
            .map_err(|_| StepError::new("render_failed", "The report is not text.")),
        Err(_) if written.0.len() >= REPORT_BYTES_MAX => Err(StepError::new(
            "report_too_large",
            format!(
                "The report would be longer than {REPORT_BYTES_MAX} bytes. Show less of the data."
            ),
        )),
        Err(error) => Err(failure(&error)),
    }
}

/// No loader, no functions, and only filters whose result is no larger than what they are given.
fn environment() -> Result<Environment<'static>, Error> {
    let mut environment = Environment::empty();
    environment.set_debug(true);
    environment.set_fuel(Some(FUEL_MAX));
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()?;
    environment.set_syntax(syntax);
    environment.set_formatter(show);
    environment.add_filter("bytes", |count: f64| markdown::bytes(count));
    environment.add_filter("code", |value: &Value| {
        Value::from_safe_string(markdown::inline_code(&plain(value)))
    });
    environment.add_filter("join", join);
    environment.add_filter("safe", |text: String| Value::from_safe_string(text));
    environment.add_filter("default", minijinja::filters::default);
    environment.add_filter("first", minijinja::filters::first);
    environment.add_filter("last", minijinja::filters::last);
    environment.add_filter("length", minijinja::filters::length);
    environment.add_filter("lower", minijinja::filters::lower);
    environment.add_filter("round", minijinja::filters::round);
    environment.add_filter("upper", minijinja::filters::upper);
    environment.add_test("defined", minijinja::tests::is_defined);
    environment.add_test("none", minijinja::tests::is_none);
    environment.add_test("undefined", minijinja::tests::is_undefined);
    Ok(environment)
}

fn show(out: &mut Output, _: &mut State, value: &Value) -> Result<(), Error> {
    let text = match value.as_str() {
        Some(markdown) if value.is_safe() => markdown.to_owned(),
        Some(_) | None => markdown::escape(&plain(value)),
    };
    Ok(out.write_str(&text)?)
}

fn plain(value: &Value) -> String {
    match value.kind() {
        ValueKind::None | ValueKind::Undefined => "–".to_owned(),
        _ => value.to_string(),
    }
}

fn join(items: &Value, separator: Option<String>) -> Result<String, Error> {
    let invalid = |why: &'static str| Error::new(ErrorKind::InvalidOperation, why);
    let separator = separator.unwrap_or_else(|| ", ".to_owned());
    if separator.chars().count() > SEPARATOR_CHARS_MAX {
        return Err(invalid("the separator of join is too long"));
    }
    if items.kind() != ValueKind::Seq {
        return Err(invalid("join needs a list"));
    }
    Ok(items
        .try_iter()?
        .map(|item| plain(&item))
        .collect::<Vec<_>>()
        .join(&separator))
}

fn failure(error: &Error) -> StepError {
    let line = error
        .line()
        .map_or_else(String::new, |line| format!(" in line {line}"));
    let detail = error.detail().unwrap_or_default();
    match error.kind() {
        ErrorKind::UndefinedError => StepError::new(
            "missing_value",
            format!(
                "The template shows something that the data does not hold{line}: {detail}. Pass it in `data`, or \
                 write `| default(\"…\")` behind it."
            ),
        ),
        ErrorKind::OutOfFuel => StepError::new(
            "render_failed",
            format!("The template takes more than {FUEL_MAX} instructions. Show less of the data."),
        ),
        ErrorKind::SyntaxError => {
            super::invalid_input(format!("The template cannot be read{line}: {detail}."))
        }
        kind => StepError::new(
            "render_failed",
            format!("The template failed{line}: {kind}: {detail}."),
        ),
    }
}

/// Takes bytes up to the limit of a report and refuses the rest.
struct Capped(Vec<u8>);

impl io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = REPORT_BYTES_MAX - self.0.len();
        if bytes.len() > room {
            self.0.extend_from_slice(&bytes[..room]);
            return Err(io::Error::other("the report is too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
