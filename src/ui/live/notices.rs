//! Runs that somebody wants to hear of, and what there is to say of them: the list that a browser keeps, and when a
//! summary is news. What shows it is in `notifying`.

use crate::engine::state::RunStatus;
use crate::engine::summary::RunSummary;

/// Runs that a browser follows at once; the one followed first gives way.
const FOLLOWED_RUNS_MAX: usize = 20;

/// The runs that are followed, oldest first, each with what was known of it last. Written as a line for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Followed(Vec<(String, String)>);

/// What to say of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub run_id: String,
    pub title: String,
    pub body: String,
}

/// How a run stands, as far as that is news: it waits for a person, and at which step, or it has ended.
pub fn standing(status: RunStatus, waiting: u32, current: Option<&str>) -> String {
    match status {
        RunStatus::Completed | RunStatus::Failed | RunStatus::Cancelled => {
            status.as_str().to_owned()
        }
        RunStatus::Pending
        | RunStatus::Running
        | RunStatus::Waiting
        | RunStatus::Paused
        | RunStatus::Cancelling => match waiting {
            0 => String::new(),
            // In one line, whatever the step is called.
            _ => format!("{waiting} {}", current.unwrap_or_default()).replace(['\n', '\t'], " "),
        },
    }
}

/// How many steps waited for a person when the run stood so.
fn waiting_of(standing: &str) -> u32 {
    let count = standing.split(' ').next().map(str::parse);
    count.and_then(Result::ok).unwrap_or(0)
}

impl Followed {
    pub fn read(text: &str) -> Self {
        let line = |line: &str| {
            let (run_id, known) = line.split_once('\t')?;
            Some((run_id.to_owned(), known.to_owned()))
        };
        Self(text.lines().filter_map(line).collect())
    }

    pub fn written(&self) -> String {
        let lines = self.0.iter();
        lines
            .map(|(run_id, known)| format!("{run_id}\t{known}\n"))
            .collect()
    }

