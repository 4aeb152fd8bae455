//! Figure 6: a network on a chip of phase-change memory over time, its weights mapped as they were trained or trained for the chip.

use neurohm_lab::LabError;
use neurohm_nn::models;
use neurohm_num::Key;
use neurohm_studies::{InferenceConfig, REGISTRY};
use neurohm_study::record::{Axis, Cell, Column, Line, Record, Series, Table};
use neurohm_study::{Draft, StudyError, execute};

use crate::claim::{Claim, Known, Published, Rule, review};
use crate::{Effort, Entry, Evidence, Setting};

pub(crate) const ENTRY: Entry = Entry {
    figure: "6",
    title: "Deep learning inference: direct mapping against training for the chip",
    about: "A residual network is trained in floating point, and trained further with the errors that weights have on this chip. \
            Both are programmed onto the default chip of phase-change devices, two a weight, 256 x 256 crossbars and 8-bit \
            converters, with one scale for the weights of a crossbar as in the experiment, and read from 20 seconds to a year \
            later with one factor a crossbar against drift; batch norms are digital. The networks are embedded ones, ResNet-8 on \
            drawn digits: losses are compared, not accuracies.",
    claims: &[
        Claim {
            key: "weights",
            claim: "Weights of ResNet-32 with 16, 28 and 56 channels and projection shortcuts",
            published: Published { words: "361,722 (Joshi et al. 2020)", known: Known::Published },
            unit: "1",
            rule: Rule::Between(361_722.0, 361_722.0),
        },
        Claim {
            key: "devices",
            claim: "Devices that hold them, two a weight",
            published: review("723,444 PCM devices in total"),
            unit: "1",
            rule: Rule::Between(723_444.0, 723_444.0),
        },
        Claim {
            key: "aware_loss",
            claim: "Training for the chip approaches floating point: points below the floating-point baseline, 20 s after programming",
            published: review("the custom training scheme approaches the floating-point base-line"),
            unit: "%",
            rule: Rule::AtMost(1.5),
        },
        Claim {
            key: "direct_loss",
            claim: "Direct mapping is not enough: points below the floating-point baseline, a day after programming",
            published: review("the direct mapping approach fails to deliver sufficient accuracy"),
            unit: "%",
            rule: Rule::AtLeast(1.5),
        },
        Claim {
            key: "ahead",
            claim: "And less than training for the chip gives: points between them after a day",
            published: review("whereas the direct mapping approach fails to deliver sufficient accuracy"),
            unit: "%",
            rule: Rule::AtLeast(0.0),
        },
        Claim {
            key: "decline",
            claim: "The decline with time is slight: points that the network trained for the chip loses from 20 s to a day",
            published: review("The slight temporal decline in accuracy"),
            unit: "%",
            rule: Rule::Between(-0.5, 2.0),
        },
        Claim {
            key: "kept",
            claim: "Accuracy is maintained over a significant duration of time: points below floating point after a year",
            published: review("close to 90% is maintained over a significant duration of time"),
            unit: "%",
            rule: Rule::AtMost(4.0),
        },
        Claim {
            key: "recalibrated_loss",
            claim: "With batch norms recalibrated a day is kept to within a point of floating point",
            published: Published {
                words: "above 93.5 % retained over a day, of 93.7 % right after mapping (Joshi et al. 2020, abstract)",
                known: Known::Published,
            },
            unit: "%",
            rule: Rule::AtMost(1.0),
        },
    ],
    run,
};

/// What is run.
struct Case {
    direct: &'static str,
    aware: &'static str,
    data: &'static str,
    images: usize,
    calibration: usize,
    chips: usize,
    times: &'static [f64],
    arms: &'static [Arm],
}

const DAY: f64 = 86_400.0;
const TIMES: [f64; 6] = [20.0, 600.0, 3_600.0, DAY, 30.0 * DAY, 365.0 * DAY];
const FEW_TIMES: [f64; 4] = [20.0, 3_600.0, DAY, 365.0 * DAY];

