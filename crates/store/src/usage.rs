//! The ledger: what was used and what it cost, in whole nano-dollars.

use crate::json::{self, as_integer, as_number, as_text};

/// One row of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct UsageRow {
    pub key: i64,
    /// Milliseconds since 1970: when it happened.
    pub at: i64,
    /// `entry` for explicit ones, `message` for those from the metrics in a message.
    pub source: String,
    pub service_id: Option<String>,
    pub vendor_id: Option<String>,
    pub model_id: Option<String>,
    pub conversation_id: Option<String>,
    pub message_id: Option<String>,
    pub tokens: Tokens,
    /// 10⁻⁹ dollars; `None` is unknown, not zero.
    pub cost_nano: Option<i64>,
    /// 10⁻⁹ dollars saved by caching.
    pub savings_nano: Option<i64>,
    /// `$code` of the app.
    pub code: Option<String>,
}

/// Tokens by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct Tokens {
    /// New input; the app's `TIn` leaves cached input out.
    pub input: Option<i64>,
    pub cache_read: Option<i64>,
    pub cache_write: Option<i64>,
    /// All output.
    pub output: Option<i64>,
    /// The part of the output that was reasoning.
    pub reasoning: Option<i64>,
}

/// An explicit entry: what `addCostEntry` carries.
#[derive(Debug, Clone, PartialEq)]
pub struct CostEntry {
    /// The service.
    pub service_id: String,
    /// `costs.$c` in nano-dollars.
    pub cost_nano: Option<i64>,
    /// `costs.$cdCache` in nano-dollars.
    pub savings_nano: Option<i64>,
    /// `costs.$code`.
    pub code: Option<String>,
    /// New input tokens.
    pub input_tokens: i64,
    /// Output tokens.
    pub output_tokens: i64,
    /// Where the app took the cost from.
    pub debug_source: Option<String>,
    /// Milliseconds since 1970: when it happened; `None` is now.
    pub at: Option<i64>,
    /// Makes a repeated entry harmless, whenever it comes: an entry with a key that is there is not added again.
    pub ledger_key: Option<[u8; 16]>,
}

/// The metrics of one service, in the app's own units: dollars, tokens, milliseconds since 1970.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceMetrics {
    /// The service.
    pub service_id: String,
    /// The app's object for it, with the entries added and unknown fields kept.
    pub metrics: json::Json,
}

/// What a message says of its own cost.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct MessageUsage {
    /// Equal for copies of one answer: hash over `created` and the generator reduced to `mgt`, `name`, `aix`
    /// and `metrics`.
    pub ledger_key: [u8; 16],
    pub created: Option<i64>,
    pub vendor_id: Option<String>,
    pub model_id: Option<String>,
    pub tokens: Tokens,
    pub cost_nano: Option<i64>,
    pub savings_nano: Option<i64>,
    pub code: Option<String>,
}

/// US cents, as the app's `$c` and `$cdCache`, as nano-dollars: × 10⁷, rounded half to even. `None` when the
/// text is no number or out of range.
///
/// The rounding is done on the decimal text, since 0.05 cents is no binary fraction.
pub fn cents_to_nano(raw: &str) -> Option<i64> {
    as_number(raw)?;
    let (mantissa, exponent) = raw.split_once(['e', 'E']).unwrap_or((raw, "0"));
    let (negative, mantissa) = mantissa.strip_prefix('-').map_or((false, mantissa), |m| (true, m));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|b| b - b'0').collect();
    // The point, counted from the left of `digits`, after the shift by ten to the seventh.
    let point = i64::try_from(whole.len()).ok()?.checked_add(exponent.parse().ok()?)?.checked_add(7)?;
    let mut value: i64 = 0;
    let digit = |at: i64| usize::try_from(at).ok().and_then(|at| digits.get(at)).copied().unwrap_or(0);
    if digits.iter().all(|d| *d == 0) {
        return Some(0);
    }
    if point > 40 {
        return None;
    }
    for at in 0..point.max(0) {
        value = value.checked_mul(10)?.checked_add(i64::from(digit(at)))?;
    }
    let rest_is_zero = digits.iter().skip(usize::try_from(point.max(-1) + 1).unwrap_or(0)).all(|d| *d == 0);
    let next = if point < 0 { 0 } else { digit(point) };
    if next > 5 || (next == 5 && (!rest_is_zero || value % 2 == 1)) {
        value = value.checked_add(1)?;
    }
    Some(if negative { -value } else { value })
}

