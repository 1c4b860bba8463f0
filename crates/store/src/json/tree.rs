//! A lossless tree of a JSON text, for the few edits that look inside: patches and masks.
//!
//! Scalars and keys stay the text they were, so an edit changes what it names and nothing else.

use std::fmt;

use super::{Json, MAX_DEPTH, decode, elements, members, quote};

/// A patch may not make more than this of a document, in bytes.
const MAX_PATCHED: usize = 64 << 20;

/// One value of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A string, number, `true`, `false` or `null`, as written.
    Scalar(String),
    /// An array.
    Array(Vec<Node>),
    /// An object: raw keys with their quotes, in order, duplicates kept.
    Object(Vec<(String, Node)>),
}

/// Why a JSON Patch (RFC 6902) was not applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchError(pub String);

impl fmt::Display for PatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Node {
    /// The tree of checked text.
    pub fn parse(json: &str) -> Self {
        if let Some(members) = members(json) {
            Self::Object(members.map(|m| (m.raw_key.to_owned(), Self::parse(m.value))).collect())
        } else if let Some(elements) = elements(json) {
            Self::Array(elements.map(Self::parse).collect())
        } else {
            Self::Scalar(json.to_owned())
        }
    }

    /// A JSON string.
    pub fn string(text: &str) -> Self {
        Self::Scalar(quote(text))
    }

