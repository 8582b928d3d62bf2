//! Images of chat over HTTP: uploaded, viewed, deleted, attached to messages; and what is refused.

use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, GenericImageView, ImageFormat, Rgb, RgbImage};
use samband_store::testing::PostgresServer;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use toml::Value as Toml;

use crate::harness::{Answer, Server, User, server, server_with};

const VERSION: &str = "2024-06-05-preview";
/// An image in the newest of a few brands, without one.
const HEIC: &[u8] = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic\0\0\0\x0cmdatabcd";

fn picture(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
    let pixels = RgbImage::from_fn(width, height, |x, y| {
        Rgb([(x * 7) as u8, (y * 5) as u8, (x * y / 3) as u8])
    });
    let mut bytes = Vec::new();
    DynamicImage::from(pixels)
        .write_to(&mut Cursor::new(&mut bytes), format)
        .unwrap();
    bytes
}

/// Of so many bytes, which no compression makes fewer.
fn noise(length: usize) -> Vec<u8> {
    let side = ((length / 3) as f64).sqrt() as u32;
    let mut state = 1u32;
    let pixels = RgbImage::from_fn(side, side, |_, _| {
        Rgb([0; 3].map(|_: u8| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        }))
    });
    let mut bytes = Vec::new();
    DynamicImage::from(pixels)
        .write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)
        .unwrap();
    bytes
}

impl Server {
    async fn upload(&self, user: &User, thread: &str, name: Option<&str>, file: impl Into<reqwest::Body>) -> Answer {
        let url = format!("{}/chat/{thread}/images?api-version={VERSION}", self.info.endpoint);
        let mut request = self.http.post(url).bearer_auth(&user.token);
        request = request.header("content-type", "application/octet-stream").body(file);
        if let Some(name) = name {
            request = request.header("image-filename", name);
        }
        self.send(request).await
    }

    /// The image's id.
    async fn uploaded(&self, user: &User, thread: &str, file: &[u8]) -> String {
        let answer = self.upload(user, thread, None, file.to_vec()).await.expect(201);
        answer.json["id"].as_str().unwrap().to_owned()
    }

    async fn view(&self, user: &User, thread: &str, path: &str) -> (reqwest::header::HeaderMap, Vec<u8>) {
        let url = format!(
            "{}/chat/{thread}/images/{path}?api-version={VERSION}",
            self.info.endpoint
        );
        self.fetch(user, &url).await
    }

    async fn fetch(&self, user: &User, url: &str) -> (reqwest::header::HeaderMap, Vec<u8>) {
        let answer = self.http.get(url).bearer_auth(&user.token).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{url}");
        let headers = answer.headers().clone();
        (headers, answer.bytes().await.unwrap().to_vec())
    }

    async fn images(&self, user: &User, method: &str, path: &str) -> Answer {
        self.chat_in(VERSION, user, method, path, None).await
    }
}

