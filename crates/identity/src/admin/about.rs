//! The admin API of users in words, and its bodies field by field.

use samband_wire_core::{About, Field, Kind, Object, Refusal};

const NO_RESOURCE: Refusal = Refusal::new(404, "NotFound", "there is no such resource");
const NO_USER: Refusal = Refusal::new(
    404,
    "NotFound",
    "there is no such resource or user, or the user was deleted",
);
const BAD_ID: Refusal = Refusal::new(400, "BadRequest", "the id is not one of a user of this resource");

pub(super) static ABOUT: &[About] = &[
    About::of("CreateUser", "Makes a communication user of a resource.")
        .answers(&USER)
        .refuses(&[NO_RESOURCE]),
    About::of(
        "DeleteUser",
        "Deletes a user. Its tokens stop working at once, and its connections end.",
    )
    .refuses(&[BAD_ID, NO_USER]),
    About::of(
        "IssueToken",
        "Issues an access token to a user. Issued by the operator, it outlasts the rotation of access keys.",
    )
    .takes(&TOKEN_REQUEST)
    .answers(&TOKEN)
    .refuses(&[
        BAD_ID,
        Refusal::new(
            400,
            "BadRequest",
            "the body is malformed, a scope is unknown, or the lifetime is not from 60 to 1440 minutes",
        ),
        NO_USER,
    ]),
    About::of(
        "RevokeTokens",
        "Revokes all tokens that a user has. It holds before it is answered, on other nodes within a second.",
    )
    .refuses(&[BAD_ID, NO_USER]),
    About::of(
        "RotateSigningKey",
        "Makes a new key to sign access tokens with. Tokens that older keys have signed stay valid.",
    )
    .answers(&SIGNING_KEY),
    About::of(
        "Jwks",
        "Tells the public keys of access tokens as a JSON Web Key Set (RFC 7517).",
    )
    .answers(&KEY_SET),
];

static USER: Object = Object::new(
    "User",
    "",
    &[Field::required("id", Kind::Text, "`8:acs:<resource guid>_<user guid>`")],
);

static TOKEN_REQUEST: Object = Object::new(
    "TokenRequest",
    "",
    &[
        Field::required(
            "scopes",
            Kind::Texts,
            "at least one of `chat`, `voip`, `chat.join`, `chat.join.limited`, `voip.join`",
        ),
        Field::optional(
            "expiresInMinutes",
            Kind::Whole { least: 60, most: 1_440 },
            "minutes that the token lives; 1440 if absent",
        ),
    ],
);

static TOKEN: Object = Object::new(
    "AccessToken",
    "",
    &[
        Field::required("token", Kind::Text, "a signed JWT"),
        Field::required("expiresOn", Kind::Time, ""),
    ],
);

static SIGNING_KEY: Object = Object::new(
    "SigningKey",
    "",
    &[Field::required("kid", Kind::Text, "the new key's id")],
);

static KEY_SET: Object = Object::new("KeySet", "", &[Field::required("keys", Kind::List(&KEY), "")]);
static KEY: Object = Object::new(
    "Key",
    "",
    &[
        Field::required("kty", Kind::OneOf(&["EC"]), ""),
        Field::required("crv", Kind::OneOf(&["P-256"]), ""),
        Field::required("use", Kind::OneOf(&["sig"]), ""),
        Field::required("alg", Kind::OneOf(&["ES256"]), ""),
        Field::required("kid", Kind::Text, "the key's id, as in the header of tokens"),
        Field::required("x", Kind::Text, ""),
        Field::required("y", Kind::Text, ""),
    ],
);

#[cfg(test)]
mod tests {
    use samband_wire_core::about::testing::{answer_faults, body_faults};

    use super::super::{KeyView, TokenBody, TokenView, UserView};
    use super::*;
    use crate::keys::{Jwk, Jwks};

    #[test]
    fn the_types_are_as_told() {
        let token = TokenView {
            token: "token".into(),
            expires_on: "2026-01-01T00:00:00Z".into(),
        };
        let jwk = Jwk {
            kty: "EC",
            crv: "P-256",
            usage: "sig",
            alg: "ES256",
            kid: "kid".into(),
            x: "x".into(),
            y: "y".into(),
        };
        let faults = [
            body_faults::<TokenBody>(&TOKEN_REQUEST),
            answer_faults(&USER, &UserView { id: "8:acs:x".into() }),
            answer_faults(&TOKEN, &token),
            answer_faults(&SIGNING_KEY, &KeyView { kid: "kid".into() }),
            answer_faults(&KEY_SET, &Jwks { keys: vec![jwk] }),
        ];
        assert_eq!(faults.concat(), Vec::<String>::new());
    }
}
