//! JART VCM v1b: valence change in a filamentary oxide.

use std::f64::consts::PI;

use super::prelude::*;

parameters! {
    /// JART VCM v1b: oxygen vacancies fill or leave a disc under a Schottky contact. Cueppers et al. 2019 (APL Mater.
    /// 7:091105), spread after Bengel et al. 2020 (IEEE TCAS-I 67:4618); voltages are those of the active electrode,
    /// negative ones set.
    ///
    /// The state N is the vacancies' concentration in the disc (1e26/m^3), A = pi r^2, T the filament's temperature.
    /// Current, the same through all: the contact with V_S across it, the disc, the plug and the series resistance.
    /// - Barrier phi = max(0, phi_Bn0 - (q^3 z N psi / (8 pi^2 eps_B^3))^(1/4)), psi = phi_Bn0 - phi_n - V_S, and
    ///   phi_Bn0 where psi is negative.
    /// - V_S < 0, thermionic field emission: I = -A (A* T/k) sqrt(pi W00 q (|V_S| + phi/cosh^2(W00/kT)))
    ///   e^(-q phi/W0) (e^(q|V_S|/e') - 1) with W00 = (q h/4 pi) sqrt(z N/(m0 eps)), W0 = W00 coth(W00/kT),
    ///   e' = W00/(W00/kT - tanh(W00/kT)).
    /// - V_S >= 0, thermionic emission: I = A A* T^2 e^(-q phi/kT) (e^(q V_S/kT) - 1).
    /// - R_disc = l/(z q N mu A), R_plug = (l_cell - l)/(z q N_plug mu A), R_series = R_TiOx + R_0 (1 + R_0 alpha I^2
    ///   R_th,line).
    /// - T = T_ambient + I (V_S + V_disc + V_plug) R_th0 (r_det/r)^2, times `r_th_reset` for positive voltages.
    ///
    /// Ions: dN/dt = -sign(V) (c a nu_0/l) (e^(-W_min/kT) - e^(-W_max/kT)) F with c = (N_plug + N)/2,
    /// W = W_A (sqrt(1 - gamma^2) -+ gamma pi/2 + gamma asin gamma), gamma = z a E/(pi W_A) (at most 1, where the barrier
    /// is gone); SET: E = |V_disc|/l, F = 1 - (N/N_max)^10; RESET: E = (V_S + V_disc + V_plug)/l_cell,
    /// F = 1 - (N_min/N)^10.
    ///
    /// Solved as one equation in V_S: the current follows from what V_S leaves to the resistances, the temperature from
    /// both, and what remains is the contact's equation, which has a root between 0 and V whatever the state. With
    /// N > 0.01 and a small positive voltage it has three, since the barrier springs back as V_S nears phi_Bn0 - phi_n;
    /// the cell takes the one nearest to V_S = 0.
    ///
    /// Spread: a cell draws (r, l, N_min, N_max), each a normal number around its nominal value (standard deviation
    /// `d2d_sigma` of that), and new ones around its own at each SET (`c2c_sigma`), all within `spread_limit` of nominal.
    /// The new ones come in as the SET goes on: r = r_old + (r_new - r_old) (N - N_old)/(N_max,new - N_old).
    ///
    /// Random telegraph noise, after the idea of Wiefels et al. 2020 (IEEE Trans. Electron Devices 67): single vacancies
    /// hop out of the disc and into it, N going by 1/(A l). The rates are ours: each vacancy but one leaves at
    /// lambda = `rtn_rate` e^(-rtn_ea/kT), and lambda (n - 1) enter, n being the number that the ions' equation gives; so
    /// the number but one is Poisson distributed around n - 1, and noise is stronger the emptier the disc. None if
    /// `rtn_rate` is 0.
    ///
    /// Holds for TaOx and HfOx cells of a few nm, up to 2 V, pulses above 1 ns (the temperature is that of the instant).
    pub struct JartVcm
    units {
        /// Barrier without voltage, as a voltage, V.
        phi_bn0_v: "phi_bn0" in Volt [0.0, 5.0];
        /// Distance of the conduction band from the Fermi level, V.
        phi_n_v: "phi_n" in Volt [0.0, 5.0];
        /// Mobility of the electrons, m^2/Vs.
        mobility_m2_per_vs: "mobility" in SquareMetrePerVoltSecond [1e-12, 1.0];
        /// Hopping distance, m.
        a_m: "a" in Metre [1e-12, 1e-8];
        /// Attempt frequency, Hz.
        nu0_hz: "nu0" in Hertz [1.0, 1e16];
        /// Activation energy of the ions, eV.
        w_a_ev: "w_a" in ElectronVolt [0.01, 10.0];
        /// Thermal resistance, K/W.
        r_th0_k_per_w: "r_th0" in KelvinPerWatt [0.0, 1e9];
        /// Radius of the filament, m.
        r_m: "r" in Metre [1e-10, 1e-5];
        /// Length of the disc, m.
        l_m: "l" in Metre [1e-11, 1e-7];
        /// Length of disc and plug, m.
        l_cell_m: "l_cell" in Metre [1e-10, 1e-6];
        /// Series resistance of the TiOx layer, ohm.
        r_tiox_ohm: "r_tiox" in Ohm [0.0, 1e9];
        /// Resistance of the cold line, ohm.
        r_0_ohm: "r_0" in Ohm [0.0, 1e9];
        /// Thermal resistance of the line, K/W.
        r_th_line_k_per_w: "r_th_line" in KelvinPerWatt [0.0, 1e9];
        /// Temperature coefficient of the line, 1/K.
        alpha_line_per_k: "alpha_line" in PerKelvin [0.0, 1.0];
        /// Rate of the telegraph noise at high temperature, 1/s.
        rtn_rate_per_s: "rtn_rate" in PerSecond [0.0, 1e15];
        /// Its activation energy, eV.
        rtn_ea_ev: "rtn_ea" in ElectronVolt [0.0, 5.0];
    }
    pure {
        /// Richardson's constant A*, A/(m^2 K^2).
        richardson_a_per_m2_k2 [1.0, 1e8];
        /// Charge of a vacancy, elementary charges.
        z [1.0, 4.0];
        /// Relative permittivity.
        epsilon_r [1.0, 1e4];
        /// Relative permittivity of the image force.
        epsilon_b_r [1.0, 1e4];
        /// Largest concentration in the disc, 1e26/m^3.
        n_max_1e26_per_m3 [1e-3, 1e3];
        /// Smallest, 1e26/m^3.
        n_min_1e26_per_m3 [1e-6, 1e3];
        /// Concentration in a disc that was never used, 1e26/m^3.
        n_initial_1e26_per_m3 [1e-6, 1e3];
        /// Concentration in the plug, 1e26/m^3.
        n_plug_1e26_per_m3 [1e-3, 1e3];
        /// Thermal resistance in RESET over that in SET.
        r_th_reset [0.0, 10.0];
        /// Spread from device to device, relative.
        d2d_sigma [0.0, 1.0];
        /// Spread from cycle to cycle, relative.
        c2c_sigma [0.0, 1.0];
        /// Largest deviation from nominal, relative.
        spread_limit [0.0, 0.5];
    }
    first { "n_initial_1e26_per_m3" in ["n_min_1e26_per_m3", "n_max_1e26_per_m3"] }
}

