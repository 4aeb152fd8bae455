//! What goes between tiles: a mesh of routers, first along x, then along y (which cannot lock itself up).

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Placed;
use crate::{Fabric, Technology};

/// What goes between tiles for one sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Traffic {
    /// Bits that leave a tile for another.
    pub bits: f64,
    /// Bits times the routers that they pass.
    pub hop_bits: f64,
    /// Most routers that anything passes.
    pub most_hops: u32,
    /// The link that carries most; none where everything is on one router.
    pub busiest: Option<BusyLink>,
    /// All ways between neighbouring routers that carry anything.
    pub links: Vec<BusyLink>,
    /// Flits that each router of the used ones injects in a period, on average, at the pace of the chip.
    pub injection: f64,
    /// Bits over the chip's link: the network's inputs and outputs.
    pub link_bits: f64,
    /// Most routers that an output of each layer passes on the way to its readers.
    pub hops: Vec<u32>,
    /// Bits that cores fetch from the buffers of their tiles, each once for all cores of a tile that need it.
    pub fetched_bits: f64,
    /// The tile whose cores fetch most.
    pub busiest_tile: Option<BusyTile>,
}

/// The tile whose cores fetch most.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BusyTile {
    /// The tile.
    pub tile: u32,
    /// Bits for one sample.
    pub bits: f64,
    /// How long its buffer or its bus takes for them, whichever is slower, s.
    pub time_s: f64,
}

/// What a link carries one way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BusyLink {
    /// From the router at (x, y).
    pub from: (u32, u32),
    /// To the router at (x, y).
    pub to: (u32, u32),
    /// Bits for one sample.
    pub bits: f64,
    /// How long it takes for them, s.
    pub time_s: f64,
}

/// Routers in rows; the order of tiles goes through them as a snake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mesh {
    /// Routers of a row, and rows.
    pub width: u32,
    /// Tiles of a router.
    pub tiles_per_router: u32,
}

impl Mesh {
    /// The mesh of a chip.
    pub fn of(technology: &Technology) -> Self {
        let o = &technology.organisation;
        let routers = o.tiles.div_ceil(o.tiles_per_router);
        // The smallest square that holds them.
        let width = (1..).find(|w: &u32| u64::from(*w) * u64::from(*w) >= u64::from(routers)).unwrap_or(1);
        Self { width, tiles_per_router: o.tiles_per_router }
    }

    /// Column and row of a tile's router.
    pub fn at(&self, tile: u32) -> (u32, u32) {
        let router = tile / self.tiles_per_router;
        let (y, x) = (router / self.width, router % self.width);
        (if y.is_multiple_of(2) { x } else { self.width - 1 - x }, y)
    }

    fn number(self, (x, y): (u32, u32)) -> usize {
        y as usize * self.width as usize + x as usize
    }
}

/// The router at the other end of a link.
fn beyond((x, y): (u32, u32), way: usize) -> (u32, u32) {
    let (dx, dy) = WAYS[way];
    ((i64::from(x) + dx) as u32, (i64::from(y) + dy) as u32)
}

/// Parts of a layer's values by tile.
type Spread = BTreeMap<u32, f64>;

/// Where a layer's outputs are: at the pieces that hold the first inputs, where partial sums meet.
fn outputs(layer: &Placed) -> Spread {
    let mut spread = Spread::new();
    let homes = layer.layer.groups * layer.strips.1 * layer.copies;
    for p in layer.pieces.iter().filter(|p| p.strip_in == 0) {
        *spread.entry(p.site.tile).or_default() += 1.0 / homes as f64;
    }
    spread
}

/// Where its inputs must go: each part once to every tile that holds a piece of it. Sums to one or more.
fn inputs(layer: &Placed) -> Spread {
    let mut spread = Spread::new();
    let parts = layer.layer.groups * layer.strips.0 * layer.copies;
    let mut seen = BTreeSet::new();
    for p in &layer.pieces {
        if seen.insert((p.copy, p.group, p.strip_in, p.site.tile)) {
            *spread.entry(p.site.tile).or_default() += 1.0 / parts as f64;
        }
    }
    spread
}

/// The ways out of a router.
const WAYS: [(i64, i64); 4] = [(1, 0), (-1, 0), (0, 1), (0, -1)];

struct Flows {
    mesh: Mesh,
    /// Bits over each way out of each router.
    links: Vec<[f64; 4]>,
    traffic: Traffic,
}