/// How a network is put on the chip.
struct Arm {
    name: &'static str,
    aware: bool,
    recalibrate: bool,
    per: &'static str,
}

const ARMS: [Arm; 4] = [
    Arm { name: "trained for the chip", aware: true, recalibrate: false, per: "tile" },
    Arm {
        name: "trained for the chip, batch norms recalibrated",
        aware: true,
        recalibrate: true,
        per: "tile",
    },
    Arm { name: "direct mapping", aware: false, recalibrate: false, per: "tile" },
    Arm { name: "direct mapping, a scale a column", aware: false, recalibrate: false, per: "column" },
];

fn case(effort: Effort) -> Case {
    // Chips differ more than samples do: many of the ones, few of the others.
    let (images, chips, times, arms): (_, _, &'static [f64], &'static [Arm]) = match effort {
        Effort::Full => (2000, 20, &TIMES, &ARMS),
        Effort::Quick => (200, 8, &FEW_TIMES, &ARMS[..3]),
    };
    Case {
        direct: "strokes-resnet8",
        aware: "strokes-resnet8-aware",
        data: "strokes",
        images,
        calibration: 256,
        chips,
        times,
        arms,
    }
}

/// A loss, its mean and 95 % interval over chips.
#[derive(Clone, Copy)]
struct Points {
    value: f64,
    ci95: Option<[f64; 2]>,
}

fn run(setting: &Setting) -> Result<Evidence, LabError> {
    let mut evidence = Evidence::default();
    count(&mut evidence)?;
    let case = case(setting.effort);
    evidence.caution(
        "Losses are those of ResNet-8 on drawn digits, an easier task than the review's ResNet-32 on CIFAR-10, of which only the \
         size is held against ours here.",
    );
    let records =
        case.arms.iter().map(|arm| inference(&case, arm, setting)).collect::<Result<Vec<_>, _>>()?;
    // The network that was trained in floating point, run so, is what all are held against.
    let baseline = scalar(&records[2], "digital_accuracy")?.value;
    let accuracy = |k: usize, time: &str| scalar(&records[k], &format!("accuracy_{time}"));
    let below = |p: Points| {
        let ci95 = p.ci95.map(|[low, high]| [baseline - high, baseline - low]);
        Points { value: baseline - p.value, ci95 }
    };
    let apart = |a: Points, b: Points| {
        // Different devices: half-widths add in quadrature.
        let half = |p: Points| p.ci95.map(|[low, high]| 0.5 * (high - low));
        let value = a.value - b.value;
        let ci95 = half(a).zip(half(b)).map(|(a, b)| a.hypot(b)).map(|h| [value - h, value + h]);
        Points { value, ci95 }
    };
    let (aware, recalibrated, direct) = (0, 1, 2);
    for (key, points) in [
        ("aware_loss", below(accuracy(aware, "20_s")?)),
        ("direct_loss", below(accuracy(direct, "1_day")?)),
        ("ahead", apart(accuracy(aware, "1_day")?, accuracy(direct, "1_day")?)),
        ("decline", apart(accuracy(aware, "20_s")?, accuracy(aware, "1_day")?)),
        ("kept", below(accuracy(aware, "1_year")?)),
        ("recalibrated_loss", below(accuracy(recalibrated, "1_day")?)),
    ] {
        evidence.put(key, points.value, points.ci95);
    }
    figures(&case, &records, baseline, &mut evidence)?;
    evidence.info(format!(
        "{} chips, {} test samples, the same for all. What is slight, and what sufficient, are bounds of ours: the review gives \
         words.",
        case.chips, case.images
    ));
    Ok(evidence)
}

/// Weights and devices of the published network: its convolutions, its dense layer and that layer's biases.
fn count(evidence: &mut Evidence) -> Result<(), LabError> {
    let graph = models::by_name("resnet32", &[32, 32, 3], 10, Key::root(1)).map_err(failed)?;
    let layers = graph.weighted_layers();
    let biases: usize = layers.iter().filter_map(|l| l.bias).map(|b| graph.params[b].data.len()).sum();
    let weights = layers.iter().map(|l| l.weights()).sum::<usize>() + biases;
    evidence.put("weights", weights as f64, None);
    evidence.put("devices", 2.0 * weights as f64, None);
    evidence.info("Counts of weights and devices hold no chance.");
    Ok(())
}

