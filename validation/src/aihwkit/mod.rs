//! Beside IBM's aihwkit: the same products, devices and networks. `validation/aihwkit/README.md` says how the two
//! descriptions map onto one another and what differs.

mod devices;
mod over_time;
mod products;

use neurohm_array::{ChipSpec, DriftCompensation};

use crate::{Case, Result};

/// All cases, in the order in which they run.
pub const CASES: &[Case] = &[
    ("linear512_b64", |b| products::linear(b, 64, "bell", None)),
    ("linear512_b512", |b| products::linear(b, 512, "bell", None)),
    ("linear512_bound_management_b64", |b| products::linear(b, 64, "flat", None)),
    ("linear512_read_noise_b64", |b| products::linear(b, 64, "bell", Some(products::READ_NOISE))),
    ("linear512_read_noise_b512", |b| products::linear(b, 512, "bell", Some(products::READ_NOISE))),
    ("linear512_digital_b64", |b| products::digital(b, 64)),
    ("linear512_digital_b512", |b| products::digital(b, 512)),
    ("conv3x3_b16", products::convolution),
    ("program_drift_read_1024_compensated", |b| devices::programming(b, true)),
    ("program_drift_read_1024", |b| devices::programming(b, false)),
    ("program_drift_read_1024_folded_pairs", devices::folded_pairs),
    ("levels_pcm", |b| devices::levels(b, &devices::PCM)),
    ("levels_hermes", |b| devices::levels(b, &devices::HERMES)),
    ("levels_reram_cmo_2_percent", |b| devices::levels(b, &devices::CMO)),
    ("levels_reram_cmo_default", |b| devices::levels(b, &devices::CMO_DEFAULT)),
    ("levels_reram_wan2022_40uS", |b| devices::levels(b, &devices::WAN_40)),
    ("levels_reram_wan2022_25uS", |b| devices::levels(b, &devices::WAN_25)),
    ("product_over_time_pcm", |b| over_time::product(b, "pcm", PCM_ZERO_S, false)),
    ("product_over_time_pcm_compensated", |b| over_time::product(b, "pcm", PCM_ZERO_S, true)),
    ("product_over_time_hermes", |b| over_time::product(b, "hermes", HERMES_ZERO_S, false)),
    ("product_over_time_hermes_compensated", |b| over_time::product(b, "hermes", HERMES_ZERO_S, true)),
    ("mnist_mlp_over_time_pcm", over_time::network),
];

/// Age of a device at its first read, where the peer's clock shows 0: PCM (Nandakumar et al. 2019).
const PCM_ZERO_S: f64 = 20.0;
/// The same of HERMES' pairs of devices (Le Gallo et al. 2023).
const HERMES_ZERO_S: f64 = 300.0;

/// The chip with the peer's defaults (`InferenceRPUConfig`), holding a device of ours.
fn peer_chip(device: &str, compensated: bool) -> Result<ChipSpec> {
    let mut chip = neurohm_array::chip_preset("peer")?;
    chip.device = neurohm_device::preset(device)?;
    if !compensated {
        chip.drift_compensation = DriftCompensation::None {};
    }
    Ok(chip)
}
