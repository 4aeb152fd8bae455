//! Builds the layer graph, with layouts as labels: a transposition only renames axes until an operator
//! needs its value in another order in memory.
//!
//! So a file's NCHW values are channels-last in memory from the first convolution on, transpositions that
//! cancel never exist, and those of NHWC files that are wrapped around NCHW operators vanish.

use std::collections::{HashMap, HashSet};

use crate::graph::{Activation, Binary, Graph, Node, Op, ParamId, Reduce, Tensor, Value, ValueId};

use super::constant::{Budget, Constant, MAX_RANK, transposed};
use super::error::{Step, mistake, refuse};

/// What a node takes from the budget, in elements of constants.
const NODE: usize = 64;
/// Largest number of elements a sample of any value may have.
const MAX_VALUE: usize = 1 << 26;

/// Gives out names, each once.
#[derive(Default)]
pub(super) struct Names {
    taken: HashSet<String>,
    /// How often each name was asked for.
    asked: HashMap<String, usize>,
}

impl Names {
    /// The name itself, or with a number behind it where it is taken.
    pub fn unique(&mut self, name: &str, separator: char) -> String {
        if self.taken.insert(name.into()) {
            return name.into();
        }
        let count = self.asked.entry(name.into()).or_insert(1);
        loop {
            *count += 1;
            let numbered = format!("{name}{separator}{count}");
            if self.taken.insert(numbered.clone()) {
                return numbered;
            }
        }
    }
}

/// A value of the file in terms of ours.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Val {
    /// Where it lies.
    pub id: ValueId,
    /// Axis `p` in memory is the file's axis `axes[p]`, counted behind the batch.
    pub axes: Vec<usize>,
    /// How many of the leading axes the file has merged into the batch axis.
    pub merged: usize,
}

/// The graph so far.
pub(super) struct Builder {
    pub graph: Graph,
    /// The batch that a file with fixed shapes was exported with.
    pub static_batch: Option<i64>,
    pub budget: Budget,
    /// Name of the node being read, and of its output.
    pub scope: (String, String),
    names: Names,
    arranged: HashMap<(ValueId, Vec<usize>), ValueId>,
    /// The value that is another one rounded to halves.
    rounded: HashMap<ValueId, ValueId>,
    /// Values that hold whole numbers or truth values, 0 and 1.
    whole: HashSet<ValueId>,
}

impl Builder {
    pub fn new(static_batch: Option<i64>, budget: Budget) -> Self {
        Self {
            graph: Graph::default(),
            static_batch,
            budget,
            scope: Default::default(),
            names: Names::default(),
            arranged: HashMap::new(),
            rounded: HashMap::new(),
            whole: HashSet::new(),
        }
    }

    /// A value that the caller of the network supplies, of whole numbers or of floats.
    pub fn input(&mut self, name: &str, shape: &[usize], whole: bool) -> Step<Val> {
        check_size(shape)?;
        let id = self.value(name.to_string(), shape.to_vec());
        self.graph.inputs.push(id);
        if whole {
            self.whole.insert(id);
        }
        Ok(Val { id, axes: (0..shape.len()).collect(), merged: 0 })
    }

    fn value(&mut self, name: String, shape: Vec<usize>) -> ValueId {
        self.graph.values.push(Value { name, shape });
        self.graph.values.len() - 1
    }

    /// The node that makes a value; nodes follow the inputs, each with one value.
    pub fn maker(&self, v: &Val) -> Option<&Node> {
        self.graph.nodes.get(v.id.checked_sub(self.graph.inputs.len())?).filter(|n| n.output == v.id)
    }

    /// The same, to be changed.
    pub fn maker_mut(&mut self, v: &Val) -> Option<&mut Node> {
        let index = v.id.checked_sub(self.graph.inputs.len())?;
        self.graph.nodes.get_mut(index).filter(|n| n.output == v.id)
    }

