//! Connection parameters and session ids: self-contained and signed with a secret that all nodes
//! share, so that any of them can tell whose a socket is without asking another.
//!
//! The MAC is HMAC-SHA256. The SDKs hand back the parameters' values as they got them (spec §3) but
//! are known to take no further ones, so `sig` holds all that the others have no place for.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use hmac::{Hmac, KeyInit, Mac};
use samband_core::{Millis, ResourceId, UserId};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::allocate::{ConnectParams, ConnectionId};
use crate::query::Query;

const FORMAT: u8 = 1;
const MAC_LEN: usize = 32;
/// Longer than any of ours: not worth decoding.
const TEXT_MOST: usize = 1024;
/// Longest `Grant::token_mark`, and longest `Session::node`.
pub const MARK_MOST: usize = 64;

/// What a signature is for comes first in what is signed: one can never stand for the other.
const FOR_PARAMS: &[u8] = b"samband connectparams\0";
const FOR_SESSION: &[u8] = b"samband sid\0";

/// What connection parameters say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub connection: ConnectionId,
    pub resource: ResourceId,
    pub user: UserId,
    /// The client endpoint; chat 1.0.0 names it only after the allocation, so it may be open.
    pub epid: Option<String>,
    pub issued: Millis,
    pub expires: Millis,
    /// When the access token expires that the connection was allocated with.
    pub token_expires: Millis,
    /// What its issuer needs to see that the token still holds (key slot, generations); opaque
    /// here, at most `MARK_MOST` bytes.
    pub token_mark: Vec<u8>,
}

/// What a session id says: one handshake, and the node where it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub connection: ConnectionId,
    /// The node that holds the session, to which others forward; at most `MARK_MOST` bytes.
    pub node: String,
    /// Tells the handshakes of one connection apart.
    pub nonce: [u8; 8],
    pub expires: Millis,
}

/// Why parameters or a session id are not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    Missing(&'static str),
    Malformed(&'static str),
    /// Not signed by this server, or not for what it stands with.
    Mismatch,
    Expired,
    /// All is well but the token of the allocation has expired: acceptable if another token of the
    /// same user came with the request.
    TokenExpired(Box<Grant>),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "The parameter '{name}' is missing."),
            Self::Malformed(name) => write!(f, "'{name}' is malformed."),
            Self::Mismatch => f.write_str("The connection parameters were not issued by this server as they are."),
            Self::Expired => f.write_str("The connection has expired."),
            Self::TokenExpired(_) => f.write_str("The access token of the connection has expired."),
        }
    }
}

impl std::error::Error for Fault {}

/// The secret that nodes share.
#[derive(Clone)]
pub struct Signer(Hmac<Sha256>);

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer([secret])")
    }
}

