//! `probe.host`: how the machine is that this process runs on. Reads counters of the operating system and nothing else.

mod disks;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sysinfo::System;

use super::{cancelled, parse_input};
use crate::driver::tool::{Tool, ToolCall, ToolOutcome};
use crate::engine::failure::StepError;
use crate::engine::tool::{EffectClass, ToolSpec};
use disks::{DiskState, disks};

pub struct ProbeHost {
    spec: ToolSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {}

#[derive(Serialize)]
struct Host {
    hostname: String,
    os: String,
    uptime_s: u64,
    cpu: Cpu,
    memory: Use,
    swap: Use,
    disks: Vec<DiskState>,
}

#[derive(Serialize)]
struct Cpu {
    count: usize,
    usage_percent: f64,
    load_1: f64,
    load_5: f64,
    load_15: f64,
    load_1_per_cpu: f64,
}

#[derive(Serialize)]
struct Use {
    total_bytes: u64,
    used_bytes: u64,
    used_percent: f64,
}

impl ProbeHost {
    pub fn new() -> Self {
        let spec = ToolSpec {
            name: "probe.host".to_owned(),
            description: "Reads the load, memory, swap, disks and uptime of the machine that this server runs on."
                .to_owned(),
            input_schema: json!({
                "type": "object",
                "additionalProperties": false,
                "properties": {},
                "examples": [{}],
            }),
            output_schema: output_schema(),
            effect: EffectClass::Read,
            effect_by: None,
            fails_outside: None,
            default_timeout_ms: 15_000,
            max_parallel: None,
        };
        Self { spec }
    }
}

#[async_trait]
impl Tool for ProbeHost {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, call: ToolCall) -> ToolOutcome {
        if let Err(error) = parse_input::<Input>(&call.input) {
            return ToolOutcome::Failed(error);
        }
        let measured = tokio::select! {
            biased;
            () = call.cancel.cancelled() => return cancelled(),
            measured = measure() => measured,
        };
        match measured {
            Ok(host) => {
                call.log.note(&told(&host));
                ToolOutcome::Succeeded(host)
            }
            Err(error) => ToolOutcome::Failed(error),
        }
    }
}

/// The findings as a line of the log.
fn told(host: &Value) -> String {
    let used = |of: &str| &host[of]["used_percent"];
    let disks = host["disks"].as_array().map_or(0, Vec::len);
    format!(
        "load {} over {} processors, memory {} % used, swap {} % used, disks looked at: {disks}",
        host["cpu"]["load_1"],
        host["cpu"]["count"],
        used("memory"),
        used("swap"),
    )
}

/// Processor use is the difference of two readings. The readings block (a disk may be slow to answer for its
/// size), so they run beside the async threads.
async fn measure() -> Result<Value, StepError> {
    let failed = |why: String| {
        StepError::new(
            "probe_failed",
            format!("This machine's state could not be read: {why}."),
        )
    };
    let first = || {
        System::new().map(|mut system| {
            system.refresh_cpu_usage();
            system
        })
    };
    let system = tokio::task::spawn_blocking(first)
        .await
        .map_err(|error| failed(error.to_string()))?
        .map_err(|error| failed(error.to_string()))?;
    tokio::time::sleep(sysinfo::MINIMUM_CPU_UPDATE_INTERVAL).await;
    let host = tokio::task::spawn_blocking(move || read(system))
        .await
        .map_err(|error| failed(error.to_string()))?;
    serde_json::to_value(host).map_err(|error| failed(error.to_string()))
}

fn read(mut system: System) -> Host {
    system.refresh_cpu_usage();
    system.refresh_memory();
    let count = system.cpus().len().max(1);
    // Windows has no load average; zeros there say "not known" as well as anything.
    let (load_1, load_5, load_15) =
        System::load_average().map_or((0.0, 0.0, 0.0), |load| (load.one, load.five, load.fifteen));
    Host {
        hostname: System::host_name().unwrap_or_else(|_| "unknown".to_owned()),
        os: System::long_os_version().unwrap_or_else(|_| std::env::consts::OS.to_owned()),
        uptime_s: System::uptime().unwrap_or_default(),
        cpu: Cpu {
            count,
            usage_percent: tenths(f64::from(system.global_cpu_usage()).clamp(0.0, 100.0)),
            load_1: hundredths(load_1),
            load_5: hundredths(load_5),
            load_15: hundredths(load_15),
            load_1_per_cpu: hundredths(load_1 / count as f64),
        },
        memory: usage(system.total_memory(), system.used_memory()),
        swap: usage(system.total_swap(), system.used_swap()),
        disks: disks(),
    }
}

