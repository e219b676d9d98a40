//! The HTML document around the application: the head, the styles and the script that starts the
//! client. It never holds page content, and nothing in it is hydrated except what stands in `<body>`.

use crate::ui::App;
use crate::ui::pages;
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_meta::MetaTags;
use leptos_router::location::RequestUrl;
use std::collections::BTreeMap;

/// Addresses of the client's files on this server. The server reads them from the site manifest
/// and hands them in, because the names carry a hash that only the build knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFiles {
    /// The JavaScript that loads the WASM, such as `/pkg/signalbox.0123456789abcdef.js`.
    pub script: String,
    /// What fetches the parts of the client; the script needs it first.
    pub loader: Option<String>,
    /// What every page needs of the compiled client.
    pub wasm: String,
    /// What some pages need besides, by the name of the part. Parts share files.
    pub parts: BTreeMap<String, Vec<String>>,
    /// The bundled style sheet.
    pub style: String,
    /// The script of the worker in which the builder's compiler runs.
    pub workbench: String,
}

/// The whole document, rendered on the server only.
pub fn shell(files: ClientFiles, options: LeptosOptions) -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <link rel="stylesheet" href=files.style.clone() />
                // Read by `ui/pages/builder/browser`.
                <meta name="signalbox-workbench" content=files.workbench.clone() />
                <HydrationHead files />
                <AutoReload options />
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

/// Preloads the client, with the part of it that draws this page, and starts it. Leptos' own component finds hashed
/// names in a file beside the executable at run time; our executable stands alone, so the names come from inside it.
#[component]
fn HydrationHead(files: ClientFiles) -> impl IntoView {
    let ClientFiles {
        script,
        loader,
        wasm,
        parts,
        ..
    } = files;
    // The attribute lets tests, and styles that need a live page, know that hydration is over, and how.
    let start = format!(
        "import init, {{ hydrate }} from {script:?};\n\
         await init({{ module_or_path: {wasm:?} }});\n\
         document.documentElement.dataset[await hydrate() ? \"hydrated\" : \"stalled\"] = \"\";"
    );
    let url = use_context::<RequestUrl>().and_then(|url| url.parse().ok());
    let page = url.and_then(|url| pages::at(url.path()));
    let of_page = page.and_then(|page| parts.get(page.name)).cloned();
    let preloads: Vec<_> = std::iter::once(wasm)
        .chain(of_page.into_iter().flatten())
        .map(|file| view! { <link rel="preload" href=file r#as="fetch" r#type="application/wasm" crossorigin="anonymous" /> })
        .collect();
    view! {
        <link rel="modulepreload" href=script />
        {loader.map(|loader| view! { <link rel="modulepreload" href=loader /> })}
        {preloads}
        <script type="module" nonce=use_nonce()>
            {start}
        </script>
    }
}
