//! Calls as a softswitch would place them: an INVITE, its redirect, an ACK. By SIPp where it is, else by a small sender
//! of its own; both end in the same list.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use jiff::Timestamp;

use crate::runtime::launch;
use crate::workers::router::dialler::Dialler;

/// After so long a call of our own has no answer.
const PATIENCE: Duration = Duration::from_secs(8);
/// SIPp has all its answers by then, or never.
const SIPP_WITHIN: &str = "20";
/// How often SIPp is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Who rings whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) number: String,
    pub(super) caller: &'static str,
}

/// A call and how it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) call_id: String,
    pub(super) number: String,
    pub(super) caller: String,
    /// 302, or why not; `None`: no answer.
    pub(super) status: Option<u16>,
    /// User part of the first contact.
    pub(super) contact: Option<String>,
    pub(super) started_at: Timestamp,
}

/// What placed the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    Sipp,
    Own,
}

/// Places the calls at `router`. SIPp's files go into `folder`; `run` keeps call ids of different runs apart.
pub(super) async fn place(
    router: SocketAddr,
    wishes: &[Wish],
    folder: &Path,
    run: u64,
) -> std::io::Result<(Sender, Vec<Placed>)> {
    if let Some(placed) = by_sipp(router, wishes, folder, run).await {
        return Ok((Sender::Sipp, placed));
    }
    Ok((Sender::Own, by_own_sender(router, wishes, run).await?))
}

async fn by_own_sender(router: SocketAddr, wishes: &[Wish], run: u64) -> std::io::Result<Vec<Placed>> {
    let dialler = Dialler::open(router, run, PATIENCE).await?;
    let mut placed = Vec::with_capacity(wishes.len());
    for (position, wish) in (0..).zip(wishes) {
        let started_at = Timestamp::now();
        let answer = dialler.call(position, &wish.number, wish.caller).await?;
        let contact = answer.as_ref().and_then(|answer| answer.contacts.first()).and_then(|contact| contact.user());
        placed.push(Placed {
            call_id: dialler.call_id(position),
            number: wish.number.clone(),
            caller: wish.caller.to_owned(),
            status: answer.as_ref().map(|answer| answer.status),
            contact: contact.map(str::to_owned),
            started_at,
        });
    }
    Ok(placed)
}

/// Any final answer other than a redirect is told by its code.
const REFUSALS: [u16; 6] = [403, 404, 433, 480, 486, 503];

/// `None` where SIPp is not there or cannot do it: then the own sender may.
async fn by_sipp(router: SocketAddr, wishes: &[Wish], folder: &Path, run: u64) -> Option<Vec<Placed>> {
    let log = folder.join("sipp.log");
    let _ = std::fs::remove_file(&log);
    std::fs::write(folder.join("calls.xml"), scenario()).ok()?;
    let lines = wishes
        .iter()
        .fold("SEQUENTIAL\n".to_owned(), |text, wish| text + &format!("{};{};\n", wish.number, wish.caller));
    std::fs::write(folder.join("calls.csv"), lines).ok()?;
    let started_at = Timestamp::now();
    let mut sipp = launch::bound("sipp");
    let count = wishes.len().to_string();
    sipp.current_dir(folder)
        .args(["-sf", "calls.xml", "-inf", "calls.csv", "-nostdin", "-m", &count, "-r", "50", "-timeout", SIPP_WITHIN])
        .args(["-timeout_error", "-cid_str", &format!("demo-{run:x}-%u@%s"), "-trace_logs", "-log_file", "sipp.log"])
        .arg(router.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if router.ip().is_loopback() {
        sipp.args(["-i", &router.ip().to_string()]);
    }
    let mut sipp = Running(sipp.spawn().ok()?);
    while sipp.0.try_wait().ok()?.is_none() {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let answers = std::fs::read_to_string(&log).ok()?;
    let placed: Vec<Placed> = answers.lines().filter_map(|line| logged(line, started_at)).collect();
    (placed.len() == wishes.len()).then_some(placed)
}

/// A program that goes when nobody waits for it any more.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended by itself cannot be killed, and that is well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `302 CALL-ID NUMBER CALLER CONTACT`, as the scenario writes it; no contact: `-`.
fn logged(line: &str, started_at: Timestamp) -> Option<Placed> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [status, call_id, number, caller, contact] = words.as_slice() else { return None };
    Some(Placed {
        call_id: (*call_id).to_owned(),
        number: (*number).to_owned(),
        caller: (*caller).to_owned(),
        status: Some(status.parse().ok()?),
        contact: Some((*contact).to_owned()).filter(|contact| contact != "-"),
        started_at,
    })
}

fn scenario() -> String {
    let mut receive = String::from(
        r#"<recv response="302" optional="true" next="1"><action>
      <ereg regexp="sip:([^@]*)@" search_in="hdr" header="Contact:" assign_to="whole,user"/>
      <log message="302 [call_id] [field0] [field1] [$user]"/>
    </action></recv>
"#,
    );
    for (position, code) in REFUSALS.iter().enumerate() {
        let optional = if position + 1 == REFUSALS.len() { "" } else { r#" optional="true""# };
        // Writing to a String cannot fail.
        let _ = writeln!(
            receive,
            r#"  <recv response="{code}"{optional} next="1"><action><log message="{code} [call_id] [field0] [field1] -"/></action></recv>"#
        );
    }
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<scenario name="calls">
  <send retrans="500"><![CDATA[
INVITE sip:[field0]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch];rport
From: <sip:[field1]@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[field0]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:[field1]@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Length: 0

]]></send>
  {receive}  <label id="1"/>
  <send><![CDATA[
ACK sip:[field0]@[remote_ip]:[remote_port] SIP/2.0
[last_Via:]
[last_From:]
[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
  <Reference variables="whole"/>
</scenario>
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sipps_log_gives_the_same_as_an_answer() {
        let at = Timestamp::UNIX_EPOCH;
        let call = logged("302 demo-1@127.0.0.1 4001000868 02038887777 13800138000", at).unwrap();
        assert_eq!((call.status, call.contact.as_deref()), (Some(302), Some("13800138000")));
        let refused = logged("403 demo-2@127.0.0.1 4001000868 089866660000 -", at).unwrap();
        assert_eq!((refused.status, refused.contact), (Some(403), None));
        assert_eq!(logged("something else", at), None);
    }
}
