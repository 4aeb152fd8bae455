//! Models as SPICE writes them: behavioural sources for the current and the rates, states as voltages on capacitors.
//!
//! A model hands over [`Equations`]: its rates and its current as texts in ngspice's expression language, in which
//! `$v` stands for the voltage across the cell (V), `$NAME` for the state NAME in its own unit, `{NAME}` for a
//! parameter. What is the same for every model is written here: a state of typical size s is the voltage x/s on a
//! capacitor of 1 F (less for some fast ones) that is charged with the rate over s, so that voltages are about 1 and the
//! tolerances of a circuit simulator fit. A state that may not leave its bounds is charged by a saturating source:
//! beyond a bound the outward part of the rate falls to nothing over [`MARGIN`] of the state's size, while the equations
//! see the state at its bound. Within the bounds nothing is changed.
//!
//! A number that solves an equation, as the voltage of a contact behind a resistance does, is the voltage of an inner
//! node that a source holds at that voltage and what is missing to the equation: SPICE's own iteration then finds it,
//! together with everything else. A number that several equations share may have a node, too.

use std::fmt::Write as _;

use neurohm_num::Key;

use super::{Drive, Dynamic, Parameters, Waveform};
use crate::error::DeviceError;

/// Rates of states with bounds, over their sizes, end here unless the parameter `fastest` of the subcircuit says
/// otherwise, 1/s: no limit for devices.
const FASTEST: f64 = 1e30;
/// In a written test bench, how much of the longest step a state takes at least from one end to the other: a runaway
/// takes less than any step that a circuit simulator would make.
const BLINK: f64 = 1e-2;
/// How far beyond its bound a state may come, relative to its typical size.
const MARGIN: f64 = 1e-5;
/// Leak of 1 F that gives a state's node a path for direct current: a time constant of 30 million years.
const LEAK_OHM: f64 = 1e15;
/// Width of a jump in a written waveform, relative to the whole: SPICE's sources are continuous.
const EDGE: f64 = 1e-7;

/// A model's equations in ngspice's expression language; see the module's text for what the texts may hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Equations {
    parameters: Vec<(String, f64)>,
    states: Vec<State>,
    inner: Vec<Inner>,
    current: String,
}

#[derive(Clone, Debug, PartialEq)]
struct State {
    name: &'static str,
    rate: String,
    bounded: bool,
    /// What its capacitor holds at 1 V, C: the seconds in which the rate is counted.
    unit_s: f64,
}

/// A number on a node of its own that is no state.
#[derive(Clone, Debug, PartialEq)]
enum Inner {
    /// Of a typical size, given by a text.
    Value { name: &'static str, size: f64, text: String },
    /// Where a text is 0, between two ends.
    Root { name: &'static str, residual: String, low: f64, high: f64 },
}

impl Inner {
    fn name(&self) -> &'static str {
        match self {
            Inner::Value { name, .. } | Inner::Root { name, .. } => name,
        }
    }

    /// The number by its node's voltage.
    fn spell(&self) -> String {
        match self {
            Inner::Value { name, size, .. } => format!("({size:e}*V({name}))"),
            Inner::Root { name, low, high, .. } => format!("min(max(V({name}),{low:e}),{high:e})"),
        }
    }
}

impl Equations {
    /// The current in A, with the values of the parameters it uses.
    pub fn new(model: &impl Parameters, current: impl Into<String>) -> Equations {
        let parameters = model.parameters().into_iter().map(|p| (p.name.to_owned(), p.value)).collect();
        Equations { parameters, states: Vec::new(), inner: Vec::new(), current: current.into() }
    }

    /// The next state, which its rate alone keeps within bounds; the rate in the state's unit per second.
    #[must_use]
    pub fn free(mut self, name: &'static str, rate: impl Into<String>) -> Equations {
        self.states.push(State { name, rate: rate.into(), bounded: false, unit_s: 1.0 });
        self
    }

