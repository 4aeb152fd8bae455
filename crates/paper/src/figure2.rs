//! Figure 2: an operation f on data D, with D moved to a processing unit and with D in a computational memory.

use neurohm_array::{AnalogMatrix, ArrayError, ChipSpec};
use neurohm_cost::{Baseline, Layer};
use neurohm_lab::LabError;
use neurohm_num::stats::mean_ci95;
use neurohm_num::{Key, Purpose, Rows, RowsMut};
use neurohm_study::record::{Axis, Cell, Line, Series};

use crate::claim::{Claim, Rule, review};
use crate::machines::{
    CONSTANTS, Crossbars, Placed, WEIGHTS, arithmetic_j, baseline, crossbars, part, table, weight_bytes,
};
use crate::{Effort, Entry, Evidence, Setting, ends};

/// Rows and columns of D where one size stands for all.
const SIZE: u64 = 1024;
/// The sizes between which growth is judged.
const GROWTH: [u64; 2] = [256, 4096];
/// Products that share the fetching of D, in the figures over size.
const SHARED: u64 = 64;
/// Side of the matrix whose analog product is computed.
const ANALOG: usize = 256;
/// Technologies that chips are priced in, and how figures call them.
const TECHNOLOGIES: [(&str, &str); 2] =
    [("isaac_32nm", "crossbars, ISAAC's parts"), ("neurosim_like_22nm", "crossbars, NeuroSim-like parts")];

pub(crate) const ENTRY: Entry = Entry {
    figure: "2",
    title: "Data moved to a processing unit, against computing in the memory",
    about: "f(D) is the product of a matrix D of n x n 8-bit integers with a vector. On the left of the review's figure a \
            processor fetches D from DRAM and operands from SRAM; on the right D is held by the default chip's 256 x 256 \
            crossbars of PCM cells, with its DACs, ADCs (8 bits both), buffers, network and link to the outside, which \
            brings the vector and takes the result on both sides. Bytes are counted; energy and time are priced with \
            each machine's constants.",
    claims: &[
        Claim {
            key: "fetched",
            claim: "Conventional: bytes of D brought to the processing unit for each byte of D, for one product",
            published: review("D has to be moved into a processing unit"),
            unit: "1",
            rule: Rule::Between(1.0, 1.0),
        },
        Claim {
            key: "stays",
            claim: "In memory: bytes of D moved for a product, at any n from 64 to 4096",
            published: review("this obviates the need to move D to the processing unit"),
            unit: "B",
            rule: Rule::AtMost(0.0),
        },
        Claim {
            key: "time_growth",
            claim: "In memory: time at n = 4096 over that at 256. D grows 256 times, the vector 16 times; the processor's \
                    time grows as D",
            published: review("also has the potential to improve the computational time complexity"),
            unit: "1",
            rule: Rule::AtMost(16.0),
        },
        Claim {
            key: "energy_share",
            claim: "Conventional: share of the energy that moving data costs, n = 1024, one product",
            published: review("this incurs significant latency and energy cost"),
            unit: "%",
            rule: Rule::NotComparable(CONSTANTS),
        },
        Claim {
            key: "time_share",
            claim: "Conventional: share of the time in which arithmetic waits for data, n = 1024, one product",
            published: review("this incurs significant latency and energy cost"),
            unit: "%",
            rule: Rule::NotComparable(CONSTANTS),
        },
        Claim {
            key: "memory_share",
            claim: "In memory: share of the energy that moving the vector and the result still costs, n = 1024",
            published: review("reducing latency and energy cost associated with data movement"),
            unit: "%",
            rule: Rule::NotComparable(CONSTANTS),
        },
        Claim {
            key: "energy_ratio",
            claim: "Energy of the processor over that of the crossbars, n = 1024, one product",
            published: review("reducing latency and energy cost associated with data movement"),
            unit: "1",
            rule: Rule::NotComparable(CONSTANTS),
        },
        Claim {
            key: "time_ratio",
            claim: "Time of the processor over that of the crossbars, n = 1024, one product",
            published: review("reducing latency and energy cost associated with data movement"),
            unit: "1",
            rule: Rule::NotComparable(CONSTANTS),
        },
        Claim {
            key: "size_crossover",
            claim: "Smallest n at which the crossbars take less energy for one product",
            published: review("no crossover is told"),
            unit: "1",
            rule: Rule::NotComparable(CONSTANTS),
        },
        Claim {
            key: "size_crossover_time",
            claim: "Smallest n at which the crossbars take less time for one product",
            published: review("no crossover is told"),
            unit: "1",
            rule: Rule::NotComparable(CONSTANTS),
        },
        Claim {
            key: "energy_crossover",
            claim: "Products that must share the fetching of D for the processor to need as little energy, n = 1024",
            published: review("no crossover is told"),
            unit: "1",
            rule: Rule::NotComparable(CONSTANTS),
        },
        Claim {
            key: "time_crossover",
            claim: "Products that must share the fetching of D for the processor to be as fast, n = 1024",
            published: review("no crossover is told"),
            unit: "1",
            rule: Rule::NotComparable(CONSTANTS),
        },
        Claim {
            key: "written_energy",
            claim: "Products after which writing D into the cells has paid in energy, n = 1024, D fetched for each",
            published: review("the writing of D is not told of"),
            unit: "1",
            rule: Rule::NotComparable(CONSTANTS),
        },
        Claim {
            key: "written_time",
            claim: "Products after which writing D into the cells has paid in time, n = 1024, D fetched for each",
            published: review("the writing of D is not told of"),
            unit: "1",
            rule: Rule::NotComparable(CONSTANTS),
        },
        Claim {
            key: "product_error",
            claim: "Relative error of f(D) in memory, n = 256, 20 s after writing, over chips",
            published: review(
                "f(D) is performed by exploiting the physical attributes of the memory devices",
            ),
            unit: "%",
            rule: Rule::NotComparable("the review gives no error; integers on the processor make none"),
        },
    ],
    run,
};

