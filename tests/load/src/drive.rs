//! The load itself: clients that send, wait for the answer, and send again, while the server's use
//! of its core is measured.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Error, Result, anyhow};
use samband_core::Stopwatch;
use tokio::task::LocalSet;

use crate::child::Child;
use crate::http::{Connection, Target};
use crate::machine::{self, Used, Window};

/// The requests of one client, from the first to the last and again.
pub type Script = Rc<Vec<Vec<u8>>>;

#[derive(Debug, Clone)]
pub struct Sample {
    pub ops: u64,
    pub used: Used,
    pub p50: Duration,
    pub p99: Duration,
    pub resident: u64,
    /// CPU of this tool meanwhile, of 1: near 1 it holds the server back.
    pub load: f64,
}

impl Sample {
    /// CPU of the server for one operation, in microseconds.
    pub fn cpu_us(&self) -> f64 {
        self.used.cpu.as_secs_f64() * 1e6 / self.ops.max(1) as f64
    }
    pub fn per_core_second(&self) -> f64 {
        self.ops as f64 / self.used.cpu.as_secs_f64().max(1e-9)
    }
    pub fn per_second(&self) -> f64 {
        self.ops as f64 / self.used.wall.as_secs_f64().max(1e-9)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Warmup,
    Measured,
    Over,
}

struct State {
    phase: Cell<Phase>,
    took: RefCell<Vec<u64>>,
    fault: RefCell<Option<Error>>,
}

/// Load for a time on a server.
pub async fn drive(
    target: &Target,
    server: &Child,
    scripts: &[Script],
    warmup: Duration,
    measured: Duration,
) -> Result<Sample> {
    let mut connections = Vec::with_capacity(scripts.len());
    for script in scripts {
        connections.push((target.connect().await?, script.clone()));
    }
    let state = Rc::new(State {
        phase: Cell::new(Phase::Warmup),
        took: RefCell::default(),
        fault: RefCell::default(),
    });
    let clients = LocalSet::new();
    for (connection, script) in connections {
        clients.spawn_local(client(connection, script, state.clone()));
    }
    let (used, own) = clients
        .run_until(async {
            tokio::time::sleep(warmup).await;
            let window = Window::open(server.id(), server.core())?;
            let own = Window::open(std::process::id(), None)?;
            state.phase.set(Phase::Measured);
            tokio::time::sleep(measured).await;
            let (used, own) = (window.close()?, own.close()?);
            state.phase.set(Phase::Over);
            Ok::<_, Error>((used, own))
        })
        .await?;
    clients.await;
    if let Some(fault) = state.fault.borrow_mut().take() {
        return Err(fault);
    }
    let mut took = state.took.take();
    if took.is_empty() {
        return Err(anyhow!("no request was answered in {measured:?}"));
    }
    took.sort_unstable();
    Ok(Sample {
        ops: took.len() as u64,
        used,
        p50: percentile(&took, 0.5),
        p99: percentile(&took, 0.99),
        resident: machine::resident(server.id())?,
        load: own.cpu.as_secs_f64() / own.wall.as_secs_f64().max(1e-9),
    })
}

async fn client(mut connection: Connection, script: Script, state: Rc<State>) {
    for request in script.iter().cycle() {
        if state.phase.get() == Phase::Over {
            return;
        }
        let watch = Stopwatch::start();
        let fault = match connection.call(request).await {
            Ok(200..300) => {
                if state.phase.get() == Phase::Measured {
                    state.took.borrow_mut().push(watch.elapsed().as_nanos() as u64);
                }
                continue;
            }
            Ok(status) => anyhow!("the server answered {status}: {}", connection.last()),
            Err(error) => error,
        };
        // One answer that is not good spoils the run.
        state.phase.set(Phase::Over);
        state.fault.borrow_mut().get_or_insert(fault);
        return;
    }
}

pub fn percentile(sorted: &[u64], part: f64) -> Duration {
    let at = ((sorted.len() as f64 * part).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
    Duration::from_nanos(sorted.get(at).copied().unwrap_or(0))
}

/// Each of many requests once, in any order; the bodies of the answers in the order of the requests.
pub async fn each(target: &Target, connections: usize, requests: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>> {
    let count = requests.len();
    let bodies = Rc::new(RefCell::new(vec![Vec::new(); count]));
    let requests = Rc::new(requests);
    let next = Rc::new(Cell::new(0));
    let work = |mut connection: Connection| {
        let (bodies, requests, next) = (bodies.clone(), requests.clone(), next.clone());
        async move {
            while let Some(request) = requests.get(next.get()) {
                let at = next.replace(next.get() + 1);
                let body = connection.fetch(request).await?.to_vec();
                if let Some(place) = bodies.borrow_mut().get_mut(at) {
                    *place = body;
                }
            }
            Ok(())
        }
    };
    on_connections(target, connections.min(count), work).await?;
    Ok(bodies.take())
}

/// Sends `count` messages, spread over the requests; for preparing.
pub async fn fill(
    target: &Target,
    connections: usize,
    requests: Rc<Vec<Vec<u8>>>,
    count: u64,
    what: &str,
) -> Result<()> {
    let sent = Rc::new(Cell::new(0u64));
    let work = |mut connection: Connection| {
        let (requests, sent, what) = (requests.clone(), sent.clone(), what.to_owned());
        async move {
            while sent.get() < count {
                let number = sent.replace(sent.get() + 1);
                if number % 8_192 == 0 {
                    crate::progress::say(&format!("{what}: {number} of {count} messages"));
                }
                let request = requests.get(number as usize % requests.len().max(1));
                connection.fetch(request.map_or(&[], Vec::as_slice)).await?;
            }
            Ok(())
        }
    };
    on_connections(target, connections, work).await
}

async fn on_connections<F>(target: &Target, connections: usize, work: impl Fn(Connection) -> F) -> Result<()>
where
    F: Future<Output = Result<()>> + 'static,
{
    let workers = LocalSet::new();
    let mut handles = Vec::new();
    for _ in 0..connections {
        handles.push(workers.spawn_local(work(target.connect().await?)));
    }
    workers
        .run_until(async {
            for handle in handles {
                handle.await??;
            }
            Ok(())
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples() {
        let sorted: Vec<u64> = (1..=100).collect();
        assert_eq!(percentile(&sorted, 0.5), Duration::from_nanos(50));
        assert_eq!(percentile(&sorted, 0.99), Duration::from_nanos(99));
        assert_eq!(percentile(&[7], 0.5), Duration::from_nanos(7));
        assert_eq!(percentile(&[], 0.5), Duration::ZERO);
    }
}
