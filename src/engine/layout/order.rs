//! The order of the nodes in each row: weighted medians and the exchange of neighbours (Gansner et al., A Technique for
//! Drawing Directed Graphs, 1993), the best of some sweeps. Whatever makes no difference stays as the author had it.

use super::crossings::{Counts, crossings};
use super::layers::Layers;
use crate::engine::limits::{PICTURE_SWEEP_PARTS, PICTURE_SWEEPS_MAX};

/// What a drawing is worse by, for each pair of lines.
const CROSSING: u64 = 4;
/// Branches that are not in the order of their edges: it takes several crossings to make up for that.
const BRANCHES_TURNED: u64 = 12;
/// Other edges that leave a step in another order than the author's.
const SIBLINGS_TURNED: u64 = 1;
/// Sweeps without success after which there will hardly be any.
const PATIENCE: usize = 4;
/// How often all rows are gone through for one sweep, and the neighbours of one row.
const PASSES: usize = 2;
const EXCHANGES: usize = 4;
/// Medians are integers, in this part of a position.
const FINE: u64 = 1 << 10;

/// The nodes of each row from left to right.
pub(super) fn ordered(layers: &Layers) -> Vec<Vec<usize>> {
    let mut order = Order::begin(layers);
    order.exchange();
    let mut best = order.rows.clone();
    let mut least = order.cost();
    let parts = layers.row.len() + layers.segments.len();
    let sweeps = (PICTURE_SWEEP_PARTS / parts.max(1)).clamp(1, PICTURE_SWEEPS_MAX);
    let mut patience = PATIENCE;
    for sweep in 0..sweeps {
        if least == 0 || patience == 0 {
            break;
        }
        order.by_medians(sweep % 2 == 0);
        order.exchange();
        let cost = order.cost();
        if cost < least {
            (least, patience) = (cost, PATIENCE);
            best.clone_from(&order.rows);
        } else {
            patience -= 1;
        }
    }
    best
}

struct Order<'a> {
    layers: &'a Layers,
    rows: Vec<Vec<usize>>,
    /// Per node: its position in its row.
    place: Vec<usize>,
}

/// Where the lines of one row's nodes lead to in a neighbouring row, from left to right.
#[derive(Default)]
struct Targets {
    starts: Vec<usize>,
    places: Vec<usize>,
}

impl Targets {
    fn of(&self, at: usize) -> &[usize] {
        &self.places[self.starts[at]..self.starts[at + 1]]
    }
}

impl<'a> Order<'a> {
    /// What hangs together stands together: nodes as a depth-first walk meets them, edges in their author's order.
    fn begin(layers: &'a Layers) -> Self {
        let nodes = layers.row.len();
        let mut rows = vec![Vec::new(); layers.rows];
        let mut is_seen = vec![false; nodes];
        let begins = (0..nodes).filter(|&node| layers.up(node).is_empty());
        for begin in begins {
            let mut open = vec![begin];
            while let Some(node) = open.pop() {
                if std::mem::replace(&mut is_seen[node], true) {
                    continue;
                }
                rows[layers.row[node]].push(node);
                let below = layers.down(node).iter().rev();
                open.extend(below.map(|&segment| layers.segments[segment].lower));
            }
        }
        let mut order = Self {
            layers,
            rows,
            place: vec![0; nodes],
        };
        (0..layers.rows).for_each(|row| order.note_places(row));
        order
    }

    fn note_places(&mut self, row: usize) {
        for (place, &node) in self.rows[row].iter().enumerate() {
            self.place[node] = place;
        }
    }

    fn by_medians(&mut self, downwards: bool) {
        let rows = self.layers.rows;
        for step in 1..rows {
            let row = if downwards { step } else { rows - 1 - step };
            let targets = self.targets(row, downwards);
            let medians: Vec<Option<u64>> = (0..self.rows[row].len())
                .map(|at| median(targets.of(at)))
                .collect();
            // A node without lines on that side keeps its place, the others are sorted around it.
            let mut moving: Vec<(u64, usize)> = medians
                .iter()
                .zip(&self.rows[row])
                .filter_map(|(median, &node)| median.map(|median| (median, node)))
                .collect();
            moving.sort_by_key(|&(median, _)| median);
            let mut moved = moving.into_iter();
            for (place, median) in medians.iter().enumerate() {
                if median.is_some()
                    && let Some((_, node)) = moved.next()
                {
                    self.rows[row][place] = node;
                }
            }
            self.note_places(row);
        }
    }

