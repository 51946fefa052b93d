//! Where the log differs from what its inputs give: the first differences in words, all of them in numbers.

use super::matcher::{Content, Told};
use hoga_core::records::RecordKind;
use hoga_core::{AccountId, Record, Symbol, Topic};
use hoga_schemas::Frame;
use hoga_schemas::json::{self, FieldDifference};
use hoga_topics::{ChannelKey, TopicPartition};
use std::collections::BTreeMap;
use std::fmt;

/// Accounts and symbols that are counted each; what differs of more is counted together.
const COUNTED: usize = 100_000;
/// How much of a record is shown.
const SHOWN_CHARS: usize = 400;

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The record differs from what is due there, in these fields (of [`FieldDifference`] the one is what stands there).
    Changed(Vec<FieldDifference>),
    /// The key differs: what stands there, what is due.
    Key(String, String),
    /// What is due (here as JSON) does not stand before the offset.
    Missing(String),
    /// Nothing like the record (here as JSON) is due.
    Invented(String),
    /// The record before it stands there once more.
    Doubled,
    /// It is due in another place.
    Moved,
    /// Its cause does not stand before it.
    NoCause,
    /// A number of the channel is missing; no reader accepts what follows from the offset on.
    Gap(u64),
    /// No reader goes on past it.
    Broken(String),
    /// The machine that reads it cannot go on.
    Stopped(String),
    /// A mark tells of more than there is.
    Lost(String),
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// In which partition.
    pub at: TopicPartition,
    /// At which offset; what is missing should stand before it.
    pub offset: u64,
    /// Which record.
    pub kind: Option<RecordKind>,
    /// Which machine wrote it, or should have.
    pub channel: Option<ChannelKey>,
    /// The offset in the machine's input that caused it.
    pub cause: Option<u64>,
    /// Whose.
    pub account: Option<AccountId>,
    /// What is traded.
    pub symbol: Option<Symbol>,
    /// What is wrong.
    pub what: What,
}

impl Difference {
    /// One that is about a place rather than a record.
    pub(super) fn at(at: TopicPartition, offset: u64, what: What) -> Self {
        Self { at, offset, kind: None, channel: None, cause: None, account: None, symbol: None, what }
    }

    /// Of a channel.
    pub(super) fn by(self, channel: ChannelKey) -> Self {
        Self { channel: Some(channel), ..self }
    }

    /// About a record.
    pub(super) fn of(self, content: &Content) -> Self {
        let record = decode(content);
        let record = record.as_ref();
        let account = record.and_then(Record::account).cloned();
        let symbol = record.and_then(Record::symbol).cloned();
        Self { kind: Some(content.kind), cause: Some(content.cause), account, symbol, ..self }
    }

    pub(super) fn told(at: TopicPartition, channel: ChannelKey, told: Told) -> Self {
        let (offset, content, what) = match told {
            Told::Changed { offset, found, due } => {
                let what = changed(&found, &due);
                (offset, found, what)
            }
            Told::Missing { before, due } => (before, due.clone(), What::Missing(shown(&due))),
            Told::Invented { offset, found } => (offset, found.clone(), What::Invented(shown(&found))),
            Told::Doubled { offset, found } => (offset, found, What::Doubled),
            Told::Moved { offset, found } => (offset, found, What::Moved),
        };
        Self::at(at, offset, what).by(channel).of(&content)
    }
}

fn changed(found: &Content, due: &Content) -> What {
    if found.key() != due.key() {
        let text = |content: &Content| String::from_utf8_lossy(content.key()).into_owned();
        return What::Key(text(found), text(due));
    }
    match (decode(found), decode(due)) {
        (Some(one), Some(other)) => What::Changed(json::differences(&one, &other)),
        _ => What::Invented("bytes that do not decode".into()),
    }
}

fn decode(content: &Content) -> Option<Record> {
    let schema_id = hoga_schemas::schema_id(content.kind);
    hoga_schemas::decode(&Frame { kind: content.kind, schema_id, origin: None, content: content.content() }).ok()
}

fn shown(content: &Content) -> String {
    let text = decode(content).map_or_else(|| "bytes that do not decode".into(), |it| json::to_json(&it).to_string());
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.at, self.offset)?;
        let separator = if self.kind.is_some() { ": " } else { "" };
        f.write_str(separator)?;
        if let Some(kind) = self.kind {
            write!(f, "{kind}")?;
        }
        let about = [self.account.as_ref().map(AccountId::as_str), self.symbol.as_ref().map(Symbol::as_str)];
        for (word, name) in [" of ", " in "].into_iter().zip(about) {
            if let Some(name) = name {
                write!(f, "{word}{name}")?;
            }
        }
        if let Some(channel) = self.channel {
            write!(f, " by {channel}")?;
            if let Some(cause) = self.cause {
                let input = TopicPartition::new(channel.machine.input(), channel.partition);
                write!(f, ", caused by {input}@{cause}")?;
            }
        }
        write!(f, ": {}", self.what)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(fields) if fields.is_empty() => f.write_str("other bytes than are due"),
            Self::Changed(fields) => {
                for (index, FieldDifference { field, one, other }) in fields.iter().enumerate() {
                    let comma = if index > 0 { "; " } else { "" };
                    write!(f, "{comma}{field} is {one}, due is {other}")?;
                }
                Ok(())
            }
            Self::Key(found, due) => write!(f, "its key is {found:?}, due is {due:?}"),
            Self::Missing(record) => write!(f, "missing before this offset: {record}"),
            Self::Invented(record) => write!(f, "invented, nothing like it is due: {record}"),
            Self::Doubled => f.write_str("doubled: the record before it once more, under another number"),
            Self::Moved => f.write_str("out of order: it is due in another place"),
            Self::NoCause => f.write_str("its cause does not stand before it"),
            Self::Gap(number) => {
                write!(f, "number {number} is missing: no reader accepts what the channel has from here on")
            }
            Self::Broken(why) => write!(f, "no reader goes on: {why}"),
            Self::Stopped(why) => write!(f, "its machine cannot go on: {why}"),
            Self::Lost(what) => f.write_str(what),
        }
    }
}

