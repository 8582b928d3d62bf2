//! Connection parameters and session ids. The MAC is made here a second time, as nodes of other
//! releases make it: what is signed must be read alike, and nothing else may be accepted.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use samband_core::{Millis, ResourceId, UserId};
use samband_wire_realtime::sign::MARK_MOST;
use samband_wire_realtime::{ConnectionId, Fault, Grant, Query, Session, Signer};
use sha2::Sha256;

use crate::source::{Source, text};

const SECRET: &[u8] = b"a secret of all nodes";
/// More would be longer in base64url than is decoded.
const SAID_MOST: usize = 700;

/// - Whatever text comes, unsigned, is refused.
/// - What was granted comes back, at each moment as far as it still holds.
/// - A signed text that was edited, or that another secret signed, is refused or says the same still.
/// - Neither signature stands for the other. A session and a connection have one text each.
/// - What is signed but not as this release writes it is read as the format says, or refused.
pub fn check(data: &[u8]) {
    let signer = Signer::new(SECRET);
    refuses_unsigned(&signer, data);

    let mut source = Source(data);
    let edit = Edit::take(&mut source);
    let connection = ConnectionId::from_bytes(source.bytes());
    let (issued, expires, token_expires) = (source.long(), source.long(), source.long());
    let grant = Grant {
        connection,
        resource: ResourceId::from_bytes(source.bytes()),
        user: UserId::from_bytes(source.bytes()),
        epid: Some(text(source.until_separator()).into_owned()).filter(|epid| !epid.is_empty()),
        issued: Millis(issued),
        expires: Millis(expires),
        token_expires: Millis(token_expires),
        token_mark: at_most_a_mark(source.0).to_vec(),
    };
    keeps_grants(&signer, &grant, &edit);
    let session = Session {
        connection,
        node: shortened(&text(source.0)).to_owned(),
        nonce: issued.to_be_bytes(),
        expires: Millis(expires),
    };
    keeps_sessions(&signer, &session, &edit);
    reads_what_others_signed(&signer, &grant, data);
}

fn refuses_unsigned(signer: &Signer, data: &[u8]) {
    let sent = text(data);
    let coded = BASE64URL.encode(data);
    if let Ok(connection) = sent.parse::<ConnectionId>() {
        assert_eq!(connection.to_string(), sent);
    }
    let now = Millis(0);
    assert_refused(signer.verify(&Query::parse(&sent), now));
    assert_refused(signer.verify_session(&sent, now));
    assert_refused(signer.verify_session(&coded, now));
    let query = format!("sr=AAAAAAAAAAAAAAAAAAAAAA&st=0&se=1&epid=e&sig={coded}");
    assert_refused(signer.verify(&Query::parse(&query), now));
}

fn assert_refused<T: std::fmt::Debug>(answer: Result<T, Fault>) {
    match answer {
        // Known only where the signature was good.
        Ok(_) | Err(Fault::Expired | Fault::TokenExpired(_)) => panic!("{answer:?} without a signature"),
        Err(fault) => assert!(!fault.to_string().is_empty()),
    }
}

fn keeps_grants(signer: &Signer, grant: &Grant, edit: &Edit) {
    let params = signer.params(grant);
    let mut query = params.to_string();
    if let Some(epid) = &grant.epid {
        query.push_str(&format!("&epid={}", utf8_percent_encode(epid, NON_ALPHANUMERIC)));
    }
    let edited = edit.of(&query);
    for now in moments(&[grant.issued, grant.expires, grant.token_expires]) {
        assert_eq!(signer.verify(&Query::parse(&query), now), at(now, grant.clone()));
        let answer = signer.verify(&Query::parse(&edited), now);
        if matches!(answer, Ok(_) | Err(Fault::Expired | Fault::TokenExpired(_))) {
            assert_eq!(answer, at(now, grant.clone()), "{edited}");
        }
    }
    let others = Signer::new(b"another secret").verify(&Query::parse(&query), grant.issued);
    assert_eq!(others, Err(Fault::Mismatch));
    assert_refused(signer.verify_session(&params.sig, grant.issued));
    let said = said(grant, 1, u8::from(grant.epid.is_some()));
    assert_eq!(params.sig, sign_params(grant, &said), "the format has changed");
}

fn keeps_sessions(signer: &Signer, session: &Session, edit: &Edit) {
    let sid = signer.session_id(session);
    for now in moments(&[session.expires]) {
        let expected = match now >= session.expires {
            true => Err(Fault::Expired),
            false => Ok(session.clone()),
        };
        assert_eq!(signer.verify_session(&sid, now), expected);
    }
    let now = Millis(i64::MIN);
    let edited = edit.of(&sid);
    // One id has one text.
    if edited != sid {
        assert_refused(signer.verify_session(&edited, now));
    }
    assert_eq!(Signer::new(b"another secret").verify_session(&sid, now), Err(Fault::Mismatch));
    let query = format!("sr={}&st=0&se=1&sig={sid}", session.connection);
    assert_refused(signer.verify(&Query::parse(&query), now));
}

