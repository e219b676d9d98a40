//! The picture of the draft: steps where the worker has laid them out, and the ways between them. Select with a click,
//! draw a way from a step's lower edge to another step, move about by dragging the ground, zoom with the wheel or the
//! buttons, drop a new step on the ground, a step or a way. Whoever does not see it has the list of steps beside it, which
//! can do the same.
//!
//! Only what is seen is drawn, and what is too small to be read is drawn as one shape, so that a thousand steps are moved
//! as lightly as ten. What is under the pointer is found in the coordinates: no step has listeners of its own.

mod boxes;
mod drawn;
mod hit;
mod minimap;
mod sight;

use leptos::ev::{DragEvent, PointerEvent, WheelEvent};
use leptos::prelude::*;
use std::sync::Arc;

use super::browser;
use super::carrying::{NEW_STEP, holds, new_step, taken};
use super::editor::{EdgeAt, Editor, Selected};
use crate::engine::edit::{self, Place};
use crate::engine::ids::StepId;
use drawn::Drawn;
use hit::{Hit, insert_on};
use minimap::minimap;
use sight::{Extent, Sight};

/// A scrollbar is no wider, in px.
const SCROLLBAR: f64 = 20.0;

/// What the pointer is doing.
#[derive(Clone, Debug, PartialEq)]
enum Doing {
    Nothing,
    Moving {
        from: Sight,
        at: (f64, f64),
    },
    Drawing {
        from: StepId,
        to: (f64, f64),
    },
    /// A new step is held over this.
    Carrying {
        over: Hit,
    },
}

/// The picture as it is looked at.
#[derive(Clone, Copy)]
struct Looking {
    editor: Editor,
    drawn: Memo<Arc<Drawn>>,
    sight: RwSignal<Sight>,
    doing: RwSignal<Doing>,
    frame: NodeRef<leptos::html::Div>,
    /// How large the frame is; changes with the window and with what stands beside it.
    extent: RwSignal<Extent>,
    /// What has been looked for in the picture, or was chosen there.
    sought: StoredValue<Option<Selected>>,
    /// As it was last fitted into the frame, and how large that was.
    fitted: StoredValue<Option<(Sight, Extent)>>,
}

impl Looking {
    fn measure(self) -> Extent {
        let extent = self.frame.get_untracked().map(|frame| Extent {
            width: f64::from(frame.client_width()),
            height: f64::from(frame.client_height()),
        });
        let extent = extent.unwrap_or_default();
        if self.extent.get_untracked() != extent {
            self.extent.set(extent);
        }
        extent
    }

    fn fit(self) {
        let picture = self.drawn.with_untracked(|drawn| Extent {
            width: f64::from(drawn.width),
            height: f64::from(drawn.height),
        });
        let extent = self.measure();
        let sight = Sight::fitting(picture, extent);
        self.fitted.set_value(Some((sight, extent)));
        self.sight.set(sight);
    }

    /// Fits in what has not been fitted in yet, or what nobody has moved since.
    fn refit(self) {
        let fitted = self.fitted.get_value();
        let is_as_fitted = |(sight, _)| sight == self.sight.get_untracked();
        if fitted.is_none_or(is_as_fitted) {
            self.fit();
        }
    }

    /// A scrollbar that merely comes or goes moves nothing.
    fn resized(self) {
        let Extent { width, height } = self.measure();
        let Some((_, then)) = self.fitted.get_value() else {
            return;
        };
        if (width - then.width).abs() > SCROLLBAR || height != then.height {
            self.refit();
        }
    }

    /// Moves the picture so that this is seen, if it is not. False where it is not drawn yet.
    fn turn_to(self, drawn: &Drawn, chosen: &Selected) -> bool {
        let Selected::Step(id) = chosen else {
            return true;
        };
        let Some(step) = drawn.step(id) else {
            return false;
        };
        let ((left, top), (right, bottom)) = step.heading();
        let (extent, sight) = (self.measure(), self.sight.get_untracked());
        if !(sight.sees((left, top), extent) && sight.sees((right, bottom), extent)) {
            let middle = ((left + right) / 2.0, (top + bottom) / 2.0);
            self.sight.set(sight.centred(middle, extent));
        }
        true
    }

    /// What is chosen here is seen.
    fn choose(self, chosen: Selected) {
        self.sought.set_value(Some(chosen.clone()));
        self.editor.select(chosen);
    }

    fn zoom_by(self, factor: f64) {
        let Extent { width, height } = self.measure();
        self.sight
            .update(|sight| *sight = sight.zoomed(factor, (width / 2.0, height / 2.0)));
    }

    /// In px of the frame.
    fn in_frame(self, x: i32, y: i32) -> (f64, f64) {
        let Some(frame) = self.frame.get_untracked() else {
            return (0.0, 0.0);
        };
        let corner = frame.get_bounding_client_rect();
        (f64::from(x) - corner.left(), f64::from(y) - corner.top())
    }

