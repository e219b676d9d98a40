//! What a terminal would show of a line: text in pieces, each with the names of its looks. Colours become names of a
//! palette of sixteen, which the style sheet chooses for each theme. Nothing here makes markup.

use serde::{Deserialize, Serialize};

const ESCAPE: char = '\u{1b}';
const BELL: char = '\u{7}';
const BACKSPACE: char = '\u{8}';

/// A piece of a line that looks the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Names of classes with spaces between, such as `ansi-bold ansi-fg-1`; nothing where it looks as usual.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub look: String,
    pub text: String,
}

/// The line as it is read, in pieces. A carriage return goes back to its beginning, and what follows overwrites.
pub fn spans(text: &str) -> Vec<Span> {
    let mut spans: Vec<(Look, Span)> = Vec::new();
    for (shown, look) in cells(text) {
        match spans.last_mut() {
            Some((same, span)) if *same == look => span.text.push(shown),
            Some(_) | None => {
                let span = Span {
                    look: look.names(),
                    text: shown.to_string(),
                };
                spans.push((look, span));
            }
        }
    }
    spans.into_iter().map(|(_, span)| span).collect()
}

/// The line as it is read, without looks.
pub fn plain(text: &str) -> String {
    if !text.contains(is_control) {
        return text.to_owned();
    }
    cells(text).into_iter().map(|(shown, _)| shown).collect()
}

/// Tabs are shown.
fn is_control(c: char) -> bool {
    c.is_control() && c != '\t'
}

fn cells(text: &str) -> Vec<(char, Look)> {
    let mut line = Line::default();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let behind = &rest[next.len_utf8()..];
        rest = match next {
            ESCAPE => line.obey(behind),
            '\r' => {
                line.at = 0;
                behind
            }
            BACKSPACE => {
                line.at = line.at.saturating_sub(1);
                behind
            }
            shown => {
                if !is_control(shown) {
                    line.put(shown);
                }
                behind
            }
        };
    }
    line.cells
}

/// A line of a terminal.
#[derive(Default)]
struct Line {
    cells: Vec<(char, Look)>,
    /// Where the next character goes: among the cells or just behind them.
    at: usize,
    look: Look,
}

impl Line {
    fn put(&mut self, shown: char) {
        let cell = (shown, self.look);
        match self.cells.get_mut(self.at) {
            Some(there) => *there = cell,
            None => self.cells.push(cell),
        }
        self.at += 1;
    }

    /// Does what the sequence behind an escape says, and answers what follows it.
    fn obey<'a>(&mut self, text: &'a str) -> &'a str {
        let Some(kind) = text.chars().next() else {
            return text;
        };
        let behind = &text[kind.len_utf8()..];
        match kind {
            '[' => self.control(behind),
            // Titles, links and the like, up to their end.
            ']' | 'P' | 'X' | '^' | '_' => behind_string(behind),
            // A few letters in between, then one that ends it.
            ' '..='/' => {
                let end = behind.trim_start_matches(|c| matches!(c, ' '..='/'));
                end.strip_prefix(|c| matches!(c, '0'..='~')).unwrap_or(end)
            }
            '0'..='~' => behind,
            // No sequence at all.
            _ => text,
        }
    }

    fn control<'a>(&mut self, text: &'a str) -> &'a str {
        let end = text.find(|c| !matches!(c, ' '..='?')).unwrap_or(text.len());
        let (parameters, behind) = text.split_at(end);
        match behind.chars().next() {
            Some('m') => self.look.change(parameters),
            Some('K') => self.erase(parameters),
            Some('@'..='~') => {}
            // Whatever broke it off is text again.
            Some(_) | None => return behind,
        }
        &behind[1..]
    }

    /// To the end of the line, or all of it. To its beginning is what nobody does to a line of a log.
    fn erase(&mut self, parameters: &str) {
        match parameters {
            "" | "0" => self.cells.truncate(self.at),
            "2" => {
                self.cells.clear();
                self.at = 0;
            }
            _ => {}
        }
    }
}

/// A string ends with a bell or with an escape and a backslash. One that does not end takes the line with it.
fn behind_string(text: &str) -> &str {
    let Some(end) = text.find([BELL, ESCAPE]) else {
        return "";
    };
    let behind = &text[end..];
    match behind.strip_prefix(BELL) {
        Some(behind) => behind,
        None => behind.strip_prefix("\u{1b}\\").unwrap_or(behind),
    }
}

