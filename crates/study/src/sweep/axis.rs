//! An axis: one setting, or several that move together, and the values that they take.

use std::collections::HashMap;
use std::sync::Arc;

use neurohm_array::SettingError;
use neurohm_array::overlay::Document;
use neurohm_num::quantity::{self, Dimension, rounded};
use toml::{Table, Value};

use super::description::{AxisSettings, PartSettings, Scale};
use super::design::{At, Design};
use crate::request::{AxisPlace, Layer, Origin};

/// Digits of a value within a range: more than anybody sets, fewer than rounding errors show in, or what powers differ by
/// from one machine's library to another's.
const DIGITS: usize = 12;
/// Digits of such a value that people are shown.
const FEW: usize = 4;
/// Most values of an axis.
const MOST: usize = 1_000_000;

/// What is varied.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    /// What it is called in figures.
    pub label: String,
    /// What its values are called, where they were given names.
    names: Vec<String>,
    /// Its settings; figures show the first one's values.
    pub parts: Vec<Part>,
}

/// A setting and its values.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// The setting, as a request's file names it.
    pub path: String,
    /// Where it stands in the sweep's file: `axis[0]`, `axis[1].together[0]`.
    pub key: String,
    values: Values,
}

#[derive(Clone, Debug)]
enum Values {
    /// A list as it was written.
    List(Vec<Value>),
    /// A range divided into values, and the same values in fewer digits, for people.
    Divided(Vec<Value>, Vec<Value>),
    /// A range of which any value may be drawn.
    Span(Span),
}

/// A range.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: f64,
    to: f64,
    log: bool,
    /// Whether values are whole numbers.
    whole: bool,
    /// What is measured, where the ends have units.
    dimension: Option<Dimension>,
}

impl Axis {
    /// Reads an axis that stands at `key`.
    pub(crate) fn new(settings: AxisSettings, key: &str, design: &Design) -> Result<Self, SettingError> {
        let AxisSettings { name, names, path, values, from, to, points, scale, together } = settings;
        let own = PartSettings { path, values, from, to, points, scale };
        let parts = if together.is_empty() {
            vec![(key.to_string(), own)]
        } else {
            let alone =
                own.path.is_some() || !own.values.is_empty() || own.from.is_some() || own.to.is_some();
            if alone || own.points.is_some() {
                let problem =
                    "an axis has a path and values of its own, or settings `together`, each with its own";
                return Err(SettingError::value(key, problem));
            }
            let parts = together.into_iter().enumerate();
            parts.map(|(n, part)| (format!("{key}.together[{n}]"), part)).collect()
        };
        let seeds = parts.iter().all(|(_, part)| part.path.as_deref() == Some("seed"));
        let drawn = !matches!(design, Design::Grid {}) && !seeds;
        let parts = parts.into_iter().map(|(key, part)| Part::new(part, key, drawn));
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        let first = &parts[0];
        if let Some(other) = parts.iter().find(|part| part.levels() != first.levels()) {
            let count = |part: &Part| match part.levels() {
                Some(levels) => format!("{levels} values"),
                None => "a whole range".to_string(),
            };
            let problem = format!(
                "settings that move together need as many values each: {} has {}, {} has {}",
                first.path,
                count(first),
                other.path,
                count(other)
            );
            return Err(SettingError::value(&other.key, problem));
        }
        if !names.is_empty() && Some(names.len()) != first.levels() {
            let has = first.levels().map_or("a range without end".to_string(), |n| format!("{n} values"));
            let problem = format!("{} names for {has}: one a value", names.len());
            return Err(SettingError::value(format!("{key}.names"), problem));
        }
        let short = first.path.strip_prefix("chip.").or(first.path.strip_prefix("config."));
        let label = name.unwrap_or_else(|| short.unwrap_or(&first.path).to_string());
        Ok(Self { label, names, parts })
    }

    /// How many values it has; none where any value of a range may be drawn.
    pub(crate) fn levels(&self) -> Option<usize> {
        self.parts[0].levels()
    }

    /// Whether it repeats the same with other seeds.
    pub(crate) fn is_seed(&self) -> bool {
        self.parts.iter().all(|part| part.path == "seed")
    }

