//! The steps one by one: each kind's own fields, and the numbers.

use serde_json::{Value, json};

use super::{Compiling, Graph, Role, Source, capitalised, repairs};
use crate::engine::binding::Binding;
use crate::engine::diagnostic::{Diagnostic, Repair};
use crate::engine::expression::Expression;
use crate::engine::limits::{
    ATTEMPTS_MAX, GATE_TIMEOUT_MS_MAX, NAME_CHARS_MAX, RETRY_CAP_MS_MAX, STEP_TIMEOUT_MS_MAX,
    WAIT_TIMEOUT_MS_DEFAULT, WEIGHT_MAX,
};
use crate::engine::plan::{GateWork, PlanStep, Work};
use crate::engine::tool::ToolSpec;
use crate::engine::workflow::{RetryPolicy, Step, StepKind, Timeout};

pub(super) const ONE_TRY: RetryPolicy = RetryPolicy {
    max_attempts: 1,
    base_ms: 1_000,
    cap_ms: 60_000,
    no_retry: Vec::new(),
};

impl<'a> Compiling<'a> {
    /// One plan step per step of the outline; none where the step is too wrong to make one.
    pub(super) fn plan_steps(&mut self, graph: &Graph<'a>) -> Vec<Option<PlanStep>> {
        let mut steps = Vec::with_capacity(graph.sources.len());
        for (at, &Source { step, role }) in graph.sources.iter().enumerate() {
            let guarded = at > 0 && graph.sources[at - 1].role == Role::Approval;
            let work = match role {
                Role::Approval => self.approval_work(step, at + 1),
                Role::Undo => self.undo_work(step),
                Role::Itself => {
                    self.check_fields(step);
                    self.check_numbers(step);
                    self.work(step)
                }
            };
            let limit = match (role, &step.concurrency) {
                (Role::Itself, Some(limit)) => self.step_limit(step, limit),
                (Role::Itself | Role::Approval | Role::Undo, _) => None,
            };
            steps.push(work.map(|work| PlanStep {
                work,
                on_error: step.on_error.unwrap_or_default(),
                approved_by: (guarded && role == Role::Itself).then(|| at - 1),
                limit,
            }));
        }
        steps
    }

    fn work(&mut self, step: &Step) -> Option<Work> {
        match step.kind {
            StepKind::ToolCall => self.tool_work(step),
            StepKind::HumanGate => {
                let message = step.message.clone().unwrap_or_default();
                self.gate_work(
                    step,
                    "",
                    message,
                    &step.show,
                    step.approvers.as_ref(),
                    step.timeout_ms,
                )
                .map(Work::Gate)
            }
            StepKind::Condition => {
                let Some(source) = &step.expression else {
                    let fix = "Say in CEL what it looks at, such as `size(judge.breaches) > 0`.";
                    let repair = self.first_value(step, "expression", json!("true"));
                    self.missing(step, "expression", fix, repair);
                    return None;
                };
                self.expression(step, "expression", source)
                    .map(|expression| Work::Condition { expression })
            }
            StepKind::Parallel => Some(Work::Parallel),
            StepKind::Join => Some(Work::Join {
                rule: step.rule.unwrap_or_default(),
            }),
            StepKind::Transform => {
                let Some(set) = &step.set else {
                    let repair = self.first_value(step, "set", json!({}));
                    self.missing(step, "set", "Name the fields of its output.", repair);
                    return None;
                };
                let set = Value::Object(
                    set.iter()
                        .map(|(name, value)| (name.clone(), value.clone()))
                        .collect(),
                );
                self.binding(step, "set", &set)
                    .map(|set| Work::Transform { set })
            }
            StepKind::Map => self.map_work(step),
            StepKind::Loop => self.loop_work(step),
            StepKind::Wait => self.wait_work(step),
            StepKind::Subworkflow => self.subworkflow_work(step),
            StepKind::External => self.external_work(step),
        }
    }

