use super::*;
use crate::{Key, Unwatched};

/// Statistical Reference Datasets of NIST, nonlinear regression: data and values certified to eleven digits.
struct Certified {
    name: &'static str,
    model: fn(&[f64], f64) -> f64,
    x: &'static [f64],
    y: &'static [f64],
    starts: [&'static [f64]; 2],
    values: &'static [f64],
    errors: &'static [f64],
    rss: f64,
}

fn ratio(b: &[f64], x: f64) -> f64 {
    let top = b[0] + x * (b[1] + x * (b[2] + x * b[3]));
    top / (1.0 + x * (b[4] + x * (b[5] + x * b[6])))
}

const NIST: [Certified; 3] = [
    Certified {
        name: "Misra1a",
        model: |b, x| b[0] * (1.0 - (-b[1] * x).exp()),
        x: &[77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760.0],
        y: &[
            10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.40, 75.47, 81.78,
        ],
        starts: [&[500.0, 1e-4], &[250.0, 5e-4]],
        values: &[2.3894212918e2, 5.5015643181e-4],
        errors: &[2.7070075241, 7.2668688436e-6],
        rss: 1.2455138894e-1,
    },
    Certified {
        name: "MGH09",
        model: |b, x| b[0] * (x * x + x * b[1]) / (x * x + x * b[2] + b[3]),
        x: &[4.0, 2.0, 1.0, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625],
        y: &[0.1957, 0.1947, 0.1735, 0.16, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246],
        starts: [&[25.0, 39.0, 41.5, 39.0], &[0.25, 0.39, 0.415, 0.39]],
        values: &[1.9280693458e-1, 1.9128232873e-1, 1.2305650693e-1, 1.3606233068e-1],
        errors: &[1.1435312227e-2, 1.9633220911e-1, 8.0842031232e-2, 9.0025542308e-2],
        rss: 3.0750560385e-4,
    },
    Certified {
        name: "Thurber",
        model: ratio,
        x: &[
            -3.067, -2.981, -2.921, -2.912, -2.840, -2.797, -2.702, -2.699, -2.633, -2.481, -2.363, -2.322,
            -1.501, -1.460, -1.274, -1.212, -1.100, -1.046, -0.915, -0.714, -0.566, -0.545, -0.400, -0.309,
            -0.109, -0.103, 0.010, 0.119, 0.377, 0.790, 0.963, 1.006, 1.115, 1.572, 1.841, 2.047, 2.200,
        ],
        y: &[
            80.574, 84.248, 87.264, 87.195, 89.076, 89.608, 89.868, 90.101, 92.405, 95.854, 100.696, 101.060,
            401.672, 390.724, 567.534, 635.316, 733.054, 759.087, 894.206, 990.785, 1090.109, 1080.914,
            1122.643, 1178.351, 1260.531, 1273.514, 1288.339, 1327.543, 1353.863, 1414.509, 1425.208,
            1421.384, 1442.962, 1464.350, 1468.705, 1447.894, 1457.628,
        ],
        starts: [
            &[1000.0, 1000.0, 400.0, 40.0, 0.7, 0.3, 0.03],
            &[1300.0, 1500.0, 500.0, 75.0, 1.0, 0.4, 0.05],
        ],
        values: &[
            1.2881396800e3,
            1.4910792535e3,
            5.8323836877e2,
            7.5416644291e1,
            9.6629502864e-1,
            3.9797285797e-1,
            4.9727297349e-2,
        ],
        errors: &[
            4.6647963344,
            3.9571156086e1,
            2.8698696102e1,
            5.5675370270,
            3.1333340687e-2,
            1.4984928198e-2,
            6.5842344623e-3,
        ],
        rss: 5.6427082397e3,
    },
];

fn unbounded(start: &[f64]) -> Vec<Variable> {
    let name = |j: usize| format!("b{}", j + 1);
    let inf = f64::INFINITY;
    start.iter().enumerate().map(|(j, s)| Variable::linear(name(j), *s, -inf, inf)).collect()
}

impl Certified {
    fn residuals(&self) -> impl Fn(&[f64], &mut [f64]) -> Result<(), String> + Sync + '_ {
        |b, r| {
            for (r, (x, y)) in r.iter_mut().zip(self.x.iter().zip(self.y)) {
                *r = (self.model)(b, *x) - y;
            }
            Ok(())
        }
    }
}

