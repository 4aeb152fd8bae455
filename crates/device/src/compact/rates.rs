//! A model's differential equations by themselves, for integrators other than ours.

use neurohm_num::Key;

use super::{At, CompactModel, ModelError};

/// What `rates` does: states, voltage (V), ambient temperature (K), rates to fill; the current (A).
type Evaluate = dyn Fn(&[f64], f64, f64, &mut [f64]) -> Result<f64, ModelError> + Send + Sync;

/// The equations of one unused cell: its states' rates of change and its current where it stands.
pub struct Rates {
    /// States of the unused cell.
    pub initial: Vec<f64>,
    /// Smallest value of each state.
    pub low: Vec<f64>,
    /// Largest value of each state.
    pub high: Vec<f64>,
    /// Typical size of each state.
    pub scale: Vec<f64>,
    /// Whether it does without jumps and noise at its first states, so that its rates are all there is.
    pub deterministic: bool,
    evaluate: Box<Evaluate>,
}

impl Rates {
    /// Of the first cell that grows from `key`, as [`Bank::new`](super::Bank::new) draws it.
    pub(super) fn new<M: CompactModel>(model: M, key: Key) -> Rates {
        let cell = model.draw(key.child("cell", 0), 0);
        let filled = |fill: &dyn Fn(&mut [f64])| {
            let mut x = vec![0.0; M::N];
            fill(&mut x);
            x
        };
        let initial = filled(&|x| model.initial(&cell, x));
        let (mut low, mut high) = (vec![0.0; M::N], vec![0.0; M::N]);
        model.bounds(&cell, &mut low, &mut high);
        let scale = filled(&|x| model.scale(&cell, x));
        let noisy = model.noise(&cell, &initial, 0.0, 0.0, 300.0, &mut vec![0.0; M::N]);
        let deterministic = !model.random() && !noisy;
        let evaluate = Box::new(move |x: &[f64], v: f64, t_k: f64, dx: &mut [f64]| {
            let at = model.eval(&cell, At { x, v, t_k }, &mut 0.0)?;
            dx.copy_from_slice(&at.dx[..M::N]);
            Ok(at.i_a)
        });
        Rates { initial, low, high, scale, deterministic, evaluate }
    }

    /// The rates of change of the states `x` (their unit per second, into `dx`) under `v` (V) at the ambient temperature
    /// `t_k` (K), and the current (A). `x` and `dx` are as long as [`initial`](Self::initial).
    ///
    /// # Errors
    /// An implicit equation without a solution.
    pub fn at(&self, x: &[f64], v: f64, t_k: f64, dx: &mut [f64]) -> Result<f64, ModelError> {
        (self.evaluate)(x, v, t_k, dx)
    }
}
