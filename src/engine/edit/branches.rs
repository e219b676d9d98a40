//! The two ways on from a condition: where it goes when it is true, and where otherwise. They are edges like all others,
//! told apart by what they say; whoever writes `when` by hand has more of them.

use super::{CannotConnect, holder_of, level, level_mut};
use crate::engine::caption::is_true_of;
use crate::engine::ids::StepId;
use crate::engine::workflow::{Edge, Step, StepKind, Workflow};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branch {
    True,
    Otherwise,
}

impl Branch {
    const BOTH: [Branch; 2] = [Branch::True, Branch::Otherwise];

    /// Whether this edge, which leaves the condition, is the branch.
    fn is(self, edge: &Edge) -> bool {
        match self {
            Branch::True => {
                let when = edge.when.as_deref().unwrap_or_default();
                edge.on.is_none() && !edge.default && is_true_of(edge.from.as_str(), when)
            }
            Branch::Otherwise => edge.on.is_none() && edge.default && edge.when.is_none(),
        }
    }

    /// Makes it the branch, and nothing else.
    pub(super) fn mark(self, edge: &mut Edge) {
        edge.on = None;
        edge.default = self == Branch::Otherwise;
        edge.when = (self == Branch::True).then(|| format!("{}.result == true", edge.from));
    }
}

/// A new way from `from`, as one is meant that is drawn without a word: of a condition the first branch that it lacks.
pub fn new_way(steps: &[Step], edges: &[Edge], from: &StepId, to: &StepId) -> Edge {
    let mut way = Edge {
        from: from.clone(),
        to: to.clone(),
        ..Edge::default()
    };
    let is_condition = |step: &Step| step.id == *from && step.kind == StepKind::Condition;
    if !steps.iter().any(is_condition) {
        return way;
    }
    let lacks = |branch: &Branch| position(edges, from, *branch).is_none();
    if let Some(lacked) = Branch::BOTH.into_iter().find(lacks) {
        lacked.mark(&mut way);
    }
    way
}

/// Where the branch of this condition leads.
pub fn branch_end(workflow: &Workflow, id: &StepId, branch: Branch) -> Option<StepId> {
    let holder = holder_of(workflow, id)?;
    let (_, edges) = level(workflow, holder.as_ref())?;
    let at = position(edges, id, branch)?;
    Some(edges[at].to.clone())
}

/// Which of the edges beside the condition are its branches.
pub fn branch_positions(edges: &[Edge], id: &StepId) -> Vec<usize> {
    let branches = Branch::BOTH.into_iter();
    branches
        .filter_map(|branch| position(edges, id, branch))
        .collect()
}

/// Leads the branch there, or nowhere.
pub fn lead_branch(
    workflow: &mut Workflow,
    id: &StepId,
    branch: Branch,
    to: Option<&StepId>,
) -> Result<(), CannotConnect> {
    if branch_end(workflow, id, branch).as_ref() == to {
        return Ok(());
    }
    if let Some(to) = to {
        super::can_connect(workflow, id, to)?;
    }
    let holder = holder_of(workflow, id).flatten();
    let Some((_, edges)) = level_mut(workflow, holder.as_ref()) else {
        return Err(CannotConnect::NoSuchStep(id.clone()));
    };
    match (position(edges, id, branch), to) {
        (Some(own), Some(to)) => edges[own].to = to.clone(),
        (Some(own), None) => {
            edges.remove(own);
        }
        (None, Some(to)) => {
            let mut way = Edge {
                from: id.clone(),
                to: to.clone(),
                ..Edge::default()
            };
            branch.mark(&mut way);
            edges.push(way);
        }
        (None, None) => {}
    }
    Ok(())
}

/// Leads each branch to where the other one led. The edges stay where they are written, and exchange what they say.
pub fn exchange_branches(workflow: &mut Workflow, id: &StepId) {
    let holder = holder_of(workflow, id).flatten();
    let Some((_, edges)) = level_mut(workflow, holder.as_ref()) else {
        return;
    };
    let both = Branch::BOTH.map(|branch| position(edges, id, branch));
    if let [Some(one), Some(other)] = both {
        let [kept, moved] = [one, other].map(|at| edges[at].clone());
        let leading = |edge: Edge, to: StepId| Edge { to, ..edge };
        edges[one] = leading(moved.clone(), kept.to.clone());
        edges[other] = leading(kept, moved.to);
    }
}

fn position(edges: &[Edge], id: &StepId, branch: Branch) -> Option<usize> {
    let mut ways = edges.iter();
    ways.position(|edge| edge.from == *id && branch.is(edge))
}

#[cfg(test)]
mod tests {
    use super::super::{Place, add_step, connect, new_step};
    use super::*;
    use crate::engine::compile::compile;
    use crate::engine::tool::{Catalogue, EffectClass, ToolSpec};
    use crate::engine::workflow::EdgeTrigger;
    use serde_json::json;

    fn draft() -> Workflow {
        let noop = |id: &str| json!({ "id": id, "kind": "tool_call", "tool": "util.noop" });
        serde_json::from_value(json!({
            "name": "Branches",
            "steps": [noop("first"), { "id": "green", "kind": "condition", "expression": "true" }, noop("a"), noop("b"), noop("c")],
            "edges": [{ "from": "first", "to": "green" }],
        }))
        .expect("a workflow")
    }

    fn ends(draft: &Workflow) -> [Option<String>; 2] {
        Branch::BOTH
            .map(|branch| branch_end(draft, &"green".into(), branch).map(|step| step.to_string()))
    }

