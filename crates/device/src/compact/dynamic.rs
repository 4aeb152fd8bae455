//! The table of models: what a device description may hold, and the published parameter sets.

use neurohm_num::Key;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::model::*;
use super::{Bank, CellBank, Rates};
use crate::error::DeviceError;

/// Declares [`Dynamic`] with all that has to be done once for every model.
macro_rules! models {
    ($($(#[$doc:meta])* $variant:ident($type:ty) = $name:literal, $source:literal;)*) => {
        /// Equations of a device with their parameters; `[compact.NAME]` in a description.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Dynamic {
            $($(#[$doc])* #[serde(rename = $name)] $variant($type),)*
        }

        impl Dynamic {
            /// The names of all models, as a description writes them.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// Its name, as a description writes it.
            pub fn name(&self) -> &'static str {
                match self { $(Dynamic::$variant(_) => $name,)* }
            }

            /// Where its equations come from.
            pub fn source(&self) -> &'static str {
                match self { $(Dynamic::$variant(_) => $source,)* }
            }

            /// `len` unused cells that grow from `key`.
            ///
            /// # Errors
            /// The first parameter that physics or the model does not allow.
            pub fn bank(&self, len: usize, key: Key) -> Result<Box<dyn CellBank>, DeviceError> {
                self.validate()?;
                Ok(match self { $(Dynamic::$variant(m) => Box::new(Bank::new(m.clone(), len, key)),)* })
            }

            /// The equations of the first of the cells that grow from `key`, for other integrators.
            ///
            /// # Errors
            /// The first parameter that physics or the model does not allow.
            pub fn rates(&self, key: Key) -> Result<Rates, DeviceError> {
                self.validate()?;
                Ok(match self { $(Dynamic::$variant(m) => Rates::new(m.clone(), key),)* })
            }

            fn problem(&self) -> Option<(String, String)> {
                match self { $(Dynamic::$variant(m) => m.problem(),)* }
            }
        }
    };
}

models! {
    /// Linear ion drift (Strukov 2008).
    LinearIonDrift(LinearIonDrift) = "linear_ion_drift", "Strukov et al. 2008, Nature 453:80";
    /// Nonlinear ion drift (Lehtonen and Laiho).
    NonlinearIonDrift(NonlinearIonDrift) = "nonlinear_ion_drift", "Lehtonen and Laiho 2010, CNNA; Yang et al. 2008, Nat. Nanotechnol. 3:429";
    /// Simmons tunnel barrier (Pickett 2009).
    Simmons(SimmonsTunnelBarrier) = "simmons", "Pickett et al. 2009, J. Appl. Phys. 106:074508";
    /// TEAM (Kvatinsky 2013).
    Team(Team) = "team", "Kvatinsky et al. 2013, IEEE TCAS-I 60:211";
    /// VTEAM (Kvatinsky 2015).
    Vteam(Vteam) = "vteam", "Kvatinsky et al. 2015, IEEE TCAS-II 62:786";
    /// Yakopcic's model.
    Yakopcic(Yakopcic) = "yakopcic", "Yakopcic et al. 2011, IEEE EDL 32:1436; 2013, IEEE TCAD 32:1201";
    /// Stanford-PKU model of filamentary resistive memory.
    StanfordPku(StanfordPku) = "stanford_pku", "Jiang et al. 2014, doi 10.4231/D37H1DN48";
    /// Messaris's data-driven model.
    Messaris(Messaris) = "messaris", "Messaris et al. 2018, IEEE TCAD 37:3151";
    /// Mean metastable switch (Molter and Nugent).
    MeanMetastableSwitch(MeanMetastableSwitch) = "mean_metastable_switch", "Molter and Nugent 2016; knowm/memristor-models-4-all";
    /// Tungsten oxide with decay (Chang 2011).
    TungstenOxide(TungstenOxide) = "tungsten_oxide", "Chang et al. 2011, Appl. Phys. A 102:857";
    /// Pershin and Di Ventra's threshold model.
    PershinDiVentra(PershinDiVentra) = "pershin_di_ventra", "Pershin et al. 2009, Phys. Rev. E 80:021926";
    /// Spin-transfer-torque memory.
    SttMram(SttMram) = "stt_mram", "Worledge et al. 2011, Appl. Phys. Lett. 98:022501; Khvalkovskiy et al. 2013, J. Phys. D 46:074001";
    /// NbO2 threshold switch.
    NiobiumThreshold(NiobiumThreshold) = "nbo2_threshold", "Slesazeck et al. 2015, RSC Adv. 5:102318; Gibson et al. 2016, Appl. Phys. Lett. 108:023505";
}

impl Dynamic {
    /// Checks every parameter.
    ///
    /// # Errors
    /// The first that physics or the model does not allow, as `compact.MODEL.PARAMETER`.
    pub fn validate(&self) -> Result<(), DeviceError> {
        self.problem().map_or(Ok(()), |(field, problem)| {
            let field = format!("compact.{}.{field}", self.name());
            Err(DeviceError::Parameter { device: String::new(), field, problem })
        })
    }
}

/// Where a parameter set comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// Read in a publication.
    Published,
    /// Read in public code.
    Code,
    /// Recalled or chosen, in part or as a whole: a starting point, nothing to be quoted.
    Recalled,
}

