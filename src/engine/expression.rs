//! CEL expressions: conditions on edges and `=` values. Pure, bounded, typed; there is no `eval` of anything else.
//! An expression is parsed once, when its workflow is compiled, and evaluated with the values it names.

use cel::common::ast::{EntryExpr, Expr, IdedExpr};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use super::binding::Scope;
use super::effort::{self, Effort};
use super::limits::{
    EXPRESSION_BYTES_MAX, EXPRESSION_CHAIN_MAX, EXPRESSION_DEPTH_MAX, EXPRESSION_LEVELS_MAX,
};
use super::names;

/// How many macros such as `filter` may nest: each level multiplies the work by the length of a list.
const COMPREHENSIONS_NESTED_MAX: u32 = 3;

static ENVIRONMENT: LazyLock<Arc<cel::Env>> = LazyLock::new(|| {
    let mut env = cel::Env::stdlib();
    env.add_extension(cel::extensions::strings)
        .expect("the strings extension is added once");
    Arc::new(env)
});

/// Functions an author can call by name, for the sentence that an unknown one gets.
pub(in crate::engine) const FUNCTIONS: &[&str] = &[
    "bool",
    "bytes",
    "charAt",
    "contains",
    "double",
    "dyn",
    "endsWith",
    "format",
    "indexOf",
    "int",
    "join",
    "lastIndexOf",
    "lowerAscii",
    "replace",
    "reverse",
    "size",
    "split",
    "startsWith",
    "string",
    "substring",
    "trim",
    "type",
    "uint",
    "upperAscii",
];

/// A parsed expression.
#[derive(Clone)]
pub struct Expression {
    source: String,
    program: Arc<cel::Program>,
    /// What is evaluated in its place, where it has to be counted what it takes.
    bounded: Option<Arc<IdedExpr>>,
    variables: BTreeSet<String>,
    fields: BTreeSet<(String, String)>,
    reads_only_fields: bool,
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Expression").field(&self.source).finish()
    }
}

