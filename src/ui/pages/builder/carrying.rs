//! What is dragged: a new step from the palette onto the picture, a step of the list to another place in it. What is under
//! way lies in the drag itself, which only tells its kind until it is dropped.

use leptos::ev::DragEvent;
use leptos::web_sys::DataTransfer;

use super::words::KINDS;
use crate::engine::edit;
use crate::engine::workflow::{Step, StepKind};

/// A step that is not there yet: its word in the palette.
pub(super) const NEW_STEP: &str = "application/x-signalbox-new-step";
/// A step of the list: its id.
pub(super) const LINE: &str = "application/x-signalbox-step";

pub(super) fn begin(event: &DragEvent, kind: &str, what: &str) {
    event.stop_propagation();
    if let Some(data) = event.data_transfer() {
        // A browser that refuses carries nothing, and nothing is dropped.
        let _ = data.set_data(kind, what);
        data.set_effect_allowed("move");
    }
}

/// Whether something of that kind is dragged.
pub(super) fn holds(event: &DragEvent, kind: &str) -> bool {
    let types = event.data_transfer().map(|data| data.types());
    types.is_some_and(|types| {
        types
            .iter()
            .any(|of| of.as_string().as_deref() == Some(kind))
    })
}

/// What is dropped.
pub(super) fn taken(event: &DragEvent, kind: &str) -> Option<String> {
    let get = |data: DataTransfer| data.get_data(kind).ok();
    event
        .data_transfer()
        .and_then(get)
        .filter(|what| !what.is_empty())
}

/// The step for a word of the palette: `tool:http.request`, `human_gate`.
pub(super) fn new_step(word: &str) -> Step {
    match word.split_once(':') {
        Some((_, tool)) => edit::new_step(StepKind::ToolCall, Some(tool)),
        None => {
            let found = KINDS.iter().find(|(kind, _)| kind.as_str() == word);
            edit::new_step(found.map(|(kind, _)| *kind).unwrap_or_default(), None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_palette_makes_its_step() {
        for (kind, _) in KINDS {
            assert_eq!(new_step(kind.as_str()).kind, kind);
        }
        let call = new_step("tool:http.request");
        assert_eq!(
            (call.kind, call.tool.as_deref()),
            (StepKind::ToolCall, Some("http.request"))
        );
    }
}
