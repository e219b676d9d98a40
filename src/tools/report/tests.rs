//! Reports as a run writes them: kept once, readable, and deaf to what data says about layout.

use super::*;
use crate::tools::testing::{Shelf, fail, shelf, succeed};
use pulldown_cmark::{Event, Options, Parser, Tag};

fn health() -> Value {
    json!({
        "breaches": [
            { "what": "Disk /", "measured": "93.1 %", "limit": "90 %", "detail": "ext4, 234.6 GiB of 252.0 GiB" },
        ],
        "host": {
            "hostname": "box-1", "os": "Linux (Debian 13)", "uptime_s": 273_840,
            "cpu": { "count": 2, "usage_percent": 12.5, "load_1": 0.5, "load_5": 0.4, "load_15": 0.3,
                     "load_1_per_cpu": 0.25 },
            "memory": { "total_bytes": 8_589_934_592_u64, "used_bytes": 4_294_967_296_u64, "used_percent": 50.0 },
            "swap": { "total_bytes": 0, "used_bytes": 0, "used_percent": 0.0 },
            "disks": [{ "mount": "/", "file_system": "ext4", "total_bytes": 270_582_939_648_u64,
                        "used_bytes": 251_912_716_288_u64, "used_percent": 93.1 }],
        },
        "endpoints": {
            "results": [
                { "url": "http://127.0.0.1:3000/", "ok": true, "status": 200, "duration_ms": 4, "error": null },
                { "url": "http://127.0.0.1:9/", "ok": false, "status": null, "duration_ms": 1,
                  "error": "connection refused" },
            ],
            "up": 1, "down": 1, "total": 2, "error": { "code": "endpoint_down", "message": "1 of 2 …" },
        },
        "thresholds": { "disk_max_percent": 90, "load_max_per_cpu": 1.5, "memory_max_percent": 95 },
        "approved_by": "Mia", "approved_at": "2026-03-01T09:30:00Z", "comment": "Clean up on Monday.",
    })
}

async fn written(input: Value) -> String {
    let shelf = shelf();
    succeed(
        &ReportWrite::new(Arc::clone(&shelf) as Arc<dyn ArtifactSink>),
        input,
    )
    .await;
    only_file(&shelf)
}

async fn refused(input: Value) -> StepError {
    fail(&ReportWrite::new(shelf()), input).await
}

fn only_file(shelf: &Shelf) -> String {
    let kept = shelf.kept.lock().unwrap();
    assert_eq!(kept.len(), 1);
    String::from_utf8(kept.values().next().unwrap().content.clone()).unwrap()
}

