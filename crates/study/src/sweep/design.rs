//! Which points of the space that axes span are taken.

use neurohm_array::SettingError;
use neurohm_num::{Key, Purpose};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::axis::Axis;

/// Most points of a sweep.
const MOST: usize = 1_000_000;

/// Which points are taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Design {
    /// Every value with every other; the last axis moves fastest.
    Grid {},
    /// Points drawn independently: any value of a range (by its scale), one of a list.
    Random {
        /// How many.
        points: usize,
        /// Seed of the draws; not of the study.
        #[serde(default = "one")]
        seed: u64,
    },
    /// A Latin hypercube (McKay, Beckman and Conover 1979): each axis is divided into as many parts as there are points, and
    /// each part is met once, at a random place in it.
    LatinHypercube {
        /// How many.
        points: usize,
        /// Seed of the draws; not of the study.
        #[serde(default = "one")]
        seed: u64,
    },
}

fn one() -> u64 {
    1
}

impl Default for Design {
    fn default() -> Self {
        Design::Grid {}
    }
}

impl Design {
    pub(crate) fn check(&self) -> Result<(), SettingError> {
        let (tag, points) = match self {
            Design::Grid {} => return Ok(()),
            Design::Random { points, .. } => ("random", *points),
            Design::LatinHypercube { points, .. } => ("latin_hypercube", *points),
        };
        if (1..=MOST).contains(&points) {
            return Ok(());
        }
        let path = format!("sweep.design.{tag}.points");
        Err(SettingError::value(path, format!("{points} points are outside 1 to {MOST}")))
    }

    /// Whether values of the axis are drawn. Seeds never are: each point that is drawn meets all of them.
    pub(crate) fn draws(&self, axis: &Axis) -> bool {
        !matches!(self, Design::Grid {}) && !axis.is_seed()
    }
}

/// Where a point stands on an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum At {
    /// At one of its values.
    Level(u32),
    /// So far between the ends of its range, from 0 to 1.
    Part(f64),
}

impl At {
    /// The same for the same place.
    pub(crate) fn bits(self) -> u64 {
        match self {
            At::Level(level) => u64::from(level),
            At::Part(part) => part.to_bits(),
        }
    }
}

/// All points of a sweep.
#[derive(Clone, Debug)]
pub(crate) struct Points {
    len: usize,
    /// Points that one draw stands for; all of them in a grid.
    inner: usize,
    columns: Vec<Column>,
}

/// How points stand on one axis.
#[derive(Clone, Debug)]
enum Column {
    /// At so many values in turn, each for so many points.
    Turns { levels: usize, each: usize },
    /// At what was drawn, each for so many points.
    Drawn { at: Vec<At>, each: usize },
}

