//! Two records of the shapes that the studies of an inference chip write, with invented numbers.

use std::collections::BTreeMap;

use neurohm_study::record::{
    Ablation, Axis, Better, Cell, Column, Datasheet, Judgement, Level, Line, Map, Note, Property, Record,
    Requirement, Scalar, Series, Status, Table,
};

const TIMES: [f64; 6] = [20.0, 60.0, 3600.0, 86_400.0, 2_592_000.0, 31_536_000.0];

fn scalar(value: f64, half: f64, unit: &str, ideal: Option<f64>, about: &str, better: Better) -> Scalar {
    let ci95 = (half > 0.0).then_some([value - half, value + half]);
    Scalar { value, ci95, unit: unit.into(), ideal, about: about.into(), better: Some(better), bound: None }
}

fn axis(label: &str, unit: &str, log: bool) -> Axis {
    Axis { label: label.into(), unit: unit.into(), log }
}

fn line(name: &str, x: &[f64], y: Vec<f64>, half: Option<Vec<f64>>, reference: bool) -> Line {
    let ends = |sign: f64| {
        half.iter().flat_map(|h| y.iter().zip(h).map(move |(y, h)| y + sign * h)).collect::<Vec<_>>()
    };
    let (low, high) = (ends(-1.0), ends(1.0));
    Line { name: name.into(), x: x.to_vec(), y, low, high, reference, variant: false, scattered: false }
}

fn note(level: Level, text: &str) -> Note {
    Note { level, text: text.into() }
}

fn record(study: &str, title: &str, about: &str, merit: &str, target: f64) -> Record {
    Record {
        study: study.into(),
        title: title.into(),
        about: about.into(),
        revision: 1,
        id: "3f9c1a7e52b0".into(),
        device: "pcm".into(),
        device_title: "Phase-change memory, mushroom cell".into(),
        device_source: "Joshi et al., Nature Communications 11, 2473 (2020); Nandakumar et al., IEEE ICECS (2019).".into(),
        description: "[chip.device.cell]\ng_min = \"0 S\"\ng_max = \"25 uS\"\n\n[chip.device.retention.power_law]\nmean = 0.05\n".into(),
        command: format!("neurohm run {study} --set chip.device=pcm --seed 1"),
        seed: 1,
        version: "0.1.0".into(),
        isa: "AVX-512".into(),
        chips: 5,
        sample: None,
        cut_short: None,
        wall_s: 17.4,
        merit: merit.into(),
        target: Some(target),
        scalars: BTreeMap::new(),
        series: Vec::new(),
        tables: Vec::new(),
        maps: Vec::new(),
        plans: Vec::new(),
        ablation: Vec::new(),
        all_off: None,
        notes: Vec::new(),
        datasheet: None,
        files: Vec::new(),
        tally: BTreeMap::from([
            ("adc_conversions".into(), 1.31e8),
            ("dac_conversions".into(), 9.6e7),
            ("cell_read_energy_j".into(), 3.42e-3),
            ("program_pulses".into(), 398_720.0),
            ("macs".into(), 2.4e10),
        ]),
    }
}