    fn tool_work(&mut self, step: &Step) -> Option<Work> {
        let Some(name) = &step.tool else {
            self.missing(step, "tool", "Name the tool it calls.", None);
            return None;
        };
        let (spec, with) = self.tool_and_input(step, "", name, step.with.as_ref())?;
        Some(Work::Tool {
            timeout_ms: self.call_timeout(step, "timeout_ms", step.timeout_ms, &spec),
            spec,
            with,
            retry: step.retry.clone().unwrap_or(ONE_TRY),
        })
    }

    /// The call that undoes the step.
    fn undo_work(&mut self, step: &Step) -> Option<Work> {
        let undo = step.compensate.as_ref()?;
        if let Some(retry) = &undo.retry {
            self.check_retry(step, "compensate.retry", retry);
        }
        let (spec, with) =
            self.tool_and_input(step, "compensate.", &undo.tool, undo.with.as_ref())?;
        Some(Work::Tool {
            timeout_ms: self.call_timeout(step, "compensate.timeout_ms", undo.timeout_ms, &spec),
            spec,
            with,
            retry: undo.retry.clone().unwrap_or(ONE_TRY),
        })
    }

    fn approval_work(&mut self, step: &'a Step, guards: usize) -> Option<Work> {
        let approval = step.approval.as_ref()?;
        let message = approval.message.clone().unwrap_or_default();
        let gate = self.gate_work(
            step,
            "approval.",
            message,
            &approval.show,
            approval.approvers.as_ref(),
            approval.timeout_ms,
        );
        gate.map(|gate| {
            Work::Gate(GateWork {
                guards: Some(guards),
                ..gate
            })
        })
    }

    fn gate_work(
        &mut self,
        step: &Step,
        prefix: &str,
        message: String,
        show: &[String],
        approvers: Option<&Vec<String>>,
        timeout_ms: Option<Timeout>,
    ) -> Option<GateWork> {
        let nobody = approvers.is_some_and(|names| names.iter().all(|name| name.trim().is_empty()));
        if nobody {
            let problem = Diagnostic::new(
                "gate_without_approvers",
                format!("Nobody can answer the gate of `{}`.", step.id),
            )
            .step(&step.id)
            .field(format!("{prefix}approvers"))
            .fix("Name at least one approver, or leave `approvers` out.")
            .repair(self.without_field(
                step,
                &format!("{prefix}approvers"),
                "Let everyone answer who may decide",
            ));
            self.report(problem);
        }
        let timeout_ms = self.patience(step, &format!("{prefix}timeout_ms"), timeout_ms);
        let mut shown = Vec::new();
        for (at, text) in show.iter().enumerate() {
            let field = format!("{prefix}show.{at}");
            if !text.starts_with(['$', '=']) {
                let message = format!("`{text}` is neither a reference nor an expression");
                let repair = self.shown_reference(step, &field, text);
                self.bad_value(step, &field, &message, repair);
                continue;
            }
            let binding = self.binding(step, &field, &Value::String(text.clone()))?;
            shown.push((label(text), binding));
        }
        Some(GateWork {
            message,
            show: shown,
            guards: None,
            approvers: approvers.cloned(),
            timeout_ms,
        })
    }

    pub(super) fn binding(&mut self, step: &Step, field: &str, value: &Value) -> Option<Binding> {
        let misread = match Binding::read(value) {
            Ok(binding) => return Some(binding),
            Err(misread) => misread,
        };
        let mut parts: Vec<&str> = field.split('.').collect();
        let inside: Vec<&str> = misread.way_back.iter().rev().map(String::as_str).collect();
        let text = inside
            .iter()
            .try_fold(value, |value, part| match value {
                Value::Array(items) => items.get(part.parse::<usize>().ok()?),
                Value::Object(fields) => fields.get(*part),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
            })
            .and_then(Value::as_str);
        parts.extend(inside);
        let is_free = !matches!(parts[0], "show" | "approval" | "over" | "for_ms" | "at");
        let repair = text.zip(self.places.find(step.id.as_str()));
        let repair = repair
            .and_then(|(text, at)| repairs::binding(&self.places.field(at, &parts), text, is_free));
        self.bad_value(step, &parts.join("."), &misread.message, repair);
        None
    }