impl Expression {
    /// Parses and checks the text. The error is a sentence for the author.
    pub fn parse(source: &str) -> Result<Self, String> {
        check_size(source)?;
        let program =
            ENVIRONMENT
                .compile(source)
                .map_err(|errors| match errors.errors.first() {
                    Some(error) => {
                        format!(
                            "`{source}` is not a CEL expression: {} (at character {})",
                            error.msg, error.pos.1
                        )
                    }
                    None => format!("`{source}` is not a CEL expression"),
                })?;
        let mut survey = Survey::default();
        survey.visit(program.expression(), &mut Vec::new(), Depth::default());
        if survey.too_deep {
            return Err(too_long());
        }
        if survey.nesting > COMPREHENSIONS_NESTED_MAX {
            return Err(format!(
                "`{source}` nests more than {COMPREHENSIONS_NESTED_MAX} macros such as `filter` or `map`; split it over two steps"
            ));
        }
        if let Some(unknown) = survey
            .functions
            .iter()
            .find(|name| !FUNCTIONS.contains(&name.as_str()))
        {
            return Err(format!(
                "`{source}` calls `{unknown}`, which does not exist; there are {}",
                FUNCTIONS.join(", ")
            ));
        }
        Ok(Self {
            source: source.to_owned(),
            bounded: effort::bounded(program.expression()).map(Arc::new),
            program: Arc::new(program),
            variables: survey.variables,
            reads_only_fields: survey.names == survey.selected,
            fields: survey.fields.difference(&survey.tested).cloned().collect(),
        })
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    /// The top-level names it reads: `input`, `context` or step ids.
    pub fn variables(&self) -> &BTreeSet<String> {
        &self.variables
    }

    /// What it reads straight from a variable, `("host", "load")` of `host.load > 2`, and counts on: not what it asks for
    /// first, as in `has(host.load)`.
    pub fn fields(&self) -> &BTreeSet<(String, String)> {
        &self.fields
    }

    /// Whether it goes through lists or makes texts, so that what it takes has to be counted.
    pub fn is_bounded(&self) -> bool {
        self.bounded.is_some()
    }

    /// The one field of the one variable that it reads, where the rest of that variable makes no difference to it.
    pub fn sole_field(&self) -> Option<(&str, &str)> {
        if !self.reads_only_fields || self.fields.len() != 1 {
            return None;
        }
        let (name, field) = self.fields.first()?;
        Some((name, field))
    }

    /// Evaluates with the values that the scope gives for each of `variables()`. The error is a sentence.
    pub fn evaluate(&self, scope: &impl Scope) -> Result<Value, String> {
        let mut context = cel::Context::with_env(Arc::clone(&ENVIRONMENT));
        for name in &self.variables {
            let value = scope.lookup(name).ok_or_else(|| {
                format!("`{}` reads `{name}`, which has no value here", self.source)
            })?;
            context.add_variable_from_value(name.as_str(), to_cel(&value));
        }
        let effort = Arc::new(Effort::default());
        let result = match &self.bounded {
            None => self.program.execute(&context),
            Some(bounded) => {
                effort.watch(&mut context);
                context.resolve(bounded)
            }
        };
        if let Some(excess) = effort.excess() {
            return Err(format!("`{}` is too much work: {excess}", self.source));
        }
        let result = result.map_err(|error| format!("`{}` failed: {error}", self.source))?;
        let mut value = result
            .json()
            .map_err(|_| format!("`{}` gives a value that JSON cannot hold", self.source))?;
        // The library's maps have no order; a log must read the same on every replay.
        value.sort_all_objects();
        Ok(value)
    }

    /// As `evaluate`, for conditions: anything but true or false is an error, never a guess.
    pub fn holds(&self, scope: &impl Scope) -> Result<bool, String> {
        match self.evaluate(scope)? {
            Value::Bool(truth) => Ok(truth),
            other => Err(format!(
                "`{}` must give true or false; it gave {other}",
                self.source
            )),
        }
    }
}

fn too_long() -> String {
    format!(
        "the expression chains or nests more than {EXPRESSION_LEVELS_MAX} operations; split it over two steps"
    )
}

/// Does the parser look at it at all? What is too long or too deep is refused before.
pub(in crate::engine) fn is_parsed(source: &str) -> bool {
    check_size(source).is_ok()
}

fn check_size(source: &str) -> Result<(), String> {
    if source.trim().is_empty() {
        return Err("the expression is empty".to_owned());
    }
    if source.len() > EXPRESSION_BYTES_MAX {
        return Err(format!(
            "the expression has {} bytes; {EXPRESSION_BYTES_MAX} are allowed",
            source.len()
        ));
    }
    let mut depth = 0usize;
    let mut deepest = 0usize;
    let mut prefix_operators = 0usize;
    for c in source.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        // `!!!!…` and `----…` recurse in the parser without any bracket, and so does `a?b:c?d:e…`.
        prefix_operators = if matches!(c, '!' | '-') {
            prefix_operators + 1
        } else {
            0
        };
        deepest = deepest.max(depth).max(prefix_operators);
    }
    let ternaries = source.matches('?').count();
    if deepest.max(ternaries) > EXPRESSION_DEPTH_MAX {
        return Err(format!(
            "the expression nests deeper than {EXPRESSION_DEPTH_MAX} levels"
        ));
    }
    if names::longest_chain(source) > EXPRESSION_CHAIN_MAX {
        return Err(too_long());
    }
    Ok(())
}

/// What an expression reads and calls. Names bound by a macro (`d` in `disks.filter(d, …)`) are not reads.
#[derive(Default)]
struct Survey {
    variables: BTreeSet<String>,
    fields: BTreeSet<(String, String)>,
    /// Fields that it asks for with `has`.
    tested: BTreeSet<(String, String)>,
    /// How often it names a variable, and how often to read a field of it.
    names: usize,
    selected: usize,
    functions: BTreeSet<String>,
    nesting: u32,
    too_deep: bool,
}

/// Where in the expression a node stands.
#[derive(Clone, Copy, Default)]
struct Depth {
    levels: usize,
    macros: u32,
}

