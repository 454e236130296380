//! The request that the handler sees for the events of each source.

use super::*;

#[tokio::test]
async fn a_function_url_keeps_path_and_query_as_sent() {
    let expected = json!({
        "method": "POST", "target": "/capture/a%20b%2Fc?repeat=one&repeat=two&plus=a+b&empty=",
        "probe": ["first,second"], "cookie": ["session=1; theme=dark"], "length": ["2"],
        "authority": "x.lambda-url.eu-west-1.on.aws", "peer": "192.0.2.1", "scheme": "https",
        "base_path": "", "source": "Function URL", "body": "hi",
    });
    assert_eq!(seen(function_url()).await, expected);
}

#[tokio::test]
async fn the_decoded_path_of_an_http_api_is_encoded_again_and_its_cookies_become_a_header() {
    let expected = json!({
        "method": "POST", "target": "/capture/a%20b/100%25/%23%3F?repeat=one&repeat=two&plus=a+b&empty=",
        "probe": ["first,second"], "cookie": ["session=1; theme=dark"], "length": ["2"],
        "authority": "x.execute-api.eu-west-1.amazonaws.com", "peer": "192.0.2.1", "scheme": "https",
        "base_path": "", "source": "HTTP API", "body": "hi",
    });
    assert_eq!(seen(http_api()).await, expected);
}

#[tokio::test]
async fn a_rest_api_keeps_repeated_headers_and_the_order_of_the_query() {
    // The event is edited as text, because `serde_json::Value` sorts maps.
    let text = rest_api().to_string().replace(
        r#"{"a":["b c&d"],"z":["one","two"]}"#,
        r#"{"z":["one","two"],"a":["b c&d"]}"#,
    );
    let response = invoke(echo, text.into()).await.unwrap();
    let response: Value = serde_json::from_slice(&response).unwrap();
    let seen: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
    let expected = json!({
        "method": "POST", "target": "/capture/a%20b%2Fc?z=one&z=two&a=b%20c%26d",
        "probe": ["first", "second"], "cookie": ["a=1"], "length": ["2"],
        "authority": "x.execute-api.eu-west-1.amazonaws.com", "peer": "192.0.2.1", "scheme": "https",
        "base_path": "/live", "source": "REST API", "body": "hi",
    });
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_load_balancer_keeps_the_encoded_query_and_the_last_forwarded_address_is_the_peer() {
    let seen = seen(alb()).await;
    let expected = json!({
        "method": "POST", "target": "/capture/a%20b%2Fc?plus=a+b&z=a%2Bb",
        "probe": ["second"], "cookie": ["a=1"], "length": ["2"], "authority": "x.elb.amazonaws.com",
        "peer": "192.0.2.1", "scheme": "http", "base_path": "", "source": "ALB", "body": "hi",
    });
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_load_balancer_with_multi_value_headers_keeps_all_values() {
    let seen = seen(alb_multi_value()).await;
    let expected = json!({
        "method": "POST", "target": "/capture/a%20b%2Fc?r=https%3A%2F%2Fx&z=one&z=two",
        "probe": ["first", "second"], "cookie": [], "length": ["2"], "authority": "x.elb.amazonaws.com",
        "peer": "192.0.2.1", "scheme": "https", "base_path": "", "source": "ALB (multi-value headers)", "body": "hi",
    });
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_health_check_of_a_load_balancer_without_a_host_header_is_served() {
    let event = json!({
        "requestContext": {"elb": {"targetGroupArn": "arn:x"}}, "httpMethod": "GET", "path": "/",
        "queryStringParameters": {}, "headers": {"user-agent": "ELB-HealthChecker/2.0"}, "body": "",
        "isBase64Encoded": false,
    });
    assert_eq!(seen(event).await["authority"], Value::Null);
}

#[tokio::test]
async fn at_vpc_lattice_forwarded_addresses_are_ignored_and_a_query_in_the_path_replaces_the_query_map()
 {
    let mut event = lattice();
    assert_eq!(
        seen(event.clone()).await["target"],
        "/capture?q=a%20b&z=one&z=two"
    );
    assert_eq!(seen(event.clone()).await["peer"], Value::Null);
    event["path"] = json!("/capture?z=one&z=two&q=a%20b");
    assert_eq!(seen(event).await["target"], "/capture?z=one&z=two&q=a%20b");
}

#[tokio::test]
async fn a_websocket_message_is_a_post_to_its_route_key() {
    let event = json!({
        "requestContext": {"connectionId": "c1", "routeKey": "$default", "eventType": "MESSAGE", "identity": {"sourceIp": "192.0.2.1"}},
        "body": "hi",
        "isBase64Encoded": false,
    });
    let seen = seen(event).await;
    assert_eq!(
        (&seen["method"], &seen["target"], &seen["body"]),
        (&json!("POST"), &json!("/$default"), &json!("hi"))
    );
}

#[tokio::test]
async fn more_request_headers_than_a_header_map_can_hold_are_a_431() {
    let mut event = function_url();
    let headers: serde_json::Map<_, _> = (0..40_000)
        .map(|n| (format!("x-{n}"), json!("1")))
        .collect();
    event["headers"] = headers.into();
    assert_eq!(response_to(&event, echo).await["statusCode"], 431);
}

#[tokio::test]
async fn the_request_context_of_an_event_is_read_into_a_type_of_the_handler() {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Context {
        stage: String,
        domain_name: String,
    }
    let stage = |request: Request| async move {
        let lambda = request.extensions().get::<LambdaContext>().unwrap();
        let context: Context = lambda.event_context()?;
        let result = format!("{} {}", context.stage, context.domain_name);
        Ok::<_, anyhost_core::Error>(result)
    };
    let response = response_to(&function_url(), stage).await;
    assert_eq!(response["body"], "$default x.lambda-url.eu-west-1.on.aws");
    let response = response_to(&alb(), stage).await;
    assert_eq!(response["statusCode"], 500);
}
