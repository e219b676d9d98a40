//! What compiles and is hardly meant. It stops nobody; whoever writes is told.

use serde_json::{Value, json};
use std::borrow::Cow;

use super::binding::Scope;
use super::diagnostic::Diagnostic;
use super::edit;
use super::expression::Expression;
use super::limits::WARNING_EVALUATIONS_MAX;
use super::plan::{Plan, Work};
use super::tool::{EffectClass, NumberRange};
use super::workflow::{EdgeTrigger, ErrorPolicy, Workflow};

/// What to tell of a workflow that compiled to this plan, in the author's order.
pub fn warnings(workflow: &Workflow, plan: &Plan) -> Vec<Diagnostic> {
    let mut left = WARNING_EVALUATIONS_MAX;
    let steps = plan.outline.steps.iter().zip(&plan.steps);
    let conditions = steps.filter_map(|(shown, step)| match &step.work {
        Work::Condition { expression } => Some((shown, expression)),
        Work::Tool { .. }
        | Work::Gate(_)
        | Work::Parallel
        | Work::Join { .. }
        | Work::Transform { .. }
        | Work::Map(_)
        | Work::Loop(_)
        | Work::Wait { .. }
        | Work::Poll { .. }
        | Work::Subworkflow { .. }
        | Work::External { .. } => None,
    });
    let told = conditions.filter_map(|(shown, expression)| {
        let one_way = OneWay::of(workflow, plan, expression, &mut left)?;
        Some(one_way.told(expression).step(&shown.id))
    });
    told.collect()
}

/// A condition on a number that its step has succeeded with, which is the same for every number it can succeed with.
struct OneWay<'a> {
    step: &'a str,
    number: &'a str,
    accepted: Vec<NumberRange>,
    /// What people call the list of those in the form, and what it is called in the file.
    list: String,
    always: bool,
}

impl<'a> OneWay<'a> {
    fn of(
        workflow: &Workflow,
        plan: &Plan,
        expression: &'a Expression,
        left: &mut u64,
    ) -> Option<Self> {
        let (step, number) = expression.sole_field()?;
        let at = plan.outline.position(step)?;
        let Work::Tool { spec, .. } = &plan.steps[at].work else {
            return None;
        };
        let rule = spec.fails_outside.as_ref()?;
        // What goes through lists may take its time, and so often.
        if rule.number != number || expression.is_bounded() || goes_on_after_failure(plan, at) {
            return None;
        }
        let input = &edit::find(workflow, &step.into())?.with;
        let input = input.as_ref().unwrap_or(&Value::Null);
        // One that has been interrupted may find its work done, and takes that for a success whatever is listed.
        if spec.effect_of(input) == EffectClass::Idempotent {
            return None;
        }
        let accepted = rule.accepted(input)?;
        let numbers = || accepted.iter().flat_map(|range| range.first..=range.last);
        let answer = |value: u64| {
            let scope = OneField {
                step,
                number,
                value,
            };
            expression.evaluate(&scope).ok()?.as_bool()
        };
        let always = answer(numbers().next()?)?;
        for value in numbers() {
            *left = left.checked_sub(1)?;
            if answer(value)? != always {
                return None;
            }
        }
        Some(Self {
            step,
            number,
            list: spec.titled(&rule.ranges),
            accepted,
            always,
        })
    }

    fn told(&self, expression: &Expression) -> Diagnostic {
        let Self {
            step,
            number,
            list,
            accepted,
            always,
        } = self;
        let accepted = NumberRange::in_words(accepted);
        let (code, always) = match always {
            true => ("always_true", "always true"),
            false => ("never_true", "never true"),
        };
        let message = format!(
            "`{}` is {always}: with a {number} outside of {accepted} the step `{step}` fails.",
            expression.source()
        );
        let fix =
            format!("If another {number} is to lead the other way, list it in {list} of `{step}`.");
        Diagnostic::new(code, message).field("expression").fix(fix)
    }
}

/// What comes after the step may be reached with its error, which holds the number that was refused.
fn goes_on_after_failure(plan: &Plan, at: usize) -> bool {
    let is_fallback = |edge: &usize| plan.outline.edges[*edge].on == Some(EdgeTrigger::Failed);
    plan.steps[at].on_error == ErrorPolicy::Continue
        || plan.outline.outgoing(at).iter().any(is_fallback)
}

/// A step of which nothing is known but one number.
struct OneField<'a> {
    step: &'a str,
    number: &'a str,
    value: u64,
}