fn reads_what_others_signed(signer: &Signer, grant: &Grant, data: &[u8]) {
    let now = Millis(i64::MIN);
    let said = &data[..data.len().min(SAID_MOST)];

    let mut reader = Source(said);
    let [format] = reader.bytes();
    let session = Session {
        connection: ConnectionId::from_bytes(reader.bytes()),
        nonce: reader.bytes(),
        expires: Millis(reader.long()),
        node: text(reader.0).into_owned(),
    };
    let is_ours = said.len() >= 33 && format == 1 && std::str::from_utf8(reader.0).is_ok();
    let expected = match is_ours {
        false => Err(Fault::Malformed("sid")),
        true if session.expires == now => Err(Fault::Expired),
        true => Ok(session),
    };
    let sid = BASE64URL.encode([said, &mac(&[b"samband sid\0", said])].concat());
    assert_eq!(signer.verify_session(&sid, now), expected);

    let mut reader = Source(said);
    let [format, bound] = reader.bytes();
    let granted = Grant {
        resource: ResourceId::from_bytes(reader.bytes()),
        user: UserId::from_bytes(reader.bytes()),
        token_expires: Millis(reader.long()),
        token_mark: reader.0.to_vec(),
        epid: grant.epid.clone().filter(|_| bound != 0),
        ..grant.clone()
    };
    let expected = match said.len() >= 42 && format == 1 {
        false => Err(Fault::Malformed("sig")),
        true if bound != 0 && grant.epid.is_none() => Err(Fault::Missing("epid")),
        true => at(now, granted.clone()),
    };
    let epid = utf8_percent_encode(grant.epid.as_deref().unwrap_or_default(), NON_ALPHANUMERIC);
    let (sr, st, se) = (grant.connection, grant.issued.0, grant.expires.0);
    let sig = sign_params(&granted, said);
    let query = format!("sr={sr}&st={st}&se={se}&sig={sig}&epid={epid}");
    assert_eq!(signer.verify(&Query::parse(&query), now), expected);
}

/// What a grant that was granted is worth at a moment.
fn at(now: Millis, grant: Grant) -> Result<Grant, Fault> {
    if now >= grant.expires {
        Err(Fault::Expired)
    } else if now >= grant.token_expires {
        Err(Fault::TokenExpired(Box::new(grant)))
    } else {
        Ok(grant)
    }
}

fn moments(times: &[Millis]) -> impl Iterator<Item = Millis> {
    let ends = [Millis(i64::MIN), Millis(i64::MAX)];
    times.iter().flat_map(|time| [*time, time.plus(-1)]).chain(ends)
}

/// What `sig` holds before its MAC.
fn said(grant: &Grant, format: u8, bound: u8) -> Vec<u8> {
    let (resource, user) = (grant.resource.as_bytes(), grant.user.as_bytes());
    let token_expires = grant.token_expires.0.to_be_bytes();
    [&[format, bound], &resource[..], user, &token_expires, &grant.token_mark].concat()
}

fn sign_params(grant: &Grant, said: &[u8]) -> String {
    let mac = mac(&[
        b"samband connectparams\0",
        grant.connection.as_bytes(),
        &grant.issued.0.to_be_bytes(),
        &grant.expires.0.to_be_bytes(),
        &(said.len() as u64).to_be_bytes(),
        said,
        grant.epid.as_deref().unwrap_or_default().as_bytes(),
    ]);
    BASE64URL.encode([said, &mac].concat())
}

fn mac(parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).expect("HMAC takes a key of any length");
    mac.update(&parts.concat());
    mac.finalize().into_bytes().into()
}

fn at_most_a_mark(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(MARK_MOST)]
}

fn shortened(text: &str) -> &str {
    let mut end = text.len().min(MARK_MOST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A change of one byte of a text, as a forger might try.
struct Edit {
    kind: u8,
    at: u16,
    byte: u8,
}

impl Edit {
    fn take(source: &mut Source<'_>) -> Self {
        Self {
            kind: source.byte(),
            at: u16::from_be_bytes(source.bytes()),
            byte: source.byte(),
        }
    }

    fn of(&self, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        let at = usize::from(self.at) % bytes.len();
        match self.kind % 4 {
            0 => bytes[at] = self.byte,
            1 => bytes.insert(at, self.byte),
            2 => bytes.truncate(at),
            _ => drop(bytes.remove(at)),
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
