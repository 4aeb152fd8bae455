use super::super::{At, Drive, LinearIonDrift, Response, Vteam, Waveform, Window, drive};
use super::*;

/// A switch that turns on with the rate `rate` e^(v / 0.1) and, once on, off with `off`.
#[derive(Clone)]
struct Switch {
    rate: f64,
    off: f64,
}

impl CompactModel for Switch {
    const N: usize = 1;
    const H: usize = 2;
    type Cell = ();

    fn draw(&self, _: Key, _: u64) {}
    fn initial(&self, (): &(), x: &mut [f64]) {
        x[0] = 0.0;
    }
    fn eval(&self, (): &(), At { x, v, .. }: At, _: &mut f64) -> Result<Response, ModelError> {
        let mut out = Response::default();
        out.dx[0] = 0.0;
        out.hazard[0] = if x[0] < 0.5 { self.rate * (v / 0.1).exp() } else { 0.0 };
        out.hazard[1] = if x[0] < 0.5 { 0.0 } else { self.off };
        Ok(Response { i_a: v * (1.0 + x[0]), di_dv_s: 1.0 + x[0], ..out })
    }
    fn bounds(&self, (): &(), low: &mut [f64], high: &mut [f64]) {
        (low[0], high[0]) = (0.0, 1.0);
    }
    fn scale(&self, (): &(), x: &mut [f64]) {
        x[0] = 1.0;
    }
    fn jump(&self, (): &mut (), x: &mut [f64], channel: usize, _: u32, _: Key, _: u64) {
        x[0] = [1.0, 0.0][channel];
    }
}

/// Robertson's kinetics (1966), the standard stiff problem, in the two states that are left after y1 + y2 + y3 = 1.
#[derive(Clone)]
struct Robertson;

impl CompactModel for Robertson {
    const N: usize = 2;
    const H: usize = 0;
    type Cell = ();

    fn draw(&self, _: Key, _: u64) {}
    fn initial(&self, (): &(), x: &mut [f64]) {
        (x[0], x[1]) = (1.0, 0.0);
    }
    fn eval(&self, (): &(), At { x, v, .. }: At, _: &mut f64) -> Result<Response, ModelError> {
        let mut out = Response::default();
        let third = 1.0 - x[0] - x[1];
        out.dx[0] = -0.04 * x[0] + 1e4 * x[1] * third;
        out.dx[1] = 0.04 * x[0] - 1e4 * x[1] * third - 3e7 * x[1] * x[1];
        Ok(Response { i_a: v, di_dv_s: 1.0, ..out })
    }
    fn bounds(&self, (): &(), low: &mut [f64], high: &mut [f64]) {
        low.fill(0.0);
        high.fill(1.0);
    }
    fn scale(&self, (): &(), x: &mut [f64]) {
        (x[0], x[1]) = (1.0, 1e-4);
    }
}

#[test]
fn a_stiff_problem_ends_where_it_is_known_to() {
    // Values at t = 40 from Hairer and Wanner, Solving ODEs II (and every stiff solver's test set).
    let mut bank = Bank::new(Robertson, 1, Key::root(0)).with_tolerance(3e-8);
    let waveform = Waveform::Constant(0.0);
    let how = Drive { waveform: &waveform, t_end_s: 40.0, t_k: 300.0, max_step_s: 10.0 };
    let trace = drive(&mut bank, &how).unwrap();
    let x = trace.last();
    assert!((x[0] - 0.715_827_068_7).abs() < 2e-6, "{}", x[0]);
    assert!((x[1] / 9.185_534_764e-6 - 1.0).abs() < 1e-4, "{}", x[1]);
    // An explicit method needs h < 2 / 3000 or so throughout, 60000 steps.
    assert!(trace.t_s.len() < 4000, "{} steps", trace.t_s.len());
}

