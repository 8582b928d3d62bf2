//! A resource and its keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use samband_core::{KeySlot, Millis, Random, ResourceId, Secret};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    pub id: ResourceId,
    pub name: String,
    /// A listener of its own, for names that do not resolve.
    pub port: Option<u16>,
    /// Where its data is said to be at rest; fixed at creation.
    pub data_location: String,
    pub created: Millis,
    /// Requests that name no resource belong to it: the first that was created.
    pub is_default: bool,
    /// Primary, then secondary.
    pub keys: [AccessKey; 2],
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    pub secret: Secret<Vec<u8>>,
    /// Raised by each rotation; tokens carry the generation that they were issued under.
    pub generation: i64,
}

impl AccessKey {
    /// 64 random bytes, as ACS's own keys have.
    pub fn generate(random: &dyn Random) -> Secret<Vec<u8>> {
        let mut bytes = vec![0; 64];
        random.fill(&mut bytes);
        Secret::new(bytes)
    }

    pub fn base64(&self) -> String {
        BASE64.encode(self.secret.reveal())
    }
}

impl Resource {
    pub fn key(&self, slot: KeySlot) -> &AccessKey {
        match slot {
            KeySlot::Primary => &self.keys[0],
            KeySlot::Secondary => &self.keys[1],
        }
    }

    /// The id by which Azure Resource Manager would know it. samband has one subscription, the nil
    /// one, and one resource group.
    pub fn arm_id(&self) -> String {
        format!(
            "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/samband/providers/\
             Microsoft.Communication/communicationServices/{}",
            self.name
        )
    }
}

/// What a new resource is made of.
#[derive(Debug, Clone)]
pub struct NewResource {
    pub name: String,
    pub port: Option<u16>,
    pub data_location: String,
    pub primary: Secret<Vec<u8>>,
    pub secondary: Secret<Vec<u8>>,
}

/// A name is 1 to 63 of letters, digits and hyphens, as it becomes a host name.
pub fn check_name(name: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    if bytes.len() > 63 || !bytes.iter().copied().all(allowed) || !ends(bytes.first()) || !ends(bytes.last()) {
        return Err(
            "A resource's name is 1 to 63 letters, digits and hyphens, and begins and ends with a letter or digit."
                .to_owned(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_host_labels() {
        for good in ["a", "dev", "My-Resource-2"] {
            assert!(super::check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "a.b", "a_b", "å", &"x".repeat(64)] {
            assert!(super::check_name(bad).is_err(), "{bad}");
        }
    }
}
