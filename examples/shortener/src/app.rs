//! The routes, and what they share.

use std::path::Path;

use anyhost::tower::layer;
use anyhost::{Handler, Redirect, Request, RequestExt, Result, Router};
use minijinja::Environment;
use serde::Deserialize;
use tower_http::services::ServeDir;
use tower_sessions::SessionManagerLayer;
use tower_sessions::cookie::SameSite;

use crate::store::Store;
use crate::{api, pages};

pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) templates: Environment<'static>,
}

/// The form of the page, and the JSON of the API.
#[derive(Deserialize)]
pub(crate) struct NewLink {
    pub(crate) url: String,
}

/// Opens the database, and makes the handler. Pages link to the files in the folder `static_files`.
///
/// # Errors
/// If the database cannot be opened, or a template is invalid.
pub fn app(database: &Path, static_files: &Path) -> Result<impl Handler + use<>> {
    let store = Store::open(database)?;
    let mut templates = Environment::new();
    templates.add_template("home.html", include_str!("../templates/home.html"))?;
    // Browsers do not send the cookie with a form of another site.
    let sessions = SessionManagerLayer::new(store.clone()).with_same_site(SameSite::Lax);
    let routes = Router::new()
        .get("/", pages::home)
        .post("/links", pages::create)
        .get("/{code}", follow)
        .post("/api/links", api::create)
        .get("/api/links/{code}", api::show)
        .nest("/static", ServeDir::new(static_files))
        .with_state(State { store, templates });
    Ok(layer(sessions, routes))
}

/// Redirects to the long URL, and counts the visit after the response.
async fn follow(request: Request) -> Result<Redirect> {
    let state = request.state::<State>()?;
    let link = state.store.link(request.param("code")?).await?;
    request.context().wait_until(async move {
        if let Err(error) = state.store.count_visit(link.code).await {
            eprintln!("visit not counted: {error:?}");
        }
    });
    Ok(Redirect::temporary(link.url))
}
