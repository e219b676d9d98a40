//! The state of the builder: the draft, what was there before, what is selected, what is wrong, and where it is kept.
//! Nothing here draws.

use leptos::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

use super::rehearsal::Stage;
use super::study::Study;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::edit;
use crate::engine::ids::StepId;
use crate::engine::rename::rename_step;
use crate::engine::tool::Catalogue;
use crate::engine::workflow::{Edge, Step, Workflow};
use crate::rpc::drafts::{BuilderView, Kept};
use crate::workbench::{Ask, Checked};

/// The heading of the form of what is selected.
pub const PANEL_TITLE: &str = "panel-title";
/// Drafts that *undo* can come back to.
const PAST_MAX: usize = 200;
/// Steps in all of them together: each draft is kept whole, a thousand steps are about a megabyte.
const PAST_STEPS_MAX: usize = 50_000;

/// What the form beside the picture is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Selected {
    #[default]
    Workflow,
    Step(StepId),
    Edge(EdgeAt),
}

/// An edge: in the workflow or in the body of a step, by its position.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EdgeAt {
    pub inside: Option<StepId>,
    pub position: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "hydrate"),
    expect(dead_code, reason = "only a browser saves")
)]
pub enum Saved {
    /// As it is on the server.
    Yes,
    /// Will be in a moment.
    Soon,
    Saving,
    /// The sentence says why, and whether it is tried again.
    Failed {
        message: String,
        stale: bool,
    },
}

/// Copied into whoever needs it.
#[derive(Clone, Copy)]
pub struct Editor {
    pub document: RwSignal<Workflow>,
    pub selected: RwSignal<Selected>,
    /// What the worker has said of the draft; of an earlier one for some milliseconds.
    pub checked: RwSignal<Checked>,
    /// The worker has answered at least once.
    pub heard: RwSignal<bool>,
    /// The worker does not work: nothing is checked here, and the server checks when it is published.
    pub blind: RwSignal<bool>,
    pub saved: RwSignal<Saved>,
    /// It is being published: what is written now would come too late.
    pub publishing: RwSignal<bool>,
    pub kept: RwSignal<Option<Kept>>,
    /// The version that the draft began as.
    #[cfg_attr(
        not(feature = "hydrate"),
        expect(dead_code, reason = "only a browser saves")
    )]
    pub based_on: Option<u32>,
    /// Counts changes.
    pub revision: RwSignal<u32>,
    /// Said to people who do not see the picture.
    pub said: RwSignal<String>,
    /// Asks the worker; none before it has been started, and where there is none.
    pub ask: StoredValue<Option<Callback<Ask>>>,
    pub stage: Stage,
    pub study: Study,
    pub catalogue: StoredValue<Catalogue>,
    pub workflows: StoredValue<Vec<(String, String)>>,
    past: RwSignal<Vec<Moment>>,
    future: RwSignal<Vec<Moment>>,
    /// What is being typed: another letter in the same field is not another step back.
    typing: StoredValue<Option<String>>,
    /// Steps that were added here and whose ids nobody has chosen: they follow the names.
    unchosen: StoredValue<BTreeSet<StepId>>,
    /// What steps were called, and are called since: an answer of the worker or a click may still mean the old id.
    called: StoredValue<BTreeMap<StepId, StepId>>,
}

/// A draft as it was.
#[derive(Clone)]
struct Moment {
    draft: Workflow,
    unchosen: BTreeSet<StepId>,
}

impl Editor {
    pub fn new(view: BuilderView) -> Self {
        Self {
            document: RwSignal::new(view.document),
            selected: RwSignal::new(Selected::Workflow),
            checked: RwSignal::new(Checked::default()),
            heard: RwSignal::new(false),
            blind: RwSignal::new(false),
            saved: RwSignal::new(Saved::Yes),
            publishing: RwSignal::new(false),
            kept: RwSignal::new(view.kept),
            based_on: view.based_on,
            revision: RwSignal::new(0),
            said: RwSignal::new(String::new()),
            ask: StoredValue::new(None),
            stage: Stage::new(),
            study: Study::new(),
            catalogue: StoredValue::new(view.catalogue),
            workflows: StoredValue::new(view.workflows),
            past: RwSignal::new(Vec::new()),
            future: RwSignal::new(Vec::new()),
            typing: StoredValue::new(None),
            unchosen: StoredValue::new(BTreeSet::new()),
            called: StoredValue::new(BTreeMap::new()),
        }
    }

