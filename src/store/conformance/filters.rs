//! Filters with names: kept, changed, renamed and removed.

use super::{Place, on_both_databases};
use crate::engine::time::Timestamp;
use crate::store::{FilterKept, FilterRenamed, FilterRow};

on_both_databases!(
    filters_are_listed_by_name_and_outlive_a_restart,
    a_name_stands_for_one_filter,
    there_are_no_more_filters_than_there_may_be,
);

const MANY: u32 = 100;

fn filter(name: &str, query: &str) -> FilterRow {
    FilterRow {
        name: name.to_owned(),
        query: query.to_owned(),
        changed_at: Timestamp::from_micros(7),
        changed_by: "local".to_owned(),
    }
}

async fn filters_are_listed_by_name_and_outlive_a_restart(place: Place) {
    let mut kept = ["Failed", "a % _", "b\0", "\u{e4}"].map(|name| filter(name, "status=failed"));
    {
        let database = place.open().await;
        assert_eq!(database.saved_filters().await, Ok(Vec::new()));
        for filter in kept.iter().rev() {
            let saved = database.save_filter(filter, MANY).await;
            assert_eq!(saved, Ok(FilterKept::New), "{filter:?}");
        }
        database.close().await;
    }
    let database = place.open().await;
    assert_eq!(database.saved_filters().await, Ok(kept.to_vec()));
    kept[1].query = "q=50%25".to_owned();
    kept[1].changed_at = Timestamp::from_micros(8);
    let changed = database.save_filter(&kept[1], MANY).await;
    assert_eq!(changed, Ok(FilterKept::Changed));
    assert_eq!(database.saved_filters().await, Ok(kept.to_vec()));
}

async fn a_name_stands_for_one_filter(place: Place) {
    let database = place.open().await;
    for name in ["one", "two"] {
        let saved = database.save_filter(&filter(name, name), MANY).await;
        assert_eq!(saved, Ok(FilterKept::New));
    }
    let rename = async |name: &str, to: &str| {
        let renamed = database.rename_filter(name, to, Timestamp::from_micros(9), "mira");
        renamed.await
    };
    assert_eq!(rename("one", "two").await, Ok(FilterRenamed::Taken));
    assert_eq!(rename("three", "four").await, Ok(FilterRenamed::Missing));
    assert_eq!(rename("two", "two").await, Ok(FilterRenamed::Renamed));
    assert_eq!(rename("two", "0").await, Ok(FilterRenamed::Renamed));
    let renamed = FilterRow {
        name: "0".to_owned(),
        changed_at: Timestamp::from_micros(9),
        changed_by: "mira".to_owned(),
        ..filter("two", "two")
    };
    let listed = database.saved_filters().await;
    assert_eq!(listed, Ok(vec![renamed, filter("one", "one")]));
    assert_eq!(database.remove_filter("0").await, Ok(true));
    assert_eq!(database.remove_filter("0").await, Ok(false));
    assert_eq!(
        database.saved_filters().await,
        Ok(vec![filter("one", "one")])
    );
}

async fn there_are_no_more_filters_than_there_may_be(place: Place) {
    let database = place.open().await;
    let save = async |name: &str| database.save_filter(&filter(name, ""), 2).await;
    assert_eq!(save("one").await, Ok(FilterKept::New));
    assert_eq!(save("two").await, Ok(FilterKept::New));
    assert_eq!(save("three").await, Ok(FilterKept::NoRoom));
    assert_eq!(save("two").await, Ok(FilterKept::Changed));
    assert_eq!(database.saved_filters().await.map(|all| all.len()), Ok(2));
}