/// What varies: radius and length of the disc (m), smallest and largest concentration (1e26/m^3).
#[derive(Clone, Copy, Debug, PartialEq)]
struct Disc {
    r_m: f64,
    l_m: f64,
    n_min: f64,
    n_max: f64,
}

impl Disc {
    fn towards(self, other: Disc, part: f64) -> Disc {
        let mix = |a: f64, b: f64| a + (b - a) * part;
        Disc {
            r_m: mix(self.r_m, other.r_m),
            l_m: mix(self.l_m, other.l_m),
            n_min: mix(self.n_min, other.n_min),
            n_max: mix(self.n_max, other.n_max),
        }
    }

    /// Part of the concentration that one vacancy makes, 1e26/m^3.
    fn vacancy(&self) -> f64 {
        1e-26 / (PI * self.r_m * self.r_m * self.l_m)
    }
}

/// One cell: its own disc, those that the present SET leads from and to, and where that began.
#[derive(Clone, Debug)]
pub struct JartCell {
    own: Disc,
    from: Disc,
    to: Disc,
    n_from: f64,
    setting: bool,
    /// Vacancies in the disc by telegraph noise, beyond those of the state.
    extra: i32,
}

impl JartCell {
    fn disc(&self, n: f64) -> Disc {
        let way = self.to.n_max - self.n_from;
        if self.from == self.to || way <= 0.0 {
            return self.from;
        }
        self.from.towards(self.to, ((n - self.n_from) / way).clamp(0.0, 1.0))
    }
}

