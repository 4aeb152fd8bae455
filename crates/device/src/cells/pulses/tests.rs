use super::super::*;
use super::{CellPulse, NO_PULSE};
use crate::{
    Drive, Endurance, Faults, Noise, Onset, Pulse, PulseTable, SecondOrder, Steps, TableBounds, TableStimulus,
};
use crate::{preset, presets};
use neurohm_num::simd::{Isa, force, isa};

mod traces;

fn pulsed(law: Pulse) -> CellSpec {
    CellSpec { pulse: Some(law), ..CellSpec::ideal(0.0, 100e-6) }
}

fn read(c: &mut CellArray) -> Vec<f32> {
    let mut out = vec![0.0; c.len()];
    c.observe_into(&mut out).unwrap();
    out
}

fn moments(values: &[f32]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    (mean, (values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n).sqrt())
}

fn with_pulses() -> impl Iterator<Item = (&'static str, CellSpec)> {
    presets().iter().filter_map(|p| {
        let cell = preset(p.name).unwrap().cell?;
        cell.pulse.is_some().then_some((p.name, cell))
    })
}

#[test]
fn accumulation_has_the_moments_of_the_published_model() {
    // Of 200000 devices (dossier, section 2), in uS; from exactly 0.1 uS.
    let mut spec = preset("pcm_accumulate").unwrap().cell.unwrap();
    spec.noise = Some(Noise::Ideal {});
    let Some(Pulse::Accumulate(law)) = &mut spec.pulse else { panic!("another law") };
    law.reset_sd_s = 0.0;
    let n = 200_000;
    let mut c = CellArray::new(&spec, n, Key::root(2)).unwrap();
    assert_eq!(c.reset().unwrap(), n as u64);
    let mut taken = 0;
    for (p, mean, sd) in [
        (1, 2.056, 1.521),
        (2, 3.438, 1.972),
        (3, 4.472, 2.194),
        (5, 5.921, 2.381),
        (10, 7.832, 2.463),
        (15, 8.803, 2.549),
        (20, 9.396, 2.667),
    ] {
        c.pulse_all(0, p - taken).unwrap();
        taken = p;
        let found = moments(&read(&mut c));
        // Five standard errors of either sample, of both of which there are 200000, and the last digit printed.
        let error = 5.0 * sd * (2.0 / n as f64).sqrt() + 5e-4;
        assert!((found.0 * 1e6 - mean).abs() < error, "{p}: {found:?} {mean}");
        assert!((found.1 * 1e6 - sd).abs() < error, "{p}: {found:?} {sd}");
    }
    // A RESET forgets: the next pulse is a first one again.
    c.reset().unwrap();
    c.pulse_all(0, 1).unwrap();
    assert!((moments(&read(&mut c)).0 * 1e6 - 2.056).abs() < 0.03);
}

#[test]
fn the_nominal_accumulation_is_the_deterministic_recursion() {
    let spec = preset("pcm_accumulate").unwrap().cell.unwrap();
    let law = spec.pulse.as_ref().unwrap();
    let trace = law.trace_s(spec.g_min_s, spec.g_max_s, 0.1e-6, 0, 20);
    for (p, g) in [(1, 1.9246), (2, 3.2916), (5, 5.8048), (10, 7.759), (20, 9.3803)] {
        assert!((trace[p] * 1e6 - g).abs() < 6e-5, "{p}: {}", trace[p] * 1e6);
    }
}

