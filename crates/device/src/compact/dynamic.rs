//! The table of models: what a device description may hold.

use std::collections::BTreeMap;

use neurohm_num::Key;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::model::*;
use super::rates::{follows_temperature, holds_chance};
use super::{Bank, CellBank, FirstState, Parameter, ParameterSpread, Parameters, Rates, Spread};
use crate::error::{DeviceError, nearest};

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

            /// The equations of the first of the cells that grow from `key`, for other integrators.
            ///
            /// # Errors
            /// The first parameter that physics or the model does not allow.
            pub fn rates(&self, key: Key) -> Result<Rates, DeviceError> {
                self.validate()?;
                Ok(match self { $(Dynamic::$variant(m) => Rates::new(m.clone(), key),)* })
            }

            /// Whether anything that its cells do follows the ambient temperature: current, rates of change, hazards or
            /// noise, somewhere in its states and at voltages up to `reach_v` (V) of either sign.
            ///
            /// # Errors
            /// The first parameter that physics or the model does not allow.
            pub fn follows_temperature(&self, reach_v: f64) -> Result<bool, DeviceError> {
                self.validate()?;
                Ok(match self { $(Dynamic::$variant(m) => follows_temperature(m, reach_v),)* })
            }

            /// Whether chance decides anything that its cells do at voltages up to `reach_v` (V) of either sign: jumps,
            /// noise, parameters that are drawn for each cell or anew.
            ///
            /// # Errors
            /// The first parameter that physics or the model does not allow.
            pub fn holds_chance(&self, reach_v: f64) -> Result<bool, DeviceError> {
                self.validate()?;
                Ok(match self { $(Dynamic::$variant(m) => holds_chance(m, reach_v),)* })
            }

            /// `len` unused cells that grow from `key`, whose parameters scatter.
            ///
            /// # Errors
            /// The first parameter that physics or the model does not allow; a spread of a parameter that it has not.
            pub fn bank_with(
                &self,
                spread: &BTreeMap<String, ParameterSpread>,
                len: usize,
                key: Key,
            ) -> Result<Box<dyn CellBank>, DeviceError> {
                self.validate_spread(spread)?;
                // Cells that are alike are the special case of no spread, so that each model is compiled once.
                Ok(match self {
                    $(Dynamic::$variant(m) => Box::new(Bank::new(Spread::new(m.clone(), spread), len, key)),)*
                })
            }
        }

        impl Parameters for Dynamic {
            fn parameters(&self) -> Vec<Parameter> {
                match self { $(Dynamic::$variant(m) => m.parameters(),)* }
            }

            fn set_parameter(&mut self, name: &str, value: f64) -> bool {
                match self { $(Dynamic::$variant(m) => m.set_parameter(name, value),)* }
            }

            fn fault(&self) -> Option<(String, String)> {
                match self { $(Dynamic::$variant(m) => m.fault(),)* }
            }

            fn first_state(&self) -> Option<FirstState> {
                match self { $(Dynamic::$variant(m) => m.first_state(),)* }
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
    /// Yakopcic's model with two branches of current.
    YakopcicTwoBranch(YakopcicTwoBranch) = "yakopcic_two_branch", "Yakopcic et al. 2020; thomastiotto/Memristor-Models";
    /// Stanford-PKU model of filamentary resistive memory.
    StanfordPku(StanfordPku) = "stanford_pku", "Jiang et al. 2014, doi 10.4231/D37H1DN48";
    /// Messaris's data-driven model.
    Messaris(Messaris) = "messaris", "Messaris et al. 2018, IEEE TCAD 37:3151";
    /// Messaris's model with a quadratic approach.
    MessarisQuadratic(MessarisQuadratic) = "messaris_quadratic", "MemTorch, Data_Driven2021; arXiv:2012.02267";
    /// Mean metastable switch (Molter and Nugent).
    MeanMetastableSwitch(MeanMetastableSwitch) = "mean_metastable_switch", "Molter and Nugent 2016; knowm/memristor-models-4-all";
    /// Tungsten oxide with decay (Chang 2011).
    TungstenOxide(TungstenOxide) = "tungsten_oxide", "Chang et al. 2011, Appl. Phys. A 102:857";
    /// Pershin and Di Ventra's threshold model.
    PershinDiVentra(PershinDiVentra) = "pershin_di_ventra", "Pershin et al. 2009, Phys. Rev. E 80:021926";
    /// Spin-transfer-torque memory.
    SttMram(SttMram) = "stt_mram", "Worledge et al. 2011, Appl. Phys. Lett. 98:022501; Khvalkovskiy et al. 2013, J. Phys. D 46:074001";
    /// JART VCM v1b (Cueppers 2019).
    JartVcm(JartVcm) = "jart_vcm", "Cueppers et al. 2019, APL Mater. 7:091105; Bengel et al. 2020, IEEE TCAS-I 67:4618";
    /// Electrochemical metallisation (Menzel 2013).
    Ecm(Ecm) = "ecm", "Menzel et al. 2013, PCCP 15:6945";
    /// Diffusive silver (Wang 2024).
    DiffusiveAg(DiffusiveAg) = "diffusive_ag", "Wang et al. 2024, IEEE TCASAI 1:141; TongWang-USC/Memristor-Model";
    /// Silver nanodots in HfO2, a threshold selector (Ostrovskii 2025).
    AndTs(AndTs) = "and_ts", "Ostrovskii et al. 2025, Neurocomputing 624:129454";
    /// Filaments along several paths or confined to one.
    FilamentPaths(FilamentPaths) = "filament_paths", "ours, over Jiang et al. 2014, doi 10.4231/D37H1DN48";
    /// NbO2 threshold switch.
    NiobiumThreshold(NiobiumThreshold) = "nbo2_threshold", "Slesazeck et al. 2015, RSC Adv. 5:102318; Gibson et al. 2016, Appl. Phys. Lett. 108:023505";
    /// Phase-change mushroom cell.
    PcmMushroom(PcmMushroom) = "pcm_mushroom", "Sebastian et al. 2017, Nat. Commun. 8:1115; Marrone et al. 2022, Sci. Rep. 12; Le Gallo et al. 2018, Adv. Electron. Mater. 4:1700627";
    /// Ferroelectric field-effect transistor.
    Fefet(Fefet) = "fefet", "Scalable-FeFET (boltma), after Deng et al. and Alessandri et al.";
    /// Thermochemical (unipolar) memory.
    Thermochemical(Thermochemical) = "thermochemical", "Russo et al. 2009, IEEE TED 56:186 and 193; Ielmini et al. 2011";
    /// Interface-type memory: a Schottky barrier and trapped charge.
    SchottkyInterface(SchottkyInterface) = "schottky_interface", "Mikheev et al. 2014, Nat. Commun. 5:3990";
    /// Mott threshold switch (Pickett 2013).
    MottPillar(MottPillar) = "mott_pillar", "Pickett et al. 2013, Nat. Mater. 12:114";
    /// Electroforming as a soft breakdown.
    SoftBreakdown(SoftBreakdown) = "soft_breakdown", "Weibull statistics of oxide breakdown: E model, Poisson area scaling";
}

impl Dynamic {
    /// `len` unused cells that grow from `key` and are alike.
    ///
    /// # Errors
    /// The first parameter that physics or the model does not allow.
    pub fn bank(&self, len: usize, key: Key) -> Result<Box<dyn CellBank>, DeviceError> {
        self.bank_with(&BTreeMap::new(), len, key)
    }

    /// Checks every parameter.
    ///
    /// # Errors
    /// The first that physics or the model does not allow, as `compact.MODEL.PARAMETER`.
    pub fn validate(&self) -> Result<(), DeviceError> {
        self.fault().map_or(Ok(()), |(field, problem)| {
            let field = format!("compact.{}.{field}", self.name());
            Err(DeviceError::Parameter { device: String::new(), field, problem })
        })
    }

    /// Checks that unused cells begin where the description says: its first state lies within its bounds. Apart from
    /// [`validate`](Self::validate), since a fit moves the bounds, and a spread draws them for each cell: there a cell
    /// begins at the nearest end.
    ///
    /// # Errors
    /// A first state outside, as `compact.MODEL.PARAMETER`.
    pub fn validate_first_state(&self) -> Result<(), DeviceError> {
        self.first_state().and_then(|first| first.problem()).map_or(Ok(()), |(field, problem)| {
            let field = format!("compact.{}.{field}", self.name());
            Err(DeviceError::Parameter { device: String::new(), field, problem })
        })
    }

    /// Moves its first state to where its cells begin; whether that moved it.
    pub fn settle_first_state(&mut self) -> bool {
        let Some(first) = self.first_state().filter(|first| first.problem().is_some()) else { return false };
        self.set_parameter(&first.name, first.begins())
    }

    /// Checks every parameter, and that `spread` names parameters of this model with spreads that can be.
    ///
    /// # Errors
    /// The first that physics or the model does not allow, as `compact.MODEL.PARAMETER` or `spread.PARAMETER`.
    pub fn validate_spread(&self, spread: &BTreeMap<String, ParameterSpread>) -> Result<(), DeviceError> {
        self.validate()?;
        let all = self.parameters();
        for (name, s) in spread {
            let (field, problem) = if !all.iter().any(|p| p.name == name) {
                let close = nearest(name, all.iter().map(|p| p.name));
                let hint = close.map(|n| format!(", did you mean `{n}`?")).unwrap_or_default();
                let known: Vec<_> = all.iter().map(|p| p.name).collect();
                let model = self.name();
                (
                    format!("spread.{name}"),
                    format!("is no parameter of {model}{hint} (it has {})", known.join(", ")),
                )
            } else if let Some((kind, problem)) = s.problem() {
                (format!("spread.{name}.{kind}"), problem)
            } else {
                continue;
            };
            return Err(DeviceError::Parameter { device: String::new(), field, problem });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::published;
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
    fn models_that_hold_chance_are_told_from_those_that_repeat() {
        for (name, chance) in [
            ("vteam/memtorch", false),
            ("team/pickett", false),
            ("pcm_mushroom/gst_90nm", false),
            ("jart_vcm/v1b", false),
            ("jart_vcm/v1b_var", true),
            ("stt_mram/arm_50nm", true),
            ("diffusive_ag/wang_stochastic", true),
            ("and_ts/stochastic", true),
        ] {
            let set = published().iter().find(|p| p.name == name).unwrap();
            assert_eq!(
                set.dynamic().holds_chance(2.0 * set.behaviour.amplitude_v).unwrap(),
                chance,
                "{name}"
            );
        }
    }

    #[test]
    fn models_that_know_a_temperature_are_told_from_those_that_know_none() {
        // By their equations: VTEAM, TEAM, ion drift, Yakopcic and Messaris have no temperature in them; Arrhenius rates,
        // thermionic currents and melting have.
        for (name, follows) in [
            ("vteam/memtorch", false),
            ("team/pickett", false),
            ("linear_ion_drift/strukov", false),
            ("yakopcic/miao", false),
            ("messaris/tiox", false),
            ("stanford_pku/v1", true),
            ("jart_vcm/v1b", true),
            ("ecm/silver", true),
            ("pcm_mushroom/gst_90nm", true),
            ("stt_mram/arm_50nm", true),
            ("mott_pillar/vo2", true),
        ] {
            let set = published().iter().find(|p| p.name == name).unwrap_or_else(|| panic!("{name}"));
            let reach_v = set.behaviour.amplitude_v.abs();
            assert_eq!(set.dynamic().follows_temperature(reach_v).unwrap(), follows, "{name}");
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
    fn parameters_are_read_and_set_by_the_names_that_files_write() {
        for set in published() {
            let mut dynamic = set.dynamic();
            let text = toml::to_string(&File { compact: dynamic.clone() }).unwrap();
            for p in dynamic.parameters() {
                assert!(text.contains(&format!("{} = ", p.name)), "{}: {}", set.name, p.name);
                assert!((p.low..=p.high).contains(&p.value), "{}: {}", set.name, p.name);
                assert!(dynamic.set_parameter(p.name, p.value));
            }
            assert_eq!(dynamic, set.dynamic());
            assert!(!dynamic.set_parameter("no such parameter", 1.0));
        }
        // Their dimensions are those of the units they are written with.
        let vteam = Dynamic::Vteam(Vteam::memtorch());
        let dimension = |name: &str| vteam.parameters().iter().find(|p| p.name == name).unwrap().dimension;
        use neurohm_num::quantity::Dimension;
        assert_eq!(dimension("k_on"), Dimension::MetrePerSecond);
        assert_eq!(dimension("alpha_on"), Dimension::Ratio);
    }

    #[test]
    fn a_spread_of_nothing_is_refused_with_what_there_is() {
        let vteam = Dynamic::Vteam(Vteam::memtorch());
        let error = |name: &str, d2d: f64| {
            let spread = BTreeMap::from([(name.to_owned(), ParameterSpread { d2d, c2c: 0.0 })]);
            vteam.bank_with(&spread, 1, Key::root(0)).err().map(|e| e.to_string()).unwrap_or_default()
        };
        assert!(error("r_onn", 0.1).contains("did you mean `r_on`?"), "{}", error("r_onn", 0.1));
        assert!(error("r_on", -0.1).contains("spread.r_on.d2d is -0.1"), "{}", error("r_on", -0.1));
        assert_eq!(error("r_on", 0.1), "");
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
