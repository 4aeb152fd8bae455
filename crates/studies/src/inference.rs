//! `inference`: a trained network on a chip, from 20 seconds to a year after programming.
//!
//! The network's weighted layers go onto crossbars once; the same devices are then read at each time, so
//! every curve is the life of one chip. Everything else (bias, activations, pooling) stays digital.

use std::collections::BTreeMap;

use neurohm_array::{ChipSpec, DriftCompensation, SettingError};
use neurohm_device::Nonidealities;
use neurohm_nn::Tensor;
use neurohm_num::{quantity, stats};
use neurohm_study::record::Better;
use neurohm_study::{Inputs, Outcome, Run, Study, StudyError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::material::{self, Asked, BatchNorm, Material, Normalise, judge, nn};
use crate::mvm::TIMES;
use crate::networks::NETWORKS;
use crate::views::{self, Point};

/// The study.
pub struct Inference;

/// What `inference` can be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InferenceConfig {
    /// An embedded network (`strokes-mlp`, `strokes-cnn`) or the path of an ONNX file.
    pub model: String,
    /// The samples: `strokes`, `mnist:PATH`, `cifar10:PATH`, `npz:FILE`.
    pub data: String,
    /// At most so many test samples are run.
    pub images: usize,
    /// At most so many training samples (test samples where there are no others) are shown to converters that take
    /// their range from data.
    pub calibration: usize,
    /// When the figures of merit are measured, after programming.
    #[serde(with = "quantity::second")]
    #[schemars(with = "String")]
    pub at: f64,
    /// Times after programming in the figures over time.
    #[serde(with = "quantity::vec_second")]
    #[schemars(with = "Vec<String>")]
    pub times: Vec<f64>,
    /// Whether the chip is also run with drift compensation switched the other way, for comparison.
    pub compare_compensation: bool,
    /// How samples become what the network was trained on, where it wants other than values in [0, 1].
    #[serde(default)]
    pub normalise: Option<Normalise>,
    /// Layers whose weights stay off the chip, by name.
    #[serde(default)]
    pub digital: Vec<String>,
    /// What becomes of batch norms.
    #[serde(default)]
    pub batch_norm: BatchNorm,
    /// Whether the statistics of batch norms are taken anew at every time, on the samples for calibration; needs
    /// `batch_norm = "digital"`.
    #[serde(default)]
    pub recalibrate: bool,
    /// Lengths of the model's input that its file leaves open, by the dimension's name, or by `INPUT.AXIS` where it has none;
    /// before those of the samples.
    #[serde(default)]
    pub lengths: BTreeMap<String, usize>,
}

impl Default for InferenceConfig {
    fn default() -> Self {
        Self {
            model: NETWORKS[0].name.to_string(),
            data: NETWORKS[0].data.to_string(),
            images: 2000,
            calibration: 128,
            at: 86_400.0,
            times: TIMES.to_vec(),
            compare_compensation: true,
            normalise: None,
            digital: Vec::new(),
            batch_norm: BatchNorm::Folded,
            recalibrate: false,
            lengths: BTreeMap::new(),
        }
    }
}

impl InferenceConfig {
    fn asked<'a>(&'a self, lengths: &'a [(String, usize)]) -> Asked<'a> {
        Asked {
            lengths,
            normalise: self.normalise.as_ref(),
            batch_norm: self.batch_norm,
            digital: &self.digital,
            ..Asked::new(&self.model, &self.data, self.images, self.calibration)
        }
    }
}

const ACCURACY: &str = "accuracy";
const OUTPUT_ERROR: &str = "output_error";

impl Study for Inference {
    const NAME: &'static str = "inference";
    const REVISION: u32 = 1;
    type Config = InferenceConfig;
    type Shared = Material;

