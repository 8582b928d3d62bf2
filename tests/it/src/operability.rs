//! Probes, metrics, correlation, proxies.

use serde_json::json;
use toml::Value as Toml;

use crate::harness::{server, server_with};

#[tokio::test]
async fn probes_and_metrics() {
    let server = server().await;
    let user = server.user().await;
    let thread = server.thread(&user, &[]).await;
    server.say(&user, &thread, "hello").await;
    let get = async |path: &str| {
        server
            .send(server.http.get(format!("{}{path}", server.info.endpoint)))
            .await
    };
    assert_eq!(get("/livez").await.expect(200).text, "ok\n");
    assert_eq!(get("/readyz").await.expect(200).text, "ok\n");
    let metrics = get("/metrics").await.expect(200).text;
    let sent =
        r#"samband_requests_total{service="chat",operation="SendChatMessage",status="201",api_version="2024-03-07"}"#;
    assert!(metrics.contains(sent), "{metrics}");
    for name in [
        "samband_request_seconds_bucket",
        "samband_store_group_seconds",
        "samband_store_queue_changes",
    ] {
        assert!(metrics.contains(name), "{name} is missing");
    }
    // Through a proxy only with the admin token.
    let url = format!("{}/metrics", server.info.endpoint);
    let proxied = || server.http.get(&url).header("x-forwarded-for", "203.0.113.1");
    server.send(proxied()).await.expect(401);
    server
        .send(proxied().bearer_auth(&server.info.admin_token))
        .await
        .expect(200);
    server.stop().await;
}

#[tokio::test]
async fn every_answer_can_be_found_again() {
    let server = server().await;
    let user = server.user().await;
    let url = format!("{}/chat/threads?api-version=2024-03-07", server.info.endpoint);
    let request = server
        .http
        .get(&url)
        .bearer_auth(&user.token)
        .header("x-ms-client-request-id", "mine")
        .header("x-ms-return-client-request-id", "true")
        .header("ms-cv", "abc.1");
    let answer = server.send(request).await.expect(200);
    assert_eq!(answer.headers["x-ms-client-request-id"], "mine");
    assert_eq!(answer.headers["ms-cv"], "abc.1.0");
    let other = server.send(server.http.get(&url)).await.expect(401);
    assert!(other.headers.contains_key("ms-cv") && !other.headers.contains_key("x-ms-client-request-id"));
    assert_ne!(answer.headers["x-ms-request-id"], other.headers["x-ms-request-id"]);
    server.stop().await;
}

#[tokio::test]
async fn links_are_those_that_the_client_can_follow() {
    let link = async |server: &crate::harness::Server, header: Option<(&str, &str)>| {
        let user = server.user().await;
        server.thread(&user, &[]).await;
        server.thread(&user, &[]).await;
        let base = server.info.http_endpoint.clone().unwrap();
        let mut request = server
            .http
            .get(format!("{base}/chat/threads?api-version=2024-03-07&maxPageSize=1"));
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let page = server.send(request.bearer_auth(&user.token)).await.expect(200);
        page.json["nextLink"].as_str().unwrap().to_owned()
    };
    let plain = server().await;
    let base = plain.info.http_endpoint.clone().unwrap();
    assert!(link(&plain, None).await.starts_with(&base));
    // A peer that is no trusted proxy does not change them.
    assert!(
        link(&plain, Some(("x-forwarded-proto", "https")))
            .await
            .starts_with("http://")
    );
    plain.stop().await;

    let trusting = server_with(&[(
        "server.trusted_proxies",
        Toml::Array(vec![Toml::String("127.0.0.1".into())]),
    )])
    .await;
    assert!(
        link(&trusting, Some(("x-forwarded-proto", "https")))
            .await
            .starts_with("https://127.0.0.1")
    );
    trusting.stop().await;

    let public = server_with(&[("server.public_url", Toml::String("https://chat.example/".into()))]).await;
    let made = public.admin("GET", "resources", None);
    // The public URL does not resolve here, so the test goes by the plain listener.
    drop(made);
    let base = public.info.http_endpoint.clone().unwrap();
    let token = public.info.admin_token.clone();
    let create = public
        .http
        .post(format!("{base}/_samband/v1/admin/resources/dev/users"))
        .bearer_auth(&token);
    let id = public.send(create).await.expect(201).json["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!(
        "{base}/_samband/v1/admin/resources/dev/users/{}/:issueAccessToken",
        crate::harness::encode(&id)
    );
    let issue = public
        .http
        .post(path)
        .bearer_auth(&token)
        .json(&json!({ "scopes": ["chat"] }));
    let token = public.send(issue).await.expect(200).json["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let create = public
        .http
        .post(format!("{base}/chat/threads?api-version=2024-03-07"))
        .bearer_auth(&token);
    let made = public.send(create.json(&json!({ "topic": "t" }))).await.expect(201);
    assert!(
        made.headers["location"]
            .to_str()
            .unwrap()
            .starts_with("https://chat.example/chat/threads/19%3A")
    );
    public.stop().await;
}

#[tokio::test]
async fn http_2_is_spoken_where_it_is_asked_for() {
    let server = server().await;
    let url = format!("{}/livez", server.info.endpoint);
    let response = server.http.get(&url).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let plain = format!("{}/livez", server.info.http_endpoint.clone().unwrap());
    let prior = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let response = prior.get(&plain).send().await.unwrap();
    assert_eq!(response.version(), reqwest::Version::HTTP_2);
    server.stop().await;
}
