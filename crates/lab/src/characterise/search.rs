//! The pulses of the trains, found by trying.

use neurohm_device::{DeviceSpec, Drive, Operation};
use neurohm_num::{Key, Watch, stats};

use super::Protocol;
use super::probe::Probe;
use crate::{Bench, Device, LabError};

/// How much of the range a train is to traverse.
const AIM: f64 = 0.9;
/// Where the search for a width ends.
const NEAR_ENOUGH: [f64; 2] = [0.86, 0.94];
/// A train that goes less far is none: the next longer or stronger pulse is abrupt.
const WORTHWHILE: f64 = 0.5;
/// Most of the range that the largest pulse of a gradual train may take, whatever its count.
const LARGEST: f64 = 0.5;
/// Shorter pulses are not tried, s: most models claim to hold down to a nanosecond.
const SHORTEST_S: f64 = 1e-9;
/// How many times longer than the operation's own a pulse may be.
const LONGEST: f64 = 1e4;
/// Voltages that are tried, of the operation's own.
const VOLTAGES: [f64; 3] = [1.0, 0.75, 0.5];
/// Devices that are tried on, where chance tells them apart.
const SCOUTS: usize = 2;
/// Devices that tell whether a pulse goes to the end, likewise.
const PATIENTS: usize = 4;
/// How often a pulse to an end is made twice as long, at most.
const DOUBLINGS: usize = 6;
/// Steps of one bisection, at most.
const HALVINGS: u32 = 9;

/// A train that was tried.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Found {
    /// Its pulse.
    pulse: Drive,
    /// How much of the range it traverses: the mean over devices.
    reach: f64,
    /// How much of the range its largest pulse takes: the median over devices.
    largest: f64,
}

struct Search<'a> {
    bench: Bench<'a>,
    protocol: &'a Protocol,
    way: usize,
}

impl Protocol {
    /// The protocol of an operation with pulses that traverse the range gradually: such that a train of `count` takes a
    /// device 90 % of the way between its ends, and no pulse takes more than half of it. Widths are bisected on a
    /// logarithmic scale; where every width is too abrupt, lower voltages are tried, and where the shortest pulse is too
    /// strong, the voltage is bisected. A device that no pulse moves gradually gets trains of its full pulses, and a
    /// remark that says so.
    ///
    /// # Errors
    /// As [`Protocol::of`]; devices that cannot be driven; cancellation.
    pub fn search(
        spec: &DeviceSpec,
        operation: &Operation,
        count: u32,
        t_k: f64,
        key: Key,
        watch: &dyn Watch,
    ) -> Result<Protocol, LabError> {
        let mut protocol = Protocol::of(operation, count)?;
        protocol.rig.t_k = t_k;
        protocol.check()?;
        // On devices as the parameters say, so that the median device is met.
        let nominal = DeviceSpec { spread: Default::default(), ..spec.clone() };
        let alike = !nominal.scatters()?;
        let [scouts, patients] = if alike { [1, 1] } else { [SCOUTS, PATIENTS] };
        protocol.lengthen(&nominal, patients, key, watch)?;
        let mut steps = protocol.steps;
        let mut counts = protocol.count;
        let mut remarks = protocol.remarks.clone();
        watch.begin("looking for pulses", Some(2 * VOLTAGES.len() as u64));
        for (way, name) in ["raises", "lowers"].into_iter().enumerate() {
            let bench = Bench { spec: &nominal, devices: scouts, key, rig: protocol.rig, watch };
            let search = Search { bench, protocol: &protocol, way };
            let (found, best) = search.run(watch)?;
            let pulse = found.map_or(protocol.ends[way], |f| f.pulse);
            steps[way] = pulse;
            let told = |d: Drive| format!("{:.4} V for {:.3e} s", d.voltage_v, d.width_s);
            match found {
                Some(f) => remarks.push(format!(
                    "The pulse that {name} the conductance was searched for: {} takes {count} pulses for {:.0} % of the \
                     range, the largest of them {:.0} %.",
                    told(pulse),
                    100.0 * f.reach,
                    100.0 * f.largest
                )),
                None => {
                    // A train of them only shows that nothing more happens.
                    counts[way] = count.min(3);
                    remarks.push(format!(
                        "No pulse {name} the conductance gradually: {} was the best of those tried, and one of its pulses \
                         takes {:.0} % of the range. The description has the full pulse, {}, which goes to the end at once.",
                        told(best.pulse),
                        100.0 * best.largest,
                        told(pulse)
                    ));
                }
            }
        }
        protocol.steps = steps;
        protocol.count = counts;
        protocol.remarks = remarks;
        if protocol.steps == protocol.ends {
            // Nothing lies in between that these pulses could bring about.
            (protocol.levels, protocol.tolerance, protocol.most_pulses) = (2, 0.05, 1);
            protocol.remarks.push(
                "Its two ends alone were programmed: these pulses bring about nothing in between.".into(),
            );
        }
        Ok(protocol)
    }
}

