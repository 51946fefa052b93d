//! What the log on Kafka counts: lag of the readers, sizes of batches, round trips, what went wrong.

use super::Page;
use hoga_topics::TopicPartition;
use hoga_topics::kafka::{Distribution, KafkaMetrics, ReaderMetrics};

/// Name, kind, help, and where the number is.
type Family<T> = (&'static str, &'static str, &'static str, fn(&T) -> u64);

const OF_READERS: &[Family<ReaderMetrics>] = &[
    ("hoga_kafka_reader_lag_records", "gauge", "Records that the reader has not taken yet", |r| r.lag),
    ("hoga_kafka_reader_next_offset", "gauge", "The next offset that the reader takes", |r| r.position),
    ("hoga_kafka_read_records_total", "counter", "Records taken", |r| r.records),
    ("hoga_kafka_read_bytes_total", "counter", "Bytes of their keys and values", |r| r.bytes),
];

const OF_LOG: &[Family<KafkaMetrics>] = &[
    ("hoga_kafka_written_records_total", "counter", "Records appended", |m| m.written_records),
    ("hoga_kafka_written_bytes_total", "counter", "Bytes of their keys and values", |m| m.written_bytes),
    ("hoga_kafka_unknown_records_total", "counter", "Records without an answer, which their writers send again", |m| {
        m.unknown_records
    }),
    ("hoga_kafka_in_flight_records", "gauge", "Records sent and not answered", |m| m.in_flight_records),
    ("hoga_kafka_lost_connections_total", "counter", "Connections lost or refused; each is tried again", |m| {
        m.lost_connections
    }),
    ("hoga_kafka_restarts_total", "counter", "Partitions, consumers and producers that the watchdog began anew", |m| {
        m.restarts
    }),
];

/// All families of the log.
pub fn log(page: &mut Page, metrics: &KafkaMetrics) {
    let readers = numbered(&metrics.readers);
    for (name, kind, help, of) in OF_READERS {
        page.family(name, kind, help);
        for (number, reader) in &readers {
            let TopicPartition { topic, partition } = reader.partition;
            page.line(name, &format!("topic=\"{topic}\",partition=\"{partition}\",reader=\"{number}\""), of(reader));
        }
    }
    for (name, kind, help, of) in OF_LOG {
        page.family(name, kind, help);
        page.line(name, "", of(metrics));
    }
    let read = "Records that came from Kafka at a time";
    histogram(page, "hoga_kafka_read_batch_records", read, &metrics.read_batch_records);
    let written = "Records handed to the producer at a time";
    histogram(page, "hoga_kafka_write_batch_records", written, &metrics.write_batch_records);
    let round_trip = "From handing a record to the producer to its answer, in microseconds";
    histogram(page, "hoga_kafka_round_trip_us", round_trip, &metrics.round_trip_us);
}

/// The readers by partition, those of one partition numbered: what tells them apart.
fn numbered(readers: &[ReaderMetrics]) -> Vec<(usize, &ReaderMetrics)> {
    let mut sorted: Vec<_> = readers.iter().collect();
    sorted.sort_by_key(|reader| reader.partition);
    let number = |(index, reader): (usize, &ReaderMetrics)| {
        sorted[..index].iter().rev().take_while(|before| before.partition == reader.partition).count()
    };
    sorted.iter().enumerate().map(|(index, reader)| (number((index, reader)), *reader)).collect()
}

fn histogram(page: &mut Page, name: &str, help: &str, values: &Distribution) {
    page.family(name, "histogram", help);
    let mut up_to = 0;
    for (bucket, count) in values.buckets.iter().enumerate() {
        up_to += count;
        let bound = Distribution::bound(bucket).map_or("+Inf".to_owned(), |bound| bound.to_string());
        page.line(&format!("{name}_bucket"), &format!("le=\"{bound}\""), up_to);
    }
    page.line(&format!("{name}_sum"), "", values.sum);
    page.line(&format!("{name}_count"), "", values.count());
}

#[cfg(test)]
mod tests {
    use super::*;
    use hoga_core::Topic;
    use hoga_topics::kafka::BUCKETS;

    fn reader(topic: Topic, partition: u32, lag: u64) -> ReaderMetrics {
        let partition = TopicPartition::new(topic, partition);
        ReaderMetrics { partition, position: 7, lag, records: 6, bytes: 600 }
    }

    fn times(values: &[(usize, u64)], sum: u64) -> Distribution {
        let mut buckets = [0; BUCKETS];
        values.iter().for_each(|(bucket, count)| buckets[*bucket] = *count);
        Distribution { buckets, sum }
    }

    #[test]
    fn readers_of_a_partition_are_told_apart_and_buckets_add_up() {
        let (books, accounts) = (reader(Topic::Books, 1, 3), reader(Topic::Accounts, 1, 4));
        let metrics = KafkaMetrics {
            readers: vec![books.clone(), accounts, reader(Topic::Books, 1, 5)],
            written_records: 41,
            round_trip_us: times(&[(0, 1), (10, 2), (BUCKETS - 1, 1)], 99_000_000),
            ..KafkaMetrics::default()
        };
        let mut page = Page::default();
        log(&mut page, &metrics);
        let text = page.into_text();
        let lines: Vec<_> = text.lines().filter(|line| line.starts_with("hoga_kafka_reader_lag")).collect();
        assert_eq!(
            lines,
            [
                "hoga_kafka_reader_lag_records{topic=\"accounts\",partition=\"1\",reader=\"0\"} 4",
                "hoga_kafka_reader_lag_records{topic=\"books\",partition=\"1\",reader=\"0\"} 3",
                "hoga_kafka_reader_lag_records{topic=\"books\",partition=\"1\",reader=\"1\"} 5",
            ]
        );
        for line in [
            "# TYPE hoga_kafka_written_records_total counter",
            "hoga_kafka_written_records_total 41",
            "# TYPE hoga_kafka_round_trip_us histogram",
            "hoga_kafka_round_trip_us_bucket{le=\"1\"} 1",
            "hoga_kafka_round_trip_us_bucket{le=\"512\"} 1",
            "hoga_kafka_round_trip_us_bucket{le=\"1024\"} 3",
            "hoga_kafka_round_trip_us_bucket{le=\"+Inf\"} 4",
            "hoga_kafka_round_trip_us_sum 99000000",
            "hoga_kafka_round_trip_us_count 4",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
