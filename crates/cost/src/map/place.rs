//! Which piece of which layer stands on which crossbar.

use std::ops::Range;

use serde::Serialize;

use crate::events::strips;
use crate::technology::Organisation;
use crate::{CostError, Fabric, Layer};

/// A crossbar of the chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Site {
    /// Tile, along the snake through the mesh.
    pub tile: u32,
    /// Core of the tile.
    pub core: u32,
    /// Crossbar of the core.
    pub crossbar: u32,
}

/// A piece of a layer on a crossbar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// Which copy of the layer.
    pub copy: u64,
    /// Which of its matrices.
    pub group: u64,
    /// Which part of the inputs.
    pub strip_in: u64,
    /// Which part of the outputs.
    pub strip_out: u64,
    /// In which round.
    pub round: usize,
    /// Where.
    pub site: Site,
}

/// A layer cut into crossbars.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub strips: (u64, u64),
    pub groups: u64,
    pub crossbars: u64,
    pub products: u64,
    /// Weights of a row of its widest crossbar.
    pub widest: u64,
    /// Time of a product, s.
    product_s: f64,
}

impl Shape {
    /// Time for one sample that so many copies share, s.
    pub fn interval_s(&self, copies: u64) -> f64 {
        self.products.div_ceil(copies) as f64 * self.product_s
    }
}

/// Pieces that are placed one by one; more are no chip.
pub(crate) const MOST_PIECES: u64 = 1 << 20;

/// Cuts all layers.
pub(crate) fn shapes(layers: &[Layer], fabric: &Fabric) -> Result<Vec<Shape>, CostError> {
    let mut all = 0u64;
    let cut = |(i, layer): (usize, &Layer)| {
        let (strips_in, strips_out) = strips(layer, fabric);
        let crossbars = strips_in.saturating_mul(strips_out).saturating_mul(layer.groups);
        all = all.saturating_add(crossbars);
        if all > MOST_PIECES {
            let problem = format!(
                "it takes {crossbars} crossbars, and with the layers before it more than {MOST_PIECES}, which are all \
                 that are placed; choose a larger crossbar (chip.tile)"
            );
            return Err(CostError::layer(i, &layer.name, problem));
        }
        let widest = layer.columns.min(u64::from(fabric.columns));
        Ok(Shape {
            strips: (strips_in, strips_out),
            groups: layer.groups,
            crossbars,
            products: layer.products,
            widest,
            product_s: f64::from(fabric.reads) * f64::from(fabric.turns) * fabric.turn_s(widest),
        })
    };
    layers.iter().enumerate().map(cut).collect()
}

/// Some crossbars of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    pub layer: usize,
    pub crossbars: Range<u64>,
}

/// Which layers are on the chip together: whole ones in order, and one that exceeds the chip by itself in parts.
pub(crate) fn rounds(shapes: &[Shape], room: u64) -> Vec<Vec<Share>> {
    let mut rounds: Vec<Vec<Share>> = vec![Vec::new()];
    let mut free = room;
    for (layer, shape) in shapes.iter().enumerate() {
        if shape.crossbars > free && free < room {
            rounds.push(Vec::new());
            free = room;
        }
        let mut placed = 0;
        while placed < shape.crossbars {
            if free == 0 {
                rounds.push(Vec::new());
                free = room;
            }
            let now = free.min(shape.crossbars - placed);
            if let Some(round) = rounds.last_mut() {
                round.push(Share { layer, crossbars: placed..placed + now });
            }
            (placed, free) = (placed + now, free - now);
        }
    }
    rounds
}

/// The pieces of each layer: crossbars are taken one after the other.
pub(crate) fn pieces(
    shapes: &[Shape],
    rounds: &[Vec<Share>],
    copies: &[u64],
    organisation: &Organisation,
) -> Vec<Vec<Piece>> {
    let per_core = u64::from(organisation.crossbars_per_core);
    let per_tile = per_core * u64::from(organisation.cores_per_tile);
    let mut pieces: Vec<Vec<Piece>> = vec![Vec::new(); shapes.len()];
    for (round, shares) in rounds.iter().enumerate() {
        let mut next = 0u64;
        for share in shares {
            let shape = &shapes[share.layer];
            let (strips_in, strips_out) = shape.strips;
            debug_assert_eq!(shape.crossbars, shape.groups * strips_in * strips_out);
            for copy in 0..copies[share.layer] {
                for number in share.crossbars.clone() {
                    let site = Site {
                        tile: (next / per_tile) as u32,
                        core: (next % per_tile / per_core) as u32,
                        crossbar: (next % per_core) as u32,
                    };
                    next += 1;
                    pieces[share.layer].push(Piece {
                        copy,
                        group: number / (strips_in * strips_out),
                        strip_out: number / strips_in % strips_out,
                        strip_in: number % strips_in,
                        round,
                        site,
                    });
                }
            }
        }
    }
    pieces
}
