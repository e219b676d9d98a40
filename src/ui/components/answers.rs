//! A form that asks the server for something, as a page keeps it: the action forgets what it was asked as soon as it is
//! answered, and a refusal has to be shown beside the question it belongs to.

use leptos::prelude::*;
use leptos::server_fn::ServerFn;

use std::time::Duration;

use crate::rpc::error::PageError;

/// How long no further answer is taken: what moves under the pointer must not be answered by the second half of a
/// double click.
const REST: Duration = Duration::from_millis(700);

/// Copied into the forms that share it. `S` is the server function.
pub struct Answers<S>
where
    S: ServerFn + 'static,
    S::Output: 'static,
{
    pub action: ServerAction<S>,
    subject: fn(&S) -> &str,
    /// What was asked last.
    asked: RwSignal<Option<S>>,
    /// The last answer has only just come.
    resting: RwSignal<bool>,
}

impl<S> Clone for Answers<S>
where
    S: ServerFn + 'static,
    S::Output: 'static,
{
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Answers<S>
where
    S: ServerFn + 'static,
    S::Output: 'static,
{
}

impl<S> Answers<S>
where
    S: ServerFn<Error = PageError> + Clone + Send + Sync + 'static,
    S::Output: Clone + Send + Sync + 'static,
{
    /// `subject` names what a request is about: a gate, a step, a workflow.
    pub fn new(subject: fn(&S) -> &str) -> Self {
        let action = ServerAction::<S>::new();
        let (asked, resting) = (RwSignal::new(None), RwSignal::new(false));
        Effect::new(move || {
            if let Some(input) = action.input().get() {
                asked.set(Some(input));
            }
        });
        Effect::new(move |earlier: Option<usize>| {
            let answers = action.version().get();
            if earlier.is_some_and(|earlier| earlier != answers) {
                resting.set(true);
                let over = move || {
                    let _ = resting.try_set(false);
                };
                set_timeout(over, REST);
            }
            answers
        });
        Self {
            action,
            subject,
            asked,
            resting,
        }
    }

    /// Not now: an answer is on its way, or has only just come.
    pub fn busy(self) -> bool {
        self.action.pending().get() || self.rests()
    }

    /// An answer has only just come.
    pub fn rests(self) -> bool {
        self.resting.get()
    }

    /// The last request, once it has been accepted.
    pub fn accepted(self) -> Option<S> {
        let accepted = self.answer().is_some_and(|answer| answer.is_ok());
        self.asked.get().filter(|_| accepted)
    }

    pub fn was_about(self, subject: &str) -> bool {
        self.asked.with(|asked| {
            asked
                .as_ref()
                .is_some_and(|asked| (self.subject)(asked) == subject)
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
            self.refusal().is_some() || (was == Some(&true) && self.action.pending().get())
        })
    }

    /// The answer to the last request; none while one is on its way.
    fn answer(self) -> Option<Result<S::Output, PageError>> {
        let arrived = !self.action.pending().get();
        self.action.value().get().filter(|_| arrived)
    }
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