    fn place(self, x: i32, y: i32) -> (f64, f64) {
        self.sight.get_untracked().place(self.in_frame(x, y))
    }

    fn hit(self, x: i32, y: i32) -> Hit {
        let (x, y) = self.place(x, y);
        self.drawn.with_untracked(|drawn| drawn.hit(x, y))
    }

    fn down(self, event: &PointerEvent) {
        if event.button() != 0 {
            return;
        }
        let (x, y) = (event.client_x(), event.client_y());
        match self.hit(x, y) {
            Hit::Port(from) => {
                let to = self.place(x, y);
                self.doing.set(Doing::Drawing { from, to });
            }
            Hit::Step(id) => self.choose(Selected::Step(id)),
            Hit::Way(at) => self.choose(Selected::Edge(at)),
            Hit::Ground => self.doing.set(Doing::Moving {
                from: self.sight.get_untracked(),
                at: (f64::from(x), f64::from(y)),
            }),
        }
    }

    fn moved(self, event: &PointerEvent) {
        match self.doing.get_untracked() {
            Doing::Nothing | Doing::Carrying { .. } => {}
            Doing::Moving { from, at } => self.sight.set(Sight {
                x: from.x - (f64::from(event.client_x()) - at.0) / from.zoom,
                y: from.y - (f64::from(event.client_y()) - at.1) / from.zoom,
                ..from
            }),
            Doing::Drawing { from, .. } => {
                let to = self.place(event.client_x(), event.client_y());
                self.doing.set(Doing::Drawing { from, to });
            }
        }
    }

    fn up(self, event: &PointerEvent) {
        if let Doing::Drawing { from, .. } = self.doing.get_untracked() {
            match self.hit(event.client_x(), event.client_y()) {
                // A click on the port, and nothing drawn.
                Hit::Port(to) if to == from => self.choose(Selected::Step(from)),
                Hit::Step(to) | Hit::Port(to) => connect(self.editor, &from, &to),
                Hit::Way(_) | Hit::Ground => {}
            }
        }
        self.rest();
    }

    fn rest(self) {
        if self.doing.with_untracked(|doing| *doing != Doing::Nothing) {
            self.doing.set(Doing::Nothing);
        }
    }

    fn wheel(self, event: &WheelEvent) {
        if event.ctrl_key() || event.meta_key() {
            event.prevent_default();
            let factor = if event.delta_y() < 0.0 {
                1.1
            } else {
                1.0 / 1.1
            };
            let at = self.in_frame(event.client_x(), event.client_y());
            self.sight.update(|sight| *sight = sight.zoomed(factor, at));
        }
    }

    fn carried(self, event: &DragEvent) {
        if holds(event, NEW_STEP) {
            event.prevent_default();
            let doing = Doing::Carrying {
                over: self.hit(event.client_x(), event.client_y()),
            };
            if self.doing.with_untracked(|now| *now != doing) {
                self.doing.set(doing);
            }
        }
    }

    fn dropped(self, event: &DragEvent) {
        let Some(word) = taken(event, NEW_STEP) else {
            return;
        };
        event.prevent_default();
        let step = new_step(&word);
        let hit = self.hit(event.client_x(), event.client_y());
        let id = self.editor.change(None, |draft| match &hit {
            Hit::Ground => Some(edit::add_step(draft, step, &Place::Loose(None))),
            Hit::Step(of) | Hit::Port(of) => {
                let of = &self.editor.now(of);
                let holds = edit::find(draft, of).is_some_and(|step| step.body.is_some());
                let place = if holds {
                    Place::Loose(Some(of.clone()))
                } else {
                    Place::After(of.clone())
                };
                Some(edit::add_step(draft, step, &place))
            }
            Hit::Way(at) => {
                let inside = at.inside.as_ref().map(|id| self.editor.now(id));
                let position = at.position;
                insert_on(draft, step, &EdgeAt { inside, position })
            }
        });
        self.rest();
        if let Some(id) = id {
            self.editor.added(&id);
        }
    }
}