fn failed(error: impl std::fmt::Display) -> LabError {
    LabError::Setting(error.to_string())
}

fn inference(case: &Case, arm: &Arm, setting: &Setting) -> Result<Record, LabError> {
    let config = InferenceConfig {
        model: if arm.aware { case.aware } else { case.direct }.to_owned(),
        data: case.data.to_owned(),
        images: case.images,
        calibration: case.calibration,
        at: DAY,
        times: case.times.to_vec(),
        compare_compensation: false,
        batch_norm: neurohm_studies::BatchNorm::Digital,
        recalibrate: arm.recalibrate,
        ..InferenceConfig::default()
    };
    let config = toml::Table::try_from(&config).map_err(failed)?;
    let draft = Draft {
        study: Some("inference".into()),
        chip: Some("default".into()),
        config: vec![("figure 6".into(), config)],
        set: vec![format!("chip.mapping.per={}", arm.per)],
        seed: Some(setting.seed),
        chips: Some(case.chips),
        ablate: Some(false),
        ..Draft::default()
    };
    let (study, request) = draft.resolve(REGISTRY, setting.inputs).map_err(failed)?;
    let finding = execute(study, &request, setting.inputs, setting.watch).map_err(|e| match e {
        StudyError::Cancelled => LabError::from(neurohm_num::Cancelled),
        e => failed(e),
    })?;
    Ok(finding.record)
}

fn scalar(record: &Record, name: &str) -> Result<Points, LabError> {
    let found =
        record.scalars.get(name).ok_or_else(|| failed(format!("the record of a run has no {name}")))?;
    Ok(Points { value: found.value, ci95: found.ci95 })
}

fn figures(case: &Case, records: &[Record], baseline: f64, evidence: &mut Evidence) -> Result<(), LabError> {
    let mut lines = Vec::new();
    let mut rows = Vec::new();
    for (arm, record) in case.arms.iter().zip(records) {
        let series = record.series.iter().find(|s| s.name == "accuracy_over_time");
        let line = series.and_then(|s| s.lines.first());
        let line = line.ok_or_else(|| failed("a run has no accuracy over time"))?;
        lines.push(Line { name: arm.name.into(), ..line.clone() });
        let cell = |(k, value): (usize, &f64)| match (line.low.get(k), line.high.get(k)) {
            (Some(low), Some(high)) => Cell::Uncertain { value: *value, ci95: [*low, *high] },
            _ => Cell::Number(*value),
        };
        let digital = Cell::Number(scalar(record, "digital_accuracy")?.value);
        let first = [Cell::Text(arm.name.into()), digital];
        rows.push(first.into_iter().chain(line.y.iter().enumerate().map(cell)).collect());
    }
    lines.push(Line::new("floating point", case.times.to_vec(), vec![baseline; case.times.len()]).dashed());
    evidence.series.push(Series {
        name: "figure_6".into(),
        caption: "Test accuracy against time since programming; mean and 95 % interval over chips.".into(),
        x: Axis::logarithmic("time since programming", "s"),
        y: Axis::linear("accuracy", "%"),
        lines,
    });
    let time = |t: &f64| neurohm_num::quantity::format(*t, neurohm_num::quantity::Dimension::Second);
    let columns =
        ["network".to_string(), "digitally".to_string()].into_iter().chain(case.times.iter().map(time));
    let unit = |name: &str| if name == "network" { String::new() } else { "%".to_string() };
    evidence.tables.push(Table {
        name: "figure_6_accuracy".into(),
        caption: "The same as numbers, beside each network's own accuracy without a chip.".into(),
        columns: columns.map(|name| Column { unit: unit(&name), name }).collect(),
        rows,
    });
    Ok(())
}
