//! Api-versions: what is served, and in which form.

use serde_json::{Value, json};
use toml::Value as Toml;

use crate::harness::{encode, server, server_with};

#[tokio::test]
async fn unknown_versions_get_the_nearest_older_and_malformed_ones_an_error() {
    let server = server().await;
    let user = server.user().await;
    for version in [
        "2031-01-01",
        "2025-03-15",
        "2021-10-01-preview7",
        "2020-11-01-preview3",
        "2019-01-01",
    ] {
        server.chat_in(version, &user, "GET", "threads", None).await.expect(200);
    }
    for version in ["", "latest", "2024-03-07-beta", "2024-99-07", "%00"] {
        let refused = server
            .chat_in(version, &user, "GET", "threads", None)
            .await
            .refused(400, "UnsupportedApiVersion");
        assert!(refused.message().contains("2024-03-07"), "{}", refused.message());
    }
    let url = format!("{}/chat/threads", server.info.endpoint);
    server
        .send(server.http.get(url).bearer_auth(&user.token))
        .await
        .refused(400, "UnsupportedApiVersion");
    server.stop().await;
}

#[tokio::test]
async fn strict_mode_refuses_what_it_does_not_know() {
    let server = server_with(&[("server.strict_api_version", Toml::Boolean(true))]).await;
    let user = server.user().await;
    server
        .chat_in("2024-03-07", &user, "GET", "threads", None)
        .await
        .expect(200);
    server
        .chat_in("2031-01-01", &user, "GET", "threads", None)
        .await
        .refused(400, "UnsupportedApiVersion");
    server.stop().await;
}