#[component]
pub(super) fn PictureView(editor: Editor) -> impl IntoView {
    let drawn = Memo::new(move |_| {
        // The names are those of the draft that was laid out, or a newer one.
        Arc::new(editor.checked.with(|checked| {
            editor
                .document
                .with_untracked(|draft| Drawn::new(draft, checked))
        }))
    });
    let looking = Looking {
        editor,
        drawn,
        sight: RwSignal::new(Sight::begun()),
        doing: RwSignal::new(Doing::Nothing),
        frame: NodeRef::new(),
        extent: RwSignal::new(Extent::default()),
        sought: StoredValue::new(None),
        fitted: StoredValue::new(None),
    };
    let size = Memo::new(move |_| drawn.with(|drawn| (drawn.width, drawn.height)));
    // What has been chosen outside of the picture is looked for in it, as soon as it is drawn there.
    // In one go, for where a step is seen depends on what has been fitted.
    Effect::new(move |before: Option<(i32, i32)>| {
        let size = size.get();
        if before != Some(size) && drawn.with_untracked(|drawn| !drawn.steps.is_empty()) {
            looking.refit();
        }
        let chosen = editor.selected.get();
        let sought = looking.sought;
        let is_new = sought.with_value(|sought| *sought != Some(chosen.clone()));
        if is_new && drawn.with(|drawn| looking.turn_to(drawn, &chosen)) {
            sought.set_value(Some(chosen));
        }
        size
    });
    Effect::new(move || {
        if let Some(frame) = looking.frame.get() {
            browser::on_resize(&frame, move || looking.resized());
        }
    });
    let summary = move || {
        drawn.with(|drawn| {
            let steps = drawn.steps.len();
            format!("Picture of {steps} steps. The list of steps says the same.")
        })
    };
    let transform = move || {
        let Sight { x, y, zoom } = looking.sight.get();
        format!("scale({zoom}) translate({} {})", -x, -y)
    };
    let view_of = Memo::new(move |_| looking.sight.get().view(looking.extent.get()));
    let empty = move || {
        let is_empty = editor.document.with(|draft| draft.steps.is_empty());
        is_empty.then(|| view! { <p class="picture-empty">"Nothing here yet. Add the first step from the list of steps, or drag one here."</p> })
    };
    let frame = looking.frame;
    view! {
        <div class="picture" node_ref=frame on:dragover=move |event| looking.carried(&event) on:dragleave=move |_| looking.rest() on:drop=move |event| looking.dropped(&event)>
            <svg class="picture-ground" role="img" aria-label=summary
                on:pointerdown=move |event| looking.down(&event) on:pointermove=move |event| looking.moved(&event) on:pointerup=move |event| looking.up(&event)
                on:pointerleave=move |_| looking.rest() on:wheel=move |event| looking.wheel(&event)>
                <defs>
                    <marker id="picture-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">
                        <path d="M0 0L8 4L0 8z" />
                    </marker>
                </defs>
                <g transform=transform>
                    {boxes::parts(editor, drawn, view_of)}
                    {move || underway(looking)}
                </g>
            </svg>
            {minimap(drawn, looking.sight, move || looking.extent.get())}
            <div class="picture-tools" role="group" aria-label="The picture">
                <button type="button" class="button button-small" aria-label="Larger" on:click=move |_| looking.zoom_by(1.25)>"+"</button>
                <button type="button" class="button button-small" aria-label="Smaller" on:click=move |_| looking.zoom_by(0.8)>"−"</button>
                <button type="button" class="button button-small" on:click=move |_| looking.fit()>"Fit"</button>
            </div>
            {empty}
        </div>
    }
}

/// The way that is being drawn, or where a new step would go.
fn underway(looking: Looking) -> Option<AnyView> {
    let drawn = looking.drawn.get();
    match looking.doing.get() {
        Doing::Nothing | Doing::Moving { .. } => None,
        Doing::Drawing { from, to } => {
            let (x, y) = drawn.step(&from)?.port();
            let target = match drawn.hit(to.0, to.1) {
                Hit::Step(to) | Hit::Port(to) if to != from => Some(to),
                Hit::Step(_) | Hit::Port(_) | Hit::Way(_) | Hit::Ground => None,
            };
            let refused = target.as_ref().is_some_and(|to| {
                let draft = looking.editor.document;
                draft.with_untracked(|draft| edit::can_connect(draft, &from, to).is_err())
            });
            let outline = target.and_then(|to| drawn.step(&to).map(|step| step.outline()));
            Some(
                view! {
                    <g class="picture-underway" class:picture-refused=refused>
                        {outline.map(|outline| view! { <path class="picture-target" d=outline /> })}
                        <path class="picture-rubber" d=format!("M{x} {y}L{} {}", to.0, to.1) />
                    </g>
                }
                .into_any(),
            )
        }
        Doing::Carrying { over } => {
            let path = match over {
                Hit::Ground => return None,
                Hit::Step(id) | Hit::Port(id) => drawn.step(&id)?.outline(),
                Hit::Way(at) => drawn.ways.iter().find(|way| way.at == at)?.path(),
            };
            Some(view! { <path class="picture-target" d=path /> }.into_any())
        }
    }
}

/// Draws the way, or says why it cannot be drawn.
pub(super) fn connect(editor: Editor, from: &StepId, to: &StepId) {
    let (from, to) = (&editor.now(from), &editor.now(to));
    let done = editor.change(None, |draft| edit::connect(draft, from, to));
    editor.said.set(match done {
        Ok(()) => format!("{from} leads to {to} now."),
        Err(why) => format!("Not connected: {why}."),
    });
}
