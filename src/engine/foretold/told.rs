//! What is foretold, as data and in sentences.

use crate::engine::state::RunState;

/// Names of steps that are told before the rest is counted.
const NAMED_MAX: usize = 3;

/// What an act would do with steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Goes on to its end while nothing else starts.
    RunsOn,
    /// Was held, and is taken up again.
    TakenUp,
    Stopped,
    /// Will not be done any more.
    Ended,
    /// Will not be done any more, and nobody will know whether it took effect.
    InDoubt,
    Again,
    /// Had not begun when the run ended.
    Begun,
    /// Somebody has to say first whether it took place.
    Asked,
    /// Changed something outside, and would do so once more.
    Twice,
    /// The run goes on there.
    Next,
    /// The run goes on there if a condition says so.
    Perhaps,
    /// What it did may be undone, if its workflow says so.
    PerhapsUndone,
}

impl Fate {
    fn label(self) -> &'static str {
        match self {
            Fate::RunsOn => "Goes on to its end",
            Fate::TakenUp => "Taken up again",
            Fate::Stopped => "Told to stop",
            Fate::Ended => "Not done any more",
            Fate::InDoubt => "Will stay unknown whether it took effect",
            Fate::Again => "Done again",
            Fate::Begun => "Not begun yet, and next in turn",
            Fate::Asked => "You are asked first whether it took place",
            Fate::Twice => "Already took place, and would take place again",
            Fate::Next => "The run goes on with",
            Fate::Perhaps => "It may go on with",
            Fate::PerhapsUndone => "What has been done may be undone",
        }
    }
}

/// What an act would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Foretold {
    /// Sentences before and behind those of the steps; may be empty.
    pub first: String,
    pub steps: Vec<(Fate, Vec<usize>)>,
    pub last: String,
}

impl Foretold {
    pub(super) fn of(steps: Vec<(Fate, Vec<usize>)>, last: &str) -> Self {
        Self {
            first: String::new(),
            steps,
            last: last.to_owned(),
        }
    }

    /// The steps of that fate, in the run's order.
    pub fn of_fate(&self, fate: Fate) -> &[usize] {
        let found = self.steps.iter().find(|(of, _)| *of == fate);
        found.map_or(&[], |(_, steps)| steps)
    }

    /// All of it in sentences.
    pub fn text(&self, state: &RunState) -> String {
        let mut text = self.first.clone();
        let mut add = |sentence: &str| {
            if !text.is_empty() && !sentence.is_empty() {
                text.push(' ');
            }
            text.push_str(sentence);
        };
        for (fate, steps) in &self.steps {
            if !steps.is_empty() {
                add(&format!("{}: {}.", fate.label(), named(state, steps)));
            }
        }
        add(&self.last);
        text
    }
}

/// `“a”, “b” (3 times) and 2 more`.
pub(super) fn named(state: &RunState, steps: &[usize]) -> String {
    let mut names: Vec<(&str, usize)> = Vec::new();
    let mut left = 0;
    for &step in steps {
        let name = state.name(step);
        match names.iter().position(|(known, _)| *known == name) {
            Some(at) => names[at].1 += 1,
            None if names.len() < NAMED_MAX => names.push((name, 1)),
            None => left += 1,
        }
    }
    let times = |(name, times)| match times {
        1 => format!("“{name}”"),
        times => format!("“{name}” ({times} times)"),
    };
    let names: Vec<String> = names.into_iter().map(times).collect();
    match left {
        0 => names.join(", "),
        left => format!("{} and {left} more", names.join(", ")),
    }
}
