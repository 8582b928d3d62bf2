//! The stream's own events: gaps, the end of a token or of the stream, what a reader sent in vain.

use samband_core::Millis;
use serde::Serialize;

use crate::template::{Object, Template};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control<'a> {
    /// Where the stream begins.
    Connected { position: &'a str },
    /// Events were or may have been left out.
    Gap {
        reason: GapReason,
        /// How far the reader has come.
        last_position: Option<&'a str>,
    },
    /// The token expires soon: send another, or connect with another.
    TokenExpiring { expires: Millis },
    /// The server ends the stream.
    Closing { reason: ClosingReason },
    /// What the reader sent could not be done.
    Error {
        /// As the reader's message gave it.
        id: Option<&'a str>,
        code: &'a str,
        message: &'a str,
        target: Option<&'a str>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum GapReason {
    /// The reader was too slow; the stream ends, and goes on from the last position.
    SlowConsumer,
    /// The store could not be read; the stream ends, and goes on from the last position.
    Unavailable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ClosingReason {
    TokenExpired,
    Revoked,
    ServerStopping,
}

pub const CONTROL_TYPES: [&str; 5] = [
    "Samband.Connected",
    "Samband.Gap",
    "Samband.TokenExpiring",
    "Samband.Closing",
    "Samband.Error",
];

impl Control<'_> {
    /// As CloudEvents has it. `number` tells the control events of one stream apart.
    pub fn event(&self, number: u64, source: &str, at: Millis) -> String {
        let mut json = Template::default();
        let mut object = Object::begin(&mut json);
        object.put("specversion", "1.0");
        object.put("id", &format!("control-{}-{number}", at.0));
        object.put("source", source);
        object.put("type", self.type_name());
        object.put("time", &at.to_string());
        object.put("datacontenttype", "application/json");
        let mut data = Object::begin(object.key("data"));
        match *self {
            Self::Connected { position } => data.put("position", position),
            Self::Gap { reason, last_position } => {
                data.put("reason", &reason);
                data.put_some("lastPosition", last_position);
            }
            Self::TokenExpiring { expires } => data.put("expiresOn", &expires.to_string()),
            Self::Closing { reason } => data.put("reason", &reason),
            Self::Error {
                id,
                code,
                message,
                target,
            } => {
                data.put_some("id", id);
                let mut error = Object::begin(data.key("error"));
                error.put("code", code);
                error.put("message", message);
                error.put_some("target", target);
                error.end();
            }
        }
        data.end();
        object.end();
        let mut text = String::new();
        json.fill("", &mut text);
        text
    }

    fn type_name(&self) -> &'static str {
        let [connected, gap, expiring, closing, error] = CONTROL_TYPES;
        match self {
            Self::Connected { .. } => connected,
            Self::Gap { .. } => gap,
            Self::TokenExpiring { .. } => expiring,
            Self::Closing { .. } => closing,
            Self::Error { .. } => error,
        }
    }
}
