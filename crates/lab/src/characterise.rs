//! The bridge between the two faces: from equations to the statistics that arrays are made of.
//!
//! Devices of the dynamic face are pulsed, programmed, read and left alone, as on a probe station, and what they do
//! becomes a description: the range and how its ends differ, mean and spread of a step over the conductance, error of
//! program and verify, relaxation, read noise. [`replay`] plays the same trains to cells of such a description.

use neurohm_device::{
    CellSpec, DeviceError, DeviceSpec, Drive, Noise, Operation, Pulse, PulseTable, Retention, TableStimulus,
};
use neurohm_num::{Key, Watch};

use crate::{Bench, LabError, Rig, positive};

mod kept;
mod probe;
mod replay;
mod search;
mod steps;

pub use replay::Departure;

use probe::{Cycle, Probe};
use steps::{Ends, Steps};

/// Capacitance of the wires at a device behind a series resistor, F: see [`Rig::parallel_f`].
const WIRES_F: f64 = 10e-15;

/// How devices are characterised.
#[derive(Clone, Debug, PartialEq)]
pub struct Protocol {
    /// Pulses of the trains up and down.
    pub steps: [Drive; 2],
    /// Pulses that bring a device to the high and to the low end of its range.
    pub ends: [Drive; 2],
    /// Pulses of a train up and down.
    pub count: [u32; 2],
    /// A read: its voltage, and how long a repeated one takes.
    pub read: Drive,
    /// What stands around a device.
    pub rig: Rig,
    /// Cycles of each device: to the low end, a train up, to the high end, a train down. A first one is not counted.
    pub cycles: u32,
    /// Knots of the steps' curves over the conductance.
    pub knots: usize,
    /// Conductances that are programmed: the middles of so many equal parts of the range, or of two its ends.
    pub levels: u32,
    /// Pulses that program and verify may take.
    pub most_pulses: u32,
    /// Where program and verify stops, of the range.
    pub tolerance: f64,
    /// Ages at which programmed devices are read, s, rising.
    pub ages_s: Vec<f64>,
    /// Reads of a programmed device, one after the other, for its noise; fewer than three for none.
    pub reads: u32,
    /// What the search for the pulses found, for a reader.
    pub remarks: Vec<String>,
}

impl Protocol {
    /// A protocol for an operation: its SET and RESET bring a device to the ends, and pulses that are `count` times
    /// shorter make the trains.
    ///
    /// # Errors
    /// A device without a RESET: a volatile one has no conductance to keep.
    pub fn of(operation: &Operation, count: u32) -> Result<Protocol, LabError> {
        let reset = operation.reset.ok_or_else(|| DeviceError::Parameter {
            device: String::new(),
            field: "operation.reset".into(),
            problem: "is missing: a device that falls back by itself holds no conductance to characterise"
                .into(),
        })?;
        let part = |pulse: Drive| Drive { width_s: pulse.width_s / f64::from(count.max(1)), ..pulse };
        let series_ohm = operation.series_ohm.unwrap_or(0.0);
        Ok(Protocol {
            steps: [part(operation.set), part(reset)],
            ends: [operation.set, reset],
            count: [count; 2],
            read: operation.read,
            rig: Rig {
                series_ohm,
                // The limit holds while the device is set, whichever polarity does that.
                compliance_a: operation
                    .compliance_a
                    .map_or(f64::INFINITY, |limit| limit.copysign(operation.set.voltage_v)),
                parallel_f: if series_ohm > 0.0 { WIRES_F } else { 0.0 },
                ..Rig::default()
            },
            cycles: 4,
            knots: 33,
            levels: 9,
            most_pulses: 2 * count,
            tolerance: 0.01,
            ages_s: (0..=7).map(|decade| libm::pow(10.0, f64::from(decade))).collect(),
            reads: 16,
            remarks: Vec::new(),
        })
    }

    /// Where in the range the levels are.
    fn places(&self) -> Vec<f64> {
        if self.levels == 2 {
            return vec![0.0, 1.0];
        }
        (0..self.levels).map(|n| (f64::from(n) + 0.5) / f64::from(self.levels)).collect()
    }

    fn check(&self) -> Result<(), LabError> {
        for pulse in self.steps.iter().chain(&self.ends).chain([&self.read]) {
            positive("the size of a pulse's voltage", pulse.voltage_v.abs())?;
            positive("a pulse's width", pulse.width_s)?;
        }
        let least = [
            ("cycles", u64::from(self.cycles), 1),
            ("pulses of a train", u64::from(self.count[0].min(self.count[1])), 1),
            ("knots", self.knots as u64, 2),
            ("levels", u64::from(self.levels), 2),
        ];
        if let Some((name, value, least)) = least.into_iter().find(|(_, value, least)| value < least) {
            return Err(LabError::Setting(format!("there are {value} {name}; give {least} at least")));
        }
        if !self.ages_s.windows(2).all(|w| w[0] < w[1]) || self.ages_s.iter().any(|t| *t <= 0.0) {
            return Err(LabError::Setting("ages must be positive and rise".into()));
        }
        if !(self.tolerance > 0.0 && self.tolerance < 0.5) {
            let problem =
                format!("the tolerance is {}; it is a part of the range, below 0.5", self.tolerance);
            return Err(LabError::Setting(problem));
        }
        Ok(())
    }
}

/// What was found, and what a reader should know of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Characterised {
    /// The statistics. Stimuli of its pulses: 0 up, 1 down, 2 to the high end, 3 to the low end.
    pub cell: CellSpec,
    /// How many devices were measured.
    pub devices: usize,
    /// Sentences for `differences` and for a report.
    pub remarks: Vec<String>,
    /// Standard deviation of what the step's mean curve and gains leave unexplained, over the range.
    pub unexplained: f64,
    /// How far its cells depart from the devices under the trains that it was made from.
    pub departure: Departure,
}