    /// A value in words, in as many digits as tell the values of a range apart.
    pub(crate) fn shown(&self, at: At) -> String {
        match at {
            At::Level(level) if !self.names.is_empty() => self.names[level as usize].clone(),
            at => shown(&self.parts[0].short(at)),
        }
    }

    /// A value as it is set; a name, where it has one.
    pub(crate) fn exactly(&self, at: At) -> String {
        match at {
            At::Level(level) if !self.names.is_empty() => self.names[level as usize].clone(),
            at => shown(&self.parts[0].value(at)),
        }
    }

    /// What its values are measured in, where all of them are numbers: `""` for plain ones.
    pub(crate) fn unit(&self) -> Option<&'static str> {
        if self.names.is_empty() { self.parts[0].unit() } else { None }
    }

    /// A value as a number of its [unit](Self::unit), in SI.
    pub(crate) fn number(&self, at: At) -> Option<f64> {
        self.unit()?;
        self.parts[0].number(at)
    }

    /// Whether figures should draw it by factors.
    pub(crate) fn is_log(&self) -> bool {
        match &self.parts[0].values {
            Values::Span(span) => span.log,
            _ => {
                let levels = self.levels().unwrap_or(0) as u32;
                let values = (0..levels).filter_map(|level| self.number(At::Level(level)));
                let ends = values.fold((f64::INFINITY, 0.0f64), |(low, high), v| (low.min(v), high.max(v)));
                levels > 2 && ends.0 > 0.0 && ends.1 / ends.0 >= 20.0
            }
        }
    }
}

impl Part {
    fn new(settings: PartSettings, key: String, drawn: bool) -> Result<Self, SettingError> {
        let wrong = |field: &str, problem: String| SettingError::value(format!("{key}{field}"), problem);
        let Some(path) = settings.path else {
            let problem =
                "an axis needs the path of a setting, such as path = \"chip.adc.uniform.resolution.bits\"";
            return Err(wrong("", problem.into()));
        };
        let path = path.trim().to_string();
        let root = path.split('.').next().unwrap_or_default();
        if path.split('.').any(|name| name.trim().is_empty()) {
            let problem = "not a path; write it such as `chip.adc.uniform.resolution.bits`";
            return Err(wrong(".path", problem.into()));
        }
        let known =
            matches!(&*path, "seed" | "chips") || matches!(root, "chip" | "config") && path.contains('.');
        if !known {
            let allowed = ["chip.…", "config.…", "seed", "chips"].map(str::to_string).to_vec();
            let what =
                "the path of a setting begins with `chip.` or `config.`, or is `seed` or `chips`; found";
            return Err(SettingError::name(format!("{key}.path"), what, &path, allowed));
        }
        let span = match (&settings.from, &settings.to) {
            (Some(from), Some(to)) if settings.values.is_empty() => {
                Some(Span::new(from, to, settings.scale).map_err(|(field, problem)| wrong(field, problem))?)
            }
            (None, None) if !settings.values.is_empty() => None,
            _ => return Err(wrong("", "give `values`, or a range by `from` and `to`".into())),
        };
        let values = match span {
            None if settings.points.is_some() => {
                return Err(wrong(
                    ".points",
                    "this has no effect: the values are listed; take it out".into(),
                ));
            }
            None if settings.scale != Scale::Linear => {
                return Err(wrong(".scale", "this has no effect: the values are listed; take it out".into()));
            }
            None => Values::List(settings.values),
            Some(_) if drawn && settings.points.is_some() => {
                let problem = "this has no effect: a random design draws any value of the range; take it out";
                return Err(wrong(".points", problem.into()));
            }
            Some(span) if drawn => Values::Span(span),
            Some(span) => {
                let values = span.divide(settings.points).map_err(|p| wrong(".points", p))?;
                let short = span.short(&values);
                Values::Divided(values, short)
            }
        };
        if let Values::List(values) | Values::Divided(values, _) = &values {
            let mut seen = HashMap::new();
            for (n, value) in values.iter().enumerate() {
                if let Some(same) = seen.insert(value.to_string(), n) {
                    let problem = format!("value {} is value {} once more", n + 1, same + 1);
                    let field = if span.is_some() { ".points".into() } else { format!(".values[{n}]") };
                    return Err(wrong(&field, format!("{problem}: every point is run once")));
                }
            }
        }
        Ok(Self { path, key, values })
    }

