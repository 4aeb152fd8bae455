//! From a request to a record: trials over chips, intervals, the ideal value, ablation.
//!
//! Trials are independent: each takes its randomness from a key of its own, `Key::root(seed)
//! .child("chip", i)`, and results are brought together in the order of the chips. So threads change
//! nothing. Variants of a chip (ideal, ablated) use the same keys: they differ by what was changed alone,
//! and a handful of chips shows small costs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use neurohm_array::ChipSpec;
use neurohm_device::{Nonidealities, Nonideality};
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

impl From<Record> for Finding {
    /// A record alone, with no file beside it.
    fn from(record: Record) -> Self {
        Self { record, files: Vec::new() }
    }
}

/// A chip to simulate several copies of, as a whole or for the merit alone.
#[derive(Clone, Debug)]
pub(crate) struct Variant {
    pub chip: ChipSpec,
    pub merit_only: bool,
    pub chips: usize,
}

/// Outcomes of variants, each chip in its place.
pub(crate) struct Simulated {
    /// For each variant the chips that were finished, from the first one on without a gap.
    pub outcomes: Vec<Vec<Outcome>>,
    /// Whether somebody stopped the work before its end.
    pub cancelled: bool,
}

/// Carries a request out.
///
/// Progress goes to `watch`, in the study's own units of work. An error from `watch.step` ends the run: with
/// [`StudyError::Cancelled`] where not even one chip was finished, else with the [`Finding`] of the chips that
/// were, from the first on. Its record is the one that a request of so many chips gives, and says that it was
/// [cut short](Record::cut_short).
pub fn execute(
    study: &dyn AnyStudy,
    request: &Request,
    inputs: &dyn Inputs,
    watch: &dyn Watch,
) -> Result<Finding, StudyError> {
    carry_out(study, request, inputs, watch, true)
}

/// [`execute`], with the ideal device beside it where `compare` says so.
pub(crate) fn carry_out(
    study: &dyn AnyStudy,
    request: &Request,
    inputs: &dyn Inputs,
    watch: &dyn Watch,
    compare: bool,
) -> Result<Finding, StudyError> {
    let started = Instant::now();
    no_effect(study, request)?;
    let prepared = prepare(study, &request.config, request.seed, inputs, watch)?;
    carry_on(study, request, &prepared, watch, compare, started)
}

/// What all chips of a request share, and requests that differ in their chip alone.
pub(crate) struct Prepared<'s> {
    /// The trials.
    pub trials: Box<dyn Trials + 's>,
    /// Digests of the files that were read, by name.
    pub files: BTreeMap<String, String>,
}

/// Prepares trials. Where the study says that the seed plays no part in it, it is kept out of reach, so that one
/// preparation can stand for all seeds.
pub(crate) fn prepare<'s>(
    study: &'s dyn AnyStudy,
    config: &Value,
    seed: u64,
    inputs: &dyn Inputs,
    watch: &dyn Watch,
) -> Result<Prepared<'s>, StudyError> {
    let inputs = Witness::new(inputs);
    let root = Key::root(if study.prepares_by_seed() { seed } else { 0 });
    let trials = study.prepare(config, &inputs, &Run::new(root.child("shared", 0), 0, watch))?;
    Ok(Prepared { trials, files: inputs.digests() })
}

/// [`carry_out`] from a preparation on.
pub(crate) fn carry_on(
    study: &dyn AnyStudy,
    request: &Request,
    prepared: &Prepared<'_>,
    watch: &dyn Watch,
    compare: bool,
    started: Instant,
) -> Result<Finding, StudyError> {
    let Prepared { trials, files } = prepared;
    let ideal_chip = ChipSpec { device: request.chip.device.idealised(), ..request.chip.clone() };
    let variant = |chip: &ChipSpec| Variant { chip: chip.clone(), merit_only: false, chips: request.chips };
    let mut variants = vec![variant(&request.chip)];
    // On a chip whose devices are ideal already there is nothing to compare with.
    let asked = compare;
    let compare = asked && ideal_chip != request.chip;
    if compare {
        variants.push(variant(&ideal_chip));
    }
    let whole_variants = variants.len();
    let causes = if request.ablate && study.ablates() { request.chip.nonidealities() } else { Vec::new() };
    variants.extend(ablation::variants(&request.chip, &causes, request.chips)?);

    let what = format!("{} on {}", study.name(), request.chip.device.name);
    let Simulated { mut outcomes, cancelled } =
        simulate(trials.as_ref(), &variants, request.seed, &what, watch)?;
    let mut request = request.clone();
    let mut cut_short = None;
    let mut causes = causes;
    if cancelled {
        let kept = outcomes.iter().take(whole_variants).map(Vec::len).min().unwrap_or(0);
        if kept == 0 {
            return Err(StudyError::Cancelled);
        }
        cut_short = Some(shorten(&mut request, kept, &causes));
        outcomes.truncate(whole_variants);
        outcomes.iter_mut().for_each(|o| o.truncate(kept));
        causes.clear();
    }
    let mut outcomes = outcomes.into_iter();
    let whole = outcomes.next().unwrap_or_default();
    let ideal = if compare { outcomes.next() } else { None };
    let merit = scalar(trials.merit(), &whole)?;
    let ideal_merit = ideal.as_deref().map(|o| scalar(trials.merit(), o)).transpose()?;
    let search = Search {
        study,
        request: &request,
        trials: trials.as_ref(),
        target: study.target(trials.merit(), ideal_merit.as_ref().unwrap_or(&merit).value),
        base: merit,
        watch,
    };
    let ablated = ablation::evaluate(&search, &causes, outcomes.collect())?;
    let cut_short = cut_short.or_else(|| ablated.cut_short.clone());

    let mut summary = summarise(whole)?;
    let ideal = ideal.map(summarise).transpose()?;
    if let Some(ideal) = &ideal {
        draw_ideal(&mut summary.series, &ideal.series);
    }
    let files = serde_json::json!(files);
    let merit = trials.merit();
    let mut record = record(study, &request, merit, summary.clone(), ideal, ablated, &files, started)?;
    if !asked {
        // Nobody ran ideal devices: what stands there otherwise is that of a device that is ideal itself.
        record.scalars.values_mut().for_each(|scalar| scalar.ideal = None);
    }
    if let Some(text) = cut_short {
        record.cut_short_with(text);
    }
    Ok(Finding { record, files: summary.files })
}

