//! Any JSON value, as people read it: tables for lists of records, words for plain values. Always text, never markup.

use leptos::prelude::*;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use crate::engine::large::{Place, StandIn};
use crate::ui::format;
use crate::ui::markup::Markup;

/// Rows of a table that are shown; the rest is counted.
const ROWS_MAX: usize = 50;

/// Where the large values of what is shown can be had, if it is no run of this server: an address.
#[derive(Clone, Debug)]
pub struct ValuesAt(pub String);

#[component]
pub fn ValueView(
    value: Value,
    /// It comes from the events of a run as they are watched, with stand-ins for what is large. What a gate shows does
    /// not: there something that looks like a stand-in is what was said, and is to be seen as that.
    #[prop(optional)]
    watched: bool,
) -> impl IntoView {
    let mut markup = Markup::default();
    let source = match (watched, use_context()) {
        (false, _) => Source::Said,
        (true, None) => Source::Run,
        (true, Some(ValuesAt(base))) => Source::At(base),
    };
    show(&mut markup, &value, 0, &source);
    markup.draw()
}

/// Where what is shown comes from.
enum Source {
    /// Somebody has said it, as it is.
    Said,
    /// The events of the run that a stand-in names.
    Run,
    /// Events that are had from this address.
    At(String),
}

const MUTED: &[(&str, &str)] = &[("class", "muted")];

fn show(to: &mut Markup, value: &Value, depth: usize, source: &Source) {
    if let Source::Run | Source::At(_) = source
        && let Some(place) = StandIn::of(value)
    {
        return large(to, &place, source);
    }
    let plain = |item: &Value| !item.is_object() && !item.is_array();
    match value {
        Value::Null => to.words("span", MUTED, "–"),
        Value::Bool(truth) => to.text(if *truth { "yes" } else { "no" }),
        Value::Number(number) => to.text(&number.to_string()),
        Value::String(text) => to.words("span", &[("class", "text")], text),
        Value::Array(items) if items.is_empty() => to.words("span", MUTED, "none"),
        Value::Array(items) if depth == 0 && items.iter().all(Value::is_object) => {
            table(to, items, source);
        }
        Value::Object(fields) if depth < 2 && !fields.is_empty() => {
            record(to, fields, depth, source);
        }
        Value::Array(items) if items.iter().all(plain) => list(to, items, depth, source),
        Value::Array(_) | Value::Object(_) => {
            let attributes = [("class", "json"), ("tabindex", "0")];
            to.words("pre", &attributes, &format::pretty(value));
        }
    }
}

/// What is not shown before somebody asks for it.
fn large(to: &mut Markup, place: &Place, source: &Source) {
    let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    let base = match source {
        Source::At(base) => base.clone(),
        Source::Said | Source::Run => format!("/api/v1/runs/{}", encoded(place.run.as_str())),
    };
    let (event, at) = (place.event, encoded(&place.at));
    let href = format!("{base}/events/{event}/value?at={at}");
    let size = format::bytes(place.bytes);
    to.element("span", &[("class", "large-value")], &mut |to| {
        to.words("span", MUTED, &format!("{size} of data, not shown here. "));
        let link = [
            ("href", href.as_str()),
            ("rel", "external"),
            ("target", "_blank"),
        ];
        to.words("a", &link, "Open it");
    });
}

fn record(to: &mut Markup, fields: &Map<String, Value>, depth: usize, source: &Source) {
    to.element("dl", &[("class", "record")], &mut |to| {
        for (name, value) in fields {
            // A list of records inside a record is a table all the same.
            let inner = if value.is_array() { 0 } else { depth + 1 };
            to.element("div", &[], &mut |to| {
                to.words("dt", &[], &format::in_words(name));
                to.element("dd", &[], &mut |to| show(to, value, inner, source));
            });
        }
    });
}

fn list(to: &mut Markup, items: &[Value], depth: usize, source: &Source) {
    to.element("ul", &[("class", "values")], &mut |to| {
        for item in items {
            to.element("li", &[], &mut |to| show(to, item, depth + 1, source));
        }
    });
}

/// The last place: long texts, which need room.
const PROSE: u8 = 2;

/// What names the record comes first and prose last; between them the order stays.
fn column_place(name: &str) -> u8 {
    match name {
        "name" | "what" | "title" | "id" | "url" | "host" | "mount" | "endpoint" => 0,
        "detail" | "error" | "message" | "comment" | "description" | "reason" => PROSE,
        _ => 1,
    }
}

fn table(to: &mut Markup, items: &[Value], source: &Source) {
    let mut columns: Vec<&str> = Vec::new();
    for name in items
        .iter()
        .filter_map(Value::as_object)
        .flat_map(Map::keys)
    {
        if !columns.contains(&name.as_str()) {
            columns.push(name);
        }
    }
    columns.sort_by_key(|name| column_place(name));
    let hidden = items.len().saturating_sub(ROWS_MAX);
    let frame = [
        ("class", "table-scroll"),
        ("tabindex", "0"),
        ("role", "group"),
        ("aria-label", "Table"),
    ];
    to.element("div", &frame, &mut |to| {
        to.element("table", &[("class", "records")], &mut |to| {
            to.element("thead", &[], &mut |to| {
                to.element("tr", &[], &mut |to| {
                    for name in &columns {
                        to.words("th", &[("scope", "col")], &format::in_words(name));
                    }
                });
            });
            to.element("tbody", &[], &mut |to| {
                for item in items.iter().take(ROWS_MAX) {
                    to.element("tr", &[], &mut |to| row(to, item, &columns, source));
                }
            });
        });
        if hidden > 0 {
            to.words("p", MUTED, &format!("and {hidden} more"));
        }
    });
}

fn row(to: &mut Markup, item: &Value, columns: &[&str], source: &Source) {
    for &name in columns {
        let class = match column_place(name) {
            PROSE => "prose",
            _ => "",
        };
        let label = format::in_words(name);
        to.element(
            "td",
            &[("class", class), ("data-label", &label)],
            &mut |to| {
                show(to, item.get(name).unwrap_or(&Value::Null), 1, source);
            },
        );
    }
}
