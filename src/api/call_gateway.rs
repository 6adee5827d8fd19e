//! `CallGateway` (cgw): where calls come in, where they are sent, and who may attach numbers. The platform's.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::allowed_namespaces::{
    AllowedNamespaces, LabelOperator, LabelRequirement, NamespaceSelector, NamespacesFrom,
};
pub use super::call_gateway_status::{CallGatewayStatus, ListenerAddress, PlanStatus, WorkerStatus};
use super::refs::{LocalRef, ObjectKey, SecretKeyRef};
use super::scalars;
use super::schema::{closed_set, keyed, rule, set_of};

/// What the platform team asks of a gateway.
#[derive(CustomResource, Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "fourhundred.io",
    version = "v1alpha1",
    kind = "CallGateway",
    plural = "callgateways",
    shortname = "cgw",
    category = "fourhundred",
    namespaced,
    status = "CallGatewayStatus",
    derive = "PartialEq",
    doc = "A gateway: listeners for calls, call records and questions, the trunk that reaches destinations, the workers and the ledger behind them, and the namespaces whose numbers may attach.",
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode"),
    printcolumn(name = "Numbers", type_ = "integer", json_path = ".status.attachedNumbers", description = "Numbers attached"),
    printcolumn(name = "Loaded", type_ = "integer", json_path = ".status.plan.loadedBy", description = "Routers that serve the newest plan"),
    printcolumn(name = "Of", type_ = "integer", json_path = ".status.plan.of", description = "Ready routers"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason", priority = 1),
    printcolumn(name = "Plan", type_ = "string", json_path = ".status.plan.digest", priority = 1),
    printcolumn(name = "Ledger", type_ = "string", json_path = ".status.conditions[?(@.type==\"LedgerAvailable\")].status", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.metadata.name.size() <= 40").message("shorten metadata.name to at most 40 characters: names of Services and ConfigMaps are built from it")
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rule(
    "!has(self.workers) || !has(self.workers.biller) || !has(self.workers.biller.replicas) || self.workers.biller.replicas <= 1 || (has(self.ledger) && self.ledger.type == 'PostgreSQL')",
    "set workers.biller.replicas to 1 or ledger.type to PostgreSQL: one SQLite file has one writer"
))]
#[schemars(transform = rule(
    "!has(self.ledger) || !has(self.ledger.volume) || (has(self.workers) && has(self.workers.runtime) && self.workers.runtime == 'Deployment')",
    "remove ledger.volume or set workers.runtime to Deployment: embedded workers keep the file in the operator's data folder"
))]
pub struct CallGatewaySpec {
    /// How calls are answered. Redirect when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<GatewayMode>,
    /// Sockets on which the gateway is reached.
    #[schemars(transform = keyed("name", 1, 16))]
    pub listeners: Vec<Listener>,
    /// Where destinations are reached; redirect contacts are built on it.
    pub trunk: Trunk,
    /// How the 400 number travels on with a redirected call. None when absent, since some trunks bar or bill on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_called: Option<OriginalCalled>,
    /// Header fields of the INVITE that travel on with a redirected call, as header fields of the contacts' URIs (RFC 3261
    /// §19.1.1): those of X- and P- names, User-to-User, Subject, Priority, Alert-Info and Call-Info may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = set_of(scalars::passed_header, 0, 16))]
    pub pass_headers: Vec<String>,
    /// Announcements that numbers may name, each with the SIP URI that plays it. A name that is not listed is asked of
    /// the trunk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = keyed("name", 0, 64))]
    pub announcements: Vec<Announcement>,
    /// Namespaces whose numbers may attach. The gateway's own when absent. The namespace must also belong to a
    /// verified Tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_namespaces: Option<AllowedNamespaces>,
    /// The programs that serve this gateway. Embedded when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers: Option<Workers>,
    /// The durable book of calls and money. SQLite when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<Ledger>,
    /// How switches hand over call records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_records: Option<CallRecords>,
}

/// How calls are answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = closed_set)]
pub enum GatewayMode {
    /// An INVITE is answered 302 with the destinations in order, statelessly.
    #[default]
    Redirect,
    /// Calls pass through the gateway, which forks, queues and counts them. Not served yet: NotYetSupported.
    Proxy,
}

