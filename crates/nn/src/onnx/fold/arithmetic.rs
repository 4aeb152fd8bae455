//! Numbers: functions of one, two or three constants, and reductions.

use std::cmp::Ordering;
use std::rc::Rc;

use super::super::build::wrap;
use super::super::constant::{Constant, Data, Int, strides, walk};
use super::super::error::{Step, mistake, refuse};
use super::Fold;

pub(super) fn to_float(x: &Constant) -> Step<Constant> {
    Ok(Constant { data: Data::Float(x.floats()?), shape: x.shape.clone(), batch: x.batch })
}

pub(super) fn to_int(x: &Constant) -> Step<Constant> {
    let data = match &x.data {
        // Truncates, and saturates where C would be undefined.
        Data::Float(v) => v.iter().map(|&f| Int::new(f as i64)).collect(),
        Data::Int(v) => v.clone(),
        Data::Bool(v) => v.iter().map(|&b| Int::new(b.into())).collect(),
    };
    Ok(Constant { data: Data::Int(data), shape: x.shape.clone(), batch: x.batch })
}

pub(super) fn to_bool(x: &Constant) -> Step<Constant> {
    let data = match &x.data {
        Data::Float(v) => v.iter().map(|&f| f != 0.0).collect(),
        Data::Int(v) => v.iter().map(|i| truth(*i)).collect::<Step<_>>()?,
        Data::Bool(v) => v.clone(),
    };
    Ok(Constant { data: Data::Bool(data), shape: x.shape.clone(), batch: x.batch })
}

fn truth(i: Int) -> Step<bool> {
    match i.compare(Int::new(0)) {
        Some(order) => Ok(order != Ordering::Equal),
        None => refuse!("whether {i} is zero hangs on the batch"),
    }
}

/// Operators that compute numbers.
pub(super) fn evaluate(f: &mut Fold<'_, '_>) -> Step<Constant> {
    if f.op.starts_with("Reduce") {
        return reduce(f);
    }
    match f.op {
        "Gemm" | "MatMul" => product(f),
        "Clip" => {
            let x = f.input(0)?;
            let bound = |index: usize, name: &str, open: f32| match f.optional(index) {
                Some(c) => c.float(),
                None => Ok(f.attributes.float(name, open)),
            };
            let (min, max) = (bound(1, "min", f32::NEG_INFINITY)?, bound(2, "max", f32::INFINITY)?);
            let Data::Float(v) = &x.data else { refuse!("Clip of whole constants is not supported") };
            let clipped = v.iter().map(|&v| {
                let v = if v < min { min } else { v };
                if v > max { max } else { v }
            });
            Ok(Constant { data: Data::Float(clipped.collect()), ..Constant::clone(&x) })
        }
        "Where" => {
            let (condition, a, b) = (f.input(0)?, f.input(1)?, f.input(2)?);
            let Data::Bool(condition_data) = &condition.data else {
                refuse!("the condition is no truth value")
            };
            let (a, b) = alike(a, b)?;
            let (shape, batch, at) = broadcast(f, &[&condition, &a, &b])?;
            let chosen = (0..at[0].len()).map(|e| {
                let first = condition_data[at[0][e]];
                (first, if first { at[1][e] } else { at[2][e] })
            });
            let data = match (&a.data, &b.data) {
                (Data::Float(x), Data::Float(y)) => {
                    Data::Float(chosen.map(|(c, i)| if c { x[i] } else { y[i] }).collect())
                }
                (Data::Int(x), Data::Int(y)) => {
                    Data::Int(chosen.map(|(c, i)| if c { x[i] } else { y[i] }).collect())
                }
                (Data::Bool(x), Data::Bool(y)) => {
                    Data::Bool(chosen.map(|(c, i)| if c { x[i] } else { y[i] }).collect())
                }
                _ => refuse!("chooses between different types"),
            };
            Ok(Constant { shape, data, batch })
        }
        "Add" | "Sub" | "Mul" | "Div" | "Mod" | "Pow" | "Min" | "Max" | "Sum" | "Equal" | "Greater"
        | "GreaterOrEqual" | "Less" | "LessOrEqual" | "And" | "Or" | "Xor" => {
            let mut total = f.input(0)?;
            for i in 1..f.inputs.len() {
                total = Rc::new(binary(f, total, f.input(i)?)?);
            }
            Ok(Constant::clone(&total))
        }
        _ => unary(f),
    }
}

