//! What may stand in a message, a topic, a name: sizes, and HTML made harmless.

use std::sync::LazyLock;

use samband_core::ImageId;
use samband_wire_chat::{MessageType, Metadata, MetadataPatch};
use samband_wire_core::ApiError;

/// UTF-8 bytes of a topic or a display name. ACS states no limit; this one protects the lists
/// that repeat them.
const NAME_BYTES: usize = 4_096;
/// UTF-8 bytes of an image's name: as many as file systems take.
const FILE_NAME_BYTES: usize = 255;

pub(crate) fn check_message(content: &str, most: usize) -> Result<(), ApiError> {
    if content.len() > most {
        let met = content.len();
        let message = format!("The message has {met} bytes of UTF-8; at most {most} are allowed.");
        return Err(ApiError::too_large("MessageSizeTooBig", message).with_target("content"));
    }
    Ok(())
}

pub(crate) fn check_metadata(metadata: &Metadata, most: usize) -> Result<(), ApiError> {
    let met: usize = metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
    if met > most {
        let message = format!("The metadata has {met} bytes of UTF-8; at most {most} are allowed.");
        return Err(ApiError::too_large("MetadataSizeTooBig", message).with_target("metadata"));
    }
    Ok(())
}

pub(crate) fn check_metadata_patch(patch: Option<&MetadataPatch>, most: usize) -> Result<(), ApiError> {
    let Some(patch) = patch else { return Ok(()) };
    let set = patch
        .iter()
        .filter_map(|(key, value)| Some((key.clone(), value.clone()?)))
        .collect();
    check_metadata(&set, most)
}

pub(crate) fn check_name(name: &str, target: &str) -> Result<(), ApiError> {
    check_bytes(name, NAME_BYTES, target)
}

pub(crate) fn check_file_name(name: &str, target: &str) -> Result<(), ApiError> {
    check_bytes(name, FILE_NAME_BYTES, target)
}

fn check_bytes(text: &str, most: usize, target: &str) -> Result<(), ApiError> {
    if text.len() > most {
        let met = text.len();
        let message = format!("'{target}' has {met} bytes of UTF-8; at most {most} are allowed.");
        return Err(ApiError::bad_request(message).with_target(target));
    }
    Ok(())
}

/// Role ids of one participant, and UTF-8 bytes of each.
const ROLES: usize = 32;
const ROLE_BYTES: usize = 256;

pub(crate) fn check_roles(roles: &[String]) -> Result<(), ApiError> {
    if roles.len() > ROLES {
        let met = roles.len();
        let message = format!("A participant has at most {ROLES} roles; {met} were given.");
        return Err(ApiError::bad_request(message).with_target("roleIds"));
    }
    if let Some(long) = roles.iter().find(|role| role.len() > ROLE_BYTES) {
        let met = long.len();
        let message = format!("A role id has {met} bytes of UTF-8; at most {ROLE_BYTES} are allowed.");
        return Err(ApiError::bad_request(message).with_target("roleIds"));
    }
    Ok(())
}

/// HTML is cleaned of all that could run or load code; text stays as it is.
pub(crate) fn clean(message_type: MessageType, content: String) -> String {
    match message_type {
        MessageType::Html => CLEANER.clean(&content).to_string(),
        _ => content,
    }
}

/// An attached image is shown where an `img` names its id. No other id is let through: pages find their own
/// elements by theirs.
static CLEANER: LazyLock<ammonia::Builder<'static>> = LazyLock::new(|| {
    let mut cleaner = ammonia::Builder::default();
    cleaner.add_tag_attributes("img", ["id"]);
    cleaner.attribute_filter(|_, attribute, value| match attribute {
        "id" => value.parse::<ImageId>().ok().map(|_| value.into()),
        _ => Some(value.into()),
    });
    cleaner
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_loses_its_scripts_and_text_loses_nothing() {
        let dirty = r#"<b onclick="x()">hi</b><script>alert(1)</script><a href="javascript:x()">l</a>"#;
        let clean_html = clean(MessageType::Html, dirty.into());
        assert!(clean_html.contains("<b>hi</b>"), "{clean_html}");
        for gone in ["script", "onclick", "javascript"] {
            assert!(!clean_html.contains(gone), "{clean_html}");
        }
        assert_eq!(clean(MessageType::Text, dirty.into()), dirty);
    }

    #[test]
    fn the_id_of_an_image_stays_and_no_other() {
        let id = "0192f0c1-2d3e-7f00-8000-000000000001";
        let html = format!(r#"<p id="{id}">look</p><img id="{id}" onerror="x()">"#);
        let clean_html = clean(MessageType::Html, html);
        assert_eq!(clean_html, format!(r#"<p>look</p><img id="{id}">"#));
        let clean_html = clean(
            MessageType::Html,
            r#"<img id="cookie" src="https://example.com/a.png">"#.into(),
        );
        assert_eq!(clean_html, r#"<img src="https://example.com/a.png">"#);
    }
}
