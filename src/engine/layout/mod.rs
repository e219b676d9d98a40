//! Where the picture of a workflow puts its steps: in layers from top to bottom (Sugiyama), what a map or a loop holds
//! in a box around it. One picture for the builder, whose draft may be broken, and for the viewer of a run; integers
//! only, so that it is the same on every machine. What a step looks like is not known here.

mod body;
mod columns;
mod crossings;
mod graph;
mod layers;
mod order;
mod part;
mod rank;

#[cfg(test)]
mod tests;

pub use graph::Graph;

use serde::{Deserialize, Serialize};

use super::ids::StepId;
use super::limits::PICTURE_SIZE_PX_MAX;
use part::{Extent, Part, Spot};

/// Lengths in px. What cannot be drawn (below a few px, above `PICTURE_SIZE_PX_MAX`) is taken as the nearest that can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    pub step_width: i32,
    pub step_height: i32,
    /// Between steps side by side; a line keeps half of it away from them.
    pub column_gap: i32,
    /// Between rows: there lines change their columns.
    pub row_gap: i32,
    /// Between a box and what it holds, and around the picture.
    pub padding: i32,
    /// What a box needs at its top for itself.
    pub heading: i32,
}

/// How large our own pages draw steps.
pub const SIZES: Sizes = Sizes {
    step_width: 200,
    step_height: 56,
    column_gap: 32,
    row_gap: 48,
    padding: 20,
    heading: 40,
};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    pub width: i32,
    pub height: i32,
    /// What holds steps comes before them; steps of one body in their author's order.
    pub steps: Vec<Placed>,
    /// Body by body, in the order of their edges.
    pub edges: Vec<Route>,
}

/// A step's rectangle, in coordinates of the picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Placed {
    pub step: StepId,
    pub x: i32,
    pub y: i32,
    pub width: i32,
    pub height: i32,
    /// In how many boxes it stands.
    pub depth: u32,
    /// Counted from the top in its connected part of its body.
    pub row: u32,
}

/// The line of an edge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// The step in whose body it is; none for an edge of the workflow itself.
    pub inside: Option<StepId>,
    /// In `edges` of the workflow or of that body. None for the line from a gate that `approval:` stands for to its
    /// step, which is no edge of anybody's.
    pub position: Option<u32>,
    /// The steps it leaves and leads to.
    pub from: StepId,
    pub to: StepId,
    /// From the border of the step that it leaves to the border of the one it leads to.
    pub points: Vec<Point>,
    /// It goes against the direction of the picture: it closes a circle.
    pub backwards: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    pub x: i32,
    pub y: i32,
}

impl Sizes {
    /// A gap has an inside, so that what runs through it touches nothing.
    fn drawable(self) -> Self {
        let between = |size: i32, least: i32| size.clamp(least, PICTURE_SIZE_PX_MAX);
        Self {
            step_width: between(self.step_width, 1),
            step_height: between(self.step_height, 1),
            column_gap: between(self.column_gap, 4),
            row_gap: between(self.row_gap, 2),
            padding: between(self.padding, 0),
            heading: between(self.heading, 0),
        }
    }

    /// Beside a line.
    fn line_gap(&self) -> i64 {
        i64::from(self.column_gap) / 2
    }

    /// How far the line from a step to itself leads away from it.
    fn loop_reach(&self) -> i64 {
        i64::from(self.column_gap) / 4
    }

    fn step(&self) -> Extent {
        (self.step_width.into(), self.step_height.into())
    }

    /// Of a box around what has this extent. An empty one has room for a first step.
    fn around(&self, (width, height): Extent) -> Extent {
        let (width_min, height_min) = self.step();
        let padding = i64::from(self.padding);
        (
            width.max(width_min) + 2 * padding,
            i64::from(self.heading) + height.max(height_min) + padding,
        )
    }
}

/// Draws the graph. The same graph gives the same picture, and a small change of it a similar one: what does not
/// matter is as the author ordered it.
pub fn layout(graph: &Graph, sizes: &Sizes) -> Picture {
    let sizes = sizes.drawable();
    let count = graph.bodies.len();
    let mut extents: Vec<Vec<Extent>> = vec![Vec::new(); count];
    let mut drawings: Vec<Part> = Vec::new();
    drawings.resize_with(count, Part::default);
    // What is inside comes behind what holds it.
    for (at, body) in graph.bodies.iter().enumerate().rev() {
        let extent = |inside: Option<usize>| match inside {
            Some(inside) => sizes.around(drawings[inside].extent),
            None => sizes.step(),
        };
        extents[at] = body.nodes.iter().map(|node| extent(node.body)).collect();
        drawings[at] = body::body(&extents[at], &body.links, &sizes);
    }
    let padding = i64::from(sizes.padding);
    let (width, height) = drawings.first().map_or((0, 0), |drawing| drawing.extent);
    let mut picture = Picture {
        width: px(width + 2 * padding),
        height: px(height + 2 * padding),
        ..Picture::default()
    };
    let mut origins: Vec<Spot> = vec![(padding, padding); count];
    for (at, body) in graph.bodies.iter().enumerate() {
        let (drawing, origin) = (&drawings[at], origins[at]);
        for (node, (step, &extent)) in body.nodes.iter().zip(&extents[at]).enumerate() {
            let corner = drawing.corners[node];
            let corner = (origin.0 + corner.0, origin.1 + corner.1);
            if let Some(inside) = step.body {
                origins[inside] = (corner.0 + padding, corner.1 + i64::from(sizes.heading));
            }
            picture.steps.push(Placed {
                step: step.id.clone(),
                x: px(corner.0),
                y: px(corner.1),
                width: px(extent.0),
                height: px(extent.1),
                depth: body.depth,
                row: u32::try_from(drawing.rows[node]).unwrap_or(u32::MAX),
            });
        }
        for (link, line) in body.links.iter().zip(&drawing.lines) {
            let point = |&(x, y): &Spot| Point {
                x: px(origin.0 + x),
                y: px(origin.1 + y),
            };
            picture.edges.push(Route {
                inside: body.holder.clone(),
                position: link.position,
                from: body.nodes[link.from].id.clone(),
                to: body.nodes[link.to].id.clone(),
                points: line.points.iter().map(point).collect(),
                backwards: line.backwards,
            });
        }
    }
    picture
}

/// The bounds of a workflow keep every coordinate far from this one's.
fn px(length: i64) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}
