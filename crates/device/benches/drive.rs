//! How long a cell takes for one period of its own sine, by model.

use neurohm_device::compact::{Drive, Waveform, drive, published};
use neurohm_num::Key;

fn main() {
    divan::main();
}

const SETS: [&str; 7] = [
    "linear_ion_drift/biolek",
    "vteam/memtorch",
    "yakopcic/oblea_sine",
    "stanford_pku/v1",
    "mean_metastable_switch/knowm",
    "nbo2_threshold/usual",
    "team/pickett",
];

#[divan::bench(args = SETS)]
fn ten_periods(bencher: divan::Bencher, name: &str) {
    let set = published().iter().find(|s| s.name == name).unwrap();
    let frequency_hz = set.behaviour.frequency_hz;
    let waveform = Waveform::Sine { amplitude_v: set.behaviour.amplitude_v, frequency_hz, offset_v: 0.0 };
    let t_end_s = 10.0 / frequency_hz;
    let how = Drive { waveform: &waveform, t_end_s, t_k: 300.0, max_step_s: t_end_s };
    bencher.bench(|| {
        let mut bank = set.dynamic().bank(1, Key::root(0)).unwrap();
        drive(bank.as_mut(), &how).unwrap()
    });
}
