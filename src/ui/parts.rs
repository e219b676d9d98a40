//! The client comes in parts: what every page needs, and more for each kind of page, fetched when such a page is first
//! shown. Where the parts are is settled at build time: whatever only the function behind a part reaches is in its files
//! (`wasm-split`, see the Makefile). On the server, and in a client that was built without optimisation, all of them are
//! there from the beginning.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

/// A part could not be fetched: the network is down, or the server has another release by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotFetched;

impl fmt::Display for NotFetched {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a part of the client could not be fetched")
    }
}

impl From<leptos::wasm_split::SplitLoaderError> for NotFetched {
    fn from(_: leptos::wasm_split::SplitLoaderError) -> Self {
        Self
    }
}

pub type Fetching = Pin<Box<dyn Future<Output = Result<(), NotFetched>>>>;

/// May be asked for again, also after it has failed.
pub type Fetch = fn() -> Fetching;

/// What draws a view, and may have to be fetched first. `With` is what it is drawn from.
pub struct Part<With: 'static> {
    /// As the build calls it.
    pub name: &'static str,
    pub fetch: Fetch,
    /// Nothing, while the part is not here.
    pub draw: fn(With) -> Option<AnyView>,
}

impl<With> Clone for Part<With> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<With> Copy for Part<With> {}

/// What a part stands for: a page, or something beside it, which needs no title of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Page,
    Beside,
    /// One of many on a page: nothing stands where it will be.
    Within,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Underway,
    Here,
    NotFetched,
}

impl<With: Clone + Send + 'static> Part<With> {
    /// The view. At once if the part is here, as it has to be for whatever the server has drawn already.
    pub fn show(self, with: With, place: Place) -> AnyView {
        if let Some(view) = (self.draw)(with.clone()) {
            return view;
        }
        let standing = RwSignal::new(Standing::Underway);
        spawn_local(async move {
            let fetched = (self.fetch)().await;
            // Whoever asked may have gone elsewhere meanwhile.
            let _ = standing.try_set(match fetched {
                Ok(()) => Standing::Here,
                Err(NotFetched) => Standing::NotFetched,
            });
        });
        let view = move || match standing.get() {
            Standing::Underway => waiting(place).into_any(),
            Standing::Here => (self.draw)(with.clone()).into_any(),
            Standing::NotFetched => missing(place).into_any(),
        };
        view.into_any()
    }
}

fn waiting(place: Place) -> impl IntoView {
    view! {
        {(place == Place::Page).then(|| view! { <Title text="Loading" /> })}
        {(place != Place::Within).then(|| view! { <p class="muted" role="status">"Loading…"</p> })}
    }
}

/// What stands where a part would. Fetched anew by the browser itself: after an update the addresses are others.
pub fn missing(place: Place) -> AnyView {
    if place == Place::Within {
        return view! { <p class="muted" role="status">"What belongs here could not be fetched. " <a href="" rel="external">"Load the page again"</a></p> }
            .into_any();
    }
    view! {
        {(place == Place::Page).then(|| view! { <Title text="Not loaded" /><h1>"Not loaded"</h1> })}
        <div class="notice notice-failed" role="alert">
            <p>"This could not be fetched. Check the connection and try again."</p>
            <p><a href="" rel="external">"Try again"</a></p>
        </div>
    }
    .into_any()
}

/// Makes a part of a function that draws: `apart!(lists, HOME: () => draw)` is the constant `HOME`, which is in the files
/// of `lists`. Many may share those.
#[cfg(all(target_family = "wasm", not(debug_assertions)))]
macro_rules! apart {
    ($name:ident, $part:ident: $with:ty => $draw:expr) => {
        pub(in crate::ui) const $part: $crate::ui::parts::Part<$with> = {
            use leptos::prelude::AnyView;
            use std::sync::atomic::{AtomicBool, Ordering};
            use $crate::ui::parts::{Fetching, NotFetched, Part};

            /// Only what is here may be drawn in one go.
            static HERE: AtomicBool = AtomicBool::new(false);

            #[leptos::wasm_split::wasm_split($name, wasm_split_path = leptos::wasm_split, fallible, preload(ready))]
            fn drawn(with: $with) -> Result<AnyView, NotFetched> {
                let draw: fn($with) -> AnyView = $draw;
                Ok(draw(with))
            }

            fn fetch() -> Fetching {
                Box::pin(async {
                    ready().await?;
                    HERE.store(true, Ordering::Relaxed);
                    Ok(())
                })
            }

            fn draw(with: $with) -> Option<AnyView> {
                use futures::FutureExt;

                HERE.load(Ordering::Relaxed)
                    .then(|| drawn(with).now_or_never()?.ok())
                    .flatten()
            }

            Part { name: stringify!($name), fetch, draw }
        };
    };
}

#[cfg(not(all(target_family = "wasm", not(debug_assertions))))]
macro_rules! apart {
    ($name:ident, $part:ident: $with:ty => $draw:expr) => {
        pub(in crate::ui) const $part: $crate::ui::parts::Part<$with> = $crate::ui::parts::Part {
            name: stringify!($name),
            fetch: || Box::pin(async { Ok(()) }),
            draw: |with| {
                let draw: fn($with) -> leptos::prelude::AnyView = $draw;
                Some(draw(with))
            },
        };
    };
}

pub(in crate::ui) use apart;
