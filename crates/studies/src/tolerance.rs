//! How strong a non-ideality a network bears: it is programmed onto chips that have ever more of it.

use neurohm_array::{ChipSpec, Tally};
use neurohm_nn::AnalogNetwork;
use neurohm_nn::exec::Executor;
use neurohm_study::{Run, StudyError};

use crate::inference::{Shared, judge, nn};

/// How a network does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judged {
    /// Decisions that are right, %; where there are no labels, those that are the digital run's.
    pub accuracy: f64,
    /// `||y - y0|| / ||y0||` of all outputs against the digital run.
    pub error: f64,
    /// What the chip did.
    pub tally: Tally,
    /// Products of matrices that stand for one of cells that do not obey Ohm's law, and what they miss at most.
    pub expansion: Option<(usize, f64)>,
}

/// Programs the network onto a chip, reads it `at` seconds later and runs the test samples.
pub(crate) fn judged(at: f64, shared: &Shared, chip: &ChipSpec, run: &Run<'_>) -> Result<Judged, StudyError> {
    let key = run.key.child("network", 0);
    let executor = Executor::new(shared.graph()).map_err(nn)?;
    let mut network = AnalogNetwork::program(shared.graph(), chip, key, &run.silent()).map_err(nn)?;
    if chip.needs_calibration() {
        let shown = std::slice::from_ref(shared.calibration());
        network.calibrate(shared.graph(), shown).map_err(nn)?;
    }
    // Calibration reads right after programming; another read solves every crossbar anew.
    if at > 0.0 || !chip.needs_calibration() {
        network.advance(at).map_err(nn)?;
        network.read().map_err(nn)?;
    }
    let inputs = std::slice::from_ref(shared.inputs());
    let outputs = executor.run(inputs, &network, 0, run.watch()).map_err(nn)?.swap_remove(0);
    let point = judge(shared, &outputs, at);
    let accuracy = point.accuracy.or(point.agreement).ok_or_else(|| {
        StudyError::Invalid("the model decides nothing (it has one output): nothing can be lost".into())
    })?;
    let matrices = network.layers().iter().flat_map(|layer| layer.matrices());
    let expansion =
        matrices.filter_map(|matrix| matrix.expansion()).reduce(|a, b| (a.0.max(b.0), a.1.max(b.1)));
    Ok(Judged { accuracy, error: point.error, tally: network.tally(), expansion })
}

/// The strength at which `loss` points are lost, linear in its logarithm between those asked for, and whether it lies
/// beyond their upper (true) or lower (false) end. `row` begins with the accuracy without any.
pub(crate) fn tolerated(strengths: &[f64], row: &[Judged], loss: f64) -> (f64, Option<bool>) {
    let lost: Vec<f64> = row[1..].iter().map(|a| row[0].accuracy - a.accuracy).collect();
    match lost.iter().position(|l| *l > loss) {
        None => (strengths[strengths.len() - 1], Some(true)),
        Some(0) => (strengths[0], Some(false)),
        Some(i) => {
            let part = (loss - lost[i - 1]) / (lost[i] - lost[i - 1]);
            (strengths[i - 1] * (strengths[i] / strengths[i - 1]).powf(part), None)
        }
    }
}

/// A loss in words.
pub(crate) fn points(loss: f64) -> String {
    if loss == 1.0 { "one point".to_string() } else { format!("{loss} points") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_is_found_between_two_resistances() {
        let row = |all: &[f64]| -> Vec<Judged> {
            all.iter()
                .map(|a| Judged { accuracy: *a, error: 0.0, tally: Tally::default(), expansion: None })
                .collect()
        };
        // Lost: 0, 0.5, 2.5; one point a quarter of the way from 10 to 100 ohm in its logarithm.
        let (ohm, beyond) = tolerated(&[1.0, 10.0, 100.0], &row(&[98.0, 98.0, 97.5, 95.5]), 1.0);
        assert!((ohm / 10f64.powf(1.25) - 1.0).abs() < 1e-12 && beyond.is_none());
        assert_eq!(tolerated(&[1.0, 10.0], &row(&[98.0, 98.0, 97.5]), 1.0), (10.0, Some(true)));
        assert_eq!(tolerated(&[1.0, 10.0], &row(&[98.0, 90.0, 97.9]), 1.0), (1.0, Some(false)));
    }
}
