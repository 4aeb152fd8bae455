use super::*;
use crate::multi::MultiCell;
use crate::{
    CellSpec, Curve, Deviation, Drive, Faults, Noise, Pulse, PulseTable, Steps, TableStimulus, preset,
};
use neurohm_num::Key;

const N: usize = 4000;

fn device() -> CellSpec {
    let mut steps = Steps::new(0.0, 1.0, 0.02);
    steps.c2c = 0.5;
    steps.d2d.step = 0.3;
    steps.up = Some(Drive { voltage_v: 1.5, width_s: 100e-9 });
    steps.down = Some(Drive { voltage_v: -1.2, width_s: 100e-9 });
    let pulse = Some(Pulse::PowStep { steps, gamma_up: 1.0, gamma_down: 1.0, gamma_d2d: 0.0 });
    CellSpec { pulse, ..CellSpec::ideal(1e-6, 101e-6) }
}

fn targets() -> Vec<f32> {
    (0..N).map(|i| 20e-6 + 50e-6 * (i % 100) as f32 / 100.0).collect()
}

fn sd(cells: &mut CellArray, outcome: &Outcome, target: &[f32]) -> f64 {
    let mut g = vec![0.0; N];
    cells.observe_into(&mut g).unwrap();
    let working = (0..N).filter(|i| !outcome.stuck.contains(i));
    let (sum, n) = working.fold((0.0, 0), |(sum, n), i| (sum + f64::from(g[i] - target[i]).powi(2), n + 1));
    (sum / f64::from(n)).sqrt()
}

fn run(spec: &CellSpec, program: Program) -> (CellArray, Outcome) {
    let mut cells = CellArray::new(spec, N, Key::root(7)).unwrap();
    let outcome = program.run(&mut cells, &targets()).unwrap();
    (cells, outcome)
}

fn closed() -> Program {
    Program { tolerance_s: 1e-6, max_pulses: 200, ..Program::default() }
}

#[test]
fn verifying_beats_an_open_loop_by_far() {
    let spec = device();
    let (mut open_cells, open) = run(&spec, Program { scheme: Scheme::OpenLoop, ..closed() });
    let (mut cells, outcome) = run(&spec, closed());
    let (a, b) = (sd(&mut open_cells, &open, &targets()), sd(&mut cells, &outcome, &targets()));
    assert!(b < 0.2 * a && b < 1e-6, "{a} {b}");
    assert!(outcome.failed.len() < N / 100 && outcome.stuck.is_empty(), "{}", outcome.failed.len());
    // Every cell is in the histogram, with the pulses it took.
    assert_eq!(outcome.histogram.iter().sum::<u64>(), N as u64);
    let pulses: u64 = outcome.histogram.iter().enumerate().map(|(n, cells)| n as u64 * cells).sum();
    assert_eq!(pulses, outcome.pulses.iter().map(|p| u64::from(*p)).sum::<u64>());
    // Between the energy of all pulses at the ends of the range; a microsecond and a tenth each round.
    let one = |g: f64, v: f64| v * v * g * 100e-9;
    let energy = outcome.energy_j.unwrap();
    assert!(energy > pulses as f64 * one(1e-6, 1.2) && energy < pulses as f64 * one(101e-6, 1.5), "{energy}");
    let rounds = (outcome.histogram.len() - 1) as f64;
    assert!((outcome.time_s / (rounds * 1.1e-6) - 1.0).abs() < 1e-9);
}

#[test]
fn energy_is_that_of_each_pulse() {
    let mut spec = device();
    let Some(Pulse::PowStep { steps, .. }) = &mut spec.pulse else { panic!("another law") };
    (steps.c2c, steps.d2d.step) = (0.0, 0.0);
    let mut cells = CellArray::new(&spec, 1, Key::root(7)).unwrap();
    cells.set(&[1e-6]).unwrap();
    let single = Program { scheme: Scheme::Single, ..closed() };
    let outcome = single.run(&mut cells, &[3e-6]).unwrap();
    // 1 uS and a step of 2 uS: 1.5^2 V^2 x 2 uS x 100 ns.
    assert!((outcome.energy_j.unwrap() / 4.5e-13 - 1.0).abs() < 1e-5, "{outcome:?}");
    assert_eq!((outcome.pulses, outcome.failed.len()), (vec![1], 0));
}

