//! The virtual clock of a rehearsal: what is due next, and how time is moved there.

use super::case::Act;
use super::{Refusal, Refused, Rehearsal};
use crate::engine::command::Command;
use crate::engine::ids::StepPath;

/// What happens when its time has come, in the order in which it does at one moment.
enum Due {
    Act,
    Answer(StepPath),
    Timer,
}

impl Rehearsal {
    /// When something is due next, in milliseconds from the start: an act or an answer that is on its way, a retry, the
    /// end of a wait, a deadline. `None`: nothing happens any more unless somebody does something.
    pub fn next_at_ms(&self) -> Option<u64> {
        self.next_due().map(|(at_ms, _)| at_ms)
    }

    /// The one next thing happens. False if there is none.
    pub fn step_on(&mut self) -> Result<bool, Refusal> {
        self.happen(u64::MAX)
    }

    /// Moves the clock on; whatever is due on the way happens in its order.
    pub fn jump_by(&mut self, ms: u64) -> Result<(), Refusal> {
        self.jump_to_ms(self.elapsed_ms.saturating_add(ms))
    }

    /// As `jump_by`, to so many milliseconds from the start.
    pub fn jump_to_ms(&mut self, until_ms: u64) -> Result<(), Refusal> {
        while self.happen(until_ms)? {}
        self.elapsed_ms = self.elapsed_ms.max(until_ms);
        Ok(())
    }

    /// To the next moment at which something is due; everything that is due then happens. False if there is none.
    pub fn jump_to_next(&mut self) -> Result<bool, Refusal> {
        match self.next_at_ms() {
            Some(at_ms) => self.jump_to_ms(at_ms).map(|()| true),
            None => Ok(false),
        }
    }

    /// Goes on by itself until somebody is asked who has no answer ready, or nothing happens any more.
    pub fn run_until_asked(&mut self) -> Result<(), Refusal> {
        while let Some(at_ms) = self.next_at_ms() {
            // What else is due at this moment still happens, so that all open questions are there.
            if at_ms > self.elapsed_ms && self.open().next().is_some() {
                return Ok(());
            }
            self.happen(at_ms)?;
        }
        Ok(())
    }

    /// Goes on until nothing happens any more. Questions to which nobody has an answer run out of time, if they can.
    pub fn run_to_the_end(&mut self) -> Result<(), Refusal> {
        while self.happen(u64::MAX)? {}
        Ok(())
    }

    /// To the beginning of that millisecond: what the script does to the run then has been done, and nothing else.
    pub(super) fn jump_to_brink(&mut self, at_ms: u64) -> Result<(), Refusal> {
        self.jump_to_ms(at_ms.saturating_sub(1))?;
        self.elapsed_ms = self.elapsed_ms.max(at_ms);
        while self.acts.front().is_some_and(|act| act.after_ms <= at_ms) {
            self.happen(at_ms)?;
        }
        Ok(())
    }

    /// The next thing happens, if it is due by then.
    fn happen(&mut self, until_ms: u64) -> Result<bool, Refusal> {
        let Some((at_ms, due)) = self.next_due().filter(|(at_ms, _)| *at_ms <= until_ms) else {
            return Ok(false);
        };
        self.check_length()?;
        self.elapsed_ms = at_ms;
        match due {
            Due::Act => {
                if let Some(act) = self.acts.pop_front() {
                    self.perform_scripted(act);
                }
            }
            Due::Answer(step) => self.deliver(&step),
            // Never refused: what is not due is left alone.
            Due::Timer => {
                let _ = self.submit(Command::Wake);
            }
        }
        Ok(true)
    }

    fn perform_scripted(&mut self, act: Act) {
        let (word, after_ms, step) = (act.deed.as_str(), self.elapsed_ms, act.deed.step().cloned());
        let act = Act { after_ms, ..act };
        if let Err(rejection) = self.perform(act) {
            self.refused.push(Refused {
                step,
                word,
                after_ms,
                rejection,
            });
        }
    }

    fn next_due(&self) -> Option<(u64, Due)> {
        let act = self.acts.front().map(|act| (act.after_ms, Due::Act));
        let answer = self.due.first();
        let answer = answer.map(|(at_ms, _, step)| (*at_ms, Due::Answer(step.clone())));
        let timer = self.state.wake_at().map(|at| {
            // Timers that lie between two milliseconds fire at the second.
            let us = at.as_micros().saturating_sub(self.begins_at.as_micros());
            let at_ms = u64::try_from(us).unwrap_or(0).div_ceil(1_000);
            (at_ms, Due::Timer)
        });
        // The first of those that are due earliest.
        [act, answer, timer]
            .into_iter()
            .flatten()
            .map(|(at_ms, due)| (at_ms.max(self.elapsed_ms), due))
            .reduce(|first, other| if other.0 < first.0 { other } else { first })
    }
}
