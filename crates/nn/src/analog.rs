//! A network whose weighted layers sit on crossbars.

use crate::error::NnError;
use crate::exec::step::matrix;
use crate::exec::{Executor, Factor, Products};
use crate::graph::{Graph, Tensor};
use crate::survey::WeightedLayer;
use neurohm_array::{AnalogMatrix, ArrayError, Bias, ChipSpec, SettingError, Tally, gemm};
use neurohm_num::{Key, Rows, RowsMut, Unwatched, Watch};
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

/// Rows of each layer's inputs that calibration keeps.
const CALIBRATION_ROWS: u64 = 2048;

/// Crossbars that hold the weighted layers of one graph, and their biases where the chip keeps these on devices
/// ([`Bias::WordLine`]); all else stays digital. Hand it to an [`Executor`] of the same graph. Layers that it
/// does not hold are computed exactly.
#[derive(Debug)]
pub struct AnalogNetwork {
    layers: Vec<AnalogLayer>,
    by_node: Vec<Option<usize>>,
}

/// One layer on crossbars: a matrix for each channel group.
#[derive(Debug)]
pub struct AnalogLayer {
    layer: WeightedLayer,
    matrices: Vec<AnalogMatrix>,
    was_read: bool,
    tally: Mutex<Tally>,
}

/// What a layer takes up on the chip and has done so far.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerSummary {
    /// The layer.
    pub layer: WeightedLayer,
    /// Crossbars.
    pub tiles: usize,
    /// Devices.
    pub devices: u64,
    /// Events since programming, programming and the reads of drift compensation included.
    pub tally: Tally,
}

impl AnalogLayer {
    /// The layer that it holds.
    pub fn layer(&self) -> &WeightedLayer {
        &self.layer
    }
    /// Its matrices, one for each channel group.
    pub fn matrices(&self) -> &[AnalogMatrix] {
        &self.matrices
    }

    /// The weights that the crossbars held when they were last read, in the shape of the layer's parameter.
    ///
    /// # Errors
    /// Cells that were never read.
    pub fn weights(&self) -> Result<Tensor, NnError> {
        let WeightedLayer { inputs, outputs, groups, .. } = self.layer;
        let columns = outputs * groups;
        let mut data = vec![0.0; inputs * columns];
        for (g, held) in self.matrices.iter().enumerate() {
            let mut part = view_of_group(&mut data, g, inputs, outputs, columns);
            held.weights(&mut part).map_err(|e| self.error(e))?;
        }
        Ok(Tensor { shape: vec![inputs, columns], data })
    }

    fn summary(&self) -> LayerSummary {
        let counted = *self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        LayerSummary {
            layer: self.layer.clone(),
            tiles: self.matrices.iter().map(AnalogMatrix::tiles).sum(),
            devices: self.matrices.iter().map(AnalogMatrix::devices).sum(),
            tally: counted + self.matrices.iter().map(AnalogMatrix::events).sum(),
        }
    }

    fn error(&self, source: ArrayError) -> NnError {
        array_error(&self.layer, source)
    }
}

fn array_error(layer: &WeightedLayer, source: ArrayError) -> NnError {
    NnError::Array { layer: layer.name.clone(), source: Box::new(source) }
}

fn view_of_group(data: &mut [f32], g: usize, inputs: usize, outputs: usize, columns: usize) -> RowsMut<'_> {
    RowsMut::strided(&mut data[g * outputs..], inputs, outputs, columns).expect("columns of a group")
}

impl AnalogNetwork {
    /// Programs all weighted layers of `graph` into the devices of `chip`; all randomness grows from `key`.
    /// Batch norms that should be part of the weights are folded before
    /// ([`Graph::fold_batch_norm`]). `watch` counts weights.
    ///
    /// # Errors
    /// An invalid graph; a layer that the crossbars refuse, by name (a weight that is not finite); a chip that keeps biases
    /// on devices where no layer has any.
    pub fn program(graph: &Graph, chip: &ChipSpec, key: Key, watch: &dyn Watch) -> Result<Self, NnError> {
        Self::program_layers(graph, chip, key, &|_| true, watch)
    }

