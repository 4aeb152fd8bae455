//! Cells against closed forms and independent computations.

use super::*;
use neurohm_device::preset;
use neurohm_num::Unwatched;

fn cells(spec: &DeviceSpec, count: usize, t_k: Option<f64>) -> Cells<'_> {
    Cells { spec, count, key: Key::root(1), t_k, watch: &Unwatched }
}

#[test]
fn drift_takes_what_its_exponent_says() {
    // One exponent for all: G(t) = G(t0) (t / t0)^-0.04 from 38.6 s on.
    let spec = preset("pcm_accumulate").unwrap();
    let keeping = Keeping { levels: 2, time_s: 38.6e4, first_s: 38.6 };
    let found = keeping.run(&cells(&spec, 10, None)).unwrap();
    let expected = 100.0 * 1e4_f64.powf(-0.04);
    assert!((found.scalars["window_kept"].value / expected - 1.0).abs() < 1e-5, "{:?}", found.scalars);
    let hot = keeping.run(&cells(&spec, 10, Some(400.0))).unwrap_err().to_string();
    assert!(hot.contains("no effect"), "{hot}");
    assert!(keeping.run(&cells(&preset("gokmen_vlasov").unwrap(), 10, None)).is_err());
}

#[test]
fn accumulation_has_the_moments_of_its_source() {
    // Mean and standard deviation after so many pulses, uS, of 200 000 cells as the dossier computes them.
    let known =
        [(1, 2.056, 1.521), (2, 3.438, 1.972), (5, 5.921, 2.381), (10, 7.832, 2.463), (20, 9.396, 2.667)];
    let spec = preset("pcm_accumulate").unwrap();
    let trains = Trains { count: Some(20), cycles: 2, devices_per_cell: 1 };
    let found = trains.run(&cells(&spec, 20_000, None)).unwrap();
    let text = String::from_utf8(found.files[0].1.clone()).unwrap();
    assert_eq!(text.lines().count(), 1 + 1 + 2 * 21, "one RESET ends a train");
    for (pulses, mean, sd) in known {
        let line = text.lines().nth(pulses + 1).unwrap();
        let row: Vec<f64> = line.split(',').map(|v| v.parse().unwrap()).collect();
        // Sampling errors of 20 000 cells here, and rounding there.
        let error = 5.0 * sd / 20_000_f64.sqrt() + 0.005;
        assert!((row[2] * 1e6 - mean).abs() < error, "{pulses}: {row:?}");
        assert!((row[3] * 1e6 - sd).abs() < error, "{pulses}: {row:?}");
    }
}

#[test]
fn a_straight_law_crosses_its_range_in_a_straight_line_and_without_spread() {
    let text = "name = \"straight\"\n[cell]\ng_min = \"1 uS\"\ng_max = \"11 uS\"\n\
                [pulse.constant_step.steps]\nw_min = 0.0\nw_max = 1.0\nstep = 0.04\n";
    let spec = neurohm_device::parse(text, "straight").unwrap();
    let found = Trains { count: None, cycles: 1, devices_per_cell: 1 }.run(&cells(&spec, 100, None)).unwrap();
    let line = &found.series[0].lines[0];
    // 25 steps of 0.4 uS, and back, and the pulse at each end that finds nothing left to do.
    assert!((50..=53).contains(&line.y.len()), "{}", line.y.len());
    for n in 0..=25 {
        assert!((line.y[n] * 1e6 - (1.0 + 0.4 * n as f64)).abs() < 1e-4, "{:?}", line.y);
    }
    assert!(line.low.is_empty() && found.scalars["spread_up"].value == 0.0);
    assert!((found.scalars["on_off_ratio"].value - 11.0).abs() < 1e-4);
}

#[test]
fn the_relative_spread_of_cells_falls_as_one_over_the_root_of_their_devices() {
    // Steps of 0.2 % of the range: after m on each device its rise is m s (1 + 0.3 z + 0.5 z' / sqrt(m)), so that
    // of n devices it scatters by sqrt((0.3^2 + 0.5^2 / m) / n) of its mean.
    let text = "name = \"straight\"\n[cell]\ng_min = \"1 uS\"\ng_max = \"101 uS\"\n\
                [pulse.constant_step.steps]\nw_min = 0.0\nw_max = 1.0\nstep = 0.002\nc2c = 0.5\n\
                [pulse.constant_step.steps.d2d]\nstep = 0.3\n";
    let spec = neurohm_device::parse(text, "straight").unwrap();
    let (count, m) = (4000, 25);
    for n in [1, 4, 9] {
        let trains = Trains { count: Some(n * m), cycles: 1, devices_per_cell: n };
        let found = trains.run(&cells(&spec, count, None)).unwrap();
        let text = String::from_utf8(found.files[0].1.clone()).unwrap();
        let line = text.lines().nth(1 + (n * m) as usize).unwrap();
        let row: Vec<f64> = line.split(',').map(|v| v.parse().unwrap()).collect();
        let rise = row[2] - f64::from(n) * 1e-6;
        assert!((rise / (f64::from(n * m) * 0.2e-6) - 1.0).abs() < 0.03, "{n}: {row:?}");
        let expected = ((0.3_f64.powi(2) + 0.5_f64.powi(2) / f64::from(m)) / f64::from(n)).sqrt();
        // Five times the sampling error of a standard deviation, 1 / sqrt(2 N).
        let error = 5.0 / (2.0 * count as f64).sqrt();
        assert!((row[3] / rise / expected - 1.0).abs() < error, "{n}: {} {expected}", row[3] / rise);
    }
    let none = Trains { count: Some(1), cycles: 1, devices_per_cell: 0 };
    assert!(none.run(&cells(&spec, 10, None)).is_err());
}

#[test]
fn a_table_is_played_by_its_first_stimuli_and_not_by_the_strongest() {
    let text = "name = \"table\"\n[cell]\ng_min = \"1 uS\"\ng_max = \"11 uS\"\n[pulse.table]\nunit = \"1 uS\"\n\
                stimuli = [\n{ name = \"up\", mean = [1.0, 1.0] }, { name = \"down\", mean = [-2.0, -2.0] },\n\
                { name = \"set\", mean = [10.0, 0.0] }, { name = \"reset\", mean = [0.0, -10.0] },\n]\n";
    let spec = neurohm_device::parse(text, "table").unwrap();
    let found = Trains { count: None, cycles: 1, devices_per_cell: 1 }.run(&cells(&spec, 10, None)).unwrap();
    let y = &found.series[0].lines[0].y;
    assert!((y[1] * 1e6 - 2.0).abs() < 1e-4 && (y[10] * 1e6 - 11.0).abs() < 1e-4, "{y:?}");
}

#[test]
fn what_cannot_be_is_refused() {
    let spec = preset("pcm").unwrap();
    let error =
        Trains { count: Some(10), cycles: 1, devices_per_cell: 1 }.run(&cells(&spec, 10, None)).unwrap_err();
    assert!(error.to_string().contains("law for pulses"), "{error}");
    let keeping = Keeping { levels: 1, time_s: 1e4, first_s: 20.0 };
    assert!(keeping.run(&cells(&spec, 10, None)).is_err());
    assert!(Keeping { levels: 3, first_s: 1e5, ..keeping }.run(&cells(&spec, 10, None)).is_err());
    assert!(Keeping { levels: 3, ..keeping }.run(&cells(&spec, 0, None)).is_err());
}
