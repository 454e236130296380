//! An event as it is: borrowed, in document order, and of any shape.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

/// A JSON value. Reading an event into this cannot fail on a field of an odd type, keeps the order of
/// its maps, and copies no text that has no escapes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Map(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// Reads an event. Of its parts only those are kept that tell the request; the rest is looked
    /// at as little as JSON allows.
    pub(crate) fn parse(event: &'a [u8]) -> serde_json::Result<Self> {
        // Looked at once, and not text by text.
        let text = std::str::from_utf8(event).map_err(serde::de::Error::custom)?;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let json = Part::Event.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(json)
    }

    /// Reads a whole JSON.
    #[cfg(feature = "testing")]
    pub(crate) fn parse_whole(json: &'a [u8]) -> serde_json::Result<Self> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let json = Part::Whole.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(json)
    }

    /// The value of a key; `Null` if there is none, or if this is no map.
    pub(crate) fn get(&self, key: &str) -> &Self {
        const NULL: &Json<'_> = &Json::Null;
        self.entries()
            .find(|(known, _)| *known == key)
            .map_or(NULL, |(_, value)| value)
    }

    /// The entries of a map, in document order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &Self)> {
        let entries = match self {
            Self::Map(entries) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().map(|(key, value)| (&**key, value))
    }

    /// The items of a list; of anything else but null, itself.
    pub(crate) fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            Self::Null => &[],
            other => std::slice::from_ref(other),
        }
    }

    /// The text of a string.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text of a string, number or boolean: some emulators write `"content-length": 5`.
    pub(crate) fn scalar(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Number(number) => Some(number.to_string().into()),
            Self::Bool(value) => Some(value.to_string().into()),
            _ => None,
        }
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self, Self::Map(_))
    }

    pub(crate) fn is_true(&self) -> bool {
        *self == Self::Bool(true)
    }
}

/// A part of an event, and what is kept of it.
#[derive(Clone, Copy)]
enum Part {
    /// The event itself.
    Event,
    /// Its `requestContext`.
    Context,
    /// Its headers.
    Headers,
    /// Something of which everything is kept.
    Whole,
}

impl Part {
    /// How many entries there usually are. Of a part that may be repeated at will, none: an event of many
    /// empty maps must not take many times its own size.
    fn usual(self) -> usize {
        match self {
            Self::Event | Self::Context | Self::Headers => 14,
            Self::Whole => 0,
        }
    }

    /// The part that a key leads to, if it is kept.
    fn below(self, key: &str) -> Option<Self> {
        match self {
            Self::Headers | Self::Whole => Some(Self::Whole),
            Self::Event => match key {
                "requestContext" => Some(Self::Context),
                "headers" | "multiValueHeaders" => Some(Self::Headers),
                "version"
                | "httpMethod"
                | "method"
                | "path"
                | "rawPath"
                | "raw_path"
                | "rawQueryString"
                | "queryStringParameters"
                | "query_string_parameters"
                | "multiValueQueryStringParameters"
                | "resource"
                | "type"
                | "methodArn"
                | "routeArn"
                | "cookies"
                | "body"
                | "isBase64Encoded"
                | "is_base64_encoded"
                | "routeKey" => Some(Self::Whole),
                _ => None,
            },
            Self::Context => match key {
                "http" | "elb" | "connectionId" | "serviceArn" | "serviceNetworkArn"
                | "identity" | "path" | "protocol" | "stage" | "domainName" | "apiId"
                | "routeKey" => Some(Self::Whole),
                _ => None,
            },
        }
    }
}

impl<'de> DeserializeSeed<'de> for Part {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json<'de>, E> {
        Ok(serde_json::Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Self::Whole)? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json<'de>, A::Error> {
        let mut entries = Vec::with_capacity(self.usual());
        while let Some(Key(key)) = map.next_key()? {
            match self.below(&key) {
                Some(part) => entries.push((key, map.next_value_seed(part)?)),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Json::Map(entries))
    }
}

/// A key. serde's own `Cow` is never borrowed here.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(value)))
            }

            fn visit_str<E>(self, value: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(value.to_owned())))
            }
        }

        deserializer.deserialize_str(KeyVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_keep_their_order_and_text_is_borrowed() -> serde_json::Result<()> {
        let json = Json::parse(br#"{"headers": {"b": 1, "a": ["x", null, "\u00e9"], "b": 2}}"#)?;
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
    fn what_tells_nothing_of_the_request_is_not_kept() -> serde_json::Result<()> {
        let event = br#"{"other": {"a": []}, "requestContext": {"authorizer": {}, "http": {"method": "GET"}}}"#;
        let json = Json::parse(event)?;
        assert_eq!(json.entries().count(), 1);
        let context = json.get("requestContext");
        assert_eq!(context.entries().count(), 1);
        assert_eq!(context.get("http").get("method").text(), Some("GET"));
        assert!(Json::parse(br#"{"other": {"a": }}"#).is_err());
        assert!(Json::parse(b"{} {}").is_err());
        Ok(())
    }

    #[test]
    fn what_is_missing_or_of_another_shape_is_null_or_empty() -> serde_json::Result<()> {
        let json = Json::parse(br#"{"body": 5}"#)?;
        assert_eq!(json.get("x").get("y"), &Json::Null);
        assert_eq!(json.get("body").get("y"), &Json::Null);
        assert_eq!(json.get("body").entries().count(), 0);
        assert_eq!(json.get("x").items().len(), 0);
        Ok(())
    }

    #[test]
    fn depth_is_bounded() {
        assert!(Json::parse("[".repeat(100_000).as_bytes()).is_err());
    }
}
