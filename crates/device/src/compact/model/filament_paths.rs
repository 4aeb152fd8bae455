//! Filaments that choose among paths, or are confined to one.

use super::prelude::*;
use super::stanford::StanfordPku;

/// Most paths a cell may have.
const PATHS: usize = 64;

parameters! {
    /// A filament that forms along another of a cell's paths in each cycle, on top of the Stanford-PKU model. The
    /// equations here are ours, made to show what confinement does: where a dislocation, say, leaves the filament one
    /// path, cycles become alike. Such preferential paths are one remedy for variability that the review names (Mehonic
    /// et al. 2020).
    ///
    /// A cell has `paths` of them. Path k has its own field enhancement gamma0_k = gamma0 (1 + path_gamma a_k) and its own
    /// largest gap gmax_k = gmax e^(path_gap b_k), where a_k and b_k are normal numbers drawn once a cell. A SET after a
    /// RESET takes one of the paths with equal probability and varies it by another 1 + cycle_gamma c and e^(cycle_gap d),
    /// c and d drawn anew: what spread is left to a confined filament. All are cut at three standard deviations. The gap
    /// keeps its relative width g/gmax_k as the path changes. `paths` = 1 is the confined cell.
    ///
    /// Holds where the model under it does; the chosen path's current is the cell's.
    pub struct FilamentPaths
    units {}
    pure {
        /// Number of paths, a whole number; 1 is confined.
        paths [1.0, 64.0];
        /// Standard deviation of the enhancement from path to path, relative.
        path_gamma [0.0, 0.3];
        /// Standard deviation of the largest gap from path to path, of its logarithm.
        path_gap [0.0, 0.3];
        /// Standard deviation of the enhancement from cycle to cycle along one path, relative.
        cycle_gamma [0.0, 0.3];
        /// Standard deviation of the largest gap from cycle to cycle along one path, of its logarithm.
        cycle_gap [0.0, 0.3];
    }
    other {
        /// The model of each path.
        filament: StanfordPku;
    }
    first_of { filament }
}

/// A cell: its paths' enhancements and largest gaps (relative), and the model of the present one.
#[derive(Clone, Debug)]
pub struct PathsCell {
    paths: Vec<(f64, f64)>,
    present: StanfordPku,
    opened: bool,
}

impl FilamentPaths {
    /// Sixteen paths that differ by 10 % in enhancement and 5 % in gap, by 1 % and 0.5 % from cycle to cycle (sizes are
    /// ours), over the published Stanford-PKU parameters.
    pub fn free() -> Self {
        FilamentPaths {
            paths: 16.0,
            path_gamma: 0.1,
            path_gap: 0.05,
            cycle_gamma: 0.01,
            cycle_gap: 0.005,
            filament: StanfordPku::v1(),
        }
    }

    /// The same with one path.
    pub fn confined() -> Self {
        FilamentPaths { paths: 1.0, ..FilamentPaths::free() }
    }

    fn along(&self, path: (f64, f64)) -> StanfordPku {
        let base = &self.filament;
        StanfordPku { gamma0: base.gamma0 * path.0, g_max_m: base.g_max_m * path.1, ..base.clone() }
    }

    /// Factors of enhancement and largest gap from the `nth` pair of a stream's normal numbers.
    fn factors(stream: &neurohm_num::Stream, nth: u64, gamma: f64, gap: f64) -> (f64, f64) {
        let normal = |nth: u64| truncated(stream, nth, 0.0, 1.0, -3.0, 3.0);
        (1.0 + gamma * normal(2 * nth), libm::exp(gap * normal(2 * nth + 1)))
    }

    fn choose(&self, paths: &[(f64, f64)], key: Key, cycle: u64) -> StanfordPku {
        let stream = key.stream(Purpose::Cycle, cycle);
        let k = (f64::from(stream.uniform(64)) * paths.len() as f64) as usize;
        let path = paths.get(k).copied().unwrap_or((1.0, 1.0));
        let vary = FilamentPaths::factors(&stream, 0, self.cycle_gamma, self.cycle_gap);
        self.along((path.0 * vary.0, path.1 * vary.1))
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        let narrowest = self.filament.g_max_m * libm::exp(-3.0 * (self.path_gap + self.cycle_gap));
        self.out_of_range()
            .or_else(|| self.filament.problem().map(|(field, what)| (format!("filament.{field}"), what)))
            .or_else(|| {
                (self.paths.fract() != 0.0)
                    .then(|| ("paths".to_owned(), format!("is {}; it must be a whole number", self.paths)))
            })
            .or_else(|| {
                rising("path_gap", "leaves paths no room above gap_min", self.filament.g_min_m, narrowest)
            })
    }
}

impl CompactModel for FilamentPaths {
    const N: usize = 1;
    const H: usize = 0;
    type Cell = PathsCell;

    fn draw(&self, key: Key, _: u64) -> PathsCell {
        let stream = key.stream(Purpose::DeviceSpread, 0);
        let count = (self.paths as usize).clamp(1, PATHS);
        let path = |k: u64| FilamentPaths::factors(&stream, k, self.path_gamma, self.path_gap);
        let paths: Vec<_> = (0..count as u64).map(path).collect();
        let present = self.choose(&paths, key, 0);
        PathsCell { paths, present, opened: false }
    }

