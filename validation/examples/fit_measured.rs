//! Fits of the measured sets in the data folder: `cargo run --release -p neurohm-validation --example fit_measured -- FOLDER`
//! with the folder that holds `knowm-sdc` and `aihwkit-gong2018-reram`. Prints tables; nothing is written.

use std::error::Error;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use neurohm_data::table::{Quantity, Reading, read};
use neurohm_device::fit::iv::{IvOptions, Loop, fit_loop};
use neurohm_device::fit::pulses::{PulseOptions, Train, fit_pulses};
use neurohm_num::Unwatched;
use neurohm_num::stats::quantile;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Outcome {
    let mut arguments = std::env::args_os().skip(1);
    let data = PathBuf::from(arguments.next().ok_or("name the folder of measured data")?);
    let only = arguments.next().map(|a| a.to_string_lossy().into_owned()).unwrap_or_default();
    if only != "loops" {
        pulses(&data.join("aihwkit-gong2018-reram/gong_et_al.csv"))?;
    }
    if only != "pulses" {
        loops(&data.join("knowm-sdc/data"))?;
    }
    Ok(())
}

/// ReRAM of Gong et al. 2018 as aihwkit has it: 1000 pulses up, 1000 down, weights.
fn pulses(file: &Path) -> Outcome {
    let mut out = stdout();
    let table = read(file, &Reading::default().with_columns("up,down")?)?;
    let train = Train::up_down(table.values(Quantity::Up)?, table.values(Quantity::Down)?)?;
    let options = PulseOptions { range_s: Some((1e-6, 50e-6)), ..PulseOptions::default() };
    for fit in fit_pulses(&train, &options, &Unwatched)? {
        writeln!(
            out,
            "pulses {:16} held-out {:6.3} % of range, all {:6.3} %, noise {:.3} %, steps scatter {:.3} %, open: {}",
            fit.law,
            100.0 * fit.held_out_relative,
            100.0 * fit.rms_relative,
            100.0 * fit.noise_relative,
            100.0 * fit.c2c_relative,
            fit.undetermined.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        )?;
        for e in &fit.estimates {
            writeln!(out, "    {:12} {:12.5} {:?} {:?}", e.name, e.value, e.interval95, e.verdict)?;
        }
    }
    Ok(())
}

/// Knowm's W-SDC loops: voltage in V, current in microampere, no header, one cycle of a sine a file; the second file of
/// a folder has the voltage across device and series resistor.
fn loops(folder: &Path) -> Outcome {
    let mut out = stdout();
    let mut folders = Vec::new();
    for resistor in std::fs::read_dir(folder)? {
        let resistor = resistor?.path();
        if resistor.is_dir() {
            for one in std::fs::read_dir(resistor)? {
                folders.push(one?.path());
            }
        }
    }
    folders.sort();
    let reading = Reading::default().with_columns("voltage,current")?.with_unit("current=uA")?;
    let mut all: Vec<(&str, f64, f64, bool)> = Vec::new();
    let mut apart = 0.0_f64;
    for folder in folders {
        let name = folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let mut parts = name.split('_');
        let ohm = parts
            .next()
            .and_then(|p| p.strip_suffix("kΩ"))
            .ok_or("no resistor in the name")?
            .parse::<f64>()?
            * 1e3;
        let hertz = parts
            .nth(1)
            .and_then(|p| p.strip_suffix("Hz"))
            .ok_or("no frequency in the name")?
            .parse::<f64>()?;
        let columns = |file: &str| -> Outcome<(Vec<f64>, Vec<f64>)> {
            let table = read(&folder.join(file), &reading)?;
            Ok((table.values(Quantity::Voltage)?, table.values(Quantity::Current)?))
        };
        let (v, i) = columns("Memristor.csv")?;
        let data = Loop::new(None, v, i, Some(hertz), 0.0)?;
        let (v, i) = columns("Resistor+Memristor.csv")?;
        let both = Loop::new(None, v, i, Some(hertz), ohm)?;
        apart = both.v.iter().zip(&data.v).fold(apart, |m, (a, b)| m.max((a - b).abs()));
        let options = IvOptions { label: name.clone(), starts: 100, refined: 2, ..IvOptions::default() };
        for (rank, fit) in fit_loop(&data, &options, &Unwatched)?.iter().enumerate() {
            let known = fit.parameters.iter().filter(|p| p.held.is_none()).count();
            let open: Vec<_> = fit.parameters.iter().filter(|p| p.held.is_some()).map(|p| p.name).collect();
            writeln!(
                out,
                "{name:22} {} {:22} rms {:7.3} uA = {:6.2} %, held-out {:6.2} %, steps {:5.2} %, {} determined, held {}",
                rank + 1,
                fit.model,
                fit.rms_a * 1e6,
                100.0 * fit.rms_relative,
                100.0 * fit.held_out_a / data.full_scale_a(),
                100.0 * fit.step_error_a / data.full_scale_a(),
                known,
                open.join(" ")
            )?;
            out.flush()?;
            all.push((fit.model, fit.rms_relative, fit.held_out_a / data.full_scale_a(), rank == 0));
        }
    }
    writeln!(out, "V - I R of the second files differs from the first by up to {apart:.2e} V")?;
    for model in neurohm_device::fit::iv::CANDIDATES {
        let of = |f: fn(&(&str, f64, f64, bool)) -> f64| {
            let values: Vec<f64> = all.iter().filter(|a| a.0 == *model).map(f).collect();
            [0.0, 0.25, 0.5, 0.75, 1.0].map(|p| 100.0 * quantile(&values, p).unwrap_or(f64::NAN))
        };
        let first = all.iter().filter(|a| a.0 == *model && a.3).count();
        writeln!(
            out,
            "{model:22} first of three in {first}; RMS % of full scale, quartiles {:.2?}; held-out {:.2?}",
            of(|a| a.1),
            of(|a| a.2)
        )?;
    }
    Ok(())
}
