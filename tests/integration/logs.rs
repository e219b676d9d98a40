//! Logs of steps through the API: numbers without gaps, streams without gaps, bounds that are told.

use reqwest::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

use crate::server::{Server, answer, workflow};
use crate::sse::read_sse;
use crate::stub::Stub;

crate::server::also_on_postgres!(
    programs_that_write_at_once_leave_no_gap,
    a_stream_that_is_cut_again_and_again_misses_nothing,
    a_stream_of_what_has_an_effect_ends_behind_its_last_line,
    killed_while_lines_come_a_log_is_a_beginning_without_gaps,
    lines_of_one_program_are_stored_once_and_found_again,
);

/// A run that waits for somebody outside, and the way to its log.
async fn waiting(server: &Server) -> (String, String) {
    let job = json!([{ "id": "job", "kind": "external", "timeout_ms": 60_000 }]);
    let slug = server.create(workflow("Job", job, &[])).await;
    let run = server.start_run(&slug, json!({})).await;
    server.until_step(&run, "job", "waiting_for_external").await;
    let logs = format!("/runs/{run}/steps/job/logs");
    (run, logs)
}

async fn write(
    server: &Server,
    path: &str,
    media_type: &str,
    body: impl Into<reqwest::Body>,
) -> (StatusCode, Value) {
    let request = server
        .client
        .post(server.url(path))
        .header("content-type", media_type);
    answer(request.body(body).send().await.expect("it answers")).await
}

async fn finish(server: &Server, run: &str) {
    let done = json!({ "outcome": "succeeded" });
    let (status, body) = server
        .post(&format!("/runs/{run}/steps/job/result"), done)
        .await;
    assert_eq!(status, StatusCode::OK, "{body}");
}

/// All lines, page by page.
async fn lines(server: &Server, logs: &str) -> Vec<Value> {
    let (mut lines, mut after) = (Vec::new(), 0);
    loop {
        let page = server
            .get(&format!("{logs}?limit=1000&after={after}"))
            .await;
        lines.extend(page["items"].as_array().expect("a list").iter().cloned());
        match page["next"].as_u64() {
            Some(next) => after = next,
            None => return lines,
        }
    }
}

fn assert_no_gap(lines: &[Value]) {
    for (line, seq) in lines.iter().zip(1_u64..) {
        assert_eq!(line["seq"], json!(seq));
    }
}

fn texts(lines: &[Value]) -> Vec<&str> {
    let texts = lines.iter().map(|line| line["text"].as_str());
    texts.map(|text| text.expect("a text")).collect()
}