/// D of `n` x `n`, as a layer.
fn matrix(n: u64) -> [Layer; 1] {
    [Layer::dense("D", n, n, None)]
}

/// One product on crossbars: nothing is duplicated, since there is one.
fn once(machine: &Crossbars, n: u64) -> Result<Placed, LabError> {
    let options = neurohm_cost::map::Options { duplicate: false, ..Default::default() };
    machine.place(&matrix(n), options)
}

fn processor(n: u64, batch: u64) -> Result<Baseline, LabError> {
    baseline("von_neumann", &matrix(n), batch)
}

/// The smallest of `1..=most` that holds, of something that goes on holding.
fn first(most: u64, holds: impl Fn(u64) -> Result<bool, LabError>) -> Result<Option<u64>, LabError> {
    if !holds(most)? {
        return Ok(None);
    }
    let (mut low, mut high) = (0, most);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        *(if holds(middle)? { &mut high } else { &mut low }) = middle;
    }
    Ok(Some(high))
}

/// What is shared by all products that there could be.
const ENDLESS: u64 = 1_000_000_000;

fn run(setting: &Setting) -> Result<Evidence, LabError> {
    let chips: u64 = if setting.effort == Effort::Quick { 4 } else { 16 };
    setting.watch.begin("figure 2", Some(chips + 1));
    let mut evidence = Evidence::default();
    let machines = TECHNOLOGIES.map(|(name, words)| crossbars(name).map(|machine| (words, machine)));
    let machines = machines.into_iter().collect::<Result<Vec<_>, _>>()?;
    let sizes: Vec<u64> = match setting.effort {
        Effort::Quick => (6..=12).map(|log| 1 << log).collect(),
        Effort::Full => (12..=26).map(|half| libm::round(libm::exp2(f64::from(half) / 2.0)) as u64).collect(),
    };
    numbers(&machines[0].1, &sizes, &mut evidence)?;
    over_size(&machines, &sizes, &mut evidence)?;
    reuse(&machines, &mut evidence)?;
    writing(&machines, &mut evidence)?;
    setting.watch.step(1)?;

    let mut errors = Vec::new();
    for chip in 0..chips {
        let key = Key::root(setting.seed).child("figure 2", chip);
        errors.push(100.0 * product_error(&machines[0].1.chip, key).map_err(array)?);
        setting.watch.step(1)?;
    }
    let (mean, interval) = mean_ci95(&errors);
    evidence.put("product_error", mean, ends(interval));
    Ok(evidence)
}

fn array(error: ArrayError) -> LabError {
    LabError::Setting(error.to_string())
}

