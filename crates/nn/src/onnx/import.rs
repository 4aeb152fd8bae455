//! Walks the nodes of a file once: constants are evaluated, everything else is lowered.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::attributes::Attributes;
use super::build::{Builder, Val};
use super::constant::{Budget, Constant, Data, Int};
use super::error::{OnnxError, Problem, Refusal, Step, unsupported, wrong};
use super::fold::{Fold, shape_of};
use super::lower::{Call, Known, alone, known, lower};
use super::order::{label, order};
use super::precision::Halves;
use super::proto;
use super::tensor::{Failure, Fetch, Store};
use super::{Length, Open, Port, catalogue, inputs, tidy};
use crate::graph::{Graph, Op};

/// What reading yields.
pub(super) struct Read {
    pub graph: Graph,
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
}

/// Reads a decoded model; `bytes` is the file's size.
pub(super) fn read(
    model: &proto::Model,
    bytes: usize,
    fetch: Fetch<'_>,
    open: Open<'_>,
) -> Result<Read, OnnxError> {
    let malformed = |place: &str, what: String| OnnxError::Malformed { place: place.into(), what };
    let Some(graph) = &model.graph else { return Err(malformed("model", "it holds no graph".into())) };
    let opset = opset(model)?;
    let mut problems = Vec::new();
    if !graph.sparse_initializer.is_empty() {
        problems.push(problem("graph", "initialiser", unsupported("sparse initialisers are not supported")));
    }
    let mut initialisers: HashMap<&str, &proto::Tensor> = HashMap::new();
    for tensor in &graph.initializer {
        if initialisers.insert(&tensor.name, tensor).is_some() {
            return Err(malformed(
                &format!("initialiser \"{}\"", tensor.name),
                "the name is used twice".into(),
            ));
        }
    }
    // Old files list initialisers among the inputs too.
    let inputs: Vec<&proto::ValueInfo> =
        graph.input.iter().filter(|i| !initialisers.contains_key(i.name.as_str())).collect();
    let mut names: HashMap<&str, ()> = HashMap::new();
    for input in &inputs {
        if names.insert(&input.name, ()).is_some() {
            return Err(malformed(&format!("input \"{}\"", input.name), "the name is used twice".into()));
        }
    }
    if graph.output.is_empty() {
        return Err(malformed("graph", "it has no output".into()));
    }
    let order = order(graph, |name| names.contains_key(name) || initialisers.contains_key(name))?;
    // Everything unsupported at once: operators and attributes before any shape is known.
    let mut refused = vec![false; graph.node.len()];
    for &i in &order {
        let node = &graph.node[i];
        for reason in catalogue::check(node) {
            refused[i] = true;
            problems.push(problem(label(node), &node.op_type, unsupported(reason)));
        }
    }
    let (found, static_batch) = inputs::inputs(graph, &inputs, open, &mut problems);
    // Constants may unfold to a few times the file, and to 64 MB in any case.
    let budget = Budget((1 << 24) + bytes.saturating_mul(4));
    let mut reader = Reader {
        opset,
        halves: Halves::of(graph, &inputs, &order, opset),
        build: Builder::new(static_batch, budget),
        store: Store::new(fetch),
        known: HashMap::new(),
        initialisers,
        problems,
        read: order
            .iter()
            .flat_map(|&i| &graph.node[i].input)
            .map(String::as_str)
            .chain(graph.output.iter().map(|o| o.name.as_str()))
            .collect(),
        credited: 0,
    };
    for (input, found) in inputs.iter().zip(&found) {
        let value = match found {
            None => Known::Broken,
            Some(found) => match reader.build.input(&input.name, &found.shape, found.whole) {
                Ok(v) => known(v, found.place),
                Err(refusal) => {
                    reader.problems.push(problem(&input.name, "input", refusal));
                    Known::Broken
                }
            },
        };
        reader.known.insert(&input.name, value);
    }
    for input in &inputs {
        reader.round_input(&input.name);
    }
    for i in order {
        reader.node(&graph.node[i], i, refused[i])?;
    }
    let outputs = graph.output.iter().map(|o| reader.output(&o.name)).collect::<Result<Vec<_>, _>>()?;
    let places = |list: Vec<Option<usize>>| list.into_iter().map(|p| p.unwrap_or(0)).collect::<Vec<_>>();
    let input_places = places(found.iter().map(|f| f.as_ref().map(|f| f.place)).collect());
    let output_places = places(outputs.iter().map(|o| o.map(|(_, place)| place)).collect());
    let mut problems = reader.problems;
    if !problems.is_empty() {
        problems.sort();
        problems.dedup();
        return Err(OnnxError::Refused(problems));
    }
    let mut built = reader.build.graph;
    built.name = graph.name.clone();
    built.outputs = outputs.into_iter().flatten().map(|(id, _)| id).collect();
    let built = tidy::tidy(built);
    built.validate().map_err(|e| malformed("model", e.to_string()))?;
    let mut reader = vec![None; built.values.len()];
    for (i, node) in built.nodes.iter().enumerate().rev() {
        node.inputs.iter().for_each(|&v| reader[v] = Some(i));
    }
    let port = |names: Vec<&str>, ids: &[usize], places: Vec<usize>| {
        let lengths = |id: usize| {
            let batch = static_batch.map_or(Length::Batch, |n| Length::BatchOf(n as usize));
            std::iter::once(batch).chain(built.values[id].shape.iter().map(|&n| Length::Fixed(n))).collect()
        };
        let port = |((name, &id), place): ((&str, &usize), usize)| Port {
            name: name.into(),
            shape: lengths(id),
            order: first_order(&built, &reader, id),
            batch_axis: place,
        };
        names.into_iter().zip(ids).zip(places).map(port).collect::<Vec<_>>()
    };
    let inputs = port(inputs.iter().map(|i| i.name.as_str()).collect(), &built.inputs, input_places);
    let outputs = port(graph.output.iter().map(|o| o.name.as_str()).collect(), &built.outputs, output_places);
    Ok(Read { graph: built, inputs, outputs })
}

