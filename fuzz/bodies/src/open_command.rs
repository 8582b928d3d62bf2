//! What readers send over the open stream's WebSocket, read a second time by a reader that knows flat
//! objects of texts alone: nothing else is a command.

use samband_core::ThreadId;
use samband_wire_realtime::open::Command;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::source::{text, texts};

const FIELDS: [&str; 5] = ["type", "id", "threadId", "senderDisplayName", "token"];
/// Characters of what is said about a message, however long it is.
const SAID_MOST: usize = 200;
const THREAD: &str = "19:0123456789abcdef0123456789ABCDEF@thread.v2";

/// The message's id, and what is to blame.
type Fault = (Option<String>, Option<&'static str>);

/// - A command is what a second reader takes for one, and says the same; all else is refused.
/// - A refusal names the field to blame and the message's own id, and is short.
/// - Any texts come back from a command that was written with them, whatever of it is escaped.
/// - No array is a command, nor is one with a field that is unknown, twice or of another type.
pub fn check(data: &[u8]) {
    let sent = text(data);
    let parsed = parse(&sent);
    match fields(&sent) {
        Some(fields) => assert_eq!(parsed, expected(&fields)),
        None => {
            let (id, target) = parsed.expect_err("no flat object of texts");
            assert_eq!(target, None);
            says_the_id_of(&sent, id.as_deref());
        }
    }

    let mut texts = texts(data).map(String::from);
    let mut next = || texts.next();
    let (name, id, token) = (next(), next(), next());
    let thread = json!(THREAD);
    comes_back(json!({"type": "typing", "threadId": thread, "senderDisplayName": name, "id": id}));
    comes_back(json!({"type": "token", "token": token.unwrap_or_default(), "id": id}));
    comes_back(json!({"type": "typing", "threadId": name, "id": id}));
    comes_back(json!({"type": name, "threadId": thread, "token": THREAD, "id": id}));
}

/// As parsed, with what is said looked at and left out.
fn parse(text: &str) -> Result<Command, Fault> {
    Command::parse(text).map_err(|fault| {
        assert!(fault.message.chars().count() <= SAID_MOST, "{}", fault.message);
        assert!(fault.message.ends_with('.'));
        if let Some(target) = fault.target {
            assert!(FIELDS.contains(&target));
        }
        (fault.id, fault.target)
    })
}

/// What a flat object of texts means.
fn expected(fields: &[(String, Option<String>)]) -> Result<Command, Fault> {
    let all = |wanted: &'static str| fields.iter().filter(move |(name, _)| name == wanted);
    let one = |wanted| all(wanted).find_map(|(_, value)| value.clone());
    let twice = |wanted| all(wanted).count() > 1;
    let id = one("id").filter(|_| !twice("id"));
    let unknown = fields.iter().any(|(name, _)| !FIELDS.contains(&name.as_str()));
    if unknown || FIELDS.into_iter().any(twice) {
        return Err((id, None));
    }
    match one("type").as_deref() {
        None => Err((id, None)),
        Some("typing") => match one("threadId").as_deref().and_then(thread) {
            None => Err((id, Some("threadId"))),
            Some(thread) => Ok(Command::Typing {
                id,
                thread,
                sender_display_name: one("senderDisplayName"),
            }),
        },
        Some("token") => match one("token") {
            None => Err((id, Some("token"))),
            Some(token) => Ok(Command::Token { id, token }),
        },
        Some(_) => Err((id, Some("type"))),
    }
}

fn thread(text: &str) -> Option<ThreadId> {
    let (kind, rest) = text.split_once(':')?;
    let (digits, form) = rest.split_once('@')?;
    let is_thread = kind == "19" && form == "thread.v2" && digits.len() == 32;
    let is_number = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let number = u128::from_str_radix(digits, 16).ok().filter(|_| is_thread && is_number);
    number.map(|number| ThreadId::from_bytes(number.to_be_bytes()))
}

/// Of what is refused as a whole. `Value` keeps the last of two ids, which are none here.
fn says_the_id_of(sent: &str, id: Option<&str>) {
    let object = sent.trim_ascii_start().starts_with('{');
    // Fields that nobody reads are passed over, so some messages are no JSON for Value: too deep, for one.
    if !object || serde_json::from_str::<&RawValue>(sent).is_err() {
        assert_eq!(id, None);
    } else if let Ok(value) = serde_json::from_str::<Value>(sent) {
        let twice = sent.contains('\\') || sent.matches("\"id\"").count() > 1;
        assert!(id == value["id"].as_str() || id.is_none() && twice);
    }
}

/// As a command, however it is written, and as no command once a thing is wrong with it.
fn comes_back(command: Value) {
    let plain = command.to_string();
    let object = command.as_object().expect("commands are objects");
    let fields: Vec<_> = object
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().map(str::to_owned)))
        .collect();
    let expected = expected(&fields);
    assert_eq!(parse(&plain), expected);
    assert_eq!(parse(&format!("\r\n\t {plain} ")), expected);
    let written: Vec<_> = fields
        .iter()
        .map(|(name, value)| {
            let value = value.as_deref().map_or("null".to_owned(), escaped);
            format!("{}\n: {value}", escaped(name))
        })
        .collect();
    assert_eq!(parse(&format!("{{ {}\t}}", written.join(" ,"))), expected);

    let id = command["id"].as_str().map(str::to_owned);
    let values = FIELDS.map(|name| command[name].clone());
    assert_eq!(parse(&json!(values).to_string()), Err((None, None)));
    assert_eq!(parse(&json!([command]).to_string()), Err((None, None)));
    assert_eq!(parse(&plain[..plain.len() - 1]), Err((None, None)));
    assert_eq!(parse(&format!("{plain}]")), Err((None, None)));
    for (name, _) in &fields {
        let mut wrong = command.clone();
        wrong[name] = json!([command[name]]);
        let id = id.clone().filter(|_| name != "id");
        assert_eq!(parse(&wrong.to_string()), Err((id, None)));
    }
    let mut more = command;
    let unknown = format!("{}s", more["id"].as_str().unwrap_or("colour"));
    more[unknown] = json!({});
    assert_eq!(parse(&more.to_string()), Err((id, None)));
}

