//! A model's differential equations by themselves, for integrators other than ours.

use neurohm_num::Key;

use super::{At, CompactModel, MAX_CHANNELS, MAX_STATES, ModelError};

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
        let deterministic = model.chance().is_none() && !noisy;
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

/// Temperatures that are compared, K.
const TEMPERATURES_K: [f64; 3] = [300.0, 250.0, 400.0];

/// Where a model is looked at: states and voltages (V).
type Place = ([f64; MAX_STATES], f64);

/// A few states, the unused cell's among them, at a few voltages up to `reach_v` of either sign.
fn places<M: CompactModel>(model: &M, cell: &M::Cell, reach_v: f64) -> Vec<Place> {
    let mut ends = [[0.0; MAX_STATES]; 2];
    let [low, high] = &mut ends;
    model.bounds(cell, &mut low[..M::N], &mut high[..M::N]);
    let mut initial = [0.0; MAX_STATES];
    model.initial(cell, &mut initial[..M::N]);
    // The unused cell, and places between the ends of all states at once.
    let between = |part: f64| {
        let mut x = initial;
        for n in 0..M::N {
            let place = ends[0][n] + part * (ends[1][n] - ends[0][n]);
            x[n] = if place.is_finite() { place } else { initial[n] };
        }
        x
    };
    let states = [initial, between(0.0), between(0.1), between(0.5), between(0.9), between(1.0)];
    let mut voltages = vec![0.0];
    voltages.extend([0.03, 0.3, 1.0].into_iter().flat_map(|part| [part * reach_v, -part * reach_v]));
    states.into_iter().flat_map(|x| voltages.iter().map(move |v| (x, *v))).collect()
}

/// Current, rates, hazards and noise there, to the bit, and whether there is noise; nothing where there is no answer.
fn look<M: CompactModel>(model: &M, cell: &M::Cell, place: &Place, t_k: f64) -> Option<(Vec<u64>, bool)> {
    let (x, v) = (&place.0[..M::N], place.1);
    let r = model.eval(cell, At { x, v, t_k }, &mut 0.0).ok()?;
    let mut noise = [0.0; MAX_STATES];
    let noisy = model.noise(cell, x, v, r.i_a, t_k, &mut noise[..M::N]);
    let all = [r.i_a].into_iter().chain(r.dx[..M::N].iter().copied());
    let all = all.chain(r.hazard[..M::H.min(MAX_CHANNELS)].iter().copied()).chain(noise);
    Some((all.map(f64::to_bits).collect(), noisy))
}

/// Whether current, rates, hazards or noise of a model are others at another temperature, in any of a few states and
/// at any of a few voltages up to `reach_v`. Compared to the bit: a model that knows a temperature computes with it.
pub(super) fn follows_temperature<M: CompactModel>(model: &M, reach_v: f64) -> bool {
    let cell = model.draw(Key::root(0).child("cell", 0), 0);
    places(model, &cell, reach_v).iter().any(|place| {
        let at = TEMPERATURES_K.map(|t_k| look(model, &cell, place, t_k));
        at[1..].iter().any(|other| *other != at[0])
    })
}

/// Whether chance decides anything: jumps, parameters drawn anew, noise, or cells that are not drawn alike.
pub(super) fn holds_chance<M: CompactModel>(model: &M, reach_v: f64) -> bool {
    let drawn = [0, 1].map(|id| model.draw(Key::root(0).child("cell", id), id));
    model.chance().is_some()
        || places(model, &drawn[0], reach_v).iter().any(|place| {
            let [first, second] = [0, 1].map(|id| look(model, &drawn[id], place, TEMPERATURES_K[0]));
            first != second || first.is_some_and(|(_, noisy)| noisy)
        })
}