/// The same bits for any number of threads, splitting of pulses, order of cells, instruction set.
#[test]
fn results_depend_on_each_cells_pulses_alone() {
    let before = isa();
    let len = 16_384 + 700;
    let start: Vec<u16> = (0..len).map(|i| [0, 1, 0, NO_PULSE][i % 4]).collect();
    let ops: Vec<CellPulse> = (0..len as u32)
        .filter(|i| i % 3 != 1)
        .map(|cell| CellPulse { cell, stimulus: (cell % 2) as u16, count: (cell % 4) as u16 })
        .collect();
    for (name, mut spec) in with_pulses() {
        spec.faults = Some(Faults { stuck_low: 0.05, stuck_high: 0.05, stuck_at: Vec::new() });
        let run = |whole: bool| {
            let mut c = CellArray::new(&spec, len, Key::root(5)).unwrap();
            c.pulse_all(0, 3).unwrap();
            c.advance(1.0).unwrap();
            if whole {
                c.pulse_each(&start).unwrap();
                c.pulse(&ops).unwrap();
                c.pulse_all(1, 1).unwrap();
                c.pulse_all(0, 2).unwrap();
            } else {
                for (cell, s) in start.iter().enumerate().filter(|(_, s)| **s != NO_PULSE) {
                    c.pulse(&[CellPulse { cell: cell as u32, stimulus: *s, count: 1 }]).unwrap();
                }
                // One by one, last cells first.
                let mut single: Vec<CellPulse> = ops
                    .iter()
                    .rev()
                    .flat_map(|op| (0..op.count).map(|_| CellPulse { count: 1, ..*op }))
                    .collect();
                let rest = single.split_off(single.len() / 3);
                c.pulse(&single).unwrap();
                c.pulse(&rest).unwrap();
                let all = |stimulus| (0..len as u32).map(move |cell| CellPulse { cell, stimulus, count: 1 });
                c.pulse(&all(1).chain(all(0)).chain(all(0)).collect::<Vec<_>>()).unwrap();
            }
            c.advance(100.0).unwrap();
            read(&mut c).into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let reference = pool(1).install(|| run(true));
        assert!(pool(3).install(|| run(true)) == reference, "{name} on three threads");
        assert!(run(false) == reference, "{name} one by one");
        for isa in Isa::available() {
            force(isa);
            assert!(run(true) == reference, "{name} on {isa:?}");
        }
        force(before);
    }
}

#[test]
fn pulsed_cells_take_at_most_32_bytes_and_unpulsed_ones_no_more_than_before() {
    for (name, spec) in with_pulses() {
        let mut c = CellArray::new(&spec, 100, Key::root(1)).unwrap();
        assert!(c.bytes_per_device() <= 8, "{name}");
        c.pulse_all(0, 1).unwrap();
        let bulk = c.bytes_per_device();
        assert!(bulk <= 12, "{name}: {bulk}");
        c.advance(1.0).unwrap();
        c.pulse(&[CellPulse { cell: 7, stimulus: 0, count: 1 }]).unwrap();
        assert!(c.bytes_per_device() <= 32, "{name}: {}", c.bytes_per_device());
    }
}

#[test]
fn a_pulse_begins_the_drift_of_its_cell_anew() {
    let mut spec = preset("pcm_accumulate").unwrap().cell.unwrap();
    spec.noise = Some(Noise::Ideal {});
    let mut c = CellArray::new(&spec, 4, Key::root(1)).unwrap();
    c.set(&[10e-6; 4]).unwrap();
    c.advance(3860.0).unwrap();
    c.pulse(&[CellPulse { cell: 2, stimulus: 0, count: 1 }]).unwrap();
    let mut g = [0.0; 4];
    c.conductances(&mut g).unwrap();
    let fresh = g[2];
    let now = read(&mut c);
    assert_eq!(now[2], fresh, "no drift at age 0");
    // 10 (3860 / 38.6)^-0.04.
    assert!((now[0] - 8.3176e-6).abs() < 2e-10, "{now:?}");
    c.advance(386.0).unwrap();
    let later = read(&mut c);
    assert!((f64::from(later[2] / fresh) - 10_f64.powf(-0.04)).abs() < 1e-5);
    assert!((f64::from(later[1]) / 10e-6 - (4246.0_f64 / 38.6).powf(-0.04)).abs() < 1e-5);
    c.pulse_all(0, 1).unwrap();
    c.conductances(&mut g).unwrap();
    assert_eq!(read(&mut c), g);
}

#[test]
fn stuck_cells_take_pulses_and_do_not_move() {
    for (name, mut spec) in with_pulses() {
        spec.faults = Some(Faults { stuck_low: 0.2, stuck_high: 0.2, stuck_at: Vec::new() });
        let mut c = CellArray::new(&spec, 2000, Key::root(3)).unwrap();
        c.pulse_all(0, 1).unwrap();
        let stuck: Vec<usize> = c.stuck().collect();
        assert!((700..900).contains(&stuck.len()), "{}", stuck.len());
        assert!((c.working() - (1.0 - stuck.len() as f64 / 2000.0)).abs() < 1e-12);
        let before = read(&mut c);
        c.pulse_all(1, 2).unwrap();
        c.pulse_each(&(0..2000).map(|i| i % 2).collect::<Vec<u16>>()).unwrap();
        let after = read(&mut c);
        assert!(stuck.iter().all(|i| before[*i] == after[*i]), "{name}");
        assert_eq!(c.stuck().collect::<Vec<_>>(), stuck);
    }
}

#[test]
fn steps_scatter_by_device_and_by_pulse_as_described() {
    let mut steps = Steps::new(-1.0, 1.0, 0.01);
    steps.c2c = 0.3;
    steps.d2d.step = 0.2;
    let spec = pulsed(Pulse::ConstantStep { steps });
    let n = 200_000;
    let mut c = CellArray::new(&spec, n, Key::root(8)).unwrap();
    c.set(&vec![50e-6; n]).unwrap();
    let mut last = read(&mut c);
    let mut steps = Vec::new();
    for _ in 0..2 {
        c.pulse_all(0, 1).unwrap();
        let now = read(&mut c);
        steps.push(now.iter().zip(&last).map(|(a, b)| (a - b) / 0.5e-6).collect::<Vec<f32>>());
        last = now;
    }
    // D |1 + 0.2 xi| (1 + 0.3 xi'): variance 0.04 + 0.09 (1 + 0.04), of which devices share 0.04.
    let variance = 0.04 + 0.09 * 1.04;
    for s in &steps {
        let (mean, sd) = moments(s);
        assert!((mean - 1.0).abs() < 0.005 && (sd / f64::sqrt(variance) - 1.0).abs() < 0.01, "{mean} {sd}");
    }
    let shared = steps[0].iter().zip(&steps[1]).map(|(a, b)| f64::from((a - 1.0) * (b - 1.0))).sum::<f64>();
    assert!((shared / n as f64 - 0.04).abs() < 0.002, "{}", shared / n as f64);
}

#[test]
fn write_noise_is_seen_and_not_accumulated() {
    let mut steps = Steps::new(-1.0, 1.0, 1e-4);
    steps.write_noise = 100.0;
    let n = 50_000;
    let mut c = CellArray::new(&pulsed(Pulse::ConstantStep { steps }), n, Key::root(8)).unwrap();
    c.set(&vec![50e-6; n]).unwrap();
    let mut reads = Vec::new();
    for _ in 0..20 {
        c.pulse_all(0, 1).unwrap();
        c.pulse_all(1, 1).unwrap();
        reads.push(read(&mut c));
    }
    // 100 steps of 1e-4 are 0.01 of weight, 0.5 uS: after the first pair as after the twentieth.
    for r in [&reads[0], &reads[19]] {
        let (mean, sd) = moments(r);
        assert!((mean - 50e-6).abs() < 0.02e-6 && (sd / 0.5e-6 - 1.0).abs() < 0.02, "{mean} {sd}");
    }
    let product = reads[0].iter().zip(&reads[19]).map(|(a, b)| f64::from((a - 50e-6) * (b - 50e-6)));
    assert!((product.sum::<f64>() / n as f64 / 0.25e-12).abs() < 5.0 / (n as f64).sqrt());
}

#[test]
fn second_order_devices_show_paired_pulse_facilitation_and_timing() {
    let law = Pulse::SecondOrder(SecondOrder {
        steps: Steps::new(-1.0, 1.0, 0.01),
        tau_s: 1e-3,
        facilitation: 2.0,
        rise: 0.5,
        prime: 1.0,
    });
    let spec = pulsed(law);
    let pair = |dt_s: f64| {
        let mut c = CellArray::new(&spec, 2, Key::root(1)).unwrap();
        c.set(&[50e-6; 2]).unwrap();
        c.pulse_all(0, 1).unwrap();
        let one = read(&mut c)[0];
        c.advance(dt_s).unwrap();
        // By either way of pulsing.
        c.pulse(&[CellPulse { cell: 0, stimulus: 0, count: 1 }]).unwrap();
        let two = read(&mut c)[0];
        f64::from((two - one) / (one - 50e-6))
    };
    for dt in [0.0, 3e-4, 1e-3, 5e-3] {
        // The formula of the law.
        let expected = 0.99 * (1.0 + 2.0 * 0.5 * (-dt / 1e-3_f64).exp());
        assert!((pair(dt) - expected).abs() < 2e-4, "{dt}: {} {expected}", pair(dt));
    }
    // A priming pulse moves nothing, and enhances what comes soon after it though the two do not overlap.
    let primed = |dt_s: f64| {
        let mut c = CellArray::new(&spec, 1, Key::root(1)).unwrap();
        c.set(&[50e-6]).unwrap();
        c.pulse_all(2, 1).unwrap();
        assert_eq!(read(&mut c), [50e-6]);
        c.advance(dt_s).unwrap();
        c.pulse_all(0, 1).unwrap();
        f64::from(read(&mut c)[0] - 50e-6) / 0.5e-6
    };
    assert!((primed(1e-3) - (1.0 + 2.0 * (-1.0_f64).exp())).abs() < 2e-4);
    assert!((primed(1.0) - 1.0).abs() < 2e-4);
}

fn table() -> Pulse {
    let stimulus = |name: &str, voltage_v: f64, mean: [f64; 3], spread: &[f64]| TableStimulus {
        name: name.into(),
        voltage_v: Some(voltage_v),
        width_s: Some(100e-9),
        mean: mean.to_vec(),
        spread: spread.to_vec(),
        d2d: 0.1,
        cycle: 0.0,
    };
    Pulse::Table(PulseTable {
        unit_s: 1e-6,
        bounds: None,
        stimuli: vec![
            stimulus("set_weak", 1.0, [2.0, 1.0, 0.0], &[0.5, 0.25]),
            stimulus("set_strong", 1.5, [8.0, 6.0, 0.0], &[]),
            stimulus("reset", -1.2, [0.0, -3.0, -4.0], &[0.3, 0.3]),
        ],
    })
}

#[test]
fn tables_step_by_their_knots() {
    let spec = pulsed(table());
    let n = 100_000;
    let mut c = CellArray::new(&spec, n, Key::root(6)).unwrap();
    // At a quarter of the range the mean is 1.5 and the spread 0.4375 uS; devices differ by 10 % of the mean.
    c.set(&vec![25e-6; n]).unwrap();
    c.pulse_all(0, 1).unwrap();
    let (mean, sd) = moments(&read(&mut c));
    let expected = (0.4375_f64.powi(2) + 0.15 * 0.15).sqrt();
    assert!((mean * 1e6 - 26.5).abs() < 0.01 && (sd * 1e6 / expected - 1.0).abs() < 0.02, "{mean} {sd}");
    let names: Vec<String> = table().stimuli().into_iter().map(|s| s.name).collect();
    assert_eq!(names, ["set_weak", "set_strong", "reset"]);
    assert_eq!(table().stimuli()[2].drive, Some(Drive { voltage_v: -1.2, width_s: 100e-9 }));
    let error = c.pulse_all(3, 1).unwrap_err().to_string();
    assert!(error.contains("0 (set_weak), 1 (set_strong), 2 (reset)"), "{error}");
}

fn now(c: &CellArray) -> Vec<f32> {
    let mut out = vec![0.0; c.len()];
    c.conductances(&mut out).unwrap();
    out
}

fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let ((ma, sa), (mb, sb)) = (moments(a), moments(b));
    let products = a.iter().zip(b).map(|(a, b)| (f64::from(*a) - ma) * (f64::from(*b) - mb));
    products.sum::<f64>() / a.len() as f64 / (sa * sb)
}

