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
    let mut nearest = match written.len() {
        0 | 1 => 0,
        2..=4 => 1,
        5..=8 => 2,
        _ => 3,
    } + 1;
    let mut found = None;
    for candidate in candidates {
        if candidate == word || candidate.len() > WORD_CHARS_MAX * 4 {
            continue;
        }
        let meant: Vec<char> = candidate.chars().collect();
        if meant.len().abs_diff(written.len()) >= nearest + usize::from(found.is_some()) {
            continue;
        }
        let distance = distance(&written, &meant);
        if distance < nearest {
            nearest = distance;
            found = Some(candidate);
        } else if distance == nearest && found.is_some_and(|other| other != candidate) {
            found = None;
        }
    }
    found
}

/// Letters to add, drop, change or swap with their neighbour (optimal string alignment). Another case is no
/// difference, and a dash none from an underscore.
fn distance(a: &[char], b: &[char]) -> usize {
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
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (row, &left) in a.iter().enumerate() {
        let mut next = vec![row + 1];
        for (column, &right) in b.iter().enumerate() {
            let changed = last[column] + usize::from(!same(left, right));
            let mut least = changed.min(last[column + 1] + 1).min(next[column] + 1);
            if row > 0 && column > 0 && same(left, b[column - 1]) && same(a[row - 1], right) {
                least = least.min(before[column - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut last, next);
    }
    last.last().copied().unwrap_or(0)
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
        check(&"x".repeat(100_000), &["x"], None);
    }
}
