//! What can be written next in an expression: names that can be read there, their fields, and functions. Goes by the words
//! before the caret and not by the parsed expression, for what is being typed does not parse yet.

#[cfg(test)]
mod tests;

use serde_json::Value;

use super::names::{Token, bound_name, tokens};
use super::upstream::{Upstream, fields_of, kind_of};

/// What is offered at once.
pub const OFFERS_MAX: usize = 40;
/// How many macros may stand around a place: `a.map(x, x.b.filter(y, …`.
const MACROS_MAX: usize = 8;

/// What can take the place of the word at the caret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// The part of the text that an offer replaces, in bytes.
    pub start: usize,
    pub end: usize,
    pub offers: Vec<Offer>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What is written in its place.
    pub text: String,
    /// Where it comes from, or what it does.
    pub says: String,
    /// The type, where it is known.
    pub kind: String,
    /// Where the caret is afterwards, in bytes of `text`: between the brackets of a function.
    pub caret: usize,
}

/// A function: its name, the type that it is called on (`""` for none: `size(x)`), and what it gives.
struct Function {
    name: &'static str,
    on: &'static str,
    says: &'static str,
}

const fn function(name: &'static str, on: &'static str, says: &'static str) -> Function {
    Function { name, on, says }
}

const TEXT: &str = "string";
const LIST: &str = "array";

const FUNCTIONS: &[Function] = &[
    function("size", "", "How many items, fields or characters"),
    function("has", "", "Whether the field is there: has(a.b)"),
    function("string", "", "As a text"),
    function("int", "", "As a whole number"),
    function("double", "", "As a number"),
    function("bool", "", "A text as true or false"),
    function("uint", "", "As a number that is not negative"),
    function("bytes", "", "A text as bytes"),
    function("type", "", "The type of a value"),
    function("dyn", "", "A value of any type"),
    function("contains", TEXT, "Whether the text holds another one"),
    function("startsWith", TEXT, "Whether it begins so"),
    function("endsWith", TEXT, "Whether it ends so"),
    function("lowerAscii", TEXT, "In small letters"),
    function("upperAscii", TEXT, "In capital letters"),
    function("trim", TEXT, "Without spaces around it"),
    function("split", TEXT, "A list of its parts"),
    function("replace", TEXT, "With one part in the place of another"),
    function("substring", TEXT, "A part, from one place to another"),
    function("indexOf", TEXT, "Where a part stands first"),
    function("lastIndexOf", TEXT, "Where a part stands last"),
    function("charAt", TEXT, "The character at a place"),
    function("reverse", TEXT, "From its end to its beginning"),
    function("format", TEXT, "With values put in"),
    function("filter", LIST, "The items that fit: filter(x, x > 1)"),
    function("map", LIST, "Something made of each item: map(x, x.name)"),
    function("all", LIST, "Whether every item fits"),
    function("exists", LIST, "Whether at least one item fits"),
    function("exists_one", LIST, "Whether exactly one item fits"),
    function("join", LIST, "The items as one text"),
];

/// What can be written at the caret (in bytes), for one who reads what is upstream. Nothing inside a text in quotes.
pub fn complete(upstream: &Upstream<'_>, source: &str, caret: usize) -> Completion {
    let Some(before) = source.get(..caret) else {
        return Completion::default();
    };
    let tokens = tokens(before);
    let last = tokens
        .last()
        .filter(|last| last.start + last.text.len() == caret);
    if last.is_some_and(Token::is_literal) {
        return Completion::default();
    }
    let word = last
        .filter(|last| last.is_word())
        .map_or("", |last| last.text);
    let rest = source[caret..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let end = rest.map_or(source.len(), |length| caret + length);
    let typed = tokens.len() - usize::from(!word.is_empty());
    let mut offers = match typed.checked_sub(1) {
        Some(dot) if tokens[dot].is('.') => fields(upstream, &tokens, dot, word),
        Some(_) | None => names(upstream, &tokens, typed, word),
    };
    if source[end..].trim_start().starts_with('(') {
        without_brackets(&mut offers);
    }
    offers.retain(|offer| offer.text != word);
    offers.truncate(OFFERS_MAX);
    Completion {
        start: caret - word.len(),
        end,
        offers,
    }
}

/// Behind a dot: the fields of what stands before it, and what can be called on it.
fn fields(upstream: &Upstream<'_>, tokens: &[Token<'_>], dot: usize, word: &str) -> Vec<Offer> {
    let schema = path_before(tokens, dot)
        .and_then(|(path, begin)| schema_of(upstream, tokens, begin, path, MACROS_MAX));
    let schema = schema.unwrap_or_default();
    let kind = kind_of(&schema);
    let mut offers: Vec<Offer> = fields_of(&schema)
        .filter(|(name, _)| begins(name, word))
        .map(|(name, field)| Offer {
            text: name.clone(),
            says: text_of(field, "title")
                .or(text_of(field, "description"))
                .unwrap_or_default(),
            kind: kind_of(field).to_owned(),
            caret: name.len(),
        })
        .collect();
    let on_it = |function: &&Function| match kind {
        "" => !function.on.is_empty(),
        kind => function.on == kind,
    };
    let callable = FUNCTIONS.iter().filter(on_it);
    offers.extend(
        callable
            .filter(|function| begins(function.name, word))
            .map(called),
    );
    offers
}

