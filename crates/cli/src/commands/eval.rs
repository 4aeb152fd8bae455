//! `neurohm eval MODEL.onnx`: a trained network of the user's own on a chip, over time.

use neurohm::study::Draft;
use toml::{Table, Value};

use super::carry_out::{self, Form};
use crate::args::{RunOptions, quoted};
use crate::failure::Failure;
use crate::terminal::Terminal;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  neurohm eval digits.onnx --data mnist:DIR --chip pcm --times 20s,1h,1day,1month,1year
  neurohm eval resnet.onnx --data npz:test.npz --chip ideal --out check    writes check/outputs.npy")]
pub struct Options {
    /// The network, as ONNX
    #[arg(value_name = "MODEL.onnx")]
    model: String,
    /// Samples: mnist:DIR, cifar10:DIR, folder:DIR, npz:FILE (x, and y if there are labels) or strokes
    #[arg(long, value_name = "DATA")]
    data: String,
    /// Chip: a preset, a device's name (the default chip with it), the path of a description, or ideal (no
    /// converters, no noise, no wires)
    #[arg(long, value_name = "CHIP", default_value = "pcm")]
    chip: String,
    /// Device to put on the chip: a preset or the path of a description
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Times after programming at which the network is run, such as 20s,1h,1day
    #[arg(long, value_name = "TIMES", value_delimiter = ',')]
    times: Vec<String>,
    /// Time whose accuracy and outputs are the result [default: the last of --times, or one day]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Mean of each channel, taken off the samples (which are in 0..1), such as 0.485,0.456,0.406
    #[arg(
        long,
        value_name = "NUMBERS",
        value_delimiter = ',',
        requires = "std",
        allow_negative_numbers = true
    )]
    mean: Vec<f64>,
    /// Standard deviation of each channel, by which the samples are then divided
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', requires = "mean")]
    std: Vec<f64>,
    /// Run at most so many samples [default: all]
    #[arg(long, value_name = "N")]
    images: Option<u32>,
    /// Length of an axis of the network's input that its file leaves open, NAME=N or INPUT.AXIS=N; may be repeated
    #[arg(long, value_name = "NAME=N", value_parser = crate::args::length)]
    shape: Vec<(String, usize)>,
    /// Show at most so many training samples to converters that take their range from data, and to --recalibrate
    /// [default: 128]
    #[arg(long, value_name = "N")]
    calibration: Option<u32>,
    /// Keep this layer off the chip, and exact; may be repeated (`neurohm cost MODEL.onnx` lists the layers)
    #[arg(long, value_name = "LAYER")]
    digital: Vec<String>,
    /// Keep batch norms in the digital side instead of folding them into weights
    #[arg(long)]
    digital_batch_norm: bool,
    /// At each time, take the statistics of batch norms anew on the chip, from training samples
    #[arg(long)]
    recalibrate: bool,
    /// Also switch non-idealities off in turn
    #[arg(long)]
    ablation: bool,
    #[command(flatten)]
    run: RunOptions,
}

pub fn run(options: Options, terminal: &Terminal) -> Result<(), Failure> {
    let draft = Draft {
        study: Some("inference".into()),
        chip: Some(options.chip.clone()),
        device: options.device.clone(),
        config: config(&options),
        ablate: Some(options.ablation),
        command: Some(command(&options)),
        ..carry_out::draft(&options.run)
    };
    let model = carry_out::stem(&options.model);
    let name = format!("eval-{model}-{}", carry_out::stem(&options.chip));
    let form = Form::Record { subject: Some(model.to_string()) };
    carry_out::carry_out(&draft, form, &name, options.run.out.as_deref(), terminal)
}

/// The settings of the study that the options stand for, each with the option.
fn config(options: &Options) -> Vec<(String, Table)> {
    let text = |text: &str| Value::String(text.trim().to_string());
    let numbers = |of: &[f64]| Value::Array(of.iter().map(|v| Value::Float(*v)).collect());
    let words = |of: &[f64]| of.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
    let mut config = Vec::new();
    let mut put = |option: String, settings: Vec<(&str, Value)>| {
        config.push((option, settings.into_iter().map(|(key, v)| (key.to_string(), v)).collect()));
    };
    put(options.model.clone(), vec![("model", text(&options.model))]);
    put(format!("--data {}", options.data), vec![("data", text(&options.data))]);
    // A user's network is run on all samples: outputs.npy must have as many rows as x.
    let images = options.images.map_or(i64::from(i32::MAX), i64::from);
    put(format!("--images {images}"), vec![("images", Value::Integer(images))]);
    if let Some(last) = options.times.last() {
        let times = Value::Array(options.times.iter().map(|t| text(t)).collect());
        put(format!("--times {}", options.times.join(",")), vec![("times", times), ("at", text(last))]);
    }
    if let Some(at) = &options.at {
        put(format!("--at {at}"), vec![("at", text(at))]);
    }
    if !options.shape.is_empty() {
        let lengths = options.shape.iter().map(|(name, n)| (name.clone(), Value::Integer(*n as i64)));
        let option = options.shape.iter().map(|(name, n)| format!("--shape {name}={n}"));
        let option = option.collect::<Vec<_>>().join(" ");
        put(option, vec![("lengths", Value::Table(lengths.collect()))]);
    }
    if let Some(samples) = options.calibration {
        put(format!("--calibration {samples}"), vec![("calibration", Value::Integer(samples.into()))]);
    }
    if !options.digital.is_empty() {
        let layers = Value::Array(options.digital.iter().map(|layer| Value::String(layer.clone())).collect());
        put(format!("--digital {}", options.digital.join(" --digital ")), vec![("digital", layers)]);
    }
    if options.digital_batch_norm {
        put("--digital-batch-norm".to_string(), vec![("batch_norm", text("digital"))]);
    }
    if options.recalibrate {
        let settings = vec![("batch_norm", text("digital")), ("recalibrate", Value::Boolean(true))];
        put("--recalibrate".to_string(), settings);
    }
    if !options.mean.is_empty() {
        let normalise =
            [("mean".to_string(), numbers(&options.mean)), ("sd".to_string(), numbers(&options.std))];
        let option = format!("--mean {} --std {}", words(&options.mean), words(&options.std));
        put(option, vec![("normalise", Value::Table(normalise.into_iter().collect()))]);
    }
    config
}

fn command(options: &Options) -> String {
    let mut words: Vec<String> =
        ["neurohm", "eval", &options.model, "--data", &options.data, "--chip", &options.chip]
            .map(str::to_string)
            .into();
    let mut option = |name: &str, value: String| words.extend([name.to_string(), value]);
    let numbers = |of: &[f64]| of.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
    if let Some(device) = &options.device {
        option("--device", device.clone());
    }
    if !options.times.is_empty() {
        option("--times", options.times.join(","));
    }
    if let Some(at) = &options.at {
        option("--at", at.clone());
    }
    if !options.mean.is_empty() {
        option("--mean", numbers(&options.mean));
        option("--std", numbers(&options.std));
    }
    if let Some(images) = options.images {
        option("--images", images.to_string());
    }
    options.shape.iter().for_each(|(name, n)| option("--shape", format!("{name}={n}")));
    if let Some(samples) = options.calibration {
        option("--calibration", samples.to_string());
    }
    options.digital.iter().for_each(|layer| option("--digital", layer.clone()));
    words.extend(options.digital_batch_norm.then(|| "--digital-batch-norm".to_string()));
    words.extend(options.recalibrate.then(|| "--recalibrate".to_string()));
    words.extend(options.ablation.then(|| "--ablation".to_string()));
    words.extend(carry_out::deciding(&options.run, None));
    quoted(words)
}
