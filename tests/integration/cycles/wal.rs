//! SQLite's write-ahead log as bytes: where its last commit ends, and what a loss of power may leave behind that.
//! <https://sqlite.org/fileformat2.html#the_write_ahead_log>

use std::path::{Path, PathBuf};

use super::dice::Dice;

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;

pub struct Wal {
    path: PathBuf,
    bytes: Vec<u8>,
    page_bytes: usize,
    /// Which way round the checksums read their numbers.
    big_endian: bool,
    /// Frames that count: they bear the log's salt and the right checksum.
    pub frames: Vec<Frame>,
}

#[derive(Clone, Copy)]
pub struct Frame {
    /// Behind its last byte.
    pub end: usize,
    /// The last one of a transaction.
    pub commits: bool,
    sums: (u32, u32),
}

/// What is put behind the last commit.
#[derive(Clone, Copy, Debug)]
pub enum Tail {
    /// The file ends somewhere behind it.
    Cut,
    /// Bytes without meaning.
    Noise,
    /// A frame that would count, half of it.
    HalfAFrame,
    /// Frames that count, of a transaction whose commit never came, with pages of nonsense.
    Uncommitted,
}

impl Wal {
    /// `None` when there is no log, or nothing in it.
    pub fn beside(database: &Path) -> Option<Self> {
        let mut path = database.as_os_str().to_owned();
        path.push("-wal");
        let path = PathBuf::from(path);
        let bytes = std::fs::read(&path).ok()?;
        if bytes.len() < HEADER_BYTES {
            return None;
        }
        let mut wal = Self {
            path,
            page_bytes: number(&bytes, 8) as usize,
            big_endian: number(&bytes, 0) & 1 == 1,
            bytes,
            frames: Vec::new(),
        };
        wal.frames = wal.read_frames();
        (!wal.frames.is_empty()).then_some(wal)
    }

    fn read_frames(&self) -> Vec<Frame> {
        let mut frames = Vec::new();
        let mut sums = (number(&self.bytes, 24), number(&self.bytes, 28));
        let mut at = HEADER_BYTES;
        while let Some(frame) = self.bytes.get(at..at + self.frame_bytes()) {
            sums = self.sums_of(frame, sums);
            let says = (number(frame, 16), number(frame, 20));
            if frame[8..16] != self.bytes[16..24] || says != sums {
                break;
            }
            at += self.frame_bytes();
            frames.push(Frame {
                end: at,
                commits: number(frame, 4) != 0,
                sums,
            });
        }
        frames
    }

    fn frame_bytes(&self) -> usize {
        FRAME_HEADER_BYTES + self.page_bytes
    }

    /// The checksum after this frame, which counts on from the one before.
    fn sums_of(&self, frame: &[u8], before: (u32, u32)) -> (u32, u32) {
        let read = |word: &[u8]| {
            let word = word.try_into().expect("four bytes");
            if self.big_endian {
                u32::from_be_bytes(word)
            } else {
                u32::from_le_bytes(word)
            }
        };
        let summed = [&frame[..8], &frame[FRAME_HEADER_BYTES..]];
        let pairs = summed.into_iter().flat_map(|part| part.chunks_exact(8));
        pairs.fold(before, |(first, second), pair| {
            let first = first.wrapping_add(read(&pair[..4])).wrapping_add(second);
            let second = second.wrapping_add(read(&pair[4..])).wrapping_add(first);
            (first, second)
        })
    }

    /// Behind the last byte that an acknowledged commit needs.
    fn last_commit(&self) -> (usize, (u32, u32)) {
        let committed = self.frames.iter().rev().find(|frame| frame.commits);
        committed.map_or(
            (
                HEADER_BYTES,
                (number(&self.bytes, 24), number(&self.bytes, 28)),
            ),
            |frame| (frame.end, frame.sums),
        )
    }

    /// Leaves every commit as it is, and spoils what is behind.
    pub fn spoil_tail(&self, tail: Tail, dice: &mut Dice) {
        let (end, sums) = self.last_commit();
        let mut bytes = self.bytes[..end].to_vec();
        match tail {
            Tail::Cut => {
                let behind = (self.bytes.len() - end) as u64;
                let kept = usize::try_from(dice.within(0..behind + 1)).expect("a file's length");
                bytes.extend_from_slice(&self.bytes[end..end + kept]);
            }
            Tail::Noise => {
                let length = usize::try_from(dice.within(1..20_000)).expect("a few");
                bytes.extend(dice.bytes(length));
            }
            Tail::HalfAFrame => {
                let (frame, _) = self.nonsense(sums, dice);
                let kept = dice.within(1..frame.len() as u64);
                bytes.extend_from_slice(&frame[..usize::try_from(kept).expect("a few")]);
            }
            Tail::Uncommitted => {
                let mut sums = sums;
                for _ in 0..dice.within(1..5) {
                    let (frame, next) = self.nonsense(sums, dice);
                    bytes.extend(frame);
                    sums = next;
                }
            }
        }
        std::fs::write(&self.path, bytes).expect("it can be written");
    }

    /// A frame that counts, but commits nothing: nonsense for the database's second page.
    fn nonsense(&self, before: (u32, u32), dice: &mut Dice) -> (Vec<u8>, (u32, u32)) {
        let mut frame = Vec::with_capacity(self.frame_bytes());
        frame.extend(2_u32.to_be_bytes());
        frame.extend(0_u32.to_be_bytes());
        frame.extend_from_slice(&self.bytes[16..24]);
        frame.extend([0; 8]);
        frame.extend(dice.bytes(self.page_bytes));
        let sums = self.sums_of(&frame, before);
        frame[16..20].copy_from_slice(&sums.0.to_be_bytes());
        frame[20..24].copy_from_slice(&sums.1.to_be_bytes());
        (frame, sums)
    }

    /// Takes away what is behind the first `length` bytes, commits or not.
    pub fn cut(&self, length: usize) {
        std::fs::write(&self.path, &self.bytes[..length]).expect("it can be written");
    }

    pub fn length(&self) -> usize {
        self.bytes.len()
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}
