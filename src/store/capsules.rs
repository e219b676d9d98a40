//! Runs that came in files of their own, and what this server signs such files with.

use super::sql::{Row, Sql};
use super::{Database, StoreError, corrupt};
use crate::engine::ids::CapsuleId;
use crate::engine::summary::RunSummary;
use crate::engine::time::Timestamp;

/// A capsule without its content.
#[derive(Clone, Debug, PartialEq)]
pub struct CapsuleRow {
    pub id: CapsuleId,
    pub run: RunSummary,
    pub exported_at: Timestamp,
    pub exported_by: String,
    /// The fingerprint of the key.
    pub signed_with: String,
    /// Of the file.
    pub bytes: u32,
    pub opened_at: Timestamp,
    pub opened_by: String,
}

/// The columns that `capsule_row` reads.
macro_rules! columns {
    () => {
        "id, run, exported_at, exported_by, signed_with, bytes, opened_at, opened_by"
    };
}

impl Database {
    /// The private key for this purpose, as PKCS #8.
    pub async fn signing_key(&self, purpose: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = Sql::of("SELECT pkcs8 FROM signing_keys WHERE purpose = $1");
        let row = self.first(sql.bind(purpose)).await?;
        row.map(|row| row.bytes("pkcs8")).transpose()
    }

    /// Keeps the key for this purpose, unless there is one: that one stays, whoever else made one in the same moment.
    pub async fn keep_signing_key(
        &self,
        purpose: &str,
        pkcs8: &[u8],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = Sql::of(
            "INSERT INTO signing_keys (purpose, pkcs8, created_at) VALUES ($1, $2, $3)
             ON CONFLICT (purpose) DO NOTHING",
        );
        let mut change = self.change().await?;
        change.run(sql.bind(purpose).bind(pkcs8).bind(at)).await?;
        change.commit().await
    }

    /// Keeps the capsule. One that is there already stays as it was opened first; then the answer is false.
    pub async fn keep_capsule(&self, row: &CapsuleRow, content: &[u8]) -> Result<bool, StoreError> {
        let run = serde_json::to_string(&row.run).map_err(corrupt)?;
        let sql = Sql::of(
            "INSERT INTO capsules (id, run, exported_at, exported_by, signed_with, bytes, opened_at, opened_by, content)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING",
        )
        .bind(row.id.as_str())
        .bind(&run)
        .bind(row.exported_at)
        .bind(&row.exported_by)
        .bind(&row.signed_with)
        .bind(row.bytes)
        .bind(row.opened_at)
        .bind(&row.opened_by)
        .bind(content);
        let mut change = self.change().await?;
        let is_new = change.run(sql).await? > 0;
        change.commit().await?;
        Ok(is_new)
    }

    pub async fn capsule(
        &self,
        id: &CapsuleId,
    ) -> Result<Option<(CapsuleRow, Vec<u8>)>, StoreError> {
        let sql = Sql::of(concat!(
            "SELECT ",
            columns!(),
            ", content FROM capsules WHERE id = $1"
        ));
        let row = self.first(sql.bind(id.as_str())).await?;
        row.map(|row| Ok((capsule_row(&row)?, row.bytes("content")?)))
            .transpose()
    }

    /// Opened last first.
    pub async fn list_capsules(&self, limit: u32) -> Result<Vec<CapsuleRow>, StoreError> {
        let mut sql = Sql::of(concat!(
            "SELECT ",
            columns!(),
            " FROM capsules ORDER BY opened_at DESC, id DESC LIMIT "
        ));
        sql.push_bind(limit);
        self.all(sql).await?.iter().map(capsule_row).collect()
    }

    /// How many there are, and the bytes of their files.
    pub async fn capsules_kept(&self) -> Result<(u32, u64), StoreError> {
        let sql = "SELECT count(*) AS capsules, CAST(coalesce(sum(bytes), 0) AS BIGINT) AS bytes FROM capsules";
        let row = self.first(Sql::of(sql)).await?;
        row.map_or(Ok((0, 0)), |row| {
            Ok((row.number("capsules")?, row.number("bytes")?))
        })
    }

    /// Whether there was one.
    pub async fn forget_capsule(&self, id: &CapsuleId) -> Result<bool, StoreError> {
        let mut change = self.change().await?;
        let sql = Sql::of("DELETE FROM capsules WHERE id = $1");
        let forgotten = change.run(sql.bind(id.as_str())).await?;
        change.commit().await?;
        Ok(forgotten > 0)
    }
}

fn capsule_row(row: &Row) -> Result<CapsuleRow, StoreError> {
    Ok(CapsuleRow {
        id: CapsuleId::new(row.text("id")?),
        run: row.json("run")?,
        exported_at: row.moment("exported_at")?,
        exported_by: row.text("exported_by")?,
        signed_with: row.text("signed_with")?,
        bytes: row.number("bytes")?,
        opened_at: row.moment("opened_at")?,
        opened_by: row.text("opened_by")?,
    })
}