    /// As [`program`](Self::program), only the layers that `on_chip` picks. What a layer's devices draw does
    /// not depend on which others are picked.
    ///
    /// # Errors
    /// As there.
    pub fn program_layers(
        graph: &Graph,
        chip: &ChipSpec,
        key: Key,
        on_chip: &(dyn Fn(&WeightedLayer) -> bool + Sync),
        watch: &dyn Watch,
    ) -> Result<Self, NnError> {
        graph.validate()?;
        let layers = graph.weighted_layers();
        if chip.mapping.bias != Bias::default()
            && !layers.is_empty()
            && layers.iter().all(|l| l.bias.is_none())
        {
            let why = "this has no effect: no layer of the network has a bias; take it out";
            return Err(NnError::Chip(SettingError::value("mapping.bias", why)));
        }
        let picked: Vec<(usize, WeightedLayer)> =
            layers.into_iter().enumerate().filter(|(_, l)| on_chip(l)).collect();
        let program = |(ordinal, layer): (usize, WeightedLayer)| {
            let weights = matrix(&graph.params[layer.weight]);
            let key = key.child("layer", ordinal as u64);
            let bias = layer.bias.map(|b| &graph.params[b].data[..]);
            let group = |g: usize| {
                let columns = g * layer.outputs..(g + 1) * layer.outputs;
                let bias = bias.and_then(|bias| bias.get(columns.clone()));
                let weights = weights.columns(columns.start, layer.outputs);
                AnalogMatrix::program_with_bias(weights, bias, chip, key.child("group", g as u64))
            };
            let matrices = (0..layer.groups).into_par_iter().map(group).collect::<Vec<_>>();
            let matrices =
                matrices.into_iter().collect::<Result<_, _>>().map_err(|e| array_error(&layer, e))?;
            watch.step(layer.weights() as u64)?;
            Ok(AnalogLayer { layer, matrices, was_read: false, tally: Mutex::default() })
        };
        let layers: Vec<Result<AnalogLayer, NnError>> = picked.into_par_iter().map(program).collect();
        let layers = layers.into_iter().collect::<Result<Vec<_>, _>>()?;
        let mut by_node = vec![None; graph.nodes.len()];
        layers.iter().enumerate().for_each(|(k, l)| by_node[l.layer.node] = Some(k));
        Ok(AnalogNetwork { layers, by_node })
    }

    /// Lets `dt_s` seconds pass on all crossbars, in an instant.
    ///
    /// # Errors
    /// A time that is negative or not finite.
    pub fn advance(&mut self, dt_s: f64) -> Result<(), NnError> {
        self.each(|m| m.advance(dt_s))
    }

    /// Programs the weights of `graph`, which has the same layers, into the same devices again, now. Calibrated ranges stay.
    ///
    /// # Errors
    /// Weights of another shape, or not finite, by layer.
    pub fn reprogram(&mut self, graph: &Graph) -> Result<(), NnError> {
        let again = |l: &mut AnalogLayer| {
            let weights = graph.params.get(l.layer.weight).ok_or_else(|| {
                NnError::Malformed(format!(
                    "it has no parameter for the weights of layer \"{}\"",
                    l.layer.name
                ))
            })?;
            let (weights, outputs) = (matrix(weights), l.layer.outputs);
            l.was_read = false;
            for (g, held) in l.matrices.iter_mut().enumerate() {
                let part = weights.columns(g * outputs, outputs);
                held.reprogram(part).map_err(|e| array_error(&l.layer, e))?;
            }
            Ok(())
        };
        let results: Vec<Result<(), NnError>> = self.layers.par_iter_mut().map(again).collect();
        results.into_iter().collect()
    }

    /// Wears every device by so many cycles of SET and RESET at once; each programming is one by itself.
    ///
    /// # Errors
    /// A number of cycles that is negative or not finite.
    pub fn wear(&mut self, cycles: f64) -> Result<(), NnError> {
        self.each(|m| m.wear(cycles))
    }

    /// Share of the devices that work.
    pub fn working(&self) -> f64 {
        let stuck: u64 = self.layers.iter().flat_map(|l| &l.matrices).map(AnalogMatrix::stuck).sum();
        1.0 - stuck as f64 / self.devices().max(1) as f64
    }

    /// From now on all devices are at `t_k` kelvin; they are made at room temperature. Only a retention with an
    /// activation energy follows it.
    ///
    /// # Errors
    /// A temperature out of range.
    pub fn set_temperature(&mut self, t_k: f64) -> Result<(), NnError> {
        self.each(|m| m.set_temperature(t_k))
    }

    /// Reads all cells as they are now: what products until the next read see.
    ///
    /// # Errors
    /// None but what the cells report.
    pub fn read(&mut self) -> Result<(), NnError> {
        self.layers.iter_mut().for_each(|l| l.was_read = true);
        self.each(AnalogMatrix::read)
    }

    fn each(
        &mut self,
        work: impl Fn(&mut AnalogMatrix) -> Result<(), ArrayError> + Sync + Send,
    ) -> Result<(), NnError> {
        let layers = self.layers.par_iter_mut().map(|l| {
            let results: Vec<_> = l.matrices.par_iter_mut().map(&work).collect();
            results.into_iter().collect::<Result<(), _>>().map_err(|e| array_error(&l.layer, e))
        });
        let results: Vec<Result<(), NnError>> = layers.collect();
        results.into_iter().collect()
    }

