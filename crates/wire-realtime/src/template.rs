//! JSON that is encoded once and then filled in for each recipient.
//!
//! A fan-out writes the same event to every member's sockets; only the member's own id differs.
//! Ids need no escaping on any level, so filling one in is copying slices.

use serde::Serialize;

/// What differs between recipients, as a part of the raw id `8:acs:<resource guid>_<user guid>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// All of it.
    RawId,
    /// Without the leading `8:`.
    Bare,
    /// The user's GUID.
    User,
    /// Not of the id: where the reader is after the event.
    Position,
}

impl Slot {
    const GUID: usize = 36;

    fn of<'a>(self, raw_id: &'a str, position: &'a str) -> &'a str {
        match self {
            Self::Position => position,
            Self::RawId => raw_id,
            Self::Bare => raw_id.get(2..).unwrap_or_default(),
            Self::User => raw_id
                .get(raw_id.len().saturating_sub(Self::GUID)..)
                .unwrap_or_default(),
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Template {
    text: String,
    /// Where in `text` each slot goes, ascending.
    slots: Vec<(usize, Slot)>,
}

impl Template {
    pub(crate) fn has_slots(&self) -> bool {
        !self.slots.is_empty()
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(crate) fn slot(&mut self, slot: Slot) {
        self.slots.push((self.text.len(), slot));
    }

    /// As JSON. Only strings, numbers and structs of them come here, which always serialise.
    pub(crate) fn json(&mut self, value: &(impl Serialize + ?Sized)) {
        self.text.push_str(&to_json(value));
    }

    /// The same with every fixed part escaped as the inside of a JSON string. Escaping goes
    /// character by character, so the parts may be escaped one by one.
    pub(crate) fn escaped(&self) -> Self {
        let mut escaped = Self::default();
        let mut start = 0;
        for &(at, slot) in &self.slots {
            escaped.push(&inside_string(&self.text[start..at]));
            escaped.slot(slot);
            start = at;
        }
        escaped.push(&inside_string(&self.text[start..]));
        escaped
    }

    /// Appends the text with `raw_id` filled in.
    pub(crate) fn fill(&self, raw_id: &str, out: &mut String) {
        self.fill_for(raw_id, "", out);
    }

    /// As [`fill`](Self::fill), with the reader's position too.
    pub(crate) fn fill_for(&self, raw_id: &str, position: &str, out: &mut String) {
        let mut start = 0;
        for &(at, slot) in &self.slots {
            out.push_str(&self.text[start..at]);
            out.push_str(slot.of(raw_id, position));
            start = at;
        }
        out.push_str(&self.text[start..]);
    }

    /// An upper bound of what `fill` appends.
    pub(crate) fn filled_len(&self, raw_id: &str) -> usize {
        self.text.len() + self.slots.len() * raw_id.len()
    }
}

pub(crate) fn to_json(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).expect("strings, numbers and structs of them serialise")
}

fn inside_string(text: &str) -> String {
    let mut quoted = to_json(text);
    quoted.pop();
    quoted.remove(0);
    quoted
}

/// Writes a JSON object's fields into a template.
pub(crate) struct Object<'t> {
    template: &'t mut Template,
    first: bool,
}

impl<'t> Object<'t> {
    pub(crate) fn begin(template: &'t mut Template) -> Self {
        template.push("{");
        Self { template, first: true }
    }

    /// Writes a field's name; its value is to follow.
    pub(crate) fn key(&mut self, name: &str) -> &mut Template {
        self.template.push(if self.first { "\"" } else { ",\"" });
        self.first = false;
        self.template.push(name);
        self.template.push("\":");
        self.template
    }

    pub(crate) fn put(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        self.key(name).json(value);
    }

    pub(crate) fn put_some(&mut self, name: &str, value: Option<&(impl Serialize + ?Sized)>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    /// A string of a fixed start and a slot.
    pub(crate) fn put_slot(&mut self, name: &str, before: &str, slot: Slot) {
        let template = self.key(name);
        template.push("\"");
        template.push(&inside_string(before));
        template.slot(slot);
        template.push("\"");
    }

    pub(crate) fn end(self) {
        self.template.push("}");
    }
}
