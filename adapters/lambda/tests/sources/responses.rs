//! The response that each source gets.

use super::*;

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
async fn responses_to_single_value_load_balancers_and_lattice_send_each_cookie_under_set_cookie_in_another_letter_case()
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

/// Lambda accepts 6 MB and 100 bytes, the limit of its emulator.
#[tokio::test]
async fn a_response_of_6291556_bytes_is_sent_and_a_longer_one_is_a_500() {
    let invoke_with = async |length: usize| {
        let text = move || async move { "x".repeat(length) };
        invoke(text, function_url().to_string().into())
            .await
            .unwrap()
    };
    let envelope = invoke_with(1).await.len() - 1;
    // The Content-Length of a longer body has more digits.
    let most = 6_291_556 - envelope - "6291556".len() + "1".len();
    let response = invoke_with(most).await;
    assert_eq!(response.len(), 6_291_556);
    let response: Value = serde_json::from_slice(&response).unwrap();
    assert_eq!(response["statusCode"], 200);
    let response: Value = serde_json::from_slice(&invoke_with(most + 1).await).unwrap();
    assert_eq!(response["statusCode"], 500);
}

#[tokio::test]
async fn an_endless_buffered_response_is_a_500_at_the_size_limit() {
    let endless = || async {
        let chunks = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![0; 65_536]));
        Body::from_stream(chunks)
    };
    assert_eq!(
        response_to(&function_url(), endless).await["statusCode"],
        500
    );
}
