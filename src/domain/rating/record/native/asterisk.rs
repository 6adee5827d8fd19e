//! Asterisk `cdr_csv`: one row for a caller's channel and whom it was connected to.
//!
//! A row with a second channel is an attempt; one without is the caller's leg alone (a menu, an announcement). All rows
//! of a call bear its `linkedid`; which attempt it is, `sequence` tells. Stamps are whole seconds in local time, or UTC
//! where `usegmtime` is set. `billsec` is not read: it is what `answer` and `end` say already.
//!
//! `answer` is when the caller's channel was answered: where a dialplan answers before it dials (a queue, a menu), the
//! waiting counts. Whoever wants it otherwise lets the switch hand over neutral records from its channel events.
//!
//! Columns: <https://docs.asterisk.org/Configuration/Reporting/Call-Detail-Records-CDR/>, `cdr_csv` of Asterisk.

use jiff::Timestamp;
use memchr::memchr_iter;

use super::{Native, NativeError};
use crate::domain::rating::record::{NeutralRecord, Outcome};

/// In the order of a row.
const FIXED: [&str; 16] = [
    "accountcode",
    "src",
    "dst",
    "dcontext",
    "clid",
    "channel",
    "dstchannel",
    "lastapp",
    "lastdata",
    "start",
    "answer",
    "end",
    "duration",
    "billsec",
    "disposition",
    "amaflags",
];
/// What settings of the module add.
const ADDED: [&str; 5] = ["uniqueid", "userfield", "peeraccount", "linkedid", "sequence"];
pub(super) const COLUMNS: &str =
    "accountcode, src, dst, dcontext, clid, channel, dstchannel, lastapp, lastdata, userfield, peeraccount";
pub(super) const COLUMNS_NEEDED: &str =
    "17, 18, 20 or 21 are needed: set loguniqueid=yes in cdr.conf, without it a row cannot be told from another";
const STAMP: &str = "a stamp such as 2026-11-23 10:00:07";

/// Whether settings may name this column for a number.
pub(super) fn is_column(name: &str) -> bool {
    COLUMNS.split(", ").any(|column| column == name)
}

/// Reads one row.
pub(super) fn read(native: &Native, text: &[u8]) -> Result<Vec<NeutralRecord>, NativeError> {
    let row = Row::cut(native, text)?;
    // A file's first line may name the columns.
    if row.text("accountcode") == Some("accountcode") && row.text("src") == Some("src") {
        return Ok(Vec::new());
    }
    row.leg().map(|record| vec![record])
}

struct Row<'a> {
    native: &'a Native,
    values: csv::StringRecord,
    added: &'static [&'static str],
}

impl<'a> Row<'a> {
    fn cut(native: &'a Native, text: &[u8]) -> Result<Self, NativeError> {
        std::str::from_utf8(text).map_err(|_| NativeError::Encoding)?;
        if memchr_iter(b'"', text).count() % 2 == 1 {
            return Err(NativeError::Csv);
        }
        let mut values = csv::StringRecord::new();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
        reader.read_record(&mut values).map_err(|_| NativeError::Csv)?;
        // Without `loguserfield`, the user field is left out, and without `newcdrcolumns` the last three.
        let added = match values.len() {
            17 => &["uniqueid"][..],
            18 => &["uniqueid", "userfield"],
            20 => &["uniqueid", "peeraccount", "linkedid", "sequence"],
            21 => &ADDED,
            other => return Err(NativeError::Columns(other)),
        };
        Ok(Self { native, values, added })
    }

    fn text(&self, column: &str) -> Option<&str> {
        let at = FIXED.iter().position(|name| *name == column);
        let at = at.or_else(|| Some(FIXED.len() + self.added.iter().position(|name| *name == column)?))?;
        self.values.get(at).map(str::trim).filter(|text| !text.is_empty())
    }

    fn needed(&self, column: &str, remedy: &'static str) -> Result<&str, NativeError> {
        self.text(column).ok_or_else(|| NativeError::Missing { field: column.to_owned(), remedy })
    }

    fn time(&self, column: &'static str) -> Result<Option<Timestamp>, NativeError> {
        let Some(text) = self.text(column) else { return Ok(None) };
        let read = self.native.local(text);
        read.map(Some).ok_or_else(|| NativeError::Field { field: column.to_owned(), needed: STAMP })
    }

    fn needed_time(&self, column: &'static str) -> Result<Timestamp, NativeError> {
        let missing = || NativeError::Missing { field: column.to_owned(), remedy: "cdr_csv writes it" };
        self.time(column)?.ok_or_else(missing)
    }