#[test]
fn both_branches_correct_what_one_overshoots() {
    let spec = device();
    let (_, one) = run(&spec, Program { double_branch: false, tolerance_s: 0.3e-6, ..closed() });
    let (_, two) = run(&spec, Program { tolerance_s: 0.3e-6, ..closed() });
    assert!(one.failed.len() > 10 * two.failed.len().max(1), "{} {}", one.failed.len(), two.failed.len());
    // Cells began below: what failed with one branch lies beyond its target, unless its pulses were used up.
    let target = targets();
    let gave_up = |i: &&usize| one.pulses[**i] < closed().max_pulses;
    assert!(one.failed.iter().filter(gave_up).all(|i| one.g_s[*i] > target[*i]));
    assert!(one.failed.iter().filter(gave_up).count() > 10 * two.failed.len().max(1));
}

#[test]
fn stuck_cells_are_named_and_cost_all_their_pulses() {
    let mut spec = device();
    spec.faults = Some(Faults { stuck_low: 0.03, stuck_high: 0.02, stuck_at: Vec::new() });
    let (cells, outcome) = run(&spec, Program { max_pulses: 60, ..closed() });
    assert_eq!(outcome.stuck, cells.stuck().collect::<Vec<_>>());
    assert!((150..250).contains(&outcome.stuck.len()), "{}", outcome.stuck.len());
    assert!(outcome.stuck.iter().all(|i| outcome.pulses[*i] == 60));
    assert!(outcome.failed.iter().all(|i| !outcome.stuck.contains(i)));
}

#[test]
fn incremental_pulses_grow_until_the_direction_turns() {
    let stimulus = |v: f64, step: f64| TableStimulus {
        name: format!("{v} V"),
        voltage_v: Some(v),
        width_s: Some(1e-7),
        mean: vec![step; 2],
        spread: Vec::new(),
        d2d: 0.0,
        cycle: 0.0,
    };
    let stimuli = vec![stimulus(2.0, 8.0), stimulus(1.0, 1.0), stimulus(1.5, 4.0), stimulus(-1.0, -2.0)];
    let spec = CellSpec {
        pulse: Some(Pulse::Table(PulseTable { unit_s: 1e-6, bounds: None, stimuli })),
        ..CellSpec::ideal(0.0, 1e-4)
    };
    let mut cells = CellArray::new(&spec, 1, Key::root(1)).unwrap();
    let program = Program { scheme: Scheme::Incremental, tolerance_s: 0.5e-6, ..Program::default() };
    // 1, 5, 13, 21 by ever stronger pulses, then down to 19, and with the weakest again to 20.
    let outcome = program.run(&mut cells, &[20e-6]).unwrap();
    assert_eq!(outcome.pulses, [6]);
    assert!((outcome.g_s[0] - 20e-6).abs() < 1e-10);
    // The closed loop takes the nearest step: 8, 8, 4.
    let mut cells = CellArray::new(&spec, 1, Key::root(1)).unwrap();
    let outcome = Program { scheme: Scheme::ClosedLoop, ..program }.run(&mut cells, &[20e-6]).unwrap();
    assert_eq!(outcome.pulses, [3]);
}

#[test]
fn phase_change_cells_are_programmed_by_partial_set_and_reset() {
    let mut spec = preset("pcm_accumulate").unwrap().cell.unwrap();
    spec.noise = Some(Noise::Ideal {});
    let mut cells = CellArray::new(&spec, 1000, Key::root(3)).unwrap();
    cells.reset().unwrap();
    let target = vec![6e-6; 1000];
    let program = Program { tolerance_s: 0.6e-6, max_pulses: 100, ..Program::default() };
    let outcome = program.run(&mut cells, &target).unwrap();
    assert!(outcome.failed.len() < 20, "{}", outcome.failed.len());
    assert_eq!(outcome.energy_j, None, "the source has no voltage");
}

