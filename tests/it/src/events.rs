//! The open event stream, spoken by hand as Server-Sent Events and over a WebSocket: what is told to
//! whom, how a reader goes on after a cut, and what ends a stream. Clients in other languages are
//! tests/events.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use toml::Value as Toml;

use crate::harness::{Answer, Server, User, encode, participant, server, server_with};

/// Long enough for a busy machine; nothing waits so long where all is well.
const PATIENCE: Duration = Duration::from_secs(20);
const PATH: &str = "/_samband/v1/events";

/// A stream of Server-Sent Events, read.
struct Stream {
    response: reqwest::Response,
    text: String,
    /// The last `id:`.
    position: String,
}

impl Stream {
    /// As a user; `query` begins with `?` if it is not empty.
    async fn open(server: &Server, user: &User, query: &str) -> Self {
        let url = format!("{}{PATH}{query}", server.info.endpoint);
        Self::of(server.http.get(url).bearer_auth(&user.token)).await
    }

    async fn as_operator(server: &Server, query: &str) -> Self {
        let url = format!("{}{PATH}{query}", server.info.endpoint);
        Self::of(server.http.get(url).bearer_auth(&server.info.admin_token)).await
    }

    async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut stream = Self {
            response,
            text: String::new(),
            position: String::new(),
        };
        // The first block says where the reader is.
        let first = stream.block().await.expect("a first block");
        assert!(first.starts_with("retry: 1000\nid: "), "{first}");
        stream
    }

    /// The next block; `None` once the server has closed.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                if let Some(id) = block.lines().find_map(|line| line.strip_prefix("id: ")) {
                    self.position = id.to_owned();
                }
                return Some(block);
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            let chunk = chunk.expect("something comes").expect("no error")?;
            self.text.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
        }
    }

    async fn next(&mut self) -> Option<Value> {
        loop {
            let block = self.block().await?;
            if let Some(data) = block.lines().find_map(|line| line.strip_prefix("data: ")) {
                return Some(serde_json::from_str(data).expect("JSON"));
            }
        }
    }

    /// The next events, as what tells them apart.
    async fn gist(&mut self, count: usize) -> Vec<String> {
        let mut gist = Vec::new();
        for _ in 0..count {
            gist.push(gist_of(&self.next().await.expect("an event")));
        }
        gist
    }
}

/// `ChatMessageReceived hi` of an event.
fn gist_of(event: &Value) -> String {
    let name = event["type"].as_str().unwrap().rsplit('.').next().unwrap();
    let data = &event["data"];
    let of = [
        &data["messageBody"],
        &data["properties"]["topic"],
        &data["participantAdded"]["displayName"],
        &data["reason"],
    ];
    match of.into_iter().find_map(Value::as_str) {
        Some(text) => format!("{name} {text}"),
        None => name.to_owned(),
    }
}

type Socket = WebSocketStream<TcpStream>;