/// Steps of a tenth of the way, up and down, whose ends and gains scatter as told, and full pulses to either end.
fn scattered(bounds: TableBounds, d2d: f64, cycle: f64) -> Pulse {
    let stimulus = |name: &str, mean: [f64; 2], [d2d, cycle]: [f64; 2]| TableStimulus {
        name: name.into(),
        voltage_v: None,
        width_s: None,
        mean: mean.to_vec(),
        spread: Vec::new(),
        d2d,
        cycle,
    };
    let stimuli = vec![
        stimulus("up", [2.0, 2.0], [d2d, cycle]),
        stimulus("down", [-2.0, -2.0], [d2d, cycle]),
        stimulus("set", [100.0, 0.0], [0.0; 2]),
        stimulus("reset", [0.0, -100.0], [0.0; 2]),
    ];
    Pulse::Table(PulseTable { unit_s: 1e-6, bounds: Some(bounds), stimuli })
}

#[test]
fn ends_of_the_range_differ_by_device_and_by_cycle() {
    let bounds = TableBounds { low_d2d: 3.0, low_c2c: 1.0, high_d2d: 6.0, high_c2c: 2.0 };
    let mut spec = pulsed(scattered(bounds, 0.0, 0.0));
    spec.g_min_s = 20e-6;
    let n = 40_000;
    let mut c = CellArray::new(&spec, n, Key::root(2)).unwrap();
    let mut ends = Vec::new();
    for stimulus in [3, 2, 3, 2] {
        c.pulse_all(stimulus, 2).unwrap();
        ends.push(now(&c).iter().map(|g| g * 1e6).collect::<Vec<f32>>());
    }
    let tolerance = 4.0 / (2.0 * n as f64).sqrt();
    for (end, at, d2d, c2c) in [(0, 20.0, 3.0, 1.0), (1, 100.0, 6.0, 2.0_f64)] {
        let (first, second) = (&ends[end], &ends[end + 2]);
        let (mean, sd) = moments(first);
        let all = f64::hypot(d2d, c2c);
        assert!((mean - at).abs() < 4.0 * all / (n as f64).sqrt(), "{mean} of {at}");
        assert!((sd / all - 1.0).abs() < tolerance, "{sd} of {all}");
        let change: Vec<f32> = first.iter().zip(second).map(|(a, b)| a - b).collect();
        let (_, sd) = moments(&change);
        assert!((sd / (2.0_f64.sqrt() * c2c) - 1.0).abs() < tolerance, "{sd}");
    }
}

