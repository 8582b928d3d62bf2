//! What watches the server: `/livez`, `/readyz`, `/metrics`.

use std::sync::atomic::{AtomicBool, Ordering};

use http::Method;
use http::request::Parts;
use samband_bus::Bus;
use samband_store::Store;
use samband_wire_core::Reply;

use crate::auth::{Gate, Origin};
use crate::meter;

pub struct Probes {
    pub store: Store,
    pub bus: Bus,
    /// Set when the server is going: it still answers, but wants no new work.
    pub draining: AtomicBool,
}

const TEXT: &str = "text/plain; charset=utf-8";
const FORWARDED: [&str; 4] = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];

impl Probes {
    pub async fn answer(&self, parts: &Parts, origin: &Origin, gate: &Gate) -> Option<Reply> {
        if parts.method != Method::GET {
            return None;
        }
        match parts.uri.path() {
            "/livez" => Some(Reply::text(200, TEXT, "ok\n")),
            "/readyz" => Some(self.ready().await),
            "/metrics" => Some(metrics(parts, origin, gate)),
            _ => None,
        }
    }

    async fn ready(&self) -> Reply {
        if self.draining.load(Ordering::Relaxed) {
            return Reply::text(503, TEXT, "draining\n");
        }
        if let Err(reason) = self.store.health().await {
            return Reply::text(503, TEXT, format!("store: {reason}\n"));
        }
        // Everything but real time works without the bus: a node that is cut off from it is better than none.
        match self.bus.health() {
            Ok(()) => Reply::text(200, TEXT, "ok\n"),
            Err(reason) => Reply::text(200, TEXT, format!("ok, but real time is delayed: bus: {reason}\n")),
        }
    }
}

/// For a loopback peer that is no proxy, or with the admin token.
fn metrics(parts: &Parts, origin: &Origin, gate: &Gate) -> Reply {
    let direct = origin.peer.ip().is_loopback() && !FORWARDED.iter().any(|name| parts.headers.contains_key(*name));
    if direct || gate.admin(parts).is_ok() {
        Reply::text(200, "text/plain; version=0.0.4; charset=utf-8", meter::render())
    } else {
        Reply::text(
            401,
            TEXT,
            "The metrics are for loopback peers and for holders of the admin token.\n",
        )
    }
}
