//! What the forms of steps are written with: a step, its parts, and a field for each kind of part.

use leptos::prelude::*;
use serde_json::Value;

use super::durations::{duration_field, in_ms};
use super::editor::{Editor, Selected};
use super::fields::{FieldOf, Held, number_field, text_field, words_field};
use super::findings::Wrong;
use super::values::{Literal, expression_field, value_field};
use crate::engine::edit;
use crate::engine::ids::StepId;
use crate::engine::upstream::Reader;
use crate::engine::workflow::{Concurrency, Step, Timeout};

/// How an optional part of a step is read, and where it is put; nowhere when what it belongs to is not there.
pub(super) struct Part<T: 'static> {
    pub read: fn(&Step) -> Option<T>,
    pub place: fn(&mut Step) -> Option<&mut Option<T>>,
}

impl<T> Clone for Part<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Part<T> {}

/// `part!(retry)`, or `part!(compensate.retry)` for one of a part.
macro_rules! part {
    ($field:ident) => {
        $crate::ui::pages::builder::form::Part {
            read: |step| step.$field.clone(),
            place: |step| Some(&mut step.$field),
        }
    };
    ($outer:ident . $field:ident) => {
        $crate::ui::pages::builder::form::Part {
            read: |step| step.$outer.as_ref()?.$field.clone(),
            place: |step| Some(&mut step.$outer.as_mut()?.$field),
        }
    };
}
pub(super) use part;

/// A step, and how its form reads and changes it.
#[derive(Clone)]
pub(super) struct StepForm {
    pub editor: Editor,
    pub id: StepId,
    /// As it is in the draft.
    step: Memo<Option<Step>>,
    /// The fields that the form has: a finding about another one is said at its top.
    fields: StoredValue<Vec<String>>,
}

impl StepForm {
    pub fn new(editor: Editor, id: StepId) -> Self {
        let step = {
            let id = id.clone();
            Memo::new(move |_| {
                editor
                    .document
                    .with(|draft| edit::find(draft, &id).cloned())
            })
        };
        Self {
            editor,
            id,
            step,
            fields: StoredValue::new(Vec::new()),
        }
    }

    pub fn step(&self) -> Option<Step> {
        self.step.get_untracked()
    }

    pub fn reader(&self) -> Reader {
        Reader::Step(self.id.clone())
    }

    pub fn field(&self, name: &str, label: &str, hint: &str) -> FieldOf {
        self.fields.update_value(|fields| {
            if !fields.iter().any(|of| of == name) {
                fields.push(name.to_owned());
            }
        });
        FieldOf {
            editor: self.editor,
            place: Selected::Step(self.id.clone()),
            name: name.to_owned(),
            label: label.to_owned(),
            hint: hint.to_owned(),
        }
    }

    /// Findings about the step that belong to none of the fields that were made so far.
    pub fn elsewhere(&self) -> Vec<Wrong> {
        let place = Selected::Step(self.id.clone());
        let findings = self.editor.findings_of(&place).into_iter();
        let is_shown = |field: &str| {
            self.fields.with_value(|fields| {
                let is_of = |of: &String| {
                    let inner = field.strip_prefix(of.as_str());
                    inner.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                };
                fields.iter().any(is_of)
            })
        };
        findings
            .filter(|finding| !finding.field.as_deref().is_some_and(is_shown))
            .map(Wrong::from)
            .collect()
    }

