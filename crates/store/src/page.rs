//! One page of a longer list.

/// Items, and where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Opaque; `None` at the end.
    pub next: Option<String>,
}
