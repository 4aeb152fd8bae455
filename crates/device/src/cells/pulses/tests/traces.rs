//! Noise-free traces of the pulsed devices of IBM's aihwkit, as its version 1.2.0 computed them (in single precision):
//! the weight after 1, 2, 10, 20 and 40 pulses up from weight 0, and after 1, 10 and 20 more down.

use super::*;
use crate::{Pulse, Steps, preset};

const AFTER: [usize; 8] = [1, 2, 10, 20, 40, 41, 50, 60];

const TRACES: [(&str, [f64; 8]); 12] = [
    (
        "ConstantStep",
        [
            0.0099999998,
            0.0199999996,
            0.0999999866,
            0.2000000179,
            0.3999998868,
            0.3899998963,
            0.2999999821,
            0.200000003,
        ],
    ),
    (
        "LinearStep",
        [
            0.0099999998,
            0.0199699998,
            0.0986607373,
            0.194401294,
            0.3774650693,
            0.3652002811,
            0.2580762208,
            0.1456603408,
        ],
    ),
    (
        "SoftBounds",
        [
            0.0099999998,
            0.0198999997,
            0.0956179202,
            0.1820930541,
            0.3310281932,
            0.3177179098,
            0.2037580609,
            0.0886572003,
        ],
    ),
    (
        "SoftBoundsUpDown",
        [
            0.0099999998,
            0.0198999997,
            0.0956179202,
            0.1820930541,
            0.3310281932,
            0.3203799725,
            0.2282986939,
            0.133497864,
        ],
    ),
    (
        "ExpStep",
        [
            0.0098343166,
            0.0196636096,
            0.0980982482,
            0.1955388039,
            0.3875016272,
            0.3775511086,
            0.2880727053,
            0.1888513714,
        ],
    ),
    (
        "PowStep",
        [
            0.0049999999,
            0.0099501247,
            0.047841873,
            0.0913055092,
            0.1673033386,
            0.1604903489,
            0.10258279,
            0.0446790159,
        ],
    ),
    (
        "Piecewise",
        [
            0.0099999998,
            0.0199499987,
            0.0977797359,
            0.1907790303,
            0.3633597195,
            0.3515429199,
            0.2478153706,
            0.1379199773,
        ],
    ),
    (
        "ReRamES",
        [
            0.0014812545,
            0.002962024,
            0.0147909457,
            0.0295350924,
            0.0588902421,
            0.0567415282,
            0.0376741365,
            0.0170306172,
        ],
    ),
    (
        "ReRamSB",
        [
            0.0020000001,
            0.0039968002,
            0.0198566131,
            0.0393977985,
            0.0775538534,
            0.0753470436,
            0.0557486899,
            0.0345180705,
        ],
    ),
    (
        "EcRam",
        [
            0.0020000001,
            0.0039996067,
            0.01998231,
            0.0399253517,
            0.0796939358,
            0.0775960013,
            0.0588302426,
            0.0382215194,
        ],
    ),
    (
        "Capacitor",
        [
            0.0049999999,
            0.0099987499,
            0.0499437824,
            0.0997628495,
            0.1990280598,
            0.1939783096,
            0.1485872716,
            0.0982724279,
        ],
    ),
    ("PCM", [0.2823500037, 0.4268027544, 0.924400568, 1.2173603773, 1.5856256485, 0.3984299898, 0.0, 0.0]),
];

/// The device of each trace.
fn law(name: &str) -> Pulse {
    let steps = Steps::new(-1.0, 1.0, 0.01);
    let of = |name: &str| preset(name).unwrap().cell.unwrap().pulse.unwrap();
    match name {
        "ConstantStep" => Pulse::ConstantStep { steps },
        "LinearStep" => {
            Pulse::LinearStep { steps, gamma_up: 0.3, gamma_down: 0.6, gamma_d2d: 0.0, additive: false }
        }
        "SoftBounds" => Pulse::SoftBounds { steps, additive: false },
        "SoftBoundsUpDown" => Pulse::SoftBounds { steps: Steps { up_down: 0.2, ..steps }, additive: false },
        "ExpStep" => Pulse::ExpStep {
            steps,
            a_up: 0.00081,
            a_down: 0.36833,
            gamma_up: 12.44625,
            gamma_down: 12.78785,
            a: 0.244,
            b: 0.2425,
            noise_offset: 0.0,
            noise_slope: 0.0,
        },
        "PowStep" => Pulse::PowStep {
            steps: Steps { step: 0.02, ..steps },
            gamma_up: 2.0,
            gamma_down: 2.0,
            gamma_d2d: 0.0,
        },
        "Piecewise" => Pulse::PiecewiseStep { steps, up: vec![1.5, 1.0, 0.5], down: vec![0.5, 1.0, 1.5] },
        "ReRamES" => of("reram_es"),
        "ReRamSB" => of("reram_sb"),
        "EcRam" => of("ecram"),
        "Capacitor" => of("capacitor"),
        "PCM" => of("pcm_exp"),
        other => panic!("no device for {other}"),
    }
}

#[test]
fn nominal_devices_follow_the_published_traces_to_a_millionth() {
    let mut worst = 0.0_f64;
    for (name, trace) in TRACES {
        let law = law(name);
        let s = law.steps().unwrap();
        let start = -s.w_min / (s.w_max - s.w_min);
        let mut device = crate::Nominal::new(&law, 0.0, 1.0, start);
        let mut k = 0;
        for (after, published) in AFTER.into_iter().zip(trace) {
            while k < after {
                device.pulse(u16::from(k >= 40));
                k += 1;
            }
            let error = (device.weight().unwrap() - published).abs();
            worst = worst.max(error);
            assert!(error < 1e-6, "{name} after {after}: {} {published}", device.weight().unwrap());
        }
    }
    assert!(worst > 0.0, "single precision of the source must show");
}

#[test]
fn arrays_follow_the_published_traces_in_single_precision() {
    for (name, trace) in TRACES {
        let mut law = law(name);
        law.scale_c2c(0.0);
        law.scale_d2d(0.0);
        let s = law.steps().unwrap().clone();
        let spec = CellSpec { pulse: Some(law), ..CellSpec::ideal(0.0, 1e-4) };
        let per_s = (s.w_max - s.w_min) / 1e-4;
        let mut c = CellArray::new(&spec, 3, Key::root(1)).unwrap();
        c.set(&[(-s.w_min / per_s) as f32; 3]).unwrap();
        let mut k = 0;
        for (after, published) in AFTER.into_iter().zip(trace) {
            while k < after {
                c.pulse_all(u16::from(k >= 40), 1).unwrap();
                k += 1;
            }
            let mut g = [0.0; 3];
            c.conductances(&mut g).unwrap();
            assert!(g.iter().all(|v| *v == g[0]));
            let w = s.w_min + f64::from(g[0]) * per_s;
            // Sixty roundings of a number up to 1e-4 S, in units of w.
            assert!((w - published).abs() < 4e-6, "{name} after {after}: {w} {published}");
        }
    }
}
