//! What one evaluation of an expression may take. A macro inside a macro multiplies the lengths of two lists, a list of
//! references multiplies a value, and so does a text that replaces each letter of another one: so a short text can ask
//! for more than any machine has. The places where that happens are wrapped in functions that count, and that fail once
//! it is too much.

mod texts;

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::limits::{EXPRESSION_ITERATIONS_MAX, EXPRESSION_VALUE_BYTES_MAX};

/// Around what a macro goes through. No author can write such a name.
const WALKED: &str = "@walked";
/// Around what goes into a list or an object.
const GATHERED: &str = "@gathered";

/// Counts for one evaluation.
#[derive(Default)]
pub(super) struct Effort {
    iterations: AtomicU64,
    bytes: AtomicU64,
}

impl Effort {
    /// Has the context count for `bounded` expressions.
    pub(super) fn watch(self: &Arc<Self>, context: &mut cel::Context) {
        let effort = Arc::clone(self);
        let walked = move |list: cel::Value| effort.walk(list);
        let effort = Arc::clone(self);
        let gathered = move |value: cel::Value| effort.gather(value);
        context
            .add_function(WALKED, walked)
            .and_then(|()| context.add_function(GATHERED, gathered))
            .expect("the library has no functions of these names");
        texts::watch(self, context);
    }

    fn walk(&self, list: cel::Value) -> Result<cel::Value, cel::ExecutionError> {
        let more = match &list {
            cel::Value::List(items) => items.len(),
            cel::Value::Map(map) => map.map.len(),
            // What cannot be gone through is refused by the macro itself.
            _ => 0,
        };
        add(&self.iterations, more as u64);
        self.check()?;
        Ok(list)
    }

    fn gather(&self, value: cel::Value) -> Result<cel::Value, cel::ExecutionError> {
        self.spend(weight(&value))?;
        Ok(value)
    }

    /// Counts so many bytes, before they are made where that can be.
    fn spend(&self, bytes: u64) -> Result<(), cel::ExecutionError> {
        add(&self.bytes, bytes);
        self.check()
    }

    fn check(&self) -> Result<(), cel::ExecutionError> {
        match self.excess() {
            None => Ok(()),
            Some(excess) => Err(cel::ExecutionError::function_error("list", excess)),
        }
    }

    /// What was too much. To be asked at the end as well: `||` and `exists` pass over errors.
    pub(super) fn excess(&self) -> Option<String> {
        if self.iterations.load(Ordering::Relaxed) > EXPRESSION_ITERATIONS_MAX {
            return Some(format!(
                "its macros would go through more than {EXPRESSION_ITERATIONS_MAX} items in all; filter the lists first, or use a map step"
            ));
        }
        if self.bytes.load(Ordering::Relaxed) > EXPRESSION_VALUE_BYTES_MAX {
            return Some(format!(
                "it would gather more than {EXPRESSION_VALUE_BYTES_MAX} bytes of values; take only the fields that are needed"
            ));
        }
        None
    }
}

fn add(count: &AtomicU64, more: u64) {
    let sum = count.load(Ordering::Relaxed).saturating_add(more);
    count.store(sum, Ordering::Relaxed);
}

/// About the length of its JSON text.
#[expect(
    clippy::disallowed_methods,
    reason = "a sum is the same in whatever order a map gives its fields"
)]
fn weight(value: &cel::Value) -> u64 {
    match value {
        cel::Value::String(text) => text.len() as u64 + 2,
        cel::Value::Bytes(bytes) => bytes.len() as u64 + 2,
        cel::Value::List(items) => 2 + items.iter().map(|item| weight(item) + 1).sum::<u64>(),
        cel::Value::Map(map) => {
            let fields = map.map.iter();
            2 + fields
                .map(|(name, value)| name.to_string().len() as u64 + weight(value) + 4)
                .sum::<u64>()
        }
        // Numbers, truths and what else has no parts. The library may add such kinds.
        _ => 8,
    }
}

/// The same expression, counted; `None` when there is nothing to count.
pub(super) fn bounded(expression: &IdedExpr) -> Option<IdedExpr> {
    let mut copy = expression.clone();
    let mut found = false;
    wrap_within(&mut copy, &mut found);
    found.then_some(copy)
}

