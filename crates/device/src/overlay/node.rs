//! From a tree of TOML values to a description: the one deserializer of all of them. Its error knows the path of what
//! it concerns. (A wrapper around another deserializer could tell the path as well, but every description would be
//! compiled once more for each layer of it.)

use std::fmt;

use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use toml::{Value, map};

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    /// The path, such as `compact.vteam.r_on` or `stimuli[0].mean`.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl Fault {
    pub(crate) fn below(mut self, name: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{name}{dot}{}", self.path);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

impl std::error::Error for Fault {}

impl Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { path: String::new(), message: message.to_string() }
    }
}

/// Reads `value` as a `T`.
///
/// # Errors
/// A missing name, an unknown one, or a value of the wrong kind, with its path.
pub(crate) fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Fault> {
    T::deserialize(Node(value))
}

struct Node(Value);

impl<'de> Deserializer<'de> for Node {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::String(text) => visitor.visit_string(text),
            Value::Integer(n) => visitor.visit_i64(n),
            Value::Float(x) => visitor.visit_f64(x),
            Value::Boolean(b) => visitor.visit_bool(b),
            Value::Datetime(when) => visitor.visit_string(when.to_string()),
            Value::Array(items) => visitor.visit_seq(Items { items: items.into_iter(), next: 0 }),
            Value::Table(table) => visitor.visit_map(Entries { entries: table.into_iter(), value: None }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.0 {
            Value::String(tag) => visitor.visit_enum(Choice { tag, content: None }),
            Value::Table(table) if table.len() == 1 => match table.into_iter().next() {
                Some((tag, content)) => visitor.visit_enum(Choice { tag, content: Some(content) }),
                None => Err(Fault::custom("choose one")),
            },
            Value::Table(table) => Err(Fault::custom(format!("choose exactly one; found {}", table.len()))),
            other => Node(other).deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

struct Items {
    items: std::vec::IntoIter<Value>,
    next: usize,
}

impl<'de> SeqAccess<'de> for Items {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let Some(item) = self.items.next() else { return Ok(None) };
        let at = self.next;
        self.next += 1;
        seed.deserialize(Node(item)).map(Some).map_err(|e| e.below(&format!("[{at}]")))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct Entries {
    entries: map::IntoIter<String, Value>,
    value: Option<(String, Value)>,
}

impl<'de> MapAccess<'de> for Entries {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        self.value = self.entries.next();
        let Some((name, _)) = &self.value else { return Ok(None) };
        let key: StringDeserializer<Fault> = name.clone().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|e| e.below(name))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let (name, value) = self.value.take().ok_or_else(|| Fault::custom("a value without its name"))?;
        seed.deserialize(Node(value)).map_err(|e| e.below(&name))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

/// One of several: a tag alone, or one with its content.
struct Choice {
    tag: String,
    content: Option<Value>,
}

impl<'de> EnumAccess<'de> for Choice {
    type Error = Fault;
    type Variant = Choice;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Choice), Fault> {
        let tag: StringDeserializer<Fault> = self.tag.clone().into_deserializer();
        Ok((seed.deserialize(tag)?, self))
    }
}

impl Choice {
    fn content(self, what: &str) -> Result<(String, Node), Fault> {
        match self.content {
            Some(content) => Ok((self.tag, Node(content))),
            None => Err(Fault::custom(format!("`{}` needs its settings: {what}", self.tag))),
        }
    }
}

impl<'de> VariantAccess<'de> for Choice {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.content {
            None => Ok(()),
            // `{ tag = {} }` says no more than "tag".
            Some(Value::Table(table)) if table.is_empty() => Ok(()),
            Some(_) => Err(Fault::custom(format!("`{0}` has no settings; write \"{0}\"", self.tag))),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Fault> {
        let (tag, content) = self.content("a table")?;
        seed.deserialize(content).map_err(|e| e.below(&tag))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Fault> {
        let (tag, content) = self.content("a list")?;
        content.deserialize_any(visitor).map_err(|e| e.below(&tag))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let (tag, Node(content)) = self.content("a table")?;
        let read = match content {
            Value::Table(_) => Node(content).deserialize_any(visitor),
            _ => Err(Fault::invalid_type(Unexpected::Other("no table"), &visitor)),
        };
        read.map_err(|e| e.below(&tag))
    }
}
