//! The pages, compiled for the server (which renders them) and for the browser (which brings them to life).

pub mod shell;

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::SsrMode;
use leptos_router::components::{Route, Router, Routes};
use leptos_router::path;

/// The whole application below `<body>`: the same tree on both sides, or hydration fails.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Title formatter=|title: String| {
            if title.is_empty() { "Signalbox".to_owned() } else { format!("{title} · Signalbox") }
        } />
        <Router>
            <Routes fallback=NotFound>
                <Route path=path!("/") view=Home ssr=SsrMode::Async />
            </Routes>
        </Router>
    }
}

#[component]
fn Home() -> impl IntoView {
    let presses = RwSignal::new(0_u32);
    view! {
        <Title text="Home" />
        <main>
            <h1>"Signalbox"</h1>
            <p>"A control room for workflows in which programs, machines and people take part."</p>
            <button type="button" on:click=move |_| presses.update(|count| *count += 1)>
                "Pressed " {presses} " times"
            </button>
        </main>
    }
}

#[component]
fn NotFound() -> impl IntoView {
    view! {
        <Title text="Page not found" />
        <main>
            <h1>"Page not found"</h1>
            <p>
                "There is no page at this address. " <a href="/">"Go to the start page"</a> "."
            </p>
        </main>
    }
}
