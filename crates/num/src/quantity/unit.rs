//! Dimensions, their units and prefixes.

/// What a quantity measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dimension {
    /// Resistance.
    Ohm,
    /// Conductance.
    Siemens,
    /// Voltage.
    Volt,
    /// Current.
    Ampere,
    /// Time.
    Second,
    /// Absolute temperature; degrees Celsius are read too.
    Kelvin,
    /// Length.
    Metre,
    /// Area.
    SquareMetre,
    /// Energy.
    Joule,
    /// Power.
    Watt,
    /// Frequency.
    Hertz,
    /// Capacitance.
    Farad,
    /// Charge.
    Coulomb,
    /// Velocity.
    MetrePerSecond,
    /// Electric field.
    VoltPerMetre,
    /// Energy of one particle, held in electronvolts (a joule is no size for it).
    ElectronVolt,
    /// Thermal resistance.
    KelvinPerWatt,
    /// Heat capacity.
    JoulePerKelvin,
    /// Rate.
    PerSecond,
    /// Inverse of a voltage.
    PerVolt,
    /// Inverse of a resistance, where it is a scale and no conductance.
    PerOhm,
    /// Temperature coefficient.
    PerKelvin,
    /// Concentration.
    PerCubicMetre,
    /// Rate of change of a resistance.
    OhmPerSecond,
    /// Change of a resistance with voltage.
    OhmPerVolt,
    /// Curvature of a resistance over voltage.
    OhmPerSquareVolt,
    /// Rate of change of a resistance per voltage.
    OhmPerVoltSecond,
    /// Mobility.
    SquareMetrePerVoltSecond,
    /// Resistivity.
    OhmMetre,
    /// Capacitance of a line.
    FaradPerMetre,
    /// A pure number; percent is read too.
    Ratio,
}

/// Value in SI units = number x 10^exponent x factor; of degrees Celsius, + 273.15.
pub(super) struct Unit {
    pub exponent: i32,
    pub factor: f64,
    pub celsius: bool,
}

impl Unit {
    pub const fn decimal(exponent: i32) -> Unit {
        Unit { exponent, factor: 1.0, celsius: false }
    }
}

impl Dimension {
    /// Every dimension.
    pub const ALL: [Dimension; 31] = [
        Dimension::Ohm,
        Dimension::Siemens,
        Dimension::Volt,
        Dimension::Ampere,
        Dimension::Second,
        Dimension::Kelvin,
        Dimension::Metre,
        Dimension::SquareMetre,
        Dimension::Joule,
        Dimension::Watt,
        Dimension::Hertz,
        Dimension::Farad,
        Dimension::Coulomb,
        Dimension::MetrePerSecond,
        Dimension::VoltPerMetre,
        Dimension::ElectronVolt,
        Dimension::KelvinPerWatt,
        Dimension::JoulePerKelvin,
        Dimension::PerSecond,
        Dimension::PerVolt,
        Dimension::PerOhm,
        Dimension::PerKelvin,
        Dimension::PerCubicMetre,
        Dimension::OhmPerSecond,
        Dimension::OhmPerVolt,
        Dimension::OhmPerSquareVolt,
        Dimension::OhmPerVoltSecond,
        Dimension::SquareMetrePerVoltSecond,
        Dimension::OhmMetre,
        Dimension::FaradPerMetre,
        Dimension::Ratio,
    ];

