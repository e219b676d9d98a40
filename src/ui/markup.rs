//! Pieces of a page in which nothing ever changes, written as text and set as a whole. A view would have a type for each
//! element, with code that draws it, takes it over and changes it. Whatever is put in is escaped here, in one place.

use html_escape::{encode_double_quoted_attribute_to_string, encode_text, encode_text_to_string};
use leptos::prelude::*;

/// What stands in a text area from the beginning. The library writes it as it is, and a text with `</textarea>` in it would go
/// on as markup. The first line break belongs to the tag.
pub fn as_written(text: &str) -> String {
    format!("\n{}", encode_text(text))
}

#[derive(Default)]
pub struct Markup(String);

impl Markup {
    pub fn text(&mut self, text: &str) {
        encode_text_to_string(text, &mut self.0);
    }

    /// An element that has an end, with whatever `inside` writes. Names are ours; values may be anybody's.
    pub fn element(
        &mut self,
        name: &'static str,
        attributes: &[(&'static str, &str)],
        inside: &mut dyn FnMut(&mut Self),
    ) {
        self.0.push('<');
        self.0.push_str(name);
        for (attribute, value) in attributes {
            self.0.push(' ');
            self.0.push_str(attribute);
            self.0.push_str("=\"");
            encode_double_quoted_attribute_to_string(value, &mut self.0);
            self.0.push('"');
        }
        self.0.push('>');
        inside(self);
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }

    /// An element with nothing but a text in it.
    pub fn words(&mut self, name: &'static str, attributes: &[(&'static str, &str)], text: &str) {
        self.element(name, attributes, &mut |inside| inside.text(text));
    }

    /// In a place of its own, of which nothing is seen.
    pub fn draw(self) -> AnyView {
        view! { <div class="markup" inner_html=self.0></div> }.into_any()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_put_in_stays_text() {
        let mut markup = Markup::default();
        let odd = "</p><script>alert(\"1\")</script>&lt;'\u{0}";
        markup.element("p", &[("title", odd), ("class", "a")], &mut |inside| {
            inside.text(odd);
            inside.words("b", &[], "x");
        });
        let written = markup.0;
        assert_eq!(written.matches('<').count(), 4, "{written}");
        assert_eq!(written.matches("\"").count(), 4 + 2, "{written}");
        assert!(written.starts_with("<p title=\"&lt;/p&gt;&lt;script&gt;alert(&quot;1&quot;)"));
        assert!(written.contains("&amp;lt;'\u{0}<b>x</b></p>"));
    }
}
