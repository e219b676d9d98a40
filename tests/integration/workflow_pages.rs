//! The pages of workflows as a browser without scripting has them: addresses, forms, and where those lead.

use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, header};
use serde_json::{Value, json};

use crate::server::{Server, workflow};

/// Reads pages and sends their forms, and follows nowhere by itself.
pub struct Browser<'a> {
    server: &'a Server,
    client: Client,
}

impl<'a> Browser<'a> {
    pub fn at(server: &'a Server) -> Self {
        let client = Client::builder().redirect(Policy::none()).no_proxy();
        Self {
            server,
            client: client.build().expect("a client"),
        }
    }

    pub async fn page(&self, path: &str) -> (StatusCode, String) {
        let request = self.client.get(format!("{}{path}", self.server.address));
        let answer = request.header(header::ACCEPT, "text/html").send().await;
        let answer = answer.expect("it answers");
        (answer.status(), answer.text().await.expect("a page"))
    }

    /// Where the form leads, without the address of the server.
    pub async fn send(&self, endpoint: &str, fields: &[(&str, &str)], from: &str) -> String {
        let encoded = |text: &str| {
            let bytes = text.bytes();
            bytes.map(|byte| format!("%{byte:02X}")).collect::<String>()
        };
        let form: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        let address = &self.server.address;
        let request = self.client.post(format!("{address}/rpc/{endpoint}"));
        let answer = request
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "text/html")
            .header(header::REFERER, format!("{address}{from}"))
            .body(form.join("&"))
            .send()
            .await
            .expect("it answers");
        assert_eq!(answer.status(), StatusCode::FOUND);
        let place = answer.headers()[header::LOCATION].to_str().expect("a text");
        let place = place.trim_start_matches(address.as_str());
        place.trim_end_matches('?').to_owned()
    }

    async fn act(&self, slug: &str, act: &str, back: &str) -> String {
        let fields = [("slug", slug), ("act", act), ("back", back)];
        self.send("act_on_workflow", &fields, &format!("/workflows/{slug}"))
            .await
    }
}

fn tagged(name: &str, tags: &[&str]) -> Value {
    let mut new = workflow(name, json!([{ "id": "ask", "kind": "human_gate" }]), &[]);
    new["tags"] = json!(tags);
    new
}

/// The names of the cards, in their order.
fn names(page: &str) -> Vec<&str> {
    let cards = page.split("<article").skip(1);
    let name = |card: &'_ str| -> Option<(usize, usize)> {
        let start = card.find("<h2>")?;
        let start = start + card[start + 4..].find('>')? + 5;
        Some((start, start + card[start..].find('<')?))
    };
    cards
        .filter_map(|card| name(card).map(|(start, end)| &card[start..end]))
        .collect()
}

