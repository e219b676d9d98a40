//! The walls of the house, checked on the sources: which room may use which, what the engine may never touch, how
//! large a file may grow, and that the two databases have the same migrations. Each check is itself tried on a wall
//! that is broken.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Room → the rooms it may use. `main` and `lib` stand outside.
const ARROWS: &[(&str, &[&str])] = &[
    ("engine", &[]),
    ("capsule", &["engine"]),
    ("store", &["engine"]),
    ("driver", &["capsule", "store", "engine"]),
    // The trait that tools implement belongs to the driver that calls them.
    ("tools", &["driver", "engine"]),
    ("api", &["driver", "store", "engine"]),
    ("rpc", &["driver", "store", "engine"]),
    ("workbench", &["engine"]),
    ("ui", &["rpc", "workbench", "engine"]),
    (
        "server",
        &["ui", "api", "rpc", "tools", "driver", "store", "engine"],
    ),
];

/// What would let the world into the engine, and what to do instead.
const IMPURE: &[(&str, &str)] = &[
    ("tokio", "the engine does not wait: return an effect"),
    ("async fn", "the engine does not wait: return an effect"),
    ("SystemTime", "time is an argument"),
    ("Instant::", "time is an argument"),
    ("Timestamp::now", "time is an argument"),
    ("rand::", "chance is an argument"),
    ("Uuid::", "ids are an argument, or derived from one"),
    ("std::fs", "the engine reads no files"),
    ("std::net", "the engine knows no network"),
    ("std::env", "the engine knows no environment"),
    ("sqlx", "rows belong to the store"),
    ("axum", "requests belong to api and rpc"),
    ("leptos", "pixels belong to ui"),
    (
        "HashMap",
        "hash order differs from run to run: use a BTreeMap",
    ),
    ("cfg(feature", "the engine is the same everywhere"),
];

/// Lines, tests included. Past the first a noun is missing; past the second the check fails.
const FILE_LINES_MAX: usize = 700;

/// Files that may be longer, with the reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// Where a library asks for a hash map, and where the property test is told which seed to take.
const IMPURE_BUT_NEEDED: &[(&str, &str)] = &[
    ("src/engine/expression.rs", "HashMap"),
    ("src/engine/properties/mod.rs", "std::env"),
];

