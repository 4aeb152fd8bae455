//! What cells are, from options: the memristor's law and what is in series with it.

use neurohm::array::wires::{Access, CellLaw, Conduction, LinearCrossbar, NonlinearCrossbar, WireError};
use neurohm::num::quantity::{self, Dimension};
use serde_json::{Value, json};

use crate::failure::Failure;

/// Options for the kind of the cells.
#[derive(clap::Args)]
#[command(next_help_heading = "Cell options")]
pub struct CellOptions {
    /// How the current of a cell follows its voltage, G being its conductance at low voltage: G V; G sinh(a V) / a;
    /// G (V + b |V| V + c V^3); or G V exp(d sqrt|V|)
    #[arg(long, value_name = "LAW", default_value = "linear")]
    cell: LawName,
    /// a of sinh, in 1/V, or d of poole-frenkel, in 1/sqrt(V)
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    nonlinearity: Option<f64>,
    /// b (1/V) and c (1/V^2) of polynomial, as b,c
    #[arg(long, value_name = "B,C", value_parser = pair, allow_hyphen_values = true)]
    coefficients: Option<(f64, f64)>,
    #[command(flatten)]
    selector: SelectorOption,
    /// Rows whose transistors are on, counted from 0, such as 0,3,5 [default: all]
    #[arg(long, value_name = "ROWS", value_delimiter = ',')]
    rows_on: Option<Vec<usize>>,
}

/// The option for what is in series with a cell.
#[derive(clap::Args)]
pub struct SelectorOption {
    /// What is in series with each cell, with its parameters, such as exponential:i0=1nA,v0=60mV;
    /// diode:i0=1pA,v0=40mV,leak=100pS; threshold:on-at=0.5V,hold=1uA,off=1nS,on=1mS; or
    /// transistor:gate=1.8V,threshold=0.5V,gain=400uA,lambda=0.05,off=1pS (gain in A/V^2, lambda in 1/V)
    #[arg(long, value_name = "KIND:PARAMETERS", value_parser = selector)]
    selector: Option<Selector>,
}

/// A selector, and how it was asked for.
#[derive(Clone, Debug, PartialEq)]
struct Selector {
    access: Access,
    text: String,
}

impl SelectorOption {
    pub fn access(&self) -> Access {
        self.selector.as_ref().map_or(Access::None, |selector| selector.access)
    }

    /// As it was asked for.
    pub fn text(&self) -> String {
        self.selector.as_ref().map_or_else(|| "none".to_owned(), |selector| selector.text.clone())
    }

    /// The same as words of a command.
    pub fn words(&self) -> Vec<String> {
        self.selector.iter().flat_map(|s| ["--selector".to_owned(), s.text.clone()]).collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum LawName {
    Linear,
    Sinh,
    Polynomial,
    PooleFrenkel,
}

/// Cells that do not obey Ohm's law.
pub struct Nonlinear {
    law: CellLaw,
    /// For each row whether its transistors are on.
    rows_on: Option<Vec<bool>>,
}

impl Nonlinear {
    /// The crossbar whose cells are these.
    pub fn crossbar<'a>(&self, linear: &LinearCrossbar<'a>) -> Result<NonlinearCrossbar<'a>, WireError> {
        let mut array = NonlinearCrossbar::new(linear.conductances(), linear.wires(), self.law)?;
        if let Some(on) = &self.rows_on {
            array.select(on)?;
        }
        Ok(array)
    }
}

impl CellOptions {
    /// Their law for an array of so many rows; `None` where cells are linear and nothing is in series.
    pub fn nonlinear(&self, rows: usize) -> Result<Option<Nonlinear>, Failure> {
        let conduction = match (self.cell, self.nonlinearity, self.coefficients) {
            (LawName::Linear, None, None) => Conduction::Linear,
            (LawName::Sinh, Some(per_v), None) => Conduction::Sinh { per_v },
            (LawName::PooleFrenkel, Some(per_root_v), None) => Conduction::PooleFrenkel { per_root_v },
            (LawName::Polynomial, None, Some((second_per_v, third_per_v2))) => {
                Conduction::Polynomial { second_per_v, third_per_v2 }
            }
            (LawName::Linear, ..) => {
                return Err(Failure::request("--nonlinearity and --coefficients do nothing to linear cells")
                    .help("name the law: --cell sinh, --cell poole-frenkel or --cell polynomial"));
            }
            (LawName::Polynomial, ..) => {
                return Err(Failure::request(
                    "--cell polynomial needs --coefficients B,C and takes no --nonlinearity",
                )
                .help("for instance --coefficients 0,2 for G (V + 2 V^3)"));
            }
            (LawName::Sinh | LawName::PooleFrenkel, ..) => {
                return Err(Failure::request(format!(
                    "--cell {} needs --nonlinearity NUMBER and takes no --coefficients",
                    if self.cell == LawName::Sinh { "sinh" } else { "poole-frenkel" }
                ))
                .help("for instance --nonlinearity 3.0"));
            }
        };
        let access = self.selector.access();
        let law = CellLaw { conduction, access };
        law.check().map_err(|error| match error {
            WireError::NoGateOpens { .. } if rows > 1 => {
                Failure::from(error).help("--rows-on says whose gates are on; all others are off")
            }
            _ => error.into(),
        })?;
        let rows_on = match &self.rows_on {
            None => None,
            Some(_) if !matches!(access, Access::Transistor { .. }) => {
                return Err(Failure::request("--rows-on needs cells with transistors").help(
                    "give --selector transistor:gate=1.8V,threshold=0.5V,gain=400uA,lambda=0.05,off=1pS",
                ));
            }
            Some(list) => {
                let mut on = vec![false; rows];
                for row in list {
                    let Some(on) = on.get_mut(*row) else {
                        return Err(Failure::request(format!(
                            "--rows-on names row {row}, and there are {rows} rows"
                        ))
                        .help(super::COUNTED));
                    };
                    *on = true;
                }
                Some(on)
            }
        };
        let linear = law == CellLaw::passive(Conduction::Linear);
        Ok((!linear).then_some(Nonlinear { law, rows_on }))
    }

