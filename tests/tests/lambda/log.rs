//! What Lambda's log gets.

use super::*;

#[tokio::test]
async fn json_lines_have_a_level_a_time_and_the_request() {
    let (api, mut probe) = started_with(&[("AWS_LAMBDA_LOG_FORMAT", "JSON")]).await;
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
async fn text_lines_name_the_request() {
    let (api, mut probe) = started().await;
    api.invoke(get("/fail")).await;
    let line = probe.log_line("secret detail").await;
    assert!(line.contains("r-0") && line.contains("ERROR"), "{line}");
    assert!(!line.starts_with('{') && !line.starts_with("20"), "{line}");
}

#[tokio::test]
async fn the_level_is_the_one_that_lambda_says() {
    let vars = [("AWS_LAMBDA_LOG_LEVEL", "FATAL"), ("RUST_LOG", "trace")];
    let (api, mut probe) = started_with(&vars).await;
    // A warning, and then an error: the warning is not written.
    api.invoke(event("G@T", "/hello", |_| {})).await;
    api.invoke(get("/fail")).await;
    let first = probe.log_line("").await;
    assert!(first.contains("secret detail"), "{first}");
    // However few events are wanted, each says whose it is.
    assert!(first.contains("r-1"), "{first}");
}
