//! Which non-ideality costs most: each one off in turn, and each one alone.
//!
//! Leaving one out hides what another masks, and one alone hides what only happens together; a record
//! holds both. For the one whose absence helps most, a bisection finds by how much it would have to shrink
//! for the figure of merit to reach its target.

use neurohm_array::ChipSpec;
use neurohm_device::{Nonidealities, Nonideality};
use neurohm_num::Watch;
use neurohm_num::quantity::rounded;

use crate::aggregate::scalar;
use crate::engine::{Variant, simulate};
use crate::error::StudyError;
use crate::outcome::Outcome;
use crate::record::{Ablation, Level, Note, Scalar};
use crate::request::Request;
use crate::study::{AnyStudy, Trials, better};

/// Chips in a step of the bisection. They share their keys, so few are enough to compare.
const FEW: usize = 3;
/// Steps of the bisection: the scale is known to 1/64.
const STEPS: u32 = 6;
/// The smallest scale that is tried.
const FINEST: f64 = 1.0 / 64.0;

/// What ablation adds to a record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ablated {
    pub rows: Vec<Ablation>,
    /// The merit with every non-ideality off: where "only this" starts from.
    pub all_off: Option<Scalar>,
    pub notes: Vec<Note>,
    /// What is missing, where somebody stopped the search.
    pub cut_short: Option<String>,
}

/// What the search for a better device needs to know.
pub(crate) struct Search<'a> {
    pub study: &'a dyn AnyStudy,
    pub request: &'a Request,
    pub trials: &'a dyn Trials,
    /// The merit of the chip as it is.
    pub base: Scalar,
    /// What it must reach.
    pub target: f64,
    pub watch: &'a dyn Watch,
}

/// The chips that ablation needs: the one without any cause, then for each cause the chip without it and the chip
/// with it alone.
pub(crate) fn variants(
    chip: &ChipSpec,
    causes: &[Nonideality],
    chips: usize,
) -> Result<Vec<Variant>, StudyError> {
    let variant = |chip: ChipSpec| Variant { chip, merit_only: true, chips };
    let mut out = Vec::new();
    if !causes.is_empty() {
        out.push(variant(chip.idealised()));
    }
    for cause in causes {
        let mut without = chip.clone();
        let mut alone = chip.clone();
        if !without.without(&cause.path) || !alone.only(&cause.path) {
            return Err(lost(&cause.path));
        }
        out.push(variant(without));
        out.push(variant(alone));
    }
    Ok(out)
}

fn lost(path: &str) -> StudyError {
    StudyError::Invalid(format!("the chip lists the non-ideality {path:?} and cannot switch it off"))
}

/// Turns the outcomes of [`variants`] into rows, worst first, and looks for what the worst would have to
/// become.
pub(crate) fn evaluate(
    search: &Search<'_>,
    causes: &[Nonideality],
    outcomes: Vec<Vec<Outcome>>,
) -> Result<Ablated, StudyError> {
    let merit = search.trials.merit();
    let mut merits = outcomes.iter().map(|o| scalar(merit, o));
    let mut rows = Vec::new();
    let all_off = if causes.is_empty() { None } else { merits.next().transpose()? };
    for cause in causes {
        let (Some(without), Some(alone)) = (merits.next().transpose()?, merits.next().transpose()?) else {
            return Err(lost(&cause.path));
        };
        let (path, about) = (cause.path.clone(), cause.about.clone());
        rows.push(Ablation { path, about, without, alone, required_scale: None });
    }
    // Stable: equal gains stay in the chip's order, from the device outwards.
    rows.sort_by(|a, b| search.gain(&b.without).total_cmp(&search.gain(&a.without)));
    let mut ablated = Ablated { rows, all_off, ..Ablated::default() };
    if !ablated.rows.is_empty() && !search.reached(search.base.value) {
        match search.improve(&mut ablated.rows) {
            Ok(text) => ablated.notes.push(Note { level: Level::Info, text }),
            // The rows are whole without it.
            Err(StudyError::Cancelled) => {
                let text = "The run was cut short in its last part: by how much the device would have to improve is \
                            not known.";
                ablated.cut_short = Some(text.to_string());
            }
            Err(e) => return Err(e),
        }
    }
    Ok(ablated)
}

