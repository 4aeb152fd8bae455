//! What a probe station puts around a device: a source, a series resistor, a current compliance, a temperature.

use neurohm_circuit::{Circuit, CircuitError, Compliance, Options, Waveform as Source};
use neurohm_device::compact::{CellBank, Drive, DriveError, Trace, Waveform, drive_into};
use neurohm_device::{DeviceSpec, Drive as Pulse};
use neurohm_num::{Cancelled, Key, Watch};
use neurohm_study::experiment::Findings;

use crate::LabError;
use crate::csv::{Csv, columns};

/// Voltage over the compliance's limiter well below its limit, at a current like it, V: small beside any device's
/// voltage, and wide enough a knee for any limit.
const LIMITER_V: f64 = 1e-3;

/// The surroundings of a device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rig {
    /// Ambient temperature, K.
    pub t_k: f64,
    /// Resistor between source and device, ohm; zero for none.
    pub series_ohm: f64,
    /// Largest current, A; infinite for none. A positive limit holds positive currents, a negative one negative currents:
    /// a station limits the current while a device is set, and lets it be reset.
    pub compliance_a: f64,
    /// Capacitance across the device, F; zero for none. A device that snaps behind a resistor has no steady voltage on
    /// the way: the capacitance of its wires is what carries it.
    pub parallel_f: f64,
}

impl Default for Rig {
    /// At 300 K, with nothing between source and device.
    fn default() -> Self {
        Rig { t_k: 300.0, series_ohm: 0.0, compliance_a: f64::INFINITY, parallel_f: 0.0 }
    }
}

/// What was recorded, sample by sample; a jump of the source has two samples at its time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    /// Times, s.
    pub t_s: Vec<f64>,
    /// Voltages of the source, V.
    pub source_v: Vec<f64>,
    /// Voltages across the device, V.
    pub device_v: Vec<f64>,
    /// Currents, A.
    pub i_a: Vec<f64>,
    /// States, sample by sample.
    pub x: Vec<f64>,
    /// States per sample.
    pub states: usize,
}

impl Recording {
    fn push(&mut self, t_s: f64, source_v: f64, device_v: f64, i_a: f64, x: &[f64]) {
        self.t_s.push(t_s);
        self.source_v.push(source_v);
        self.device_v.push(device_v);
        self.i_a.push(i_a);
        self.x.extend_from_slice(x);
    }

    /// The samples from `t_s` on.
    #[must_use]
    pub fn from(mut self, t_s: f64) -> Recording {
        let first = self.t_s.partition_point(|t| *t < t_s);
        for column in [&mut self.t_s, &mut self.source_v, &mut self.device_v, &mut self.i_a] {
            column.drain(..first);
        }
        self.x.drain(..first * self.states);
        self
    }

    /// Samples of several devices as a table: `time_s,voltage_v,current_a,device_voltage_v`, states, and the device's
    /// number where there are several.
    pub(crate) fn csv(recordings: &[Recording]) -> Vec<u8> {
        let states = recordings.first().map_or(0, |r| r.states);
        let mut names = columns(&["time_s", "voltage_v", "current_a", "device_voltage_v"]);
        names.extend((1..=states).map(|n| format!("state_{n}")));
        let several = recordings.len() > 1;
        if several {
            names.push("device".into());
        }
        let mut csv = Csv::new(&names);
        for (id, r) in recordings.iter().enumerate() {
            for n in 0..r.t_s.len() {
                let sample = [r.t_s[n], r.source_v[n], r.i_a[n], r.device_v[n]];
                let states = &r.x[n * states..(n + 1) * states];
                let device = several.then_some(id as f64);
                csv.row(sample.into_iter().chain(states.iter().copied()).chain(device));
            }
        }
        csv.bytes()
    }

    /// Energy that went into the device, J.
    pub fn energy_j(&self) -> f64 {
        let power = |n: usize| self.device_v[n] * self.i_a[n];
        (1..self.t_s.len()).map(|n| 0.5 * (power(n) + power(n - 1)) * (self.t_s[n] - self.t_s[n - 1])).sum()
    }
}