impl Survey {
    fn visit(&mut self, node: &IdedExpr, bound: &mut Vec<String>, above: Depth) {
        let at = Depth {
            levels: above.levels + 1,
            ..above
        };
        if at.levels > EXPRESSION_LEVELS_MAX {
            self.too_deep = true;
            return;
        }
        match &node.expr {
            Expr::Unspecified | Expr::Literal(_) => {}
            Expr::Ident(name) => {
                if !name.starts_with('@') && !bound.contains(name) {
                    self.variables.insert(name.clone());
                    self.names += 1;
                }
            }
            Expr::Select(select) => {
                if let Expr::Ident(name) = &select.operand.expr
                    && !bound.contains(name)
                {
                    let read = (name.clone(), select.field.clone());
                    if select.test {
                        self.tested.insert(read);
                    } else {
                        self.fields.insert(read);
                        self.selected += 1;
                    }
                }
                self.visit(&select.operand, bound, at);
            }
            Expr::Call(call) => {
                // Operators have names such as `_+_`; what looks like a word was written by the author.
                let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
                if call.func_name.chars().all(is_word) {
                    self.functions.insert(call.func_name.clone());
                }
                for part in call.target.as_deref().into_iter().chain(&call.args) {
                    self.visit(part, bound, at);
                }
            }
            Expr::List(list) => list
                .elements
                .iter()
                .for_each(|element| self.visit(element, bound, at)),
            Expr::Map(map) => map
                .entries
                .iter()
                .for_each(|entry| self.visit_entry(&entry.expr, bound, at)),
            Expr::Struct(object) => object
                .entries
                .iter()
                .for_each(|entry| self.visit_entry(&entry.expr, bound, at)),
            Expr::Comprehension(comprehension) => {
                let within = Depth {
                    macros: at.macros + 1,
                    ..at
                };
                self.nesting = self.nesting.max(within.macros);
                self.visit(&comprehension.iter_range, bound, at);
                self.visit(&comprehension.accu_init, bound, at);
                let depth = bound.len();
                bound.push(comprehension.iter_var.clone());
                bound.extend(comprehension.iter_var2.clone());
                bound.push(comprehension.accu_var.clone());
                for part in [
                    &comprehension.loop_cond,
                    &comprehension.loop_step,
                    &comprehension.result,
                ] {
                    self.visit(part, bound, within);
                }
                bound.truncate(depth);
            }
        }
    }

    fn visit_entry(&mut self, entry: &EntryExpr, bound: &mut Vec<String>, at: Depth) {
        match entry {
            EntryExpr::StructField(field) => self.visit(&field.value, bound, at),
            EntryExpr::MapEntry(entry) => {
                self.visit(&entry.key, bound, at);
                self.visit(&entry.value, bound, at);
            }
        }
    }
}

