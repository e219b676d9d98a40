//! What a run is given: a small editor of JSON Schema, one row for each field of the start form. What it has no control for
//! stays as its author wrote it, and can be written as JSON.

use leptos::prelude::*;
use serde_json::{Map, Value, json};

use super::editor::{Editor, Selected};
use super::fields::{FieldOf, Frame, Held, check_field, choice_field, lines_field, text_field};
use super::findings::Wrong;
use super::input_schema::{
    KINDS, OTHER, bound_of, choices_of, default_of, is_required, kind_of, move_field, names_of,
    opened, part, put, put_bound, put_default, put_kind, read_schema, set_required, text_of,
};
use super::suggesting::is_composing;

#[component]
pub(super) fn InputsEditor(editor: Editor) -> impl IntoView {
    let names = Memo::new(move |_| {
        let draft = editor.document;
        draft.with(|draft| names_of(draft.inputs.as_ref()))
    });
    let new = RwSignal::new(String::new());
    let problem = RwSignal::new(None::<&'static str>);
    let add = move || {
        let name = new.get_untracked().trim().replace(' ', "_");
        let is_there = names.with_untracked(|names| names.contains(&name));
        problem.set(match (name.is_empty(), is_there) {
            (true, _) => Some("Give it a name."),
            (false, true) => Some("There is one of that name already."),
            (false, false) => None,
        });
        if problem.get_untracked().is_some() {
            return;
        }
        change_inputs(editor, None, |schema| {
            let fields = part(schema, "properties", || json!({}));
            if let Some(fields) = fields.as_object_mut() {
                fields.insert(name, json!({ "type": "string" }));
            }
        });
        new.set(String::new());
    };
    let key = move |event: leptos::ev::KeyboardEvent| {
        if event.key() == "Enter" && !is_composing(&event) {
            event.prevent_default();
            add();
        }
    };
    let wrong = move || {
        let findings = editor.findings_of(&Selected::Workflow).into_iter();
        let of_all = |field: &str| field == "inputs" || field.starts_with("inputs.required");
        findings
            .filter(|finding| finding.field.as_deref().is_some_and(of_all))
            .map(|finding| Wrong::from(finding).whole(editor))
            .collect::<Vec<_>>()
    };
    view! {
        <fieldset class="inputs-editor">
            <legend>"What a run is given"</legend>
            {wrong}
            <For each=move || names.get() key=|name| name.clone() let(name)><InputRow editor name /></For>
            {move || names.with(Vec::is_empty).then(|| view! { <p class="hint">"Nothing yet. Each field becomes a part of the start form, and $input.name in the steps."</p> })}
            <div class="set-add">
                <label class="visually-hidden" for="input-new">"Name of a new input"</label>
                <input id="input-new" aria-describedby="input-new-hint" placeholder="new field" autocomplete="off" aria-invalid=move || problem.get().map(|_| "true") prop:value=move || new.get() on:keydown=key
                    on:input:target=move |event| { problem.set(None); new.set(event.target().value()); } />
                <button type="button" class="button button-small" on:click=move |_| add()>"Add a field"</button>
            </div>
            <p class="hint" id="input-new-hint" role="alert">{move || problem.get().map(|problem| view! { <span class="field-error">{problem}</span> })}</p>
        </fieldset>
    }
}

/// One property of the schema.
#[derive(Clone)]
struct Input {
    editor: Editor,
    name: String,
    schema: Memo<Value>,
}

impl Input {
    fn new(editor: Editor, name: String) -> Self {
        let of = name.clone();
        let schema = Memo::new(move |_| {
            editor.document.with(|draft| {
                let fields = draft
                    .inputs
                    .as_ref()
                    .and_then(|schema| schema.get("properties"));
                let field = fields.and_then(|fields| fields.get(&of));
                field.cloned().unwrap_or_default()
            })
        });
        Self {
            editor,
            name,
            schema,
        }
    }

    fn field(&self, part: &str, label: &str, hint: &str) -> FieldOf {
        FieldOf {
            editor: self.editor,
            place: Selected::Workflow,
            name: format!("inputs.properties.{}.{part}", self.name),
            label: label.to_owned(),
            hint: hint.to_owned(),
        }
    }

    fn held<T: 'static>(
        &self,
        part: &'static str,
        read: fn(&Value) -> T,
        write: fn(&mut Map<String, Value>, T),
    ) -> Held<T> {
        let (schema, input) = (self.schema, self.clone());
        Held::new(
            move || schema.with(read),
            move |value| {
                input.change(part, |field| {
                    if let Some(field) = opened(field) {
                        write(field, value);
                    }
                });
            },
        )
    }

    /// Changes its schema as a whole.
    fn change(&self, part: &str, change: impl FnOnce(&mut Value)) {
        let field = format!("{} {part}", self.name);
        change_inputs(self.editor, Some(&field), |schema| {
            let fields = super::input_schema::part(schema, "properties", || json!({}));
            if let Some(field) = fields.get_mut(&self.name) {
                change(field);
            }
        });
    }
}