#[test]
fn certified_values_and_errors_are_reached_from_both_starts() {
    for case in &NIST {
        for start in case.starts {
            let variables = unbounded(start);
            let options = Options { reach: 1e9, ..Options::default() };
            let fit =
                least_squares(&variables, case.x.len(), &case.residuals(), &options, &Unwatched).unwrap();
            assert_ne!(fit.stop, Stop::Evaluations, "{}", case.name);
            assert!((2.0 * fit.cost / case.rss - 1.0).abs() < 1e-9, "{}: {}", case.name, 2.0 * fit.cost);
            for ((found, value), error) in fit.estimates.iter().zip(case.values).zip(case.errors) {
                let name = format!("{} {}", case.name, found.name);
                assert!((found.value / value - 1.0).abs() < 2e-7, "{name}: {} {value}", found.value);
                let got = found.standard_error.unwrap();
                assert!((got / error - 1.0).abs() < 2e-5, "{name}: {got} {error}");
                let t = found.interval95.unwrap().half_width() / got;
                // Quantile 0.975 of Student's t by tables, for the degrees of freedom of the three sets.
                let table = [(12, 2.178_813), (7, 2.364_624), (30, 2.042_272)];
                let expected = table.iter().find(|t| t.0 == fit.degrees).unwrap().1;
                assert!((t - expected).abs() < 1e-5, "{name}: {t}");
            }
        }
    }
}

#[test]
fn logarithms_find_the_same_minimum_with_the_same_errors() {
    let case = &NIST[0];
    let variables = [Variable::log("b1", 500.0, 1.0, 1e5), Variable::log("b2", 1e-4, 1e-8, 1.0)];
    let fit =
        least_squares(&variables, case.x.len(), &case.residuals(), &Options::default(), &Unwatched).unwrap();
    for ((found, value), error) in fit.estimates.iter().zip(case.values).zip(case.errors) {
        assert!((found.value / value - 1.0).abs() < 2e-7, "{found:?}");
        assert!((found.standard_error.unwrap() / error - 1.0).abs() < 1e-5, "{found:?}");
        assert_eq!(found.verdict, Verdict::Determined);
    }
}

#[test]
fn a_bound_is_kept_and_said() {
    // Misra1a with b1 held below its optimum: by the conditions of Karush, Kuhn and Tucker the minimum lies on the
    // bound, and b2 there is that of a fit of b2 alone.
    let case = &NIST[0];
    let mut variables = unbounded(&[150.0, 1e-4]);
    variables[0].high = 200.0;
    let fit =
        least_squares(&variables, case.x.len(), &case.residuals(), &Options::default(), &Unwatched).unwrap();
    assert_eq!((fit.estimates[0].value, fit.estimates[0].verdict), (200.0, Verdict::AtHigh));
    assert_eq!(fit.estimates[0].interval95, None);
    let alone = |b: &[f64], r: &mut [f64]| case.residuals()(&[200.0, b[0]], r);
    let one =
        least_squares(&unbounded(&[1e-4]), case.x.len(), &alone, &Options::default(), &Unwatched).unwrap();
    assert!((fit.estimates[1].value / one.estimates[0].value - 1.0).abs() < 1e-7);
    // From outside a negative logarithm the bounds keep their names.
    let negative = |b: &[f64], r: &mut [f64]| case.residuals()(&[-b[0], b[1]], r);
    let variables = [Variable::log("minus b1", -150.0, -200.0, -1.0), Variable::log("b2", 1e-4, 1e-8, 1.0)];
    let fit = least_squares(&variables, case.x.len(), &negative, &Options::default(), &Unwatched).unwrap();
    assert_eq!(fit.estimates[0].verdict, Verdict::AtLow);
    assert!((fit.estimates[0].value + 200.0).abs() < 1e-9);
}

/// A line with noise of a fixed pattern and every tenth point far off.
fn line_with_outliers() -> (Vec<f64>, Vec<f64>) {
    let x: Vec<f64> = (0..50).map(f64::from).collect();
    let y =
        x.iter().map(|x| 3.0 + 0.5 * x + 0.1 * (7.0 * x).sin() + if x % 10.0 == 5.0 { 20.0 } else { 0.0 });
    let y = y.collect();
    (x, y)
}

