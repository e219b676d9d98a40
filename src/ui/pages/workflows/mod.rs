//! The workflows there are, as cards or in rows: by shelf, by tag and by words, with what can be done with each.

mod address;
mod card;
mod import;
mod search;

use leptos::html;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::rpc::error::PageError;
use crate::rpc::workflows::{
    ActOnWorkflow, Changed, Shelf, Wanted, WorkflowCard, WorkflowsView, workflows,
};
use crate::ui::asking::{Answers, Asking, Refusal};
use crate::ui::components::{Empty, Failure};
use crate::ui::format;
use crate::ui::live::Live;
use address::first_page;
use card::Card;
use import::ImportForm;
use search::SearchForm;

pub(super) use address::href;

const SHELVES: [Shelf; 4] = [Shelf::All, Shelf::Mine, Shelf::Shared, Shelf::Templates];

/// What the server has answered.
type View = Resource<Result<WorkflowsView, PageError>>;

#[component]
pub fn WorkflowsPage() -> impl IntoView {
    let live = Live::expect();
    let query = use_query_map();
    let wanted = Memo::new(move |_| query.with(address::wanted));
    let act = Answers::of::<ActOnWorkflow>("slug");
    let view: View = Resource::new(
        move || (wanted.get(), live.lists.get(), act.count()),
        |(wanted, _, _)| workflows(wanted),
    );
    let refused = Signal::derive(move || act.refusal());
    view! {
        <Title text="Workflows" />
        <div class="page-head">
            <h1>"Workflows"</h1>
            <a class="button button-primary" href="/workflows/new">"New workflow"</a>
        </div>
        <Refusal error=refused />
        <div class="shelf-tools">
            <SearchForm wanted />
            <ImportForm />
        </div>
        <Transition>
            <Told view wanted act />
            <Shelves view wanted />
            <Tags view wanted />
            <Found view wanted act />
        </Transition>
    }
}

/// What is known of the answer; nothing when there is none, or when it is an error.
fn known<T>(view: View, read: impl FnOnce(&WorkflowsView) -> T) -> Option<T> {
    view.map(|answer| answer.as_ref().ok().map(read)).flatten()
}

/// What has just been done, and how it is undone. The card that was asked is gone, so whoever asked is brought here.
#[component]
fn Told(view: View, wanted: Memo<Wanted>, act: Answers) -> impl IntoView {
    let line = NodeRef::<html::P>::new();
    // The list is fetched anew whenever a run begins or ends. Drawn again, the line would lose the focus.
    let changed = Memo::new(move |_| known(view, |view| view.changed.clone()).flatten());
    // Once for each act, when its outcome is here.
    Effect::new(move |told: Option<(usize, Option<Changed>)>| {
        let (moved_for, before) = told.unwrap_or_default();
        let version = act.count();
        let is_shown = line.get().is_some();
        let changed = changed.get();
        if version == moved_for {
            // Not by an act on this page.
            return (moved_for, changed);
        }
        if !is_shown || changed.is_none() || changed == before {
            return (moved_for, before);
        }
        // What is not on the page yet takes no focus, and neither does what has gone by then.
        request_animation_frame(move || {
            if let Some(line) = line.try_get_untracked().flatten() {
                let _ = line.focus();
            }
        });
        (version, changed)
    });
    let told = move || {
        let Changed {
            slug,
            name,
            is_deleted,
        } = changed.get()?;
        let page = format!("/workflows/{slug}");
        let told = if is_deleted {
            view! {
                <Asking answers=act class="notice notice-undo">
                    <p tabindex="-1" node_ref=line>"“" <a href=page>{name.clone()}</a> "” has been deleted. Its runs go on."</p>
                    <input type="hidden" name="slug" value=slug />
                    <input type="hidden" name="back" value=move || address::here(&wanted.read()) />
                    <button class="button button-small" name="act" value="restore" disabled=move || act.is_underway() aria-label=format!("Undo: bring {name} back")>"Undo"</button>
                </Asking>
            }
            .into_any()
        } else {
            view! { <p class="notice notice-accepted" tabindex="-1" node_ref=line>"“" <a href=page>{name}</a> "” is back."</p> }
                .into_any()
        };
        Some(told)
    };
    view! { <div role="status">{told}</div> }
}

