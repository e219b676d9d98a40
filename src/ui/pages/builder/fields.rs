//! The fields that the forms of the builder are made of. Each shows what is in the draft, changes it as it is typed, and
//! says what is wrong with it right beneath. What cannot be read stays as it was typed, and changes nothing.

use leptos::prelude::*;
use std::sync::Arc;

use super::editor::{Editor, Selected};
use super::findings::Wrong;
use crate::engine::diagnostic::Diagnostic;
use crate::ui::components::with_code;

/// A value of the draft that a field shows and changes. No type of its own for each field: the client would be as much
/// larger as there are fields.
#[derive(Clone)]
pub struct Held<T: 'static> {
    read: Arc<dyn Fn() -> T + Send + Sync>,
    write: Arc<dyn Fn(T) + Send + Sync>,
}

impl<T: 'static> Held<T> {
    pub fn new(
        read: impl Fn() -> T + Send + Sync + 'static,
        write: impl Fn(T) + Send + Sync + 'static,
    ) -> Self {
        Self {
            read: Arc::new(read),
            write: Arc::new(write),
        }
    }

    pub fn get(&self) -> T {
        (self.read)()
    }

    /// For handlers of events, which do not run again when it changes.
    pub fn peek(&self) -> T {
        untrack(|| self.get())
    }

    pub fn set(&self, value: T) {
        (self.write)(value);
    }

    /// The same value as another type shows it.
    pub fn shown_as<U: 'static>(self, show: fn(T) -> U, take: fn(U) -> T) -> Held<U> {
        let Self { read, write } = self;
        Held::new(move || show(read()), move |shown| write(take(shown)))
    }
}

impl Held<String> {
    /// The same text, shown as it was typed for as long as it means what it meant then: what is read from it may be
    /// written otherwise (`1e1` as `10.0`), and a text that changes under the hand is typed wrong.
    pub fn shown_as_typed(self) -> Self {
        let typed = RwSignal::new(None::<(String, String)>);
        let (read, write) = (self.clone(), self);
        Held::new(
            move || {
                let now = read.get();
                typed.with(|typed| match typed {
                    Some((typed, meant)) if *meant == now => typed.clone(),
                    Some(_) | None => now,
                })
            },
            move |text: String| {
                write.set(text.clone());
                typed.set(Some((text, write.peek())));
            },
        )
    }
}

impl<T: Clone + PartialEq + Send + Sync + 'static> Held<T> {
    pub fn memo(&self) -> Memo<T> {
        let read = Arc::clone(&self.read);
        Memo::new(move |_| read())
    }
}

/// What every field has.
#[derive(Clone)]
pub struct FieldOf {
    pub editor: Editor,
    /// The part of the draft that it belongs to.
    pub place: Selected,
    /// Its name there, as findings say it, such as `with.url`.
    pub name: String,
    pub label: String,
    pub hint: String,
}

impl FieldOf {
    pub fn id(&self) -> String {
        let place = match &self.place {
            Selected::Workflow => String::new(),
            Selected::Step(step) => id_part(step.as_str()),
            Selected::Edge(at) => format!("edge-{}", at.position),
        };
        format!("field-{place}-{}", id_part(&self.name))
    }

    /// What is wrong with this field, and with what is inside it.
    fn wrong(&self) -> Vec<Wrong> {
        let inner = format!("{}.", self.name);
        let is_here = |finding: &Diagnostic| {
            let field = finding.field.as_deref().unwrap_or_default();
            field == self.name || field.starts_with(&inner)
        };
        let findings = self.editor.findings_of(&self.place).into_iter();
        let warnings = self.editor.warnings_of(&self.place).into_iter();
        let findings = findings.filter(is_here).map(Wrong::from);
        let warnings = warnings.filter(is_here).map(Wrong::warning);
        findings.chain(warnings).collect()
    }
}

/// A name as a part of an id, another one for each name. A dash stands between the parts and before what is added to them.
fn id_part(name: &str) -> String {
    let mut part = String::new();
    for c in name.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '.' => part.push(c),
            other => part.push_str(&format!("~{:x}~", u32::from(other))),
        }
    }
    part
}

/// What is around the control of a field: label, hint and findings.
pub(super) struct Frame {
    of: FieldOf,
    pub id: String,
    pub hint: String,
    wrong: Memo<Vec<Wrong>>,
}

impl Frame {
    pub fn new(of: FieldOf) -> Self {
        Self::with_problem(of, || None)
    }

