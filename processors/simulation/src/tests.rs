//! Seeds, scripts that once failed, and what the two rest on: one script, one run.

use super::*;

/// From the environment, for a longer look.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn seeds_pass() {
    let (first, count) = (number("HOGA_FIRST_SEED", 0), number("HOGA_SEEDS", 100));
    let mut sum = Report::default();
    for seed in first..first + count {
        match attempt(&generate(seed)) {
            Ok(report) => sum.add(&report),
            Err(failure) => panic!("seed {seed}: {failure}\n`hoga simulate --seeds {seed}` makes its script short"),
        }
    }
    if count < 100 {
        return;
    }
    let Report { trades, takeovers, restores, stale, repeats, ahead, spoilt, turned, .. } = sum;
    for (what, is) in [
        ("trades", trades),
        ("takeovers", takeovers),
        ("restores", restores),
        ("records of replaced owners", stale),
        ("repeats", repeats),
        ("records before their predecessors", ahead),
        ("spoilt topics", spoilt * 20),
        ("owners that turned", turned * 50),
    ] {
        assert!(is >= count, "{is} {what} in {count} seeds: they are not put to the test");
    }
}

#[test]
fn one_script_gives_one_run() {
    for seed in 0..5 {
        let script = generate(seed);
        assert_eq!(script, generate(seed), "seed {seed}");
        let report = run(&script).unwrap();
        assert_eq!(report, run(&script).unwrap(), "seed {seed}");
        let again: Script = script.to_string().parse().unwrap();
        assert_eq!(again, script, "seed {seed}: read again");
    }
    let hashes: Vec<u64> = (0..5).map(|seed| run(&generate(seed)).unwrap().hash).collect();
    assert!(hashes.windows(2).all(|two| two[0] != two[1]), "{hashes:x?}");
}

/// The files of `scripts/`: each failed once, and says on its first line why.
#[test]
fn what_failed_once_passes() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} is empty");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let script: Script = text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        attempt(&script).unwrap_or_else(|failure| panic!("{}: {failure}", file.display()));
    }
}

#[test]
fn what_is_no_script_is_named_by_its_line() {
    let setup = generate(0).to_string().lines().next().unwrap().to_owned();
    for (text, expect) in [
        (String::new(), "the script is empty"),
        ("# only words".into(), "the script is empty"),
        ("{}".into(), "line 1 of the script"),
        (format!("{setup}\n\n{{\"advance\":5}}\nsettle"), "line 4 of the script"),
    ] {
        let error = text.parse::<Script>().expect_err(&text).to_string();
        assert!(error.starts_with(expect), "{text:?}: {error}");
    }
}

/// A run that fails is made short, and still fails. Nothing of a run is spoilt by what is left out of it.
#[test]
fn a_failing_script_is_made_short() {
    let mut script = generate(0);
    let at = script.acts.len() / 2;
    // No such command can be read: the run panics there.
    script.acts.insert(at, Act::Post(1_000_000, bad_number()));
    let failure = attempt(&script).expect_err("it panics");
    let (short, how) = shrink(&script, &failure, 200);
    assert!(matches!(how, Failure::Panic(_)), "{how}");
    assert!(short.acts.len() < 20, "{} acts are left", short.acts.len());
    assert!(attempt(&short).is_err());
}

fn bad_number() -> Post {
    let (account, id, asset, amount) = ("a1".into(), "bad".into(), "KRW".into(), "much".into());
    Post::Deposit { account, id, valid_ms: 1_000, asset, amount }
}
