//! From a request's body to records, line by line. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use super::forms::Form;
use crate::domain::rating::CallRecord;
use crate::domain::rating::native::{Native, Switch, csv_rows};
use crate::ledger::Received;

/// Most records in one request.
pub(super) const MOST_LINES: usize = 10_000;

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
    /// Line and record, in the body's order; a line may say several legs.
    pub(super) records: Vec<(usize, Received)>,
    pub(super) refused: Vec<Refusal>,
    /// Lines of a switch that state nothing to be counted.
    pub(super) passed_over: usize,
}

/// More lines than one request may have.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body has more than {MOST_LINES} records: send several requests")]
pub(super) struct TooManyLines;

/// The switches that may send, by name; none: any may, in the neutral form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Switches(BTreeMap<String, Option<Native>>);

impl Switches {
    pub fn new(switches: &[Switch]) -> Self {
        Self(switches.iter().map(|switch| (switch.name.clone(), switch.native.clone())).collect())
    }

    /// Who a path's last member is: how it writes, or that it is not known.
    pub(super) fn writer(&self, name: &str) -> Result<Option<&Native>, UnknownSource> {
        match self.0.get(name) {
            Some(native) => Ok(native.as_ref()),
            None if self.0.is_empty() => Ok(None),
            None => Err(UnknownSource(name.chars().take(64).collect())),
        }
    }

    /// Whether records of this source may come in the neutral form.
    fn admit_neutral(&self, source: &str) -> Result<(), String> {
        match self.writer(source) {
            Ok(None) => Ok(()),
            Ok(Some(native)) => Err(format!(
                "source {source:?} writes {:?}: its records come to /v1/call-records/{source}",
                native.format()
            )),
            Err(unknown) => Err(unknown.to_string()),
        }
    }
}

/// Nobody by this name may send.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("source {0:?} is not among the gateway's callRecords.sources")]
pub(super) struct UnknownSource(String);

/// Whose form a body has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Writer<'a> {
    /// The neutral form, from a path that names a source or from the one that names none.
    Neutral {
        path: Option<&'a str>,
        switches: &'a Switches,
    },
    Native(&'a Native),
}

/// Reads a body.
pub(super) fn read(body: &[u8], form: Form, writer: Writer<'_>) -> Result<Read, TooManyLines> {
    let mut read = Read::default();
    let lines: &mut dyn Iterator<Item = (usize, &[u8])> = match form {
        Form::One => &mut std::iter::once((1, body)),
        Form::Lines => {
            &mut (1..).zip(body.split(|byte| *byte == b'\n')).filter(|(_, text)| !text.trim_ascii().is_empty())
        }
        Form::Rows => &mut csv_rows(body),
    };
    for (count, (line, text)) in lines.enumerate() {
        if count == MOST_LINES {
            return Err(TooManyLines);
        }
        let records = match writer {
            Writer::Neutral { path, switches } => neutral(text, path, switches).map(|record| vec![record]),
            Writer::Native(native) => natively(text, native),
        };
        match records {
            Ok(records) if records.is_empty() => read.passed_over += 1,
            Ok(records) => read.records.extend(records.into_iter().map(|record| (line, record))),
            Err(reason) => read.refused.push(Refusal { line, reason }),
        }
    }
    Ok(read)
}

fn neutral(text: &[u8], path: Option<&str>, switches: &Switches) -> Result<Received, String> {
    let text = text.trim_ascii();
    let record = CallRecord::from_json(text).map_err(|error| error.to_string())?;
    let source = &record.identity().source;
    if path.is_some_and(|path| *path != **source) {
        return Err(format!("source {source:?} is not the one that the path names"));
    }
    switches.admit_neutral(source)?;
    let body = String::from_utf8(text.to_vec()).map_err(|_| "the record is not UTF-8".to_owned())?;
    Ok(Received::new(record, body))
}

