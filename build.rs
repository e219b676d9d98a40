//! Tells cargo about inputs it cannot see by itself: the migrations and the built client, both of
//! which end up inside the server's executable.

use std::env;
use std::path::{Path, PathBuf};

/// Written last by `scripts/site.mjs`, so a change of it means that the whole site is in place.
const MANIFEST: &str = "site.json";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // The client embeds nothing. Watching the site from it would rebuild it after its own output.
    if env::var_os("CARGO_FEATURE_SSR").is_none() {
        return;
    }
    watch(Path::new("migrations"));
    embed_site();
}

/// Names the folder that `rust-embed` reads. `make build` passes it; cargo-leptos names its own;
/// otherwise it is where the Makefile puts it.
fn embed_site() {
    println!("cargo:rerun-if-env-changed=SIGNALBOX_SITE");
    println!("cargo:rerun-if-env-changed=LEPTOS_SITE_ROOT");
    let crate_dir = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let site = env::var_os("SIGNALBOX_SITE")
        .or_else(|| env::var_os("LEPTOS_SITE_ROOT"))
        .map_or_else(
            || crate_dir.join("target/site"),
            |folder| crate_dir.join(folder),
        );
    println!("cargo:rustc-env=SIGNALBOX_SITE={}", site.display());
    watch(&site.join(MANIFEST));

    let release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if release && !site.exists() {
        println!(
            "cargo:warning=the client is not built, so pages will not come to life; use `make build`"
        );
    }
}

/// A watched path that does not exist would make cargo rebuild the crate every time.
fn watch(path: &Path) {
    if path.exists() {
        println!("cargo:rerun-if-changed={}", path.display());
    }
}
