//! Pictures in characters, to be judged by eye.

use serde_json::{Value, json};

use super::{draft, picture, placed};
use crate::engine::layout::{Picture, Point};

fn check(document: Value, expected: &str) {
    let drawn = in_characters(&picture(document));
    assert!(drawn == expected.trim_matches('\n'), "\n{drawn}\n");
}

#[test]
fn a_chain_is_a_straight_line() {
    check(
        draft(&["a -> b -> c"]),
        r"
  +-----+
  |  a  |
  +-----+
     |
     |
     |
  +-----+
  |  b  |
  +-----+
     |
     |
     |
  +-----+
  |  c  |
  +-----+
",
    );
}

#[test]
fn a_diamond_is_symmetrical() {
    check(
        draft(&["a -> b -> d", "a -> c -> d"]),
        r"
       +-----+
       |  a  |
       +-----+
         ...
       ..   ..
      .       ..
  +-----+    +-----+
  |  b  |    |  c  |
  +-----+    +-----+
     ..        ..
       ..    ..
         . ..
       +-----+
       |  d  |
       +-----+
",
    );
}

#[test]
fn five_branches_stand_in_the_order_of_their_edges() {
    check(
        draft(&[
            "a -> e: x",
            "a -> b: x",
            "a -> d: x",
            "a -> c: x",
            "a -> f: x",
            "e -> z",
            "b -> z",
            "d -> z",
            "c -> z",
            "f -> z",
        ]),
        r"
                        +-----+
                        |  a  |
                        +-----+
                    ...............
             ...........   |   ...........
      .......    ...       |       ...    .......
  +-----+    +-----+    +-----+    +-----+    +-----+
  |  e  |    |  b  |    |  d  |    |  c  |    |  f  |
  +-----+    +-----+    +-----+    +-----+    +-----+
     ........   ....       |       ....   ........
             ...........   |   ...........
                    .......|.......
                        +-----+
                        |  z  |
                        +-----+
",
    );
}

#[test]
fn an_edge_that_shortens_a_chain_goes_around_it() {
    check(
        draft(&["a -> b -> c -> d", "a -> d"]),
        r"
  +-----+
  |  a  |
  +-----+
     ..
     | ..
     |   ..
  +-----+  |
  |  b  |  |
  +-----+  |
     |     |
     |     |
     |     |
  +-----+  |
  |  c  |  |
  +-----+  |
     |    ..
     |  ..
     |..
  +-----+
  |  d  |
  +-----+
",
    );
}

#[test]
fn branches_of_different_lengths_meet_in_the_middle() {
    check(
        draft(&["a -> b -> c -> e", "a -> d -> e"]),
        r"
       +-----+
       |  a  |
       +-----+
         ...
       ..   ..
      .       ..
  +-----+    +-----+
  |  b  |    |  d  |
  +-----+    +-----+
     |          |
     |          |
     |          |
  +-----+       |
  |  c  |       |
  +-----+       |
     ..        ..
       ..    ..
         . ..
       +-----+
       |  e  |
       +-----+
",
    );
}

#[test]
fn what_maps_hold_stands_in_boxes() {
    let inner = json!({ "steps": [{ "id": "x", "kind": "join" }, { "id": "y", "kind": "join" }], "edges": [{ "from": "x", "to": "y" }] });
    let outer = json!({
        "steps": [{ "id": "b", "kind": "join" }, { "id": "inner", "kind": "map", "body": inner }, { "id": "c", "kind": "join" }],
        "edges": [{ "from": "b", "to": "inner" }, { "from": "b", "to": "c" }],
    });
    let mut document = draft(&["a -> outer -> z", "a -> w -> z"]);
    document["steps"][1] = json!({ "id": "outer", "kind": "map", "body": outer });
    check(
        document,
        r"
                      +-----+
                      |  a  |
                      +-----+
                      .......
                   ...       ...
                ...             ...
  +------------------------+    +-----+
  |          outer         |    |  w  |
  |         +-----+        |    +-----+
  |         |  b  |        |       |
  |         +-----+        |       |
  |           ....         |       |
  |         ..    ..       |       |
  |       ..        ..     |       |
  | +---------+    +-----+ |       |
  | |  inner  |    |  c  | |       |
  | | +-----+ |    +-----+ |       |
  | | |  x  | |            |       |
  | | +-----+ |            |       |
  | |    |    |            |       |
  | |    |    |            |       |
  | |    |    |            |       |
  | | +-----+ |            |       |
  | | |  y  | |            |       |
  | | +-----+ |            |       |
  | |         |            |       |
  | +---------+            |       |
  |                        |       |
  +------------------------+       |
               ....             ....
                   ...       ...
                      ... ...
                      +-----+
                      |  z  |
                      +-----+
",
    );
}

