//! From a request's body to records, line by line. Pure.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::domain::rating::CallRecord;
use crate::ledger::Received;

/// Most records in one request.
pub(super) const MOST_LINES: usize = 10_000;

/// How a body is cut into records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `application/json`: the whole body is one record.
    One,
    /// `application/x-ndjson`: one record per line; blank lines are passed over.
    Lines,
}

/// A line that is not booked, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Refusal {
    /// Counted from 1.
    pub(super) line: usize,
    pub(super) reason: String,
}

/// A body, read.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// Line and record, in the body's order.
    pub(super) records: Vec<(usize, Received)>,
    pub(super) refused: Vec<Refusal>,
}

/// More lines than one request may have.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body has more than {MOST_LINES} records: send several requests")]
pub(super) struct TooManyLines;

/// Reads a body. `sources`, when not empty, are the switches that may send.
pub(super) fn read(body: &[u8], form: Form, sources: &BTreeSet<String>) -> Result<Read, TooManyLines> {
    let mut read = Read::default();
    let lines: &mut dyn Iterator<Item = &[u8]> = match form {
        Form::One => &mut std::iter::once(body),
        Form::Lines => &mut body.split(|byte| *byte == b'\n'),
    };
    for (line, text) in (1..).zip(lines) {
        if form == Form::Lines && text.trim_ascii().is_empty() {
            continue;
        }
        if read.records.len() + read.refused.len() == MOST_LINES {
            return Err(TooManyLines);
        }
        match read_one(text, sources) {
            Ok(received) => read.records.push((line, received)),
            Err(reason) => read.refused.push(Refusal { line, reason }),
        }
    }
    Ok(read)
}

fn read_one(text: &[u8], sources: &BTreeSet<String>) -> Result<Received, String> {
    let text = text.trim_ascii();
    let record = CallRecord::from_json(text).map_err(|error| error.to_string())?;
    let source = &record.identity().source;
    if !sources.is_empty() && !sources.contains(source) {
        return Err(format!("source {source:?} is not among the gateway's callRecords.sources"));
    }
    let body = String::from_utf8(text.to_vec()).map_err(|_| "the record is not UTF-8".to_owned())?;
    Ok(Received::new(record, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(source: &str, call_id: &str) -> String {
        format!(
            r#"{{"source":"{source}","callId":"{call_id}","leg":0,"number":"4001000868","startedAt":"2026-11-23T10:00:00+08:00","endedAt":"2026-11-23T10:00:05+08:00","outcome":"Abandoned"}}"#
        )
    }

    #[test]
    fn lines_are_counted_as_they_stand_and_blank_ones_passed_over() {
        let body = format!("{}\r\n\n  \nnot json\n{}\n", record("fs-1", "a"), record("fs-2", "b"));
        let read = read(body.as_bytes(), Form::Lines, &BTreeSet::new()).unwrap();
        assert_eq!(read.records.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 5]);
        assert_eq!(read.refused.iter().map(|refusal| refusal.line).collect::<Vec<_>>(), [4]);
        assert_eq!(read.records[0].1.body(), record("fs-1", "a"));
    }

    #[test]
    fn a_source_that_is_not_listed_is_refused_by_name() {
        let sources = BTreeSet::from(["fs-1".to_owned()]);
        let body = format!("{}\n{}", record("fs-1", "a"), record("fs-2", "b"));
        let read = read(body.as_bytes(), Form::Lines, &sources).unwrap();
        assert_eq!(read.records.len(), 1);
        assert_eq!(
            read.refused,
            [Refusal { line: 2, reason: "source \"fs-2\" is not among the gateway's callRecords.sources".to_owned() }]
        );
    }

    #[test]
    fn one_record_may_stand_on_many_lines() {
        let body = record("fs-1", "a").replace(',', ",\n");
        assert_eq!(read(body.as_bytes(), Form::One, &BTreeSet::new()).unwrap().records.len(), 1);
        assert_eq!(read(body.as_bytes(), Form::Lines, &BTreeSet::new()).unwrap().records.len(), 0);
    }

    #[test]
    fn the_number_of_lines_is_bounded() {
        let body = "x\n".repeat(MOST_LINES + 1);
        assert_eq!(read(body.as_bytes(), Form::Lines, &BTreeSet::new()).unwrap_err(), TooManyLines);
        let body = "x\n".repeat(MOST_LINES);
        assert_eq!(read(body.as_bytes(), Form::Lines, &BTreeSet::new()).unwrap().refused.len(), MOST_LINES);
    }
}
