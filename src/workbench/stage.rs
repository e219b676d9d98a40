//! The stage of a rehearsal: what the page has it do, one move after the other, and what it is shown of it then.

use serde::{Deserialize, Serialize};

use crate::engine::event::Recorded;
use crate::engine::ids::StepPath;
use crate::engine::plan::Outline;
use crate::engine::rehearse::answer::{Answer, Answers};
use crate::engine::rehearse::case::{Act, Case, Given};
use crate::engine::rehearse::{Ask, Refusal, Rehearsal, Unscripted};
use crate::engine::time::Timestamp;
use crate::engine::tool::Catalogue;
use crate::engine::workflow::Workflow;

/// Moves that can be taken back.
const EARLIER_MAX: usize = 30;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Move {
    Begin {
        workflow: Box<Workflow>,
        given: Box<Given>,
        tools: Unscripted,
    },
    /// An answer to what the step asks now; later if it takes time.
    Say {
        step: StepPath,
        answer: Answer,
    },
    /// What the step says whenever it is asked from now on; no answers take back what was chosen.
    Choose {
        step: StepPath,
        answers: Option<Answers>,
    },
    /// Something is done to the run, now: when it says that it is done does not matter.
    Act(Act),
    Tools {
        tools: Unscripted,
    },
    /// The next thing that is due happens.
    Next,
    /// Until somebody is asked who has no answer ready.
    UntilAsked,
    ToTheEnd,
    JumpBy {
        ms: u64,
    },
    TakeBack,
    /// What was done so far as a test case of this name.
    Keep {
        name: String,
    },
}

/// What a move has led to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scene {
    /// The log begins anew with these events: a rehearsal has begun, or a move was taken back. Without it they are
    /// further ones.
    pub begun: Option<Outline>,
    pub events: Vec<Recorded>,
    /// All questions that are open, in the order in which they were asked.
    pub asks: Vec<Ask>,
    /// Milliseconds since the start.
    pub elapsed_ms: u64,
    pub now: Option<Timestamp>,
    /// When something is due next, as `elapsed_ms`.
    pub next_at_ms: Option<u64>,
    pub can_take_back: bool,
    /// Why the move was not made, or only in part.
    pub refused: Option<String>,
    /// The answer to `Keep`.
    pub case: Option<Box<Case>>,
}

#[derive(Default)]
pub struct Stage {
    now: Option<Rehearsal>,
    earlier: Vec<Rehearsal>,
    /// Events that the page has.
    told: usize,
}

impl Stage {
    /// Makes the move. `goes_on`: then nothing is waited for but answers that nobody has chosen.
    pub fn play(&mut self, made: Move, goes_on: bool, catalogue: &Catalogue) -> Scene {
        let mut scene = Scene::default();
        let before = self.now.clone();
        let heard = before.as_ref().map_or(0, |before| before.refused().len());
        let begins = matches!(made, Move::Begin { .. });
        let takes_back = made == Move::TakeBack;
        let is_kept = !begins && !takes_back;
        let done = self.make(made, catalogue, &mut scene);
        let done = done.and_then(|moves| match &mut self.now {
            Some(rehearsal) if moves && goes_on => rehearsal.run_until_asked(),
            Some(_) | None => Ok(()),
        });
        if let (true, Some(before), Some(now)) = (is_kept, before, &self.now)
            && (before.log().len(), before.elapsed_ms()) != (now.log().len(), now.elapsed_ms())
        {
            if self.earlier.len() == EARLIER_MAX {
                self.earlier.remove(0);
            }
            self.earlier.push(before);
        }
        scene.refused = done.err().map(|refusal| refusal.sentence());
        let is_anew = takes_back || (begins && scene.refused.is_none());
        if let (None, false, Some(now)) = (&scene.refused, is_anew, &self.now)
            && let Some(late) = now.refused().get(heard..).and_then(<[_]>::first)
        {
            scene.refused = Some(late.sentence());
        }
        self.describe(&mut scene, is_anew);
        scene
    }

