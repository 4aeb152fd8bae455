//! Samples in memory.

use neurohm_num::Rows;

/// Samples of one shape, with labels where they have them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// The values, sample after sample. Pixels lie in [0, 1].
    pub x: Vec<f32>,
    /// The shape of one sample; images are channels-last, `[28, 28, 1]`.
    pub shape: Vec<usize>,
    /// The class of each sample.
    pub y: Option<Vec<u32>>,
}

impl Samples {
    /// Samples of `shape`; `None` unless `x` is a whole number of them and `y`, if there, one label each.
    pub fn new(x: Vec<f32>, shape: Vec<usize>, y: Option<Vec<u32>>) -> Option<Self> {
        let features = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d))?;
        let count = x.len().checked_div(features).unwrap_or(0);
        let whole = count * features == x.len();
        let labelled = y.as_ref().is_none_or(|labels| labels.len() == count);
        (whole && labelled).then_some(Self { x, shape, y })
    }

    /// Number of samples; none where a sample holds no values.
    pub fn len(&self) -> usize {
        self.x.len().checked_div(self.features()).unwrap_or(0)
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Values in one sample.
    pub fn features(&self) -> usize {
        self.shape.iter().product()
    }

    /// The samples as a matrix, one a row.
    pub fn rows(&self) -> Rows<'_> {
        Rows::new(&self.x, self.len(), self.features()).expect("len() rows of features() values fit x")
    }

    /// The values of sample `i`.
    pub fn sample(&self, i: usize) -> &[f32] {
        self.rows().row(i)
    }

    /// Keeps the first `count` samples only.
    pub fn truncate(&mut self, count: usize) {
        let keep = count.min(self.len());
        self.x.truncate(keep * self.features());
        if let Some(y) = &mut self.y {
            y.truncate(keep);
        }
    }
}

/// A dataset in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// What to call it in a report; never a path.
    pub name: String,
    /// What to learn from, where the source has it and the limits asked for it.
    pub train: Option<Samples>,
    /// What to be judged on.
    pub test: Samples,
    /// The classes' names in the order of their labels, where the source has names.
    pub classes: Option<Vec<String>>,
}

impl Dataset {
    /// Number of classes: of the names, or else one more than the largest label. `None` without labels.
    pub fn class_count(&self) -> Option<usize> {
        let largest = |s: &Samples| s.y.as_ref().and_then(|y| y.iter().max()).map(|&m| m as usize + 1);
        let seen = largest(&self.test).max(self.train.as_ref().and_then(largest))?;
        Some(self.classes.as_ref().map_or(seen, |names| names.len().max(seen)))
    }
}
