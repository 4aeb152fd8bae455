//! Waveforms: values on both sides of jumps, and marks that are found to the bit.

use neurohm_circuit::{Mark, Pulses, Side, Waveform};
use proptest::prelude::*;

fn marks(wave: &Waveform, n: usize) -> Vec<Mark> {
    let mut t_s = -1.0;
    (0..n)
        .map_while(|_| {
            let mark = wave.next_mark(t_s)?;
            t_s = mark.t_s;
            Some(mark)
        })
        .collect()
}

#[test]
fn shapes_have_the_values_they_are_named_after() {
    let after = |wave: &Waveform, t: f64| wave.at(t, Side::After).unwrap();
    let triangle = Waveform::triangle(2.0, 0.5).unwrap();
    for (t, v) in [(0.0, 0.0), (0.25, 1.0), (0.5, 2.0), (1.0, 0.0), (1.5, -2.0), (2.0, 0.0), (2.25, 1.0)] {
        assert!((after(&triangle, t) - v).abs() < 1e-15, "{t}");
    }
    let sine = Waveform::sine_from(1.0, 2.0, 10.0, 0.5).unwrap();
    for (t, v) in [(0.0, 1.0), (0.5, 1.0), (0.525, 3.0), (0.575, -1.0), (1000.525, 3.0)] {
        assert!((after(&sine, t) - v).abs() < 1e-9, "{t}");
    }
    let samples = Waveform::samples(&[1.0, 2.0, 2.0, 4.0], &[0.0, 1.0, 5.0, 7.0]).unwrap();
    for (t, v) in [(0.0, 0.0), (1.5, 0.5), (2.0, 5.0), (3.0, 6.0), (9.0, 7.0)] {
        assert_eq!(after(&samples, t), v);
    }
    assert_eq!(samples.at(2.0, Side::Before), Some(1.0));
}

#[test]
fn a_train_ends_and_a_gate_lets_go() {
    let train = Pulses {
        low: 0.0,
        high: 1.0,
        delay_s: 1.0,
        rise_s: 0.0,
        width_s: 0.25,
        fall_s: 0.0,
        period_s: 1.0,
        count: Some(3),
    };
    let pulses = Waveform::pulses(train).unwrap();
    let edges: Vec<f64> = marks(&pulses, 100).iter().map(|m| m.t_s).collect();
    assert_eq!(edges, [1.0, 1.25, 2.0, 2.25, 3.0, 3.25, 4.0]);
    assert_eq!(pulses.at(3.1, Side::After), Some(1.0));
    assert_eq!(pulses.at(4.1, Side::After), Some(0.0), "three pulses, not four");
    let gated = Waveform::sine(1.0, 0.01).unwrap().gated(&pulses).unwrap();
    assert_eq!(gated.at(0.5, Side::After), None);
    assert!(gated.at(1.1, Side::After).is_some());
    assert_eq!((gated.at(1.0, Side::Before), gated.at(1.25, Side::After)), (None, None));
    assert!(marks(&gated, 4)[1..].iter().all(|m| m.corner));
}

#[test]
fn a_sine_is_marked_at_zeros_and_crests() {
    let wave = Waveform::sine(1.0, 50.0).unwrap();
    let mut t_s = 0.0;
    for quarter in 1..4000 {
        let mark = wave.next_mark(t_s).unwrap();
        assert!((mark.t_s * 200.0 - f64::from(quarter)).abs() < 1e-9 && !mark.corner, "{mark:?}");
        t_s = mark.t_s;
    }
}

proptest! {
    #[test]
    fn marks_move_on_and_jumps_are_seen_from_both_sides(
        delay_s in -1.0..1.0f64, period_s in 1e-9..10.0f64, duty in 0.01..0.99f64, start in 0u32..1_000_000,
    ) {
        let train = Pulses {
            low: -1.0, high: 1.0, delay_s, rise_s: 0.0, width_s: duty * period_s, fall_s: 0.0, period_s, count: None,
        };
        let wave = Waveform::pulses(train).unwrap();
        let mut t_s = delay_s + f64::from(start) * period_s;
        for _ in 0..20 {
            let mark = wave.next_mark(t_s).unwrap();
            prop_assert!(mark.t_s > t_s && mark.t_s - t_s <= period_s * (1.0 + 1e-6) + 1e-9 * t_s.abs());
            let (before, after) = (wave.at(mark.t_s, Side::Before).unwrap(), wave.at(mark.t_s, Side::After).unwrap());
            // An edge is a jump, or one of the two roundings of a period's end beside it.
            let next = wave.next_mark(mark.t_s).unwrap().t_s;
            prop_assert!(before != after || next - mark.t_s < 1e-6 * period_s || mark.t_s - t_s < 1e-6 * period_s);
            t_s = mark.t_s;
        }
    }
}