    /// Changes the draft. `field` names what is typed into, so that it can be taken back as one.
    pub fn change<T>(self, field: Option<&str>, change: impl FnOnce(&mut Workflow) -> T) -> T {
        let before = self.document.get_untracked();
        let mut draft = before.clone();
        let answer = change(&mut draft);
        if draft == before {
            return answer;
        }
        self.keep(field, before, draft);
        answer
    }

    /// What is done in there, however it is written, is taken back on its own, and not with what is typed before or behind it.
    pub fn apart(self, act: impl FnOnce()) {
        self.typing.set_value(None);
        act();
        self.typing.set_value(None);
    }

    /// Changes the order of what has names: two records with the same fields are equal in any order.
    pub fn rearrange(self, change: impl FnOnce(&mut Workflow)) {
        let before = self.document.get_untracked();
        let mut draft = before.clone();
        change(&mut draft);
        self.keep(None, before, draft);
    }

    /// Puts the draft in the place of the one before, which *undo* comes back to.
    fn keep(self, field: Option<&str>, before: Workflow, draft: Workflow) {
        let goes_on =
            field.is_some() && self.typing.with_value(|typing| typing.as_deref() == field);
        if !goes_on {
            self.past.update(|past| {
                past.push(self.moment(before));
                let mut steps: usize = past.iter().map(|moment| steps_in(&moment.draft)).sum();
                while past.len() > PAST_MAX || (past.len() > 1 && steps > PAST_STEPS_MAX) {
                    steps -= steps_in(&past.remove(0).draft);
                }
            });
        }
        self.typing.set_value(field.map(str::to_owned));
        self.future.update(Vec::clear);
        self.put(draft);
    }

    /// Changes one step, if it is there.
    pub fn change_step(self, id: &StepId, field: &str, change: impl FnOnce(&mut Step)) {
        self.change(Some(&format!("{id} {field}")), |draft| {
            if let Some(step) = edit::find_mut(draft, id) {
                change(step);
            }
        });
    }

    pub fn change_edge(self, at: &EdgeAt, field: &str, change: impl FnOnce(&mut Edge)) {
        let name = format!("{:?} {} {field}", at.inside, at.position);
        self.change(Some(&name), |draft| {
            let edges = edit::level_mut(draft, at.inside.as_ref());
            if let Some(edge) = edges.and_then(|(_, edges)| edges.get_mut(at.position)) {
                change(edge);
            }
        });
    }

    pub fn can_undo(self) -> bool {
        self.past.with(|past| !past.is_empty())
    }

    pub fn can_redo(self) -> bool {
        self.future.with(|future| !future.is_empty())
    }

    pub fn undo(self) {
        self.go(self.past, self.future, "Taken back.");
    }

    pub fn redo(self) {
        self.go(self.future, self.past, "Done again.");
    }

    fn go(self, from: RwSignal<Vec<Moment>>, to: RwSignal<Vec<Moment>>, says: &str) {
        if self.publishing.get_untracked() {
            return;
        }
        let Some(Moment { draft, unchosen }) = from.try_update(Vec::pop).flatten() else {
            return;
        };
        to.update(|to| to.push(self.moment(self.document.get_untracked())));
        self.unchosen.set_value(unchosen);
        self.typing.set_value(None);
        self.put(draft);
        self.said.set(says.to_owned());
    }

    fn moment(self, draft: Workflow) -> Moment {
        let unchosen = self.unchosen.get_value();
        Moment { draft, unchosen }
    }

    fn put(self, draft: Workflow) {
        // What is selected may be gone, or called otherwise there.
        let selected = self.selected.get_untracked();
        let there = self.in_draft(&draft, selected.clone());
        // Who gets such an id next may be somebody's choice.
        self.unchosen
            .update_value(|unchosen| unchosen.retain(|id| edit::find(&draft, id).is_some()));
        self.document.set(draft);
        if there != selected {
            self.selected.set(there);
        }
        self.revision.update(|revision| *revision += 1);
    }

