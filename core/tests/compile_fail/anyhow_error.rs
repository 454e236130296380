//! `anyhow::Error` does not implement `std::error::Error`.
async fn load() -> anyhow::Result<&'static str> {
    Ok("loaded")
}

fn main() {
    run(load);
}

fn run<K>(_: impl anyhost_core::IntoHandler<K>) {}