    /// The next state, which stops at its bounds.
    #[must_use]
    pub fn bounded(mut self, name: &'static str, rate: impl Into<String>) -> Equations {
        self.states.push(State { name, rate: rate.into(), bounded: true, unit_s: 1.0 });
        self
    }

    /// The last state moves within `unit_s` (s). To be told where a state rests, at a value other than 0, between rates of
    /// far more than its size a second: SPICE's sources have to end at a current of their own size or less, and what
    /// rounding leaves of such rates is more.
    #[must_use]
    pub fn within(mut self, unit_s: f64) -> Equations {
        if let Some(state) = self.states.last_mut() {
            state.unit_s = unit_s;
        }
        self
    }

    /// A number that other texts may use as `$name`, given by `text`; `size` is a typical one, relative to which SPICE
    /// finds it.
    #[must_use]
    pub fn value(mut self, name: &'static str, size: f64, text: impl Into<String>) -> Equations {
        self.inner.push(Inner::Value { name, size, text: text.into() });
        self
    }

    /// A number of the size of 1 that other texts may use as `$name`: the one between `low` and `high` at which
    /// `residual` is 0. The residual falls as the number grows, best by about as much; SPICE begins to look for the root
    /// at 0.
    #[must_use]
    pub fn root(mut self, name: &'static str, residual: impl Into<String>, low: f64, high: f64) -> Equations {
        self.inner.push(Inner::Root { name, residual: residual.into(), low, high });
        self
    }

    /// One more parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: f64) -> Equations {
        self.parameters.push((name.to_owned(), value));
        self
    }

    /// The names of the states, in their order.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.states.iter().map(|s| s.name).collect()
    }

    /// A subcircuit of two ports, `p` and `n`: the states `x` of typical sizes `scale` between `low` and `high`.
    pub(super) fn subcircuit(
        &self,
        name: &str,
        t_k: f64,
        x: &[f64],
        scale: &[f64],
        low: &[f64],
        high: &[f64],
    ) -> String {
        let mut parameters = self.parameters.clone();
        parameters.push(("t_ambient".to_owned(), t_k));
        parameters.push(("fastest".to_owned(), FASTEST));
        for (j, state) in self.states.iter().enumerate() {
            let own = [("start", x[j]), ("size", scale[j]), ("low", low[j]), ("high", high[j])];
            for (what, value) in &own[..if state.bounded { 4 } else { 2 }] {
                parameters.push((format!("{}_{what}", state.name), *value));
            }
        }
        let mut text = format!(".subckt {name} p n params:");
        for (key, value) in &parameters {
            let _ = write!(text, "\n+ {}={value:e}", parameter(key));
        }
        text.push('\n');
        for state in &self.states {
            let s = state.name;
            let rate = self.spell(&state.rate);
            // Nothing to read where the unit is a second.
            let per = if state.unit_s == 1.0 { String::new() } else { format!("*{:e}", state.unit_s) };
            if state.bounded {
                // Rates of states with bounds get a node of their own, since each is read twice.
                let _ = writeln!(
                    text,
                    "B{s}_rate {s}_rate 0 V=max(min(({rate})/{{{s}_size}},{{fastest}}),-{{fastest}}){per}"
                );
                let _ = writeln!(
                    text,
                    "B{s} 0 {s} I=max(V({s}_rate),0)*min(max(1+({{{s}_high/{s}_size}}-V({s}))/{MARGIN:e},0),1)\
                     +min(V({s}_rate),0)*min(max(1+(V({s})-{{{s}_low/{s}_size}})/{MARGIN:e},0),1)"
                );
            } else {
                let _ = writeln!(text, "B{s} 0 {s} I=({rate})/{{{s}_size}}{per}");
            }
            let _ = writeln!(text, "C{s} {s} 0 {} ic={{{s}_start/{s}_size}}", state.unit_s);
            // The capacitor's own condition counts from the first step on, this one in the iteration before it.
            let _ = writeln!(text, ".ic V({s})={{{s}_start/{s}_size}}");
            let _ = writeln!(text, "R{s} {s} 0 {:e}", LEAK_OHM / state.unit_s);
        }
        for inner in &self.inner {
            match inner {
                Inner::Value { name: s, size, text: given } => {
                    let _ = writeln!(text, "B{s} {s} 0 V=({})/{size:e}", self.spell(given));
                }
                Inner::Root { name: s, residual, .. } => {
                    // A source of voltage: SPICE asks of a source only that it no longer changes relative to its value,
                    // which for one that ends at 0 would never be enough. An iteration that left the ends comes back.
                    let _ = writeln!(text, "B{s} {s} 0 V={}+{}", inner.spell(), self.spell(residual));
                }
            }
        }
        let _ = writeln!(text, "Bi p n I={}", self.spell(&self.current));
        let _ = writeln!(text, ".ends {name}");
        text
    }

    /// The text with voltages for `$v` and the states, and with parameters under their written names.
    fn spell(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['$', '{']) {
            out.push_str(&rest[..at]);
            let sign = &rest[at..=at];
            rest = &rest[at + 1..];
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            let name = &rest[..end];
            if sign == "{" {
                let _ = write!(out, "{{{}", parameter(name));
            } else if let Some(state) = self.states.iter().find(|s| s.name == name) {
                let value = if state.bounded {
                    format!("min(max(V({name}),{{{name}_low/{name}_size}}),{{{name}_high/{name}_size}})")
                } else {
                    format!("V({name})")
                };
                let _ = write!(out, "({{{name}_size}}*{value})");
            } else if let Some(inner) = self.inner.iter().find(|i| i.name() == name) {
                out.push_str(&inner.spell());
            } else {
                out.push_str("V(p,n)");
            }
            rest = &rest[end..];
        }
        out.push_str(rest);
        out
    }
}

