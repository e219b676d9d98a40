//! Whose messages count: Standard Webhooks signatures (`HMAC-SHA256` over `id.timestamp.body`), verified here because
//! the crate of that name reads the machine's clock itself. Pure: the moment comes in as an argument.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;

use crate::driver::clock::Clock;
use crate::engine::time::Timestamp;
use crate::store::WebhookKey;

/// How far a message's time may be from ours, either way.
const WINDOW_MS: u64 = 300_000;
/// Characters of a message's id. It becomes part of a start key.
const ID_CHARS_MAX: usize = 200;
/// Signatures of one message: one a key, and a sender has few.
const SIGNATURES_MAX: usize = 10;
/// What the text of a key begins with.
const SECRET_PREFIX: &str = "whsec_";

/// A message as it came in. A header that was not sent, or is no text, is empty.
pub struct Signed<'a> {
    /// `webhook-id`: the same for every try to deliver it.
    pub id: &'a str,
    /// `webhook-timestamp`: seconds since 1970.
    pub timestamp: &'a str,
    /// `webhook-signature`: `v1,<base64>`, several with spaces between.
    pub signatures: &'a str,
    pub body: &'a [u8],
}

/// Why a message does not count. Tells a sender what to mend, and a stranger nothing about the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotAccepted {
    #[error(
        "the message is not signed; send `webhook-id`, `webhook-timestamp` and `webhook-signature` as Standard Webhooks has them"
    )]
    NotSigned,
    #[error(
        "the message's time is more than five minutes from the server's; sign it anew when it is sent again"
    )]
    OutOfTime,
    #[error("no signature of the message fits its content and a key of this webhook")]
    WrongSignature,
}

/// Whether the message was signed with one of the keys, just now.
pub fn verify(
    message: &Signed<'_>,
    keys: &[WebhookKey],
    now: Timestamp,
) -> Result<(), NotAccepted> {
    let id_is_fit = !message.id.is_empty()
        && message.id.len() <= ID_CHARS_MAX
        && message
            .id
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'.');
    if !id_is_fit || message.signatures.is_empty() {
        return Err(NotAccepted::NotSigned);
    }
    let sent_at = message
        .timestamp
        .parse::<i64>()
        .map_err(|_| NotAccepted::NotSigned)?;
    let sent_at = Timestamp::from_micros(sent_at.saturating_mul(1_000_000));
    if now.ms_since(sent_at).max(sent_at.ms_since(now)) > WINDOW_MS {
        return Err(NotAccepted::OutOfTime);
    }
    let counting = keys
        .iter()
        .filter(|key| key.until.is_none_or(|until| now < until));
    for key in counting.filter_map(|key| bytes_of(&key.secret)) {
        let signed = signatures(message.signatures).any(|given| fits(&key, message, &given));
        if signed {
            return Ok(());
        }
    }
    Err(NotAccepted::WrongSignature)
}

/// A new key, as its owner is shown it once.
pub fn new_key(clock: &dyn Clock) -> String {
    let mut bytes = [0; 32];
    for part in bytes.chunks_exact_mut(8) {
        part.copy_from_slice(&clock.entropy().to_be_bytes());
    }
    format!("{SECRET_PREFIX}{}", BASE64.encode(bytes))
}

/// Those of the version that is understood.
fn signatures(header: &str) -> impl Iterator<Item = Vec<u8>> {
    let ours = header.split_ascii_whitespace().take(SIGNATURES_MAX);
    ours.filter_map(|one| BASE64.decode(one.strip_prefix("v1,")?).ok())
}

/// Takes as long whichever byte differs.
fn fits(key: &[u8], message: &Signed<'_>, given: &[u8]) -> bool {
    hmac_of(key, message).is_some_and(|hmac| hmac.verify_slice(given).is_ok())
}

fn hmac_of(key: &[u8], message: &Signed<'_>) -> Option<Hmac<Sha256>> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    hmac.update(message.id.as_bytes());
    hmac.update(b".");
    hmac.update(message.timestamp.as_bytes());
    hmac.update(b".");
    hmac.update(message.body);
    Some(hmac)
}

