//! The page's side of the workbench: starts the worker, sends it what is written, and hands on what it answers.

use leptos::prelude::*;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{ErrorEvent, MessageEvent, Worker, WorkerOptions, WorkerType};

use crate::workbench::{Answer, Ask};

/// Where the page says which script the worker is; see `ui/shell.rs`.
const ADDRESS: &str = "meta[name='signalbox-workbench']";

type Heard = Closure<dyn FnMut(MessageEvent)>;
type Failed = Closure<dyn FnMut(ErrorEvent)>;

/// A running worker. Ends with the component that made it.
pub(super) struct Worked {
    worker: Worker,
    // Called for as long as the worker lives.
    _heard: Heard,
    _failed: Failed,
}

impl Drop for Worked {
    fn drop(&mut self) {
        self.worker.terminate();
    }
}

/// Kept by the page; not to be sent to other threads, of which there are none.
pub(super) type Bench = StoredValue<Option<Rc<RefCell<Worked>>>, LocalStorage>;

/// Starts the worker. None when the browser has none to give, or the page does not say where it is.
pub(super) fn start(
    hear: impl Fn(Answer) + 'static,
    fail: impl Fn() + 'static,
) -> Option<Rc<RefCell<Worked>>> {
    let page = web_sys::window()?.document()?;
    let address = page.query_selector(ADDRESS).ok()??;
    let address = address.get_attribute("content")?;
    let options = WorkerOptions::new();
    options.set_type(WorkerType::Module);
    let worker = Worker::new_with_options(&address, &options).ok()?;
    let heard = Heard::new(move |event: MessageEvent| {
        let answer = event.data().as_string();
        let answer = answer.and_then(|text| serde_json::from_str(&text).ok());
        if let Some(answer) = answer {
            hear(answer);
        }
    });
    let failed = Failed::new(move |_: ErrorEvent| fail());
    worker.set_onmessage(Some(heard.as_ref().unchecked_ref()));
    worker.set_onerror(Some(failed.as_ref().unchecked_ref()));
    Some(Rc::new(RefCell::new(Worked {
        worker,
        _heard: heard,
        _failed: failed,
    })))
}

/// Asks; the answer comes later. What is asked before the worker is ready waits inside the browser.
pub(super) fn ask(bench: Bench, ask: &Ask) {
    let Ok(text) = serde_json::to_string(ask) else {
        return;
    };
    bench.with_value(|bench| {
        if let Some(bench) = bench {
            // A worker that has failed says so by itself.
            let _ = bench.borrow().worker.post_message(&text.into());
        }
    });
}
