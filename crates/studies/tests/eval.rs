//! A user's own network and data, as `neurohm eval` runs them.

use neurohm_data::{Dataset, Limits, Samples, npy};
use neurohm_nn::{Digital, Tensor, models, onnx};
use neurohm_num::{Key, Purpose, Unwatched, Watch};
use neurohm_studies::REGISTRY;
use neurohm_study::{Draft, Finding, Inputs, StudyError, execute};

/// A model and samples in memory.
struct Given {
    model: Vec<u8>,
    samples: Samples,
}

impl Inputs for Given {
    fn bytes(&self, path: &str) -> Result<Vec<u8>, StudyError> {
        assert_eq!(path, "./mine.onnx");
        Ok(self.model.clone())
    }
    fn beside(&self, _path: &str, name: &str) -> Result<Vec<u8>, StudyError> {
        Err(StudyError::Invalid(format!("no {name}")))
    }
    fn dataset(&self, _source: &str, limits: Limits, _watch: &dyn Watch) -> Result<Dataset, StudyError> {
        let mut test = self.samples.clone();
        test.truncate(limits.test.unwrap_or(usize::MAX));
        Ok(Dataset { name: "mine".into(), train: None, test, classes: None })
    }
}

fn random(n: usize) -> Vec<f32> {
    let mut x = vec![0.0; n];
    Key::root(5).stream(Purpose::Data, 0).fill_uniform(0, &mut x);
    x
}

/// Seven colour images and a small residual network with four classes.
fn given(labelled: bool) -> Given {
    let shape = vec![8, 8, 3];
    let mut graph = models::resnet(&shape, &[4, 8], 1, 4, Key::root(2));
    graph.infer_shapes().unwrap();
    let y = labelled.then(|| vec![0, 1, 2, 3, 0, 1, 2]);
    Given { model: onnx::write(&graph).unwrap(), samples: Samples::new(random(7 * 192), shape, y).unwrap() }
}

fn eval(given: &Given, chip: &str, set: &[&str]) -> Result<Finding, StudyError> {
    let mut config = toml::Table::new();
    config.insert("model".into(), "./mine.onnx".into());
    config.insert("data".into(), "npz:mine.npz".into());
    let draft = Draft {
        study: Some("inference".into()),
        chip: Some(chip.into()),
        set: set.iter().map(|s| s.to_string()).collect(),
        config: vec![("eval".into(), config)],
        ablate: Some(false),
        ..Draft::default()
    };
    let (study, request) = draft.resolve(REGISTRY, given)?;
    execute(study, &request, given, &Unwatched)
}

fn outputs(finding: &Finding) -> (Vec<usize>, Vec<f32>) {
    let (_, bytes) = finding.files.iter().find(|f| f.0 == "outputs.npy").unwrap();
    let array = npy::read(bytes).unwrap();
    (array.shape.clone(), array.values.into_f32())
}

#[test]
fn an_ideal_chip_gives_the_digital_outputs_in_the_models_shape() {
    let given = given(true);
    let graph = onnx::read(&given.model, &|_| Err(String::new())).unwrap().graph;
    let x = Tensor { shape: vec![7, 8, 8, 3], data: given.samples.x.clone() };
    let digital = neurohm_nn::run(&graph, &[x], &Digital, 0, &Unwatched).unwrap().remove(0);
    let finding = eval(&given, "ideal", &[]).unwrap();
    let (shape, y) = outputs(&finding);
    assert_eq!(shape, [7, 4]);
    let largest = digital.data.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    for (a, b) in y.iter().zip(&digital.data) {
        assert!((a - b).abs() <= 1e-6 * largest, "{a} {b}");
    }
    let r = &finding.record;
    assert_eq!(r.scalars["accuracy"].value, r.scalars["digital_accuracy"].value);
    assert!(r.scalars["output_error"].value < 1e-6);
    assert_eq!(r.scalars["agreement"].value, 100.0);
}

#[test]
fn a_real_chip_differs_and_keeps_the_shape() {
    let finding = eval(&given(true), "pcm", &["chips=2"]).unwrap();
    assert_eq!(outputs(&finding).0, [7, 4]);
    let error = &finding.record.scalars["output_error"];
    assert!(error.value > 1e-3 && error.ci95.is_some());
    assert!(finding.record.scalars.contains_key("accuracy_1_year"));
}

#[test]
fn without_labels_outputs_and_their_error_are_what_there_is() {
    let r = eval(&given(false), "pcm", &["chips=2"]).unwrap().record;
    assert_eq!(r.merit, "output_error");
    assert!(!r.scalars.contains_key("accuracy") && r.scalars.contains_key("agreement"));
    assert!(r.series.iter().all(|s| s.name != "accuracy_over_time"));
}

#[test]
fn images_reach_the_model_in_its_layout() {
    // The same images stored with channels first are other samples of the same network.
    let last = given(true);
    let mut first = given(true);
    let (h, c) = (8 * 8, 3);
    for (a, b) in first.samples.x.chunks_exact_mut(h * c).zip(last.samples.x.chunks_exact(h * c)) {
        for p in 0..h {
            for k in 0..c {
                a[k * h + p] = b[p * c + k];
            }
        }
    }
    first.samples.shape = vec![3, 8, 8];
    let y = |g: &Given| outputs(&eval(g, "ideal", &[]).unwrap());
    assert_eq!(y(&first), y(&last));
}

