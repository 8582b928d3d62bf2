//! The limits of the two profiles.

use std::collections::HashMap;

use serde_json::{Value, json};
use toml::Value as Toml;

use crate::harness::{Server, User, encode, participant, server, server_with};

async fn acs() -> Server {
    server_with(&[("limits.profile", Toml::String("acs".into()))]).await
}

async fn users(server: &Server, number: usize) -> Vec<User> {
    let mut users = Vec::with_capacity(number);
    for _ in 0..number {
        let made = server.admin("POST", "resources/dev/users", None).await.expect(201);
        users.push(User {
            id: made.json["id"].as_str().unwrap().to_owned(),
            token: String::new(),
        });
    }
    users
}

fn participants(users: &[User]) -> Value {
    users.iter().map(|user| participant(&user.id)).collect()
}

#[tokio::test]
async fn acs_threads_hold_250_reached_by_create_and_add_and_the_251st_is_refused() {
    let server = acs().await;
    let owner = server.user().await;
    let others = users(&server, 250).await;

    let too_many = json!({ "topic": "t", "participants": participants(&others[..201]) });
    let refused = server
        .chat(&owner, "POST", "threads", Some(too_many))
        .await
        .refused(400, "BadRequest");
    assert!(
        refused.message().contains("200") && refused.message().contains("201"),
        "{}",
        refused.message()
    );

    let body = json!({ "topic": "t", "participants": participants(&others[..200]) });
    let made = server.chat(&owner, "POST", "threads", Some(body)).await.expect(201);
    let thread = format!("threads/{}", encode(made.json["chatThread"]["id"].as_str().unwrap()));
    let add = async |some: &[User]| {
        let body = json!({ "participants": participants(some) });
        server
            .chat(&owner, "POST", &format!("{thread}/participants/:add"), Some(body))
            .await
    };
    // 201 are in; 49 more fit, 50 do not, and the request that would pass is refused whole.
    let refused = add(&others[200..]).await.refused(400, "BadRequest");
    assert!(
        refused.message().contains("250") && refused.message().contains("251"),
        "{}",
        refused.message()
    );
    add(&others[200..249]).await.expect(201);
    add(&others[249..]).await.refused(400, "BadRequest");
    // Who is in already does not count again.
    add(&others[..10]).await.expect(201);

    let page = server
        .chat(&owner, "GET", &format!("{thread}/participants?maxPageSize=200"), None)
        .await
        .expect(200);
    assert_eq!(page.json["value"].as_array().unwrap().len(), 200);
    let next = page.json["nextLink"].as_str().unwrap();
    let rest = server
        .send(server.http.get(next).bearer_auth(&owner.token))
        .await
        .expect(200);
    assert_eq!(rest.json["value"].as_array().unwrap().len(), 50);
    assert!(rest.json["nextLink"].is_null());
    server.stop().await;
}

#[tokio::test]
async fn acs_receipts_and_typing_end_at_20_members() {
    let server = acs().await;
    let owner = server.user().await;
    let others = users(&server, 20).await;
    let thread = server.thread(&owner, &others[..19].iter().collect::<Vec<_>>()).await;
    let id = server.say(&owner, &thread, "hello").await;
    let receipt = async || {
        server
            .chat(
                &owner,
                "POST",
                &format!("{thread}/readReceipts"),
                Some(json!({ "chatMessageId": id })),
            )
            .await
    };
    let typing = async || {
        server
            .chat(&owner, "POST", &format!("{thread}/typing"), Some(json!({})))
            .await
    };
    receipt().await.expect(200);
    typing().await.expect(200);
    let body = json!({ "participants": participants(&others[19..]) });
    server
        .chat(&owner, "POST", &format!("{thread}/participants/:add"), Some(body))
        .await
        .expect(201);
    for refused in [receipt().await, typing().await] {
        let refused = refused.refused(403, "Forbidden");
        assert!(
            refused.message().contains("20") && refused.message().contains("21"),
            "{}",
            refused.message()
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn acs_rates_answer_429_with_retry_after_and_end() {
    let server = acs().await;
    let (user, other) = (server.user().await, server.user().await);
    let thread = server.thread(&user, &[&other]).await;
    let send = async |user: &User| {
        server
            .chat(
                user,
                "POST",
                &format!("{thread}/messages"),
                Some(json!({ "content": "x" })),
            )
            .await
    };
    // The rate is the thread's, whoever sends.
    for n in 0..10 {
        send(if n % 2 == 0 { &user } else { &other }).await.expect(201);
    }
    let refused = send(&user).await.refused(429, "TooManyRequests");
    let wait: i64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=10).contains(&wait), "{wait}");
    server.clock.advance(wait * 1_000);
    send(&user).await.expect(201);
    server.stop().await;
}

#[tokio::test]
async fn the_default_profile_takes_thousands_and_has_no_rates() {
    let server = server().await;
    let owner = server.user().await;
    let others = users(&server, 1_200).await;
    let body = json!({ "topic": "t", "participants": participants(&others[..700]) });
    let made = server.chat(&owner, "POST", "threads", Some(body)).await.expect(201);
    let thread = format!("threads/{}", encode(made.json["chatThread"]["id"].as_str().unwrap()));
    let body = json!({ "participants": participants(&others[600..]) });
    server
        .chat(&owner, "POST", &format!("{thread}/participants/:add"), Some(body))
        .await
        .expect(201);

    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut url = format!(
        "{}/chat/{thread}/participants?api-version=2024-03-07",
        server.info.endpoint
    );
    loop {
        let page = server
            .send(server.http.get(&url).bearer_auth(&owner.token))
            .await
            .expect(200);
        for member in page.json["value"].as_array().unwrap() {
            *seen
                .entry(member["communicationIdentifier"]["rawId"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
        match page.json["nextLink"].as_str() {
            None => break,
            Some(next) => url = next.to_owned(),
        }
    }
    assert_eq!(seen.len(), 1_201);
    assert!(seen.values().all(|times| *times == 1));
    // One batch is one system message, which names at most 250 of them.
    let list = server
        .chat(&owner, "GET", &format!("{thread}/messages"), None)
        .await
        .expect(200);
    let added: Vec<_> = list.json["value"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|m| m["type"] == "participantAdded")
        .collect();
    assert_eq!(added.len(), 2);
    assert!(
        added
            .iter()
            .all(|message| message["content"]["participants"].as_array().unwrap().len() <= 250)
    );
    for _ in 0..40 {
        server.say(&owner, &thread, "no rate").await;
    }
    server.stop().await;
}
