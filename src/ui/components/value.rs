//! Any JSON value, as people read it: tables for lists of records, words for plain values. Always text, never markup.

use leptos::prelude::*;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use crate::engine::large::{Place, StandIn};
use crate::ui::format;

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
    show(value, 0, watched)
}

fn show(value: Value, depth: usize, watched: bool) -> AnyView {
    if watched && let Some(place) = StandIn::of(&value) {
        return large(&place);
    }
    match value {
        Value::Null => view! { <span class="muted">"–"</span> }.into_any(),
        Value::Bool(truth) => (if truth { "yes" } else { "no" }).into_any(),
        Value::Number(number) => number.to_string().into_any(),
        Value::String(text) => view! { <span class="text">{text}</span> }.into_any(),
        Value::Array(items) if items.is_empty() => {
            view! { <span class="muted">"none"</span> }.into_any()
        }
        Value::Array(items) if depth == 0 && items.iter().all(Value::is_object) => {
            table(items, watched)
        }
        Value::Object(fields) if depth < 2 && !fields.is_empty() => record(fields, depth, watched),
        Value::Array(items)
            if items
                .iter()
                .all(|item| !item.is_object() && !item.is_array()) =>
        {
            list(items, depth, watched)
        }
        other => view! { <pre class="json" tabindex="0">{format::pretty(&other)}</pre> }.into_any(),
    }
}

/// What is not shown before somebody asks for it.
fn large(place: &Place) -> AnyView {
    let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    let base = match use_context::<ValuesAt>() {
        Some(ValuesAt(base)) => base,
        None => format!("/api/v1/runs/{}", encoded(place.run.as_str())),
    };
    let (event, at) = (place.event, encoded(&place.at));
    let href = format!("{base}/events/{event}/value?at={at}");
    let size = format::bytes(place.bytes);
    view! { <span class="large-value"><span class="muted">{size}" of data, not shown here. "</span><a href=href rel="external" target="_blank">"Open it"</a></span> }
        .into_any()
}

fn record(fields: Map<String, Value>, depth: usize, watched: bool) -> AnyView {
    let rows: Vec<_> = fields
        .into_iter()
        .map(|(name, value)| {
            // A list of records inside a record is a table all the same.
            let inner = if value.is_array() { 0 } else { depth + 1 };
            view! { <div><dt>{format::in_words(&name)}</dt><dd>{show(value, inner, watched)}</dd></div> }
        })
        .collect();
    view! { <dl class="record">{rows}</dl> }.into_any()
}

fn list(items: Vec<Value>, depth: usize, watched: bool) -> AnyView {
    let items: Vec<_> = items
        .into_iter()
        .map(|item| view! { <li>{show(item, depth + 1, watched)}</li> })
        .collect();
    view! { <ul class="values">{items}</ul> }.into_any()
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

fn table(items: Vec<Value>, watched: bool) -> AnyView {
    let mut columns: Vec<String> = Vec::new();
    for name in items
        .iter()
        .filter_map(Value::as_object)
        .flat_map(Map::keys)
    {
        if !columns.contains(name) {
            columns.push(name.clone());
        }
    }
    columns.sort_by_key(|name| column_place(name));
    let hidden = items.len().saturating_sub(ROWS_MAX);
    let head: Vec<_> = columns
        .iter()
        .map(|name| view! { <th scope="col">{format::in_words(name)}</th> })
        .collect();
    let rows: Vec<_> = items
        .into_iter()
        .take(ROWS_MAX)
        .map(|item| {
            let cells: Vec<_> = columns
                .iter()
                .map(|name| {
                    let prose = column_place(name) == PROSE;
                    let label = format::in_words(name);
                    view! { <td class:prose=prose data-label=label>{show(item.get(name).cloned().unwrap_or_default(), 1, watched)}</td> }
                })
                .collect();
            view! { <tr>{cells}</tr> }
        })
        .collect();
    view! {
        <div class="table-scroll" tabindex="0" role="group" aria-label="Table">
            <table class="records"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>
            {(hidden > 0).then(|| view! { <p class="muted">{format!("and {hidden} more")}</p> })}
        </div>
    }
    .into_any()
}