/// One device on the station.
pub struct Device {
    /// Which one it is, from zero.
    pub id: usize,
    bank: Box<dyn CellBank>,
}

impl Device {
    /// The `id`-th device of a kind, unused.
    ///
    /// # Errors
    /// A description without equations, or with parameters that physics does not allow.
    pub fn new(spec: &DeviceSpec, id: usize, key: Key) -> Result<Device, LabError> {
        Ok(Device { id, bank: spec.bank(1, key.child("device", id as u64))? })
    }

    /// A copy, as it is now.
    #[must_use]
    pub fn copy(&self) -> Device {
        Device { id: self.id, bank: self.bank.snapshot() }
    }

    /// Its states.
    pub fn state(&self) -> &[f64] {
        self.bank.state()
    }

    /// Conductance at `v` as it stands now, S; nothing moves.
    ///
    /// # Errors
    /// A model without an answer.
    pub fn conductance_s(&mut self, v: f64, rig: &Rig) -> Result<f64, LabError> {
        let (mut i, mut g) = ([0.0], [0.0]);
        // The operating point is solved and not accepted: the device does not notice.
        self.bank.solve(&[v], rig.t_k, 0.0, &mut i, &mut g).map_err(|(_, source)| LabError::Model {
            device: self.id,
            v,
            source,
        })?;
        Ok(i[0] / v)
    }

    /// Applies a waveform from time zero on and records what happens, in steps of at most `max_step_s`.
    ///
    /// # Errors
    /// A waveform that is none, a model without an answer (with time, voltage and last good state), cancellation.
    pub fn apply(
        &mut self,
        waveform: &Waveform,
        t_end_s: f64,
        max_step_s: f64,
        rig: &Rig,
        watch: &dyn Watch,
    ) -> Result<Recording, LabError> {
        watch.step(0)?;
        if rig.series_ohm <= 0.0 && rig.compliance_a.is_infinite() {
            self.straight(waveform, t_end_s, max_step_s, rig, watch)
        } else {
            self.in_circuit(waveform, t_end_s, max_step_s, rig, watch)
        }
    }

    /// A pulse, a jump to 0 V, and a rest there, s: what a pulse has melted or heated is as it stays when it is read.
    ///
    /// # Errors
    /// As [`Device::apply`].
    pub(crate) fn pulse(
        &mut self,
        pulse: Pulse,
        rest_s: f64,
        rig: &Rig,
        watch: &dyn Watch,
    ) -> Result<(), LabError> {
        let (waveform, end_s) = (Waveform::pulse(pulse.voltage_v, pulse.width_s), pulse.width_s + rest_s);
        self.apply(&waveform, end_s, end_s, rig, watch).map(|_| ())
    }

    /// A jump to 0 V, and a rest there, s.
    ///
    /// # Errors
    /// As [`Device::apply`].
    pub(crate) fn rest(&mut self, rest_s: f64, rig: &Rig, watch: &dyn Watch) -> Result<(), LabError> {
        self.apply(&Waveform::Constant(0.0), rest_s, rest_s, rig, watch).map(|_| ())
    }

    fn straight(
        &mut self,
        waveform: &Waveform,
        t_end_s: f64,
        max_step_s: f64,
        rig: &Rig,
        watch: &dyn Watch,
    ) -> Result<Recording, LabError> {
        let how = Drive { waveform, t_end_s, t_k: rig.t_k, max_step_s };
        let mut trace = Trace::default();
        let done = drive_into(self.bank.as_mut(), &how, watch, &mut trace);
        let recording = Recording {
            t_s: trace.t_s,
            source_v: trace.v.clone(),
            device_v: trace.v,
            i_a: trace.i_a,
            x: trace.x,
            states: trace.states,
        };
        match done {
            Ok(()) => Ok(recording),
            Err(DriveError::Cancelled(cancelled)) => Err(LabError::Cancelled(cancelled)),
            Err(source) => Err(LabError::Drive { device: self.id, source, until: Box::new(recording) }),
        }
    }