fn wrap_within(node: &mut IdedExpr, found: &mut bool) {
    match &mut node.expr {
        Expr::Unspecified | Expr::Literal(_) | Expr::Ident(_) => {}
        Expr::Select(select) => wrap_within(&mut select.operand, found),
        Expr::Call(call) => {
            for part in call.target.as_deref_mut().into_iter().chain(&mut call.args) {
                wrap_within(part, found);
            }
            texts::bound_call(node, found);
        }
        Expr::List(list) => {
            for element in &mut list.elements {
                wrap_within(element, found);
                wrap(element, GATHERED, found);
            }
        }
        Expr::Map(map) => {
            for entry in &mut map.entries {
                wrap_entry(&mut entry.expr, found);
            }
        }
        Expr::Struct(object) => {
            for entry in &mut object.entries {
                wrap_entry(&mut entry.expr, found);
            }
        }
        Expr::Comprehension(comprehension) => {
            for part in [
                &mut comprehension.iter_range,
                &mut comprehension.accu_init,
                &mut comprehension.loop_cond,
                &mut comprehension.loop_step,
                &mut comprehension.result,
            ] {
                wrap_within(part, found);
            }
            wrap(&mut comprehension.iter_range, WALKED, found);
        }
    }
}

fn wrap_entry(entry: &mut EntryExpr, found: &mut bool) {
    let value = match entry {
        EntryExpr::StructField(field) => &mut field.value,
        EntryExpr::MapEntry(entry) => &mut entry.value,
    };
    wrap_within(value, found);
    wrap(value, GATHERED, found);
}

/// Is it what a macro has gathered so far? No author can write such a name.
fn is_of_macro(node: &IdedExpr) -> bool {
    matches!(&node.expr, Expr::Ident(name) if name.starts_with('@'))
}

fn wrap(node: &mut IdedExpr, function: &str, found: &mut bool) {
    // As long as the text it was written in.
    if matches!(node.expr, Expr::Literal(_)) {
        return;
    }
    *found = true;
    let (id, inner) = (node.id, std::mem::take(node));
    node.id = id;
    node.expr = Expr::Call(CallExpr {
        func_name: function.to_owned(),
        target: None,
        args: vec![inner],
    });
}

#[cfg(test)]
mod tests {
    use crate::engine::expression::Expression;
    use crate::engine::limits::{EXPRESSION_BYTES_MAX, EXPRESSION_LEVELS_MAX};
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    fn evaluate(source: &str, values: Value) -> Result<Value, String> {
        let values: BTreeMap<String, Value> = serde_json::from_value(values).expect("an object");
        Expression::parse(source)
            .expect("it parses")
            .evaluate(&values)
    }

    #[test]
    fn macros_in_macros_go_through_no_more_than_allowed() {
        let long: Vec<u32> = (0..500_001).collect();
        let values = json!({ "few": [1, 2], "long": long });
        for source in [
            "few.map(x, long.exists(y, true))",
            "few.all(x, long.exists(y, true)) || true",
        ] {
            let error = evaluate(source, values.clone()).expect_err("twice as many");
            assert!(error.contains("1000000 items in all"), "{error}");
        }
        let square = json!({ "a": Vec::from_iter(0..30) });
        assert_eq!(
            evaluate("a.map(x, a.filter(y, y < x).size()).size()", square),
            Ok(json!(30))
        );
    }

    #[test]
    fn no_more_is_gathered_than_allowed() {
        let values = json!({ "a": Vec::from_iter(0..100), "big": "x".repeat(900_000) });
        for source in [
            "a.map(x, big).size()",
            "a.map(x, {'copy': big, 'n': x}).size()",
            "[big, big, big, big, big, big, big, big, big, big, big, big, big, big, big, big, big, big].size()",
        ] {
            let error = evaluate(source, values.clone()).expect_err("90 MB");
            assert!(error.contains("bytes of values"), "{error}");
        }
        assert_eq!(evaluate("[big, big].size()", values), Ok(json!(2)));
    }

