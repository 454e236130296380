//! The HTML pages. The session has the codes of the links that its visitor made.

use anyhost::{Error, Html, Redirect, Request, RequestExt, Result};
use minijinja::context;
use minijinja::value::Serde;
use tower_sessions::Session;

use crate::app::{NewLink, State};

pub(crate) async fn home(request: Request) -> Result<Html<String>> {
    let state = request.state::<State>()?;
    let mut links = Vec::new();
    for code in codes(session(&request)?).await? {
        links.push(state.store.link(code).await?);
    }
    let base_path = request.context().base_path().to_owned();
    let template = state.templates.get_template("home.html")?;
    Ok(Html(
        template.render(context! { links => Serde(links), base_path })?,
    ))
}

pub(crate) async fn create(mut request: Request) -> Result<Redirect> {
    let NewLink { url } = request.form_limit("4kb").await?;
    let link = request.state::<State>()?.store.create(url).await?;
    let session = session(&request)?;
    let mut codes = codes(session).await?;
    codes.push(link.code);
    session.insert("codes", codes).await?;
    Ok(Redirect::to(format!("{}/", request.context().base_path())))
}

async fn codes(session: &Session) -> Result<Vec<String>> {
    Ok(session.get("codes").await?.unwrap_or_default())
}

fn session(request: &Request) -> Result<&Session> {
    let session = request.extensions().get::<Session>();
    session.ok_or_else(|| Error::new(500, "The application has no session layer"))
}
