//! What can be told from the graph alone, before any equation: floating nodes and sources against one another.

use crate::CircuitError;
use crate::circuit::Circuit;
use crate::element::Part;

impl Circuit {
    /// Checks that every node has a path to ground and one source at most, with the sources that are connected now.
    /// `direct`: paths for direct current alone.
    pub(crate) fn check_topology(&mut self, t_s: f64, direct: bool) -> Result<(), CircuitError> {
        let connected =
            |sound: &[bool]| self.work.driven.iter().map(Option::is_some).eq(sound.iter().copied());
        if self.work.sound.as_ref().is_some_and(|(sound, d)| *d == direct && connected(sound)) {
            return Ok(());
        }
        let mut groups = Groups((0..self.names.len()).collect());
        let mut driven = vec![false; self.names.len()];
        for (part, value) in self.parts.iter().zip(&self.work.driven) {
            let (a, b) = part.nodes();
            match part {
                Part::Injection { .. } => {}
                Part::Capacitor { .. } if direct => {}
                Part::Source { .. } if value.is_none() => {}
                Part::Source { node, .. } => {
                    if std::mem::replace(&mut driven[*node], true) {
                        return Err(CircuitError::Conflict { node: self.name(*node).into(), t_s });
                    }
                    groups.join(a, b);
                }
                _ => groups.join(a, b),
            }
        }
        for &(a, b) in self.banks.iter().flat_map(|bank| &bank.at) {
            groups.join(a, b);
        }
        let ground = groups.root(0);
        let floating = |node: &usize| groups.root(*node) != ground;
        let nodes: Vec<String> =
            (1..self.names.len()).filter(floating).map(|node| self.name(node).into()).collect();
        if !nodes.is_empty() {
            return Err(CircuitError::Floating { nodes, t_s, direct });
        }
        self.work.sound = Some((self.work.driven.iter().map(Option::is_some).collect(), direct));
        Ok(())
    }
}

/// Disjoint sets: every node points to another of its set, the root to itself.
struct Groups(Vec<usize>);

impl Groups {
    fn root(&self, mut node: usize) -> usize {
        while self.0[node] != node {
            node = self.0[node];
        }
        node
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        // The smaller number becomes the root; halving the path keeps later walks short.
        self.0[a.max(b)] = a.min(b);
    }
}
