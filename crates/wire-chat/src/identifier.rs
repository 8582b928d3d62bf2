//! `CommunicationIdentifierModel`: one of several kinds of identity, with its raw id.

use samband_core::Identifier;
use serde::Deserialize;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// As requests carry it. At most one kind may stand beside `rawId`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IdentifierModel {
    kind: Option<Kind>,
    raw_id: Option<String>,
    communication_user: Option<CommunicationUser>,
    phone_number: Option<PhoneNumber>,
    microsoft_teams_user: Option<MicrosoftTeamsUser>,
    microsoft_teams_app: Option<MicrosoftTeamsApp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    Unknown,
    CommunicationUser,
    PhoneNumber,
    MicrosoftTeamsUser,
    MicrosoftTeamsApp,
}

#[derive(Debug, Deserialize)]
struct CommunicationUser {
    id: String,
}

#[derive(Debug, Deserialize)]
struct PhoneNumber {
    value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MicrosoftTeamsUser {
    user_id: String,
    #[serde(default)]
    is_anonymous: Option<bool>,
    cloud: Option<Cloud>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MicrosoftTeamsApp {
    app_id: String,
    cloud: Option<Cloud>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Cloud {
    Public,
    Dod,
    Gcch,
}

impl IdentifierModel {
    pub fn from_raw_id(raw_id: String) -> Self {
        Self {
            raw_id: Some(raw_id),
            ..Self::default()
        }
    }

    /// The identity meant, or what is wrong with the model.
    pub fn identifier(self) -> Result<Identifier, &'static str> {
        let user = self.communication_user.map(|user| Identifier::from_raw_id(&user.id));
        let phone = self.phone_number.map(|phone| Identifier::PhoneNumber(phone.value));
        let teams_user = self.microsoft_teams_user.map(|user| {
            let prefix = match (user.is_anonymous.unwrap_or(false), user.cloud.unwrap_or(Cloud::Public)) {
                (true, _) => "8:teamsvisitor:",
                (false, Cloud::Public) => "8:orgid:",
                (false, Cloud::Dod) => "8:dod:",
                (false, Cloud::Gcch) => "8:gcch:",
            };
            Identifier::MicrosoftTeamsUser(format!("{prefix}{}", user.user_id))
        });
        let teams_app = self.microsoft_teams_app.map(|app| {
            let prefix = match app.cloud.unwrap_or(Cloud::Public) {
                Cloud::Public => "28:orgid:",
                Cloud::Dod => "28:dod:",
                Cloud::Gcch => "28:gcch:",
            };
            Identifier::MicrosoftTeamsApp(format!("{prefix}{}", app.app_id))
        });
        let kinds = [
            (Kind::CommunicationUser, user),
            (Kind::PhoneNumber, phone),
            (Kind::MicrosoftTeamsUser, teams_user),
            (Kind::MicrosoftTeamsApp, teams_app),
        ];
        let mut kinds = kinds
            .into_iter()
            .filter_map(|(kind, identifier)| Some((kind, identifier?)));
        let first = kinds.next();
        if kinds.next().is_some() {
            return Err("An identifier is of one kind only.");
        }
        let first = match (first, self.kind) {
            (Some((kind, _)), Some(told)) if kind != told => {
                return Err("The identifier is of another kind than it says.");
            }
            (first, _) => first.map(|(_, identifier)| identifier),
        };
        let identifier = match (first, self.raw_id) {
            (Some(identifier), _) => identifier,
            (None, Some(raw_id)) => Identifier::from_raw_id(&raw_id),
            (None, None) => return Err("An identifier needs a rawId or one of the kinds."),
        };
        if identifier == Identifier::Unknown(String::new()) {
            return Err("The identifier is empty.");
        }
        Ok(identifier)
    }
}

/// As answers carry it; `kind` from the versions on that have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentifierView {
    pub identifier: Identifier,
    pub with_kind: bool,
}

impl IdentifierView {
    pub fn new(identifier: Identifier) -> Self {
        Self {
            identifier,
            with_kind: true,
        }
    }
}

#[derive(serde::Serialize)]
struct Id<'a> {
    id: &'a str,
}
#[derive(serde::Serialize)]
struct Value<'a> {
    value: &'a str,
}

impl Serialize for IdentifierView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw_id = self.identifier.raw_id();
        let mut map = serializer.serialize_map(None)?;
        if self.with_kind {
            let kind = match self.identifier {
                Identifier::CommunicationUser { .. } => "communicationUser",
                Identifier::PhoneNumber(_) => "phoneNumber",
                Identifier::MicrosoftTeamsUser(_) => "microsoftTeamsUser",
                Identifier::MicrosoftTeamsApp(_) => "microsoftTeamsApp",
                Identifier::Unknown(_) => "unknown",
            };
            map.serialize_entry("kind", kind)?;
        }
        map.serialize_entry("rawId", &raw_id)?;
        match &self.identifier {
            Identifier::CommunicationUser { .. } => map.serialize_entry("communicationUser", &Id { id: &raw_id })?,
            Identifier::PhoneNumber(number) => map.serialize_entry("phoneNumber", &Value { value: number })?,
            // Only communication users take part so far; others are answered by their raw id.
            _ => {}
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<String, &'static str> {
        serde_json::from_str::<IdentifierModel>(json)
            .unwrap()
            .identifier()
            .map(|identifier| identifier.raw_id())
    }

    #[test]
    fn one_kind_or_a_raw_id() {
        let user = "8:acs:0b1ad2f1-1111-4c5d-8a4e-0123456789ab_00000008-578d-7caf-07fd-084822001724";
        assert_eq!(
            read(&format!(
                r#"{{"rawId":"{user}","communicationUser":{{"id":"{user}"}}}}"#
            ))
            .unwrap(),
            user
        );
        assert_eq!(read(&format!(r#"{{"rawId":"{user}"}}"#)).unwrap(), user);
        assert_eq!(read(r#"{"phoneNumber":{"value":"+1425"}}"#).unwrap(), "4:+1425");
        assert_eq!(
            read(r#"{"microsoftTeamsUser":{"userId":"x","cloud":"gcch"}}"#).unwrap(),
            "8:gcch:x"
        );
        assert_eq!(
            read(r#"{"kind":"phoneNumber","phoneNumber":{"value":"+1425"}}"#).unwrap(),
            "4:+1425"
        );
        assert!(read(r#"{"kind":"communicationUser","phoneNumber":{"value":"+1425"}}"#).is_err());
        assert!(read("{}").is_err());
        assert!(read(r#"{"phoneNumber":{"value":"1"},"communicationUser":{"id":"8:x"}}"#).is_err());
    }
}
