//! The view of a run as its picture: each step coloured by how it stands, the ways that were taken drawn strongly, a map
//! or a loop with counts of what is inside.

use leptos::prelude::*;
use std::sync::Arc;

use super::place::Place;
use super::reel::Reel;
use super::scrubber::is_elsewhere;
use super::views::Chosen;
use super::{Asks, Viewer};
use crate::engine::layout::{Picture, Placed, Point, Route};
use crate::engine::plan::Outline;
use crate::engine::state::{EdgeState, RunState, StepStatus};
use crate::rpc::capsules::capsule_picture;
use crate::rpc::pages::run_picture;
use crate::ui::components::{DrawnEdges, Failure, edge_label, path, tip};
use crate::ui::format;
use crate::ui::theme::{self, Look};

/// Characters of a name that fit into a box.
const NAME_CHARS: usize = 24;
/// How large it can be drawn, in percent, beside as large as there is room.
const ZOOMS: [u32; 4] = [50, 75, 100, 150];

#[component]
pub fn GraphView(viewer: Viewer, reel: Reel) -> impl IntoView {
    let asks = viewer.asks;
    let picture = Resource::new(
        || (),
        move |()| async move {
            match asks {
                Asks::Server(forms) => {
                    run_picture(forms.with_value(|forms| forms.run_id.get_value())).await
                }
                Asks::Nobody(capsule) => capsule_picture(capsule.get_value()).await,
                Asks::Rehearser(_) => Ok(None),
            }
        },
    );
    view! {
        <div class="run-split">
            <Transition fallback=|| view! { <p class="muted">"Loading…"</p> }>
                {move || Suspend::new(async move {
                    match picture.await {
                        Ok(Some(picture)) => view! { <RunPicture viewer reel picture /> }.into_any(),
                        Ok(None) => view! { <p class="muted">"This workflow has too many steps for a picture. The list of steps has all of them."</p> }.into_any(),
                        Err(error) => view! { <Failure error /> }.into_any(),
                    }
                })}
            </Transition>
            <aside class="run-chosen" aria-label="Chosen step"><Chosen viewer hint="Choose a step in the picture to see what it did." /></aside>
        </div>
    }
}

#[component]
fn RunPicture(viewer: Viewer, reel: Reel, picture: Picture) -> impl IntoView {
    let outline = untrack(|| reel.with(|film| Arc::clone(&film.newest().outline)));
    let standing = Memo::new(move |_| viewer.state.with(standing));
    let ways = Memo::new(move |_| viewer.state.with(ways));
    let chosen = Memo::new(move |_| {
        let step = viewer.looked.chosen().get()?;
        let at = viewer
            .state
            .with_untracked(|state| state.outline.position(step.last()))?;
        Some((at, step))
    });
    // None: as wide as the page, and no larger than it is.
    let zoom = RwSignal::new(None::<u32>);
    let (width, height) = (picture.width, picture.height);
    let scaled = move |length: i32| {
        move || (f64::from(length) * f64::from(zoom.get().unwrap_or(100)) / 100.0).to_string()
    };
    let label = format!(
        "Picture of {} steps. The list of steps says the same.",
        picture.steps.len()
    );
    let edges = DrawnEdges::of(&outline);
    let lines: Vec<_> = picture
        .edges
        .iter()
        .map(|route| way(route, edges.position(&outline, route), &outline, ways))
        .collect();
    let boxes: Vec<_> = picture
        .steps
        .iter()
        .filter_map(|placed| node(placed, &outline, viewer, standing, chosen))
        .collect();
    let options: Vec<_> = ZOOMS
        .into_iter()
        .map(
            |percent| view! { <option value=percent.to_string()>{format!("{percent} %")}</option> },
        )
        .collect();
    view! {
        <div>
            <label class="run-picture-zoom only-scripted">"Size "
                <select on:change=move |event| {
                    zoom.set(event_target_value(&event).parse().ok());
                }><option value="">"As wide as the page"</option>{options}</select>
            </label>
            <div class="run-picture-frame" tabindex="0" role="group" aria-label=label>
                <svg class:run-picture-fit=move || zoom.get().is_none() viewBox=format!("0 0 {width} {height}") width=scaled(width) height=scaled(height)>{lines}{boxes}</svg>
            </div>
        </div>
    }
}

