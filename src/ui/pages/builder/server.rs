//! On the server nothing is checked as it is typed: the page leaves with the draft.

use super::editor::Editor;

pub(super) fn begin(_editor: Editor, _slug: Option<String>) {}

pub(super) fn go_to(_id: &str) {}

pub(super) fn focus_next(_id: String) {}

pub(super) fn on_resize(_element: &leptos::web_sys::Element, _resized: impl Fn() + 'static) {}
