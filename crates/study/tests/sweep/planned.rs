//! What is planned, and what is refused.

use neurohm_study::sweep::{self, Plan, Saved};

use super::ruler::Files;
use super::{STUDIES, alone, plan, refused, text};

const GRID: &str = "[[axis]]\npath = \"chip.output_noise\"\nvalues = [0.01, 0.02]\n[[axis]]\npath = \"seed\"\nfrom = 1\nto = 3\n";

#[test]
fn a_plan_is_what_its_file_says_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let first = plan(GRID).unwrap();
    assert_eq!((first.points(), first.chunks(), first.chunk_size(), first.preparations()), (6, 6, 1, 1));
    assert_eq!(first.words(4), "output_noise = 0.02, seed = 2");
    assert_eq!(first.save(dir.path()).unwrap(), Saved::New);
    assert_eq!(plan(GRID).unwrap().save(dir.path()).unwrap(), Saved::AlreadyThere);
    let opened = Plan::open(dir.path(), STUDIES).unwrap();
    assert_eq!((opened.id(), opened.points(), opened.words(4)), (first.id(), 6, first.words(4)));

    let other = plan(&format!("{GRID}[sweep]\nchunk = 4\n")).unwrap();
    assert_eq!((other.chunks(), other.chunk_size()), (2, 4));
    let e = other.save(dir.path()).unwrap_err().to_string();
    assert!(
        e.contains("holds another plan (of s.toml, 6 points)") && e.contains("name another folder"),
        "{e}"
    );
}

#[test]
fn a_plan_that_was_touched_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    plan(GRID).unwrap().save(dir.path()).unwrap();
    let file = dir.path().join("plan.json");
    let whole = std::fs::read_to_string(&file).unwrap();
    let opened = |text: &str| {
        std::fs::write(&file, text).unwrap();
        Plan::open(dir.path(), STUDIES).map(|_| ()).unwrap_err().to_string()
    };
    let e = opened(&whole.replace("0.02", "0.03"));
    assert!(e.contains("edited or is damaged") && e.contains("plan the sweep anew"), "{e}");
    for damaged in ["", "{}", &whole[..whole.len() / 2]] {
        let e = opened(damaged);
        assert!(e.contains("no plan of a sweep, or damaged"), "{e}");
    }
    let e = opened(&whole.replace("\"format\": 1", "\"format\": 7"));
    assert!(e.contains("its format is 7, and this version reads 1"), "{e}");
    std::fs::remove_file(&file).unwrap();
    let e = Plan::open(dir.path(), STUDIES).map(|_| ()).unwrap_err().to_string();
    assert!(e.contains("there is no plan; `neurohm sweep plan"), "{e}");
}

/// The plan's digest is over its JSON with sorted keys and no spaces, as every id's is.
#[test]
fn another_version_or_instruction_set_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    plan(GRID).unwrap().save(dir.path()).unwrap();
    let file = dir.path().join("plan.json");
    let whole: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let with = |key: &str, value: &str| {
        let mut changed = whole.clone();
        changed[key] = value.into();
        changed["id"] = "".into();
        changed["id"] = neurohm_study::digest(&changed).into();
        std::fs::write(&file, changed.to_string()).unwrap();
        Plan::open(dir.path(), STUDIES)
    };
    let e = with("version", "0.0.1").map(|_| ()).unwrap_err().to_string();
    assert!(e.contains("planned with neurohm 0.0.1") && e.contains("does not mix versions"), "{e}");
    // What another machine planned can be looked at, and not gone on with.
    let e = with("isa", "abacus").unwrap().check_machine().unwrap_err().to_string();
    assert!(e.contains("for the instruction set abacus") && e.contains("does not mix"), "{e}");
}

#[test]
fn points_have_the_ids_of_their_descriptions() {
    let dir = tempfile::tempdir().unwrap();
    let planned = plan(GRID).unwrap();
    planned.save(dir.path()).unwrap();
    super::run(&planned, dir.path(), &Files::default()).unwrap();
    let found = sweep::collect(&planned, dir.path(), &[], "").unwrap().finding;
    let points = found.files.iter().find(|(name, _)| name == "points.csv").unwrap();
    let (_, rows) = super::csv(std::str::from_utf8(&points.1).unwrap());
    for row in rows {
        let set = [format!("chip.output_noise={}", row[3]), format!("seed={}", row[4])];
        assert_eq!(row[1], alone("", &set, &Files::default()).id);
    }
}