#[tokio::test]
async fn programs_that_write_at_once_leave_no_gap() {
    let server = Arc::new(Server::start().await);
    let (_, logs) = waiting(&server).await;
    let writers: Vec<_> = (0..6)
        .map(|writer| {
            let (server, logs) = (Arc::clone(&server), logs.clone());
            tokio::spawn(async move {
                for batch in 0..10 {
                    let body =
                        format!("{writer} {batch} a\n{writer} {batch} b\n{writer} {batch} c\n");
                    let (status, body) = write(&server, &logs, "text/plain", body).await;
                    assert_eq!(status, StatusCode::OK, "{body}");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("it has written");
    }
    let lines = lines(&server, &logs).await;
    assert_eq!(lines.len(), 180);
    assert_no_gap(&lines);
    for batch in lines.chunks(3) {
        let texts = texts(batch);
        let begin = texts[0].strip_suffix('a').expect("the first of a batch");
        assert_eq!(texts[1..], [format!("{begin}b"), format!("{begin}c")]);
    }
}

#[tokio::test]
async fn lines_of_one_program_are_stored_once_and_found_again() {
    let server = Server::start().await;
    let (run, logs) = waiting(&server).await;
    let begin = "{\"text\":\"\\u001b[31mred\\u001b[0m\",\"stream\":\"stderr\"}\n{\"text\":\"50% _ done\"}\n";
    for _ in 0..2 {
        let (status, body) = write(
            &server,
            &format!("{logs}?offset=0"),
            "application/x-ndjson",
            begin,
        )
        .await;
        assert_eq!(
            (status, &body["received"]),
            (StatusCode::OK, &json!(2)),
            "{body}"
        );
        assert_eq!(body["attempt"], 1);
    }
    let (status, body) = write(
        &server,
        &format!("{logs}?offset=3"),
        "text/plain",
        "later\n",
    )
    .await;
    assert_eq!(
        (status, &body["code"]),
        (StatusCode::CONFLICT, &json!("log_ahead"))
    );
    assert_eq!(body["errors"][0]["received"], 2);
    let way = format!("{logs}?offset=2&attempt=1&stream=note");
    let (status, _) = write(&server, &way, "text/plain; charset=utf-8", "<b>third</b>\n").await;
    assert_eq!(status, StatusCode::OK);

    let page = server.get(&logs).await;
    assert_eq!((&page["open"], &page["lines"]), (&json!(true), &json!(3)));
    let items = page["items"].as_array().expect("a list");
    let streams: Vec<_> = items.iter().map(|line| line["stream"].as_str()).collect();
    assert_eq!(streams, [Some("stderr"), Some("stdout"), Some("note")]);
    let found = |q: &'static str| {
        let (server, logs) = (&server, &logs);
        async move {
            let page = server.get(&format!("{logs}?q={q}")).await;
            texts(page["items"].as_array().expect("a list")).len()
        }
    };
    for (q, lines) in [("RED", 1), ("31m", 0), ("%25%20_", 1), ("d", 3), ("_", 1)] {
        assert_eq!(found(q).await, lines, "{q}");
    }

    finish(&server, &run).await;
    let text = |colours| {
        let way = format!("{logs}.txt?colours={colours}");
        server.client.get(server.url(&way)).send()
    };
    let plain = text(false).await.expect("it answers");
    assert_eq!(plain.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(
        plain.headers()["content-disposition"],
        "attachment; filename=\"job.1.log.txt\""
    );
    assert_eq!(
        plain.text().await.expect("text"),
        "red\n50% _ done\n<b>third</b>\n"
    );
    let coloured = text(true).await.expect("it answers").text().await;
    assert!(
        coloured
            .expect("text")
            .starts_with("\u{1b}[31mred\u{1b}[0m\n")
    );
    let (status, body) = write(&server, &logs, "text/plain", "late").await;
    assert_eq!(
        (status, &body["code"]),
        (StatusCode::CONFLICT, &json!("run_ended"))
    );
    assert_eq!(server.get(&logs).await["open"], false);
}

#[tokio::test]
async fn what_cannot_be_written_is_refused_with_a_reason() {
    let server = Server::start().await;
    let (run, logs) = waiting(&server).await;
    let refused = async |path: &str, media_type: &str, body: Vec<u8>| {
        let (status, body) = write(&server, path, media_type, body).await;
        let detail = body["detail"].as_str().unwrap_or_default();
        assert!(detail.len() > 20, "{body}");
        (
            status.as_u16(),
            body["code"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let plain = "text/plain";
    let at = |step: &str| format!("/runs/{run}/steps/{step}/logs");
    assert_eq!(refused(&at("nothing"), plain, b"x".to_vec()).await.0, 404);
    assert_eq!(
        refused("/runs/none/steps/job/logs", plain, b"x".to_vec())
            .await
            .0,
        404
    );
    assert_eq!(refused(&logs, plain, b"ab\xff".to_vec()).await.0, 400);
    assert_eq!(
        refused(&logs, "application/json", b"{}".to_vec()).await.0,
        415
    );
    assert_eq!(
        refused(&logs, plain, vec![b'x'; 1_500_000]).await,
        (413, "log_too_long".to_owned())
    );
    assert_eq!(refused(&logs, plain, vec![b'x'; 3_000_000]).await.0, 413);
    assert_eq!(refused(&logs, plain, vec![b'\n'; 50_000]).await.0, 413);
    assert_eq!(
        refused(&logs, "application/x-ndjson", b"{\"text\":1}".to_vec())
            .await
            .0,
        400
    );
    assert_eq!(
        refused(
            &logs,
            "application/x-ndjson",
            b"{\"text\":\"a\\nb\"}".to_vec()
        )
        .await
        .0,
        400
    );
    assert_eq!(
        refused(&format!("{logs}?stream=odd"), plain, b"x".to_vec())
            .await
            .0,
        400
    );
    assert_eq!(
        refused(&format!("{logs}?attempt=2"), plain, b"x".to_vec()).await,
        (409, "late_result".to_owned())
    );
    for (path, status) in [
        (format!("{logs}?limit=0"), 400),
        (format!("{logs}?attempt=7"), 404),
        (at("nothing"), 404),
        (format!("{}.txt", at("nothing")), 404),
    ] {
        let response = server.client.get(server.url(&path)).send().await;
        assert_eq!(
            response.expect("it answers").status().as_u16(),
            status,
            "{path}"
        );
    }
    assert_eq!(server.get(&logs).await["items"], json!([]));
}

#[tokio::test]
async fn a_log_that_is_too_long_says_so_wherever_it_is_read() {
    let server = Server::start().await;
    let (run, logs) = waiting(&server).await;
    let body = (0..9_999)
        .map(|number| format!("{number}\n"))
        .collect::<String>();
    write(&server, &logs, "text/plain", body).await;
    let (status, answer) = write(&server, &logs, "text/plain", "last\nover\n").await;
    assert_eq!(
        status,
        StatusCode::OK,
        "a full log is no mistake of the program"
    );
    assert_eq!(
        (&answer["lines"], &answer["dropped_lines"]),
        (&json!(10_000), &json!(1))
    );
    write(
        &server,
        &logs,
        "text/plain",
        format!("{}\n", "x".repeat(20_000)),
    )
    .await;
    let page = server.get(&logs).await;
    assert_eq!(page["dropped_lines"], 2);
    let closing = page["closing"].as_str().expect("it says so").to_owned();
    assert!(
        closing.starts_with("The rest was dropped: 2 lines"),
        "{closing}"
    );
    let text = server
        .client
        .get(server.url(&format!("{logs}.txt")))
        .send()
        .await;
    let text = text.expect("it answers").text().await.expect("text");
    assert!(text.ends_with(&format!("last\n{closing}\n")));
    finish(&server, &run).await;
    let (ids, end) = read_sse(&server, &logs, Some(9_998), usize::MAX).await;
    assert_eq!(ids, [9_999, 10_000]);
    assert_eq!(end.expect("it ends")["closing"], json!(closing));
}

#[tokio::test]
async fn a_stream_that_is_cut_again_and_again_misses_nothing() {
    let server = Arc::new(Server::start().await);
    let (run, logs) = waiting(&server).await;
    let writing = {
        let (server, logs) = (Arc::clone(&server), logs.clone());
        tokio::spawn(async move {
            for number in 0..60 {
                write(&server, &logs, "text/plain", format!("{number}\n")).await;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            finish(&server, &run).await;
        })
    };
    let mut seen: Vec<u64> = Vec::new();
    let end = loop {
        let (news, end) = read_sse(&server, &logs, seen.last().copied(), 7).await;
        seen.extend(news);
        if let Some(end) = end {
            break end;
        }
    };
    writing.await.expect("it has written");
    assert_eq!(seen, (1..=60).collect::<Vec<_>>());
    assert_eq!((&end["lines"], &end["closing"]), (&json!(60), &Value::Null));
}

/// What cannot be done again says what it did after its result is stored.
#[tokio::test]
async fn a_stream_of_what_has_an_effect_ends_behind_its_last_line() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let slug = server
        .create(workflow(
            "Post",
            json!([stub.post("send", "slow/300/send")]),
            &[],
        ))
        .await;
    for _ in 0..5 {
        let run = server.start_run(&slug, json!({})).await;
        let logs = format!("/runs/{run}/steps/send/logs");
        let (ids, end) = read_sse(&server, &logs, None, usize::MAX).await;
        let end = end.expect("it ends");
        let lines = lines(&server, &logs).await;
        assert!(!lines.is_empty(), "it says what it was answered");
        assert_eq!(ids.len(), lines.len());
        assert_eq!(end["lines"], json!(lines.len()));
        // Whoever comes later is told the same.
        assert_eq!(
            read_sse(&server, &logs, None, usize::MAX).await,
            (ids, Some(end))
        );
        assert_eq!(server.get(&logs).await["open"], false);
    }
}

#[tokio::test]
async fn killed_while_lines_come_a_log_is_a_beginning_without_gaps() {
    let mut server = Server::start().await;
    let (_, logs) = waiting(&server).await;
    let mut sent = 0_u64;
    for round in 0..5 {
        let mut answered = sent;
        let (client, url) = (server.client.clone(), server.url(&logs));
        let pause = Duration::from_micros(crate::crash::chance(5_000..60_000));
        println!("kill {round} after {pause:?}");
        // A program that writes batches of five until nobody answers.
        let writing = tokio::spawn(async move {
            for batch in 0.. {
                let offset = answered;
                let body: String = (offset + 1..=offset + 5)
                    .map(|number| format!("{number}\n"))
                    .collect();
                let request = client.post(format!("{url}?offset={offset}"));
                let request = request.header("content-type", "text/plain").body(body);
                match request.send().await {
                    Ok(response) if response.status().is_success() => answered += 5,
                    Ok(response) => panic!("batch {batch}: {}", response.status()),
                    Err(_) => return answered,
                }
            }
            answered
        });
        tokio::time::sleep(pause).await;
        server.kill();
        let answered = writing.await.expect("it has written");
        server.restart().await;
        let lines = lines(&server, &logs).await;
        assert_no_gap(&lines);
        let numbers: Vec<String> = (1..=lines.len()).map(|number| number.to_string()).collect();
        assert_eq!(texts(&lines), numbers, "each once, in order");
        assert!(
            lines.len() as u64 >= answered,
            "what was answered is stored"
        );
        assert_eq!(lines.len() % 5, 0, "a batch is stored whole");
        // What was not answered is sent again, from where the log is.
        sent = lines.len() as u64;
    }
}

#[tokio::test]
async fn what_tools_say_of_themselves_holds_no_secret() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let mut step = stub.get("ask", "ok/ask?token=hush");
    step["with"]["headers"] = json!({ "authorization": "Bearer hush" });
    let probe = json!({ "id": "probe", "kind": "tool_call", "tool": "probe.http", "with": { "urls": [format!("{}/ok/a?key=hush", stub.address)] } });
    let slug = server
        .create(workflow("Tell", json!([step, probe]), &[("ask", "probe")]))
        .await;
    let run = server.start_run(&slug, json!({})).await;
    server.until_run(&run, "completed").await;
    for (step, said) in [("ask", "answered 200"), ("probe", "answered 200")] {
        let lines = lines(&server, &format!("/runs/{run}/steps/{step}/logs")).await;
        let texts = texts(&lines).join("\n");
        assert!(texts.contains(said), "{texts}");
        assert!(!texts.contains("hush"), "{texts}");
        assert_eq!(lines[0]["stream"], "note");
    }
}

#[tokio::test]
async fn the_page_of_a_run_shows_the_last_lines_as_text() {
    let server = Server::start().await;
    let (run, logs) = waiting(&server).await;
    let body = "first\n\u{1b}[1;31m<img src=x onerror=alert(1)>\u{1b}[0m\n";
    write(&server, &logs, "text/plain", body).await;
    let page = server
        .client
        .get(format!("{}/runs/{run}", server.address))
        .send()
        .await;
    let html = page.expect("it answers").text().await.expect("text");
    assert!(html.contains("ansi-bold ansi-fg-1"), "the colours");
    assert!(html.contains("&lt;img src=x onerror=alert(1)"), "the text");
    assert!(!html.contains("<img src=x"), "no markup");
    assert!(html.contains(&format!("/api/v1/runs/{run}/steps/job/logs.txt?attempt=1")));
}
