//! What holds for every picture, tried on random drafts.

use serde_json::json;
use std::collections::BTreeMap;

use super::random::{Drawing, id};
use super::{CHARACTERS, draft, picture, placed, workflow};
use crate::engine::ids::StepId;
use crate::engine::layout::{Graph, Picture, Placed, Point, Route, Sizes, layout};
use crate::engine::limits::PICTURE_DUMMIES_PER_PART;
use crate::engine::properties::chance::Chance;
use crate::engine::properties::workflows::{Stock, compiled};
use crate::engine::tool::{Catalogue, EffectClass, ToolSpec};

const CASES: u64 = 1_500;

#[test]
fn every_draft_is_drawn_as_promised() {
    let mut backwards = 0;
    for seed in 0..CASES {
        let mut chance = Chance::new(seed);
        let mut drawing = Drawing::new(&mut chance);
        let (document, sizes) = (drawing.draft(), drawing.sizes());
        let graph = Graph::of_workflow(&workflow(document));
        let drawn = check(&graph, &sizes, &format!("seed {seed}"));
        backwards += drawn.edges.iter().filter(|route| route.backwards).count();
    }
    assert!(
        backwards > 1_000,
        "hardly any circle was drawn: {backwards}"
    );
}

#[test]
fn edges_past_the_bound_of_dummies_keep_the_promises_too() {
    let mut chance = Chance::new(7);
    let chain: Vec<String> = (0..150).map(id).collect();
    let mut document = draft(&[&chain.join(" -> ")]);
    let passed: Vec<_> = (0..600)
        .map(|_| (chance.below(150), chance.below(150)))
        .map(|(from, to)| json!({ "from": id(from), "to": id(to) }))
        .collect();
    let edges = document["edges"].as_array_mut().expect("edges");
    edges.extend(passed);
    let graph = Graph::of_workflow(&workflow(document));
    let drawn = check(&graph, &CHARACTERS, "long edges");
    let bends: usize = drawn.edges.iter().map(|route| route.points.len()).sum();
    assert!(bends < (PICTURE_DUMMIES_PER_PART * 2 + 6) * 900, "{bends}");
}

#[test]
fn a_draft_and_what_it_compiles_to_have_one_picture() {
    let stock = Stock {
        catalogue: Catalogue::new([ToolSpec::plain("t.read", EffectClass::Read)]),
        tools: vec!["t.read"],
        undo_tools: vec!["t.read"],
        asked: "t.read",
        workflows: vec!["other".to_owned()],
    };
    let (mut gates, mut boxes) = (0, 0);
    for seed in 0..300 {
        let (workflow, plan) = compiled(&mut Chance::new(seed), &stock);
        let graph = Graph::of_workflow(&workflow);
        assert_eq!(graph, Graph::of_outline(&plan.outline), "seed {seed}");
        let drawn = layout(&graph, &CHARACTERS);
        boxes += drawn.steps.iter().filter(|step| step.depth > 0).count();
        gates += drawn
            .edges
            .iter()
            .filter(|route| route.position.is_none())
            .count();
        let undone = plan
            .outline
            .steps
            .iter()
            .filter(|step| step.undoes.is_some())
            .count();
        assert_eq!(drawn.steps.len() + undone, plan.outline.steps.len());
    }
    assert!(
        gates > 50 && boxes > 50,
        "dull: {gates} gates, {boxes} inside"
    );
}

#[test]
fn branches_of_a_tree_stand_in_the_order_of_their_edges() {
    for seed in 0..300 {
        let mut chance = Chance::new(seed);
        let edges: Vec<(usize, usize)> = (1..30).map(|to| (chance.below(to), to)).collect();
        let lines: Vec<String> = edges
            .iter()
            .map(|&(from, to)| format!("{} -> {}: true", id(from), id(to)))
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let drawn = picture(draft(&lines));
        let mut last: BTreeMap<usize, i32> = BTreeMap::new();
        for (from, to) in edges {
            let x = placed(&drawn, &id(to)).x;
            let before = last.insert(from, x);
            assert!(
                before.is_none_or(|before| before < x),
                "seed {seed}: {from} -> {to}"
            );
        }
    }
}

#[test]
fn the_largest_workflows_are_drawn() {
    let mut chance = Chance::new(3);
    for window in [30, 10_000] {
        let steps: Vec<_> = (0..10_000)
            .map(|at| json!({ "id": id(at), "kind": "join" }))
            .collect();
        let edges: Vec<_> = (0..20_000)
            .map(|at| {
                let to = 1 + at % 9_999;
                let from = to - 1 - chance.below(to.min(window));
                json!({ "from": id(from), "to": id(to) })
            })
            .collect();
        let document = json!({ "name": "Large", "steps": steps, "edges": edges });
        let drawn = picture(document);
        assert_eq!((drawn.steps.len(), drawn.edges.len()), (10_000, 20_000));
        assert!(drawn.width < i32::MAX && drawn.height < i32::MAX);
    }
}