    /// How many values it has; none where any value of a range may be drawn.
    pub(crate) fn levels(&self) -> Option<usize> {
        match &self.values {
            Values::List(values) | Values::Divided(values, _) => Some(values.len()),
            Values::Span(_) => None,
        }
    }

    /// The value at a place.
    pub(crate) fn value(&self, at: At) -> Value {
        match (&self.values, at) {
            (Values::List(values) | Values::Divided(values, _), At::Level(level)) => {
                values.get(level as usize).cloned().unwrap_or(Value::Boolean(false))
            }
            (Values::Span(span), At::Part(part)) => span.written(span.at(part)),
            // Points are made from the same axes.
            (Values::Span(span), At::Level(_)) => span.written(span.from),
            (Values::List(_) | Values::Divided(..), At::Part(_)) => Value::Boolean(false),
        }
    }

    /// The value at a place in fewer digits, where it is one of a range.
    fn short(&self, at: At) -> Value {
        match (&self.values, at) {
            (Values::Divided(_, short), At::Level(level)) => {
                short.get(level as usize).cloned().unwrap_or(Value::Boolean(false))
            }
            (Values::Span(span), At::Part(part)) => span.written(rounded(span.at(part), FEW)),
            _ => self.value(at),
        }
    }

    /// What its values are measured in, where all of them are numbers: `""` for plain ones.
    pub(crate) fn unit(&self) -> Option<&'static str> {
        match &self.values {
            Values::Span(span) => Some(span.dimension.map_or("", Dimension::symbol)),
            Values::List(values) | Values::Divided(values, _) => unit(values),
        }
    }

    /// A value as a number, in SI, where it is one.
    pub(crate) fn number(&self, at: At) -> Option<f64> {
        if let (Values::Span(span), At::Part(part)) = (&self.values, at) {
            return Some(span.at(part));
        }
        match self.value(at) {
            Value::Integer(n) => Some(n as f64),
            Value::Float(x) => Some(x),
            Value::String(text) => {
                let dimension = dimension(&[&text])?;
                quantity::parse(&text, dimension).ok()
            }
            _ => None,
        }
    }

    /// The setting at a place as a layer over a request's `section`; none of a setting elsewhere.
    pub(crate) fn layer(&self, at: At, section: &str, document: &Arc<Document>) -> Option<Layer> {
        let within = self.path.strip_prefix(section)?.strip_prefix('.')?;
        let mut names = within.rsplit('.').map(str::trim);
        let leaf = Table::from_iter([(names.next()?.to_string(), self.value(at))]);
        let table = names.fold(leaf, |inner, name| Table::from_iter([(name.into(), Value::Table(inner))]));
        Some(Layer { origin: self.origin(at, document), table })
    }

    /// Where the setting and its value stand in the sweep's file.
    pub(crate) fn origin(&self, at: At, document: &Arc<Document>) -> Origin {
        let value_at = match (&self.values, at) {
            (Values::List(_), At::Level(level)) => format!("{}.values[{level}]", self.key),
            _ => format!("{}.from", self.key),
        };
        let name_at = format!("{}.path", self.key);
        let path = self.path.clone();
        Origin::Axis(Arc::new(AxisPlace { document: document.clone(), path, name_at, value_at }))
    }
}

