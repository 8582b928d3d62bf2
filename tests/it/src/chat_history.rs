//! What a member sees: history shared wholly, not at all, or from a moment on; after leaving; after
//! coming back.

use serde_json::json;

use crate::harness::{Server, User, encode, participant, server};

async fn add(server: &Server, by: &User, thread: &str, user: &User, share: Option<&str>) {
    let mut member = participant(&user.id);
    if let Some(share) = share {
        member["shareHistoryTime"] = json!(share);
    }
    let body = json!({ "participants": [member] });
    server
        .chat(by, "POST", &format!("{thread}/participants/:add"), Some(body))
        .await
        .expect(201);
}

async fn remove(server: &Server, by: &User, thread: &str, user: &User) {
    let path = format!("{thread}/participants/:remove");
    server
        .chat(by, "POST", &path, Some(json!({ "rawId": user.id })))
        .await
        .expect(204);
}

#[tokio::test]
async fn history_is_shared_wholly_not_at_all_or_from_a_moment_on() {
    let server = server().await;
    let owner = server.user().await;
    let thread = server.thread(&owner, &[]).await;
    server.say(&owner, &thread, "one").await;
    server.clock.advance(1_000);
    let second = server.say(&owner, &thread, "two").await;
    let second = server
        .chat(&owner, "GET", &format!("{thread}/messages/{second}"), None)
        .await
        .expect(200);
    let moment = second.json["createdOn"].as_str().unwrap();
    server.clock.advance(1_000);
    let cases = [
        (Some("1970-01-01T00:00:00Z"), vec!["one", "two", "three"]),
        (Some(moment), vec!["two", "three"]),
        (Some("2100-01-01T00:00:00Z"), vec!["three"]),
        (None, vec!["three"]),
    ];
    let mut members = Vec::new();
    for (share, expected) in &cases {
        let user = server.user().await;
        add(&server, &owner, &thread, &user, *share).await;
        members.push((user, expected));
    }
    server.say(&owner, &thread, "three").await;
    for (user, expected) in &members {
        assert_eq!(&server.texts(user, &thread).await, *expected);
    }
    server.stop().await;
}