    /// `problem` is what is wrong with the text as it stands there, which the draft does not know.
    pub fn with_problem(
        of: FieldOf,
        problem: impl Fn() -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        let id = of.id();
        let known = of.clone();
        let wrong = Memo::new(move |_| match problem() {
            Some(sentence) => vec![Wrong::typed(sentence)],
            None => known.wrong(),
        });
        Self {
            hint: format!("{id}-hint"),
            id,
            of,
            wrong,
        }
    }

    /// For `aria-invalid` of the control.
    pub fn invalid(&self) -> impl Fn() -> Option<&'static str> + Send + Sync + Clone + 'static {
        let wrong = self.wrong;
        move || stops(wrong).then_some("true")
    }

    pub fn around(self, control: AnyView) -> AnyView {
        let Self {
            of,
            id,
            hint,
            wrong,
        } = self;
        let mendings = mendings(of.editor, id.clone(), wrong);
        view! {
            <div class="field" class:field-invalid=move || stops(wrong)>
                <label for=id>{of.label}</label>
                {control}
                <p class="hint" id=hint>{said(wrong)}{with_code(&of.hint)}</p>
                {mendings}
            </div>
        }
        .into_any()
    }
}

fn stops(wrong: Memo<Vec<Wrong>>) -> bool {
    wrong.with(|wrong| wrong.iter().any(Wrong::stops))
}

/// What is wrong, one after the other.
fn said(wrong: Memo<Vec<Wrong>>) -> impl Fn() -> Vec<AnyView> {
    move || wrong.with(|wrong| wrong.iter().map(Wrong::sentence).collect())
}

/// What makes it go away. Not among what describes the control, whose id this is.
fn mendings(editor: Editor, id: String, wrong: Memo<Vec<Wrong>>) -> impl Fn() -> Option<AnyView> {
    move || {
        let mendings: Vec<AnyView> = wrong.with(|wrong| {
            let mending = |wrong: &Wrong| wrong.mending(editor, id.clone());
            wrong.iter().filter_map(mending).collect()
        });
        let some = !mendings.is_empty();
        some.then(|| view! { <div class="field-mendings">{mendings}</div> }.into_any())
    }
}

/// Lines of a field that was meant for one, and whose text has several.
const LINES_OF_LONG_TEXT: u32 = 3;

/// One line of text, or several.
pub fn text_field(of: FieldOf, lines: u32, value: Held<String>) -> AnyView {
    let value = value.shown_as_typed();
    let shown = value.memo();
    let frame = Frame::new(of);
    let (id, hint, invalid) = (frame.id.clone(), frame.hint.clone(), frame.invalid());
    // A control of one line would drop the breaks. Once there are several it stays so: nothing is exchanged under the hand.
    let is_long = Memo::new(move |was: Option<&bool>| {
        lines > 1 || was == Some(&true) || shown.with(|text| text.contains(['\n', '\r']))
    });
    let control = move || {
        let (id, hint, invalid) = (id.clone(), hint.clone(), invalid.clone());
        let value = value.clone();
        let change = move |text: String| value.set(text);
        if is_long.get() {
            let rows = if lines > 1 { lines } else { LINES_OF_LONG_TEXT };
            view! {
                <textarea id=id rows=rows aria-describedby=hint aria-invalid=invalid prop:value=move || shown.get() on:input:target=move |event| change(event.target().value())></textarea>
            }
            .into_any()
        } else {
            view! {
                <input id=id aria-describedby=hint aria-invalid=invalid autocomplete="off" spellcheck="false" prop:value=move || shown.get() on:input:target=move |event| change(event.target().value()) />
            }
            .into_any()
        }
    };
    frame.around(control.into_any())
}

/// A whole number of at most `max`, or nothing.
pub fn number_field(of: FieldOf, max: u64, value: Held<Option<u64>>) -> AnyView {
    let read = move |text: &str| read_number(text, max);
    let show = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let current = value.memo();
    let typed = RwSignal::new(show(current.get_untracked()));
    // Taken back, or changed elsewhere.
    Effect::new(move || {
        let now = current.get();
        if typed.with_untracked(|typed| read(typed) != Ok(now)) {
            typed.set(show(now));
        }
    });
    let frame = Frame::with_problem(of, move || typed.with(|typed| read(typed).err()));
    let (id, hint, invalid) = (frame.id.clone(), frame.hint.clone(), frame.invalid());
    let change = move |text: String| {
        if let Ok(number) = read(&text) {
            value.set(number);
        }
        typed.set(text);
    };
    let control = view! {
        <input id=id class="number" inputmode="numeric" autocomplete="off" aria-describedby=hint aria-invalid=invalid prop:value=move || typed.get()
            on:input:target=move |event| change(event.target().value()) />
    };
    frame.around(control.into_any())
}