    /// Whether any of them was given.
    pub fn any(&self) -> bool {
        self.cell != LawName::Linear
            || self.nonlinearity.is_some()
            || self.coefficients.is_some()
            || self.selector.access() != Access::None
            || self.rows_on.is_some()
    }

    /// Their law, where the command itself says whose transistors are on.
    pub fn law(&self) -> Result<CellLaw, Failure> {
        if self.rows_on.is_some() {
            return Err(Failure::request("--rows-on has no effect: the row that is read is on"));
        }
        Ok(self.nonlinear(1)?.map_or(CellLaw::passive(Conduction::Linear), |cells| cells.law))
    }

    /// The request as data.
    pub fn json(&self) -> Value {
        let name = match self.cell {
            LawName::Linear => "linear",
            LawName::Sinh => "sinh",
            LawName::Polynomial => "polynomial",
            LawName::PooleFrenkel => "poole_frenkel",
        };
        let selector = self.selector.selector.as_ref().map(|s| &s.text);
        json!({
            "cell": name,
            "nonlinearity": self.nonlinearity,
            "coefficients": self.coefficients,
            "selector": selector,
            "rows_on": self.rows_on,
        })
    }
}

fn pair(text: &str) -> Result<(f64, f64), String> {
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_| format!("{text} is not a number"));
    let (b, c) = text.split_once(',').ok_or("two numbers with a comma between them are needed")?;
    Ok((number(b)?, number(c)?))
}

/// Parameters of a kind of selector: their names and units.
const KINDS: [(&str, &[(&str, Dimension)]); 4] = [
    ("exponential", &[("i0", Dimension::Ampere), ("v0", Dimension::Volt)]),
    ("diode", &[("i0", Dimension::Ampere), ("v0", Dimension::Volt), ("leak", Dimension::Siemens)]),
    (
        "threshold",
        &[
            ("on-at", Dimension::Volt),
            ("hold", Dimension::Ampere),
            ("off", Dimension::Siemens),
            ("on", Dimension::Siemens),
        ],
    ),
    (
        "transistor",
        &[
            ("gate", Dimension::Volt),
            ("threshold", Dimension::Volt),
            ("gain", Dimension::Ampere),
            ("lambda", Dimension::Ratio),
            ("off", Dimension::Siemens),
        ],
    ),
];

fn selector(text: &str) -> Result<Selector, String> {
    Ok(Selector { access: access(text)?, text: text.to_owned() })
}

/// A selector as `kind:name=value,...`, every parameter once.
fn access(text: &str) -> Result<Access, String> {
    let (kind, given) = text.split_once(':').unwrap_or((text, ""));
    let kinds = || KINDS.map(|k| k.0).join(", ");
    let (kind, names) = KINDS
        .into_iter()
        .find(|(name, _)| *name == kind.trim())
        .ok_or_else(|| format!("no selector is called {kind}; there are {}", kinds()))?;
    let known = || names.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let mut values = vec![None; names.len()];
    for part in given.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').ok_or_else(|| format!("{part} is not name=value"))?;
        let place = names
            .iter()
            .position(|(known, _)| *known == name.trim())
            .ok_or_else(|| format!("a selector of kind {kind} has no {name}; it has {}", known()))?;
        let parsed = quantity::parse(value.trim(), names[place].1).map_err(|e| format!("{name}: {e}"))?;
        if values[place].replace(parsed).is_some() {
            return Err(format!("{name} is given twice"));
        }
    }
    let missing: Vec<&str> =
        names.iter().zip(&values).filter(|(_, v)| v.is_none()).map(|((name, _), _)| *name).collect();
    if !missing.is_empty() {
        return Err(format!("a selector of kind {kind} needs {} too", missing.join(", ")));
    }
    let v: Vec<f64> = values.into_iter().flatten().collect();
    Ok(match kind {
        "exponential" => Access::Exponential { scale_a: v[0], scale_v: v[1] },
        "diode" => Access::Diode { saturation_a: v[0], scale_v: v[1], leak_s: v[2] },
        "threshold" => Access::Threshold { threshold_v: v[0], hold_a: v[1], off_s: v[2], on_s: v[3] },
        _ => Access::Transistor {
            gate_v: v[0],
            threshold_v: v[1],
            beta_a_per_v2: v[2],
            lambda_per_v: v[3],
            off_s: v[4],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_read_with_their_units() {
        let found = access("threshold:on-at=0.5V, hold=1uA,off=1nS,on=1mS");
        let wanted = Access::Threshold { threshold_v: 0.5, hold_a: 1e-6, off_s: 1e-9, on_s: 1e-3 };
        assert_eq!(found, Ok(wanted));
        let found = access("transistor:gate=1.8V,threshold=0.5V,gain=400uA,lambda=0.05,off=1pS");
        assert!(matches!(found, Ok(Access::Transistor { lambda_per_v: 0.05, .. })), "{found:?}");
    }

    #[test]
    fn what_is_wrong_with_a_selector_is_named() {
        for (text, says) in [
            ("ots:on=1mS", "no selector is called ots"),
            ("diode:i0=1pA,v0=40mV", "needs leak too"),
            ("diode:i0=1pA,v0=40mV,leak=1nS,q=3", "has no q; it has i0, v0, leak"),
            ("exponential:i0=1nA,i0=2nA,v0=1V", "given twice"),
            ("exponential:i0=1V,v0=1V", "i0: "),
        ] {
            let error = access(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
