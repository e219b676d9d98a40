//! Workflows in files, tried without a server: what is wrong with them, and whether their test cases hold. Nothing here
//! opens a database, calls a tool or asks what time it is.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use thiserror::Error;

use super::ServeError;
use crate::driver::schemas::check_input;
use crate::engine::compile::compile;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::input::{on_server, with_defaults};
use crate::engine::rehearse::case::Case;
use crate::engine::rehearse::check_case;
use crate::engine::tool::Catalogue;
use crate::engine::workflow::Workflow;
use crate::tools::catalogue;
use serde_json::json;

/// What `{{this_server}}` in a workflow's inputs stands for where there is no server: the address it has by default.
const THIS_SERVER: &str = "http://127.0.0.1:3000";

/// Why a trial is not passed. What is wrong has been printed.
#[derive(Debug, Error)]
pub enum TrialError {
    #[error("{wrong} of {} cannot be used", files(*.of))]
    Files { wrong: usize, of: usize },
    #[error("{failed} of {} {} not hold", cases(*.of), if *.failed == 1 { "does" } else { "do" })]
    Cases { failed: usize, of: usize },
    #[error("no file has a test case “{0}”")]
    NoSuchCase(String),
}

fn files(count: usize) -> String {
    match count {
        1 => "1 file".to_owned(),
        more => format!("{more} files"),
    }
}

fn cases(count: usize) -> String {
    match count {
        1 => "1 test case".to_owned(),
        more => format!("{more} test cases"),
    }
}

pub(super) fn validate(files: &[impl AsRef<Path>]) -> Result<(), ServeError> {
    let tools = catalogue();
    let mut wrong = 0;
    for file in files.iter().map(AsRef::as_ref) {
        match read(file, &tools) {
            Ok(_) => print(&format!("ok      {}", file.display())),
            Err(problems) => {
                wrong += 1;
                print_wrong(file, &problems);
            }
        }
    }
    every_file_is_right(wrong, files.len())
}

pub(super) fn simulate(files: &[impl AsRef<Path>], only: Option<&str>) -> Result<(), ServeError> {
    let tools = catalogue();
    let (mut wrong, mut failed, mut played) = (0, 0, 0);
    for file in files.iter().map(AsRef::as_ref) {
        let workflow = match read(file, &tools) {
            Ok(workflow) => workflow,
            Err(problems) => {
                wrong += 1;
                print_wrong(file, &problems);
                continue;
            }
        };
        if workflow.cases.is_empty() {
            print(&format!("{} has no test cases.", file.display()));
        }
        let cases = workflow.cases.iter();
        for case in cases.filter(|case| only.is_none_or(|name| case.name == name)) {
            played += 1;
            let mismatches = play(&workflow, &tools, case);
            let verdict = if mismatches.is_empty() {
                "ok    "
            } else {
                failed += 1;
                "FAILED"
            };
            print(&format!("{verdict}  {}: {}", file.display(), case.name));
            for mismatch in mismatches {
                print(&format!("        {mismatch}"));
            }
        }
    }
    every_file_is_right(wrong, files.len())?;
    match only {
        Some(name) if played == 0 => Err(TrialError::NoSuchCase(name.to_owned()).into()),
        Some(_) | None if failed > 0 => Err(TrialError::Cases { failed, of: played }.into()),
        Some(_) | None => Ok(()),
    }
}

fn every_file_is_right(wrong: usize, of: usize) -> Result<(), ServeError> {
    if wrong > 0 {
        return Err(TrialError::Files { wrong, of }.into());
    }
    Ok(())
}

/// Everything in which the workflow does not do what the case says, as sentences.
fn play(workflow: &Workflow, tools: &Catalogue, case: &Case) -> Vec<String> {
    if let Some(schema) = &workflow.inputs {
        let input = case.given.input.clone().unwrap_or(json!({}));
        let problems = check_input(schema, &with_defaults(Some(schema), input));
        if !problems.is_empty() {
            let sentence = |field: &str, message: &str| match field {
                "" => format!("The input: {message}"),
                field => format!("The input, `{field}`: {message}"),
            };
            let problems = problems.iter();
            return problems
                .map(|problem| sentence(&problem.field, &problem.message))
                .collect();
        }
    }
    match check_case(workflow, tools, case) {
        Ok(mismatches) => mismatches.iter().map(ToString::to_string).collect(),
        Err(error) => {
            let text = error.to_string();
            let mut letters = text.chars();
            let first = letters.next().into_iter().flat_map(char::to_uppercase);
            let end = if text.ends_with('.') { "" } else { "." };
            vec![first.chain(letters).chain(end.chars()).collect()]
        }
    }
}

/// The workflow, if it compiles. The error is everything that is wrong with it.
fn read(file: &Path, tools: &Catalogue) -> Result<Workflow, Vec<String>> {
    let text =
        fs::read_to_string(file).map_err(|error| vec![format!("cannot be read: {error}")])?;
    let is_json = file
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let parsed: Result<Workflow, String> = if is_json {
        serde_json::from_str(&text).map_err(|error| error.to_string())
    } else {
        serde_saphyr::from_str(&text).map_err(|error| error.to_string())
    };
    let mut workflow = parsed.map_err(|error| vec![error])?;
    workflow.inputs = workflow
        .inputs
        .map(|schema| on_server(&schema, THIS_SERVER));
    match compile(&workflow, tools) {
        Ok(_) => Ok(workflow),
        Err(problems) => Err(problems.iter().map(placed).collect()),
    }
}

/// The problem with its place in front.
fn placed(problem: &Diagnostic) -> String {
    let step = problem.step.as_ref().map(|step| format!("step `{step}`"));
    let edge = problem.edge.map(|edge| format!("way {}", edge + 1));
    let field = problem.field.as_ref().map(|field| format!("`{field}`"));
    let place: Vec<String> = [step, edge, field].into_iter().flatten().collect();
    match place.as_slice() {
        [] => problem.to_string(),
        place => format!("{}: {problem}", place.join(", ")),
    }
}

fn print_wrong(file: &Path, problems: &[String]) {
    print(&format!("WRONG   {}", file.display()));
    for line in problems.iter().flat_map(|problem| problem.lines()) {
        print(&format!("        {line}"));
    }
}

/// Whoever reads may have gone away, as `head` does; the verdict is the exit status.
fn print(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
