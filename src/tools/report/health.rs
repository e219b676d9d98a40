//! What the `health` template shows, worked out from the data of a health check. A part that was skipped or that
//! failed is told as such; only data of another kind altogether is refused.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::markdown::bytes;
use crate::engine::failure::StepError;
use crate::engine::time::Timestamp;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Health {
    breaches: Vec<Breach>,
    host: Option<Host>,
    endpoints: Option<Endpoints>,
    thresholds: Option<Thresholds>,
    approved_by: Option<String>,
    approved_at: Option<Timestamp>,
    comment: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Breach {
    what: Value,
    measured: Value,
    limit: Value,
    detail: Value,
}

/// The output of `probe.host`, or what is left of it when the step failed.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Host {
    error: Option<Failure>,
    hostname: Option<String>,
    os: Option<String>,
    uptime_s: Option<u64>,
    cpu: Option<Cpu>,
    memory: Option<Use>,
    swap: Option<Use>,
    disks: Vec<Disk>,
}

#[derive(Deserialize)]
struct Cpu {
    count: u64,
    usage_percent: f64,
    load_1: f64,
    load_5: f64,
    load_15: f64,
    load_1_per_cpu: f64,
}

#[derive(Deserialize)]
struct Use {
    total_bytes: f64,
    used_bytes: f64,
    used_percent: f64,
}

#[derive(Deserialize)]
struct Disk {
    mount: String,
    #[serde(default)]
    file_system: String,
    #[serde(flatten)]
    space: Use,
}

/// The output of `probe.http`; when that step failed, with its error beside the results.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Endpoints {
    error: Option<Failure>,
    results: Vec<Endpoint>,
    down: u64,
    total: u64,
}

#[derive(Deserialize)]
struct Endpoint {
    url: String,
    ok: bool,
    status: Option<u64>,
    duration_ms: Option<u64>,
    error: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Thresholds {
    disk_max_percent: Option<f64>,
    load_max_per_cpu: Option<f64>,
    memory_max_percent: Option<f64>,
}

#[derive(Deserialize)]
struct Failure {
    message: String,
}

/// Turns the data of a check into what the template lays out.
pub fn context(title: &str, data: &Value) -> Result<Value, StepError> {
    let health = Health::deserialize(data).map_err(|error| {
        super::invalid_input(format!(
            "The health template cannot use `data`: {error}. It needs breaches, host, endpoints and thresholds \
             as the probes give them."
        ))
    })?;
    let thresholds = health.thresholds.unwrap_or_default();
    Ok(json!({
        "title": title,
        "well": health.is_well(),
        "headline": health.headline(),
        "facts": health.facts(),
        "comment": health.comment.as_deref().filter(|comment| !comment.trim().is_empty()),
        "findings": health.breaches,
        "host_error": health.host.as_ref().and_then(|host| host.error.as_ref()).map(|e| &e.message),
        "host": health.host.as_ref().map(|host| host.rows(thresholds)).unwrap_or_default(),
        "disks": health.host.as_ref().map(|host| host.disk_rows(thresholds)).unwrap_or_default(),
        "endpoints": health.endpoints.as_ref().map(Endpoints::rows).unwrap_or_default(),
        "endpoints_error": health.endpoints.as_ref().and_then(Endpoints::unexplained),
        "thresholds": thresholds.rows(),
    }))
}

impl Health {
    fn unchecked(&self) -> bool {
        self.host.as_ref().is_none_or(|host| host.error.is_some())
            || self
                .endpoints
                .as_ref()
                .is_some_and(|endpoints| endpoints.unexplained().is_some())
    }

    fn down(&self) -> (u64, u64) {
        self.endpoints
            .as_ref()
            .map_or((0, 0), |endpoints| (endpoints.down, endpoints.total))
    }

    /// Measurements over their limit. The breaches should name each of them; the headline must not say that all
    /// is well above a table which says otherwise.
    fn over(&self) -> usize {
        let thresholds = self.thresholds.unwrap_or_default();
        let rows = self.host.iter().flat_map(|host| {
            host.rows(thresholds)
                .into_iter()
                .chain(host.disk_rows(thresholds))
        });
        rows.filter(|row| row["over"] == Value::Bool(true)).count()
    }

    fn is_well(&self) -> bool {
        self.breaches.is_empty() && self.over() == 0 && self.down().0 == 0 && !self.unchecked()
    }

    fn headline(&self) -> String {
        match (self.breaches.len(), self.over(), self.down()) {
            (1, _, _) => "1 finding needs attention".to_owned(),
            (findings @ 2.., _, _) => format!("{findings} findings need attention"),
            (0, 1, _) => "1 measurement is over its limit".to_owned(),
            (0, over @ 2.., _) => format!("{over} measurements are over their limits"),
            (0, 0, (down @ 1.., total)) => {
                format!("{down} of {total} endpoints did not answer as expected")
            }
            (0, 0, (0, _)) if self.unchecked() => {
                "No finding, but not everything could be checked".to_owned()
            }
            (0, 0, (0, _)) => "All well: nothing is over its limit".to_owned(),
        }
    }

