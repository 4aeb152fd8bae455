use super::*;
use crate::{preset, presets};

fn paths(spec: &DeviceSpec) -> Vec<String> {
    spec.nonidealities().into_iter().map(|n| n.path).collect()
}

#[test]
fn presets_list_what_they_have() {
    assert_eq!(
        paths(&preset("pcm").unwrap()),
        [
            "device.write",
            "device.retention",
            "device.retention.mean",
            "device.retention.spread",
            "device.noise"
        ]
    );
    assert_eq!(paths(&preset("reram_wan2022").unwrap()), ["device.retention"]);
    let generic = paths(&preset("generic").unwrap());
    assert!(
        generic.contains(&"device.write.d2d".to_owned()) && generic.contains(&"device.faults".to_owned())
    );
    assert!(paths(&preset("ideal").unwrap()).is_empty());
}

#[test]
fn each_can_be_switched_off_alone_and_all_together() {
    for p in presets() {
        let spec = preset(p.name).unwrap();
        let mut all = spec.clone();
        for path in paths(&spec) {
            let mut one = spec.clone();
            assert!(one.without(&path) && one != spec, "{path}");
            assert!(!paths(&one).contains(&path), "{path}");
            assert!(one.validate().is_ok());
            assert!(!one.without(&path), "twice: {path}");
            // What is neither it, nor its whole, nor its part stays.
            for other in
                paths(&spec).iter().filter(|o| !is_part(o, &path) && !is_part(&path, o) && **o != path)
            {
                let whole_is_left = paths(&one).iter().any(|left| left == other || is_part(other, left));
                assert!(whole_is_left, "{path} took {other}");
            }
            all.without(&path);
        }
        assert!(all.nonidealities().is_empty());
    }
}

#[test]
fn only_leaves_one() {
    let mut spec = preset("pcm").unwrap();
    assert!(spec.only("device.noise"));
    assert_eq!(paths(&spec), ["device.noise"]);
    let mut spec = preset("pcm").unwrap();
    assert!(spec.only("device.retention.spread"));
    let Some(Retention::PowerLaw { nu_mean, nu_spread, .. }) = &spec.cell.as_ref().unwrap().retention else {
        panic!("no power law")
    };
    assert!(nu_mean.is_zero() && !nu_spread.is_zero());
    assert_eq!(paths(&spec), ["device.retention"]);
    let mut spec = preset("pcm").unwrap();
    assert!(spec.only("device.retention"));
    assert_eq!(
        spec.cell.as_ref().unwrap().retention,
        preset("pcm").unwrap().cell.as_ref().unwrap().retention
    );
    let before = spec.clone();
    assert!(!spec.only("device.colour") && !spec.without("device") && !spec.scale("device.write", 0.5));
    assert_eq!(spec, before);
}

#[test]
fn scaling_changes_strength_and_nothing_else() {
    for p in presets() {
        let spec = preset(p.name).unwrap();
        for path in paths(&spec) {
            let mut one = spec.clone();
            assert!(one.scale(&path, 1.0));
            assert_eq!(one, spec, "{path}");
            assert!(one.scale(&path, 0.5) && one != spec, "{path}");
            assert_eq!(paths(&one), paths(&spec));
            assert!(one.scale(&path, 2.0));
            assert_eq!(one, spec, "halves and doubles are exact: {path}");
            assert!(!one.scale(&path, -1.0) && !one.scale(&path, f64::NAN));
            assert!(one.scale(&path, 0.0) && !paths(&one).contains(&path), "{path}");
        }
    }
    let mut spec = preset("generic").unwrap();
    assert!(spec.scale("device.faults", 1e9));
    let faults = spec.cell.as_ref().unwrap().faults.as_ref().unwrap();
    assert!((faults.stuck() - 1.0).abs() < 1e-12 && spec.validate().is_ok());
}
