use super::*;
use crate::multi::MultiCell;
use crate::{CellSpec, Drive, Faults, Noise, Pulse, PulseTable, Steps, TableStimulus, preset};
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
    // The counter goes on over calls and cells: 3 pulses a cell leave each cell's next device another one.
    let ops: Vec<CellPulse> =
        (0..cells as u32).map(|cell| CellPulse { cell, stimulus: 0, count: 3 }).collect();
    for _ in 0..4 {
        assert_eq!(synapses.pulse(&ops).unwrap(), 3 * cells as u64);
    }
    assert_eq!(synapses.counter(), 12 * cells as u64);
    // 12 pulses a cell on 4 devices: 3 each, as cells times 3 is a multiple of 4.
    assert_eq!(synapses.devices().cycles(0), synapses.devices().cycles(n * cells - 1));
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