    /// Whether the run may go on by itself after it.
    fn make(
        &mut self,
        made: Move,
        catalogue: &Catalogue,
        scene: &mut Scene,
    ) -> Result<bool, Refusal> {
        if let Move::Begin {
            workflow,
            given,
            tools,
        } = made
        {
            // What is played goes on to be played when this cannot begin.
            self.now = Some(Rehearsal::begin(&workflow, catalogue, &given, tools)?);
            self.earlier.clear();
            return Ok(true);
        }
        if made == Move::TakeBack {
            self.now = self.earlier.pop().or_else(|| self.now.take());
            return Ok(false);
        }
        let Some(rehearsal) = &mut self.now else {
            return Ok(false);
        };
        match made {
            Move::Say { step, answer } if answer.after_ms == 0 => {
                rehearsal.answer(&step, answer.says)?;
            }
            Move::Say { step, answer } => rehearsal.intend(&step, answer)?,
            Move::Choose { step, answers } => {
                let first = answers
                    .as_ref()
                    .and_then(|all| all.as_slice().first().cloned());
                rehearsal.choose(step.clone(), answers);
                if let Some(answer) = first
                    && rehearsal.open().any(|ask| ask.step == step)
                {
                    rehearsal.intend(&step, answer)?;
                }
            }
            Move::Act(act) => rehearsal.act(act.deed, &act.by, &act.comment)?,
            Move::Tools { tools } => rehearsal.let_tools(tools),
            Move::Next => {
                rehearsal.step_on()?;
                return Ok(false);
            }
            Move::UntilAsked => rehearsal.run_until_asked()?,
            Move::ToTheEnd => rehearsal.run_to_the_end()?,
            Move::JumpBy { ms } => {
                rehearsal.jump_by(ms)?;
                return Ok(false);
            }
            Move::Keep { name } => {
                scene.case = Some(Box::new(rehearsal.as_case(&name)?));
                return Ok(false);
            }
            Move::Begin { .. } | Move::TakeBack => {}
        }
        Ok(true)
    }

