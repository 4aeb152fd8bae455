use super::*;
use crate::{Deviation, DeviceSpec, Faults, Noise, Retention, StuckAt, Write, preset};
use neurohm_num::simd::{Isa, force, isa};

mod oracle;

fn cells(spec: &CellSpec, len: usize) -> CellArray {
    CellArray::new(spec, len, Key::root(3).child("tile", 1)).unwrap()
}

fn read(cells: &mut CellArray) -> Vec<f32> {
    cells.observe();
    let mut out = vec![0.0; cells.len()];
    cells.conductances(&mut out).unwrap();
    out
}

fn moments(values: &[f32]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    let variance = values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt())
}

fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let ((ma, sa), (mb, sb)) = (moments(a), moments(b));
    let products = a.iter().zip(b).map(|(a, b)| (f64::from(*a) - ma) * (f64::from(*b) - mb));
    products.sum::<f64>() / a.len() as f64 / (sa * sb)
}

/// An ideal device from 0 to 100 uS, to be made less so.
fn bare() -> CellSpec {
    CellSpec::ideal(0.0, 100e-6)
}

const N: usize = 1 << 18;

/// What retention keeps of each cell, in its own unit.
fn kept(c: &CellArray) -> Vec<f32> {
    let step = c.model.kept_step();
    c.kept.iter().map(|code| f32::from(*code) * step).collect()
}

#[test]
fn an_ideal_device_keeps_exactly_what_it_was_given() {
    let target: Vec<f32> = (0..1000).map(|i| i as f32 * 25e-9).collect();
    let mut c = cells(&preset("ideal").unwrap().cell.unwrap(), 1000);
    assert!(read(&mut c).iter().all(|g| *g == 0.0), "not programmed yet");
    c.program(&target).unwrap();
    c.advance(1e9).unwrap();
    assert_eq!(read(&mut c), target);
    assert_eq!(c.bytes_per_device(), 4);
}

#[test]
fn no_preset_takes_more_than_12_bytes_a_device() {
    for p in crate::presets() {
        let c = cells(&preset(p.name).unwrap().cell.unwrap(), 1);
        assert!(c.bytes_per_device() <= 12, "{}", p.name);
    }
}

