//! A script from a seed.
//!
//! The generator knows what it has let happen, not what came of it: who is asleep, whom it has killed, how much time
//! has passed. Everything else the run finds out.

use crate::flow::Flow;
use crate::random::Random;
use crate::script::{Act, Damage, Forgery, Post, Script, Setup, Spoiling, Trouble, Way};
use hoga_core::{MachineKind, Topic};

/// Acts of a script after its setup.
const LEAST_ACTS: u64 = 500;
const MORE_ACTS: u64 = 900;
/// Processes at a time.
const MOST_PROCESSES: usize = 3;

/// How this seed's world is.
struct Climate {
    /// Faults in 1,000 acts.
    troubles: u64,
    /// Whether computers crash.
    crashes: bool,
    /// Whether owners' clocks are off.
    skews: bool,
    /// Commands in 1,000 acts.
    commands: u64,
}

/// A process that the generator knows to be there.
struct Known {
    number: u32,
    /// For so many acts more it does not read `owners`.
    blind: u32,
}

struct Generator {
    random: Random,
    setup: Setup,
    climate: Climate,
    flow: Flow,
    acts: Vec<Act>,
    processes: Vec<Known>,
    started: u32,
    /// Commands: when each was sent and how long it is valid.
    sent: Vec<(i64, i64)>,
    elapsed: i64,
    /// A machine that is not stepped for a while.
    napping: Option<(MachineKind, u32)>,
}

/// The script of a seed.
pub fn generate(seed: u64) -> Script {
    let mut random = Random::new(seed);
    let crashes = random.chance(450);
    let setup = Setup {
        seed,
        partitions: 1 + random.below(3) as u32,
        loses_unsynced: crashes,
        batch_records: 1 + random.below(9) as usize,
        undelivered_records: 4 + random.below(40) as usize,
        accounts_ahead_records: if random.chance(200) { 10 } else { 10_000 },
        snapshot_every_records: 3 + random.below(40),
        max_open_orders: 3 + random.below(20) as u32,
        max_client_ids: if random.chance(400) { 12 + random.below(60) as u32 } else { 400 },
        max_pending: 1 + random.below(4) as u32,
        depth_snapshot_every: 1 + random.below(12),
        last: *random.pick(&[Way::Alone, Way::Wanted, Way::Standby]),
    };
    let climate = Climate {
        troubles: *random.pick(&[0, 15, 40, 90]),
        crashes,
        skews: random.chance(300),
        commands: *random.pick(&[70, 120, 220]),
    };
    let (acts, processes, sent) = (Vec::new(), Vec::new(), Vec::new());
    let flow = Flow::new();
    let mut generator =
        Generator { random, setup, climate, flow, acts, processes, started: 0, sent, elapsed: 0, napping: None };
    generator.begin();
    for _ in 0..LEAST_ACTS + generator.random.below(MORE_ACTS) {
        generator.step();
    }
    generator.finish();
    Script { setup, acts: generator.acts }
}

impl Generator {
    fn post(&mut self, post: Post) {
        let valid = match &post {
            Post::Place { valid_ms, .. } | Post::Amend { valid_ms, .. } | Post::Cancel { valid_ms, .. } => *valid_ms,
            _ => 0,
        };
        let number = self.sent.len() as u32;
        self.sent.push((self.elapsed, valid));
        self.acts.push(Act::Post(number, post));
    }

    fn advance(&mut self, ms: i64) {
        self.elapsed += ms;
        self.acts.push(Act::Advance(ms));
    }

    /// Lists, opens, funds. In some worlds nobody waits until one thing is through before the next is sent.
    fn begin(&mut self) {
        self.started = 1;
        self.processes.push(Known { number: 0, blind: 0 });
        self.acts.push(Act::Start(0, if self.random.chance(500) { Way::Alone } else { Way::Wanted }));
        let patient = self.random.chance(800);
        let (listings, openings, fundings) = (self.flow.listings(), self.flow.openings(), self.flow.fundings());
        for posts in [listings, openings, fundings] {
            posts.into_iter().for_each(|post| self.post(post));
            if patient {
                self.acts.push(Act::Settle);
            }
        }
        self.acts.push(Act::Sync);
    }

    fn start(&mut self) {
        let process = self.started;
        let way = match self.random.below(10) {
            0..5 => Way::Alone,
            5..8 => Way::Wanted,
            _ => Way::Standby,
        };
        self.started += 1;
        // A newer process claims; an older one sometimes does not notice for a while.
        if self.random.chance(500)
            && let Some(older) = self.processes.last_mut()
        {
            older.blind = 20 + self.random.below(150) as u32;
        }
        self.processes.push(Known { number: process, blind: 0 });
        self.acts.push(Act::Start(process, way));
    }