/// The solved contact: its voltage, the current (A) and the filament's temperature (K), all as magnitudes.
#[derive(Clone, Copy, Debug)]
struct Solved {
    v_s: f64,
    i_a: f64,
    t_k: f64,
}

/// The equations of a cell at a voltage.
struct Cell<'a> {
    model: &'a JartVcm,
    n: f64,
    area: f64,
    /// Disc and plug, ohm.
    hot_ohm: f64,
    disc_ohm: f64,
    r_th: f64,
    t_k: f64,
    reset: bool,
}

impl Cell<'_> {
    /// The current (A) that `rest` volts drive through the resistances: I R + c I^3 = rest.
    fn through_rest(&self, rest: f64) -> f64 {
        let m = self.model;
        let r = m.r_tiox_ohm + m.r_0_ohm + self.hot_ohm;
        let c = self.cubic();
        let mut i = rest / r;
        // Newton from above: the cubic is convex, so it falls monotonously.
        for _ in 0..60 {
            let step = (i * (r + c * i * i) - rest) / (r + 3.0 * c * i * i);
            i -= step;
            if step.abs() <= 1e-16 * i {
                break;
            }
        }
        i
    }

    fn cubic(&self) -> f64 {
        let m = self.model;
        m.r_0_ohm * m.r_0_ohm * m.alpha_line_per_k * m.r_th_line_k_per_w
    }

    /// Natural logarithm of the contact's current (A) with `v_s` (magnitude, V) across it.
    fn ln_contact(&self, v_s: f64, t: f64) -> f64 {
        let m = self.model;
        let kt = K_B_EV * t;
        let n = m.z * self.n * 1e26;
        let psi = m.phi_bn0_v - m.phi_n_v - if self.reset { v_s } else { -v_s };
        let eps = m.epsilon_b_r * EPSILON_0;
        let lowered = if psi > 0.0 {
            (Q * (Q / eps) * (Q / eps) * (n * psi / eps) / (8.0 * PI * PI)).sqrt().sqrt()
        } else {
            0.0
        };
        let phi = (m.phi_bn0_v - lowered).max(0.0);
        let ln_expm1 = |x: f64| if x > 40.0 { x } else { libm::log(libm::expm1(x)) };
        let a = self.area * m.richardson_a_per_m2_k2;
        if self.reset {
            return libm::log(a * t * t) - phi / kt + ln_expm1(v_s / kt);
        }
        // In eV, as every energy here.
        let w00 = PLANCK / (4.0 * PI) * (n / (ELECTRON_MASS * m.epsilon_r * EPSILON_0)).sqrt();
        let u = w00 / kt;
        let tanh = libm::tanh(u);
        let over = 1.0 / libm::cosh(u);
        // u - tanh(u) by its series where the difference has no digits left.
        let u2 = u * u;
        let rest = if u > 0.03 { u - tanh } else { u * u2 / 3.0 * (1.0 - u2 * (0.4 - u2 * 17.0 / 105.0)) };
        let (w0, e) = (w00 / tanh, w00 / rest);
        let root = (PI * w00 * (v_s + phi * over * over)).sqrt();
        libm::log(a * t / K_B_EV * root) - phi / w0 + ln_expm1(v_s / e)
    }

    fn at(&self, v: f64, v_s: f64) -> Solved {
        let i_a = self.through_rest(v - v_s);
        let t_k = self.t_k + i_a * (v_s + i_a * self.hot_ohm) * self.r_th;
        Solved { v_s, i_a, t_k }
    }

    /// How much more the contact carries than the rest, as a logarithm.
    fn excess(&self, v: f64, v_s: f64) -> f64 {
        let there = self.at(v, v_s);
        self.ln_contact(v_s, there.t_k) - libm::log(there.i_a)
    }

    /// The root nearest to 0 for the voltage `v` (magnitude), if there is one. `guess` is the contact's share of the
    /// voltage at the last root, and then at this one; 0 where none is known.
    fn solve(&self, v: f64, guess: &mut f64) -> Option<Solved> {
        let found = self.solve_near(v, *guess * v).or_else(|| self.search(v))?;
        *guess = found.v_s / v;
        Some(found)
    }

    /// The root close to `near`, if there is one and no other can be nearer to 0: in SET there is but one, in RESET one
    /// below the barrier's return, where the excess rises through 0.
    fn solve_near(&self, v: f64, near: f64) -> Option<Solved> {
        let spring = self.model.phi_bn0_v - self.model.phi_n_v;
        let high = near * (1.0 + NEAR);
        if near <= 0.0 || high >= v * (1.0 - 1e-9) || (self.reset && high >= 0.98 * spring.min(v)) {
            return None;
        }
        let at = self.excess(v, near);
        let (low, high) = if at < 0.0 {
            ((near, at), (high, self.excess(v, high)))
        } else {
            let low = near * (1.0 - NEAR);
            ((low, self.excess(v, low)), (near, at))
        };
        if !(low.1 < 0.0 && high.1 >= 0.0 && high.1.is_finite() && low.1.is_finite()) {
            return None;
        }
        let found = self.at(v, root(|x| self.excess(v, x), low, high));
        found.t_k.is_finite().then_some(found)
    }

    /// The same without a guess.
    fn search(&self, v: f64) -> Option<Solved> {
        let (mut low, mut at_low) = (v * 1e-12, f64::NEG_INFINITY);
        let mut high = v * (1.0 - 1e-12);
        let spring = (self.model.phi_bn0_v - self.model.phi_n_v).min(v);
        if self.reset {
            // Below the barrier's return the contact's current has one maximum, where it rises above the rest if ever.
            for part in [0.03, 0.06, 0.12, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.88, 0.94, 0.98] {
                let x = part * spring;
                let y = self.excess(v, x);
                if y >= 0.0 {
                    high = x;
                    break;
                }
                (low, at_low) = (x, y);
            }
        }
        if at_low == f64::NEG_INFINITY {
            at_low = self.excess(v, low);
        }
        let at_high = self.excess(v, high);
        // A contact that takes nearly nothing or nearly all of the voltage.
        let v_s = if at_low >= 0.0 {
            low
        } else if at_high <= 0.0 {
            high
        } else {
            root(|x| self.excess(v, x), (low, at_low), (high, at_high))
        };
        let found = self.at(v, v_s);
        (at_low.is_finite() && at_high.is_finite() && found.t_k.is_finite()).then_some(found)
    }

    /// Derivative of the current by the voltage, S, by the implicit function's.
    fn slope(&self, v: f64, at: Solved) -> f64 {
        let m = self.model;
        let d = 1e-6;
        let (dv, ds) = (v * d, at.v_s.min(v - at.v_s) * d);
        let here = self.excess(v, at.v_s);
        let by_v = (self.excess(v + dv, at.v_s) - here) / dv;
        let by_s = (self.excess(v, at.v_s + ds) - here) / ds;
        let r = m.r_tiox_ohm + m.r_0_ohm + self.hot_ohm + 3.0 * self.cubic() * at.i_a * at.i_a;
        (1.0 + by_v / by_s) / r
    }
}