#[test]
fn the_probability_of_a_jump_does_not_depend_on_the_steps() {
    let (n, t, rate) = (20_000, 1e-6, 4e5);
    let probability = 1.0 - f64::exp(-0.4);
    let mut first: Option<Vec<f64>> = None;
    for steps in [1_u32, 10, 100] {
        let mut bank = Bank::new(Switch { rate, off: 0.0 }, n, Key::root(9));
        let (v, mut i, mut g) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
        for _ in 0..steps {
            bank.solve(&v, 300.0, t / f64::from(steps), &mut i, &mut g).unwrap();
            bank.accept(&v);
        }
        let switched = bank.state().iter().sum::<f64>() / n as f64;
        let error = (probability * (1.0 - probability) / n as f64).sqrt();
        assert!((switched - probability).abs() < 4.0 * error, "{switched} in {steps} steps");
        // Not only as many: the same cells, but for those whose threshold falls on a step's last bit.
        let differ = first.get_or_insert_with(|| bank.state().to_vec()).iter();
        let differ = differ.zip(bank.state()).filter(|(a, b)| a != b).count();
        assert!(differ <= 1, "{differ} cells differ");
    }
}

#[test]
fn jumps_come_when_the_hazard_says() {
    // On a ramp of 0.1 V in 1 us from 0 the integrated hazard is rate T (e^s - 1), s = t / T: with unit exponential
    // thresholds, e^(-rate T (e^s - 1)) of the time of a jump is uniform: its mean is 1/2.
    let (n, t_end_s, rate) = (2000, 3e-6, 2e6);
    let waveform = Waveform::Points(vec![(0.0, 0.0), (t_end_s, 0.3)]);
    let mut sum = 0.0;
    for seed in 0..n {
        let mut bank = Bank::new(Switch { rate, off: 0.0 }, 1, Key::root(seed));
        let how = Drive { waveform: &waveform, t_end_s, t_k: 300.0, max_step_s: t_end_s };
        let trace = drive(&mut bank, &how).unwrap();
        let at = trace.x.iter().position(|x| *x == 1.0).expect("19 half-lives");
        sum += (-rate * 1e-6 * (trace.t_s[at] / 1e-6).exp_m1()).exp();
        assert_eq!(bank.jumps(0, 0), 1);
    }
    let mean = sum / n as f64;
    assert!((mean - 0.5).abs() < 4.0 * (1.0 / 12.0_f64 / n as f64).sqrt(), "{mean}");
}

#[test]
fn a_telegraph_is_on_for_its_share_of_time() {
    let mut bank = Bank::new(Switch { rate: 2e6, off: 1e6 }, 1, Key::root(4));
    let waveform = Waveform::Constant(0.0);
    let how = Drive { waveform: &waveform, t_end_s: 3e-3, t_k: 300.0, max_step_s: 3e-3 };
    let trace = drive(&mut bank, &how).unwrap();
    let on: f64 = (1..trace.t_s.len()).map(|n| trace.x[n - 1] * (trace.t_s[n] - trace.t_s[n - 1])).sum();
    // 2 / (2 + 1); about 2000 cycles, so a standard error below 0.01.
    assert!((on / 3e-3 - 2.0 / 3.0).abs() < 0.03, "{}", on / 3e-3);
    assert!((1600..2400).contains(&bank.jumps(0, 1)), "{}", bank.jumps(0, 1));
}

#[test]
fn the_conductance_is_the_derivative_of_the_current_with_the_states() {
    let model =
        LinearIonDrift { mobility_m2_per_vs: 1e-13, ..LinearIonDrift::strukov(Window::Biolek { p: 2.0 }) };
    let mut bank = Bank::new(model, 1, Key::root(0));
    let mut solve = |v: f64| {
        let (mut i, mut g) = ([0.0], [0.0]);
        bank.solve(&[v], 300.0, 0.02, &mut i, &mut g).unwrap();
        (i[0], g[0])
    };
    let d = 1e-4;
    let (numeric, (i, g)) = ((solve(0.8 + d).0 - solve(0.8 - d).0) / (2.0 * d), solve(0.8));
    assert!((g / numeric - 1.0).abs() < 1e-6, "{g} instead of {numeric}");
    // The states' part is no trifle here.
    assert!(g > 1.05 * i / 0.8);
}

