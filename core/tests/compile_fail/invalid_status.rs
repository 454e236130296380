//! A status that is neither a `StatusCode` nor a `u16`.
fn main() {
    let _ = anyhost_core::send("created", "text");
}
