//! The command line and the environment: what an operator may set, and what is refused at once.
//! Nothing here opens a socket or a file.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

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
    /// One process holds everything, and one file holds all state. Stop it with Ctrl-C or SIGTERM:
    /// runs wait in the database and go on at the next start, as they do after a crash.
    Serve(ServeConfig),
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
    /// An SQLite file; it and its folder are created when absent. The path is relative to the
    /// folder the command runs in.
    #[arg(
        long,
        env = "SIGNALBOX_DATABASE",
        // The help must not show a password that some database's URL may hold.
        hide_env_values = true,
        value_name = "sqlite:PATH",
        default_value = "sqlite:./data/signalbox.db",
        value_parser = parse_database
    )]
    pub database: DatabaseUrl,

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

/// Where the state is kept, as given; only URLs that this build can open are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The URL as the operator wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The file behind the URL; nothing for a database in memory.
    pub fn file(&self) -> Option<PathBuf> {
        let path = self.0.strip_prefix(SQLITE_SCHEME)?;
        let path = path.strip_prefix("//").unwrap_or(path);
        let path = path.split('?').next().unwrap_or(path);
        (path != ":memory:").then(|| PathBuf::from(path))
    }
}

const SQLITE_SCHEME: &str = "sqlite:";

fn parse_database(text: &str) -> Result<DatabaseUrl, String> {
    let Some(path) = text.strip_prefix(SQLITE_SCHEME) else {
        return Err(
            "the database is an SQLite file for now; write sqlite:PATH, such as sqlite:./data/signalbox.db"
                .to_owned(),
        );
    };
    if path.trim_start_matches('/').is_empty() {
        return Err("the path of the database file is missing after \"sqlite:\"".to_owned());
    }
    Ok(DatabaseUrl(text.to_owned()))
}

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
    fn only_sqlite_urls_are_accepted() {
        assert!(parse_database("postgres://localhost/signalbox").is_err());
        assert!(parse_database("./data/signalbox.db").is_err());
        assert!(parse_database("sqlite:").is_err());
        assert!(parse_database("sqlite://").is_err());
        assert!(parse_database("sqlite:signalbox.db").is_ok());
    }

    #[test]
    fn the_file_behind_a_url_is_found() {
        let check = |url: &str, expected: Option<&str>| {
            let file = parse_database(url).expect("a valid URL").file();
            assert_eq!(file, expected.map(PathBuf::from), "{url}");
        };
        check("sqlite:./data/signalbox.db", Some("./data/signalbox.db"));
        check(
            "sqlite:///var/lib/signalbox.db",
            Some("/var/lib/signalbox.db"),
        );
        check("sqlite:box.db?mode=rwc", Some("box.db"));
        check("sqlite::memory:", None);
    }
}
