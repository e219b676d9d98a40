//! What is at a place of the picture, and a new step that is put there.

use super::super::editor::{EdgeAt, edge_of};
use super::drawn::{Drawn, DrawnStep, DrawnWay};
use crate::engine::edit;
use crate::engine::ids::StepId;
use crate::engine::workflow::{Step, Workflow};

/// How near to a line is on it, and to a port, in px of the picture.
const LINE_REACH: f64 = 8.0;
const PORT_REACH: f64 = 10.0;

/// What is at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hit {
    Ground,
    Step(StepId),
    /// Where a way from this step begins.
    Port(StepId),
    Way(EdgeAt),
}

impl Drawn {
    /// The innermost at this place: a port before a step, a step before a way.
    pub fn hit(&self, x: f64, y: f64) -> Hit {
        let on_port = |step: &&DrawnStep| {
            let (port_x, port_y) = step.port();
            (x - f64::from(port_x)).hypot(y - f64::from(port_y)) <= PORT_REACH
        };
        if let Some(step) = self
            .steps
            .iter()
            .filter(on_port)
            .max_by_key(|step| step.depth)
        {
            return Hit::Port(step.id.clone());
        }
        let inside = self.steps.iter().filter(|step| step.holds(x, y));
        let step = inside.max_by_key(|step| step.depth);
        // A way inside a map or loop lies on the box of that step.
        if let Some(step) = step.filter(|step| !self.holds_others(step)) {
            return Hit::Step(step.id.clone());
        }
        let near = |way: &&DrawnWay| way.distance(x, y) <= LINE_REACH;
        match (self.ways.iter().find(near), step) {
            (Some(way), _) => Hit::Way(way.at.clone()),
            (None, Some(step)) => Hit::Step(step.id.clone()),
            (None, None) => Hit::Ground,
        }
    }

    fn holds_others(&self, outer: &DrawnStep) -> bool {
        let deeper = |step: &DrawnStep| {
            step.depth > outer.depth && outer.holds(f64::from(step.x), f64::from(step.y))
        };
        self.steps.iter().any(deeper)
    }
}

impl DrawnStep {
    pub fn holds(&self, x: f64, y: f64) -> bool {
        let (left, top) = (f64::from(self.x), f64::from(self.y));
        (left..=left + f64::from(self.width)).contains(&x)
            && (top..=top + f64::from(self.height)).contains(&y)
    }
}

impl DrawnWay {
    fn distance(&self, x: f64, y: f64) -> f64 {
        let lines = self.points.windows(2);
        let far = lines.map(|line| distance((x, y), line[0], line[1]));
        far.fold(f64::INFINITY, f64::min)
    }
}

/// From a place to the nearest one of a line.
fn distance(place: (f64, f64), from: (i32, i32), to: (i32, i32)) -> f64 {
    let (from_x, from_y) = (f64::from(from.0), f64::from(from.1));
    let (wide, high) = (f64::from(to.0) - from_x, f64::from(to.1) - from_y);
    let length = wide * wide + high * high;
    let along = if length == 0.0 {
        0.0
    } else {
        (((place.0 - from_x) * wide + (place.1 - from_y) * high) / length).clamp(0.0, 1.0)
    };
    (place.0 - from_x - along * wide).hypot(place.1 - from_y - along * high)
}