/// Makes of a request the one that the chips which were finished answer in full, so that the record's description
/// gives the same record again. Returns what is missing, in words.
fn shorten(request: &mut Request, kept: usize, causes: &[Nonideality]) -> String {
    let asked = std::mem::replace(&mut request.chips, kept);
    request.ablate = false;
    // The command that was typed asks for more than this record holds; its description does not.
    request.command = None;
    let without = if causes.is_empty() { "" } else { ", and no non-ideality was switched off" };
    if kept < asked {
        let chips = if kept == 1 { "that one" } else { "these" };
        format!(
            "The run was cut short after {kept} of {asked} chips: all numbers and intervals are from {chips}{without}."
        )
    } else {
        format!("The run was cut short after all of its {asked} chips: no non-ideality was switched off.")
    }
}

/// Runs all copies of all variants, in parallel; outcomes come back in order.
pub(crate) fn simulate(
    trials: &dyn Trials,
    variants: &[Variant],
    seed: u64,
    what: &str,
    watch: &dyn Watch,
) -> Result<Simulated, StudyError> {
    let copies = |v: &Variant| if trials.deterministic(&v.chip) { 1 } else { v.chips };
    let mut jobs: Vec<(usize, u64)> =
        variants.iter().enumerate().flat_map(|(v, x)| (0..copies(x) as u64).map(move |c| (v, c))).collect();
    // Chip by chip what is looked at as a whole, so that a run that is cut short has its first chips; then, cause by
    // cause, what ablation asks.
    jobs.sort_by_key(|&(v, c)| if variants[v].merit_only { (1, v as u64, c) } else { (0, c, v as u64) });
    let total = jobs.iter().map(|&(v, _)| trials.work(&variants[v].chip, variants[v].merit_only)).sum();
    watch.begin(what, Some(total));
    let halting = Halting { inner: watch, halt: AtomicBool::new(false) };
    let root = Key::root(seed);
    // Threads draw tickets: rayon would give each of them a stretch of its own, the last chips among the first.
    let next = AtomicUsize::new(0);
    let run = |_| {
        let ticket = next.fetch_add(1, Ordering::Relaxed);
        let (v, chip) = jobs[ticket];
        let run = Run::new(root.child("chip", chip), chip, &halting);
        let run = if variants[v].merit_only { run.for_merit() } else { run };
        let result = run.step(0).and_then(|()| trials.trial(&variants[v].chip, &run));
        if result.is_err() {
            halting.halt.store(true, Ordering::Relaxed);
        }
        (ticket, result)
    };
    let mut results: Vec<(usize, Result<Outcome, StudyError>)> =
        (0..jobs.len()).into_par_iter().map(run).collect();
    results.sort_by_key(|(ticket, _)| *ticket);
    let mut outcomes: Vec<Vec<Outcome>> = variants.iter().map(|_| Vec::new()).collect();
    let mut cancelled = false;
    for ((_, result), &(v, chip)) in results.into_iter().zip(&jobs) {
        match result {
            Ok(outcome) if outcomes[v].len() as u64 == chip => outcomes[v].push(outcome),
            // Behind a gap: a description says how many chips there are, and means the first ones.
            Ok(_) => {}
            // Trials that were stopped because another failed are not the reason.
            Err(StudyError::Cancelled) => cancelled = true,
            Err(e) => return Err(e),
        }
    }
    for (outcomes, v) in outcomes.iter_mut().zip(variants) {
        if let (true, Some(first)) = (trials.deterministic(&v.chip), outcomes.first().cloned()) {
            outcomes.resize(v.chips, first);
        }
    }
    Ok(Simulated { outcomes, cancelled })
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
        cut_short: None,
        sample: None,
        chips: request.chips,
        wall_s: started.elapsed().as_secs_f64(),
        merit: merit.to_string(),
        target,
        scalars,
        series: summary.series,
        tables: summary.tables,
        maps: summary.maps,
        plans: Vec::new(),
        ablation: ablated.rows,
        all_off: ablated.all_off,
        notes,
        tally: summary.tally,
        datasheet: None,
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
