//! Writes small valid files of every format into `corpus/`, from which the fuzzer starts:
//! `cargo run --bin seeds` in this folder.

use std::error::Error;
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use neurohm_data::npy;
use neurohm_nn::models;
use neurohm_num::{Key, Unwatched};
use neurohm_studies::REGISTRY;
use neurohm_study::{Disk, Draft, Effort, execute, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Outcome {
    let images = idx(0x08, &[2, 4, 3], &[7; 24]);
    seed("idx", "images", &images)?;
    seed("idx", "labels", &idx(0x08, &[5], &[0, 1, 2, 3, 4]))?;
    seed("idx", "floats", &idx(0x0d, &[1, 2], &[0x3f, 0x80, 0, 0, 0, 0, 0, 0]))?;
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&images)?;
    seed("idx", "packed", &packed.finish()?)?;

    let floats = npy::write(&[2, 3], &[1.0f32, -2.0, 3.5, 0.0, f32::MAX, 1e-30])?;
    let labels = npy::write(&[2], &[3i64, 9])?;
    let scalar = npy::write(&[], &[true])?;
    let (fortran, half) = (restyle(&floats, "False", "True "), restyle(&floats, "<f4", ">f2"));
    for (name, bytes) in [
        ("floats", &floats),
        ("labels", &labels),
        ("scalar", &scalar),
        ("fortran", &fortran),
        ("half", &half),
    ] {
        seed("npy", name, bytes)?;
    }
    let members: [(&str, &[u8]); 3] = [("x.npy", &fortran), ("y.npy", &labels), ("größe.npy", &scalar)];
    seed("npz", "stored", &zip(&members, CompressionMethod::Stored)?)?;
    seed("npz", "deflated", &zip(&members, CompressionMethod::Deflated)?)?;

    let record: Vec<u8> = (0..3073u32).map(|i| (i % 10) as u8).collect();
    seed("cifar", "one", &record)?;
    seed("cifar", "two", &record.repeat(2))?;

    let key = Key::root(1);
    seed("onnx", "mlp", &neurohm_nn::onnx::write(&models::mlp(&[3, 2], &[4], 2, key))?)?;
    seed("onnx", "resnet", &neurohm_nn::onnx::write(&models::resnet(&[8, 8, 1], &[2, 3], 1, 2, key))?)?;

    for preset in neurohm_device::presets() {
        seed("device_toml", preset.name, preset.toml.as_bytes())?;
    }
    for preset in neurohm_array::chip_presets() {
        seed("chip_toml", preset.name, preset.toml.as_bytes())?;
    }
    for study in REGISTRY {
        let draft = Draft {
            study: Some(study.name().to_string()),
            chip: Some("ideal".to_string()),
            effort: Effort::Smoke,
            ..Draft::default()
        };
        let (study, mut request) = draft.resolve(REGISTRY, &Disk)?;
        seed("request_toml", study.name(), request.description()?.as_bytes())?;
        let changes = format!(
            "study = {:?}\nseed = 7\n[chip]\npreset = \"peer\"\ndevice = \"reram_cmo\"\n[config]\nat = \"1 h\"\n",
            study.name()
        );
        seed("request_toml", &format!("{}-changes", study.name()), changes.as_bytes())?;
        request.chips = 2;
        let record = execute(study, &request, &Disk, &Unwatched)?.record;
        seed("record_json", study.name(), json(&[&record], false)?.as_bytes())?;
        seed("record_json", &format!("{}-card", study.name()), json(&[&record], true)?.as_bytes())?;
    }
    seed("chip_toml", "overlay", b"preset = \"peer\"\ndevice = \"reram_cmo\"\n[tile]\nrows = 128\n")?;
    Ok(())
}

fn seed(target: &str, name: &str, bytes: &[u8]) -> Outcome {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), bytes)?;
    Ok(())
}

fn idx(kind: u8, shape: &[u32], values: &[u8]) -> Vec<u8> {
    let sizes = shape.iter().flat_map(|d| d.to_be_bytes());
    [0, 0, kind, shape.len() as u8].into_iter().chain(sizes).chain(values.iter().copied()).collect()
}

/// The array with another word of the same length in its header.
fn restyle(array: &[u8], from: &str, to: &str) -> Vec<u8> {
    let at = array.windows(from.len()).position(|w| w == from.as_bytes()).unwrap_or(0);
    let mut out = array.to_vec();
    out[at..at + from.len()].copy_from_slice(&to.as_bytes()[..from.len()]);
    if to.ends_with("f2") {
        out.truncate(out.len() - 12);
    }
    out
}

fn zip(members: &[(&str, &[u8])], method: CompressionMethod) -> Outcome<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(method))?;
        zip.write_all(bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}
