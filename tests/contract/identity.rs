//! What every engine promises of users and their tokens: a token holds until it expires or is
//! revoked, and whoever is told of a revocation never sees the token accepted again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use samband_core::{Caller, Clock, KeySlot, ManualClock, Millis, Random, ResourceId, Scope, Scopes, UserId, Who};
use samband_identity::{Grant, IdentityError, SigningKeys, TokenFault, Tokens, Users, check_lifetime};
use samband_resources::{Directory, NewResource};
use samband_store::testing::{TestStore, every_engine};
use samband_store::{Migration, Store};
use samband_wire_core::{ApiError, ApiVersion, Handler, Request};
use serde_json::{Value, json};

/// Not at a full second: tokens carry seconds, revocations compare milliseconds.
const START: Millis = Millis(1_700_000_000_400);
const SECOND: i64 = Millis::SECOND;
const KEY: Who = Who::Key(KeySlot::Primary);

/// Never the same bytes twice, and the same ones in every run.
#[derive(Default)]
struct Counter(AtomicU64);

impl Random for Counter {
    fn fill(&self, bytes: &mut [u8]) {
        let count = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        bytes.fill(0);
        let end = bytes.len();
        bytes[end - count.len()..].copy_from_slice(&count);
    }
}

/// One server: what it holds in memory over a store that others may share.
struct Server {
    users: Arc<Users>,
    tokens: Arc<Tokens>,
    keys: Arc<SigningKeys>,
    directory: Arc<Directory>,
    issue: Handler,
}

impl Server {
    async fn over(store: &Store, clock: &Arc<ManualClock>, random: &Arc<Counter>) -> Self {
        let random: Arc<dyn Random> = random.clone();
        let keys = SigningKeys::load(store.clone(), random.clone()).await.expect("keys");
        let directory = Directory::load(store.clone(), random.clone()).await.expect("resources");
        let (keys, directory) = (Arc::new(keys), Arc::new(directory));
        let tokens = Arc::new(Tokens::new(store.clone(), keys.clone(), directory.clone()));
        let users = Arc::new(Users {
            store: store.clone(),
            tokens: tokens.clone(),
            clock: clock.clone(),
            random,
        });
        // What a token is asked for with is private to the crate; the operation asks for us.
        let issue = samband_identity::http::handlers(&users)
            .into_iter()
            .find(|(op, _)| *op == "IssueAccessToken")
            .expect("it is served")
            .1;
        Self {
            users,
            tokens,
            keys,
            directory,
            issue,
        }
    }
}

struct World {
    server: Server,
    resource: ResourceId,
    other: ResourceId,
    clock: Arc<ManualClock>,
    random: Arc<Counter>,
    store: Store,
    _kept: TestStore,
}

impl std::ops::Deref for World {
    type Target = Server;
    fn deref(&self) -> &Server {
        &self.server
    }
}

fn migrations() -> Vec<Migration> {
    [samband_resources::MIGRATIONS, samband_identity::MIGRATIONS].concat()
}

/// Output is shown when a test fails: it then names the engine.
async fn on_every_engine(test: impl AsyncFn(World)) {
    let clock = Arc::new(ManualClock::at(START));
    let shared: Arc<dyn Clock> = clock.clone();
    for kept in every_engine(&migrations(), &shared).await {
        println!("engine: {}", kept.name);
        clock.set(START);
        let (store, random) = (kept.store.clone(), Arc::new(Counter::default()));
        let server = Server::over(&store, &clock, &random).await;
        let mut made = Vec::new();
        for name in ["dev", "other"] {
            let new = NewResource {
                name: name.to_owned(),
                port: None,
                data_location: "Local".to_owned(),
                primary: samband_core::Secret::new(b"first".to_vec()),
                secondary: samband_core::Secret::new(b"second".to_vec()),
            };
            let id = ResourceId::new(START, &*random);
            server.directory.create_as(id, new).await.expect("a resource");
            made.push(id);
        }
        test(World {
            server,
            resource: made[0],
            other: made[1],
            clock: clock.clone(),
            random,
            store,
            _kept: kept,
        })
        .await;
    }
}