/// How a character looks. Colours are of the palette of sixteen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Look {
    front: Option<u8>,
    back: Option<u8>,
    bold: bool,
    dim: bool,
    italic: bool,
    underline: bool,
    struck: bool,
    inverse: bool,
}

impl Look {
    fn change(&mut self, parameters: &str) {
        // What begins so is a private matter of some terminal.
        if parameters.starts_with(['<', '=', '>', '?']) {
            return;
        }
        let numbers = parameters.split([';', ':']);
        let numbers: Vec<u16> = numbers.map(|text| text.parse().unwrap_or(0)).collect();
        let mut rest = numbers.as_slice();
        while let [code, behind @ ..] = rest {
            rest = behind;
            match code {
                38 => (self.front, rest) = extended(self.front, behind),
                48 => (self.back, rest) = extended(self.back, behind),
                other => self.set(*other),
            }
        }
    }

    fn set(&mut self, code: u16) {
        let of_eight = |from: u16, first: u16| u8::try_from(code - from + first).ok();
        match code {
            0 => *self = Self::default(),
            1 => self.bold = true,
            2 => self.dim = true,
            3 => self.italic = true,
            4 | 21 => self.underline = true,
            7 => self.inverse = true,
            9 => self.struck = true,
            22 => (self.bold, self.dim) = (false, false),
            23 => self.italic = false,
            24 => self.underline = false,
            27 => self.inverse = false,
            29 => self.struck = false,
            30..=37 => self.front = of_eight(30, 0),
            39 => self.front = None,
            40..=47 => self.back = of_eight(40, 0),
            49 => self.back = None,
            90..=97 => self.front = of_eight(90, 8),
            100..=107 => self.back = of_eight(100, 8),
            _ => {}
        }
    }

    fn names(self) -> String {
        let (front, back) = match self.inverse {
            true => (self.back, self.front),
            false => (self.front, self.back),
        };
        let flags = [
            (self.bold, "ansi-bold"),
            (self.dim, "ansi-dim"),
            (self.italic, "ansi-italic"),
            (self.underline, "ansi-underline"),
            (self.struck, "ansi-struck"),
            (
                self.inverse && front.is_none() && back.is_none(),
                "ansi-inverse",
            ),
        ];
        let flags = flags.into_iter().filter(|(is, _)| *is);
        let mut names: Vec<String> = flags.map(|(_, name)| name.to_owned()).collect();
        names.extend(front.map(|colour| format!("ansi-fg-{colour}")));
        names.extend(back.map(|colour| format!("ansi-bg-{colour}")));
        names.join(" ")
    }
}

/// `5;n` is one of 256 colours, `2;r;g;b` one of all. Answers the nearest of the palette, and what follows.
fn extended(before: Option<u8>, numbers: &[u16]) -> (Option<u8>, &[u16]) {
    match numbers {
        [5, number, rest @ ..] => (of_256(*number).or(before), rest),
        [2, red, green, blue, rest @ ..] => (Some(nearest([*red, *green, *blue])), rest),
        [] | [_, ..] => (before, &[]),
    }
}

fn of_256(number: u16) -> Option<u8> {
    // Steps of a cube of six, as terminals have them.
    const STEPS: [u16; 6] = [0, 95, 135, 175, 215, 255];
    match number {
        0..=15 => u8::try_from(number).ok(),
        16..=231 => {
            let step = |of: u16| STEPS[usize::from(of % 6)];
            let cube = number - 16;
            Some(nearest([step(cube / 36), step(cube / 6), step(cube)]))
        }
        232..=255 => Some(nearest([8 + (number - 232) * 10; 3])),
        _ => None,
    }
}

