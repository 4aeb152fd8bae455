//! The mapper: layers as shapes onto a chip of tiles, cores and crossbars with a mesh between them (the review's Figure
//! 5).
//!
//! Each matrix is cut into crossbars; no crossbar holds more than one piece. Crossbars are filled in the order of the
//! layers along a snake through the mesh, so that layers that follow one another are neighbours. Where there is room the
//! slowest layer is duplicated, until the next is the slowest: copies share out the layer's products. A network that
//! exceeds the chip is run in rounds, with the chip written anew for each.

mod bill;
mod network;
mod place;

use serde::Serialize;

use crate::program::{Programming, program};
use crate::{CostError, Events, Fabric, Floorplan, Layer, Level, Technology, layer};

pub use network::{BusyLink, BusyTile, Mesh, Traffic};
pub use place::{Piece, Site};

use place::{Shape, shapes};

/// How to map.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Options {
    /// Whether layers are duplicated where there is room.
    pub duplicate: bool,
    /// Area that may be used, mm2; the whole chip where none is given.
    pub area_mm2: Option<f64>,
    /// Samples that each round of a network that exceeds the chip takes before the next is written.
    pub batch: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { duplicate: true, area_mm2: None, batch: 1 }
    }
}

/// A layer on the chip.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Placed {
    /// The layer.
    pub layer: Layer,
    /// Copies of it.
    pub copies: u64,
    /// Crossbars along the inputs of a matrix, and along its outputs.
    pub strips: (u64, u64),
    /// Crossbars of a copy.
    pub crossbars: u64,
    /// Part of its crossbars' cells that hold weights.
    pub utilisation: f64,
    /// The round in which it is first on the chip, from 0.
    pub round: usize,
    /// Time that it needs for one sample before it can take the next, s.
    pub interval_s: f64,
    /// Its pieces, with their crossbars.
    pub pieces: Vec<Piece>,
}

/// What the slowest part of the pipeline is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bottleneck {
    /// Reads of a layer's crossbars, by its number.
    Reads(usize),
    /// Conversions of a layer, by its number.
    Conversions(usize),
    /// Fetching inputs in a tile.
    Buffer,
    /// A link of the network.
    Network,
    /// The chip's link.
    Link,
    /// Writing the chip for the next round.
    Reload,
}

/// What is written again and again, of a network that exceeds the chip.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reload {
    /// Rounds that a batch takes.
    pub rounds: usize,
    /// Samples of a batch.
    pub batch: u64,
    /// Writing all rounds once.
    pub programming: Programming,
    /// Energy a sample, J.
    pub energy_j: f64,
    /// Time a sample, s.
    pub time_s: f64,
}

/// A network on a chip.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mapping {
    /// Its layers.
    pub layers: Vec<Placed>,
    /// Crossbars of the fullest round.
    pub crossbars: u64,
    /// Crossbars there are.
    pub room: u64,
    /// Tiles of the fullest round.
    pub tiles: u64,
    /// Part of these tiles' cells that hold weights.
    pub utilisation: f64,
    /// What goes between tiles.
    pub traffic: Traffic,
    /// Events of one sample.
    pub events: Events,
    /// Time from one sample to the next, s.
    pub interval_s: f64,
    /// What decides it.
    pub bottleneck: Bottleneck,
    /// What is written again and again, where the network exceeds the chip.
    pub reload: Option<Reload>,
}

/// Places `layers` on a chip.
///
/// # Errors
/// A layer that is none, by number and name; an area that no tile fits in.
pub fn map(
    layers: &[Layer],
    fabric: &Fabric,
    technology: &Technology,
    options: Options,
) -> Result<Mapping, CostError> {
    layer::check(layers)?;
    technology.check()?;
    let room = room(fabric, technology, options)?;
    let shapes = shapes(layers, fabric)?;
    let rounds = place::rounds(&shapes, room);
    let single = vec![1; layers.len()];
    let plain = Attempt { layers, shapes: &shapes, fabric, technology, options, room, rounds: &rounds };
    let alone = plain.mapping(&single);
    if !options.duplicate || rounds.len() > 1 {
        return Ok(alone);
    }
    // Copies spread inputs over more tiles: where the network then holds the pipeline up, fewer steps are taken.
    let steps = duplications(&shapes, room.min(place::MOST_PIECES));
    let mut taken = steps.len();
    while taken > 0 {
        let found = plain.mapping(&steps[taken - 1]);
        if found.interval_s <= alone.interval_s {
            return Ok(plain.fewest(&steps[..taken], found));
        }
        taken /= 2;
    }
    Ok(alone)
}

