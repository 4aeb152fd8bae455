//! Arrays of devices with equations at the command line: the device, its pulses, its lines, and the states it begins with.

use neurohm::array::wires::{
    Access, Bias, DynamicCrossbar, LinearCrossbar, Together, Wires, Workspace, Writing,
};
use neurohm::device::{DeviceSpec, Drive};
use neurohm::num::quantity::{self, Dimension};
use neurohm::num::{Key, Watch};
use neurohm::study::experiment::Findings;
use neurohm::study::{Disk, named_device};
use toml::{Table, Value};

use super::cells::SelectorOption;
use super::circuit::WireOptions;
use crate::commands::device::bench::{self, chosen, kelvin, second, text, volt, word};
use crate::failure::Failure;

/// Set or reset pulses that bring a device to an end of its range: as experiments on single devices do.
const PREPARE: u32 = 4;

/// Bytes of a device with all that steps it, and of what is known of its cell: states, trials, voltages, results.
const CELL_BYTES: u64 = 2000;

/// Options of every command that writes.
#[derive(clap::Args)]
#[command(next_help_heading = "Device options")]
pub struct DeviceOptions {
    /// Device with equations: a preset (see `neurohm device list`) or the path of a description
    pub device: String,
    #[command(flatten)]
    lines: WireOptions,
    #[command(flatten)]
    selector: SelectorOption,
    /// What stands on the lines that are not chosen: V/2 on all; V/3 on word lines and 2V/3 on bit lines; or 0 V on all, by
    /// which a whole word line is written
    #[arg(long, value_name = "BIAS", default_value = "half")]
    bias: BiasName,
    /// Voltage that raises the conductance [default: the device's SET]
    #[arg(long, value_name = "VOLTAGE", value_parser = volt, allow_hyphen_values = true)]
    set: Option<f64>,
    /// Its length
    #[arg(long, value_name = "TIME", value_parser = second, allow_hyphen_values = true)]
    set_width: Option<f64>,
    /// Voltage that lowers it [default: the device's RESET]
    #[arg(long, value_name = "VOLTAGE", value_parser = volt, allow_hyphen_values = true)]
    reset: Option<f64>,
    /// Its length
    #[arg(long, value_name = "TIME", value_parser = second, allow_hyphen_values = true)]
    reset_width: Option<f64>,
    /// Voltage at which conductances are told [default: the device's read]
    #[arg(long, value_name = "VOLTAGE", value_parser = volt, allow_hyphen_values = true)]
    read: Option<f64>,
    /// Ambient temperature, such as 85C or 300K
    #[arg(long, value_name = "TEMPERATURE", value_parser = kelvin, allow_hyphen_values = true)]
    temperature: Option<f64>,
    /// Refuse arrays that need more memory, such as 4GB [default: what is available]
    #[arg(long, value_name = "BYTES", value_parser = super::memory::bytes, allow_hyphen_values = true)]
    max_memory: Option<u64>,
    /// Seed of all randomness
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum BiasName {
    Half,
    Third,
    Grounded,
}

/// Which states cells begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Initial {
    /// All reset
    Off,
    /// All set
    On,
    /// As the description's devices are before anyone drives them
    Fresh,
}

/// A device, ready to be put in an array.
pub struct Ready {
    pub spec: DeviceSpec,
    pub wires: Wires,
    access: Access,
    pub bias: Bias,
    pub set: Drive,
    pub reset: Drive,
    pub read_v: f64,
    t_k: f64,
    /// What is left out of the description's operation.
    pub cautions: Vec<String>,
}

impl DeviceOptions {
    pub fn ready(&self) -> Result<Ready, Failure> {
        let spec = named_device(&self.device, &Disk)?;
        spec.equations()?;
        bench::knows_temperature(&spec, self.temperature)?;
        let operation = bench::operation(&spec, "[operation]")?.clone();
        let Some(reset) = operation.reset else {
            let message =
                format!("device `{}` has no RESET: it falls back by itself, and keeps nothing", spec.name);
            return Err(
                Failure::request(message).help("take a device that keeps its state (`neurohm device list`)")
            );
        };
        let set = bench::changed(operation.set, self.set, self.set_width);
        let reset = bench::changed(reset, self.reset, self.reset_width);
        for (option, drive) in [("--set", set), ("--reset", reset)] {
            if drive.voltage_v == 0.0 || drive.width_s == 0.0 {
                return Err(Failure::request(format!("{option} and {option}-width of zero write nothing")));
            }
        }
        let read_v = self.read.unwrap_or(operation.read.voltage_v);
        if read_v == 0.0 {
            return Err(Failure::request("--read 0 V lets no current flow: give a small voltage"));
        }
        let mut cautions = Vec::new();
        let mut left_out = |what: &str, value: Option<f64>, dimension, instead: &str| {
            if let Some(value) = value {
                let value = quantity::format(value, dimension);
                cautions.push(format!("The description's {what} of {value} is not in the array: {instead}."));
            }
        };
        let wires = self.lines.wires();
        if wires.driver_ohm == 0.0 && self.selector.access() == Access::None {
            let instead = "--driver-ohm puts a resistor behind each word line, --selector one in each cell";
            left_out("series resistor", operation.series_ohm, Dimension::Ohm, instead);
        }
        if !matches!(self.selector.access(), Access::Transistor { .. }) {
            let instead = "--selector transistor limits the current of each cell";
            left_out("current compliance", operation.compliance_a, Dimension::Ampere, instead);
        }
        let t_k = self.temperature.unwrap_or(bench::ROOM_K);
        let bias = match self.bias {
            BiasName::Half => Bias::Half,
            BiasName::Third => Bias::Third,
            BiasName::Grounded => Bias::Grounded,
        };
        Ok(Ready { spec, wires, access: self.selector.access(), bias, set, reset, read_v, t_k, cautions })
    }

