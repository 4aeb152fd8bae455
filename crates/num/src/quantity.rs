//! Quantities with units: `"25 uS"`, `"10 kohm"`, `"100 ns"`. Text lives at the border only; inside, every
//! quantity is an `f64` in SI units.
//!
//! A prefix shifts the decimal exponent in the text, which is then parsed once, so `"100 ns"` is exactly the
//! `f64` nearest to 1e-7 (multiplying 100 by 1e-9 is not). [`format()`] writes text that [`parse`] reads back to
//! the same bits.

mod serial;
mod unit;

pub use serial::*;
pub use unit::Dimension;
use unit::{Unit, find};

/// Why a text is not the quantity that was asked for.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum QuantityError {
    /// A number without a unit.
    #[error("`{text}` has no unit: write {what} such as \"{example}\"")]
    NoUnit {
        /// What was found.
        text: String,
        /// What was expected, with its article.
        what: &'static str,
        /// An example of it.
        example: &'static str,
    },
    /// A unit of something else.
    #[error("`{text}` is {found}, but {what} is expected here, such as \"{example}\"")]
    WrongDimension {
        /// What was found.
        text: String,
        /// What that is, with its article.
        found: &'static str,
        /// What was expected, with its article.
        what: &'static str,
        /// An example of it.
        example: &'static str,
    },
    /// Not a unit known here.
    #[error("`{unit}` in `{text}` is not a unit of {what}: write it such as \"{example}\"")]
    UnknownUnit {
        /// What was found.
        text: String,
        /// The part that is no unit.
        unit: String,
        /// What was expected, with its article.
        what: &'static str,
        /// An example of it.
        example: &'static str,
    },
    /// No number in front, or one out of range.
    #[error("`{text}` does not start with a finite number: write {what} such as \"{example}\"")]
    NotANumber {
        /// What was found.
        text: String,
        /// What was expected, with its article.
        what: &'static str,
        /// An example of it.
        example: &'static str,
    },
}

/// Reads a quantity of dimension `d` and returns it in SI units.
///
/// The number may have an exponent and underscores, a space before the unit is optional, `u` and `µ` both mean
/// micro. Durations also take `min`, `h`, `day(s)`, `week(s)`, `month(s)` (30 days) and `year(s)` (365 days);
/// temperatures take `C`; ratios take `%`, `ppm` and no unit at all.
///
/// # Errors
/// A missing or unknown unit, a unit of another dimension, or no finite number.
pub fn parse(text: &str, d: Dimension) -> Result<f64, QuantityError> {
    let (what, example) = (d.what(), d.example());
    let trimmed = text.trim();
    let end = number_end(trimmed);
    let not_a_number = || QuantityError::NotANumber { text: text.to_owned(), what, example };
    let number = trimmed[..end].replace('_', "");
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((m, e)) => (m, e.parse::<i32>().map_err(|_| not_a_number())?),
        None => (number.as_str(), 0),
    };
    let unit_text = trimmed[end..].trim();
    let unit = match (unit_text, d) {
        ("", Dimension::Ratio) => Unit::decimal(0),
        ("", _) if end > 0 => return Err(QuantityError::NoUnit { text: text.to_owned(), what, example }),
        _ => match find(unit_text, d) {
            Some(unit) => unit,
            None if end == 0 => return Err(not_a_number()),
            None => return Err(wrong_unit(text, unit_text, d)),
        },
    };
    let shifted = exponent.saturating_add(unit.exponent).to_string();
    let value: f64 = format!("{mantissa}e{shifted}").parse().map_err(|_| not_a_number())?;
    let value = if unit.celsius { (value * 100.0 + 27_315.0) / 100.0 } else { value * unit.factor };
    if value.is_finite() { Ok(value) } else { Err(not_a_number()) }
}

/// Where the leading decimal number ends. An `e` belongs to it only if digits follow.
fn number_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |mut i: usize| {
        while bytes.get(i).is_some_and(|b| b.is_ascii_digit() || *b == b'_') {
            i += 1;
        }
        i
    };
    let sign = |i: usize| if matches!(bytes.get(i), Some(b'+' | b'-')) { i + 1 } else { i };
    let start = sign(0);
    let mut end = digits(start);
    let mut any = end > start;
    if bytes.get(end) == Some(&b'.') {
        let after = digits(end + 1);
        any |= after > end + 1;
        end = after;
    }
    if !any {
        return 0;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let first = sign(end + 1);
        let last = digits(first);
        if last > first {
            end = last;
        }
    }
    end
}

/// `value` to so many significant digits, for people: [`format()`] writes all that there are.
pub fn rounded(value: f64, digits: usize) -> f64 {
    format!("{value:.*e}", digits.saturating_sub(1)).parse().unwrap_or(value)
}

fn wrong_unit(text: &str, unit: &str, d: Dimension) -> QuantityError {
    let (text, what, example) = (text.to_owned(), d.what(), d.example());
    match Dimension::ALL.into_iter().find(|other| find(unit, *other).is_some()) {
        Some(other) => QuantityError::WrongDimension { text, found: other.what(), what, example },
        None => QuantityError::UnknownUnit { text, unit: unit.to_owned(), what, example },
    }
}

/// Writes a quantity in SI units as text that [`parse`] reads back exactly: `"25 uS"`, `"1 h"`, `"300 K"`.
pub fn format(value: f64, d: Dimension) -> String {
    if d == Dimension::Second {
        for (name, seconds) in [("year", 31_536_000.0), ("day", 86_400.0), ("h", 3_600.0), ("min", 60.0)] {
            let count = value / seconds;
            if value >= seconds && count.fract() == 0.0 && count < 1e6 && count * seconds == value {
                let plural = if count > 1.0 && name.len() > 2 && name != "min" { "s" } else { "" };
                return format!("{count} {name}{plural}");
            }
        }
    }
    let symbol = d.symbol();
    if value == 0.0 || !value.is_finite() || !d.takes_prefix() {
        let space = if symbol.is_empty() { "" } else { " " };
        // Written out, 1e300 has three hundred zeros.
        let written_out = value == 0.0 || !value.is_finite() || (1e-5..1e15).contains(&value.abs());
        return if written_out {
            format!("{value}{space}{symbol}")
        } else {
            format!("{value:e}{space}{symbol}")
        };
    }
    // Shortest digits that identify the value, and the exponent of the first one.
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let largest = if d == Dimension::Second { 0 } else { 12 };
    let prefix = exponent.div_euclid(3).clamp(-6, largest / 3) * 3;
    let shift = exponent - prefix;
    let letter = unit::prefix_symbol(prefix);
    if !(0..=15).contains(&shift) {
        return format!("{value:e} {symbol}");
    }
    let negative = if value < 0.0 { "-" } else { "" };
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let whole = shift as usize + 1;
    let number = if digits.len() <= whole {
        format!("{digits}{}", "0".repeat(whole - digits.len()))
    } else {
        format!("{}.{}", &digits[..whole], &digits[whole..])
    };
    format!("{negative}{number} {letter}{symbol}")
}

#[cfg(test)]
mod tests;
