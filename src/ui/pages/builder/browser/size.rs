//! How large something is on the page, which the window does not say: what stands beside it comes and goes.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Element, ResizeObserver};

/// Calls as soon as the element is laid out, and whenever it comes to be of another size. Ends with the component that
/// asked.
pub(in super::super) fn on_resize(element: &Element, resized: impl Fn() + 'static) {
    let heard = Closure::<dyn Fn()>::new(resized);
    // Every browser that runs this has one.
    let Ok(observer) = ResizeObserver::new(heard.as_ref().unchecked_ref()) else {
        return;
    };
    observer.observe(element);
    let kept = StoredValue::new_local((observer, heard));
    on_cleanup(move || {
        kept.try_with_value(|(observer, _)| observer.disconnect());
    });
}