#[test]
fn robust_losses_agree_with_scipy() {
    // scipy.optimize.least_squares with loss='soft_l1' and 'huber', f_scale=0.3, ftol=xtol=gtol=1e-15.
    let (x, y) = line_with_outliers();
    let residuals = |b: &[f64], r: &mut [f64]| {
        r.iter_mut().zip(x.iter().zip(&y)).for_each(|(r, (x, y))| *r = b[0] + b[1] * x - y);
        Ok(())
    };
    for (loss, values, cost) in [
        (Loss::SoftL1 { scale: 0.3 }, [3.0541004615704854, 0.49961077021708883], 29.57457436597276),
        (Loss::Huber { scale: 0.3 }, [3.050943087614379, 0.499615219374024], 29.800814452183957),
    ] {
        let options = Options { loss, ..Options::default() };
        let fit = least_squares(&unbounded(&[1.0, 1.0]), x.len(), &residuals, &options, &Unwatched).unwrap();
        for (found, value) in fit.estimates.iter().zip(values) {
            assert!((found.value / value - 1.0).abs() < 1e-6, "{loss:?}: {} {value}", found.value);
        }
        assert!((fit.cost / cost - 1.0).abs() < 1e-9, "{loss:?}: {} {cost}", fit.cost);
        assert!(fit.estimates[1].interval95.unwrap().contains(0.5));
    }
}

#[test]
fn what_data_leave_open_is_named() {
    // Only the product of a and b acts; c is known.
    let residuals = |p: &[f64], r: &mut [f64]| {
        for (i, r) in r.iter_mut().enumerate() {
            let x = i as f64;
            *r = p[0] * p[1] * x + p[2] - (6.0 * x + 1.0 + 0.01 * (3.0 * x).sin());
        }
        Ok(())
    };
    let variables = [
        Variable::log("a", 1.0, 1e-3, 1e3),
        Variable::log("b", 1.0, 1e-3, 1e3),
        Variable::linear("c", 0.0, -10.0, 10.0),
    ];
    let fit = least_squares(&variables, 20, &residuals, &Options::default(), &Unwatched).unwrap();
    let verdicts: Vec<_> = fit.estimates.iter().map(|e| e.verdict).collect();
    assert_eq!(verdicts, [Verdict::NotDetermined, Verdict::NotDetermined, Verdict::Determined]);
    assert!((fit.estimates[0].value * fit.estimates[1].value - 6.0).abs() < 0.01);
    assert_eq!(fit.undetermined.len(), 1);
    // a/b is open: equal weights of opposite signs.
    let parts = &fit.undetermined[0].parts;
    assert_eq!(parts.len(), 2);
    assert!((parts[0].1 + parts[1].1).abs() < 1e-4 && (parts[0].1.abs() - 0.5_f64.sqrt()).abs() < 1e-4);
    let text = fit.undetermined[0].to_string();
    assert!(
        ["0.71 a - 0.71 b", "-0.71 a + 0.71 b", "0.71 b - 0.71 a", "-0.71 b + 0.71 a"].contains(&&*text),
        "{text}"
    );
}

#[test]
fn intervals_cover_the_truth_as_often_as_they_say() {
    // 400 draws of a decay with noise: 95 % of the intervals hold the truth, within four standard errors (1.1 % each).
    let inside = (0..400)
        .filter(|draw| {
            let noise = Key::root(9).child("draw", *draw).stream(crate::Purpose::Data, 0);
            let residuals = |p: &[f64], r: &mut [f64]| {
                for (i, r) in r.iter_mut().enumerate() {
                    let x = 0.1 * i as f64;
                    let y = 2.0 * (-0.7 * x).exp() + 0.05 * f64::from(noise.normal(i as u64));
                    *r = p[0] * (-p[1] * x).exp() - y;
                }
                Ok(())
            };
            let variables = [Variable::log("a", 1.0, 1e-2, 1e2), Variable::log("rate", 1.0, 1e-2, 1e2)];
            let fit = least_squares(&variables, 40, &residuals, &Options::default(), &Unwatched).unwrap();
            fit.estimates[1].interval95.unwrap().contains(0.7)
        })
        .count();
    assert!((363..=397).contains(&inside), "{inside} of 400");
}

