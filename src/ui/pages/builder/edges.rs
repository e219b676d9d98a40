//! The form of one way between two steps.

use leptos::prelude::*;

use super::editor::{EdgeAt, Editor, Selected, edge_of};
use super::fields::{FieldOf, Held, check_field, choice_field, text_field};
use super::values::expression_field;
use super::ways::{offered, trigger_word, ways_field};
use crate::engine::edit::{self, CannotConnect};
use crate::engine::ids::StepId;
use crate::engine::upstream::Reader;
use crate::engine::workflow::{Edge, EdgeTrigger, Workflow};

#[component]
pub(super) fn EdgePanel(editor: Editor, at: EdgeAt) -> impl IntoView {
    let from = {
        let at = at.clone();
        Memo::new(move |_| {
            let draft = editor.document;
            draft.with(|draft| edge_of(draft, &at).map(|edge| edge.from.clone()))
        })
    };
    let field = |name: &str, label: &str, hint: &str| FieldOf {
        editor,
        place: Selected::Edge(at.clone()),
        name: name.to_owned(),
        label: label.to_owned(),
        hint: hint.to_owned(),
    };
    let ends = |which: End| {
        let at = at.clone();
        Memo::new(move |_| {
            let draft = editor.document;
            draft.with(|draft| possible(draft, &at, which))
        })
    };
    let remove = {
        let at = at.clone();
        move |_| remove(editor, &at)
    };
    let triggers = [
        ("", "the step has succeeded"),
        ("failed", "the step has failed (its fallback)"),
        ("rejected", "the gate was rejected"),
    ];
    let options = triggers.map(|(word, text)| (word.to_owned(), text.to_owned()));
    let trigger = part(
        editor,
        &at,
        "on",
        |edge| trigger_word(edge.on).to_owned(),
        |edge, word: String| edge.on = trigger_of(&word),
    );
    let when = part(
        editor,
        &at,
        "when",
        |edge| edge.when.clone().unwrap_or_default(),
        |edge, text: String| edge.when = (!text.is_empty()).then_some(text),
    );
    let hint = "A CEL expression, such as check.result == true, or size(probe.down) > 0.";
    let when_of = field("when", "And only when (optional)", hint);
    let condition = move || {
        let reader = Reader::Behind(from.get().unwrap_or_default());
        expression_field(when_of.clone(), reader, when.clone())
    };
    let default = part(
        editor,
        &at,
        "default",
        |edge| edge.default,
        |edge, on| edge.default = on,
    );
    let label = part(
        editor,
        &at,
        "label",
        |edge| edge.label.clone().unwrap_or_default(),
        |edge, text: String| edge.label = (!text.is_empty()).then_some(text),
    );
    view! {
        <div class="form builder-form">
            {ways_field(field("from", "From", ""), "Choose a step", ends(End::From), end(editor, &at, End::From))}
            {ways_field(field("to", "To", ""), "Choose a step", ends(End::To), end(editor, &at, End::To))}
            {choice_field(field("on", "Goes on when", ""), options.to_vec(), trigger)}
            {condition}
            {check_field(field("default", "Otherwise", "Taken when no way with a condition is."), default)}
            {text_field(field("label", "Label (optional)", "What the picture says, such as breach."), 1, label)}
            <button type="button" class="button button-small" on:click=remove>"Remove this way"</button>
        </div>
    }
    .into_any()
}

fn trigger_of(word: &str) -> Option<EdgeTrigger> {
    match word {
        "failed" => Some(EdgeTrigger::Failed),
        "rejected" => Some(EdgeTrigger::Rejected),
        _ => None,
    }
}

fn part<T: Default + 'static>(
    editor: Editor,
    at: &EdgeAt,
    field: &'static str,
    read: fn(&Edge) -> T,
    write: fn(&mut Edge, T),
) -> Held<T> {
    let (from, to) = (at.clone(), at.clone());
    Held::new(
        move || {
            let draft = editor.document;
            draft.with(|draft| edge_of(draft, &from).map(read).unwrap_or_default())
        },
        move |value| editor.change_edge(&to, field, |edge| write(edge, value)),
    )
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    From,
    To,
}

/// One end of the way. Where it cannot lead, it is said and stays.
fn end(editor: Editor, at: &EdgeAt, which: End) -> Held<String> {
    let (shown, changed) = (at.clone(), at.clone());
    Held::new(
        move || {
            let draft = editor.document;
            draft.with(|draft| {
                let edge = edge_of(draft, &shown);
                let end = edge.map(|edge| match which {
                    End::From => edge.from.to_string(),
                    End::To => edge.to.to_string(),
                });
                end.unwrap_or_default()
            })
        },
        move |id: String| {
            let moved = editor.document.with_untracked(|draft| {
                let mut draft = draft.clone();
                move_end(&mut draft, &changed, which, &id.as_str().into()).map(|()| draft)
            });
            match moved {
                Ok(moved) => editor.change(None, |draft| *draft = moved),
                Err(why) => editor.said.set(format!("Not changed: {why}.")),
            }
        },
    )
}

