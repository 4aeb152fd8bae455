//! Weights around cells that are stuck.
//!
//! With `u` a device's conductance from `g_min` (0) to `g_max` (1) and `N` devices a side, a weight over its scale is
//! `r = sum (+-) u / N`. What stuck devices contribute is fixed; the healthy ones reach the interval around it from all negative
//! ones in full to all positive ones in full, and hold the nearest value in it. So a weight on a place with stuck cells misses
//! what it lies outside of that interval, and which column of weights stands on which physical column, spare ones included, is an
//! assignment problem over the sums of squares (solved by Kuhn and Munkres). With rows too, columns and rows are assigned in
//! turns until nothing is gained.

use std::collections::BTreeMap;

use neurohm_num::Rows;
use pathfinding::kuhn_munkres::kuhn_munkres_min;
use pathfinding::matrix::Matrix;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::SettingError;

/// What is done about cells that are stuck.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultMapping {
    /// Nothing.
    Ignored {},
    /// They are looked for once, by writing every cell to both ends of its range and reading it back, and weights are laid
    /// around them: columns of weights on the physical columns where least is lost, with the healthy partners of a stuck device
    /// written such that the difference is as right as their range permits.
    Remap(Remap),
}

/// How weights are laid around stuck cells.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remap {
    /// Columns of weights that a crossbar has beyond those of its tile.
    #[serde(default)]
    pub spare_columns: u32,
    /// Whether inputs may be led to other rows of their crossbar too.
    #[serde(default)]
    pub rows: bool,
}

impl Default for FaultMapping {
    fn default() -> Self {
        Self::Ignored {}
    }
}

impl FaultMapping {
    pub(crate) fn is_ignored(&self) -> bool {
        *self == Self::Ignored {}
    }

    pub(crate) fn check(&self) -> Result<(), SettingError> {
        match self {
            Self::Remap(remap) if remap.spare_columns > 1 << 16 => Err(SettingError::value(
                "mapping.faults.remap.spare_columns",
                format!("{}; allowed are 0 to 65536", remap.spare_columns),
            )),
            _ => Ok(()),
        }
    }
}

/// A stuck device: its plane among those of the crossbar, the even ones being positive, and `u`.
pub(crate) type Stuck = (usize, f32);

/// Stuck devices of a crossbar.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// By physical row and column.
    pub stuck: BTreeMap<(usize, usize), Vec<Stuck>>,
    /// Physical columns, spare ones included.
    pub columns: usize,
    /// Planes: the devices of a weight.
    pub planes: usize,
    /// Whether rows may be assigned too.
    pub rows: bool,
}

/// On which physical rows and columns rows and columns of weights stand.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Order {
    pub rows: Vec<usize>,
    pub columns: Vec<usize>,
}

/// What the devices of a weight can hold.
struct Reach {
    fixed: f64,
    /// Healthy devices of either sign, over those of a side.
    healthy: [f64; 2],
}

impl Reach {
    fn of(stuck: &[Stuck], planes: usize) -> Self {
        let side = (planes / 2) as f64;
        let (mut fixed, mut healthy) = (0.0, [side; 2]);
        for (plane, u) in stuck {
            fixed += if plane % 2 == 0 { f64::from(*u) } else { -f64::from(*u) };
            healthy[plane % 2] -= 1.0;
        }
        Self { fixed: fixed / side, healthy: healthy.map(|h| h / side) }
    }

    /// What healthy devices add to come nearest to `r`.
    fn added(&self, r: f64) -> f64 {
        (r - self.fixed).clamp(-self.healthy[1], self.healthy[0])
    }

    fn missed(&self, r: f64) -> f64 {
        r - self.fixed - self.added(r)
    }
}

/// `u` of the healthy devices of each side of a weight `r` that has these stuck ones.
pub(crate) fn around(r: f32, stuck: &[Stuck], planes: usize) -> [f32; 2] {
    let reach = Reach::of(stuck, planes);
    let added = reach.added(f64::from(r));
    let part = |added: f64, healthy: f64| if added > 0.0 { (added / healthy) as f32 } else { 0.0 };
    [part(added, reach.healthy[0]), part(-added, reach.healthy[1])]
}

