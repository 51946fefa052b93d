//! The settings as documentation: docs/configuration.md, and the table of `hoga config`.

use super::{Resolved, SETTINGS};
use std::io;

/// docs/configuration.md, for the test that keeps it up to date. It compares; `HOGA_UPDATE=1 cargo test -p hoga` writes it.
#[cfg(test)]
pub fn markdown() -> String {
    use crate::config::{Config, OTHER_VARIABLES};
    use crate::exit::EXIT_CODES;
    use std::fmt::Write as _;

    let defaults = Config::default();
    let mut text = String::from(
        "# Configuration\n\n\
         Made from `hoga/src/config/table.rs` by `HOGA_UPDATE=1 cargo test -p hoga`; a test compares.\n\n\
         A setting is given as a flag, in the environment, or in a TOML file (`--config FILE`, `HOGA_CONFIG`, else \
         `hoga.toml` in the working folder). A flag goes before the environment, that before the file, that before \
         the default. A key that is not in this table is refused by name. `hoga config` prints the values in force \
         and where each comes from.\n\n\
         | key in the file | flag | environment | default | what it does |\n| --- | --- | --- | --- | --- |\n",
    );
    for setting in SETTINGS {
        let default = (setting.get)(&defaults);
        let default = if default.is_empty() { "–".into() } else { format!("`{default}`") };
        let fixed = if setting.fixed { " **Fixed when a log is made.**" } else { "" };
        let (key, flag, value, env, help) = (setting.key, setting.flag(), setting.value, setting.env(), setting.help);
        let _ = writeln!(text, "| `{key}` | `--{flag} {value}` | `{env}` | {default} | {help}.{fixed} |");
    }
    text.push_str(
        "\nWhat is fixed when a log is made shapes the records that machines write: with another value the same input \
         would replay to other effects. It is stored with the log (in `settings.json` beside an embedded one, as the first record of \
         `control` and in the shape of the topics on Kafka); a later run uses the stored value, and refuses one that is \
         given and different.\n\n\
         ## Exit codes\n\n| code | meaning |\n| --- | --- |\n",
    );
    for (code, meaning) in EXIT_CODES {
        let _ = writeln!(text, "| {code} | {meaning} |");
    }
    text.push_str(
        "\n## Other environment variables\n\nAny other name that begins with `HOGA_` is told on stderr and counts for nothing.\n\n| name | for |\n| --- | --- |\n",
    );
    for (name, what) in OTHER_VARIABLES {
        let _ = writeln!(text, "| `{name}` | {what} |");
    }
    text
}

/// The values in force, as a table.
pub fn print(resolved: &Resolved, out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(out, "{:<22} {:<32} FROM", "SETTING", "VALUE")?;
    for setting in SETTINGS {
        let value = (setting.get)(&resolved.config);
        let value = if value.is_empty() { "–".into() } else { value };
        writeln!(out, "{:<22} {value:<32} {}", setting.key, resolved.source(setting.key).name())?;
    }
    Ok(())
}
