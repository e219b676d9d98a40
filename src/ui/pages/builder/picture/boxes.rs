//! How steps and ways look: near enough one by one, further away as one shape for all.

use leptos::prelude::*;

use super::super::editor::{Editor, Selected};
use super::drawn::{Drawn, DrawnStep, DrawnWay, shortened};
use super::sight::View;
use crate::engine::layout::SIZES;
use std::sync::Arc;

/// What is seen of the picture.
pub(super) fn parts(editor: Editor, drawn: Memo<Arc<Drawn>>, view: Memo<View>) -> AnyView {
    let readable = Memo::new(move |_| view.get().readable);
    let parts = move || {
        if readable.get() {
            near(editor, drawn, view)
        } else {
            far(editor, drawn, view)
        }
    };
    view! { {parts} }.into_any()
}

fn near(editor: Editor, drawn: Memo<Arc<Drawn>>, view: Memo<View>) -> AnyView {
    let steps = move || {
        let view = view.get();
        let seen = |step: &&DrawnStep| {
            view.shows(step.x, step.y, step.x + step.width, step.y + step.height)
        };
        drawn.with(|drawn| drawn.steps.iter().filter(seen).cloned().collect::<Vec<_>>())
    };
    let ways = move || {
        let view = view.get();
        let seen = |way: &&DrawnWay| view.shows_line(&way.extent());
        drawn.with(|drawn| drawn.ways.iter().filter(seen).cloned().collect::<Vec<_>>())
    };
    view! {
        <For each=steps key=DrawnStep::clone let(step)>{step_box(editor, step)}</For>
        <For each=ways key=DrawnWay::clone let(way)>{way_line(editor, way)}</For>
    }
    .into_any()
}

/// One shape for all steps and one for all ways: where a thousand are seen, none of them can be read.
fn far(editor: Editor, drawn: Memo<Arc<Drawn>>, view: Memo<View>) -> AnyView {
    let boxes = move |wrong: bool| {
        let view = view.get();
        drawn.with(|drawn| {
            let seen = |step: &&DrawnStep| {
                (step.findings > 0) == wrong
                    && view.shows(step.x, step.y, step.x + step.width, step.y + step.height)
            };
            let steps = drawn.steps.iter().filter(seen);
            steps.map(DrawnStep::outline).collect::<String>()
        })
    };
    let lines = move |wrong: bool| {
        let view = view.get();
        drawn.with(|drawn| {
            let seen = |way: &&DrawnWay| way.wrong == wrong && view.shows_line(&way.extent());
            let ways = drawn.ways.iter().filter(seen);
            ways.map(DrawnWay::path).collect::<String>()
        })
    };
    let chosen = move || {
        drawn.with(|drawn| match editor.selected.get() {
            Selected::Workflow => String::new(),
            Selected::Step(id) => drawn.step(&id).map(DrawnStep::outline).unwrap_or_default(),
            Selected::Edge(at) => {
                let way = drawn.ways.iter().find(|way| way.at == at);
                way.map(DrawnWay::path).unwrap_or_default()
            }
        })
    };
    view! {
        <path class="picture-far picture-far-ways" d=move || lines(false) />
        <path class="picture-far picture-far-ways picture-far-wrong" d=move || lines(true) />
        <path class="picture-far picture-far-steps" d=move || boxes(false) />
        <path class="picture-far picture-far-steps picture-far-wrong" d=move || boxes(true) />
        <path class="picture-far picture-far-chosen" d=chosen />
    }
    .into_any()
}

fn step_box(editor: Editor, step: DrawnStep) -> AnyView {
    let here = Selected::Step(step.id.clone());
    let chosen = Memo::new(move |_| editor.selected.with(|selected| *selected == here));
    let port = step.port();
    let DrawnStep {
        x,
        y,
        width,
        height,
        name,
        what,
        guarded,
        findings,
        ..
    } = step;
    let found = (findings > 0).then(|| {
        view! { <g class="picture-findings"><circle cx={x + width - 14} cy={y + 14} r="9" /><text x={x + width - 14} y={y + 18}>{findings}</text></g> }
    });
    // What holds others has little room above them.
    let (first, second) = if height > SIZES.step_height {
        (17, 32)
    } else {
        (24, 42)
    };
    let asks = if guarded { "asks first · " } else { "" };
    view! {
        <g class="picture-step" class:picture-chosen=move || chosen.get() class:picture-wrong={findings > 0}>
            <title>{name.clone()}</title>
            <rect x=x y=y width=width height=height rx="8" />
            <text class="picture-name" x={x + 12} y={y + first}>{shortened(&name)}</text>
            <text class="picture-what" x={x + 12} y={y + second}>{format!("{asks}{}", shortened(&what))}</text>
            {found}
            <circle class="picture-port" cx=port.0 cy=port.1 r="6"><title>"Draw a way from here"</title></circle>
        </g>
    }
    .into_any()
}

fn way_line(editor: Editor, way: DrawnWay) -> AnyView {
    let here = Selected::Edge(way.at.clone());
    let chosen = Memo::new(move |_| editor.selected.with(|selected| *selected == here));
    let (x, y) = way.label_at();
    let path = way.path();
    let label = (!way.label.is_empty())
        .then(|| view! { <text class="picture-label" x=x y=y>{way.label}</text> });
    view! {
        <g class="picture-way" class:picture-chosen=move || chosen.get() class:picture-wrong=way.wrong class:picture-backwards=way.backwards>
            <path class="picture-reach" d=path.clone() />
            <path class="picture-line" d=path marker-end="url(#picture-arrow)" />
            {label}
        </g>
    }
    .into_any()
}
