//! What compiles and is hardly meant. It stops nobody; whoever writes is told.

use serde_json::{Value, json};
use std::borrow::Cow;

use super::binding::Scope;
use super::diagnostic::Diagnostic;
use super::edit;
use super::expression::Expression;
use super::plan::{Plan, Work};
use super::tool::NumberRange;
use super::workflow::Workflow;

/// Evaluations over all conditions. A request has three hundred statuses that may be expected, so this is enough for
/// the first of them, and what somebody made to hurt costs milliseconds.
const EFFORT: u64 = 2_000;

/// What to tell of a workflow that compiled to this plan, in the author's order.
pub fn warnings(workflow: &Workflow, plan: &Plan) -> Vec<Diagnostic> {
    let mut left = EFFORT;
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
        let work = &plan.steps[plan.outline.position(step)?].work;
        let Work::Tool { spec, .. } = work else {
            return None;
        };
        let rule = spec.fails_outside.as_ref()?;
        if rule.number != number {
            return None;
        }
        let input = &edit::find(workflow, &step.into())?.with;
        let accepted = rule.accepted(input.as_ref().unwrap_or(&Value::Null))?;
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
    use crate::engine::compile::compile;
    use crate::engine::tool::{Catalogue, ToolSpec};

    fn told_of(expected: Value, expressions: &[&str]) -> Vec<Diagnostic> {
        let ids: Vec<String> = (0..expressions.len()).map(|at| format!("c{at}")).collect();
        let mut steps =
            vec![json!({ "id": "tests", "kind": "tool_call", "tool": "t.web", "with": expected })];
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
        let workflow = json!({ "name": "W", "inputs": inputs, "steps": steps, "edges": edges });
        let workflow = serde_json::from_value(workflow).expect("a workflow");
        let catalogue = Catalogue::new([ToolSpec::web("t.web")]);
        let plan = compile(&workflow, &catalogue).expect("it compiles");
        warnings(&workflow, &plan)
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
    fn as_much_as_anybody_writes_is_looked_at_and_no_more() {
        let told = told_of(json!({}), &["tests.status < 400"; 50]);
        assert_eq!(told.len(), 20);
    }
}
