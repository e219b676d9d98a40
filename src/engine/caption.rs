//! What stands beside an edge in a picture, of a draft, a version or a run.

use super::workflow::EdgeTrigger;

/// The label of an edge that leaves `from`, else when it is taken; empty when nothing has to be said.
pub fn caption<'a>(
    from: &str,
    label: Option<&'a str>,
    on: Option<EdgeTrigger>,
    default: bool,
    when: Option<&'a str>,
) -> &'a str {
    match (label, on, default, when) {
        (Some(label), _, _, _) => label,
        (None, Some(EdgeTrigger::Rejected), _, _) => "rejected",
        (None, Some(EdgeTrigger::Failed), _, _) => "failed",
        (None, None, true, _) => "otherwise",
        (None, None, false, Some(when)) if is_true_of(from, when) => "true",
        (None, None, false, Some(when)) => when,
        (None, None, false, None) => "",
    }
}

/// Whether this condition says no more than that the result of `from` is true, as one branch of a `condition` does:
/// `name.result == true`, or short.
pub fn is_true_of(from: &str, when: &str) -> bool {
    let rest = when.trim().strip_prefix(from);
    let rest = rest.and_then(|rest| rest.strip_prefix(".result"));
    let compared: Option<String> = rest.map(|rest| rest.split_whitespace().collect());
    matches!(compared.as_deref(), Some("" | "==true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_goes_before_what_takes_the_edge() {
        let (failed, rejected) = (Some(EdgeTrigger::Failed), Some(EdgeTrigger::Rejected));
        for (label, on, default, when, expected) in [
            (Some("no"), rejected, true, Some("a.b"), "no"),
            (None, rejected, false, None, "rejected"),
            (None, failed, false, Some("a.b"), "failed"),
            (None, None, true, Some("a.b"), "otherwise"),
            (None, None, false, Some("a.b"), "a.b"),
            (None, None, false, Some("green.result == true"), "true"),
            (
                None,
                None,
                false,
                Some("lint.result == true"),
                "lint.result == true",
            ),
            (None, None, false, None, ""),
        ] {
            assert_eq!(caption("green", label, on, default, when), expected);
        }
    }

    #[test]
    fn a_true_branch_is_known_however_it_is_spaced() {
        for (when, is_true) in [
            ("green.result", true),
            (" green.result==true ", true),
            ("green.result  ==  true", true),
            ("green.result == false", false),
            ("green.results", false),
            ("!green.result", false),
            ("evergreen.result", false),
            ("true", false),
        ] {
            assert_eq!(is_true_of("green", when), is_true, "{when}");
        }
    }
}