#[test]
fn settings_that_move_together_and_names() {
    let two = "[[axis]]\nname = \"noise\"\nnames = [\"quiet\", \"loud\"]\ntogether = [\n  { path = \"chip.output_noise\", values = [0.01, 0.02] },\n  { path = \"chip.input_noise\", values = [0.03, 0.04] },\n]\n";
    let planned = plan(two).unwrap();
    assert_eq!((planned.points(), planned.words(1)), (2, "noise = loud".to_string()));
    assert_eq!(planned.axes().collect::<Vec<_>>(), [("noise", Some(2))]);
    let e = refused(&two.replace("[0.03, 0.04]", "[0.03]"));
    assert!(e.starts_with("s.toml:11:3: axis[0].together[1]: "), "{e}");
    assert!(e.contains("chip.output_noise has 2 values, chip.input_noise has 1 values"), "{e}");
    let e = refused(&two.replace("\"quiet\", ", ""));
    assert!(e.contains("axis[0].names: 1 names for 2 values"), "{e}");
    let e = refused(&two.replace("chip.input_noise", "chip.output_noise"));
    assert!(e.contains("chip.output_noise is swept twice"), "{e}");
}

#[test]
fn ranges_have_units_scales_and_exact_ends() {
    let words = |axis: &str| {
        let planned = plan(&format!("[[axis]]\n{axis}\n")).unwrap();
        (0..planned.points()).map(|p| planned.words(p)).collect::<Vec<_>>()
    };
    let of = |path: &str, values: &[&str]| values.iter().map(|v| format!("{path} = {v}")).collect::<Vec<_>>();
    let log = words("path = \"config.luck\"\nfrom = 0.001\nto = 0.1\npoints = 3\nscale = \"log\"");
    assert_eq!(log, of("luck", &["0.001", "0.01", "0.1"]));
    let linear = words("path = \"config.offset\"\nfrom = 0.1\nto = 0.4\npoints = 4");
    assert_eq!(linear, of("offset", &["0.1", "0.2", "0.3", "0.4"]));
    let whole = words("path = \"chips\"\nfrom = 2\nto = 32\npoints = 5\nscale = \"log\"");
    assert_eq!(whole, of("chips", &["2", "4", "8", "16", "32"]));
    let quantities = "[chip.device.cell]\ng_min = \"0 S\"\n[[axis]]\npath = \"chip.device.cell.g_max\"\nfrom = \"10 uS\"\nto = \"1 mS\"\npoints = 3\nscale = \"log\"\n";
    let planned = plan(quantities);
    let planned = planned.unwrap();
    let shown: Vec<String> = (0..3).map(|p| planned.words(p)).collect();
    assert_eq!(shown, of("device.cell.g_max", &["10 uS", "100 uS", "1 mS"]));
}

#[test]
fn a_sweep_over_devices_keeps_their_files() {
    let device = "name = \"mine\"\n[cell]\ng_min = \"0 S\"\ng_max = \"30 uS\"\n";
    let files = Files::of([("./mine.toml", device)]);
    let axis = "[[axis]]\npath = \"chip.device\"\nvalues = [\"ideal\", \"./mine.toml\"]\n";
    let planned = sweep::plan(&text(axis), "s.toml", STUDIES, &files).unwrap();
    let dir = tempfile::tempdir().unwrap();
    planned.save(dir.path()).unwrap();
    // The file may go: the plan has it.
    let opened = Plan::open(dir.path(), STUDIES).unwrap();
    assert_eq!(super::run(&opened, dir.path(), &Files::default()).unwrap().count(sweep::State::Done), 2);
}

