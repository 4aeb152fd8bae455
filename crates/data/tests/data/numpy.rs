//! Files that NumPy wrote (`fixtures/make.py`) are read as NumPy means them.

use std::io::Cursor;

use neurohm_data::npz::Npz;
use neurohm_data::{Array, DataError, Limits, Source, Values, load, npy};
use neurohm_num::Unwatched;

fn fixture(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap()
}

fn counting<T>(scale: i64, cast: impl Fn(i64) -> T) -> Vec<T> {
    (0..24).map(|i| cast(i * scale)).collect()
}

#[test]
fn compressed_members_in_fortran_order_scalars_empty_arrays_and_unicode_names() {
    let mut npz = Npz::open(Cursor::new(bytes("compressed.npz"))).unwrap();
    assert_eq!(npz.names(), ["x", "scalar", "empty", "größe", "半"]);
    let mut get = |name: &str| npz.get(name).unwrap().unwrap();
    assert_eq!(get("x"), Array { shape: vec![2, 3, 4], values: counting(1, |i| i as f32).into() });
    assert_eq!(get("größe"), Array { shape: vec![2, 3, 4], values: counting(1, |i| i as f64).into() });
    assert_eq!(get("scalar"), Array { shape: vec![], values: vec![2.5f64].into() });
    assert_eq!(get("empty"), Array { shape: vec![3, 0, 2], values: Vec::<i32>::new().into() });
    // 6e-8 is nearest to the smallest subnormal half, 2^-24.
    assert_eq!(get("半").values, vec![1.5f32, 0.0, 65504.0, 2f32.powi(-24)].into());
    assert_eq!(npz.get("y"), Ok(None));
}

#[test]
fn every_number_type_in_both_byte_orders() {
    let mut npz = Npz::open(Cursor::new(bytes("stored.npz"))).unwrap();
    let mut get = |name: &str| npz.get(name).unwrap().unwrap().values;
    assert_eq!(get("x"), counting(10, |i| i as u8).into());
    assert_eq!(get("y"), vec![1i64, 0].into());
    assert_eq!(get("flags"), vec![true, false].into());
    assert_eq!(get("i1"), vec![i8::MIN, i8::MAX].into());
    assert_eq!(get("i2"), vec![i16::MIN, i16::MAX].into());
    assert_eq!(get("i4"), vec![i32::MIN, i32::MAX].into());
    assert_eq!(get("u2"), vec![0, u16::MAX].into());
    assert_eq!(get("u4"), vec![0, u32::MAX].into());
    assert_eq!(get("u8"), vec![0, u64::MAX].into());
    assert_eq!(get("f2"), (0..12).map(|i| i as f32).collect::<Vec<_>>().into());
    assert_eq!(npz.read_all().unwrap().len(), 10);
}

#[test]
fn versions_one_to_three() {
    for version in 1..=3 {
        let array = npy::read(&bytes(&format!("version{version}.npy"))).unwrap();
        assert_eq!(array, Array { shape: vec![2, 3, 4], values: counting(1, |i| i).into() });
    }
}

#[test]
fn a_file_tells_its_shape_before_its_values_are_read() {
    let file = npy::Npy::open(&fixture("version2.npy")).unwrap();
    assert_eq!(file.shape(), [2, 3, 4]);
    let array = file.read().unwrap();
    assert_eq!(array.values.into_f64(), counting(1, |i| i as f64));
    let said = |name: &str| npy::Npy::open(&fixture(name)).unwrap_err().to_string();
    assert!(said("fields.npy").contains("each field") && said("fields.npy").contains("fields.npy"));
    assert!(said("missing.npy").contains("missing.npy"));
    assert!(said("").contains("folder"));
    assert!(said("stored.npz").contains("not an npy array"));
}

#[test]
fn what_is_not_numbers_is_refused_with_a_remedy() {
    for (file, remedy) in [
        ("objects.npy", "astype(numpy.float32)"),
        ("complex.npy", "real and imaginary parts"),
        ("text.npy", "labels as integers"),
        ("fields.npy", "each field"),
    ] {
        let error = npy::read(&bytes(file)).unwrap_err().to_string();
        assert!(error.contains(remedy), "{file}: {error}");
    }
}

