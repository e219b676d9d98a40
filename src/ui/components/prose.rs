//! A sentence in which names are set apart, as the engine writes it: `code` between backticks, *names* between asterisks.

use leptos::prelude::*;

/// The sentence. Always text, never markup; a mark without its second half is shown as it is.
pub fn prose(text: &str) -> AnyView {
    marked(text, &['`', '*'])
}

/// A text that others may have written: only `code` is set apart, for an asterisk may be one.
pub fn with_code(text: &str) -> AnyView {
    marked(text, &['`'])
}

fn marked(text: &str, marks: &[char]) -> AnyView {
    let mut parts: Vec<AnyView> = Vec::new();
    let mut rest = text;
    while let Some(from) = rest.find(marks) {
        let mark = if rest[from..].starts_with('`') {
            '`'
        } else {
            '*'
        };
        let Some(length) = rest[from + 1..].find(mark).filter(|length| *length > 0) else {
            break;
        };
        let inner = rest[from + 1..from + 1 + length].to_owned();
        parts.push(rest[..from].to_owned().into_any());
        parts.push(match mark {
            '`' => view! { <code>{inner}</code> }.into_any(),
            _ => view! { <em class="name">{inner}</em> }.into_any(),
        });
        rest = &rest[from + length + 2..];
    }
    parts.push(rest.to_owned().into_any());
    parts.into_any()
}