#[component]
fn Shelves(view: View, wanted: Memo<Wanted>) -> impl IntoView {
    let link = move |shelf: Shelf| {
        let word = word(shelf);
        let address = move || {
            href(&Wanted {
                filter: word.to_owned(),
                ..first_page(wanted.get())
            })
        };
        let current = move || wanted.with(|wanted| is_at(wanted, shelf)).then_some("page");
        let count = move || known(view, |view| view.counts.of(shelf));
        view! { <a href=address aria-current=current>{title(shelf)} " " <span class="shelf-count">{count}</span></a> }
    };
    let shelves: Vec<_> = SHELVES
        .into_iter()
        .map(|shelf| view! { <li>{link(shelf)}</li> })
        .collect();
    // Out of the way, and only while there is something to bring back.
    let deleted = move || {
        let is_there = known(view, |view| view.counts.deleted > 0).unwrap_or_default();
        let is_here = wanted.with(|wanted| is_at(wanted, Shelf::Deleted));
        (is_there || is_here).then(|| view! { <li class="shelf-quiet">{link(Shelf::Deleted)}</li> })
    };
    let says = move || {
        wanted.with(|wanted| {
            let mut each = SHELVES.into_iter().chain([Shelf::Deleted]);
            each.find(|shelf| is_at(wanted, *shelf)).map(meaning)
        })
    };
    view! {
        <nav class="filters" aria-label="Which workflows">
            <ul>{shelves} {deleted}</ul>
        </nav>
        <p class="muted shelf-says">{says}</p>
    }
}

/// As the address has it: nothing for all.
fn word(shelf: Shelf) -> &'static str {
    match shelf {
        Shelf::All => "",
        Shelf::Mine | Shelf::Shared | Shelf::Templates | Shelf::Deleted => shelf.as_str(),
    }
}

fn is_at(wanted: &Wanted, shelf: Shelf) -> bool {
    wanted.filter == word(shelf) || wanted.filter == shelf.as_str()
}

fn title(shelf: Shelf) -> &'static str {
    match shelf {
        Shelf::All => "All",
        Shelf::Mine => "Mine",
        Shelf::Shared => "Shared",
        Shelf::Templates => "Templates",
        Shelf::Deleted => "Deleted",
    }
}

fn meaning(shelf: Shelf) -> &'static str {
    match shelf {
        Shelf::All => "Everything that can be run on this server, templates among it.",
        Shelf::Mine => {
            "Made by you, and no templates. Until people can sign in, everybody here counts as the same person."
        }
        Shelf::Shared => {
            "Made by others, and no templates. Until people can sign in, everybody here counts as the same person, so what is made here is under Mine."
        }
        Shelf::Templates => {
            "To begin with. Using one opens the builder with a copy that is yours; the template stays as it is."
        }
        Shelf::Deleted => {
            "Nothing starts these any more; their runs go on. Restoring one brings back its versions, runs and triggers."
        }
    }
}

/// The tags of what is found. Choosing one narrows the list, choosing it again takes that back.
#[component]
fn Tags(view: View, wanted: Memo<Wanted>) -> impl IntoView {
    let chosen =
        move |tag: &str| wanted.with(|wanted| wanted.tag.to_lowercase() == tag.to_lowercase());
    let tags = move || {
        let tags = known(view, |view| {
            view.tags.iter().map(|(tag, _)| tag.clone()).collect()
        });
        let mut tags: Vec<String> = tags.unwrap_or_default();
        let tag = wanted.with(|wanted| wanted.tag.clone());
        if !tag.is_empty() && !tags.iter().any(|tag| chosen(tag)) {
            tags.insert(0, tag);
        }
        tags
    };
    let link = move |tag: String| {
        let (name, own) = (tag.clone(), tag.clone());
        let is_chosen = Memo::new(move |_| chosen(&own));
        let own = tag.clone();
        let address = move || {
            let tag = if is_chosen.get() {
                String::new()
            } else {
                own.clone()
            };
            href(&Wanted {
                tag,
                ..first_page(wanted.get())
            })
        };
        let count = move || {
            known(view, |view| {
                view.tags
                    .iter()
                    .find(|(other, _)| *other == tag)
                    .map(|(_, count)| *count)
            })
            .flatten()
        };
        view! {
            <li>
                <a class="tag" href=address aria-current=move || is_chosen.get().then_some("true")>
                    {name}
                    {move || if is_chosen.get() {
                        view! { <span aria-hidden="true">" ×"</span><span class="visually-hidden">", chosen; show all tags"</span> }.into_any()
                    } else {
                        view! { " " <span class="shelf-count">{count.clone()}</span> }.into_any()
                    }}
                </a>
            </li>
        }
    };
    view! {
        <nav class="tags" aria-label="Tags" hidden=move || tags().is_empty()>
            <ul><For each=tags key=|tag| tag.clone() children=link /></ul>
        </nav>
    }
}