#[test]
fn what_is_written_here_numpy_wrote_alike() {
    let numpy = bytes("version1.npy");
    let c_order = npy::write(&[2, 3, 4], &counting(1, |i| i)).unwrap();
    // The same header but for the order, and the same length.
    assert_eq!(numpy.len(), c_order.len());
    let header = |b: &[u8]| String::from_utf8_lossy(&b[10..128]).replace("False", "True").replace(' ', "");
    assert_eq!((&numpy[..10], header(&numpy)), (&c_order[..10], header(&c_order)));
    assert!(npy::write(&[2, 3], &[0.0f32; 5]).is_err());
    for shape in [vec![], vec![1], vec![0, 3], vec![2, 2]] {
        let values: Vec<f64> = (0..shape.iter().product::<usize>()).map(|i| i as f64 / 3.0).collect();
        let again = npy::read(&npy::write(&shape, &values).unwrap()).unwrap();
        assert_eq!(again, Array { shape, values: Values::F64(values) });
    }
}

#[test]
fn an_archive_is_a_dataset() {
    let source = Source::Npz(fixture("labelled.npz"));
    let data = load(&source, Limits::default(), &Unwatched).unwrap();
    let train = data.train.as_ref().unwrap();
    assert_eq!((data.name.as_str(), train.len(), data.test.len()), ("labelled", 1, 2));
    assert_eq!((train.y.as_deref(), data.test.y.as_deref()), (Some(&[2][..]), Some(&[0, 2][..])));
    assert_eq!((data.test.shape.as_slice(), data.test.sample(1)[0]), (&[3, 4][..], 12.0));
    assert_eq!(data.class_count(), Some(3));
    let few = load(&source, Limits::test_only(Some(1)), &Unwatched).unwrap();
    assert_eq!((few.train, few.test.len(), few.test.y), (None, 1, Some(vec![0])));
    let plain = load(&Source::Npz(fixture("stored.npz")), Limits::default(), &Unwatched).unwrap();
    assert_eq!((plain.train, plain.test.x[23], plain.test.y), (None, 230.0, Some(vec![1, 0])));
}

/// Saves members as an npz and loads it.
fn load_members(members: &[(&str, Vec<u8>)]) -> Result<neurohm_data::Dataset, DataError> {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.npz");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    for (name, array) in members {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(array).unwrap();
    }
    zip.finish().unwrap();
    load(&Source::Npz(path), Limits::default(), &Unwatched)
}

#[test]
fn arrays_that_make_no_dataset_are_refused_with_the_place() {
    let x = |values: &[f64]| ("x.npy", npy::write(&[2, 1, 2], values).unwrap());
    let good = || x(&[1.0, 2.0, 3.0, 4.0]);
    let y = |shape: &[usize], values: &[f32]| ("y.npy", npy::write(shape, values).unwrap());
    let cases = [
        (vec![x(&[1.0, 2.0, 3.0, f64::NAN])], "`x` is NaN at index [1, 0, 1]"),
        // Finite in the file, but not as an f32.
        (vec![x(&[1.0, 1e300, 3.0, 4.0])], "`x` is inf at index [0, 0, 1]"),
        (vec![("x.npy", npy::write::<f32>(&[0, 4], &[]).unwrap())], "holds no samples"),
        (vec![("x.npy", npy::write(&[], &[1.0f32]).unwrap())], "first dimension must count"),
        (vec![("data.npy", npy::write(&[1], &[1.0f32]).unwrap())], "holds `data`"),
        (vec![], "holds nothing"),
        (vec![good(), y(&[3], &[0.0, 1.0, 2.0])], "`y` has shape [3], but there are 2 samples"),
        (vec![good(), y(&[2], &[0.0, 0.5])], "`y[1]` is 0.5"),
        (vec![good(), y(&[2], &[-1.0, 0.0])], "`y[0]` is -1"),
        (vec![good(), y(&[2], &[1e9, 0.0])], "`y[0]` is 1000000000"),
        (vec![good(), y(&[2, 2], &[0.0, 1.0, 1.0, 1.0])], "which row 1 does not"),
    ];
    for (members, message) in cases {
        let error = load_members(&members).unwrap_err().to_string();
        assert!(error.contains(message), "`{error}` lacks `{message}`");
    }
    let one_hot = load_members(&[good(), y(&[2, 3], &[0.0, 0.0, 1.0, 1.0, 0.0, 0.0])]).unwrap();
    assert_eq!(one_hot.test.y, Some(vec![2, 0]));
}