/// Crossbars that may be used.
fn room(fabric: &Fabric, technology: &Technology, options: Options) -> Result<u64, CostError> {
    if options.batch == 0 {
        return Err(CostError::mismatch("batch", "a round takes at least one sample"));
    }
    let Some(area_mm2) = options.area_mm2 else { return Ok(technology.crossbars()) };
    let plan = Floorplan::new(fabric, technology);
    let tile_mm2 = plan.extent(Level::Tile).area_mm2;
    let rest_mm2 = plan.extent(Level::Chip).area_mm2 - f64::from(plan.tiles) * tile_mm2;
    let tiles = ((area_mm2 - rest_mm2) / tile_mm2 * (1.0 + 1e-12)).floor();
    if tiles.is_nan() || tiles < 1.0 {
        return Err(CostError::Room {
            what: "a chip of one tile".to_owned(),
            needed: format!("{:.4} mm2", rest_mm2 + tile_mm2),
            room: format!("{area_mm2} mm2"),
            remedy: "allow more area, or choose smaller tiles (organisation.cores_per_tile)".to_owned(),
        });
    }
    let o = &technology.organisation;
    let tiles = (tiles as u64).min(u64::from(o.tiles));
    Ok(tiles * u64::from(o.cores_per_tile) * u64::from(o.crossbars_per_core))
}

/// The numbers of copies after each step in which the slowest layer gets as many more as make it faster.
fn duplications(shapes: &[Shape], room: u64) -> Vec<Vec<u64>> {
    let mut copies = vec![1u64; shapes.len()];
    let mut used: u64 = shapes.iter().map(|s| s.crossbars).sum();
    let mut steps = Vec::new();
    loop {
        let slowest = |a: &usize, b: &usize| {
            shapes[*a].interval_s(copies[*a]).total_cmp(&shapes[*b].interval_s(copies[*b]))
        };
        let Some(slow) = (0..shapes.len()).max_by(slowest) else { return steps };
        let turns = shapes[slow].products.div_ceil(copies[slow]);
        if turns <= 1 {
            return steps;
        }
        let wanted = shapes[slow].products.div_ceil(turns - 1);
        let more = (wanted - copies[slow]).saturating_mul(shapes[slow].crossbars);
        if more > room - used {
            return steps;
        }
        used += more;
        copies[slow] = wanted;
        steps.push(copies.clone());
    }
}

/// Everything but the numbers of copies.
struct Attempt<'a> {
    layers: &'a [Layer],
    shapes: &'a [Shape],
    fabric: &'a Fabric,
    technology: &'a Technology,
    options: Options,
    room: u64,
    rounds: &'a [Vec<place::Share>],
}