/// What a model claims to do, and a drive under which it does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Behaviour {
    /// No current without voltage, in every state.
    pub pinched: bool,
    /// Opposite polarities switch it in opposite directions; whether a positive voltage raises the conductance.
    pub bipolar: Option<bool>,
    /// Amplitude of a drive that switches it, V.
    pub amplitude_v: f64,
    /// A frequency at which that drive opens the loop, Hz.
    pub frequency_hz: f64,
    /// A frequency at which the loop is closed again, if that is claimed, Hz.
    pub closed_hz: Option<f64>,
}

/// A parameter set by name.
#[derive(Clone, Copy, Debug)]
pub struct Published {
    /// `MODEL/SET`.
    pub name: &'static str,
    /// Where its numbers come from.
    pub tag: Tag,
    /// What it claims to do.
    pub behaviour: Behaviour,
    make: fn() -> Dynamic,
}

impl Published {
    /// The model with this set.
    pub fn dynamic(&self) -> Dynamic {
        (self.make)()
    }
}

const fn bipolar(positive_sets: bool, amplitude_v: f64, frequency_hz: f64) -> Behaviour {
    let closed_hz = Some(1e5 * frequency_hz);
    Behaviour { pinched: true, bipolar: Some(positive_sets), amplitude_v, frequency_hz, closed_hz }
}

