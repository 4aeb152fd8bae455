//! Which non-ideality costs most: each one off in turn, and each one alone.
//!
//! Leaving one out hides what another masks, and one alone hides what only happens together; a record
//! holds both. For the one whose absence helps most, a bisection finds by how much it would have to shrink
//! for the figure of merit to reach its target.

use neurohm_array::ChipSpec;
use neurohm_device::{Nonidealities, Nonideality};
use neurohm_num::Watch;

use crate::aggregate::scalar;
use crate::engine::{Variant, simulate};
use crate::error::StudyError;
use crate::outcome::Outcome;
use crate::record::{Ablation, Level, Note, Scalar};
use crate::request::Request;
use crate::study::{AnyStudy, Part, Trials, better};

/// Chips in a step of the bisection. They share their keys, so few are enough to compare.
const FEW: usize = 3;
/// Steps of the bisection: the scale is known to 1/64.
const STEPS: u32 = 6;

/// What ablation adds to a record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ablated {
    pub rows: Vec<Ablation>,
    pub notes: Vec<Note>,
}

/// The chips that ablation needs: as it is, with ideal devices, then for each cause without it and with
/// it alone. Empty where there is no cause.
pub(crate) fn variants(
    chip: &ChipSpec,
    ideal: &ChipSpec,
    causes: &[Nonideality],
    chips: usize,
) -> Result<Vec<Variant>, StudyError> {
    if causes.is_empty() {
        return Ok(Vec::new());
    }
    let variant = |chip: ChipSpec| Variant { chip, part: Part::Ablation, chips };
    let mut out = vec![variant(chip.clone()), variant(ideal.clone())];
    for cause in causes {
        let mut without = chip.clone();
        if !without.without(&cause.path) {
            return Err(lost(&cause.path));
        }
        let mut alone = chip.clone();
        alone.only(&cause.path);
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
    study: &dyn AnyStudy,
    request: &Request,
    causes: &[Nonideality],
    outcomes: Vec<Vec<Outcome>>,
    trials: &dyn Trials,
    watch: &dyn Watch,
) -> Result<Ablated, StudyError> {
    let merit = trials.merit();
    let mut merits = outcomes.iter().map(|o| scalar(merit, o));
    let (Some(base), Some(ideal)) = (merits.next().transpose()?, merits.next().transpose()?) else {
        return Ok(Ablated::default());
    };
    let mut rows = Vec::new();
    for cause in causes {
        let (Some(without), Some(alone)) = (merits.next().transpose()?, merits.next().transpose()?) else {
            return Err(lost(&cause.path));
        };
        let (path, about) = (cause.path.clone(), cause.about.clone());
        rows.push(Ablation { path, about, without, alone, required_scale: None });
    }
    let gain =
        |s: &Scalar| if better(1.0, 0.0, base.better) { s.value - base.value } else { base.value - s.value };
    // Stable: equal gains stay in the chip's order, from the device outwards.
    rows.sort_by(|a, b| gain(&b.without).total_cmp(&gain(&a.without)));

    let target = study.target(merit, ideal.value);
    let reached = |v: f64| !better(target, v, base.better);
    let mut notes = Vec::new();
    if reached(base.value) || rows.is_empty() {
        return Ok(Ablated { rows, notes });
    }
    let mut note = |text: String| notes.push(Note { level: Level::Info, text });
    let scalable = |r: &&mut Ablation| gain(&r.without) > 0.0 && request.chip.clone().scale(&r.path, 0.5);
    let unit = if base.unit == "1" { String::new() } else { format!(" {}", base.unit) };
    let aim = format!("the target of {target:.4}{unit}");
    let Some(worst) = rows.iter_mut().find(scalable) else {
        note(format!("No single non-ideality stands between this chip and {aim}."));
        return Ok(Ablated { rows, notes });
    };
    if !reached(worst.without.value) {
        note(format!(
            "Even without {} ({}) this chip would miss {aim}: more than one thing has to improve.",
            worst.path, worst.about
        ));
        return Ok(Ablated { rows, notes });
    }
    let chips = request.chips.min(FEW);
    let meets = |factor: f64| -> Result<bool, StudyError> {
        let mut chip = request.chip.clone();
        chip.scale(&worst.path, factor);
        let variants = [Variant { chip, part: Part::Ablation, chips }];
        let what = format!("how much less {}", worst.path);
        let outcomes = simulate(trials, &variants, request.seed, &what, watch)?;
        Ok(reached(scalar(merit, &outcomes[0])?.value))
    };
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..STEPS {
        let middle = 0.5 * (low + high);
        if meets(middle)? { low = middle } else { high = middle }
    }
    if low > 0.0 {
        worst.required_scale = Some(low);
        note(format!(
            "{} ({}) would have to shrink to {:.0} % of what it is for this chip to reach {aim}.",
            worst.path,
            worst.about,
            100.0 * low
        ));
    } else {
        note(format!(
            "{} ({}) would have to shrink to less than {:.0} % of what it is for this chip to reach {aim}.",
            worst.path,
            worst.about,
            100.0 * 0.5f64.powi(STEPS as i32)
        ));
    }
    Ok(Ablated { rows, notes })
}
