//! Logins, certificates and rights.

use super::brokers::Brokers;
use super::*;
use crate::Ack;

fn options_of(brokers: &Brokers, user: &str) -> KafkaOptions {
    KafkaOptions { client_settings: brokers.client_settings(user), topic_prefix: "s.".into(), ..brokers.options() }
}

/// What goes wrong when a record is sent and read; empty: nothing.
fn error_of(mut attempt: impl FnMut() -> Result<bool, LogError>, log: &KafkaLog) -> String {
    for _ in 0..600 {
        let seen = log.signal().version();
        match attempt() {
            Ok(true) => return String::new(),
            Ok(false) => log.signal().wait(seen, Duration::from_millis(50)),
            Err(error) => return error.to_string(),
        };
    }
    panic!("neither an error nor an answer");
}

/// A record is sent until it is known to be there.
fn send(log: &KafkaLog, topic: Topic) -> String {
    let mut writer = log.writer().unwrap();
    let mut acks = Vec::new();
    let attempt = || {
        if writer.in_flight() == 0 {
            writer.send(TopicPartition::new(topic, 0), b"k", b"v", None, 1)?;
            writer.flush()?;
        }
        writer.acks(&mut acks)?;
        Ok(acks.iter().any(|ack: &Ack| ack.offset.is_some()))
    };
    error_of(attempt, log)
}

fn read(log: &KafkaLog, topic: Topic) -> String {
    let mut reader = log.reader(TopicPartition::new(topic, 0), 0, Visibility::Written).unwrap();
    let mut records = Vec::new();
    error_of(|| reader.poll(1, &mut records).map(|()| !records.is_empty()), log)
}

fn assert_names(message: &str, parts: &[&str]) {
    assert!(!parts.is_empty() && parts.iter().all(|part| message.contains(part)), "{parts:?} in: {message}");
}

#[test]
fn whoever_lacks_a_login_or_a_right_is_told_which() {
    let Some(brokers) = Brokers::start(1, true) else { return };
    let connect = |options: &KafkaOptions| KafkaLog::connect(options.clone()).map(drop).unwrap_err().to_string();

    let mut wrong = options_of(&brokers, "operator");
    wrong.client_settings.insert("sasl.password".into(), "wrong".into());
    assert_names(&connect(&wrong), &[&brokers.addresses, "Authentication failed"]);
    let mut foreign = options_of(&brokers, "operator");
    // Not an authority of the brokers' certificate.
    let other = brokers.secret("other.pem");
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other", "-keyout", "/dev/null", "-out"])
        .arg(&other)
        .output();
    assert!(made.unwrap().status.success());
    foreign.client_settings.insert("ssl.ca.location".into(), other.display().to_string());
    assert_names(&connect(&foreign), &[&brokers.addresses, "certificate"]);
    let mut plain = options_of(&brokers, "operator");
    plain.client_settings.clear();
    assert_names(&connect(&plain), &[&brokers.addresses, "does the broker want TLS"]);
    let mut without_login = options_of(&brokers, "operator");
    without_login.client_settings.insert("security.protocol".into(), "SSL".into());
    assert_names(&connect(&without_login), &[&brokers.addresses, "does the broker want TLS or a login"]);

    let operator = options_of(&brokers, "operator");
    let refused = KafkaLog::create_topics(&operator).unwrap_err().to_string();
    assert_names(&refused, &["making the topic s.", "needs the operation Create on the topic s."]);
    KafkaLog::create_topics(&options_of(&brokers, "admin")).unwrap();
    brokers.allow("s.", "producer,reader");
    assert_names(
        &connect(&options_of(&brokers, "holds")),
        &["the topic s.owners is missing", "the operation Describe"],
    );

    let producer = KafkaLog::connect(options_of(&brokers, "producer")).unwrap();
    assert_eq!((send(&producer, Topic::Orders), read(&producer, Topic::Orders).is_empty()), (String::new(), false));
    assert_names(&read(&producer, Topic::Orders), &["orders/0", "the operation Read on the topic s.orders"]);
    let refused = send(&producer, Topic::Accounts);
    assert_names(&refused, &["s.accounts/0: Kafka refused a record", "the operation Write on the topic s.accounts"]);
    let group = Group::join(&options_of(&brokers, "producer"), "g", &[MachineKind::Admission], Duration::from_secs(6));
    let mut group = group.unwrap();
    let refused = (0..600).find_map(|_| group.poll(Duration::from_millis(50)).err()).expect("it is told").to_string();
    assert_names(&refused, &["taking part in the group g", "the operation Read on the group s.g"]);
    let reader = KafkaLog::connect(options_of(&brokers, "reader")).unwrap();
    assert_eq!(read(&reader, Topic::Orders), "");
    assert_names(&send(&reader, Topic::Orders), &["orders", "the operation Write"]);
    assert_names(&reader.cut(AT, 1).unwrap_err().to_string(), &["the operation Delete on the topic s.orders"]);
}