impl World {
    async fn user(&self) -> UserId {
        self.users.create(self.resource, None).await.expect("a user")
    }

    async fn ask(&self, resource: ResourceId, user: UserId, by: Who, body: Value) -> Result<Value, ApiError> {
        let request = Request {
            caller: Caller { resource, who: by },
            version: ApiVersion::stable(2023, 10, 1),
            success: 200,
            params: vec![user.raw_id(resource)],
            query: samband_wire_core::request::Query::default(),
            headers: http::HeaderMap::new(),
            body: body.to_string().into(),
            path: String::new(),
            base_url: "https://localhost".to_owned(),
        };
        let reply = (self.issue)(request).await?;
        Ok(serde_json::from_slice(&reply.body).expect("JSON"))
    }

    /// A token for chat that lives an hour.
    async fn token_by(&self, user: UserId, by: Who) -> String {
        let body = json!({"scopes": ["chat"], "expiresInMinutes": 60});
        let issued = self.ask(self.resource, user, by, body).await.expect("issued");
        issued["token"].as_str().expect("a token").to_owned()
    }

    async fn token(&self, user: UserId) -> String {
        self.token_by(user, KEY).await
    }

    async fn verify(&self, token: &str) -> Result<UserId, TokenFault> {
        self.verify_at(&self.server, token).await
    }

    async fn verify_at(&self, server: &Server, token: &str) -> Result<UserId, TokenFault> {
        let grant = server.tokens.verify(token, self.clock.now()).await?;
        assert_eq!(grant.resource, self.resource);
        Ok(grant.user)
    }

    /// A server that starts now on the same store and knows no token yet.
    async fn restarted(&self) -> Server {
        Server::over(&self.store, &self.clock, &self.random).await
    }

    /// Refused by this server, which knows the token, and by one that never saw it.
    async fn is_revoked(&self, token: &str) {
        assert_eq!(self.verify(token).await, Err(TokenFault::Revoked));
        assert_eq!(self.verify(token).await, Err(TokenFault::Revoked), "and stays so");
        let fresh = self.restarted().await;
        assert_eq!(self.verify_at(&fresh, token).await, Err(TokenFault::Revoked));
    }

    async fn holds(&self, token: &str, user: UserId) {
        assert_eq!(self.verify(token).await, Ok(user));
        assert_eq!(self.verify(token).await, Ok(user), "the second time it is known");
        let fresh = self.restarted().await;
        assert_eq!(self.verify_at(&fresh, token).await, Ok(user));
    }
}

#[tokio::test]
async fn users_are_of_one_resource() {
    on_every_engine(async |world: World| {
        let (resource, other) = (world.resource, world.other);
        let user = world.user().await;
        assert_ne!(user, world.user().await);
        let raw_id = user.raw_id(resource);
        assert_eq!(world.users.parse(resource, &raw_id), Ok(user));
        assert_eq!(world.users.parse(other, &raw_id), Err(IdentityError::UserNotFound));
        for garbage in ["", "8:acs:x_y", "4:+4612345678", "8:orgid:x"] {
            let parsed = world.users.parse(resource, garbage);
            assert!(matches!(parsed, Err(IdentityError::BadUserId(_))), "{garbage}");
        }

        let body = json!({"scopes": ["chat"]});
        let issued = world.ask(other, user, KEY, body).await;
        assert_eq!(issued.unwrap_err().status, http::StatusCode::NOT_FOUND);
        let missing = Err(IdentityError::UserNotFound);
        assert_eq!(world.users.revoke_tokens(other, user, None, None).await, missing);
        assert_eq!(world.users.delete(other, user).await, missing);
        let token = world.token(user).await;
        world.holds(&token, user).await;
    })
    .await;
}

