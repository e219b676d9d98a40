//! The steps and ways of a draft as they are drawn.

use std::collections::BTreeMap;

use super::super::editor::{EdgeAt, Selected, place_of};
use super::super::words::{name_of, what_of};
use crate::engine::caption::caption;
use crate::engine::ids::StepId;
use crate::engine::layout::{Placed, Point, Route, SIZES};
use crate::engine::workflow::{Step, Workflow};
use crate::workbench::Checked;

/// Characters of a name that fit into a box.
const NAME_CHARS: usize = 23;
/// In px: the box of a step that holds no others.
const HEADING_HEIGHT: i32 = SIZES.step_height;

/// All that is drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Drawn {
    pub width: i32,
    pub height: i32,
    pub steps: Vec<DrawnStep>,
    pub ways: Vec<DrawnWay>,
}

/// A step as it is drawn. Drawn anew only when one of these changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct DrawnStep {
    pub id: StepId,
    pub x: i32,
    pub y: i32,
    pub width: i32,
    pub height: i32,
    pub depth: u32,
    pub name: String,
    pub what: String,
    pub guarded: bool,
    pub findings: usize,
}

/// A way as it is drawn.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct DrawnWay {
    pub at: EdgeAt,
    pub points: Vec<(i32, i32)>,
    pub label: String,
    pub backwards: bool,
    pub wrong: bool,
}

impl Drawn {
    pub fn new(draft: &Workflow, checked: &Checked) -> Self {
        let mut wrong: BTreeMap<&str, usize> = BTreeMap::new();
        let mut wrong_ways: Vec<EdgeAt> = Vec::new();
        for finding in &checked.findings {
            match place_of(finding) {
                Selected::Edge(at) => wrong_ways.push(at),
                Selected::Step(_) => {
                    if let Some(step) = &finding.step {
                        *wrong.entry(step.as_str()).or_default() += 1;
                    }
                }
                Selected::Workflow => {}
            }
        }
        let mut steps: BTreeMap<&str, &Step> = BTreeMap::new();
        let mut open: Vec<&Step> = draft.steps.iter().rev().collect();
        while let Some(step) = open.pop() {
            steps.entry(step.id.as_str()).or_insert(step);
            open.extend(step.body.iter().flat_map(|body| body.steps.iter().rev()));
        }
        let placed = checked.picture.steps.iter();
        let ways = checked.picture.edges.iter();
        Self {
            width: checked.picture.width,
            height: checked.picture.height,
            steps: placed
                .filter_map(|placed| {
                    let step = steps.get(placed.step.as_str())?;
                    let wrong = wrong.get(placed.step.as_str());
                    Some(drawn_step(placed, step, wrong.copied().unwrap_or(0)))
                })
                .collect(),
            ways: ways
                .filter_map(|route| drawn_way(draft, &steps, route, &wrong_ways))
                .collect(),
        }
    }

    pub fn step(&self, id: &StepId) -> Option<&DrawnStep> {
        self.steps.iter().find(|step| step.id == *id)
    }
}

impl DrawnStep {
    /// Where ways leave it.
    pub fn port(&self) -> (i32, i32) {
        (self.x + self.width / 2, self.y + self.height)
    }

    /// Two corners of what has to be seen of it: all of a box, and of one that holds others its name.
    pub fn heading(&self) -> ((f64, f64), (f64, f64)) {
        let (left, top) = (f64::from(self.x), f64::from(self.y));
        let height = f64::from(self.height.min(HEADING_HEIGHT));
        ((left, top), (left + f64::from(self.width), top + height))
    }

    /// Its outline, as a path.
    pub fn outline(&self) -> String {
        let Self {
            x,
            y,
            width,
            height,
            ..
        } = self;
        format!("M{x} {y}h{width}v{height}h-{width}z")
    }
}

impl DrawnWay {
    pub fn path(&self) -> String {
        let mut path = String::new();
        for (number, (x, y)) in self.points.iter().enumerate() {
            path.push_str(&format!("{}{x} {y}", if number == 0 { "M" } else { "L" }));
        }
        path
    }