/// Draws it, and holds the picture to everything.
fn check(graph: &Graph, sizes: &Sizes, case: &str) -> Picture {
    let drawn = layout(graph, sizes);
    assert_eq!(
        drawn,
        layout(graph, sizes),
        "{case}: two pictures of one graph"
    );
    let boxes: BTreeMap<&StepId, &Placed> =
        drawn.steps.iter().map(|step| (&step.step, step)).collect();
    let mut routes = drawn.edges.iter();
    for body in &graph.bodies {
        let room = body
            .holder
            .as_ref()
            .map_or((0, 0, drawn.width, drawn.height), |holder| {
                borders(boxes[holder])
            });
        let inside: Vec<&Placed> = body.nodes.iter().map(|node| boxes[&node.id]).collect();
        for (at, step) in inside.iter().enumerate() {
            let (left, top, right, bottom) = borders(step);
            let fits = left >= room.0 && top >= room.1 && right <= room.2 && bottom <= room.3;
            assert!(fits, "{case}: {step:?} leaves {room:?}");
            for other in &inside[at + 1..] {
                let (l, t, r, b) = borders(other);
                let apart = right <= l || r <= left || bottom <= t || b <= top;
                assert!(apart, "{case}: {step:?} lies over {other:?}");
            }
        }
        for link in &body.links {
            let route = routes.next().expect("a route for every edge");
            assert_eq!(
                (&route.inside, route.position),
                (&body.holder, link.position)
            );
            check_route(route, inside[link.from], inside[link.to], case);
            for point in &route.points {
                let fits = point.x >= room.0
                    && point.y >= room.1
                    && point.x <= room.2
                    && point.y <= room.3;
                assert!(fits, "{case}: {route:?} leaves {room:?}");
            }
            for (pair, step) in route
                .points
                .windows(2)
                .flat_map(|pair| inside.iter().map(move |step| (pair, step)))
            {
                assert!(
                    !passes_through(pair[0], pair[1], step),
                    "{case}: {route:?} passes through {step:?}"
                );
            }
        }
    }
    assert!(routes.next().is_none());
    drawn
}

fn check_route(route: &Route, from: &Placed, to: &Placed, case: &str) {
    let is_loop = from.step == to.step;
    let [first, .., last] = route.points[..] else {
        panic!("{case}: {route:?} has no length");
    };
    let (start, end) = (borders(from), borders(to));
    assert!(
        on_border(first, start) && on_border(last, end),
        "{case}: {route:?} from {from:?} to {to:?}"
    );
    let (upper, lower) = if route.backwards {
        (end, start)
    } else {
        (start, end)
    };
    assert!(
        is_loop || upper.3 < lower.1,
        "{case}: {route:?} does not go its way"
    );
    assert!(!is_loop || route.backwards);
    let goes_down = route.points.windows(2).all(|pair| pair[0].y <= pair[1].y);
    assert!(
        route.backwards || goes_down,
        "{case}: {route:?} turns upwards"
    );
}

/// Left, top, right, bottom.
fn borders(step: &Placed) -> (i32, i32, i32, i32) {
    (step.x, step.y, step.x + step.width, step.y + step.height)
}

fn on_border(point: Point, (left, top, right, bottom): (i32, i32, i32, i32)) -> bool {
    let within = (left..=right).contains(&point.x) && (top..=bottom).contains(&point.y);
    within && (point.x == left || point.x == right || point.y == top || point.y == bottom)
}

/// Through the inside: the step reaches over the segment's extent and has corners on both sides of its line.
fn passes_through(from: Point, to: Point, step: &Placed) -> bool {
    let (left, top, right, bottom) = borders(step);
    let reaches = from.x.min(to.x) < right
        && from.x.max(to.x) > left
        && from.y.min(to.y) < bottom
        && from.y.max(to.y) > top;
    let side = |x: i32, y: i32| {
        let (across, down) = (i64::from(to.x - from.x), i64::from(to.y - from.y));
        (across * i64::from(y - from.y) - down * i64::from(x - from.x)).signum()
    };
    let sides = [
        side(left, top),
        side(right, top),
        side(left, bottom),
        side(right, bottom),
    ];
    reaches && sides.contains(&1) && sides.contains(&-1)
}