/// All differences, counted; the first of them in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// The first that were found.
    pub first: Vec<Difference>,
    /// How many of these are kept.
    pub(super) kept: usize,
    /// All.
    pub total: u64,
    /// By topic.
    pub topics: BTreeMap<Topic, u64>,
    /// By account.
    pub accounts: BTreeMap<AccountId, u64>,
    /// By symbol.
    pub symbols: BTreeMap<Symbol, u64>,
}

impl Differences {
    /// None yet; of those that come the first so many are told in words.
    pub(super) fn keeping(kept: usize) -> Self {
        Self { kept, ..Self::default() }
    }

    /// Takes what a matcher told of a channel in a partition.
    pub(super) fn told(&mut self, at: TopicPartition, channel: ChannelKey, told: Told) {
        if self.first.len() < self.kept {
            return self.add(Difference::told(at, channel, told));
        }
        // Words are dear, and of a log that differs everywhere nobody reads them all.
        let record = decode(told.content());
        self.count(at.topic, record.as_ref().and_then(Record::account), record.as_ref().and_then(Record::symbol));
    }

    pub(super) fn add(&mut self, difference: Difference) {
        self.count(difference.at.topic, difference.account.as_ref(), difference.symbol.as_ref());
        if self.first.len() < self.kept {
            self.first.push(difference);
        }
    }

    fn count(&mut self, topic: Topic, account: Option<&AccountId>, symbol: Option<&Symbol>) {
        self.total += 1;
        *self.topics.entry(topic).or_default() += 1;
        count(&mut self.accounts, account);
        count(&mut self.symbols, symbol);
    }
}

fn count<T: Ord + Clone>(counts: &mut BTreeMap<T, u64>, of: Option<&T>) {
    let Some(of) = of else { return };
    if let Some(count) = counts.get_mut(of) {
        *count += 1;
    } else if counts.len() < COUNTED {
        counts.insert(of.clone(), 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hoga_core::MachineKind;

    fn of(account: &str, symbol: Option<&str>, what: What) -> Difference {
        let channel = ChannelKey { machine: MachineKind::Holds, partition: 1 };
        Difference {
            kind: Some(RecordKind::HeldOrder),
            cause: Some(7),
            account: Some(AccountId::unchecked(account)),
            symbol: symbol.map(Symbol::unchecked),
            ..Difference::at(TopicPartition::new(Topic::Books, 2), 9, what).by(channel)
        }
    }

    #[test]
    fn each_difference_is_told_in_words() {
        let field = |field: &str, one: &str, other: &str| FieldDifference {
            field: field.into(),
            one: one.into(),
            other: other.into(),
        };
        let cases = [
            (What::Changed(vec![]), "other bytes than are due"),
            (What::Changed(vec![field("fee", "1", "2")]), "fee is 1, due is 2"),
            (
                What::Changed(vec![field("fee", "1", "2"), field("price", "3", "4")]),
                "fee is 1, due is 2; price is 3, due is 4",
            ),
            (What::Key("a".into(), "b".into()), "its key is \"a\", due is \"b\""),
            (What::Missing("{}".into()), "missing before this offset: {}"),
            (What::Invented("{}".into()), "invented, nothing like it is due: {}"),
            (What::Doubled, "doubled: the record before it once more, under another number"),
            (What::Moved, "out of order: it is due in another place"),
            (What::NoCause, "its cause does not stand before it"),
            (What::Gap(5), "number 5 is missing: no reader accepts what the channel has from here on"),
            (What::Broken("why".into()), "no reader goes on: why"),
            (What::Stopped("why".into()), "its machine cannot go on: why"),
            (What::Lost("a mark".into()), "a mark"),
        ];
        for (what, words) in cases {
            let text = of("alice", Some("X"), what).to_string();
            assert!(text.starts_with("books/2@9: HeldOrder of alice in X"), "{text}");
            assert!(text.contains("caused by accounts/1@7") && text.ends_with(&format!(": {words}")), "{text}");
        }
        let place = Difference::at(TopicPartition::new(Topic::Books, 2), 9, What::NoCause);
        assert_eq!(place.to_string(), "books/2@9: its cause does not stand before it");
    }

    #[test]
    fn all_are_counted_and_the_first_are_kept() {
        let mut differences = Differences::keeping(2);
        for (account, symbol) in [("alice", Some("X")), ("bob", Some("X")), ("alice", None)] {
            differences.add(of(account, symbol, What::Doubled));
        }
        let accounts = [("alice", 2), ("bob", 1)].map(|(name, count)| (AccountId::unchecked(name), count));
        assert_eq!((differences.total, differences.first.len()), (3, 2));
        assert_eq!(differences.topics, BTreeMap::from([(Topic::Books, 3)]));
        assert_eq!(differences.accounts, BTreeMap::from(accounts));
        assert_eq!(differences.symbols, BTreeMap::from([(Symbol::unchecked("X"), 2)]));
    }
}