fn numbers(machine: &Crossbars, sizes: &[u64], evidence: &mut Evidence) -> Result<(), LabError> {
    let (theirs, ours) = (processor(SIZE, 1)?, once(machine, SIZE)?);
    let bytes = (SIZE * SIZE) as f64;
    evidence.put("fetched", weight_bytes(&theirs) / bytes, None);
    let moved = sizes.iter().map(|n| Ok(once(machine, *n)?.weight_bytes));
    let moved = moved.collect::<Result<Vec<_>, LabError>>()?.into_iter().fold(0.0, f64::max);
    evidence.put("stays", moved, None);
    let [small, large] = GROWTH;
    evidence.put("time_growth", once(machine, large)?.latency_s / once(machine, small)?.latency_s, None);
    let arithmetic = arithmetic_j(&theirs);
    evidence.put("energy_share", 100.0 * (1.0 - arithmetic / theirs.energy_j()), None);
    // With D fetched once for ever, arithmetic alone is left.
    let busy_s = processor(SIZE, ENDLESS)?.time_s;
    evidence.put("time_share", 100.0 * (1.0 - busy_s / theirs.time_s), None);
    evidence.put("memory_share", 100.0 * ours.moving, None);
    evidence.put("energy_ratio", theirs.energy_j() / ours.energy_j, None);
    evidence.put("time_ratio", theirs.time_s / ours.latency_s, None);
    let mut crossover = |key, found: Option<u64>, lacking: String| match found {
        Some(at) => evidence.put(key, at as f64, None),
        None => evidence.info(lacking),
    };
    crossover(
        "size_crossover",
        first(SIZE, |n| Ok(processor(n, 1)?.energy_j() > once(machine, n)?.energy_j))?,
        format!("The processor takes less energy at every n up to {SIZE}."),
    );
    crossover(
        "size_crossover_time",
        first(SIZE, |n| Ok(processor(n, 1)?.time_s > once(machine, n)?.latency_s))?,
        format!("The processor takes less time at every n up to {SIZE}."),
    );
    let endless = processor(SIZE, ENDLESS)?;
    crossover(
        "energy_crossover",
        first(ENDLESS, |batch| Ok(processor(SIZE, batch)?.energy_j() <= ours.energy_j))?,
        format!(
            "However many products share the fetching of D, at n = {SIZE} the processor takes more energy: {:.2} times as \
             much at best, with 8-bit integers in 45 nm against 32 nm.",
            endless.energy_j() / ours.energy_j
        ),
    );
    crossover(
        "time_crossover",
        first(ENDLESS, |batch| Ok(processor(SIZE, batch)?.time_s <= ours.latency_s))?,
        format!("However many products share the fetching of D, at n = {SIZE} the processor takes longer."),
    );
    let pays = |writing: f64, theirs: f64, ours: f64| libm::ceil(writing / (theirs - ours));
    evidence.put("written_energy", pays(ours.writing.energy_j, theirs.energy_j(), ours.energy_j), None);
    evidence.put("written_time", pays(ours.writing.time_s, theirs.time_s, ours.latency_s), None);

    let dram = part(&theirs, WEIGHTS).map_or(0.0, |p| p.energy_j);
    evidence
        .info("Counts of bytes, energies and times have no chance in them, and no intervals; the error has.");
    evidence.caution(format!(
        "Three claims follow from the machines' structure alone, whatever their constants: each byte of D is used once and \
         fetched once; cells keep D; every part of a product's time on crossbars grows with the vector at most. Energies \
         and times rest on recalled constants (DRAM and SRAM, Horowitz 2014) and assumed ones (rates of the processor, its \
         DRAM channel, reuse in its registers, writing of cells), so they are not compared. How much they could be wrong: \
         at n = {SIZE} fetching D costs {:.0} times the multiply-accumulates, whose energies stand in public code, and only \
         if all constants together favoured crossbars {:.0} times would the processor need less energy.",
        dram / arithmetic,
        theirs.energy_j() / ours.energy_j
    ));
    evidence.info(
        "Reuse changes the picture, and the review does not tell of it: a matrix that serves many vectors is fetched once \
         for all of them, and the processor is then limited by its arithmetic.",
    );
    evidence.info(
        "The processor has unlimited SRAM: D stays in it while a batch lasts, and nothing spills. Time is that of work and \
         DRAM overlapping. Both count 8-bit products; those of the crossbars carry the analog error.",
    );
    Ok(())
}

