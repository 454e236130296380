//! Handlers that were written for `lambda_http` run unchanged, on Lambda and on other hosts.
#![cfg(all(feature = "lambda_http", feature = "testing"))]

use std::sync::Arc;

use anyhost_core::adapter::{Deadline, exchange};
use anyhost_core::http::{self, StatusCode};
use anyhost_core::testing::TestResponse;
use anyhost_core::{BoxError, Context, Handler, Host, handler};
use anyhost_lambda::compat::{lambda_http, lambda_http_handler, with_lambda_http_extensions};
use anyhost_lambda::front_door::{Client, Simulator};
use anyhost_lambda::{BoxFuture, Function, Mode, SnapStartResource, Source, invoke};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Error, IntoResponse, Request, RequestExt, RequestPayloadExt, service_fn};
use serde_json::{Value, json};

/// A handler as users of `lambda_http` write it: it uses every method of `RequestExt`.
async fn lambda_handler(request: Request) -> Result<impl IntoResponse, Error> {
    let source_ip = match request.request_context() {
        RequestContext::ApiGatewayV1(context) => context.identity.source_ip,
        RequestContext::ApiGatewayV2(context) => context.http.source_ip,
        RequestContext::Alb(context) => context.elb.target_group_arn,
        _ => None,
    };
    let body = match request.body() {
        Body::Empty => "empty".to_owned(),
        Body::Text(text) => format!("text {text}"),
        Body::Binary(bytes) => format!("binary {bytes:?}"),
        _ => "unknown".to_owned(),
    };
    let query = request.query_string_parameters();
    Ok(json!({
        "method": request.method().as_str(),
        "uri": request.uri().to_string(),
        "raw_path": request.raw_http_path(),
        "query": query.all("tag"),
        "id": request.path_parameters().first("id"),
        "table": request.stage_variables().first("table"),
        "request_id": request.lambda_context().request_id,
        "arn": request.lambda_context().invoked_function_arn,
        "source_ip": source_ip,
        "body": body,
    }))
}

async fn json_of(response: TestResponse) -> Value {
    assert_eq!(response.status(), 200);
    response.json().await.expect("expected JSON")
}

async fn call(handler: impl Handler, event: &Value) -> Value {
    let response = invoke(handler, event.to_string().into()).await;
    let response = response.expect("expected an HTTP response");
    serde_json::from_slice(&response).expect("expected JSON")
}

/// Calls a handler on a host that is not Lambda.
async fn call_on(
    host: Host,
    handler: impl Handler,
    request: http::Request<&'static str>,
) -> TestResponse {
    let mut request = request.map(anyhost_core::Body::from);
    let context = Context::new(host)
        .with_peer([198, 51, 100, 4].into())
        .with_request_id("r-1");
    request.extensions_mut().insert(context);
    let exchanged = exchange(Arc::new(handler), request, Deadline::none()).await;
    exchanged.response.into()
}

fn post() -> http::Request<&'static str> {
    http::Request::post("/orders/5?tag=a&tag=b%20c")
        .header("host", "example.com")
        .body("hi")
        .expect("expected a valid request")
}

fn rest_api_event() -> Value {
    json!({
        "resource": "/orders/{id}",
        "path": "/orders/5",
        "httpMethod": "POST",
        "multiValueHeaders": {"Host": ["example.com"]},
        "multiValueQueryStringParameters": {"tag": ["a", "b c"]},
        "pathParameters": {"id": "5"},
        "stageVariables": {"table": "orders", "invalid": 5},
        "requestContext": {
            "stage": "live", "path": "/live/orders/5", "httpMethod": "POST",
            "identity": {"sourceIp": "203.0.113.7"}, "requestTimeEpoch": 1_795_694_400_000_u64,
        },
        "body": "/wA=",
        "isBase64Encoded": true,
    })
}

