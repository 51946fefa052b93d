//! The acts: what is done to processes and brokers, and how long it takes until work goes on.
//!
//! Invariant: recovery is from just before the fault until each machine's partition that it hit, and that had work, is at
//! work again (`watch.rs` says when), the last of these counting.

use super::arena::Arena;
use super::brokers::Brokers;
use super::member::was_killed;
use super::occasion::{Occasion, occasion};
use super::schedule::{Act, Who};
use super::watch::{New, Seat};
use crate::exit::Failure;
use crate::posting::now;
use hoga_core::MachineKind;
use hoga_runtime::FailPoint;
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A fail point that is not met within this is told as such.
const POINT_WITHIN: Duration = Duration::from_secs(90);

impl Arena {
    /// Does it; afterwards every machine has its owner and standby again. What it came to, in words.
    pub fn act(&mut self, act: &Act) -> Result<String, Failure> {
        self.outcome.clear();
        match *act {
            Act::Kill { who } => self.kill(who)?,
            Act::Point { who, point, passes } => self.point(who, point, passes)?,
            Act::Late { who, asleep_ms } => self.late(who, asleep_ms)?,
            Act::BrokerKill { pick, away_ms } => self.kill_broker(pick, away_ms)?,
            Act::BrokerPause { pick, ms } => self.pause_broker(pick, ms)?,
            Act::BrokerRestart { pick } => self.restart_broker(pick)?,
            Act::Frames { seed, ms } => self.disturb_frames(seed, ms)?,
        }
        self.settle()?;
        Ok(self.outcome.join(", "))
    }

    fn kill(&mut self, who: Who) -> Result<(), Failure> {
        self.look()?;
        let owned = self.owned_by(who);
        let began = self.expect(&owned)?;
        self.member(who).kill();
        self.totals.kills += 1;
        self.recovered(who.kind.name(), began)?;
        self.member(who).start(None)
    }

    fn point(&mut self, who: Who, point: FailPoint, passes: u64) -> Result<(), Failure> {
        self.member(who).end()?;
        self.member(who).start(Some(&format!("{point}:{passes}")))?;
        let met = match occasion(point) {
            Occasion::Start | Occasion::Work => self.dies_by_itself(who)?,
            Occasion::HandOver => {
                self.settle_with(who)?;
                self.dies_when_told(who)?
            }
            Occasion::Drain => self.dies_when_alone(who)?,
            Occasion::Wake => {
                self.settle_with(who)?;
                self.sleep(who, 0)?;
                self.died(who)?
            }
        };
        let into = if met { &mut self.totals.kills_by_point } else { &mut self.totals.points_not_met };
        *into.entry(point.to_string()).or_default() += 1;
        if !met {
            self.outcome.push("the point was not met".into());
        }
        self.member(who).kill();
        self.member(who).start(None)
    }

    fn dies_by_itself(&mut self, who: Who) -> Result<bool, Failure> {
        if !self.died(who)? {
            return Ok(false);
        }
        let began = Instant::now();
        self.look()?;
        let owned = self.owned_by(who);
        self.expect(&owned)?;
        self.recovered(who.kind.name(), began)?;
        Ok(true)
    }

    fn dies_when_told(&mut self, who: Who) -> Result<bool, Failure> {
        self.member(who).signal(Signal::TERM)?;
        self.died(who)
    }

    /// Kills its partner, waits until it has all, and ends it: nobody stands by, so it drains.
    fn dies_when_alone(&mut self, who: Who) -> Result<bool, Failure> {
        self.settle_with(who)?;
        self.member(who.partner()).kill();
        let seats = self.seats().into_iter().filter(|(kind, _)| *kind == who.kind).count();
        self.until(&format!("{who} has taken over"), |arena| Ok(arena.owned_by(who).len() == seats))?;
        let met = self.dies_when_told(who)?;
        self.member(who.partner()).start(None)?;
        Ok(met)
    }

    /// Waits until a process owns what it wants, and its partner stands by.
    fn settle_with(&mut self, who: Who) -> Result<(), Failure> {
        self.until(&format!("{who} owns what it wants and {} stands by", who.partner()), |arena| {
            arena.member(who).check()?;
            Ok(arena.owned_by(who).len() >= 2 && arena.is_all_settled(|kind| kind == who.kind))
        })
    }

    /// Whether a process kills itself in time; that it ends otherwise is a finding.
    fn died(&mut self, who: Who) -> Result<bool, Failure> {
        let stop = self.stop.clone();
        match self.member(who).wait(POINT_WITHIN, &stop)? {
            Some(status) if was_killed(status) => Ok(true),
            // Told to end, it ended before it came there.
            Some(status) if status.success() => Ok(false),
            Some(status) => {
                let said = self.member(who).last_words();
                Err(Failure::Refused(format!("{who} ended, {status}, instead of dying at a fail point; {said}")))
            }
            None => {
                self.check()?;
                Ok(false)
            }
        }
    }