/// Uploaded, viewed by another, deleted; and what stays of it all.
async fn works(server: &Server) {
    let (ann, bob) = (server.user().await, server.user().await);
    let thread = server.thread(&ann, &[&bob]).await;
    let kinds = [
        (picture(ImageFormat::Jpeg, 900, 600), "image/jpeg", "image/jpeg"),
        (picture(ImageFormat::Png, 900, 600), "image/png", "image/png"),
        (picture(ImageFormat::Gif, 900, 600), "image/gif", "image/png"),
        (picture(ImageFormat::WebP, 900, 600), "image/webp", "image/webp"),
    ];
    for (file, content_type, small_type) in kinds {
        let answer = server
            .upload(&ann, &thread, Some("Bild 1.png"), file.clone())
            .await
            .expect(201);
        let id = answer.json["id"].as_str().unwrap();
        assert_eq!(
            answer.json,
            json!({ "id": id, "attachmentType": "image", "name": "Bild 1.png" })
        );
        let location = answer.headers["location"].to_str().unwrap();
        assert_eq!(
            location,
            format!(
                "{}/chat/{}/images/{id}",
                server.info.endpoint,
                thread.replace("%2E", ".")
            )
        );
        for spelling in ["view", "views"] {
            let (headers, original) = server.view(&bob, &thread, &format!("{id}/{spelling}/original")).await;
            assert!(original == file, "{content_type}");
            assert_eq!(headers["content-type"], content_type);
            assert_eq!(headers["content-length"], file.len().to_string().as_str());
            assert_eq!(headers["cache-control"], "private, no-cache");
            assert_eq!(headers["x-content-type-options"], "nosniff");
            assert!(!headers.contains_key("content-disposition"));
            let (headers, small) = server.view(&bob, &thread, &format!("{id}/{spelling}/small")).await;
            assert_eq!(headers["content-type"], small_type);
            assert!(small.len() < file.len());
            let small = image::load_from_memory(&small).unwrap();
            assert_eq!(small.dimensions(), (240, 160), "{content_type}");
        }
    }
    // What is small already, and what cannot be decoded here, is shown as it came.
    for (file, content_type) in [
        (picture(ImageFormat::Png, 240, 240), "image/png"),
        (picture(ImageFormat::Jpeg, 1, 1), "image/jpeg"),
        (HEIC.to_vec(), "image/heic"),
    ] {
        let id = server.uploaded(&bob, &thread, &file).await;
        for view in ["original", "small"] {
            let (headers, bytes) = server.view(&ann, &thread, &format!("{id}/view/{view}")).await;
            assert_eq!(headers["content-type"], content_type);
            assert!(bytes == file, "{content_type}");
        }
    }

    // Many chunks.
    let large = noise(3 << 20);
    assert!(large.len() > 12 * (256 << 10));
    let id = server.uploaded(&ann, &thread, &large).await;
    let (headers, bytes) = server.view(&bob, &thread, &format!("{id}/views/original")).await;
    assert_eq!(headers["content-length"], large.len().to_string().as_str());
    assert!(bytes == large);
    // Who has it already is not sent it again.
    let url = format!(
        "{}/chat/{thread}/images/{id}/views/original?api-version={VERSION}",
        server.info.endpoint
    );
    let known = server.http.get(&url).bearer_auth(&bob.token);
    let known = server
        .send(known.header("if-none-match", headers["etag"].clone()))
        .await
        .expect(304);
    assert_eq!((known.text.as_str(), &known.headers["etag"]), ("", &headers["etag"]));

    let path = format!("{thread}/images/{id}");
    server.images(&bob, "DELETE", &path).await.refused(403, "Forbidden");
    server.images(&ann, "DELETE", &path).await.expect(204);
    server.images(&ann, "DELETE", &path).await.refused(404, "NotFound");
    for view in ["view/original", "views/small"] {
        let gone = server.images(&ann, "GET", &format!("{path}/{view}")).await;
        assert_eq!(
            gone.refused(404, "NotFound").message(),
            "There is no such image in the chat thread."
        );
    }

    let id = server.uploaded(&ann, &thread, &large).await;
    server.chat(&ann, "DELETE", &thread, None).await.expect(204);
    let gone = server
        .images(&ann, "GET", &format!("{thread}/images/{id}/view/original"))
        .await;
    assert_eq!(gone.refused(404, "NotFound").message(), "There is no such chat thread.");
    server.upload(&ann, &thread, None, HEIC).await.refused(404, "NotFound");
}

