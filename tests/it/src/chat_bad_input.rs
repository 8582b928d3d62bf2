//! Requests that chat must refuse, each with the right status, code and envelope.

use serde_json::{Value, json};

use crate::harness::{Server, encode, participant, server};

#[tokio::test]
async fn routes_and_methods() {
    let server = server().await;
    let user = server.user().await;
    let get = async |path: &str| {
        server
            .send(server.http.get(format!("{}{path}", server.info.endpoint)))
            .await
    };
    for path in [
        "/",
        "/nothing",
        "/chat",
        "/chat/threads/",
        "/chat/threads/x/y/z",
        "/identities/a/b/c",
        "//",
    ] {
        get(path).await.refused(404, "NotFound");
    }
    let refused = server
        .chat(&user, "PUT", "threads", None)
        .await
        .refused(405, "MethodNotAllowed");
    assert_eq!(refused.headers["allow"], "POST, GET");
    server.stop().await;
}

#[tokio::test]
async fn bodies_of_the_wrong_form() {
    let server = server().await;
    let user = server.user().await;
    let thread = server.thread(&user, &[]).await;
    let messages = format!("{thread}/messages");
    let url = |path: &str| format!("{}/chat/{path}?api-version=2024-03-07", server.info.endpoint);
    let raw = async |path: &str, body: &'static [u8]| {
        server
            .send(server.http.post(url(path)).bearer_auth(&user.token).body(body))
            .await
    };
    for body in [
        &b""[..],
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"{\"content\":1}",
        b"{}",
        b"{\"content\":\"a\"} trailing",
    ] {
        raw(&messages, body).await.refused(400, "BadRequest");
    }
    let refused = raw(
        "threads",
        br#"{"topic":"t","participants":[{"communicationIdentifier":{"rawId":7}}]}"#,
    )
    .await;
    let refused = refused.refused(400, "BadRequest");
    assert_eq!(
        refused.json["error"]["target"],
        "participants[0].communicationIdentifier.rawId"
    );

    let wrong: [(&str, Value); 9] = [
        ("threads", json!({})),
        ("threads", json!({ "topic": null })),
        (
            "threads",
            json!({ "topic": "t", "participants": [{ "communicationIdentifier": {} }] }),
        ),
        ("threads", json!({ "topic": "t", "participants": [{}] })),
        (
            "threads",
            json!({ "topic": "t", "participants": [{
            "communicationIdentifier": { "rawId": "x" }, "shareHistoryTime": "yesterday" }] }),
        ),
        ("threads", json!({ "topic": "x".repeat(5_000) })),
        (&messages, json!({ "content": "x", "type": "topicUpdated" })),
        (&messages, json!({ "content": "x", "type": "other" })),
        (&messages, json!({ "content": "x", "metadata": { "a": 1 } })),
    ];
    for (path, body) in wrong {
        server
            .chat(&user, "POST", path, Some(body))
            .await
            .refused(400, "BadRequest");
    }
    server
        .chat(
            &user,
            "POST",
            &format!("{thread}/readReceipts"),
            Some(json!({ "chatMessageId": "x" })),
        )
        .await
        .refused(400, "BadRequest");
    for query in [
        "maxPageSize=0",
        "maxPageSize=x",
        "maxPageSize=-1",
        "startTime=x",
        "continuationToken=%21",
        "skip=-1",
    ] {
        let path = format!("{messages}?{query}");
        server.chat(&user, "GET", &path, None).await.refused(400, "BadRequest");
    }
    server.stop().await;
}

#[tokio::test]
async fn sizes() {
    let server = server().await;
    let user = server.user().await;
    let thread = server.thread(&user, &[]).await;
    let messages = format!("{thread}/messages");
    let send = async |content: String| {
        server
            .chat(&user, "POST", &messages, Some(json!({ "content": content })))
            .await
    };
    send("x".repeat(28_672)).await.expect(201);
    let refused = send("é".repeat(14_337)).await.refused(413, "MessageSizeTooBig");
    assert!(
        refused.message().contains("28674") && refused.message().contains("28672"),
        "{}",
        refused.message()
    );
    let id = server.say(&user, &thread, "short").await;
    let update = json!({ "content": "x".repeat(28_673) });
    server
        .chat(&user, "PATCH", &format!("{messages}/{id}"), Some(update))
        .await
        .refused(413, "MessageSizeTooBig");
    send("x".repeat(5 << 20)).await.refused(413, "RequestBodyTooLarge");

    // A header larger than all that a server could want ends the request, not the server.
    let url = format!("{}/chat/threads?api-version=2024-03-07", server.info.endpoint);
    let request = server
        .http
        .get(url)
        .bearer_auth(&user.token)
        .header("x-large", "x".repeat(100_000));
    if let Ok(response) = request.send().await {
        assert_eq!(response.status(), 431);
    }
    server.chat(&user, "GET", "threads", None).await.expect(200);
    server.stop().await;
}

