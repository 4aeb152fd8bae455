//! What the review asks of devices, application by application, and the judgement of a datasheet against it.
//!
//! A row is one requirement: in our words, with the section that states it. The review states few numbers; where it
//! states only a quality ("linear", "stable"), the row has no bound, and the device's number stands beside it unjudged.

use neurohm_study::record::{Datasheet, Judgement, Property, Requirement, Status};

/// What an application asks of a property.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asks {
    /// The application.
    pub application: &'static str,
    /// What is asked, in our words.
    pub words: &'static str,
    /// The property of the datasheet that answers.
    pub property: &'static str,
    /// The number that is stated.
    pub bound: Option<Bound>,
    /// The section that states it.
    pub section: &'static str,
}

/// A stated number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// More than this.
    Above(f64, &'static str),
    /// At least this.
    AtLeast(f64, &'static str),
}

const fn asks(
    application: &'static str,
    words: &'static str,
    property: &'static str,
    bound: Option<Bound>,
    section: &'static str,
) -> Asks {
    Asks { application, words, property, bound, section }
}

const TWO: Option<Bound> = Some(Bound::AtLeast(2.0, "at least two levels"));
const SEVERAL: Option<Bound> = Some(Bound::Above(2.0, "more than two levels"));

/// All requirements, by application in the review's order.
#[rustfmt::skip]
pub static REQUIREMENTS: &[Asks] = &[
    asks("In-memory logic", "Many cycles: a gate writes its result at every operation",
        "endurance_half", Some(Bound::Above(1e12, "more than 10¹² cycles")), "3"),
    asks("In-memory logic", "SET states that are alike from device to device", "on_spread", None, "3"),
    asks("In-memory logic", "RESET states that are alike from device to device", "off_spread", None, "3"),
    asks("In-memory logic", "Resistances that stand for logic values", "levels", TWO, "2"),
    asks("In-memory logic", "Keep both without power", "retention", None, "2"),
    asks("Hyperdimensional computing", "Storage of long binary vectors", "levels", TWO, "2"),

    asks("Analog products", "States that stay as they are while products are read from them", "retention", None, "3"),
    asks("Analog products", "A gradual change under pulses, to program many values into one device",
        "pulses_up", None, "3"),
    asks("Analog products", "Conductances that come out as asked, over a whole array", "write_error", None, "3"),
    asks("Compressed sensing", "Storage of a matrix that never changes", "levels", SEVERAL, "2"),
    asks("Compressed sensing", "Precise products: what they lack raises the floor of the error, not the time",
        "write_error", None, "2"),

    asks("DNN inference", "Weights that are programmed exactly", "write_error", None, "3"),
    asks("DNN inference", "Weights that do not drift", "retention", None, "3"),
    asks("DNN inference", "Reads without noise", "read_noise", None, "3"),
    asks("DNN training", "Linear accumulation upwards", "nonlinearity_up", None, "3"),
    asks("DNN training", "Linear accumulation downwards", "nonlinearity_down", None, "3"),
    asks("DNN training", "Steps up and down of one size", "asymmetry", None, "3"),
    asks("DNN training", "Many small steps", "pulses_up", None, "3"),

    asks("Stochastic computing", "Random switching, as a source of randomness", "step_spread", None, "2"),
    asks("Stochastic computing", "Wear that degrades gracefully", "endurance_first", None, "3"),
    asks("Physical unclonable functions", "Devices that differ by chance", "on_spread", None, "2"),

    asks("Spiking inference", "A wide dynamic range", "on_off_ratio", None, "4.1"),
    asks("Spiking inference", "A life of few writes and many reads", "endurance_first", None, "4.1"),
    asks("Spiking learning", "Small changes by single pulses", "pulses_up", None, "4"),
    asks("Spiking learning", "Potentiation that is linear", "nonlinearity_up", None, "4.2"),
    asks("Spiking learning", "Reads without noise", "read_noise", None, "4.2"),
    asks("Spiking learning", "Weights that do not drift", "retention", None, "4.2"),
    asks("Spiking neurons", "Integrate and fire: gather pulses until a threshold", "pulses_up", None, "4"),
    asks("Plasticity without overlapping pulses", "Volatile inner dynamics: a state that fades by itself",
        "retention", None, "1.2"),
    asks("Probabilistic spiking networks", "Random switching that costs nothing extra", "step_spread", None, "4.10"),

    asks("Reservoir computing", "A fading memory: rich dynamics that are not chaotic", "retention", None, "5"),
    asks("Binary memory", "Stable states", "levels", TWO, "1.1"),
    asks("Computing beyond binary memory", "States for computing tasks", "levels", SEVERAL, "1.1"),
];

impl Bound {
    fn words(self) -> &'static str {
        match self {
            Bound::Above(_, words) | Bound::AtLeast(_, words) => words,
        }
    }

    fn holds(self, value: f64) -> bool {
        match self {
            Bound::Above(bound, _) => value > bound,
            Bound::AtLeast(bound, _) => value >= bound,
        }
    }

    /// What a property with this bound is worth. All bounds ask for more; what is known to be at most that much misses
    /// where even that is too little.
    fn judge(self, property: &Property) -> Judgement {
        let holds = |value: Option<f64>| value.is_some_and(|v| self.holds(v));
        match property.status {
            Status::NotMeasured => Judgement::NotMeasured,
            Status::Unbounded => Judgement::Meets,
            Status::None => Judgement::Misses,
            Status::AtLeast if holds(property.value) => Judgement::Meets,
            Status::AtLeast => Judgement::Open,
            Status::AtMost if holds(property.value) => Judgement::Open,
            Status::AtMost => Judgement::Misses,
            Status::Value => {
                let ends = property.ci95.or(property.value.map(|v| [v; 2]));
                match ends.map(|ends| ends.map(|v| self.holds(v))) {
                    Some([true, true]) => Judgement::Meets,
                    Some([false, false]) => Judgement::Misses,
                    Some(_) => Judgement::Open,
                    None => Judgement::NotMeasured,
                }
            }
        }
    }
}

