//! No event whatsoever makes the adapter panic, and every reply is JSON.

use super::*;
use anyhost_lambda::Function;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

/// Any JSON, with the names of events in it.
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

/// Where to put something else into an event: a way down its maps and lists.
fn change(event: &mut Value, way: &[usize], to: Value) {
    let next = match (way.split_first(), &mut *event) {
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
        Some((value, rest)) => change(value, rest, to),
        None => *event = to,
    }
}

fn outcome(function: &Function, event: Vec<u8>) -> std::result::Result<Value, u16> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let echo = handler(|mut request: Request| async move {
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
    });
    let reply = runtime
        .unwrap()
        .block_on(function.invoke(&echo, event.into()));
    let reply = reply.map_err(|error| error.status().as_u16())?;
    Ok(serde_json::from_slice(&reply).expect("a reply is JSON"))
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(event in vec(any::<u8>(), 0..200)) {
        let reply = outcome(&Function::new(), event);
        prop_assert!(reply.is_err() || reply.unwrap()["statusCode"].is_number());
    }

    #[test]
    fn no_json_makes_it_panic(event in any_json()) {
        let text = event.to_string();
        let reply = outcome(&Function::new(), text.clone().into());
        prop_assert!(reply.is_err() || reply.unwrap()["statusCode"].is_number());
        let function = Function::new().with_events("/events").with_stage_stripped(true);
        prop_assert!(outcome(&function.with_base_path("/"), text.into()).is_ok());
    }

    #[test]
    fn no_change_of_a_real_event_makes_it_panic(
        source in 0..6_usize,
        changes in vec((vec(any::<usize>(), 0..5), any_json()), 1..4),
    ) {
        let mut event = [
            function_url(), http_api(), rest_api(), alb(), alb_multi_value(), lattice(),
        ][source].clone();
        for (way, to) in changes {
            change(&mut event, &way, to);
        }
        let function = Function::new().with_stage_stripped(true).with_base_path("/capture");
        let reply = outcome(&function, event.to_string().into());
        prop_assert!(reply.is_err() || reply.unwrap()["statusCode"].is_number());
    }
}
