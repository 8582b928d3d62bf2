//! Images in messages: what a request names, and what an answer shows of it in each api-version.

use serde::{Deserialize, Serialize};

/// An attachment as a request names it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentWish {
    pub id: String,
    pub attachment_type: AttachmentType,
    pub name: Option<String>,
    // An answer's attachment may be sent back as it came: these are read, and the server's own are shown.
    pub url: Option<String>,
    pub preview_url: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AttachmentType {
    Image,
    File,
}

/// An image as an answer shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    pub id: String,
    pub attachment_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub url: String,
    pub preview_url: String,
}

/// What an answer calls the attachments of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attachments {
    /// The version does not know them.
    Unknown,
    /// The first previews had them from Teams alone.
    OfTeams,
    Known,
}

impl Attachments {
    /// What a version shows of a message's attachments.
    pub(crate) fn shown(self, attachments: &mut Option<Vec<Attachment>>) {
        match self {
            Self::Unknown => *attachments = None,
            Self::OfTeams => {
                for attachment in attachments.iter_mut().flatten() {
                    attachment.attachment_type = "teamsInlineImage";
                }
            }
            Self::Known => {}
        }
    }
}

/// The answer to an upload.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UploadedImage {
    pub id: String,
    pub attachment_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// The type of attachment that an image is.
pub const IMAGE: &str = "image";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SHAPES;

    #[test]
    fn versions_show_and_take_attachments_as_their_documents_say() {
        for shape in SHAPES {
            let version = shape.version.to_string();
            let shown = match version.as_str() {
                older if older < "2023-04-01" => Attachments::Unknown,
                teams if teams < "2023-11-07" => Attachments::OfTeams,
                _ => Attachments::Known,
            };
            assert_eq!(shape.attachments, shown, "{version}");
            let takes = ["2024-03-15-preview", "2024-06-05-preview"].contains(&version.as_str());
            assert_eq!(shape.attachments_sent, takes, "{version}");
        }
    }
}
