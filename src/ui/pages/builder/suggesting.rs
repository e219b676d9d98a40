//! A text with names that are offered as it is typed: a list beneath it, gone through with the arrow keys, taken with Enter
//! or a click, put away with Escape. What is offered is said by whoever makes the field.

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::{Element, EventTarget, HtmlElement, HtmlInputElement, HtmlTextAreaElement};
use std::sync::Arc;

use super::fields::{FieldOf, Frame, Held};
use crate::engine::completion::{Completion, Offer};
use crate::engine::input::type_in_words;
use crate::engine::upstream::fits;

/// For a text and the place of the caret, in bytes.
pub(super) type Offers = Arc<dyn Fn(&str, usize) -> Completion + Send + Sync>;

/// What the text has beside its frame.
pub(super) struct Suggesting {
    pub text: Held<String>,
    pub offers: Offers,
    pub shape: Shape,
    /// The type that is wanted there; empty for any.
    pub wanted: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One line, which is a name: everything is offered at once.
    Line,
    /// So many lines, of which a name is a part.
    Lines(u32),
}

/// The list, as it stands open.
#[derive(Clone, Copy)]
struct List {
    id: StoredValue<String>,
    found: RwSignal<Completion>,
    /// Which of them Enter takes.
    active: RwSignal<Option<usize>>,
    text: StoredValue<Held<String>>,
    offers: StoredValue<Offers>,
    shape: Shape,
}

impl List {
    fn is_open(self) -> bool {
        self.found.with(|found| !found.offers.is_empty())
    }

    fn option_id(self, at: usize) -> String {
        self.id.with_value(|id| format!("{id}-offer-{at}"))
    }

    fn close(self) {
        if self.found.with_untracked(|found| !found.offers.is_empty()) {
            self.found.set(Completion::default());
        }
        self.active.set(None);
    }

    /// For what is typed now. `asked`: also where nothing is typed yet.
    fn look(self, target: Option<EventTarget>, asked: bool) {
        let Some(typing) = target.and_then(Typing::of) else {
            return;
        };
        let text = typing.value();
        let caret = typing.caret();
        let found = self.offers.with_value(|offers| match self.shape {
            // Whoever asks wants to see what there is, and not what is there already.
            Shape::Line if asked => Completion {
                end: text.len(),
                ..offers("", 0)
            },
            Shape::Line | Shape::Lines(_) => offers(&text, caret),
        });
        let is_typing = match self.shape {
            Shape::Line => true,
            Shape::Lines(_) => found.start < caret || text[..caret].ends_with('.'),
        };
        if !asked && !is_typing {
            self.close();
            return;
        }
        let first = (found.start < caret && matches!(self.shape, Shape::Lines(_))).then_some(0);
        self.active.set(first.filter(|_| !found.offers.is_empty()));
        self.found.set(found);
    }

    fn take(self, at: usize, target: Option<EventTarget>) {
        let found = self.found.get_untracked();
        let (Some(offer), Some(typing)) = (found.offers.get(at), target.and_then(Typing::of))
        else {
            return;
        };
        let mut text = typing.value();
        if !text.is_char_boundary(found.start) || !text.is_char_boundary(found.end) {
            return;
        }
        text.replace_range(found.start..found.end, &offer.text);
        typing.put(&text, found.start + offer.caret);
        self.text.with_value(|held| held.set(text));
        self.close();
    }

    fn go(self, by: i32) {
        let count = self.found.with_untracked(|found| found.offers.len());
        let next = match (self.active.get_untracked(), by > 0) {
            (None, true) => 0,
            (None, false) => count.saturating_sub(1),
            (Some(at), true) => (at + 1) % count.max(1),
            (Some(at), false) => at.checked_sub(1).unwrap_or(count.saturating_sub(1)),
        };
        self.active.set(Some(next));
        reveal(&self.option_id(next));
    }