#[tokio::test]
async fn a_token_says_who_what_and_until_when() {
    on_every_engine(async |world: World| {
        let user = world.user().await;
        let body = json!({"scopes": ["voip", "chat"], "expiresInMinutes": 90});
        let issued = world.ask(world.resource, user, KEY, body).await.unwrap();
        // Expiry is in whole seconds, as in `exp`.
        let expires = Millis((START.seconds() + 90 * 60) * SECOND);
        assert_eq!(issued["expiresOn"], expires.to_string());
        let token = issued["token"].as_str().unwrap();
        let expected = Caller {
            resource: world.resource,
            who: Who::User {
                id: user,
                scopes: Scopes::of(&[Scope::Chat, Scope::Voip]),
            },
        };
        for time in ["first", "second"] {
            let grant = world.tokens.verify(token, world.clock.now()).await.unwrap();
            assert_eq!((grant.caller(), grant.expires), (expected, expires), "the {time} time");
            assert_eq!((grant.resource, grant.user), (world.resource, user));
            assert_eq!((grant.key, grant.issued), (Some((KeySlot::Primary, 1)), START));
        }

        let by_default = world.ask(world.resource, user, KEY, json!({"scopes": ["chat"]})).await;
        let a_day = Millis((START.seconds() + 1_440 * 60) * SECOND);
        assert_eq!(by_default.unwrap()["expiresOn"], a_day.to_string());
    })
    .await;
}

#[tokio::test]
async fn a_lifetime_is_an_hour_to_a_day() {
    assert_eq!(check_lifetime(None), Ok(1_440));
    for good in [60, 61, 1_440] {
        assert_eq!(check_lifetime(Some(good)), Ok(good));
    }
    for bad in [i64::MIN, -1, 0, 59, 1_441, i64::MAX] {
        assert_eq!(check_lifetime(Some(bad)), Err(IdentityError::BadLifetime(bad)));
    }
    on_every_engine(async |world: World| {
        let user = world.user().await;
        let body = json!({"scopes": ["chat"], "expiresInMinutes": 59});
        let refused = world.ask(world.resource, user, KEY, body).await.unwrap_err();
        assert_eq!(refused.status, http::StatusCode::BAD_REQUEST);
    })
    .await;
}

#[tokio::test]
async fn a_token_expires_by_the_clock_that_is_handed_over() {
    on_every_engine(async |world: World| {
        let user = world.user().await;
        let (known, unknown) = (world.token(user).await, world.token(user).await);
        let expires = (START.seconds() + 3_600) * SECOND;
        world.clock.set(Millis(expires - 1));
        assert_eq!(world.verify(&known).await, Ok(user));
        for later in [0, 1, 24 * Millis::HOUR] {
            world.clock.set(Millis(expires + later));
            assert_eq!(world.verify(&known).await, Err(TokenFault::Expired));
            assert_eq!(world.verify(&unknown).await, Err(TokenFault::Expired));
        }
        // A clock that is set back revives what only time had ended.
        world.clock.set(Millis(expires - 1));
        assert_eq!(world.verify(&known).await, Ok(user));
    })
    .await;
}

#[tokio::test]
async fn revoking_ends_every_token_so_far_and_none_that_follows() {
    on_every_engine(async |world: World| {
        let (user, neighbour) = (world.user().await, world.user().await);
        let (seen, unseen) = (world.token(user).await, world.token(user).await);
        let by_operator = world.token_by(user, Who::Operator).await;
        let neighbours = world.token(neighbour).await;
        world.holds(&seen, user).await;
        world.holds(&neighbours, neighbour).await;

        world
            .users
            .revoke_tokens(world.resource, user, None, None)
            .await
            .expect("revoked");
        // In the same millisecond: it is the generation that counts, not the time.
        let anew = world.token(user).await;
        for revoked in [&seen, &unseen, &by_operator] {
            world.is_revoked(revoked).await;
        }
        world.holds(&anew, user).await;
        world.holds(&neighbours, neighbour).await;

        world
            .users
            .revoke_tokens(world.resource, user, None, None)
            .await
            .expect("revoked");
        world.is_revoked(&anew).await;
        world.is_revoked(&seen).await;
    })
    .await;
}