    fn title(&self) -> &'static str {
        "Inference"
    }
    fn about(&self) -> &'static str {
        "Does a trained network still work when its weights are devices? Each layer's weights are programmed onto \
         crossbars once; the same devices are read from seconds to a year later, with and without drift \
         compensation, and the network's decisions and outputs are compared with the digital run. Intervals are \
         over chips, on the same test samples."
    }
    fn merit(&self) -> &'static str {
        ACCURACY
    }
    fn merit_of(&self, _config: &InferenceConfig, shared: &Material) -> &'static str {
        if shared.labels().is_some() { ACCURACY } else { OUTPUT_ERROR }
    }
    /// One point below what ideal devices reach; without labels, an output error of a twentieth.
    fn target(&self, merit: &str, ideal: f64) -> f64 {
        if merit == ACCURACY { ideal - 1.0 } else { (1.25 * ideal).max(0.05) }
    }
    fn uses(&self, _config: &InferenceConfig) -> &'static [&'static str] {
        crate::ALL_SECTIONS
    }
    fn full(&self) -> InferenceConfig {
        let more = [60.0, 600.0, 6.0 * 3_600.0, 7.0 * 86_400.0, 180.0 * 86_400.0];
        let mut times: Vec<f64> = TIMES.into_iter().chain(more).collect();
        times.sort_by(f64::total_cmp);
        InferenceConfig { images: 10_000, calibration: 512, times, ..InferenceConfig::default() }
    }
    fn smoke(&self) -> InferenceConfig {
        let times = vec![20.0, 3_600.0];
        InferenceConfig { images: 12, calibration: 8, at: 3_600.0, times, ..InferenceConfig::default() }
    }
    fn check(&self, c: &InferenceConfig) -> Result<(), SettingError> {
        material::check(c.images, c.calibration, c.normalise.as_ref())?;
        if c.recalibrate && c.batch_norm == BatchNorm::Folded {
            let problem = "recalibration needs batch norms that stay digital (batch_norm = \"digital\")";
            return Err(SettingError::value("recalibrate", problem));
        }
        if c.recalibrate && c.calibration < 2 {
            let problem = "batch norms cannot be recalibrated on fewer than 2 samples";
            return Err(SettingError::value("calibration", problem));
        }
        crate::check_times(c.at, &c.times)
    }
    fn horizon_s(&self, c: &InferenceConfig) -> Option<f64> {
        Some(c.times.iter().copied().fold(c.at, f64::max))
    }
    fn prepares_by_seed(&self) -> bool {
        false
    }
    fn deterministic(&self, _config: &InferenceConfig, chip: &ChipSpec) -> bool {
        chip.nonidealities().is_empty()
    }
    fn work(&self, c: &InferenceConfig, shared: &Material, chip: &ChipSpec, merit_only: bool) -> u64 {
        let moments = if merit_only { 1 } else { moments(c, chip, false).len() };
        (moments * programs(c, chip, merit_only).len() * shared.samples()) as u64
    }

    fn prepare(
        &self,
        c: &InferenceConfig,
        inputs: &dyn Inputs,
        run: &Run<'_>,
    ) -> Result<Material, StudyError> {
        let lengths: Vec<_> = c.lengths.iter().map(|(name, length)| (name.clone(), *length)).collect();
        let material = material::prepare(c.asked(&lengths), inputs, run)?;
        if c.recalibrate && !material.has_batch_norms() {
            return Err(material::no_batch_norms(&c.model));
        }
        Ok(material)
    }

    fn trial(
        &self,
        c: &InferenceConfig,
        shared: &Material,
        chip: &ChipSpec,
        run: &Run<'_>,
    ) -> Result<Outcome, StudyError> {
        let mut out = Outcome::default();
        let moments = moments(c, chip, run.merit_only);
        let mut curves = Vec::new();
        for (name, chip, own) in programs(c, chip, run.merit_only) {
            let mut network = shared.program(&chip, run.key.child("network", 0), run)?;
            let (mut elapsed, mut points) = (0.0, Vec::new());
            for &t in &moments {
                network.advance(t - elapsed).map_err(nn)?;
                elapsed = t;
                network.read().map_err(nn)?;
                if run.merit_only && t < c.at {
                    continue;
                }
                let outputs = match c.recalibrate {
                    true => shared.recalibrated(&network, run)?,
                    false => shared.outputs(&network, run)?,
                };
                points.push(judge(shared, &outputs, t));
                if own && t == c.at && !run.merit_only {
                    views::maps(&mut out, shared.graph(), &network, c.at).map_err(nn)?;
                    views::layers(&mut out, &network, &chip);
                    if run.chip == 0 {
                        out.files.push(("outputs.npy".to_string(), npy(&outputs)?));
                    }
                }
            }
            if own {
                out.tally = network.tally().named().into_iter().map(|(k, v)| (k.to_string(), v)).collect();
            }
            // Where nothing changes with time, one reading stands for all.
            if let ([_], [only]) = (&moments[..], &points[..]) {
                points = crate::instants(c.at, &c.times, run.merit_only)
                    .into_iter()
                    .map(|t| Point { t, ..*only })
                    .collect();
            }
            curves.push((name, own, points));
        }
        if moments.len() == 1 && c.times.len() > 1 {
            out.info("Nothing on this chip changes with time: it was read once.");
        }
        self.report(c, shared, &curves, run.merit_only, &mut out);
        Ok(out)
    }
}