fn on(data: &Path, url: &str) -> [(&'static str, Toml); 3] {
    [
        ("store.memory", Toml::Boolean(false)),
        ("store.data", Toml::String(data.to_string_lossy().into_owned())),
        ("store.url", Toml::String(url.to_owned())),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_uploaded_viewed_and_deleted_on_every_engine() {
    let server = server().await;
    works(&server).await;
    server.stop().await;

    let files = tempfile::tempdir().unwrap();
    let server = server_with(&on(files.path(), "")).await;
    works(&server).await;
    server.stop().await;

    let database = PostgresServer::start();
    let files = tempfile::tempdir().unwrap();
    let server = server_with(&on(files.path(), &database.url())).await;
    works(&server).await;
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_image_is_refused() {
    let server = server().await;
    let ann = server.user().await;
    let thread = server.thread(&ann, &[]).await;
    let upload = async |file: Vec<u8>| server.upload(&ann, &thread, Some("a.png"), file).await;

    let others: [&[u8]; 5] = [
        b"text",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<html><script>alert(1)</script></html>",
        b"BM\x3a\0\0\0",
        b"\0\0\0\x14ftypavif\0\0\0\0avif",
    ];
    for file in others {
        let refused = upload(file.to_vec()).await.refused(415, "UnsupportedMediaType");
        assert!(
            refused.message().contains("jpeg, png, gif, webp, heic"),
            "{}",
            refused.message()
        );
    }
    upload(Vec::new()).await.refused(400, "BadRequest");

    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP] {
        let file = picture(format, 300, 200);
        for length in [20, file.len() / 2, file.len() - 2] {
            let refused = upload(file[..length].to_vec()).await.refused(400, "BadRequest");
            assert!(!refused.message().is_empty(), "{format:?} {length}");
            // The documents give errors of images no target.
            assert_eq!(refused.json["error"]["target"], Value::Null);
        }
    }
    let cut = upload(HEIC[..HEIC.len() - 1].to_vec()).await.refused(400, "BadRequest");
    assert!(cut.message().contains("cut off"), "{}", cut.message());
    let mut damaged = picture(ImageFormat::Png, 300, 200);
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x55;
    let damaged = upload(damaged).await.refused(400, "BadRequest");
    assert!(damaged.message().contains("cannot be decoded"), "{}", damaged.message());

    // 66 bytes that claim to be 2.5 thousand million pixels.
    let bomb = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xc3\x50\0\0\xc3\x50\x08\x06\0\0\0\x4b\xaf\x3d\xca\
                 \0\0\0\0IDAT\x35\xaf\x06\x1e\0\0\0\0IEND\xae\x42\x60\x82";
    let refused = upload(bomb.to_vec()).await.refused(400, "BadRequest");
    assert!(refused.message().contains("50000 x 50000"), "{}", refused.message());

    let long = "x".repeat(256);
    server
        .upload(&ann, &thread, Some(&long), HEIC)
        .await
        .refused(400, "BadRequest");
    let id = server.uploaded(&ann, &thread, HEIC).await;
    let path = format!("{thread}/images/{id}/view/huge");
    let refused = server.images(&ann, "GET", &path).await.refused(400, "BadRequest");
    assert!(refused.message().contains("original, small"), "{}", refused.message());
    for unknown in [
        "x",
        "0-eus-d2-fb42e272282ebb6ef76a3aedd1974433",
        "0192f0c1-2d3e-7f00-8000-000000000001",
    ] {
        let path = format!("{thread}/images/{unknown}");
        server.images(&ann, "DELETE", &path).await.refused(404, "NotFound");
        server
            .images(&ann, "GET", &format!("{path}/view/small"))
            .await
            .refused(404, "NotFound");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_image_has_a_limit_of_its_own() {
    let server = server().await;
    let ann = server.user().await;
    let thread = server.thread(&ann, &[]).await;
    let large = noise(5 << 20);
    assert!(large.len() > 4_194_304, "more than other bodies");
    server.upload(&ann, &thread, None, large).await.expect(201);

    let mut larger = HEIC.to_vec();
    larger.resize(10_485_761, 0);
    let refused = server
        .upload(&ann, &thread, None, larger.clone())
        .await
        .refused(413, "RequestBodyTooLarge");
    assert!(
        refused.message().contains("10485761") && refused.message().contains("10485760"),
        "{}",
        refused.message()
    );
    server.stop().await;

    let server = server_with(&[("limits.image_bytes", Toml::Integer(40))]).await;
    let ann = server.user().await;
    let thread = server.thread(&ann, &[]).await;
    server.upload(&ann, &thread, None, HEIC).await.expect(201);
    let refused = server
        .upload(&ann, &thread, None, vec![0; 41])
        .await
        .refused(413, "RequestBodyTooLarge");
    assert!(refused.message().contains("40"), "{}", refused.message());

    // Nobody says beforehand how much it is.
    let plain = server
        .info
        .http_endpoint
        .as_ref()
        .unwrap()
        .trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(plain).await.unwrap();
    let request = format!(
        "POST /chat/{thread}/images?api-version={VERSION} HTTP/1.1\r\nhost: {plain}\r\nauthorization: Bearer {}\r\n\
         connection: close\r\ntransfer-encoding: chunked\r\n\r\n29\r\n{}\r\n0\r\n\r\n",
        ann.token,
        "x".repeat(41)
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 413 ") && answer.contains("at most 40 are"),
        "{answer}"
    );
    server.stop().await;
}

#[tokio::test]
async fn images_are_for_participants() {
    let server = server().await;
    let (ann, bob, eve) = (server.user().await, server.user().await, server.user().await);
    let thread = server.thread(&ann, &[&bob]).await;
    let id = server.uploaded(&bob, &thread, HEIC).await;
    let remove = json!({ "rawId": bob.id });
    server
        .chat(&ann, "POST", &format!("{thread}/participants/:remove"), Some(remove))
        .await
        .expect(204);
    for user in [&bob, &eve] {
        // Before anything is said of the body.
        server
            .upload(user, &thread, None, "text")
            .await
            .refused(403, "Forbidden");
        let path = format!("{thread}/images/{id}");
        server.images(user, "DELETE", &path).await.refused(403, "Forbidden");
        server
            .images(user, "GET", &format!("{path}/views/small"))
            .await
            .refused(403, "Forbidden");
    }
    let url = format!(
        "{}/chat/{thread}/images/{id}/view/small?api-version={VERSION}",
        server.info.endpoint
    );
    server.send(server.http.get(url)).await.refused(401, "Unauthorized");
    let never = "threads/19%3A00000000000000000000000000000000%40thread.v2";
    server.upload(&ann, never, None, HEIC).await.refused(404, "NotFound");
    server.stop().await;
}

#[tokio::test]
async fn operations_on_images_came_with_their_versions() {
    let server = server().await;
    let ann = server.user().await;
    let thread = server.thread(&ann, &[]).await;
    let id = server.uploaded(&ann, &thread, HEIC).await;
    let get = async |version: &str, path: &str| {
        let path = format!("{thread}/images/{id}/{path}");
        server.chat_in(version, &ann, "GET", &path, None).await.status
    };
    for version in ["2024-03-15-preview", "2024-06-05-preview", "2025-03-15"] {
        assert_eq!(get(version, "view/original").await, 200, "{version}");
        assert_eq!(get(version, "views/original").await, 200, "{version}");
    }
    // Their messages show attachments, whose images are fetched in the reader's version.
    for version in ["2023-04-01-preview", "2023-11-07", "2024-03-07"] {
        assert_eq!(get(version, "view/original").await, 404, "{version}");
        assert_eq!(get(version, "views/original").await, 200, "{version}");
    }
    assert_eq!(get("2021-09-07", "views/original").await, 404);
    let path = format!("{thread}/images/{id}");
    server
        .chat_in("2024-03-07", &ann, "DELETE", &path, None)
        .await
        .refused(404, "NotFound");
    server
        .chat_in("2024-03-15-preview", &ann, "DELETE", &path, None)
        .await
        .expect(204);
    server.stop().await;
}

/// Names a message's attachments as a request does.
fn attachments(ids: &[&str]) -> Value {
    let named = ids.iter().map(|id| json!({ "id": id, "attachmentType": "image" }));
    named.collect()
}

#[tokio::test]
async fn attachments_are_sent_replaced_and_shown_by_version() {
    let server = server().await;
    let (ann, bob) = (server.user().await, server.user().await);
    let thread = server.thread(&ann, &[&bob]).await;
    let mut socket = crate::realtime::connect(&server, &bob, "b").await;
    let file = picture(ImageFormat::Png, 500, 250);
    let named = server
        .upload(&ann, &thread, Some("a.png"), file.clone())
        .await
        .expect(201);
    let first = named.json["id"].as_str().unwrap();
    let second = server.uploaded(&ann, &thread, HEIC).await;

    let html = format!("<p>look</p><img id=\"{first}\"><img id=\"cookie\">");
    let mut body = json!({ "content": html, "type": "html", "attachments": attachments(&[first, &second]) });
    // As it was answered, with another name.
    body["attachments"][1] = json!({
        "id": second, "attachmentType": "image", "name": "b.heic",
        "url": "https://elsewhere.example/x", "previewUrl": "https://elsewhere.example/y",
    });
    let messages = format!("{thread}/messages");
    let sent = server
        .chat_in(VERSION, &ann, "POST", &messages, Some(body))
        .await
        .expect(201);
    let message = format!("{messages}/{}", sent.json["id"].as_str().unwrap());

    let event = crate::realtime::event(&crate::realtime::text(&mut socket).await.unwrap());
    let heard: Value = serde_json::from_str(event["attachments"].as_str().unwrap()).unwrap();
    let raw = percent_encoding::percent_decode_str(&thread).decode_utf8().unwrap();
    assert_eq!(
        heard[0],
        json!({
            "id": first, "attachmentType": "image", "name": "a.png",
            "url": format!("/chat/{raw}/images/{first}/views/original"),
            "previewUrl": format!("/chat/{raw}/images/{first}/views/small"),
        })
    );
    assert_eq!(heard[1]["name"], "b.heic");

    let shown = async |version: &str| {
        let one = server.chat_in(version, &bob, "GET", &message, None).await.expect(200);
        let list = server.chat_in(version, &bob, "GET", &messages, None).await.expect(200);
        let content = one.json["content"].clone();
        assert_eq!(list.json["value"][0]["content"], content, "{version}");
        content
    };
    let content = shown(VERSION).await;
    assert_eq!(content["message"], format!("<p>look</p><img id=\"{first}\"><img>"));
    let attached = &content["attachments"];
    assert_eq!(attached.as_array().unwrap().len(), 2);
    assert_eq!(
        (&attached[0]["id"], &attached[0]["attachmentType"], &attached[0]["name"]),
        (&json!(first), &json!("image"), &json!("a.png"))
    );
    assert_eq!(attached[1]["name"], "b.heic");
    let url = |place: usize, field: &str| attached[place][field].as_str().unwrap().to_owned();
    assert!(url(0, "url").starts_with(&server.info.endpoint), "{attached}");
    assert!(server.fetch(&bob, &url(0, "url")).await.1 == file);
    let small = server.fetch(&bob, &url(0, "previewUrl")).await.1;
    assert_eq!(image::load_from_memory(&small).unwrap().dimensions(), (240, 120));
    assert!(server.fetch(&bob, &url(1, "previewUrl")).await.1 == HEIC);

    for version in ["2023-11-07", "2024-03-07", "2024-03-15-preview", "2025-03-15"] {
        let content = shown(version).await;
        assert_eq!(content["attachments"][0]["attachmentType"], "image", "{version}");
        let url = content["attachments"][0]["url"].as_str().unwrap();
        assert!(url.ends_with(&format!("?api-version={version}")), "{url}");
        assert!(server.fetch(&bob, url).await.1 == file);
    }
    for version in ["2023-04-01-preview", "2023-07-01-preview"] {
        let content = shown(version).await;
        assert_eq!(
            content["attachments"][0]["attachmentType"], "teamsInlineImage",
            "{version}"
        );
    }
    for version in ["2020-09-21-preview2", "2021-03-07", "2021-09-07"] {
        let one = server.chat_in(version, &bob, "GET", &message, None).await.expect(200);
        assert!(!one.text.contains("attachments"), "{version}: {}", one.text);
    }

    let edit = async |version: &str, body: Value| {
        server
            .chat_in(version, &ann, "PATCH", &message, Some(body))
            .await
            .expect(204);
        shown(VERSION).await["attachments"].clone()
    };
    let kept = edit(VERSION, json!({ "content": "other" })).await;
    assert_eq!(kept.as_array().unwrap().len(), 2);
    // A version that does not send attachments does not touch them.
    let kept = edit("2025-03-15", json!({ "content": "other", "attachments": [] })).await;
    assert_eq!(kept.as_array().unwrap().len(), 2);
    let one = edit(VERSION, json!({ "attachments": attachments(&[&second]) })).await;
    assert_eq!((one.as_array().unwrap().len(), &one[0]["id"]), (1, &json!(second)));
    assert!(edit(VERSION, json!({ "attachments": [] })).await.is_null());
    edit(VERSION, json!({ "attachments": attachments(&[first]) })).await;

    server
        .chat_in(VERSION, &ann, "DELETE", &message, None)
        .await
        .expect(204);
    assert_eq!(shown(VERSION).await, json!({}));
    server.stop().await;
}

#[tokio::test]
async fn attachments_that_are_not_the_sender_s_images_are_refused() {
    let server = server().await;
    let (ann, bob, eve) = (server.user().await, server.user().await, server.user().await);
    let thread = server.thread(&ann, &[&bob]).await;
    let elsewhere = server.thread(&ann, &[]).await;
    let mine = server.uploaded(&ann, &thread, HEIC).await;
    let theirs = server.uploaded(&bob, &thread, HEIC).await;
    let other = server.uploaded(&ann, &elsewhere, HEIC).await;
    let deleted = server.uploaded(&ann, &thread, HEIC).await;
    server
        .images(&ann, "DELETE", &format!("{thread}/images/{deleted}"))
        .await
        .expect(204);
    let messages = format!("{thread}/messages");
    let message = format!("{messages}/{}", server.say(&ann, &thread, "hello").await);

    let never = "0192f0c1-2d3e-7f00-8000-000000000001";
    let many: Vec<&str> = std::iter::repeat_n(mine.as_str(), 51).collect();
    let file = json!([{ "id": mine, "attachmentType": "file" }]);
    let unknown = json!([{ "id": mine, "attachmentType": "video" }]);
    let long = json!([{ "id": mine, "attachmentType": "image", "name": "x".repeat(256) }]);
    let wrong = [
        (attachments(&[&mine, &other]), 400, "attachments[1].id"),
        (attachments(&[&deleted]), 400, "attachments[0].id"),
        (attachments(&[never]), 400, "attachments[0].id"),
        (attachments(&["x"]), 400, "attachments[0].id"),
        (attachments(&many), 400, "attachments"),
        (file, 400, "attachments[0].attachmentType"),
        (unknown, 400, "attachments[0].attachmentType"),
        (long, 400, "attachments[0].name"),
        (json!([{ "id": mine }]), 400, "attachments[0]"),
        (json!("x"), 400, "attachments"),
        (attachments(&[&theirs]), 403, ""),
    ];
    for (attachments, status, target) in wrong {
        let body = json!({ "content": "look", "attachments": attachments });
        for (method, path) in [("POST", &messages), ("PATCH", &message)] {
            let answer = server
                .chat_in(VERSION, &ann, method, path, Some(body.clone()))
                .await
                .expect(status);
            assert_eq!(
                answer.json["error"]["target"].as_str().unwrap_or_default(),
                target,
                "{}",
                answer.text
            );
        }
    }
    let body = json!({ "content": "look", "attachments": attachments(&[&mine]) });
    server
        .chat_in(VERSION, &eve, "POST", &messages, Some(body))
        .await
        .refused(403, "Forbidden");
    assert_eq!(server.texts(&ann, &thread).await, ["hello"]);
    let fifty = json!({ "content": "look", "attachments": attachments(&many[..50]) });
    server
        .chat_in(VERSION, &ann, "POST", &messages, Some(fifty))
        .await
        .expect(201);
    server.stop().await;
}
