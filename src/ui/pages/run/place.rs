//! Which part of a run is looked at: the view, the step, the moment, the page of a list. All of it stands in the address,
//! so that a place can be sent to somebody, and what leads from one place to another is a link that works without
//! scripting too.

use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_query_map};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::engine::ids::StepPath;
use crate::engine::state::StepStatus;

/// One way of looking at a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    #[default]
    Steps,
    Graph,
    Timeline,
    Events,
    Changes,
}

impl View {
    pub const ALL: [View; 5] = [
        View::Steps,
        View::Graph,
        View::Timeline,
        View::Events,
        View::Changes,
    ];

    /// In the address.
    fn word(self) -> &'static str {
        match self {
            View::Steps => "steps",
            View::Graph => "graph",
            View::Timeline => "timeline",
            View::Events => "events",
            View::Changes => "changes",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            View::Steps => "Steps",
            View::Graph => "Graph",
            View::Timeline => "Timeline",
            View::Events => "Events",
            View::Changes => "Changes",
        }
    }

    fn read(word: &str) -> Self {
        let named = |view: &View| view.word() == word;
        Self::ALL.into_iter().find(named).unwrap_or_default()
    }
}

/// Which steps are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Only {
    ForSomebody,
    Failed,
    UnderWay,
    ToCome,
    Done,
    NotDone,
}

impl Only {
    pub const ALL: [Only; 6] = [
        Only::ForSomebody,
        Only::Failed,
        Only::UnderWay,
        Only::ToCome,
        Only::Done,
        Only::NotDone,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Only::ForSomebody => "waiting",
            Only::Failed => "failed",
            Only::UnderWay => "active",
            Only::ToCome => "pending",
            Only::Done => "completed",
            Only::NotDone => "skipped",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Only::ForSomebody => "Waiting for somebody",
            Only::Failed => "Failed",
            Only::UnderWay => "Under way",
            Only::ToCome => "Pending",
            Only::Done => "Completed",
            Only::NotDone => "Skipped or cancelled",
        }
    }

    /// The one that such a step belongs to.
    pub fn of(status: StepStatus) -> Self {
        match status {
            StepStatus::WaitingForApproval | StepStatus::OutcomeUnknown => Only::ForSomebody,
            StepStatus::Failed => Only::Failed,
            StepStatus::Queued
            | StepStatus::InProgress
            | StepStatus::Retrying
            | StepStatus::WaitingForTimer
            | StepStatus::WaitingForExternal => Only::UnderWay,
            StepStatus::Pending => Only::ToCome,
            StepStatus::Completed => Only::Done,
            StepStatus::Skipped | StepStatus::Cancelled => Only::NotDone,
        }
    }

    fn read(word: &str) -> Option<Self> {
        let named = |only: &Only| only.word() == word;
        Self::ALL.into_iter().find(named)
    }
}

/// What an address says. Numbers are as wide as they are read everywhere: the browser's `usize` is not the server's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub view: View,
    pub step: Option<StepPath>,
    /// After which event the run is looked at; none for now.
    pub at: Option<u32>,
    /// After which event the earlier of two moments is that are compared; none for the first.
    pub since: Option<u32>,
    /// The first row of the list.
    pub from: Option<u32>,
    pub only: Option<Only>,
    /// What is searched for among the events.
    pub find: String,
}

impl Place {
    pub fn step(path: &StepPath) -> Self {
        Self {
            step: Some(path.clone()),
            ..Self::default()
        }
    }

    /// As a link on the page of the run.
    pub fn link(&self) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let mut words = Vec::new();
        if self.view != View::default() {
            words.push(format!("view={}", self.view.word()));
        }
        if let Some(step) = &self.step {
            // What a path is made of needs no encoding.
            words.push(format!("step={step}"));
        }
        if let Some(at) = self.at {
            words.push(format!("at={at}"));
        }
        if let Some(since) = self.since {
            words.push(format!("since={since}"));
        }
        if let Some(only) = self.only {
            words.push(format!("only={}", only.word()));
        }
        if !self.find.is_empty() {
            words.push(format!("find={}", encoded(&self.find)));
        }
        if let Some(from) = self.from {
            words.push(format!("from={from}"));
        }
        let landing = self.step.as_ref();
        let landing = landing.map_or(String::new(), |step| format!("#step-{step}"));
        format!("?{}{landing}", words.join("&"))
    }

    /// To a moment of the run.
    pub fn turn(&mut self, moment: Option<u32>) {
        self.at = moment;
        if self.view == View::Events {
            self.from = None;
        }
    }

    fn read(query: &leptos_router::params::ParamsMap) -> Self {
        let number = |name: &str| query.get(name)?.parse::<u32>().ok();
        let word = |name: &str| query.get(name).unwrap_or_default();
        Self {
            view: View::read(&word("view")),
            step: query
                .get("step")
                .filter(|step| !step.is_empty())
                .map(StepPath::new),
            at: number("at"),
            since: number("since"),
            from: number("from"),
            only: Only::read(&word("only")),
            find: word("find"),
        }
    }
}

