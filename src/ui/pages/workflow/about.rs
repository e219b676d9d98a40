//! What is known of a workflow beside its steps: its tags, how its version came to be, and where else it can be had.

use leptos::prelude::*;

use crate::rpc::workflows::{Named, Publishing, Wanted, WorkflowView};
use crate::ui::components::Moment;
use crate::ui::format;
use crate::ui::pages::workflows::href;

#[component]
pub(super) fn About(view: WorkflowView) -> impl IntoView {
    let WorkflowView {
        card,
        published,
        began_as,
        has_draft,
        ..
    } = view;
    let tags: Vec<_> = card
        .tags
        .into_iter()
        .map(|tag| {
            let address = href(&Wanted {
                tag: tag.clone(),
                ..Wanted::default()
            });
            view! { <a class="tag" href=address>{tag}</a> }
        })
        .collect();
    let mut facts = vec![fact(
        "Version",
        version(card.version, &card.slug, published),
    )];
    if has_draft {
        let text = "A draft of the next version has been begun.";
        facts.push(fact("Draft", text.into_any()));
    }
    if card.is_template {
        let uses = match card.uses {
            0 => "Nothing has begun as it yet.".to_owned(),
            1 => "1 workflow began as this template.".to_owned(),
            uses => format!(
                "{} began as this template.",
                format::counted(uses, "workflow")
            ),
        };
        let origin = card
            .built_in
            .then_some(" It comes with Signalbox, which keeps it up to date.");
        facts.push(fact("Template", view! { {uses} {origin} }.into_any()));
    }
    if let Some(Named { slug, name }) = began_as {
        let address = format!("/workflows/{slug}");
        facts.push(fact(
            "Began as",
            view! { <a href=address>{name}</a> }.into_any(),
        ));
    }
    let file = |format: &str| format!("/api/v1/workflows/{}/export?format={format}", card.slug);
    let files = view! {
        <a href=file("yaml") download="">"YAML"</a>
        ", "
        <a href=file("json") download="">"JSON"</a>
    };
    facts.push(fact("As a file", files.into_any()));
    view! {
        <div class="workflow-about">
            {(!tags.is_empty()).then(|| view! { <p class="card-facts">{tags}</p> })}
            <dl class="record">{facts}</dl>
        </div>
    }
}

fn fact(name: &'static str, value: AnyView) -> AnyView {
    view! { <div><dt>{name}</dt><dd>{value}</dd></div> }.into_any()
}

fn version(number: u32, slug: &str, published: Publishing) -> AnyView {
    let Publishing { at, by, note } = published;
    let all = format!("/workflows/{slug}/versions");
    let note = (!note.is_empty()).then(|| view! { <q>{note}</q> " " });
    view! {
        {format!("{number}, published ")} <Moment at /> {format!(" by {by}. ")}
        {note}
        <a href=all>"All versions"</a>
    }
    .into_any()
}
