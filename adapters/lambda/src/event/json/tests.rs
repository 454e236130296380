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
    // The shorter field is a prefix of the longer one, and does not keep the rest of the map.
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
fn a_missing_field_or_one_of_another_type_reads_as_null_or_empty() -> serde_json::Result<()> {
    let json = Json::parse(br#"{"body": 5}"#, &kept(&[&["body"]]))?;
    assert!(json.at(&["x", "y"]).is_null());
    assert!(json.at(&["body", "y"]).is_null());
    assert_eq!(json.get("body").entries().count(), 0);
    assert_eq!(json.get("x").items().len(), 0);
    Ok(())
}

#[test]
fn json_nested_too_deeply_is_an_error() {
    assert!(Json::parse("[".repeat(100_000).as_bytes(), &Kept::default()).is_err());
}
