//! The figures, as a table for eyes and as JSON for machines.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::bench::{Bench, Compared, median};
use crate::machine;

/// What a figure should reach.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Aim {
    PerCoreSecond(f64),
    P50Below(Duration),
    P99Below(Duration),
}

/// A scenario's figure beside its floor; medians, and the best of all turns.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    pub scenario: String,
    pub clients: usize,
    pub unit: &'static str,
    pub turns: usize,
    pub per_core_second: f64,
    pub best_per_core_second: f64,
    pub per_second: f64,
    pub cpu_us: f64,
    pub kernel_share: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub floor_per_core_second: f64,
    pub floor_per_second: f64,
    pub floor_cpu_us: f64,
    pub floor_p50_ms: f64,
    pub floor_p99_ms: f64,
    /// Of the floor's operations per core-second, the part that is reached.
    pub of_floor: f64,
    pub above_floor_us: f64,
    pub written_per_op: f64,
    pub resident_bytes: u64,
    /// What others used of the server's core meanwhile, of 1, in the turn that is shown.
    pub others: Option<f64>,
    /// What this tool used of its own core, of 1.
    pub load: f64,
    pub floor_load: f64,
    /// CPU for an operation by the threads of each name.
    pub threads_us: BTreeMap<String, f64>,
    pub aim: Option<Aim>,
}

impl Row {
    pub fn new(scenario: &str, clients: usize, unit: &'static str, compared: &Compared) -> Result<Self> {
        let (floor, server) = (median(&compared.floor)?, median(&compared.server)?);
        let best = compared.server.iter().map(|sample| sample.per_core_second());
        let others = [server, floor].into_iter().filter_map(|sample| sample.used.others);
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let us = |used: &Duration| used.as_secs_f64() * 1e6 / server.ops.max(1) as f64;
        Ok(Self {
            scenario: scenario.to_owned(),
            clients,
            unit,
            turns: compared.server.len(),
            per_core_second: server.per_core_second(),
            best_per_core_second: best.fold(0.0, f64::max),
            per_second: server.per_second(),
            cpu_us: server.cpu_us(),
            kernel_share: server.used.kernel_share,
            p50_ms: ms(server.p50),
            p99_ms: ms(server.p99),
            floor_per_core_second: floor.per_core_second(),
            floor_per_second: floor.per_second(),
            floor_cpu_us: floor.cpu_us(),
            floor_p50_ms: ms(floor.p50),
            floor_p99_ms: ms(floor.p99),
            of_floor: server.per_core_second() / floor.per_core_second(),
            above_floor_us: server.cpu_us() - floor.cpu_us(),
            written_per_op: server.used.written as f64 / server.ops as f64,
            resident_bytes: server.resident,
            others: others.reduce(f64::max),
            load: server.load,
            floor_load: floor.load,
            threads_us: server
                .used
                .threads
                .iter()
                .map(|(name, used)| (name.clone(), us(used)))
                .collect(),
            aim: None,
        })
    }

    fn verdict(&self) -> String {
        let said = |reached: bool, aim: String| format!("{} {aim}", if reached { "reached" } else { "missed" });
        match self.aim {
            None => String::new(),
            Some(Aim::PerCoreSecond(aim)) => said(self.per_core_second >= aim, format!("{aim:.0}/core-s")),
            Some(Aim::P50Below(aim)) => said(self.p50_ms <= aim.as_secs_f64() * 1e3, format!("p50 {aim:?}")),
            Some(Aim::P99Below(aim)) => said(self.p99_ms <= aim.as_secs_f64() * 1e3, format!("p99 {aim:?}")),
        }
    }
}

/// A time that is taken a few times.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Moment {
    pub what: String,
    pub median_ms: f64,
    pub best_ms: f64,
    pub worst_ms: f64,
    pub turns: usize,
    pub aim_ms: Option<f64>,
}