impl Flows {
    /// Sends bits from one tile to another and returns the routers that they pass.
    fn send(&mut self, from: u32, to: u32, bits: f64) -> u32 {
        if from == to || bits <= 0.0 {
            return 0;
        }
        let (mut at, end) = (self.mesh.at(from), self.mesh.at(to));
        let hops = at.0.abs_diff(end.0) + at.1.abs_diff(end.1) + 1;
        while at != end {
            let way = match (end.0.cmp(&at.0), end.1.cmp(&at.1)) {
                (Ordering::Greater, _) => 0,
                (Ordering::Less, _) => 1,
                (Ordering::Equal, Ordering::Greater) => 2,
                (Ordering::Equal, _) => 3,
            };
            self.links[self.mesh.number(at)][way] += bits;
            at = beyond(at, way);
        }
        self.traffic.bits += bits;
        self.traffic.hop_bits += bits * f64::from(hops);
        self.traffic.most_hops = self.traffic.most_hops.max(hops);
        hops
    }

    /// Sends `bits`, spread over the tiles of `from`, to those of `to`.
    fn spread(&mut self, from: &Spread, to: &Spread, bits: f64) -> u32 {
        let mut most = 0;
        for (a, part) in from {
            for (b, share) in to {
                most = most.max(self.send(*a, *b, bits * part * share));
            }
        }
        most
    }
}

/// What goes between tiles, of layers on a chip. The network's inputs and outputs pass the first tile.
pub(crate) fn traffic(layers: &[Placed], fabric: &Fabric, technology: &Technology) -> Traffic {
    let gate = Spread::from([(0, 1.0)]);
    let mesh = Mesh::of(technology);
    let links = vec![[0.0; 4]; mesh.width as usize * mesh.width as usize];
    let mut flows = Flows { mesh, links, traffic: Traffic::default() };
    flows.traffic.hops = vec![0; layers.len()];
    let homes: Vec<Spread> = layers.iter().map(outputs).collect();
    let mut read = vec![false; layers.len()];
    let mut fetched = BTreeMap::<u32, f64>::new();
    for layer in layers {
        let bits = layer.layer.values_in as f64 * f64::from(fabric.input_bits);
        let needs = inputs(layer);
        // A product takes all its inputs from the buffer, also those that the one before had.
        let products = (layer.layer.rows * layer.layer.groups * layer.layer.products) as f64;
        for (tile, share) in &needs {
            *fetched.entry(*tile).or_default() += share * products * f64::from(fabric.input_bits);
        }
        if layer.layer.after.is_empty() {
            flows.traffic.link_bits += bits;
            flows.spread(&gate, &needs, bits);
        }
        for &before in &layer.layer.after {
            read[before] = true;
            let hops = flows.spread(&homes[before], &needs, bits / layer.layer.after.len() as f64);
            flows.traffic.hops[before] = flows.traffic.hops[before].max(hops);
        }
        partial_sums(layer, fabric, &mut flows);
    }
    for (i, layer) in layers.iter().enumerate().filter(|(i, _)| !read[*i]) {
        let bits = layer.layer.values_out() as f64 * f64::from(fabric.input_bits);
        flows.traffic.link_bits += bits;
        flows.traffic.hops[i] = flows.spread(&homes[i], &gate, bits);
    }
    let ways = flows.links.iter().enumerate().flat_map(|(router, ways)| {
        ways.iter().enumerate().map(move |(way, &bits)| (router as u32, way, bits))
    });
    let links: Vec<BusyLink> = ways
        .filter(|(_, _, bits)| *bits > 0.0)
        .map(|(router, way, bits)| {
            let from = (router % mesh.width, router / mesh.width);
            let time_s = bits / technology.router.link_bits_per_s();
            BusyLink { from, to: beyond(from, way), bits, time_s }
        })
        .collect();
    let busiest = links.iter().max_by(|a, b| a.bits.total_cmp(&b.bits)).cloned();
    let busiest_tile = fetched.iter().max_by(|a, b| a.1.total_cmp(b.1)).map(|(&tile, &bits)| {
        let time_s = technology.buffer.time_s(bits).max(technology.bus.time_s(bits));
        BusyTile { tile, bits, time_s }
    });
    Traffic { busiest, links, busiest_tile, fetched_bits: fetched.values().sum(), ..flows.traffic }
}

/// Sends the partial sums of pieces behind the first inputs to where those are.
fn partial_sums(layer: &Placed, fabric: &Fabric, flows: &mut Flows) {
    let home = |p: &&super::Piece| ((p.copy, p.group, p.strip_out), p.site.tile);
    let homes: BTreeMap<_, _> = layer.pieces.iter().filter(|p| p.strip_in == 0).map(|p| home(&p)).collect();
    let pieces = layer.layer.groups * layer.strips.1 * layer.copies;
    let bits = layer.layer.values_out() as f64 / pieces as f64 * f64::from(fabric.output_bits);
    for p in layer.pieces.iter().filter(|p| p.strip_in > 0) {
        if let Some(&to) = homes.get(&(p.copy, p.group, p.strip_out)) {
            flows.send(p.site.tile, to, bits);
        }
    }
}
