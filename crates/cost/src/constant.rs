//! A constant with its unit, where it comes from and how well it is known.

use std::borrow::Cow;
use std::marker::PhantomData;

use neurohm_array::SettingError;
use neurohm_num::quantity::{self, Dimension};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::preset::Stated;

/// How well a constant is known, from the best down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// Stands in the publication named.
    Published,
    /// Read in the public code of a tool.
    PublicCode,
    /// Told from memory of a publication: a parameter, and nothing that may be called reproduced.
    Recalled,
    /// A choice of ours, or of a user, that no publication stands for.
    Assumed,
}

impl Known {
    /// By its name in files: `public_code`.
    ///
    /// # Errors
    /// Another name.
    pub fn from_name(name: &str) -> Result<Self, SettingError> {
        Self::deserialize(name.into_deserializer())
            .map_err(|e: serde::de::value::Error| SettingError::value("known", e.to_string()))
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Known::Published => "published",
            Known::PublicCode => "public code",
            Known::Recalled => "recalled",
            Known::Assumed => "assumed",
        }
    }
}

/// The unit of a [`Constant`].
pub trait Unit {
    /// What it measures.
    const DIMENSION: Dimension;
}

macro_rules! units {
    ($($(#[$about:meta])* $name:ident;)*) => {$(
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name;
        impl Unit for $name {
            const DIMENSION: Dimension = Dimension::$name;
        }
    )*};
}

units! {
    /// Power, W.
    Watt;
    /// Energy, J.
    Joule;
    /// Time, s.
    Second;
    /// Frequency, Hz.
    Hertz;
    /// Area, m2.
    SquareMetre;
    /// Length, m.
    Metre;
    /// Resistivity, ohm m.
    OhmMetre;
    /// Capacitance of a line, F/m.
    FaradPerMetre;
    /// A pure number.
    Ratio;
}

/// A number in the SI unit `U`, with its source. In a file: `{ value = "2 mW", known = "public_code", source = "..." }`; a
/// number alone, or one without a source, is somebody's own and counts as assumed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(bound = "U: Unit")]
pub struct Constant<U> {
    /// The number, in the SI unit.
    #[serde(serialize_with = "write::<U, _>")]
    pub value: f64,
    /// How well it is known.
    pub known: Known,
    /// Where it comes from.
    pub source: String,
    #[serde(skip)]
    unit: PhantomData<U>,
}

/// Source of a number that came with none.
const UNSTATED: &str = "not stated";

impl<U: Unit> Constant<U> {
    /// A constant of a file.
    pub fn new(value: f64, known: Known, source: impl Into<String>) -> Self {
        Self { value, known, source: source.into(), unit: PhantomData }
    }

    /// It for a reader, without a path yet.
    pub(crate) fn stated(&self) -> Stated {
        Stated::new("", self.text(), self.known, &self.source)
    }

    /// It with its unit.
    pub fn text(&self) -> String {
        quantity::format(self.value, U::DIMENSION)
    }
}

fn write<U: Unit, S: Serializer>(value: &f64, s: S) -> Result<S::Ok, S::Error> {
    match U::DIMENSION {
        Dimension::Ratio => s.serialize_f64(*value),
        dimension => s.serialize_str(&quantity::format(*value, dimension)),
    }
}

impl<'de, U: Unit> Deserialize<'de> for Constant<U> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Reader(PhantomData))
    }
}

/// A constant in full, as a file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "U: Unit")]
struct Full<U> {
    #[serde(deserialize_with = "read::<U, _>")]
    value: f64,
    #[serde(default = "assumed")]
    known: Known,
    #[serde(default)]
    source: Option<String>,
    #[serde(skip)]
    unit: PhantomData<U>,
}

fn assumed() -> Known {
    Known::Assumed
}

fn read<'de, U: Unit, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    U::DIMENSION.deserialize(d)
}

struct Reader<U>(PhantomData<U>);

impl<U: Unit> Reader<U> {
    /// A number alone.
    fn bare<'de, E: Error>(value: impl IntoDeserializer<'de, E>) -> Result<Constant<U>, E> {
        Ok(Constant::new(U::DIMENSION.deserialize(value.into_deserializer())?, Known::Assumed, UNSTATED))
    }
}

impl<'de, U: Unit> Visitor<'de> for Reader<U> {
    type Value = Constant<U>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (what, example) = (U::DIMENSION.what(), U::DIMENSION.example());
        write!(f, "{what} such as \"{example}\", or a table of value, known and source")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Constant<U>, E> {
        Self::bare(text)
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<Constant<U>, E> {
        Self::bare(value)
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<Constant<U>, E> {
        Self::bare(value)
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<Constant<U>, E> {
        Self::bare(value)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Constant<U>, A::Error> {
        let full = Full::<U>::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Constant::new(full.value, full.known, full.source.unwrap_or_else(|| UNSTATED.to_owned())))
    }
}

/// What every constant looks like in a file.
#[derive(JsonSchema)]
#[schemars(rename = "Constant", deny_unknown_fields)]
#[allow(dead_code, reason = "read by schemars alone")]
struct Form {
    /// The number with its unit.
    value: String,
    /// How well it is known.
    known: Known,
    /// Where it comes from.
    source: String,
}

impl<U> JsonSchema for Constant<U> {
    fn schema_name() -> Cow<'static, str> {
        Form::schema_name()
    }
    fn schema_id() -> Cow<'static, str> {
        Form::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Form::json_schema(generator)
    }
}