/// A parameter's name in the netlist: single letters are taken (`m` multiplies a subcircuit, `p` and `n` are ports).
fn parameter(name: &str) -> String {
    let letter = name.len() == 1 && name.chars().all(char::is_alphabetic);
    if letter { format!("par_{name}") } else { name.to_owned() }
}

/// A name that SPICE can read: letters, digits and `_`.
fn identifier(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}

/// The points of a waveform as SPICE's `PWL` takes them, jumps spread over `edge_s`.
pub fn spice_points(points: &[(f64, f64)], edge_s: f64) -> String {
    let mut text = "PWL(".to_owned();
    let mut last = f64::NEG_INFINITY;
    for (n, (t, v)) in points.iter().enumerate() {
        // Two points of one time are a jump; SPICE's times have to rise.
        let t = if *t <= last { last + edge_s } else { *t };
        last = t;
        let _ = write!(text, "{}{t:e} {v:e}", if n % 4 == 3 { "\n+ " } else { " " });
    }
    text.push(')');
    text
}

impl Waveform {
    /// The waveform as the value of a SPICE source; jumps take a ten millionth of `t_end_s`.
    pub fn spice(&self, t_end_s: f64) -> String {
        match self {
            Waveform::Constant(v) => format!("DC {v:e}"),
            Waveform::Sine { amplitude_v, frequency_hz, offset_v } => {
                format!("SIN({offset_v:e} {amplitude_v:e} {frequency_hz:e})")
            }
            Waveform::Points(points) => spice_points(points, EDGE * t_end_s),
        }
    }
}

impl Dynamic {
    /// An unused cell, the first that grows from `key`, as a subcircuit `name` of the ports `p` and `n` in ngspice's
    /// language, headed by what it is. States begin where the cell stands in transients that use initial conditions
    /// (`uic`). `t_k` is the ambient temperature, K.
    ///
    /// # Errors
    /// A parameter that physics does not allow; a model that SPICE cannot say, with the reason.
    pub fn spice(&self, name: &str, t_k: f64, key: Key) -> Result<String, DeviceError> {
        let bank = self.bank(1, key)?;
        let body = bank
            .spice(0, &identifier(name), t_k)
            .map_err(|reason| DeviceError::NoSpice { model: self.name().to_owned(), reason })?;
        let mut text = String::new();
        let _ = writeln!(text, "* {}: the model `{}`, written by neurohm", identifier(name), self.name());
        let _ = writeln!(text, "* {}", self.source());
        let _ =
            writeln!(text, "* Start transients with `uic`: states then begin as parameters NAME_start say.");
        let _ = writeln!(text, "* Parameters with their units (the subcircuit holds them in SI units):");
        // A model that was checked can be written; its description is TOML.
        if let Ok(toml::Value::Table(all)) = toml::Value::try_from(self) {
            for line in all.values().filter_map(|v| toml::to_string(v).ok()).flat_map(lines) {
                let _ = writeln!(text, "*   {line}");
            }
        }
        Ok(text + &body)
    }
}