/// The list itself, how many there are, and how it is shown.
#[component]
fn Found(view: View, wanted: Memo<Wanted>, act: Answers) -> impl IntoView {
    let is_list = Memo::new(move |_| wanted.with(|wanted| wanted.view == "list"));
    let cards = move || known(view, |view| view.cards.clone()).unwrap_or_default();
    let looks = move |word: &'static str, name: &'static str| {
        let address = move || {
            href(&Wanted {
                view: word.to_owned(),
                changed: String::new(),
                ..wanted.get()
            })
        };
        let current = move || (is_list.get() == (word == "list")).then_some("true");
        view! { <a href=address aria-current=current>{name}</a> }
    };
    let count = move || {
        known(view, |view| {
            let wanted = wanted.read();
            let all = of_shelf(view, &wanted);
            let one = if is_at(&wanted, Shelf::Templates) {
                "template"
            } else {
                "workflow"
            };
            let shown = u32::try_from(view.cards.len()).unwrap_or(u32::MAX);
            match format::counted(all, one) {
                all_of_them if shown == all => all_of_them,
                all_of_them => format!("{all_of_them}, {shown} on this page"),
            }
        })
    };
    let class = move || {
        if is_list.get() {
            "workflow-rows"
        } else {
            "cards"
        }
    };
    let next = move || {
        let next = known(view, |view| view.next.clone()).flatten()?;
        let address = href(&Wanted {
            after: next.to_string(),
            ..first_page(wanted.get())
        });
        Some(view! { <p><a class="button" href=address>"More workflows"</a></p> })
    };
    let around = move || match view.get()? {
        Err(error) => Some(view! { <Failure error /> }.into_any()),
        Ok(view) if view.cards.is_empty() => Some(nothing(&view, &wanted.read())),
        Ok(_) => None,
    };
    view! {
        <div class="found-head">
            <p class="muted" role="status">{count}</p>
            <p class="looks" role="group" aria-label="How they are shown">{looks("", "Cards")} {looks("list", "List")}</p>
        </div>
        {around}
        // By workflow: where the focus is, it stays, whatever happens to the others.
        <ul class=class>
            <For each=cards key=card::key let(card)>
                <li>{show(card, wanted, act)}</li>
            </For>
        </ul>
        {next}
    }
}

fn show(card: WorkflowCard, wanted: Memo<Wanted>, act: Answers) -> AnyView {
    view! { <Card card wanted act /> }.into_any()
}

/// How many there are on the shelf that is looked at, over all pages.
fn of_shelf(view: &WorkflowsView, wanted: &Wanted) -> u32 {
    let mut each = SHELVES.into_iter().chain([Shelf::Deleted]);
    let shelf = each.find(|shelf| is_at(wanted, *shelf));
    shelf.map_or(0, |shelf| view.counts.of(shelf))
}

/// What stands in place of a list without entries: why, and where to go from there.
fn nothing(view: &WorkflowsView, wanted: &Wanted) -> AnyView {
    if !wanted.q.trim().is_empty() || !wanted.tag.is_empty() {
        let elsewhere = (view.counts.all > 0 && !is_at(wanted, Shelf::All)).then(|| {
            let address = href(&Wanted {
                filter: String::new(),
                ..first_page(wanted.clone())
            });
            let count = format::counted(view.counts.all, "workflow");
            view! { <p><a href=address>{format!("Look everywhere: {count}")}</a></p> }
        });
        let whole = href(&Wanted {
            q: String::new(),
            tag: String::new(),
            ..first_page(wanted.clone())
        });
        return view! {
            <Empty title="Nothing fits.">
                <p>"Every word has to be in the name, the description, a tag, a step or a tool."</p>
                {elsewhere}
                <p><a class="button" href=whole>"Show them all"</a></p>
            </Empty>
        }
        .into_any();
    }
    if is_at(wanted, Shelf::Deleted) {
        return view! {
            <Empty title="Nothing is deleted."><p><a class="button" href="/workflows">"All workflows"</a></p></Empty>
        }
        .into_any();
    }
    let title = if is_at(wanted, Shelf::Shared) {
        "Nobody has shared a workflow yet."
    } else if is_at(wanted, Shelf::Templates) {
        "There are no templates."
    } else {
        "There are no workflows of yours yet."
    };
    view! {
        <Empty title>
            <p>"Begin with an empty one or with a template, or import the text of one with the button above."</p>
            <p class="empty-ways">
                <a class="button button-primary" href="/workflows/new">"New workflow"</a>
                <a class="button" href="/workflows?filter=templates">"Choose a template"</a>
            </p>
        </Empty>
    }
    .into_any()
}