fn over_size(machines: &[(&str, Crossbars)], sizes: &[u64], evidence: &mut Evidence) -> Result<(), LabError> {
    let x: Vec<f64> = sizes.iter().map(|n| *n as f64).collect();
    let line = |name: &str, y: Vec<f64>| Line::new(name, x.clone(), y);
    let alone = sizes.iter().map(|n| processor(*n, 1)).collect::<Result<Vec<_>, _>>()?;
    let shared = sizes.iter().map(|n| processor(*n, SHARED)).collect::<Result<Vec<_>, _>>()?;
    let endless = sizes.iter().map(|n| processor(*n, ENDLESS)).collect::<Result<Vec<_>, _>>()?;
    let mut placed: Vec<(&str, Vec<Placed>)> = Vec::new();
    for (words, machine) in machines {
        placed.push((words, sizes.iter().map(|n| once(machine, *n)).collect::<Result<_, _>>()?));
    }
    let processors = [("processor", &alone), ("processor, 64 products share D", &shared)];
    let moving = |m: &Baseline| 100.0 * (1.0 - arithmetic_j(m) / m.energy_j());
    let lines = |of: &dyn Fn(&Baseline) -> f64, ours: &dyn Fn(&Placed) -> f64| -> Vec<Line> {
        let theirs = processors.iter().map(|(name, all)| line(name, all.iter().map(of).collect()));
        let ours = placed.iter().map(|(name, all)| line(name, all.iter().map(ours).collect()));
        theirs.chain(ours).collect()
    };
    let mut energy = lines(&Baseline::energy_j, &|p| p.energy_j);
    energy.push(line("the processor's arithmetic alone", alone.iter().map(arithmetic_j).collect()).dashed());
    let mut time = lines(&|b| b.time_s, &|p| p.latency_s);
    time.push(line("the processor's arithmetic alone", endless.iter().map(|b| b.time_s).collect()).dashed());
    let share = lines(&moving, &|p| 100.0 * p.moving);
    let size = || Axis::logarithmic("rows and columns of D", "1");
    evidence.series.push(Series {
        name: "figure_2_energy".into(),
        caption: "Energy of one product with D.".into(),
        x: size(),
        y: Axis::logarithmic("energy of a product", "J"),
        lines: energy,
    });
    evidence.series.push(Series {
        name: "figure_2_time".into(),
        caption: "Time of one product with D. Where products share D, the time that each of them takes."
            .into(),
        x: size(),
        y: Axis::logarithmic("time of a product", "s"),
        lines: time,
    });
    evidence.series.push(Series {
        name: "figure_2_share".into(),
        caption:
            "Share of the energy that moves data: for the processor everything but arithmetic, for crossbars \
                  registers, buffers, bus, network and the chip's link."
                .into(),
        x: size(),
        y: Axis::linear("energy that moves data", "%"),
        lines: share,
    });
    let rows = sizes.iter().zip(&alone).zip(&placed[0].1).map(|((n, theirs), ours)| {
        let vectors = (ours.mapping.traffic.bits + ours.mapping.traffic.link_bits) / 8.0;
        [
            *n as f64,
            weight_bytes(theirs),
            ours.weight_bytes,
            vectors,
            theirs.energy_j(),
            ours.energy_j,
            theirs.energy_j() / ours.energy_j,
            theirs.time_s,
            ours.latency_s,
            theirs.time_s / ours.latency_s,
        ]
        .map(Cell::Number)
        .into()
    });
    evidence.tables.push(table(
        "sizes",
        "One product, D fetched for it: the processor beside crossbars with ISAAC's parts.",
        &[
            ("n", ""),
            ("D moved, processor", "B"),
            ("D moved, crossbars", "B"),
            ("other data moved, crossbars", "B"),
            ("energy, processor", "J"),
            ("energy, crossbars", "J"),
            ("ratio of energy", "1"),
            ("time, processor", "s"),
            ("time, crossbars", "s"),
            ("ratio of time", "1"),
        ],
        rows.collect(),
    ));
    Ok(())
}

/// Energy and time against the products that share the fetching of D.
fn reuse(machines: &[(&str, Crossbars)], evidence: &mut Evidence) -> Result<(), LabError> {
    let batches: Vec<u64> = (0..=14).map(|log| 1 << log).collect();
    let x: Vec<f64> = batches.iter().map(|b| *b as f64).collect();
    let all =
        |name: &str| batches.iter().map(|b| baseline(name, &matrix(SIZE), *b)).collect::<Result<Vec<_>, _>>();
    let (theirs, systolic) = (all("von_neumann")?, all("systolic")?);
    let placed = machines.iter().map(|(words, m)| Ok((*words, once(m, SIZE)?)));
    let placed = placed.collect::<Result<Vec<_>, LabError>>()?;
    let mut figure =
        |name: &str, what: &str, unit: &str, of: &dyn Fn(&Baseline) -> f64, ours: &dyn Fn(&Placed) -> f64| {
            let mut lines = vec![
                Line::new("processor", x.clone(), theirs.iter().map(of).collect()),
                Line::new("systolic array of int8 units", x.clone(), systolic.iter().map(of).collect()),
            ];
            lines
                .extend(placed.iter().map(|(words, p)| Line::new(*words, x.clone(), vec![ours(p); x.len()])));
            evidence.series.push(Series {
            name: name.into(),
            caption: format!(
                "{what} against the number of products that share the fetching of D, n = {SIZE}. Crossbars \
                              fetch nothing."
            ),
            x: Axis::logarithmic("products that share D", "1"),
            y: Axis::logarithmic(format!("{} of a product", what.to_lowercase()), unit),
            lines,
        });
        };
    figure("figure_2_reuse_energy", "Energy", "J", &Baseline::energy_j, &|p| p.energy_j);
    figure("figure_2_reuse_time", "Time", "s", &|b| b.time_s, &|p| p.latency_s);
    Ok(())
}

