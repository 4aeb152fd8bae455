//! Numbers as people read them: as many digits as the uncertainty leaves, prefixes or powers of ten where the
//! plain form would be long, times as minutes, days and years. The page and the terminal share this file.

use neurohm_study::record::Scalar;

/// A number ready to be shown, its parts apart so that columns can be aligned on them.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Shown {
    /// The estimate: `"97.2"`.
    pub value: String,
    /// The half-width of its 95 % interval, `""` for exact numbers: `"0.4"`.
    pub half: String,
    /// Power of ten both are in, `""` for none: `"× 10⁻³"`.
    pub power: String,
    /// Unit with its prefix, `""` for none: `"mJ"`.
    pub unit: String,
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.half.is_empty(), self.power.is_empty()) {
            (true, _) => f.write_str(&self.value)?,
            (false, true) => write!(f, "{} ± {}", self.value, self.half)?,
            (false, false) => write!(f, "({} ± {})", self.value, self.half)?,
        }
        if !self.power.is_empty() {
            write!(f, " {}", self.power)?;
        }
        if !self.unit.is_empty() {
            write!(f, "\u{a0}{}", self.unit)?;
        }
        Ok(())
    }
}

/// Shows `value` in `unit` (`"1"` or `""`: none), rounded to the first digit that its 95 % interval leaves
/// uncertain (to the second where the half-width begins with 1 or 2), or to four digits where it is exact.
pub fn quantity(value: f64, ci95: Option<[f64; 2]>, unit: &str) -> Shown {
    let half = ci95.map(|[low, high]| (high - low) / 2.0).filter(|half| half.is_finite() && *half > 0.0);
    if !value.is_finite() {
        let value = if value.is_nan() { "no value" } else { ["−∞", "∞"][usize::from(value > 0.0)] };
        return Shown { value: value.into(), half: String::new(), power: String::new(), unit: String::new() };
    }
    let (divisor, unit, exponent) = scale(value.abs().max(half.unwrap_or(0.0)), unit);
    let value = value / divisor;
    let half = half.map(|half| half / divisor);
    let decimals = half.map_or_else(|| decimals_exact(value), decimals_uncertain);
    Shown {
        value: fixed(value, decimals),
        half: half.map_or_else(String::new, |half| fixed(half, decimals)),
        power: if exponent == 0 { String::new() } else { format!("× 10{}", superscript(exponent)) },
        unit,
    }
}

/// Shows a scalar, as [`quantity`] does; `more than` stands before a bound.
pub fn scalar(scalar: &Scalar) -> Shown {
    let shown = quantity(scalar.value, scalar.ci95, &scalar.unit);
    match scalar.bound {
        Some(bound) => Shown { value: format!("{} {}", bound.words(), shown.value), ..shown },
        None => shown,
    }
}

/// Shows a bare number with up to four digits.
pub fn plain(value: f64) -> String {
    quantity(value, None, "1").to_string()
}

/// Shows a fraction as per cent with two digits: `0.031` is `"3.1 %"`.
pub fn percent(fraction: f64) -> String {
    let value = fraction * 100.0;
    format!("{}\u{a0}%", fixed(value, if value.abs() < 9.95 { 1 } else { 0 }))
}

/// Shows a time: `20 s`, `1 min`, `1 h`, `1 day`, `1 month` (30 days), `1 year` (365 days).
pub fn time(seconds: f64) -> String {
    let (value, unit) = time_parts(seconds);
    let shown = quantity(value, None, unit);
    let plural = matches!(unit, "day" | "month" | "year") && shown.value != "1";
    format!("{shown}{}", if plural { "s" } else { "" })
}

/// Divides a time by the largest unit in which it is at least about one.
fn time_parts(seconds: f64) -> (f64, &'static str) {
    const UNITS: [(f64, &str); 5] =
        [(31_536_000.0, "year"), (2_592_000.0, "month"), (86_400.0, "day"), (3600.0, "h"), (60.0, "min")];
    let found = UNITS.into_iter().find(|(size, _)| seconds.abs() >= 0.9995 * size);
    found.map_or((seconds, "s"), |(size, unit)| (seconds / size, unit))
}

/// Units that take prefixes.
const PREFIXED: [&str; 12] = ["s", "J", "W", "V", "A", "S", "F", "Hz", "Ω", "ohm", "m", "K"];

