//! Kamailio `acc_json`: a dialog's CDR (`cdr_enable`), and transactions that failed (`acc_flag`).
//!
//! A CDR says when the dialog began, when it ended and for how long it lasted, and what `cdr_extra` adds; it has no id
//! and no numbers of its own. A proxy sees the caller's leg and one attempt that was answered: they are legs 0 and 1, of
//! the same instants. A transaction's record is read where an INVITE failed: it is the caller's leg, unanswered; an INVITE
//! that went well is followed by its CDR, other methods state no call.
//!
//! With `cdr_start_on_confirmed` left at 0, a CDR counts the ringing too, and nothing in it tells: the documentation of
//! the source says so.
//!
//! Field names: <https://www.kamailio.org/docs/modules/devel/modules/acc_json.html>; names of the extra fields: those of
//! the configuration that Kamailio comes with.

use jiff::Timestamp;
use serde_json::Value;

use super::text::{field, object, unix_seconds};
use super::{Native, NativeError};
use crate::domain::rating::record::{NeutralRecord, Outcome};

const NUMBER: &str = "dst_ouser";
const CALLER: &str = "src_user";
const DESTINATION: &str = "dst_user";
const TIME: &str = "seconds since 1970 or a stamp such as 2026-11-23 10:00:07";

/// Reads one CDR or one transaction.
pub(super) fn read(native: &Native, text: &[u8]) -> Result<Vec<NeutralRecord>, NativeError> {
    let event = Event { native, object: object(text)? };
    if event.object.get("start_time").is_some() || event.object.get("end_time").is_some() {
        return if event.was_never_confirmed() { Ok(Vec::new()) } else { event.dialog() };
    }
    let method = event.needed("method", "neither a CDR (start_time, end_time) nor a transaction of acc_json")?;
    let code = event.needed("sip_code", "a transaction of acc_json has it")?;
    let code: u16 = code
        .parse()
        .ok()
        .filter(|code| (100..700).contains(code))
        .ok_or(NativeError::Field { field: "sip_code".to_owned(), needed: "a SIP status code, 100 to 699" })?;
    if method != "INVITE" || code < 300 {
        return Ok(Vec::new());
    }
    event.failed(code).map(|record| vec![record])
}

struct Event<'a> {
    native: &'a Native,
    object: Value,
}

