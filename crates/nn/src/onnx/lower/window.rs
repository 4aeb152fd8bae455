//! Convolutions and pools.

use crate::graph::{Op, Window};

use super::super::build::{Builder, Val};
use super::super::constant::{Constant, transposed};
use super::super::error::{Step, mistake, refuse};
use super::Call;

/// The constants of a convolution, which fit one another.
pub(super) struct Weights<'a> {
    weight: &'a Constant,
    outputs: usize,
    channels: usize,
    kernel: &'a [usize],
    groups: usize,
    bias: Option<Vec<f32>>,
}

/// Reads a convolution's constants.
pub(super) fn weights<'a>(call: &'a Call<'_>) -> Step<Weights<'a>> {
    let w = call.needed(1)?;
    let [outputs, channels, ref kernel @ ..] = w.shape[..] else {
        mistake!("weight \"{}\" of shape {:?} has no kernel", call.name(1), w.shape)
    };
    let groups = call.attributes.int("group", 1);
    let Some(groups) = usize::try_from(groups).ok().filter(|&g| g > 0) else {
        mistake!("group = {groups} must be at least 1")
    };
    if !outputs.is_multiple_of(groups) {
        mistake!(
            "{groups} groups do not divide the {outputs} filters of weight \"{}\" of shape {:?}",
            call.name(1),
            w.shape
        );
    }
    if let Some(stated) = call.attributes.ints("kernel_shape")
        && !stated.iter().map(|&k| usize::try_from(k).ok()).eq(kernel.iter().map(|&k| Some(k)))
    {
        mistake!("kernel_shape {stated:?} does not fit weight \"{}\" of shape {:?}", call.name(1), w.shape);
    }
    let bias = match call.constant(2)? {
        Some(c) if c.shape == [outputs] => Some(c.floats()?),
        Some(c) => mistake!("bias \"{}\" of shape {:?} for {outputs} channels", call.name(2), c.shape),
        None => None,
    };
    Ok(Weights { weight: w, outputs, channels, kernel, groups, bias })
}

/// A convolution, channels last in memory.
pub(super) fn conv(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    let x = call.computed(0)?.clone();
    let Weights { weight: w, outputs, channels, kernel, groups, bias } = weights(call)?;
    if let (0, Some(&got)) = (x.merged, b.shape(&x).first())
        && Some(got) != channels.checked_mul(groups)
    {
        mistake!(
            "weight \"{}\" of shape {:?} in {groups} groups takes {} channels, \"{}\" has {got}",
            call.name(1),
            w.shape,
            channels.saturating_mul(groups),
            call.name(0)
        );
    }
    let mut place = Place::new(b, call, &x, kernel.to_vec())?;
    place.resolve(call, false)?;
    // [out, in, kernel...] -> [kernel..., in, out]
    let order: Vec<usize> = (2..w.shape.len()).chain([1, 0]).collect();
    let values = w.floats()?;
    let values = transposed(&w.shape, &order).1.map(|i| values[i]).collect();
    let rows = kernel.iter().product::<usize>() * channels;
    let id = b.arrange(&x, &place.order)?;
    let weight = b.param(&[rows, outputs], values)?;
    let bias = bias.map(|v| b.param(&[outputs], v)).transpose()?;
    let op = Op::Conv { weight, bias, window: place.window(), groups };
    Ok(Val { id: b.emit("", op, vec![id])?, axes: place.order, merged: 0 })
}

/// `MaxPool` or `AveragePool`.
pub(super) fn pool(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    let x = call.computed(0)?.clone();
    let kernel = call.attributes.ints("kernel_shape").unwrap_or_default();
    let kernel: Option<Vec<usize>> =
        kernel.iter().map(|&k| usize::try_from(k).ok().filter(|&k| k > 0)).collect();
    let Some(kernel) = kernel.filter(|k| !k.is_empty()) else {
        refuse!("kernel_shape {:?} must hold lengths of at least 1", call.attributes.ints("kernel_shape"))
    };
    let mut place = Place::new(b, call, &x, kernel)?;
    let ceil = call.attributes.int("ceil_mode", 0) != 0;
    let declared = place.resolve(call, ceil)?;
    for i in 0..place.kernel.len() {
        let reach = (place.kernel[i] - 1).saturating_mul(place.dilation[i]) + 1;
        if declared.0[i] >= reach || declared.1[i] >= reach {
            refuse!(
                "padding of {} and {} is not smaller than the window of {reach}",
                declared.0[i],
                declared.1[i]
            );
        }
    }
    let mut id = b.arrange(&x, &place.order)?;
    let op = if call.op == "MaxPool" {
        Op::MaxPool(place.window())
    } else {
        let count_pad = call.attributes.int("count_include_pad", 0) != 0;
        let rounded = place.after != declared.1;
        if count_pad && rounded {
            // Declared padding counts in the mean, what rounding up adds does not: make the former part of the
            // value.
            let (mut before, mut after) = (declared.0.clone(), declared.1.clone());
            before.push(0);
            after.push(0);
            id = b.emit("pad", Op::Pad { before, after, value: 0.0 }, vec![id])?;
            for i in 0..place.kernel.len() {
                place.after[i] -= declared.1[i];
                place.before[i] = 0;
            }
        }
        Op::AvgPool { window: place.window(), count_pad: count_pad && !rounded }
    };
    Ok(Val { id: b.emit("", op, vec![id])?, axes: place.order, merged: 0 })
}

