//! Stays of users in threads.

use std::collections::HashSet;

use samband_core::{LogPosition, Millis, ResourceId, Stamp, ThreadId, UserId};
use samband_store::EngineError;
use samband_store::postgres::Session;
use tokio_postgres::Row;

use super::{key, resource_key, text};
use crate::model::StoredMember;
use crate::store::db::{Interval, MemberChange, Members, NewMember};
use crate::store::{UserKey, read_roles, user_of};

fn read(row: &Row) -> Result<StoredMember, EngineError> {
    Ok(StoredMember {
        user: user_of(row.try_get(0)?).unwrap_or(UserId::from_bytes([0; 16])),
        display_name: text(row, 1)?,
        share_history: Millis(row.try_get(2)?),
        metadata: serde_json::from_slice(row.try_get(3)?).unwrap_or_default(),
        roles: row.try_get::<_, Option<&[u8]>>(4)?.map_or_else(Vec::new, read_roles),
    })
}

pub(super) fn interval(row: &Row) -> Result<Interval, EngineError> {
    Ok(Interval {
        from: row.try_get(0)?,
        until: row.try_get::<_, Option<i64>>(1)?.unwrap_or(i64::MAX),
    })
}

impl Members for Session {
    async fn is_member(&self, thread: ThreadId, user: &[u8]) -> Result<bool, EngineError> {
        self.exists(
            r#"SELECT 1 FROM member WHERE thread = $1 AND "user" = $2 AND until_stamp IS NULL"#,
            &[&key(thread), &user],
        )
        .await
    }

    async fn members_among(&self, thread: ThreadId, users: &[UserKey]) -> Result<HashSet<UserKey>, EngineError> {
        let asked: Vec<&[u8]> = users.iter().map(|user| user.as_slice()).collect();
        let rows = self
            .query(
                r#"SELECT "user" FROM member WHERE thread = $1 AND "user" = ANY($2) AND until_stamp IS NULL"#,
                &[&key(thread), &asked],
            )
            .await?;
        let mut found = HashSet::with_capacity(rows.len());
        for row in &rows {
            found.extend(UserKey::try_from(row.try_get::<_, &[u8]>(0)?).ok());
        }
        Ok(found)
    }

    async fn visibility(&self, thread: ThreadId, user: &[u8]) -> Result<Vec<Interval>, EngineError> {
        let rows = self
            .query(
                r#"SELECT from_stamp, until_stamp FROM member WHERE thread = $1 AND "user" = $2 ORDER BY joined_stamp"#,
                &[&key(thread), &user],
            )
            .await?;
        rows.iter().map(interval).collect()
    }

    async fn member(&self, thread: ThreadId, user: &[u8]) -> Result<Option<StoredMember>, EngineError> {
        let row = self
            .query_opt(
                r#"SELECT "user", display_name, share_ms, metadata, roles FROM member
                   WHERE thread = $1 AND "user" = $2 AND until_stamp IS NULL"#,
                &[&key(thread), &user],
            )
            .await?;
        row.map(|row| read(&row)).transpose()
    }

    async fn members(
        &self,
        thread: ThreadId,
        after: &[u8],
        skip: usize,
        most: usize,
    ) -> Result<Vec<StoredMember>, EngineError> {
        let rows = self
            .query(
                r#"SELECT "user", display_name, share_ms, metadata, roles FROM member
                   WHERE thread = $1 AND "user" > $2 AND until_stamp IS NULL ORDER BY "user" LIMIT $3 OFFSET $4"#,
                &[&key(thread), &after, &(most as i64), &(skip as i64)],
            )
            .await?;
        rows.iter().map(read).collect()
    }

