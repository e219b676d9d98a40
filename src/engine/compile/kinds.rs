//! The kinds that hold others, wait, or leave the work to somebody else.

use serde_json::{Value, json};

use super::steps::ONE_TRY;
use super::{Compiling, is_reserved, is_wellformed};
use crate::engine::binding::{Binding, Leaf};
use crate::engine::diagnostic::Diagnostic;
use crate::engine::limits::{
    ITERATIONS_MAX, MAP_PARALLEL_DEFAULT, POLL_EVERY_MS_DEFAULT, POLL_EVERY_MS_MIN,
    STEP_TIMEOUT_MS_MAX,
};
use crate::engine::plan::{Limit, LoopWork, MapWork, WaitUntil, Work};
use crate::engine::workflow::{Concurrency, ItemErrorPolicy, Step};

/// Rounds of a loop that does not say how many.
const MAX_ITERATIONS_DEFAULT: u32 = 100;

impl Compiling<'_> {
    pub(super) fn map_work(&mut self, step: &Step) -> Option<Work> {
        let has_body = self.check_body(step);
        if let Some(name) = &step.item_name {
            self.check_item_name(step, name);
        }
        if let Some(max) = step.max_parallel {
            self.check_range(step, "max_parallel", max.into(), 1, ITERATIONS_MAX as u64);
        }
        let on_item_error = step.on_item_error.unwrap_or_default();
        if step.max_failed.is_some() && on_item_error == ItemErrorPolicy::Fail {
            let problem = Diagnostic::new(
                "max_failed_without_continue",
                format!("`{}` fails at the first failed item.", step.id),
            )
            .step(&step.id)
            .field("max_failed")
            .fix("Add `on_item_error: continue`, or remove `max_failed`.")
            .repair(self.first_value(step, "on_item_error", json!("continue")));
            self.report(problem);
        }
        let Some(over) = &step.over else {
            let fix = "Say what it goes through, such as `$input.endpoints`.";
            let repair = self.some_list(step);
            self.missing(step, "over", fix, repair);
            return None;
        };
        if matches!(
            over,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)
        ) {
            let message = "`over` must be a list, or where to find one";
            let repair = match over {
                Value::Null => self.some_list(step),
                Value::Bool(_)
                | Value::Number(_)
                | Value::String(_)
                | Value::Array(_)
                | Value::Object(_) => self.first_value(step, "over", json!([over])),
            };
            self.bad_value(step, "over", message, repair);
            return None;
        }
        let over = self.binding(step, "over", over)?;
        has_body.then(|| {
            Work::Map(MapWork {
                over,
                item_name: step.item_name.clone(),
                max_parallel: step.max_parallel.unwrap_or(MAP_PARALLEL_DEFAULT),
                on_item_error,
                max_failed: step.max_failed.unwrap_or(u32::MAX),
            })
        })
    }

    fn check_item_name(&mut self, step: &Step, name: &str) {
        let taken = self.places.find(name).is_some();
        if !is_wellformed(name) || taken || is_reserved(name) {
            let why = if taken {
                "there is a step of that name"
            } else {
                "it is not a free name"
            };
            let message = format!("the items cannot be called `{name}`: {why}");
            let repair = self.another_item_name(step, name);
            self.bad_value(step, "as", &message, repair);
        }
    }

    pub(super) fn loop_work(&mut self, step: &Step) -> Option<Work> {
        let has_body = self.check_body(step);
        let max_iterations = step.max_iterations.unwrap_or(MAX_ITERATIONS_DEFAULT);
        self.check_range(
            step,
            "max_iterations",
            max_iterations.into(),
            1,
            ITERATIONS_MAX as u64,
        );
        let every_ms = step.every_ms.unwrap_or(0);
        self.check_range(step, "every_ms", every_ms, 0, STEP_TIMEOUT_MS_MAX);
        let Some(source) = &step.until else {
            let fix = "Say in CEL when it is done, such as `probe.status == 200`.";
            let repair = self.some_end(step);
            self.missing(step, "until", fix, repair);
            return None;
        };
        let until = self.expression(step, "until", source)?;
        has_body.then_some(Work::Loop(LoopWork {
            until,
            max_iterations,
            every_ms,
        }))
    }

    fn check_body(&mut self, step: &Step) -> bool {
        let filled = step
            .body
            .as_ref()
            .is_some_and(|body| !body.steps.is_empty());
        if !filled {
            let fix = "Add at least one step: `body: { steps: [ … ] }`.";
            let repair = self.first_step_inside(step);
            self.missing(step, "body", fix, repair);
        }
        filled
    }

    pub(super) fn wait_work(&mut self, step: &Step) -> Option<Work> {
        let ways = [
            step.for_ms.is_some(),
            step.at.is_some(),
            step.tool.is_some(),
        ];
        if ways.iter().filter(|given| **given).count() != 1 {
            let problem = Diagnostic::new(
                "wait_for_what",
                format!("`{}` must say in one way what it waits for.", step.id),
            )
            .step(&step.id)
            .fix("Give it `for_ms`, or `at`, or a `tool` with `until`.")
            .repair(self.one_wait(step));
            self.report(problem);
            return None;
        }
        if step.tool.is_some() {
            return self.poll_work(step);
        }
        for (field, given) in [
            ("until", step.until.is_some()),
            ("every_ms", step.every_ms.is_some()),
            ("with", step.with.is_some()),
            ("timeout_ms", step.timeout_ms.is_some()),
        ] {
            if given {
                let message = format!("`{field}` belongs to a `wait` with a `tool`");
                let repair = self.without_field(step, field, &format!("Remove `{field}`"));
                self.bad_value(step, field, &message, repair);
            }
        }
        let until = match (&step.for_ms, &step.at) {
            (Some(for_ms), _) => WaitUntil::For(self.binding(step, "for_ms", for_ms)?),
            (None, Some(at)) => WaitUntil::At(self.binding(step, "at", at)?),
            (None, None) => return None,
        };
        Some(Work::Wait { until })
    }

    fn poll_work(&mut self, step: &Step) -> Option<Work> {
        let every_ms = step.every_ms.unwrap_or(POLL_EVERY_MS_DEFAULT);
        self.check_range(
            step,
            "every_ms",
            every_ms,
            POLL_EVERY_MS_MIN,
            STEP_TIMEOUT_MS_MAX,
        );
        let timeout_ms = self.patience(step, "timeout_ms", step.timeout_ms);
        let name = step.tool.as_deref().unwrap_or_default();
        let (spec, with) = self.tool_and_input(step, "", name, step.with.as_ref())?;
        let literal = step.with.clone().unwrap_or_default();
        if !spec.effect_of(&literal).repeatable() {
            let problem = Diagnostic::new(
                "poll_changes_world",
                format!(
                    "`{}` would ask `{name}` again and again, and each time it changes the world.",
                    step.id
                ),
            )
            .step(&step.id)
            .field("tool")
            .fix("Ask with a tool that only looks.");
            self.report(problem);
        }
        let Some(source) = &step.until else {
            let fix = "Say in CEL which answer it waits for, such as `result.status == 200`.";
            let repair = self.some_end(step);
            self.missing(step, "until", fix, repair);
            return None;
        };
        Some(Work::Poll {
            until: self.expression(step, "until", source)?,
            with,
            every_ms,
            call_timeout_ms: spec.default_timeout_ms,
            timeout_ms,
            spec,
        })
    }

    pub(super) fn subworkflow_work(&mut self, step: &Step) -> Option<Work> {
        if step.version == Some(0) {
            self.check_range(step, "version", 0, 1, u64::from(u32::MAX));
        }
        let timeout_ms = self.patience(step, "timeout_ms", step.timeout_ms);
        let with = self.free_input(step)?;
        let Some(workflow) = step.workflow.clone().filter(|slug| !slug.is_empty()) else {
            self.missing(step, "workflow", "Name the workflow that it runs.", None);
            return None;
        };
        Some(Work::Subworkflow {
            workflow,
            version: step.version,
            with,
            retry: step.retry.clone().unwrap_or(ONE_TRY),
            timeout_ms,
        })
    }

    pub(super) fn external_work(&mut self, step: &Step) -> Option<Work> {
        Some(Work::External {
            timeout_ms: self.patience(step, "timeout_ms", step.timeout_ms),
            with: self.free_input(step)?,
            retry: step.retry.clone().unwrap_or(ONE_TRY),
        })
    }

    /// An input of which only the step that takes it knows the shape.
    fn free_input(&mut self, step: &Step) -> Option<Binding> {
        let empty = Value::Object(serde_json::Map::new());
        let with = step.with.as_ref().unwrap_or(&empty);
        if !with.is_object() {
            self.no_object(step, "", with);
            return None;
        }
        self.binding(step, "with", with)
    }

    pub(super) fn step_limit(&mut self, step: &Step, limit: &Concurrency) -> Option<Limit> {
        self.check_range(
            step,
            "concurrency.max",
            limit.max.into(),
            1,
            u64::from(u32::MAX),
        );
        let key = limit.key.clone().unwrap_or_default();
        let key = self.binding(step, "concurrency.key", &key)?;
        Some(Limit {
            max: limit.max,
            key,
        })
    }

    /// The bound on runs of the workflow. Its key is known before any step: it reads only the input and the context.
    pub(super) fn run_limit(&mut self) -> Option<Limit> {
        let limit = self.workflow.concurrency.as_ref()?;
        let key = Binding::read(&limit.key.clone().unwrap_or_default());
        let (inside, problem) = match &key {
            Err(misread) => {
                let inside = misread.way_back.iter().rev().cloned().collect();
                (inside, Some(misread.message.clone()))
            }
            Ok(key) => known_too_late(key),
        };
        if let Some(message) = problem {
            let parts = ["concurrency", "key"].into_iter().map(str::to_owned);
            let parts: Vec<String> = parts.chain(inside).collect();
            let message = format!("{}.", super::capitalised(&message));
            self.report(
                Diagnostic::new("bad_value", message)
                    .field(parts.join("."))
                    .fix("Use `$input.…` or `$context.…`.")
                    .repair(self.run_key(&parts)),
            );
            return None;
        }
        Some(Limit {
            max: limit.max,
            key: key.ok()?,
        })
    }
}

/// The first text that reads what is not there before the run starts: where it is, and what is wrong.
fn known_too_late(key: &Binding) -> (Vec<String>, Option<String>) {
    let mut found = (Vec::new(), None);
    key.each_text(&mut Vec::new(), &mut |inside, leaf| {
        let mut roots = match leaf {
            Leaf::Reference(reference) => std::slice::from_ref(&reference.root).iter().collect(),
            Leaf::Expression(expression) => expression.variables().iter().collect::<Vec<_>>(),
        }
        .into_iter();
        let late = roots.find(|root| !matches!(root.as_str(), "input" | "context"));
        if let (Some(root), (_, None)) = (late, &found) {
            let message = format!("`{root}` is not known when the run starts");
            found = (inside.to_vec(), Some(message));
        }
    });
    found
}
