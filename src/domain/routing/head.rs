//! A gateway's own settings, parsed: what turns a decision into contacts and what admits a peer. Pure.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use super::compiled::GatewayId;
use super::document::{Head, NumberFormat, OriginalCalled, Protocol, RecordSource, Transport};
use super::load::LoadError;
use super::network::Network;
use crate::domain::digest::Digest;
use crate::domain::rating::native::{Format, Legs, Native, Settings, SettingsError, Switch};

/// A [`Head`] whose every field has been parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledHead {
    /// `NAMESPACE/NAME`.
    pub gateway: String,
    pub id: GatewayId,
    pub digest: Digest,
    /// Key of the To-tag hash.
    pub to_tag_key: [u8; 16],
    pub trunk: CompiledTrunk,
    pub original_called: OriginalCalled,
    /// Names of header fields that travel on.
    pub pass_headers: Vec<String>,
    /// Name → SIP URI.
    pub announcements: BTreeMap<String, String>,
    pub listeners: Vec<CompiledListener>,
    pub record_sources: Vec<Switch>,
}

/// Where destinations are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledTrunk {
    /// `HOST:PORT` as it stands in a URI; an IPv6 host in brackets.
    pub authority: String,
    pub transport: Transport,
    pub number_format: NumberFormat,
    /// What follows the number in a contact's URI: `@HOST:PORT;user=phone`, and the transport.
    pub after_number: String,
}

impl CompiledTrunk {
    /// What a URI at the trunk says of its transport; UDP goes without saying.
    pub fn transport_parameter(&self) -> &'static str {
        transport_parameter(self.transport)
    }
}

fn transport_parameter(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "",
        Transport::Tcp => ";transport=tcp",
    }
}

/// A listener and who may speak to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledListener {
    pub name: String,
    pub protocol: Protocol,
    /// 0 lets the system choose.
    pub port: u16,
    pub peers: Vec<Network>,
    pub force_rport: bool,
    pub asks_token: bool,
}

impl CompiledListener {
    /// Whether the source may speak to this listener. Nobody on the list means nobody.
    pub fn admits(&self, source: IpAddr) -> bool {
        self.peers.iter().any(|network| network.contains(source))
    }
}

impl CompiledHead {
    /// Parses a head; refuses it whole when a field cannot be used.
    pub fn compile(head: &Head, digest: Digest) -> Result<Self, LoadError> {
        let fault =
            |field: String, sentence: String| LoadError::Head { gateway: head.gateway.clone(), field, sentence };
        let to_tag_key = parse_key(&head.to_tag_key)
            .ok_or_else(|| fault("toTagKey".to_owned(), "needs 32 hex digits".to_owned()))?;
        let authority = authority(&head.trunk.host, head.trunk.port).ok_or_else(|| {
            fault("trunk.host".to_owned(), format!("{:?} is neither a host name nor an address", head.trunk.host))
        })?;
        for (name, uri) in &head.announcements {
            if !is_plain_uri(uri) {
                let sentence =
                    format!("{uri:?} is not a URI that a contact can carry: one such as sip:busy@10.0.3.30 is needed");
                return Err(fault(format!("announcements[{name}].uri"), sentence));
            }
        }
        if let Some(name) = head.pass_headers.iter().find(|name| !is_header_name(name)) {
            return Err(fault("passHeaders".to_owned(), format!("{name:?} is not the name of a header field")));
        }
        let mut listeners = Vec::with_capacity(head.listeners.len());
        for listener in &head.listeners {
            let peers = listener.peers.iter().map(|peer| peer.parse::<Network>()).collect::<Result<Vec<_>, _>>();
            let peers =
                peers.map_err(|error| fault(format!("listeners[{}].peers", listener.name), error.to_string()))?;
            listeners.push(CompiledListener {
                name: listener.name.clone(),
                protocol: listener.protocol,
                port: listener.port,
                peers,
                force_rport: listener.force_rport,
                asks_token: listener.asks_token,
            });
        }
        Ok(Self {
            gateway: head.gateway.clone(),
            id: GatewayId::of(&head.gateway),
            digest,
            to_tag_key,
            trunk: CompiledTrunk {
                after_number: format!("@{authority};user=phone{}", transport_parameter(head.trunk.transport)),
                authority,
                transport: head.trunk.transport,
                number_format: head.trunk.number_format,
            },
            original_called: head.original_called,
            pass_headers: head.pass_headers.clone(),
            announcements: head.announcements.clone(),
            listeners,
            record_sources: switches(&head.record_sources)
                .map_err(|(field, sentence)| fault(format!("callRecords.sources{field}"), sentence))?,
        })
    }
}

/// The URI of an announcement: the gateway's own, else `sip:NAME@TRUNK`.
#[derive(Debug, Clone, Copy)]
pub struct AnnouncementUri<'p> {
    pub(super) name: &'p str,
    pub(super) head: Option<&'p CompiledHead>,
}

impl<'p> AnnouncementUri<'p> {
    /// The name by which numbers ask for it.
    pub const fn name(&self) -> &'p str {
        self.name
    }

    /// Whether the gateway lists the announcement.
    pub fn is_mapped(&self) -> bool {
        self.head.is_some_and(|head| head.announcements.contains_key(self.name))
    }
}

impl fmt::Display for AnnouncementUri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(head) = self.head else {
            // A leaf that came before its gateway's head: no listener of that gateway is open yet either.
            return write!(f, "sip:{}@gateway.invalid", self.name);
        };
        match head.announcements.get(self.name) {
            Some(uri) => f.write_str(uri),
            None => write!(f, "sip:{}@{}{}", self.name, head.trunk.authority, head.trunk.transport_parameter()),
        }
    }
}

