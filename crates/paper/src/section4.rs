//! Section 4: what its prose says of spiking systems in numbers.

use neurohm_array::CopperLines;
use neurohm_array::wires::{
    Access, Background, Ceiling, CellLaw, Conduction, ReadArray, Scheme, WireError, ceiling,
};
use neurohm_device::preset;
use neurohm_lab::LabError;
use neurohm_study::record::{Axis, Line, Series};

use crate::claim::{Claim, Rule, review};
use crate::{Effort, Entry, Evidence, Setting};

const SAID: &str = "more than 2048x2048 devices cannot be fabricated and operated reliably";

pub(crate) const ENTRY: Entry = Entry {
    figure: "s4.1",
    title: "Spiking systems: sizes of arrays and energies that the prose gives",
    about: "Up to which size the farthest cell of a square array can be read, and the product of a whole array be trusted, for \
            all devices whose conductances are published on an absolute scale and all wires of a published table, in a pitch of \
            two widths. A reading needs a tenth of the difference between its two states: of the current that it is told \
            from (sneak paths), and of what the cell alone would give (wires). A product may lose a tenth on the bit line \
            that loses most, all cells at low resistance. Nothing is fitted to 2048.",
    claims: &[
        Claim {
            key: "ceiling",
            claim: "Crossbars of more than 2048 x 2048 devices cannot be operated reliably: one cell or word line, other \
                    lines held, best device and widest wires",
            published: review(SAID),
            unit: "1",
            rule: Rule::AtMost(2048.0),
        },
        Claim {
            key: "ceiling_product",
            claim: "The same for analog products of the whole array",
            published: review(SAID),
            unit: "1",
            rule: Rule::AtMost(2048.0),
        },
        Claim {
            key: "ceiling_sneak",
            claim: "The same for one cell past the sneak paths of other lines that float or are half selected, without \
                    selectors",
            published: review(SAID),
            unit: "1",
            rule: Rule::AtMost(2048.0),
        },
        Claim {
            key: "ceiling_selector",
            claim: "The same for cells of 1 Mohm with threshold selectors between lines of 32 nm, half selected",
            published: review(SAID),
            unit: "1",
            rule: Rule::NotComparable(
                "cell and selector are assumed: no device with published numbers has them",
            ),
        },
        Claim {
            key: "energy_ratio",
            claim: "A multiplication costs 3 to 4 times an addition (C_m/C_a), so sparse spikes win",
            published: review("C_m/C_a of 3 to 4"),
            unit: "1",
            rule: Rule::NotComparable("the energies that we know are recalled, not read: nothing to claim"),
        },
    ],
    run,
};

/// Devices whose conductances are on an absolute scale in their source.
const DEVICES: [&str; 6] = ["pcm", "pcm_accumulate", "hermes", "hermes_1", "reram_cmo", "reram_wan2022"];
/// Widths of the wire table, nm.
const WIDTHS_NM: [f64; 9] = [175.0, 105.0, 80.0, 56.0, 40.0, 32.0, 20.0, 12.0, 8.0];
/// Part of a difference, or of a product, at which an array ends.
const LIMIT: f64 = 0.1;
/// Read voltage of cells that obey Ohm's law, where it does not matter, V.
const READ_V: f64 = 0.2;
/// Largest size that is tried.
const MOST: usize = 16384;
/// What the review says.
const CLAIMED: usize = 2048;

/// Resistance of a segment of a line in a pitch of two widths, ohm.
fn segment_ohm(width_nm: f64) -> Result<f64, LabError> {
    let width_m = width_nm * 1e-9;
    CopperLines::of_width(width_m).segment_ohm().map_err(|e| LabError::Setting(e.to_string()))
}

fn failed(error: WireError) -> LabError {
    match error {
        WireError::Cancelled => LabError::Cancelled(neurohm_num::Cancelled),
        other => LabError::Setting(other.to_string()),
    }
}

/// Cells of Ohm's law between equal lines.
fn cells(low_s: f64, high_s: f64, segment_ohm: f64) -> ReadArray {
    ReadArray {
        rows: 1,
        columns: 1,
        low_s,
        high_s,
        law: CellLaw::passive(Conduction::Linear),
        word_ohm: segment_ohm,
        bit_ohm: segment_ohm,
        driver_ohm: 0.0,
        sense_ohm: 0.0,
    }
}