/// Divisor, unit and power of ten in which a number of this size reads well.
fn scale(size: f64, unit: &str) -> (f64, String, i32) {
    const PREFIXES: [&str; 13] = ["a", "f", "p", "n", "µ", "m", "", "k", "M", "G", "T", "P", "E"];
    let unit = if unit == "1" { "" } else { unit };
    if size == 0.0 {
        return (1.0, unit.into(), 0);
    }
    if unit == "s" && size >= 60.0 {
        let (value, unit) = time_parts(size);
        let plural = if matches!(unit, "day" | "month" | "year") && value >= 1.05 { "s" } else { "" };
        return (size / value, format!("{unit}{plural}"), 0);
    }
    // A hair above, so that 999.97, which would round up, moves to the next prefix.
    let exponent = (size * 1.00005).log10().floor() as i32;
    let third = exponent.div_euclid(3);
    if PREFIXED.contains(&unit) && (-6..=6).contains(&third) {
        let prefix = PREFIXES[(third + 6) as usize];
        return (10f64.powi(3 * third), format!("{prefix}{unit}"), 0);
    }
    match exponent {
        -3..=6 => (1.0, unit.into(), 0),
        _ => (10f64.powi(exponent), unit.into(), exponent),
    }
}

/// Divisor and unit in which an axis reads well whose largest number has this size: with an SI prefix from a thousand on
/// and below a tenth, in the largest unit of time of which it holds two; where no prefix belongs as it is, or in a power of ten
/// that labels would repeat at every tick.
pub(crate) fn reading(size: f64, unit: &str) -> (f64, String) {
    let bare = (1.0, unit.to_string());
    match unit {
        _ if !size.is_finite() || (0.1..1000.0).contains(&size) && unit != "s" => bare,
        // Nobody says kilokelvin.
        "K" if size >= 1.0 => bare,
        "s" if (0.1..120.0).contains(&size) => bare,
        "s" if size >= 120.0 => {
            let (count, unit) = time_parts(size / 2.0);
            let plural = if matches!(unit, "day" | "month" | "year") { "s" } else { "" };
            (size / 2.0 / count, format!("{unit}{plural}"))
        }
        _ => match scale(size, unit) {
            (divisor, unit, exponent) if exponent != 0 => {
                (divisor, format!("10{} {unit}", superscript(exponent)).trim_end().to_owned())
            }
            (divisor, unit, _) => (divisor, unit),
        },
    }
}

/// Divisor and unit that numbers of these sizes share in a column: that of the largest, where the smallest but zero still reads
/// well in it; none where each is better off with a prefix of its own. `None` for the unit `s`, too, whose numbers read as
/// people name times.
pub(crate) fn shared(sizes: &[f64], unit: &str) -> Option<(f64, String)> {
    if !PREFIXED.contains(&unit) {
        return Some((1.0, unit.into()));
    }
    if unit == "s" {
        return None;
    }
    let known = || sizes.iter().copied().filter(|size| size.is_finite() && *size > 0.0);
    let (largest, smallest) = (known().fold(0.0, f64::max), known().fold(f64::INFINITY, f64::min));
    let (divisor, unit) = reading(largest, unit);
    // Beyond all prefixes there are powers of ten, each number's own.
    let prefixed = (1e-18..=1e18).contains(&divisor);
    (largest == 0.0 || prefixed && smallest >= 0.01 * divisor && largest < 1e4 * divisor)
        .then_some((divisor, unit))
}

/// Decimals that show the first uncertain digit, two digits where it is 1 or 2.
fn decimals_uncertain(half: f64) -> i32 {
    let exponent = half.log10().floor() as i32;
    let lead = half / 10f64.powi(exponent);
    if lead < 2.95 { 1 - exponent } else { -exponent }
}

/// Decimals that show four digits of an exact number, fewer where the rest are zeros.
fn decimals_exact(value: f64) -> i32 {
    if value == 0.0 || (value == value.trunc() && value.abs() < 1e15) {
        return 0;
    }
    let most = (3 - value.abs().log10().floor() as i32).max(0);
    let shown = round(value, most);
    (0..most).find(|d| (shown - round(shown, *d)).abs() < 1e-9 * shown.abs()).unwrap_or(most)
}

fn round(value: f64, decimals: i32) -> f64 {
    let power = 10f64.powi(decimals);
    (value * power).round() / power
}

/// Fixed decimals (negative: rounded to tens, hundreds), a true minus sign, digits in groups from 10 000 on.
fn fixed(value: f64, decimals: i32) -> String {
    let rounded = if decimals < 0 { round(value, decimals) } else { value };
    let text = format!("{:.*}", decimals.max(0) as usize, rounded.abs());
    let negative = rounded < 0.0 && text.bytes().any(|b| (b'1'..=b'9').contains(&b));
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(w, f)| (w, Some(f)));
    let mut out = String::from(if negative { "−" } else { "" });
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && whole.len() > 4 && (whole.len() - i) % 3 == 0 {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// `-3` as `⁻³`.
pub(crate) fn superscript(exponent: i32) -> String {
    let digit = |c| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        c => char::from_u32('⁰' as u32 + c as u32 - '0' as u32).unwrap_or(c),
    };
    exponent.to_string().chars().map(digit).collect()
}

