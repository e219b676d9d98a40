//! Which row a step stands in: below every step that leads to it. Edges that would close a circle are turned round
//! first; they are drawn backwards.

/// The edges that a depth-first walk in the author's order meets on its own path. Without them there is no circle.
pub(super) fn backwards(count: usize, edges: &[(usize, usize)]) -> Vec<bool> {
    let mut leaving: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut is_entered = vec![false; count];
    for (at, &(from, to)) in edges.iter().enumerate() {
        leaving[from].push(at);
        is_entered[to] = true;
    }
    let mut backwards = vec![false; edges.len()];
    let mut is_seen = vec![false; count];
    let mut is_on_path = vec![false; count];
    // Where the workflow begins, then what only a circle leads to.
    let begins = (0..count).filter(|&step| !is_entered[step]);
    for start in begins.chain(0..count) {
        if is_seen[start] {
            continue;
        }
        let mut path: Vec<(usize, usize)> = vec![(start, 0)];
        (is_seen[start], is_on_path[start]) = (true, true);
        while let Some((step, next)) = path.last_mut() {
            let Some(&edge) = leaving[*step].get(*next) else {
                is_on_path[*step] = false;
                path.pop();
                continue;
            };
            *next += 1;
            let to = edges[edge].1;
            if is_on_path[to] {
                backwards[edge] = true;
            } else if !is_seen[to] {
                (is_seen[to], is_on_path[to]) = (true, true);
                path.push((to, 0));
            }
        }
    }
    backwards
}

/// The row of each step, for edges without circles: as far up as its predecessors let it, so that what may start at
/// once stands at the top and an edge added below moves nothing above. A step with more edges below than above is then
/// drawn down to what it leads to, which shortens them; one that nothing leads to stays where a run begins.
pub(super) fn rows(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut above: Vec<usize> = vec![0; count];
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); count];
    for &(from, to) in edges {
        above[to] += 1;
        below[from].push(to);
    }
    let mut open = above.clone();
    let mut row = vec![0; count];
    let mut order: Vec<usize> = (0..count).filter(|&step| above[step] == 0).collect();
    let mut next = 0;
    while let Some(&step) = order.get(next) {
        next += 1;
        for &to in &below[step] {
            row[to] = row[to].max(row[step] + 1);
            open[to] -= 1;
            if open[to] == 0 {
                order.push(to);
            }
        }
    }
    for &step in order.iter().rev() {
        let nearest = below[step].iter().map(|&to| row[to]).min();
        if let Some(nearest) = nearest
            && above[step] > 0
            && below[step].len() > above[step]
        {
            row[step] = nearest - 1;
        }
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_edge_that_closes_a_circle_is_turned_round() {
        let edges = [(0, 1), (1, 2), (2, 1), (2, 3), (3, 0)];
        assert_eq!(backwards(4, &edges), [false, false, true, false, true]);
        assert_eq!(backwards(3, &[(0, 2), (2, 1), (0, 1)]), [false; 3]);
    }

    #[test]
    fn a_step_stands_below_all_that_leads_to_it() {
        assert_eq!(rows(4, &[(0, 1), (1, 2), (0, 2), (2, 3)]), [0, 1, 2, 3]);
    }

    #[test]
    fn a_step_with_more_below_than_above_is_drawn_down() {
        // 0 → 1 → 2 → 3 → {4, 5}, and 0 → 6 → {4, 5}.
        let edges = [
            (0, 1),
            (1, 2),
            (2, 3),
            (3, 4),
            (3, 5),
            (0, 6),
            (6, 4),
            (6, 5),
        ];
        assert_eq!(rows(7, &edges), [0, 1, 2, 3, 4, 4, 3]);
        // What nothing leads to starts at once.
        assert_eq!(rows(4, &[(0, 1), (1, 2), (3, 2)]), [0, 1, 2, 0]);
    }
}
