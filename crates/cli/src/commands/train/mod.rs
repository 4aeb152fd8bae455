//! `neurohm train MODEL`: a network from a dataset to an ONNX file, for exact products or for those of a chip.

mod curves;
mod hardware;
mod samples;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use neurohm::nn::train::{Checkpoint, Hardware, learn_ranges};
use neurohm::nn::{Digital, EpochReport, Graph, NnError, TrainConfig, Trainer, evaluate, onnx};
use neurohm::num::{Key, Unwatched, stats};
use neurohm::report::number::quantity;
use neurohm::study::{Disk, Inputs, RunFolder, remove_file, write_file};
use serde_json::json;

use curves::Curves;
use hardware::HardwareOptions;
use samples::Material;

use crate::failure::Failure;
use crate::progress::Progress;
use crate::terminal::Terminal;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  neurohm train mlp --data mnist:DIR
  neurohm train cnn --data strokes --epochs 5 -o digits.onnx
  neurohm train digits.onnx --data strokes --epochs 3 --rate 0.02 --weight-noise chip --chip pcm --clip 2.5
  neurohm train resnet32 --data cifar10:DIR --epochs 30 --shift 4 --flip

Noise on weights is new at every step: forward and backward products see it, the update goes to the clean
weights. After every epoch the run is kept in FILE.onnx.checkpoint; --resume goes on from there to the same
bits. Ctrl-C ends the training; the network of the best epoch that was finished is written all the same.")]
pub struct Options {
    /// The network: mlp, cnn, resnet8, resnet32, lstm or gru, or an ONNX file that is trained further
    model: String,
    /// Samples: mnist:DIR, cifar10:DIR, folder:DIR, npz:FILE (x_train, y_train, x_test, y_test) or strokes
    #[arg(long, value_name = "DATA")]
    data: String,
    /// The file to write [default: MODEL-DATA.onnx]
    #[arg(short, long, value_name = "FILE.onnx")]
    out: Option<PathBuf>,
    /// Length of an axis of the network's input that its file leaves open, NAME=N or INPUT.AXIS=N; may be repeated
    #[arg(long, value_name = "NAME=N", value_parser = crate::args::length)]
    shape: Vec<(String, usize)>,
    /// Times that every sample is seen
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    epochs: u32,
    /// Samples of a step
    #[arg(long, value_name = "N", default_value_t = TrainConfig::default().batch)]
    batch: usize,
    /// Highest learning rate
    #[arg(long, value_name = "NUMBER", default_value_t = TrainConfig::default().rate)]
    rate: f32,
    /// Shift images by up to so many pixels, another way each time they are seen
    #[arg(long, value_name = "PIXELS", default_value_t = 0)]
    shift: usize,
    /// Mirror half of the images left to right
    #[arg(long)]
    flip: bool,
    /// Keep weights within so many standard deviations of their layer
    #[arg(long, value_name = "NUMBER")]
    clip: Option<f32>,
    /// Learn from all training samples but this part of them, on which the best epoch is chosen
    #[arg(long, value_name = "PART", value_parser = part)]
    validation: Option<f64>,
    /// End when the validation samples have seen no better epoch for so many
    #[arg(long, value_name = "EPOCHS", requires = "validation", value_parser = clap::value_parser!(u32).range(1..))]
    patience: Option<u32>,
    /// Go on from the checkpoint beside the file to write
    #[arg(long)]
    resume: bool,
    /// Write a page of loss and accuracy over epochs, with their numbers as CSV files, into DIR
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Seed of initial weights, order, shifts and noise
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    hardware: HardwareOptions,
}

fn part(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(part) if part > 0.0 && part < 1.0 => Ok(part),
        _ => Err("give a part between 0 and 1, such as 0.1".to_owned()),
    }
}

/// A run as it stands.
struct Run {
    trainer: Trainer,
    epochs: Vec<(EpochReport, Option<f64>)>,
    best: Option<(usize, Graph)>,
}

