//! Everything around the engine that may go wrong: tools, people, the clock, the process.

use serde_json::json;

use super::chance::Chance;
use super::foretold::check_foretold;
use super::invariants;
use crate::engine::bounds::tests::nested;
use crate::engine::command::{Command, Rejection, Report, Turn};
use crate::engine::decide::{advance, decide};
use crate::engine::event::{Decision, EndState, Performer, Recorded, Resolution};
use crate::engine::failure::StepError;
use crate::engine::ids::StepPath;
use crate::engine::limits::VALUE_DEPTH_MAX;
use crate::engine::plan::Plan;
use crate::engine::state::{End, RunState, StepStatus};
use crate::engine::time::{Moment, Timestamp};

/// Turns within which a run must end once everything answers.
const HEALING_TURNS_MAX: usize = 2_000;

pub(super) struct World {
    pub plan: Plan,
    pub state: RunState,
    pub log: Vec<Recorded>,
    now: Timestamp,
    draws: u64,
    /// What happens is printed, for whoever replays a case.
    tells: bool,
}

impl World {
    pub(super) fn new(plan: Plan, tells: bool) -> Self {
        let state = RunState::new(std::sync::Arc::clone(&plan.outline));
        Self {
            plan,
            state,
            log: Vec::new(),
            now: Timestamp::from_micros(1_000_000),
            draws: 0,
            tells,
        }
    }

    pub(super) fn start(&mut self) {
        if self.tells {
            println!("{:#?}", self.plan);
        }
        let input = json!({ "yes": true });
        self.submit(Command::start(input, "tester"))
            .expect("a new run starts");
    }

    /// Decides, applies, and checks every promise.
    fn submit(&mut self, command: Command) -> Result<Turn, Rejection> {
        self.draws += 1;
        let moment = Moment {
            now: self.now,
            entropy: self.draws.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        };
        let before = self.state.clone();
        let pure = decide(&self.plan, &before, command.clone(), moment);
        let moved = advance(&self.plan, &mut self.state, command.clone(), moment);
        if self.tells {
            println!("{} {command:?}\n  → {moved:?}", self.now);
        }
        assert_eq!(pure, moved, "deciding twice gives the same");
        check_foretold(&before, &command, &moved);
        match &moved {
            Ok(turn) => {
                let events = turn.events.iter().cloned().zip(before.seq + 1..);
                let recorded: Vec<Recorded> = events
                    .map(|(event, seq)| Recorded {
                        seq,
                        at: self.now,
                        event,
                    })
                    .collect();
                self.log.extend(recorded);
                invariants::check_turn(&self.plan, &before, &self.state, turn);
                invariants::check_command(&command, &before, turn, self.now);
                invariants::check_log(&self.plan, &self.state, &self.log);
                // Writing it down takes longer than the turn.
                if self.draws.is_multiple_of(4) {
                    invariants::check_snapshot(&self.state);
                }
            }
            Err(_) => assert_eq!(self.state, before, "a rejected command changes nothing"),
        }
        moved
    }

    /// One thing happens.
    pub(super) fn act(&mut self, chance: &mut Chance) {
        match chance.below(100) {
            0..50 => self.tool_says_something(chance),
            50..62 => self.somebody_answers(chance),
            62..67 => self.somebody_resolves(chance),
            67..82 => self.time_passes(chance),
            82..87 => self.a_late_result_arrives(chance),
            87..92 => self.a_turn_comes(chance),
            92..95 => self.somebody_holds_or_lets_go(),
            95..98 => self.somebody_skips(chance),
            _ => {
                let _ = self.submit(Command::Cancel {
                    actor: "ann".to_owned(),
                    comment: String::new(),
                });
            }
        }
    }

    fn tool_says_something(&mut self, chance: &mut Chance) {
        let running = self.running();
        let Some((step, attempt, by)) = chance.pick(&running).cloned() else {
            return;
        };
        if by != Performer::Tool {
            return self.somebody_elsewhere_says_something(chance, step, by);
        }
        let command = match chance.below(100) {
            0..4 => Command::AttemptSucceeded {
                step,
                attempt,
                output: nested(VALUE_DEPTH_MAX + 1),
            },
            4..50 => Command::AttemptSucceeded {
                step,
                attempt,
                output: json!({ "ok": attempt }),
            },
            50..72 => {
                let code = if chance.percent(80) { "busy" } else { "final" };
                Command::AttemptFailed {
                    step,
                    attempt,
                    error: StepError::new(code, "it failed"),
                }
            }
            72..79 => Command::AttemptUnknown {
                step,
                attempt,
                message: "cut off".to_owned(),
            },
            79..88 => Command::AttemptLost { step, attempt },
            88..92 => Command::AttemptStopped { step, attempt },
            _ => Command::AttemptProgressed {
                step,
                attempt,
                percent: u8::try_from(chance.below(120)).expect("small"),
                doing: "x".to_owned(),
            },
        };
        self.submit(command).expect("a running attempt is heard");
    }

