//! Devices by the million: programming, drift and reading, timed; their statistics level by level.

use neurohm_array::AnalogMatrix;
use neurohm_device::CellArray;
use neurohm_num::{Key, Rows, RowsMut};
use serde_json::json;

use super::{HERMES_ZERO_S, PCM_ZERO_S, peer_chip};
use crate::agree::{Check, Moments, apart};
use crate::peer::{Peer, number, tensor};
use crate::record::Outcome;
use crate::turns::Turns;
use crate::{Bench, Result};

const SIZE: usize = 1024;
const HOUR_S: f64 = 3600.0;
const DAY_S: f64 = 86_400.0;
/// Programmings of either side that its statistics are taken over.
const PROGRAMMINGS: u64 = 4;
/// Bands of |w| in which weight errors are compared.
const BANDS: usize = 20;

/// Checks of two samples band by band or level by level: means and standard deviations, in standard errors of
/// the difference, within 5.
fn same_moments(what: &str, theirs: Moments, ours: Moments) -> [Check; 2] {
    let (mean, sd) = apart(theirs, ours);
    [
        Check::within(format!("{what}: means apart, standard errors"), mean, -5.0, 5.0),
        Check::within(format!("{what}: spreads apart, standard errors"), sd, -5.0, 5.0),
    ]
}

/// Errors `w_eff - w` towards larger |w|, band by band of |w|, of several programmings on either side. `method` is
/// what the peer is asked for.
fn same_weight_errors(peer: &mut Peer, method: &str, weights: &[f32]) -> Result<Vec<Check>> {
    let w = Rows::new(weights, SIZE, SIZE)?;
    let mut both = [vec![Vec::new(); BANDS], vec![Vec::new(); BANDS]];
    for chip in 0..PROGRAMMINGS {
        let theirs = tensor(&peer.ask(method, json!({}))?["weights"])?.data;
        let ours = an_hour_later(w, Key::root(7).child("chip", chip))?;
        for (bands, effective) in both.iter_mut().zip([theirs, ours]) {
            for (w, e) in weights.iter().zip(effective) {
                let band = ((w.abs() * BANDS as f32) as usize).min(BANDS - 1);
                bands[band].push(f64::from((e - w) * w.signum()));
            }
        }
    }
    let [theirs, ours] = both;
    let pairs = theirs.into_iter().zip(ours).enumerate();
    let checks = pairs
        .flat_map(|(i, (a, b))| {
            let low = i as f64 / BANDS as f64;
            same_moments(&format!("|w| from {low:.2}"), Moments::of(&a), Moments::of(&b))
        })
        .collect();
    Ok(checks)
}

fn open(bench: &mut Bench, compensated: bool) -> Result<Vec<f32>> {
    let settings = json!({"inputs": SIZE, "outputs": SIZE, "time_s": HOUR_S, "compensated": compensated});
    bench.peer.open("programming", settings)?;
    Ok(tensor(&bench.peer.ask("case", json!({}))?["weights"])?.data)
}

/// Effective weights of ours an hour after programming, without the digital drift factor.
fn an_hour_later(weights: Rows, key: Key) -> Result<Vec<f32>> {
    let chip = peer_chip("pcm", false)?;
    let mut matrix = AnalogMatrix::program(weights, &chip, key)?;
    matrix.advance(PCM_ZERO_S + HOUR_S)?;
    matrix.read()?;
    let mut effective = vec![0.0; SIZE * SIZE];
    matrix.weights(&mut RowsMut::new(&mut effective, SIZE, SIZE)?)?;
    Ok(effective)
}

/// Programs 2^20 weights (2^21 devices), waits an hour and reads, with the compensation's probe reads on both
/// sides or on neither.
pub fn programming(bench: &mut Bench, compensated: bool) -> Result<Outcome> {
    let weights = open(bench, compensated)?;
    let w = Rows::new(&weights, SIZE, SIZE)?;
    let checks = same_weight_errors(&mut bench.peer, "pair_weights", &weights)?;

    let chip = peer_chip("pcm", compensated)?;
    let Bench { peer, pool, repeats, .. } = bench;
    // The peer programs the tiles of a layer that it has; so do we.
    let mut matrix = pool.install(|| AnalogMatrix::program(w, &chip, Key::root(8)))?;
    let turns = Turns::take(peer, *repeats, || {
        pool.install(|| {
            matrix.reprogram(w)?;
            matrix.advance(PCM_ZERO_S + HOUR_S)?;
            Ok(matrix.read()?)
        })
    })?;
    Ok(Outcome::new(turns, checks)
        .per_call(2 * SIZE * SIZE, "devices")
        .detail("our_probe_inputs", chip.drift_compensation.probes())
        .detail("peer_probe_inputs", if compensated { 512 } else { 0 }))
}

/// The same against what the peer's tiles hold: they fold each programmed pair into one weight before drift.
pub fn folded_pairs(bench: &mut Bench) -> Result<Outcome> {
    let weights = open(bench, false)?;
    let w = Rows::new(&weights, SIZE, SIZE)?;
    let checks = same_weight_errors(&mut bench.peer, "tile_weights", &weights)?;
    let mut index = 0;
    let Bench { peer, pool, repeats, .. } = bench;
    let turns = Turns::take(peer, *repeats, || {
        index += 1;
        pool.install(|| an_hour_later(w, Key::root(8).child("chip", index)).map(|_| ()))
    })?;
    Ok(Outcome::new(turns, checks)
        .per_call(2 * SIZE * SIZE, "devices")
        .finding("Pairs are folded before drift"))
}

