//! A JSON value that borrows from the event it was parsed from.

mod sanitize;

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use sanitize::Sanitized;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

/// The way from the root of an event to one of its values, key by key.
pub(crate) type Field = &'static [&'static str];

/// The field for a value that an event source never sends.
pub(crate) const NO_FIELD: Field = &[];

const NULL: &Json<'_> = &Json::Null;

/// The largest number of values that an event may have in kept maps and lists. A value takes 32 bytes, so an event
/// of 6 MB could use 100 MB otherwise. A header map can hold half as many names.
const MAX_VALUES: usize = 65_536;

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
    /// A map or a list in a place where no event source sends one.
    Skipped,
    /// A string that is not UTF-8.
    Bytes(Vec<u8>),
    /// A string with escapes that are not Unicode, or a number without a value, such as 1e400.
    Invalid,
}

impl<'a> Json<'a> {
    /// Parses an event, and keeps only the fields in `kept`. The parser checks the syntax of all other
    /// fields but allocates nothing for them.
    ///
    /// Lambda accepts bytes and escapes that are not Unicode, and numbers of any size. Such values become
    /// [`Bytes`](Self::Bytes) and [`Invalid`](Self::Invalid), so that only the value is lost and not the whole event.
    pub(crate) fn parse(event: &'a [u8], kept: &Kept) -> serde_json::Result<Self> {
        Self::parse_as(event, Shape::Field(kept))
    }

    /// Parses JSON and keeps all of it.
    #[cfg(feature = "testing")]
    pub(crate) fn parse_whole(json: &'a [u8]) -> serde_json::Result<Self> {
        Self::parse_as(json, Shape::Whole)
    }

    fn parse_as(json: &'a [u8], shape: Shape<'_>) -> serde_json::Result<Self> {
        // One UTF-8 check of the whole event is faster than serde_json's check of each string.
        let parsed = match std::str::from_utf8(json) {
            Ok(text) => Self::parse_text(text, shape),
            Err(error) => Err(serde::de::Error::custom(error)),
        };
        parsed.or_else(|error| match sanitize::sanitize(json) {
            Some(sanitized) => Ok(Json::parse_text(&sanitized, shape)?.into_owned()),
            None => Err(error),
        })
    }

    fn parse_text(text: &'a str, shape: Shape<'_>) -> serde_json::Result<Self> {
        let values = Cell::new(0);
        let values = &values;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let json = Seed { shape, values }.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(json)
    }

    /// Copies the strings that borrow from the sanitized event, and marks the values that are invalid.
    fn into_owned(self) -> Json<'static> {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(value),
            Self::Number(number) => Json::Number(number),
            Self::Text(text) => match sanitize::read(&text) {
                Sanitized::Text => Json::Text(text.into_owned().into()),
                Sanitized::Bytes(bytes) => Json::Bytes(bytes),
                Sanitized::Invalid => Json::Invalid,
            },
            Self::List(items) => Json::List(items.into_iter().map(Self::into_owned).collect()),
            Self::Map(entries) => {
                let entries = entries.into_iter();
                let owned = |(key, value): (Cow<'_, str>, Self)| {
                    (Cow::Owned(key.into_owned()), value.into_owned())
                };
                Json::Map(entries.map(owned).collect())
            }
            Self::Bytes(bytes) => Json::Bytes(bytes),
            Self::Skipped => Json::Skipped,
            Self::Invalid => Json::Invalid,
        }
    }

    /// The value of a key. `Null` if the key is missing or if this value is not a map.
    pub(crate) fn get(&self, key: &str) -> &Self {
        self.entries()
            .find(|(known, _)| *known == key)
            .map_or(NULL, |(_, value)| value)
    }

    /// The value of a field; `Null` if the value is missing, or if `field` is [`NO_FIELD`].
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

    /// The items of a list. `Null` has no items, and any other value is treated as a list with this one item.
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

    /// The text of a string, number or boolean. Some emulators write numbers, such as `"content-length": 5`.
    pub(crate) fn scalar(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Number(number) => Some(number.to_string().into()),
            Self::Bool(value) => Some(value.to_string().into()),
            _ => None,
        }
    }

    /// Whether this value is [`Invalid`](Self::Invalid), or is a map or list that contains an invalid value.
    pub(crate) fn has_invalid(&self) -> bool {
        match self {
            Self::Invalid => true,
            Self::List(items) => items.iter().any(Self::has_invalid),
            Self::Map(entries) => entries.iter().any(|(_, value)| value.has_invalid()),
            _ => false,
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
    /// Adds a field. If a longer field begins with this field, only the value of the longer field is kept, which is
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

/// The part of the next value that the parser keeps.
#[derive(Clone, Copy)]
enum Shape<'k> {
    /// A field: a map of other fields, a scalar, a list of scalars, or a map of [`Value`](Self::Value)s.
    Field(&'k Kept),
    /// A value in a map of headers or query parameters: a scalar or a list of scalars.
    Value,
    /// A value in a list: a scalar.
    Item,
    /// The whole value.
    Whole,
}

impl<'k> Shape<'k> {
    /// The initial capacity for the entries of a typical event or header map. A value inside a field gets no initial
    /// capacity, because an event of many empty maps would otherwise use many times its own size.
    fn capacity(self) -> usize {
        match self {
            Self::Field(_) => 14,
            Self::Value | Self::Item | Self::Whole => 0,
        }
    }

    /// The part of the value of `key` that is kept; `None` if the value is skipped.
    fn below(self, key: &str) -> Option<Self> {
        match self {
            Self::Field(kept) if !kept.children.is_empty() => kept.child(key).map(Self::Field),
            Self::Field(_) => Some(Self::Value),
            Self::Value | Self::Item => None,
            Self::Whole => Some(Self::Whole),
        }
    }

    /// The part of each item of a list that is kept; `None` if the list is skipped.
    fn item(self) -> Option<Self> {
        match self {
            Self::Field(kept) if kept.children.is_empty() => Some(Self::Item),
            Self::Value => Some(Self::Item),
            Self::Field(_) | Self::Item => None,
            Self::Whole => Some(Self::Whole),
        }
    }

    fn keeps_maps(self) -> bool {
        matches!(self, Self::Field(_) | Self::Whole)
    }
}

#[derive(Clone, Copy)]
struct Seed<'k> {
    shape: Shape<'k>,
    /// The number of values that were kept so far.
    values: &'k Cell<usize>,
}

impl Seed<'_> {
    /// Counts a value.
    ///
    /// # Errors
    /// Returns an error if more than [`MAX_VALUES`] values were kept.
    fn count<E: serde::de::Error>(self) -> Result<(), E> {
        let values = self.values.get() + 1;
        self.values.set(values);
        match self.shape {
            Shape::Whole => Ok(()),
            _ if values > MAX_VALUES => Err(E::custom("too many values")),
            _ => Ok(()),
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
        let Some(shape) = self.shape.item() else {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Json::Skipped);
        };
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Seed { shape, ..self })? {
            if item != Json::Skipped {
                self.count()?;
                items.push(item);
            }
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json<'de>, A::Error> {
        if !self.shape.keeps_maps() {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Json::Skipped);
        }
        let mut entries = Vec::new();
        while let Some(Key(key)) = map.next_key()? {
            let Some(shape) = self.shape.below(&key) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if entries.is_empty() {
                entries.reserve(self.shape.capacity());
            }
            self.count()?;
            entries.push((key, map.next_value_seed(Seed { shape, ..self })?));
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