pub fn run(options: Options, terminal: &Terminal) -> Result<(), Failure> {
    let file = options.model.ends_with(".onnx");
    let stem = if file { super::carry_out::stem(&options.model).to_owned() } else { options.model.clone() };
    let kind = options.data.split(':').next().unwrap_or_default();
    let out = options.out.clone().unwrap_or_else(|| PathBuf::from(format!("{stem}-{kind}.onnx")));
    if !file && !options.shape.is_empty() {
        return Err(Failure::request(
            "--shape has no effect on a network that is no ONNX file: it takes samples as they are",
        ));
    }
    writable(&out)?;
    if let Some(dir) = &options.report {
        RunFolder::open(dir)?;
    }
    if file && same_file(Path::new(&options.model), &out) {
        let message = format!("{} is read and would be written over; name another file by -o", out.display());
        return Err(Failure::request(message));
    }
    let config = config(&options);
    config.check().map_err(|error| Failure::request(error.to_string()))?;

    let progress = Progress::new(terminal);
    let key = Key::root(options.seed);
    let mut material =
        Material::load(&options.model, &options.shape, &options.data, key, options.validation, &progress)?;
    if (options.shift > 0 || options.flip) && material.channels_first {
        return Err(Failure::request(
            "--shift and --flip need a network that takes channels last, and this one takes them first",
        ));
    }
    if let Some(levels) = options.hardware.inputs() {
        let mut graph = material.graph.clone();
        learn_ranges(&mut graph, material.learn().x, levels).map_err(|e| Failure::request(e.to_string()))?;
        material.graph = graph;
    }
    let aware =
        options.hardware.any().then(|| options.hardware.hardware(&material.graph, key)).transpose()?;
    let hardware: &dyn Hardware = aware.as_ref().map_or(&Digital, |aware| aware);
    let of = settings(&options, &material);
    let kept = checkpoint(&out);
    let training = key.child("training", 0);
    let mut run = if options.resume {
        resumed(&kept, &of, config.clone(), training)?
    } else {
        Run {
            trainer: Trainer::new(material.graph.clone(), config.clone(), training)?,
            epochs: Vec::new(),
            best: None,
        }
    };
    let mut cancelled = false;
    while !run.trainer.finished() && !tired(&run.epochs, options.patience) {
        match run.trainer.epoch(material.learn(), hardware, &progress) {
            Ok(report) => {
                // What is judged and written is what hardware will hold.
                let graph = run.trainer.graph();
                let graph = aware.as_ref().map_or_else(|| graph.clone(), |aware| aware.settled(graph));
                let seen = material.validation().map(|data| evaluate(&graph, data, &Digital, &Unwatched));
                let seen = seen.transpose()?;
                progress.say(&epoch(&report, seen));
                let better = run.epochs.iter().all(|(e, v)| match (seen, v) {
                    (Some(seen), Some(v)) => seen > *v,
                    _ => report.loss <= e.loss,
                });
                run.epochs.push((report, seen));
                if better {
                    run.best = Some((report.epoch, graph));
                }
                keep(&kept, &of, &run)?;
            }
            Err(NnError::Cancelled(_)) => {
                cancelled = true;
                break;
            }
            Err(error) => {
                return Err(match run.best {
                    Some((best, graph)) => {
                        write_file(&out, &onnx::write(&graph)?)?;
                        let file = out.display();
                        Failure::failed(format!("{error}; the network after epoch {best} is kept in {file}"))
                    }
                    None => error.into(),
                });
            }
        }
    }
    progress.finish();
    let Some((best, graph)) = run.best else {
        return Err(Failure::failed("cancelled before the first epoch was finished; nothing was written"));
    };

    // After Ctrl-C this must still come to its end.
    let accuracy = evaluate(&graph, material.test(), &Digital, &Unwatched)?;
    write_file(&out, &onnx::write(&graph)?)?;
    let n = material.test().labels.len() as u64;
    let interval = stats::wilson95((accuracy * n as f64).round() as u64, n);
    let ci95 = [100.0 * interval.low, 100.0 * interval.high];
    let accuracy = 100.0 * accuracy;
    if let Some(dir) = &options.report {
        let (epochs, accuracy) = (&run.epochs, (accuracy, ci95));
        let curves = Curves { epochs, best, accuracy, settings: &of, seed: options.seed };
        curves.write(dir, terminal)?;
    }
    if cancelled {
        let (file, accuracy) = (out.display(), quantity(accuracy, Some(ci95), "%"));
        return Err(Failure::failed(format!(
            "cancelled; the network after epoch {best} of {} is kept in {file} (test accuracy {accuracy})",
            config.epochs
        ))
        .help("the same command with --resume goes on from the last epoch that was finished"));
    }
    // It has come to its end, and there is nothing to go on with.
    remove_file(&kept)?;
    if terminal.json() {
        let reports: Vec<_> = run.epochs.iter().map(|(report, _)| report).collect();
        let validation: Vec<_> = run.epochs.iter().map(|(_, seen)| seen).collect();
        return terminal.print_json(&json!({
            "model": options.model,
            "data": options.data,
            "file": out,
            "epoch": best,
            "epochs": reports,
            "validation_accuracy": validation,
            "scalars": { "test_accuracy": { "value": accuracy, "ci95": ci95, "unit": "%" } },
            "parameters": graph.params.iter().map(|p| p.data.len()).sum::<usize>(),
            "settings": of,
            "seed": options.seed,
            "version": neurohm::VERSION,
        }));
    }
    let accuracy = quantity(accuracy, Some(ci95), "%");
    terminal.print(&format!("test accuracy {accuracy} on {n} samples\n{}\n", out.display()))
}