/// Each operation on a thread, as somebody who may not use it.
async fn everything(server: &Server, user: &crate::harness::User, thread: &str, message: &str) -> Vec<(String, u16)> {
    let participants = json!({ "participants": [participant(&user.id)] });
    let calls = [
        ("GET", thread.to_owned(), None),
        ("PATCH", thread.to_owned(), Some(json!({ "topic": "new" }))),
        ("DELETE", thread.to_owned(), None),
        ("GET", format!("{thread}/participants"), None),
        ("POST", format!("{thread}/participants/:add"), Some(participants)),
        (
            "POST",
            format!("{thread}/participants/:remove"),
            Some(json!({ "rawId": user.id })),
        ),
        ("GET", format!("{thread}/messages"), None),
        ("POST", format!("{thread}/messages"), Some(json!({ "content": "x" }))),
        ("GET", format!("{thread}/messages/{message}"), None),
        (
            "PATCH",
            format!("{thread}/messages/{message}"),
            Some(json!({ "content": "y" })),
        ),
        ("DELETE", format!("{thread}/messages/{message}"), None),
        ("GET", format!("{thread}/readReceipts"), None),
        (
            "POST",
            format!("{thread}/readReceipts"),
            Some(json!({ "chatMessageId": message })),
        ),
        ("POST", format!("{thread}/typing"), None),
    ];
    let mut results = Vec::new();
    for (method, path, body) in calls {
        let answer = server.chat(user, method, &path, body).await;
        results.push((format!("{method} {path}"), answer.status));
    }
    results
}

#[tokio::test]
async fn outsiders_get_403_and_other_resources_404() {
    let server = server().await;
    let (owner, outsider) = (server.user().await, server.user().await);
    let thread = server.thread(&owner, &[]).await;
    let message = server.say(&owner, &thread, "hello").await;
    for (call, status) in everything(&server, &outsider, &thread, &message).await {
        assert_eq!(status, 403, "{call}");
    }

    server
        .admin("POST", "resources", Some(json!({ "name": "second" })))
        .await
        .expect(201);
    let made = server.admin("POST", "resources/second/users", None).await.expect(201);
    let id = made.json["id"].as_str().unwrap().to_owned();
    let path = format!("resources/second/users/{}/:issueAccessToken", encode(&id));
    let token = server
        .admin("POST", &path, Some(json!({ "scopes": ["chat"] })))
        .await
        .expect(200);
    let foreign = crate::harness::User {
        id,
        token: token.json["token"].as_str().unwrap().into(),
    };
    for (call, status) in everything(&server, &foreign, &thread, &message).await {
        assert_eq!(status, 404, "{call}");
    }
    // Nor can they be invited, or act on identities of the other.
    let add = json!({ "participants": [participant(&foreign.id)] });
    let added = server
        .chat(&owner, "POST", &format!("{thread}/participants/:add"), Some(add))
        .await
        .expect(201);
    assert_eq!(added.json["invalidParticipants"][0]["code"], "404");
    let target = format!("/identities/{}?api-version=2023-10-01", encode(&foreign.id));
    server.signed("DELETE", &target, None).await.refused(404, "NotFound");
    server
        .signed("DELETE", "/identities/nonsense?api-version=2023-10-01", None)
        .await
        .refused(400, "BadRequest");
    assert_eq!(server.texts(&owner, &thread).await, ["hello"]);
    server.stop().await;
}

#[tokio::test]
async fn what_is_deleted_or_never_was_is_404() {
    let server = server().await;
    let user = server.user().await;
    let thread = server.thread(&user, &[]).await;
    let message = server.say(&user, &thread, "hello").await;

    let never = "threads/19%3A00000000000000000000000000000000%40thread.v2";
    for (call, status) in everything(&server, &user, never, &message).await {
        assert_eq!(status, 404, "{call}");
    }
    for missing in ["1", "99999999999999"] {
        for method in ["GET", "DELETE"] {
            let path = format!("{thread}/messages/{missing}");
            server.chat(&user, method, &path, None).await.refused(404, "NotFound");
        }
    }
    let path = format!("{thread}/messages/{message}");
    server.chat(&user, "DELETE", &path, None).await.expect(204);
    server.chat(&user, "DELETE", &path, None).await.expect(204);
    server
        .chat(&user, "PATCH", &path, Some(json!({ "content": "y" })))
        .await
        .refused(404, "NotFound");
    let gone = server.chat(&user, "GET", &path, None).await.expect(200);
    assert!(
        gone.json["deletedOn"].is_string() && gone.json["content"] == json!({}),
        "{}",
        gone.text
    );

    server.chat(&user, "DELETE", &thread, None).await.expect(204);
    server.chat(&user, "DELETE", &thread, None).await.expect(204);
    for (call, status) in everything(&server, &user, &thread, &message).await {
        let expected = if call.starts_with("DELETE") && !call.contains("messages") {
            204
        } else {
            404
        };
        assert_eq!(status, expected, "{call}");
    }
    let list = server.chat(&user, "GET", "threads", None).await.expect(200);
    assert!(list.json["value"][0]["deletedOn"].is_string(), "{}", list.text);
    server.stop().await;
}

#[tokio::test]
async fn only_the_sender_changes_a_message() {
    let server = server().await;
    let (author, reader) = (server.user().await, server.user().await);
    let thread = server.thread(&author, &[&reader]).await;
    let id = server.say(&author, &thread, "mine").await;
    let list = server
        .chat(&author, "GET", &format!("{thread}/messages"), None)
        .await
        .expect(200);
    let system = list.json["value"].as_array().unwrap().last().unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for (user, id) in [(&reader, &id), (&author, &system)] {
        let path = format!("{thread}/messages/{id}");
        server
            .chat(user, "PATCH", &path, Some(json!({ "content": "y" })))
            .await
            .refused(403, "Forbidden");
        server.chat(user, "DELETE", &path, None).await.refused(403, "Forbidden");
    }
    assert_eq!(server.texts(&reader, &thread).await, ["mine"]);
    server.stop().await;
}