#[tokio::test]
async fn a_lambda_http_handler_sees_path_parameters_stage_variables_and_the_request_context() {
    let handler = lambda_http_handler(service_fn(lambda_handler));
    let response = call(handler, &rest_api_event()).await;
    let seen: Value =
        serde_json::from_str(response["body"].as_str().expect("expected a text body"))
            .expect("expected JSON");
    let expected = json!({
        "method": "POST", "uri": "https://example.com/orders/5?tag=a&tag=b%20c",
        "raw_path": "/orders/5", "query": ["a", "b c"], "id": "5", "table": "orders",
        "request_id": "", "arn": "", "source_ip": "203.0.113.7", "body": "binary [255, 0]",
    });
    assert_eq!(seen, expected);
    let content_type = &response["multiValueHeaders"]["content-type"];
    assert_eq!(content_type, &json!(["application/json"]));
}

#[tokio::test]
async fn a_lambda_http_handler_works_with_every_event_source() {
    for simulator in Simulator::all() {
        let handler = lambda_http_handler(service_fn(lambda_handler));
        let seen = json_of(Client::new(simulator, handler).send(post()).await).await;
        let scheme = match simulator.source() {
            Source::Alb | Source::AlbMultiValue => "http",
            _ => "https",
        };
        let tags = match simulator.source() {
            Source::Alb => json!(["b c"]),
            _ => json!(["a", "b c"]),
        };
        let source_ip = match simulator.source() {
            Source::Lattice => Value::Null,
            Source::Alb | Source::AlbMultiValue => seen["source_ip"].clone(),
            _ => json!("192.0.2.1"),
        };
        assert_eq!(seen["source_ip"], source_ip, "{simulator}");
        assert_eq!(seen["query"], tags, "{simulator}");
        let uri = format!("{scheme}://example.com/orders/5");
        assert!(
            seen["uri"]
                .as_str()
                .is_some_and(|seen| seen.starts_with(&uri)),
            "{simulator}: {seen}"
        );
        assert_eq!(seen["body"], "text hi", "{simulator}");
        let id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";
        assert_eq!(seen["request_id"], id, "{simulator}");
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:anyhost";
        assert_eq!(seen["arn"], arn, "{simulator}");
    }
}

#[tokio::test]
async fn a_lambda_http_handler_on_another_host_sees_default_values_and_the_values_of_that_host() {
    for host in [Host::HTTP, Host::CGI] {
        let handler = lambda_http_handler(service_fn(lambda_handler));
        let seen = json_of(call_on(host, handler, post()).await).await;
        let expected = json!({
            "method": "POST", "uri": "http://example.com/orders/5?tag=a&tag=b%20c",
            "raw_path": "/orders/5", "query": ["a", "b c"], "id": null, "table": null,
            "request_id": "r-1", "arn": "", "source_ip": "198.51.100.4", "body": "text hi",
        });
        assert_eq!(seen, expected, "{host}");
    }
}

#[tokio::test]
async fn an_error_of_a_lambda_http_handler_is_a_500_without_its_message() {
    let failing = service_fn(|_: Request| async { Err::<&str, Error>("no database".into()) });
    let response = call_on(Host::HTTP, lambda_http_handler(failing), post()).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(
        response.text().await.expect("expected a text body"),
        "Internal Server Error"
    );
}

