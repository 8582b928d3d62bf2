//! The SQL of identity on the embedded engine.

use rusqlite::{Connection, OptionalExtension, Result};
use samband_core::{Millis, ResourceId, Secret, UserId};

use super::{StoredKey, TokenState};

pub(super) fn insert(db: &Connection, resource: ResourceId, user: UserId, now: Millis) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO identity (resource, user, created_ms, token_generation, tokens_valid_from)
         VALUES (?1, ?2, ?3, 0, 0)",
    )?
    .execute((resource.as_bytes(), user.as_bytes(), now.0))?;
    Ok(())
}

/// For other rooms' changes: whether the user exists and is not deleted.
pub fn user_exists(db: &Connection, resource: ResourceId, user: UserId) -> Result<bool> {
    db.prepare_cached("SELECT 1 FROM identity WHERE resource = ?1 AND user = ?2 AND deleted_ms IS NULL")?
        .exists((resource.as_bytes(), user.as_bytes()))
}

pub(super) fn token_state(db: &Connection, resource: ResourceId, user: UserId) -> Result<Option<TokenState>> {
    db.prepare_cached(
        "SELECT token_generation, tokens_valid_from FROM identity
         WHERE resource = ?1 AND user = ?2 AND deleted_ms IS NULL",
    )?
    .query_row((resource.as_bytes(), user.as_bytes()), |row| {
        Ok(TokenState {
            generation: row.get(0)?,
            valid_from: Millis(row.get(1)?),
        })
    })
    .optional()
}

pub(super) fn raise_generation(db: &Connection, resource: ResourceId, user: UserId) -> Result<bool> {
    let changed = db
        .prepare_cached(
            "UPDATE identity SET token_generation = token_generation + 1
             WHERE resource = ?1 AND user = ?2 AND deleted_ms IS NULL",
        )?
        .execute((resource.as_bytes(), user.as_bytes()))?;
    Ok(changed == 1)
}

pub(super) fn raise_valid_from(db: &Connection, resource: ResourceId, user: UserId, from: Millis) -> Result<bool> {
    let changed = db
        .prepare_cached(
            "UPDATE identity SET tokens_valid_from = max(tokens_valid_from, ?3)
             WHERE resource = ?1 AND user = ?2 AND deleted_ms IS NULL",
        )?
        .execute((resource.as_bytes(), user.as_bytes(), from.0))?;
    Ok(changed == 1)
}

pub(super) fn mark_deleted(db: &Connection, resource: ResourceId, user: UserId, now: Millis) -> Result<bool> {
    let changed = db
        .prepare_cached(
            "UPDATE identity SET deleted_ms = ?3, token_generation = token_generation + 1
             WHERE resource = ?1 AND user = ?2 AND deleted_ms IS NULL",
        )?
        .execute((resource.as_bytes(), user.as_bytes(), now.0))?;
    Ok(changed == 1)
}

pub(super) fn insert_signing_key(db: &Connection, key: &StoredKey, now: Millis) -> Result<()> {
    db.prepare_cached("INSERT INTO signing_key (kid, pkcs8, created_ms) VALUES (?1, ?2, ?3)")?
        .execute((&key.kid, key.pkcs8.reveal(), now.0))?;
    Ok(())
}

pub(super) fn signing_keys(db: &Connection) -> Result<Vec<StoredKey>> {
    let mut statement = db.prepare_cached("SELECT kid, pkcs8 FROM signing_key ORDER BY number DESC")?;
    let rows = statement.query_map((), |row| {
        Ok(StoredKey {
            kid: row.get(0)?,
            pkcs8: Secret::new(row.get(1)?),
        })
    })?;
    rows.collect()
}