/// Populations of one device that both sides draw.
pub struct Populations {
    /// Our preset.
    device: &'static str,
    /// The peer's model.
    peer_device: &'static str,
    /// Age at which the peer's clock shows 0, s.
    zero_s: f64,
    /// Largest conductance asked of the peer, uS, where it is not the default.
    peer_g_max_us: Option<f64>,
    /// Instants after programming, s.
    times_s: &'static [f64],
    /// Levels as fractions of the largest conductance.
    levels: &'static [f64],
    /// Why they differ, where they do.
    finding: Option<&'static str>,
}

const POWER_LAW_TIMES: &[f64] = &[0.0, HOUR_S, DAY_S, 30.0 * DAY_S, 365.0 * DAY_S];

/// PCM: first read (20 s) to a year.
pub const PCM: Populations = Populations {
    device: "pcm",
    peer_device: "pcm",
    zero_s: PCM_ZERO_S,
    peer_g_max_us: None,
    times_s: POWER_LAW_TIMES,
    levels: &[0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0],
    finding: None,
};
/// HERMES, two devices: first read (300 s) to a year.
pub const HERMES: Populations =
    Populations { device: "hermes", peer_device: "hermes", zero_s: HERMES_ZERO_S, ..PCM };
/// CMO/HfOx ReRAM with the acceptance window of 2 %; levels whose spread stays off the peer's clipping to its range.
pub const CMO: Populations = Populations {
    device: "reram_cmo",
    peer_device: "reram_cmo_2_percent",
    zero_s: 0.0,
    times_s: &[1.0, HOUR_S, DAY_S],
    levels: &[0.25, 0.4, 0.55, 0.7, 0.85],
    ..PCM
};
/// The same as the peer has it by default.
pub const CMO_DEFAULT: Populations =
    Populations { peer_device: "reram_cmo", finding: Some("CMO falls back to 0.2 %"), ..CMO };
/// ReRAM of Wan 2022 at the range of its fit.
pub const WAN_40: Populations = Populations {
    device: "reram_wan2022",
    peer_device: "reram_wan2022",
    zero_s: 0.0,
    peer_g_max_us: Some(40.0),
    times_s: &[1.0, DAY_S, 2.0 * DAY_S],
    levels: &[0.1, 0.2, 0.35, 0.5, 0.75, 1.0],
    ..PCM
};
/// The same at the peer's default range.
pub const WAN_25: Populations =
    Populations { peer_g_max_us: None, finding: Some("The rescale of Wan 2022 is dead"), ..WAN_40 };

/// Mean and standard deviation of conductances, as fractions of the largest, at every level and instant.
pub fn levels(bench: &mut Bench, which: &Populations) -> Result<Outcome> {
    let count = 100_000;
    let mut settings = json!({"device": which.peer_device, "levels": which.levels, "times_s": which.times_s, "count": count});
    if let Some(g) = which.peer_g_max_us {
        settings["g_max_us"] = json!(g);
    }
    bench.peer.open("levels", settings)?;
    let answer = bench.peer.ask("moments", json!({}))?;
    let peer_g_max_us = number(&answer["g_max_us"])?;
    let cell = neurohm_device::preset(which.device)?.cell.unwrap();

    let mut g = vec![0.0; count];
    let mut population = |seed: u64, keep: &mut dyn FnMut(f64, f64, &[f32])| -> Result<()> {
        for (i, &level) in which.levels.iter().enumerate() {
            let target = level * cell.g_max_s;
            let mut cells = CellArray::new(&cell, count, Key::root(seed).child("level", i as u64))?;
            cells.program(&vec![target as f32; count])?;
            let mut clock = 0.0;
            for &time in which.times_s {
                cells.advance(which.zero_s + time - clock)?;
                clock = which.zero_s + time;
                cells.observe_into(&mut g)?;
                keep(level, time, &g);
            }
        }
        Ok(())
    };
    let mut ours = Vec::new();
    population(7, &mut |level, time, g| {
        let relative: Vec<f64> = g.iter().map(|g| f64::from(*g) / cell.g_max_s).collect();
        ours.push((level, time, Moments::of(&relative)));
    })?;
    let rows = answer["rows"].as_array().ok_or("the peer sent no rows")?;
    let mut checks = Vec::new();
    for (row, (level, time, ours)) in rows.iter().zip(&ours) {
        let unit = peer_g_max_us;
        let theirs = Moments {
            count: count as f64,
            mean: number(&row["mean"])? / unit,
            variance: number(&row["variance"])? / unit.powi(2),
            fourth: number(&row["fourth"])? / unit.powi(4),
        };
        checks.extend(same_moments(&format!("level {level}, {time} s"), theirs, *ours));
    }
    if checks.len() != 2 * which.levels.len() * which.times_s.len() {
        return Err(format!("{} moments instead of two a level and instant", checks.len()).into());
    }
    let mut seed = 100;
    let Bench { peer, pool, repeats, .. } = bench;
    let turns = Turns::take(peer, *repeats, || {
        seed += 1;
        pool.install(|| population(seed, &mut |_, _, _| ()))
    })?;
    let mut outcome =
        Outcome::new(turns, checks).per_call(count * which.levels.len() * which.times_s.len(), "reads");
    outcome.finding = which.finding;
    Ok(outcome)
}