#[tokio::test]
async fn the_list_is_narrowed_by_shelf_tag_and_words() {
    let server = Server::start().await;
    let browser = Browser::at(&server);
    server.create(tagged("Alpha", &["Ops", "a & b"])).await;
    server.create(tagged("Beta", &["ops"])).await;
    for (path, expected) in [
        ("/workflows?filter=mine", &["Alpha", "Beta"][..]),
        ("/workflows?filter=mine&view=list", &["Alpha", "Beta"]),
        ("/workflows?filter=shared", &[]),
        ("/workflows?tag=OPS&q=alpha", &["Alpha"]),
        ("/workflows?tag=a+%26+b", &["Alpha"]),
        ("/workflows?q=alpha+beta", &[]),
        ("/workflows?filter=templates&q=survey", &["Endpoint survey"]),
    ] {
        let (status, page) = browser.page(path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert_eq!(names(&page), expected, "{path}");
    }
    let (_, page) = browser.page("/workflows?filter=templates").await;
    assert!(page.contains("class=\"sketch\""), "templates are drawn");
    let (_, page) = browser.page("/workflows?q=%3Cscript%3E").await;
    assert!(page.contains("Nothing fits.") && !page.contains("<script>\""));
    let long = format!("/workflows?q={}", "x".repeat(201));
    for wrong in [
        "/workflows?filter=others",
        "/workflows?after=none",
        long.as_str(),
    ] {
        let (status, page) = browser.page(wrong).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        assert!(page.contains("role=\"alert\""), "{wrong}");
    }
}

#[tokio::test]
async fn a_long_list_has_pages() {
    let server = Server::start().await;
    let browser = Browser::at(&server);
    for number in 0..50 {
        server.create(tagged(&format!("W {number:02}"), &[])).await;
    }
    let (_, page) = browser.page("/workflows?filter=mine").await;
    assert_eq!(names(&page).len(), 48);
    assert!(page.contains("50 workflows, 48 on this page"));
    let next = page
        .find("/workflows?filter=mine&amp;after=")
        .or(page.find("/workflows?filter=mine&after="));
    let next = &page[next.expect("a way on")..];
    let next = next[..next.find('"').expect("its end")].replace("&amp;", "&");
    let (_, page) = browser.page(&next).await;
    assert_eq!(names(&page), ["W 48", "W 49"]);
    assert!(!page.contains("More workflows"));
}

#[tokio::test]
async fn what_is_deleted_on_the_list_is_brought_back_from_the_notice_or_later() {
    let server = Server::start().await;
    let browser = Browser::at(&server);
    server.create(tagged("Alpha", &[])).await;
    let list = "/workflows?filter=mine";
    let told = browser.act("alpha", "delete", list).await;
    assert_eq!(told, "/workflows?filter=mine&changed=alpha");
    let (_, page) = browser.page(&told).await;
    assert!(names(&page).is_empty() && page.contains("has been deleted"));
    let back = browser.act("alpha", "restore", list).await;
    let (_, page) = browser.page(&back).await;
    assert_eq!(names(&page), ["Alpha"]);
    assert!(page.contains("is back."));

    // On its own page one stays there.
    let stays = browser.act("alpha", "delete", "").await;
    assert_eq!(stays, "/workflows/alpha");
    let (status, page) = browser.page(&stays).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("Restore it") && !page.contains("Start a run"));
    let (_, page) = browser.page("/workflows?filter=deleted").await;
    assert_eq!(names(&page), ["Alpha"]);
    // Wherever the form says that it came from, it leads to no other place.
    let elsewhere = browser.act("alpha", "restore", "//example.org/").await;
    assert_eq!(elsewhere, "/workflows/alpha");
    let refused = browser.act("endpoint-survey", "delete", list).await;
    let (_, page) = browser.page(&refused).await;
    assert!(page.contains("comes with the product"), "{refused}");
}

#[tokio::test]
async fn a_draft_begins_as_a_template_a_copy_or_a_text() {
    let server = Server::start().await;
    let browser = Browser::at(&server);
    server.create(tagged("Alpha", &[])).await;
    let draft = async |place: String| {
        let id = place
            .strip_prefix("/workflows/new?draft=")
            .expect("the builder");
        server.get(&format!("/drafts/{id}")).await
    };
    let used = draft(browser.act("endpoint-survey", "use", "/workflows").await).await;
    assert_eq!(used["document"]["name"], "Endpoint survey 2");
    let template = server.get("/workflows/endpoint-survey").await;
    assert_eq!(used["made_from"], template["id"]);
    let copy = draft(browser.act("alpha", "duplicate", "").await).await;
    assert_eq!(copy["document"]["name"], "Alpha 2");

    let import = async |text: &str| {
        let fields = [("document", text)];
        browser.send("import_draft", &fields, "/workflows").await
    };
    let text = "name: Pasted\nsteps:\n  - id: ask\n    kind: human_gate\n";
    let pasted = draft(import(text).await).await;
    assert_eq!(pasted["document"]["name"], "Pasted");
    for wrong in [text.replace("Pasted", "Alpha").as_str(), "steps: 1", ""] {
        let refused = import(wrong).await;
        assert!(refused.starts_with("/workflows?"), "{refused}");
        let (_, page) = browser.page(&refused).await;
        assert!(page.contains("role=\"alert\""), "{wrong}");
    }

    let place = browser.act("alpha", "save_as_template", "").await;
    assert_eq!(place, "/workflows/alpha-template");
    let (_, page) = browser.page(&place).await;
    assert!(page.contains("No longer a template"));
    browser.act("alpha-template", "withdraw_template", "").await;
    let plain = server.get("/workflows/alpha-template").await;
    assert_eq!(plain["is_template"], false);
}