#[test]
fn a_draft_is_drawn_however_broken() {
    let mut document = draft(&["a -> b -> c -> a", "b -> b", "lonely", "a -> nowhere"]);
    document["steps"][4] = json!({ "id": "a", "kind": "join" });
    let steps = document["steps"].as_array_mut().expect("steps");
    steps.push(json!({ "id": "each", "kind": "map" }));
    check(
        document,
        r"
   +-----+       +-----+
   |  a  |       |lonel|
   +-----+       +-----+
      :::
      |  ::
      |    ::
   +-----+   :   +---------+
   |  b  |:: :   |  each   |
   +-----+:: :   |         |
      |    :::   |         |
      |  ::      |         |
      |::        |         |
   +-----+       +---------+
   |  c  |
   +-----+
",
    );
}

#[test]
fn a_gate_from_approval_stands_before_its_step() {
    let mut document = draft(&["a -> b -> c"]);
    document["steps"][1]["approval"] = json!({});
    let steps = document["steps"].as_array_mut().expect("steps");
    steps.push(json!({ "id": "d", "kind": "join" }));
    let edges = document["edges"].as_array_mut().expect("edges");
    edges.push(json!({ "from": "b", "to": "d", "on": "rejected" }));
    check(
        document,
        r"
       +-----+
       |  a  |
       +-----+
          |
          |
          |
       +-----+
       |b.app|
       +-----+
         ...
       ..   ..
      .       ..
  +-----+    +-----+
  |  b  |    |  d  |
  +-----+    +-----+
     |
     |
     |
  +-----+
  |  c  |
  +-----+
",
    );
}

#[test]
fn a_step_that_is_added_moves_nothing() {
    let before = picture(draft(&["a -> b -> d", "a -> c -> d", "e"]));
    let after = picture(draft(&["a -> b -> d", "a -> c -> d", "e", "f"]));
    assert_eq!(before.steps, after.steps[..before.steps.len()]);
    let added = placed(&after, "f");
    let beside = placed(&after, "d");
    assert!(added.x > beside.x + beside.width);
}

/// Steps as boxes with their names, lines as characters that lean as they do.
fn in_characters(picture: &Picture) -> String {
    let mut canvas = Canvas(vec![
        vec![
            ' ';
            usize::try_from(picture.width).expect("a width")
        ];
        usize::try_from(picture.height).expect("a height")
    ]);
    for route in &picture.edges {
        for pair in route.points.windows(2) {
            canvas.line(pair[0], pair[1], route.backwards);
        }
    }
    for step in &picture.steps {
        let (right, bottom) = (step.x + step.width - 1, step.y + step.height - 1);
        for x in step.x..=right {
            canvas.put(x, step.y, '-');
            canvas.put(x, bottom, '-');
        }
        for y in step.y..=bottom {
            canvas.put(
                step.x,
                y,
                if y == step.y || y == bottom { '+' } else { '|' },
            );
            canvas.put(right, y, if y == step.y || y == bottom { '+' } else { '|' });
        }
        let room = usize::try_from(step.width - 2).expect("a width");
        let name: String = step.step.as_str().chars().take(room).collect();
        for (x, letter) in
            (step.x + 1 + (step.width - 2) / 2 - name.len() as i32 / 2..).zip(name.chars())
        {
            canvas.put(x, step.y + 1, letter);
        }
    }
    let lines = canvas
        .0
        .into_iter()
        .map(|row| row.into_iter().collect::<String>());
    let lines: Vec<String> = lines.map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

struct Canvas(Vec<Vec<char>>);

impl Canvas {
    fn put(&mut self, x: i32, y: i32, letter: char) {
        let (x, y) = (usize::try_from(x), usize::try_from(y));
        if let (Ok(x), Ok(y)) = (x, y)
            && let Some(spot) = self.0.get_mut(y).and_then(|row| row.get_mut(x))
        {
            *spot = letter;
        }
    }

    /// Backwards lines are dotted.
    fn line(&mut self, from: Point, to: Point, backwards: bool) {
        let (upper, lower) = if from.y <= to.y {
            (from, to)
        } else {
            (to, from)
        };
        let (across, down) = (lower.x - upper.x, lower.y - upper.y);
        let letter = match across.signum() {
            _ if backwards => ':',
            _ if down == 0 => '-',
            0 => '|',
            1 => '\\',
            _ => '/',
        };
        let count = across.abs().max(down);
        for at in 0..=count {
            let y = upper.y + down * at / count.max(1);
            if y < lower.y || down == 0 {
                let column = upper.x + across * at / count.max(1);
                self.put(
                    column,
                    y,
                    if across.abs() > down && !backwards {
                        '.'
                    } else {
                        letter
                    },
                );
            }
        }
    }
}