    fn key(self, event: &KeyboardEvent) {
        if is_composing(event) {
            return;
        }
        let is_open = self.found.with_untracked(|found| !found.offers.is_empty());
        match (event.key().as_str(), is_open) {
            ("ArrowDown", true) => self.go(1),
            ("ArrowUp", true) => self.go(-1),
            ("Enter", true) => match self.active.get_untracked() {
                Some(at) => self.take(at, event.target()),
                None => return,
            },
            ("Escape", true) => self.close(),
            ("ArrowDown", false) if self.shape == Shape::Line || event.alt_key() => {
                self.look(event.target(), true);
            }
            (" ", _) if event.ctrl_key() => self.look(event.target(), true),
            ("ArrowLeft" | "ArrowRight" | "Home" | "End" | "Tab", true) => {
                self.close();
                return;
            }
            _ => return,
        }
        event.prevent_default();
        event.stop_propagation();
    }
}

/// The element that is typed into.
enum Typing {
    Line(HtmlInputElement),
    Lines(HtmlTextAreaElement),
}

impl Typing {
    fn of(target: EventTarget) -> Option<Self> {
        match target.dyn_into::<HtmlInputElement>() {
            Ok(line) => Some(Typing::Line(line)),
            Err(target) => target.dyn_into().ok().map(Typing::Lines),
        }
    }

    fn value(&self) -> String {
        match self {
            Typing::Line(line) => line.value(),
            Typing::Lines(lines) => lines.value(),
        }
    }

    /// In bytes. The browser counts in units of UTF-16.
    fn caret(&self) -> usize {
        let caret = match self {
            Typing::Line(line) => line.selection_start(),
            Typing::Lines(lines) => lines.selection_start(),
        };
        let text = self.value();
        match caret {
            Ok(Some(units)) => byte_at(&text, units as usize),
            Ok(None) | Err(_) => text.len(),
        }
    }

    fn put(&self, text: &str, caret: usize) {
        let units = text.get(..caret).unwrap_or(text).encode_utf16().count();
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        // A caret that cannot be set stands at the end.
        let _ = match self {
            Typing::Line(line) => {
                line.set_value(text);
                line.set_selection_range(units, units)
            }
            Typing::Lines(lines) => {
                lines.set_value(text);
                lines.set_selection_range(units, units)
            }
        };
    }
}

fn byte_at(text: &str, units: usize) -> usize {
    let mut left = units;
    for (at, c) in text.char_indices() {
        match left.checked_sub(c.len_utf16()) {
            Some(_) if left == 0 => return at,
            Some(less) => left = less,
            None => return at,
        }
    }
    text.len()
}

/// Moves the list, and nothing around it, so that the option is seen.
fn reveal(option: &str) {
    let option = document().get_element_by_id(option);
    let option = option.and_then(|option| option.dyn_into::<HtmlElement>().ok());
    let Some((option, list)) =
        option.and_then(|option| Some((option.clone(), option.parent_element()?)))
    else {
        return;
    };
    let (top, bottom) = (
        option.offset_top(),
        option.offset_top() + option.offset_height(),
    );
    if top < list.scroll_top() {
        list.set_scroll_top(top);
    } else if bottom > list.scroll_top() + list.client_height() {
        list.set_scroll_top(bottom - list.client_height());
    }
}

/// The text with its frame around it.
pub(super) fn suggesting_field(of: FieldOf, suggesting: Suggesting) -> AnyView {
    let label = of.label.clone();
    let frame = Frame::new(of);
    let control = suggesting_control(&frame, &label, suggesting);
    frame.around(control)
}

