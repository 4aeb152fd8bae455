//! Robust nonlinear least squares within bounds, from one start or many, and what the data then determine.
//!
//! Minimises 1/2 sum_i s^2 rho((r_i / s)^2) over the variables, where r are the residuals that the caller computes and
//! rho is the [`Loss`]. Steps are those of Levenberg (1944) and Marquardt (1963) with a growing diagonal scale (as in
//! MINPACK), held within bounds by fixing what would cross one and solving for the rest. Derivatives are finite
//! differences that never leave the bounds.
//!
//! ```
//! use neurohm_num::fit::{Options, Variable, least_squares};
//! use neurohm_num::Unwatched;
//!
//! let data = [(1.0, 1.9), (2.0, 4.1), (3.0, 6.0), (4.0, 8.1)];
//! let residuals = |p: &[f64], r: &mut [f64]| {
//!     for (r, (x, y)) in r.iter_mut().zip(data) {
//!         *r = p[0] * x - y;
//!     }
//!     Ok(())
//! };
//! let slope = [Variable::linear("slope", 1.0, 0.0, 10.0)];
//! let fit = least_squares(&slope, data.len(), &residuals, &Options::default(), &Unwatched)?;
//! assert!(fit.estimates[0].interval95.is_some_and(|i| i.contains(2.0)));
//! # Ok::<(), neurohm_num::fit::FitError>(())
//! ```

mod descend;
mod judge;
mod linear;
mod starts;

use crate::stats::Interval;
use crate::{Cancelled, Watch};

pub use starts::{Starts, multi_start};

/// How a variable moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// As it is.
    Linear,
    /// As the logarithm of its magnitude; its sign stays, and its bounds have that sign.
    Log,
}

/// A number to be found.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Its name, for errors and reports.
    pub name: String,
    /// Where to start.
    pub start: f64,
    /// Smallest value allowed; may be infinite where the scale is linear.
    pub low: f64,
    /// Largest value allowed; may be infinite where the scale is linear.
    pub high: f64,
    /// How it moves.
    pub scale: Scale,
    /// Where further starts are drawn from; what lies outside the bounds is brought within.
    pub region: (f64, f64),
}

impl Variable {
    /// A variable that moves as it is. Further starts are drawn from its bounds where these are finite, else around
    /// `start`.
    pub fn linear(name: impl Into<String>, start: f64, low: f64, high: f64) -> Variable {
        let reach = start.abs().max(1e-12);
        let end = |bound: f64, other: f64| if bound.is_finite() { bound } else { other };
        let region = (end(low, start - reach), end(high, start + reach));
        Variable { name: name.into(), start, low, high, scale: Scale::Linear, region }
    }

    /// A variable that moves as the logarithm of its magnitude. Further starts are drawn evenly in the logarithm.
    pub fn log(name: impl Into<String>, start: f64, low: f64, high: f64) -> Variable {
        Variable { name: name.into(), start, low, high, scale: Scale::Log, region: (low, high) }
    }

    /// Where further starts are drawn from.
    #[must_use]
    pub fn within(mut self, low: f64, high: f64) -> Variable {
        self.region = (low.max(self.low), high.min(self.high));
        self
    }

    fn problem(&self) -> Option<String> {
        let name = &self.name;
        if !self.start.is_finite() {
            return Some(format!("`{name}` starts at {}", self.start));
        }
        if self.low.is_nan() || self.high.is_nan() || self.low >= self.high {
            return Some(format!("`{name}` is bounded by {} and {}", self.low, self.high));
        }
        if !(self.low..=self.high).contains(&self.start) {
            return Some(format!("`{name}` starts at {}, outside {} to {}", self.start, self.low, self.high));
        }
        let (a, b) = self.region;
        if !(a.is_finite() && b.is_finite() && a <= b) {
            return Some(format!("`{name}` would be started within {a} to {b}"));
        }
        let signed = self.low > 0.0 && self.high.is_finite() || self.high < 0.0 && self.low.is_finite();
        (self.scale == Scale::Log && !signed).then(|| {
            format!(
                "`{name}` moves as a logarithm, so its bounds must be finite and of one sign, and are {} and {}",
                self.low, self.high
            )
        })
    }
}

