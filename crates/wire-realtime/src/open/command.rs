//! What a reader may send over the stream's WebSocket: typing, and a new token.

use samband_core::ThreadId;
use serde::Deserialize;

/// The largest message that is read.
pub const COMMAND_BYTES: usize = 64 * 1024;
/// Characters of what the JSON parser says, which repeats the names of unknown fields.
const WHY_MOST: usize = 160;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// As `POST /chat/threads/{thread}/typing`.
    Typing {
        id: Option<String>,
        thread: ThreadId,
        sender_display_name: Option<String>,
    },
    /// A newer token of the same user.
    Token { id: Option<String>, token: String },
}

/// Why a message cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandFault {
    /// As the message gave it, if that much can be read.
    pub id: Option<String>,
    pub message: String,
    pub target: Option<&'static str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Sent {
    r#type: String,
    id: Option<String>,
    thread_id: Option<String>,
    sender_display_name: Option<String>,
    token: Option<String>,
}

/// What is left to answer to when the rest cannot be read.
#[derive(Deserialize)]
struct Named {
    id: Option<String>,
}

/// Reads an object. serde alone would take an array of the fields' values as well.
fn object(text: &str) -> Result<Sent, CommandFault> {
    let unread = |id, why: &str| {
        let why: String = why.chars().take(WHY_MOST).collect();
        CommandFault {
            id,
            message: format!("The message cannot be read: {why}."),
            target: None,
        }
    };
    if !text.trim_start().starts_with('{') {
        return Err(unread(None, "it is no JSON object"));
    }
    serde_json::from_str(text).map_err(|error| {
        let named: Option<Named> = serde_json::from_str(text).ok();
        unread(named.and_then(|named| named.id), &error.to_string())
    })
}

impl Command {
    pub fn parse(text: &str) -> Result<Self, CommandFault> {
        let sent = object(text)?;
        let id = sent.id.clone();
        let fault = |message: String, target| CommandFault {
            id: id.clone(),
            message,
            target: Some(target),
        };
        let missing = |name| fault(format!("'{name}' is missing."), name);
        match sent.r#type.as_str() {
            "typing" => {
                let thread = sent.thread_id.ok_or_else(|| missing("threadId"))?;
                let thread = thread
                    .parse()
                    .map_err(|error: samband_core::IdError| fault(format!("{error}."), "threadId"))?;
                Ok(Self::Typing {
                    id: sent.id,
                    thread,
                    sender_display_name: sent.sender_display_name,
                })
            }
            "token" => Ok(Self::Token {
                id: sent.id,
                token: sent.token.ok_or_else(|| missing("token"))?,
            }),
            _ => Err(fault(
                "The type of a message is 'typing' or 'token'.".to_owned(),
                "type",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREAD: &str = "19:abababababababababababababababab@thread.v2";

    #[test]
    fn reads_what_is_documented() {
        let typing = format!(r#"{{"type":"typing","threadId":"{THREAD}","senderDisplayName":"Ann","id":"7"}}"#);
        let expected = Command::Typing {
            id: Some("7".to_owned()),
            thread: THREAD.parse().unwrap(),
            sender_display_name: Some("Ann".to_owned()),
        };
        assert_eq!(Command::parse(&typing), Ok(expected));
        let token = Command::Token {
            id: None,
            token: "a.b.c".to_owned(),
        };
        assert_eq!(Command::parse(r#"{"type":"token","token":"a.b.c"}"#), Ok(token));
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, id, target) in [
            ("", None, None),
            ("[]", None, None),
            (r#"{"type":"typing","id":"7""#, None, None),
            (r#"{"type":"typing","id":"7","id":"8"}"#, None, None),
            (r#"{"type":"typing","id":7}"#, None, None),
            (r#"{"id":"7"}"#, Some("7"), None),
            (r#"{"type":"typing","colour":1,"id":"7"}"#, Some("7"), None),
            (r#"{"type":"typing","threadId":19,"id":"7"}"#, Some("7"), None),
            (r#"{"type":"typing"}"#, None, Some("threadId")),
            (r#"{"type":"typing","id":"7"}"#, Some("7"), Some("threadId")),
            (
                r#"{"type":"typing","id":"7","threadId":"x"}"#,
                Some("7"),
                Some("threadId"),
            ),
            (r#"{"type":"token","id":"7"}"#, Some("7"), Some("token")),
            (r#"{"type":"dance","id":"7"}"#, Some("7"), Some("type")),
        ] {
            let fault = Command::parse(text).expect_err(text);
            assert_eq!((fault.id.as_deref(), fault.target), (id, target), "{text}");
        }
    }

    #[test]
    fn an_array_is_no_command() {
        for array in [
            format!(r#"["typing","7","{THREAD}","Ann",null]"#),
            r#" ["token",null,null,null,"a.b.c"]"#.to_owned(),
        ] {
            let fault = Command::parse(&array).expect_err(&array);
            assert_eq!(fault.message, "The message cannot be read: it is no JSON object.");
        }
    }

    #[test]
    fn what_is_long_is_not_repeated_whole() {
        let field = "\u{e9}".repeat(COMMAND_BYTES / 4);
        let fault = Command::parse(&format!(r#"{{"type":"token","{field}":1,"id":"7"}}"#)).unwrap_err();
        assert!(fault.message.contains("unknown field") && fault.message.chars().count() < 200);
        assert_eq!(fault.id.as_deref(), Some("7"));
    }
}
