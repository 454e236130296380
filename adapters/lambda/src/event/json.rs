//! A JSON value that borrows from the event it was parsed from.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

/// The way from the root of an event to one of its values, key by key.
pub(crate) type Field = &'static [&'static str];

/// The field of values that an event source never sends.
pub(crate) const NO_FIELD: Field = &[];

const NULL: &Json<'_> = &Json::Null;

/// A JSON value of any shape.
///
/// Serde structs would reject an event with a field of an unexpected type, and `serde_json::Value` sorts
/// maps and copies every string. This type accepts all valid JSON, keeps the order of maps, and borrows
/// strings without escapes.
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
    /// Parses an event, and keeps only the fields in `kept`. The parser checks the syntax of all other
    /// fields but allocates nothing for them.
    pub(crate) fn parse(event: &'a [u8], kept: &Kept) -> serde_json::Result<Self> {
        Self::parse_seed(event, Seed::Field(kept))
    }

    /// Parses JSON and keeps all of it.
    #[cfg(feature = "testing")]
    pub(crate) fn parse_whole(json: &'a [u8]) -> serde_json::Result<Self> {
        Self::parse_seed(json, Seed::Whole)
    }

    fn parse_seed(json: &'a [u8], seed: Seed<'_>) -> serde_json::Result<Self> {
        // One UTF-8 check of the whole event is faster than serde_json's check of each string.
        let text = std::str::from_utf8(json).map_err(serde::de::Error::custom)?;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let json = seed.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(json)
    }

    /// The value of a key. `Null` if the key is missing or if this value is not a map.
    pub(crate) fn get(&self, key: &str) -> &Self {
        self.entries()
            .find(|(known, _)| *known == key)
            .map_or(NULL, |(_, value)| value)
    }

    /// The value of a field; `Null` if it is missing, or if `field` is [`NO_FIELD`].
    pub(crate) fn at(&self, field: Field) -> &Self {
        match field.is_empty() {
            true => NULL,
            false => field.iter().fold(self, |value, key| value.get(key)),
        }
    }

    /// The entries of a map, in document order. Empty if this value is not a map.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &Self)> {
        let entries = match self {
            Self::Map(entries) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().map(|(key, value)| (&**key, value))
    }

    /// The items of a list. `Null` has no items, and any other value is a list of itself.
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

    pub(crate) fn is_null(&self) -> bool {
        *self == Self::Null
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self, Self::Map(_))
    }

    pub(crate) fn is_true(&self) -> bool {
        *self == Self::Bool(true)
    }
}

/// A tree of the fields that the parser keeps. A leaf keeps its whole value.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// The children by the length of their keys. The parser looks up every key of an event, and few of them have
    /// the same length.
    children: Vec<Vec<(&'static str, Kept)>>,
}

impl Kept {
    /// Adds a field. If another field continues below this one, only the values below are kept, which is
    /// enough to see whether this field exists.
    pub(crate) fn add(&mut self, field: Field) {
        let Some((key, rest)) = field.split_first() else {
            return;
        };
        if self.children.len() <= key.len() {
            self.children.resize_with(key.len() + 1, Vec::new);
        }
        let children = &mut self.children[key.len()];
        let index = children.iter().position(|(known, _)| known == key);
        let index = index.unwrap_or_else(|| {
            children.push((key, Self::default()));
            children.len() - 1
        });
        children[index].1.add(rest);
    }

    fn child(&self, key: &str) -> Option<&Self> {
        let mut children = self.children.get(key.len())?.iter();
        let child = children.find(|(known, _)| *known == key)?;
        Some(&child.1)
    }
}

/// What the parser keeps of the value that it reads next.
#[derive(Clone, Copy)]
enum Seed<'k> {
    Field(&'k Kept),
    Whole,
}

impl<'k> Seed<'k> {
    /// Room for the entries of a typical event or header map. A value inside a field gets no room in
    /// advance: an event of many empty maps must not use many times its own size.
    fn capacity(self) -> usize {
        match self {
            Self::Field(_) => 14,
            Self::Whole => 0,
        }
    }

    /// What to keep of the value of `key`; `None` to skip it.
    fn below(self, key: &str) -> Option<Self> {
        match self {
            Self::Field(kept) if !kept.children.is_empty() => kept.child(key).map(Self::Field),
            Self::Field(_) | Self::Whole => Some(Self::Whole),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
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
        while let Some(item) = seq.next_element_seed(Seed::Whole)? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json<'de>, A::Error> {
        let mut entries = Vec::new();
        while let Some(Key(key)) = map.next_key()? {
            let Some(seed) = self.below(&key) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if entries.is_empty() {
                entries.reserve(self.capacity());
            }
            entries.push((key, map.next_value_seed(seed)?));
        }
        Ok(Json::Map(entries))
    }
}

/// A key that borrows from the event. `Cow<str>` itself always deserializes to an owned string.
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
mod tests;
