//! How large a value may be before it goes into the log. The log is read back by a parser with a bound of its own,
//! so what passes here can always be read again.

use serde_json::Value;

use super::limits::{MESSAGE_CHARS_MAX, OUTPUT_BYTES_MAX, VALUE_DEPTH_MAX};

/// Whether the log may hold the value. The error ends a sentence that begins with what the value is.
pub fn check(value: &Value) -> Result<(), String> {
    if deeper_than(value, VALUE_DEPTH_MAX) {
        return Err(format!("nests deeper than {VALUE_DEPTH_MAX} levels"));
    }
    check_size(value)
}

/// As `check`, for what is made of values that have been checked.
pub fn check_size(value: &Value) -> Result<(), String> {
    check_sum(json_bytes(value))
}

/// A sentence for the log: what is longer than a message may be is cut, and marked so.
pub fn sentence(text: String) -> String {
    match text.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((cut, _)) => format!("{} … (cut)", &text[..cut]),
        None => text,
    }
}

/// A list or an object is one level, whatever it holds comes below it.
fn deeper_than(value: &Value, levels: usize) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        Value::Array(_) | Value::Object(_) if levels == 0 => true,
        Value::Array(items) => items.iter().any(|item| deeper_than(item, levels - 1)),
        Value::Object(fields) => fields.values().any(|field| deeper_than(field, levels - 1)),
    }
}

/// As `check_size`, for the sum of values that come together.
pub(in crate::engine) fn check_sum(bytes: usize) -> Result<(), String> {
    if bytes > OUTPUT_BYTES_MAX {
        return Err(format!(
            "is larger than {OUTPUT_BYTES_MAX} bytes; keep large results as an artifact"
        ));
    }
    Ok(())
}

/// Is its JSON text longer than that? Stops counting there.
pub(in crate::engine) fn is_longer(value: &impl serde::Serialize, bytes: usize) -> bool {
    struct Left(usize);
    impl std::io::Write for Left {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            match self.0.checked_sub(bytes.len()) {
                Some(left) => {
                    self.0 = left;
                    Ok(bytes.len())
                }
                None => Err(std::io::ErrorKind::FileTooLarge.into()),
            }
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    serde_json::to_writer(Left(bytes), value).is_err()
}

/// Length of the value's JSON text, without making it.
pub(in crate::engine) fn json_bytes(value: &Value) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    match serde_json::to_writer(&mut count, value) {
        Ok(()) => count.0,
        // Counting cannot fail; were it to, the value would be treated as too large.
        Err(_) => usize::MAX,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A list in a list in a list …, `levels` of them.
    pub(crate) fn nested(levels: usize) -> Value {
        (0..levels).fold(Value::Null, |inner, _| Value::Array(vec![inner]))
    }

    #[test]
    fn what_is_let_through_can_be_read_back_from_the_log() {
        let deepest = nested(VALUE_DEPTH_MAX);
        assert_eq!(check(&deepest), Ok(()));
        let text = serde_json::to_string(&deepest).expect("it serialises");
        let back: Value = serde_json::from_str(&text).expect("it can be read");
        assert_eq!(back, deepest);
        assert!(
            check(&nested(VALUE_DEPTH_MAX + 1))
                .expect_err("one level more")
                .contains("levels")
        );
    }

    #[test]
    fn the_size_is_that_of_the_json_text() {
        assert_eq!(json_bytes(&serde_json::json!({ "a": [1, "ü"] })), 14);
        let largest = Value::String("x".repeat(OUTPUT_BYTES_MAX - 2));
        assert_eq!(check(&largest), Ok(()));
        let larger = Value::String("x".repeat(OUTPUT_BYTES_MAX - 1));
        assert!(check(&larger).expect_err("a byte more").contains("bytes"));
    }

    /// A decision that is made again from the log must see the numbers that it saw first, to the last digit.
    #[test]
    fn numbers_come_back_from_the_log_as_they_were() {
        let mut bits = 1u64;
        for _ in 0..20_000 {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let number = f64::from_bits(bits);
            if number.is_finite() {
                let text = serde_json::to_string(&number).expect("it serialises");
                let back: Value = serde_json::from_str(&text).expect("it can be read");
                assert_eq!(back, Value::from(number), "{text}");
            }
        }
    }
}
