//! The error type of a handler does not convert into `Error`.
async fn load() -> Result<&'static str, String> {
    Err("no such file".to_owned())
}

fn main() {
    run(load);
}

fn run<K>(_: impl anyhost_core::IntoHandler<K>) {}
