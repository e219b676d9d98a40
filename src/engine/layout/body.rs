//! Drawing one body: its connected parts side by side, and behind them, in order, the steps that nothing leads to or
//! from, where somebody who has just added one looks for it.

use super::Sizes;
use super::graph::Link;
use super::layers::PartEdge;
use super::part::{Extent, Line, Part, Spot, drawn};

/// The drawing of a body. All steps of the given extents and all lines lie inside its own.
pub(super) fn body(steps: &[Extent], links: &[Link], sizes: &Sizes) -> Part {
    let loops = Loops::of(steps, links, sizes);
    let mut drawing = Part {
        corners: vec![(0, 0); steps.len()],
        rows: vec![0; steps.len()],
        lines: vec![Line::default(); links.len()],
        ..Part::default()
    };
    let (parts, alone) = parts(steps.len(), links);
    let rows_about = rows_beside(alone.len());
    let mut rows_max = 0;
    for members in &parts {
        let extents: Vec<Extent> = members
            .steps
            .iter()
            .map(|&step| loops.extents[step])
            .collect();
        let part = drawn(&extents, &members.edges, sizes);
        rows_max = part
            .rows
            .iter()
            .copied()
            .max()
            .unwrap_or_default()
            .max(rows_max);
        drawing.add(part, members, sizes);
    }
    for column in alone.chunks(rows_about.max(rows_max + 1)) {
        let mut part = Part::default();
        for (row, &step) in column.iter().enumerate() {
            let (width, height) = loops.extents[step];
            let top = if row == 0 {
                0
            } else {
                part.extent.1 + i64::from(sizes.row_gap)
            };
            part.corners.push((0, top));
            part.rows.push(row);
            part.extent = (part.extent.0.max(width), top + height);
        }
        let members = Members {
            steps: column.to_vec(),
            ..Members::default()
        };
        drawing.add(part, &members, sizes);
    }
    loops.draw(&mut drawing, steps, links, sizes);
    drawing
}

/// How many steps without edges stand below each other: doubled as they become more, so that one more hardly ever
/// moves the others.
fn rows_beside(alone: usize) -> usize {
    let mut rows = 4;
    while rows * rows < alone {
        rows *= 2;
    }
    rows
}

/// The steps and edges of a connected part; edges between positions in `steps`.
#[derive(Default)]
struct Members {
    steps: Vec<usize>,
    edges: Vec<PartEdge>,
    /// Per edge: the link that it is.
    links: Vec<usize>,
}

impl Part {
    /// At the right of what is there already.
    fn add(&mut self, part: Part, members: &Members, sizes: &Sizes) {
        let right = if self.extent.0 == 0 {
            0
        } else {
            self.extent.0 + i64::from(sizes.column_gap)
        };
        for (at, &step) in members.steps.iter().enumerate() {
            let (x, y) = part.corners[at];
            self.corners[step] = (x + right, y);
            self.rows[step] = part.rows[at];
        }
        for (mut line, &link) in part.lines.into_iter().zip(&members.links) {
            line.points.iter_mut().for_each(|point| point.0 += right);
            self.lines[link] = line;
        }
        self.extent = (right + part.extent.0, self.extent.1.max(part.extent.1));
    }
}

/// The connected parts in the order of their first steps, and the steps that are in none.
fn parts(steps: usize, links: &[Link]) -> (Vec<Members>, Vec<usize>) {
    let mut beside: Vec<Vec<usize>> = vec![Vec::new(); steps];
    for link in links.iter().filter(|link| link.from != link.to) {
        beside[link.from].push(link.to);
        beside[link.to].push(link.from);
    }
    let mut part_of: Vec<Option<usize>> = vec![None; steps];
    let mut parts: Vec<Members> = Vec::new();
    for start in 0..steps {
        if part_of[start].is_some() || beside[start].is_empty() {
            continue;
        }
        let mut open = vec![start];
        while let Some(step) = open.pop() {
            if part_of[step].is_none() {
                part_of[step] = Some(parts.len());
                open.extend(&beside[step]);
            }
        }
        parts.push(Members::default());
    }
    let mut position = vec![0; steps];
    for (step, part) in part_of.iter().enumerate() {
        if let Some(part) = part {
            position[step] = parts[*part].steps.len();
            parts[*part].steps.push(step);
        }
    }
    for (at, link) in links
        .iter()
        .enumerate()
        .filter(|(_, link)| link.from != link.to)
    {
        if let Some(part) = part_of[link.from] {
            parts[part].links.push(at);
            parts[part].edges.push(PartEdge {
                from: position[link.from],
                to: position[link.to],
                is_branch: link.is_branch,
            });
        }
    }
    let alone = (0..steps).filter(|&step| part_of[step].is_none());
    (parts, alone.collect())
}

/// Edges from a step to itself. They need room at its side; the step stays in the middle of it.
struct Loops {
    /// Per step: how many there are.
    counts: Vec<i64>,
    /// Per step, with the room.
    extents: Vec<Extent>,
}

impl Loops {
    fn of(steps: &[Extent], links: &[Link], sizes: &Sizes) -> Self {
        let mut counts = vec![0; steps.len()];
        for link in links.iter().filter(|link| link.from == link.to) {
            counts[link.from] += 1;
        }
        let extents = steps.iter().zip(&counts).map(|(&(width, height), &count)| {
            let room = if count > 0 { 2 * sizes.loop_reach() } else { 0 };
            (width + room, height)
        });
        Self {
            extents: extents.collect(),
            counts,
        }
    }

    fn draw(&self, drawing: &mut Part, steps: &[Extent], links: &[Link], sizes: &Sizes) {
        let reach = sizes.loop_reach();
        for (corner, count) in drawing.corners.iter_mut().zip(&self.counts) {
            corner.0 += if *count > 0 { reach } else { 0 };
        }
        let mut left = self.counts.clone();
        for (at, link) in links
            .iter()
            .enumerate()
            .filter(|(_, link)| link.from == link.to)
        {
            let step = link.from;
            let (x, y): Spot = drawing.corners[step];
            let border = x + steps[step].0;
            let out = border + (reach * left[step] / self.counts[step]).max(1);
            left[step] -= 1;
            let third = steps[step].1.min(sizes.step_height.into()) / 3;
            let (top, bottom) = (y + third, y + 2 * third);
            drawing.lines[at] = Line {
                points: vec![(border, bottom), (out, bottom), (out, top), (border, top)],
                backwards: true,
            };
        }
    }
}