impl Scope for OneField<'_> {
    fn lookup(&self, name: &str) -> Option<Cow<'_, Value>> {
        (name == self.step).then(|| Cow::Owned(json!({ self.number: self.value })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::compile::{compile, compile_saved};
    use crate::engine::tool::{Catalogue, ToolSpec};

    fn told_of(expected: Value, expressions: &[&str]) -> Vec<Diagnostic> {
        let call = json!({ "id": "tests", "kind": "tool_call", "tool": "t.web", "with": expected });
        told_after(call, expressions)
    }

    fn told_after(call: Value, expressions: &[&str]) -> Vec<Diagnostic> {
        told_by(ToolSpec::web("t.web"), drawn(call, expressions))
    }

    fn told_by(tool: ToolSpec, draft: Value) -> Vec<Diagnostic> {
        let workflow = serde_json::from_value(draft).expect("a workflow");
        let plan = compile(&workflow, &Catalogue::new([tool])).expect("it compiles");
        warnings(&workflow, &plan)
    }

    /// The call, and behind it as many conditions.
    fn drawn(call: Value, expressions: &[&str]) -> Value {
        let ids: Vec<String> = (0..expressions.len()).map(|at| format!("c{at}")).collect();
        let mut steps = vec![call];
        let mut edges = Vec::new();
        for (id, expression) in ids.iter().zip(expressions) {
            let (yes, no) = (format!("{id}_yes"), format!("{id}_no"));
            steps.push(json!({ "id": id, "kind": "condition", "expression": expression }));
            steps.extend(
                [&yes, &no].map(|id| json!({ "id": id, "kind": "transform", "set": { "n": 1 } })),
            );
            edges.extend([
                json!({ "from": "tests", "to": id }),
                json!({ "from": id, "to": yes, "when": format!("{id}.result == true") }),
                json!({ "from": id, "to": no, "default": true }),
            ]);
        }
        let inputs = json!({ "type": "object", "properties": { "all": {} } });
        json!({ "name": "W", "inputs": inputs, "steps": steps, "edges": edges })
    }

    fn code_of(expected: &Value, expression: &str) -> Option<String> {
        let mut told = told_of(expected.clone(), &[expression]);
        told.pop().map(|told| told.code)
    }

    #[test]
    fn a_condition_that_can_only_go_one_way_is_told() {
        let told = told_of(json!({}), &["tests.status == 200", "tests.status < 400"]);
        let [told] = told.as_slice() else {
            panic!("{told:?}");
        };
        assert_eq!(told.code, "always_true");
        assert_eq!(told.step, Some("c1".into()));
        assert_eq!(
            told.to_string(),
            "`tests.status < 400` is always true: with a status outside of 200-299 the step `tests` fails. \
             If another status is to lead the other way, list it in `expect_status` of `tests`."
        );
    }

    #[test]
    fn what_it_answers_depends_on_what_the_call_accepts() {
        let wide = json!({ "expect_status": ["200-599"] });
        let one = json!({ "expect_status": [204] });
        let unread = json!({ "expect_status": "$input.all" });
        for (expected, expression, code) in [
            (&json!({}), "tests.status >= 500", Some("never_true")),
            (&wide, "tests.status >= 500", None),
            (&wide, "tests.status < 600", Some("always_true")),
            (&one, "tests.status == 204", Some("always_true")),
            (&one, "tests.status == 200", Some("never_true")),
            (&unread, "tests.status < 400", None),
            // Neither true nor false.
            (&json!({}), "tests.status", None),
            (&json!({}), "tests.status.deep == 1", None),
            // Something else decides as well.
            (&json!({}), "tests.status < 400 && input.all", None),
            (&json!({}), "has(tests.status)", None),
            (&json!({}), "tests.error == 'gone'", None),
        ] {
            let told = code_of(expected, expression);
            assert_eq!(told.as_deref(), code, "{expression} of {expected}");
        }
    }

    #[test]
    fn nothing_is_said_where_the_run_goes_on_with_the_error() {
        let call = json!({ "id": "tests", "kind": "tool_call", "tool": "t.web" });
        let one_way = ["tests.status >= 400"];
        assert_eq!(told_after(call.clone(), &one_way).len(), 1);
        let mut goes_on = call.clone();
        goes_on["on_error"] = json!("continue");
        assert!(told_after(goes_on, &one_way).is_empty());
        let mut tool = ToolSpec::web("t.web");
        tool.effect = EffectClass::Idempotent;
        assert!(told_by(tool, drawn(call.clone(), &one_way)).is_empty());
        let mut draft = drawn(call, &one_way);
        let mut add = |list: &str, part: Value| {
            let list = draft[list].as_array_mut().expect("a list");
            list.push(part);
        };
        add(
            "steps",
            json!({ "id": "late", "kind": "transform", "set": { "n": 1 } }),
        );
        add(
            "edges",
            json!({ "from": "tests", "to": "late", "on": "failed" }),
        );
        assert!(told_by(ToolSpec::web("t.web"), draft).is_empty());
    }

    #[test]
    fn a_list_that_cannot_be_read_is_refused_before() {
        for (listed, expected) in [
            (json!([]), "lists nothing"),
            (json!(["2xx"]), "`\"2xx\"` in"),
            (json!([204, "399-300"]), "`\"399-300\"` in"),
            (json!(["200 - 299"]), "neither a number"),
        ] {
            let call = json!({ "id": "tests", "kind": "tool_call", "tool": "t.web", "with": { "expect_status": listed } });
            let workflow = serde_json::from_value(drawn(call, &[])).expect("a workflow");
            let catalogue = Catalogue::new([ToolSpec::web("t.web")]);
            let problems = compile(&workflow, &catalogue).expect_err("it is wrong");
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert_eq!(problems[0].code, "wrong_range");
            assert!(problems[0].message.contains(expected), "{problems:?}");
            assert!(compile_saved(&workflow, &catalogue).is_ok());
        }
    }

    #[test]
    fn what_goes_through_a_list_is_not_tried() {
        let costly = "[1, 2].all(n, n + tests.status > 0)";
        assert!(told_of(json!({}), &[costly]).is_empty());
        assert_eq!(told_of(json!({}), &["tests.status in [100, 101]"]).len(), 1);
    }

    #[test]
    fn as_much_as_anybody_writes_is_looked_at_and_no_more() {
        let told = told_of(json!({}), &["tests.status < 400"; 50]);
        assert_eq!(told.len(), 10);
    }
}
