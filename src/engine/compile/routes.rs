//! Where runs can go: steps that no run can ever reach because they need two ways of which only one is taken, and
//! joins that would go on past a gate before, or although, nobody has cleared it.

use fixedbitset::FixedBitSet;

use super::{Compiling, Graph, Role, repairs};
use crate::engine::diagnostic::Diagnostic;
use crate::engine::plan::{Outline, PlanStep, Work};
use crate::engine::workflow::{ErrorPolicy, JoinRule, StepKind};

/// Steps of which a run takes one side or the other: conditional edges or the default one, the ways after "approved"
/// or those after "rejected".
struct Forks {
    /// The steps, in the author's order.
    steps: Vec<usize>,
    /// Per edge: the fork that it leaves, as a position in `steps`, and the side.
    sides: Vec<Option<(usize, bool)>>,
}

/// The sides of forks without which something cannot come about.
#[derive(Clone)]
struct Needs {
    one: FixedBitSet,
    other: FixedBitSet,
}

/// What the checks of joins look at.
struct Ways<'a> {
    ancestors: &'a [FixedBitSet],
    gates: FixedBitSet,
    forks: Forks,
    needs: Vec<Needs>,
}

impl Compiling<'_> {
    pub(super) fn check_routes(
        &mut self,
        graph: &Graph<'_>,
        order: &[usize],
        ancestors: &[FixedBitSet],
        steps: &[Option<PlanStep>],
    ) {
        let outline = &graph.outline;
        let forks = Forks::of(outline);
        let needs = self.needs(graph, order, steps, &forks);
        let mut gates = FixedBitSet::with_capacity(outline.steps.len());
        let kinds = outline.steps.iter().enumerate();
        gates.extend(
            kinds.filter_map(|(at, step)| (step.kind == StepKind::HumanGate).then_some(at)),
        );
        let ways = Ways {
            ancestors,
            gates,
            forks,
            needs,
        };
        for &join in order {
            let Some(PlanStep {
                work: Work::Join { rule },
                ..
            }) = &steps[join]
            else {
                continue;
            };
            self.check_bypass(graph, steps, join, *rule, &ways);
        }
    }

    /// For each step what it cannot run without. Reports steps that need both sides.
    fn needs(
        &mut self,
        graph: &Graph<'_>,
        order: &[usize],
        steps: &[Option<PlanStep>],
        forks: &Forks,
    ) -> Vec<Needs> {
        let outline = &graph.outline;
        let mut needs = vec![Needs::nothing(forks); outline.steps.len()];
        for &step in order {
            let rule = steps[step]
                .as_ref()
                .map_or(JoinRule::AllSuccess, |step| step.work.join_rule());
            let arrivals = outline
                .incoming(step)
                .iter()
                .map(|&edge| along(edge, outline, &needs, forks));
            let own = match rule {
                JoinRule::AllSuccess => arrivals.reduce(Needs::and),
                JoinRule::NoneFailedMinOneSuccess | JoinRule::AllDone | JoinRule::OneSuccess => {
                    arrivals.reduce(Needs::or)
                }
            };
            let mut own = own.unwrap_or_else(|| Needs::nothing(forks));
            if let Some(fork) = own.conflict() {
                let id = graph.written_id(step);
                let message = format!(
                    "`{id}` can never run: it waits for two ways out of `{}`, and a run takes only one of them.",
                    graph.written_id(forks.steps[fork])
                );
                let fix =
                    "Join the ways with a `join` step of rule `none_failed_min_one_success` first.";
                let repair = self.either_way(graph, step);
                self.report(
                    Diagnostic::new("never_runs", message)
                        .step(id)
                        .fix(fix)
                        .repair(repair),
                );
                // Said once; what follows would only repeat it.
                own = Needs::nothing(forks);
            }
            needs[step] = own;
        }
        needs
    }

    fn check_bypass(
        &mut self,
        graph: &Graph<'_>,
        steps: &[Option<PlanStep>],
        join: usize,
        rule: JoinRule,
        ways: &Ways<'_>,
    ) {
        if rule == JoinRule::AllSuccess {
            return;
        }
        let outline = &graph.outline;
        let incoming = outline.incoming(join).iter();
        let arrivals: Vec<Arrival> = incoming
            .map(|&edge| Arrival {
                from: outline.edges[edge].from,
                needs: along(edge, outline, &ways.needs, &ways.forks),
            })
            .collect();
        for gate in ways.gates.intersection(&ways.ancestors[join]) {
            if self.only_counts() {
                return;
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
            if rejection_is_done || (goes_on_without && ways.lead_past(&arrivals, gate)) {
                let id = graph.written_id(join);
                let message = format!(
                    "`{id}` goes on without the gate {} having been cleared (rule `{}`).",
                    match graph.sources[gate].role {
                        Role::Approval => format!("before `{}`", graph.written_id(gate)),
                        Role::Itself | Role::Undo => format!("`{}`", graph.written_id(gate)),
                    },
                    rule.as_str()
                );
                let repair = self.places.find(id.as_str()).map(|at| {
                    repairs::rule(self.places.field(at, &["rule"]), JoinRule::AllSuccess)
                });
                self.report(
                    Diagnostic::new("gate_bypassed", message)
                        .step(id)
                        .field("rule")
                        .fix("Use `all_success`, or put the gate behind the join.")
                        .repair(repair),
                );
            }
        }
    }
}