/// The largest size at which the farthest cell can be read.
fn readable(
    of: &ReadArray,
    scheme: Scheme,
    volts: f64,
    groups: usize,
    setting: &Setting,
) -> Result<Ceiling, LabError> {
    let fine = if of.is_linear() { 0.0 } else { 0.01 };
    let top = ceiling(1, MOST, fine, |n| {
        let array = ReadArray { rows: n, columns: n, ..*of };
        Ok(array.read(scheme, volts, Background::Low, groups, setting.watch)?.worst() >= LIMIT)
    });
    top.map_err(failed)
}

/// The largest size whose products lose a tenth at most.
fn multiplies(of: &ReadArray, setting: &Setting) -> Result<usize, LabError> {
    let top = ceiling(1, MOST, 0.0, |n| {
        let array = ReadArray { rows: n, columns: n, ..*of };
        Ok(array.product_loss(READ_V, of.low_s, 1, setting.watch)? <= LIMIT)
    });
    top.map(Ceiling::size).map_err(failed)
}

/// A device and a width for which something is largest.
struct Best(usize, String);

impl Best {
    fn take(&mut self, size: usize, device: &str, width_nm: f64) {
        if size > self.0 {
            *self = Best(size, format!("{device} with lines of {width_nm} nm"));
        }
    }
}

fn run(setting: &Setting) -> Result<Evidence, LabError> {
    let mut evidence = Evidence::default();
    let [mut held, mut product, mut sneak] = [(); 3].map(|()| Best(0, String::new()));
    setting.watch.begin("arrays", Some(DEVICES.len() as u64));
    let mut least = usize::MAX;
    for name in DEVICES {
        let device = preset(name)?;
        let cell = device.statistics()?;
        for width in WIDTHS_NM {
            let array = cells(cell.g_max_s, cell.g_min_s, segment_ohm(width)?);
            let size = readable(&array, Scheme::Row, READ_V, 1, setting)?.size();
            least = least.min(size);
            held.take(size, name, width);
            product.take(multiplies(&array, setting)?, name, width);
            for scheme in [Scheme::Floating, Scheme::Half, Scheme::Third] {
                sneak.take(readable(&array, scheme, READ_V, 1, setting)?.size(), name, width);
            }
        }
        setting.watch.step(1).map_err(LabError::Cancelled)?;
    }
    evidence.put("ceiling", held.0 as f64, None);
    evidence.put("ceiling_product", product.0 as f64, None);
    evidence.put("ceiling_sneak", sneak.0 as f64, None);

    let (low, high) = (1e-6, 1e-8);
    let access = Access::Threshold { threshold_v: 0.8, hold_a: 1e-9, off_s: 1e-10, on_s: 1e-3 };
    let law = CellLaw { access, ..CellLaw::passive(Conduction::Linear) };
    let chosen = ReadArray { law, ..cells(low, high, segment_ohm(32.0)?) };
    let groups = if setting.effort == Effort::Full { 32 } else { 12 };
    let switched = readable(&chosen, Scheme::Half, 1.2, groups, setting)?;
    evidence.put("ceiling_selector", switched.size() as f64, None);

    evidence.series.push(figure(setting)?);
    evidence.info(format!(
        "Largest of {} devices and {} widths of lines: {}, read with other lines held, {} cells on a side (the smallest of all \
         {least}); {} in a product, {}; {} past sneak paths, {}. Arrays and circuits without spread: no chance in it, and no \
         interval.",
        DEVICES.len(),
        WIDTHS_NM.len(),
        held.1,
        held.0,
        product.1,
        product.0,
        sneak.1,
        sneak.0
    ));
    let wires = segment_ohm(32.0)?;
    let (read_ohm, product_ohm) =
        (reaches(wires, readable_at, setting)?, reaches(wires, multiplies_at, setting)?);
    evidence.info(format!(
        "The ceiling is no constant: it goes with the root of the cells' resistance over that of a segment. Between lines of 32 \
         nm ({wires:.2} ohm a segment) it stands at {CLAIMED} for reading where cells have {:.2} Mohm at low resistance, and for \
         products where they have {:.0} Mohm. Lines held at both ends make an array as good as one of half the size in a \
         product.",
        read_ohm * 1e-6,
        product_ohm * 1e-6
    ));
    let up_to = match switched {
        Ceiling::Above(size) => format!("{size} cells on a side and more (nothing larger was tried)"),
        other => format!("{} cells on a side", other.size()),
    };
    evidence.info(format!(
        "Cells of 1 Mohm and 100 Mohm with threshold selectors (0.8 V, 100 pS off, 1 mS on: assumed) can be read up to \
         {up_to}, half selected at 1.2 V between lines of 32 nm: past selectors that leak so little, the review's ceiling \
         does not hold for reading."
    ));
    evidence.caution(
        "Reading is asked of the farthest cell, and all lines are held at one end by drivers and sense amplifiers without \
         resistance; noise, spread between cells and the accuracy of a sense amplifier, which take more, are left out. So is \
         programming.",
    );
    Ok(evidence)
}

