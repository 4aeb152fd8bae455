//! What a mapping costs, as a record.

use neurohm::array::ChipSpec;
use neurohm::cost::map::{Bottleneck, Mapping};
use neurohm::cost::standby::{Bursts, Waiting, break_even_s};
use neurohm::cost::{Baseline, Bill, Events, Fabric, Known, Technology, calibrating, energy, program};
use neurohm::report::number::{percent, quantity};
use neurohm::study::experiment::{Findings, plain};
use neurohm::study::record::{Axis, Better, Cell, Column, Line, Record, Series, Table};
use neurohm::study::{Finding, digest};

use crate::failure::Failure;

/// What was found, and on what.
pub struct Found<'a> {
    pub name: &'a str,
    pub chip: &'a ChipSpec,
    pub technology: &'a Technology,
    pub fabric: &'a Fabric,
    pub mapping: &'a Mapping,
    pub baselines: &'a [Baseline],
}

const ABOUT: &str = "What one sample of a network costs on a chip of crossbars: its layers are placed on crossbars in \
    cores in tiles with a mesh between them, slow ones are duplicated where there is room, and every event is priced \
    with the technology's constants. Beside it, the same network on a processor with its memory apart, on a systolic \
    array and in charge-based memory.";

fn column(name: &str, unit: &str) -> Column {
    Column { name: name.into(), unit: unit.into() }
}

fn text(words: impl Into<String>) -> Cell {
    Cell::Text(words.into())
}

