//! Axes: where a value stands and which ticks are worth a label.

use neurohm_study::record::Axis;

use crate::number;
use crate::svg::width;

/// Maps values to 0..1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    low: f64,
    high: f64,
    log: bool,
}

/// A mark on an axis, with a label where there is room for one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    pub at: f64,
    pub label: Option<String>,
}

impl Scale {
    /// Spans the values; `padded` leaves air at both ends, but never beyond 0..1 for fractions or 0..100 for
    /// per cent, nor below zero for values that have no sign.
    pub(crate) fn over(values: impl Iterator<Item = f64>, axis: &Axis, padded: bool) -> Scale {
        let shown = values.filter(|v| v.abs() < 1e300 && (!axis.log || *v > 1e-300));
        let (low, high) =
            shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        if low > high {
            return if axis.log {
                Scale { low: 1.0, high: 10.0, log: true }
            } else {
                Scale::linear(0.0, 1.0)
            };
        }
        if axis.log {
            let pad = if padded || low == high { (high / low).powf(0.06).max(1.1) } else { 1.0 };
            return Scale { low: low / pad, high: high * pad, log: true };
        }
        let pad = match (high - low, padded) {
            (0.0, _) => {
                if low == 0.0 {
                    0.5
                } else {
                    0.05 * low.abs()
                }
            }
            (span, true) => 0.07 * span,
            (_, false) => 0.0,
        };
        let top = match axis.unit.as_str() {
            "%" if high <= 100.0 => 100.0,
            "1" if high <= 1.0 => 1.0,
            _ => f64::INFINITY,
        };
        let bottom = if low >= 0.0 { 0.0 } else { f64::NEG_INFINITY };
        Scale::linear((low - pad).max(bottom), (high + pad).min(top))
    }

    fn linear(low: f64, high: f64) -> Scale {
        Scale { low, high, log: false }
    }

    /// Where the value stands, 0 at the low end and 1 at the high end; `None` where it cannot be shown.
    pub(crate) fn place(&self, value: f64) -> Option<f64> {
        let at = if self.log {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        // Far outside is as good as any place there: nothing overflows, and the frame clips it.
        at.is_finite().then(|| at.clamp(-99.0, 99.0))
    }

    /// Divisor and unit in which the ticks' labels are. A logarithmic axis keeps its unit: its labels are powers of ten,
    /// or times with their own.
    pub(crate) fn reading(&self, unit: &str) -> (f64, String) {
        if self.log && (unit == "s" || !self.narrow()) {
            return (1.0, unit.to_string());
        }
        number::reading(self.low.abs().max(self.high.abs()), unit)
    }

    /// Whether less than half a decade is in sight: such a logarithmic axis is read like a linear one.
    fn narrow(&self) -> bool {
        self.high < 4.0 * self.low
    }

    /// Ticks along `pixels`, labelled where labels of text size `size` do not run into one another
    /// (`along`: labels stand side by side; otherwise one above the other).
    pub(crate) fn ticks(&self, unit: &str, pixels: f64, size: f64, along: bool) -> Vec<Tick> {
        let spacing = if along {
            70.0
        } else if pixels < 160.0 {
            26.0
        } else {
            34.0
        };
        let mut ticks = match (self.log, unit) {
            (true, "s") => self.time_ticks(),
            (true, _) if !self.narrow() => self.decade_ticks(),
            _ => self.linear_ticks(pixels / spacing, self.reading(unit).0),
        };
        ticks.retain(|tick| self.place(tick.at).is_some_and(|at| (-1e-6..=1.0 + 1e-6).contains(&at)));
        self.thin(&mut ticks, pixels, size, along);
        ticks
    }

    /// Drops labels that would touch the one before; the last one rather drops that before, for it says where the axis
    /// ends.
    fn thin(&self, ticks: &mut [Tick], pixels: f64, size: f64, along: bool) {
        // Words in a row need more room than numbers above one another.
        let gap = if along { 4.0 } else { 3.0 };
        // Labels that stay: which, and where each ends.
        let mut kept: Vec<(usize, f64)> = Vec::new();
        let last = ticks.iter().rposition(|tick| tick.label.is_some());
        for n in 0..ticks.len() {
            let (Some(at), Some(label)) = (self.place(ticks[n].at), &ticks[n].label) else { continue };
            let half = if along { 0.5 * width(label, size) } else { 0.6 * size };
            // The first label may move a little to the left of its tick, the last one stays in the figure: see `Frame`.
            let centre = match (along, kept.is_empty()) {
                (false, _) => at * pixels,
                (true, true) => at * pixels - NUDGE,
                (true, false) => (at * pixels).min(pixels + MARGIN - half),
            };
            let touches = |kept: &[(usize, f64)]| kept.last().is_some_and(|k| centre - half < k.1 + gap);
            if along
                && touches(&kept)
                && Some(n) == last
                && kept.len() > 1
                && !touches(&kept[..kept.len() - 1])
                && let Some((before, _)) = kept.pop()
            {
                ticks[before].label = None;
            }
            if touches(&kept) {
                ticks[n].label = None;
            } else {
                kept.push((n, centre + half));
            }
        }
    }

    /// Even steps in the unit of so many (`divisor`) SI units.
    fn linear_ticks(&self, about: f64, divisor: f64) -> Vec<Tick> {
        let (low, high) = (self.low / divisor, self.high / divisor);
        let raw = (high - low) / about.max(2.0);
        let power = 10f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| *s >= raw * 0.999);
        let step = step.unwrap_or(10.0 * power);
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        let first = (low / step - 1e-9).ceil() as i64;
        let last = (high / step + 1e-9).floor() as i64;
        let plain = low.abs().max(high.abs()) < 1e5 && decimals < 5;
        (first..=last.min(first.saturating_add(40)))
            .map(|i| {
                let at = i as f64 * step;
                let label = if plain { format!("{at:.decimals$}") } else { number::plain(at) };
                Tick { at: at * divisor, label: Some(label.replace('-', "−")) }
            })
            .collect()
    }

