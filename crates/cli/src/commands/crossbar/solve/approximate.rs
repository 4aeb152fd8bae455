//! The field's usual approximations of an array's matrix, by name and with their measured error.

use neurohm::array::wires::{Approximation, ApproximationError, LinearCrossbar};
use neurohm::num::Rows;
use neurohm::num::quantity::rounded;
use neurohm::report::number::quantity;
use serde_json::{Value, json};

use super::Solved;
use crate::failure::Failure;
use crate::terminal::{Columns, Style, Terminal};

#[derive(clap::Args)]
#[command(next_help_heading = "Approximations")]
pub struct ApproximateOptions {
    /// Write what an approximation of the field gives instead of the exact solution, which is solved all the same to measure the
    /// approximation's error on this array
    #[arg(long, value_name = "NAME")]
    approximate: Option<Name>,
    /// Measure the errors of all approximations on this array
    #[arg(long)]
    compare_approximations: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum Name {
    NoWires,
    OwnPath,
    MeanLines,
}

impl From<Name> for Approximation {
    fn from(name: Name) -> Self {
        match name {
            Name::NoWires => Approximation::NoWires,
            Name::OwnPath => Approximation::OwnPath,
            Name::MeanLines => Approximation::MeanLines,
        }
    }
}

/// Approximations with their errors, and the one whose matrix stands in the place of the exact one.
#[derive(Default)]
pub struct Approximated {
    pub stands: Option<Approximation>,
    measured: Vec<(Approximation, ApproximationError)>,
}

impl ApproximateOptions {
    /// Whether any approximation was asked for.
    pub fn any(&self) -> bool {
        self.approximate.is_some() || self.compare_approximations
    }

    /// Refuses what approximations cannot be held against.
    pub fn check(&self, nonlinear: bool, node_voltages: bool, iterate: bool) -> Result<(), Failure> {
        let refused = |message: &str, help: &str| Err(Failure::request(message).help(help));
        if self.any() && nonlinear {
            return refused(
                "approximations are matrices, and cells that are not linear have none",
                "take --cell out",
            );
        }
        if self.any() && iterate {
            return refused(
                "approximations are held against the whole matrix, which --method iterate does not find",
                "take --method out",
            );
        }
        if self.approximate.is_some() && node_voltages {
            return refused(
                "an approximation gives currents and no node voltages",
                "take --node-voltages out",
            );
        }
        Ok(())
    }

    /// Measures what was asked for on an array that was solved, and puts an approximation in the solution's place.
    pub fn apply(
        &self,
        crossbar: &LinearCrossbar,
        inputs: Rows<f64>,
        solved: &mut Solved,
    ) -> Result<(), Failure> {
        let stands = self.approximate.map(Approximation::from);
        let chosen: Vec<Approximation> = if self.compare_approximations {
            Approximation::ALL.to_vec()
        } else {
            stands.into_iter().collect()
        };
        let Some(exact) = solved.effective.take() else { return Ok(()) };
        let mut result = None;
        for by in chosen {
            let near = crossbar.approximate(by)?;
            solved.approximated.measured.push((by, near.error_against(&exact)));
            if stands == Some(by) {
                solved.currents = near.currents(inputs)?;
                result = Some(near);
            }
        }
        solved.approximated.stands = stands;
        solved.effective = Some(result.unwrap_or(exact));
        Ok(())
    }
}

impl Approximated {
    pub fn json(&self) -> Option<Value> {
        let each = self.measured.iter().map(|(by, error)| {
            json!({ "name": by.name(), "about": by.about(), "rms": error.rms, "largest": error.largest, "sum": error.sum })
        });
        (!self.measured.is_empty()).then(|| each.collect())
    }

    /// A table of errors; nothing where none was measured.
    pub fn shown(&self, terminal: &Terminal) -> String {
        if self.measured.is_empty() {
            return String::new();
        }
        let mut columns = Columns::new(&[1, 2, 3]);
        columns
            .row(["approximation", "rms", "largest", "sum", ""].map(|head| (Style::Faint, head.to_owned())));
        for (by, error) in &self.measured {
            columns.row([
                (Style::Plain, by.name().to_owned()),
                (Style::Strong, percent(error.rms)),
                (Style::Strong, percent(error.largest)),
                (Style::Strong, signed(error.sum)),
                (Style::Faint, by.about().to_owned()),
            ]);
        }
        let heading = "Errors of the matrix against the exact one of this array";
        let rule = "r.m.s. as a part of that of all elements, largest as a part of the largest element, sum of all currents at \
                    equal voltages";
        format!(
            "\n{}\n{}\n{}",
            terminal.styled(Style::Strong, heading),
            terminal.styled(Style::Faint, rule),
            columns.show(terminal)
        )
    }
}

/// Three digits, as errors are known no better than their array.
fn percent(part: f64) -> String {
    quantity(rounded(100.0 * part, 3), None, "%").to_string()
}

fn signed(part: f64) -> String {
    let sign = if part > 0.0 { "+" } else { "" };
    format!("{sign}{}", percent(part))
}