#[test]
fn states_at_their_bounds_stay_and_leave_at_once() {
    let mut bank = Bank::new(Vteam::memtorch(), 1, Key::root(0));
    bank.set_state(0, &[1.0]);
    assert_eq!(bank.state(), [3e-9]);
    let (mut i, mut g) = ([0.0], [0.0]);
    // A second of reset, which would go 2e7 times through the device.
    bank.solve(&[1.0], 300.0, 1.0, &mut i, &mut g).unwrap();
    assert_eq!((bank.error(), i[0], g[0]), (0.0, 1e-3, 1e-3));
    bank.accept(&[1.0]);
    assert_eq!(bank.state(), [3e-9]);
    bank.solve(&[-0.3], 300.0, 0.0, &mut i, &mut g).unwrap();
    bank.accept(&[-0.3]);
    bank.solve(&[-0.3], 300.0, 0.24e-9, &mut i, &mut g).unwrap();
    bank.accept(&[-0.3]);
    assert!((bank.state()[0] - 2.7e-9).abs() < 1e-15);
}

#[test]
fn what_is_not_accepted_did_not_happen() {
    let mut bank = Bank::new(Vteam::memtorch(), 2, Key::root(0));
    let (mut i, mut g) = ([0.0; 2], [0.0; 2]);
    bank.solve(&[0.5, -0.5], 300.0, 1e-9, &mut i, &mut g).unwrap();
    assert_eq!(bank.state(), [1.5e-9; 2]);
    let mut copy = bank.snapshot();
    bank.accept(&[0.5, -0.5]);
    assert!(bank.state()[0] > 1.5e-9 && bank.state()[1] < 1.5e-9);
    assert_eq!(copy.state(), [1.5e-9; 2]);
    copy.accept(&[0.5, -0.5]);
    assert_eq!(copy.state(), bank.state());
    // Accepting twice is accepting once.
    let before = bank.state().to_vec();
    bank.accept(&[0.5, -0.5]);
    assert_eq!(bank.state(), before);
}

#[test]
fn the_method_is_of_second_order() {
    let error = |steps: u32| {
        let model = LinearIonDrift::strukov(Window::None {});
        let exact = model.after_flux(0.1, 0.5 * 0.4 * 0.4);
        let mut bank = Bank::new(model, 1, Key::root(0));
        let (mut i, mut g) = ([0.0], [0.0]);
        for n in 1..=steps {
            let v = [0.4 * f64::from(n) / f64::from(steps)];
            bank.solve(&v, 300.0, 0.4 / f64::from(steps), &mut i, &mut g).unwrap();
            bank.accept(&v);
        }
        (bank.state()[0] - exact).abs()
    };
    let order = (error(4) / error(16)).log2() / 2.0;
    assert!((1.8..2.3).contains(&order), "{order}");
}

/// A state between 0 and 1 that moves by its own rate, and where it starts.
#[derive(Clone)]
struct Alone(fn(f64) -> f64, f64);

impl CompactModel for Alone {
    const N: usize = 1;
    const H: usize = 0;
    type Cell = ();

    fn draw(&self, _: Key, _: u64) {}
    fn initial(&self, (): &(), x: &mut [f64]) {
        x[0] = self.1;
    }
    fn eval(&self, (): &(), At { x, v, .. }: At, _: &mut f64) -> Result<Response, ModelError> {
        Ok(Response { i_a: v, di_dv_s: 1.0, dx: [(self.0)(x[0]), 0.0, 0.0, 0.0], ..Response::default() })
    }
    fn bounds(&self, (): &(), low: &mut [f64], high: &mut [f64]) {
        (low[0], high[0]) = (0.0, 1.0);
    }
    fn scale(&self, (): &(), x: &mut [f64]) {
        x[0] = 1.0;
    }
}

#[test]
fn steps_that_are_far_too_long_do_not_end_in_a_bound() {
    let end = |rate: fn(f64) -> f64, start: f64| {
        let mut bank = Bank::new(Alone(rate, start), 1, Key::root(0));
        let waveform = Waveform::Constant(0.0);
        let how = Drive { waveform: &waveform, t_end_s: 1.0, t_k: 300.0, max_step_s: 1.0 };
        drive(&mut bank, &how).unwrap().last()[0]
    };
    // A rate that dies on the way: x = 1 - ln(1 + k r t)/k, far from the 0 that the first rate points beyond.
    let x = end(|x| -1e6 * libm::exp(50.0 * (x - 1.0)), 1.0);
    assert!((x - (1.0 - 5e7_f64.ln() / 50.0)).abs() < 1e-3, "{x}");
    // One that grows faster than a step is short: x = 1e-3 (e^(1000 t) - 1), at its end after 7 ms.
    assert_eq!(end(|x| 1e3 * (x + 1e-3), 0.0), 1.0);
}
