//! Accounts that live in one partition: names are counted up until enough of them land there.

use hoga_core::AccountId;
use hoga_core::records::Side;
use hoga_topics::partitioner::partition;

/// The accounts of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accounts {
    buyers: Vec<AccountId>,
    sellers: Vec<AccountId>,
}

impl Accounts {
    /// `each` buyers and as many sellers, nobody both, so that no account ever meets itself.
    pub fn disjoint(prefix: &str, each: usize, at: u32, partitions: u32) -> Self {
        let buyers = named(&format!("{prefix}-b"), each, at, partitions);
        let sellers = named(&format!("{prefix}-s"), each, at, partitions);
        Self { buyers, sellers }
    }

    /// `count` accounts that trade both sides.
    pub fn shared(prefix: &str, count: usize, at: u32, partitions: u32) -> Self {
        let both = named(&format!("{prefix}-a"), count, at, partitions);
        Self { buyers: both.clone(), sellers: both }
    }

    /// The account of a number on a side: always the same one.
    pub fn of(&self, side: Side, number: u64) -> &AccountId {
        let list = self.on(side);
        &list[(number % list.len() as u64) as usize]
    }

    /// All that buy, or all that sell.
    pub fn on(&self, side: Side) -> &[AccountId] {
        match side {
            Side::Buy => &self.buyers,
            Side::Sell => &self.sellers,
        }
    }

    /// How many different accounts there are.
    pub fn count(&self) -> usize {
        if self.buyers == self.sellers { self.buyers.len() } else { self.buyers.len() + self.sellers.len() }
    }
}

fn named(prefix: &str, count: usize, at: u32, partitions: u32) -> Vec<AccountId> {
    let names = (1u64..).map(|number| format!("{prefix}{number}"));
    let here = names.filter(|name| partition(name.as_bytes(), partitions) == at);
    here.take(count).map(|name| AccountId::unchecked(&name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_names_are_valid_different_and_in_the_partition() {
        let accounts = Accounts::disjoint("es", 64, 3, 4);
        let mut all: Vec<_> = accounts.on(Side::Buy).iter().chain(accounts.on(Side::Sell)).collect();
        assert!(all.iter().all(|name| name.check().is_ok() && partition(name.as_str().as_bytes(), 4) == 3));
        all.sort();
        all.dedup();
        assert_eq!((all.len(), accounts.count()), (128, 128));
        assert_eq!(Accounts::shared("x", 10, 0, 1).count(), 10);
    }
}
