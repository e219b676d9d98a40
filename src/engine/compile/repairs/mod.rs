//! What a click can mend: for each problem the patch that makes it go away, where one is mechanical. A repair is offered
//! only if its problem is gone afterwards, and takes nothing away that its label does not name.

mod edges;
mod fields;
mod inputs;
mod steps;

use serde_json::Value;

use super::{Compiling, attempt};
use crate::engine::binding::Reference;
use crate::engine::diagnostic::{Diagnostic, Repair};
use crate::engine::expression::{Expression, FUNCTIONS};
use crate::engine::limits::{EXPRESSION_BYTES_MAX, NAME_CHARS_MAX};
use crate::engine::names;
use crate::engine::patch::{PatchOperation, apply_patch};
use crate::engine::spelling::closest;
use crate::engine::tool::Catalogue;
use crate::engine::workflow::{JoinRule, Workflow};

pub(super) use edges::{
    after_failure, default_or_when, every_case, first_default, no_defaults, one_edge_of_two,
    without_edge,
};

/// Steps, edges and names that finding repairs may look at in one compilation: a workflow with a handful of problems
/// gets all its repairs, one with hundreds of them those of the first.
pub(super) const EFFORT: usize = 50_000;
/// Repairs that are tried out by compiling once more.
const TRIALS_MAX: usize = 4;
/// Steps and edges of a workflow for which that is quick.
const TRIAL_SIZE_MAX: usize = 2_000;

impl Compiling<'_> {
    /// May so many things be looked at for a repair?
    pub(super) fn affords(&mut self, cost: usize) -> bool {
        let left = (!self.is_full())
            .then(|| self.effort.checked_sub(cost))
            .flatten();
        self.effort = left.unwrap_or(self.effort);
        left.is_some()
    }
}

/// A join's other rule may be as wrong as the one it has. Such a repair is offered only if fewer problems are left.
pub(super) fn withdraw_what_only_moves(
    workflow: &Workflow,
    catalogue: &Catalogue,
    problems: &mut [Diagnostic],
) {
    let before = problems.len();
    let mut trials = 0;
    for problem in problems {
        if !matches!(problem.code.as_str(), "never_runs" | "gate_bypassed") {
            continue;
        }
        let Some(repair) = &problem.repair else {
            continue;
        };
        trials += 1;
        let is_quick = workflow.steps.len() + workflow.edges.len() <= TRIAL_SIZE_MAX;
        let helps = trials <= TRIALS_MAX
            && is_quick
            && apply_patch(workflow, &repair.patch).is_ok_and(|mended| {
                attempt(&mended, catalogue, 0)
                    .err()
                    .is_none_or(|left| left.len() < before)
            });
        if !helps {
            problem.repair = None;
        }
    }
}

/// The nearest number that is allowed.
pub(super) fn clamped(pointer: String, field: &str, value: u64, min: u64, max: u64) -> Repair {
    let nearest = value.clamp(min, max.max(min));
    Repair::one(
        format!("Set `{field}` to {nearest}"),
        PatchOperation::add(pointer, nearest),
    )
}

pub(super) fn shorter_name(pointer: &str, name: &str) -> Repair {
    let short: String = name.chars().take(NAME_CHARS_MAX).collect();
    Repair::one(
        format!("Cut it after {NAME_CHARS_MAX} characters"),
        PatchOperation::replace(pointer, short),
    )
}

pub(super) fn rule(pointer: String, rule: JoinRule) -> Repair {
    Repair::one(
        format!("Use the rule `{}`", rule.as_str()),
        PatchOperation::add(pointer, rule.as_str()),
    )
}

/// A schema of an object that keeps what it can of this one.
pub(super) fn object_schema(schema: &Value) -> Repair {
    let label = "Make it a schema of an object";
    let Some(fields) = schema.as_object() else {
        let empty = serde_json::json!({ "type": "object", "properties": {} });
        return Repair::one(label, PatchOperation::replace("/inputs", empty));
    };
    let mut fixed = fields.clone();
    fixed.insert("type".to_owned(), "object".into());
    if let Some(properties) = fixed.get_mut("properties") {
        match properties.as_object_mut() {
            Some(properties) => properties
                .values_mut()
                .filter(|field| !field.is_object() && !field.is_boolean())
                .for_each(|field| *field = serde_json::json!({})),
            None => *properties = serde_json::json!({}),
        }
    }
    Repair::one(label, PatchOperation::replace("/inputs", fixed))
}

/// An expression that does not parse, mended where it is plain what was meant: `and`, a single `=`, a misspelt function,
/// a bracket that does not close. `prefix` stands before it in the document.
pub(super) fn expression(pointer: &str, prefix: &str, source: &str) -> Option<Repair> {
    if source.len() > EXPRESSION_BYTES_MAX {
        return None;
    }
    let bare = source.trim_start_matches(['=', ' ']);
    let bare = ["${{", "{{", "${"]
        .iter()
        .find_map(|open| bare.strip_prefix(open))
        .map_or(bare, |inside| inside.trim_end_matches(['}', ' ']));
    let corrected = names::corrected(bare.trim(), |function| {
        let is_known = FUNCTIONS.contains(&function) || names::is_macro(function);
        (!is_known)
            .then(|| closest(function, FUNCTIONS.iter().copied()))
            .flatten()
    });
    let closed = format!("{corrected}{}", names::closing(&corrected));
    let meant = [bare.trim(), &corrected, &closed]
        .into_iter()
        .find(|text| *text != source && Expression::parse(text).is_ok())?;
    Some(Repair::one(
        format!("Write `{meant}`"),
        PatchOperation::replace(pointer, format!("{prefix}{meant}")),
    ))
}

/// A text of a binding that is neither reference nor expression. Where any text may stand, it may be meant as it is.
pub(super) fn binding(pointer: &str, text: &str, is_free: bool) -> Option<Repair> {
    if let Some(source) = text.strip_prefix('=') {
        return expression(pointer, "=", source);
    }
    let name = text.trim().trim_start_matches('$');
    let inside = name.trim_start_matches('{').trim_end_matches('}').trim();
    let dotted = inside.replace('[', ".").replace(['"', '\'', ']'], "");
    let parts: Vec<&str> = dotted.split('.').filter(|part| !part.is_empty()).collect();
    let meant = format!("${}", parts.join("."));
    let looks_like_one = text.contains('.') || !is_free;
    if looks_like_one && Reference::parse(&meant).is_ok() {
        let corrected = PatchOperation::replace(pointer, meant.clone());
        return Some(Repair::one(format!("Read `{meant}`"), corrected));
    }
    is_free.then(|| {
        Repair::one(
            format!("Mean the text `{text}` itself"),
            PatchOperation::replace(pointer, format!("${text}")),
        )
    })
}
