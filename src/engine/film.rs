//! A run's log with every moment of it at hand: what the run was after any event, asked of nobody. States are kept at
//! some events along the way (keyframes), and what lies between is folded from the one before.

use std::sync::Arc;

use super::event::Recorded;
use super::plan::Outline;
use super::state::RunState;

/// When there are more keyframes, every second one goes: so they stay evenly apart, and few, while the log grows.
const KEYFRAMES_MAX: usize = 64;
/// Events between two keyframes of a short log.
const SPACING: usize = 256;
/// Over so many events it is cheaper to go on from a state than to take another.
const FEW: u32 = 64;

#[derive(Clone, Debug)]
pub struct Film {
    log: Vec<Recorded>,
    /// The state before the first event, then after every `spacing` events. They share what has not changed between
    /// them.
    keyframes: Vec<RunState>,
    spacing: usize,
    newest: RunState,
}

impl Film {
    /// Of a log from its first event on.
    pub fn new(outline: Arc<Outline>, log: Vec<Recorded>) -> Self {
        let beginning = RunState::new(outline);
        let mut film = Self {
            log: Vec::new(),
            keyframes: vec![beginning.clone()],
            spacing: SPACING,
            newest: beginning,
        };
        film.append(log);
        film
    }

    pub fn log(&self) -> &[Recorded] {
        &self.log
    }

    /// The event with this number.
    pub fn event(&self, seq: u32) -> Option<&Recorded> {
        self.log.get((seq as usize).checked_sub(1)?)
    }

    /// The run as it is.
    pub fn newest(&self) -> &RunState {
        &self.newest
    }

    /// Takes what is new of these events, which are in order. False if some are missing before them: then it takes none.
    pub fn take(&mut self, mut events: Vec<Recorded>) -> bool {
        events.retain(|event| event.seq > self.newest.seq);
        if events
            .first()
            .is_some_and(|first| first.seq != self.newest.seq + 1)
        {
            return false;
        }
        self.append(events);
        true
    }

    fn append(&mut self, events: Vec<Recorded>) {
        for event in events {
            self.newest.apply(&event);
            self.log.push(event);
            if self.log.len().is_multiple_of(self.spacing) {
                self.keep();
            }
        }
    }

    fn keep(&mut self) {
        self.keyframes.push(self.newest.clone());
        if self.keyframes.len() > KEYFRAMES_MAX {
            let all = std::mem::take(&mut self.keyframes);
            self.keyframes = all.into_iter().step_by(2).collect();
            self.spacing *= 2;
        }
    }

    /// Moves a state of this run to the moment after event `seq`: 0 is before the first, and what has not happened yet
    /// is now. Forwards over few events it goes on from where it is.
    pub fn turn(&self, state: &mut RunState, seq: u32) {
        let seq = seq.min(self.newest.seq);
        let is_near = state.seq <= seq && seq - state.seq <= FEW;
        if seq == self.newest.seq && !is_near {
            self.newest.clone_into(state);
            return;
        }
        let keyframe = &self.keyframes[seq as usize / self.spacing];
        if state.seq > seq || (state.seq < keyframe.seq && !is_near) {
            keyframe.clone_into(state);
        }
        for event in &self.log[state.seq as usize..seq as usize] {
            state.apply(event);
        }
    }

    /// The run as it was after event `seq`.
    pub fn at(&self, seq: u32) -> RunState {
        let mut state = self.keyframes[0].clone();
        self.turn(&mut state, seq);
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::Event;
    use crate::engine::time::Timestamp;

    const OUTLINE: &str = include_str!("golden/bodies.outline.json");
    const LOG: &str = include_str!("golden/bodies.log.jsonl");

    fn recorded() -> (Arc<Outline>, Vec<Recorded>) {
        let outline: Outline = serde_json::from_str(OUTLINE).expect("an outline");
        let events = LOG.lines();
        let events = events.map(|line| serde_json::from_str(line).expect("an event"));
        (Arc::new(outline), events.collect())
    }

    /// The recorded log, made long by somebody who pauses and resumes.
    fn long(events: u32) -> (Arc<Outline>, Vec<Recorded>) {
        let (outline, mut log) = recorded();
        log.retain(|event| event.event.kind() != "run_finished");
        let begun = u32::try_from(log.len()).expect("few events");
        log.extend((begun + 1..=events).map(|seq| {
            let (actor, comment) = ("local".to_owned(), seq.to_string());
            let event = match seq.is_multiple_of(2) {
                true => Event::RunPaused { actor, comment },
                false => Event::RunResumed { actor, comment },
            };
            let at = Timestamp::from_micros(i64::from(seq));
            Recorded { seq, at, event }
        }));
        (outline, log)
    }

    #[test]
    fn every_moment_is_what_the_log_says_in_whichever_order_they_are_seen() {
        let (outline, log) = recorded();
        let film = Film::new(Arc::clone(&outline), log.clone());
        let moments: Vec<RunState> = (0..=log.len())
            .map(|events| RunState::replay(Arc::clone(&outline), &log[..events]))
            .collect();
        let mut shown = film.newest().clone();
        let last = u32::try_from(log.len()).expect("few events");
        let forth_and_back = (0..=last).chain((0..=last).rev());
        let jumping = (0..=last).map(|seq| seq * 7 % (last + 1));
        for seq in forth_and_back.chain(jumping) {
            film.turn(&mut shown, seq);
            assert_eq!(shown, moments[seq as usize], "after event {seq}");
            assert_eq!(film.at(seq), moments[seq as usize], "after event {seq}");
        }
        assert_eq!(film.at(last + 9), moments[log.len()]);
    }

    #[test]
    fn a_long_log_keeps_few_keyframes_and_every_moment() {
        let (outline, log) = long(40_000);
        let mut film = Film::new(Arc::clone(&outline), Vec::new());
        for some in log.chunks(33) {
            assert!(film.take(some.to_vec()));
        }
        assert!(
            film.keyframes.len() <= KEYFRAMES_MAX,
            "{}",
            film.keyframes.len()
        );
        assert!(film.spacing * KEYFRAMES_MAX >= log.len());
        for (number, keyframe) in film.keyframes.iter().enumerate() {
            assert_eq!(keyframe.seq as usize, number * film.spacing);
        }
        for seq in [0, 1, 255, 256, 257, 1_023, 1_024, 20_001, 39_999, 40_000] {
            let folded = RunState::replay(Arc::clone(&outline), &log[..seq]);
            assert_eq!(film.at(u32::try_from(seq).expect("few")), folded, "{seq}");
        }
    }

    #[test]
    fn each_event_is_taken_once_and_a_gap_is_told() {
        let (outline, log) = recorded();
        let mut film = Film::new(outline, log[..2].to_vec());
        assert!(!film.take(log[3..5].to_vec()), "event 3 is missing");
        assert_eq!(film.log().len(), 2);
        assert!(film.take(log[1..5].to_vec()));
        assert!(film.take(log[..5].to_vec()), "nothing new is no gap");
        assert_eq!(film.log(), &log[..5]);
        assert_eq!(film.newest().seq, 5);
        assert_eq!(film.event(5), Some(&log[4]));
        assert_eq!((film.event(0), film.event(6)), (None, None));
    }
}