#[test]
fn steps_of_a_train_share_their_gain_and_those_of_the_next_have_another() {
    let n = 40_000;
    let mut c =
        CellArray::new(&pulsed(scattered(TableBounds::default(), 0.1, 0.2)), n, Key::root(3)).unwrap();
    c.pulse_all(3, 1).unwrap();
    let mut trains = Vec::new();
    for stimulus in [0, 1, 0, 1] {
        let start = now(&c);
        c.pulse_all(stimulus, 1).unwrap();
        let first = now(&c);
        c.pulse_all(stimulus, 9).unwrap();
        let last = now(&c);
        let change =
            |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (b - a).abs() * 1e6).collect::<Vec<f32>>();
        let (one, ten) = (change(&start, &first), change(&start, &last));
        // All ten alike, as far as no end is reached.
        if stimulus == 0 {
            assert!(one.iter().zip(&ten).all(|(one, ten)| (10.0 * one - ten).abs() < 1e-3));
            trains.push(one);
        }
    }
    let (mean, sd) = moments(&trains[0]);
    assert!(
        (mean - 2.0).abs() < 0.01 && (sd / (2.0 * f64::hypot(0.1, 0.2)) - 1.0).abs() < 0.02,
        "{mean} {sd}"
    );
    let r = correlation(&trains[0], &trains[1]);
    assert!((r - 0.2).abs() < 0.02, "{r}");
    // Written anew, it goes on with other trains; and every way of giving pulses gives the same ones.
    let mut one = c.clone();
    for cells in [&mut one, &mut c] {
        cells.set(&vec![0.0; n]).unwrap();
    }
    c.pulse_all(0, 1).unwrap();
    let after: Vec<f32> = now(&c).iter().map(|g| g * 1e6).collect();
    assert!((correlation(&trains[0], &after) - 0.2).abs() < 0.02);
    let ops: Vec<CellPulse> = (0..n as u32).map(|cell| CellPulse { cell, stimulus: 0, count: 1 }).collect();
    one.pulse(&ops).unwrap();
    assert_eq!(now(&one), now(&c));
}