impl Attempt<'_> {
    /// The mapping with as few of the steps to `best` as make it no slower: what the network holds up needs no more copies.
    fn fewest(&self, steps: &[Vec<u64>], best: Mapping) -> Mapping {
        let computing = |copies: &Vec<u64>| {
            let intervals = self.shapes.iter().zip(copies).map(|(shape, n)| shape.interval_s(*n));
            intervals.fold(0.0, f64::max)
        };
        let enough = steps.partition_point(|copies| computing(copies) > best.interval_s);
        match steps.get(enough).filter(|_| enough + 1 < steps.len()) {
            Some(copies) => {
                let fewer = self.mapping(copies);
                if fewer.interval_s <= best.interval_s { fewer } else { best }
            }
            None => best,
        }
    }

    fn mapping(&self, copies: &[u64]) -> Mapping {
        let o = &self.technology.organisation;
        let per_tile = u64::from(o.cores_per_tile) * u64::from(o.crossbars_per_core);
        let mut pieces = place::pieces(self.shapes, self.rounds, copies, o);
        let mut layers: Vec<Placed> = Vec::with_capacity(self.layers.len());
        for (i, (layer, shape)) in self.layers.iter().zip(self.shapes).enumerate() {
            let pieces = std::mem::take(&mut pieces[i]);
            layers.push(Placed {
                layer: layer.clone(),
                copies: copies[i],
                strips: shape.strips,
                crossbars: shape.crossbars,
                utilisation: self.fabric.cells_of(layer) as f64
                    / (shape.crossbars as f64 * self.fabric.cells() as f64),
                round: pieces.first().map_or(0, |p| p.round),
                interval_s: shape.interval_s(copies[i]),
                pieces,
            });
        }
        let used =
            |round: usize| layers.iter().flat_map(|l| &l.pieces).filter(|p| p.round == round).count() as u64;
        let crossbars = (0..self.rounds.len()).map(used).max().unwrap_or(0);
        let tiles = crossbars.div_ceil(per_tile);
        let mut traffic = network::traffic(&layers, self.fabric, self.technology);
        let mut events = layers.iter().fold(Events::default(), |mut sum, l| {
            sum += Events::of_layer(&l.layer, self.fabric);
            sum
        });
        let written: f64 = layers.iter().map(|l| l.layer.values_out() as f64).sum();
        events.buffer_bits = traffic.fetched_bits + written * f64::from(self.fabric.input_bits);
        events.hop_bits = traffic.hop_bits;
        events.link_bits = traffic.link_bits;
        let (interval_s, bottleneck, reload) = self.pace(&layers, &traffic);
        let router = &self.technology.router;
        let periods =
            interval_s / router.each.time_s.value * tiles.div_ceil(u64::from(o.tiles_per_router)) as f64;
        traffic.injection = traffic.bits / f64::from(router.width_bits) / periods.max(f64::MIN_POSITIVE);
        let used: f64 = layers.iter().map(|l| self.fabric.cells_of(&l.layer) as f64 * l.copies as f64).sum();
        let cells = (tiles * per_tile) as f64 * self.fabric.cells() as f64 * self.rounds.len() as f64;
        Mapping {
            utilisation: used / cells,
            layers,
            crossbars,
            room: self.room,
            tiles,
            traffic,
            events,
            interval_s,
            bottleneck,
            reload,
        }
    }

    /// Time from one sample to the next, what decides it, and what is written again and again.
    fn pace(&self, layers: &[Placed], traffic: &Traffic) -> (f64, Bottleneck, Option<Reload>) {
        let why = |i: usize| {
            let scan_s = self.fabric.scan_s(self.shapes[i].widest);
            if scan_s > self.fabric.read_s { Bottleneck::Conversions(i) } else { Bottleneck::Reads(i) }
        };
        let slowest =
            (0..layers.len()).max_by(|a, b| layers[*a].interval_s.total_cmp(&layers[*b].interval_s));
        let slowest = slowest.unwrap_or(0);
        let network = traffic.busiest.as_ref().map_or(0.0, |link| link.time_s);
        let link = traffic.link_bits / self.technology.link.bits_per_second.value;
        let fetching = traffic.busiest_tile.as_ref().map_or(0.0, |tile| tile.time_s);
        let mut limits =
            vec![(fetching, Bottleneck::Buffer), (network, Bottleneck::Network), (link, Bottleneck::Link)];
        if self.rounds.len() == 1 {
            limits.push((layers[slowest].interval_s, why(slowest)));
            let longest = limits.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
            let (time_s, bottleneck) = longest.unwrap_or((0.0, Bottleneck::Network));
            return (time_s, bottleneck, None);
        }
        // Layers of different rounds never work together: in each round the slowest decides.
        let computing: f64 = (0..self.rounds.len())
            .map(|round| {
                let here = self.rounds[round].iter().map(|share| layers[share.layer].interval_s);
                here.fold(0.0, f64::max)
            })
            .sum();
        let reload = self.reload();
        limits.extend([(computing, why(slowest)), (reload.time_s, Bottleneck::Reload)]);
        let bottleneck = limits.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
        let bottleneck = bottleneck.map_or(Bottleneck::Reload, |(_, b)| b);
        (computing.max(fetching).max(network).max(link) + reload.time_s, bottleneck, Some(reload))
    }

    fn reload(&self) -> Reload {
        let mut whole = Programming::default();
        for round in self.rounds {
            let crossbars: u64 = round.iter().map(|share| share.crossbars.end - share.crossbars.start).sum();
            let cells = round.iter().map(|share| {
                let part = (share.crossbars.end - share.crossbars.start) as f64
                    / self.shapes[share.layer].crossbars as f64;
                self.fabric.cells_of(&self.layers[share.layer]) as f64 * part
            });
            whole += program(cells.sum(), crossbars, self.fabric, self.technology);
        }
        let batch = self.options.batch as f64;
        // Weights come over the chip's link, a value for each of them.
        let weights: f64 = self.layers.iter().map(|l| l.weights() as f64).sum();
        let bits = weights * f64::from(self.fabric.input_bits);
        Reload {
            rounds: self.rounds.len(),
            batch: self.options.batch,
            energy_j: (whole.energy_j + bits * self.technology.link.bit_j()) / batch,
            time_s: whole.time_s.max(bits / self.technology.link.bits_per_second.value) / batch,
            programming: whole,
        }
    }
}

#[cfg(test)]
mod tests;