/// How far from the last root, relative to it, the next one is looked for first.
const NEAR: f64 = 0.02;

/// Below this a voltage is answered by proportion, V.
const SMALL_V: f64 = 1e-7;

impl JartVcm {
    /// The parameters of version 1b (public code), without spread and noise.
    pub fn v1b() -> Self {
        JartVcm {
            phi_bn0_v: 0.18,
            phi_n_v: 0.1,
            mobility_m2_per_vs: 4e-6,
            a_m: 0.25e-9,
            nu0_hz: 2e13,
            w_a_ev: 1.35,
            r_th0_k_per_w: 15.72e6,
            r_m: 45e-9,
            l_m: 0.4e-9,
            l_cell_m: 3e-9,
            r_tiox_ohm: 650.0,
            r_0_ohm: 719.2437,
            r_th_line_k_per_w: 90_471.47,
            alpha_line_per_k: 3.92e-3,
            rtn_rate_per_s: 0.0,
            rtn_ea_ev: 0.0,
            richardson_a_per_m2_k2: 6.01e5,
            z: 2.0,
            epsilon_r: 17.0,
            epsilon_b_r: 5.5,
            n_max_1e26_per_m3: 20.0,
            n_min_1e26_per_m3: 0.008,
            n_initial_1e26_per_m3: 0.008,
            n_plug_1e26_per_m3: 20.0,
            r_th_reset: 0.27,
            d2d_sigma: 0.0,
            c2c_sigma: 0.0,
            spread_limit: 0.1,
        }
    }

