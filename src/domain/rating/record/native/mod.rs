//! Call records as switches write them, read into the neutral form. Pure.
//!
//! | form | who writes it | what is one record |
//! |---|---|---|
//! | [`Format::FreeSwitchJson`] | FreeSWITCH `mod_json_cdr` | a channel: the caller's leg with its call flow, or one attempt |
//! | [`Format::KamailioAcc`] | Kamailio `acc_json` | a dialog's CDR, or a transaction that failed |
//! | [`Format::AsteriskCsv`] | Asterisk `cdr_csv` | a caller's channel and whom it was connected to |
//!
//! One text may say several legs, or nothing that is counted (an attempt that its caller's record already tells of, a
//! transaction that a CDR will follow): then it is passed over. What is missing is refused by the switch's own name of
//! the field, with the setting that makes the switch write it. No sentence repeats a value: it may be a phone number.

mod asterisk;
mod freeswitch;
mod kamailio;
mod text;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

pub use self::text::rows as csv_rows;
use super::NeutralRecord;
use crate::domain::calendar::{ParseZoneError, parse_zone};
use crate::domain::numbering::FourHundred;

/// Longest text of one native record, in bytes: FreeSWITCH writes every channel variable and the dialplan's log.
pub const LONGEST_NATIVE: usize = 512 * 1024;
/// Zone of stamps without offset where a source names none.
pub const DEFAULT_ZONE: &str = "Asia/Shanghai";

/// Who writes the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    FreeSwitchJson,
    KamailioAcc,
    AsteriskCsv,
}

/// Where the legs towards destinations are read from; FreeSWITCH only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Legs {
    /// From the call flow of the caller's record; records of B-legs are passed over.
    #[default]
    CallFlow,
    /// From the B-legs' own records (`log-b-leg`); the caller's record says leg 0 alone.
    OwnRecords,
}

/// What a source's settings say, as text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings<'a> {
    pub time_zone: Option<&'a str>,
    pub number_field: Option<&'a str>,
    pub caller_field: Option<&'a str>,
    pub destination_field: Option<&'a str>,
    pub legs: Legs,
}

/// How one switch's records are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Native {
    source: String,
    format: Format,
    zone: TimeZone,
    number: Option<String>,
    caller: Option<String>,
    destination: Option<String>,
    legs: Legs,
}

/// A switch that may hand over records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// Name that its records bear as `source`.
    pub name: String,
    /// How it writes them; `None`: in the neutral form.
    pub native: Option<Native>,
}

