//! The round trip: what cells of a description do has the moments of what fresh devices of the model do.

use neurohm_device::compact::{ParameterSpread, Parameters};
use neurohm_device::{CellArray, Pulse, preset};
use neurohm_num::{Unwatched, stats};

use super::replay::replay;
use super::*;
use crate::Moments;

/// Devices of one kind: how many describe it, and how many others it is held against.
struct Case {
    spec: DeviceSpec,
    protocol: Protocol,
    devices: usize,
}

/// What fresh devices did: conductances after each pulse of a train up and one down, and reached levels, device by device.
struct Fresh {
    trains: [Vec<Vec<f64>>; 2],
    levels: Vec<f64>,
    reached: Vec<Vec<f64>>,
}

fn case(name: &str, change: impl Fn(&mut DeviceSpec), count: u32, devices: usize) -> Case {
    let mut spec = preset(name).unwrap();
    change(&mut spec);
    let operation = spec.operation.clone().unwrap();
    let mut protocol = Protocol::search(&spec, &operation, count, 300.0, Key::root(1), &Unwatched).unwrap();
    (protocol.ages_s, protocol.reads, protocol.levels) = (Vec::new(), 0, protocol.levels.min(3));
    Case { spec, protocol, devices }
}

fn spread(spec: &mut DeviceSpec, parameter: &str, d2d: f64, c2c: f64) {
    spec.spread.insert(parameter.to_owned(), ParameterSpread { d2d, c2c });
}

impl Case {
    fn characterised(&self) -> Characterised {
        characterise(&self.spec, &self.protocol, self.devices, Key::root(2), &Unwatched).unwrap()
    }

    /// The same trains as [`replayed`](Self::replayed), on other devices: one cycle goes before.
    fn fresh(&self, cell: &CellSpec) -> Fresh {
        let (spec, protocol) = (&self.spec, &self.protocol);
        let range = [cell.g_min_s, cell.g_max_s];
        let levels: Vec<f64> =
            protocol.places().into_iter().map(|place| range[0] + place * (range[1] - range[0])).collect();
        let bench =
            Bench { spec, devices: self.devices, key: Key::root(3), rig: protocol.rig, watch: &Unwatched };
        let done = bench.each(|device| {
            let mut probe = Probe { device, protocol, watch: &Unwatched };
            probe.pulse(protocol.ends[0])?;
            probe.pulse(protocol.ends[1])?;
            let up = probe.train(protocol.steps[0], protocol.count[0])?;
            let down = probe.train(protocol.steps[1], protocol.count[1])?;
            let kept = probe.program(&levels, range)?;
            Ok(([up, down], kept.iter().map(|k| k.reached_s).collect::<Vec<f64>>()))
        });
        let done = done.unwrap();
        let by_pulse = |way: usize| -> Vec<Vec<f64>> {
            let pulses = 0..=protocol.count[way] as usize;
            pulses.map(|k| done.iter().map(|d| d.0[way][k]).collect()).collect()
        };
        let reached = (0..levels.len()).map(|n| done.iter().map(|d| d.1[n]).collect()).collect();
        Fresh { trains: [by_pulse(0), by_pulse(1)], levels, reached }
    }

    fn replayed(&self, cell: &CellSpec) -> Vec<Vec<Moments>> {
        let [up, down] = self.protocol.count;
        let trains = [(2, 1), (3, 1), (0, up), (1, down)];
        replay(cell, 40_000, &trains, Key::root(4), &Unwatched).unwrap()[2..].to_vec()
    }

    /// Where the moments of a description's cells are not those of fresh devices. They agree if they differ by at most
    /// four standard errors (of both samples of devices; of a standard deviation by the fourth moment, that of a normal
    /// number at least) plus `bias` of the range, which is what the law may be wrong by.
    fn disagreements(&self, cell: &CellSpec, fresh: &Fresh, bias: f64) -> Vec<String> {
        let range = cell.g_max_s - cell.g_min_s;
        let mut out = Vec::new();
        let mut hold = |what: String, devices: &[f64], cells: Moments| {
            let n = devices.len() as f64;
            let (mean, sd) = (stats::mean(devices), stats::sd(devices));
            let fourth = devices.iter().map(|g| (g - mean).powi(4)).sum::<f64>() / n;
            let kurtosis = f64::max(fourth / sd.powi(4), 3.0);
            // Both the description and the comparison stand on so many devices.
            let error = sd * (2.0 / n).sqrt();
            for (moment, of_devices, of_cells, error) in [
                ("mean", mean, cells.mean_s, error),
                ("sd", sd, cells.sd_s, error * ((kurtosis - 1.0) / 4.0).sqrt()),
            ] {
                let most = 4.0 * error + bias * range;
                let off = (of_cells - of_devices).abs();
                let line = format!(
                    "{what}: {moment} {:.4} of devices, {:.4} of cells, off by {:.4} of at most {:.4}",
                    of_devices / range,
                    of_cells / range,
                    off / range,
                    most / range
                );
                if off > most || off.is_nan() {
                    out.push(line);
                }
            }
        };
        let replayed = self.replayed(cell);
        for (way, train) in replayed.iter().enumerate() {
            let count = train.len() - 1;
            let mut shown = vec![1, count.div_ceil(4), count.div_ceil(2), count];
            shown.dedup();
            for k in shown {
                hold(format!("way {way} pulse {k}"), &fresh.trains[way][k], train[k]);
            }
        }
        let each = 4000;
        let targets: Vec<f32> =
            fresh.levels.iter().flat_map(|level| std::iter::repeat_n(*level as f32, each)).collect();
        let mut array = CellArray::new(cell, targets.len(), Key::root(5)).unwrap();
        array.program(&targets).unwrap();
        let mut g = vec![0.0; targets.len()];
        array.conductances(&mut g).unwrap();
        for (n, g) in g.chunks(each).enumerate() {
            let g: Vec<f64> = g.iter().map(|g| f64::from(*g)).collect();
            let cells = Moments { mean_s: stats::mean(&g), sd_s: stats::sd(&g) };
            hold(format!("level {n}"), &fresh.reached[n], cells);
        }
        out
    }

