//! The SDKs' signalling, spoken by hand: allocation, handshake, WebSocket, long polling, and what ends
//! a connection. The real SDK in a real browser is tests/browser.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{Server, User, encode, server};

/// Long enough for a busy machine; nothing waits so long where all is well.
const PATIENCE: Duration = Duration::from_secs(20);

pub type Socket = WebSocketStream<TcpStream>;

/// An allocated connection's parameters, as the query that all that follows carries.
async fn allocate(server: &Server, user: &User, epid: &str) -> String {
    let url = format!("{}/v4/a?epid={epid}", server.info.endpoint);
    let allocated = server
        .send(server.http.post(url).header("x-skypetoken", &user.token))
        .await
        .expect(200);
    assert!(allocated.json["socketio"].as_str().unwrap().ends_with('/'));
    let parameters = allocated.json["connectparams"].as_object().unwrap();
    let pairs: Vec<_> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap()))
        .collect();
    format!("{}&epid={epid}", pairs.join("&"))
}

async fn handshake(server: &Server, query: &str) -> String {
    let url = format!("{}/socket.io/1/?{query}", server.info.endpoint);
    let shaken = server.send(server.http.get(url)).await.expect(200);
    let mut parts = shaken.text.split(':');
    let sid = parts.next().unwrap().to_owned();
    assert_eq!(parts.collect::<Vec<_>>(), ["85", "85", "websocket,xhr-polling"]);
    sid
}

pub async fn connect(server: &Server, user: &User, epid: &str) -> Socket {
    let query = allocate(server, user, epid).await;
    let sid = handshake(server, &query).await;
    let address = server
        .info
        .http_endpoint
        .as_ref()
        .unwrap()
        .trim_start_matches("http://")
        .to_owned();
    let stream = TcpStream::connect(&address).await.unwrap();
    let url = format!("ws://{address}/socket.io/1/websocket/{sid}?{query}");
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    assert_eq!(text(&mut socket).await.as_deref(), Some("1::"));
    assert!(text(&mut socket).await.unwrap().contains("trouter.connected"));
    socket
}

/// The next text; `None` once the server has closed.
pub async fn text(socket: &mut Socket) -> Option<String> {
    let next = tokio::time::timeout(PATIENCE, socket.next())
        .await
        .expect("something comes");
    match next {
        Some(Ok(Message::Text(text))) => Some(text.to_string()),
        _ => None,
    }
}