    fn leg(&self) -> Result<NeutralRecord, NativeError> {
        let id = self.needed("uniqueid", "set loguniqueid=yes in cdr.conf")?;
        if !is_unique_id(id) {
            return Err(NativeError::Field {
                field: "uniqueid".to_owned(),
                needed: "a channel's id such as 1764122400.7: set loguniqueid=yes in cdr.conf",
            });
        }
        let field = self.native.number.as_deref().unwrap_or("dst");
        let number = self.needed(field, "numberField must name the column that holds the 400 number")?;
        let attempt = self.text("dstchannel").is_some();
        let answered = self.outcome()? == Outcome::Answered;
        let answer = self.time("answer")?.filter(|_| answered).map(|at| at.to_string());
        Ok(NeutralRecord {
            source: self.native.source.clone(),
            call_id: self.text("linkedid").unwrap_or(id).to_owned(),
            leg: if attempt { self.attempt_leg()? } else { 0 },
            number: Native::four_hundred(field, number)?,
            caller: self.text(self.native.caller.as_deref().unwrap_or("src")).map(str::to_owned),
            destination: if attempt { Some(self.destination()?) } else { None },
            started_at: self.needed_time("start")?.to_string(),
            platform_answered_at: answer.clone().filter(|_| !attempt),
            answered_at: answer.filter(|_| attempt),
            ended_at: self.needed_time("end")?.to_string(),
            outcome: match self.outcome()? {
                // The platform answered, nobody else did.
                Outcome::Answered if !attempt => Outcome::Abandoned,
                outcome => outcome,
            },
            ..NeutralRecord::default()
        })
    }

    fn attempt_leg(&self) -> Result<i64, NativeError> {
        let Some(text) = self.text("sequence") else { return Ok(1) };
        let sequence = text.parse::<u32>().ok().filter(|sequence| *sequence < u32::MAX);
        let needed = "a whole number, as cdr_csv writes it";
        sequence
            .map(|sequence| i64::from(sequence) + 1)
            .ok_or_else(|| NativeError::Field { field: "sequence".to_owned(), needed })
    }

    fn outcome(&self) -> Result<Outcome, NativeError> {
        match self.needed("disposition", "cdr_csv writes it")? {
            "ANSWERED" => Ok(Outcome::Answered),
            "NO ANSWER" => Ok(Outcome::NoAnswer),
            "BUSY" => Ok(Outcome::Busy),
            "FAILED" | "CONGESTION" => Ok(Outcome::Failed),
            _ => Err(NativeError::Field {
                field: "disposition".to_owned(),
                needed: "ANSWERED, NO ANSWER, BUSY, FAILED or CONGESTION",
            }),
        }
    }

    /// Whom an attempt went to: a column of the operator's choice, or the number that Dial was told.
    fn destination(&self) -> Result<String, NativeError> {
        let remedy = "set destinationField to a column that holds it, such as userfield";
        match &self.native.destination {
            Some(column) => self.needed(column, remedy).map(str::to_owned),
            None => dialled(self.text("lastdata").unwrap_or_default()).map(str::to_owned).ok_or(NativeError::Field {
                field: "lastdata".to_owned(),
                needed: "what Dial was told, with one number such as PJSIP/075566660002@trunk; else set destinationField to a column that holds the destination",
            }),
        }
    }
}

/// The number in Dial's arguments: `TECH/NUMBER@TRUNK,30,options` or `TECH/TRUNK/NUMBER`. `None` where several are
/// dialled at once: which of them answered is not said.
fn dialled(arguments: &str) -> Option<&str> {
    let resource = arguments.split(',').next().filter(|resource| !resource.contains('&'))?;
    let (_, address) = resource.split_once('/')?;
    let number = match address.split_once('@') {
        Some((number, _)) => number,
        None => address.rsplit('/').next()?,
    };
    let digits = number.strip_prefix('+').unwrap_or(number);
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(number)
}

/// `1764122400.7`, or with the system's name before it: `pbx-1764122400.7`.
fn is_unique_id(id: &str) -> bool {
    let id = id.rsplit('-').next().unwrap_or(id);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    id.split_once('.').is_some_and(|(seconds, count)| digits(seconds) && digits(count))
}

#[cfg(test)]
mod tests {
    use super::super::{Format, Settings};
    use super::*;
    use crate::domain::rating::CallRecord;

    const ANSWERED: &str = r#""","13900002222","4001000868","from-carrier","""Li"" <13900002222>","PJSIP/carrier-00000012","PJSIP/trunk-00000013","Dial","PJSIP/075566660002@trunk,30","2026-11-23 10:00:00","2026-11-23 10:00:07","2026-11-23 10:02:11",131,124,"ANSWERED","DOCUMENTATION","1764122400.34","","","1764122400.33",41"#;
    const MENU: &str = r#""","13900002222","4001000868","ivr","13900002222","PJSIP/carrier-00000012","","Playback","closed","2026-11-23 10:00:00","2026-11-23 10:00:01","2026-11-23 10:00:21",21,20,"ANSWERED","DOCUMENTATION","1764122400.33","","","1764122400.33",40"#;

    fn native(settings: Settings<'_>) -> Native {
        Native::new("pbx", Format::AsteriskCsv, settings).unwrap()
    }

