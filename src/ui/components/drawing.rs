//! Pictures of workflows that are only looked at: small ones for cards, and one with words. They are made as text and
//! set as a whole, because nothing in them ever changes; whoever cannot see them has the list of steps beside it.

use leptos::prelude::*;
use std::collections::BTreeMap;
use std::fmt::Write;

use crate::engine::caption::caption;
use crate::engine::ids::StepId;
use crate::engine::layout::{Picture, Placed, Point, Route};
use crate::engine::plan::{Outline, OutlineEdge};

/// Characters that fit into a box.
const BOX_CHARS: usize = 23;
/// Taller than this in px, a picture is shown on request.
const HEIGHT_SHOWN_MAX: i32 = 900;

/// Boxes and lines without words, for a card.
#[component]
pub fn Sketch(picture: Picture) -> impl IntoView {
    view! { <div class="sketch" aria-hidden="true" inner_html=sketch(&picture)></div> }
}

/// With the names of steps and ways.
#[component]
pub fn Drawing(picture: Picture, outline: Outline) -> impl IntoView {
    let label = format!(
        "Picture of {} steps. The list of steps says the same.",
        picture.steps.len()
    );
    let open = picture.height <= HEIGHT_SHOWN_MAX;
    view! {
        <details class="drawing" open=open>
            <summary>"As a picture"</summary>
            <div role="img" aria-label=label inner_html=drawing(&picture, &outline)></div>
        </details>
    }
}

fn sketch(picture: &Picture) -> String {
    let (mut boxes, mut lines) = (String::new(), String::new());
    for Placed {
        x,
        y,
        width,
        height,
        ..
    } in &picture.steps
    {
        // Writing to a string cannot fail, here and below.
        let _ = write!(boxes, "M{x} {y}h{width}v{height}h-{width}z");
    }
    for route in &picture.edges {
        lines.push_str(&path(route));
    }
    let (width, height) = (picture.width, picture.height);
    format!(
        "<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\"><path class=\"drawing-line\" d=\"{lines}\"/><path class=\"drawing-box\" d=\"{boxes}\"/></svg>"
    )
}

fn drawing(picture: &Picture, outline: &Outline) -> String {
    let (width, height) = (picture.width, picture.height);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" aria-hidden=\"true\">"
    );
    for placed in &picture.steps {
        draw_step(&mut svg, placed, outline);
    }
    let edges = DrawnEdges::of(outline);
    for route in &picture.edges {
        let edge = edges.position(outline, route);
        draw_way(
            &mut svg,
            route,
            edge.map(|at| edge_label(outline, &outline.edges[at])),
        );
    }
    svg.push_str("</svg>");
    svg
}

fn draw_step(svg: &mut String, placed: &Placed, outline: &Outline) {
    let Placed {
        x,
        y,
        width,
        height,
        ..
    } = placed;
    let Some(at) = outline.position(placed.step.as_str()) else {
        return;
    };
    let step = &outline.steps[at];
    let what = step
        .tool
        .clone()
        .unwrap_or_else(|| step.kind.as_str().replace('_', " "));
    let _ = write!(
        svg,
        "<rect class=\"drawing-box\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>\
         <text class=\"drawing-name\" x=\"{}\" y=\"{}\">{}</text><text class=\"drawing-what\" x=\"{}\" y=\"{}\">{}</text>",
        x + 12,
        y + 22,
        text(&step.name),
        x + 12,
        y + 40,
        text(&what),
    );
}

fn draw_way(svg: &mut String, route: &Route, label: Option<&str>) {
    let class = if route.backwards {
        "drawing-line drawing-backwards"
    } else {
        "drawing-line"
    };
    let _ = write!(svg, "<path class=\"{class}\" d=\"{}\"/>", path(route));
    if let [.., before, end] = route.points.as_slice() {
        let _ = write!(
            svg,
            "<path class=\"drawing-tip\" d=\"{}\"/>",
            tip(*before, *end)
        );
    }
    let label = label.unwrap_or_default();
    let middle = route.points.len() / 2;
    if let (false, Some(from), Some(to)) = (
        label.is_empty(),
        route.points.get(middle.saturating_sub(1)),
        route.points.get(middle),
    ) {
        let (x, y) = ((from.x + to.x) / 2, (from.y + to.y) / 2);
        let _ = write!(
            svg,
            "<text class=\"drawing-label\" x=\"{x}\" y=\"{}\">{}</text>",
            y + 4,
            text(label)
        );
    }
}

/// The line as the `d` of a path.
pub fn path(route: &Route) -> String {
    let mut path = String::new();
    for (number, Point { x, y }) in route.points.iter().enumerate() {
        let sign = if number == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{sign}{x} {y}");
    }
    path
}

/// The head of an arrow that comes from there, as the `d` of a path.
pub fn tip(from: Point, Point { x, y }: Point) -> String {
    let (dx, dy) = (f64::from(x - from.x), f64::from(y - from.y));
    let length = dx.hypot(dy).max(1.0);
    let (dx, dy) = (dx / length, dy / length);
    let (x, y) = (f64::from(x), f64::from(y));
    let corner = |side: f64| {
        (
            x - 8.0 * dx + side * 4.0 * dy,
            y - 8.0 * dy - side * 4.0 * dx,
        )
    };
    let ((left_x, left_y), (right_x, right_y)) = (corner(1.0), corner(-1.0));
    format!("M{x} {y}L{left_x:.1} {left_y:.1}L{right_x:.1} {right_y:.1}z")
}