/// A product with a matrix.
fn product(f: &mut Fold<'_, '_>) -> Step<Constant> {
    let (a, b) = (f.input(0)?, f.input(1)?);
    let gemm = f.op == "Gemm";
    let turned = gemm && f.attributes.int("transB", 0) != 0;
    let ([.., inner], [rows, columns]) = (&a.shape[..], &b.shape[..]) else {
        refuse!("a product of constants of shapes {:?} and {:?} is not supported", a.shape, b.shape)
    };
    let (inputs, outputs) = if turned { (*columns, *rows) } else { (*rows, *columns) };
    if *inner != inputs || (gemm && a.shape.len() != 2) {
        mistake!("shapes {:?} and {:?} do not multiply", a.shape, b.shape);
    }
    if b.batch.is_some() || a.batch == Some(a.shape.len() - 1) {
        refuse!("multiplies along the batch");
    }
    let mut shape = a.shape.clone();
    shape[a.shape.len() - 1] = outputs;
    let count = f.budget.take(&shape)?;
    // As many steps as a product of that size takes.
    f.budget.take(&[count, inputs])?;
    let (x, w) = (a.floats()?, b.floats()?);
    let weight = |i: usize, o: usize| w[if turned { o * inputs + i } else { i * outputs + o }];
    let (alpha, beta) =
        if gemm { (f.attributes.float("alpha", 1.0), f.attributes.float("beta", 1.0)) } else { (1.0, 0.0) };
    let shift = match f.optional(2).filter(|_| gemm) {
        Some(c) => {
            let values = c.floats()?;
            if c.shape.iter().rev().skip(1).any(|&n| n != 1)
                || !(values.len() == 1 || values.len() == outputs)
            {
                refuse!("a bias of shape {:?} is not supported", c.shape);
            }
            values
        }
        None => vec![0.0],
    };
    let one = |k: usize| {
        let (row, o) = (k / outputs.max(1), k % outputs.max(1));
        let sum = (0..inputs).map(|i| x[row * inputs + i] * weight(i, o)).sum::<f32>();
        alpha * sum + beta * shift[if shift.len() == 1 { 0 } else { o }]
    };
    let data = Data::Float((0..count).map(one).collect());
    Ok(Constant { shape, data, batch: a.batch })
}

/// Both as floats if one is.
fn alike(a: Rc<Constant>, b: Rc<Constant>) -> Step<(Rc<Constant>, Rc<Constant>)> {
    Ok(match (&a.data, &b.data) {
        (Data::Float(_), Data::Int(_)) => (a, Rc::new(to_float(&b)?)),
        (Data::Int(_), Data::Float(_)) => (Rc::new(to_float(&a)?), b),
        _ => (a, b),
    })
}

/// The common shape, and where each operand's element for each of the result's lies.
fn broadcast(
    f: &mut Fold<'_, '_>,
    operands: &[&Constant],
) -> Step<(Vec<usize>, Option<usize>, Vec<Vec<usize>>)> {
    let rank = operands.iter().map(|c| c.shape.len()).max().unwrap_or(0);
    let mut shape = vec![1; rank];
    for c in operands {
        for (i, &n) in c.shape.iter().enumerate() {
            let out = &mut shape[rank - c.shape.len() + i];
            match (*out, n) {
                (1, n) => *out = n,
                (m, n) if n == m || n == 1 => {}
                _ => mistake!(
                    "shapes {:?} do not broadcast",
                    operands.iter().map(|c| &c.shape).collect::<Vec<_>>()
                ),
            }
        }
    }
    // Where the batch stands in the result, seen from each operand that has it.
    let mut places = operands.iter().filter_map(|c| c.batch.map(|a| a + rank - c.shape.len()));
    let batch = places.next();
    if batch.is_some_and(|a| shape[a] != 1 || places.any(|other| other != a)) {
        refuse!("a constant for each sample meets one of shape {shape:?}");
    }
    // The positions are held at once, for each operand.
    let count = f.budget.take(&shape)?;
    f.budget.take(&[count, 2 * operands.len()])?;
    let positions = operands.iter().map(|c| {
        let own = strides(&c.shape);
        let lead = rank - c.shape.len();
        let still = |i: usize| i < lead || c.shape[i - lead] == 1;
        let step: Vec<isize> = (0..rank).map(|i| if still(i) { 0 } else { own[i - lead] as isize }).collect();
        walk(&shape, &step, 0).collect()
    });
    let at = positions.collect();
    Ok((shape, batch, at))
}

