//! Converter ranges from data: what a percentage of typical inputs and of the currents they make stay
//! within.

use neurohm_num::Rows;

use crate::converter::{Adc, InputRange, OutputRange, UniformAdc};
use crate::mapping::percentile;
use crate::pass::{Batch, Pass, Scratch};
use crate::product::{Crossbars, Ranges};
use crate::{ArrayError, ChipSpec};

/// About how many values decide one range.
const VALUES: usize = 1 << 18;

/// The ranges that `chip` asks for, from inputs `x`; what it fixes stays. Many samples are thinned out
/// evenly.
pub(crate) fn ranges(bars: &Crossbars, chip: &ChipSpec, x: Rows) -> Result<Ranges, ArrayError> {
    let (into, out) = bars.strips();
    let widest = into.iter().chain(out).map(|strip| strip.len()).max().unwrap_or(1).max(1);
    let wanted = (VALUES / widest).clamp(64, 4096).min(x.rows());
    let picked: Vec<f32> = (0..wanted).flat_map(|i| x.row(i * x.rows() / wanted)).copied().collect();
    let x = Rows::new(&picked, wanted, x.cols())?;
    crate::error::finite("calibration input", x)?;

    let tiles = into.len() * out.len();
    let mut ranges = Ranges { input: None, output: Ranges::fixed_output(chip, tiles) };
    match chip.dac.range() {
        Some(InputRange::Fixed { bound }) => ranges.input = Some(vec![*bound as f32; tiles]),
        Some(InputRange::Calibrated { percentile }) => ranges.input = Some(inputs(bars, x, *percentile)),
        _ => {}
    }
    if let Adc::Uniform(UniformAdc { range: OutputRange::Calibrated { percentile }, .. }) = chip.adc {
        ranges.output = Some(currents(bars, &ranges, x, percentile)?);
    }
    Ok(ranges)
}

/// Percentile of the input magnitudes of every crossbar.
fn inputs(bars: &Crossbars, x: Rows, p: f64) -> Vec<f32> {
    let (into, out) = bars.strips();
    let mut found = vec![1.0; into.len() * out.len()];
    for (b, span) in into.iter().enumerate() {
        for o in 0..out.len() {
            // Where a factor stands in front of each input, the converter sees their product.
            let own = bars.transposed && !bars.gain_per_tile;
            let gain = |i: usize| if own { bars.gains.row(o)[i] } else { 1.0 };
            let mut magnitudes = Vec::with_capacity(x.rows() * span.len());
            for r in 0..x.rows() {
                magnitudes.extend(span.clone().map(|i| (x.row(r)[i] * gain(i)).abs()));
            }
            found[bars.tile(b, o)] = usable(percentile(&mut magnitudes, p));
        }
    }
    found
}

/// Percentile of the current magnitudes of every crossbar.
pub(crate) fn currents(bars: &Crossbars, inputs: &Ranges, x: Rows, p: f64) -> Result<Vec<f32>, ArrayError> {
    let (into, out) = bars.strips();
    let bars = Crossbars { ranges: inputs, ..*bars };
    let mut scratch = Scratch::default();
    let mut found = vec![1.0; into.len() * out.len()];
    for (b, span) in into.iter().enumerate() {
        let x = x.columns(span.start, span.len());
        let batch = Batch { x, place: 0, first_sample: 0, samples: None };
        for o in 0..out.len() {
            let pass = Pass { bars: &bars, b, outs: o..o + 1, attempt: 0 };
            let mut magnitudes: Vec<f32> = Vec::new();
            pass.currents(batch, &mut scratch, |all| magnitudes.extend(all.iter().map(|v| v.abs())))?;
            found[bars.tile(b, o)] = usable(percentile(&mut magnitudes, p));
        }
    }
    Ok(found)
}

/// A range of zero would divide by it; a crossbar that saw no signal takes any.
fn usable(range: f32) -> f32 {
    if range > 0.0 { range } else { 1.0 }
}
