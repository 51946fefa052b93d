//! The ledger as the topic `journal` tells it: balances of all accounts, the trial balance, and a hash of both.
//!
//! Invariants, each checked while reading:
//! 1. The postings of an entry sum to zero in each asset.
//! 2. A posting's balance is the balance before it and its amount.
//! 3. So the sum of all balances of an asset is zero, and after all input is consumed so is that of its clearing accounts.
//!
//! Left out on purpose: holds. They are reservations, not postings; an order's is in its newest order event.

use crate::exit::Failure;
use crate::reading;
use crate::stop::Stop;
use hoga_core::records::{JournalEntry, LedgerAccount, Posting};
use hoga_core::{AccountId, AssetCode, Decimal, Record, Topic};
use hoga_topics::{Log, TopicPartition};
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64;

/// One account of the ledger. All but members' accounts exist once for each partition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// In which asset.
    pub asset: AssetCode,
    /// What kind of account.
    pub ledger: LedgerAccount,
    /// In which accounts partition.
    pub partition: u32,
    /// Whose, for members.
    pub account: Option<AccountId>,
}

/// All balances.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    balances: BTreeMap<Line, Decimal>,
    /// How many entries were read.
    pub entries: u64,
}

impl Ledger {
    /// Reads the whole journal.
    pub fn read(log: &dyn Log, stop: &Stop) -> Result<Self, Failure> {
        let mut ledger = Self::default();
        ledger.read_until(log, stop, |_, _| true, &mut |_| {})?;
        Ok(ledger)
    }

    /// Reads the entries of the journal whose cause, a partition and offset of accounts, is `wanted`, and shows them.
    pub fn read_until(
        &mut self,
        log: &dyn Log,
        stop: &Stop,
        wanted: impl Fn(u32, u64) -> bool,
        show: &mut dyn FnMut(&JournalEntry),
    ) -> Result<(), Failure> {
        for partition in reading::partitions(log, Topic::Journal) {
            reading::each(log, partition, stop, |accepted, frame| {
                if !frame.origin.is_some_and(|origin| wanted(origin.partition, origin.cause)) {
                    return Ok(());
                }
                match reading::decode(partition, accepted.offset, frame)? {
                    Record::JournalEntry(entry) => {
                        show(&entry);
                        self.add(partition, accepted.offset, &entry)
                    }
                    _ => Ok(()),
                }
            })?;
        }
        Ok(())
    }

    fn add(&mut self, at: TopicPartition, offset: u64, entry: &JournalEntry) -> Result<(), Failure> {
        let wrong = |what: String| Failure::Refused(format!("{at}: entry {} at offset {offset}: {what}", entry.entry));
        let mut sums = BTreeMap::<&AssetCode, i128>::new();
        for posting in &entry.postings {
            *sums.entry(&posting.asset).or_default() += posting.amount.0;
            let balance = self.balances.entry(line(at, entry, posting)).or_default();
            let expected = Decimal(balance.0 + posting.amount.0);
            if expected != posting.balance {
                let (ledger, asset, told) = (posting.ledger, &posting.asset, posting.balance);
                return Err(wrong(format!("{ledger} {asset} should be {expected}, the posting says {told}")));
            }
            *balance = expected;
        }
        self.entries += 1;
        match sums.iter().find(|(_, sum)| **sum != 0) {
            Some((asset, sum)) => Err(wrong(format!("its postings in {asset} sum to {}, not to 0", Decimal(*sum)))),
            None => Ok(()),
        }
    }

    /// Every balance, by asset, kind of account, partition and owner.
    pub fn balances(&self) -> impl Iterator<Item = (&Line, Decimal)> {
        self.balances.iter().map(|(line, balance)| (line, *balance))
    }

    /// For each asset the sum over the kinds of account, and what all of them come to: zero, or money was lost.
    pub fn trial_balance(&self) -> BTreeMap<&AssetCode, TrialBalance> {
        let mut table = BTreeMap::<&AssetCode, TrialBalance>::new();
        for (line, balance) in self.balances() {
            let row = table.entry(&line.asset).or_default();
            let cell = match line.ledger {
                LedgerAccount::Member => &mut row.members,
                LedgerAccount::Fees => &mut row.fees,
                LedgerAccount::Clearing => &mut row.clearing,
                LedgerAccount::External => &mut row.external,
            };
            cell.0 += balance.0;
        }
        table
    }

    /// A hash of all balances that are not zero.
    pub fn hash(&self) -> u64 {
        let mut bytes = Vec::new();
        for (line, balance) in self.balances().filter(|(_, balance)| *balance != Decimal::ZERO) {
            let account = line.account.as_ref().map_or("", AccountId::as_str);
            bytes.extend(format!("{} {} {} {account} {balance}\n", line.asset, line.ledger, line.partition).bytes());
        }
        xxh3_64(&bytes)
    }
}

/// An asset's balances, summed by kind of account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrialBalance {
    /// What members have.
    pub members: Decimal,
    /// Fees earned.
    pub fees: Decimal,
    /// Owed between partitions.
    pub clearing: Decimal,
    /// The other side of deposits and withdrawals.
    pub external: Decimal,
}

impl TrialBalance {
    /// The sum of all.
    pub fn sum(&self) -> Decimal {
        Decimal(self.members.0 + self.fees.0 + self.clearing.0 + self.external.0)
    }
}

fn line(at: TopicPartition, entry: &JournalEntry, posting: &Posting) -> Line {
    Line {
        asset: posting.asset.clone(),
        ledger: posting.ledger,
        partition: at.partition,
        account: (posting.ledger == LedgerAccount::Member).then(|| entry.account.clone()),
    }
}
