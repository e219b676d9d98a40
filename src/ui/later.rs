//! What is not done at once.

use leptos::prelude::*;
use leptos::web_sys::Element;
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
        self.ask_after(self.pause, what);
    }

    /// After another pause than usual.
    pub fn ask_after(self, pause: Duration, what: impl FnOnce() + 'static) {
        self.forget();
        let timer = set_timeout_with_handle(what, pause).ok();
        let _ = self.timer.try_set_value(timer);
    }

    pub fn forget(self) {
        if let Some(Some(timer)) = self.timer.try_update_value(Option::take) {
            timer.clear();
        }
    }
}

/// Pictures that are drawn before somebody gives up waiting for something to be on the page.
const PICTURES: u32 = 30;

/// Does it with the element of that id, as soon as it is there: a list that is turned has its rows a moment later.
pub fn once_there(id: String, what: impl Fn(&Element) + 'static) {
    look_for(id, Box::new(what), PICTURES);
}

fn look_for(id: String, what: Box<dyn Fn(&Element)>, left: u32) {
    request_animation_frame(move || match document().get_element_by_id(&id) {
        Some(element) => what(&element),
        None if left > 0 => look_for(id, what, left - 1),
        None => {}
    });
}

/// Follows a signal a moment later. Whatever is taken away because of it has then heard of all else that has changed at
/// the same time: told of both at once, it would ask for values of its own that are gone already.
pub fn a_moment_later<T>(of: Memo<T>) -> Signal<T>
where
    T: Clone + PartialEq + Send + Sync + 'static,
{
    let follows = RwSignal::new(of.get_untracked());
    Effect::new(move || {
        of.track();
        let follow = move || {
            // What holds by then: whatever else is shown has gone on meanwhile.
            let Some(now) = of.try_get_untracked() else {
                return;
            };
            let _ = follows.try_maybe_update(|seen| {
                let is_new = *seen != now;
                *seen = now;
                (is_new, ())
            });
        };
        set_timeout(follow, Duration::ZERO);
    });
    follows.into()
}
