//! Tells cargo about an input that it cannot see by itself: the migrations, which end up inside the server.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_SSR").is_some() {
        println!("cargo:rerun-if-changed=migrations");
    }
}
