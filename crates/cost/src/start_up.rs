//! Converters that measure themselves before they work.

use serde::Serialize;

use crate::{Fabric, Technology};

/// What it takes to calibrate the converters of a chip, when it is made and whenever its digital side has lost what it knew of
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Calibrating {
    /// Converters.
    pub converters: f64,
    /// Measurements of each.
    pub measurements: u64,
    /// Energy of all, J.
    pub energy_j: f64,
    /// Time, s.
    pub time_s: f64,
}

/// Calibrating the converters of the tiles that so many crossbars take; none where the chip's do not calibrate themselves. They
/// are counted as the chip has them, by its `columns_per_converter`, which need not be as the technology has them.
///
/// A converter measures the weight of each of its `b + r` decisions, and its offset, `a` times each, with its own smaller weights
/// (self-calibration as of Lee, Hodges and Gray, 1984: recalled). By convention such a measurement takes the energy and the time
/// of a conversion, and all converters measure at once:
///
/// `E = converters a (b + r + 1) E_conversion`, `T = a (b + r + 1) t_conversion`
pub fn calibrating(crossbars: u64, fabric: &Fabric, technology: &Technology) -> Option<Calibrating> {
    let (o, measurements) = (&technology.organisation, fabric.measurements);
    let cores = crossbars.div_ceil(u64::from(o.crossbars_per_core));
    let tiles = cores.div_ceil(u64::from(o.cores_per_tile)).max(1) as f64;
    let crossbars = tiles * f64::from(o.cores_per_tile) * f64::from(o.crossbars_per_core);
    let converters = crossbars * fabric.converters as f64;
    (measurements > 0).then_some(Calibrating {
        converters,
        measurements,
        energy_j: converters * measurements as f64 * fabric.conversion.energy_j,
        time_s: measurements as f64 * fabric.conversion.time_s,
    })
}

#[cfg(test)]
mod tests {
    use neurohm_array::{ChipSpec, chip_preset, presets_only};

    use super::*;
    use crate::{Activity, Component, Events, Layer, energy, map, technology};

    fn chip(mismatch: &str) -> ChipSpec {
        let mut chip = chip_preset("default").unwrap();
        if !mismatch.is_empty() {
            chip.set("adc.uniform.mismatch", mismatch, &presets_only).unwrap();
        }
        chip
    }

    #[test]
    fn redundant_decisions_take_their_part_of_time_and_energy_and_no_area() {
        // ISAAC's rate counts conversions of 8 decisions, the fits give each decision a nanosecond, and one for sampling.
        for (name, periods) in [("isaac_32nm", 8.0), ("neurosim_like_22nm", 9.0)] {
            let technology = technology(name).unwrap();
            let fabric = |chip: &ChipSpec| Fabric::new(chip, &technology, Activity::default()).unwrap();
            let (plain, more) = (fabric(&chip("")), fabric(&chip("{unit_capacitor = 0.02, redundancy = 2}")));
            let stretch = 1.0 + 2.0 / periods;
            for (a, b) in [
                (more.conversion.time_s, plain.conversion.time_s),
                (more.conversion.energy_j, plain.conversion.energy_j),
            ] {
                assert!((a / b - stretch).abs() < 1e-12, "{name}: {}", a / b);
            }
            assert_eq!(more.conversion.area_m2, plain.conversion.area_m2);
            // On a bill they are a line of their own, and everything else is as it was.
            let layers = [Layer::dense("one", 300, 40, None)];
            let events = Events::of_layer(&layers[0], &plain);
            let (whole, parts) = (energy(&events, &plain, &technology), energy(&events, &more, &technology));
            let of = |bill: &crate::Bill, c| bill.of(c).energy_j;
            assert!((of(&parts, Component::Adc) / of(&whole, Component::Adc) - 1.0).abs() < 1e-12);
            let extra = of(&parts, Component::Redundancy) / of(&whole, Component::Adc);
            assert!((extra - 2.0 / periods).abs() < 1e-12, "{extra}");
            assert!(whole.items.iter().all(|item| item.component != Component::Redundancy));
            let bill = map(&layers, &more, &technology, Default::default()).unwrap().bill(&more, &technology);
            let late = |c| bill.of(c).latency_s;
            let part = late(Component::Redundancy) / (late(Component::Redundancy) + late(Component::Adc));
            assert!((part - more.redundant).abs() < 1e-12 && (part - 2.0 / (periods + 2.0)).abs() < 1e-12);
        }
    }

    #[test]
    fn calibration_takes_a_conversion_for_each_measurement() {
        let isaac = technology("isaac_32nm").unwrap();
        let how = |share: u32| {
            format!(
                "{{unit_capacitor = 0.02, redundancy = 2, columns_per_converter = {share}, \
                 calibration = {{averages = 16, noise_lsb = 0.3}}}}"
            )
        };
        for (share, behind) in [(1, 256.0), (128, 2.0), (100, 3.0), (1000, 1.0)] {
            let chip = chip(&how(share));
            assert_eq!(chip.tile.columns, 256);
            let fabric = Fabric::new(&chip, &isaac, Activity::default()).unwrap();
            let found = calibrating(1, &fabric, &isaac).unwrap();
            // One tile of 12 cores with 8 crossbars each; 10 weights and an offset; 2 mW / 1.28 GHz, a quarter more.
            let converters = 96.0 * behind;
            assert_eq!((found.converters, found.measurements), (converters, 16 * 11), "{share}");
            let conversion_s = 1.25 / 1.28e9;
            assert!((found.time_s / (176.0 * conversion_s) - 1.0).abs() < 1e-12);
            assert!((found.energy_j / (converters * 176.0 * 2e-3 * conversion_s) - 1.0).abs() < 1e-12);
        }
        let plain = Fabric::new(&chip("{unit_capacitor = 0.02}"), &isaac, Activity::default()).unwrap();
        assert!(calibrating(1, &plain, &isaac).is_none());
    }
}
