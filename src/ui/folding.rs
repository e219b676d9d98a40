//! What stands folded until a reader opens it, and may be fetched only then. Until it is here, it stands as the server has
//! sent it: with plain links and forms, which work without scripting, and before the client has taken over.

use leptos::ev::Event;
use leptos::html::Details;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::{Element, HtmlDetailsElement, HtmlElement, HtmlInputElement};

use super::components::is_open;
use super::later::once_there;
use super::parts::{Fetch, NotFetched, Part, Place, missing};

/// What is drawn by a client has nothing that was sent.
const UNDERWAY: &str = "<p class=\"muted\" role=\"status\">Loading…</p>";
const IS_UNDERWAY: &str = ".markup > [role=status]";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    AsSent,
    Here,
    NotFetched,
}

/// Something that folds.
#[derive(Clone, Copy)]
pub struct Fold {
    pub details: NodeRef<Details>,
    is_open: RwSignal<bool>,
    /// Of what is inside. Once here it is kept, with what has been typed into it.
    standing: RwSignal<Standing>,
    /// What was sent is all there is, since what belongs here did not come.
    is_old: RwSignal<bool>,
    fetch: Fetch,
}

impl Fold {
    /// `fetch`: for what is inside.
    pub fn new(fetch: Fetch) -> Self {
        let fold = Self {
            details: NodeRef::new(),
            is_open: RwSignal::new(false),
            standing: RwSignal::new(Standing::AsSent),
            is_old: RwSignal::new(false),
            fetch,
        };
        // It may have been opened before the client took over.
        Effect::new(move || {
            let details = fold.details.get();
            if details.is_some_and(|details| details.has_attribute("open")) {
                fold.turn(true);
            }
        });
        fold
    }

    pub fn toggled(self, event: &Event) {
        self.turn(is_open(event));
    }

    pub fn is_open(self) -> Signal<bool> {
        self.is_open.into()
    }

    fn turn(self, open: bool) {
        self.is_open.set(open);
        if !open || self.standing.get_untracked() == Standing::Here {
            return;
        }
        spawn_local(async move {
            let fetched = (self.fetch)().await;
            // Whoever has opened it may have gone elsewhere meanwhile, or opened it twice.
            let standing = self.standing.try_get_untracked();
            let details = self.details.try_get_untracked().flatten();
            let Some(details) = details.filter(|_| standing != Some(Standing::Here)) else {
                return;
            };
            match fetched {
                Ok(()) => {
                    let begun = Begun::of(&details);
                    self.is_old.set(false);
                    self.standing.set(Standing::Here);
                    begun.go_on();
                }
                // What was sent can be used as it is.
                Err(NotFetched) => match details.query_selector(IS_UNDERWAY) {
                    Ok(Some(_)) => self.standing.set(Standing::NotFetched),
                    Ok(None) | Err(_) => self.is_old.set(true),
                },
            }
        });
    }

    /// What is inside of it, drawn by `part`.
    pub fn inside<With: Clone + Send + 'static>(self, part: Part<With>, with: With) -> AnyView {
        let sent = sent(part, &with);
        let inside = move || match self.standing.get() {
            Standing::AsSent => {
                view! { <div class="markup" inner_html=sent.clone()></div> }.into_any()
            }
            Standing::Here => part.show(with.clone(), Place::Beside),
            Standing::NotFetched => missing(Place::Within),
        };
        let old = move || {
            self.is_old.get().then(|| {
                view! { <p class="muted" role="status">"This is as old as the page; what is new could not be fetched. " <a href="" rel="external">"Load the page again"</a></p> }
            })
        };
        view! { {inside} {old} }.into_any()
    }
}

/// Only a server sends something.
fn sent<With: Clone>(part: Part<With>, with: &With) -> String {
    if cfg!(target_family = "wasm") {
        return UNDERWAY.to_owned();
    }
    let drawn = (part.draw)(with.clone());
    drawn.map(RenderHtml::to_html).unwrap_or_default()
}

/// What somebody has begun with what was sent. They go on with it in what takes its place.
struct Begun {
    /// Fields by their ids, with what has been typed.
    typed: Vec<(String, String)>,
    /// The ids of what has been unfolded.
    unfolded: Vec<String>,
    /// The id of the field that has the focus, or of what is unfolded by it.
    focus: Option<String>,
}

impl Begun {
    fn of(details: &HtmlDetailsElement) -> Self {
        let inside = |what: &str| {
            let found = details.query_selector_all(what).ok();
            let elements =
                found.map(|found| (0..found.length()).filter_map(move |at| found.get(at)));
            let elements = elements.into_iter().flatten();
            elements.map(JsCast::unchecked_into::<Element>)
        };
        let typed = inside("input[id], textarea[id]").filter_map(|field| {
            let (id, field) = (field.id(), field.unchecked_into::<HtmlInputElement>());
            let text = field.value();
            (text != field.default_value()).then_some((id, text))
        });
        let unfolded = inside("details[open][id]").map(|inner| inner.id());
        let focus = document().active_element();
        let focus = focus.filter(|focus| details.contains(Some(focus)));
        let holder = focus.and_then(|focus| focus.closest("[id], details").ok().flatten());
        // Where it has no name, it goes to what everything is unfolded by.
        if let Some(holder) = holder.as_ref().filter(|holder| holder.id().is_empty()) {
            focus_on(holder);
        }
        Self {
            typed: typed.collect(),
            unfolded: unfolded.collect(),
            focus: holder.map(|holder| holder.id()).filter(|id| !id.is_empty()),
        }
    }

    fn go_on(self) {
        for id in self.unfolded {
            once_there(id, |inner| {
                let _ = inner.set_attribute("open", "");
            });
        }
        for (id, text) in self.typed {
            once_there(id, move |field| {
                field.unchecked_ref::<HtmlInputElement>().set_value(&text);
            });
        }
        if let Some(id) = self.focus {
            once_there(id, focus_on);
        }
    }
}

/// On a field, or on what something is unfolded by.
fn focus_on(element: &Element) {
    let summary = element.query_selector(":scope > summary").ok().flatten();
    let target = summary.as_ref().unwrap_or(element);
    let _ = target.unchecked_ref::<HtmlElement>().focus();
}
