//! Where runs can go: steps that no run can ever reach because they need two ways of which only one is taken, and
//! joins that would go on past a gate before, or although, nobody has cleared it.

use fixedbitset::FixedBitSet;
use std::collections::BTreeMap;

use super::{Compiling, Graph};
use crate::engine::diagnostic::Diagnostic;
use crate::engine::plan::{Outline, PlanStep, Work};
use crate::engine::workflow::{ErrorPolicy, JoinRule, StepKind};

/// For edges of which a run takes one or the other: the step they leave, and the side.
type Sides = BTreeMap<usize, (usize, bool)>;

impl Compiling<'_> {
    pub(super) fn check_routes(
        &mut self,
        graph: &Graph<'_>,
        order: &[usize],
        steps: &[Option<PlanStep>],
    ) {
        let outline = &graph.outline;
        let sides = exclusive_sides(outline);
        let needs = self.needs(graph, order, steps, &sides);
        let ancestors = super::references::ancestors(outline, order);
        for &join in order {
            let Some(PlanStep {
                work: Work::Join { rule },
                ..
            }) = &steps[join]
            else {
                continue;
            };
            self.check_bypass(graph, steps, join, *rule, &ancestors, &needs, &sides);
        }
    }

    /// For each step the exclusive edges without which it cannot run. Reports steps that need both sides.
    fn needs(
        &mut self,
        graph: &Graph<'_>,
        order: &[usize],
        steps: &[Option<PlanStep>],
        sides: &Sides,
    ) -> Vec<FixedBitSet> {
        let outline = &graph.outline;
        let mut needs = vec![FixedBitSet::with_capacity(outline.edges.len()); outline.steps.len()];
        for &step in order {
            let rule = steps[step]
                .as_ref()
                .map_or(JoinRule::AllSuccess, |step| step.work.join_rule());
            let arrivals = outline
                .incoming(step)
                .iter()
                .map(|&edge| along(edge, outline, &needs, sides));
            let own = match rule {
                JoinRule::AllSuccess => arrivals.reduce(|mut all, one| {
                    all.union_with(&one);
                    all
                }),
                JoinRule::NoneFailedMinOneSuccess | JoinRule::AllDone | JoinRule::OneSuccess => {
                    arrivals.reduce(|mut common, one| {
                        common.intersect_with(&one);
                        common
                    })
                }
            };
            let mut own = own.unwrap_or_else(|| FixedBitSet::with_capacity(outline.edges.len()));
            if let Some(fork) = conflict(&own, sides) {
                let id = &graph.sources[step].step.id;
                let message = format!(
                    "`{id}` can never run: it waits for two ways out of `{}`, and a run takes only one of them.",
                    outline.steps[fork].id
                );
                let fix =
                    "Join the ways with a `join` step of rule `none_failed_min_one_success` first.";
                let problem = Diagnostic::new("never_runs", message).step(id).fix(fix);
                if !self.problems.contains(&problem) {
                    self.report(problem);
                }
                // Said once; what follows would only repeat it.
                own.clear();
            }
            needs[step] = own;
        }
        needs
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the analyses it combines; a struct would only rename them"
    )]
    fn check_bypass(
        &mut self,
        graph: &Graph<'_>,
        steps: &[Option<PlanStep>],
        join: usize,
        rule: JoinRule,
        ancestors: &[FixedBitSet],
        needs: &[FixedBitSet],
        sides: &Sides,
    ) {
        let outline = &graph.outline;
        let incoming = outline.incoming(join);
        let gates_behind = |edge: usize| {
            let from = outline.edges[edge].from;
            let mut behind = ancestors[from].clone();
            behind.insert(from);
            behind
        };
        for (gate, _) in outline
            .steps
            .iter()
            .enumerate()
            .filter(|(_, step)| step.kind == StepKind::HumanGate)
        {
            if !ancestors[join].contains(gate) {
                continue;
            }
            let rejection_leads_on = outline
                .outgoing(gate)
                .iter()
                .any(|&edge| outline.edges[edge].on.is_some());
            // A rejected gate that lets the run go on counts as "done".
            let rejection_is_done = rule == JoinRule::AllDone
                && steps[gate]
                    .as_ref()
                    .is_some_and(|step| step.on_error == ErrorPolicy::Continue);
            let goes_on_without = match rule {
                JoinRule::OneSuccess => true,
                // After a rejection that leads somewhere, the way behind the gate is skipped, not failed.
                JoinRule::AllDone | JoinRule::NoneFailedMinOneSuccess => rejection_leads_on,
                JoinRule::AllSuccess => false,
            };
            let (through, past): (Vec<usize>, Vec<usize>) = incoming
                .iter()
                .partition(|&&edge| gates_behind(edge).contains(gate));
            let both_at_once = through.iter().any(|&a| {
                past.iter().any(|&b| {
                    let mut together = along(a, outline, needs, sides);
                    together.union_with(&along(b, outline, needs, sides));
                    conflict(&together, sides).is_none()
                })
            });
            if rejection_is_done || (goes_on_without && both_at_once) {
                let (id, gate) = (&outline.steps[join].id, &outline.steps[gate].id);
                let message = format!(
                    "`{id}` goes on without the gate `{gate}` having been cleared (rule `{}`).",
                    rule.as_str()
                );
                let fix = "Use `all_success`, or put the gate behind the join.";
                self.report(
                    Diagnostic::new("gate_bypassed", message)
                        .step(id)
                        .field("rule")
                        .fix(fix),
                );
            }
        }
    }
}

/// What arriving over this edge needs.
fn along(edge: usize, outline: &Outline, needs: &[FixedBitSet], sides: &Sides) -> FixedBitSet {
    let mut set = needs[outline.edges[edge].from].clone();
    if sides.contains_key(&edge) {
        set.insert(edge);
    }
    set
}

/// The step of which the set needs both sides.
fn conflict(set: &FixedBitSet, sides: &Sides) -> Option<usize> {
    let mut seen: BTreeMap<usize, bool> = BTreeMap::new();
    set.ones()
        .filter_map(|edge| sides.get(&edge))
        .find_map(|&(fork, side)| match seen.insert(fork, side) {
            Some(other) if other != side => Some(fork),
            Some(_) | None => None,
        })
}

/// Conditional edges against the default one, and the ways after "rejected" against those after "approved".
fn exclusive_sides(outline: &Outline) -> Sides {
    let mut sides = Sides::new();
    for step in 0..outline.steps.len() {
        let leaving = outline.outgoing(step);
        let has_default = leaving.iter().any(|&edge| outline.edges[edge].default);
        let has_rejected = leaving.iter().any(|&edge| outline.edges[edge].on.is_some());
        for &edge in leaving {
            let shape = &outline.edges[edge];
            if has_rejected {
                sides.insert(edge, (step, shape.on.is_some()));
            } else if has_default && (shape.default || shape.when.is_some()) {
                sides.insert(edge, (step, shape.default));
            }
        }
    }
    sides
}
