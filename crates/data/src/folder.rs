//! A folder of images, `{train,test}/<class>/*.png` or `*.jpg`, all of one size.
//!
//! Classes are the folder names, sorted by their bytes; within a class, files are sorted likewise. Grey
//! images become `[height, width, 1]`; if any image is coloured, all become `[height, width, 3]`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageReader};
use neurohm_num::Watch;
use rayon::prelude::*;

use crate::mnist::Part;
use crate::{DataError, Samples};

const EXTENSIONS: [&str; 3] = ["png", "jpg", "jpeg"];
/// No image of a dataset is larger in either direction.
const MAX_SIDE: u32 = 1 << 14;
/// All pixels together may always need this many bytes ...
const FREE_BYTES: u64 = 1 << 30;
/// ... and this many times what the files hold.
const FREE_RATIO: u64 = 1024;

/// The images of one part, the first `limit` or all, and the classes' names.
///
/// The order takes one image from each class in turn, so that the first few are of every class.
pub fn read(
    folder: &Path,
    part: Part,
    limit: Option<usize>,
    watch: &dyn Watch,
) -> Result<(Samples, Vec<String>), DataError> {
    let root = folder.join(part_name(part));
    let classes = subfolders(&root).map_err(|_| missing(folder, part))?;
    if classes.is_empty() {
        return Err(missing(folder, part));
    }
    let mut files = Vec::with_capacity(classes.len());
    for class in &classes {
        files.push(images(&root.join(class))?);
    }
    let chosen = choose(&files, limit);
    if chosen.is_empty() {
        return Err(missing(folder, part));
    }
    let headers: Vec<Header> = chosen.par_iter().map(|&(_, path)| header(path)).collect::<Result<_, _>>()?;
    let (first, shape) = (chosen[0].1, &headers[0]);
    for (header, (_, path)) in headers.iter().zip(&chosen) {
        if (header.width, header.height) != (shape.width, shape.height) {
            let problem = format!(
                "{} x {} pixels, where {} has {} x {}: all images must have one size, scale them first",
                header.width,
                header.height,
                first.display(),
                shape.width,
                shape.height
            );
            return Err(DataError::content(path, problem));
        }
    }
    let channels = if headers.iter().any(|h| h.colour) { 3 } else { 1 };
    let features = shape.width as usize * shape.height as usize * channels;
    let on_disk: u64 = headers.iter().map(|h| h.bytes).sum();
    let needed = (features as u64).saturating_mul(4).saturating_mul(chosen.len() as u64);
    if needed > FREE_BYTES.max(on_disk.saturating_mul(FREE_RATIO)) || features == 0 {
        let problem = format!(
            "{} images of {} x {} pixels need {needed} bytes",
            chosen.len(),
            shape.width,
            shape.height
        );
        return Err(DataError::content(&root, problem));
    }
    watch.begin(&format!("reading {}", part_name(part)), Some(chosen.len() as u64));
    let mut x = vec![0.0; features * chosen.len()];
    x.par_chunks_mut(features).zip(&chosen).with_min_len(16).try_for_each(|(out, &(_, path))| {
        decode(path, channels, out)?;
        watch.step(1).map_err(DataError::from)
    })?;
    let y = chosen.iter().map(|&(class, _)| class).collect();
    let shape = vec![shape.height as usize, shape.width as usize, channels];
    Ok((Samples { x, shape, y: Some(y) }, classes))
}

/// Whether the folder has the layout.
pub(crate) fn is_here(folder: &Path) -> bool {
    folder.join("test").is_dir()
}

fn part_name(part: Part) -> &'static str {
    match part {
        Part::Train => "train",
        Part::Test => "test",
    }
}

fn missing(folder: &Path, part: Part) -> DataError {
    let part = part_name(part);
    DataError::Missing {
        what: format!("{part} images"),
        folder: folder.to_owned(),
        looked: EXTENSIONS.iter().map(|e| format!("{part}/<class>/*.{e}")).collect(),
        hint: String::new(),
    }
}