/// Why a source's settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error(transparent)]
    Zone(#[from] ParseZoneError),
    #[error("{named:?} is not a column of cdr_csv: one of {columns} is needed", columns = asterisk::COLUMNS)]
    Column { setting: &'static str, named: String },
}

/// Why a native record is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NativeError {
    #[error("the record has {0} bytes, at most {LONGEST_NATIVE} are read")]
    Length(usize),
    #[error("the record is not UTF-8 text")]
    Encoding,
    #[error("not a JSON object, seen at line {line}, column {column}")]
    Json { line: usize, column: usize },
    #[error("{field} is missing: {remedy}")]
    Missing { field: String, remedy: &'static str },
    #[error("{field} must be {needed}")]
    Field { field: String, needed: &'static str },
    #[error("{0} is not a 400 number: ten digits starting with 400 are needed, such as 4001000868")]
    Number(String),
    #[error("the row has {0} columns: {needed}", needed = asterisk::COLUMNS_NEEDED)]
    Columns(usize),
    #[error("the row is not CSV: a quoted value does not end")]
    Csv,
}

impl Native {
    /// Reads a source's settings. `source` is the name that its records bear.
    pub fn new(source: &str, format: Format, settings: Settings<'_>) -> Result<Self, SettingsError> {
        let zone = settings.time_zone.unwrap_or(DEFAULT_ZONE);
        let owned = |field: Option<&str>| field.map(str::to_owned);
        if format == Format::AsteriskCsv {
            for (setting, named) in [
                ("numberField", settings.number_field),
                ("callerField", settings.caller_field),
                ("destinationField", settings.destination_field),
            ] {
                if let Some(named) = named.filter(|named| !asterisk::is_column(named)) {
                    return Err(SettingsError::Column { setting, named: named.to_owned() });
                }
            }
        }
        Ok(Self {
            source: source.to_owned(),
            format,
            zone: parse_zone(zone)?,
            number: owned(settings.number_field),
            caller: owned(settings.caller_field),
            destination: owned(settings.destination_field),
            legs: settings.legs,
        })
    }

    /// Name that its records bear.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Who writes them.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Reads one record's text. None of the result has been checked yet; an empty one is to be passed over.
    pub fn read(&self, text: &[u8]) -> Result<Vec<NeutralRecord>, NativeError> {
        if text.len() > LONGEST_NATIVE {
            return Err(NativeError::Length(text.len()));
        }
        match self.format {
            Format::FreeSwitchJson => freeswitch::read(self, text),
            Format::KamailioAcc => kamailio::read(self, text),
            Format::AsteriskCsv => asterisk::read(self, text),
        }
    }

    /// The 400 number in a field, as it may stand there: a SIP URI's, in groups, with the country code.
    fn four_hundred(field: &str, text: &str) -> Result<String, NativeError> {
        let number = FourHundred::from_called(text).ok_or_else(|| NativeError::Number(field.to_owned()))?;
        Ok(number.to_string())
    }

    /// An instant from a local stamp, in the source's zone. A stamp that a clock change makes ambiguous is the earlier
    /// one, one that it leaves out is moved on.
    fn local(&self, text: &str) -> Option<Timestamp> {
        // jiff reads other spellings too; these are what the switches write.
        let plain = |byte: u8| byte.is_ascii_digit() || b"-: T.".contains(&byte);
        let whole = text.len() >= "2026-11-23 10:00:00".len() && text.bytes().all(plain);
        let stamp: DateTime = whole.then(|| text.parse().ok())??;
        stamp.to_zoned(self.zone.clone()).ok().map(|zoned| zoned.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rating::CallRecord;

    /// What the documentation shows of each form, read as it says: leg, destination and charged milliseconds.
    #[test]
    fn the_samples_of_the_documentation_are_read() {
        let read = |format, samples: &[&[u8]]| -> Vec<(u32, Option<String>, Option<i64>)> {
            let native = Native::new("s", format, Settings::default()).unwrap();
            let written = samples.iter().flat_map(|sample| native.read(sample).unwrap());
            let records = written.map(|neutral| CallRecord::parse(&neutral).unwrap());
            let told = |record: CallRecord| {
                let talked = |answered: Timestamp| record.ended_at().as_millisecond() - answered.as_millisecond();
                let to = record.destination().map(|to| to.as_str().to_owned());
                (record.identity().leg, to, record.answered_at().map(talked))
            };
            records.map(told).collect()
        };
        let desk = || Some("075566660002".to_owned());
        let whole: &[u8] = include_bytes!("../../../../../tests/fixtures/records/freeswitch.cdr.json");
        assert_eq!(read(Format::FreeSwitchJson, &[whole]), [(0, None, Some(123_800)), (1, desk(), Some(123_800))]);
        let lines = include_str!("../../../../../tests/fixtures/records/kamailio.ndjson");
        let lines: Vec<&[u8]> = lines.lines().map(str::as_bytes).collect();
        let dialog = [(0, None, Some(123_800)), (1, desk(), Some(123_800)), (0, None, None)];
        assert_eq!(read(Format::KamailioAcc, &lines), dialog);
        let rows = include_bytes!("../../../../../tests/fixtures/records/asterisk.csv");
        let rows: Vec<&[u8]> = csv_rows(rows).map(|(_, row)| row).collect();
        assert_eq!(read(Format::AsteriskCsv, &rows), [(42, desk(), Some(124_000)), (0, None, None)]);
        let neutral = include_str!("../../../../../tests/fixtures/records/neutral.ndjson");
        assert!(neutral.lines().all(|line| CallRecord::from_json(line.as_bytes()).is_ok()));
    }

    #[test]
    fn settings_that_cannot_be_used_are_told() {
        let zone = Settings { time_zone: Some("Asia/Peking"), ..Settings::default() };
        let sentence = Native::new("fs-1", Format::FreeSwitchJson, zone).unwrap_err().to_string();
        assert_eq!(
            sentence,
            "\"Asia/Peking\" is not a time zone: a name of the IANA database is needed, such as Asia/Shanghai"
        );
        let column = Settings { number_field: Some("variables.dst"), ..Settings::default() };
        let sentence = Native::new("pbx", Format::AsteriskCsv, column).unwrap_err().to_string();
        assert!(sentence.starts_with("\"variables.dst\" is not a column of cdr_csv"), "{sentence}");
        assert!(Native::new("fs-1", Format::FreeSwitchJson, column).is_ok());
    }

    #[test]
    fn local_stamps_are_of_the_sources_zone() {
        let of = |zone| {
            let settings = Settings { time_zone: Some(zone), ..Settings::default() };
            Native::new("s", Format::AsteriskCsv, settings).unwrap()
        };
        let at = |zone, text: &str| of(zone).local(text).map(|instant| instant.to_string());
        assert_eq!(at("Asia/Shanghai", "2026-11-23 10:00:00").as_deref(), Some("2026-11-23T02:00:00Z"));
        assert_eq!(at("UTC", "2026-11-23 10:00:00").as_deref(), Some("2026-11-23T10:00:00Z"));
        // The hour that comes twice is the first one.
        assert_eq!(at("Europe/Berlin", "2026-10-25 02:30:00").as_deref(), Some("2026-10-25T00:30:00Z"));
        for text in [
            "",
            "10:00",
            "2026-11-23",
            "2026-11-23 10:00",
            "2026-13-23 10:00:00",
            "2026-11-23T10:00:00Z",
            "2026-11-23T10:00:00+08:00",
            "2026-11-23T10:00:00[Asia/Tokyo]",
        ] {
            assert_eq!(at("UTC", text), None, "{text}");
        }
    }

    #[test]
    fn a_longer_text_than_a_switch_writes_is_not_read() {
        let native = Native::new("fs-1", Format::FreeSwitchJson, Settings::default()).unwrap();
        let text = vec![b' '; LONGEST_NATIVE + 1];
        assert_eq!(native.read(&text).unwrap_err(), NativeError::Length(LONGEST_NATIVE + 1));
    }
}