    fn somebody_elsewhere_says_something(
        &mut self,
        chance: &mut Chance,
        step: StepPath,
        by: Performer,
    ) {
        let command = match by {
            Performer::Run { run_id } => {
                let state = match chance.below(10) {
                    0..6 => EndState::Completed,
                    6..9 => EndState::Failed,
                    _ => EndState::Cancelled,
                };
                let end = End {
                    state,
                    reason: None,
                    message: None,
                    output: json!("done elsewhere"),
                };
                Command::RunEnded { step, run_id, end }
            }
            Performer::Outside | Performer::Tool => {
                let report = match chance.below(10) {
                    0..6 => Report::Succeeded { output: json!(1) },
                    6..8 => Report::Failed {
                        error: StepError::new("busy", "it failed"),
                    },
                    _ => Report::Progressed {
                        percent: 40,
                        doing: "x".to_owned(),
                    },
                };
                Command::Report { step, report }
            }
        };
        self.submit(command).expect("it is waited for");
    }

    /// There is room: for something that asked for it, or for something that did not.
    fn a_turn_comes(&mut self, chance: &mut Chance) {
        let queued: Vec<usize> = self.state.queued_steps().collect();
        let step = match chance.pick(&queued) {
            Some(&step) if !self.state.queued => Some(self.state.path(step)),
            Some(_) | None => None,
        };
        self.submit(Command::Admit { step })
            .expect("being admitted is never refused while the run goes on");
    }

    fn somebody_holds_or_lets_go(&mut self) {
        let (actor, comment) = ("ann".to_owned(), String::new());
        let _ = match self.state.paused {
            Some(_) => self.submit(Command::Resume { actor, comment }),
            None => self.submit(Command::Pause { actor, comment }),
        };
    }

    pub(super) fn somebody_skips(&mut self, chance: &mut Chance) {
        let step = self.state.path(chance.below(self.state.steps.len()));
        let _ = self.submit(Command::Skip {
            step,
            actor: "ann".to_owned(),
            comment: "not needed".to_owned(),
        });
    }

    /// A failed run goes on, if it may. Answers whether it does.
    pub(super) fn retry(&mut self) -> bool {
        let (actor, comment) = ("ann".to_owned(), String::new());
        self.submit(Command::Retry { actor, comment }).is_ok()
    }

    fn somebody_answers(&mut self, chance: &mut Chance) {
        let gates: Vec<_> = self
            .state
            .steps
            .iter()
            .filter_map(|step| step.gate.clone())
            .collect();
        let Some(gate) = chance.pick(&gates) else {
            return;
        };
        let decision = if chance.percent(65) {
            Decision::Approve
        } else {
            Decision::Reject
        };
        let right = chance.percent(90);
        let plan_hash = if right {
            gate.plan_hash.clone()
        } else {
            "another".to_owned()
        };
        let command = Command::Decide {
            gate: gate.id.clone(),
            decision,
            actor: format!("voter {}", chance.below(3)),
            comment: String::new(),
            plan_hash: Some(plan_hash),
        };
        let verdict = self.submit(command);
        assert!(
            right || verdict.is_err(),
            "a decision on something else than was shown is refused"
        );
    }

    fn somebody_resolves(&mut self, chance: &mut Chance) {
        let Some(step) = self.first(StepStatus::OutcomeUnknown) else {
            return;
        };
        let choices = [Resolution::Happened, Resolution::DidNot, Resolution::Retry];
        let resolution = choices[chance.below(choices.len())];
        let _ = self.submit(Command::ResolveOutcome {
            step,
            resolution,
            actor: "ann".to_owned(),
            comment: String::new(),
        });
    }

    /// Wakes early, exactly in time, or late.
    fn time_passes(&mut self, chance: &mut Chance) {
        match (chance.below(3), self.state.wake_at()) {
            (0, Some(due)) if due > self.now => self.now = due,
            (1, Some(due)) if due > self.now => self.now = due.plus_ms(1_000),
            _ => self.now = self.now.plus_ms(chance.below(50) as u64),
        }
        self.submit(Command::Wake)
            .expect("waking is always allowed");
    }

    fn a_late_result_arrives(&mut self, chance: &mut Chance) {
        let step = chance.below(self.state.steps.len());
        let attempt = u32::try_from(chance.below(4)).expect("small");
        let id = self.state.path(step);
        let running = self.state.steps[step]
            .running_attempt()
            .is_some_and(|running| running.number == attempt);
        let verdict = self.submit(Command::AttemptSucceeded {
            step: id,
            attempt,
            output: json!("late"),
        });
        assert_eq!(
            verdict.is_ok(),
            running,
            "only the running attempt is heard"
        );
    }