impl Signer {
    pub fn new(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).expect("HMAC takes a key of any length"))
    }

    pub fn params(&self, grant: &Grant) -> ConnectParams {
        let mut sig = Vec::with_capacity(160);
        sig.extend_from_slice(&[FORMAT, u8::from(grant.epid.is_some())]);
        sig.extend_from_slice(grant.resource.as_bytes());
        sig.extend_from_slice(grant.user.as_bytes());
        sig.extend_from_slice(&grant.token_expires.0.to_be_bytes());
        sig.extend_from_slice(cut(&grant.token_mark));
        let mac = self.params_mac(&sig, grant);
        sig.extend_from_slice(&mac);
        ConnectParams {
            sr: grant.connection.to_string(),
            issuer: "samband",
            sp: "connect",
            st: grant.issued.0.to_string(),
            se: grant.expires.0.to_string(),
            sig: BASE64URL.encode(sig),
        }
    }

    /// Reads and checks the parameters in a query.
    pub fn verify(&self, query: &Query<'_>, now: Millis) -> Result<Grant, Fault> {
        let text = |name: &'static str| query.get(name).ok_or(Fault::Missing(name));
        let time = |name: &'static str| text(name)?.parse().map(Millis).map_err(|_| Fault::Malformed(name));
        let connection = text("sr")?.parse().map_err(|()| Fault::Malformed("sr"))?;
        let (issued, expires) = (time("st")?, time("se")?);

        let bytes = decode(text("sig")?).ok_or(Fault::Malformed("sig"))?;
        let (said, mac) = split_mac(&bytes).ok_or(Fault::Malformed("sig"))?;
        let mut reader = Reader(said);
        let fields = (|| {
            let [_, bound] = reader.take().filter(|[format, _]| *format == FORMAT)?;
            let (resource, user) = (reader.take()?, reader.take()?);
            let token_expires = Millis(i64::from_be_bytes(reader.take()?));
            Some((bound != 0, resource, user, token_expires))
        })();
        let (bound, resource, user, token_expires) = fields.ok_or(Fault::Malformed("sig"))?;
        let grant = Grant {
            connection,
            resource: ResourceId::from_bytes(resource),
            user: UserId::from_bytes(user),
            epid: match bound {
                true => Some(query.epid().ok_or(Fault::Missing("epid"))?.to_owned()),
                false => None,
            },
            issued,
            expires,
            token_expires,
            token_mark: reader.0.to_vec(),
        };
        if !bool::from(self.params_mac(said, &grant).ct_eq(mac)) {
            return Err(Fault::Mismatch);
        }
        if now >= grant.expires {
            return Err(Fault::Expired);
        }
        if now >= grant.token_expires {
            return Err(Fault::TokenExpired(Box::new(grant)));
        }
        Ok(grant)
    }

    /// `said` is what `sig` holds before the MAC: all of the grant that the other parameters do
    /// not.
    fn params_mac(&self, said: &[u8], grant: &Grant) -> [u8; MAC_LEN] {
        let epid = grant.epid.as_deref().unwrap_or_default().as_bytes();
        self.mac(&[
            FOR_PARAMS,
            grant.connection.as_bytes(),
            &grant.issued.0.to_be_bytes(),
            &grant.expires.0.to_be_bytes(),
            // Two parts have no fixed length: that of the first is said.
            &(said.len() as u64).to_be_bytes(),
            said,
            epid,
        ])
    }

    /// The id of a session, `sid`: base64url, as a `:` would end it (spec §4).
    pub fn session_id(&self, session: &Session) -> String {
        let mut sid = Vec::with_capacity(128);
        sid.push(FORMAT);
        sid.extend_from_slice(session.connection.as_bytes());
        sid.extend_from_slice(&session.nonce);
        sid.extend_from_slice(&session.expires.0.to_be_bytes());
        sid.extend_from_slice(cut(session.node.as_bytes()));
        let mac = self.mac(&[FOR_SESSION, &sid]);
        sid.extend_from_slice(&mac);
        BASE64URL.encode(sid)
    }

    /// Reads and checks a `sid`. Alone it proves nothing about the user: the caller also verifies
    /// the parameters, and that both name the same connection.
    pub fn verify_session(&self, sid: &str, now: Millis) -> Result<Session, Fault> {
        let bytes = decode(sid).ok_or(Fault::Malformed("sid"))?;
        let (said, mac) = split_mac(&bytes).ok_or(Fault::Malformed("sid"))?;
        if !bool::from(self.mac(&[FOR_SESSION, said]).ct_eq(mac)) {
            return Err(Fault::Mismatch);
        }
        let mut reader = Reader(said);
        let session = (|| {
            reader.take().filter(|[format]| *format == FORMAT)?;
            Some(Session {
                connection: ConnectionId::from_bytes(reader.take()?),
                nonce: reader.take()?,
                expires: Millis(i64::from_be_bytes(reader.take()?)),
                node: String::from_utf8(reader.0.to_vec()).ok()?,
            })
        })();
        match session {
            None => Err(Fault::Malformed("sid")),
            Some(session) if now >= session.expires => Err(Fault::Expired),
            Some(session) => Ok(session),
        }
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; MAC_LEN] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

fn cut(bytes: &[u8]) -> &[u8] {
    debug_assert!(bytes.len() <= MARK_MOST);
    &bytes[..bytes.len().min(MARK_MOST)]
}

fn decode(text: &str) -> Option<Vec<u8>> {
    (text.len() <= TEXT_MOST).then(|| BASE64URL.decode(text).ok()).flatten()
}

