//! The test cases of a workflow: they name steps that there are, and say to each what it can be told.

use serde_json::Value;
use std::collections::BTreeSet;

use super::{Compiling, Graph};
use crate::engine::bounds;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::failure::check_outside_code;
use crate::engine::ids::{StepId, StepPath};
use crate::engine::limits::{CASE_BYTES_MAX, CASES_MAX, NAME_CHARS_MAX};
use crate::engine::plan::Outline;
use crate::engine::rehearse::answer::Says;
use crate::engine::rehearse::case::Case;
use crate::engine::workflow::StepKind;

/// Steps named in a fix.
const NAMED_MAX: usize = 12;

impl Compiling<'_> {
    /// As `report`, for what has no place among the steps.
    fn add(&mut self, problem: Diagnostic) {
        if !self.only_counts() {
            self.problems.push(problem);
        }
    }

    pub(super) fn check_cases(&mut self, graph: &Graph<'_>) {
        let cases = &self.workflow.cases;
        if cases.len() > CASES_MAX {
            let message = format!("The workflow has more than {CASES_MAX} test cases.");
            let problem = Diagnostic::new("too_many_cases", message)
                .field("cases")
                .fix("Keep those that differ.");
            return self.report(problem);
        }
        let mut names = BTreeSet::new();
        for (at, case) in cases.iter().enumerate() {
            let field = format!("cases.{at}");
            if !names.insert(case.name.as_str()) {
                let message = format!("There are two test cases “{}”.", case.name);
                let problem = Diagnostic::new("duplicate_case_name", message)
                    .field(format!("{field}.name"))
                    .fix("Give each case a name of its own.");
                self.add(problem);
            }
            for problem in problems_of_case(&graph.outline, case, &field) {
                self.add(problem);
            }
        }
    }
}

/// Everything that is wrong with the case, for a workflow of this outline. `field` is where the case stands.
pub(in crate::engine) fn problems_of_case(
    outline: &Outline,
    case: &Case,
    field: &str,
) -> Vec<Diagnostic> {
    let mut checking = Checking {
        outline,
        field,
        problems: Vec::new(),
    };
    checking.check_name(&case.name);
    let size = serde_json::to_value(case).map_or(usize::MAX, |case| bounds::json_bytes(&case));
    if size > CASE_BYTES_MAX {
        let message = format!("A test case is larger than {CASE_BYTES_MAX} bytes.");
        checking.report(
            Diagnostic::new("case_too_large", message)
                .fix("Let its tools give less: only what the workflow reads matters."),
            "",
        );
        return checking.problems;
    }
    if let Some(input) = &case.given.input {
        checking.check_value(input, None, "given.input");
    }
    for (step, answers) in &case.given.steps {
        let place = format!("given.steps.{step}");
        if let Some(shape) = checking.known(step, &place) {
            for answer in answers.as_slice() {
                checking.check_answer(step, shape, &answer.says, &place);
            }
        }
    }
    for (at, act) in case.given.acts.iter().enumerate() {
        if let Some(step) = act.deed.step() {
            checking.known(step, &format!("given.acts.{at}.step"));
        }
    }
    for step in case.expect.steps.keys() {
        checking.known(step, &format!("expect.steps.{step}"));
    }
    for step in case.expect.calls.keys() {
        checking.known(step, &format!("expect.calls.{step}"));
    }
    if let Some(output) = &case.expect.output {
        checking.check_value(output, None, "expect.output");
    }
    checking.problems
}

struct Checking<'a> {
    outline: &'a Outline,
    /// Where the case stands.
    field: &'a str,
    problems: Vec<Diagnostic>,
}