    /// The round trip, and that the comparison refuses descriptions that are wrong.
    fn comes_back(&self, bias: f64) -> Characterised {
        let done = self.characterised();
        let fresh = self.fresh(&done.cell);
        assert!(done.departure.mean < NOTABLE, "{:?}", done.departure);
        let found = self.disagreements(&done.cell, &fresh, bias);
        assert!(found.is_empty(), "{found:#?}");
        for (name, wrong) in
            [("doubled spread", scaled(&done.cell, 2.0)), ("no spread", scaled(&done.cell, 0.0))]
        {
            assert!(!self.disagreements(&wrong, &fresh, bias).is_empty(), "{name} passes");
        }
        done
    }
}

/// A description whose pulses scatter by another factor.
fn scaled(cell: &CellSpec, factor: f64) -> CellSpec {
    let mut cell = cell.clone();
    let Some(Pulse::Table(table)) = &mut cell.pulse else { panic!("no table") };
    if let Some(b) = &mut table.bounds {
        for sd in [&mut b.low_d2d, &mut b.low_c2c, &mut b.high_d2d, &mut b.high_c2c] {
            *sd *= factor;
        }
    }
    for s in &mut table.stimuli {
        s.d2d *= factor;
        s.cycle *= factor;
        s.spread.iter_mut().for_each(|v| *v *= factor);
    }
    cell
}

/// Largest single pulse of a train of the nominal device, of the range, and how far the train goes.
fn train(case: &Case, way: usize) -> (f64, f64) {
    let protocol = &case.protocol;
    let nominal = DeviceSpec { spread: Default::default(), ..case.spec.clone() };
    let device = crate::Device::new(&nominal, 0, Key::root(9)).unwrap();
    let mut probe = Probe { device, protocol, watch: &Unwatched };
    let mut end = |way: usize| {
        probe.pulse(protocol.ends[way]).unwrap();
        probe.read().unwrap()
    };
    let (to, from) = (end(way), end(1 - way));
    let train = probe.train(protocol.steps[way], protocol.count[way]).unwrap();
    let y: Vec<f64> = train.iter().map(|g| (g - from) / (to - from)).collect();
    (y.windows(2).map(|w| w[1] - w[0]).fold(0.0, f64::max), *y.last().unwrap())
}

/// Bias 1 % of the range: gains are normal in the law and lognormal in the devices, and the ends of the resistance, which
/// scatter, bend the way between them.
#[test]
fn vteam_comes_back() {
    let mut case = case(
        "vteam_memtorch",
        |spec| {
            spread(spec, "k_on", 0.1, 0.1);
            spread(spec, "k_off", 0.1, 0.1);
            spread(spec, "r_on", 0.05, 0.0);
        },
        40,
        96,
    );
    for way in [0, 1] {
        let (largest, reach) = train(&case, way);
        assert!(largest <= 0.5 && (0.8..=0.97).contains(&reach), "{largest} {reach}");
    }
    case.protocol.reads = 4;
    let done = case.comes_back(0.01);
    assert_eq!(done.cell.noise, Some(Noise::Ideal {}));
    assert!(done.remarks.iter().any(|r| r.contains("searched")), "{:?}", done.remarks);
}

/// Bias 1 % of the range: what noise does to the gap is no normal number of the conductance.
#[test]
fn stanford_pku_comes_back() {
    let mut case = case(
        "stanford_pku_v1",
        |spec| {
            assert!(spec.compact.as_mut().unwrap().set_parameter("noise", 5e-8));
            spread(spec, "velocity", 0.1, 0.0);
        },
        20,
        64,
    );
    case.protocol.reads = 4;
    let done = case.comes_back(0.01);
    assert!(matches!(done.cell.noise, Some(Noise::White { .. })), "{:?}", done.cell.noise);
}

