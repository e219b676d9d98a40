//! Where the nodes of ordered rows stand across (Brandes and Köpf, Fast and Simple Horizontal Coordinate Assignment,
//! 2001): nodes are aligned with the middle one of their neighbours in four ways, each as narrow as it can be, and
//! stand in the middle of the four.

use super::layers::Layers;

/// How much room nodes take, in px.
pub(super) struct Widths<'a> {
    /// Per step; a dummy has none.
    pub steps: &'a [i64],
    pub between_steps: i64,
    /// Beside a line.
    pub between_lines: i64,
}

impl Widths<'_> {
    /// From the middle of the node to its left border.
    pub(super) fn left(&self, node: usize) -> i64 {
        self.steps.get(node).map_or(0, |width| width / 2)
    }

    pub(super) fn right(&self, node: usize) -> i64 {
        self.steps.get(node).map_or(0, |width| width - width / 2)
    }

    /// The least distance between the middles of two neighbours.
    fn apart(&self, left: usize, right: usize) -> i64 {
        let is_line = left >= self.steps.len() || right >= self.steps.len();
        let gap = if is_line {
            self.between_lines
        } else {
            self.between_steps
        };
        self.right(left) + gap + self.left(right)
    }
}

/// Per node: where its middle is, the leftmost border being at 0.
pub(super) fn columns(layers: &Layers, rows: &[Vec<usize>], widths: &Widths<'_>) -> Vec<i64> {
    let mirrored: Vec<Vec<usize>> = rows
        .iter()
        .map(|row| row.iter().rev().copied().collect())
        .collect();
    let is_crossed = crossed_segments(layers, rows);
    let mut ways: Vec<Way> = Vec::with_capacity(4);
    for is_mirrored in [false, true] {
        for downwards in [true, false] {
            let aligning = Aligning {
                layers,
                rows: if is_mirrored { &mirrored } else { rows },
                is_crossed: &is_crossed,
                downwards,
            };
            let middles = compacted(&aligning, widths, is_mirrored);
            ways.push(Way::new(middles, is_mirrored, widths));
        }
    }
    let Some(narrowest) = ways.iter().min_by_key(|way| way.end - way.start) else {
        return Vec::new();
    };
    let (start, end) = (narrowest.start, narrowest.end);
    for way in &mut ways {
        let shift = if way.is_mirrored {
            end - way.end
        } else {
            start - way.start
        };
        way.middles.iter_mut().for_each(|middle| *middle += shift);
    }
    let mut middles: Vec<i64> = (0..layers.row.len())
        .map(|node| {
            let mut four: Vec<i64> = ways.iter().map(|way| way.middles[node]).collect();
            four.sort_unstable();
            // Rounded down for every node, so that neighbours keep their distance.
            (four[1] + four[2]).div_euclid(2)
        })
        .collect();
    let starts = middles
        .iter()
        .enumerate()
        .map(|(node, middle)| middle - widths.left(node));
    let first = starts.min().unwrap_or_default();
    middles.iter_mut().for_each(|middle| *middle -= first);
    middles
}

/// One of the four alignments.
struct Way {
    middles: Vec<i64>,
    is_mirrored: bool,
    start: i64,
    end: i64,
}

impl Way {
    fn new(middles: Vec<i64>, is_mirrored: bool, widths: &Widths<'_>) -> Self {
        let all = || middles.iter().enumerate();
        let start = all().map(|(node, middle)| middle - widths.left(node)).min();
        let end = all()
            .map(|(node, middle)| middle + widths.right(node))
            .max();
        Self {
            start: start.unwrap_or_default(),
            end: end.unwrap_or_default(),
            middles,
            is_mirrored,
        }
    }
}

/// Per segment: it crosses a long line between two of its dummies, and gives way so that the line stays straight.
fn crossed_segments(layers: &Layers, rows: &[Vec<usize>]) -> Vec<bool> {
    let place = places(layers, rows);
    let mut is_crossed = vec![false; layers.segments.len()];
    for pair in rows.windows(2) {
        let [above, below] = pair else { continue };
        let (mut left, mut done) = (0, 0);
        for (at, &node) in below.iter().enumerate() {
            let inner = layers
                .up(node)
                .first()
                .map(|&segment| layers.segments[segment].upper);
            let inner = inner.filter(|&upper| layers.is_dummy(node) && layers.is_dummy(upper));
            if inner.is_none() && at + 1 < below.len() {
                continue;
            }
            let right = inner.map_or(above.len() - 1, |upper| place[upper]);
            for &passed in &below[done..=at] {
                for &segment in layers.up(passed) {
                    let upper = layers.segments[segment].upper;
                    let is_inner = layers.is_dummy(passed) && layers.is_dummy(upper);
                    let is_outside = place[upper] < left || place[upper] > right;
                    is_crossed[segment] |= is_outside && !is_inner;
                }
            }
            (left, done) = (right, at + 1);
        }
    }
    is_crossed
}

