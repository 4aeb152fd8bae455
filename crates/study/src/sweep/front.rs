//! Points that no other point beats.

use crate::record::Better;

/// The points that no other one beats (Pareto): none is at least as good in every value and better in one. `values` holds a
/// row a point, `better` says of each value which direction is better. Points come back in the order of their first value, the
/// best first; of equal points the first.
pub(crate) fn front(values: &[Vec<f64>], better: &[Better]) -> Vec<usize> {
    // All values as costs.
    let cost = |point: usize, n: usize| match better[n] {
        Better::Lower => values[point][n],
        Better::Higher => -values[point][n],
    };
    let mut order: Vec<usize> = (0..values.len()).collect();
    // Whoever beats a point stands before it.
    order.sort_by(|a, b| {
        let costs = (0..better.len()).map(|n| cost(*a, n).total_cmp(&cost(*b, n)));
        costs.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then).then(a.cmp(b))
    });
    let mut front: Vec<usize> = Vec::new();
    for point in order {
        let beaten = |other: &usize| (0..better.len()).all(|n| cost(*other, n) <= cost(point, n));
        // The last one is the most like it.
        if !front.iter().rev().any(beaten) {
            front.push(point);
        }
    }
    front
}

#[cfg(test)]
mod tests {
    use super::*;
    use neurohm_num::{Key, Purpose};

    #[test]
    fn a_front_is_what_its_definition_says() {
        let stream = Key::root(3).stream(Purpose::Data, 0);
        for (objectives, levels) in [(2, 6.0), (2, 1e6), (3, 9.0)] {
            // Few levels make ties.
            let value = |i: u64| f64::from((stream.uniform(i) * levels).floor());
            let values: Vec<Vec<f64>> =
                (0..200).map(|p| (0..objectives).map(|n| value(7 * p + n)).collect()).collect();
            let better: Vec<Better> =
                (0..objectives).map(|n| if n % 2 == 0 { Better::Higher } else { Better::Lower }).collect();
            let at_least = |a: &[f64], b: &[f64]| {
                (0..a.len()).all(|n| if better[n] == Better::Higher { a[n] >= b[n] } else { a[n] <= b[n] })
            };
            let beats = |a: &Vec<f64>, b: &Vec<f64>| at_least(a, b) && a != b;
            let first = |p: usize| !values[..p].contains(&values[p]);
            let mut expected: Vec<usize> = (0..values.len())
                .filter(|p| first(*p) && !values.iter().any(|other| beats(other, &values[*p])))
                .collect();
            let mut found = front(&values, &better);
            assert!(found.windows(2).all(|w| values[w[0]][0] >= values[w[1]][0]), "best first");
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected);
        }
        assert_eq!(front(&[], &[Better::Lower]), Vec::<usize>::new());
    }
}