/// Accuracy over a year, missing its target, limited by retention.
pub fn inference() -> Record {
    let about = "Programs a trained network onto chips of this device and classifies handwritten digits from 20 s to a year later, with and without drift compensation.";
    let mut r = record("inference", "Inference over a year", about, "accuracy_1_year", 0.9762);
    let accuracy = |y: [f64; 6], h: [f64; 6], name: &str| line(name, &TIMES, y.into(), Some(h.into()), false);
    r.scalars = BTreeMap::from([
        (
            "accuracy_1_year".into(),
            scalar(0.9421, 0.0071, "1", Some(0.9862), "accuracy after one year", Better::Higher),
        ),
        (
            "accuracy_20_s".into(),
            scalar(0.9834, 0.0009, "1", Some(0.9862), "accuracy after 20 s", Better::Higher),
        ),
        ("energy".into(), scalar(3.42e-8, 2e-10, "J", None, "cell read energy per image", Better::Lower)),
        ("devices".into(), scalar(407_080.0, 0.0, "1", None, "devices on the chip", Better::Lower)),
    ]);
    r.series.push(Series {
        name: "accuracy".into(),
        caption: "Accuracy against time since programming; bands are 95 % intervals over 5 chips.".into(),
        x: axis("time since programming", "s", true),
        y: axis("accuracy", "1", false),
        lines: vec![
            accuracy(
                [0.9834, 0.9831, 0.9802, 0.9741, 0.9598, 0.9421],
                [0.0009, 0.001, 0.0014, 0.0026, 0.0049, 0.0071],
                "compensated",
            ),
            accuracy(
                [0.9829, 0.9822, 0.9687, 0.9302, 0.8431, 0.7604],
                [0.0011, 0.0012, 0.0031, 0.0077, 0.0151, 0.022],
                "not compensated",
            ),
            line("ideal device", &TIMES, vec![0.9862; 6], None, true),
        ],
    });
    let ablation =
        |path: &str, about: &str, without: (f64, f64), alone: (f64, f64), required_scale| Ablation {
            path: path.into(),
            about: about.into(),
            without: scalar(without.0, without.1, "1", None, "accuracy after one year", Better::Higher),
            alone: scalar(alone.0, alone.1, "1", None, "accuracy after one year", Better::Higher),
            required_scale,
        };
    r.ablation = vec![
        ablation("device.write", "programming error", (0.9468, 0.0066), (0.9839, 0.0006), None),
        ablation(
            "device.noise",
            "read noise (1/f, accumulated over time)",
            (0.9611, 0.0046),
            (0.9790, 0.0014),
            None,
        ),
        ablation(
            "device.retention",
            "conductance drift and its spread from device to device",
            (0.9792, 0.0016),
            (0.9583, 0.0058),
            Some(0.41),
        ),
        ablation("adc", "8-bit output converters", (0.9424, 0.0072), (0.9861, 0.0001), None),
    ];
    r.tables.push(Table {
        name: "layers".into(),
        caption: "The layers as they lie on the chip".into(),
        columns: [("layer", ""), ("shape", ""), ("tiles", ""), ("weight error", "1"), ("read energy", "J")]
            .map(|(name, unit)| Column { name: name.into(), unit: unit.into() })
            .into(),
        rows: vec![
            vec![
                Cell::Text("fc1".into()),
                Cell::Text("784 × 250".into()),
                Cell::Number(8.0),
                Cell::Uncertain { value: 0.0412, ci95: [0.0401, 0.0423] },
                Cell::Number(2.9e-8),
            ],
            vec![
                Cell::Text("fc2".into()),
                Cell::Text("250 × 10".into()),
                Cell::Number(1.0),
                Cell::Uncertain { value: 0.038, ci95: [0.0351, 0.0409] },
                Cell::Number(5.1e-9),
            ],
        ],
    });
    let (rows, cols) = (250, 10);
    let wave = |i: usize| {
        ((i * 37 % 101) as f32 / 50.0 - 1.0) * (0.3 + 0.7 * ((i / cols) as f32 * 0.05).sin().abs())
    };
    let map = |name: &str, caption: &str, scale: f32, diverging| Map {
        name: name.into(),
        caption: caption.into(),
        rows,
        cols,
        values: (0..rows * cols).map(|i| scale * if diverging { wave(i) } else { wave(i).abs() }).collect(),
        label: if diverging { "weight".into() } else { "|error|".into() },
        unit: "1".into(),
        diverging,
        axes: None,
        half: Vec::new(),
    };
    r.maps = vec![
        map("weights", "Weights of the last layer as programmed.", 0.4, true),
        map("errors", "Size of the weight errors after one year.", 0.06, false),
    ];
    r.notes = vec![
        note(Level::Caution, "Drift was measured up to two days; later times are extrapolated."),
        note(
            Level::Info,
            "Stuck cells were not measured for this device and are left out, not taken as absent.",
        ),
    ];
    r
}

