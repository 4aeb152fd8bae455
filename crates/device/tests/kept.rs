//! What devices keep, held against measured ReRAM (A. Levy, RRAM-Relaxation-Master-Model, MIT), which is not part of the
//! project: fits to some conditions predict others. `cargo test -p neurohm-device --release --test kept -- --ignored
//! --nocapture` prints the whole table.

#![expect(clippy::print_stdout, reason = "tests say what they skip and what they measured")]

use std::io::Read;
use std::path::PathBuf;

use neurohm_device::keep::{
    ConditionError, FittedRetention, Kept, NoiseOptions, Reading, RetentionOptions, Series, fit_noise,
    fit_retention, kept,
};
use neurohm_device::predict::{Reads, predict_noise, predict_retention};
use neurohm_device::{CellSpec, Retention};

/// Lines of a measured set; None where this machine has none.
fn lines(name: &str) -> Option<Vec<Vec<f64>>> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var("NEUROHM_DATA").map_or(beside, PathBuf::from);
    let Ok(bytes) = std::fs::read(folder.join("memristor/rram-relaxation").join(name)) else {
        println!("skipped: no memristor/rram-relaxation/{name} in $NEUROHM_DATA or ../shared/data");
        return None;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    Some(text.lines().map(|l| l.split('\t').map(|v| v.parse().unwrap()).collect()).collect())
}

fn bakes() -> Option<Vec<Kept>> {
    let rows = lines("techA/bake.tsv.gz")?;
    let reading = |r: &Vec<f64>| Reading { cell: r[0] as u64, time_s: r[1], g_s: r[3], t_k: r[4] + 273.15 };
    Some(kept(&rows.iter().map(reading).collect::<Vec<_>>()).unwrap())
}

/// Relaxation at room temperature: conductance now and after programming are in one row.
fn relaxation(name: &str, g_max_s: f64) -> Option<Vec<Kept>> {
    let rows = lines(name)?;
    let rows = rows.iter().filter(|r| r[1] > 0.0 && r[4] <= g_max_s);
    Some(rows.map(|r| Kept { initial_s: r[4], later_s: r[3], time_s: r[1], t_k: 298.15 }).collect())
}

fn only(data: &[Kept], take: impl Fn(&Kept) -> bool) -> Vec<Kept> {
    data.iter().filter(|k| take(k)).copied().collect()
}

fn at_celsius(data: &[Kept], temperatures: &[f64]) -> Vec<Kept> {
    only(data, |k| temperatures.iter().any(|t| (k.t_k - 273.15 - t).abs() < 0.5))
}

fn fit(data: &[Kept], g_max_s: f64) -> FittedRetention {
    let options = RetentionOptions { g_max_s: Some(g_max_s), ..RetentionOptions::default() };
    fit_retention(data, &options).unwrap()
}

fn spec(fitted: &FittedRetention) -> CellSpec {
    let mut spec = CellSpec::ideal(0.0, fitted.g_max_s);
    spec.retention = Some(Retention::Activated(Box::new(fitted.law.clone())));
    spec.validate().unwrap();
    spec
}

/// Shares of cells within one and two predicted standard deviations of the predicted mean.
fn coverage(fitted: &FittedRetention, data: &[Kept]) -> [f64; 2] {
    let spec = spec(fitted);
    let initial: Vec<f64> = data.iter().map(|k| k.initial_s).collect();
    let p = predict_retention(&spec, &initial, data[0].t_k, data[0].time_s).unwrap();
    let within = |n: f64| {
        let z = data.iter().zip(p.mean_s.iter().zip(&p.std_s)).map(|(k, (m, s))| (k.later_s - m).abs() / s);
        z.filter(|z| *z < n).count() as f64 / data.len() as f64
    };
    [within(1.0), within(2.0)]
}