    /// Shape in memory, without the batch.
    pub fn memory<'a>(&'a self, v: &Val) -> &'a [usize] {
        &self.graph.values[v.id].shape
    }

    /// Shape in the file's order of axes, without the batch, leading merged axes apart.
    pub fn shape(&self, v: &Val) -> Vec<usize> {
        let mut shape = vec![0; v.axes.len()];
        v.axes.iter().zip(self.memory(v)).for_each(|(&axis, &n)| shape[axis] = n);
        shape
    }

    /// Number of axes in the file, with the batch.
    pub fn rank(&self, v: &Val) -> usize {
        1 + v.axes.len() - v.merged
    }

    /// From an axis in the file, which may count from the end, to one behind the batch.
    pub fn axis(&self, v: &Val, axis: i64) -> Step<usize> {
        match self.any_axis(v, axis)? {
            None => refuse!("works along the batch axis"),
            Some(axis) => Ok(axis),
        }
    }

    /// Like `axis`, but `None` for the batch.
    pub fn any_axis(&self, v: &Val, axis: i64) -> Step<Option<usize>> {
        match wrap(axis, self.rank(v))? {
            0 => Ok(None),
            axis => Ok(Some(axis - 1 + v.merged)),
        }
    }

    /// Refuses a value whose leading axes are merged with the batch.
    pub fn apart(&self, v: &Val) -> Step<()> {
        if v.merged == 0 {
            return Ok(());
        }
        refuse!("the batch axis holds {:?} values of each sample here", &self.shape(v)[..v.merged])
    }

    /// Adds a node; its name is that of the file's node, with `role` where there are several for one.
    pub fn emit(&mut self, role: &str, op: Op, inputs: Vec<ValueId>) -> Step<ValueId> {
        let (node, value) = &self.scope;
        let (name, value) = if role.is_empty() {
            (node.clone(), value.clone())
        } else {
            (format!("{node}/{role}"), format!("{value}/{role}"))
        };
        self.budget.take(&[NODE])?;
        let unique = self.names.unique(&name, '#');
        let whole = self.stays_whole(&op, &inputs)?;
        let mut node = Node { name: unique, op, inputs, output: usize::MAX };
        let shape = self.graph.output_shape(&node)?;
        check_size(&shape)?;
        node.output = self.value(value, shape);
        if whole {
            self.whole.insert(node.output);
        }
        self.graph.nodes.push(node);
        Ok(self.graph.values.len() - 1)
    }

    /// Whether a step makes whole numbers of whole numbers; dividing them would round.
    fn stays_whole(&self, op: &Op, inputs: &[ValueId]) -> Step<bool> {
        // The condition of a choice says nothing about its result.
        let inputs = if *op == Op::Select { &inputs[1..] } else { inputs };
        if inputs.is_empty() || !inputs.iter().all(|v| self.whole.contains(v)) {
            return Ok(false);
        }
        let exact = |how: &Binary| !matches!(how, Binary::Div | Binary::Pow);
        Ok(match op {
            Op::Binary(Binary::Div) | Op::BinaryConst { how: Binary::Div, .. } => {
                refuse!("dividing whole numbers is not supported")
            }
            Op::Binary(how) => exact(how),
            Op::BinaryConst { how, param, .. } => {
                exact(how) && self.graph.params[*param].data.iter().all(|v| v.fract() == 0.0)
            }
            Op::Reduce { how, .. } => *how != Reduce::Mean,
            Op::Activate(f) => {
                matches!(f, Activation::Abs | Activation::Neg | Activation::Relu | Activation::Clip { .. })
            }
            Op::Reshape { .. }
            | Op::Transpose { .. }
            | Op::Slice { .. }
            | Op::Concat { .. }
            | Op::Pad { .. }
            | Op::Select => true,
            _ => false,
        })
    }

    /// Whether a value holds whole numbers or truth values.
    pub fn is_whole(&self, v: &Val) -> bool {
        self.whole.contains(&v.id)
    }

    /// Notes that a value holds whole numbers.
    pub fn set_whole(&mut self, v: Val) -> Val {
        self.whole.insert(v.id);
        v
    }

    /// A value as floats: whole numbers lose what is said of them.
    pub fn as_float(&mut self, v: &Val) -> Step<Val> {
        if !self.is_whole(v) {
            return Ok(v.clone());
        }
        let shape = self.memory(v).to_vec();
        let y = self.keep("float", Op::Reshape { shape }, v)?;
        self.whole.remove(&y.id);
        Ok(y)
    }

    /// Adds a parameter.
    pub fn param(&mut self, shape: &[usize], data: Vec<f32>) -> Step<ParamId> {
        self.budget.take(shape)?;
        self.graph.params.push(Tensor { shape: shape.to_vec(), data });
        Ok(self.graph.params.len() - 1)
    }

    /// The value in memory with its axes in `order`.
    pub fn arrange(&mut self, v: &Val, order: &[usize]) -> Step<ValueId> {
        if v.axes == order {
            return Ok(v.id);
        }
        let from = self.memory(v).to_vec();
        let by: Vec<usize> = order
            .iter()
            .map(|axis| v.axes.iter().position(|a| a == axis).ok_or("axes do not match"))
            .collect::<Result<_, _>>()?;
        let key = (v.id, by.clone());
        if let Some(&id) = self.arranged.get(&key) {
            return Ok(id);
        }
        let long = |order: &[usize]| order.iter().copied().filter(|&p| from[p] != 1).collect::<Vec<_>>();
        let shape: Vec<usize> = by.iter().map(|&p| from[p]).collect();
        // Axes of length 1 move for free.
        let id = if long(&by).is_sorted() {
            if shape == from { v.id } else { self.emit("layout", Op::Reshape { shape }, vec![v.id])? }
        } else {
            self.emit("transpose", Op::Transpose { order: by }, vec![v.id])?
        };
        self.arranged.insert(key, id);
        Ok(id)
    }

    /// Elements that would move to bring a value in this order; none where it was done before.
    fn cost(&self, v: &Val, order: &[usize]) -> usize {
        let from = self.memory(v);
        let by: Vec<usize> = order.iter().filter_map(|o| v.axes.iter().position(|a| a == o)).collect();
        let still = by.iter().filter(|&&p| from[p] != 1).is_sorted();
        if still || self.arranged.contains_key(&(v.id, by)) { 0 } else { from.iter().product() }
    }

    /// The order in memory in which several values of equal rank meet with the least movement; between equals,
    /// the one that is not the file's own (channels-last, most likely).
    pub fn meeting_order(&self, values: &[Val]) -> Vec<usize> {
        let total = |order: &[usize]| values.iter().map(|v| self.cost(v, order)).sum::<usize>();
        let best = values.iter().map(|v| &v.axes).min_by_key(|o| (total(o), o.is_sorted()));
        best.cloned().unwrap_or_default()
    }

    /// A node over one value that keeps its shape and order of axes.
    pub fn keep(&mut self, role: &str, op: Op, v: &Val) -> Step<Val> {
        Ok(Val { id: self.emit(role, op, vec![v.id])?, ..v.clone() })
    }

    pub fn activate(&mut self, role: &str, f: Activation, v: &Val) -> Step<Val> {
        self.keep(role, Op::Activate(f), v)
    }

    /// The value rounded to half precision, once however often it is asked for.
    pub fn rounded(&mut self, v: &Val) -> Step<Val> {
        if let Some(&id) = self.rounded.get(&v.id) {
            return Ok(Val { id, ..v.clone() });
        }
        let y = self.activate("half", Activation::Half, v)?;
        self.rounded.extend([(v.id, y.id), (y.id, y.id)]);
        Ok(y)
    }

    /// A value with a number.
    pub fn with_number(&mut self, role: &str, how: Binary, v: &Val, number: f32) -> Step<Val> {
        let param = self.param(&[], vec![number])?;
        self.keep(role, Op::BinaryConst { how, param, constant_first: false }, v)
    }

    /// A value with a constant, broadcast as the file has it; axis 0 of the constant meets the batch.
    pub fn with_constant(
        &mut self,
        role: &str,
        how: Binary,
        v: &Val,
        c: &Constant,
        first: bool,
    ) -> Step<Val> {
        let rank = self.rank(v);
        if c.shape.len() > rank {
            refuse!(
                "a constant of shape {:?} would move the batch axis of a value with {rank} axes",
                c.shape
            );
        }
        if c.shape.len() == rank && c.shape[0] != 1 {
            refuse!("a constant of shape {:?} differs from sample to sample", c.shape);
        }
        // The constant's axes behind the batch, in the file's order, then in memory's.
        let behind = &c.shape[usize::from(c.shape.len() >= rank)..];
        let mut full = vec![1; v.axes.len()];
        let from = full.len() - behind.len();
        full[from..].copy_from_slice(behind);
        let values = c.floats()?;
        let (shape, at) = transposed(&full, &v.axes);
        let data = at.map(|i| values[i]).collect();
        // Leading axes of length 1 need not be there.
        let shape = shape[shape.iter().take_while(|&&n| n == 1).count()..].to_vec();
        let param = self.param(&shape, data)?;
        self.keep(role, Op::BinaryConst { how, param, constant_first: first }, v)
    }

    /// Two values, broadcast as the file has it.
    pub fn binary(&mut self, role: &str, how: Binary, a: &Val, b: &Val) -> Step<Val> {
        if self.rank(a) != self.rank(b) || a.merged != b.merged || a.axes.len() != b.axes.len() {
            refuse!(
                "values with the shapes [batch, {:?}] and [batch, {:?}] do not line up at the batch axis",
                self.shape(a),
                self.shape(b)
            );
        }
        let order = self.meeting_order(&[a.clone(), b.clone()]);
        let ids = vec![self.arrange(a, &order)?, self.arrange(b, &order)?];
        Ok(Val { id: self.emit(role, Op::Binary(how), ids)?, axes: order, merged: a.merged })
    }
}

/// An axis that may count from the end.
pub(super) fn wrap(axis: i64, rank: usize) -> Step<usize> {
    let signed = rank as i64;
    let wrapped = if axis < 0 { axis.checked_add(signed) } else { Some(axis) };
    match wrapped {
        Some(a) if (0..signed).contains(&a) => Ok(a as usize),
        _ => mistake!("axis {axis} of a value with {rank} axes"),
    }
}

/// Refuses shapes that are empty or too large.
pub(super) fn check_size(shape: &[usize]) -> Step<()> {
    if shape.len() > MAX_RANK {
        refuse!("a value of {} axes", shape.len());
    }
    match shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)) {
        Some(0) => refuse!("a value of shape [batch, {shape:?}] holds nothing"),
        Some(n) if n <= MAX_VALUE => Ok(()),
        _ => refuse!("a value of shape [batch, {shape:?}] is larger than {MAX_VALUE} elements a sample"),
    }
}
