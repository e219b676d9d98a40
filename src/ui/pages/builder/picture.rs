//! The picture of the draft: steps where the worker has laid them out, and the ways between them. Select with a click,
//! draw a way from a step's lower edge to another step, move about by dragging the ground, zoom with the wheel or the
//! buttons. Whoever does not see it has the list of steps beside it, which can do the same.

use leptos::ev::{PointerEvent, WheelEvent};
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;

use super::editor::{EdgeAt, Editor, Selected, place_of};
use crate::engine::edit;
use crate::engine::ids::StepId;
use crate::engine::layout::{Placed, Point, Route};
use crate::engine::workflow::{EdgeTrigger, Step, StepKind, Workflow};

const ZOOM_MIN: f64 = 0.2;
const ZOOM_MAX: f64 = 2.0;
/// Characters of a name that fit into a box.
const NAME_CHARS: usize = 23;

/// Which part of the picture is looked at: what is at the upper left corner, in px of the picture, and how large it is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sight {
    x: f64,
    y: f64,
    zoom: f64,
}

/// What the pointer is doing.
#[derive(Clone, Debug, PartialEq)]
enum Doing {
    Nothing,
    Moving { from: Sight, at: (f64, f64) },
    Drawing { from: StepId, to: (f64, f64) },
}

#[component]
pub(super) fn PictureView(editor: Editor) -> impl IntoView {
    let sight = RwSignal::new(Sight {
        x: -24.0,
        y: -24.0,
        zoom: 1.0,
    });
    let doing = RwSignal::new(Doing::Nothing);
    let frame = NodeRef::<leptos::html::Div>::new();
    let summary = move || {
        editor.document.with(|draft| {
            format!(
                "Picture of {} steps. The list of steps says the same.",
                draft.steps.len()
            )
        })
    };
    let transform = move || {
        let Sight { x, y, zoom } = sight.get();
        format!("scale({zoom}) translate({} {})", -x, -y)
    };
    let zoom_by = move |factor: f64| {
        sight.update(|sight| sight.zoom = (sight.zoom * factor).clamp(ZOOM_MIN, ZOOM_MAX))
    };
    let fit = move || {
        let picture = editor
            .checked
            .with_untracked(|checked| (checked.picture.width, checked.picture.height));
        if let Some(frame) = frame.get_untracked() {
            let (width, height) = (
                f64::from(frame.client_width()),
                f64::from(frame.client_height()),
            );
            let (wide, high) = (f64::from(picture.0.max(1)), f64::from(picture.1.max(1)));
            let zoom = ((width - 32.0) / wide)
                .min((height - 32.0) / high)
                .clamp(ZOOM_MIN, 1.0);
            sight.set(Sight {
                x: wide / 2.0 - width / zoom / 2.0,
                y: -16.0 / zoom,
                zoom,
            });
        }
    };
    // Once, when there is something to see.
    let fitted = StoredValue::new(false);
    Effect::new(move || {
        if editor
            .checked
            .with(|checked| !checked.picture.steps.is_empty())
            && !fitted.get_value()
        {
            fitted.set_value(true);
            fit();
        }
    });
    let place_on = move |event: &PointerEvent| -> (f64, f64) {
        let Some(frame) = frame.get_untracked() else {
            return (0.0, 0.0);
        };
        let corner = frame.get_bounding_client_rect();
        let Sight { x, y, zoom } = sight.get_untracked();
        (
            (f64::from(event.client_x()) - corner.left()) / zoom + x,
            (f64::from(event.client_y()) - corner.top()) / zoom + y,
        )
    };
    let down = move |event: PointerEvent| {
        if event.button() == 0 {
            let at = (f64::from(event.client_x()), f64::from(event.client_y()));
            doing.set(Doing::Moving {
                from: sight.get_untracked(),
                at,
            });
        }
    };
    let moved = move |event: PointerEvent| match doing.get_untracked() {
        Doing::Nothing => {}
        Doing::Moving { from, at } => sight.set(Sight {
            x: from.x - (f64::from(event.client_x()) - at.0) / from.zoom,
            y: from.y - (f64::from(event.client_y()) - at.1) / from.zoom,
            ..from
        }),
        Doing::Drawing { from, .. } => doing.set(Doing::Drawing {
            from,
            to: place_on(&event),
        }),
    };
    let up = move |event: PointerEvent| {
        if let Doing::Drawing { from, .. } = doing.get_untracked() {
            let (x, y) = place_on(&event);
            let target = editor
                .checked
                .with_untracked(|checked| step_at(&checked.picture.steps, x, y));
            if let Some(to) = target {
                connect(editor, &from, &to);
            }
        }
        doing.set(Doing::Nothing);
    };
    let wheel = move |event: WheelEvent| {
        if event.ctrl_key() || event.meta_key() {
            event.prevent_default();
            zoom_by(if event.delta_y() < 0.0 {
                1.1
            } else {
                1.0 / 1.1
            });
        }
    };
    let rubber =
        move || {
            match doing.get() {
        Doing::Drawing { from, to } => editor.checked.with(|checked| {
            let start = checked.picture.steps.iter().find(|placed| placed.step == from)?;
            let (x, y) = (start.x + start.width / 2, start.y + start.height);
            Some(view! { <path class="picture-rubber" d=format!("M{x} {y}L{} {}", to.0, to.1) /> })
        }),
        Doing::Nothing | Doing::Moving { .. } => None,
    }
        };
    view! {
        <div class="picture" node_ref=frame>
            <div class="picture-tools" role="group" aria-label="The picture">
                <button type="button" class="button button-small" aria-label="Larger" on:click=move |_| zoom_by(1.25)>"+"</button>
                <button type="button" class="button button-small" aria-label="Smaller" on:click=move |_| zoom_by(0.8)>"−"</button>
                <button type="button" class="button button-small" on:click=move |_| fit()>"Fit"</button>
            </div>
            <svg class="picture-ground" role="img" aria-label=summary
                on:pointerdown=down on:pointermove=moved on:pointerup=up on:pointerleave=move |_| doing.set(Doing::Nothing) on:wheel=wheel>
                <defs>
                    <marker id="picture-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">
                        <path d="M0 0L8 4L0 8z" />
                    </marker>
                </defs>
                <g transform=transform>
                    <For each=move || boxes(editor) key=|shown| shown.clone() let(shown)>
                        <StepBox editor shown doing />
                    </For>
                    <For each=move || ways(editor) key=|way| way.clone() let(way)>
                        <Way editor way />
                    </For>
                    {rubber}
                </g>
            </svg>
            {move || editor.document.with(|draft| draft.steps.is_empty()).then(|| view! {
                <p class="picture-empty">"Nothing here yet. Add the first step from the list on the left."</p>
            })}
        </div>
    }
}

