//! Each event source: what the handler sees of its events, and the response that it gets.

mod any_event;
mod edge_cases;
mod settings;

use anyhost_core::http::header::{HeaderMap, HeaderValue, SET_COOKIE, VARY};
use anyhost_core::{Body, IntoHandler, Request, RequestExt, Response, Result};
use anyhost_lambda::{LambdaContext, invoke};
use serde_json::{Value, json};

/// Returns what the handler sees: the target, some headers, the context and the body.
async fn echo(mut request: Request) -> Result<Value> {
    let body = request.text().await?;
    let context = request.context();
    let all = |name| -> Vec<String> {
        let values = request.headers().get_all(name).iter();
        values
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect()
    };
    let lambda = request.extensions().get::<LambdaContext>();
    Ok(json!({
        "method": request.method().as_str(),
        "target": request.uri().to_string(),
        "probe": all("x-probe"),
        "cookie": all("cookie"),
        "length": all("content-length"),
        "authority": request.authority(),
        "peer": context.peer(),
        "scheme": context.scheme().as_str(),
        "base_path": context.base_path(),
        "source": lambda.map(|lambda| lambda.source().to_string()),
        "body": body,
    }))
}

async fn response_to<K>(event: &Value, handler: impl IntoHandler<K>) -> Value {
    let response = invoke(handler, event.to_string().into()).await.unwrap();
    serde_json::from_slice(&response).unwrap()
}

async fn seen(event: Value) -> Value {
    let response = response_to(&event, echo).await;
    assert_eq!(response["statusCode"], 200, "{response}");
    serde_json::from_str(response["body"].as_str().unwrap()).unwrap()
}