/// All legs that a line says, or none: a call whose second leg cannot be used is not booked by half.
fn natively(text: &[u8], native: &Native) -> Result<Vec<Received>, String> {
    let written = native.read(text).map_err(|error| error.to_string())?;
    let mut records = Vec::with_capacity(written.len());
    for neutral in written {
        let record = CallRecord::parse(&neutral).map_err(|error| error.to_string())?;
        let body = serde_json::to_string(&neutral).map_err(|error| error.to_string())?;
        records.push(Received::new(record, body));
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rating::native::{Format, Settings};

    fn record(source: &str, call_id: &str) -> String {
        format!(
            r#"{{"source":"{source}","callId":"{call_id}","leg":0,"number":"4001000868","startedAt":"2026-11-23T10:00:00+08:00","endedAt":"2026-11-23T10:00:05+08:00","outcome":"Abandoned"}}"#
        )
    }

    fn switch(name: &str, format: Option<Format>) -> Switch {
        let native = format.map(|format| Native::new(name, format, Settings::default()).unwrap());
        Switch { name: name.to_owned(), native }
    }

    fn read_as(body: &str, form: Form, path: Option<&str>, switches: &[Switch]) -> Read {
        let switches = Switches::new(switches);
        read(body.as_bytes(), form, Writer::Neutral { path, switches: &switches }).unwrap()
    }

    fn reasons(read: &Read) -> Vec<(usize, &str)> {
        read.refused.iter().map(|refusal| (refusal.line, refusal.reason.as_str())).collect()
    }

    #[test]
    fn lines_are_counted_as_they_stand_and_blank_ones_passed_over() {
        let body = format!("{}\r\n\n  \nnot json\n{}\n", record("fs-1", "a"), record("fs-2", "b"));
        let read = read_as(&body, Form::Lines, None, &[]);
        assert_eq!(read.records.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 5]);
        assert_eq!(read.refused.iter().map(|refusal| refusal.line).collect::<Vec<_>>(), [4]);
        assert_eq!(read.records[0].1.body(), record("fs-1", "a"));
    }

    #[test]
    fn a_source_that_may_not_send_or_not_in_this_form_is_refused_by_name() {
        let switches = [switch("fs-1", None), switch("pbx", Some(Format::AsteriskCsv))];
        let body = [record("fs-1", "a"), record("fs-2", "b"), record("pbx", "c")].join("\n");
        let read = read_as(&body, Form::Lines, None, &switches);
        assert_eq!(read.records.len(), 1);
        assert_eq!(
            reasons(&read),
            [
                (2, "source \"fs-2\" is not among the gateway's callRecords.sources"),
                (3, "source \"pbx\" writes AsteriskCsv: its records come to /v1/call-records/pbx"),
            ]
        );
        let read = read_as(&body, Form::Lines, Some("fs-1"), &switches);
        assert_eq!(
            (read.records.len(), reasons(&read)[0]),
            (1, (2, "source \"fs-2\" is not the one that the path names"))
        );
    }

    #[test]
    fn one_record_may_stand_on_many_lines() {
        let body = record("fs-1", "a").replace(',', ",\n");
        assert_eq!(read_as(&body, Form::One, None, &[]).records.len(), 1);
        assert_eq!(read_as(&body, Form::Lines, None, &[]).records.len(), 0);
    }

    #[test]
    fn a_line_of_a_switch_may_say_nothing_or_be_refused_whole() {
        let edge = switch("edge", Some(Format::KamailioAcc)).native.unwrap();
        let cdr = |start: &str, end: &str, number: &str| {
            format!(
                r#"{{"start_time":"{start}","end_time":"{end}","callid":"c","src_user":"13900002222","dst_ouser":"{number}","dst_user":"075566660002"}}"#
            )
        };
        let body = [
            cdr("1795312807", "1795312931", "4001000868"),
            r#"{"time":1795312807,"method":"BYE","callid":"c","sip_code":"200"}"#.to_owned(),
            cdr("1795312931", "1795312807", "4001000868"),
        ];
        let read = read(body.join("\n").as_bytes(), Form::Lines, Writer::Native(&edge)).unwrap();
        assert_eq!((read.records.len(), read.passed_over), (2, 1));
        assert_eq!(reasons(&read), [(3, "endedAt is before startedAt")]);
        let kept = CallRecord::from_json(read.records[0].1.body().as_bytes()).unwrap();
        assert_eq!(&kept, read.records[0].1.record());
    }

    #[test]
    fn the_number_of_lines_is_bounded() {
        let switches = Switches::default();
        let writer = Writer::Neutral { path: None, switches: &switches };
        let body = "x\n".repeat(MOST_LINES + 1);
        assert_eq!(read(body.as_bytes(), Form::Lines, writer).unwrap_err(), TooManyLines);
        let body = "x\n".repeat(MOST_LINES);
        assert_eq!(read(body.as_bytes(), Form::Lines, writer).unwrap().refused.len(), MOST_LINES);
    }
}
