//! The errors for data that is valid JSON, a valid form or a valid query, but does not fit the expected type.

use std::collections::BTreeMap;

use anyhost_core::{Error, Request, RequestExt};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Order {
    items: Vec<Item>,
    #[serde(default)]
    kind: Kind,
    #[serde(default)]
    notes: BTreeMap<String, u8>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code)]
struct Item {
    name: String,
    age: u8,
    #[serde(default)]
    price: Price,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Book,
    Film,
}

#[derive(Debug, Default, Deserialize)]
#[serde(try_from = "u32")]
struct Price(#[allow(dead_code)] u32);

impl TryFrom<u32> for Price {
    type Error = String;

    fn try_from(price: u32) -> Result<Self, String> {
        match price {
            0..=100 => Ok(Self(price)),
            _ => Err("the price must not exceed 100".to_owned()),
        }
    }
}

fn item(change: impl FnOnce(&mut Value)) -> Value {
    let mut item = json!({"name": "Ada", "age": 36});
    change(&mut item);
    item
}

async fn json_error<T: DeserializeOwned + std::fmt::Debug>(
    body: impl Into<String>,
) -> (u16, String) {
    let body: String = body.into();
    let error = Request::new(body.into()).json::<T>().await.unwrap_err();
    (error.status().as_u16(), error.message().to_owned())
}

#[tokio::test]
async fn json_that_does_not_fit_the_type_is_a_422_that_names_the_field_and_what_was_expected() {
    let in_third_item = |change: fn(&mut Value)| {
        let items = [item(|_| {}), item(|_| {}), item(change)];
        json!({ "items": items })
    };
    for (body, message) in [
        (
            in_third_item(|item| item["age"] = 300.into()),
            r#"Invalid field "items[2].age": expected u8"#,
        ),
        (
            in_third_item(|item| item["age"] = "x, expected a joke".into()),
            r#"Invalid field "items[2].age": expected u8"#,
        ),
        (
            in_third_item(|item| drop(item.as_object_mut().unwrap().remove("age"))),
            r#"Missing field "items[2].age""#,
        ),
        (
            in_third_item(|item| item["price"] = 101.into()),
            r#"Invalid field "items[2].price": the price must not exceed 100"#,
        ),
        (json!({}), r#"Missing field "items""#),
        (
            json!({"items": [], "kind": "song"}),
            r#"Invalid field "kind": expected `book` or `film`"#,
        ),
        (
            json!({"items": [], "colour": 1}),
            r#"Invalid field "colour": expected one of `items`, `kind`, `notes`"#,
        ),
        (
            json!({"items": {}}),
            r#"Invalid field "items": expected a sequence"#,
        ),
        (json!(5), "Invalid value: expected struct Order"),
    ] {
        let expected = (422, message.to_owned());
        assert_eq!(json_error::<Order>(body.to_string()).await, expected);
    }
    let twice = r#"{"items": [], "items": []}"#;
    let expected = (422, r#"Duplicate field "items""#.to_owned());
    assert_eq!(json_error::<Order>(twice).await, expected);
}

#[tokio::test]
async fn text_that_is_not_json_is_a_400_for_every_expected_type() {
    for body in ["", "{", r#"{"items": [}"#, r#"{"items": []} x"#] {
        let expected = (400, "Invalid JSON".to_owned());
        assert_eq!(json_error::<Order>(body).await, expected, "{body}");
    }
}

#[tokio::test]
async fn a_value_is_in_the_source_for_the_log_and_not_in_the_message_of_a_422() {
    let body = json!({"name": "Ada", "age": "hunter2"}).to_string();
    let error = Request::new(body.into()).json::<Item>().await.unwrap_err();
    assert_eq!(error.message(), r#"Invalid field "age": expected u8"#);
    let source = error.chain().to_string();
    assert!(source.contains("hunter2"), "{source}");
}

#[tokio::test]
async fn the_message_of_a_422_is_short_and_has_no_control_characters_whatever_the_client_sends() {
    let long = "k".repeat(5000);
    let hostile = [
        "a\nb\r\n\u{1b}[0m\0",
        "\u{202e}abc",
        "`, expected `x",
        &long,
    ];
    for key in hostile {
        for body in [
            json!({"items": [], "notes": {key: 300}}),
            json!({"items": [], key: 1}),
            json!({"items": [], "kind": key}),
            json!({"items": key}),
        ] {
            let (status, message) = json_error::<Order>(body.to_string()).await;
            assert_eq!(status, 422, "{body}");
            assert!(message.chars().count() < 350, "{message}");
            let harmless = |c: char| !c.is_control() && c != '\u{202e}';
            assert!(message.chars().all(harmless), "{message:?}");
        }
    }
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    #[derive(Debug, Deserialize)]
    struct Nested(#[allow(dead_code)] Vec<Nested>);
    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    enum Either {
        #[allow(dead_code)]
        Number(u8),
        #[allow(dead_code)]
        Text(String),
    }
    assert!(Request::new(deep.into()).json::<Nested>().await.is_ok());
    let (status, message) = json_error::<Either>("[]").await;
    assert_eq!(status, 422);
    assert_eq!(
        message,
        "Invalid value: data did not match any variant of untagged enum Either"
    );
}

#[derive(Debug, Deserialize)]
#[allow(dead_code)]
struct Search {
    page: u32,
    #[serde(default)]
    tag: Vec<u8>,
    #[serde(default)]
    kind: Kind,
}

/// The queries or forms that do not fit `Search`, and the messages.
const SEARCHES: [(&str, &str); 4] = [
    ("tag=1", r#"Missing field "page""#),
    (
        "page=two",
        r#"Invalid field "page": invalid digit found in string"#,
    ),
    (
        "page=1&tag=1&tag=300",
        r#"Invalid field "tag[1]": number too large to fit in target type"#,
    ),
    (
        "page=1&kind=song",
        r#"Invalid field "kind": expected `book` or `film`"#,
    ),
];

fn parts(error: &Error) -> (u16, &str) {
    (error.status().as_u16(), error.message())
}

#[tokio::test]
async fn a_form_that_does_not_fit_the_type_is_a_422_that_names_the_field() {
    for (form, message) in SEARCHES {
        let error = Request::new(form.into()).form::<Search>().await;
        assert_eq!(parts(&error.unwrap_err()), (422, message), "{form}");
    }
}

#[tokio::test]
async fn a_query_that_does_not_fit_the_type_is_a_400_that_names_the_field() {
    for (query, message) in SEARCHES {
        let mut request = Request::default();
        *request.uri_mut() = format!("/?{query}").parse().unwrap();
        let error = request.query::<Search>().unwrap_err();
        assert_eq!(parts(&error), (400, message), "{query}");
    }
}
