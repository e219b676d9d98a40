//! Reading a workflow from text. What is too large or nests too deep is refused before a parser looks at it: parsers
//! call themselves for each level, and a browser has little room for that.

use super::limits::{DEFINITION_BYTES_MAX, DOCUMENT_DEPTH_MAX};
use super::workflow::Workflow;

/// From JSON. The error is a sentence for the author, with line and column where there are some.
pub fn from_json(text: &[u8]) -> Result<Workflow, String> {
    check_size(text)?;
    if deepest(text) > DOCUMENT_DEPTH_MAX {
        return Err(format!("it nests deeper than {DOCUMENT_DEPTH_MAX} levels"));
    }
    serde_json::from_slice(text).map_err(|error| error.to_string())
}

/// Whether the text may be read at all, in whatever language it is.
pub fn check_size(text: &[u8]) -> Result<(), String> {
    if text.len() > DEFINITION_BYTES_MAX {
        return Err(format!(
            "it has {} bytes; {DEFINITION_BYTES_MAX} are allowed",
            text.len()
        ));
    }
    Ok(())
}

/// How many lists and objects are open at once, going by the brackets outside of texts.
fn deepest(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0usize, 0usize);
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => {
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'\\' => drop(bytes.next()),
                        b'"' => break,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_texts_do_not_count() {
        for (text, depth) in [
            (r#"{"a": [1, {"b": []}]}"#, 4),
            (r#"{"a": "[[[["}"#, 1),
            (r#"{"a\"[[": [1]}"#, 2),
            ("]]]]", 0),
            (r#"""#, 0),
        ] {
            assert_eq!(deepest(text.as_bytes()), depth, "{text}");
        }
    }

    #[test]
    fn what_is_refused_is_refused_with_a_reason() {
        let large = vec![b' '; DEFINITION_BYTES_MAX + 1];
        assert!(from_json(&large).expect_err("too large").contains("bytes"));
        let deep = "[".repeat(100_000);
        assert!(
            from_json(deep.as_bytes())
                .expect_err("too deep")
                .contains("levels")
        );
        let unknown = br#"{ "name": "W", "steps": [], "stesp": [] }"#;
        assert!(from_json(unknown).expect_err("unknown").contains("line 1"));
        let fine = from_json(br#"{ "name": "W", "steps": [] }"#).expect("a workflow");
        assert_eq!(fine.name, "W");
    }
}
