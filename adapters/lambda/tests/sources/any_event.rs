//! No event causes a panic of the adapter, and every response is JSON.

use super::*;
use anyhost_lambda::Function;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

/// Any JSON, with typical keys and values of events.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        prop_oneof!["GET", "/", "/%", "http://\\[", "a,b", "1.0", "2.0", "=\\?&"]
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let names = prop_oneof![
            "(requestContext|http|elb|headers|multiValueHeaders|cookies|path|rawPath|raw_path|body)",
            "(method|httpMethod|version|identity|sourceIp|connectionId|serviceArn|isBase64Encoded)",
            "(rawQueryString|queryStringParameters|multiValueQueryStringParameters|host|cookie)",
            ".{0,8}",
        ];
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            btree_map(names, inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Replaces the value at a path through the maps and lists of an event.
fn replace(event: &mut Value, path: &[usize], to: Value) {
    let next = match (path.split_first(), &mut *event) {
        (Some((step, rest)), Value::Object(map)) if !map.is_empty() => {
            let nth = step % map.len();
            map.values_mut().nth(nth).map(|value| (value, rest))
        }
        (Some((step, rest)), Value::Array(items)) if !items.is_empty() => {
            let nth = step % items.len();
            items.get_mut(nth).map(|value| (value, rest))
        }
        _ => None,
    };
    match next {
        Some((value, rest)) => replace(value, rest, to),
        None => *event = to,
    }
}

fn outcome(function: &Function, event: Vec<u8>) -> std::result::Result<Value, u16> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let echo = |mut request: Request| async move {
        let body = request.buffer().await?;
        let context = request.context();
        Ok::<_, anyhost_core::Error>(format!(
            "{} {} {:?} {:?} {}",
            request.method(),
            request.uri(),
            request.headers(),
            context.peer(),
            body.len()
        ))
    };
    let response = runtime
        .unwrap()
        .block_on(function.invoke(echo, event.into()));
    let response = response.map_err(|error| error.status().as_u16())?;
    Ok(serde_json::from_slice(&response).expect("expected JSON as the response"))
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic_the_function(event in vec(any::<u8>(), 0..200)) {
        let response = outcome(&Function::new(), event);
        prop_assert!(response.is_err() || response.unwrap()["statusCode"].is_number());
    }

    #[test]
    fn arbitrary_json_does_not_panic_the_function(event in any_json()) {
        let text = event.to_string();
        let response = outcome(&Function::new(), text.clone().into());
        prop_assert!(response.is_err() || response.unwrap()["statusCode"].is_number());
        let function = Function::new().with_events("/events").with_stage_stripped(true);
        prop_assert!(outcome(&function.with_base_path("/"), text.into()).is_ok());
    }

    #[test]
    fn a_changed_event_does_not_panic_the_function(
        source in 0..6_usize,
        changes in vec((vec(any::<usize>(), 0..5), any_json()), 1..4),
    ) {
        let mut event = [
            function_url(), http_api(), rest_api(), alb(), alb_multi_value(), lattice(),
        ][source].clone();
        for (path, to) in changes {
            replace(&mut event, &path, to);
        }
        let function = Function::new().with_stage_stripped(true).with_base_path("/capture");
        let response = outcome(&function, event.to_string().into());
        prop_assert!(response.is_err() || response.unwrap()["statusCode"].is_number());
    }
}