#[test]
fn intervals_of_a_series_cover_the_truth_where_its_noise_has_memory() {
    // A mean under noise of first order with correlation 0.8: intervals that count every value cover the truth in about
    // half of 300 draws, those of a series in most.
    let covered = |series: bool| {
        let inside = |draw: &u64| {
            let noise = Key::root(4).child("draw", *draw).stream(crate::Purpose::Data, 0);
            let mut walk = 0.0;
            let y: Vec<f64> = (0..400)
                .map(|i| {
                    walk = 0.8 * walk + 0.6 * f64::from(noise.normal(i));
                    5.0 + walk
                })
                .collect();
            let residuals = |p: &[f64], r: &mut [f64]| {
                r.iter_mut().zip(&y).for_each(|(r, y)| *r = p[0] - y);
                Ok(())
            };
            let options = Options { series, ..Options::default() };
            let mean = [Variable::linear("mean", 1.0, 0.0, 10.0)];
            let fit = least_squares(&mean, y.len(), &residuals, &options, &Unwatched).unwrap();
            fit.estimates[0].interval95.unwrap().contains(5.0)
        };
        (0..300).filter(inside).count()
    };
    let (plain, series) = (covered(false), covered(true));
    assert!(plain < 210 && (270..=297).contains(&series), "{plain} and {series} of 300");
}

#[test]
fn many_starts_find_the_deepest_of_many_valleys() {
    // A sine whose frequency has a local minimum in every period of its error; from its own start it stays in one.
    let residuals = |p: &[f64], r: &mut [f64]| {
        for (i, r) in r.iter_mut().enumerate() {
            let x = 0.05 * i as f64;
            *r = (p[0] * x).sin() - (7.3 * x).sin();
        }
        Ok(())
    };
    let variables = [Variable::linear("frequency", 2.0, 0.1, 20.0)];
    let options = Options::default();
    let alone = least_squares(&variables, 200, &residuals, &options, &Unwatched).unwrap();
    assert!((alone.estimates[0].value - 7.3).abs() > 1.0);
    let starts = Starts { given: Vec::new(), drawn: 60, refined: 5, key: Key::root(3) };
    let many = multi_start(&variables, 200, &residuals, &options, &starts, &Unwatched).unwrap();
    assert!((many.estimates[0].value - 7.3).abs() < 1e-6, "{:?}", many.estimates);
    assert_eq!(many, multi_start(&variables, 200, &residuals, &options, &starts, &Unwatched).unwrap());
}

#[test]
fn a_model_without_an_answer_is_stepped_back_from() {
    // ln is undefined left of 0: the search may not fall over it.
    let residuals = |p: &[f64], r: &mut [f64]| {
        if p[0] <= 0.0 {
            return Err(format!("no logarithm of {}", p[0]));
        }
        r.iter_mut().for_each(|r| *r = p[0].ln() + 3.0);
        Ok(())
    };
    let start = |s: f64| [Variable::linear("x", s, -10.0, 10.0)];
    let fit = least_squares(&start(2.0), 3, &residuals, &Options::default(), &Unwatched).unwrap();
    assert!((fit.estimates[0].value / (-3.0_f64).exp() - 1.0).abs() < 1e-6, "{:?}", fit.estimates);
    let error = least_squares(&start(-2.0), 3, &residuals, &Options::default(), &Unwatched).unwrap_err();
    assert_eq!(error, FitError::Start("no logarithm of -2".to_owned()));
}

#[test]
fn what_cannot_be_fitted_is_said() {
    let nothing = |_: &[f64], r: &mut [f64]| {
        r.fill(1.0);
        Ok(())
    };
    let fit = |variables: &[Variable], count| {
        least_squares(variables, count, &nothing, &Options::default(), &Unwatched).map_err(|e| e.to_string())
    };
    let two = [Variable::linear("a", 1.0, 0.0, 2.0), Variable::linear("b", 1.0, 0.0, 2.0)];
    assert!(fit(&two, 1).unwrap_err().contains("1 values cannot determine 2 parameters (a, b)"));
    assert!(fit(&[], 1).is_err());
    assert!(fit(&[Variable::linear("a", 3.0, 0.0, 2.0)], 1).unwrap_err().contains("`a` starts at 3"));
    assert!(fit(&[Variable::log("a", 1.0, 0.0, 2.0)], 1).unwrap_err().contains("of one sign"));
    assert!(fit(&[Variable::linear("a", f64::NAN, 0.0, 2.0)], 1).is_err());
    // Residuals that nothing changes determine nothing.
    let flat = fit(&two, 5).unwrap();
    assert!(flat.estimates.iter().all(|e| e.verdict == Verdict::NotDetermined && e.interval95.is_none()));
    struct Impatient;
    impl Watch for Impatient {
        fn step(&self, _: u64) -> Result<(), Cancelled> {
            Err(Cancelled)
        }
    }
    let stopped = least_squares(&two, 5, &nothing, &Options::default(), &Impatient);
    assert_eq!(stopped, Err(FitError::Cancelled(Cancelled)));
}