impl Event<'_> {
    fn text(&self, name: &str) -> Option<String> {
        field(&self.object, name)
    }

    fn needed(&self, name: &str, remedy: &'static str) -> Result<String, NativeError> {
        self.text(name).ok_or_else(|| NativeError::Missing { field: name.to_owned(), remedy })
    }

    fn time(&self, name: &'static str) -> Result<Timestamp, NativeError> {
        let text = self.needed(name, "acc_json writes it")?;
        let read = unix_seconds(&text).or_else(|| self.native.local(&text));
        read.ok_or_else(|| NativeError::Field { field: name.to_owned(), needed: TIME })
    }

    /// What both kinds of record say.
    fn common(&self) -> Result<NeutralRecord, NativeError> {
        let field = self.native.number.as_deref().unwrap_or(NUMBER);
        let number = self.needed(field, "add it to cdr_extra and acc_extra: dst_ouser=$tU, or set numberField")?;
        Ok(NeutralRecord {
            source: self.native.source.clone(),
            call_id: self.needed("callid", "add callid=$ci to cdr_extra")?,
            number: Native::four_hundred(field, &number)?,
            caller: self.text(self.native.caller.as_deref().unwrap_or(CALLER)),
            decision: self.text("decision"),
            ..NeutralRecord::default()
        })
    }

    /// What `cdr_on_failed` writes of a dialog that nobody answered; its transaction tells why.
    fn was_never_confirmed(&self) -> bool {
        let empty = |name: &str| self.object.get(name).and_then(Value::as_str) == Some("");
        empty("start_time") || self.text("duration").as_deref() == Some("0")
    }

    /// The caller's leg and the answered attempt.
    fn dialog(&self) -> Result<Vec<NeutralRecord>, NativeError> {
        let (started, ended) = (self.time("start_time")?.to_string(), self.time("end_time")?.to_string());
        let destination = self.native.destination.as_deref().unwrap_or(DESTINATION);
        let remedy = "add it to cdr_extra: dst_user=$rU as it is after routing, or set destinationField";
        let callers = NeutralRecord {
            leg: 0,
            platform_answered_at: Some(started.clone()),
            answered_at: Some(started.clone()),
            started_at: started,
            ended_at: ended,
            outcome: Outcome::Answered,
            ..self.common()?
        };
        let destination = Some(self.needed(destination, remedy)?);
        let attempt = NeutralRecord { leg: 1, destination, platform_answered_at: None, ..callers.clone() };
        Ok(vec![callers, attempt])
    }

    /// The caller's leg of a call that nobody answered.
    fn failed(&self, code: u16) -> Result<NeutralRecord, NativeError> {
        let at = self.time("time")?.to_string();
        let outcome = match code {
            486 | 600 => Outcome::Busy,
            408 | 480 => Outcome::NoAnswer,
            403 | 433 | 603 | 607 | 608 => Outcome::Rejected,
            487 => Outcome::Abandoned,
            _ => Outcome::Failed,
        };
        Ok(NeutralRecord {
            leg: 0,
            started_at: at.clone(),
            ended_at: at,
            outcome,
            cause: Some(i64::from(code)),
            ..self.common()?
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, Settings};
    use super::*;
    use crate::domain::rating::CallRecord;

    const CDR: &str = r#"{"start_time":"1795312807.200000","end_time":"1795312931.000000","duration":"123.800000",
        "callid":"3848276298220188511@10.0.3.7","src_user":"13900002222","dst_ouser":"4001000868","dst_user":"075566660002"}"#;
    const FAILED: &str = r#"{"time":1795312800,"method":"INVITE","from_tag":"9fxced76sl","to_tag":"314159",
        "callid":"a84b4c76e66710","sip_code":"486","sip_reason":"Busy Here","src_user":"13900002222","dst_ouser":"4001000868"}"#;

    fn native(zone: Option<&str>) -> Native {
        Native::new("edge", Format::KamailioAcc, Settings { time_zone: zone, ..Settings::default() }).unwrap()
    }

    fn sentence(text: &str) -> String {
        native(None).read(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_cdr_is_the_callers_leg_and_the_answered_attempt() {
        let read = native(None).read(CDR.as_bytes()).unwrap();
        let [callers, attempt] = read.as_slice() else { panic!("{read:?}") };
        let callers = CallRecord::parse(callers).unwrap();
        assert_eq!((callers.identity().leg, callers.platform_answered_at()), (0, callers.answered_at()));
        let record = CallRecord::parse(attempt).unwrap();
        assert_eq!((record.identity().leg, record.identity().source.as_ref()), (1, "edge"));
        assert_eq!(record.answered_at().unwrap().to_string(), "2026-11-22T02:00:07.2Z");
        assert_eq!(record.ended_at().to_string(), "2026-11-22T02:02:11Z");
        assert_eq!(record.destination().unwrap().as_str(), "075566660002");
        assert_eq!(record.outcome(), Outcome::Answered);
    }

    #[test]
    fn stamps_without_offset_are_of_the_sources_zone() {
        let text =
            CDR.replace("1795312807.200000", "2026-11-22 10:00:07").replace("1795312931.000000", "2026-11-22 10:02:11");
        let read = native(None).read(text.as_bytes()).unwrap();
        assert_eq!(read[0].started_at, "2026-11-22T02:00:07Z");
        let read = native(Some("UTC")).read(text.as_bytes()).unwrap();
        assert_eq!(read[0].started_at, "2026-11-22T10:00:07Z");
    }

    #[test]
    fn a_failed_transaction_is_the_callers_leg() {
        for (code, outcome) in [
            ("486", Outcome::Busy),
            ("480", Outcome::NoAnswer),
            ("487", Outcome::Abandoned),
            ("603", Outcome::Rejected),
            ("503", Outcome::Failed),
        ] {
            let read = native(None).read(FAILED.replace("486", code).as_bytes()).unwrap();
            let record = CallRecord::parse(&read[0]).unwrap();
            assert_eq!((record.identity().leg, record.outcome()), (0, outcome), "{code}");
            assert_eq!(record.cause().unwrap().to_string(), code);
        }
    }

    #[test]
    fn transactions_that_state_no_ended_call_are_passed_over() {
        for text in [
            FAILED.replace("486", "200"),
            FAILED.replace("INVITE", "BYE"),
            FAILED.replace("INVITE", "ACK"),
            CDR.replace("1795312807.200000", ""),
            CDR.replace("123.800000", "0"),
        ] {
            assert_eq!(native(None).read(text.as_bytes()).unwrap(), [], "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_named_with_the_setting_that_writes_it() {
        assert_eq!(sentence(&CDR.replace("callid", "id")), "callid is missing: add callid=$ci to cdr_extra");
        for (was, start) in [
            ("dst_ouser", "dst_ouser is missing: add it to cdr_extra and acc_extra"),
            ("dst_user", "dst_user is missing: add it to cdr_extra: dst_user=$rU"),
            ("start_time", "start_time is missing"),
            ("end_time", "end_time is missing"),
        ] {
            let sentence = sentence(&CDR.replace(was, "other"));
            assert!(sentence.starts_with(start), "{sentence}");
        }
        assert!(sentence(&CDR.replace("1795312807.200000", "yesterday")).starts_with("start_time must be seconds"));
        assert!(sentence("{}").starts_with("method is missing: neither a CDR"));
        assert!(sentence(&FAILED.replace("486", "abc")).starts_with("sip_code must be"));
        assert!(sentence("[]").starts_with("not a JSON object"));
    }

    #[test]
    fn fields_may_bear_other_names() {
        let settings =
            Settings { number_field: Some("called"), destination_field: Some("routed"), ..Settings::default() };
        let named = Native::new("edge", Format::KamailioAcc, settings).unwrap();
        let text = CDR.replace("dst_ouser", "called").replace("dst_user", "routed");
        assert_eq!(named.read(text.as_bytes()).unwrap()[0].number, "4001000868");
        assert!(named.read(CDR.as_bytes()).unwrap_err().to_string().starts_with("called is missing"));
    }
}
