//! What a conversion from current to number takes.

use std::sync::OnceLock;

use neurohm_array::SettingError;
use neurohm_num::quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Operation;
use crate::constant::{Constant, Hertz, Joule, Known, Metre, SquareMetre, Watt};
use crate::data::{Design, Designs, once};
use crate::error::positive;
use crate::preset::Stated;
use crate::technology::Periods;
use crate::{Conventions, CostError};

/// A converter behind the bit lines, by the law that gives its cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Adc {
    /// One design, as published.
    Point(Point),
    /// One design of the list in `constants/adc.toml`.
    Listed {
        /// Its name, such as `mnsim_8b`.
        design: String,
    },
    /// The best converters of a survey, with Walden's bound below about 7 bits.
    Survey(Survey),
    /// Successive approximation by NeuroSim's fits.
    Sar(Sar),
}

/// One design.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Its resolution.
    pub bits: u32,
    /// Conversions (or bit cycles, see [`Conventions`]) a second.
    #[serde(rename = "rate")]
    pub rate_hz: Constant<Hertz>,
    /// Power while it converts.
    #[serde(rename = "power")]
    pub power_w: Constant<Watt>,
    /// Its area.
    #[serde(rename = "area")]
    pub area_m2: Constant<SquareMetre>,
}

/// The best converters of a survey at a rate of one's choice:
///
/// `FOM_S = min(180.14, 302.74 - 6.461 ln f)` dB, `SNDR = 6.02 b + 1.76` dB, `E = 10^((SNDR - FOM_S) / 10) / 2`
///
/// with `f` the rate in Hz and `b` the resolution in bits (Schreier's figure of merit over Murmann's survey, fitted in
/// Accelergy's plug-in). It quadruples with every bit, as thermal noise demands, which is too optimistic below about 7
/// bits, where logic and comparator decide: there Walden's `E = FOM_W 2^b` is larger, and the larger of both is taken.
/// Valid to 16 GHz. Area: `ln(A / um2) = 0.0667 ln f + 0.797 ln(node / nm) - 0.134 b + 0.424 ln(E / pJ) + 4.851`,
/// with the energy of the fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Survey {
    /// Conversions a second.
    #[serde(rename = "rate")]
    pub rate_hz: Constant<Hertz>,
    /// Feature size.
    #[serde(rename = "node")]
    pub node_m: Constant<Metre>,
    /// Walden's figure of merit: energy of a step.
    #[serde(rename = "walden")]
    pub walden_j: Constant<Joule>,
}

/// Successive approximation, a period for each bit and one more (constants of NeuroSim's fits, low-standby-power
/// transistors):
///
/// `E = (a log2 L + b + c exp(-k log10 R)) t (1 + 1.3e-3 (T - 300 K))`, `t = (log2 L + 1) 1 ns`
///
/// with `L` the levels, `R` the resistance of the column in ohm, scaled by 0.5 V over the read voltage, and `a`, `b`, `c`
/// in W by node. `k` is near `ln 10`, so the last term is the power that the column itself takes, `c / R`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sar {
    /// Feature size; one of 130, 90, 65, 45, 32, 22, 14 and 7 nm.
    #[serde(rename = "node")]
    pub node_m: Constant<Metre>,
    /// Area of an inverter's n-type half.
    #[serde(rename = "n_area")]
    pub n_area_m2: Constant<SquareMetre>,
    /// Area of its p-type half.
    #[serde(rename = "p_area")]
    pub p_area_m2: Constant<SquareMetre>,
}

