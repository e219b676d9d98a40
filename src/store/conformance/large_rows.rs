//! How large values lie in the tables.

use super::large::{large, outputs};
use super::{Place, on_both_databases, start};
use crate::engine::ids::RunId;
use crate::store::sql::Sql;
use crate::store::{Database, Store};

on_both_databases!(a_large_value_is_stored_once_a_run_and_outside_the_log,);

async fn count(database: &Database, table: &'static str) -> (u32, u32) {
    let mut sql =
        Sql::of("SELECT count(*) AS rows_in, coalesce(sum(length(content)), 0) AS bytes_in FROM ");
    sql.push(table);
    let row = database.first(sql).await.expect("it answers");
    let row = row.expect("a row");
    let number = |column| row.number(column).expect("a number");
    (number("rows_in"), number("bytes_in"))
}

async fn a_large_value_is_stored_once_a_run_and_outside_the_log(place: Place) {
    let database = place.open().await;
    for run in ["r1", "r2"] {
        let first = start(run);
        database.commit(first.clone()).await.expect("it is stored");
        let many = outputs(&first, &[large('a'), large('b'), large('a')]);
        database.commit(many).await.expect("it is stored");
    }
    let (values, bytes) = count(&database, "run_values").await;
    assert_eq!(values, 4);
    assert!(bytes > 100_000, "{bytes}");
    let (events, in_log) = count(
        &database,
        "(SELECT payload AS content FROM run_events) AS log",
    )
    .await;
    assert_eq!(events, 8);
    assert!(in_log < 2_000, "{in_log}");
    let run: RunId = "r1".into();
    let end = Sql::of("UPDATE runs SET finished_at = 5 WHERE id = $1").bind(run.as_str());
    let mut change = database.change().await.expect("it begins");
    change.run(end).await.expect("it changes");
    change.commit().await.expect("it is stored");
    assert_eq!(database.forget_run(&run).await, Ok(true));
    assert_eq!(count(&database, "run_values").await.0, 2, "those of r2");
}