    pub fn runs(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(run_id, _)| run_id.as_str())
    }

    pub fn holds(&self, run_id: &str) -> bool {
        self.runs().any(|followed| followed == run_id)
    }

    /// From now on, with what is known already.
    pub fn add(&mut self, run_id: &str, known: String) {
        self.remove(run_id);
        if self.0.len() >= FOLLOWED_RUNS_MAX {
            self.0.remove(0);
        }
        self.0.push((run_id.to_owned(), known));
    }

    pub fn remove(&mut self, run_id: &str) {
        self.0.retain(|(followed, _)| followed != run_id);
    }

    /// What there is to say now that the run stands so. Who waits no more is no news, and a run that has ended is followed
    /// no longer.
    pub fn hear(&mut self, run: &RunSummary) -> Option<Notice> {
        let run_id = run.header.run_id.as_str();
        let known = self.0.iter_mut().find(|(followed, _)| followed == run_id)?;
        let stands = standing(run.status, run.waiting_for_people, run.current.as_deref());
        if known.1 == stands {
            return None;
        }
        let waiting = run.waiting_for_people;
        // One of several has been answered: who waits on was told of.
        let is_left = waiting > 0 && waiting < waiting_of(&known.1);
        let body = match (run.finished_at, run.current.as_deref()) {
            (Some(_), _) => {
                let ended = format!("The run is {}.", run.status.as_str());
                run.message.clone().unwrap_or(ended)
            }
            (None, Some(step)) if waiting > 1 => {
                format!("“{step}” and {} more wait for you.", waiting - 1)
            }
            (None, Some(step)) => format!("“{step}” waits for you."),
            (None, None) => "It waits for you.".to_owned(),
        };
        let is_news = !stands.is_empty() && !is_left;
        known.1 = stands;
        let notice = Notice {
            run_id: run_id.to_owned(),
            title: run.header.workflow_name.clone(),
            body,
        };
        if run.finished_at.is_some() {
            self.remove(&notice.run_id);
        }
        is_news.then_some(notice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::Timestamp;
    use serde_json::json;

    fn run(status: &str, waiting: u32, current: Option<&str>) -> RunSummary {
        let ended = matches!(status, "completed" | "failed" | "cancelled");
        let at = Timestamp::from_micros(5);
        serde_json::from_value(json!({
            "run_id": "r", "workflow_id": "w", "version_id": "v", "workflow_slug": "deploy",
            "workflow_name": "Deploy", "version": 1, "created_at": at, "seq": 1, "status": status,
            "message": (status == "failed").then_some("“Ship”: no answer"),
            "percent": 0, "steps_total": 2, "steps_done": 0, "steps_failed": 0,
            "waiting_for_people": waiting, "current": current, "started_by": "ann",
            "started_at": at, "finished_at": ended.then_some(at),
        }))
        .expect("a summary")
    }

    fn said(followed: &mut Followed, run: &RunSummary) -> Option<String> {
        let notice = followed.hear(run)?;
        assert_eq!(
            (notice.run_id.as_str(), notice.title.as_str()),
            ("r", "Deploy")
        );
        Some(notice.body)
    }

    #[test]
    fn each_wait_and_the_end_are_news_once_and_only_of_runs_that_are_followed() {
        let mut followed = Followed::default();
        assert_eq!(said(&mut followed, &run("waiting", 1, Some("Ship?"))), None);
        followed.add("r", String::new());
        assert_eq!(said(&mut followed, &run("running", 0, Some("Build"))), None);
        let ship = Some("“Ship?” waits for you.".to_owned());
        assert_eq!(said(&mut followed, &run("waiting", 1, Some("Ship?"))), ship);
        assert_eq!(said(&mut followed, &run("waiting", 1, Some("Ship?"))), None);
        // One question answered, another asked at once.
        let tell = Some("“Tell?” waits for you.".to_owned());
        assert_eq!(said(&mut followed, &run("waiting", 1, Some("Tell?"))), tell);
        assert_eq!(said(&mut followed, &run("running", 0, Some("Ship"))), None);
        assert_eq!(said(&mut followed, &run("waiting", 1, Some("Tell?"))), tell);
        let failed = Some("“Ship”: no answer".to_owned());
        assert_eq!(said(&mut followed, &run("failed", 0, None)), failed);
        assert!(!followed.holds("r"), "it has ended");
        assert_eq!(said(&mut followed, &run("failed", 0, None)), None);
    }

    #[test]
    fn of_several_that_wait_each_further_one_is_news_and_what_is_left_of_them_is_not() {
        let mut followed = Followed::default();
        followed.add("r", String::new());
        let one = Some("“Ship?” waits for you.".to_owned());
        assert_eq!(said(&mut followed, &run("waiting", 1, Some("Ship?"))), one);
        let two = Some("“Ship?” and 1 more wait for you.".to_owned());
        assert_eq!(said(&mut followed, &run("waiting", 2, Some("Ship?"))), two);
        assert_eq!(said(&mut followed, &run("waiting", 1, Some("Tell?"))), None);
        assert_eq!(said(&mut followed, &run("running", 0, None)), None);
        assert_eq!(said(&mut followed, &run("waiting", 1, Some("Ship?"))), one);
    }

    #[test]
    fn what_was_so_when_it_was_followed_is_no_news() {
        let mut followed = Followed::default();
        let waits = run("waiting", 1, Some("Ship?"));
        followed.add("r", standing(waits.status, 1, waits.current.as_deref()));
        assert_eq!(said(&mut followed, &waits), None);
        let completed = Some("The run is completed.".to_owned());
        assert_eq!(said(&mut followed, &run("completed", 0, None)), completed);
    }

    #[test]
    fn what_is_followed_is_written_and_read_and_bounded() {
        let mut followed = Followed::default();
        for number in 0..=FOLLOWED_RUNS_MAX {
            let step = Some("A name\nin two\tparts");
            followed.add(&format!("r{number}"), standing(RunStatus::Waiting, 1, step));
        }
        assert_eq!(followed.runs().count(), FOLLOWED_RUNS_MAX);
        assert!(!followed.holds("r0"));
        assert_eq!(Followed::read(&followed.written()), followed);
        assert_eq!(Followed::read("of something else"), Followed::default());
    }
}