impl Span {
    fn new(from: &Value, to: &Value, scale: Scale) -> Result<Self, (&'static str, String)> {
        let log = scale == Scale::Log;
        let (ends, whole, dimension) = match (from, to) {
            (Value::Integer(from), Value::Integer(to)) => ([*from as f64, *to as f64], true, None),
            (Value::String(from), Value::String(to)) => {
                let Some(dimension) = dimension(&[from, to]) else {
                    let problem = format!("{from:?} and {to:?} are not two quantities of one kind");
                    return Err((".to", problem));
                };
                let parsed = |text: &str| quantity::parse(text, dimension).unwrap_or(f64::NAN);
                ([parsed(from), parsed(to)], false, Some(dimension))
            }
            _ => match (plain(from), plain(to)) {
                (Some(from), Some(to)) => ([from, to], false, None),
                (None, _) => return Err((".from", "a range begins with a number or a quantity".into())),
                _ => {
                    return Err((
                        ".to",
                        "a range ends with a number, or a quantity as it begins with".into(),
                    ));
                }
            },
        };
        let [from, to] = ends;
        if !(from.is_finite() && to.is_finite() && from < to) {
            return Err((".to", "a range ends above where it begins".into()));
        }
        if log && from <= 0.0 {
            return Err((".from", "a range divided by factors begins above zero".into()));
        }
        Ok(Self { from, to, log, whole, dimension })
    }

    /// The value so far between the ends.
    fn at(&self, part: f64) -> f64 {
        if self.whole {
            // Each whole number has an equal part of the range, or of its logarithm.
            let low = if self.log { self.from } else { self.from - 0.5 };
            let high = if self.log { self.to + 1.0 } else { self.to + 0.5 };
            let value = if self.log {
                (low * (high / low).powf(part)).floor()
            } else {
                (low + part * (high - low)).round()
            };
            return value.clamp(self.from, self.to);
        }
        let value = if self.log {
            self.from * (self.to / self.from).powf(part)
        } else {
            self.from + part * (self.to - self.from)
        };
        rounded(value, DIGITS).clamp(self.from, self.to)
    }

    /// So many values from end to end.
    fn divide(&self, points: Option<usize>) -> Result<Vec<Value>, String> {
        let points = match points {
            Some(points) if (2..=MOST).contains(&points) => points,
            Some(points) => return Err(format!("{points} points are outside 2 to {MOST}")),
            None if self.whole && !self.log && self.to - self.from < MOST as f64 => {
                (self.to - self.from) as usize + 1
            }
            None => return Err("say how many values the range is divided into: points = 5".into()),
        };
        let last = (points - 1) as f64;
        let value = |i: usize| {
            let part = i as f64 / last;
            let value = match i {
                0 => self.from,
                _ if i == points - 1 => self.to,
                _ if self.log => rounded(self.from * (self.to / self.from).powf(part), DIGITS),
                _ => rounded(self.from + part * (self.to - self.from), DIGITS),
            };
            self.written(if self.whole { value.round() } else { value })
        };
        Ok((0..points).map(value).collect())
    }

    /// Values of the range in as few digits as tell them apart.
    fn short(&self, values: &[Value]) -> Vec<Value> {
        let number = |value: &Value| match (value, self.dimension) {
            (Value::String(text), Some(dimension)) => quantity::parse(text, dimension).ok(),
            (value, _) => plain(value),
        };
        for digits in FEW..DIGITS {
            let short = values.iter().map(|v| Some(self.written(rounded(number(v)?, digits))));
            let Some(short) = short.collect::<Option<Vec<Value>>>() else { break };
            if short.windows(2).all(|pair| pair[0] != pair[1]) {
                return short;
            }
        }
        values.to_vec()
    }

    /// A value as one writes it.
    fn written(&self, value: f64) -> Value {
        match self.dimension {
            Some(dimension) => Value::String(quantity::format(value, dimension)),
            None if self.whole => Value::Integer(value as i64),
            None => Value::Float(value),
        }
    }
}

fn plain(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(n) => Some(*n as f64),
        Value::Float(x) => Some(*x),
        _ => None,
    }
}

/// What all of these texts measure.
fn dimension(texts: &[&str]) -> Option<Dimension> {
    let all = |d: &Dimension| texts.iter().all(|text| quantity::parse(text, *d).is_ok());
    Dimension::ALL.into_iter().find(all)
}

/// What values are measured in, where all are numbers.
fn unit(values: &[Value]) -> Option<&'static str> {
    if values.iter().all(|value| plain(value).is_some()) {
        return Some("");
    }
    let texts: Option<Vec<&str>> = values.iter().map(Value::as_str).collect();
    dimension(&texts?).map(Dimension::symbol)
}

/// A value in words.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
