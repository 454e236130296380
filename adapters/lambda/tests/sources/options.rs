//! What a deployment decides.

use super::*;
use anyhost_lambda::Function;

async fn seen_by(function: Function, event: Value) -> Value {
    let echo = handler(echo);
    let reply = function.invoke(&echo, event.to_string().into()).await;
    let reply: Value = serde_json::from_slice(&reply.unwrap()).unwrap();
    serde_json::from_str(reply["body"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn the_client_is_so_many_proxies_from_the_right() {
    for event in [alb(), alb_multi_value()] {
        for (proxies, peer) in [
            (0, json!("192.0.2.1")),
            (1, json!("192.0.2.1")),
            (2, json!("203.0.113.9")),
            (3, Value::Null),
        ] {
            let function = Function::new().with_proxies(proxies);
            let seen = seen_by(function, event.clone()).await;
            assert_eq!(seen["peer"], peer, "{proxies}");
        }
    }
    // The other front doors say who the client is.
    let function = Function::new().with_proxies(2);
    assert_eq!(seen_by(function, function_url()).await["peer"], "192.0.2.1");
}

#[tokio::test]
async fn a_stage_and_a_base_path_are_taken_off_if_asked_for() {
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

/// What became of an event of no front door.
async fn passed<H: Handler>(handler: H, event: &str) -> std::result::Result<Value, String> {
    let function = Function::new().with_events("/events");
    let result = function.invoke(&handler, event.to_owned().into()).await;
    let result =
        result.map_err(|error| format!("{} {}", error.status().as_u16(), error.message()))?;
    Ok(serde_json::from_slice(&result).unwrap())
}

const SQS: &str = r#"{"Records": [{"eventSource": "aws:sqs", "body": "hi"}]}"#;

#[tokio::test]
async fn an_event_of_no_front_door_is_a_post_with_its_json() {
    let batch = handler(|mut request: Request| async move {
        assert_eq!(
            (request.method().as_str(), request.uri().path()),
            ("POST", "/events")
        );
        let lambda = request.extensions().get::<LambdaContext>().cloned();
        assert_eq!(lambda.unwrap().source().to_string(), "no front door");
        let event: Value = request.json().await?;
        assert_eq!(event, serde_json::from_str::<Value>(SQS)?);
        Ok::<_, anyhost_core::Error>(json!({"batchItemFailures": []}))
    });
    assert_eq!(
        passed(batch, SQS).await,
        Ok(json!({"batchItemFailures": []}))
    );
    let anything = || handler(|mut request: Request| async move { request.buffer().await });
    for event in ["{}", "[]", "null", "5", r#""x""#] {
        let expected: Value = serde_json::from_str(event).unwrap();
        assert_eq!(passed(anything(), event).await, Ok(expected), "{event}");
    }
}

#[tokio::test]
async fn a_result_that_is_no_json_is_a_string_and_none_is_null() {
    let text = handler(|| async { "not \"json\"" });
    assert_eq!(passed(text, SQS).await, Ok(json!("not \"json\"")));
    let nothing = handler(|| async {});
    assert_eq!(passed(nothing, SQS).await, Ok(Value::Null));
}

#[tokio::test]
async fn an_error_or_a_panic_fails_the_invocation_so_that_it_is_tried_again() {
    use anyhost_core::Error;
    use anyhost_core::http::StatusCode;
    let busy =
        handler(|| async { Err::<(), _>(Error::new(StatusCode::SERVICE_UNAVAILABLE, "busy")) });
    assert_eq!(passed(busy, SQS).await, Err("503 busy".into()));
    let panicking = handler(|| async {
        if true {
            panic!("on purpose");
        }
    });
    assert_eq!(
        passed(panicking, SQS).await,
        Err("500 Internal Server Error".into())
    );
}

#[tokio::test]
async fn an_event_of_no_front_door_is_nobodys_business_unless_asked_for() {
    let hello = handler(|| async { "hello" });
    let failed = Function::new().invoke(&hello, SQS.into()).await;
    assert!(failed.unwrap_err().message().contains("front door"));
}

#[tokio::test]
async fn an_authorizers_claims_are_at_hand() {
    let claims = handler(|request: Request| async move {
        let lambda = request.extensions().get::<LambdaContext>().cloned();
        lambda.and_then(|lambda| lambda.authorizer())
    });
    let mut event = http_api();
    event["requestContext"]["authorizer"] = json!({"jwt": {"claims": {"sub": "ada"}}});
    let reply_to = |event: Value| async move { reply(&claims, &event).await };
    let reply = reply_to(event).await;
    assert_eq!(reply["body"], r#"{"jwt":{"claims":{"sub":"ada"}}}"#);
}