/// How all that a run has of one step of its workflow stands.
#[derive(Clone, Debug, Default, PartialEq)]
struct Standing {
    /// What is told of all of them: the most urgent.
    status: StepStatus,
    /// The first that stands so.
    step: usize,
    total: u32,
    ended: u32,
    failed: u32,
}

/// By step of the outline.
fn standing(state: &RunState) -> Vec<Standing> {
    let mut all = vec![Standing::default(); state.outline.steps.len()];
    for (at, run) in state.steps.iter().enumerate() {
        let standing = &mut all[run.shape];
        if standing.total == 0 || urgency(run.status) > urgency(standing.status) {
            (standing.status, standing.step) = (run.status, at);
        }
        standing.total += 1;
        standing.ended += u32::from(run.status.is_terminal());
        standing.failed += u32::from(run.status == StepStatus::Failed);
    }
    all
}

/// What of many steps is to be seen first.
fn urgency(status: StepStatus) -> u8 {
    match status {
        StepStatus::OutcomeUnknown => 11,
        StepStatus::WaitingForApproval => 10,
        StepStatus::Failed => 9,
        StepStatus::Retrying => 8,
        StepStatus::InProgress => 7,
        StepStatus::WaitingForExternal => 6,
        StepStatus::WaitingForTimer => 5,
        StepStatus::Queued => 4,
        StepStatus::Pending => 3,
        StepStatus::Completed => 2,
        StepStatus::Cancelled => 1,
        StepStatus::Skipped => 0,
    }
}

/// By edge of the outline: taken somewhere, or left everywhere.
fn ways(state: &RunState) -> Vec<EdgeState> {
    let outline = &state.outline;
    let mut all = vec![EdgeState::NotTaken; outline.edges.len()];
    let mut begun = vec![false; outline.bodies().len()];
    for (number, frame) in state.frames.iter().enumerate() {
        begun[frame.body] = true;
        for &shape in &outline.bodies()[frame.body].steps {
            for &edge in outline.outgoing(shape) {
                match state.edges[state.edge_in(number, edge)] {
                    EdgeState::Taken => all[edge] = EdgeState::Taken,
                    EdgeState::Open if all[edge] == EdgeState::NotTaken => {
                        all[edge] = EdgeState::Open
                    }
                    EdgeState::Open | EdgeState::NotTaken => {}
                }
            }
        }
    }
    for (at, edge) in outline.edges.iter().enumerate() {
        if !begun[outline.body_of(edge.from)] {
            all[at] = EdgeState::Open;
        }
    }
    all
}

fn way(
    route: &Route,
    edge: Option<usize>,
    outline: &Outline,
    ways: Memo<Vec<EdgeState>>,
) -> impl IntoView + use<> {
    let class = move || {
        let state = edge.and_then(|edge| ways.with(|ways| ways.get(edge).copied()));
        match state.unwrap_or_default() {
            EdgeState::Open => "way",
            EdgeState::Taken => "way way-taken",
            EdgeState::NotTaken => "way way-left",
        }
    };
    let end = match route.points.as_slice() {
        [.., before, end] => tip(*before, *end),
        _ => String::new(),
    };
    let words = edge.map(|edge| edge_label(outline, &outline.edges[edge]).to_owned());
    let words = words.filter(|words| !words.is_empty()).map(|words| {
        let Point { x, y } = middle(route);
        let words = format::shortened(&words, NAME_CHARS);
        view! { <text class="drawing-label" x=x.to_string() y=(y + 4).to_string()>{words}</text> }
    });
    view! { <g class=class><path class="drawing-line" class:drawing-backwards=route.backwards d=path(route) /><path class="drawing-tip" d=end />{words}</g> }
}