    /// Decades, and twos and fives where fewer than two decades are in sight; every n-th on a long axis.
    fn decade_ticks(&self) -> Vec<Tick> {
        let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let decades = self.high.log10() - self.low.log10();
        let every = (decades / 8.0).ceil().max(1.0) as i32;
        let mut ticks = Vec::new();
        for exponent in first..=last {
            for digit in 1..10 {
                let at = f64::from(digit) * 10f64.powi(exponent);
                let wanted = match digit {
                    1 => exponent.rem_euclid(every) == 0,
                    2 | 5 => decades < 2.0,
                    3 | 4 | 6 | 8 => decades < 1.0,
                    _ => false,
                };
                if wanted || decades < 5.0 {
                    let powers = if exponent < 0 { self.low < 0.9e-3 } else { self.high > 1.1e4 };
                    ticks.push(Tick { at, label: wanted.then(|| decade_label(digit, exponent, powers)) });
                }
            }
        }
        ticks
    }

    /// The times people name; decades of a second below one.
    fn time_ticks(&self) -> Vec<Tick> {
        const NAMED: [f64; 10] = [
            20.0,
            60.0,
            3600.0,
            86_400.0,
            2_592_000.0,
            31_536_000.0,
            315_360_000.0,
            3.1536e9,
            3.1536e10,
            3.1536e11,
        ];
        let decades = self.high.log10() - self.low.log10();
        let short = (-18..=0).map(|e| 10f64.powi(e));
        let mut ticks: Vec<f64> = short.chain(NAMED).collect();
        if decades < 2.5 {
            ticks.extend([2.0, 5.0, 10.0, 600.0, 1800.0, 7200.0, 21_600.0, 43_200.0, 172_800.0, 604_800.0]);
            ticks.extend([7_776_000.0, 15_768_000.0, 63_072_000.0, 157_680_000.0]);
        }
        ticks.sort_by(f64::total_cmp);
        ticks.into_iter().map(|at| Tick { at, label: Some(number::time(at)) }).collect()
    }
}

