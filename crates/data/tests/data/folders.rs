//! Folders as users have them: MNIST's four files, CIFAR-10's batches, images by class.

use std::fs;
use std::path::Path;

use image::{GrayImage, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use neurohm_data::{DataError, Limits, Source, load};
use neurohm_num::{Cancelled, Unwatched, Watch};
use tempfile::TempDir;

fn put(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn mnist(folder: &Path, names: [&str; 4], labels: &[u8]) {
    for (images, labels_name, count) in [(names[0], names[1], 3u8), (names[2], names[3], 2)] {
        let header = [0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 2, 0, 0, 0, 1];
        let pixels = (0..2 * count).map(|p| 51 * p);
        put(folder, images, &header.into_iter().chain(pixels).collect::<Vec<u8>>());
        let labels = &labels[..usize::from(count).min(labels.len())];
        put(folder, labels_name, &[&[0, 0, 8, 1, 0, 0, 0, labels.len() as u8], labels].concat());
    }
}

fn message(source: &Source) -> String {
    load(source, Limits::default(), &Unwatched).unwrap_err().to_string()
}

#[test]
fn mnist_files_by_all_their_names() {
    let dashed = |p: &str, q: &str| {
        [p, q].map(|part| [format!("{part}-images-idx3-ubyte"), format!("{part}-labels-idx1-ubyte")]).concat()
    };
    let dotted = |p: &str, q: &str| {
        [p, q].map(|part| [format!("{part}-images.idx3-ubyte"), format!("{part}-labels.idx1-ubyte")]).concat()
    };
    for (inside, names) in [
        ("", dashed("train", "t10k")),
        ("", dotted("train", "test")),
        ("raw", dashed("train", "t10k")),
        ("MNIST/raw", dotted("train", "t10k")),
    ] {
        let folder = TempDir::new().unwrap();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        mnist(&folder.path().join(inside), names.try_into().unwrap(), &[7, 0, 9]);
        let source = Source::Mnist(folder.path().to_owned());
        let data = load(&source, Limits::default(), &Unwatched).unwrap();
        let train = data.train.unwrap();
        assert_eq!((train.shape.as_slice(), train.x[5], train.y), (&[2, 1, 1][..], 1.0, Some(vec![7, 0, 9])));
        assert_eq!((data.test.x.len(), data.test.y), (4, Some(vec![7, 0])));
        let few = load(&source, Limits::test_only(Some(1)), &Unwatched).unwrap();
        assert_eq!((few.train, few.test.x, few.test.y), (None, vec![0.0, 0.2], Some(vec![7])));
    }
}

#[test]
fn mnist_refusals() {
    let folder = TempDir::new().unwrap();
    let source = Source::Mnist(folder.path().to_owned());
    let missing = message(&source);
    for part in ["no training images", "train-images-idx3-ubyte.gz", "MNIST/raw", "--data strokes"] {
        assert!(missing.contains(part), "{missing}");
    }
    let names = [
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ];
    mnist(folder.path(), names, &[1, 2]);
    let short = message(&source);
    assert!(
        short.contains("train-labels") && short.contains("3 labels belong") && short.contains("[2]"),
        "{short}"
    );
    put(folder.path(), names[0], b"\0\0\x08\x03\0\0");
    let cut = message(&source);
    assert!(cut.contains("train-images-idx3-ubyte, byte 6: the file ends within"), "{cut}");
    put(folder.path(), names[0], b"\0\0\x08\x01\0\0\0\x01\x05");
    assert!(message(&source).contains("images have 3 dimensions"));
    put(folder.path(), names[0], &[0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 2]);
    put(folder.path(), names[1], &[0, 0, 8, 1, 0, 0, 0, 3, 0, 0, 0]);
    assert!(message(&source).contains("no pixels"));
}

#[test]
fn cifar_batches_become_channels_last() {
    let folder = TempDir::new().unwrap();
    let source = Source::Cifar10(folder.path().to_owned());
    let record = |label: u8| {
        let mut r = vec![label];
        for plane in [10u8, 20, 30] {
            r.extend((0..1024u32).map(|i| plane + (i % 2) as u8));
        }
        r
    };
    for i in 1..=5u8 {
        let batch = [record(i), record(i + 1)].concat();
        put(folder.path(), &format!("cifar-10-batches-bin/data_batch_{i}.bin"), &batch);
    }
    put(folder.path(), "cifar-10-batches-bin/test_batch.bin", &record(9));
    let data = load(&source, Limits { train: Some(3), test: None }, &Unwatched).unwrap();
    let train = data.train.unwrap();
    assert_eq!((train.shape.as_slice(), train.y.as_deref()), (&[32, 32, 3][..], Some(&[1, 2, 2][..])));
    let pixels = [10, 20, 30, 11, 21, 31].map(|p| p as f32 / 255.0);
    assert_eq!(train.sample(2)[..6], pixels);
    assert_eq!((data.test.y, data.classes.unwrap()[9].as_str()), (Some(vec![9]), "truck"));
    put(folder.path(), "cifar-10-batches-bin/data_batch_2.bin", &record(1)[..100]);
    let cut = message(&source);
    assert!(cut.contains("data_batch_2.bin, byte 0: 100 bytes are 0 records"), "{cut}");
}

#[test]
fn the_python_version_of_cifar_is_refused_with_a_hint() {
    let folder = TempDir::new().unwrap();
    let source = Source::Cifar10(folder.path().to_owned());
    assert!(message(&source).contains("looked for data_batch_1.bin, there and in cifar-10-batches-bin"));
    put(folder.path(), "cifar-10-python.tar.gz", b"");
    assert!(message(&source).contains("unpack"));
    put(folder.path(), "data_batch_1", b"\x80\x02}");
    let pickle = message(&source);
    assert!(pickle.contains("a pickle") && pickle.contains("cifar-10-binary.tar.gz"), "{pickle}");
}

fn grey(value: u8) -> GrayImage {
    GrayImage::from_pixel(3, 2, Luma([value]))
}

#[test]
fn images_by_class() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    for (part, class, file, value) in [
        ("train", "b", "1.png", 51),
        ("train", "a", "2.PNG", 102),
        ("train", "a", "1.png", 153),
        ("test", "a", "x.png", 204),
        ("test", "b", "y.png", 255),
        ("test", "b", "z.png", 0),
    ] {
        fs::create_dir_all(root.join(part).join(class)).unwrap();
        grey(value).save(root.join(part).join(class).join(file)).unwrap();
    }
    put(root, "train/a/notes.txt", b"not an image");
    put(root, "train/.cache/3.png", b"not a class");
    let source = Source::Folder(root.to_owned());
    let data = load(&source, Limits::default(), &Unwatched).unwrap();
    assert_eq!(data.classes.as_deref(), Some(&["a".to_owned(), "b".to_owned()][..]));
    // The classes in turn: a/1, b/1, a/2.
    let train = data.train.unwrap();
    assert_eq!((train.shape.as_slice(), train.y.as_deref()), (&[2, 3, 1][..], Some(&[0, 1, 0][..])));
    assert_eq!([0, 1, 2].map(|i| train.sample(i)[5]), [0.6, 0.2, 0.4]);
    assert_eq!(load(&source, Limits::test_only(Some(2)), &Unwatched).unwrap().test.x[..], data.test.x[..12]);
    // CIFAR-10 as images is read through the same layout.
    assert_eq!(
        load(&Source::Cifar10(root.to_owned()), Limits::default(), &Unwatched).unwrap().test,
        data.test
    );

    // One coloured image makes all of them coloured.
    RgbImage::from_pixel(3, 2, Rgb([255, 0, 51])).save(root.join("test/a/y.png")).unwrap();
    let mixed = load(&source, Limits::test_only(None), &Unwatched).unwrap().test;
    assert_eq!((mixed.shape.as_slice(), &mixed.sample(0)[..3]), (&[2, 3, 3][..], &[0.8; 3][..]));
    assert_eq!(mixed.sample(2)[..3], [1.0, 0.0, 0.2]);
    assert!(message(&source).contains("shape [2, 3, 1], test samples [2, 3, 3]"));
}

#[test]
fn image_refusals_name_the_file() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    let source = Source::Folder(root.to_owned());
    assert!(message(&source).contains("looked for test/<class>/*.png, test/<class>/*.jpg or"));
    fs::create_dir_all(root.join("test/a")).unwrap();
    assert!(message(&source).contains("no test images"));
    grey(1).save(root.join("test/a/1.png")).unwrap();
    GrayImage::new(4, 2).save(root.join("test/a/2.png")).unwrap();
    let sizes = message(&source);
    assert!(sizes.contains("2.png: 4 x 2 pixels, where") && sizes.contains("has 3 x 2"), "{sizes}");
    RgbaImage::from_pixel(3, 2, Rgba([1, 2, 3, 4])).save(root.join("test/a/2.png")).unwrap();
    assert!(message(&source).contains("2.png: the image is partly transparent"));
    put(root, "test/a/2.png", &fs::read(root.join("test/a/1.png")).unwrap()[..40]);
    assert!(message(&source).contains("2.png: not an image"), "{}", message(&source));
    put(root, "test/a/2.png", b"nonsense");
    assert!(message(&source).contains("2.png: not an image"), "{}", message(&source));
    fs::remove_file(root.join("test/a/2.png")).unwrap();
    fs::create_dir_all(root.join("train/b")).unwrap();
    grey(1).save(root.join("train/b/1.png")).unwrap();
    assert!(message(&source).contains("the classes differ: train has b, test has a"));
}

