//! The datasheet of a device: what its description says of it, as numbers, by simulation or in closed form.
//!
//! A property comes from the statistics of the cells where they have it, else from the equations; what neither has is
//! "not measured", with what would give it. `KINDS` lists the properties, `statistics` and `equations` find them.

mod equations;
mod levels;
mod statistics;
mod trains;

use std::collections::BTreeMap;

use neurohm_device::DeviceSpec;
use neurohm_num::{Key, Watch};
use neurohm_study::record::Better::{Higher, Lower};
use neurohm_study::record::{Better, Datasheet, Property, Status};

use crate::LabError;

/// Method and defaults of the datasheet.
pub const REVISION: u32 = 2;
/// Part of the reads that may fall to a neighbouring level.
pub const ERROR_RATE: f64 = 1e-3;
/// A state is kept until it has moved by this part of the range.
pub const MOVED: f64 = 0.1;
/// Age at which aged levels are told apart, s.
pub const AGED_S: f64 = 86_400.0;
/// Longest time that retention is looked at, s: ten years of 365 days.
pub const LONGEST_S: f64 = 10.0 * 365.0 * 86_400.0;
/// 85 C, the usual temperature of retention tests, in K.
const HOT_K: f64 = 358.15;
/// Room temperature, K.
const ROOM_K: f64 = 300.0;

/// How thorough a datasheet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// Arrays that are sampled; intervals are over them.
    pub arrays: u32,
    /// Cells a level in each array.
    pub cells: u32,
    /// Devices that are simulated by their equations.
    pub devices: u32,
}

impl Depth {
    /// A tenth of a second.
    pub const QUICK: Depth = Depth { arrays: 8, cells: 1024, devices: 8 };
    /// Seconds.
    pub const FULL: Depth = Depth { arrays: 32, cells: 4096, devices: 64 };
}

/// What a datasheet is made from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub spec: &'a DeviceSpec,
    pub depth: Depth,
    pub key: Key,
    pub watch: &'a dyn Watch,
}

/// A property as the datasheet lists it.
struct Kind {
    name: &'static str,
    group: &'static str,
    about: &'static str,
    unit: &'static str,
    better: Option<Better>,
    /// What would give it where the description has nothing.
    remedy: &'static str,
}

const RANGE: &str = "give [cell] the range of conductance, or [compact.MODEL] and [operation]";
const PULSES: &str = "`neurohm device fit --kind pulses` finds it from measured pulse trains";
const PROGRAMMING: &str = "`neurohm device fit --kind programming` finds it from measured levels";
const KEPT: &str = "`neurohm device fit --kind retention` finds it from states read at several ages";
/// What characterising equations gives.
const CHARACTERISED: [&str; 4] = ["levels", "levels_aged", "write_error", "step_spread"];
const OPERATION: &str = "it takes [compact.MODEL] and [operation], or pulses with voltage and width";
const CYCLED: &str =
    "cycle devices until they fail and give [endurance] the Weibull scale and shape of their lives";

const fn kind(
    name: &'static str,
    group: &'static str,
    about: &'static str,
    unit: &'static str,
    better: Option<Better>,
    remedy: &'static str,
) -> Kind {
    Kind { name, group, about, unit, better, remedy }
}

/// The properties, in the order of a datasheet.
#[rustfmt::skip]
static KINDS: &[Kind] = &[
    kind("on_off_ratio", "Range", "On/off ratio", "1", Some(Higher), RANGE),
    kind("levels", "Range", "Levels told apart when fresh", "levels", Some(Higher), PROGRAMMING),
    kind("levels_aged", "Range", "Levels told apart after a day", "levels", Some(Higher), PROGRAMMING),
    kind("on_spread", "Range", "Spread of the on state", "%", Some(Lower), PROGRAMMING),
    kind("off_spread", "Range", "Spread of the off state", "%", Some(Lower), PROGRAMMING),
    kind("write_error", "Programming", "Programming error at mid-range", "% of range", Some(Lower), PROGRAMMING),
    kind("pulses_up", "Programming", "Pulses over the range, up", "1", Some(Higher), PULSES),
    kind("pulses_down", "Programming", "Pulses over the range, down", "1", Some(Higher), PULSES),
    kind("nonlinearity_up", "Programming", "Nonlinearity of potentiation", "1", Some(Lower), PULSES),
    kind("nonlinearity_down", "Programming", "Nonlinearity of depression", "1", Some(Lower), PULSES),
    kind("asymmetry", "Programming", "Asymmetry of up and down", "1", Some(Lower), PULSES),
    kind("step_spread", "Programming", "Spread of a step, cycle to cycle", "% of step", None, PULSES),
    kind("retention", "Keeping", "Retention at 300 K", "s", Some(Higher), KEPT),
    kind("retention_85c", "Keeping", "Retention at 85 °C", "s", Some(Higher), KEPT),
    kind("read_noise", "Keeping", "Read noise at mid-range", "%", Some(Lower),
        "`neurohm device fit --kind noise` finds it from a series of reads"),
    kind("endurance_first", "Wear", "Endurance of 99 % of the cells", "cycles", Some(Higher), CYCLED),
    kind("endurance_half", "Wear", "Endurance of half of the cells", "cycles", Some(Higher), CYCLED),
    kind("yield", "Wear", "Cells that work", "%", Some(Higher), "count stuck cells and give [faults] their parts"),
    kind("set_time", "Switching", "Switching time of SET", "s", Some(Lower), OPERATION),
    kind("reset_time", "Switching", "Switching time of RESET", "s", Some(Lower), OPERATION),
    kind("set_energy", "Switching", "Energy of a SET", "J", Some(Lower), OPERATION),
    kind("reset_energy", "Switching", "Energy of a RESET", "J", Some(Lower), OPERATION),
];

