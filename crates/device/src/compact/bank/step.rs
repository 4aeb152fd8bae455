//! One step of one cell, for every number of states.

use super::super::{At, CompactModel, MAX_CHANNELS, MAX_STATES, ModelError, Response};

/// The inner stage of TR-BDF2 lies at this part of the step, 2 - sqrt(2); both stages then share their matrix.
pub const INNER: f64 = 0.585_786_437_626_905;
const GAMMA: f64 = INNER;
/// Weight of a stage's own rate, gamma / 2.
const D: f64 = GAMMA / 2.0;
/// Most Newton iterations.
const ITERATIONS: usize = 25;
/// Length of the differences that derivatives are taken over, relative to the state's scale.
const DIFFERENCE: f64 = 1e-7;
/// Newton's last change, relative to the state's scale.
const SETTLED: f64 = 1e-11;
/// Most iterations with one Jacobian, and the last change that will do, relative to the step's tolerance: what is left
/// then is a thousandth of the error that the step may make.
const QUICK_ITERATIONS: usize = 4;
const QUICK_SETTLED: f64 = 1e-2;
/// Tolerance of an integrated hazard: of a jump's probability.
const HAZARD_TOLERANCE: f64 = 1e-3;

type Vector<const N: usize> = [f64; N];
type Matrix<const N: usize> = [[f64; N]; N];

/// A solved step that nobody has accepted yet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trial {
    pub x: [f64; MAX_STATES],
    pub w: [f64; MAX_STATES],
    /// Voltage at the step's end, V.
    pub v: f64,
    /// What the cell does at the step's end, at constant states.
    pub end: Response,
    /// How the current there follows the voltage, states included, S.
    pub g: f64,
    pub guess: f64,
    pub error: f64,
    pub hazards: [Hazard; MAX_CHANNELS],
    pub inner: Option<Inner>,
}

/// Where a step's inner stage lies.
#[derive(Clone, Copy, Debug)]
pub struct Inner {
    pub x: [f64; MAX_STATES],
    pub i: f64,
}

/// The hazard of one channel over a step.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hazard {
    /// At the step's begin, at its inner stage, at its end, 1/s.
    nodes: [f64; 3],
    /// Integral over the step, by the parabola through the nodes.
    pub integral: f64,
}

impl Hazard {
    fn new(nodes: [f64; 3], dt_s: f64) -> Hazard {
        // The weights of TR-BDF2's third-order companion; all are positive.
        let end = (1.0 / 3.0 - GAMMA / 2.0) / (1.0 - GAMMA);
        let inner = 1.0 / (6.0 * GAMMA * (1.0 - GAMMA));
        let begin = 1.0 - end - inner;
        let integral = dt_s * (begin * nodes[0] + inner * nodes[1] + end * nodes[2]);
        Hazard { nodes, integral }
    }

    /// The same by straight lines between the nodes.
    fn straight(&self, dt_s: f64) -> f64 {
        let [a, b, c] = self.nodes;
        dt_s * (GAMMA * (a + b) + (1.0 - GAMMA) * (b + c)) / 2.0
    }

    fn error(&self, dt_s: f64) -> f64 {
        (self.integral - self.straight(dt_s)).abs() / (HAZARD_TOLERANCE * (1.0 + self.integral))
    }

    /// When the integral reaches `left`, if it does within the step.
    pub fn crossing(&self, left: f64, dt_s: f64) -> Option<f64> {
        if self.integral < left || self.integral <= 0.0 {
            return None;
        }
        // Along the straight lines, scaled to the better integral.
        let target = (left / self.integral * self.straight(dt_s)).max(0.0);
        let [a, b, c] = self.nodes;
        let first = dt_s * GAMMA * (a + b) / 2.0;
        let (start, from, to, width, rest) = if target <= first {
            (0.0, a, b, dt_s * GAMMA, target)
        } else {
            (dt_s * GAMMA, b, c, dt_s * (1.0 - GAMMA), target - first)
        };
        // from s + (to - from) s^2 / (2 width) = rest, in the form that survives equal ends.
        let slope = (to - from) / width;
        let root = (from * from + 2.0 * slope * rest).max(0.0).sqrt();
        let s = if from + root > 0.0 { 2.0 * rest / (from + root) } else { width };
        Some((start + s.min(width)).min(dt_s))
    }