#[component]
fn InputRow(editor: Editor, name: String) -> impl IntoView {
    let input = Input::new(editor, name.clone());
    let mut options = KINDS
        .map(|(word, text, _)| (word.to_owned(), text.to_owned()))
        .to_vec();
    options.push((OTHER.to_owned(), "Something else (JSON Schema)".to_owned()));
    let kind = input.held("type", kind_of, put_kind);
    let word = kind.memo();
    // Somebody wants to see the schema itself, whatever kind it is: nothing is changed by that.
    let as_schema = RwSignal::new(false);
    // While the schema itself is typed its field stays, whatever kind it comes to be on the way.
    let typing = RwSignal::new(false);
    let control = Memo::new(move |_| match as_schema.get() || typing.get() {
        true => OTHER.to_owned(),
        false => word.get(),
    });
    // Another kind leaves behind what was typed, readable or not.
    let chosen = Held::new(
        move || control.get(),
        move |chosen: String| {
            typing.set(false);
            as_schema.set(chosen == OTHER);
            if chosen != OTHER && word.with_untracked(|word| *word != chosen) {
                kind.set(chosen);
            }
        },
    );
    let by_kind = {
        let input = input.clone();
        move || by_kind(&input, &control.get(), typing)
    };
    let required = {
        let (shown, changed) = (name.clone(), name.clone());
        Held::new(
            move || {
                editor
                    .document
                    .with(|draft| is_required(draft.inputs.as_ref(), &shown))
            },
            move |on| change_inputs(editor, None, |schema| set_required(schema, &changed, on)),
        )
    };
    let acts = {
        let act = |label: &str, text: &'static str, act: fn(Editor, &str)| {
            let (label, name) = (format!("{label} {name}"), name.clone());
            view! { <button type="button" class="button button-small" aria-label=label on:click=move |_| act(editor, &name)>{text}</button> }
        };
        view! {
            <span class="input-acts">
                {act("Move up", "↑", |editor, name| move_input(editor, name, -1))}
                {act("Move down", "↓", |editor, name| move_input(editor, name, 1))}
                {act("Remove", "Remove", remove_input)}
            </span>
        }
    };
    let text = |key: &'static str| match key {
        "title" => input.held(
            "title",
            |schema| text_of(schema, "title"),
            |field, text: String| put(field, "title", &text),
        ),
        _ => input.held(
            "description",
            |schema| text_of(schema, "description"),
            |field, text: String| put(field, "description", &text),
        ),
    };
    view! {
        <div class="input-row">
            <div class="input-name"><code>{name.clone()}</code>{acts}</div>
            {text_field(input.field("title", "Label", ""), 1, text("title"))}
            {choice_field(input.field("type", "Kind", ""), options, chosen)}
            {by_kind}
            {check_field(input.field("required", "Must be given", ""), required)}
            {text_field(input.field("description", "Help (optional)", "Shown beneath the field of the start form."), 1, text("description"))}
        </div>
    }
}