/// A socket on which the gateway is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(
    transform = rule(
        "self.protocol == 'HTTP' || (has(self.peers) && self.peers.size() > 0)",
        "list in peers the networks that may send calls to a UDP, TCP or TLS listener: an empty list would admit nobody"
    ),
    transform = rule("(self.protocol == 'TLS') == has(self.certificateSecretRef)", "give certificateSecretRef with protocol TLS, and only then"),
    transform = rule("!has(self.tokenSecretRef) || self.protocol == 'HTTP'", "remove tokenSecretRef: only an HTTP listener asks for a token"),
    transform = rule("!has(self.forceRport) || self.protocol == 'UDP'", "remove forceRport: only a UDP listener chooses the port of its replies")
)]
pub struct Listener {
    /// Name of the listener, unique in the gateway.
    #[schemars(schema_with = "scalars::item_name")]
    pub name: String,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// Port, 0 for one of the system's choice; the real one stands in status.addresses.
    #[schemars(range(min = 0, max = 65535))]
    pub port: i32,
    /// Networks in CIDR form from which requests are taken; on UDP, TCP and TLS others are dropped without an
    /// answer, on HTTP they guard questions about routes (`/v1/route`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = set_of(scalars::network, 0, 64))]
    pub peers: Vec<String>,
    /// Certificate of a TLS listener: a Secret of type kubernetes.io/tls in the gateway's namespace. A new certificate in
    /// it is shown to new connections at once; one that cannot be used changes nothing and is told on the status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_secret_ref: Option<LocalRef>,
    /// Token that guards questions about routes on an HTTP listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_secret_ref: Option<SecretKeyRef>,
    /// Whether replies go to the source port even where the request did not ask by `rport`. True when absent: a UDP
    /// Service needs it. False follows RFC 3261 §18.2.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_rport: Option<bool>,
}

/// What is spoken on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = closed_set)]
pub enum Protocol {
    /// SIP over UDP.
    #[serde(rename = "UDP")]
    Udp,
    /// SIP over TCP.
    #[serde(rename = "TCP")]
    Tcp,
    /// SIP over TLS over TCP, with the certificate that certificateSecretRef names.
    #[serde(rename = "TLS")]
    Tls,
    /// Decisions, call records, usage and plan over HTTP.
    #[serde(rename = "HTTP")]
    Http,
}

/// Where destinations are reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trunk {
    /// Host name or address of the switch or trunk. Not one of the gateway's own listeners.
    #[schemars(schema_with = "scalars::host")]
    pub host: String,
    /// Port. 5060 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,
    /// Transport. UDP when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<Transport>,
    /// How destinations are written in contacts. National when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number_format: Option<NumberFormat>,
}

/// Transport of SIP messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Transport {
    #[default]
    Udp,
    Tcp,
}

/// How destination numbers are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = closed_set)]
pub enum NumberFormat {
    /// As dialled at home, such as 01088880001 or 13800138000.
    #[default]
    National,
    /// With plus and country, such as +861088880001.
    E164,
}

/// How the 400 number travels on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = closed_set)]
pub enum OriginalCalled {
    /// Not at all.
    #[default]
    None,
    /// In a Diversion header (RFC 5806).
    Diversion,
    /// In a History-Info header (RFC 7044).
    HistoryInfo,
}

/// An announcement that numbers may name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Announcement {
    /// Name by which rules ask for it.
    #[schemars(schema_with = "scalars::item_name")]
    pub name: String,
    /// SIP URI that plays it, such as sip:busy@10.0.3.30.
    #[schemars(schema_with = "scalars::sip_uri")]
    pub uri: String,
}

/// The programs that serve a gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rule(
    "(has(self.runtime) && self.runtime == 'Deployment') || ((!has(self.router) || !has(self.router.replicas) || self.router.replicas <= 1) && (!has(self.biller) || !has(self.biller.replicas) || self.biller.replicas <= 1))",
    "set replicas to 1 or runtime to Deployment: embedded workers live inside the one operator process"
))]
pub struct Workers {
    /// Where they run. Embedded when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<Runtime>,
    /// Routers answer calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router: Option<WorkerPool>,
    /// Billers take call records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub biller: Option<WorkerPool>,
}

/// Where workers run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = closed_set)]
pub enum Runtime {
    /// Inside the operator: a laptop, a test, a small installation.
    #[default]
    Embedded,
    /// As Deployments of their own. Not served yet: NotYetSupported.
    Deployment,
}

/// How many workers of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerPool {
    /// Number of pods. 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub replicas: Option<i32>,
}

/// The durable book of calls and money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(
    transform = rule("(self.type == 'PostgreSQL') == has(self.urlSecretRef)", "give urlSecretRef with type PostgreSQL, and only then"),
    transform = rule("!has(self.volume) || self.type == 'SQLite'", "remove volume: it is the place of a SQLite file")
)]
pub struct Ledger {
    /// Which database.
    #[serde(rename = "type")]
    pub type_: LedgerType,
    /// Connection URL of the PostgreSQL database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_secret_ref: Option<SecretKeyRef>,
    /// Volume of the SQLite file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<LedgerVolume>,
}

/// Which database holds the ledger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = closed_set)]
pub enum LedgerType {
    /// A file: embedded workers, or one biller with a volume.
    #[default]
    #[serde(rename = "SQLite")]
    Sqlite,
    /// A server: needed by more than one biller. Not served yet: NotYetSupported.
    #[serde(rename = "PostgreSQL")]
    Postgresql,
}

