//! What is not done at once.

use leptos::prelude::*;
use std::time::Duration;

/// Does what was asked for last. Not after whoever asked is gone.
#[derive(Clone, Copy)]
pub struct Later {
    pause: Duration,
    timer: StoredValue<Option<TimeoutHandle>>,
}

impl Later {
    pub fn after(pause: Duration) -> Self {
        let later = Self {
            pause,
            timer: StoredValue::new(None),
        };
        on_cleanup(move || later.forget());
        later
    }

    pub fn ask(self, what: impl FnOnce() + 'static) {
        self.forget();
        let timer = set_timeout_with_handle(what, self.pause).ok();
        let _ = self.timer.try_set_value(timer);
    }

    pub fn forget(self) {
        if let Some(Some(timer)) = self.timer.try_update_value(Option::take) {
            timer.clear();
        }
    }
}

/// Follows a signal a moment later. Whatever is taken away because of it has then heard of all else that has changed at
/// the same time: told of both at once, it would ask for values of its own that are gone already.
pub fn a_moment_later<T>(of: Memo<T>) -> Signal<T>
where
    T: Clone + PartialEq + Send + Sync + 'static,
{
    let follows = RwSignal::new(of.get_untracked());
    Effect::new(move |is_begun: Option<()>| {
        let now = of.get();
        if is_begun.is_some() {
            let follow = move || {
                let _ = follows.try_maybe_update(|seen| {
                    let is_new = *seen != now;
                    *seen = now;
                    (is_new, ())
                });
            };
            set_timeout(follow, Duration::ZERO);
        }
    });
    follows.into()
}