impl Checking<'_> {
    /// `place` is a field of the case; nothing for the case itself.
    fn report(&mut self, problem: Diagnostic, place: &str) {
        let field = match place {
            "" => self.field.to_owned(),
            place => format!("{}.{place}", self.field),
        };
        self.problems.push(problem.field(field));
    }

    fn check_name(&mut self, name: &str) {
        if name.trim().is_empty() {
            let problem = Diagnostic::new("case_name_missing", "A test case has no name.")
                .fix("Say in a few words what it shows.");
            self.report(problem, "name");
        }
        if name.chars().count() > NAME_CHARS_MAX {
            let message =
                format!("The name of a test case is longer than {NAME_CHARS_MAX} characters.");
            self.report(Diagnostic::new("case_name_too_long", message), "name");
        }
    }

    /// The step of the outline, or a problem.
    fn known(&mut self, step: &StepPath, place: &str) -> Option<usize> {
        let found = self.outline.shape_of(step);
        if found.is_none() {
            let ids = self.outline.steps.iter().map(|step| step.id.as_str());
            let named: Vec<&str> = ids.take(NAMED_MAX).collect();
            let message = format!("A test case names `{step}`, which is not a step.");
            let problem = Diagnostic::new("unknown_step", message)
                .step(&StepId::new(step.as_str()))
                .fix(format!("Name one of {}.", named.join(", ")));
            self.report(problem, place);
        }
        found
    }

    fn check_answer(&mut self, step: &StepPath, shape: usize, says: &Says, place: &str) {
        let outline = &self.outline.steps[shape];
        let why = match (asks(outline.kind, outline.tool.is_some()), says) {
            (None, _) => Some(format!("a {} asks nobody", outline.kind.as_str())),
            (Some(_), Says::Never)
            | (
                Some(Asks::Tool | Asks::Elsewhere),
                Says::Returns(_) | Says::Fails(_) | Says::Resolves { .. },
            )
            | (Some(Asks::Tool), Says::Lost(_))
            | (Some(Asks::Person), Says::Decides { .. }) => None,
            (Some(Asks::Tool), Says::Decides { .. }) => {
                Some("it is a call: it `returns`, `fails` or is `lost`".to_owned())
            }
            (Some(Asks::Elsewhere), Says::Lost(_) | Says::Decides { .. }) => {
                Some("it is done elsewhere: it `returns` or `fails`".to_owned())
            }
            (
                Some(Asks::Person),
                Says::Returns(_) | Says::Fails(_) | Says::Lost(_) | Says::Resolves { .. },
            ) => Some("a person answers it: it takes a `decision`".to_owned()),
        };
        if let Some(why) = why {
            let message = format!(
                "A test case answers `{step}` with `{}`, but {why}.",
                says.word()
            );
            let problem = Diagnostic::new("bad_case_answer", message).step(&outline.id);
            return self.report(problem, place);
        }
        let id = outline.id.clone();
        match says {
            Says::Returns(output) => self.check_value(output, Some(&id), place),
            Says::Fails(failure) => {
                if outline.kind == StepKind::External
                    && let Err(why) = check_outside_code(&failure.code)
                {
                    let message = format!("The code `{}` of `{step}` {why}.", failure.code);
                    let problem = Diagnostic::new("bad_case_answer", message).step(&id);
                    self.report(problem, place);
                }
                if let Some(data) = &failure.data {
                    self.check_value(data, Some(&id), place);
                }
            }
            Says::Lost(_) | Says::Never | Says::Decides { .. } | Says::Resolves { .. } => {}
        }
    }

    fn check_value(&mut self, value: &Value, step: Option<&StepId>, place: &str) {
        if let Err(why) = bounds::check(value) {
            let message = format!("A value in a test case {why}.");
            let mut problem = Diagnostic::new("case_too_large", message);
            problem.step = step.cloned();
            self.report(problem, place);
        }
    }
}

/// Whom a step asks.
enum Asks {
    Tool,
    Elsewhere,
    Person,
}

fn asks(kind: StepKind, has_tool: bool) -> Option<Asks> {
    match kind {
        StepKind::ToolCall => Some(Asks::Tool),
        StepKind::Wait => has_tool.then_some(Asks::Tool),
        StepKind::HumanGate => Some(Asks::Person),
        StepKind::Subworkflow | StepKind::External => Some(Asks::Elsewhere),
        StepKind::Condition
        | StepKind::Parallel
        | StepKind::Join
        | StepKind::Transform
        | StepKind::Map
        | StepKind::Loop => None,
    }
}
