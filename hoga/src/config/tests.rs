//! Precedence, ranges, unknown keys, and the generated page.

use super::docs::markdown;
use super::*;

fn none(_: &str) -> Option<String> {
    None
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn flag_goes_before_environment_before_file_before_default() {
    let file = file("valid_for_s = 7\npartitions = 8\nlisten = \"127.0.0.1:1\"\n");
    let flag = |key: &str| (key == "listen").then(|| "127.0.0.1:3".to_owned());
    let env = |name: &str| match name {
        "HOGA_LISTEN" => Some("127.0.0.1:2".to_owned()),
        "HOGA_PARTITIONS" => Some("16".to_owned()),
        _ => None,
    };
    let resolved = resolve(flag, env, Some(file.path())).unwrap();
    let expected = [("listen", Source::Flag), ("partitions", Source::Environment), ("valid_for_s", Source::File)];
    for (key, source) in expected {
        assert_eq!(resolved.source(key), source, "{key}");
    }
    assert_eq!(resolved.source("log"), Source::Default);
    let config = resolved.config;
    assert_eq!((config.listen.port(), config.partitions, config.valid_for_s), (3, 16, 7));
}

#[test]
fn refuses_by_name_what_it_does_not_know_or_cannot_read() {
    for (text, says) in [
        ("data-dir = \"x\"", "unknown setting \"data-dir\"; the settings are data_dir"),
        ("partitions = 0", "partitions: \"0\" is not valid: it is from 1 to 1024"),
        ("partitions = 1.5", "partitions is not a text"),
        ("listen = \"0.0.0.0:7070\"", "only an address of this machine"),
        ("candle_intervals = [\"1m\", \"7h\"]", "divides a day"),
        ("candle_intervals = \"1x\"", "\"1x\" is no interval"),
        ("[machines]", "unknown setting \"machines\""),
        ("kafka = \"localhost\"", "\"localhost\" is no broker; write host:port"),
        ("kafka = \"a:9092,b:0\"", "\"b:0\" is no broker"),
        ("topic_prefix = \"a/b\"", "can begin a topic's name"),
        ("replication = 0", "it is from 1 to 100"),
        ("takeover_after_ms = 100", "it is from 200 to 600000"),
        ("partitions 4", "is not TOML"),
    ] {
        let error = resolve(none, none, Some(file(text).path())).unwrap_err();
        assert!(error.to_string().contains(says), "{text}: {error}");
        assert_eq!(error.code(), 2);
    }
    let error = resolve(none, none, Some(Path::new("no/such/file.toml"))).unwrap_err();
    assert!(error.to_string().contains("reading the configuration file no/such/file.toml"), "{error}");
}

#[test]
fn a_variable_that_is_none_is_told_by_name() {
    let names = ["HOGA_DATA_DIR", "HOGA_CONFIG", "HOGA_UPDATE_GOLDEN", "HOGA_TOPIC_PREFX", "HOME", "XHOGA_A"];
    let told = unknown_variables(names.iter().map(|name| (*name).to_owned()));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("environment HOGA_TOPIC_PREFX is no setting"), "{told:?}");
}

#[test]
fn what_is_shown_is_read_back() {
    let defaults = Config::default();
    for setting in SETTINGS.iter().filter(|setting| !(setting.get)(&defaults).is_empty()) {
        let mut config = Config::default();
        (setting.set)(&mut config, &(setting.get)(&defaults)).unwrap_or_else(|why| panic!("{}: {why}", setting.key));
        assert_eq!(config, defaults, "{}", setting.key);
    }
}

#[test]
fn the_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    if std::env::var_os("HOGA_UPDATE").is_some() {
        std::fs::write(&path, markdown()).unwrap();
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(page == markdown(), "docs/configuration.md is old: run HOGA_UPDATE=1 cargo test -p hoga");
}