    /// The same with spread within 10 % of nominal (public code); the standard deviations, 5 % both, are ours.
    pub fn v1b_var() -> Self {
        JartVcm { d2d_sigma: 0.05, c2c_sigma: 0.05, ..JartVcm::v1b() }
    }

    fn nominal(&self) -> Disc {
        Disc { r_m: self.r_m, l_m: self.l_m, n_min: self.n_min_1e26_per_m3, n_max: self.n_max_1e26_per_m3 }
    }

    fn spread(&self, around: Disc, sigma: f64, stream: &neurohm_num::Stream) -> Disc {
        let nominal = self.nominal();
        let draw = |nth: u64, mean: f64, nominal: f64| {
            let (low, high) = (nominal * (1.0 - self.spread_limit), nominal * (1.0 + self.spread_limit));
            truncated(stream, nth, mean, sigma * nominal, low, high)
        };
        Disc {
            r_m: draw(0, around.r_m, nominal.r_m),
            l_m: draw(1, around.l_m, nominal.l_m),
            n_min: draw(2, around.n_min, nominal.n_min),
            n_max: draw(3, around.n_max, nominal.n_max),
        }
    }

    /// The equations at the state `n` under a voltage of the sign of `v`, with the vacancies of the telegraph noise.
    fn cell(&self, cell: &JartCell, n: f64, v: f64, t_k: f64) -> (Cell<'_>, Disc) {
        let disc = cell.disc(n);
        let area = PI * disc.r_m * disc.r_m;
        let n = (n + f64::from(cell.extra) * disc.vacancy()).max(0.1 * disc.n_min);
        let ohm = |l: f64, n: f64| l / (self.z * Q * n * 1e26 * self.mobility_m2_per_vs * area);
        let disc_ohm = ohm(disc.l_m, n);
        let plug_ohm = ohm((self.l_cell_m - disc.l_m).max(0.0), self.n_plug_1e26_per_m3);
        let ratio = self.r_m / disc.r_m;
        let reset = v > 0.0;
        let r_th = self.r_th0_k_per_w * ratio * ratio * if reset { self.r_th_reset } else { 1.0 };
        let all = Cell { model: self, n, area, hot_ohm: disc_ohm + plug_ohm, disc_ohm, r_th, t_k, reset };
        (all, disc)
    }