    /// CEL in a field of its own.
    pub(super) fn expression(
        &mut self,
        step: &Step,
        field: &str,
        source: &str,
    ) -> Option<Expression> {
        match Expression::parse(source) {
            Ok(expression) => Some(expression),
            Err(message) => {
                let at = self.places.find(step.id.as_str());
                let repair = at.and_then(|at| {
                    repairs::expression(&self.places.field(at, &[field]), "", source)
                });
                self.bad_value(step, field, &message, repair);
                None
            }
        }
    }

    /// Fields that mean nothing on this kind of step are refused, so that nobody relies on them.
    fn check_fields(&mut self, step: &Step) {
        use StepKind::{
            Condition, External, HumanGate, Join, Loop, Map, Subworkflow, ToolCall, Transform, Wait,
        };
        let given = [
            ("tool", step.tool.is_some(), &[ToolCall, Wait][..]),
            (
                "with",
                step.with.is_some(),
                &[ToolCall, Wait, Subworkflow, External],
            ),
            (
                "retry",
                step.retry.is_some(),
                &[ToolCall, Subworkflow, External],
            ),
            (
                "timeout_ms",
                step.timeout_ms.is_some(),
                &[ToolCall, HumanGate, Wait, Subworkflow, External],
            ),
            ("set", step.set.is_some(), &[Transform]),
            ("expression", step.expression.is_some(), &[Condition]),
            ("rule", step.rule.is_some(), &[Join]),
            ("message", step.message.is_some(), &[HumanGate, External]),
            ("show", !step.show.is_empty(), &[HumanGate]),
            ("approvers", step.approvers.is_some(), &[HumanGate]),
            ("body", step.body.is_some(), &[Map, Loop]),
            ("over", step.over.is_some(), &[Map]),
            ("as", step.item_name.is_some(), &[Map]),
            ("max_parallel", step.max_parallel.is_some(), &[Map]),
            ("on_item_error", step.on_item_error.is_some(), &[Map]),
            ("max_failed", step.max_failed.is_some(), &[Map]),
            ("until", step.until.is_some(), &[Loop, Wait]),
            ("max_iterations", step.max_iterations.is_some(), &[Loop]),
            ("every_ms", step.every_ms.is_some(), &[Loop, Wait]),
            ("for_ms", step.for_ms.is_some(), &[Wait]),
            ("at", step.at.is_some(), &[Wait]),
            ("workflow", step.workflow.is_some(), &[Subworkflow]),
            ("version", step.version.is_some(), &[Subworkflow]),
            (
                "compensate",
                step.compensate.is_some(),
                &[ToolCall, Subworkflow, External],
            ),
            ("concurrency", step.concurrency.is_some(), &[ToolCall]),
        ];
        for (field, present, kinds) in given {
            if present && !kinds.contains(&step.kind) {
                let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
                let message = format!(
                    "`{field}` means nothing on `{}`, a {}.",
                    step.id,
                    step.kind.as_str()
                );
                let fix = format!("Remove it; it belongs to {}.", kinds.join(" and "));
                let repair = self.without_field(step, field, &format!("Remove `{field}`"));
                self.report(
                    Diagnostic::new("field_not_for_kind", message)
                        .step(&step.id)
                        .field(field)
                        .fix(fix)
                        .repair(repair),
                );
            }
        }
        if step.kind == HumanGate && step.approval.is_some() {
            let message = format!("`{}` is a gate itself and needs no `approval`.", step.id);
            self.report(
                Diagnostic::new("field_not_for_kind", message)
                    .step(&step.id)
                    .field("approval")
                    .fix("Remove it.")
                    .repair(self.without_field(step, "approval", "Remove `approval`")),
            );
        }
        if let Some(name) = &step.name
            && name.chars().count() > NAME_CHARS_MAX
        {
            let message = format!(
                "The name of `{}` is longer than {NAME_CHARS_MAX} characters.",
                step.id
            );
            let at = self.places.find(step.id.as_str());
            let repair =
                at.map(|at| repairs::shorter_name(&self.places.field(at, &["name"]), name));
            self.report(
                Diagnostic::new("name_too_long", message)
                    .step(&step.id)
                    .field("name")
                    .repair(repair),
            );
        }
    }

