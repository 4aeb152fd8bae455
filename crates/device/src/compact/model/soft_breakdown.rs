//! Electroforming as a soft breakdown.

use super::prelude::*;

parameters! {
    /// Electroforming: the breakdown of a pristine oxide, Weibull-distributed in time.
    ///
    /// F(t) = 1 - exp(-(t/eta)^beta) at a constant voltage, eta = eta0 exp(-gamma |V| d_ref/d) (A/A_ref)^(-1/beta):
    /// accelerated by the field (E model; at d = d_ref it is eta0 exp(-gamma |V|)), and by the area, since the weakest spot
    /// breaks first (Poisson). Under a changing voltage the damage a = integral of dt/eta counts (cumulative exposure):
    /// F = 1 - exp(-a^beta), whose hazard is beta a^(beta - 1)/eta. The percolation model gives a beta proportional to d,
    /// about d over 1 nm.
    ///
    /// The first state is the damage, the second 0 while pristine, 1 when formed. A pristine cell is a leakage,
    /// proportional to area over thickness; a formed one a resistance that depends on neither. What the filament does
    /// after its forming is for the other models. Voltages at which eta is long against the stack's charging.
    pub struct SoftBreakdown
    units {
        /// Characteristic time at 0 V of a cell of the reference size, s.
        eta0_s: "eta0" in Second [1e-12, 1e60];
        /// Acceleration by the voltage at the reference thickness, 1/V.
        gamma_per_v: "gamma" in PerVolt [0.0, 1e3];
        /// Thickness of the oxide, m.
        thickness_m: "thickness" in Metre [1e-10, 1e-6];
        /// Thickness that `gamma` and `r_pristine` are for, m.
        reference_thickness_m: "reference_thickness" in Metre [1e-10, 1e-6];
        /// Area of the electrode, m^2.
        area_m2: "area" in SquareMetre [1e-20, 1e-4];
        /// Area that `eta0` and `r_pristine` are for, m^2.
        reference_area_m2: "reference_area" in SquareMetre [1e-20, 1e-4];
        /// Leakage of a pristine cell of the reference size, ohm.
        r_pristine_ohm: "r_pristine" in Ohm [1.0, 1e18];
        /// Resistance once formed, ohm.
        r_formed_ohm: "r_formed" in Ohm [1e-3, 1e15];
    }
    pure {
        /// Shape of the Weibull distribution.
        beta [1.0, 50.0];
    }
}

impl SoftBreakdown {
    /// A hafnium oxide of 5 nm (recalled sizes: breakdown near 5 MV/cm, beta 1 to 2; all else is ours). With
    /// eta = 10 ms at 2.5 V and half a decade per 0.1 V.
    pub fn hfox() -> Self {
        SoftBreakdown {
            eta0_s: 1e-2 * 1e13,
            gamma_per_v: 11.97,
            thickness_m: 5e-9,
            reference_thickness_m: 5e-9,
            area_m2: 1e-14,
            reference_area_m2: 1e-14,
            r_pristine_ohm: 1e9,
            r_formed_ohm: 5e3,
            beta: 1.5,
        }
    }

    /// Characteristic time at `v` (V), s: by then a part 1 - 1/e of the cells has broken down.
    pub fn eta_s(&self, v: f64) -> f64 {
        let field = v.abs() * self.reference_thickness_m / self.thickness_m;
        let area = libm::pow(self.area_m2 / self.reference_area_m2, -1.0 / self.beta);
        self.eta0_s * libm::exp(-self.gamma_per_v * field) * area
    }

    /// Part of the cells that has broken down after `t_s` (s) at the constant `v` (V).
    pub fn broken(&self, v: f64, t_s: f64) -> f64 {
        -libm::expm1(-libm::pow(t_s / self.eta_s(v), self.beta))
    }

    /// Median forming voltage of a ramp from 0 V at `rate` (V/s): a = (eta(0) gamma' rate)^-1 e^(gamma' V) with
    /// gamma' = gamma d_ref/d, and a^beta = ln 2. Proportional to the thickness but for a logarithm. V.
    pub fn forming_voltage(&self, rate: f64) -> f64 {
        let gamma = self.gamma_per_v * self.reference_thickness_m / self.thickness_m;
        let damage = libm::pow(std::f64::consts::LN_2, 1.0 / self.beta);
        libm::log1p(damage * self.eta_s(0.0) * gamma * rate) / gamma
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        self.out_of_range()
    }
}

impl CompactModel for SoftBreakdown {
    const N: usize = 2;
    const H: usize = 1;
    type Cell = ();

    fn draw(&self, _: Key, _: u64) {}

    fn initial(&self, (): &(), x: &mut [f64]) {
        (x[0], x[1]) = (0.0, 0.0);
    }

    fn eval(&self, (): &(), At { x, v, .. }: At, _: &mut f64) -> Result<Response, ModelError> {
        let mut out = Response::default();
        let formed = x[1] > 0.5;
        let size = self.area_m2 / self.reference_area_m2 * self.reference_thickness_m / self.thickness_m;
        let g = if formed { 1.0 / self.r_formed_ohm } else { size / self.r_pristine_ohm };
        if !formed {
            out.dx[0] = 1.0 / self.eta_s(v);
            out.hazard[0] = self.beta * libm::pow(x[0].max(0.0), self.beta - 1.0) * out.dx[0];
        }
        Ok(Response { i_a: g * v, di_dv_s: g, ..out })
    }