/// Puts a new step on a way: the way leads to it with all it has, and another one leads on.
pub(super) fn insert_on(draft: &mut Workflow, step: Step, at: &EdgeAt) -> Option<StepId> {
    let edge = edge_of(draft, at)?.clone();
    let id = edit::add_step(draft, step, &edit::Place::Beside(edge.from));
    let (steps, edges) = edit::level_mut(draft, at.inside.as_ref())?;
    // The way that it was added with says what its beginning wanted.
    edges.retain(|added| added.to != id);
    edges.get_mut(at.position)?.to = id.clone();
    let onward = edit::new_way(steps, edges, &id, &edge.to);
    edges.push(onward);
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::super::drawn::tests::{draft, drawn};
    use super::*;
    use crate::engine::edit::new_step;
    use crate::engine::workflow::StepKind;
    use serde_json::json;

    #[test]
    fn what_is_at_a_place_is_the_innermost() {
        let drawn = drawn(&draft());
        let middle = |id: &str| {
            let step = drawn.step(&id.into()).expect("it is drawn");
            (f64::from(step.x + 20), f64::from(step.y + 20))
        };
        for id in ["a", "b", "c", "each"] {
            let (x, y) = middle(id);
            assert_eq!(drawn.hit(x, y), Hit::Step(id.into()), "{id}");
        }
        let (x, y) = drawn.step(&"a".into()).expect("it is drawn").port();
        assert_eq!(drawn.hit(f64::from(x), f64::from(y)), Hit::Port("a".into()));
        assert_eq!(drawn.hit(-50.0, -50.0), Hit::Ground);
        for way in &drawn.ways {
            let (from, to) = (way.points[0], way.points[1]);
            let half = |a: i32, b: i32| f64::from(a + b) / 2.0;
            let hit = drawn.hit(half(from.0, to.0) + 3.0, half(from.1, to.1));
            assert_eq!(hit, Hit::Way(way.at.clone()));
        }
        assert_eq!(drawn.ways.len(), 2);
        assert_eq!(drawn.steps[0].findings, 1, "there is no such tool");
    }

    #[test]
    fn a_way_of_a_condition_stays_what_it_is_and_a_plain_one_leads_on() {
        let steps = json!([
            { "id": "green", "kind": "condition", "expression": "true" },
            { "id": "a", "kind": "wait", "for_ms": 1 },
        ]);
        for way in [
            json!({ "from": "green", "to": "a", "when": "green.result == true" }),
            json!({ "from": "green", "to": "a", "default": true }),
        ] {
            let draft = json!({ "name": "W", "steps": steps, "edges": [way] });
            let mut draft: Workflow = serde_json::from_value(draft).expect("a workflow");
            let before = draft.edges[0].clone();
            let at = EdgeAt {
                inside: None,
                position: 0,
            };
            let id = insert_on(&mut draft, new_step(StepKind::HumanGate, None), &at);
            let id = id.expect("it is there");
            let [to_it, on] = draft.edges.as_slice() else {
                panic!("{:?}", draft.edges);
            };
            assert_eq!(
                (&to_it.when, to_it.default, &to_it.to),
                (&before.when, before.default, &id)
            );
            assert_eq!((&on.when, on.default, &on.from), (&None, false, &id));
        }
    }

    #[test]
    fn a_step_is_put_on_a_way_that_keeps_its_condition() {
        let mut draft = draft();
        let at = EdgeAt {
            inside: None,
            position: 0,
        };
        let id = insert_on(&mut draft, new_step(StepKind::HumanGate, None), &at);
        assert_eq!(id, Some("ask".into()));
        let ways: Vec<String> = draft
            .edges
            .iter()
            .map(|edge| format!("{}>{} {:?}", edge.from, edge.to, edge.when))
            .collect();
        assert_eq!(ways, ["a>ask Some(\"true\")", "ask>each None"]);
        let inner = EdgeAt {
            inside: Some("each".into()),
            position: 0,
        };
        let id =
            insert_on(&mut draft, new_step(StepKind::Wait, None), &inner).expect("it is there");
        let (steps, edges) = edit::level(&draft, Some(&"each".into())).expect("a body");
        assert_eq!((steps.len(), edges.len()), (3, 2));
        assert_eq!(
            (edges[0].to.clone(), edges[1].from.clone()),
            (id.clone(), id)
        );
        let gone = EdgeAt {
            inside: None,
            position: 9,
        };
        assert_eq!(
            insert_on(&mut draft, new_step(StepKind::Wait, None), &gone),
            None
        );
    }
}
