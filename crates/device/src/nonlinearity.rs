//! The nonlinearity label of a pulse train, by closed form.
//!
//! NeuroSim (Chen, Peng and Yu, as read in the code of MLP NeuroSim V3.0) fits potentiation as
//! G(P) = B (1 - exp(-P / A)) + G_min with B = (G_max - G_min) / (1 - exp(-P_max / A)), and gives a device a label that
//! depends on A / P_max alone, by a table. The table is, within its digits and for A / P_max from 0.01 to 9, the
//! largest distance of the normalised curve from the diagonal, divided by 0.09899; so is the label here, and of
//! measured curves that have another form too.

/// Distance from the diagonal for a label of 1.
const PER_LABEL: f64 = 0.09899;

/// Label of the curve with `a` = A / P_max; 0 for a straight line (`a` infinite or not positive).
pub fn label(a: f64) -> f64 {
    if !a.is_finite() || a <= 0.0 {
        return 0.0;
    }
    // The normalised curve f(x) = (1 - exp(-x / a)) / n is steepest first; f' = 1 at exp(-x / a) = a n.
    let n = -libm::expm1(-1.0 / a);
    let x = -a * libm::log(a * n);
    (((1.0 - a * n) / n) - x) / PER_LABEL
}

/// A / P_max of a label, from 0.001 to 1000 (which counts as straight).
pub fn a_of_label(nl: f64) -> f64 {
    let (mut low, mut high) = (libm::log(1e-3), libm::log(1e3));
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if label(libm::exp(middle)) > nl.abs() { low = middle } else { high = middle }
    }
    libm::exp(0.5 * (low + high))
}

/// Label of conductances after 0, 1, 2, ... equal pulses: positive where the first steps are the larger ones. None for
/// fewer than three, or if the last is where the first is.
pub fn label_of(trace_s: &[f64]) -> Option<f64> {
    let (first, last) = (*trace_s.first()?, *trace_s.last()?);
    let range = last - first;
    if trace_s.len() < 3 || range == 0.0 || !range.is_finite() {
        return None;
    }
    let end = (trace_s.len() - 1) as f64;
    let distances = trace_s.iter().enumerate().map(|(i, g)| (g - first) / range - i as f64 / end);
    let furthest = distances.fold(0.0_f64, |most, d| if d.abs() > most.abs() { d } else { most });
    Some(furthest / PER_LABEL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_those_of_the_table() {
        // A / P_max over labels, of the dossier.
        for (nl, a) in [
            (0.5, 2.5199),
            (1.0, 1.2517),
            (2.0, 0.6090),
            (2.4, 0.4992),
            (3.0, 0.3868),
            (4.0, 0.2691),
            (5.0, 0.1924),
            (6.0, 0.1356),
            (8.0, 0.0528),
            (9.0, 0.0228),
        ] {
            assert!((label(a) / nl - 1.0).abs() < 2e-3, "{a}: {} {nl}", label(a));
            assert!((a_of_label(nl) / a - 1.0).abs() < 1e-2, "{nl}: {} {a}", a_of_label(nl));
        }
        assert_eq!(label(f64::INFINITY), 0.0);
    }

    #[test]
    fn a_trace_has_the_label_of_its_curve() {
        let a = 0.3868;
        let curve: Vec<f64> = (0..=1000).map(|p| 1.0 - (-f64::from(p) / 1000.0 / a).exp()).collect();
        assert!((label_of(&curve).unwrap() - 3.0).abs() < 0.01);
        let down: Vec<f64> = curve.iter().map(|g| 5.0 - g).collect();
        assert!((label_of(&down).unwrap() - 3.0).abs() < 0.01);
        let late: Vec<f64> = curve.iter().rev().copied().collect();
        assert!((label_of(&late).unwrap() + 3.0).abs() < 0.01);
        assert_eq!(label_of(&[1.0, 2.0]), None);
        assert_eq!(label_of(&[1.0, 2.0, 1.0]), None);
    }
}
