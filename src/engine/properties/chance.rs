//! A small source of chance that repeats for the same seed on every machine (SplitMix64, Steele et al. 2014).

pub(crate) struct Chance(u64);

const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64's finaliser.
fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

impl Chance {
    /// The seed is mixed first: all seeds walk the same circle of states with the same step, and neighbours that began
    /// beside each other would draw the same numbers, one place apart.
    pub(crate) fn new(seed: u64) -> Self {
        Self(mixed(seed.wrapping_add(GOLDEN_GAMMA)))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN_GAMMA);
        mixed(self.0)
    }

    /// 0 up to, not including, `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).expect("it is below a usize")
    }

    pub(crate) fn percent(&mut self, likely: usize) -> bool {
        self.below(100) < likely
    }

    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        choices.get(self.below(choices.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn neighbouring_seeds_draw_different_numbers() {
        let draws = |seed| {
            let mut chance = Chance::new(seed);
            (0..50).map(|_| chance.next()).collect::<BTreeSet<u64>>()
        };
        let all: BTreeSet<u64> = (0..1_000).flat_map(draws).collect();
        assert_eq!(all.len(), 50_000, "no number is drawn twice");
    }
}