    fn facts(&self) -> Vec<Value> {
        let host = self.host.as_ref();
        let facts = [
            ("Host", host.and_then(|host| host.hostname.clone())),
            ("System", host.and_then(|host| host.os.clone())),
            ("Up for", host.and_then(|host| host.uptime_s).map(duration)),
            ("Approved by", self.approved_by.clone()),
            ("Approved at", self.approved_at.map(minute)),
        ];
        let known = facts
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        known
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect()
    }
}

impl Host {
    fn rows(&self, thresholds: Thresholds) -> Vec<Value> {
        let mut rows = Vec::new();
        if let Some(cpu) = &self.cpu {
            let busy = format!("{} % of {} busy", cpu.usage_percent, cpu.count);
            rows.push(row("Processors", busy, None, false));
            let load = format!(
                "{} · {} · {} ({} per processor)",
                cpu.load_1, cpu.load_5, cpu.load_15, cpu.load_1_per_cpu
            );
            let limit = thresholds.load_max_per_cpu;
            let over = is_over(cpu.load_1_per_cpu, limit);
            rows.push(row(
                "Load over 1 · 5 · 15 min",
                load,
                limit.map(|max| format!("{max} per processor")),
                over,
            ));
        }
        if let Some(memory) = &self.memory {
            let limit = thresholds.memory_max_percent;
            let over = is_over(memory.used_percent, limit);
            rows.push(row(
                "Memory",
                memory.in_words(),
                limit.map(|max| format!("{max} %")),
                over,
            ));
        }
        if let Some(swap) = self.swap.as_ref().filter(|swap| swap.total_bytes > 0.0) {
            rows.push(row("Swap", swap.in_words(), None, false));
        }
        rows
    }

    fn disk_rows(&self, thresholds: Thresholds) -> Vec<Value> {
        let limit = thresholds.disk_max_percent;
        let row = |disk: &Disk| {
            json!({
                "mount": disk.mount,
                "file_system": disk.file_system,
                "size": bytes(disk.space.total_bytes),
                "used": bytes(disk.space.used_bytes),
                "percent": format!("{} %", disk.space.used_percent),
                "limited": limit.is_some(),
                "over": is_over(disk.space.used_percent, limit),
            })
        };
        self.disks.iter().map(row).collect()
    }
}

impl Use {
    fn in_words(&self) -> String {
        format!(
            "{} of {} ({} %)",
            bytes(self.used_bytes),
            bytes(self.total_bytes),
            self.used_percent
        )
    }
}

impl Endpoints {
    /// An error that the results do not tell: the endpoints were not asked at all.
    fn unexplained(&self) -> Option<&str> {
        self.error
            .as_ref()
            .filter(|_| self.results.is_empty())
            .map(|error| error.message.as_str())
    }

    fn rows(&self) -> Vec<Value> {
        let row = |endpoint: &Endpoint| {
            json!({
                "url": endpoint.url,
                "ok": endpoint.ok,
                "status": endpoint.status,
                "duration": endpoint.duration_ms.map(|ms| format!("{ms} ms")),
                "error": endpoint.error.as_deref().unwrap_or_default(),
            })
        };
        self.results.iter().map(row).collect()
    }
}

impl Thresholds {
    fn rows(self) -> Vec<Value> {
        let limits = [
            ("Disk used, at most", self.disk_max_percent, " %"),
            ("Load per processor, at most", self.load_max_per_cpu, ""),
            ("Memory used, at most", self.memory_max_percent, " %"),
        ];
        let set = limits
            .into_iter()
            .filter_map(|(what, limit, unit)| Some((what, limit?, unit)));
        set.map(|(what, limit, unit)| json!({ "what": what, "limit": format!("{limit}{unit}") }))
            .collect()
    }
}

fn row(what: &str, measured: String, limit: Option<String>, over: bool) -> Value {
    json!({ "what": what, "measured": measured, "limit": limit, "over": over })
}

fn is_over(measured: f64, limit: Option<f64>) -> bool {
    limit.is_some_and(|limit| measured > limit)
}

/// `2026-11-21 06:32 UTC`
fn minute(moment: Timestamp) -> String {
    let text = moment.to_string();
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => text,
    }
}

fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (1.., _) => format!("{days} d {hours} h"),
        (0, 1..) => format!("{hours} h {minutes} min"),
        (0, 0) => format!("{minutes} min"),
    }
}