#[test]
fn a_program_that_makes_no_sense_is_refused() {
    let spec = device();
    let mut cells = CellArray::new(&spec, 2, Key::root(3)).unwrap();
    let target = [20e-6; 2];
    for bad in [
        Program { tolerance_s: 0.0, ..closed() },
        Program { max_pulses: 0, ..closed() },
        Program { read_s: f64::NAN, ..closed() },
    ] {
        assert!(matches!(bad.run(&mut cells, &target), Err(DeviceError::Scheme { .. })), "{bad:?}");
    }
    assert!(matches!(closed().run(&mut cells, &[1.0; 2]), Err(DeviceError::Target { .. })));
    let mut ideal = CellArray::new(&CellSpec::ideal(0.0, 1e-4), 2, Key::root(3)).unwrap();
    assert_eq!(closed().run(&mut ideal, &target), Err(DeviceError::NoPulse));
}

#[test]
fn a_selection_counter_spreads_pulses_over_the_devices_of_a_cell() {
    let n = 4;
    let mut steps = Steps::new(0.0, 1.0, 0.02);
    steps.c2c = 0.5;
    let spec = CellSpec { pulse: Some(Pulse::ConstantStep { steps }), ..CellSpec::ideal(0.0, 100e-6) };
    let cells = 5000;
    let devices = CellArray::new(&spec, cells * n, Key::root(2)).unwrap();
    let mut synapses = MultiCell::new(devices, n).unwrap();
    let ops: Vec<CellPulse> =
        (0..cells as u32).map(|cell| CellPulse { cell, stimulus: 0, count: 3 }).collect();
    for _ in 0..4 {
        assert_eq!(synapses.pulse(&ops).unwrap(), 3 * cells as u64);
    }
    // 12 pulses a cell on 4 devices: 3 each. The two cells within which the counter moves on by more may differ by one.
    let taken = |device: usize| taken(synapses.devices(), device);
    assert!((0..n * cells).all(|device| (taken(device) - 3.0).abs() <= 1.0));
    assert!((0..n * cells).filter(|device| taken(*device) != 3.0).count() <= 4 * n);
    let mut g = vec![0.0; cells];
    synapses.devices_mut().observe();
    synapses.conductances(&mut g).unwrap();
    let mean = g.iter().map(|g| f64::from(*g)).sum::<f64>() / cells as f64;
    assert!((mean / 24e-6 - 1.0).abs() < 0.01, "{mean}");
    assert!(MultiCell::new(CellArray::new(&spec, 5, Key::root(2)).unwrap(), 2).is_err());
    assert!(synapses.pulse(&[CellPulse { cell: cells as u32, stimulus: 0, count: 1 }]).is_err());
}

#[test]
fn enough_pulses_are_twice_those_across_and_the_largest_step_is_the_laws() {
    // 400 equal steps of 0.0025 of the range, and a pulse at the end that moves nothing.
    let straight = |step: f64| {
        let pulse = Some(Pulse::ConstantStep { steps: Steps::new(0.0, 1.0, step) });
        CellArray::new(&CellSpec { pulse, ..CellSpec::ideal(1e-6, 101e-6) }, 1, Key::root(1)).unwrap()
    };
    let fine = straight(0.0025);
    let enough = fine.enough_pulses().unwrap();
    assert!((800..=804).contains(&enough), "{enough}");
    assert!((fine.largest_step_s().unwrap() / 0.25e-6 - 1.0).abs() < 1e-9);
    assert_eq!(straight(0.5).enough_pulses().unwrap(), 50);
    assert_eq!(straight(1e-5).enough_pulses().unwrap(), 40_000, "the search ends at 20 000");
    let silent = CellArray::new(&CellSpec::ideal(1e-6, 101e-6), 1, Key::root(1)).unwrap();
    assert!(silent.enough_pulses().is_err() && silent.largest_step_s().is_err());
}

/// Pulses that a device took: half a cycle each, beside the one in which it was put at its begin.
fn taken(devices: &CellArray, device: usize) -> f64 {
    2.0 * (devices.cycles(device).unwrap() - 1.0)
}