    fn describe(&mut self, scene: &mut Scene, is_anew: bool) {
        scene.can_take_back = !self.earlier.is_empty();
        let Some(rehearsal) = &self.now else {
            return;
        };
        let log = rehearsal.log();
        if is_anew {
            scene.begun = Some(rehearsal.plan().outline.as_ref().clone());
            self.told = 0;
        }
        scene.events = log[self.told.min(log.len())..].to_vec();
        self.told = log.len();
        scene.asks = rehearsal.asked().cloned().collect();
        scene.asks.sort_by_key(|ask| ask.number);
        scene.elapsed_ms = rehearsal.elapsed_ms();
        scene.now = Some(rehearsal.now());
        scene.next_at_ms = rehearsal.next_at_ms();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::state::{RunState, RunStatus};
    use crate::engine::tool::{EffectClass, ToolSpec};
    use crate::workbench::{Answer as Told, Ask as Asked, Bench};
    use serde_json::{Value, json};
    use std::sync::Arc;

    /// A page: it sends and hears JSON, and folds what it hears.
    struct Page {
        bench: Bench,
        state: Option<RunState>,
        goes_on: bool,
    }

    impl Page {
        fn new() -> Self {
            let mut page = Self {
                bench: Bench::default(),
                state: None,
                goes_on: true,
            };
            let tool = ToolSpec {
                output_schema: json!({ "properties": { "n": { "const": 5 } } }),
                ..ToolSpec::plain("t.read", EffectClass::Read)
            };
            let catalogue = Catalogue::new([tool]);
            page.send(&Asked::Tools { catalogue });
            page
        }

        fn send(&mut self, ask: &Asked) -> Told {
            let ask = serde_json::to_string(ask).expect("it can be written");
            serde_json::from_str(&self.bench.answer_json(&ask)).expect("it can be read")
        }

        fn play(&mut self, made: Move) -> Scene {
            let goes_on = self.goes_on;
            let Told::Scene(scene) = self.send(&Asked::Rehearse { made, goes_on }) else {
                panic!("not a scene");
            };
            match &scene.begun {
                Some(outline) => {
                    let outline = Arc::new(outline.clone());
                    self.state = Some(RunState::replay(outline, &scene.events));
                }
                None => {
                    for event in &scene.events {
                        self.state.as_mut().expect("it has begun").apply(event);
                    }
                }
            }
            *scene
        }

        fn begin(&mut self, tools: Unscripted) -> Scene {
            let workflow = json!({
                "name": "W",
                "steps": [
                    { "id": "a", "kind": "tool_call", "tool": "t.read", "with": {} },
                    { "id": "ask", "kind": "human_gate", "message": "Well?" },
                ],
                "edges": [{ "from": "a", "to": "ask" }],
            });
            self.play(Move::Begin {
                workflow: Box::new(serde_json::from_value(workflow).expect("a workflow")),
                given: Box::default(),
                tools,
            })
        }

        fn status(&self) -> RunStatus {
            self.state.as_ref().expect("it has begun").status()
        }
    }

    fn says(step: &str, answer: Value) -> Move {
        Move::Say {
            step: StepPath::new(step),
            answer: serde_json::from_value(answer).expect("an answer"),
        }
    }

    fn asking(scene: &Scene) -> Vec<&str> {
        scene.asks.iter().map(|ask| ask.step.as_str()).collect()
    }

    #[test]
    fn a_rehearsal_is_played_move_by_move_and_kept() {
        let mut page = Page::new();
        let scene = page.begin(Unscripted::Wait);
        assert_eq!(asking(&scene), ["a"]);
        let scene = page.play(says("a", json!({ "returns": { "n": 1 } })));
        assert_eq!(
            (asking(&scene), page.status()),
            (vec!["ask"], RunStatus::Waiting)
        );
        page.play(says("ask", json!({ "decision": "approve", "by": "ann" })));
        assert_eq!(page.status(), RunStatus::Completed);
        let kept = page.play(Move::Keep {
            name: "well".to_owned(),
        });
        let case = kept.case.expect("a case");
        assert_eq!(case.expect.state, Some(RunStatus::Completed));
        assert_eq!(
            page.status(),
            RunStatus::Completed,
            "keeping it changes nothing"
        );
    }

    #[test]
    fn a_move_that_is_taken_back_can_be_made_otherwise() {
        let mut page = Page::new();
        page.begin(Unscripted::Wait);
        page.play(says("a", json!({ "returns": {} })));
        page.play(says("ask", json!({ "decision": "approve", "by": "ann" })));
        let scene = page.play(Move::TakeBack);
        assert_eq!(
            (asking(&scene), page.status()),
            (vec!["ask"], RunStatus::Waiting)
        );
        page.play(says("ask", json!({ "decision": "reject", "by": "ann" })));
        assert_eq!(page.status(), RunStatus::Failed);
        for _ in 0..9 {
            page.play(Move::TakeBack);
        }
        let scene = page.play(Move::TakeBack);
        assert_eq!((asking(&scene), scene.can_take_back), (vec!["a"], false));
    }

    #[test]
    fn tools_answer_by_themselves_once_they_are_let() {
        let mut page = Page::new();
        assert_eq!(asking(&page.begin(Unscripted::Wait)), ["a"]);
        let tools = Unscripted::Example { after_ms: 1_000 };
        let scene = page.play(Move::Tools { tools });
        assert_eq!((asking(&scene), scene.elapsed_ms), (vec!["ask"], 1_000));
        let state = page.state.as_ref().expect("it has begun");
        let output = state
            .step(&StepPath::new("a"))
            .and_then(|step| step.output.clone());
        assert_eq!(output, Some(json!({ "n": 5 })));
    }

    #[test]
    fn nothing_goes_on_by_itself_unless_it_is_let() {
        let mut page = Page::new();
        page.goes_on = false;
        page.begin(Unscripted::Example { after_ms: 1_000 });
        let scene = page.play(Move::JumpBy { ms: 999 });
        assert_eq!((asking(&scene), scene.next_at_ms), (vec!["a"], Some(1_000)));
        let scene = page.play(Move::Next);
        assert_eq!(asking(&scene), ["ask"]);
    }

    #[test]
    fn an_answer_that_is_refused_when_it_comes_is_told_of() {
        let mut page = Page::new();
        let workflow = json!({
            "name": "W",
            "steps": [{ "id": "ask", "kind": "human_gate", "message": "Well?", "approvers": ["ann"] }],
        });
        page.play(Move::Begin {
            workflow: Box::new(serde_json::from_value(workflow).expect("a workflow")),
            given: Box::default(),
            tools: Unscripted::Wait,
        });
        let late = json!({ "decision": "approve", "by": "bob", "after_ms": 5_000 });
        let scene = page.play(says("ask", late));
        let why = scene.refused.unwrap_or_default();
        assert!(why.contains("`ask` was refused"), "{why}");
        assert_eq!(page.status(), RunStatus::Waiting);
    }

    #[test]
    fn what_cannot_be_done_is_refused_and_the_run_stays() {
        let mut page = Page::new();
        let scene = page.play(Move::Next);
        assert_eq!(
            (scene.refused, scene.begun),
            (None, None),
            "nothing is played yet"
        );
        page.begin(Unscripted::Wait);
        let scene = page.play(says("ask", json!({ "decision": "approve", "by": "ann" })));
        assert_eq!(
            scene.refused.as_deref(),
            Some("`ask` does not ask anything now.")
        );
        assert_eq!(asking(&scene), ["a"]);
        let broken = Move::Begin {
            workflow: Box::default(),
            given: Box::default(),
            tools: Unscripted::Wait,
        };
        let scene = page.play(broken);
        let why = scene.refused.clone().unwrap_or_default();
        assert!(why.contains("does not compile"), "{why}");
        let still = (scene.begun.is_none(), asking(&scene));
        assert_eq!(still, (true, vec!["a"]), "what is played goes on");
    }
}