impl Search<'_> {
    /// By how much a merit is better than the chip's as it is.
    fn gain(&self, s: &Scalar) -> f64 {
        let higher = better(1.0, 0.0, self.base.better);
        if higher { s.value - self.base.value } else { self.base.value - s.value }
    }

    fn reached(&self, value: f64) -> bool {
        !better(self.target, value, self.base.better)
    }

    /// Finds by how much the worst cause, or else all of the device's together, would have to shrink, and
    /// says so.
    fn improve(&self, rows: &mut [Ablation]) -> Result<String, StudyError> {
        let unit = if self.base.unit == "1" { String::new() } else { format!(" {}", self.base.unit) };
        let aim = format!("the target of {}{unit}", rounded(self.target, 4));
        let scalable =
            |r: &&mut Ablation| self.gain(&r.without) > 0.0 && self.scaled(&[&r.path], 0.5).is_some();
        let enough = rows.iter_mut().find(scalable).filter(|worst| self.reached(worst.without.value));
        if let Some(worst) = enough {
            let what = format!("{} ({})", worst.path, worst.about);
            worst.required_scale = self.bisect(&[&worst.path])?;
            return Ok(would_have_to_shrink(&what, worst.required_scale, &aim));
        }
        // Parts shrink with their whole, which comes first.
        let mut wholes: Vec<&str> = Vec::new();
        let mut paths: Vec<&str> =
            rows.iter().map(|r| r.path.as_str()).filter(|p| p.starts_with("device.")).collect();
        paths.sort_by_key(|p| p.len());
        for path in paths {
            if !wholes.iter().any(|w| path.starts_with(&format!("{w}."))) {
                wholes.push(path);
            }
        }
        let all: f64 = rows.iter().map(|r| self.gain(&r.without)).fold(0.0, f64::max);
        if wholes.len() < 2 || self.scaled(&wholes, 0.5).is_none() || all <= 0.0 {
            return Ok(format!("No single non-ideality stands between this chip and {aim}."));
        }
        let Some(scale) = self.bisect(&wholes)? else {
            return Ok(format!(
                "No single non-ideality stands between this chip and {aim}; even a device with all of its own at \
                 {:.0} % would miss it.",
                100.0 * FINEST
            ));
        };
        let what =
            format!("Taking one away is not enough: all of the device's together ({})", wholes.join(", "));
        Ok(would_have_to_shrink(&what, Some(scale), &aim))
    }

    /// The chip with what is at `paths` scaled, where it can be.
    fn scaled(&self, paths: &[&str], factor: f64) -> Option<ChipSpec> {
        let mut chip = self.request.chip.clone();
        paths.iter().all(|p| chip.scale(p, factor)).then_some(chip)
    }

    /// The largest scale of what is at `paths` with which the target is met, to 1/64; `None` where even the
    /// smallest misses it.
    fn bisect(&self, paths: &[&str]) -> Result<Option<f64>, StudyError> {
        let what = format!("{}: how much less {}", self.study.name(), paths.join(", "));
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..STEPS {
            let middle = 0.5 * (low + high);
            let Some(chip) = self.scaled(paths, middle) else { return Ok(None) };
            let variants = [Variant { chip, merit_only: true, chips: self.request.chips.min(FEW) }];
            let simulated = simulate(self.trials, &variants, self.request.seed, &what, self.watch)?;
            if simulated.cancelled {
                return Err(StudyError::Cancelled);
            }
            if self.reached(scalar(self.trials.merit(), &simulated.outcomes[0])?.value) {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok((low > 0.0).then_some(low))
    }
}

fn would_have_to_shrink(what: &str, scale: Option<f64>, aim: &str) -> String {
    match scale {
        Some(s) => format!("{what} would have to shrink to {:.0} % for this chip to reach {aim}.", 100.0 * s),
        None => format!(
            "{what} would have to shrink to less than {:.0} % for this chip to reach {aim}.",
            100.0 * FINEST
        ),
    }
}