impl Moment {
    pub fn median(what: &str, mut taken: Vec<Duration>, aim: Option<Duration>) -> Self {
        taken.sort();
        let ms = |at: usize| taken.get(at).copied().unwrap_or_default().as_secs_f64() * 1e3;
        Self {
            what: what.to_owned(),
            median_ms: ms(taken.len() / 2),
            best_ms: ms(0),
            worst_ms: ms(taken.len().saturating_sub(1)),
            turns: taken.len(),
            aim_ms: aim.map(|aim| aim.as_secs_f64() * 1e3),
        }
    }
}

/// A part of the budget of a send.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    pub what: String,
    pub us: f64,
    /// What the design expects.
    pub design: &'static str,
}

impl Part {
    pub fn new(what: &str, us: f64, design: &'static str) -> Self {
        Self {
            what: what.to_owned(),
            us,
            design,
        }
    }
}

#[derive(Debug, Serialize)]
struct Memory {
    what: String,
    megabytes: f64,
    aim: Option<f64>,
}

/// A figure of its own, and what it should at most be.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Figure {
    what: String,
    value: f64,
    unit: &'static str,
    at_most: Option<f64>,
}

#[derive(Debug, Serialize)]
pub struct Report {
    machine: String,
    measured: String,
    rows: Vec<Row>,
    moments: Vec<Moment>,
    memory: Vec<Memory>,
    figures: Vec<Figure>,
    budget: Vec<Part>,
    notes: Vec<String>,
}

