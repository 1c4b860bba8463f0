//! Places in a list, with gaps, so that one entity moves without touching the others.

/// The usual distance between neighbours.
pub const STEP: i64 = 1 << 16;

/// Gives every element of a list its position.
///
/// `old` has the elements in their new order: `Some` is the position an element has now (distinct), `None` a
/// new element. The result is strictly increasing; as many elements as possible keep their position, all
/// others fit between them. When a gap is too small, or `bounds` would be left, the whole list is spread anew.
/// Bounds are inclusive.
///
/// The kept ones are a longest increasing subsequence (patience sorting, O(n log n)).
pub fn arrange(old: &[Option<i64>], bounds: (i64, i64)) -> Vec<i64> {
    let kept = longest_increasing(old);
    let mut out = vec![0; old.len()];
    let mut start = 0;
    for end in kept.iter().copied().chain([old.len()]) {
        let before = (start > 0).then(|| out[start - 1]);
        let after = old.get(end).copied().flatten();
        let Some(fill) = between(before, after, end - start, bounds) else {
            return spread(old.len(), bounds);
        };
        out[start..end].copy_from_slice(&fill);
        if let Some(position) = after {
            out[end] = position;
        }
        start = end + 1;
    }
    out
}

/// `count` increasing positions strictly between two neighbours, or `None` when they do not fit.
pub fn between(
    before: Option<i64>,
    after: Option<i64>,
    count: usize,
    bounds: (i64, i64),
) -> Option<Vec<i64>> {
    let count = i64::try_from(count).ok()?;
    let (first, step) = match (before, after) {
        (None, None) => {
            return (count <= bounds.1.saturating_sub(bounds.0))
                .then(|| spread(usize::try_from(count).unwrap_or(0), bounds));
        }
        (Some(b), None) => {
            let step = STEP.min((bounds.1 - b) / (count + 1));
            (b + step, step)
        }
        (None, Some(a)) => {
            // One share stays free before the first, so that the next one finds room too.
            let step = STEP.min((a - bounds.0) / (count + 1));
            (a - step * count, step)
        }
        (Some(b), Some(a)) => {
            let step = (a - b) / (count + 1);
            (b + step, step)
        }
    };
    (count == 0 || step > 0).then(|| (0..count).map(|n| first + n * step).collect())
}

/// Positions for a whole list.
fn spread(count: usize, (low, high): (i64, i64)) -> Vec<i64> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let step = STEP.min((high / 2 - low / 2) / (count / 2 + 1)).max(1);
    let first = if low < 0 { 0 } else { low + step };
    (0..count).map(|n| first + n * step).collect()
}

/// Indices of a longest strictly increasing subsequence of the `Some` values.
fn longest_increasing(values: &[Option<i64>]) -> Vec<usize> {
    let mut tails: Vec<usize> = Vec::new();
    let mut previous = vec![None; values.len()];
    for (index, value) in values.iter().enumerate() {
        if value.is_none() {
            continue;
        }
        let at = tails.partition_point(|t| values[*t] < *value);
        previous[index] = at.checked_sub(1).map(|p| tails[p]);
        if at == tails.len() {
            tails.push(index);
        } else {
            tails[at] = index;
        }
    }
    let mut out = Vec::new();
    let mut next = tails.last().copied();
    while let Some(index) = next {
        out.push(index);
        next = previous[index];
    }
    out.reverse();
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WIDE: (i64, i64) = (-(1 << 60), 1 << 60);

    #[test]
    fn one_moved_element_is_the_only_one_that_changes() {
        let old = [Some(40), Some(10), Some(20), Some(30)];
        let new = arrange(&old, WIDE);
        assert_eq!(&new[1..], [10, 20, 30]);
        assert!(new[0] < 10);
    }

    #[test]
    fn a_used_up_gap_spreads_the_list() {
        let new = arrange(&[Some(1), None, Some(2)], (0, 1 << 32));
        assert!(new.windows(2).all(|w| w[0] < w[1]));
    }

    proptest! {
        #[test]
        fn positions_increase_stay_in_bounds_and_keep_what_is_in_order(
            order in proptest::collection::vec(proptest::option::of(0_usize..60), 0..60),
            low in prop_oneof![Just(0_i64), Just(WIDE.0)],
        ) {
            let bounds = (low, 1 << 32);
            let mut seen = std::collections::HashSet::new();
            let old: Vec<Option<i64>> = order
                .into_iter()
                .map(|o| o.filter(|n| seen.insert(*n)).map(|n| (i64::try_from(n).unwrap() + 1) * 1_000))
                .collect();
            let new = arrange(&old, bounds);
            prop_assert_eq!(new.len(), old.len());
            prop_assert!(new.windows(2).all(|w| w[0] < w[1]));
            prop_assert!(new.iter().all(|p| (bounds.0..=bounds.1).contains(p)));
            if old.iter().all(Option::is_some) && old.windows(2).all(|w| w[0] < w[1]) {
                prop_assert_eq!(new, old.into_iter().flatten().collect::<Vec<_>>());
            }
        }
    }
}