fn places(layers: &Layers, rows: &[Vec<usize>]) -> Vec<usize> {
    let mut place = vec![0; layers.row.len()];
    for row in rows {
        for (at, &node) in row.iter().enumerate() {
            place[node] = at;
        }
    }
    place
}

/// Nodes that stand exactly below each other make a block, called by its first node.
struct Blocks {
    root: Vec<usize>,
    /// The next node of the block; of the last one, the root.
    next: Vec<usize>,
}

/// One way of aligning: which side comes first, and whether nodes look up or down.
struct Aligning<'a> {
    layers: &'a Layers,
    rows: &'a [Vec<usize>],
    is_crossed: &'a [bool],
    downwards: bool,
}

impl Aligning<'_> {
    fn blocks(&self) -> Blocks {
        let nodes = self.layers.row.len();
        let place = places(self.layers, self.rows);
        let mut blocks = Blocks {
            root: (0..nodes).collect(),
            next: (0..nodes).collect(),
        };
        let mut neighbours = Vec::new();
        for at in 0..self.rows.len() {
            let at = if self.downwards {
                at
            } else {
                self.rows.len() - 1 - at
            };
            // Lines between blocks do not cross: where the next one may begin.
            let mut free = 0;
            for &node in &self.rows[at] {
                self.neighbours(node, &place, &mut neighbours);
                let Some(last) = neighbours.len().checked_sub(1) else {
                    continue;
                };
                for &(at, other, segment) in &neighbours[last / 2..=last.div_ceil(2)] {
                    if blocks.next[node] == node && !self.is_crossed[segment] && at >= free {
                        blocks.next[other] = node;
                        blocks.root[node] = blocks.root[other];
                        blocks.next[node] = blocks.root[node];
                        free = at + 1;
                    }
                }
            }
        }
        blocks
    }

    /// What the node may be aligned with, by place. An edge that merely shortens a way through other steps does not
    /// count: those steps stay in one column, and it goes around them.
    fn neighbours(&self, node: usize, place: &[usize], into: &mut Vec<(usize, usize, usize)>) {
        into.clear();
        let layers = self.layers;
        let list = if self.downwards {
            layers.up(node)
        } else {
            layers.down(node)
        };
        for &at in list {
            let segment = layers.segments[at];
            let other = if self.downwards {
                segment.upper
            } else {
                segment.lower
            };
            let is_shortcut = layers.is_shortcut[node] || layers.is_shortcut[other];
            let is_inner = layers.is_dummy(node) && layers.is_dummy(other);
            if is_inner || !is_shortcut {
                into.push((place[other], other, at));
            }
        }
        into.sort_unstable();
    }
}

/// The blocks as far to the left as they go, and then to the right as far as their neighbours let them.
fn compacted(aligning: &Aligning<'_>, widths: &Widths<'_>, is_mirrored: bool) -> Vec<i64> {
    let blocks = aligning.blocks();
    let nodes = blocks.root.len();
    let mut behind: Vec<Vec<(usize, i64)>> = vec![Vec::new(); nodes];
    let mut open = vec![0u32; nodes];
    for pair in aligning.rows.iter().flat_map(|row| row.windows(2)) {
        let [first, second] = pair else { continue };
        let apart = if is_mirrored {
            widths.apart(*second, *first)
        } else {
            widths.apart(*first, *second)
        };
        behind[blocks.root[*first]].push((blocks.root[*second], apart));
        open[blocks.root[*second]] += 1;
    }
    let is_root = |node: &usize| blocks.root[*node] == *node;
    let mut order: Vec<usize> = (0..nodes)
        .filter(|node| is_root(node) && open[*node] == 0)
        .collect();
    let mut at = 0;
    let mut place = vec![0; nodes];
    while let Some(&block) = order.get(at) {
        at += 1;
        for &(other, apart) in &behind[block] {
            place[other] = place[other].max(place[block] + apart);
            open[other] -= 1;
            if open[other] == 0 {
                order.push(other);
            }
        }
    }
    for &block in order.iter().rev() {
        let room = behind[block]
            .iter()
            .map(|&(other, apart)| place[other] - apart);
        if let Some(room) = room.min() {
            place[block] = place[block].max(room);
        }
    }
    let sign = if is_mirrored { -1 } else { 1 };
    blocks.root.iter().map(|&root| sign * place[root]).collect()
}
