//! The form of a condition: what it asks, and where each answer leads.

use leptos::prelude::*;

use super::fields::Held;
use super::form::{StepForm, part};
use super::ways::{Leading, Led, led, offered, way_buttons, ways_field};
use crate::engine::edit::{self, Branch};
use crate::engine::ids::StepId;
use crate::engine::workflow::Workflow;

/// What may stand where no step is chosen.
const NOWHERE: &str = "nowhere yet";

pub(super) fn condition_form(form: &StepForm) -> AnyView {
    let expression = form.expression(
        "expression",
        "Condition",
        "True or false, as a CEL expression: tests.status == 200, or size(probe.down) > 0.",
        form.reader(),
        part!(expression),
    );
    view! {
        {expression}
        {branch_field(form, Branch::True, "When it is true, go to", "")}
        {branch_field(form, Branch::Otherwise, "Otherwise, go to", "")}
        {next_step(form)}
        {more_ways(form)}
    }
    .into_any()
}

/// What can be done about the two: to add what is missing, or to exchange them.
fn next_step(form: &StepForm) -> AnyView {
    let (editor, id) = (form.editor, form.id.clone());
    let both = {
        let id = id.clone();
        Memo::new(move |_| {
            let leads = |draft: &Workflow, branch| edit::branch_end(draft, &id, branch).is_some();
            let draft = editor.document;
            draft.with(|draft| leads(draft, Branch::True) && leads(draft, Branch::Otherwise))
        })
    };
    let exchange = move |_| {
        editor.change(None, |draft| edit::exchange_branches(draft, &id));
        editor.said.set("The two are exchanged.".to_owned());
    };
    view! {
        {move || {
            let exchange = exchange.clone();
            match both.get() {
                false => view! { <p class="hint">"A step that is added after this one takes the first of the two that leads nowhere."</p> }.into_any(),
                true => view! { <button type="button" class="button button-small branches-exchange" on:click=exchange>"Exchange the two"</button> }.into_any(),
            }
        }}
    }
    .into_any()
}

fn branch_field(form: &StepForm, branch: Branch, label: &str, hint: &str) -> AnyView {
    let (editor, id) = (form.editor, form.id.clone());
    let others = {
        let id = id.clone();
        Memo::new(move |_| {
            editor.document.with(|draft| {
                let inside = edit::holder_of(draft, &id).flatten();
                let current = edit::branch_end(draft, &id, branch);
                offered(
                    draft,
                    inside.as_ref(),
                    &edit::possible_ends(draft, &id),
                    current,
                )
            })
        })
    };
    let (shown, changed) = (id.clone(), id);
    let value = Held::new(
        move || {
            let end = |draft: &Workflow| edit::branch_end(draft, &shown, branch);
            let end = editor.document.with(end);
            end.map(|step| step.to_string()).unwrap_or_default()
        },
        move |to: String| {
            let to = (!to.is_empty()).then(|| StepId::new(to.as_str()));
            let led = editor.document.with_untracked(|draft| {
                let mut draft = draft.clone();
                edit::lead_branch(&mut draft, &changed, branch, to.as_ref()).map(|()| draft)
            });
            match led {
                Ok(led) => editor.change(None, |draft| *draft = led),
                Err(why) => editor.said.set(format!("Not changed: {why}.")),
            }
        },
    );
    let name = match branch {
        Branch::True => "when true",
        Branch::Otherwise => "otherwise",
    };
    ways_field(form.field(name, label, hint), NOWHERE, others, value)
}

/// Ways that are neither of the two.
fn more_ways(form: &StepForm) -> AnyView {
    let (editor, id) = (form.editor, form.id.clone());
    let more = Memo::new(move |_| editor.document.with(|draft| other_ways(draft, &id)));
    let is_more = Memo::new(move |_| more.with(|more| !more.is_empty()));
    let form = form.clone();
    view! {
        {move || is_more.get().then(|| view! {
            <p class="hint">"It leads on also:"</p>
            {way_buttons(&form, Leading::On, more)}
        })}
    }
    .into_any()
}

fn other_ways(draft: &Workflow, id: &StepId) -> Vec<Led> {
    let holder = edit::holder_of(draft, id).flatten();
    let edges = edit::level(draft, holder.as_ref()).map_or(&[][..], |(_, edges)| edges);
    let branches = edit::branch_positions(edges, id);
    let mut ways = led(draft, id, Leading::On);
    ways.retain(|way| !branches.contains(&way.at.position));
    ways
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ways_with_conditions_of_their_own_are_listed_beside_the_branches() {
        let noop = |id: &str| json!({ "id": id, "kind": "tool_call", "tool": "util.noop" });
        let draft: Workflow = serde_json::from_value(json!({
            "name": "Ways",
            "steps": [{ "id": "size", "kind": "condition", "expression": "'small'" }, noop("a"), noop("b"), noop("c"), noop("d")],
            "edges": [
                { "from": "size", "to": "a", "when": "size.result == true" },
                { "from": "size", "to": "b", "when": "size.result == 'small'" },
                { "from": "size", "to": "c", "default": true },
                { "from": "size", "to": "d", "on": "failed" },
                { "from": "b", "to": "d" },
            ],
        }))
        .expect("a workflow");
        let others = other_ways(&draft, &"size".into()).into_iter();
        let others: Vec<String> = others
            .map(|way| format!("{} {}{}", way.at.position, way.name, way.only))
            .collect();
        assert_eq!(
            others,
            ["1 B when size.result == 'small'", "3 D when it fails"]
        );
    }
}