    /// Sets the converters' ranges, where the chip says that they come from data, from what typical inputs of
    /// the network put on each layer in an exact run (about 2000 rows a layer, spread evenly). Cells that were
    /// never read are read first.
    ///
    /// # Errors
    /// Inputs that do not fit the graph or are not finite.
    pub fn calibrate(&mut self, graph: &Graph, inputs: &[Tensor]) -> Result<(), NnError> {
        if self.layers.iter().any(|l| !l.was_read) {
            self.read()?;
        }
        let batch = inputs.first().and_then(|t| t.shape.first()).copied().unwrap_or(0) as u64;
        let capture = Capture::new(&self.layers, &self.by_node, batch);
        Executor::new(graph)?.run(inputs, &capture, 0, &Unwatched)?;
        let kept = capture.finish();
        let pairs = self.layers.par_iter_mut().zip(kept);
        let results: Vec<Result<(), NnError>> = pairs
            .map(|(l, groups)| {
                for (m, rows) in l.matrices.iter_mut().zip(groups) {
                    let count = rows.len() / l.layer.inputs.max(1);
                    let rows = Rows::new(&rows, count, l.layer.inputs).expect("whole rows were kept");
                    m.calibrate(rows).map_err(|e| array_error(&l.layer, e))?;
                }
                Ok(())
            })
            .collect();
        results.into_iter().collect()
    }

    /// The layers on crossbars, in running order.
    pub fn layers(&self) -> &[AnalogLayer] {
        &self.layers
    }

    /// Layer by layer, what it takes up and has done so far.
    pub fn summary(&self) -> Vec<LayerSummary> {
        self.layers.iter().map(AnalogLayer::summary).collect()
    }

    /// Events of all layers since programming.
    pub fn tally(&self) -> Tally {
        self.layers.iter().map(|l| l.summary().tally).sum()
    }

    /// Devices of all crossbars.
    pub fn devices(&self) -> u64 {
        self.layers.iter().map(|l| l.summary().devices).sum()
    }

    /// Crossbars.
    pub fn tiles(&self) -> usize {
        self.layers.iter().map(|l| l.summary().tiles).sum()
    }

    fn held(&self, node: usize) -> Option<&AnalogLayer> {
        self.by_node.get(node).copied().flatten().map(|k| &self.layers[k])
    }
}

impl Products for AnalogNetwork {
    fn product(&self, of: Factor, weights: Rows, x: Rows, y: &mut RowsMut) -> Result<(), NnError> {
        let Some(layer) = self.held(of.node) else {
            gemm(x, weights, y, 0.0);
            return Ok(());
        };
        let mut tally = layer.matrices[of.group].forward(x, y, of.first_row).map_err(|e| layer.error(e))?;
        if layer.layer.bias.is_some() && !self.adds_bias(of.node) {
            tally.digital_adds += (x.rows() * y.cols()) as u64;
        }
        // Counts are whole numbers: their sum does not depend on the order in which threads come by.
        *layer.tally.lock().unwrap_or_else(PoisonError::into_inner) += tally;
        Ok(())
    }

    fn exact(&self, node: usize) -> bool {
        self.held(node).is_none()
    }

    fn adds_bias(&self, node: usize) -> bool {
        self.held(node).is_some_and(|layer| layer.matrices.iter().all(AnalogMatrix::holds_bias))
    }
}

/// Exact products that keep some rows of every layer's inputs.
struct Capture<'a> {
    by_node: &'a [Option<usize>],
    steps: Vec<u64>,
    kept: Vec<Vec<Mutex<Vec<(u64, Vec<f32>)>>>>,
}

impl<'a> Capture<'a> {
    fn new(layers: &[AnalogLayer], by_node: &'a [Option<usize>], batch: u64) -> Self {
        // A step without a common divisor with the patches of a sample visits all of their positions.
        let step = |l: &AnalogLayer| {
            let rows = l.layer.rows_per_sample as u64;
            let least = (batch * rows).div_ceil(CALIBRATION_ROWS).max(1);
            (least..).find(|&s| divisor(s, rows) == 1).unwrap_or(1)
        };
        Capture {
            by_node,
            steps: layers.iter().map(step).collect(),
            kept: layers.iter().map(|l| l.matrices.iter().map(|_| Mutex::default()).collect()).collect(),
        }
    }

    /// For each layer and group the rows, in the order of their ordinals.
    fn finish(self) -> Vec<Vec<Vec<f32>>> {
        let sorted = |rows: Mutex<Vec<(u64, Vec<f32>)>>| {
            let mut rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
            rows.sort_unstable_by_key(|(ordinal, _)| *ordinal);
            rows.into_iter().flat_map(|(_, row)| row).collect()
        };
        self.kept.into_iter().map(|groups| groups.into_iter().map(sorted).collect()).collect()
    }
}

fn divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { divisor(b, a % b) }
}

impl Products for Capture<'_> {
    fn product(&self, of: Factor, weights: Rows, x: Rows, y: &mut RowsMut) -> Result<(), NnError> {
        if let Some(k) = self.by_node.get(of.node).copied().flatten() {
            let step = self.steps[k];
            let skip = (step - of.first_row % step) % step;
            let picked = (skip as usize..x.rows()).step_by(step as usize);
            let rows = picked.map(|r| (of.first_row + r as u64, x.row(r).to_vec()));
            self.kept[k][of.group].lock().unwrap_or_else(PoisonError::into_inner).extend(rows);
        }
        gemm(x, weights, y, 0.0);
        Ok(())
    }

    fn exact(&self, node: usize) -> bool {
        self.by_node.get(node).copied().flatten().is_none()
    }
}
