//! The list of runs as a browser without scripting has it: addresses, forms, and where those lead.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::server::{Server, workflow};
use crate::workflow_pages::Browser;

crate::server::also_on_postgres!(
    the_list_is_narrowed_and_turned_by_addresses,
    an_address_that_cannot_be_read_says_which_field,
    a_filter_is_saved_and_found_again,
    runs_are_cancelled_together_once_it_is_told_what_would_become_of_each,
    failed_runs_are_retried_together_and_not_twice,
    what_an_act_would_do_is_told_on_the_page_and_done_by_a_plain_form,
);

fn asking(name: &str) -> Value {
    let mut new = workflow(name, json!([{ "id": "ask", "kind": "human_gate" }]), &[]);
    new["inputs"] = json!({ "type": "object" });
    new
}

/// The ids of the rows, in their order.
fn rows(page: &str) -> Vec<String> {
    let links = page.split("<a ").skip(1);
    let heads = links.filter_map(|link| link.split('>').next());
    heads
        .filter(|head| head.contains("class=\"run-row"))
        .filter_map(|head| {
            let id = &head[head.find("href=\"/runs/")? + "href=\"/runs/".len()..];
            Some(id[..id.find('"')?].to_owned())
        })
        .collect()
}

/// The address that a link of this word leads to.
fn way(page: &str, word: &str) -> Option<String> {
    let links = page.split("<a ").skip(1);
    let mut links = links.filter(|link| {
        let text = link.split("</a>").next().unwrap_or_default();
        text.ends_with(&format!(">{word}")) || text.contains(&format!(">{word}<"))
    });
    let link = links.find(|link| {
        !link
            .split('>')
            .next()
            .unwrap_or_default()
            .contains("hidden")
    })?;
    let from = link.find("href=\"")? + "href=\"".len();
    let href = &link[from..];
    Some(href[..href.find('"')?].replace("&amp;", "&"))
}

/// The value of the hidden field of that name.
fn hidden(page: &str, name: &str) -> Option<String> {
    let mut inputs = page.split("<input ").skip(1);
    let input = inputs.find(|input| {
        let head = input.split('>').next().unwrap_or_default();
        head.contains("type=\"hidden\"") && head.contains(&format!("name=\"{name}\""))
    })?;
    let head = input.split('>').next()?;
    let from = head.find("value=\"")? + "value=\"".len();
    Some(head[from..][..head[from..].find('"')?].replace("&amp;", "&"))
}

async fn page(browser: &Browser<'_>, path: &str) -> String {
    let (status, page) = browser.page(path).await;
    assert_eq!(status, StatusCode::OK, "{path}");
    page
}

#[tokio::test]
async fn the_list_is_narrowed_and_turned_by_addresses() {
    let server = Server::start().await;
    let browser = Browser::at(&server);
    assert!(page(&browser, "/runs").await.contains("No runs yet."));
    server.create(asking("Alpha")).await;
    let mut runs = Vec::new();
    for n in 0..53 {
        runs.push(
            server
                .start_run("alpha", json!({ "n": format!("number-{n}.") }))
                .await,
        );
    }
    runs.reverse();
    let first = page(&browser, "/runs").await;
    assert_eq!(rows(&first), runs[..50]);
    assert!(first.contains("Runs 1–50 of 53"), "{first}");
    assert_eq!(way(&first, "Newer"), None);
    let second = page(&browser, &way(&first, "Older").expect("a way on")).await;
    assert_eq!(rows(&second), runs[50..]);
    assert!(second.contains("Runs 51–53 of 53"));
    assert_eq!(way(&second, "Older"), None);
    let back = page(&browser, &way(&second, "Newer").expect("a way back")).await;
    assert_eq!(rows(&back), runs[..50]);
    assert!(back.contains("Runs 1–50 of 53"));

    // As a form without scripting sends it.
    let narrowed =
        "/runs?status=waiting&q=NUMBER-7.&workflow=&version=&tag=&started_by=&from=&until=";
    let narrowed = page(&browser, narrowed).await;
    assert_eq!(rows(&narrowed), [runs[45].clone()]);
    assert!(narrowed.contains("State: Waiting") && narrowed.contains("Input: NUMBER-7."));
    let nothing = page(&browser, "/runs?status=failed&q=number-7.").await;
    assert!(nothing.contains("Nothing fits.") && nothing.contains("No runs"));
    assert!(
        nothing.contains("href=\"/runs?q=number-7.\""),
        "without the state"
    );
    let far = page(&browser, "/runs?older=1.a").await;
    assert!(far.contains("Nothing further back."));
    let strange = page(&browser, "/runs?q=%3Cscript%3E%22").await;
    assert!(!strange.contains("<script>\"") && strange.contains("Nothing fits."));
}

