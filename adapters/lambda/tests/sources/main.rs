//! Each event source: the request that the handler sees, and the response that the source gets.

mod any_event;
mod edge_cases;
mod error_hook;
mod raw_events;
mod requests;
mod responses;
mod settings;

use anyhost_core::http::header::{HeaderMap, HeaderValue, SET_COOKIE, VARY};
use anyhost_core::{Body, IntoHandler, Request, RequestExt, Response, Result};
use anyhost_lambda::{LambdaContext, invoke};
use serde_json::{Value, json};

/// Returns the parts of the request that the handler sees: the target, some headers, the context and the body.
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
