//! Parameters of a model: a struct whose fields carry units in the file and ranges in the code.

use neurohm_num::quantity::{self, Dimension};

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
            /// The first parameter outside of its range: its name and what is wrong.
            fn out_of_range(&self) -> Option<(String, String)> {
                $crate::compact::Parameters::parameters(self).iter().find_map($crate::compact::Parameter::outside)
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

/// That `low` lies below `high`.
pub(crate) fn rising(key: &str, what: &str, low: f64, high: f64) -> Option<(String, String)> {
    (low.partial_cmp(&high) != Some(std::cmp::Ordering::Less))
        .then(|| (key.to_owned(), format!("{what} ({low:e} is not below {high:e})")))
}
