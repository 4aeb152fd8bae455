//! Colour maps, perceptually uniform by construction: paths through OKLab (Björn Ottosson, "A perceptual color
//! space for image processing", 2020) walked at constant speed, so that equal steps of the value are equal
//! steps for the eye. The sequential map only gets lighter, so it also reads in grey.

/// Steps of a map.
pub(crate) const STEPS: usize = 256;

type Lab = [f64; 3];

/// Dark violet to light yellow, for quantities without a middle.
pub(crate) fn sequential() -> Vec<[u8; 3]> {
    even(STEPS, |t| {
        let hue = 295.0 + (105.0 - 295.0) * t;
        let chroma = 0.05 + 0.14 * (std::f64::consts::PI * (0.15 + 0.62 * t)).sin().max(0.0);
        in_gamut(0.22 + 0.73 * t, chroma, hue)
    })
}

/// Blue through near-white to red, both arms equally light, for quantities whose zero is the middle.
pub(crate) fn diverging() -> Vec<[u8; 3]> {
    let arm = |hue: f64| {
        even(STEPS / 2, move |t| {
            let chroma = 0.19 * (t * (1.55 - 0.55 * t)).min(1.0) * (1.0 - 0.35 * t * t);
            in_gamut(0.97 - 0.60 * t, chroma, hue)
        })
    };
    arm(257.0).into_iter().rev().chain(arm(27.0)).collect()
}

/// Colours at equal distances along the path.
fn even(steps: usize, path: impl Fn(f64) -> Lab) -> Vec<[u8; 3]> {
    const FINE: usize = 4096;
    let points: Vec<Lab> = (0..=FINE).map(|i| path(i as f64 / FINE as f64)).collect();
    let mut length = vec![0.0];
    for pair in points.windows(2) {
        length.push(length[length.len() - 1] + distance(pair[0], pair[1]));
    }
    let total = length[FINE];
    (0..steps)
        .map(|i| {
            let at = total * i as f64 / (steps - 1) as f64;
            let j = length.partition_point(|l| *l < at).min(FINE);
            srgb(points[j]).map(|c| (c.clamp(0.0, 1.0) * 255.0).round() as u8)
        })
        .collect()
}

fn distance(a: Lab, b: Lab) -> f64 {
    (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt()
}

/// The colour of this lightness and hue with as much of the chroma as a screen can show.
fn in_gamut(lightness: f64, chroma: f64, hue_degrees: f64) -> Lab {
    let lab = |chroma: f64| {
        let (sin, cos) = hue_degrees.to_radians().sin_cos();
        [lightness, chroma * cos, chroma * sin]
    };
    let shown = |chroma: f64| srgb(lab(chroma)).iter().all(|c| (0.0..=1.0).contains(c));
    let (mut inside, mut outside) = (0.0, chroma);
    if shown(chroma) {
        return lab(chroma);
    }
    for _ in 0..40 {
        let middle = 0.5 * (inside + outside);
        *(if shown(middle) { &mut inside } else { &mut outside }) = middle;
    }
    lab(inside)
}

/// OKLab to sRGB, both published matrices of Ottosson 2020; outside 0..1 where the screen cannot show it.
fn srgb([l, a, b]: Lab) -> [f64; 3] {
    let lms = [
        l + 0.396_337_777_4 * a + 0.215_803_757_3 * b,
        l - 0.105_561_345_8 * a - 0.063_854_172_8 * b,
        l - 0.089_484_177_5 * a - 1.291_485_548_0 * b,
    ]
    .map(|c| c * c * c);
    let rows = [
        [4.076_741_662_1, -3.307_711_591_3, 0.230_969_929_2],
        [-1.268_438_004_6, 2.609_757_401_1, -0.341_319_396_5],
        [-0.004_196_086_3, -0.703_418_614_7, 1.707_614_701_0],
    ];
    rows.map(|row| {
        let linear: f64 = (0..3).map(|i| row[i] * lms[i]).sum();
        if linear <= 0.003_130_8 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// sRGB to OKLab as Ottosson gives it, the other way round than the maps need.
    fn oklab(rgb: [u8; 3]) -> Lab {
        let lin = rgb.map(|c| {
            let c = f64::from(c) / 255.0;
            if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        });
        let dot = |row: [f64; 3], v: [f64; 3]| row[0] * v[0] + row[1] * v[1] + row[2] * v[2];
        let lms = [
            dot([0.412_221_470_8, 0.536_332_536_3, 0.051_445_992_9], lin).cbrt(),
            dot([0.211_903_498_2, 0.680_699_545_1, 0.107_396_956_6], lin).cbrt(),
            dot([0.088_302_461_9, 0.281_718_837_6, 0.629_978_700_5], lin).cbrt(),
        ];
        [
            dot([0.210_454_255_3, 0.793_617_785_0, -0.004_072_046_8], lms),
            dot([1.977_998_495_1, -2.428_592_205_0, 0.450_593_709_9], lms),
            dot([0.025_904_037_1, 0.782_771_766_2, -0.808_675_766_0], lms),
        ]
    }

    #[test]
    fn conversion_gives_the_published_red_and_white() {
        let near = |rgb: [f64; 3], to: [f64; 3]| (0..3).all(|i| (rgb[i] - to[i]).abs() < 2e-3);
        assert!(near(srgb([1.0, 0.0, 0.0]), [1.0; 3]));
        assert!(near(srgb([0.627_955, 0.224_863, 0.125_846]), [1.0, 0.0, 0.0]));
    }

    /// Over sixteenths of a map, long enough for the rounding to 8 bits not to matter.
    fn steps(map: &[[u8; 3]]) -> Vec<f64> {
        let marks: Vec<Lab> = (0..=16).map(|i| oklab(map[i * (map.len() - 1) / 16])).collect();
        marks.windows(2).map(|pair| distance(pair[0], pair[1])).collect()
    }

    #[test]
    fn equal_steps_look_equal() {
        let diverging = diverging();
        let (cold, warm) = diverging.split_at(STEPS / 2);
        for map in [&sequential()[..], cold, warm] {
            let steps = steps(map);
            let mean = steps.iter().sum::<f64>() / steps.len() as f64;
            assert!(steps.iter().all(|s| (s / mean - 1.0).abs() < 0.12), "{steps:?}");
        }
    }

    #[test]
    fn sequential_only_gets_lighter_and_diverging_is_lightest_in_the_middle() {
        let light: Vec<f64> = sequential().into_iter().map(|c| oklab(c)[0]).collect();
        assert!(light.windows(2).all(|pair| pair[1] > pair[0] - 0.003));
        assert!(light[0] < 0.3 && light[STEPS - 1] > 0.9);
        let map = diverging();
        assert!(oklab(map[STEPS / 2])[0] > 0.95);
        for i in 0..STEPS / 2 {
            assert!((oklab(map[i])[0] - oklab(map[STEPS - 1 - i])[0]).abs() < 0.12);
        }
    }
}