/// How far the first label of a horizontal axis may move to the left of its tick.
pub(crate) const NUDGE: f64 = 7.0;
/// Room to the right of a figure's axis, into which its last label may reach.
pub(crate) const MARGIN: f64 = 14.0;

fn decade_label(digit: i32, exponent: i32, powers: bool) -> String {
    match (digit, exponent) {
        (1, 0) => "1".into(),
        (1, e) if powers => format!("10{}", number::superscript(e)),
        (d, e) if powers => format!("{d}×10{}", number::superscript(e)),
        (d, e) => format!("{:.*}", (-e).max(0) as usize, f64::from(d) * 10f64.powi(e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(unit: &str, log: bool) -> Axis {
        Axis { label: "x".into(), unit: unit.into(), log }
    }

    fn labels(ticks: &[Tick]) -> Vec<String> {
        ticks.iter().filter_map(|t| t.label.clone()).map(|l| l.replace('\u{a0}', " ")).collect()
    }

    #[test]
    fn a_year_of_drift_reads_in_times_people_name() {
        let scale = Scale::over([20.0, 31_536_000.0].into_iter(), &axis("s", true), false);
        let ticks = scale.ticks("s", 372.0, 12.0, true);
        assert_eq!(labels(&ticks), ["20 s", "1 min", "1 h", "1 day", "1 month", "1 year"]);
        assert_eq!(scale.place(20.0), Some(0.0));
        assert!((scale.place(31_536_000.0).unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn an_axis_says_where_it_ends() {
        // Ten years at the right end is moved left into the figure, onto the label of one year.
        let scale = Scale::over([20.0, 315_360_000.0].into_iter(), &axis("s", true), false);
        let shown = labels(&scale.ticks("s", 414.0, 12.0, true));
        assert_eq!(shown, ["20 s", "1 h", "1 day", "1 month", "10 years"]);
    }

    #[test]
    fn fractions_stay_within_zero_and_one() {
        let scale = Scale::over([0.62, 0.99].into_iter(), &axis("1", false), true);
        assert_eq!(scale.high, 1.0);
        assert_eq!(labels(&scale.ticks("1", 200.0, 12.0, false)), ["0.6", "0.7", "0.8", "0.9", "1.0"]);
    }

    #[test]
    fn currents_are_ticked_in_microamperes() {
        let scale = Scale::over([1e-4, 8e-4].into_iter(), &axis("A", false), false);
        assert_eq!(scale.reading("A").1, "µA");
        let ticks = scale.ticks("A", 400.0, 12.0, true);
        assert_eq!(labels(&ticks), ["200", "400", "600", "800"]);
        // The ticks stand where the values are.
        assert!((ticks[0].at - 2e-4).abs() < 1e-12 && (scale.place(ticks[3].at).unwrap() - 1.0).abs() < 1e-9);
        let log = Scale::over([1e-6, 1e-3].into_iter(), &axis("A", true), false);
        assert_eq!(log.reading("A"), (1.0, "A".into()));
    }

    #[test]
    fn hopeless_values_still_give_an_axis() {
        for log in [false, true] {
            for values in [
                vec![],
                vec![f64::NAN],
                vec![0.0],
                vec![-1.0, -1.0],
                vec![f64::INFINITY, 3.0],
                vec![1e308, -1e308],
            ] {
                let scale = Scale::over(values.into_iter(), &axis("1", log), true);
                assert!(scale.low < scale.high, "{scale:?}");
                let ticks = scale.ticks("1", 300.0, 12.0, true);
                assert!(ticks.len() < 60 && ticks.iter().all(|t| t.at.is_finite()), "{scale:?} {ticks:?}");
            }
        }
    }

    #[test]
    fn decades_are_labelled_as_powers() {
        let scale = Scale::over([1e-6, 1e2].into_iter(), &axis("1", true), false);
        let labels = labels(&scale.ticks("1", 400.0, 12.0, true));
        assert_eq!(labels, ["10⁻⁶", "10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²", "10⁻¹", "1", "10", "100"]);
    }
}
