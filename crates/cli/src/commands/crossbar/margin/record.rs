//! What was found of read margins, as a record and as it is printed.

use neurohm::array::wires::{Access, Ceiling, Margin as Read, ReadArray, Scheme};
use neurohm::report::number::{percent, quantity as written};
use neurohm::study::digest;
use neurohm::study::experiment::{Findings, plain};
use neurohm::study::record::{Axis, Better, Cell, Column, Line, Record, Series, Table};
use serde_json::json;

use super::{ABOUT, Asked, Data, Found, Margin};
use crate::commands::crossbar::{again, toml};
use crate::summary;
use crate::terminal::{Columns, Style, Terminal};

fn column(name: &str, unit: &str) -> Column {
    Column { name: name.into(), unit: unit.into() }
}

pub(super) fn record(options: &Margin, asked: &Asked, found: &Found) -> Record {
    let mut out = Findings::default();
    let array = &asked.array;
    let best = found.ceilings.iter().map(|c| c.size()).max().unwrap_or(0);
    let limit = percent(options.limit);
    let ohm = |r: f64| written(r, None, "Ω").to_string();
    let segments = if array.word_ohm == array.bit_ohm {
        ohm(array.word_ohm)
    } else {
        format!("{} and {}", ohm(array.word_ohm), ohm(array.bit_ohm))
    };
    let about = format!(
        "Largest array, cells on a side, that can be read between lines of {segments} a segment by the best scheme, at a margin \
         of {limit}"
    );
    out.scalar("readable", best as f64, None, "1", Some(Better::Higher), about);
    for (scheme, top) in asked.schemes.iter().zip(&found.ceilings) {
        let about = format!("Largest array that can be read: {}", scheme.about());
        out.scalar(
            &format!("readable_{}", scheme.name()),
            top.size() as f64,
            None,
            "1",
            Some(Better::Higher),
            about,
        );
    }
    if let Some(top) = found.product {
        let about = format!(
            "Largest array whose products lose at most {} on the last bit line, all cells at low resistance",
            percent(options.product_loss)
        );
        out.scalar("product", top.size() as f64, None, "1", Some(Better::Higher), about);
    }
    let sizes: Vec<f64> = asked.sizes.iter().map(|n| *n as f64).collect();
    let line =
        |name: &str, y: Vec<f64>| Line::new(name, sizes.clone(), y.into_iter().map(|y| 100.0 * y).collect());
    let figure = |name: &str, caption: &str, label: &str, of: fn(&Read) -> f64, limit: f64| {
        let mut lines: Vec<Line> = asked
            .schemes
            .iter()
            .zip(&found.margins)
            .map(|(scheme, m)| line(scheme.name(), m.iter().map(|m| of(m).max(-1.0)).collect()))
            .collect();
        lines.push(line("limit", vec![limit; sizes.len()]).dashed());
        Series {
            name: name.into(),
            caption: caption.into(),
            x: Axis::logarithmic("cells on a side", "1"),
            y: Axis::linear(label, "%"),
            lines,
        }
    };
    out.series = vec![
        figure(
            "margin",
            "Read margin of the farthest cell: the smaller one of contrast and signal. Below zero states are taken for one another.",
            "read margin",
            Read::worst,
            options.limit,
        ),
        figure("contrast", "What sneak paths leave: (I_low − I_high) / I_low.", "contrast", Read::contrast, options.limit),
        figure(
            "signal",
            "What wires leave: I_low − I_high as a part of what the cell alone gives.",
            "signal",
            Read::signal,
            options.limit,
        ),
        Series {
            name: "product".into(),
            caption: "What wires take of the last bit line's current in a product of all word lines, all cells at low \
                      resistance."
                .into(),
            x: Axis::logarithmic("cells on a side", "1"),
            y: Axis::linear("lost", "%"),
            lines: vec![
                line("last bit line", found.losses.clone()),
                line("limit", vec![options.product_loss; sizes.len()]).dashed(),
            ],
        },
    ];
    // What is smaller is none.
    let shown = |part: f64| (1e6 * part).round() / 1e4;
    let mut rows = Vec::new();
    for (scheme, margins) in asked.schemes.iter().zip(&found.margins) {
        for (n, m) in sizes.iter().zip(margins) {
            rows.push(vec![
                Cell::Text(scheme.name().into()),
                Cell::Number(*n),
                Cell::Number(m.low_a),
                Cell::Number(m.high_a),
                Cell::Number(shown(m.contrast())),
                Cell::Number(shown(m.signal())),
                Cell::Text(if m.worst() >= options.limit { "yes" } else { "no" }.into()),
            ]);
        }
    }
    out.tables = vec![Table {
        name: "readings".into(),
        caption: "Readings of the farthest cell, in arrays of so many cells on a side".into(),
        columns: vec![
            column("scheme", ""),
            column("size", "1"),
            column("I_low", "A"),
            column("I_high", "A"),
            column("contrast", "%"),
            column("signal", "%"),
            column("readable", ""),
        ],
        rows,
    }];
    notes(options, asked, found, &mut out);
    let states = states(array);
    let (device, title, source) = match &asked.device {
        Some(d) => (d.name.clone(), d.title.clone(), d.source.clone()),
        None => (String::new(), format!("Cells of {states}"), String::new()),
    };
    let request = json!({
        "low_s": array.low_s, "high_s": array.high_s, "law": format!("{:?}", array.law),
        "word_ohm": array.word_ohm, "bit_ohm": array.bit_ohm, "driver_ohm": array.driver_ohm,
        "sense_ohm": array.sense_ohm, "read_v": asked.volts, "data": format!("{:?}", options.data),
        "limit": options.limit, "product_loss": options.product_loss, "sizes": asked.sizes, "groups": options.groups,
        "schemes": asked.schemes.iter().map(|s| s.name()).collect::<Vec<_>>(),
    });
    Record {
        id: digest(&request),
        device,
        device_title: title,
        device_source: source,
        description: toml(request),
        sample: asked.device.is_none().then(|| "device".to_owned()),
        ..plain("margin", "Read margin against array size", ABOUT, "readable", &again(), 1, out)
    }
}