    /// Whether the integral reaches `left` by the step's end, or so close to it that the rest is no step.
    pub fn reaches(&self, left: f64, dt_s: f64) -> bool {
        self.integral > 0.0 && left - self.integral <= 1e-6 * dt_s * self.nodes[2]
    }
}

/// A cell as a step sees it. Behind an object, so that the steps below are compiled for every number of states and not for every model; beside
/// a model's exponentials the call costs nothing.
trait Model {
    fn eval(&self, at: At, guess: &mut f64) -> Result<Response, ModelError>;
    fn noise(&self, x: &[f64], v: f64, i_a: f64, t_k: f64, strength: &mut [f64]) -> bool;
}

/// A model with one of its cells.
pub struct Pair<'a, M: CompactModel>(pub &'a M, pub &'a M::Cell);

impl<M: CompactModel> Model for Pair<'_, M> {
    fn eval(&self, at: At, guess: &mut f64) -> Result<Response, ModelError> {
        self.0.eval(self.1, at, guess)
    }

    fn noise(&self, x: &[f64], v: f64, i_a: f64, t_k: f64, strength: &mut [f64]) -> bool {
        self.0.noise(self.1, x, v, i_a, t_k, strength)
    }
}

/// The voltage over a step, V.
#[derive(Clone, Copy, Debug)]
pub struct Voltage {
    begin: f64,
    inner: f64,
    end: f64,
}

impl Voltage {
    /// From `begin` to `end`, by way of `inner` at [`INNER`] of the step or along a straight line.
    pub fn new(begin: f64, inner: Option<f64>, end: f64) -> Voltage {
        Voltage { begin, inner: inner.unwrap_or(begin + INNER * (end - begin)), end }
    }
}

/// A step that somebody wants solved.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// States at its begin.
    pub x: &'a [f64],
    pub v: Voltage,
    /// What the cell does at its begin, if that is known.
    pub begin: Option<&'a Response>,
    /// Ambient temperature, K.
    pub t_k: f64,
    pub dt_s: f64,
    pub guess: f64,
    /// Of the states, relative to their scale.
    pub tolerance: f64,
    /// Whether the trial's `g` is to hold the states' part; without that it is that of constant states.
    pub slope: bool,
    /// The cell's noise at the step's begin, and that of a state at its end.
    pub w: &'a [f64; MAX_STATES],
    pub to_w: &'a dyn Fn(usize) -> f64,
}

/// A cell with what bounds it, for the code that steps `N` states.
struct Step<'a, const N: usize> {
    cell: &'a dyn Model,
    /// Number of jump channels.
    h: usize,
    t_k: f64,
    low: Vector<N>,
    high: Vector<N>,
    scale: Vector<N>,
}

/// A solved stage: where, what, and how it follows the voltage.
struct Stage<const N: usize> {
    x: Vector<N>,
    at: Response,
    held: [bool; N],
    /// I - D h J, rows of held states replaced by the identity's.
    matrix: Matrix<N>,
}

impl<'a, const N: usize> Step<'a, N> {
    fn new<M: CompactModel>(pair: &'a Pair<'a, M>, t_k: f64) -> Self {
        let (mut low, mut high, mut scale) = ([0.0; N], [0.0; N], [1.0; N]);
        let states = M::N.min(N);
        pair.0.bounds(pair.1, &mut low[..states], &mut high[..states]);
        pair.0.scale(pair.1, &mut scale[..states]);
        Step { cell: pair, h: M::H, t_k, low, high, scale }
    }

