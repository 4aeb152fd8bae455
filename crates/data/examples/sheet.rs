//! Draws a contact sheet of generated digits: `cargo run -p neurohm-data --example sheet -- FILE.png [SEED]`.

use std::process::ExitCode;

use image::{GrayImage, Luma};
use neurohm_data::mnist::Part;
use neurohm_data::strokes::{self, SIDE};
use neurohm_num::Unwatched;

const COLUMNS: usize = 25;
const ROWS: usize = 16;
const ZOOM: usize = 2;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let Some(path) = args.next() else { return ExitCode::from(2) };
    let seed = args.next().and_then(|s| s.parse().ok()).unwrap_or(1);
    let Ok(digits) = strokes::generate(seed, Part::Train, 0..(COLUMNS * ROWS) as u64, &Unwatched) else {
        return ExitCode::FAILURE;
    };
    let mut order: Vec<usize> = (0..digits.len()).collect();
    if let Some(labels) = &digits.y {
        order.sort_by_key(|&i| labels[i]);
    }
    let cell = SIDE * ZOOM;
    let mut sheet = GrayImage::new((COLUMNS * cell) as u32, (ROWS * cell) as u32);
    for (x, y, pixel) in sheet.enumerate_pixels_mut() {
        let (x, y) = (x as usize, y as usize);
        let sample = order[y / cell * COLUMNS + x / cell];
        let value = digits.sample(sample)[y % cell / ZOOM * SIDE + x % cell / ZOOM];
        *pixel = Luma([(255.0 * value) as u8]);
    }
    if sheet.save(path).is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
