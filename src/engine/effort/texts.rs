//! Functions that make texts. Those that can make far more than they are given (`replace`, `split`, `join`) are called
//! by names of our own, and say how much it will be before they make it.

use cel::common::ast::{CallExpr, Expr, IdedExpr};
use std::sync::Arc;

use super::{Effort, is_of_macro, weight, wrap};

/// Around what goes into a function that makes about as much as it is given.
const TAKEN: &str = "@taken";
/// Around what `format` is to write.
const WRITTEN: &str = "@written";

/// What these make is at most as long as what goes in; of `format`, as what is `WRITTEN`.
const MAKES_NO_MORE: &[&str] = &[
    "_+_",
    "bytes",
    "charAt",
    "format",
    "lowerAscii",
    "reverse",
    "string",
    "substring",
    "trim",
    "upperAscii",
];

/// Functions that are called by other names, by the number of what they take.
const REPLACED: &[(&str, usize, &str)] = &[
    ("join", 1, "@join"),
    ("join", 2, "@join_with"),
    ("replace", 3, "@replace"),
    ("replace", 4, "@replace_some"),
    ("split", 2, "@split"),
    ("split", 3, "@split_some"),
];

/// A piece of a text beside its bytes.
const PIECE_BYTES: u64 = 16;
/// The longest that a number becomes: `%.100f` of a large one, `%b` of a whole one.
const FLOAT_BYTES: u64 = 420;
const WHOLE_BYTES: u64 = 128;

type Outcome = Result<cel::Value, cel::ExecutionError>;

pub(super) fn watch(effort: &Arc<Effort>, context: &mut cel::Context) {
    let with = || Arc::clone(effort);
    let (taken, written) = (with(), with());
    let (join, join_with) = (with(), with());
    let (replace, replace_some) = (with(), with());
    let (split, split_some) = (with(), with());
    let added = [
        context.add_function(TAKEN, move |value: cel::Value| -> Outcome {
            taken.spend(texts(&value))?;
            Ok(value)
        }),
        context.add_function(WRITTEN, move |value: cel::Value| -> Outcome {
            written.spend(longest(&value))?;
            Ok(value)
        }),
        context.add_function("@join", move |list: cel::Value| join_all(&join, &list, "")),
        context.add_function("@join_with", move |list: cel::Value, by: Arc<String>| {
            join_all(&join_with, &list, &by)
        }),
        context.add_function(
            "@replace",
            move |text: Arc<String>, from: Arc<String>, to: Arc<String>| {
                replace_all(&replace, &text, &from, &to, -1)
            },
        ),
        context.add_function(
            "@replace_some",
            move |text: Arc<String>, from: Arc<String>, to: Arc<String>, times: i64| {
                replace_all(&replace_some, &text, &from, &to, times)
            },
        ),
        context.add_function("@split", move |text: Arc<String>, by: Arc<String>| {
            split_all(&split, &text, &by, -1)
        }),
        context.add_function(
            "@split_some",
            move |text: Arc<String>, by: Arc<String>, parts: i64| {
                split_all(&split_some, &text, &by, parts)
            },
        ),
    ];
    for function in added {
        function.expect("the library has no functions of these names");
    }
}

/// Of what the values are made of, what takes room: numbers do not.
fn texts(value: &cel::Value) -> u64 {
    match value {
        cel::Value::String(_) | cel::Value::Bytes(_) | cel::Value::List(_) | cel::Value::Map(_) => {
            weight(value)
        }
        // Numbers, truths and what else has no parts. The library may add such kinds.
        _ => 0,
    }
}

/// The longest text that `format` makes of the value.
#[expect(
    clippy::disallowed_methods,
    reason = "a sum is the same in whatever order a map gives its fields"
)]
fn longest(value: &cel::Value) -> u64 {
    match value {
        // As hexadecimal digits.
        cel::Value::String(text) => 2 * text.len() as u64 + 2,
        cel::Value::Bytes(bytes) => 3 * bytes.len() as u64 + 2,
        cel::Value::Float(_) => FLOAT_BYTES,
        cel::Value::List(items) => 2 + items.iter().map(|item| longest(item) + 2).sum::<u64>(),
        cel::Value::Map(map) => {
            let fields = map.map.iter();
            2 + fields
                .map(|(name, value)| name.to_string().len() as u64 + longest(value) + 4)
                .sum::<u64>()
        }
        // Whole numbers and shorter ones. The library may add such kinds.
        _ => WHOLE_BYTES,
    }
}