fn lines(text: String) -> Vec<String> {
    text.lines().filter(|l| !l.trim().is_empty()).map(str::to_owned).collect()
}

/// How closely straight lines between SPICE's steps follow a waveform that bends, as a part of its amplitude.
const SAMPLED: f64 = 1e-4;

/// A complete netlist for `ngspice -b`: one unused cell under an ideal source, behind a resistor of `series_ohm` where that is
/// not zero, and a control block that writes time, the source's voltage and the current (A, into the cell) to `sweep.data`.
///
/// # Errors
/// A waveform that is none; a model that SPICE cannot say, with the reason.
pub fn spice_netlist(dynamic: &Dynamic, how: &Drive, series_ohm: f64) -> Result<String, DeviceError> {
    let wrong = |field: &str, problem: String| DeviceError::Parameter {
        device: String::new(),
        field: field.to_owned(),
        problem,
    };
    if let Some(problem) = how.waveform.problem() {
        return Err(wrong("waveform", format!("is {problem}")));
    }
    if !(how.t_end_s > 0.0 && how.t_end_s.is_finite()) {
        return Err(wrong("end", format!("is {} s; give a positive finite time", how.t_end_s)));
    }
    let longest = how.max_step_s.min(how.waveform.longest_step_s(SAMPLED)).min(how.t_end_s / 100.0);
    let subcircuit = dynamic.spice(dynamic.name(), how.t_k, Key::root(0))?;
    let source = how.waveform.spice(how.t_end_s);
    let (cell, series) = if series_ohm > 0.0 {
        ("cell", format!("Rseries top cell {series_ohm:e}\n"))
    } else {
        ("top", String::new())
    };
    Ok(format!(
        "{} under a voltage, written by neurohm; run it with `ngspice -b`\n{subcircuit}Xcell {cell} 0 {} fastest={:e}\n{series}Vsource top 0 \
         {source}\n* Rises of the voltage are followed to a hundred thousandth.\n.options reltol=1e-6 abstol=1e-15 \
         vntol=1e-9\n.control\nset wr_singlescale\nset wr_vecnames\ntran {longest:e} {:e} 0 {longest:e} uic\nlet \
         current_a = -i(Vsource)\nwrdata sweep.data v(top) current_a\nquit\n.endc\n.end\n",
        dynamic.name(),
        identifier(dynamic.name()),
        1.0 / (BLINK * longest),
        how.t_end_s,
    ))
}

#[cfg(test)]
mod tests {
    use super::super::{DiffusiveAg, JartVcm, NiobiumThreshold, StanfordPku, SttMram, Vteam, published};
    use super::*;

