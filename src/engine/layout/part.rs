//! Drawing a connected part: steps in rows, and lines that run straight down through the rows and change their column
//! only in between, where no step is.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::Sizes;
use super::columns::{Widths, columns};
use super::layers::{Layers, PartEdge, Way};
use super::order::ordered;

/// Across and down, in px from the top left corner of what is being drawn.
pub(super) type Spot = (i64, i64);

/// Width and height in px.
pub(super) type Extent = (i64, i64);

/// A drawn part, in coordinates of its own.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub extent: Extent,
    /// Per step: its top left corner.
    pub corners: Vec<Spot>,
    /// Per step.
    pub rows: Vec<usize>,
    /// Per edge.
    pub lines: Vec<Line>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Line {
    /// From the step that the edge leaves.
    pub points: Vec<Spot>,
    pub backwards: bool,
}

/// Draws steps of these extents. What the edges connect must hang together.
pub(super) fn drawn(steps: &[Extent], edges: &[PartEdge], sizes: &Sizes) -> Part {
    let layers = Layers::of(steps.len(), edges);
    let order = ordered(&layers);
    let step_widths: Vec<i64> = steps.iter().map(|step| step.0).collect();
    let widths = Widths {
        steps: &step_widths,
        between_steps: sizes.column_gap.into(),
        between_lines: sizes.line_gap(),
    };
    let middles = columns(&layers, &order, &widths);
    let bands = bands(&layers, steps, sizes);
    let ends = (0..middles.len()).map(|node| middles[node] + widths.right(node));
    let mut part = Part {
        extent: (
            ends.max().unwrap_or_default(),
            bands.last().map_or(0, |band| band.bottom),
        ),
        corners: (0..steps.len())
            .map(|step| {
                (
                    middles[step] - widths.left(step),
                    bands[layers.row[step]].top,
                )
            })
            .collect(),
        rows: layers.row[..steps.len()].to_vec(),
        lines: Vec::with_capacity(edges.len()),
    };
    let lanes = lanes(&layers, edges);
    let lane = |at: usize| part.extent.0 + sizes.line_gap() * (i64::from(lanes[at]) + 1);
    let mut twins: BTreeMap<(usize, usize), i64> = BTreeMap::new();
    let routing = Routing {
        layers: &layers,
        middles: &middles,
        bands: &bands,
        steps,
        gap: sizes.row_gap.into(),
        ports_within: (i64::from(sizes.step_width) / 2 - 1).max(0),
    };
    let mut lines = Vec::with_capacity(edges.len());
    for (at, edge) in edges.iter().enumerate() {
        let pair = (edge.from.min(edge.to), edge.from.max(edge.to));
        let twin = twins.entry(pair).or_default();
        lines.push(routing.line(at, edge, *twin, lane(at)));
        *twin += 1;
    }
    let farthest = lines
        .iter()
        .flat_map(|line| &line.points)
        .map(|point| point.0);
    part.extent.0 = farthest.max().unwrap_or_default().max(part.extent.0);
    part.lines = lines;
    part
}

/// Between these heights a row's steps stand.
#[derive(Clone, Copy)]
struct Band {
    top: i64,
    bottom: i64,
}

fn bands(layers: &Layers, steps: &[Extent], sizes: &Sizes) -> Vec<Band> {
    let mut heights = vec![0; layers.rows];
    for (step, &(_, height)) in steps.iter().enumerate() {
        let tallest: &mut i64 = &mut heights[layers.row[step]];
        *tallest = height.max(*tallest);
    }
    let mut top = 0;
    let mut band = |height: i64| {
        let band = Band {
            top,
            bottom: top + height,
        };
        top = band.bottom + i64::from(sizes.row_gap);
        band
    };
    heights.into_iter().map(&mut band).collect()
}

/// Per edge: which lane at the side it takes, if it takes one. Those that are nowhere side by side share a lane.
fn lanes(layers: &Layers, edges: &[PartEdge]) -> Vec<u32> {
    let rows_of = |edge: &PartEdge| {
        let (from, to) = (layers.row[edge.from], layers.row[edge.to]);
        (from.min(to), from.max(to))
    };
    let mut aside: Vec<usize> = (0..edges.len())
        .filter(|&at| layers.ways[at] == Way::Aside)
        .collect();
    aside.sort_by_key(|&at| rows_of(&edges[at]).0);
    let mut lanes = vec![0; edges.len()];
    let mut taken: BinaryHeap<Reverse<(usize, u32)>> = BinaryHeap::new();
    let mut free = BTreeSet::new();
    let mut made = 0;
    for at in aside {
        let (upper, lower) = rows_of(&edges[at]);
        while let Some(&Reverse((end, lane))) = taken.peek()
            && end <= upper
        {
            taken.pop();
            free.insert(lane);
        }
        let lane = free.pop_first().unwrap_or_else(|| {
            made += 1;
            made - 1
        });
        lanes[at] = lane;
        taken.push(Reverse((lower, lane)));
    }
    lanes
}

/// How far lines between the same two steps stand apart where they begin and end, in px.
const TWINS_APART: i64 = 12;

struct Routing<'a> {
    layers: &'a Layers,
    middles: &'a [i64],
    bands: &'a [Band],
    steps: &'a [Extent],
    gap: i64,
    /// How far from the middle of a step a line may begin or end.
    ports_within: i64,
}

impl Routing<'_> {
    /// From the middle of the lower border of the upper step to that of the upper border of the lower one.
    fn line(&self, at: usize, edge: &PartEdge, twin: i64, lane: i64) -> Line {
        let backwards = self.layers.backwards[at];
        let (upper, lower) = if backwards {
            (edge.to, edge.from)
        } else {
            (edge.from, edge.to)
        };
        let shift = (twin * TWINS_APART).min(self.ports_within);
        let port = |step: usize| self.middles[step] + shift;
        let (above, below) = (
            self.bands[self.layers.row[upper]],
            self.bands[self.layers.row[lower]],
        );
        let (start, end) = (port(upper), port(lower));
        let mut points = vec![(start, above.top + self.steps[upper].1)];
        match &self.layers.ways[at] {
            Way::Through(dummies) => {
                points.push((start, above.bottom));
                for dummy in dummies.clone() {
                    let (column, band) = (self.middles[dummy], self.bands[self.layers.row[dummy]]);
                    points.extend([(column, band.top), (column, band.bottom)]);
                }
            }
            Way::Aside => {
                let (out, back) = (above.bottom + self.gap / 2, below.top - self.gap / 2);
                points.extend([(start, out), (lane, out), (lane, back), (end, back)]);
            }
        }
        points.push((end, below.top));
        let mut points = bends(&points);
        if backwards {
            points.reverse();
        }
        Line { points, backwards }
    }
}

/// Without the points at which a line goes straight on downwards.
fn bends(points: &[Spot]) -> Vec<Spot> {
    let mut bends: Vec<Spot> = Vec::with_capacity(points.len());
    for &point in points {
        if bends.last() == Some(&point) {
            continue;
        }
        if let [.., before, last] = bends[..]
            && before.0 == last.0
            && last.0 == point.0
        {
            bends.pop();
        }
        bends.push(point);
    }
    bends
}
