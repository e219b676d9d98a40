//! Counting lines that cross, between two nodes and between two rows.

/// How often the lines of two neighbours cross as they stand, and when they are exchanged.
pub(super) fn crossings(left: &[usize], right: &[usize]) -> (u64, u64) {
    let (mut kept, mut exchanged) = (0, 0);
    let (mut before, mut up_to) = (0, 0);
    for place in left {
        while right.get(before).is_some_and(|other| other < place) {
            before += 1;
        }
        while right.get(up_to).is_some_and(|other| other <= place) {
            up_to += 1;
        }
        kept += before as u64;
        exchanged += (right.len() - up_to) as u64;
    }
    (kept, exchanged)
}

/// How many of what was added stands behind a place (a Fenwick tree).
#[derive(Default)]
pub(super) struct Counts {
    tree: Vec<u64>,
    all: u64,
}

impl Counts {
    /// Anew, for so many places.
    pub(super) fn begin(&mut self, places: usize) {
        self.tree.clear();
        self.tree.resize(places + 1, 0);
        self.all = 0;
    }

    pub(super) fn add(&mut self, place: usize) {
        self.all += 1;
        let mut at = place + 1;
        while let Some(count) = self.tree.get_mut(at) {
            *count += 1;
            at += at & at.wrapping_neg();
        }
    }

    pub(super) fn behind(&self, place: usize) -> u64 {
        let mut up_to = 0;
        let mut at = place + 1;
        while at > 0 {
            up_to += self.tree[at];
            at &= at - 1;
        }
        self.all - up_to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crossings_are_counted_for_both_orders() {
        assert_eq!(crossings(&[0, 3], &[1, 3]), (1, 2));
        assert_eq!(crossings(&[2, 2], &[2, 2]), (0, 0));
        assert_eq!(crossings(&[5], &[0, 1, 2]), (3, 0));
    }

    #[test]
    fn what_stands_behind_a_place_is_counted() {
        let mut counts = Counts::default();
        counts.begin(4);
        [3, 0, 3, 1].iter().for_each(|&place| counts.add(place));
        assert_eq!([0, 1, 2, 3].map(|place| counts.behind(place)), [3, 2, 2, 0]);
    }
}