/// A window over the spatial axes of a value.
struct Place {
    /// Order in memory: the spatial axes, then the channels.
    order: Vec<usize>,
    /// Spatial lengths.
    size: Vec<usize>,
    kernel: Vec<usize>,
    stride: Vec<usize>,
    dilation: Vec<usize>,
    before: Vec<usize>,
    after: Vec<usize>,
}

impl Place {
    fn new(b: &Builder, call: &Call<'_>, x: &Val, kernel: Vec<usize>) -> Step<Self> {
        b.apart(x)?;
        let spatial = kernel.len();
        if !(1..=2).contains(&spatial) {
            refuse!("{spatial}-dimensional windows are not supported, only 1 and 2");
        }
        let shape = b.shape(x);
        if shape.len() != spatial + 1 {
            refuse!("a {spatial}-dimensional window over a value of shape [batch, {shape:?}]");
        }
        let lengths = |name: &str| match call.attributes.ints(name) {
            None => Ok(vec![1; spatial]),
            Some(v) => {
                let v: Vec<usize> = v
                    .iter()
                    .filter_map(|&n| usize::try_from(n).ok())
                    .filter(|&n| (1..1 << 31).contains(&n))
                    .collect();
                if v.len() == spatial {
                    Ok(v)
                } else {
                    Err(format!("{name} must hold {spatial} numbers of at least 1"))
                }
            }
        };
        Ok(Self {
            order: (1..=spatial).chain([0]).collect(),
            size: shape[1..].to_vec(),
            stride: lengths("strides")?,
            dilation: lengths("dilations")?,
            kernel,
            before: vec![0; spatial],
            after: vec![0; spatial],
        })
    }

    /// Sets the padding; with `ceil` the far side gets what a last, partial window needs. Returns the
    /// padding without that.
    fn resolve(&mut self, call: &Call<'_>, ceil: bool) -> Step<(Vec<usize>, Vec<usize>)> {
        let spatial = self.kernel.len();
        let auto = call.attributes.text("auto_pad").unwrap_or("NOTSET");
        if let Some(pads) = call.attributes.ints("pads").filter(|_| auto == "NOTSET") {
            let known: Vec<usize> =
                pads.iter().filter_map(|&p| usize::try_from(p).ok()).filter(|&p| p < 1 << 31).collect();
            if known.len() != 2 * spatial {
                refuse!("pads {pads:?} must be {} numbers, none negative", 2 * spatial);
            }
            self.before.copy_from_slice(&known[..spatial]);
            self.after.copy_from_slice(&known[spatial..]);
        }
        for i in 0..spatial {
            let (size, stride) = (self.size[i], self.stride[i]);
            let reach = (self.kernel[i].max(1) - 1).checked_mul(self.dilation[i]).filter(|&r| r < 1 << 31);
            let Some(reach) = reach.map(|r| r + 1) else {
                refuse!("a window of {} is too long", self.kernel[i])
            };
            if auto.starts_with("SAME") {
                let total = ((size.div_ceil(stride) - 1) * stride + reach).saturating_sub(size);
                let small = total / 2;
                let (before, after) =
                    if auto == "SAME_UPPER" { (small, total - small) } else { (total - small, small) };
                (self.before[i], self.after[i]) = (before, after);
            }
        }
        let declared = (self.before.clone(), self.after.clone());
        for i in 0..spatial {
            let reach = (self.kernel[i].max(1) - 1) * self.dilation[i] + 1;
            let padded = self.size[i] + self.before[i] + self.after[i];
            if !ceil || padded < reach || auto.starts_with("SAME") {
                continue;
            }
            let mut windows = (padded - reach).div_ceil(self.stride[i]) + 1;
            // A window that would start in the far padding is left out.
            if (windows - 1) * self.stride[i] >= self.size[i] + self.before[i] {
                windows -= 1;
            }
            self.after[i] += ((windows - 1) * self.stride[i] + reach).saturating_sub(padded);
        }
        Ok(declared)
    }

    fn window(&self) -> Window {
        match self.kernel.len() {
            1 => Window {
                kernel: [1, self.kernel[0]],
                stride: [1, self.stride[0]],
                dilation: [1, self.dilation[0]],
                pad: [0, self.before[0], 0, self.after[0]],
            },
            _ => Window {
                kernel: [self.kernel[0], self.kernel[1]],
                stride: [self.stride[0], self.stride[1]],
                dilation: [self.dilation[0], self.dilation[1]],
                pad: [self.before[0], self.before[1], self.after[0], self.after[1]],
            },
        }
    }
}
