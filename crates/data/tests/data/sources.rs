//! What users write after `--data`.

use neurohm_data::{Limits, Source, load};
use neurohm_num::Unwatched;
use proptest::prelude::*;

fn refusal(text: &str) -> String {
    text.parse::<Source>().unwrap_err().to_string()
}

#[test]
fn kinds_and_options() {
    assert_eq!("mnist:../data/mnist".parse::<Source>().unwrap(), Source::Mnist("../data/mnist".into()));
    assert_eq!("npz:C:\\set.npz".parse::<Source>().unwrap(), Source::Npz("C:\\set.npz".into()));
    assert_eq!("strokes".parse::<Source>().unwrap(), Source::STROKES);
    let some: Source = "strokes:test=10, seed=3".parse().unwrap();
    assert_eq!(some, Source::Strokes { train: 20_000, test: 10, seed: 3 });
}

#[test]
fn refusals_name_what_there_is_and_the_nearest() {
    assert!(refusal("minst:x").ends_with("did you mean `mnist`?"));
    assert!(refusal("CIFAR-10:x").ends_with("did you mean `cifar10`?"));
    assert!(refusal("set.npz").ends_with("write `npz:set.npz`"));
    assert!(
        refusal("zebra").contains("known are mnist:PATH, cifar10:PATH, folder:PATH, npz:FILE and strokes")
    );
    assert!(refusal("mnist").contains("write `mnist:PATH`"));
    assert!(refusal("mnist:").contains("write `mnist:PATH`"));
    assert!(refusal("strokes:sead=1").contains("did you mean `seed`?"));
    assert!(refusal("strokes:train").contains("train=N"));
    assert!(refusal("strokes:train=-1").contains("whole number"));
    assert!(refusal("strokes:train=99999999999").contains("at most"));
    assert!(refusal("strokes:test=0").contains("at least one"));
}

#[test]
fn limits_take_the_first_samples() {
    let source: Source = "strokes:train=30,test=20,seed=4".parse().unwrap();
    let all = load(&source, Limits::default(), &Unwatched).unwrap();
    let few = load(&source, Limits { train: Some(7), test: Some(5) }, &Unwatched).unwrap();
    let mut first = all.clone();
    first.train.as_mut().unwrap().truncate(7);
    first.test.truncate(5);
    assert_eq!(few, first);
    assert_eq!(few.train.unwrap().rows().rows(), 7);
    assert_eq!(load(&source, Limits::test_only(Some(5)), &Unwatched).unwrap().train, None);
    assert!(load(&source, Limits::test_only(Some(0)), &Unwatched).is_err());
    let missing = Source::Npz("no/such/file.npz".into());
    let error = load(&missing, Limits::default(), &Unwatched).unwrap_err().to_string();
    assert!(error.starts_with("cannot read no/such/file.npz:"), "{error}");
}

proptest! {
    #[test]
    fn what_is_shown_is_what_is_parsed(path in "[a-zA-Z0-9/:= ,._ä-]{1,20}", kind in 0..5, train in 0..9usize, seed: u64) {
        let path = std::path::PathBuf::from(path);
        let source = match kind {
            0 => Source::Mnist(path),
            1 => Source::Cifar10(path),
            2 => Source::Folder(path),
            3 => Source::Npz(path),
            _ => Source::Strokes { train, test: 1, seed },
        };
        prop_assert_eq!(source.to_string().parse::<Source>().unwrap(), source);
    }

    #[test]
    fn no_text_panics(text in ".{0,30}") {
        let _ = text.parse::<Source>();
    }
}
