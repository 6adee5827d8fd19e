//! A text cut into records, read as a stream: as many as fit a request at a time.

use std::io::{self, BufRead, Read as _};

use clap::ValueEnum;
use memchr::memchr_iter;

use crate::runtime::unpack;

/// Most bytes of one request: half of what a biller takes.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// Longest record that is sent; a longer one is refused here, as the biller would.
const LONGEST_RECORD: usize = 512 * 1024;

/// How a file is cut into records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// The whole file is one record (.json)
    One,
    /// One record per line (.ndjson, .jsonl)
    Lines,
    /// One record per row of a CSV text (.csv)
    Rows,
}

/// A file's name does not tell how it is cut.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("its name tells no form: .json, .ndjson, .jsonl or .csv, also with .gz or .zst, is needed; or say --form")]
pub struct FormError;

impl Form {
    /// By a file's name.
    pub fn of(name: &str) -> Result<Self, FormError> {
        let (_, name) = unpack::by_name(name);
        match name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).as_deref() {
            Some("json") => Ok(Self::One),
            Some("ndjson" | "jsonl") => Ok(Self::Lines),
            Some("csv") => Ok(Self::Rows),
            _ => Err(FormError),
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::One => "application/json",
            Self::Lines => "application/x-ndjson",
            Self::Rows => "text/csv",
        }
    }
}

/// Records for one request.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The records as they stand in the file, each with its line end.
    pub text: Vec<u8>,
    /// Where each record begins, as the line (from 1) in the file.
    pub(super) lines: Vec<u64>,
    /// Where each record begins, as the line (from 1) in `text`.
    pub(super) starts: Vec<usize>,
    /// Lines of records that are too long to be sent.
    pub too_long: Vec<u64>,
    /// Bytes of the file behind the last record.
    pub(super) end: u64,
    /// Line ends before `end`.
    pub(super) line_ends: u64,
}

impl Batch {
    /// The line in the file of what the biller calls `line`.
    pub(super) fn line_of(&self, line: usize) -> Option<u64> {
        let at = self.starts.partition_point(|start| *start <= line).checked_sub(1)?;
        self.lines.get(at).copied()
    }
}

/// What comes next in a text.
enum Cut {
    End,
    /// With its line end.
    Record(Vec<u8>),
    TooLong,
}

/// A stream of records.
#[derive(Debug)]
pub struct Cutter<R> {
    input: R,
    form: Form,
    most: usize,
    at: u64,
    line_ends: u64,
}

impl<R: BufRead> Cutter<R> {
    /// Reads from a place where a record begins, that many bytes and line ends behind the file's beginning.
    pub fn new(input: R, form: Form, most: usize, at: u64, line_ends: u64) -> Self {
        Self { input, form, most, at, line_ends }
    }

    /// The next records; none at the end of the text.
    pub fn batch(&mut self) -> io::Result<Option<Batch>> {
        let mut batch = Batch::default();
        let mut sent_line_ends = 0;
        while batch.lines.len() + batch.too_long.len() < self.most && batch.text.len() < MOST_BYTES {
            let first_line = self.line_ends + 1;
            match self.record()? {
                Cut::End => break,
                Cut::Record(record) if record.trim_ascii().is_empty() => {}
                Cut::Record(record) => {
                    batch.lines.push(first_line);
                    batch.starts.push(sent_line_ends + 1);
                    batch.text.extend_from_slice(&record);
                    if self.form != Form::One && record.last() != Some(&b'\n') {
                        batch.text.push(b'\n');
                    }
                    sent_line_ends += memchr_iter(b'\n', &record).count();
                }
                Cut::TooLong => batch.too_long.push(first_line),
            }
            batch.end = self.at;
            batch.line_ends = self.line_ends;
        }
        Ok((batch.end > 0 && !(batch.lines.is_empty() && batch.too_long.is_empty())).then_some(batch))
    }

    fn record(&mut self) -> io::Result<Cut> {
        let mut record = Vec::new();
        let mut quoted = false;
        loop {
            let room = (LONGEST_RECORD + 1).saturating_sub(record.len());
            let before = record.len();
            let read = match self.form {
                Form::One => self.input.by_ref().take(room as u64).read_to_end(&mut record)?,
                Form::Lines | Form::Rows => self.input.by_ref().take(room as u64).read_until(b'\n', &mut record)?,
            };
            let piece = record.get(before..).unwrap_or_default();
            self.passed(piece);
            let whole = match self.form {
                Form::One => read == 0,
                Form::Lines => piece.last() == Some(&b'\n'),
                Form::Rows => {
                    quoted ^= memchr_iter(b'"', piece).count() % 2 == 1;
                    piece.last() == Some(&b'\n') && !quoted
                }
            };
            if record.len() > LONGEST_RECORD {
                self.skip_line(&record)?;
                return Ok(Cut::TooLong);
            }
            if read == 0 {
                return Ok(if record.is_empty() { Cut::End } else { Cut::Record(record) });
            }
            if whole {
                return Ok(Cut::Record(record));
            }
        }
    }