    fn step(&mut self) {
        for process in &mut self.processes {
            process.blind = process.blind.saturating_sub(1);
        }
        let Climate { troubles, commands, .. } = self.climate;
        let die = self.random.below(1_000);
        if die < commands {
            let command = self.flow.command(&mut self.random);
            return self.post(command);
        }
        if die < commands + troubles {
            return self.trouble();
        }
        match self.random.below(1_000) {
            0..150 => self.pass_time(),
            150..166 => self.repeat(),
            166..178 => {
                let operation = self.flow.operation(&mut self.random);
                self.post(operation);
            }
            178..192 => {
                let tick = self.flow.tick(&mut self.random);
                self.post(tick);
            }
            192..204 => self.come_and_go(),
            204..208 if self.climate.crashes => self.crash(),
            208..214 => self.tear(),
            214..218 if self.climate.skews => self.skew(),
            218..230 => self.acts.push(Act::Sync),
            230..238 => self.forge(),
            238..248 => self.twist(),
            248..251 => self.burst(),
            251..254 => self.die_at_work(),
            254..258 => self.assign(),
            258..262 => self.napping = self.random.chance(600).then(|| self.machine()),
            _ => self.work(),
        }
    }

    fn pass_time(&mut self) {
        let ms = match self.random.below(300) {
            0 => self.random.between(60_000, 700_000),
            1..4 => self.random.between(3_000, 12_000),
            4..20 => self.random.between(300, 1_500),
            _ => self.random.between(1, 40),
        };
        self.advance(ms);
    }

    /// Sends a command again; some at the last moment at which they are valid, some just after.
    fn repeat(&mut self) {
        let number = self.random.below(self.sent.len() as u64) as u32;
        let (at, valid) = self.sent[number as usize];
        let left = at + valid - self.elapsed;
        if !(0..60_000).contains(&left) || self.random.chance(500) {
            return self.acts.push(Act::Repeat(number));
        }
        let past = self.random.between(0, 2);
        self.advance(left + past);
        let Some(process) = self.any_process() else { return self.acts.push(Act::Repeat(number)) };
        // The clock first, so that the machine's time has come there too.
        self.acts.extend([Act::Round(process), Act::Repeat(number), Act::Round(process)]);
    }

    fn partition(&mut self, topic: Topic) -> u32 {
        match topic {
            Topic::Owners | Topic::Control | Topic::Instruments | Topic::DeadLetters => 0,
            _ => self.random.below(u64::from(self.setup.partitions)) as u32,
        }
    }

    fn machine(&mut self) -> (MachineKind, u32) {
        use MachineKind::{Holds, Matching};
        // Where money moves, more goes wrong.
        let machine = if self.random.chance(450) {
            *self.random.pick(&[Holds, Matching])
        } else {
            *self.random.pick(MachineKind::ALL)
        };
        (machine, self.partition(machine.input()))
    }

    fn one_trouble(&mut self) -> Trouble {
        match self.random.below(5) {
            0 => Trouble::Lose,
            1 => Trouble::LoseAck,
            2 => Trouble::Repeat,
            3 => Trouble::Late(self.random.between(1, 400)),
            _ => Trouble::DelayAck(self.random.between(1, 400)),
        }
    }

    fn trouble(&mut self) {
        let topic = *self.random.pick(Topic::ALL);
        let partition = self.partition(topic);
        for _ in 0..1 + self.random.below(3) {
            let trouble = self.one_trouble();
            self.acts.push(Act::Fault(topic, partition, trouble));
        }
    }

    fn come_and_go(&mut self) {
        if self.processes.is_empty() || (self.processes.len() < MOST_PROCESSES && self.random.chance(550)) {
            return self.start();
        }
        let at = self.random.below(self.processes.len() as u64) as usize;
        let number = self.processes[at].number;
        if self.random.chance(250) {
            return self.acts.push(Act::Stop(number));
        }
        self.processes.remove(at);
        self.acts.push(Act::Kill(number));
    }

    fn crash(&mut self) {
        let kept = self.random.below(30);
        self.processes.clear();
        self.acts.push(Act::Crash(kept));
        self.start();
    }

    fn tear(&mut self) {
        let (machine, partition) = self.machine();
        let (newest, percent) = (self.random.below(3) as usize, self.random.below(100) as usize);
        let damage = *self.random.pick(&[Damage::Cut, Damage::Zeros, Damage::Flip, Damage::Flip]);
        self.acts.push(Act::Tear { machine, partition, newest, percent, damage });
    }

    fn skew(&mut self) {
        let Some(process) = self.any_process() else { return };
        let ms = *self.random.pick(&[-5_000, -900, 0, 0, 900, 1_500, 400_000]);
        self.acts.push(Act::Skew(process, ms));
    }

