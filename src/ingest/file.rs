//! One file: read, sent request by request, and its place kept after each answer.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::cut::{Batch, Cutter, Form};
use super::place::{self, Place};
use super::send::{Biller, Taken};
use super::{Counts, IngestError, Settings};
use crate::runtime::unpack;

/// Standard input's name.
const STANDARD_INPUT: &str = "-";

/// How far a file has come.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    pub file: &'a Path,
    pub counts: Counts,
    /// Hundredths of the file that are read; `None` of standard input.
    pub percent: Option<u64>,
}

/// What is told while a file is handed over.
#[derive(Debug, Clone, Copy)]
pub enum Told<'a> {
    /// A request was answered.
    Progress(Progress<'a>),
    /// A line was not booked.
    Refused { file: &'a Path, line: u64, reason: &'a str },
}

/// Hands a file over, from where it was left. `-` is standard input, which has no place and is one record per line
/// unless said otherwise.
pub async fn ingest(
    file: &Path,
    settings: &Settings,
    biller: &Biller,
    told: &mut dyn FnMut(Told<'_>),
) -> Result<Counts, IngestError> {
    let mut work = Work::open(file, settings, biller)?;
    loop {
        let batch = tokio::task::block_in_place(|| work.cutter.batch()).map_err(|error| work.unreadable(error))?;
        let Some(mut batch) = batch else { break };
        if biller.is_stopped() {
            return Err(IngestError::Stopped);
        }
        let taken = if batch.lines.is_empty() {
            Taken::default()
        } else {
            let body = axum::body::Bytes::from(std::mem::take(&mut batch.text));
            biller.take(work.form.content_type(), body, batch.lines.len(), settings.patience).await?
        };
        work.answered(&batch, &taken, told)?;
    }
    work.end()
}

struct Work<'a> {
    file: &'a Path,
    form: Form,
    place: Place,
    cutter: Cutter<Box<dyn BufRead + Send>>,
    /// Bytes read of the file as it lies on the disk, and how many it has.
    read: Arc<AtomicU64>,
    size: Option<u64>,
}

/// A refused line, as it is told beside the file.
#[derive(Serialize)]
struct RefusedLine<'a> {
    line: u64,
    reason: &'a str,
}

impl<'a> Work<'a> {
    fn open(file: &'a Path, settings: &Settings, biller: &Biller) -> Result<Self, IngestError> {
        let unreadable = |source| IngestError::Read { path: file.to_owned(), source };
        let read = Arc::new(AtomicU64::new(0));
        if file == Path::new(STANDARD_INPUT) {
            let form = settings.form.unwrap_or(Form::Lines);
            let input: Box<dyn BufRead + Send> = Box::new(BufReader::new(io::stdin()));
            let cutter = Cutter::new(input, form, settings.lines, 0, 0);
            return Ok(Self { file, form, place: Place::default(), cutter, read, size: None });
        }
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let by_name = || Form::of(name).map_err(|source| IngestError::Form { path: file.to_owned(), source });
        let form = settings.form.map_or_else(by_name, Ok)?;
        let open = File::open(file).map_err(unreadable)?;
        let size = open.metadata().map_err(unreadable)?.len();
        let to = format!("{} {}", biller.address(), form.content_type());
        let mut place = Place::left(file, &to).map_err(unreadable)?;
        let begin = |open: File| -> io::Result<Box<dyn BufRead + Send>> {
            let raw = BufReader::new(Counting { input: open, read: Arc::clone(&read) });
            Ok(Box::new(BufReader::with_capacity(unpack::PIECE, unpack::reader(unpack::by_name(name).0, raw)?)))
        };
        let mut input = begin(open).map_err(unreadable)?;
        let skipped = io::copy(&mut input.by_ref().take(place.bytes), &mut io::sink()).map_err(unreadable)?;
        if skipped < place.bytes {
            // It is shorter than it was: another file, that begins alike.
            place = Place::of(file, &to).map_err(unreadable)?;
            read.store(0, Ordering::Relaxed);
            input = begin(File::open(file).map_err(unreadable)?).map_err(unreadable)?;
        }
        let cutter = Cutter::new(input, form, settings.lines, place.bytes, place.line_ends);
        let work = Self { file, form, place, cutter, read, size: Some(size) };
        if work.place.bytes == 0 {
            work.forget_refused()?;
        }
        Ok(work)
    }

    /// Where the file is packed, what cannot be read is what was packed.
    fn unreadable(&self, source: io::Error) -> IngestError {
        let path = self.file.to_owned();
        let name = self.file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if unpack::by_name(name).0 == unpack::Packing::Plain || source.raw_os_error().is_some() {
            return IngestError::Read { path, source };
        }
        IngestError::Damaged { path, source }
    }

    fn answered(&mut self, batch: &Batch, taken: &Taken, told: &mut dyn FnMut(Told<'_>)) -> Result<(), IngestError> {
        const TOO_LONG: &str = "the record is longer than any that is read";
        let mut refused: Vec<(u64, &str)> = batch.too_long.iter().map(|line| (*line, TOO_LONG)).collect();
        refused
            .extend(taken.refused.iter().map(|one| (batch.line_of(one.line).unwrap_or_default(), one.reason.as_str())));
        refused.sort_unstable();
        for (line, reason) in &refused {
            told(Told::Refused { file: self.file, line: *line, reason });
        }
        let mut counts = taken.counts();
        counts.refused = refused.len() as u64;
        self.place.add(counts);
        (self.place.bytes, self.place.line_ends) = (batch.end, batch.line_ends);
        if self.size.is_some() {
            self.tell_refused(&refused)?;
            self.place.keep(self.file).map_err(|source| unwritable(place::beside(self.file), source))?;
        }
        let percent = self.size.map(|size| self.read.load(Ordering::Relaxed).saturating_mul(100) / size.max(1));
        told(Told::Progress(Progress { file: self.file, counts: self.place.counts(), percent }));
        Ok(())
    }

    /// Refused lines stand beside the file, one JSON object a line, before the place says that they were answered.
    fn tell_refused(&self, refused: &[(u64, &str)]) -> Result<(), IngestError> {
        if refused.is_empty() {
            return Ok(());
        }
        let path = place::refused(self.file);
        let lines: String = refused
            .iter()
            .filter_map(|(line, reason)| serde_json::to_string(&RefusedLine { line: *line, reason }).ok())
            .map(|line| line + "\n")
            .collect();
        let open = fs::OpenOptions::new().create(true).append(true).open(&path);
        let written = open.and_then(|mut open| open.write_all(lines.as_bytes()));
        written.map_err(|source| unwritable(path, source))
    }

    fn forget_refused(&self) -> Result<(), IngestError> {
        let path = place::refused(self.file);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unwritable(path, error)),
            _ => Ok(()),
        }
    }

    /// Every record was answered: the place is needed no more.
    fn end(self) -> Result<Counts, IngestError> {
        if self.size.is_some() {
            Place::forget(self.file).map_err(|source| unwritable(place::beside(self.file), source))?;
        }
        Ok(self.place.counts())
    }
}

fn unwritable(path: PathBuf, source: io::Error) -> IngestError {
    IngestError::Write { path, source }
}

/// Counts what is read of a file, for the progress line.
struct Counting<R> {
    input: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
