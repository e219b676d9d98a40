//! The command line and the environment: what an operator may set, and what is refused at once.
//! Nothing here opens a socket or a file.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::exchange::{ExportConfig, ImportConfig};

/// A self-hosted control room for workflows in which programs, machines and people take part.
#[derive(Debug, Parser)]
#[command(
    name = "signalbox",
    version,
    arg_required_else_help = true,
    after_help = "Start here:\n  signalbox serve\nthen open http://127.0.0.1:3000 in a browser on this machine."
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the control room: web pages, API and the engine that carries the runs
    ///
    /// One process holds everything, and one database holds all state. Stop it with Ctrl-C or SIGTERM:
    /// runs wait in the database and go on at the next start, as they do after a crash.
    Serve(ServeConfig),
    /// Copy the SQLite database into a file, also while a server is using it
    ///
    /// The copy is one consistent state. It is checked, and appears under its name only when it is complete
    /// and on disk. To restore it, stop the server and put the file in the place of the database (remove
    /// NAME-wal and NAME-shm beside it). PostgreSQL has tools of its own: use pg_dump.
    Backup(BackupConfig),
    /// Try the test cases of workflows in files, without a server
    ///
    /// Each file (YAML, or JSON when it is called so) is compiled with the tools that come with this program,
    /// and every case in it is played by the real engine under a virtual clock: no tool is called and nothing
    /// is stored. Ends with status 0 only when every file compiles and every case holds.
    Simulate {
        /// The files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,

        /// Only the case of this name
        #[arg(long, value_name = "NAME")]
        case: Option<String>,
    },
    /// Say everything that is wrong with workflows in files
    ///
    /// As `simulate`, without playing their cases.
    Validate {
        /// The files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Say whether a database file, such as a backup, is sound
    ///
    /// Reads every page and every event, and folds the log of each run that has not ended. Changes nothing.
    Check {
        /// The file
        file: PathBuf,
    },
    /// Write the workflows of a running server into a folder, one file each
    ///
    /// Each workflow that is no template becomes DIR/SLUG.yaml, in a stable order, so that git shows what
    /// changed and nothing else. A file is written only when it says something else. Files of workflows
    /// that the server does not have stay. The server is asked by its API.
    Export(ExportConfig),
    /// Make the workflows of a running server what the files in a folder say
    ///
    /// Reads DIR/SLUG.yaml (also .yml and .json). What is new is made, what is different gets another
    /// version, what is equal is left alone, what was deleted is brought back; each is told on a line. When
    /// anything is wrong with one file, nothing is changed. The server is asked by its API.
    Import(ImportConfig),
    /// Print the JSON Schema of a workflow, for editors and validators
    ///
    /// A running server publishes the same at /api/v1/schemas/workflow.json.
    Schema,
}

/// What `backup` may be told.
#[derive(Debug, Clone, Args)]
pub struct BackupConfig {
    /// Where to put the copy; must not exist yet
    pub file: PathBuf,

    /// The database to copy
    #[arg(
        long,
        env = "SIGNALBOX_DATABASE",
        hide_env_values = true,
        value_name = "URL",
        default_value = "sqlite:./data/signalbox.db"
    )]
    pub database: DatabaseUrl,
}

/// What `serve` may be told.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct ServeConfig {
    /// Address and port to listen on
    ///
    /// Only loopback addresses (127.0.0.1, ::1, localhost) are accepted until people can sign
    /// in. Port 0 takes any free port and prints it.
    #[arg(
        long,
        env = "SIGNALBOX_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:3000",
        value_parser = parse_listen
    )]
    pub listen: SocketAddr,

    /// Database that keeps workflows, runs and approvals
    ///
    /// Either an SQLite file (sqlite:PATH), which is created with its folder when absent; the path is
    /// relative to the folder the command runs in. Or a PostgreSQL database that exists, is empty at
    /// the first start and belongs to Signalbox (postgres://USER:PASSWORD@HOST:PORT/NAME). Give a URL
    /// with a password by SIGNALBOX_DATABASE: other users of the machine see command lines.
    #[arg(
        long,
        env = "SIGNALBOX_DATABASE",
        // The help must not show a password that some database's URL may hold.
        hide_env_values = true,
        value_name = "URL",
        default_value = "sqlite:./data/signalbox.db"
    )]
    pub database: DatabaseUrl,

    /// On PostgreSQL: how long this server may be out of reach before another may take over, in ms
    ///
    /// A server holds the database by a lease that it renews. After a crash the next one waits until
    /// the lease has run out.
    #[arg(
        long,
        env = "SIGNALBOX_LEASE_MS",
        value_name = "MS",
        default_value_t = 15_000,
        value_parser = clap::value_parser!(u64).range(300..=600_000),
        hide_short_help = true
    )]
    pub lease_ms: u64,

    /// Forget runs that ended more than so many days ago
    ///
    /// Without this and --keep-runs every run is kept for ever. Runs that have not ended always stay.
    #[arg(
        long,
        env = "SIGNALBOX_KEEP_DAYS",
        value_name = "DAYS",
        value_parser = clap::value_parser!(u32).range(1..),
        hide_short_help = true
    )]
    pub keep_days: Option<u32>,

    /// Keep only so many ended runs of each workflow, the newest
    #[arg(
        long,
        env = "SIGNALBOX_KEEP_RUNS",
        value_name = "RUNS",
        value_parser = clap::value_parser!(u32).range(1..),
        hide_short_help = true
    )]
    pub keep_runs: Option<u32>,

    /// Folder into which a run is written before it is forgotten, as RUN.jsonl
    #[arg(
        long,
        env = "SIGNALBOX_EXPORT_DIR",
        value_name = "FOLDER",
        hide_short_help = true
    )]
    pub export_dir: Option<PathBuf>,

    /// At most so many calls of a tool at once, over all runs; the others wait their turn
    ///
    /// For example `http.request=20`. May be given for several tools, also as a list with commas.
    #[arg(
        long = "tool-limit",
        env = "SIGNALBOX_TOOL_LIMITS",
        value_name = "TOOL=CALLS",
        value_delimiter = ',',
        value_parser = parse_tool_limit,
        hide_short_help = true
    )]
    pub tool_limits: Vec<ToolLimit>,

    /// What to log: a level (error, warn, info, debug, trace) or per-module filters
    ///
    /// For example `info,signalbox=debug,tower_http=debug`, which also logs every request.
    #[arg(
        long,
        env = "SIGNALBOX_LOG",
        value_name = "FILTER",
        default_value = "info"
    )]
    pub log: String,

    /// Shape of a log line
    #[arg(
        long,
        env = "SIGNALBOX_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub log_format: LogFormat,
}

