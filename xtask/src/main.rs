//! The project's chores, as one program: `cargo xtask test` is what a developer and CI both run.
//!
//! Rust checks always run. Checks that need another tool (a browser, Python with onnxruntime, cargo-deny)
//! run where the tool is present and are named as skipped where it is not.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

const USAGE: &str = "usage: cargo xtask test [--quick]
       cargo xtask build-report

  test            formatting, lints, all tests, docs, and the checks whose tools are present
  test --quick    formatting, lints and tests only
  build-report    size of the release binary and CPU time of a clean release build";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["test"] => test(false),
        ["test", "--quick"] => test(true),
        ["build-report"] => build_report(),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_owned()
}

fn command<S: AsRef<OsStr>>(program: S) -> Command {
    let mut c = Command::new(program);
    c.current_dir(root());
    c
}

fn cargo(arguments: &str) -> Command {
    let mut c = command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    c.args(arguments.split_whitespace());
    c
}

/// Runs a step, names it, and turns a failure into an error that names it too.
fn step(name: &str, c: &mut Command) -> Result<(), String> {
    eprintln!("== {name}");
    let begin = Instant::now();
    let status = c.status().map_err(|e| format!("{name}: cannot start {:?}: {e}", c.get_program()))?;
    if !status.success() {
        return Err(format!("{name}: failed ({status})"));
    }
    eprintln!("== {name}: done in {:.0} s", begin.elapsed().as_secs_f64());
    Ok(())
}

fn skip(name: &str, why: &str) {
    eprintln!("== {name}: SKIPPED, {why}");
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    let status = command(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|s| s.success())
}

fn test(quick: bool) -> Result<(), String> {
    step("formatting", &mut cargo("fmt --all --check"))?;
    step("lints", &mut cargo("clippy --workspace --all-targets --quiet -- -D warnings"))?;
    step("tests", &mut cargo("test --workspace --quiet"))?;
    if quick {
        return Ok(());
    }
    step("documentation", cargo("doc --workspace --no-deps --quiet").env("RUSTDOCFLAGS", "-D warnings"))?;
    if runs("cargo", &["deny", "--version"]) {
        step("licences and advisories", &mut cargo("deny --offline check bans licenses sources"))?;
    } else {
        skip("licences and advisories", "cargo-deny is not installed (cargo install cargo-deny)");
    }
    if runs("python3", &["--version"]) {
        step("times in tables", command("python3").args(["-B", "-m", "doctest", "validation/table.py"]))?;
    } else {
        skip("times in tables", "no Python");
    }
    onnxruntime()?;
    browser()
}

/// A Python that can import onnxruntime runs the committed networks beside ours.
fn onnxruntime() -> Result<(), String> {
    let python = env::var("NEUROHM_PYTHON").unwrap_or_else(|_| "python3".into());
    if !runs(&python, &["-c", "import onnxruntime, numpy"]) {
        skip("networks against onnxruntime", "no Python with onnxruntime and numpy (set NEUROHM_PYTHON)");
        return Ok(());
    }
    step("release binary", &mut cargo("build --release --quiet -p neurohm-cli"))?;
    step(
        "networks against onnxruntime",
        command(&python).arg("validation/onnxruntime/check_fixtures.py").arg(binary()),
    )
}

/// A browser opens the report; `validation/browser/check.sh` says what it must and must not do.
fn browser() -> Result<(), String> {
    let Some(browser) =
        ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|b| runs(b, &["--version"]))
    else {
        skip("report in a browser", "no Chromium on the path");
        return Ok(());
    };
    step("release binary", &mut cargo("build --release --quiet -p neurohm-cli"))?;
    step("report in a browser", command("bash").arg("validation/browser/check.sh").arg(browser).arg(binary()))
}

fn binary() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join("release").join("neurohm")
}

/// Builds the release binary from nothing, in a folder of its own, and reports size and CPU time.
fn build_report() -> Result<(), String> {
    let folder = root().join("target").join("build-report");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|e| format!("cannot empty {}: {e}", folder.display()))?;
    }
    let script = format!(
        "TIMEFORMAT='clean release build: %U s user, %S s system, %R s wall'; \
         time cargo build --release --quiet -p neurohm-cli --target-dir '{0}' && \
         ls -l '{0}/release/neurohm' | awk '{{printf \"binary: %.1f MB\\n\", $5 / 1e6}}'",
        folder.display()
    );
    step("clean release build", command("bash").arg("-c").arg(script))
}
