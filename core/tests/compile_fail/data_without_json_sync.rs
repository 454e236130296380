//! A function that is not async and returns data of the application without `Json`.
#[derive(serde::Serialize)]
struct User {
    name: String,
}

fn user() -> User {
    User {
        name: "Ada".to_owned(),
    }
}

fn main() {
    run(user);
}

fn run<K>(_: impl anyhost_core::IntoHandler<K>) {}
