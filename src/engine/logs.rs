//! What tools and programs outside write while an attempt is made, line by line. Lines are no events: no state depends
//! on them and nothing replays them. They are numbered from 1 without gaps, attempt by attempt.

use serde::{Deserialize, Serialize};
use std::str::FromStr;

use super::ansi;
use super::ids::{RunId, StepPath};
use super::limits::{LOG_BYTES_MAX, LOG_LINE_BYTES_MAX, LOG_LINES_MAX, LOGS_OF_RUN_BYTES_MAX};
use super::time::Timestamp;

/// Whose log it is: that of one attempt of one step, `each.3.fetch` for one inside of a map.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogAddress {
    pub run_id: RunId,
    pub step: StepPath,
    /// From 1.
    pub attempt: u32,
}

/// Where a line came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogStream {
    #[default]
    Stdout,
    Stderr,
    /// What a tool says of its own doing, or Signalbox of the log.
    Note,
}

impl LogStream {
    pub const ALL: [LogStream; 3] = [LogStream::Stdout, LogStream::Stderr, LogStream::Note];

    pub fn as_str(self) -> &'static str {
        match self {
            LogStream::Stdout => "stdout",
            LogStream::Stderr => "stderr",
            LogStream::Note => "note",
        }
    }
}

impl FromStr for LogStream {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = |stream: &LogStream| stream.as_str() == text;
        let found = Self::ALL.into_iter().find(named);
        found.ok_or_else(|| format!("`{text}` is none of stdout, stderr and note"))
    }
}

/// A line that is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// From 1, without gaps.
    pub seq: u32,
    /// When it arrived here.
    pub at: Timestamp,
    pub stream: LogStream,
    /// As it was written, colours included; without a line break.
    pub text: String,
}

impl LogLine {
    /// Whether it says that, whatever the case, as it is read: without colours. `wanted` is in lower case.
    pub fn says(&self, wanted: &str) -> bool {
        ansi::plain(&self.text).to_lowercase().contains(wanted)
    }
}

/// A line on its way: without a line break, and no longer than a line may be.
#[derive(Clone, Debug, PartialEq)]
pub struct NewLine {
    pub stream: LogStream,
    text: String,
    /// When it was written, where it has had to wait since.
    at: Option<Timestamp>,
}

impl NewLine {
    /// Of what is too long the end is cut off, and the line says so.
    pub fn new(stream: LogStream, text: &str) -> Self {
        let text = text.trim_end_matches('\r');
        Self {
            stream,
            text: cut(text).unwrap_or_else(|| text.replace('\n', " ")),
            at: None,
        }
    }

    /// The same, written at that moment and not when its batch arrives.
    pub fn written(self, at: Timestamp) -> Self {
        let at = Some(at);
        Self { at, ..self }
    }

    /// The lines of a text. What follows its last line break is a line too, unless it is nothing.
    pub fn all_of(stream: LogStream, text: &str) -> impl Iterator<Item = Self> + '_ {
        let lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
        let is_any = !text.is_empty();
        lines
            .filter(move |_| is_any)
            .map(move |line| Self::new(stream, line))
    }

    /// What it counts as, with its line break.
    pub fn bytes(&self) -> u64 {
        self.text.len() as u64 + 1
    }
}

fn cut(text: &str) -> Option<String> {
    if text.len() <= LOG_LINE_BYTES_MAX {
        return None;
    }
    let end = text.floor_char_boundary(LOG_LINE_BYTES_MAX);
    let rest = text.len() - end;
    // The reset, so that a colour that was cut open does not reach the mark.
    let begin = text[..end].replace('\n', " ");
    Some(format!("{begin}\u{1b}[0m … [{rest} bytes cut off]"))
}

/// How much has been written into one log, and how much of it is not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogCount {
    /// Kept, which is the number of the last one.
    pub lines: u32,
    pub bytes: u64,
    /// Beyond the bounds of a log, or of all logs of its run.
    pub dropped_lines: u32,
    pub dropped_bytes: u64,
}

impl LogCount {
    /// All lines that have arrived, kept or not.
    pub fn received(&self) -> u32 {
        self.lines.saturating_add(self.dropped_lines)
    }

    /// Counts these lines, which arrive now, and numbers those that are kept. Once one has been dropped all that follow
    /// are, so that what is kept is the beginning. `room`: bytes that the logs of the run have left; what is kept is taken
    /// away from it.
    pub fn take(&mut self, at: Timestamp, lines: &[NewLine], room: &mut u64) -> Vec<LogLine> {
        let mut kept = Vec::new();
        for line in lines {
            let bytes = line.bytes();
            let fits = self.dropped_lines == 0
                && self.lines < LOG_LINES_MAX
                && self.bytes + bytes <= LOG_BYTES_MAX
                && bytes <= *room;
            if !fits {
                self.dropped_lines = self.dropped_lines.saturating_add(1);
                self.dropped_bytes = self.dropped_bytes.saturating_add(bytes);
                continue;
            }
            self.lines += 1;
            self.bytes += bytes;
            *room -= bytes;
            kept.push(LogLine {
                seq: self.lines,
                at: line.at.unwrap_or(at),
                stream: line.stream,
                text: line.text.clone(),
            });
        }
        kept
    }