impl Points {
    /// The points that `design` takes of what `axes` span.
    pub(crate) fn new(design: &Design, axes: &[Axis]) -> Result<Self, SettingError> {
        let levels = |axis: &Axis| axis.levels().unwrap_or(1);
        let turning = axes.iter().filter(|axis| !design.draws(axis));
        let inner = turning.map(levels).try_fold(1usize, |n, levels| n.checked_mul(levels));
        let (draws, seed) = match *design {
            Design::Grid {} => (1, 0),
            Design::Random { points, seed } | Design::LatinHypercube { points, seed } => (points, seed),
        };
        let len = inner.and_then(|inner| inner.checked_mul(draws)).filter(|n| *n <= MOST);
        let (Some(inner), Some(len)) = (inner, len) else {
            let problem = format!("the axes span more than the {MOST} points that a sweep may have");
            return Err(SettingError::value("axis", problem));
        };
        let key = Key::root(seed).child("design of a sweep", 0);
        let mut each = inner;
        let columns = axes.iter().enumerate().map(|(n, axis)| {
            if design.draws(axis) {
                let key = key.child("axis", n as u64);
                let parts = match design {
                    Design::LatinHypercube { .. } => hypercube(key, draws),
                    _ => (0..draws as u64).map(|i| uniform(key, i)).collect(),
                };
                let place = |part: f64| match axis.levels() {
                    Some(levels) => At::Level(((part * levels as f64) as u32).min(levels as u32 - 1)),
                    None => At::Part(part),
                };
                return Column::Drawn { at: parts.into_iter().map(place).collect(), each: inner };
            }
            each /= levels(axis);
            Column::Turns { levels: levels(axis), each }
        });
        Ok(Self { len, inner, columns: columns.collect() })
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Which draw a point belongs to.
    pub(crate) fn draw(&self, point: usize) -> usize {
        point / self.inner
    }

    /// Where a point stands on an axis.
    pub(crate) fn at(&self, point: usize, axis: usize) -> At {
        match &self.columns[axis] {
            Column::Turns { levels, each } => At::Level((point / each % levels) as u32),
            Column::Drawn { at, each } => at[point / each],
        }
    }
}

/// A number in [0, 1) of 53 random bits.
fn uniform(key: Key, element: u64) -> f64 {
    let stream = key.stream(Purpose::Data, 0);
    let bits = (u64::from(stream.bits(2 * element)) << 32) | u64::from(stream.bits(2 * element + 1));
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// One number in each of `n` equal parts of [0, 1), in random order.
fn hypercube(key: Key, n: usize) -> Vec<f64> {
    let mut parts: Vec<usize> = (0..n).collect();
    let order = key.child("order", 0);
    // Fisher and Yates, as Durstenfeld (1964) has it.
    for last in (1..n).rev() {
        parts.swap(last, (uniform(order, last as u64) * (last + 1) as f64) as usize);
    }
    let within = |(i, part): (usize, usize)| (part as f64 + uniform(key, i as u64)) / n as f64;
    parts.into_iter().enumerate().map(within).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::description::Description;

    fn points(text: &str) -> (Points, usize) {
        let d = Description::parse(&format!("study = \"toy\"\n{text}"), "s.toml").unwrap();
        (Points::new(&d.options.design, &d.axes).unwrap(), d.axes.len())
    }

    const AXES: &str = "[[axis]]\npath = \"chip.output_noise\"\nfrom = 0.0\nto = 1.0\n%\n[[axis]]\npath = \"seed\"\n\
                        values = [1, 2]\n[[axis]]\npath = \"config.steps\"\nvalues = [1, 2, 3]\n";

    #[test]
    fn a_grid_meets_every_value_with_every_other_the_last_axis_fastest() {
        let (points, axes) = points(&AXES.replace('%', "points = 2"));
        let all: Vec<Vec<u64>> =
            (0..points.len()).map(|p| (0..axes).map(|a| points.at(p, a).bits()).collect()).collect();
        let mut expected = Vec::new();
        for a in 0..2 {
            for b in 0..2 {
                expected.extend((0..3).map(|c| vec![a, b, c]));
            }
        }
        assert_eq!(all, expected);
    }

    #[test]
    fn a_latin_hypercube_meets_each_part_once_and_seeds_are_crossed() {
        let design = "[sweep.design.latin_hypercube]\npoints = 30\nseed = 5\n";
        let (points, _) = points(&format!("{design}{}", AXES.replace('%', "")));
        assert_eq!(points.len(), 60);
        let part = |p: usize| match points.at(p, 0) {
            At::Part(part) => part,
            At::Level(_) => panic!("a range is continuous"),
        };
        let mut parts: Vec<usize> = (0..30).map(|d| (part(2 * d) * 30.0) as usize).collect();
        assert!(parts.windows(2).any(|w| w[0] > w[1]), "in random order: {parts:?}");
        parts.sort_unstable();
        assert_eq!(parts, (0..30).collect::<Vec<_>>());
        for d in 0..30 {
            // Both seeds of a draw see the same values.
            assert_eq!(part(2 * d), part(2 * d + 1));
            assert_eq!((points.at(2 * d, 1), points.at(2 * d + 1, 1)), (At::Level(0), At::Level(1)));
        }
        let mut levels = [0; 3];
        (0..30).for_each(|d| levels[points.at(2 * d, 2).bits() as usize] += 1);
        assert_eq!(levels, [10, 10, 10], "a list of three is divided evenly");
    }

    /// Kolmogorov and Smirnov: of 1000 uniform numbers the largest distance is below 1.95 / sqrt(1000) but once in 1000.
    #[test]
    fn random_points_are_uniform_and_belong_to_their_seed() {
        let draw = |seed: u64| {
            let design = format!("[sweep.design.random]\npoints = 1000\nseed = {seed}\n");
            let (points, _) = points(&format!("{design}{}", AXES.replace('%', "")));
            let mut parts: Vec<f64> = (0..1000).map(|d| f64::from_bits(points.at(2 * d, 0).bits())).collect();
            parts.sort_by(f64::total_cmp);
            parts
        };
        let parts = draw(1);
        let far = parts.iter().enumerate().map(|(i, p)| (p - (i as f64 + 0.5) / 1000.0).abs());
        assert!(far.fold(0.0, f64::max) < 1.95 / 1000f64.sqrt());
        assert_eq!(parts, draw(1));
        assert_ne!(parts, draw(2));
    }
}