#[test]
fn rounds_of_the_whole_array_visit_every_device_of_every_cell_equally_often() {
    let spec = CellSpec {
        pulse: Some(Pulse::ConstantStep { steps: Steps::new(0.0, 1.0, 0.001) }),
        ..CellSpec::ideal(0.0, 100e-6)
    };
    // Numbers of cells with every divisor in common with the number of devices, and with none.
    for (cells, n) in [(8, 4), (12, 6), (10, 6), (9, 6), (7, 6), (1, 5), (6, 1), (30, 7), (1024, 2)] {
        let devices = CellArray::new(&spec, cells * n, Key::root(2)).unwrap();
        let mut array = MultiCell::new(devices, n).unwrap();
        let ops: Vec<CellPulse> =
            (0..cells as u32).map(|cell| CellPulse { cell, stimulus: 0, count: 1 }).collect();
        let rounds = 5 * n;
        for round in 1..=rounds {
            // In one call, or in two: the counter does not know calls.
            let (one, two) = ops.split_at(if round % 2 == 0 { 0 } else { cells / 3 });
            array.pulse(one).unwrap();
            array.pulse(two).unwrap();
            // At any time the devices of a cell differ by one pulse at most.
            for cell in 0..cells {
                let of = (cell * n..(cell + 1) * n).map(|d| taken(array.devices(), d));
                let (low, high) = of.fold((f64::INFINITY, 0.0_f64), |(l, h), c| (l.min(c), h.max(c)));
                assert!(high - low <= 1.0, "{cells} cells of {n}, round {round}: {low} to {high}");
            }
        }
        assert!((0..cells * n).all(|d| taken(array.devices(), d) == 5.0), "{cells} cells of {n}");
    }
}

#[test]
fn rounds_up_and_down_in_turn_give_every_device_of_a_cell_both_kinds_of_pulses() {
    let steps = Steps::new(0.0, 1.0, 1e-4);
    let spec = CellSpec { pulse: Some(Pulse::ConstantStep { steps }), ..CellSpec::ideal(0.0, 100e-6) };
    for (cells, n) in [(8, 2), (1, 2), (7, 2), (8, 4), (9, 3), (5, 6)] {
        let devices = CellArray::new(&spec, cells * n, Key::root(2)).unwrap();
        let mut array = MultiCell::new(devices, n).unwrap();
        array.devices_mut().set(&vec![50e-6; cells * n]).unwrap();
        let (mut up, mut down) = (vec![0_u32; cells * n], vec![0_u32; cells * n]);
        let rounds = 6 * n as u32;
        for round in 0..rounds {
            let stimulus = (round % 2) as u16;
            let ops: Vec<CellPulse> =
                (0..cells as u32).map(|cell| CellPulse { cell, stimulus, count: 1 }).collect();
            let before: Vec<f64> = (0..cells * n).map(|d| array.devices().written_s(d)).collect();
            array.pulse(&ops).unwrap();
            for (d, before) in before.iter().enumerate() {
                let moved = array.devices().written_s(d) - before;
                up[d] += u32::from(moved > 0.0);
                down[d] += u32::from(moved < 0.0);
            }
        }
        // Half of the rounds go up, and each is one device of the cell: all have their share of both.
        assert!(up.iter().chain(&down).all(|pulses| *pulses == 3), "{cells} cells of {n}: {up:?} {down:?}");
    }
}

