//! Configuration: the defaults of `default.toml`, then a file, then `SAMBAND__SECTION__KEY`
//! variables, then flags. An unknown key is an error that suggests the one meant.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use samband_core::{Limits, Profile};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// The documentation and the defaults in one.
pub const DEFAULTS: &str = include_str!("default.toml");
const ENVIRONMENT_PREFIX: &str = "SAMBAND__";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    pub tls: Tls,
    pub store: StoreSection,
    pub bus: BusSection,
    pub limits: LimitsSection,
    pub realtime: RealTime,
    pub events: Events,
    pub admin: Admin,
    pub log: Log,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub listen: SocketAddr,
    pub http_listen: String,
    pub public_url: String,
    pub base_domain: String,
    pub trusted_proxies: Vec<IpAddr>,
    pub max_body_bytes: usize,
    pub strict_api_version: bool,
    pub drain_seconds: u64,
    pub notice_seconds: u64,
    pub env_file: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    pub certificate: String,
    pub key: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreSection {
    pub url: String,
    pub lanes: usize,
    pub readers: usize,
    pub data: PathBuf,
    pub memory: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusSection {
    pub url: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsSection {
    pub profile: String,
    pub message_bytes: usize,
    pub image_bytes: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RealTime {
    pub connects_per_second: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    pub window_hours: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    pub token: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub level: String,
    pub format: String,
}

/// Why a configuration is not usable.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{origin}: {reason}")]
    Syntax { origin: String, reason: String },
    #[error("{origin}: unknown key '{key}'{suggestion}")]
    UnknownKey {
        origin: String,
        key: String,
        suggestion: String,
    },
    #[error("{key}: {reason}")]
    Value { key: &'static str, reason: String },
}

/// The layers on top of the defaults.
#[derive(Debug, Default)]
pub struct Layers {
    /// Name and text of the file.
    pub file: Option<(String, String)>,
    pub environment: Vec<(String, String)>,
    /// Path of the key (`server.listen`) and value.
    pub flags: Vec<(&'static str, Value)>,
}

impl Config {
    pub fn load(layers: Layers) -> Result<Self, ConfigError> {
        let mut table: Table = DEFAULTS.parse().map_err(|error| syntax("default.toml", &error))?;
        if let Some((name, text)) = layers.file {
            let file: Table = text.parse().map_err(|error| syntax(&name, &error))?;
            merge(&mut table, file, &name, "")?;
        }
        for (name, text) in layers.environment {
            let Some(path) = name.strip_prefix(ENVIRONMENT_PREFIX) else {
                continue;
            };
            set(
                &mut table,
                &path.to_ascii_lowercase().replace("__", "."),
                &name,
                |old| from_text(old, &text),
            )?;
        }
        for (path, value) in layers.flags {
            set(&mut table, path, "flags", |_| value.clone())?;
        }
        let config: Self = table.try_into().map_err(|error| syntax("configuration", &error))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let value = |key, reason: String| Err(ConfigError::Value { key, reason });
        if self.tls.certificate.is_empty() != self.tls.key.is_empty() {
            return value("tls", "a certificate and its key come together".into());
        }
        if let Err(reason) = self.limits.profile.parse::<Profile>() {
            return value("limits.profile", reason);
        }
        if self.http_listen().is_err() {
            return value(
                "server.http_listen",
                format!("'{}' is not an address with a port", self.server.http_listen),
            );
        }
        let url = &self.server.public_url;
        let is_url = ["https://", "http://"].iter().any(|scheme| url.starts_with(scheme));
        if !url.is_empty() && !is_url {
            return value(
                "server.public_url",
                format!("'{url}' does not begin with https:// or http://"),
            );
        }
        let store = &self.store.url;
        let schemes = ["postgres://", "postgresql://"];
        if !store.is_empty() && !schemes.iter().any(|scheme| store.starts_with(scheme)) {
            return value(
                "store.url",
                "it does not begin with postgres:// or postgresql://".into(),
            );
        }
        if !store.is_empty() && self.store.memory {
            return value("store.memory", "a store in memory has no URL".into());
        }
        if self.store.lanes == 0 || self.store.readers < 2 {
            return value("store", "at least one lane and two readers are needed".into());
        }
        let bus = &self.bus.url;
        let schemes = ["nats://", "tls://"];
        let of_nats = |url: &str| schemes.iter().any(|scheme| url.trim().starts_with(scheme));
        if !bus.is_empty() && !bus.split(',').all(of_nats) {
            return value("bus.url", "it does not begin with nats:// or tls://".into());
        }
        if !["text", "json"].contains(&self.log.format.as_str()) {
            return value("log.format", format!("'{}' is neither text nor json", self.log.format));
        }
        Ok(())
    }

    pub fn http_listen(&self) -> Result<Option<SocketAddr>, std::net::AddrParseError> {
        if self.server.http_listen.is_empty() {
            Ok(None)
        } else {
            self.server.http_listen.parse().map(Some)
        }
    }

    pub fn limits(&self) -> Limits {
        let profile = self.limits.profile.parse().unwrap_or_default();
        Limits {
            message_bytes: self.limits.message_bytes,
            image_bytes: self.limits.image_bytes,
            ..Limits::of(profile)
        }
    }

    /// As TOML, without the secrets.
    pub fn shown(&self) -> String {
        let mut shown = self.clone();
        if !shown.admin.token.is_empty() {
            shown.admin.token = "[secret]".into();
        }
        shown.store.url = without_password(&shown.store.url);
        shown.bus.url = shown
            .bus
            .url
            .split(',')
            .map(without_password)
            .collect::<Vec<_>>()
            .join(",");
        toml::to_string_pretty(&shown).unwrap_or_default()
    }
}

fn without_password(url: &str) -> String {
    // libpq takes it as a parameter, too.
    let parts = url
        .split_inclusive(['?', '&'])
        .map(|part| match part.strip_prefix("password=") {
            Some(rest) => format!("password=[secret]{}", if rest.ends_with('&') { "&" } else { "" }),
            None => part.to_owned(),
        });
    let url = &parts.collect::<String>();
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://[secret]@{rest}"),
        _ => url.to_owned(),
    }
}

fn syntax(origin: &str, error: &toml::de::Error) -> ConfigError {
    ConfigError::Syntax {
        origin: origin.to_owned(),
        reason: error.to_string().trim_end().to_owned(),
    }
}

fn merge(into: &mut Table, from: Table, origin: &str, path: &str) -> Result<(), ConfigError> {
    for (key, value) in from {
        let full = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        match (into.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(value)) => merge(inner, value, origin, &full)?,
            (Some(old), value) => *old = value,
            (None, _) => return Err(unknown(into, origin, &key, &full)),
        }
    }
    Ok(())
}

fn set(table: &mut Table, path: &str, origin: &str, value: impl FnOnce(&Value) -> Value) -> Result<(), ConfigError> {
    let mut section = table;
    let mut parts: Vec<_> = path.split('.').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        if !matches!(section.get(part), Some(Value::Table(_))) {
            return Err(unknown(section, origin, part, path));
        }
        let Some(Value::Table(inner)) = section.get_mut(part) else {
            unreachable!("checked above")
        };
        section = inner;
    }
    let Some(old) = section.get_mut(last) else {
        return Err(unknown(section, origin, last, path));
    };
    *old = value(old);
    Ok(())
}

/// A variable's text in the type that the key has by default.
fn from_text(old: &Value, text: &str) -> Value {
    let parsed = match old {
        Value::String(_) => None,
        Value::Array(_) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Some(Value::Array(items.map(|item| Value::String(item.to_owned())).collect()))
        }
        _ => format!("value = {text}")
            .parse::<Table>()
            .ok()
            .and_then(|mut table| table.remove("value")),
    };
    parsed.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn unknown(known: &Table, origin: &str, key: &str, full: &str) -> ConfigError {
    let nearest = known
        .keys()
        .map(|known| (strsim::jaro_winkler(known, key), known))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let suggestion = match nearest {
        Some((likeness, name)) if likeness > 0.75 => format!(", did you mean '{name}'?"),
        _ => String::new(),
    };
    ConfigError::UnknownKey {
        origin: origin.to_owned(),
        key: full.to_owned(),
        suggestion,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, environment: &[(&str, &str)], flags: Vec<(&'static str, Value)>) -> Result<Config, String> {
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        let layers = Layers {
            file: Some(("samband.toml".into(), file.into())),
            environment,
            flags,
        };
        Config::load(layers).map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_complete() {
        let config = load("", &[], vec![]).unwrap();
        assert_eq!(config.server.listen.port(), 7443);
        assert_eq!(config.limits(), Limits::of(Profile::Default));
    }

    #[test]
    fn flags_beat_the_environment_which_beats_the_file() {
        let file = "[server]\nlisten = \"127.0.0.1:1\"\nmax_body_bytes = 1\n[limits]\nprofile = \"acs\"";
        let environment = [
            ("SAMBAND__SERVER__LISTEN", "127.0.0.1:2"),
            ("SAMBAND__SERVER__MAX_BODY_BYTES", "2"),
        ];
        let flags = vec![("server.listen", Value::String("127.0.0.1:3".into()))];
        let config = load(file, &environment, flags).unwrap();
        assert_eq!(config.server.listen.port(), 3);
        assert_eq!(config.server.max_body_bytes, 2);
        assert!(config.limits().rates);
    }

    #[test]
    fn no_password_is_shown() {
        let file = "[store]\nurl = \"postgres://u:geheim@h:1,i:2/d?password=geheim&sslmode=require\"\n[bus]\nurl = \"nats://a:geheim@h:4222,nats://h:4223\"";
        let shown = load(file, &[], vec![]).unwrap().shown();
        assert!(
            !shown.contains("geheim") && shown.contains("sslmode=require"),
            "{shown}"
        );
        assert!(shown.contains("nats://[secret]@h:4222,nats://h:4223"), "{shown}");
    }

    #[test]
    fn wrong_keys_and_values_say_what_was_meant() {
        let error = |file: &str| load(file, &[], vec![]).unwrap_err();
        assert!(error("[server]\nlistne = \"x\"").contains("did you mean 'listen'?"));
        assert!(error("[servre]\n").contains("did you mean 'server'?"));
        assert!(error("[limits]\nprofile = \"azure\"").contains("default, acs"));
        assert!(error("[tls]\nkey = \"k\"").contains("come together"));
        let wrong = load("", &[("SAMBAND__STORE__MEMROY", "true")], vec![]).unwrap_err();
        assert!(wrong.contains("did you mean 'memory'?"), "{wrong}");
    }
}