    fn bounds(&self, (): &(), low: &mut [f64], high: &mut [f64]) {
        (low[0], high[0]) = (0.0, f64::INFINITY);
        (low[1], high[1]) = (0.0, 1.0);
    }

    fn scale(&self, (): &(), x: &mut [f64]) {
        (x[0], x[1]) = (1.0, 1.0);
    }

    fn jump(&self, (): &mut (), x: &mut [f64], _: usize, _: u32, _: Key, _: u64) {
        x[1] = 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Bank, CellBank, Drive, Waveform, drive};
    use super::*;

    /// Times at which `n` cells break down, sorted; infinite for those that outlive the drive.
    fn times(model: &SoftBreakdown, n: u64, waveform: &Waveform, t_end_s: f64) -> Vec<f64> {
        let mut times: Vec<f64> = (0..n)
            .map(|cell| {
                let mut bank = Bank::new(model.clone(), 1, Key::root(9).child("test", cell));
                let how = Drive { waveform, t_end_s, t_k: 300.0, max_step_s: t_end_s / 10.0 };
                let trace = drive(&mut bank, &how).unwrap();
                let formed = (0..trace.t_s.len()).find(|n| trace.state(*n, 1) == Some(1.0));
                formed.map_or(f64::INFINITY, |n| trace.t_s[n])
            })
            .collect();
        times.sort_by(f64::total_cmp);
        times
    }

    fn part(times: &[f64], t: f64) -> f64 {
        times.partition_point(|x| *x <= t) as f64 / times.len() as f64
    }

    #[test]
    fn the_distribution_has_the_check_values() {
        for (beta, at, f) in [(2.0, 0.1, 0.0100), (1.0, 0.1, 0.0952), (1.0, 1.0, 0.6321), (2.0, 1.0, 0.6321)]
        {
            let model = SoftBreakdown { beta, ..SoftBreakdown::hfox() };
            let got = model.broken(2.0, at * model.eta_s(2.0));
            assert!((got - f).abs() < 6e-5, "{got} instead of {f}");
        }
    }

    #[test]
    fn cells_break_down_as_the_distribution_says() {
        for beta in [1.0, 1.5, 3.0] {
            let model = SoftBreakdown { beta, ..SoftBreakdown::hfox() };
            let eta = model.eta_s(2.3);
            let n = 1500;
            let times = times(&model, n, &Waveform::Constant(2.3), 3.0 * eta);
            for at in [0.3_f64, 0.6, 1.0, 1.5] {
                let f = 1.0 - (-at.powf(beta)).exp();
                let (got, bound) = (part(&times, at * eta), 4.0 * (f * (1.0 - f) / n as f64).sqrt());
                assert!((got - f).abs() < bound, "{got} instead of {f} at {at} eta, beta {beta}");
            }
        }
    }

    #[test]
    fn larger_cells_break_down_sooner_by_the_weakest_spot() {
        // N cells of the area A beside each other survive with the power N: eta falls by N^(-1/beta).
        let one = SoftBreakdown::hfox();
        let many = SoftBreakdown { area_m2: 1e-12, ..one.clone() };
        for t in [1e-4, 1e-3, 1e-2] {
            let alone = 1.0 - one.broken(2.5, t);
            assert!((1.0 - many.broken(2.5, t) - alone.powi(100)).abs() < 1e-12);
        }
        assert!((many.eta_s(2.5) / one.eta_s(2.5) - 100.0_f64.powf(-1.0 / 1.5)).abs() < 1e-12);
    }

    #[test]
    fn ramps_form_at_the_median_that_cumulative_exposure_gives() {
        let rate = 1.0;
        let n = 1500;
        let mut voltages = Vec::new();
        for thickness_m in [4e-9, 5e-9, 10e-9] {
            let model = SoftBreakdown { thickness_m, ..SoftBreakdown::hfox() };
            let v = model.forming_voltage(rate);
            let waveform = Waveform::Points(vec![(0.0, 0.0), (10.0, 10.0 * rate)]);
            let times = times(&model, n, &waveform, 10.0);
            let bound = 4.0 * (0.25 / n as f64).sqrt();
            assert!((part(&times, v / rate) - 0.5).abs() < bound, "{} at {v} V", part(&times, v / rate));
            voltages.push(v);
        }
        // Nearly proportional to the thickness.
        assert!((voltages[2] / voltages[1] - 2.0).abs() < 0.06, "{voltages:?}");
    }

    #[test]
    fn forming_is_once_and_for_all() {
        let mut bank = Bank::new(SoftBreakdown::hfox(), 1, Key::root(1));
        let how = |waveform: &'static Waveform| Drive { waveform, t_end_s: 1.0, t_k: 300.0, max_step_s: 0.1 };
        drive(&mut bank, &how(&Waveform::Constant(3.0))).unwrap();
        let last = drive(&mut bank, &how(&Waveform::Constant(-3.0))).unwrap();
        assert_eq!((bank.jumps(0, 0), bank.state()[1]), (1, 1.0));
        assert!((last.i_a[0] / (-3.0 / 5e3) - 1.0).abs() < 1e-12);
    }
}
