//! Feeds on the recorded files: the plans against the naive book, and going on after a cut anywhere.

use super::oracle::fast_fills;
use super::*;
use crate::producer::{ProduceError, Producer, ProducerOptions};
use hoga_core::{Record, Timestamp, Topic};
use hoga_topics::memory::{Fault, Sent};
use hoga_topics::{Log, LogRecord, MemoryLog, MemoryOptions, TimeMode, TopicPartition, Visibility};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

/// Files of ../shared/data, or the folder that HOGA_TEST_DATA names. Without it a test is skipped, loudly, and fails
/// where CI=true.
fn data(name: &str) -> Option<PathBuf> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in a workspace");
    let folder = std::env::var_os("HOGA_TEST_DATA").map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from);
    let file = root.join(folder).join(name);
    if file.exists() {
        return Some(file);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{} is missing", file.display());
    eprintln!("SKIPPED: {} is missing; set HOGA_TEST_DATA", file.display());
    None
}

fn plan(name: &str, format: Format) -> Option<FeedPlan> {
    let path = data(name)?;
    assert_eq!(Format::guess(&path), Some(format));
    Some(FeedPlan::open(&path, format, PlanOptions::default(), 4).unwrap())
}

#[test]
fn mbo_fills_are_the_exchanges_but_for_icebergs() {
    let Some(plan) = plan("es_2023-12-25_mbo.csv", Format::Mbo) else { return };
    let (expected, counts) = plan.expected().unwrap();
    let fills = naive_fills(&plan).unwrap();
    let report = check_fills(&expected, &fills);
    assert_eq!((report.fills, report.equal, report.short), (2_970, 2_952, 18), "{:#?}", report.differences);
    assert_eq!((report.missing, report.invented), (0, 0));
    assert_eq!((report.events, report.events_equal), (1_532, 1_514));
    assert_eq!(report.percent(), "99.39 %");
    assert_eq!(class_counts(&report.differences), [(Class::Iceberg, 18), (Class::Queue, 0)]);
    assert_eq!((counts.auction_fills, counts.crossing_amends, counts.self_match_cancels), (35, 79, 47));
    assert_eq!((counts.placed_anew, counts.unknown), (63, 0));
    assert_eq!(fast_fills(&plan).unwrap(), fills);
}

#[test]
fn lobster_messages_are_counted() {
    let Some(plan) = plan("amzn_2021-04-12_lobster_messages.csv", Format::Lobster) else { return };
    let counts = plan.lobster_counts().unwrap();
    assert_eq!((counts.placed, counts.executed, counts.skipped), (17_187, 5_389, 3_633));
    assert_eq!((counts.reduced + counts.canceled + counts.unknown), 3 + 14_462);
    assert_eq!((counts.executed_unknown, counts.unknown), (1_920, 390));
    let fills = naive_fills(&plan).unwrap();
    assert_eq!(fast_fills(&plan).unwrap(), fills);
    assert_eq!(fills.len(), 5_228, "no oracle: what this flow gives in a book that lacks the unseen levels");
}

#[test]
fn the_workload_gives_its_published_trades() {
    let Some(path) = data("matching_workload.bin.zst") else { return };
    for (commands, trades, volume) in [(200_000, 8_239, 73_499), (201_000, 8_282, 73_953)] {
        let options = PlanOptions { commands, ..PlanOptions::default() };
        let plan = FeedPlan::open(&path, Format::Workload, options, 4).unwrap();
        assert_eq!((plan.prefill(), plan.events()), (1_000, commands));
        let fills = fast_fills(&plan).unwrap();
        let measured: Vec<_> = plan.measured(&fills).collect();
        let sum: i128 = measured.iter().map(|fill| fill.quantity.0).sum();
        assert_eq!((measured.len(), sum / hoga_core::money::DECIMAL_ONE), (trades, volume), "{commands} commands");
    }
}

