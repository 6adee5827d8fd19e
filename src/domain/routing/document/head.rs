//! The head part: what a gateway's routers need besides numbers. Pure data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A gateway's own settings: one part per gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    pub format: u32,
    /// `NAMESPACE/NAME` of the gateway.
    pub gateway: String,
    /// Key of the To-tag hash: 32 hex digits, derived from the gateway's UID, so that every router and every restart
    /// answers a retransmission alike.
    pub to_tag_key: String,
    pub trunk: Trunk,
    pub original_called: OriginalCalled,
    /// Header fields of the INVITE that travel on in contacts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pass_headers: Vec<String>,
    /// Announcement name → SIP URI.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub announcements: BTreeMap<String, String>,
    pub listeners: Vec<Listener>,
    /// Switches that may hand over records; empty admits every source name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub record_sources: Vec<RecordSource>,
}

/// Where destinations are reached; redirect contacts are built on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trunk {
    pub host: String,
    pub port: u16,
    pub transport: Transport,
    pub number_format: NumberFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Transport {
    Udp,
    Tcp,
}

/// How destination numbers are written in contacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NumberFormat {
    /// `01088880001`, `13800138000`
    National,
    /// `+861088880001`
    E164,
}

/// How the 400 number travels on with a redirected call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OriginalCalled {
    None,
    /// RFC 5806
    Diversion,
    /// RFC 7044
    HistoryInfo,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listener {
    pub name: String,
    pub protocol: Protocol,
    /// 0 lets the system choose.
    pub port: u16,
    /// Networks admitted, in CIDR form.
    pub peers: Vec<String>,
    /// Reply to the source port even where the request did not ask by `rport`.
    pub force_rport: bool,
    /// The gateway names a token for this listener; whoever has none to compare with admits nobody.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asks_token: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Protocol {
    #[serde(rename = "UDP")]
    Udp,
    #[serde(rename = "TCP")]
    Tcp,
    #[serde(rename = "TLS")]
    Tls,
    #[serde(rename = "HTTP")]
    Http,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordSource {
    pub name: String,
    /// `Neutral`, `FreeSwitchJson`, `KamailioAcc` or `AsteriskCsv`.
    pub format: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number_field: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_field: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_field: Option<String>,
    /// `CallFlow` or `OwnRecords`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legs: Option<String>,
}
