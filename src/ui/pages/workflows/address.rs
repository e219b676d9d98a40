//! What the list shows stands in its address, so that it can be kept, sent and gone back to.

use leptos_router::params::ParamsMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::rpc::workflows::Wanted;

/// What stands for itself in an address, for those who read it.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

pub(in crate::ui::pages) fn wanted(query: &ParamsMap) -> Wanted {
    let word = |name: &str| query.get(name).unwrap_or_default();
    Wanted {
        filter: word("filter"),
        tag: word("tag"),
        q: word("q"),
        view: word("view"),
        after: word("after"),
        changed: word("changed"),
    }
}

pub(in crate::ui::pages) fn href(wanted: &Wanted) -> String {
    let Wanted {
        filter,
        tag,
        q,
        view,
        after,
        changed,
    } = wanted;
    let mut address = String::from("/workflows");
    for (name, word) in [
        ("filter", filter),
        ("tag", tag),
        ("q", q),
        ("view", view),
        ("after", after),
        ("changed", changed),
    ] {
        if !word.is_empty() {
            address.push(if address.contains('?') { '&' } else { '?' });
            address.push_str(name);
            address.push('=');
            address.extend(utf8_percent_encode(word, ESCAPED));
        }
    }
    address
}

/// The same page of the same list, with nothing to tell.
pub(super) fn here(wanted: &Wanted) -> String {
    href(&Wanted {
        changed: String::new(),
        ..wanted.clone()
    })
}

/// The first page of the same list, with nothing to tell.
pub(super) fn first_page(wanted: Wanted) -> Wanted {
    Wanted {
        after: String::new(),
        changed: String::new(),
        ..wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_what_is_asked_for_and_nothing_else() {
        assert_eq!(href(&Wanted::default()), "/workflows");
        let wanted = Wanted {
            filter: "mine".to_owned(),
            tag: "a & b".to_owned(),
            q: "50% \u{fc}".to_owned(),
            ..Wanted::default()
        };
        assert_eq!(
            href(&wanted),
            "/workflows?filter=mine&tag=a%20%26%20b&q=50%25%20%C3%BC"
        );
    }

    #[test]
    fn another_page_of_the_list_forgets_where_it_was_and_what_was_done() {
        let there = Wanted {
            q: "x".to_owned(),
            after: "id".to_owned(),
            changed: "slug".to_owned(),
            ..Wanted::default()
        };
        assert_eq!(href(&first_page(there)), "/workflows?q=x");
    }
}