fn show(title: &str, e: &ConditionError, covered: [f64; 2]) {
    let us = |v: f64| v * 1e6;
    println!(
        "{title:<34} {:6.1} C {:9.3e} s {:6} cells | mean rms {:6.2} (bias {:+6.2}, scatter {:.2}, no change {:6.2}) | \
         sd rms {:5.2} (bias {:+5.2}, scatter {:.2}) uS | within 1 sd {:.3}, 2 sd {:.3}",
        e.t_k - 273.15,
        e.time_s,
        e.cells,
        us(e.mean_s[0]),
        us(e.mean_bias_s),
        us(e.mean_s[1]),
        us(e.unchanged_s),
        us(e.sd_s[0]),
        us(e.sd_bias_s),
        us(e.sd_s[1]),
        covered[0],
        covered[1]
    );
}

fn parameters(fitted: &FittedRetention) {
    for e in &fitted.parameters {
        println!("    {} = {:.5} {:?} {:?}", e.name, e.value, e.interval95, e.verdict);
    }
    for n in &fitted.notes {
        println!("    note: {n}");
    }
}

const BAKES: [f64; 5] = [100.0, 140.0, 180.0, 220.0, 260.0];

/// Bakes at the lowest, middle and highest temperature say what those between do: errors of the mean within a third of
/// what no change would be wrong by, spreads within 10 % in the mean.
#[test]
fn three_bakes_predict_the_two_between() {
    let Some(data) = bakes() else { return };
    let fitted = fit(&at_celsius(&data, &[100.0, 180.0, 260.0]), 240e-6);
    for t in [140.0, 220.0] {
        let out = at_celsius(&data, &[t]);
        let e = &fitted.held_out(&out).unwrap()[0];
        let covered = coverage(&fitted, &out);
        show("fitted at 100, 180, 260 C", e, covered);
        assert!(e.mean_s[0] < 0.45 * e.unchanged_s, "{e:?}");
        assert!(e.sd_bias_s.abs() < 3e-6 && e.sd_s[0] < 4.5e-6, "{e:?}");
        assert!((0.66..0.80).contains(&covered[0]) && (0.90..0.97).contains(&covered[1]), "{covered:?}");
    }
}

/// Relaxation of the first four seconds says how wide it is after a day, to 10 %.
#[test]
fn four_seconds_predict_the_spread_of_a_day() {
    let Some(data) = relaxation("techC/relaxdata.min.tsv.gz", 40e-6) else { return };
    let fitted = fit(&only(&data, |k| k.time_s <= 1e3), 40e-6);
    let out = only(&data, |k| k.time_s > 1e3);
    let e = &fitted.held_out(&out).unwrap()[0];
    show("fitted up to 4 s", e, coverage(&fitted, &out));
    assert!(e.sd_bias_s.abs() < 0.35e-6 && e.sd_s[0] < 0.6e-6, "{e:?}");
    assert!(e.mean_s[0] < 0.5 * e.unchanged_s, "{e:?}");
}

fn series() -> Option<Vec<Series>> {
    let rows = lines("techA/tsdata.min.tsv.gz")?;
    Some(rows.iter().map(|r| Series { name: format!("{}", r[0]), g_s: r[2..].to_vec() }).collect())
}