    /// Rate of the concentration, 1e26/(m^3 s).
    fn ions(&self, all: &Cell, disc: &Disc, n: f64, at: Solved) -> f64 {
        let kt = K_B_EV * at.t_k;
        let (field, ratio) = if all.reset {
            ((at.v_s + at.i_a * all.hot_ohm) / self.l_cell_m, disc.n_min / n)
        } else {
            (at.i_a * all.disc_ohm / disc.l_m, n / disc.n_max)
        };
        let gamma = (self.z * self.a_m * field / (PI * self.w_a_ev)).min(1.0);
        let even = (1.0 - gamma * gamma).sqrt() + gamma * libm::asin(gamma);
        let odd = gamma * PI / 2.0;
        let half = libm::exp(-self.w_a_ev * (even - odd) / kt) - libm::exp(-self.w_a_ev * (even + odd) / kt);
        let limit = (1.0 - libm::pow(ratio, 10.0)).max(0.0);
        let c = (self.n_plug_1e26_per_m3 + n) / 2.0;
        let rate = c * self.a_m * self.nu0_hz / disc.l_m * half * limit;
        if all.reset { -rate } else { rate }
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        let (min, max) = (self.n_min_1e26_per_m3, self.n_max_1e26_per_m3);
        self.out_of_range()
            .or_else(|| rising("phi_n", "must be below phi_bn0", self.phi_n_v, self.phi_bn0_v))
            .or_else(|| rising("l", "must be below l_cell", self.l_m, self.l_cell_m))
            .or_else(|| {
                let what = "must be below n_max_1e26_per_m3 at every spread";
                let limit = self.spread_limit;
                rising("n_min_1e26_per_m3", what, min * (1.0 + limit), max * (1.0 - limit))
            })
    }
}

impl CompactModel for JartVcm {
    const N: usize = 1;
    const H: usize = 2;
    type Cell = JartCell;