impl Protocol {
    /// Makes the pulses to the ends so long that another one moves a device by less than half a per cent of the range.
    fn lengthen(
        &mut self,
        nominal: &DeviceSpec,
        patients: usize,
        key: Key,
        watch: &dyn Watch,
    ) -> Result<(), LabError> {
        let before = self.ends;
        for _ in 0..DOUBLINGS {
            let mut moved = [const { Vec::new() }; 2];
            for id in 0..patients {
                let device = Device::new(nominal, id, key)?;
                let mut probe = Probe { device, protocol: self, watch };
                let mut at = [[0.0; 2]; 2];
                for way in [0, 1, 0, 1] {
                    for at in &mut at[way] {
                        probe.pulse(self.ends[way])?;
                        *at = probe.read()?;
                    }
                }
                let range = at[0][1] - at[1][1];
                for (moved, [once, twice]) in moved.iter_mut().zip(at) {
                    moved.push((twice - once) / range);
                }
            }
            // What noise moves to and fro, a longer pulse does not mend.
            let short = [0, 1].map(|way| {
                let onward = if way == 0 { 1.0 } else { -1.0 } * stats::mean(&moved[way]);
                let scatter = if patients > 1 { stats::sd(&moved[way]) } else { 0.0 };
                onward > 5e-3 + 3.0 * scatter / (patients as f64).sqrt()
            });
            if short == [false; 2] {
                break;
            }
            for (end, short) in self.ends.iter_mut().zip(short) {
                end.width_s *= if short { 2.0 } else { 1.0 };
            }
        }
        for (end, before) in self.ends.iter_mut().zip(before) {
            if end.width_s > before.width_s {
                // Slow devices need more than the nominal one.
                end.width_s *= 2.0;
                self.remarks.push(format!(
                    "The operation's pulse of {} V for {:.3e} s does not reach the end of the range; it was made {} times as \
                     long.",
                    end.voltage_v,
                    before.width_s,
                    end.width_s / before.width_s
                ));
            }
        }
        Ok(())
    }
}

