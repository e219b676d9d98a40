//! What is offered as it is typed: names in an expression, and what is upstream.

use leptos::prelude::*;
use std::sync::Arc;

use super::editor::Editor;
use super::suggesting::Offers;
use crate::engine::completion::{Completion, OFFERS_MAX, Offer, complete};
use crate::engine::upstream::{Look, Reader, Upstream, fits};

/// Of an expression, for who reads there.
pub(super) fn in_expression(editor: Editor, reader: Reader) -> Offers {
    Arc::new(move |text, caret| {
        upstream(editor, &reader, |upstream| complete(upstream, text, caret))
    })
}

/// Whole paths, what fits first.
pub(super) fn of_names(editor: Editor, reader: Reader, wanted: &'static str) -> Offers {
    Arc::new(move |text, caret| {
        let typed = text.get(..caret).unwrap_or(text);
        let mut offers = upstream(editor, &reader, |upstream| {
            names(upstream, typed.trim().trim_start_matches('$'))
        });
        offers.retain(|offer| offer.text != text);
        offers.sort_by_key(|offer| !fits(wanted, &offer.kind));
        Completion {
            start: 0,
            end: text.len(),
            offers,
        }
    })
}

/// One path or one expression a line, as a gate shows them.
pub(super) fn in_lines(editor: Editor, reader: Reader) -> Offers {
    Arc::new(move |text, caret| {
        let before = text.get(..caret).unwrap_or(text);
        let begin = before.rfind('\n').map_or(0, |at| at + 1);
        let end = text[begin..]
            .find('\n')
            .map_or(text.len(), |length| begin + length);
        let line = &text[begin..end];
        upstream(editor, &reader, |upstream| match line.strip_prefix('=') {
            Some(source) => {
                let begin = begin + 1;
                let found = complete(upstream, source, caret.saturating_sub(begin));
                Completion {
                    start: begin + found.start,
                    end: begin + found.end,
                    ..found
                }
            }
            None => {
                let typed = text[begin..caret.max(begin)].trim_start_matches('$');
                let mut offers = names(upstream, typed);
                offers.retain(|offer| offer.text != line);
                Completion {
                    start: begin,
                    end,
                    offers,
                }
            }
        })
    })
}

/// What is known of the value at a path.
pub(super) fn look(editor: Editor, reader: &Reader, path: &str) -> Option<Look> {
    editor.document.with(|draft| {
        editor
            .catalogue
            .with_value(|catalogue| Upstream::new(draft, catalogue, reader).look(path))
    })
}

fn names(upstream: &Upstream<'_>, typed: &str) -> Vec<Offer> {
    let found = upstream.names(typed, OFFERS_MAX).into_iter();
    found
        .map(|name| Offer {
            caret: name.path.len(),
            text: name.path,
            says: name.from,
            kind: name.kind,
        })
        .collect()
}

fn upstream<T>(editor: Editor, reader: &Reader, ask: impl FnOnce(&Upstream<'_>) -> T) -> T {
    editor.document.with_untracked(|draft| {
        editor
            .catalogue
            .with_value(|catalogue| ask(&Upstream::new(draft, catalogue, reader)))
    })
}
