//! Which rows a new list keeps: by id, the n-th with it for the n-th.

use std::collections::HashMap;

/// Gives every element of `new` the index of the row in `old` that it continues, each row once.
pub(super) fn match_by_id<'a>(
    old: impl Iterator<Item = Option<&'a str>>,
    new: impl Iterator<Item = Option<&'a str>>,
) -> Vec<Option<usize>> {
    let mut rows: HashMap<Option<&str>, std::collections::VecDeque<usize>> = HashMap::new();
    for (index, id) in old.enumerate() {
        rows.entry(id).or_default().push_back(index);
    }
    new.map(|id| rows.get_mut(&id).and_then(std::collections::VecDeque::pop_front)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_and_missing_ids_match_in_their_order() {
        let old = [Some("a"), None, Some("a"), Some("b")];
        let new = [Some("a"), Some("c"), Some("a"), None, Some("a")];
        assert_eq!(match_by_id(old.into_iter(), new.into_iter()), [Some(0), None, Some(2), Some(1), None]);
    }
}