#[test]
fn an_image_that_declares_more_than_memory_is_refused_before_it_is_decoded() {
    let folder = TempDir::new().unwrap();
    // A PNG header of 16000 x 16000 grey pixels, its checksum right, and nothing after.
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x3e\x80\0\0\x3e\x80\x08\0\0\0\0".to_vec();
    let mut crc = flate2::Crc::new();
    crc.update(&png[12..]);
    png.extend(crc.sum().to_be_bytes());
    png.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e\0\0\0\0IEND\xae\x42\x60\x82");
    for name in ["1.png", "2.png"] {
        put(folder.path(), &format!("test/a/{name}"), &png);
    }
    let error = message(&Source::Folder(folder.path().to_owned()));
    assert!(error.contains("2 images of 16000 x 16000 pixels need 2048000000 bytes"), "{error}");
}

#[test]
fn loading_stops_when_asked_to() {
    struct Stop;
    impl Watch for Stop {
        fn step(&self, _done: u64) -> Result<(), Cancelled> {
            Err(Cancelled)
        }
    }
    let folder = TempDir::new().unwrap();
    fs::create_dir_all(folder.path().join("test/a")).unwrap();
    grey(1).save(folder.path().join("test/a/1.png")).unwrap();
    for source in [Source::Folder(folder.path().to_owned()), Source::STROKES] {
        assert!(matches!(load(&source, Limits::default(), &Stop), Err(DataError::Cancelled(_))));
    }
}
