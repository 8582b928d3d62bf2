//! Users and their tokens, as the SDKs' API and the admin API both use them.

use std::sync::Arc;

use samband_core::{Clock, Identifier, Millis, Random, ResourceId, Scopes, UserId, Who};
use samband_store::{CommitError, RepeatKey, RepeatRefused, Repeatable, Store};

use crate::model::{AccessToken, IdentityError, check_lifetime};
use crate::store::{CreateUser, DeleteUser, NoSuchUser, RevokeTokens};
use crate::tokens::{Issue, Tokens};

pub struct Users {
    pub store: Store,
    pub tokens: Arc<Tokens>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
}

/// What a token is asked for with.
pub struct TokenWish<'a> {
    pub scopes: Scopes,
    pub lifetime_minutes: Option<i64>,
    pub by: Who,
    pub base_url: &'a str,
}

impl Users {
    /// The user half of a raw id of this resource.
    pub fn parse(&self, resource: ResourceId, raw_id: &str) -> Result<UserId, IdentityError> {
        match Identifier::from_raw_id(raw_id) {
            Identifier::CommunicationUser { resource: of, user } if of == resource => Ok(user),
            // Another resource's users do not exist here.
            Identifier::CommunicationUser { .. } => Err(IdentityError::UserNotFound),
            _ => Err(IdentityError::BadUserId(samband_wire_core::error::shorten(raw_id))),
        }
    }

    pub async fn create(&self, resource: ResourceId, repeat: Option<RepeatKey>) -> Result<UserId, IdentityError> {
        Ok(self.created(resource, repeat).await?.0)
    }

    /// The user, and when it was created: before now if the request is a repeated one.
    async fn created(
        &self,
        resource: ResourceId,
        repeat: Option<RepeatKey>,
    ) -> Result<(UserId, Millis), IdentityError> {
        let user = UserId::new(self.clock.now(), &*self.random);
        let change = CreateUser { resource, user };
        let created = match repeat {
            None => self
                .store
                .commit(change)
                .await
                .map_err(|_| IdentityError::Unavailable)?,
            Some(key) => {
                let repeated = self.store.commit(Repeatable { key, change }).await;
                repeated.map_err(|error| refused_once(error, |()| IdentityError::Unavailable))?
            }
        };
        Ok((UserId::from_bytes(created.user), Millis(created.at_ms)))
    }

    pub async fn create_with_token(
        &self,
        resource: ResourceId,
        wish: TokenWish<'_>,
        repeat: Option<RepeatKey>,
    ) -> Result<(UserId, AccessToken), IdentityError> {
        let lifetime_minutes = check_lifetime(wish.lifetime_minutes)?;
        let (user, now) = self.created(resource, repeat).await?;
        // Of the same moment and for as long as the first: what was revoked since is not given anew.
        let issue = Issue {
            now,
            ..self.issue(resource, user, &wish, lifetime_minutes)
        };
        let token = self.tokens.issue_at_generation(issue, 0)?;
        Ok((user, token))
    }

    pub async fn issue_token(
        &self,
        resource: ResourceId,
        user: UserId,
        wish: TokenWish<'_>,
    ) -> Result<AccessToken, IdentityError> {
        let lifetime_minutes = check_lifetime(wish.lifetime_minutes)?;
        self.tokens
            .issue(self.issue(resource, user, &wish, lifetime_minutes))
            .await
    }

    fn issue<'a>(&self, resource: ResourceId, user: UserId, wish: &TokenWish<'a>, lifetime_minutes: i64) -> Issue<'a> {
        Issue {
            resource,
            user,
            scopes: wish.scopes,
            lifetime_minutes,
            by: wish.by,
            base_url: wish.base_url,
            now: self.clock.now(),
        }
    }

    /// Revokes all tokens issued so far, or those issued before a moment.
    pub async fn revoke_tokens(
        &self,
        resource: ResourceId,
        user: UserId,
        issued_before: Option<Millis>,
        repeat: Option<RepeatKey>,
    ) -> Result<(), IdentityError> {
        let change = RevokeTokens {
            resource,
            user,
            issued_before,
        };
        let outcome = match repeat {
            None => self.store.commit(change).await.map_err(refused),
            Some(key) => {
                let repeated = self.store.commit(Repeatable { key, change }).await;
                repeated.map_err(|error| refused_once(error, |NoSuchUser| IdentityError::UserNotFound))
            }
        };
        self.tokens.forget(resource, user);
        outcome
    }

    pub async fn delete(&self, resource: ResourceId, user: UserId) -> Result<(), IdentityError> {
        let outcome = self.store.commit(DeleteUser { resource, user }).await;
        self.tokens.forget(resource, user);
        outcome.map_err(refused)
    }
}

fn refused_once<R>(error: CommitError<RepeatRefused<R>>, refused: impl FnOnce(R) -> IdentityError) -> IdentityError {
    match error {
        CommitError::Refused(RepeatRefused::OtherRequest) => IdentityError::OtherRequest,
        CommitError::Refused(RepeatRefused::Change(refusal)) => refused(refusal),
        CommitError::Unavailable => IdentityError::Unavailable,
    }
}

fn refused(error: CommitError<NoSuchUser>) -> IdentityError {
    match error {
        CommitError::Refused(NoSuchUser) => IdentityError::UserNotFound,
        CommitError::Unavailable => IdentityError::Unavailable,
    }
}