/// What was found of a property.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    status: Status,
    value: Option<f64>,
    ci95: Option<[f64; 2]>,
    how: String,
}

impl Reading {
    fn exact(value: f64, how: impl Into<String>) -> Reading {
        Reading { status: Status::Value, value: Some(value), ci95: None, how: how.into() }
    }

    fn sampled(value: f64, ci95: Option<[f64; 2]>, how: impl Into<String>) -> Reading {
        Reading { ci95, ..Reading::exact(value, how) }
    }

    fn bound(status: Status, value: f64, how: impl Into<String>) -> Reading {
        Reading { status, ..Reading::exact(value, how) }
    }

    fn without(status: Status, how: impl Into<String>) -> Reading {
        Reading { status, value: None, ci95: None, how: how.into() }
    }

    fn unknown(how: impl Into<String>) -> Reading {
        Reading::without(Status::NotMeasured, how)
    }
}

/// Readings by the properties' names. A face that has nothing to say of a property leaves it out.
pub(crate) type Readings = BTreeMap<&'static str, Reading>;

/// The properties of a device. Requirements of applications are no business of the bench and stay empty.
///
/// # Errors
/// A description that physics does not allow, or cancellation. A property that cannot be found is a row that says why.
pub fn datasheet(
    spec: &DeviceSpec,
    depth: Depth,
    key: Key,
    watch: &dyn Watch,
) -> Result<Datasheet, LabError> {
    spec.validate()?;
    watch.begin("datasheet", None);
    let source = Source { spec, depth, key, watch };
    let mut found = match &spec.cell {
        Some(cell) => statistics::read(cell, &source)?,
        None => Readings::new(),
    };
    if spec.compact.is_some() {
        for (name, reading) in equations::read(&source)? {
            let missing = found.get(name).is_none_or(|r| r.status == Status::NotMeasured);
            if missing && (reading.status != Status::NotMeasured || !found.contains_key(name)) {
                found.insert(name, reading);
            }
        }
    }
    let property = |kind: &Kind| {
        let reading = found.remove(kind.name).unwrap_or_else(|| Reading::unknown(""));
        let derives = spec.compact.is_some() && spec.cell.is_none() && CHARACTERISED.contains(&kind.name);
        let how = match (reading.status, reading.how.as_str()) {
            (Status::NotMeasured, "") if derives => {
                format!("`neurohm device characterise {}` derives it from the equations.", spec.name)
            }
            (Status::NotMeasured, "") => format!("Not in the description; {}.", kind.remedy),
            // A whole sentence says itself what to do.
            (Status::NotMeasured, why) if !why.ends_with('.') => format!("{why}; {}.", kind.remedy),
            _ => reading.how,
        };
        Property {
            name: kind.name.into(),
            group: kind.group.into(),
            about: kind.about.into(),
            status: reading.status,
            value: reading.value,
            ci95: reading.ci95,
            unit: kind.unit.into(),
            better: kind.better,
            how,
        }
    };
    Ok(Datasheet { properties: KINDS.iter().map(property).collect(), requirements: Vec::new() })
}

/// Relative half-width of the 95 % interval of a standard deviation from `n` normal samples: 1.96 / sqrt(2 (n - 1)).
fn of_spread(n: usize) -> f64 {
    1.96 / (2.0 * (n as f64 - 1.0).max(1.0)).sqrt()
}

fn around(value: f64, relative: f64) -> Option<[f64; 2]> {
    (value > 0.0).then_some([value * (1.0 - relative), value * (1.0 + relative)])
}

#[cfg(test)]
mod tests;