/// Energy of a number of products, writing the cells included.
fn writing(machines: &[(&str, Crossbars)], evidence: &mut Evidence) -> Result<(), LabError> {
    let products: Vec<f64> = (0..=16).map(|half| libm::pow(10.0, f64::from(half) / 4.0)).collect();
    let sum = |name: &str, first_j: f64, each_j: f64| {
        Line::new(name, products.clone(), products.iter().map(|n| first_j + n * each_j).collect())
    };
    let mut lines = vec![
        sum("processor", 0.0, processor(SIZE, 1)?.energy_j()),
        sum("processor, 64 products share D", 0.0, processor(SIZE, SHARED)?.energy_j()),
    ];
    for (words, machine) in machines {
        let ours = once(machine, SIZE)?;
        lines.push(sum(words, ours.writing.energy_j, ours.energy_j));
    }
    evidence.series.push(Series {
        name: "figure_2_writing".into(),
        caption: format!("Energy of a number of products, n = {SIZE}, with D written into the cells before."),
        x: Axis::logarithmic("products", "1"),
        y: Axis::logarithmic("energy, writing included", "J"),
        lines,
    });
    Ok(())
}

/// `||y - y0|| / ||y0||` over 64 vectors on one chip: weights and inputs from a normal distribution.
fn product_error(chip: &ChipSpec, key: Key) -> Result<f64, ArrayError> {
    const VECTORS: usize = 64;
    let draw = |name: &str, n: usize| {
        let mut values = vec![0.0f32; n];
        key.child(name, 0).stream(Purpose::Data, 0).fill_normal(0, &mut values);
        values
    };
    let w = draw("weights", ANALOG * ANALOG);
    let [x, others] = ["inputs", "inputs to calibrate on"].map(|name| draw(name, VECTORS * ANALOG));
    let mut matrix = AnalogMatrix::program(Rows::new(&w, ANALOG, ANALOG)?, chip, key.child("matrix", 0))?;
    matrix.advance(20.0)?;
    matrix.read()?;
    matrix.calibrate(Rows::new(&others, VECTORS, ANALOG)?)?;
    let mut y = vec![0.0f32; VECTORS * ANALOG];
    matrix.forward(Rows::new(&x, VECTORS, ANALOG)?, &mut RowsMut::new(&mut y, VECTORS, ANALOG)?, 0)?;
    let (mut difference, mut norm) = (0.0, 0.0);
    for (y, x) in y.chunks_exact(ANALOG).zip(x.chunks_exact(ANALOG)) {
        for (column, y) in y.iter().enumerate() {
            let exact: f64 = x
                .iter()
                .enumerate()
                .map(|(row, x)| f64::from(*x) * f64::from(w[row * ANALOG + column]))
                .sum();
            difference += (f64::from(*y) - exact).powi(2);
            norm += exact * exact;
        }
    }
    Ok((difference / norm).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crossover_is_where_it_first_holds() {
        assert_eq!(first(100, |n| Ok(n >= 37)).unwrap(), Some(37));
        assert_eq!(first(100, |n| Ok(n >= 1)).unwrap(), Some(1));
        assert_eq!(first(100, |_| Ok(false)).unwrap(), None);
    }

    #[test]
    fn a_matrix_that_exceeds_the_chip_is_moved_after_all() {
        let mut small = crossbars("isaac_32nm").unwrap();
        small.technology.organisation.tiles = 1;
        // 96 crossbars of 256 x 256 hold 2048 x 2048 and no more than that.
        assert_eq!(once(&small, 2048).unwrap().weight_bytes, 0.0);
        assert_eq!(once(&small, 4096).unwrap().weight_bytes, 4096.0 * 4096.0);
    }
}
