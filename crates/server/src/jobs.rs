//! What the server does by itself, at its own pace. Each job may be interrupted and run again.

use std::sync::Arc;
use std::time::Duration;

use samband_core::Clock;
use samband_store::{Lease, Store};
use tokio::sync::watch;

use crate::front::Front;
use crate::meter;
use crate::tls::CertificateFiles;

const TICK: Duration = Duration::from_secs(2);
/// What the right to do it is called.
const LEASE: &str = "jobs";
/// Ticks between rounds of what is less urgent.
const MINUTE: u32 = 30;

pub struct Jobs {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub front: Arc<Front>,
    pub certificates: Option<Arc<CertificateFiles>>,
    pub stop: watch::Receiver<bool>,
}

impl Jobs {
    pub async fn run(mut self) {
        let mut ticks = 0u32;
        loop {
            tokio::select! {
                () = tokio::time::sleep(TICK) => {}
                _ = self.stop.wait_for(|stop| *stop) => return,
            }
            ticks = ticks.wrapping_add(1);
            meter::upkeep();
            if let Some(certificates) = &self.certificates {
                certificates.reload();
            }
            if let Some(rates) = &self.front.rates {
                rates.sweep(self.clock.now());
            }
            // One node does what is to be done once; the others stand by.
            let Ok(Some(lease)) = self.store.lease(LEASE).await else {
                continue;
            };
            if let Err(error) = samband_chat::jobs::purge(&self.store, &lease).await {
                tracing::warn!(%error, "deleted threads could not be removed yet");
            }
            if ticks.is_multiple_of(MINUTE) && lease.holds() {
                self.each_minute(&lease).await;
            }
        }
    }

    async fn each_minute(&self, lease: &Lease) {
        match samband_chat::jobs::delete_due(&self.store, lease, &*self.clock).await {
            Ok(0) => {}
            Ok(threads) => tracing::info!(threads, "deleted by their retention policy"),
            Err(error) => tracing::warn!(%error, "threads that are due could not be deleted yet"),
        }
        if let Err(error) = samband_chat::jobs::remove_images(&self.store, lease, &*self.clock).await {
            tracing::warn!(%error, "deleted images could not be removed yet");
        }
        if let Err(error) = samband_store::forget_expired_repeats(&self.store, lease).await {
            tracing::warn!(%error, "expired idempotency keys could not be removed yet");
        }
        if let Err(error) = self.store.tidy(lease).await {
            tracing::warn!(%error, "the store could not be tidied yet");
        }
    }
}