/// Which edge of an outline a line stands for.
pub struct DrawnEdges {
    /// By the step that holds them, in their author's order.
    written: BTreeMap<Option<usize>, Vec<usize>>,
    /// From a gate that `approval:` stands for, by the step that it guards.
    made: BTreeMap<StepId, usize>,
}

impl DrawnEdges {
    pub fn of(outline: &Outline) -> Self {
        let mut edges = Self {
            written: BTreeMap::new(),
            made: BTreeMap::new(),
        };
        for (at, edge) in outline.edges.iter().enumerate() {
            let (from, to) = (&outline.steps[edge.from], &outline.steps[edge.to]);
            if edge.on.is_none() && from.id == to.id.approval_gate() {
                edges.made.insert(to.id.clone(), at);
            } else {
                edges.written.entry(from.parent).or_default().push(at);
            }
        }
        edges
    }

    /// Its position among the edges of the outline.
    pub fn position(&self, outline: &Outline, route: &Route) -> Option<usize> {
        let Some(position) = route.position else {
            return self.made.get(&route.to).copied();
        };
        let holder = match &route.inside {
            Some(holder) => Some(outline.position(holder.as_str())?),
            None => None,
        };
        let written = self.written.get(&holder)?;
        written.get(usize::try_from(position).ok()?).copied()
    }
}

/// What stands at the edge.
pub fn edge_label<'a>(outline: &'a Outline, edge: &'a OutlineEdge) -> &'a str {
    caption(
        outline.steps[edge.from].id.as_str(),
        edge.label.as_deref(),
        edge.on,
        edge.default,
        edge.when.as_deref(),
    )
}

/// As much of it as fits, with what would be markup written out.
fn text(words: &str) -> String {
    let mut escaped = String::new();
    for (number, c) in words.chars().enumerate() {
        if number + 1 == BOX_CHARS && words.chars().count() > BOX_CHARS {
            escaped.push('…');
            break;
        }
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // Not allowed in XML, and nothing to see.
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::compile::compile;
    use crate::engine::layout::{Graph, Sizes, layout};
    use crate::engine::tool::Catalogue;
    use serde_json::{Value, json};

    fn drawn(workflow: Value) -> (Picture, Outline) {
        const SIZES: Sizes = Sizes {
            step_width: 100,
            step_height: 40,
            column_gap: 20,
            row_gap: 20,
            padding: 10,
            heading: 20,
        };
        let workflow = serde_json::from_value(workflow).expect("a workflow");
        let plan = compile(&workflow, &Catalogue::new([])).expect("it compiles");
        let picture = layout(&Graph::of_outline(&plan.outline), &SIZES);
        (picture, Outline::clone(&plan.outline))
    }

    #[test]
    fn a_drawing_names_every_step_and_every_way() {
        let (picture, outline) = drawn(json!({ "name": "Two ways", "steps": [
            { "id": "ask", "kind": "human_gate", "name": "All <b>well</b> & good?" },
            { "id": "yes", "kind": "transform", "set": { "a": 1 }, "approval": {} },
            { "id": "no", "kind": "transform", "set": { "a": 2 } },
        ], "edges": [
            { "from": "ask", "to": "yes" },
            { "from": "ask", "to": "no", "on": "rejected", "label": "no <thanks>" },
        ] }));
        let svg = drawing(&picture, &outline);
        // The gate of `yes` is a step of its own.
        assert_eq!(svg.matches("<rect").count(), 4, "{svg}");
        assert_eq!(svg.matches("drawing-tip").count(), 3, "{svg}");
        assert!(
            svg.contains("All &lt;b&gt;well&lt;/b&gt; &amp; good?</text>"),
            "{svg}"
        );
        assert!(svg.contains(">no &lt;thanks&gt;</text>"), "{svg}");
        assert!(!svg.contains("<b>") && !svg.contains("<thanks"), "{svg}");
    }

    #[test]
    fn a_label_stands_at_its_own_way_inside_of_a_body_too() {
        let (picture, outline) = drawn(json!({ "name": "Inside", "steps": [
            { "id": "each", "kind": "map", "over": [1, 2], "body": {
                "steps": [
                    { "id": "ask", "kind": "human_gate" },
                    { "id": "end", "kind": "transform", "set": { "a": 1 } },
                ],
                "edges": [{ "from": "ask", "to": "end", "label": "inner" }],
            } },
            { "id": "after", "kind": "transform", "set": { "a": 1 } },
        ], "edges": [{ "from": "each", "to": "after", "label": "outer" }] }));
        let edges = DrawnEdges::of(&outline);
        let labels: Vec<(bool, &str)> = picture
            .edges
            .iter()
            .map(|route| {
                let edge = edges.position(&outline, route).expect("an edge");
                (
                    route.inside.is_some(),
                    edge_label(&outline, &outline.edges[edge]),
                )
            })
            .collect();
        assert_eq!(labels, [(false, "outer"), (true, "inner")]);
    }

    #[test]
    fn a_sketch_has_no_words() {
        let (picture, _) =
            drawn(json!({ "name": "One", "steps": [{ "id": "secret", "kind": "human_gate" }] }));
        let svg = sketch(&picture);
        assert!(
            svg.contains("<path") && !svg.contains("secret") && !svg.contains("<text"),
            "{svg}"
        );
    }

    #[test]
    fn an_arrow_points_to_where_its_line_ends() {
        let down = tip(Point { x: 10, y: 0 }, Point { x: 10, y: 50 });
        assert_eq!(down, "M10 50L14.0 42.0L6.0 42.0z");
    }
}
