//! One turn of a rehearsal: the engine decides, the world is asked what follows, and hears who is told to stop. What the
//! driver does with effects is done here without a process.

use std::collections::VecDeque;

use super::answer::Says;
use super::asked::{asked_in, command_of, key_in, spec_of, stopped};
use super::{Ask, Asked, Intent, Refused, Rehearsal};
use crate::engine::command::{Command, Effect, Rejection};
use crate::engine::decide::{advance, effects_under_way};
use crate::engine::event::Recorded;
use crate::engine::ids::StepPath;
use crate::engine::time::Moment;

impl Rehearsal {
    /// As the driver finds a run again: the calls of the process that is gone are lost, while other runs, somebody
    /// outside and people know of nothing; what asked for room asks again.
    pub(super) fn crash(&mut self) {
        let made_here: Vec<(StepPath, u32)> = self
            .state
            .running()
            .filter_map(|step| {
                let attempt = self.state.steps[step].running_attempt()?;
                let is_lost = attempt.by.is_tool();
                is_lost.then(|| (self.state.path(step), attempt.number))
            })
            .collect();
        let under_way = effects_under_way(&self.plan, &self.state);
        for (step, attempt) in made_here {
            // It may have ended together with another one.
            let _ = self.submit(Command::AttemptLost { step, attempt });
        }
        for effect in under_way {
            if let Effect::AskForRoom { step, .. } = effect {
                let _ = self.submit(Command::Admit { step });
            }
        }
    }

    /// Decides and does what follows at once: there is always room, and whoever is told to stop hears it.
    pub(super) fn submit(&mut self, command: Command) -> Result<(), Rejection> {
        let mut admitted = self.decide(command)?;
        while let Some(step) = admitted.pop_front() {
            if let Ok(more) = self.decide(Command::Admit { step }) {
                admitted.extend(more);
            }
        }
        Ok(())
    }

    /// Answers who has asked for room.
    fn decide(&mut self, command: Command) -> Result<VecDeque<Option<StepPath>>, Rejection> {
        self.turns = self.turns.saturating_add(1);
        let moment = Moment {
            now: self.now(),
            entropy: entropy(self.seed, self.state.seq),
        };
        let before = self.state.seq;
        let turn = advance(&self.plan, &mut self.state, command, moment)?;
        let mut touched: Vec<StepPath> = Vec::new();
        for (event, seq) in turn.events.into_iter().zip(before + 1..) {
            touched.extend(event.step().cloned());
            let at = moment.now;
            self.log.push(Recorded { seq, at, event });
        }
        for step in touched {
            self.look_at(&step);
        }
        let mut asks_for_room = VecDeque::new();
        for effect in turn.effects {
            match effect {
                // The attempt's event has led to the question.
                Effect::CallTool { .. } | Effect::StartRun { .. } => {}
                Effect::Stop { step, attempt } => self.tell_to_stop(&step, attempt),
                Effect::AskForRoom { step, .. } => asks_for_room.push_back(step),
            }
        }
        Ok(asks_for_room)
    }

    /// Takes up what the step asks now, and drops what it asked before.
    fn look_at(&mut self, path: &StepPath) {
        let Some(step) = self.state.find(path) else {
            return;
        };
        let known = self.asked.get(path).map(|ask| ask.what.key());
        if known == key_in(&self.state, step) {
            return;
        }
        if let Some(ask) = self.asked.remove(path)
            && let Intent::Says { due_ms, .. } | Intent::Stops { due_ms } = ask.intent
        {
            self.due.remove(&(due_ms, ask.number, ask.step));
        }
        if let Some(what) = asked_in(&self.plan, &self.state, step) {
            self.ask(path.clone(), self.state.steps[step].shape, what);
        }
    }