    fn lead(draft: &mut Workflow, branch: Branch, to: &str) {
        let to = (!to.is_empty()).then(|| StepId::new(to));
        assert_eq!(
            lead_branch(draft, &"green".into(), branch, to.as_ref()),
            Ok(())
        );
    }

    fn named(ids: [&str; 2]) -> [Option<String>; 2] {
        ids.map(|id| (!id.is_empty()).then(|| id.to_owned()))
    }

    #[test]
    fn the_first_two_ways_that_are_drawn_from_a_condition_are_its_branches() {
        let mut draft = draft();
        for to in ["a", "b", "c"] {
            assert_eq!(connect(&mut draft, &"green".into(), &to.into()), Ok(()));
        }
        assert_eq!(ends(&draft), named(["a", "b"]));
        let third = draft.edges.last().expect("an edge");
        assert!(third.when.is_none() && !third.default);
        draft.edges.truncate(3);
        draft.steps.pop();
        let catalogue = Catalogue::new([ToolSpec::plain("util.noop", EffectClass::Pure)]);
        assert!(
            compile(&draft, &catalogue).is_ok(),
            "nothing is left to say"
        );
    }

    #[test]
    fn so_are_the_first_two_steps_that_are_added_after_it() {
        let mut draft = draft();
        let place = Place::After("green".into());
        let made: Vec<String> = [StepKind::Wait, StepKind::Transform]
            .map(|kind| add_step(&mut draft, new_step(kind, None), &place).to_string())
            .into();
        assert_eq!(ends(&draft), named([&made[0], &made[1]]));
        assert_eq!(draft.edges.len(), 3);
    }

    #[test]
    fn a_branch_is_led_moved_and_taken_away_and_the_other_one_stays() {
        let mut draft = draft();
        for (branch, to, expected) in [
            (Branch::Otherwise, "a", ["", "a"]),
            (Branch::True, "b", ["b", "a"]),
            (Branch::True, "c", ["c", "a"]),
            (Branch::True, "c", ["c", "a"]),
            (Branch::Otherwise, "", ["c", ""]),
            (Branch::Otherwise, "", ["c", ""]),
            (Branch::True, "", ["", ""]),
        ] {
            lead(&mut draft, branch, to);
            assert_eq!(ends(&draft), named(expected), "{branch:?} {to}");
        }
        assert_eq!(draft.edges.len(), 1, "the way to the condition stays");
    }

    #[test]
    fn branches_are_exchanged_where_there_are_two() {
        let mut draft = draft();
        let exchange = |draft: &mut Workflow| exchange_branches(draft, &"green".into());
        lead(&mut draft, Branch::True, "a");
        exchange(&mut draft);
        assert_eq!(ends(&draft), named(["a", ""]));
        lead(&mut draft, Branch::Otherwise, "b");
        draft.edges[1].label = Some("yes".to_owned());
        exchange(&mut draft);
        assert_eq!(ends(&draft), named(["b", "a"]));
        let leads_to = |at: usize| draft.edges[at].to.as_str();
        assert_eq!(
            [leads_to(1), leads_to(2)],
            ["a", "b"],
            "they are written where they were"
        );
        assert_eq!(
            draft.edges[2].label.as_deref(),
            Some("yes"),
            "it is the answer's"
        );
    }

    #[test]
    fn a_way_that_says_something_of_its_own_is_no_branch() {
        let mut draft = draft();
        draft.edges.push(Edge {
            from: "green".into(),
            to: "a".into(),
            when: Some("first.value > 3".to_owned()),
            ..Edge::default()
        });
        assert_eq!(ends(&draft), named(["", ""]));
        let there = lead_branch(&mut draft, &"green".into(), Branch::True, Some(&"a".into()));
        assert!(matches!(there, Err(CannotConnect::There { .. })));
        // Where it leads when it cannot be told is another one.
        draft.edges[1] = Edge {
            on: Some(EdgeTrigger::Failed),
            default: true,
            when: None,
            ..draft.edges[1].clone()
        };
        assert_eq!(ends(&draft), named(["", ""]));
    }

    #[test]
    fn a_branch_leads_into_no_circle() {
        let mut draft = draft();
        let before = draft.clone();
        let circle = lead_branch(
            &mut draft,
            &"green".into(),
            Branch::True,
            Some(&"first".into()),
        );
        assert!(matches!(circle, Err(CannotConnect::Circle { .. })));
        assert_eq!(draft, before);
    }

    #[test]
    fn a_condition_that_is_put_into_a_chain_leads_on_when_it_is_true() {
        let mut draft = draft();
        draft.edges.push(Edge {
            from: "a".into(),
            to: "b".into(),
            ..Edge::default()
        });
        let place = Place::After("a".into());
        let check = add_step(&mut draft, new_step(StepKind::Condition, None), &place);
        assert_eq!(branch_end(&draft, &check, Branch::True), Some("b".into()));
        assert_eq!(branch_end(&draft, &check, Branch::Otherwise), None);
    }

    #[test]
    fn where_both_branches_lead_somewhere_a_third_way_is_a_plain_one() {
        let mut draft = draft();
        lead(&mut draft, Branch::True, "a");
        lead(&mut draft, Branch::Otherwise, "b");
        let place = Place::After("green".into());
        add_step(&mut draft, new_step(StepKind::Wait, None), &place);
        let third = draft.edges.last().expect("an edge");
        assert!(third.when.is_none() && !third.default);
        assert_eq!(branch_positions(&draft.edges, &"green".into()), [1, 2]);
    }
}
