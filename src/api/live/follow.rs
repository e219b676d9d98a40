//! The events of one run without gaps and without repeats, whatever the bus drops.

use tokio::sync::broadcast::error::RecvError;

use super::CATCH_UP_EVENTS;
use crate::driver::RunNews;
use crate::driver::service::Service;
use crate::engine::event::{Event, Recorded};
use crate::engine::ids::RunId;
use crate::engine::large::lean;

/// The events of one run after a point, in order, each once: from the log first, then as they are committed.
pub(in crate::api) struct Follow {
    service: Service,
    run_id: RunId,
    sent: u32,
    news: RunNews,
    /// The log may hold more than was sent.
    behind: bool,
    ended: bool,
}

impl Follow {
    pub(in crate::api) fn new(service: Service, run_id: RunId, after: u32) -> Self {
        // Subscribed before the log is read, so that nothing falls between.
        let news = service.follow(&run_id);
        Self {
            service,
            run_id,
            sent: after,
            news,
            behind: true,
            ended: false,
        }
    }

    /// The next events, at least one. `None` after the end of the run.
    pub(in crate::api) async fn next(&mut self) -> Option<Vec<Recorded>> {
        loop {
            if self.ended {
                return None;
            }
            let events = if self.behind {
                let events = self
                    .service
                    .lean_events(&self.run_id, self.sent, CATCH_UP_EVENTS)
                    .await
                    .ok()?;
                self.behind = events.len() == CATCH_UP_EVENTS as usize;
                if events.is_empty()
                    && self
                        .service
                        .run_summary(&self.run_id)
                        .await
                        .ok()?
                        .status
                        .is_terminal()
                {
                    // It may have ended since the log was read: what came last is read once more.
                    let last = self
                        .service
                        .lean_events(&self.run_id, self.sent, CATCH_UP_EVENTS)
                        .await
                        .ok()?;
                    if last.is_empty() {
                        return None;
                    }
                    last
                } else {
                    events
                }
            } else {
                self.committed().await?
            };
            if let Some(last) = events.last() {
                self.sent = last.seq;
                // What is behind may say that somebody has had the run retried.
                self.ended = !self.behind && matches!(last.event, Event::RunFinished { .. });
                return Some(events);
            }
        }
    }

    /// What the bus brings of this run; nothing when the log has to be asked.
    async fn committed(&mut self) -> Option<Vec<Recorded>> {
        match self.news.recv().await {
            Ok(turn) => {
                let news: Vec<Recorded> = turn
                    .events
                    .iter()
                    .filter(|event| event.seq > self.sent)
                    .map(|event| lean(&self.run_id, event.clone()))
                    .collect();
                self.behind = news.first().is_some_and(|first| first.seq != self.sent + 1);
                Some(if self.behind { Vec::new() } else { news })
            }
            Err(RecvError::Lagged(_)) => {
                self.behind = true;
                Some(Vec::new())
            }
            Err(RecvError::Closed) => None,
        }
    }
}
