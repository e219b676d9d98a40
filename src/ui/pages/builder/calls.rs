//! The form of what is done elsewhere: a tool that is called, another workflow that is run, somebody outside who is asked.
//! A field for each property of the input that the schema names.

use leptos::prelude::*;
use leptos::task::spawn_local;
use serde_json::{Map, Value};
use std::sync::Arc;

use super::fields::{Held, choice_field};
use super::form::{Part, StepForm, as_text, part};
use super::rows::{Rows, rows};
use super::values::{Literal, value_field};
use crate::engine::input::{Field, FieldKind, fields};
use crate::engine::upstream::Reader;
use crate::engine::workflow::{Step, StepKind};
use crate::rpc::callee::{CalleeView, callee};

/// Fields that need not be filled and are shown all the same; more of them are folded away.
const SPARE_SHOWN: usize = 2;

/// The input of a call: where it is in the step, and who reads the names in it.
#[derive(Clone)]
pub(super) struct Input {
    pub part: Part<Value>,
    /// `with`, or `compensate.with`.
    pub name: &'static str,
    pub reader: Reader,
}

/// The tool, and its input.
pub(super) fn tool_form(form: &StepForm, step: &Step) -> AnyView {
    let about = form.editor.catalogue.with_value(|catalogue| {
        let spec = step.tool.as_deref().and_then(|tool| catalogue.get(tool));
        spec.map(|spec| spec.description.clone())
            .unwrap_or_default()
    });
    let value = as_text(form.part("tool", part!(tool)));
    let choose = choice_field(
        form.field("tool", "Tool", &about),
        tool_options(form, None),
        value,
    );
    let input = Input {
        part: part!(with),
        name: "with",
        reader: form.reader(),
    };
    let schema = input_schema(form, step.tool.as_deref());
    let fields = input_fields(form, &input, schema.as_ref());
    let hint = match step.kind {
        StepKind::Wait => "When it has not said so by then, the step fails. A month when empty.",
        StepKind::ToolCall
        | StepKind::HumanGate
        | StepKind::Condition
        | StepKind::Parallel
        | StepKind::Join
        | StepKind::Transform
        | StepKind::Map
        | StepKind::Loop
        | StepKind::Subworkflow
        | StepKind::External => "That of the tool when empty.",
    };
    let waits = step.kind == StepKind::Wait;
    let label = if waits {
        "Time in all"
    } else {
        "Time for one try"
    };
    view! {
        {choose}
        {fields}
        {form.timeout("timeout_ms", label, hint, waits, part!(timeout_ms))}
    }
    .into_any()
}

/// The tools there are. `none` is what people read where there may be none.
pub(super) fn tool_options(form: &StepForm, none: Option<&str>) -> Vec<(String, String)> {
    let none = none.map(|text| (String::new(), text.to_owned()));
    form.editor.catalogue.with_value(|catalogue| {
        let tools = catalogue
            .names()
            .map(|name| (name.to_owned(), name.to_owned()));
        none.into_iter().chain(tools).collect()
    })
}

pub(super) fn input_schema(form: &StepForm, tool: Option<&str>) -> Option<Value> {
    form.editor.catalogue.with_value(|catalogue| {
        let spec = tool.and_then(|tool| catalogue.get(tool));
        spec.map(|spec| spec.input_schema.clone())
    })
}

/// A field for each property of the schema, and a row for each value that it does not name.
pub(super) fn input_fields(form: &StepForm, input: &Input, schema: Option<&Value>) -> AnyView {
    let given = (input.part.read)(&form.step().unwrap_or_default());
    if given.as_ref().is_some_and(|given| !given.is_object()) {
        // What is no input at all is mended as it stands.
        let literal = Literal::Kind(FieldKind::Json);
        let of = form.field(input.name, "Input", "It must be a JSON object.");
        return value_field(
            of,
            literal,
            input.reader.clone(),
            form.part(input.name, input.part),
        );
    }
    let known = fields(schema);
    let names: Vec<String> = known.iter().map(|field| field.name.clone()).collect();
    let one_of = schema.map(alternatives).unwrap_or_default();
    // A field has one place, filled or not: nobody looks for it twice.
    let (first, spare): (Vec<Field>, Vec<Field>) = known
        .into_iter()
        .partition(|field| field.required || one_of.contains(&field.name.as_str()));
    let is_open = opened(form, input, &spare);
    let made = |fields: Vec<Field>| -> Vec<AnyView> {
        let fields = fields.into_iter();
        fields
            .map(|field| input_field(form, input, field))
            .collect()
    };
    let first = made(first);
    let is_long = spare.len() > SPARE_SHOWN;
    let spare = made(spare);
    let spare = if is_long {
        view! {
            <details class="more" open=move || is_open.get()>
                <summary>"What else it takes"</summary>
                {spare}
            </details>
        }
        .into_any()
    } else {
        spare.into_any()
    };
    let closed = schema
        .is_some_and(|schema| schema.get("additionalProperties") == Some(&Value::Bool(false)));
    let others = others(form, input, names, !closed);
    view! { {first}{spare}{others} }.into_any()
}