#[test]
fn steps_keep_the_rules_of_a_recorded_log() {
    for (name, format) in [
        ("es_2023-12-25_mbo.csv", Format::Mbo),
        ("amzn_2021-04-12_lobster_messages.csv", Format::Lobster),
        ("matching_workload.bin.zst", Format::Workload),
    ] {
        let Some(plan) = plan(name, format) else { return };
        let (mut last, mut clock, mut ids) = (Timestamp(0), None, std::collections::HashSet::new());
        let mut pending = std::collections::HashMap::<_, u32>::new();
        for step in plan.steps() {
            let Step::Send { topic, time, record, .. } = step else {
                pending.clear();
                continue;
            };
            assert!(time >= last, "{format}: time goes back from {last} to {time}");
            last = time;
            match &record {
                Record::Clock(record) => clock = Some(record.time.0 / 1_000),
                Record::PlaceOrder(r) => assert!(ids.insert((r.account.clone(), r.client_order_id.clone()))),
                Record::AmendOrder(r) => {
                    let count = pending.entry(r.orig_client_order_id.clone()).or_default();
                    *count += 1;
                    assert!(*count <= 48, "{format}: {} has too many unanswered amends", r.orig_client_order_id);
                }
                _ => {}
            }
            if topic == Topic::Orders {
                assert_eq!(clock, Some(time.0 / 1_000), "{format}: a second begins with its clock");
            }
            if let Some(account) = record.account() {
                let partition = hoga_topics::partitioner::partition(account.as_str().as_bytes(), 4);
                assert_eq!(partition, plan.partition(), "{format}: {account}");
            }
        }
        assert!(plan.accounts().count() >= 100, "{format}");
    }
}

/// A day of five events: two that rest, an auction that one of them trades in, a continuous trade, an iceberg's return.
const DAY: &str = "seq,ts_event_ns,action,side,price,size,order_id,snapshot,last
1,1000000000000,A,B,100.00,5,11,1,0
1,1000000000000,A,A,99.75,2,12,1,0
2,2000100000000,A,A,101.00,3,13,0,1
3,2000200000000,T,N,100.00,2,0,0,0
3,2000200000000,F,N,100.00,2,11,0,0
3,2000200000000,F,N,100.00,2,12,0,0
3,2000200000000,C,A,99.75,2,12,0,0
3,2000200000000,M,B,100.00,3,11,0,1
4,2001300000000,T,A,100.00,3,14,0,0
4,2001300000000,F,B,100.00,3,11,0,0
4,2001300000000,M,B,100.00,3,11,0,1
5,2001400000000,M,A,100.00,2,13,0,1
";

fn small_plan() -> FeedPlan {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("day_mbo.csv");
    std::fs::write(&path, DAY).unwrap();
    let options = PlanOptions { accounts_each: 2, ..PlanOptions::default() };
    FeedPlan::open(&path, Format::Mbo, options, 4).unwrap()
}

fn recorded_log() -> MemoryLog {
    faulty_log(|_| Fault::None)
}

fn faulty_log(faults: impl FnMut(&Sent<'_>) -> Fault + Send + 'static) -> MemoryLog {
    let faults = Some(Box::new(faults) as Box<_>);
    MemoryLog::new(MemoryOptions { time_mode: TimeMode::Recorded, faults, ..MemoryOptions::default() })
}

/// All that stands in the feed's partitions.
fn content(log: &dyn Log, plan: &FeedPlan) -> Vec<Vec<LogRecord>> {
    let read = |partition: TopicPartition| {
        let mut records = Vec::new();
        log.reader(partition, 0, Visibility::Written).unwrap().poll(100_000, &mut records).unwrap();
        records
    };
    resume::WRITTEN.iter().map(|topic| read(plan.target(*topic))).collect()
}

/// Notes how much stood at each drain.
struct NotingDrain<'a> {
    log: &'a MemoryLog,
    plan: &'a FeedPlan,
    stood: Vec<usize>,
}

impl Drain for NotingDrain<'_> {
    fn drain(&mut self) -> Result<(), FeedError> {
        self.stood.push(content(self.log, self.plan).iter().map(Vec::len).sum());
        Ok(())
    }
}

/// Plays the plan and tells how much stood at each drain.
fn play(log: &MemoryLog, plan: &FeedPlan) -> Result<(RunReport, Vec<usize>), FeedError> {
    let mut drain = NotingDrain { log, plan, stood: Vec::new() };
    let options =
        RunOptions { pace: Pace::Flat, stop: &AtomicBool::new(false), drain: &mut drain, on_progress: &mut |_| {} };
    run(log, plan, options).map(|report| (report, drain.stood))
}

#[test]
fn a_cut_anywhere_is_played_on_to_the_same_log_and_the_same_syncs() {
    let plan = small_plan();
    let whole = recorded_log();
    let (report, syncs) = play(&whole, &plan).unwrap();
    let sends = report.progress.sent as usize;
    assert_eq!(report.progress.standing, 0);
    assert_eq!((syncs.as_slice(), sends), ([4, 5, 9, 10, 16, 17, 21].as_slice(), 21));
    for cut in 0..=sends {
        let log = recorded_log();
        let mut producer = Producer::new(&log, ProducerOptions::default()).unwrap();
        let all = plan.steps().filter_map(|step| match step {
            Step::Send { topic, time, record, .. } => Some((topic, time, record)),
            Step::Sync => None,
        });
        for (topic, time, record) in all.take(cut) {
            producer.send_to(plan.target(topic), &record, Some(time)).unwrap();
        }
        producer.finish().unwrap();
        let (report, held) = play(&log, &plan).unwrap();
        assert_eq!(report.progress.standing as usize, cut);
        assert_eq!(content(&log, &plan), content(&whole, &plan), "cut at {cut}");
        let due: Vec<_> = syncs.iter().copied().filter(|stood| *stood >= cut).collect();
        assert_eq!(held, due, "cut at {cut}: what waits must wait again unless what it waited for stands");
    }
}

