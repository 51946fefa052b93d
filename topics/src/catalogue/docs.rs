//! docs/topics.md, made from the table; a test compares, `HOGA_UPDATE=1` writes.

use super::{KeyKind, TopicSpec, all, of};
use hoga_core::records::RecordKind;
use hoga_core::{MachineKind, Topic};
use std::fmt::Write;
use std::path::Path;

#[test]
fn the_page_is_what_the_table_makes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/topics.md");
    let page = page();
    if std::env::var_os("HOGA_UPDATE").is_some() {
        std::fs::write(&path, page).unwrap();
        return;
    }
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stands == page, "docs/topics.md is behind the catalogue; run HOGA_UPDATE=1 cargo test -p hoga-topics");
}

fn page() -> String {
    let mut page = String::from(HEAD);
    page += "\n| topic | key | partitions | written by | read by | kept |\n| --- | --- | --- | --- | --- | --- |\n";
    for spec in all() {
        let TopicSpec { topic, partitions, kept, .. } = spec;
        let (key, writers, readers) = (spec.key.name(), writers(spec).join("; "), readers(spec));
        writeln!(page, "| [{topic}](#{topic}) | {key} | {partitions} | {writers} | {readers} | {kept} |").unwrap();
    }
    page += "\n## Each topic\n";
    for spec in all() {
        section(&mut page, spec);
    }
    page += TAIL;
    page += "\n| machine | reads | writes | its time |\n| --- | --- | --- | --- |\n";
    for machine in MachineKind::ALL.iter().copied() {
        let writes = names(machine.outputs().iter().copied());
        let time = if machine.keeps_time() { "clock records" } else { "each record's append time" };
        writeln!(page, "| {machine} | {} | {writes} | {time} |", machine.input()).unwrap();
    }
    page
}

fn section(page: &mut String, spec: &TopicSpec) {
    let TopicSpec { topic, about, .. } = spec;
    writeln!(page, "\n### {topic}\n\n{}{}.\n", about[..1].to_uppercase(), &about[1..]).unwrap();
    writeln!(page, "| record | schema id | without origin from |\n| --- | --- | --- |").unwrap();
    for kind in spec.carries {
        let from: Vec<_> = spec.unsequenced.iter().filter(|writer| writer.kinds.contains(kind)).collect();
        let from = from.iter().map(|writer| writer.who).collect::<Vec<_>>().join(", ");
        let from = if from.is_empty() { "nobody" } else { &from };
        writeln!(page, "| [{kind}](../schemas/avro/{kind}.avsc) | {} | {from} |", hoga_schemas::schema_id(*kind))
            .unwrap();
    }
    if spec.takes_claims() {
        let machines = spec.writing_machines().map(MachineKind::name).collect::<Vec<_>>().join(", ");
        let id = hoga_schemas::schema_id(RecordKind::Claim);
        writeln!(
            page,
            "| [Claim](../schemas/avro/Claim.avsc) (copy, raises the epoch) | {id} | owners of {machines} |"
        )
        .unwrap();
    }
}

fn writers(spec: &TopicSpec) -> Vec<String> {
    let machines = spec.writing_machines().map(|machine| machine.name().to_owned());
    machines.chain(spec.unsequenced.iter().map(|writer| writer.who.to_owned())).collect()
}

fn readers(spec: &TopicSpec) -> String {
    let machine = spec.reading_machine().map(MachineKind::name);
    machine.into_iter().chain(spec.readers.iter().copied()).collect::<Vec<_>>().join(", ")
}

fn names(topics: impl Iterator<Item = Topic>) -> String {
    topics.map(Topic::name).collect::<Vec<_>>().join(", ")
}

#[test]
fn what_the_page_says_of_keys_holds() {
    let spread: Vec<_> = all().filter(|spec| spec.key == KeyKind::Account).map(|spec| spec.topic).collect();
    assert_eq!(spread, [Topic::Orders, Topic::Accounts, Topic::OrderEvents, Topic::Journal]);
    assert_eq!(of(Topic::Control).key, KeyKind::None);
}

const HEAD: &str = "\
# Topics

Made from `topics/src/catalogue/table.rs` by `HOGA_UPDATE=1 cargo test -p hoga-topics`; a test compares.

This page is for whoever reads or writes hoga's topics with something else than hoga: ksqlDB, Flink, ClickHouse, a Python consumer. \
What the records mean is in the schemas (`schemas/avro`), what machines do with them in [architecture.md](architecture.md).
";