/// What a residual costs: 1/2 s^2 rho((r/s)^2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// rho(z) = z: ordinary least squares.
    Linear,
    /// rho(z) = 2 (sqrt(1 + z) - 1): beyond `scale` a residual costs only its magnitude.
    SoftL1 {
        /// Residuals below this count as noise.
        scale: f64,
    },
    /// rho(z) = z up to 1, 2 sqrt(z) - 1 beyond (Huber 1964).
    Huber {
        /// Residuals below this count as noise.
        scale: f64,
    },
}

impl Loss {
    /// Cost of a residual, the weight rho' that it has, and the slope of its influence rho' + 2 z rho''.
    fn of(self, r: f64) -> (f64, f64, f64) {
        match self {
            Loss::Linear => (0.5 * r * r, 1.0, 1.0),
            Loss::SoftL1 { scale } => {
                let z = (r / scale) * (r / scale);
                let root = (1.0 + z).sqrt();
                (scale * scale * z / (1.0 + root), 1.0 / root, 1.0 / (root * root * root))
            }
            Loss::Huber { scale } => {
                let a = (r / scale).abs();
                if a <= 1.0 { (0.5 * r * r, 1.0, 1.0) } else { (scale * scale * (a - 0.5), 1.0 / a, 0.0) }
            }
        }
    }

    fn problem(self) -> Option<String> {
        let (Loss::SoftL1 { scale } | Loss::Huber { scale }) = self else { return None };
        (!(scale.is_finite() && scale > 0.0)).then(|| format!("the scale of the loss is {scale}"))
    }
}

/// How derivatives are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Differences {
    /// One evaluation a variable; errors of first order in the step.
    Forward,
    /// Two evaluations a variable; errors of second order.
    Central,
}

/// How to fit.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// What a residual costs.
    pub loss: Loss,
    /// How derivatives are taken.
    pub differences: Differences,
    /// Step of the differences relative to a variable (its logarithm moves by this much).
    pub step: f64,
    /// Stops when variables, cost and gradient no longer change relative to this.
    pub tolerance: f64,
    /// Most evaluations of the residuals for one start.
    pub evaluations: u64,
    /// A variable whose 95 % interval reaches further than this to either side is not determined: of a logarithm, a
    /// factor of e^reach; else relative to half its bounds, or to its value where these are infinite.
    pub reach: f64,
    /// Whether residuals follow each other in time: then neighbours are alike, and they count as
    /// (1 - rho) / (1 + rho) times as many independent ones, rho being their correlation from one to the next.
    pub series: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            loss: Loss::Linear,
            differences: Differences::Central,
            step: 6e-6,
            tolerance: 1e-10,
            evaluations: 5000,
            reach: 1.0,
            series: false,
        }
    }
}

/// Why the search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The gradient vanished.
    Gradient,
    /// Steps became too small to matter.
    Step,
    /// The cost no longer fell.
    Cost,
    /// The evaluations were spent: the result is no minimum.
    Evaluations,
}

/// What the data say of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They determine it.
    Determined,
    /// They do not: its 95 % interval is wider than `Options::reach` allows, or it has none.
    NotDetermined,
    /// They push it against its lower bound.
    AtLow,
    /// They push it against its upper bound.
    AtHigh,
}

/// A variable as found.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// Standard error in its own unit; None at a bound, without degrees of freedom, or where nothing determines it.
    pub standard_error: Option<f64>,
    /// 95 % interval by Student's t (for a logarithm not symmetric), within the bounds.
    pub interval95: Option<Interval>,
    /// What the data say of it.
    pub verdict: Verdict,
}

/// A combination of variables that the data do not determine.
#[derive(Clone, Debug, PartialEq)]
pub struct Combination {
    /// Its larger parts: variable and weight, the weights' squares adding up to at most 1. Of logarithms they are
    /// exponents.
    pub parts: Vec<(String, f64)>,
    /// Standard deviation along it: of a logarithm as it is, else relative to half the variable's bounds or its value.
    pub deviation: f64,
}

