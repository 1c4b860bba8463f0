//! Makes histories that look like the app's: deterministic, so that every run measures the same bytes.

use std::fmt::Write as _;

/// Messages of an ordinary conversation.
pub const MESSAGES: usize = 20;
/// Characters of text in each of them: about 1 kB of JSON with what surrounds the text.
pub const TEXT: usize = 780;
/// The conversation that grew for a year: 1,248 messages and 36 MB.
pub const LONG_MESSAGES: usize = 1_248;
/// Characters of text in each of its messages.
pub const LONG_TEXT: usize = 28_650;

const WORDS: [&str; 32] = [
    "harbour", "the", "of", "a", "tide", "keel", "and", "to", "anchor", "in", "chart", "is", "sail", "it",
    "wind", "for", "rope", "on", "with", "deck", "as", "north", "was", "light", "by", "crew", "that", "knot",
    "this", "hull", "from", "port",
];

/// SplitMix64: small, seedable, and good enough to choose words.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// The id of the conversation with that number.
pub fn id(prefix: &str, number: usize) -> String {
    format!("{prefix}-{number:07}")
}

/// An ordinary conversation.
pub fn conversation(prefix: &str, number: usize) -> String {
    sized(&id(prefix, number), number as u64, MESSAGES, TEXT)
}

/// The long conversation.
pub fn long_conversation(id: &str) -> String {
    sized(id, 7, LONG_MESSAGES, LONG_TEXT)
}

/// A conversation as the app saves it.
pub fn sized(id: &str, seed: u64, messages: usize, text: usize) -> String {
    let mut random = Random(seed.wrapping_mul(0x1000_0000_01b3) ^ messages as u64);
    let created = 1_700_000_000_000 + seed * 60_000;
    let mut out = String::with_capacity(messages * (text + 400) + 256);
    out.push_str("{\"messages\":[");
    for index in 0..messages {
        if index > 0 {
            out.push(',');
        }
        let answer = index % 2 == 1;
        let text = prose(&mut random, text - if answer { 230 } else { 0 });
        push_message(
            &mut out,
            &mut random,
            &format!("{id}-m{index:05}"),
            created + index as u64,
            answer,
            &text,
        );
    }
    let updated = created + messages as u64;
    let _ = write!(
        out,
        "],\"userTitle\":\"Voyage {seed}\",\"systemPurposeId\":\"Generic\",\"created\":{created},\"updated\":{updated},\
         \"tokenCount\":{},\"id\":\"{id}\"}}",
        messages * 200
    );
    out
}

/// One message with this text, as the body of `PUT …/messages/{id}`.
pub fn message(id: &str, seed: u64, text: usize) -> String {
    let mut random = Random(seed ^ 0x5eed);
    let text = prose(&mut random, text);
    let mut out = String::with_capacity(text.len() + 400);
    push_message(&mut out, &mut random, id, 1_700_000_000_000 + seed, true, &text);
    out
}

fn push_message(out: &mut String, random: &mut Random, id: &str, created: u64, answer: bool, text: &str) {
    let role = if answer { "assistant" } else { "user" };
    let _ = write!(
        out,
        "{{\"id\":\"{id}\",\"role\":\"{role}\",\"fragments\":[{{\"ft\":\"content\",\"fId\":\"{:08x}\",\
         \"part\":{{\"pt\":\"text\",\"text\":\"{text}\"}}}}],",
        random.below(1 << 32)
    );
    if answer {
        let _ = write!(
            out,
            "\"purposeId\":\"Generic\",\"generator\":{{\"mgt\":\"aix\",\"name\":\"gpt-4.1\",\
             \"aix\":{{\"vId\":\"openai\",\"mId\":\"openai-gpt-4.1\"}},\"metrics\":{{\"TIn\":{},\"TOut\":{},\
             \"$c\":0.{:04},\"dtAll\":{}}},\"tokenStopReason\":\"out-of-tokens\"}},",
            200 + random.below(4_000),
            50 + random.below(1_000),
            1 + random.below(9_000),
            900 + random.below(9_000)
        );
    }
    let _ = write!(out, "\"tokenCount\":{},\"created\":{created},\"updated\":null}}", text.len() / 4);
}

/// Words of at least `length` characters in all, with line ends written as JSON has them.
fn prose(random: &mut Random, length: usize) -> String {
    let mut out = String::with_capacity(length + 16);
    let mut words = 0;
    while out.len() < length {
        if words > 0 {
            out.push_str(if words % 40 == 0 { "\\n\\n" } else { " " });
        }
        out.push_str(WORDS[usize::try_from(random.below(32)).unwrap_or(0)]);
        words += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversations_are_valid_json_of_the_size_that_the_table_names() {
        let text = conversation("c", 3);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["messages"].as_array().unwrap().len(), MESSAGES);
        assert!((19_000..23_000).contains(&text.len()), "{}", text.len());
        assert_eq!(text, conversation("c", 3));
        let long = long_conversation("l").len();
        assert!((35_000_000..37_500_000).contains(&long), "{long}");
    }
}