    fn eval(&self, x: &Vector<N>, v: f64, guess: &mut f64) -> Result<Response, ModelError> {
        let p = self.cell.eval(At { x, v, t_k: self.t_k }, guess)?;
        let finite = |what: &'static str, value: f64| {
            if value.is_finite() {
                Ok(())
            } else {
                Err(ModelError::NotFinite { what, value, v, x: x.to_vec() })
            }
        };
        finite("the current", p.i_a)?;
        finite("the current's derivative", p.di_dv_s)?;
        p.dx[..N].iter().try_for_each(|d| finite("a rate", *d))?;
        p.hazard[..self.h].iter().try_for_each(|h| finite("a hazard", *h))?;
        Ok(p)
    }

    /// Whether a state at a bound is pushed outward.
    fn pushed(&self, j: usize, x: f64, rate: f64) -> bool {
        (x <= self.low[j] && rate < 0.0) || (x >= self.high[j] && rate > 0.0)
    }

    /// Derivatives of rates and current by the states, by differences that stay within the bounds.
    fn slopes(
        &self,
        x: &Vector<N>,
        v: f64,
        at: &Response,
        guess: f64,
    ) -> Result<(Matrix<N>, Vector<N>), ModelError> {
        let (mut jacobian, mut di_dx) = ([[0.0; N]; N], [0.0; N]);
        for j in 0..N {
            let mut moved = *x;
            let d = DIFFERENCE * self.scale[j];
            moved[j] += if x[j] + d > self.high[j] { -d } else { d };
            let d = moved[j] - x[j];
            let p = self.eval(&moved, v, &mut guess.clone())?;
            for i in 0..N {
                jacobian[i][j] = (p.dx[i] - at.dx[i]) / d;
            }
            di_dx[j] = (p.i_a - at.i_a) / d;
        }
        Ok((jacobian, di_dx))
    }

    /// The same from the prediction `x` with few evaluations, for whoever asks for states and currents alone: Newton's
    /// iteration with one Jacobian a step, made where it is first needed, and no evaluation after the last change.
    /// Nothing where a bound is near or the iteration slow; the thorough way then decides.
    fn quick(
        &self,
        base: &Vector<N>,
        push: &Vector<N>,
        a: f64,
        v: f64,
        mut x: Vector<N>,
        tolerance: f64,
        slopes: &mut Option<(Matrix<N>, Vector<N>)>,
        guess: &mut f64,
    ) -> Option<Stage<N>> {
        let inside = |x: &Vector<N>| (0..N).all(|j| x[j] > self.low[j] && x[j] < self.high[j]);
        let mut start = *guess;
        let mut last = f64::INFINITY;
        for _ in 0..QUICK_ITERATIONS {
            if !inside(&x) {
                return None;
            }
            let mut at = self.eval(&x, v, &mut start).ok()?;
            let mut rhs = [0.0; N];
            for i in 0..N {
                rhs[i] = base[i] + a * (at.dx[i] + push[i]) - x[i];
            }
            let mut fresh = last.is_finite();
            if slopes.is_none() && rhs.iter().any(|r| *r != 0.0) {
                *slopes = Some(self.slopes(&x, v, &at, start).ok()?);
                fresh = true;
            }
            // Nothing is left to do where none are needed.
            let (jacobian, di_dx) = slopes.unwrap_or(([[0.0; N]; N], [0.0; N]));
            let mut matrix = [[0.0; N]; N];
            for i in 0..N {
                for j in 0..N {
                    matrix[i][j] = f64::from(u8::from(i == j)) - a * jacobian[i][j];
                }
            }
            let d = solve(&matrix, &rhs)?;
            let change = (0..N).map(|i| d[i].abs() / self.scale[i]).fold(0.0, f64::max);
            if change.is_nan() || change >= 0.3 * last {
                return None;
            }
            for i in 0..N {
                x[i] += d[i];
            }
            // With the inner stage's Jacobian, if that is of a runaway, any change is small: the residual has to be so
            // too, or a second change has to say that the iteration converges.
            let residual = (0..N).map(|i| rhs[i].abs() / self.scale[i]).fold(0.0, f64::max);
            if change <= QUICK_SETTLED * tolerance && (fresh || residual <= 4.0 * QUICK_SETTLED * tolerance) {
                if !inside(&x) {
                    return None;
                }
                for i in 0..N {
                    at.i_a += di_dx[i] * d[i];
                    for j in 0..N {
                        at.dx[i] += jacobian[i][j] * d[j];
                    }
                }
                *guess = start;
                return Some(Stage { x, at, held: [false; N], matrix });
            }
            last = change;
        }
        None
    }

    /// Solves x = base + a rate(x, v) within the bounds, from `x`.
    fn stage(
        &self,
        base: &Vector<N>,
        push: &Vector<N>,
        a: f64,
        v: f64,
        mut x: Vector<N>,
        guess: &mut f64,
    ) -> Result<Stage<N>, ModelError> {
        let failed = || ModelError::Step { dt_s: a / D, v, x: base[..N].to_vec() };
        let from = x;
        let mut last = f64::INFINITY;
        for iteration in 0..ITERATIONS {
            let at = self.eval(&x, v, guess)?;
            let mut held = [false; N];
            let (mut matrix, mut rhs) = ([[0.0; N]; N], [0.0; N]);
            for i in 0..N {
                rhs[i] = base[i] + a * (at.dx[i] + push[i]) - x[i];
                held[i] = self.pushed(i, x[i], rhs[i]);
                if held[i] {
                    rhs[i] = 0.0;
                }
            }
            let free = held.iter().any(|h| !h);
            let (jacobian, _) =
                if free { self.slopes(&x, v, &at, *guess)? } else { ([[0.0; N]; N], [0.0; N]) };
            for i in 0..N {
                for j in 0..N {
                    let unit = f64::from(u8::from(i == j));
                    matrix[i][j] = if held[i] { unit } else { unit - a * jacobian[i][j] };
                }
            }
            let Some(d) = solve(&matrix, &rhs) else { break };
            let mut change = 0.0_f64;
            let mut stuck = false;
            let before = x;
            for i in 0..N {
                // Nan stays out of `x`: it would compare as settled.
                if !d[i].is_finite() {
                    return Err(failed());
                }
                x[i] = (x[i] + d[i]).max(self.low[i]).min(self.high[i]);
                change = change.max((x[i] - before[i]).abs() / self.scale[i]);
                // Where the slope has the wrong sign, as in a runaway, Newton pushes a state against the bound that it ought
                // to leave: that is no rest.
                stuck |= !held[i] && d[i].abs() > SETTLED * self.scale[i] && x[i] == before[i];
            }
            if stuck {
                break;
            }
            // Where rounding is larger than what is asked for, a change that no longer shrinks will do.
            if change <= SETTLED || (change <= 1e3 * SETTLED && change >= 0.5 * last) {
                let at = if change == 0.0 { at } else { self.eval(&x, v, guess)? };
                return Ok(Stage { x, at, held, matrix });
            }
            // A kink between two sides makes Newton jump to and fro: half steps end in it.
            if iteration > 4 && change > 0.9 * last {
                for i in 0..N {
                    x[i] = (x[i] + before[i]) / 2.0;
                }
            }
            last = change;
        }
        if N == 1 { self.search(base, push, a, v, from, guess) } else { Err(failed()) }
    }

    /// The stage of a single state where Newton's iteration finds nothing: the first solution on the way that the rate
    /// points to, or the bound where there is none (a runaway, say).
    fn search(
        &self,
        base: &Vector<N>,
        push: &Vector<N>,
        a: f64,
        v: f64,
        from: Vector<N>,
        guess: &mut f64,
    ) -> Result<Stage<N>, ModelError> {
        let mut rest = |x: f64| -> Result<f64, ModelError> {
            let mut at = from;
            at[0] = x;
            Ok(base[0] + a * (self.eval(&at, v, guess)?.dx[0] + push[0]) - x)
        };
        let start = from[0];
        let sign = rest(start)?;
        let bound = if sign < 0.0 { self.low[0] } else { self.high[0] };
        // Ever longer strides, since solutions crowd near the start.
        let (mut near, mut far) = (start, start);
        let mut bracketed = sign == 0.0;
        let mut stride = (bound - start) * 1e-6;
        while !bracketed && far != bound {
            (near, far) = (far, far + stride);
            if (far - bound) * (bound - start) >= 0.0 {
                far = bound;
            }
            stride *= 1.2;
            bracketed = rest(far)? * sign <= 0.0;
        }
        let mut x = from;
        x[0] = far;
        if bracketed {
            for _ in 0..60 {
                let middle = (near + far) / 2.0;
                if rest(middle)? * sign > 0.0 { near = middle } else { far = middle }
            }
            x[0] = (near + far) / 2.0;
        }
        let at = self.eval(&x, v, guess)?;
        let mut held = [false; N];
        held[0] = !bracketed;
        let (jacobian, _) = self.slopes(&x, v, &at, *guess)?;
        let mut matrix = [[0.0; N]; N];
        matrix[0][0] = if bracketed { 1.0 - a * jacobian[0][0] } else { 1.0 };
        Ok(Stage { x, at, held, matrix })
    }

    /// How the states of a stage follow its voltage, given how its base does.
    fn follow(
        &self,
        stage: &Stage<N>,
        base: &Vector<N>,
        dv: f64,
        a: f64,
        v: f64,
        guess: f64,
    ) -> Result<Vector<N>, ModelError> {
        let d = DIFFERENCE * v.abs().max(1e-2);
        let p = self.eval(&stage.x, v + d, &mut guess.clone())?;
        let mut rhs = [0.0; N];
        for i in 0..N {
            if !stage.held[i] {
                rhs[i] = base[i] + a * dv * (p.dx[i] - stage.at.dx[i]) / d;
            }
        }
        Ok(solve(&stage.matrix, &rhs).unwrap_or([0.0; N]))
    }

    fn solve(&self, asked: &Asked) -> Result<Trial, ModelError> {
        let &Asked { x: x0, v, begin, dt_s, mut guess, tolerance, slope, w, to_w, .. } = asked;
        let Voltage { begin: v0, inner: vg, end: v1 } = v;
        let mut start = [0.0; N];
        start[..x0.len()].copy_from_slice(x0);
        if dt_s <= 0.0 {
            let at = self.eval(&start, v1, &mut guess)?;
            return Ok(Trial {
                x: full(&start),
                w: *w,
                v: v1,
                end: at,
                g: at.di_dv_s,
                guess,
                ..Trial::default()
            });
        }
        let mut at0 = match begin {
            Some(begin) => *begin,
            None => self.eval(&start, v0, &mut guess)?,
        };
        let (mut push, mut w_end) = ([0.0; N], *w);
        let mut strength = [0.0; N];
        let noisy = self.cell.noise(x0, v0, at0.i_a, self.t_k, &mut strength);
        if noisy {
            for j in 0..N {
                w_end[j] = to_w(j);
                push[j] = strength[j] * (w_end[j] - w[j]) / dt_s;
            }
        }
        for j in 0..N {
            if self.pushed(j, start[j], at0.dx[j] + push[j]) {
                at0.dx[j] = -push[j];
            }
        }
        let a = D * dt_s;
        let mut base = [0.0; N];
        for j in 0..N {
            base[j] = start[j] + a * (at0.dx[j] + push[j]);
        }
        let mut shared = None;
        let mut inner = None;
        if !slope {
            let mut predicted = start;
            for j in 0..N {
                predicted[j] += GAMMA * dt_s * (at0.dx[j] + push[j]);
            }
            inner = self.quick(&base, &push, a, vg, predicted, tolerance, &mut shared, &mut guess);
        }
        let inner = match inner {
            Some(inner) => inner,
            None => self.stage(&base, &push, a, vg, start, &mut guess)?,
        };
        let inner_guess = guess;

        // x_inner + c (x_inner - x_0) rather than the usual two products: a state at rest stays to the bit.
        let c = (1.0 - GAMMA).powi(2) / (GAMMA * (2.0 - GAMMA));
        for j in 0..N {
            base[j] = inner.x[j] + c * (inner.x[j] - start[j]);
        }
        let mut end = None;
        if !slope && inner.held == [false; N] {
            // Along the parabola of the rates at the begin and at the inner stage.
            let (rest, bend) = ((1.0 - GAMMA) * dt_s, (1.0 - GAMMA) / (2.0 * GAMMA));
            let mut predicted = inner.x;
            for j in 0..N {
                predicted[j] += rest * (inner.at.dx[j] + push[j] + bend * (inner.at.dx[j] - at0.dx[j]));
            }
            end = self.quick(&base, &push, a, v1, predicted, tolerance, &mut shared, &mut guess);
        }
        let end = match end {
            Some(end) => end,
            None => self.stage(&base, &push, a, v1, inner.x, &mut guess)?,
        };

        // Within a step noise is a straight line, which no sample of it ought to lie on.
        let sample = (!noisy).then_some(Inner { x: full(&inner.x), i: inner.at.i_a });
        let mut trial = Trial {
            x: full(&end.x),
            w: w_end,
            v: v1,
            end: end.at,
            g: end.at.di_dv_s,
            guess,
            ..Trial::default()
        };
        trial.inner = sample;
        if slope {
            let follows = self.follow(&inner, &[0.0; N], GAMMA, a, vg, inner_guess)?;
            let base_follows = follows.map(|f| (1.0 + c) * f);
            let follows = self.follow(&end, &base_follows, 1.0, a, v1, guess)?;
            let (_, di_dx) = self.slopes(&end.x, v1, &end.at, guess)?;
            for j in 0..N {
                trial.g += di_dx[j] * follows[j];
            }
        }
        // Hosea and Shampine's estimate, filtered by the stage's matrix for stiff states.
        let root = std::f64::consts::SQRT_2 / 4.0;
        let weights = [root - (1.0 - root) / 3.0, root - (3.0 * root + 1.0) / 3.0, D - D / 3.0];
        let mut error = [0.0; N];
        for j in 0..N {
            let pressed = end.held[j] && self.pushed(j, end.x[j], end.at.dx[j] + push[j]);
            if pressed {
                // It ends in its bound whatever the path; but unless the rate at the start explains that it got there,
                // a runaway happened within the step, and when is not known. A way within the tolerance is none.
                let way = (end.x[j] - start[j]).abs();
                if way > tolerance * self.scale[j] {
                    let explained = 2.0 * dt_s * (at0.dx[j] + push[j]).abs();
                    trial.error = trial.error.max((way / explained.max(1e-3 * way)).min(1e3) - 1e-9);
                    // Nor is it known where that rate would carry it far beyond: on the way it may die.
                    trial.error = trial.error.max((explained / (4.0 * way)).min(1e3));
                }
            } else {
                let inner_rate = if inner.held[j] { -push[j] } else { inner.at.dx[j] };
                error[j] =
                    dt_s * (weights[0] * at0.dx[j] + weights[1] * inner_rate + weights[2] * end.at.dx[j]);
            }
        }
        let error = solve(&end.matrix, &error).unwrap_or(error);
        for j in 0..N {
            trial.error = trial.error.max(error[j].abs() / (self.scale[j] * tolerance));
        }
        for h in 0..self.h {
            let hazard = Hazard::new([at0.hazard[h], inner.at.hazard[h], end.at.hazard[h]], dt_s);
            trial.error = trial.error.max(hazard.error(dt_s));
            trial.hazards[h] = hazard;
        }
        Ok(trial)
    }
}