fn join_all(effort: &Effort, list: &cel::Value, by: &str) -> Outcome {
    let unfit = || cel::ExecutionError::function_error("join", "it takes a list of texts");
    let cel::Value::List(items) = list else {
        return Err(unfit());
    };
    let parts = items.iter().map(|item| match item {
        cel::Value::String(text) => Ok(text.as_str()),
        _ => Err(unfit()),
    });
    let parts: Vec<&str> = parts.collect::<Result<_, _>>()?;
    let long = parts.iter().map(|part| part.len() as u64).sum::<u64>();
    let between = parts.len().saturating_sub(1) as u64 * by.len() as u64;
    effort.spend(long.saturating_add(between))?;
    Ok(cel::Value::String(Arc::new(parts.join(by))))
}

/// All of them when `times` is negative.
fn replace_all(effort: &Effort, text: &str, from: &str, to: &str, times: i64) -> Outcome {
    let times = usize::try_from(times).unwrap_or(usize::MAX);
    let found = text.matches(from).take(times).count() as u64;
    let more = found.saturating_mul(to.len() as u64);
    effort.spend(more.saturating_add(text.len() as u64))?;
    let made = text.replacen(from, to, times);
    Ok(cel::Value::String(Arc::new(made)))
}

/// At most so many, the last with the rest; all of them when `parts` is negative. Nothing stands between characters.
fn split_all(effort: &Effort, text: &str, by: &str, parts: i64) -> Outcome {
    let most = usize::try_from(parts).unwrap_or(usize::MAX);
    let found = match by {
        "" => text.chars().count(),
        _ => text.matches(by).count() + 1,
    };
    let pieces = found.min(most) as u64;
    effort.spend(text.len() as u64 + pieces * PIECE_BYTES)?;
    let piece = |piece: &str| cel::Value::String(Arc::new(piece.to_owned()));
    let made: Vec<cel::Value> = match by {
        "" if most > 0 => {
            let cut = text
                .char_indices()
                .nth(most - 1)
                .map_or(text.len(), |(at, _)| at);
            let (single, rest) = text.split_at(cut);
            let mut buffer = [0; 4];
            let mut made: Vec<_> = single
                .chars()
                .map(|c| piece(c.encode_utf8(&mut buffer)))
                .collect();
            made.extend((!rest.is_empty()).then(|| piece(rest)));
            made
        }
        _ => text.splitn(most, by).map(piece).collect(),
    };
    Ok(cel::Value::List(Arc::new(made)))
}

/// A call whose parts have been bounded already.
pub(super) fn bound_call(node: &mut IdedExpr, found: &mut bool) {
    let Expr::Call(call) = &mut node.expr else {
        return;
    };
    let takes = call.args.len() + usize::from(call.target.is_some());
    let replaced = REPLACED
        .iter()
        .find(|(name, parts, _)| *name == call.func_name && *parts == takes);
    if let Some((_, _, ours)) = replaced {
        *found = true;
        call.func_name = (*ours).to_owned();
        let target = call.target.take().map(|target| *target);
        call.args = target
            .into_iter()
            .chain(std::mem::take(&mut call.args))
            .collect();
        return;
    }
    // What a macro gathers in is counted as it comes, not as a whole each time.
    let gathers = call.args.iter().any(is_of_macro);
    if gathers || !MAKES_NO_MORE.contains(&call.func_name.as_str()) {
        return;
    }
    let is_format = call.func_name == "format";
    for (at, part) in call
        .target
        .as_deref_mut()
        .into_iter()
        .chain(&mut call.args)
        .enumerate()
    {
        if is_format && at == 1 {
            wrap(part, WRITTEN, found);
        } else if !is_counted(part) {
            wrap(part, TAKEN, found);
        }
    }
}

/// Was it counted when it was made? A chain is counted where it begins, so that it does not become twice as deep.
fn is_counted(node: &IdedExpr) -> bool {
    match &node.expr {
        Expr::List(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Comprehension(_) => true,
        Expr::Call(CallExpr { func_name, .. }) => {
            let ours = func_name.starts_with('@');
            ours || func_name == "type" || MAKES_NO_MORE.contains(&func_name.as_str())
        }
        Expr::Unspecified | Expr::Literal(_) | Expr::Ident(_) | Expr::Select(_) => false,
    }
}