/// What depends on the kind.
fn by_kind(input: &Input, kind: &str, typing: RwSignal<bool>) -> AnyView {
    if kind == OTHER {
        return schema_field(input, typing);
    }
    let (lines, hint) = match kind {
        "list" | "urls" => (3, "One a line."),
        "long" => (3, ""),
        _ => (1, ""),
    };
    let begins = text_field(
        input.field("default", "Begins as (optional)", hint),
        lines,
        input.held("default", default_of, |field, text: String| {
            put_default(field, &text)
        }),
    );
    let more = match kind {
        "choice" => lines_field(
            input.field("enum", "Choices", "One a line."),
            input.held("enum", choices_of, |field, choices| {
                field.insert("enum".to_owned(), json!(choices));
            }),
        ),
        "integer" | "number" => {
            let least = input.held(
                "minimum",
                |schema| bound_of(schema, "minimum"),
                |field, text: String| put_bound(field, "minimum", &text),
            );
            let most = input.held(
                "maximum",
                |schema| bound_of(schema, "maximum"),
                |field, text: String| put_bound(field, "maximum", &text),
            );
            view! {
                {text_field(input.field("minimum", "At least (optional)", ""), 1, least)}
                {text_field(input.field("maximum", "At most (optional)", ""), 1, most)}
            }
            .into_any()
        }
        _ => ().into_any(),
    };
    view! { {more}{begins} }.into_any()
}

/// The whole schema of the field as JSON. What is no JSON yet stays in the field and changes nothing. `typing`: it is being
/// written.
fn schema_field(input: &Input, typing: RwSignal<bool>) -> AnyView {
    let schema = input.schema;
    let as_text = |schema: &Value| serde_json::to_string_pretty(schema).unwrap_or_default();
    let typed = RwSignal::new(schema.with_untracked(as_text));
    // What cannot be read yet stays in the field, however long its writer looks elsewhere. A field that is taken away while
    // it is written loses the focus when it has no state left.
    let is_unfinished = move || {
        let read = typed.try_with_untracked(|typed| read_schema(typed));
        read.is_some_and(|read| read.is_err())
    };
    Effect::new(move || {
        let now = schema.get();
        // Half-written, it waits for its writer.
        if typing.get_untracked() && is_unfinished() {
            return;
        }
        if typed.with_untracked(|typed| read_schema(typed).as_ref() != Ok(&now)) {
            typed.set(as_text(&now));
        }
    });
    let problem = move || typed.with(|typed| read_schema(typed).err());
    let frame = Frame::with_problem(input.field("schema", "JSON Schema", ""), problem);
    let (id, hint, invalid) = (frame.id.clone(), frame.hint.clone(), frame.invalid());
    let input = input.clone();
    let change = move |text: String| {
        if let Ok(schema) = read_schema(&text) {
            input.change("schema", |field| *field = schema);
        }
        typed.set(text);
    };
    // A row that is removed while it is written has no state left.
    let mark = move |on: bool| {
        let _ = typing.try_set(on);
    };
    let control = view! {
        <textarea id=id class="code" rows="5" spellcheck="false" aria-describedby=hint aria-invalid=invalid prop:value=move || typed.get()
            on:focus=move |_| mark(true) on:blur=move |_| mark(is_unfinished()) on:input:target=move |event| change(event.target().value())></textarea>
    };
    frame.around(control.into_any())
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

fn remove_input(editor: Editor, name: &str) {
    change_inputs(editor, None, |schema| {
        set_required(schema, name, false);
        if let Some(fields) = part(schema, "properties", || json!({})).as_object_mut() {
            fields.shift_remove(name);
        }
    });
    editor.said.set(format!("{name} removed."));
}

fn move_input(editor: Editor, name: &str, places: i32) {
    editor.rearrange(|draft| {
        if let Some(schema) = &mut draft.inputs {
            move_field(schema, name, places);
        }
    });
    let way = if places < 0 { "up" } else { "down" };
    editor.said.set(format!("{name} moved {way}."));
}