fn split_mac(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(bytes.len().checked_sub(MAC_LEN)?)
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Millis = Millis(1_795_243_941_738);

    fn grant(epid: Option<&str>) -> Grant {
        Grant {
            connection: ConnectionId::from_bytes([7; 16]),
            resource: ResourceId::from_bytes([1; 16]),
            user: UserId::from_bytes([2; 16]),
            epid: epid.map(str::to_owned),
            issued: NOW,
            expires: NOW.plus(crate::allocate::TTL_MS),
            token_expires: NOW.plus(Millis::HOUR),
            token_mark: vec![1, 2, 3],
        }
    }

    fn session() -> Session {
        Session {
            connection: ConnectionId::from_bytes([7; 16]),
            node: "node-3".to_owned(),
            nonce: [9; 8],
            expires: NOW.plus(Millis::HOUR),
        }
    }

    #[test]
    fn what_was_granted_comes_back() {
        let signer = Signer::new(b"secret");
        for (epid, query) in [(Some("e-1"), "epid=e-1"), (None, ""), (None, "epid=later")] {
            let params = signer.params(&grant(epid));
            let text = format!("{params}&v=v4&tc=a/b:c,d&{query}");
            assert_eq!(signer.verify(&Query::parse(&text), NOW), Ok(grant(epid)));
            assert_eq!(
                Signer::new(b"other").verify(&Query::parse(&text), NOW),
                Err(Fault::Mismatch)
            );
        }
    }

    #[test]
    fn values_need_no_encoding() {
        let signer = Signer::new(b"secret");
        let ConnectParams {
            sr,
            issuer,
            sp,
            st,
            se,
            sig,
        } = signer.params(&grant(None));
        let sid = signer.session_id(&session());
        for value in [&sr, issuer, sp, &st, &se, &sig, &sid] {
            let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            assert!(value.bytes().all(safe), "{value}");
        }
    }

    #[test]
    fn another_endpoint_or_time_is_not_what_was_granted() {
        let signer = Signer::new(b"secret");
        let good = format!("{}&epid=e-1", signer.params(&grant(Some("e-1"))));
        let verify = |text: &str| signer.verify(&Query::parse(text), NOW);
        assert!(verify(&good).is_ok());
        let later = NOW.plus(crate::allocate::TTL_MS + 1).0.to_string();
        for (from, to) in [
            ("epid=e-1", "epid=e-2"),
            ("st=1795243941738", "st=1795243941737"),
            ("se=1795848741738", &format!("se={later}")),
            ("sr=BwcHB", "sr=BwcHA"),
        ] {
            assert!(good.contains(from));
            assert_eq!(verify(&good.replace(from, to)), Err(Fault::Mismatch), "{to}");
        }
        assert_eq!(verify(&good.replace("&epid=e-1", "")), Err(Fault::Missing("epid")));
        assert_eq!(verify(&good.replace("sig=", "gis=")), Err(Fault::Missing("sig")));
        assert_eq!(verify(&good.replace("se=1", "se=x")), Err(Fault::Malformed("se")));
        assert_eq!(
            verify("sr=BwcHBwcHBwcHBwcHBwcHBw&st=1&se=2&sig=AAAA"),
            Err(Fault::Malformed("sig"))
        );
        assert_eq!(verify(""), Err(Fault::Missing("sr")));
    }

    #[test]
    fn nothing_holds_longer_than_was_said() {
        let signer = Signer::new(b"secret");
        let text = signer.params(&grant(None)).to_string();
        let verify = |now| signer.verify(&Query::parse(&text), now);
        assert!(verify(NOW.plus(Millis::HOUR - 1)).is_ok());
        assert_eq!(
            verify(NOW.plus(Millis::HOUR)),
            Err(Fault::TokenExpired(Box::new(grant(None))))
        );
        assert_eq!(verify(grant(None).expires), Err(Fault::Expired));

        let sid = signer.session_id(&session());
        assert_eq!(signer.verify_session(&sid, NOW), Ok(session()));
        assert_eq!(signer.verify_session(&sid, session().expires), Err(Fault::Expired));
        assert_eq!(Signer::new(b"other").verify_session(&sid, NOW), Err(Fault::Mismatch));
    }

    #[test]
    fn one_signature_does_not_stand_for_the_other() {
        let signer = Signer::new(b"secret");
        let sig = signer.params(&grant(None)).sig;
        assert_eq!(signer.verify_session(&sig, NOW), Err(Fault::Mismatch));
        let text = format!(
            "sr=BwcHBwcHBwcHBwcHBwcHBw&st=1&se=2&sig={}",
            signer.session_id(&session())
        );
        assert!(signer.verify(&Query::parse(&text), NOW).is_err());
    }

    proptest! {
        #[test]
        fn a_changed_byte_is_seen(at: prop::sample::Index, bit in 0..8u8) {
            let signer = Signer::new(b"secret");
            let flip = |text: &str| {
                let mut bytes = BASE64URL.decode(text).unwrap();
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
                BASE64URL.encode(bytes)
            };
            let mut params = signer.params(&grant(None));
            params.sig = flip(&params.sig);
            let text = params.to_string();
            prop_assert!(signer.verify(&Query::parse(&text), NOW).is_err());
            prop_assert!(signer.verify_session(&flip(&signer.session_id(&session())), NOW).is_err());
        }

        #[test]
        fn never_panics(sig in "[A-Za-z0-9_-]{0,200}", text in ".{0,60}") {
            let signer = Signer::new(b"secret");
            let query = format!("sr=BwcHBwcHBwcHBwcHBwcHBw&st=1&se=2&sig={sig}");
            prop_assert!(signer.verify(&Query::parse(&query), NOW).is_err());
            prop_assert!(signer.verify(&Query::parse(&text), NOW).is_err());
            prop_assert!(signer.verify_session(&sig, NOW).is_err());
            prop_assert!(signer.verify_session(&text, NOW).is_err());
        }
    }
}
