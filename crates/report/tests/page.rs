//! The page as a browser gets it.

mod sample;

use neurohm_report::{ReportError, card, html};
use neurohm_study::record::{Cell, Level, Note, Record};

/// Writes a page where a person can look at it: `target/tmp/*.html`.
fn keep(name: &str, page: &str) {
    std::fs::write(std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name), page).unwrap();
}

/// Elements opened and closed; HTML's void elements and self-closed SVG aside, they must nest.
fn assert_nests(page: &str) {
    const VOID: [&str; 3] = ["meta", "!doctype", "br"];
    let mut open: Vec<&str> = Vec::new();
    let body = page.split("<style>").next().unwrap().to_string() + page.split("</style>").nth(1).unwrap();
    for tag in body.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
        let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap();
        match tag {
            _ if VOID.contains(&name) || tag.ends_with('/') => {}
            _ if tag.starts_with('/') => {
                assert_eq!(open.pop().map(str::to_owned), Some(name.to_owned()), "{tag}")
            }
            _ => open.push(&body[body.find(tag).unwrap()..][..name.len()]),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_card_says_what_matters() {
    let page = card(&[sample::inference(), sample::mvm()]).unwrap();
    keep("card.html", &page);
    assert_nests(&page);
    for expected in [
        "<strong>1 of 2</strong> applications reach their targets",
        "misses the target",
        "reaches the target",
        "0.942",
        "± 0.007",
        "conductance drift and its spread from device to device",
        "shrink to 41\u{a0}% of what it is",
        "Drift was measured up to two days",
        ">20\u{a0}s</text>",
        ">1\u{a0}month</text>",
        "neurohm run inference --set chip.device=pcm --seed 1",
        "Joshi et al.",
        "3.42",
        "data:image/png;base64,",
        "prefers-color-scheme: dark",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
}

#[test]
fn runs_of_one_study_stand_beside_one_another() {
    let mut other = sample::inference();
    other.seed = 2;
    let page = html(&[sample::inference(), other, sample::mvm()], "Three runs").unwrap();
    keep("runs.html", &page);
    assert_nests(&page);
    assert!(page.contains("The runs beside one another") && page.contains("id=\"inference-2\""));
    assert!(!page.contains("class=\"card\""));
}

/// As the terminal writes them.
#[test]
fn tables_write_quantities_with_prefixes() {
    let mut r = sample::inference();
    let page = html(&[r.clone()], "tables").unwrap();
    // 29 nJ and 5.1 nJ share a prefix.
    assert!(page.contains("read energy <span class=\"unit\">(nJ)</span>"));
    assert!(page.contains("<td class=\"n\">5.1</td>"));
    let table = r.tables.iter_mut().find(|t| t.name == "layers").unwrap();
    table.rows[1][4] = Cell::Number(5.1e-12);
    let page = html(&[r], "tables").unwrap();
    assert!(page.contains("29\u{a0}nJ</td>") && page.contains("5.1\u{a0}pJ</td>"));
    assert!(!page.contains("<span class=\"unit\">(J)</span>") && !page.contains("× 10⁻⁸"));
}

/// The rules that see to it; no picture is looked at here.
#[test]
fn nothing_is_cut_at_the_edge_of_the_page() {
    let page = html(&[sample::inference()], "wide").unwrap();
    let rule = |selector: &str| {
        let found = page.split_once(&format!("\n{selector} {{"));
        found.unwrap_or_else(|| panic!("{selector}")).1.split('}').next().unwrap().to_owned()
    };
    let command = rule("pre.command");
    assert!(command.contains("white-space: pre-wrap") && command.contains("overflow-wrap: anywhere"));
    // Tables scroll by themselves, and show that there is more.
    let scroll = rule(".scroll");
    assert!(scroll.contains("overflow-x: auto") && scroll.contains("background-attachment: local"));
    // Headings of numbers wrap; the numbers do not.
    assert!(rule("td.n, th .unit").contains("nowrap") && !rule("th.n, td.n").contains("nowrap"));
    let tables = page.matches("<table").count();
    assert_eq!(tables, page.matches("class=\"scroll\"").count(), "a table without a container");
}

#[test]
fn the_page_asks_nothing_of_the_network() {
    let page = card(&[sample::inference(), sample::mvm()]).unwrap();
    for forbidden in ["http://", "https://", "<script", "<link", "@import", "src=", "url(h", "//fonts"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    let references = page.split("href=\"").skip(1).map(|rest| &rest[..1.max(rest.find('"').unwrap())]);
    for reference in references {
        assert!(reference.starts_with('#') || reference.starts_with("data:image/png;"), "{reference}");
    }
}

#[test]
fn hostile_words_stay_words() {
    const EVIL: &str =
        "</title></script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}\u{0}&lt;";
    let evil = || EVIL.to_string();
    let mut r = sample::inference();
    (r.title, r.about, r.device, r.device_title, r.device_source) = (evil(), evil(), evil(), evil(), evil());
    (r.id, r.version, r.isa, r.command, r.description, r.study) =
        (evil(), evil(), evil(), evil(), evil(), evil());
    r.notes = [Level::Info, Level::Caution].map(|level| Note { level, text: evil() }).into();
    for scalar in r.scalars.values_mut() {
        (scalar.about, scalar.unit) = (evil(), evil());
    }
    for s in &mut r.series {
        (s.name, s.caption, s.x.label, s.x.unit) = (evil(), evil(), evil(), evil());
        (s.y.label, s.y.unit) = (evil(), evil());
        s.lines.iter_mut().for_each(|line| line.name = evil());
    }
    for a in &mut r.ablation {
        (a.path, a.about, a.without.about, a.without.unit) = (evil(), evil(), evil(), evil());
        (a.alone.about, a.alone.unit) = (evil(), evil());
    }
    for t in &mut r.tables {
        (t.name, t.caption) = (evil(), evil());
        t.columns.iter_mut().for_each(|c| (c.name, c.unit) = (evil(), evil()));
        t.rows.iter_mut().flatten().for_each(|cell| *cell = Cell::Text(evil()));
    }
    for m in &mut r.maps {
        (m.name, m.caption, m.label, m.unit) = (evil(), evil(), evil(), evil());
    }
    r.tally.insert(evil(), 1.0);
    for page in [card(&[r.clone()]).unwrap(), html(&[r.clone(), r], EVIL).unwrap()] {
        assert_nests(&page);
        assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("7*7 }}</script"));
        assert!(page.contains("&lt;script&gt;") && page.contains("{{ 7*7 }}"));
    }
}

#[test]
fn odd_numbers_still_make_a_page() {
    let mut r = sample::inference();
    for value in [f64::NAN, f64::INFINITY, 0.0, -1e308, 1e308, 5e-324] {
        for s in r.scalars.values_mut() {
            (s.value, s.ci95, s.ideal) = (value, Some([value, f64::NAN]), Some(value));
        }
        for s in &mut r.series {
            for line in &mut s.lines {
                (line.x[1], line.y[2], line.y[3]) = (value, value, -value);
                line.low.truncate(2);
            }
        }
        for a in &mut r.ablation {
            (a.without.value, a.alone.ci95, a.required_scale) = (value, None, Some(value));
        }
        r.maps[0].values[3] = value as f32;
        (r.target, r.wall_s) = (Some(value), value);
        let page = card(&[r.clone()]).unwrap();
        assert_nests(&page);
        let svgs = page.split("<svg").skip(1).map(|rest| rest.split("</svg>").next().unwrap());
        for svg in svgs {
            let attributes = svg.split('"').skip(1).step_by(2);
            for value in attributes {
                let unplaced =
                    value.split([' ', 'M', 'L']).any(|word| ["NaN", "inf", "-inf"].contains(&word));
                assert!(!unplaced, "{value}");
            }
        }
    }
}

#[test]
fn only_this_starts_where_everything_is_off() {
    let mut r = sample::mvm();
    let page = html(&[r.clone()], "bars").unwrap();
    let svg = page.split("<svg").find(|svg| svg.contains("What each non-ideality costs")).unwrap();
    let number = |tag: &str, name: &str| -> f64 {
        tag.split_once(&format!(" {name}=\"")).unwrap().1.split('"').next().unwrap().parse().unwrap()
    };
    let zero = number(svg.split("class=\"upright ideal\"").nth(1).unwrap(), "x1");
    let bars: Vec<&str> = svg.split("class=\"bar c2\"").skip(1).collect();
    assert_eq!(bars.len(), r.ablation.len());
    // Lower is better here: each alone is worse than nothing at all, the converters alone too.
    for bar in bars {
        assert!((number(bar, "x") - zero).abs() < 0.11 && number(bar, "width") > 2.0, "{bar}");
    }
    assert!(svg.contains("all off") && page.contains("is measured from all off ("));
    // Records from before held no such value.
    r.all_off = None;
    let page = html(&[r], "bars").unwrap();
    assert!(page.contains("is measured from the ideal device"));
}

#[test]
fn an_empty_record_makes_an_honest_page() {
    let mut r = sample::mvm();
    r.ablation.clear();
    r.series.clear();
    r.tally.clear();
    r.target = None;
    let page = card(&[r]).unwrap();
    assert_nests(&page);
    assert!(page.contains("No number is asked of it") && page.contains("no target"));
}

#[test]
fn a_card_that_was_cut_short_says_so_first() {
    let mut r = sample::mvm();
    r.ablation.clear();
    r.cut_short = Some("The card was cut short with 1 of 2 studies. Not run: Inference.".into());
    let page = card(&[r]).unwrap();
    assert_nests(&page);
    let said = page.find("Not run: Inference.").unwrap();
    assert!(
        said < page.find("class=\"card\"").unwrap() && page.contains("Cut short before this was found out")
    );
}

#[test]
fn damaged_records_are_named() {
    let damaged = |damage: fn(&mut Record)| {
        let mut r = sample::inference();
        damage(&mut r);
        card(&[r]).unwrap_err().to_string()
    };
    assert!(matches!(card(&[]), Err(ReportError::Empty)));
    assert!(damaged(|r| r.merit = "speed".into()).contains("\"speed\""));
    assert!(damaged(|r| r.maps[0].rows = 3).contains("map \"weights\" says 3 x 10 but holds 2500"));
    assert!(
        damaged(|r| drop(r.tables[0].rows[1].pop()))
            .contains("row 1 of table \"layers\" holds 4 cells for 5")
    );
}

#[test]
fn a_datasheet_stands_on_the_card_with_what_applications_ask() {
    let page = card(&[sample::datasheet(), sample::inference()]).unwrap();
    keep("datasheet.html", &page);
    assert_nests(&page);
    // It is no application: one row of the card, and two records below.
    assert_eq!(page.matches("<article class=\"row").count(), 1);
    assert_eq!(page.matches("<section class=\"record\"").count(), 2);
    for expected in [
        "<h2 id=\"datasheet-1-title\">Datasheet</h2>",
        "220 ± 21",
        "5 (4 to 5)",
        "≥\u{a0}10\u{a0}years",
        "<code>neurohm device fit --kind pulses</code>",
        "What applications ask for",
        "Of 3 requirements 2 have a number: 1 met, 1 not measured.",
        "<strong>more than 10¹² cycles</strong>",
        "rowspan=\"2\"",
        "<td class=\"reached\"><span class=\"chip\">meets</span></td>",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    // Alone, of a device that no study can run on.
    let alone = card(&[sample::datasheet()]).unwrap();
    assert_nests(&alone);
    assert!(!alone.contains("<article") && alone.contains("What applications ask for"));
}

#[test]
fn what_is_about_no_device_names_none() {
    let mut r = sample::mvm();
    (r.device, r.device_title, r.device_source) = (String::new(), String::new(), String::new());
    (r.sample, r.wall_s, r.description) = (Some("device".into()), 0.0, String::new());
    let page = html(&[r], "The ledger").unwrap();
    assert_nests(&page);
    for absent in
        ["This device", "<dt>Device</dt>", "<dt>Devices</dt>", "<dt>Wall time</dt>", "over chips", "Resolved"]
    {
        assert!(!page.contains(absent), "{absent}");
    }
    assert!(page.contains("colspan=\"2\">Value</th>") && page.contains("Intervals are 95 %."));
    assert!(
        html(&[sample::mvm()], "A device").unwrap().contains("Intervals are 95 % (Student t over chips).")
    );
}