fn parse_key(text: &str) -> Option<[u8; 16]> {
    if text.len() != 32 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes)
}

fn authority(host: &str, port: u16) -> Option<String> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if bare.parse::<Ipv6Addr>().is_ok() {
        return Some(format!("[{bare}]:{port}"));
    }
    let named = !host.is_empty()
        && host.len() <= 253
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    named.then(|| format!("{host}:{port}"))
}

fn is_header_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// A URI that stands inside `<…>` without ending it or the line.
fn is_plain_uri(uri: &str) -> bool {
    let scheme = ["sip:", "sips:", "tel:"].iter().any(|scheme| uri.starts_with(scheme));
    scheme && uri.len() <= 255 && uri.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'"'))
}

/// The switches that may hand over records; or which setting of which cannot be used, and why.
fn switches(sources: &[RecordSource]) -> Result<Vec<Switch>, (String, String)> {
    sources.iter().map(switch).collect()
}

fn switch(source: &RecordSource) -> Result<Switch, (String, String)> {
    let fault = |field: &str, sentence: String| (format!("[{}].{field}", source.name), sentence);
    let format = match source.format.as_str() {
        "Neutral" => return Ok(Switch { name: source.name.clone(), native: None }),
        "FreeSwitchJson" => Format::FreeSwitchJson,
        "KamailioAcc" => Format::KamailioAcc,
        "AsteriskCsv" => Format::AsteriskCsv,
        other => return Err(fault("format", format!("{other:?} is not a form this version reads"))),
    };
    let legs = match source.legs.as_deref() {
        None | Some("CallFlow") => Legs::CallFlow,
        Some("OwnRecords") => Legs::OwnRecords,
        Some(other) => return Err(fault("legs", format!("{other:?} is not a place this version reads legs from"))),
    };
    let settings = Settings {
        time_zone: source.time_zone.as_deref(),
        number_field: source.number_field.as_deref(),
        caller_field: source.caller_field.as_deref(),
        destination_field: source.destination_field.as_deref(),
        legs,
    };
    let native = Native::new(&source.name, format, settings).map_err(|error| {
        let field = match &error {
            SettingsError::Zone(_) => "timeZone",
            SettingsError::Column { setting, .. } => setting,
        };
        fault(field, error.to_string())
    })?;
    Ok(Switch { name: source.name.clone(), native: Some(native) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::routing::worlds;

    #[test]
    fn a_head_is_refused_with_the_field_that_is_wrong() {
        type Spoil = fn(&mut Head);
        let cases: [(Spoil, &str); 5] = [
            (|head| head.pass_headers.push("X-A: b\r\nVia".to_owned()), "passHeaders"),
            (|head| head.to_tag_key = "abc".to_owned(), "toTagKey"),
            (|head| head.trunk.host = "10.0.0.1>\r\nX: y".to_owned(), "trunk.host"),
            (
                |head| {
                    head.announcements.insert("busy".to_owned(), "sip:busy@x>\r\nX: y".to_owned());
                },
                "announcements[busy].uri",
            ),
            (|head| head.listeners[0].peers.push("10.0.0.0/99".to_owned()), "listeners[sip-udp].peers"),
        ];
        for (spoil, field) in cases {
            let mut head = worlds::head();
            spoil(&mut head);
            let error = CompiledHead::compile(&head, Digest::of(b"head")).unwrap_err().to_string();
            assert!(error.contains(field) && error.contains("telephony/east"), "{error}");
        }
    }

    #[test]
    fn an_address_of_version_six_stands_in_brackets() {
        assert_eq!(authority("2001:db8::5", 5080).as_deref(), Some("[2001:db8::5]:5080"));
        assert_eq!(authority("[2001:db8::5]", 5080).as_deref(), Some("[2001:db8::5]:5080"));
        assert_eq!(authority("trunk.example", 5070).as_deref(), Some("trunk.example:5070"));
    }

    #[test]
    fn an_unmapped_announcement_goes_to_the_trunk() {
        let head = CompiledHead::compile(&worlds::head(), Digest::of(b"head")).unwrap();
        let uri = |name| AnnouncementUri { name, head: Some(&head) };
        assert_eq!(uri("all-lines-busy").to_string(), "sip:busy@10.0.3.30");
        assert_eq!(uri("storm").to_string(), "sip:storm@10.0.3.20:5062");
        assert!(uri("all-lines-busy").is_mapped() && !uri("storm").is_mapped());
        let mut over_tcp = worlds::head();
        over_tcp.trunk.transport = Transport::Tcp;
        let head = CompiledHead::compile(&over_tcp, Digest::of(b"head")).unwrap();
        let uri = |name| AnnouncementUri { name, head: Some(&head) };
        assert_eq!(uri("storm").to_string(), "sip:storm@10.0.3.20:5062;transport=tcp");
        assert_eq!(uri("all-lines-busy").to_string(), "sip:busy@10.0.3.30", "the gateway's own goes as it is written");
    }

    #[test]
    fn nobody_on_the_list_means_nobody() {
        let mut head = worlds::head();
        head.listeners[0].peers.clear();
        let head = CompiledHead::compile(&head, Digest::of(b"head")).unwrap();
        assert!(!head.listeners[0].admits("127.0.0.1".parse().unwrap()));
    }
}