/// Whether one of these fields is given, or has been while the form stood there: it does not close under the hand.
fn opened(form: &StepForm, input: &Input, fields: &[Field]) -> Memo<bool> {
    let names: Vec<String> = fields.iter().map(|field| field.name.clone()).collect();
    let read = input.part.read;
    let is_given = form.read(move |step| {
        let given = read(step);
        names.iter().any(|name| {
            given
                .as_ref()
                .is_some_and(|given| given.get(name).is_some())
        })
    });
    Memo::new(move |was: Option<&bool>| was == Some(&true) || is_given())
}

/// Of these properties the schema wants one or another.
fn alternatives(schema: &Value) -> Vec<&str> {
    let choices = ["oneOf", "anyOf"].map(|key| schema.get(key).and_then(Value::as_array));
    let required = choices.into_iter().flatten().flatten();
    let required = required.filter_map(|choice| choice.get("required")?.as_array());
    required.flatten().filter_map(Value::as_str).collect()
}

/// What holds where nothing is given, if it can be said in a word or two.
fn default_in_words(default: &Value) -> Option<String> {
    match default {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Bool(on) => Some(if *on { "yes" } else { "no" }.to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(items) if !items.is_empty() => {
            let words: Option<Vec<String>> = items.iter().map(default_in_words).collect();
            words.map(|words| words.join(", "))
        }
        Value::String(_) | Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn input_field(form: &StepForm, input: &Input, field: Field) -> AnyView {
    let label = if field.required {
        field.title.clone()
    } else {
        format!("{} (optional)", field.title)
    };
    let name = format!("{}.{}", input.name, field.name);
    let default = field.default.as_ref().and_then(default_in_words);
    let default = default.map(|default| format!("Without it: {default}."));
    let parts = [
        Some(field.description.as_str()),
        field.kind.how(),
        default.as_deref(),
    ];
    let hint: Vec<&str> = parts.into_iter().flatten().collect();
    let of = form.field(&name, &label, hint.join(" ").trim_start());
    let value = entry(form, input, &field.name);
    value_field(of, Literal::Kind(field.kind), input.reader.clone(), value)
}

/// What the schema does not name: it may be left from another tool, or the schema allows it.
fn others(form: &StepForm, input: &Input, known: Vec<String>, open: bool) -> AnyView {
    let read = input.part.read;
    let names = form.read(move |step| {
        let given = read(step);
        let given = given.as_ref().and_then(Value::as_object);
        let names = given.into_iter().flat_map(Map::keys).cloned();
        names
            .filter(|name| !known.contains(name))
            .collect::<Vec<_>>()
    });
    let names = Memo::new(move |_| names());
    let (of, input, form) = (
        form.field(input.name, "More of its input", ""),
        input.clone(),
        form.clone(),
    );
    let value = {
        let (form, input) = (form.clone(), input.clone());
        Arc::new(move |name: &str| entry(&form, &input, name))
    };
    let list = Rows {
        of,
        reader: Some(input.reader),
        names,
        value,
        open,
    };
    let shown = Memo::new(move |_| open || names.with(|names| !names.is_empty()));
    view! { {move || shown.get().then(|| rows(list.clone()))} }.into_any()
}

/// One value of the input.
fn entry(form: &StepForm, input: &Input, name: &str) -> Held<Option<Value>> {
    let Part { read, place } = input.part;
    let field = format!("{}.{name}", input.name);
    let (key, name) = (name.to_owned(), name.to_owned());
    let read = form.read(move |step| read(step)?.get(&key).cloned());
    let write = form.write(&field, move |step: &mut Step, value: Option<Value>| {
        let Some(with) = place(step) else {
            return;
        };
        let with = with.get_or_insert_with(|| Value::Object(Map::new()));
        if !with.is_object() {
            *with = Value::Object(Map::new());
        }
        let fields = with.as_object_mut();
        match (fields, value) {
            (Some(fields), Some(value)) => {
                fields.insert(name.clone(), value);
            }
            (Some(fields), None) => {
                fields.shift_remove(&name);
            }
            (None, _) => {}
        }
    });
    Held::new(read, write)
}

/// Which workflow, in which version, and its input.
pub(super) fn subworkflow_form(form: &StepForm) -> AnyView {
    let mut options = vec![(String::new(), "Choose a workflow".to_owned())];
    options.extend(form.editor.workflows.get_value());
    let choose = choice_field(
        form.field("workflow", "Workflow", ""),
        options,
        form.held(
            "workflow",
            |step| step.workflow.clone().unwrap_or_default(),
            |step, slug: String| {
                step.workflow = (!slug.is_empty()).then_some(slug);
                step.version = None;
            },
        ),
    );
    let known = asked_for(form);
    let (version_form, input_form) = (form.clone(), form.clone());
    let latest = Memo::new(move |_| known.with(|known| known.as_ref().map(|known| known.latest)));
    let version = move || version_choice(&version_form, latest.get());
    let schema =
        Memo::new(move |_| known.with(|known| known.as_ref().map(|known| known.inputs.clone())));
    let input = move || {
        let input = Input {
            part: part!(with),
            name: "with",
            reader: input_form.reader(),
        };
        schema.with(|schema| {
            input_fields(
                &input_form,
                &input,
                schema.as_ref().and_then(Option::as_ref),
            )
        })
    };
    view! {
        {choose}
        {version}
        {input}
        {form.timeout("timeout_ms", "Time in all", "A month when empty.", true, part!(timeout_ms))}
    }
    .into_any()
}

/// What the server knows of the workflow that the step names; asked again when it names another one.
fn asked_for(form: &StepForm) -> RwSignal<Option<CalleeView>> {
    let known = RwSignal::new(None);
    let named = form.read(|step| step.workflow.clone().map(|slug| (slug, step.version)));
    let named = Memo::new(move |_| named());
    Effect::new(move || {
        let Some((slug, version)) = named.get() else {
            known.set(None);
            return;
        };
        spawn_local(async move {
            // Without it the input is written as it is, and the server says what is wrong with the name.
            let answer = callee(slug.clone(), version).await.ok();
            if named.try_get_untracked().flatten() == Some((slug, version)) {
                let _ = known.try_set(answer);
            }
        });
    });
    known
}

fn version_choice(form: &StepForm, latest: Option<u32>) -> AnyView {
    let hint = "The one that is current when this workflow is published, unless another is chosen.";
    let newest = (String::new(), "The current one".to_owned());
    let numbers = (1..=latest.unwrap_or(0)).rev();
    let numbers = numbers.map(|number| (number.to_string(), format!("Version {number}")));
    choice_field(
        form.field("version", "Version", hint),
        std::iter::once(newest).chain(numbers).collect(),
        form.held(
            "version",
            |step| {
                step.version
                    .map(|version| version.to_string())
                    .unwrap_or_default()
            },
            |step, word: String| step.version = word.parse().ok(),
        ),
    )
}

/// What somebody outside is to do.
pub(super) fn external_form(form: &StepForm) -> AnyView {
    let input = Input {
        part: part!(with),
        name: "with",
        reader: form.reader(),
    };
    view! {
        {form.text("message", "What is to be done", "What the one outside reads.", 3, part!(message))}
        {input_fields(form, &input, None)}
        {form.timeout("timeout_ms", "Deadline", "When nobody has reported by then, the step fails. A month when empty.", true, part!(timeout_ms))}
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_default_is_said_where_it_is_short() {
        for (default, words) in [
            (json!("GET"), Some("GET")),
            (json!(["200-299", 404]), Some("200-299, 404")),
            (json!(false), Some("no")),
            (json!({}), None),
            (json!(null), None),
            (json!(""), None),
            (json!([]), None),
            (json!([{ "a": 1 }]), None),
        ] {
            assert_eq!(default_in_words(&default).as_deref(), words, "{default}");
        }
    }

    #[test]
    fn what_the_schema_wants_one_of_is_told() {
        let schema = json!({ "oneOf": [{ "required": ["a"] }, { "required": ["b", "c"] }, {}] });
        assert_eq!(alternatives(&schema), ["a", "b", "c"]);
        assert!(alternatives(&json!({ "oneOf": true })).is_empty());
    }
}
