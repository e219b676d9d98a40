use super::*;
use serde_json::json;

fn read(query: &str) -> Result<Listing, Vec<FieldError>> {
    Listing::read(&Asked::of_query(query))
}

fn refused(query: &str) -> Vec<(String, String)> {
    let wrong = read(query).expect_err("it cannot be read");
    let said = wrong.into_iter();
    said.map(|error| (error.field, error.message)).collect()
}

#[test]
fn what_is_written_is_read_again() {
    let asked = Asked {
        status: vec!["failed".to_owned(), "running".to_owned()],
        workflow: "deploy".to_owned(),
        version: "2".to_owned(),
        tag: "a & b=c".to_owned(),
        started_by: "trigger:1+1".to_owned(),
        q: "50% %41 \u{c4}pfel \u{1f600} ?#".to_owned(),
        from: "2026-11-01".to_owned(),
        until: "2026-11-23".to_owned(),
        older: "12.id".to_owned(),
        newer: String::new(),
    };
    let query = asked.query();
    assert!(query.is_ascii() && !query.contains(' '), "{query}");
    assert_eq!(Asked::of_query(&query), asked);
    assert_eq!(Asked::default().query(), "");
    assert_eq!(Asked::of_query(""), Asked::default());
}

#[test]
fn an_address_of_earlier_releases_still_asks_for_the_same() {
    assert_eq!(
        read("status=failed").map(|listing| listing.states),
        Ok(vec![RunStatus::Failed])
    );
    assert_eq!(read("status=&cursor=12"), Ok(Listing::default()));
}

#[test]
fn a_form_writes_pluses_and_leaves_fields_empty() {
    let listing = read("status=running&status=failed&status=running&q=one+two%2B&tag=&version=");
    let listing = listing.expect("it can be read");
    assert_eq!(listing.states, [RunStatus::Running, RunStatus::Failed]);
    assert_eq!(listing.words, ["one", "two+"]);
    assert_eq!((listing.tag, listing.version), (None, None));
}

#[test]
fn what_is_no_escape_stands_for_itself() {
    for (query, q) in [
        ("q=50%", "50%"),
        ("q=%zz%4", "%zz%4"),
        ("q=%2541", "%41"),
        ("q=%c3%a4", "\u{e4}"),
        ("q=%ff", "\u{fffd}"),
        ("%71=a=b", "a=b"),
        ("q", ""),
        ("q=a&q=b", "b"),
    ] {
        assert_eq!(Asked::of_query(query).q, q, "{query}");
    }
}

#[test]
fn days_are_of_utc_and_the_last_one_counts() {
    let listing = read("from=2026-11-23&until=2026-11-23").expect("it can be read");
    let at = |text: &str| moment(text, 0);
    assert_eq!(listing.from, at("2026-11-23T00:00:00Z"));
    assert_eq!(listing.until, at("2026-11-24T00:00:00Z"));
    let listing = read("from=2026-11-23T08:00:00Z&until=2026-11-23T10:00:00%2B01:00");
    let listing = listing.expect("it can be read");
    assert_eq!(listing.from, at("2026-11-23T08:00:00Z"));
    assert_eq!(listing.until, at("2026-11-23T09:00:00Z"));
}

#[test]
fn each_field_that_cannot_be_read_is_named_with_what_it_takes() {
    let long = "x".repeat(LISTING_FIELD_CHARS_MAX + 1);
    for (query, field, says) in [
        ("status=odd", "status", "pending, running, waiting"),
        ("version=two", "version", "the number of a version"),
        ("version=0", "version", "the number of a version"),
        ("from=yesterday", "from", "a day such as"),
        ("from=2026-02-30", "from", "a day such as"),
        ("until=2026-13-01", "until", "a day such as"),
        ("until=2026-11-2\u{e4}", "until", "a day such as"),
        ("from=2026-11-02&until=2026-11-01", "until", "exchange"),
        ("older=';--", "older", "first page"),
        ("newer=12.", "newer", "first page"),
        ("older=1.a&newer=2.b", "newer", "first page"),
        (&format!("tag={long}"), "tag", "at most 250"),
        (&format!("q={}", "a+".repeat(11)), "q", "at most 10 words"),
    ] {
        let said = refused(query);
        assert_eq!(said.len(), 1, "{query}: {said:?}");
        assert!(
            said[0].0 == field && said[0].1.contains(says),
            "{query}: {said:?}"
        );
    }
    assert_eq!(refused("status=odd&version=x&from=y").len(), 3);
}

#[test]
fn a_query_is_read_as_far_as_one_is_long() {
    let query = format!("status=failed&q={}&tag=late", "\u{e4}".repeat(16_000));
    let asked = Asked::of_query(&query);
    assert_eq!(asked.status, ["failed"]);
    assert!(asked.tag.is_empty() && asked.q.len() < LISTING_QUERY_BYTES_MAX);
}

#[test]
fn a_place_in_the_list_is_written_and_read() {
    let cursor = Cursor {
        created_at: Timestamp::from_micros(-5),
        run_id: RunId::new("0198.a b"),
    };
    assert_eq!(Cursor::read(&cursor.to_string()), Some(cursor.clone()));
    let asked = Asked {
        newer: cursor.to_string(),
        ..Asked::default()
    };
    assert!(!asked.is_first_page() && !asked.is_narrowed());
    assert_eq!(
        Listing::read(&asked).map(|listing| listing.page),
        Ok(Page::Newer(cursor))
    );
    assert!(asked.first_page().is_first_page());
}

#[test]
fn a_run_is_found_by_the_values_of_its_input() {
    let input = json!({
        "Host": "Web-1.Example", "list": [1, 2.5, true, null, { "deep": "\u{c4}PFEL 100%" }]
    });
    assert_eq!(
        searched(&input),
        "web-1.example\n1\n2.5\ntrue\n\u{e4}pfel 100%"
    );
    assert_eq!(searched(&json!({})), "");
}

#[test]
fn a_letter_is_found_wherever_it_stands() {
    let text = searched(&json!("\u{39f}\u{394}\u{39f}\u{3a3}"));
    let listing = read("q=%CE%9F%CE%94%CE%9F%CE%A3").expect("it can be read");
    assert_eq!(listing.words, [text]);
}

#[test]
fn what_a_run_is_found_by_is_bounded() {
    let input = json!({ "a": "X".repeat(1_000_000), "b": "behind" });
    assert_eq!(searched(&input), "x".repeat(RUN_SEARCH_CHARS_MAX));
    // One character becomes several in lower case.
    let input = json!(["\u{130}".repeat(RUN_SEARCH_CHARS_MAX), "b"]);
    assert_eq!(searched(&input).chars().count(), RUN_SEARCH_CHARS_MAX);
    let input = json!(vec!["ab"; 10_000]);
    assert!(searched(&input).chars().count() <= RUN_SEARCH_CHARS_MAX);
}
