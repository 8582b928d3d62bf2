//! The operations of Chat with their history, and ACS's published request rates.

use samband_core::Scopes;
use samband_wire_core::{ApiVersion, Auth, Endpoint, Envelope, Method, Rate, RateScope, Served, Service};

use crate::SHAPES;
use crate::about::ABOUT;

static VERSIONS: [ApiVersion; SHAPES.len()] = {
    let mut versions = [ApiVersion::NONE; SHAPES.len()];
    let mut i = 0;
    while i < SHAPES.len() {
        versions[i] = SHAPES[i].version;
        i += 1;
    }
    versions
};

/// Members became participants, 207 became 201, and PATCH answers 204.
const V2020_11: ApiVersion = ApiVersion::preview(2020, 11, 1, 3);
/// `:remove` took the place of DELETE.
const V2021_01: ApiVersion = ApiVersion::preview(2021, 1, 27, 4);

const V2021_10: ApiVersion = ApiVersion::preview(2021, 10, 1, 7);
/// Messages show attachments, whose images are fetched in the reader's own version.
const V2023_04: ApiVersion = ApiVersion::preview(2023, 4, 1, 0);
/// Images are uploaded and deleted. No later version has taken that back.
const V2024_03: ApiVersion = ApiVersion::preview(2024, 3, 15, 0);

const THREADS: &str = "/chat/threads";
const THREAD: &str = "/chat/threads/{thread}";
const MESSAGES: &str = "/chat/threads/{thread}/messages";
const MESSAGE: &str = "/chat/threads/{thread}/messages/{message}";
const MEMBERS: &str = "/chat/threads/{thread}/members";
const MEMBER: &str = "/chat/threads/{thread}/members/{member}";
const PARTICIPANTS: &str = "/chat/threads/{thread}/participants";
const PARTICIPANTS_ADD: &str = "/chat/threads/{thread}/participants/:add";
const PARTICIPANT: &str = "/chat/threads/{thread}/participants/{participant}";
const PARTICIPANTS_UPDATE: &str = "/chat/threads/{thread}/participants/:update";
const PARTICIPANTS_REMOVE: &str = "/chat/threads/{thread}/participants/:remove";
const RECEIPTS_2020: &str = "/chat/threads/{thread}/readreceipts";
const RECEIPTS: &str = "/chat/threads/{thread}/readReceipts";
const TYPING: &str = "/chat/threads/{thread}/typing";
const IMAGES: &str = "/chat/threads/{thread}/images";
const IMAGE: &str = "/chat/threads/{thread}/images/{image}";
const IMAGE_VIEW: &str = "/chat/threads/{thread}/images/{image}/view/{type}";
/// As the URLs of attachments, and so the clients, say it.
const IMAGE_VIEWS: &str = "/chat/threads/{thread}/images/{image}/views/{type}";

const OWN: Auth = Auth::User(Scopes::CHAT_OWN);
const INVITE: Auth = Auth::User(Scopes::CHAT_INVITE);
const USE: Auth = Auth::User(Scopes::CHAT_USE);

const fn all(method: Method, path: &'static str, success: u16) -> Served {
    Served::always(method, path, success)
}
const fn in_2020(method: Method, path: &'static str, success: u16) -> Served {
    Served::always(method, path, success).until(V2020_11)
}
const fn later(method: Method, path: &'static str, success: u16) -> Served {
    Served::always(method, path, success).since(V2020_11)
}