#[test]
fn what_cannot_be_pulsed_is_refused_and_nothing_changes() {
    let mut c = CellArray::new(&CellSpec::ideal(0.0, 1e-4), 3, Key::root(1)).unwrap();
    let error = c.pulse_all(0, 1).unwrap_err();
    assert!(error == DeviceError::NoPulse && error.to_string().contains("fit --kind pulses"));
    let mut c = CellArray::new(&pulsed(table()), 3, Key::root(1)).unwrap();
    let ops = [0, 3].map(|cell| CellPulse { cell, stimulus: 0, count: 1 });
    assert_eq!(c.pulse(&ops), Err(DeviceError::Cell { cell: 3, len: 3 }));
    assert_eq!(read(&mut c), [0.0; 3]);
    assert!(c.pulse_each(&[0; 2]).is_err() && c.cycle(f64::NAN).is_err() && c.cycle(-1.0).is_err());
}

#[test]
fn worn_cells_fail_as_the_weibull_distribution_says() {
    let mut spec = pulsed(Pulse::ConstantStep { steps: Steps::new(-1.0, 1.0, 0.01) });
    spec.endurance = Some(Endurance::Sudden { onset: Onset::at(1e6, Some(2.0)), g_s: 100e-6 });
    let n = 40_000;
    let mut c = CellArray::new(&spec, n, Key::root(4)).unwrap();
    c.set(&vec![50e-6; n]).unwrap();
    // F(0.1 eta) = 0.0100 and F(eta) = 0.6321 for shape 2 (dossier); five standard errors.
    for (cycles, failed) in [(1e5, 0.0100_f64), (1e6, 0.6321)] {
        c.cycle(cycles - c.cycles(0).unwrap()).unwrap();
        let found = 1.0 - c.working();
        assert!(
            (found - failed).abs() < 5.0 * (failed * (1.0 - failed) / n as f64).sqrt(),
            "{found} {failed}"
        );
    }
    let stuck: Vec<usize> = c.stuck().collect();
    c.pulse_all(1, 1).unwrap();
    let g = read(&mut c);
    assert!(stuck.iter().all(|i| g[*i] == 100e-6));
    assert_eq!(c.cycles(0), Some(1e6 + 0.5));
}

