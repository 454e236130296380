//! The settings of a deployment.

use super::*;
use anyhost_lambda::Function;

async fn seen_by(function: Function, event: Value) -> Value {
    let response = function.invoke(echo, event.to_string().into()).await;
    let response: Value = serde_json::from_slice(&response.unwrap()).unwrap();
    serde_json::from_str(response["body"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn the_peer_of_an_alb_event_with_n_proxies_is_the_nth_from_the_right_in_x_forwarded_for() {
    for event in [alb(), alb_multi_value()] {
        for (proxies, peer) in [
            (0, json!("192.0.2.1")),
            (1, json!("192.0.2.1")),
            (2, json!("203.0.113.9")),
            (3, Value::Null),
        ] {
            let function = Function::new().with_proxies(proxies);
            let seen = seen_by(function, event.clone()).await;
            assert_eq!(seen["peer"], peer, "wrong peer with {proxies} proxies");
        }
    }
    // The events of the sources below contain the address.
    let function = Function::new().with_proxies(2);
    assert_eq!(seen_by(function, function_url()).await["peer"], "192.0.2.1");
}

#[tokio::test]
async fn the_peer_of_a_vpc_lattice_event_is_unknown_unless_the_number_of_proxies_is_set() {
    let mut event = lattice();
    assert_eq!(
        seen_by(Function::new(), event.clone()).await["peer"],
        Value::Null
    );
    let seen = seen_by(Function::new().with_proxies(1), event.clone()).await;
    assert_eq!(seen["peer"], "203.0.113.9");
    event["headers"]["x-forwarded-for"] = json!(["198.51.100.1, 203.0.113.9"]);
    let seen = seen_by(Function::new().with_proxies(1), event.clone()).await;
    assert_eq!(seen["peer"], "203.0.113.9");
    event["headers"]
        .as_object_mut()
        .unwrap()
        .remove("x-forwarded-for");
    let seen = seen_by(Function::new().with_proxies(1), event).await;
    assert_eq!(seen["peer"], Value::Null);
}

#[tokio::test]
async fn the_stage_and_the_base_path_are_removed_if_they_are_configured() {
    let mut event = http_api();
    event["rawPath"] = json!("/live/api/users");
    event["requestContext"]["stage"] = json!("live");
    let seen = seen_by(Function::new(), event.clone()).await;
    let pair = |seen: &Value| {
        (
            seen["base_path"].clone(),
            seen["target"].as_str().unwrap().to_owned(),
        )
    };
    assert_eq!(pair(&seen).0, "");
    assert!(pair(&seen).1.starts_with("/live/api/users?"));
    let function = Function::new()
        .with_stage_stripped(true)
        .with_base_path("/api");
    let seen = seen_by(function, event).await;
    assert_eq!(pair(&seen).0, "/live/api");
    assert!(pair(&seen).1.starts_with("/users?"));
}

/// The result of a non-HTTP event, or the status and message of the failure.
async fn result_of<K>(
    handler: impl IntoHandler<K>,
    event: &str,
) -> std::result::Result<Value, String> {
    let function = Function::new().with_events("/events");
    let result = function.invoke(handler, event.to_owned().into()).await;
    let result =
        result.map_err(|error| format!("{} {}", error.status().as_u16(), error.message()))?;
    Ok(serde_json::from_slice(&result).unwrap())
}

const SQS: &str = r#"{"Records": [{"eventSource": "aws:sqs", "body": "hi"}]}"#;

#[tokio::test]
async fn a_non_http_event_becomes_a_post_of_its_json() {
    let batch = |mut request: Request| async move {
        assert_eq!(
            (request.method().as_str(), request.uri().path()),
            ("POST", "/events")
        );
        let lambda = request.extensions().get::<LambdaContext>().cloned();
        assert_eq!(lambda.unwrap().source().to_string(), "non-HTTP event");
        let event: Value = request.json().await?;
        assert_eq!(event, serde_json::from_str::<Value>(SQS)?);
        Ok::<_, anyhost_core::Error>(json!({"batchItemFailures": []}))
    };
    assert_eq!(
        result_of(batch, SQS).await,
        Ok(json!({"batchItemFailures": []}))
    );
    let echo_body = |mut request: Request| async move { request.buffer().await };
    for event in ["{}", "[]", "null", "5", r#""x""#] {
        let expected: Value = serde_json::from_str(event).unwrap();
        assert_eq!(result_of(echo_body, event).await, Ok(expected), "{event}");
    }
}

#[tokio::test]
async fn the_result_of_a_non_http_event_is_a_string_if_it_is_not_json_and_null_if_it_is_empty() {
    let text = || async { "not \"json\"" };
    assert_eq!(result_of(text, SQS).await, Ok(json!("not \"json\"")));
    let nothing = || async {};
    assert_eq!(result_of(nothing, SQS).await, Ok(Value::Null));
}

#[tokio::test]
async fn an_error_or_a_panic_of_the_handler_fails_the_invocation_of_a_non_http_event() {
    use anyhost_core::Error;
    use anyhost_core::http::StatusCode;
    let busy = || async { Err::<(), _>(Error::new(StatusCode::SERVICE_UNAVAILABLE, "busy")) };
    assert_eq!(result_of(busy, SQS).await, Err("503 busy".into()));
    let panicking = || async {
        if true {
            panic!("on purpose");
        }
    };
    assert_eq!(
        result_of(panicking, SQS).await,
        Err("500 Internal Server Error".into())
    );
}

#[tokio::test]
async fn a_redirect_or_a_lambda_error_fails_the_invocation_of_a_non_http_event() {
    use anyhost_core::http::StatusCode;
    let moved = || async { (StatusCode::FOUND, "elsewhere") };
    assert_eq!(result_of(moved, SQS).await, Err("302 elsewhere".into()));
    let unknown = || async {
        let error = json!({"errorType": "Order.Unknown", "errorMessage": "no such order"});
        (StatusCode::NOT_FOUND, error)
    };
    let result = result_of(unknown, SQS).await;
    assert_eq!(result, Err("404 no such order".into()));
}

#[tokio::test]
async fn a_non_http_event_is_a_failed_invocation_if_no_path_for_events_is_set() {
    let hello = || async { "hello" };
    let failed = Function::new().invoke(hello, SQS.into()).await;
    assert!(
        failed
            .unwrap_err()
            .message()
            .contains("ANYHOST_LAMBDA_EVENTS")
    );
}

#[tokio::test]
async fn the_handler_can_read_the_claims_of_an_authorizer() {
    let claims = |request: Request| async move {
        let lambda = request.extensions().get::<LambdaContext>().cloned();
        lambda.and_then(|lambda| lambda.authorizer())
    };
    let mut event = http_api();
    event["requestContext"]["authorizer"] = json!({"jwt": {"claims": {"sub": "ada"}}});
    let response = response_to(&event, claims).await;
    assert_eq!(response["body"], r#"{"jwt":{"claims":{"sub":"ada"}}}"#);
}