/// The two states, in words.
fn states(array: &ReadArray) -> String {
    let ohm = |s: f64| if s > 0.0 { written(1.0 / s, None, "Ω").to_string() } else { "∞ Ω".to_owned() };
    format!("{} and {}", ohm(array.low_s), ohm(array.high_s))
}

fn notes(options: &Margin, asked: &Asked, found: &Found, out: &mut Findings) {
    let array = &asked.array;
    let ohm = |r: f64| written(r, None, "Ω").to_string();
    let mut lines = format!(
        "Cells have {}; a word-line segment has {}, a bit-line segment {}, a driver {}, a sense amplifier {}; the read voltage \
         is {}.",
        states(array),
        ohm(array.word_ohm),
        ohm(array.bit_ohm),
        ohm(array.driver_ohm),
        ohm(array.sense_ohm),
        written(asked.volts, None, "V")
    );
    if let Some(width) = options.lines.wire_width {
        lines += &format!(
            " Lines are copper of {} without a liner, in a pitch of two widths (wire table of DNN+NeuroSim, public code).",
            written(width, None, "m")
        );
    }
    out.info(lines);
    if let Some(stand_in) = array.stand_in_ohm() {
        let kind = if array.word_ohm == 0.0 { "word" } else { "bit" };
        out.info(format!(
            "A {kind}-line segment without resistance stands as one of {}, a millionth of a segment of the other kind.",
            ohm(stand_in)
        ));
    }
    let others = match options.data {
        Data::Low => "All other cells are at low resistance.",
        Data::High => "All other cells are at high resistance, which is not the worst data.",
        Data::Any => {
            "The state of all other cells is unknown: the smaller current of a cell at low resistance is held against the \
             larger one of a cell at high resistance, over both states of the others."
        }
    };
    out.info(others);
    let both = [Scheme::Grounded, Scheme::Row].iter().all(|s| asked.schemes.contains(s));
    if both && array.driver_ohm == array.sense_ohm {
        out.info(
            "Reading one cell past grounded lines and a whole word line at once are the same circuit where drivers and sense \
             amplifiers have the same resistance.",
        );
    }
    let apart = found.margins.iter().flatten().filter_map(|m| m.apart).reduce(f64::max);
    match apart {
        None => out.info("Kirchhoff's equations of every node were solved: no lines were gathered in groups."),
        Some(apart) => out.info(format!(
            "Unselected lines of large arrays stand in {} groups on a side. Half as many groups change contrast or signal by {} \
             at most; errors are of second order, so that what is left is about a third of that.",
            options.groups,
            percent(apart)
        )),
    }
    if array.high_s == 0.0 {
        out.caution("The state of high resistance is open: contrast is that of sneak paths alone.");
    }
    if matches!(array.law.access, Access::Transistor { .. }) {
        out.info(
            "Transistors of the selected word line are on and all others are off; in products all are on.",
        );
    }
    let most = asked.sizes.last().copied().unwrap_or(0);
    let open = |top: &Ceiling| matches!(top, Ceiling::Above(_));
    if found.ceilings.iter().chain(&found.product).any(open) {
        out.caution(format!(
            "A ceiling of {most} is the largest size that was tried, not a limit that was found."
        ));
    }
}