impl Known {
    /// The order of least squares of what is missed, for weights (rows x columns) over their scales.
    pub(crate) fn order(&self, r: Rows, scales: &[f32]) -> Order {
        let mut order = Order { rows: (0..r.rows()).collect(), columns: (0..r.cols()).collect() };
        if self.stuck.is_empty() || r.rows() == 0 || r.cols() == 0 {
            return order;
        }
        // Of each place with stuck cells, what every weight would miss there.
        let reaches: Vec<_> =
            self.stuck.iter().map(|(place, stuck)| (*place, Reach::of(stuck, self.planes))).collect();
        let missed = |reach: &Reach, row: usize, column: usize| {
            let scale = f64::from(scales[column]);
            (scale * reach.missed(f64::from(r.row(row)[column]))).powi(2)
        };
        let mut least = f64::INFINITY;
        loop {
            let on = inverse(&order.rows, r.rows());
            let mut costs = vec![0.0; r.cols() * self.columns];
            for ((row, physical), reach) in &reaches {
                for column in 0..r.cols() {
                    costs[column * self.columns + physical] += missed(reach, on[*row], column);
                }
            }
            let (columns, cost) = assign(&costs, self.columns);
            let better = cost < least * (1.0 - 1e-9);
            if better {
                (order.columns, least) = (columns, cost);
            }
            if !better || !self.rows || cost == 0.0 {
                return order;
            }
            let on = inverse(&order.columns, self.columns);
            let mut costs = vec![0.0; r.rows() * r.rows()];
            for ((physical, column), reach) in &reaches {
                // A spare column holds nothing.
                let Some(column) = on.get(*column).copied().filter(|c| *c < r.cols()) else { continue };
                for row in 0..r.rows() {
                    costs[row * r.rows() + physical] += missed(reach, row, column);
                }
            }
            let (rows, cost) = assign(&costs, r.rows());
            if cost >= least * (1.0 - 1e-9) {
                return order;
            }
            (order.rows, least) = (rows, cost);
        }
    }
}

/// Who stands on each of `places`; `usize::MAX` where nobody does.
fn inverse(order: &[usize], places: usize) -> Vec<usize> {
    let mut on = vec![usize::MAX; places];
    order.iter().enumerate().for_each(|(who, place)| on[*place] = who);
    on
}

