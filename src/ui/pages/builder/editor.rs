//! The state of the builder: the draft, what was there before, what is selected, what is wrong, and where it is kept.
//! Nothing here draws.

use leptos::prelude::*;

use super::rehearsal::Stage;
use super::study::Study;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::edit;
use crate::engine::ids::StepId;
use crate::engine::tool::Catalogue;
use crate::engine::workflow::{Edge, Step, Workflow};
use crate::rpc::drafts::{BuilderView, Kept};
use crate::workbench::{Ask, Checked};

/// Drafts that *undo* can come back to.
const PAST_MAX: usize = 200;

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
    past: RwSignal<Vec<Workflow>>,
    future: RwSignal<Vec<Workflow>>,
    /// What is being typed: another letter in the same field is not another step back.
    typing: StoredValue<Option<String>>,
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
                if past.len() == PAST_MAX {
                    past.remove(0);
                }
                past.push(before);
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

    fn go(self, from: RwSignal<Vec<Workflow>>, to: RwSignal<Vec<Workflow>>, says: &str) {
        if self.publishing.get_untracked() {
            return;
        }
        let Some(draft) = from.try_update(Vec::pop).flatten() else {
            return;
        };
        to.update(|to| to.push(self.document.get_untracked()));
        self.typing.set_value(None);
        self.put(draft);
        self.said.set(says.to_owned());
    }

    fn put(self, draft: Workflow) {
        // What is selected may be gone.
        let gone = self.selected.with_untracked(|selected| match selected {
            Selected::Workflow => false,
            Selected::Step(id) => edit::find(&draft, id).is_none(),
            Selected::Edge(at) => edge_of(&draft, at).is_none(),
        });
        self.document.set(draft);
        if gone {
            self.selected.set(Selected::Workflow);
        }
        self.revision.update(|revision| *revision += 1);
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

    /// Asks the worker, which answers when it has done what it was asked before.
    pub fn ask(self, ask: Ask) {
        if let Some(bench) = self.ask.get_value() {
            bench.run(ask);
        }
    }

    pub fn select(self, selected: Selected) {
        self.typing.set_value(None);
        self.selected.set(selected);
    }
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
