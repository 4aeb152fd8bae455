//! Where values live while a graph runs: buffers are reused as soon as nobody reads them any more, reshapes
//! share their input's buffer and element-wise steps overwrite it.

use crate::graph::{Graph, Op, ValueId};

/// Where a value of a chunk lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nobody makes it.
    Nowhere,
    /// In the caller's memory.
    Input(usize),
    /// In a buffer of the workspace.
    Slot(usize),
}

/// Places of all values and sizes of all buffers.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Of each value.
    pub places: Vec<Place>,
    /// Values a sample of each buffer.
    pub slots: Vec<usize>,
    /// For each node, which input it overwrites.
    pub overwrites: Vec<Option<usize>>,
}

impl Layout {
    /// Of a valid graph.
    pub fn new(graph: &Graph) -> Self {
        let size = |v: ValueId| graph.values[v].shape.iter().product::<usize>();
        // A reshape's result is its input under another name: they live and die together.
        let mut root: Vec<ValueId> = (0..graph.values.len()).collect();
        for node in &graph.nodes {
            if matches!(node.op, Op::Reshape { .. }) {
                root[node.output] = root[node.inputs[0]];
            }
        }
        let mut last_use = vec![0; graph.values.len()];
        for (i, node) in graph.nodes.iter().enumerate() {
            node.inputs.iter().for_each(|&v| last_use[root[v]] = i);
        }
        graph.outputs.iter().for_each(|&v| last_use[root[v]] = usize::MAX);

        let mut layout = Layout {
            places: vec![Place::Nowhere; graph.values.len()],
            slots: Vec::new(),
            overwrites: vec![None; graph.nodes.len()],
        };
        graph.inputs.iter().enumerate().for_each(|(k, &v)| layout.places[v] = Place::Input(k));
        let mut free: Vec<usize> = Vec::new();
        for (i, node) in graph.nodes.iter().enumerate() {
            let need = size(node.output);
            let dies_here = |v: ValueId| last_use[root[v]] == i;
            let victim = (0..node.inputs.len()).find(|&k| {
                let v = node.inputs[k];
                let own = |other: &ValueId| layout.places[*other] != layout.places[v];
                let others_apart = node.inputs.iter().enumerate().all(|(j, other)| j == k || own(other));
                let fits = overwritable(&node.op) && node.inputs.iter().all(|&v| size(v) == need);
                fits && others_apart && dies_here(v) && matches!(layout.places[v], Place::Slot(_))
            });
            layout.places[node.output] = if matches!(node.op, Op::Reshape { .. }) {
                layout.places[node.inputs[0]]
            } else if let Some(victim) = victim {
                layout.overwrites[i] = Some(victim);
                layout.places[node.inputs[victim]]
            } else {
                Place::Slot(layout.allocate(&mut free, need))
            };
            let out = layout.places[node.output];
            let mut release = |place: Place| {
                if let Place::Slot(s) = place
                    && !free.contains(&s)
                {
                    free.push(s);
                }
            };
            for &v in node.inputs.iter().filter(|&&v| dies_here(v)) {
                if layout.places[v] != out {
                    release(layout.places[v]);
                }
            }
            let unread = root[node.output] == node.output && last_use[node.output] <= i;
            if unread {
                release(out);
            }
        }
        layout
    }

    /// The smallest free buffer that is large enough, else the largest, grown, else a new one.
    fn allocate(&mut self, free: &mut Vec<usize>, need: usize) -> usize {
        let fits = free.iter().enumerate().filter(|(_, s)| self.slots[**s] >= need);
        let best = fits.min_by_key(|(_, s)| self.slots[**s]).or_else(|| {
            let all = free.iter().enumerate();
            all.max_by_key(|(_, s)| self.slots[**s])
        });
        match best.map(|(k, _)| k) {
            Some(k) => {
                let slot = free.swap_remove(k);
                self.slots[slot] = self.slots[slot].max(need);
                slot
            }
            None => {
                self.slots.push(need);
                self.slots.len() - 1
            }
        }
    }
}

/// Whether the step can write its result over an input of the same size.
fn overwritable(op: &Op) -> bool {
    matches!(
        op,
        Op::Activate(_) | Op::BatchNorm { .. } | Op::Softmax { .. } | Op::Binary(_) | Op::Range { .. }
    )
}
