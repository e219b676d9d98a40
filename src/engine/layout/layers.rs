//! Steps in rows, with a dummy node in every row that an edge passes: from here on each segment of a line leads from
//! one row to the next.

use super::rank;
use crate::engine::limits::{PICTURE_DUMMIES_MAX, PICTURE_DUMMIES_PER_PART};

/// An edge between two steps of a connected part; never from a step to itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct PartEdge {
    pub from: usize,
    pub to: usize,
    pub is_branch: bool,
}

/// How an edge gets from its upper to its lower end.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Way {
    /// Through these dummy nodes, from top to bottom.
    Through(std::ops::Range<usize>),
    /// Past everything, in a lane at the side: it would take more dummy nodes than a picture may have.
    Aside,
}

/// The part of a line between two rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub upper: usize,
    pub lower: usize,
    /// Of an edge that is not drawn backwards: the order in which such segments leave their step is the author's.
    pub is_forward: bool,
    pub is_branch: bool,
}

/// Nodes are steps (`0..steps`) and, behind them, dummies.
#[derive(Debug)]
pub(super) struct Layers {
    pub steps: usize,
    /// Per node.
    pub row: Vec<usize>,
    pub rows: usize,
    /// Per edge: is its upper end the one it leads to?
    pub backwards: Vec<bool>,
    /// Per edge.
    pub ways: Vec<Way>,
    /// In the order of their edges.
    pub segments: Vec<Segment>,
    /// Per node: the dummy of an edge that merely shortens a way through other steps.
    pub is_shortcut: Vec<bool>,
    up: Adjacency,
    down: Adjacency,
}

/// Per node a list of segments, all in one vector.
#[derive(Debug)]
struct Adjacency {
    starts: Vec<usize>,
    segments: Vec<usize>,
}

impl Adjacency {
    fn of(nodes: usize, ends: impl Iterator<Item = usize> + Clone) -> Self {
        let mut starts = vec![0; nodes + 1];
        for node in ends.clone() {
            starts[node + 1] += 1;
        }
        for node in 0..nodes {
            starts[node + 1] += starts[node];
        }
        let mut free = starts.clone();
        let mut segments = vec![0; starts[nodes]];
        for (segment, node) in ends.enumerate() {
            segments[free[node]] = segment;
            free[node] += 1;
        }
        Self { starts, segments }
    }

    fn list(&self, node: usize) -> &[usize] {
        &self.segments[self.starts[node]..self.starts[node + 1]]
    }
}

impl Layers {
    pub(super) fn of(steps: usize, edges: &[PartEdge]) -> Self {
        let ends: Vec<(usize, usize)> = edges.iter().map(|edge| (edge.from, edge.to)).collect();
        let backwards = rank::backwards(steps, &ends);
        let turned = |(&(from, to), &back): (&(usize, usize), &bool)| {
            if back { (to, from) } else { (from, to) }
        };
        let downwards: Vec<(usize, usize)> = ends.iter().zip(&backwards).map(turned).collect();
        let mut row = rank::rows(steps, &downwards);
        let is_aside = past_the_bound(&row, &downwards);
        let (mut ways, mut segments) = (Vec::new(), Vec::new());
        for (at, &(upper, lower)) in downwards.iter().enumerate() {
            if is_aside[at] {
                ways.push(Way::Aside);
                continue;
            }
            let first = row.len();
            row.extend(row[upper] + 1..row[lower]);
            ways.push(Way::Through(first..row.len()));
            let through = std::iter::once(upper).chain(first..row.len());
            segments.extend(through.zip((first..row.len()).chain([lower])).map(
                |(upper, lower)| Segment {
                    upper,
                    lower,
                    is_forward: !backwards[at],
                    is_branch: edges[at].is_branch,
                },
            ));
        }
        let nodes = row.len();
        let mut up = Adjacency::of(nodes, segments.iter().map(|segment| segment.lower));
        let down = Adjacency::of(nodes, segments.iter().map(|segment| segment.upper));
        for node in 0..nodes {
            // By what they come from, so that what two nodes share is found in one walk along both lists.
            up.segments[up.starts[node]..up.starts[node + 1]]
                .sort_by_key(|&segment| segments[segment].upper);
        }
        let mut layers = Self {
            steps,
            rows: row.iter().max().map_or(0, |last| last + 1),
            row,
            backwards,
            ways,
            segments,
            is_shortcut: vec![false; nodes],
            up,
            down,
        };
        layers.mark_shortcuts(&downwards);
        layers
    }

    /// Segments that lead to the node, by what they come from.
    pub(super) fn up(&self, node: usize) -> &[usize] {
        self.up.list(node)
    }

    /// Segments that leave the node, in the order of their edges.
    pub(super) fn down(&self, node: usize) -> &[usize] {
        self.down.list(node)
    }

    pub(super) fn is_dummy(&self, node: usize) -> bool {
        node >= self.steps
    }

    /// A long edge both of whose ends have a step right beside them in its direction.
    fn mark_shortcuts(&mut self, downwards: &[(usize, usize)]) {
        for (way, &(upper, lower)) in self.ways.iter().zip(downwards) {
            let Way::Through(dummies) = way else { continue };
            let steps_below = self.down.list(upper).iter();
            let steps_above = self.up.list(lower).iter();
            let is_shortcut = steps_below
                .map(|&segment| self.segments[segment].lower)
                .any(|node| node < self.steps)
                && steps_above
                    .map(|&segment| self.segments[segment].upper)
                    .any(|node| node < self.steps);
            if is_shortcut {
                self.is_shortcut[dummies.clone()].fill(true);
            }
        }
    }
}

/// The edges for which no dummies are left when the short ones have theirs.
fn past_the_bound(row: &[usize], downwards: &[(usize, usize)]) -> Vec<bool> {
    let parts = row.len() + downwards.len();
    let mut left = PICTURE_DUMMIES_MAX.min(PICTURE_DUMMIES_PER_PART * parts);
    let passed = |edge: usize| {
        let (upper, lower) = downwards[edge];
        row[lower] - row[upper] - 1
    };
    let mut by_length: Vec<usize> = (0..downwards.len()).collect();
    by_length.sort_by_key(|&edge| passed(edge));
    let mut is_aside = vec![false; downwards.len()];
    for edge in by_length {
        let needed = passed(edge);
        is_aside[edge] = needed > left;
        left = left.saturating_sub(needed);
    }
    is_aside
}
