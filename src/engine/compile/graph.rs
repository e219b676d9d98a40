//! The shape: edges that make no sense, cycles, what cannot be reached, what stands apart.

use std::collections::{BTreeMap, BTreeSet};

use super::{Compiling, Graph, repairs};
use crate::engine::diagnostic::Diagnostic;
use crate::engine::limits::CYCLES_MAX;
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
            let (from, to) = (graph.written_id(edge.from), graph.written_id(edge.to));
            let ends = (graph.written(edge.from), graph.written(edge.to), edge.on);
            if let Some(&first) = seen.get(&ends) {
                if !self.only_counts() {
                    let message = format!("There are two ways from `{from}` to `{to}`.");
                    let problem = Diagnostic::new("duplicate_edge", message)
                        .fix("Remove one, or join their conditions with `||`.")
                        .repair(repairs::one_edge_of_two(graph, first, at));
                    self.report(graph.at_edge(problem, at));
                }
            } else {
                seen.insert(ends, at);
            }
            if edge.default && edge.when.is_some() {
                let message =
                    format!("The way from `{from}` to `{to}` is both `default` and conditional.");
                let problem = Diagnostic::new("default_with_when", message)
                    .fix("Keep one of `default` and `when`.")
                    .repair(repairs::default_or_when(graph, at));
                self.report(graph.at_edge(problem, at));
            }
            let from_gate = graph.outline.steps[edge.from].kind == StepKind::HumanGate;
            if edge.on == Some(EdgeTrigger::Rejected) && !from_gate {
                let message =
                    format!("`on: rejected` needs a gate to leave from; `{from}` is none.");
                let problem = Diagnostic::new("on_without_gate", message)
                    .field("on")
                    .fix("Remove `on`, write `on: failed`, or give the step `approval`.")
                    .repair(repairs::after_failure(graph, at));
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
            let id = graph.written_id(at);
            if defaults > 1 {
                let message = format!("`{id}` has {defaults} ways marked `default`.");
                self.report(
                    Diagnostic::new("two_defaults", message)
                        .step(id)
                        .fix("Keep one.")
                        .repair(repairs::first_default(graph, at)),
                );
            }
            if defaults > 0 && conditional == 0 {
                let message =
                    format!("`{id}` has a way marked `default` but none with `when` beside it.");
                self.report(
                    Diagnostic::new("default_without_when", message)
                        .step(id)
                        .fix("Remove `default`, or add the condition of the other way.")
                        .repair(repairs::no_defaults(graph, at)),
                );
            }
            match step.kind {
                StepKind::Condition if conditional == 0 || defaults == 0 => {
                    let message = format!("`{id}` does not say where to go in every case.");
                    let fix = "Say where it goes when it is true (a way with `when`), and where otherwise (one with `default: true`).";
                    self.report(
                        Diagnostic::new("no_default_branch", message)
                            .step(id)
                            .fix(fix)
                            .repair(repairs::every_case(graph, at)),
                    );
                }
                StepKind::Parallel if leaving.len() < 2 => {
                    let message = format!(
                        "`{id}` starts nothing in parallel: fewer than two ways lead on from it."
                    );
                    let repair = self.without_step(id);
                    self.report(
                        Diagnostic::new("parallel_needs_two", message)
                            .step(id)
                            .fix("Draw a way, or remove the step.")
                            .repair(repair),
                    );
                }
                StepKind::Join if outline.incoming(at).len() < 2 => {
                    let message = format!("`{id}` joins nothing: fewer than two ways lead to it.");
                    let repair = self.without_step(id);
                    self.report(
                        Diagnostic::new("join_needs_two", message)
                            .step(id)
                            .fix("Draw a way, or remove the step.")
                            .repair(repair),
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
            let is_apart = at != main || (alone && largest == 1);
            if !is_apart || self.only_counts() {
                continue;
            }
            if alone {
                let message = format!("`{id}` is connected to nothing.");
                let repair = self.beside_its_neighbour(id);
                self.report(
                    Diagnostic::new("isolated_step", message)
                        .step(id)
                        .fix("Connect it with another step, or remove it.")
                        .repair(repair),
                );
            } else {
                let message =
                    format!("`{id}` and what follows it is a second graph, apart from the rest.");
                let repair = self.behind_the_rest(graph, &groups[main], group);
                self.report(
                    Diagnostic::new("disjoint_graph", message)
                        .step(id)
                        .fix("Connect the two, or make it a workflow of its own.")
                        .repair(repair),
                );
            }
        }
    }

    /// Names the members of each cycle once, and what lies behind one as unreachable.
    fn report_cycles(&mut self, graph: &Graph<'_>) {
        let outline = &graph.outline;
        for cycle in cycles(outline) {
            let (Some(&first), Some(&last)) = (cycle.first(), cycle.last()) else {
                continue;
            };
            let closing = outline
                .outgoing(last)
                .iter()
                .find(|&&edge| outline.edges[edge].to == first);
            let mut problem = Diagnostic::new(
                "cycle",
                format!("The steps go round in a circle: {}.", round(graph, &cycle)),
            )
            .fix("Remove one of these ways; to repeat steps, put them into a `loop`.");
            if let Some(&edge) = closing {
                problem = graph
                    .at_edge(problem, edge)
                    .repair(repairs::without_edge(graph, edge));
            }
            self.report(problem.step(graph.written_id(first)));
        }
        let reached: BTreeSet<usize> = outline
            .topological()
            .into_iter()
            .map(|(step, _)| step)
            .collect();
        let in_circle = in_circles(outline);
        for (at, goes_round) in in_circle.into_iter().enumerate() {
            if !goes_round && !reached.contains(&at) {
                let id = graph.written_id(at);
                let message =
                    format!("`{id}` can never be reached: the way to it goes through a circle.");
                let problem = Diagnostic::new("unreachable", message).step(id);
                // Once for a step and the gate of its approval.
                let same =
                    |last: &Diagnostic| (&last.code, &last.step) == (&problem.code, &problem.step);
                if !self.problems.last().is_some_and(same) {
                    self.report(problem);
                }
            }
        }
    }
}

/// `a → b → a`; of a long circle the beginning and the end.
fn round(graph: &Graph<'_>, cycle: &[usize]) -> String {
    const NAMED_MAX: usize = 10;
    let name = |&step: &usize| format!("`{}`", graph.written_id(step));
    let mut names: Vec<String> = cycle.iter().take(NAMED_MAX).map(name).collect();
    // A gate made of `approval` has the name of its step.
    names.dedup();
    if cycle.len() > NAMED_MAX {
        names.push(format!("{} more", cycle.len() - NAMED_MAX));
    }
    names.extend(cycle.first().map(name));
    names.join(" → ")
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

/// One cycle for each back edge that a depth-first walk meets (white, grey, black); the first of them.
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
                    if found.len() == CYCLES_MAX {
                        return found;
                    }
                }
                Colour::Black => {}
            }
        }
    }
    found
}

