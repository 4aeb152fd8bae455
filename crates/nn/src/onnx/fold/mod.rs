//! Operators on constants, evaluated while reading: mostly the arithmetic on shapes that exporters emit.

mod arithmetic;
mod movement;

use std::rc::Rc;

use super::attributes::Attributes;
use super::constant::{Budget, Constant, Data, Int};
use super::error::{Step, mistake, refuse, unsupported};
use super::proto::element;
use super::tensor::{Failure, Store};

/// A node of which every input is constant.
pub(super) struct Fold<'a, 's> {
    pub op: &'a str,
    pub attributes: Attributes<'a>,
    pub inputs: Vec<Option<Rc<Constant>>>,
    pub outputs: usize,
    pub budget: &'a mut Budget,
    pub store: &'a mut Store<'s>,
}

impl Fold<'_, '_> {
    fn input(&self, index: usize) -> Step<Rc<Constant>> {
        match self.inputs.get(index) {
            Some(Some(c)) => Ok(Rc::clone(c)),
            _ => mistake!("input {index} is missing"),
        }
    }

    fn optional(&self, index: usize) -> Option<Rc<Constant>> {
        self.inputs.get(index).cloned().flatten()
    }

    fn ints(&self, attribute: &str, index: usize) -> Step<Option<Vec<i64>>> {
        match self.optional(index) {
            Some(c) => c.known_ints().map(Some),
            None => Ok(self.attributes.ints(attribute).map(<[i64]>::to_vec)),
        }
    }

    /// The outputs.
    pub fn evaluate(mut self) -> Result<Vec<Constant>, Failure> {
        let one = |c: Constant| vec![c];
        Ok(match self.op {
            "Constant" => one(self.constant()?),
            "ConstantOfShape" => {
                let value = match self.attributes.get("value").and_then(|a| a.t.as_ref()) {
                    Some(tensor) => self.store.read(tensor)?,
                    None => Constant::new(vec![1], Data::Float(vec![0.0])),
                };
                one(self.filled(&value)?)
            }
            "Identity" | "Dropout" => one(Constant::clone(&*self.input(0)?)),
            "Shape" => {
                let shape = dimensions(&*self.input(0)?);
                one(shape_of(&shape, self.attributes)?)
            }
            "Size" => {
                let total = dimensions(&*self.input(0)?).into_iter().try_fold(Int::new(1), Int::mul);
                one(Constant::scalar(
                    total.ok_or_else(|| "the size is too large".to_string()).map_err(refused)?,
                ))
            }
            "Cast" => one(self.cast()?),
            "CastLike" => {
                let x = self.input(0)?;
                one(match self.input(1)?.data {
                    Data::Float(_) => arithmetic::to_float(&x)?,
                    Data::Int(_) => arithmetic::to_int(&x)?,
                    Data::Bool(_) => arithmetic::to_bool(&x)?,
                })
            }
            "Range" => one(self.range()?),
            _ => match movement::evaluate(&mut self)? {
                Some(outputs) => outputs,
                None => one(arithmetic::evaluate(&mut self)?),
            },
        })
    }

    fn constant(&mut self) -> Result<Constant, Failure> {
        let a = self.attributes;
        if let Some(attribute) = a.get("value") {
            let Some(tensor) = &attribute.t else {
                return Err(Failure::Refused(unsupported("value is no tensor")));
            };
            return self.store.read(tensor);
        }
        if let Some(x) = a.maybe_float("value_float") {
            return Ok(Constant::new(Vec::new(), Data::Float(vec![x])));
        }
        if let Some(x) = a.maybe_int("value_int") {
            return Ok(Constant::scalar(Int::new(x)));
        }
        if let Some(v) = a.ints("value_ints") {
            return Ok(Constant::vector(v.iter().map(|&i| Int::new(i)).collect()));
        }
        if let Some(v) = a.get("value_floats") {
            return Ok(Constant::new(vec![v.floats.len()], Data::Float(v.floats.clone())));
        }
        Err(Failure::Refused(unsupported("has no value that is supported")))
    }