impl Report {
    pub fn new(bench: &Bench) -> Self {
        let cores = match (bench.cores.server, bench.cores.load) {
            (Some(server), Some(load)) => format!("server on core {server}, load on core {load}"),
            _ => "server and load share one core: the figures mean little".to_owned(),
        };
        let options = &bench.options;
        Self {
            machine: machine::description(),
            measured: format!(
                "{cores}; {:?} each, {} turns, floor and server by turns; the median of the quiet ones",
                options.measured(),
                options.repeat()
            ),
            rows: Vec::new(),
            moments: Vec::new(),
            memory: Vec::new(),
            figures: Vec::new(),
            budget: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub fn row(&mut self, row: Row) {
        self.rows.push(row);
    }
    pub fn moment(&mut self, moment: Moment) {
        self.moments.push(moment);
    }
    pub fn megabytes(&mut self, what: &str, megabytes: f64, aim: Option<f64>) {
        let what = what.to_owned();
        self.memory.push(Memory { what, megabytes, aim });
    }
    pub fn figure(&mut self, what: &str, value: f64, unit: &'static str, at_most: Option<f64>) {
        let what = what.to_owned();
        self.figures.push(Figure {
            what,
            value,
            unit,
            at_most,
        });
    }
    pub fn part(&mut self, part: Part) {
        self.budget.push(part);
    }
    pub fn note(&mut self, note: String) {
        self.notes.push(note);
    }
    /// A note that several measurements would write.
    pub fn note_once(&mut self, note: &str) {
        if !self.notes.iter().any(|noted| noted == note) {
            self.notes.push(note.to_owned());
        }
    }

    pub fn text(&self) -> String {
        let mut text = format!("{}\n{}\n", self.machine, self.measured);
        if !self.rows.is_empty() {
            let head = [
                "scenario",
                "clients",
                "/core-s",
                "best",
                "/s",
                "cpu µs",
                "p50 ms",
                "p99 ms",
                "floor/core-s",
                "floor µs",
                "of floor",
                "above µs",
                "written B",
                "MB",
                "load",
                "others",
                "aim",
            ];
            let mut lines = vec![head.map(str::to_owned).to_vec()];
            lines.extend(self.rows.iter().map(|row| {
                vec![
                    row.scenario.clone(),
                    row.clients.to_string(),
                    format!("{:.0}", row.per_core_second),
                    format!("{:.0}", row.best_per_core_second),
                    format!("{:.0}", row.per_second),
                    format!("{:.1}", row.cpu_us),
                    format!("{:.2}", row.p50_ms),
                    format!("{:.2}", row.p99_ms),
                    format!("{:.0}", row.floor_per_core_second),
                    format!("{:.1}", row.floor_cpu_us),
                    format!("{:.0}%", row.of_floor * 100.0),
                    format!("{:.1}", row.above_floor_us),
                    format!("{:.0}", row.written_per_op),
                    format!("{:.0}", row.resident_bytes as f64 / 1e6),
                    format!("{:.0}%", row.load * 100.0),
                    row.others
                        .map_or_else(String::new, |others| format!("{:.0}%", others * 100.0)),
                    row.verdict(),
                ]
            }));
            text += &format!("\n{}", table(&lines));
        }
        if !self.moments.is_empty() || !self.memory.is_empty() || !self.figures.is_empty() {
            let mut lines = Vec::new();
            let reached = |reached: bool| if reached { "reached" } else { "missed" };
            lines.extend(self.moments.iter().map(|moment| {
                let Moment {
                    median_ms,
                    best_ms,
                    worst_ms,
                    ..
                } = moment;
                let verdict = moment
                    .aim_ms
                    .map(|aim| format!("{} {aim:.0} ms", reached(*median_ms <= aim)));
                let range = format!("({best_ms:.0} to {worst_ms:.0}, {} turns)", moment.turns);
                vec![
                    moment.what.clone(),
                    format!("{median_ms:.0} ms"),
                    range,
                    verdict.unwrap_or_default(),
                ]
            }));
            lines.extend(self.memory.iter().map(|memory| {
                let verdict = memory
                    .aim
                    .map(|aim| format!("{} {aim:.0} MB", reached(memory.megabytes <= aim)));
                let amount = format!("{:.1} MB", memory.megabytes);
                vec![memory.what.clone(), amount, String::new(), verdict.unwrap_or_default()]
            }));
            lines.extend(self.figures.iter().map(|figure| {
                let Figure {
                    what,
                    value,
                    unit,
                    at_most,
                } = figure;
                let verdict = at_most.map(|aim| format!("{} {aim} {unit}", reached(*value <= aim)));
                let amount = format!("{value:.1} {unit}");
                vec![what.clone(), amount, String::new(), verdict.unwrap_or_default()]
            }));
            text += &format!("\n{}", table(&lines));
        }
        if !self.budget.is_empty() {
            let mut lines = vec![["a send's budget", "µs", "in the design"].map(str::to_owned).to_vec()];
            let line = |part: &Part| vec![part.what.clone(), format!("{:.1}", part.us), part.design.to_owned()];
            lines.extend(self.budget.iter().map(line));
            text += &format!("\n{}", table(&lines));
        }
        if !self.notes.is_empty() {
            text += &format!("\n{}\n", self.notes.join("\n"));
        }
        text
    }
}

/// Columns as wide as what is in them; the first to the left, the last as it is, the others to the right.
fn table(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |line: &Vec<String>, at: usize| line.get(at).cloned().unwrap_or_default();
    let wide = |at: usize| {
        lines
            .iter()
            .map(|line| cell(line, at).chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(wide).collect();
    let mut text = String::new();
    for line in lines {
        let mut row = String::new();
        for (at, width) in widths.iter().enumerate() {
            let content = cell(line, at);
            row += &match at {
                0 => format!("{content:<width$}"),
                at if at + 1 == columns => format!("  {content}"),
                _ => format!("  {content:>width$}"),
            };
        }
        text += row.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let lines = vec![
            vec!["a".into(), "1".into(), "x".into()],
            vec!["bcd".into(), "22".into(), String::new()],
        ];
        assert_eq!(table(&lines), "a     1  x\nbcd  22\n");
    }

    #[test]
    fn the_median_of_a_moment_is_one_of_its_times() {
        let moment = Moment::median("x", [3, 1, 2].map(Duration::from_millis).to_vec(), None);
        assert_eq!((moment.median_ms, moment.best_ms, moment.worst_ms), (2.0, 1.0, 3.0));
    }
}