    /// Refuses an array that needs more memory than there is.
    pub fn fits(&self, size: [usize; 2], ready: &Ready) -> Result<(), Failure> {
        let lines = ready.wires.word_ohm > 0.0 && ready.wires.bit_ohm > 0.0;
        let bytes = |m: usize, n: usize| {
            let network = if lines { LinearCrossbar::bytes(m, n, true) } else { 0 };
            (m as u64).saturating_mul(n as u64).saturating_mul(CELL_BYTES).saturating_add(network)
        };
        super::memory::check(size, self.max_memory, bytes, "")
    }

    /// All of them that decide the result.
    pub fn settings(&self, ready: &Ready) -> Table {
        let mut settings = Table::new();
        let mut add = |name: &str, value| settings.insert(name.into(), value);
        for (name, value) in self.lines.json() {
            add(name, Value::try_from(value).unwrap_or(Value::Boolean(false)));
        }
        add("selector", Value::String(self.selector.text()));
        add("bias", Value::String(chosen(&self.bias)));
        add("set", text(ready.set.voltage_v, Dimension::Volt));
        add("set_width", text(ready.set.width_s, Dimension::Second));
        add("reset", text(ready.reset.voltage_v, Dimension::Volt));
        add("reset_width", text(ready.reset.width_s, Dimension::Second));
        add("read", text(ready.read_v, Dimension::Volt));
        add("temperature", text(ready.t_k, Dimension::Kelvin));
        settings
    }

    /// Which of the options on pulses of one direction were given.
    pub fn pulses_given(&self, set: bool) -> [(&'static str, bool); 2] {
        if set {
            [("--set", self.set.is_some()), ("--set-width", self.set_width.is_some())]
        } else {
            [("--reset", self.reset.is_some()), ("--reset-width", self.reset_width.is_some())]
        }
    }

    /// The words of a command that does the same.
    pub fn words(&self, command: &str, own: Vec<String>) -> Vec<String> {
        let mut words: Vec<String> = ["neurohm", "crossbar", command, &self.device].map(str::to_owned).into();
        words.extend(own);
        words.extend(self.lines.words());
        words.extend(self.selector.words());
        if self.bias != BiasName::Half {
            words.extend(["--bias".to_owned(), chosen(&self.bias)]);
        }
        let mut option = |name: &str, value: Option<f64>, dimension| {
            words.extend(value.into_iter().flat_map(|v| [name.to_owned(), word(v, dimension)]));
        };
        option("--set", self.set, Dimension::Volt);
        option("--set-width", self.set_width, Dimension::Second);
        option("--reset", self.reset, Dimension::Volt);
        option("--reset-width", self.reset_width, Dimension::Second);
        option("--read", self.read, Dimension::Volt);
        option("--temperature", self.temperature, Dimension::Kelvin);
        if self.seed != 1 {
            words.extend(["--seed".to_owned(), self.seed.to_string()]);
        }
        words
    }
}

impl Ready {
    pub fn writing(&self, together: Together, rest_s: f64) -> Writing {
        Writing { bias: self.bias, together, set: self.set, reset: self.reset, rest_s }
    }

    /// A rest as long as one of the device's own time.
    pub fn rest_s(&self) -> f64 {
        self.set.width_s.max(self.reset.width_s)
    }

    /// An array of the device, each cell brought to its state by contacts of its own.
    pub fn array<'a>(
        &self,
        size: (usize, usize),
        initial: Initial,
        seed: u64,
        workspace: &'a Workspace,
        watch: &dyn Watch,
    ) -> Result<DynamicCrossbar<'a>, Failure> {
        let bank = self.spec.bank(size.0 * size.1, Key::root(seed).child("crossbar", 0))?;
        let mut array = DynamicCrossbar::new(bank, size, self.wires, self.access, self.t_k, workspace)?;
        self.prepare(&mut array, initial, watch)?;
        Ok(array)
    }

    fn prepare(
        &self,
        array: &mut DynamicCrossbar,
        initial: Initial,
        watch: &dyn Watch,
    ) -> Result<(), Failure> {
        let drive = match initial {
            Initial::Fresh => return Ok(()),
            Initial::Off => self.reset,
            Initial::On => self.set,
        };
        let count = array.rows() * array.columns();
        for _ in 0..PREPARE {
            array.hold_each(&vec![drive.voltage_v; count], drive.width_s, watch)?;
            array.hold_each(&vec![0.0; count], self.rest_s(), watch)?;
        }
        Ok(())
    }

    /// Conductances of the device without spread, reset and set, S.
    pub fn ends(&self, watch: &dyn Watch) -> Result<[f64; 2], Failure> {
        let workspace = Workspace::default();
        let mut ends = [0.0; 2];
        for (end, initial) in ends.iter_mut().zip([Initial::Off, Initial::On]) {
            let mut array = self.array((1, 1), initial, 0, &workspace, watch)?;
            *end = array.conductances(self.read_v)?[0];
        }
        Ok(ends)
    }

    /// What a reader should know of the device in its array.
    pub fn notes(&self, found: &mut Findings) {
        self.cautions.iter().for_each(|caution| found.caution(caution.clone()));
        found.info(
            "Lines have resistance and no capacitance: all of a pulse's voltage is there at once, and edges take no time.",
        );
        found.caution(
            "Heat stays in its cell: that a written cell warms its neighbours (thermal crosstalk) is not modelled.",
        );
    }
}