    pub fn label_at(&self) -> (i32, i32) {
        let middle = self.points.len() / 2;
        let at = |position: usize| self.points.get(position).copied().unwrap_or_default();
        let (before, after) = (at(middle.saturating_sub(1)), at(middle));
        ((before.0 + after.0) / 2, (before.1 + after.1) / 2)
    }

    pub fn extent(&self) -> Vec<Point> {
        let points = self.points.iter();
        points.map(|(x, y)| Point { x: *x, y: *y }).collect()
    }
}

fn drawn_step(placed: &Placed, step: &Step, findings: usize) -> DrawnStep {
    DrawnStep {
        id: placed.step.clone(),
        x: placed.x,
        y: placed.y,
        width: placed.width,
        height: placed.height,
        depth: placed.depth,
        name: name_of(step),
        what: what_of(step),
        guarded: step.approval.is_some(),
        findings,
    }
}

fn drawn_way(
    draft: &Workflow,
    steps: &BTreeMap<&str, &Step>,
    route: &Route,
    wrong: &[EdgeAt],
) -> Option<DrawnWay> {
    let at = EdgeAt {
        inside: route.inside.clone(),
        position: usize::try_from(route.position?).ok()?,
    };
    let edges = match &at.inside {
        None => &draft.edges,
        Some(holder) => &steps.get(holder.as_str())?.body.as_ref()?.edges,
    };
    let edge = edges.get(at.position)?;
    Some(DrawnWay {
        label: shortened(caption(
            edge.from.as_str(),
            edge.label.as_deref(),
            edge.on,
            edge.default,
            edge.when.as_deref(),
        )),
        points: route
            .points
            .iter()
            .map(|point| (point.x, point.y))
            .collect(),
        backwards: route.backwards,
        wrong: wrong.contains(&at),
        at,
    })
}

pub(super) fn shortened(text: &str) -> String {
    if text.chars().count() <= NAME_CHARS {
        return text.to_owned();
    }
    text.chars().take(NAME_CHARS - 1).chain(['…']).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::engine::edit::{self, new_step};
    use crate::engine::tool::Catalogue;
    use crate::engine::workflow::StepKind;
    use crate::workbench::{Answer, Ask, Bench};
    use serde_json::json;

    pub fn draft() -> Workflow {
        let noop = |id: &str| json!({ "id": id, "kind": "tool_call", "tool": "util.noop" });
        serde_json::from_value(json!({
            "name": "Picture",
            "steps": [
                noop("a"),
                { "id": "each", "kind": "map", "body": { "steps": [noop("b"), noop("c")], "edges": [{ "from": "b", "to": "c" }] } },
            ],
            "edges": [{ "from": "a", "to": "each", "when": "true", "label": "on" }],
        }))
        .expect("a workflow")
    }

    pub fn drawn(workflow: &Workflow) -> Drawn {
        let mut bench = Bench::default();
        bench.answer(Ask::Tools {
            catalogue: Catalogue::default(),
        });
        let workflow = Box::new(workflow.clone());
        let answer = bench.answer(Ask::Check {
            revision: 1,
            workflow: workflow.clone(),
        });
        let Answer::Checked(checked) = answer else {
            panic!("{answer:?}");
        };
        Drawn::new(&workflow, &checked)
    }

    #[test]
    fn a_thousand_steps_are_drawn_at_once() {
        let steps = (0..1_000).map(|at| new_step_called(&format!("s{at}")));
        let mut draft = Workflow {
            steps: steps.collect(),
            ..Workflow::default()
        };
        for at in 1..1_000 {
            for from in [at - 1, at / 2] {
                let (from, to) = (
                    format!("s{from}").as_str().into(),
                    format!("s{at}").as_str().into(),
                );
                // Some are there already.
                let _ = edit::connect(&mut draft, &from, &to);
            }
        }
        let drawn = drawn(&draft);
        assert_eq!(
            (drawn.steps.len(), drawn.ways.len()),
            (1_000, draft.edges.len())
        );
    }

    fn new_step_called(id: &str) -> Step {
        Step {
            id: id.into(),
            ..new_step(StepKind::Parallel, None)
        }
    }
}
