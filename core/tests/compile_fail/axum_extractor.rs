//! An async function with an extractor of axum as its argument.
use axum::extract::Path;

async fn greet(Path(name): Path<String>) -> String {
    format!("Hello, {name}!")
}

fn main() {
    run(greet);
}

fn run<K>(_: impl anyhost_core::IntoHandler<K>) {}
