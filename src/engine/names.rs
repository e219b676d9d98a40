//! Names in the text of a CEL expression: which words read a variable, and the text with one of them renamed. Works on
//! the text and not on the parsed expression, so that spaces, comments and brackets stay as their author wrote them,
//! and so that an expression which does not parse (yet) can be renamed as well.

use std::collections::{BTreeMap, BTreeSet};

/// Macros that bind their first argument in all their arguments: `disks.filter(d, d.used > 90)`.
const MACROS: &[&str] = &["all", "exists", "exists_one", "existsOne", "filter", "map"];

/// The expression with every read of `from` called `to`, which may be a path (`input.city`). What only looks like it
/// stays: texts, fields after a dot, functions, keys of a message, names bound by a macro. A macro that binds the
/// name `to` around such a read has its own name changed, so that it does not catch the read. None when nothing reads
/// `from`.
pub(in crate::engine) fn rename(source: &str, from: &str, to: &str) -> Option<String> {
    if !source.contains(from) {
        return None;
    }
    let words = words(source);
    let root = to.split('.').next().unwrap_or(to);
    let mut changes: BTreeMap<usize, (usize, String)> = BTreeMap::new();
    let mut caught: BTreeSet<usize> = BTreeSet::new();
    for word in words.iter().filter(|word| word.text == from) {
        if word.bound_by.is_none() {
            changes.insert(word.start, (word.text.len(), to.to_owned()));
            let around = word.within.iter().filter(|(_, name)| *name == root);
            caught.extend(around.map(|(scope, _)| *scope));
        }
    }
    if changes.is_empty() {
        return None;
    }
    if !caught.is_empty() {
        let taken: BTreeSet<&str> = words.iter().map(|word| word.text).collect();
        let free = numbered(root, |name| !taken.contains(name) && name != from);
        let bound = |word: &&Word<'_>| word.bound_by.is_some_and(|scope| caught.contains(&scope));
        for word in words.iter().filter(bound) {
            changes.insert(word.start, (word.text.len(), free.clone()));
        }
    }
    let mut renamed = String::with_capacity(source.len());
    let mut done = 0;
    for (start, (length, text)) in changes {
        renamed.push_str(&source[done..start]);
        renamed.push_str(&text);
        done = start + length;
    }
    renamed.push_str(&source[done..]);
    Some(renamed)
}

/// The expression with `field` of the variable called `to` wherever it is read: `host.laod` becomes `host.load`. None where
/// nothing reads it, and of a name that cannot stand behind a dot.
pub(in crate::engine) fn rename_field(
    source: &str,
    variable: &str,
    field: &str,
    to: &str,
) -> Option<String> {
    let is_name = !to.starts_with(|c: char| c.is_ascii_digit()) && to.chars().all(is_word);
    if !is_name {
        return None;
    }
    let words = words(source);
    let reads = words.iter().filter(|word| word.bound_by.is_none());
    let reads: BTreeSet<usize> = reads
        .filter(|word| word.text == variable)
        .map(|word| word.start)
        .collect();
    let mut renamed = source.to_owned();
    // From the end, so that what comes before stays where it is.
    for part in tokens(source).windows(3).rev() {
        let [name, dot, read] = part else { continue };
        if reads.contains(&name.start) && dot.is('.') && read.text == field {
            renamed.replace_range(read.start..read.start + field.len(), to);
        }
    }
    (renamed != source).then_some(renamed)
}

pub(in crate::engine) fn is_macro(name: &str) -> bool {
    name == "has" || MACROS.contains(&name)
}

/// The expression with what other languages write put right: `and`, `or`, `not`, `True`, `None`, a single `=`, `<>`, and
/// functions for which `meant` has another name.
pub(in crate::engine) fn corrected<'m>(
    source: &str,
    meant: impl Fn(&str) -> Option<&'m str>,
) -> String {
    let tokens = tokens(source);
    let mut corrected = String::with_capacity(source.len());
    let mut done = 0;
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let next = tokens
            .get(at + 1)
            .filter(|next| next.start == token.start + token.text.len());
        let is_field = at > 0 && tokens[at - 1].is('.');
        let (taken, text) = match token.kind {
            Kind::Word if !is_field && word_instead(token.text).is_some() => {
                (1, word_instead(token.text))
            }
            Kind::Word if tokens.get(at + 1).is_some_and(|next| next.is('(')) => {
                (1, meant(token.text))
            }
            Kind::Symbol('=') => {
                let run = tokens[at..]
                    .iter()
                    .take_while(|token| token.is('='))
                    .count();
                (run, Some("=="))
            }
            Kind::Symbol('<') if next.is_some_and(|next| next.is('>')) => (2, Some("!=")),
            Kind::Symbol('!' | '<' | '>') if next.is_some_and(|next| next.is('=')) => (2, None),
            Kind::Word | Kind::Literal | Kind::Symbol(_) => (1, None),
        };
        if let Some(text) = text {
            corrected.push_str(&source[done..token.start]);
            corrected.push_str(text);
            let last = &tokens[at + taken - 1];
            done = last.start + last.text.len();
        }
        at += taken;
    }
    corrected.push_str(&source[done..]);
    corrected
}