#[test]
fn mistakes_are_told_with_line_column_and_the_nearest_name() {
    for (more, start, part) in [
        ("", "s.toml: ", "there is no axis"),
        ("[[axis]]\nvalues = [1]", "s.toml:6:1: axis[0]: ", "needs the path of a setting"),
        (
            "[[axis]]\npath = \"chip.output_nois\"\nvalues = [0.1]",
            "s.toml:7:1: chip.output_nois: ",
            "did you mean `output_noise`?",
        ),
        (
            "[[axis]]\npath = \"config.lukc\"\nvalues = [0.1]",
            "s.toml:7:1: config.lukc: ",
            "did you mean `luck`?",
        ),
        (
            "[[axis]]\npath = \"config.luck\"\nvalues = [0.1, \"x\"]",
            "s.toml:8:16: config.luck: ",
            "point 1: luck = x",
        ),
        (
            "[[axis]]\npath = \"config.luck\"\nvalues = [0.1, -1.0]",
            "s.toml:8:16: config.luck: ",
            "luck is below zero (point 1",
        ),
        (
            "[[axis]]\npath = \"config.breaks\"\nvalues = [\"not\", \"by_eror\"]",
            "s.toml:8:18: config.breaks: ",
            "did you mean `by_error`?",
        ),
        (
            "[[axis]]\npath = \"chip.device\"\nvalues = [\"pmc\"]",
            "s.toml:8:11: chip.device: ",
            "did you mean `pcm`?",
        ),
        (
            "[[axis]]\npath = \"luck\"\nvalues = [0.1]",
            "s.toml:7:1: axis[0].path: ",
            "begins with `chip.` or `config.`",
        ),
        (
            "[[axis]]\npath = \"config.luck\"\nvalues = [0.1, 0.1]",
            "s.toml:8:16: axis[0].values[1]: ",
            "value 2 is value 1 once more",
        ),
        (
            "[[axis]]\npath = \"config.luck\"\nvalues = [0.1]\npoints = 3",
            "s.toml:9:1: axis[0].points: ",
            "has no effect",
        ),
        (
            "[[axis]]\npath = \"config.luck\"\nfrom = 0.1\nto = 0.2",
            "s.toml:6:1: axis[0].points: ",
            "points = 5",
        ),
        (
            "[[axis]]\npath = \"config.luck\"\nfrom = 0.1\nto = \"1 V\"\npoints = 2",
            "s.toml:9:1: axis[0].to: ",
            "a range ends with a number",
        ),
        (
            "[[axis]]\npath = \"config.luck\"\nfrom = \"1 s\"\nto = \"1 V\"\npoints = 2",
            "s.toml:9:1: axis[0].to: ",
            "not two quantities of one kind",
        ),
        (
            "[[axis]]\npath = \"config.luck\"\nfrom = 0.2\nto = 0.1\npoints = 2",
            "s.toml:9:1: axis[0].to: ",
            "ends above",
        ),
        (
            "[[axis]]\npath = \"config.luck\"\nvales = [0.1]",
            "s.toml:8:1: axis[0].vales: ",
            "did you mean `values`?",
        ),
        ("[[axis]]\npath = \"seed\"\nvalues = [-1]", "s.toml:8:11: seed: ", "a whole number from 0"),
        ("[[axis]]\npath = \"chips\"\nvalues = [0]", "chips = 0 is outside", "(point 0: chips = 0)"),
        (
            "[sweep]\ndesing = \"grid\"\n[[axis]]\npath = \"seed\"\nvalues = [1]",
            "s.toml:7:1: sweep.desing: ",
            "did you mean `design`?",
        ),
        (
            "[sweep.design.random]\npoints = 0\n[[axis]]\npath = \"config.luck\"\nvalues = [1.0]",
            "s.toml:7:1: sweep.design.random.points: ",
            "0 points are outside",
        ),
        (
            "[sweep.design.random]\npoints = 9\n[[axis]]\npath = \"seed\"\nvalues = [1]",
            "s.toml:6:8: sweep.design: ",
            "no axis to draw values of",
        ),
        (
            "[[axis]]\npath = \"seed\"\nfrom = 1\nto = 900000\n[[axis]]\npath = \"config.luck\"\nvalues = [0.1, 0.2]",
            "s.toml:",
            "more than the 1000000 points",
        ),
        ("[[axis]]\npath = \"chip\"\nvalues = [\"x\"]", "s.toml:7:1: axis[0].path: ", "begins with"),
    ] {
        let e = refused(more);
        assert!(e.starts_with(start) && e.contains(part), "{more}\n  gives {e}");
    }
    let e = sweep::plan(
        "study = \"rular\"\n[[axis]]\npath = \"seed\"\nvalues = [1]",
        "s.toml",
        STUDIES,
        &Files::default(),
    );
    let e = e.map(|_| ()).unwrap_err().to_string();
    assert!(e.contains("did you mean \"ruler\"?"), "{e}");
    let e = refused("[[axis]]\npath = \"seed\"\nvalues = [1]\n[sweeps]\nchunk = 3\n");
    assert!(e.starts_with("s.toml:9:2: sweeps: ") && e.contains("did you mean `sweep`?"), "{e}");
}

/// On an ideal device nothing drifts: compensation is idle there, and not on one that drifts.
#[test]
fn a_setting_without_effect_names_its_point_or_is_allowed_and_noted() {
    let axes = "[[axis]]\npath = \"chip.device\"\nvalues = [\"pcm\", \"ideal\"]\n[[axis]]\npath = \"chip.drift_compensation\"\nvalues = [\"none\", \"global\"]\n";
    let quiet = text("").replace("output_noise = 0.01\n", "");
    let planned =
        |more: &str| sweep::plan(&format!("{quiet}{more}{axes}"), "s.toml", STUDIES, &Files::default());
    let e = planned("").map(|_| ()).unwrap_err().to_string();
    assert!(e.starts_with("s.toml:10:11: chip.drift_compensation: this has no effect"), "{e}");
    assert!(
        e.contains("at 2 of 4 points, the first of them point 2: device = ideal, drift_compensation = none"),
        "{e}"
    );
    assert!(e.contains("idle = \"allow\" under [sweep]"), "{e}");
    let allowed = planned("[sweep]\nidle = \"allow\"\n").unwrap();
    assert_eq!((allowed.points(), allowed.idle().len()), (4, 1));
    assert_eq!((allowed.idle()[0].path.as_str(), allowed.idle()[0].points), ("chip.drift_compensation", 2));
    // Never allowed: no effect at all.
    let never = "[sweep]\nidle = \"allow\"\n[[axis]]\npath = \"chip.tile.rows\"\nvalues = [64, 128]\n";
    let e = refused(never);
    assert!(
        e.contains("chip.tile: this has no effect in the study `ruler`")
            && e.contains("at every one of the 2"),
        "{e}"
    );
}