/// Bias 0.2 % of the range. A full pulse goes to the end at once, whatever is tried: see what is remarked.
#[test]
fn jart_vcm_comes_back() {
    let mut case = case("jart_vcm_v1b_var", |_| (), 4, 24);
    case.protocol.cycles = 2;
    let done = case.comes_back(0.002);
    assert_eq!(done.remarks.iter().filter(|r| r.contains("gradually")).count(), 2, "{:?}", done.remarks);
}

/// Bias 0.2 % of the range. A dome's resistance is in series with the cell's: in conductance all of a SET happens as the
/// last nanometre goes, and a RESET at its first pulse. Trains of eight find no gradual pulse, which is what is tested; one of
/// four does find one, of which the law of steps by the conductance is no description: before the last nanometre the
/// conductance does not tell how thick the dome is.
#[test]
fn pcm_mushroom_comes_back() {
    let mut case = case(
        "pcm_mushroom_gst_90nm",
        |spec| {
            spread(spec, "r_set", 0.05, 0.0);
            spread(spec, "growth", 0.1, 0.05);
        },
        8,
        20,
    );
    assert_eq!(case.protocol.rig.series_ohm, 10e3);
    case.protocol.cycles = 3;
    case.comes_back(0.002);
}

/// Parts of a SET thin the dome of a mushroom cell pulse by pulse, and its conductance not until the last of them: that
/// the cells of such steps are not these devices has to be said.
#[test]
fn what_the_law_cannot_describe_is_said() {
    let mut case = case("pcm_mushroom_gst_90nm", |spec| spread(spec, "growth", 0.1, 0.05), 4, 6);
    let operation = case.spec.operation.clone().unwrap();
    let searched = std::mem::replace(&mut case.protocol, Protocol::of(&operation, 8).unwrap());
    (case.protocol.ends, case.protocol.ages_s, case.protocol.reads) = (searched.ends, Vec::new(), 0);
    (case.protocol.levels, case.protocol.steps[0].width_s) = (2, 10e-9);
    let done = case.characterised();
    assert!(done.departure.mean > NOTABLE, "{:?}", done.departure);
    assert!(done.remarks.iter().any(|r| r.contains("not these devices")), "{:?}", done.remarks);
}

#[test]
fn what_cannot_be_characterised_is_said() {
    let spec = preset("vteam_memtorch").unwrap();
    let operation = spec.operation.clone().unwrap();
    let refused = |change: fn(&mut Protocol)| {
        let mut protocol = Protocol::of(&operation, 10).unwrap();
        change(&mut protocol);
        characterise(&spec, &protocol, 1, Key::root(1), &Unwatched).unwrap_err().to_string()
    };
    assert!(refused(|p| p.cycles = 0).contains("0 cycles"));
    assert!(refused(|p| p.ages_s = vec![2.0, 1.0]).contains("ages"));
    assert!(refused(|p| p.tolerance = f64::NAN).contains("tolerance"));
    assert!(refused(|p| p.ends[0].width_s = 0.0).contains("width"));
    let still = refused(|p| {
        for end in p.ends.iter_mut().chain(&mut p.steps) {
            end.voltage_v = 1e-3;
        }
    });
    assert!(still.contains("moves no device"), "{still}");
    let volatile = Operation { reset: None, ..operation.clone() };
    assert!(Protocol::of(&volatile, 10).unwrap_err().to_string().contains("operation.reset"));
    let ideal = preset("ideal").unwrap();
    assert!(
        characterise(&ideal, &Protocol::of(&operation, 10).unwrap(), 1, Key::root(1), &Unwatched).is_err()
    );
}

/// Constant steps of a known spread: the replayed moments are those of a sum of independent numbers, and a part of the
/// trains gives the same numbers again.
#[test]
fn replayed_cells_add_up_their_steps() {
    let mut cell = CellSpec::ideal(0.0, 100e-6);
    let stimulus = TableStimulus {
        name: "up".into(),
        voltage_v: None,
        width_s: None,
        mean: vec![1.0; 2],
        spread: vec![0.5; 2],
        d2d: 0.2,
        cycle: 0.0,
    };
    cell.pulse = Some(Pulse::Table(PulseTable { unit_s: 1e-6, bounds: None, stimuli: vec![stimulus] }));
    cell.g_max_s = 100e-6;
    let n = 50_000;
    // The first pulses bring the cells away from the low end, which holds some of them.
    let trains = replay(&cell, n, &[(0, 20), (0, 30)], Key::root(1), &Unwatched).unwrap();
    let (from, to) = (trains[1][0], trains[1][30]);
    assert_eq!(trains[0][20], from);
    assert!(((to.mean_s - from.mean_s) * 1e6 / 30.0 - 1.0).abs() < 0.01);
    let variance = |m: Moments| (m.sd_s * 1e6).powi(2);
    let grown = 30.0 * 0.25 + 0.04 * (50.0_f64.powi(2) - 20.0_f64.powi(2));
    assert!(((variance(to) - variance(from)) / grown - 1.0).abs() < 0.04);
    assert!(replay(&cell, 3, &[(1, 1)], Key::root(1), &Unwatched).is_err());
}