#[test]
fn a_record_of_unknown_fate_is_looked_for_and_the_feed_goes_on() {
    let plan = small_plan();
    let whole = recorded_log();
    let (undisturbed, _) = play(&whole, &plan).unwrap();
    for lost in 1..undisturbed.progress.sent {
        let log = faulty_log(move |sent| if sent.count == lost { Fault::LoseAck } else { Fault::None });
        let (report, _) = play(&log, &plan).unwrap();
        assert_eq!(content(&log, &plan), content(&whole, &plan), "without the answer to record {lost}");
        assert!(report.progress.sent >= undisturbed.progress.sent - 1 && report.progress.standing == 0);
    }
    let error = play(&faulty_log(|_| Fault::Lose), &plan).unwrap_err();
    assert!(matches!(error, FeedError::Produce(ProduceError::Unknown { .. })), "{error}");
}

#[test]
fn repeats_are_passed_over_and_other_times_refused() {
    let plan = small_plan();
    let log = recorded_log();
    play(&log, &plan).unwrap();
    let orders = plan.target(Topic::Orders);
    let first = content(&log, &plan)[2][0].clone();
    log.append_foreign(orders, &first.key, first.value.as_deref(), Timestamp(2_001_400)).unwrap();
    let (report, _) = play(&log, &plan).unwrap();
    assert_eq!((report.progress.sent, report.other), (0, 1));

    let later = recorded_log();
    later.append_foreign(orders, &first.key, first.value.as_deref(), Timestamp(9_000_000_000)).unwrap();
    let error = play(&later, &plan).unwrap_err().to_string();
    assert!(error.contains("a log's time never goes back"), "{error}");
    let wall = MemoryLog::new(MemoryOptions::default());
    assert!(matches!(play(&wall, &plan), Err(FeedError::WallLog)));
}

#[test]
fn files_that_are_not_of_the_layout_name_row_and_rule() {
    let folder = tempfile::tempdir().unwrap();
    let header = "seq,ts_event_ns,action,side,price,size,order_id,snapshot,last\n";
    for (name, format, text, said) in [
        ("a_mbo.csv", Format::Mbo, format!("{header}1,1,X,B,1.00,1,1,0,1\n"), "row 1: action \"X\" is none of"),
        ("b_mbo.csv", Format::Mbo, format!("{header}1,1,A,B,NaN,1,1,0,1\n"), "price \"NaN\" is not a plain decimal"),
        ("c_mbo.csv", Format::Mbo, format!("{header}1,1,A,N,1.00,1,1,0,1\n"), "side \"N\" is not"),
        ("d_mbo.csv", Format::Mbo, format!("{header}1,1,A,B,1.00,0,1,0,1\n"), "size 0 is not above zero"),
        (
            "d2_mbo.csv",
            Format::Mbo,
            format!("{header}1,1,T,B,1.00,9223372036854775807,1,0,1\n"),
            "row 1: size \"9223372036854775807\" is not a number of its range",
        ),
        ("e_mbo.csv", Format::Mbo, format!("{header}1,1,A,B,1.00,1,1,0,0\n"), "the file ends inside an event"),
        ("f_mbo.csv", Format::Mbo, format!("{header}1,1,A\n"), "row 1: "),
        ("g_2021-04-12.csv", Format::Lobster, "1.5,9,1,1,100,1,null\n".into(), "row 1: type 9 is none of 1 to 7"),
        ("h_2021-04-12.csv", Format::Lobster, "1.5,1,1,-4,100,1,null\n".into(), "not both above zero"),
        ("i.csv", Format::Lobster, "1.5,1,1,1,100,1,null\n".into(), "says no day"),
        ("j.bin.zst", Format::Workload, "not zstd".into(), "reading "),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let error = FeedPlan::open(&path, format, PlanOptions::default(), 4).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(said), "{error}\n not {said}");
    }
    let missing = FeedPlan::open(&folder.path().join("none"), Format::Mbo, PlanOptions::default(), 4);
    assert!(missing.map(|_| ()).unwrap_err().to_string().starts_with("reading "));
}
