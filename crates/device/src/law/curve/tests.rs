use super::*;
use proptest::prelude::*;

fn curves() -> Vec<Curve> {
    let log = |low, high| Curve::Logarithm { slope: -0.0155, offset: 0.0244, low, high };
    let power = Curve::Power { factor: 0.0088, exponent: -0.65, high: 0.2 };
    vec![
        Curve::Constant(0.3),
        Curve::Polynomial(vec![0.26348, 1.9650, -1.1731]),
        Curve::Polynomial(vec![0.348, 16.030, -43.853, 45.393, -16.815]),
        Curve::Polynomial((0..8).map(|i| 0.1 * f64::from(i)).collect()),
        Curve::Polynomial((0..12).map(|i| 0.1 * f64::from(i)).collect()),
        log(Some(0.049), Some(0.1)),
        log(None, None),
        power.clone(),
        Curve::Table { x: vec![0.1, 0.25, 0.7, 0.9], y: vec![-1.0, 2.0, 0.5, 0.6] },
        Curve::Table { x: vec![0.5], y: vec![0.25] },
        Curve::Split { at: 0.1, below: Box::new(log(None, Some(0.05))), above: Box::new(power) },
    ]
}

#[test]
fn blocks_agree_with_double_precision() {
    let g: Vec<f32> = (0..BLOCK).map(|i| i as f32 * 25e-6 / (BLOCK - 1) as f32).collect();
    let mut x = Argument::new();
    let mut y = [0.0; BLOCK];
    for curve in curves() {
        for len in [BLOCK, 37, 1, 0] {
            curve.fill(x.set(&g[..len], 1.0 / 25e-6), &mut y[..len]);
            for (g, y) in g.iter().zip(&y[..len]) {
                let exact = curve.value(f64::from(g * (1.0 / 25e-6_f32)));
                assert!(
                    (f64::from(*y) - exact).abs() <= 4e-6 * exact.abs().max(0.1),
                    "{curve:?} at {g}: {y} {exact}"
                );
            }
        }
    }
}

#[test]
fn published_values_of_the_pcm_curves() {
    let nu_mean = &curves()[5];
    // The floor of 0.049 is left below 0.2045, the cap of 0.1 reached at 0.00762.
    assert_eq!((nu_mean.value(0.2046), nu_mean.value(0.0076), nu_mean.value(0.0)), (0.049, 0.1, 0.1));
    assert!(nu_mean.value(0.2044) > 0.049 && nu_mean.value(0.0077) < 0.1);
    let sd = &curves()[1];
    for (x, y) in [(0.0, 0.26348), (0.2, 0.60956), (0.5, 0.95271), (1.0, 1.05538)] {
        assert!((sd.value(x) - y).abs() < 6e-6, "{x}");
    }
}

#[test]
fn a_table_holds_its_ends_and_is_linear_between_its_points() {
    let table = Curve::Table { x: vec![0.2, 0.4, 0.8], y: vec![1.0, 3.0, -1.0] };
    for (x, y) in [(0.0, 1.0), (0.2, 1.0), (0.3, 2.0), (0.4, 3.0), (0.6, 1.0), (0.8, -1.0), (5.0, -1.0)] {
        assert!((table.value(x) - y).abs() < 1e-12, "{x}");
    }
}

#[test]
fn impossible_tables_are_named() {
    let table = |x: &[f64], y: &[f64]| Curve::Table { x: x.to_vec(), y: y.to_vec() }.problem();
    assert_eq!(table(&[0.0, 0.0], &[1.0, 2.0]).as_deref(), Some("is a table whose x do not rise"));
    let uneven = "is a table of 2 x and 1 y; give as many of both, 1 to 256";
    assert_eq!(table(&[0.0, 1.0], &[1.0]).as_deref(), Some(uneven));
    assert!(table(&[], &[]).is_some() && table(&[0.0], &[f64::INFINITY]).is_some());
}

#[test]
fn impossible_curves_are_named() {
    let nested = (0..20).fold(Curve::Constant(1.0), |c, _| Curve::Split {
        at: 0.5,
        below: Box::new(c),
        above: Box::new(Curve::Constant(0.0)),
    });
    assert_eq!(nested.problem().as_deref(), Some("is split more than 8 times"));
    assert!(Curve::Polynomial(vec![]).problem().is_some());
    assert!(Curve::Polynomial(vec![1.0, f64::NAN]).problem().is_some());
    let upside_down = Curve::Logarithm { slope: 1.0, offset: 0.0, low: Some(1.0), high: Some(0.0) };
    assert_eq!(upside_down.problem().as_deref(), Some("has low = 1 above high = 0"));
    assert!(curves().iter().all(|c| c.problem().is_none() && !c.is_zero() && c.scaled(0.0).is_zero()));
}

proptest! {
    #[test]
    fn scaling_scales(x in 0.0..1.0_f64, factor in 0.0..10.0_f64) {
        for curve in curves() {
            let (scaled, expected) = (curve.scaled(factor).value(x), factor * curve.value(x));
            prop_assert!((scaled - expected).abs() <= 1e-12 * (1.0 + expected.abs()), "{:?}", curve);
        }
    }
}