fn bytes_of(secret: &str) -> Option<Vec<u8>> {
    BASE64.decode(secret.strip_prefix(SECRET_PREFIX)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_674_087_231_000_000);
    /// The example of the standard's own libraries.
    const SECRET: &str = "whsec_plJ3nmyCDGBKInavdOK15jsl";
    const ID: &str = "msg_loFOjxBNrRLzqYUf";
    const BODY: &str = r#"{"event_type":"ping","data":{"success":true}}"#;

    fn key(secret: &str) -> WebhookKey {
        WebhookKey {
            secret: secret.to_owned(),
            until: None,
        }
    }

    fn sign(secret: &str, id: &str, timestamp: &str, body: &str) -> String {
        let message = Signed {
            id,
            timestamp,
            signatures: "",
            body: body.as_bytes(),
        };
        let key = bytes_of(secret).expect("a key");
        let hmac = hmac_of(&key, &message).expect("any key will do");
        format!("v1,{}", BASE64.encode(hmac.finalize().into_bytes()))
    }

    fn at(seconds: i64) -> String {
        (NOW.as_micros() / 1_000_000 + seconds).to_string()
    }

    fn check(
        id: &str,
        timestamp: &str,
        signatures: &str,
        body: &str,
        expected: Result<(), NotAccepted>,
    ) {
        let message = Signed {
            id,
            timestamp,
            signatures,
            body: body.as_bytes(),
        };
        assert_eq!(
            verify(&message, &[key(SECRET)], NOW),
            expected,
            "{id} {timestamp} {signatures}"
        );
    }

    #[test]
    fn the_example_of_the_standard_is_accepted() {
        let published = "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=";
        assert_eq!(sign(SECRET, ID, "1731705121", BODY), published);
        let now = at(0);
        check(ID, &now, &sign(SECRET, ID, &now, BODY), BODY, Ok(()));
    }

    #[test]
    fn a_forged_message_is_refused() {
        let now = at(0);
        let good = sign(SECRET, ID, &now, BODY);
        let wrong = Err(NotAccepted::WrongSignature);
        let unsigned = Err(NotAccepted::NotSigned);
        check(ID, &now, "", BODY, unsigned);
        check("", &now, &good, BODY, unsigned);
        check("msg.1", &now, &good, BODY, unsigned);
        check(ID, "", &good, BODY, unsigned);
        check(ID, "soon", &good, BODY, unsigned);
        check(ID, &now, &good, &BODY.replace("true", "trux"), wrong);
        check("msg_other", &now, &good, BODY, wrong);
        check(ID, &at(1), &good, BODY, wrong);
        check(ID, &now, &good.replace("v1,", "v2,"), BODY, wrong);
        check(ID, &now, "v1,", BODY, wrong);
        check(ID, &now, "v1,AAAA", BODY, wrong);
        let foreign = sign("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", ID, &now, BODY);
        check(ID, &now, &foreign, BODY, wrong);
        // One that fits is enough, among others that do not.
        check(ID, &now, &format!("{foreign} v1a,xyz {good}"), BODY, Ok(()));
    }

    #[test]
    fn a_message_counts_for_five_minutes_either_way() {
        for (seconds, expected) in [
            (-300, Ok(())),
            (300, Ok(())),
            (-301, Err(NotAccepted::OutOfTime)),
            (301, Err(NotAccepted::OutOfTime)),
        ] {
            let then = at(seconds);
            check(ID, &then, &sign(SECRET, ID, &then, BODY), BODY, expected);
        }
        let never = i64::MIN.to_string();
        check(ID, &never, "v1,AAAA", BODY, Err(NotAccepted::OutOfTime));
    }

    #[test]
    fn an_old_key_counts_until_its_time_is_up() {
        let now = at(0);
        let signatures = sign(SECRET, ID, &now, BODY);
        let message = Signed {
            id: ID,
            timestamp: &now,
            signatures: &signatures,
            body: BODY.as_bytes(),
        };
        let fresh = key("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        let old = |until| WebhookKey {
            until: Some(until),
            ..key(SECRET)
        };
        assert_eq!(
            verify(&message, &[fresh.clone(), old(NOW.plus_ms(1))], NOW),
            Ok(())
        );
        let too_late = verify(&message, &[fresh.clone(), old(NOW)], NOW);
        assert_eq!(too_late, Err(NotAccepted::WrongSignature));
        assert_eq!(verify(&message, &[], NOW), Err(NotAccepted::WrongSignature));
        assert!(!format!("{fresh:?}").contains("AAAA"));
    }
}
