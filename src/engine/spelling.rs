//! "Did you mean …?": the one name among those there are that a misspelt one stands for, when there is no doubt.

/// A longer word is no slip of a name.
const WORD_CHARS_MAX: usize = 64;

/// The candidate that is closest in spelling; none when nothing is close, or two are equally so.
pub(in crate::engine) fn closest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let written: Vec<char> = word.chars().take(WORD_CHARS_MAX + 1).collect();
    if written.len() > WORD_CHARS_MAX {
        return None;
    }
    // Two of three letters are a different word.
    let mut nearest: usize = match written.len() {
        0 | 1 => 0,
        2..=4 => 1,
        5..=8 => 2,
        _ => 3,
    } + 1;
    let mut found = None;
    let (mut meant, mut rows) = (Vec::new(), Rows::default());
    for candidate in candidates {
        if candidate == word || candidate.len() > WORD_CHARS_MAX * 4 {
            continue;
        }
        meant.clear();
        meant.extend(candidate.chars());
        // One that is as far as the nearest so far makes it undecided; a farther one is nothing.
        let at_most = if found.is_some() {
            nearest
        } else {
            // Two are written as it is, but for their case: nothing decides between them.
            nearest.checked_sub(1)?
        };
        let Some(distance) = rows.distance(&written, &meant, at_most) else {
            continue;
        };
        if distance < nearest {
            nearest = distance;
            found = Some(candidate);
        } else if found.is_some_and(|other| other != candidate) {
            found = None;
        }
    }
    found
}

/// Rows of the table that a distance is read from: the one that is filled, and the two before it.
#[derive(Default)]
struct Rows {
    next: Vec<usize>,
    last: Vec<usize>,
    before: Vec<usize>,
}

impl Rows {
    /// Letters to add, drop, change or swap with their neighbour (optimal string alignment); none when there are more than
    /// `at_most`. Another case is no difference, and a dash none from an underscore.
    fn distance(&mut self, a: &[char], b: &[char], at_most: usize) -> Option<usize> {
        if a.len().abs_diff(b.len()) > at_most {
            return None;
        }
        let same = |a: char, b: char| {
            let plain = |c: char| {
                if c == '-' {
                    '_'
                } else {
                    c.to_ascii_lowercase()
                }
            };
            plain(a) == plain(b)
        };
        self.last.clear();
        self.last.extend(0..=b.len());
        let mut least_before = 0;
        for (row, &left) in a.iter().enumerate() {
            self.next.clear();
            self.next.push(row + 1);
            let mut least_here = row + 1;
            for (column, &right) in b.iter().enumerate() {
                let changed = self.last[column] + usize::from(!same(left, right));
                let mut least = changed
                    .min(self.last[column + 1] + 1)
                    .min(self.next[column] + 1);
                if row > 0 && column > 0 && same(left, b[column - 1]) && same(a[row - 1], right) {
                    least = least.min(self.before[column - 1] + 1);
                }
                self.next.push(least);
                least_here = least_here.min(least);
            }
            // Every way on leads through one of these two rows.
            if least_here.min(least_before) > at_most {
                return None;
            }
            least_before = least_here;
            std::mem::swap(&mut self.before, &mut self.last);
            std::mem::swap(&mut self.last, &mut self.next);
        }
        self.last
            .last()
            .copied()
            .filter(|&distance| distance <= at_most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, candidates: &[&str], expected: Option<&str>) {
        let found = closest(word, candidates.iter().copied());
        assert_eq!(found, expected, "{word} among {candidates:?}");
    }

    #[test]
    fn a_slip_finds_the_name_that_was_meant() {
        check("probe_hots", &["probe_host", "publish"], Some("probe_host"));
        check(
            "prob.http",
            &["probe.http", "http.request"],
            Some("probe.http"),
        );
        check("resutls", &["results", "errors"], Some("results"));
        check("Judge", &["judge", "gauge"], Some("judge"));
        check("max-used", &["max_used"], Some("max_used"));
        check("ulr", &["url"], Some("url"));
        check("größe", &["größen", "x"], Some("größen"));
    }

    #[test]
    fn what_is_far_or_undecided_finds_nothing() {
        check("city", &["country", "town"], None);
        check("b", &["a", "c"], None);
        check("probe1", &["probe2", "probe3"], None);
        check("", &["a"], None);
        check("same", &["same"], None);
        check("Id", &["ID", "id", "x"], None);
        check("Check_It", &["check-it", "check_it", "z", "check_i"], None);
        check(&"x".repeat(100_000), &["x"], None);
    }
}