#[tokio::test]
async fn an_address_that_cannot_be_read_says_which_field() {
    let server = Server::start().await;
    let browser = Browser::at(&server);
    for (query, says) in [
        ("from=yesterday", "`from` is `yesterday`; it takes a day"),
        ("status=odd&tag=kept", "`status` is `odd`"),
        ("workflow=none", "there is no `none`"),
        ("older=x", "begin with its first page"),
    ] {
        let (status, page) = browser.page(&format!("/runs?{query}")).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        assert!(
            page.contains("role=\"alert\"") && page.contains(says),
            "{query}: {page}"
        );
        assert!(page.contains("Narrow the list"), "the form is still there");
    }
}

#[tokio::test]
async fn a_filter_is_saved_and_found_again() {
    let server = Server::start().await;
    let browser = Browser::at(&server);
    let save = async |name: &str, query: &str| {
        let fields = [("name", name), ("query", query)];
        browser.send("save_filter", &fields, "/runs").await
    };
    let change = async |name: &str, act: &str, to: &str| {
        let fields = [("name", name), ("act", act), ("to", to), ("query", "tag=a")];
        browser.send("change_filter", &fields, "/runs").await
    };
    assert_eq!(
        save("Night & <b>", "q=50%25").await,
        "/runs?q=50%25&told=saved"
    );
    let told = page(&browser, "/runs?q=50%25&told=saved").await;
    assert!(told.contains("The filter is saved.") && told.contains("Night &amp; &lt;b"));
    assert!(
        page(&browser, "/runs")
            .await
            .contains("href=\"/runs?q=50%25\"")
    );
    assert_eq!(save("x", "").await, "/runs?told=filter");
    assert_eq!(save(" ", "tag=a").await, "/runs?tag=a&told=name");
    assert_eq!(
        save("x", "tag=a&next=//example.org").await,
        "/runs?tag=a&told=saved"
    );
    assert_eq!(
        change("x", "rename", "Night & <b>").await,
        "/runs?tag=a&told=taken"
    );
    assert_eq!(change("x", "rename", "y").await, "/runs?tag=a&told=renamed");
    assert_eq!(change("x", "remove", "").await, "/runs?tag=a&told=gone");
    assert_eq!(change("y", "remove", "").await, "/runs?tag=a&told=removed");
    assert_eq!(change("y", "odd", "").await, "/runs?tag=a&told=failed");
}

