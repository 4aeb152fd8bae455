//! Waiting: weights that stay without power against weights that leak or must be fetched again.

use serde::Serialize;

use crate::CostError;

/// How a system waits between bursts of work.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Waiting {
    /// What it is.
    pub name: String,
    /// Energy of a sample, J.
    pub sample_j: f64,
    /// Time of a sample, s.
    pub sample_s: f64,
    /// Power that keeps the weights while it waits, W; none where they stay by themselves.
    pub idle_w: f64,
    /// Energy of waking up, J: fetching the weights where they were given up.
    pub wake_j: f64,
}

/// Bursts of work, one every period.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bursts {
    /// Time from one burst to the next, s.
    pub period_s: f64,
    /// Samples of a burst.
    pub samples: f64,
}

impl Waiting {
    /// Part of the time in which it works.
    ///
    /// # Errors
    /// Bursts that are none, or that take longer than their period.
    pub fn duty(&self, bursts: Bursts) -> Result<f64, CostError> {
        let Bursts { period_s, samples } = bursts;
        if !(period_s > 0.0 && period_s.is_finite() && samples >= 0.0 && samples.is_finite()) {
            let problem =
                format!("{samples} samples every {period_s} s are no bursts; give finite numbers above 0");
            return Err(CostError::mismatch("duty cycle", problem));
        }
        let duty = samples * self.sample_s / period_s;
        if duty > 1.0 {
            return Err(CostError::Room {
                what: format!("a burst of {samples} samples on {}", self.name),
                needed: format!("{:.3e} s", samples * self.sample_s),
                room: format!("{period_s:.3e} s"),
                remedy: "make bursts smaller or rarer".to_owned(),
            });
        }
        Ok(duty)
    }

    /// Mean power, W: `(samples E_sample + E_wake) / T + P_idle (1 - duty)`.
    ///
    /// # Errors
    /// As [`duty`](Self::duty).
    pub fn mean_w(&self, bursts: Bursts) -> Result<f64, CostError> {
        let duty = self.duty(bursts)?;
        let burst_j = bursts.samples * self.sample_j + self.wake_j;
        Ok(burst_j / bursts.period_s + self.idle_w * (1.0 - duty))
    }
}

/// Time of waiting from which it costs less to give the weights up and fetch them again than to keep them, s:
/// `E_wake / P_idle`.
pub fn break_even_s(wake_j: f64, idle_w: f64) -> f64 {
    wake_j / idle_w
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(idle_w: f64, wake_j: f64) -> Waiting {
        Waiting { name: "x".into(), sample_j: 1e-6, sample_s: 1e-3, idle_w, wake_j }
    }

    #[test]
    fn keeping_and_fetching_cost_the_same_at_the_break_even_time() {
        let (idle_w, wake_j) = (0.16, 1.3e-3);
        let waits_s = break_even_s(wake_j, idle_w);
        let bursts = Bursts { period_s: waits_s + 1e-3, samples: 1.0 };
        let (keeps, fetches) =
            (kept(idle_w, 0.0).mean_w(bursts).unwrap(), kept(0.0, wake_j).mean_w(bursts).unwrap());
        assert!((keeps / fetches - 1.0).abs() < 1e-12);
        // Rarer than that, fetching is cheaper.
        let rare = Bursts { period_s: 2.0 * bursts.period_s, ..bursts };
        assert!(kept(idle_w, 0.0).mean_w(rare).unwrap() > kept(0.0, wake_j).mean_w(rare).unwrap());
    }

    #[test]
    fn what_stays_without_power_takes_energy_a_sample_and_no_more() {
        let stays = kept(0.0, 0.0);
        for period_s in [1e-3, 1.0, 3600.0] {
            let found = stays.mean_w(Bursts { period_s, samples: 1.0 }).unwrap();
            assert!((found * period_s / 1e-6 - 1.0).abs() < 1e-12);
        }
        // At full duty nobody waits, and leakage while waiting is none.
        let busy = Bursts { period_s: 1e-3, samples: 1.0 };
        assert_eq!(kept(5.0, 0.0).mean_w(busy).unwrap(), stays.mean_w(busy).unwrap());
    }

    #[test]
    fn bursts_that_do_not_fit_are_refused() {
        let error = kept(0.0, 0.0).mean_w(Bursts { period_s: 1e-4, samples: 1.0 }).unwrap_err().to_string();
        assert!(error.contains("smaller or rarer"), "{error}");
        for period_s in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(kept(0.0, 0.0).mean_w(Bursts { period_s, samples: 1.0 }).is_err());
        }
    }
}
