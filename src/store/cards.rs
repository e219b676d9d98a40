//! Which version a name stands for, remembered: it is asked for each start of a run, and changes when somebody saves a
//! workflow. Only the process that holds the claim on the database saves any, so it knows when to forget.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::VersionCard;

/// Names remembered; past this all are forgotten.
const CARDS_MAX: usize = 10_000;

#[derive(Default)]
pub(super) struct Cards(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// By slug or id, and number.
    cards: BTreeMap<(String, Option<u32>), VersionCard>,
    /// How often everything has been forgotten.
    forgotten: u64,
    /// The last save may still take effect.
    doubtful: bool,
}

/// When a question was put to the database: its answer counts if nothing has been forgotten since.
#[derive(Clone, Copy)]
pub(super) struct Asked(u64);

impl Cards {
    pub(super) fn get(&self, slug_or_id: &str, number: Option<u32>) -> Result<VersionCard, Asked> {
        let known = self.lock();
        let key = (slug_or_id.to_owned(), number);
        known.cards.get(&key).cloned().ok_or(Asked(known.forgotten))
    }

    pub(super) fn keep(
        &self,
        asked: Asked,
        slug_or_id: &str,
        number: Option<u32>,
        card: &VersionCard,
    ) {
        let mut known = self.lock();
        if known.forgotten != asked.0 || known.doubtful {
            return;
        }
        if known.cards.len() >= CARDS_MAX {
            known.cards.clear();
        }
        known
            .cards
            .insert((slug_or_id.to_owned(), number), card.clone());
    }

    /// Called after a version has been stored, and before anybody is told so. When it is not certain whether it is
    /// stored, it may still come to be: then nothing is kept before the next one that is.
    pub(super) fn forget(&self, certain: bool) {
        let mut known = self.lock();
        known.cards.clear();
        known.forgotten += 1;
        known.doubtful = !certain;
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(number: u32) -> VersionCard {
        VersionCard {
            workflow_id: "w".into(),
            version_id: format!("v{number}").as_str().into(),
            slug: "w".to_owned(),
            name: "W".to_owned(),
            number,
            deleted: false,
        }
    }

    #[test]
    fn an_answer_that_was_on_its_way_while_a_version_was_saved_is_not_kept() {
        let cards = Cards::default();
        let asked = cards.get("w", None).expect_err("nothing is known yet");
        cards.keep(asked, "w", None, &card(1));
        assert_eq!(cards.get("w", None).ok(), Some(card(1)));
        cards.forget(true);
        cards.keep(asked, "w", None, &card(1));
        let asked = cards.get("w", None).expect_err("forgotten");
        cards.keep(asked, "w", None, &card(2));
        assert_eq!(cards.get("w", None).ok(), Some(card(2)));
    }

    #[test]
    fn nothing_is_kept_while_a_save_may_still_take_effect() {
        let cards = Cards::default();
        cards.forget(false);
        let asked = cards.get("w", None).expect_err("nothing is known");
        cards.keep(asked, "w", None, &card(1));
        let asked = cards.get("w", None).expect_err("nothing is kept");
        cards.forget(true);
        cards.keep(asked, "w", None, &card(1));
        let asked = cards.get("w", None).expect_err("asked before");
        cards.keep(asked, "w", None, &card(2));
        assert_eq!(cards.get("w", None).ok(), Some(card(2)));
    }
}