    fn ask(&mut self, step: StepPath, shape: usize, what: Asked) {
        let scripted = self
            .script
            .next(&step, |says| what.check(says).is_ok())
            .or_else(|| match &what {
                Asked::Call(call) => {
                    let spec = spec_of(&self.plan, shape)?;
                    self.script.example(spec, &call.input)
                }
                Asked::Run { .. }
                | Asked::Outside { .. }
                | Asked::Gate { .. }
                | Asked::Doubt { .. } => None,
            });
        let number = u32::try_from(self.told.len()).unwrap_or(u32::MAX);
        let intent = match scripted {
            None => Intent::Open,
            Some(answer) if answer.says == Says::Never => Intent::Never,
            Some(answer) => {
                let due_ms = self.elapsed_ms.saturating_add(answer.after_ms);
                self.due.insert((due_ms, number, step.clone()));
                Intent::Says { answer, due_ms }
            }
        };
        self.told.push((step.clone(), None));
        let ask = Ask {
            number,
            step: step.clone(),
            asked_at_ms: self.elapsed_ms,
            what,
            intent,
        };
        self.asked.insert(step, ask);
    }

    /// What changes nothing, or goes on as a run of its own, stops at once. What may be taking effect goes on to its
    /// answer, or to the end of the time that it has for stopping.
    fn tell_to_stop(&mut self, step: &StepPath, attempt: u32) {
        let Some(ask) = self.asked.get_mut(step) else {
            return;
        };
        let stops = match &mut ask.what {
            Asked::Call(call) if call.attempt == attempt => {
                call.told_to_stop = true;
                call.effect.repeatable()
            }
            Asked::Run {
                attempt: number, ..
            } => *number == attempt,
            Asked::Call(_) | Asked::Outside { .. } | Asked::Gate { .. } | Asked::Doubt { .. } => {
                false
            }
        };
        if !stops {
            return;
        }
        let stop = Intent::Stops {
            due_ms: self.elapsed_ms,
        };
        if let Intent::Says { due_ms, .. } = std::mem::replace(&mut ask.intent, stop) {
            self.due.remove(&(due_ms, ask.number, step.clone()));
        }
        self.due.insert((self.elapsed_ms, ask.number, step.clone()));
    }

    /// What is due to this question is said.
    pub(super) fn deliver(&mut self, step: &StepPath) {
        let Some(ask) = self.asked.get_mut(step) else {
            return;
        };
        let (number, asked_at_ms) = (ask.number, ask.asked_at_ms);
        let intent = std::mem::replace(&mut ask.intent, Intent::Open);
        let (command, says) = match intent {
            Intent::Says { answer, due_ms } => {
                self.due.remove(&(due_ms, number, step.clone()));
                let command = self.asked.get(step).and_then(|ask| {
                    let judge = match &ask.what {
                        Asked::Call(call) => self.judge_of(step, &call.input),
                        Asked::Run { .. }
                        | Asked::Outside { .. }
                        | Asked::Gate { .. }
                        | Asked::Doubt { .. } => None,
                    };
                    command_of(step, &ask.what, &answer.says, judge)
                });
                (command, Some(answer.says))
            }
            Intent::Stops { due_ms } => {
                self.due.remove(&(due_ms, number, step.clone()));
                (stopped(step, &ask.what), None)
            }
            Intent::Open | Intent::Never => return,
        };
        let Some(command) = command else { return };
        let verdict = self.submit(command);
        let Some(says) = says else { return };
        let after_ms = self.elapsed_ms - asked_at_ms;
        match verdict {
            Ok(()) => {
                if let Some((_, answer)) = self.told.get_mut(number as usize) {
                    *answer = Some(says.after_ms(after_ms));
                }
            }
            Err(rejection) => self.refused.push(Refused {
                step: Some(step.clone()),
                word: says.word(),
                after_ms,
                rejection,
            }),
        }
    }
}

/// Of the seed and the length of the log, so that the same log draws the same numbers (the finaliser of SplitMix64).
fn entropy(seed: u32, seq: u32) -> u64 {
    let mut bits = (u64::from(seed) << 32 | u64::from(seq)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
