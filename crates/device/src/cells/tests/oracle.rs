//! Monte-Carlo results of the published models as implemented in aihwkit 1.2.0 (400,000 draws a row), in uS.

use super::*;

const DRAWS: usize = 1 << 21;

struct Row {
    target: f64,
    programmed: (f64, f64),
    nu: (f64, f64),
    /// Seconds after t0, mean and standard deviation.
    reads: &'static [(f64, f64, f64)],
}

const HOUR: f64 = 3_600.0;
const YEAR: f64 = 31_536_000.0;

const PCM: [Row; 5] = [
    Row {
        target: 0.0,
        programmed: (0.1047, 0.1536),
        nu: (0.1004, 0.0440),
        reads: &[(0.0, 0.1068, 0.1857), (HOUR, 0.0661, 0.1221), (YEAR, 0.0320, 0.0732)],
    },
    Row {
        target: 0.05,
        programmed: (1.2499, 0.3593),
        nu: (0.0711, 0.0309),
        reads: &[(0.0, 1.2496, 0.4812), (HOUR, 0.8752, 0.3887), (YEAR, 0.4990, 0.3293)],
    },
    Row {
        target: 0.2,
        programmed: (5.0014, 0.6097),
        nu: (0.0494, 0.0142),
        reads: &[(0.0, 5.0011, 0.8039), (HOUR, 3.8805, 0.7228), (YEAR, 2.5243, 0.7057)],
    },
    Row {
        target: 0.5,
        programmed: (12.4999, 0.9517),
        nu: (0.0490, 0.0080),
        reads: &[(0.0, 12.4991, 1.1958), (HOUR, 9.6990, 1.0562), (YEAR, 6.2524, 0.9917)],
    },
    Row {
        target: 1.0,
        programmed: (25.0003, 1.0584),
        nu: (0.0490, 0.0080),
        reads: &[(0.0, 25.0001, 1.4049), (HOUR, 19.3944, 1.4087), (YEAR, 12.5041, 1.6495)],
    },
];

const HERMES: [Row; 3] = [
    Row {
        target: 0.05,
        programmed: (1.0343, 0.3805),
        nu: (0.0977, 0.0294),
        reads: &[(HOUR, 0.8071, 0.3219)],
    },
    Row {
        target: 0.5,
        programmed: (10.3481, 0.9912),
        nu: (0.0564, 0.0090),
        reads: &[(HOUR, 8.9550, 1.1286)],
    },
    Row {
        target: 1.0,
        programmed: (20.6989, 1.0940),
        nu: (0.0174, 0.0048),
        reads: &[(HOUR, 19.7970, 1.5673)],
    },
];

fn check(name: &str, rows: &[Row]) {
    let spec = preset(name).unwrap().cell.unwrap();
    let Some(Retention::PowerLaw { t0_s, .. }) = spec.retention else { panic!("another law") };
    for row in rows {
        let mut c = cells(&spec, DRAWS);
        c.program(&vec![(row.target * spec.g_max_s) as f32; DRAWS]).unwrap();
        // 0.5 % of the standard deviation, the last digit printed, and what both samples leave open: for the row
        // at 0, whose distribution is half an atom and half a long tail, the larger part.
        let tail = if row.target == 0.0 { 0.01 } else { 0.005 };
        let near = |what: &str, found: (f64, f64), expected: (f64, f64), digit: f64| {
            let tolerance = tail * expected.1 + digit;
            let (mean, sd) = ((found.0 - expected.0).abs(), (found.1 - expected.1).abs());
            assert!(
                mean < tolerance && sd < tolerance,
                "{name} at {} {what}: {found:?} {expected:?}",
                row.target
            );
        };
        let microsiemens = |values: &[f32]| {
            let (mean, sd) = moments(values);
            (mean * 1e6, sd * 1e6)
        };
        near("programmed", microsiemens(&read(&mut c)), row.programmed, 5e-5);
        near("exponent", moments(&kept(&c)), row.nu, 5e-5);
        for (later, mean, sd) in row.reads {
            c.advance(t0_s + later - c.age_s()).unwrap();
            near(&format!("{later} s after t0"), microsiemens(&read(&mut c)), (*mean, *sd), 5e-5);
        }
    }
}

#[test]
fn pcm_matches_the_published_model() {
    check("pcm", &PCM);
}

#[test]
fn hermes_matches_the_published_model() {
    check("hermes", &HERMES);
}
