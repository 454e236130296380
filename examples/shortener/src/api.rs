//! The JSON API.

use anyhost::{Json, Request, RequestExt, Response, Result, send};

use crate::app::{NewLink, State};
use crate::store::Link;

pub(crate) async fn create(mut request: Request) -> Result<Response> {
    let NewLink { url } = request.json_limit("4kb").await?;
    let link = request.state::<State>()?.store.create(url).await?;
    send(201, Json(link))
}

pub(crate) async fn show(request: Request) -> Result<Json<Link>> {
    let code = request.param("code")?;
    request.state::<State>()?.store.link(code).await.map(Json)
}