/// Lays the review's requirements beside a datasheet, and judges those that have a number.
#[must_use]
pub fn judged(mut sheet: Datasheet) -> Datasheet {
    let row = |asks: &Asks| {
        let property = sheet.property(asks.property)?;
        let verdict = match asks.bound {
            Some(bound) => bound.judge(property),
            None if property.status == Status::NotMeasured => Judgement::NotMeasured,
            None => Judgement::NoNumber,
        };
        Some(Requirement {
            application: asks.application.into(),
            asks: asks.words.into(),
            property: asks.property.into(),
            bound: asks.bound.map(|b| b.words().into()),
            source: format!("section {}", asks.section),
            verdict,
        })
    };
    sheet.requirements = REQUIREMENTS.iter().filter_map(row).collect();
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;
    use neurohm_device::preset;
    use neurohm_lab::datasheet::{Depth, datasheet};
    use neurohm_num::{Key, Unwatched};

    fn property(status: Status, value: Option<f64>, ci95: Option<[f64; 2]>) -> Property {
        Property {
            name: "p".into(),
            group: String::new(),
            about: String::new(),
            status,
            value,
            ci95,
            unit: "1".into(),
            better: None,
            how: String::new(),
        }
    }

    #[test]
    fn a_bound_is_judged_with_the_whole_interval() {
        use Judgement::{Meets, Misses, NotMeasured, Open};
        let above = Bound::Above(1e12, "");
        let judge = |status, value: Option<f64>, ci95| above.judge(&property(status, value, ci95));
        assert_eq!(judge(Status::Value, Some(2e12), None), Meets);
        // More than, not as much as.
        assert_eq!(judge(Status::Value, Some(1e12), None), Misses);
        assert_eq!(Bound::AtLeast(1e12, "").judge(&property(Status::Value, Some(1e12), None)), Meets);
        assert_eq!(judge(Status::Value, Some(2e12), Some([0.5e12, 4e12])), Open);
        assert_eq!(judge(Status::AtLeast, Some(2e12), None), Meets);
        assert_eq!(judge(Status::AtLeast, Some(1e9), None), Open);
        assert_eq!(judge(Status::AtMost, Some(1e9), None), Misses);
        assert_eq!(judge(Status::AtMost, Some(2e12), None), Open);
        assert_eq!(judge(Status::NotMeasured, None, None), NotMeasured);
        assert_eq!(judge(Status::Unbounded, None, None), Meets);
        assert_eq!(judge(Status::None, None, None), Misses);
    }

    #[test]
    fn every_requirement_asks_for_a_property_that_datasheets_have() {
        let quick = Depth { arrays: 2, cells: 16, devices: 1 };
        let sheet = datasheet(&preset("pcm").unwrap(), quick, Key::root(1), &Unwatched).unwrap();
        let sheet = judged(sheet);
        assert_eq!(sheet.requirements.len(), REQUIREMENTS.len());
        assert!(sheet.is_whole());
        for (n, asks) in REQUIREMENTS.iter().enumerate() {
            let again = |o: &&Asks| o.application == asks.application && o.property == asks.property;
            assert_eq!(
                REQUIREMENTS.iter().filter(again).count(),
                1,
                "{}: {}",
                asks.application,
                asks.property
            );
            // Rows of one application stand together.
            let before = REQUIREMENTS[..n].iter().rposition(|o| o.application == asks.application);
            assert!(before.is_none_or(|b| b == n - 1), "{}", asks.application);
            assert!(asks.section.starts_with(['1', '2', '3', '4', '5']), "{}", asks.section);
        }
    }

    #[test]
    fn phase_change_memory_has_levels_enough_and_no_endurance_to_judge() {
        let sheet = datasheet(&preset("pcm").unwrap(), Depth::QUICK, Key::root(1), &Unwatched).unwrap();
        let sheet = judged(sheet);
        let verdict = |application: &str, property: &str| {
            let of = |r: &&Requirement| r.application == application && r.property == property;
            sheet.requirements.iter().find(of).map(|r| r.verdict)
        };
        assert_eq!(verdict("In-memory logic", "endurance_half"), Some(Judgement::NotMeasured));
        assert_eq!(verdict("Hyperdimensional computing", "levels"), Some(Judgement::Meets));
        assert_eq!(verdict("Compressed sensing", "levels"), Some(Judgement::Meets));
        assert_eq!(verdict("DNN inference", "write_error"), Some(Judgement::NoNumber));
    }
}
