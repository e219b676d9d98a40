//! `make bench`: the figures of `docs/benchmarks.md`, taken from the built server over HTTP, as its users would see
//! them. What is measured beside (the disk, bare SQLite, bare HTTP calls) is measured by the same process in the same
//! minutes, because figures of other days and machines do not compare.

#[path = "../../tests/support/hostile/mod.rs"]
mod families;
mod figures;
mod http;
mod limits;
mod record;
mod server;
mod viewer;
mod work;
mod workflows;

use std::path::PathBuf;

use figures::{Row, table};

/// The server's: what the engine does alone is measured as it is shipped.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "usage: signalbox-bench BINARY [--only W1,W3] [--record FILE]";

struct Asked {
    binary: PathBuf,
    only: Vec<String>,
    record: Option<PathBuf>,
}

#[tokio::main]
async fn main() {
    let asked = match asked(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            std::process::exit(2);
        }
    };
    let environment = record::environment(&asked.binary);
    println!("{environment}\n");
    let mut rows: Vec<Row> = Vec::new();
    for (id, begin) in work::ALL {
        if !asked.only.is_empty() && !asked.only.iter().any(|only| only == id) {
            continue;
        }
        eprintln!("• {id}");
        let measured = begin(asked.binary.clone()).await;
        print!("{}", table(&measured));
        rows.extend(measured);
    }
    println!("\n{}", table(&rows));
    if let Some(file) = &asked.record
        && let Err(error) = record::replace(file, &environment, &rows)
    {
        eprintln!("{}: {error}", file.display());
        std::process::exit(1);
    }
}

fn asked(mut arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
    let binary = arguments
        .next()
        .ok_or("the server's executable is missing")?;
    let binary = std::path::absolute(&binary).map_err(|error| format!("{binary}: {error}"))?;
    let mut asked = Asked {
        binary,
        only: Vec::new(),
        record: None,
    };
    while let Some(argument) = arguments.next() {
        let value = arguments.next();
        match (argument.as_str(), value) {
            ("--only", Some(ids)) => asked.only = ids.split(',').map(str::to_owned).collect(),
            ("--record", Some(file)) => asked.record = Some(file.into()),
            (_, _) => return Err(format!("`{argument}` is not understood")),
        }
    }
    if asked.record.is_some() && !asked.only.is_empty() {
        return Err("a table of some of the work is not recorded in place of the whole".to_owned());
    }
    Ok(asked)
}