#[tokio::test]
async fn a_body_over_6_mb_is_a_413_for_a_lambda_http_handler() {
    let large: &'static str = "x".repeat(6 * 1024 * 1024 + 1).leak();
    let handler = lambda_http_handler(service_fn(lambda_handler));
    let response = call_on(Host::HTTP, handler, post().map(|_| large)).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_lambda_http_handler_can_read_a_typed_payload_and_return_text_or_bytes() {
    #[derive(serde::Deserialize)]
    struct Order {
        size: u32,
    }
    let typed = service_fn(|request: Request| async move {
        let order = request.payload::<Order>()?.ok_or("no payload")?;
        Ok::<_, Error>((StatusCode::CREATED, format!("size {}", order.size)))
    });
    let mut request = post().map(|_| r#"{"size": 3}"#);
    let json = http::HeaderValue::from_static("application/json");
    request.headers_mut().insert("content-type", json);
    let response = call_on(Host::HTTP, lambda_http_handler(typed), request).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    let content_type = response.header("content-type");
    assert_eq!(content_type, Some("text/plain; charset=utf-8"));
    assert_eq!(
        response.text().await.expect("expected a text body"),
        "size 3"
    );

    let binary = service_fn(|_: Request| async {
        // Without this header, `lambda_http` converts the bytes to text.
        let response = http::Response::builder().header("content-type", "image/png");
        Ok::<_, Error>(response.body(Body::Binary(vec![0xFF]))?)
    });
    let response = call_on(Host::HTTP, lambda_http_handler(binary), post()).await;
    assert_eq!(response.header("content-type"), Some("image/png"));
    assert_eq!(
        response.bytes().await.expect("expected a complete body"),
        &[0xFF][..]
    );
}

#[tokio::test]
async fn the_lambda_context_has_no_trace_id_on_other_hosts() {
    let trace = service_fn(|request: Request| async move {
        let context = request.lambda_context();
        Ok::<_, Error>(format!("{:?}", context.xray_trace_id))
    });
    let response = call_on(Host::CGI, lambda_http_handler(trace), post()).await;
    assert_eq!(response.text().await.expect("expected a text body"), "None");
}

/// An axum handler that uses `lambda_http::RequestExt`.
async fn axum_handler(request: axum::extract::Request) -> String {
    let query = request.query_string_parameters();
    let tags = query.all("tag").unwrap_or_default().join(",");
    let id = request.lambda_context().request_id;
    let context = match request.request_context() {
        RequestContext::ApiGatewayV2(context) => context.http.source_ip,
        _ => None,
    };
    format!("{tags} {id} {context:?}")
}

fn axum_app() -> axum::Router {
    axum::Router::new().fallback(axum_handler)
}

#[tokio::test]
async fn an_axum_app_that_uses_lambda_http_extensions_runs_on_every_host() {
    let on_lambda = "a,b c 8476a536-e9f4-11e8-9739-2dfe598c3fcd Some(\"192.0.2.1\")";
    let elsewhere = "a,b c r-1 Some(\"198.51.100.4\")";

    let client = Client::new(Source::FunctionUrl, with_lambda_http_extensions(axum_app()));
    let response = client.send(post()).await;
    assert_eq!(
        response.text().await.expect("expected a text body"),
        on_lambda
    );
    let handler = with_lambda_http_extensions(axum_app());
    let response = call_on(Host::HTTP, handler, post()).await;
    assert_eq!(
        response.text().await.expect("expected a text body"),
        elsewhere
    );

    let client = Client::new(Source::FunctionUrl, lambda_http_handler(axum_app()));
    let response = client.send(post()).await;
    assert_eq!(
        response.text().await.expect("expected a text body"),
        on_lambda
    );
    let response = call_on(Host::HTTP, lambda_http_handler(axum_app()), post()).await;
    assert_eq!(
        response.text().await.expect("expected a text body"),
        elsewhere
    );
}

#[tokio::test]
async fn a_handler_with_lambda_http_extensions_can_still_stream_its_response() {
    let chunks = handler(|| async {
        let chunks = ["one", "two"].map(Ok::<_, BoxError>);
        anyhost_core::Body::from_stream(futures_util::stream::iter(chunks))
    });
    let function = Function::new().with_mode(Mode::Stream);
    let client = Client::new(Source::FunctionUrl, with_lambda_http_extensions(chunks));
    let mut response = client.with_function(function).send(post()).await;
    let first = response
        .chunk()
        .await
        .expect("expected a complete response");
    assert_eq!(first.as_deref(), Some(&b"one"[..]));
}

#[tokio::test]
async fn a_type_with_the_snap_start_trait_of_lambda_http_can_be_registered() {
    struct Pool;
    impl lambda_http::SnapStartResource for Pool {}
    let _: Function = Function::new().with_resource(Arc::new(Pool));
    let hook: BoxFuture<'_, Result<(), BoxError>> = SnapStartResource::after_restore(&Pool);
    assert!(hook.await.is_ok());
}