impl std::fmt::Display for Combination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, (name, weight)) in self.parts.iter().enumerate() {
            let sign = if *weight < 0.0 { "-" } else { "+" };
            let sign = if n == 0 && *weight >= 0.0 { "" } else { sign };
            let gap = if n == 0 { "" } else { " " };
            write!(f, "{gap}{sign}{gap}{:.2} {name}", weight.abs())?;
        }
        Ok(())
    }
}

/// A minimum, and how well the data know it.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// The variables, in the order given.
    pub estimates: Vec<Estimate>,
    /// The cost there.
    pub cost: f64,
    /// The residuals there.
    pub residuals: Vec<f64>,
    /// Residuals less variables that are free; intervals need at least one.
    pub degrees: usize,
    /// As how many independent residuals they count, less the free variables; `degrees` unless `Options::series`.
    pub effective: f64,
    /// Scatter of the residuals, sqrt(sum r^2 / degrees) for the linear loss; None without degrees of freedom.
    pub scatter: Option<f64>,
    /// Covariance of the variables in their own units, row by row; zero for those at a bound, infinite where nothing
    /// determines them.
    pub covariance: Vec<f64>,
    /// What the data leave open.
    pub undetermined: Vec<Combination>,
    /// Evaluations of the residuals, all starts together.
    pub evaluations: u64,
    /// Why the search ended.
    pub stop: Stop,
}

impl Fit {
    /// The variables' values.
    pub fn values(&self) -> Vec<f64> {
        self.estimates.iter().map(|e| e.value).collect()
    }

    /// Root of the mean square of the residuals.
    pub fn rms(&self) -> f64 {
        (self.residuals.iter().map(|r| r * r).sum::<f64>() / self.residuals.len() as f64).sqrt()
    }
}

/// Why there is no fit.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// A variable, start or option that is none.
    #[error("nothing to fit: {0}")]
    Setting(String),
    /// Fewer residuals than variables.
    #[error(
        "{residuals} values cannot determine {variables} parameters ({names}): measure more, or hold some fixed"
    )]
    Few {
        /// Residuals.
        residuals: usize,
        /// Variables.
        variables: usize,
        /// Their names.
        names: String,
    },
    /// The residuals cannot be computed at any start.
    #[error("the model has no answer at the start: {0}")]
    Start(String),
    /// Told to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Computes the residuals of `values`, one for each place; an error where the model has no answer, which the search
/// steps back from.
pub type Residuals<'a> = dyn Fn(&[f64], &mut [f64]) -> Result<(), String> + Sync + 'a;

/// Fits from the variables' starts.
///
/// # Errors
/// Bounds, starts or options that are none, fewer residuals than variables, a model without an answer at the start,
/// `watch` (told of every evaluation).
pub fn least_squares(
    variables: &[Variable],
    count: usize,
    residuals: &Residuals,
    options: &Options,
    watch: &dyn Watch,
) -> Result<Fit, FitError> {
    check(variables, count, options)?;
    let start: Vec<f64> = variables.iter().map(|v| v.start).collect();
    let end = descend::descend(variables, &start, count, residuals, options, watch)?;
    Ok(judge::judge(variables, end, options))
}

fn check(variables: &[Variable], count: usize, options: &Options) -> Result<(), FitError> {
    if variables.is_empty() {
        return Err(FitError::Setting("no variable".to_owned()));
    }
    if let Some(problem) =
        variables.iter().find_map(Variable::problem).or_else(|| options.loss.problem()).or_else(|| {
            let positive = |v: f64| v.is_finite() && v > 0.0;
            let fine = positive(options.step) && options.step < 0.1 && positive(options.tolerance);
            (!fine).then(|| format!("step {}, tolerance {}", options.step, options.tolerance))
        })
    {
        return Err(FitError::Setting(problem));
    }
    if count < variables.len() {
        let names: Vec<_> = variables.iter().map(|v| v.name.as_str()).collect();
        let names = names.join(", ");
        return Err(FitError::Few { residuals: count, variables: variables.len(), names });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