/// By hue where there is one, else by brightness: a pastel is still to be told from white.
fn nearest(colour: [u16; 3]) -> u8 {
    let [red, green, blue] = colour.map(|part| part.min(255));
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    if most - least < 48 {
        return match most {
            0..=63 => 0,
            64..=149 => 8,
            150..=219 => 7,
            _ => 15,
        };
    }
    let half = (most + least) / 2;
    let is = |part: u16, bit: u8| if part > half { bit } else { 0 };
    let bright = if most > 200 { 8 } else { 0 };
    bright + is(red, 1) + is(green, 2) + is(blue, 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> Vec<(String, String)> {
        let spans = spans(text).into_iter();
        spans.map(|span| (span.look, span.text)).collect()
    }

    fn check(text: &str, expected: &[(&str, &str)]) {
        let expected: Vec<(String, String)> = expected
            .iter()
            .map(|(look, text)| ((*look).to_owned(), (*text).to_owned()))
            .collect();
        assert_eq!(shown(text), expected, "{text:?}");
    }

    #[test]
    fn colours_and_looks_become_names() {
        check("plain", &[("", "plain")]);
        check("", &[]);
        check(
            "\u{1b}[31mred\u{1b}[0m no",
            &[("ansi-fg-1", "red"), ("", " no")],
        );
        check(
            "\u{1b}[1;4;92;44mx",
            &[("ansi-bold ansi-underline ansi-fg-10 ansi-bg-4", "x")],
        );
        check(
            "\u{1b}[1mb\u{1b}[22;2md\u{1b}[mn",
            &[("ansi-bold", "b"), ("ansi-dim", "d"), ("", "n")],
        );
        check(
            "\u{1b}[3mi\u{1b}[23;9ms",
            &[("ansi-italic", "i"), ("ansi-struck", "s")],
        );
        check(
            "\u{1b}[7mi\u{1b}[31mr",
            &[("ansi-inverse", "i"), ("ansi-bg-1", "r")],
        );
    }

    #[test]
    fn many_colours_become_the_nearest_of_sixteen() {
        check("\u{1b}[38;5;9mx", &[("ansi-fg-9", "x")]);
        check("\u{1b}[38;5;196mx", &[("ansi-fg-9", "x")]);
        check("\u{1b}[38;5;244mx", &[("ansi-fg-8", "x")]);
        check("\u{1b}[38;2;0;128;0;1mx", &[("ansi-bold ansi-fg-2", "x")]);
        check("\u{1b}[48:2:250:250:250mx", &[("ansi-bg-15", "x")]);
        check("\u{1b}[38;5;999mx\u{1b}[38mx", &[("", "xx")]);
    }

    #[test]
    fn a_carriage_return_overwrites() {
        check("10 %\r100 %", &[("", "100 %")]);
        check("waiting\r\u{1b}[Kdone", &[("", "done")]);
        check("waiting\rdone", &[("", "doneing")]);
        check("ab\u{8}c", &[("", "ac")]);
        check("gone\u{1b}[2Kx", &[("", "x")]);
    }

    #[test]
    fn other_sequences_and_controls_are_dropped() {
        check("a\u{1b}]0;title\u{7}b", &[("", "ab")]);
        check(
            "a\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\",
            &[("", "alink")],
        );
        check("a\u{1b}[2J\u{1b}[10;5H\u{1b}[?25lb", &[("", "ab")]);
        check("a\u{1b}(Bb\u{1b}cd\u{0}\u{7}\u{9b}e", &[("", "abde")]);
        check("a\u{1b}", &[("", "a")]);
        check("a\u{1b}[31", &[("", "a")]);
        check("a\u{1b}[3\u{e4}", &[("", "a\u{e4}")]);
        check("<b>&amp;</b>", &[("", "<b>&amp;</b>")]);
        assert_eq!(plain("\u{1b}[1mA\u{1b}[0m\tB"), "A\tB");
    }

    /// Texts that are full of what terminals obey.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("\u{1b}[".to_owned()),
            Just("\u{1b}]".to_owned()),
            Just("\u{1b}".to_owned()),
            Just("\r".to_owned()),
            Just("\u{8}".to_owned()),
            Just("38;5;".to_owned()),
            Just("48;2;".to_owned()),
            "[0-9;:?mK]{0,6}",
            any::<String>(),
        ];
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn nothing_breaks_it_and_no_control_gets_through(bytes: Vec<u8>, text in hostile()) {
            for text in [String::from_utf8_lossy(&bytes).into_owned(), text] {
                let spans = spans(&text);
                let joined: String = spans.iter().map(|span| span.text.as_str()).collect();
                prop_assert_eq!(&joined, &plain(&text));
                prop_assert!(!joined.contains(is_control));
                prop_assert!(joined.chars().count() <= text.chars().count());
                for span in &spans {
                    let safe = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "- ".contains(c);
                    prop_assert!(span.look.chars().all(safe), "{}", span.look);
                    prop_assert!(!span.text.is_empty());
                }
            }
        }

        #[test]
        fn what_has_no_controls_is_unchanged(text in "\\PC*") {
            prop_assert_eq!(plain(&text), text.clone());
            let looks: Vec<Span> = spans(&text);
            prop_assert!(looks.iter().all(|span| span.look.is_empty()) && looks.len() <= 1);
        }
    }
}
