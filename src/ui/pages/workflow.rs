//! One workflow: what it does, how its current version came to be, what can be done with it, and the form that starts it.

mod about;
mod start;
mod triggers;

use leptos::html;
use leptos::prelude::*;
use leptos_meta::Title;

use super::param;
use crate::engine::plan::Outline;
use crate::rpc::error::PageError;
use crate::rpc::views::RefusedStart;
use crate::rpc::workflows::{ActOnWorkflow, WorkflowCard, WorkflowView, workflow};
use crate::ui::asking::{Answers, Asking, Refusal};
use crate::ui::components::{Drawing, Failure, Moment, RunList, branch_labels};
use crate::ui::news::News;
use about::About;
pub(super) use start::FormField;
use start::StartForm;
use triggers::TriggersSection;

#[component]
pub fn WorkflowPage() -> impl IntoView {
    let slug = param("slug");
    let act = Answers::of::<ActOnWorkflow>("slug");
    // What the server refused travels with the page, so that hydration finds the same form. It is said once, of the
    // workflow that the page came with.
    let refused_start =
        SharedValue::new(|| use_context::<RefusedStart>().unwrap_or_default()).into_inner();
    let came_with = StoredValue::new(Some(refused_start));
    // Another workflow in this one's place is another page: what was typed, asked and refused here is not about that one.
    view! {
        <For each=move || [slug.get()] key=String::clone let(slug)>
            {of_slug(slug, act, came_with.try_update_value(Option::take).flatten())}
        </For>
    }
}

/// `came_with`: what was refused before the page was loaded, if this is the workflow it was loaded for.
fn of_slug(slug: String, act: Answers, came_with: Option<RefusedStart>) -> AnyView {
    let news = RwSignal::new(None);
    let said = use_context::<News>().and_then(|news| news.take(&format!("/workflows/{slug}")));
    // Only what comes into a place that is there is read out.
    Effect::new(move || news.set(said.clone()));
    let asked = slug.clone();
    let view = Resource::new(move || act.count(), move |_| workflow(asked.clone()));
    let is_first = came_with.is_some();
    let refused = Signal::derive({
        let slug = slug.clone();
        move || {
            let beforehand = || is_first.then(|| act.refusal_beforehand()).flatten();
            act.refusal_of(&slug).or_else(beforehand)
        }
    });
    let refused_start = came_with.unwrap_or_default();
    view! {
        <div role="status">{move || news.get().map(|news| view! { <p class="notice notice-accepted">{news}</p> })}</div>
        <Refusal error=refused />
        <Transition fallback=|| view! { <p class="muted">"Loading…"</p> }>
            {move || {
                let refused_start = refused_start.clone();
                Suspend::new(async move { show(view.await, refused_start, act) })
            }}
        </Transition>
        <TriggersSection slug />
    }
    .into_any()
}

fn show(view: Result<WorkflowView, PageError>, refused: RefusedStart, act: Answers) -> AnyView {
    let view = match view {
        Ok(view) => view,
        Err(error) => {
            return view! { <Title text="Workflow" /><h1>"Workflow"</h1><Failure error /> }
                .into_any();
        }
    };
    let about = view! { <About view=view.clone() /> }.into_any();
    let WorkflowView {
        card,
        outline,
        picture,
        fields,
        recent,
        now,
        ..
    } = view;
    let action = format!("/workflows/{}", card.slug);
    let acts = acts(&card, act);
    let too_many_steps = match card.can_change() {
        true => "It has too many steps for a picture here; the builder draws them all.",
        false => "It has too many steps for a picture here.",
    };
    let start = match card.deleted_at {
        Some(_) => view! { <DeletedNotice card=card.clone() act /> }.into_any(),
        None => view! {
            <section id=start::ANCHOR aria-labelledby="start-title">
                <h2 id="start-title">"Start a run"</h2>
                <StartForm action fields refused />
            </section>
        }
        .into_any(),
    };
    view! {
        <Title text=card.name.clone() />
        <div class="page-head workflow-head">
            <h1>{card.name}</h1>
            {acts}
        </div>
        <p class="lead">{card.description}</p>
        {about}
        <div class="columns">
            {start}
            {steps(&outline)}
        </div>
        {match picture {
            Some(picture) => view! { <Drawing picture outline /> }.into_any(),
            None => view! { <p class="muted">{too_many_steps}</p> }.into_any(),
        }}
        {(!recent.is_empty()).then(|| view! {
            <section aria-labelledby="recent-title">
                <h2 id="recent-title">"Recent runs"</h2>
                <RunList runs=recent now />
            </section>
        })}
    }
    .into_any()
}

fn steps(outline: &Outline) -> AnyView {
    let steps: Vec<_> = outline
        .steps
        .iter()
        .enumerate()
        .map(|(at, step)| {
            let labels: Vec<_> = branch_labels(outline, at).into_iter().map(|label| view! { <span class="tag">{label}</span> }).collect();
            let what = step.tool.clone().unwrap_or_else(|| step.kind.as_str().replace('_', " "));
            view! { <li><span>{step.name.clone()}</span> " " {labels} <code class="muted">{what}</code></li> }
        })
        .collect();
    view! {
        <section aria-labelledby="steps-title">
            <h2 id="steps-title">"What it does"</h2>
            <ol class="outline">{steps}</ol>
        </section>
    }
    .into_any()
}

/// What can be done with it besides running it.
fn acts(card: &WorkflowCard, act: Answers) -> AnyView {
    if card.deleted_at.is_some() {
        return ().into_any();
    }
    let button = |word: &'static str, label: &'static str| {
        view! { <button class="button" name="act" value=word disabled=move || act.busy()>{label}</button> }.into_any()
    };
    let mut acts = Vec::new();
    if card.is_template {
        acts.push(button("use", "Use this template"));
    }
    if card.can_change() {
        let address = format!("/workflows/{}/edit", card.slug);
        acts.push(view! { <a class="button" href=address>"Edit"</a> }.into_any());
    }
    if !card.is_template {
        acts.push(button("duplicate", "Duplicate"));
        acts.push(button("save_as_template", "Save as template"));
    }
    if card.can_change() {
        if card.is_template {
            acts.push(button("withdraw_template", "No longer a template"));
        }
        acts.push(button("delete", "Delete"));
    }
    let slug = card.slug.clone();
    view! {
        <Asking answers=act class="workflow-head-acts">
            <input type="hidden" name="slug" value=slug />
            <input type="hidden" name="back" value="" />
            {acts}
        </Asking>
    }
    .into_any()
}

/// In place of the form that would start it. Whoever has deleted it here is brought here.
#[component]
fn DeletedNotice(card: WorkflowCard, act: Answers) -> impl IntoView {
    let line = NodeRef::<html::P>::new();
    Effect::new(move || {
        if let Some(line) = line.get()
            && untrack(|| act.count()) > 0
        {
            // What is not on the page yet takes no focus.
            request_animation_frame(move || {
                let _ = line.focus();
            });
        }
    });
    let at = card.deleted_at.map(|at| view! { " (" <Moment at /> ")" });
    view! {
        <section class="deleted" aria-labelledby="deleted-title">
            <h2 id="deleted-title">"Deleted"</h2>
            <Asking answers=act class="notice">
                <p tabindex="-1" node_ref=line>"This workflow has been deleted" {at} ". Nothing starts it any more; its runs go on, and its versions can be read."</p>
                <input type="hidden" name="slug" value=card.slug />
                <input type="hidden" name="back" value="" />
                <button class="button button-primary" name="act" value="restore" disabled=move || act.busy()>"Restore it"</button>
            </Asking>
        </section>
    }
}
