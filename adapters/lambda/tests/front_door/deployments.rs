//! What differs between two deployments of one source: the address of an API, and its authorizer.

use super::*;
use anyhost_lambda::front_door::{Claims, Client};

async fn seen(client: Client, path: &str) -> Value {
    let request = Request::get(path)
        .body("")
        .expect("expected a valid request");
    let response = client.send(request).await;
    assert_eq!(response.status(), 200, "{client:?} {path}");
    response.json().await.expect("expected JSON")
}

#[tokio::test]
async fn a_rest_api_removes_its_stage_from_the_path_and_an_http_api_does_not() {
    for (source, path, target, base_path) in [
        (Source::RestApi, "/dev/a%2Fb?q=1", "/a%2Fb?q=1", "/dev"),
        (Source::RestApi, "/dev", "/", "/dev"),
        (Source::RestApi, "/dev/", "/", "/dev"),
        (Source::HttpApi, "/dev/x?q=1", "/dev/x?q=1", ""),
        (Source::HttpApiV1, "/dev/x?q=1", "/dev/x?q=1", ""),
    ] {
        let seen = seen(Client::new(source, echo).with_stage("dev"), path).await;
        let seen = (&seen["target"], &seen["base_path"]);
        assert_eq!(seen, (&json!(target), &json!(base_path)), "{source} {path}");
    }
}

#[tokio::test]
async fn a_path_without_the_stage_is_rejected_by_an_api_that_has_only_this_stage() {
    for (source, status) in [
        (Source::RestApi, 403),
        (Source::HttpApi, 404),
        (Source::HttpApiV1, 404),
    ] {
        let client = Client::new(source, echo).with_stage("dev");
        for path in ["/x", "/", "/device", "/live/x"] {
            let request = Request::get(path)
                .body("")
                .expect("expected a valid request");
            let response = client.send(request).await;
            assert_eq!(response.status(), status, "{source} {path}");
        }
    }
}

#[tokio::test]
async fn a_custom_domain_has_no_stage_in_the_path_and_the_base_path() {
    for source in [Source::RestApi, Source::HttpApi, Source::HttpApiV1] {
        let seen = seen(Client::new(source, echo).with_custom_domain(), "/live/x").await;
        let seen = (&seen["target"], &seen["base_path"]);
        assert_eq!(seen, (&json!("/live/x"), &json!("")), "{source}");
    }
}

/// The `requestContext` that the handler sees behind a source with these claims.
async fn context(source: Source, claims: &str) -> Option<Value> {
    let show = |request: anyhost_core::Request| async move {
        let lambda = request.extensions().get::<LambdaContext>();
        let lambda = lambda.expect("expected a Lambda context");
        lambda.event_context::<Value>()
    };
    let claims = Claims::from_json(claims.as_bytes()).expect("expected valid claims");
    let client = Client::new(source, show).with_claims(claims).ok()?;
    let response = client.send(get()).await;
    Some(response.json().await.expect("expected JSON"))
}

#[tokio::test]
async fn the_claims_of_a_jwt_are_strings_in_the_form_of_each_api() {
    let claims =
        r#"{"jwt": {"claims": {"sub": "42", "exp": 7, "groups": ["a", "b"]}, "scopes": ["r"]}}"#;
    let bracketed = json!({"sub": "42", "exp": "7", "groups": "[a b]"});
    let commas = json!({"sub": "42", "exp": "7", "groups": "a,b"});
    for (source, expected) in [
        (
            Source::HttpApi,
            json!({"jwt": {"claims": bracketed, "scopes": ["r"]}}),
        ),
        (
            Source::HttpApiV1,
            json!({"claims": bracketed, "scopes": ["r"]}),
        ),
        (Source::RestApi, json!({"claims": commas})),
    ] {
        let context = context(source, claims)
            .await
            .expect("expected a JWT authorizer");
        assert_eq!(context["authorizer"], expected, "{source}");
    }
}

#[tokio::test]
async fn the_values_of_a_lambda_authorizer_are_nested_in_an_http_api_and_strings_in_a_rest_api() {
    let claims = r#"{"lambda": {"principalId": "ada", "plan": 2}}"#;
    for (source, expected) in [
        (
            Source::HttpApi,
            json!({"lambda": {"principalId": "ada", "plan": 2}}),
        ),
        (Source::HttpApiV1, json!({"principalId": "ada", "plan": 2})),
        (
            Source::RestApi,
            json!({"principalId": "ada", "plan": "2", "integrationLatency": 0}),
        ),
    ] {
        let context = context(source, claims)
            .await
            .expect("expected a Lambda authorizer");
        assert_eq!(context["authorizer"], expected, "{source}");
    }
}

#[tokio::test]
async fn a_caller_authenticated_by_iam_is_in_the_place_where_each_source_writes_it() {
    let arn = "arn:aws:iam::123456789012:user/ada";
    let claims = json!({"iam": {"userArn": arn, "callerId": "AIDA", "principalOrgId": "o-1"}});
    let claims = claims.to_string();
    for (source, place, expected) in [
        (Source::HttpApi, "/authorizer/iam/userArn", arn),
        (Source::FunctionUrl, "/authorizer/iam/callerId", "AIDA"),
        (Source::RestApi, "/identity/caller", "AIDA"),
        (Source::HttpApiV1, "/identity/userArn", arn),
        (Source::Lattice, "/identity/principal", arn),
        (Source::Lattice, "/identity/principalOrgID", "o-1"),
        (Source::Lattice, "/identity/type", "AWS_IAM"),
    ] {
        let context = context(source, &claims).await.expect("expected AWS IAM");
        let seen = context.pointer(place);
        assert_eq!(seen, Some(&json!(expected)), "{source}: {context}");
    }
    // The other values of the identity are still there.
    let context = context(Source::RestApi, &claims)
        .await
        .expect("expected AWS IAM");
    assert_eq!(context["identity"]["sourceIp"], "192.0.2.1");
}

#[tokio::test]
async fn claims_for_a_source_without_such_an_authorizer_are_an_error() {
    let jwt = r#"{"jwt": {"claims": {}}}"#;
    let lambda = r#"{"lambda": {}}"#;
    let iam = r#"{"iam": {}}"#;
    for (source, claims) in [
        (Source::Alb, jwt),
        (Source::Alb, iam),
        (Source::AlbMultiValue, lambda),
        (Source::FunctionUrl, jwt),
        (Source::FunctionUrl, lambda),
        (Source::Lattice, jwt),
    ] {
        assert_eq!(context(source, claims).await, None, "{source} {claims}");
    }
}
