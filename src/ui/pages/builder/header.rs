//! The form of the workflow itself: what it is called, and what a run of it is given.

use leptos::prelude::*;
use serde_json::{Map, Value, json};

use super::editor::{Editor, Selected};
use super::fields::{FieldOf, check_field, choice_field, number_field, text_field};
use crate::engine::workflow::Workflow;

/// The kinds of fields that the small editor knows: a word, what people read, and the schema.
const KINDS: [(&str, &str, &str); 8] = [
    ("text", "Text", r#"{"type":"string"}"#),
    (
        "long",
        "Long text",
        r#"{"type":"string","format":"textarea"}"#,
    ),
    ("integer", "Whole number", r#"{"type":"integer"}"#),
    ("number", "Number", r#"{"type":"number"}"#),
    ("boolean", "Yes or no", r#"{"type":"boolean"}"#),
    ("date", "Date", r#"{"type":"string","format":"date"}"#),
    (
        "url",
        "Address (URL)",
        r#"{"type":"string","format":"uri"}"#,
    ),
    (
        "list",
        "List of texts",
        r#"{"type":"array","items":{"type":"string"}}"#,
    ),
];

#[component]
pub(super) fn WorkflowPanel(editor: Editor) -> impl IntoView {
    let field = move |name: &str, label: &str, hint: &str| FieldOf {
        editor,
        place: Selected::Workflow,
        name: name.to_owned(),
        label: label.to_owned(),
        hint: hint.to_owned(),
    };
    let read = move |part: fn(&Workflow) -> String| move || editor.document.with(part);
    let write = move |name: &'static str, part: fn(&mut Workflow, String)| {
        move |text: String| editor.change(Some(name), |draft| part(draft, text))
    };
    view! {
        <div class="form builder-form">
            {text_field(
                field("name", "Name", ""),
                1,
                read(|draft| draft.name.clone()),
                write("name", |draft, text| draft.name = text),
            )}
            {text_field(
                field("description", "Description", "What it does, for those who start it."),
                3,
                read(|draft| draft.description.clone()),
                write("description", |draft, text| draft.description = text),
            )}
            {text_field(
                field("tags", "Tags", "Words with commas between them."),
                1,
                read(|draft| draft.tags.join(", ")),
                write("tags", |draft, text| {
                    draft.tags = text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
                }),
            )}
            <InputsEditor editor />
            <details class="more">
                <summary>"Limits"</summary>
                {number_field(
                    field("timeout_ms", "Time for a run (ms)", "Then it fails. Any time when empty."),
                    move || editor.document.with(|draft| draft.timeout_ms),
                    move |ms| editor.change(Some("timeout_ms"), |draft| draft.timeout_ms = ms),
                )}
                {number_field(
                    field("max_in_flight", "Calls at once in one run", ""),
                    move || editor.document.with(|draft| draft.max_in_flight.map(u64::from)),
                    move |max: Option<u64>| editor.change(Some("max_in_flight"), |draft| {
                        draft.max_in_flight = max.and_then(|max| u32::try_from(max).ok());
                    }),
                )}
                {check_field(
                    field("compensate", "When a run fails, undo what it did", "Where its steps say how."),
                    move || editor.document.with(|draft| draft.compensate),
                    move |on| editor.change(None, |draft| draft.compensate = on),
                )}
            </details>
        </div>
    }
}

/// The fields of the input: one row each.
#[component]
fn InputsEditor(editor: Editor) -> impl IntoView {
    let names = Memo::new(move |_| {
        editor.document.with(|draft| {
            let fields = draft
                .inputs
                .as_ref()
                .and_then(|schema| schema.get("properties"));
            let fields = fields.and_then(Value::as_object);
            fields
                .map(|fields| fields.keys().cloned().collect::<Vec<_>>())
                .unwrap_or_default()
        })
    });
    let new = RwSignal::new(String::new());
    let add = move |_| {
        let name = new.get_untracked().trim().replace(' ', "_");
        if name.is_empty() {
            return;
        }
        change_inputs(editor, None, |schema| {
            let fields = part(schema, "properties", || json!({}));
            if let Some(fields) = fields.as_object_mut() {
                fields
                    .entry(name.clone())
                    .or_insert_with(|| json!({ "type": "string" }));
            }
        });
        new.set(String::new());
    };
    view! {
        <fieldset class="inputs-editor">
            <legend>"What a run is given"</legend>
            <For each=move || names.get() key=|name| name.clone() let(name)><InputRow editor name /></For>
            {move || names.with(Vec::is_empty).then(|| view! { <p class="hint">"Nothing yet. Each field becomes a part of the start form, and $input.name in the steps."</p> })}
            <div class="set-add">
                <label class="visually-hidden" for="input-new">"Name of a new input"</label>
                <input id="input-new" placeholder="name of a new field" prop:value=move || new.get() on:input:target=move |event| new.set(event.target().value()) />
                <button type="button" class="button button-small" on:click=add>"Add a field"</button>
            </div>
        </fieldset>
    }
}

#[component]
fn InputRow(editor: Editor, name: String) -> impl IntoView {
    let of = |part: &str, label: &str, hint: &str| FieldOf {
        editor,
        place: Selected::Workflow,
        name: format!("inputs.properties.{name}.{part}"),
        label: label.to_owned(),
        hint: hint.to_owned(),
    };
    let schema = {
        let name = name.clone();
        Memo::new(move |_| {
            editor.document.with(|draft| {
                let fields = draft
                    .inputs
                    .as_ref()
                    .and_then(|schema| schema.get("properties"));
                fields
                    .and_then(|fields| fields.get(&name))
                    .cloned()
                    .unwrap_or_default()
            })
        })
    };
    let required = {
        let name = name.clone();
        move || {
            editor.document.with(|draft| {
                let required = draft
                    .inputs
                    .as_ref()
                    .and_then(|schema| schema.get("required"));
                required
                    .and_then(Value::as_array)
                    .is_some_and(|names| names.iter().any(|of| *of == *name))
            })
        }
    };
    let set = {
        let name = name.clone();
        move |field: &str, change: &dyn Fn(&mut Map<String, Value>)| {
            change_inputs(editor, Some(&format!("{name} {field}")), |schema| {
                let fields = part(schema, "properties", || json!({}));
                if let Some(field) = fields.get_mut(&name).and_then(Value::as_object_mut) {
                    change(field);
                }
            });
        }
    };
    let options = KINDS.map(|(word, text, _)| (word.to_owned(), text.to_owned()));
    let (set_kind, set_title, set_default) = (set.clone(), set.clone(), set);
    let (kept, gone) = (name.clone(), name.clone());
    view! {
        <div class="input-row">
            <p class="input-name"><code>{name.clone()}</code>
                <button type="button" class="button button-small" aria-label=format!("Remove {name}") on:click=move |_| remove_input(editor, &gone)>"Remove"</button>
            </p>
            {text_field(
                of("title", "Label", ""),
                1,
                move || schema.with(|schema| text_of(schema, "title")),
                move |text: String| set_title("title", &|field| put(field, "title", &text)),
            )}
            {choice_field(
                of("type", "Kind", ""),
                options.to_vec(),
                move || schema.with(kind_of),
                move |word: String| {
                    let of_kind = KINDS.iter().find(|(kind, _, _)| *kind == word);
                    let of_kind = of_kind.and_then(|(_, _, schema)| serde_json::from_str::<Map<String, Value>>(schema).ok());
                    if let Some(of_kind) = of_kind {
                        set_kind("type", &|field| {
                            for key in ["type", "format", "items", "default", "enum"] {
                                field.shift_remove(key);
                            }
                            field.extend(of_kind.clone());
                        });
                    }
                },
            )}
            {text_field(
                of("default", "Begins as (optional)", ""),
                1,
                move || schema.with(default_of),
                move |text: String| set_default("default", &|field| put_default(field, &text)),
            )}
            {check_field(
                of("required", "Must be given", ""),
                required,
                move |on| require(editor, &kept, on),
            )}
        </div>
    }
}

fn text_of(schema: &Value, key: &str) -> String {
    schema
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// In one line, as `put_default` reads it.
fn default_of(schema: &Value) -> String {
    match schema.get("default") {
        Some(Value::Array(items)) if items.iter().all(Value::is_string) => {
            let items = items.iter().filter_map(Value::as_str);
            items.collect::<Vec<_>>().join(", ")
        }
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

fn kind_of(schema: &Value) -> String {
    let word = match (
        text_of(schema, "type").as_str(),
        text_of(schema, "format").as_str(),
    ) {
        ("string", "textarea") => "long",
        ("string", "date") => "date",
        ("string", "uri") => "url",
        ("integer", _) => "integer",
        ("number", _) => "number",
        ("boolean", _) => "boolean",
        ("array", _) => "list",
        _ => "text",
    };
    word.to_owned()
}

fn put(field: &mut Map<String, Value>, key: &str, text: &str) {
    if text.is_empty() {
        field.shift_remove(key);
    } else {
        field.insert(key.to_owned(), json!(text));
    }
}

/// As the kind of the field wants it; a text when it cannot be read so.
fn put_default(field: &mut Map<String, Value>, text: &str) {
    if text.is_empty() {
        field.shift_remove("default");
        return;
    }
    let is_text = field.get("type").and_then(Value::as_str) == Some("string");
    let is_list = field.get("type").and_then(Value::as_str) == Some("array");
    let value = match serde_json::from_str::<Value>(text) {
        Ok(value) if !is_text && (!is_list || value.is_array()) => value,
        Ok(_) | Err(_) if is_list => json!(text.split(',').map(str::trim).collect::<Vec<_>>()),
        Ok(_) | Err(_) => json!(text),
    };
    field.insert("default".to_owned(), value);
}

fn change_inputs(editor: Editor, field: Option<&str>, change: impl FnOnce(&mut Value)) {
    let field = field.map(|field| format!("input {field}"));
    editor.change(field.as_deref(), |draft| {
        let schema = draft
            .inputs
            .get_or_insert_with(|| json!({ "type": "object", "properties": {} }));
        change(schema);
        // Whatever else an author has written there stays.
        if *schema == json!({ "type": "object", "properties": {} }) {
            draft.inputs = None;
        }
    });
}

fn part<'a>(schema: &'a mut Value, key: &str, empty: fn() -> Value) -> &'a mut Value {
    if !schema.is_object() {
        *schema = json!({ "type": "object" });
    }
    let part = &mut schema[key];
    if part.is_null() {
        *part = empty();
    }
    part
}

fn require(editor: Editor, name: &str, on: bool) {
    change_inputs(editor, None, |schema| set_required(schema, name, on));
}

fn set_required(schema: &mut Value, name: &str, on: bool) {
    let Some(names) = part(schema, "required", || json!([])).as_array_mut() else {
        return;
    };
    names.retain(|of| of != name);
    if on {
        names.push(json!(name));
    }
    if names.is_empty()
        && let Some(schema) = schema.as_object_mut()
    {
        schema.shift_remove("required");
    }
}

fn remove_input(editor: Editor, name: &str) {
    change_inputs(editor, None, |schema| {
        set_required(schema, name, false);
        if let Some(fields) = part(schema, "properties", || json!({})).as_object_mut() {
            fields.shift_remove(name);
        }
    });
    editor.said.set(format!("{name} removed."));
}