    fn read(text: &str) -> Result<NeutralRecord, String> {
        let read = native(Settings::default()).read(text.as_bytes()).map_err(|error| error.to_string())?;
        Ok(read.first().cloned().unwrap())
    }

    #[test]
    fn a_row_with_a_second_channel_is_an_attempt() {
        let record = CallRecord::parse(&read(ANSWERED).unwrap()).unwrap();
        let identity = record.identity();
        assert_eq!((identity.call_id.as_ref(), identity.leg), ("1764122400.33", 42));
        assert_eq!(record.answered_at().unwrap().to_string(), "2026-11-23T02:00:07Z");
        assert_eq!(record.ended_at().to_string(), "2026-11-23T02:02:11Z");
        assert_eq!(record.destination().unwrap().as_str(), "075566660002");
        let lost = read(&ANSWERED.replace("ANSWERED", "BUSY").replace("\"2026-11-23 10:00:07\"", "")).unwrap();
        let lost = CallRecord::parse(&lost).unwrap();
        assert_eq!((lost.outcome(), lost.answered_at()), (Outcome::Busy, None));
    }

    #[test]
    fn a_row_without_one_is_the_callers_leg_that_the_platform_answered() {
        let record = CallRecord::parse(&read(MENU).unwrap()).unwrap();
        assert_eq!((record.identity().leg, record.outcome()), (0, Outcome::Abandoned));
        assert_eq!(record.platform_answered_at().unwrap().to_string(), "2026-11-23T02:00:01Z");
        assert_eq!(record.destination(), None);
    }

    #[test]
    fn columns_that_settings_add_are_told_by_their_count() {
        let cut = |columns: usize| ANSWERED.split(',').collect::<Vec<_>>()[..=columns].join(",");
        // One comma stands inside Dial's arguments.
        let seventeen = cut(17);
        let record = read(&seventeen).unwrap();
        assert_eq!((record.call_id.as_str(), record.leg), ("1764122400.34", 1));
        assert_eq!(read(&cut(18)).unwrap().call_id, "1764122400.34");
        assert!(read(&cut(16)).unwrap_err().starts_with("the row has 16 columns: 17, 18, 20 or 21 are needed"));
        let user_field = seventeen.replace("1764122400.34", "remark");
        assert!(read(&user_field).unwrap_err().starts_with("uniqueid must be a channel's id"));
    }

    #[test]
    fn the_line_that_names_the_columns_is_passed_over() {
        let names = FIXED.iter().chain(&ADDED).copied().collect::<Vec<_>>().join(",");
        assert_eq!(native(Settings::default()).read(names.as_bytes()).unwrap(), []);
    }

    #[test]
    fn whom_dial_was_told_is_read_where_it_is_one_number() {
        for (arguments, number) in [
            ("PJSIP/075566660002@trunk,30,tT", Some("075566660002")),
            ("SIP/trunk/075566660002", Some("075566660002")),
            ("PJSIP/+8675566660002@trunk", Some("+8675566660002")),
            ("Local/13800138000@out/n", Some("13800138000")),
            ("PJSIP/1@trunk&PJSIP/2@trunk", None),
            ("PJSIP/reception", None),
            ("support,,,300", None),
            ("", None),
        ] {
            assert_eq!(dialled(arguments), number, "{arguments}");
        }
        let queue = ANSWERED.replace("PJSIP/075566660002@trunk,30", "support");
        assert!(read(&queue).unwrap_err().starts_with("lastdata must be what Dial was told"));
        let chosen = native(Settings { destination_field: Some("userfield"), ..Settings::default() });
        let text = queue.replace("\"1764122400.34\",\"\"", "\"1764122400.34\",\"01088880001\"");
        assert_eq!(chosen.read(text.as_bytes()).unwrap()[0].destination.as_deref(), Some("01088880001"));
        assert!(chosen.read(queue.as_bytes()).unwrap_err().to_string().starts_with("userfield is missing"));
    }

    #[test]
    fn rows_that_cannot_be_used_are_refused() {
        for (was, is, start) in [
            ("\"ANSWERED\"", "\"MAYBE\"", "disposition must be"),
            ("2026-11-23 10:00:00", "23.11.2026 10:00", "start must be a stamp"),
            ("\"2026-11-23 10:02:11\"", "", "end is missing"),
            ("4001000868", "", "dst is missing: numberField"),
            ("4001000868", "s", "dst is not a 400 number"),
            (",41", ",-1", "sequence must be"),
            ("\"PJSIP/trunk", "PJSIP/trunk", "the row is not CSV"),
        ] {
            let sentence = read(&ANSWERED.replace(was, is)).unwrap_err();
            assert!(sentence.starts_with(start), "{sentence}");
        }
        assert_eq!(native(Settings::default()).read(b"\xff").unwrap_err(), NativeError::Encoding);
    }
}