pub(super) fn suggesting_control(frame: &Frame, label: &str, suggesting: Suggesting) -> AnyView {
    let (id, hint, invalid) = (frame.id.clone(), frame.hint.clone(), frame.invalid());
    let Suggesting {
        text,
        offers,
        shape,
        wanted,
    } = suggesting;
    let text = text.shown_as_typed();
    let shown = text.memo();
    let list = List {
        id: StoredValue::new(id.clone()),
        found: RwSignal::new(Completion::default()),
        active: RwSignal::new(None),
        text: StoredValue::new(text),
        offers: StoredValue::new(offers),
        shape,
    };
    let list_id = format!("{id}-offers");
    let controls = {
        let list_id = list_id.clone();
        move || list.is_open().then(|| list_id.clone())
    };
    let active = move || list.active.get().map(|at| list.option_id(at));
    let input = move |event: leptos::ev::Event| {
        if let Some(typing) = event.target().and_then(Typing::of) {
            list.text.with_value(|held| held.set(typing.value()));
        }
        list.look(event.target(), false);
    };
    let is_expanded = move || if list.is_open() { "true" } else { "false" };
    let control = match shape {
        Shape::Line => view! {
            <input id=id.clone() class="code" role="combobox" autocomplete="off" autocapitalize="off" spellcheck="false" aria-describedby=hint aria-invalid=invalid
                aria-autocomplete="list" aria-expanded=is_expanded aria-controls=controls aria-activedescendant=active prop:value=move || shown.get()
                on:input=input on:keydown=move |event| list.key(&event) on:blur=move |_| list.close() on:click=move |event| list.look(event.target(), true) />
        }
        .into_any(),
        // No role but its own is allowed to a text of several lines.
        Shape::Lines(lines) => view! {
            <textarea id=id.clone() class="code" rows=lines autocomplete="off" autocapitalize="off" spellcheck="false" aria-describedby=hint aria-invalid=invalid
                aria-autocomplete="list" aria-controls=controls aria-activedescendant=active prop:value=move || shown.get()
                on:input=input on:keydown=move |event| list.key(&event) on:blur=move |_| list.close() on:click=move |_| list.close()></textarea>
        }
        .into_any(),
    };
    let label = format!("Names for {label}");
    let options = move || {
        list.is_open().then(|| {
            let found = list.found.get();
            let options = found.offers.into_iter().enumerate();
            let options: Vec<AnyView> = options
                .map(|(at, offer)| option(list, id.clone(), at, offer, wanted))
                .collect();
            // The text keeps the focus, and the list stays open until the click, also while it is scrolled.
            let keep_focus = |event: leptos::ev::MouseEvent| event.prevent_default();
            view! { <ul class="offers" id=list_id.clone() role="listbox" aria-label=label.clone() on:mousedown=keep_focus>{options}</ul> }
        })
    };
    view! { <div class="suggesting">{control}{options}</div> }.into_any()
}

fn option(list: List, field: String, at: usize, offer: Offer, wanted: &'static str) -> AnyView {
    let misfit = !fits(wanted, &offer.kind);
    let kind = type_in_words(&offer.kind);
    let take = move |_| {
        let typing = document().get_element_by_id(&field);
        list.take(at, typing.map(Element::into));
    };
    let is_active = move || list.active.get() == Some(at);
    let note = match (misfit, kind) {
        (true, kind) => format!("{kind}, not {}", type_in_words(wanted)),
        (false, kind) => kind.to_owned(),
    };
    view! {
        <li id=list.option_id(at) role="option" class="offer" class:offer-misfit=misfit aria-selected=move || if is_active() { "true" } else { "false" }
            on:click=take>
            <code>{offer.text}</code>
            <span class="offer-kind">{note}</span>
            <span class="offer-says">{offer.says}</span>
        </li>
    }
    .into_any()
}

/// While a character is put together from several keys they belong to whoever does that. Safari says so by the key code
/// alone, of the Enter that ends it.
pub(super) fn is_composing(event: &KeyboardEvent) -> bool {
    const BY_THE_INPUT_METHOD: u32 = 229;
    event.is_composing() || event.key_code() == BY_THE_INPUT_METHOD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_the_browser_counts_is_found_in_the_text() {
        for (text, units, byte) in [
            ("abc", 2, 2),
            ("äb", 1, 2),
            ("äb", 2, 3),
            ("😀b", 2, 4),
            ("😀b", 1, 0),
            ("a", 9, 1),
            ("", 0, 0),
        ] {
            assert_eq!(byte_at(text, units), byte, "{text} {units}");
        }
    }
}