/// The names of the folders in `root`, sorted; hidden ones are left out.
fn subfolders(root: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() && !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// The images in `folder`, sorted.
fn images(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(DataError::io(folder))? {
        let path = entry.map_err(DataError::io(folder))?.path();
        let extension =
            path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        let hidden = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
        if EXTENSIONS.contains(&extension.as_str()) && !hidden {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Files with their class, the classes in turn.
fn choose(files: &[Vec<PathBuf>], limit: Option<usize>) -> Vec<(u32, &Path)> {
    let deepest = files.iter().map(Vec::len).max().unwrap_or(0);
    let rounds = (0..deepest).flat_map(|i| {
        files.iter().enumerate().filter_map(move |(class, f)| Some((class as u32, f.get(i)?.as_path())))
    });
    rounds.take(limit.unwrap_or(usize::MAX)).collect()
}

struct Header {
    width: u32,
    height: u32,
    colour: bool,
    bytes: u64,
}

fn reader(path: &Path) -> Result<ImageReader<io::BufReader<fs::File>>, DataError> {
    let open = || ImageReader::open(path)?.with_guessed_format();
    let mut reader = open().map_err(DataError::io(path))?;
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    reader.limits(limits);
    Ok(reader)
}

fn broken(path: &Path) -> impl FnOnce(ImageError) -> DataError {
    let path = path.to_owned();
    move |error| match error {
        ImageError::IoError(e) if e.kind() != io::ErrorKind::UnexpectedEof => {
            DataError::Io { path, source: e }
        }
        e => DataError::content(&path, format!("not an image that can be read: {e}")),
    }
}

fn header(path: &Path) -> Result<Header, DataError> {
    let bytes = fs::metadata(path).map_err(DataError::io(path))?.len();
    let decoder = reader(path)?.into_decoder().map_err(broken(path))?;
    let (width, height) = decoder.dimensions();
    let grey =
        matches!(decoder.color_type(), ColorType::L8 | ColorType::L16 | ColorType::La8 | ColorType::La16);
    Ok(Header { width, height, colour: !grey, bytes })
}

fn decode(path: &Path, channels: usize, out: &mut [f32]) -> Result<(), DataError> {
    let image = reader(path)?.decode().map_err(broken(path))?;
    let byte = |p: u8| f32::from(p) / 255.0;
    let word = |p: u16| f32::from(p) / 65535.0;
    let put = match &image {
        DynamicImage::ImageLuma8(i) => put::<_, 1>(i, channels, byte, out),
        DynamicImage::ImageLumaA8(i) => put::<_, 2>(i, channels, byte, out),
        DynamicImage::ImageRgb8(i) => put::<_, 3>(i, channels, byte, out),
        DynamicImage::ImageRgba8(i) => put::<_, 4>(i, channels, byte, out),
        DynamicImage::ImageLuma16(i) => put::<_, 1>(i, channels, word, out),
        DynamicImage::ImageLumaA16(i) => put::<_, 2>(i, channels, word, out),
        DynamicImage::ImageRgb16(i) => put::<_, 3>(i, channels, word, out),
        DynamicImage::ImageRgba16(i) => put::<_, 4>(i, channels, word, out),
        _ => Err("its pixels are neither 8 nor 16 bits deep"),
    };
    put.map_err(|problem| DataError::content(path, problem))
}

/// Scales pixels of `N` numbers each (grey, grey and alpha, RGB, RGB and alpha) to `channels` numbers in
/// [0, 1]; grey becomes three equal ones where that is asked for.
fn put<T: Copy, const N: usize>(
    pixels: &[T],
    channels: usize,
    scale: impl Fn(T) -> f32,
    out: &mut [f32],
) -> Result<(), &'static str> {
    let (pixels, out) = (pixels.as_chunks::<N>().0, out.chunks_exact_mut(channels));
    if pixels.len() != out.len() || (N > 2 && channels < 3) {
        return Err("the image changed while it was read");
    }
    for (pixel, out) in pixels.iter().zip(out) {
        for (c, out) in out.iter_mut().enumerate() {
            *out = scale(pixel[if N > 2 { c } else { 0 }]);
        }
        if N.is_multiple_of(2) && scale(pixel[N - 1]) < 1.0 {
            return Err("the image is partly transparent: put it on a background first");
        }
    }
    Ok(())
}
