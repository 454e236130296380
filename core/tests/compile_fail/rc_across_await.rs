//! A value that is not `Send` is alive across an await.
use std::rc::Rc;

use anyhost_core::{Request, RequestExt, Result};

async fn count(mut request: Request) -> Result<String> {
    let counter = Rc::new(1);
    let text = request.text().await?;
    Ok(format!("{text} {counter}"))
}

fn main() {
    run(count);
}

fn run<K>(_: impl anyhost_core::IntoHandler<K>) {}
