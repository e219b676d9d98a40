//! Which part of the picture is looked at, and what lies in it.

use crate::engine::layout::Point;

const ZOOM_MIN: f64 = 0.02;
const ZOOM_MAX: f64 = 2.0;
/// Below this nobody reads a name.
const ZOOM_READABLE: f64 = 0.4;
/// Left free around a picture that is fitted in, in px of the screen.
const MARGIN: f64 = 16.0;
/// Left free below it, where the buttons are.
const TOOLS: f64 = 48.0;
/// What is drawn changes only when the sight has moved so far, in px of the screen.
const TILE: f64 = 256.0;

/// What is at the upper left corner, in px of the picture, and how large it is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sight {
    pub x: f64,
    pub y: f64,
    pub zoom: f64,
}

/// A length and a height, in px.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Extent {
    pub width: f64,
    pub height: f64,
}

/// The part of the picture that is drawn: what is seen, and a little around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct View {
    left: i32,
    top: i32,
    right: i32,
    bottom: i32,
    /// Near enough to be read, step by step.
    pub readable: bool,
}

impl Sight {
    pub fn begun() -> Self {
        Self {
            x: -24.0,
            y: -24.0,
            zoom: 1.0,
        }
    }

    /// So that all of the picture is seen, in the middle and at the top.
    pub fn fitting(picture: Extent, frame: Extent) -> Self {
        let wide = picture.width.max(1.0);
        let high = picture.height.max(1.0);
        let room = |length: f64, below: f64| (length - MARGIN - below).max(1.0);
        let zoom = (room(frame.width, MARGIN) / wide).min(room(frame.height, TOOLS) / high);
        let zoom = zoom.clamp(ZOOM_MIN, 1.0);
        Self {
            x: wide / 2.0 - frame.width / zoom / 2.0,
            y: -MARGIN / zoom,
            zoom,
        }
    }

    /// Larger or smaller, with this place of the frame where it is.
    pub fn zoomed(self, factor: f64, at: (f64, f64)) -> Self {
        let zoom = (self.zoom * factor).clamp(ZOOM_MIN, ZOOM_MAX);
        let (x, y) = self.place(at);
        Self {
            x: x - at.0 / zoom,
            y: y - at.1 / zoom,
            zoom,
        }
    }

    /// With this place of the picture in the middle of the frame.
    pub fn centred(self, place: (f64, f64), frame: Extent) -> Self {
        Self {
            x: place.0 - frame.width / self.zoom / 2.0,
            y: place.1 - frame.height / self.zoom / 2.0,
            ..self
        }
    }

    /// Whether this place of the picture is within the frame, and not below the buttons.
    pub fn sees(self, place: (f64, f64), frame: Extent) -> bool {
        let (right, bottom) = self.place((frame.width, frame.height - TOOLS));
        (self.x..=right).contains(&place.0) && (self.y..=bottom).contains(&place.1)
    }

    /// Where a place of the frame is in the picture.
    pub fn place(self, at: (f64, f64)) -> (f64, f64) {
        (at.0 / self.zoom + self.x, at.1 / self.zoom + self.y)
    }

    /// What has to be drawn. The same for sights that differ little, so that moving draws nothing anew.
    pub fn view(self, frame: Extent) -> View {
        let tile = TILE / self.zoom;
        let down = |length: f64| ((length / tile).floor() - 1.0) * tile;
        let up = |length: f64| ((length / tile).ceil() + 1.0) * tile;
        View {
            left: down(self.x) as i32,
            top: down(self.y) as i32,
            right: up(self.x + frame.width / self.zoom) as i32,
            bottom: up(self.y + frame.height / self.zoom) as i32,
            readable: self.zoom >= ZOOM_READABLE,
        }
    }
}

impl View {
    pub fn shows(&self, left: i32, top: i32, right: i32, bottom: i32) -> bool {
        left <= self.right && right >= self.left && top <= self.bottom && bottom >= self.top
    }

    pub fn shows_line(&self, points: &[Point]) -> bool {
        let bounds = |of: fn(&Point) -> i32| {
            let values = || points.iter().map(of);
            Some((values().min()?, values().max()?))
        };
        match (bounds(|point| point.x), bounds(|point| point.y)) {
            (Some((left, right)), Some((top, bottom))) => self.shows(left, top, right, bottom),
            (Some(_), None) | (None, _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Extent = Extent {
        width: 800.0,
        height: 600.0,
    };

    #[test]
    fn what_fits_is_seen_and_is_not_made_larger_than_it_is() {
        let small = Sight::fitting(
            Extent {
                width: 200.0,
                height: 100.0,
            },
            FRAME,
        );
        assert_eq!((small.zoom, small.x), (1.0, -300.0));
        let tall = Sight::fitting(
            Extent {
                width: 200.0,
                height: 5_360.0,
            },
            FRAME,
        );
        assert_eq!(tall.zoom, 0.1);
        assert_eq!(tall.place((400.0, 16.0)), (100.0, 0.0));
    }

    #[test]
    fn zooming_keeps_the_place_under_the_pointer() {
        let before = Sight::begun();
        let after = before.zoomed(1.25, (300.0, 200.0));
        let (x, y) = after.place((300.0, 200.0));
        let (was_x, was_y) = before.place((300.0, 200.0));
        assert!((x - was_x).abs() < 1e-9 && (y - was_y).abs() < 1e-9);
        assert_eq!(before.zoomed(100.0, (0.0, 0.0)).zoom, ZOOM_MAX);
    }

    #[test]
    fn what_is_outside_of_the_frame_is_not_seen_until_it_is_centred() {
        let sight = Sight::begun();
        assert!(sight.sees((0.0, 0.0), FRAME) && sight.sees((776.0, 528.0), FRAME));
        let below = (300.0, 600.0);
        assert!(!sight.sees(below, FRAME));
        assert!(sight.centred(below, FRAME).sees(below, FRAME));
    }

    #[test]
    fn little_moves_draw_the_same() {
        let sight = Sight {
            x: 10.0,
            y: 10.0,
            zoom: 1.0,
        };
        let view = sight.view(FRAME);
        assert_eq!(view, Sight { x: 90.0, ..sight }.view(FRAME));
        assert_ne!(view, Sight { x: 900.0, ..sight }.view(FRAME));
        assert!(view.shows(700, 500, 900, 560) && !view.shows(5_000, 0, 5_200, 56));
        assert!(!Sight { zoom: 0.1, ..sight }.view(FRAME).readable);
        let across = [Point { x: -9_000, y: 50 }, Point { x: 9_000, y: 50 }];
        assert!(view.shows_line(&across) && !view.shows_line(&[]));
    }
}
