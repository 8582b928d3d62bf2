//! Holds what is said of a wire type against the type, for the tests of its crate.

use serde::Serialize;
use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use serde_json::{Map, Value, json};

use super::{Kind, Object};

/// What differs between an answer with every field set and what is said of its type.
pub fn answer_faults(object: &'static Object, full: &impl Serialize) -> Vec<String> {
    let mut faults = Vec::new();
    match serde_json::to_value(full) {
        Ok(value) => compare(object.name, &Kind::Object(object), &value, &mut faults),
        Err(error) => faults.push(format!("{}: {error}", object.name)),
    }
    faults
}

/// What differs between the fields that a request's type reads and what is said of it.
pub fn body_faults<T: DeserializeOwned>(object: &'static Object) -> Vec<String> {
    let mut faults = Vec::new();
    let name = object.name;
    let told: Vec<_> = object.fields.iter().map(|field| field.name).collect();
    faults.extend(differences(name, &told, fields_of::<T>()));
    let full = example(object);
    let read = |body: &Map<String, Value>| serde_json::from_value::<T>(Value::Object(body.clone()));
    if let Err(error) = read(&full) {
        faults.push(format!("{name} with every field: {error}"));
    }
    for field in object.fields {
        let mut body = full.clone();
        body.remove(field.name);
        if read(&body).is_ok() == field.required {
            faults.push(format!(
                "{name}.{} is told to be required: {}",
                field.name, field.required
            ));
        }
        let mut body = full.clone();
        body.insert(field.name.to_owned(), json!([[]]));
        if read(&body).is_ok() {
            faults.push(format!("{name}.{} takes what it is not told to take", field.name));
        }
    }
    faults
}

/// An object with every field.
pub fn example(object: &Object) -> Map<String, Value> {
    let pairs = object.fields.iter();
    pairs.map(|field| (field.name.to_owned(), value(&field.kind))).collect()
}

fn value(kind: &Kind) -> Value {
    match kind {
        Kind::Text => json!("text"),
        Kind::Time => json!("2026-01-02T03:04:05Z"),
        Kind::Whole { least, .. } => json!(least),
        Kind::Flag => json!(true),
        Kind::Map => json!({"key": "value"}),
        Kind::MapPatch => json!({"key": null}),
        Kind::OneOf(values) => json!(values.first()),
        Kind::Object(object) => Value::Object(example(object)),
        Kind::List(item) => json!([example(item)]),
        Kind::Texts => json!(["text"]),
    }
}

fn compare(path: &str, kind: &Kind, value: &Value, faults: &mut Vec<String>) {
    let fits = match (kind, value) {
        (Kind::Text | Kind::Time, Value::String(_)) | (Kind::Flag, Value::Bool(_)) => true,
        (Kind::Whole { least, most }, value) => value.as_i64().is_some_and(|met| (*least..=*most).contains(&met)),
        (Kind::OneOf(values), Value::String(met)) => values.contains(&met.as_str()),
        (Kind::Map, Value::Object(map)) => map.values().all(Value::is_string),
        (Kind::Texts, Value::Array(values)) => values.iter().all(Value::is_string),
        (Kind::List(item), Value::Array(values)) => {
            for value in values {
                compare(&format!("{path}[]"), &Kind::Object(item), value, faults);
            }
            true
        }
        (Kind::Object(object), Value::Object(map)) => {
            let told: Vec<_> = object.fields.iter().map(|field| field.name).collect();
            let met: Vec<_> = map.keys().map(String::as_str).collect();
            faults.extend(differences(path, &told, &met));
            for field in object.fields {
                if let Some(value) = map.get(field.name) {
                    compare(&format!("{path}.{}", field.name), &field.kind, value, faults);
                }
            }
            true
        }
        _ => false,
    };
    if !fits {
        faults.push(format!("{path} is {value}, told as {kind:?}"));
    }
}

fn differences(path: &str, told: &[&str], met: &[&str]) -> Vec<String> {
    let untold = met.iter().filter(|name| !told.contains(name));
    let absent = told.iter().filter(|name| !met.contains(name));
    let untold = untold.map(|name| format!("{path}.{name} is not told of"));
    untold
        .chain(absent.map(|name| format!("{path}.{name} is told of and not there")))
        .collect()
}

/// The names that a struct reads, as its derived `Deserialize` says them.
fn fields_of<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut fields: &'static [&'static str] = &[];
    let _ = T::deserialize(Probe(&mut fields));
    fields
}

struct Probe<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("this is no struct"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = fields;
        Err(de::Error::custom("that was all"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
