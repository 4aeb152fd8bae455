//! Parameters of a model: a struct whose fields carry units in the file and ranges in the code.

use neurohm_num::quantity::Dimension;
use serde::Serialize;

/// Declares a struct of parameters: `units` are quantities with the module that reads them, `pure` plain numbers,
/// `other` anything else. Each number has the range that physics, or a slip in an exponent, allows; `out_of_range`
/// tells the first that is outside of it.
macro_rules! parameters {
    (
        $(#[$meta:meta])* pub struct $name:ident
        units { $($(#[$ud:meta])* $unit:ident: $ukey:literal in $with:literal [$ulow:expr, $uhigh:expr];)* }
        pure { $($(#[$pd:meta])* $pure:ident [$plow:expr, $phigh:expr];)* }
        $(other { $($(#[$od:meta])* $other:ident: $type:ty;)* })?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$ud])* #[serde(rename = $ukey, with = $with)] #[schemars(with = "String")] pub $unit: f64,)*
            $($(#[$pd])* pub $pure: f64,)*
            $($($(#[$od])* pub $other: $type,)*)?
        }

        impl $name {
            /// Every number under its name in a description, in SI units.
            #[allow(dead_code, reason = "models that SPICE cannot say do not ask for them")]
            fn numbers(&self) -> Vec<(&'static str, f64)> {
                vec![$(($ukey, self.$unit),)* $((stringify!($pure), self.$pure),)*]
            }

            /// The first parameter outside of its range: its name and what is wrong.
            fn out_of_range(&self) -> Option<(String, String)> {
                None
                    $(.or_else(|| $crate::compact::parameters::range(self, $ukey, self.$unit, $ulow, $uhigh)))*
                    $(.or_else(|| $crate::compact::parameters::range(self, stringify!($pure), self.$pure, $plow, $phigh)))*
            }
        }

        impl $crate::compact::Parameters for $name {
            fn parameters(&self) -> Vec<$crate::compact::Parameter> {
                let dimension = $crate::compact::parameters::dimension;
                vec![
                    $($crate::compact::Parameter {
                        name: $ukey, dimension: dimension($with), value: self.$unit, low: $ulow, high: $uhigh,
                    },)*
                    $($crate::compact::Parameter {
                        name: stringify!($pure), dimension: dimension("quantity::ratio"), value: self.$pure,
                        low: $plow, high: $phigh,
                    },)*
                ]
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

/// Parameters by name: for spread over cells, for fits, for printing.
pub trait Parameters {
    /// All numbers of the model.
    fn parameters(&self) -> Vec<Parameter>;

    /// Sets one; false, and no change, if there is none of this name. What the model then is, [`fault`](Self::fault)
    /// says.
    fn set_parameter(&mut self, name: &str, value: f64) -> bool;

    /// The first parameter that physics or the model does not allow: its name, and what is wrong.
    fn fault(&self) -> Option<(String, String)>;
}

/// The dimension that a field's module reads: `quantity::volt` reads volts.
pub(crate) fn dimension(module: &str) -> Dimension {
    let name: String = module.rsplit(':').next().unwrap_or(module).replace('_', "");
    let named = |d: &Dimension| format!("{d:?}").eq_ignore_ascii_case(&name);
    Dimension::ALL.into_iter().find(named).unwrap_or(Dimension::Ratio)
}

/// What is wrong with the parameter `key`, whose value is `value`.
pub(crate) fn range(
    all: &impl Serialize,
    key: &str,
    value: f64,
    low: f64,
    high: f64,
) -> Option<(String, String)> {
    if (low..=high).contains(&value) {
        return None;
    }
    // As the file writes it, with its unit.
    let written = toml::Value::try_from(all).ok();
    let text = written.as_ref().and_then(|t| t.get(key)).and_then(|v| v.as_str()).map(str::to_owned);
    let (text, unit) = match text {
        Some(text) => {
            let unit = text.rsplit(' ').next().unwrap_or_default();
            let bare = unit.trim_start_matches(|c: char| "afpnumkMGT".contains(c));
            let bare = if bare.is_empty() { unit.to_owned() } else { bare.to_owned() };
            (text, format!(" {bare}"))
        }
        None => (value.to_string(), String::new()),
    };
    Some((key.to_owned(), format!("is {text}; it must lie between {low:e} and {high:e}{unit}")))
}

/// That `low` lies below `high`.
pub(crate) fn rising(key: &str, what: &str, low: f64, high: f64) -> Option<(String, String)> {
    (low.partial_cmp(&high) != Some(std::cmp::Ordering::Less))
        .then(|| (key.to_owned(), format!("{what} ({low:e} is not below {high:e})")))
}