#[test]
fn whoever_watches_sees_every_cell_end_and_can_stop_at_once() {
    use std::sync::atomic::{AtomicU64, Ordering};
    struct Count(AtomicU64, u64);
    impl neurohm_num::Watch for Count {
        fn step(&self, done: u64) -> Result<(), neurohm_num::Cancelled> {
            let seen = self.0.fetch_add(done, Ordering::Relaxed) + done;
            if seen > self.1 { Err(neurohm_num::Cancelled) } else { Ok(()) }
        }
    }
    let cells = targets().len();
    for scheme in [Scheme::Single, Scheme::OpenLoop, Scheme::Incremental, Scheme::ClosedLoop] {
        let program = Program { scheme, ..closed() };
        let under = |most: u64| {
            let watch = Count(AtomicU64::new(0), most);
            let devices = CellArray::new(&device(), cells, Key::root(7)).unwrap();
            let mut array = MultiCell::new(devices, 1).unwrap();
            let done = program.run_multi_watched(&mut array, &targets(), &watch);
            (done, watch.0.load(Ordering::Relaxed))
        };
        let (done, seen) = under(u64::MAX);
        assert_eq!(seen, cells as u64, "{scheme:?}");
        let devices = CellArray::new(&device(), cells, Key::root(7)).unwrap();
        let unwatched = program.run_multi(&mut MultiCell::new(devices, 1).unwrap(), &targets());
        assert_eq!(done, unwatched);
        let (stopped, seen) = under(cells as u64 / 2);
        assert_eq!(stopped, Err(DeviceError::Cancelled(neurohm_num::Cancelled)), "{scheme:?}");
        assert!(seen <= cells as u64, "{seen}");
    }
}

#[test]
fn cells_that_were_reached_and_those_still_within_are_counted_apart() {
    // Reads scatter by 1 uS, twice the tolerance: what one read sees within it, another sees outside about three times of
    // five. Pulses reach the target exactly.
    let amplitude = Deviation::Absolute { unit_s: 1e-6, curve: Curve::Polynomial(vec![1.0]) };
    let noise = Noise::White { amplitude };
    let pulse = Some(Pulse::ConstantStep { steps: Steps::new(0.0, 1.0, 0.005) });
    let spec = CellSpec { pulse, noise: Some(noise), ..CellSpec::ideal(0.0, 100e-6) };
    let n = 4000;
    let mut cells = CellArray::new(&spec, n, Key::root(5)).unwrap();
    cells.set(&vec![20e-6; n]).unwrap();
    let program = Program { tolerance_s: 0.5e-6, max_pulses: 200, ..Program::default() };
    let done = program.run(&mut cells, &vec![50e-6; n]).unwrap();
    let outside = |i: &usize| (f64::from(done.g_s[*i]) - 50e-6).abs() > 0.5e-6;
    assert_eq!(done.within, (0..n).filter(|i| !outside(i)).count());
    assert_eq!(done.reached + done.failed.len(), n);
    assert!(done.strayed.iter().all(|i| outside(i) && !done.failed.contains(i)));
    let unseen = done.failed.iter().filter(|i| !outside(i)).count();
    assert_eq!(done.within, done.reached - done.strayed.len() + unseen);
    assert!(done.strayed.len() > n / 4 && done.within < done.reached, "{} {}", done.reached, done.within);
}

#[test]
fn sparse_pulses_give_every_device_its_share_within_counting_error() {
    // Each cell takes a pulse in a round with a chance of 0.3: its devices share them like drawn lots, or more evenly.
    let (cells, n, rounds) = (64, 4, 2000);
    let spec = CellSpec {
        pulse: Some(Pulse::ConstantStep { steps: Steps::new(0.0, 1.0, 1e-6) }),
        ..CellSpec::ideal(0.0, 100e-6)
    };
    let mut array = MultiCell::new(CellArray::new(&spec, cells * n, Key::root(2)).unwrap(), n).unwrap();
    let lots = Key::root(5);
    for round in 0..rounds {
        let lot = lots.stream(neurohm_num::Purpose::Data, round);
        let drawn = (0..cells as u32).filter(|cell| lot.uniform(u64::from(*cell)) < 0.3);
        let ops: Vec<CellPulse> = drawn.map(|cell| CellPulse { cell, stimulus: 0, count: 1 }).collect();
        array.pulse(&ops).unwrap();
    }
    for cell in 0..cells {
        let of: Vec<f64> = (cell * n..(cell + 1) * n).map(|d| taken(array.devices(), d)).collect();
        let share = of.iter().sum::<f64>() / n as f64;
        for pulses in &of {
            // Binomial: variance of a share p = 1/n of m pulses is m p (1 - p).
            let error = 5.0 * (share * (1.0 - 1.0 / n as f64)).sqrt();
            assert!((pulses - share).abs() < error, "cell {cell}: {of:?}");
        }
    }
}