#[tokio::test]
async fn revoking_what_was_issued_before_a_moment_spares_the_rest() {
    on_every_engine(async |world: World| {
        let user = world.user().await;
        let early = world.token(user).await;
        world.clock.advance(1);
        // Of the same second as the early one.
        let late = world.token(user).await;
        let moment = world.clock.now();
        world.holds(&early, user).await;

        let revoke = async |moment| {
            let revoked = world
                .users
                .revoke_tokens(world.resource, user, Some(moment), None)
                .await;
            revoked.expect("revoked");
        };
        revoke(moment).await;
        world.is_revoked(&early).await;
        world.holds(&late, user).await;

        // The moment never moves back.
        revoke(Millis(0)).await;
        world.is_revoked(&early).await;
        world.holds(&late, user).await;

        revoke(moment.plus(1)).await;
        world.is_revoked(&late).await;
        world.clock.advance(1);
        let anew = world.token(user).await;
        world.holds(&anew, user).await;
    })
    .await;
}

#[tokio::test]
async fn a_deleted_user_has_no_tokens_and_gets_none() {
    on_every_engine(async |world: World| {
        let (user, neighbour) = (world.user().await, world.user().await);
        let (seen, unseen) = (world.token(user).await, world.token(user).await);
        let neighbours = world.token(neighbour).await;
        world.holds(&seen, user).await;

        world.users.delete(world.resource, user).await.expect("deleted");
        world.is_revoked(&seen).await;
        world.is_revoked(&unseen).await;
        let issued = world.ask(world.resource, user, KEY, json!({"scopes": ["chat"]})).await;
        assert_eq!(issued.unwrap_err().status, http::StatusCode::NOT_FOUND);
        let missing = Err(IdentityError::UserNotFound);
        assert_eq!(world.users.delete(world.resource, user).await, missing);
        assert_eq!(
            world.users.revoke_tokens(world.resource, user, None, None).await,
            missing
        );
        assert_eq!(
            world.users.revoke_tokens(world.resource, user, Some(START), None).await,
            missing
        );
        world.holds(&neighbours, neighbour).await;
    })
    .await;
}

#[tokio::test]
async fn a_user_that_never_was_gets_no_token() {
    on_every_engine(async |world: World| {
        let nobody = UserId::from_bytes([9; 16]);
        let issued = world
            .ask(world.resource, nobody, KEY, json!({"scopes": ["chat"]}))
            .await;
        assert_eq!(issued.unwrap_err().status, http::StatusCode::NOT_FOUND);
        let revoked = world.users.revoke_tokens(world.resource, nobody, None, None).await;
        assert_eq!(revoked, Err(IdentityError::UserNotFound));
    })
    .await;
}

#[tokio::test]
async fn rotating_a_key_ends_the_tokens_that_it_asked_for() {
    on_every_engine(async |world: World| {
        let user = world.user().await;
        let (primary, unseen) = (world.token(user).await, world.token(user).await);
        let secondary = world.token_by(user, Who::Key(KeySlot::Secondary)).await;
        let operator = world.token_by(user, Who::Operator).await;
        for token in [&primary, &secondary, &operator] {
            world.holds(token, user).await;
        }

        // Another resource's key is another key.
        world.directory.rotate_key("other", KeySlot::Primary).await.unwrap();
        world.holds(&primary, user).await;

        world.directory.rotate_key("dev", KeySlot::Primary).await.unwrap();
        world.is_revoked(&primary).await;
        world.is_revoked(&unseen).await;
        world.holds(&secondary, user).await;
        world.holds(&operator, user).await;
        let anew = world.token(user).await;
        world.holds(&anew, user).await;

        world.directory.rotate_key("dev", KeySlot::Secondary).await.unwrap();
        world.is_revoked(&secondary).await;
        world.holds(&anew, user).await;
        world.holds(&operator, user).await;
    })
    .await;
}