fn usage(total_bytes: u64, used_bytes: u64) -> Use {
    Use {
        total_bytes,
        used_bytes,
        used_percent: percent(used_bytes, total_bytes),
    }
}

/// A share in percent, to a tenth. Of nothing, nothing is used.
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        tenths(part as f64 * 100.0 / whole as f64)
    }
}

fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

fn hundredths(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn output_schema() -> Value {
    let text = |title: &str| json!({ "title": title, "type": "string" });
    let number = |title: &str| json!({ "title": title, "type": "number", "minimum": 0 });
    let bytes = |title: &str| json!({ "title": title, "type": "integer", "minimum": 0 });
    let share =
        |title: &str| json!({ "title": title, "type": "number", "minimum": 0, "maximum": 100 });
    let object = |title: &str, properties: Value| {
        json!({
            "title": title,
            "type": "object",
            "additionalProperties": false,
            "required": properties.as_object().map(|fields| fields.keys().collect::<Vec<_>>()),
            "properties": properties,
        })
    };
    let usage = |title: &str| {
        object(
            title,
            json!({
                "total_bytes": bytes("Total, bytes"),
                "used_bytes": bytes("Used, bytes"),
                "used_percent": share("Used, percent"),
            }),
        )
    };
    let disk = object(
        "Disk",
        json!({
            "mount": text("Mounted at"),
            "file_system": text("File system"),
            "total_bytes": bytes("Total, bytes"),
            "used_bytes": {
                "title": "Used, bytes",
                "description": "What files take up; blocks kept for the administrator are neither used nor free.",
                "type": "integer", "minimum": 0,
            },
            "used_percent": share("Used of what programs may fill, percent"),
        }),
    );
    let cpu = json!({
        "count": { "title": "Processors", "type": "integer", "minimum": 1 },
        "usage_percent": share("Busy, percent"),
        "load_1": number("Load, 1 minute"),
        "load_5": number("Load, 5 minutes"),
        "load_15": number("Load, 15 minutes"),
        "load_1_per_cpu": number("Load per processor, 1 minute"),
    });
    object(
        "Host",
        json!({
            "hostname": text("Host name"),
            "os": text("Operating system"),
            "uptime_s": { "title": "Up for, seconds", "type": "integer", "minimum": 0 },
            "cpu": object("Processors", cpu),
            "memory": usage("Memory"),
            "swap": usage("Swap"),
            "disks": { "title": "Disks", "type": "array", "items": disk },
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::testing::{call, succeed};

    #[tokio::test]
    async fn this_machine_is_measured_in_the_declared_shape() {
        let host = succeed(&ProbeHost::new(), json!({})).await;
        assert!(host["memory"]["total_bytes"].as_u64().unwrap() > 0);
        assert!(host["uptime_s"].as_u64().unwrap() > 0);
        assert!(host["cpu"]["count"].as_u64().unwrap() > 0);
        let fields: Vec<&String> = host.as_object().unwrap().keys().collect();
        assert_eq!(
            fields,
            [
                "hostname", "os", "uptime_s", "cpu", "memory", "swap", "disks"
            ]
        );
    }

    #[tokio::test]
    async fn a_cancelled_probe_does_not_start() {
        let call = call(json!({}));
        call.cancel.cancel();
        match ProbeHost::new().call(call).await {
            ToolOutcome::Failed(error) => assert_eq!(error.code, "cancelled"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn percents_are_rounded_to_a_tenth_and_nothing_of_nothing_is_none() {
        assert_eq!(percent(1, 3), 33.3);
        assert_eq!(percent(2, 3), 66.7);
        assert_eq!(percent(0, 0), 0.0);
    }
}