#[tokio::test]
async fn who_was_removed_reads_up_to_the_removal_and_who_comes_back_reads_both_stays() {
    let server = server().await;
    let (owner, guest) = (server.user().await, server.user().await);
    let thread = server.thread(&owner, &[&guest]).await;
    server.say(&owner, &thread, "before").await;
    remove(&server, &owner, &thread, &guest).await;
    let hidden = server.say(&owner, &thread, "while away").await;

    assert_eq!(server.texts(&guest, &thread).await, ["before"]);
    server
        .chat(&guest, "GET", &format!("{thread}/messages/{hidden}"), None)
        .await
        .refused(404, "NotFound");
    let send = server
        .chat(
            &guest,
            "POST",
            &format!("{thread}/messages"),
            Some(json!({ "content": "x" })),
        )
        .await;
    send.refused(403, "Forbidden");
    server
        .chat(&guest, "GET", &thread, None)
        .await
        .refused(403, "Forbidden");
    let list = server.chat(&guest, "GET", "threads", None).await.expect(200);
    assert_eq!(list.json["value"], json!([]));

    add(&server, &owner, &thread, &guest, None).await;
    server.say(&guest, &thread, "back").await;
    assert_eq!(server.texts(&guest, &thread).await, ["before", "back"]);
    // Over several pages too.
    let mut seen = Vec::new();
    let mut path = format!("{thread}/messages?maxPageSize=1");
    loop {
        let page = server.chat(&guest, "GET", &path, None).await.expect(200);
        seen.extend(
            page.json["value"]
                .as_array()
                .unwrap()
                .iter()
                .map(|m| m["sequenceId"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page.json["nextLink"].as_str() else {
            break;
        };
        path = next
            .split("/chat/")
            .nth(1)
            .unwrap()
            .replace("&api-version=2024-03-07", "")
            .replace("api-version=2024-03-07&", "");
    }
    // 1 added, 2 topic, 3 before, 4 removed; not 5 (while away); 6 added, 7 back.
    assert_eq!(seen, ["7", "6", "4", "3", "2", "1"]);
    server.stop().await;
}

#[tokio::test]
async fn system_messages_stand_in_order_with_who_did_it() {
    let server = server().await;
    let (owner, guest) = (server.user().await, server.user().await);
    let thread = server.thread(&owner, &[&guest]).await;
    server
        .chat(&owner, "PATCH", &thread, Some(json!({ "topic": "new" })))
        .await
        .expect(204);
    remove(&server, &guest, &thread, &guest).await;
    let list = server
        .chat(&owner, "GET", &format!("{thread}/messages"), None)
        .await
        .expect(200);
    let mut messages = list.json["value"].as_array().unwrap().clone();
    messages.reverse();
    let line = |index: usize| {
        let message = &messages[index];
        (
            message["sequenceId"].as_str().unwrap(),
            message["type"].as_str().unwrap(),
            message["content"]["initiatorCommunicationIdentifier"]["rawId"]
                .as_str()
                .unwrap(),
        )
    };
    assert_eq!(line(0), ("1", "participantAdded", owner.id.as_str()));
    assert_eq!(line(1), ("2", "topicUpdated", owner.id.as_str()));
    assert_eq!(line(2), ("3", "topicUpdated", owner.id.as_str()));
    assert_eq!(line(3), ("4", "participantRemoved", guest.id.as_str()));
    assert_eq!(messages[0]["content"]["participants"].as_array().unwrap().len(), 2);
    assert_eq!(messages[2]["content"]["topic"], "new");
    assert!(
        messages
            .iter()
            .all(|message| message["senderCommunicationIdentifier"].is_null())
    );
    server.stop().await;
}

#[tokio::test]
async fn every_unicode_scalar_value_comes_back() {
    let server = server().await;
    let user = server.user().await;
    let thread = server.thread(&user, &[]).await;
    let all: Vec<char> = ('\0'..=char::MAX).collect();
    let mut ids = Vec::new();
    for chunk in all.chunks(28_672 / 4) {
        let text: String = chunk.iter().collect();
        ids.push((server.say(&user, &thread, &text).await, text));
    }
    for (id, text) in ids {
        let read = server
            .chat(&user, "GET", &format!("{thread}/messages/{id}"), None)
            .await
            .expect(200);
        assert!(
            read.json["content"]["message"] == text,
            "a chunk from {:?}",
            text.chars().next()
        );
    }
    let odd = "\u{0}\u{ffff}\u{10fffd}\u{feff}";
    server
        .chat(&user, "PATCH", &thread, Some(json!({ "topic": odd })))
        .await
        .expect(204);
    assert_eq!(
        server.chat(&user, "GET", &thread, None).await.expect(200).json["topic"],
        odd
    );
    server.stop().await;
}

#[tokio::test]
async fn lists_page_through_everything_once() {
    let server = server().await;
    let user = server.user().await;
    let mut threads = Vec::new();
    for _ in 0..7 {
        threads.push(server.thread(&user, &[]).await);
        server.clock.advance(1);
    }
    let mut url = format!(
        "{}/chat/threads?api-version=2024-03-07&maxPageSize=3",
        server.info.endpoint
    );
    let mut seen = Vec::new();
    let mut pages = 0;
    loop {
        let page = server
            .send(server.http.get(&url).bearer_auth(&user.token))
            .await
            .expect(200);
        pages += 1;
        seen.extend(
            page.json["value"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| format!("threads/{}", encode(item["id"].as_str().unwrap()))),
        );
        match page.json["nextLink"].as_str() {
            None => break,
            Some(next) => url = next.to_owned(),
        }
    }
    assert_eq!((seen, pages), (threads, 3));
    server.stop().await;
}