    fn targets(&self, row: usize, above: bool) -> Targets {
        let mut targets = Targets::default();
        targets.starts.push(0);
        for &node in &self.rows[row] {
            let start = targets.places.len();
            let segments = &self.layers.segments;
            if above {
                let list = self.layers.up(node).iter();
                targets
                    .places
                    .extend(list.map(|&at| self.place[segments[at].upper]));
            } else {
                let list = self.layers.down(node).iter();
                targets
                    .places
                    .extend(list.map(|&at| self.place[segments[at].lower]));
            }
            targets.places[start..].sort_unstable();
            targets.starts.push(targets.places.len());
        }
        targets
    }

    /// Exchanges neighbours as long as that makes the drawing better.
    fn exchange(&mut self) {
        for _ in 0..PASSES {
            let mut is_better = false;
            for row in 0..self.layers.rows {
                is_better |= self.exchange_in(row);
            }
            if !is_better {
                break;
            }
        }
    }

    fn exchange_in(&mut self, row: usize) -> bool {
        let count = self.rows[row].len();
        if count < 2 {
            return false;
        }
        let (above, below) = (self.targets(row, true), self.targets(row, false));
        // Which of the row's nodes, as the targets count them, stands where by now.
        let mut now: Vec<usize> = (0..count).collect();
        let mut any = false;
        for _ in 0..EXCHANGES {
            let mut is_better = false;
            for place in 0..count - 1 {
                let (left, right) = (now[place], now[place + 1]);
                let (kept, exchanged) = [&above, &below].iter().fold((0, 0), |costs, targets| {
                    let (kept, exchanged) = crossings(targets.of(left), targets.of(right));
                    (costs.0 + CROSSING * kept, costs.1 + CROSSING * exchanged)
                });
                let nodes = &self.rows[row];
                let (turned, turned_then) = self.turned(nodes[place], nodes[place + 1]);
                if exchanged + turned_then < kept + turned {
                    now.swap(place, place + 1);
                    self.rows[row].swap(place, place + 1);
                    is_better = true;
                }
            }
            any |= is_better;
            if !is_better {
                break;
            }
        }
        self.note_places(row);
        any
    }

    /// What it costs that the one stands left of the other, and right of it, by the order of edges that leave the
    /// same step.
    fn turned(&self, left: usize, right: usize) -> (u64, u64) {
        let segments = &self.layers.segments;
        let (lefts, rights) = (self.layers.up(left), self.layers.up(right));
        let (mut costs, mut at, mut beside) = ((0, 0), 0, 0);
        while let (Some(&first), Some(&second)) = (lefts.get(at), rights.get(beside)) {
            let (one, other) = (segments[first], segments[second]);
            if one.upper < other.upper {
                at += 1;
            } else if other.upper < one.upper {
                beside += 1;
            } else {
                if one.is_forward && other.is_forward {
                    let both = one.is_branch && other.is_branch;
                    let cost = if both {
                        BRANCHES_TURNED
                    } else {
                        SIBLINGS_TURNED
                    };
                    if first < second {
                        costs.1 += cost;
                    } else {
                        costs.0 += cost;
                    }
                }
                at += 1;
                beside += 1;
            }
        }
        costs
    }

    fn cost(&self) -> u64 {
        let mut seen = Counts::default();
        let mut cost = 0;
        for row in 0..self.layers.rows {
            seen.begin(self.rows.get(row + 1).map_or(0, Vec::len));
            let below = self.targets(row, false);
            for at in 0..self.rows[row].len() {
                let places = below.of(at);
                cost += CROSSING * places.iter().map(|&place| seen.behind(place)).sum::<u64>();
                places.iter().for_each(|&place| seen.add(place));
            }
            let nodes = self.rows[row].iter();
            cost += nodes
                .map(|&node| self.siblings_turned(node, &mut seen))
                .sum::<u64>();
        }
        cost
    }