    /// The text of this tree, without whitespace between its parts.
    pub fn to_json(&self) -> Json {
        let mut out = String::new();
        self.write(&mut out);
        Json::trusted(out)
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Scalar(text) => out.push_str(text),
            Self::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { "," });
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(fields) => {
                out.push('{');
                for (index, (key, value)) in fields.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { "," });
                    out.push_str(key);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }

    /// The last field named `key` of an object.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(fields) => fields.iter().rev().find(|(k, _)| decode(k) == key).map(|(_, v)| v),
            Self::Scalar(_) | Self::Array(_) => None,
        }
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        match self {
            Self::Object(fields) => fields.iter_mut().rev().find(|(k, _)| decode(k) == key).map(|(_, v)| v),
            Self::Scalar(_) | Self::Array(_) => None,
        }
    }

    /// Sets a field of an object, in place when it exists, else at the end. Nothing happens to other kinds.
    pub fn set(&mut self, key: &str, value: Self) {
        if let Some(found) = self.get_mut(key) {
            *found = value;
        } else if let Self::Object(fields) = self {
            fields.push((quote(key), value));
        }
    }

    /// Removes every field named `key`; whether there was one.
    pub fn remove(&mut self, key: &str) -> bool {
        let Self::Object(fields) = self else { return false };
        let before = fields.len();
        fields.retain(|(k, _)| decode(k) != key);
        fields.len() < before
    }

    /// RFC 7396 JSON Merge Patch.
    pub fn merge(&mut self, patch: &Self) {
        let Self::Object(changes) = patch else {
            *self = patch.clone();
            return;
        };
        if !matches!(self, Self::Object(_)) {
            *self = Self::Object(Vec::new());
        }
        for (raw_key, change) in changes {
            let key = decode(raw_key);
            if *change == Self::Scalar("null".to_owned()) {
                self.remove(&key);
            } else if let Some(found) = self.get_mut(&key) {
                found.merge(change);
            } else {
                let mut fresh = Self::Scalar("null".to_owned());
                fresh.merge(change);
                self.set(&key, fresh);
            }
        }
    }

    /// `{...self, ...patch}`: the fields of `patch` replace those of `self`, nulls included.
    pub fn assign(&mut self, patch: &Self) {
        if let Self::Object(changes) = patch {
            for (key, value) in changes {
                self.set(&decode(key), value.clone());
            }
        }
    }

    /// RFC 6902 JSON Patch, all operations or none. The result stays within [`MAX_DEPTH`].
    pub fn patch(&mut self, operations: &Self) -> Result<(), PatchError> {
        let Self::Array(operations) = operations else {
            return Err(PatchError("a JSON Patch is an array of operations".to_owned()));
        };
        let mut edited = self.clone();
        let mut budget = MAX_PATCHED;
        for (index, operation) in operations.iter().enumerate() {
            edited
                .operate(operation, &mut budget)
                .map_err(|e| PatchError(format!("operation {index}: {e}")))?;
        }
        *self = edited;
        Ok(())
    }

    /// How many levels of arrays and objects.
    fn depth(&self) -> usize {
        match self {
            Self::Scalar(_) => 0,
            Self::Array(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Self::Object(fields) => 1 + fields.iter().map(|(_, v)| v.depth()).max().unwrap_or(0),
        }
    }

    /// Refuses a value that would make the document too deep or too large.
    fn fits(&self, path: &[String], budget: &mut usize) -> Result<(), PatchError> {
        if path.len() + self.depth() > MAX_DEPTH {
            return Err(PatchError(format!("the result would be nested deeper than {MAX_DEPTH} levels")));
        }
        let size = self.to_json().as_str().len();
        *budget = budget
            .checked_sub(size)
            .ok_or_else(|| PatchError(format!("the patch would add more than {MAX_PATCHED} bytes")))?;
        Ok(())
    }

    fn operate(&mut self, operation: &Self, budget: &mut usize) -> Result<(), PatchError> {
        let text = |name: &str| match operation.get(name) {
            Some(Self::Scalar(raw)) if raw.starts_with('"') => Ok(decode(raw).into_owned()),
            _ => Err(PatchError(format!("\"{name}\" must be a string"))),
        };
        let value =
            || operation.get("value").cloned().ok_or_else(|| PatchError("\"value\" is missing".to_owned()));
        let path = pointer(&text("path")?)?;
        match text("op")?.as_str() {
            "add" => {
                let value = value()?;
                value.fits(&path, budget)?;
                self.add_at(&path, value)
            }
            "remove" => self.take_at(&path).map(drop),
            "replace" => {
                let value = value()?;
                value.fits(&path, budget)?;
                *self.at_mut(&path)? = value;
                Ok(())
            }
            "move" => {
                let from = pointer(&text("from")?)?;
                if path.len() > from.len() && path.starts_with(&from) {
                    return Err(PatchError("cannot move a value into itself".to_owned()));
                }
                let moved = self.take_at(&from)?;
                moved.fits(&path, budget)?;

                self.add_at(&path, moved)
            }
            "copy" => {
                let copied = self.at_mut(&pointer(&text("from")?)?)?.clone();
                copied.fits(&path, budget)?;

                self.add_at(&path, copied)
            }
            "test" => {
                let found = super::canonical(self.at_mut(&path)?.to_json().as_str());
                let expected = super::canonical(value()?.to_json().as_str());
                if found == expected { Ok(()) } else { Err(PatchError("the test failed".to_owned())) }
            }
            other => Err(PatchError(format!("unknown operation \"{other}\""))),
        }
    }

    fn at_mut(&mut self, path: &[String]) -> Result<&mut Self, PatchError> {
        let mut node = self;
        for step in path {
            node = match node {
                Self::Array(items) => index(step, items.len()).and_then(|i| items.get_mut(i)),
                Self::Object(_) => node.get_mut(step),
                Self::Scalar(_) => None,
            }
            .ok_or_else(|| PatchError(format!("no value at \"/{}\"", path.join("/"))))?;
        }
        Ok(node)
    }

    fn add_at(&mut self, path: &[String], value: Self) -> Result<(), PatchError> {
        let Some((last, parent)) = path.split_last() else {
            *self = value;
            return Ok(());
        };
        match self.at_mut(parent)? {
            Self::Array(items) if last == "-" => items.push(value),
            Self::Array(items) => match index(last, items.len() + 1) {
                Some(at) => items.insert(at, value),
                None => return Err(PatchError(format!("no place \"{last}\" in the array"))),
            },
            object @ Self::Object(_) => object.set(last, value),
            Self::Scalar(_) => return Err(PatchError("the parent is no array or object".to_owned())),
        }
        Ok(())
    }

    fn take_at(&mut self, path: &[String]) -> Result<Self, PatchError> {
        let taken = self.at_mut(path)?.clone();
        let Some((last, parent)) = path.split_last() else {
            return Err(PatchError("the whole document cannot be removed".to_owned()));
        };
        match self.at_mut(parent)? {
            Self::Array(items) => {
                if let Some(at) = index(last, items.len()) {
                    items.remove(at);
                }
            }
            object => {
                object.remove(last);
            }
        }
        Ok(taken)
    }
}

