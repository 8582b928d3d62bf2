//! Metrics of requests, and the one recorder of the process that renders them.

use std::collections::{HashMap, HashSet};
use std::sync::{OnceLock, PoisonError, RwLock};
use std::time::Duration;

use metrics::{Counter, Histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use samband_wire_core::ApiVersion;

/// Seconds; from a cached read to a request that waits for a tired disk.
const LATENCY_BUCKETS: [f64; 14] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];
const COUNT_BUCKETS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Unknown api-versions that the log tells of, for each operation.
const UNKNOWN_TOLD: usize = 20;

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Installs the recorder, once for the process. Called before anything is measured.
pub fn install() -> Option<&'static PrometheusHandle> {
    let handle = RECORDER.get_or_init(|| {
        let counts = metrics_exporter_prometheus::Matcher::Suffix("_changes".into());
        let builder = PrometheusBuilder::new().set_buckets(&LATENCY_BUCKETS).ok()?;
        builder
            .set_buckets_for_metric(counts, &COUNT_BUCKETS)
            .ok()?
            .install_recorder()
            .ok()
    });
    handle.as_ref()
}

pub fn render() -> String {
    RECORDER
        .get()
        .and_then(Option::as_ref)
        .map(PrometheusHandle::render)
        .unwrap_or_default()
}

/// Samples wait in memory until they are counted: with or without somebody who reads them.
pub fn upkeep() {
    if let Some(handle) = RECORDER.get().and_then(Option::as_ref) {
        handle.run_upkeep();
    }
}

/// Counts one operation's requests by status and api-version.
pub struct Meter {
    service: &'static str,
    op: &'static str,
    requests: RwLock<HashMap<(ApiVersion, u16), Counter>>,
    latency: Histogram,
    unknown_versions: Counter,
    unknown_seen: RwLock<HashSet<ApiVersion>>,
}

impl Meter {
    pub fn new(service: &'static str, op: &'static str) -> Self {
        Self {
            service,
            op,
            requests: RwLock::default(),
            latency: metrics::histogram!("samband_request_seconds", "service" => service, "operation" => op),
            unknown_versions: metrics::counter!("samband_unknown_api_version_total", "service" => service, "operation" => op),
            unknown_seen: RwLock::default(),
        }
    }

    pub fn record(&self, version: ApiVersion, status: u16, took: Duration) {
        self.latency.record(took.as_secs_f64());
        let key = (version, status);
        let known = self.requests.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = known.get(&key) {
            counter.increment(1);
            return;
        }
        drop(known);
        let counter = metrics::counter!(
            "samband_requests_total",
            "service" => self.service,
            "operation" => self.op,
            "status" => status.to_string(),
            "api_version" => if version == ApiVersion::NONE { String::new() } else { version.to_string() },
        );
        counter.increment(1);
        self.requests
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, counter);
    }

    /// Counts a request of a version that is not known; whether it is the first of its version.
    pub fn unknown_version(&self, version: ApiVersion) -> bool {
        self.unknown_versions.increment(1);
        if self
            .unknown_seen
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&version)
        {
            return false;
        }
        let mut seen = self.unknown_seen.write().unwrap_or_else(PoisonError::into_inner);
        // Versions are the client's to make up: a few are enough to be told of.
        seen.len() < UNKNOWN_TOLD && seen.insert(version)
    }
}