impl Inference {
    fn report(
        &self,
        c: &InferenceConfig,
        shared: &Material,
        curves: &[(&'static str, bool, Vec<Point>)],
        merit_only: bool,
        out: &mut Outcome,
    ) {
        let time = |t: f64| quantity::format(t, quantity::Dimension::Second);
        let labelled = shared.labels().is_some();
        let digital = judge(shared, shared.digital(), c.at);
        let limits = |out: &mut Outcome, name: &str, high: f64| {
            out.limits.insert(name.to_string(), [0.0, high]);
        };
        for (name, own, points) in curves {
            for p in points {
                let at = time(p.t);
                let suffix = at.replace(' ', "_");
                if !own {
                    let Some(accuracy) = p.accuracy.filter(|_| c.times.contains(&p.t)) else { continue };
                    let about = format!("test samples classified rightly, {at} after programming, {name}");
                    let name = format!("accuracy_{suffix}_{}", name.replace(' ', "_"));
                    out.measure(&name, accuracy, "%", Some(Better::Higher), about);
                    limits(out, &name, 100.0);
                    continue;
                }
                if let Some(accuracy) = p.accuracy {
                    let about = format!("test samples classified rightly, {at} after programming");
                    if p.t == c.at {
                        out.measure(ACCURACY, accuracy, "%", Some(Better::Higher), about.clone());
                        limits(out, ACCURACY, 100.0);
                    }
                    if c.times.contains(&p.t) && !merit_only {
                        let name = format!("accuracy_{suffix}");
                        out.measure(&name, accuracy, "%", Some(Better::Higher), about);
                        limits(out, &name, 100.0);
                    }
                }
                if p.t == c.at {
                    let about = format!(
                        "||y - y0|| / ||y0|| of all outputs against the digital run, {at} after programming"
                    );
                    out.measure(OUTPUT_ERROR, p.error, "1", Some(Better::Lower), about);
                    limits(out, OUTPUT_ERROR, f64::INFINITY);
                    if let Some(agreement) = p.agreement {
                        let about =
                            format!("test samples with the digital run's decision, {at} after programming");
                        out.measure("agreement", agreement, "%", Some(Better::Higher), about);
                        limits(out, "agreement", 100.0);
                    }
                }
            }
        }
        let samples = shared.samples();
        if let Some(accuracy) = digital.accuracy {
            out.exact(
                "digital_accuracy",
                accuracy,
                "%",
                "test samples that the digital run classifies rightly",
            );
            let hits = (accuracy / 100.0 * samples as f64).round() as u64;
            let wilson = stats::wilson95(hits, samples as u64);
            out.info(format!(
                "Intervals are over chips, on the same {samples} test samples. That there are only so many leaves the \
                 digital accuracy itself between {:.1} % and {:.1} % (Wilson, 95 %).",
                100.0 * wilson.low,
                100.0 * wilson.high
            ));
        }
        out.exact("samples", samples as f64, "1", "test samples run");
        out.info(shared.about());
        shared.notes().iter().for_each(|n| out.info(n.clone()));
        if c.times.is_empty() || merit_only {
            return;
        }
        views::curves(out, curves, &c.times, digital.accuracy.filter(|_| labelled));
        for s in &out.series {
            let high = if s.y.unit == "%" { 100.0 } else { f64::INFINITY };
            out.limits.insert(s.name.clone(), [0.0, high]);
        }
    }
}

/// The instants at which the chip is read: one alone where nothing on it changes with time.
fn moments(c: &InferenceConfig, chip: &ChipSpec, merit_only: bool) -> Vec<f64> {
    let moves = |path: &str| path.starts_with("device.retention") || path.starts_with("device.noise");
    if chip.nonidealities().iter().any(|n| moves(&n.path)) {
        crate::instants(c.at, &c.times, merit_only)
    } else {
        vec![c.at]
    }
}

/// The chips to program: as described, and with drift compensation switched the other way. Each with its
/// name and whether it is the chip's own.
fn programs(c: &InferenceConfig, chip: &ChipSpec, merit_only: bool) -> Vec<(&'static str, ChipSpec, bool)> {
    let compensated = chip.drift_compensation != DriftCompensation::None {};
    let names = ["drift compensated", "no compensation"];
    let (own, other) = if compensated { (names[0], names[1]) } else { (names[1], names[0]) };
    let mut out = vec![(own, chip.clone(), true)];
    if c.compare_compensation && !merit_only && !chip.nonidealities().is_empty() {
        let switched =
            if compensated { DriftCompensation::None {} } else { DriftCompensation::Global { probes: 32 } };
        out.push((other, ChipSpec { drift_compensation: switched, ..chip.clone() }, false));
    }
    out
}

fn npy(t: &Tensor) -> Result<Vec<u8>, StudyError> {
    neurohm_data::npy::write(&t.shape, &t.data).map_err(StudyError::study)
}
