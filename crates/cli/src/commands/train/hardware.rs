//! What a network is trained to survive, as options.

use neurohm::nn::Graph;
use neurohm::nn::train::{Aware, AwareConfig, Disturbance, Outputs};
use neurohm::num::Key;
use neurohm::num::quantity::{self, Dimension};
use neurohm::study::{Disk, named_chip};

use crate::failure::Failure;

#[derive(clap::Args)]
#[command(next_help_heading = "Training for hardware")]
pub struct HardwareOptions {
    /// Noise on weights, anew at every step: a standard deviation over the layer's largest weight, such as 0.05; or
    /// chip: the errors that weights have on --chip
    #[arg(long, value_name = "NUMBER|chip")]
    weight_noise: Option<String>,
    /// Chip whose weights are looked at: a preset, a device's name or the path of a description [default: pcm]
    #[arg(long, value_name = "CHIP", requires = "weight_noise")]
    chip: Option<String>,
    /// Time after programming at which they are looked at [default: 20 s]
    #[arg(long, value_name = "TIME", requires = "weight_noise")]
    age: Option<String>,
    /// Round weights to so many levels (an odd number) before noise comes on top; the network is written with rounded
    /// weights
    #[arg(long, value_name = "N")]
    weight_levels: Option<u32>,
    /// Round weights to what pairs of two-state devices hold, of which one is on (binary) or one or none (ternary); the
    /// network is written with these weights
    #[arg(long, value_name = "KIND", conflicts_with = "weight_levels")]
    weights: Option<Rounded>,
    /// Leave out each weight with this probability, others at every step
    #[arg(long, value_name = "NUMBER")]
    drop_connect: Option<f32>,
    /// Learn a range for the inputs of every weighted layer; it is written as a clip in front of the layer, and a chip's
    /// converters that calibrate on data find it there
    #[arg(long)]
    input_ranges: bool,
    /// Round these inputs to so many levels (an odd number) within their learned range; gradients pass as if they were not
    #[arg(long, value_name = "N")]
    input_levels: Option<u32>,
    /// Round the outputs of weighted layers to so many levels (an odd number); gradients pass as if they were not
    #[arg(long, value_name = "N")]
    output_levels: Option<u32>,
    /// Noise on these outputs, over their range
    #[arg(long, value_name = "NUMBER")]
    output_noise: Option<f32>,
}

/// Weights of few values.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Rounded {
    /// Two values, one magnitude a layer
    Binary,
    /// Zero beside them
    Ternary,
}

impl Rounded {
    fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Ternary => "ternary",
        }
    }
}

impl HardwareOptions {
    /// Whether anything is asked for.
    pub fn any(&self) -> bool {
        self.weight_noise.is_some()
            || self.weights.is_some()
            || self.weight_levels.is_some()
            || self.drop_connect.is_some()
            || self.output_levels.is_some()
            || self.output_noise.is_some()
    }

    /// The settings, by name as a checkpoint keeps them.
    pub fn settings(&self) -> impl Iterator<Item = (&'static str, String)> {
        let number = |v: Option<f32>| v.map(|v| v.to_string());
        [
            ("weight_noise", self.weight_noise.clone()),
            ("chip", self.chip.clone()),
            ("age", self.age.clone()),
            ("weight_levels", self.weight_levels.map(|n| n.to_string())),
            ("weights", self.weights.map(|kind| kind.name().to_owned())),
            ("drop_connect", number(self.drop_connect)),
            ("input_ranges", self.inputs().map(|_| "true".to_owned())),
            ("input_levels", self.input_levels.map(|n| n.to_string())),
            ("output_levels", self.output_levels.map(|n| n.to_string())),
            ("output_noise", number(self.output_noise)),
        ]
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| (name, value)))
    }

    /// Levels of learned input ranges, 0 to round nothing; none where no ranges are learned.
    pub fn inputs(&self) -> Option<u32> {
        self.input_levels.or_else(|| self.input_ranges.then_some(0))
    }

    /// The hardware, for the layers of a network.
    pub fn hardware(&self, graph: &Graph, key: Key) -> Result<Aware, Failure> {
        let mut weights = Vec::new();
        if let Some(levels) = self.weight_levels {
            weights.push(Disturbance::Quantise { levels });
        }
        weights.extend(self.weights.map(|kind| match kind {
            Rounded::Binary => Disturbance::Binary {},
            Rounded::Ternary => Disturbance::Ternary {},
        }));
        match self.weight_noise.as_deref() {
            None => {}
            Some("chip") => weights.push(self.of_chip(key)?),
            Some(number) => {
                if self.chip.is_some() || self.age.is_some() {
                    return Err(Failure::request(
                        "--chip and --age have no effect unless --weight-noise is chip",
                    ));
                }
                let relative = number.parse().map_err(|_| {
                    Failure::request(format!("--weight-noise {number}: give a number such as 0.05, or chip"))
                })?;
                weights.push(Disturbance::Gaussian { relative });
            }
        }
        if let Some(probability) = self.drop_connect {
            weights.push(Disturbance::DropConnect { probability });
        }
        let outputs =
            Outputs { levels: self.output_levels.unwrap_or(0), noise: self.output_noise.unwrap_or(0.0) };
        if self.input_levels == Some(0) {
            return Err(Failure::request("--input-levels 0: allowed are odd numbers from 3 on"));
        }
        if self.output_levels == Some(0) {
            return Err(Failure::request("--output-levels 0: allowed are odd numbers from 3 on"));
        }
        let config = AwareConfig { weights, outputs };
        Aware::new(graph, config, key.child("hardware", 0)).map_err(|e| Failure::request(e.to_string()))
    }

    fn of_chip(&self, key: Key) -> Result<Disturbance, Failure> {
        let chip = named_chip(self.chip.as_deref().unwrap_or("pcm"), &Disk)?;
        chip.check()?;
        let age = self.age.as_deref().unwrap_or("20 s");
        let age_s = quantity::parse(age, Dimension::Second)
            .map_err(|e| Failure::request(format!("--age {age}: {e}")))?;
        if !(age_s >= 0.0 && age_s.is_finite()) {
            return Err(Failure::request(format!("--age {age}: a time cannot be negative")));
        }
        Ok(Disturbance::of_chip(&chip, age_s, key.child("chip", 0))?)
    }
}
