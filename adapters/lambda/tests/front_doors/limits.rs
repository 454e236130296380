//! What is too large, and who says so.

use super::*;
use anyhost_core::Body;
use anyhost_core::http::HeaderValue;
use anyhost_lambda::front_door::Client;

fn post(length: usize) -> Request<Bytes> {
    let request = Request::post("/").header("content-type", "text/plain");
    request.body(vec![b'x'; length].into()).expect("a request")
}

fn envelope(length: usize) -> Vec<u8> {
    let empty = r#"{"statusCode":200,"body":""}"#;
    let body = "x".repeat(length - empty.len());
    empty.replace(r#""""#, &format!("\"{body}\"")).into()
}

#[test]
fn an_event_of_more_than_six_mebibytes_is_a_413() {
    for door in FrontDoor::ALL {
        let balancer = matches!(door, FrontDoor::Alb | FrontDoor::AlbMultiValue);
        let (fits, too_much) = match (balancer, door) {
            (true, _) => (1 << 20, (1 << 20) + 1),
            // In base64.
            (_, FrontDoor::RestApi) => (4_500_000, 4_800_000),
            _ => (6_200_000, 6 << 20),
        };
        assert_eq!(refused(door, &post(fits)), None, "{door}");
        let answer = Some(StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(refused(door, &post(too_much)), answer, "{door}");
    }
}

#[test]
fn an_api_gateway_takes_ten_kilobytes_of_headers() {
    for door in FrontDoor::ALL {
        let mut request = Request::get("/").body(Bytes::new()).expect("a request");
        let long = HeaderValue::try_from("x".repeat(10_240)).expect("a value");
        request.headers_mut().insert("x-long", long);
        let answer = match door {
            FrontDoor::Alb
            | FrontDoor::AlbMultiValue
            | FrontDoor::FunctionUrl
            | FrontDoor::Lattice => None,
            _ => Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        };
        assert_eq!(refused(door, &request), answer, "{door}");
    }
}

#[tokio::test]
async fn a_client_gets_what_the_front_door_says_instead_of_the_function() {
    let never = || async { panic!("the function is not called") as &'static str };
    let reply = Client::new(FrontDoor::Alb, never).send(post(2 << 20)).await;
    assert_eq!(reply.status(), 413);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(
        reply.text().await.expect("it is text"),
        r#"{"message":"Payload Too Large"}"#
    );
}

#[test]
fn a_posted_reply_that_is_too_long_is_a_502() {
    for door in FrontDoor::ALL {
        let limit = match door {
            FrontDoor::Alb | FrontDoor::AlbMultiValue => 1 << 20,
            _ => 6_291_556,
        };
        assert_eq!(door.reply(&envelope(limit)).status(), 200, "{door}");
        let failed = if door == FrontDoor::Lattice { 500 } else { 502 };
        assert_eq!(door.reply(&envelope(limit + 1)).status(), failed, "{door}");
    }
}

#[test]
fn reply_headers_that_are_too_long_are_a_500_at_an_api_gateway() {
    let long = "x".repeat(10_240);
    let posted = json!({
        "statusCode": 200, "headers": {"x-long": long}, "multiValueHeaders": {"x-long": [long]}, "body": "",
    });
    for door in FrontDoor::ALL {
        let status = match door {
            FrontDoor::Alb
            | FrontDoor::AlbMultiValue
            | FrontDoor::FunctionUrl
            | FrontDoor::Lattice => 200,
            _ => 500,
        };
        assert_eq!(
            door.reply(posted.to_string().as_bytes()).status(),
            status,
            "{door}"
        );
    }
}

#[tokio::test]
async fn the_function_answers_for_its_own_reply_before_the_front_door_has_to() {
    let large = || async { "x".repeat(7 << 20) };
    let headers = || async {
        let mut response = anyhost_core::Response::new(Body::empty());
        let long = HeaderValue::try_from("x".repeat(20_000))?;
        response.headers_mut().insert("x-long", long);
        Ok::<_, anyhost_core::Error>(response)
    };
    for door in FrontDoor::ALL {
        let reply = Client::new(door, large)
            .send(Request::get("/").body("").expect("a request"))
            .await;
        assert_eq!(reply.status(), 500, "{door}");
        assert_eq!(
            reply.text().await.expect("text"),
            "Internal Server Error",
            "{door}"
        );
        let reply = Client::new(door, headers)
            .send(Request::get("/").body("").expect("a request"))
            .await;
        let api_gateway = !matches!(
            door,
            FrontDoor::Alb | FrontDoor::AlbMultiValue | FrontDoor::FunctionUrl | FrontDoor::Lattice
        );
        assert_eq!(
            reply.status(),
            if api_gateway { 500 } else { 200 },
            "{door}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_misses_the_deadline_is_answered_for_with_a_504() {
    use anyhost_core::RequestExt;
    use std::time::Duration;
    let slow = |request: anyhost_core::Request| async move {
        assert!(request.context().deadline().is_some());
        tokio::time::sleep(Duration::from_secs(60)).await;
        "late"
    };
    for door in FrontDoor::ALL {
        let client = Client::new(door, slow).with_timeout(Duration::from_secs(3));
        let reply = client
            .send(Request::get("/").body("").expect("a request"))
            .await;
        assert_eq!(reply.status(), 504, "{door}");
    }
}
