//! Log lines in the formats of Lambda.

use super::*;

#[tokio::test]
async fn json_log_lines_have_the_level_time_request_id_path_and_status() {
    let (api, mut probe) = start_with(&[("AWS_LAMBDA_LOG_FORMAT", "JSON")]).await;
    api.invoke(get("/fail")).await;
    let line: Value = serde_json::from_str(&probe.log_line("secret detail").await).unwrap();
    assert_eq!(line["level"], "ERROR");
    assert_eq!(line["requestId"], "r-0");
    assert_eq!(
        (&line["path"], &line["status"]),
        (&json!("/fail"), &json!(500))
    );
    let time = line["timestamp"].as_str().unwrap();
    assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
    api.invoke(get("/panic")).await;
    let line: Value = serde_json::from_str(&probe.log_line("panicked at").await).unwrap();
    assert_eq!(
        (&line["level"], &line["requestId"]),
        (&json!("ERROR"), &json!("r-1"))
    );
}

#[tokio::test]
async fn text_log_lines_have_the_level_and_request_id_and_no_time() {
    let (api, mut probe) = start().await;
    api.invoke(get("/fail")).await;
    let line = probe.log_line("secret detail").await;
    assert!(line.contains("r-0") && line.contains("ERROR"), "{line}");
    assert!(!line.starts_with('{') && !line.starts_with("20"), "{line}");
}

#[tokio::test]
async fn aws_lambda_log_level_takes_precedence_over_rust_log() {
    let vars = [("AWS_LAMBDA_LOG_LEVEL", "FATAL"), ("RUST_LOG", "trace")];
    let (api, mut probe) = start_with(&vars).await;
    // The first invocation logs a warning and the second an error.
    api.invoke(event("G@T", "/hello", |_| {})).await;
    api.invoke(get("/fail")).await;
    let first = probe.log_line("").await;
    assert!(first.contains("secret detail"), "{first}");
    // The request id is in a span, which must be enabled at every level.
    assert!(first.contains("r-1"), "{first}");
}

#[tokio::test]
async fn line_break_in_a_log_message_cannot_start_another_log_event() {
    let (api, mut probe) = start().await;
    api.invoke(event("GET", "/error/500", |event| {
        event["rawQueryString"] = json!("message=boom%0AERROR%20forged");
    }))
    .await;
    let line = probe.log_line("boom").await;
    assert!(line.contains(r"boom\nERROR forged"), "{line}");
}

#[tokio::test]
async fn json_log_lines_have_the_tenant_of_the_invocation() {
    let (api, mut probe) = start_with(&[("AWS_LAMBDA_LOG_FORMAT", "JSON")]).await;
    let tenant = [("lambda-runtime-aws-tenant-id", "blue")];
    api.invoke_with(get("/fail"), &tenant).await;
    let line: Value = serde_json::from_str(&probe.log_line("secret detail").await).unwrap();
    assert_eq!(line["tenantId"], "blue");
}