/// The event in a push frame.
pub fn event(frame: &str) -> Value {
    let frame: Value = serde_json::from_str(frame.strip_prefix("3:::").expect("a push frame")).unwrap();
    serde_json::from_str(frame["body"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn a_message_reaches_every_member_s_socket_in_its_own_name() {
    let server = server().await;
    let (ann, bob) = (server.user().await, server.user().await);
    let thread = server.thread(&ann, &[&bob]).await;
    let mut sockets = [connect(&server, &ann, "a").await, connect(&server, &bob, "b").await];
    let id = server.say(&ann, &thread, "hej \u{1f44b} 100%").await;
    for (socket, user) in sockets.iter_mut().zip([&ann, &bob]) {
        let event = event(&text(socket).await.unwrap());
        assert_eq!((&event["eventId"], &event["messageId"]), (&json!(200), &json!(id)));
        assert_eq!(event["recipientMri"], user.id.as_str());
        assert_eq!(event["senderId"], ann.id.as_str());
        assert_eq!(event["messageBody"], "hej \u{1f44b} 100%");
    }
    // Every event with an id is acknowledged.
    sockets[0]
        .send(Message::text("5:7+::{\"name\":\"ping\"}"))
        .await
        .unwrap();
    assert!(text(&mut sockets[0]).await.unwrap().starts_with("6:::7+"));
    server.stop().await;
}

#[tokio::test]
async fn who_comes_later_hears_at_once_and_who_is_removed_hears_the_removal_and_no_more() {
    let server = server().await;
    let (ann, bob) = (server.user().await, server.user().await);
    let thread = server.thread(&ann, &[]).await;
    let mut socket = connect(&server, &bob, "b").await;
    let add = json!({ "participants": [crate::harness::participant(&bob.id)] });
    server
        .chat(&ann, "POST", &format!("{thread}/participants/:add"), Some(add))
        .await
        .expect(201);
    server.say(&ann, &thread, "welcome").await;
    let remove = json!({ "rawId": bob.id });
    server
        .chat(&ann, "POST", &format!("{thread}/participants/:remove"), Some(remove))
        .await
        .expect(204);
    server.say(&ann, &thread, "behind your back").await;
    let other = server.thread(&ann, &[&bob]).await;
    let mut kinds = Vec::new();
    for _ in 0..4 {
        kinds.push(event(&text(&mut socket).await.unwrap())["eventId"].as_i64().unwrap());
    }
    // Added, welcomed, removed; then the next thread, and nothing in between.
    assert_eq!(kinds, [260, 200, 261, 257], "{other}");
    server.stop().await;
}

#[tokio::test]
async fn a_connection_ends_with_its_token_its_key_or_its_user() {
    let server = server().await;
    let revoked = server.user().await;
    let mut socket = connect(&server, &revoked, "r").await;
    let unharmed = server.user().await;
    let mut other = connect(&server, &unharmed, "u").await;
    let target = format!(
        "/identities/{}/:revokeAccessTokens?api-version=2023-10-01",
        encode(&revoked.id)
    );
    server.signed("POST", &target, None).await.expect(204);
    assert_eq!(text(&mut socket).await, None);

    server.thread(&unharmed, &[]).await;
    assert_eq!(event(&text(&mut other).await.unwrap())["eventId"], 257);
    server
        .admin("POST", "resources/dev/keys/primary/:rotate", None)
        .await
        .expect(200);
    assert_eq!(text(&mut other).await, None);
    server.stop().await;
}

#[tokio::test]
async fn within_an_endpoint_only_the_newest_connection_hears() {
    let server = server().await;
    let user = server.user().await;
    let mut older = connect(&server, &user, "same").await;
    let mut newer = connect(&server, &user, "same").await;
    let mut elsewhere = connect(&server, &user, "other").await;
    server.thread(&user, &[]).await;
    assert_eq!(event(&text(&mut newer).await.unwrap())["eventId"], 257);
    assert_eq!(event(&text(&mut elsewhere).await.unwrap())["eventId"], 257);
    // The older one stays open, and still answers.
    older.send(Message::text("5:1+::{\"name\":\"ping\"}")).await.unwrap();
    assert!(text(&mut older).await.unwrap().starts_with("6:::1+"));
    server.stop().await;
}

#[tokio::test]
async fn polling_answers_at_once_holds_and_ends() {
    let server = server().await;
    let user = server.user().await;
    let query = allocate(&server, &user, "p").await;
    let sid = handshake(&server, &query).await;
    let url = format!("{}/socket.io/1/xhr-polling/{sid}?{query}", server.info.endpoint);
    let first = server.send(server.http.get(&url)).await.expect(200).text;
    assert!(first.contains("1::") && first.contains("trouter.connected"), "{first}");
    server.thread(&user, &[]).await;
    let polled = server.send(server.http.get(&url)).await.expect(200).text;
    assert_eq!(event(&polled)["eventId"], 257);
    server
        .send(server.http.get(format!("{url}&timeout=1")))
        .await
        .expect(200);
    for wrong in ["", "\u{fffd}5\u{fffd}x", "9:::", "\u{fffd}\u{fffd}\u{fffd}"] {
        let posted = server.send(server.http.post(&url).body(wrong.to_owned())).await;
        assert_eq!(posted.status, 400, "{wrong:?}: {}", posted.text);
    }
    server.send(server.http.post(&url).body("0::")).await.expect(200);
    server.stop().await;
}

#[tokio::test]
async fn parameters_that_are_not_ours_open_nothing() {
    let server = server().await;
    let (user, other) = (server.user().await, server.user().await);
    let query = allocate(&server, &user, "e").await;
    let sid = handshake(&server, &query).await;
    let get = async |path: String| {
        server
            .send(server.http.get(format!("{}{path}", server.info.endpoint)))
            .await
            .status
    };
    let foreign = allocate(&server, &other, "e").await;
    for wrong in [
        "/socket.io/1/".to_owned(),
        format!("/socket.io/1/?{}", query.replace("sig=", "sig=A")),
        format!("/socket.io/1/?{}", query.replace("epid=e", "epid=f")),
        format!("/socket.io/1/websocket/{sid}?{foreign}"),
        format!("/socket.io/1/xhr-polling/nonsense?{query}"),
        "/chat/config/realTimeNotifications?api-version=2024-09-01".to_owned(),
    ] {
        assert_eq!(get(wrong.clone()).await, 401, "{wrong}");
    }
    // A socket is for an upgrade.
    assert_eq!(get(format!("/socket.io/1/websocket/{sid}?{query}")).await, 400);
    let voice = server.user_with(&["voip"]).await;
    let url = format!("{}/v4/a", server.info.endpoint);
    server
        .send(server.http.post(&url).header("x-skypetoken", &voice.token))
        .await
        .expect(403);
    server.send(server.http.post(&url)).await.expect(401);
    server.clock.advance(8 * 24 * samband_core::Millis::HOUR);
    assert_eq!(get(format!("/socket.io/1/?{query}")).await, 401);
    server.stop().await;
}

#[tokio::test]
async fn garbage_frames_end_their_connection_and_nothing_else() {
    let server = server().await;
    let user = server.user().await;
    let mut good = connect(&server, &user, "good").await;
    for garbage in ["", "x", "999999:::", &"3".repeat(70_000)] {
        let mut socket = connect(&server, &user, "bad").await;
        socket.send(Message::text(garbage.to_owned())).await.unwrap();
        assert_eq!(text(&mut socket).await, None, "{garbage:.20}");
    }
    server.thread(&user, &[]).await;
    assert_eq!(event(&text(&mut good).await.unwrap())["eventId"], 257);
    server.stop().await;
}

#[tokio::test]
async fn in_a_large_thread_a_batch_is_one_event_and_typing_is_thinned() {
    let server = server().await;
    let (ann, bob) = (server.user().await, server.user().await);
    let mut others = Vec::new();
    for _ in 0..259 {
        others.push(server.user().await);
    }
    let thread = server.thread(&ann, &[]).await;
    let mut anns = connect(&server, &ann, "a").await;
    let mut bobs = connect(&server, &bob, "b").await;
    // Bob is the last: in a later piece than the one that is announced to all.
    let participants: Vec<_> = others
        .iter()
        .chain([&bob])
        .map(|user| crate::harness::participant(&user.id))
        .collect();
    let body = json!({ "participants": participants });
    server
        .chat(&ann, "POST", &format!("{thread}/participants/:add"), Some(body))
        .await
        .expect(201);
    let message = server.say(&ann, &thread, "welcome").await;

    let added = event(&text(&mut anns).await.unwrap());
    assert_eq!(added["eventId"], 260);
    let named: Value = serde_json::from_str(added["participantsAdded"].as_str().unwrap()).unwrap();
    assert!(
        named.as_array().unwrap().len() <= 250,
        "{}",
        named.as_array().unwrap().len()
    );
    assert_eq!(
        event(&text(&mut anns).await.unwrap())["eventId"],
        200,
        "one event for the batch"
    );
    let joined = event(&text(&mut bobs).await.unwrap());
    assert_eq!(joined["eventId"], 260);
    assert!(joined["participantsAdded"].as_str().unwrap().contains(&bob.id));
    assert_eq!(event(&text(&mut bobs).await.unwrap())["eventId"], 200);

    // A receipt is told to the message's author alone.
    let receipt = json!({ "chatMessageId": message });
    let receipts = format!("{thread}/readReceipts");
    server.chat(&bob, "POST", &receipts, Some(receipt)).await.expect(200);
    assert_eq!(event(&text(&mut anns).await.unwrap())["eventId"], 246);
    // Of those who type twenty a second are told; the clock stands.
    for user in others.iter().take(30) {
        let typing = format!("{thread}/typing");
        server.chat(user, "POST", &typing, Some(json!({}))).await.expect(200);
    }
    server.say(&ann, &thread, "end").await;
    let mut kinds = Vec::new();
    loop {
        match event(&text(&mut bobs).await.unwrap())["eventId"].as_i64() {
            Some(200) => break,
            other => kinds.push(other),
        }
    }
    assert_eq!(kinds, vec![Some(245); 20]);
    server.stop().await;
}

#[tokio::test]
async fn who_never_reads_is_let_go_and_holds_nobody_up() {
    let server = server().await;
    let (ann, bob) = (server.user().await, server.user().await);
    let thread = server.thread(&ann, &[&bob]).await;
    let mut deaf = connect(&server, &bob, "deaf").await;
    let mut hears = connect(&server, &bob, "hears").await;
    let long = "x".repeat(20_000);
    for number in 0..1_500 {
        server.say(&ann, &thread, &format!("{number} {long}")).await;
        let heard = event(&text(&mut hears).await.unwrap());
        let body = heard["messageBody"].as_str().unwrap();
        assert!(body.starts_with(&format!("{number} ")), "{body:.20}");
    }
    // What the kernel and the queue held comes out, without a gap, and then the end.
    let mut heard = 0;
    while let Some(frame) = text(&mut deaf).await {
        let body = event(&frame)["messageBody"].as_str().unwrap().to_owned();
        assert!(body.starts_with(&format!("{heard} ")), "{body:.20}");
        heard += 1;
    }
    assert!(heard < 1_500, "nothing was left out");
    server.stop().await;
}

#[tokio::test]
async fn more_than_anybody_has_to_say_is_not_read() {
    let server = server().await;
    let user = server.user().await;
    let mut socket = connect(&server, &user, "loud").await;
    // A hundred megabytes in one message: the server closes long before it has taken them.
    let piece = Message::text("y".repeat(100 << 20));
    let sent = socket.send(piece).await;
    let closed = match sent {
        Err(_) => true,
        Ok(()) => text(&mut socket).await.is_none(),
    };
    assert!(closed);

    let query = allocate(&server, &user, "poll").await;
    let sid = handshake(&server, &query).await;
    let url = format!("{}/socket.io/1/xhr-polling/{sid}?{query}", server.info.endpoint);
    assert!(
        server
            .send(server.http.get(&url))
            .await
            .expect(200)
            .text
            .contains("1::")
    );
    let flood = server.http.post(&url).body("z".repeat(1 << 20));
    server.send(flood).await.refused(413, "RequestBodyTooLarge");
    // Lengths that are wrong, in frames that are not ended.
    for body in [
        "\u{fffd}999\u{fffd}5:1+::{}",
        "\u{fffd}-1\u{fffd}x",
        "\u{fffd}3\u{fffd}😀😀",
        "\u{fffd}",
    ] {
        let posted = server.http.post(&url).body(body);
        server.send(posted).await.refused(400, "BadRequest");
    }
    // The session is none the worse for it.
    let ping = server.http.post(&url).body("5:1+::{\"name\":\"ping\"}");
    server.send(ping).await.expect(200);
    assert!(
        server
            .send(server.http.get(&url))
            .await
            .expect(200)
            .text
            .starts_with("6:::1+")
    );
    server.stop().await;
}

#[tokio::test]
async fn a_session_id_opens_nothing_for_another_connection() {
    let server = server().await;
    let (user, other) = (server.user().await, server.user().await);
    let query = allocate(&server, &user, "mine").await;
    let sid = handshake(&server, &query).await;
    let foreign = allocate(&server, &other, "theirs").await;
    let url = |query: &str| format!("{}/socket.io/1/xhr-polling/{sid}?{query}", server.info.endpoint);
    server
        .send(server.http.get(url(&foreign)))
        .await
        .refused(401, "Unauthorized");
    // Once it is over, an id that comes again is a new session of the same user, and of nobody else.
    server.send(server.http.get(url(&query))).await.expect(200);
    server.send(server.http.post(url(&query)).body("0::")).await.expect(200);
    server.clock.advance(8 * 24 * 3_600_000);
    server
        .send(server.http.get(url(&query)))
        .await
        .refused(401, "Unauthorized");
    server.stop().await;
}