/// The order in which the first layer reads an input's axes; `reader` is the first node that reads each value.
fn first_order(graph: &Graph, reader: &[Option<usize>], input: usize) -> Vec<usize> {
    let rank = graph.values[input].shape.len();
    let mut at = input;
    // Through what works element by element, up to the first node that cares for the order.
    while let Some(node) = reader[at].map(|i| &graph.nodes[i]) {
        match &node.op {
            Op::Transpose { order } => return order.clone(),
            // With one channel the axes move without a transposition.
            Op::Reshape { shape } if shape.len() == 3 && rank == 3 && shape[2] == 1 => return vec![1, 2, 0],
            Op::Activate(_) | Op::BinaryConst { .. } => at = node.output,
            _ => break,
        }
    }
    (0..rank).collect()
}

fn problem(node: &str, op: &str, refusal: Refusal) -> Problem {
    let Refusal { fault, reason } = refusal;
    Problem { fault, node: node.into(), op: op.into(), reason }
}

fn opset(model: &proto::Model) -> Result<i64, OnnxError> {
    let version =
        model.opset_import.iter().find(|o| matches!(o.domain.as_str(), "" | "ai.onnx")).map(|o| o.version);
    let place = "opset_import".to_string();
    match version {
        Some(v) if catalogue::OPSETS.contains(&v) => Ok(v),
        Some(v) => Err(OnnxError::Refused(vec![problem(
            &v.to_string(),
            "opset",
            unsupported(format!(
                "versions {} to {} are supported; export with opset_version={}",
                catalogue::OPSETS.start(),
                catalogue::OPSETS.end(),
                18
            )),
        )])),
        None => {
            Err(OnnxError::Malformed { place, what: "no version of the standard operators is given".into() })
        }
    }
}

/// Operators whose constants are weights, which must be finite; elsewhere infinities may be meant, as in a mask.
const WEIGHTED: [&str; 9] =
    ["BatchNormalization", "Conv", "ConvTranspose", "Einsum", "GRU", "Gemm", "LSTM", "MatMul", "RNN"];

/// What is wrong with the numbers of a constant that a node reads.
fn unsound(node: &proto::Node, name: &str, c: &Constant) -> Option<Problem> {
    let Data::Float(values) = &c.data else { return None };
    let weight = WEIGHTED.contains(&&*node.op_type);
    let at = values.iter().position(|v| v.is_nan() || (weight && v.is_infinite()))?;
    let reason = format!(
        "\"{name}\" holds {} (element {at} of shape {:?}); export the model from weights that are finite",
        values[at], c.shape
    );
    Some(problem(label(node), &node.op_type, wrong(reason)))
}

struct Reader<'m, 's> {
    opset: i64,
    halves: Halves<'m>,
    build: Builder,
    store: Store<'s>,
    known: HashMap<&'m str, Known>,
    initialisers: HashMap<&'m str, &'m proto::Tensor>,
    problems: Vec<Problem>,
    /// Names that some node or the caller reads.
    read: HashSet<&'m str>,
    /// Bytes beside the file that the budget has been raised for.
    credited: usize,
}

