//! What was done on one page and is said on the next, once.

use leptos::prelude::*;

/// The address of the page that says it, and the sentence.
#[derive(Clone, Copy, Default)]
pub struct News(StoredValue<Option<(String, String)>>);

impl News {
    pub fn provide() {
        provide_context(Self::default());
    }

    /// To be said on the page of that path. Told by an act in a browser; a page as the server sends it has no news.
    pub fn tell(self, path: &str, sentence: String) {
        self.0.set_value(Some((path.to_owned(), sentence)));
    }

    /// What is to be said on this page.
    pub fn take(self, path: &str) -> Option<String> {
        let found = self
            .0
            .try_update_value(|news| news.take_if(|(of, _)| of == path));
        found.flatten().map(|(_, sentence)| sentence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_is_said_once_and_on_its_page() {
        let owner = Owner::new();
        owner.set();
        let news = News::default();
        news.tell("/workflows/a", "Version 2 is published.".to_owned());
        assert_eq!(news.take("/workflows"), None);
        let said = news.take("/workflows/a");
        assert_eq!(said.as_deref(), Some("Version 2 is published."));
        assert_eq!(news.take("/workflows/a"), None);
    }
}