    fn check_numbers(&mut self, step: &Step) {
        if let Some(weight) = step.weight {
            self.check_range(step, "weight", u64::from(weight), 0, u64::from(WEIGHT_MAX));
        }
        if let Some(retry) = &step.retry {
            self.check_retry(step, "retry", retry);
        }
    }

    fn check_retry(&mut self, step: &Step, field: &str, retry: &RetryPolicy) {
        let tries = u64::from(retry.max_attempts);
        let name = |part: &str| format!("{field}.{part}");
        self.check_range(
            step,
            &name("max_attempts"),
            tries,
            1,
            u64::from(ATTEMPTS_MAX),
        );
        self.check_range(step, &name("cap_ms"), retry.cap_ms, 0, RETRY_CAP_MS_MAX);
        self.check_range(step, &name("base_ms"), retry.base_ms, 0, retry.cap_ms);
    }

    /// The time that one call may take. It has to end, so `never` is refused.
    pub(super) fn call_timeout(
        &mut self,
        step: &Step,
        field: &str,
        timeout: Option<Timeout>,
        spec: &ToolSpec,
    ) -> u64 {
        match timeout {
            None => spec.default_timeout_ms,
            Some(Timeout::Ms(ms)) => {
                self.check_range(step, field, ms, 1, STEP_TIMEOUT_MS_MAX);
                ms
            }
            Some(Timeout::Never) => {
                let message = "a call has to end: give milliseconds, or make it an `external` step";
                let repair = self.without_field(step, field, "Give it the tool's own time");
                self.bad_value(step, field, message, repair);
                spec.default_timeout_ms
            }
        }
    }

    /// How long something that waits may wait: what it says, a month, or for ever when it says so.
    pub(super) fn patience(
        &mut self,
        step: &Step,
        field: &str,
        timeout: Option<Timeout>,
    ) -> Option<u64> {
        match timeout {
            None => Some(WAIT_TIMEOUT_MS_DEFAULT),
            Some(Timeout::Ms(ms)) => {
                self.check_range(step, field, ms, 1, GATE_TIMEOUT_MS_MAX);
                Some(ms)
            }
            Some(Timeout::Never) => None,
        }
    }

    pub(super) fn check_range(&mut self, step: &Step, field: &str, value: u64, min: u64, max: u64) {
        if !(min..=max).contains(&value) {
            let message = format!(
                "`{field}` of `{}` is {value}; it must lie between {min} and {max}.",
                step.id
            );
            let repair = self.pointer(step, field);
            let repair = repair.map(|at| repairs::clamped(at, field, value, min, max));
            self.report(
                Diagnostic::new("bad_number", message)
                    .step(&step.id)
                    .field(field)
                    .repair(repair),
            );
        }
    }

    /// Of a field whose name and those around it have no dots of their own.
    pub(super) fn pointer(&self, step: &Step, field: &str) -> Option<String> {
        let at = self.places.find(step.id.as_str())?;
        Some(self.places.field(at, &field.split('.').collect::<Vec<_>>()))
    }

    pub(super) fn missing(&mut self, step: &Step, field: &str, fix: &str, repair: Option<Repair>) {
        let message = format!("`{}`, a {}, has no `{field}`.", step.id, step.kind.as_str());
        self.report(
            Diagnostic::new("missing_field", message)
                .step(&step.id)
                .field(field)
                .fix(fix)
                .repair(repair),
        );
    }

    pub(super) fn bad_value(
        &mut self,
        step: &Step,
        field: &str,
        message: &str,
        repair: Option<Repair>,
    ) {
        let code = if matches!(field, "expression" | "until") {
            "bad_expression"
        } else {
            "bad_value"
        };
        self.report(
            Diagnostic::new(code, format!("{}.", capitalised(message)))
                .step(&step.id)
                .field(field)
                .repair(repair),
        );
    }
}

/// What a person reads beside a shown value: the last word of a reference, an expression as it stands.
fn label(text: &str) -> String {
    match text.strip_prefix('$') {
        Some(path) => capitalised(&path.rsplit('.').next().unwrap_or(path).replace('_', " ")),
        None => text.trim_start_matches('=').trim().to_owned(),
    }
}