    /// A constant of the shape given by input 0, in which the batch may stand once.
    fn filled(&mut self, value: &Constant) -> Step<Constant> {
        let shape = self.input(0)?;
        let (shape, batch) = concrete(shape.ints()?)?;
        if value.data.len() != 1 {
            refuse!("fills with {} values instead of one", value.data.len());
        }
        let count = self.budget.take(&shape)?;
        let data = value.data.select(std::iter::repeat_n(0, count));
        Ok(Constant { shape, data, batch })
    }

    fn cast(&mut self) -> Step<Constant> {
        let x = self.input(0)?;
        self.budget.take(&x.shape)?;
        let to = self.attributes.int("to", 0);
        match i32::try_from(to).unwrap_or(0) {
            code if element::is_float(code) => arithmetic::to_float(&x),
            element::BOOL => arithmetic::to_bool(&x),
            element::INT64
            | element::INT32
            | element::INT16
            | element::INT8
            | element::UINT8
            | element::UINT16
            | element::UINT32
            | element::UINT64 => arithmetic::to_int(&x),
            code => refuse!("casts to {}", element::name(code)),
        }
    }

    fn range(&mut self) -> Step<Constant> {
        let (start, limit, delta) = (self.input(0)?, self.input(1)?, self.input(2)?);
        if let (Data::Int(s), Data::Int(_), Data::Int(_)) = (&start.data, &limit.data, &delta.data) {
            let ([start], [limit], [delta]) = (&s[..], &limit.known_ints()?[..], &delta.known_ints()?[..])
            else {
                refuse!("takes three numbers");
            };
            let (start, span) = (start.known()?, i128::from(*limit) - i128::from(start.known()?));
            let delta128 = i128::from(*delta);
            if delta128 == 0 {
                mistake!("delta is zero");
            }
            // Rounded up.
            let count =
                (span / delta128 + i128::from(span % delta128 != 0 && (span > 0) == (delta128 > 0))).max(0);
            let count = self.budget.take(&[usize::try_from(count).unwrap_or(usize::MAX)])?;
            let at = |i: usize| Int::new(start.wrapping_add(delta.wrapping_mul(i as i64)));
            return Ok(Constant::vector((0..count).map(at).collect()));
        }
        let (start, limit, delta) = (start.float()?, limit.float()?, delta.float()?);
        let count = ((limit - start) / delta).ceil().max(0.0);
        if !count.is_finite() {
            refuse!("from {start} to {limit} by {delta} has no end");
        }
        let count = self.budget.take(&[count as usize])?;
        let data = (0..count).map(|i| start + i as f32 * delta).collect();
        Ok(Constant::new(vec![count], Data::Float(data)))
    }
}

fn refused(reason: String) -> Failure {
    Failure::Refused(unsupported(reason))
}

/// The shape of a constant, in which the batch may stand.
fn dimensions(c: &Constant) -> Vec<Int> {
    let mut shape: Vec<Int> = c.shape.iter().map(|&n| Int::new(n as i64)).collect();
    if let Some(axis) = c.batch {
        shape[axis] = Int::batches(1);
    }
    shape
}

/// What `Shape` gives: all of a shape or a part of it.
pub(super) fn shape_of(shape: &[Int], attributes: Attributes<'_>) -> Step<Constant> {
    let rank = shape.len() as i64;
    let bound = |name: &str, default: i64| {
        let v = attributes.int(name, default);
        (if v < 0 { v.saturating_add(rank) } else { v }).clamp(0, rank) as usize
    };
    let (start, end) = (bound("start", 0), bound("end", rank));
    Ok(Constant::vector(shape.get(start..end.max(start)).unwrap_or_default().to_vec()))
}

/// A shape in numbers; where one length is the batch it becomes a 1, and its place is told.
fn concrete(shape: &[Int]) -> Step<(Vec<usize>, Option<usize>)> {
    let batch = shape.iter().position(|n| *n == Int::batches(1));
    let numbers = shape.iter().enumerate().map(|(i, n)| {
        if Some(i) == batch {
            return Ok(1);
        }
        match usize::try_from(n.known()?) {
            Ok(n) => Ok(n),
            Err(_) => refuse!("length {n} of axis {i} is negative"),
        }
    });
    Ok((numbers.collect::<Step<_>>()?, batch))
}