fn binary(f: &mut Fold<'_, '_>, a: Rc<Constant>, b: Rc<Constant>) -> Step<Constant> {
    let op = f.op;
    let (a, b) = if op == "Pow" && matches!(b.data, Data::Float(_)) { (a, b) } else { alike(a, b)? };
    let (shape, batch, at) = broadcast(f, &[&a, &b])?;
    let data = match (&a.data, &b.data) {
        (Data::Float(x), Data::Float(y)) => {
            let pairs = at[0].iter().zip(&at[1]).map(|(&i, &j)| (x[i], y[j]));
            match comparison(op) {
                Some(holds) => Data::Bool(pairs.map(|(x, y)| x.partial_cmp(&y).is_some_and(holds)).collect()),
                None => Data::Float(pairs.map(|(x, y)| floats(op, x, y)).collect::<Step<_>>()?),
            }
        }
        (Data::Int(x), Data::Int(y)) => {
            let pairs = at[0].iter().zip(&at[1]).map(|(&i, &j)| (x[i], y[j]));
            match comparison(op) {
                Some(holds) => Data::Bool(
                    pairs
                        .map(|(x, y)| match x.compare(y) {
                            Some(order) => Ok(holds(order)),
                            None => refuse!("comparing {x} with {y} hangs on the batch"),
                        })
                        .collect::<Step<_>>()?,
                ),
                None => Data::Int(pairs.map(|(x, y)| whole(op, x, y)).collect::<Step<_>>()?),
            }
        }
        (Data::Int(x), Data::Float(y)) if op == "Pow" => {
            let pairs = at[0].iter().zip(&at[1]).map(|(&i, &j)| (x[i], y[j]));
            Data::Int(
                pairs
                    .map(|(x, y)| Ok(Int::new((x.known()? as f64).powf(y.into()) as i64)))
                    .collect::<Step<_>>()?,
            )
        }
        (Data::Bool(x), Data::Bool(y)) => {
            let pairs = at[0].iter().zip(&at[1]).map(|(&i, &j)| (x[i], y[j]));
            Data::Bool(
                pairs
                    .map(|(x, y)| match op {
                        "And" => Ok(x && y),
                        "Or" => Ok(x || y),
                        "Xor" => Ok(x != y),
                        "Equal" => Ok(x == y),
                        _ => refuse!("{op} of truth values"),
                    })
                    .collect::<Step<_>>()?,
            )
        }
        _ => refuse!("operands of different types"),
    };
    Ok(Constant { shape, data, batch })
}

fn comparison(op: &str) -> Option<fn(Ordering) -> bool> {
    Some(match op {
        "Equal" => Ordering::is_eq,
        "Greater" => Ordering::is_gt,
        "GreaterOrEqual" => Ordering::is_ge,
        "Less" => Ordering::is_lt,
        "LessOrEqual" => Ordering::is_le,
        _ => return None,
    })
}

fn floats(op: &str, x: f32, y: f32) -> Step<f32> {
    Ok(match op {
        "Add" | "Sum" => x + y,
        "Sub" => x - y,
        "Mul" => x * y,
        "Div" => x / y,
        "Mod" => x % y,
        "Pow" => x.powf(y),
        "Min" => {
            if x.is_nan() || x < y {
                x
            } else {
                y
            }
        }
        "Max" => {
            if x.is_nan() || x > y {
                x
            } else {
                y
            }
        }
        _ => refuse!("{op} of floats"),
    })
}

fn whole(op: &str, x: Int, y: Int) -> Step<Int> {
    let pick = |wanted: Ordering| x.compare(y).map(|o| if o == wanted { x } else { y });
    let result = match op {
        "Add" | "Sum" => x.add(y),
        "Sub" => x.sub(y),
        "Mul" => x.mul(y),
        "Div" => x.div(y),
        // The sign follows the divisor.
        "Mod" => {
            let (x, y) = (x.known()?, y.known()?);
            x.checked_rem(y)
                .and_then(|r| if r != 0 && (r < 0) != (y < 0) { r.checked_add(y) } else { Some(r) })
                .map(Int::new)
        }
        "Pow" => u32::try_from(y.known()?).ok().and_then(|e| x.known().ok()?.checked_pow(e)).map(Int::new),
        "Min" => pick(Ordering::Less),
        "Max" => pick(Ordering::Greater),
        _ => refuse!("{op} of whole numbers"),
    };
    match result {
        Some(i) => Ok(i),
        None => refuse!("{op} of {x} and {y} overflows or is no multiple of the batch"),
    }
}