fn word_instead(word: &str) -> Option<&'static str> {
    match word {
        "and" | "AND" => Some("&&"),
        "or" | "OR" => Some("||"),
        "not" | "NOT" => Some("!"),
        "True" => Some("true"),
        "False" => Some("false"),
        "None" | "nil" => Some("null"),
        _ => None,
    }
}

/// Words, numbers, texts and signs of the expression: what a parser has to look at.
pub(in crate::engine) fn token_count(source: &str) -> usize {
    tokens(source).len()
}

/// How many operations, fields and brackets may lie inside each other, at most: a parser calls itself for each.
pub(in crate::engine) fn longest_chain(source: &str) -> usize {
    /// Between two commas: operations, and the deepest bracket.
    #[derive(Clone, Copy, Default)]
    struct Part {
        operations: usize,
        inside: usize,
        /// Of the parts before, in the same bracket.
        longest: usize,
    }
    impl Part {
        fn ends(self) -> usize {
            self.longest.max(self.operations + self.inside)
        }
    }
    let mut open = vec![Part::default()];
    for token in tokens(source) {
        let Kind::Symbol(symbol) = token.kind else {
            continue;
        };
        let depth = open.len();
        let here = &mut open[depth - 1];
        match symbol {
            '(' | '[' | '{' => {
                here.operations += 1;
                open.push(Part::default());
            }
            ')' | ']' | '}' if depth > 1 => {
                let inside = here.ends();
                open.pop();
                let around = &mut open[depth - 2];
                around.inside = around.inside.max(inside);
            }
            ',' => {
                *here = Part {
                    longest: here.ends(),
                    ..Part::default()
                }
            }
            _ => here.operations += 1,
        }
    }
    open.into_iter().map(Part::ends).sum()
}

/// The brackets that are open at the end, closed.
pub(in crate::engine) fn closing(source: &str) -> String {
    let mut open = Vec::new();
    for token in tokens(source) {
        match token.kind {
            Kind::Symbol('(') => open.push(')'),
            Kind::Symbol('[') => open.push(']'),
            Kind::Symbol('{') => open.push('}'),
            Kind::Symbol(')' | ']' | '}') => drop(open.pop()),
            Kind::Symbol(_) | Kind::Word | Kind::Literal => {}
        }
    }
    open.iter().rev().collect()
}

/// `name_2`, `name_3` …: the first that is free.
pub(in crate::engine) fn numbered(name: &str, is_free: impl Fn(&str) -> bool) -> String {
    // Ids have 64 characters at most.
    let stem: String = name.chars().take(56).collect();
    let mut number = 2u32;
    loop {
        let candidate = format!("{stem}_{number}");
        if is_free(&candidate) {
            return candidate;
        }
        number += 1;
    }
}

/// A word of the expression that stands for a variable.
struct Word<'s> {
    start: usize,
    text: &'s str,
    /// The macro whose name it is.
    bound_by: Option<usize>,
    /// The macros around it that bind a name.
    within: Vec<(usize, &'s str)>,
}

fn words(source: &str) -> Vec<Word<'_>> {
    let tokens = tokens(source);
    let mut words = Vec::new();
    let mut open: Vec<Bracket<'_>> = Vec::new();
    let symbol = |at: usize, c: char| tokens.get(at).is_some_and(|token| token.is(c));
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Symbol('(' | '[' | '{') => open.push(Bracket {
                at,
                is_message: token.is('{') && at > 0 && tokens[at - 1].kind == Kind::Word,
                binds: bound_name(&tokens, at),
            }),
            Kind::Symbol(')' | ']' | '}') => {
                open.pop();
            }
            Kind::Word => {
                let is_field = at > 0
                    && (symbol(at - 1, '.')
                        || (symbol(at - 1, '?') && at > 1 && symbol(at - 2, '.')))
                    && ends_operand(&tokens, at - 1);
                let is_key = open.last().is_some_and(|bracket| bracket.is_message)
                    && symbol(at + 1, ':')
                    && (symbol(at - 1, '{') || symbol(at - 1, ','));
                if is_field || is_key || symbol(at + 1, '(') {
                    continue;
                }
                let within: Vec<(usize, &str)> = open
                    .iter()
                    .filter_map(|bracket| Some((bracket.at, bracket.binds?)))
                    .collect();
                let bound_by = within.iter().rev().find(|(_, name)| *name == token.text);
                words.push(Word {
                    start: token.start,
                    text: token.text,
                    bound_by: bound_by.map(|(scope, _)| *scope),
                    within,
                });
            }
            Kind::Symbol(_) | Kind::Literal => {}
        }
    }
    words
}

