//! What forms ask of the server. A form is posted to the address of a server function and comes back as done or refused,
//! whichever it is: one way for all, so that the client does not grow with every form.

#[cfg(feature = "hydrate")]
mod browser;
#[cfg(not(feature = "hydrate"))]
#[path = "server.rs"]
mod browser;

use leptos::ev::SubmitEvent;
use leptos::form::form_data_from_event;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos::server_fn::error::ServerFnUrlError;
use leptos::web_sys::UrlSearchParams;
use std::time::Duration;

use crate::rpc::error::PageError;

/// How long no further answer is taken: what moves under the pointer must not be answered by the second half of a
/// double click.
const REST: Duration = Duration::from_millis(700);

/// What the forms of a page ask of one server function, and what became of it. Copied into the forms that share it; kept by
/// the page, since a refusal has to be shown beside the question it belongs to, which may be drawn anew meanwhile.
#[derive(Clone, Copy)]
pub struct Answers {
    address: &'static str,
    subject: &'static str,
    /// What was asked last.
    asked: RwSignal<Option<Asked>>,
    /// An answer is on its way.
    underway: RwSignal<bool>,
    answer: RwSignal<Option<Result<(), PageError>>>,
    /// How many have come.
    answers: RwSignal<usize>,
    /// The last answer has only just come.
    resting: RwSignal<bool>,
}

/// A form as it was posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// `name=value` pairs with an `&` between them, encoded.
    body: String,
}

impl Asked {
    /// What the field says; nothing if there is none of this name.
    pub fn field(&self, name: &str) -> String {
        let fields = UrlSearchParams::new_with_str(&self.body).ok();
        fields
            .and_then(|fields| fields.get(name))
            .unwrap_or_default()
    }
}

impl Answers {
    /// Of the server function `S`, whose field `subject` says what a request is about: a gate, a step, a workflow.
    pub fn of<S>(subject: &'static str) -> Self
    where
        S: ServerFn<Output = (), Error = PageError>,
    {
        Self::at(S::PATH, subject)
    }

    fn at(address: &'static str, subject: &'static str) -> Self {
        // A form that was sent without scripting is told by the address what it was refused for.
        let refused = use_context::<ServerActionError>()
            .filter(|refused| refused.path() == address)
            .map(|refused| Err(ServerFnUrlError::decode_err(refused.err())));
        Self {
            address,
            subject,
            asked: RwSignal::new(None),
            underway: RwSignal::new(false),
            answer: RwSignal::new(refused),
            answers: RwSignal::new(0),
            resting: RwSignal::new(false),
        }
    }

    fn ask(self, event: &SubmitEvent) {
        event.prevent_default();
        // The button that was pressed is part of the form, so nothing can be asked twice by pressing it twice.
        if self.underway.get_untracked() {
            return;
        }
        let Some(body) = written(event) else { return };
        self.asked.set(Some(Asked { body: body.clone() }));
        self.underway.set(true);
        browser::ask(self.address, body, move |answer| self.take(answer));
    }

    /// The page may have been left meanwhile.
    fn take(self, answer: Result<(), PageError>) {
        let is_here = self.resting.try_set(true).is_none();
        if !is_here {
            return;
        }
        self.answer.set(Some(answer));
        self.underway.set(false);
        self.answers.update(|answers| *answers += 1);
        let over = move || {
            let _ = self.resting.try_set(false);
        };
        set_timeout(over, REST);
    }

    /// How many answers have come: what is drawn anew after each looks at this.
    pub fn count(self) -> usize {
        self.answers.get()
    }

    /// Not now: an answer is on its way, or has only just come.
    pub fn busy(self) -> bool {
        self.underway.get() || self.rests()
    }

    /// An answer is on its way.
    pub fn is_underway(self) -> bool {
        self.underway.get()
    }

    /// An answer has only just come.
    pub fn rests(self) -> bool {
        self.resting.get()
    }

    /// The last request, once it has been accepted.
    pub fn accepted(self) -> Option<Asked> {
        let accepted = self.answer().is_some_and(|answer| answer.is_ok());
        self.asked.get().filter(|_| accepted)
    }

    pub fn was_about(self, subject: &str) -> bool {
        self.asked.with(|asked| {
            asked
                .as_ref()
                .is_some_and(|asked| asked.field(self.subject) == subject)
        })
    }

    /// Why the last answer was refused, if it was about this.
    pub fn refusal_of(self, subject: &str) -> Option<PageError> {
        self.was_about(subject).then(|| self.refusal()).flatten()
    }

    /// Why it was refused before the page was loaded, by a form without scripting: nothing has been asked here yet.
    pub fn refusal_beforehand(self) -> Option<PageError> {
        let is_new = self.asked.with(Option::is_none);
        is_new.then(|| self.refusal()).flatten()
    }

    /// Why the last answer was refused, if what it was about is not among `shown`: it has gone meanwhile, or the
    /// page was loaded anew after a form without scripting.
    pub fn refusal_elsewhere(self, shown: &[String]) -> Option<PageError> {
        let is_shown = shown.iter().any(|shown| self.was_about(shown));
        (!is_shown).then(|| self.refusal()).flatten()
    }

    /// Why the last answer was refused, whatever it was about.
    pub fn refusal(self) -> Option<PageError> {
        self.answer().and_then(Result::err)
    }

    /// The last answer was a refusal, and none has come since: what shows it stays open while it is sent again.
    pub fn refused(self) -> Memo<bool> {
        Memo::new(move |was| {
            self.refusal().is_some() || (was == Some(&true) && self.underway.get())
        })
    }

    /// The answer to the last request; none while one is on its way.
    fn answer(self) -> Option<Result<(), PageError>> {
        let arrived = !self.underway.get();
        self.answer.get().filter(|_| arrived)
    }
}

/// The form whose button was pressed, the button included.
fn written(event: &SubmitEvent) -> Option<String> {
    let form = form_data_from_event(event).ok()?;
    let fields = UrlSearchParams::new_with_str_sequence_sequence(&form).ok()?;
    fields.to_string().as_string()
}

/// A form that asks. Without scripting, the browser posts it and is led back to the page.
#[component]
pub fn Asking(
    answers: Answers,
    #[prop(optional)] class: &'static str,
    children: Children,
) -> impl IntoView {
    let ask = move |event: SubmitEvent| answers.ask(&event);
    view! { <form action=answers.address method="post" class=class on:submit=ask>{children()}</form> }
}

/// The sentence with which an answer was refused.
#[component]
pub fn Refusal(#[prop(into)] error: Signal<Option<PageError>>) -> impl IntoView {
    move || {
        error
            .get()
            .map(|error| view! { <p class="notice notice-failed" role="alert">{error.message}</p> })
    }
}