    /// What it costs how the edges that leave the node are ordered.
    fn siblings_turned(&self, node: usize, seen: &mut Counts) -> u64 {
        let segments = &self.layers.segments;
        let leaving = self.layers.down(node).iter().map(|&at| segments[at]);
        let forward = leaving.filter(|segment| segment.is_forward);
        if forward.clone().count() < 2 {
            return 0;
        }
        let pairs_of = |branches_only: bool, seen: &mut Counts| {
            let mut pairs = 0;
            let counted = forward
                .clone()
                .filter(|segment| segment.is_branch || !branches_only);
            let places: Vec<usize> = counted.map(|segment| self.place[segment.lower]).collect();
            let (first, last) = (places.iter().min(), places.iter().max());
            let (Some(&first), Some(&last)) = (first, last) else {
                return 0;
            };
            seen.begin(last - first + 1);
            for place in places {
                pairs += seen.behind(place - first);
                seen.add(place - first);
            }
            pairs
        };
        let (all, branches) = (pairs_of(false, seen), pairs_of(true, seen));
        SIBLINGS_TURNED * (all - branches) + BRANCHES_TURNED * branches
    }
}

/// The middle of the places; of an even number, nearer to where they are closer together.
fn median(places: &[usize]) -> Option<u64> {
    let fine = |place: usize| u64::try_from(place).unwrap_or(u64::MAX / FINE) * FINE;
    let middle = places.len() / 2;
    match places {
        [] => None,
        [only] => Some(fine(*only)),
        [first, second] => Some((fine(*first) + fine(*second)) / 2),
        [.., _] if places.len() % 2 == 1 => Some(fine(places[middle])),
        [first, .., last] => {
            let (low, high) = (places[middle - 1], places[middle]);
            let (left, right) = (low - first, last - high);
            if left + right == 0 {
                return Some((fine(low) + fine(high)) / 2);
            }
            let weight = |part: usize| u64::try_from(part).unwrap_or_default();
            let sum = weight(low) * weight(right) + weight(high) * weight(left);
            Some(sum * FINE / weight(left + right))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::layout::layers::PartEdge;

    fn layers(steps: usize, edges: &[(usize, usize)]) -> Layers {
        let edges: Vec<PartEdge> = edges
            .iter()
            .map(|&(from, to)| PartEdge {
                from,
                to,
                is_branch: false,
            })
            .collect();
        Layers::of(steps, &edges)
    }

    #[test]
    fn an_even_median_leans_to_where_places_are_close() {
        assert_eq!(median(&[0, 2]), Some(FINE));
        assert_eq!(median(&[1, 2, 9]), Some(2 * FINE));
        assert_eq!(median(&[0, 1, 3, 9]), Some(FINE + 2 * FINE / 7));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn lines_that_need_not_cross_do_not() {
        // As written, the line from 2 to 3 crosses the one from 1 to 4.
        let crossed = layers(6, &[(0, 3), (1, 4), (2, 3), (3, 5), (4, 5)]);
        assert!(Order::begin(&crossed).cost() >= CROSSING);
        let order = ordered(&crossed);
        let mut drawn = Order::begin(&crossed);
        drawn.rows = order;
        (0..crossed.rows).for_each(|row| drawn.note_places(row));
        assert!(drawn.cost() < CROSSING, "{}", drawn.cost());
    }

    #[test]
    fn the_cost_falls_by_what_an_exchange_promises() {
        let layers = layers(7, &[(0, 3), (0, 4), (1, 3), (1, 5), (2, 4), (2, 6), (3, 6)]);
        let mut order = Order::begin(&layers);
        for row in 0..layers.rows {
            for place in 1..order.rows[row].len() {
                let before = order.cost();
                let (left, right) = (order.rows[row][place - 1], order.rows[row][place]);
                let mut costs = order.turned(left, right);
                for above in [true, false] {
                    let targets = order.targets(row, above);
                    let (kept, exchanged) = crossings(targets.of(place - 1), targets.of(place));
                    costs.0 += CROSSING * kept;
                    costs.1 += CROSSING * exchanged;
                }
                order.rows[row].swap(place - 1, place);
                order.note_places(row);
                assert_eq!(order.cost() + costs.0, before + costs.1);
            }
        }
    }
}