/// For every row of `costs` (rows x places, no fewer places than rows) its place, such that the sum is least, and that sum. Who
/// is as well off where he is stays there.
fn assign(costs: &[f64], places: usize) -> (Vec<usize>, f64) {
    let rows = costs.len() / places;
    let staying: Vec<usize> = (0..rows).collect();
    let sum = |order: &[usize]| order.iter().enumerate().map(|(r, p)| costs[r * places + p]).sum::<f64>();
    let stays = sum(&staying);
    let largest = costs.iter().fold(0.0f64, |m, c| m.max(*c));
    if stays == 0.0 || largest == 0.0 {
        return (staying, stays);
    }
    // Whole numbers: sums of thousands of them stay exact.
    let unit = libm::exp2(46.0) / largest;
    let whole = |cost: &f64| (cost * unit).round() as i64;
    let Ok(matrix) = Matrix::from_vec(rows, places, costs.iter().map(whole).collect()) else {
        return (staying, stays);
    };
    let (_, found) = kuhn_munkres_min(&matrix);
    let cost = sum(&found);
    if cost < stays { (found, cost) } else { (staying, stays) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every way to place `rows` on `places`.
    fn ways(rows: usize, places: usize) -> Vec<Vec<usize>> {
        let mut all = vec![Vec::new()];
        for _ in 0..rows {
            all = all
                .into_iter()
                .flat_map(|way: Vec<usize>| {
                    let free = (0..places).filter(|p| !way.contains(p)).collect::<Vec<_>>();
                    free.into_iter().map(move |p| way.iter().copied().chain([p]).collect())
                })
                .collect();
        }
        all
    }

    fn stuck() -> impl Strategy<Value = Vec<((usize, usize), Vec<Stuck>)>> {
        let u = prop::sample::select(vec![0.0f32, 1.0, 0.3]);
        prop::collection::vec(((0usize..4, 0usize..5), prop::collection::vec((0usize..4, u), 1..3)), 0..9)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn columns_and_rows_are_placed_as_well_as_by_trying_all(
            w in prop::collection::vec(-1.0f32..1.0, 12), stuck in stuck(), scales in prop::collection::vec(0.2f32..3.0, 3)
        ) {
            let r = Rows::new(&w, 4, 3).unwrap();
            let mut known = Known { stuck: stuck.into_iter().collect(), columns: 5, planes: 4, rows: false };
            known.stuck.values_mut().for_each(|devices| {
                devices.sort_by_key(|d| d.0);
                devices.dedup_by_key(|d| d.0);
            });
            // What is missed, by trying every conductance of the healthy devices on a grid that holds the best: all in full,
            // none, or exactly enough.
            let missed = |stuck: &[Stuck], r: f64| {
                let count = |sign: usize| stuck.iter().filter(|s| s.0 % 2 == sign).count() as f64;
                let fixed: f64 =
                    stuck.iter().map(|(p, u)| f64::from(*u) * if p % 2 == 0 { 0.5 } else { -0.5 }).sum();
                let (most, least) = (fixed + 0.5 * (2.0 - count(0)), fixed - 0.5 * (2.0 - count(1)));
                if r > most { r - most } else if r < least { r - least } else { 0.0 }
            };
            let total = |order: &Order| {
                let mut sum = 0.0;
                for row in 0..4 {
                    for column in 0..3 {
                        let place = (order.rows[row], order.columns[column]);
                        let stuck = known.stuck.get(&place).map_or(&[][..], |s| s);
                        let r = f64::from(w[row * 3 + column]);
                        sum += (f64::from(scales[column]) * missed(stuck, r)).powi(2);
                    }
                }
                sum
            };
            let found = known.order(r, &scales);
            let identity: Vec<usize> = (0..4).collect();
            let columns = ways(3, 5).into_iter().map(|columns| Order { rows: identity.clone(), columns });
            let best = columns.clone().map(|order| total(&order)).fold(f64::INFINITY, f64::min);
            prop_assert!((total(&found) - best).abs() <= 1e-9 * best.max(1e-3), "{} {best}", total(&found));
            // What healthy devices are set to is what was reckoned with.
            for devices in known.stuck.values() {
                for r in &w {
                    let [plus, minus] = around(*r, devices, 4);
                    prop_assert!((0.0..=1.0).contains(&plus) && (0.0..=1.0).contains(&minus));
                    let of = |p: usize| devices.iter().find(|d| d.0 == p).map_or([plus, minus][p % 2], |d| d.1);
                    let held = 0.5 * (of(0) - of(1) + of(2) - of(3));
                    prop_assert!((f64::from(r - held) - missed(devices, f64::from(*r))).abs() < 1e-6);
                }
            }
            // Rows as well: never worse, and never better than all orders of both.
            let both = Known { rows: true, ..known.clone() };
            let turned = total(&both.order(r, &scales));
            let every = ways(4, 4).into_iter().flat_map(|rows| columns.clone().map(move |o| Order { rows: rows.clone(), ..o }));
            let floor = every.map(|order| total(&order)).fold(f64::INFINITY, f64::min);
            prop_assert!(turned <= best * (1.0 + 1e-9) && turned >= floor * (1.0 - 1e-9), "{turned} {best} {floor}");
        }
    }

    #[test]
    fn who_is_well_off_stays() {
        assert_eq!(assign(&[0.0, 0.0, 5.0, 0.0], 2), (vec![0, 1], 0.0));
        assert_eq!(assign(&[1.0, 0.0, 0.0, 0.0], 2), (vec![1, 0], 0.0));
    }
}
