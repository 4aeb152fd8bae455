//! Writing a network into its cells.

use std::ops::AddAssign;

use serde::Serialize;

use crate::{Fabric, Technology};

/// What writing takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Programming {
    /// Cells written.
    pub cells: f64,
    /// Pulses given.
    pub pulses: f64,
    /// Reads that verified.
    pub verifies: f64,
    /// Energy of the pulses, J.
    pub pulse_j: f64,
    /// Energy of the reads that verify, J.
    pub verify_j: f64,
    /// Both together, J.
    pub energy_j: f64,
    /// Time, s.
    pub time_s: f64,
}

impl AddAssign for Programming {
    fn add_assign(&mut self, o: Self) {
        self.cells += o.cells;
        self.pulses += o.pulses;
        self.verifies += o.verifies;
        self.pulse_j += o.pulse_j;
        self.verify_j += o.verify_j;
        self.energy_j += o.energy_j;
        self.time_s += o.time_s;
    }
}

/// Writing `cells` cells that are spread over `crossbars` crossbars with the technology's pulses. A read that verifies
/// costs one cell at its mean conductance and one conversion. Cells of a crossbar are written `cells_at_once`, crossbars
/// `crossbars_at_once`; a group of cells takes its pulses and reads one after the other:
///
/// `T = ceil(crossbars / at once) ceil(cells / crossbars / at once) pulses (t_pulse + verifies (t_read + t_conversion))`
pub fn program(cells: f64, crossbars: u64, fabric: &Fabric, technology: &Technology) -> Programming {
    let w = &technology.write;
    let pulses = cells * w.pulses.value;
    let verifies = pulses * w.verifies.value;
    let read_j = fabric.cell_s * fabric.read_v.powi(2) * fabric.integration_s + fabric.conversion.energy_j;
    let step_s = w.pulse_s.value + w.verifies.value * (fabric.read_s + fabric.conversion.time_s);
    let groups = (cells / crossbars.max(1) as f64 / f64::from(w.cells_at_once)).ceil();
    let waves = crossbars.div_ceil(u64::from(w.crossbars_at_once)) as f64;
    let (pulse_j, verify_j) = (pulses * w.pulse_j.value, verifies * read_j);
    Programming {
        cells,
        pulses,
        verifies,
        pulse_j,
        verify_j,
        energy_j: pulse_j + verify_j,
        time_s: waves * groups * w.pulses.value * step_s,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activity, technology};

    #[test]
    fn writing_follows_its_counts() {
        let mut isaac = technology("isaac_32nm").unwrap();
        isaac.set("write.pulses", "5").unwrap();
        isaac.set("write.pulse_energy", "2 pJ").unwrap();
        isaac.set("write.pulse_time", "100 ns").unwrap();
        isaac.set("write.verifies", "0").unwrap();
        let chip = neurohm_array::chip_preset("default").unwrap();
        let fabric = Fabric::new(&chip, &isaac, Activity::default()).unwrap();
        // 1000 cells on 10 crossbars, 8 of them at once: two waves of 100 cells x 5 pulses x 100 ns.
        let found = program(1000.0, 10, &fabric, &isaac);
        assert!((found.energy_j / (5000.0 * 2e-12) - 1.0).abs() < 1e-12);
        assert!((found.time_s / (2.0 * 100.0 * 5.0 * 100e-9) - 1.0).abs() < 1e-12);
        // A read after each pulse adds its conversion: 2 mW / 1.28 GHz, and the cell's own.
        isaac.set("write.verifies", "1").unwrap();
        let verified = program(1000.0, 10, &fabric, &isaac);
        assert_eq!(verified.pulse_j, found.pulse_j);
        assert!(verified.verify_j > 5000.0 * 1.5625e-12 && verified.time_s > found.time_s);
    }
}