/// JSON numbers without a fraction become CEL ints (not uints), so that `a + 1` works on every whole number.
fn to_cel(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(truth) => cel::Value::Bool(*truth),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => cel::Value::Int(whole),
            None => cel::Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => cel::Value::String(Arc::new(text.clone())),
        Value::Array(items) => cel::Value::List(Arc::new(items.iter().map(to_cel).collect())),
        Value::Object(fields) => {
            let map: std::collections::HashMap<cel::objects::Key, cel::Value> = fields
                .iter()
                .map(|(name, value)| {
                    (
                        cel::objects::Key::String(Arc::new(name.clone())),
                        to_cel(value),
                    )
                })
                .collect();
            cel::Value::Map(cel::objects::Map { map: Arc::new(map) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeMap;

    fn check(source: &str, values: Value, expected: Value) {
        let values: BTreeMap<String, Value> = serde_json::from_value(values).expect("an object");
        let expression = Expression::parse(source).expect("it parses");
        assert_eq!(expression.evaluate(&values), Ok(expected), "{source}");
    }

    #[test]
    fn expressions_read_json_as_people_expect() {
        check("a + 1", json!({"a": 2}), json!(3));
        check("a > 1.5", json!({"a": 2}), json!(true));
        check(
            "a.b.size() > 0 && a.b[0] == 'x'",
            json!({"a": {"b": ["x"]}}),
            json!(true),
        );
        check(
            "d.filter(x, x.used > limit)",
            json!({"d": [{"used": 91.5}, {"used": 3}], "limit": 90}),
            json!([{"used": 91.5}]),
        );
        check(
            "d.map(x, {'what': x.name})",
            json!({"d": [{"name": "n"}]}),
            json!([{"what": "n"}]),
        );
        check("has(a.c) ? a.c : 'none'", json!({"a": {}}), json!("none"));
        check("a == null", json!({"a": null}), json!(true));
        check("string(a) + '%'", json!({"a": 12.5}), json!("12.5%"));
    }

    #[test]
    fn names_bound_by_a_macro_are_not_reads() {
        let expression = Expression::parse("d.filter(x, x > limit).size() > 0").expect("it parses");
        assert_eq!(
            expression.variables().iter().collect::<Vec<_>>(),
            ["d", "limit"]
        );
    }

    #[test]
    fn what_reads_one_field_and_nothing_else_is_known() {
        for (source, expected) in [
            ("d.a == 200", Some(("d", "a"))),
            ("d.a >= 200 && d.a < 300", Some(("d", "a"))),
            ("[200, 204].exists(n, n == d.a)", Some(("d", "a"))),
            ("d.a == d.b", None),
            ("d.a == 200 || input.force", None),
            ("has(d.a) && d.a == 200", None),
            ("has(d.b) && d.a == 200", None),
            ("size(d) > 1 && d.a == 200", None),
            ("'b' in d || d.a == 200", None),
            ("1 == 1", None),
        ] {
            let expression = Expression::parse(source).expect("it parses");
            assert_eq!(expression.sole_field(), expected, "{source}");
        }
    }

    #[test]
    fn the_fields_that_it_counts_on_are_known() {
        for (source, expected) in [
            ("d.a > 1 && d.b.c == 'x'", &["d.a", "d.b"][..]),
            ("has(d.a) ? d.a : d.b", &["d.b"]),
            (
                "d.list.filter(x, x.used > limit.max)",
                &["d.list", "limit.max"],
            ),
            ("d['a'] == d", &[]),
        ] {
            let expression = Expression::parse(source).expect("it parses");
            let fields = expression.fields().iter();
            let fields: Vec<String> = fields
                .map(|(name, field)| format!("{name}.{field}"))
                .collect();
            assert_eq!(fields, expected, "{source}");
        }
    }

    #[test]
    fn what_is_not_an_expression_is_refused_with_a_sentence() {
        for source in [
            "",
            "  ",
            "1 +",
            "a b",
            "(((",
            "exec('x')",
            "__import__('os')",
            "a.b(",
        ] {
            assert!(Expression::parse(source).is_err(), "{source}");
        }
        assert!(Expression::parse(&"(".repeat(100_000)).is_err());
        assert!(Expression::parse(&"!".repeat(4_000)).is_err());
        assert!(Expression::parse(&format!("{}1{}", "[".repeat(33), "]".repeat(33))).is_err());
        let bomb = "a.map(x, a.map(y, a.map(z, a.map(w, w))))";
        assert!(
            Expression::parse(bomb)
                .expect_err("four levels")
                .contains("nests more than")
        );
    }

    #[test]
    fn long_chains_are_refused_before_they_exhaust_the_stack() {
        let chain = |terms: usize| vec!["1"; terms].join("+");
        let longest = Expression::parse(&chain(EXPRESSION_LEVELS_MAX)).expect("it parses");
        assert_eq!(
            longest.evaluate(&BTreeMap::new()),
            Ok(json!(EXPRESSION_LEVELS_MAX))
        );
        for bomb in [
            chain(EXPRESSION_LEVELS_MAX + 1),
            chain(2_000),
            format!("a{}", ".b".repeat(2_000)),
            format!("a{}", "[0]".repeat(1_300)),
            format!("a{}", ".trim()".repeat(580)),
        ] {
            assert!(bomb.len() <= EXPRESSION_BYTES_MAX);
            assert!(
                Expression::parse(&bomb)
                    .expect_err("too many operations")
                    .contains("split it over two steps"),
            );
        }
    }

    #[test]
    fn a_condition_that_is_not_a_boolean_is_an_error() {
        let expression = Expression::parse("a").expect("it parses");
        let values = BTreeMap::from([("a".to_owned(), json!(1))]);
        assert!(
            expression
                .holds(&values)
                .expect_err("a number")
                .contains("true or false")
        );
        assert!(expression.evaluate(&BTreeMap::new()).is_err());
    }
}