impl Search<'_> {
    /// A gradual train, if there is one, and the best that was tried.
    fn run(&self, watch: &dyn Watch) -> Result<(Option<Found>, Found), LabError> {
        let full = self.protocol.ends[self.way];
        let mut best: Option<Found> = None;
        for part in VOLTAGES {
            let voltage_v = part * full.voltage_v;
            watch.step(1)?;
            let Some(found) = self.width(voltage_v)? else { continue };
            if found.largest <= LARGEST && found.reach >= WORTHWHILE {
                return Ok((Some(found), found));
            }
            if best.is_none_or(|b| found.largest < b.largest) {
                best = Some(found);
            }
        }
        match best {
            Some(best) => Ok((None, best)),
            None => Ok((None, self.attempt(full)?)),
        }
    }

    /// The width at `voltage_v`, or the voltage at the shortest width, whose train goes nine tenths of the way; none where
    /// even the longest falls short.
    fn width(&self, voltage_v: f64) -> Result<Option<Found>, LabError> {
        let full = self.protocol.ends[self.way];
        let at = |width_s: f64| self.attempt(Drive { voltage_v, width_s });
        // From a guess outwards: most pulses are not far from the part of the full one.
        let guess = (full.width_s / f64::from(self.protocol.count[self.way])).max(SHORTEST_S);
        let (mut low, mut high) = (SHORTEST_S.min(full.width_s), f64::NAN);
        let mut width = guess;
        let mut found = at(width)?;
        if found.reach < AIM {
            low = width;
            while found.reach < AIM {
                if width >= LONGEST * full.width_s {
                    return Ok(None);
                }
                low = width;
                width *= 10.0;
                found = at(width)?;
            }
            high = width;
        } else if width > low {
            while found.reach >= AIM && width > low {
                high = width;
                width = (0.1 * width).max(low);
                found = at(width)?;
            }
            if found.reach < AIM {
                low = width;
            }
        }
        if found.reach >= AIM && width <= low {
            return self.voltage(width, voltage_v).map(Some);
        }
        for _ in 0..HALVINGS {
            if (NEAR_ENOUGH[0]..NEAR_ENOUGH[1]).contains(&found.reach) || high / low < 1.02 {
                break;
            }
            width = (low * high).sqrt();
            found = at(width)?;
            if found.reach < AIM { low = width } else { high = width }
        }
        if found.reach < WORTHWHILE { at(high).map(Some) } else { Ok(Some(found)) }
    }

    /// The voltage below `voltage_v` at which pulses of `width_s` go nine tenths of the way.
    fn voltage(&self, width_s: f64, voltage_v: f64) -> Result<Found, LabError> {
        let (mut low, mut high) = (0.0, 1.0);
        let mut found = None;
        for _ in 0..HALVINGS {
            let part = (low + high) / 2.0;
            let there = self.attempt(Drive { voltage_v: part * voltage_v, width_s })?;
            found = Some(there);
            if (NEAR_ENOUGH[0]..NEAR_ENOUGH[1]).contains(&there.reach) {
                break;
            }
            if there.reach < AIM { low = part } else { high = part }
        }
        match found.filter(|f| f.reach >= WORTHWHILE) {
            Some(found) => Ok(found),
            None => self.attempt(Drive { voltage_v: high * voltage_v, width_s }),
        }
    }

    /// Tries a train on each scout.
    fn attempt(&self, pulse: Drive) -> Result<Found, LabError> {
        let count = self.protocol.count[self.way];
        let [to, from] = if self.way == 0 { [0, 1] } else { [1, 0] };
        let quiet = Bench { watch: &neurohm_num::Unwatched, ..self.bench };
        let tries = quiet.each(|device| {
            let mut probe = Probe { device, protocol: self.protocol, watch: self.bench.watch };
            probe.pulse(self.protocol.ends[to])?;
            let end = probe.read()?;
            probe.pulse(self.protocol.ends[from])?;
            let start = probe.read()?;
            let way = |g: f64| (g - start) / (end - start);
            let (mut y, mut largest) = (0.0, 0.0_f64);
            for _ in 0..count {
                probe.pulse(pulse)?;
                let next = way(probe.read()?);
                largest = largest.max((next - y).abs());
                y = next;
                // Too far, and any more pulses show nothing.
                if y > NEAR_ENOUGH[1] {
                    break;
                }
            }
            Ok((if y.is_finite() { y } else { 1.0 }, largest))
        })?;
        let reach = tries.iter().map(|t| t.0).sum::<f64>() / tries.len() as f64;
        let mut sizes: Vec<f64> = tries.iter().map(|t| t.1).collect();
        sizes.sort_by(f64::total_cmp);
        Ok(Found { pulse, reach, largest: sizes[sizes.len() / 2] })
    }
}