    #[test]
    fn strings_that_are_made_on_the_way_count_too() {
        let values = json!({ "a": Vec::from_iter(0..100), "mid": "x".repeat(10_000),
            "big": "x".repeat(900_000), "o": { "k": "x".repeat(900_000) } });
        for source in [
            "a.all(x, (big + big).size() > 0)",
            "a.exists(x, (big + big).size() < 0) || true",
            "a.all(x, big.upperAscii() != big.lowerAscii())",
            "a.all(x, bytes(big).size() > 0)",
            "a.all(x, big.substring(1).reverse().trim().size() > 0)",
            "a.all(x, '%s'.format([string(x)]) + o.k != '')",
            "a.all(x, (a.map(y, y) + [x]).size() > 0 && (['b'] + [o.k]).size() > 0)",
            "mid.replace('x', mid).size()",
            "mid.replace('', mid).size()",
            "mid.replace('x', mid, 5000).size()",
            "mid.split('').join(mid).size()",
            "mid.split('', 9000).join(mid).size()",
            "a.map(x, mid).join(mid + mid + mid + mid + mid + mid + mid + mid + mid + mid + mid + mid + mid + mid + mid + mid + mid).size()",
        ] {
            let error = evaluate(source, values.clone()).expect_err(source);
            assert!(error.contains("bytes of values"), "{source}: {error}");
        }
        for source in [
            "a.map(x, mid.size() + x).size() == 100",
            "a.all(x, string(x).size() < 3)",
            "big.split('y').join('z').replace('y', big) == big",
        ] {
            assert_eq!(
                evaluate(source, values.clone()),
                Ok(json!(true)),
                "{source}"
            );
        }
    }

    #[test]
    fn the_longest_chains_need_no_deeper_stack() {
        for link in [
            " + t",
            ".trim()",
            ".replace('a','b')",
            ".format([t])",
            ".split('')[0]",
        ] {
            let most = (EXPRESSION_BYTES_MAX / link.len()).min(EXPRESSION_LEVELS_MAX - 2);
            // An index is a level of its own.
            let links = if link.ends_with(']') { most / 2 } else { most };
            let source = format!("t{}", link.repeat(links));
            let evaluated = std::thread::Builder::new()
                .stack_size(1 << 20)
                .spawn(move || evaluate(&source, json!({ "t": "a" })).is_ok());
            let evaluated = evaluated.expect("a thread").join();
            assert!(evaluated.expect("no panic"), "{link}");
        }
    }

    #[test]
    fn what_makes_strings_gives_what_it_gave() {
        let values = json!({ "t": "a-b-c", "l": ["a", "b"], "none": [], "n": 1 });
        for (source, expected) in [
            ("t.replace('-', '+')", json!("a+b+c")),
            ("t.replace('-', '+', 1)", json!("a+b-c")),
            ("t.replace('-', '+', -1)", json!("a+b+c")),
            ("t.replace('-', '+', 0)", json!("a-b-c")),
            ("'ab'.replace('', '-')", json!("-a-b-")),
            ("t.split('-')", json!(["a", "b", "c"])),
            ("t.split('-', 2)", json!(["a", "b-c"])),
            ("t.split('-', 0)", json!([])),
            ("'äb'.split('')", json!(["ä", "b"])),
            ("'abc'.split('', 2)", json!(["a", "bc"])),
            ("l.join()", json!("ab")),
            ("l.join(', ')", json!("a, b")),
            ("none.join('x')", json!("")),
            ("l.map(x, x + x).join('/')", json!("aa/bb")),
            ("'%d of %s'.format([n, t])", json!("1 of a-b-c")),
            ("t.upperAscii().substring(2, 4)", json!("B-")),
            ("[1] + [2, 3]", json!([1, 2, 3])),
            ("n + 1", json!(2)),
            ("string(n) + '%'", json!("1%")),
        ] {
            assert_eq!(evaluate(source, values.clone()), Ok(expected), "{source}");
        }
        for source in [
            "t.replace(1, 'x')",
            "n.replace('a', 'b')",
            "t.join()",
            "[1].join()",
            "n.split('')",
        ] {
            assert!(evaluate(source, values.clone()).is_err(), "{source}");
        }
    }

    #[test]
    fn what_is_counted_gives_what_it_gave() {
        let values =
            json!({ "a": [{ "n": 1, "t": ["x"] }, { "n": 2, "t": [] }], "o": { "k": null } });
        for (source, expected) in [
            (
                "a.filter(i, i.t.exists(t, t == 'x')).map(i, i.n)",
                json!([1]),
            ),
            (
                "a.map(i, i.n > 1, {'n': i.n, 'o': o})",
                json!([{ "n": 2, "o": { "k": null } }]),
            ),
            (
                "a.all(i, i.n > 0) && a.exists_one(i, i.n == 2)",
                json!(true),
            ),
            (
                "[1, 2.5, 'three', null, true, o, a[0].t, o.k]",
                json!([1, 2.5, "three", null, true, { "k": null }, ["x"], null]),
            ),
            ("o.map(key, key)", json!(["k"])),
            (
                "[[1, 2], [3]].map(l, l.map(n, n + 1))",
                json!([[2, 3], [4]]),
            ),
        ] {
            assert_eq!(evaluate(source, values.clone()), Ok(expected), "{source}");
        }
    }
}
