//! Ids for requests that come without one.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// An id that no other request has: what is random about this process, and a number. It is no secret.
pub(crate) fn new() -> Box<str> {
    static PROCESS: OnceLock<u64> = OnceLock::new();
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let process = PROCESS.get_or_init(|| RandomState::new().hash_one(std::process::id()));
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{process:016x}{number:08x}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_alike() {
        let (first, second) = (new(), new());
        assert_ne!(first, second);
        assert_eq!(first.len(), 24);
        assert_eq!(first[..16], second[..16]);
    }
}
