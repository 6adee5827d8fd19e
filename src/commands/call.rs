//! `fourhundred call`: plays calls against a router over UDP and prints what it answers. A probe, and a small bounded load.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tokio::net::UdpSocket;
use tokio::time::Instant;

use super::output::{Output, print_data};

const EXAMPLES: &str = "\
EXAMPLES
  fourhundred call --to 4001000868 --from '020 3888 7777' 127.0.0.1:5070
  fourhundred call --to 4001000868 --from 13900002222 127.0.0.1:5070 --count 100 --rate 50 --output json";

/// RFC 3261 T1: the first pause before a request is sent again.
const T1: Duration = Duration::from_millis(500);
/// No answer of a redirect server is larger.
const DATAGRAM: usize = 8 * 1024;

/// Arguments of `call`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The router's SIP listener, HOST:PORT (kubectl get cgw -o yaml: status.addresses)
    #[arg(value_name = "HOST:PORT")]
    pub router: String,
    /// The 400 number to call
    #[arg(long, value_name = "NUMBER")]
    pub to: String,
    /// The caller's number; anonymous when absent
    #[arg(long, value_name = "NUMBER", default_value = "anonymous")]
    pub from: String,
    /// How many calls, one after the other
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub count: u32,
    /// Most calls a second
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rate: u32,
    /// Seconds to wait for a final answer
    #[arg(long, value_name = "SECONDS", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=32))]
    pub timeout: u32,
    /// Form of the output
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}

/// A contact of a redirect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Contact {
    uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    q: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ring_seconds: Option<String>,
}

/// A final answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Answer {
    status: u16,
    phrase: String,
    contacts: Vec<Contact>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    milliseconds: u64,
}

/// Many calls in one line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    calls: u32,
    redirected: u32,
    refused: u32,
    unanswered: u32,
    seconds: String,
}

/// Calls. Exit code 0: every call was redirected; 1: one was refused; 2: one got no answer.
pub async fn run(arguments: Arguments) -> ExitCode {
    let found = tokio::net::lookup_host(&arguments.router).await.map(|mut found| found.next());
    let Ok(Some(router)) = found else { return unusable(&arguments.router) };
    let caller = match Dialler::open(router, &arguments).await {
        Ok(caller) => caller,
        Err(error) => return super::fail(&error),
    };
    if arguments.count == 1 {
        return match caller.call(0).await {
            Ok(Some(answer)) => print_answer(arguments.output, &answer),
            Ok(None) => {
                eprintln!("error: no final answer from {router} within {} s", arguments.timeout);
                ExitCode::from(2)
            }
            Err(error) => super::fail(&error),
        };
    }
    many(&arguments, &caller).await
}

fn unusable(router: &str) -> ExitCode {
    eprintln!("error: {router} is no router: HOST:PORT is needed, such as 127.0.0.1:5070");
    ExitCode::from(2)
}

async fn many(arguments: &Arguments, caller: &Dialler) -> ExitCode {
    let began = Instant::now();
    let mut summary = Summary { calls: 0, redirected: 0, refused: 0, unanswered: 0, seconds: String::new() };
    let spacing = Duration::from_secs(1) / arguments.rate;
    for position in 0..arguments.count {
        tokio::time::sleep_until(began + spacing * position).await;
        summary.calls += 1;
        match caller.call(position).await {
            Ok(Some(answer)) if (300..400).contains(&answer.status) => summary.redirected += 1,
            Ok(Some(_)) => summary.refused += 1,
            Ok(None) => summary.unanswered += 1,
            Err(error) => return super::fail(&error),
        }
    }
    summary.seconds = format!("{:.3}", began.elapsed().as_secs_f64());
    let Summary { calls, redirected, refused, unanswered, seconds } = &summary;
    let code = if *unanswered > 0 { 2 } else { u8::from(*refused > 0) };
    match print_data(arguments.output, &summary) {
        Err(code) => return code,
        Ok(true) => {}
        Ok(false) => println!(
            "{calls} calls: {redirected} redirected, {refused} refused, {unanswered} unanswered in {seconds} s"
        ),
    }
    ExitCode::from(code)
}

