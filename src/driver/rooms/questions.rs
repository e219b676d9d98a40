//! What one run asks for. Ten thousand steps that ask for the same rooms are one line: only its first is looked at.

use std::collections::BTreeMap;

use crate::engine::ids::StepPath;

/// Key and bound of each room; all of them or none.
pub(super) type Wanted = Vec<(String, usize)>;

/// The run itself, or one of its steps.
type Who = Option<StepPath>;

#[derive(Default)]
pub(super) struct Questions {
    /// By what is wanted, those who want it by the number of the question.
    lines: BTreeMap<Wanted, BTreeMap<u64, Who>>,
    asked: BTreeMap<Who, (u64, Wanted)>,
    last: u64,
}

impl Questions {
    /// Asking again changes nothing.
    pub(super) fn ask(&mut self, who: Who, wanted: Wanted) {
        if self.asked.contains_key(&who) {
            return;
        }
        self.last += 1;
        let line = self.lines.entry(wanted.clone()).or_default();
        line.insert(self.last, who.clone());
        self.asked.insert(who, (self.last, wanted));
    }

    /// Whether there was such a question.
    pub(super) fn withdraw(&mut self, who: &Who) -> bool {
        let Some((number, wanted)) = self.asked.remove(who) else {
            return false;
        };
        if let Some(line) = self.lines.get_mut(&wanted) {
            line.remove(&number);
            if line.is_empty() {
                self.lines.remove(&wanted);
            }
        }
        true
    }

    /// Takes out the oldest question that can be answered.
    pub(super) fn take_first(
        &mut self,
        may_have: impl Fn(&(String, usize)) -> bool,
    ) -> Option<(Who, Wanted)> {
        let lines = self.lines.iter();
        let first = lines
            .filter(|(wanted, _)| wanted.iter().all(&may_have))
            .filter_map(|(wanted, line)| Some((line.first_key_value()?, wanted)));
        let ((_, who), wanted) = first.min_by_key(|((number, _), _)| **number)?;
        let (who, wanted) = (who.clone(), wanted.clone());
        self.withdraw(&who);
        Some((who, wanted))
    }

    pub(super) fn askers(&self) -> impl Iterator<Item = &Who> {
        self.asked.keys()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }
}
