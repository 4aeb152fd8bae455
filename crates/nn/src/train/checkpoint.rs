//! What is kept of a training run, so that it goes on to the same bits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{EpochReport, State};
use crate::error::NnError;
use crate::graph::Graph;

/// How a file begins.
const MAGIC: &[u8; 8] = b"neurohmC";
/// Counts changes of what follows.
const FORMAT: u32 = 1;

/// A training run after a whole number of epochs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// All that the run depends on, by name: network, data, settings, seed.
    pub of: BTreeMap<String, String>,
    /// The network as it stands.
    pub graph: Graph,
    /// What the trainer remembers.
    pub state: State,
    /// The epochs so far, and what each reached on samples that it did not learn from, where there are any.
    pub epochs: Vec<(EpochReport, Option<f64>)>,
    /// The best network so far and its epoch.
    pub best: Option<(usize, Graph)>,
}

impl Checkpoint {
    /// As bytes: a magic word, the format, a checksum, the contents.
    ///
    /// # Errors
    /// None that a checkpoint made by a trainer runs into.
    pub fn to_bytes(&self) -> Result<Vec<u8>, NnError> {
        let body = postcard::to_stdvec(self).map_err(|e| NnError::Checkpoint(e.to_string()))?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend(FORMAT.to_le_bytes());
        bytes.extend(crc32fast::hash(&body).to_le_bytes());
        bytes.extend(body);
        Ok(bytes)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// Bytes of something else, of another format, or damaged ones.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NnError> {
        let bad = |text: &str| NnError::Checkpoint(text.to_owned());
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| bad("it does not begin like one"))?;
        let (format, rest) = rest.split_first_chunk().ok_or_else(|| bad("it ends too early"))?;
        let format = u32::from_le_bytes(*format);
        if format != FORMAT {
            return Err(bad(&format!("its format is {format}, this version writes {FORMAT}")));
        }
        let (sum, body) = rest.split_first_chunk().ok_or_else(|| bad("it ends too early"))?;
        if u32::from_le_bytes(*sum) != crc32fast::hash(body) {
            return Err(bad("it is damaged (its checksum does not fit)"));
        }
        let read: Self = postcard::from_bytes(body).map_err(|e| bad(&e.to_string()))?;
        read.graph.validate()?;
        Ok(read)
    }

    /// Whether it is a checkpoint of the run that depends on `of`.
    ///
    /// # Errors
    /// Everything that differs.
    pub fn belongs_to(&self, of: &BTreeMap<String, String>) -> Result<(), NnError> {
        let names = self.of.keys().chain(of.keys()).collect::<std::collections::BTreeSet<_>>();
        let say = |v: Option<&String>| v.map_or_else(|| "not set".to_owned(), Clone::clone);
        let apart: Vec<String> = names
            .into_iter()
            .filter(|name| self.of.get(*name) != of.get(*name))
            .map(|name| format!("{name} was {}, now {}", say(self.of.get(name)), say(of.get(name))))
            .collect();
        if apart.is_empty() { Ok(()) } else { Err(NnError::AnotherRun(apart)) }
    }
}

#[cfg(test)]
mod tests {
    use neurohm_num::{Key, Purpose, Rows, Unwatched};

    use super::*;
    use crate::models;
    use crate::train::{Aware, AwareConfig, Disturbance, Labelled, Outputs, TrainConfig, Trainer};

    fn of(seed: u32) -> BTreeMap<String, String> {
        [("seed", seed.to_string()), ("network", "mlp".into())].map(|(k, v)| (k.to_owned(), v)).into()
    }

    fn data() -> (Vec<f32>, Vec<u32>) {
        let mut x = vec![0.0; 200 * 12];
        Key::root(3).stream(Purpose::Data, 0).fill_normal(0, &mut x);
        let labels = x.chunks(12).map(|x| u32::from(x[0] + x[1] > 0.0)).collect();
        (x, labels)
    }

    #[test]
    fn a_run_goes_on_to_the_same_bits() {
        let (x, labels) = data();
        let data = Labelled { x: Rows::new(&x, 200, 12).unwrap(), labels: &labels };
        let config = TrainConfig { epochs: 4, batch: 16, clip: Some(2.0), ..TrainConfig::default() };
        let graph = models::mlp(&[12], &[20], 2, Key::root(1));
        let hardware = || {
            let weights = vec![Disturbance::Gaussian { relative: 0.1 }, Disturbance::Quantise { levels: 31 }];
            let config = AwareConfig { weights, outputs: Outputs { levels: 255, noise: 0.01 } };
            Aware::new(&graph, config, Key::root(9)).unwrap()
        };
        let mut whole = Trainer::new(graph.clone(), config.clone(), Key::root(2)).unwrap();
        let one = hardware();
        while !whole.finished() {
            whole.epoch(data, &one, &Unwatched).unwrap();
        }
        let mut first = Trainer::new(graph.clone(), config.clone(), Key::root(2)).unwrap();
        let two = hardware();
        first.epoch(data, &two, &Unwatched).unwrap();
        let kept = Checkpoint {
            of: of(1),
            graph: first.graph().clone(),
            state: first.state().clone(),
            epochs: Vec::new(),
            best: None,
        };
        let read = Checkpoint::from_bytes(&kept.to_bytes().unwrap()).unwrap();
        assert_eq!(read, kept);
        let mut second = Trainer::new(read.graph, config, Key::root(2)).unwrap();
        second.resume(read.state).unwrap();
        let three = hardware();
        while !second.finished() {
            second.epoch(data, &three, &Unwatched).unwrap();
        }
        assert_eq!(second.graph(), whole.graph());
        assert_eq!(second.state(), whole.state());
        // Noise was there: without it the run ends elsewhere.
        assert!(whole.state().hardware.iter().any(|v| *v > 0.0));
    }

    #[test]
    fn what_is_no_checkpoint_or_another_runs_is_told() {
        let graph = models::mlp(&[4], &[3], 2, Key::root(1));
        let kept = Checkpoint { of: of(1), graph, state: State::default(), epochs: Vec::new(), best: None };
        let bytes = kept.to_bytes().unwrap();
        for length in 0..bytes.len() {
            assert!(Checkpoint::from_bytes(&bytes[..length]).is_err(), "{length}");
        }
        let mut damaged = bytes.clone();
        *damaged.last_mut().unwrap() ^= 1;
        assert!(Checkpoint::from_bytes(&damaged).unwrap_err().to_string().contains("damaged"));
        let mut newer = bytes;
        newer[8] += 1;
        let error = Checkpoint::from_bytes(&newer).unwrap_err().to_string();
        assert!(error.contains("format is 2"), "{error}");
        assert!(kept.belongs_to(&of(1)).is_ok());
        let error = kept.belongs_to(&of(2)).unwrap_err().to_string();
        assert_eq!(error, "the checkpoint belongs to another run: seed was 1, now 2");
    }
}
