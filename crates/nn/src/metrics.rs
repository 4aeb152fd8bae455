//! How well outputs match labels.

/// Place of the largest value, the first of equals; 0 for an empty row. What is not a number never wins.
pub fn argmax(row: &[f32]) -> usize {
    let mut best = 0;
    for (i, &v) in row.iter().enumerate() {
        if v > row[best] || (row[best].is_nan() && !v.is_nan()) {
            best = i;
        }
    }
    best
}

/// Place of the largest value of each row of `classes` values.
pub fn predictions(outputs: &[f32], classes: usize) -> Vec<u32> {
    outputs.chunks_exact(classes.max(1)).map(|row| argmax(row) as u32).collect()
}

/// How many rows of `classes` outputs have their largest value at the label.
pub fn correct(outputs: &[f32], classes: usize, labels: &[u32]) -> u64 {
    outputs.chunks_exact(classes.max(1)).zip(labels).filter(|(row, l)| argmax(row) == **l as usize).count()
        as u64
}

/// Share of correctly classified samples; not a number where there are none.
pub fn accuracy(outputs: &[f32], classes: usize, labels: &[u32]) -> f64 {
    correct(outputs, classes, labels) as f64 / labels.len() as f64
}

/// `[label * classes + prediction]` counts samples. Labels outside the classes are left out.
pub fn confusion(outputs: &[f32], classes: usize, labels: &[u32]) -> Vec<u64> {
    let mut counts = vec![0; classes * classes];
    for (row, &label) in outputs.chunks_exact(classes.max(1)).zip(labels) {
        if (label as usize) < classes {
            counts[label as usize * classes + argmax(row)] += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_agree_with_counting_by_hand() {
        let outputs = [0.1, 0.9, 0.0, 5.0, 5.0, 1.0, f32::NAN, 0.0, 2.0];
        let labels = [1, 1, 2];
        assert_eq!(predictions(&outputs, 3), [1, 0, 2]);
        assert_eq!(correct(&outputs, 3, &labels), 2);
        assert_eq!(accuracy(&outputs, 3, &labels), 2.0 / 3.0);
        assert_eq!(confusion(&outputs, 3, &labels), [0, 0, 0, 1, 1, 0, 0, 0, 1]);
        assert_eq!((argmax(&[]), argmax(&[f32::NAN, f32::NEG_INFINITY])), (0, 1));
    }
}
