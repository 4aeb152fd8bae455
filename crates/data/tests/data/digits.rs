//! The generated digits, beside MNIST's where those are at hand.
#![expect(clippy::print_stdout, reason = "tests say what they skip and what they measured")]

use neurohm_data::mnist::Part;
use neurohm_data::{Dataset, Limits, Samples, Source, load, strokes};
use neurohm_num::Unwatched;
use rayon::ThreadPoolBuilder;

const PIXELS: usize = strokes::SIDE * strokes::SIDE;

fn drawn() -> Dataset {
    let source = Source::Strokes { train: 6000, test: 2000, seed: 1 };
    load(&source, Limits::default(), &Unwatched).unwrap()
}

/// MNIST as shared among tests, from `$NEUROHM_DATA` or beside the repository.
fn shared(name: &str) -> Option<Dataset> {
    let root = std::env::var_os("NEUROHM_DATA").map(std::path::PathBuf::from);
    let beside = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = root.unwrap_or(beside).join(name);
    if !folder.is_dir() {
        println!("skipped: no {name} in $NEUROHM_DATA or ../shared/data");
        return None;
    }
    Some(load(&Source::Mnist(folder), Limits { train: Some(6000), test: Some(2000) }, &Unwatched).unwrap())
}

fn labels(samples: &Samples) -> &[u32] {
    samples.y.as_deref().unwrap()
}

/// Test accuracy of the classifier by the nearest mean image.
fn nearest_centroid(data: &Dataset) -> f64 {
    let train = data.train.as_ref().unwrap();
    let features = train.features();
    let (mut means, mut counts) = (vec![vec![0.0f64; features]; 10], [0.0; 10]);
    for (i, &label) in labels(train).iter().enumerate() {
        counts[label as usize] += 1.0;
        means[label as usize].iter_mut().zip(train.sample(i)).for_each(|(m, &x)| *m += f64::from(x));
    }
    for (mean, count) in means.iter_mut().zip(counts) {
        mean.iter_mut().for_each(|m| *m /= count);
    }
    let distance =
        |mean: &[f64], x: &[f32]| mean.iter().zip(x).map(|(m, &x)| (m - f64::from(x)).powi(2)).sum::<f64>();
    let right = labels(&data.test).iter().enumerate().filter(|&(i, &label)| {
        let x = data.test.sample(i);
        let d: Vec<f64> = means.iter().map(|mean| distance(mean, x)).collect();
        d.iter().all(|&other| d[label as usize] <= other)
    });
    right.count() as f64 / data.test.len() as f64
}

/// Mean pixel, share of pixels that are half inked or more, mean row and column of the ink.
fn statistics(samples: &Samples) -> [f64; 4] {
    let mut sums = [0.0; 4];
    for i in 0..samples.len() {
        let image = samples.sample(i);
        let ink: f64 = image.iter().map(|&p| f64::from(p)).sum();
        sums[0] += ink / PIXELS as f64;
        sums[1] += image.iter().filter(|&&p| p >= 0.5).count() as f64 / PIXELS as f64;
        for (p, &value) in image.iter().enumerate() {
            sums[2] += f64::from(value) * (p / strokes::SIDE) as f64 / ink;
            sums[3] += f64::from(value) * (p % strokes::SIDE) as f64 / ink;
        }
    }
    sums.map(|s| s / samples.len() as f64)
}

#[test]
fn drawn_digits_are_as_inky_as_mnist_and_as_centred() {
    let data = drawn();
    let [mean, inked, row, column] = statistics(&data.test);
    // MNIST's published mean pixel is 0.1307 (0.1325 on its test set).
    assert!((mean - 0.1307).abs() < 0.015, "{mean}");
    assert!((0.11..0.15).contains(&inked), "{inked}");
    assert!((row - 13.5).abs() < 0.2 && (column - 13.5).abs() < 0.2, "{row} {column}");
    if let Some(mnist) = shared("mnist") {
        let theirs = statistics(mnist.train.as_ref().unwrap());
        println!("mean, inked, row, column: drawn {:?}, MNIST {theirs:?}", [mean, inked, row, column]);
        assert!((mean - theirs[0]).abs() < 0.015 && (inked - theirs[1]).abs() < 0.02);
    }
}

