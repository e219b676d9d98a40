//! Capsules: runs that go out as files and come in as such, to be looked at where they never ran.

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::{Read, Write};
use thiserror::Error;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;

use super::{RunRecord, Service, ServiceError};
use crate::capsule::{Capsule, File, Flaw, Head, KeyError, Opened, SigningKey, open, sealed};
use crate::engine::ids::{CapsuleId, RunId};
use crate::engine::summary::CapsuleCard;
use crate::engine::time::Timestamp;
use crate::store::{CapsuleRow, Store, StoreError};

/// Of a file.
pub const CAPSULE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Opened capsules that are kept, and their bytes in all: beside the runs, not in their place.
pub const CAPSULES_MAX: u32 = 200;
const KEPT_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// How often the files of a run that goes on are read until they are all of one moment.
const TRIES_MAX: usize = 5;
/// Of the key, among all keys of this server.
const PURPOSE: &str = "capsule";
/// Bytes of an id.
const ID_BYTES: usize = 16;
/// One takes memory of several times its size while it is read.
static AT_ONCE: Semaphore = Semaphore::const_new(1);

#[derive(Clone, Debug, PartialEq, Error)]
pub enum CapsuleError {
    #[error("the file is not opened: {0}")]
    Refused(Flaw),
    #[error("the run is too large for a capsule of {CAPSULE_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the opened capsules take all the room there is for them")]
    TooMany,
    #[error("the run leaves files faster than they can be read")]
    TooFast,
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Nothing that whoever asked could mend.
    #[error("a capsule could not be made or read: {0}")]
    Failed(String),
}

/// A run as a file.
pub struct Exported {
    /// Such as `nightly-build-0198….capsule`.
    pub name: String,
    pub text: String,
}

impl Service {
    /// The run as it stands, as a file under this server's signature.
    pub async fn export_capsule(
        &self,
        run_id: &RunId,
        actor: &str,
    ) -> Result<Exported, ServiceError> {
        let turn = turn().await?;
        let (record, files) = self.of_one_moment(run_id).await?;
        let header = &record.header;
        let definition = self.store.definition(&header.version_id).await?;
        let definition = definition.ok_or(ServiceError::NotFound("version"))?;
        let name = format!("{}-{run_id}.capsule", header.workflow_slug);
        let (key, actor, now) = (self.signing_key().await?, actor.to_owned(), self.now());
        let text = aside(turn, move || {
            let capsule = Capsule {
                head: Head::new(record.summary(), &actor, now),
                definition,
                outline: record.outline,
                events: record.events,
                files,
            };
            sealed(&capsule, &key)
        });
        let text = text.await?.map_err(|error| failed(&error))?;
        if text.len() > CAPSULE_BYTES_MAX {
            return Err(CapsuleError::TooLarge.into());
        }
        Ok(Exported { name, text })
    }

    /// The run and its files: one that goes on may leave another in place of one while they are read.
    async fn of_one_moment(&self, run_id: &RunId) -> Result<(RunRecord, Vec<File>), ServiceError> {
        for _ in 0..TRIES_MAX {
            let cards = self.store.artifacts_of(run_id).await?;
            let bytes: usize = cards.iter().map(|card| card.bytes as usize).sum();
            if bytes > CAPSULE_BYTES_MAX {
                return Err(CapsuleError::TooLarge.into());
            }
            let mut files = Vec::new();
            for card in &cards {
                let kept = self.store.artifact(run_id, &card.id).await?;
                files.extend(kept.map(|kept| File {
                    card: kept.card,
                    content: kept.content,
                }));
            }
            let record = self.run(run_id).await?;
            let are_those = files.iter().map(|file| &file.card).eq(&cards);
            if are_those && self.store.artifacts_of(run_id).await? == cards {
                return Ok((record, files));
            }
        }
        Err(CapsuleError::TooFast.into())
    }