/// None of nothing. The error is a sentence.
fn read_number(text: &str, max: u64) -> Result<Option<u64>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<u64>() {
        Ok(number) if number <= max => Ok(Some(number)),
        Ok(_) => Err(format!("{max} at the most. The number before it is kept.")),
        Err(_) => Err("This is not a whole number. The number before it is kept.".to_owned()),
    }
}

/// One of several words. Each with what people read. A word of the draft that is none of them is shown as it is.
pub fn choice_field(of: FieldOf, options: Vec<(String, String)>, value: Held<String>) -> AnyView {
    let current = value.memo();
    let known: Vec<String> = options.iter().map(|(word, _)| word.clone()).collect();
    let options: Vec<_> = options
        .into_iter()
        .map(|(word, text)| {
            let chosen = word.clone();
            view! { <option value=word prop:selected=move || current.with(|current| *current == chosen)>{text}</option> }
        })
        .collect();
    let other = move || {
        let other = current.with(|current| (!known.contains(current)).then(|| current.clone()));
        other.map(|word| view! { <option value=word.clone() selected=true>{word.clone()}</option> })
    };
    let frame = Frame::new(of);
    let (id, hint, invalid) = (frame.id.clone(), frame.hint.clone(), frame.invalid());
    let control = view! {
        <select id=id aria-describedby=hint aria-invalid=invalid on:change:target=move |event| value.set(event.target().value())>{other}{options}</select>
    };
    frame.around(control.into_any())
}

/// Yes or no.
pub fn check_field(of: FieldOf, value: Held<bool>) -> AnyView {
    let current = value.memo();
    let frame = Frame::new(of);
    let (id, hint, invalid) = (frame.id, frame.hint, frame.wrong);
    let FieldOf {
        editor,
        label,
        hint: about,
        ..
    } = frame.of;
    let mendings = mendings(editor, id.clone(), invalid);
    view! {
        <div class="field field-check" class:field-invalid=move || stops(invalid)>
            <input id=id.clone() type="checkbox" aria-describedby=hint.clone() prop:checked=move || current.get() on:change:target=move |event| value.set(event.target().checked()) />
            <div>
                <label for=id>{label}</label>
                <p class="hint" id=hint>{said(invalid)}{with_code(&about)}</p>
                {mendings}
            </div>
        </div>
    }
    .into_any()
}

/// Words with commas between them.
pub fn words_field(of: FieldOf, value: Held<Vec<String>>) -> AnyView {
    let show = |words: Vec<String>| words.join(", ");
    text_field(
        of,
        1,
        value.shown_as(show, |text: String| read_words(&text)),
    )
}

/// Texts, one a line: they may have commas in them.
pub fn lines_field(of: FieldOf, value: Held<Vec<String>>) -> AnyView {
    let show = |lines: Vec<String>| lines.join("\n");
    text_field(
        of,
        3,
        value.shown_as(show, |text: String| read_lines(&text)),
    )
}

/// No empty ones.
pub(super) fn read_lines(text: &str) -> Vec<String> {
    let lines = text.split('\n').map(str::trim);
    lines
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

fn read_words(text: &str) -> Vec<String> {
    let words = text.split(',').map(str::trim);
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_cannot_be_read_is_said_and_changes_nothing() {
        assert_eq!(read_number("", 10), Ok(None));
        assert_eq!(read_number(" 7 ", 10), Ok(Some(7)));
        for bad in ["seven", "-1", "1.5", "11", "99999999999999999999999"] {
            assert!(read_number(bad, 10).is_err(), "{bad}");
        }
    }

    #[test]
    fn each_name_has_an_id_of_its_own() {
        let names = [
            "a_b", "a-b", "a.b", "a b", "a", "a-hint", "a~2d~b", "ä", "a\u{301}",
        ];
        let ids: std::collections::BTreeSet<String> =
            names.iter().map(|name| id_part(name)).collect();
        assert_eq!(ids.len(), names.len(), "{ids:?}");
        let is_plain = |id: &String| !id.contains(|c: char| c == '-' || c.is_whitespace());
        assert!(ids.iter().all(is_plain), "{ids:?}");
    }

    #[test]
    fn words_are_read_between_commas() {
        assert_eq!(read_words(" a, b ,, c d,"), ["a", "b", "c d"]);
        assert!(read_words(" , ").is_empty());
    }

    #[test]
    fn lines_may_have_commas_and_are_never_empty() {
        assert_eq!(read_lines(" Yes, do it \n\n No\n"), ["Yes, do it", "No"]);
        assert!(read_lines(" \n").is_empty());
    }
}
