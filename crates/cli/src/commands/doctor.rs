//! `neurohm doctor`: is this machine fit, and where would results and datasets be.

use std::path::{Path, PathBuf};

use neurohm::data::{Limits, Source, load};
use neurohm::num::Unwatched;
use neurohm::num::simd::{Isa, isa};
use neurohm::studies::REGISTRY;
use neurohm::study::{Disk, Draft, Effort, RunFolder, execute};
use serde::Serialize;

use crate::failure::Failure;
use crate::terminal::{Columns, Style, Terminal};

/// One look at the machine.
#[derive(Serialize)]
struct Check {
    name: &'static str,
    state: State,
    found: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Good,
    /// Works, but something is missing that some commands want.
    Missing,
    Bad,
}

pub fn run(terminal: &Terminal) -> Result<(), Failure> {
    let mut checks = vec![
        check("version", State::Good, neurohm::VERSION.to_string()),
        check("system", State::Good, format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH)),
        instruction_set(),
        threads(),
        folder("temporary folder", &std::env::temp_dir()),
        folder("working folder", Path::new(".")),
    ];
    checks.extend(datasets());
    checks.push(computation());
    let failed = checks.iter().filter(|check| check.state == State::Bad).count();
    if terminal.json() {
        terminal.print_json(&checks)?;
    } else {
        let mut columns = Columns::new(&[]);
        for Check { name, state, found } in &checks {
            let (style, word) = match state {
                State::Good => (Style::Good, "ok"),
                State::Missing => (Style::Open, "-"),
                State::Bad => (Style::Bad, "BAD"),
            };
            columns.row([(style, word), (Style::Plain, *name), (Style::Plain, found.as_str())]);
        }
        terminal.print(&columns.show(terminal))?;
    }
    if failed > 0 {
        Err(Failure::failed(format!("{failed} of {} checks failed", checks.len())))
    } else {
        Ok(())
    }
}

fn check(name: &'static str, state: State, found: impl Into<String>) -> Check {
    Check { name, state, found: found.into() }
}

fn instruction_set() -> Check {
    let others: Vec<&str> = Isa::available().into_iter().map(Isa::name).collect();
    check(
        "instruction set",
        State::Good,
        format!("{} (this processor has {})", isa().name(), others.join(", ")),
    )
}

fn threads() -> Check {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let wish = std::env::var("RAYON_NUM_THREADS")
        .map_or_else(|_| String::new(), |n| format!(", RAYON_NUM_THREADS={n}"));
    check("threads", State::Good, format!("{} in use, {cores} cores{wish}", rayon::current_num_threads()))
}

fn folder(name: &'static str, dir: &Path) -> Check {
    match RunFolder::open(dir) {
        Ok(_) => check(name, State::Good, format!("{} can be written", dir.display())),
        Err(error) => check(name, State::Bad, error.to_string()),
    }
}

/// Datasets are looked for in `$NEUROHM_DATA`, else in `./data`; commands take them by path from anywhere.
fn datasets() -> Vec<Check> {
    let root = std::env::var_os("NEUROHM_DATA").map_or_else(|| PathBuf::from("data"), PathBuf::from);
    let look = |name, sub: &[&str], kind: fn(PathBuf) -> Source| {
        let found = sub.iter().map(|sub| root.join(sub)).find(|dir| dir.is_dir()).map(kind);
        match found.map(|source| (load(&source, Limits::test_only(Some(1)), &Unwatched), source)) {
            Some((Ok(_), source)) => check(name, State::Good, format!("--data {source}")),
            Some((Err(error), _)) => check(name, State::Missing, error.to_string()),
            None => check(
                name,
                State::Missing,
                format!("none in {} (set NEUROHM_DATA); any path will do", root.display()),
            ),
        }
    };
    vec![
        check("strokes", State::Good, "built in: --data strokes"),
        look("MNIST", &["mnist"], Source::Mnist),
        look("Fashion-MNIST", &["fashion-mnist"], Source::Mnist),
        look("CIFAR-10", &["cifar10", "cifar-10-batches-bin", "cifar10-jpeg"], Source::Cifar10),
    ]
}

/// The smallest run of the first study, on an ideal chip.
fn computation() -> Check {
    const NAME: &str = "computation";
    let run = || {
        let study = REGISTRY.first().map(|study| study.name().to_string());
        let draft = Draft { study, chip: Some("ideal".into()), effort: Effort::Smoke, ..Draft::default() };
        let (study, request) = draft.resolve(REGISTRY, &Disk)?;
        execute(study, &request, &Disk, &Unwatched)
    };
    match run() {
        Ok(finding) => {
            let merit = finding.record.scalars.get(&finding.record.merit);
            let value = merit.map_or(f64::NAN, |merit| merit.value);
            let state = if value.abs() < 1e-4 { State::Good } else { State::Bad };
            check(NAME, state, format!("error of products on an ideal chip: {value:.1e}"))
        }
        Err(error) => check(NAME, State::Bad, error.to_string()),
    }
}