pub static SERVICE: Service = Service {
    name: "chat",
    versions: &VERSIONS,
    envelope: |version| {
        if version < V2020_11 {
            Envelope::Bare
        } else {
            Envelope::Nested
        }
    },
    endpoints: &[
        Endpoint::new(
            "CreateChatThread",
            OWN,
            &[in_2020(Method::Post, THREADS, 207), later(Method::Post, THREADS, 201)],
        ),
        Endpoint::new("ListChatThreads", USE, &[all(Method::Get, THREADS, 200)]),
        Endpoint::new("GetChatThreadProperties", USE, &[all(Method::Get, THREAD, 200)]),
        Endpoint::new(
            "UpdateChatThreadProperties",
            OWN,
            &[in_2020(Method::Patch, THREAD, 200), later(Method::Patch, THREAD, 204)],
        ),
        Endpoint::new("DeleteChatThread", OWN, &[all(Method::Delete, THREAD, 204)]),
        Endpoint::new(
            "ListChatParticipants",
            USE,
            &[
                in_2020(Method::Get, MEMBERS, 200),
                later(Method::Get, PARTICIPANTS, 200),
            ],
        ),
        Endpoint::new(
            "AddChatParticipants",
            INVITE,
            &[
                in_2020(Method::Post, MEMBERS, 207),
                later(Method::Post, PARTICIPANTS_ADD, 201),
            ],
        ),
        Endpoint::new(
            "RemoveChatParticipant",
            INVITE,
            &[
                in_2020(Method::Delete, MEMBER, 204),
                later(Method::Delete, PARTICIPANT, 204).until(V2021_01),
                all(Method::Post, PARTICIPANTS_REMOVE, 204).since(V2021_01),
            ],
        ),
        // Roles were there in one preview alone.
        Endpoint::new(
            "UpdateChatParticipant",
            INVITE,
            &[all(Method::Post, PARTICIPANTS_UPDATE, 204)
                .since(V2021_10)
                .until(V2023_04)],
        ),
        Endpoint::new("SendChatMessage", USE, &[all(Method::Post, MESSAGES, 201)]),
        Endpoint::new("ListChatMessages", USE, &[all(Method::Get, MESSAGES, 200)]),
        Endpoint::new("GetChatMessage", USE, &[all(Method::Get, MESSAGE, 200)]),
        Endpoint::new(
            "UpdateChatMessage",
            USE,
            &[in_2020(Method::Patch, MESSAGE, 200), later(Method::Patch, MESSAGE, 204)],
        ),
        Endpoint::new("DeleteChatMessage", USE, &[all(Method::Delete, MESSAGE, 204)]),
        Endpoint::new(
            "ListChatReadReceipts",
            USE,
            &[
                in_2020(Method::Get, RECEIPTS_2020, 200),
                later(Method::Get, RECEIPTS, 200),
            ],
        ),
        Endpoint::new(
            "SendChatReadReceipt",
            USE,
            &[
                in_2020(Method::Post, RECEIPTS_2020, 201),
                later(Method::Post, RECEIPTS, 200),
            ],
        ),
        Endpoint::new("SendTypingNotification", USE, &[all(Method::Post, TYPING, 200)]),
        Endpoint::new(
            "UploadChatImage",
            USE,
            &[all(Method::Post, IMAGES, 201).since(V2024_03)],
        )
        .with_file()
        .with_errors(Envelope::Untargeted),
        Endpoint::new(
            "GetChatImage",
            USE,
            &[all(Method::Get, IMAGE_VIEW, 200).since(V2024_03)],
        )
        .with_errors(Envelope::Untargeted),
        Endpoint::new(
            "GetAttachedChatImage",
            USE,
            &[all(Method::Get, IMAGE_VIEWS, 200).since(V2023_04)],
        )
        .with_errors(Envelope::Untargeted),
        Endpoint::new(
            "DeleteChatImage",
            USE,
            &[all(Method::Delete, IMAGE, 204).since(V2024_03)],
        )
        .with_errors(Envelope::Untargeted),
    ],
    rates: RATES,
    about: ABOUT,
};

/// ACS's published rates (specs, section 5).
static RATES: &[Rate] = &[
    Rate::new("CreateChatThread", RateScope::User, &[(10, 10)]),
    Rate::new("DeleteChatThread", RateScope::User, &[(10, 10)]),
    Rate::new("UpdateChatThreadProperties", RateScope::Thread, &[(5, 10)]),
    Rate::new("AddChatParticipants", RateScope::Thread, &[(10, 10), (30, 60)]),
    Rate::new("RemoveChatParticipant", RateScope::Thread, &[(10, 10), (30, 60)]),
    Rate::new("GetChatThreadProperties", RateScope::User, &[(50, 10)]),
    Rate::new("ListChatThreads", RateScope::User, &[(50, 10)]),
    Rate::new("GetChatMessage", RateScope::UserAndThread, &[(50, 10)]),
    Rate::new("GetChatMessage", RateScope::Thread, &[(250, 10)]),
    Rate::new("ListChatMessages", RateScope::UserAndThread, &[(50, 10), (200, 60)]),
    Rate::new("ListChatMessages", RateScope::Thread, &[(250, 10), (400, 60)]),
    Rate::new("ListChatReadReceipts", RateScope::UserAndThread, &[(5, 10)]),
    Rate::new("ListChatReadReceipts", RateScope::Thread, &[(100, 10)]),
    Rate::new("ListChatParticipants", RateScope::UserAndThread, &[(10, 10)]),
    Rate::new("ListChatParticipants", RateScope::Thread, &[(250, 10)]),
    Rate::new("SendChatMessage", RateScope::Thread, &[(10, 10), (30, 60)]),
    Rate::new("UpdateChatMessage", RateScope::Thread, &[(10, 10), (30, 60)]),
    Rate::new("DeleteChatMessage", RateScope::Thread, &[(10, 10), (30, 60)]),
    Rate::new("SendChatReadReceipt", RateScope::UserAndThread, &[(10, 10), (30, 60)]),
    Rate::new("SendTypingNotification", RateScope::UserAndThread, &[(5, 10), (15, 60)]),
    Rate::new("SendTypingNotification", RateScope::Thread, &[(10, 10), (30, 60)]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        assert_eq!(SERVICE.faults(), Vec::<String>::new());
    }
}