#[test]
fn a_window_closes_under_pulses() {
    let mut spec = pulsed(Pulse::ConstantStep { steps: Steps::new(-1.0, 1.0, 0.1) });
    spec.g_min_s = 1e-6;
    spec.endurance =
        Some(Endurance::Gradual { onset: Onset::at(100.0, None), slope_on: 0.3, slope_off: -0.5 });
    let mut c = CellArray::new(&spec, 2, Key::root(4)).unwrap();
    c.cycle(10_000.0).unwrap();
    c.pulse_all(0, 100).unwrap();
    // A little more than two decades beyond the onset: at most 10^-0.6 of the range's upper end.
    let high = f64::from(read(&mut c)[0]);
    assert!((high / (100e-6 * 10_f64.powf(-0.6)) - 1.0).abs() < 2e-3, "{high}");
    c.pulse_all(1, 100).unwrap();
    let low = f64::from(read(&mut c)[0]);
    assert!((low / 10e-6 - 1.0).abs() < 1e-2, "{low}");
}

#[test]
fn symmetric_points_are_where_the_sources_put_them() {
    // EcRam is shifted so that w = 0 is symmetric; with soft bounds D (1 - w) = 0.8 D (1 + w) at w = 1/9.
    for (law, w) in [
        (preset("ecram").unwrap().cell.unwrap().pulse.unwrap(), 0.0),
        (
            Pulse::SoftBounds {
                steps: Steps { up_down: 0.2, ..Steps::new(-1.0, 1.0, 0.01) },
                additive: false,
            },
            1.0 / 9.0,
        ),
    ] {
        let s = law.steps().unwrap().clone();
        let g = law.symmetric_point_s(0.0, 1.0).unwrap();
        assert!((s.w_min + g * (s.w_max - s.w_min) - w).abs() < 1e-9, "{g}");
    }
    assert_eq!(Pulse::ConstantStep { steps: Steps::new(-1.0, 1.0, 0.1) }.symmetric_point_s(0.0, 1.0), None);
}