    #[test]
    fn a_netlist_says_what_it_is() {
        let vteam = Dynamic::Vteam(Vteam { w_initial_m: 0.6e-9, ..Vteam::memtorch() });
        let text = vteam.spice("My device!", 300.0, Key::root(0)).unwrap();
        for line in [
            "* my_device_: the model `vteam`, written by neurohm",
            "* Kvatinsky et al. 2015, IEEE TCAS-II 62:786",
            "*   k_off = \"500 um/s\"",
            "*   alpha_on = 3.0",
            ".subckt my_device_ p n params:",
            "+ k_off=5e-4",
            "+ w_start=6e-10",
            "+ w_high=3e-9",
            ".ends my_device_",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}: {text}");
        }
        // Every parameter that is used is there, and nothing is left of our own way of writing.
        assert!(!text.contains('$'), "{text}");
    }

    #[test]
    fn a_resistor_in_series_stands_between_source_and_cell() {
        let waveform = Waveform::Sine { amplitude_v: 1.0, frequency_hz: 1e3, offset_v: 0.0 };
        let how = Drive { waveform: &waveform, t_end_s: 1e-3, t_k: 300.0, max_step_s: 1e-6 };
        let dynamic = Dynamic::Vteam(Vteam::memtorch());
        let behind = spice_netlist(&dynamic, &how, 1e4).unwrap();
        assert!(
            behind.contains("Xcell cell 0 vteam ") && behind.contains("\nRseries top cell 1e4\n"),
            "{behind}"
        );
        let alone = spice_netlist(&dynamic, &how, 0.0).unwrap();
        assert!(alone.contains("Xcell top 0 vteam ") && !alone.contains("Rseries"), "{alone}");
    }

    #[test]
    fn every_set_has_a_netlist_or_a_reason() {
        for set in published() {
            match set.dynamic().spice("cell", 300.0, Key::root(0)) {
                Ok(text) => {
                    let given: Vec<&str> =
                        text.lines().filter_map(|l| l.strip_prefix("+ ")?.split('=').next()).collect();
                    let body = text.split(".subckt").nth(1).unwrap();
                    // States, inner nodes and the voltage all have their own names there.
                    assert!(!body.contains('$'), "{}: {text}", set.name);
                    for used in body.split('{').skip(1).filter_map(|part| part.split('}').next()) {
                        let names = used.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                        for name in names.filter(|n| n.starts_with(char::is_alphabetic)) {
                            assert!(given.contains(&name), "{}: {name} in {text}", set.name);
                        }
                    }
                }
                Err(error) => {
                    // Chance is the only reason left: what has none can be written, an implicit current with inner
                    // nodes.
                    let text = error.to_string();
                    let chance = set.dynamic().holds_chance(2.0 * set.behaviour.amplitude_v).unwrap();
                    let told = text.contains(": chance decides ") || text.contains(": noise drives ");
                    assert!(told && chance, "{}: {text}", set.name);
                }
            }
        }
    }

    #[test]
    fn what_is_random_or_wrong_is_refused() {
        let refused = |d: Dynamic| d.spice("cell", 300.0, Key::root(0)).unwrap_err().to_string();
        let text = refused(Dynamic::SttMram(SttMram::arm_50nm()));
        assert_eq!(
            text,
            "`stt_mram` has no SPICE form: chance decides when its states jump, and SPICE only integrates"
        );
        let text = refused(Dynamic::StanfordPku(StanfordPku::v1_dynamic()));
        assert!(text.contains("noise drives its states"), "{text}");
        let text = refused(Dynamic::DiffusiveAg(DiffusiveAg::wang_stochastic()));
        assert!(text.contains("chance decides when its filament shrinks"), "{text}");
        let text = refused(Dynamic::JartVcm(JartVcm::v1b_var()));
        assert!(text.contains("its disc, which is drawn anew"), "{text}");
        let text = refused(Dynamic::Vteam(Vteam { r_on_ohm: -1.0, ..Vteam::memtorch() }));
        assert!(text.contains("compact.vteam.r_on"), "{text}");
        let nbo2 = Dynamic::NiobiumThreshold(NiobiumThreshold::usual());
        let waveform = Waveform::Points(Vec::new());
        let how = Drive { waveform: &waveform, t_end_s: 1.0, t_k: 300.0, max_step_s: 1.0 };
        assert!(spice_netlist(&nbo2, &how, 0.0).unwrap_err().to_string().contains("waveform is no points"));
    }

    #[test]
    fn jumps_become_steep_and_times_rise() {
        let text = Waveform::pulse(1.5, 1e-6).spice(3e-6);
        assert_eq!(text, "PWL( 0e0 1.5e0 1e-6 1.5e0 1.0000003e-6 0e0)");
    }
}