#[test]
fn programming_cells_of_several_devices_ends_nearer_by_the_root_of_their_number() {
    // One pulse moves a device by 2 % of its range with a spread of 0.8 %: of n devices that is an nth of the cell's
    // range. Trains without reads to half the range, 25 pulses a device, leave errors of 0.8 % sqrt(25 n) of a device's
    // range, sqrt(25 / n) 0.8 % of the cell's.
    let mut steps = Steps::new(0.0, 1.0, 0.02);
    steps.c2c = 0.4;
    let spec = CellSpec { pulse: Some(Pulse::ConstantStep { steps }), ..CellSpec::ideal(0.0, 100e-6) };
    let cells = 4000;
    for n in [1, 4, 16] {
        let mut array = MultiCell::new(CellArray::new(&spec, cells * n, Key::root(9)).unwrap(), n).unwrap();
        let middle = 50e-6 * n as f64;
        let open =
            Program { scheme: Scheme::OpenLoop, tolerance_s: 1e-9, max_pulses: 1000, ..Program::default() };
        let done = open.run_multi(&mut array, &vec![middle as f32; cells]).unwrap();
        assert!(done.pulses.iter().all(|p| usize::from(*p) == 25 * n), "{:?}", done.histogram);
        let errors: Vec<f64> = done.g_s.iter().map(|g| f64::from(*g) / middle - 1.0).collect();
        let sd = neurohm_num::stats::sd(&errors);
        let expected = 2.0 * 0.008 * (25.0 / n as f64).sqrt();
        // Sampling error of a standard deviation, five times.
        assert!((sd / expected - 1.0).abs() < 5.0 / (2.0 * cells as f64).sqrt(), "{n}: {sd} {expected}");
        assert!(done.misses.iter().all(|miss| *miss == Miss::Unverified));
    }
    // A loop reaches a band of 0.5 % of the cell's range with steps of 2 % / 16, which one device's leap over.
    let reached = |n: usize| {
        let mut array = MultiCell::new(CellArray::new(&spec, 400 * n, Key::root(9)).unwrap(), n).unwrap();
        let tolerance_s = 0.005 * 100e-6 * n as f64;
        let closed = Program { tolerance_s, max_pulses: 28 * n as u16, ..Program::default() };
        let done = closed.run_multi(&mut array, &vec![50e-6 * n as f32; 400]).unwrap();
        400 - done.failed.len()
    };
    assert_eq!(reached(16), 400);
    assert!(reached(1) < 400);
    let wide = [2e-4_f32; 2];
    let mut two = MultiCell::new(CellArray::new(&spec, 4, Key::root(9)).unwrap(), 2).unwrap();
    assert!(Program { tolerance_s: 1e-6, ..Program::default() }.run_multi(&mut two, &wide).is_ok());
    assert!(closed().run_multi(&mut two, &[2.1e-4; 2]).is_err());
}

#[test]
fn a_cell_of_one_device_is_programmed_as_the_device_is() {
    let spec = device();
    let (_, alone) = run(&spec, closed());
    let devices = CellArray::new(&spec, targets().len(), Key::root(7)).unwrap();
    let mut cells = MultiCell::new(devices, 1).unwrap();
    assert_eq!(closed().run_multi(&mut cells, &targets()).unwrap(), alone);
}

