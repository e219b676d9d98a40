//! Who has borrowed a room from whom: each holder lends its room to one at a time.

use std::collections::BTreeMap;

use super::Asker;

/// By the room's key.
#[derive(Default)]
pub(super) struct Loans(BTreeMap<String, OfRoom>);

#[derive(Default)]
struct OfRoom {
    borrowers: BTreeMap<Asker, Asker>,
    lenders: BTreeMap<Asker, Asker>,
}

impl Loans {
    pub(super) fn count(&self, key: &str) -> usize {
        self.0.get(key).map_or(0, |room| room.borrowers.len())
    }

    pub(super) fn has_lent(&self, key: &str, asker: &Asker) -> bool {
        let room = self.0.get(key);
        room.is_some_and(|room| room.borrowers.contains_key(asker))
    }

    pub(super) fn lend(&mut self, key: &str, lender: Asker, borrower: Asker) {
        let room = self.0.entry(key.to_owned()).or_default();
        room.lenders.insert(borrower.clone(), lender.clone());
        room.borrowers.insert(lender, borrower);
    }

    /// What the asker had borrowed goes to whom it had lent it to, who may be there a little longer: until then nobody
    /// else below the first lender gets it.
    pub(super) fn pass_on(&mut self, key: &str, asker: &Asker) {
        let Some(room) = self.0.get_mut(key) else {
            return;
        };
        let borrower = room.borrowers.remove(asker);
        let lender = room.lenders.remove(asker);
        match (lender, borrower) {
            (Some(lender), Some(borrower)) => {
                room.lenders.insert(borrower.clone(), lender.clone());
                room.borrowers.insert(lender, borrower);
            }
            (Some(lender), None) => {
                room.borrowers.remove(&lender);
            }
            (None, Some(borrower)) => {
                room.lenders.remove(&borrower);
            }
            (None, None) => {}
        }
        if room.borrowers.is_empty() {
            self.0.remove(key);
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
