//! `neurohm train MODEL`: a small network from a dataset to an ONNX file.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use neurohm::data::{Limits, Samples, Source, load};
use neurohm::nn::{
    Digital, EpochReport, Graph, Labelled, NnError, TrainConfig, evaluate, models, onnx, train,
};
use neurohm::num::{Key, Unwatched, Watch, stats};
use neurohm::report::number::quantity;
use neurohm::study::{RunFolder, write_file};
use serde_json::json;

use crate::failure::Failure;
use crate::progress::Progress;
use crate::terminal::Terminal;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  neurohm train mlp --data mnist:DIR
  neurohm train cnn --data strokes --epochs 5 -o digits.onnx

Ctrl-C ends the training; the network of the best epoch that was finished is written all the same.")]
pub struct Options {
    /// The network
    #[arg(value_parser = models::NAMES)]
    model: String,
    /// Samples: mnist:DIR, cifar10:DIR, folder:DIR, npz:FILE (x_train, y_train, x_test, y_test) or strokes
    #[arg(long, value_name = "DATA")]
    data: String,
    /// The file to write [default: MODEL-DATA.onnx]
    #[arg(short, long, value_name = "FILE.onnx")]
    out: Option<PathBuf>,
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
    /// Seed of initial weights, order and shifts
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// The network of the best epoch so far.
struct Best {
    report: EpochReport,
    graph: Graph,
}

pub fn run(options: Options, terminal: &Terminal) -> Result<(), Failure> {
    let source: Source = options.data.parse()?;
    let kind = options.data.split(':').next().unwrap_or_default();
    let out = options.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}-{kind}.onnx", options.model)));
    writable(&out)?;

    let progress = Progress::new(terminal);
    let dataset = load(&source, Limits::default(), &progress)?;
    let labelled = |samples: &Option<Samples>, what: &str| {
        let failure = || Failure::request(format!("{} has no {what}, and training needs them", options.data));
        let samples = samples.clone().filter(|samples| !samples.is_empty()).ok_or_else(failure)?;
        let labels = samples.y.clone().ok_or_else(failure)?;
        Ok::<_, Failure>((samples, labels))
    };
    let (train_samples, train_labels) = labelled(&dataset.train, "training samples with labels")?;
    let (test_samples, test_labels) = labelled(&Some(dataset.test.clone()), "test samples with labels")?;
    let classes = dataset.class_count().unwrap_or(0);

    let key = Key::root(options.seed);
    let mut graph = models::by_name(&options.model, &train_samples.shape, classes, key.child("model", 0))?;
    let config = config(&options);
    config.check().map_err(|error| Failure::request(error.to_string()))?;
    let data = Labelled { x: train_samples.rows(), labels: &train_labels };
    let mut best: Option<Best> = None;
    let mut reports = Vec::new();
    progress.begin(&title(&options.model, 1, config.epochs), Some(data.labels.len() as u64));
    let outcome = train(&mut graph, data, &config, key.child("training", 0), &progress, |report, graph| {
        progress.say(&epoch(report));
        reports.push(*report);
        if best.as_ref().is_none_or(|best| report.loss <= best.report.loss) {
            best = Some(Best { report: *report, graph: graph.clone() });
        }
        if report.epoch < report.epochs {
            let next = title(&options.model, report.epoch + 1, report.epochs);
            progress.begin(&next, Some(data.labels.len() as u64));
        }
        ControlFlow::Continue(())
    });
    progress.finish();
    let cancelled = match outcome {
        Ok(_) => false,
        Err(NnError::Cancelled(_)) => true,
        Err(error) => return Err(error.into()),
    };
    let Some(best) = best else {
        return Err(Failure::failed("cancelled before the first epoch was finished; nothing was written"));
    };

    // After Ctrl-C this must still come to its end.
    let test = Labelled { x: test_samples.rows(), labels: &test_labels };
    let accuracy = evaluate(&best.graph, test, &Digital, &Unwatched)?;
    write_file(&out, &onnx::write(&best.graph)?)?;
    let n = test_labels.len() as u64;
    let interval = stats::wilson95((accuracy * n as f64).round() as u64, n);
    let ci95 = [100.0 * interval.low, 100.0 * interval.high];
    let accuracy = 100.0 * accuracy;
    if cancelled {
        let (done, file) = (best.report.epoch, out.display());
        let accuracy = quantity(accuracy, Some(ci95), "%");
        return Err(Failure::failed(format!(
            "cancelled; the network after epoch {done} of {} is kept in {file} (test accuracy {accuracy})",
            config.epochs
        )));
    }
    if terminal.json() {
        return terminal.print_json(&json!({
            "model": options.model,
            "data": options.data,
            "file": out,
            "epoch": best.report.epoch,
            "epochs": reports,
            "scalars": { "test_accuracy": { "value": accuracy, "ci95": ci95, "unit": "%" } },
            "parameters": best.graph.params.iter().map(|p| p.data.len()).sum::<usize>(),
            "seed": options.seed,
            "version": neurohm::VERSION,
        }));
    }
    let accuracy = quantity(accuracy, Some(ci95), "%");
    terminal.print(&format!("test accuracy {accuracy} on {n} samples\n{}\n", out.display()))
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
    config
}

fn title(model: &str, epoch: usize, epochs: usize) -> String {
    format!("{model}, epoch {epoch} of {epochs}")
}

fn epoch(report: &EpochReport) -> String {
    let EpochReport { epoch, epochs, loss, accuracy, rate, .. } = report;
    let wide = epochs.to_string().len();
    let accuracy = 100.0 * accuracy;
    format!(
        "epoch {epoch:>wide$} of {epochs}   loss {loss:.4}   training accuracy {accuracy:.2} %   rate {rate:.2e}"
    )
}
