//! What the disk and SQLite themselves can do here, measured in the same minutes as everything else.

use rusqlite::{Connection, params};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use crate::figures::{Row, Samples, count, median};

/// An event of a journaled step is about so long.
const ROW_BYTES: usize = 180;

pub fn measure() -> Vec<Row> {
    let folder = tempfile::tempdir_in(".").expect("a folder on the disk that is measured");
    let mut rows = vec![Row {
        id: "",
        work: "the disk: append 4 KiB and `fdatasync`".to_owned(),
        figure: appends(folder.path()).told(),
        aim: "",
    }];
    for batch in [1, 100, 1_000] {
        let rates = (0..3)
            .map(|round| rows_per_second(&folder.path().join(format!("{batch}-{round}")), batch))
            .collect();
        rows.push(Row {
            id: "",
            work: format!("bare SQLite, WAL, `synchronous=FULL`: {batch} a commit"),
            figure: format!("{} rows/s", count(median(rates))),
            aim: "",
        });
    }
    rows
}

/// As many commits one after the other, of one row each: what a journaled run of so many commits cannot go below.
pub fn commits(count: usize) -> Samples {
    let folder = tempfile::tempdir_in(".").expect("a folder on the disk that is measured");
    let mut log = Log::create(&folder.path().join("commits"));
    let mut samples = Samples::default();
    for _ in 0..100 {
        let began = Instant::now();
        for _ in 0..count {
            log.commit(1);
        }
        samples.add(began.elapsed());
    }
    samples
}

fn appends(folder: &Path) -> Samples {
    let mut file = File::create(folder.join("appended")).expect("it can be made");
    let block = [7_u8; 4_096];
    let mut samples = Samples::default();
    for _ in 0..1_000 {
        let began = Instant::now();
        file.write_all(&block).expect("space");
        file.sync_data().expect("a disk");
        samples.add(began.elapsed());
    }
    samples
}

fn rows_per_second(path: &Path, batch: usize) -> f64 {
    let mut log = Log::create(path);
    let commits = (50_000 / batch).clamp(50, 2_000);
    let began = Instant::now();
    for _ in 0..commits {
        log.commit(batch);
    }
    (commits * batch) as f64 / began.elapsed().as_secs_f64()
}

/// One writer, one prepared statement, rows such as those of the server's log.
struct Log {
    database: Connection,
    payload: String,
    rows: usize,
}

impl Log {
    fn create(path: &Path) -> Self {
        let database = Connection::open(path).expect("it can be made");
        database
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
                 CREATE TABLE log (run TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, payload TEXT NOT NULL,
                    PRIMARY KEY (run, seq)) WITHOUT ROWID;",
            )
            .expect("it is SQLite");
        Self {
            database,
            payload: "x".repeat(ROW_BYTES),
            rows: 0,
        }
    }

    fn commit(&mut self, rows: usize) {
        let transaction = self.database.transaction().expect("nobody else writes");
        let mut insert = transaction
            .prepare_cached("INSERT INTO log VALUES (?1, ?2, ?3, ?4)")
            .expect("it is SQL");
        for _ in 0..rows {
            self.rows += 1;
            let run = format!("run-{:08}", self.rows);
            insert
                .execute(params![run, 1, 1_790_000_000_i64, self.payload])
                .expect("space");
        }
        drop(insert);
        transaction.commit().expect("a disk");
    }
}
