//! The document is whole: every endpoint of samband's own is in it and nothing else, and it is sound as OpenAPI.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().iter();
            methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
        })
        .collect()
}

#[test]
fn every_endpoint_of_the_table_is_in_it_and_no_other() {
    let document = document(&crate::services());
    let described: BTreeMap<_, _> = operations(&document)
        .into_iter()
        .map(|(path, method, operation)| {
            let open = operation["security"] == json!([]);
            let at = (path.to_owned(), method.to_owned());
            (at, (operation["operationId"].as_str().unwrap().to_owned(), open))
        })
        .collect();
    let mut served = BTreeMap::new();
    for service in crate::services() {
        for endpoint in service.endpoints {
            for place in endpoint.history.iter().filter(|place| place.path.starts_with(OWN)) {
                let at = (place.path.to_owned(), place.method.as_str().to_lowercase());
                assert!(matches!(endpoint.auth, Auth::Admin | Auth::Open), "{}", endpoint.op);
                served.insert(at, (endpoint.op.to_owned(), endpoint.auth == Auth::Open));
            }
        }
    }
    assert_eq!(described, served);
    assert!(served.len() >= 13);
}

#[test]
fn it_is_sound() {
    let document = document(&crate::services());
    assert_eq!(document["openapi"], "3.1.0");
    for required in ["title", "version"] {
        assert!(document["info"][required].is_string());
    }
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut referred = BTreeSet::new();
    references(&document, &mut referred);
    for reference in &referred {
        let name = reference.strip_prefix("#/components/schemas/").unwrap();
        assert!(schemas.contains_key(name), "{reference}");
    }
    assert_eq!(referred.len(), schemas.len(), "a schema that nothing refers to");
    assert!(document["components"]["securitySchemes"]["adminToken"]["scheme"] == "bearer");

    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        assert!(METHODS.contains(&method), "{method}");
        let id = operation["operationId"].as_str().unwrap();
        assert!(ids.insert(id.to_owned()), "{id} twice");
        assert!(
            operation["description"].as_str().is_some_and(|what| !what.is_empty()),
            "{id}"
        );
        let parameters = operation["parameters"].as_array().unwrap();
        let declared: Vec<_> = parameters
            .iter()
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let in_path: Vec<_> = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .collect();
        assert_eq!(declared, in_path, "{id}");
        for parameter in parameters {
            let what = parameter["description"].as_str().unwrap_or_default();
            assert!(parameter["required"] == true && !what.is_empty(), "{id}: {parameter}");
        }
        let responses = operation["responses"].as_object().unwrap();
        for (status, response) in responses {
            let status: u16 = status.parse().unwrap();
            assert!(response["description"].is_string(), "{id} {status}");
            if status >= 400 {
                assert_eq!(
                    response["content"]["application/json"]["schema"]["$ref"], ERROR,
                    "{id} {status}"
                );
            }
            assert_eq!(
                status == 204,
                status < 300 && response.get("content").is_none(),
                "{id} {status}"
            );
        }
        assert!(responses.keys().any(|status| status.starts_with('2')), "{id}");
    }
}

#[test]
fn the_envelope_is_the_one_that_is_written() {
    let written = ApiError::bad_request("message")
        .with_target("target")
        .body(Envelope::Nested);
    let written: Value = serde_json::from_slice(&written).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let told = error_schema();
    assert_eq!(keys(&written), keys(&told["properties"]));
    assert_eq!(
        keys(&written["error"]),
        keys(&told["properties"]["error"]["properties"])
    );
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get("$ref") {
                found.insert(reference.clone());
            }
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}