    /// The same there, whatever it was called before or is called since; the workflow itself when there is no such thing.
    fn in_draft(self, draft: &Workflow, selected: Selected) -> Selected {
        match selected {
            Selected::Workflow => Selected::Workflow,
            Selected::Step(id) => match self.id_in(draft, &id) {
                Some(id) => Selected::Step(id),
                None => Selected::Workflow,
            },
            Selected::Edge(EdgeAt { inside, position }) => {
                let inside = inside.map(|id| self.id_in(draft, &id).unwrap_or(id));
                let at = EdgeAt { inside, position };
                match edge_of(draft, &at) {
                    Some(_) => Selected::Edge(at),
                    None => Selected::Workflow,
                }
            }
        }
    }

    fn id_in(self, draft: &Workflow, id: &StepId) -> Option<StepId> {
        let is_there = |id: &StepId| edit::find(draft, id).is_some();
        self.called.with_value(|called| {
            let mut since = id;
            // A step may have been called as before again.
            for _ in 0..=called.len() {
                if is_there(since) {
                    return Some(since.clone());
                }
                match called.get(since) {
                    Some(next) => since = next,
                    None => break,
                }
            }
            let before = called.iter().filter(|(_, to)| *to == id);
            before
                .map(|(from, _)| from)
                .find(|from| is_there(from))
                .cloned()
        })
    }

    /// The id that a step has now.
    pub fn now(self, id: &StepId) -> StepId {
        let now = self.document.with_untracked(|draft| self.id_in(draft, id));
        now.unwrap_or_else(|| id.clone())
    }

    /// What is wrong with this step, or with this edge.
    pub fn findings_of(self, selected: &Selected) -> Vec<Diagnostic> {
        self.checked.with(|checked| {
            let findings = checked.findings.iter();
            findings
                .filter(|finding| is_about(finding, selected))
                .cloned()
                .collect()
        })
    }

    /// What stops nobody and is hardly meant, of this step.
    pub fn warnings_of(self, selected: &Selected) -> Vec<Diagnostic> {
        self.checked.with(|checked| {
            let warnings = checked.warnings.iter();
            warnings
                .filter(|warning| is_about(warning, selected))
                .cloned()
                .collect()
        })
    }

    /// Asks the worker, which answers when it has done what it was asked before.
    pub fn ask(self, ask: Ask) {
        if let Some(bench) = self.ask.get_value() {
            bench.run(ask);
        }
    }

    pub fn select(self, selected: Selected) {
        self.typing.set_value(None);
        let selected = self
            .document
            .with_untracked(|draft| self.in_draft(draft, selected));
        // Whoever goes on to a way has the focus in a line that would be drawn anew.
        if !matches!(selected, Selected::Edge(_)) {
            self.call_by_names(Some(&selected));
        }
        self.selected.set(selected);
    }

    /// Selects a step that has just been added.
    pub fn added(self, id: &StepId) {
        // What was called so before is another step.
        self.called
            .update_value(|called| called.retain(|from, to| from != id && to != id));
        self.unchosen.update_value(|unchosen| {
            unchosen.insert(id.clone());
        });
        self.select(Selected::Step(id.clone()));
        self.said.set(format!("{id} added."));
    }

    /// Gives a step the id that somebody has chosen, and goes along.
    pub fn choose_id(self, from: &StepId, to: StepId) {
        let from = self.now(from);
        self.change(None, |draft| *draft = rename_step(draft, &from, &to));
        self.unchosen.update_value(|unchosen| {
            unchosen.remove(&from);
            unchosen.remove(&to);
        });
        self.note(&from, &to);
        self.selected.set(Selected::Step(to));
    }

    /// Calls all new steps by their names, also the one whose form is open.
    pub fn settle(self) {
        self.call_by_names(None);
        let selected = self.selected.get_untracked();
        let there = self
            .document
            .with_untracked(|draft| self.in_draft(draft, selected.clone()));
        if there != selected {
            self.selected.set(there);
        }
    }

