//! HTML pages from templates of the crate `minijinja`, and a form that redirects after the POST request.
//!
//! `cargo run -p anyhost-examples-kit --example templates`, then open http://localhost:3000/ in a browser.

use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use anyhost::{Html, Redirect, Request, RequestExt, Result, Router};
use minijinja::value::Serde;
use minijinja::{Environment, context};
use serde::{Deserialize, Serialize};

/// The extension `.html` turns on the escaping of values.
const TEMPLATE: &str = "guest_book.html";
const SOURCE: &str = r#"<!doctype html>
<title>Guest book</title>
<ul>{% for entry in entries %}<li title="{{ entry.name }}">{{ entry.text }}</li>{% endfor %}</ul>
<form method="post" action="{{ base_path }}/sign">
<input name="name"> <input name="text"> <button>Sign</button>
</form>"#;

#[derive(Clone, Deserialize, Serialize)]
struct Entry {
    name: String,
    text: String,
}

struct GuestBook {
    templates: Environment<'static>,
    entries: Mutex<Vec<Entry>>,
}

async fn page(request: Request) -> Result<Html<String>> {
    let book = request.state::<GuestBook>()?;
    let entries = book
        .entries
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    // Links have to begin with the base path, because CGI and some stages of API Gateway remove a prefix from the path.
    let values = context! { entries => Serde(entries), base_path => request.context().base_path() };
    Ok(Html(book.templates.get_template(TEMPLATE)?.render(values)?))
}

/// Redirects to the page, so that a reload of the page does not send the form again.
async fn sign(mut request: Request) -> Result<Redirect> {
    let entry = request.form_limit("4kb").await?;
    let book = request.state::<GuestBook>()?;
    book.entries
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(entry);
    Ok(Redirect::to(format!("{}/", request.context().base_path())))
}

fn app() -> Result<Router> {
    let mut templates = Environment::new();
    templates.add_template(TEMPLATE, SOURCE)?;
    let entries = Mutex::default();
    let routes = Router::new().get("/", page).post("/sign", sign);
    Ok(routes.with_state(GuestBook { templates, entries }))
}

fn main() -> ExitCode {
    anyhost::run_with(async || app())
}

#[cfg(test)]
mod tests {
    use anyhost::http::Request;
    use anyhost_examples_kit::{everywhere, header, text};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_form_redirects_to_the_page_which_shows_the_entry_escaped() {
        for client in everywhere(|| super::app().unwrap()).await {
            let form = "name=%22+onclick%3D%22steal()&text=%3Cscript%3Esteal()%3C%2Fscript%3E";
            let request =
                Request::post("/sign").header("content-type", "application/x-www-form-urlencoded");
            let response = client.send(request.body(form).unwrap()).await;
            assert_eq!(response.status(), 303, "{client}");
            let page = format!("{}/", client.base_path());
            assert_eq!(header(&response, "location"), Some(&*page), "{client}");

            let page = client.get("/").await;
            assert_eq!(
                header(&page, "content-type"),
                Some("text/html; charset=utf-8"),
                "{client}"
            );
            let page = text(&page);
            let entry = r#"<li title="&quot; onclick=&quot;steal()">&lt;script&gt;steal()&lt;&#x2f;script&gt;</li>"#;
            assert!(page.contains(entry), "{client} {page}");
            let action = format!(
                r#"action="{}/sign""#,
                client.base_path().replace('/', "&#x2f;")
            );
            assert!(page.contains(&action), "{client} {page}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_form_without_a_field_is_a_client_error() {
        for client in everywhere(|| super::app().unwrap()).await {
            let response = client
                .send(Request::post("/sign").body("name=Ada").unwrap())
                .await;
            assert!(
                response.status().is_client_error(),
                "{client} {}",
                response.status()
            );
        }
    }
}
