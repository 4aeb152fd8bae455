use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::io::Write;

fn plain(text: &str) -> Result<Table, TableError> {
    parse(text.as_bytes(), &Reading::default())
}

fn error(text: &str) -> String {
    plain(text).unwrap_err().to_string()
}

#[test]
fn the_usual_ways_to_write_a_table_read_the_same() {
    let expected = [1e-3, 2e-3];
    for text in [
        "time_s,voltage_v,current_ma\n0,0.5,1\n1,0.6,2\n",
        "time_s\tvoltage_v\tcurrent_ma\n0\t0.5\t1\n1\t0.6\t2",
        "Time [s]; Voltage [V]; I (mA)\r\n0; 0,5; 1,0\r\n1; 0,6; 2,0\r\n",
        "\u{feff}t/s, V/V, I/mA\n0, 0.5, 1\n1, 0.6, 2\n",
        "# a comment\n\n# t_s V_v Current_mA\n0 0.5 1\n1   0.6   2\n\n",
        "time,voltage,current\ns,V,mA\n0,0.5,1\n1,0.6,2\n",
        "time,voltage,current\n0 s,0.5 V,1 mA\n1 s,0.6 V,2 mA\n",
        "\"Time, s\",\"Cell voltage (V)\",\"Current, mA\"\n0,0.5,1\n1,0.6,2\n",
        "time_s,voltage_v,current_ma,\n0,0.5,1,\n1,0.6,2,\n",
        "% capitals\nTIME_S,VOLTAGE_V,CURRENT_MA\n0,0.5,1\n1,0.6,2\n",
    ] {
        let table = plain(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        let current = table.values(Quantity::Current).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(current, expected, "{text}");
        assert_eq!(table.values(Quantity::Voltage).unwrap(), [0.5, 0.6], "{text}");
        assert_eq!(table.values(Quantity::Time).unwrap(), [0.0, 1.0], "{text}");
    }
}

#[test]
fn a_unit_of_another_dimension_in_a_header_is_told_with_its_column() {
    let table = plain("time_s,voltage_v,current_ohm\n0,1,2\n1,2,3\n").unwrap();
    let message = table.values(Quantity::Current).unwrap_err().to_string();
    assert!(message.contains("current_ohm") && message.contains("ohm"), "{message}");
    // A minimum is no minute.
    let table = plain("time_s,voltage_v,current_min\n0,1,0.002\n1,2,0.003\n").unwrap();
    assert_eq!(table.values(Quantity::Current).unwrap(), [0.002, 0.003]);
}

#[test]
fn micro_signs_and_latin_1_are_read() {
    for text in
        ["V (V),I (µA)\n1,2\n3,4\n".as_bytes(), b"V (V),I (\xb5A)\n1,2\n3,4\n", b"V,I (uA)\r1,2\r3,4\r"]
    {
        let table = parse(text, &Reading::default()).unwrap();
        assert_eq!(table.values(Quantity::Current).unwrap(), [2e-6, 4e-6]);
    }
    let table = plain("temp (°C),R [kΩ]\n85,1.5\n125,2\n").unwrap();
    assert_eq!(table.values(Quantity::Temperature).unwrap(), [358.15, 398.15]);
    assert_eq!(table.values(Quantity::Resistance).unwrap(), [1500.0, 2000.0]);
}

#[test]
fn a_file_without_header_asks_for_names_and_units() {
    // As the Knowm board writes: voltage in volts, current in microampere.
    let text = "0.24,36.5\n0.23,42.9\n";
    let table = plain(text).unwrap();
    let asked = table.values(Quantity::Voltage).unwrap_err().to_string();
    assert!(asked.contains("--columns voltage,-") && asked.contains("0.24, 36.5"), "{asked}");
    let reading = Reading::default().with_columns("voltage,current").unwrap();
    let table = parse(text.as_bytes(), &reading).unwrap();
    let (voltage, note) = table.values_noted(Quantity::Voltage).unwrap();
    assert_eq!(voltage, [0.24, 0.23]);
    assert!(note.unwrap().contains("taken to be in V"));
    let asked = table.values(Quantity::Current).unwrap_err().to_string();
    assert!(asked.contains("--unit current=uA") && asked.contains("column 2"), "{asked}");
    let table = parse(text.as_bytes(), &reading.with_unit("current=uA").unwrap()).unwrap();
    assert_eq!(table.values(Quantity::Current).unwrap(), [36.5e-6, 42.9e-6]);
}

#[test]
fn columns_can_be_named_by_header_or_number() {
    let text = "a,b,c\n1,2,3\n4,5,6\n";
    let asked = plain(text).unwrap().values(Quantity::Current).unwrap_err().to_string();
    assert!(asked.contains("`a`, `b`, `c`") && asked.contains("--columns current=1"), "{asked}");
    let reading = Reading::default().with_columns("voltage=B, current=3").unwrap();
    let table = parse(text.as_bytes(), &reading).unwrap();
    assert_eq!(table.values(Quantity::Voltage).unwrap(), [2.0, 5.0]);
    // 6 A without a unit is not believed; the column's own name takes one too.
    assert!(table.values(Quantity::Current).is_err());
    let table = parse(text.as_bytes(), &reading.with_unit("c=uA").unwrap()).unwrap();
    assert_eq!(table.values(Quantity::Current).unwrap(), [3e-6, 6e-6]);
    let refused = |text: &str| Reading::default().with_columns(text).unwrap_err().to_string();
    assert!(refused("volts,current").contains("`volts` in --columns is no quantity"));
    assert!(refused("time,time").contains("twice"));
    let missing = Reading::default().with_columns("voltage=7").unwrap();
    let asked = parse(text.as_bytes(), &missing).unwrap_err().to_string();
    assert!(asked.contains("column 7") && asked.contains("3 columns"), "{asked}");
    assert!(
        Reading::default().with_unit("current=kg").unwrap_err().to_string().contains("no unit of current")
    );
    // Two columns of one quantity: the user has to choose.
    assert!(!plain("V1 (V),V2 (V),I (uA)\n1,2,3\n1,2,3\n").unwrap().has(Quantity::Voltage));
}

#[test]
fn what_is_wrong_is_said_with_row_and_column() {
    let head = "time_s,voltage_v,current_a\n0,0.1,1e-6\n";
    for (rows, expected) in [
        ("1,,2e-6\n", "row 2 (line 3), column 2 `voltage_v`: the cell is empty"),
        ("1,abc,2e-6\n", "row 2 (line 3), column 2 `voltage_v`: `abc` is no number"),
        ("1,0.2,NaN\n", "row 2 (line 3), column 3 `current_a`: `NaN` is no measurement"),
        ("1,0.2,inf\n", "row 2 (line 3), column 3 `current_a`: `inf` is no measurement"),
        ("1,0.2,1e999\n", "row 2 (line 3), column 3 `current_a`: `1e999` is no number"),
        (
            "1,0.2,3 mA\n",
            "row 2 (line 3), column 3 `current_a`: `3 mA` is in mA, and the rows above have no unit",
        ),
        ("# fine\n1,0.2\n", "row 2 (line 4), it has 2 cells where the first row has 3"),
        ("1,0.2,1e-6,7\n", "row 2 (line 3), it has 4 cells where the first row has 3"),
    ] {
        let got = error(&format!("{head}{rows}"));
        assert!(got.starts_with(expected), "{rows}: {got}");
    }
    let mixed = error("voltage,current\n1 V,1 uA\n2 V,1 mA\n");
    assert!(
        mixed.contains("row 2 (line 3), column 2 `current`") && mixed.contains("units are mixed"),
        "{mixed}"
    );
    assert!(error("current\n1\n2\n").contains("column 1 `current`: the file has one column"));
    assert!(error("1\n2\n").contains("one column"));
    for nothing in ["", "\n\n", "# only\n"] {
        assert!(error(nothing).contains("holds no data"), "{nothing:?}");
    }
    assert!(error("voltage,current\n").contains("a header and no data"));
    let binary = parse(b"\x89PNG\0\0,1\n", &Reading::default()).unwrap_err().to_string();
    assert!(binary.contains("line 1: the file is binary"), "{binary}");
    let wide = parse(b"\xff\xfev\0,\0", &Reading::default()).unwrap_err().to_string();
    assert!(wide.contains("UTF-16"), "{wide}");
}

#[test]
fn a_decimal_comma_is_read_where_it_can_be_nothing_else() {
    let table = plain("0,25;1,5\n0,5;2\n").unwrap();
    assert_eq!(table.columns()[0].raw, [0.25, 0.5]);
    assert!(error("1,250;3\n2,500;4\n").contains("could mark thousands or decimals"));
    assert_eq!(plain("1,250;3\n2,5;4\n").unwrap().columns()[0].raw, [1.25, 2.5]);
}

#[test]
fn packed_tables_are_unpacked_and_bombs_refused() {
    // As the relaxation data: no header, tabs, gzip.
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(b"32768\t0.0\t121036.8\t8.26e-06\n32769\t0.5\t20759.5\t4.8e-05\n").unwrap();
    let packed = packed.finish().unwrap();
    let reading = Reading::default().with_columns("cell,time,resistance,conductance").unwrap();
    let table = parse(&packed, &reading).unwrap();
    assert_eq!(table.values(Quantity::Conductance).unwrap(), [8.26e-6, 4.8e-5]);
    assert_eq!(table.values(Quantity::Cell).unwrap(), [32768.0, 32769.0]);
    let cut = parse(&packed[..packed.len() / 2], &reading);
    assert!(cut.is_err());
    // A line that never ends is no table, however small the file.
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..80 {
        bomb.write_all(&vec![b'1'; 1 << 20]).unwrap();
    }
    let refused = parse(&bomb.finish().unwrap(), &reading).unwrap_err().to_string();
    assert!(refused.contains("longer than"), "{refused}");
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes, &Reading::default());
    }

    #[test]
    fn no_text_of_a_table_panics(text in "[-0-9.,;\t \neE\"#aVIu()\\[\\]µ/_]{0,200}") {
        if let Ok(table) = parse(text.as_bytes(), &Reading::default()) {
            prop_assert!(table.columns().iter().all(|c| c.raw.len() == table.rows()));
            for quantity in Quantity::ALL {
                let _ = table.values(quantity);
            }
        }
    }

    #[test]
    fn numbers_survive(values in proptest::collection::vec((-1e6..1e6_f64, -1e-3..1e-3_f64), 1..50)) {
        let mut text = String::from("voltage_v,current_a\n");
        values.iter().for_each(|(v, i)| text.push_str(&format!("{v:e},{i:e}\n")));
        let table = parse(text.as_bytes(), &Reading::default()).unwrap();
        prop_assert_eq!(table.values(Quantity::Current).unwrap(), values.iter().map(|v| v.1).collect::<Vec<_>>());
    }
}

