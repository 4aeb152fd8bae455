//! Small dense linear algebra: triangular factors of tall matrices, singular values.

/// A matrix, column by column.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    pub rows: usize,
    pub data: Vec<f64>,
}

impl Columns {
    pub fn zeros(rows: usize, columns: usize) -> Columns {
        Columns { rows, data: vec![0.0; rows * columns] }
    }

    pub fn column(&self, j: usize) -> &[f64] {
        &self.data[j * self.rows..(j + 1) * self.rows]
    }

    pub fn column_mut(&mut self, j: usize) -> &mut [f64] {
        &mut self.data[j * self.rows..(j + 1) * self.rows]
    }

    pub fn count(&self) -> usize {
        self.data.len().checked_div(self.rows).unwrap_or(0)
    }
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Euclidean length, without overflow.
pub(super) fn norm(a: &[f64]) -> f64 {
    let largest = a.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    if largest == 0.0 || !largest.is_finite() {
        return largest;
    }
    largest * a.iter().map(|v| (v / largest) * (v / largest)).sum::<f64>().sqrt()
}

/// Reduces `a` to its upper triangular factor R by Householder's reflections (1958) and applies them to `b`: afterwards
/// the first n entries of `b` are Q^T b. Returns R as a square matrix. `a` has at least as many rows as columns.
pub(super) fn triangle(mut a: Columns, b: &mut [f64]) -> Columns {
    let (m, n) = (a.rows, a.count());
    let mut r = Columns::zeros(n, n);
    for k in 0..n {
        let length = norm(&a.column(k)[k..]);
        let head = a.column(k)[k];
        if length > 0.0 {
            let alpha = if head > 0.0 { -length } else { length };
            let mut v = a.column(k)[k..].to_vec();
            v[0] -= alpha;
            let vv = dot(&v, &v);
            if vv > 0.0 {
                for j in k..n {
                    let c = &mut a.column_mut(j)[k..];
                    let f = 2.0 * dot(&v, c) / vv;
                    c.iter_mut().zip(&v).for_each(|(c, v)| *c -= f * v);
                }
                let c = &mut b[k..m];
                let f = 2.0 * dot(&v, c) / vv;
                c.iter_mut().zip(&v).for_each(|(c, v)| *c -= f * v);
            }
        }
        for j in k..n {
            r.column_mut(j)[k] = a.column(j)[k];
        }
    }
    r
}

/// The x that makes |R x - b| least for an upper triangular R; components that nothing determines are 0.
pub(super) fn back(r: &Columns, b: &[f64]) -> Vec<f64> {
    let n = r.count();
    let largest = (0..n).fold(0.0_f64, |m, k| m.max(r.column(k)[k].abs()));
    let mut x = b[..n].to_vec();
    for k in (0..n).rev() {
        let d = r.column(k)[k];
        x[k] = if d.abs() <= 1e-15 * largest { 0.0 } else { x[k] / d };
        let xk = x[k];
        let column = &r.column(k)[..k];
        x[..k].iter_mut().zip(column).for_each(|(x, c)| *x -= c * xk);
    }
    x
}

/// Singular values of a square matrix and its right singular vectors (column k belongs to value k), by one-sided
/// Jacobi rotations (Hestenes 1958).
pub(super) fn singular(mut a: Columns) -> (Vec<f64>, Columns) {
    let n = a.count();
    let mut v = Columns::zeros(n, n);
    for k in 0..n {
        v.column_mut(k)[k] = 1.0;
    }
    for _ in 0..60 {
        let mut turned = false;
        for p in 0..n {
            for q in p + 1..n {
                let (app, aqq) = (dot(a.column(p), a.column(p)), dot(a.column(q), a.column(q)));
                let apq = dot(a.column(p), a.column(q));
                if apq == 0.0 || apq.abs() <= 1e-15 * (app * aqq).sqrt() {
                    continue;
                }
                turned = true;
                let zeta = (aqq - app) / (2.0 * apq);
                let t = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
                let c = 1.0 / (1.0 + t * t).sqrt();
                let s = c * t;
                for matrix in [&mut a, &mut v] {
                    for i in 0..n {
                        let (x, y) = (matrix.column(p)[i], matrix.column(q)[i]);
                        matrix.column_mut(p)[i] = c * x - s * y;
                        matrix.column_mut(q)[i] = s * x + c * y;
                    }
                }
            }
        }
        if !turned {
            break;
        }
    }
    ((0..n).map(|k| norm(a.column(k))).collect(), v)
}