    fn late(&mut self, who: Who, asleep_ms: u64) -> Result<(), Failure> {
        self.look()?;
        // Machines stay where they went: one of a pair may own all, and who owns nothing is replaced by nobody.
        let owner = if self.owned_by(who).is_empty() { who.partner() } else { who };
        if owner != who {
            self.outcome.push(format!("in its place {owner}, which owned all"));
        }
        self.sleep(owner, asleep_ms)?;
        self.totals.late_wakers += 1;
        Ok(())
    }

    /// SIGSTOP until all that it owned is another's, and a while longer; then SIGCONT.
    fn sleep(&mut self, who: Who, longer_ms: u64) -> Result<(), Failure> {
        self.look()?;
        let owned = self.owned_by(who);
        let began = self.expect(&owned)?;
        self.member(who).signal(Signal::STOP)?;
        let replaced = self
            .until(&format!("{who}, which sleeps, is replaced"), |arena| Ok(arena.owned_by(who).is_empty()))
            .and_then(|()| self.recovered(&format!("{}-asleep", who.kind.name()), began))
            .and_then(|()| self.rest(longer_ms));
        self.member(who).signal(Signal::CONT)?;
        replaced
    }

    fn kill_broker(&mut self, pick: u64, away_ms: u64) -> Result<(), Failure> {
        let began = self.expect_trades(self.trading());
        let node = self.brokers()?.pick(pick);
        self.brokers()?.signal(node, Signal::KILL)?;
        self.rest(away_ms)?;
        self.brokers()?.mend()?;
        self.totals.broker_kills += 1;
        self.recovered("broker-kill", began)
    }

    fn pause_broker(&mut self, pick: u64, ms: u64) -> Result<(), Failure> {
        let trading = self.trading();
        let node = self.brokers()?.pick(pick);
        self.brokers()?.signal(node, Signal::STOP)?;
        let rested = self.rest(ms);
        let began = self.expect_trades(trading);
        self.brokers()?.signal(node, Signal::CONT)?;
        rested?;
        self.totals.broker_pauses += 1;
        self.recovered("broker-pause", began)
    }

    fn restart_broker(&mut self, pick: u64) -> Result<(), Failure> {
        let began = self.expect_trades(self.trading());
        let node = self.brokers()?.pick(pick);
        self.brokers()?.signal(node, Signal::TERM)?;
        while self.brokers()?.is_alive(node) {
            self.rest(50)?;
        }
        self.brokers()?.mend()?;
        self.brokers()?.spread_leaders()?;
        self.totals.broker_restarts += 1;
        self.recovered("broker-restart", began)
    }

    fn disturb_frames(&mut self, seed: u64, ms: u64) -> Result<(), Failure> {
        let what = "frames are disturbed only by a proxy between hoga and the brokers (--proxy)";
        let proxy = self.proxy.as_ref().ok_or_else(|| Failure::Usage(what.into()))?;
        let trading = self.trading();
        proxy.set(Some(seed));
        let rested = self.rest(ms);
        let began = self.expect_trades(trading);
        if let Some(proxy) = &self.proxy {
            proxy.set(None);
            for (what, count) in proxy.take_done() {
                *self.totals.frames.entry(what).or_default() += count;
            }
        }
        rested?;
        self.totals.schedules += 1;
        self.recovered("frames", began)
    }

    fn brokers(&mut self) -> Result<&mut Brokers, Failure> {
        self.brokers.as_mut().ok_or_else(|| {
            Failure::Usage("brokers are touched only where --brokers-dir says which; scripts/kafka starts such".into())
        })
    }

    /// Begins to wait for whoever replaces the owner of these, as far as they have work; the time now.
    fn expect(&mut self, owned: &BTreeMap<Seat, u64>) -> Result<Instant, Failure> {
        let mut expected = BTreeMap::new();
        for (&seat, &epoch) in owned.iter().filter(|(seat, _)| self.watch.is_busy(**seat)) {
            expected.insert(seat, New::AfterEpoch { epoch, input_end: self.input_end(seat)? });
        }
        self.watch.expect(expected);
        Ok(Instant::now())
    }

    /// The partitions that trade now.
    fn trading(&self) -> Vec<Seat> {
        self.watch.busy(MachineKind::Matching)
    }

    /// Begins to wait for a trade in each of these partitions.
    fn expect_trades(&mut self, trading: Vec<Seat>) -> Instant {
        let time = now().0;
        self.watch.expect(trading.into_iter().map(|seat| (seat, New::AfterTime(time))).collect());
        Instant::now()
    }

    /// Waits until all that is expected came, and notes how long it took. Nothing expected is nothing to note.
    fn recovered(&mut self, what: &str, began: Instant) -> Result<(), Failure> {
        self.until(&format!("work goes on after a fault ({what})"), |arena| Ok(arena.watch.to_come().is_empty()))?;
        if let Some(came) = self.watch.all_came() {
            let took = came.saturating_duration_since(began).as_millis() as u64;
            self.totals.recovery_ms.entry(what.to_owned()).or_default().push(took);
            self.outcome.push(format!("work went on after {}.{:03} s", took / 1_000, took % 1_000));
        }
        Ok(())
    }
}