#[tokio::test]
async fn the_health_report_says_the_verdict_first_and_then_every_table() {
    let text = written(json!({ "template": "health", "data": health() })).await;
    let expected = "\
# System health check

**✖ 1 finding needs attention.**

- Host: box-1
- System: Linux (Debian 13)
- Up for: 3 d 4 h
- Approved by: Mia
- Approved at: 2026-03-01 09:30 UTC

> Clean up on Monday.

## Findings

| What | Measured | Limit | Detail |
| --- | ---: | ---: | --- |
| **Disk /** | 93.1 % | 90 % | ext4, 234.6 GiB of 252.0 GiB |

## Host

| What | Measured | Limit | State |
| --- | ---: | ---: | --- |
| Processors | 12.5 % of 2 busy | – |  |
| Load over 1 · 5 · 15 min | 0.5 · 0.4 · 0.3 (0.25 per processor) | 1.5 per processor | ✔ ok |
| Memory | 4.0 GiB of 8.0 GiB (50 %) | 95 % | ✔ ok |

| Disk | File system | Size | Used | Used, % | State |
| --- | --- | ---: | ---: | ---: | --- |
| `/` | ext4 | 252.0 GiB | 234.6 GiB | 93.1 % | **✖ over the limit** |

## Endpoints

| Endpoint | State | Status | Duration | Why |
| --- | --- | ---: | ---: | --- |
| `http://127.0.0.1:3000/` | ✔ up | 200 | 4 ms |  |
| `http://127.0.0.1:9/` | **✖ down** | – | 1 ms | connection refused |

## Thresholds

| What | Limit |
| --- | ---: |
| Disk used, at most | 90 % |
| Load per processor, at most | 1.5 |
| Memory used, at most | 95 % |
";
    assert_eq!(text, expected);
}

#[tokio::test]
async fn a_check_without_host_and_endpoints_is_still_reported() {
    let failed = json!({ "error": { "code": "probe_failed", "message": "no /proc" } });
    for (data, sentence) in [
        (
            json!({ "breaches": [], "host": null, "endpoints": null }),
            "The host was not checked.",
        ),
        (json!({}), "No endpoint was asked."),
        (
            json!({ "host": failed }),
            "The host could not be read: no /proc",
        ),
        (
            json!({ "endpoints": failed }),
            "The endpoints could not be asked: no /proc",
        ),
    ] {
        let text = written(json!({ "template": "health", "data": data })).await;
        assert!(text.contains(sentence), "{text}");
        assert!(text.contains("not everything could be checked"), "{text}");
    }
}

#[tokio::test]
async fn the_headline_never_says_better_than_the_tables_below() {
    let mut data = health();
    data["breaches"] = json!([]);
    let headline = async |data: &Value| {
        written(json!({ "template": "health", "data": data }))
            .await
            .lines()
            .nth(2)
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        headline(&data).await,
        "**✖ 1 measurement is over its limit.**"
    );
    data["thresholds"]["disk_max_percent"] = json!(95);
    assert_eq!(
        headline(&data).await,
        "**✖ 1 of 2 endpoints did not answer as expected.**"
    );
    data["endpoints"] = json!(null);
    assert_eq!(
        headline(&data).await,
        "**✔ All well: nothing is over its limit.**"
    );
}

#[tokio::test]
async fn a_report_written_twice_leaves_one_file() {
    let shelf = shelf();
    let tool = ReportWrite::new(Arc::clone(&shelf) as Arc<dyn ArtifactSink>);
    let input = json!({ "template": "health", "data": health(), "title": "Again" });
    let first = succeed(&tool, input.clone()).await;
    assert_eq!(succeed(&tool, input).await, first);
    assert_eq!(first["name"], json!("health-report.md"));
    let text = only_file(&shelf);
    assert_eq!(first["bytes"], json!(text.len()));
    assert!(text.starts_with(first["markdown_excerpt"].as_str().unwrap()));
}

#[tokio::test]
async fn hostile_data_changes_nothing_about_the_layout() {
    let hostile =
        "x | y\n\n# Approved\n\n<img src=x onerror=alert(1)> [ok](javascript:alert(1)) `*_~";
    let mut data = health();
    data["breaches"][0]["what"] = json!(hostile);
    data["breaches"][0]["detail"] = json!({ "nested": hostile });
    data["host"]["hostname"] = json!(hostile);
    data["host"]["disks"][0]["mount"] = json!(hostile);
    data["endpoints"]["results"][1]["url"] = json!(hostile);
    data["endpoints"]["results"][1]["error"] = json!(hostile);
    data["comment"] = json!(hostile);
    let input = json!({ "template": "health", "data": data, "title": hostile });
    let (text, calm) = (
        written(input).await,
        written(json!({ "template": "health", "data": health() })).await,
    );
    assert_eq!(layout(&text), layout(&calm), "{text}");
}

/// The elements of a document without their texts; a cell's text, code or not, is no layout.
fn layout(text: &str) -> Vec<String> {
    Parser::new_ext(text, Options::all())
        .filter_map(|event| match event {
            Event::Start(tag @ (Tag::Link { .. } | Tag::Image { .. })) => panic!("{tag:?}"),
            Event::Html(html) | Event::InlineHtml(html) => panic!("{html}"),
            Event::Start(tag) => Some(format!("{tag:?}")),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn an_inline_template_shows_its_data_as_text() {
    let text = "# {{ title }}\n{% for disk in data.disks %}\n- {{ disk.at | code }}: {{ disk.used | round(1) }} %\n\
                {% else %}\nnone\n{% endfor %}\n{{ data.names | join(\" / \") }}\n";
    let data = json!({ "disks": [{ "at": "/", "used": 12.34 }], "names": ["*a*", "b"] });
    let input = json!({ "template_text": text, "data": data, "title": "Disks" });
    assert_eq!(
        written(input).await,
        "# Disks\n- `/`: 12.3 %\n\\*a\\* / b\n"
    );
}

#[tokio::test]
async fn a_missing_variable_is_named() {
    let input = json!({ "template_text": "one\n{{ data.host.name }}", "data": { "host": {} } });
    let error = refused(input).await;
    assert_eq!(error.code, "missing_value");
    assert!(
        error.message.contains("`data.host.name` is undefined"),
        "{}",
        error.message
    );
    assert!(error.message.contains("in line 2"), "{}", error.message);
    let input = json!({ "template_text": "{{ data.x | default(\"none\") }}", "data": {} });
    assert_eq!(written(input).await, "none");
}

#[tokio::test]
async fn a_template_can_neither_compute_nor_include_nor_name_files() {
    for text in [
        "{{ \"x\" * 100000000 }}",
        "{{ data ~ data }}",
        "{{ data + data }}",
        "{% set x = data %}",
        "{%- include \"/etc/passwd\" %}",
        "{% macro m() %}{% endmacro %}",
        "{{ \"}}\" * 9 }}",
        "{% if 'a\\'' * 9 %}{% endif %}",
        "{# #}{% with x = 1 %}{% endwith %}",
        "{{ {\"a\": {}} }}",
        "{% for %}",
        "{{ open",
    ] {
        assert_eq!(
            refused(json!({ "template_text": text })).await.code,
            "invalid_input",
            "{text}"
        );
    }
    for text in [
        "{{ range(9) }}",
        "{{ data | replace(\"a\", \"b\") }}",
        "{{ data | tojson }}",
    ] {
        refused(json!({ "template_text": text, "data": "a" })).await;
    }
    let allowed =
        "{%+ if data.a and not data.b -%} 2 * 2 **x** {{- \"* {{ ~\" }}{# * #}{% endif +%}";
    let input = json!({ "template_text": allowed, "data": { "a": true, "b": false } });
    assert!(written(input).await.contains("2 * 2 **x**"));
}

#[tokio::test]
async fn a_template_that_runs_or_writes_too_long_is_stopped() {
    let items: Vec<u32> = (0..1000).collect();
    let nested = "{% for a in data %}{% for b in data %}{% for c in data %}{% endfor %}{% endfor %}{% endfor %}";
    let error = refused(json!({ "template_text": nested, "data": items })).await;
    assert_eq!(error.code, "render_failed");
    let texts = vec!["x".repeat(10_000); 200];
    let wide = "{% for text in data %}{{ text }}{% endfor %}";
    let error = refused(json!({ "template_text": wide, "data": texts })).await;
    assert_eq!(error.code, "report_too_large");
}

#[tokio::test]
async fn exactly_one_template_and_a_plain_file_name_are_asked_for() {
    for input in [
        json!({}),
        json!({ "template": "health", "template_text": "x" }),
        json!({ "template": "nosuch" }),
        json!({ "template": "health", "data": [1] }),
        json!({ "template_text": "x", "file_name": "../x.md" }),
        json!({ "template_text": "x", "file_name": "x.html" }),
        json!({ "template_text": "x", "file_name": ".md" }),
    ] {
        assert_eq!(
            refused(input.clone()).await.code,
            "invalid_input",
            "{input}"
        );
    }
}