/// Draws the way, or says why it cannot be drawn.
pub(super) fn connect(editor: Editor, from: &StepId, to: &StepId) {
    let done = editor.change(None, |draft| edit::connect(draft, from, to));
    editor.said.set(match done {
        Ok(()) => format!("{from} leads to {to} now."),
        Err(why) => format!("Not connected: {why}."),
    });
}

/// The innermost step at this place.
fn step_at(steps: &[Placed], x: f64, y: f64) -> Option<StepId> {
    let holds = |placed: &&Placed| {
        let (left, top) = (f64::from(placed.x), f64::from(placed.y));
        (left..=left + f64::from(placed.width)).contains(&x)
            && (top..=top + f64::from(placed.height)).contains(&y)
    };
    steps
        .iter()
        .filter(holds)
        .max_by_key(|placed| placed.depth)
        .map(|placed| placed.step.clone())
}

/// A step as it is drawn. Drawn anew only when one of these changes.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Shown {
    id: StepId,
    x: i32,
    y: i32,
    width: i32,
    height: i32,
    name: String,
    what: String,
    guarded: bool,
    findings: usize,
}

fn boxes(editor: Editor) -> Vec<Shown> {
    editor.checked.with(|checked| {
        editor.document.with_untracked(|draft| {
            let wrong = |id: &StepId| {
                let about = |finding: &&crate::engine::diagnostic::Diagnostic| {
                    place_of(finding) == Selected::Step(id.clone())
                };
                checked.findings.iter().filter(about).count()
            };
            let steps = checked.picture.steps.iter();
            steps
                .filter_map(|placed| {
                    let step = edit::find(draft, &placed.step)?;
                    Some(Shown {
                        id: placed.step.clone(),
                        x: placed.x,
                        y: placed.y,
                        width: placed.width,
                        height: placed.height,
                        name: name_of(step),
                        what: what_of(step),
                        guarded: step.approval.is_some(),
                        findings: wrong(&placed.step),
                    })
                })
                .collect()
        })
    })
}

pub(super) fn name_of(step: &Step) -> String {
    let name = step.name.clone().filter(|name| !name.trim().is_empty());
    name.unwrap_or_else(|| step.id.as_str().replace('_', " "))
}

/// The tool, or the kind in words.
pub(super) fn what_of(step: &Step) -> String {
    match (&step.tool, &step.workflow) {
        (Some(tool), _) => tool.clone(),
        (None, Some(workflow)) => format!("runs {workflow}"),
        (None, None) => kind_name(step.kind).to_owned(),
    }
}

pub(super) fn kind_name(kind: StepKind) -> &'static str {
    match kind {
        StepKind::ToolCall => "tool",
        StepKind::HumanGate => "gate",
        StepKind::Condition => "condition",
        StepKind::Parallel => "parallel",
        StepKind::Join => "join",
        StepKind::Transform => "transform",
        StepKind::Map => "for each item",
        StepKind::Loop => "loop",
        StepKind::Wait => "wait",
        StepKind::Subworkflow => "workflow",
        StepKind::External => "outside",
    }
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= NAME_CHARS {
        return text.to_owned();
    }
    text.chars().take(NAME_CHARS - 1).chain(['…']).collect()
}

