//! The whole picture, small, with a frame around what is looked at. A click or a drag goes there.

use leptos::ev::PointerEvent;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::Element;
use std::sync::Arc;

use super::drawn::{Drawn, DrawnStep};
use super::sight::{Extent, Sight};

/// From so many steps on it is there.
const STEPS_MIN: usize = 50;
/// How large it is drawn at most, in px of the screen.
const WIDTH: f64 = 168.0;
const HEIGHT: f64 = 120.0;

/// How the picture fits into it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scale {
    width: f64,
    height: f64,
    zoom: f64,
}

impl Scale {
    fn of(width: i32, height: i32) -> Self {
        let (wide, high) = (f64::from(width.max(1)), f64::from(height.max(1)));
        // A chain of a thousand steps is a line: it may be stretched to be seen.
        let zoom = (WIDTH / wide).min(HEIGHT / high);
        Self {
            width: (wide * zoom).max(24.0),
            height: (high * zoom).max(24.0),
            zoom,
        }
    }
}

pub(super) fn minimap(
    drawn: Memo<Arc<Drawn>>,
    sight: RwSignal<Sight>,
    frame: impl Fn() -> Extent + Copy + Send + Sync + 'static,
) -> AnyView {
    let is_there = Memo::new(move |_| drawn.with(|drawn| drawn.steps.len() > STEPS_MIN));
    let map = move || is_there.get().then(|| map(drawn, sight, frame));
    view! { {map} }.into_any()
}

fn map(
    drawn: Memo<Arc<Drawn>>,
    sight: RwSignal<Sight>,
    frame: impl Fn() -> Extent + Copy + Send + Sync + 'static,
) -> AnyView {
    let scale = Memo::new(move |_| drawn.with(|drawn| Scale::of(drawn.width, drawn.height)));
    let boxes = Memo::new(move |_| {
        drawn.with(|drawn| {
            drawn
                .steps
                .iter()
                .map(DrawnStep::outline)
                .collect::<String>()
        })
    });
    let go = move |event: &PointerEvent| {
        let map = event.current_target();
        let Some(map) = map.and_then(|map| map.dyn_into::<Element>().ok()) else {
            return;
        };
        let corner = map.get_bounding_client_rect();
        let zoom = scale.get_untracked().zoom;
        let place = (
            (f64::from(event.client_x()) - corner.left()) / zoom,
            (f64::from(event.client_y()) - corner.top()) / zoom,
        );
        // A narrow picture leaves room beside it in the map, where there is nothing to look at.
        let place = drawn.with_untracked(|drawn| {
            let (wide, high) = (f64::from(drawn.width), f64::from(drawn.height));
            (place.0.clamp(0.0, wide), place.1.clamp(0.0, high))
        });
        sight.update(|sight| *sight = sight.centred(place, frame()));
    };
    let down = move |event: PointerEvent| {
        event.prevent_default();
        event.stop_propagation();
        go(&event);
    };
    let moved = move |event: PointerEvent| {
        event.stop_propagation();
        if event.buttons() & 1 == 1 {
            go(&event);
        }
    };
    let seen = move |side: fn(Sight, Extent) -> f64| {
        let (sight, zoom) = (sight.get(), scale.get().zoom);
        move || side(sight, frame()) * zoom
    };
    view! {
        <svg class="picture-map" aria-hidden="true" width=move || scale.get().width height=move || scale.get().height on:pointerdown=down on:pointermove=moved>
            <path class="picture-far picture-far-steps" transform=move || format!("scale({})", scale.get().zoom) d=move || boxes.get() />
            <rect class="picture-map-sight" x=move || seen(|sight, _| sight.x)() y=move || seen(|sight, _| sight.y)()
                width=move || seen(|sight, frame| frame.width / sight.zoom)() height=move || seen(|sight, frame| frame.height / sight.zoom)() />
        </svg>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_never_larger_than_its_place_nor_too_small_to_be_hit() {
        for (width, height) in [(0, 0), (400, 300), (200, 100_000), (100_000, 200)] {
            let scale = Scale::of(width, height);
            assert!(
                scale.width <= WIDTH + 1e-9 && scale.height <= HEIGHT + 1e-9,
                "{scale:?}"
            );
            assert!(scale.width >= 24.0 && scale.height >= 24.0, "{scale:?}");
        }
    }
}
