//! Server and client on bytes instead of connections, for fuzz targets.

use super::server::Session;
use super::wire::{self, Answer, Request};
use crate::{Log, LogError, LogRecord};

/// See [`crate::fuzzing::serve`].
pub(crate) fn serve(log: &dyn Log, mut requests: &[u8]) {
    let limit = wire::message_limit(log.max_record_bytes());
    let mut session = Session::new(log);
    while let Ok(request) = wire::read::<Request>(&mut requests, limit) {
        // It is answered once something changes; here nothing does meanwhile.
        if matches!(request, Request::Wait { .. }) {
            continue;
        }
        let answer = session.answer(request).unwrap_or_else(|error| Answer::Error(error.into()));
        let mut written = Vec::new();
        wire::write(&mut written, &answer, limit).expect("an answer keeps the bound on messages");
        let read: Answer = wire::read(&mut &written[..], limit).expect("a client reads what a server writes");
        assert_eq!(format!("{read:?}"), format!("{answer:?}"));
    }
}

/// See [`crate::fuzzing::answers`].
pub(crate) fn answers(mut answers: &[u8]) {
    let limit = wire::message_limit(crate::log::MAX_RECORD_BYTES);
    while let Ok(answer) = wire::read::<Answer>(&mut answers, limit) {
        match answer {
            Answer::Error(error) => drop(LogError::from(error).to_string()),
            Answer::Records(records) => drop(records.into_iter().map(LogRecord::from).collect::<Vec<_>>()),
            Answer::Described { max_record_bytes, .. } => {
                let _limit = wire::record_limit(max_record_bytes).map(wire::message_limit);
            }
            _ => {}
        }
    }
}
