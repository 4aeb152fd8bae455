//! `neurohm sweep status`: what there is, found out by looking.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::SystemTime;

use neurohm::report::number::quantity;
use neurohm::study::sweep::{Plan, State, Status};
use serde_json::{Value, json};

use super::{open, points, settings, value};
use crate::failure::Failure;
use crate::terminal::{Columns, Style, Terminal};

#[derive(clap::Args)]
pub struct Options {
    /// Folder of a plan
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// List every point with what became of it
    #[arg(long)]
    points: bool,
}

/// Points that failed, and files, that a summary names.
const NAMED: usize = 10;

pub fn run(options: Options, terminal: &Terminal) -> Result<(), Failure> {
    let plan = open(&options.dir)?;
    let status = Status::of(&plan, &options.dir)?;
    let left_s = left_s(&status, SystemTime::now());
    if terminal.json() {
        let mut value = value(&plan, &status, left_s);
        if options.points {
            let list = status.states.iter().enumerate().map(|(point, state)| {
                json!({ "point": point, "state": state.word(), "settings": settings(&plan, point) })
            });
            value["list"] = list.collect::<Vec<Value>>().into();
        }
        return terminal.print_json(&value);
    }
    if !options.points {
        return terminal.print(&shown(terminal, &plan, &status, left_s));
    }
    let mut out = String::new();
    for (point, state) in status.states.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{point}\t{}\t{}", state.word(), plan.words(point));
    }
    terminal.print(&out)
}

/// How long the rest will take, where somebody is at work: by the rate of the latest results, unless the last of them is
/// much older than that rate lets expect.
fn left_s(status: &Status, now: SystemTime) -> Option<f64> {
    let open = status.count(State::Open);
    let (rate, latest) = (status.rate.filter(|rate| *rate > 0.0 && open > 0)?, status.latest?);
    let since = now.duration_since(latest).unwrap_or_default().as_secs_f64();
    let a_chunk = status.states.len() as f64 / status.chunks.max(1) as f64 / rate;
    (since < (20.0 * a_chunk).max(60.0)).then(|| open as f64 / rate)
}

/// A sweep's state for people.
pub fn shown(terminal: &Terminal, plan: &Plan<'_>, status: &Status, left_s: Option<f64>) -> String {
    let [done, failed, open] = [State::Done, State::Failed, State::Open].map(|state| status.count(state));
    let title = terminal.styled(Style::Strong, &format!("Sweep of {}", plan.study().title()));
    let mut out = format!("{title}: {}\n", points(plan.points()));
    let mut columns = Columns::new(&[1]);
    let style = |n: usize, style: Style| if n > 0 { style } else { Style::Faint };
    let mut row = |name: &str, n: usize, of: Style, more: String| {
        columns.row([(Style::Plain, name.to_string()), (style(n, of), n.to_string()), (Style::Faint, more)]);
    };
    let wall = match status.wall_s {
        0.0 => String::new(),
        wall_s => format!("{} of computing", quantity(wall_s, None, "s")),
    };
    row("done", done, Style::Good, wall);
    row("failed", failed, Style::Bad, String::new());
    let left =
        left_s.map_or_else(String::new, |left_s| format!("about {} left", quantity(left_s, None, "s")));
    row("open", open, Style::Open, left);
    out += &columns.show(terminal);
    for failed in status.failed.iter().take(NAMED) {
        let which = terminal.styled(Style::Bad, &format!("point {}", failed.point));
        out += &format!("  {which} ({}): {}\n", plan.words(failed.point), failed.reason);
    }
    if status.failed.len() > NAMED {
        out += &format!("  and {} more that failed; --json names them all\n", status.failed.len() - NAMED);
    }
    let damaged = status.damaged.iter();
    let damaged =
        damaged.map(|(path, problem)| format!("{} is damaged, and done again: {problem}", path.display()));
    let foreign = status.foreign.iter().map(|path| format!("{} is nothing of this sweep's", path.display()));
    let left = status.left.iter().map(|path| format!("{} was begun and left behind", path.display()));
    let remarks: Vec<String> = damaged.chain(foreign).chain(left).collect();
    for remark in remarks.iter().take(NAMED) {
        out += &format!("  {} {remark}\n", terminal.styled(Style::Open, "file:"));
    }
    if remarks.len() > NAMED {
        out += &format!("  and {} more files; --json names them all\n", remarks.len() - NAMED);
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_left_is_told_while_somebody_works() {
        let now = SystemTime::now();
        let status = |rate, ago| Status {
            states: vec![State::Done, State::Open, State::Open, State::Failed],
            chunks: 4,
            rate,
            latest: now.checked_sub(Duration::from_secs(ago)),
            ..Status::default()
        };
        assert_eq!(left_s(&status(Some(0.5), 3), now), Some(4.0));
        // Twenty chunks of two seconds are forty, less than a minute.
        assert_eq!(left_s(&status(Some(0.5), 61), now), None);
        assert_eq!(left_s(&status(Some(0.01), 1999), now), Some(200.0));
        assert_eq!(left_s(&status(Some(0.01), 2001), now), None);
        assert_eq!(left_s(&status(None, 3), now), None);
        let done = Status { states: vec![State::Done], ..status(Some(1.0), 0) };
        assert_eq!(left_s(&done, now), None);
    }
}