impl<'m> Reader<'m, '_> {
    /// What a name stands for; initialisers are decoded when they are first read.
    fn lookup(&mut self, name: &'m str) -> Result<Known, OnnxError> {
        if let Some(known) = self.known.get(name) {
            return Ok(known.clone());
        }
        let Some(tensor) = self.initialisers.get(name) else {
            return Ok(Known::Absent("nothing makes this input"));
        };
        let read = self.store.read(tensor);
        let fetched = self.store.fetched();
        self.build.budget.0 = self.build.budget.0.saturating_add(4 * (fetched - self.credited));
        self.credited = fetched;
        let known = match read.map(|c| self.build.budget.take(&c.shape).map(|_| c)) {
            Ok(Ok(c)) => Known::Constant(Rc::new(c)),
            Ok(Err(refusal)) | Err(Failure::Refused(refusal)) => {
                self.problems.push(problem(name, "initialiser", refusal));
                Known::Broken
            }
            Err(Failure::Wrong(e)) => return Err(e),
        };
        self.known.insert(name, known.clone());
        Ok(known)
    }

    /// An input of type float16 takes halves, whatever it is handed.
    fn round_input(&mut self, name: &'m str) {
        if let (true, Some(Known::Computed(v) | Known::Moved(v, _))) =
            (self.halves.half(name), self.known.get(name))
        {
            let place = if let Some(Known::Moved(_, place)) = self.known.get(name) { *place } else { 0 };
            let v = v.clone();
            self.build.scope = (name.to_string(), name.to_string());
            let known = match self.build.rounded(&v) {
                Ok(v) => known(v, place),
                Err(refusal) => {
                    self.problems.push(problem(name, "input", refusal));
                    Known::Broken
                }
            };
            self.known.insert(name, known);
        }
    }

    fn node(&mut self, node: &'m proto::Node, index: usize, refused: bool) -> Result<(), OnnxError> {
        let mut inputs = Vec::new();
        for name in &node.input {
            inputs.push(if name.is_empty() { None } else { Some(self.lookup(name)?) });
        }
        // Trailing inputs that are left out might as well not be listed.
        while inputs.last().is_some_and(Option::is_none) {
            inputs.pop();
        }
        // Reading a constant costs as well: one large one might be read by very many nodes.
        let read = inputs.iter().flatten().map(|k| if let Known::Constant(c) = k { c.data.len() } else { 0 });
        let charged = self.build.budget.take(&[read.sum()]);
        // A constant that only constants are computed from is looked at where a value meets them.
        if inputs.iter().flatten().any(|k| !matches!(k, Known::Constant(_))) {
            for (known, name) in inputs.iter().zip(&node.input) {
                if let Some(Known::Constant(c)) = known {
                    self.problems.extend(unsound(node, name, c));
                }
            }
        }
        let broken = refused || inputs.iter().flatten().any(|k| matches!(k, Known::Broken));
        let absent =
            inputs.iter().flatten().find_map(|k| if let Known::Absent(why) = k { Some(*why) } else { None });
        let result = match absent {
            // What the constants say of one another holds whatever the values are.
            _ if broken => alone(&Call::blind(node, inputs, self.opset)).err().map(Err),
            Some(why) => Some(Err(unsupported(why))),
            None => Some(match charged {
                Ok(_) => self.outputs(node, index, inputs)?,
                Err(refusal) => Err(refusal),
            }),
        };
        let mut made = match result {
            Some(Ok(known)) => known.into_iter(),
            Some(Err(refusal)) => {
                self.problems.push(problem(label(node), &node.op_type, refusal));
                vec![Known::Broken; node.output.len()].into_iter()
            }
            None => vec![Known::Broken; node.output.len()].into_iter(),
        };
        for name in &node.output {
            let known =
                made.next().unwrap_or(Known::Absent("it is an output of its node that is not supported"));
            if !name.is_empty() {
                self.known.insert(name, known);
            }
        }
        Ok(())
    }

    fn outputs(
        &mut self,
        node: &'m proto::Node,
        index: usize,
        mut inputs: Vec<Option<Known>>,
    ) -> Result<Step<Vec<Known>>, OnnxError> {
        let attributes = Attributes(&node.attribute);
        let count = node.output.len();
        let shaped = match inputs.first() {
            Some(Some(Known::Computed(v) | Known::Folded(v))) => Some((v, 0)),
            Some(Some(Known::Moved(v, place))) => Some((v, *place)),
            _ => None,
        };
        if let (true, Some((v, place))) = (matches!(&node.op_type[..], "Shape" | "Size"), shaped) {
            let shape = self.dimensions(v, place);
            let constant = if node.op_type == "Shape" {
                shape_of(&shape, attributes)
            } else {
                let total = shape.into_iter().try_fold(Int::new(1), Int::mul);
                total.map(Constant::scalar).ok_or_else(|| wrong("the size is too large"))
            };
            return Ok(constant.map(|c| vec![Known::Constant(Rc::new(c))]));
        }
        if inputs
            .iter()
            .flatten()
            .any(|k| matches!(k, Known::Computed(_) | Known::Moved(..) | Known::Folded(_)))
        {
            self.build.scope = (
                label(node).to_string(),
                node.output.iter().find(|o| !o.is_empty()).cloned().unwrap_or_default(),
            );
            if self.halves.reads(index) {
                for (known, name) in inputs.iter_mut().zip(&node.input) {
                    if let (true, Some(Known::Computed(v))) = (self.halves.unrounded(name), &known) {
                        match self.build.rounded(v) {
                            Ok(v) => *known = Some(Known::Computed(v)),
                            Err(refusal) => return Ok(Err(refusal)),
                        }
                    }
                }
            }
            let wanted: Vec<bool> =
                node.output.iter().map(|o| !o.is_empty() && self.read.contains(o.as_str())).collect();
            let call = Call {
                op: &node.op_type,
                attributes,
                names: &node.input,
                inputs,
                outputs: count,
                wanted: &wanted,
                opset: self.opset,
                folds_halves: self.halves.folds(index),
                clips_halves: self.halves.clips(index),
            };
            let made = lower(&mut self.build, &call);
            if !self.halves.makes(index) {
                return Ok(made);
            }
            let mut round = |known: Known| match known {
                Known::Computed(v) => self.build.rounded(&v).map(Known::Computed),
                other => Ok(other),
            };
            return Ok(made.and_then(|known| known.into_iter().map(&mut round).collect()));
        }
        let inputs = inputs
            .into_iter()
            .map(|k| if let Some(Known::Constant(c)) = k { Some(c) } else { None })
            .collect();
        let fold = Fold {
            op: &node.op_type,
            attributes,
            inputs,
            outputs: count,
            budget: &mut self.build.budget,
            store: &mut self.store,
        };
        match fold.evaluate() {
            Ok(constants) => Ok(Ok(constants.into_iter().map(|c| Known::Constant(Rc::new(c))).collect())),
            Err(Failure::Refused(refusal)) => Ok(Err(refusal)),
            Err(Failure::Wrong(e)) => Err(e),
        }
    }

    /// The file's shape of a value, with the batch at axis `place`.
    fn dimensions(&self, v: &Val, place: usize) -> Vec<Int> {
        let shape = self.build.shape(v);
        let rows: usize = shape[..v.merged].iter().product();
        let mut all: Vec<Int> = shape[v.merged..].iter().map(|&n| Int::new(n as i64)).collect();
        all.insert(place, Int::batches(rows as i64));
        all
    }

    /// The value of an output, in the file's layout but for the batch, which is in front, and the file's place of that; `None` where there is a problem, which is noted.
    fn output(&mut self, name: &'m str) -> Result<Option<(usize, usize)>, OnnxError> {
        let found = self.lookup(name)?;
        let place = if let Known::Moved(_, place) = found { place } else { 0 };
        let refusal = match found {
            Known::Folded(_) => unsupported(
                "its first axis holds the batch behind other axes; reshape it so that it stands alone",
            ),
            Known::Computed(v) | Known::Moved(v, _) if v.merged > 0 => unsupported(
                "its batch axis holds several values of each sample; reshape it so that the batch stands alone",
            ),
            Known::Computed(v) | Known::Moved(v, _) => {
                self.build.scope = (name.to_string(), name.to_string());
                let order: Vec<usize> = (0..v.axes.len()).collect();
                let v = if self.halves.unrounded(name) { self.build.rounded(&v) } else { Ok(v) };
                match v.and_then(|v| self.build.arrange(&v, &order)) {
                    Ok(id) => return Ok(Some((id, place))),
                    Err(refusal) => refusal,
                }
            }
            Known::Constant(_) => unsupported("is a constant that does not hang on the inputs"),
            Known::Absent(why) => unsupported(why),
            Known::Broken => return Ok(None),
        };
        self.problems.push(problem(name, "output", refusal));
        Ok(None)
    }
}