#[test]
fn every_cell_that_misses_has_its_reason() {
    let accumulate = preset("pcm_accumulate").unwrap().cell.unwrap();
    let quiet = CellSpec { noise: None, ..accumulate };
    let mut cells = CellArray::new(&quiet, 2000, Key::root(3)).unwrap();
    cells.reset().unwrap();
    // The mean step is zero at c / m = 0.88 / 0.084 uS = 10.476 uS: beyond, no stimulus raises the nominal device.
    let [low, high] = cells.reach_s().unwrap();
    assert!((low / 0.1e-6 - 1.0).abs() < 1e-9 && (high / 10.476e-6 - 1.0).abs() < 1e-3, "{low} {high}");
    let program = Program { tolerance_s: 0.4e-6, max_pulses: 80, ..Program::default() };
    let done = program.run(&mut cells, &vec![19e-6; 2000]).unwrap();
    assert_eq!(done.misses.len(), done.failed.len());
    let given_up = |i: &usize| done.pulses[*i] < 80;
    let reasons = done.failed.iter().zip(&done.misses);
    assert!(reasons.clone().filter(|(i, _)| given_up(i)).count() > 1500);
    for (i, miss) in reasons {
        assert_eq!(given_up(i), *miss == Miss::OutOfReach, "{i}: {miss:?}");
        // Where it gave up, it stands beyond the reach and below its target.
        assert!(!given_up(i) || (high..18.6e-6).contains(&f64::from(done.g_s[*i])), "{}", done.g_s[*i]);
    }
    // A cell that goes on takes a pulse in every round: it passed, gave up, or took all.
    for (i, miss) in done.failed.iter().zip(&done.misses) {
        assert!(*miss == Miss::OutOfReach || done.pulses[*i] == 80, "{i}: {miss:?}");
    }
    // One direction only: what went past stays there. Too few pulses: all on the way. A cell at its own end: d2d of the
    // upper bound lets it stop below the target.
    let straight = |step: f64| CellSpec {
        pulse: Some(Pulse::ConstantStep { steps: Steps::new(0.0, 1.0, step) }),
        ..CellSpec::ideal(0.0, 100e-6)
    };
    let all = |spec: &CellSpec, program: Program, target: f32| {
        let mut cells = CellArray::new(spec, 20, Key::root(4)).unwrap();
        program.run(&mut cells, &[target; 20]).unwrap().misses
    };
    let one_way = Program { double_branch: false, tolerance_s: 1e-6, ..Program::default() };
    assert_eq!(all(&straight(0.3), one_way, 50e-6), vec![Miss::Overshot; 20]);
    let few = Program { max_pulses: 3, tolerance_s: 1e-6, ..Program::default() };
    assert_eq!(all(&straight(0.1), few, 80e-6), vec![Miss::OutOfPulses; 20]);
    assert_eq!(all(&straight(0.3), few, 50e-6), vec![Miss::Leaping; 20]);
    let mut bounded = Steps::new(0.0, 1.0, 0.1);
    bounded.d2d.w_max = 0.2;
    let bounded =
        CellSpec { pulse: Some(Pulse::ConstantStep { steps: bounded }), ..CellSpec::ideal(0.0, 100e-6) };
    let misses = all(&bounded, Program { tolerance_s: 1e-6, ..Program::default() }, 99e-6);
    assert!(misses.contains(&Miss::AtItsEnd), "{misses:?}");
}

#[test]
fn noise_of_reads_does_not_take_a_cell_up_again_and_cells_do_not_matter_to_each_other() {
    let mut spec = preset("pcm_accumulate").unwrap().cell.unwrap();
    // The same conductances without and with cells beside them that never reach their targets.
    let program = Program { tolerance_s: 0.4e-6, max_pulses: 80, ..Program::default() };
    let run = |spec: &CellSpec, targets: &[f32]| {
        let mut cells = CellArray::new(spec, targets.len(), Key::root(3)).unwrap();
        cells.reset().unwrap();
        program.run(&mut cells, targets).unwrap()
    };
    let easy = vec![4e-6_f32; 200];
    let with_hard: Vec<f32> = easy.iter().copied().chain(vec![19e-6; 200]).collect();
    let (alone, beside) = (run(&spec, &easy), run(&spec, &with_hard));
    assert_eq!(alone.pulses, beside.pulses[..200]);
    let of_easy: Vec<usize> = beside.failed.iter().copied().filter(|i| *i < 200).collect();
    assert_eq!(alone.failed, of_easy);
    // Reads that scatter by 0.25 uS let few fail: each has 80 chances.
    assert!(alone.failed.len() < 20, "{}", alone.failed.len());
    spec.noise = None;
    assert!(run(&spec, &easy).g_s.iter().all(|g| (f64::from(*g) - 4e-6).abs() <= 0.4e-6));
}
