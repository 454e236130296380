//! Requests and responses that are larger than a source accepts.

use super::*;
use anyhost_core::Body;
use anyhost_core::http::HeaderValue;
use anyhost_lambda::front_door::Client;

fn post(length: usize) -> Request<Bytes> {
    let request = Request::post("/").header("content-type", "text/plain");
    request
        .body(vec![b'x'; length].into())
        .expect("expected a valid request")
}

fn envelope(length: usize) -> Vec<u8> {
    let empty = r#"{"statusCode":200,"body":""}"#;
    let body = "x".repeat(length - empty.len());
    empty.replace(r#""""#, &format!("\"{body}\"")).into()
}

#[test]
fn a_request_whose_event_exceeds_six_mebibytes_is_rejected_with_413() {
    for simulator in SIMULATORS {
        let balancer = is_load_balancer(simulator);
        let (fits, too_much) = match (balancer, simulator.source()) {
            (true, _) => (1 << 20, (1 << 20) + 1),
            // Base64 needs four bytes for three.
            (_, Source::RestApi) if simulator != REST_API_TEXT => (4_500_000, 4_800_000),
            _ => (6_200_000, 6 << 20),
        };
        assert_eq!(rejected_with(simulator, &post(fits)), None, "{simulator}");
        let expected = Some(StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(
            rejected_with(simulator, &post(too_much)),
            expected,
            "{simulator}"
        );
    }
}

#[test]
fn an_api_gateway_rejects_more_than_10240_bytes_of_request_headers_with_431() {
    for simulator in SIMULATORS {
        let mut request = Request::get("/")
            .body(Bytes::new())
            .expect("expected a valid request");
        let long =
            HeaderValue::try_from("x".repeat(10_240)).expect("expected a valid header value");
        request.headers_mut().insert("x-long", long);
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        let expected = is_api_gateway(simulator).then_some(status);
        assert_eq!(rejected_with(simulator, &request), expected, "{simulator}");
    }
}

#[tokio::test]
async fn a_request_that_the_event_source_rejects_gets_the_error_response_of_that_source() {
    let never = || async { panic!("the function was called") as &'static str };
    let response = Client::new(Source::Alb, never).send(post(2 << 20)).await;
    assert_eq!(response.status(), 413);
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(
        response.text().await.expect("expected a text body"),
        r#"{"message":"Payload Too Large"}"#
    );
}

#[test]
fn a_response_from_the_function_over_the_limit_is_a_failed_invocation() {
    for simulator in SIMULATORS {
        let limit = match simulator.source() {
            Source::Alb | Source::AlbMultiValue => 1 << 20,
            _ => 6_291_556,
        };
        assert_eq!(
            simulator.response(&envelope(limit)).status(),
            200,
            "{simulator}"
        );
        let failed = failure(simulator);
        assert_eq!(
            simulator.response(&envelope(limit + 1)).status(),
            failed,
            "{simulator}"
        );
    }
}

#[test]
fn response_headers_over_10240_bytes_are_a_500_at_an_api_gateway() {
    let long = "x".repeat(10_240);
    let posted = json!({
        "statusCode": 200, "headers": {"x-long": long}, "multiValueHeaders": {"x-long": [long]}, "body": "",
    });
    for simulator in SIMULATORS {
        let status = if is_api_gateway(simulator) { 500 } else { 200 };
        assert_eq!(
            simulator.response(posted.to_string().as_bytes()).status(),
            status,
            "{simulator}"
        );
    }
}

#[tokio::test]
async fn the_function_replaces_a_response_over_the_limits_of_the_event_source_with_a_500() {
    let large = || async { "x".repeat(7 << 20) };
    let headers = || async {
        let mut response = anyhost_core::Response::new(Body::empty());
        let long = HeaderValue::try_from("x".repeat(20_000))?;
        response.headers_mut().insert("x-long", long);
        Ok::<_, anyhost_core::Error>(response)
    };
    for simulator in SIMULATORS {
        let response = Client::new(simulator, large).send(get()).await;
        assert_eq!(response.status(), 500, "{simulator}");
        assert_eq!(
            response.text().await.expect("expected a text body"),
            "Internal Server Error",
            "{simulator}"
        );
        let response = Client::new(simulator, headers).send(get()).await;
        assert_eq!(
            response.status(),
            if is_api_gateway(simulator) { 500 } else { 200 },
            "{simulator}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_response_at_the_deadline_gets_a_504() {
    use anyhost_core::RequestExt;
    use std::time::Duration;
    let slow = |request: anyhost_core::Request| async move {
        assert!(request.context().deadline().is_some());
        tokio::time::sleep(Duration::from_secs(60)).await;
        "late"
    };
    for simulator in SIMULATORS {
        let client = Client::new(simulator, slow).with_timeout(Duration::from_secs(3));
        let response = client.send(get()).await;
        assert_eq!(response.status(), 504, "{simulator}");
    }
}