#[test]
fn every_import_follows_the_arrows() {
    let mut broken = Vec::new();
    for file in sources("src") {
        let Some(room) = room_of(&file) else { continue };
        broken.extend(arrows_against(&room, &read(&file)).into_iter().map(|used| {
            format!("{}: `{room}` may not use `{used}`; move the code, or what it needs, to the room where both may reach it", file.display())
        }));
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn the_engine_touches_nothing() {
    let mut broken = Vec::new();
    for file in sources("src/engine") {
        for (word, instead) in impurities(&read(&file)) {
            let needed = IMPURE_BUT_NEEDED
                .iter()
                .any(|(path, allowed)| file.ends_with(path) && *allowed == word);
            if !needed {
                broken.push(format!(
                    "{}: `{word}` in the engine; {instead}",
                    file.display()
                ));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn no_file_outgrows_its_room() {
    let mut broken = Vec::new();
    for file in sources("src").into_iter().chain(sources("tests")) {
        let lines = read(&file).lines().count();
        let excused = LONG_FILES.iter().any(|(path, _)| file.ends_with(path));
        if lines > FILE_LINES_MAX && !excused {
            broken.push(format!(
                "{}: {lines} lines; look for the noun that is missing and give it a file",
                file.display()
            ));
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// The functions with which pages would be taken over piece by piece are taken out of the client (`scripts/unused.mjs`).
#[test]
fn pages_are_taken_over_in_one_go() {
    for file in sources("src") {
        let text = read(&file);
        for piecewise in ["hydrate_lazy", "hydrate_islands", "hydrate_async"] {
            assert!(!text.contains(piecewise), "{}: {piecewise}", file.display());
        }
    }
}

/// What the server has drawn has to be in the client before the page comes to life.
#[test]
fn whatever_is_drawn_as_a_part_is_known_to_stand_on_pages() {
    let pages = read(Path::new("src/ui/pages/mod.rs"));
    let mut found = 0;
    for file in sources("src/ui") {
        let text = read(&file);
        for (at, mark) in text.match_indices("data-part=") {
            let name = text[at + mark.len()..].split(".name").next();
            let name = name.filter(|name| name.chars().all(|c| c.is_ascii_uppercase()));
            let Some(name) = name else { continue };
            found += 1;
            assert!(
                pages.contains(&format!("::{name}.fetch),")),
                "{}: enter {name} in BESIDE",
                file.display()
            );
        }
    }
    assert!(found >= 5, "{found}");
}

#[test]
fn features_are_told_apart_only_where_modules_are_listed() {
    let mut broken = Vec::new();
    for file in sources("src") {
        let is_list =
            file.ends_with("lib.rs") || file.ends_with("main.rs") || file.ends_with("mod.rs");
        if !is_list && read(&file).contains("cfg(feature") {
            broken.push(format!(
                "{}: `cfg(feature …)` belongs into a module list",
                file.display()
            ));
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// Read as bytes, an answer would bring a second reader of its view into the client.
#[test]
fn every_server_function_answers_in_text() {
    let mut broken = Vec::new();
    let mut found = 0;
    for file in sources("src") {
        let text = read(&file);
        let heads = server_functions(&text);
        found += heads.len();
        let others = heads
            .into_iter()
            .filter(|head| !head.contains("output = Told"));
        broken.extend(others.map(|head| {
            format!(
                "{}: {head}: say `output = Told` (`src/rpc/codec.rs`)",
                file.display()
            )
        }));
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
    assert!(found > 20, "{found} server functions");
    assert_eq!(
        server_functions("x\n#[server(prefix = \"/rpc\")]\n"),
        ["#[server(prefix = \"/rpc\")]"]
    );
}

fn server_functions(text: &str) -> Vec<&str> {
    text.lines()
        .map(str::trim)
        .filter(|line| line.starts_with("#[server"))
        .collect()
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |folder: &str| -> BTreeSet<String> {
        let Ok(entries) = fs::read_dir(root().join("migrations").join(folder)) else {
            return BTreeSet::new();
        };
        entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect()
    };
    let (sqlite, postgres) = (names("sqlite"), names("postgres"));
    assert!(!sqlite.is_empty());
    assert_eq!(sqlite, postgres, "a migration needs its twin");
}

#[test]
fn both_databases_sort_texts_alike() {
    let folder = root().join("migrations/postgres");
    for entry in fs::read_dir(folder).expect("a folder of migrations") {
        let path = entry.expect("an entry").path();
        for line in read(&path).lines() {
            let column = line.split("--").next().unwrap_or(line);
            assert!(
                !column.contains(" TEXT") || column.contains(" TEXT COLLATE \"C\""),
                "{}: a text column is `TEXT COLLATE \"C\"`, or PostgreSQL would sort it by language: {line}",
                path.display()
            );
        }
    }
}

#[test]
fn no_value_becomes_part_of_a_statement() {
    for file in sources("src") {
        assert!(
            !read(&file).contains("AssertSqlSafe"),
            "{}: a statement is made of constants and arguments; see store/sql.rs",
            file.display()
        );
    }
}

#[test]
fn broken_walls_are_noticed() {
    assert_eq!(
        arrows_against("engine", "use crate::store::Store;"),
        ["store"]
    );
    assert_eq!(
        arrows_against("store", "fn f() -> crate::driver::Driver {}"),
        ["driver"]
    );
    assert_eq!(
        arrows_against("ui", "use crate::{driver::Driver, engine::ids::RunId};"),
        ["driver"]
    );
    assert_eq!(
        arrows_against(
            "ui",
            "// crate::driver is not for us\nuse crate::rpc::views;"
        ),
        Vec::<String>::new()
    );
    let words = |text: &str| {
        impurities(text)
            .into_iter()
            .map(|(word, _)| word)
            .collect::<Vec<_>>()
    };
    assert_eq!(words("let now = std::time::Instant::now();"), ["Instant::"]);
    assert_eq!(words("async fn fetch() {}"), ["async fn"]);
    assert_eq!(
        words("/// Not tokio, not leptos.\nlet x = 1;"),
        Vec::<&str>::new()
    );
    let long: String = "line\n".repeat(FILE_LINES_MAX + 1);
    assert!(long.lines().count() > FILE_LINES_MAX);
}

/// Rooms that the text uses against the table.
fn arrows_against(room: &str, text: &str) -> Vec<String> {
    let allowed = ARROWS
        .iter()
        .find(|(name, _)| *name == room)
        .map(|(_, allowed)| *allowed)
        .unwrap_or_default();
    let mut used = BTreeSet::new();
    for line in text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
    {
        for (at, _) in line.match_indices("crate::") {
            let rest = &line[at + "crate::".len()..];
            let group = rest
                .strip_prefix('{')
                .map(|inner| inner.split('}').next().unwrap_or(inner));
            let parts = group.map_or_else(|| vec![rest], |group| group.split(',').collect());
            used.extend(parts.into_iter().map(|part| {
                part.trim()
                    .chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .collect::<String>()
            }));
        }
    }
    used.into_iter()
        .filter(|name| {
            name != room
                && !allowed.contains(&name.as_str())
                && ARROWS.iter().any(|(known, _)| known == name)
        })
        .collect()
}

fn impurities(text: &str) -> Vec<(&'static str, &'static str)> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    IMPURE
        .iter()
        .filter(|(word, _)| code.contains(word))
        .copied()
        .collect()
}

fn room_of(file: &Path) -> Option<String> {
    let inside = file.strip_prefix(root().join("src")).ok()?;
    let first = inside
        .components()
        .next()?
        .as_os_str()
        .to_string_lossy()
        .into_owned();
    ARROWS
        .iter()
        .any(|(room, _)| *room == first)
        .then_some(first)
}

fn sources(folder: &str) -> Vec<PathBuf> {
    let mut open = vec![root().join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).expect("a readable source")
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
