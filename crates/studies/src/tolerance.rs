//! How strong a non-ideality a network bears: it is programmed onto chips that have ever more of it.

use neurohm_array::{ChipSpec, Tally};
use neurohm_nn::Tensor;
use neurohm_num::quantity::{self, Dimension};
use neurohm_study::record::Bound;
use neurohm_study::{Run, StudyError};

use crate::material::{Material, judge, nn, right};

/// How a network does.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    /// Decisions that are right, %; where there are no labels, those that are the digital run's.
    pub accuracy: f64,
    /// Which of them are, sample by sample.
    pub right: Vec<bool>,
    /// `||y - y0|| / ||y0||` of all outputs against the digital run.
    pub error: f64,
    /// What the chip did.
    pub tally: Tally,
    /// Products of matrices that stand for one of cells that do not obey Ohm's law, and what they miss at most.
    pub expansion: Option<(usize, f64)>,
}

impl Judged {
    /// What such outputs come to, without what a chip did for them.
    pub(crate) fn of(material: &Material, outputs: &Tensor, at: f64) -> Result<Judged, StudyError> {
        let right = right(material, outputs).ok_or_else(|| {
            StudyError::Invalid("the model decides nothing (it has one output): nothing can be lost".into())
        })?;
        let (tally, expansion) = (Tally::default(), None);
        let error = judge(material, outputs, at).error;
        Ok(Judged { accuracy: accuracy(&right), right, error, tally, expansion })
    }
}

/// Programs the network onto a chip, reads it `at` seconds later and runs the test samples.
pub(crate) fn judged(
    at: f64,
    shared: &Material,
    chip: &ChipSpec,
    run: &Run<'_>,
) -> Result<Judged, StudyError> {
    let key = run.key.child("network", 0);
    let mut network = shared.program(chip, key, run)?;
    // Calibration reads right after programming; another read solves every crossbar anew.
    if at > 0.0 || !chip.needs_calibration() {
        network.advance(at).map_err(nn)?;
        network.read().map_err(nn)?;
    }
    let outputs = shared.outputs(&network, run)?;
    let matrices = network.layers().iter().flat_map(|layer| layer.matrices());
    let expansion =
        matrices.filter_map(|matrix| matrix.expansion()).reduce(|a, b| (a.0.max(b.0), a.1.max(b.1)));
    Ok(Judged { tally: network.tally(), expansion, ..Judged::of(shared, &outputs, at)? })
}

fn accuracy(right: &[bool]) -> f64 {
    100.0 * right.iter().filter(|right| **right).count() as f64 / right.len().max(1) as f64
}

/// How strong a non-ideality a network bears.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tolerated {
    /// The strength at which the loss is reached.
    pub strength: f64,
    /// What is open of it: it lies between two strengths that were asked for, and the loss is that of so many samples (95 %).
    pub ends: [f64; 2],
    /// Whether it lies beyond the upper (true) or lower (false) end of what was asked for.
    pub beyond: Option<bool>,
}

impl Tolerated {
    /// The strength as a bound, where it is one.
    pub fn bound(&self) -> Option<Bound> {
        self.beyond.map(|more| if more { Bound::More } else { Bound::Less })
    }
}

/// The strength at which `loss` points are lost, linear in its logarithm between those asked for. `row` begins with the
/// network without any.
pub(crate) fn tolerated(strengths: &[f64], row: &[Judged], loss: f64) -> Tolerated {
    let lost: Vec<f64> = row[1..].iter().map(|a| row[0].accuracy - a.accuracy).collect();
    let (strength, beyond) = reached(strengths, &lost, loss);
    let open: Vec<[f64; 2]> = row[1..].iter().map(|a| lost95(&row[0].right, &a.right)).collect();
    let end = |i: usize| reached(strengths, &open.iter().map(|ends| ends[i]).collect::<Vec<_>>(), loss).0;
    // Where the most may be lost that the samples allow, the least strength is borne.
    let (mut low, mut high) = (end(1).min(strength), end(0).max(strength));
    if let (None, Some(i)) = (beyond, lost.iter().position(|l| *l > loss)) {
        (low, high) = (low.min(strengths[i - 1]), high.max(strengths[i]));
    }
    Tolerated { strength, ends: [low, high], beyond }
}

fn reached(strengths: &[f64], lost: &[f64], loss: f64) -> (f64, Option<bool>) {
    match lost.iter().position(|l| *l > loss) {
        None => (strengths[strengths.len() - 1], Some(true)),
        Some(0) => (strengths[0], Some(false)),
        Some(i) => {
            let part = (loss - lost[i - 1]) / (lost[i] - lost[i - 1]);
            (strengths[i - 1] * (strengths[i] / strengths[i - 1]).powf(part), None)
        }
    }
}