    /// What is still called as it was when it was added is called by its name. Not while its form is `open`, which would be
    /// made anew under the hands of whoever fills it. Not a step of its own for *undo*: the id that is gone was never
    /// anybody's wish.
    fn call_by_names(self, open: Option<&Selected>) {
        for id in self.unchosen.get_value() {
            if open == Some(&Selected::Step(id.clone())) {
                continue;
            }
            let Some(to) = self
                .document
                .with_untracked(|draft| edit::id_by_name(draft, &id))
            else {
                continue;
            };
            let draft = self
                .document
                .with_untracked(|draft| rename_step(draft, &id, &to));
            self.unchosen.update_value(|unchosen| {
                unchosen.remove(&id);
                unchosen.insert(to.clone());
            });
            self.document.set(draft);
            self.revision.update(|revision| *revision += 1);
            self.note(&id, &to);
        }
    }

    /// What the step is called once its form is left.
    pub fn will_be(self, id: &StepId) -> StepId {
        let is_chosen = self.unchosen.with_value(|unchosen| !unchosen.contains(id));
        let by_name = self.document.with(|draft| edit::id_by_name(draft, id));
        by_name.filter(|_| !is_chosen).unwrap_or_else(|| id.clone())
    }

    fn note(self, from: &StepId, to: &StepId) {
        self.called.update_value(|called| {
            // What was called so before is another step.
            called.retain(|before, since| before != to && since != to);
            called.insert(from.clone(), to.clone());
        });
        self.said.set(format!("{from} is called {to} now."));
    }
}

/// Those in bodies included.
fn steps_in(draft: &Workflow) -> usize {
    let mut count = 0;
    let mut open: Vec<&Step> = draft.steps.iter().collect();
    while let Some(step) = open.pop() {
        count += 1;
        open.extend(step.body.iter().flat_map(|body| &body.steps));
    }
    count
}

pub fn edge_of<'a>(draft: &'a Workflow, at: &EdgeAt) -> Option<&'a Edge> {
    edit::level(draft, at.inside.as_ref())?.1.get(at.position)
}

/// What a finding is about.
pub fn place_of(finding: &Diagnostic) -> Selected {
    match (finding.edge, &finding.step) {
        (Some(position), inside) => Selected::Edge(EdgeAt {
            inside: inside.clone(),
            position,
        }),
        (None, Some(step)) => Selected::Step(step.clone()),
        (None, None) => Selected::Workflow,
    }
}

