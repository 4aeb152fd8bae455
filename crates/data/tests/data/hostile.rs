//! Damaged and hostile bytes give errors: never a panic, never memory that the bytes do not account for.
//! The fuzz targets in `fuzz/` hold the same properties against more.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use neurohm_data::npz::Npz;
use neurohm_data::{Array, Samples, cifar, idx, npy};
use proptest::prelude::*;
use zip::CompressionMethod::{Deflated, Stored};

fn idx_file(kind: u8, shape: &[u32], values: &[u8]) -> Vec<u8> {
    let sizes = shape.iter().flat_map(|d| d.to_be_bytes());
    [0, 0, kind, shape.len() as u8].into_iter().chain(sizes).chain(values.iter().copied()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn zip_file(members: &[(&str, &[u8])], method: zip::CompressionMethod) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, zip::write::SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn whole(array: &Array) -> bool {
    array.shape.iter().product::<usize>() == array.values.len()
}

fn check_npz(bytes: &[u8]) {
    let Ok(mut npz) = Npz::open(Cursor::new(bytes)) else { return };
    for name in npz.names().to_vec() {
        assert!(npz.get(&name).ok().flatten().is_none_or(|a| whole(&a)));
    }
}

fn valid_files() -> Vec<Vec<u8>> {
    let images = idx_file(8, &[2, 3, 4], &[9; 24]);
    let floats = npy::write(&[2, 3], &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    let labels = npy::write(&[2], &[3i64, 4]).unwrap();
    let members: [(&str, &[u8]); 2] = [("x.npy", &floats), ("größe.npy", &labels)];
    let record: Vec<u8> = (0..3073u32).map(|i| (i % 10) as u8).collect();
    vec![
        gzip(&images),
        images,
        idx_file(0x0e, &[1, 2], &[1; 16]),
        zip_file(&members, Stored),
        zip_file(&members, Deflated),
        floats,
        labels,
        record,
    ]
}

/// Everything that reads bytes.
fn read_all_ways(bytes: &[u8]) {
    assert!(idx::read(bytes).is_ok_and(|a| whole(&a)) || idx::read(bytes).is_err());
    assert!(idx::read_first(bytes, Some(1)).ok().is_none_or(|a| whole(&a)));
    assert!(npy::read(bytes).ok().is_none_or(|a| whole(&a)));
    check_npz(bytes);
    let mut samples = Samples::default();
    if cifar::read_batch(bytes, &mut samples, None).is_ok() {
        assert!(samples.y.unwrap_or_default().iter().all(|&label| label < 10));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn mutated_files_never_panic(
        file in prop::sample::select(valid_files()),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in prop::option::weighted(0.3, any::<prop::sample::Index>()),
        tail in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        let mut bytes = file;
        for (at, value) in edits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes.extend(tail);
        read_all_ways(&bytes);
    }

    #[test]
    fn any_header_text_is_read_or_refused(text in "[{}()',:a-z_ <>|0-9FT.]{0,80}") {
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': (2,), {text}}}");
        for header in [text, header] {
            let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
            bytes.extend((header.len() as u16).to_le_bytes());
            bytes.extend(header.as_bytes());
            bytes.extend([0; 8]);
            prop_assert!(npy::read(&bytes).ok().is_none_or(|a| whole(&a)));
        }
    }

    #[test]
    fn arrays_survive_writing_and_reading(
        shape in prop::collection::vec(0usize..5, 0..4),
        seed in any::<i64>(),
    ) {
        let count = shape.iter().product::<usize>();
        let values: Vec<i64> = (0..count as i64).map(|i| i.wrapping_mul(seed)).collect();
        let array = npy::read(&npy::write(&shape, &values).unwrap()).unwrap();
        prop_assert_eq!(array, Array { shape, values: values.into() });
    }
}

#[test]
fn every_truncation_of_every_file_is_an_error() {
    for file in valid_files() {
        for length in 0..file.len() {
            let cut = &file[..length];
            read_all_ways(cut);
            assert!(idx::read(cut).is_err() && npy::read(cut).is_err(), "{length} of {}", file.len());
            let mut samples = Samples::default();
            assert!(cifar::read_batch(cut, &mut samples, None).is_err());
        }
    }
}

#[test]
fn declared_sizes_are_checked_before_memory_is_asked_for() {
    let huge = idx_file(8, &[u32::MAX, u32::MAX], &[1; 64]);
    assert!(idx::read(&huge).unwrap_err().problem.contains("declares"));
    assert!(idx::read(&gzip(&huge)).unwrap_err().problem.contains("may unpack to"));
    assert!(idx::read(&idx_file(8, &[u32::MAX; 9], &[])).unwrap_err().problem.contains("declares"));
    let npy = |shape: &str| {
        let header = format!("{{'descr': '<f8', 'fortran_order': True, 'shape': ({shape}), }}\n");
        let mut bytes = b"\x93NUMPY\x02\x00".to_vec();
        bytes.extend((header.len() as u32).to_le_bytes());
        bytes.extend(header.as_bytes());
        npy::read(&bytes).unwrap_err().problem
    };
    assert!(npy("999999999999,").contains("declares 7999999999992 bytes"));
    assert!(npy("4294967296, 4294967296").contains("does not fit into memory"));
    // A zero does not excuse the rest: other products of the sizes would overflow.
    assert!(npy("0, 4294967296, 4294967296").contains("does not fit into memory"));
    assert!(npy("18446744073709551616,").contains("does not fit into memory"));
    assert!(npy(&"1,".repeat(65)).contains("more than 64 dimensions"));
    let long = [b"\x93NUMPY\x03\x00".as_slice(), &u32::MAX.to_le_bytes()].concat();
    assert!(npy::read(&long).unwrap_err().problem.contains("header"));
}

#[test]
fn bombs_are_bounded() {
    // 1.2 GB of zeros in 1.2 MB: more than 1 GiB, and more than 64 times the file.
    let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (1200000000,), }\n";
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("x.npy", zip::write::SimpleFileOptions::default().compression_method(Deflated)).unwrap();
    zip.write_all(b"\x93NUMPY\x01\x00").unwrap();
    zip.write_all(&(header.len() as u16).to_le_bytes()).unwrap();
    zip.write_all(header.as_bytes()).unwrap();
    for _ in 0..1200 {
        zip.write_all(&vec![0; 1_000_000]).unwrap();
    }
    let bomb = zip.finish().unwrap().into_inner();
    assert!(bomb.len() < 2_000_000);
    let error = Npz::open(Cursor::new(&bomb)).unwrap().get("x").unwrap_err();
    assert!(error.problem.contains("may unpack to") && error.problem.contains("member `x`"), "{error}");
    assert_eq!(error.offset, 10 + header.len() as u64);
}

#[test]
fn errors_say_where_and_what() {
    let problem = |bytes: &[u8]| idx::read(bytes).unwrap_err().to_string();
    assert!(problem(b"GIF89a..").starts_with("byte 0: this is not an IDX file"));
    assert!(problem(&[0, 0, 7, 0, 0]).starts_with("byte 2: IDX type 0x07"));
    assert!(problem(&idx_file(8, &[3], &[1, 2, 3, 4])).starts_with("byte 11: more bytes follow"));
    let mut packed = gzip(&idx_file(8, &[100], &[1; 100]));
    let end = packed.len() - 6;
    packed[end] ^= 1;
    assert!(problem(&packed).contains("cannot unpack"), "{}", problem(&packed));
    let error =
        |bytes: &[u8]| cifar::read_batch(bytes, &mut Samples::default(), None).unwrap_err().to_string();
    assert!(error(&[0; 3074]).starts_with("byte 3073: 3074 bytes are 1 records"));
    let mut two = vec![0; 2 * 3073];
    two[3073] = 10;
    assert!(error(&two).starts_with("byte 3073: record 1 has label 10"));
    let stored = zip_file(&[("x.npy", b"hello")], Stored);
    let error = Npz::open(Cursor::new(stored)).unwrap().get("x").unwrap_err().to_string();
    assert!(error.contains("in member `x`"), "{error}");
    assert!(Npz::open(Cursor::new(b"hello")).unwrap_err().to_string().contains("no npz"));
}