/// A departure that a reader should know of, of the range.
const NOTABLE: f64 = 0.02;

/// Derives the statistics of a device's cells from its equations.
///
/// # Errors
/// A description without equations; a protocol that cannot be; devices that cannot be driven on, or whose conductance
/// no pulse changes; cancellation.
pub fn characterise(
    spec: &DeviceSpec,
    protocol: &Protocol,
    devices: usize,
    key: Key,
    watch: &dyn Watch,
) -> Result<Characterised, LabError> {
    protocol.check()?;
    // Where nothing scatters, one device tells what all of them do.
    let alike = !spec.scatters()?;
    let devices = if alike { 1 } else { devices.max(1) };
    watch.begin("characterising", Some(2 * devices as u64));
    let bench = Bench { spec, devices, key, rig: protocol.rig, watch };
    let all: Vec<Vec<Cycle>> = bench.each(|device| Probe { device, protocol, watch }.cycles())?;
    let ends = Ends::of(&all);
    let [low, high] = ends.mean_s;
    if high.is_nan() || high <= low * (1.0 + 1e-9) {
        return Err(LabError::Setting(format!(
            "the operation of `{}` moves no device: after {} V for {} s and {} V for {} s the conductance is {high:e} S and \
             {low:e} S; give higher voltages or longer pulses",
            spec.name,
            protocol.ends[0].voltage_v,
            protocol.ends[0].width_s,
            protocol.ends[1].voltage_v,
            protocol.ends[1].width_s
        )));
    }
    let mut remarks = protocol.remarks.clone();
    if alike {
        remarks.push(
            "Neither chance nor a spread of parameters is in the description: one device was measured."
                .into(),
        );
    }
    let mut unexplained = 0.0_f64;
    let range = (high - low) / high;
    let mut stimuli = Vec::new();
    let full = |way: usize, name: &str| TableStimulus {
        name: name.into(),
        voltage_v: Some(protocol.ends[way].voltage_v),
        width_s: Some(protocol.ends[way].width_s),
        // To the end from everywhere; how ends scatter is said by the bounds.
        mean: if way == 0 { vec![range, 0.0] } else { vec![0.0, -range] },
        spread: Vec::new(),
        d2d: 0.0,
        cycle: 0.0,
    };
    for (way, name) in ["up", "down"].into_iter().enumerate() {
        if protocol.steps[way] == protocol.ends[way] {
            stimuli.push(full(way, name));
            continue;
        }
        let steps = Steps::of(&all, way, protocol.knots);
        unexplained = unexplained.max(steps.unexplained);
        let still = steps.spread.iter().all(|s| *s < 1e-9);
        stimuli.push(TableStimulus {
            name: name.into(),
            voltage_v: Some(protocol.steps[way].voltage_v),
            width_s: Some(protocol.steps[way].width_s),
            mean: steps.mean.iter().map(|s| s * range).collect(),
            spread: if still { Vec::new() } else { steps.spread.iter().map(|s| s * range).collect() },
            d2d: steps.d2d,
            cycle: steps.cycle,
        });
    }
    stimuli.extend([full(0, "set"), full(1, "reset")]);
    let pulse = Pulse::Table(PulseTable { unit_s: high, bounds: ends.scatter(high), stimuli });

    let levels: Vec<f64> = protocol.places().into_iter().map(|place| low + (high - low) * place).collect();
    let kept = bench.each(|device| Probe { device, protocol, watch }.program(&levels, [low, high]))?;
    let (write, missed) = kept::write(&kept, &levels, high);
    if missed > 0 {
        remarks.push(format!(
            "Of {} programmings {missed} did not come within {} of the range of their target in {} pulses.",
            kept.len() * levels.len(),
            protocol.tolerance,
            protocol.most_pulses
        ));
    }
    let retention = kept::retention(&kept, &levels, high, &protocol.ages_s);
    if retention == Some(Retention::Ideal {}) {
        remarks.push(
            "Its equations let nothing relax: retention is ideal by its model, not by measurement.".into(),
        );
    }
    let noise = match protocol.reads {
        0..3 => None,
        // What reads without chance differ by is how a device relaxes.
        _ if alike => Some(Noise::Ideal {}),
        _ => Some(kept::noise(&kept, &levels, high)),
    };
    match &noise {
        None => remarks.push("Read noise was not characterised: [noise] is absent.".into()),
        Some(Noise::Ideal {}) => {
            remarks.push("Reads repeat: its equations have no noise, which a real device would have.".into());
        }
        Some(_) => remarks.push(format!(
            "Read noise is that from one read to the next, {:e} s apart; slower noise is not in it.",
            2.0 * protocol.read.width_s
        )),
    }
    let cell = CellSpec {
        g_min_s: low,
        g_max_s: high,
        write: Some(write),
        pulse: Some(pulse),
        retention,
        noise,
        endurance: None,
        faults: None,
    };
    cell.validate()?;
    let departure = Departure::of(&all, &cell, key.child("replay", 0), watch)?;
    if departure.mean > NOTABLE {
        remarks.push(format!(
            "Its cells are not these devices: after pulse {} of the train {} their mean conductance is off by {:.0} % of \
             the range. The law of steps knows a device by its conductance alone, which does not tell its state.",
            departure.pulse,
            if departure.down { "down" } else { "up" },
            100.0 * departure.mean
        ));
    }
    Ok(Characterised { cell, devices, remarks, unexplained, departure })
}

#[cfg(test)]
mod tests;
