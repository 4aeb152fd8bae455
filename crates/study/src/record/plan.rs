//! Floor plans: what stands where on a chip, and what flows between.

use serde::{Deserialize, Serialize};

/// A floor plan: sites in rows, blocks on each, and what flows between neighbouring sites.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Short name, unique in the record.
    pub name: String,
    /// What it shows, a sentence.
    pub caption: String,
    /// Sites in a row.
    pub columns: usize,
    /// Rows of sites.
    pub rows: usize,
    /// What blocks may hold, in the order of the legend.
    pub kinds: Vec<String>,
    /// The sites that there are.
    pub sites: Vec<Site>,
    /// What flows between sites.
    pub flows: Vec<Flow>,
    /// What it is that flows.
    pub label: String,
    /// Its unit.
    pub unit: String,
    /// What enters and leaves at the first site.
    pub gate: String,
}

/// A site of a floor plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Site {
    /// Column and row, from 0.
    pub at: [usize; 2],
    /// Its blocks.
    pub blocks: Vec<Block>,
}

/// A block of a site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// Its name.
    pub name: String,
    /// The part of it that each kind takes, one number a kind; what is left is empty.
    pub parts: Vec<f64>,
}

/// A flow from one site to its neighbour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// Column and row where it comes from.
    pub from: [usize; 2],
    /// Column and row where it goes to.
    pub to: [usize; 2],
    /// How much.
    pub amount: f64,
}