/// Spectra of the measured cells fall like 1/f (slopes -0.8 to -1.4 by the reference's Welch estimate between 0.1 and
/// 20 Hz). What the first half of the reads says of the second is printed and not held: all but the lowest and the
/// highest of the five cells jump between states.
#[test]
fn measured_noise_is_one_over_f() {
    let Some(all) = series() else { return };
    let options = NoiseOptions { rate_hz: 400.0, first_s: 1.0, g_max_s: None, band_hz: Some((0.1, 20.0)) };
    let fitted = fit_noise(&all, &options).unwrap();
    for (s, (slope, relative)) in fitted.series.iter().zip([
        (-0.86, 0.091),
        (-1.21, 0.119),
        (-1.30, 0.017),
        (-1.29, 0.014),
        (-0.94, 0.0021),
    ]) {
        println!(
            "cell {:>3} {:7.2} uS sd {:6.3} uS slope {:.2} ({:.2} to {:.2}) jitter {:.3} telegraph {:?}",
            s.name,
            s.mean_s * 1e6,
            s.sd_s * 1e6,
            s.slope,
            s.slope_interval95.low,
            s.slope_interval95.high,
            s.jitter,
            s.telegraph
        );
        // Octaves weigh alike here, lines in the reference: they differ where a spectrum bends (a Lorentzian).
        assert!((s.slope - slope).abs() < 0.35, "{} {slope}", s.slope);
        assert!((s.sd_s / s.mean_s / relative - 1.0).abs() < 0.06, "{} {relative}", s.sd_s / s.mean_s);
    }
    for n in &fitted.notes {
        println!("    note: {n}");
    }
    let mut spec = CellSpec::ideal(0.0, fitted.g_max_s);
    spec.noise = Some(fitted.noise.clone());
    let levels: Vec<f64> = fitted.series.iter().map(|s| s.mean_s).collect();
    let reads = Reads { first_s: 1.0, rate_hz: 400.0, count: 100_000 };
    let p = predict_noise(&spec, &levels, &reads).unwrap();
    for (s, std) in fitted.series.iter().zip(&p.std_s) {
        assert!((std / s.sd_s - 1.0).abs() < 1e-6, "{std} {}", s.sd_s);
    }
    let half = |range: std::ops::Range<usize>| -> Vec<Series> {
        all.iter().map(|s| Series { name: s.name.clone(), g_s: s.g_s[range.clone()].to_vec() }).collect()
    };
    let early = fit_noise(&half(0..50_000), &options).unwrap();
    spec.noise = Some(early.noise.clone());
    let levels: Vec<f64> = early.series.iter().map(|s| s.mean_s).collect();
    let p = predict_noise(&spec, &levels, &Reads { first_s: 126.0, rate_hz: 400.0, count: 50_000 }).unwrap();
    for (late, std) in fit_noise(&half(50_000..100_000), &options).unwrap().series.iter().zip(&p.std_s) {
        println!("second half of {:>3}: sd {:.4} uS, predicted {:.4}", late.name, late.sd_s * 1e6, std * 1e6);
    }
}

#[test]
#[ignore = "a table to read, in release"]
fn the_whole_table() {
    if let Some(data) = bakes() {
        let choices: [&[f64]; 9] = [
            &BAKES,
            &[100.0, 180.0, 260.0],
            &[100.0, 140.0, 220.0],
            &[100.0, 220.0, 260.0],
            &[140.0, 180.0, 220.0],
            &[140.0, 220.0, 260.0],
            &[180.0, 220.0, 260.0],
            &[100.0, 140.0, 180.0],
            &[140.0, 180.0, 260.0],
        ];
        for choice in choices {
            let start = std::time::Instant::now();
            let fitted = fit(&at_celsius(&data, choice), 240e-6);
            println!("\nfitted at {choice:?} C: cost {:.1} in {:?}", fitted.fit.cost, start.elapsed());
            parameters(&fitted);
            for t in BAKES {
                let rows = at_celsius(&data, &[t]);
                let title = if choice.contains(&t) { "fitted" } else { "HELD OUT" };
                show(title, &fitted.held_out(&rows).unwrap()[0], coverage(&fitted, &rows));
            }
        }
    }
    for (name, g_max_s, last_s) in [
        ("techC/relaxdata.min.tsv.gz", 40e-6, 1e3),
        ("techC/relaxdata.min.tsv.gz", 40e-6, 2.0),
        ("techB/relaxdata_10k.min.tsv.gz", 128e-6, 1.5e3),
        ("techB/relaxdata_10k.min.tsv.gz", 128e-6, 150.0),
    ] {
        let Some(data) = relaxation(name, g_max_s) else { continue };
        let fitted = fit(&only(&data, |k| k.time_s <= last_s), g_max_s);
        println!("\n{name} fitted up to {last_s} s: cost {:.1}", fitted.fit.cost);
        parameters(&fitted);
        for e in fitted.held_out(&data).unwrap() {
            let rows = only(&data, |k| (k.time_s / e.time_s - 1.0).abs() < 0.3);
            let title = if e.time_s > last_s { "HELD OUT" } else { "fitted" };
            show(title, &e, coverage(&fitted, &rows));
        }
    }
}