#[test]
fn temperatures_without_a_unit_are_refused() {
    let text = "time_s,temperature\n1,100\n2,260\n";
    let refused = plain(text).unwrap().values(Quantity::Temperature).unwrap_err().to_string();
    for words in ["column 2 `temperature`", "--unit temperature=C", "--unit temperature=K"] {
        assert!(refused.contains(words), "{refused}");
    }
    for (unit, first) in [("temperature=C", 373.15), ("temperature=K", 100.0)] {
        let table = parse(text.as_bytes(), &Reading::default().with_unit(unit).unwrap()).unwrap();
        assert_eq!(table.values(Quantity::Temperature).unwrap()[0], first);
    }
}

#[test]
fn a_unit_in_the_header_of_an_unknown_column_holds_once_the_column_is_named() {
    for (header, columns) in [
        ("Ch1 (V),Ch2 (uA)", "voltage=Ch1 (V),current=Ch2 (uA)"),
        ("drive_mV,cur_uA", "voltage=drive_mV,current=2"),
        ("drive [mV],meas [uA]", "voltage=1,current=2"),
    ] {
        let reading = Reading::default().with_columns(columns).unwrap();
        let table = parse(format!("{header}\n1,2\n2,3\n").as_bytes(), &reading).unwrap();
        let (current, note) = table.values_noted(Quantity::Current).unwrap();
        assert_eq!((current, note), (vec![2e-6, 3e-6], None), "{header}");
        let volts = if header.contains("mV") { 1e-3 } else { 1.0 };
        assert_eq!(table.values(Quantity::Voltage).unwrap()[0], volts, "{header}");
    }
    // A unit of something else is told, not dropped.
    let reading = Reading::default().with_columns("voltage=1,current=2").unwrap();
    let table = parse(b"Ch1 (V),Ch2 (ms)\n1,2\n2,3\n", &reading).unwrap();
    assert!(table.values(Quantity::Current).unwrap_err().to_string().contains("ms"));
}

#[test]
fn an_empty_line_between_rows_is_remembered_and_one_at_an_end_is_not() {
    let line = |text: &str| parse(text.as_bytes(), &Reading::default()).unwrap().blank_line();
    assert_eq!(line("t,v\n1,2\n2,3\n\n4,5\n"), Some(4));
    assert_eq!(line("\nt,v\n\n1,2\n2,3\n4,5\n\n\n"), None);
    let long: String = (0..2000).map(|n| if n == 1500 { "\n".into() } else { format!("{n},1\n") }).collect();
    assert_eq!(line(&long), Some(1501));
}