async fn socket(server: &Server, query: &str, headers: &[(&'static str, &str)]) -> Result<Socket, Error> {
    let endpoint = server.info.http_endpoint.as_ref().unwrap();
    let address = endpoint.trim_start_matches("http://").to_owned();
    let stream = TcpStream::connect(&address).await.unwrap();
    let mut request = format!("ws://{address}{PATH}{query}").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    let mut socket = tokio_tungstenite::client_async(request, stream).await?.0;
    let first = received(&mut socket).await.expect("where the stream begins");
    assert_eq!(first["type"], "Samband.Connected");
    assert!(first["data"]["position"].is_string());
    Ok(socket)
}

async fn user_socket(server: &Server, user: &User) -> Socket {
    let bearer = format!("Bearer {}", user.token);
    socket(server, "", &[("authorization", &bearer)])
        .await
        .expect("a socket")
}

/// The next event, or the code that the server closes with.
async fn received(socket: &mut Socket) -> Result<Value, CloseCode> {
    loop {
        let next = tokio::time::timeout(PATIENCE, socket.next())
            .await
            .expect("something comes");
        match next.expect("not cut").expect("no error") {
            Message::Text(text) => return Ok(serde_json::from_str(&text).expect("JSON")),
            Message::Close(Some(frame)) => return Err(frame.code),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn thread_id(path: &str) -> String {
    percent_encoding::percent_decode_str(path.trim_start_matches("threads/"))
        .decode_utf8()
        .unwrap()
        .into_owned()
}

async fn refused(server: &Server, token: Option<&str>, query: &str) -> Answer {
    let mut request = server.http.get(format!("{}{PATH}{query}", server.info.endpoint));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    server.send(request).await
}

async fn add(server: &Server, by: &User, thread: &str, users: &[(&User, &str)]) {
    let participants: Vec<_> = users
        .iter()
        .map(|(user, name)| {
            let mut participant = participant(&user.id);
            participant["displayName"] = json!(name);
            participant
        })
        .collect();
    let body = json!({ "participants": participants });
    server
        .chat(by, "POST", &format!("{thread}/participants/:add"), Some(body))
        .await
        .expect(201);
}

#[tokio::test]
async fn a_user_hears_of_every_thread_and_of_what_it_does_itself() {
    let server = server().await;
    let (ann, bob, carol) = (server.user().await, server.user().await, server.user().await);
    let mut anns = Stream::open(&server, &ann, "").await;
    let mut bobs = user_socket(&server, &bob).await;
    let mut carols = Stream::open(&server, &carol, "").await;
    let thread = server.thread(&ann, &[&bob]).await;
    let message = server.say(&ann, &thread, "hi").await;
    let receipt = json!({ "chatMessageId": message });
    let receipts = format!("{thread}/readReceipts");
    server.chat(&bob, "POST", &receipts, Some(receipt)).await.expect(200);

    let expected = [
        "ChatThreadCreatedWithUser test",
        "ChatMessageReceived hi",
        "ChatReadReceiptReceived",
    ];
    assert_eq!(anns.gist(3).await, expected);
    for (index, expected) in expected.iter().enumerate() {
        let event = received(&mut bobs).await.unwrap();
        assert_eq!(gist_of(&event), *expected);
        assert_eq!(event["data"]["recipientId"], bob.id, "{index}");
        assert_eq!(event["specversion"], "1.0");
        assert!(event["position"].is_string());
    }
    // Nothing of it is Carol's, until she comes.
    add(&server, &ann, &thread, &[(&carol, "Carol")]).await;
    assert_eq!(carols.gist(1).await, ["ChatParticipantAddedToThreadWithUser Carol"]);
    server.stop().await;
}

#[tokio::test]
async fn resuming_misses_nothing_and_repeats_nothing() {
    let server = server().await;
    let (ann, bob) = (server.user().await, server.user().await);
    let [one, two, three] = [server.user().await, server.user().await, server.user().await];
    let thread = server.thread(&ann, &[&bob]).await;
    let other = server.thread(&ann, &[&bob]).await;
    let mut stream = Stream::open(&server, &bob, "").await;
    server.say(&ann, &thread, "before").await;
    let before = server.say(&ann, &thread, "read").await;
    assert_eq!(
        stream.gist(2).await,
        ["ChatMessageReceived before", "ChatMessageReceived read"]
    );
    let cut = stream.position.clone();
    drop(stream);

    // Everything that is stored, of several kinds and threads, while the reader is away.
    let gone = server.say(&ann, &thread, "deleted since").await;
    server.say(&ann, &other, "in the other").await;
    let edited = server.say(&ann, &thread, "first words").await;
    let path = format!("{thread}/messages/{edited}");
    let patch = json!({ "content": "present words" });
    server.chat(&ann, "PATCH", &path, Some(patch)).await.expect(204);
    let path = format!("{thread}/messages/{gone}");
    server.chat(&ann, "DELETE", &path, None).await.expect(204);
    // Edited, then deleted: nothing is left of the edit either.
    let both = server.say(&ann, &thread, "gone too").await;
    let path = format!("{thread}/messages/{both}");
    let patch = json!({ "content": "and its edit" });
    server.chat(&ann, "PATCH", &path, Some(patch)).await.expect(204);
    server.chat(&ann, "DELETE", &path, None).await.expect(204);
    // Of a deleted thread there is only that it was deleted.
    let short = server.thread(&ann, &[&bob]).await;
    server.say(&ann, &short, "secret").await;
    server.chat(&ann, "DELETE", &short, None).await.expect(204);
    add(
        &server,
        &ann,
        &thread,
        &[(&one, "One"), (&two, "Two"), (&three, "Three")],
    )
    .await;
    let receipt = json!({ "chatMessageId": before });
    server
        .chat(&ann, "POST", &format!("{thread}/readReceipts"), Some(receipt))
        .await
        .expect(200);
    server
        .chat(&ann, "POST", &format!("{thread}/typing"), Some(json!({})))
        .await
        .expect(200);
    let remove = json!({ "rawId": bob.id, "communicationUser": { "id": bob.id } });
    server
        .chat(&ann, "POST", &format!("{other}/participants/:remove"), Some(remove))
        .await
        .expect(204);
    server.say(&ann, &other, "not for bob").await;
    server.say(&ann, &thread, "last").await;

    let whole = [
        "ChatMessageReceived in the other",
        // As it is now; of the deleted one there is only that it was deleted.
        "ChatMessageReceived present words",
        "ChatMessageEdited present words",
        "ChatMessageDeleted",
        "ChatMessageDeleted",
        "ChatThreadWithUserDeleted deletedByUser",
        "ChatParticipantAddedToThreadWithUser One",
        "ChatParticipantAddedToThreadWithUser Two",
        "ChatParticipantAddedToThreadWithUser Three",
        "ChatReadReceiptReceived",
        "ChatParticipantRemovedFromThreadWithUser",
        "ChatMessageReceived last",
    ];
    let mut again = Stream::open(&server, &bob, &format!("?after={cut}")).await;
    assert_eq!(again.gist(whole.len()).await, whole);
    // A back end gets the same.
    let mut of_back_end = Stream::as_operator(&server, &format!("?after={cut}")).await;
    let told = of_back_end.gist(whole.len()).await.join(";");
    assert!(
        !told.contains("secret") && !told.contains("edit") && !told.contains("gone"),
        "{told}"
    );
    // And what happens from now on follows.
    server.say(&ann, &thread, "live").await;
    assert_eq!(again.gist(1).await, ["ChatMessageReceived live"]);

    // Cut after each event by turns, in the middle of a change of many too.
    let mut told = Vec::new();
    let mut position = cut;
    for _ in 0..whole.len() {
        let url = format!("{}{PATH}?after=old", server.info.endpoint);
        // The header wins, as browsers send it.
        let request = server
            .http
            .get(url)
            .bearer_auth(&bob.token)
            .header("last-event-id", &position);
        let mut stream = Stream::of(request).await;
        told.extend(stream.gist(1).await);
        position = stream.position;
    }
    assert_eq!(told, whole);
    server.stop().await;
}

#[tokio::test]
async fn a_back_end_hears_its_whole_resource_and_no_other() {
    let server = server().await;
    let body = json!({ "name": "elsewhere" });
    server.admin("POST", "resources", Some(body)).await.expect(201);
    let (ann, bob) = (server.user().await, server.user().await);
    let mut all = Stream::as_operator(&server, "").await;
    let mut elsewhere = Stream::as_operator(&server, "?resource=elsewhere").await;
    let mut bobs = Stream::as_operator(&server, &format!("?user={}", encode(&bob.id))).await;
    let mut signed = Stream::of(server.signed_request("GET", PATH)).await;
    let first = server.thread(&ann, &[]).await;
    let second = server.thread(&bob, &[]).await;
    server.say(&ann, &first, "one").await;
    server.say(&bob, &second, "two").await;
    let expected = [
        "ChatThreadCreated test",
        "ChatThreadCreated test",
        "ChatMessageReceivedInThread one",
        "ChatMessageReceivedInThread two",
    ];
    assert_eq!(all.gist(4).await, expected);
    assert_eq!(signed.gist(4).await, expected);
    assert_eq!(
        bobs.gist(2).await,
        ["ChatThreadCreatedWithUser test", "ChatMessageReceived two"]
    );

    // Going on in the middle, filtered by thread and by type.
    let position = {
        let mut from = Stream::as_operator(&server, "").await;
        server.say(&ann, &first, "marker").await;
        from.gist(1).await;
        from.position
    };
    server.say(&bob, &second, "left out").await;
    let topic = json!({ "topic": "left out too" });
    server.chat(&ann, "PATCH", &first, Some(topic)).await.expect(204);
    server.say(&ann, &first, "wanted").await;
    let kind = "Microsoft.Communication.ChatMessageReceivedInThread";
    let query = format!("?after={position}&thread={}&type={kind}", encode(&thread_id(&first)));
    let mut filtered = Stream::as_operator(&server, &query).await;
    assert_eq!(filtered.gist(1).await, ["ChatMessageReceivedInThread wanted"]);
    server.say(&bob, &second, "left out").await;
    server.say(&ann, &first, "wanted live").await;
    assert_eq!(filtered.gist(1).await, ["ChatMessageReceivedInThread wanted live"]);

    // The other resource hears nothing but its own end.
    server.admin("DELETE", "resources/elsewhere", None).await.expect(204);
    assert_eq!(elsewhere.gist(1).await, ["Closing revoked"]);
    assert!(elsewhere.next().await.is_none());
    // So does a back end whose key was rotated away.
    server
        .admin("POST", "resources/dev/keys/primary/:rotate", None)
        .await
        .expect(200);
    loop {
        match signed.next().await {
            Some(event) if gist_of(&event) == "Closing revoked" => break,
            Some(_) => {}
            None => panic!("closed without a word"),
        }
    }
    assert!(signed.next().await.is_none());
    server.stop().await;
}

#[tokio::test]
async fn positions_of_nowhere_and_of_long_ago() {
    let server = server().await;
    let user = server.user().await;
    let stream = Stream::open(&server, &user, "").await;
    let position = stream.position.clone();
    let token = Some(user.token.as_str());
    for query in [
        "?after=nonsense",
        "?after=AAAA",
        "?thread=nonsense",
        "?type=nonsense",
        "?type=Microsoft.Communication.ChatMessageReceivedInThread",
        "?colour=blue",
    ] {
        refused(&server, token, query).await.refused(400, "BadRequest");
    }
    let longest = "&thread=x".repeat(100);
    refused(&server, token, &format!("?{longest}"))
        .await
        .refused(400, "BadRequest");
    // Nothing happened since: however old, nothing is missed.
    server.clock.advance(25 * 3_600_000);
    let renewed = server.issue(&user).await;
    let user = User { token: renewed, ..user };
    Stream::open(&server, &user, &format!("?after={position}")).await;

    server.thread(&user, &[]).await;
    server.clock.advance(23 * 3_600_000);
    let user = User {
        token: server.issue(&user).await,
        ..user
    };
    let mut stream = Stream::open(&server, &user, &format!("?after={position}")).await;
    assert_eq!(stream.gist(1).await, ["ChatThreadCreatedWithUser test"]);
    server.clock.advance(2 * 3_600_000);
    let user = User {
        token: server.issue(&user).await,
        ..user
    };
    let query = format!("?after={position}");
    let gone = refused(&server, Some(&user.token), &query).await;
    assert_eq!(gone.refused(410, "PositionExpired").json["error"]["target"], "after");

    // A position of another server's log.
    let other = crate::harness::server().await;
    let stranger = other.user().await;
    let answer = refused(&other, Some(&stranger.token), &query).await;
    answer.refused(410, "PositionExpired");
    other.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn who_may_not_listen() {
    let server = server().await;
    let user = server.user().await;
    let voice = server.user_with(&["voip"]).await;
    refused(&server, None, "").await.refused(401, "Unauthorized");
    refused(&server, Some("nonsense"), "")
        .await
        .refused(401, "Unauthorized");
    refused(&server, Some(&voice.token), "").await.refused(403, "Forbidden");
    let asked = format!("?user={}", encode(&voice.id));
    refused(&server, Some(&user.token), &asked)
        .await
        .refused(403, "Forbidden");
    let operator = Some(server.info.admin_token.as_str());
    refused(&server, operator, "?user=nonsense")
        .await
        .refused(400, "BadRequest");
    refused(&server, operator, "?resource=nonsense")
        .await
        .refused(404, "NotFound");
    // A token in the URL is not looked at.
    let in_url = format!("?token={}", user.token);
    refused(&server, None, &in_url).await.refused(401, "Unauthorized");
    let posted = server
        .http
        .post(format!("{}{PATH}", server.info.endpoint))
        .bearer_auth(&user.token);
    server.send(posted).await.refused(405, "MethodNotAllowed");
    server.stop().await;
}

#[tokio::test]
async fn browsers_show_their_token_as_a_subprotocol() {
    let server = server().await;
    let user = server.user().await;
    let token = format!("samband.token.{}", user.token);
    let offers = format!("cloudevents.json, {token}");
    let mut open = socket(&server, "", &[("sec-websocket-protocol", &offers)])
        .await
        .expect("a socket");
    server.thread(&user, &[]).await;
    assert_eq!(
        gist_of(&received(&mut open).await.unwrap()),
        "ChatThreadCreatedWithUser test"
    );
    // Offered alone it is answered, or a browser would not go on.
    socket(&server, "", &[("sec-websocket-protocol", &token)])
        .await
        .expect("a socket");
    let forged = "cloudevents.json, samband.token.e30.e30.e30";
    match socket(&server, "", &[("sec-websocket-protocol", forged)]).await {
        Err(Error::Http(answer)) => assert_eq!(answer.status(), 401),
        other => panic!("{other:?}"),
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_sent_over_the_socket() {
    let server = server().await;
    let (ann, bob) = (server.user().await, server.user().await);
    let thread = server.thread(&ann, &[&bob]).await;
    let mut anns = user_socket(&server, &ann).await;
    let mut bobs = user_socket(&server, &bob).await;
    let send = async |socket: &mut Socket, text: String| socket.send(Message::text(text)).await.unwrap();
    let typing = json!({ "type": "typing", "threadId": thread_id(&thread), "senderDisplayName": "Ann" });
    send(&mut anns, typing.to_string()).await;
    let heard = received(&mut bobs).await.unwrap();
    assert_eq!(heard["type"], "Samband.ChatTypingIndicatorReceived");
    assert_eq!(heard["data"]["senderDisplayName"], "Ann");
    assert!(heard.get("position").is_none(), "{heard}");
    received(&mut anns).await.unwrap();

    // What cannot be done is said, with the message's own id.
    let other = server.thread(&bob, &[]).await;
    received(&mut bobs).await.unwrap();
    for (sent, code, target) in [
        (
            json!({ "type": "typing", "threadId": thread_id(&other), "id": "a" }),
            "Forbidden",
            Value::Null,
        ),
        (
            json!({ "type": "typing", "threadId": "x", "id": "a" }),
            "BadRequest",
            json!("threadId"),
        ),
        (json!({ "type": "dance", "id": "a" }), "BadRequest", json!("type")),
        (
            json!({ "type": "token", "token": bob.token, "id": "a" }),
            "Forbidden",
            json!("token"),
        ),
        (
            json!({ "type": "token", "token": "x", "id": "a" }),
            "Unauthorized",
            Value::Null,
        ),
    ] {
        send(&mut anns, sent.to_string()).await;
        let event = received(&mut anns).await.unwrap();
        assert_eq!(event["type"], "Samband.Error", "{sent}");
        let error = &event["data"]["error"];
        assert_eq!((&error["code"], &error["target"]), (&json!(code), &target), "{event}");
        assert_eq!(event["data"]["id"], "a");
    }
    send(&mut anns, "garbage".to_owned()).await;
    assert_eq!(
        received(&mut anns).await.unwrap()["data"]["error"]["code"],
        "BadRequest"
    );

    // A newer token keeps the stream open when the older one goes.
    server.clock.advance(5_000);
    let revoke = format!("resources/dev/users/{}/:revokeAccessTokens", encode(&ann.id));
    let newer = json!({ "type": "token", "token": server.issue(&ann).await });
    send(&mut anns, newer.to_string()).await;
    server.say(&ann, &thread, "still here").await;
    assert_eq!(
        gist_of(&received(&mut anns).await.unwrap()),
        "ChatMessageReceived still here"
    );
    server.admin("POST", &revoke, None).await.expect(204);
    assert_eq!(gist_of(&received(&mut anns).await.unwrap()), "Closing revoked");
    assert_eq!(received(&mut anns).await, Err(CloseCode::Policy));

    send(&mut bobs, "x".repeat(70_000)).await;
    loop {
        match received(&mut bobs).await {
            Ok(_) => {}
            Err(code) => break assert_eq!(code, CloseCode::Size),
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_token_s_end_is_announced() {
    let server = server().await;
    let user = server.user().await;
    let expires = server.now().0 / 1000 + 24 * 3600;
    // 59 s before its end a token is good, and the reader is told at once.
    server.clock.advance((expires - server.now().0 / 1000 - 58) * 1_000);
    let mut stream = Stream::open(&server, &user, "").await;
    let told = stream.next().await.unwrap();
    assert_eq!(told["type"], "Samband.TokenExpiring");
    assert!(told["data"]["expiresOn"].as_str().unwrap().ends_with('Z'));
    // With a second left the end comes by itself.
    server.clock.advance(57_000);
    let mut stream = Stream::open(&server, &user, "").await;
    assert_eq!(stream.next().await.unwrap()["type"], "Samband.TokenExpiring");
    assert_eq!(stream.gist(1).await, ["Closing tokenExpired"]);
    assert!(stream.next().await.is_none());
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_goes_says_so_and_sockets_are_told_to_move() {
    let server = server().await;
    let user = server.user().await;
    let mut stream = Stream::open(&server, &user, "").await;
    let mut open = user_socket(&server, &user).await;
    let mut signalling = crate::realtime::connect(&server, &user, "moves").await;
    let stopping = tokio::spawn(server.stop());
    assert_eq!(stream.gist(1).await, ["Closing serverStopping"]);
    assert_eq!(gist_of(&received(&mut open).await.unwrap()), "Closing serverStopping");
    assert_eq!(received(&mut open).await, Err(CloseCode::Away));
    let told = crate::realtime::text(&mut signalling)
        .await
        .expect("a word before the end");
    assert!(told.starts_with("5:::") && told.contains("trouter.reconnect"), "{told}");
    assert_eq!(crate::realtime::text(&mut signalling).await, None);
    stopping.await.unwrap();
}

#[tokio::test]
async fn who_does_not_read_is_told_and_dropped_and_misses_nothing() {
    let server = server().await;
    let (ann, bob) = (server.user().await, server.user().await);
    let thread = server.thread(&ann, &[&bob]).await;
    let mut slow = user_socket(&server, &bob).await;
    // More than the kernel's buffers and the queue hold, while nothing is read.
    let text = "x".repeat(20_000);
    let count = 1_500;
    for number in 0..count {
        server.say(&ann, &thread, &format!("{number} {text}")).await;
    }
    let mut heard = 0;
    let last = loop {
        match received(&mut slow).await.unwrap() {
            event if event["type"] == "Samband.Gap" => {
                assert_eq!(event["data"]["reason"], "slowConsumer");
                break event["data"]["lastPosition"].as_str().unwrap().to_owned();
            }
            event => {
                let body = event["data"]["messageBody"].as_str().unwrap();
                assert_eq!(body.split(' ').next(), Some(heard.to_string().as_str()));
                heard += 1;
            }
        }
    };
    assert_eq!(received(&mut slow).await, Err(CloseCode::Again));
    assert!(heard < count, "nothing was left out");
    let mut stream = Stream::open(&server, &bob, &format!("?after={last}")).await;
    for number in heard..count {
        let event = stream.next().await.unwrap();
        let body = event["data"]["messageBody"].as_str().unwrap();
        assert_eq!(body.split(' ').next(), Some(number.to_string().as_str()));
    }
    server.stop().await;
}

#[tokio::test]
async fn connections_are_admitted_at_a_bounded_rate() {
    let server = server_with(&[("realtime.connects_per_second", Toml::Integer(2))]).await;
    let user = server.user().await;
    // Two a second: ten wait up to four seconds, and the rest are told to come back.
    let connects: Vec<_> = (0..20)
        .map(|_| {
            let url = format!("{}/v4/a?epid=e", server.info.endpoint);
            server.http.post(url).header("x-skypetoken", &user.token).send()
        })
        .collect();
    let answers = futures_util::future::join_all(connects).await;
    let of = |status| {
        let answers = answers.iter().map(|answer| answer.as_ref().expect("an answer"));
        answers.filter(|answer| answer.status() == status).collect::<Vec<_>>()
    };
    let (admitted, deferred) = (of(200), of(503));
    assert_eq!(admitted.len() + deferred.len(), 20);
    assert!((1..=10).contains(&admitted.len()), "{} were admitted", admitted.len());
    assert!(deferred.iter().all(|answer| answer.headers()["retry-after"] == "1"));
    let stream = refused(&server, Some(&user.token), "").await;
    assert_eq!(stream.status, 503);
    // Whoever is not new is served as ever.
    server.thread(&user, &[]).await;
    server.clock.advance(10_000);
    let _stream = Stream::open(&server, &user, "").await;
    server.stop().await;
}

#[tokio::test]
async fn connected_endpoints_are_a_fact() {
    let server = server().await;
    let (ann, bob) = (server.user().await, server.user().await);
    let list = async || {
        server
            .admin("GET", "resources/dev/endpoints", None)
            .await
            .expect(200)
            .json["value"]
            .clone()
    };
    assert_eq!(list().await, json!([]));
    let anns = Stream::open(&server, &ann, "").await;
    let _socket = user_socket(&server, &ann).await;
    let _sdk = crate::realtime::connect(&server, &bob, "tab").await;
    let connected = list().await;
    let of = |user: &User| {
        let users = connected.as_array().unwrap();
        let mut protocols: Vec<_> = users.iter().find(|line| line["user"] == user.id).unwrap()["endpoints"]
            .as_array()
            .unwrap()
            .iter()
            .map(|endpoint| endpoint["protocol"].as_str().unwrap().to_owned())
            .collect();
        protocols.sort();
        protocols
    };
    assert_eq!(of(&ann), ["events-sse", "events-websocket"]);
    assert_eq!(of(&bob), ["signalling-websocket"]);
    drop(anns);
    let deadline = server.say_until_gone(&ann, &list).await;
    assert!(deadline, "a reader that went is forgotten");
    server
        .admin("GET", "resources/nowhere/endpoints", None)
        .await
        .refused(404, "NotFound");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tail_prints_what_happens_and_says_when_it_lost_the_server() {
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    struct Tail(Child);
    impl Drop for Tail {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
    let server = server().await;
    let (ann, bob) = (server.user().await, server.user().await);
    let thread = server.thread(&ann, &[]).await;
    let ca = server.info.ca_file.clone().unwrap();
    let tail = |arguments: &[&str]| {
        let mut command = Command::new(crate::command_line::samband());
        command
            .args([
                "tail",
                "--endpoint",
                &server.info.endpoint,
                "--admin-token",
                &server.info.admin_token,
            ])
            .arg("--ca-file")
            .arg(&ca)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Tail(command.spawn().expect("tail starts"))
    };
    let mut position = Stream::as_operator(&server, "").await.position;
    let id = thread_id(&thread);
    server.say(&ann, &thread, "first").await;
    let mut whole = tail(&["--json", "--after", &position]);
    let mut eyes = tail(&["--thread", &id, "--user", &ann.id, "--after", &position]);
    let lines = |tail: &mut Tail| BufReader::new(tail.0.stdout.take().unwrap()).lines();
    let (mut whole_lines, mut eyes_lines) = (lines(&mut whole), lines(&mut eyes));
    let next = |lines: &mut dyn Iterator<Item = std::io::Result<String>>| -> String { lines.next().unwrap().unwrap() };
    tokio::task::block_in_place(|| {
        let event: Value = serde_json::from_str(&next(&mut whole_lines)).unwrap();
        assert_eq!(gist_of(&event), "ChatMessageReceivedInThread first");
        position = event["position"].as_str().unwrap().to_owned();
        let line = next(&mut eyes_lines);
        assert!(
            line.ends_with(": first") && line.contains(&id) && line.contains(&ann.id),
            "{line}"
        );
    });
    server.thread(&bob, &[]).await;
    server.say(&ann, &thread, "second").await;
    tokio::task::block_in_place(|| {
        let line = next(&mut eyes_lines);
        assert!(line.ends_with(": second"), "{line}");
        let kinds = [next(&mut whole_lines), next(&mut whole_lines)];
        let kinds = kinds.map(|line| gist_of(&serde_json::from_str(&line).unwrap()));
        assert_eq!(kinds, ["ChatThreadCreated test", "ChatMessageReceivedInThread second"]);
    });
    let mut complaints = BufReader::new(eyes.0.stderr.take().unwrap()).lines();
    server.stop().await;
    let complaint = tokio::task::block_in_place(|| next(&mut complaints));
    assert!(
        complaint.contains("serverStopping") && complaint.contains("connecting again"),
        "{complaint}"
    );
}

impl Server {
    /// Waits until only one endpoint of a user is left.
    async fn say_until_gone(&self, user: &User, list: &impl AsyncFn() -> Value) -> bool {
        for _ in 0..200 {
            let listed = list().await;
            let users = listed.as_array().unwrap();
            let left = users
                .iter()
                .find(|line| line["user"] == user.id)
                .map_or(0, |line| line["endpoints"].as_array().unwrap().len());
            if left == 1 {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        false
    }

    /// A new token of a user, from the operator.
    async fn issue(&self, user: &User) -> String {
        let path = format!("resources/dev/users/{}/:issueAccessToken", encode(&user.id));
        let issued = self.admin("POST", &path, Some(json!({ "scopes": ["chat"] }))).await;
        issued.expect(200).json["token"].as_str().unwrap().to_owned()
    }
}