    /// The rest of a line, or of a text that is one record.
    fn skip_line(&mut self, begun: &[u8]) -> io::Result<()> {
        if self.form != Form::One && begun.last() == Some(&b'\n') {
            return Ok(());
        }
        loop {
            let mut piece = Vec::new();
            let read = self.input.by_ref().take(LONGEST_RECORD as u64).read_until(b'\n', &mut piece)?;
            self.passed(&piece);
            if read == 0 || (self.form != Form::One && piece.last() == Some(&b'\n')) {
                return Ok(());
            }
        }
    }

    fn passed(&mut self, piece: &[u8]) {
        self.at += piece.len() as u64;
        self.line_ends += memchr_iter(b'\n', piece).count() as u64;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &[u8], form: Form, most: usize) -> Vec<Batch> {
        let mut cutter = Cutter::new(text, form, most, 0, 0);
        std::iter::from_fn(|| cutter.batch().unwrap()).collect()
    }

    fn texts(batches: &[Batch]) -> Vec<&str> {
        batches.iter().map(|batch| std::str::from_utf8(&batch.text).unwrap()).collect()
    }

    #[test]
    fn a_name_tells_the_form() {
        assert_eq!(Form::of("october.ndjson.gz"), Ok(Form::Lines));
        assert_eq!(Form::of("a_6f1c.cdr.json"), Ok(Form::One));
        assert_eq!(Form::of("Master.CSV.zst"), Ok(Form::Rows));
        assert_eq!(Form::of("records"), Err(FormError));
        assert_eq!(Form::of("records.gz"), Err(FormError));
    }

    #[test]
    fn lines_go_together_as_many_as_are_allowed_and_know_where_they_stood() {
        let batches = all(b"a\n\nb\r\nc", Form::Lines, 2);
        assert_eq!(texts(&batches), ["a\nb\r\n", "c\n"]);
        assert_eq!((&batches[0].lines, &batches[1].lines), (&vec![1, 3], &vec![4]));
        assert_eq!((batches[0].end, batches[1].end), (6, 7));
        assert_eq!((batches[0].line_of(1), batches[0].line_of(2), batches[0].line_of(0)), (Some(1), Some(3), None));
    }

    #[test]
    fn a_row_may_go_over_lines() {
        let batches = all(b"1,\"x\ny\"\n2,z\n", Form::Rows, 10);
        assert_eq!(batches.len(), 1);
        assert_eq!((&batches[0].lines, &batches[0].starts), (&vec![1, 3], &vec![1, 3]));
        // The biller tells where a row begins in what it was sent.
        assert_eq!((batches[0].line_of(1), batches[0].line_of(2), batches[0].line_of(3)), (Some(1), Some(1), Some(3)));
    }

    #[test]
    fn a_text_that_is_one_record_stays_whole() {
        let batches = all(b"{\n}\n", Form::One, 10);
        assert_eq!(texts(&batches), ["{\n}\n"]);
        assert_eq!(all(b"", Form::One, 10), []);
        assert_eq!(all(b" \n", Form::Lines, 10), []);
    }

    #[test]
    fn a_record_longer_than_any_is_passed_and_told() {
        let long = "x".repeat(3 * LONGEST_RECORD);
        for form in [Form::Lines, Form::Rows] {
            let batches = all(format!("a\n{long}\nb\n").as_bytes(), form, 10);
            assert_eq!(texts(&batches), ["a\nb\n"]);
            assert_eq!((&batches[0].too_long, &batches[0].lines), (&vec![2], &vec![1, 3]));
        }
        let batches = all(long.as_bytes(), Form::One, 10);
        assert_eq!((texts(&batches), &batches[0].too_long), (vec![""], &vec![1]));
    }

    proptest! {
        #[test]
        fn going_on_from_any_batchs_end_gives_the_same_rest(
            lines in prop::collection::vec("[a-c]{0,4}", 0..40), most in 1_usize..7, ends_in_line in any::<bool>(),
        ) {
            let text = lines.join("\n") + if ends_in_line { "\n" } else { "" };
            let batches = all(text.as_bytes(), Form::Lines, most);
            for (index, batch) in batches.iter().enumerate() {
                let rest = &text.as_bytes()[usize::try_from(batch.end).unwrap()..];
                let mut cutter = Cutter::new(rest, Form::Lines, most, batch.end, batch.line_ends);
                let again: Vec<Batch> = std::iter::from_fn(|| cutter.batch().unwrap()).collect();
                prop_assert_eq!(&again[..], &batches[index + 1..]);
            }
            let sent: Vec<u64> = batches.iter().flat_map(|batch| batch.lines.iter().copied()).collect();
            let written: Vec<u64> = (1..).zip(&lines).filter(|(_, line)| !line.is_empty()).map(|(at, _)| at).collect();
            prop_assert_eq!(sent, written);
        }
    }
}
