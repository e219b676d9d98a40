//! People and programs that ask things of the process: they start, answer, hold, skip, retry, report and begin again,
//! rightly and wrongly, alone and many at once.

use serde_json::json;
use std::collections::BTreeMap;

use super::Simulation;
use super::world::Ask;
use crate::driver::launch::Launch;
use crate::engine::command::{Command, Report};
use crate::engine::event::{Decision, Origin, Resolution};
use crate::engine::failure::StepError;
use crate::engine::fork;
use crate::engine::ids::{GateId, RunId, StepPath};
use crate::engine::state::StepStatus;

impl Simulation {
    fn mark(&mut self) -> String {
        self.asks += 1;
        format!("ann {}", self.asks)
    }

    /// Asks whoever holds the store, or now and then a process that has been replaced and does not know it.
    fn ask(&mut self, what: &'static str, run_id: &RunId, make: impl FnOnce(String) -> Command) {
        let mark = self.mark();
        let ask = Ask {
            run_id: run_id.clone(),
            what,
            mark: mark.clone(),
        };
        let command = make(mark);
        let asked_old = self.chance.percent(30);
        let process = match &self.replaced {
            Some(old) if asked_old => old,
            Some(_) | None => &self.process,
        };
        self.ledger
            .tell(|| format!("  asks {} {command:?}", process.fate.epoch));
        process.ask(ask, command);
    }

    fn some_run(&mut self, ended: bool) -> Option<RunId> {
        let books = self.ledger.books.iter();
        let runs: Vec<RunId> = books
            .filter(|(_, book)| book.state.end.is_some() == ended)
            .map(|(run_id, _)| run_id.clone())
            .collect();
        self.chance.pick(&runs).cloned()
    }

    fn some_step(&mut self, statuses: &[StepStatus]) -> Option<(RunId, StepPath)> {
        let steps = self.ledger.steps(statuses);
        self.chance.pick(&steps).cloned()
    }

    pub(super) fn somebody_starts(&mut self) {
        if self.started >= super::RUNS_MAX {
            return;
        }
        self.started += 1;
        let at = self.chance.below(self.cards.len());
        let version = self.cards[at].clone();
        // The same key again is the same start, if the same person asks for the same.
        let (key, actor) = match self.chance.below(10) {
            0 => (Some("key".to_owned()), "ann with the key".to_owned()),
            1 => (Some("key".to_owned()), self.mark()),
            _ => (None, self.mark()),
        };
        let launch = Launch {
            version,
            input: json!({ "yes": self.chance.percent(70) }),
            actor: actor.clone(),
            key,
            origin: None,
            kept: BTreeMap::new(),
            run_id: None,
        };
        self.process.launch(launch, actor);
    }

    pub(super) fn somebody_begins_again(&mut self) {
        let ended = self.chance.percent(70);
        let Some(run_id) = self
            .some_run(ended)
            .filter(|_| self.started < super::RUNS_MAX)
        else {
            return;
        };
        self.started += 1;
        let book = &self.ledger.books[&run_id];
        let at = self.chance.below(book.state.steps.len());
        let step = book.state.path(at);
        let forks = self.chance.percent(60);
        let (origin, kept) = if forks {
            let Ok(kept) = fork::kept(&book.state, &step) else {
                return;
            };
            let origin = Origin::Fork {
                run_id: run_id.clone(),
                step,
            };
            (origin, kept)
        } else {
            let origin = Origin::Again {
                run_id: run_id.clone(),
            };
            (origin, BTreeMap::new())
        };
        let same = |card: &&crate::store::VersionCard| card.workflow_id == book.header.workflow_id;
        let versions: Vec<_> = self.cards.iter().filter(same).cloned().collect();
        let input = serde_json::Value::clone(&book.state.input);
        let version = versions[self.chance.below(versions.len())].clone();
        let actor = self.mark();
        self.ledger.meet(if forks { "fork" } else { "run again" });
        let launch = Launch {
            version,
            input,
            actor: actor.clone(),
            key: None,
            origin: Some(origin),
            kept,
            run_id: None,
        };
        self.process.launch(launch, actor);
    }

    /// One person, or several at the same time; some of them look at something that has changed since.
    pub(super) fn people_decide(&mut self) {
        let Some((run_id, step)) = self.some_step(&[StepStatus::WaitingForApproval]) else {
            return;
        };
        let people = if self.chance.percent(25) {
            2 + self.chance.below(4)
        } else {
            1
        };
        for _ in 0..people {
            let right = self.chance.percent(85);
            let decision = if self.chance.percent(75) {
                Decision::Approve
            } else {
                Decision::Reject
            };
            let what = if right {
                "decide"
            } else {
                "decide on something else"
            };
            self.decide(what, &run_id, &step, decision, right);
        }
        // Somebody thinks better of it at once.
        if self.chance.percent(10) {
            self.cancel(&run_id);
        }
    }