/// Per step: can it reach itself? What is left when steps without a way in, and then those without a way out, are taken
/// away again and again still has the steps between two circles, so the strongly connected components are found (Tarjan 1972, with a stack of
/// our own).
fn in_circles(outline: &Outline) -> Vec<bool> {
    const UNSEEN: usize = usize::MAX;
    let count = outline.steps.len();
    let (mut number, mut lowest) = (vec![UNSEEN; count], vec![UNSEEN; count]);
    let mut is_open = vec![false; count];
    let mut goes_round = vec![false; count];
    let (mut component, mut numbered) = (Vec::new(), 0);
    for start in 0..count {
        if number[start] != UNSEEN {
            continue;
        }
        let mut path: Vec<(usize, usize)> = vec![(start, 0)];
        while let Some((step, next)) = path.last_mut() {
            let step = *step;
            if *next == 0 && number[step] == UNSEEN {
                (number[step], lowest[step]) = (numbered, numbered);
                numbered += 1;
                is_open[step] = true;
                component.push(step);
            }
            if let Some(&edge) = outline.outgoing(step).get(*next) {
                *next += 1;
                let to = outline.edges[edge].to;
                goes_round[step] |= to == step;
                if number[to] == UNSEEN {
                    path.push((to, 0));
                } else if is_open[to] {
                    lowest[step] = lowest[step].min(number[to]);
                }
                continue;
            }
            path.pop();
            if let Some((before, _)) = path.last() {
                lowest[*before] = lowest[*before].min(lowest[step]);
            }
            if lowest[step] == number[step] {
                let from = component.iter().rposition(|&member| member == step);
                let members = component.split_off(from.unwrap_or(0));
                for &member in &members {
                    is_open[member] = false;
                    goes_round[member] |= members.len() > 1;
                }
            }
        }
    }
    goes_round
}