    fn chance(&self) -> Option<&'static str> {
        if self.c2c_sigma > 0.0 {
            Some("over its disc, which is drawn anew at every SET")
        } else {
            (self.rtn_rate_per_s > 0.0).then_some("when its concentration jumps")
        }
    }

    fn spice(&self, cell: &JartCell) -> Result<Equations, &'static str> {
        // Without chance a cell has one disc all its life. The contact's share s of the voltage is found as ln(s/(1 - s)),
        // on which the excess of `Cell` depends nearly as a straight line.
        let disc = cell.from;
        let area = PI * disc.r_m * disc.r_m;
        let ohm = |l: f64| l / (self.z * Q * 1e26 * self.mobility_m2_per_vs * area);
        let ratio = self.r_m / disc.r_m;
        let drive = format!("max(abs($v),{SMALL_V:e})");
        let v_s = format!("({drive}/(1+exp(-$share)))");
        let rest = format!("({drive}/(1+exp($share)))");
        let disc_ohm = "{disc_ohm_n}/$n_disc";
        let hot = format!("({{plug_ohm}}+{disc_ohm})");
        let ohms = format!("({{cold_ohm}}+{hot})");
        let cubic = self.r_0_ohm * self.r_0_ohm * self.alpha_line_per_k * self.r_th_line_k_per_w;
        let through = if cubic > 0.0 {
            // The one real root of I R + c I^3 = rest.
            format!("2*sqrt({ohms}/(3*{{cubic}}))*sinh(asinh(1.5*{rest}/{ohms}*sqrt(3*{{cubic}}/{ohms}))/3)")
        } else {
            format!("{rest}/{ohms}")
        };
        let i = "exp(max(min($ln_current,100),-100))";
        let heat = format!("{i}*({v_s}+{i}*{hot})*($v>0 ? {{r_th_positive}} : {{r_th_negative}})");
        // The filament is never colder than what is around it; SPICE's iteration may ask for it.
        let kt = "({k_b_ev}*max($t_filament,{t_ambient}))";

        let psi = format!("max({{phi_bn0}}-{{phi_n}}-($v>0 ? 1 : -1)*{v_s},0)");
        // The root's slope has no end at 0, which Newton's iteration cannot take.
        let phi = format!("max({{phi_bn0}}-sqrt(sqrt({{image}}*$n_disc*({psi}+1e-16))),0)");
        let ln_expm1 = |x: &str| format!("{x}+ln(max(1-exp(-{x}),1e-16))");
        let w00 = "({w00_n}*sqrt($n_disc))";
        let u = format!("({w00}/{kt})");
        let small = format!("{u}*{u}*{u}/3*(1-{u}*{u}*(0.4-{u}*{u}*17/105))");
        let over = format!("({u}>0.03 ? {u}-tanh({u}) : {small})");
        let positive = format!("ln({{emission}}*{kt}*{kt}/({{k_b_ev}}*{{k_b_ev}}))-{phi}/{kt}+{}", {
            ln_expm1(&format!("({v_s}/{kt})"))
        });
        let negative = format!(
            "ln({{emission}}*{kt}/({{k_b_ev}}*{{k_b_ev}})*sqrt({{pi}}*{w00}*({v_s}+{phi}/(cosh({u})*cosh({u})))))\
             -{phi}*tanh({u})/{w00}+{}",
            ln_expm1(&format!("({v_s}*{over}/{w00})")),
        );

        let field = format!("($v>0 ? ({v_s}+{i}*{hot})/{{l_cell}} : {i}*{disc_ohm}/{{disc_m}})");
        let field_gamma = format!("{{z}}*{{a}}/({{pi}}*{{w_a}})*{field}");
        let gamma = "max(min($gamma,1),0)";
        // The same holds for both functions at 1.
        let even = format!("(sqrt(1-{gamma}*{gamma}+1e-16)+{gamma}*asin(min({gamma},1-1e-12)))");
        let barrier = |sign: char| format!("exp(-{{w_a}}*({even}{sign}{gamma}*{{pi}}/2)/{kt})");
        let limit = "max(1-pwr($v>0 ? {disc_n_min}/$n_disc : $n_disc/{disc_n_max},10),0)";
        let rate = format!(
            "($v>0 ? -1 : 1)*({{n_plug_1e26_per_m3}}+$n_disc)/2*{{a}}*{{nu0}}/{{disc_m}}*({}-{})*{limit}",
            barrier('-'),
            barrier('+'),
        );
        let eps = self.epsilon_b_r * EPSILON_0;
        let w00_n =
            PLANCK / (4.0 * PI) * (self.z * 1e26 / (ELECTRON_MASS * self.epsilon_r * EPSILON_0)).sqrt();
        Ok(Equations::new(self, format!("{i}*$v/{drive}"))
            .with("k_b_ev", K_B_EV)
            .with("pi", PI)
            .with("disc_m", disc.l_m)
            .with("disc_n_min", disc.n_min)
            .with("disc_n_max", disc.n_max)
            .with("disc_ohm_n", ohm(disc.l_m))
            .with("plug_ohm", ohm((self.l_cell_m - disc.l_m).max(0.0)) / self.n_plug_1e26_per_m3)
            .with("cold_ohm", self.r_tiox_ohm + self.r_0_ohm)
            .with("cubic", cubic)
            .with("r_th_negative", self.r_th0_k_per_w * ratio * ratio)
            .with("r_th_positive", self.r_th0_k_per_w * ratio * ratio * self.r_th_reset)
            .with("emission", area * self.richardson_a_per_m2_k2)
            .with("image", Q * (Q / eps) * (Q / eps) * (self.z * 1e26 / eps) / (8.0 * PI * PI))
            .with("w00_n", w00_n)
            .bounded("n_disc", rate)
            .value("ln_current", 1.0, format!("ln({through})"))
            .value("t_filament", 300.0, format!("{{t_ambient}}+{heat}"))
            .value("gamma", 1.0, field_gamma)
            .root("share", format!("$ln_current-($v>0 ? {positive} : {negative})"), -30.0, 30.0))
    }

    fn draw(&self, key: Key, _: u64) -> JartCell {
        let own = self.spread(self.nominal(), self.d2d_sigma, &key.stream(Purpose::DeviceSpread, 0));
        JartCell { own, from: own, to: own, n_from: 0.0, setting: false, extra: 0 }
    }

    fn initial(&self, cell: &JartCell, x: &mut [f64]) {
        x[0] = self.n_initial_1e26_per_m3.max(cell.own.n_min).min(cell.own.n_max);
    }

    /// The state is the concentration of vacancies in the disc, 1e26/m^3.
    fn eval(&self, cell: &JartCell, At { x, v, t_k }: At, guess: &mut f64) -> Result<Response, ModelError> {
        let (all, disc) = self.cell(cell, x[0], v, t_k);
        let drive = v.abs().max(SMALL_V);
        let at = all.solve(drive, guess).ok_or_else(|| ModelError::NoSolution {
            what: "the current through contact, disc and plug",
            v,
            x: x.to_vec(),
        })?;
        let mut out = Response::default();
        if v.abs() < SMALL_V {
            out.di_dv_s = at.i_a / drive;
            out.i_a = out.di_dv_s * v;
        } else {
            out.di_dv_s = all.slope(drive, at);
            out.i_a = at.i_a.copysign(v);
            out.dx[0] = self.ions(&all, &disc, x[0], at);
        }
        if self.rtn_rate_per_s > 0.0 {
            let t = if v.abs() < SMALL_V { t_k } else { at.t_k };
            let rate = self.rtn_rate_per_s * libm::exp(-self.rtn_ea_ev / (K_B_EV * t));
            let mean = x[0] / disc.vacancy();
            let present = mean + f64::from(cell.extra);
            out.hazard[0] = if present >= 2.0 - 1e-9 { rate * (present - 1.0) } else { 0.0 };
            out.hazard[1] = rate * (mean - 1.0).max(0.0);
        }
        Ok(out)
    }

    fn bounds(&self, cell: &JartCell, low: &mut [f64], high: &mut [f64]) {
        low[0] = cell.from.n_min.min(cell.to.n_min);
        high[0] = cell.from.n_max.max(cell.to.n_max);
    }

    fn scale(&self, _: &JartCell, x: &mut [f64]) {
        // Between the ends, four decades apart.
        x[0] = (self.n_min_1e26_per_m3 * self.n_max_1e26_per_m3).sqrt();
    }

    fn jump(&self, cell: &mut JartCell, _: &mut [f64], channel: usize, _: u32, _: Key, _: u64) {
        cell.extra = cell.extra.saturating_add(if channel == 0 { -1 } else { 1 });
    }

    fn accept(
        &self,
        cell: &mut JartCell,
        before: &[f64],
        x: &mut [f64],
        v: f64,
        cycle: &mut u32,
        key: Key,
        _: u64,
    ) -> bool {
        if self.c2c_sigma <= 0.0 {
            return false;
        }
        if v < 0.0 && !cell.setting && x[0] > before[0] {
            // A RESET is over: the next filament is another one.
            *cycle = cycle.wrapping_add(1);
            let stream = key.stream(Purpose::Cycle, u64::from(*cycle));
            cell.to = self.spread(cell.own, self.c2c_sigma, &stream);
            cell.n_from = x[0];
            cell.setting = true;
            true
        } else if v > 0.0 && cell.setting && x[0] < before[0] {
            let mut reached = cell.disc(before[0]);
            reached.n_max = reached.n_max.max(x[0]);
            (cell.from, cell.to) = (reached, reached);
            cell.setting = false;
            true
        } else {
            false
        }
    }
}

#[cfg(test)]
mod tests;