/// Random telegraph noise: levels, occupancy, and the Lorentzian with its corner at (1/tau_c + 1/tau_e) / 2 pi.
#[test]
fn telegraph_noise_is_a_markov_process_with_the_right_corner() {
    let mut spec = CellSpec::ideal(0.0, 100e-6);
    let (tau, p) = (2e-2, 0.3);
    spec.noise = Some(Noise::Telegraph {
        amplitude: crate::Curve::Constant(0.1),
        sigma: 0.0,
        tau_low_s: tau,
        tau_high_s: tau,
        occupancy_low: p,
        occupancy_high: p,
    });
    let (cells, reads, dt) = (512, 4096, 1e-3);
    let mut c = CellArray::new(&spec, cells, Key::root(1)).unwrap();
    c.program(&vec![50e-6; cells]).unwrap();
    let mut series = vec![Vec::with_capacity(reads); cells];
    for _ in 0..reads {
        for (s, g) in series.iter_mut().zip(read(&mut c)) {
            s.push(f64::from(g) / 50e-6 - 1.0);
        }
        c.advance(dt).unwrap();
    }
    let all: Vec<f64> = series.iter().flatten().copied().collect();
    // Two levels, 1 + 0.1 p and 1 + 0.1 (p - 1), filled for p of the time.
    assert!(all.iter().all(|g| (g - 0.03).abs() < 1e-6 || (g + 0.07).abs() < 1e-6));
    let filled = all.iter().filter(|g| **g < 0.0).count() as f64 / all.len() as f64;
    assert!((filled - p).abs() < 0.01, "{filled}");
    // Exponential correlation: exp(-dt / tau), read by read.
    let variance = all.iter().map(|g| g * g).sum::<f64>() / all.len() as f64;
    for lag in [1, 10, 40] {
        let pairs = series.iter().flat_map(|s| s.iter().zip(&s[lag..]));
        let (sum, n) = pairs.fold((0.0, 0.0), |(sum, n), (a, b)| (sum + a * b, n + 1.0));
        let expected = (-(lag as f64) * dt / tau).exp();
        assert!((sum / n / variance - expected).abs() < 0.02, "{lag}: {} {expected}", sum / n / variance);
    }
    // The corner is where the power is half that of the plateau: between 1 / (2 pi tau) less and more 10 %.
    let power = |f: f64| {
        let of = |s: &Vec<f64>| {
            let (mut re, mut im) = (0.0, 0.0);
            for (i, x) in s.iter().enumerate() {
                let t = i as f64;
                let hann = 0.5 - 0.5 * (std::f64::consts::TAU * t / reads as f64).cos();
                let (sin, cos) = (std::f64::consts::TAU * f * dt * t).sin_cos();
                re += hann * x * cos;
                im += hann * x * sin;
            }
            re * re + im * im
        };
        series.iter().map(of).sum::<f64>()
    };
    let corner = 1.0 / (std::f64::consts::TAU * tau);
    // S(f) = S(0) / (1 + (f / fc)^2) at two frequencies gives fc without the plateau.
    let (f1, f2) = (0.25 * corner, 2.0 * corner);
    let ratio = power(f1) / power(f2);
    let found = ((f2 * f2 - ratio * f1 * f1) / (ratio - 1.0)).sqrt();
    assert!((found / corner - 1.0).abs() < 0.1, "{found} {corner}");
}

#[test]
fn traps_differ_from_device_to_device() {
    let mut spec = CellSpec::ideal(0.0, 100e-6);
    spec.noise = Some(Noise::Telegraph {
        amplitude: crate::Curve::Power { factor: 0.02, exponent: -0.5, high: 0.2 },
        sigma: 0.5,
        tau_low_s: 1e-3,
        tau_high_s: 1e3,
        occupancy_low: 0.2,
        occupancy_high: 0.8,
    });
    let n = 20_000;
    let mut c = CellArray::new(&spec, n, Key::root(1)).unwrap();
    let spread = |c: &mut CellArray, g: f32| {
        c.program(&vec![g; n]).unwrap();
        c.advance(1.0).unwrap();
        let (a, mut seen) = (read(c), std::collections::BTreeSet::new());
        c.advance(1.0).unwrap();
        let b = read(c);
        seen.extend(a.iter().map(|g| g.to_bits()));
        let turned = a.iter().zip(&b).filter(|(a, b)| a != b).count() as f64 / n as f64;
        (moments(&a).1 / f64::from(g), turned, seen.len())
    };
    let (low, turned, values) = spread(&mut c, 10e-6);
    let (high, ..) = spread(&mut c, 90e-6);
    // Amplitude falls with the root of G; half of the decades of tau are shorter than a second.
    assert!((low / high - 3.0).abs() < 0.2, "{low} {high}");
    assert!((0.1..0.3).contains(&turned) && values > n / 2, "{turned} {values}");
}