#[test]
fn normalisation_is_by_channel() {
    let plain = given(true);
    let mut shifted = given(true);
    let (mean, sd) = ([0.5f32, 0.25, 0.125], [0.5f32, 2.0, 4.0]);
    for (i, x) in shifted.samples.x.iter_mut().enumerate() {
        *x = *x * sd[i % 3] + mean[i % 3];
    }
    let set = ["config.normalise={mean = [0.5, 0.25, 0.125], sd = [0.5, 2.0, 4.0]}"];
    let (a, b) =
        (outputs(&eval(&plain, "ideal", &[]).unwrap()).1, outputs(&eval(&shifted, "ideal", &set).unwrap()).1);
    for (a, b) in a.iter().zip(&b) {
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    }
}

#[test]
fn data_that_do_not_fit_are_refused_in_words() {
    let refused = |change: &dyn Fn(&mut Given), set: &[&str]| {
        let mut g = given(true);
        change(&mut g);
        eval(&g, "ideal", set).map(|_| ()).unwrap_err().to_string()
    };
    let e = refused(&|g| g.samples.x[193] = f32::NAN, &[]);
    assert_eq!(e, "value 1 of sample 1 of npz:mine.npz is NaN; every input must be a finite number");
    let e = refused(&|g| g.samples.y = Some(vec![0, 1, 9, 3, 0, 1, 2]), &[]);
    assert!(e.starts_with("sample 2 of npz:mine.npz has label 9") && e.contains("4 outputs"), "{e}");
    let e = refused(&|g| g.samples = Samples::new(random(7 * 100), vec![10, 10, 1], None).unwrap(), &[]);
    assert!(e.contains("[10, 10, 1] (100 values)") && e.contains("[8, 8, 3] (192 values)"), "{e}");
    let e =
        refused(&|g| g.samples.shape = vec![192], &["config.normalise={mean = [0.0, 0.0], sd = [1.0, 1.0]}"]);
    assert!(e.contains("normalise has 2 channels"), "{e}");
    let e = refused(&|g| g.model.truncate(100), &[]);
    assert!(e.starts_with("the model ./mine.onnx: "), "{e}");
    let e = refused(&|_| (), &["config.times=[\"1 h\", \"20 s\"]"]);
    assert!(e.contains("times must increase"), "{e}");
    let e = refused(&|_| (), &["config.at=5"]);
    assert!(e.contains("has no unit"), "{e}");
}

#[test]
fn an_unknown_network_is_told_the_nearest() {
    let draft = Draft {
        study: Some("inference".into()),
        set: vec!["config.model=strokes-mpl".into()],
        ..Draft::default()
    };
    let g = given(true);
    let (study, request) = draft.resolve(REGISTRY, &g).unwrap();
    let e = execute(study, &request, &g, &Unwatched).unwrap_err().to_string();
    assert!(e.contains("did you mean \"strokes-mlp\"?"), "{e}");
}

/// Layers that stay off the chip are exact, and drawn devices of the others do not depend on them.
#[test]
fn layers_are_kept_off_the_chip_by_name() {
    let given = given(true);
    let graph = onnx::read(&given.model, &|_| Err(String::new())).unwrap().graph;
    let names: Vec<String> = graph.weighted_layers().into_iter().map(|l| l.name).collect();
    let error = |finding: &Finding| finding.record.scalars["output_error"].value;
    let all = eval(&given, "pcm", &[]).unwrap();
    let rows = |finding: &Finding| {
        finding.record.tables.iter().find(|t| t.name == "layers").map_or(0, |t| t.rows.len())
    };
    assert_eq!(rows(&all), names.len());
    let but_first: Vec<String> = names[1..].iter().map(|n| format!("\"{n}\"")).collect();
    let set = format!("config.digital=[{}]", but_first.join(", "));
    let one = eval(&given, "pcm", &[&set]).unwrap();
    assert_eq!(rows(&one), 1);
    assert!(error(&one) > 0.0 && error(&one) < error(&all), "{} {}", error(&one), error(&all));

    let wrong = |set: &str| eval(&given, "pcm", &[set]).err().unwrap().to_string();
    let near = format!("config.digital=[\"{}x\"]", names[0]);
    assert!(wrong(&near).contains(&format!("did you mean {:?}?", names[0])), "{}", wrong(&near));
    let every: Vec<String> = names.iter().map(|n| format!("\"{n}\"")).collect();
    assert!(wrong(&format!("config.digital=[{}]", every.join(","))).contains("nothing is left for a chip"));
}

/// Batch norms are the same function folded or not; taken anew on a chip that drifted, they bring outputs back.
#[test]
fn batch_norms_are_recalibrated_where_they_stay_digital() {
    let given = given(true);
    let ideal = |set: &[&str]| outputs(&eval(&given, "ideal", set).unwrap()).1;
    let (folded, digital) = (ideal(&[]), ideal(&["config.batch_norm=\"digital\""]));
    let largest = folded.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    assert!(folded.iter().zip(&digital).all(|(a, b)| (a - b).abs() <= 1e-5 * largest));
    let wrong = |set: &[&str]| eval(&given, "pcm", set).err().unwrap().to_string();
    assert!(wrong(&["config.recalibrate=true"]).contains("batch_norm = \"digital\""));
    let flat = Given {
        model: onnx::write(&models::by_name("mlp", &[8, 8, 3], 4, Key::root(2)).unwrap()).unwrap(),
        ..given
    };
    let set = ["config.batch_norm=\"digital\"", "config.recalibrate=true"];
    let said = eval(&flat, "pcm", &set).err().unwrap().to_string();
    assert!(said.contains("no batch norms to recalibrate"), "{said}");
}