/// What a converter sees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conversion {
    /// Resolution, bits.
    pub bits: u32,
    /// Resistance of the column, ohm.
    pub column_ohm: f64,
    /// Read voltage, V.
    pub read_v: f64,
    /// Temperature, K.
    pub temperature_k: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    survey: SurveyFit,
    sar: SarFit,
    list: Designs<ListedDesign>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SurveyFit {
    known: Known,
    source: String,
    fom_flat_db: f64,
    fom_intercept_db: f64,
    fom_per_ln_hz_db: f64,
    sndr_per_bit_db: f64,
    sndr_offset_db: f64,
    area_ln_rate: f64,
    area_ln_node: f64,
    area_bit: f64,
    area_ln_energy: f64,
    area_offset: f64,
    #[serde(rename = "largest_rate", with = "quantity::hertz")]
    largest_rate_hz: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Inverters {
    offset: f64,
    bit: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SarFit {
    known: Known,
    source: String,
    #[serde(rename = "bit_time", with = "quantity::second")]
    bit_time_s: f64,
    exponent: f64,
    temperature: f64,
    #[serde(rename = "reference_voltage", with = "quantity::volt")]
    reference_v: f64,
    inverters_n: Inverters,
    inverters_p: Inverters,
    nodes: Vec<SarNode>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SarNode {
    #[serde(rename = "node", with = "quantity::metre")]
    node_m: f64,
    #[serde(rename = "slope", with = "quantity::watt")]
    slope_w: f64,
    #[serde(rename = "offset", with = "quantity::watt")]
    offset_w: f64,
    #[serde(rename = "column", with = "quantity::watt")]
    column_w: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListedDesign {
    name: String,
    bits: u32,
    #[serde(rename = "rate", with = "quantity::hertz")]
    rate_hz: f64,
    #[serde(rename = "power", with = "quantity::watt")]
    power_w: f64,
    #[serde(rename = "area", with = "quantity::square_metre")]
    area_m2: f64,
}

impl Design for ListedDesign {
    fn name(&self) -> &str {
        &self.name
    }
}

fn data() -> Result<&'static Data, SettingError> {
    static DATA: OnceLock<Result<Data, SettingError>> = OnceLock::new();
    once(&DATA, include_str!("../../constants/adc.toml"), "constants/adc.toml")
}

impl Adc {
    /// Energy, time, power and area at a resolution.
    ///
    /// # Errors
    /// A resolution that the design does not have, a design or node that is not in the tables.
    pub fn operation(&self, see: Conversion, conventions: &Conventions) -> Result<Operation, CostError> {
        match self {
            Self::Point(point) => point.operation(see.bits, conventions),
            Self::Listed { design } => listed(design)?.operation(see.bits, conventions),
            Self::Survey(survey) => survey.operation(see.bits),
            Self::Sar(sar) => sar.operation(see),
        }
    }

    /// Periods of single decisions that a conversion of so many bits lasts. Where a rate counts conversions these are as many as
    /// bits, which is a convention: sampling is in them.
    pub fn decision_periods(&self, bits: u32, conventions: &Conventions) -> f64 {
        let bits_f = f64::from(bits);
        match (self, conventions.conversion) {
            (Self::Sar(_), _) => bits_f + 1.0,
            (Self::Point(_) | Self::Listed { .. }, Periods::BitCycles) => Periods::BitCycles.periods(bits),
            _ => bits_f,
        }
    }

    /// The resolution of a converter that has one only.
    ///
    /// # Errors
    /// A design that is not in the list.
    pub fn own_bits(&self) -> Result<Option<u32>, CostError> {
        Ok(match self {
            Self::Point(point) => Some(point.bits),
            Self::Listed { design } => Some(listed(design)?.bits),
            Self::Survey(_) | Self::Sar(_) => None,
        })
    }

    /// What it takes from the tables of constants, for a reader.
    pub(crate) fn tables(&self) -> Result<Vec<Stated>, SettingError> {
        Ok(match self {
            Self::Point(_) => Vec::new(),
            Self::Listed { design } => listed(design)?.stated("adc.listed", design),
            Self::Survey(_) => {
                let fit = &data()?.survey;
                let value = format!(
                    "FOM_S = min({}, {} - {} ln f) dB, SNDR = {} b + {} dB; ln A = {} ln f + {} ln node {} b + {} ln E + {}",
                    fit.fom_flat_db,
                    fit.fom_intercept_db,
                    fit.fom_per_ln_hz_db,
                    fit.sndr_per_bit_db,
                    fit.sndr_offset_db,
                    fit.area_ln_rate,
                    fit.area_ln_node,
                    fit.area_bit,
                    fit.area_ln_energy,
                    fit.area_offset
                );
                vec![Stated::new("adc.survey (its fit)", value, fit.known, &fit.source)]
            }
            Self::Sar(sar) => {
                let (fit, node) = (&data()?.sar, sar_node(sar.node_m.value)?);
                let watt = |w: f64| quantity::format(w, quantity::Dimension::Watt);
                let value = format!(
                    "P = {} b + {} + {} exp(-{} log10 R), {} a bit",
                    watt(node.slope_w),
                    watt(node.offset_w),
                    watt(node.column_w),
                    fit.exponent,
                    quantity::format(fit.bit_time_s, quantity::Dimension::Second)
                );
                vec![Stated::new("adc.sar (its fit)", value, fit.known, &fit.source)]
            }
        })
    }

    pub(crate) fn check(&self) -> Result<(), SettingError> {
        match self {
            Self::Point(p) => {
                positive("adc.point.rate.value", p.rate_hz.value)?;
                positive("adc.point.power.value", p.power_w.value)?;
                positive("adc.point.area.value", p.area_m2.value)?;
                bits_in_range("adc.point.bits", p.bits)
            }
            Self::Listed { design } => listed(design).map(|_| ()),
            Self::Survey(s) => {
                positive("adc.survey.rate.value", s.rate_hz.value)?;
                positive("adc.survey.node.value", s.node_m.value)?;
                positive("adc.survey.walden.value", s.walden_j.value)?;
                let largest = data()?.survey.largest_rate_hz;
                if s.rate_hz.value > largest {
                    let message = format!("{} is beyond the survey, which ends at 16 GHz", s.rate_hz.text());
                    return Err(SettingError::value("adc.survey.rate.value", message));
                }
                Ok(())
            }
            Self::Sar(s) => {
                positive("adc.sar.n_area.value", s.n_area_m2.value)?;
                positive("adc.sar.p_area.value", s.p_area_m2.value)?;
                sar_node(s.node_m.value).map(|_| ())
            }
        }
    }
}

/// Resolutions that the models are asked for.
fn bits_in_range(path: &str, bits: u32) -> Result<(), SettingError> {
    if (1..=22).contains(&bits) {
        Ok(())
    } else {
        Err(SettingError::value(path, format!("{bits} bits; allowed are 1 to 22")))
    }
}

fn listed(name: &str) -> Result<Point, SettingError> {
    let list = &data()?.list;
    let design = list.find(name, "adc.listed.design")?;
    Ok(Point {
        bits: design.bits,
        rate_hz: Constant::new(design.rate_hz, list.known, &list.source),
        power_w: Constant::new(design.power_w, list.known, &list.source),
        area_m2: Constant::new(design.area_m2, list.known, &list.source),
    })
}

impl Point {
    /// A design of the list, for a reader.
    fn stated(&self, path: &str, design: &str) -> Vec<Stated> {
        [("rate", self.rate_hz.stated()), ("power", self.power_w.stated()), ("area", self.area_m2.stated())]
            .map(|(what, stated)| stated.at(format!("{path}.{what} ({design})")))
            .into()
    }

    fn operation(&self, bits: u32, conventions: &Conventions) -> Result<Operation, CostError> {
        if bits != self.bits {
            let problem = format!(
                "the technology's converter is a design of {} bits and the chip's has {bits}; give the chip {} bits, or \
                 the technology a law for every resolution (adc.survey or adc.sar)",
                self.bits, self.bits
            );
            return Err(CostError::mismatch("adc", problem));
        }
        let time_s = conventions.conversion.periods(bits) / self.rate_hz.value;
        Ok(Operation {
            energy_j: self.power_w.value * time_s,
            time_s,
            power_w: self.power_w.value,
            area_m2: self.area_m2.value,
            known: self.power_w.known.max(self.rate_hz.known).max(self.area_m2.known),
        })
    }
}

impl Survey {
    /// Energy of a conversion by the survey's fit alone, J: a lower bound.
    ///
    /// # Errors
    /// None but a damaged table.
    pub fn fit_j(rate_hz: f64, bits: u32) -> Result<f64, CostError> {
        let fit = &data()?.survey;
        let fom_db = (fit.fom_intercept_db - fit.fom_per_ln_hz_db * libm::log(rate_hz)).min(fit.fom_flat_db);
        let sndr_db = fit.sndr_per_bit_db * f64::from(bits) + fit.sndr_offset_db;
        Ok(0.5 / libm::pow(10.0, (fom_db - sndr_db) / 10.0))
    }

    fn operation(&self, bits: u32) -> Result<Operation, CostError> {
        bits_in_range("adc", bits)?;
        let fit = &data()?.survey;
        let fit_j = Self::fit_j(self.rate_hz.value, bits)?;
        let walden_j = self.walden_j.value * libm::exp2(f64::from(bits));
        let energy_j = fit_j.max(walden_j);
        let known = fit.known.max(self.rate_hz.known).max(self.node_m.known);
        let ln_area_um2 = fit.area_ln_rate * libm::log(self.rate_hz.value)
            + fit.area_ln_node * libm::log(self.node_m.value * 1e9)
            + fit.area_bit * f64::from(bits)
            + fit.area_ln_energy * libm::log(fit_j * 1e12)
            + fit.area_offset;
        Ok(Operation {
            energy_j,
            time_s: 1.0 / self.rate_hz.value,
            power_w: energy_j * self.rate_hz.value,
            area_m2: libm::exp(ln_area_um2) * 1e-12,
            known: if walden_j > fit_j { known.max(self.walden_j.known) } else { known },
        })
    }
}

fn sar_node(node_m: f64) -> Result<&'static SarNode, SettingError> {
    let nodes = &data()?.sar.nodes;
    nodes.iter().find(|n| (n.node_m / node_m - 1.0).abs() < 1e-6).ok_or_else(|| {
        let text = |m: f64| quantity::format(m, quantity::Dimension::Metre);
        let mut error = SettingError::value("adc.sar.node.value", format!("no fit for {}", text(node_m)));
        error.allowed = nodes.iter().map(|n| text(n.node_m)).collect();
        error
    })
}

impl Sar {
    fn operation(&self, see: Conversion) -> Result<Operation, CostError> {
        bits_in_range("adc", see.bits)?;
        let fit = &data()?.sar;
        let node = sar_node(self.node_m.value)?;
        let bits = f64::from(see.bits);
        let column_ohm = see.column_ohm * fit.reference_v / see.read_v;
        let own_w = node.slope_w * bits + node.offset_w;
        let column_w = node.column_w * libm::exp(-fit.exponent * libm::log10(column_ohm));
        let power_w = (own_w + column_w) * (1.0 + fit.temperature * (see.temperature_k - 300.0));
        let time_s = (bits + 1.0) * fit.bit_time_s;
        let halves = |count: &Inverters| count.offset + count.bit * (bits - 1.0);
        let area_m2 =
            self.n_area_m2.value * halves(&fit.inverters_n) + self.p_area_m2.value * halves(&fit.inverters_p);
        Ok(Operation {
            energy_j: power_w * time_s,
            time_s,
            power_w,
            area_m2,
            known: fit.known.max(self.n_area_m2.known).max(self.p_area_m2.known),
        })
    }
}

#[cfg(test)]
mod tests;