/// At the beginning of an operand: names, and functions that take one.
fn names(upstream: &Upstream<'_>, tokens: &[Token<'_>], at: usize, word: &str) -> Vec<Offer> {
    let mut offers = Vec::new();
    for (name, _) in bound_around(tokens, at).into_iter().rev() {
        if begins(name, word) && !offers.iter().any(|offer: &Offer| offer.text == name) {
            offers.push(Offer {
                text: name.to_owned(),
                says: "Each item".to_owned(),
                kind: String::new(),
                caret: name.len(),
            });
        }
    }
    let found = upstream.names(word, OFFERS_MAX).into_iter();
    // Before anything is typed, what lies deeper would only be in the way.
    let found = found.filter(|name| !word.is_empty() || !name.path.contains('.'));
    offers.extend(found.map(|name| Offer {
        caret: name.path.len(),
        text: name.path,
        says: name.from,
        kind: name.kind,
    }));
    let functions = FUNCTIONS.iter().filter(|function| function.on.is_empty());
    offers.extend(
        functions
            .filter(|function| begins(function.name, word))
            .map(called),
    );
    let words = ["true", "false", "null"].into_iter();
    let words = words.filter(|of| !word.is_empty() && begins(of, word));
    offers.extend(words.map(|of| Offer {
        text: of.to_owned(),
        says: String::new(),
        kind: String::new(),
        caret: of.len(),
    }));
    offers
}

fn called(function: &Function) -> Offer {
    let text = format!("{}()", function.name);
    let takes_nothing = ["trim", "lowerAscii", "upperAscii", "reverse"].contains(&function.name);
    Offer {
        caret: text.len() - usize::from(!takes_nothing),
        text,
        says: function.says.to_owned(),
        kind: String::new(),
    }
}

/// Where brackets stand behind the word already, a function is only its name.
fn without_brackets(offers: &mut [Offer]) {
    for offer in offers {
        if let Some(name) = offer.text.strip_suffix("()") {
            offer.text = name.to_owned();
            offer.caret = offer.text.len();
        }
    }
}

fn begins(name: &str, word: &str) -> bool {
    name.len() >= word.len()
        && name.is_char_boundary(word.len())
        && name[..word.len()].eq_ignore_ascii_case(word)
}

fn text_of(schema: &Value, key: &str) -> Option<String> {
    schema.get(key)?.as_str().map(str::to_owned)
}

/// The path that ends before the token `dot`, and its first token: `a.b[0].` is `a`, `b`, `0`. None where something else
/// stands there, such as the result of a function.
fn path_before<'s>(tokens: &[Token<'s>], dot: usize) -> Option<(Vec<&'s str>, usize)> {
    let mut path = Vec::new();
    let mut at = dot;
    loop {
        let last = at.checked_sub(1)?;
        let token = &tokens[last];
        let begin = if token.is_word() {
            path.push(token.text);
            last
        } else if token.is(']') {
            // Whatever is chosen, it is an item, or the field of that name.
            let open = last.checked_sub(2).filter(|open| tokens[*open].is('['))?;
            path.push(tokens[open + 1].text.trim_matches(['\'', '"']));
            at = open;
            continue;
        } else {
            return None;
        };
        match begin.checked_sub(1) {
            Some(before) if tokens[before].is('.') => at = before,
            Some(_) | None => {
                path.reverse();
                return Some((path, begin));
            }
        }
    }
}

/// The schema of a path whose first token stands at `begin`. A name that a macro binds is an item of what the macro goes
/// through.
fn schema_of(
    upstream: &Upstream<'_>,
    tokens: &[Token<'_>],
    begin: usize,
    path: Vec<&str>,
    macros: usize,
) -> Option<Value> {
    let (first, rest) = path.split_first()?;
    let bound = bound_around(tokens, begin);
    let Some((_, bracket)) = bound.iter().rev().find(|(name, _)| name == first) else {
        return upstream.schema_at(&path);
    };
    let macros = macros.checked_sub(1)?;
    // `list.filter(`: the dot is two before the bracket.
    let (mut list, begin) = path_before(tokens, bracket.checked_sub(2)?)?;
    list.push("0");
    list.extend(rest);
    schema_of(upstream, tokens, begin, list, macros)
}

/// The names that macros bind at this token, each with the bracket of its macro; the innermost last.
fn bound_around<'s>(tokens: &[Token<'s>], at: usize) -> Vec<(&'s str, usize)> {
    let mut open = Vec::new();
    for (position, token) in tokens[..at].iter().enumerate() {
        if token.is('(') || token.is('[') || token.is('{') {
            open.push(position);
        } else if token.is(')') || token.is(']') || token.is('}') {
            open.pop();
        }
    }
    let bound = open.into_iter();
    bound
        .filter_map(|bracket| Some((bound_name(tokens, bracket)?, bracket)))
        .collect()
}