    pub(super) fn decide(
        &mut self,
        what: &'static str,
        run_id: &RunId,
        step: &StepPath,
        decision: Decision,
        right: bool,
    ) {
        let run = self.ledger.books[run_id].state.step(step);
        let Some(gate) = run.and_then(|run| run.gate.as_ref()) else {
            return;
        };
        let (gate, hash): (GateId, String) = (gate.id.clone(), gate.plan_hash.clone());
        let plan_hash = if right { hash } else { "another".to_owned() };
        self.ask(what, run_id, |actor| Command::Decide {
            gate,
            decision,
            actor,
            comment: String::new(),
            plan_hash: Some(plan_hash),
        });
    }

    pub(super) fn somebody_resolves(&mut self) {
        if let Some((run_id, step)) = self.some_step(&[StepStatus::OutcomeUnknown]) {
            let choices = [Resolution::Happened, Resolution::DidNot, Resolution::Retry];
            let resolution = choices[self.chance.below(choices.len())];
            self.resolve(&run_id, step, resolution);
        }
    }

    pub(super) fn resolve(&mut self, run_id: &RunId, step: StepPath, resolution: Resolution) {
        self.ask("resolve", run_id, |actor| Command::ResolveOutcome {
            step,
            resolution,
            actor,
            comment: String::new(),
        });
    }

    pub(super) fn somebody_outside_reports(&mut self) {
        let dice = self.chance.below(10);
        if let Some((run_id, step)) = self.some_step(&[StepStatus::WaitingForExternal]) {
            self.report(&run_id, step, dice);
        }
    }

    pub(super) fn report(&mut self, run_id: &RunId, step: StepPath, dice: usize) {
        self.ask("report", run_id, |mark| {
            let report = match dice {
                0..6 => Report::Succeeded {
                    output: json!({ "said": mark }),
                },
                6..8 => Report::Failed {
                    error: StepError::new("busy", mark),
                },
                _ => Report::Progressed {
                    percent: 40,
                    doing: mark,
                },
            };
            Command::Report { step, report }
        });
    }

    pub(super) fn somebody_cancels(&mut self) {
        if let Some(run_id) = self.some_run(false) {
            self.cancel(&run_id);
        }
        // Whoever has been told is not yet everyone who has to be.
        if self.chance.percent(40) {
            let left = 1 + self.chance.below(8);
            self.process.fate.trouble().dies_in = Some(left);
        }
    }

    fn cancel(&mut self, run_id: &RunId) {
        let comment = String::new();
        self.ask("cancel", run_id, |actor| Command::Cancel { actor, comment });
    }

    pub(super) fn somebody_holds_or_lets_go(&mut self) {
        let Some(run_id) = self.some_run(false) else {
            return;
        };
        let is_paused = self.ledger.books[&run_id].state.paused.is_some();
        if is_paused != self.chance.percent(10) {
            self.resume(&run_id);
        } else {
            self.ask("pause", &run_id, |actor| Command::Pause {
                actor,
                comment: String::new(),
            });
        }
    }

    pub(super) fn resume(&mut self, run_id: &RunId) {
        self.ask("resume", run_id, |actor| Command::Resume {
            actor,
            comment: String::new(),
        });
    }

    pub(super) fn somebody_skips(&mut self) {
        let ended = self.chance.percent(20);
        let Some(run_id) = self.some_run(ended) else {
            return;
        };
        let state = &self.ledger.books[&run_id].state;
        let step = state.path(self.chance.below(state.steps.len()));
        self.ask("skip", &run_id, |actor| Command::Skip {
            step,
            actor,
            comment: String::new(),
        });
    }

    pub(super) fn somebody_retries(&mut self) {
        if let Some(run_id) = self.some_run(true) {
            self.ask("retry", &run_id, |actor| Command::Retry {
                actor,
                comment: String::new(),
            });
        }
    }

    /// A tool's answer arrives once more, or after everyone has given it up.
    pub(super) fn an_answer_comes_again(&mut self) {
        let answers = std::mem::take(&mut self.outside.lock().answers);
        if let Some((run_id, command)) = self.chance.pick(&answers).cloned() {
            self.ledger.meet("answer came again");
            self.ledger.tell(|| format!("  again {run_id} {command:?}"));
            self.process.tell(run_id, command);
        }
        self.outside.lock().answers = answers;
    }

    pub(super) fn somebody_wakes_a_run(&mut self) {
        let ended = self.chance.percent(30);
        if let Some(run_id) = self.some_run(ended) {
            self.ledger.meet("wake");
            self.process.tell(run_id, Command::Wake);
        }
    }
}