    /// The closing line of a log that was longer than it may be, or for which its run had no more room.
    pub fn closing(&self) -> Option<String> {
        if self.dropped_lines == 0 {
            return None;
        }
        let lines = match self.dropped_lines {
            1 => "1 line".to_owned(),
            many => format!("{many} lines"),
        };
        Some(format!(
            "The rest was dropped: {lines}, {} bytes. The log of an attempt holds {LOG_LINES_MAX} lines and {LOG_BYTES_MAX} bytes, all logs of a run together {LOGS_OF_RUN_BYTES_MAX} bytes.",
            self.dropped_bytes
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_micros(7);

    fn line(text: &str) -> NewLine {
        NewLine::new(LogStream::Stdout, text)
    }

    #[test]
    fn lines_are_numbered_without_gaps() {
        let mut count = LogCount::default();
        let (mut seqs, mut room) = (Vec::new(), LOGS_OF_RUN_BYTES_MAX);
        for batch in [vec![line("a"), line("b")], vec![], vec![line("c")]] {
            let kept = count.take(AT, &batch, &mut room);
            seqs.extend(kept.into_iter().map(|line| line.seq));
        }
        assert_eq!(seqs, [1, 2, 3]);
        assert_eq!((count.lines, count.bytes), (3, 6));
        assert_eq!(count.closing(), None);
    }

    #[test]
    fn what_is_beyond_the_lines_of_a_log_is_counted_and_dropped() {
        let mut count = LogCount::default();
        let many = vec![line("x"); LOG_LINES_MAX as usize + 2];
        let mut room = LOGS_OF_RUN_BYTES_MAX;
        let kept = count.take(AT, &many, &mut room);
        assert_eq!(kept.len(), LOG_LINES_MAX as usize);
        assert_eq!((count.dropped_lines, count.dropped_bytes), (2, 4));
        assert_eq!(count.received(), LOG_LINES_MAX + 2);
        let closing = count.closing().expect("it says so");
        assert!(closing.starts_with("The rest was dropped: 2 lines, 4 bytes."));
    }

    #[test]
    fn what_is_kept_is_the_beginning() {
        let mut count = LogCount {
            lines: 3,
            bytes: LOG_BYTES_MAX - 4,
            ..LogCount::default()
        };
        let mut room = LOGS_OF_RUN_BYTES_MAX;
        let kept = count.take(AT, &[line("ab"), line("abc"), line("")], &mut room);
        assert_eq!(kept.len(), 1, "the last would fit, and comes too late");
        assert_eq!((count.dropped_lines, count.dropped_bytes), (2, 5));
    }

    #[test]
    fn the_logs_of_a_run_share_their_room() {
        let (mut first, mut second) = (LogCount::default(), LogCount::default());
        let mut room = 7;
        assert_eq!(first.take(AT, &[line("ab"), line("c")], &mut room).len(), 2);
        assert_eq!(room, 2);
        let kept = second.take(AT, &[line("a"), line("b"), line("")], &mut room);
        assert_eq!((kept.len(), room), (1, 0));
        assert_eq!((second.dropped_lines, second.dropped_bytes), (2, 3));
        let closing = second.closing().expect("it says so");
        assert!(
            closing.ends_with("all logs of a run together 67108864 bytes."),
            "{closing}"
        );
        assert_eq!(first.closing(), None, "nothing of it is missing");
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_between_characters_and_says_so() {
        let text = "\u{e4}".repeat(LOG_LINE_BYTES_MAX);
        let line = line(&format!("x{text}"));
        assert!(line.text.len() < LOG_LINE_BYTES_MAX + 64);
        assert!(
            line.text
                .ends_with("\u{e4}\u{1b}[0m … [16386 bytes cut off]"),
            "{}",
            &line.text[LOG_LINE_BYTES_MAX - 4..]
        );
    }

    #[test]
    fn a_text_is_as_many_lines_as_it_shows() {
        let of = |text| -> Vec<String> {
            let lines = NewLine::all_of(LogStream::Stderr, text);
            lines.map(|line| line.text).collect()
        };
        assert_eq!(of(""), Vec::<String>::new());
        assert_eq!(of("\n"), [""]);
        assert_eq!(of("a\r\n\nb"), ["a", "", "b"]);
        assert_eq!(of("a\nb\n"), ["a", "b"]);
    }

    #[test]
    fn a_line_is_searched_as_it_is_read() {
        let text = "\u{1b}[31mER\u{1b}[0mROR: 100% \u{c4}rger".to_owned();
        let line = LogLine {
            seq: 1,
            at: AT,
            stream: LogStream::Stdout,
            text,
        };
        assert!(line.says("error") && line.says("100% \u{e4}rger"));
        assert!(!line.says("31m") && !line.says("100_"));
    }
}
