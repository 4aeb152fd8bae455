//! What was solved, as data and as it is printed.

use neurohm::array::wires::{Approximation, Effective, LinearCrossbar};
use neurohm::report::number::plain;
use serde_json::{Value, json};

use super::{Solve, Solved};
use crate::terminal::{Columns, Style, Terminal};

/// What the difficulty of an array means, whose cells may have laws of their own.
pub fn meaning(crossbar: &LinearCrossbar, ohmic: bool) -> String {
    let loss = crossbar.first_loss();
    match crossbar.difficulty() {
        chi if !chi.is_finite() => "lines are cut".to_owned(),
        chi if chi < 1.0 && loss < 0.5 => {
            let at = if ohmic { "" } else { "at low voltages, " };
            let part = if loss > 0.0 && loss < 5e-5 { "less than 0.01 %".to_owned() } else { percent(loss) };
            format!("{at}to first order a uniform array loses {part} of its currents to its wires")
        }
        chi if chi < 1.0 => {
            "lines matter little, but drivers and sense amplifiers take much of the voltage".to_owned()
        }
        _ => {
            "wires dominate: above about 1 no approximation holds, and only an exact solution does".to_owned()
        }
    }
}

fn percent(part: f64) -> String {
    let digits = if part.abs() < 0.0995 { 2 } else { 1 };
    format!("{:.*} %", digits, 100.0 * part)
}

/// The part of the currents that wires cost where all sources have the same voltage.
pub(super) fn lost(crossbar: &LinearCrossbar, effective: &Effective) -> Option<f64> {
    let ideal: f64 = (0..crossbar.rows()).map(|i| crossbar.conductances().row(i).iter().sum::<f64>()).sum();
    (ideal > 0.0).then(|| 1.0 - effective.w.iter().sum::<f64>() / ideal)
}

pub(super) fn summary(options: &Solve, crossbar: &LinearCrossbar, inputs: usize, solved: &Solved) -> Value {
    let chi = crossbar.difficulty();
    json!({
        "version": neurohm::VERSION,
        "request": options.circuit.json(options.voltages.as_deref()),
        "cells": options.cells.json(),
        "rows": crossbar.rows(),
        "columns": crossbar.columns(),
        "inputs": inputs,
        "difficulty": chi,
        "difficulty_means": meaning(crossbar, solved.newton.is_none()),
        "lost": solved.lost,
        "kcl": solved.checks.kcl,
        "balance": solved.checks.balance,
        "reciprocity": solved.checks.reciprocity,
        "checked_inputs": solved.checks.inputs,
        "method": match (&solved.newton, solved.iterated) {
            _ if solved.approximated.stands.is_some() => "approximation",
            (Some(_), _) => "newton",
            (None, Some(_)) => "conjugate_gradients",
            (None, None) => "elimination",
        },
        "approximation": solved.approximated.stands.map(Approximation::name),
        "approximations": solved.approximated.json(),
        "iterations": solved.iterated.map(|i| i.0),
        "newton_steps": solved.newton.as_ref().map(|n| n.steps),
        "most_newton_steps": solved.newton.as_ref().map(|n| n.most),
        "switched_on": solved.newton.as_ref().map(|n| n.switched_on),
        "notes": solved.notes,
        "files": [],
    })
}

pub(super) fn shown(
    crossbar: &LinearCrossbar,
    inputs: usize,
    solved: &Solved,
    [solve_s, wall_s]: [f64; 2],
    terminal: &Terminal,
) -> String {
    let title = format!("Crossbar of {} x {} cells", crossbar.rows(), crossbar.columns());
    let given = match inputs {
        0 => String::new(),
        1 => ", 1 input".to_owned(),
        inputs => format!(", {inputs} inputs"),
    };
    let mut columns = Columns::new(&[]);
    let mut row = |name: &str, value: String, about: String| {
        columns.row([(Style::Plain, name.to_owned()), (Style::Strong, value), (Style::Faint, about)]);
    };
    let chi = crossbar.difficulty();
    row("difficulty chi", plain(chi), meaning(crossbar, solved.newton.is_none()));
    if let Some(lost) = solved.lost {
        row("lost to wires", percent(lost), "of the currents, all sources at the same voltage".to_owned());
    }
    let checks = &solved.checks;
    let of = if checks.inputs < inputs {
        format!(", {} of {inputs} inputs checked", checks.inputs)
    } else {
        String::new()
    };
    let found = |value: Option<f64>| value.map_or_else(|| "not checked".to_owned(), |v| format!("{v:.1e}"));
    row(
        "Kirchhoff",
        found(checks.kcl),
        format!("largest sum of currents at a node, as a part of what its conductances carry{of}"),
    );
    row(
        "balance",
        found(checks.balance),
        "what a bit line's cells give less its current, of the largest".to_owned(),
    );
    let small = if solved.newton.is_some() { ", of small changes around a solution" } else { "" };
    row(
        "reciprocity",
        found(checks.reciprocity),
        format!("currents from sources to grounds, and the other way{small}"),
    );
    if let Some(n) = &solved.newton {
        row("Newton steps", n.steps.to_string(), format!("at most {} an input", n.most));
    }
    if let Some((steps, most)) = solved.iterated {
        row("iterations", steps.to_string(), format!("of conjugate gradients, at most {most} an input"));
    }
    if let Some(n) = solved.newton.as_ref().filter(|n| n.switched_on > 0) {
        row("selectors on", n.switched_on.to_string(), "of the input with most".to_owned());
    }
    row("time", format!("{wall_s:.3} s"), format!("of which {solve_s:.3} s solving"));
    let mut out = format!("{}{given}\n", terminal.styled(Style::Strong, &title));
    if let Some(stands) = solved.approximated.stands {
        let said = format!(
            "Currents and matrix are those of the approximation {}: {}. Checks are those of the exact solution.",
            stands.name(),
            stands.about()
        );
        out += &format!("{}\n", terminal.styled(Style::Open, &said));
    }
    out += &format!("\n{}{}", columns.show(terminal), solved.approximated.shown(terminal));
    for note in &solved.notes {
        out += &format!("  {} {note}\n", terminal.styled(Style::Open, "caution:"));
    }
    out
}
