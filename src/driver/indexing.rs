//! Works out, after a start, what the runs of earlier releases are found by: some at a time, so that nobody who starts or
//! answers anything has to wait for it. A process that ends on the way leaves the rest to the next.

use std::sync::Arc;
use std::time::Duration;

use crate::store::{Database, Indexed, StoreError};

/// Between some and the next: a hundred thousand runs take some minutes, and nothing else notices.
const PAUSE: Duration = Duration::from_millis(50);
/// When others have had the same rows in hand.
const PAUSE_OTHERS: Duration = Duration::from_secs(1);
/// After an error.
const PAUSE_FAILED: Duration = Duration::from_secs(30);

/// Until none is left. What fails is said in the log and tried again.
pub async fn keep_indexing(store: Arc<Database>) {
    let mut runs = 0;
    loop {
        let pause = match store.index_runs().await {
            Ok(Indexed::All) => break,
            Ok(Indexed::Some(0)) => PAUSE_OTHERS,
            Ok(Indexed::Some(some)) => {
                runs += some;
                PAUSE
            }
            // Another process goes on with it.
            Err(StoreError::LeaseLost) => return,
            Err(error) => {
                tracing::error!(%error, "it could not be worked out what runs are found by");
                PAUSE_FAILED
            }
        };
        tokio::time::sleep(pause).await;
    }
    if runs > 0 {
        tracing::info!(
            runs,
            "worked out what {runs} runs of earlier releases are found by"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::start;
    use crate::store::{LeaseTerms, Store};

    #[tokio::test]
    async fn what_an_earlier_release_has_left_is_worked_out_to_the_end() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        let terms = LeaseTerms {
            holder: "a test".to_owned(),
            ttl: Duration::from_secs(15),
        };
        let store = Database::open(&url, &terms).await.expect("it opens");
        for number in 0..50 {
            let stored = store.commit(start(&format!("r{number}"))).await;
            stored.expect("it is stored");
        }
        let forgotten = store.forget_what_runs_are_found_by().await;
        forgotten.expect("it is stored");
        let store = Arc::new(store);
        keep_indexing(Arc::clone(&store)).await;
        assert_eq!(store.index_runs().await, Ok(Indexed::All));
    }
}
