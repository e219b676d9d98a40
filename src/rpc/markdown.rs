//! Markdown as safe HTML. Reports hold text from the outside world, so markup in it is shown as text, and links lead
//! only to the web.

use pulldown_cmark::{Alignment, Event, Options, Parser, Tag, TagEnd, html};

use super::error::tells_refusal;

pub(super) fn to_html(markdown: &str) -> String {
    let parser = Parser::new_ext(
        markdown,
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH,
    );
    let mut open_links: Vec<bool> = Vec::new();
    let events = parser.filter_map(|event| match event {
        // Alignment would become inline styles, which the page's policy refuses.
        Event::Start(Tag::Table(columns)) => Some(Event::Start(Tag::Table(vec![
            Alignment::None;
            columns.len()
        ]))),
        Event::Html(raw) | Event::InlineHtml(raw) => Some(Event::Text(raw)),
        Event::Start(Tag::Link {
            dest_url,
            link_type,
            title,
            id,
        }) => {
            let safe = is_web(&dest_url);
            open_links.push(safe);
            safe.then_some(Event::Start(Tag::Link {
                dest_url,
                link_type,
                title,
                id,
            }))
        }
        Event::End(TagEnd::Link) => open_links
            .pop()
            .unwrap_or(false)
            .then_some(Event::End(TagEnd::Link)),
        // A picture would be a request to a place that the report's data chose; its description stays.
        Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => None,
        other => Some(other),
    });
    let mut page = String::new();
    html::push_html(&mut page, events);
    page
}

/// May a report lead there? Not with a refusal in the address: a page of ours would show it as the server's, and a link
/// that is followed inside the pages asks no guard.
fn is_web(url: &str) -> bool {
    let query = url.split('#').next().and_then(|url| url.split_once('?'));
    let tells = query.is_some_and(|(_, query)| query.split('&').any(tells_refusal));
    (url.starts_with("https://") || url.starts_with("http://")) && !tells
}

#[cfg(test)]
mod tests {
    use super::to_html;

    #[test]
    fn reports_are_formatted() {
        let html = to_html(
            "# Health\n\n| Disk | Used |\n| --- | ---: |\n| / | 91 % |\n\n[a](https://example.org) [b](https://example.org/__err?of=__path#__err)",
        );
        assert!(!html.contains("style="), "{html}");
        assert!(html.contains("<h1>Health</h1>") && html.contains("<td>91 %</td>"));
        assert!(html.contains("href=\"https://example.org\""));
        assert!(html.contains("href=\"https://example.org/__err?of=__path#__err\""));
    }

    #[test]
    fn markup_and_addresses_from_the_data_do_nothing() {
        for hostile in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "[a](http://127.0.0.1:3000/runs?__path=a&__err=b)",
            "[a](http://127.0.0.1:3000/runs?__path=a&%5F%5ferr=b)",
            "[x](javascript:alert(1))",
            "[x](data:text/html,<script>alert(1)</script>)",
            "![x](http://attacker/beacon)",
            "<a href=\"javascript:alert(1)\">x</a>",
            "[x](JaVaScRiPt:alert(1))",
            "<svg/onload=alert(1)>",
        ] {
            let html = to_html(hostile);
            for forbidden in [
                "<script",
                "<img",
                "<svg",
                "<a href=\"j",
                "<a href=\"d",
                "<a href=\"J",
                "<a href=\"http://127",
            ] {
                assert!(!html.contains(forbidden), "{hostile} became {html}");
            }
        }
    }
}
