//! From a request to a record: trials over chips, intervals, the ideal value, ablation.
//!
//! Trials are independent: each takes its randomness from a key of its own, `Key::root(seed)
//! .child("chip", i)`, and results are brought together in the order of the chips. So threads change
//! nothing. Variants of a chip (ideal, ablated) use the same keys: they differ by what was changed alone,
//! and a handful of chips shows small costs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use neurohm_array::ChipSpec;
use neurohm_device::Nonidealities;
use neurohm_num::{Key, Watch};
use rayon::prelude::*;
use serde_json::Value;

use crate::ablation::{self, Ablated, Search};
use crate::aggregate::{Summary, scalar, summarise};
use crate::error::StudyError;
use crate::inputs::{Inputs, Witness};
use crate::outcome::Outcome;
use crate::record::{Level, Line, Note, Record, Series};
use crate::request::{Request, no_effect};
use crate::run::{Halting, Run};
use crate::study::{AnyStudy, Trials};

/// A record with the files that lie beside it.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What was found.
    pub record: Record,
    /// Files by name, such as `outputs.npy`.
    pub files: Vec<(String, Vec<u8>)>,
}

/// A chip to simulate several copies of, as a whole or for the merit alone.
#[derive(Clone, Debug)]
pub(crate) struct Variant {
    pub chip: ChipSpec,
    pub merit_only: bool,
    pub chips: usize,
}

/// Carries a request out.
///
/// Progress goes to `watch`, in the study's own units of work; an error from `watch.step` ends the run
/// with [`StudyError::Cancelled`].
pub fn execute(
    study: &dyn AnyStudy,
    request: &Request,
    inputs: &dyn Inputs,
    watch: &dyn Watch,
) -> Result<Finding, StudyError> {
    let started = Instant::now();
    no_effect(study, request)?;
    let inputs = Witness::new(inputs);
    let shared = Run::new(Key::root(request.seed).child("shared", 0), 0, watch);
    let trials = study.prepare(&request.config, &inputs, &shared)?;

    let ideal_chip = ChipSpec { device: request.chip.device.idealised(), ..request.chip.clone() };
    let variant = |chip: &ChipSpec| Variant { chip: chip.clone(), merit_only: false, chips: request.chips };
    let mut variants = vec![variant(&request.chip)];
    // On a chip whose devices are ideal already there is nothing to compare with.
    let compare = ideal_chip != request.chip;
    if compare {
        variants.push(variant(&ideal_chip));
    }
    let causes = if request.ablate { request.chip.nonidealities() } else { Vec::new() };
    variants.extend(ablation::variants(&request.chip, &causes, request.chips)?);

    let what = format!("{} on {}", study.name(), request.chip.device.name);
    let mut outcomes = simulate(trials.as_ref(), &variants, request.seed, &what, watch)?.into_iter();
    let whole = outcomes.next().unwrap_or_default();
    let ideal = if compare { outcomes.next() } else { None };
    let merit = scalar(trials.merit(), &whole)?;
    let ideal_merit = ideal.as_deref().map(|o| scalar(trials.merit(), o)).transpose()?;
    let search = Search {
        study,
        request,
        trials: trials.as_ref(),
        target: study.target(trials.merit(), ideal_merit.as_ref().unwrap_or(&merit).value),
        base: merit,
        watch,
    };
    let ablated = ablation::evaluate(&search, &causes, outcomes.collect())?;

    let mut summary = summarise(whole)?;
    let ideal = ideal.map(summarise).transpose()?;
    if let Some(ideal) = &ideal {
        draw_ideal(&mut summary.series, &ideal.series);
    }
    let files = serde_json::json!(inputs.digests());
    let merit = trials.merit();
    let record = record(study, request, merit, summary.clone(), ideal, ablated, &files, started)?;
    Ok(Finding { record, files: summary.files })
}