/// A bracket that is open.
struct Bracket<'s> {
    at: usize,
    /// Of `Type{field: value}`.
    is_message: bool,
    /// The name that it binds, when it belongs to a macro.
    binds: Option<&'s str>,
}

/// The name that a macro binds whose bracket stands here: `.filter(name, …`.
pub(in crate::engine) fn bound_name<'s>(tokens: &[Token<'s>], bracket: usize) -> Option<&'s str> {
    let name = tokens.get(bracket.checked_sub(1)?)?;
    let dot = tokens.get(bracket.checked_sub(2)?)?;
    let (bound, comma) = (tokens.get(bracket + 1)?, tokens.get(bracket + 2)?);
    let is_macro = name.kind == Kind::Word && dot.is('.') && MACROS.contains(&name.text);
    (is_macro && bound.kind == Kind::Word && comma.is(',')).then_some(bound.text)
}

/// Does something stand before the dot of which a field is taken? `.name` at the beginning of an operand is a name.
fn ends_operand(tokens: &[Token<'_>], dot: usize) -> bool {
    let dot = if tokens[dot].is('?') { dot - 1 } else { dot };
    let Some(before) = dot.checked_sub(1).map(|at| &tokens[at]) else {
        return false;
    };
    match before.kind {
        Kind::Word => before.text != "in",
        Kind::Literal => true,
        Kind::Symbol(c) => matches!(c, ')' | ']' | '}'),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// A name, a keyword or a function.
    Word,
    /// A text, a number or a name in backquotes.
    Literal,
    Symbol(char),
}

pub(in crate::engine) struct Token<'s> {
    /// In bytes of the expression.
    pub start: usize,
    pub text: &'s str,
    kind: Kind,
}

impl Token<'_> {
    pub fn is(&self, symbol: char) -> bool {
        self.kind == Kind::Symbol(symbol)
    }

    pub fn is_word(&self) -> bool {
        self.kind == Kind::Word
    }

    /// A text, a number, or a name in backquotes.
    pub fn is_literal(&self) -> bool {
        self.kind == Kind::Literal
    }
}