    /// The unit's symbol as this project writes it.
    pub fn symbol(self) -> &'static str {
        match self {
            Dimension::Ohm => "ohm",
            Dimension::Siemens => "S",
            Dimension::Volt => "V",
            Dimension::Ampere => "A",
            Dimension::Second => "s",
            Dimension::Kelvin => "K",
            Dimension::Metre => "m",
            Dimension::SquareMetre => "m2",
            Dimension::Joule => "J",
            Dimension::Watt => "W",
            Dimension::Hertz => "Hz",
            Dimension::Farad => "F",
            Dimension::Coulomb => "C",
            Dimension::MetrePerSecond => "m/s",
            Dimension::VoltPerMetre => "V/m",
            Dimension::ElectronVolt => "eV",
            Dimension::KelvinPerWatt => "K/W",
            Dimension::JoulePerKelvin => "J/K",
            Dimension::PerSecond => "1/s",
            Dimension::PerVolt => "1/V",
            Dimension::PerOhm => "1/ohm",
            Dimension::PerKelvin => "1/K",
            Dimension::PerCubicMetre => "1/m3",
            Dimension::OhmPerSecond => "ohm/s",
            Dimension::OhmPerVolt => "ohm/V",
            Dimension::OhmPerSquareVolt => "ohm/V2",
            Dimension::OhmPerVoltSecond => "ohm/Vs",
            Dimension::SquareMetrePerVoltSecond => "m2/Vs",
            Dimension::OhmMetre => "ohm m",
            Dimension::FaradPerMetre => "F/m",
            Dimension::Ratio => "",
        }
    }

    /// What it is in words, with the article: `"a conductance"`.
    pub fn what(self) -> &'static str {
        match self {
            Dimension::Ohm => "a resistance",
            Dimension::Siemens => "a conductance",
            Dimension::Volt => "a voltage",
            Dimension::Ampere => "a current",
            Dimension::Second => "a time",
            Dimension::Kelvin => "a temperature",
            Dimension::Metre => "a length",
            Dimension::SquareMetre => "an area",
            Dimension::Joule => "an energy",
            Dimension::Watt => "a power",
            Dimension::Hertz => "a frequency",
            Dimension::Farad => "a capacitance",
            Dimension::Coulomb => "a charge",
            Dimension::MetrePerSecond => "a velocity",
            Dimension::VoltPerMetre => "an electric field",
            Dimension::ElectronVolt => "an energy of one particle",
            Dimension::KelvinPerWatt => "a thermal resistance",
            Dimension::JoulePerKelvin => "a heat capacity",
            Dimension::PerSecond => "a rate",
            Dimension::PerVolt => "an inverse voltage",
            Dimension::PerOhm => "an inverse resistance",
            Dimension::PerKelvin => "a temperature coefficient",
            Dimension::PerCubicMetre => "a concentration",
            Dimension::OhmPerSecond => "a rate of change of a resistance",
            Dimension::OhmPerVolt => "a resistance per voltage",
            Dimension::OhmPerSquareVolt => "a resistance per squared voltage",
            Dimension::OhmPerVoltSecond => "a rate of change of a resistance per voltage",
            Dimension::SquareMetrePerVoltSecond => "a mobility",
            Dimension::OhmMetre => "a resistivity",
            Dimension::FaradPerMetre => "a capacitance per length",
            Dimension::Ratio => "a ratio",
        }
    }

    /// A quantity of this dimension as one writes it.
    pub fn example(self) -> &'static str {
        match self {
            Dimension::Ohm => "10 kohm",
            Dimension::Siemens => "25 uS",
            Dimension::Volt => "0.2 V",
            Dimension::Ampere => "100 uA",
            Dimension::Second => "50 ns",
            Dimension::Kelvin => "300 K",
            Dimension::Metre => "40 nm",
            Dimension::SquareMetre => "0.5 mm2",
            Dimension::Joule => "10 pJ",
            Dimension::Watt => "1 mW",
            Dimension::Hertz => "1 kHz",
            Dimension::Farad => "30 fF",
            Dimension::Coulomb => "1 pC",
            Dimension::MetrePerSecond => "10 m/s",
            Dimension::VoltPerMetre => "1.4 GV/m",
            Dimension::ElectronVolt => "0.6 eV",
            Dimension::KelvinPerWatt => "2.1 kK/W",
            Dimension::JoulePerKelvin => "10 fJ/K",
            Dimension::PerSecond => "50 1/s",
            Dimension::PerVolt => "0.5 1/V",
            Dimension::PerOhm => "0.0081 1/ohm",
            Dimension::PerKelvin => "0.00392 1/K",
            Dimension::PerCubicMetre => "2e27 1/m3",
            Dimension::OhmPerSecond => "120 mohm/s",
            Dimension::OhmPerVolt => "1.862 kohm/V",
            Dimension::OhmPerSquareVolt => "1.973 kohm/V2",
            Dimension::OhmPerVoltSecond => "10 Tohm/Vs",
            Dimension::SquareMetrePerVoltSecond => "1e-14 m2/Vs",
            Dimension::OhmMetre => "20 nohm m",
            Dimension::FaradPerMetre => "0.2 nF/m",
            Dimension::Ratio => "5 %",
        }
    }

    pub(super) fn takes_prefix(self) -> bool {
        !matches!(
            self,
            Dimension::Kelvin
                | Dimension::Ratio
                | Dimension::SquareMetre
                | Dimension::PerSecond
                | Dimension::PerVolt
                | Dimension::PerOhm
                | Dimension::PerKelvin
                | Dimension::PerCubicMetre
                | Dimension::SquareMetrePerVoltSecond
        )
    }

    fn spellings(self) -> &'static [&'static str] {
        match self {
            Dimension::Ohm => &["ohm", "Ohm", "\u{3a9}", "\u{2126}"],
            Dimension::SquareMetre => &["m2", "m\u{b2}", "m^2"],
            Dimension::Siemens => &["S"],
            Dimension::Volt => &["V"],
            Dimension::Ampere => &["A"],
            Dimension::Second => &["s"],
            Dimension::Kelvin => &["K"],
            Dimension::Metre => &["m"],
            Dimension::Joule => &["J"],
            Dimension::Watt => &["W"],
            Dimension::Hertz => &["Hz"],
            Dimension::Farad => &["F"],
            Dimension::Coulomb => &["C"],
            Dimension::MetrePerSecond => &["m/s"],
            Dimension::VoltPerMetre => &["V/m"],
            Dimension::ElectronVolt => &["eV"],
            Dimension::KelvinPerWatt => &["K/W"],
            Dimension::JoulePerKelvin => &["J/K"],
            Dimension::PerSecond => &["1/s"],
            Dimension::PerVolt => &["1/V"],
            Dimension::PerOhm => &["1/ohm"],
            Dimension::PerKelvin => &["1/K"],
            Dimension::PerCubicMetre => &["1/m3"],
            Dimension::OhmPerSecond => &["ohm/s"],
            Dimension::OhmPerVolt => &["ohm/V"],
            Dimension::OhmPerSquareVolt => &["ohm/V2"],
            Dimension::OhmPerVoltSecond => &["ohm/Vs"],
            Dimension::SquareMetrePerVoltSecond => &["m2/Vs"],
            Dimension::OhmMetre => &["ohm m"],
            Dimension::FaradPerMetre => &["F/m"],
            Dimension::Ratio => &[],
        }
    }
}

