//! An async function that returns data of the application without `Json`.
#[derive(serde::Serialize)]
struct User {
    name: String,
}

async fn user() -> User {
    User {
        name: "Ada".to_owned(),
    }
}

fn main() {
    run(user);
}

fn run<K>(_: impl anyhost_core::IntoHandler<K>) {}