    fn in_circuit(
        &mut self,
        waveform: &Waveform,
        t_end_s: f64,
        max_step_s: f64,
        rig: &Rig,
        watch: &dyn Watch,
    ) -> Result<Recording, LabError> {
        let stopped = |source: CircuitError, until: Recording| match source {
            CircuitError::Cancelled(cancelled) => LabError::Cancelled(cancelled),
            source => LabError::Circuit { device: self.id, source: Box::new(source), until: Box::new(until) },
        };
        let failed = |source: CircuitError| stopped(source, Recording::default());
        let mut circuit = Circuit::new();
        let options = Options { temperature_k: rig.t_k, max_step_s: Some(max_step_s), ..Options::default() };
        circuit.set_options(options).map_err(failed)?;
        let supply = circuit.node("source");
        circuit.drive(supply, source(waveform).map_err(failed)?).map_err(failed)?;
        let mut top = supply;
        if rig.series_ohm > 0.0 {
            top = circuit.series_resistor(top, rig.series_ohm).map_err(failed)?.0;
        }
        if rig.compliance_a.is_finite() {
            let behind = circuit.node("behind the compliance");
            let size = rig.compliance_a.abs();
            let (limit_a, reverse_limit_a) =
                if rig.compliance_a > 0.0 { (size, f64::INFINITY) } else { (f64::INFINITY, size) };
            let on_resistance_ohm = LIMITER_V / size;
            let limiter = Compliance { limit_a, reverse_limit_a, on_resistance_ohm };
            circuit.compliance(top, behind, limiter).map_err(failed)?;
            top = behind;
        }
        if rig.parallel_f > 0.0 {
            circuit.capacitor(top, Circuit::GROUND, rig.parallel_f).map_err(failed)?;
        }
        let bank = circuit.bank(self.bank.snapshot(), &[(top, Circuit::GROUND)]).map_err(failed)?;
        let mut recording = Recording { states: self.bank.state().len(), ..Recording::default() };
        let done = circuit.transient(t_end_s, watch, |t_s, solution| {
            let i_a = solution.cell_currents_a(bank)[0];
            recording.push(
                t_s,
                solution.voltage_v(supply),
                solution.voltage_v(top),
                i_a,
                solution.states(bank),
            );
        });
        if let Err(source) = done {
            return Err(stopped(source, recording));
        }
        self.bank = circuit.cells(bank).snapshot();
        Ok(recording)
    }
}

/// The waveform as a circuit's source.
fn source(waveform: &Waveform) -> Result<Source, CircuitError> {
    match waveform {
        Waveform::Constant(v) => Ok(Source::constant(*v)),
        Waveform::Sine { amplitude_v, frequency_hz, offset_v } => {
            Source::sine_from(*offset_v, *amplitude_v, *frequency_hz, 0.0)
        }
        Waveform::Points(points) => {
            let (t, v): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
            Source::samples(&t, &v)
        }
    }
}

impl From<Cancelled> for LabError {
    fn from(cancelled: Cancelled) -> Self {
        LabError::Cancelled(cancelled)
    }
}

impl LabError {
    /// Whether somebody stopped the work.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, LabError::Cancelled(_))
    }

    /// What the device did until it could not be driven on; nothing where it was not asked to do what can be done.
    pub fn until(&self) -> Option<&Recording> {
        match self {
            LabError::Drive { until, .. } | LabError::Circuit { until, .. } if !self.is_request() => {
                Some(until)
            }
            _ => None,
        }
    }

    /// With what an experiment measured until it stopped, as a file; a caution says why it did.
    pub(crate) fn with_file(self, name: &str, content: Vec<u8>) -> LabError {
        let mut found = Findings::default();
        found.files.push((name.into(), content));
        self.with(found)
    }

    /// The same with all that was found until then.
    pub(crate) fn with(self, mut found: Findings) -> LabError {
        found.caution(format!("The experiment stopped: {self}."));
        LabError::Stopped { source: Box::new(self), found: Box::new(found) }
    }

    /// Whether what was asked for cannot be, rather than failed.
    pub fn is_request(&self) -> bool {
        match self {
            LabError::Device(_) | LabError::Setting(_) => true,
            LabError::Stopped { source, .. } => source.is_request(),
            LabError::Drive { source, .. } => matches!(source, DriveError::Setting(_) | DriveError::Cells(_)),
            _ => false,
        }
    }
}