#[component]
fn StepBox(editor: Editor, shown: Shown, doing: RwSignal<Doing>) -> impl IntoView {
    let Shown {
        id,
        x,
        y,
        width,
        height,
        name,
        what,
        guarded,
        findings,
    } = shown;
    let here = Selected::Step(id.clone());
    let chosen = {
        let here = here.clone();
        Memo::new(move |_| editor.selected.with(|selected| *selected == here))
    };
    let select = move |event: PointerEvent| {
        event.stop_propagation();
        editor.select(here.clone());
    };
    let from = id.clone();
    let draw = move |event: PointerEvent| {
        event.stop_propagation();
        // Moves and the end of it are heard by the ground.
        if let Some(port) = event
            .target()
            .and_then(|target| target.dyn_into::<leptos::web_sys::Element>().ok())
        {
            let _ = port.release_pointer_capture(event.pointer_id());
        }
        doing.set(Doing::Drawing {
            from: from.clone(),
            to: (f64::from(x + width / 2), f64::from(y + height)),
        });
    };
    let port = (x + width / 2, y + height);
    view! {
        <g class="picture-step" class:picture-chosen=move || chosen.get() class:picture-wrong={findings > 0} on:pointerdown=select>
            <title>{name.clone()}</title>
            <rect x=x y=y width=width height=height rx="8" />
            <text class="picture-name" x={x + 12} y={y + 24}>{shortened(&name)}</text>
            <text class="picture-what" x={x + 12} y={y + 42}>{format!("{}{}", if guarded { "asks first · " } else { "" }, shortened(&what))}</text>
            {(findings > 0).then(|| view! {
                <g class="picture-findings"><circle cx={x + width - 14} cy={y + 14} r="9" /><text x={x + width - 14} y={y + 18}>{findings}</text></g>
            })}
            <circle class="picture-port" cx=port.0 cy=port.1 r="6" on:pointerdown=draw><title>"Draw a way from here"</title></circle>
        </g>
    }
}

/// A way as it is drawn.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Drawn {
    inside: Option<StepId>,
    position: usize,
    path: String,
    label: String,
    label_at: (i32, i32),
    backwards: bool,
    wrong: bool,
}

fn ways(editor: Editor) -> Vec<Drawn> {
    editor.checked.with(|checked| {
        editor.document.with_untracked(|draft| {
            let routes = checked.picture.edges.iter();
            routes
                .filter_map(|route| {
                    let at = EdgeAt {
                        inside: route.inside.clone(),
                        position: usize::try_from(route.position?).ok()?,
                    };
                    let here = Selected::Edge(at.clone());
                    let wrong = checked
                        .findings
                        .iter()
                        .any(|finding| place_of(finding) == here);
                    drawn(draft, route, at, wrong)
                })
                .collect()
        })
    })
}

fn drawn(draft: &Workflow, route: &Route, at: EdgeAt, wrong: bool) -> Option<Drawn> {
    let edge = super::editor::edge_of(draft, &at)?;
    let label = match (&edge.label, edge.on, edge.default, &edge.when) {
        (Some(label), _, _, _) => label.clone(),
        (None, Some(EdgeTrigger::Rejected), _, _) => "rejected".to_owned(),
        (None, Some(EdgeTrigger::Failed), _, _) => "failed".to_owned(),
        (None, None, true, _) => "otherwise".to_owned(),
        (None, None, false, Some(when)) => when.clone(),
        (None, None, false, None) => String::new(),
    };
    let Point { x, y } = *route
        .points
        .get(route.points.len() / 2)
        .or(route.points.first())?;
    let before = route
        .points
        .get((route.points.len() / 2).saturating_sub(1))?;
    let mut path = String::new();
    for (number, Point { x, y }) in route.points.iter().enumerate() {
        path.push_str(&format!("{}{x} {y}", if number == 0 { "M" } else { "L" }));
    }
    Some(Drawn {
        inside: at.inside,
        position: at.position,
        path,
        label: shortened(&label),
        label_at: ((x + before.x) / 2, (y + before.y) / 2),
        backwards: route.backwards,
        wrong,
    })
}

#[component]
fn Way(editor: Editor, way: Drawn) -> impl IntoView {
    let here = Selected::Edge(EdgeAt {
        inside: way.inside.clone(),
        position: way.position,
    });
    let chosen = {
        let here = here.clone();
        Memo::new(move |_| editor.selected.with(|selected| *selected == here))
    };
    let select = move |event: PointerEvent| {
        event.stop_propagation();
        editor.select(here.clone());
    };
    view! {
        <g class="picture-way" class:picture-chosen=move || chosen.get() class:picture-wrong=way.wrong class:picture-backwards=way.backwards on:pointerdown=select>
            <path class="picture-reach" d=way.path.clone() />
            <path class="picture-line" d=way.path marker-end="url(#picture-arrow)" />
            {(!way.label.is_empty()).then(|| view! { <text class="picture-label" x=way.label_at.0 y=way.label_at.1>{way.label}</text> })}
        </g>
    }
}
