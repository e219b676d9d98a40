//! The worker's one function, as its script calls it.

use std::cell::RefCell;
use wasm_bindgen::prelude::wasm_bindgen;

use super::Bench;

thread_local! {
    static BENCH: RefCell<Bench> = RefCell::default();
}

/// Takes an `Ask` and gives an `Answer`, both as JSON.
#[wasm_bindgen]
pub fn answer(ask: &str) -> String {
    console_error_panic_hook::set_once();
    BENCH.with_borrow_mut(|bench| bench.answer_json(ask))
}
