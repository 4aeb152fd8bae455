//! The published parameter sets of the models: their numbers, where these come from, and what they claim to do.

use super::Dynamic;
use super::model::*;

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
    /// Without a voltage it forgets what it was driven to, within ten million periods of the drive at most.
    pub volatile: bool,
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
    Behaviour {
        pinched: true,
        bipolar: Some(positive_sets),
        amplitude_v,
        frequency_hz,
        closed_hz,
        volatile: false,
    }
}

/// Pinched, but its switching is neither told by the polarity nor slower than the drive.
const fn pinched(amplitude_v: f64, frequency_hz: f64) -> Behaviour {
    Behaviour { pinched: true, bipolar: None, amplitude_v, frequency_hz, closed_hz: None, volatile: false }
}

const fn volatile(behaviour: Behaviour) -> Behaviour {
    Behaviour { volatile: true, ..behaviour }
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
        "team/memtorch", Code, Behaviour { closed_hz: None, ..bipolar(false, 1.0, 1.0) },
            D::Team(Team::memtorch());
        "vteam/memtorch", Code, bipolar(false, 0.3, 1e6), D::Vteam(Vteam::memtorch());
        "yakopcic/oblea_sine", Code, bipolar(true, 0.45, 100.0), D::Yakopcic(Yakopcic::oblea_sine());
        "yakopcic/oblea_pulsed", Code, bipolar(true, 0.25, 100.0), D::Yakopcic(Yakopcic::oblea_pulsed());
        "yakopcic/miao", Code, bipolar(true, 1.0, 0.05), D::Yakopcic(Yakopcic::miao());
        "yakopcic/jo", Code, bipolar(true, 3.0, 0.2), D::Yakopcic(Yakopcic::jo());
        "yakopcic_two_branch/nb_srtio3", Code, bipolar(true, 1.5, 10.0),
            D::YakopcicTwoBranch(YakopcicTwoBranch::nb_srtio3());
        "stanford_pku/v1", Code, bipolar(true, 2.0, 1e6), D::StanfordPku(StanfordPku::v1());
        // Noise moves the gap of a cell that is left alone as well: it forgets.
        "stanford_pku/v1_dynamic", Code, volatile(bipolar(true, 2.0, 1e6)),
            D::StanfordPku(StanfordPku::v1_dynamic());
        "jart_vcm/v1b", Code, bipolar(false, 1.5, 1e3), D::JartVcm(JartVcm::v1b());
        // Its standard deviations are ours.
        "jart_vcm/v1b_var", Recalled, bipolar(false, 1.5, 1e3), D::JartVcm(JartVcm::v1b_var());
        // Both move the faster the thinner the oxide: no frequency of a circuit closes their loops.
        "stanford_pku/thin", Code, Behaviour { closed_hz: None, ..bipolar(true, 0.8, 1e6) },
            D::StanfordPku(StanfordPku::thin());
        "stanford_pku/siena", Recalled, Behaviour { closed_hz: None, ..bipolar(true, 2.2, 1e3) },
            D::StanfordPku(StanfordPku::siena());
        "messaris/tiox", Paper, bipolar(false, 1.2, 0.01), D::Messaris(Messaris::tiox());
        "messaris/taox", Paper, bipolar(true, 0.7, 1e4), D::Messaris(Messaris::taox());
        "messaris/tiox_2", Recalled, bipolar(false, 0.7, 10.0), D::Messaris(Messaris::tiox_2());
        "messaris/taox_tiox", Recalled, bipolar(true, 6.0, 1.0), D::Messaris(Messaris::taox_tiox());
        "messaris_quadratic/memtorch", Code, bipolar(true, 1.2, 1e4),
            D::MessarisQuadratic(MessarisQuadratic::memtorch());
        "mean_metastable_switch/knowm", Code, volatile(bipolar(true, 0.5, 100.0)),
            D::MeanMetastableSwitch(MeanMetastableSwitch::knowm());
        "mean_metastable_switch/knowm_schottky", Code, volatile(bipolar(true, 0.5, 100.0)),
            D::MeanMetastableSwitch(MeanMetastableSwitch::knowm_schottky());
        "tungsten_oxide/chang", Code, volatile(bipolar(true, 1.0, 0.5)), D::TungstenOxide(TungstenOxide::chang());
        "pershin_di_ventra/threshold", Recalled, bipolar(false, 2.5, 1.0),
            D::PershinDiVentra(PershinDiVentra::threshold());
        // Jumps at random: what it does is tested as probabilities.
        // A nucleus forms at once at this voltage, and the ions' current with it: a loop at any frequency.
        "ecm/silver", Recalled, Behaviour { closed_hz: None, ..bipolar(true, 0.6, 1e3) }, D::Ecm(Ecm::silver());
        // Volatile: what positive and negative voltages form is the same, and it goes by itself.
        "diffusive_ag/wang", Code, volatile(Behaviour { bipolar: None, ..bipolar(true, 1.0, 0.05) }), D::DiffusiveAg(DiffusiveAg::wang());
        "diffusive_ag/wang_stochastic", Code, volatile(Behaviour { bipolar: None, ..bipolar(true, 1.0, 0.05) }), D::DiffusiveAg(DiffusiveAg::wang_stochastic());
        // Begins with no filament at all, so that within a cycle of any frequency the current grows many times over.
        "and_ts/reference", Paper, volatile(pinched(0.5, 1e3)),
            D::AndTs(AndTs::reference());
        "and_ts/stochastic", Paper, volatile(pinched(0.5, 1e3)),
            D::AndTs(AndTs::stochastic());
        "filament_paths/free", Recalled, bipolar(true, 2.0, 1e6), D::FilamentPaths(FilamentPaths::free());
        "filament_paths/confined", Recalled, bipolar(true, 2.0, 1e6), D::FilamentPaths(FilamentPaths::confined());
        "stt_mram/arm_50nm", Recalled, pinched(0.5, 1e6), D::SttMram(SttMram::arm_50nm());
        "nbo2_threshold/usual", Recalled, volatile(pinched(1.0, 1e6)), D::NiobiumThreshold(NiobiumThreshold::usual());
        // Unipolar: current and time of a pulse tell what it does.
        "pcm_mushroom/gst_90nm", Recalled, pinched(1.0, 1e6), D::PcmMushroom(PcmMushroom::gst_90nm());
        "pcm_mushroom/projected", Recalled, pinched(1.0, 1e6), D::PcmMushroom(PcmMushroom::projected());
        // 20 domains at random, but all of them within half a period, and none within 0.1 ns.
        "fefet/scalable", Recalled, Behaviour { closed_hz: Some(1e10), ..bipolar(true, 5.0, 1e6) },
            D::Fefet(Fefet::scalable());
        // Unipolar: the amplitude tells, not the sign.
        "thermochemical/nio", Recalled, pinched(1.5, 1e3), D::Thermochemical(Thermochemical::nio());
        "schottky_interface/oxide", Recalled, volatile(bipolar(true, 1.5, 100.0)),
            D::SchottkyInterface(SchottkyInterface::oxide());
        "mott_pillar/vo2", Recalled, volatile(pinched(1.1, 1e6)), D::MottPillar(MottPillar::vo2());
        "mott_pillar/nbo2", Recalled, volatile(pinched(2.0, 1e6)), D::MottPillar(MottPillar::nbo2());
        // Once and for all.
        "soft_breakdown/hfox", Recalled, pinched(3.0, 1.0), D::SoftBreakdown(SoftBreakdown::hfox());
    }
}