const TAIL: &str = r#"
## Reading a record

**Value.** The Confluent framing: one byte 0, the schema id (4 bytes, big endian), then Avro binary. Ids are fixed: those of the tables above. A subject per record (TopicRecordNameStrategy): `<topic>-hoga.<record>`, so one topic may carry several records. Prices, quantities and amounts are `decimal(38,10)` in bytes, times `timestamp-millis`. Unknown ids, other first bytes and bytes behind the record are errors; a null value (a tombstone) is no record and means nothing here.

**Key.** Plain UTF-8 without a schema: the account, the symbol, or what the table says; empty where there is none. Copies of claims have the key `machine/partition` of the machine that is claimed. Clock records stand in the partition of their machine, with an empty key.

**Partition.** As Java's default partitioner: murmur2 (seed 0x9747b28c) of the key's bytes, the sign bit masked, modulo the number of partitions; in librdkafka `partitioner=murmur2_random`. The number of partitions is fixed when the log is made: a key never moves. Records for every partition (listings, copies of claims) are in each, whatever their key.

**Order.** Within a partition only. `accounts` and `books` hold in one order everything that can move an account or a book.

**Time.** A record's timestamp is the time of its append, which never goes back in a partition; in a recorded log it is the time that was recorded.

## Accepted and dropped

A topic may hold a record twice after a crash, and records of an owner that was asleep and has been replaced. It never holds two different records of one number that both count. Whoever wants each record once does this for each partition:

1. A **claim** names a machine, its partition and an epoch: remember the highest epoch of each (machine, partition).
2. A record with an **origin** belongs to the channel (machine, partition) of that origin. Drop it if its epoch is below the channel's highest claim, or if no claim with its epoch has been read. Accept it if its number is the last accepted number of the channel plus one; numbers begin at 1. Drop it if its number is not higher than that: it is a repeat. Drop it too if it is further ahead: the missing number comes later, and this one comes again behind it.
3. A record **without origin** counts only if the table of its topic names who may write it so; others are forged, drop them.
4. To check that nothing was lost or changed, compare the **hash**: XXH3-64, seeded with the channel's hash before it (0 at first), of schema id (u32), cause (u64), length of the key (u32), all little endian, the key, and the Avro body behind `origin`. Another hash than the record's means: stop and say so.

In SQL, where a query cannot keep this state: group by (machine, partition, number) of the origin within a partition of the topic and take the first record of the highest epoch; records of a number have the same content unless their owner had been replaced.

Position, highest epochs and last numbers belong together: store them with what was made of the records, in one transaction.

## Retention

hoga alone cuts, at the front of a partition, never within it, and only when `hoga topics cut` says so. Nothing that is numbered is compacted. A reader that asks for an offset that is cut is told so and where the log begins; it never silently begins later. The embedded log drops whole segment files; what must be kept longer than its segment moves to the topic's kept file, offset and time unchanged.

Whatever the table says, these stay:

- of a machine's input, what is behind the oldest of its three newest usable snapshots: it can be restored from any of them, and so can its standbys;
- of what machines write, what their newest marks do not cover: their next owner reads it;
- of `owners`, what is behind the newest mark of a machine that has more to read;
- what is younger than the table says, by the time of the log itself, not of the computer that cuts;
- all of a recorded log, which a feed reads from its first record to go on.

`accounts` and `books` are to go once an archive has them. There is none yet, so they go only with `--without-archive`; what is cut can then never be replayed, and the snapshots are a part of the log: without them the machines cannot start.

**What is known at a cut.** Behind a cut nothing tells what was claimed and counted before it. So the highest epochs and last numbers of the partition's channels, and of `owners` who owns what, are stored in the folder `cuts` beside the log, and on the disk, before anything is dropped; hoga's readers begin with them. The folder belongs to the log as its segments do: keep it, copy it along.

**Readers that are not hoga's** go on from the position, epochs and numbers that they have stored; one that is further back than the cut has lost what is gone. A new one begins with nothing: it takes a channel's first record as the last accepted one, of the highest epoch that it meets. That is what hoga's own readers take, but for repeats and records of replaced owners that may stand right behind the cut.

## Who may write

Only those that the table names. Whoever may write to `orders` may trade for any account in it: accounts are authenticated by what stands in front of it. The embedded log belongs to one process, and to whoever may run programs as its user; on Kafka, ACLs enforce the table.

## Machines
"#;
