//! The shape: edges that make no sense, cycles, what cannot be reached, what stands apart.

use std::collections::{BTreeMap, BTreeSet};

use super::{Compiling, Graph};
use crate::engine::diagnostic::Diagnostic;
use crate::engine::plan::Outline;
use crate::engine::workflow::{EdgeTrigger, StepKind};

impl Compiling<'_> {
    /// Checks the shape. Answers the topological order when there is one.
    pub(super) fn check_graph(&mut self, graph: &Graph<'_>) -> Option<Vec<usize>> {
        self.check_edges(graph);
        self.check_fan(graph);
        self.check_connected(graph);
        let order: Vec<usize> = graph
            .outline
            .topological()
            .into_iter()
            .map(|(step, _)| step)
            .collect();
        if order.len() == graph.outline.steps.len() {
            return Some(order);
        }
        self.report_cycles(graph);
        None
    }

    fn check_edges(&mut self, graph: &Graph<'_>) {
        let mut seen = BTreeMap::new();
        for (at, edge) in graph.outline.edges.iter().enumerate() {
            if graph.edge_sources[at].is_none() {
                continue;
            }
            let (from, to) = (
                &graph.sources[edge.from].step.id,
                &graph.sources[edge.to].step.id,
            );
            if seen.insert((from, to, edge.on), at).is_some() {
                let problem = Diagnostic::new(
                    "duplicate_edge",
                    format!("There are two edges from `{from}` to `{to}`."),
                )
                .fix("Remove one, or join their conditions with `||`.");
                self.report(graph.at_edge(problem, at));
            }
            if edge.default && edge.when.is_some() {
                let message =
                    format!("The edge from `{from}` to `{to}` is both `default` and conditional.");
                let problem = Diagnostic::new("default_with_when", message)
                    .fix("Keep one of `default` and `when`.");
                self.report(graph.at_edge(problem, at));
            }
            let from_gate = graph.outline.steps[edge.from].kind == StepKind::HumanGate;
            if edge.on == Some(EdgeTrigger::Rejected) && !from_gate {
                let message =
                    format!("`on: rejected` needs a gate to leave from; `{from}` is none.");
                let problem = Diagnostic::new("on_without_gate", message)
                    .field("on")
                    .fix("Remove `on`, write `on: failed`, or give the step `approval`.");
                self.report(graph.at_edge(problem, at));
            }
        }
    }

    fn check_fan(&mut self, graph: &Graph<'_>) {
        let outline = &graph.outline;
        for (at, step) in outline.steps.iter().enumerate() {
            let leaving: Vec<_> = outline
                .outgoing(at)
                .iter()
                .map(|&edge| &outline.edges[edge])
                .collect();
            let defaults = leaving.iter().filter(|edge| edge.default).count();
            let conditional = leaving.iter().filter(|edge| edge.when.is_some()).count();
            if defaults > 1 {
                let message = format!("`{}` has {defaults} default edges.", step.id);
                self.report(
                    Diagnostic::new("two_defaults", message)
                        .step(&step.id)
                        .fix("Keep one."),
                );
            }
            if defaults > 0 && conditional == 0 {
                let message = format!(
                    "`{}` has a default edge but no edge with `when` beside it.",
                    step.id
                );
                self.report(
                    Diagnostic::new("default_without_when", message)
                        .step(&step.id)
                        .fix("Remove `default`, or add the condition of the other way."),
                );
            }
            match step.kind {
                StepKind::Condition if conditional == 0 || defaults == 0 => {
                    let message = format!("`{}` does not say where to go in every case.", step.id);
                    let fix = "Give it at least one edge with `when` and one with `default: true`.";
                    self.report(
                        Diagnostic::new("no_default_branch", message)
                            .step(&step.id)
                            .fix(fix),
                    );
                }
                StepKind::Parallel if leaving.len() < 2 => {
                    let message = format!(
                        "`{}` starts nothing in parallel: it has fewer than two edges.",
                        step.id
                    );
                    self.report(
                        Diagnostic::new("parallel_needs_two", message)
                            .step(&step.id)
                            .fix("Add an edge, or remove the step."),
                    );
                }
                StepKind::Join if outline.incoming(at).len() < 2 => {
                    let message = format!(
                        "`{}` joins nothing: fewer than two edges lead to it.",
                        step.id
                    );
                    self.report(
                        Diagnostic::new("join_needs_two", message)
                            .step(&step.id)
                            .fix("Add an edge, or remove the step."),
                    );
                }
                StepKind::ToolCall
                | StepKind::HumanGate
                | StepKind::Condition
                | StepKind::Parallel
                | StepKind::Join
                | StepKind::Transform
                | StepKind::Map
                | StepKind::Loop
                | StepKind::Wait
                | StepKind::Subworkflow
                | StepKind::External => {}
            }
        }
    }

    fn check_connected(&mut self, graph: &Graph<'_>) {
        for body in graph.outline.bodies() {
            let groups = components(&graph.outline, &body.steps);
            if groups.len() > 1 {
                self.report_groups(graph, &groups);
            }
        }
    }

    fn report_groups(&mut self, graph: &Graph<'_>, groups: &[BTreeSet<usize>]) {
        let largest = groups.iter().map(BTreeSet::len).max().unwrap_or(0);
        let main = groups
            .iter()
            .position(|group| group.len() == largest)
            .unwrap_or(0);
        for (at, group) in groups.iter().enumerate() {
            let Some(&first) = group.first() else {
                continue;
            };
            let id = &graph.sources[first].step.id;
            let alone = group.iter().all(|&step| graph.sources[step].step.id == *id);
            if alone && (at != main || largest == 1) {
                let message = format!("`{id}` is connected to nothing.");
                self.report(
                    Diagnostic::new("isolated_step", message)
                        .step(id)
                        .fix("Connect it with an edge, or remove it."),
                );
            } else if at != main {
                let message =
                    format!("`{id}` and what follows it is a second graph, apart from the rest.");
                self.report(
                    Diagnostic::new("disjoint_graph", message)
                        .step(id)
                        .fix("Connect the two, or make it a workflow of its own."),
                );
            }
        }
    }

    /// Names the members of each cycle once, and what lies behind one as unreachable.
    fn report_cycles(&mut self, graph: &Graph<'_>) {
        let outline = &graph.outline;
        let on_cycle: BTreeSet<usize> = cycles(outline)
            .into_iter()
            .inspect(|cycle| {
                let names: Vec<String> = cycle
                    .iter()
                    .chain(cycle.first())
                    .map(|&step| format!("`{}`", outline.steps[step].id))
                    .collect();
                let last = cycle.last().copied().unwrap_or_default();
                let closing = outline
                    .outgoing(last)
                    .iter()
                    .find(|&&edge| cycle.first() == Some(&outline.edges[edge].to));
                let mut problem = Diagnostic::new(
                    "cycle",
                    format!("The steps go round in a circle: {}.", names.join(" → ")),
                )
                .fix("Remove one of these edges; to repeat steps, put them into a `loop`.");
                if let Some(&edge) = closing {
                    problem = graph.at_edge(problem, edge);
                }
                self.problems
                    .push(problem.step(&outline.steps[cycle[0]].id));
            })
            .flatten()
            .collect();
        let reached: BTreeSet<usize> = outline
            .topological()
            .into_iter()
            .map(|(step, _)| step)
            .collect();
        for (at, step) in outline.steps.iter().enumerate() {
            let own_way = cycles_through(outline, at);
            if !reached.contains(&at) && !on_cycle.contains(&at) && !own_way {
                let message = format!(
                    "`{}` can never be reached: the way to it goes through a circle.",
                    step.id
                );
                self.report(Diagnostic::new("unreachable", message).step(&step.id));
            }
        }
    }
}

