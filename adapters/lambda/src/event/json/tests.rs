use super::*;

fn kept(fields: &[Field]) -> Kept {
    let mut kept = Kept::default();
    for field in fields {
        kept.add(field);
    }
    kept
}

#[test]
fn maps_keep_document_order_and_strings_without_escapes_are_borrowed() -> serde_json::Result<()> {
    let event = br#"{"headers": {"b": 1, "a": ["x", null, "\u00e9"], "b": 2}}"#;
    let json = Json::parse(event, &kept(&[&["headers"]]))?;
    let headers = json.get("headers");
    let keys: Vec<_> = headers.entries().map(|(key, _)| key).collect();
    assert_eq!(keys, ["b", "a", "b"]);
    assert_eq!(headers.get("b").scalar().as_deref(), Some("1"));
    assert!(matches!(
        &headers.get("a").items()[0],
        Json::Text(Cow::Borrowed("x"))
    ));
    assert_eq!(headers.get("a").items()[2].text(), Some("é"));
    Ok(())
}

#[test]
fn only_the_requested_fields_are_kept() -> serde_json::Result<()> {
    let event = br#"{"other": {"a": []}, "context": {"authorizer": {}, "http": {"method": "GET", "path": "/"}}}"#;
    // The shorter field is a prefix of the longer field, and does not keep the rest of the map.
    let kept = kept(&[&["context", "http", "method"], &["context", "http"]]);
    let json = Json::parse(event, &kept)?;
    assert_eq!(json.entries().count(), 1);
    assert_eq!(json.get("context").entries().count(), 1);
    let http = json.at(&["context", "http"]);
    assert_eq!(http.entries().count(), 1);
    assert_eq!(http.get("method").text(), Some("GET"));
    Ok(())
}

#[test]
fn syntax_errors_are_found_in_fields_that_are_not_kept() {
    let kept = kept(&[&["body"]]);
    assert!(Json::parse(br#"{"other": {"a": }}"#, &kept).is_err());
    assert!(Json::parse(b"{} {}", &kept).is_err());
}

#[test]
fn a_missing_field_or_a_field_of_another_type_reads_as_null_or_empty() -> serde_json::Result<()> {
    let json = Json::parse(br#"{"body": 5}"#, &kept(&[&["body"]]))?;
    assert!(json.at(&["x", "y"]).is_null());
    assert!(json.at(&["body", "y"]).is_null());
    assert_eq!(json.get("body").entries().count(), 0);
    assert_eq!(json.get("x").items().len(), 0);
    Ok(())
}

#[test]
fn values_that_are_not_unicode_or_too_large_are_invalid_and_all_others_are_kept()
-> serde_json::Result<()> {
    let kept = kept(&[&["body"], &["headers"], &["path"]]);
    for invalid in [&br#""\ud800""#[..], br#""a\udc00b""#, b"1e400", b"-1e999"] {
        let headers = [b"{\"x\": ", invalid, b", \"y\": [", invalid, b", \"1\"]}"].concat();
        let event = [
            &b"{\"path\": \"/x\\\"\", \"\\ud800\": 1, \"body\": "[..],
            invalid,
            b", \"headers\": ",
            &headers,
            b"}",
        ];
        let event = event.concat();
        let json = Json::parse(&event, &kept)?;
        assert_eq!(json.get("path").text(), Some("/x\""));
        assert_eq!(json.get("body"), &Json::Invalid);
        let headers = json.get("headers");
        assert_eq!(headers.get("x"), &Json::Invalid);
        assert_eq!(headers.get("y").items()[1].text(), Some("1"));
    }
    Ok(())
}

#[test]
fn a_string_that_is_not_utf_8_keeps_its_bytes() -> serde_json::Result<()> {
    let kept = kept(&[&["body"], &["headers"]]);
    let event = b"{\"\xE9\": \"\xE9\", \"body\": \"\\n\xE9\\u00e9\", \"headers\": {\"\xE9\": \"1\", \"x\": [\"\xFF\"]}}";
    let json = Json::parse(event, &kept)?;
    assert_eq!(json.get("body"), &Json::Bytes(b"\n\xE9\xC3\xA9".to_vec()));
    let x = json.get("headers").get("x");
    assert_eq!(x.items(), [Json::Bytes(b"\xFF".to_vec())]);
    Ok(())
}

#[test]
fn a_value_that_no_source_sends_is_skipped_at_any_depth() -> serde_json::Result<()> {
    let kept = kept(&[&["body"], &["headers"], &["context", "path"]]);
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    for event in [
        deep.clone(),
        format!(r#"{{"body": {deep}, "headers": {{"a": {deep}}}, "context": {deep}}}"#),
        format!(r#"{{"body": {{"a": {{"b": {deep}}}}}, "headers": {{"a": {{"b": {deep}}}}}}}"#),
    ] {
        let json = Json::parse(event.as_bytes(), &kept)?;
        assert_eq!(
            json.get("body")
                .items()
                .iter()
                .filter_map(Json::text)
                .count(),
            0
        );
        assert_eq!(json.get("headers").get("a").scalar(), None);
    }
    Ok(())
}

#[test]
fn a_top_level_list_is_not_kept_and_a_list_of_more_values_than_headers_is_an_error() {
    let ones = format!("[{}1]", "1,".repeat(MAX_VALUES));
    let kept = kept(&[&["body"]]);
    assert_eq!(
        Json::parse(ones.as_bytes(), &kept).ok(),
        Some(Json::Skipped)
    );
    let event = format!(r#"{{"body": {ones}}}"#);
    assert!(Json::parse(event.as_bytes(), &kept).is_err());
}