    fn initial(&self, cell: &PathsCell, x: &mut [f64]) {
        cell.present.initial(&(), x);
    }

    /// The state is the gap of the present path, m.
    fn eval(&self, cell: &PathsCell, at: At, guess: &mut f64) -> Result<Response, ModelError> {
        cell.present.eval(&(), at, guess)
    }

    /// Of one path without spread from cycle to cycle every cycle is the same.
    fn spice(&self, cell: &PathsCell) -> Result<Equations, &'static str> {
        if self.paths > 1.0 || self.cycle_gamma > 0.0 || self.cycle_gap > 0.0 {
            return Err(
                "chance decides over its path, which is drawn anew in every cycle, and SPICE only integrates",
            );
        }
        cell.present.spice(&())
    }

    fn bounds(&self, cell: &PathsCell, low: &mut [f64], high: &mut [f64]) {
        cell.present.bounds(&(), low, high);
    }

    fn scale(&self, cell: &PathsCell, x: &mut [f64]) {
        cell.present.scale(&(), x);
    }

    fn noise(&self, cell: &PathsCell, x: &[f64], v: f64, i_a: f64, t_k: f64, strength: &mut [f64]) -> bool {
        cell.present.noise(&(), x, v, i_a, t_k, strength)
    }

    fn accept(
        &self,
        cell: &mut PathsCell,
        before: &[f64],
        x: &mut [f64],
        v: f64,
        cycle: &mut u32,
        key: Key,
        _: u64,
    ) -> bool {
        if v < 0.0 && x[0] > before[0] {
            cell.opened = true;
        } else if v > 0.0 && cell.opened {
            // The new path is chosen before anything moves: as the voltage turns.
            *cycle = cycle.wrapping_add(1);
            let next = self.choose(&cell.paths, key, u64::from(*cycle));
            x[0] = (x[0] * next.g_max_m / cell.present.g_max_m).max(next.g_min_m).min(next.g_max_m);
            cell.present = next;
            cell.opened = false;
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Bank, Drive, Waveform, drive};
    use super::*;
    use neurohm_num::stats::{mean, sd};

    /// SET voltages and high resistances (at 0.1 V) of `cycles` cycles of one cell.
    fn cycles(model: &FilamentPaths, seed: u64, cycles: usize) -> (Vec<f64>, Vec<f64>) {
        let mut bank = Bank::new(model.clone(), 1, Key::root(seed));
        let (mut set, mut high) = (Vec::new(), Vec::new());
        for _ in 0..cycles {
            let waveform =
                Waveform::Points(vec![(0.0, 0.0), (1e-5, -3.0), (2e-5, 0.0), (3e-5, 3.0), (4e-5, 0.0)]);
            let how = Drive { waveform: &waveform, t_end_s: 4e-5, t_k: 298.0, max_step_s: 1e-8 };
            let trace = drive(&mut bank, &how).unwrap();
            let read = trace.t_s.partition_point(|t| *t < 2.03e-5);
            high.push(trace.v[read] / trace.i_a[read]);
            let closed = (read..trace.t_s.len()).find(|n| trace.x[*n] < 0.5e-9).unwrap();
            set.push(trace.v[closed]);
        }
        (set, high)
    }

    fn spread(values: &[f64]) -> f64 {
        sd(values) / mean(values)
    }

    #[test]
    fn a_confined_filament_has_several_times_less_spread_from_cycle_to_cycle() {
        let (free_set, free_high) = cycles(&FilamentPaths::free(), 1, 60);
        let (set, high) = cycles(&FilamentPaths::confined(), 1, 60);
        assert!(spread(&free_set) > 4.0 * spread(&set), "{} {}", spread(&free_set), spread(&set));
        assert!(spread(&set) > 1e-3, "{}", spread(&set));
        assert!(spread(&free_high) > 4.0 * spread(&high), "{} {}", spread(&free_high), spread(&high));
        assert!(spread(&high) > 1e-2, "{}", spread(&high));
    }

    #[test]
    fn confined_cells_differ_from_each_other_as_paths_do() {
        // Confinement takes the spread from cycle to cycle, not that from device to device.
        let model = FilamentPaths::confined();
        let of_cells: Vec<f64> = (0..25).map(|seed| cycles(&model, seed, 1).0[0]).collect();
        let (of_cycles, _) = cycles(&model, 0, 25);
        assert!(spread(&of_cells) > 3.0 * spread(&of_cycles), "{} {}", spread(&of_cells), spread(&of_cycles));
    }

    #[test]
    fn paths_are_taken_equally_often() {
        let model = FilamentPaths { paths: 4.0, cycle_gamma: 0.0, cycle_gap: 0.0, ..FilamentPaths::free() };
        let cell = model.draw(Key::root(7), 0);
        let n = 4000;
        let mut counts = [0.0; 4];
        for cycle in 0..n {
            let chosen = model.choose(&cell.paths, Key::root(7), cycle);
            let k = (0..4).find(|k| model.along(cell.paths[*k]) == chosen).unwrap();
            counts[k] += 1.0;
        }
        // Chi squared with three degrees of freedom is below 16.3 in 999 of 1000 cases.
        let chi: f64 = counts.iter().map(|c: &f64| (c - 1000.0).powi(2) / 1000.0).sum();
        assert!(chi < 16.3, "{counts:?}");
    }
}
