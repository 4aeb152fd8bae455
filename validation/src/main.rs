//! `compare`: the other tool and neurohm on the same cases, in turn, in one run. One JSON line a case and
//! thread count on standard output; see `validation/README.md`.

mod agree;
mod aihwkit;
mod badcrossbar;
mod chain;
mod crossbar;
mod ngspice;
mod onnxruntime;
mod peer;
mod pytorch;
mod record;
mod turns;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use crate::peer::Peer;
use crate::record::{Line, Outcome, Recording};

/// Anything that stops a comparison, in words.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A case: its name and what runs it.
pub type Case = (&'static str, fn(&mut Bench) -> Result<Outcome>);

/// What a case works with.
pub struct Bench {
    /// The other tool, started with this bench's thread count.
    pub peer: Peer,
    /// Threads of each side.
    pub threads: usize,
    /// Turns a side.
    pub repeats: usize,
    /// Folder of datasets.
    pub data: PathBuf,
    /// Our threads.
    pub pool: rayon::ThreadPool,
}

/// The tools we stand beside.
#[derive(Clone, Copy, ValueEnum)]
enum Tool {
    /// IBM's analog hardware kit: products, programming, drift, accuracy over time.
    Aihwkit,
    /// PyTorch: training and inference in float.
    Pytorch,
    /// onnxruntime: the same networks in float.
    Onnxruntime,
    /// ngspice: loops of single devices and crossbars, on netlists that we write.
    Ngspice,
    /// badcrossbar: crossbars with resistance on their lines.
    Badcrossbar,
}

impl Tool {
    fn name(self) -> &'static str {
        match self {
            Tool::Aihwkit => "aihwkit",
            Tool::Pytorch => "pytorch",
            Tool::Onnxruntime => "onnxruntime",
            Tool::Ngspice => "ngspice",
            Tool::Badcrossbar => "badcrossbar",
        }
    }

    fn cases(self) -> &'static [Case] {
        match self {
            Tool::Aihwkit => aihwkit::CASES,
            Tool::Pytorch => pytorch::CASES,
            Tool::Onnxruntime => onnxruntime::CASES,
            Tool::Ngspice => ngspice::CASES,
            Tool::Badcrossbar => badcrossbar::CASES,
        }
    }
}

/// Runs another tool and neurohm on the same cases, in turn, and says how fast each is and whether they agree.
#[derive(Parser)]
struct Arguments {
    /// The tool to stand beside.
    tool: Tool,
    /// A Python that has the tool installed (see the tool's README).
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Only cases whose name starts so.
    #[arg(long, default_value = "")]
    case: String,
    /// Turns a side.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..))]
    repeats: u16,
    /// Thread counts.
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    threads: Vec<usize>,
    /// Folder of datasets (default: $NEUROHM_DATA, else ../shared/data beside the workspace).
    #[arg(long)]
    data: Option<PathBuf>,
    /// Keep the lines in validation/runs/TOOL-DATE.jsonl.
    #[arg(long, requires = "date")]
    record: bool,
    /// The date of the run, YYYY-MM-DD.
    #[arg(long)]
    date: Option<String>,
    /// Show what the other tool prints.
    #[arg(long)]
    loud: bool,
    /// Only name the cases.
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(e) => {
            let _ = writeln!(std::io::stderr(), "error: {e}");
            ExitCode::from(2)
        }
    }
}

/// The root of the workspace this was built from: the peers' scripts and the recorded runs lie in it.
fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs the cases asked for; true if all agree or differ by a known finding.
fn run(arguments: &Arguments) -> Result<bool> {
    let tool = arguments.tool;
    let mut out = std::io::stdout().lock();
    let chosen: Vec<&Case> = tool.cases().iter().filter(|c| c.0.starts_with(&arguments.case)).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = tool.cases().iter().map(|c| c.0).collect();
        return Err(
            format!("no case starts with {:?}; there are {}", arguments.case, names.join(", ")).into()
        );
    }
    if arguments.list {
        for case in chosen {
            writeln!(out, "{}", case.0)?;
        }
        return Ok(true);
    }
    let script = workspace().join("validation").join(tool.name()).join("peer.py");
    let data = arguments.data.clone().or_else(|| std::env::var_os("NEUROHM_DATA").map(PathBuf::from));
    let mut benches = Vec::new();
    for &threads in &arguments.threads {
        benches.push(Bench {
            peer: Peer::start(&arguments.python, &script, threads, arguments.loud)?,
            threads,
            repeats: usize::from(arguments.repeats),
            data: data.clone().unwrap_or_else(|| workspace().join("../shared/data")),
            pool: rayon::ThreadPoolBuilder::new().num_threads(threads).build()?,
        });
    }
    let first = benches.first_mut().ok_or("--threads names no thread count")?;
    let about = first.peer.about()?;
    let runs = workspace().join("validation/runs");
    let mut recording = match (&arguments.date, arguments.record) {
        (Some(date), true) => Some(Recording::begin(&runs, tool.name(), date, &about)?),
        _ => None,
    };
    let mut good = true;
    for (name, case) in chosen {
        for bench in &mut benches {
            let outcome = case(bench).map_err(|e| format!("{name}, {} threads: {e}", bench.threads))?;
            let line = Line::new((*name).to_owned(), bench.threads, outcome);
            good &= line.agree != line.finding.is_some();
            let text = serde_json::to_string(&line)?;
            writeln!(out, "{text}")?;
            out.flush()?;
            if let Some(r) = &mut recording {
                r.add(&text);
            }
        }
    }
    if let Some(r) = recording {
        let path = r.end()?;
        writeln!(std::io::stderr(), "recorded in {}", path.display())?;
    }
    Ok(good)
}
