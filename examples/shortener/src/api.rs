//! The JSON API.

use anyhost::{Error, Json, Request, RequestExt, Response, Result, send};
use serde::Deserialize;

use crate::app::State;
use crate::store::Link;

#[derive(Deserialize)]
struct NewLink {
    url: String,
}

pub(crate) async fn create(mut request: Request) -> Result<Response> {
    let NewLink { url } = request.json_limit("4kb").await?;
    let link = request.state::<State>()?.store.create(url).await?;
    send(201, Json(link))
}

pub(crate) async fn show(request: Request) -> Result<Json<Link>> {
    let code: String = request.param("code")?;
    let link = request.state::<State>()?.store.link(&code).await?;
    link.map(Json)
        .ok_or_else(|| Error::new(404, "Unknown link"))
}