fn unary(f: &mut Fold<'_, '_>) -> Step<Constant> {
    let x = f.input(0)?;
    f.budget.take(&x.shape)?;
    let data = match &x.data {
        Data::Float(v) if f.op == "IsNaN" => Data::Bool(v.iter().map(|x| x.is_nan()).collect()),
        Data::Float(v) => {
            let g: fn(f32) -> f32 = match f.op {
                "Neg" => |x| -x,
                "Abs" => f32::abs,
                "Floor" => f32::floor,
                "Ceil" => f32::ceil,
                "Round" => f32::round_ties_even,
                "Sqrt" => f32::sqrt,
                "Exp" => f32::exp,
                "Sin" => f32::sin,
                "Cos" => f32::cos,
                "Log" => f32::ln,
                "Reciprocal" => |x| 1.0 / x,
                "Relu" => |x| if x < 0.0 { 0.0 } else { x },
                "Sigmoid" => |x| 1.0 / (1.0 + (-x).exp()),
                "Tanh" => f32::tanh,
                "Sign" => |x| if x == 0.0 { 0.0 } else { x.signum() },
                op => refuse!("{op} of constants only is not supported"),
            };
            Data::Float(v.iter().map(|&x| g(x)).collect())
        }
        Data::Int(v) => {
            let zero = Int::new(0);
            let g = |x: &Int| match f.op {
                "Neg" => Ok(zero.sub(*x)),
                "Abs" => Ok(match x.compare(zero) {
                    Some(Ordering::Less) => zero.sub(*x),
                    Some(_) => Some(*x),
                    None => None,
                }),
                "Relu" => Ok(x.compare(zero).map(|o| if o.is_lt() { zero } else { *x })),
                "Sign" => Ok(x.compare(zero).map(|o| Int::new(o as i64))),
                op => refuse!("{op} of whole constants is not supported"),
            };
            let checked = |x: &Int| match g(x)? {
                Some(y) => Ok(y),
                None => refuse!("{} of {x} overflows or hangs on the batch", f.op),
            };
            Data::Int(v.iter().map(checked).collect::<Step<_>>()?)
        }
        Data::Bool(v) if f.op == "Not" => Data::Bool(v.iter().map(|b| !b).collect()),
        Data::Bool(_) => refuse!("{} of truth values", f.op),
    };
    Ok(Constant { shape: x.shape.clone(), data, batch: x.batch })
}

fn reduce(f: &mut Fold<'_, '_>) -> Step<Constant> {
    let x = f.input(0)?;
    let rank = x.shape.len();
    let axes: Vec<usize> = match f.ints("axes", 1)? {
        Some(axes) if !axes.is_empty() => axes.iter().map(|&a| wrap(a, rank)).collect::<Step<_>>()?,
        _ if f.attributes.int("noop_with_empty_axes", 0) != 0 => return Ok(Constant::clone(&x)),
        _ => (0..rank).collect(),
    };
    if x.batch.is_some_and(|a| axes.contains(&a)) {
        refuse!("reduces over the batch");
    }
    let kept: Vec<usize> =
        x.shape.iter().enumerate().map(|(a, &n)| if axes.contains(&a) { 1 } else { n }).collect();
    let count = f.budget.take(&kept)?;
    let own = strides(&kept);
    let step: Vec<isize> = (0..rank).map(|a| if axes.contains(&a) { 0 } else { own[a] as isize }).collect();
    let target = walk(&x.shape, &step, 0);
    let each: usize = axes.iter().map(|&a| x.shape[a]).product();
    if each == 0 {
        refuse!("reduces over an empty axis");
    }
    let data = match &x.data {
        Data::Float(v) => {
            let (start, g): (f32, fn(f32, f32) -> f32) = match f.op {
                "ReduceSum" | "ReduceMean" => (0.0, |a, b| a + b),
                "ReduceSumSquare" | "ReduceL2" => (0.0, |a, b| a + b * b),
                "ReduceL1" => (0.0, |a, b| a + b.abs()),
                "ReduceProd" => (1.0, |a, b| a * b),
                "ReduceMax" => (f32::NEG_INFINITY, f32::max),
                "ReduceMin" => (f32::INFINITY, f32::min),
                op => refuse!("{op} of constants only is not supported"),
            };
            let mut out = vec![start; count];
            v.iter().zip(target).for_each(|(&v, t)| out[t] = g(out[t], v));
            match f.op {
                "ReduceMean" => out.iter_mut().for_each(|v| *v /= each as f32),
                "ReduceL2" => out.iter_mut().for_each(|v| *v = v.sqrt()),
                _ => {}
            }
            Data::Float(out)
        }
        Data::Int(v) => {
            let mut out: Vec<Option<Int>> = vec![None; count];
            let op = match f.op {
                "ReduceSum" => "Add",
                "ReduceProd" => "Mul",
                "ReduceMax" => "Max",
                "ReduceMin" => "Min",
                op => refuse!("{op} of whole constants is not supported"),
            };
            for (&v, t) in v.iter().zip(target) {
                out[t] = Some(match out[t] {
                    None => v,
                    Some(sum) => whole(op, sum, v)?,
                });
            }
            Data::Int(out.into_iter().map(|v| v.unwrap_or(Int::new(0))).collect())
        }
        Data::Bool(_) => refuse!("{} of truth values", f.op),
    };
    if f.attributes.int("keepdims", 1) != 0 {
        return Ok(Constant { shape: kept, data, batch: x.batch });
    }
    let shape = (0..rank).filter(|a| !axes.contains(a)).map(|a| x.shape[a]).collect();
    let batch = x.batch.map(|place| place - (0..place).filter(|a| axes.contains(a)).count());
    Ok(Constant { shape, data, batch })
}
