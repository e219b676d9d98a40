//! Random drafts, most of them broken: circles, edges to nowhere and to themselves, ids that are there twice, empty
//! boxes, boxes in boxes.

use serde_json::{Value, json};

use crate::engine::layout::Sizes;
use crate::engine::properties::chance::Chance;

/// How deep boxes nest here.
const DEPTH_MAX: usize = 3;

pub(super) struct Drawing<'a> {
    pub chance: &'a mut Chance,
    made: usize,
}

impl<'a> Drawing<'a> {
    pub(super) fn new(chance: &'a mut Chance) -> Self {
        Self { chance, made: 0 }
    }

    pub(super) fn draft(&mut self) -> Value {
        let steps = self.chance.below(14);
        let mut document = self.body(steps, 0);
        document["name"] = json!("Random");
        document
    }

    fn body(&mut self, count: usize, depth: usize) -> Value {
        let first = self.made;
        self.made += count;
        let steps: Vec<Value> = (first..first + count)
            .map(|at| self.step(at, depth))
            .collect();
        let dense = 1 + self.chance.below(3);
        let broken = self.chance.percent(50);
        let edges: Vec<Value> = (0..count * dense / 2)
            .map(|_| {
                let (one, other) = (self.chance.below(count), self.chance.below(count));
                let (from, to) = if broken {
                    (one, other)
                } else {
                    (one.min(other), one.max(other))
                };
                let beyond = if broken && self.chance.percent(5) {
                    self.chance.below(50)
                } else {
                    0
                };
                let mut edge = json!({ "from": id(first + from), "to": id(first + to + beyond) });
                if self.chance.percent(20) {
                    edge["when"] = json!("true");
                }
                if self.chance.percent(5) {
                    edge["on"] = json!("rejected");
                }
                edge
            })
            .collect();
        json!({ "steps": steps, "edges": edges })
    }

    fn step(&mut self, at: usize, depth: usize) -> Value {
        let at = if self.chance.percent(3) {
            self.chance.below(at + 1)
        } else {
            at
        };
        let mut step = json!({ "id": id(at), "kind": "join" });
        if self.chance.percent(12) {
            step["kind"] = json!("map");
            if depth < DEPTH_MAX && self.chance.percent(80) {
                let count = self.chance.below(7);
                step["body"] = self.body(count, depth + 1);
            }
        }
        if self.chance.percent(8) {
            step["approval"] = json!({});
        }
        step
    }

    pub(super) fn sizes(&mut self) -> Sizes {
        let mut size = || match self.chance.below(12) {
            0 => i32::MIN,
            1 => 0,
            2 => 1,
            3 => i32::MAX,
            _ => i32::try_from(self.chance.below(300)).unwrap_or_default(),
        };
        Sizes {
            step_width: size(),
            step_height: size(),
            column_gap: size(),
            row_gap: size(),
            padding: size(),
            heading: size(),
        }
    }
}

pub(super) fn id(at: usize) -> String {
    format!("s{at}")
}