/// Volume of a SQLite ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LedgerVolume {
    /// Size, such as 10Gi.
    #[schemars(schema_with = "scalars::quantity")]
    pub size: String,
    /// StorageClass. The cluster's default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::object_name")]
    pub storage_class: Option<String>,
}

/// How switches hand over call records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallRecords {
    /// Token (bearer, or password of Basic) that a switch presents. Without it the intake is off and a condition says
    /// so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_secret_ref: Option<SecretKeyRef>,
    /// Switches that may hand over records. When the list is not empty, a record from another source is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = keyed("name", 0, 64))]
    pub sources: Vec<RecordSource>,
}

/// A switch that hands over call records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rule(
    "(has(self.format) && self.format != 'Neutral') || !(has(self.timeZone) || has(self.numberField) || has(self.callerField) || has(self.destinationField))",
    "remove timeZone and the fields, or name the switch's own format: Neutral records say zone and numbers themselves"
))]
#[schemars(transform = rule(
    "!has(self.legs) || (has(self.format) && self.format == 'FreeSwitchJson')",
    "remove legs: only FreeSwitchJson has two ways to tell of them"
))]
pub struct RecordSource {
    /// Name that its records bear as `source`.
    #[schemars(schema_with = "scalars::item_name")]
    pub name: String,
    /// Form of its records. Neutral when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<RecordFormat>,
    /// Zone of times without offset in the switch's own form, such as UTC where cdr.conf has usegmtime=yes. Asia/Shanghai
    /// when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::time_zone")]
    pub time_zone: Option<String>,
    /// Field of the switch's own form that holds the 400 number, such as variables.sip_h_X-Original-Called. When absent:
    /// the number the caller dialled (FreeSwitchJson), dst_ouser (KamailioAcc), dst (AsteriskCsv).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::free_text::<128>")]
    pub number_field: Option<String>,
    /// Field that holds the caller's number. When absent: the caller profile's (FreeSwitchJson), src_user (KamailioAcc),
    /// src (AsteriskCsv).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::free_text::<128>")]
    pub caller_field: Option<String>,
    /// Field that holds whom an attempt went to. When absent: the called profile's number (FreeSwitchJson), dst_user
    /// (KamailioAcc), the number that Dial was told (AsteriskCsv).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::free_text::<128>")]
    pub destination_field: Option<String>,
    /// Where a FreeSWITCH's attempts are read from. CallFlow when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legs: Option<RecordLegs>,
}

/// Where a FreeSWITCH's attempts are read from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = closed_set)]
pub enum RecordLegs {
    /// The call flow of the caller's record tells whom the caller spoke to; records of B-legs are passed over. A dialplan
    /// entry that bridges twice tells of the second only.
    #[default]
    CallFlow,
    /// Each B-leg's own record (log-b-leg=true) is an attempt, also one that failed.
    OwnRecords,
}

/// Form of call records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = closed_set)]
pub enum RecordFormat {
    /// The form of this project.
    #[default]
    Neutral,
    /// FreeSWITCH mod_json_cdr.
    FreeSwitchJson,
    /// Kamailio acc_json: CDRs, and transactions that failed.
    KamailioAcc,
    /// Asterisk cdr_csv, with loguniqueid=yes.
    AsteriskCsv,
}

impl CallGateway {
    /// Where the gateway stands.
    pub fn key(&self) -> ObjectKey {
        ObjectKey::new(
            self.metadata.namespace.clone().unwrap_or_default(),
            self.metadata.name.clone().unwrap_or_default(),
        )
    }
}

impl CallGatewaySpec {
    pub fn mode(&self) -> GatewayMode {
        self.mode.unwrap_or_default()
    }

    pub fn runtime(&self) -> Runtime {
        self.workers.as_ref().and_then(|workers| workers.runtime).unwrap_or_default()
    }

    pub fn ledger_type(&self) -> LedgerType {
        self.ledger.as_ref().map(|ledger| ledger.type_).unwrap_or_default()
    }

    pub fn original_called(&self) -> OriginalCalled {
        self.original_called.unwrap_or_default()
    }

    /// Which namespaces may attach; the gateway's own when nothing is said.
    pub fn namespaces_from(&self) -> NamespacesFrom {
        self.allowed_namespaces.as_ref().map(|allowed| allowed.from).unwrap_or_default()
    }
}

impl Listener {
    pub fn force_rport(&self) -> bool {
        self.force_rport.unwrap_or(true)
    }
}

impl Trunk {
    pub const DEFAULT_PORT: i32 = 5060;

    pub fn port(&self) -> i32 {
        self.port.unwrap_or(Self::DEFAULT_PORT)
    }

    pub fn transport(&self) -> Transport {
        self.transport.unwrap_or_default()
    }

    pub fn number_format(&self) -> NumberFormat {
        self.number_format.unwrap_or_default()
    }
}
