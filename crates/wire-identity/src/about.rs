//! The operations of Identity in words, and the bodies of the newest api-version field by field.

use samband_wire_core::{About, Field, Kind, Object, Refusal};

const BAD_ID: Refusal = Refusal::new(400, "BadRequest", "the id is not one of a user of this resource");
const BAD_BODY: Refusal = Refusal::new(
    400,
    "BadRequest",
    "the body is malformed, a scope is unknown, or the lifetime is not from 60 to 1440 minutes",
);
const NO_USER: Refusal = Refusal::new(404, "NotFound", "there is no such user, or it was deleted");
const UNTRUSTED: Refusal = Refusal::new(
    401,
    "Unauthorized",
    "always: this server trusts no token of Microsoft Entra",
);

const OTHER_REQUEST: Refusal = Refusal::new(
    400,
    "BadRequest",
    "the id of repetition was used with another request, or one of its two headers is missing or malformed",
);
const FORGOTTEN: Refusal = Refusal::new(
    412,
    "PreconditionFailed",
    "the request was first sent more than 24 hours ago: what it came to is not remembered",
);

/// A pair: one without the other is refused.
const REPEATABLE: &[Field] = &[
    Field::optional(
        "Repeatability-Request-ID",
        Kind::Text,
        "2023-08-01 only, a UUID. The same request within 24 hours is not carried out again",
    ),
    Field::optional(
        "Repeatability-First-Sent",
        Kind::Text,
        "2023-08-01 only, needed with it: an HTTP date (RFC 9110, section 5.6.7)",
    ),
];

pub(crate) static ABOUT: &[About] = &[
    About::of(
        "CreateIdentity",
        "Makes a communication user, and if asked for an access token for it.",
    )
    .headers(REPEATABLE)
    .may_take(&CREATE)
    .answers(&RESULT)
    .refuses(&[BAD_BODY, OTHER_REQUEST, FORGOTTEN]),
    About::of(
        "DeleteIdentity",
        "Deletes a user. Its tokens stop working at once, and its connections end.",
    )
    .refuses(&[BAD_ID, NO_USER]),
    About::of(
        "UpdateIdentity",
        "Revokes the tokens of a user that were issued before `tokensValidFrom` (RFC 3339; absent: now). Later versions \
         have RevokeAccessTokens instead.",
    )
    .takes(&UPDATE)
    .refuses(&[
        BAD_ID,
        Refusal::new(400, "BadRequest", "the body is malformed"),
        NO_USER,
    ]),
    About::of(
        "RevokeAccessTokens",
        "Revokes all tokens that a user has. It holds before it is answered, on other nodes within a second; connections \
         that were opened with them end.",
    )
    .headers(REPEATABLE)
    .refuses(&[BAD_ID, OTHER_REQUEST, NO_USER, FORGOTTEN]),
    About::of("IssueAccessToken", "Issues an access token to a user.")
        .takes(&TOKEN_REQUEST)
        .answers(&TOKEN)
        .refuses(&[BAD_ID, BAD_BODY, NO_USER]),
    About::of(
        "ExchangeTeamsUserAccessToken",
        "Would exchange a token of a Teams user. This server does not stand in for Microsoft's directory: it answers 401.",
    )
    .takes(&TEAMS)
    .answers(&TOKEN)
    .refuses(&[Refusal::new(400, "BadRequest", "the body is malformed"), UNTRUSTED]),
];

pub(crate) static EXCHANGE_ABOUT: &[About] = &[
    About::of(
        "ExchangeEntraAccessToken",
        "Would exchange a token of Microsoft Entra. This server does not stand in for Microsoft's directory: it answers 401.",
    )
    .refuses(&[UNTRUSTED]),
    About::of(
        "ExchangeTeamsExtensionAccessToken",
        "Would exchange a token of Microsoft Entra for one of a Teams extension user: it answers 401 as well.",
    )
    .refuses(&[UNTRUSTED]),
];

const MINUTES: Field = Field::optional(
    "expiresInMinutes",
    Kind::Whole { least: 60, most: 1_440 },
    "minutes that the token lives; 1440 if absent, and always before 2022-10-01",
);

static CREATE: Object = Object::new(
    "CommunicationIdentityCreateRequest",
    "",
    &[
        Field::optional(
            "createTokenWithScopes",
            Kind::Texts,
            "the token's scopes; without any there is no token. The scopes are `chat`, `voip`, and from 2023-10-01 on \
             `chat.join`, `chat.join.limited`, `voip.join`",
        ),
        MINUTES,
    ],
);

static TOKEN_REQUEST: Object = Object::new(
    "CommunicationIdentityAccessTokenRequest",
    "",
    &[
        Field::required(
            "scopes",
            Kind::Texts,
            "at least one of `chat`, `voip`, and from 2023-10-01 on `chat.join`, `chat.join.limited`, `voip.join`",
        ),
        MINUTES,
    ],
);

static UPDATE: Object = Object::new(
    "CommunicationIdentityUpdateRequest",
    "",
    &[Field::optional("tokensValidFrom", Kind::Time, "")],
);

static TEAMS: Object = Object::new(
    "TeamsUserExchangeTokenRequest",
    "",
    &[
        Field::required("token", Kind::Text, "the token of Microsoft Entra"),
        Field::optional("appId", Kind::Text, "the application in Entra"),
        Field::optional("userId", Kind::Text, "the user in Entra"),
    ],
);

static RESULT: Object = Object::new(
    "CommunicationIdentityAccessTokenResult",
    "",
    &[
        Field::required("identity", Kind::Object(&IDENTITY), "the user"),
        Field::optional("accessToken", Kind::Object(&TOKEN), "if one was asked for"),
    ],
);
static IDENTITY: Object = Object::new(
    "CommunicationIdentity",
    "",
    &[Field::required("id", Kind::Text, "`8:acs:<resource guid>_<user guid>`")],
);
static TOKEN: Object = Object::new(
    "CommunicationIdentityAccessToken",
    "",
    &[
        Field::required("token", Kind::Text, "a signed JWT"),
        Field::required("expiresOn", Kind::Time, ""),
    ],
);

#[cfg(test)]
mod tests {
    use samband_wire_core::about::testing::{answer_faults, body_faults};

    use super::*;
    use crate::types::*;

    #[test]
    fn the_types_are_as_told() {
        let token = || AccessToken {
            token: "token".into(),
            expires_on: "2026-01-01T00:00:00Z".into(),
        };
        let result = IdentityResult {
            identity: Identity { id: "8:acs:x".into() },
            access_token: Some(token()),
        };
        let faults = [
            body_faults::<CreateRequest>(&CREATE),
            body_faults::<TokenRequest>(&TOKEN_REQUEST),
            body_faults::<UpdateRequest>(&UPDATE),
            body_faults::<TeamsExchangeRequest>(&TEAMS),
            answer_faults(&RESULT, &result),
            answer_faults(&TOKEN, &token()),
        ];
        assert_eq!(faults.concat(), Vec::<String>::new());
    }
}