    /// Something of the step as it is in the draft.
    pub fn read<T: Default + 'static>(
        &self,
        read: impl Fn(&Step) -> T + Send + Sync + 'static,
    ) -> impl Fn() -> T + Send + Sync + 'static {
        let step = self.step;
        move || step.with(|step| step.as_ref().map(&read).unwrap_or_default())
    }

    pub fn write<T>(
        &self,
        field: &str,
        write: impl Fn(&mut Step, T) + Send + Sync + 'static,
    ) -> impl Fn(T) + Send + Sync + 'static {
        let Self { editor, id, .. } = self.clone();
        let field = field.to_owned();
        move |value| editor.change_step(&id, &field, |step| write(step, value))
    }

    /// Something that is not just a part.
    pub fn held<T: Default + 'static>(
        &self,
        field: &str,
        read: fn(&Step) -> T,
        write: fn(&mut Step, T),
    ) -> Held<T> {
        Held::new(self.read(read), self.write(field, write))
    }

    pub fn part<T: 'static>(&self, field: &str, part: Part<T>) -> Held<Option<T>> {
        let write = move |step: &mut Step, value| {
            if let Some(place) = (part.place)(step) {
                *place = value;
            }
        };
        Held::new(self.read(part.read), self.write(field, write))
    }

    /// An optional text.
    pub fn text(
        &self,
        name: &str,
        label: &str,
        hint: &str,
        lines: u32,
        part: Part<String>,
    ) -> AnyView {
        let value = as_text(self.part(name, part));
        text_field(self.field(name, label, hint), lines, value)
    }

    pub fn number(&self, name: &str, label: &str, hint: &str, part: Part<u32>) -> AnyView {
        let value = wide(self.part(name, part));
        number_field(self.field(name, label, hint), u32::MAX.into(), value)
    }

    /// How long something may take. `for_ever`: also without a limit.
    pub fn timeout(
        &self,
        name: &str,
        label: &str,
        hint: &str,
        for_ever: bool,
        part: Part<Timeout>,
    ) -> AnyView {
        let value = self.part(name, part);
        duration_field(self.field(name, label, hint), for_ever, value)
    }

    pub fn pause(&self, name: &str, label: &str, hint: &str, part: Part<u64>) -> AnyView {
        let value = in_ms(self.part(name, part));
        duration_field(self.field(name, label, hint), false, value)
    }

    pub fn value(
        &self,
        name: &str,
        label: &str,
        hint: &str,
        literal: Literal,
        part: Part<Value>,
    ) -> AnyView {
        let value = self.part(name, part);
        value_field(self.field(name, label, hint), literal, self.reader(), value)
    }

    pub fn expression(
        &self,
        name: &str,
        label: &str,
        hint: &str,
        reader: Reader,
        part: Part<String>,
    ) -> AnyView {
        let value = as_text(self.part(name, part));
        expression_field(self.field(name, label, hint), reader, value)
    }

    /// Words with commas between them; absent when there are none.
    pub fn words(&self, name: &str, label: &str, hint: &str, part: Part<Vec<String>>) -> AnyView {
        let value = self
            .part(name, part)
            .shown_as(Option::unwrap_or_default, |words| {
                (!words.is_empty()).then_some(words)
            });
        words_field(self.field(name, label, hint), value)
    }
}

/// An optional text, of which nothing is no text.
pub(super) fn as_text(value: Held<Option<String>>) -> Held<String> {
    value.shown_as(Option::unwrap_or_default, |text| {
        (!text.is_empty()).then_some(text)
    })
}

/// The part that something is there with, and gone without: the tries of a policy, the number of a limit. Whoever empties
/// it and fills it again finds the rest as it was. `write` is given what was there last.
pub(super) fn leading<T, U>(
    whole: Held<Option<T>>,
    read: fn(T) -> U,
    write: fn(U, Option<T>) -> T,
) -> Held<Option<U>>
where
    T: Clone + Send + Sync + 'static,
    U: 'static,
{
    let last = StoredValue::new(None::<T>);
    let (from, to) = (whole.clone(), whole);
    Held::new(
        move || from.get().map(read),
        move |part: Option<U>| {
            if let Some(now) = to.peek() {
                last.set_value(Some(now));
            }
            to.set(part.map(|part| write(part, last.get_value())));
        },
    )
}

/// How many at once, of a limit that may count for each key.
pub(super) fn at_once(limit: Held<Option<Concurrency>>) -> Held<Option<u64>> {
    wide(leading(
        limit,
        |limit| limit.max,
        |max, last| Concurrency {
            max,
            key: last.and_then(|last| last.key),
        },
    ))
}

pub(super) fn wide(value: Held<Option<u32>>) -> Held<Option<u64>> {
    value.shown_as(
        |number| number.map(u64::from),
        |number| number.and_then(|number| u32::try_from(number).ok()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_number_that_is_emptied_and_typed_anew_finds_what_belonged_to_it() {
        let owner = Owner::new();
        owner.set();
        let key = Some(json!("$input.host"));
        let limit = RwSignal::new(Some(Concurrency { max: 3, key }));
        let max = at_once(Held::new(move || limit.get(), move |now| limit.set(now)));
        assert_eq!(max.peek(), Some(3));
        max.set(None);
        assert_eq!(limit.get_untracked(), None);
        // Once more: an empty field that is left empty forgets nothing.
        max.set(None);
        max.set(Some(5));
        let now = limit.get_untracked().expect("a limit");
        assert_eq!((now.max, now.key), (5, Some(json!("$input.host"))));
        // What was changed elsewhere meanwhile counts, and not what is remembered.
        limit.set(Some(Concurrency { max: 1, key: None }));
        max.set(Some(2));
        assert_eq!(limit.get_untracked().and_then(|limit| limit.key), None);
    }
}
