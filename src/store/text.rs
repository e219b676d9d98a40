//! Text as the columns hold it. PostgreSQL has no place for the character NUL in a text, and people's names, comments
//! and tools' messages may hold one. So it is written in two characters, in both databases alike: a row of the one is
//! a row of the other. JSON is not touched by this, for it escapes such characters itself.

use std::borrow::Cow;

/// U+001A, made by Unicode for what cannot be written.
const SUBSTITUTE: char = '\u{1a}';

/// As a column holds it.
pub(super) fn stored(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', SUBSTITUTE]) {
        return Cow::Borrowed(text);
    }
    let mut stored = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\0' => stored.extend([SUBSTITUTE, '0']),
            SUBSTITUTE => stored.extend([SUBSTITUTE, '1']),
            other => stored.push(other),
        }
    }
    Cow::Owned(stored)
}

/// As it was before it was stored.
pub(super) fn restored(stored: &str) -> Cow<'_, str> {
    if !stored.contains(SUBSTITUTE) {
        return Cow::Borrowed(stored);
    }
    let mut text = String::with_capacity(stored.len());
    let mut characters = stored.chars();
    while let Some(character) = characters.next() {
        match character {
            SUBSTITUTE => text.push(match characters.next() {
                Some('0') => '\0',
                // Nothing else is written behind it.
                Some(_) | None => SUBSTITUTE,
            }),
            other => text.push(other),
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back_and_none_is_stored_with_a_nul() {
        for text in [
            "",
            "plain",
            "\0",
            "a\0b\u{1a}c",
            "\u{1a}0",
            "\0\u{1a}1\u{1a}\0",
            "\u{fffd}",
        ] {
            let stored = stored(text);
            assert!(!stored.contains('\0'), "{text:?}");
            assert_eq!(restored(&stored), text);
        }
    }
}
