//! Presets of the dynamic face: one a published parameter set, with the drive under which it switches.

use neurohm_num::quantity::{self, Dimension};

use crate::aspect::Drive;
use crate::compact::{Published, Tag, published};
use crate::operation::Operation;
use crate::spec::DeviceSpec;
use crate::valid::{NEAR_ROOM_K, Valid};

/// What a model stands for: its name, the device class, and a title.
const MODELS: &[(&str, &str, &str)] = &[
    ("linear_ion_drift", "ReRAM", "Linear ion drift in titanium dioxide"),
    ("nonlinear_ion_drift", "ReRAM", "Nonlinear ion drift"),
    ("simmons", "ReRAM", "Simmons tunnel barrier in titanium dioxide"),
    ("team", "ReRAM", "TEAM: drift above a threshold of current"),
    ("vteam", "ReRAM", "VTEAM: drift above a threshold of voltage"),
    ("yakopcic", "ReRAM", "Yakopcic's generalised memristor"),
    ("stanford_pku", "ReRAM", "Filamentary oxide, Stanford-PKU gap model"),
    ("messaris", "ReRAM", "Messaris's data-driven model"),
    ("mean_metastable_switch", "ReRAM", "Ag-chalcogenide as a mean metastable switch"),
    ("tungsten_oxide", "volatile", "Tungsten oxide that forgets"),
    ("pershin_di_ventra", "ReRAM", "Pershin and Di Ventra's threshold model"),
    ("stt_mram", "MRAM", "Spin-transfer-torque tunnel junction"),
    ("jart_vcm", "ReRAM", "Filamentary valence-change cell, JART VCM v1b"),
    ("ecm", "ReRAM", "Electrochemical metallisation cell"),
    ("filament_paths", "ReRAM", "Filamentary oxide with several paths, or one"),
    ("diffusive_ag", "volatile", "Diffusive silver memristor"),
    ("and_ts", "volatile", "Ag dynamic threshold selector, AND-TS"),
    ("pcm_mushroom", "PCM", "Phase-change mushroom cell, electro-thermal"),
    ("fefet", "FeFET", "Ferroelectric transistor, domain by domain"),
    ("thermochemical", "ReRAM", "Thermochemical (unipolar) oxide"),
    ("schottky_interface", "ReRAM", "Interface-type Schottky barrier with trapped charge"),
    ("mott_pillar", "volatile", "Mott threshold switch"),
    ("soft_breakdown", "ReRAM", "Pristine oxide before electroforming"),
    ("yakopcic_two_branch", "ReRAM", "Yakopcic's memristor with two branches"),
    ("messaris_quadratic", "ReRAM", "Messaris's data-driven model, quadratic approach"),
    ("nbo2_threshold", "volatile", "Niobium dioxide threshold switch"),
];

/// Pulses of devices that a half wave of their published drive does not switch both ways, or so hard that nothing can be
/// seen of it.
struct Own {
    /// The set, or the model that all sets of are meant.
    of: &'static str,
    /// Voltage, V, and width, s, of SET.
    set: (f64, f64),
    /// Voltage, V, and width, s, of RESET.
    reset: (f64, f64),
    /// Resistor in series, ohm.
    series_ohm: Option<f64>,
}

/// All of these pulses are ours.
const OPERATIONS: &[Own] = &[
    // A phase-change cell is programmed by currents of one polarity: behind 10 kohm, and with 0.85 V across the cell
    // while it is on, these give about 0.25 mA, at which the dome crystallises within half a microsecond and nothing
    // melts, and 0.45 mA, which melts all that can melt (as in figure 3 of the review's ledger).
    Own { of: "pcm_mushroom", set: (3.35, 500e-9), reset: (5.35, 50e-9), series_ohm: Some(10e3) },
    // About twice the critical current either way.
    Own { of: "stt_mram", set: (0.8, 50e-9), reset: (-0.8, 50e-9), series_ohm: None },
    // Heat: one polarity, and RESET below the threshold of SET.
    Own { of: "thermochemical", set: (1.5, 250e-6), reset: (0.8, 250e-6), series_ohm: None },
    // Below 1 V neither state can move: the resistances that its window leaves overlap.
    Own { of: "messaris/taox", set: (1.2, 1e-3), reset: (-1.2, 1e-3), series_ohm: None },
    // A half wave of their published drive moves these by 10 %, 2 %, 5 % and 1 %; longer pulses of its amplitude by a part
    // that can be seen. (Both ion drifts stand for ever where their windows let them reach an end: pulses of twice this
    // length take them there.)
    Own { of: "linear_ion_drift/joglekar", set: (1.0, 0.5), reset: (-1.0, 0.5), series_ohm: None },
    Own { of: "linear_ion_drift/prodromakis", set: (1.0, 2.0), reset: (-1.0, 2.0), series_ohm: None },
    Own { of: "messaris/tiox_2", set: (-0.7, 0.25), reset: (0.7, 0.25), series_ohm: None },
    Own { of: "messaris_quadratic", set: (1.2, 2.5e-3), reset: (-1.2, 2.5e-3), series_ohm: None },
    // These switch in less than any circuit's time constant at the voltages of their published sweeps.
    Own { of: "simmons", set: (-0.12, 10e-6), reset: (0.2, 100e-6), series_ohm: None },
    // Cycle by cycle its RESET begins between 1.1 V and 1.6 V on such a ramp, as radius, length and concentrations are drawn
    // anew within 10 %: at the 1.5 V that a device of mean values needs, every tenth cycle would stay on.
    Own { of: "jart_vcm/v1b_var", set: (-1.5, 250e-6), reset: (1.8, 250e-6), series_ohm: None },
    Own { of: "stanford_pku/siena", set: (2.2, 1e-6), reset: (-1.6, 1e-6), series_ohm: None },
];