/// JSON of a text, all of it escaped.
fn escaped(text: &str) -> String {
    let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
    format!("\"{units}\"")
}

/// The fields of an object that holds texts and nulls alone, in order and as often as they stand.
fn fields(text: &str) -> Option<Vec<(String, Option<String>)>> {
    let mut rest = Rest(text);
    let mut fields = Vec::new();
    rest.takes("{").then_some(())?;
    if !rest.takes("}") {
        loop {
            let name = rest.string()?;
            rest.takes(":").then_some(())?;
            let value = if rest.takes("null") { None } else { Some(rest.string()?) };
            fields.push((name, value));
            if rest.takes("}") {
                break;
            }
            rest.takes(",").then_some(())?;
        }
    }
    rest.space();
    rest.0.is_empty().then_some(fields)
}

/// What is still to be read.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn takes(&mut self, token: &str) -> bool {
        self.space();
        let rest = self.0.strip_prefix(token);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn string(&mut self) -> Option<String> {
        self.takes("\"").then_some(())?;
        let mut units = Vec::new();
        loop {
            let mut characters = self.0.chars();
            let character = characters.next()?;
            self.0 = characters.as_str();
            match character {
                '"' => return String::from_utf16(&units).ok(),
                '\\' => units.push(self.escape()?),
                ..' ' => return None,
                _ => units.extend_from_slice(character.encode_utf16(&mut [0; 2])),
            }
        }
    }

    /// What stands after the backslash, as a UTF-16 code unit.
    fn escape(&mut self) -> Option<u16> {
        const SHORT: [(&str, u8); 8] = [
            ("\"", b'"'),
            ("\\", b'\\'),
            ("/", b'/'),
            ("b", 8),
            ("f", 12),
            ("n", 10),
            ("r", 13),
            ("t", 9),
        ];
        for (letter, unit) in SHORT {
            if let Some(rest) = self.0.strip_prefix(letter) {
                self.0 = rest;
                return Some(u16::from(unit));
            }
        }
        let (digits, rest) = self.0.strip_prefix('u')?.split_at_checked(4)?;
        self.0 = rest;
        let is_number = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_number.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
    }
}
