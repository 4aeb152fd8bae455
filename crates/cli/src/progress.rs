//! Progress: a bar where standard error is a terminal, a line every ten seconds where it is a file, nothing when
//! quiet. Every step also asks whether somebody pressed Ctrl-C.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use neurohm::num::{Cancelled, Watch};

use crate::interrupt;
use crate::terminal::Terminal;

/// Time between lines where there is no bar.
const EVERY: Duration = Duration::from_secs(10);

/// Watches a command's work.
pub struct Progress<'a> {
    terminal: &'a Terminal,
    bar: ProgressBar,
    lines: Option<Mutex<Lines>>,
    done: AtomicU64,
}

/// What the lines of a log say.
struct Lines {
    what: String,
    total: Option<u64>,
    begun: Instant,
    said: Instant,
}

impl<'a> Progress<'a> {
    pub fn new(terminal: &'a Terminal) -> Self {
        let bars = !terminal.quiet() && std::io::stderr().is_terminal();
        let target = if bars { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let now = Instant::now();
        let lines = Lines { what: String::new(), total: None, begun: now, said: now };
        Progress {
            terminal,
            bar: ProgressBar::with_draw_target(None, target),
            lines: (!bars && !terminal.quiet()).then(|| Mutex::new(lines)),
            done: AtomicU64::new(0),
        }
    }

    /// Prints a line that stays, above the bar if there is one.
    pub fn say(&self, text: &str) {
        self.bar.suspend(|| self.terminal.tell(text));
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Watch for Progress<'_> {
    fn step(&self, done: u64) -> Result<(), Cancelled> {
        if interrupt::asked() {
            return Err(Cancelled);
        }
        self.bar.inc(done);
        let sum = self.done.fetch_add(done, Ordering::Relaxed) + done;
        // A thread that finds another one writing has nothing to add.
        if let Some(lines) = &self.lines
            && let Ok(mut lines) = lines.try_lock()
            && lines.said.elapsed() >= EVERY
        {
            lines.said = Instant::now();
            let seconds = lines.begun.elapsed().as_secs();
            let part = match lines.total {
                Some(total) if total > 0 => format!("{} %", (100 * sum.min(total)) / total),
                _ => format!("{sum} steps"),
            };
            self.terminal.tell(&format!("{}: {part} after {seconds} s", lines.what));
        }
        Ok(())
    }

    fn begin(&self, what: &str, total: Option<u64>) {
        self.done.store(0, Ordering::Relaxed);
        if let Some(lines) = &self.lines
            && let Ok(mut lines) = lines.lock()
        {
            let now = Instant::now();
            *lines = Lines { what: what.to_string(), total, begun: now, said: now };
        }
        let template = match total {
            Some(_) => "{msg}  {bar:32} {percent:>3} %  {elapsed} < {eta}",
            None => "{msg}  {spinner}  {elapsed}",
        };
        self.bar.set_message(what.to_string());
        match total {
            Some(total) => self.bar.set_length(total),
            None => self.bar.unset_length(),
        }
        self.bar.reset();
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style.progress_chars("━╸─"));
        }
    }
}