const EXAMPLES: &str = "Examples:
  signalbox serve
  signalbox serve --listen 127.0.0.1:8080 --database sqlite:/var/lib/signalbox/signalbox.db
  SIGNALBOX_DATABASE=postgres://signalbox:PASSWORD@db.example/signalbox signalbox serve
  SIGNALBOX_LISTEN=127.0.0.1:8080 signalbox serve

From another machine, through SSH (use the same port at both ends):
  ssh -L 3000:127.0.0.1:3000 you@the-server
then open http://127.0.0.1:3000 there.";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line, for log collectors
    Json,
}

/// How many calls of a tool may be made at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolLimit {
    pub tool: String,
    pub max: u32,
}

fn parse_tool_limit(text: &str) -> Result<ToolLimit, String> {
    let expected = || "expected a tool and a number from 1, such as http.request=20".to_owned();
    let (tool, max) = text.split_once('=').ok_or_else(expected)?;
    let max = max.trim().parse().map_err(|_| expected())?;
    let tool = tool.trim().to_owned();
    if tool.is_empty() || max == 0 {
        return Err(expected());
    }
    Ok(ToolLimit { tool, max })
}

/// Where the state is kept, as given. It may hold a password: what is shown of it does not.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

/// Always works: the command line repeats what it refuses, and that might be a password. `check` refuses instead.
impl From<String> for DatabaseUrl {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl DatabaseUrl {
    /// The URL as the operator wrote it, with its password.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this build knows such databases.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.is_postgres() {
            return Ok(());
        }
        let Some(path) = self.0.strip_prefix(SQLITE_SCHEME) else {
            return Err(
                "the database is not understood; write sqlite:PATH, such as sqlite:./data/signalbox.db, or \
                 postgres://USER:PASSWORD@HOST:PORT/NAME",
            );
        };
        if path.trim_start_matches('/').is_empty() {
            return Err("the path of the database file is missing after \"sqlite:\"");
        }
        Ok(())
    }

    /// The file behind the URL; nothing for a database in memory or on a server.
    pub fn file(&self) -> Option<PathBuf> {
        let path = self.0.strip_prefix(SQLITE_SCHEME)?;
        let path = path.strip_prefix("//").unwrap_or(path);
        let path = path.split('?').next().unwrap_or(path);
        (path != ":memory:").then(|| PathBuf::from(path))
    }

    fn is_postgres(&self) -> bool {
        POSTGRES_SCHEMES
            .iter()
            .any(|scheme| self.0.starts_with(scheme))
    }
}

/// Without the password, and without anything that might be one.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.starts_with(SQLITE_SCHEME) {
            return f.write_str(&self.0);
        }
        let Some((scheme, rest)) = self.0.split_once("://").filter(|_| self.is_postgres()) else {
            return f.write_str("…");
        };
        let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let (person, place) = place.rsplit_once('@').unwrap_or(("", place));
        write!(f, "{scheme}://")?;
        if let Some(user) = person.split(':').next().filter(|user| !user.is_empty()) {
            write!(f, "{user}@")?;
        }
        let host = place.split('/').next().unwrap_or_default();
        let port = host.rsplit_once(':').map_or("", |(_, port)| port);
        // `postgres://user:password`, with the host forgotten, looks like a host and its port.
        if port.chars().all(|c| c.is_ascii_digit() || c == ']') {
            f.write_str(place)?;
        } else {
            f.write_str("…")?;
        }
        let socket = parameters
            .split('&')
            .find(|parameter| parameter.starts_with("host="));
        socket.map_or(Ok(()), |socket| write!(f, "?{socket}"))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