/// Whether cells of so many ohm can be read at the size that the review gives.
fn readable_at(of: &ReadArray, setting: &Setting) -> Result<bool, LabError> {
    let found = of.read(Scheme::Row, READ_V, Background::Low, 1, setting.watch).map_err(failed)?;
    Ok(found.worst() >= LIMIT)
}

/// Whether products of that size lose little enough.
fn multiplies_at(of: &ReadArray, setting: &Setting) -> Result<bool, LabError> {
    Ok(of.product_loss(READ_V, of.low_s, 1, setting.watch).map_err(failed)? <= LIMIT)
}

/// Low resistance of cells, ohm, from which on an array of the size that the review gives works; a hundredth of that conductance
/// is their high resistance.
fn reaches(
    segment_ohm: f64,
    works: fn(&ReadArray, &Setting) -> Result<bool, LabError>,
    setting: &Setting,
) -> Result<f64, LabError> {
    let (mut bad, mut good) = (1e3_f64, 1e10_f64);
    while good / bad > 1.001 {
        let ohm = (bad * good).sqrt();
        let array =
            ReadArray { rows: CLAIMED, columns: CLAIMED, ..cells(1.0 / ohm, 0.01 / ohm, segment_ohm) };
        *(if works(&array, setting)? { &mut good } else { &mut bad }) = ohm;
    }
    Ok(good)
}

/// Ceilings against the resistance of cells.
fn figure(setting: &Setting) -> Result<Series, LabError> {
    let ohms: Vec<f64> = (8..=14).map(|half| libm::pow(10.0, f64::from(half) / 2.0)).collect();
    let mut lines = Vec::new();
    for width in [105.0, 32.0, 12.0] {
        let segment = segment_ohm(width)?;
        let at = |ohm: &f64| cells(1.0 / ohm, 0.01 / ohm, segment);
        let read =
            ohms.iter().map(|ohm| Ok(readable(&at(ohm), Scheme::Row, READ_V, 1, setting)?.size() as f64));
        lines.push(Line::new(
            format!("read, {width} nm"),
            ohms.clone(),
            read.collect::<Result<Vec<_>, LabError>>()?,
        ));
        let product = ohms.iter().map(|ohm| Ok(multiplies(&at(ohm), setting)? as f64));
        lines.push(Line::new(
            format!("product, {width} nm"),
            ohms.clone(),
            product.collect::<Result<Vec<_>, LabError>>()?,
        ));
    }
    let claimed = vec![CLAIMED as f64; ohms.len()];
    lines.push(Line::new("the review's 2048", ohms, claimed).dashed());
    Ok(Series {
        name: "ceiling".into(),
        caption: "Largest array that can be read past grounded lines, and whose products lose a tenth at most, by the width of \
                  its lines. High resistance is a hundred times the low one."
            .into(),
        x: Axis::logarithmic("low resistance of a cell", "Ω"),
        y: Axis::logarithmic("cells on a side", "1"),
        lines,
    })
}