/// A way on which a run comes to a join.
struct Arrival {
    from: usize,
    needs: Needs,
}

impl Ways<'_> {
    /// Can a run come to the join both through the gate and past it?
    fn lead_past(&self, arrivals: &[Arrival], gate: usize) -> bool {
        let is_behind =
            |way: &&Arrival| way.from == gate || self.ancestors[way.from].contains(gate);
        let through = || arrivals.iter().filter(is_behind).map(|way| &way.needs);
        let past = || {
            let others = arrivals.iter().filter(|way| !is_behind(way));
            others.map(|way| &way.needs)
        };
        let (Some(a), Some(b)) = (Needs::common(through()), Needs::common(past())) else {
            return false;
        };
        // What all of them need excludes each other: the usual case, and no pair has to be looked at.
        !a.excludes(&b) && through().any(|a| past().any(|b| !a.excludes(b)))
    }
}

impl Needs {
    fn nothing(forks: &Forks) -> Self {
        let none = FixedBitSet::with_capacity(forks.steps.len());
        Self {
            one: none.clone(),
            other: none,
        }
    }

    fn and(mut self, more: Self) -> Self {
        self.one.union_with(&more.one);
        self.other.union_with(&more.other);
        self
    }

    fn or(mut self, instead: Self) -> Self {
        self.one.intersect_with(&instead.one);
        self.other.intersect_with(&instead.other);
        self
    }

    /// What none of them can do without.
    fn common<'n>(mut all: impl Iterator<Item = &'n Needs>) -> Option<Needs> {
        let mut common = all.next()?.clone();
        for needs in all {
            if common.one.is_clear() && common.other.is_clear() {
                break;
            }
            common.one.intersect_with(&needs.one);
            common.other.intersect_with(&needs.other);
        }
        Some(common)
    }

    /// The fork of which both sides are needed.
    fn conflict(&self) -> Option<usize> {
        self.one.intersection(&self.other).next()
    }

    /// No run can bring about both.
    fn excludes(&self, with: &Self) -> bool {
        !self.one.is_disjoint(&with.other) || !self.other.is_disjoint(&with.one)
    }
}

/// What arriving over this edge needs.
fn along(edge: usize, outline: &Outline, needs: &[Needs], forks: &Forks) -> Needs {
    let mut needed = needs[outline.edges[edge].from].clone();
    match forks.sides[edge] {
        Some((fork, true)) => needed.one.insert(fork),
        Some((fork, false)) => needed.other.insert(fork),
        None => {}
    }
    needed
}

impl Forks {
    fn of(outline: &Outline) -> Self {
        let mut steps = Vec::new();
        let mut sides = vec![None; outline.edges.len()];
        for step in 0..outline.steps.len() {
            let leaving = outline.outgoing(step);
            let has_default = leaving.iter().any(|&edge| outline.edges[edge].default);
            let has_rejected = leaving.iter().any(|&edge| outline.edges[edge].on.is_some());
            let fork = steps.len();
            for &edge in leaving {
                let shape = &outline.edges[edge];
                if has_rejected {
                    sides[edge] = Some((fork, shape.on.is_some()));
                } else if has_default && (shape.default || shape.when.is_some()) {
                    sides[edge] = Some((fork, shape.default));
                }
            }
            if leaving.iter().any(|&edge| sides[edge].is_some()) {
                steps.push(step);
            }
        }
        Self { steps, sides }
    }
}