    /// Everything answers from now on: the run must end.
    pub(super) fn heal(&mut self) {
        for _ in 0..HEALING_TURNS_MAX {
            if self.state.end.is_some() {
                return;
            }
            if self.state.paused.is_some() {
                self.somebody_holds_or_lets_go();
            } else if self.state.queued {
                self.submit(Command::Admit { step: None })
                    .expect("it waits for its turn");
            } else if let Some((step, attempt, by)) = self.running().first().cloned() {
                let output = json!({ "healed": true, "ok": attempt + 2 });
                let command = match by {
                    Performer::Run { run_id } => {
                        let end = End {
                            state: EndState::Completed,
                            reason: None,
                            message: None,
                            output,
                        };
                        Command::RunEnded { step, run_id, end }
                    }
                    Performer::Outside | Performer::Tool => Command::AttemptSucceeded {
                        step,
                        attempt,
                        output,
                    },
                };
                self.submit(command).expect("it runs");
            } else if let Some(step) = self.asking() {
                let step = Some(step);
                self.submit(Command::Admit { step })
                    .expect("it waits for its turn");
            } else if let Some(step) = self.first(StepStatus::OutcomeUnknown) {
                let resolution = Resolution::Happened;
                self.submit(Command::ResolveOutcome {
                    step,
                    resolution,
                    actor: "ann".to_owned(),
                    comment: String::new(),
                })
                .expect("it waits");
            } else if let Some(step) = self.first(StepStatus::WaitingForApproval) {
                self.answer_or_expire(&step);
            } else {
                let due = self
                    .state
                    .wake_at()
                    .expect("a run that waits for nobody has a timer");
                self.now = self.now.max(due);
                self.submit(Command::Wake)
                    .expect("waking is always allowed");
            }
        }
        panic!("the run is stuck: {:#?}", self.state);
    }

    fn answer_or_expire(&mut self, step: &StepPath) {
        let gate = self
            .state
            .step(step)
            .and_then(|step| step.gate.clone())
            .expect("a waiting gate");
        let overdue = gate.deadline.is_some_and(|deadline| deadline <= self.now);
        let command = if overdue {
            Command::Wake
        } else {
            Command::Decide {
                gate: gate.id,
                decision: Decision::Approve,
                actor: "ann".to_owned(),
                comment: String::new(),
                plan_hash: Some(gate.plan_hash),
            }
        };
        self.submit(command).expect("it waits for this");
    }

    /// An ended run hears nothing any more.
    pub(super) fn after_the_end(&mut self, chance: &mut Chance) {
        let ended = self.state.clone();
        for _ in 0..5 {
            let step = chance.below(self.state.steps.len());
            let id = self.state.path(step);
            let late = Command::AttemptSucceeded {
                step: id,
                attempt: 1,
                output: json!("late"),
            };
            assert!(self.submit(late).is_err(), "a late result is refused");
            assert!(
                self.submit(Command::Cancel {
                    actor: "ann".to_owned(),
                    comment: String::new()
                })
                .is_err()
            );
            self.now = self.now.plus_ms(100_000);
            assert_eq!(
                self.submit(Command::Wake).map(|turn| turn.events.len()),
                Ok(0),
                "a stale timer is inert"
            );
        }
        assert_eq!(self.state, ended);
    }

    /// The kinds of events there were, and how it ended.
    pub(super) fn seen(&self) -> Vec<&'static str> {
        let mut seen: std::collections::BTreeSet<&'static str> = self
            .log
            .iter()
            .map(|recorded| recorded.event.kind())
            .collect();
        seen.insert(self.state.status().as_str());
        seen.extend(
            self.state
                .end
                .as_ref()
                .and_then(|end| end.reason)
                .map(|reason| reason.as_str()),
        );
        seen.into_iter().collect()
    }

    fn asking(&self) -> Option<StepPath> {
        let mut queued = self.state.queued_steps();
        let asking = queued.find(|&step| self.state.steps[step].waits_for.is_some())?;
        Some(self.state.path(asking))
    }

    fn running(&self) -> Vec<(StepPath, u32, Performer)> {
        let steps = self.state.steps.iter().enumerate();
        steps
            .filter_map(|(at, step)| {
                let attempt = step.running_attempt()?;
                Some((self.state.path(at), attempt.number, attempt.by.clone()))
            })
            .collect()
    }

    fn first(&self, status: StepStatus) -> Option<StepPath> {
        let at = self
            .state
            .steps
            .iter()
            .position(|step| step.status == status)?;
        Some(self.state.path(at))
    }
}