/// All parameter sets that we know.
pub fn published() -> &'static [Published] {
    use Dynamic as D;
    use Tag::{Code, Published as Paper, Recalled};
    macro_rules! sets {
        ($($name:literal, $tag:expr, $behaviour:expr, $make:expr;)*) => {
            const { &[$(Published { name: $name, tag: $tag, behaviour: $behaviour, make: || $make }),*] }
        };
    }
    sets! {
        "linear_ion_drift/strukov", Code, bipolar(true, 1.0, 1.0),
            D::LinearIonDrift(LinearIonDrift::strukov(Window::None {}));
        "linear_ion_drift/joglekar", Code, bipolar(true, 1.0, 1.0),
            D::LinearIonDrift(LinearIonDrift::strukov(Window::Joglekar { p: 1.0 }));
        "linear_ion_drift/biolek", Code, bipolar(true, 1.0, 1.0),
            D::LinearIonDrift(LinearIonDrift::strukov(Window::Biolek { p: 1.0 }));
        "linear_ion_drift/prodromakis", Code, bipolar(true, 1.0, 1.0),
            D::LinearIonDrift(LinearIonDrift::strukov(Window::Prodromakis { p: 1.0, j: 1.0 }));
        "linear_ion_drift/team", Code, bipolar(true, 1.0, 1.0),
            D::LinearIonDrift(LinearIonDrift::strukov(Window::Team { a_rise: 0.9, a_fall: 0.1, w_c: 0.05 }));
        "nonlinear_ion_drift/technion", Recalled, bipolar(true, 1.1, 1.0),
            D::NonlinearIonDrift(NonlinearIonDrift::technion(Window::Biolek { p: 1.0 }));
        // Its velocity grows so steeply that 0.3 V sets it within a cycle of any frequency.
        "simmons/pickett", Recalled, Behaviour { closed_hz: None, ..bipolar(false, 0.3, 1.0) },
            D::Simmons(SimmonsTunnelBarrier::pickett());
        // So does that of its fit, with the tenth power.
        "team/pickett", Paper, Behaviour { closed_hz: None, ..bipolar(false, 1.0, 1.0) }, D::Team(Team::pickett());
        "vteam/memtorch", Code, bipolar(false, 0.3, 1e6), D::Vteam(Vteam::memtorch());
        "yakopcic/oblea_sine", Code, bipolar(true, 0.45, 100.0), D::Yakopcic(Yakopcic::oblea_sine());
        "yakopcic/oblea_pulsed", Code, bipolar(true, 0.25, 100.0), D::Yakopcic(Yakopcic::oblea_pulsed());
        "yakopcic/miao", Code, bipolar(true, 1.0, 0.05), D::Yakopcic(Yakopcic::miao());
        "yakopcic/jo", Code, bipolar(true, 3.0, 0.2), D::Yakopcic(Yakopcic::jo());
        "stanford_pku/v1", Code, bipolar(true, 2.0, 1e6), D::StanfordPku(StanfordPku::v1());
        "messaris/tiox", Paper, bipolar(false, 1.2, 0.01), D::Messaris(Messaris::tiox());
        "messaris/taox", Paper, bipolar(true, 0.7, 1e4), D::Messaris(Messaris::taox());
        "mean_metastable_switch/knowm", Code, bipolar(true, 0.5, 100.0),
            D::MeanMetastableSwitch(MeanMetastableSwitch::knowm());
        "mean_metastable_switch/knowm_schottky", Code, bipolar(true, 0.5, 100.0),
            D::MeanMetastableSwitch(MeanMetastableSwitch::knowm_schottky());
        "tungsten_oxide/chang", Code, bipolar(true, 1.0, 0.5), D::TungstenOxide(TungstenOxide::chang());
        "pershin_di_ventra/threshold", Recalled, bipolar(false, 2.5, 1.0),
            D::PershinDiVentra(PershinDiVentra::threshold());
        // Jumps at random: what it does is tested as probabilities.
        "stt_mram/arm_50nm", Recalled,
            Behaviour { pinched: true, bipolar: None, amplitude_v: 0.5, frequency_hz: 1e6, closed_hz: None },
            D::SttMram(SttMram::arm_50nm());
        "nbo2_threshold/usual", Recalled,
            Behaviour { pinched: true, bipolar: None, amplitude_v: 1.0, frequency_hz: 1e6, closed_hz: None },
            D::NiobiumThreshold(NiobiumThreshold::usual());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct File {
        compact: Dynamic,
    }

    #[test]
    fn every_set_is_valid_and_survives_a_round_trip() {
        for set in published() {
            let compact = set.dynamic();
            compact.validate().unwrap();
            assert!(set.name.starts_with(&format!("{}/", compact.name())), "{}", set.name);
            let file = File { compact };
            let text = toml::to_string(&file).unwrap();
            assert!(text.contains(&format!("[compact.{}]", file.compact.name())), "{text}");
            assert_eq!(toml::from_str::<File>(&text).unwrap(), file);
        }
        // Every model has a set.
        for name in Dynamic::NAMES {
            assert!(published().iter().any(|p| p.dynamic().name() == *name), "{name}");
        }
    }

    #[test]
    fn unknown_parameters_and_bare_numbers_are_refused() {
        let text = toml::to_string(&File { compact: Dynamic::Vteam(Vteam::memtorch()) }).unwrap();
        let error = |text: &str| toml::from_str::<File>(text).unwrap_err().to_string();
        assert!(error(&text.replace("v_off", "v_of")).contains("unknown field `v_of`"));
        assert!(error(&text.replace("\"50 ohm\"", "50")).contains("has no unit"));
    }

    #[test]
    fn parameters_outside_physics_are_refused_by_name() {
        let refused = |vteam: Vteam| match Dynamic::Vteam(vteam).bank(1, Key::root(0)) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("accepted"),
        };
        let text = refused(Vteam { r_on_ohm: -5.0, ..Vteam::memtorch() });
        assert!(text.contains("compact.vteam.r_on is -5 ohm"), "{text}");
        let text = refused(Vteam { r_on_ohm: 2e3, ..Vteam::memtorch() });
        assert!(text.contains("compact.vteam.r_on must be below r_off"), "{text}");
        refused(Vteam { alpha_on: f64::NAN, ..Vteam::memtorch() });
    }
}
