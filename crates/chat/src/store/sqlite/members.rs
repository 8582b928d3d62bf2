//! Stays of users in threads.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, Result, Row};
use samband_core::{LogPosition, Millis, ResourceId, Stamp, ThreadId, UserId};
use samband_store::EngineError;

use crate::model::StoredMember;
use crate::store::db::{Interval, MemberChange, Members, NewMember};
use crate::store::{UserKey, read_roles, user_of};

const COLUMNS: &str = "user, display_name, share_ms, metadata, roles";

fn read(row: &Row<'_>) -> Result<StoredMember> {
    let key = row.get_ref(0)?.as_blob()?;
    let metadata = row.get_ref(3)?.as_blob()?;
    Ok(StoredMember {
        user: user_of(key).unwrap_or(UserId::from_bytes([0; 16])),
        display_name: super::threads::text(row, 1)?,
        share_history: Millis(row.get(2)?),
        metadata: serde_json::from_slice(metadata).unwrap_or_default(),
        roles: row.get_ref(4)?.as_blob_or_null()?.map_or_else(Vec::new, read_roles),
    })
}

impl Members for Connection {
    async fn is_member(&self, thread: ThreadId, user: &[u8]) -> Result<bool, EngineError> {
        let found = self
            .prepare_cached("SELECT 1 FROM member WHERE thread = ?1 AND user = ?2 AND until_stamp IS NULL")?
            .exists((thread.as_bytes(), user))?;
        Ok(found)
    }

    async fn visibility(&self, thread: ThreadId, user: &[u8]) -> Result<Vec<Interval>, EngineError> {
        let mut statement = self.prepare_cached(
            "SELECT from_stamp, until_stamp FROM member WHERE thread = ?1 AND user = ?2 ORDER BY joined_stamp",
        )?;
        let rows = statement.query_map((thread.as_bytes(), user), |row| {
            Ok(Interval {
                from: row.get(0)?,
                until: row.get::<_, Option<i64>>(1)?.unwrap_or(i64::MAX),
            })
        })?;
        Ok(rows.collect::<Result<_>>()?)
    }

    async fn member(&self, thread: ThreadId, user: &[u8]) -> Result<Option<StoredMember>, EngineError> {
        let found = self
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM member WHERE thread = ?1 AND user = ?2 AND until_stamp IS NULL"
            ))?
            .query_row((thread.as_bytes(), user), read)
            .optional()?;
        Ok(found)
    }

    async fn members(
        &self,
        thread: ThreadId,
        after: &[u8],
        skip: usize,
        most: usize,
    ) -> Result<Vec<StoredMember>, EngineError> {
        let mut statement = self.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM member WHERE thread = ?1 AND user > ?2 AND until_stamp IS NULL
         ORDER BY user LIMIT ?3 OFFSET ?4"
        ))?;
        let rows = statement.query_map((thread.as_bytes(), after, most as i64, skip as i64), read)?;
        Ok(rows.collect::<Result<_>>()?)
    }

    async fn members_among(&self, thread: ThreadId, users: &[UserKey]) -> Result<HashSet<UserKey>, EngineError> {
        let mut statement =
            self.prepare_cached("SELECT 1 FROM member WHERE thread = ?1 AND user = ?2 AND until_stamp IS NULL")?;
        let mut found = HashSet::new();
        for user in users {
            if statement.exists((thread.as_bytes(), user.as_slice()))? {
                found.insert(*user);
            }
        }
        Ok(found)
    }

    async fn insert_members(
        &self,
        resource: ResourceId,
        thread: ThreadId,
        new: &[NewMember],
    ) -> Result<(), EngineError> {
        let mut stay = self.prepare_cached(
            "INSERT INTO member (thread, user, joined_stamp, from_stamp, share_ms, display_name, metadata, roles)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        let mut line = self.prepare_cached(
            "INSERT INTO thread_of_user (resource, user, thread) VALUES (?1, ?2, ?3)
         ON CONFLICT (resource, user, thread) DO UPDATE SET removed_pos = NULL WHERE removed_pos IS NOT NULL",
        )?;
        for new in new {
            let user = new.user.as_slice();
            stay.execute((
                thread.as_bytes(),
                user,
                new.joined.0,
                new.from.0,
                new.share_ms,
                new.display_name.as_deref().map(str::as_bytes),
                &new.metadata,
                &new.roles,
            ))?;
            line.execute((resource.as_bytes(), user, thread.as_bytes()))?;
        }
        Ok(())
    }

    async fn rename_member(&self, thread: ThreadId, user: &[u8], name: &str) -> Result<(), EngineError> {
        self.prepare_cached(
            "UPDATE member SET display_name = ?3 WHERE thread = ?1 AND user = ?2 AND until_stamp IS NULL",
        )?
        .execute((thread.as_bytes(), user, name.as_bytes()))?;
        Ok(())
    }

    async fn change_member(&self, thread: ThreadId, user: &[u8], change: &MemberChange) -> Result<(), EngineError> {
        self.prepare_cached(
            "UPDATE member SET display_name = coalesce(?3, display_name), roles = coalesce(?4, roles),
                from_stamp = coalesce(?5, from_stamp), share_ms = coalesce(?5, share_ms)
         WHERE thread = ?1 AND user = ?2 AND until_stamp IS NULL",
        )?
        .execute((
            thread.as_bytes(),
            user,
            change.display_name.as_deref().map(str::as_bytes),
            &change.roles,
            change.share_ms,
        ))?;
        Ok(())
    }

    async fn end_stay(&self, thread: ThreadId, user: &[u8], until: Stamp) -> Result<(), EngineError> {
        self.prepare_cached(
            "UPDATE member SET until_stamp = ?3 WHERE thread = ?1 AND user = ?2 AND until_stamp IS NULL",
        )?
        .execute((thread.as_bytes(), user, until.0))?;
        Ok(())
    }

    async fn unlist_thread(
        &self,
        resource: ResourceId,
        user: &[u8],
        thread: ThreadId,
        removed: LogPosition,
    ) -> Result<(), EngineError> {
        self.prepare_cached(
            "UPDATE thread_of_user SET removed_pos = ?4 WHERE resource = ?1 AND user = ?2 AND thread = ?3",
        )?
        .execute((resource.as_bytes(), user, thread.as_bytes(), removed.0))?;
        Ok(())
    }

    async fn is_listed(&self, resource: ResourceId, user: &[u8], thread: ThreadId) -> Result<bool, EngineError> {
        let found = self.prepare_cached(
        "SELECT 1 FROM thread_of_user WHERE resource = ?1 AND user = ?2 AND thread = ?3 AND removed_pos IS NULL",
    )?
    .exists((resource.as_bytes(), user, thread.as_bytes()))?;
        Ok(found)
    }
}