/// 95 % interval of the points of accuracy that samples like these lose. The same samples are run before and after, so that
/// only those count whose decision became wrong or right: matched proportions with half a sample added to each of the four
/// counts (Agresti and Min 2005).
fn lost95(before: &[bool], after: &[bool]) -> [f64; 2] {
    const Z: f64 = 1.959_963_984_540_054;
    let count = |was: bool| before.iter().zip(after).filter(|(b, a)| **b == was && **a != was).count() as f64;
    let (wrong, right, n) = (count(true), count(false), before.len() as f64 + 2.0);
    let mean = (wrong - right) / n;
    let half = Z * ((wrong + right + 1.0) / n - mean * mean).max(0.0).sqrt() / n.sqrt();
    [100.0 * (mean - half), 100.0 * (mean + half)]
}

/// When and on how many samples it was asked, in words.
pub(crate) fn question(at: f64, shared: &Material) -> String {
    format!(
        "read {} after programming, {} samples",
        quantity::format(at, Dimension::Second),
        shared.samples()
    )
}

/// What intervals of strengths hold, in words.
pub(crate) const INTERVALS: &str = "Intervals of what is borne hold the strengths asked for next to it and what so many \
    samples leave open of the loss, beside what chips differ by.";

/// A loss in words.
pub(crate) fn points(loss: f64) -> String {
    if loss == 1.0 { "one point".to_string() } else { format!("{loss} points") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a thousand samples that many per mille right, those that were first.
    fn row(all: &[usize]) -> Vec<Judged> {
        all.iter()
            .map(|count| {
                let right: Vec<bool> = (0..1000).map(|i| i < *count).collect();
                let accuracy = accuracy(&right);
                Judged { accuracy, right, error: 0.0, tally: Tally::default(), expansion: None }
            })
            .collect()
    }

    #[test]
    fn the_loss_is_found_between_two_resistances() {
        // Lost: 0, 0.5, 2.5; one point a quarter of the way from 10 to 100 ohm in its logarithm.
        let found = tolerated(&[1.0, 10.0, 100.0], &row(&[980, 980, 975, 955]), 1.0);
        assert!((found.strength / 10f64.powf(1.25) - 1.0).abs() < 1e-9 && found.beyond.is_none());
        let more = tolerated(&[1.0, 10.0], &row(&[980, 980, 975]), 1.0);
        assert_eq!((more.strength, more.beyond), (10.0, Some(true)));
        let less = tolerated(&[1.0, 10.0], &row(&[980, 900, 979]), 1.0);
        assert_eq!((less.strength, less.beyond), (1.0, Some(false)));
    }

    #[test]
    fn the_interval_spans_the_resistances_asked_and_what_the_samples_leave_open() {
        // All is lost between 10 and 100 ohm, whatever samples are drawn: where in between is not known.
        let found = tolerated(&[1.0, 10.0, 100.0, 1e3], &row(&[980, 980, 980, 300, 0]), 1.0);
        assert_eq!(found.ends, [10.0, 100.0]);
        // Steps of one point around the loss: samples leave open more than the neighbours.
        let found =
            tolerated(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0], &row(&[980, 980, 980, 974, 965, 950, 900]), 1.0);
        assert!(found.ends[0] < 4.0 && found.ends[1] > 8.0 && found.ends[1] < 32.0, "{found:?}");
        // None lost of too few to tell.
        let few = |n: usize, r: &[Judged]| -> Vec<Judged> {
            r.iter().map(|j| Judged { right: j.right[1000 - n..].to_vec(), ..j.clone() }).collect()
        };
        let found = tolerated(&[1.0, 10.0], &few(100, &row(&[1000, 1000, 1000])), 1.0);
        assert_eq!((found.strength, found.beyond), (10.0, Some(true)));
        assert!(found.ends == [1.0, 10.0], "{found:?}");
    }

    /// Draws of samples of which each has a chance to be lost, to be won or to stay: 95 % of the intervals hold the loss.
    #[test]
    fn as_many_intervals_of_the_loss_hold_it_as_should() {
        let key = neurohm_num::Key::root(4);
        for (n, wrong, right) in [(200usize, 0.015f64, 0.005f64), (500, 0.05, 0.03), (200, 0.08, 0.0)] {
            let mut held = 0;
            for draw in 0..2000u64 {
                let mut uniform = vec![0.0f32; n];
                key.child("draw", draw)
                    .stream(neurohm_num::Purpose::Data, n as u64)
                    .fill_uniform(0, &mut uniform);
                let became_right = |u: &f32| f64::from(*u) > 1.0 - right;
                let before: Vec<bool> = uniform.iter().map(|u| !became_right(u)).collect();
                let after: Vec<bool> = uniform.iter().map(|u| f64::from(*u) >= wrong).collect();
                let [low, high] = lost95(&before, &after);
                let truth = 100.0 * (wrong - right);
                held += usize::from(low <= truth && truth <= high);
            }
            assert!((1860..=1985).contains(&held), "{held} of 2000: {n} {wrong} {right}");
        }
    }
}