/// Where sets depart from what their sources say.
const DIFFERENCES: &[(&str, &str)] = &[(
    "stanford_pku/v1_dynamic",
    "The published code adds its noise (0.02 m/s) anew at every step, so that its spread depends on the steps; here the same \
     amplitude at that code's bound of the step, 1 ns, drives a Wiener process, whose spread does not. As in \
     that code the gap walks at rest too, by 0.6 nm in a microsecond: the cell keeps no state for longer.",
)];

/// The preset's name of a published set: `vteam/memtorch` is `vteam_memtorch`.
pub(super) fn name(set: &Published) -> String {
    set.name.replace('/', "_")
}

/// The published sets as descriptions.
pub(super) fn all() -> impl Iterator<Item = (String, DeviceSpec)> {
    published().iter().map(|set| (name(set), describe(set)))
}

fn describe(set: &Published) -> DeviceSpec {
    let (model, parameters) = set.name.split_once('/').unwrap_or((set.name, ""));
    let compact = set.dynamic();
    let (class, title) = MODELS
        .iter()
        .find(|(name, _, _)| *name == model)
        .map_or(("memristor", model), |(_, class, title)| (*class, *title));
    let numbers = match set.tag {
        Tag::Published => "parameters as published",
        Tag::Code => "parameters as in public code",
        Tag::Recalled => "parameters recalled or chosen: a starting point, not to be quoted",
    };
    let b = &set.behaviour;
    // Half a half wave at full height moves about as much as the rise and fall of one.
    let width_s = 0.25 / b.frequency_hz;
    let pulse = |voltage_v: f64| Drive { voltage_v, width_s };
    let sets = if b.bipolar == Some(false) { -b.amplitude_v } else { b.amplitude_v };
    let operation = Operation {
        set: pulse(sets),
        reset: b.bipolar.map(|_| pulse(-sets)),
        read: Drive {
            voltage_v: quantity::rounded(0.05 * b.amplitude_v.abs(), 3),
            width_s: width_s.min(1e-7),
        },
        compliance_a: None,
        series_ohm: None,
    };
    let operation = match OPERATIONS.iter().find(|own| own.of == set.name || own.of == model) {
        Some(own) => Operation {
            set: Drive { voltage_v: own.set.0, width_s: own.set.1 },
            reset: Some(Drive { voltage_v: own.reset.0, width_s: own.reset.1 }),
            series_ohm: own.series_ohm,
            ..operation
        },
        None => operation,
    };
    // What prose says below: the drive that is known to do what the set claims, and the pulses.
    let mut pulses = vec![operation.set];
    pulses.extend(operation.reset);
    let far = |sign: f64| {
        sign * pulses.iter().fold(b.amplitude_v.abs(), |far, pulse| far.max(sign * pulse.voltage_v))
    };
    let longest_s = pulses.iter().fold(1.0 / b.frequency_hz, |t, pulse| t.max(4.0 * pulse.width_s));
    let valid = Valid {
        voltage_v: Some([far(-1.0), far(1.0)]),
        time_s: Some([0.0, longest_s]),
        temperature_k: Some(NEAR_ROOM_K),
    };
    DeviceSpec {
        name: name(set),
        title: format!("{title} ({parameters})"),
        class: class.into(),
        source: format!("{}; {numbers}.", compact.source()),
        differences: DIFFERENCES
            .iter()
            .filter(|(of, _)| *of == set.name)
            .map(|(_, what)| (*what).to_owned())
            .collect(),
        valid_range: format!(
            "Voltages up to about {} and changes within about {}, near room temperature: where its parameters are known to \
             do what they claim.",
            quantity::format(
                quantity::rounded(b.amplitude_v.abs().max(operation.set.voltage_v.abs()), 3),
                Dimension::Volt
            ),
            quantity::format(quantity::rounded(longest_s, 3), Dimension::Second),
        ),
        valid,
        compact: Some(compact),
        spread: Default::default(),
        operation: Some(operation),
        cell: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compact::Dynamic;

    #[test]
    fn every_model_has_a_class_and_a_title() {
        for model in Dynamic::NAMES {
            assert_eq!(MODELS.iter().filter(|(name, _, _)| name == model).count(), 1, "{model}");
        }
        assert_eq!(MODELS.len(), Dynamic::NAMES.len());
    }
}
