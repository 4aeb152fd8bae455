//! What a mapped network costs.

use super::Mapping;
use crate::cost::{Bill, Component, Cost, Efficiency};
use crate::{Fabric, Floorplan, Known, Technology, energy};

impl Mapping {
    /// Samples a second.
    pub fn throughput_per_s(&self) -> f64 {
        1.0 / self.interval_s
    }

    /// Energy and latency of one sample and the area of the tiles used, by component. A layer begins when those that it
    /// reads have finished the sample, so the latency is that along the list of layers: the reads or the conversions of
    /// each, whichever are slower, one turn of the other, a shift-and-add, fetching one product's inputs from the buffer,
    /// and the way to the next layer. Writing for rounds is not on it; see [`Mapping::reload`].
    pub fn bill(&self, fabric: &Fabric, technology: &Technology) -> Bill {
        let mut bill = energy(&self.events, fabric, technology);
        let mut late = |component, latency_s: f64, known| {
            let redundant_s = if component == Component::Adc { fabric.redundant * latency_s } else { 0.0 };
            bill.add(component, Cost { latency_s: latency_s - redundant_s, ..Cost::default() }, known);
            if redundant_s > 0.0 {
                bill.add(Component::Redundancy, Cost { latency_s: redundant_s, ..Cost::default() }, known);
            }
        };
        for (i, placed) in self.layers.iter().enumerate() {
            let widest = placed.layer.columns.min(u64::from(fabric.columns));
            let scan_s = fabric.scan_s(widest);
            let (slow, fast, once_s) = if scan_s > fabric.read_s {
                (Component::Adc, Component::Array, fabric.read_s)
            } else {
                (Component::Array, Component::Adc, scan_s)
            };
            let knows = |component| match component {
                Component::Array => technology.array.known(),
                _ => fabric.conversion.known,
            };
            late(slow, placed.interval_s, knows(slow));
            late(fast, once_s, knows(fast));
            let add = &technology.shift_add;
            late(Component::ShiftAdd, add.time_s.value, add.time_s.known);
            let bits = placed.layer.rows as f64 * f64::from(fabric.input_bits);
            let (buffer, bus) = (&technology.buffer, &technology.bus);
            late(Component::Buffer, buffer.time_s(bits), buffer.each.time_s.known);
            late(Component::Bus, bus.time_s(bits), bus.each.time_s.known);
            let router = &technology.router;
            let (busy, known) = self.busy(technology);
            late(Component::Network, f64::from(self.traffic.hops[i]) * router.hop_s() * busy, known);
        }
        let link = &technology.link;
        late(Component::Link, self.events.link_bits / link.bits_per_second.value, link.bits_per_second.known);
        for (component, area_mm2, known) in self.area_mm2(fabric, technology) {
            bill.add(component, Cost { area_mm2, ..Cost::default() }, known);
        }
        bill.sorted()
    }

    /// By what factor messages between tiles take longer than at rest, and how well their time is known. Past the table of the
    /// technology, where the network saturates, it is the last one of the table; see [`Mapping::saturates`].
    fn busy(&self, technology: &Technology) -> (f64, Known) {
        let router = &technology.router;
        let Some(congestion) = &router.congestion else { return (1.0, router.hop_periods.known) };
        let last = congestion.rates.last().copied().unwrap_or(0.0);
        let factor = congestion.factor(self.traffic.injection.min(last)).unwrap_or(1.0);
        (factor, router.hop_periods.known.max(congestion.known))
    }

    /// Whether tiles send more than the technology's table of congestion says a network takes; none without such a table.
    pub fn saturates(&self, technology: &Technology) -> Option<bool> {
        let congestion = technology.router.congestion.as_ref()?;
        Some(congestion.factor(self.traffic.injection).is_none())
    }

    /// Area of the tiles used, by component, mm2.
    pub fn area_mm2(&self, fabric: &Fabric, technology: &Technology) -> Vec<(Component, f64, Known)> {
        Floorplan::new(fabric, technology).area_mm2(self.crossbars as f64)
    }

    /// Figures of merit, reloads included.
    pub fn efficiency(&self, fabric: &Fabric, technology: &Technology) -> Efficiency {
        let total = self.bill(fabric, technology).total();
        let (reload_j, reload_s) = self.reload.as_ref().map_or((0.0, 0.0), |r| (r.energy_j, r.time_s));
        Efficiency {
            input_bits: fabric.input_bits,
            output_bits: fabric.output_bits,
            operations: self.events.tally.macs as f64 * f64::from(technology.convention.operations_per_mac),
            samples_per_s: self.throughput_per_s(),
            energy_j: total.energy_j + reload_j,
            latency_s: total.latency_s + reload_s,
            area_mm2: total.area_mm2,
        }
    }
}
