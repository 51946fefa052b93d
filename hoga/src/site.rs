//! Where a command works: a data folder (opened by this process, or reached at the `hoga up` that has it), or a Kafka.
//!
//! Invariants:
//! 1. What shapes effects (time mode, partitions, the machines' settings) is fixed when the log is made; a later
//!    command takes what is there and refuses what is given and different.
//! 2. Of a folder one process has the log; others are served by it, or told who it is. A Kafka is everybody's, and its
//!    topics are made by a command that says so.
//! 3. Commands that only read make nothing.
//!
//! Left out on purpose: what is inside the log; that is hoga-topics'.

mod beside;
mod fixed;
mod folder;
#[cfg(feature = "kafka")]
mod kafka;

#[cfg(feature = "kafka")]
pub use kafka::{
    make as make_topics, open_existing as open_kafka, options as kafka_options, options_of_new as kafka_options_of_new,
};

use crate::cli::Context;
use crate::exit::Failure;
use crate::stop::Stop;
use hoga_core::Settings;
#[cfg(feature = "kafka")]
use hoga_topics::KafkaLog;
use hoga_topics::embedded::EmbeddedLog;
use hoga_topics::{Log, PatientLog, TimeMode};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// The default data folder of `up` and of the commands that go with it.
pub const MAIN: &str = "main";

/// What to do on a Kafka that has no topic of the log. (A folder that is not there is made by whoever writes.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topics {
    /// Make them: for commands that bring a log of their own.
    Make,
    /// Refuse, and name the command that makes them: how many partitions and replicas is the operator's to say.
    MustBeThere,
}

/// An open log and what belongs to it.
pub struct Site {
    /// The log.
    pub log: Arc<dyn Log>,
    /// What its machines are made with.
    pub settings: Settings,
    /// Whose it is.
    pub place: Place,
    /// The folder of what is kept beside the log.
    folder: PathBuf,
}

/// Whose a log is.
pub enum Place {
    /// This process's: nobody else reads or writes it.
    Own(Arc<EmbeddedLog>),
    /// That of a running `hoga up` on this computer.
    Served,
    /// Everybody's who reaches these brokers.
    #[cfg(feature = "kafka")]
    Kafka {
        /// The brokers.
        brokers: String,
        /// What stands before each topic's name.
        prefix: String,
        /// The log once more, by its own type: it counts what others do not.
        log: KafkaLog,
    },
}

impl Site {
    /// For the process that runs the machines. A folder is opened, and made if it is not there; without a time mode it
    /// takes the log's own, for a new log the wall's.
    pub fn own(context: &Context, name: &str, time_mode: Option<TimeMode>, topics: Topics) -> Result<Self, Failure> {
        match is_kafka(context) {
            true => on_kafka(context, time_mode, topics),
            false => folder::own(context, name, time_mode),
        }
    }

    /// As [`Self::own`], but where another process has the folder and serves its log, that is reached.
    pub fn own_or_served(
        context: &Context,
        name: &str,
        time_mode: Option<TimeMode>,
        topics: Topics,
    ) -> Result<Self, Failure> {
        match is_kafka(context) {
            true => on_kafka(context, time_mode, topics),
            false => folder::own_or_served(context, name, time_mode),
        }
    }

    /// For whoever reads: the log wherever it is, asked with patience; refuses if there is none.
    pub fn reach(context: &Context) -> Result<Self, Failure> {
        match Self::find(context)? {
            Some(site) => Ok(Self { log: site.patient_log(&context.stop), ..site }),
            None => Err(folder::no_log(context)),
        }
    }

    /// The log, if there is one; a Kafka without it is refused, because whoever names one has one in mind.
    pub fn find(context: &Context) -> Result<Option<Self>, Failure> {
        match is_kafka(context) {
            true => on_kafka(context, None, Topics::MustBeThere).map(Some),
            false => folder::find(context),
        }
    }

    /// The log for whoever reads, and waits for a broker that is away.
    pub fn patient_log(&self, stop: &Stop) -> Arc<dyn Log> {
        Arc::new(PatientLog::new(Arc::clone(&self.log), stop.shared()))
    }

    /// What stands before each topic's name; in a folder nothing does.
    pub fn topic_prefix(&self) -> &str {
        match &self.place {
            Place::Own(_) | Place::Served => "",
            #[cfg(feature = "kafka")]
            Place::Kafka { prefix, .. } => prefix,
        }
    }

    /// Whether no other process can be at work on it.
    pub fn is_own(&self) -> bool {
        matches!(self.place, Place::Own(_))
    }

    /// Whether a command that needs the machines has to bring them up itself: `hoga up` has those of a served log.
    pub fn wants_machines(&self) -> bool {
        !matches!(self.place, Place::Served)
    }

    /// What to tell whoever wrote where nobody works; on Kafka it is not known who does.
    pub fn nobody_works(&self) -> Option<String> {
        self.is_own().then(|| format!("no `hoga up` has {self}: it will do the work when it starts"))
    }

    /// The flags by which another command reaches the same log.
    pub fn flags(&self) -> String {
        match &self.place {
            Place::Own(_) | Place::Served => format!("--data-dir {}", self.folder.display()),
            #[cfg(feature = "kafka")]
            Place::Kafka { brokers, prefix, .. } => kafka::flags(brokers, prefix),
        }
    }
}

/// Its name, for messages.
impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Own(_) | Place::Served => write!(f, "{}", self.folder.display()),
            #[cfg(feature = "kafka")]
            Place::Kafka { brokers, prefix, .. } => f.write_str(&kafka::name(brokers, prefix)),
        }
    }
}

fn is_kafka(context: &Context) -> bool {
    context.settings.config.kafka.is_some()
}

#[cfg(feature = "kafka")]
fn on_kafka(context: &Context, time_mode: Option<TimeMode>, topics: Topics) -> Result<Site, Failure> {
    kafka::open(context, time_mode, topics)
}

#[cfg(not(feature = "kafka"))]
fn on_kafka(_: &Context, _: Option<TimeMode>, _: Topics) -> Result<Site, Failure> {
    Err(without_kafka())
}

/// A Kafka is named, or a command that needs one, and this build cannot reach any.
#[cfg(not(feature = "kafka"))]
pub fn without_kafka() -> Failure {
    let way_out = "build it with `cargo build --release -p hoga --features kafka` (that takes a C and a C++ compiler, make and OpenSSL's headers)";
    Failure::Usage(format!(
        "this hoga was built without Kafka, which --kafka, HOGA_KAFKA or hoga.toml asks for; {way_out}"
    ))
}