/// Without spaces and comments.
pub(in crate::engine) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut start = 0;
    while let Some(c) = source[start..].chars().next() {
        let rest = &source[start..];
        let (length, kind) = if c.is_whitespace() {
            (c.len_utf8(), None)
        } else if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), None)
        } else if let Some(length) = text_length(rest) {
            (length, Some(Kind::Literal))
        } else if is_word(c) && !c.is_ascii_digit() {
            (span(rest, is_word), Some(Kind::Word))
        } else if c.is_ascii_digit() {
            (number_length(rest), Some(Kind::Literal))
        } else {
            (c.len_utf8(), Some(Kind::Symbol(c)))
        };
        if let Some(kind) = kind {
            let text = &rest[..length];
            tokens.push(Token { start, text, kind });
        }
        start += length;
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn span(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

/// `12`, `1.5e-3`, `0xff`, `7u`. A dot that no digit follows takes a field.
fn number_length(text: &str) -> usize {
    let whole = span(text, is_word);
    let fraction = text[whole..]
        .strip_prefix('.')
        .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        .map_or(0, |rest| 1 + span(rest, is_word));
    let length = whole + fraction;
    let exponent = text[..length].ends_with(['e', 'E']) && !text.starts_with("0x");
    match text[length..].strip_prefix(['-', '+']) {
        Some(rest) if exponent => length + 1 + span(rest, is_word),
        Some(_) | None => length,
    }
}

/// Of a text in quotes, with its prefix (`r`, `b`, both); none where no text begins. One that does not end goes on to
/// the end.
fn text_length(text: &str) -> Option<usize> {
    let prefix = span(text, |c| matches!(c, 'r' | 'R' | 'b' | 'B'));
    let quote = text[prefix..]
        .chars()
        .next()
        .filter(|c| matches!(c, '"' | '\'' | '`'))?;
    if prefix > 2 || (quote == '`' && prefix > 0) {
        return None;
    }
    let is_raw = text[..prefix].contains(['r', 'R']);
    let triple: String = std::iter::repeat_n(quote, 3).collect();
    let closing = if text[prefix..].starts_with(&triple) {
        triple
    } else {
        quote.to_string()
    };
    let mut at = prefix + closing.len();
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with(&closing) {
            return Some(at + closing.len());
        }
        let mut chars = rest.chars();
        let escapes = chars.next() == Some('\\') && !is_raw;
        let first = rest.chars().next().map_or(1, char::len_utf8);
        at += first
            + if escapes {
                chars.next().map_or(0, char::len_utf8)
            } else {
                0
            };
    }
    Some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: Option<&str>) {
        let renamed = rename(source, "a", "b");
        assert_eq!(renamed.as_deref(), expected, "{source}");
    }

    #[test]
    fn a_field_is_renamed_where_its_variable_is_read() {
        for (source, expected) in [
            ("a.x > 1 && a.x < b.x", Some("a.y > 1 && a.y < b.x")),
            ("a . x", Some("a . y")),
            ("c.a.x", None),
            ("'a.x'", None),
            ("a.xy", None),
            ("l.filter(a, a.x)", None),
            ("l.filter(b, a.x)", Some("l.filter(b, a.y)")),
            ("a.x.x", Some("a.y.x")),
        ] {
            let renamed = rename_field(source, "a", "x", "y");
            assert_eq!(renamed.as_deref(), expected, "{source}");
        }
        for to in ["y-z", "1y", "y z"] {
            assert_eq!(rename_field("a.x", "a", "x", to), None, "{to}");
        }
    }

    #[test]
    fn real_reads_are_renamed_and_nothing_else() {
        check(
            "a.x > 1 && size(a.list) > 0",
            Some("b.x > 1 && size(b.list) > 0"),
        );
        check("a", Some("b"));
        check("aa + a_a + ba", None);
        check("x.a + x . a", None);
        check("x.a.a[a]", Some("x.a.a[b]"));
        check("x[0].a + x(1).a + 'x'.a", None);
        check(".a + 1", Some(".b + 1"));
        check("x in .a", Some("x in .b"));
        check("x.?a", None);
        check("'a' + \"a\" + a", Some("'a' + \"a\" + b"));
        check("'it\\'s a' + a", Some("'it\\'s a' + b"));
        check("r'\\' + a", Some("r'\\' + b"));
        check("'''a ' a''' + a", Some("'''a ' a''' + b"));
        check("b'a' + a // a\n + a", Some("b'a' + b // a\n + b"));
        check("{'a': a, a: 1}", Some("{'a': b, b: 1}"));
        check("T{a: a}", Some("T{a: b}"));
        check("x ? a : y", Some("x ? b : y"));
        check("a(1) + x.a(a)", Some("a(1) + x.a(b)"));
        check("x.`a` + a", Some("x.`a` + b"));
        check("1e3 + 0xa + 1.5 + a", Some("1e3 + 0xa + 1.5 + b"));
        check("'ä' + a", Some("'ä' + b"));
    }

    #[test]
    fn a_name_that_a_macro_binds_is_its_own() {
        check("l.filter(a, a > 1)", None);
        check(
            "a.filter(a, a.x > 1) == a",
            Some("b.filter(a, a.x > 1) == b"),
        );
        check(
            "l.map(x, l.filter(a, a == x), a)",
            Some("l.map(x, l.filter(a, a == x), b)"),
        );
        check("l.map(x, x, a)", Some("l.map(x, x, b)"));
        check("size(a, a)", Some("size(b, b)"));
    }

    #[test]
    fn a_macro_does_not_catch_the_new_name() {
        check("l.filter(b, b > a)", Some("l.filter(b_2, b_2 > b)"));
        check(
            "l.filter(b, b > a) + l.filter(b, b > 1)",
            Some("l.filter(b_2, b_2 > b) + l.filter(b, b > 1)"),
        );
        check(
            "l.map(b, b.map(b, b + a) + b_2)",
            Some("l.map(b_3, b_3.map(b_3, b_3 + b) + b_2)"),
        );
    }

    #[test]
    fn a_text_that_is_no_expression_is_still_gone_through() {
        for source in [
            "a 'a", "((a", "a)) + a", "\"\"\"a", "a.", "a.?", "'\\", "☃a", "",
        ] {
            let renamed = rename(source, "a", "c").unwrap_or_default();
            assert!(renamed.len() <= source.len(), "{source}");
        }
        check("((a", Some("((b"));
    }
}