/// One step of one cell.
///
/// # Errors
/// A stage without a solution.
pub fn solve_step<M: CompactModel>(pair: &Pair<M>, asked: &Asked) -> Result<Trial, ModelError> {
    // Code of its own for few states: what is never used need not be moved about.
    match M::N {
        1 => Step::<1>::new(pair, asked.t_k).solve(asked),
        2 => Step::<2>::new(pair, asked.t_k).solve(asked),
        3 => Step::<3>::new(pair, asked.t_k).solve(asked),
        _ => Step::<MAX_STATES>::new(pair, asked.t_k).solve(asked),
    }
}

/// States among the most that there may be.
fn full<const N: usize>(x: &Vector<N>) -> [f64; MAX_STATES] {
    let mut full = [0.0; MAX_STATES];
    full[..N].copy_from_slice(x);
    full
}

/// Solves the equations by elimination with row pivots; nothing where they are singular.
#[inline]
fn solve<const N: usize>(matrix: &Matrix<N>, rhs: &Vector<N>) -> Option<Vector<N>> {
    if N == 1 {
        let pivot = matrix[0][0];
        let mut x = [0.0; N];
        x[0] = rhs[0] / pivot;
        return (pivot != 0.0 && !pivot.is_nan()).then_some(x);
    }
    let (mut m, mut b) = (*matrix, *rhs);
    for k in 0..N {
        let pivot = (k..N).max_by(|i, j| m[*i][k].abs().total_cmp(&m[*j][k].abs()))?;
        if m[pivot][k].is_nan() || m[pivot][k] == 0.0 {
            return None;
        }
        m.swap(k, pivot);
        b.swap(k, pivot);
        for i in k + 1..N {
            let f = m[i][k] / m[k][k];
            for j in k..N {
                m[i][j] -= f * m[k][j];
            }
            b[i] -= f * b[k];
        }
    }
    for k in (0..N).rev() {
        for j in k + 1..N {
            b[k] -= m[k][j] * b[j];
        }
        b[k] /= m[k][k];
    }
    Some(b)
}
