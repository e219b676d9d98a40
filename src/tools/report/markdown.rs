//! Text that Markdown shows as it is. Whatever the text holds, it stays inside the paragraph or table cell it was
//! put into, and nothing in it becomes a link, an image, markup or HTML.

/// Characters that can start markup in the middle of a line.
const ACTIVE: [char; 16] = [
    '\\', '`', '*', '_', '[', ']', '<', '>', '#', '|', '~', '&', '!', '$', '^', '{',
];

/// The text on one line, with everything active taken as itself.
pub fn escape(text: &str) -> String {
    let line = on_one_line(text);
    let mut escaped = String::with_capacity(line.len());
    for (at, character) in line.char_indices() {
        // A list or a heading rule needs its mark at the start of a line, a number needs its dot there too.
        let starts_block = match character {
            '-' | '+' | '=' | ':' => at == 0,
            '.' | ')' => ends_list_number(&line, at),
            _ => false,
        };
        // Some readers make links of bare addresses.
        let starts_link = character == ':' && line[at..].starts_with("://");
        if starts_block || starts_link || ACTIVE.contains(&character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// Is the mark at `at` what makes the digits before it the number of a list item?
fn ends_list_number(line: &str, at: usize) -> bool {
    let (before, after) = (&line[..at], &line[at + 1..]);
    let number = !before.is_empty() && before.bytes().all(|byte| byte.is_ascii_digit());
    number && (after.is_empty() || after.starts_with(char::is_whitespace))
}

/// The text as inline code: for paths and addresses, which then read as they were written.
pub fn inline_code(text: &str) -> String {
    let line = on_one_line(text);
    if line.is_empty() {
        return String::new();
    }
    let longest_run = line.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest_run + 1);
    // A table splits its cells before code is read, so that a bar is escaped even here.
    let line = line.replace('|', "\\|");
    let pad = if line.starts_with('`') || line.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{line}{pad}{fence}")
}

/// A number of bytes as people say it.
pub fn bytes(count: f64) -> String {
    let mut amount = count.max(0.0);
    for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
        if amount < 1024.0 {
            return if unit == "B" {
                format!("{amount} B")
            } else {
                format!("{amount:.1} {unit}")
            };
        }
        amount /= 1024.0;
    }
    format!("{amount:.1} PiB")
}

/// Line breaks and controls become spaces; marks that reverse the reading direction or cannot be seen vanish,
/// because they make a text look like another one.
fn on_one_line(text: &str) -> String {
    let visible = text.chars().filter(|c| {
        !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    });
    let spaced: String = visible
        .map(|c| {
            if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
                ' '
            } else {
                c
            }
        })
        .collect();
    spaced.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulldown_cmark::{Event, Options, Parser, Tag};

    const HOSTILE: [&str; 17] = [
        "a $x$ b^2^",
        "{.class #id}",
        "[[wiki]] [^1]",
        "<script>alert(1)</script>",
        "[click](javascript:alert(1))",
        "![x](http://evil.example/pixel.png)",
        "| another | column |",
        "first\n\n# Second",
        "first\r\n| row | two |",
        "**bold** _it_ ~~gone~~ `code`",
        "- item",
        "1. item",
        "    indented code",
        "&lt;b&gt;",
        "<http://evil.example>",
        "a ` b `` c",
        "``` fence \\",
    ];

    /// Shows the text in a table cell and gives back what a reader sees there.
    fn seen_in_cell(cell: &str, code: bool) -> String {
        let table = format!("| Head | Other |\n| --- | --- |\n| {cell} | end |\n");
        let (mut seen, mut cells) = (String::new(), 0);
        for event in Parser::new_ext(&table, Options::all()) {
            match event {
                Event::Start(Tag::TableCell) => cells += 1,
                Event::Text(text) if cells == 3 => seen.push_str(&text),
                Event::Code(text) if cells == 3 && code => seen.push_str(&text),
                Event::Code(_) | Event::Html(_) | Event::InlineHtml(_) => {
                    panic!("{cell} became markup: {event:?}")
                }
                Event::Start(tag) => assert!(
                    matches!(tag, Tag::Table(_) | Tag::TableHead | Tag::TableRow),
                    "{cell} became {tag:?}"
                ),
                _ => {}
            }
        }
        assert_eq!(cells, 4, "{cell} changed the table");
        seen
    }

    #[test]
    fn hostile_text_in_a_cell_is_shown_as_text() {
        for text in HOSTILE {
            assert_eq!(seen_in_cell(&escape(text), false), on_one_line(text));
            assert_eq!(seen_in_cell(&inline_code(text), true), on_one_line(text));
        }
    }

    #[test]
    fn hostile_text_at_the_start_of_a_line_stays_a_paragraph() {
        for text in HOSTILE
            .into_iter()
            .chain(["---", "===", "+ item", "2) item", "3.", "> quote", ": def"])
        {
            let escaped = escape(text);
            let tags: Vec<_> = Parser::new_ext(&escaped, Options::all())
                .filter_map(|event| match event {
                    Event::Start(tag) => Some(format!("{tag:?}")),
                    Event::Html(_) | Event::InlineHtml(_) | Event::Rule => Some("html".to_owned()),
                    _ => None,
                })
                .collect();
            assert_eq!(tags, ["Paragraph"], "{text} → {escaped}");
        }
    }

    #[test]
    fn ordinary_text_stays_readable() {
        assert_eq!(escape("93.1 % of 2"), "93.1 % of 2");
        assert_eq!(
            escape("disk-usage at 93.1 %, 3 of 5 (60 %)"),
            "disk-usage at 93.1 %, 3 of 5 (60 %)"
        );
        assert_eq!(inline_code("/var/lib_x"), "`/var/lib_x`");
        assert_eq!(escape("safe\u{202e}gnp.exe"), "safegnp.exe");
    }

    #[test]
    fn bytes_are_said_in_the_unit_that_fits() {
        for (count, text) in [
            (0.0, "0 B"),
            (1023.0, "1023 B"),
            (1536.0, "1.5 KiB"),
            (274_877_906_944.0, "256.0 GiB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }
}
