//! What is done once nobody has asked for it again for a while.

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
