//! Several resources on one server: by port, by host name, and by a token's own word.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

use crate::harness::{IDENTITY, User, server};

#[tokio::test]
async fn a_resource_with_a_port_of_its_own_has_its_own_keys_and_users() {
    let server = server().await;
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let made = server
        .admin("POST", "resources", Some(json!({ "name": "second", "port": port })))
        .await
        .expect(201);
    let endpoint = made.json["endpoint"].as_str().unwrap().to_owned();
    assert_eq!(endpoint, format!("https://127.0.0.1:{port}"));

    let keys = server.admin("GET", "resources/second/keys", None).await.expect(200);
    let key = BASE64.decode(keys.json["primaryKey"].as_str().unwrap()).unwrap();
    let target = format!("/identities?api-version={IDENTITY}");
    let body = json!({ "createTokenWithScopes": ["chat"] });
    let made = server
        .signed_with(&key, &endpoint, "POST", &target, Some(body))
        .await
        .expect(201);
    let user = User {
        id: made.json["identity"]["id"].as_str().unwrap().into(),
        token: made.json["accessToken"]["token"].as_str().unwrap().into(),
    };
    let first = server.info.endpoint.clone();
    server
        .signed_with(&key, &first, "POST", &target, None)
        .await
        .refused(401, "Unauthorized");

    // At the other's own address its token is refused; at the main one the token says whose it is.
    let own = server.user().await;
    let list = async |endpoint: &str, user: &User| {
        let url = format!("{endpoint}/chat/threads?api-version=2024-03-07");
        server.send(server.http.get(url).bearer_auth(&user.token)).await
    };
    list(&endpoint, &user).await.expect(200);
    list(&first, &user).await.expect(200);
    let refused = list(&endpoint, &own).await.refused(401, "Unauthorized");
    assert!(refused.message().contains("another resource"));

    server.admin("DELETE", "resources/second", None).await.expect(204);
    list(&first, &user).await.refused(401, "Unauthorized");
    server.stop().await;
}

#[tokio::test]
async fn a_resource_is_found_by_its_host_name_with_a_certificate_for_it() {
    let server = server().await;
    let made = server
        .admin("POST", "resources", Some(json!({ "name": "Named" })))
        .await
        .expect(201);
    let endpoint = made.json["endpoint"].as_str().unwrap().to_owned();
    assert!(endpoint.contains("://Named.localhost:"), "{endpoint}");
    let keys = server.admin("GET", "resources/named/keys", None).await.expect(200);
    let key = BASE64.decode(keys.json["primaryKey"].as_str().unwrap()).unwrap();
    let target = format!("/identities?api-version={IDENTITY}");

    let address: std::net::SocketAddr = server.info.endpoint.split("://").nth(1).unwrap().parse().unwrap();
    let ca = std::fs::read(server.info.ca_file.as_ref().unwrap()).unwrap();
    let mut resolving = server;
    resolving.http = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(&ca).unwrap()])
        .resolve("named.localhost", address)
        .build()
        .unwrap();
    let endpoint = endpoint.to_lowercase();
    resolving
        .signed_with(&key, &endpoint, "POST", &target, None)
        .await
        .expect(201);
    resolving.stop().await;
}

#[tokio::test]
async fn bad_names_and_taken_ones() {
    let server = server().await;
    for name in ["", "a.b", "-a", "with space"] {
        server
            .admin("POST", "resources", Some(json!({ "name": name })))
            .await
            .refused(400, "BadRequest");
    }
    server
        .admin("POST", "resources", Some(json!({ "name": "DEV" })))
        .await
        .refused(409, "NameTaken");
    server
        .admin("POST", "resources", Some(json!({ "name": "x", "prot": 1 })))
        .await
        .refused(400, "BadRequest");
    server
        .admin("DELETE", "resources/dev", None)
        .await
        .refused(409, "DefaultResource");
    server
        .admin("DELETE", "resources/nothing", None)
        .await
        .refused(404, "NotFound");
    server
        .admin("GET", "resources/nothing/keys", None)
        .await
        .refused(404, "NotFound");
    let taken: std::net::SocketAddr = server.info.endpoint.split("://").nth(1).unwrap().parse().unwrap();
    let body = json!({ "name": "x", "port": taken.port() });
    server
        .admin("POST", "resources", Some(body))
        .await
        .refused(409, "ListenerFailed");
    let list = server.admin("GET", "resources", None).await.expect(200);
    assert_eq!(list.json["value"].as_array().unwrap().len(), 1);
    let url = format!("{}/_samband/v1/admin/resources", server.info.endpoint);
    server.send(server.http.get(&url)).await.refused(401, "Unauthorized");
    server
        .send(server.http.get(&url).bearer_auth("wrong"))
        .await
        .refused(401, "Unauthorized");
    server.stop().await;
}