#[tokio::test]
async fn an_answer_never_carries_a_field_that_its_version_does_not_know() {
    let server = server().await;
    let user = server.user().await;
    let body = json!({
        "topic": "t", "metadata": { "a": "b" },
        "retentionPolicy": { "kind": "threadCreationDate", "deleteThreadAfterDays": 40 },
        "participants": [{
            "communicationIdentifier": { "rawId": user.id }, "metadata": { "c": "d" }, "displayName": "Me"
        }],
    });
    let made = server
        .chat_in("2025-03-15", &user, "POST", "threads", Some(body))
        .await
        .expect(201);
    let thread = format!("threads/{}", encode(made.json["chatThread"]["id"].as_str().unwrap()));
    let message = json!({ "content": "hi", "metadata": { "e": "f" } });
    server
        .chat_in(
            "2025-03-15",
            &user,
            "POST",
            &format!("{thread}/messages"),
            Some(message),
        )
        .await
        .expect(201);

    let read = async |version: &str, path: &str| {
        server
            .chat_in(version, &user, "GET", &format!("{thread}{path}"), None)
            .await
            .expect(200)
            .json
    };
    // By the documents: `kind` of identifiers, metadata of messages, of threads and participants, and
    // retention policies.
    for (version, kind, of_messages, of_threads, retention) in [
        ("2021-03-01-preview5", false, false, false, false),
        ("2021-03-07", false, false, false, false),
        ("2021-04-05-preview6", false, true, false, false),
        ("2021-09-07", false, true, false, false),
        ("2023-04-01-preview", false, true, false, false),
        ("2023-07-01-preview", true, true, true, false),
        ("2023-11-07", true, true, false, false),
        ("2023-11-15-preview", true, true, true, false),
        ("2024-03-01-preview", true, true, true, false),
        ("2024-03-07", true, true, false, false),
        ("2024-03-15-preview", true, true, true, true),
        ("2024-06-05-preview", true, true, true, true),
        ("2025-03-15", true, true, true, true),
    ] {
        let expect = |known: bool, value: Value| if known { value } else { Value::Null };
        let shown = read(version, "").await;
        assert_eq!(shown["metadata"], expect(of_threads, json!({ "a": "b" })), "{version}");
        let policy = json!({ "kind": "threadCreationDate", "deleteThreadAfterDays": 40 });
        assert_eq!(shown["retentionPolicy"], expect(retention, policy), "{version}");
        let creator = &shown["createdByCommunicationIdentifier"];
        assert_eq!(creator["kind"], expect(kind, json!("communicationUser")), "{version}");
        assert_eq!(creator["rawId"], user.id.as_str(), "{version}");
        let member = read(version, "/participants").await["value"][0].clone();
        assert_eq!(member["metadata"], expect(of_threads, json!({ "c": "d" })), "{version}");
        let message = read(version, "/messages").await["value"][0].clone();
        assert_eq!(
            message["metadata"],
            expect(of_messages, json!({ "e": "f" })),
            "{version}"
        );
        let sender = &message["senderCommunicationIdentifier"];
        assert_eq!(sender["kind"], expect(kind, json!("communicationUser")), "{version}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_preview_of_2020_has_its_own_dialect() {
    let version = "2020-09-21-preview2";
    let server = server().await;
    let (user, other) = (server.user().await, server.user().await);
    let stranger = "8:acs:00000000-0000-0000-0000-000000000000_00000000-0000-0000-0000-000000000000";
    let body = json!({ "topic": "t", "members": [{ "id": other.id, "displayName": "Ann" }, { "id": stranger }] });
    let made = server
        .chat_in(version, &user, "POST", "threads", Some(body))
        .await
        .expect(207);
    let statuses = made.json["multipleStatus"].as_array().unwrap();
    let of = |kind: &str| statuses.iter().filter(|item| item["type"] == kind).collect::<Vec<_>>();
    let id = of("Thread")[0]["id"].as_str().unwrap();
    assert!(
        of("ThreadMember")
            .iter()
            .any(|item| item["id"] == stranger && item["statusCode"] == 404)
    );
    let thread = format!("threads/{}", encode(id));

    let message = json!({ "content": "hi", "priority": "High", "senderDisplayName": "Me" });
    server
        .chat_in(version, &user, "POST", &format!("{thread}/messages"), Some(message))
        .await
        .expect(201);
    let list = server
        .chat_in(version, &user, "GET", &format!("{thread}/messages"), None)
        .await
        .expect(200);
    let messages = list.json["value"].as_array().unwrap();
    let types: Vec<_> = messages
        .iter()
        .map(|message| message["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        types,
        ["Text", "ThreadActivity/TopicUpdate", "ThreadActivity/AddMember"]
    );
    assert_eq!(
        (&messages[0]["content"], &messages[0]["priority"]),
        (&json!("hi"), &json!("High"))
    );
    assert_eq!(messages[0]["senderId"], user.id.as_str());
    assert!(
        messages[2]["content"]
            .as_str()
            .unwrap()
            .contains("<friendlyName>Ann</friendlyName>")
    );

    let info = server.chat_in(version, &user, "GET", &thread, None).await.expect(200);
    assert_eq!(info.json["members"].as_array().unwrap().len(), 2);
    // Its errors stand bare, without an envelope.
    let missing = server
        .chat_in(version, &user, "GET", "threads/19%3Anot%40thread.v2", None)
        .await
        .expect(400);
    assert_eq!(missing.json["code"], "BadRequest");
    // And what came later is not there.
    server
        .chat_in(version, &user, "GET", &format!("{thread}/participants"), None)
        .await
        .expect(404);
    server
        .chat_in("2021-03-07", &user, "GET", &format!("{thread}/members"), None)
        .await
        .refused(404, "NotFound");
    server.stop().await;
}

#[tokio::test]
async fn repeating_a_creation_gives_the_same_thread() {
    let server = server().await;
    let user = server.user().await;
    let create = async |version: &str, key: &str, topic: &str| {
        let url = format!("{}/chat/threads?api-version={version}", server.info.endpoint);
        let request = server
            .http
            .post(url)
            .bearer_auth(&user.token)
            .header("Repeatability-Request-ID", key);
        server.send(request.json(&json!({ "topic": topic }))).await
    };
    let id = |answer: crate::harness::Answer| answer.expect(201).json["chatThread"]["id"].as_str().unwrap().to_owned();
    let first = id(create("2024-03-07", "k1", "a").await);
    assert_eq!(id(create("2024-03-07", "k1", "a").await), first);
    assert_ne!(id(create("2024-03-07", "k2", "a").await), first);
    let refused = create("2024-03-07", "k1", "b").await.refused(400, "BadRequest");
    assert!(refused.message().contains("different request"));
    create("2024-03-07", &"k".repeat(300), "b")
        .await
        .refused(400, "BadRequest");
    server.stop().await;
}
