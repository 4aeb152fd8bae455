//! What a comparison says: one JSON line a case, and the file that keeps a run.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::Result;
use crate::agree::Check;
use crate::turns::{Turns, median};

/// One case at one thread count.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Name of the case.
    pub case: String,
    /// Threads that each side was given.
    pub threads: usize,
    /// Median seconds a call, the other tool.
    pub peer_s: f64,
    /// Median seconds a call, neurohm.
    pub ours_s: f64,
    /// `peer_s / ours_s`: above 1 neurohm is faster.
    pub ratio: f64,
    /// Whether every check holds.
    pub agree: bool,
    /// Shortest seconds a call, the other tool.
    pub peer_min_s: f64,
    /// Shortest seconds a call, neurohm.
    pub ours_min_s: f64,
    /// Turns a side.
    pub repeats: usize,
    /// Items a call, if the case has a rate, and what they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_call: Option<(f64, &'static str)>,
    /// Why the sides are expected to differ, where they are: a finding in the peer's README.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finding: Option<&'static str>,
    /// The checks that do not hold; the tightest one if all do.
    pub checks: Vec<Check>,
    /// How many there are.
    pub checked: usize,
    /// What else the case measured.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
}

/// What a case hands back.
pub struct Outcome {
    /// Timings.
    pub turns: Turns,
    /// Agreement.
    pub checks: Vec<Check>,
    /// Items a call and what they are.
    pub per_call: Option<(f64, &'static str)>,
    /// Known difference, by its title in the README.
    pub finding: Option<&'static str>,
    /// Other measurements.
    pub details: Map<String, Value>,
}

impl Outcome {
    /// Timings and checks, nothing else.
    pub fn new(turns: Turns, checks: Vec<Check>) -> Self {
        Self { turns, checks, per_call: None, finding: None, details: Map::new() }
    }
    /// Adds the items of a call.
    pub fn per_call(mut self, items: usize, what: &'static str) -> Self {
        self.per_call = Some((items as f64, what));
        self
    }
    /// Names the finding that explains a difference.
    pub fn finding(mut self, title: &'static str) -> Self {
        self.finding = Some(title);
        self
    }
    /// Adds a measurement.
    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}

impl Line {
    /// The line of an outcome.
    pub fn new(case: String, threads: usize, outcome: Outcome) -> Self {
        let Outcome { turns, mut checks, per_call, finding, details } = outcome;
        let (peer_s, ours_s) = (median(&turns.peer_s), median(&turns.ours_s));
        let least = |v: &[f64]| v.iter().copied().fold(f64::INFINITY, f64::min);
        let (agree, checked) = (!checks.is_empty() && checks.iter().all(Check::holds), checks.len());
        if agree {
            checks.sort_by(|a, b| a.room().total_cmp(&b.room()));
            checks.truncate(1);
        } else {
            checks.retain(|c| !c.holds());
            checks.truncate(8);
        }
        Self {
            case,
            threads,
            peer_s,
            ours_s,
            ratio: peer_s / ours_s,
            agree,
            peer_min_s: least(&turns.peer_s),
            ours_min_s: least(&turns.ours_s),
            repeats: turns.peer_s.len(),
            per_call,
            finding,
            checks,
            checked,
            details,
        }
    }
}

/// The machine, in words that name no host: the processor and how many of it the system shows.
fn machine() -> Value {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field =
        |name: &str| info.lines().find(|l| l.starts_with(name)).and_then(|l| l.split_once(": ")).map(|x| x.1);
    let features = field("flags").unwrap_or_default();
    let vectors: Vec<&str> = ["avx2", "fma", "avx512f", "avx512_bf16"]
        .into_iter()
        .filter(|f| features.split(' ').any(|x| x == *f))
        .collect();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    json!({
        "cpu": field("model name").unwrap_or(std::env::consts::ARCH),
        "family_model": [field("cpu family"), field("model\t")],
        "cpus": std::thread::available_parallelism().map_or(1, usize::from),
        "vector_extensions": vectors,
        "system": std::env::consts::OS,
        // Another program's work shows here: a run on a quiet machine starts near 0.
        "load_before": load.split(' ').next().and_then(|l| l.parse::<f64>().ok()),
    })
}

/// The file that keeps a run: a header line with machine and versions, then one line a case.
pub struct Recording {
    path: PathBuf,
    text: String,
}

impl Recording {
    /// A run of one peer on one date (`YYYY-MM-DD`, given by whoever runs: the clock is not asked).
    pub fn begin(folder: &Path, peer: &str, date: &str, about: &Value) -> Result<Self> {
        let header = json!({
            "peer": peer,
            "date": date,
            "neurohm": env!("CARGO_PKG_VERSION"),
            "machine": machine(),
            "versions": about,
        });
        Ok(Self { path: folder.join(format!("{peer}-{date}.jsonl")), text: format!("{header}\n") })
    }

    /// Adds a case.
    pub fn add(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Writes the file, whole or not at all.
    pub fn end(self) -> Result<PathBuf> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let part = self.path.with_extension("part");
        fs::write(&part, self.text)?;
        fs::rename(&part, &self.path)?;
        Ok(self.path)
    }
}