/// A line a size, a column a scheme.
pub(super) fn shown(
    options: &Margin,
    asked: &Asked,
    found: &Found,
    record: &Record,
    terminal: &Terminal,
) -> String {
    let right: Vec<usize> = (0..asked.schemes.len() + 2).collect();
    let mut columns = Columns::new(&right);
    let heads = asked.schemes.iter().map(|s| s.name());
    columns.row(["size"].into_iter().chain(heads).chain(["product"]).map(|t| (Style::Faint, t.to_owned())));
    let of = |good: bool, value: f64| (if good { Style::Strong } else { Style::Faint }, tenths(value));
    for (k, n) in asked.sizes.iter().enumerate() {
        let margins = found.margins.iter().map(|m| of(m[k].worst() >= options.limit, m[k].worst()));
        let loss = of(found.losses[k] <= options.product_loss, found.losses[k]);
        columns.row([(Style::Plain, n.to_string())].into_iter().chain(margins).chain([loss]));
    }
    let top = |top: &Ceiling| match top {
        Ceiling::None => "none".to_owned(),
        Ceiling::At(n) => n.to_string(),
        Ceiling::Above(n) => format!("≥ {n}"),
    };
    let tops = found.ceilings.iter().chain(&found.product).map(|c| (Style::Strong, top(c)));
    columns.row([(Style::Plain, "ceiling".to_owned())].into_iter().chain(tops));
    let title = terminal.styled(Style::Strong, &record.title);
    let rule = format!(
        "Margin of the farthest cell, at least {} to be read; what the last bit line of a product loses, at most {}.",
        percent(options.limit),
        percent(options.product_loss)
    );
    let mut out = format!("{title}: {}\n{rule}\n\n{}\n", record.device_title, columns.show(terminal));
    for note in record.notes.iter().filter(|n| n.level == neurohm::study::record::Level::Info) {
        out += &format!("  {}\n", terminal.styled(Style::Faint, &note.text));
    }
    out + &summary::cautions(terminal, record)
}

/// In per cent with one decimal; what rounds to nothing has no sign.
fn tenths(part: f64) -> String {
    let value = (1000.0 * part).round() / 10.0;
    format!("{:.1} %", if value == 0.0 { 0.0 } else { value })
}