    /// Looks whether the file is whole, and keeps it to be looked at. The same file again is the same capsule, and then
    /// nothing is new.
    pub async fn open_capsule(
        &self,
        file: Vec<u8>,
        actor: &str,
    ) -> Result<(CapsuleCard, bool), ServiceError> {
        if file.len() > CAPSULE_BYTES_MAX {
            let max_bytes = CAPSULE_BYTES_MAX;
            return Err(CapsuleError::Refused(Flaw::TooLarge { max_bytes }).into());
        }
        let turn_to_read = turn().await?;
        let read = aside(turn_to_read, move || {
            let opened = open(&file).map_err(CapsuleError::Refused)?;
            let packed = packed(&file).map_err(|error| failed(&error))?;
            Ok::<_, CapsuleError>((opened, packed, id_of(&file), file.len()))
        });
        let (opened, packed, id, bytes) = read.await??;
        let own = self.own_fingerprint().await?;
        if let Some((kept, _)) = self.store.capsule(&id).await? {
            return Ok((card(kept, own.as_deref()), false));
        }
        let (capsules, kept_bytes) = self.store.capsules_kept().await?;
        if capsules >= CAPSULES_MAX || kept_bytes + bytes as u64 > KEPT_BYTES_MAX {
            return Err(CapsuleError::TooMany.into());
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let row = row_of(&opened, id, bytes, (self.now(), actor.to_owned()));
        // Of two at once the first stays.
        let is_new = self.store.keep_capsule(&row, &packed).await?;
        Ok((card(row, own.as_deref()), is_new))
    }

    /// An opened capsule with all that is in it. It is looked through again each time, and nothing is told of it but what
    /// it says itself: a change on the disk is no less a change.
    pub async fn capsule(&self, id: &CapsuleId) -> Result<(CapsuleCard, Opened), ServiceError> {
        let turn = turn().await?;
        let (row, file) = self.kept_file(id).await?;
        let read = aside(turn, move || {
            let file = file()?;
            Ok::<_, StoreError>(open(&file).map_err(CapsuleError::Refused))
        });
        let opened = read.await???;
        let own = self.own_fingerprint().await?;
        let row = row_of(&opened, row.id, row.bytes, (row.opened_at, row.opened_by));
        Ok((card(row, own.as_deref()), opened))
    }

    /// The file itself, as it came.
    pub async fn capsule_file(&self, id: &CapsuleId) -> Result<Exported, ServiceError> {
        let turn = turn().await?;
        let (row, file) = self.kept_file(id).await?;
        let text = aside(turn, move || {
            let text = String::from_utf8(file()?);
            text.map_err(|error| StoreError::Corrupt(error.to_string()))
        });
        let header = row.run.header;
        Ok(Exported {
            name: format!("{}-{}.capsule", header.workflow_slug, header.run_id),
            text: text.await??,
        })
    }

    /// What is kept of it, and how to get at the file, which takes a while.
    async fn kept_file(
        &self,
        id: &CapsuleId,
    ) -> Result<
        (
            CapsuleRow,
            impl FnOnce() -> Result<Vec<u8>, StoreError> + Send + use<>,
        ),
        ServiceError,
    > {
        let found = self.store.capsule(id).await?;
        let (row, packed) = found.ok_or(ServiceError::NotFound("capsule"))?;
        let id = id.clone();
        let file = move || {
            let file = unpacked(&packed);
            let file = file.map_err(|error| StoreError::Corrupt(error.to_string()))?;
            match id_of(&file) == id {
                true => Ok(file),
                false => Err(StoreError::Corrupt(format!(
                    "the capsule {id} is another file than the one that was opened"
                ))),
            }
        };
        Ok((row, file))
    }

    /// Opened last first, as they were when they were opened.
    pub async fn capsules(&self) -> Result<Vec<CapsuleCard>, ServiceError> {
        let rows = self.store.list_capsules(CAPSULES_MAX).await?;
        let own = self.own_fingerprint().await?;
        let cards = rows.into_iter().map(|row| card(row, own.as_deref()));
        Ok(cards.collect())
    }

    pub async fn forget_capsule(&self, id: &CapsuleId) -> Result<(), ServiceError> {
        match self.store.forget_capsule(id).await? {
            true => Ok(()),
            false => Err(ServiceError::NotFound("capsule")),
        }
    }

    /// What to compare when somebody says that a capsule is from here. None before anything was signed.
    pub async fn own_fingerprint(&self) -> Result<Option<String>, ServiceError> {
        let kept = self.store.signing_key(PURPOSE).await?;
        let key = kept.map(|kept| SigningKey::from_pkcs8(&kept)).transpose();
        let key = key.map_err(CapsuleError::Key)?;
        Ok(key.map(|key| key.fingerprint().to_string()))
    }

    /// Made when it is asked for first. All replicas on a database have the same one: whoever is second takes the key
    /// of the first.
    async fn signing_key(&self) -> Result<SigningKey, ServiceError> {
        let kept = match self.store.signing_key(PURPOSE).await? {
            Some(kept) => kept,
            None => {
                let made = SigningKey::generate().map_err(CapsuleError::Key)?;
                let now = self.now();
                self.store
                    .keep_signing_key(PURPOSE, made.pkcs8(), now)
                    .await?;
                let kept = self.store.signing_key(PURPOSE).await?;
                kept.ok_or_else(|| StoreError::Corrupt("the signing key is gone".to_owned()))?
            }
        };
        Ok(SigningKey::from_pkcs8(&kept).map_err(CapsuleError::Key)?)
    }
}

/// `by`: when it was opened, and by whom.
fn row_of(opened: &Opened, id: CapsuleId, bytes: u32, by: (Timestamp, String)) -> CapsuleRow {
    let head = &opened.capsule.head;
    let (opened_at, opened_by) = by;
    CapsuleRow {
        id,
        run: head.run.clone(),
        exported_at: head.exported_at,
        exported_by: head.exported_by.clone(),
        signed_with: opened.signed_with.to_string(),
        bytes,
        opened_at,
        opened_by,
    }
}

fn card(row: CapsuleRow, own: Option<&str>) -> CapsuleCard {
    let CapsuleRow {
        id,
        run,
        exported_at,
        exported_by,
        signed_with,
        bytes,
        opened_at,
        opened_by,
    } = row;
    CapsuleCard {
        is_own_key: own == Some(signed_with.as_str()),
        id,
        run,
        exported_at,
        exported_by,
        signed_with,
        bytes,
        opened_at,
        opened_by,
    }
}

async fn turn() -> Result<SemaphorePermit<'static>, CapsuleError> {
    // It is never closed.
    AT_ONCE.acquire().await.map_err(|error| failed(&error))
}

/// Beside the runtime: a large one takes a while. It has its turn until it is done, whoever has gone meanwhile.
async fn aside<T: Send + 'static>(
    turn: SemaphorePermit<'static>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CapsuleError> {
    let done = spawn_blocking(move || {
        let done = work();
        drop(turn);
        done
    });
    done.await.map_err(|error| failed(&error))
}

fn failed(error: &impl std::fmt::Display) -> CapsuleError {
    CapsuleError::Failed(error.to_string())
}

fn id_of(file: &[u8]) -> CapsuleId {
    let digest = Sha256::digest(file);
    let hex = digest
        .iter()
        .take(ID_BYTES)
        .fold(String::new(), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        });
    CapsuleId::new(hex)
}

fn packed(file: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(file)?;
    packer.finish()
}

fn unpacked(packed: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut file = Vec::new();
    // What is longer was not put there by `open_capsule`.
    GzDecoder::new(packed)
        .take(CAPSULE_BYTES_MAX as u64)
        .read_to_end(&mut file)?;
    Ok(file)
}