fn print_answer(output: Output, answer: &Answer) -> ExitCode {
    match print_data(output, answer) {
        Err(code) => return code,
        Ok(true) => {}
        Ok(false) => {
            println!("{} {} ({} ms)", answer.status, answer.phrase, answer.milliseconds);
            for contact in &answer.contacts {
                let q = contact.q.as_ref().map(|q| format!("  q={q}")).unwrap_or_default();
                let ring = contact.ring_seconds.as_ref().map(|s| format!("  rings {s} s")).unwrap_or_default();
                println!("  {}{q}{ring}", contact.uri);
            }
            if let Some(reason) = &answer.reason {
                println!("  reason {reason}");
            }
        }
    }
    if (300..400).contains(&answer.status) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Dialler {
    socket: UdpSocket,
    router: SocketAddr,
    local: SocketAddr,
    to: String,
    from: String,
    patience: Duration,
    run: u64,
}

impl Dialler {
    async fn open(router: SocketAddr, arguments: &Arguments) -> std::io::Result<Self> {
        let socket = UdpSocket::bind(if router.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }).await?;
        socket.connect(router).await?;
        let local = socket.local_addr()?;
        let plain = |text: &str| text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '+').collect::<String>();
        let mut random = [0_u8; 8];
        getrandom::fill(&mut random).map_err(std::io::Error::other)?;
        Ok(Self {
            socket,
            router,
            local,
            to: plain(&arguments.to),
            from: plain(&arguments.from),
            patience: Duration::from_secs(u64::from(arguments.timeout)),
            run: u64::from_le_bytes(random),
        })
    }

    fn request(&self, method: &str, position: u32, to_tag: &str) -> String {
        let Self { router, local, to, from, run, .. } = self;
        let caller =
            if from == "anonymous" { "anonymous@anonymous.invalid".to_owned() } else { format!("{from}@{local}") };
        format!(
            "{method} sip:{to}@{router} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{run:x}x{position};rport\r\n\
             From: <sip:{caller}>;tag=c{position}\r\nTo: <sip:{to}@{router}>{to_tag}\r\n\
             Call-ID: probe-{run:x}-{position}\r\nCSeq: 1 {method}\r\nContact: <sip:probe@{local}>\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )
    }

    /// One call: INVITE, sent again as RFC 3261 §17.1.1.2 asks, and the ACK of its final answer.
    async fn call(&self, position: u32) -> std::io::Result<Option<Answer>> {
        let began = Instant::now();
        let invite = self.request("INVITE", position, "");
        let call_id = format!("probe-{:x}-{position}", self.run);
        let mut buffer = vec![0_u8; DATAGRAM];
        let mut pause = T1;
        loop {
            self.socket.send(invite.as_bytes()).await?;
            let until = (Instant::now() + pause).min(began + self.patience);
            while let Ok(received) = tokio::time::timeout_at(until, self.socket.recv(&mut buffer)).await {
                let text = String::from_utf8_lossy(buffer.get(..received?).unwrap_or_default()).into_owned();
                if header(&text, "Call-ID") != Some(&call_id) {
                    continue;
                }
                if let Some(answer) = read(&text, began.elapsed()) {
                    let tag =
                        header(&text, "To").and_then(|to| to.split_once(";tag=")).map(|(_, tag)| format!(";tag={tag}"));
                    self.socket.send(self.request("ACK", position, &tag.unwrap_or_default()).as_bytes()).await?;
                    return Ok(Some(answer));
                }
            }
            if began.elapsed() >= self.patience {
                return Ok(None);
            }
            pause *= 2;
        }
    }
}

/// The final answer that `text` is; `None` for anything else.
fn read(text: &str, took: Duration) -> Option<Answer> {
    let line = text.lines().next()?.strip_prefix("SIP/2.0 ")?;
    let (status, phrase) = line.split_once(' ').unwrap_or((line, ""));
    let status: u16 = status.parse().ok().filter(|status| (200..700).contains(status))?;
    let contacts = text.lines().filter_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.trim().eq_ignore_ascii_case("Contact").then(|| contact(value.trim()))
    });
    Some(Answer {
        status,
        phrase: phrase.to_owned(),
        contacts: contacts.collect(),
        reason: header(text, "Reason").map(str::to_owned),
        milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    })
}

fn contact(value: &str) -> Contact {
    let (uri, parameters) = value.split_once('>').unwrap_or((value, ""));
    let parameter = |name: &str| {
        parameters
            .split(';')
            .find_map(|parameter| Some(parameter.trim().strip_prefix(name)?.strip_prefix('=')?.to_owned()))
    };
    Contact {
        uri: uri.trim_start_matches('<').to_owned(),
        q: parameter("q"),
        ring_seconds: parameter("x-ring-seconds"),
    }
}

fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.lines().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_is_read_with_its_contacts_in_order() {
        let text = "SIP/2.0 302 Moved Temporarily\r\nContact: <sip:01088880001@10.0.3.20:5060;user=phone>;q=1.0;x-ring-seconds=20\r\nContact: <sip:busy@10.0.3.30>;q=0.9\r\nReason: Q.850;cause=20\r\n\r\n";
        let answer = read(text, Duration::from_millis(3)).expect("a final answer");
        assert_eq!((answer.status, answer.phrase.as_str(), answer.contacts.len()), (302, "Moved Temporarily", 2));
        assert_eq!(answer.contacts[0].uri, "sip:01088880001@10.0.3.20:5060;user=phone");
        assert_eq!(
            (answer.contacts[0].q.as_deref(), answer.contacts[0].ring_seconds.as_deref()),
            (Some("1.0"), Some("20"))
        );
        assert_eq!(answer.contacts[1].q.as_deref(), Some("0.9"));
        assert_eq!(answer.reason.as_deref(), Some("Q.850;cause=20"));
        assert!(read("SIP/2.0 100 Trying\r\n\r\n", Duration::ZERO).is_none());
    }
}