fn middle(route: &Route) -> Point {
    let at = route.points.len() / 2;
    match (route.points.get(at.saturating_sub(1)), route.points.get(at)) {
        (Some(from), Some(to)) => Point {
            x: (from.x + to.x) / 2,
            y: (from.y + to.y) / 2,
        },
        _ => Point { x: 0, y: 0 },
    }
}

type ChosenStep = Memo<Option<(usize, crate::engine::ids::StepPath)>>;

fn node(
    placed: &Placed,
    outline: &Outline,
    viewer: Viewer,
    standing: Memo<Vec<Standing>>,
    chosen: ChosenStep,
) -> Option<AnyView> {
    let at = outline.position(placed.step.as_str())?;
    let step = &outline.steps[at];
    let stands = Memo::new(move |_| standing.with(|all| all[at].clone()));
    let look = Memo::new(move |_| stands.with(look_of));
    let (x, y, width, height) = (placed.x, placed.y, placed.width, placed.height);
    let name = format::shortened(&step.name, NAME_CHARS);
    let full = step.name.clone();
    // Of a step inside of others the one that matters most is chosen.
    let target = Memo::new(move |_| {
        let stands = stands.get();
        let found = |state: &RunState| state.path(stands.step);
        (stands.total > 0).then(|| viewer.state.with_untracked(found))
    });
    let href = move || {
        viewer.looked.link(|place| {
            place.step = target.get();
            place.from = None;
        })
    };
    let move_to = viewer.looked.mover(false);
    // The router follows links of HTML only.
    let followed = move |event: leptos::ev::MouseEvent| {
        if is_elsewhere(&event) {
            return;
        }
        event.prevent_default();
        let step = target.get_untracked();
        move_to(Box::new(move |place: &mut Place| place.step = step));
    };
    let is_chosen =
        move || chosen.with(|chosen| chosen.as_ref().is_some_and(|(shape, _)| *shape == at));
    let class = move || {
        let chosen = if is_chosen() { " node-chosen" } else { "" };
        format!("node is-{}{chosen}", look.get().class)
    };
    let holds = outline.is_container(at);
    // What holds others has one line for itself.
    let (words_x, words_y, words_end) = match holds {
        true => (x + width - 12, y + 21, "end"),
        false => (x + 32, y + 39, "start"),
    };
    let words = move || stands.with(said);
    let symbol = move || theme::symbol(look.get().class);
    let label = move || format!("{full}: {}", words());
    Some(
        view! {
            <g><a class=class href=href on:click=followed aria-label=label aria-current=move || is_chosen().then_some("true")>
                <rect x=x.to_string() y=y.to_string() width=width.to_string() height=height.to_string() rx="8" />
                <svg x=(x + 10).to_string() y=(y + 8).to_string() width="16" height="16" viewBox="0 0 16 16" class=move || format!("icon status-{}", look.get().class) class:solid=move || symbol().solid><path d=move || symbol().path /></svg>
                <text class="drawing-name" x=(x + 32).to_string() y=(y + 21).to_string()>{name}</text>
                <text class="drawing-what" text-anchor=words_end x=words_x.to_string() y=words_y.to_string()>{words}</text>
            </a></g>
        }
        .into_any(),
    )
}

fn look_of(standing: &Standing) -> Look {
    theme::of_step(standing.status)
}

/// `Completed`, or of many `3 of 10, 1 failed`.
fn said(standing: &Standing) -> String {
    match standing.total {
        0 => "Not begun".to_owned(),
        1 => look_of(standing).word.to_owned(),
        total => {
            let failed = match standing.failed {
                0 => String::new(),
                failed => format!(", {failed} failed"),
            };
            format!("{} of {total}{failed}", standing.ended)
        }
    }
}
