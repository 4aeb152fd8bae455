//! What headers say: quantities and units.

use neurohm_num::quantity::{self, Dimension};

use super::Quantity;

/// Words that name a quantity.
const WORDS: &[(Quantity, &[&str])] = &[
    (Quantity::Time, &["time", "t", "timestamp", "elapsed"]),
    (Quantity::Voltage, &["voltage", "v", "volt", "volts", "bias", "vdevice", "vmem", "vapplied"]),
    (Quantity::Current, &["current", "i", "amp", "amps", "idevice", "imem"]),
    (Quantity::Resistance, &["resistance", "r", "res"]),
    (Quantity::Conductance, &["conductance", "g", "cond"]),
    (Quantity::Initial, &["initial", "ginitial", "initialg", "initialconductance", "ginit"]),
    (Quantity::Target, &["target", "gtarget", "targetg", "targetconductance", "goal"]),
    (Quantity::Weight, &["weight", "w"]),
    (Quantity::Pulse, &["pulse", "pulsenumber", "pulseno", "pulseindex", "pulsecount", "n"]),
    (Quantity::Polarity, &["polarity", "sign", "direction"]),
    (Quantity::Up, &["up", "potentiation", "ltp", "set"]),
    (Quantity::Down, &["down", "depression", "ltd", "reset"]),
    (Quantity::Temperature, &["temperature", "temp"]),
    (Quantity::Cell, &["cell", "address", "addr", "device", "cellid", "deviceid"]),
    (Quantity::Level, &["level", "range", "state"]),
    (Quantity::Cycle, &["cycle", "repeat", "run", "sweep"]),
];

/// From a number in a unit to SI.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    factor: f64,
    offset: f64,
    /// 10^n where the factor is 10^-n: dividing by it keeps the digits.
    divisor: Option<f64>,
}

impl Scale {
    pub fn apply(self, value: f64) -> f64 {
        if self.offset != 0.0 {
            return value * self.factor + self.offset;
        }
        self.divisor.map_or(value * self.factor, |d| value / d)
    }
}

/// The scale of a unit of `dimension`; letters of the wrong case are forgiven where one reading is left.
pub(super) fn unit(text: &str, dimension: Dimension) -> Option<Scale> {
    let text = text.trim();
    let exact = |unit: &str| {
        if unit.is_empty() || !unit.chars().next().is_some_and(|c| c.is_alphabetic() || "%°Ωµμ".contains(c))
        {
            return None;
        }
        let one = quantity::parse(&format!("1 {unit}"), dimension).ok()?;
        let offset = quantity::parse(&format!("0 {unit}"), dimension).ok()?;
        let factor = one - offset;
        Some(Scale { factor, offset, divisor: divisor(factor) })
    };
    // Headers in capitals: nobody measures megavolts, megaampere or megaseconds.
    let shouted = matches!(text, "MV" | "MA" | "MS") && dimension != Dimension::Siemens;
    if let Some(scale) = exact(text).filter(|_| !shouted) {
        return Some(scale);
    }
    let lower = text.replace(['\u{2126}', '\u{3a9}'], "ohm").replace("ohms", "ohm").to_lowercase();
    if let Some(scale) = exact(&lower) {
        return Some(scale);
    }
    let words =
        [("volts", "v"), ("volt", "v"), ("amps", "a"), ("ampere", "a"), ("seconds", "s"), ("sec", "s")];
    let lower =
        words.iter().find(|(word, _)| *word == lower).map_or(lower.as_str(), |(_, unit)| unit).to_owned();
    let symbol = dimension.symbol();
    let prefix = lower.strip_suffix(&symbol.to_lowercase())?;
    let prefix = match prefix {
        "meg" => "M",
        other => other,
    };
    exact(&format!("{prefix}{symbol}"))
}

/// The 10^n, exact, that `factor` is one part of.
fn divisor(factor: f64) -> Option<f64> {
    (1..=22).find(|n| format!("1e-{n}").parse() == Ok(factor)).and_then(|n| format!("1e{n}").parse().ok())
}

