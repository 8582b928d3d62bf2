//! What a client asks before it opens a socket: where real time is (spec §2a), and a connection
//! there (spec §3).

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde::Serialize;

use crate::sign::{Grant, Signer};
use crate::template::to_json;

/// How long a connection may live, as clients are told. More than 7230 s, or the SDKs do not renew
/// their registration.
pub const TTL_SECONDS: u32 = 604_800;
/// The same, for the expiry of connection parameters.
pub const TTL_MS: i64 = TTL_SECONDS as i64 * 1000;

/// A connection: 16 unpredictable bytes, written in base64url, so that no URL or JSON needs to
/// escape it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionId([u8; 16]);

impl ConnectionId {
    pub const TEXT_LEN: usize = 22;

    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; Self::TEXT_LEN];
        let written = BASE64URL.encode_slice(self.0, &mut text).unwrap_or_default();
        f.write_str(std::str::from_utf8(&text[..written]).unwrap_or_default())
    }
}

impl FromStr for ConnectionId {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let bytes = Some(text)
            .filter(|text| text.len() == Self::TEXT_LEN)
            .and_then(|text| BASE64URL.decode(text).ok());
        bytes.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(())
    }
}

/// The answer of `GET /chat/config/realTimeNotifications`. `base_url` is `https://host[:port]`.
pub fn config(base_url: &str) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Config<'a> {
        trouter_service_url: &'a str,
        registrar_service_url: String,
        cloud_type: &'static str,
    }
    // The client appends paths that begin with a slash.
    let base = base_url.trim_end_matches('/');
    to_json(&Config {
        trouter_service_url: base,
        registrar_service_url: format!("{base}/registrar/prod"),
        cloud_type: "Public",
    })
}

/// The answer of `POST /v4/a`. `base_url` is `https://host[:port]` without a path: one would become
/// a Socket.IO namespace (spec §3).
pub fn allocation(base_url: &str, grant: &Grant, signer: &Signer) -> String {
    #[derive(Serialize)]
    struct Allocation<'a> {
        socketio: String,
        url: &'a str,
        surl: &'a str,
        curlb: &'a str,
        id: &'a str,
        ccid: String,
        ttl: String,
        connectparams: ConnectParams,
    }
    let base = base_url.trim_end_matches('/');
    let id = grant.connection.to_string();
    let url = format!("{base}/v4/f/{id}/");
    to_json(&Allocation {
        socketio: format!("{base}/"),
        url: &url,
        surl: &url,
        curlb: base,
        id: &id,
        ccid: format!("cc-{id}"),
        ttl: TTL_SECONDS.to_string(),
        connectparams: signer.params(grant),
    })
}

/// What the client copies into the query of all that follows, without encoding it: so digits and
/// base64url only. In most versions it is the socket's only credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConnectParams {
    pub sr: String,
    pub issuer: &'static str,
    pub sp: &'static str,
    pub st: String,
    pub se: String,
    pub sig: String,
}

impl fmt::Display for ConnectParams {
    /// As a query, in the order in which the SDKs send it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            sr,
            issuer,
            sp,
            st,
            se,
            sig,
        } = self;
        write!(f, "sr={sr}&issuer={issuer}&sp={sp}&st={st}&se={se}&sig={sig}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use samband_core::{Millis, ResourceId, UserId};
    use serde_json::{Value, json};

    #[test]
    fn the_config_has_no_slash_at_the_end() {
        let expected = json!({
            "trouterServiceUrl": "https://host:8443",
            "registrarServiceUrl": "https://host:8443/registrar/prod",
            "cloudType": "Public",
        });
        for base in ["https://host:8443", "https://host:8443/"] {
            assert_eq!(serde_json::from_str::<Value>(&config(base)).unwrap(), expected);
        }
    }

    #[test]
    fn an_allocation_says_where_the_socket_is() {
        let grant = Grant {
            connection: ConnectionId::from_bytes([7; 16]),
            resource: ResourceId::from_bytes([1; 16]),
            user: UserId::from_bytes([2; 16]),
            epid: None,
            issued: Millis(1_795_243_941_738),
            expires: Millis(1_795_243_941_738).plus(TTL_MS),
            token_expires: Millis(1_795_243_999_000),
            token_mark: Vec::new(),
        };
        let signer = Signer::new(b"secret");
        let answer: Value = serde_json::from_str(&allocation("https://host:8443", &grant, &signer)).unwrap();
        let id = "BwcHBwcHBwcHBwcHBwcHBw";
        assert_eq!(
            answer,
            json!({
                "socketio": "https://host:8443/",
                "url": format!("https://host:8443/v4/f/{id}/"),
                "surl": format!("https://host:8443/v4/f/{id}/"),
                "curlb": "https://host:8443",
                "id": id,
                "ccid": format!("cc-{id}"),
                "ttl": "604800",
                "connectparams": {
                    "sr": id, "issuer": "samband", "sp": "connect",
                    "st": "1795243941738", "se": "1795848741738",
                    "sig": signer.params(&grant).sig,
                },
            })
        );
    }

    #[test]
    fn a_connection_id_comes_back_as_it_was() {
        let id = ConnectionId::from_bytes(*b"0123456789abcdef");
        assert_eq!(id.to_string().len(), ConnectionId::TEXT_LEN);
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in ["", "abc", "!!!!!!!!!!!!!!!!!!!!!!", "zzzzzzzzzzzzzzzzzzzzzz"] {
            assert_eq!(wrong.parse::<ConnectionId>(), Err(()), "{wrong}");
        }
    }
}