/// Relative error of products, within its target, lower is better.
pub fn mvm() -> Record {
    let about = "Multiplies random matrices by random vectors on chips of this device and compares with floating point: ||y - y0|| / ||y0|| over sizes, times and converter bits.";
    let mut r = record("mvm", "Matrix-vector products", about, "relative_error", 0.10);
    r.scalars = BTreeMap::from([
        (
            "relative_error".into(),
            scalar(0.0713, 0.0032, "1", Some(0.0041), "relative error, 256 × 256 at 20 s", Better::Lower),
        ),
        ("spread".into(), scalar(0.0052, 0.0008, "1", Some(0.0002), "its spread over inputs", Better::Lower)),
    ]);
    let sizes = [16.0, 64.0, 256.0, 1024.0];
    let lines = [("20 s", 0.07), ("1 h", 0.09), ("1 day", 0.13), ("1 year", 0.24)];
    r.series = vec![
        Series {
            name: "size".into(),
            caption: "Relative error against the size of a square matrix.".into(),
            x: axis("rows", "1", true),
            y: axis("relative error", "1", false),
            lines: lines
                .into_iter()
                .map(|(name, e)| {
                    line(
                        name,
                        &sizes,
                        sizes.iter().map(|n: &f64| e * (1.0 + 0.02 * n.ln())).collect(),
                        Some(vec![0.05 * e; 4]),
                        false,
                    )
                })
                .collect(),
        },
        Series {
            name: "bits".into(),
            caption: "Relative error against the bits of the output converter.".into(),
            x: axis("ADC bits", "1", false),
            y: axis("relative error", "1", true),
            lines: vec![
                line(
                    "this device",
                    &[4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0],
                    vec![0.33, 0.17, 0.105, 0.08, 0.0713, 0.069, 0.0688],
                    Some(vec![0.01, 0.006, 0.004, 0.003, 0.003, 0.003, 0.003]),
                    false,
                ),
                line(
                    "ideal device",
                    &[4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0],
                    vec![0.31, 0.15, 0.07, 0.035, 0.0171, 0.0041, 0.001],
                    None,
                    true,
                ),
            ],
        },
    ];
    let ablation = |path: &str, about: &str, without: (f64, f64), alone: (f64, f64)| Ablation {
        path: path.into(),
        about: about.into(),
        without: scalar(without.0, without.1, "1", None, "relative error, 256 × 256 at 20 s", Better::Lower),
        alone: scalar(alone.0, alone.1, "1", None, "relative error, 256 × 256 at 20 s", Better::Lower),
        required_scale: None,
    };
    r.all_off = Some(scalar(0.0001, 0.0, "1", None, "relative error, 256 × 256 at 20 s", Better::Lower));
    r.ablation = vec![
        ablation("device.write", "programming error", (0.0402, 0.0011), (0.0588, 0.0029)),
        ablation("device.noise", "read noise", (0.0605, 0.0031), (0.0377, 0.0006)),
        ablation("adc", "8-bit output converters", (0.0691, 0.0032), (0.0171, 0.0)),
    ];
    r
}

fn property(name: &str, group: &str, status: Status, value: Option<f64>, unit: &str, how: &str) -> Property {
    Property {
        name: name.into(),
        group: group.into(),
        about: name.replace('_', " "),
        status,
        value,
        ci95: None,
        unit: unit.into(),
        better: Some(Better::Higher),
        how: how.into(),
    }
}

fn requirement(application: &str, property: &str, bound: Option<&str>, verdict: Judgement) -> Requirement {
    Requirement {
        application: application.into(),
        asks: format!("Much {}", property.replace('_', " ")),
        property: property.into(),
        bound: bound.map(str::to_string),
        source: "section 3".into(),
        verdict,
    }
}

pub fn datasheet() -> Record {
    let mut r = record("datasheet", "Datasheet", "What the device has.", "requirements_met", 0.0);
    r.target = None;
    r.scalars = BTreeMap::from([(
        "requirements_met".to_string(),
        scalar(1.0, 0.0, "1", None, "Requirements met", Better::Higher),
    )]);
    let measured = |name: &str, value: f64, ci95, unit: &str| Property {
        ci95: Some(ci95),
        ..property(name, "Range", Status::Value, Some(value), unit, "Sampled.")
    };
    let fit = "Not in the description; `neurohm device fit --kind pulses` finds it.";
    r.datasheet = Some(Datasheet {
        properties: vec![
            measured("on_off_ratio", 220.0, [199.0, 241.0], "1"),
            measured("levels", 5.0, [4.0, 5.0], "levels"),
            property("retention", "Keeping", Status::AtLeast, Some(315_360_000.0), "s", "By its law."),
            property("linearity", "Programming", Status::NotMeasured, None, "1", fit),
            property("endurance", "Wear", Status::NotMeasured, None, "cycles", "Not in the description."),
        ],
        requirements: vec![
            requirement("Logic", "endurance", Some("more than 10¹² cycles"), Judgement::NotMeasured),
            requirement("Logic", "levels", Some("at least two levels"), Judgement::Meets),
            requirement("Products", "retention", None, Judgement::NoNumber),
        ],
    });
    r
}