fn move_end(
    draft: &mut Workflow,
    at: &EdgeAt,
    which: End,
    id: &StepId,
) -> Result<(), CannotConnect> {
    let Some(old) = edge_of(draft, at).cloned() else {
        return Ok(());
    };
    let mut new = old;
    match which {
        End::From => new.from = id.clone(),
        End::To => new.to = id.clone(),
    }
    let inside = at.inside.as_ref();
    if let Some((_, edges)) = edit::level_mut(draft, inside) {
        edges.remove(at.position);
    }
    edit::can_connect(draft, &new.from, &new.to)?;
    if let Some((_, edges)) = edit::level_mut(draft, inside) {
        edges.insert(at.position.min(edges.len()), new);
    }
    Ok(())
}

fn remove(editor: Editor, at: &EdgeAt) {
    editor.change(None, |draft| {
        if let Some((_, edges)) = edit::level_mut(draft, at.inside.as_ref())
            && at.position < edges.len()
        {
            edges.remove(at.position);
        }
    });
    editor.select(Selected::Workflow);
    editor
        .said
        .set("The way is removed. Undo brings it back.".to_owned());
}

/// The steps that can be this end of the way: id and name.
fn possible(draft: &Workflow, at: &EdgeAt, which: End) -> Vec<(String, String)> {
    let Some(Edge { from, to, .. }) = edge_of(draft, at) else {
        return Vec::new();
    };
    let (possible, current) = match which {
        End::From => (edit::possible_beginnings(draft, to), from),
        End::To => (edit::possible_ends(draft, from), to),
    };
    offered(draft, at.inside.as_ref(), &possible, Some(current.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn draft() -> Workflow {
        let noop = |id: &str| json!({ "id": id, "kind": "tool_call", "tool": "util.noop" });
        serde_json::from_value(json!({
            "name": "Ways",
            "steps": [noop("a"), noop("b"), noop("c"), noop("d")],
            "edges": [{ "from": "a", "to": "b", "label": "on" }, { "from": "b", "to": "c" }],
        }))
        .expect("a workflow")
    }

    fn at(position: usize) -> EdgeAt {
        EdgeAt {
            inside: None,
            position,
        }
    }

    #[test]
    fn an_end_is_moved_with_all_that_the_way_has_and_never_into_a_circle() {
        let mut moved = draft();
        assert_eq!(move_end(&mut moved, &at(0), End::To, &"d".into()), Ok(()));
        let edge = &moved.edges[0];
        assert_eq!((edge.from.as_str(), edge.to.as_str()), ("a", "d"));
        assert_eq!(edge.label.as_deref(), Some("on"));
        let circle = move_end(&mut draft(), &at(1), End::To, &"a".into());
        assert!(matches!(circle, Err(CannotConnect::Circle { .. })));
    }

    #[test]
    fn only_steps_that_can_be_an_end_are_offered() {
        let draft = draft();
        let ids = |at: &EdgeAt, which: End| -> Vec<String> {
            let possible = possible(&draft, at, which).into_iter();
            possible.map(|(id, _)| id).collect()
        };
        // Not `a`, which would be a circle; not `b` itself.
        assert_eq!(ids(&at(1), End::To), ["c", "d"]);
        assert_eq!(ids(&at(1), End::From), ["a", "b", "d"]);
        assert_eq!(ids(&at(0), End::To), ["b", "c", "d"]);
        assert_eq!(ids(&at(0), End::From), ["a", "d"]);
    }

    #[test]
    fn ends_are_looked_for_where_the_way_is() {
        let noop = |id: &str| json!({ "id": id, "kind": "tool_call", "tool": "util.noop" });
        let body = json!({
            "steps": [noop("b"), noop("c"), noop("d")],
            "edges": [{ "from": "nobody", "to": "c" }],
        });
        let steps = json!([noop("a"), { "id": "each", "kind": "map", "body": body }]);
        let draft = serde_json::from_value(json!({ "name": "Inside", "steps": steps }));
        let draft = draft.expect("a workflow");
        let at = EdgeAt {
            inside: Some("each".into()),
            position: 0,
        };
        let ids: Vec<String> = possible(&draft, &at, End::From)
            .into_iter()
            .map(|(id, _)| id)
            .collect();
        assert_eq!(ids, ["b", "d", "nobody"]);
    }
}