#[tokio::test]
async fn a_deleted_resource_takes_its_tokens_with_it() {
    on_every_engine(async |world: World| {
        let user = world.user().await;
        let tokens = [world.token(user).await, world.token_by(user, Who::Operator).await];
        for token in &tokens {
            world.holds(token, user).await;
        }
        world.directory.delete("dev").await.unwrap();
        for token in &tokens {
            world.is_revoked(token).await;
        }
    })
    .await;
}

/// Requests verify while somebody revokes: from the moment that the revoker is told, none passes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_passes_once_a_revocation_is_acknowledged() {
    on_every_engine(async |world: World| {
        let user = world.user().await;
        for _ in 0..25 {
            let token: Arc<str> = world.token(user).await.into();
            let revoked = Arc::new(AtomicBool::new(false));
            let mut requests = tokio::task::JoinSet::new();
            for _ in 0..4 {
                let (token, revoked, tokens) = (token.clone(), revoked.clone(), world.tokens.clone());
                let now = world.clock.now();
                requests.spawn(async move {
                    loop {
                        let told_before = revoked.load(Ordering::SeqCst);
                        let verified = tokens.verify(&token, now).await;
                        assert!(!told_before || verified.is_err(), "accepted after its revocation");
                        if verified.is_err() {
                            assert_eq!(verified, Err(TokenFault::Revoked));
                            break;
                        }
                        tokio::task::yield_now().await;
                    }
                });
            }
            world
                .users
                .revoke_tokens(world.resource, user, None, None)
                .await
                .unwrap();
            revoked.store(true, Ordering::SeqCst);
            while let Some(done) = requests.join_next().await {
                done.unwrap();
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_store_that_is_closed_lets_known_tokens_pass_and_no_others() {
    on_every_engine(async |world: World| {
        let user = world.user().await;
        let (known, unknown) = (world.token(user).await, world.token(user).await);
        world.holds(&known, user).await;
        world.store.close().await;
        assert_eq!(world.verify(&known).await, Ok(user));
        assert_eq!(world.verify(&unknown).await, Err(TokenFault::Unavailable));
        // It is not known whether this was revoked: the store is to be asked again.
        let revoked = world.users.revoke_tokens(world.resource, user, None, None).await;
        assert_eq!(revoked, Err(IdentityError::Unavailable));
        assert_eq!(world.verify(&known).await, Err(TokenFault::Unavailable));
        assert_eq!(
            world.users.create(world.resource, None).await,
            Err(IdentityError::Unavailable)
        );
    })
    .await;
}

/// What outlives a request keeps the grant, or its mark, and asks again when something was revoked.
#[tokio::test]
async fn a_grant_is_checked_again_without_its_token() {
    on_every_engine(async |world: World| {
        let user = world.user().await;
        let mut grants = Vec::new();
        for by in [KEY, Who::Key(KeySlot::Secondary), Who::Operator] {
            let token = world.token_by(user, by).await;
            let grant = world.tokens.verify(&token, START).await.unwrap();
            let marked = Grant::from_mark(grant.resource, grant.user, grant.expires, &grant.mark()).unwrap();
            let kept = |grant: &Grant| (grant.key, grant.generation, grant.issued);
            assert_eq!(kept(&marked), kept(&grant));
            assert_eq!(marked.scopes, Scopes::NONE, "scopes are not kept");
            grants.push([(*grant).clone(), marked]);
        }
        let check = async |grant: &Grant| {
            let checked = world.tokens.check(grant, world.clock.now()).await;
            // What was checked once need not be again.
            if let Ok(Some(grant)) = &checked {
                assert_eq!(world.tokens.check(grant, world.clock.now()).await, Ok(None));
            }
            checked.map(|_| ())
        };
        let each_is = async |expected: [Result<(), TokenFault>; 3]| {
            for (grants, expected) in grants.iter().zip(expected) {
                for grant in grants {
                    assert_eq!(check(grant).await, expected, "{grant:?}");
                }
            }
        };
        let revoked = Err(TokenFault::Revoked);
        each_is([Ok(()); 3]).await;
        world.directory.rotate_key("dev", KeySlot::Secondary).await.unwrap();
        each_is([Ok(()), revoked, Ok(())]).await;

        world.clock.set(Millis(grants[0][0].expires.0 - 1));
        each_is([Ok(()), revoked, Ok(())]).await;
        world.clock.advance(1);
        each_is([Err(TokenFault::Expired); 3]).await;
        world.clock.set(START);

        let mut news = world.tokens.revocations();
        assert!(!news.has_changed().unwrap());
        world
            .users
            .revoke_tokens(world.resource, user, None, None)
            .await
            .unwrap();
        assert!(news.has_changed().unwrap(), "connections are told");
        each_is([revoked; 3]).await;
        news.mark_unchanged();
        world.users.delete(world.resource, user).await.unwrap();
        assert!(news.has_changed().unwrap());
        each_is([revoked; 3]).await;
    })
    .await;
}

#[tokio::test]
async fn a_mark_that_is_none_is_refused() {
    let (resource, user) = (ResourceId::from_bytes([1; 16]), UserId::from_bytes([2; 16]));
    let from = |mark: &[u8]| Grant::from_mark(resource, user, START, mark);
    let mut whole = vec![1; 25];
    assert!(from(&whole).is_some());
    for short in [0, 1, 9, 24] {
        assert_eq!(from(&whole[..short]), None, "{short} bytes");
    }
    for unknown in [3, 255] {
        whole[0] = unknown;
        assert_eq!(from(&whole), None, "a key slot {unknown}");
    }
}

fn kid(token: &str) -> String {
    let header = jsonwebtoken::decode_header(token).expect("a header");
    header.kid.expect("a kid")
}

fn published(keys: &SigningKeys) -> Vec<String> {
    let jwks = serde_json::to_value(keys.jwks()).unwrap();
    let kids = jwks["keys"].as_array().unwrap().iter();
    kids.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn signing_keys_are_kept_and_the_older_ones_still_verify() {
    on_every_engine(async |world: World| {
        let user = world.user().await;
        let old = world.token(user).await;
        assert_eq!(published(&world.keys), [kid(&old)]);

        world.clock.advance(SECOND);
        let second = world.keys.rotate().await.unwrap();
        let new = world.token(user).await;
        assert_eq!(kid(&new), second);
        assert_ne!(kid(&new), kid(&old));
        let both = published(&world.keys);
        assert!(both.len() == 2 && both.contains(&kid(&old)) && both.contains(&second));
        world.holds(&old, user).await;
        world.holds(&new, user).await;

        let fresh = world.restarted().await;
        assert_eq!(published(&fresh.keys), both, "no key is made where there are some");
    })
    .await;
}

/// Whoever rotates, rotates because the older key is not to sign any more.
#[tokio::test]
async fn the_key_made_last_signs_whatever_the_clock_says() {
    on_every_engine(async |world: World| {
        let user = world.user().await;
        for step in [0, 0, -SECOND, 0, SECOND] {
            world.clock.advance(step);
            let made = world.keys.rotate().await.unwrap();
            assert_eq!(kid(&world.token(user).await), made, "after a step of {step} ms");
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_of_another_server_or_changed_on_the_way_is_none() {
    on_every_engine(async |world: World| {
        let user = world.user().await;
        let token = world.token(user).await;
        let parts: Vec<&str> = token.split('.').collect();
        let [header, payload, signature] = parts[..] else {
            panic!("three parts: {token}")
        };
        let claims = BASE64.decode(payload).unwrap();
        let mut claims: Value = serde_json::from_slice(&claims).unwrap();
        claims["acsScope"] = json!("chat,voip");
        let more_scopes = BASE64.encode(claims.to_string());
        let unsigned = BASE64.encode(json!({"alg": "none", "typ": "JWT", "kid": kid(&token)}).to_string());
        let symmetric = BASE64.encode(json!({"alg": "HS256", "typ": "JWT", "kid": kid(&token)}).to_string());
        let unknown_key = BASE64.encode(json!({"alg": "ES256", "typ": "JWT", "kid": "another"}).to_string());
        let no_key = BASE64.encode(json!({"alg": "ES256", "typ": "JWT"}).to_string());
        let forged = [
            String::new(),
            "..".to_owned(),
            "not a token".to_owned(),
            "x".repeat(1 << 20),
            format!("{token}{}", "A".repeat(8_192)),
            format!("{header}.{payload}"),
            format!("{header}.{payload}."),
            format!("{header}.{more_scopes}.{signature}"),
            format!("{unsigned}.{payload}."),
            format!("{unsigned}.{payload}.{signature}"),
            format!("{symmetric}.{payload}.{signature}"),
            format!("{unknown_key}.{payload}.{signature}"),
            format!("{no_key}.{payload}.{signature}"),
            format!("{header}.{payload}.{}", BASE64.encode([0; 64])),
        ];
        for token in &forged {
            let shown: String = token.chars().take(80).collect();
            assert_eq!(world.verify(token).await, Err(TokenFault::Invalid), "{shown}");
        }
        // With the true one known, they are no better.
        world.holds(&token, user).await;
        for token in &forged {
            assert_eq!(world.verify(token).await, Err(TokenFault::Invalid));
        }
    })
    .await;

    // The same ids and key name, other keys: only the signature tells them apart.
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(START));
    let mut issued = Vec::new();
    let mut worlds = Vec::new();
    let shared = Arc::new(ManualClock::at(START));
    for kept in every_engine(&migrations(), &clock).await {
        let random = Arc::new(Counter::default());
        let server = Server::over(&kept.store, &shared, &random).await;
        let new = NewResource {
            name: "dev".to_owned(),
            port: None,
            data_location: "Local".to_owned(),
            primary: samband_core::Secret::new(b"first".to_vec()),
            secondary: samband_core::Secret::new(b"second".to_vec()),
        };
        let resource = ResourceId::from_bytes([1; 16]);
        server.directory.create_as(resource, new).await.unwrap();
        let world = World {
            server,
            resource,
            other: resource,
            clock: shared.clone(),
            random,
            store: kept.store.clone(),
            _kept: kept,
        };
        let user = world.user().await;
        issued.push((user, world.token(user).await));
        worlds.push(world);
    }
    for (n, world) in worlds.iter().enumerate() {
        let other = &issued[(n + 1) % issued.len()];
        assert_eq!(issued[n].0, other.0);
        assert_eq!(kid(&issued[n].1), kid(&other.1));
        assert_eq!(world.verify(&issued[n].1).await, Ok(issued[n].0));
        assert_eq!(world.verify(&other.1).await, Err(TokenFault::Invalid));
    }
}

#[tokio::test]
async fn a_repeated_creation_is_one_user_and_a_repeated_revocation_is_one_revocation() {
    on_every_engine(async |world: World| {
        let key = |id: &str, hash| samband_store::RepeatKey {
            scope: b"CreateIdentity".to_vec(),
            key: id.into(),
            request_hash: [hash; 32],
        };
        let users = &world.users;
        let first = users.create(world.resource, Some(key("a", 1))).await.unwrap();
        world.clock.advance(1_000);
        assert_eq!(users.create(world.resource, Some(key("a", 1))).await, Ok(first));
        assert_ne!(users.create(world.resource, Some(key("b", 1))).await, Ok(first));
        let other = users.create(world.resource, Some(key("a", 2))).await;
        assert_eq!(other, Err(IdentityError::OtherRequest));

        let revoke = async |id: &str, user| {
            let key = samband_store::RepeatKey {
                scope: b"RevokeAccessTokens".to_vec(),
                ..key(id, 1)
            };
            users.revoke_tokens(world.resource, user, None, Some(key)).await
        };
        revoke("a", first).await.unwrap();
        let token = world.token(first).await;
        revoke("a", first).await.unwrap();
        // The second is the first again.
        world.holds(&token, first).await;
        revoke("b", first).await.unwrap();
        world.is_revoked(&token).await;
    })
    .await;
}
