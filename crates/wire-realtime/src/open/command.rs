//! What a reader may send over the stream's WebSocket: typing, and a new token.

use samband_core::ThreadId;
use serde::Deserialize;

/// The largest message that is read.
pub const COMMAND_BYTES: usize = 64 * 1024;

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
    /// As the message gave it.
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

impl Command {
    pub fn parse(text: &str) -> Result<Self, CommandFault> {
        let sent: Sent = serde_json::from_str(text).map_err(|error| CommandFault {
            id: None,
            message: format!("The message cannot be read: {error}."),
            target: None,
        })?;
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
        for (text, target) in [
            ("", None),
            ("[]", None),
            (r#"{"type":"typing","colour":1}"#, None),
            (r#"{"type":"typing","id":"7"}"#, Some("threadId")),
            (r#"{"type":"typing","id":"7","threadId":"x"}"#, Some("threadId")),
            (r#"{"type":"token","id":"7"}"#, Some("token")),
            (r#"{"type":"dance","id":"7"}"#, Some("type")),
        ] {
            let fault = Command::parse(text).expect_err(text);
            assert_eq!(fault.target, target, "{text}");
            assert_eq!(fault.id.is_some(), target.is_some(), "{text}");
        }
    }
}
