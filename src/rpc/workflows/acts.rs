//! What a person does with a workflow on its page or on a list.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::driver::service::{AuthoringError, Beginning, Service};
use crate::engine::reading;
use crate::engine::workflow::{Workflow, slug_of};
use crate::rpc::LOCAL_ACTOR;
use crate::rpc::error::PageError;

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Act {
    Use,
    Duplicate,
    SaveAsTemplate,
    WithdrawTemplate,
    Delete,
    Restore,
}

pub(super) async fn act(
    service: &Service,
    slug: &str,
    act: Act,
    back: &str,
) -> Result<(), PageError> {
    let next = match act {
        Act::Use => Some(begin(service, Beginning::Template(slug.to_owned())).await?),
        Act::Duplicate => Some(begin(service, Beginning::Copy(slug.to_owned())).await?),
        Act::SaveAsTemplate => {
            let template = service
                .save_as_template(slug, None, None, LOCAL_ACTOR)
                .await?;
            Some(format!("/workflows/{}", template.slug))
        }
        Act::WithdrawTemplate => {
            service.withdraw_template(slug).await?;
            None
        }
        Act::Delete => {
            service.delete_workflow(slug).await?;
            list_with(back, slug)
        }
        Act::Restore => {
            service.undelete_workflow(slug).await?;
            list_with(back, slug)
        }
    };
    // Otherwise the page that asked is shown again.
    if let Some(next) = next {
        leptos_axum::redirect(&next);
    }
    Ok(())
}

/// The builder with a new draft.
async fn begin(service: &Service, beginning: Beginning) -> Result<String, PageError> {
    let begun = service.begin_draft(beginning, LOCAL_ACTOR).await?;
    Ok(format!("/workflows/new?draft={}", begun.draft.id))
}

/// The list that it was asked from, which then tells of the workflow. None when that was no list, or is no address that
/// a page of ours would send.
fn list_with(back: &str, slug: &str) -> Option<String> {
    let is_list = back == "/workflows" || back.starts_with("/workflows?");
    if !is_list || !back.chars().all(|c| c.is_ascii_graphic()) {
        return None;
    }
    let sign = if back.contains('?') { '&' } else { '?' };
    let slug = utf8_percent_encode(slug, NON_ALPHANUMERIC);
    Some(format!("{back}{sign}changed={slug}"))
}

pub(super) async fn import(service: &Service, document: &str) -> Result<(), PageError> {
    let definition = read(document)?;
    let slug = slug_of(&definition);
    if let Some(row) = service.store().workflow(&slug).await? {
        if row.deleted_at.is_some() {
            return Err(AuthoringError::SlugOfDeleted(slug).into());
        }
        let message = format!(
            "There is a workflow “{}” with the short name `{slug}` already. Give this one another `name`, and another `slug` if it has one.",
            row.name
        );
        return Err(PageError::new(409, "slug_taken", message));
    }
    let beginning = Beginning::Document(Box::new(definition));
    leptos_axum::redirect(&begin(service, beginning).await?);
    Ok(())
}

/// JSON begins with a bracket; everything else is YAML.
fn read(document: &str) -> Result<Workflow, PageError> {
    let text = document.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        let message = "Paste the text of a workflow first, as YAML or JSON.";
        return Err(PageError::new(422, "unreadable_workflow", message));
    }
    let read = if text.trim_start().starts_with('{') {
        reading::from_json(text.as_bytes())
    } else {
        reading::check_size(text.as_bytes())
            .and_then(|()| serde_saphyr::from_str(text).map_err(|error| error.to_string()))
    };
    read.map_err(|error| {
        let message = format!("This is no workflow yet: {error}");
        PageError::new(422, "unreadable_workflow", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_of_the_list_is_gone_back_to() {
        for (back, next) in [
            ("/workflows", Some("/workflows?changed=a%2Db")),
            (
                "/workflows?filter=mine&q=%C3%BC",
                Some("/workflows?filter=mine&q=%C3%BC&changed=a%2Db"),
            ),
            ("", None),
            ("/workflows/a-b", None),
            ("//example.org/workflows?", None),
            ("https://example.org/workflows", None),
            ("/workflows?q=\u{fc}", None),
            ("/workflows?\r\nset-cookie: a=b", None),
        ] {
            assert_eq!(list_with(back, "a-b").as_deref(), next, "{back:?}");
        }
    }

    #[test]
    fn a_workflow_is_read_from_yaml_and_from_json() {
        for text in [
            "name: One\nsteps:\n  - id: a\n    kind: human_gate\n",
            "\u{feff}{\"name\": \"One\", \"steps\": [{\"id\": \"a\", \"kind\": \"human_gate\"}]}",
        ] {
            let workflow = read(text).expect("a workflow");
            assert_eq!((workflow.name.as_str(), workflow.steps.len()), ("One", 1));
        }
        for (text, part) in [
            (" \n", "Paste the text"),
            ("{", "EOF"),
            ("name: One\nstepz: []\n", "stepz"),
            ("just words", "no workflow yet"),
        ] {
            let refused = read(text).expect_err("no workflow");
            assert_eq!(refused.status, 422, "{text}");
            assert!(refused.message.contains(part), "{}", refused.message);
        }
    }
}
