use super::*;

fn dense(rows: u64, columns: u64) -> Layer {
    Layer::dense("x", rows, columns, None)
}

fn named(layers: &[Layer], batch: u64, name: &str) -> Baseline {
    baselines(layers, batch).unwrap().into_iter().find(|b| b.name == name).unwrap()
}

/// A systolic array, unit by unit and cycle by cycle: when the last sum of the last pass is done.
fn simulated(passes: u64, products: u64, rows: usize, columns: usize) -> u64 {
    // Input `n` of the whole enters row 0 at `start[n]`; row r is one cycle later for each row, column c for each column.
    let mut starts = Vec::new();
    let mut at = rows as u64; // The first block comes in, a row a cycle.
    for _ in 0..passes {
        starts.extend((0..products).map(|p| at + p));
        // The next block needs a cycle a row to come in beside the one in use.
        at += products.max(rows as u64);
    }
    let mut inputs: Vec<Vec<Option<usize>>> = vec![vec![None; columns]; rows];
    let (mut done, mut cycle, mut finished) = (0, 0, 0);
    while done < starts.len() {
        for r in 0..rows {
            for c in (1..columns).rev() {
                inputs[r][c] = inputs[r][c - 1];
            }
            inputs[r][0] = starts.iter().position(|s| *s + r as u64 == cycle);
        }
        cycle += 1;
        if inputs[rows - 1][columns - 1].is_some() {
            done += 1;
            finished = cycle;
        }
    }
    finished
}

#[test]
fn cycles_are_those_of_an_array_simulated_unit_by_unit() {
    for (passes, products, rows, columns) in
        [(1, 1, 4, 4), (1, 9, 3, 5), (3, 7, 4, 2), (3, 2, 5, 4), (4, 6, 6, 1)]
    {
        let found = cycles(passes, products, rows as u64, columns as u64);
        assert_eq!(found, simulated(passes, products, rows, columns), "{passes} {products} {rows} {columns}");
    }
    assert_eq!(cycles(0, 5, 3, 3), 0);
}

#[test]
fn a_full_array_with_many_products_works_all_the_time_and_a_thin_one_does_not() {
    let full = Layer { products: 100_000, values_in: 1, ..dense(128, 128) };
    assert!(named(&[full], 1, "systolic").utilisation.unwrap() > 0.99);
    // One product: 128 cycles to bring weights in, 255 for it to come through, 128 x 128 of 383 x 128 x 128.
    let found = named(&[dense(128, 128)], 1, "systolic").utilisation.unwrap();
    assert!((found - 1.0 / 383.0).abs() < 1e-12, "{found}");
    for (rows, columns) in [(1, 1), (130, 7), (5000, 3000)] {
        let used = named(&[dense(rows, columns)], 1, "systolic").utilisation.unwrap();
        assert!(used > 0.0 && used <= 1.0);
    }
}

#[test]
fn moving_a_weight_costs_hundreds_of_times_its_multiplication() {
    // Horowitz: 64 bits from DRAM for 1.3 nJ are 162.5 pJ a byte; an int8 product and an int32 sum 0.3 pJ.
    let found = named(&[dense(1000, 1000)], 1, "von_neumann");
    let of = |name: &str| found.parts.iter().find(|p| p.name == name).unwrap().energy_j;
    assert!((of("weights from DRAM") / of("multiply-accumulate") - 162.5 / 0.3).abs() < 1e-6);
    assert!((of("multiply-accumulate") / 1e6 - 0.3e-12).abs() < 1e-24);
    // The review's ratio of a multiplication to an addition, 3 to 4, is the floating-point one: int8 has 0.2 to 0.1.
    let sum: f64 = found.parts.iter().map(|p| p.energy_j).sum();
    assert_eq!(sum, found.energy_j());
}

#[test]
fn a_batch_shares_the_fetching_of_weights_and_nothing_else() {
    let layers = [dense(300, 200)];
    for name in ["von_neumann", "systolic"] {
        let (one, ten) = (named(&layers, 1, name), named(&layers, 10, name));
        for (a, b) in one.parts.iter().zip(&ten.parts) {
            let factor = if a.name.starts_with("weights") { 10.0 } else { 1.0 };
            assert!((a.energy_j / b.energy_j - factor).abs() < 1e-9, "{name} {}", a.name);
        }
        assert!(ten.time_s <= one.time_s);
    }
}

#[test]
fn charge_based_cells_forget_and_say_what_that_costs() {
    let layers = [dense(1000, 1000)];
    // 8e6 bits that leak 20.1 nW each.
    assert!((named(&layers, 1, "charge_sram").idle_w / (8e6 * 20.1e-9) - 1.0).abs() < 1e-9);
    let dram = named(&layers, 1, "charge_dram");
    assert!((dram.idle_w / (8e6 * 0.15e-12 / 64e-3) - 1.0).abs() < 1e-9);
    // 64 binary products of 3.04 fJ: 658 TOPS/W of binary operations is 10.3 of 8-bit ones.
    let sram = named(&layers, 1, "charge_sram");
    let tops_per_watt = 2.0 * 1e6 / sram.parts[0].energy_j * 1e-12;
    assert!((tops_per_watt - 658.0 / 64.0).abs() < 0.02, "{tops_per_watt}");
}

#[test]
fn nothing_to_compare_is_an_error() {
    assert!(baselines(&[], 1).unwrap_err().to_string().contains("no layer"));
    assert!(baselines(&[dense(1, 1)], 0).unwrap_err().to_string().contains("batch"));
    assert!(baselines(&[dense(0, 1)], 1).unwrap_err().to_string().contains("layer 0 `x`"));
}