    fn any_process(&mut self) -> Option<u32> {
        // The newest most often: the others are the ones that sleep.
        let count = self.processes.len() as u64;
        let at = (count > 0).then(|| self.random.below(count).max(self.random.below(count)))?;
        Some(self.processes[at as usize].number)
    }

    fn assign(&mut self) {
        let (machine, partition) = self.machine();
        let Some(process) = self.any_process() else { return };
        let wanted = self.random.chance(600);
        self.acts.push(Act::Assign { process, machine, partition, wanted });
    }

    fn forge(&mut self) {
        let topic = *self.random.pick(&[Topic::Accounts, Topic::Books]);
        let forgery = *self.random.pick(&[
            Forgery::NoOrigin,
            Forgery::OldEpoch,
            Forgery::FutureEpoch,
            Forgery::FarNumber,
            Forgery::OldNumber,
            Forgery::WrongTopic,
        ]);
        let partition = self.partition(topic);
        self.acts.push(Act::Forge(topic, partition, forgery));
    }

    /// An owner that does not know yet that it is replaced goes on, and wrongly.
    fn twist(&mut self) {
        let (machine, partition) = self.machine();
        let Some(process) = self.processes.iter().find(|process| process.blind > 0).map(|process| process.number)
        else {
            return;
        };
        self.acts.push(Act::Twist { process, machine, partition });
        let steps = 1 + self.random.below(4) as u32;
        self.acts.push(Act::Run { process, machine, partition, steps });
    }

    fn burst(&mut self) {
        for _ in 0..10 + self.random.below(40) {
            let command = self.flow.command(&mut self.random);
            self.post(command);
        }
    }

    /// A process dies in the middle of a step: of what it sent a part is lost.
    fn die_at_work(&mut self) {
        let (machine, partition) = self.machine();
        let Some(process) = self.any_process() else { return };
        for topic in machine.outputs() {
            let to = self.partition(*topic);
            for _ in 0..self.random.below(4) {
                let trouble = if self.random.chance(700) { Trouble::Lose } else { Trouble::LoseAck };
                self.acts.push(Act::Fault(*topic, to, trouble));
            }
        }
        let steps = 1 + self.random.below(3) as u32;
        self.acts.push(Act::Run { process, machine, partition, steps });
        self.processes.retain(|known| known.number != process);
        self.acts.push(Act::Kill(process));
    }

    /// Some part of some process goes on.
    fn work(&mut self) {
        let Some(process) = self.any_process() else { return self.start() };
        let blind = self.processes.iter().any(|known| known.number == process && known.blind > 0);
        match self.random.below(100) {
            0..35 if !blind && self.napping.is_none() => self.acts.push(Act::Round(process)),
            35..50 if !blind => self.acts.push(Act::Look(process)),
            _ => {
                let (machine, partition) = self.machine();
                if self.napping != Some((machine, partition)) {
                    let steps = 1 + self.random.below(4) as u32;
                    self.acts.push(Act::Run { process, machine, partition, steps });
                }
            }
        }
    }

    /// Some scripts end with a trusted topic that is damaged, some with an owner that loses its determinism.
    fn finish(&mut self) {
        match self.random.below(1_000) {
            0..120 => self.spoil(),
            120..240 => self.turn(),
            _ => {}
        }
    }

    /// An owner goes wrong, and while it works another takes over.
    fn turn(&mut self) {
        let Some(process) = self.processes.last().map(|known| known.number) else { return };
        let (machine, partition) = self.machine();
        self.acts.push(Act::Turn(machine, partition));
        for _ in 0..6 + self.random.below(20) {
            let command = self.flow.command(&mut self.random);
            self.post(command);
            self.acts.push(Act::Round(process));
            self.pass_time();
        }
        if self.random.chance(700) {
            self.acts.push(Act::Settle);
        }
        let to = *self.random.pick(machine.outputs());
        let (at, trouble) = (self.partition(to), self.one_trouble());
        self.acts.push(Act::Fault(to, at, trouble));
        self.start();
        for _ in 0..40 {
            let process = *self.random.pick(&[process, self.started - 1]);
            if self.random.chance(300) {
                self.acts.push(Act::Look(process));
            }
            let steps = 1 + self.random.below(3) as u32;
            self.acts.push(Act::Run { process, machine, partition, steps });
            self.pass_time();
        }
    }

    fn spoil(&mut self) {
        let topic = *self.random.pick(&[Topic::Accounts, Topic::Books]);
        let spoiling = *self.random.pick(&[Spoiling::NoRecord, Spoiling::WrongHash]);
        let partition = self.partition(topic);
        self.acts.push(Act::Spoil(topic, partition, spoiling));
        for _ in 0..30 {
            self.work();
        }
    }
}