#[test]
fn drawn_digits_are_as_hard_as_mnist() {
    let ours = nearest_centroid(&drawn());
    println!("nearest mean image: drawn {ours}");
    // MNIST's is 0.82; LeCun et al. (1998) report 12 % error of a linear classifier.
    assert!((0.76..0.86).contains(&ours), "{ours}");
    if let Some(mnist) = shared("mnist") {
        let theirs = nearest_centroid(&mnist);
        println!("nearest mean image: MNIST {theirs}");
        // The first test samples, of NIST's SD-3, are the clean half.
        assert!((0.74..0.84).contains(&theirs), "{theirs}");
        assert!((ours - theirs).abs() < 0.08);
    }
}

#[test]
fn published_labels_of_mnist_and_its_kin() {
    if let Some(mnist) = shared("mnist") {
        assert_eq!(labels(mnist.train.as_ref().unwrap())[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
        assert_eq!(labels(&mnist.test)[..10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
        assert_eq!((mnist.name.as_str(), mnist.class_count()), ("mnist", Some(10)));
        assert_eq!(mnist.test.shape, [28, 28, 1]);
    }
    if let Some(fashion) = shared("fashion-mnist") {
        assert_eq!(labels(fashion.train.as_ref().unwrap())[..5], [9, 0, 0, 3, 0]);
        assert_eq!(fashion.name, "fashion-mnist");
    }
}

#[test]
fn every_ten_samples_hold_every_digit() {
    let digits = strokes::generate(5, Part::Train, 0..400, &Unwatched).unwrap();
    let mut orders = std::collections::BTreeSet::new();
    for block in labels(&digits).chunks(10) {
        let mut sorted = block.to_vec();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..10).collect::<Vec<u32>>());
        orders.insert(block.to_vec());
    }
    assert!(orders.len() > 35);
}

#[test]
fn a_sample_depends_on_seed_part_and_ordinal_alone() {
    let draw = |seed, part, range| strokes::generate(seed, part, range, &Unwatched).unwrap();
    let pool = |threads| ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let all = pool(1).install(|| draw(1, Part::Train, 0..300));
    assert_eq!(pool(3).install(|| draw(1, Part::Train, 0..300)), all);
    let some = draw(1, Part::Train, 131..177);
    assert_eq!(some.x[..], all.x[131 * PIXELS..177 * PIXELS]);
    assert_eq!(labels(&some), &labels(&all)[131..177]);
    for other in [draw(2, Part::Train, 0..300), draw(1, Part::Test, 0..300)] {
        let same = (0..300).filter(|&i| other.sample(i) == all.sample(i)).count();
        assert_eq!(same, 0);
    }
    assert_eq!(draw(1, Part::Test, 5..5).len(), 0);
}

#[test]
fn pixels_are_the_256_grey_levels() {
    let digits = strokes::generate(9, Part::Test, 0..200, &Unwatched).unwrap();
    for (i, &pixel) in digits.x.iter().enumerate() {
        let level = (pixel * 255.0).round();
        assert!((0.0..=255.0).contains(&level) && pixel == level / 255.0, "{pixel} at {i}");
    }
    // Paper is empty and ink is black, and nothing is cut off: the border stays almost empty.
    let black = digits.x.iter().filter(|&&p| p > 0.95).count() as f64 / digits.x.len() as f64;
    assert!(black > 0.03, "{black}");
    let border = |i: usize| i.is_multiple_of(strokes::SIDE) || (i % PIXELS) < strokes::SIDE;
    let inked = digits.x.iter().enumerate().filter(|&(i, &p)| border(i) && p > 0.5).count();
    assert!(inked < 20, "{inked}");
}