const SQLITE_SCHEME: &str = "sqlite:";
const POSTGRES_SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    // `localhost` is what people type; resolving it would let the resolver choose the address.
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    let address: SocketAddr = numeric.parse().map_err(|_| {
        "expected an IP address and a port, such as 127.0.0.1:3000 or [::1]:3000".to_owned()
    })?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err(not_loopback(address))
    }
}

fn not_loopback(address: SocketAddr) -> String {
    let port = address.port();
    format!(
        "Signalbox does not listen on {address}, because nobody has to sign in yet: whoever \
         reaches that address could start runs and approve them. Listen on 127.0.0.1:{port}, and \
         from another machine use an SSH tunnel: ssh -L {port}:127.0.0.1:{port} you@the-server"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn loopback_addresses_are_accepted() {
        for (text, expected) in [
            ("127.0.0.1:3000", "127.0.0.1:3000"),
            ("127.0.0.2:80", "127.0.0.2:80"),
            ("[::1]:3000", "[::1]:3000"),
            ("localhost:0", "127.0.0.1:0"),
        ] {
            assert_eq!(
                parse_listen(text).map(|address| address.to_string()),
                Ok(expected.into())
            );
        }
    }

    #[test]
    fn other_addresses_are_refused_with_the_reason_and_the_way_out() {
        for text in [
            "0.0.0.0:3000",
            "[::]:3000",
            "192.168.1.5:3000",
            "[::ffff:10.0.0.1]:3000",
        ] {
            let refusal = parse_listen(text).unwrap_err();
            assert!(refusal.contains("nobody has to sign in yet"), "{refusal}");
            assert!(refusal.contains("ssh -L 3000:127.0.0.1:3000"), "{refusal}");
        }
    }

    #[test]
    fn an_address_that_is_none_is_refused_with_an_example() {
        for text in [
            "",
            "3000",
            "example.org:3000",
            "127.0.0.1",
            "localhost:http",
        ] {
            assert!(
                parse_listen(text)
                    .unwrap_err()
                    .contains("such as 127.0.0.1:3000"),
                "{text}"
            );
        }
    }

    #[test]
    fn limits_of_tools_are_read() {
        let limit = |tool: &str, max| {
            Ok(ToolLimit {
                tool: tool.to_owned(),
                max,
            })
        };
        assert_eq!(
            parse_tool_limit("http.request=20"),
            limit("http.request", 20)
        );
        for wrong in ["http.request", "=3", "a=0", "a=-1", "a=many", ""] {
            assert!(
                parse_tool_limit(wrong)
                    .unwrap_err()
                    .contains("http.request=20"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn databases_of_two_kinds_are_accepted() {
        let check = |url: &str| DatabaseUrl(url.to_owned()).check();
        assert!(check("sqlite:signalbox.db").is_ok());
        assert!(check("postgres://localhost/signalbox").is_ok());
        assert!(check("postgresql://box@db.example/signalbox?sslmode=require").is_ok());
        for wrong in [
            "./data/signalbox.db",
            "sqlite:",
            "sqlite://",
            "mysql://localhost/x",
            "postgres:x",
        ] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_shown_of_a_url_holds_no_password() {
        for (url, shown) in [
            ("sqlite:./data/signalbox.db", "sqlite:./data/signalbox.db"),
            ("postgres://localhost/box", "postgres://localhost/box"),
            (
                "postgres://me:secret@db.example:5432/box",
                "postgres://me@db.example:5432/box",
            ),
            ("postgres://me:se@cr/et@db/box", "postgres://me@db/box"),
            (
                "postgres://me:secret@[::1]:5432/box",
                "postgres://me@[::1]:5432/box",
            ),
            (
                "postgres://me@db/box?password=secret",
                "postgres://me@db/box",
            ),
            (
                "postgres://db/box?password=secret&host=/run/postgresql",
                "postgres://db/box?host=/run/postgresql",
            ),
            ("postgres://me:secret", "postgres://…"),
            ("postgre://me:secret@db/box", "…"),
        ] {
            let url = DatabaseUrl(url.to_owned());
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("secret"));
        }
    }

    #[test]
    fn the_file_behind_a_url_is_found() {
        let check = |url: &str, expected: Option<&str>| {
            let file = DatabaseUrl(url.to_owned()).file();
            assert_eq!(file, expected.map(PathBuf::from), "{url}");
        };
        check("sqlite:./data/signalbox.db", Some("./data/signalbox.db"));
        check(
            "sqlite:///var/lib/signalbox.db",
            Some("/var/lib/signalbox.db"),
        );
        check("sqlite:box.db?mode=rwc", Some("box.db"));
        check("sqlite::memory:", None);
        check("postgres://localhost/box", None);
    }
}