/// Runs all copies of all variants, in parallel; outcomes come back in order.
pub(crate) fn simulate(
    trials: &dyn Trials,
    variants: &[Variant],
    seed: u64,
    what: &str,
    watch: &dyn Watch,
) -> Result<Vec<Vec<Outcome>>, StudyError> {
    let copies = |v: &Variant| if trials.deterministic(&v.chip) { 1 } else { v.chips };
    let jobs: Vec<(usize, u64)> =
        variants.iter().enumerate().flat_map(|(v, x)| (0..copies(x) as u64).map(move |c| (v, c))).collect();
    let total = jobs.iter().map(|&(v, _)| trials.work(&variants[v].chip, variants[v].merit_only)).sum();
    watch.begin(what, Some(total));
    let halting = Halting { inner: watch, halt: AtomicBool::new(false) };
    let root = Key::root(seed);
    let run = |&(v, chip): &(usize, u64)| {
        let merit_only = variants[v].merit_only;
        let run = Run::new(root.child("chip", chip), chip, &halting);
        let run = if merit_only { run.for_merit() } else { run };
        let result = run.step(0).and_then(|()| trials.trial(&variants[v].chip, &run));
        if result.is_err() {
            halting.halt.store(true, Ordering::Relaxed);
        }
        result
    };
    let results: Vec<Result<Outcome, StudyError>> = jobs.par_iter().map(run).collect();
    let mut out: Vec<Vec<Outcome>> = variants.iter().map(|_| Vec::new()).collect();
    let mut cancelled = false;
    for (result, &(v, _)) in results.into_iter().zip(&jobs) {
        match result {
            Ok(outcome) => out[v].push(outcome),
            // Trials that were stopped because another failed are not the reason.
            Err(StudyError::Cancelled) => cancelled = true,
            Err(e) => return Err(e),
        }
    }
    if cancelled {
        return Err(StudyError::Cancelled);
    }
    for (outcomes, v) in out.iter_mut().zip(variants) {
        if let (true, Some(first)) = (trials.deterministic(&v.chip), outcomes.first().cloned()) {
            outcomes.resize(v.chips, first);
        }
    }
    Ok(out)
}

fn record(
    study: &dyn AnyStudy,
    request: &Request,
    merit: &str,
    summary: Summary,
    ideal: Option<Summary>,
    ablated: Ablated,
    files: &Value,
    started: Instant,
) -> Result<Record, StudyError> {
    let mut scalars = summary.scalars;
    for (name, s) in &mut scalars {
        s.ideal = match &ideal {
            Some(ideal) => ideal.scalars.get(name).map(|i| i.value),
            None => Some(s.value),
        };
        if summary.exact.contains(name) {
            // The ideal device would say the same.
            s.ideal = None;
        }
    }
    let target = scalars.get(merit).and_then(|s| s.ideal).map(|ideal| study.target(merit, ideal));
    let mut notes = engine_notes(study, request)?;
    notes.extend(summary.notes);
    notes.extend(ablated.notes);
    Ok(Record {
        study: request.study.clone(),
        title: study.title().to_string(),
        about: study.about().to_string(),
        revision: study.revision(),
        id: request.id(study, files)?,
        device: request.chip.device.name.clone(),
        device_title: request.chip.device.title.clone(),
        device_source: request.chip.device.source.clone(),
        description: request.description()?,
        command: request.command.clone().unwrap_or_else(|| "neurohm run description.toml".to_string()),
        seed: request.seed,
        version: env!("CARGO_PKG_VERSION").to_string(),
        isa: neurohm_num::simd::isa().name().to_string(),
        chips: request.chips,
        wall_s: started.elapsed().as_secs_f64(),
        merit: merit.to_string(),
        target,
        scalars,
        series: summary.series,
        tables: summary.tables,
        maps: summary.maps,
        ablation: ablated.rows,
        notes,
        tally: summary.tally,
        files: summary.files.iter().map(|(name, _)| name.clone()).collect(),
    })
}

/// Adds to each figure, dashed, its first line as ideal devices draw it.
fn draw_ideal(series: &mut [Series], ideal: &[Series]) {
    for (s, ideal) in series.iter_mut().zip(ideal) {
        let Some(line) = ideal.lines.iter().find(|l| !l.reference) else { continue };
        let line = Line {
            name: "ideal devices".to_string(),
            low: vec![],
            high: vec![],
            reference: true,
            ..line.clone()
        };
        s.lines.push(line);
    }
}

/// What holds for every study on this device and this many chips.
fn engine_notes(study: &dyn AnyStudy, request: &Request) -> Result<Vec<Note>, StudyError> {
    let mut notes = Vec::new();
    let mut note = |level, text: String| notes.push(Note { level, text });
    let unmeasured = request.chip.device.unmeasured();
    if !unmeasured.is_empty() {
        let text = format!(
            "Not measured for this device, and therefore left out (not the same as ideal): {}.",
            unmeasured.join(", ")
        );
        note(Level::Caution, text);
    }
    let horizon_s = study.horizon_s(&request.config)?;
    if let Some(text) = horizon_s.and_then(|t| request.chip.device.extrapolated(t)) {
        note(Level::Caution, text);
    }
    if request.chips == 1 {
        note(Level::Caution, "One chip was simulated: there are no intervals.".to_string());
    } else if request.chips < 5 {
        let text = format!("Only {} chips were simulated: intervals are wide.", request.chips);
        note(Level::Caution, text);
    }
    Ok(notes)
}