/// Ends whatever it may stand in, and would begin something.
const MARKUP: &str = "</textarea></title></script></style>\"'><x-mark>";

#[tokio::test]
async fn nothing_that_somebody_wrote_becomes_markup() {
    let server = Server::start().await;
    let text = |more: Value| {
        let mut field = json!({ "type": "string", "title": MARKUP, "description": MARKUP });
        let fields = field.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        field
    };
    let gate = |id: &str| json!({ "id": id, "kind": "human_gate", "name": MARKUP, "description": MARKUP, "message": MARKUP, "show": ["$input.long"] });
    let document = json!({ "name": MARKUP, "description": MARKUP, "tags": ["<x-mark>"],
        "inputs": { "type": "object", "properties": {
            "short": text(json!({ "default": MARKUP })),
            "long": text(json!({ "format": "textarea", "default": MARKUP })),
            "list": { "type": "array", "items": { "type": "string" }, "default": [MARKUP] },
            "any": { "type": "object", "default": { "a": MARKUP } },
            "one": text(json!({ "enum": [MARKUP, "b"], "default": MARKUP })),
        } },
        "steps": [gate("ask"), gate("again")],
        "edges": [{ "from": "ask", "to": "again", "label": MARKUP }] });
    let (_, created) = server.post("/workflows", document).await;
    let slug = created["slug"].as_str().expect("a slug").to_owned();
    let run = server.start_run(&slug, json!({})).await;
    let ends = json!({ "name": "Ends", "inputs": { "type": "object" },
        "steps": [{ "id": "made", "kind": "transform", "name": MARKUP, "set": { "all": "$input.text" } }] });
    let ended = server
        .start_run(&server.create(ends).await, json!({ "text": MARKUP }))
        .await;
    server.until_run(&ended, "completed").await;
    let browser = Browser::at(&server);
    let (_, draft) = server.post("/drafts", json!({ "workflow": slug })).await;
    let again = format!("/runs/{ended}?step=made");
    let (_, page) = browser.page(&again).await;
    assert!(
        page.contains("fork-input-made"),
        "a new run can have another input"
    );
    let pages = [
        again,
        format!("/runs/{ended}?only=completed"),
        format!("/runs/{ended}?view=graph&step=made"),
        format!("/runs/{ended}?view=timeline"),
        format!("/runs/{ended}?view=events"),
        format!("/runs/{ended}/compare"),
        "/".to_owned(),
        "/workflows".to_owned(),
        "/workflows?q=%3Cx-mark%3E&tag=%3Cx-mark%3E".to_owned(),
        format!("/workflows/{slug}"),
        format!("/workflows/{slug}/edit"),
        format!("/workflows/{slug}/versions"),
        format!(
            "/workflows/new?draft={}",
            draft["id"].as_str().expect("a draft")
        ),
        "/workflows/%3Cx-mark%3E".to_owned(),
        "/runs".to_owned(),
        format!("/runs/{run}"),
        "/approvals".to_owned(),
        "/nowhere/%3Cx-mark%3E".to_owned(),
    ];
    for path in pages {
        let (status, page) = browser.page(&path).await;
        let is_missing = path.starts_with("/nowhere") || path.ends_with("/%3Cx-mark%3E");
        let expected = if is_missing {
            StatusCode::NOT_FOUND
        } else {
            StatusCode::OK
        };
        assert_eq!(status, expected, "{path}");
        let said = page.find("<x-mark").map(|at| {
            page[at.saturating_sub(120)..]
                .chars()
                .take(160)
                .collect::<String>()
        });
        assert_eq!(said, None, "{path}");
    }
    // What stands in a field is what was meant, to the letter.
    let (_, page) = browser.page(&format!("/workflows/{slug}")).await;
    let written = MARKUP.replace('<', "&lt;").replace('>', "&gt;");
    assert!(
        page.contains(&format!("\n{written}</textarea>")),
        "the line break belongs to the tag"
    );
}
