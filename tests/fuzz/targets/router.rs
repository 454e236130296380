#![no_main]
//! The router, compared with a simple implementation. The first line is a method and a path; the others are routes,
//! such as `GET /users/{id}`.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use anyhost_core::testing::Client;
use anyhost_core::{Request, Router};
use anyhost_fuzz::{Message, block_on};
use http::Method;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static BUILDING: Cell<bool> = const { Cell::new(false) };
}

/// An invalid route panics when the program starts; this panic is not a finding.
fn allow_panics_while_building() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let abort = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !BUILDING.get() {
                abort(panic);
            }
        }));
    });
}

fuzz_target!(|input: &[u8]| {
    allow_panics_while_building();
    let Ok(input) = std::str::from_utf8(input) else {
        return;
    };
    let message = Message::parse(input.as_bytes());
    let line = |line| std::str::from_utf8(line).ok()?.split_once(' ');
    let Some((method, path)) = line(message.start) else {
        return;
    };
    let Ok(method) = Method::from_bytes(method.as_bytes()) else {
        return;
    };
    let routes = message.lines.iter().filter_map(|l| line(l));
    let routes = routes.filter(|(method, _)| Method::from_bytes(method.as_bytes()).is_ok());
    let routes: Vec<(&str, &str)> = routes.take(12).collect();
    // The simple router knows only parameters that are whole segments.
    let simple = |path: &str| {
        path.split('/').all(is_simple) && !path.contains("{*}") && !path.contains("{}")
    };
    if !routes.iter().all(|(_, path)| simple(path)) {
        return;
    }
    BUILDING.set(true);
    let router = catch_unwind(AssertUnwindSafe(|| build(&routes)));
    BUILDING.set(false);
    let Ok(router) = router else { return };
    block_on(compare(router, &routes, &method, path));
});

fn is_simple(segment: &str) -> bool {
    let inner = segment
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    !inner.unwrap_or(segment).contains(['{', '}'])
}

fn build(routes: &[(&str, &str)]) -> Router {
    let mut router = Router::new();
    for (index, (method, path)) in routes.iter().enumerate() {
        let handler = move |_: Request| async move { index.to_string() };
        router = match *method {
            "ANY" => router.any(path, handler),
            method => router.on(method.parse().unwrap(), path, handler),
        };
    }
    router
}

async fn compare(router: Router, routes: &[(&str, &str)], method: &Method, path: &str) {
    let Ok(uri) = path.parse::<http::Uri>() else {
        return;
    };
    // CONNECT has no path.
    if *method == Method::CONNECT {
        return;
    }
    if uri.authority().is_some() || !uri.path().starts_with('/') || !path.is_ascii() {
        return;
    }
    let debug = format!("{router:?}");
    let path = uri.path().to_owned();
    let response = Client::new(router)
        .request(method.clone(), path.as_str())
        .await;
    let matching = |(_, route): &(usize, &(&str, &str))| matches(route.1, &path);
    let serves = |(_, route): &(usize, &(&str, &str))| {
        route.0 == "ANY"
            || route.0 == method.as_str()
            || (method == Method::HEAD && route.0 == "GET")
    };
    let of_path: Vec<_> = routes.iter().enumerate().filter(matching).collect();
    // The router selects the most specific path, and then the most specific method.
    let best = of_path
        .iter()
        .copied()
        .filter(serves)
        .max_by(|(_, left), (_, right)| {
            let method_rank = |name: &str| (name != "ANY") as u8 + (name == method.as_str()) as u8;
            let paths = specificity(left.1).cmp(&specificity(right.1));
            paths.then_with(|| method_rank(left.0).cmp(&method_rank(right.0)))
        });
    match best {
        Some((index, _)) => {
            assert_eq!(response.status(), 200, "{path} in {debug}");
            if *method != Method::HEAD {
                assert_eq!(
                    response.text().await.unwrap(),
                    index.to_string(),
                    "{path} in {debug}"
                );
            }
        }
        None if of_path.is_empty() => assert_eq!(response.status(), 404, "{path} in {debug}"),
        None => {
            assert_eq!(response.status(), 405, "{path} in {debug}");
            let allow = response.header("allow").unwrap();
            for (_, (served, _)) in &of_path {
                assert!(
                    allow.split(", ").any(|known| known == *served),
                    "{served} in {allow}"
                );
            }
        }
    }
}

fn matches(route: &str, path: &str) -> bool {
    let (mut route, mut path) = (route.split('/'), path.split('/'));
    loop {
        match (route.next(), path.next()) {
            (None, None) => return true,
            // The rest of a path can be empty.
            (Some(segment), Some(_)) if segment.starts_with("{*") => return true,
            (Some(segment), Some(part)) if segment.starts_with('{') && !part.is_empty() => {}
            (Some(segment), Some(part)) if segment == part => {}
            _ => return false,
        }
    }
}

/// A sort key with one byte for each segment: fixed text ranks above a parameter, and a parameter above a wildcard.
fn specificity(route: &str) -> Vec<u8> {
    let rank = |segment: &str| match segment {
        _ if segment.starts_with("{*") => 0,
        _ if segment.starts_with('{') => 1,
        _ => 2,
    };
    route.split('/').map(rank).collect()
}
