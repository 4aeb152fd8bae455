//! Switching non-idealities off by path, so that ablation is generic.

use crate::aspect::{Endurance, Faults, Noise, Retention, Write};
use crate::spec::DeviceSpec;

/// Something that makes a device or a chip less than ideal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonideality {
    /// Its path (`"device.retention"`); a part's path begins with that of the whole (`"device.retention.spread"`).
    pub path: String,
    /// What it is, in words.
    pub about: String,
}

impl Nonideality {
    /// From a path and words.
    pub fn new(path: impl Into<String>, about: impl Into<String>) -> Nonideality {
        Nonideality { path: path.into(), about: about.into() }
    }
}

/// A description whose non-idealities can be listed, switched off and scaled.
pub trait Nonidealities {
    /// Those that are present and not neutral. Where a whole has several parts, it comes first and they follow.
    fn nonidealities(&self) -> Vec<Nonideality>;

    /// Sets the law at `path` to its neutral one; false, and no change, for a path that is not there.
    fn without(&mut self, path: &str) -> bool;

    /// Multiplies the strength of what is at `path` (standard deviations, drift, fractions of stuck cells) by
    /// `factor`; false, and no change, for a path that is not there or a factor that is negative or not finite.
    fn scale(&mut self, path: &str, factor: f64) -> bool;

    /// Switches off everything but `path`, its parts and the whole it is part of (of which the other parts are
    /// switched off); false, and no change, for a path that is not there.
    fn only(&mut self, path: &str) -> bool {
        let all = self.nonidealities();
        if !all.iter().any(|n| n.path == path) {
            return false;
        }
        for n in &all {
            if n.path != path && !is_part(path, &n.path) && !is_part(&n.path, path) {
                self.without(&n.path);
            }
        }
        true
    }
}

/// Whether `path` is a part of `whole`.
fn is_part(path: &str, whole: &str) -> bool {
    path.strip_prefix(whole).is_some_and(|rest| rest.starts_with('.'))
}

impl Nonidealities for DeviceSpec {
    fn nonidealities(&self) -> Vec<Nonideality> {
        let mut list = Vec::new();
        let mut add = |path: &str, about: &str| list.push(Nonideality::new(path, about));
        let Some(cell) = &self.cell else { return list };
        if let Some(write) = &cell.write {
            match write.deviations() {
                (Some(_), Some(_)) => {
                    add("device.write", "error of programming");
                    add("device.write.c2c", "error that each programming makes anew");
                    add("device.write.d2d", "error that each device repeats");
                }
                (None, None) => {}
                _ => add("device.write", "error of programming"),
            }
        }
        if let Some(pulse) = &cell.pulse {
            let parts = [
                (pulse.has_c2c(), "device.pulse.c2c", "how one pulse differs from the next"),
                (pulse.has_d2d(), "device.pulse.d2d", "how the pulses of one device differ from another's"),
                (pulse.has_shape(), "device.pulse.shape", "steps that depend on the state"),
            ];
            if parts.iter().any(|(there, ..)| *there) {
                add("device.pulse", "steps of pulses that scatter or depend on the state");
            }
            for (_, path, about) in parts.into_iter().filter(|(there, ..)| *there) {
                add(path, about);
            }
        }
        if let Some(retention) = &cell.retention {
            match (retention.has_mean(), retention.has_spread()) {
                (false, false) => {}
                (true, false) => add("device.retention", "drift that all devices share"),
                (false, true) => add("device.retention", "relaxation, different from device to device"),
                (true, true) => {
                    add("device.retention", "drift and relaxation after programming");
                    add("device.retention.mean", "the drift or relaxation that all devices share");
                    add("device.retention.spread", "how drift or relaxation differs from device to device");
                }
            }
        }
        match &cell.noise {
            Some(noise @ Noise::OneOverF { .. }) if noise.amplitude().is_some() => {
                add("device.noise", "1/f read noise");
            }
            Some(noise @ Noise::White { .. }) if noise.amplitude().is_some() => {
                add("device.noise", "read noise")
            }
            Some(noise @ Noise::Telegraph { .. }) if !noise.is_ideal() => {
                add("device.noise", "random telegraph noise");
            }
            _ => {}
        }
        if cell.endurance.as_ref().is_some_and(|e| !e.is_ideal()) {
            add("device.endurance", "wear over cycles");
        }
        if cell.faults.as_ref().is_some_and(|f| f.stuck() > 0.0) {
            add("device.faults", "stuck cells");
        }
        list
    }

    fn without(&mut self, path: &str) -> bool {
        if !self.nonidealities().iter().any(|n| n.path == path) {
            return false;
        }
        let Some(cell) = &mut self.cell else { return false };
        match path {
            "device.write" => cell.write = Some(Write::Ideal {}),
            "device.retention" => cell.retention = Some(Retention::Ideal {}),
            "device.noise" => cell.noise = Some(Noise::Ideal {}),
            "device.endurance" => cell.endurance = Some(Endurance::Ideal {}),
            "device.faults" => cell.faults = Some(Faults::default()),
            _ => return self.scale(path, 0.0),
        }
        true
    }

    fn scale(&mut self, path: &str, factor: f64) -> bool {
        let known = self.nonidealities().iter().any(|n| n.path == path);
        if !known || !factor.is_finite() || factor < 0.0 {
            return false;
        }
        let Some(cell) = &mut self.cell else { return false };
        let (write, retention) = (cell.write.as_mut(), cell.retention.as_mut());
        let whole = |part: &str| path == part || is_part(part, path);
        if let (Some(Write::Programmed { c2c, d2d }), true) = (write, path.starts_with("device.write")) {
            for (part, deviation) in [("device.write.c2c", c2c), ("device.write.d2d", d2d)] {
                if whole(part) {
                    *deviation = deviation.as_ref().map(|d| d.scaled(factor));
                }
            }
        }
        if let Some(pulse) = &mut cell.pulse {
            if whole("device.pulse.c2c") {
                pulse.scale_c2c(factor);
            }
            if whole("device.pulse.d2d") {
                pulse.scale_d2d(factor);
            }
            if whole("device.pulse.shape") {
                pulse.scale_shape(factor);
            }
        }
        if let Some(endurance) = cell.endurance.as_mut().filter(|_| path == "device.endurance") {
            endurance.scale(factor);
        }
        if let Some(retention) = retention {
            if whole("device.retention.mean") {
                retention.scale_mean(factor);
            }
            if whole("device.retention.spread") {
                retention.scale_spread(factor);
            }
        }
        match (path, cell.noise.as_mut(), cell.faults.as_mut()) {
            ("device.noise", Some(noise), _) => noise.scale(factor),
            ("device.faults", _, Some(faults)) => faults.scale(factor),
            _ => {}
        }
        true
    }
}

#[cfg(test)]
mod tests;
