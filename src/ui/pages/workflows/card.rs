//! One workflow on the list. The same parts make a card and a row; the style sheet places them.

use leptos::prelude::*;

use super::address::{first_page, here, href};
use crate::rpc::workflows::{Wanted, WorkflowCard};
use crate::ui::asking::{Answers, Asking};
use crate::ui::components::{Moment, RunBadge, Sketch};
use crate::ui::format;

/// Changes when the card has to be drawn anew.
pub(super) fn key(card: &WorkflowCard) -> String {
    let run = card.last_run.as_ref();
    let run = run.map(|run| {
        (
            run.header.run_id.as_str(),
            run.status,
            run.waiting_for_people,
        )
    });
    let stands = (card.version, card.is_template, card.uses, card.deleted_at);
    format!("{} {stands:?} {run:?} {}", card.id, card.sketch.is_some())
}

#[component]
pub(super) fn Card(card: WorkflowCard, wanted: Memo<Wanted>, act: Answers) -> impl IntoView {
    let page = format!("/workflows/{}", card.slug);
    let facts = facts(&card);
    let acts = acts(&card, &page, wanted, act);
    let tags: Vec<_> = card
        .tags
        .into_iter()
        .map(|tag| tag_link(tag, wanted))
        .collect();
    let last = match (card.deleted_at, card.last_run) {
        (Some(at), _) => view! { <span class="muted">"Deleted " <Moment at /></span> }.into_any(),
        (None, Some(run)) => view! {
            <a href=format!("/runs/{}", run.header.run_id)>"Last run"</a>
            <RunBadge status=run.status for_people={run.waiting_for_people > 0} />
            <span class="muted"><Moment at=run.header.created_at /></span>
        }
        .into_any(),
        (None, None) => view! { <span class="muted">"Has not run yet"</span> }.into_any(),
    };
    view! {
        <article class="card workflow-card">
            <h2><a href=page>{card.name}</a></h2>
            <p class="workflow-says">{card.description}</p>
            {card.sketch.map(|picture| view! { <Sketch picture /> })}
            <p class="card-facts">{tags}<span class="muted">{facts}</span></p>
            <p class="card-facts workflow-last">{last}</p>
            {acts}
        </article>
    }
    .into_any()
}

/// A way to what else has this tag.
fn tag_link(tag: String, wanted: Memo<Wanted>) -> impl IntoView {
    let name = tag.clone();
    let address = move || {
        href(&Wanted {
            tag: tag.clone(),
            ..first_page(wanted.get())
        })
    };
    view! { <a class="tag" href=address>{name}</a> }
}

fn facts(card: &WorkflowCard) -> String {
    let mut facts = vec![
        format::counted(card.steps, "step"),
        format!("version {}", card.version),
    ];
    if card.is_template {
        let origin = if card.built_in {
            "built-in template"
        } else {
            "template"
        };
        facts.insert(0, origin.to_owned());
        facts.push(match card.uses {
            0 => "not used yet".to_owned(),
            uses => format!("used {}", format::counted(uses, "time")),
        });
    }
    facts.join(" · ")
}

/// Ways to where something is done, and what is done here, in one form.
fn acts(card: &WorkflowCard, page: &str, wanted: Memo<Wanted>, act: Answers) -> AnyView {
    let button = |word: &'static str, label: &'static str| {
        let whole = format!("{label} {}", card.name);
        view! { <button class="button button-small" name="act" value=word aria-label=whole disabled=move || act.busy()>{label}</button> }.into_any()
    };
    let link = |address: String, label: &'static str| {
        let whole = format!("{label} {}", card.name);
        view! { <a class="button button-small" href=address aria-label=whole>{label}</a> }
            .into_any()
    };
    let mut acts = Vec::new();
    if card.deleted_at.is_some() {
        acts.push(button("restore", "Restore"));
    } else {
        if card.is_template {
            acts.push(button("use", "Use"));
        }
        acts.push(link(format!("{page}#start"), "Run"));
        if card.can_change() {
            acts.push(link(format!("{page}/edit"), "Edit"));
        }
        if !card.is_template {
            acts.push(button("duplicate", "Duplicate"));
        }
        if card.can_change() {
            acts.push(button("delete", "Delete"));
        }
    }
    let slug = card.slug.clone();
    let back = move || here(&wanted.read());
    view! {
        <Asking answers=act class="workflow-acts">
            <input type="hidden" name="slug" value=slug />
            <input type="hidden" name="back" value=back />
            {acts}
        </Asking>
    }
    .into_any()
}