/// Groups among these steps that are connected, ignoring direction. What would undo a step stands apart by itself.
fn components(outline: &Outline, steps: &[usize]) -> Vec<BTreeSet<usize>> {
    let mut group_of = vec![usize::MAX; outline.steps.len()];
    let mut groups: Vec<BTreeSet<usize>> = Vec::new();
    for &start in steps {
        if group_of[start] != usize::MAX || outline.steps[start].undoes.is_some() {
            continue;
        }
        let mut group = BTreeSet::new();
        let mut open = vec![start];
        while let Some(step) = open.pop() {
            if group_of[step] != usize::MAX {
                continue;
            }
            group_of[step] = groups.len();
            group.insert(step);
            open.extend(
                outline
                    .outgoing(step)
                    .iter()
                    .map(|&edge| outline.edges[edge].to),
            );
            open.extend(
                outline
                    .incoming(step)
                    .iter()
                    .map(|&edge| outline.edges[edge].from),
            );
        }
        groups.push(group);
    }
    groups
}

/// One cycle for each back edge that a depth-first walk meets (white, grey, black).
fn cycles(outline: &Outline) -> Vec<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Colour {
        White,
        Grey,
        Black,
    }
    let mut colour = vec![Colour::White; outline.steps.len()];
    let mut found = Vec::new();
    for start in 0..outline.steps.len() {
        if colour[start] != Colour::White {
            continue;
        }
        // The path is kept by hand: recursion would overflow on a chain of thousands.
        let mut path: Vec<(usize, usize)> = vec![(start, 0)];
        colour[start] = Colour::Grey;
        while let Some((step, next)) = path.last_mut() {
            let step = *step;
            let Some(&edge) = outline.outgoing(step).get(*next) else {
                colour[step] = Colour::Black;
                path.pop();
                continue;
            };
            *next += 1;
            let to = outline.edges[edge].to;
            match colour[to] {
                Colour::White => {
                    colour[to] = Colour::Grey;
                    path.push((to, 0));
                }
                Colour::Grey => {
                    let from = path.iter().position(|(step, _)| *step == to).unwrap_or(0);
                    found.push(path[from..].iter().map(|(step, _)| *step).collect());
                }
                Colour::Black => {}
            }
        }
    }
    found
}

/// Can the step reach itself?
fn cycles_through(outline: &Outline, step: usize) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![step];
    while let Some(at) = open.pop() {
        for &edge in outline.outgoing(at) {
            let to = outline.edges[edge].to;
            if to == step {
                return true;
            }
            if seen.insert(to) {
                open.push(to);
            }
        }
    }
    false
}
