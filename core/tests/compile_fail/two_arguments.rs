//! An async function with two arguments.
use anyhost_core::Request;

async fn greet(_: Request, name: String) -> String {
    format!("Hello, {name}!")
}

fn main() {
    run(greet);
}

fn run<K>(_: impl anyhost_core::IntoHandler<K>) {}
