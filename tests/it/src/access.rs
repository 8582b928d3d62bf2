//! Who may call: signatures, tokens, their expiry and revocation.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use samband_core::Millis;
use serde_json::json;

use crate::harness::{IDENTITY, Server, User, encode, server};

async fn list_threads(server: &Server, user: &User) -> u16 {
    server.chat(user, "GET", "threads", None).await.status
}

#[tokio::test]
async fn a_signature_must_be_right_and_fresh() {
    let server = server().await;
    let target = format!("/identities?api-version={IDENTITY}");
    let key = BASE64.decode(&server.info.access_key).unwrap();
    let url = format!("{}{target}", server.info.endpoint);

    server.signed("POST", &target, None).await.expect(201);
    let wrong = server
        .signed_with(b"wrong", &server.info.endpoint, "POST", &target, None)
        .await;
    assert!(wrong.refused(401, "Unauthorized").message().contains("does not match"));
    let bare = server.send(server.http.post(&url)).await;
    assert!(
        bare.refused(401, "Unauthorized")
            .message()
            .contains("no Authorization header")
    );
    for garbage in [
        "HMAC-SHA256 ",
        "HMAC-SHA256 SignedHeaders=&Signature=x",
        "Basic eDp5",
        "HMAC-SHA256 x=y",
        "Bearer x",
    ] {
        let refused = server
            .send(server.http.post(&url).header("authorization", garbage))
            .await;
        refused.refused(401, "Unauthorized");
    }

    // Signed by the server's clock, then both move apart.
    let before = server.now();
    for (skew, status) in [(14, 201), (-14, 201), (16, 401), (-16, 401)] {
        let signed_at = before.plus(skew * Millis::MINUTE);
        server.clock.set(signed_at);
        let date = crate::harness::http_date(signed_at);
        let host = server.info.endpoint.split("://").nth(1).unwrap();
        let hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        let signature = samband_wire_core::signature::sign(&key, "POST", &target, &format!("{date};{host};{hash}"));
        server.clock.set(before);
        let request = server
            .http
            .post(&url)
            .header("x-ms-date", &date)
            .header("x-ms-content-sha256", hash)
            .header(
                "authorization",
                format!(
                    "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={}",
                    BASE64.encode(signature)
                ),
            );
        assert_eq!(server.send(request).await.status, status, "{skew} minutes");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_changed_body_does_not_match_its_signature() {
    let server = server().await;
    let target = format!("/identities?api-version={IDENTITY}");
    let request = server
        .http
        .post(format!("{}{target}", server.info.endpoint))
        .header("x-ms-date", crate::harness::http_date(server.now()))
        .header("x-ms-content-sha256", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
        .header(
            "authorization",
            "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=AAAA",
        )
        .body("{}");
    let refused = server.send(request).await.refused(401, "Unauthorized");
    assert!(
        refused.message().contains("SHA-256 of the body"),
        "{}",
        refused.message()
    );
    server.stop().await;
}

#[tokio::test]
async fn a_token_expires() {
    let server = server().await;
    let user = server.user().await;
    let target = format!(
        "/identities/{}/:issueAccessToken?api-version={IDENTITY}",
        encode(&user.id)
    );
    let body = json!({ "scopes": ["chat"], "expiresInMinutes": 60 });
    let issued = server.signed("POST", &target, Some(body)).await.expect(200);
    let short = User {
        token: issued.json["token"].as_str().unwrap().into(),
        ..user.clone()
    };

    assert_eq!(list_threads(&server, &short).await, 200);
    server.clock.advance(61 * Millis::MINUTE);
    let refused = server
        .chat(&short, "GET", "threads", None)
        .await
        .refused(401, "Unauthorized");
    assert!(refused.message().contains("expired"));
    // The other one lives for a day.
    assert_eq!(list_threads(&server, &user).await, 200);
    server.clock.advance(24 * Millis::HOUR);
    assert_eq!(list_threads(&server, &user).await, 401);
    server.stop().await;
}

#[tokio::test]
async fn revoking_ends_every_token_of_the_user_at_once_and_no_other() {
    let server = server().await;
    let (user, other) = (server.user().await, server.user().await);
    for user in [&user, &other] {
        assert_eq!(list_threads(&server, user).await, 200);
    }
    let target = format!(
        "/identities/{}/:revokeAccessTokens?api-version={IDENTITY}",
        encode(&user.id)
    );
    server.signed("POST", &target, None).await.expect(204);
    let refused = server
        .chat(&user, "GET", "threads", None)
        .await
        .refused(401, "Unauthorized");
    assert!(refused.message().contains("revoked"));
    assert_eq!(list_threads(&server, &other).await, 200);

    // A token issued afterwards holds, even within the same second.
    let target = format!(
        "/identities/{}/:issueAccessToken?api-version={IDENTITY}",
        encode(&user.id)
    );
    let issued = server
        .signed("POST", &target, Some(json!({ "scopes": ["chat"] })))
        .await
        .expect(200);
    let again = User {
        token: issued.json["token"].as_str().unwrap().into(),
        ..user
    };
    assert_eq!(list_threads(&server, &again).await, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_deleted_user_is_gone() {
    let server = server().await;
    let user = server.user().await;
    let target = format!("/identities/{}?api-version={IDENTITY}", encode(&user.id));
    server.signed("DELETE", &target, None).await.expect(204);
    assert_eq!(list_threads(&server, &user).await, 401);
    server.signed("DELETE", &target, None).await.refused(404, "NotFound");
    let token = format!(
        "/identities/{}/:issueAccessToken?api-version={IDENTITY}",
        encode(&user.id)
    );
    server
        .signed("POST", &token, Some(json!({ "scopes": ["chat"] })))
        .await
        .refused(404, "NotFound");
    server.stop().await;
}

#[tokio::test]
async fn rotating_a_key_ends_it_and_the_tokens_made_with_it() {
    let server = server().await;
    let user = server.user().await;
    let by_operator = {
        let path = format!("resources/dev/users/{}/:issueAccessToken", encode(&user.id));
        let issued = server
            .admin("POST", &path, Some(json!({ "scopes": ["chat"] })))
            .await
            .expect(200);
        User {
            token: issued.json["token"].as_str().unwrap().into(),
            ..user.clone()
        }
    };
    let old_keys = server.admin("GET", "resources/dev/keys", None).await.expect(200);
    let secondary = BASE64.decode(old_keys.json["secondaryKey"].as_str().unwrap()).unwrap();
    let target = format!("/identities?api-version={IDENTITY}");
    let endpoint = server.info.endpoint.clone();
    let body = json!({ "createTokenWithScopes": ["chat"] });
    let made = server
        .signed_with(&secondary, &endpoint, "POST", &target, Some(body))
        .await
        .expect(201);
    let by_secondary = User {
        id: String::new(),
        token: made.json["accessToken"]["token"].as_str().unwrap().into(),
    };

    let rotated = server
        .admin("POST", "resources/dev/keys/primary/:rotate", None)
        .await
        .expect(200);
    assert_ne!(rotated.json["primaryKey"], old_keys.json["primaryKey"]);
    assert_eq!(rotated.json["secondaryKey"], old_keys.json["secondaryKey"]);

    server.signed("POST", &target, None).await.refused(401, "Unauthorized");
    assert_eq!(list_threads(&server, &user).await, 401);
    assert_eq!(list_threads(&server, &by_secondary).await, 200);
    assert_eq!(list_threads(&server, &by_operator).await, 200);
    let new = BASE64.decode(rotated.json["primaryKey"].as_str().unwrap()).unwrap();
    server
        .signed_with(&new, &endpoint, "POST", &target, None)
        .await
        .expect(201);
    server.stop().await;
}

#[tokio::test]
async fn tokens_are_jwts_that_the_published_keys_verify_also_after_a_rotation() {
    let server = server().await;
    let old = server.user().await;
    server.admin("POST", "signingKeys/:rotate", None).await.expect(200);
    let new = server.user().await;
    let jwks = server
        .send(
            server
                .http
                .get(format!("{}/_samband/v1/jwks.json", server.info.endpoint)),
        )
        .await
        .expect(200);
    let set: jsonwebtoken::jwk::JwkSet = serde_json::from_value(jwks.json).unwrap();
    assert_eq!(set.keys.len(), 2);
    for user in [&old, &new] {
        let header = jsonwebtoken::decode_header(&user.token).unwrap();
        let key = jsonwebtoken::DecodingKey::from_jwk(set.find(&header.kid.unwrap()).unwrap()).unwrap();
        let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
        validation.validate_aud = false;
        let token = jsonwebtoken::decode::<serde_json::Value>(&user.token, &key, &validation).unwrap();
        assert_eq!(format!("8:{}", token.claims["skypeid"].as_str().unwrap()), user.id);
        assert_eq!(token.claims["acsScope"], "chat");
        assert_eq!(token.claims["samband"], server.info.endpoint.as_str());
        assert_eq!(list_threads(&server, user).await, 200);
    }
    server.stop().await;
}

#[tokio::test]
async fn malformed_and_foreign_tokens_are_401() {
    let server = server().await;
    let elsewhere = crate::harness::server().await;
    let foreign = elsewhere.user().await;
    let good = server.user().await;
    let (head, rest) = good.token.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let tampered = BASE64.encode(b"{}");
    let tokens = [
        String::new(),
        "x".into(),
        "a.b.c".into(),
        format!("{head}.{tampered}.{signature}"),
        format!("{head}.{payload}."),
        format!("eyJhbGciOiJub25lIn0.{payload}."),
        foreign.token,
        "é".repeat(10),
        "x".repeat(5_000),
    ];
    for token in tokens {
        let user = User {
            id: String::new(),
            token: token.clone(),
        };
        let url = format!("{}/chat/threads?api-version=2024-03-07", server.info.endpoint);
        let request = server.http.get(url).header(
            "authorization",
            reqwest::header::HeaderValue::from_bytes(format!("Bearer {}", user.token).as_bytes()).unwrap(),
        );
        let refused = server.send(request).await;
        assert_eq!((refused.status, refused.code()), (401, "Unauthorized"), "{token}");
    }
    server.stop().await;
    elsewhere.stop().await;
}

#[tokio::test]
async fn scopes_are_enforced() {
    let server = server().await;
    let owner = server.user().await;
    let (joiner, limited, voice) = (
        server.user_with(&["chat.join"]).await,
        server.user_with(&["chat.join.limited"]).await,
        server.user_with(&["voip"]).await,
    );
    let thread = server.thread(&owner, &[&joiner, &limited, &voice]).await;
    let refused = server
        .chat(&voice, "GET", &thread, None)
        .await
        .refused(403, "Forbidden");
    assert!(refused.message().contains("'voip'"), "{}", refused.message());
    for user in [&joiner, &limited] {
        server
            .chat(user, "POST", "threads", Some(json!({ "topic": "t" })))
            .await
            .refused(403, "Forbidden");
        server
            .chat(user, "DELETE", &thread, None)
            .await
            .refused(403, "Forbidden");
        server.say(user, &thread, "hello").await;
    }
    let newcomer = server.user().await;
    let add = json!({ "participants": [crate::harness::participant(&newcomer.id)] });
    let path = format!("{thread}/participants/:add");
    server
        .chat(&limited, "POST", &path, Some(add.clone()))
        .await
        .refused(403, "Forbidden");
    server.chat(&joiner, "POST", &path, Some(add)).await.expect(201);
    server.stop().await;
}

#[tokio::test]
async fn exchanges_say_why_they_are_refused() {
    let server = server().await;
    let body = json!({ "token": "t", "appId": "a", "userId": "u" });
    let target = format!("/teamsUser/:exchangeAccessToken?api-version={IDENTITY}");
    let refused = server
        .signed("POST", &target, Some(body))
        .await
        .refused(401, "Unauthorized");
    assert!(refused.message().contains("Entra"));
    let url = format!(
        "{}/access/entra/:exchangeAccessToken?api-version=2025-03-02-preview",
        server.info.endpoint
    );
    server
        .send(server.http.post(url).bearer_auth("x").body("{}"))
        .await
        .refused(401, "Unauthorized");
    server.stop().await;
}
