//! What stands beside an edge in a picture, of a draft, a version or a run.

use super::workflow::EdgeTrigger;

/// Its label, else when it is taken; empty when nothing has to be said.
pub fn caption<'a>(
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
        (None, None, false, Some(when)) => when,
        (None, None, false, None) => "",
    }
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
            (None, None, false, None, ""),
        ] {
            assert_eq!(caption(label, on, default, when), expected);
        }
    }
}
