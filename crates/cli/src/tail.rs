//! `samband tail`: the live events of a resource, a thread or a user, for eyes or as JSON lines.

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::{Response, StatusCode};
use serde_json::Value;

use crate::args::TailArgs;
use crate::client::{Client, segment};

/// Between tries to connect again.
const PAUSE: Duration = Duration::from_secs(1);

pub async fn tail(args: TailArgs) -> Result<()> {
    let client = Client::connect(&args.of.connection)?;
    let mut query: Vec<String> = Vec::new();
    query.extend(
        args.of
            .resource
            .iter()
            .map(|name| format!("resource={}", segment(name))),
    );
    query.extend(args.user.iter().map(|id| format!("user={}", segment(id))));
    query.extend(args.thread.iter().map(|id| format!("thread={}", segment(id))));
    query.extend(args.r#type.iter().map(|name| format!("type={}", segment(name))));
    let query = query.join("&");

    // What is wrong at first is an error; afterwards a lost connection is made again.
    let mut position = args.after.clone();
    let mut stream = match open(&client, &query, position.as_deref()).await? {
        Opened::Stream(stream) => stream,
        Opened::Expired(why) | Opened::Refused(why) => bail!(why),
        Opened::Later(why) => bail!(why),
    };
    loop {
        let ended = follow(&mut stream, &mut position, args.of.output.json).await?;
        eprintln!("samband: {ended}; connecting again");
        stream = loop {
            tokio::time::sleep(PAUSE).await;
            match open(&client, &query, position.as_deref()).await {
                Ok(Opened::Stream(stream)) => break stream,
                Ok(Opened::Expired(why)) => {
                    eprintln!("samband: events were missed: {why}");
                    position = None;
                }
                Ok(Opened::Refused(why)) => bail!(why),
                Ok(Opened::Later(_)) | Err(_) => {}
            }
        };
    }
}

enum Opened {
    Stream(Response),
    /// The position is too old, or of another log.
    Expired(String),
    Refused(String),
    /// The server is starting, or takes no more at the moment.
    Later(String),
}

async fn open(client: &Client, query: &str, position: Option<&str>) -> Result<Opened> {
    let response = client.events(query, position).await?;
    let status = response.status();
    if status == StatusCode::OK {
        return Ok(Opened::Stream(response));
    }
    let text = response.text().await.unwrap_or_default();
    let answer: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    let message = answer["error"]["message"]
        .as_str()
        .unwrap_or("the server gave no reason");
    let why = format!("{message} ({status})");
    Ok(match status {
        StatusCode::GONE => Opened::Expired(why),
        _ if status.is_server_error() => Opened::Later(why),
        _ => Opened::Refused(why),
    })
}

/// Prints events until the stream ends; why it did.
async fn follow(stream: &mut Response, position: &mut Option<String>, json: bool) -> Result<String> {
    let mut waiting: Vec<u8> = Vec::new();
    let mut ended = "the connection was lost".to_owned();
    while let Ok(Some(chunk)) = stream.chunk().await {
        waiting.extend_from_slice(&chunk);
        while let Some(end) = waiting.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = waiting.drain(..=end).collect();
            let line = std::str::from_utf8(&line)
                .context("the server sent no UTF-8")?
                .trim_end();
            if let Some(id) = line.strip_prefix("id: ") {
                *position = Some(id.to_owned());
            } else if let Some(data) = line.strip_prefix("data: ") {
                let event: Value = serde_json::from_str(data).context("the server sent no JSON")?;
                if let Some(reason) = closing(&event) {
                    ended = format!("the server ended the stream ({reason})");
                }
                let shown = if json { data.to_owned() } else { for_eyes(&event) };
                let mut out = std::io::stdout().lock();
                writeln!(out, "{shown}").and_then(|()| out.flush()).context("writing")?;
            }
        }
    }
    Ok(ended)
}

fn closing(event: &Value) -> Option<&str> {
    match event["type"].as_str()? {
        "Samband.Closing" | "Samband.Gap" => event["data"]["reason"].as_str(),
        _ => None,
    }
}

/// `12:34:56  ChatMessageReceived  19:…@thread.v2  Ann: hello`
fn for_eyes(event: &Value) -> String {
    let data = &event["data"];
    let text = |value: &Value| value.as_str().map(printable);
    let time = event["time"].as_str().unwrap_or_default();
    let time = time.get(11..19).unwrap_or(time);
    let name = event["type"].as_str().unwrap_or_default();
    let name = name.rsplit('.').next().unwrap_or_default();
    let mut line = format!("{time}  {name}");
    if let Some(thread) = text(&data["threadId"]) {
        line.push_str(&format!("  {thread}"));
    }
    let who = [
        "senderCommunicationIdentifier",
        "createdByCommunicationIdentifier",
        "editedByCommunicationIdentifier",
        "deletedByCommunicationIdentifier",
        "addedByCommunicationIdentifier",
        "removedByCommunicationIdentifier",
    ];
    let who = who.iter().find_map(|name| text(&data[*name]["rawId"]));
    let who = match (text(&data["senderDisplayName"]).filter(|name| !name.is_empty()), who) {
        (Some(name), Some(id)) => Some(format!("{name} ({id})")),
        (name, id) => name.or(id),
    };
    if let Some(who) = who {
        line.push_str(&format!("  {who}"));
    }
    let member = ["participantAdded", "participantRemoved"]
        .iter()
        .find_map(|name| text(&data[*name]["participantCommunicationIdentifier"]["rawId"]));
    let what = [
        text(&data["messageBody"]),
        text(&data["properties"]["topic"]),
        member,
        text(&data["messageId"]),
        text(&data["reason"]),
    ];
    if let Some(what) = what.into_iter().flatten().next() {
        line.push_str(&format!(": {what}"));
    }
    line
}

/// What users wrote must not command the terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn an_event_for_eyes() {
        let event = json!({
            "type": "Microsoft.Communication.ChatMessageReceived",
            "time": "2026-11-21T12:34:56.789Z",
            "data": {
                "threadId": "19:ab@thread.v2",
                "senderDisplayName": "Ann",
                "senderCommunicationIdentifier": { "rawId": "8:acs:1_2" },
                "messageBody": "two\nlines \u{1b}[31m",
                "messageId": "1",
            },
        });
        assert_eq!(
            super::for_eyes(&event),
            "12:34:56  ChatMessageReceived  19:ab@thread.v2  Ann (8:acs:1_2): two lines  [31m"
        );
        let closing = json!({ "type": "Samband.Closing", "time": "x", "data": { "reason": "revoked" } });
        assert_eq!(super::for_eyes(&closing), "x  Closing: revoked");
        assert_eq!(super::closing(&closing), Some("revoked"));
    }
}