/// Pads the fractions of a column with figure spaces, so that right-aligned values align on their points.
pub(crate) fn align(column: &mut [&mut String]) {
    let decimals = |text: &str| text.split_once('.').map_or(0, |(_, fraction)| fraction.chars().count() + 1);
    let most = column.iter().map(|text| decimals(text)).max().unwrap_or(0);
    for text in column {
        for missing in (decimals(text)..most).rev() {
            // The point is narrower than a digit: its place takes a punctuation space.
            let first = missing + 1 == most && decimals(text) == 0;
            text.push(if first { '\u{2008}' } else { '\u{2007}' });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn shows(value: f64, half: f64, unit: &str, expected: &str) {
        let ci95 = (half > 0.0).then_some([value - half, value + half]);
        assert_eq!(quantity(value, ci95, unit).to_string().replace('\u{a0}', " "), expected);
    }

    #[test]
    fn the_uncertainty_sets_the_digits() {
        shows(0.972_34, 0.0123, "1", "0.972 ± 0.012");
        shows(97.234, 0.42, "%", "97.2 ± 0.4 %");
        shows(97.234, 0.0996, "%", "97.23 ± 0.10 %");
        shows(1234.0, 56.0, "1", "1230 ± 60");
        shows(-0.004, 0.02, "1", "−0.004 ± 0.020");
        shows(-0.0001, 0.02, "1", "0.000 ± 0.020");
    }

    #[test]
    fn large_and_small_numbers_take_powers_or_prefixes() {
        shows(1.234e-5, 0.2e-6, "1", "(1.234 ± 0.020) × 10⁻⁵");
        shows(3.2e12, 0.0, "1", "3.2 × 10¹²");
        shows(3.21e-4, 0.0, "J", "321 µJ");
        shows(9.9999e-4, 0.0, "J", "1 mJ");
        shows(25e-6, 0.5e-6, "S", "25.0 ± 0.5 µS");
        shows(123_456.0, 0.0, "1", "123\u{202f}456");
        shows(0.0, 0.0, "J", "0 J");
        shows(f64::NAN, 0.0, "J", "no value");
    }

    #[test]
    fn times_read_as_people_say_them() {
        let said: Vec<String> = [20.0, 60.0, 3600.0, 86_400.0, 2_592_000.0, 31_536_000.0, 63_072_000.0, 1e-7]
            .map(|s| time(s).replace('\u{a0}', " "))
            .into();
        assert_eq!(said, ["20 s", "1 min", "1 h", "1 day", "1 month", "1 year", "2 years", "100 ns"]);
    }

    #[test]
    fn axes_take_prefixes() {
        for (size, unit, divisor, shown) in [
            (8e-4, "A", 1e-6, "µA"),
            (0.3, "V", 1.0, "V"),
            (0.02, "V", 1e-3, "mV"),
            (3e-6, "s", 1e-6, "µs"),
            (100.0, "s", 1.0, "s"),
            (5400.0, "s", 60.0, "min"),
            (3e8, "s", 31_536_000.0, "years"),
            (5e6, "ohm", 1e6, "Mohm"),
            (1200.0, "K", 1.0, "K"),
            (1e-7, "1", 1e-7, "10⁻⁷"),
            (1e8, "%", 1e8, "10⁸ %"),
            (0.0, "A", 1.0, "A"),
            (f64::INFINITY, "A", 1.0, "A"),
        ] {
            let (got, unit) = reading(size, unit);
            assert!((got / divisor - 1.0).abs() < 1e-12 && unit == shown, "{size}: {got} {unit}");
        }
    }

    #[test]
    fn columns_share_a_prefix_where_all_of_their_numbers_read_well_in_it() {
        for (sizes, unit, expected) in [
            (vec![1.5e-6, 3.7e-7, 0.0], "J", Some((1e-6, "µJ"))),
            (vec![1.5e-6, 8e-10], "J", None),
            (vec![0.05, 1.0], "V", Some((1.0, "V"))),
            (vec![25e-6, 100e-6, f64::NAN], "S", Some((1e-6, "µS"))),
            (vec![0.0, 0.0], "W", Some((1.0, "W"))),
            (vec![1e-7, 1.0], "%", Some((1.0, "%"))),
            (vec![1.0], "s", None),
            (vec![1e30], "J", None),
        ] {
            let got = shared(&sizes, unit);
            let same = match (&got, expected) {
                (None, None) => true,
                (Some((a, name)), Some((b, unit))) => (a / b - 1.0).abs() < 1e-12 && name == unit,
                _ => false,
            };
            assert!(same, "{sizes:?} {unit}: {got:?}");
        }
    }

    #[test]
    fn columns_align_on_the_point() {
        let mut texts = ["1".to_string(), "2.25".to_string(), "10.5".to_string()];
        align(&mut texts.iter_mut().collect::<Vec<_>>());
        assert_eq!(texts, ["1\u{2008}\u{2007}\u{2007}", "2.25", "10.5\u{2007}"]);
    }
}