/// RFC 6901 pointer to its steps.
fn pointer(text: &str) -> Result<Vec<String>, PatchError> {
    match text.strip_prefix('/') {
        None if text.is_empty() => Ok(Vec::new()),
        None => Err(PatchError(format!("\"{text}\" is no JSON pointer"))),
        Some(steps) => Ok(steps.split('/').map(|s| s.replace("~1", "/").replace("~0", "~")).collect()),
    }
}

fn index(step: &str, len: usize) -> Option<usize> {
    let canonical = step == "0" || (!step.starts_with('0') && step.bytes().all(|b| b.is_ascii_digit()));
    canonical.then(|| step.parse().ok()).flatten().filter(|at| *at < len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patched(target: &str, patch: &str) -> Result<String, PatchError> {
        let mut node = Node::parse(target);
        node.patch(&Node::parse(patch)).map(|()| node.to_json().as_str().to_owned())
    }

    #[test]
    fn merge_patch_follows_the_examples_of_rfc_7396() {
        for (target, patch, expected) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"["a","b"]"#, r#"["c"]"#, r#"["c"]"#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            let mut node = Node::parse(target);
            node.merge(&Node::parse(patch));
            assert_eq!(node.to_json().as_str(), expected);
        }
    }

    #[test]
    fn a_merge_keeps_the_text_of_what_it_does_not_name() {
        let mut node = Node::parse(r#"{"n":1e400,"big":9007199254740993,"s":"\ud800"}"#);
        node.merge(&Node::parse(r#"{"x":0.10}"#));
        assert_eq!(node.to_json().as_str(), r#"{"n":1e400,"big":9007199254740993,"s":"\ud800","x":0.10}"#);
    }

    #[test]
    fn json_patch_edits_and_fails_as_rfc_6902_says() {
        let target = r#"{"a":[1,2],"b":{"c/d":1}}"#;
        let patch = r#"[{"op":"add","path":"/a/1","value":9},{"op":"remove","path":"/b/c~1d"},{"op":"add","path":"/t","value":null}]"#;
        assert_eq!(patched(target, patch).unwrap(), r#"{"a":[1,9,2],"b":{},"t":null}"#);
        assert_eq!(
            patched(target, r#"[{"op":"move","from":"/a/0","path":"/a/-"}]"#).unwrap(),
            r#"{"a":[2,1],"b":{"c/d":1}}"#
        );
        let deep = "[".repeat(999) + &"]".repeat(999);
        assert!(
            patched("[[]]", &format!(r#"[{{"op":"add","path":"/0/0","value":{deep}}}]"#)).is_err(),
            "too deep"
        );
        let double = r#"{"op":"copy","from":"/a","path":"/a/-"}"#;
        assert!(patched(target, &format!("[{}]", [double; 40].join(","))).is_err(), "too large");
        for bad in [
            r#"[{"op":"add","path":"/a/01","value":1}]"#,
            r#"[{"op":"remove","path":"/none"}]"#,
            r#"[{"op":"test","path":"/a/0","value":2}]"#,
            r#"[{"op":"move","from":"/b","path":"/b/x"}]"#,
            r#"{"op":"add"}"#,
        ] {
            assert!(patched(target, bad).is_err(), "{bad}");
        }
    }
}