/// Reads the usage that a message carries: `None` when it is still pending or has no metrics.
pub fn of_message(body: &str) -> Option<MessageUsage> {
    // Most messages have none: a search of the text is cheaper than a walk.
    if !body.contains("\"metrics\"") || json::member(body, "pendingIncomplete") == Some("true") {
        return None;
    }
    let generator = json::member(body, "generator")?;
    let metrics = json::member(generator, "metrics")?;
    json::members(metrics)?;
    let created = json::member(body, "created");
    let aix = json::member(generator, "aix");
    let mut hasher = blake3::Hasher::new();
    let reduced =
        [created, json::member(generator, "mgt"), json::member(generator, "name"), aix, Some(metrics)];
    for part in reduced {
        hasher.update(part.map_or_else(|| "-".to_owned(), json::canonical).as_bytes());
        hasher.update(b"\n");
    }
    let mut ledger_key = [0; 16];
    ledger_key.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    let text = |raw: Option<&str>| raw.and_then(as_text).map(Into::into);
    let count = |name: &str| json::member(metrics, name).and_then(as_integer);
    Some(MessageUsage {
        ledger_key,
        created: created.and_then(as_integer),
        vendor_id: text(aix.and_then(|a| json::member(a, "vId"))),
        model_id: text(aix.and_then(|a| json::member(a, "mId")).or_else(|| json::member(generator, "name"))),
        tokens: Tokens {
            input: count("TIn"),
            cache_read: count("TCacheRead"),
            cache_write: count("TCacheWrite"),
            output: count("TOut"),
            reasoning: count("TOutR"),
        },
        cost_nano: json::member(metrics, "$c").and_then(cents_to_nano),
        savings_nano: json::member(metrics, "$cdCache").and_then(cents_to_nano),
        code: text(json::member(metrics, "$code")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cents_become_nano_dollars_rounded_half_to_even() {
        for (cents, nano) in [
            ("0.164", 1_640_000),
            ("1", 10_000_000),
            ("0", 0),
            ("-0.5", -5_000_000),
            ("0.00000005", 0),
            ("0.00000015", 2),
            ("0.00000025", 2),
            ("0.000000250001", 3),
            ("4e-3", 40_000),
            ("1E2", 1_000_000_000),
            ("0.000000001", 0),
            ("0.00000006", 1),
        ] {
            assert_eq!(cents_to_nano(cents), Some(nano), "{cents}");
        }
        assert_eq!(cents_to_nano("1e400"), None);
        assert_eq!(cents_to_nano("\"1\""), None);
        assert_eq!(cents_to_nano("1e-400"), Some(0));
    }

    #[test]
    fn copies_of_an_answer_have_one_ledger_key_and_pending_ones_none() {
        let message = |id: &str, extra: &str| {
            format!(
                r#"{{"id":"{id}","created":5,{extra}"generator":{{"mgt":"aix","name":"m","aix":{{"vId":"v","mId":"m1"}},"metrics":{{"TIn":2,"$c":0.5}}}}}}"#
            )
        };
        let first = of_message(&message("a", "")).unwrap();
        assert_eq!(first.ledger_key, of_message(&message("b", "")).unwrap().ledger_key);
        assert_eq!(
            (first.cost_nano, first.tokens.input, first.vendor_id.as_deref()),
            (Some(5_000_000), Some(2), Some("v"))
        );
        assert!(of_message(&message("a", r#""pendingIncomplete":true,"#)).is_none());
        assert!(of_message(r#"{"id":"a","text":"\"metrics\""}"#).is_none());
    }
}