impl Found<'_> {
    /// The record, and the placement beside it.
    pub fn finding(&self, command: &str) -> Result<Finding, Failure> {
        let bill = self.mapping.bill(self.fabric, self.technology);
        let mut found = Findings::default();
        self.numbers(&mut found);
        found.tables = vec![self.bill(&bill), self.layers(), self.beside(), self.constants()];
        found.series = vec![self.standby()];
        self.notes(&bill, &mut found);
        let described = |e: neurohm::array::SettingError| Failure::from(e);
        let chip = self.chip.to_toml().map_err(described)?;
        let technology = self.technology.to_toml().map_err(described)?;
        let title = format!("{} on {} in {}", self.name, self.chip.name, self.technology.name);
        let id = digest(&serde_json::json!({ "chip": chip, "technology": technology, "command": command }));
        found.files = vec![("placement.csv".to_owned(), self.placement().into_bytes())];
        let files = found.files.clone();
        let record = Record {
            id,
            device: self.chip.device.name.clone(),
            device_title: self.chip.device.title.clone(),
            device_source: self.chip.device.source.clone(),
            description: format!("# Chip\n{chip}\n# Technology\n{technology}"),
            sample: None,
            tally: named(&self.mapping.events.tally),
            ..plain("cost", &title, ABOUT, "energy", command, 1, found)
        };
        Ok(Finding { record, files })
    }

    /// Every piece of every layer with its crossbar.
    fn placement(&self) -> String {
        let mut out = String::from("layer,copy,group,strip_in,strip_out,round,tile,core,crossbar\n");
        for (i, layer) in self.mapping.layers.iter().enumerate() {
            for p in &layer.pieces {
                let (s, at) = (p.site, (p.copy, p.group, p.strip_in, p.strip_out));
                let line = format!(
                    "{i},{},{},{},{},{},{},{},{}\n",
                    at.0, at.1, at.2, at.3, p.round, s.tile, s.core, s.crossbar
                );
                out += &line;
            }
        }
        out
    }

    fn numbers(&self, found: &mut Findings) {
        let (m, e) = (self.mapping, self.mapping.efficiency(self.fabric, self.technology));
        let precision = format!("{}-bit inputs, {}-bit conversions", e.input_bits, e.output_bits);
        let mut put = |name: &str, value: f64, unit: &str, better: Better, about: String| {
            found.scalar(name, value, None, unit, Some(better), about);
        };
        use Better::{Higher, Lower};
        put("energy", e.energy_j, "J", Lower, "Energy of a sample".into());
        put("latency", e.latency_s, "s", Lower, "Time from a sample's first input to its last output".into());
        put("throughput", e.samples_per_s, "1/s", Higher, "Samples a second".into());
        put("area", e.area_mm2, "mm²", Lower, "Area of the tiles used, and of the chip's link".into());
        put("tops_per_watt", e.tops_per_watt(), "TOPS/W", Higher, format!("Efficiency, {precision}"));
        put("tops_per_mm2", e.tops_per_mm2(), "TOPS/mm²", Higher, format!("Density, {precision}"));
        put("energy_delay", e.energy_delay_js(), "J s", Lower, format!("Energy x latency, {precision}"));
        put(
            "utilisation",
            m.utilisation * 100.0,
            "%",
            Higher,
            "Cells of these tiles that hold weights".into(),
        );
        let cells: f64 =
            m.layers.iter().map(|l| self.fabric.cells_of(&l.layer) as f64 * l.copies as f64).sum();
        let written = program(
            cells,
            m.layers.iter().map(|l| l.crossbars * l.copies).sum(),
            self.fabric,
            self.technology,
        );
        put("program_energy", written.energy_j, "J", Lower, "Energy to write the whole network".into());
        put("program_time", written.time_s, "s", Lower, "Time to write the whole network".into());
        if let Some(c) = calibrating(m.crossbars, self.fabric, self.technology) {
            let about = "Energy to calibrate the converters of these tiles, once their power is on";
            put("calibration_energy", c.energy_j, "J", Lower, about.into());
            put("calibration_time", c.time_s, "s", Lower, "Time to calibrate them, all at once".into());
        }
        if let Some(reload) = &m.reload {
            put(
                "reload_energy",
                reload.energy_j,
                "J",
                Lower,
                "Of a sample's energy: writing the chip anew".into(),
            );
            put("reload_time", reload.time_s, "s", Lower, "Of a sample's time: writing the chip anew".into());
        }
        if let Some(processor) = self.baselines.first() {
            let ratio = processor.energy_j() / e.energy_j;
            put(
                "against_von_neumann",
                ratio,
                "1",
                Higher,
                "A processor's energy of a sample over this one's".into(),
            );
            let waits_s = break_even_s(processor.wake_j, processor.idle_w);
            put(
                "sram_break_even",
                waits_s,
                "s",
                Lower,
                "Wait from which SRAM fetches weights rather than keeps them".into(),
            );
        }
    }

    fn bill(&self, bill: &Bill) -> Table {
        let total = bill.total();
        let row = |name: &str, cost: neurohm::cost::Cost, known: &str| {
            vec![
                text(name),
                Cell::Number(cost.energy_j),
                Cell::Number(if total.energy_j > 0.0 { cost.energy_j / total.energy_j * 100.0 } else { 0.0 }),
                Cell::Number(cost.latency_s),
                Cell::Number(cost.area_mm2),
                text(known),
            ]
        };
        let mut rows: Vec<_> =
            bill.items.iter().map(|i| row(i.component.words(), i.cost, i.known.words())).collect();
        rows.push(row("together", total, ""));
        Table {
            name: "bill".into(),
            caption: "A sample by component".into(),
            columns: vec![
                column("component", ""),
                column("energy", "J"),
                column("share", "%"),
                column("latency", "s"),
                column("area", "mm²"),
                column("least known constant", ""),
            ],
            rows,
        }
    }

    fn layers(&self) -> Table {
        let rows = self.mapping.layers.iter().map(|l| {
            let tiles =
                |pick: fn(u32, u32) -> u32| l.pieces.iter().map(|p| p.site.tile).reduce(pick).unwrap_or(0);
            let (first, last) = (tiles(u32::min), tiles(u32::max));
            let at = if first == last { first.to_string() } else { format!("{first} to {last}") };
            vec![
                text(&l.layer.name),
                text(format!("{} x {}", l.layer.rows, l.layer.columns * l.layer.groups)),
                Cell::Number(l.layer.products as f64),
                Cell::Number(l.layer.macs() as f64),
                Cell::Number(self.fabric.cells_of(&l.layer) as f64),
                Cell::Number(l.crossbars as f64),
                Cell::Number(l.copies as f64),
                text(at),
                Cell::Number(l.utilisation * 100.0),
                Cell::Number(l.interval_s),
                Cell::Number(
                    energy(&Events::of_layer(&l.layer, self.fabric), self.fabric, self.technology)
                        .total()
                        .energy_j,
                ),
            ]
        });
        Table {
            name: "layers".into(),
            caption: "Layers on the chip; devices of one copy, energy without what goes between tiles".into(),
            columns: vec![
                column("layer", ""),
                column("weights", ""),
                column("products", ""),
                column("multiply-accumulates", ""),
                column("devices", ""),
                column("crossbars", ""),
                column("copies", ""),
                column("tiles", ""),
                column("used", "%"),
                column("time a sample", "s"),
                column("energy a sample", "J"),
            ],
            rows: rows.collect(),
        }
    }

    fn beside(&self) -> Table {
        let e = self.mapping.efficiency(self.fabric, self.technology);
        let bits = self.mapping.traffic.bits + self.mapping.traffic.link_bits;
        let ours = vec![
            text("This chip"),
            Cell::Number(e.energy_j),
            Cell::Number(e.energy_j / e.operations),
            Cell::Number(e.latency_s),
            Cell::Number(bits / 8.0),
            Cell::Number(0.0),
            text(self.mapping.bill(self.fabric, self.technology).known().words()),
        ];
        let others = self.baselines.iter().map(|b| {
            vec![
                text(b.title),
                Cell::Number(b.energy_j()),
                Cell::Number(b.energy_j() / e.operations),
                Cell::Number(b.time_s),
                Cell::Number(b.bytes()),
                Cell::Number(b.idle_w),
                text(b.known().words()),
            ]
        });
        Table {
            name: "baselines".into(),
            caption: "A sample elsewhere, with 8-bit integers".into(),
            columns: vec![
                column("machine", ""),
                column("energy", "J"),
                column("an operation", "J"),
                column("time", "s"),
                column("bytes moved", ""),
                column("power to keep weights", "W"),
                column("least known constant", ""),
            ],
            rows: std::iter::once(ours).chain(others).collect(),
        }
    }

    fn constants(&self) -> Table {
        let rows = self.technology.constants().into_iter();
        Table {
            name: "constants".into(),
            caption: "The technology's constants".into(),
            columns: vec![
                column("constant", ""),
                column("value", ""),
                column("known", ""),
                column("source", ""),
            ],
            rows: rows
                .map(|c| vec![text(c.path), text(c.value), text(c.known.words()), text(c.source)])
                .collect(),
        }
    }

    /// Mean power against how often a sample comes.
    fn standby(&self) -> Series {
        let e = self.mapping.efficiency(self.fabric, self.technology);
        let way = |name: String, sample_j, sample_s, idle_w, wake_j| Waiting {
            name,
            sample_j,
            sample_s,
            idle_w,
            wake_j,
        };
        const AGAIN: &str = ", weights fetched again";
        let calibration_j =
            calibrating(self.mapping.crossbars, self.fabric, self.technology).map_or(0.0, |c| c.energy_j);
        let mut ways = vec![way("This chip, power off".into(), e.energy_j, e.latency_s, 0.0, calibration_j)];
        for b in self.baselines {
            let (j, s) = (b.energy_j(), b.time_s);
            let name = short(b.title);
            ways.push(way(format!("{name}, weights kept"), j, s, b.idle_w, 0.0));
            ways.push(way(format!("{name}{AGAIN}"), j, s, 0.0, b.wake_j));
        }
        let periods = (-6..=10).map(|half| 10f64.powf(f64::from(half) / 2.0));
        // The two ways of a machine share its colour.
        let again = |way: &Waiting| way.name.ends_with(AGAIN);
        let lines = ways.iter().map(|way| {
            let point = |period_s: f64| Some((period_s, way.mean_w(Bursts { period_s, samples: 1.0 }).ok()?));
            let (x, y) = periods.clone().filter_map(point).unzip();
            let line = Line::new(way.name.clone(), x, y);
            if again(way) { line.variant() } else { line }
        });
        Series {
            name: "standby".into(),
            caption: "Mean power where one sample comes every so often: what keeps its weights without power pays for \
                      samples alone."
                .into(),
            x: Axis::logarithmic("time from one sample to the next", "s"),
            y: Axis::logarithmic("mean power", "W"),
            lines: lines.filter(|line| !line.x.is_empty()).collect(),
        }
    }

    /// How busy the network between tiles is.
    fn congestion(&self, found: &mut Findings) {
        let rate = format!("{:.2e} flits a router and period", self.mapping.traffic.injection);
        match (self.mapping.saturates(self.technology), &self.technology.router.congestion) {
            (Some(true), Some(table)) => found.caution(format!(
                "The network between tiles saturates: {rate}, and {} is the most of the table ({}); its latency is that of the \
                 table's end, and too short.",
                table.rates.last().copied().unwrap_or(0.0),
                table.source
            )),
            (_, Some(table)) => {
                let factor = table.factor(self.mapping.traffic.injection).unwrap_or(1.0);
                found.info(format!(
                    "Messages between tiles take {factor:.2} times as long as at rest: {rate} ({}).",
                    table.source
                ));
            }
            _ => found.info(format!(
                "Tiles inject {rate}; how waiting grows with that is not in this technology, and latency is that at rest."
            )),
        }
    }

    /// What converters that differ take beyond those that do not.
    fn converters(&self, found: &mut Findings) {
        let fabric = self.fabric;
        if fabric.redundancy > 0 {
            found.info(format!(
                "Each conversion makes {} decisions more than its {} bits: by convention each takes as long as another, at the \
                 same power, {} of a conversion. Overlapping weights sum to the same capacitance, so that areas are those \
                 without.",
                fabric.redundancy,
                fabric.output_bits,
                percent(fabric.redundant)
            ));
        }
        if let Some(c) = calibrating(self.mapping.crossbars, fabric, self.technology) {
            found.info(format!(
                "Each of {} converters takes {} measurements to calibrate itself, by convention a conversion each, whenever its \
                 power comes on; in a sample's energy and time they are not, in the mean power of a chip that is off between \
                 samples they are. The chip has {} a crossbar, by its columns_per_converter; area and time of conversions are \
                 those of the technology's {}.",
                c.converters, c.measurements, fabric.converters, fabric.adcs
            ));
        }
    }

    fn notes(&self, bill: &Bill, found: &mut Findings) {
        let m = self.mapping;
        let layer = |i: usize| m.layers.get(i).map_or("", |l| l.layer.name.as_str());
        let slow = match &m.bottleneck {
            Bottleneck::Reads(i) => format!("reads of layer {i} `{}`", layer(*i)),
            Bottleneck::Conversions(i) => format!("conversions of layer {i} `{}`", layer(*i)),
            Bottleneck::Buffer => "fetching inputs from a tile's buffer".to_owned(),
            Bottleneck::Network => "a link of the network between tiles".to_owned(),
            Bottleneck::Link => "the chip's link".to_owned(),
            Bottleneck::Reload => "writing the chip anew for each round".to_owned(),
        };
        let tiles = if m.tiles == 1 { "1 tile".to_owned() } else { format!("{} tiles", m.tiles) };
        let way = match m.traffic.most_hops {
            0 => "data stays on it".to_owned(),
            hops => format!("data passes {hops} routers at most"),
        };
        found.info(format!(
            "The bottleneck is {slow}. {} of {} crossbars on {tiles}; {way}.",
            m.crossbars, m.room
        ));
        if m.traffic.bits > 0.0 {
            self.congestion(found);
        }
        if let Some(reload) = &m.reload {
            found.caution(format!(
                "The network exceeds the chip: it runs in {} rounds, and the chip is written anew for each, every {} \
                 samples.",
                reload.rounds, reload.batch
            ));
        }
        let total = bill.total().energy_j;
        let unsure = bill.items.iter().filter(|i| i.known > Known::PublicCode).map(|i| i.cost.energy_j);
        let unsure = unsure.sum::<f64>() / total;
        if unsure > 0.0 {
            found.caution(format!(
                "{} of the energy rests on constants that are recalled or assumed; the table of constants says which.",
                percent(unsure)
            ));
        }
        self.converters(found);
        for sentence in self.technology.conventions() {
            found.info(sentence);
        }
        // What its parts take from tables of fits and designs; `constants` has the numbers.
        let mut told: Vec<String> = Vec::new();
        for table in self.technology.constants().into_iter().filter(|c| c.path.contains('(')) {
            let part = table.path.split('.').take(2).collect::<Vec<_>>().join(".");
            let part = part.split(' ').next().unwrap_or_default();
            let said = format!("The table behind {part} is {} ({}).", table.source, table.known.words());
            if !told.contains(&said) {
                told.push(said);
            }
        }
        told.into_iter().for_each(|said| found.info(said));
        let a = &self.fabric.activity;
        found.info(format!(
            "Inputs come in {} turns; their mean square is taken for {:.3} of the largest and the mean magnitude of weights \
             for {:.2}, a mean conductance of {}.",
            self.fabric.reads * self.fabric.turns,
            a.mean_square_input,
            a.mean_weight,
            quantity(self.fabric.cell_s, None, "S")
        ));
        found.info(
            "A layer begins when those before it have finished the sample. Switching the chip's power on and off is not \
             counted.",
        );
        for b in self.baselines {
            found.info(format!("{}: {}", b.title, b.convention));
        }
    }
}

fn named(tally: &neurohm::array::Tally) -> std::collections::BTreeMap<String, f64> {
    tally.named().into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}

/// A machine's title without what it is made of, for legends.
fn short(title: &str) -> &str {
    [" with ", " of ", " by "]
        .iter()
        .filter_map(|word| title.split_once(word))
        .map(|(short, _)| short)
        .next()
        .unwrap_or(title)
}