fn function_url() -> Value {
    json!({
        "version": "2.0",
        "rawPath": "/capture/a%20b%2Fc",
        "rawQueryString": "repeat=one&repeat=two&plus=a+b&empty=",
        "cookies": ["session=1", "theme=dark"],
        "headers": {
            "cookie": "session=1; theme=dark", "content-length": "2", "x-probe": "first,second",
            "host": "x.lambda-url.eu-west-1.on.aws", "x-forwarded-for": "203.0.113.9",
        },
        "requestContext": {
            "apiId": "x", "domainName": "x.lambda-url.eu-west-1.on.aws", "stage": "$default",
            "http": {"method": "POST", "path": "/capture/a b/c", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
        },
        "body": "hi",
        "isBase64Encoded": false,
    })
}

fn http_api() -> Value {
    let mut event = function_url();
    event["rawPath"] = json!("/capture/a b/100%/#?");
    event["headers"].as_object_mut().unwrap().remove("cookie");
    event["headers"]["host"] = json!("x.execute-api.eu-west-1.amazonaws.com");
    event["requestContext"]["domainName"] = json!("x.execute-api.eu-west-1.amazonaws.com");
    event
}

fn rest_api() -> Value {
    json!({
        "resource": "/{proxy+}",
        "path": "/capture/a%20b%2Fc",
        "httpMethod": "POST",
        "headers": {"Host": "x.execute-api.eu-west-1.amazonaws.com", "x-probe": "second", "Cookie": "a=1"},
        "multiValueHeaders": {
            "Host": ["x.execute-api.eu-west-1.amazonaws.com"], "x-probe": ["first", "second"], "Cookie": ["a=1"],
        },
        "queryStringParameters": {"z": "two", "a": "b c&d"},
        "multiValueQueryStringParameters": {"z": ["one", "two"], "a": ["b c&d"]},
        "requestContext": {
            "stage": "live", "path": "/live/capture/a%20b%2Fc", "protocol": "HTTP/1.1",
            "identity": {"sourceIp": "192.0.2.1"},
        },
        "body": "aGk=",
        "isBase64Encoded": true,
    })
}

fn alb() -> Value {
    json!({
        "requestContext": {"elb": {"targetGroupArn": "arn:x"}},
        "httpMethod": "POST",
        "path": "/capture/a%20b%2Fc",
        "queryStringParameters": {"z": "a%2Bb", "plus": "a+b"},
        "headers": {
            "host": "x.elb.amazonaws.com", "x-probe": "second", "cookie": "a=1",
            "x-forwarded-for": "203.0.113.9, 192.0.2.1", "x-forwarded-proto": "http",
        },
        "body": "hi",
        "isBase64Encoded": false,
    })
}

fn alb_multi_value() -> Value {
    json!({
        "requestContext": {"elb": {"targetGroupArn": "arn:x"}},
        "httpMethod": "POST",
        "path": "/capture/a%20b%2Fc",
        "queryStringParameters": null,
        "multiValueQueryStringParameters": {"z": ["one", "two"], "r": ["https%3A%2F%2Fx"]},
        "headers": null,
        "multiValueHeaders": {
            "host": ["x.elb.amazonaws.com"], "x-probe": ["first", "second"],
            "x-forwarded-for": ["203.0.113.9", "192.0.2.1"], "x-forwarded-proto": ["https"],
        },
        "body": "hi",
        "isBase64Encoded": false,
    })
}

fn lattice() -> Value {
    json!({
        "version": "2.0",
        "path": "/capture",
        "method": "POST",
        "headers": {"host": ["x.example"], "x-probe": ["first", "second"], "x-forwarded-for": ["203.0.113.9"]},
        "queryStringParameters": {"z": ["one", "two"], "q": ["a%20b"]},
        "requestContext": {"serviceArn": "arn:x", "serviceNetworkArn": "arn:y"},
        "body": "hi",
        "isBase64Encoded": false,
    })
}

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
    // Edited as text, because `serde_json::Value` sorts maps.
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
async fn a_load_balancer_s_health_check_without_a_host_is_served() {
    let event = json!({
        "requestContext": {"elb": {"targetGroupArn": "arn:x"}}, "httpMethod": "GET", "path": "/",
        "queryStringParameters": {}, "headers": {"user-agent": "ELB-HealthChecker/2.0"}, "body": "",
        "isBase64Encoded": false,
    });
    assert_eq!(seen(event).await["authority"], Value::Null);
}

#[tokio::test]
async fn vpc_lattice_ignores_forwarded_addresses_and_a_query_in_the_path_replaces_the_map() {
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

/// A response with two cookies, a repeated header and a body that is not text.
async fn rich() -> Response {
    let mut response = Response::new(Body::from(vec![0xFF, 0x00]));
    let mut headers = HeaderMap::new();
    headers.append(
        SET_COOKIE,
        HeaderValue::from_static("a=1; Expires=Wed, 21 Oct 2037 07:28:00 GMT"),
    );
    headers.append(SET_COOKIE, HeaderValue::from_static("b=2"));
    headers.append(VARY, HeaderValue::from_static("accept"));
    headers.append(VARY, HeaderValue::from_static("origin"));
    *response.headers_mut() = headers;
    response
}

#[tokio::test]
async fn responses_to_http_apis_and_function_urls_have_joined_headers_and_a_list_of_cookies() {
    for event in [http_api(), function_url()] {
        let expected = json!({
            "statusCode": 200,
            "headers": {"vary": "accept, origin", "content-length": "2", "content-type": "application/octet-stream"},
            "cookies": ["a=1; Expires=Wed, 21 Oct 2037 07:28:00 GMT", "b=2"],
            "isBase64Encoded": true,
            "body": "/wA=",
        });
        assert_eq!(response_to(&event, rich).await, expected);
    }
}

#[tokio::test]
async fn responses_to_rest_apis_and_multi_value_load_balancers_have_lists_of_values() {
    for (event, with_description) in [(rest_api(), false), (alb_multi_value(), true)] {
        let mut expected = json!({
            "statusCode": 200,
            "multiValueHeaders": {
                "set-cookie": ["a=1; Expires=Wed, 21 Oct 2037 07:28:00 GMT", "b=2"],
                "vary": ["accept", "origin"], "content-length": ["2"], "content-type": ["application/octet-stream"],
            },
            "isBase64Encoded": true,
            "body": "/wA=",
        });
        if with_description {
            expected["statusDescription"] = json!("200 OK");
        }
        assert_eq!(response_to(&event, rich).await, expected);
    }
}

#[tokio::test]
async fn responses_to_single_value_load_balancers_and_lattice_have_cookies_under_names_that_differ_in_case()
 {
    for event in [alb(), lattice()] {
        let expected = json!({
            "statusCode": 200,
            "statusDescription": "200 OK",
            "headers": {
                "set-cookie": "a=1; Expires=Wed, 21 Oct 2037 07:28:00 GMT", "Set-cookie": "b=2",
                "vary": "accept, origin", "content-length": "2", "content-type": "application/octet-stream",
            },
            "isBase64Encoded": true,
            "body": "/wA=",
        });
        assert_eq!(response_to(&event, rich).await, expected);
    }
}

#[tokio::test]
async fn a_response_over_one_mebibyte_is_a_500_only_at_a_load_balancer() {
    let large = || async { "x".repeat(1_100_000) };
    assert_eq!(response_to(&alb(), large).await["statusCode"], 500);
    assert_eq!(response_to(&function_url(), large).await["statusCode"], 200);
}

#[tokio::test]
async fn a_buffered_response_without_end_is_a_500_at_the_limit() {
    let endless = || async {
        let chunks = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![0; 65_536]));
        Body::from_stream(chunks)
    };
    assert_eq!(
        response_to(&function_url(), endless).await["statusCode"],
        500
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