fn is_about(finding: &Diagnostic, selected: &Selected) -> bool {
    place_of(finding) == *selected
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::edit::Place;
    use crate::engine::workflow::StepKind;

    fn editor() -> Editor {
        Editor::new(BuilderView {
            slug: None,
            kept: None,
            based_on: None,
            document: Workflow::default(),
            catalogue: Catalogue::default(),
            workflows: Vec::new(),
        })
    }

    fn name_it(editor: Editor, name: &str) {
        editor.change(Some("name"), |draft| draft.name = name.to_owned());
    }

    fn name_of(editor: Editor) -> String {
        editor.document.with_untracked(|draft| draft.name.clone())
    }

    fn ids(editor: Editor) -> Vec<String> {
        editor.document.with_untracked(|draft| {
            let steps = draft.steps.iter();
            steps.map(|step| step.id.to_string()).collect()
        })
    }

    fn add(editor: Editor, name: &str) -> StepId {
        let step = edit::new_step(StepKind::HumanGate, None);
        let id = editor.change(None, |draft| {
            edit::add_step(draft, step, &Place::Loose(None))
        });
        editor.added(&id);
        editor.change_step(&id, "name", |step| step.name = Some(name.to_owned()));
        id
    }

    #[test]
    fn of_large_drafts_fewer_are_kept() {
        let owner = Owner::new();
        owner.set();
        for (steps, kept) in [(1, PAST_MAX), (1_000, PAST_STEPS_MAX / 1_000)] {
            let editor = editor();
            let step = edit::new_step(StepKind::HumanGate, None);
            editor
                .document
                .update(|draft| draft.steps = vec![step; steps]);
            for name in 0..PAST_MAX + 3 {
                editor.apart(|| name_it(editor, &name.to_string()));
            }
            assert_eq!(editor.past.with_untracked(Vec::len), kept, "{steps} steps");
        }
    }

    #[test]
    fn an_id_that_nobody_has_chosen_follows_the_name_when_the_form_is_left() {
        let owner = Owner::new();
        owner.set();
        let editor = editor();
        let first = add(editor, "Release?");
        assert_eq!(ids(editor), ["ask"], "not under the hands of whoever types");
        let second = add(editor, "Größe");
        editor.change_step(&second, "message", |step| {
            step.message = Some("$release.by".to_owned())
        });
        editor.select(Selected::Workflow);
        assert_eq!(ids(editor), ["release", "ask_2"], "half a name is none");
        editor.select(Selected::Step("release".into()));
        editor.change_step(&"release".into(), "name", |step| {
            step.name = Some("Go on".to_owned())
        });
        editor.settle();
        assert_eq!(ids(editor), ["go_on", "ask_2"]);
        assert_eq!(
            editor.selected.get_untracked(),
            Selected::Step("go_on".into())
        );
        // What means the old id is led on.
        assert_eq!(editor.now(&"ask".into()).as_str(), "go_on");
        editor.select(Selected::Step("release".into()));
        assert_eq!(
            editor.selected.get_untracked(),
            Selected::Step("go_on".into())
        );
        // What a person has chosen stays, also when it is what the step was called at first.
        editor.choose_id(&"go_on".into(), "ask".into());
        editor.select(Selected::Workflow);
        assert_eq!(ids(editor), ["ask", "ask_2"]);
        editor.choose_id(&"ask".into(), "mine".into());
        editor.change_step(&"mine".into(), "name", |step| {
            step.name = Some("Other".to_owned())
        });
        editor.select(Selected::Workflow);
        assert_eq!(ids(editor), ["mine", "ask_2"]);
        for expected in [
            vec!["mine", "ask_2"],
            vec!["ask", "ask_2"],
            vec!["go_on", "ask_2"],
            vec!["release", "ask_2"],
            vec!["release", "ask_2"],
            vec!["release", "ask_2"],
            vec!["ask"],
            vec!["ask"],
            vec![],
        ] {
            editor.undo();
            assert_eq!(ids(editor), expected, "{first}");
        }
        assert!(!editor.can_undo());
    }

    #[test]
    fn an_id_that_is_free_again_means_the_step_that_has_it() {
        let owner = Owner::new();
        owner.set();
        let editor = editor();
        add(editor, "Release");
        editor.select(Selected::Workflow);
        let second = add(editor, "");
        assert_eq!(ids(editor), ["release", "ask"]);
        // Taken back, its form closes, and that of the step which was called so before stays closed.
        editor.undo();
        editor.undo();
        assert_eq!(ids(editor), ["release"], "{second}");
        assert_eq!(editor.selected.get_untracked(), Selected::Workflow);
        // What was there before nobody calls by its name, also when a new step had its id in between.
        let old = "release".into();
        editor.choose_id(&old, "notify".into());
        editor.change_step(&"notify".into(), "name", |step| {
            step.name = Some("Tell people".to_owned())
        });
        editor.change(None, |draft| edit::remove_step(draft, &"notify".into()));
        add(editor, "Notify");
        editor.select(Selected::Workflow);
        assert_eq!(ids(editor), ["notify"]);
        // The name, the step, and the removal.
        for _ in 0..3 {
            editor.undo();
        }
        assert_eq!(ids(editor), ["notify"]);
        editor.select(Selected::Step("notify".into()));
        editor.select(Selected::Workflow);
        assert_eq!(ids(editor), ["notify"]);
    }

    #[test]
    fn what_is_typed_is_taken_back_as_one_and_an_act_on_its_own() {
        let owner = Owner::new();
        owner.set();
        let editor = editor();
        for name in ["a", "ab", "abc"] {
            name_it(editor, name);
        }
        editor.apart(|| name_it(editor, ""));
        for name in ["x", "xy"] {
            name_it(editor, name);
        }
        for expected in ["", "abc", ""] {
            assert!(editor.can_undo());
            editor.undo();
            assert_eq!(name_of(editor), expected);
        }
        assert!(!editor.can_undo());
    }
}
