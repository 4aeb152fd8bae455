//! Parameters of a model: a struct whose fields carry units in the file and ranges in the code.

use std::fmt;

use neurohm_num::quantity::{self, Dimension};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::de::value::UnitDeserializer;
use serde::de::{DeserializeOwned, Deserializer, Error, IntoDeserializer, MapAccess, Visitor};
use serde_json::json;
use toml::Value;

use crate::overlay::{self, Fault};

/// Declares a struct of parameters: `units` are quantities with what they measure, `pure` plain numbers, `optional`
/// quantities that may be absent, `other` anything else (an `Option` may be absent). Each number has the range that
/// physics, or a slip in an exponent, allows; `out_of_range` tells the first that is outside of it. `first` names the
/// number where the state of an unused cell begins and the numbers that bound it, the lower one where there is one;
/// `first_of` a part that has these numbers.
///
/// A struct is a table to all who read, write or describe it, so that these are compiled once and not once for each
/// model.
macro_rules! parameters {
    (
        $(#[doc = $doc:expr])* pub struct $name:ident
        units { $($(#[doc = $ud:expr])* $unit:ident: $ukey:literal in $dimension:ident [$ulow:expr, $uhigh:expr];)* }
        pure { $($(#[doc = $pd:expr])* $pure:ident [$plow:expr, $phigh:expr];)* }
        $(optional { $($(#[doc = $md:expr])* $may:ident: $mkey:literal in $mdimension:ident;)* })?
        $(other { $($(#[doc = $od:expr])* $other:ident: $type:ty;)* })?
        $(first { $begin:literal in [$($from:literal)?, $to:literal] })?
        $(first_of { $part:ident })?
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $($(#[doc = $ud])* pub $unit: f64,)*
            $($(#[doc = $pd])* pub $pure: f64,)*
            $($($(#[doc = $md])* pub $may: Option<f64>,)*)?
            $($($(#[doc = $od])* pub $other: $type,)*)?
        }

        impl $name {
            /// The first parameter outside of its range: its name and what is wrong.
            fn out_of_range(&self) -> Option<(String, String)> {
                $crate::compact::Parameters::parameters(self).iter().find_map($crate::compact::Parameter::outside)
            }
        }

        impl $crate::compact::parameters::Layout for $name {
            const ABOUT: &'static str = concat!($($doc, "\n",)*);
            const NUMBERS: &'static [$crate::compact::parameters::Number] = &[
                $($crate::compact::parameters::Number {
                    name: $ukey, about: concat!($($ud, "\n",)*), needed: true,
                    dimension: neurohm_num::quantity::Dimension::$dimension,
                },)*
                $($crate::compact::parameters::Number {
                    name: stringify!($pure), about: concat!($($pd, "\n",)*), needed: true,
                    dimension: neurohm_num::quantity::Dimension::Ratio,
                },)*
                $($($crate::compact::parameters::Number {
                    name: $mkey, about: concat!($($md, "\n",)*), needed: false,
                    dimension: neurohm_num::quantity::Dimension::$mdimension,
                },)*)?
            ];
            const OTHERS: &'static [$crate::compact::parameters::Other] = &[
                $($($crate::compact::parameters::Other {
                    name: stringify!($other), about: concat!($($od, "\n",)*),
                    schema: |generator| generator.subschema_for::<$type>(),
                },)*)?
            ];

            const FIRST: &'static [$crate::compact::parameters::First] = &[
                $($crate::compact::parameters::First { begin: $begin, from: &[$($from)?], to: $to },)?
            ];

            fn make(
                numbers: &mut dyn Iterator<Item = Option<f64>>,
                others: &mut dyn Iterator<Item = Option<toml::Value>>,
            ) -> Result<Self, $crate::overlay::Fault> {
                let mut number = || numbers.next().flatten();
                let mut needed = || number().unwrap_or(f64::NAN);
                let _ = &others;
                Ok(Self {
                    $($unit: needed(),)*
                    $($pure: needed(),)*
                    $($($may: number(),)*)?
                    $($($other: $crate::compact::parameters::other(stringify!($other), others.next().flatten())?,)*)?
                })
            }

            fn numbers(&self) -> Vec<Option<f64>> {
                vec![$(Some(self.$unit),)* $(Some(self.$pure),)* $($(self.$may,)*)?]
            }

            fn others(&self) -> Vec<Option<toml::Value>> {
                // Nothing is what TOML has no form for: an option that is absent.
                vec![$($(toml::Value::try_from(&self.$other).ok(),)*)?]
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                serde::Serialize::serialize(&$crate::compact::parameters::written(self), s)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                $crate::compact::parameters::read(d)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $crate::compact::parameters::schema::<Self>(generator)
            }
        }

        impl $crate::compact::Parameters for $name {
            fn parameters(&self) -> Vec<$crate::compact::Parameter> {
                let bounds = [$((self.$unit, $ulow, $uhigh),)* $((self.$pure, $plow, $phigh),)*];
                $crate::compact::parameters::listed(<Self as $crate::compact::parameters::Layout>::NUMBERS, &bounds)
            }

            fn set_parameter(&mut self, name: &str, value: f64) -> bool {
                match name {
                    $($ukey => self.$unit = value,)*
                    $(stringify!($pure) => self.$pure = value,)*
                    _ => return false,
                }
                true
            }

            fn fault(&self) -> Option<(String, String)> {
                self.problem()
            }

            fn first_state(&self) -> Option<$crate::compact::FirstState> {
                let own = <Self as $crate::compact::parameters::Layout>::FIRST.first();
                let first = own.and_then(|own| own.of(&$crate::compact::Parameters::parameters(self)));
                $(
                    let of_part = || $crate::compact::Parameters::first_state(&self.$part);
                    let first = first.or_else(|| Some(of_part()?.below(stringify!($part))));
                )?
                first
            }
        }
    };
}
pub(crate) use parameters;

/// A number of a model: its name in a description, what it measures, its value in SI units (energies of particles in
/// electronvolts), and the range that physics, or a slip in an exponent, allows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    /// Its name, as a description writes it.
    pub name: &'static str,
    /// What it measures.
    pub dimension: Dimension,
    /// Its value.
    pub value: f64,
    /// Smallest value allowed.
    pub low: f64,
    /// Largest value allowed.
    pub high: f64,
}

impl Parameter {
    /// Its name and what is wrong, where its value lies outside of its range.
    pub(crate) fn outside(&self) -> Option<(String, String)> {
        let Parameter { value, low, high, .. } = *self;
        if (low..=high).contains(&value) {
            return None;
        }
        let unit = if self.dimension == Dimension::Ratio {
            String::new()
        } else {
            format!(" {}", self.dimension.symbol())
        };
        let text = quantity::format(value, self.dimension);
        Some((self.name.to_owned(), format!("is {text}; it must lie between {low:e} and {high:e}{unit}")))
    }
}

/// The parameter where the state of an unused cell begins, and where the parameters that bound it lie.
///
/// Cells begin at the nearest end where it lies outside, since bounds may be drawn for each cell and be fitted; a
/// description whose own numbers contradict each other so is refused, see [`problem`](Self::problem).
#[derive(Clone, Debug, PartialEq)]
pub struct FirstState {
    /// Its name, as a description writes it; with that of the part of the model it belongs to, if it does.
    pub name: String,
    /// What it measures.
    pub dimension: Dimension,
    /// Its value.
    pub value: f64,
    /// The parameter that it may not lie below, and its value; none where its own range is the only limit.
    pub low: Option<(&'static str, f64)>,
    /// The parameter that it may not lie above, and its value.
    pub high: (&'static str, f64),
}

impl FirstState {
    /// Where cells begin.
    pub fn begins(&self) -> f64 {
        self.value.max(self.low.map_or(f64::NEG_INFINITY, |low| low.1)).min(self.high.1)
    }

    /// The same of a part of the model, as the model's own.
    pub(crate) fn below(self, part: &str) -> FirstState {
        FirstState { name: format!("{part}.{}", self.name), ..self }
    }

    /// Its name and what is wrong, where it lies outside.
    pub fn problem(&self) -> Option<(String, String)> {
        if self.begins() == self.value {
            return None;
        }
        let text = |value: f64| quantity::format(value, self.dimension);
        let (end, high) = (self.high.0, text(self.high.1));
        let allowed = match self.low {
            Some((begin, low)) => format!("lie between {begin} = {} and {end} = {high}", text(low)),
            None => format!("not lie above {end} = {high}"),
        };
        Some((self.name.clone(), format!("is {}; it must {allowed}", text(self.value))))
    }
}

/// Parameters by name: for spread over cells, for fits, for printing.
pub trait Parameters {
    /// All numbers of the model.
    fn parameters(&self) -> Vec<Parameter>;

    /// Sets one; false, and no change, if there is none of this name. What the model then is, [`fault`](Self::fault)
    /// says.
    fn set_parameter(&mut self, name: &str, value: f64) -> bool;

    /// The first parameter that physics or the model does not allow: its name, and what is wrong.
    fn fault(&self) -> Option<(String, String)>;

    /// Where the state of an unused cell begins, if a parameter says so and other parameters bound it.
    fn first_state(&self) -> Option<FirstState>;
}

/// A struct of parameters as a table.
pub(crate) trait Layout: Sized {
    /// What it is, line by line.
    const ABOUT: &'static str;
    /// Its numbers, in the order of its fields.
    const NUMBERS: &'static [Number];
    /// What else it holds.
    const OTHERS: &'static [Other];
    /// Where its state begins and ends; empty, or one.
    const FIRST: &'static [First];

    /// Makes it of its numbers, where those that are needed are there, and of what else it holds.
    fn make(
        numbers: &mut dyn Iterator<Item = Option<f64>>,
        others: &mut dyn Iterator<Item = Option<Value>>,
    ) -> Result<Self, Fault>;

    /// Its numbers.
    fn numbers(&self) -> Vec<Option<f64>>;

    /// What else it holds.
    fn others(&self) -> Vec<Option<Value>>;
}

/// The names of the number where a state begins, of its lower bound where there is one, and of its upper bound.
pub(crate) struct First {
    /// Where an unused cell begins.
    pub begin: &'static str,
    /// The lower bound.
    pub from: &'static [&'static str],
    /// The upper bound.
    pub to: &'static str,
}

impl First {
    /// The same with the values that `all` has; none where a name is not among them.
    pub(crate) fn of(&self, all: &[Parameter]) -> Option<FirstState> {
        let of = |name: &str| all.iter().find(|p| p.name == name);
        let begin = of(self.begin)?;
        let low = match self.from.first() {
            Some(name) => Some(of(name)?).map(|p| (p.name, p.value)),
            None => None,
        };
        let high = of(self.to).map(|p| (p.name, p.value))?;
        Some(FirstState {
            name: begin.name.to_owned(),
            dimension: begin.dimension,
            value: begin.value,
            low,
            high,
        })
    }
}

/// A number of such a struct.
pub(crate) struct Number {
    /// Its name in a description.
    pub name: &'static str,
    /// What it is, line by line.
    pub about: &'static str,
    /// Whether it must be there.
    pub needed: bool,
    /// What it measures.
    pub dimension: Dimension,
}

/// What else such a struct holds.
pub(crate) struct Other {
    /// Its name in a description.
    pub name: &'static str,
    /// What it is, line by line.
    pub about: &'static str,
    /// What it may be.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
}

/// Reads a part that is no number; what is absent may be an option.
pub(crate) fn other<T: DeserializeOwned>(name: &'static str, value: Option<Value>) -> Result<T, Fault> {
    match value {
        Some(value) => overlay::from_value(value).map_err(|e| e.below(name)),
        None => {
            let absent: UnitDeserializer<Fault> = ().into_deserializer();
            T::deserialize(absent).map_err(|_| Fault::missing_field(name))
        }
    }
}

/// Reads a struct of parameters.
pub(crate) fn read<'de, T: Layout, D: Deserializer<'de>>(d: D) -> Result<T, D::Error> {
    let Entries { numbers, others } = d.deserialize_map(Table { numbers: T::NUMBERS, others: T::OTHERS })?;
    T::make(&mut numbers.into_iter(), &mut others.into_iter()).map_err(D::Error::custom)
}

struct Table {
    numbers: &'static [Number],
    others: &'static [Other],
}

struct Entries {
    numbers: Vec<Option<f64>>,
    others: Vec<Option<Value>>,
}

impl<'de> Visitor<'de> for Table {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of parameters")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
        let mut all =
            Entries { numbers: vec![None; self.numbers.len()], others: vec![None; self.others.len()] };
        while let Some(name) = map.next_key::<String>()? {
            if let Some(at) = self.numbers.iter().position(|n| n.name == name) {
                all.numbers[at] = Some(map.next_value_seed(self.numbers[at].dimension)?);
            } else if let Some(at) = self.others.iter().position(|o| o.name == name) {
                all.others[at] = Some(map.next_value()?);
            } else {
                let known: Vec<_> =
                    self.numbers.iter().map(|n| n.name).chain(self.others.iter().map(|o| o.name)).collect();
                return Err(A::Error::custom(format!(
                    "unknown field `{name}` (known: {})",
                    known.join(", ")
                )));
            }
        }
        match self.numbers.iter().zip(&all.numbers).find(|(n, value)| n.needed && value.is_none()) {
            Some((n, _)) => Err(A::Error::missing_field(n.name)),
            None => Ok(all),
        }
    }
}

/// A struct of parameters as a description writes it.
pub(crate) fn written<T: Layout>(of: &T) -> toml::Table {
    let one = |(n, value): (&Number, Option<f64>)| {
        let value = value?;
        let text = || Value::String(quantity::format(value, n.dimension));
        Some((n.name, if n.dimension == Dimension::Ratio { Value::Float(value) } else { text() }))
    };
    let numbers = T::NUMBERS.iter().zip(of.numbers()).filter_map(one);
    let others = T::OTHERS.iter().zip(of.others()).filter_map(|(o, value)| Some((o.name, value?)));
    numbers.chain(others).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What a description of such a struct may hold.
pub(crate) fn schema<T: Layout>(generator: &mut SchemaGenerator) -> Schema {
    let mut properties = serde_json::Map::new();
    let mut required = Vec::new();
    for n in T::NUMBERS {
        let kind = if n.dimension == Dimension::Ratio { "number" } else { "string" };
        properties.insert(n.name.into(), json!({ "description": paragraph(n.about), "type": kind }));
        required.extend(n.needed.then_some(n.name));
    }
    for o in T::OTHERS {
        let mut schema = (o.schema)(generator);
        // An option says so by allowing null.
        let null = |s: &serde_json::Value| s.get("type").is_some_and(|t| t == "null");
        let alternatives = schema.get("anyOf").and_then(serde_json::Value::as_array);
        if !alternatives.is_some_and(|all| all.iter().any(null)) {
            required.push(o.name);
        }
        schema.insert("description".into(), paragraph(o.about).into());
        properties.insert(o.name.into(), schema.into());
    }
    json_schema!({
        "description": paragraph(T::ABOUT),
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// The lines of a comment as text: single ends of lines are spaces.
fn paragraph(about: &str) -> String {
    let text = about.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    text.trim().split("\n\n").map(|p| p.replace('\n', " ")).collect::<Vec<_>>().join("\n\n")
}

/// Numbers with their values and bounds.
pub(crate) fn listed(numbers: &'static [Number], bounds: &[(f64, f64, f64)]) -> Vec<Parameter> {
    let one = |(n, (value, low, high)): (&Number, &(f64, f64, f64))| Parameter {
        name: n.name,
        dimension: n.dimension,
        value: *value,
        low: *low,
        high: *high,
    };
    numbers.iter().zip(bounds).map(one).collect()
}

/// That `low` lies below `high`.
pub(crate) fn rising(key: &str, what: &str, low: f64, high: f64) -> Option<(String, String)> {
    (low.partial_cmp(&high) != Some(std::cmp::Ordering::Less))
        .then(|| (key.to_owned(), format!("{what} ({low:e} is not below {high:e})")))
}
