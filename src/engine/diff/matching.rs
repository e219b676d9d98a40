//! Which step of the older version is which of the newer.

use serde_json::{Map, Value};

use super::fields_of;
use crate::engine::patch::apply_patch;
use crate::engine::places::Places;
use crate::engine::rename;
use crate::engine::workflow::Workflow;

/// More steps are not renamed at once; they went, and others came.
const RENAMED_MAX: usize = 40;
/// Of the fields of two steps with different ids, so many percent must be equal for them to be one step.
const ALIKE_PERCENT_MIN: usize = 60;
/// Renamed steps that read renamed steps that read …
const ROUNDS_MAX: usize = 12;

pub(super) struct Pairs {
    old_of: Vec<Option<usize>>,
    new_of: Vec<Option<usize>>,
}

impl Pairs {
    pub(super) fn of(workflow: &Workflow, old: &Places<'_>, new: &Places<'_>) -> Self {
        let mut pairs = Self {
            old_of: vec![None; new.steps().len()],
            new_of: vec![None; old.steps().len()],
        };
        for (at, placed) in new.steps().iter().enumerate() {
            let alike = old.all(placed.step.id.as_str());
            if let Some(&before) = alike.iter().find(|&&before| pairs.new_of[before].is_none()) {
                pairs.join(before, at);
            }
        }
        // What is known to be renamed makes those alike that read it.
        let mut percent_min = 100;
        for _ in 0..ROUNDS_MAX {
            let followed = pairs.follow_renames(workflow, old, new);
            if !pairs.join_renamed(&Places::new(&followed), new, percent_min) {
                if percent_min == ALIKE_PERCENT_MIN {
                    break;
                }
                percent_min = ALIKE_PERCENT_MIN;
            }
        }
        pairs
    }

    fn join(&mut self, old: usize, new: usize) {
        self.old_of[new] = Some(old);
        self.new_of[old] = Some(new);
    }

    /// Of the steps whose ids are only on one side, those that are alike. The most alike first, and of those the ones
    /// that stand in the same body.
    /// Answers whether there were any.
    fn join_renamed(&mut self, old: &Places<'_>, new: &Places<'_>, percent_min: usize) -> bool {
        let open = |taken: &[Option<usize>]| -> Vec<usize> {
            (0..taken.len()).filter(|&at| taken[at].is_none()).collect()
        };
        let (gone, came) = (open(&self.new_of), open(&self.old_of));
        if gone.len().min(came.len()) == 0 || gone.len().max(came.len()) > RENAMED_MAX {
            return false;
        }
        let fields = |places: &Places<'_>, at: usize| fields_of(places.steps()[at].step);
        let gone: Vec<(usize, Map<String, Value>)> =
            gone.into_iter().map(|at| (at, fields(old, at))).collect();
        let mut likely = Vec::new();
        for at in came {
            let now = fields(new, at);
            for (before, was) in &gone {
                let (a, b) = (&old.steps()[*before], &new.steps()[at]);
                let percent = alike_percent(was, &now);
                if a.step.kind == b.step.kind && percent >= percent_min {
                    let moved = a.owner.map(|owner| self.new_of[owner]) != b.owner.map(Some);
                    likely.push((100 - percent, moved, a.slot.abs_diff(b.slot), at, *before));
                }
            }
        }
        likely.sort_unstable();
        let found = !likely.is_empty();
        for (.., at, before) in likely {
            if self.old_of[at].is_none() && self.new_of[before].is_none() {
                self.join(before, at);
            }
        }
        found
    }

    pub(super) fn old_of(&self, new: usize) -> Option<usize> {
        self.old_of[new]
    }

    pub(super) fn new_of(&self, old: usize) -> Option<usize> {
        self.new_of[old]
    }

    /// Steps of the older version that are gone.
    pub(super) fn removed(&self) -> Vec<usize> {
        let all = 0..self.new_of.len();
        all.filter(|&at| self.new_of[at].is_none()).collect()
    }

    /// The older version with every step called as it is called now. Names may be swapped, so each goes by a name that
    /// nobody has in between.
    pub(super) fn follow_renames(
        &self,
        workflow: &Workflow,
        old: &Places<'_>,
        new: &Places<'_>,
    ) -> Workflow {
        let renamed: Vec<(usize, &str)> = (0..old.steps().len())
            .filter_map(|at| {
                let now = new.steps()[self.new_of[at]?].step.id.as_str();
                (old.steps()[at].step.id.as_str() != now).then_some((at, now))
            })
            .collect();
        let mut followed = workflow.clone();
        let passing: Vec<String> = (0..renamed.len())
            .map(|number| format!("renamed__{number}__"))
            .collect();
        let there = renamed
            .iter()
            .zip(&passing)
            .map(|((at, _), name)| (*at, name.as_str()));
        for (at, name) in there.chain(renamed.iter().copied()) {
            let places = Places::new(&followed);
            let operations = rename::operations(&followed, &places, at, name);
            followed = apply_patch(&followed, &operations)
                .expect("texts are replaced by texts in places that are there");
        }
        followed
    }
}

fn alike_percent(a: &Map<String, Value>, b: &Map<String, Value>) -> usize {
    let same = a
        .iter()
        .filter(|(name, value)| b.get(*name) == Some(value))
        .count();
    200 * same / (a.len() + b.len()).max(1)
}

pub(super) fn is_reordered(positions: impl Iterator<Item = usize>) -> bool {
    let mut last = None;
    for position in positions {
        if last.is_some_and(|last| position < last) {
            return true;
        }
        last = Some(position);
    }
    false
}