/// In what another place differs from this one.
pub type Change = Box<dyn FnOnce(&mut Place)>;

/// The place that is looked at, and the ways from it to others. Its parts are told apart: who follows one of them hears
/// of no other.
#[derive(Clone, Copy)]
pub struct Looked {
    place: Signal<Place>,
    pub view: Memo<View>,
    pub at: Memo<Option<u32>>,
    pub since: Memo<Option<u32>>,
    pub from: Memo<Option<u32>>,
    pub only: Memo<Option<Only>>,
    pub find: Memo<String>,
    step: Memo<Option<StepPath>>,
    /// Grows when somebody follows a link, also one to where the address is already: a list may have been turned since.
    asked: RwSignal<u32>,
}

impl Looked {
    fn new(place: Signal<Place>) -> Self {
        Self {
            place,
            view: Memo::new(move |_| place.with(|place| place.view)),
            at: Memo::new(move |_| place.with(|place| place.at)),
            since: Memo::new(move |_| place.with(|place| place.since)),
            from: Memo::new(move |_| place.with(|place| place.from)),
            only: Memo::new(move |_| place.with(|place| place.only)),
            find: Memo::new(move |_| place.with(|place| place.find.clone())),
            step: Memo::new(move |_| place.with(|place| place.step.clone())),
            asked: RwSignal::new(0),
        }
    }

    pub fn by_address() -> Self {
        let query = use_query_map();
        Self::new(Memo::new(move |_| query.with(Place::read)).into())
    }

    /// What has no address says itself which step is looked for.
    pub fn by_hand(step: RwSignal<Option<StepPath>>) -> Self {
        Self::new(Signal::derive(move || Place {
            step: step.get(),
            ..Place::default()
        }))
    }

    pub fn get(self) -> Place {
        self.place.get()
    }

    /// The step that is chosen.
    pub fn chosen(self) -> Memo<Option<StepPath>> {
        self.step
    }

    /// The step that is looked for; told anew each time somebody asks for it.
    pub fn step(self) -> Option<StepPath> {
        self.asked.track();
        self.step.get()
    }

    /// The address of a place that differs from this one so.
    pub fn link(self, change: impl FnOnce(&mut Place)) -> String {
        let mut place = self.place.get();
        change(&mut place);
        place.link()
    }

    /// To a step, seen as whatever is seen now.
    pub fn link_to(self, path: &StepPath) -> String {
        self.link(|place| {
            place.step = Some(path.clone());
            (place.from, place.only) = (None, None);
        })
    }

    /// To a moment. Of the log it is the page on which that is; any other list stays where it is.
    pub fn link_at(self, moment: Option<u32>) -> String {
        self.link(|place| place.turn(moment))
    }

    /// A link that leads to a step has been followed.
    pub fn ask(self) {
        let _ = self
            .asked
            .try_update(|asked| *asked = asked.wrapping_add(1));
    }

    /// What goes there, with or without a new entry in the browser's history, and scrolls nowhere.
    pub fn mover(self, replace: bool) -> impl Fn(Change) + Clone {
        let navigate = use_navigate();
        move |change| {
            let Some(mut place) = self.place.try_get_untracked() else {
                return;
            };
            change(&mut place);
            let link = place.link();
            let link = link.split('#').next().unwrap_or_default();
            let options = NavigateOptions {
                replace,
                scroll: false,
                ..NavigateOptions::default()
            };
            navigate(link, options);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leptos_router::params::ParamsMap;

    #[test]
    fn a_place_is_read_as_it_was_written() {
        let somewhere = Place {
            view: View::Timeline,
            step: Some(StepPath::new("each.3.check.approval")),
            at: Some(17),
            since: Some(4),
            from: Some(200),
            only: Some(Only::Failed),
            find: "a & b=c #1 ü".to_owned(),
        };
        for place in [
            Place::default(),
            Place::step(&StepPath::new("first")),
            somewhere,
        ] {
            let link = place.link();
            let (query, landing) = link.split_once('#').unwrap_or((&link, ""));
            let mut read = ParamsMap::new();
            for word in query[1..].split('&').filter(|word| !word.is_empty()) {
                let (name, value) = word.split_once('=').expect("a name and a value");
                let value = percent_encoding::percent_decode_str(value).decode_utf8();
                read.insert(name.to_owned(), value.expect("text").into_owned());
            }
            assert_eq!(Place::read(&read), place, "{link}");
            let step = place.step.map(|step| format!("step-{step}"));
            assert_eq!(landing, step.unwrap_or_default());
        }
    }

    #[test]
    fn what_cannot_be_read_is_the_usual_place() {
        let mut read = ParamsMap::new();
        for (name, value) in [
            ("view", "3d"),
            ("at", "-1"),
            ("since", "1.5"),
            ("from", "x"),
            ("only", ""),
            ("step", ""),
        ] {
            read.insert(name, value.to_owned());
        }
        assert_eq!(Place::read(&read), Place::default());
    }
}
