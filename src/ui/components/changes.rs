//! Two versions of a workflow side by side: in words, and as pictures in which what is different is marked.

use leptos::prelude::*;
use serde_json::Value;

use super::prose;
use crate::engine::compare::{DrawnEdge, DrawnStep, Mark, Side, Told};
use crate::engine::layout::Point;
use crate::ui::format;

/// A picture of so many px is made smaller where there is less room; a wider one is scrolled.
const SHRUNK_WIDTH_MAX: i32 = 720;
/// Characters of a name that fit into a box.
const NAME_CHARS: usize = 24;
/// As many fewer where a sign stands behind it.
const SIGN_CHARS: usize = 3;

#[component]
pub fn Changes(changes: Vec<Told>) -> impl IntoView {
    let rows: Vec<_> = changes.into_iter().map(change).collect();
    view! { <ul class="changes">{rows}</ul> }
}

fn change(told: Told) -> impl IntoView {
    let mark = told.mark.as_str();
    // What does not fit into the sentence.
    let is_long = |value: &Option<Value>| {
        value
            .as_ref()
            .is_some_and(|value| format::text(value).len() > 60)
    };
    let both = (is_long(&told.old) || is_long(&told.new)).then(|| {
        let shown = |label: &'static str, value: Option<Value>| {
            value.map(|value| view! { <div><p class="shown-label">{label}</p><pre class="json" tabindex="0">{format::text(&value)}</pre></div> })
        };
        view! {
            <details class="more">
                <summary>"Both in full"</summary>
                <div class="change-both">{shown("Before", told.old)} {shown("Now", told.new)}</div>
            </details>
        }
    });
    view! {
        <li class=format!("change change-{mark}")>
            <span class="change-mark">{mark}</span> " " {prose(&told.sentence)} {both}
        </li>
    }
}

/// The older on the left, the newer on the right; one below the other where there is no room.
#[component]
pub fn SideBySide(old: Side, new: Side, labels: (String, String)) -> impl IntoView {
    let (left, right) = (drawing(old, &labels.0), drawing(new, &labels.1));
    view! {
        <div class="side-by-side">
            <figure><figcaption>{labels.0}</figcaption>{left}</figure>
            <figure><figcaption>{labels.1}</figcaption>{right}</figure>
        </div>
    }
}

/// A workflow as it is drawn where nobody changes it. What it shows is said in words beside it.
fn drawing(side: Side, label: &str) -> AnyView {
    let Side {
        width,
        height,
        steps,
        edges,
    } = side;
    if steps.is_empty() {
        return view! { <p class="muted">"No steps."</p> }.into_any();
    }
    let edges: Vec<_> = edges.into_iter().map(edge_view).collect();
    let steps: Vec<_> = steps.into_iter().map(step_view).collect();
    let is_wide = width > SHRUNK_WIDTH_MAX;
    view! {
        <div class="drawn" tabindex="0" role="group" aria-label=format!("Picture: {label}")>
            <svg class:drawn-wide=is_wide viewBox=format!("0 0 {width} {height}") width=width height=height aria-hidden="true">
                {edges}
                {steps}
            </svg>
        </div>
    }
    .into_any()
}

fn class_of(base: &str, mark: Option<Mark>) -> String {
    match mark {
        Some(mark) => format!("{base} drawn-{}", mark.as_str()),
        None => base.to_owned(),
    }
}

fn step_view(step: DrawnStep) -> AnyView {
    let DrawnStep {
        placed,
        name,
        what,
        mark,
    } = step;
    let (x, y) = (placed.x, placed.y);
    let sign = match mark {
        Some(Mark::Added) => "+",
        Some(Mark::Removed) => "−",
        Some(Mark::Changed) => "~",
        None => "",
    };
    // The sign stands behind the name.
    let name_chars = NAME_CHARS - if sign.is_empty() { 0 } else { SIGN_CHARS };
    view! {
        <g class=class_of("drawn-step", mark)>
            <rect x=x y=y width=placed.width height=placed.height rx="8" />
            <text class="drawn-name" x={x + 12} y={y + 24}>{format::shortened(&name, name_chars)}</text>
            <text class="drawn-what" x={x + 12} y={y + 42}>{format::shortened(&what, NAME_CHARS)}</text>
            {(!sign.is_empty()).then(|| view! { <text class="drawn-sign" x={x + placed.width - 18} y={y + 24}>{sign}</text> })}
        </g>
    }
    .into_any()
}

fn edge_view(edge: DrawnEdge) -> AnyView {
    let points = &edge.route.points;
    let mut path = String::new();
    for (number, Point { x, y }) in points.iter().enumerate() {
        path.push_str(&format!("{}{x} {y}", if number == 0 { "M" } else { "L" }));
    }
    let middle = points.len() / 2;
    let label_at = points.get(middle).zip(points.get(middle.saturating_sub(1)));
    let label = label_at.filter(|_| !edge.label.is_empty()).map(|(a, b)| {
        let (x, y) = ((a.x + b.x) / 2, (a.y + b.y) / 2);
        view! { <text class="drawn-label" x=x y=y>{format::shortened(&edge.label, NAME_CHARS)}</text> }
    });
    // Drawn, not a marker: a marker's id would have to be the page's only one.
    let arrow = points.last().map(|end| {
        view! { <path class="drawn-arrow" d=format!("M{} {}l-4 -8l8 0z", end.x, end.y) /> }
    });
    view! {
        <g class=class_of("drawn-edge", edge.mark)>
            <path class="drawn-line" d=path />
            {arrow}
            {label}
        </g>
    }
    .into_any()
}