/// The checkpoint beside a file.
fn checkpoint(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".checkpoint");
    PathBuf::from(name)
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Everything that the run depends on, by name.
fn settings(options: &Options, material: &Material) -> BTreeMap<String, String> {
    let always = [
        ("network", material.network.clone()),
        ("data", format!("{} ({})", options.data, material.said)),
        ("epochs", options.epochs.to_string()),
        ("batch", options.batch.to_string()),
        ("rate", options.rate.to_string()),
        ("shift", options.shift.to_string()),
        ("flip", options.flip.to_string()),
        ("seed", options.seed.to_string()),
        ("version of neurohm", neurohm::VERSION.to_owned()),
    ];
    let chosen = [
        ("clip", options.clip.map(|v| v.to_string())),
        ("shape", (!options.shape.is_empty()).then(|| format!("{:?}", options.shape))),
        ("validation", options.validation.map(|v| v.to_string())),
        ("patience", options.patience.map(|v| v.to_string())),
    ];
    let chosen = chosen.into_iter().filter_map(|(name, value)| value.map(|value| (name, value)));
    always
        .into_iter()
        .chain(chosen)
        .chain(options.hardware.settings())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn resumed(
    file: &Path,
    of: &BTreeMap<String, String>,
    config: TrainConfig,
    key: Key,
) -> Result<Run, Failure> {
    let named = |text: String| Failure::request(format!("{}: {text}", file.display()));
    let bytes = Disk.bytes(&file.to_string_lossy()).map_err(|e| {
        Failure::request(e.to_string())
            .help("--resume goes on from the checkpoint that the same command left there")
    })?;
    let kept = Checkpoint::from_bytes(&bytes).map_err(|e| named(e.to_string()))?;
    kept.belongs_to(of).map_err(|e| named(e.to_string()))?;
    let mut trainer = Trainer::new(kept.graph, config, key)?;
    trainer.resume(kept.state).map_err(|e| named(e.to_string()))?;
    Ok(Run { trainer, epochs: kept.epochs, best: kept.best })
}

fn keep(file: &Path, of: &BTreeMap<String, String>, run: &Run) -> Result<(), Failure> {
    let kept = Checkpoint {
        of: of.clone(),
        graph: run.trainer.graph().clone(),
        state: run.trainer.state().clone(),
        epochs: run.epochs.clone(),
        best: run.best.clone(),
    };
    Ok(write_file(file, &kept.to_bytes()?)?)
}

/// Whether the last so many epochs were no better than one before.
fn tired(epochs: &[(EpochReport, Option<f64>)], patience: Option<u32>) -> bool {
    let Some(patience) = patience else { return false };
    let seen: Vec<f64> = epochs.iter().filter_map(|(_, seen)| *seen).collect();
    let best = seen.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let first = seen.iter().position(|v| *v == best).unwrap_or(0);
    seen.len() > first + patience as usize
}

/// Proves before the training that the file can be written after it.
fn writable(file: &Path) -> Result<(), Failure> {
    if file.is_dir() {
        return Err(Failure::request(format!("{} is a folder; name a file", file.display())));
    }
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !parent.is_dir() {
        let message = format!("cannot write {}: there is no folder {}", file.display(), parent.display());
        return Err(Failure::request(message));
    }
    RunFolder::open(parent)?;
    Ok(())
}

fn config(options: &Options) -> TrainConfig {
    let mut config = TrainConfig {
        epochs: options.epochs as usize,
        batch: options.batch,
        rate: options.rate,
        ..TrainConfig::default()
    };
    config.augment.shift = options.shift;
    config.augment.flip = options.flip;
    config.clip = options.clip;
    config
}

fn epoch(report: &EpochReport, validation: Option<f64>) -> String {
    let EpochReport { epoch, epochs, loss, accuracy, rate, .. } = report;
    let wide = epochs.to_string().len();
    let accuracy = 100.0 * accuracy;
    let seen =
        validation.map_or_else(String::new, |seen| format!("   validation accuracy {:.2} %", 100.0 * seen));
    format!(
        "epoch {epoch:>wide$} of {epochs}   loss {loss:.4}   training accuracy {accuracy:.2} %{seen}   rate {rate:.2e}"
    )
}
