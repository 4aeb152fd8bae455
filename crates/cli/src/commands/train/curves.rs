//! What a training run looked like, as a page.

use std::collections::BTreeMap;
use std::path::Path;

use neurohm::nn::EpochReport;
use neurohm::study::experiment::{Findings, plain};
use neurohm::study::record::{Axis, Better, Cell, Column, Line, Record, Series, Table};
use neurohm::study::{Finding, RunFolder};

use crate::args::quoted;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// A run and what came of it.
pub struct Curves<'a> {
    /// Each epoch, and what it reached on samples that it did not learn from.
    pub epochs: &'a [(EpochReport, Option<f64>)],
    /// The epoch whose network was written.
    pub best: usize,
    /// Accuracy on the test samples and its 95 % interval, %.
    pub accuracy: (f64, [f64; 2]),
    /// All that the run depends on, by name.
    pub settings: &'a BTreeMap<String, String>,
    /// Seed of all randomness.
    pub seed: u64,
}

const ABOUT: &str = "How a network learned, epoch by epoch. Loss and accuracy of training samples are those of the samples as they \
                     were seen: shifted and mirrored where that was asked for, through the noise that the network was trained \
                     with, and by weights that moved on from batch to batch. The network that was written is that of the best \
                     epoch.";

impl Curves<'_> {
    /// Writes the page and its tables into `dir`.
    pub fn write(&self, dir: &Path, terminal: &Terminal) -> Result<(), Failure> {
        let record = self.record();
        let page = neurohm::report::html(std::slice::from_ref(&record), &record.title)?;
        let folder = RunFolder::open(dir)?;
        let report = folder.path().join("report.html");
        folder.write(&[Finding { record, files: Vec::new() }], Some(&page))?;
        terminal.tell(&format!("Wrote {}.", report.display()));
        Ok(())
    }

    fn record(&self) -> Record {
        let x: Vec<f64> = self.epochs.iter().map(|(e, _)| e.epoch as f64).collect();
        let of =
            |y: &dyn Fn(&EpochReport) -> f64| self.epochs.iter().map(|(e, _)| y(e)).collect::<Vec<f64>>();
        let mut found = Findings::default();
        let series = |name: &str, caption: &str, y: Axis, lines: Vec<Line>| Series {
            name: name.into(),
            caption: caption.into(),
            x: Axis::linear("epoch", "1"),
            y,
            lines,
        };
        let loss = vec![Line::new("training", x.clone(), of(&|e| e.loss))];
        found.series.push(series(
            "loss",
            "Mean loss of the samples of an epoch.",
            Axis::logarithmic("loss", "1"),
            loss,
        ));
        let mut lines = vec![Line::new("training", x.clone(), of(&|e| 100.0 * e.accuracy))];
        let seen: Option<Vec<f64>> = self.epochs.iter().map(|(_, seen)| seen.map(|v| 100.0 * v)).collect();
        lines.extend(seen.clone().map(|seen| Line::new("validation", x.clone(), seen)));
        let caption =
            "Samples of an epoch that were classified rightly, and of those that nothing was learnt from.";
        found.series.push(series("accuracy", caption, Axis::linear("accuracy", "%"), lines));
        let rate = vec![Line::new("rate", x, of(&|e| f64::from(e.rate)))];
        let caption = "Learning rate of the last step of each epoch.";
        found.series.push(series("rate", caption, Axis::logarithmic("learning rate", "1"), rate));
        found.tables.push(self.settings());
        let (value, ci95) = self.accuracy;
        let about = "test samples that the written network classifies rightly, digitally";
        found.scalar("test_accuracy", value, Some(ci95), "%", Some(Better::Higher), about);
        found.number("epoch", self.best as f64, "1", "the epoch whose network was written");
        if let Some((last, _)) = self.epochs.last() {
            found.number("loss", last.loss, "1", "mean loss of the last epoch");
        }
        let words = std::iter::once("neurohm".to_string()).chain(std::env::args().skip(1));
        let title = "Training";
        plain("train", title, ABOUT, "test_accuracy", &quoted(words), self.seed, found)
    }

    fn settings(&self) -> Table {
        let text = |text: &str| Cell::Text(text.into());
        Table {
            name: "settings".into(),
            caption: "All that the run depends on.".into(),
            columns: ["setting", "value"]
                .map(|name| Column { name: name.into(), unit: String::new() })
                .into(),
            rows: self.settings.iter().map(|(name, value)| vec![text(name), text(value)]).collect(),
        }
    }
}