    async fn insert_members(
        &self,
        resource: ResourceId,
        thread: ThreadId,
        new: &[NewMember],
    ) -> Result<(), EngineError> {
        if new.is_empty() {
            return Ok(());
        }
        let users: Vec<Vec<u8>> = new.iter().map(|new| new.user.to_vec()).collect();
        let numbers = |value: fn(&NewMember) -> i64| new.iter().map(value).collect::<Vec<_>>();
        let names: Vec<Option<Vec<u8>>> = new
            .iter()
            .map(|new| new.display_name.clone().map(String::into_bytes))
            .collect();
        self.write(
            r#"INSERT INTO member (thread, "user", joined_stamp, from_stamp, share_ms, display_name, metadata, roles)
               SELECT $1, i.* FROM unnest($2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[], $7::bytea[], $8::bytea[]) i"#,
            vec![
                Box::new(key(thread)),
                Box::new(users.clone()),
                Box::new(numbers(|new| new.joined.0)),
                Box::new(numbers(|new| new.from.0)),
                Box::new(numbers(|new| new.share_ms)),
                Box::new(names),
                Box::new(new.iter().map(|new| new.metadata.clone()).collect::<Vec<_>>()),
                Box::new(new.iter().map(|new| new.roles.clone()).collect::<Vec<_>>()),
            ],
        )
        .await?;
        self.write(
            r#"INSERT INTO thread_of_user (resource, "user", thread) SELECT $1, u, $2 FROM unnest($3::bytea[]) u ORDER BY u
               ON CONFLICT (resource, "user", thread) DO UPDATE SET removed_pos = NULL"#,
            vec![
                Box::new(resource_key(resource)),
                Box::new(key(thread)),
                Box::new(users),
            ],
        )
        .await
    }

    async fn rename_member(&self, thread: ThreadId, user: &[u8], name: &str) -> Result<(), EngineError> {
        self.write(
            r#"UPDATE member SET display_name = $3 WHERE thread = $1 AND "user" = $2 AND until_stamp IS NULL"#,
            vec![
                Box::new(key(thread)),
                Box::new(user.to_vec()),
                Box::new(name.as_bytes().to_vec()),
            ],
        )
        .await
    }

    async fn change_member(&self, thread: ThreadId, user: &[u8], change: &MemberChange) -> Result<(), EngineError> {
        self.write(
            r#"UPDATE member SET display_name = coalesce($3, display_name), roles = coalesce($4, roles),
                   from_stamp = coalesce($5, from_stamp), share_ms = coalesce($5, share_ms)
               WHERE thread = $1 AND "user" = $2 AND until_stamp IS NULL"#,
            vec![
                Box::new(key(thread)),
                Box::new(user.to_vec()),
                Box::new(change.display_name.clone().map(String::into_bytes)),
                Box::new(change.roles.clone()),
                Box::new(change.share_ms),
            ],
        )
        .await
    }

    async fn end_stay(&self, thread: ThreadId, user: &[u8], until: Stamp) -> Result<(), EngineError> {
        self.write(
            r#"UPDATE member SET until_stamp = $3 WHERE thread = $1 AND "user" = $2 AND until_stamp IS NULL"#,
            vec![Box::new(key(thread)), Box::new(user.to_vec()), Box::new(until.0)],
        )
        .await
    }

    async fn unlist_thread(
        &self,
        resource: ResourceId,
        user: &[u8],
        thread: ThreadId,
        removed: LogPosition,
    ) -> Result<(), EngineError> {
        self.write(
            r#"UPDATE thread_of_user SET removed_pos = $4 WHERE resource = $1 AND "user" = $2 AND thread = $3"#,
            vec![
                Box::new(resource_key(resource)),
                Box::new(user.to_vec()),
                Box::new(key(thread)),
                Box::new(removed.0),
            ],
        )
        .await
    }

    async fn is_listed(&self, resource: ResourceId, user: &[u8], thread: ThreadId) -> Result<bool, EngineError> {
        self.exists(
            r#"SELECT 1 FROM thread_of_user
               WHERE resource = $1 AND "user" = $2 AND thread = $3 AND removed_pos IS NULL"#,
            &[&resource_key(resource), &user, &key(thread)],
        )
        .await
    }
}