/// The same bits for any number of threads, any instruction set and any length of the array.
#[test]
fn results_depend_on_nothing_but_the_description_and_the_key() {
    let before = isa();
    for p in crate::presets() {
        let spec = preset(p.name).unwrap().cell.unwrap();
        let run = |len: usize| {
            let at = |i: usize| {
                spec.g_min_s as f32 + (spec.g_max_s - spec.g_min_s) as f32 * (i % 101) as f32 / 100.0
            };
            let target: Vec<f32> = (0..len).map(at).collect();
            let mut c = cells(&spec, len);
            let mut out = Vec::new();
            for (dt, window) in [(20.0, None), (3600.0, None), (1.0, Some(1e-3))] {
                c.program(&target).unwrap();
                c.set_read_window(window);
                c.advance(dt).unwrap();
                out.push(read(&mut c));
                c.advance(10.0 * dt).unwrap();
                out.push(read(&mut c));
                let mut variance = vec![0.0; len];
                c.read_variance(&mut variance).unwrap();
                out.push(variance);
            }
            out.into_iter().map(|v| v.into_iter().map(f32::to_bits).collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let len = 3 * 16_384 + 777;
        let reference = pool(1).install(|| run(len));
        assert_eq!(pool(3).install(|| run(len)), reference, "{} on three threads", p.name);
        for (short, long) in run(1000).iter().zip(&reference) {
            assert_eq!(short[..], long[..1000], "{}: the first 1000 cells", p.name);
        }
        for isa in Isa::available() {
            force(isa);
            assert_eq!(run(len), reference, "{} on {isa:?}", p.name);
        }
        force(before);
    }
}

#[test]
fn observing_and_reading_at_once_is_the_same() {
    let spec = preset("pcm").unwrap().cell.unwrap();
    let (mut a, mut b) = (cells(&spec, 50_000), cells(&spec, 50_000));
    let mut out = vec![0.0; 50_000];
    for (a, dt) in [(&mut a, 20.0)] {
        a.program(&vec![10e-6; 50_000]).unwrap();
        b.program(&vec![10e-6; 50_000]).unwrap();
        for _ in 0..3 {
            a.advance(dt).unwrap();
            b.advance(dt).unwrap();
            b.observe_into(&mut out).unwrap();
            assert_eq!(read(a), out);
            // Twice at one instant is once.
            b.observe_into(&mut out).unwrap();
            assert_eq!(read(a), out);
        }
    }
}

#[test]
fn programming_again_draws_again_and_restarts_drift() {
    let spec = preset("pcm").unwrap().cell.unwrap();
    let mut c = cells(&spec, N);
    let target = vec![12.5e-6; N];
    c.program(&target).unwrap();
    c.advance(3620.0).unwrap();
    let first = read(&mut c);
    let nu = kept(&c);
    c.program(&target).unwrap();
    assert_eq!(c.age_s(), 0.0);
    let fresh = read(&mut c);
    assert!((moments(&fresh).0 - 12.5e-6).abs() < 0.01e-6, "no drift at age 0");
    c.advance(3620.0).unwrap();
    let second = read(&mut c);
    let limit = 5.0 / (N as f64).sqrt();
    assert!(correlation(&first, &second).abs() < limit);
    assert!(correlation(&nu, &kept(&c)).abs() < limit);
    let (a, b) = (moments(&first), moments(&second));
    assert!((a.0 - b.0).abs() < 1e-8 && (a.1 / b.1 - 1.0).abs() < 0.01);
    assert_eq!(c.clock_s(), 7240.0);
}

#[test]
fn device_to_device_errors_repeat_and_cycle_to_cycle_errors_do_not() {
    let mut spec = bare();
    spec.write = Some(Write::Programmed {
        c2c: Some(Deviation::Independent { sd_s: 3e-6 }),
        d2d: Some(Deviation::Independent { sd_s: 4e-6 }),
    });
    let mut c = cells(&spec, N);
    let mut program = || {
        c.program(&vec![50e-6; N]).unwrap();
        read(&mut c)
    };
    let (first, second) = (program(), program());
    // 4^2 / (3^2 + 4^2), and a total of 5 uS.
    assert!((correlation(&first, &second) - 0.64).abs() < 0.01);
    assert!((moments(&first).1 - 5e-6).abs() < 0.03e-6);
}

#[test]
fn deviations_have_the_size_that_was_asked_for() {
    for (deviation, mean, sd) in [
        (Deviation::Independent { sd_s: 2e-6 }, 50e-6, 2e-6),
        (Deviation::Proportional { ratio: 0.05 }, 50e-6, 2.5e-6),
        (Deviation::Relative { curve: crate::Curve::Polynomial(vec![0.0, 0.1]) }, 50e-6, 2.5e-6),
        // Median 50 uS; mean and sd of a lognormal distribution with sigma = 0.2.
        (Deviation::Lognormal { sigma: 0.2 }, 51.0101e-6, 10.3048e-6),
    ] {
        let mut spec = bare();
        spec.write = Some(Write::Programmed { c2c: Some(deviation.clone()), d2d: None });
        let mut c = cells(&spec, N);
        c.program(&vec![50e-6; N]).unwrap();
        let (m, s) = moments(&read(&mut c));
        assert!(
            (m - mean).abs() < 5.0 * sd / (N as f64).sqrt() && (s / sd - 1.0).abs() < 0.01,
            "{deviation:?}: {m} {s}"
        );
    }
}

#[test]
fn noise_at_two_ages_is_one_process() {
    let mut spec = bare();
    let t_read_s = 250e-9;
    spec.noise = Some(Noise::OneOverF { t_read_s, amplitude: Deviation::Proportional { ratio: 0.01 } });
    let mut c = cells(&spec, N);
    c.program(&vec![50e-6; N]).unwrap();
    assert!(read(&mut c).iter().all(|g| *g == 50e-6), "no noise at age 0");
    let mut previous: Option<(f64, Vec<f32>)> = None;
    for age in [20.0, 56.0, 3620.0, 3656.0, 1e6] {
        c.advance(age - c.age_s()).unwrap();
        let now = read(&mut c);
        let sd = 0.5e-6 * one_over_f::variance(age, t_read_s).sqrt();
        assert!((moments(&now).1 / sd - 1.0).abs() < 0.01, "{age}");
        if let Some((before, values)) = &previous {
            let expected = one_over_f::correlation(*before, t_read_s, age, t_read_s);
            let found = correlation(values, &now);
            assert!(
                (found - expected).abs() < 5.0 / (N as f64).sqrt(),
                "{before} to {age}: {found} {expected}"
            );
        }
        previous = Some((age, now));
    }
}

#[test]
fn slow_and_fast_noise_add_up() {
    for (noise, t_read_s) in [
        (
            Noise::OneOverF { t_read_s: 250e-9, amplitude: Deviation::Proportional { ratio: 0.01 } },
            Some(250e-9),
        ),
        (
            Noise::OneOverF { t_read_s: 250e-9, amplitude: Deviation::Independent { sd_s: 0.5e-6 } },
            Some(250e-9),
        ),
        (Noise::White { amplitude: Deviation::Proportional { ratio: 0.05 } }, None),
    ] {
        let mut spec = bare();
        spec.noise = Some(noise.clone());
        let total = match t_read_s {
            Some(t) => 0.25e-12 * one_over_f::variance(20.0, t),
            None => 6.25e-12,
        };
        for window in [None, Some(1e-9), Some(1e-6), Some(1e-3), Some(10.0)] {
            let mut c = cells(&spec, N);
            c.set_read_window(window);
            c.program(&vec![50e-6; N]).unwrap();
            c.advance(20.0).unwrap();
            let slow = moments(&read(&mut c)).1.powi(2);
            let mut fast = vec![0.0; N];
            c.read_variance(&mut fast).unwrap();
            let fast = moments(&fast).0;
            assert!(
                ((slow + fast) / total - 1.0).abs() < 0.02,
                "{noise:?} {window:?}: {slow} + {fast} against {total}"
            );
            assert_eq!(c.has_read_variance(), fast > 0.0);
            let expected = match (t_read_s, window) {
                (_, None) => 0.0,
                (None, Some(_)) => total,
                (Some(t), Some(w)) => total - 0.25e-12 * one_over_f::variance(20.0, w.max(t)),
            };
            assert!((fast - expected).abs() < 1e-5 * total, "{window:?}");
        }
    }
}

#[test]
fn relaxation_of_wan_goes_through_the_published_points() {
    let wan: DeviceSpec = preset("reram_wan2022").unwrap();
    // At 10 uS of 40: 2.2583, 3.7208 and 3.6638 uS; half of each on a device of half the range.
    for (g_max_s, factor) in [(40e-6, 1.0), (20e-6, 0.5)] {
        let mut spec = wan.cell.clone().unwrap();
        spec.g_max_s = g_max_s;
        let mut c = cells(&spec, N);
        let target = vec![(10e-6 * factor) as f32; N];
        c.program(&target).unwrap();
        let z = kept(&c);
        for (age, sd_us) in [
            (1.0, 2.258_270),
            (86_400.0, 3.720_758),
            (172_800.0, 3.663_789),
            // Linear in ln t: half way from 1 s to a day in ln t is sqrt(86400) s.
            (86_400_f64.sqrt(), (2.258_270 + 3.720_758) / 2.0),
            // Before 1 s it is held, after two days it grows with the slope from 1 s to two days.
            (0.01, 2.258_270),
            (172_800_f64.powi(2), 3.663_789 + (3.663_789 - 2.258_270)),
        ] {
            let (model, snapshot) = (&c.model, c.model.snapshot(age, None));
            let mut out = vec![0.0; N];
            model.conductances(&snapshot, &c.g, &c.kept, Noises::Kept(0, &[]), &mut out);
            for ((g, z), target) in out.iter().zip(&z).zip(&target).take(1000) {
                let expected = (f64::from(*target) + factor * sd_us * 1e-6 * f64::from(*z)).max(0.0);
                assert!((f64::from(*g) - expected).abs() < 1e-10, "{age}: {g} {expected}");
            }
        }
        assert!((moments(&z).1 - 1.0).abs() < 0.01 && moments(&z).0.abs() < 0.01);
    }
}

#[test]
fn relaxation_of_cmo_is_that_of_its_law() {
    let mut spec = preset("reram_cmo").unwrap().cell.unwrap();
    spec.noise = None;
    spec.write = None;
    let mut c = cells(&spec, N);
    c.program(&vec![50e-6; N]).unwrap();
    for age in [1.0, 60.0, 3600.0, 1e6] {
        c.advance(age - c.age_s()).unwrap();
        let (mean, sd) = moments(&read(&mut c));
        let ln = f64::ln(age);
        let expected = 0.411_833_42e-6 + 0.042_011_37e-6 * ln;
        assert!((mean - (50e-6 - 0.089_002_06e-6 * ln)).abs() < 5.0 * expected / (N as f64).sqrt(), "{age}");
        assert!((sd / expected - 1.0).abs() < 0.01, "{age}");
    }
}

#[test]
fn stuck_cells_stay_where_they_are() {
    let mut spec = preset("pcm").unwrap().cell.unwrap();
    spec.g_min_s = 1e-6;
    spec.faults = Some(Faults {
        stuck_low: 0.02,
        stuck_high: 0.03,
        stuck_at: vec![StuckAt { fraction: 0.01, g_s: 3e-6 }, StuckAt { fraction: 0.005, g_s: 0.0 }],
    });
    let mut c = cells(&spec, N);
    let mut after = |dt: f64| {
        c.program(&vec![12.5e-6; N]).unwrap();
        c.set_read_window(Some(1e-3));
        c.advance(dt).unwrap();
        let g = read(&mut c);
        let mut variance = vec![0.0; N];
        c.read_variance(&mut variance).unwrap();
        assert!(g.iter().all(|g| !g.is_sign_negative()), "the mark does not show");
        let stuck: Vec<usize> = (0..N).filter(|i| variance[*i] == 0.0).collect();
        (g, stuck)
    };
    let ((early, stuck), (late, stuck_later)) = (after(20.0), after(1e8));
    assert_eq!(stuck, stuck_later, "which cells are stuck is a property of the chip");
    assert!(stuck.iter().all(|i| early[*i] == late[*i]));
    for (fraction, g) in [(0.02, 1e-6_f32), (0.03, 25e-6), (0.01, 3e-6), (0.005, 0.0)] {
        let count = stuck.iter().filter(|i| early[**i] == g).count() as f64;
        let expected = fraction * N as f64;
        assert!((count - expected).abs() < 5.0 * expected.sqrt(), "{g}: {count} {expected}");
    }
}

#[test]
fn bad_input_is_refused_and_changes_nothing() {
    let spec = preset("pcm").unwrap().cell.unwrap();
    let mut c = cells(&spec, 4);
    c.program(&[1e-6; 4]).unwrap();
    let before = read(&mut c);
    for (target, message) in [
        (
            vec![1e-6, f32::NAN, 1e-6, 1e-6],
            "cell 1 cannot be programmed to NaN S: the device reaches 0 S to 25 uS; scale the weights into that range",
        ),
        (
            vec![1e-6, 1e-6, 1e-6, 26e-6],
            "cell 3 cannot be programmed to 26 uS: the device reaches 0 S to 25 uS; scale the weights into that range",
        ),
        (
            vec![-1e-6, 1e-6, 1e-6, 1e-6],
            "cell 0 cannot be programmed to -1 uS: the device reaches 0 S to 25 uS; scale the weights into that range",
        ),
        (vec![1e-6; 3], "3 conductances for 4 cells: give one for each"),
    ] {
        assert_eq!(c.program(&target).unwrap_err().to_string(), message);
    }
    assert_eq!(
        c.advance(-1.0).unwrap_err().to_string(),
        "time cannot advance by -1 s: give a finite time of zero or more"
    );
    assert!(c.advance(f64::NAN).is_err() && c.advance(f64::INFINITY).is_err());
    assert!(c.conductances(&mut [0.0; 3]).is_err() && c.read_variance(&mut [0.0; 5]).is_err());
    assert!(c.observe_into(&mut [0.0; 5]).is_err());
    assert_eq!(read(&mut c), before);
    // A rounding error beyond the range is no error.
    assert!(c.program(&[25.000_1e-6; 4]).is_ok());
    let mut broken = spec.clone();
    broken.g_max_s = f64::NAN;
    assert!(CellArray::new(&broken, 4, Key::root(0)).is_err());
    assert!(cells(&spec, 0).program(&[]).is_ok() && cells(&spec, 0).is_empty());
}

#[test]
fn power_law_keeps_one_exponent_for_each_device() {
    let spec = CellSpec {
        retention: Some(Retention::PowerLaw {
            t0_s: 38.6,
            nu_mean: crate::Curve::Constant(0.1),
            nu_spread: crate::Curve::Constant(0.02),
        }),
        ..bare()
    };
    let mut c = cells(&spec, 4096);
    c.program(&vec![50e-6; 4096]).unwrap();
    c.advance(1.0).unwrap();
    assert!(read(&mut c).iter().all(|g| *g == 50e-6), "held before t0");
    let nu = kept(&c);
    // The drift that a device shows between any two ages gives its exponent back.
    for age in [1e2, 1e4, 86_400.0, 3.15e7] {
        c.advance(age - c.age_s()).unwrap();
        for (g, nu) in read(&mut c).iter().zip(&nu) {
            let exponent = -(f64::from(*g) / 50e-6).ln() / (age / 38.6).ln();
            assert!((exponent - f64::from(*nu)).abs() < 1e-6, "{age}: {exponent} {nu}");
        }
    }
    // (t / t0)^-0.1 at nu = 0.1: 0.9092, 0.5737, 0.4624, 0.2563 at these ages.
    for (age, published) in [(1e2, 0.9092), (1e4, 0.5737), (86_400.0, 0.4624), (3.15e7, 0.2563)] {
        assert!((f64::powf(age / 38.6, -0.1) - published).abs() < 6e-5);
    }
}
