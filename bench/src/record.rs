//! Where the figures were taken, and the page that keeps them.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use crate::figures::{Row, megabytes, table};

const BEGIN: &str = "<!-- figures: written by `make bench RECORD=1` -->\n";
const END: &str = "<!-- end of figures -->";

/// Processor, memory, system and what was measured, in one line.
pub fn environment(binary: &Path) -> String {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let model = first_value("/proc/cpuinfo", "model name").unwrap_or_default();
    let memory_kib: u64 = first_value("/proc/meminfo", "MemTotal")
        .and_then(|text| text.split_whitespace().next()?.parse().ok())
        .unwrap_or_default();
    let kernel = said("uname", &["-sr"]);
    let date = said("date", &["-u", "+%Y-%m-%d"]);
    let version = said(&binary.to_string_lossy(), &["--version"]);
    let size = std::fs::metadata(binary).map_or(0, |file| file.len());
    format!(
        "{date} · {processors} × {model} · {} GiB · {kernel} · {version}, {}",
        memory_kib.div_ceil(1_048_576),
        megabytes(size),
    )
}

fn first_value(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':')
        .map(|(_, value)| value.trim().to_owned())
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default()
}

/// Puts the table between the marks of the page.
pub fn replace(file: &Path, environment: &str, rows: &[Row]) -> Result<(), String> {
    let page = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let marks = "the page has no marks between which the figures belong";
    let (before, rest) = page.split_once(BEGIN).ok_or(marks)?;
    let (_, after) = rest.split_once(END).ok_or(marks)?;
    let mut text = String::from(before);
    let _ = write!(
        text,
        "{BEGIN}\n{environment}\n\n{}\n{END}{after}",
        table(rows)
    );
    std::fs::write(file, text).map_err(|error| error.to_string())
}