/// Decimal exponent of an SI prefix.
fn prefix(text: &str) -> Option<i32> {
    Some(match text {
        "a" => -18,
        "f" => -15,
        "p" => -12,
        "n" => -9,
        "u" | "\u{b5}" | "\u{3bc}" => -6,
        "m" => -3,
        "c" => -2,
        "" => 0,
        "k" => 3,
        "M" => 6,
        "G" => 9,
        "T" => 12,
        _ => return None,
    })
}

/// Symbol of a prefix of exponent -18, -15, ... 12.
pub(super) fn prefix_symbol(exponent: i32) -> &'static str {
    match exponent {
        -18 => "a",
        -15 => "f",
        -12 => "p",
        -9 => "n",
        -6 => "u",
        -3 => "m",
        3 => "k",
        6 => "M",
        9 => "G",
        12 => "T",
        _ => "",
    }
}

/// The unit that `text` names in dimension `d`, if it does.
pub(super) fn find(text: &str, d: Dimension) -> Option<Unit> {
    let scaled = |factor: f64| Some(Unit { exponent: 0, factor, celsius: false });
    match (d, text) {
        (Dimension::Second, "min" | "minute" | "minutes") => return scaled(60.0),
        (Dimension::Second, "h" | "hour" | "hours") => return scaled(3_600.0),
        (Dimension::Second, "d" | "day" | "days") => return scaled(86_400.0),
        (Dimension::Second, "week" | "weeks") => return scaled(604_800.0),
        (Dimension::Second, "month" | "months") => return scaled(2_592_000.0),
        (Dimension::Second, "year" | "years") => return scaled(31_536_000.0),
        (Dimension::Kelvin, "C" | "\u{b0}C" | "degC") => {
            return Some(Unit { exponent: 0, factor: 1.0, celsius: true });
        }
        (Dimension::Ratio, "%") => return Some(Unit::decimal(-2)),
        (Dimension::Ratio, "ppm") => return Some(Unit::decimal(-6)),
        _ => {}
    }
    let power = if d == Dimension::SquareMetre { 2 } else { 1 };
    d.spellings().iter().find_map(|symbol| {
        let exponent = prefix(text.strip_suffix(symbol)?)?;
        // "k1/V" is no unit.
        if exponent != 0 && symbol.starts_with('1') {
            return None;
        }
        Some(Unit::decimal(exponent * power))
    })
}