/// Whether a text is a unit of anything.
pub(super) fn any_unit(text: &str) -> bool {
    let bare = text.trim().trim_matches(|c| "()[]".contains(c));
    Quantity::ALL.iter().any(|q| q.dimension() != Dimension::Ratio && unit(bare, q.dimension()).is_some())
}

/// Whether a text is a number with a unit.
pub(super) fn measured(text: &str) -> bool {
    split_unit(text).is_some_and(|(_, unit)| any_unit(unit))
}

/// A number and the unit behind it.
pub(super) fn split_unit(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    // The longest number in front.
    let end = (1..=text.len()).rev().filter(|e| text.is_char_boundary(*e)).find(|e| {
        text[..*e].trim_end().parse::<f64>().is_ok()
            && text[..*e].ends_with(|c: char| c.is_ascii_digit() || c == '.')
    })?;
    let unit = text[end..].trim();
    (!unit.is_empty() && unit.len() < 16).then(|| (text[..end].trim(), unit))
}

fn named(text: &str) -> Option<Quantity> {
    let word: String = text.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
    let bare = word.trim_end_matches(|c: char| c.is_ascii_digit());
    let find = |word: &str| WORDS.iter().find(|(_, words)| words.contains(&word)).map(|(q, _)| *q);
    find(&word).or_else(|| find(bare)).or_else(|| {
        // `cell voltage`, `device_current`: the last word that is longer than a letter says it.
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|w| w.len() > 1);
        words.rev().find_map(|w| find(&w.to_lowercase()))
    })
}

/// A header's text, quantity and unit.
pub(super) fn parts(text: &str) -> (String, Option<Quantity>, Option<String>) {
    let text = text.trim().to_owned();
    let with = |name: &str, unit: &str| {
        let quantity = named(name)?;
        let unit = unit.trim().trim_matches(|c| "()[]".contains(c)).trim();
        let known =
            self::unit(unit, quantity.dimension()).is_some() && quantity.dimension() != Dimension::Ratio;
        known.then(|| (text.clone(), Some(quantity), Some(unit.to_owned())))
    };
    // A unit in brackets, behind a slash or comma, or as the last word.
    for (open, close) in [('(', ')'), ('[', ']')] {
        if let (Some(a), Some(b)) = (text.find(open), text.rfind(close))
            && a < b
        {
            let (name, unit) = (&text[..a], &text[a + 1..b]);
            return with(name, unit).unwrap_or_else(|| {
                let quantity = named(name);
                // A unit that is none is kept, so that whoever asks for the column is told.
                // So is the unit of a column that nobody knows yet: it may be asked for by name.
                let asked = match quantity {
                    Some(q) => q.dimension() != Dimension::Ratio,
                    None => any_unit(unit),
                };
                let unit = asked.then(|| unit.trim().to_owned());
                (text.clone(), quantity, unit.filter(|u| !u.is_empty()))
            });
        }
    }
    for separator in ['/', ',', '_', ' ', '-', '.'] {
        if let Some((name, unit)) = text.rsplit_once(separator)
            && let Some(found) = with(name, unit)
        {
            return found;
        }
    }
    let quantity = named(&text);
    // A unit of another dimension is kept, so that whoever asks for the column is told. `current_min` is a minimum.
    let strange = |unit: &String| match quantity {
        Some(q) => q.dimension() != Dimension::Ratio && unit.to_lowercase() != "min",
        None => true,
    };
    let unit = trailing_unit(&text).filter(strange);
    (text, quantity, unit)
}

/// The unit at the end of a header whose words name no quantity, `drive_mV`, or one of another dimension: of several
/// letters, since a single one may be part of a name.
fn trailing_unit(text: &str) -> Option<String> {
    let (_, unit) = text.rsplit_once(['/', ',', '_', ' ', '-', '.'])?;
    let unit = unit.trim();
    (unit.chars().count() > 1 && any_unit(unit)).then(|| unit.to_owned())
}
