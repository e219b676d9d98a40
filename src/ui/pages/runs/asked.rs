//! What the list shows stands in its address, so that it can be kept, sent and gone back to.

use crate::engine::listing::{Asked, pairs};
use crate::engine::state::RunStatus;
use crate::ui::theme;

/// Whether runs of the list are chosen, to do something with several of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Choosing {
    #[default]
    No,
    /// None is chosen beforehand.
    Some,
    /// All of the page are chosen beforehand.
    All,
}

/// The list as its address has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub asked: Asked,
    pub choosing: Choosing,
}

impl Place {
    /// Of the query of an address, without its `?`.
    pub fn of(query: &str) -> Self {
        let choosing = pairs(query).find(|(name, _)| name == "select");
        Self {
            asked: Asked::of_query(query),
            choosing: match choosing.as_ref().map(|(_, text)| text.as_str()) {
                None => Choosing::No,
                Some("all") => Choosing::All,
                Some(_) => Choosing::Some,
            },
        }
    }

    pub fn href(&self) -> String {
        let select = match self.choosing {
            Choosing::No => "",
            Choosing::Some => "select",
            Choosing::All => "select=all",
        };
        let query = self.asked.query();
        match (query.as_str(), select) {
            ("", "") => "/runs".to_owned(),
            (query, "") => format!("/runs?{query}"),
            ("", select) => format!("/runs?{select}"),
            (query, select) => format!("/runs?{query}&{select}"),
        }
    }

    /// Other runs, chosen from in the same way.
    pub fn with(&self, asked: Asked) -> Self {
        let choosing = match self.choosing {
            Choosing::No => Choosing::No,
            Choosing::Some | Choosing::All => Choosing::Some,
        };
        Self { asked, choosing }
    }

    pub fn choosing(&self, choosing: Choosing) -> Self {
        Self {
            asked: self.asked.clone(),
            choosing,
        }
    }
}

/// One of the things that the list is narrowed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chip {
    /// Such as `Tag: ops`.
    pub says: String,
    /// The list without it.
    pub without: Asked,
}

/// A field as people call it, and where it is.
type NamedField = (&'static str, fn(&mut Asked) -> &mut String);

/// Everything that narrows the list, in the order of the form.
pub fn chips(asked: &Asked) -> Vec<Chip> {
    let whole = asked.clone().first_page();
    let states = whole.status.iter().map(|word| {
        let mut without = whole.clone();
        without.status.retain(|other| other != word);
        let says = format!("State: {}", state_word(word));
        Chip { says, without }
    });
    let named: [NamedField; 7] = [
        ("Input", |asked| &mut asked.q),
        ("Workflow", |asked| &mut asked.workflow),
        ("Version", |asked| &mut asked.version),
        ("Tag", |asked| &mut asked.tag),
        ("Started by", |asked| &mut asked.started_by),
        ("From", |asked| &mut asked.from),
        ("Until", |asked| &mut asked.until),
    ];
    let fields = named.into_iter().filter_map(|(name, field)| {
        let mut without = whole.clone();
        let text = std::mem::take(field(&mut without));
        let says = format!("{name}: {text}");
        (!text.is_empty()).then_some(Chip { says, without })
    });
    states.chain(fields).collect()
}

/// As it is said everywhere; what is no state, as it was typed.
fn state_word(word: &str) -> &str {
    match word.parse::<RunStatus>() {
        Ok(state) => theme::of_run(state, false).word,
        Err(_) => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_what_is_shown_and_whether_runs_are_chosen() {
        for address in [
            "/runs",
            "/runs?select",
            "/runs?select=all",
            "/runs?status=failed&q=50%25%20%C3%BC",
            "/runs?tag=ops&older=12.id&select",
        ] {
            let query = address.split_once('?').map_or("", |(_, query)| query);
            assert_eq!(Place::of(query).href(), address);
        }
        let all = Place::of("tag=a&select=all");
        assert_eq!(all.with(Asked::default()).href(), "/runs?select");
        assert_eq!(all.choosing(Choosing::No).href(), "/runs?tag=a");
    }

    #[test]
    fn each_thing_that_narrows_the_list_can_be_taken_away_alone() {
        let asked = Asked::of_query("status=failed&status=odd&tag=ops&q=a+b&older=12.id");
        let told: Vec<(String, String)> = chips(&asked)
            .into_iter()
            .map(|chip| (chip.says, chip.without.query()))
            .collect();
        let told: Vec<(&str, &str)> = told
            .iter()
            .map(|(says, query)| (says.as_str(), query.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("State: Failed", "status=odd&tag=ops&q=a%20b"),
                ("State: odd", "status=failed&tag=ops&q=a%20b"),
                ("Input: a b", "status=failed&status=odd&tag=ops"),
                ("Tag: ops", "status=failed&status=odd&q=a%20b"),
            ]
        );
        assert!(chips(&Asked::of_query("newer=12.id")).is_empty());
    }
}