#[tokio::test]
async fn runs_are_cancelled_together_once_it_is_told_what_would_become_of_each() {
    let server = Server::start().await;
    let browser = Browser::at(&server);
    server.create(asking("Alpha")).await;
    let mut runs = Vec::new();
    for n in 0..3 {
        let run = server.start_run("alpha", json!({ "n": n })).await;
        server.gate(&run).await;
        runs.push(run);
    }
    server.act(&runs[2], "cancel").await;
    server.until_run(&runs[2], "cancelled").await;
    let list = page(&browser, "/runs?workflow=alpha&select=all").await;
    assert_eq!(list.matches("name=\"run\"").count(), 3);
    let asked = format!(
        "/runs/bulk?act=cancel&run={}&run={}&run={}&run=none&back=workflow%3Dalpha",
        runs[0], runs[1], runs[2]
    );
    let asked = page(&browser, &asked).await;
    assert!(
        asked.contains("It would be done with 2 of 3 runs."),
        "{asked}"
    );
    assert!(asked.contains("Is left alone: it has ended already."));
    assert!(asked.contains("No longer there: 1 run."));
    assert_eq!(
        server.run(&runs[0]).await["status"],
        "waiting",
        "nothing is done yet"
    );
    let named = hidden(&asked, "runs").expect("the runs");
    let fields = [
        ("act", "cancel"),
        ("runs", named.as_str()),
        ("comment", "Not today"),
        ("back", "workflow=alpha"),
    ];
    for says in ["Done with 2 of 2 runs.", "Done with 0 of 2 runs."] {
        let told = browser.send("act_on_runs", &fields, "/runs").await;
        for run in &runs[..2] {
            server.until_run(run, "cancelled").await;
        }
        let told = page(&browser, &told).await;
        assert!(told.contains(says), "{told}");
        assert!(told.contains("href=\"/runs?workflow=alpha\""));
    }
    let events = server.events(&runs[0]).await;
    assert!(
        events
            .iter()
            .any(|event| event.to_string().contains("Not today"))
    );
    for (path, says) in [
        ("/runs/bulk?act=cancel", "No run is chosen."),
        ("/runs/bulk?act=odd&run=a", "must be cancel or retry"),
        (
            &format!("/runs/bulk?act=retry{}", "&run=x".repeat(3)),
            "No longer there: 1 run.",
        ),
    ] {
        let (status, page) = browser.page(path).await;
        assert!(page.contains(says), "{path}: {page}");
        assert!(!status.is_server_error(), "{path}: {status}");
    }
    let many: String = (0..101).map(|n| format!("&run=r{n}")).collect();
    let (status, _) = browser.page(&format!("/runs/bulk?act=cancel{many}")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn failed_runs_are_retried_together_and_not_twice() {
    let server = Server::start().await;
    let browser = Browser::at(&server);
    server.create(asking("Alpha")).await;
    let mut runs = Vec::new();
    for n in 0..2 {
        let run = server.start_run("alpha", json!({ "n": n })).await;
        let gate = server.gate(&run).await;
        server.decide(&gate, "reject").await;
        server.until_run(&run, "failed").await;
        runs.push(run);
    }
    let waiting = server.start_run("alpha", json!({})).await;
    let asked = format!(
        "/runs/bulk?act=retry&run={}&run={}&run={waiting}",
        runs[0], runs[1]
    );
    let asked = page(&browser, &asked).await;
    assert!(
        asked.contains("It would be done with 2 of 3 runs."),
        "{asked}"
    );
    assert!(asked.contains("Is left alone: it has not ended."));
    let named = hidden(&asked, "runs").expect("the runs");
    let fields = [
        ("act", "retry"),
        ("runs", named.as_str()),
        ("comment", ""),
        ("back", ""),
    ];
    let told = browser.send("act_on_runs", &fields, "/runs").await;
    assert!(
        page(&browser, &told)
            .await
            .contains("Done with 2 of 2 runs.")
    );
    // Whatever has become of them since: what was shown has gone on.
    let gate = server.gate(&runs[0]).await;
    server.decide(&gate, "reject").await;
    server.until_run(&runs[0], "failed").await;
    let before = server.events(&runs[0]).await.len();
    let told = browser.send("act_on_runs", &fields, "/runs").await;
    let told = page(&browser, &told).await;
    assert!(told.contains("it has gone on since it was shown"), "{told}");
    assert_eq!(server.events(&runs[0]).await.len(), before);
}

#[tokio::test]
async fn what_an_act_would_do_is_told_on_the_page_and_done_by_a_plain_form() {
    let server = Server::start().await;
    let browser = Browser::at(&server);
    server.create(asking("Alpha")).await;
    let run = server.start_run("alpha", json!({})).await;
    server.gate(&run).await;
    let address = format!("/runs/{run}");
    let waits = page(&browser, &address).await;
    for says in [
        "Not done any more: “Ask”. What has been done stays done.",
        "Nothing else starts until the run is resumed.",
        "Approve: Nothing else waits for this answer.",
        "Reject: The step fails, and the run with it.",
    ] {
        assert!(waits.contains(says), "{says}: {waits}");
    }
    let fields = [
        ("run_id", run.as_str()),
        ("act", "cancel"),
        ("comment", "Not today"),
    ];
    browser.send("act_on_run", &fields, &address).await;
    server.until_run(&run, "cancelled").await;
    let ended = page(&browser, &address).await;
    for says in [
        "Cancelled by local: “Not today”",
        "A new run of version 1 begins with the same input; people are asked anew.",
    ] {
        assert!(ended.contains(says), "{says}: {ended}");
    }
    assert!(!ended.contains("Cancel run…"));
}
